/* ladder_relapse: what a failure takes over from the one before it. Private to posture/ladder*.c. Pure.
 *
 * A pass that did not hold for PASS_HELD_S was no end: the failure goes on, with its notices, without the time in which it passed.
 * One that held ends the failure. What fails again within RELAPSE_S of that pass has notices of its own, and the old clock: from its first notice on, each later
 * rung has half of the time that was left to it at the pass. What that failure had taken over itself counts as used. */
#ifndef POSTURE_LADDER_RELAPSE_H
#define POSTURE_LADDER_RELAPSE_H
#include "posture/ladder.h"

struct relapse {
    bool goes_on;        /* notices of before count */
    int64_t flapped_s;   /* it passed for so long between, never for PASS_HELD_S */
    int64_t carried_s;   /* running time that earlier failures had used up; 0: its clock is its own */
};
/* `told` of this check of this device; may be NULL. */
struct relapse ladder_relapse(const struct ladder_input *in, const struct result *result, const struct told *told);
/* Running time from the first notice until a rung with this `after` may be reached. */
int64_t ladder_relapse_after(const struct relapse *r, int64_t after_s);
#endif
