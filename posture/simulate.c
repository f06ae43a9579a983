#include "posture/simulate.h"

#include "posture/mending.h"

#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400, SILENT_S = 7 * DAY_S, PATTERN_S = 7 * DAY_S, ON_MOST = 4096, STEPS_MOST = 20000, ITEMS_MOST = 128, SCRATCH_BYTES = 4 * 1024 * 1024, SCRATCH_BLOCK = 64 * 1024 };

struct simulated_device {
    struct device device;           /* a copy of the struct, with results and stretches of its own */
    struct span rung, would_rung;
    unsigned closed, would_closed;
};
struct simulation {
    struct simulate_options options;
    struct decision_input world;
    struct person person;           /* a copy of the struct, with a list of its own of what was told */
    struct told *told;
    struct simulated_device *devices;
    size_t device_count, device_room;
    struct arena *arena;
    int64_t now_s, next_s;          /* next_s: when something may change; 0: never by itself */
    unsigned steps;
};

static void copy_array(void *to, const void *from, size_t count, size_t each_bytes)
{
    if (count > 0)
        memcpy(to, from, count * each_bytes);
}

/* ---- the stretches in which a device is on ---- */

static bool is_failing(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].verdict == VERDICT_FAIL || d->results[i].visible_s != 0)
            return true;
    return false;
}

/* Where the last stretch ends, as far as known. */
static int64_t known_until(const struct device *d)
{
    int64_t end_s = d->on_count > 0 ? d->on[d->on_count - 1].to_s : 0;
    return end_s != 0 ? end_s : d->seen_s + ON_SLOT_S;
}

/* Over whole days: the pattern of the last week, or of the days that are known of it. 0: nothing to repeat. */
static int64_t period_of(const struct device *d, int64_t until_s)
{
    int64_t known_s = d->on_count > 0 ? until_s - d->on[0].from_s : 0;
    known_s = known_s > PATTERN_S ? PATTERN_S : known_s;
    return known_s / DAY_S * DAY_S;
}

static size_t repeat_pattern(int64_t until_s, int64_t period_s, int64_t to_s, struct interval *on, size_t count)
{
    size_t first = count;
    while (first > 0 && on[first - 1].to_s > until_s - period_s)
        first--;
    size_t last = count;
    for (int64_t shift_s = period_s; until_s - period_s + shift_s < to_s; shift_s += period_s)
        for (size_t i = first; i < last && count < ON_MOST; i++) {
            int64_t from_s = on[i].from_s < until_s - period_s ? until_s - period_s : on[i].from_s;
            on[count++] = (struct interval){ from_s + shift_s, on[i].to_s + shift_s };
        }
    return count;
}

static size_t pattern_room(const struct device *d, int64_t period_s, int64_t to_s, int64_t until_s)
{
    size_t rounds = period_s > 0 && to_s > until_s ? (size_t)((to_s - until_s) / period_s + 2) : 0;
    size_t room = d->on_count * (rounds + 1) + 2;
    return room > ON_MOST ? ON_MOST : room;
}

/* A closed stretch at the end means off from there on; the end of what is simulated ends the last. */
static bool foresee_on(struct simulation *s, struct device *d)
{
    int64_t until_s = known_until(d), period_s = period_of(d, until_s), to_s = s->options.to_s;
    if (!is_failing(d) || d->seen_s + SILENT_S < s->now_s)
        return true; /* nothing to count, or off */
    struct interval *on = arena_array(s->arena, pattern_room(d, period_s, to_s, until_s), sizeof *on);
    if (on == NULL)
        return false;
    size_t count = d->on_count < ON_MOST ? d->on_count : 0;
    copy_array(on, d->on, count, sizeof *on);
    if (count > 0)
        on[count - 1].to_s = until_s;
    if (period_s > 0)
        count = repeat_pattern(until_s, period_s, to_s, on, count);
    else if (count > 0)
        on[count - 1].to_s = to_s + DAY_S;
    d->on = on;
    d->on_count = count;
    d->seen_s = to_s; /* without stretches: on all the time */
    return true;
}

