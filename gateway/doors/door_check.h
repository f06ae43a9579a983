/* door_check: what this gateway can see of a door by itself, for `postern doctor`: its keys, its certificates, whether somebody can reach us. What can
 * only be seen from outside (are the documents there, does TLS hold) the command line looks at. Blocks: slow lane. */
#ifndef GATEWAY_DOORS_DOOR_CHECK_H
#define GATEWAY_DOORS_DOOR_CHECK_H
#include "gateway/node.h"

enum door_finding { DOOR_GOOD, DOOR_WARN, DOOR_FAIL };
/* `text` says what was found, `fix` what to do about it (empty: nothing). */
typedef void door_check_say_fn(void *context, enum door_finding finding, struct span text, struct span fix);
/* `door` and `control` are copies or held; texts are made in `arena`. */
void door_check(const struct node *node, const struct control *control, const struct door *door, int64_t now_s, struct arena *arena, door_check_say_fn *say, void *context);
/* What alone the door's own certificates and keys show; needs no gateway, says nothing when all is well (`postern check`). */
void door_check_keys(const struct door *door, int64_t now_s, struct arena *arena, door_check_say_fn *say, void *context);
/* Whether the keys that verify Entra's hints are here; may wait some seconds for them. Call without holding the directory: `door` is a copy. */
void door_check_hint_keys(const struct node *node, const struct door *door, struct arena *arena, door_check_say_fn *say, void *context);

#endif
