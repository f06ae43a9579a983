/* Over the days that the log still holds, and before them those of the archive: what each device was at each time, and every login that was asked about, under
 * another policy. Both are read twice, in the order of time over all partitions: first for what each device was at its first appearance, then as it happened. */
#include "gateway/simulation_archive.h"

#include "gateway/effects.h"
#include "gateway/rollout.h"

#include "posture/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, PARTITIONS_MOST = 1025, ID_BYTES = 32, PERSON_ARENA_BYTES = 64 * 1024 * 1024, STATES_BYTES = 1024 * 1024 * 1024, PROGRESS_EVERY = 64 };

/* ---- by id ---- */

struct slot { char id[ID_BYTES]; void *value; };
struct by_id { struct slot *slots; size_t count, room; };

static struct slot *slot_of(const struct by_id *all, struct span id)
{
    for (size_t i = span_hash(id, 0) % all->room;; i = (i + 1) % all->room)
        if (all->slots[i].id[0] == '\0' || span_equal_text(id, all->slots[i].id))
            return &all->slots[i];
}

static bool grow(struct by_id *all)
{
    struct by_id more = { .room = all->room == 0 ? 1024 : all->room * 2 };
    if ((all->count + 1) * 2 < all->room)
        return true;
    more.slots = calloc(more.room, sizeof *more.slots);
    if (more.slots == NULL)
        return false;
    for (size_t i = 0; i < all->room; i++)
        if (all->slots[i].id[0] != '\0')
            *slot_of(&more, span_of(all->slots[i].id)) = all->slots[i];
    more.count = all->count;
    free(all->slots);
    *all = more;
    return true;
}

/* The value's place, NULL in it when it is new; NULL when memory is short or the id is none of ours. */
static void **place_of(struct by_id *all, struct span id)
{
    if (id.bytes == 0 || id.bytes >= ID_BYTES || !grow(all))
        return NULL;
    struct slot *slot = slot_of(all, id);
    if (slot->id[0] == '\0') {
        memcpy(slot->id, id.at, id.bytes);
        all->count++;
    }
    return &slot->value;
}

/* ---- the replay ---- */

struct replayed {                  /* one person */
    struct arena arena;
    struct person *person;         /* owned */
    struct simulation *simulation;
    unsigned seen;                 /* simulate_totals.seen of them */
};
struct queued { int64_t at_ms; struct span id, person, device, data, body; int64_t version; bool is_decision, is_archived; };
struct queue { struct arena arena; struct queued items[BATCH]; size_t count, next; struct log_position position; bool ended; };
struct stopped { char decision[40], person[32], email[96], device[32], app[80], check[64]; int64_t at_s; bool in_force; };

struct replay {
    struct simulation_run *run;
    struct store *store;
    unsigned partitions;
    struct queue *queues;          /* one a partition of the log; behind them the archive's, an item at a time */
    struct simulation_archive *archive; /* NULL: there is none here, or the log reaches far enough */
    int64_t *log_begins_ms;        /* of each partition; INT64_MIN: before the beginning of the run */
    int64_t archive_begins_s, archive_ends_s; /* what was taken from it */
    struct by_id first;            /* device -> its first state in the log (struct device, owned) */
    struct by_id people;           /* person -> struct replayed, owned */
    size_t kept_bytes;
    struct directory *rules;       /* control records alone, as they are now: nothing in it is replaced while this runs */
    struct calendar *calendar;
    struct rollout_world world;
    struct arena arena, scratch;
    struct simulate_options options;
    struct simulate_totals totals;
    uint64_t decisions, stopped, would, opened, unknown, by_app[POLICY_MAX_APPS];
    struct stopped *names; size_t name_count;
    int64_t reached_s, log_s;      /* the first state of a device; the first in the log */
    bool failed;
};

static bool stops(const struct replay *r) { return r->failed || atomic_load_explicit(&r->run->cancel, memory_order_relaxed); }

/* ---- reading in the order of time ---- */

static bool note_entry(void *context, const struct log_entry *e)
{
    struct queue *q = context;
    bool decision = span_equal_text(e->event.type, "decision.made");
    bool state = e->record.kind == RECORD_DEVICE && !span_empty(e->record.body);
    if (!decision && !state)
        return true;
    q->items[q->count++] = (struct queued){ .at_ms = e->event.at_ms, .id = arena_copy(&q->arena, e->event.id), .person = arena_copy(&q->arena, e->event.person),
                                            .device = arena_copy(&q->arena, decision ? e->event.device : e->record.id), .data = decision ? arena_copy(&q->arena, e->event.data) : SPAN_NONE,
                                            .body = state ? arena_copy(&q->arena, e->record.body) : SPAN_NONE, .version = e->record.version, .is_decision = decision };
    return q->count < BATCH;
}

