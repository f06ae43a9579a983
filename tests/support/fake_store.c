#include "tests/support/fake_store.h"

#include "posture/base/arena.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS_MOST = 64, LISTS = 64, BLOCK_BYTES = 64 * 1024 };

struct fake_record { enum record_kind kind; struct span id, body; int64_t version, due_s; };
struct fake_claim { struct span kind, value, owner; };
struct fake_once { struct span kind, value; int64_t until_s; };
struct fake_seen { struct span device, times; int64_t seen_s; };
struct fake_item { struct span reader, id, body; unsigned partition; int64_t due_ms; };
struct fake_lease { struct span reader, node; unsigned partition; int64_t fence, until_ms; struct log_position cursor; };
struct fake_entry { int64_t ms; uint64_t seq; struct event event; struct record record; };
/* Growing arrays of pointers: what they point to never moves and lives as long as the store. */
struct list { void **all; size_t count, room; };
struct fake_store {
    const struct clock *clock;
    unsigned partitions;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t grown;
    struct arena arena;
    struct list records, claims, once, seen, items, leases, logs[PARTITIONS_MOST + 1];
    int64_t trimmed_ms[PARTITIONS_MOST + 1];
    uint64_t trimmed_seq[PARTITIONS_MOST + 1];
    int64_t last_ms[PARTITIONS_MOST + 1];
    uint64_t last_seq[PARTITIONS_MOST + 1];
    int64_t beat_ms;
    int failing, losing, well; /* well: calls that still work, plus one, before all fail; 0: not counting */
    enum err_code failure;
};
struct store_connection { struct store store; struct fake_store *fake; };

static struct fake_store *of(const struct store *s) { return ((const struct store_connection *)(const void *)s)->fake; }

/* ---- memory ---- */

static void *must(void *at)
{
    if (at == NULL)
        abort();
    return at;
}

static void *new_thing(struct fake_store *f, struct list *l, size_t bytes)
{
    if (l->count == l->room) {
        l->room = l->room * 2 + 16;
        l->all = must(realloc(l->all, l->room * sizeof *l->all));
    }
    return l->all[l->count++] = must(arena_alloc(&f->arena, bytes));
}

static struct span keep(struct fake_store *f, struct span s)
{
    struct span copy = arena_copy(&f->arena, s);
    if (copy.at == NULL && s.bytes > 0)
        abort();
    return copy;
}

static void forget(struct list *l, size_t i) { l->all[i] = l->all[--l->count]; }

/* A snapshot to walk without the lock; freed by the caller. */
static struct list snapshot(struct fake_store *f, const struct list *l)
{
    pthread_mutex_lock(&f->lock);
    struct list copy = { must(malloc((l->count + 1) * sizeof *copy.all)), l->count, l->count };
    if (l->count > 0)
        memcpy(copy.all, l->all, l->count * sizeof *copy.all);
    pthread_mutex_unlock(&f->lock);
    return copy;
}

/* ---- failing on demand ---- */

/* Takes the lock, unless the call shall fail. */
static enum err_code enter(struct fake_store *f, struct err *err)
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

static enum err_code leave(struct fake_store *f, enum err_code code)
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
    leave(f, OK);
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
    leave(f, OK);
}

/* ---- the log ---- */

static void write_position(int64_t ms, uint64_t seq, struct log_position *p) { snprintf(p->text, sizeof p->text, "%" PRId64 "-%" PRIu64, ms, seq); }

static void read_position(const struct log_position *p, int64_t *ms, uint64_t *seq)
{
    *ms = 0;
    *seq = 0;
    sscanf(p->text, "%" SCNd64 "-%" SCNu64, ms, seq);
}

static bool is_after(int64_t ms, uint64_t seq, int64_t than_ms, uint64_t than_seq) { return ms > than_ms || (ms == than_ms && seq > than_seq); }

