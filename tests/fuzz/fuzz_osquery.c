/* Any bytes as each of the agent's bodies: read or refused; whatever was read lies within its bounds and can be walked and written. */
#include "connectors/agents/osquery.h"

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

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_rows(const struct from_json_value *rows)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 64 * 1024 * 1024);
    require(from_json_kind(rows) == FROM_JSON_ARRAY && from_json_write(rows, &text));
}

static void read_small(struct span text)
{
    CLEANUP(osquery_body_done) struct osquery_body one = { 0 };
    CLEANUP(osquery_body_done) struct osquery_body two = { 0 };
    struct span key = SPAN_NONE, peeked = osquery_peek_key(text);
    struct osquery_enrolment said;
    require(peeked.bytes <= OSQUERY_KEY_BYTES);
    if (osquery_read_key(text, &one, &key, NULL) == OK)
        require(key.bytes <= OSQUERY_KEY_BYTES && (span_empty(peeked) || span_equal(peeked, key)));
    if (osquery_read_enrolment(text, &two, &said, NULL) != OK)
        return;
    require(said.serial.bytes <= OSQUERY_TEXT_BYTES && span_is_utf8(said.serial) && span_is_utf8(said.computer_name) && said.platform < PLATFORM_COUNT);
    (void)osquery_is_virtual(said.vendor, said.model);
}

static void read_answers(struct span text, struct arena *arena)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct osquery_answers got;
    if (osquery_read_answers(text, arena, &body, &got, NULL) != OK)
        return;
    require(got.count <= OSQUERY_MAX_ANSWERS && got.node_key.bytes <= OSQUERY_KEY_BYTES);
    for (size_t i = 0; i < got.count; i++)
        if (!got.all[i].failed)
            require_rows(&got.all[i].rows);
}

static void read_log(struct span text, struct arena *arena)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct osquery_log got;
    struct span prefix = SPAN_LITERAL("postern/");
    if (osquery_read_log(text, prefix, arena, &body, &got, NULL) != OK)
        return;
    require(got.count <= OSQUERY_MAX_LINES && got.count + got.dropped <= got.lines);
    for (size_t i = 0; i < got.count; i++) {
        require(got.sets[i].unix_s > 0 && span_starts(got.sets[i].name, prefix));
        require_rows(&got.sets[i].rows);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(arena_done) struct arena arena;
    struct span text = span_make(data, bytes);
    arena_init(&arena, 64 * 1024, 64 * 1024 * 1024);
    read_small(text);
    read_answers(text, &arena);
    read_log(text, &arena);
    return 0;
}
