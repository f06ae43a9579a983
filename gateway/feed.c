#include "gateway/feed.h"

#include "gateway/feed_load.h"
#include "posture/directory_control.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { READ_MOST = 500, READ_WAIT_MS = 200, RETRY_MS = 200, OBSERVERS = 8, WATCHES = 4, AWAIT_MS = 2000, PARTITIONS_MOST = 1024, CONTROL_BYTES = 16 * 1024 * 1024 + 1 };

struct waiter {
    enum record_kind kind;
    struct span id;
    int64_t version;
    bool applied;
    struct waiter *next;
};
struct observer {
    void (*fn)(void *, const struct log_entry *);
    void *context;
};
struct watch {
    struct span control;
    enum err_code (*fn)(void *, struct span, struct err *);
    void *context;
    _Atomic int64_t version;
};
struct feed {
    const struct node *node;
    struct store *store;
    struct log_position *positions;
    unsigned position_count;
    struct observer observers[OBSERVERS];
    size_t observer_count;
    struct watch watches[WATCHES];
    size_t watch_count;
    _Atomic int64_t known_ms; /* wall: what was in the log by then is applied */
    struct { unsigned partition; int64_t newest_ms, least_ms; bool any; } given; /* of the read that is under way */
    atomic_bool stop;
    bool started, loaded, away;
    pthread_t thread;
    pthread_mutex_t writing; /* held by whoever puts into the directory: this thread, the slow lane on a miss while loading */
    pthread_mutex_t lock; /* guards `waiters`: they are on other threads' stacks and are met by entry, not by message */
    pthread_cond_t applied;
    struct waiter *waiters;
};

/* ---- how far behind ---- */

int64_t feed_lag_ms(const struct feed *f)
{
    int64_t lag_ms = clock_wall_ms(f->node->clock) - atomic_load_explicit(&f->known_ms, memory_order_relaxed);
    return lag_ms > 0 ? lag_ms : 0;
}

static void know_until(struct feed *f, int64_t wall_ms) { atomic_store_explicit(&f->known_ms, wall_ms, memory_order_relaxed); }

/* A read gives partition after partition, of each only so much: the one that has come the least far tells. */
static void close_partition(struct feed *f)
{
    if (f->given.any && f->given.newest_ms < f->given.least_ms)
        f->given.least_ms = f->given.newest_ms;
}

static void note_given(struct feed *f, const struct log_entry *entry)
{
    if (entry->event.at_ms <= 0) /* one that cannot be read */
        return;
    if (!f->given.any || entry->partition != f->given.partition)
        close_partition(f);
    f->given.partition = entry->partition;
    f->given.newest_ms = entry->event.at_ms;
    f->given.any = true;
}

/* A read that gave nothing found the end of the log. */
static void note_read(struct feed *f)
{
    close_partition(f);
    know_until(f, f->given.any ? f->given.least_ms : clock_wall_ms(f->node->clock));
}

/* ---- life ---- */

enum err_code feed_new(const struct node *node, struct feed **out, struct err *err)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(err, ERR_MEMORY, "feed");
    f->node = node;
    know_until(f, clock_wall_ms(node->clock)); /* knows nothing yet, and is behind by as long as it runs */
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->writing, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&f->applied, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = f;
    return OK;
}

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    if (f->store != NULL)
        f->store->ops->free(f->store);
    pthread_cond_destroy(&f->applied);
    pthread_mutex_destroy(&f->lock);
    pthread_mutex_destroy(&f->writing);
    free(f->positions);
    free(f);
}

void feed_observe(struct feed *f, void (*fn)(void *, const struct log_entry *), void *context)
{
    if (f->observer_count < OBSERVERS)
        f->observers[f->observer_count++] = (struct observer){ fn, context };
}

void feed_watch(struct feed *f, struct span control, enum err_code (*fn)(void *, struct span, struct err *), void *context)
{
    if (f->watch_count < WATCHES) {
        struct watch *w = &f->watches[f->watch_count++];
        w->control = control;
        w->fn = fn;
        w->context = context;
    }
}

