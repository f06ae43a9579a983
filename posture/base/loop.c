#include "posture/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 64, FIRST_ROOM = 16 };

/* A watch is named to epoll by descriptor and generation, never by address: an event that was already fetched when its watch
 * ended (or when the descriptor was reused) no longer matches. */
struct watch {
    loop_fd_fn *fn; /* NULL: not watched */
    void *context;
    uint32_t generation;
};
struct loop_timer {
    int64_t due_ms, period_ms; /* period 0: once */
    uint64_t order;            /* of two due at once the older goes first */
    size_t place;              /* in the heap; NOT_IN_HEAP while it fires */
    loop_timer_fn *fn;
    void *context;
};
struct source {
    int64_t (*timeout_ms)(void *);
    void (*run)(void *);
    void *context;
};
struct loop {
    const struct clock *clock;
    int epoll_fd, wake_fd;
    struct watch *watches; /* by descriptor */
    size_t watch_room;
    uint32_t generation;
    struct loop_timer **heap; /* soonest first */
    size_t timers, heap_room;
    uint64_t order;
    struct source sources[LOOP_SOURCES];
    size_t source_count;
    bool (*wait)(void *, int); /* NULL: epoll_wait() here */
    void *wait_context;
    int64_t looked_ms;         /* when its own descriptors were last looked at */
    int64_t idle_ms;
    atomic_bool stop;
};
#define NOT_IN_HEAP SIZE_MAX

/* ---- life ---- */

static void woken(void *context, uint32_t events)
{
    struct loop *l = context;
    uint64_t count;
    (void)events;
    (void)!read(l->wake_fd, &count, sizeof count);
}

enum err_code loop_new(const struct clock *clock, struct loop **out, struct err *err)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "event loop");
    l->clock = clock;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err_code code = l->epoll_fd < 0 || l->wake_fd < 0 ? err_set(err, ERR_IO, "making an event loop: %s", strerror(errno)) : OK;
    if (code == OK)
        code = loop_watch(l, l->wake_fd, EPOLLIN, woken, l, err);
    if (code != OK) {
        loop_free(l);
        return code;
    }
    *out = l;
    return OK;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->timers; i++)
        free(l->heap[i]);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l->heap);
    free(l->watches);
    free(l);
}

/* ---- descriptors ---- */

static bool grow_watches(struct loop *l, int fd)
{
    size_t room = l->watch_room > 0 ? l->watch_room : FIRST_ROOM;
    while (room <= (size_t)fd)
        room *= 2;
    if (room == l->watch_room)
        return true;
    struct watch *more = realloc(l->watches, room * sizeof *more);
    if (more == NULL)
        return false;
    memset(more + l->watch_room, 0, (room - l->watch_room) * sizeof *more);
    l->watches = more;
    l->watch_room = room;
    return true;
}

