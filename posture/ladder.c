#include "posture/ladder.h"

#include "posture/ladder_clock.h"
#include "posture/ladder_relapse.h"
#include "posture/ring.h"
#include "posture/strictness.h"

#include <stdlib.h>
#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400, URGENT_NOTICE_S = HOUR_S, SETTLE_ROUNDS = 64, AWAY_S = 3 * DAY_S /* in a drawer for so long is away too */ };

/* One check on its way up: when each rung is reached, worked out from what happened and never from what was reached before. */
struct climb {
    const struct ladder_input *in;
    const struct ladder *ladder;
    const struct result *result;
    struct ladder_clock clock;
    struct calendar_hours hours;
    unsigned notices;
    int64_t first_notice_s, closing_notice_s; /* LADDER_NEVER: not delivered yet */
    struct relapse relapse;
    int64_t notice_before_s;
    unsigned per_day;                         /* 0: no limit */
    int64_t reached_s[POLICY_MAX_RUNGS];
};

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- notices ---- */

/* A notice of an earlier failure, not yet forgotten, says nothing about this one. */
static void count_notices(struct climb *c)
{
    const struct told *told = person_told(c->in->person, c->in->device->id, c->result->check);
    c->first_notice_s = c->closing_notice_s = LADDER_NEVER;
    c->relapse = ladder_relapse(c->in, c->result, told);
    if (told == NULL)
        return;
    unsigned kept = told->count < TOLD_TIMES ? told->count : TOLD_TIMES;
    int64_t from_s = c->relapse.goes_on ? 0 : c->result->first_failed_s;
    for (unsigned i = 0; i < kept; i++) {
        if (told->at_s[i] < from_s)
            continue;
        c->notices++;
        if (c->notices == 1)
            c->first_notice_s = told->at_s[i];
        if (c->notices == c->ladder->notices_before_close)
            c->closing_notice_s = told->at_s[i];
    }
    if (told->count > TOLD_TIMES && told->last_s >= from_s)
        c->notices += told->count - TOLD_TIMES;
    if (c->ladder->notices_before_close == 0)
        c->closing_notice_s = 0;
    else if (c->closing_notice_s == LADDER_NEVER && c->notices >= c->ladder->notices_before_close)
        c->closing_notice_s = told->last_s; /* its own time was not kept */
}

/* ---- grace ---- */

/* A device that was off for days comes back to somebody who was not there to fix it. */
static int64_t after_drawer(const struct ladder_input *in, int64_t at_s)
{
    for (size_t i = 1; i < in->device->on_count; i++) {
        int64_t off_s = in->device->on[i - 1].to_s, on_s = in->device->on[i].from_s;
        if (on_s - off_s >= AWAY_S && at_s >= off_s)
            at_s = later(at_s, on_s + in->policy->grace.after_absence_s);
    }
    return at_s;
}

/* at_s, or the end of the graces that it is in: a new device, a person who is away or just back. */
static int64_t after_grace(const struct ladder_input *in, int64_t at_s)
{
    if (in->device->enrolled_s > 0)
        at_s = later(at_s, in->device->enrolled_s + in->policy->grace.new_device_s);
    for (size_t i = 0; i < in->person->absence_count; i++) {
        const struct interval *away = &in->person->absences[i].time;
        if (at_s < away->from_s)
            continue;
        if (away->to_s == 0)
            return LADDER_NEVER;
        at_s = later(at_s, away->to_s + in->policy->grace.after_absence_s);
    }
    return after_drawer(in, at_s);
}

/* ---- what changed meanwhile ---- */

/* What is warned of or closed after an exemption is so anew, within the graces of that time; what is closed, with the time to be told of it. */
static int64_t after_exemptions(const struct climb *c, int64_t notice_s, int64_t at_s)
{
    const struct exemption *of_check = NULL;
    size_t count = exemptions_of_check(c->in->exemptions, c->result->check, &of_check);
    for (size_t i = 0; i < count; i++) {
        const struct exemption *e = &of_check[i];
        bool held = (e->state == EXEMPTION_APPROVED || e->state == EXEMPTION_ENDED) && e->start_s <= c->in->now_s;
        int64_t end_s = e->ended_s != 0 && e->ended_s < e->end_s ? e->ended_s : e->end_s;
        if (held && end_s > e->start_s && exemption_concerns(e, c->in->person, c->in->device, c->result->check))
            at_s = later(at_s, end_s + notice_s);
    }
    return at_s;
}

