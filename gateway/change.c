#include "gateway/change.h"

#include "gateway/feed.h"
#include "posture/record_check.h"

#include <string.h>

enum { EVENTS_MOST = 64, BODY_BYTES = 4 * DEVICE_BODY_BYTES /* the policy in force and the one before stand in one record */, ARCHIVE_SALT_BYTES = 22 /* 132 bits */ };

bool change_event(struct change_events *events, const struct node *node, const char *type, struct span person, struct span device, struct span cause, struct span data)
{
    char id[EVENT_ID_BYTES + 1];
    if (events->count == events->room)
        return false;
    secret_new_id('e', id);
    struct arena *a = events->arena;
    events->all[events->count++] = (struct event){
        .id = arena_copy_text(a, id), .at_ms = clock_wall_ms(node->clock), .type = arena_copy_text(a, type), .person = arena_copy(a, person),
        .device = arena_copy(a, device), .cause = arena_copy(a, cause), .data = arena_copy(a, data),
    };
    return true;
}

/* What differs between the three kinds of record. `model` is a struct device, a struct person, or (control) a struct buf with the new body. */
struct change {
    const struct node *node;
    struct store *store;
    enum record_kind kind;
    struct span id;
    bool create;
    void *edit_context;
    enum change_say (*run)(struct change *c, struct span before, int64_t version, struct buf *after, struct change_events *events, struct err *err);
    change_device_fn *device_edit;
    change_person_fn *person_edit;
    change_control_fn *control_edit;
};

static enum change_say run_device(struct change *c, struct span before, int64_t version, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(device_freep) struct device *d = NULL;
    if (version == 0) {
        d = device_new();
        if (d != NULL)
            d->id = arena_copy(&d->arena, c->id);
        if (d == NULL || d->id.at == NULL)
            return (void)err_set(err, ERR_MEMORY, "device %.*s", SPAN_ARGS(c->id)), CHANGE_REFUSE;
    } else if (device_from_json(before, version, true, &d, err) != OK) {
        return CHANGE_REFUSE;
    }
    enum change_say say = c->device_edit(c->edit_context, d, events, err);
    struct to_json w;
    to_json_init(&w, after);
    if (say == CHANGE_COMMIT)
        device_to_json(d, &w);
    return say;
}

/* Everybody who is written down has a salt from then on, until they are erased. */
static bool salt_person(struct person *p)
{
    char salt[ARCHIVE_SALT_BYTES + 1] = { 0 };
    if (p->removed || !span_empty(p->archive_salt))
        return true;
    secret_random_text(salt, ARCHIVE_SALT_BYTES);
    p->archive_salt = arena_copy_text(&p->arena, salt);
    return p->archive_salt.bytes == ARCHIVE_SALT_BYTES;
}

static enum change_say run_person(struct change *c, struct span before, int64_t version, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(person_freep) struct person *p = NULL;
    if (version == 0) {
        p = person_new();
        if (p != NULL)
            p->id = arena_copy(&p->arena, c->id);
        if (p == NULL || p->id.at == NULL)
            return (void)err_set(err, ERR_MEMORY, "person %.*s", SPAN_ARGS(c->id)), CHANGE_REFUSE;
    } else if (person_from_json(before, version, &p, err) != OK) {
        return CHANGE_REFUSE;
    }
    enum change_say say = c->person_edit(c->edit_context, p, events, err);
    struct to_json w;
    to_json_init(&w, after);
    if (say == CHANGE_COMMIT && !salt_person(p))
        return (void)err_set(err, ERR_MEMORY, "person %.*s", SPAN_ARGS(c->id)), CHANGE_REFUSE;
    if (say == CHANGE_COMMIT)
        person_to_json(p, &w);
    return say;
}

static enum change_say run_control(struct change *c, struct span before, int64_t version, struct buf *after, struct change_events *events, struct err *err)
{
    (void)version;
    return c->control_edit(c->edit_context, before, after, events, err);
}

/* A commit whose answer never came: it happened if the record now is what we wrote. */
static enum err_code settle(struct change *c, int64_t expected, struct span written, int64_t *version, struct err *err)
{
    struct buf now;
    int64_t have = 0;
    buf_init(&now, BODY_BYTES);
    struct err lookup;
    enum err_code code = c->store->ops->get(c->store, c->kind, c->id, &now, &have, &lookup);
    bool ours = code == OK && have == expected + 1 && span_equal(buf_span(&now), written);
    buf_done(&now);
    if (code != OK && code != ERR_NOT_FOUND)
        return err->code; /* still away: the caller hears of the first error */
    *version = have;
    return ours ? OK : ERR_CONFLICT;
}