static enum err_code refill(struct replay *r, unsigned partition, struct err *err)
{
    struct queue *q = &r->queues[partition];
    enum err_code code = OK;
    while (code == OK && q->next == q->count && !q->ended) {
        struct log_position before = q->position;
        arena_reset(&q->arena);
        q->count = q->next = 0;
        code = r->store->ops->log_range(r->store, partition, &q->position, BATCH, note_entry, q, err);
        q->ended = code == OK && q->count == 0 && strcmp(before.text, q->position.text) == 0;
    }
    return code;
}

/* The second in which the log begins is in both. */
static bool is_in_log(const struct replay *r, const struct simulation_archived *a)
{
    const struct queue *q = &r->queues[a->partition];
    for (size_t i = 0; i < q->count && q->items[i].at_ms / 1000 == a->at_s; i++)
        if (span_equal(q->items[i].id, a->id))
            return true;
    return false;
}

static enum err_code refill_archived(struct replay *r, struct err *err)
{
    struct queue *q = &r->queues[r->partitions];
    struct simulation_archived a;
    arena_reset(&q->arena);
    q->count = q->next = 0;
    enum err_code code = OK;
    do
        code = simulation_archive_next(r->archive, r->log_begins_ms, &a, err);
    while (code == OK && is_in_log(r, &a));
    if (code == ERR_NOT_FOUND)
        return OK;
    if (code != OK)
        return code;
    q->items[q->count++] = (struct queued){ .at_ms = a.at_s * 1000, .id = arena_copy(&q->arena, a.id), .person = arena_copy(&q->arena, a.person), .device = arena_copy(&q->arena, a.device),
                                            .data = arena_copy(&q->arena, a.data), .body = arena_copy(&q->arena, a.body), .version = 1, .is_decision = a.is_decision, .is_archived = true };
    r->archive_begins_s = r->archive_begins_s == 0 ? a.at_s : r->archive_begins_s;
    r->archive_ends_s = a.at_s;
    return OK;
}

