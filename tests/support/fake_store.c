#include "tests/support/fake_store_inside.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct fake_store *fake_of(const struct store *s) { return ((const struct store_connection *)(const void *)s)->fake; }

/* ---- memory ---- */

void *fake_must(void *at)
{
    if (at == NULL)
        abort();
    return at;
}

void *fake_thing(struct fake_store *f, struct list *l, size_t bytes)
{
    if (l->count == l->room) {
        l->room = l->room * 2 + 16;
        l->all = fake_must(realloc(l->all, l->room * sizeof *l->all));
    }
    return l->all[l->count++] = fake_must(arena_alloc(&f->arena, bytes));
}

struct span fake_keep(struct fake_store *f, struct span s)
{
    struct span copy = arena_copy(&f->arena, s);
    if (copy.at == NULL && s.bytes > 0)
        abort();
    return copy;
}

void fake_forget(struct list *l, size_t i) { l->all[i] = l->all[--l->count]; }

/* A snapshot to walk without the lock; freed by the caller. */
struct list fake_snapshot(struct fake_store *f, const struct list *l)
{
    pthread_mutex_lock(&f->lock);
    struct list copy = { fake_must(malloc((l->count + 1) * sizeof *copy.all)), l->count, l->count };
    if (l->count > 0)
        memcpy(copy.all, l->all, l->count * sizeof *copy.all);
    pthread_mutex_unlock(&f->lock);
    return copy;
}

/* ---- failing on demand ---- */

/* Takes the lock, unless the call shall fail. */
enum err_code fake_enter(struct fake_store *f, struct err *err)
{
    pthread_mutex_lock(&f->lock);
    if (f->well > 0 && --f->well == 0)
        f->failing = INT_MAX;
    if (f->failing == 0 || f->well > 0)
        return OK;
    if (f->failing != INT_MAX)
        f->failing--;
    enum err_code code = err_set(err, f->failure, "fake store: %s", err_name(f->failure));
    pthread_mutex_unlock(&f->lock);
    return code;
}

enum err_code fake_leave(struct fake_store *f, enum err_code code)
{
    pthread_mutex_unlock(&f->lock);
    return code;
}

void fake_store_fail(struct fake_store *f, enum err_code code, int times)
{
    pthread_mutex_lock(&f->lock);
    f->failure = code;
    f->failing = times;
    f->well = 0;
    fake_leave(f, OK);
}

void fake_store_fail_after(struct fake_store *f, enum err_code code, int calls)
{
    pthread_mutex_lock(&f->lock);
    f->failure = code;
    f->failing = 0;
    f->well = calls + 1;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_lose_replies(struct fake_store *f, int times)
{
    pthread_mutex_lock(&f->lock);
    f->losing = times;
    fake_leave(f, OK);
}

/* ---- the server ---- */

static enum err_code fake_ping(struct store *s, struct buf *about, struct err *err)
{
    enum err_code code = fake_enter(fake_of(s), err);
    if (code != OK)
        return code;
    buf_append_text(about, "fake store, in memory");
    return fake_leave(fake_of(s), OK);
}

static void fake_free(struct store *s) { free(s); }

static const struct store_ops fake_ops = {
    .free = fake_free, .partitions = fake_partitions, .partition_of = fake_partition_of, .get = fake_get, .commit = fake_commit, .append = fake_append,
    .refresh = fake_refresh, .claim = fake_claim, .holder = fake_holder, .release = fake_release, .once = fake_once, .used = fake_used, .each_record = fake_each_record, .each_seen = fake_each_seen, .each_state = fake_each_state, .seen = fake_seen,
    .log_end = fake_log_end, .log_read = fake_log_read, .log_range = fake_log_range, .log_range_back = fake_log_range_back, .lease = fake_lease,
    .unlease = fake_unlease, .advance = fake_advance, .outbox = fake_outbox, .due = fake_due, .set_due = fake_set_due, .heartbeat = fake_heartbeat,
    .trim = fake_trim, .ping = fake_ping,
};

struct fake_store *fake_store_new(const struct clock *clock, unsigned partitions)
{
    struct fake_store *f = fake_must(calloc(1, sizeof *f));
    f->clock = clock;
    f->partitions = partitions < 1 ? 1 : partitions > PARTITIONS_MOST ? PARTITIONS_MOST : partitions;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->grown, NULL);
    arena_init(&f->arena, BLOCK_BYTES, (size_t)1 << 40);
    return f;
}

void fake_store_free(struct fake_store *f)
{
    if (f == NULL)
        return;
    struct list *lists[] = { &f->records, &f->claims, &f->once, &f->seen, &f->items, &f->leases };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        free(lists[i]->all);
    for (size_t i = 0; i <= PARTITIONS_MOST; i++)
        free(f->logs[i].all);
    arena_done(&f->arena);
    pthread_cond_destroy(&f->grown);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

enum err_code fake_store_open(void *context, struct store **out, struct err *err)
{
    struct fake_store *f = context;
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct store_connection *c = fake_must(calloc(1, sizeof *c));
    *c = (struct store_connection){ { &fake_ops }, f };
    *out = &c->store;
    return fake_leave(f, OK);
}

struct store_factory fake_store_factory(struct fake_store *f) { return (struct store_factory){ f, fake_store_open }; }

/* ---- asserts ---- */

size_t fake_store_event_count(struct fake_store *f, const char *type)
{
    size_t count = 0;
    pthread_mutex_lock(&f->lock);
    for (unsigned p = 0; p <= f->partitions; p++)
        for (size_t i = 0; type != NULL && i < f->logs[p].count; i++)
            count += span_equal_text(((struct fake_entry *)f->logs[p].all[i])->event.type, type);
    for (unsigned p = 0; type == NULL && p <= f->partitions; p++)
        count += f->logs[p].count;
    fake_leave(f, OK);
    return count;
}

bool fake_store_last_event(struct fake_store *f, const char *type, struct event *out)
{
    const struct fake_entry *best = NULL;
    pthread_mutex_lock(&f->lock);
    for (unsigned p = 0; p <= f->partitions; p++) {
        for (size_t i = 0; i < f->logs[p].count; i++) {
            const struct fake_entry *e = f->logs[p].all[i];
            if (span_equal_text(e->event.type, type) && (best == NULL || e->ms > best->ms || (e->ms == best->ms && e->seq >= best->seq)))
                best = e;
        }
    }
    if (best != NULL)
        *out = best->event;
    fake_leave(f, OK);
    return best != NULL;
}

int64_t fake_store_due(struct fake_store *f, enum record_kind kind, struct span id)
{
    pthread_mutex_lock(&f->lock);
    const struct fake_record *r = fake_find_record(f, kind, id);
    int64_t due_s = r != NULL ? r->due_s : 0;
    fake_leave(f, OK);
    return due_s;
}
