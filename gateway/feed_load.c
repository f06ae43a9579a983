#include "gateway/feed_load.h"

#include "posture/device.h"

enum { LOADERS = 2 /* shares that every store knows (ports.h); the store itself takes what is left of two cores */, HEARD_EVERY = 1000, TIMES_BYTES = 64 * 1024 };

struct loader {
    const struct node *node;
    pthread_mutex_t *writing;
    const atomic_bool *stop;
    unsigned share;
    size_t count;
    pthread_t thread;
    bool started;
    enum err_code code;
    struct err err;
};

/* A record that cannot be read is logged and left out: the others are no worse for it. */
static void put(const struct node *node, pthread_mutex_t *writing, const struct record *record, const struct refresh *refresh)
{
    struct directory_state state;
    struct err err;
    enum err_code code = directory_state_read(record, refresh, &state, &err);
    if (code == OK) {
        pthread_mutex_lock(writing);
        code = directory_state_put(node->directory, &state, &err);
        pthread_mutex_unlock(writing);
    }
    if (code != OK)
        log_event(node->log, LOG_ERROR, "feed.bad_record", LOG_SPAN("id", record->id), LOG_ERR(&err));
}

static bool load_state(void *context, const struct record *record, const struct refresh *refresh)
{
    struct loader *l = context;
    put(l->node, l->writing, record, refresh);
    if (++l->count % HEARD_EVERY == 0)
        directory_heard(l->node->directory); /* what is answered meanwhile rests on records that were read just now */
    return !*l->stop;
}

static void *load_share(void *context)
{
    struct loader *l = context;
    struct store *store = NULL;
    directory_register_thread();
    l->code = l->node->stores.open(l->node->stores.context, &store, &l->err);
    if (l->code == OK)
        l->code = store->ops->each_state(store, l->share, LOADERS, load_state, l, &l->err);
    if (store != NULL)
        store->ops->free(store);
    directory_unregister_thread();
    return NULL;
}

enum err_code feed_load_states(const struct node *node, pthread_mutex_t *writing, const atomic_bool *stop, struct err *err)
{
    struct loader all[LOADERS];
    enum err_code code = OK;
    for (unsigned i = 0; i < LOADERS; i++) {
        all[i] = (struct loader){ .node = node, .writing = writing, .stop = stop, .share = i, .code = ERR_IO };
        all[i].started = pthread_create(&all[i].thread, NULL, load_share, &all[i]) == 0;
        if (!all[i].started)
            (void)err_set(&all[i].err, ERR_IO, "starting a thread that loads");
    }
    for (unsigned i = 0; i < LOADERS; i++) {
        if (all[i].started)
            pthread_join(all[i].thread, NULL);
        if (code == OK && all[i].code != OK) {
            code = all[i].code;
            *err = all[i].err;
        }
    }
    return code;
}

enum err_code feed_load_one(const struct node *node, pthread_mutex_t *writing, struct store *store, enum record_kind kind, struct span id, struct err *err)
{
    CLEANUP(buf_done) struct buf body, times;
    struct record record = { .kind = kind, .id = id };
    struct refresh refresh = { .device = id };
    buf_init(&body, DEVICE_BODY_BYTES);
    buf_init(&times, TIMES_BYTES);
    enum err_code code = store->ops->get(store, kind, id, &body, &record.version, err);
    if (code != OK)
        return code == ERR_NOT_FOUND ? OK : code;
    enum err_code seen = kind == RECORD_DEVICE ? store->ops->seen(store, id, &times, &refresh.seen_s, err) : ERR_NOT_FOUND;
    if (seen != OK && seen != ERR_NOT_FOUND)
        return seen;
    record.body = buf_span(&body);
    refresh.times = buf_span(&times);
    put(node, writing, &record, seen == OK ? &refresh : NULL);
    directory_heard(node->directory);
    return OK;
}