static uint64_t name_of(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

enum err_code loop_watch(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *context, struct err *err)
{
    if (fd < 0 || !grow_watches(l, fd))
        return err_set(err, fd < 0 ? ERR_IO : ERR_MEMORY, "watching descriptor %d", fd);
    struct epoll_event event = { .events = epoll_events, .data = { .u64 = name_of(fd, l->generation + 1) } };
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return err_set(err, ERR_IO, "watching descriptor %d: %s", fd, strerror(errno));
    l->watches[fd] = (struct watch){ fn, context, ++l->generation };
    return OK;
}

void loop_unwatch(struct loop *l, int fd)
{
    if (fd < 0 || (size_t)fd >= l->watch_room || l->watches[fd].fn == NULL)
        return;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    l->watches[fd] = (struct watch){ 0 };
}

static void deliver(struct loop *l, const struct epoll_event *event)
{
    uint32_t fd = (uint32_t)event->data.u64, generation = (uint32_t)(event->data.u64 >> 32);
    if (fd >= l->watch_room)
        return;
    struct watch watch = l->watches[fd]; /* a copy: the callback may move the table */
    if (watch.fn != NULL && watch.generation == generation)
        watch.fn(watch.context, event->events);
}

/* ---- timers: a binary heap ---- */

static bool sooner(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put_at(struct loop *l, size_t place, struct loop_timer *t)
{
    l->heap[place] = t;
    t->place = place;
}

static void sift_up(struct loop *l, size_t place, struct loop_timer *t)
{
    while (place > 0 && sooner(t, l->heap[(place - 1) / 2])) {
        put_at(l, place, l->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(l, place, t);
}

static void sift_down(struct loop *l, size_t place, struct loop_timer *t)
{
    for (size_t child; (child = 2 * place + 1) < l->timers; place = child) {
        if (child + 1 < l->timers && sooner(l->heap[child + 1], l->heap[child]))
            child++;
        if (!sooner(l->heap[child], t))
            break;
        put_at(l, place, l->heap[child]);
    }
    put_at(l, place, t);
}

static void take_out(struct loop *l, struct loop_timer *t)
{
    size_t place = t->place;
    struct loop_timer *last = l->heap[--l->timers];
    t->place = NOT_IN_HEAP;
    if (last == t)
        return;
    sift_down(l, place, last);
    sift_up(l, last->place, last);
}

static bool put_in(struct loop *l, struct loop_timer *t)
{
    if (l->timers == l->heap_room) {
        size_t room = l->heap_room > 0 ? l->heap_room * 2 : FIRST_ROOM;
        struct loop_timer **more = realloc(l->heap, room * sizeof(struct loop_timer *));
        if (more == NULL)
            return false;
        l->heap = more;
        l->heap_room = room;
    }
    t->order = l->order++;
    sift_up(l, l->timers++, t);
    return true;
}

static struct loop_timer *add_timer(struct loop *l, int64_t delay_ms, int64_t period_ms, loop_timer_fn *fn, void *context)
{
    struct loop_timer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    *t = (struct loop_timer){ .due_ms = clock_mono_ms(l->clock) + (delay_ms > 0 ? delay_ms : 0), .period_ms = period_ms, .fn = fn, .context = context };
    if (put_in(l, t))
        return t;
    free(t);
    return NULL;
}

struct loop_timer *loop_after(struct loop *l, int64_t delay_ms, loop_timer_fn *fn, void *context)
{
    return add_timer(l, delay_ms, 0, fn, context);
}

struct loop_timer *loop_every(struct loop *l, int64_t period_ms, loop_timer_fn *fn, void *context)
{
    assert(period_ms > 0);
    return add_timer(l, period_ms, period_ms, fn, context);
}

void loop_cancel(struct loop *l, struct loop_timer *t)
{
    if (t == NULL)
        return;
    if (t->place == NOT_IN_HEAP)
        return; /* firing right now: fire_once() frees it */
    take_out(l, t);
    free(t);
}

/* A periodic timer takes its next place before it fires, so that cancelling itself is nothing special. */
static void fire_periodic(struct loop *l, struct loop_timer *t, int64_t now_ms)
{
    t->due_ms += t->period_ms;
    if (t->due_ms <= now_ms) /* the machine slept: once is enough */
        t->due_ms = now_ms + t->period_ms;
    t->order = l->order++;
    sift_down(l, t->place, t);
    t->fn(t->context);
}

static void fire_once(struct loop *l, struct loop_timer *t)
{
    take_out(l, t);
    t->fn(t->context);
    free(t);
}

/* Those due at the start of the turn, so that a timer set to zero by its own callback cannot keep the loop here. */
static void fire_due(struct loop *l, int64_t now_ms)
{
    uint64_t newest = l->order;
    while (l->timers > 0 && l->heap[0]->due_ms <= now_ms && l->heap[0]->order < newest)
        l->heap[0]->period_ms > 0 ? fire_periodic(l, l->heap[0], now_ms) : fire_once(l, l->heap[0]);
}

/* ---- sources and turns ---- */

void loop_add_source(struct loop *l, int64_t (*timeout_ms)(void *), void (*run)(void *), void *context)
{
    assert(l->source_count < LOOP_SOURCES);
    l->sources[l->source_count++] = (struct source){ timeout_ms, run, context };
}

void loop_drop_source(struct loop *l, void *context)
{
    for (size_t i = 0; i < l->source_count; i++)
        if (l->sources[i].context == context)
            l->sources[i--] = l->sources[--l->source_count];
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int wait_ms(const struct loop *l)
{
    int64_t wait = -1;
    if (l->timers > 0) {
        int64_t left_ms = l->heap[0]->due_ms - clock_mono_ms(l->clock);
        wait = left_ms > 0 ? left_ms : 0;
    }
    for (size_t i = 0; i < l->source_count; i++)
        if (l->sources[i].timeout_ms != NULL)
            wait = shorter(wait, l->sources[i].timeout_ms(l->sources[i].context));
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

void loop_set_waiter(struct loop *l, bool (*wait)(void *context, int most_ms), void *context)
{
    l->wait = wait;
    l->wait_context = context;
}

bool loop_has_waiter(const struct loop *l) { return l->wait != NULL; }

int64_t loop_idle_ms(const struct loop *l) { return l->idle_ms; }

int loop_fd(const struct loop *l) { return l->epoll_fd; }

static void look(struct loop *l, int most_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int64_t before_ms = most_ms != 0 ? clock_mono_ms(l->clock) : 0;
    int count = epoll_wait(l->epoll_fd, events, EVENTS_A_TURN, most_ms);
    if (most_ms != 0)
        l->idle_ms += clock_mono_ms(l->clock) - before_ms; /* in ms, too, they add up: what one loses by rounding another gains */
    for (int i = 0; i < count; i++)
        deliver(l, &events[i]);
}

static void turn(struct loop *l)
{
    int most_ms = wait_ms(l);
    if (l->wait == NULL) {
        look(l, most_ms);
        fire_due(l, clock_mono_ms(l->clock));
    } else {
        bool busy = l->wait(l->wait_context, most_ms);
        int64_t now_ms = clock_mono_ms(l->clock);
        if (!busy || now_ms != l->looked_ms)
            look(l, 0);
        l->looked_ms = now_ms;
        fire_due(l, now_ms);
    }
    for (size_t i = 0; i < l->source_count; i++)
        l->sources[i].run(l->sources[i].context);
}

void loop_run(struct loop *l)
{
    while (!atomic_load_explicit(&l->stop, memory_order_acquire))
        turn(l);
    atomic_store_explicit(&l->stop, false, memory_order_relaxed); /* may be run again */
}

void loop_wake(struct loop *l)
{
    uint64_t one = 1;
    (void)!write(l->wake_fd, &one, sizeof one); /* full means that a wake is under way */
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stop, true, memory_order_release);
    loop_wake(l);
}
