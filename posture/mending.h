/* mending: what a person was told, brought in line with what is so now. A pass is news at once, but only one that holds for PASS_HELD_S ends the failure: what
 * fails again sooner goes on where it was, and what comes back within RELAPSE_S takes the clock over (posture/ladder_relapse.h). Pure. */
#ifndef POSTURE_MENDING_H
#define POSTURE_MENDING_H
#include "posture/device.h"

enum mending_kind {
    MENDING_PASSES,    /* noted, not forgotten yet: at_s, used_s */
    MENDING_RESUMED,   /* it fails again within the hour: at_s */
    MENDING_RENEWED,   /* it fails again after a pass that held: what was told before it is forgotten; at_s */
    MENDING_FORGOTTEN, /* it passed for long enough: at_s, used_s; or nobody asks any more: neither */
    MENDING_RECURRED,  /* it came back in time, and goes on with the clock of before: at_s, used_s */
    MENDING_UNTOLD     /* it came back, and was mended before anybody was told: nothing is taken over from it */
};
struct mending {
    struct span device, check;
    enum mending_kind kind;
    int64_t at_s;      /* of the pass, or of the failure that is new */
    int64_t used_s;    /* of the running clock; of a pass, the caller's to fill in (ladder_used()) */
};

bool mending_passes(const struct result *r);
/* Of what was told, by the newest result. False: nothing new. *look_s: when a pass that is noted has held. */
bool mending_of_told(const struct told *t, const struct result *r, int64_t now_s, struct mending *out, int64_t *look_s);
/* Of something that was mended; `t`: what was told about it since, may be NULL. */
bool mending_of_mended(const struct mended *m, const struct told *t, const struct result *r, struct mending *out);
/* Carries it out on a person that nobody else has seen yet; what has to be kept is kept in `arena`. *done false: the record had moved on, and nothing was to do.
 * *seen: the pass had been noted before. False when memory is short. */
bool mending_apply(struct person *p, const struct mending *m, struct arena *arena, bool *done, bool *seen);
#endif
