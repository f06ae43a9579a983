/* incident: consequences freeze, by the breaker or by a person, and are released by a person. The control record "clock" holds `frozen` and an open
 * pause of kind "incident" from the moment of the freeze, so no ladder's clock counts the time, then or later; why and by whom; and `declared` when a
 * person did it, for then apps open too, as the policy's `incident` says. Blocks on the store. */
#ifndef GATEWAY_INCIDENT_H
#define GATEWAY_INCIDENT_H
#include "gateway/node.h"
#include "posture/base/from_json.h"
#include "posture/ports.h"

enum incident_move { INCIDENT_START, INCIDENT_STOP, INCIDENT_TRIP /* a start by the breaker: its time is kept, so one flip trips once */ };
struct incident_order { enum incident_move move; struct span why, cause; /* why may be empty */ };
/* The record's next body: members it does not know stay as they are. False when memory is short. */
bool incident_write_clock(const struct from_json_value *before, const struct incident_order *order, int64_t now_s, struct buf *after);
/* Event incident.started or incident.stopped. OK and *changed false when it was so already. */
MUST_CHECK enum err_code incident_order(const struct node *node, struct store *store, const struct incident_order *order, bool *changed, struct err *err);
#endif
