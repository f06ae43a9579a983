/* ring: how far the policy in force has come. People in the ring have its ladders; all others keep those of the version before, so that a new policy can
 * meet a few first and be taken back from them at once. A person's place is a stable hash of the id: the same on every node, and who is in at 5 % is in
 * at 25 % too. Everything else of a policy (apps, checks, hours of messages) is in force for all. Pure. */
#ifndef POSTURE_RING_H
#define POSTURE_RING_H
#include "posture/policy.h"

enum { RING_WHOLE_PERCENT = 100 };
struct ring {
    unsigned percent;
    const struct span *groups; size_t group_count; /* everybody in these too */
    bool halted;                                   /* nobody is in it */
    int64_t since_s;                               /* the policy was applied, or the ring last moved; 0: not known */
    struct span why, by;                           /* of the last move */
    const struct policy *before;                   /* for the others; NULL: they have no ladder */
    const struct ladder *ladders;                  /* those of `before`, with the sensitivities as the policy in force counts them */
};
/* What the policy's text asks for, nothing having happened since. Borrows from it. */
struct ring ring_of(const struct policy *policy);
bool ring_is_whole(const struct ring *ring);
bool ring_has(const struct ring *ring, const struct person *person);
/* Fills before and ladders; the ladders live in `arena`. False when it is full. `before` NULL: nothing. */
MUST_CHECK bool ring_stand_on(struct ring *ring, const struct policy *policy, const struct policy *before, struct arena *arena);
/* The ladder of this check for this person, who is escalated, and its stage or the check's, whichever does less. NULL: none applies.
 * `ring` NULL: ring_of(policy). */
const struct ladder *ring_ladder(const struct ring *ring, const struct policy *policy, const struct check *check, const struct person *person, enum rollout_stage *stage);

#endif
