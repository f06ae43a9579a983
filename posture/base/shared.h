/* shared: something that never changes once it is shown, read by any thread, replaced as a whole by whoever has a newer one. A reader holds what it took
 * until it drops it; the last holder frees it. For what readers keep longer than the directory's read side allows (a signature takes a millisecond).
 * Thread: all calls, from all threads; the lock is held for a pointer and a count. */
#ifndef POSTURE_BASE_SHARED_H
#define POSTURE_BASE_SHARED_H
#include <pthread.h>
#include <stdatomic.h>

/* The first member of what is shared. */
struct shared_body { atomic_uint holders; void (*free)(struct shared_body *); };
struct shared { pthread_mutex_t lock; struct shared_body *now; };

void shared_init(struct shared *s);
void shared_done(struct shared *s);                            /* drops what it shows; holders keep theirs */
void shared_show(struct shared *s, struct shared_body *takes); /* instead of what was shown; NULL shows nothing. Sets `holders` */
struct shared_body *shared_take(struct shared *s);             /* NULL when nothing is shown */
void shared_drop(struct shared_body *b);                       /* NULL is fine */

#endif
