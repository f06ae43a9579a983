#include "gateway/effects_reader.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RENEW_MS = 1500, RETRY_LEASE_MS = 1000, POLL_ALONE_MS = 500, POLL_FED_MS = 5000, SEND_BATCH = 16, ARENA_BYTES = 16 * 1024 * 1024,
       BACKOFF_BASE_MS = 1000, BACKOFF_MOST_MS = 300000, BACKOFF_LEAST_MS = 100, FAILURES_BEFORE_PAUSE = 3, STORE_PAUSE_MS = 500, COUNT_APART_MS = 10000 };

static int64_t mono_ms(const struct reader *r) { return clock_mono_ms(r->node->clock); }
static int64_t wall_ms(const struct reader *r) { return clock_wall_ms(r->node->clock); }
static struct span name_of(const struct reader *r) { return span_of(r->name); }

bool reader_is_store_trouble(enum err_code code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_CONFLICT || code == ERR_AMBIGUOUS;
}

static void log_trouble(const struct reader *r, const char *what, unsigned partition, const struct err *err)
{
    log_event(r->node->log, LOG_WARN, what, LOG_STR("reader", r->name), LOG_INT("partition", partition), LOG_ERR(err));
}

/* ---- leases ---- */

static void recount(struct reader *r)
{
    unsigned waiting = 0, set_aside = 0;
    for (unsigned i = 0; i < r->partition_count; i++) {
        waiting += r->partitions[i].held ? r->partitions[i].waiting : 0;
        set_aside += r->partitions[i].held ? r->partitions[i].set_aside : 0;
    }
    atomic_store_explicit(&r->waiting, waiting, memory_order_relaxed);
    atomic_store_explicit(&r->set_aside, set_aside, memory_order_relaxed);
}

static bool count_item(void *context, const struct outbox_item *item)
{
    struct reader_partition *p = context;
    bool aside = item->due_ms >= EFFECTS_SET_ASIDE_MS;
    p->set_aside += aside;
    p->waiting += !aside;
    if (!aside && item->due_ms < p->next_item_ms)
        p->next_item_ms = item->due_ms;
    return true;
}

/* When the first item is due; after a take-over or a resend also how many there are, else the counts are kept up as items change. */
static enum err_code look_into_outbox(struct reader *r, unsigned partition, struct err *err)
{
    struct reader_partition *p = &r->partitions[partition];
    struct reader_partition counted = { .next_item_ms = INT64_MAX };
    if (r->ops->send == NULL)
        return OK;
    enum err_code code = r->store->ops->outbox(r->store, name_of(r), partition, INT64_MAX, p->count_again ? 2 * EFFECTS_WAITING_MOST : 1, count_item, &counted, err);
    if (code != OK)
        return code;
    if (p->count_again) {
        p->waiting = counted.waiting;
        p->set_aside = counted.set_aside;
        p->counted_ms = mono_ms(r);
    } else if (counted.waiting == 0) {
        p->waiting = 0; /* what is due first is not waiting: nothing is. An item that took another's place had been counted beside it */
    }
    p->next_item_ms = counted.next_item_ms;
    p->dirty_outbox = p->count_again = false;
    recount(r);
    return OK;
}

static void lose(struct reader *r, unsigned partition)
{
    r->partitions[partition].held = false;
    r->partitions[partition].renew_ms = mono_ms(r) + RETRY_LEASE_MS;
    recount(r);
}

static void take(struct reader *r, unsigned partition, int64_t fence, const struct log_position *cursor)
{
    struct reader_partition *p = &r->partitions[partition];
    struct err err;
    p->held = true;
    p->fence = fence;
    p->cursor = *cursor;
    p->poll_ms = 0;
    p->count_again = true;
    p->fresh = strcmp(cursor->text, "0-0") == 0;
    if (look_into_outbox(r, partition, &err) != OK)
        lose(r, partition);
}

/* A fence that grew means that somebody else was here meanwhile: the partition begins again from the stored cursor. */
static void lease(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct log_position cursor;
    struct err err;
    int64_t fence = 0, asked_ms = mono_ms(r);
    if (asked_ms < p->renew_ms)
        return;
    enum err_code code = r->store->ops->lease(r->store, name_of(r), partition, span_of(r->holder), EFFECTS_LEASE_MS, &fence, &cursor, &err);
    p->renew_ms = asked_ms + (code == OK ? RENEW_MS : RETRY_LEASE_MS);
    if (code != OK)
        lose(r, partition);
    else if (!p->held || p->fence != fence)
        take(r, partition, fence, &cursor);
}

