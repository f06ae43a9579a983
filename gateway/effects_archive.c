/* The archive as a reader of the log: each entry that is evidence becomes a line of its partition's chain. The lines are on the disk before the cursor
 * passes their entries, and the head (where the chain stands) moves with the cursor in one step of the store: after a crash the file is cut back to
 * what the head says and the entries are read again, so that none is lost and none is there twice. */
#include "gateway/effects_archive.h"

#include "gateway/archive_keys.h"

#include "posture/archive_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_OUT_BYTES = 1024 * 1024, DAY_LATENESS_S = 600 /* entries of the old day may still come */, RETRY_MS = 1000, LINE_BYTES = ARCHIVE_LINE_BYTES, HEAD_BYTES = 4096 };

struct archive_effect { struct archive_writer writer; struct archive_chain_state *chains; };

/* Whatever it was, the entry must not be passed over: it is read again, from the store's own word of where the chain stands. */
static enum err_code begin_again(struct archive_effect *a, struct archive_chain_state *c, struct err *err)
{
    c->retry_ms = clock_mono_ms(a->writer.node->clock) + RETRY_MS;
    archive_chain_drop(c);
    return err->code = ERR_UNAVAILABLE;
}

static bool is_resting(const struct archive_effect *a, const struct archive_chain_state *c) { return !c->loaded && clock_mono_ms(a->writer.node->clock) < c->retry_ms; }

/* The state goes with the stored cursor; a cursor that is elsewhere was moved by another node, or did not take our last move. */
static enum err_code get_ready(struct archive_effect *a, struct reader *r, unsigned partition, struct err *err)
{
    struct archive_chain_state *c = &a->chains[partition];
    const struct log_position *cursor = &r->partitions[partition].cursor;
    if (c->loaded && strcmp(c->cursor.text, cursor->text) == 0)
        return OK;
    if (is_resting(a, c))
        return err_set(err, ERR_UNAVAILABLE, "the archive waits after a failure");
    enum err_code code = archive_chain_load(&a->writer, r->store, partition, c, err);
    c->cursor = *cursor;
    return code;
}

/* ---- an entry ---- */

struct keys { struct archive_effect *a; struct store *store; enum err_code trouble; struct err *err; };

static bool key_of(void *context, struct span person, struct archive_key *out)
{
    struct keys *k = context;
    enum err_code code = archive_keys_of(k->a->writer.node, k->store, person, out, k->err);
    if (code != OK && code != ERR_NOT_FOUND)
        k->trouble = code;
    return code == OK;
}

static bool is_ladder_group(void *context, struct span group)
{
    const struct keys *k = context;
    const struct directory *d = k->a->writer.node->directory;
    bool found = false;
    directory_enter(d);
    const struct policy *policy = directory_control(d)->policy;
    for (size_t i = 0; policy != NULL && i < policy->ladder_count && !found; i++)
        for (size_t g = 0; g < policy->ladders[i].group_count && !found; g++)
            found = span_equal(policy->ladders[i].groups[g], group) && !span_equal_text(group, "everyone");
    directory_leave(d);
    return found;
}

/* What cannot be written as it should be (a record that cannot be read) is still said to have happened. */
static enum err_code write_line(struct archive_chain_state *c, const struct archive_source *source, struct keys *keys, struct err *err)
{
    struct to_json line;
    size_t from = 0, before = c->pending.bytes;
    archive_line_begin(&c->head.at, ARCHIVE_RECORD, &c->pending, &from, &line);
    enum err_code code = archive_record_write(source, &line, err);
    if (keys->trouble != OK) {
        c->pending.bytes = before;
        return keys->trouble;
    }
    if (code == OK && !c->pending.failed && c->pending.bytes - before < LINE_BYTES - 1024)
        return archive_line_end(&c->head.at, &c->pending, from, &line) ? OK : err_set(err, ERR_MEMORY, "a line of the archive");
    c->pending.bytes = before;
    c->pending.failed = false;
    archive_line_begin(&c->head.at, ARCHIVE_RECORD, &c->pending, &from, &line);
    to_json_member_text(&line, "id", source->event->id);
    to_json_key(&line, "at");
    to_json_time(&line, source->event->at_ms / 1000);
    to_json_member_text(&line, "type", source->event->type);
    to_json_member_text(&line, "unreadable", code == OK ? SPAN_LITERAL("too long") : span_of(err->text));
    return archive_line_end(&c->head.at, &c->pending, from, &line) ? OK : err_set(err, ERR_MEMORY, "a line of the archive");
}

