/* evaluate: policy + observations + previous device + now -> the new device state, and what changed. Pure. */
#ifndef POSTURE_EVALUATE_H
#define POSTURE_EVALUATE_H
#include "posture/policy.h"

/* One answer about one check, or pushed facts. */
struct observation {
    const struct check *check;
    bool failed;                          /* the query failed: unknown, `message` says why */
    struct span message;
    const struct from_json_value *rows;   /* array of objects of text (or numbers); NULL when failed */
    struct span source;                   /* "osquery" */
    int64_t observed_s;                   /* clamped to now by the caller's receipt rule */
};
struct result_change { struct span check; enum verdict from, to; bool became_visible; };
struct evaluation {
    bool changed;                         /* some result or kept fact differs: commit; otherwise a refresh is enough */
    bool doubted;                         /* a doubt was written down (device->doubts): a failure is certain again */
    const struct result_change *changes; size_t change_count; /* verdict changes and becoming visible, for the events */
};
/* Judges the observations and edits `device` (an unpublished copy, with its facts) in place: results, facts, times. Observations older
 * than the result they concern, or of a check that does not apply to the platform, are ignored. A failure becomes visible by the policy's
 * visible_after; at its first read when the check is urgent or the read answers a recheck (device->recheck_s). Only a pass, or no longer
 * applying, clears first_failed_s and visible_s: unknown and in progress keep them. Rows are kept as the fact "check:<id>", an array of
 * objects with the named columns; when rows had to be left out (more than 20, or FACT_VALUE_BYTES), its last item is their number.
 * On an error the results and facts are those from before. Changes live in `arena`, and name checks of the policy's or device's life. */
MUST_CHECK enum err_code evaluate_observations(const struct policy *policy, struct device *device, const struct observation *observations, size_t count,
                                               int64_t now_s, struct arena *arena, struct evaluation *out, struct err *err);
/* Pushed facts: replaces facts by name; drops those that no check in force names (counted in *dropped); re-judges the checks that read them,
 * over the rows kept where a check reads both. A fact that is not JSON is ERR_INPUT, too many are ERR_LIMIT; then nothing has changed. */
struct pushed_fact { struct span name, value /* JSON */, source; int64_t observed_s, expires_s; };
MUST_CHECK enum err_code evaluate_facts(const struct policy *policy, struct device *device, const struct pushed_fact *facts, size_t count, int64_t now_s,
                                        struct arena *arena, struct evaluation *out, size_t *dropped, struct err *err);
/* After a policy change, or to let facts expire: judges all from what is stored; removes results and facts of checks not in force. */
MUST_CHECK enum err_code evaluate_again(const struct policy *policy, struct device *device, int64_t now_s, struct arena *arena, struct evaluation *out, struct err *err);
/* Whether evaluate_again() may find something otherwise after a policy change: told from the results alone, so also where facts are left out. */
bool evaluate_may_differ(const struct policy *policy, const struct device *device);
/* A result alone, of a check that applies, by how long its check's answers are fresh. The first second in which it counts as unknown, and what it says at `now`; NULL: never
 * answered. */
static inline int64_t evaluate_result_end(int64_t fresh_for_s, const struct result *result)
{
    int64_t stale_s = result->evaluated_s + fresh_for_s + 1;
    return result->valid_until_s != 0 && result->valid_until_s < stale_s ? result->valid_until_s : stale_s;
}
static inline enum verdict evaluate_result(int64_t fresh_for_s, const struct result *result, int64_t now_s)
{
    return result == NULL || now_s >= evaluate_result_end(fresh_for_s, result) ? VERDICT_UNKNOWN : result->verdict;
}
/* The verdict of one check at `now`, age considered: a result past evaluate_end() counts as unknown, a check that does not apply to the
 * platform as not applicable, one never answered as unknown. */
enum verdict evaluate_now(const struct check *check, const struct device *device, const struct result *result, int64_t now_s);
/* The first second in which a result, left alone, counts as unknown: older than fresh_for, or resting on a pushed fact that has ended. */
int64_t evaluate_end(const struct check *check, const struct result *result);
/* Of a failing check: since when nothing certain is known of it, because it could not be told, or nobody has looked for longer than fresh_for; 0: it is
 * certain now. The ladder's clock stands still from then on, and for good in the stretches that are over (device->doubts). */
int64_t evaluate_doubt(const struct check *check, const struct result *result, int64_t now_s);
/* Checks that the device should be asked now: due by interval, by recheck, or because the check changed. Writes indexes into policy->checks;
 * returns how many (at most `most`). `asked_s`: when the same were last handed out to it, 0 never; asked again after 2 polls (`again_after_s`). */
size_t evaluate_due(const struct policy *policy, const struct device *device, int64_t now_s, int64_t asked_s, int64_t again_after_s, unsigned *indexes, size_t most);
/* Of those due, the ones that nobody waits for and whose interval is not over: they are due because the check is new here, or was changed. After a policy change every device
 * has such at once. Takes them out; returns how many are left. */
size_t evaluate_without_changed(const struct policy *policy, const struct device *device, int64_t now_s, unsigned *indexes, size_t count);

#endif
