#include "posture/ladder_clock.h"

#include "posture/evaluate.h"
#include "posture/strictness.h"

#include <limits.h>
#include <stdlib.h>

enum { HOLIDAYS_AHEAD = 200 /* of a region: years of them */ };

struct stops { struct ladder_stop *all; size_t count, room; };

/* `to_s` 0: no end is known. */
static void add(struct stops *s, int64_t from_s, int64_t to_s, unsigned kind)
{
    int64_t end_s = to_s == 0 ? LADDER_NEVER : to_s;
    if (from_s < end_s && s->count < s->room)
        s->all[s->count++] = (struct ladder_stop){ from_s, end_s, kind };
}

static void add_absences(struct stops *s, const struct person *person)
{
    for (size_t i = 0; i < person->absence_count; i++)
        add(s, person->absences[i].time.from_s, person->absences[i].time.to_s, PAUSE_ABSENCE);
}

static void add_disputes(struct stops *s, const struct person *person, const struct device *device, const struct check *check)
{
    for (size_t i = 0; i < person->dispute_count; i++)
        if (span_equal(person->disputes[i].device, device->id) && span_equal(person->disputes[i].check, check->id))
            add(s, person->disputes[i].time.from_s, person->disputes[i].time.to_s, PAUSE_DISPUTE);
}

int64_t ladder_clock_snooze_end(const struct ladder_input *in, const struct check *check, const struct snooze *snooze)
{
    const struct interval *time = &snooze->time;
    if (check->snooze || (!check->hard && check->severity != SEVERITY_URGENT))
        return time->to_s;
    int64_t since_s = strictness_check(in->strictness, check->id);
    return since_s < time->from_s ? time->from_s : since_s < time->to_s ? since_s : time->to_s;
}

static void add_snoozes(struct stops *s, const struct ladder_input *in, const struct check *check)
{
    for (size_t i = 0; i < in->person->snooze_count; i++) {
        const struct snooze *snooze = &in->person->snoozes[i];
        int64_t to_s = ladder_clock_snooze_end(in, check, snooze);
        if (to_s > snooze->time.from_s && span_equal(snooze->device, in->device->id) && span_equal(snooze->check, check->id))
            add(s, snooze->time.from_s, to_s, PAUSE_SNOOZE);
    }
}

/* The end that counts: somebody ended it before its date. */
static int64_t end_of(const struct exemption *e) { return e->ended_s != 0 && e->ended_s < e->end_s ? e->ended_s : e->end_s; }

static void add_exemptions(struct stops *s, const struct ladder_input *in, const struct exemption *of_check, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct exemption *e = &of_check[i];
        if ((e->state == EXEMPTION_APPROVED || e->state == EXEMPTION_ENDED) && exemption_concerns(e, in->person, in->device, e->check))
            add(s, e->start_s, end_of(e), PAUSE_EXEMPTION);
    }
}

/* Those of the person's region, of every wider one and of everybody, from the day of the failure on. Without `s` they are only counted. */
static size_t add_holidays(const struct ladder_input *in, const struct calendar_hours *h, int32_t from_day, struct stops *s)
{
    size_t count = 0;
    for (size_t bytes = 0; bytes <= h->region.bytes; bytes++) {
        bool is_region = bytes == 0 || bytes == h->region.bytes || h->region.at[bytes] == '-';
        const struct holiday *first = NULL;
        size_t ahead = is_region ? calendar_holidays(h, bytes, from_day, &first) : 0;
        for (size_t i = 0; i < ahead && i < HOLIDAYS_AHEAD; i++, count++) {
            if (s == NULL)
                continue;
            int64_t from_s = calendar_day_start(in->calendar, h->zone, first[i].day);
            add(s, from_s, calendar_next_day(in->calendar, h->zone, from_s), PAUSE_HOLIDAY);
        }
    }
    return count;
}

/* What lies between the stretches in which it was on. One that is silent now was off from its last slot until now. */
static void add_off(struct stops *s, const struct device *device, int64_t now_s)
{
    for (size_t i = 0; i < device->on_count; i++)
        add(s, i == 0 ? 0 : device->on[i - 1].to_s, device->on[i].from_s, PAUSE_DEVICE_OFF);
    int64_t silent_s = device->seen_s + ON_SLOT_S;
    if (device->on_count > 0 && device->on[device->on_count - 1].to_s != 0)
        silent_s = device->on[device->on_count - 1].to_s;
    if (silent_s <= now_s)
        add(s, silent_s, now_s + 1, PAUSE_DEVICE_OFF); /* + 1: off at this very second too */
}

/* A pause that was over before the failure was seen stops nothing of it; there may be years of them. */
static bool matters(const struct pause *p, const struct result *result) { return p->time.to_s == 0 || p->time.to_s > result->visible_s; }

static size_t count_pauses(const struct ladder_input *in, const struct result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < in->pause_count; i++)
        count += matters(&in->pauses[i], result);
    return count;
}

