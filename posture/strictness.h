/* strictness: since when each closing rung has been as strict as it is, so that a change of the policy closes nothing within rise.notice_before of the
 * change, and opens nothing that was closed rightly before it. Worked out from the two policies when one takes the other's place, and kept beside the
 * policy in force (control record "policy"): every node, and every restart, comes to the same. Pure.
 *
 * A rung that was reached after 7 days and is reached after 5 from now on has the steps {0, 7d} and {now, 5d}: it may close at 5 days, but not before
 * the earlier of 7 days and now + notice_before. A ladder that newly concerns somebody, or asks for fewer notices, stops for less or takes less care
 * otherwise, has its new step alone. */
#ifndef POSTURE_STRICTNESS_H
#define POSTURE_STRICTNESS_H
#include "posture/policy.h"

enum { STRICTNESS_STEPS = 4 };
struct strict_step { int64_t since_s /* 0: always */, after_s; };
struct strict_rung { struct span ladder, rung; struct strict_step steps[STRICTNESS_STEPS]; size_t count; }; /* ascending by since_s */
struct strict_check { struct span check; int64_t since_s; }; /* its severity changed then, it became harder, or what was seen of it counts for longer */
struct strictness { int64_t applied_s; /* the policy in force */ const struct strict_rung *rungs; size_t rung_count; const struct strict_check *checks; size_t check_count; };

/* NULL when it was always so. */
const struct strict_rung *strictness_rung(const struct strictness *s, struct span ladder, struct span rung);
int64_t strictness_check(const struct strictness *s, struct span check); /* since_s, 0: always */

/* What holds once `next` has taken the place of `old` at now_s; `before` is what held with `old`, may be NULL. Lives in `arena`. False when it is full. */
MUST_CHECK bool strictness_next(const struct policy *old, const struct strictness *before, const struct policy *next, int64_t now_s, struct arena *arena, struct strictness *out);
void strictness_to_json(const struct strictness *s, struct to_json *w);
/* `v` absent: nothing is strict since lately. Lenient to unknown members, strict in types. Texts are copied into the arena. */
struct from_json_value;
MUST_CHECK enum err_code strictness_from_json(const struct from_json_value *v, struct arena *arena, struct strictness *out, struct err *err);
#endif
