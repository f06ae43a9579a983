/* The control record "mdm.<id>": how the reading of one manager stands, and which of its devices have no record here. */
#include "gateway/managers.h"

#include "gateway/change.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { DEPTH = 6, ID_BYTES = 64 };
#define LAST_S INT64_C(253402300799)

static struct span record_id(const struct manager *m, char room[ID_BYTES])
{
    struct buf text;
    buf_init(&text, ID_BYTES);
    buf_append_text(&text, "mdm.");
    buf_append(&text, m->options.id);
    memcpy(room, text.at, text.bytes);
    struct span id = span_make(room, text.bytes);
    buf_done(&text);
    return id;
}

static int64_t number(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t n = 0;
    return from_json_int_opt(&v, 0, LAST_S, &n, NULL) == OK ? n : 0;
}

static struct span words(const struct from_json_value *object, const char *key, struct arena *arena)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    return from_json_text_opt(&v, MDM_TEXT_BYTES, &text, NULL) == OK ? arena_copy(arena, text) : SPAN_NONE;
}

static void read_strangers(const struct from_json_value *root, struct arena *arena, struct manager_status *out)
{
    struct from_json_value list = from_json_member(root, "unmatched");
    size_t count = from_json_count(&list) < MANAGERS_UNMATCHED_MOST ? from_json_count(&list) : MANAGERS_UNMATCHED_MOST;
    struct manager_stranger *all = arena_array(arena, count + 1, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++) {
        struct from_json_value each = from_json_item(&list, i), conflict = from_json_member(&each, "conflict");
        all[i] = (struct manager_stranger){ .id = words(&each, "id", arena), .serial = words(&each, "serial", arena), .name = words(&each, "name", arena),
                                            .platform = platform_from(words(&each, "platform", arena)), .contact_s = number(&each, "contact_s") };
        all[i].conflict = from_json_bool_opt(&conflict, &all[i].conflict, NULL) == OK && all[i].conflict;
    }
    out->strangers = all;
    out->stranger_count = all != NULL ? count : 0;
    out->stranger_total = (size_t)number(root, "unmatched_total");
}

static enum err_code read_status(struct span body, struct arena *arena, struct manager_status *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct manager_status){ 0 };
    if (span_empty(body))
        return OK;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ MANAGERS_BODY_BYTES, DEPTH }, "record mdm", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    *out = (struct manager_status){ .swept_s = number(&root, "swept_s"), .full_s = number(&root, "full_s"), .devices = number(&root, "devices"),
                                    .matched = number(&root, "matched"), .held_s = number(&root, "held_s") };
    read_strangers(&root, arena, out);
    return OK;
}

static void write_stranger(const struct manager_stranger *s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", s->id);
    to_json_member_text_if(w, "serial", s->serial);
    to_json_member_text_if(w, "name", s->name);
    to_json_member_text(w, "platform", span_of(platform_name(s->platform)));
    to_json_member_int_if(w, "contact_s", s->contact_s);
    if (s->conflict)
        to_json_member_bool(w, "conflict", true);
    to_json_end(w);
}

static void write_status(const struct manager_status *s, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_int_if(&w, "swept_s", s->swept_s);
    to_json_member_int_if(&w, "full_s", s->full_s);
    to_json_member_int_if(&w, "devices", s->devices);
    to_json_member_int_if(&w, "matched", s->matched);
    to_json_member_int_if(&w, "held_s", s->held_s);
    to_json_member_int_if(&w, "unmatched_total", (int64_t)s->stranger_total);
    to_json_key(&w, "unmatched");
    to_json_array(&w);
    for (size_t i = 0; i < s->stranger_count; i++)
        write_stranger(&s->strangers[i], &w);
    to_json_end(&w);
    to_json_end(&w);
}

enum err_code manager_status_load(struct store *store, const struct manager *manager, struct arena *arena, struct manager_status *out, struct err *err)
{
    char room[ID_BYTES];
    int64_t version = 0;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, MANAGERS_BODY_BYTES);
    enum err_code code = store->ops->get(store, RECORD_CONTROL, record_id(manager, room), &body, &version, err);
    if (code == ERR_NOT_FOUND)
        return *out = (struct manager_status){ 0 }, OK;
    return code == OK ? read_status(buf_span(&body), arena, out, err) : code;
}

struct saving { const struct node *node; const struct manager *manager; const struct manager_status *status; };

