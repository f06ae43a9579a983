/* Any bytes: read or refused. What is read lies inside of what was given, can be walked to its end, and has each key once. */
#include "connectors/identity/cbor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at(struct span in, const struct cbor *value)
{
    require(value->bytes.bytes == 0 || (value->bytes.at >= in.at && value->bytes.at + value->bytes.bytes <= in.at + in.bytes));
    require(value->kind != CBOR_TEXT || span_is_utf8(value->bytes));
    require(value->count <= CBOR_ITEMS_MOST);
    for (size_t i = 0; value->kind == CBOR_ARRAY && i < value->count; i++) {
        struct cbor item;
        unsigned kinds = 0;
        for (enum cbor_kind k = CBOR_INT; k <= CBOR_NULL; k++)
            if (cbor_item(value, i, k, &item)) {
                look_at(in, &item);
                kinds++;
            }
        require(kinds == 1);
    }
    struct cbor member;
    for (int64_t key = -3; key <= 3; key++)
        if (cbor_by_int(value, key, CBOR_MAP, &member))
            look_at(in, &member);
    if (cbor_by_text(value, "fmt", CBOR_TEXT, &member))
        look_at(in, &member);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span in = span_make(data, bytes);
    struct cbor value, again;
    struct err err = { 0 };
    size_t used = 0, used_again = 0;
    if (cbor_read(in, "fuzz", &value, &used, &err) != OK) {
        require(err.text[0] != '\0');
        return 0;
    }
    require(used > 0 && used <= bytes);
    look_at(in, &value);
    require(cbor_read(span_slice(in, 0, used), "again", &again, &used_again, &err) == OK && used_again == used);
    require(cbor_read(span_slice(in, 0, used - 1), "cut", &again, &used_again, &err) != OK); /* no value is the beginning of another */
    return 0;
}
