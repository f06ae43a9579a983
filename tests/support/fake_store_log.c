/* What happened: the log, who reads it how far, and time, which trims it. */
#include "tests/support/fake_store_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    return (struct event){ fake_keep(f, e->id), e->at_ms, fake_keep(f, e->type), fake_keep(f, e->person), fake_keep(f, e->device), fake_keep(f, e->policy), fake_keep(f, e->cause), fake_keep(f, e->data) };
}

void fake_add_entry(struct fake_store *f, unsigned partition, const struct event *e, const struct record *record)
{
    struct fake_entry *entry = fake_thing(f, &f->logs[partition], sizeof *entry);
    int64_t now_ms = clock_wall_ms(f->clock);
    bool same = now_ms <= f->last_ms[partition];
    f->last_seq[partition] = same ? f->last_seq[partition] + 1 : 0;
    f->last_ms[partition] = same ? f->last_ms[partition] : now_ms;
    *entry = (struct fake_entry){ f->last_ms[partition], f->last_seq[partition], keep_event(f, e), { 0 } };
    if (record != NULL)
        entry->record = *record;
    pthread_cond_broadcast(&f->grown);
}

/* ---- reading the log ---- */

enum err_code fake_log_end(struct store *s, unsigned partition, struct log_position *p, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    write_position(f->last_ms[partition], f->last_seq[partition], p);
    return fake_leave(f, OK);
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
    struct list copy = { fake_must(malloc((count + 1) * sizeof *copy.all)), count, count };
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

enum err_code fake_log_read(struct store *s, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    wait_for_entries(f, positions, wait_ms);
    for (unsigned i = 0; i <= f->partitions; i++)
        if (is_gone(f, i, &positions[i]))
            return fake_leave(f, err_set(err, ERR_GONE, "the log of partition %u no longer reaches back to %s", i, positions[i].text));
    fake_leave(f, OK);
    bool stopped = false;
    for (unsigned i = 0; i <= f->partitions && !stopped; i++)
        hand_out(f, i, &positions[i], most, fn, context, &stopped);
    return OK;
}

enum err_code fake_log_range(struct store *s, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    if (is_gone(f, partition, after))
        return fake_leave(f, err_set(err, ERR_GONE, "the log of partition %u no longer reaches back to %s", partition, after->text));
    fake_leave(f, OK);
    bool stopped = false;
    hand_out(f, partition, after, most, fn, context, &stopped);
    return OK;
}

enum err_code fake_log_range_back(struct store *s, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    fake_leave(f, OK);
    struct list all = fake_snapshot(f, &f->logs[partition]);
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
    struct fake_lease *l = fake_thing(f, &f->leases, sizeof *l);
    *l = (struct fake_lease){ .reader = fake_keep(f, reader), .partition = partition, .cursor = { "0-0" } };
    return l;
}

enum err_code fake_lease(struct store *s, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    int64_t now_ms = clock_wall_ms(f->clock);
    if (!span_equal(l->node, node)) {
        if (!span_empty(l->node) && l->until_ms > now_ms)
            return fake_leave(f, err_set(err, ERR_CONFLICT, "%.*s of partition %u is held by %.*s", SPAN_ARGS(reader), partition, SPAN_ARGS(l->node)));
        l->node = fake_keep(f, node);
        l->fence++;
    }
    l->until_ms = now_ms + ttl_ms;
    *fence = l->fence;
    *cursor = l->cursor;
    return fake_leave(f, OK);
}

enum err_code fake_unlease(struct store *s, struct span reader, unsigned partition, struct span node, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    if (span_equal(l->node, node))
        l->node = SPAN_NONE;
    return fake_leave(f, OK);
}

static void put_item(struct fake_store *f, struct span reader, unsigned partition, const struct outbox_item *item)
{
    for (size_t i = 0; i < f->items.count; i++) {
        const struct fake_item *old = f->items.all[i];
        if (old->partition == partition && span_equal(old->reader, reader) && span_equal(old->id, item->id)) {
            fake_forget(&f->items, i);
            break;
        }
    }
    if (span_empty(item->body))
        return;
    struct fake_item *made = fake_thing(f, &f->items, sizeof *made);
    *made = (struct fake_item){ fake_keep(f, reader), fake_keep(f, item->id), fake_keep(f, item->body), partition, item->due_ms };
}

enum err_code fake_advance(struct store *s, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                                  const struct outbox_item *items, size_t count, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    struct fake_lease *l = make_lease(f, reader, partition);
    if (l->fence != fence || span_empty(l->node))
        return fake_leave(f, err_set(err, ERR_CONFLICT, "%.*s of partition %u has another holder", SPAN_ARGS(reader), partition));
    if (cursor != NULL)
        l->cursor = *cursor;
    for (size_t i = 0; i < count; i++)
        put_item(f, reader, partition, &items[i]);
    return fake_leave(f, OK);
}

static int sooner(const void *a, const void *b)
{
    const struct fake_item *x = *(void *const *)a, *y = *(void *const *)b;
    return x->due_ms < y->due_ms ? -1 : x->due_ms > y->due_ms ? 1 : span_compare(x->id, y->id);
}

enum err_code fake_outbox(struct store *s, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                                 bool (*fn)(void *, const struct outbox_item *), void *context, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    fake_leave(f, OK);
    struct list all = fake_snapshot(f, &f->items);
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

enum err_code fake_heartbeat(struct store *s, struct span node, int64_t now_ms, int64_t outage_ms, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    int64_t last_ms = f->beat_ms;
    f->beat_ms = now_ms > last_ms || last_ms > now_ms + outage_ms ? now_ms : last_ms;
    if (last_ms == 0 || now_ms - last_ms <= outage_ms)
        return fake_leave(f, OK);
    struct fake_record *r = fake_make_record(f, RECORD_CONTROL, SPAN_LITERAL("clock"));
    struct buf body;
    char id[40], data[96];
    buf_init(&body, 1024 * 1024);
    write_clock(r->body, last_ms / 1000, now_ms / 1000, &body);
    snprintf(id, sizeof id, "e_outage%020" PRIu64, (uint64_t)f->logs[f->partitions].count);
    snprintf(data, sizeof data, "{\"from\":%" PRId64 ",\"to\":%" PRId64 "}", last_ms / 1000, now_ms / 1000);
    struct event e = { .id = span_of(id), .at_ms = now_ms, .type = SPAN_LITERAL("store.outage"), .cause = node, .data = span_of(data) };
    struct commit c = { RECORD_CONTROL, SPAN_LITERAL("clock"), r->version, buf_span(&body), &e, 1, 0 };
    fake_commit_now(s, &c, r);
    buf_done(&body);
    return fake_leave(f, OK);
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

enum err_code fake_trim(struct store *s, int64_t now_ms, int64_t keep_ms, struct err *err)
{
    struct fake_store *f = fake_of(s);
    enum err_code code = fake_enter(f, err);
    if (code != OK)
        return code;
    for (unsigned i = 0; i <= f->partitions; i++)
        trim_partition(f, i, now_ms - keep_ms);
    return fake_leave(f, OK);
}