/* While frozen, an incident without an end stops every ladder, whatever its pauses: nothing rises. */
static void add_pauses(struct stops *s, const struct ladder_input *in, const struct result *result, unsigned pauses)
{
    for (size_t i = 0; i < in->pause_count; i++) {
        const struct pause *p = &in->pauses[i];
        bool freezes = in->frozen && p->kind == PAUSE_INCIDENT && p->time.to_s == 0;
        if (matters(p, result) && ((pauses & (unsigned)p->kind) != 0 || freezes))
            add(s, p->time.from_s, p->time.to_s, (unsigned)p->kind);
    }
    if (in->frozen)
        add(s, in->now_s + 1, 0, PAUSE_INCIDENT);
}

/* Only a failure that was seen lately moves the clock: not one that is being mended, and not one that nobody can see any more. What could not be seen then is not
 * counted afterwards either: nobody could have been told of a deadline in it. */
static void add_doubts(struct stops *s, const struct ladder_input *in, const struct check *check, const struct result *result)
{
    for (size_t i = 0; i < in->device->doubt_count; i++)
        if (span_equal(in->device->doubts[i].check, check->id))
            add(s, in->device->doubts[i].time.from_s, in->device->doubts[i].time.to_s, 0);
    int64_t since_s = evaluate_doubt(check, result, in->now_s);
    if (since_s != 0)
        add(s, since_s, 0, 0);
}

static int compare_stops(const void *left, const void *right)
{
    const struct ladder_stop *a = left, *b = right;
    return (a->from_s > b->from_s) - (a->from_s < b->from_s);
}

bool ladder_clock_make(const struct ladder_input *in, const struct check *check, const struct result *result, unsigned pauses, struct arena *arena, struct ladder_clock *out)
{
    const struct exemption *exemptions = NULL;
    size_t exemption_count = exemptions_of_check(in->exemptions, check->id, &exemptions);
    struct calendar_hours hours = calendar_hours(in->calendar, in->policy, in->person, in->holidays);
    int32_t from_day = (pauses & PAUSE_HOLIDAY) != 0 && in->holidays.count > 0 ? calendar_local(in->calendar, hours.zone, result->visible_s).day : INT32_MAX;
    struct stops s = { .room = in->person->absence_count + in->person->dispute_count + in->person->snooze_count + exemption_count + in->device->on_count +
                               add_holidays(in, &hours, from_day, NULL) + count_pauses(in, result) + in->device->doubt_count + 3 };
    s.all = arena_array(arena, s.room, sizeof *s.all);
    if (s.all == NULL)
        return false;
    if (pauses & PAUSE_ABSENCE)
        add_absences(&s, in->person);
    if (pauses & PAUSE_DISPUTE)
        add_disputes(&s, in->person, in->device, check);
    if (pauses & PAUSE_DEVICE_OFF)
        add_off(&s, in->device, in->now_s);
    add_snoozes(&s, in, check);
    add_exemptions(&s, in, exemptions, exemption_count);
    (void)add_holidays(in, &hours, from_day, &s);
    add_pauses(&s, in, result, pauses);
    add_doubts(&s, in, check, result);
    qsort(s.all, s.count, sizeof *s.all, compare_stops);
    *out = (struct ladder_clock){ s.all, s.count };
    return true;
}

int64_t ladder_clock_running(const struct ladder_clock *clock, int64_t from_s, int64_t to_s)
{
    int64_t at_s = from_s, running_s = 0;
    for (size_t i = 0; i < clock->count && at_s < to_s; i++) {
        const struct ladder_stop *stop = &clock->stops[i];
        if (stop->from_s > at_s)
            running_s += (stop->from_s < to_s ? stop->from_s : to_s) - at_s;
        if (stop->to_s > at_s)
            at_s = stop->to_s;
    }
    return at_s < to_s ? running_s + (to_s - at_s) : running_s;
}

int64_t ladder_clock_reach(const struct ladder_clock *clock, int64_t from_s, int64_t seconds)
{
    int64_t at_s = from_s, left_s = seconds;
    for (size_t i = 0; i < clock->count; i++) {
        const struct ladder_stop *stop = &clock->stops[i];
        if (stop->to_s <= at_s)
            continue;
        if (stop->from_s > at_s) {
            if (stop->from_s - at_s >= left_s)
                break;
            left_s -= stop->from_s - at_s;
        }
        at_s = stop->to_s;
        if (at_s == LADDER_NEVER)
            return LADDER_NEVER;
    }
    return at_s + left_s;
}

int64_t ladder_clock_resume(const struct ladder_clock *clock, int64_t at_s)
{
    for (size_t i = 0; i < clock->count; i++)
        if (clock->stops[i].kind != PAUSE_DEVICE_OFF && clock->stops[i].from_s <= at_s && at_s < clock->stops[i].to_s)
            at_s = clock->stops[i].to_s;
    return at_s;
}

unsigned ladder_clock_paused(const struct ladder_clock *clock, int64_t at_s)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < clock->count; i++)
        if (clock->stops[i].from_s <= at_s && at_s < clock->stops[i].to_s)
            kinds |= clock->stops[i].kind;
    return kinds;
}