static bool is_in_force(const struct climb *c)
{
    const struct policy *p = c->in->policy;
    return c->ladder >= p->ladders && c->ladder < p->ladders + p->ladder_count;
}

/* Recorded on this rung, or a later one, before the ring moved or the policy changed: then that made nothing stricter here. */
static bool stood_before(const struct climb *c, size_t rung, int64_t moved_s)
{
    const struct device *device = c->in->device;
    for (size_t i = rung; i < c->ladder->rung_count; i++)
        if (span_equal(c->ladder->rungs[i].id, device->rung))
            return device->rung_s != 0 && device->rung_s < moved_s;
    return false;
}

/* People whom the ring reached later have their notice from then on. */
static int64_t strict_since(const struct climb *c, size_t rung, int64_t since_s)
{
    const struct ring *ring = c->in->ring;
    bool of_this_policy = since_s != 0 && since_s == c->in->strictness->applied_s;
    if (!of_this_policy || ring == NULL || ring->since_s <= since_s || stood_before(c, rung, ring->since_s))
        return since_s;
    return ring->since_s;
}

/* The earliest moment at which the rung may close, by all that was said of it so far: each step's own time, or the notice of its change. */
static int64_t after_changes(const struct climb *c, size_t rung, int64_t first_s, int64_t at_s)
{
    const struct strictness *strictness = c->in->strictness;
    if (strictness == NULL || !is_in_force(c))
        return at_s;
    int64_t check_s = strict_since(c, rung, strictness_check(strictness, c->result->check)), best_s = LADDER_NEVER;
    const struct strict_rung *r = strictness_rung(strictness, c->ladder->id, c->ladder->rungs[rung].id);
    if (check_s != 0 && !(at_s < check_s && stood_before(c, rung, check_s))) /* what was closed rightly stays closed */
        at_s = later(at_s, check_s + c->notice_before_s);
    for (size_t i = 0; r != NULL && i < r->count; i++) {
        int64_t since_s = strict_since(c, rung, r->steps[i].since_s);
        int64_t step_s = rung == 0 ? c->result->visible_s + r->steps[i].after_s : ladder_clock_reach(&c->clock, first_s, ladder_relapse_after(&c->relapse, r->steps[i].after_s));
        if (since_s != 0)
            step_s = later(step_s, since_s + c->notice_before_s);
        best_s = step_s < best_s ? step_s : best_s;
    }
    return r != NULL && r->count > 0 ? later(at_s, best_s) : at_s;
}

/* ---- when a rung may be reached ---- */

static unsigned reached_on_day_of(const struct climb *c, size_t rung, int64_t at_s)
{
    unsigned count = 0;
    int32_t day = calendar_local(c->in->calendar, c->hours.zone, at_s).day;
    for (size_t i = 0; i < rung; i++)
        count += calendar_local(c->in->calendar, c->hours.zone, c->reached_s[i]).day == day;
    return count;
}

/* Nobody can get help in the last working hour before days off: that waits for the next working day. */
static int64_t out_of_last_hour(const struct climb *c, int64_t at_s)
{
    if (c->hours.to_minute - c->hours.from_minute <= HOUR_S / 60)
        return at_s;
    int64_t next_s = calendar_next_window(&c->hours, at_s + HOUR_S);
    int64_t tomorrow_s = calendar_next_day(c->in->calendar, c->hours.zone, at_s);
    return next_s >= calendar_next_day(c->in->calendar, c->hours.zone, tomorrow_s) ? next_s : at_s;
}

static int64_t obey_rise(const struct climb *c, size_t rung, int64_t at_s)
{
    if (c->per_day > 0 && reached_on_day_of(c, rung, at_s) >= c->per_day)
        at_s = calendar_next_day(c->in->calendar, c->hours.zone, at_s);
    if (!c->ladder->rise.working_hours)
        return at_s;
    return out_of_last_hour(c, calendar_next_window(&c->hours, at_s));
}

/* Each rule may move the time into what another forbids, so they are asked in turn until none moves it. */
static int64_t settle(const struct climb *c, size_t rung, bool is_consequence, int64_t at_s)
{
    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        int64_t before_s = at_s;
        if (is_consequence)
            at_s = after_grace(c->in, at_s);
        if (is_consequence || rung > 0)
            at_s = at_s == LADDER_NEVER ? at_s : ladder_clock_resume(&c->clock, at_s);
        if (at_s == LADDER_NEVER)
            return at_s;
        if (rung > 0)
            at_s = obey_rise(c, rung, at_s);
        if (at_s == before_s)
            return at_s;
    }
    return at_s;
}