bool reader_holds(const struct reader *r, unsigned partition)
{
    const struct reader_partition *p = &r->partitions[partition];
    return p->held && mono_ms(r) < p->renew_ms - RENEW_MS + EFFECTS_LEASE_MS;
}

bool reader_keep(void *reader)
{
    struct reader *r = reader;
    for (unsigned i = 0; i < r->partition_count; i++)
        if (r->partitions[i].held)
            lease(r, i);
    return !atomic_load(&r->stop);
}

/* ---- the outbox's bookkeeping ---- */

static enum err_code advance(struct reader *r, unsigned partition, const struct log_position *cursor, const struct outbox_item *items, size_t count, struct err *err)
{
    struct reader_partition *p = &r->partitions[partition];
    enum err_code code = r->store->ops->advance(r->store, name_of(r), partition, p->fence, cursor, items, count, err);
    if (code != OK)
        lose(r, partition); /* it may have happened: the stored cursor says so when the lease is taken again */
    else if (cursor != NULL)
        p->cursor = *cursor;
    if (code == OK && count > 0)
        p->dirty_outbox = true;
    return code;
}

static enum err_code make_edit(struct arena *arena, const struct effects_item *item, struct outbox_item *out, struct err *err)
{
    struct buf body;
    buf_init(&body, ITEM_BODY_BYTES);
    effects_item_write(item, &body);
    enum err_code code = buf_check(&body, "an outbox item", err);
    if (code == OK) {
        *out = (struct outbox_item){ arena_copy(arena, item->id), arena_copy(arena, buf_span(&body)), item->set_aside ? EFFECTS_SET_ASIDE_MS : item->due_ms };
        code = out->body.at == NULL || out->id.at == NULL ? err_set(err, ERR_MEMORY, "an outbox item") : OK;
    }
    buf_done(&body);
    return code;
}

enum err_code reader_queue(struct reader *r, const struct effects_item *item, struct err *err)
{
    if (r->edit_count == sizeof r->edits / sizeof r->edits[0])
        return err_set(err, ERR_LIMIT, "more than %zu items in one batch", r->edit_count);
    enum err_code code = make_edit(&r->arena, item, &r->edits[r->edit_count], err);
    r->edit_count += code == OK;
    return code;
}

enum err_code reader_store_item(struct reader *r, unsigned partition, const struct effects_item *item, struct err *err)
{
    struct outbox_item edit;
    enum err_code code = make_edit(&r->item_arena, item, &edit, err);
    return code == OK ? advance(r, partition, NULL, &edit, 1, err) : code;
}

/* ---- entries ---- */

struct batch { struct reader *r; struct reader_entry entries[READER_BATCH]; struct log_position positions[READER_BATCH]; size_t count; };

static bool copy_event(struct arena *a, const struct event *from, struct event *to)
{
    const struct span *const texts[] = { &from->id, &from->type, &from->person, &from->device, &from->policy, &from->cause, &from->data };
    struct span *const copies[] = { &to->id, &to->type, &to->person, &to->device, &to->policy, &to->cause, &to->data };
    to->at_ms = from->at_ms;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *copies[i] = arena_copy(a, *texts[i]);
        if (copies[i]->bytes != texts[i]->bytes)
            return false;
    }
    return true;
}

/* Full: the rest is read in the next batch. */
static bool collect(void *context, const struct log_entry *entry)
{
    struct batch *b = context;
    if (b->count == READER_BATCH)
        return false;
    struct reader_entry *e = &b->entries[b->count];
    *e = (struct reader_entry){ .partition = entry->partition, .kind = entry->record.kind, .version = entry->record.version, .has_record = !span_empty(entry->record.body) };
    e->position = entry->position;
    e->record = arena_copy(&b->r->arena, entry->record.id);
    if (b->r->ops->bodies) {
        e->body = arena_copy(&b->r->arena, entry->record.body);
        if (e->body.bytes != entry->record.body.bytes)
            return false; /* no room: it opens the next batch */
    }
    if (!copy_event(&b->r->arena, &entry->event, &e->event))
        return false;
    b->positions[b->count++] = entry->position;
    return true;
}

