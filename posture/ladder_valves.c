/* ladder, its pressure valves: what a person may use now, and what is in use. */
#include "posture/ladder.h"

static struct valve_offer refused(enum valve_refusal why) { return (struct valve_offer){ .refusal = why }; }

/* ---- "Remind me tomorrow" ---- */

static unsigned snoozes_since(const struct person *p, const struct standing *s, struct span device, int64_t since_s)
{
    unsigned count = 0;
    for (size_t i = 0; i < p->snooze_count; i++)
        count += p->snoozes[i].time.from_s > since_s && span_equal(p->snoozes[i].check, s->check->id) && span_equal(p->snoozes[i].device, device);
    return count;
}

/* A date that can be named: the next hour in which people are written to on another day, or the length, whatever is sooner. */
static int64_t tomorrow(const struct ladder_input *in, int64_t length_s)
{
    struct calendar_hours hours = calendar_write_hours(in->calendar, in->policy, in->person, in->holidays);
    int64_t next_s = calendar_next_window(&hours, calendar_next_day(in->calendar, hours.zone, in->now_s));
    return next_s < in->now_s + length_s ? next_s : in->now_s + length_s;
}

/* When something closes if the clock stands still until then. */
static int64_t close_if_snoozed(const struct ladder_input *in, const struct standing *s, int64_t until_s, struct arena *arena)
{
    struct person with = *in->person;
    struct ladder_input then = *in;
    struct standing *standings;
    struct snooze *all = arena_array(arena, with.snooze_count + 1, sizeof *all);
    if (all == NULL)
        return 0;
    for (size_t i = 0; i < with.snooze_count; i++)
        all[i] = with.snoozes[i];
    all[with.snooze_count++] = (struct snooze){ in->device->id, s->check->id, { in->now_s, until_s } };
    with.snoozes = all;
    then.person = &with;
    size_t count = ladder_standings(&then, arena, &standings);
    for (size_t i = 0; i < count; i++)
        if (standings[i].check == s->check)
            return standings[i].close_s;
    return 0;
}

struct valve_offer ladder_snooze_offer(const struct ladder_input *in, const struct standing *s, struct arena *arena)
{
    if (s->snoozed != NULL) /* also where the policy grants none any more */
        return (struct valve_offer){ .refusal = VALVE_RUNNING, .until_s = s->snoozed->time.to_s, .close_s = s->close_s };
    if (s->ladder == NULL || s->ladder->snooze.times == 0)
        return refused(VALVE_NOT_OFFERED);
    if (!s->check->snooze)
        return refused(VALVE_HARD);
    if (s->closed != 0)
        return refused(VALVE_TOO_LATE);
    unsigned used = snoozes_since(in->person, s, in->device->id, in->now_s - s->ladder->snooze.per_s);
    if (used >= s->ladder->snooze.times)
        return refused(VALVE_SPENT);
    struct valve_offer offer = { .left = s->ladder->snooze.times - used, .until_s = tomorrow(in, s->ladder->snooze.length_s) };
    offer.close_s = close_if_snoozed(in, s, offer.until_s, arena);
    return offer;
}

/* ---- "Continue once" ---- */

static bool closes(const struct standing *s, const struct app *app) { return !app->repair && (s->closed >> app->sensitivity & 1) != 0; }

/* Past the first rung that closes anything, it is not opened by a click any more. */
static bool is_past_first(const struct standing *s)
{
    for (int i = 0; i < s->rung; i++)
        if (s->ladder->rungs[i].close != 0)
            return true;
    return false;
}

/* What of the things in the way forbids it; VALVE_OPEN: nothing. */
static enum valve_refusal forbidden(const struct standing *standings, size_t count, const struct app *app)
{
    enum valve_refusal why = VALVE_NOT_CLOSED;
    for (size_t i = 0; i < count; i++) {
        const struct standing *s = &standings[i];
        if (!closes(s, app))
            continue;
        if (s->check->hard)
            return VALVE_HARD;
        if (s->ladder->continue_once.times == 0)
            return VALVE_NOT_OFFERED;
        why = why == VALVE_TOO_LATE || is_past_first(s) ? VALVE_TOO_LATE : VALVE_OPEN;
    }
    return why;
}

const struct pass *ladder_pass(const struct ladder_input *in, const struct standing *standings, size_t count, const struct app *app)
{
    const struct person *p = in->person;
    for (size_t i = 0; p != NULL && i < p->pass_count; i++) {
        const struct pass *pass = &p->passes[i];
        bool runs = pass->time.from_s <= in->now_s && in->now_s < pass->time.to_s && span_equal_text(pass->policy, in->policy->version);
        if (runs && span_equal(pass->app, app->id) && span_equal(pass->device, in->device->id))
            return forbidden(standings, count, app) == VALVE_OPEN ? pass : NULL;
    }
    return NULL;
}

static unsigned passes_since(const struct person *p, int64_t since_s)
{
    unsigned count = 0;
    for (size_t i = 0; i < p->pass_count; i++)
        count += p->passes[i].time.from_s > since_s;
    return count;
}

struct valve_offer ladder_pass_offer(const struct ladder_input *in, const struct standing *standings, size_t count, const struct app *app)
{
    struct valve_offer offer = { .left = UINT32_MAX, .until_s = INT64_MAX };
    const struct pass *running = ladder_pass(in, standings, count, app);
    if (running != NULL)
        return (struct valve_offer){ .refusal = VALVE_RUNNING, .until_s = running->time.to_s };
    enum valve_refusal why = forbidden(standings, count, app);
    if (why != VALVE_OPEN)
        return refused(why);
    for (size_t i = 0; i < count; i++) { /* the strictest of the ladders in the way */
        const struct standing *s = &standings[i];
        if (!closes(s, app))
            continue;
        unsigned used = passes_since(in->person, in->now_s - s->ladder->continue_once.per_s);
        if (used >= s->ladder->continue_once.times)
            return refused(VALVE_SPENT);
        unsigned left = s->ladder->continue_once.times - used;
        int64_t until_s = in->now_s + s->ladder->continue_once.length_s;
        offer.left = left < offer.left ? left : offer.left;
        offer.until_s = until_s < offer.until_s ? until_s : offer.until_s;
    }
    return offer;
}
