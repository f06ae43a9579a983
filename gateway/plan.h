/* plan: what a policy would change at once, and for whom, from the directory as it is. Reads the directory (registered thread) for as long as a walk over
 * everybody takes; never on a worker. */
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H
#include "gateway/node.h"

/* One device that stands differently: texts are borrowed until the call returns. */
struct plan_row { const struct device *device; const struct person *owner; struct ladder_summary before, after; };
struct plan_counts {
    size_t persons;             /* people who are not removed */
    size_t blocked, opened;     /* people to whom something closes, or opens */
    size_t devices;             /* that stand differently */
    size_t closes_more, opens;  /* of them */
};
typedef void plan_row_fn(void *context, const struct plan_row *row);
/* `row` may be NULL. False when memory was short: then the counts are too low. Between directory_enter() and directory_leave(). */
MUST_CHECK bool plan_compare(const struct node *node, const struct policy *after, plan_row_fn *row, void *context, struct plan_counts *out);
/* Whether so many people may be shut out at once without their number being said: at most the option policy_block_most of all. */
bool plan_needs_number(const struct node *node, const struct plan_counts *counts);
#endif
