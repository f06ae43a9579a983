/* ladder, its messages: whether one may be started now, and if not, when. */
#include "posture/ladder.h"

enum { DAY_S = 86400, LOOK_AGAIN_S = 300, FROZEN_S = 3600, ROUNDS = 64 };

static bool is_under_way(const struct notice *n)
{
    return !span_empty(n->id) && (n->state == NOTICE_RESERVED || n->state == NOTICE_SENDING);
}

/* The end of the absences that at_s is in; without a known end, a day later it is asked again. */
static int64_t after_absence(const struct person *person, int64_t at_s)
{
    for (size_t i = 0; i < person->absence_count; i++) {
        const struct interval *away = &person->absences[i].time;
        if (at_s >= away->from_s && (away->to_s == 0 || at_s < away->to_s))
            at_s = away->to_s == 0 ? at_s + DAY_S : away->to_s;
    }
    return at_s;
}

/* Counted by the local date, so a policy cannot ask for more than one a day; a rarer rate is kept as a distance. */
static int64_t after_last(const struct nudge_input *in)
{
    const struct person *p = in->person;
    if (p->nudge_s == 0)
        return in->now_s;
    int64_t distance_s = in->policy->nudges.apart_s;
    int64_t rate_s = in->policy->nudges.count > 0 ? in->policy->nudges.per_s / in->policy->nudges.count : 0;
    if (rate_s > DAY_S && rate_s > distance_s)
        distance_s = rate_s;
    int64_t at_s = p->nudge_s + distance_s;
    return at_s > in->now_s ? at_s : in->now_s;
}

static int64_t after_today(const struct nudge_input *in, struct span zone, int64_t at_s)
{
    bool spent = in->person->nudge_day != 0 && calendar_local(in->calendar, zone, at_s).day <= in->person->nudge_day;
    return spent ? calendar_next_day(in->calendar, zone, at_s) : at_s;
}

static struct nudge_plan later(int64_t at_s, const char *why) { return (struct nudge_plan){ .at_s = at_s, .why = span_of(why) }; }

struct nudge_plan ladder_nudge(const struct nudge_input *in)
{
    struct calendar_hours hours = calendar_write_hours(in->calendar, in->policy, in->person, in->holidays);
    struct span zone = hours.zone;
    if (in->item_count == 0)
        return later(0, "there is nothing to tell");
    if (in->frozen)
        return later(in->now_s + FROZEN_S, "consequences are frozen");
    if (is_under_way(&in->person->notice))
        return later(in->now_s + LOOK_AGAIN_S, "a message is under way");
    int64_t at_s = after_last(in);
    const char *why = at_s > in->now_s ? "the last message was not long ago" : "";
    for (int round = 0; round < ROUNDS; round++) {
        int64_t before_s = at_s, away_s = after_absence(in->person, at_s), day_s = after_today(in, zone, away_s);
        at_s = calendar_next_window(&hours, day_s);
        if (at_s == before_s)
            break;
        if (why[0] == '\0')
            why = away_s > before_s ? "the person is away" : day_s > away_s ? "today's message was sent" : "outside of the hours for messages";
    }
    if (at_s > in->now_s)
        return later(at_s, why);
    return (struct nudge_plan){ .send = true, .at_s = in->now_s, .local_day = calendar_local(in->calendar, zone, in->now_s).day };
}
