/* What is kept: records with their due times, claims, marks, when devices were seen. */
#include "tests/support/fake_store_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- records ---- */

unsigned fake_partitions(const struct store *s) { return fake_of(s)->partitions; }

unsigned fake_partition_of(const struct store *s, enum record_kind kind, struct span id)
{
    return kind == RECORD_CONTROL ? fake_of(s)->partitions : (unsigned)(span_hash(id, 0) % fake_of(s)->partitions);
}

struct fake_record *fake_find_record(struct fake_store *f, enum record_kind kind, struct span id)
{
    for (size_t i = 0; i < f->records.count; i++) {
        struct fake_record *r = f->records.all[i];
        if (r->kind == kind && span_equal(r->id, id))
            return r;
    }
    return NULL;
}

struct fake_record *fake_make_record(struct fake_store *f, enum record_kind kind, struct span id)
{
    struct fake_record *r = fake_find_record(f, kind, id);
    if (r != NULL)
        return r;
    r = fake_thing(f, &f->records, sizeof *r);
    *r = (struct fake_record){ .kind = kind, .id = fake_keep(f, id) };
    return r;
}

enum err_code fake_get(struct store *s, enum record_kind kind, struct span id, struct buf *body, int64_t *version, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    const struct fake_record *r = fake_find_record(f, kind, id);
    if (r == NULL || r->version == 0)
        return fake_leave(f, err_set(err, ERR_NOT_FOUND, "record %.*s", SPAN_ARGS(id)));
    buf_append(body, r->body);
    *version = r->version;
    return fake_leave(f, buf_check(body, "the record", err));
}

void fake_commit_now(struct store *s, const struct commit *c, struct fake_record *r)
{
    struct fake_store *f = fake_of(s);
    unsigned partition = fake_partition_of(s, c->kind, c->id);
    r->version++;
    r->body = fake_keep(f, c->body);
    r->due_s = c->due_s;
    struct record state = { c->kind, r->id, r->version, r->body };
    for (size_t i = 0; i < c->event_count; i++)
        fake_add_entry(f, partition, &c->events[i], i + 1 == c->event_count ? &state : NULL);
}

enum err_code fake_commit(struct store *s, const struct commit *c, int64_t *version, struct err *err)
{
    struct fake_store *f = fake_of(s);
    if (c->event_count == 0 || span_empty(c->body))
        return err_set(err, ERR_INPUT, "a commit of %.*s without an event or a body", SPAN_ARGS(c->id));
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct fake_record *r = fake_make_record(f, c->kind, c->id);
    if (r->version != c->expected_version)
        return fake_leave(f, err_set(err, ERR_CONFLICT, "%.*s changed meanwhile", SPAN_ARGS(c->id)));
    fake_commit_now(s, c, r);
    if (f->losing > 0) {
        f->losing--;
        return fake_leave(f, err_set(err, ERR_TIMEOUT, "the reply to the commit of %.*s was lost", SPAN_ARGS(c->id)));
    }
    *version = r->version;
    return fake_leave(f, OK);
}

enum err_code fake_append(struct store *s, unsigned partition, const struct event *events, size_t count, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < count; i++)
        fake_add_entry(f, partition, &events[i], NULL);
    return fake_leave(f, OK);
}

/* ---- refreshes ---- */

static struct fake_seen *make_seen(struct fake_store *f, struct span device)
{
    for (size_t i = 0; i < f->seen.count; i++)
        if (span_equal(((struct fake_seen *)f->seen.all[i])->device, device))
            return f->seen.all[i];
    struct fake_seen *seen = fake_thing(f, &f->seen, sizeof *seen);
    *seen = (struct fake_seen){ .device = fake_keep(f, device) };
    return seen;
}

static bool has_times(struct span times) { return times.bytes > 2; }

/* Newer times win, times of other checks stay. */
static struct span join_times(struct fake_store *f, struct span old, struct span more)
{
    if (!has_times(more) || !has_times(old) || span_equal(old, more))
        return has_times(more) ? fake_keep(f, more) : old;
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
    struct span joined = fake_keep(f, buf_span(&out));
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

enum err_code fake_refresh(struct store *s, unsigned partition, const struct refresh *all, size_t count, int64_t now_ms, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK || count == 0)
        return code != OK ? code : fake_leave(f, OK);
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
    fake_add_entry(f, partition, &e, NULL);
    buf_done(&data);
    return fake_leave(f, OK);
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

enum err_code fake_claim(struct store *s, struct span kind, struct span value, struct span owner, struct buf *holder, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i == f->claims.count) {
        struct fake_claim *made = fake_thing(f, &f->claims, sizeof *made);
        *made = (struct fake_claim){ fake_keep(f, kind), fake_keep(f, value), fake_keep(f, owner) };
        return fake_leave(f, OK);
    }
    const struct fake_claim *c = f->claims.all[i];
    if (span_equal(c->owner, owner))
        return fake_leave(f, OK);
    if (holder != NULL)
        buf_append(holder, c->owner);
    return fake_leave(f, err_set(err, ERR_CONFLICT, "%.*s is held by %.*s", SPAN_ARGS(kind), SPAN_ARGS(c->owner)));
}

enum err_code fake_holder(struct store *s, struct span kind, struct span value, struct buf *holder, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i == f->claims.count)
        return fake_leave(f, err_set(err, ERR_NOT_FOUND, "nobody holds this %.*s", SPAN_ARGS(kind)));
    buf_append(holder, ((struct fake_claim *)f->claims.all[i])->owner);
    return fake_leave(f, buf_check(holder, "holder", err));
}

