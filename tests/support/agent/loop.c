#include "loop.h"

#include "text.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BATCH = 256 };

struct loop {
    int epoll_fd;
    struct loop_watch signals;
    struct loop_timer **heap; /* slot n is heap[n - 1]; the parent of slot n is n / 2 */
    size_t heap_size;
    size_t heap_room;
    struct epoll_event batch[BATCH];
    int batch_size;
    bool stopping;
    int result;
};

static void on_signal(void *context, uint32_t events)
{
    (void)events;
    struct loop *loop = context;
    struct signalfd_siginfo info;
    if (read(loop->signals.fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop_stop(loop, 0);
}

struct loop *loop_new(void)
{
    struct loop *loop = must_alloc(1, sizeof *loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    loop->signals = (struct loop_watch){ .ready = on_signal, .context = loop };
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->epoll_fd < 0 || fd < 0 || !loop_watch_add(loop, &loop->signals, fd, EPOLLIN)) {
        complain("cannot make an event loop");
        exit(1);
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    close(loop->signals.fd);
    close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
}

bool loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
    watch->fd = fd;
    struct epoll_event event = { .events = events, .data.ptr = watch };
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    /* What the kernel already reported for it in this round must not reach a watch that is gone. */
    for (int i = 0; i < loop->batch_size; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

static void put(struct loop *loop, size_t slot, struct loop_timer *timer)
{
    loop->heap[slot - 1] = timer;
    timer->slot = slot;
}

static void sift(struct loop *loop, size_t slot)
{
    struct loop_timer *timer = loop->heap[slot - 1];
    while (slot > 1 && loop->heap[slot / 2 - 1]->at_ms > timer->at_ms) {
        put(loop, slot, loop->heap[slot / 2 - 1]);
        slot /= 2;
    }
    for (;;) {
        size_t child = slot * 2;
        if (child > loop->heap_size)
            break;
        if (child < loop->heap_size && loop->heap[child]->at_ms < loop->heap[child - 1]->at_ms)
            child++;
        if (loop->heap[child - 1]->at_ms >= timer->at_ms)
            break;
        put(loop, slot, loop->heap[child - 1]);
        slot = child;
    }
    put(loop, slot, timer);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    size_t slot = timer->slot;
    if (slot == 0)
        return;
    timer->slot = 0;
    struct loop_timer *last = loop->heap[--loop->heap_size];
    if (last != timer) {
        put(loop, slot, last);
        sift(loop, slot);
    }
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t at_ms)
{
    loop_timer_stop(loop, timer);
    if (loop->heap_size == loop->heap_room) {
        loop->heap_room = loop->heap_room * 2 + 64;
        loop->heap = must_grow(loop->heap, loop->heap_room, sizeof(struct loop_timer *));
    }
    timer->at_ms = at_ms;
    loop->heap_size++;
    put(loop, loop->heap_size, timer);
    sift(loop, loop->heap_size);
}

static void run_timers(struct loop *loop)
{
    int64_t now = mono_ms();
    while (!loop->stopping && loop->heap_size > 0 && loop->heap[0]->at_ms <= now) {
        struct loop_timer *timer = loop->heap[0];
        loop_timer_stop(loop, timer);
        timer->due(timer->context);
    }
}

int loop_run(struct loop *loop)
{
    while (!loop->stopping) {
        int64_t wait = 1000;
        if (loop->heap_size > 0)
            wait = loop->heap[0]->at_ms - mono_ms();
        wait = wait < 0 ? 0 : wait > 1000 ? 1000 : wait;
        int got = epoll_wait(loop->epoll_fd, loop->batch, BATCH, (int)wait);
        if (got < 0 && errno != EINTR)
            return 1;
        loop->batch_size = got < 0 ? 0 : got;
        for (int i = 0; i < loop->batch_size && !loop->stopping; i++) {
            struct loop_watch *watch = loop->batch[i].data.ptr;
            if (watch != NULL)
                watch->ready(watch->context, loop->batch[i].events);
        }
        loop->batch_size = 0;
        run_timers(loop);
    }
    return loop->result;
}

void loop_stop(struct loop *loop, int result)
{
    if (!loop->stopping)
        loop->result = result;
    loop->stopping = true;
}

bool loop_stopping(const struct loop *loop)
{
    return loop->stopping;
}