static struct event keep_event(struct fake_store *f, const struct event *e)
{
    return (struct event){ keep(f, e->id), e->at_ms, keep(f, e->type), keep(f, e->person), keep(f, e->device), keep(f, e->policy), keep(f, e->cause), keep(f, e->data) };
}

static void add_entry(struct fake_store *f, unsigned partition, const struct event *e, const struct record *record)
{
    struct fake_entry *entry = new_thing(f, &f->logs[partition], sizeof *entry);
    int64_t now_ms = clock_wall_ms(f->clock);
    bool same = now_ms <= f->last_ms[partition];
    f->last_seq[partition] = same ? f->last_seq[partition] + 1 : 0;
    f->last_ms[partition] = same ? f->last_ms[partition] : now_ms;
    *entry = (struct fake_entry){ f->last_ms[partition], f->last_seq[partition], keep_event(f, e), { 0 } };
    if (record != NULL)
        entry->record = *record;
    pthread_cond_broadcast(&f->grown);
}

/* ---- records ---- */

static unsigned fake_partitions(const struct store *s) { return of(s)->partitions; }

static unsigned fake_partition_of(const struct store *s, enum record_kind kind, struct span id)
{
    return kind == RECORD_CONTROL ? of(s)->partitions : (unsigned)(span_hash(id, 0) % of(s)->partitions);
}

static struct fake_record *find_record(struct fake_store *f, enum record_kind kind, struct span id)
{
    for (size_t i = 0; i < f->records.count; i++) {
        struct fake_record *r = f->records.all[i];
        if (r->kind == kind && span_equal(r->id, id))
            return r;
    }
    return NULL;
}

static struct fake_record *make_record(struct fake_store *f, enum record_kind kind, struct span id)
{
    struct fake_record *r = find_record(f, kind, id);
    if (r != NULL)
        return r;
    r = new_thing(f, &f->records, sizeof *r);
    *r = (struct fake_record){ .kind = kind, .id = keep(f, id) };
    return r;
}

static enum err_code fake_get(struct store *s, enum record_kind kind, struct span id, struct buf *body, int64_t *version, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    const struct fake_record *r = find_record(f, kind, id);
    if (r == NULL || r->version == 0)
        return leave(f, err_set(err, ERR_NOT_FOUND, "record %.*s", SPAN_ARGS(id)));
    buf_append(body, r->body);
    *version = r->version;
    return leave(f, buf_check(body, "the record", err));
}

static void commit_now(struct store *s, const struct commit *c, struct fake_record *r)
{
    struct fake_store *f = of(s);
    unsigned partition = fake_partition_of(s, c->kind, c->id);
    r->version++;
    r->body = keep(f, c->body);
    r->due_s = c->due_s;
    struct record state = { c->kind, r->id, r->version, r->body };
    for (size_t i = 0; i < c->event_count; i++)
        add_entry(f, partition, &c->events[i], i + 1 == c->event_count ? &state : NULL);
}

static enum err_code fake_commit(struct store *s, const struct commit *c, int64_t *version, struct err *err)
{
    struct fake_store *f = of(s);
    if (c->event_count == 0 || span_empty(c->body))
        return err_set(err, ERR_INPUT, "a commit of %.*s without an event or a body", SPAN_ARGS(c->id));
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct fake_record *r = make_record(f, c->kind, c->id);
    if (r->version != c->expected_version)
        return leave(f, err_set(err, ERR_CONFLICT, "%.*s changed meanwhile", SPAN_ARGS(c->id)));
    commit_now(s, c, r);
    if (f->losing > 0) {
        f->losing--;
        return leave(f, err_set(err, ERR_TIMEOUT, "the reply to the commit of %.*s was lost", SPAN_ARGS(c->id)));
    }
    *version = r->version;
    return leave(f, OK);
}

static enum err_code fake_append(struct store *s, unsigned partition, const struct event *events, size_t count, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < count; i++)
        add_entry(f, partition, &events[i], NULL);
    return leave(f, OK);
}

