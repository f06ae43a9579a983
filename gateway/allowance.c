#include "gateway/allowance.h"

#include "posture/base/secret.h"

#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 8192, NEIGHBOURS = 8 };

struct slot { uint64_t key; int64_t since_s, last_s; unsigned used; };
struct allowance {
    pthread_mutex_t lock;
    uint64_t seed;
    struct slot slots[SLOTS + NEIGHBOURS];
};

struct allowance *allowance_new(void)
{
    struct allowance *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    pthread_mutex_init(&a->lock, NULL);
    secret_random(&a->seed, sizeof a->seed);
    return a;
}

void allowance_free(struct allowance *a)
{
    if (a == NULL)
        return;
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* The key's slot, or among its neighbours the one that was quiet longest, emptied. */
static struct slot *slot_of(struct allowance *a, uint64_t key)
{
    struct slot *near = &a->slots[key % SLOTS], *quiet = near;
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        if (near[i].key == key)
            return &near[i];
        if (near[i].last_s < quiet->last_s)
            quiet = &near[i];
    }
    *quiet = (struct slot){ .key = key };
    return quiet;
}

bool allowance_take(struct allowance *a, char kind, struct span key, struct allowance_limit limit, int64_t now_s)
{
    if (a == NULL)
        return true;
    pthread_mutex_lock(&a->lock);
    struct slot *slot = slot_of(a, span_hash(key, span_hash(span_make(&kind, 1), a->seed)) | 1); /* never 0: that is a free slot */
    if (slot->used == 0 || now_s - slot->since_s >= limit.per_s || now_s < slot->since_s) {
        slot->since_s = now_s;
        slot->used = 0;
    }
    bool allowed = slot->used < limit.times;
    slot->used += allowed;
    slot->last_s = now_s;
    pthread_mutex_unlock(&a->lock);
    return allowed;
}
