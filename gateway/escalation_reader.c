/* The ladder as a reader of the log: which entry makes it look at whom, and what the due-list brings. */
#include "gateway/escalation.h"

#include "gateway/agents.h"
#include "gateway/effects_reader.h"
#include "gateway/exemptions.h"
#include "gateway/feed.h"
#include "gateway/onboarding/onboard.h"
#include "gateway/valves.h"

#include <stdlib.h>
#include <string.h>

enum { DUE_MOST = 64, DUE_EVERY_MS = 250, BREAKER_EVERY_MS = 1000, RING_EVERY_MS = 5000, BREAKER_SHARE = 20 /* of the time, its counting may take one part */, ID_BYTES = 32,
       DEVICES_MOST = 4 * 1024 * 1024 };

struct ladder_reader {
    const struct node *node;
    int64_t *due_ms;             /* of each partition: when the due-list is read again (monotonic) */
    int64_t breaker_ms, ring_ms;
    _Atomic bool results_changed;
};

struct id { char text[ID_BYTES]; };
static bool copy_id(struct span from, struct id *to)
{
    if (from.bytes == 0 || from.bytes >= sizeof to->text)
        return false;
    memcpy(to->text, from.at, from.bytes);
    to->text[from.bytes] = '\0';
    return true;
}

static struct span owner_of(const struct node *node, struct span device, struct id *owner)
{
    directory_enter(node->directory);
    const struct device *d = directory_device(node->directory, device);
    bool owned = d != NULL && copy_id(d->owner, owner);
    directory_leave(node->directory);
    return owned ? span_of(owner->text) : SPAN_NONE;
}

static enum err_code look_at_device(const struct node *node, struct store *store, struct span device, struct span cause, struct err *err)
{
    struct id owner;
    enum err_code code = escalation_look_device(node, store, device, cause, err);
    struct span person = owner_of(node, device, &owner);
    return code == OK && !span_empty(person) ? escalation_look_person(node, store, person, cause, err) : code;
}

static enum err_code look_at_person(const struct node *node, struct store *store, struct span person, struct span cause, struct err *err)
{
    struct id ids[ESCALATION_DEVICES_MOST];
    const struct device *devices[ESCALATION_DEVICES_MOST];
    size_t count = 0;
    enum err_code code = OK;
    directory_enter(node->directory);
    size_t owned = directory_devices_of(node->directory, person, devices, ESCALATION_DEVICES_MOST);
    for (size_t i = 0; i < owned && i < ESCALATION_DEVICES_MOST; i++)
        count += copy_id(devices[i]->id, &ids[count]);
    directory_leave(node->directory);
    for (size_t i = 0; i < count && code == OK; i++)
        code = escalation_look_device(node, store, span_of(ids[i].text), cause, err);
    return code == OK ? escalation_look_person(node, store, person, cause, err) : code;
}

/* ---- everybody: a new policy, a pause that ended, a breaker ---- */

struct walk { const struct policy *policy; /* another one, by which what is stored is judged too; NULL: the one before */ struct id *ids; size_t count, room; };

/* Whose rung could be another: something fails, or a rung is recorded. */
static bool may_stand_elsewhere(const struct device *d)
{
    bool fails = !span_empty(d->rung) || !span_empty(d->would);
    for (size_t i = 0; !fails && i < d->result_count; i++)
        fails = d->results[i].verdict == VERDICT_FAIL;
    return fails && !span_empty(d->owner);
}

static bool note_device(void *context, const struct device *d)
{
    struct walk *w = context;
    if (!may_stand_elsewhere(d) && (w->policy == NULL || d->removed || !evaluate_may_differ(w->policy, d)))
        return true;
    if (w->count == w->room) {
        size_t room = w->room == 0 ? 1024 : w->room * 2;
        struct id *more = room <= DEVICES_MOST ? realloc(w->ids, room * sizeof *more) : NULL;
        if (more == NULL)
            return false;
        w->ids = more;
        w->room = room;
    }
    w->count += copy_id(d->id, &w->ids[w->count]);
    return true;
}