/* ---- refreshes ---- */

static struct fake_seen *make_seen(struct fake_store *f, struct span device)
{
    for (size_t i = 0; i < f->seen.count; i++)
        if (span_equal(((struct fake_seen *)f->seen.all[i])->device, device))
            return f->seen.all[i];
    struct fake_seen *seen = new_thing(f, &f->seen, sizeof *seen);
    *seen = (struct fake_seen){ .device = keep(f, device) };
    return seen;
}

static bool has_times(struct span times) { return times.bytes > 2; }

/* Newer times win, times of other checks stay. */
static struct span join_times(struct fake_store *f, struct span old, struct span more)
{
    if (!has_times(more) || !has_times(old) || span_equal(old, more))
        return has_times(more) ? keep(f, more) : old;
    struct from_json *a = NULL, *b = NULL;
    struct err err;
    struct from_json_limits limits = { 1024 * 1024, 4 };
    struct buf out;
    struct to_json w;
    if (from_json_parse(old, limits, "times", &a, &err) != OK || from_json_parse(more, limits, "times", &b, &err) != OK)
        abort();
    struct from_json_value before = from_json_root(a), after = from_json_root(b), value;
    void *at = NULL;
    const char *key = NULL;
    int64_t number = 0;
    buf_init(&out, 1024 * 1024);
    to_json_init(&w, &out);
    to_json_object(&w);
    while (from_json_each(&after, &at, &key, &value))
        if (from_json_int(&value, 0, INT64_MAX, &number, &err) == OK)
            to_json_member_int(&w, key, number);
    for (at = NULL; from_json_each(&before, &at, &key, &value);) {
        struct from_json_value newer = from_json_member(&after, key);
        if (!from_json_present(&newer) && from_json_int(&value, 0, INT64_MAX, &number, &err) == OK)
            to_json_member_int(&w, key, number);
    }
    to_json_end(&w);
    struct span joined = keep(f, buf_span(&out));
    buf_done(&out);
    from_json_free(a);
    from_json_free(b);
    return joined;
}

static void write_seen(const struct refresh *all, size_t count, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "seen");
    to_json_array(&w);
    for (size_t i = 0; i < count; i++) {
        to_json_array(&w);
        to_json_text(&w, all[i].device);
        to_json_int(&w, all[i].seen_s);
        to_json_raw(&w, span_empty(all[i].times) ? SPAN_LITERAL("{}") : all[i].times);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

static enum err_code fake_refresh(struct store *s, unsigned partition, const struct refresh *all, size_t count, int64_t now_ms, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK || count == 0)
        return code != OK ? code : leave(f, OK);
    for (size_t i = 0; i < count; i++) {
        struct fake_seen *seen = make_seen(f, all[i].device);
        seen->seen_s = all[i].seen_s > seen->seen_s ? all[i].seen_s : seen->seen_s;
        seen->times = join_times(f, seen->times, all[i].times);
    }
    char id[40];
    struct buf data;
    snprintf(id, sizeof id, "e_%026" PRIu64, (uint64_t)f->logs[partition].count);
    buf_init(&data, 64 * 1024 * 1024);
    write_seen(all, count, &data);
    struct event e = { .id = span_of(id), .at_ms = now_ms, .type = SPAN_LITERAL("device.seen"), .data = buf_span(&data) };
    add_entry(f, partition, &e, NULL);
    buf_done(&data);
    return leave(f, OK);
}

/* ---- claims ---- */

static size_t find_claim(const struct fake_store *f, struct span kind, struct span value)
{
    size_t i = 0;
    while (i < f->claims.count) {
        const struct fake_claim *c = f->claims.all[i];
        if (span_equal(c->kind, kind) && span_equal(c->value, value))
            break;
        i++;
    }
    return i;
}

