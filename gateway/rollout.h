/* rollout: how far the policy in force has come, in the control record "policy": "ring" {percent, halted, since, why, by} and "before" {version, text}, the
 * policy of those outside (posture/ring.h). A new policy starts with what its `rings` say; it is moved on by admins and taken back by whoever sees trouble
 * first. Blocks on the store. */
#ifndef GATEWAY_ROLLOUT_H
#define GATEWAY_ROLLOUT_H
#include "gateway/node.h"
#include "posture/base/from_json.h"
#include "posture/ports.h"
#include "posture/strictness.h"

enum ring_move { RING_ADVANCE,  /* to a larger share; at 100 the version before is forgotten */
                 RING_HALT,     /* everybody is outside until somebody looked */
                 RING_RESUME }; /* as it was before the halt */
struct ring_order {
    enum ring_move move;
    unsigned percent;        /* of RING_ADVANCE */
    struct span why, cause;  /* why may be empty */
    struct span version;     /* the policy that was looked at; another in force by now is ERR_CONFLICT. Empty: whichever */
    struct span figures;     /* JSON members for the event, "\"blocks\":12,\"limit\":10"; may be empty */
};
/* Event ring.advanced, ring.halted or ring.resumed. OK and *changed false when it was so already. ERR_CONFLICT: nobody is outside, or it is halted;
 * ERR_INPUT: not a larger share. */
MUST_CHECK enum err_code rollout_order(const struct node *node, struct store *store, const struct ring_order *order, bool *changed, struct err *err);

/* For publish.c: "ring" and "before" of a policy that follows the record `root` (an empty object: the first). With `whole` it is for everybody at once; with
 * `keep` the ring of the policy it follows goes on. False when memory is short. */
struct rollout_start { const struct policy *policy; bool whole, keep; struct span by; int64_t now_s; };
MUST_CHECK bool rollout_write_start(const struct from_json_value *root, const struct rollout_start *start, struct to_json *w);
/* What would hold for everybody if `after` took the place of the policy in force at now_s: what holds now, with that policy, its ring, and what it makes
 * stricter. For plans and simulations. Borrows `now` (the control in force) and `after`; the rest lives in `arena`. */
struct rollout_world { struct decision_input before, after; struct ring ring; struct strictness strictness; };
MUST_CHECK bool rollout_foresee(const struct directory *directory, const struct policy *after, int64_t now_s, struct arena *arena, struct rollout_world *out);
#endif