static bool is_resend(const struct reader *r, const struct reader_entry *e) { return r->ops->send != NULL && span_equal_text(e->event.type, "admin.resend"); }

struct wanted { struct reader *r; struct span id; struct effects_item item; bool found; };

static bool find_item(void *context, const struct outbox_item *item)
{
    struct wanted *w = context;
    struct err err;
    if (!span_equal(item->id, w->id))
        return true;
    w->found = effects_item_read(item->id, item->body, item->due_ms, &w->r->arena, &w->item, &err) == OK;
    return false;
}

/* An admin asked: due now, with all its tries before it. */
static enum err_code handle_resend(struct reader *r, const struct reader_entry *e, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct wanted w = { .r = r };
    struct span reader = SPAN_NONE;
    enum err_code code = from_json_parse(e->event.data, (struct from_json_limits){ 4096, 4 }, "admin.resend", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), to = from_json_member(&root, "destination"), id = from_json_member(&root, "id");
    if (from_json_text(&to, READER_NAME_BYTES, &reader, err) != OK || from_json_text(&id, EVENT_DATA_BYTES, &w.id, err) != OK)
        return err->code;
    if (!span_equal_text(reader, r->name))
        return OK;
    code = r->store->ops->outbox(r->store, name_of(r), e->partition, INT64_MAX, 2 * EFFECTS_WAITING_MOST, find_item, &w, err);
    if (code != OK || !w.found)
        return code;
    r->partitions[e->partition].count_again = true;
    w.item.set_aside = false;
    w.item.asked = true;
    w.item.tries = 0;
    w.item.first_ms = w.item.due_ms = wall_ms(r);
    return reader_queue(r, &w.item, err);
}

/* OK: the cursor may pass. */
static enum err_code handle(struct reader *r, const struct reader_entry *e, struct err *err)
{
    size_t before = r->edit_count;
    enum err_code code = is_resend(r, e) ? handle_resend(r, e, err) : r->ops->entry(r->self, r, e, err);
    if (code == OK || reader_is_store_trouble(code))
        return code;
    r->edit_count = before;
    log_event(r->node->log, LOG_ERROR, "effects.passed_over", LOG_STR("reader", r->name), LOG_SPAN("event", e->event.id), LOG_ERR(err));
    return OK;
}

static void begin_batch(struct reader *r)
{
    arena_reset(&r->arena);
    r->edit_count = 0;
}

/* An old cursor that was trimmed away begins with what is left. */
static enum err_code read_batch(struct reader *r, unsigned partition, struct batch *b, struct err *err)
{
    struct log_position after = r->partitions[partition].cursor;
    enum err_code code = r->store->ops->log_range(r->store, partition, &after, READER_BATCH, collect, b, err);
    if (code != ERR_GONE)
        return code;
    log_trouble(r, "effects.log_trimmed", partition, err);
    b->count = 0;
    after = (struct log_position){ "0-0" };
    return r->store->ops->log_range(r->store, partition, &after, READER_BATCH, collect, b, err);
}

/* A new reader has reached the end of what was there before it: from here on nothing is old. An empty log leaves a mark too. */
static void end_fresh_walk(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct log_position here = p->cursor;
    struct err err;
    if (strcmp(here.text, "0-0") == 0)
        here = (struct log_position){ "0-1" }; /* before every real entry */
    if (advance(r, partition, &here, NULL, 0, &err) == OK)
        p->fresh = false;
}

/* Before the log is left waiting the items are counted: the count kept up as they change takes one that replaces another for two. */
static bool is_full(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct err err;
    if (p->waiting < EFFECTS_WAITING_MOST)
        return false;
    if (mono_ms(r) - p->counted_ms < COUNT_APART_MS)
        return true;
    p->count_again = true;
    if (look_into_outbox(r, partition, &err) != OK)
        lose(r, partition);
    return p->waiting >= EFFECTS_WAITING_MOST;
}