static enum err_code fake_claim(struct store *s, struct span kind, struct span value, struct span owner, struct buf *holder, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i == f->claims.count) {
        struct fake_claim *made = new_thing(f, &f->claims, sizeof *made);
        *made = (struct fake_claim){ keep(f, kind), keep(f, value), keep(f, owner) };
        return leave(f, OK);
    }
    const struct fake_claim *c = f->claims.all[i];
    if (span_equal(c->owner, owner))
        return leave(f, OK);
    if (holder != NULL)
        buf_append(holder, c->owner);
    return leave(f, err_set(err, ERR_CONFLICT, "%.*s is held by %.*s", SPAN_ARGS(kind), SPAN_ARGS(c->owner)));
}

static enum err_code fake_holder(struct store *s, struct span kind, struct span value, struct buf *holder, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i == f->claims.count)
        return leave(f, err_set(err, ERR_NOT_FOUND, "nobody holds this %.*s", SPAN_ARGS(kind)));
    buf_append(holder, ((struct fake_claim *)f->claims.all[i])->owner);
    return leave(f, buf_check(holder, "holder", err));
}

static enum err_code fake_release(struct store *s, struct span kind, struct span value, struct span owner, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i < f->claims.count && span_equal(((struct fake_claim *)f->claims.all[i])->owner, owner))
        forget(&f->claims, i);
    return leave(f, OK);
}

/* ---- once ---- */

static enum err_code fake_once(struct store *s, struct span kind, struct span value, int64_t ttl_s, struct err *err)
{
    struct fake_store *f = of(s);
    int64_t now_s = clock_wall_s(f->clock);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < f->once.count; i++) {
        struct fake_once *o = f->once.all[i];
        if (!span_equal(o->kind, kind) || !span_equal(o->value, value))
            continue;
        bool used = o->until_s > now_s;
        if (!used)
            o->until_s = now_s + ttl_s;
        return leave(f, used ? err_set(err, ERR_CONFLICT, "this %.*s was used before", SPAN_ARGS(kind)) : OK);
    }
    struct fake_once *made = new_thing(f, &f->once, sizeof *made);
    *made = (struct fake_once){ keep(f, kind), keep(f, value), now_s + ttl_s };
    return leave(f, OK);
}

static enum err_code fake_used(struct store *s, struct span kind, struct span value, bool *used, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    *used = false;
    for (size_t i = 0; i < f->once.count; i++) {
        const struct fake_once *o = f->once.all[i];
        *used = *used || (span_equal(o->kind, kind) && span_equal(o->value, value) && o->until_s > clock_wall_s(f->clock));
    }
    return leave(f, OK);
}

/* ---- walks ---- */

static enum err_code fake_each_record(struct store *s, enum record_kind kind, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    leave(f, OK);
    struct list all = snapshot(f, &f->records);
    for (size_t i = 0; i < all.count; i++) {
        pthread_mutex_lock(&f->lock);
        struct fake_record r = *(struct fake_record *)all.all[i];
        leave(f, OK);
        struct record record = { r.kind, r.id, r.version, r.body };
        if (r.kind == kind && r.version > 0 && !fn(context, &record))
            break;
    }
    free(all.all);
    return OK;
}

static enum err_code fake_each_seen(struct store *s, bool (*fn)(void *, const struct refresh *), void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    leave(f, OK);
    struct list all = snapshot(f, &f->seen);
    for (size_t i = 0; i < all.count; i++) {
        pthread_mutex_lock(&f->lock);
        struct fake_seen seen = *(struct fake_seen *)all.all[i];
        leave(f, OK);
        struct refresh refresh = { seen.device, seen.seen_s, seen.times };
        if (!fn(context, &refresh))
            break;
    }
    free(all.all);
    return OK;
}

/* ---- reading the log ---- */

static enum err_code fake_log_end(struct store *s, unsigned partition, struct log_position *p, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    write_position(f->last_ms[partition], f->last_seq[partition], p);
    return leave(f, OK);
}