/* A state that cannot be used is not asked for again: the one before stays in use until a newer one comes. */
static void tell_watches(struct feed *f, const struct record *record)
{
    struct err err;
    for (size_t i = 0; record->kind == RECORD_CONTROL && i < f->watch_count; i++) {
        struct watch *w = &f->watches[i];
        if (!span_equal(w->control, record->id) || record->version <= w->version)
            continue;
        if (w->fn(w->context, record->body, &err) != OK)
            log_event(f->node->log, LOG_ERROR, "feed.bad_record", LOG_SPAN("id", record->id), LOG_ERR(&err));
        w->version = record->version;
    }
}

/* ---- loading ---- */

static enum err_code apply(struct feed *f, const struct log_entry *entry, struct err *err)
{
    pthread_mutex_lock(&f->writing);
    enum err_code code = directory_apply(f->node->directory, entry, err);
    pthread_mutex_unlock(&f->writing);
    return code;
}

/* By its name, so that it is there long before a walk would meet it. */
static enum err_code load_control(struct feed *f, struct span id, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    struct log_entry entry = { .record = { .kind = RECORD_CONTROL, .id = id } };
    struct err bad;
    buf_init(&body, CONTROL_BYTES);
    enum err_code code = f->store->ops->get(f->store, RECORD_CONTROL, id, &body, &entry.record.version, err);
    if (code != OK)
        return code == ERR_NOT_FOUND ? OK : code;
    entry.record.body = buf_span(&body);
    if (apply(f, &entry, &bad) != OK)
        log_event(f->node->log, LOG_ERROR, "feed.bad_record", LOG_SPAN("id", id), LOG_ERR(&bad));
    tell_watches(f, &entry.record);
    return OK;
}

static enum err_code load_controls(struct feed *f, struct err *err)
{
    enum err_code code = OK;
    for (int i = 0; code == OK && i < CONTROL_RECORDS; i++)
        code = load_control(f, directory_control_name(i), err);
    for (size_t i = 0; code == OK && i < f->watch_count; i++)
        code = load_control(f, f->watches[i].control, err);
    if (code == OK)
        directory_heard(f->node->directory);
    return code;
}

static enum err_code note_positions(struct feed *f, struct err *err)
{
    f->position_count = f->store->ops->partitions(f->store) + 1;
    if (f->position_count > PARTITIONS_MOST)
        return err_set(err, ERR_INPUT, "the store says it has %u partitions", f->position_count - 1);
    free(f->positions);
    f->positions = calloc(f->position_count, sizeof *f->positions);
    if (f->positions == NULL)
        return err_set(err, ERR_MEMORY, "log positions");
    for (unsigned i = 0; i < f->position_count; i++) {
        enum err_code code = f->store->ops->log_end(f->store, i, &f->positions[i], err);
        if (code != OK)
            return code;
    }
    return OK;
}

/* The log's ends are noted first, so whatever changes during the load comes again through the log; versions sort it out. */
static enum err_code load(struct feed *f, struct err *err)
{
    int64_t begun_ms = clock_mono_ms(f->node->clock), begun_wall_ms = clock_wall_ms(f->node->clock);
    enum err_code code = note_positions(f, err);
    if (code == OK)
        code = load_controls(f, err);
    if (code == OK)
        code = feed_load_states(f->node, &f->writing, &f->stop, err);
    if (code != OK || f->stop)
        return code;
    f->loaded = true;
    know_until(f, begun_wall_ms);
    directory_heard(f->node->directory);
    directory_set_complete(f->node->directory, true);
    struct directory_counts counts = directory_counts(f->node->directory);
    log_event(f->node->log, LOG_INFO, "feed.loaded", LOG_INT("devices", counts.devices), LOG_INT("persons", counts.persons),
              LOG_INT("took_ms", clock_mono_ms(f->node->clock) - begun_ms));
    return OK;
}

/* ---- following ---- */

static void tell_waiters(struct feed *f, const struct record *record)
{
    pthread_mutex_lock(&f->lock);
    for (struct waiter *w = f->waiters; w != NULL; w = w->next)
        w->applied = w->applied || (w->kind == record->kind && span_equal(w->id, record->id) && record->version >= w->version);
    pthread_cond_broadcast(&f->applied);
    pthread_mutex_unlock(&f->lock);
}