/* True when there may be more. */
static bool intake(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct err err = { 0 };
    if (is_full(r, partition) || !p->held)
        return false; /* the log keeps what the outbox has no room for */
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->r = r;
    begin_batch(r);
    enum err_code code = read_batch(r, partition, b, &err);
    size_t done = 0;
    while (code == OK && done < b->count && p->held && reader_keep(r)) {
        code = handle(r, &b->entries[done], &err);
        done += code == OK;
    }
    size_t count = b->count;
    if (done > 0 && p->held) {
        struct err store_err;
        enum err_code moved = r->ops->settle == NULL ? OK : r->ops->settle(r->self, r, partition, &store_err);
        if (moved == OK)
            moved = advance(r, partition, &b->positions[done - 1], r->edits, r->edit_count, &store_err);
        if (moved != OK) {
            code = moved;
            err = store_err;
        } else {
            p->waiting += r->ops->send != NULL ? (unsigned)r->edit_count : 0; /* else it is not waiting for anything */
        }
    }
    free(b);
    if (code == OK && count == 0 && p->fresh)
        end_fresh_walk(r, partition);
    if (code != OK)
        log_trouble(r, "effects.log_waits", partition, &err);
    p->poll_ms = mono_ms(r) + (code != OK ? STORE_PAUSE_MS : r->node->feed == NULL ? POLL_ALONE_MS : POLL_FED_MS);
    return code == OK && count > 0;
}

/* ---- items ---- */

struct due { struct reader *r; struct effects_item items[SEND_BATCH]; size_t count; };

static bool collect_item(void *context, const struct outbox_item *item)
{
    struct due *d = context;
    struct err err;
    if (d->count == SEND_BATCH || item->due_ms >= EFFECTS_SET_ASIDE_MS)
        return false;
    if (effects_item_read(item->id, item->body, item->due_ms, &d->r->arena, &d->items[d->count], &err) != OK) {
        log_trouble(d->r, "effects.bad_item", 0, &err); /* set aside as it is, so that it is listed and holds nothing up */
        d->items[d->count] = (struct effects_item){ .id = arena_copy(&d->r->arena, item->id), .set_aside = true, .error = SPAN_LITERAL("unreadable item") };
    }
    d->count++;
    return true;
}

int64_t reader_backoff_ms(unsigned tries)
{
    int64_t most = BACKOFF_MOST_MS;
    uint32_t random = 0;
    if (tries < 9)
        most = (int64_t)BACKOFF_BASE_MS << tries;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    secret_random(&random, sizeof random);
    return BACKOFF_LEAST_MS + (int64_t)random % (most - BACKOFF_LEAST_MS + 1);
}

static bool is_too_old(const struct reader *r, const struct effects_item *item)
{
    return item->tries >= EFFECTS_TRIES || wall_ms(r) - item->first_ms >= EFFECTS_AGE_MS;
}

static void put_aside(struct reader *r, struct effects_item *item)
{
    item->set_aside = true;
    counter_add(r->node->counters, COUNT_SET_ASIDE, 1);
    log_event(r->node->log, LOG_WARN, "effects.set_aside", LOG_STR("reader", r->name), LOG_SPAN("id", item->id), LOG_INT("tries", item->tries), LOG_SPAN("error", item->error));
}

/* Writes how the try ended. With too many set aside already, the item is let go: the log said so. */
static void settle(struct reader *r, unsigned partition, struct effects_item *item, struct item_result result)
{
    struct err err;
    struct outbox_item gone = { .id = item->id };
    struct reader_partition *p = &r->partitions[partition];
    bool full = p->set_aside >= EFFECTS_WAITING_MOST;
    item->tries += result.counts;
    if (result.end == ITEM_GIVEN_UP || (result.end == ITEM_LATER && is_too_old(r, item)))
        put_aside(r, item);
    item->due_ms = wall_ms(r) + (result.after_ms >= 0 ? result.after_ms : reader_backoff_ms(item->tries));
    enum err_code code = result.end == ITEM_DONE || (item->set_aside && full) ? advance(r, partition, NULL, &gone, 1, &err) : reader_store_item(r, partition, item, &err);
    if (code != OK) {
        log_trouble(r, "effects.outcome_waits", partition, &err);
        return;
    }
    p->waiting -= p->waiting > 0 && (result.end == ITEM_DONE || item->set_aside);
    p->set_aside += item->set_aside && !full;
}

/* While nothing can be sent, what is too old is set aside untried, so that a dead receiver does not keep everything. */
static void try_item(struct reader *r, unsigned partition, struct effects_item *item)
{
    arena_reset(&r->item_arena);
    bool stopped = reader_is_stopped(r), silent = stopped || mono_ms(r) < r->pause_until_ms, too_old = is_too_old(r, item);
    if (silent && !item->set_aside && r->ops->unsendable != NULL && (stopped || too_old))
        settle(r, partition, item, r->ops->unsendable(r->self, r, partition, item));
    else if (item->set_aside || (silent && too_old))
        settle(r, partition, item, (struct item_result){ ITEM_GIVEN_UP, -1, false });
    else if (!silent)
        settle(r, partition, item, r->ops->send(r->self, r, partition, item));
}