/* "0-0" is the beginning of what is left, so it is never too old. */
static bool is_gone(const struct fake_store *f, unsigned partition, const struct log_position *p)
{
    int64_t ms;
    uint64_t seq;
    read_position(p, &ms, &seq);
    return (ms > 0 || seq > 0) && is_after(f->trimmed_ms[partition], f->trimmed_seq[partition], ms, seq);
}

/* Hands out up to `most` entries after *p and moves it. *stopped: the callback had enough. */
/* What comes after a position, at most so many: copied to walk without the lock. A log is ascending, so the first is found by halves. */
static struct list after(struct fake_store *f, unsigned partition, const struct log_position *p, unsigned most)
{
    int64_t ms;
    uint64_t seq;
    read_position(p, &ms, &seq);
    pthread_mutex_lock(&f->lock);
    const struct list *l = &f->logs[partition];
    size_t low = 0, high = l->count;
    while (low < high) {
        const struct fake_entry *e = l->all[(low + high) / 2];
        if (is_after(e->ms, e->seq, ms, seq))
            high = (low + high) / 2;
        else
            low = (low + high) / 2 + 1;
    }
    size_t count = l->count - low < most ? l->count - low : most;
    struct list copy = { must(malloc((count + 1) * sizeof *copy.all)), count, count };
    if (count > 0)
        memcpy(copy.all, l->all + low, count * sizeof *copy.all);
    pthread_mutex_unlock(&f->lock);
    return copy;
}

static size_t hand_out(struct fake_store *f, unsigned partition, struct log_position *p, unsigned most, log_entry_fn *fn, void *context, bool *stopped)
{
    struct list all = after(f, partition, p, most);
    size_t given = 0;
    for (size_t i = 0; i < all.count && !*stopped; i++) {
        const struct fake_entry *e = all.all[i];
        struct log_entry entry = { .partition = partition, .event = e->event, .record = e->record };
        write_position(e->ms, e->seq, &entry.position);
        *p = entry.position;
        given++;
        *stopped = !fn(context, &entry);
    }
    free(all.all);
    return given;
}

static bool any_after(const struct fake_store *f, const struct log_position *positions)
{
    for (unsigned i = 0; i <= f->partitions; i++) {
        int64_t ms;
        uint64_t seq;
        read_position(&positions[i], &ms, &seq);
        if (f->logs[i].count > 0 && is_after(f->last_ms[i], f->last_seq[i], ms, seq))
            return true;
    }
    return false;
}

/* With the lock held; real time, because another thread's commit ends it. */
static void wait_for_entries(struct fake_store *f, const struct log_position *positions, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    while (wait_ms > 0 && !any_after(f, positions) && pthread_cond_timedwait(&f->grown, &f->lock, &until) == 0)
        ;
}

static enum err_code fake_log_read(struct store *s, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    wait_for_entries(f, positions, wait_ms);
    for (unsigned i = 0; i <= f->partitions; i++)
        if (is_gone(f, i, &positions[i]))
            return leave(f, err_set(err, ERR_GONE, "the log of partition %u no longer reaches back to %s", i, positions[i].text));
    leave(f, OK);
    bool stopped = false;
    for (unsigned i = 0; i <= f->partitions && !stopped; i++)
        hand_out(f, i, &positions[i], most, fn, context, &stopped);
    return OK;
}

static enum err_code fake_log_range(struct store *s, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    if (is_gone(f, partition, after))
        return leave(f, err_set(err, ERR_GONE, "the log of partition %u no longer reaches back to %s", partition, after->text));
    leave(f, OK);
    bool stopped = false;
    hand_out(f, partition, after, most, fn, context, &stopped);
    return OK;
}

