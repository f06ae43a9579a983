/* Any bytes: a policy, or mistakes that say why not. A policy's canonical form is the same policy. */
#include "posture/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void ignore_line(void *context, struct span line)
{
    (void)context;
    require(line.bytes > 0);
}

static void check_again(const struct policy *policy)
{
    struct mistakes mistakes;
    struct policy *again;
    mistakes_init(&mistakes);
    policy_read(policy->canonical, SPAN_LITERAL("canonical"), &mistakes, &again);
    require(again != NULL && strcmp(again->version, policy->version) == 0);
    policy_diff(policy, again, ignore_line, NULL);
    for (size_t i = 0; i < policy->app_count; i++)
        require(policy_app(policy, policy->apps[i].id) == &policy->apps[i]);
    for (size_t i = 0; i < policy->check_count; i++)
        require(policy_check(policy, policy->checks[i].id) == &policy->checks[i]);
    policy_free(again);
    mistakes_done(&mistakes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(span_make(data, bytes), SPAN_LITERAL("fuzz"), &mistakes, &policy);
    require((policy == NULL) == (mistakes_errors(&mistakes) > 0));
    if (policy != NULL)
        check_again(policy);
    policy_free(policy);
    mistakes_done(&mistakes);
    return 0;
}