/* ---- opening ---- */

/* It is read again and again: nothing becomes old. Looking ahead, it goes on failing, and what has failed once and is not visible yet will be. */
static bool copy_results(struct simulation *s, struct device *d, bool ahead)
{
    bool alive = !ahead || d->seen_s + SILENT_S >= s->now_s;
    struct result *results = arena_array(s->arena, d->result_count + 1, sizeof *results);
    if (results == NULL)
        return false;
    copy_array(results, d->results, d->result_count, sizeof *results);
    for (size_t i = 0; alive && i < d->result_count; i++) {
        results[i].evaluated_s = s->options.to_s;
        results[i].valid_until_s = 0;
        if (ahead && results[i].verdict == VERDICT_FAIL && results[i].visible_s == 0)
            results[i].visible_s = s->now_s + s->world.policy->visible_after.apart_s;
    }
    d->results = results;
    return true;
}

static bool adopt(struct simulation *s, struct simulated_device *to, const struct device *from)
{
    to->device = *from;
    return copy_results(s, &to->device, true) && foresee_on(s, &to->device);
}

static struct ladder_input input_of(const struct simulation *s, const struct decision_input *world, const struct device *d)
{
    struct decision_input known = *world;
    known.now_s = known.ladder_now_s = s->now_s;
    return decision_ladder_input(&known, d, &s->person);
}

static bool is_live(const struct device *d) { return !d->removed && span_empty(d->duplicate_of); }

static bool grow_told(struct simulation *s)
{
    size_t room = 2 * s->person.told_room + 4;
    struct told *told = arena_array(s->arena, room, sizeof *told);
    if (told == NULL)
        return false;
    copy_array(told, s->told, s->person.told_count, sizeof *told);
    s->person.told = s->told = told;
    s->person.told_room = room;
    return true;
}

static bool deliver(struct simulation *s, struct span device, struct span check, int64_t at_s)
{
    struct told *told = NULL;
    for (size_t i = 0; told == NULL && i < s->person.told_count; i++)
        if (span_equal(s->told[i].device, device) && span_equal(s->told[i].check, check))
            told = &s->told[i];
    if (told == NULL) {
        if (s->person.told_count == s->person.told_room && !grow_told(s))
            return false;
        const struct check *known = policy_check(s->world.policy, check);
        struct span id = arena_copy(s->arena, device); /* the device may be replaced by a newer state */
        if (id.at == NULL || known == NULL)
            return known == NULL;
        told = &s->told[s->person.told_count++];
        *told = (struct told){ .device = id, .check = known->id };
    }
    if (told->count < TOLD_TIMES)
        told->at_s[told->count] = at_s;
    told->count++;
    told->last_s = at_s;
    return true;
}

static bool copy_told(struct simulation *s)
{
    struct mended *mended = arena_array(s->arena, s->person.mended_count + 1, sizeof *mended);
    if (mended == NULL)
        return false;
    copy_array(mended, s->person.mended, s->person.mended_count, sizeof *mended);
    s->person.mended = mended;
    s->told = arena_array(s->arena, s->person.told_count + 1, sizeof *s->told);
    if (s->told == NULL)
        return false;
    copy_array(s->told, s->person.told, s->person.told_count, sizeof *s->told);
    s->person.told = s->told;
    s->person.told_room = s->person.told_count + 1;
    return true;
}

/* A message that is under way now is taken to arrive. */
static bool settle_notice(struct simulation *s)
{
    const struct notice *n = &s->person.notice;
    bool under_way = !span_empty(n->id) && (n->state == NOTICE_RESERVED || n->state == NOTICE_SENDING);
    bool well = true;
    for (size_t i = 0; under_way && well && i < n->item_count; i++)
        well = deliver(s, n->items[i].device, n->items[i].check, s->now_s);
    s->person.notice = (struct notice){ 0 };
    return well;
}

