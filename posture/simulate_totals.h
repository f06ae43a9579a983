/* simulate_totals: what a simulation comes to: counts by day, app and rung, and the first so many by name. One for each thread, added up at the end.
 * A closing is a device on which an app was open and closes; people are counted once each, whatever closes and however often. Pure. */
#ifndef POSTURE_SIMULATE_TOTALS_H
#define POSTURE_SIMULATE_TOTALS_H
#include "posture/simulate.h"

enum { SIMULATE_NAMES_MOST = 10000 };
/* [0]: by ladders in force; [1]: by ladders in stage nudge or report, which would. */
struct simulated_closings { uint64_t devices, persons, by_sensitivity[POLICY_MAX_SENSITIVITIES]; /* devices on which it closed, once for each closing */ };
struct simulated_day { int64_t from_s; int32_t day; /* yyyymmdd in the organisation's zone */ uint64_t nudges; uint64_t closings[2]; };
struct simulated_rung { struct span ladder, rung; uint64_t devices[2]; /* that reached it */ };
/* A closing by name; texts are copied. */
struct simulated_name { int64_t at_s; bool in_force; char person[32], email[96], device[32], name[64], rung[64], check[64]; unsigned closes; };
struct simulate_totals {
    const struct policy *policy;
    struct arena *arena;                /* of the days and rungs */
    struct simulated_day *days; size_t day_count;
    struct simulated_rung *rungs; size_t rung_count;
    struct simulated_closings closings[2];
    uint64_t persons, devices, nudges, nudged_persons, cut_short /* people given up: too many steps, or no memory */;
    struct simulated_name *names; size_t name_count, name_room; uint64_t names_all; /* earliest first once they are added up */
    /* of the person that is being simulated */
    unsigned seen;
};
/* The days from from_s to to_s. `names`: how many by name, at most SIMULATE_NAMES_MOST. False when memory is short. Borrows policy, calendar and arena. */
MUST_CHECK bool simulate_totals_init(struct simulate_totals *t, const struct simulate_options *options, size_t names, struct arena *arena);
void simulate_totals_done(struct simulate_totals *t);
void simulate_totals_person(struct simulate_totals *t, size_t devices); /* before each person */
void simulate_totals_event(void *totals, const struct simulated_event *e); /* as simulate_event_fn */
/* Names earliest first, as many as were asked for; adding sorts too. */
void simulate_totals_sort(struct simulate_totals *t);
void simulate_totals_add(struct simulate_totals *to, const struct simulate_totals *from);

#endif
