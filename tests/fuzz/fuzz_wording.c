/* Any bytes as a text for people, and as a policy whose own words are looked at. */
#include "posture/policy_wording.h"
#include "posture/wording.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void take_finding(void *context, const char *finding)
{
    (void)context;
    if (finding[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct mistakes mistakes;
    struct span text = span_make(data, bytes);
    struct wording m = wording_measure(text);
    if (m.words > bytes || m.sentences > bytes)
        abort();
    wording_lint(text, WORDING_GRADE, take_finding, NULL);
    mistakes_init(&mistakes);
    struct yaml_tree *tree = yaml_read(text, SPAN_LITERAL("fuzz"), &mistakes);
    if (tree != NULL)
        policy_wording_warn(yaml_root(tree), &mistakes);
    yaml_tree_free(tree);
    mistakes_done(&mistakes);
    return 0;
}
