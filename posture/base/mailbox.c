#include "posture/base/mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A ring that grows up to the mailbox's bound: most mailboxes never hold more than a few messages. */
struct ring {
    void **all;
    size_t room, first, count;
};
struct mailbox {
    pthread_mutex_t lock; /* guards the rings and `closed`: many senders meet one receiver */
    pthread_cond_t filled;
    struct ring urgent, ordinary;
    size_t most;
    bool closed;
    struct loop *loop;
    int fd; /* tells the loop; -1 without one */
    void (*receive)(void *, void *);
    void *context;
};
enum { FIRST_ROOM = 16 };

/* ---- rings ---- */

static bool ring_grow(struct ring *r)
{
    size_t room = r->room > 0 ? r->room * 2 : FIRST_ROOM;
    void **more = calloc(room, sizeof(void *));
    if (more == NULL)
        return false;
    for (size_t i = 0; i < r->count; i++)
        more[i] = r->all[(r->first + i) % r->room];
    free(r->all);
    *r = (struct ring){ more, room, 0, r->count };
    return true;
}

static bool ring_put(struct ring *r, void *message)
{
    if (r->count == r->room && !ring_grow(r))
        return false;
    r->all[(r->first + r->count++) % r->room] = message;
    return true;
}

static void *ring_take(struct ring *r)
{
    if (r->count == 0)
        return NULL;
    void *message = r->all[r->first];
    r->first = (r->first + 1) % r->room;
    r->count--;
    return message;
}

/* ---- the receiving side ---- */

static size_t held(const struct mailbox *m)
{
    return m->urgent.count + m->ordinary.count;
}

static void *take(struct mailbox *m)
{
    void *message = ring_take(&m->urgent);
    return message != NULL ? message : ring_take(&m->ordinary);
}

static void tell_loop(const struct mailbox *m)
{
    uint64_t one = 1;
    if (m->fd >= 0)
        (void)!write(m->fd, &one, sizeof one);
}

/* At most what was there at the start, so that senders cannot keep the loop here. */
static void filled(void *context, uint32_t events)
{
    struct mailbox *m = context;
    uint64_t signals;
    (void)events;
    (void)!read(m->fd, &signals, sizeof signals);
    size_t left = mailbox_count(m);
    while (left-- > 0) {
        pthread_mutex_lock(&m->lock);
        void *message = take(m);
        pthread_mutex_unlock(&m->lock);
        if (message == NULL)
            return;
        m->receive(m->context, message);
    }
    if (mailbox_count(m) > 0)
        tell_loop(m);
}

static struct timespec deadline_after(int wait_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + (int64_t)wait_ms * 1000000;
    return (struct timespec){ .tv_sec = t.tv_sec + (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}

void *mailbox_receive(struct mailbox *m, int wait_ms)
{
    struct timespec deadline = deadline_after(wait_ms > 0 ? wait_ms : 0);
    int waited = 0;
    pthread_mutex_lock(&m->lock);
    while (held(m) == 0 && !m->closed && wait_ms != 0 && waited == 0)
        waited = wait_ms < 0 ? pthread_cond_wait(&m->filled, &m->lock) : pthread_cond_timedwait(&m->filled, &m->lock, &deadline);
    void *message = take(m);
    pthread_mutex_unlock(&m->lock);
    return message;
}

/* ---- the sending side ---- */

static bool send_to(struct mailbox *m, struct ring *ring, void *message)
{
    assert(message != NULL);
    pthread_mutex_lock(&m->lock);
    bool first = held(m) == 0;
    bool sent = !m->closed && held(m) < m->most && ring_put(ring, message);
    if (sent && m->fd < 0)
        pthread_cond_signal(&m->filled);
    if (sent && first) /* under the lock: once it is released the receiver may free the mailbox */
        tell_loop(m);
    pthread_mutex_unlock(&m->lock);
    return sent;
}

bool mailbox_send(struct mailbox *m, void *message) { return send_to(m, &m->ordinary, message); }

bool mailbox_send_first(struct mailbox *m, void *message) { return send_to(m, &m->urgent, message); }

/* ---- life ---- */

static bool join_loop(struct mailbox *m, struct loop *loop)
{
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0 || loop_watch(loop, m->fd, EPOLLIN, filled, m, NULL) != OK)
        return false;
    m->loop = loop;
    return true;
}

struct mailbox *mailbox_new(size_t most, struct loop *loop, void (*receive)(void *, void *), void *context)
{
    struct mailbox *m = calloc(1, sizeof *m);
    pthread_condattr_t monotonic;
    if (m == NULL)
        return NULL;
    m->most = most;
    m->fd = -1;
    m->receive = receive;
    m->context = context;
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&m->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (loop != NULL && !join_loop(m, loop)) {
        mailbox_free(m);
        return NULL;
    }
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    assert(held(m) == 0);
    if (m->loop != NULL)
        loop_unwatch(m->loop, m->fd);
    if (m->fd >= 0)
        close(m->fd);
    pthread_cond_destroy(&m->filled);
    pthread_mutex_destroy(&m->lock);
    free(m->urgent.all);
    free(m->ordinary.all);
    free(m);
}

void mailbox_close(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    pthread_cond_broadcast(&m->filled);
    pthread_mutex_unlock(&m->lock);
}

bool mailbox_closed(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    bool closed = m->closed;
    pthread_mutex_unlock(&m->lock);
    return closed;
}

size_t mailbox_count(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    size_t count = held(m);
    pthread_mutex_unlock(&m->lock);
    return count;
}
