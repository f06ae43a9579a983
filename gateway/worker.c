#include "gateway/worker.h"

#include "gateway/decision_log.h"
#include "gateway/node.h"
#include "gateway/slow_lane.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How long a stop waits for open requests before it answers 503, and then for the answers to leave. */
enum { SERVERS_MOST = 8, MAILBOX_MOST = 8192, GRACE_MS = 5000, FAREWELL_MS = 1000, STOP_TICK_MS = 20 };

struct worker {
    const struct node *node;
    unsigned number;
    struct loop *loop;
    struct mailbox *mailbox;
    struct counters *counters;
    struct decision_ring *ring;
    struct server *servers[SERVERS_MOST];
    size_t server_count;
    pthread_t thread;
    bool started;
    atomic_bool quiesce, stop;       /* asked for by another thread */
    bool quiesced, aborted;
    int64_t stop_ms;                 /* when stopping began; 0: it has not */
};

/* ---- stopping, on the worker's thread ---- */

static bool all_idle(const struct worker *w)
{
    for (size_t i = 0; i < w->server_count; i++)
        if (!server_idle(w->servers[i]))
            return false;
    return true;
}

static void quiesce_servers(struct worker *w)
{
    w->quiesced = true;
    for (size_t i = 0; i < w->server_count; i++)
        server_quiesce(w->servers[i]);
}

static void abort_servers(struct worker *w)
{
    w->aborted = true;
    for (size_t i = 0; i < w->server_count; i++)
        server_abort(w->servers[i]);
}

static void look_at_orders(void *context)
{
    struct worker *w = context;
    bool stop = atomic_load_explicit(&w->stop, memory_order_acquire);
    if (!w->quiesced && (stop || atomic_load_explicit(&w->quiesce, memory_order_acquire)))
        quiesce_servers(w);
    if (!stop)
        return;
    int64_t now_ms = clock_mono_ms(w->node->clock);
    if (w->stop_ms == 0)
        w->stop_ms = now_ms;
    if (!w->aborted && now_ms - w->stop_ms >= GRACE_MS)
        abort_servers(w);
    if (all_idle(w) || now_ms - w->stop_ms >= GRACE_MS + FAREWELL_MS)
        loop_stop(w->loop);
}

static int64_t look_again_ms(void *context)
{
    const struct worker *w = context;
    return w->stop_ms != 0 ? STOP_TICK_MS : -1;
}

/* ---- the thread ---- */

static void take_answer(void *context, void *message)
{
    struct slow_job *job = message;
    (void)context;
    job->done(job);
}

/* Closed first, so that nothing comes in behind; what came in before is finished here. */
static void drain_mailbox(struct worker *w)
{
    void *message;
    mailbox_close(w->mailbox);
    while ((message = mailbox_receive(w->mailbox, 0)) != NULL)
        take_answer(w, message);
}

static void *worker_main(void *context)
{
    struct worker *w = context;
    if (w->node->directory != NULL)
        directory_register_thread();
    loop_run(w->loop);
    for (size_t i = 0; i < w->server_count; i++) {
        server_free(w->servers[i]); /* ends the connections: whoever still waits for a job lets go of it */
        w->servers[i] = NULL;
    }
    drain_mailbox(w);
    if (w->node->directory != NULL)
        directory_unregister_thread();
    return NULL;
}

enum err_code worker_start(struct worker *w, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->started = failed == 0;
    return failed == 0 ? OK : err_set(err, ERR_IO, "starting worker %u: %s", w->number, strerror(failed));
}

void worker_quiesce(struct worker *w)
{
    atomic_store_explicit(&w->quiesce, true, memory_order_release);
    loop_wake(w->loop);
}

void worker_stop(struct worker *w)
{
    if (!w->started)
        return;
    atomic_store_explicit(&w->stop, true, memory_order_release);
    loop_wake(w->loop);
    pthread_join(w->thread, NULL);
    w->started = false;
}

/* ---- life ---- */

static enum err_code make_parts(struct worker *w, struct err *err)
{
    enum err_code code = loop_new(w->node->clock, &w->loop, err);
    if (code != OK)
        return code;
    loop_add_source(w->loop, look_again_ms, look_at_orders, w);
    w->mailbox = mailbox_new(MAILBOX_MOST, w->loop, take_answer, w);
    w->counters = w->node->metrics != NULL ? metrics_counters(w->node->metrics) : NULL;
    w->ring = w->node->decisions != NULL ? decision_log_ring(w->node->decisions) : NULL;
    bool made = w->mailbox != NULL && (w->counters != NULL || w->node->metrics == NULL) && (w->ring != NULL || w->node->decisions == NULL);
    return made ? OK : err_set(err, ERR_MEMORY, "worker %u", w->number);
}

static enum err_code open_server(struct worker *w, const struct server_options *options, struct err *err)
{
    enum err_code code = server_new(w->node, w, w->loop, options, &w->servers[w->server_count], err);
    if (code == OK)
        w->server_count++;
    return code;
}

enum err_code worker_new(const struct node *node, unsigned number, const struct server_options *servers, size_t count, struct worker **out, struct err *err)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_MEMORY, "worker %u", number);
    assert(count <= SERVERS_MOST);
    w->node = node;
    w->number = number;
    enum err_code code = make_parts(w, err);
    for (size_t i = 0; code == OK && i < count; i++)
        code = open_server(w, &servers[i], err);
    if (code != OK) {
        worker_free(w);
        return code;
    }
    *out = w;
    return OK;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    worker_stop(w);
    for (size_t i = 0; i < w->server_count; i++)
        server_free(w->servers[i]); /* of a worker that never ran */
    mailbox_free(w->mailbox);
    loop_free(w->loop);
    free(w);
}

unsigned worker_port(const struct worker *w, size_t server_index) { return server_port(w->servers[server_index]); }

struct counters *worker_counters(struct worker *w) { return w->counters; }

struct decision_ring *worker_decisions(struct worker *w) { return w->ring; }

struct mailbox *worker_mailbox(struct worker *w) { return w->mailbox; }