static enum err_code look_at_all(const struct node *node, struct reader *r, bool judges, struct err *err)
{
    struct walk w = { 0 };
    enum err_code code = OK;
    int64_t now_s = clock_wall_s(node->clock);
    directory_enter(node->directory);
    w.policy = judges ? directory_control(node->directory)->policy : NULL;
    directory_each_device(node->directory, note_device, &w);
    directory_leave(node->directory);
    for (size_t i = 0; i < w.count && code == OK; i++) {
        if (i % 256 == 0 && !reader_keep(r))
            code = err_set(err, ERR_UNAVAILABLE, "stopping"); /* the entry is read again */
        else
            code = r->store->ops->set_due(r->store, RECORD_DEVICE, span_of(w.ids[i].text), now_s, false, err);
    }
    free(w.ids);
    return code;
}

/* Whoever asked for or decided an exemption that ends soon, and was not told so. */
static size_t note_reminded(const struct node *node, struct id ids[2 * EXEMPTIONS_MOST])
{
    const struct directory *d = node->directory;
    int64_t now_s = clock_wall_s(node->clock);
    size_t count = 0;
    directory_enter(d);
    const struct exemptions all = directory_control(d)->exemptions;
    for (size_t i = 0; i < all.count && i < EXEMPTIONS_MOST; i++) {
        const struct exemption *e = &all.all[i];
        if (e->state != EXEMPTION_APPROVED || now_s < e->end_s - EXEMPTION_REMIND_S || now_s >= e->end_s)
            continue;
        const struct person *sides[] = { exemption_asker(d, e), directory_person(d, exemption_person(e->approver)) };
        for (size_t k = 0; k < 2; k++)
            if (sides[k] != NULL && !person_was_reminded(sides[k], e->id))
                count += copy_id(sides[k]->id, &ids[count]);
    }
    directory_leave(d);
    return count;
}

static enum err_code look_at_reminded(const struct node *node, struct reader *r, struct err *err)
{
    struct id *ids = calloc(2 * EXEMPTIONS_MOST, sizeof *ids);
    size_t count = ids != NULL ? note_reminded(node, ids) : 0;
    enum err_code code = ids == NULL ? err_set(err, ERR_MEMORY, "reminders of exemptions") : OK;
    for (size_t i = 0; i < count && code == OK; i++)
        code = r->store->ops->set_due(r->store, RECORD_PERSON, span_of(ids[i].text), clock_wall_s(node->clock), false, err);
    free(ids);
    return code;
}

/* ---- entries ---- */

static bool concerns_all(const struct reader_entry *e)
{
    static const char *const records[] = { "policy", "clock", "holidays", "exemptions" };
    bool named = false;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        named = named || span_equal_text(e->record, records[i]);
    static const char *const harmless[] = { "exemption.asked", "exemption.announced", "exemption.refused", "exemption.reminder" }; /* nothing is exempted or held by them */
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        named = named && !span_equal_text(e->event.type, harmless[i]);
    return e->has_record && e->kind == RECORD_CONTROL && named;
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    const struct ladder_reader *l = self;
    if (!directory_counts(l->node->directory).complete)
        return err_set(err, ERR_UNAVAILABLE, "the directory is still loading");
    if (!e->has_record)
        return OK; /* decisions, refreshes: no record changed */
    if (l->node->feed != NULL)
        feed_await(l->node->feed, e->kind, e->record, e->version);
    if (concerns_all(e))
        return look_at_all(l->node, r, span_equal_text(e->record, "policy"), err);
    if (e->kind == RECORD_CONTROL && span_equal_text(e->event.type, "exemption.reminder"))
        return look_at_reminded(l->node, r, err);
    if (e->kind == RECORD_DEVICE)
        return look_at_device(l->node, r->store, e->record, e->event.id, err);
    if (e->kind == RECORD_PERSON && l->node->options.onboard_new && span_equal_text(e->event.type, "person.created")) {
        bool invited = false;
        enum err_code code = onboard_invite(l->node, r->store, e->record, SPAN_LITERAL("onboarding.automatic"), false, &invited, err);
        if (code != OK && code != ERR_NOT_FOUND)
            return code;
    }
    if (e->kind == RECORD_PERSON)
        return look_at_person(l->node, r->store, e->record, e->event.id, err);
    return OK;
}

/* ---- the due-list ---- */

