/* decision_log: decisions cannot write on the way. A bounded ring per worker goes into the log in batches (one thread, its own store).
 * Recorded: every deny and warn, break-glass use, and the first allow per (person, device, app, hour). A full ring is counted, never waited for. */
#ifndef GATEWAY_DECISION_LOG_H
#define GATEWAY_DECISION_LOG_H
#include "gateway/node.h"
#include "posture/ports.h"

struct decision_ring;
/* Where a record's events go; the same arithmetic as the store's, usable on a worker. 0 before the store was ever reached. */
unsigned decision_log_partition(const struct decision_log *log, enum record_kind kind, struct span id);
/* The same, remembered by the ring of the thread that asks; NULL: worked out. */
unsigned decision_ring_partition(struct decision_ring *ring, const struct decision_log *log, enum record_kind kind, struct span id);
/* The ring belongs to one thread: a worker, or one of the slow lane. Owned by the log. NULL when memory is short. */
struct decision_ring *decision_log_ring(struct decision_log *log);
/* Which decision of which request: the id, and what it was made from. */
struct decision_stamp { struct span id, door, request; int64_t at_ms; unsigned partition; };
/* Where its thread counts its decisions: nobody else adds to it. */
struct counters *decision_ring_counters(const struct decision_ring *ring);
/* Copies what the event needs; false when it was not recorded by rule or for want of room. */
bool decision_ring_put(struct decision_ring *ring, const struct decision_input *in, const struct decision *d, const struct decision_stamp *stamp);
/* Random bytes for an id, drawn in advance for many; `ring` NULL: drawn now. Its thread. */
void decision_ring_random(struct decision_ring *ring, uint8_t random[DECISION_RANDOM_BYTES]);
MUST_CHECK enum err_code decision_log_new(const struct node *node, struct decision_log **out, struct err *err);
MUST_CHECK enum err_code decision_log_start(struct decision_log *log, struct err *err);
void decision_log_stop(struct decision_log *log);   /* flushes, joins */
void decision_log_free(struct decision_log *log);
#endif