enum err_code fake_release(struct store *s, struct span kind, struct span value, struct span owner, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    size_t i = find_claim(f, kind, value);
    if (i < f->claims.count && span_equal(((struct fake_claim *)f->claims.all[i])->owner, owner))
        fake_forget(&f->claims, i);
    return fake_leave(f, OK);
}

/* ---- once ---- */

enum err_code fake_once(struct store *s, struct span kind, struct span value, int64_t ttl_s, struct err *err)
{
    struct fake_store *f = fake_of(s);
    int64_t now_s = clock_wall_s(f->clock);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < f->once.count; i++) {
        struct fake_once *o = f->once.all[i];
        if (!span_equal(o->kind, kind) || !span_equal(o->value, value))
            continue;
        bool used = o->until_s > now_s;
        if (!used)
            o->until_s = now_s + ttl_s;
        return fake_leave(f, used ? err_set(err, ERR_CONFLICT, "this %.*s was used before", SPAN_ARGS(kind)) : OK);
    }
    struct fake_once *made = fake_thing(f, &f->once, sizeof *made);
    *made = (struct fake_once){ fake_keep(f, kind), fake_keep(f, value), now_s + ttl_s };
    return fake_leave(f, OK);
}

enum err_code fake_used(struct store *s, struct span kind, struct span value, bool *used, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    *used = false;
    for (size_t i = 0; i < f->once.count; i++) {
        const struct fake_once *o = f->once.all[i];
        *used = *used || (span_equal(o->kind, kind) && span_equal(o->value, value) && o->until_s > clock_wall_s(f->clock));
    }
    return fake_leave(f, OK);
}

/* ---- walks ---- */

enum err_code fake_each_record(struct store *s, enum record_kind kind, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    fake_leave(f, OK);
    struct list all = fake_snapshot(f, &f->records);
    for (size_t i = 0; i < all.count; i++) {
        pthread_mutex_lock(&f->lock);
        struct fake_record r = *(struct fake_record *)all.all[i];
        fake_leave(f, OK);
        struct record record = { r.kind, r.id, r.version, r.body };
        if (r.kind == kind && r.version > 0 && !fn(context, &record))
            break;
    }
    free(all.all);
    return OK;
}

enum err_code fake_each_seen(struct store *s, bool (*fn)(void *, const struct refresh *), void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    fake_leave(f, OK);
    struct list all = fake_snapshot(f, &f->seen);
    for (size_t i = 0; i < all.count; i++) {
        pthread_mutex_lock(&f->lock);
        struct fake_seen seen = *(struct fake_seen *)all.all[i];
        fake_leave(f, OK);
        struct refresh refresh = { seen.device, seen.seen_s, seen.times };
        if (!fn(context, &refresh))
            break;
    }
    free(all.all);
    return OK;
}

struct state_walk { struct store *store; bool (*fn)(void *, const struct record *, const struct refresh *); void *context; bool go_on; };

enum err_code fake_seen(struct store *s, struct span device, struct buf *times, int64_t *seen_s, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    const struct fake_seen *found = NULL;
    for (size_t i = 0; i < f->seen.count; i++)
        if (span_equal(((const struct fake_seen *)f->seen.all[i])->device, device))
            found = f->seen.all[i];
    if (found != NULL) {
        *seen_s = found->seen_s;
        buf_append(times, found->times);
    }
    fake_leave(f, OK);
    return found != NULL ? OK : err_set(err, ERR_NOT_FOUND, "device %.*s was not refreshed", SPAN_ARGS(device));
}

static bool give_state(void *context, const struct record *record)
{
    struct state_walk *walk = context;
    CLEANUP(buf_done) struct buf times;
    struct refresh refresh = { .device = record->id };
    struct err err;
    buf_init(&times, 64 * 1024);
    bool seen = record->kind == RECORD_DEVICE && fake_seen(walk->store, record->id, &times, &refresh.seen_s, &err) == OK;
    refresh.times = buf_span(&times);
    walk->go_on = walk->fn(walk->context, record, seen ? &refresh : NULL);
    return walk->go_on;
}

enum err_code fake_each_state(struct store *s, bool (*fn)(void *, const struct record *, const struct refresh *), void *context, struct err *err)
{
    struct state_walk walk = { s, fn, context, true };
    enum err_code code = fake_each_record(s, RECORD_PERSON, give_state, &walk, err);
    return code == OK && walk.go_on ? fake_each_record(s, RECORD_DEVICE, give_state, &walk, err) : code;
}

/* ---- due times ---- */

static int due_first(const void *a, const void *b)
{
    const struct fake_record *x = *(void *const *)a, *y = *(void *const *)b;
    return x->due_s < y->due_s ? -1 : x->due_s > y->due_s ? 1 : span_compare(x->id, y->id);
}

enum err_code fake_due(struct store *s, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct list all = { fake_must(malloc((f->records.count + 1) * sizeof *all.all)), 0, 0 };
    for (size_t i = 0; i < f->records.count; i++) {
        struct fake_record *r = f->records.all[i];
        if (r->due_s != 0 && r->due_s <= now_s && fake_partition_of(s, r->kind, r->id) == partition)
            all.all[all.count++] = r;
    }
    fake_leave(f, OK);
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

enum err_code fake_set_due(struct store *s, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct fake_record *r = fake_make_record(f, kind, id);
    if (force || (due_s > 0 && (r->due_s == 0 || due_s < r->due_s)))
        r->due_s = due_s;
    return fake_leave(f, OK);
}
