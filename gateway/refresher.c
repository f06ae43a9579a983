#include "gateway/refresher.h"

#include "posture/ports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 16, SHARD_ROOM = 16384, WRITE_EVERY_MS = 10000, TICK_MS = 100, TIMES_MOST = 64, DEVICE_ID_BYTES = 32, CHECK_ID_BYTES = 64, BATCH = 2000 };

struct check_time { char check[CHECK_ID_BYTES]; int64_t at_s; };
struct seen {
    char device[DEVICE_ID_BYTES];
    int64_t seen_s;
    struct check_time *times; /* owned */
    size_t time_count;
};
/* A shard is an open hash of devices that spoke since the last write. The lock is held for one look-up or one swap. */
struct shard {
    pthread_mutex_t lock;
    struct seen *slots; /* SHARD_ROOM of them; device "" is free */
    size_t used;
};
struct refresher {
    const struct node *node;
    struct store *store;
    struct shard shards[SHARDS];
    struct seen *spare; /* swapped with a shard's slots while that is written */
    atomic_bool stop;
    bool started;
    pthread_t thread;
};

static struct seen *find_slot(struct shard *s, struct span device, uint64_t hash)
{
    for (size_t i = 0; i < SHARD_ROOM; i++) {
        struct seen *at = &s->slots[(hash + i) % SHARD_ROOM];
        if (at->device[0] == '\0' || span_equal_text(device, at->device))
            return at;
    }
    return NULL;
}

static void note_check(struct seen *seen, struct span check, int64_t now_s)
{
    size_t i = 0;
    while (i < seen->time_count && !span_equal_text(check, seen->times[i].check))
        i++;
    if (i == seen->time_count) {
        struct check_time *more = i < TIMES_MOST && check.bytes < CHECK_ID_BYTES ? realloc(seen->times, (i + 1) * sizeof *more) : NULL;
        if (more == NULL)
            return; /* the time stays older: the check is asked again sooner */
        seen->times = more;
        memset(&more[i], 0, sizeof more[i]);
        memcpy(more[i].check, check.at, check.bytes);
        seen->time_count++;
    }
    seen->times[i].at_s = now_s;
}

void refresher_seen(struct refresher *r, struct span device, int64_t now_s, const struct span *checks, size_t count)
{
    uint64_t hash = span_hash(device, 0);
    struct shard *s = &r->shards[r->store->ops->partition_of(r->store, RECORD_DEVICE, device) % SHARDS]; /* so that one shard is one write */
    if (device.bytes == 0 || device.bytes >= DEVICE_ID_BYTES)
        return;
    pthread_mutex_lock(&s->lock);
    struct seen *at = s->used < SHARD_ROOM * 3 / 4 ? find_slot(s, device, hash) : NULL; /* full: written late, lost never: the next poll says it again */
    if (at != NULL && at->device[0] == '\0') {
        memcpy(at->device, device.at, device.bytes);
        at->device[device.bytes] = '\0';
        s->used++;
    }
    if (at != NULL) {
        at->seen_s = now_s;
        for (size_t i = 0; i < count; i++)
            note_check(at, checks[i], now_s);
    }
    pthread_mutex_unlock(&s->lock);
}

static struct span times_json(const struct seen *seen, struct arena *arena)
{
    struct buf out;
    struct to_json w;
    buf_init(&out, 64 * 1024);
    to_json_init(&w, &out);
    to_json_object(&w);
    for (size_t i = 0; i < seen->time_count; i++)
        to_json_member_int(&w, seen->times[i].check, seen->times[i].at_s);
    to_json_end(&w);
    struct span text = arena_copy(arena, buf_span(&out));
    buf_done(&out);
    return text;
}