static enum err_code add_record(struct archive_effect *a, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct archive_chain_state *c = &a->chains[e->partition];
    struct keys keys = { a, r->store, OK, err };
    struct archive_source source = { .event = &e->event, .kind = e->kind, .record = e->record, .body = e->body, .key = key_of, .is_ladder_group = is_ladder_group, .context = &keys };
    char day[ARCHIVE_DAY_BYTES + 1];
    if (!archive_record_wanted(&source))
        return OK;
    archive_day(strtoll(e->position.text, NULL, 10) / 1000, day);
    enum err_code code = archive_chain_open_day(&a->writer, c, r->partition_count, day, err);
    if (code != OK)
        return code;
    size_t before = c->pending.bytes;
    code = write_line(c, &source, &keys, err);
    if (code != OK)
        return code;
    c->head.bytes += c->pending.bytes - before;
    c->records++;
    c->moved = true;
    return c->pending.bytes > WRITE_OUT_BYTES ? archive_chain_sync(c, err) : OK;
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct archive_effect *a = self;
    struct archive_chain_state *c = &a->chains[e->partition];
    enum err_code code = get_ready(a, r, e->partition, err);
    if (code == OK)
        code = add_record(a, r, e, err);
    if (code != OK)
        return begin_again(a, c, err);
    c->last = e->position;
    return OK;
}

/* ---- the head ---- */

static struct effects_item head_item(const struct archive_chain_state *c, struct buf *payload)
{
    archive_head_write(&c->head, payload);
    return (struct effects_item){ .id = SPAN_LITERAL(ARCHIVE_HEAD_ITEM), .payload = buf_span(payload), .set_aside = true };
}

static enum err_code settle(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct archive_effect *a = self;
    struct archive_chain_state *c = &a->chains[partition];
    CLEANUP(buf_done) struct buf payload;
    buf_init(&payload, HEAD_BYTES);
    enum err_code code = c->loaded ? archive_chain_sync(c, err) : err_set(err, ERR_UNAVAILABLE, "the archive begins again");
    if (code == OK && c->moved) {
        struct effects_item item = head_item(c, &payload);
        code = reader_queue(r, &item, err);
    }
    if (code != OK)
        return begin_again(a, c, err);
    c->moved = false;
    c->cursor = c->last;
    return OK;
}

/* ---- the clock ---- */

static bool is_day_over(const struct archive_effect *a, const struct archive_chain_state *c)
{
    char day[ARCHIVE_DAY_BYTES + 1];
    archive_day(clock_wall_s(a->writer.node->clock) - DAY_LATENESS_S, day);
    return c->file == NULL || strcmp(c->head.day, day) < 0;
}

/* Every chain has a segment of every day on which somebody looked, empty ones too: a missing one is then seen. */
static enum err_code turn_day(struct archive_effect *a, struct reader *r, unsigned partition, struct err *err)
{
    struct archive_chain_state *c = &a->chains[partition];
    CLEANUP(buf_done) struct buf payload;
    char day[ARCHIVE_DAY_BYTES + 1];
    buf_init(&payload, HEAD_BYTES);
    archive_day(clock_wall_s(a->writer.node->clock), day);
    enum err_code code = archive_chain_open_day(&a->writer, c, r->partition_count, day, err);
    if (code == OK)
        code = archive_chain_sync(c, err);
    if (code != OK)
        return code;
    struct effects_item item = head_item(c, &payload);
    arena_reset(&r->item_arena);
    code = reader_store_item(r, partition, &item, err);
    c->moved = code != OK;
    return code;
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct archive_effect *a = self;
    struct archive_chain_state *c = &a->chains[partition];
    if (is_resting(a, c))
        return OK;
    enum err_code code = get_ready(a, r, partition, err);
    if (code == OK && is_day_over(a, c))
        code = turn_day(a, r, partition, err);
    if (code != OK)
        return begin_again(a, c, err);
    return c->swept ? OK : archive_chain_sweep(&a->writer, c, err);
}

/* ---- life ---- */

static void free_archive(void *self)
{
    struct archive_effect *a = self;
    for (unsigned i = 0; a->chains != NULL && i < READER_PARTITIONS; i++) {
        archive_file_close(a->chains[i].file);
        buf_done(&a->chains[i].pending);
    }
    free(a->chains);
    free(a);
}

enum err_code effects_archive_new(const struct node *node, const struct archive_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops archive_ops = { .entry = take_entry, .settle = settle, .tick = tick, .free = free_archive, .bodies = true };
    struct archive_effect *a = calloc(1, sizeof *a);
    if (a == NULL || (a->chains = calloc(READER_PARTITIONS, sizeof *a->chains)) == NULL) {
        free(a);
        return err_set(err, ERR_MEMORY, "the archive");
    }
    a->writer = (struct archive_writer){ .node = node, .retention_s = options->retention_s, .pack = options->pack };
    if (span_empty(options->folder) || snprintf(a->writer.folder, sizeof a->writer.folder, "%.*s", SPAN_ARGS(options->folder)) >= (int)sizeof a->writer.folder) {
        free_archive(a);
        return err_set(err, ERR_INPUT, "archive.folder is empty or too long");
    }
    *ops = &archive_ops;
    *self = a;
    return OK;
}
