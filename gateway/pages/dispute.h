/* dispute: "This looks wrong". Freezes the clock of one check on one device for two working days, and tells the people who own the check. */
#ifndef GATEWAY_PAGES_DISPUTE_H
#define GATEWAY_PAGES_DISPUTE_H
#include "gateway/node.h"
#include "posture/ports.h"

enum { DISPUTE_WORKING_DAYS = 2, DISPUTE_APART_S = 7 * 86400 /* the same thing once a week: else the clock never runs */, DISPUTE_TEXT_BYTES = 500 };
/* All spans are borrowed. `zone`: the person's; `days`: working days, bit 0 Monday. */
struct dispute_input { struct span person, device, check, text, saw, zone, decision; unsigned days; int64_t now_s; };
/* The end of the second working day after today, in the person's zone. */
int64_t dispute_end_s(const struct calendar *c, unsigned days, struct span zone, int64_t now_s);
/* The newest dispute about it that still counts (open, or begun within DISPUTE_APART_S); NULL. */
const struct dispute *dispute_of(const struct person *p, struct span device, struct span check, int64_t now_s);
/* *again: there is one already, nothing was committed. ERR_LIMIT: too many. Event person.disputed. */
MUST_CHECK enum err_code dispute_commit(const struct node *node, struct store *store, const struct dispute_input *in, bool *again, struct err *err);
#endif
