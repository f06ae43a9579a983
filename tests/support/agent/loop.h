/* loop: file descriptors and timers on epoll, for one thread. Watches and timers live inside their owners' structs;
 * an owner removes them before it goes, also from within a call of the loop. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop_watch {
    void (*ready)(void *context, uint32_t events);
    void *context;
    int fd;
};

struct loop_timer {
    void (*due)(void *context);
    void *context;
    int64_t at_ms;   /* monotonic */
    size_t slot;     /* 0 while not set; the loop's own */
};

/* Owned by the caller. SIGINT and SIGTERM end loop_run; SIGPIPE is ignored. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* False when the kernel refuses (out of descriptors). */
bool loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events);
void loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events);
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t at_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop or a signal. The result is what loop_stop was given, or 0 after a signal. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int result);
bool loop_stopping(const struct loop *loop);

#endif