/* `expected_s`: when notices that are missing are taken to be delivered; LADDER_NEVER: not. */
static int64_t time_of(const struct climb *c, size_t rung, int64_t expected_s)
{
    const struct rung *r = &c->ladder->rungs[rung];
    bool is_consequence = r->close != 0 || r->login == LOGIN_WARN;
    int64_t first_s = c->first_notice_s != LADDER_NEVER ? c->first_notice_s : expected_s;
    int64_t closing_s = c->closing_notice_s != LADDER_NEVER ? c->closing_notice_s : expected_s;
    int64_t at_s = c->result->visible_s + r->after_s;
    if (rung > 0) {
        if (first_s == LADDER_NEVER)
            return LADDER_NEVER;
        at_s = ladder_clock_reach(&c->clock, first_s, ladder_relapse_after(&c->relapse, r->after_s));
        at_s = at_s == LADDER_NEVER ? at_s : later(at_s, first_s + c->notice_before_s);
        at_s = later(at_s, c->reached_s[rung - 1]);
    }
    if (is_consequence)
        at_s = after_exemptions(c, r->close != 0 ? c->notice_before_s : 0, at_s);
    if (r->close != 0)
        at_s = after_changes(c, rung, first_s, later(at_s, closing_s));
    at_s = at_s == LADDER_NEVER ? at_s : settle(c, rung, is_consequence, at_s);
    return c->in->frozen && at_s > c->in->now_s ? LADDER_NEVER : at_s;
}

/* ---- one standing ---- */

static bool has_consequence(const struct rung *r) { return r->close != 0 || r->login == LOGIN_WARN || r->end_sessions || !span_empty(r->mdm); }

/* How many of its rungs are in force: consequences only grow, so all that have none come first. */
static size_t rungs_in_force(const struct ladder *ladder, enum rollout_stage stage)
{
    size_t count = 0;
    if (stage == STAGE_REPORT)
        return 0;
    while (count < ladder->rung_count && (stage == STAGE_ENFORCE || !has_consequence(&ladder->rungs[count])))
        count++;
    return count;
}

static void climb_reached(struct climb *c, struct standing *s)
{
    size_t in_force = rungs_in_force(c->ladder, s->stage);
    for (size_t i = 0; i < c->ladder->rung_count; i++) {
        const struct rung *r = &c->ladder->rungs[i];
        c->reached_s[i] = time_of(c, i, LADDER_NEVER);
        if (c->reached_s[i] > c->in->now_s)
            return;
        s->would.rung = (int)i;
        s->would.rung_s = c->reached_s[i];
        s->would.closed = r->close;
        s->would.warn = r->login == LOGIN_WARN;
        s->told = s->told || (r->nudge && s->stage != STAGE_REPORT);
        if (i >= in_force)
            continue;
        s->rung = (int)i;
        s->rung_s = s->would.rung_s;
        s->closed = s->would.closed;
        s->warn = s->would.warn;
    }
}

/* What comes next if everything stays as it is, and notices that are missing are delivered now: so the date that a notice names is never too late. */
static void climb_further(struct climb *c, struct standing *s)
{
    int64_t now_s = c->in->now_s;
    size_t in_force = rungs_in_force(c->ladder, s->stage);
    for (size_t i = (size_t)(s->would.rung + 1); i < c->ladder->rung_count; i++) {
        const struct rung *r = &c->ladder->rungs[i];
        c->reached_s[i] = time_of(c, i, now_s);
        if (c->reached_s[i] == LADDER_NEVER)
            return;
        int64_t at_s = c->reached_s[i] > now_s ? c->reached_s[i] : 0; /* it waits for a notice alone: no time can be named */
        if (i == (size_t)(s->would.rung + 1))
            s->would.next_s = at_s;
        if (i >= in_force)
            return;
        if (i == (size_t)(s->rung + 1))
            s->next_s = at_s;
        if (r->close & ~s->closed) {
            s->next_close = (int)i;
            s->close_s = at_s;
            return;
        }
    }
}

static bool waits_for_notice(const struct climb *c, const struct standing *s)
{
    size_t next = (size_t)(s->rung + 1);
    if (next >= rungs_in_force(c->ladder, s->stage))
        return false;
    bool needs_first = next > 0 && c->first_notice_s == LADDER_NEVER;
    return needs_first || (c->ladder->rungs[next].close != 0 && c->closing_notice_s == LADDER_NEVER);
}

