#include "posture/base/shared.h"

#include <stddef.h>

void shared_init(struct shared *s)
{
    pthread_mutex_init(&s->lock, NULL);
    s->now = NULL;
}

void shared_done(struct shared *s)
{
    shared_show(s, NULL);
    pthread_mutex_destroy(&s->lock);
}

void shared_show(struct shared *s, struct shared_body *takes)
{
    if (takes != NULL)
        atomic_init(&takes->holders, 1);
    pthread_mutex_lock(&s->lock);
    struct shared_body *before = s->now;
    s->now = takes;
    pthread_mutex_unlock(&s->lock);
    shared_drop(before);
}

struct shared_body *shared_take(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    struct shared_body *b = s->now;
    if (b != NULL)
        atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed); /* the lock orders it against the drop in shared_show() */
    pthread_mutex_unlock(&s->lock);
    return b;
}

void shared_drop(struct shared_body *b)
{
    if (b != NULL && atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) == 1)
        b->free(b);
}