/* Where the log was trimmed, the archive goes before it. One that is not there, or not on this node, is said so by the times in the result. */
static enum err_code begin_archive(struct replay *r, struct err *err)
{
    const char *folder = effects_archive_folder(r->run->node->effects);
    bool trimmed = false;
    for (unsigned i = 0; i < r->partitions; i++)
        trimmed = trimmed || r->log_begins_ms[i] != INT64_MIN;
    if (!trimmed || folder == NULL)
        return OK;
    enum err_code code = r->archive != NULL ? simulation_archive_rewind(r->archive, err) : simulation_archive_open(r->run, folder, r->partitions, &r->archive, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    return code == OK ? refill_archived(r, err) : code;
}

/* Of two at one time the archive's: so what the log has of that second is still there to be compared with. */
static struct queue *earliest(struct replay *r)
{
    struct queue *archived = &r->queues[r->partitions], *first = archived->next < archived->count ? archived : NULL;
    for (unsigned i = 0; i < r->partitions; i++) {
        struct queue *q = &r->queues[i];
        if (q->next < q->count && (first == NULL || q->items[q->next].at_ms < first->items[first->next].at_ms))
            first = q;
    }
    return first;
}

static enum err_code read_all(struct replay *r, enum err_code (*take)(struct replay *, const struct queued *, struct err *), struct err *err)
{
    enum err_code code = OK;
    uint64_t count = 0;
    for (unsigned i = 0; i < r->partitions && code == OK; i++) {
        r->queues[i].count = r->queues[i].next = 0;
        r->queues[i].ended = false;
        r->log_begins_ms[i] = INT64_MIN;
        snprintf(r->queues[i].position.text, sizeof r->queues[i].position.text, "%lld-0", (long long)r->run->from_s * 1000);
        code = refill(r, i, err);
        if (code == ERR_GONE) { /* older than the log keeps: from its beginning */
            snprintf(r->queues[i].position.text, sizeof r->queues[i].position.text, "0-0");
            code = refill(r, i, err);
            r->log_begins_ms[i] = r->queues[i].count > 0 ? r->queues[i].items[0].at_ms : INT64_MAX;
        }
    }
    r->queues[r->partitions].count = r->queues[r->partitions].next = 0;
    if (code == OK)
        code = begin_archive(r, err);
    for (struct queue *q; code == OK && !stops(r) && (q = earliest(r)) != NULL;) {
        const struct queued *item = &q->items[q->next];
        if (item->at_ms / 1000 > r->run->to_s)
            break;
        code = take(r, item, err);
        if (++count % PROGRESS_EVERY == 0)
            atomic_store(&r->run->done, count);
        q->next++;
        if (code == OK && q->next == q->count)
            code = q == &r->queues[r->partitions] ? refill_archived(r, err) : refill(r, (unsigned)(q - r->queues), err);
    }
    atomic_store(&r->run->total, count);
    return code;
}

/* ---- first pass ---- */

static enum err_code take_first(struct replay *r, const struct queued *item, struct err *err)
{
    if (item->is_decision)
        return OK;
    void **place = place_of(&r->first, item->device);
    r->reached_s = r->reached_s == 0 ? item->at_ms / 1000 : r->reached_s;
    if (r->log_s == 0 && !item->is_archived)
        r->log_s = item->at_ms / 1000;
    if (place == NULL)
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    if (*place != NULL)
        return OK;
    struct device *device = NULL;
    r->kept_bytes += item->body.bytes;
    if (r->kept_bytes > STATES_BYTES)
        return err_set(err, ERR_LIMIT, "more devices changed than fit into memory: give a shorter --since");
    if (device_from_json(item->body, item->version, false, &device, err) == OK)
        *place = device;
    return OK; /* a body that cannot be read says nothing */
}

/* ---- second pass: people ---- */

static void forget_later_mended(struct person *p, int64_t from_s)
{
    struct mended *all = (struct mended *)(uintptr_t)p->mended; /* of our own copy */
    size_t kept = 0;
    for (size_t i = 0; i < p->mended_count; i++) {
        if (all[i].passed_s >= from_s)
            continue;
        all[kept] = all[i];
        if (all[kept].failed_s >= from_s)
            all[kept].failed_s = 0;
        kept++;
    }
    p->mended_count = kept;
}

/* What is in the record about the time before the beginning. */
static void forget_later(struct person *p, int64_t from_s)
{
    struct told *told = (struct told *)(uintptr_t)p->told; /* of our own copy */
    size_t kept = 0;
    for (size_t i = 0; i < p->told_count; i++) {
        unsigned times = told[i].count < TOLD_TIMES ? told[i].count : TOLD_TIMES, earlier = 0;
        while (earlier < times && told[i].at_s[earlier] < from_s)
            earlier++;
        if (earlier == 0)
            continue;
        told[kept] = told[i];
        told[kept].count = earlier;
        told[kept].last_s = told[i].at_s[earlier - 1];
        if (told[kept].passed_s >= from_s)
            told[kept].passed_s = told[kept].used_s = 0;
        kept++;
    }
    p->told_count = kept;
    forget_later_mended(p, from_s);
    p->notice = (struct notice){ 0 };
    if (p->nudge_s >= from_s)
        p->nudge_s = 0, p->nudge_day = 0;
}

static void replayed_free(struct replayed *p)
{
    if (p == NULL)
        return;
    arena_done(&p->arena);
    person_free(p->person);
    free(p);
}

static size_t devices_then(struct replay *r, struct span person, const struct device *devices[SIMULATE_DEVICES_MOST])
{
    size_t owned = directory_devices_of(r->run->node->directory, person, devices, SIMULATE_DEVICES_MOST), count = owned < SIMULATE_DEVICES_MOST ? owned : SIMULATE_DEVICES_MOST;
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = r->first.room > 0 ? slot_of(&r->first, devices[i]->id) : NULL;
        if (slot != NULL && slot->value != NULL)
            devices[i] = slot->value;
    }
    return count;
}

