/* policy_wording: the words that a policy has of its own for people, held to the rules of the shipped ones (posture/wording.h). For `postern check`: a policy
 * works whatever its words are, so each finding is a warning, at its place. Pure. */
#ifndef POSTURE_POLICY_WORDING_H
#define POSTURE_POLICY_WORDING_H
#include "posture/base/yaml_read.h"

/* `root`: a policy as it was read. What the library says, and names (of apps, doors, teams), are not looked at. */
void policy_wording_warn(const struct yaml_node *root, struct mistakes *mistakes);
#endif
