/* Any bytes: parsed or refused, as jansson does; what is parsed can be walked, read by every type, written as jansson writes it, and parsed again. */
#include "posture/base/buf.h"
#include "posture/base/from_json.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_object_seed(1); /* the same input takes the same way each time */
    return 0;
}

static const struct from_json_limits limits = { 64 * 1024, 16 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_every_type(const struct from_json_value *v)
{
    struct err err;
    struct span text = SPAN_NONE;
    int64_t number = 5;
    bool yes;
    if (from_json_text(v, 10, &text, &err) == OK)
        require(text.bytes <= 10 && span_is_utf8(text) && span_find(text, '\0') == text.bytes);
    if (from_json_int(v, -10, 10, &number, &err) == OK)
        require(number >= -10 && number <= 10);
    require(from_json_bool(v, &yes, &err) != OK || from_json_kind(v) == FROM_JSON_BOOL);
    require(from_json_int_lenient(v, &number, &err) == OK || err.code == ERR_INPUT);
    require(from_json_only(v, (const char *const[]){ "subject", "a", NULL }, &err) == OK || err.code == ERR_INPUT);
}

static void walk(const struct from_json_value *v)
{
    read_every_type(v);
    void *iterator = NULL;
    const char *key;
    struct from_json_value member;
    while (from_json_each(v, &iterator, &key, &member))
        walk(&member);
    for (size_t i = 0; from_json_kind(v) == FROM_JSON_ARRAY && i < from_json_count(v); i++) {
        struct from_json_value item = from_json_item(v, i);
        walk(&item);
    }
}

static void write_and_parse_again(const struct from_json_value *root)
{
    CLEANUP(buf_done) struct buf text;
    CLEANUP(from_json_freep) struct from_json *again = NULL;
    buf_init(&text, 16 * limits.max_bytes);
    require(from_json_write(root, &text));
    struct from_json_limits wide = { text.limit_bytes, limits.max_depth };
    require(from_json_parse(buf_span(&text), wide, "again", &again, NULL) == OK);
}

/* Nesting as the limit counts it: outside of texts. */
static unsigned deepest(struct span text)
{
    unsigned depth = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > most)
            most = depth;
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return most;
}

/* The same verdict, and the same values in the same order. */
static void agree(struct span text, const struct from_json *doc)
{
    CLEANUP(buf_done) struct buf ours;
    json_error_t error;
    buf_init(&ours, 16 * limits.max_bytes);
    if (text.bytes == 0 || text.bytes > limits.max_bytes || span_find(text, '\0') < text.bytes || deepest(text) > limits.max_depth)
        return;
    json_t *root = json_loadb(text.at, text.bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    require((root != NULL) == (doc != NULL));
    if (doc == NULL)
        return;
    struct from_json_value value = from_json_root(doc);
    require(from_json_write(&value, &ours));
    char *theirs = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
    require(theirs != NULL && span_equal_text(buf_span(&ours), theirs));
    free(theirs);
    json_decref(root);
}

/* What can be read whole can be read without a member, too. */
static void leave_out(struct span text)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    require(from_json_parse_without(NULL, text, SPAN_LITERAL("a"), limits, "body", &doc, NULL) == OK);
    struct from_json_value root = from_json_root(doc), member = from_json_member(&root, "a");
    require(from_json_kind(&member) != FROM_JSON_ARRAY);
    walk(&root);
    write_and_parse_again(&root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err = { 0 };
    enum err_code code = from_json_parse(span_make(data, bytes), limits, "body", &doc, &err);
    agree(span_make(data, bytes), doc);
    if (code != OK) {
        require(doc == NULL && err.text[0] != '\0');
        return 0;
    }
    struct from_json_value root = from_json_root(doc);
    walk(&root);
    write_and_parse_again(&root);
    leave_out(span_make(data, bytes));
    return 0;
}