/* The simulation keeps nothing of the directory: its devices and person are copies. */
static struct replayed *open_person(struct replay *r, struct span id)
{
    const struct device *devices[SIMULATE_DEVICES_MOST];
    struct replayed *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    arena_init(&p->arena, 8 * 1024, PERSON_ARENA_BYTES);
    directory_enter(r->run->node->directory);
    const struct person *person = directory_person(r->run->node->directory, id);
    p->person = person != NULL ? person_copy(person) : NULL;
    size_t count = p->person != NULL ? devices_then(r, id, devices) : 0;
    bool well = true;
    for (size_t i = 0; i < count && well; i++) {
        void **place = place_of(&r->first, devices[i]->id);
        if (place != NULL && *place == NULL)
            *place = device_copy(devices[i]);
        well = place != NULL && *place != NULL;
        devices[i] = well ? *place : NULL;
    }
    directory_leave(r->run->node->directory);
    if (p->person == NULL || !well) {
        replayed_free(p);
        return NULL;
    }
    forget_later(p->person, r->run->from_s);
    struct err ignored;
    if (!span_empty(p->person->zone) && calendar_prepare(r->calendar, p->person->zone, &ignored) != OK)
        p->person->zone = SPAN_NONE;
    simulate_totals_person(&r->totals, count);
    p->simulation = simulation_open(&r->options, NULL, p->person, NULL, 0, &p->arena);
    for (size_t i = 0; p->simulation != NULL && i < count; i++)
        if (!simulation_put_device(p->simulation, devices[i]))
            p->simulation = NULL;
    return p;
}

/* NULL: nobody whom we know, or memory was short (failed). */
static struct simulation *person_at(struct replay *r, struct span id, int64_t at_s)
{
    void **place = place_of(&r->people, id);
    if (place == NULL)
        return NULL;
    if (*place == NULL && (*place = open_person(r, id)) == NULL)
        return NULL;
    struct replayed *p = *place;
    r->totals.seen = p->seen;
    if (p->simulation != NULL && !simulation_advance(p->simulation, at_s)) {
        r->totals.cut_short++;
        p->simulation = NULL;
    }
    p->seen = r->totals.seen;
    return p->simulation;
}

/* ---- second pass: entries ---- */

/* Whoever had it has it no more. */
static void take_from_owner(struct replay *r, const struct device *before, struct span owner, int64_t at_s)
{
    if (before == NULL || span_empty(before->owner) || span_equal(before->owner, owner))
        return;
    struct simulation *s = person_at(r, before->owner, at_s);
    if (s != NULL)
        simulation_drop_device(s, before->id);
}

/* The newest state of each device is kept: its texts have to last as long as a simulation holds it. */
static void put_state(struct replay *r, const struct queued *item)
{
    CLEANUP(device_freep) struct device *device = NULL;
    int64_t at_s = item->at_ms / 1000;
    struct err err;
    void **place = place_of(&r->first, item->device);
    if (place == NULL || device_from_json(item->body, item->version, false, &device, &err) != OK)
        return;
    take_from_owner(r, *place, device->owner, at_s);
    struct simulation *s = span_empty(device->owner) ? NULL : person_at(r, device->owner, at_s);
    place = place_of(&r->first, item->device); /* opening somebody may have moved it */
    if (place == NULL || (s != NULL && !simulation_put_device(s, device)))
        return;
    struct device *before = *place;
    *place = TAKE(device);
    device_free(before);
}

static void copy(char *to, size_t room, struct span from)
{
    size_t bytes = from.bytes < room ? from.bytes : room - 1;
    memcpy(to, bytes > 0 ? from.at : "", bytes);
    to[bytes] = '\0';
}

static void note_stopped(struct replay *r, const struct queued *item, const struct app *app, const struct decision *d, const struct person *person)
{
    const struct standing *by = d->outcome == OUTCOME_DENY ? d->blocking : d->would.by;
    if (r->name_count == r->run->names)
        return;
    struct stopped *n = &r->names[r->name_count++];
    n->at_s = item->at_ms / 1000;
    n->in_force = d->outcome == OUTCOME_DENY;
    copy(n->decision, sizeof n->decision, item->id);
    copy(n->person, sizeof n->person, item->person);
    copy(n->email, sizeof n->email, person->email_count > 0 ? person->emails[0] : SPAN_NONE);
    copy(n->device, sizeof n->device, d->device != NULL ? d->device->id : item->device);
    copy(n->app, sizeof n->app, app->id);
    copy(n->check, sizeof n->check, by != NULL ? by->check->id : SPAN_NONE);
}

static bool read_decision(const struct queued *item, struct span *app, struct span *outcome, struct arena *scratch)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    if (from_json_parse(item->data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "event", &doc, &err) != OK)
        return false;
    struct from_json_value root = from_json_root(doc), a = from_json_member(&root, "app"), o = from_json_member(&root, "outcome");
    if (from_json_text(&a, 256, app, &err) != OK || from_json_text(&o, 16, outcome, &err) != OK)
        return false;
    *app = arena_copy(scratch, *app);
    *outcome = arena_copy(scratch, *outcome);
    return true;
}