/* One write for the devices of `partition` among the slots; at most BATCH a call, so that one function stays short. */
static void write_partition(struct refresher *r, struct seen *slots, unsigned partition)
{
    struct refresh *batch = calloc(BATCH, sizeof *batch);
    size_t count = 0;
    struct arena arena;
    struct err err;
    arena_init(&arena, 64 * 1024, 64 * 1024 * 1024);
    for (size_t i = 0; batch != NULL && i <= SHARD_ROOM; i++) {
        const struct seen *s = i < SHARD_ROOM ? &slots[i] : NULL;
        if (s != NULL && s->device[0] != '\0' && r->store->ops->partition_of(r->store, RECORD_DEVICE, span_of(s->device)) == partition)
            batch[count++] = (struct refresh){ span_of(s->device), s->seen_s, s->time_count > 0 ? times_json(s, &arena) : SPAN_NONE };
        if (count == 0 || (count < BATCH && s != NULL))
            continue;
        if (r->store->ops->refresh(r->store, partition, batch, count, clock_wall_ms(r->node->clock), &err) != OK)
            log_event(r->node->log, LOG_WARN, "refresh.lost", LOG_INT("devices", count), LOG_ERR(&err)); /* times only; the next poll brings newer ones */
        arena_reset(&arena);
        count = 0;
    }
    arena_done(&arena);
    free(batch);
}

static void clear_slots(struct seen *slots)
{
    for (size_t i = 0; i < SHARD_ROOM; i++)
        free(slots[i].times);
    memset(slots, 0, SHARD_ROOM * sizeof *slots);
}

static void write_shard(struct refresher *r, struct shard *s)
{
    pthread_mutex_lock(&s->lock);
    struct seen *slots = s->slots;
    bool any = s->used > 0;
    if (any) {
        s->slots = r->spare;
        s->used = 0;
    }
    pthread_mutex_unlock(&s->lock);
    if (!any)
        return;
    bool partitions[1024] = { false };
    unsigned count = r->store->ops->partitions(r->store);
    for (size_t i = 0; i < SHARD_ROOM; i++)
        if (slots[i].device[0] != '\0')
            partitions[r->store->ops->partition_of(r->store, RECORD_DEVICE, span_of(slots[i].device)) % 1024] = true;
    for (unsigned p = 0; p < count && p < 1024; p++)
        if (partitions[p])
            write_partition(r, slots, p);
    clear_slots(slots);
    r->spare = slots;
}

static void *refresher_thread(void *context)
{
    struct refresher *r = context;
    int64_t next_ms = clock_mono_ms(r->node->clock) + WRITE_EVERY_MS;
    while (!r->stop) {
        struct timespec pause = { 0, TICK_MS * 1000000L };
        nanosleep(&pause, NULL);
        if (clock_mono_ms(r->node->clock) < next_ms)
            continue;
        next_ms += WRITE_EVERY_MS;
        for (size_t i = 0; i < SHARDS && !r->stop; i++)
            write_shard(r, &r->shards[i]);
    }
    for (size_t i = 0; i < SHARDS; i++)
        write_shard(r, &r->shards[i]);
    return NULL;
}

enum err_code refresher_new(const struct node *node, struct refresher **out, struct err *err)
{
    struct refresher *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_MEMORY, "refresher");
    r->node = node;
    r->spare = calloc(SHARD_ROOM, sizeof *r->spare);
    bool good = r->spare != NULL;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&r->shards[i].lock, NULL);
        r->shards[i].slots = calloc(SHARD_ROOM, sizeof(struct seen));
        good = good && r->shards[i].slots != NULL;
    }
    if (!good) {
        refresher_free(r);
        return err_set(err, ERR_MEMORY, "refresher");
    }
    *out = r;
    return OK;
}

enum err_code refresher_start(struct refresher *r, struct err *err)
{
    enum err_code code = r->node->stores.open(r->node->stores.context, &r->store, err);
    if (code != OK)
        return err_wrap(err, "refresher");
    if (pthread_create(&r->thread, NULL, refresher_thread, r) != 0)
        return err_set(err, ERR_IO, "starting the refresher's thread");
    r->started = true;
    return OK;
}

void refresher_stop(struct refresher *r)
{
    if (r == NULL || !r->started)
        return;
    r->stop = true;
    pthread_join(r->thread, NULL);
    r->started = false;
}

void refresher_free(struct refresher *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        if (r->shards[i].slots != NULL)
            clear_slots(r->shards[i].slots);
        free(r->shards[i].slots);
        pthread_mutex_destroy(&r->shards[i].lock);
    }
    if (r->spare != NULL)
        clear_slots(r->spare);
    free(r->spare);
    if (r->store != NULL)
        r->store->ops->free(r->store);
    free(r);
}
