/* What the store holds as a record's body: any bytes come out as themselves, as at most as many as were promised, or not at all; what a start is given of them begins as the whole does.
 * And what is packed comes out again. */
#include "connectors/store/redis_body.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_stored(struct span stored)
{
    static struct redis_body b, other; /* as a connection has them: for many bodies */
    struct span whole, standing;
    struct err err;
    enum err_code code = redis_body_unpack_standing(&other, stored, &standing, &err);
    if (redis_body_unpack(&b, stored, &whole, &err) != OK)
        return;
    require(stored.bytes == 0 || stored.at[0] == 'z' || span_equal(whole, stored));
    if (code != OK) /* a mark that lies */
        return;
    require(standing.bytes <= whole.bytes + 1);
    bool all = span_equal(standing, whole);
    require(all || (standing.bytes > 0 && standing.at[standing.bytes - 1] == '}' && span_equal(span_slice(standing, 0, standing.bytes - 1), span_slice(whole, 0, standing.bytes - 1))));
}

static void try_body(struct span body)
{
    static struct redis_body b, other;
    struct span packed, out;
    struct err err;
    if (body.bytes == 0 || body.bytes > 65536 || body.at[0] != '{' || span_starts(body, SPAN_LITERAL("{\"facts_at\":"))) /* nobody above the store writes that */
        return;
    require(redis_body_pack(&b, RECORD_DEVICE, body, &packed, &err) == OK);
    require(redis_body_unpack(&other, packed, &out, &err) == OK && span_equal(out, body));
    require(redis_body_unpack_standing(&other, packed, &out, &err) == OK && out.bytes <= body.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_stored(span_make(data, size));
    try_body(span_make(data, size));
    return 0;
}