/* Recorded logins: who was let in and would not have been, and the other way round. */
static void ask_again(struct replay *r, const struct queued *item)
{
    struct span name, outcome;
    struct decision d;
    arena_reset(&r->scratch);
    if (span_empty(item->person) || !read_decision(item, &name, &outcome, &r->scratch))
        return;
    const struct app *app = policy_app(r->run->policy, name);
    struct simulation *s = app != NULL ? person_at(r, item->person, item->at_ms / 1000) : NULL;
    r->decisions++;
    if (s == NULL) {
        r->unknown++;
        return;
    }
    bool denied = span_equal_text(outcome, "deny");
    simulation_decide(s, app, item->device, &r->scratch, &d);
    r->opened += denied && d.outcome != OUTCOME_DENY;
    if (denied || (d.outcome != OUTCOME_DENY && d.would.outcome != OUTCOME_DENY))
        return;
    if (d.outcome == OUTCOME_DENY)
        r->stopped++;
    else
        r->would++;
    r->by_app[app - r->run->policy->apps]++;
    const struct replayed *p = *place_of(&r->people, item->person);
    note_stopped(r, item, app, &d, p->person);
}

static enum err_code take_second(struct replay *r, const struct queued *item, struct err *err)
{
    (void)err;
    if (item->is_decision)
        ask_again(r, item);
    else
        put_state(r, item);
    return OK;
}

/* ---- all of it ---- */