static enum err_code fake_log_range_back(struct store *s, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    leave(f, OK);
    struct list all = snapshot(f, &f->logs[partition]);
    bool go = true;
    for (size_t i = all.count; i-- > 0 && most > 0 && go;) {
        const struct fake_entry *e = all.all[i];
        if (e->ms >= before_ms)
            continue;
        struct log_entry entry = { .partition = partition, .event = e->event, .record = e->record };
        write_position(e->ms, e->seq, &entry.position);
        most--;
        go = fn(context, &entry);
    }
    free(all.all);
    return OK;
}

/* ---- leases and outboxes ---- */

static struct fake_lease *make_lease(struct fake_store *f, struct span reader, unsigned partition)
{
    for (size_t i = 0; i < f->leases.count; i++) {
        struct fake_lease *l = f->leases.all[i];
        if (l->partition == partition && span_equal(l->reader, reader))
            return l;
    }
    struct fake_lease *l = new_thing(f, &f->leases, sizeof *l);
    *l = (struct fake_lease){ .reader = keep(f, reader), .partition = partition, .cursor = { "0-0" } };
    return l;
}

static enum err_code fake_lease(struct store *s, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    int64_t now_ms = clock_wall_ms(f->clock);
    if (!span_equal(l->node, node)) {
        if (!span_empty(l->node) && l->until_ms > now_ms)
            return leave(f, err_set(err, ERR_CONFLICT, "%.*s of partition %u is held by %.*s", SPAN_ARGS(reader), partition, SPAN_ARGS(l->node)));
        l->node = keep(f, node);
        l->fence++;
    }
    l->until_ms = now_ms + ttl_ms;
    *fence = l->fence;
    *cursor = l->cursor;
    return leave(f, OK);
}

static enum err_code fake_unlease(struct store *s, struct span reader, unsigned partition, struct span node, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    if (span_equal(l->node, node))
        l->node = SPAN_NONE;
    return leave(f, OK);
}

static void put_item(struct fake_store *f, struct span reader, unsigned partition, const struct outbox_item *item)
{
    for (size_t i = 0; i < f->items.count; i++) {
        const struct fake_item *old = f->items.all[i];
        if (old->partition == partition && span_equal(old->reader, reader) && span_equal(old->id, item->id)) {
            forget(&f->items, i);
            break;
        }
    }
    if (span_empty(item->body))
        return;
    struct fake_item *made = new_thing(f, &f->items, sizeof *made);
    *made = (struct fake_item){ keep(f, reader), keep(f, item->id), keep(f, item->body), partition, item->due_ms };
}

static enum err_code fake_advance(struct store *s, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                                  const struct outbox_item *items, size_t count, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    if (l->fence != fence || span_empty(l->node))
        return leave(f, err_set(err, ERR_CONFLICT, "%.*s of partition %u has another holder", SPAN_ARGS(reader), partition));
    if (cursor != NULL)
        l->cursor = *cursor;
    for (size_t i = 0; i < count; i++)
        put_item(f, reader, partition, &items[i]);
    return leave(f, OK);
}

static int sooner(const void *a, const void *b)
{
    const struct fake_item *x = *(void *const *)a, *y = *(void *const *)b;
    return x->due_ms < y->due_ms ? -1 : x->due_ms > y->due_ms ? 1 : span_compare(x->id, y->id);
}

static enum err_code fake_outbox(struct store *s, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                                 bool (*fn)(void *, const struct outbox_item *), void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    leave(f, OK);
    struct list all = snapshot(f, &f->items);
    qsort(all.all, all.count, sizeof *all.all, sooner);
    bool go = true;
    for (size_t i = 0; i < all.count && most > 0 && go; i++) {
        const struct fake_item *item = all.all[i];
        if (item->partition != partition || !span_equal(item->reader, reader) || item->due_ms > now_ms)
            continue;
        struct outbox_item out = { item->id, item->body, item->due_ms };
        most--;
        go = fn(context, &out);
    }
    free(all.all);
    return OK;
}

