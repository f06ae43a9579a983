/* channels: by which way a person is written to: the policy's order over what this gateway has and what is known of the person. Replaces, never doubles.
 * Between directory_enter() and directory_leave(); results are literals. */
#ifndef GATEWAY_CHANNELS_H
#define GATEWAY_CHANNELS_H
#include "gateway/node.h"

/* The first way that can work now; else the first that is configured, where the message waits or its failure is seen; empty: none is configured. */
struct span channels_first(const struct node *node, const struct policy *policy, const struct person *person);
/* The first way behind `failed` that can work now; empty: none. */
struct span channels_after(const struct node *node, const struct policy *policy, const struct person *person, struct span failed);
#endif