static bool stand_before(struct simulation *s, const struct decision_input *before)
{
    for (size_t i = 0; before != NULL && before->policy != NULL && i < s->device_count; i++) {
        struct simulated_device *d = &s->devices[i];
        struct standing *standings;
        struct ladder_input in = input_of(s, before, &d->device);
        size_t count = is_live(&d->device) ? ladder_standings(&in, s->arena, &standings) : 0;
        if (count == 0)
            continue;
        struct ladder_summary sum = ladder_summary(&in, standings, count);
        d->rung = sum.rung;
        d->closed = sum.closed;
    }
    return true;
}

struct simulation *simulation_open(const struct simulate_options *options, const struct decision_input *before, const struct person *person, const struct device *const *devices, size_t count,
                                   struct arena *arena)
{
    struct simulation *s = arena_alloc(arena, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct simulation){ .options = *options, .world = *options->world, .person = *person, .arena = arena, .now_s = options->from_s, .next_s = options->from_s };
    s->world.store_age_s = 0;
    s->device_room = count < SIMULATE_DEVICES_MOST ? count : SIMULATE_DEVICES_MOST;
    s->devices = arena_array(arena, s->device_room + 1, sizeof *s->devices);
    bool well = s->devices != NULL && copy_told(s) && settle_notice(s);
    for (size_t i = 0; well && i < s->device_room; i++)
        well = adopt(s, &s->devices[s->device_count++], devices[i]);
    return well && stand_before(s, before) ? s : NULL;
}

/* ---- one moment ---- */

struct moment {
    struct simulation *s;
    struct arena scratch;
    struct notice_item items[ITEMS_MOST];
    size_t item_count;
    int64_t due_s;
};

static void sooner(int64_t *at_s, int64_t other_s, int64_t after_s)
{
    if (other_s > after_s && (*at_s == 0 || other_s < *at_s))
        *at_s = other_s;
}

static void tell(const struct simulation *s, struct simulated_event e)
{
    e.at_s = s->now_s;
    e.person = &s->person;
    if (s->options.event != NULL)
        s->options.event(s->options.context, &e);
}

static int rung_of(const struct standing *s, bool in_force)
{
    if (in_force)
        return s->rung;
    return s->stage == STAGE_ENFORCE ? -1 : s->would.rung;
}

/* The worst that stands on this rung; NULL. */
static const struct standing *standing_on(const struct standing *standings, size_t count, struct span rung, bool in_force)
{
    for (size_t i = 0; i < count; i++)
        if (rung_of(&standings[i], in_force) >= 0 && span_equal(standings[i].ladder->rungs[rung_of(&standings[i], in_force)].id, rung))
            return &standings[i];
    return NULL;
}

/* The worst check that closes one of these. */
static struct span closing_check(const struct standing *standings, size_t count, unsigned bits, bool in_force)
{
    for (size_t i = 0; i < count; i++)
        if (rung_of(&standings[i], in_force) >= 0 && ((in_force ? standings[i].closed : standings[i].would.closed) & bits) != 0)
            return standings[i].check->id;
    return SPAN_NONE;
}

static void tell_change(const struct simulation *s, struct simulated_device *d, const struct standing *standings, size_t count, bool in_force, struct span rung, unsigned closed)
{
    struct span *had_rung = in_force ? &d->rung : &d->would_rung;
    unsigned *had_closed = in_force ? &d->closed : &d->would_closed, more = closed & ~*had_closed;
    const struct standing *on = standing_on(standings, count, rung, in_force);
    struct simulated_event e = { .in_force = in_force, .device = &d->device, .rung = rung, .ladder = on != NULL ? on->ladder->id : SPAN_NONE, .check = on != NULL ? on->check->id : SPAN_NONE };
    if (!span_equal(*had_rung, rung)) {
        e.kind = SIMULATED_RUNG;
        tell(s, e);
    }
    if (more != 0 || (*had_closed != 0 && closed == 0)) {
        e.kind = more != 0 ? SIMULATED_CLOSED : SIMULATED_OPENED;
        e.closes = more;
        e.check = closing_check(standings, count, more, in_force);
        tell(s, e);
    }
    *had_rung = rung;
    *had_closed = closed;
}