static struct span summary(const struct saving *s, struct arena *arena)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, 1024);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "manager", s->manager->options.id);
    to_json_member_int(&w, "devices", s->status->devices);
    to_json_member_int(&w, "matched", s->status->matched);
    to_json_member_int(&w, "unmatched", (int64_t)s->status->stranger_total);
    to_json_member_time_if(&w, "held_at", s->status->held_s);
    to_json_end(&w);
    return arena_copy(arena, buf_span(&data));
}

static enum change_say edit_save(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct saving *s = context;
    (void)before;
    write_status(s->status, after);
    struct span cause = arena_format(events->arena, "mdm:%.*s", SPAN_ARGS(s->manager->options.id));
    if (after->failed || !change_event(events, s->node, "mdm.synced", SPAN_NONE, SPAN_NONE, cause, summary(s, events->arena)))
        return (void)err_set(err, ERR_MEMORY, "the list of mdm %.*s", SPAN_ARGS(s->manager->options.id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code manager_status_save(const struct node *node, struct store *store, const struct manager *manager, const struct manager_status *status, struct err *err)
{
    char room[ID_BYTES];
    struct saving s = { node, manager, status };
    return change_control(node, store, record_id(manager, room), edit_save, &s, err);
}

struct adding { const struct node *node; const struct manager *manager; struct manager_stranger stranger; struct arena arena; };

static bool is_there(const struct manager_status *s, struct span id)
{
    for (size_t i = 0; i < s->stranger_count; i++)
        if (span_equal(s->strangers[i].id, id))
            return true;
    return false;
}

static enum change_say edit_add(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct adding *a = context;
    struct manager_status status;
    arena_reset(&a->arena);
    if (read_status(before, &a->arena, &status, err) != OK)
        return CHANGE_REFUSE;
    if (is_there(&status, a->stranger.id) || status.stranger_count >= MANAGERS_UNMATCHED_MOST)
        return CHANGE_NOTHING;
    struct manager_stranger *all = arena_array(&a->arena, status.stranger_count + 1, sizeof *all);
    if (all == NULL)
        return (void)err_set(err, ERR_MEMORY, "the list of mdm %.*s", SPAN_ARGS(a->manager->options.id)), CHANGE_REFUSE;
    if (status.stranger_count > 0)
        memcpy(all, status.strangers, status.stranger_count * sizeof *all);
    all[status.stranger_count++] = a->stranger;
    status.strangers = all;
    status.stranger_total++;
    struct saving s = { a->node, a->manager, &status };
    return edit_save(&s, before, after, events, err);
}

enum err_code manager_status_stranger(const struct node *node, struct store *store, const struct manager *manager, const struct mdm_device *device, bool conflict, struct err *err)
{
    char room[ID_BYTES];
    struct adding a = { node, manager, { device->id, device->serial, device->name, device->platform, device->contact_s, conflict }, { 0 } };
    arena_init(&a.arena, 16 * 1024, 4 * 1024 * 1024);
    enum err_code code = change_control(node, store, record_id(manager, room), edit_add, &a, err);
    arena_done(&a.arena);
    return code;
}

static enum change_say edit_known(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct adding *a = context;
    struct manager_status status;
    arena_reset(&a->arena);
    if (read_status(before, &a->arena, &status, err) != OK)
        return CHANGE_REFUSE;
    struct manager_stranger *all = arena_array(&a->arena, status.stranger_count + 1, sizeof *all);
    if (all == NULL || !is_there(&status, a->stranger.id))
        return CHANGE_NOTHING;
    size_t kept = 0;
    for (size_t i = 0; i < status.stranger_count; i++)
        if (!span_equal(status.strangers[i].id, a->stranger.id))
            all[kept++] = status.strangers[i];
    status.strangers = all;
    status.stranger_count = kept;
    status.stranger_total -= status.stranger_total > 0;
    struct saving s = { a->node, a->manager, &status };
    return edit_save(&s, before, after, events, err);
}

enum err_code manager_status_known(const struct node *node, struct store *store, const struct manager *manager, struct span id, struct err *err)
{
    char room[ID_BYTES];
    struct adding a = { node, manager, { .id = id }, { 0 } };
    arena_init(&a.arena, 16 * 1024, 4 * 1024 * 1024);
    enum err_code code = change_control(node, store, record_id(manager, room), edit_known, &a, err);
    arena_done(&a.arena);
    return code;
}
