#include "gateway/feed_load.h"

#include "posture/device.h"

#include <stdlib.h>

enum { HEARD_EVERY = 1000, TIMES_BYTES = 64 * 1024, BATCHES = 4, BATCH_RECORDS = 256, BATCH_BYTES = 1024 * 1024 /* full at the latest after the record that passes it */ };

/* Records on their way from the thread that reads to the one that puts. */
struct stored { struct record record; struct refresh refresh; bool refreshed; };
struct batch { struct arena arena; struct stored all[BATCH_RECORDS]; size_t count; };
struct load {
    const struct node *node;
    pthread_mutex_t *writing;
    const atomic_bool *stop;
    pthread_mutex_t lock;        /* guards the three below */
    pthread_cond_t moved;
    size_t filled, emptied;      /* batches so far: number n lies in batches[n % BATCHES], and belongs to the reader from n emptied - BATCHES on until it is filled */
    bool ended;                  /* nothing comes after `filled` */
    struct batch batches[BATCHES];
    size_t put;                  /* records; the putting thread's, and so is the room */
    struct directory_room room;
    struct err err;              /* the reading thread's, and so is the code */
    enum err_code code;
};

/* A record that cannot be read is logged and left out: the others are no worse for it. */
static void put(const struct node *node, pthread_mutex_t *writing, struct directory_room *room, const struct record *record, const struct refresh *refresh)
{
    struct directory_state state;
    struct err err;
    enum err_code code = directory_state_read(record, refresh, room, &state, &err);
    if (code == OK) {
        pthread_mutex_lock(writing);
        code = directory_state_put(node->directory, &state, &err);
        pthread_mutex_unlock(writing);
    }
    if (code != OK)
        log_event(node->log, LOG_ERROR, "feed.bad_record", LOG_SPAN("id", record->id), LOG_ERR(&err));
}

/* ---- the thread that reads ---- */

static struct batch *filling(struct load *l) { return &l->batches[l->filled % BATCHES]; }

static void hand_over(struct load *l, bool last)
{
    pthread_mutex_lock(&l->lock);
    l->filled++;
    l->ended = last;
    pthread_cond_broadcast(&l->moved);
    while (!last && l->filled - l->emptied == BATCHES)
        pthread_cond_wait(&l->moved, &l->lock);
    pthread_mutex_unlock(&l->lock);
    if (last)
        return;
    arena_reset(&filling(l)->arena);
    filling(l)->count = 0;
}

static bool keep(struct batch *b, const struct record *record, const struct refresh *refresh)
{
    struct stored *to = &b->all[b->count++];
    *to = (struct stored){ .record = *record, .refreshed = refresh != NULL };
    to->record.id = arena_copy(&b->arena, record->id);
    to->record.body = arena_copy(&b->arena, record->body);
    if (refresh != NULL)
        to->refresh = (struct refresh){ to->record.id, refresh->seen_s, arena_copy(&b->arena, refresh->times) };
    return to->record.id.at != NULL && to->record.body.at != NULL && (refresh == NULL || to->refresh.times.at != NULL);
}

static bool take_state(void *context, const struct record *record, const struct refresh *refresh)
{
    struct load *l = context;
    struct batch *b = filling(l);
    if (!keep(b, record, refresh)) {
        b->count--;
        l->code = err_set(&l->err, ERR_MEMORY, "loading record %.*s: memory is short", SPAN_ARGS(record->id));
        return false;
    }
    if (b->count == BATCH_RECORDS || b->arena.used_bytes >= BATCH_BYTES)
        hand_over(l, false);
    return !*l->stop;
}

static void *read_all(void *context)
{
    struct load *l = context;
    struct store *store = NULL;
    enum err_code code = l->node->stores.open(l->node->stores.context, &store, &l->err);
    if (code == OK)
        code = store->ops->each_state(store, take_state, l, &l->err);
    if (store != NULL)
        store->ops->free(store);
    l->code = l->code != OK ? l->code : code;
    hand_over(l, true);
    return NULL;
}