/* In stage report no message goes out, and later rungs wait for them: they are taken to be delivered one a day, as soon as the first rung allows. */
static void imagine_notices(struct climb *c)
{
    const struct policy *policy = c->in->policy;
    int64_t at_s = c->ladder->rungs[0].nudge ? time_of(c, 0, LADDER_NEVER) : LADDER_NEVER;
    for (unsigned n = c->notices; at_s != LADDER_NEVER && n < c->ladder->notices_before_close; n++) {
        at_s = calendar_next_window(&c->hours, at_s);
        c->notices += at_s <= c->in->now_s;
        if (c->first_notice_s == LADDER_NEVER)
            c->first_notice_s = at_s;
        if (n + 1 == c->ladder->notices_before_close)
            c->closing_notice_s = at_s;
        at_s = later(calendar_next_day(c->in->calendar, c->hours.zone, at_s), at_s + policy->nudges.apart_s);
    }
}

static bool fill_climb(struct climb *c, const struct standing *s, struct arena *arena)
{
    bool urgent = s->check->severity == SEVERITY_URGENT;
    int64_t before_s = s->ladder->rise.notice_before_s;
    c->notice_before_s = urgent && before_s > URGENT_NOTICE_S ? URGENT_NOTICE_S : before_s;
    c->per_day = urgent ? 0 : s->ladder->rise.per_day;
    c->hours = calendar_hours(c->in->calendar, c->in->policy, c->in->person, c->in->holidays);
    count_notices(c);
    if (!ladder_clock_make(c->in, s->check, s->result, s->ladder->pauses, arena, &c->clock))
        return false;
    if (s->stage == STAGE_REPORT)
        imagine_notices(c);
    return true;
}

static bool stand(const struct ladder_input *in, struct arena *arena, struct standing *s)
{
    struct climb c = { .in = in, .ladder = s->ladder, .result = s->result };
    if (s->ladder == NULL || s->ladder->rung_count == 0)
        return true;
    if (!fill_climb(&c, s, arena))
        return false;
    s->notices = c.notices;
    s->carried_s = c.relapse.carried_s;
    if (c.first_notice_s != LADDER_NEVER)
        s->running_s = later(0, ladder_clock_running(&c.clock, c.first_notice_s, in->now_s) - c.relapse.flapped_s);
    s->paused = ladder_clock_paused(&c.clock, in->now_s) | (in->frozen ? PAUSE_INCIDENT : 0u);
    int64_t grace_s = after_grace(in, in->now_s);
    s->grace_until_s = grace_s > in->now_s && grace_s != LADDER_NEVER ? grace_s : 0;
    climb_reached(&c, s);
    climb_further(&c, s);
    s->waiting_for_notice = waits_for_notice(&c, s);
    return true;
}

int64_t ladder_closes_at(const struct ladder_input *in, const struct standing *s, unsigned sensitivity, struct arena *arena)
{
    struct climb c = { .in = in, .ladder = s->ladder, .result = s->result };
    struct standing again = *s;
    unsigned bit = 1U << sensitivity;
    if (s->ladder == NULL || (s->closed & bit) != 0 || s->stage != STAGE_ENFORCE || !fill_climb(&c, s, arena))
        return 0;
    climb_reached(&c, &again);
    for (size_t i = (size_t)(s->rung + 1); i < c.ladder->rung_count; i++) {
        c.reached_s[i] = time_of(&c, i, in->now_s);
        if (c.reached_s[i] == LADDER_NEVER)
            return 0;
        if (c.ladder->rungs[i].close & bit)
            return c.reached_s[i] > in->now_s ? c.reached_s[i] : 0;
    }
    return 0;
}

/* ---- all standings of a device ---- */

static const struct ladder *ladder_for(const struct ladder_input *in, const struct check *check, enum rollout_stage *stage)
{
    *stage = check->stage;
    if (in->person == NULL || in->person->removed)
        return NULL;
    return ring_ladder(in->ring, in->policy, check, in->person, stage);
}

/* What is exempted is shown and stands nowhere. */
static void set_valves(const struct ladder_input *in, struct standing *s)
{
    s->exemption = exemption_for(in->exemptions, in->person, in->device, s->check->id, in->now_s);
    s->ladder = ladder_for(in, s->check, &s->stage);
    if (s->exemption != NULL)
        s->ladder = NULL;
    s->snoozed = s->ladder == NULL ? NULL : person_snooze(in->person, in->device->id, s->check->id, in->now_s);
    if (s->snoozed != NULL && ladder_clock_snooze_end(in, s->check, s->snoozed) <= in->now_s)
        s->snoozed = NULL;
}