static bool may_work_on_items(struct reader *r, const struct reader_partition *p)
{
    bool stopped = reader_is_stopped(r), silent = stopped || mono_ms(r) < r->pause_until_ms;
    if (stopped && r->ops->unsendable != NULL)
        silent = false; /* each is asked what becomes of it */
    return p->next_item_ms <= (silent ? wall_ms(r) - EFFECTS_AGE_MS : wall_ms(r));
}

static void drain(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct err err;
    struct due *d = calloc(1, sizeof *d);
    if (d == NULL)
        return;
    d->r = r;
    begin_batch(r);
    enum err_code code = r->store->ops->outbox(r->store, name_of(r), partition, wall_ms(r), SEND_BATCH, collect_item, d, &err);
    for (size_t i = 0; code == OK && i < d->count && p->held && reader_keep(r); i++)
        try_item(r, partition, &d->items[i]);
    free(d);
}

/* ---- a round ---- */

static enum err_code open_reader(struct reader *r, struct err *err)
{
    enum err_code code = r->store != NULL ? OK : r->node->stores.open(r->node->stores.context, &r->store, err);
    if (code != OK)
        return code;
    unsigned count = r->store->ops->partitions(r->store) + 1;
    if (count > READER_PARTITIONS)
        return err_set(err, ERR_INPUT, "the store says it has %u partitions", count - 1);
    code = r->ops->open == NULL ? OK : r->ops->open(r->self, r, err);
    r->opened = code == OK;
    r->partition_count = code == OK ? count : 0;
    return code;
}

static void work_on(struct reader *r, unsigned partition)
{
    struct reader_partition *p = &r->partitions[partition];
    struct err err;
    bool grown = atomic_exchange(&p->grown, false);
    if (p->held && (grown || mono_ms(r) >= p->poll_ms) && intake(r, partition))
        atomic_store(&p->grown, true);
    if (p->held && r->ops->tick != NULL && r->ops->tick(r->self, r, partition, &err) != OK)
        log_trouble(r, "effects.tick_waits", partition, &err);
    if (p->held && p->dirty_outbox && look_into_outbox(r, partition, &err) != OK)
        lose(r, partition);
    if (p->held && r->ops->send != NULL && may_work_on_items(r, p)) {
        drain(r, partition);
        if (p->held && look_into_outbox(r, partition, &err) != OK)
            lose(r, partition);
    }
}

void reader_round(struct reader *r)
{
    struct err err;
    if (!r->opened && open_reader(r, &err) != OK) {
        log_trouble(r, "effects.cannot_start", 0, &err);
        return;
    }
    for (unsigned i = 0; i < r->partition_count && !atomic_load(&r->stop); i++) {
        lease(r, i);
        work_on(r, i);
    }
}

static bool has_work(const struct reader *r)
{
    for (unsigned i = 0; i < r->partition_count; i++)
        if (r->partitions[i].held && atomic_load(&r->partitions[i].grown))
            return true;
    return false;
}

static void wait_for_work(struct reader *r)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + r->wait_ms % 1000 * 1000000;
    until.tv_sec += r->wait_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&r->lock);
    while (!r->awake && !atomic_load(&r->stop) && !has_work(r))
        if (pthread_cond_timedwait(&r->wake, &r->lock, &until) != 0)
            break;
    r->awake = false;
    pthread_mutex_unlock(&r->lock);
}

static void give_leases_back(struct reader *r)
{
    struct err ignored;
    for (unsigned i = 0; i < r->partition_count; i++)
        if (r->partitions[i].held && r->store->ops->unlease(r->store, name_of(r), i, span_of(r->holder), &ignored) != OK)
            return; /* they run out by themselves */
}

static void *run(void *context)
{
    struct reader *r = context;
    directory_register_thread();
    while (!atomic_load(&r->stop)) {
        reader_round(r);
        wait_for_work(r);
    }
    give_leases_back(r);
    directory_unregister_thread();
    return NULL;
}

