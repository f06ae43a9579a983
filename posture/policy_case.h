/* policy_case: what a policy is expected to do, as cases in a file beside it (docs/policy-tests.md): a person, their devices, what was told, a moment; and
 * the rung, what is closed, each app's answer, the next date. Asked of the same functions as in production. Pure. */
#ifndef POSTURE_POLICY_CASE_H
#define POSTURE_POLICY_CASE_H
#include "posture/decision.h"

enum { POLICY_CASES_MOST = 1000, POLICY_CASE_DEVICES_MOST = 16, POLICY_CASE_TIMES_MOST = 64 };
struct policy_case_counts { size_t cases, failed; };
/* The path of the policy that the file names, as written; false, reported, when there is none. `file` must be a mapping. */
bool policy_cases_policy(const struct yaml_node *file, struct span *path, struct mistakes *mistakes);
/* Runs the cases of the file. What the file has wrong and every expectation that was not met become mistakes with their place; a case with any has failed.
 * Prepares zones in `calendar`. */
void policy_cases_run(const struct yaml_node *file, const struct policy *policy, struct calendar *calendar, struct mistakes *mistakes, struct policy_case_counts *out);

#endif
