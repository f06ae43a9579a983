/* policy_case_parts: what the two files of policy_case share. Private to posture/policy_case*.c. */
#ifndef POSTURE_POLICY_CASE_PARTS_H
#define POSTURE_POLICY_CASE_PARTS_H
#include "posture/policy_case.h"

struct policy_case {
    const struct policy *policy;
    struct calendar *calendar;
    struct mistakes *mistakes;
    struct arena arena;
    struct span name;
    int64_t now_s;
    bool frozen;
    struct person person;
    struct device *devices; size_t device_count;
};
/* Absent: false without a word. */
bool policy_case_time(const struct policy_case *c, const struct yaml_node *n, int64_t *out);
/* Asks, and reports what is not as `expect` says, each at its place. */
void policy_case_expect(struct policy_case *c, const struct yaml_node *expect);

#endif
