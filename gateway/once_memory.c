#include "gateway/once_memory.h"

#include "posture/base/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 32 };
struct entry { uint8_t hash[SECRET_HASH_BYTES]; int64_t until_s; };
struct once_memory {
    pthread_mutex_t lock;         /* guards the table: looked at by slow lane threads, a few times a second, and only in an outage or just after one */
    _Atomic int64_t newest_s;     /* when the last entry is forgotten: before the first outage the table is never looked at */
    struct entry entries[ONCE_MEMORY_MOST];
};

struct once_memory *once_memory_new(void)
{
    struct once_memory *m = calloc(1, sizeof *m);
    if (m != NULL)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

void once_memory_free(struct once_memory *m)
{
    if (m == NULL)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void hash_of(struct span kind, struct span value, uint8_t hash[SECRET_HASH_BYTES]) { secret_hmac(kind, value, hash); }

/* Where this hash stands, or the first free place among those it may stand in; NULL: none. */
static struct entry *place(struct once_memory *m, const uint8_t hash[SECRET_HASH_BYTES], int64_t now_s, bool *found)
{
    struct entry *free_place = NULL;
    size_t at = (size_t)hash[0] | (size_t)hash[1] << 8 | (size_t)hash[2] << 16;
    *found = false;
    for (size_t i = 0; i < PROBES; i++) {
        struct entry *e = &m->entries[(at + i) % ONCE_MEMORY_MOST];
        if (e->until_s <= now_s) {
            free_place = free_place != NULL ? free_place : e;
        } else if (memcmp(e->hash, hash, SECRET_HASH_BYTES) == 0) {
            *found = true;
            return e;
        }
    }
    return free_place;
}

enum err_code once_memory_use(struct once_memory *m, struct span kind, struct span value, int64_t now_s, int64_t ttl_s, struct err *err)
{
    uint8_t hash[SECRET_HASH_BYTES];
    bool found;
    hash_of(kind, value, hash);
    pthread_mutex_lock(&m->lock);
    struct entry *e = place(m, hash, now_s, &found);
    if (e != NULL && !found) {
        memcpy(e->hash, hash, sizeof hash);
        e->until_s = now_s + ttl_s;
        if (e->until_s > m->newest_s)
            m->newest_s = e->until_s;
    }
    pthread_mutex_unlock(&m->lock);
    if (found)
        return err_set(err, ERR_CONFLICT, "this %.*s was used before", SPAN_ARGS(kind));
    return e != NULL ? OK : err_set(err, ERR_UNAVAILABLE, "too much to remember while the store is away");
}

bool once_memory_has(struct once_memory *m, struct span kind, struct span value, int64_t now_s)
{
    uint8_t hash[SECRET_HASH_BYTES];
    bool found = false;
    if (m->newest_s <= now_s)
        return false;
    hash_of(kind, value, hash);
    pthread_mutex_lock(&m->lock);
    (void)place(m, hash, now_s, &found);
    pthread_mutex_unlock(&m->lock);
    return found;
}
