#include "gateway/simulations.h"

#include "gateway/simulation_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_MS = 3600 * 1000 };
enum state { NOTHING, RUNNING, DONE, FAILED, CANCELLED };

struct simulations {
    const struct node *node;
    pthread_mutex_t lock;      /* guards what follows, for the length of a look */
    enum state state;
    pthread_t thread;
    bool joinable;
    char id[SIMULATION_ID_BYTES + 1];
    struct simulation_run *run; /* owned; its thread's while it runs, but for the atomics */
    int64_t ended_ms;
};

static void run_free(struct simulation_run *run)
{
    if (run == NULL)
        return;
    policy_free(run->policy);
    buf_done(&run->result);
    free(run);
}

enum err_code simulations_new(const struct node *node, struct simulations **out, struct err *err)
{
    struct simulations *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "the simulations");
    s->node = node;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return OK;
}

void simulations_free(struct simulations *s)
{
    if (s == NULL)
        return;
    if (s->run != NULL)
        atomic_store(&s->run->cancel, true);
    if (s->joinable)
        pthread_join(s->thread, NULL);
    run_free(s->run);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void *run_thread(void *context)
{
    struct simulations *s = context;
    struct simulation_run *run = s->run;
    struct err err = { 0 };
    directory_register_thread();
    simulation_give_way();
    enum err_code code = run->past ? simulation_back(run, &err) : simulation_ahead(run, &err);
    directory_unregister_thread();
    pthread_mutex_lock(&s->lock);
    run->err = err;
    s->state = atomic_load(&run->cancel) ? CANCELLED : code == OK ? DONE : FAILED;
    s->ended_ms = clock_mono_ms(s->node->clock);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static struct simulation_run *run_new(const struct node *node, const struct simulation_order *order)
{
    struct simulation_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t now_s = clock_wall_s(node->clock);
    run->node = node;
    run->policy = order->policy;
    run->names = order->names;
    run->past = order->back_s > 0;
    run->from_s = now_s - order->back_s;
    run->to_s = now_s + (int64_t)order->days * 86400;
    run->threads = cores < 1 ? 1 : cores > SIMULATION_THREADS_MOST ? SIMULATION_THREADS_MOST : (unsigned)cores;
    run->begun_ms = clock_mono_ms(node->clock);
    buf_init(&run->result, SIMULATION_RESULT_BYTES);
    return run;
}

enum err_code simulations_start(struct simulations *s, const struct simulation_order *order, char id[SIMULATION_ID_BYTES + 1], struct err *err)
{
    struct simulation_run *run = run_new(s->node, order);
    enum err_code code = OK;
    if (run == NULL) {
        policy_free(order->policy);
        return err_set(err, ERR_MEMORY, "a simulation");
    }
    pthread_mutex_lock(&s->lock);
    if (s->state == RUNNING) {
        code = err_set(err, ERR_CONFLICT, "a simulation is running (%s); wait for it, or cancel it", s->id);
    } else {
        if (s->joinable)
            pthread_join(s->thread, NULL); /* it has ended: it set the state */
        run_free(s->run);
        s->run = run;
        secret_new_id('e', s->id);
        s->joinable = pthread_create(&s->thread, NULL, run_thread, s) == 0;
        s->state = s->joinable ? RUNNING : NOTHING;
        s->run = s->joinable ? run : NULL;
        memcpy(id, s->id, sizeof s->id);
        code = s->joinable ? OK : err_set(err, ERR_UNAVAILABLE, "no thread for a simulation");
    }
    pthread_mutex_unlock(&s->lock);
    if (code != OK)
        run_free(run);
    return code;
}

static bool is_known(const struct simulations *s, struct span id)
{
    bool old = s->state != RUNNING && clock_mono_ms(s->node->clock) - s->ended_ms > KEPT_MS;
    return s->state != NOTHING && !old && span_equal_text(id, s->id);
}

static enum err_code unknown(struct span id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no simulation %.*s on this node: it is kept for an hour, until another is started, by the node that ran it", SPAN_ARGS(span_slice(id, 0, 64)));
}

enum err_code simulations_write(struct simulations *s, struct span id, struct to_json *w, struct err *err)
{
    static const char *const names[] = { "nothing", "running", "done", "failed", "cancelled" };
    enum err_code code = OK;
    pthread_mutex_lock(&s->lock);
    if (is_known(s, id)) {
        to_json_member_text(w, "id", id);
        to_json_member_text(w, "state", span_of(names[s->state]));
        to_json_member_int(w, "done", (int64_t)atomic_load_explicit(&s->run->done, memory_order_relaxed));
        to_json_member_int(w, "total", (int64_t)atomic_load_explicit(&s->run->total, memory_order_relaxed));
        if (s->state == DONE) {
            to_json_key(w, "result");
            to_json_raw(w, buf_span(&s->run->result));
        }
        if (s->state == FAILED)
            to_json_member_text(w, "error", span_of(s->run->err.text));
    } else {
        code = unknown(id, err);
    }
    pthread_mutex_unlock(&s->lock);
    return code;
}

enum err_code simulations_cancel(struct simulations *s, struct span id, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    bool known = is_known(s, id);
    if (known)
        atomic_store(&s->run->cancel, true);
    pthread_mutex_unlock(&s->lock);
    return known ? OK : unknown(id, err);
}