/* ---- due times ---- */

static int due_first(const void *a, const void *b)
{
    const struct fake_record *x = *(void *const *)a, *y = *(void *const *)b;
    return x->due_s < y->due_s ? -1 : x->due_s > y->due_s ? 1 : span_compare(x->id, y->id);
}

static enum err_code fake_due(struct store *s, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct list all = { must(malloc((f->records.count + 1) * sizeof *all.all)), 0, 0 };
    for (size_t i = 0; i < f->records.count; i++) {
        struct fake_record *r = f->records.all[i];
        if (r->due_s != 0 && r->due_s <= now_s && fake_partition_of(s, r->kind, r->id) == partition)
            all.all[all.count++] = r;
    }
    leave(f, OK);
    if (all.count > 0)
        qsort(all.all, all.count, sizeof *all.all, due_first);
    bool go = true;
    for (size_t i = 0; i < all.count && most > 0 && go; i++) {
        const struct fake_record *r = all.all[i];
        struct record record = { .kind = r->kind, .id = r->id };
        most--;
        go = fn(context, &record);
    }
    free(all.all);
    return OK;
}

static enum err_code fake_set_due(struct store *s, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct fake_record *r = make_record(f, kind, id);
    if (force || (due_s > 0 && (r->due_s == 0 || due_s < r->due_s)))
        r->due_s = due_s;
    return leave(f, OK);
}

/* ---- time ---- */

/* The clock record {"pauses":[...]} with one more; what else it holds stays. */
static void write_clock(struct span before, int64_t from_s, int64_t to_s, struct buf *out)
{
    struct from_json *doc = NULL;
    struct err err;
    if (from_json_parse(span_empty(before) ? SPAN_LITERAL("{}") : before, (struct from_json_limits){ 1024 * 1024, 8 }, "clock", &doc, &err) != OK)
        abort();
    struct from_json_value root = from_json_root(doc), pauses = from_json_member(&root, "pauses"), value;
    struct to_json w;
    void *at = NULL;
    const char *key = NULL;
    to_json_init(&w, out);
    to_json_object(&w);
    while (from_json_each(&root, &at, &key, &value)) {
        struct buf text;
        buf_init(&text, 1024 * 1024);
        if (strcmp(key, "pauses") != 0 && from_json_write(&value, &text)) {
            to_json_key(&w, key);
            to_json_raw(&w, buf_span(&text));
        }
        buf_done(&text);
    }
    to_json_key(&w, "pauses");
    to_json_array(&w);
    for (size_t i = 0; i < from_json_count(&pauses); i++) {
        struct buf text;
        buf_init(&text, 1024 * 1024);
        value = from_json_item(&pauses, i);
        if (from_json_write(&value, &text))
            to_json_raw(&w, buf_span(&text));
        buf_done(&text);
    }
    to_json_object(&w);
    to_json_member_int(&w, "from", from_s);
    to_json_member_int(&w, "to", to_s);
    to_json_member_text(&w, "kind", SPAN_LITERAL("store_outage"));
    to_json_end(&w);
    to_json_end(&w);
    to_json_end(&w);
    from_json_free(doc);
}

static enum err_code fake_heartbeat(struct store *s, struct span node, int64_t now_ms, int64_t outage_ms, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    int64_t last_ms = f->beat_ms;
    f->beat_ms = now_ms > last_ms || last_ms > now_ms + outage_ms ? now_ms : last_ms;
    if (last_ms == 0 || now_ms - last_ms <= outage_ms)
        return leave(f, OK);
    struct fake_record *r = make_record(f, RECORD_CONTROL, SPAN_LITERAL("clock"));
    struct buf body;
    char id[40], data[96];
    buf_init(&body, 1024 * 1024);
    write_clock(r->body, last_ms / 1000, now_ms / 1000, &body);
    snprintf(id, sizeof id, "e_outage%020" PRIu64, (uint64_t)f->logs[f->partitions].count);
    snprintf(data, sizeof data, "{\"from\":%" PRId64 ",\"to\":%" PRId64 "}", last_ms / 1000, now_ms / 1000);
    struct event e = { .id = span_of(id), .at_ms = now_ms, .type = SPAN_LITERAL("store.outage"), .cause = node, .data = span_of(data) };
    struct commit c = { RECORD_CONTROL, SPAN_LITERAL("clock"), r->version, buf_span(&body), &e, 1, 0 };
    commit_now(s, &c, r);
    buf_done(&body);
    return leave(f, OK);
}

