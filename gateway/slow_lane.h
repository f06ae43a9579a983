/* slow_lane: a few threads for the calls that block: the store, slow cryptography. Each has its own store connection.
 * A request's connection is suspended before it is handed over; the answer goes back through the worker's mailbox. The queue is bounded:
 * a full one is answered 503 by the worker at once. Interactive requests (pages, admin, decisions on a miss) go before agents. */
#ifndef GATEWAY_SLOW_LANE_H
#define GATEWAY_SLOW_LANE_H
#include "gateway/http/router.h"
#include "posture/base/mailbox.h"
#include "posture/ports.h"

struct slow_lane;
struct slow_job {
    void (*run)(struct slow_job *, struct store *); /* on a slow lane thread */
    void (*done)(struct slow_job *);                /* on the thread of `reply`, or right there when NULL; frees the job */
    struct mailbox *reply;
    struct decision_ring *decisions;                /* the thread's own, set before run(); NULL in tests without a decision log */
};
MUST_CHECK enum err_code slow_lane_new(const struct node *node, unsigned threads, size_t queue, const struct store_factory *factory, struct slow_lane **out, struct err *err);
bool slow_lane_send(struct slow_lane *lane, struct slow_job *job, bool urgent); /* false: full, the caller keeps the job */
/* A call that waits for somebody outside (an agent's answer) keeps a thread from the others: a quarter of them at most may do so at a time. False: not now.
 * Each true is followed by slow_lane_rest_end(). Any thread; NULL: false. */
bool slow_lane_rest_begin(struct slow_lane *lane);
void slow_lane_rest_end(struct slow_lane *lane);
size_t slow_lane_waiting(const struct slow_lane *lane);
size_t slow_lane_room(const struct slow_lane *lane); /* how many may wait */
void slow_lane_stop(struct slow_lane *lane);   /* finishes what waits, joins */
void slow_lane_free(struct slow_lane *lane);
#endif