static bool stands_somewhere(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].visible_s != 0)
            return true;
    return false;
}

static void look_at_device(struct moment *m, struct simulated_device *d)
{
    struct simulation *s = m->s;
    struct standing *standings = NULL;
    struct ladder_summary sum = { 0 };
    size_t count = 0;
    if (is_live(&d->device) && stands_somewhere(&d->device)) {
        struct ladder_input in = input_of(s, &s->world, &d->device);
        count = ladder_standings(&in, &m->scratch, &standings);
        sum = ladder_summary(&in, standings, count);
    }
    tell_change(s, d, standings, count, true, sum.rung, sum.closed);
    tell_change(s, d, standings, count, false, sum.would.rung, sum.would.closed);
    sooner(&m->due_s, sum.due_s, s->now_s);
    for (size_t i = 0; i < count && m->item_count < ITEMS_MOST; i++)
        if (standings[i].told)
            m->items[m->item_count++] = (struct notice_item){ .device = d->device.id, .check = standings[i].result->check };
}

static bool send(struct simulation *s, const struct moment *m, const struct nudge_plan *plan)
{
    s->person.nudge_day = plan->local_day;
    s->person.nudge_s = s->now_s;
    for (size_t i = 0; i < m->item_count; i++)
        if (!deliver(s, m->items[i].device, m->items[i].check, s->now_s))
            return false;
    tell(s, (struct simulated_event){ .kind = SIMULATED_NUDGE, .in_force = true, .items = (unsigned)m->item_count });
    return true;
}

/* Everything that happens at now_s; a message changes what comes next, so it is looked at again. */
static bool live(struct simulation *s, struct moment *m)
{
    for (int round = 0; round < 2; round++) {
        m->item_count = 0;
        m->due_s = 0;
        arena_reset(&m->scratch);
        for (size_t i = 0; i < s->device_count; i++)
            look_at_device(m, &s->devices[i]);
        struct nudge_input in = { .policy = s->world.policy, .calendar = s->world.calendar, .person = &s->person, .holidays = s->world.holidays, .now_s = s->now_s, .frozen = s->world.frozen,
                                  .items = m->items, .item_count = m->item_count };
        struct nudge_plan plan = ladder_nudge(&in);
        sooner(&m->due_s, plan.send ? 0 : plan.at_s, s->now_s);
        if (!plan.send)
            break;
        if (!send(s, m, &plan))
            return false;
    }
    s->next_s = m->due_s;
    return true;
}

bool simulation_advance(struct simulation *s, int64_t at_s)
{
    struct moment m = { .s = s };
    bool well = true;
    arena_init(&m.scratch, SCRATCH_BLOCK, SCRATCH_BYTES);
    while (well && s->next_s != 0 && s->next_s <= at_s && s->steps++ < STEPS_MOST) {
        s->now_s = s->next_s > s->now_s ? s->next_s : s->now_s;
        well = live(s, &m);
    }
    arena_done(&m.scratch);
    s->now_s = at_s > s->now_s ? at_s : s->now_s;
    return well && s->steps < STEPS_MOST;
}

bool simulate_person(const struct simulate_options *options, const struct decision_input *before, const struct person *person, const struct device *const *devices, size_t count,
                     struct arena *arena)
{
    struct simulation *s = simulation_open(options, before, person, devices, count, arena);
    return s != NULL && simulation_advance(s, options->to_s);
}

/* ---- what changes from outside, and what is asked ---- */

