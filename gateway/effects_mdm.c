#include "gateway/effects_mdm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOOK_DATA_DEPTH = 6, VERSION_BYTES = 65, SCAN_BATCH = 256, STOPPED_PAUSE_MS = 3600 * 1000, BACKOFF_BASE_MS = 10000, BACKOFF_MOST_MS = 900000, PAUSE_MOST_S = 86400 };

/* ---- how calls end ---- */

static int64_t backoff_ms(unsigned failures)
{
    int64_t most = failures < 7 ? (int64_t)BACKOFF_BASE_MS << failures : BACKOFF_MOST_MS;
    uint32_t random = 0;
    secret_random(&random, sizeof random);
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    return most / 2 + (int64_t)random % (most / 2 + 1);
}

/* A manager that is ill for a day must lose nothing: these items are never set aside for their age. */
struct item_result effects_mdm_later(struct reader *r, struct effects_item *item, const struct mdm_result *result)
{
    int64_t after_ms = backoff_ms(item->reads);
    item->reads += item->reads < 1000;
    item->first_ms = clock_wall_ms(r->node->clock);
    item->error = arena_copy_text(&r->item_arena, result->error);
    if (result->retry_after_s >= 0)
        after_ms = (result->retry_after_s < PAUSE_MOST_S ? result->retry_after_s : PAUSE_MOST_S) * 1000;
    if (result->outcome == MDM_STOPPED)
        after_ms = STOPPED_PAUSE_MS; /* somebody has to change something: trying often locks accounts */
    if (result->outcome == MDM_STOPPED || result->outcome == MDM_LATER || result->outcome == MDM_AMBIGUOUS || result->outcome == MDM_GARBLED)
        reader_note_failure(r, result->error);
    if (result->outcome == MDM_STOPPED || result->retry_after_s >= 0)
        reader_pause(r, after_ms);
    log_event(r->node->log, result->outcome == MDM_STOPPED ? LOG_ERROR : LOG_WARN, "mdm.failed", LOG_STR("reader", r->name), LOG_SPAN("item", item->id), LOG_STR("error", result->error),
              LOG_INT("after_ms", after_ms));
    return (struct item_result){ ITEM_LATER, after_ms, false };
}

/* ---- entries ---- */

