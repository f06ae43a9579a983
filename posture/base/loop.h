/* loop: file descriptors and timers on epoll, one per thread. Not thread-safe, except loop_wake() and loop_stop(). */
#ifndef POSTURE_BASE_LOOP_H
#define POSTURE_BASE_LOOP_H
#include "posture/base/clock.h"
#include "posture/base/err.h"

struct loop;
struct loop_timer;
typedef void loop_fd_fn(void *context, uint32_t epoll_events);
typedef void loop_timer_fn(void *context);
/* Borrows the clock. Owned by the caller. */
MUST_CHECK enum err_code loop_new(const struct clock *clock, struct loop **out, struct err *err);
/* Frees timers and watches that are left; closes no descriptor of the caller's. NULL is fine. */
void loop_free(struct loop *l);
/* One watch a descriptor; ERR_IO when it is watched already or epoll refuses it. */
MUST_CHECK enum err_code loop_watch(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *context, struct err *err);
/* Fine from any callback, for any descriptor: no event of it is delivered afterwards. Call before close(). */
void loop_unwatch(struct loop *l, int fd);
/* Fires once after delay_ms, or every period_ms. Owned by the loop until cancelled or (once) fired. NULL when memory is short. */
struct loop_timer *loop_after(struct loop *l, int64_t delay_ms, loop_timer_fn *fn, void *context);
struct loop_timer *loop_every(struct loop *l, int64_t period_ms, loop_timer_fn *fn, void *context);
/* NULL is fine; a timer may cancel itself. */
void loop_cancel(struct loop *l, struct loop_timer *t);
enum { LOOP_SOURCES = 16 };
/* Before each wait: how long this source allows to sleep (-1: for ever; NULL: does not care); after each turn it is run. For libraries
 * with an own timeout, and parts that are told things by other threads. At most LOOP_SOURCES, told apart by context (asserted). */
void loop_add_source(struct loop *l, int64_t (*timeout_ms)(void *), void (*run)(void *), void *context);
void loop_drop_source(struct loop *l, void *context);
/* A source with an epoll of its own may wait for the whole loop, so that its events cost one system call and not two. wait() watches loop_fd() beside its own
 * descriptors, returns after most_ms (-1: however long) or when anything happened, and says whether it was busy itself: then the loop looks at its own
 * descriptors once a millisecond. NULL: the loop waits itself. */
void loop_set_waiter(struct loop *l, bool (*wait)(void *context, int most_ms), void *context);
bool loop_has_waiter(const struct loop *l);
/* For how long it has waited in all since it began, in ms: what is missing is work, or waiting for a core. A loop with a waiter does not count. */
int64_t loop_idle_ms(const struct loop *l);
int loop_fd(const struct loop *l); /* readable when the loop has events; borrowed */
void loop_run(struct loop *l);   /* until loop_stop() */
void loop_wake(struct loop *l);  /* any thread: makes the loop turn once */
void loop_stop(struct loop *l);  /* any thread */
#endif