/* ---- the thread that puts ---- */

static void put_batch(struct load *l, const struct batch *b)
{
    for (size_t i = 0; i < b->count && !*l->stop; i++) {
        put(l->node, l->writing, &l->room, &b->all[i].record, b->all[i].refreshed ? &b->all[i].refresh : NULL);
        if (++l->put % HEARD_EVERY == 0)
            directory_heard(l->node->directory); /* what is answered meanwhile rests on records that were read just now */
    }
}

/* NULL: that was all. */
static const struct batch *next_batch(struct load *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->filled == l->emptied && !l->ended)
        pthread_cond_wait(&l->moved, &l->lock);
    const struct batch *b = l->filled > l->emptied ? &l->batches[l->emptied % BATCHES] : NULL;
    pthread_mutex_unlock(&l->lock);
    return b;
}

static void give_back(struct load *l)
{
    pthread_mutex_lock(&l->lock);
    l->emptied++;
    pthread_cond_broadcast(&l->moved);
    pthread_mutex_unlock(&l->lock);
}

static struct load *load_new(const struct node *node, pthread_mutex_t *writing, const atomic_bool *stop)
{
    struct load *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->node = node;
    l->writing = writing;
    l->stop = stop;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->moved, NULL);
    for (size_t i = 0; i < BATCHES; i++)
        arena_init(&l->batches[i].arena, BATCH_BYTES, 4 * (size_t)DEVICE_BODY_BYTES + BATCH_BYTES);
    return l;
}

static void load_free(struct load *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < BATCHES; i++)
        arena_done(&l->batches[i].arena);
    pthread_cond_destroy(&l->moved);
    pthread_mutex_destroy(&l->lock);
    directory_room_done(&l->room);
    free(l);
}

enum err_code feed_load_states(const struct node *node, pthread_mutex_t *writing, const atomic_bool *stop, struct err *err)
{
    struct load *l = load_new(node, writing, stop);
    pthread_t reader;
    if (l == NULL || !directory_room_init(&l->room)) {
        load_free(l);
        return err_set(err, ERR_MEMORY, "loading the directory: memory is short");
    }
    enum err_code code = pthread_create(&reader, NULL, read_all, l) == 0 ? OK : err_set(err, ERR_IO, "starting a thread that loads");
    if (code == OK) {
        for (const struct batch *b = next_batch(l); b != NULL; b = next_batch(l)) {
            put_batch(l, b);
            give_back(l);
        }
        pthread_join(reader, NULL);
        code = l->code;
        if (code != OK)
            *err = l->err;
    }
    load_free(l);
    return code;
}

enum err_code feed_load_one(const struct node *node, pthread_mutex_t *writing, struct store *store, enum record_kind kind, struct span id, struct err *err)
{
    CLEANUP(buf_done) struct buf body, times;
    CLEANUP(directory_room_done) struct directory_room room;
    struct record record = { .kind = kind, .id = id };
    struct refresh refresh = { .device = id };
    buf_init(&body, DEVICE_BODY_BYTES);
    buf_init(&times, TIMES_BYTES);
    if (!directory_room_init(&room))
        return err_set(err, ERR_MEMORY, "reading record %.*s: memory is short", SPAN_ARGS(id));
    enum err_code code = store->ops->get(store, kind, id, &body, &record.version, err);
    if (code != OK)
        return code == ERR_NOT_FOUND ? OK : code;
    enum err_code seen = kind == RECORD_DEVICE ? store->ops->seen(store, id, &times, &refresh.seen_s, err) : ERR_NOT_FOUND;
    if (seen != OK && seen != ERR_NOT_FOUND)
        return seen;
    record.body = buf_span(&body);
    refresh.times = buf_span(&times);
    put(node, writing, &room, &record, seen == OK ? &refresh : NULL);
    directory_heard(node->directory);
    return OK;
}
