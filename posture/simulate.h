/* simulate: the ladder, the messages and the decisions over time that has not come, or has passed, for one person with their devices. The same functions as
 * in production under another clock; it jumps from one time at which something may change to the next and never ticks. What it takes for granted:
 *   - failing checks go on failing and devices are checked as they are now, unless simulation_put_device() says otherwise;
 *   - a device is on as it was over the last days (the stretches that its record holds, again and again); one that was silent for a week stays off, and
 *     one of which no stretch is known is on;
 *   - every message that may be sent is delivered at that moment.
 * Pure; belongs to one thread. */
#ifndef POSTURE_SIMULATE_H
#define POSTURE_SIMULATE_H
#include "posture/decision.h"

enum { SIMULATE_DEVICES_MOST = 64 /* of one person */, SIMULATE_DAYS_MOST = 366 };
enum simulated { SIMULATED_NUDGE,   /* a message; items says about how many checks */
                 SIMULATED_RUNG,    /* a device reached another rung (rung; empty: none) */
                 SIMULATED_CLOSED,  /* more closes on a device: `closes` */
                 SIMULATED_OPENED };/* everything that was closed on it is open again */
struct simulated_event {
    enum simulated kind;
    int64_t at_s;
    bool in_force;                   /* false: by ladders in stage nudge or report, so it would be */
    const struct person *person;
    const struct device *device;     /* not of a message */
    struct span ladder, rung, check; /* texts live as long as the policy; check: the one that stands there, worst first */
    unsigned closes;                 /* sensitivities, more than before */
    unsigned items;
};
typedef void simulate_event_fn(void *context, const struct simulated_event *e);

struct simulate_options {
    const struct decision_input *world;  /* policy, calendar, ring, pauses, ...: what holds for everybody; its times are not read */
    int64_t from_s, to_s;
    simulate_event_fn *event;            /* NULL: none */
    void *context;
};
struct simulation;
/* Borrows person and devices (whose `on`, `results` and texts it reads) and `arena`, in which all of it lives, until the arena is reset. `before`: under
 * which everybody stands at from_s; what is closed by it then is not told as an event (NULL: nothing is). NULL when memory is short. */
struct simulation *simulation_open(const struct simulate_options *options, const struct decision_input *before, const struct person *person, const struct device *const *devices, size_t count,
                                   struct arena *arena);
/* On to at_s, telling what happens on the way. False when memory is short. */
MUST_CHECK bool simulation_advance(struct simulation *s, int64_t at_s);
/* A device is as this says from now on (after simulation_advance to that moment); one it does not have is added. Borrowed until the next of the same id. */
MUST_CHECK bool simulation_put_device(struct simulation *s, const struct device *device);
/* It is somebody else's from now on. */
void simulation_drop_device(struct simulation *s, struct span id);
/* What a door would be told at the moment that was advanced to. `device` empty: it named none. Texts and standings live in `scratch`. */
void simulation_decide(const struct simulation *s, const struct app *app, struct span device, struct arena *scratch, struct decision *out);
/* Open, advance to to_s. */
MUST_CHECK bool simulate_person(const struct simulate_options *options, const struct decision_input *before, const struct person *person, const struct device *const *devices, size_t count,
                                struct arena *arena);

#endif
