/* simulations: what a proposed policy would do, over the days to come or those that the log still holds, worked out beside the daily work: on threads of its
 * own that give way to every other (nice 19), person by person, from this node's directory. One at a time; the answer is kept until the next, or an hour.
 * Thread: every function from any registered thread but a worker's. */
#ifndef GATEWAY_SIMULATIONS_H
#define GATEWAY_SIMULATIONS_H
#include "gateway/node.h"

enum { SIMULATION_ID_BYTES = 28, SIMULATION_DAYS_MOST = 366 };
struct simulations;
MUST_CHECK enum err_code simulations_new(const struct node *node, struct simulations **out, struct err *err);
void simulations_free(struct simulations *s); /* ends one that runs */

struct simulation_order {
    struct policy *policy;  /* taken, even on failure */
    unsigned days;          /* ahead; 0 with back_s */
    int64_t back_s;         /* over the recorded past; 0 with days */
    unsigned names;         /* how many closings by name */
};
/* ERR_CONFLICT while one runs. `id` is filled. */
MUST_CHECK enum err_code simulations_start(struct simulations *s, const struct simulation_order *order, char id[SIMULATION_ID_BYTES + 1], struct err *err);
/* Members of an open object: state (running, done, failed, cancelled), done, total, and at the end result or error. ERR_NOT_FOUND: not this node's, or gone. */
MUST_CHECK enum err_code simulations_write(struct simulations *s, struct span id, struct to_json *w, struct err *err);
MUST_CHECK enum err_code simulations_cancel(struct simulations *s, struct span id, struct err *err);
#endif