static bool apply_entry(void *context, const struct log_entry *entry)
{
    struct feed *f = context;
    struct err err;
    if (apply(f, entry, &err) != OK)
        log_event(f->node->log, LOG_ERROR, "feed.bad_entry", LOG_SPAN("event", entry->event.id), LOG_ERR(&err));
    counter_add(f->node->counters, COUNT_LOG_ENTRIES, 1);
    note_given(f, entry);
    if (!span_empty(entry->record.body)) {
        tell_watches(f, &entry->record);
        tell_waiters(f, &entry->record);
    }
    for (size_t i = 0; i < f->observer_count; i++)
        f->observers[i].fn(f->observers[i].context, entry);
    return !f->stop;
}

static enum err_code follow(struct feed *f, struct err *err)
{
    if (f->store == NULL) {
        enum err_code code = f->node->stores.open(f->node->stores.context, &f->store, err);
        if (code != OK)
            return code;
    }
    if (!f->loaded)
        return load(f, err);
    f->given.any = false;
    f->given.least_ms = INT64_MAX;
    enum err_code code = f->store->ops->log_read(f->store, f->positions, READ_MOST, READ_WAIT_MS, apply_entry, f, err);
    if (code == OK) {
        directory_heard(f->node->directory);
        note_read(f);
    }
    if (code == ERR_GONE)
        f->loaded = false; /* we slept past the log's memory: load again */
    return code;
}

enum err_code feed_fetch(struct feed *f, struct store *store, enum record_kind kind, struct span id, struct err *err)
{
    return feed_load_one(f->node, &f->writing, store, kind, id, err);
}

static void sleep_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&pause, NULL);
}

static void *feed_thread(void *context)
{
    struct feed *f = context;
    directory_register_thread();
    while (!f->stop) {
        struct err err;
        enum err_code code = follow(f, &err);
        if (code == OK && f->away)
            log_event(f->node->log, LOG_INFO, "feed.back", LOG_INT("age_ms", directory_age_ms(f->node->directory)));
        if (code != OK && !f->away)
            log_event(f->node->log, LOG_WARN, "feed.store_away", LOG_ERR(&err));
        f->away = code != OK;
        if (code != OK) {
            counter_add(f->node->counters, COUNT_STORE_ERRORS, 1);
            sleep_ms(RETRY_MS);
        }
    }
    directory_unregister_thread();
    return NULL;
}

enum err_code feed_start(struct feed *f, struct err *err)
{
    if (pthread_create(&f->thread, NULL, feed_thread, f) != 0)
        return err_set(err, ERR_IO, "starting the feed's thread");
    f->started = true;
    return OK;
}

void feed_stop(struct feed *f)
{
    if (f == NULL || !f->started)
        return;
    f->stop = true;
    pthread_join(f->thread, NULL);
    f->started = false;
}

/* ---- waiting ---- */

static int64_t control_version(const struct feed *f, const struct control *c, struct span id)
{
    int index = directory_control_index(id);
    if (index >= 0)
        return c->version[index];
    for (size_t i = 0; i < f->watch_count; i++)
        if (span_equal(id, f->watches[i].control))
            return f->watches[i].version;
    return INT64_MAX;
}

static bool is_applied(const struct feed *f, enum record_kind kind, struct span id, int64_t version)
{
    const struct directory *d = f->node->directory;
    directory_enter(d);
    const struct device *device = kind == RECORD_DEVICE ? directory_device(d, id) : NULL;
    const struct person *person = kind == RECORD_PERSON ? directory_person(d, id) : NULL;
    int64_t have = device != NULL ? device->version : person != NULL ? person->version : kind == RECORD_CONTROL ? control_version(f, directory_control(d), id) : 0;
    directory_leave(d);
    return have >= version;
}

void feed_await(struct feed *f, enum record_kind kind, struct span id, int64_t version)
{
    struct waiter self = { kind, id, version, false, NULL };
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += AWAIT_MS / 1000;
    pthread_mutex_lock(&f->lock);
    self.next = f->waiters;
    f->waiters = &self;
    pthread_mutex_unlock(&f->lock);
    bool applied = is_applied(f, kind, id, version); /* after joining the list: an entry between is not missed */
    pthread_mutex_lock(&f->lock);
    while (!applied && !self.applied && pthread_cond_timedwait(&f->applied, &f->lock, &until) == 0)
        ;
    struct waiter **at = &f->waiters;
    while (*at != &self)
        at = &(*at)->next;
    *at = self.next;
    pthread_mutex_unlock(&f->lock);
}
