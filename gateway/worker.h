/* worker: one thread and everything it owns: loop, servers, arenas, counters, decision ring. It never blocks. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H
#include "gateway/http/server.h"
#include "gateway/metrics.h"
#include "posture/base/mailbox.h"

struct worker;
MUST_CHECK enum err_code worker_new(const struct node *node, unsigned number, const struct server_options *servers, size_t count, struct worker **out, struct err *err);
MUST_CHECK enum err_code worker_start(struct worker *w, struct err *err); /* its thread */
void worker_quiesce(struct worker *w);
void worker_stop(struct worker *w);      /* waits for open requests (bounded), joins */
void worker_free(struct worker *w);
unsigned worker_port(const struct worker *w, size_t server_index);
struct counters *worker_counters(struct worker *w);
struct decision_ring *worker_decisions(struct worker *w);
/* The loop's mailbox for answers of the slow lane. */
struct mailbox *worker_mailbox(struct worker *w);
#endif
