/* door_yaml: a door as the block to keep in the policy file, what is as usual left out. Reading it gives the same door. */
#ifndef GATEWAY_DOORS_DOOR_YAML_H
#define GATEWAY_DOORS_DOOR_YAML_H
#include "posture/base/buf.h"
#include "posture/door.h"

/* Appends "  - id: ...\n    kind: ...\n"; whether it fitted is asked of the buf. */
void door_yaml_write(const struct door *door, struct buf *out);

#endif
