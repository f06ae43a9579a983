/* Any bytes as a file of cases about the sample policy: each case runs, or is said to be none. */
#include "gateway/node.h"
#include "posture/policy_case.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct policy *policy;
    static struct calendar *calendar;
    struct mistakes mistakes;
    struct policy_case_counts counts;
    mistakes_init(&mistakes);
    if (policy == NULL) {
        policy_read(sample_policy(), SPAN_LITERAL("policy"), &mistakes, &policy);
        calendar = calendar_new("/usr/share/zoneinfo");
        if (policy == NULL || calendar == NULL)
            abort();
    }
    struct yaml_tree *tree = yaml_read(span_make((const char *)data, bytes), SPAN_LITERAL("cases"), &mistakes);
    if (tree != NULL) {
        policy_cases_run(yaml_root(tree), policy, calendar, &mistakes, &counts);
        if (counts.failed > counts.cases || (counts.failed > 0 && mistakes_errors(&mistakes) == 0))
            abort();
    }
    yaml_tree_free(tree);
    mistakes_done(&mistakes);
    return 0;
}