struct due_list { struct id ids[DUE_MOST]; enum record_kind kinds[DUE_MOST]; size_t count; };

static bool note_due(void *context, const struct record *record)
{
    struct due_list *d = context;
    if (d->count == DUE_MOST)
        return false;
    if (copy_id(record->id, &d->ids[d->count]))
        d->kinds[d->count++] = record->kind;
    return true;
}

static enum err_code look_at_due(struct ladder_reader *l, struct reader *r, unsigned partition, struct err *err)
{
    struct due_list d = { .count = 0 };
    enum err_code code = r->store->ops->due(r->store, partition, clock_wall_s(l->node->clock), DUE_MOST, note_due, &d, err);
    for (size_t i = 0; i < d.count && code == OK && reader_keep(r); i++) {
        struct span id = span_of(d.ids[i].text);
        if (d.kinds[i] == RECORD_DEVICE) {
            code = agents_judge_stored(l->node, r->store, id, SPAN_LITERAL("stored"), err);
            code = code == OK ? look_at_device(l->node, r->store, id, SPAN_LITERAL("clock"), err) : code;
        }
        else if (d.kinds[i] == RECORD_PERSON)
            code = look_at_person(l->node, r->store, id, SPAN_LITERAL("clock"), err);
    }
    l->due_ms[partition] = clock_mono_ms(l->node->clock) + (d.count == DUE_MOST ? 0 : DUE_EVERY_MS);
    return code;
}

/* ---- the breaker ---- */

void escalation_note_change(void *self) { atomic_store_explicit(&((struct ladder_reader *)self)->results_changed, true, memory_order_relaxed); }

/* Counting walks all devices: the more there are, the rarer. */
static enum err_code watch_breaker(struct ladder_reader *l, struct reader *r, struct err *err)
{
    int64_t begun_ms = clock_mono_ms(l->node->clock);
    if (begun_ms < l->breaker_ms || !atomic_exchange(&l->results_changed, false))
        return OK;
    enum err_code code = escalation_check_breaker(l->node, r->store, err);
    int64_t took_ms = clock_mono_ms(l->node->clock) - begun_ms;
    l->breaker_ms = begun_ms + took_ms + (took_ms * BREAKER_SHARE > BREAKER_EVERY_MS ? took_ms * BREAKER_SHARE : BREAKER_EVERY_MS);
    return code;
}

/* In a ring's first hours somebody looks at it every few seconds; on a large directory the walk takes at most its share. */
static enum err_code watch_ring(struct ladder_reader *l, struct reader *r, struct err *err)
{
    int64_t begun_ms = clock_mono_ms(l->node->clock);
    if (begun_ms < l->ring_ms)
        return OK;
    enum err_code code = escalation_check_ring(l->node, r->store, err);
    int64_t took_ms = clock_mono_ms(l->node->clock) - begun_ms;
    l->ring_ms = begun_ms + took_ms + (took_ms * BREAKER_SHARE > RING_EVERY_MS ? took_ms * BREAKER_SHARE : RING_EVERY_MS);
    return code;
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct ladder_reader *l = self;
    if (!directory_counts(l->node->directory).complete)
        return OK;
    bool control = partition + 1 == r->partition_count;
    if (control) {
        enum err_code code = watch_breaker(l, r, err);
        if (code == OK)
            code = valve_exemptions_tend(l->node, r->store, err);
        return code == OK ? watch_ring(l, r, err) : code;
    }
    return clock_mono_ms(l->node->clock) < l->due_ms[partition] ? OK : look_at_due(l, r, partition, err);
}

static void free_ladder(void *self)
{
    struct ladder_reader *l = self;
    free(l->due_ms);
    free(l);
}

enum err_code escalation_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops ladder_ops = { .entry = take_entry, .tick = tick, .free = free_ladder };
    struct ladder_reader *l = calloc(1, sizeof *l);
    if (l == NULL || (l->due_ms = calloc(READER_PARTITIONS, sizeof *l->due_ms)) == NULL) {
        free(l);
        return err_set(err, ERR_MEMORY, "the ladder's runner");
    }
    l->node = node;
    atomic_store(&l->results_changed, true); /* what happened while nobody watched counts too */
    *ops = &ladder_ops;
    *self = l;
    return OK;
}