/* Whoever leads a device to its last rung, or away from it, changes its record. */
static enum err_code look_at_device(struct mdm_reader *m, struct reader *r, const struct reader_entry *e, struct err *err)
{
    char version[24];
    directory_enter(m->node->directory);
    const struct device *d = directory_device(m->node->directory, e->record);
    bool behind = d == NULL || d->version < e->version;
    bool concerns = behind || effects_mdm_concerns(m, d);
    directory_leave(m->node->directory);
    if (!concerns)
        return OK;
    snprintf(version, sizeof version, "%lld", (long long)e->version);
    r->partitions[e->partition].count_again = true; /* it may replace the one that is there */
    struct effects_item item = { .id = e->record, .type = SPAN_LITERAL("mdm.fallback"), .payload = span_of(version), .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}

static bool is_about_fallback(struct span type)
{
    static const char *const types[] = { "rung.changed", "result.changed", "device.owner", "device.removed", "device.mdm", "mdm.retry" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_equal_text(type, types[i]))
            return true;
    return false;
}

/* {"manager": "...", "id": "..."}; no id: the whole list. */
static enum err_code take_hint(struct mdm_reader *m, struct reader *r, const struct reader_entry *e, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span manager = SPAN_NONE, id = SPAN_NONE;
    enum err_code code = from_json_parse(e->event.data, (struct from_json_limits){ EVENT_DATA_BYTES, HOOK_DATA_DEPTH }, "mdm.hint", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), who = from_json_member(&root, "manager"), which = from_json_member(&root, "id");
    if (from_json_text(&who, MDM_ID_BYTES, &manager, err) != OK || from_json_text_opt(&which, MDM_VENDOR_ID_BYTES, &id, err) != OK)
        return err->code;
    if (!span_equal(manager, m->manager->options.id))
        return OK;
    r->partitions[e->partition].count_again = true;
    struct span item_id = span_empty(id) ? SPAN_LITERAL("sync") : arena_format(&r->arena, "get:%.*s", SPAN_ARGS(id));
    struct effects_item item = { .id = item_id, .type = SPAN_LITERAL("mdm.read"), .first_ms = e->event.at_ms, .due_ms = e->event.at_ms, .asked = span_empty(id) };
    return reader_queue(r, &item, err);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct mdm_reader *m = self;
    if (span_equal_text(e->event.type, "mdm.hint"))
        return take_hint(m, r, e, err);
    if (!e->has_record || e->kind != RECORD_DEVICE || !is_about_fallback(e->event.type))
        return OK;
    return look_at_device(m, r, e, err);
}

/* ---- a new policy concerns everybody ---- */

struct scan { struct mdm_reader *m; const struct store *store; unsigned partition; struct { char id[SECRET_ID_BYTES + 1]; } *all; size_t count, room; };

static bool note_concerned(void *context, const struct device *d)
{
    struct scan *s = context;
    if (d->id.bytes > SECRET_ID_BYTES || !effects_mdm_concerns(s->m, d) || s->store->ops->partition_of(s->store, RECORD_DEVICE, d->id) != s->partition)
        return true;
    if (s->count == s->room) {
        size_t room = s->room == 0 ? SCAN_BATCH : 2 * s->room;
        void *more = realloc(s->all, room * sizeof *s->all);
        if (more == NULL)
            return false;
        s->all = more;
        s->room = room;
    }
    memcpy(s->all[s->count].id, d->id.at, d->id.bytes);
    s->all[s->count++].id[d->id.bytes] = '\0';
    return true;
}

static enum err_code scan_partition(struct mdm_reader *m, struct reader *r, unsigned partition, struct err *err)
{
    struct scan s = { .m = m, .store = r->store, .partition = partition };
    enum err_code code = OK;
    directory_enter(m->node->directory);
    directory_each_device(m->node->directory, note_concerned, &s);
    directory_leave(m->node->directory);
    int64_t now_ms = clock_wall_ms(m->node->clock);
    for (size_t i = 0; i < s.count && code == OK && reader_keep(r); i++) {
        struct effects_item item = { .id = span_of(s.all[i].id), .type = SPAN_LITERAL("mdm.fallback"), .first_ms = now_ms, .due_ms = now_ms };
        arena_reset(&r->item_arena);
        code = reader_store_item(r, partition, &item, err);
    }
    free(s.all);
    r->partitions[partition].count_again = r->partitions[partition].dirty_outbox = true;
    return code;
}

static bool policy_version(const struct node *node, char out[VERSION_BYTES])
{
    directory_enter(node->directory);
    const struct policy *policy = directory_control(node->directory)->policy;
    bool any = policy != NULL && directory_counts(node->directory).complete;
    if (any)
        memcpy(out, policy->version, VERSION_BYTES);
    directory_leave(node->directory);
    return any;
}

static bool find_sync(void *context, const struct outbox_item *item)
{
    struct mdm_reader *m = context;
    m->sync_stored = span_equal_text(item->id, "sync");
    return !m->sync_stored;
}

/* The item that reads the list is there from the first start on. */
static enum err_code ensure_sync(struct mdm_reader *m, struct reader *r, unsigned partition, struct err *err)
{
    int64_t now_ms = clock_wall_ms(m->node->clock);
    struct effects_item item = { .id = SPAN_LITERAL("sync"), .type = SPAN_LITERAL("mdm.read"), .first_ms = now_ms, .due_ms = now_ms };
    if (m->sync_stored)
        return OK;
    enum err_code code = r->store->ops->outbox(r->store, span_of(r->name), partition, INT64_MAX, 2 * EFFECTS_WAITING_MOST, find_sync, m, err);
    if (code != OK || m->sync_stored)
        return code;
    arena_reset(&r->item_arena);
    code = reader_store_item(r, partition, &item, err);
    m->sync_stored = code == OK;
    return code;
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct mdm_reader *m = self;
    char version[VERSION_BYTES];
    if (partition + 1 == r->partition_count)
        return ensure_sync(m, r, partition, err);
    if (partition >= m->scanned_count || !policy_version(m->node, version))
        return OK;
    char *scanned = m->scanned + (size_t)partition * VERSION_BYTES;
    if (strcmp(scanned, version) == 0)
        return OK;
    enum err_code code = scan_partition(m, r, partition, err);
    if (code == OK)
        memcpy(scanned, version, VERSION_BYTES);
    return code;
}

/* ---- items ---- */

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct mdm_reader *m = self;
    if (span_equal_text(item->id, "sync"))
        return effects_mdm_sync(m, r, partition, item);
    if (span_starts(item->id, SPAN_LITERAL("get:")))
        return effects_mdm_get(m, r, item);
    return effects_mdm_fallback(m, r, partition, item);
}

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static enum err_code open_manager(void *self, struct reader *r, struct err *err)
{
    struct mdm_reader *m = self;
    struct mdm_options options = m->manager->options;
    options.tick = keep_lease;
    options.tick_context = r;
    m->scanned_count = r->store->ops->partitions(r->store);
    if (m->scanned == NULL && (m->scanned = calloc(m->scanned_count + 1, VERSION_BYTES)) == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(options.id));
    return m->mdm != NULL ? OK : m->manager->ops->open(&options, &m->mdm, err);
}

static void free_manager(void *self)
{
    struct mdm_reader *m = self;
    if (m->mdm != NULL)
        m->manager->ops->free(m->mdm);
    effects_mdm_sweep_done(&m->sweep);
    free(m->scanned);
    free(m);
}

enum err_code effects_mdm_new(const struct node *node, const struct managers *managers, const struct manager *manager, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops mdm_ops = { .open = open_manager, .entry = take_entry, .tick = tick, .send = send_item, .free = free_manager };
    struct mdm *tried = NULL;
    enum err_code code = manager->ops->open(&manager->options, &tried, err); /* thrown away: a mistake is told at the start */
    if (code != OK)
        return code;
    manager->ops->free(tried);
    struct mdm_reader *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(manager->options.id));
    m->node = node;
    m->managers = managers;
    m->manager = manager;
    *ops = &mdm_ops;
    *self = m;
    return OK;
}