static void trim_partition(struct fake_store *f, unsigned partition, int64_t before_ms)
{
    struct list *log = &f->logs[partition];
    uint64_t before_seq = 0;
    for (size_t i = 0; i < f->leases.count; i++) {
        const struct fake_lease *l = f->leases.all[i];
        int64_t ms;
        uint64_t seq;
        read_position(&l->cursor, &ms, &seq);
        if (l->partition == partition && is_after(before_ms, before_seq, ms, seq)) {
            before_ms = ms;
            before_seq = seq;
        }
    }
    size_t drop = 0;
    for (; drop < log->count; drop++) {
        const struct fake_entry *e = log->all[drop];
        if (!is_after(before_ms, before_seq, e->ms, e->seq))
            break;
        f->trimmed_ms[partition] = e->ms;
        f->trimmed_seq[partition] = e->seq;
    }
    log->count -= drop;
    if (drop > 0)
        memmove(log->all, log->all + drop, log->count * sizeof *log->all);
}

static enum err_code fake_trim(struct store *s, int64_t now_ms, int64_t keep_ms, struct err *err)
{
    struct fake_store *f = of(s);
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    for (unsigned i = 0; i <= f->partitions; i++)
        trim_partition(f, i, now_ms - keep_ms);
    return leave(f, OK);
}

static enum err_code fake_ping(struct store *s, struct buf *about, struct err *err)
{
    enum err_code code = enter(of(s), err);
    if (code != OK)
        return code;
    buf_append_text(about, "fake store, in memory");
    return leave(of(s), OK);
}

static void fake_free(struct store *s) { free(s); }

static const struct store_ops fake_ops = {
    .free = fake_free, .partitions = fake_partitions, .partition_of = fake_partition_of, .get = fake_get, .commit = fake_commit, .append = fake_append,
    .refresh = fake_refresh, .claim = fake_claim, .holder = fake_holder, .release = fake_release, .once = fake_once, .used = fake_used, .each_record = fake_each_record, .each_seen = fake_each_seen,
    .log_end = fake_log_end, .log_read = fake_log_read, .log_range = fake_log_range, .log_range_back = fake_log_range_back, .lease = fake_lease,
    .unlease = fake_unlease, .advance = fake_advance, .outbox = fake_outbox, .due = fake_due, .set_due = fake_set_due, .heartbeat = fake_heartbeat,
    .trim = fake_trim, .ping = fake_ping,
};

/* ---- the server ---- */

struct fake_store *fake_store_new(const struct clock *clock, unsigned partitions)
{
    struct fake_store *f = must(calloc(1, sizeof *f));
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
    enum err_code code = enter(f, err);
    if (code != OK)
        return code;
    struct store_connection *c = must(calloc(1, sizeof *c));
    *c = (struct store_connection){ { &fake_ops }, f };
    *out = &c->store;
    return leave(f, OK);
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
    leave(f, OK);
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
    leave(f, OK);
    return best != NULL;
}

int64_t fake_store_due(struct fake_store *f, enum record_kind kind, struct span id)
{
    pthread_mutex_lock(&f->lock);
    const struct fake_record *r = find_record(f, kind, id);
    int64_t due_s = r != NULL ? r->due_s : 0;
    leave(f, OK);
    return due_s;
}
