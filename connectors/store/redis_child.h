/* redis_child: the embedded default, a redis-server of our own on a unix socket below the state folder: started or adopted, watched, stopped.
 *
 * One gateway at a time owns a state folder (a lock on <state>/redis/lock). The server outlives a gateway that was killed, and the next one
 * adopts it: two servers on one append-only file would destroy it, so before one is started it is made sure that none is left.
 * Thread: one thread makes, ticks, stops and frees it; redis_child_status() is safe from all. */
#ifndef CONNECTORS_STORE_REDIS_CHILD_H
#define CONNECTORS_STORE_REDIS_CHILD_H
#include "connectors/store/redis_options.h"
#include "posture/base/log.h"

#include <sys/types.h>

struct redis_child_options {
    struct span state;         /* folder; made when missing */
    struct span program;       /* "redis-server", looked for in PATH, or a path */
    enum redis_durability durability; /* REDIS_FSYNC, or REDIS_EVERYSEC */
    int64_t ready_ms;          /* how long to wait at the start until it has loaded its data; 0: two minutes */
    const struct clock *clock; /* NULL: the system's */
    const struct log *log;     /* may be NULL */
};
struct redis_child;
/* Starts or adopts the server and waits until it answers. ERR_CONFLICT: another gateway owns the folder. ERR_IO, ERR_TIMEOUT, ERR_INPUT. */
MUST_CHECK enum err_code redis_child_new(const struct redis_child_options *options, struct redis_child **out, struct err *err);
/* How to connect to it; borrowed until redis_child_free(). */
const struct redis_options *redis_child_connection(const struct redis_child *c);
/* Call it every 100 to 200 ms: notices death and starts the server again, after 100 ms at first, 5 s at most. */
void redis_child_tick(struct redis_child *c);
struct redis_child_status { bool up; /* the process lives */ bool adopted; pid_t pid; unsigned restarts; };
struct redis_child_status redis_child_status(const struct redis_child *c);
/* SHUTDOWN, then SIGTERM, then SIGKILL to that very process; `grace_ms` for each step. */
void redis_child_stop(struct redis_child *c, int64_t grace_ms);
/* Does not stop the server: it goes on for the next gateway unless it was stopped. NULL is fine. */
void redis_child_free(struct redis_child *c);

#endif