/* ---- from other threads ---- */

void reader_wake(struct reader *r, unsigned partition)
{
    if (partition >= READER_PARTITIONS)
        return;
    atomic_store(&r->partitions[partition].grown, true);
    pthread_mutex_lock(&r->lock);
    r->awake = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

void reader_request_stop(struct reader *r)
{
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->stop, true);
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

void reader_join(struct reader *r)
{
    if (r->started)
        pthread_join(r->thread, NULL);
    r->started = false;
}

void reader_describe(struct reader *r, struct effects_destination *out)
{
    *out = (struct effects_destination){ .waiting = atomic_load(&r->waiting), .set_aside = atomic_load(&r->set_aside) };
    memcpy(out->name, r->name, sizeof r->name);
    pthread_mutex_lock(&r->lock);
    out->stopped = r->stopped;
    out->failing_s = r->failing_s;
    memcpy(out->why, r->why, sizeof out->why);
    pthread_mutex_unlock(&r->lock);
}

/* ---- how the destination is ---- */

static void set_why(struct reader *r, bool stopped, const char *why)
{
    pthread_mutex_lock(&r->lock);
    r->stopped = r->stopped || stopped;
    if (why[0] == '\0')
        r->failing_s = 0;
    else if (r->failing_s == 0)
        r->failing_s = wall_ms(r) / 1000;
    snprintf(r->why, sizeof r->why, "%s", why);
    pthread_mutex_unlock(&r->lock);
}

void reader_stop_sending(struct reader *r, const char *why)
{
    set_why(r, true, why);
    log_event(r->node->log, LOG_ERROR, "effects.stopped", LOG_STR("reader", r->name), LOG_STR("why", why));
}

void reader_resume(struct reader *r)
{
    r->failures = 0;
    r->pause_until_ms = 0;
    pthread_mutex_lock(&r->lock);
    r->stopped = false;
    r->failing_s = 0;
    r->why[0] = '\0';
    pthread_mutex_unlock(&r->lock);
    log_event(r->node->log, LOG_INFO, "effects.resumed", LOG_STR("reader", r->name));
}

bool reader_is_stopped(struct reader *r)
{
    pthread_mutex_lock(&r->lock);
    bool stopped = r->stopped;
    pthread_mutex_unlock(&r->lock);
    return stopped;
}

void reader_pause(struct reader *r, int64_t ms)
{
    if (mono_ms(r) + ms > r->pause_until_ms)
        r->pause_until_ms = mono_ms(r) + ms;
}

void reader_note_failure(struct reader *r, const char *why)
{
    set_why(r, false, why);
    if (++r->failures >= FAILURES_BEFORE_PAUSE)
        reader_pause(r, reader_backoff_ms(r->failures));
}

void reader_note_success(struct reader *r)
{
    r->failures = 0;
    set_why(r, false, "");
}

/* ---- life ---- */

enum err_code reader_new(const struct node *node, const char *name, const char *holder, const struct reader_ops *ops, void *takes_self, int64_t wait_ms, struct reader **out, struct err *err)
{
    struct reader *r = calloc(1, sizeof *r);
    struct reader_partition *partitions = calloc(READER_PARTITIONS, sizeof *partitions);
    pthread_condattr_t attributes;
    if (r == NULL || partitions == NULL) {
        ops->free(takes_self);
        free(partitions);
        free(r);
        return err_set(err, ERR_MEMORY, "the effects of %s", name);
    }
    *r = (struct reader){ .node = node, .ops = ops, .self = takes_self, .partitions = partitions, .wait_ms = wait_ms };
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->holder, sizeof r->holder, "%s", holder);
    arena_init(&r->arena, 64 * 1024, ARENA_BYTES);
    arena_init(&r->item_arena, 16 * 1024, ARENA_BYTES);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = r;
    return OK;
}

enum err_code reader_start(struct reader *r, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the main thread */
    int failed = pthread_create(&r->thread, NULL, run, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return err_set(err, ERR_IO, "cannot start the thread of %s: %s", r->name, strerror(failed));
    r->started = true;
    return OK;
}

void reader_free(struct reader *r)
{
    if (r == NULL)
        return;
    r->ops->free(r->self);
    if (r->store != NULL)
        r->store->ops->free(r->store);
    arena_done(&r->arena);
    arena_done(&r->item_arena);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r->partitions);
    free(r);
}