static int worst_first(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;
    if (a->rung != b->rung)
        return a->rung > b->rung ? -1 : 1;
    if (a->check->severity != b->check->severity)
        return a->check->severity > b->check->severity ? -1 : 1;
    if (a->check->minutes != b->check->minutes)
        return a->check->minutes < b->check->minutes ? -1 : 1;
    return span_compare(a->check->id, b->check->id);
}

static size_t count_visible(const struct device *device)
{
    size_t count = 0;
    for (size_t i = 0; i < device->result_count; i++)
        count += device->results[i].visible_s != 0;
    return count;
}

size_t ladder_standings(const struct ladder_input *in, struct arena *arena, struct standing **standings)
{
    size_t most = count_visible(in->device), count = 0;
    *standings = NULL;
    struct standing *all = most == 0 ? NULL : arena_array(arena, most, sizeof *all);
    for (size_t i = 0; all != NULL && i < in->device->result_count; i++) {
        const struct result *result = &in->device->results[i];
        const struct check *check = result->visible_s == 0 ? NULL : policy_check(in->policy, result->check);
        if (check == NULL)
            continue;
        all[count] = (struct standing){ .check = check, .result = result, .rung = -1, .next_close = -1, .would = { .rung = -1 } };
        set_valves(in, &all[count]);
        if (!stand(in, arena, &all[count]))
            return 0;
        count++;
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, worst_first);
        *standings = all;
    }
    return count;
}

static void sooner(int64_t *due_s, int64_t at_s)
{
    if (at_s > 0 && (*due_s == 0 || at_s < *due_s))
        *due_s = at_s;
}

size_t ladder_rungs_in_force(const struct standing *s) { return s->ladder == NULL ? 0 : rungs_in_force(s->ladder, s->stage); }

size_t ladder_shown(struct standing *standings, size_t count)
{
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        if (standings[i].stage == STAGE_REPORT)
            continue;
        struct standing up = standings[i];
        memmove(&standings[shown + 1], &standings[shown], (i - shown) * sizeof up); /* the order of both kinds stays */
        standings[shown++] = up;
    }
    return shown;
}

static void add_consequences(struct ladder_summary *sum, const struct standing *s)
{
    for (int i = 0; i <= s->rung; i++) {
        const struct rung *r = &s->ladder->rungs[i];
        sum->end_sessions = sum->end_sessions || r->end_sessions;
        sum->mdm = sum->mdm || !span_empty(r->mdm);
    }
    sum->closed |= s->closed;
    sum->warn = sum->warn || s->warn;
}

static void add_would(struct ladder_summary *sum, const struct standing *s, int *highest)
{
    if (s->stage == STAGE_ENFORCE || s->would.rung < 0)
        return;
    if (s->would.rung > *highest || (s->would.rung == *highest && s->would.rung_s < sum->would.rung_s)) {
        sum->would.rung = s->ladder->rungs[s->would.rung].id;
        sum->would.rung_s = s->would.rung_s;
    }
    *highest = s->would.rung > *highest ? s->would.rung : *highest;
    sum->would.closed |= s->would.closed;
    sum->would.warn = sum->would.warn || s->would.warn;
}

struct ladder_summary ladder_summary(const struct ladder_input *in, const struct standing *standings, size_t count)
{
    struct ladder_summary sum = { 0 };
    int highest_would = -1;
    for (size_t i = 0; i < count; i++) {
        const struct standing *s = &standings[i];
        sooner(&sum.due_s, s->next_s > in->now_s ? s->next_s : 0);
        sooner(&sum.due_s, s->would.next_s > in->now_s ? s->would.next_s : 0);
        sooner(&sum.due_s, s->grace_until_s > in->now_s ? s->grace_until_s : 0);
        sum.nudge = sum.nudge || s->told;
        add_would(&sum, s, &highest_would);
        if (s->rung < 0)
            continue;
        const struct rung *r = &s->ladder->rungs[s->rung];
        if (span_empty(sum.rung)) { /* worst first */
            sum.rung = r->id;
            sum.rung_s = s->rung_s;
        } else if (span_equal(sum.rung, r->id) && s->rung_s < sum.rung_s) {
            sum.rung_s = s->rung_s;
        }
        add_consequences(&sum, s);
    }
    return sum;
}