static bool mend(struct simulation *s, const struct device *d, struct mending *m, const struct told *t)
{
    struct ladder_input in = input_of(s, &s->world, d);
    struct arena scratch;
    bool done, seen;
    if (m->kind == MENDING_PASSES || m->kind == MENDING_FORGOTTEN) {
        arena_init(&scratch, SCRATCH_BLOCK, SCRATCH_BYTES);
        m->used_s = t->passed_s == 0 ? ladder_used(&in, t, m->at_s, &scratch) : 0;
        arena_done(&scratch);
    }
    return mending_apply(&s->person, m, s->arena, &done, &seen);
}

/* What was told about a failure that is over, as in production: one that comes back goes on where it was, or takes the clock over, or begins anew. */
static bool heal(struct simulation *s, const struct device *d)
{
    bool well = true;
    int64_t look_s = 0;
    for (size_t i = s->person.told_count; well && i-- > 0;) { /* from the end: one may go */
        const struct told t = s->told[i];
        struct mending m = { .device = t.device, .check = t.check };
        const struct result *r = span_equal(t.device, d->id) ? device_result(d, t.check) : NULL;
        if (r != NULL && mending_of_told(&t, r, s->now_s, &m, &look_s))
            well = mend(s, d, &m, &t);
    }
    for (size_t i = s->person.mended_count; well && i-- > 0;) {
        const struct mended kept = s->person.mended[i];
        struct mending m = { .device = kept.device, .check = kept.check };
        const struct result *r = span_equal(kept.device, d->id) ? device_result(d, kept.check) : NULL;
        if (r != NULL && mending_of_mended(&kept, person_told(&s->person, kept.device, kept.check), r, &m))
            well = mend(s, d, &m, NULL);
    }
    return well;
}

static struct simulated_device *add_device(struct simulation *s)
{
    if (s->device_count == s->device_room) {
        size_t room = 2 * s->device_room + 2;
        struct simulated_device *more = arena_array(s->arena, room, sizeof *more);
        if (more == NULL)
            return NULL;
        copy_array(more, s->devices, s->device_count, sizeof *more);
        s->devices = more;
        s->device_room = room;
    }
    return &s->devices[s->device_count++];
}

bool simulation_put_device(struct simulation *s, const struct device *device)
{
    struct simulated_device *to = NULL;
    for (size_t i = 0; to == NULL && i < s->device_count; i++)
        if (span_equal(s->devices[i].device.id, device->id))
            to = &s->devices[i];
    if (to == NULL && s->device_count == SIMULATE_DEVICES_MOST)
        return true; /* as production: so many of one person's devices count */
    if (to == NULL && (to = add_device(s)) == NULL)
        return false;
    to->device = *device;
    if (device->on_count == 0 || device->on[device->on_count - 1].to_s == 0)
        to->device.seen_s = s->options.to_s; /* on, until its record says that it was off */
    s->next_s = s->now_s;
    return heal(s, device) && copy_results(s, &to->device, false);
}

void simulation_drop_device(struct simulation *s, struct span id)
{
    for (size_t i = 0; i < s->device_count; i++)
        if (span_equal(s->devices[i].device.id, id)) {
            s->devices[i] = s->devices[--s->device_count];
            s->next_s = s->now_s;
            return;
        }
}

void simulation_decide(const struct simulation *s, const struct app *app, struct span device, struct arena *scratch, struct decision *out)
{
    const struct device *all[SIMULATE_DEVICES_MOST];
    struct decision_input in = s->world;
    in.person = &s->person;
    in.person_asked = s->person.id;
    in.devices = all;
    in.device_count = s->device_count;
    in.app = app;
    in.now_s = in.ladder_now_s = s->now_s;
    in.door = DEVICE_NOT_ASKED;
    in.device = NULL;
    for (size_t i = 0; i < s->device_count; i++) {
        all[i] = &s->devices[i].device;
        if (!span_empty(device) && span_equal(all[i]->id, device)) {
            in.door = DEVICE_NAMED;
            in.device = all[i];
        }
    }
    if (!span_empty(device) && in.device == NULL)
        in.door = DEVICE_UNPROVED;
    decision_make(&in, scratch, NULL, NULL, out);
}
