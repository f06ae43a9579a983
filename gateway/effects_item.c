/* How an outbox item is written down. Its members are short: thousands may wait. */
#include "gateway/effects_reader.h"

enum { NUMBER_MOST = 1000000, ITEM_DEPTH = 4 };

bool effects_item_write(const struct effects_item *item, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text_if(&w, "state", item->set_aside ? SPAN_LITERAL("set_aside") : SPAN_NONE);
    to_json_member_text_if(&w, "type", item->type);
    to_json_member_text_if(&w, "person", item->person);
    to_json_member_int_if(&w, "first_ms", item->first_ms);
    to_json_member_int_if(&w, "begun_ms", item->begun_ms);
    to_json_member_int_if(&w, "ended_ms", item->ended_ms);
    to_json_member_int_if(&w, "tries", item->tries);
    to_json_member_text_if(&w, "error", item->error);
    to_json_member_int_if(&w, "sends", item->sends);
    to_json_member_int_if(&w, "reads", item->reads);
    to_json_member_int_if(&w, "resends", item->resends);
    to_json_member_int_if(&w, "unclear", item->unclear);
    to_json_member_int_if(&w, "asked", item->asked);
    to_json_member_text_if(&w, "payload", item->payload);
    to_json_end(&w);
    return !out->failed;
}

static enum err_code read_number(const struct from_json_value *root, const char *key, unsigned *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    int64_t number = 0;
    enum err_code code = from_json_int_opt(&v, 0, NUMBER_MOST, &number, err);
    *out = (unsigned)number;
    return code;
}

static enum err_code read_text(const struct from_json_value *root, const char *key, struct arena *arena, struct span *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text_opt(&v, ITEM_BODY_BYTES, &text, err);
    *out = arena_copy(arena, text);
    return code == OK && out->bytes != text.bytes ? err_set(err, ERR_MEMORY, "an outbox item") : code;
}

static enum err_code read_members(const struct from_json_value *root, struct arena *arena, struct effects_item *item, struct err *err)
{
    unsigned unclear = 0, asked = 0;
    struct span state = SPAN_NONE;
    const struct { const char *key; struct span *to; } texts[] = { { "state", &state }, { "type", &item->type }, { "person", &item->person }, { "error", &item->error }, { "payload", &item->payload } };
    const struct { const char *key; unsigned *to; } numbers[] = { { "tries", &item->tries }, { "sends", &item->sends }, { "reads", &item->reads },
                                                                   { "resends", &item->resends }, { "unclear", &unclear }, { "asked", &asked } };
    const struct { const char *key; int64_t *to; } times[] = { { "first_ms", &item->first_ms }, { "begun_ms", &item->begun_ms }, { "ended_ms", &item->ended_ms } };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof times / sizeof times[0]; i++) {
        struct from_json_value v = from_json_member(root, times[i].key);
        code = from_json_int_opt(&v, 0, INT64_MAX, times[i].to, err);
    }
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++)
        code = read_text(root, texts[i].key, arena, texts[i].to, err);
    for (size_t i = 0; code == OK && i < sizeof numbers / sizeof numbers[0]; i++)
        code = read_number(root, numbers[i].key, numbers[i].to, err);
    item->set_aside = span_equal_text(state, "set_aside");
    item->unclear = unclear != 0;
    item->asked = asked != 0;
    return code;
}

enum err_code effects_item_read(struct span id, struct span body, int64_t due_ms, struct arena *arena, struct effects_item *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct effects_item item = { .id = arena_copy(arena, id), .due_ms = due_ms };
    enum err_code code = from_json_parse(body, (struct from_json_limits){ ITEM_BODY_BYTES, ITEM_DEPTH }, "outbox item", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = from_json_object(&root, err);
    if (code == OK)
        code = read_members(&root, arena, &item, err);
    if (code == OK)
        *out = item;
    return code;
}
