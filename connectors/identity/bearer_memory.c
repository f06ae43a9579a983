#include "connectors/identity/bearer_parts.h"

#include <stdlib.h>
#include <string.h>

/* A token has PROBES places in its shard; when all are taken, the one that is forgotten soonest makes room. */
enum { SHARDS = 16, SLOTS = 256, PROBES = 8 };

struct slot { uint8_t hash[SECRET_HASH_BYTES], keys[SECRET_HASH_BYTES]; int64_t until_s; /* 0: free */ struct bearer_known known; };
struct shard { pthread_mutex_t lock; struct slot slots[SLOTS]; };
struct bearer_memory { struct shard shards[SHARDS]; };

struct bearer_memory *bearer_memory_new(void)
{
    struct bearer_memory *m = calloc(1, sizeof *m);
    for (size_t i = 0; m != NULL && i < SHARDS; i++)
        pthread_mutex_init(&m->shards[i].lock, NULL);
    return m;
}

void bearer_memory_free(struct bearer_memory *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&m->shards[i].lock);
    free(m);
}

/* The hash is uniform and nobody can choose it, so its bytes are the places. */
static struct shard *shard_of(struct bearer_memory *m, const uint8_t *hash) { return &m->shards[hash[0] % SHARDS]; }
static struct slot *slot_of(struct shard *s, const uint8_t *hash, size_t probe) { return &s->slots[(hash[1] + probe) % SLOTS]; }

bool bearer_memory_find(struct bearer_memory *m, const uint8_t hash[SECRET_HASH_BYTES], const uint8_t keys[SECRET_HASH_BYTES], int64_t now_s, struct bearer_known *out)
{
    struct shard *s = shard_of(m, hash);
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < PROBES && !found; i++) {
        const struct slot *slot = slot_of(s, hash, i);
        found = slot->until_s > now_s && memcmp(slot->hash, hash, SECRET_HASH_BYTES) == 0 && memcmp(slot->keys, keys, SECRET_HASH_BYTES) == 0;
        if (found)
            *out = slot->known;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

void bearer_memory_put(struct bearer_memory *m, const uint8_t hash[SECRET_HASH_BYTES], const uint8_t keys[SECRET_HASH_BYTES], int64_t now_s, const struct bearer_known *known)
{
    struct shard *s = shard_of(m, hash);
    int64_t until_s = known->exp_s < now_s + BEARER_REMEMBER_S ? known->exp_s : now_s + BEARER_REMEMBER_S;
    pthread_mutex_lock(&s->lock);
    struct slot *soonest = slot_of(s, hash, 0);
    for (size_t i = 0; i < PROBES; i++) {
        struct slot *slot = slot_of(s, hash, i);
        bool same = slot->until_s != 0 && memcmp(slot->hash, hash, SECRET_HASH_BYTES) == 0;
        if (slot->until_s < soonest->until_s || same)
            soonest = slot;
        if (same)
            break;
    }
    memcpy(soonest->hash, hash, SECRET_HASH_BYTES);
    memcpy(soonest->keys, keys, SECRET_HASH_BYTES);
    soonest->until_s = until_s;
    soonest->known = *known;
    pthread_mutex_unlock(&s->lock);
}