static enum err_code commit_change(struct change *c, int64_t expected, struct span body, const struct change_events *events, struct err *err)
{
    int64_t version = 0;
    struct commit commit = { c->kind, c->id, expected, body, events->all, events->count, 0 };
    if (c->kind != RECORD_CONTROL)
        commit.due_s = clock_wall_s(c->node->clock); /* the ladder looks at once and sets the next time itself */
    enum err_code code = c->store->ops->commit(c->store, &commit, &version, err);
    if (code == ERR_TIMEOUT || code == ERR_AMBIGUOUS || code == ERR_UNAVAILABLE)
        code = settle(c, expected, body, &version, err);
    counter_add(c->node->counters, code == OK ? COUNT_COMMITS : code == ERR_CONFLICT ? COUNT_COMMIT_CONFLICTS : COUNT_STORE_ERRORS, 1);
    if (code == OK && c->node->feed != NULL)
        feed_await(c->node->feed, c->kind, c->id, version);
    return code;
}

/* One read, edit and commit. *again: somebody else was first. */
static enum err_code try_change(struct change *c, struct buf *before, struct buf *after, struct arena *arena, bool *again, struct err *err)
{
    int64_t version = 0;
    *again = false;
    buf_clear(before);
    buf_clear(after);
    arena_reset(arena);
    enum err_code code = c->store->ops->get(c->store, c->kind, c->id, before, &version, err);
    if (code == ERR_NOT_FOUND && c->create)
        version = 0;
    else if (code != OK)
        return code;
    struct change_events events = { arena_array(arena, EVENTS_MOST, sizeof(struct event)), 0, EVENTS_MOST, arena };
    if (events.all == NULL)
        return err_set(err, ERR_MEMORY, "events");
    enum change_say say = c->run(c, buf_span(before), version, after, &events, err);
    if (say == CHANGE_REFUSE)
        return err->code;
    if (say == CHANGE_NOTHING)
        return OK;
    code = buf_check(after, "the record", err);
    if (code == OK)
        code = record_check(c->kind, c->id, buf_span(after), err);
    if (code == OK)
        code = commit_change(c, version, buf_span(after), &events, err);
    *again = code == ERR_CONFLICT;
    return code;
}

static enum err_code change_record(struct change *c, struct err *err)
{
    struct buf before, after;
    struct arena arena;
    struct err ignored;
    enum err_code code = ERR_CONFLICT;
    err = err != NULL ? err : &ignored;
    buf_init(&before, BODY_BYTES);
    buf_init(&after, BODY_BYTES);
    arena_init(&arena, 16 * 1024, 4 * BODY_BYTES);
    bool again = true;
    for (int i = 0; i < CHANGE_TRIES && again; i++) {
        *err = (struct err){ 0 };
        code = try_change(c, &before, &after, &arena, &again, err);
    }
    if (again)
        (void)err_set(err, ERR_CONFLICT, "%.*s changed %d times while we tried to change it", SPAN_ARGS(c->id), CHANGE_TRIES);
    arena_done(&arena);
    buf_wipe(&after);
    buf_wipe(&before);
    return code;
}

enum err_code change_device(const struct node *node, struct store *store, struct span id, bool create, change_device_fn *edit, void *context, struct err *err)
{
    struct change c = { .node = node, .store = store, .kind = RECORD_DEVICE, .id = id, .create = create, .edit_context = context, .run = run_device, .device_edit = edit };
    return change_record(&c, err);
}

enum err_code change_person(const struct node *node, struct store *store, struct span id, bool create, change_person_fn *edit, void *context, struct err *err)
{
    struct change c = { .node = node, .store = store, .kind = RECORD_PERSON, .id = id, .create = create, .edit_context = context, .run = run_person, .person_edit = edit };
    return change_record(&c, err);
}

enum err_code change_control(const struct node *node, struct store *store, struct span id, change_control_fn *edit, void *context, struct err *err)
{
    struct change c = { .node = node, .store = store, .kind = RECORD_CONTROL, .id = id, .create = true, .edit_context = context, .run = run_control, .control_edit = edit };
    return change_record(&c, err);
}
