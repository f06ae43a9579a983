#include "gateway/slow_lane.h"

#include "gateway/decision_log.h"
#include "gateway/node.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An eighth of the queue is kept for urgent calls, so that a wave of agents cannot shut people out. */
enum { URGENT_SHARE = 8, REST_SHARE = 4, FULL_PAUSE_NS = 1000000 };
struct slow_thread {
    struct slow_lane *lane;
    struct store *store;
    struct decision_ring *decisions;
    pthread_t thread;
    bool started;
};
struct slow_lane {
    const struct node *node;
    struct mailbox *queue;
    size_t most;
    struct slow_thread *threads;
    unsigned count;
    _Atomic unsigned resting;
};

/* A full mailbox is a worker that falls behind: this thread waits for it, and so does the queue behind this thread. A closed one is a
 * worker that has ended: nobody waits for the answer, and its thread can no longer meet `done`. */
static void finish(struct slow_job *job)
{
    struct mailbox *reply = job->reply; /* once it was sent the job is no longer ours */
    if (reply == NULL) {
        job->done(job);
        return;
    }
    while (!mailbox_send(reply, job)) {
        struct timespec pause = { 0, FULL_PAUSE_NS };
        if (mailbox_closed(reply)) {
            job->done(job);
            return;
        }
        nanosleep(&pause, NULL);
    }
}

static void *slow_thread_main(void *context)
{
    struct slow_thread *t = context;
    struct slow_job *job;
    if (t->lane->node->directory != NULL)
        directory_register_thread();
    while ((job = mailbox_receive(t->lane->queue, -1)) != NULL) {
        job->decisions = t->decisions;
        job->run(job, t->store);
        finish(job);
    }
    if (t->lane->node->directory != NULL)
        directory_unregister_thread();
    return NULL;
}

/* Signals go to the main thread: a library's semaphore wait that is interrupted here would break its lock. */
static int start_thread(struct slow_thread *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&t->thread, NULL, slow_thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    t->started = failed == 0;
    return failed;
}

static enum err_code start(struct slow_lane *lane, unsigned i, const struct store_factory *factory, struct err *err)
{
    struct slow_thread *t = &lane->threads[i];
    t->lane = lane;
    enum err_code code = factory != NULL && factory->open != NULL ? factory->open(factory->context, &t->store, err) : OK;
    if (code != OK)
        return err_wrap(err, "the store of slow lane thread %u", i);
    t->decisions = lane->node->decisions != NULL ? decision_log_ring(lane->node->decisions) : NULL;
    int failed = start_thread(t);
    return failed == 0 ? OK : err_set(err, ERR_IO, "starting slow lane thread %u: %s", i, strerror(failed));
}

enum err_code slow_lane_new(const struct node *node, unsigned threads, size_t queue, const struct store_factory *factory, struct slow_lane **out, struct err *err)
{
    struct slow_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL)
        return err_set(err, ERR_MEMORY, "slow lane");
    lane->node = node;
    lane->most = queue;
    lane->queue = mailbox_new(queue, NULL, NULL, NULL);
    lane->threads = calloc(threads, sizeof *lane->threads);
    enum err_code code = lane->queue == NULL || lane->threads == NULL ? err_set(err, ERR_MEMORY, "slow lane") : OK;
    for (unsigned i = 0; code == OK && i < threads; i++) {
        lane->count = i + 1;
        code = start(lane, i, factory, err);
    }
    if (code != OK) {
        slow_lane_free(lane);
        return code;
    }
    *out = lane;
    return OK;
}

bool slow_lane_send(struct slow_lane *lane, struct slow_job *job, bool urgent)
{
    if (urgent)
        return mailbox_send_first(lane->queue, job);
    return mailbox_count(lane->queue) < lane->most - lane->most / URGENT_SHARE && mailbox_send(lane->queue, job);
}

bool slow_lane_rest_begin(struct slow_lane *lane)
{
    if (lane == NULL)
        return false;
    if (atomic_fetch_add(&lane->resting, 1) < lane->count / REST_SHARE)
        return true;
    slow_lane_rest_end(lane);
    return false;
}

void slow_lane_rest_end(struct slow_lane *lane) { atomic_fetch_sub(&lane->resting, 1); }

size_t slow_lane_waiting(const struct slow_lane *lane) { return mailbox_count(lane->queue); }

size_t slow_lane_room(const struct slow_lane *lane) { return lane->most; }

void slow_lane_stop(struct slow_lane *lane)
{
    if (lane->queue != NULL)
        mailbox_close(lane->queue);
    for (unsigned i = 0; i < lane->count; i++) {
        if (lane->threads[i].started)
            pthread_join(lane->threads[i].thread, NULL);
        lane->threads[i].started = false;
    }
}

void slow_lane_free(struct slow_lane *lane)
{
    if (lane == NULL)
        return;
    slow_lane_stop(lane);
    for (unsigned i = 0; i < lane->count; i++)
        if (lane->threads[i].store != NULL)
            lane->threads[i].store->ops->free(lane->threads[i].store);
    mailbox_free(lane->queue);
    free(lane->threads);
    free(lane);
}
