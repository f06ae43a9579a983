#include "gateway/archive_head.h"

#include "gateway/effects_reader.h"
#include "gateway/signing_ring.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_BYTES = 4096, CLAIMS_BYTES = 8192 };

void archive_head_write(const struct archive_head *head, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_int(&w, "seq", (int64_t)head->at.seq);
    to_json_member_text(&w, "hash", span_of(head->at.hash));
    to_json_member_int(&w, "segment", (int64_t)head->segment);
    to_json_member_int(&w, "bytes", (int64_t)head->bytes);
    to_json_member_text(&w, "day", span_of(head->day));
    to_json_member_text(&w, "file", span_of(head->file));
    to_json_member_bool(&w, "closed", head->closed);
    to_json_end(&w);
}

static enum err_code read_text(const struct from_json_value *root, const char *key, char *out, size_t room, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(&v, room - 1, &text, err);
    if (code == OK)
        snprintf(out, room, "%.*s", SPAN_ARGS(text));
    return code;
}

static enum err_code read_number(const struct from_json_value *root, const char *key, uint64_t *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    int64_t number = 0;
    enum err_code code = from_json_int(&v, 0, INT64_MAX, &number, err);
    *out = (uint64_t)number;
    return code;
}

enum err_code archive_head_read(struct span text, struct archive_head *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct archive_head head = { .closed = false };
    enum err_code code = from_json_parse(text, (struct from_json_limits){ HEAD_BYTES, 4 }, "the archive's head", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), closed = from_json_member(&root, "closed");
    const struct { const char *key; uint64_t *to; } numbers[] = { { "seq", &head.at.seq }, { "segment", &head.segment }, { "bytes", &head.bytes } };
    const struct { const char *key; char *to; size_t room; } texts[] = { { "hash", head.at.hash, sizeof head.at.hash }, { "day", head.day, sizeof head.day }, { "file", head.file, sizeof head.file } };
    for (size_t i = 0; code == OK && i < sizeof numbers / sizeof numbers[0]; i++)
        code = read_number(&root, numbers[i].key, numbers[i].to, err);
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++)
        code = read_text(&root, texts[i].key, texts[i].to, texts[i].room, err);
    if (code == OK)
        code = from_json_bool(&closed, &head.closed, err);
    if (code == OK)
        *out = head;
    return code;
}

struct loading { struct archive_head head; struct arena arena; struct err *err; enum err_code code; };

static bool take_item(void *context, const struct outbox_item *stored)
{
    struct loading *l = context;
    struct effects_item item;
    if (!span_equal_text(stored->id, ARCHIVE_HEAD_ITEM))
        return true;
    l->code = effects_item_read(stored->id, stored->body, stored->due_ms, &l->arena, &item, l->err);
    if (l->code == OK)
        l->code = archive_head_read(item.payload, &l->head, l->err);
    return false;
}

enum err_code archive_head_load(struct store *store, unsigned partition, struct archive_head *out, struct err *err)
{
    struct loading l = { .err = err, .code = err_set(err, ERR_NOT_FOUND, "nothing was archived of partition %u yet", partition) };
    arena_init(&l.arena, 4096, 64 * 1024);
    enum err_code code = store->ops->outbox(store, SPAN_LITERAL(ARCHIVE_READER), partition, INT64_MAX, 8, take_item, &l, err);
    if (code == OK && l.code == OK)
        *out = l.head;
    arena_done(&l.arena);
    return code == OK ? l.code : code;
}

enum err_code archive_head_sign(const struct node *node, const struct archive_statement *s, struct buf *jws, struct err *err)
{
    CLEANUP(buf_done) struct buf claims;
    struct to_json w;
    struct archive_statement full = *s;
    full.issuer = node->options.public_url;
    full.at_s = clock_wall_s(node->clock);
    buf_init(&claims, CLAIMS_BYTES);
    to_json_init(&w, &claims);
    archive_statement_write(&full, &w);
    enum err_code code = buf_check(&claims, "a statement of the archive", err);
    return code == OK ? signing_sign_archive(node, buf_span(&claims), SPAN_LITERAL(ARCHIVE_STATEMENT_TYPE), jws, err) : code;
}