static void write_stopped(const struct replay *r, struct to_json *w)
{
    to_json_key(w, "logins");
    to_json_object(w);
    to_json_member_int(w, "asked", (int64_t)r->decisions);
    to_json_member_int(w, "stopped", (int64_t)r->stopped);
    to_json_member_int(w, "would", (int64_t)r->would);
    to_json_member_int(w, "opened", (int64_t)r->opened);
    to_json_member_int(w, "unknown", (int64_t)r->unknown);
    to_json_key(w, "apps");
    to_json_array(w);
    for (size_t i = 0; i < r->run->policy->app_count; i++) {
        if (r->by_app[i] == 0)
            continue;
        to_json_object(w);
        to_json_member_text(w, "id", r->run->policy->apps[i].id);
        to_json_member_int(w, "stopped", (int64_t)r->by_app[i]);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_key(w, "names");
    to_json_array(w);
    for (size_t i = 0; i < r->name_count; i++) {
        const struct stopped *n = &r->names[i];
        to_json_object(w);
        to_json_member_time_if(w, "at", n->at_s);
        to_json_member_text(w, "decision", span_of(n->decision));
        to_json_member_text(w, "person", span_of(n->person));
        to_json_member_text_if(w, "email", span_of(n->email));
        to_json_member_text_if(w, "device", span_of(n->device));
        to_json_member_text(w, "app", span_of(n->app));
        to_json_member_text_if(w, "check", span_of(n->check));
        if (!n->in_force)
            to_json_member_bool(w, "would", true);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

/* From when on there is anything to go by: else a shorter past than was asked for would look like a quieter one. */
static void write_covered(const struct replay *r, struct to_json *w)
{
    to_json_member_time_if(w, "covered_from", r->reached_s);
    to_json_member_time_if(w, "log_begins", r->log_s);
    if (r->archive == NULL)
        return;
    to_json_key(w, "archive");
    to_json_object(w);
    to_json_member_time_if(w, "from", r->archive_begins_s);
    to_json_member_time_if(w, "to", r->archive_ends_s);
    to_json_member_int(w, "unknown", (int64_t)simulation_archive_unknown(r->archive));
    to_json_end(w);
}

/* Everybody on to the end, and the result. */
static enum err_code finish(struct replay *r, struct err *err)
{
    struct to_json w;
    for (size_t i = 0; i < r->people.room && !stops(r); i++)
        if (r->people.slots[i].value != NULL)
            (void)person_at(r, span_of(r->people.slots[i].id), r->run->to_s);
    if (atomic_load(&r->run->cancel))
        return err_set(err, ERR_UNAVAILABLE, "cancelled");
    to_json_init(&w, &r->run->result);
    to_json_object(&w);
    simulate_totals_sort(&r->totals);
    directory_enter(r->run->node->directory);
    simulation_write_totals(r->run, &r->totals, &w);
    directory_leave(r->run->node->directory);
    write_covered(r, &w);
    write_stopped(r, &w);
    to_json_end(&w);
    return buf_check(&r->run->result, "what the simulation came to", err);
}

static enum err_code replay(struct replay *r, struct err *err)
{
    r->partitions = r->store->ops->partitions(r->store);
    r->queues = r->partitions < PARTITIONS_MOST ? calloc(r->partitions + 1, sizeof *r->queues) : NULL;
    r->log_begins_ms = calloc(r->partitions + 1, sizeof *r->log_begins_ms);
    r->names = calloc(r->run->names + 1, sizeof *r->names);
    if (r->queues == NULL || r->names == NULL || r->log_begins_ms == NULL)
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    for (unsigned i = 0; i <= r->partitions; i++)
        arena_init(&r->queues[i].arena, 64 * 1024, 256 * 1024 * 1024);
    enum err_code code = read_all(r, take_first, err);
    return code == OK ? read_all(r, take_second, err) : code;
}

static void replay_done(struct replay *r)
{
    for (size_t i = 0; i < r->people.room; i++)
        replayed_free(r->people.slots[i].value);
    for (size_t i = 0; i < r->first.room; i++)
        device_free(r->first.slots[i].value);
    simulation_archive_close(r->archive);
    for (unsigned i = 0; r->queues != NULL && i <= r->partitions; i++)
        arena_done(&r->queues[i].arena);
    free(r->people.slots);
    free(r->first.slots);
    free(r->queues);
    free(r->log_begins_ms);
    free(r->names);
    if (r->store != NULL)
        r->store->ops->free(r->store);
    simulate_totals_done(&r->totals);
    directory_free(r->rules);
    calendar_free(r->calendar);
    arena_done(&r->scratch);
    arena_done(&r->arena);
}

/* ---- the rules that hold all the time ---- */

static enum err_code read_rules(struct replay *r, struct err *err)
{
    static const char *const records[] = { "policy", "clock", "exemptions", "holidays" };
    enum err_code code = OK;
    for (size_t i = 0; i < sizeof records / sizeof records[0] && code == OK; i++) {
        CLEANUP(buf_done) struct buf body;
        int64_t version = 0;
        buf_init(&body, 16 * 1024 * 1024);
        code = r->store->ops->get(r->store, RECORD_CONTROL, span_of(records[i]), &body, &version, err);
        if (code == OK)
            code = directory_put_control(r->rules, span_of(records[i]), buf_span(&body), version, err);
        else if (code == ERR_NOT_FOUND)
            code = OK;
    }
    return code;
}

static enum err_code prepare(struct replay *r, struct err *err)
{
    enum err_code code = r->run->node->stores.open(r->run->node->stores.context, &r->store, err);
    struct err ignored;
    arena_init(&r->arena, 64 * 1024, 64 * 1024 * 1024);
    arena_init(&r->scratch, 64 * 1024, 16 * 1024 * 1024);
    if (code != OK)
        return code;
    if ((r->calendar = calendar_new("/usr/share/zoneinfo")) == NULL || (r->rules = directory_new(r->run->node->clock, r->calendar)) == NULL)
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    code = read_rules(r, err);
    if (code != OK)
        return code;
    if (calendar_prepare(r->calendar, r->run->policy->nudges.zone, &ignored) != OK)
        return err_set(err, ERR_INPUT, "the policy's zone %.*s is not known here", SPAN_ARGS(r->run->policy->nudges.zone));
    if (!rollout_foresee(r->rules, r->run->policy, r->run->from_s, &r->arena, &r->world))
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    r->world.after.frozen = r->world.after.incident = false; /* as it was then is told by the pauses */
    r->world.after.strictness = NULL;                        /* as if it had been in force all the time */
    r->options = (struct simulate_options){ .world = &r->world.after, .from_s = r->run->from_s, .to_s = r->run->to_s, .event = simulate_totals_event, .context = &r->totals };
    if (!simulate_totals_init(&r->totals, &r->options, r->run->names, &r->arena))
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    return OK;
}

enum err_code simulation_back(struct simulation_run *run, struct err *err)
{
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    r->run = run;
    enum err_code code = prepare(r, err);
    if (code == OK)
        code = replay(r, err);
    if (code == OK)
        code = finish(r, err);
    replay_done(r);
    free(r);
    return code;
}
