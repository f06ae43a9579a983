/* simulation_run: what the parts of gateway/simulation*.c share: one run and its shards. Private to them. */
#ifndef GATEWAY_SIMULATION_RUN_H
#define GATEWAY_SIMULATION_RUN_H
#include "gateway/simulations.h"
#include "posture/base/buf.h"
#include "posture/simulate_totals.h"

#include <stdatomic.h>

enum { SIMULATION_THREADS_MOST = 16, SIMULATION_CHUNK = 32 /* people under one read-side section */, SIMULATION_RESULT_BYTES = 32 * 1024 * 1024 };
struct simulation_run {
    const struct node *node;
    struct policy *policy;             /* owned */
    int64_t from_s, to_s, begun_ms;
    unsigned names, threads;
    bool past;
    atomic_bool cancel;
    _Atomic uint64_t done, total;
    struct buf result;                 /* a JSON object */
    struct err err;
};
/* OK with `result`, or the error; ERR_UNAVAILABLE when cancelled. Registered thread. */
MUST_CHECK enum err_code simulation_ahead(struct simulation_run *run, struct err *err);
MUST_CHECK enum err_code simulation_back(struct simulation_run *run, struct err *err);
/* Members that both kinds of run have. Between directory_enter() and directory_leave(). */
void simulation_write_totals(const struct simulation_run *run, struct simulate_totals *totals, struct to_json *w);
void simulation_give_way(void); /* the calling thread, to every other */
#endif
