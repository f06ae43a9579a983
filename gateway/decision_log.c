#include "gateway/decision_log.h"

#include "gateway/feed.h"
#include "posture/base/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING_NOTES = 4096, RING_FILTER_SLOTS = 8192, RINGS = 256 /* workers and slow lane threads */, FILTER_SLOTS = 65536, FLUSH_MS = 50, BATCH = 256, NOTE_CHECKS = 8, NOTE_TEXT = 256, HOUR_MS = 3600000, ACCELERATE_S = 600,
       PENDING_MOST = 20000, PARTITIONS = 1024, LOOK_BACK_MS = 5000, LOOK_MOST = 1000, LOOK_ROUNDS = 100, IDS_AHEAD = 512, HOMES = 256 };

/* What the event needs, copied: the directory may have moved on when it is written. */
struct note {
    char id[32], person[32], device[32], app[96], asked[128], door[24], rung[64], policy[16], request[72], would_check[64], checks[NOTE_CHECKS][64], reason[NOTE_TEXT];
    int64_t at_ms, deadline_s;
    enum outcome outcome, would;
    enum rule rule;
    enum proof proof;
    bool stale;
    unsigned partition;
    uint64_t allow_hash;          /* 0: not an allow that is recorded once */
};
/* One producer (a worker), one consumer (the log's thread). */
struct decision_ring {
    struct decision_log *log;
    struct counters *counters;
    uint8_t random[IDS_AHEAD * DECISION_RANDOM_BYTES]; size_t random_left; /* one call of the generator for many ids */
    _Atomic size_t head, tail; /* written / read so far */
    struct home { char id[SECRET_ID_BYTES]; unsigned partition; } homes[HOMES]; /* of the people and devices decided upon lately; the producer's */
    uint64_t filter[RING_FILTER_SLOTS]; /* as the log's own, so that a note is not even written for most allows; the producer's */
    struct note notes[RING_NOTES];
};
struct decision_log {
    const struct node *node;
    struct store *store;
    struct decision_ring *_Atomic rings[RINGS]; /* set by the workers while the thread runs */
    _Atomic size_t ring_count;
    uint64_t *filter;             /* hash of (person, device, app, hour) of allows already recorded; 0 empty */
    struct note *pending;         /* taken from the rings, not in the log yet: kept while the store is away */
    size_t pending_count;
    bool unsure[PARTITIONS];      /* the last append there had no good answer: it may have happened */
    atomic_bool stop;
    bool started;
    pthread_t thread;
};

static void copy_text(char *to, size_t room, struct span from)
{
    size_t bytes = from.bytes < room ? from.bytes : room - 1;
    if (bytes > 0)
        memcpy(to, from.at, bytes);
    to[bytes] = '\0';
}

void decision_ring_random(struct decision_ring *ring, uint8_t random[DECISION_RANDOM_BYTES])
{
    if (ring == NULL) {
        secret_random(random, DECISION_RANDOM_BYTES);
        return;
    }
    if (ring->random_left == 0) {
        secret_random(ring->random, sizeof ring->random);
        ring->random_left = IDS_AHEAD;
    }
    memcpy(random, ring->random + --ring->random_left * DECISION_RANDOM_BYTES, DECISION_RANDOM_BYTES);
}

struct counters *decision_ring_counters(const struct decision_ring *ring) { return ring->counters; }

struct decision_ring *decision_log_ring(struct decision_log *log)
{
    size_t number = atomic_fetch_add(&log->ring_count, 1);
    struct decision_ring *ring = number < RINGS ? calloc(1, sizeof *ring) : NULL;
    if (ring == NULL) {
        atomic_fetch_sub(&log->ring_count, 1);
        return NULL;
    }
    ring->log = log;
    ring->counters = metrics_counters(log->node->metrics);
    log->rings[number] = ring;
    return ring;
}

unsigned decision_log_partition(const struct decision_log *log, enum record_kind kind, struct span id)
{
    return log != NULL && log->store != NULL ? log->store->ops->partition_of(log->store, kind, id) : 0;
}

/* The partition is a sum over the id, byte after byte: what was asked for a moment ago is looked up. */
unsigned decision_ring_partition(struct decision_ring *ring, const struct decision_log *log, enum record_kind kind, struct span id)
{
    if (ring == NULL || id.bytes != SECRET_ID_BYTES || log == NULL || log->store == NULL)
        return decision_log_partition(log, kind, id);
    struct home *home = &ring->homes[((unsigned char)id.at[SECRET_ID_BYTES - 1] * 31u + (unsigned char)id.at[SECRET_ID_BYTES - 2]) % HOMES]; /* ids are random */
    if (memcmp(home->id, id.at, SECRET_ID_BYTES) != 0) {
        memcpy(home->id, id.at, SECRET_ID_BYTES);
        home->partition = decision_log_partition(log, kind, id);
    }
    return home->partition;
}

static void fill_note(struct note *n, const struct decision_input *in, const struct decision *d, const struct decision_stamp *stamp)
{
    copy_text(n->id, sizeof n->id, stamp->id);
    copy_text(n->person, sizeof n->person, in->person != NULL ? in->person->id : SPAN_NONE);
    copy_text(n->asked, sizeof n->asked, in->person != NULL ? SPAN_NONE : in->person_asked);
    copy_text(n->device, sizeof n->device, d->device != NULL ? d->device->id : SPAN_NONE);
    copy_text(n->app, sizeof n->app, in->app != NULL ? in->app->id : in->app_asked);
    copy_text(n->door, sizeof n->door, stamp->door);
    copy_text(n->rung, sizeof n->rung, d->rung);
    copy_text(n->policy, 13, in->policy != NULL ? span_of(in->policy->version) : SPAN_NONE);
    copy_text(n->request, sizeof n->request, stamp->request);
    copy_text(n->reason, sizeof n->reason, d->reason_admin);
    for (size_t i = 0; i < NOTE_CHECKS; i++) /* an empty one ends the list */
        n->checks[i][0] = '\0';
    for (size_t i = 0; i < NOTE_CHECKS && i < d->standing_count; i++)
        copy_text(n->checks[i], sizeof n->checks[i], d->standings[i].check->id);
    n->deadline_s = d->deadline_s;
    n->outcome = d->outcome;
    n->would = d->would.outcome;
    copy_text(n->would_check, sizeof n->would_check, d->would.by != NULL ? d->would.by->check->id : SPAN_NONE);
    n->rule = d->rule;
    n->proof = d->proof;
    n->stale = d->stale;
    n->at_ms = stamp->at_ms;
    n->partition = stamp->partition;
}

/* 0 for what is recorded each time. */
static uint64_t hash_of_allow(const struct decision_input *in, const struct decision *d, const struct decision_stamp *stamp)
{
    if (d->outcome != OUTCOME_ALLOW || d->rule == RULE_BREAK_GLASS)
        return 0;
    uint64_t hash = span_table_hash(in->person != NULL ? in->person->id : in->person_asked, (uint64_t)(stamp->at_ms / HOUR_MS));
    hash = span_table_hash(d->device != NULL ? d->device->id : SPAN_NONE, hash + (uint64_t)d->would.outcome);
    return span_table_hash(in->app != NULL ? in->app->id : in->app_asked, hash) | 1;
}

bool decision_ring_put(struct decision_ring *ring, const struct decision_input *in, const struct decision *d, const struct decision_stamp *stamp)
{
    uint64_t allow = hash_of_allow(in, d, stamp), *slot = &ring->filter[allow % RING_FILTER_SLOTS];
    if (allow != 0 && *slot == allow)
        return false;
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed), tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - tail == RING_NOTES) {
        counter_add(ring->counters, COUNT_DECISION_RING_FULL, 1);
        return false;
    }
    fill_note(&ring->notes[head % RING_NOTES], in, d, stamp);
    ring->notes[head % RING_NOTES].allow_hash = allow;
    *slot = allow != 0 ? allow : *slot;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

/* ---- the log's thread ---- */

/* Allows are recorded once per (person, device, app, hour); break-glass use always. What a ring has let pass, another ring may let pass too, so it is looked
 * at here again. A hash that was pushed out of its slot is recorded again: rare, harmless. */
static bool is_repeated_allow(struct decision_log *log, const struct note *n)
{
    if (n->allow_hash == 0)
        return false;
    uint64_t *slot = &log->filter[n->allow_hash % FILTER_SLOTS];
    bool repeated = *slot == n->allow_hash;
    *slot = n->allow_hash;
    return repeated;
}

static bool drain_rings(struct decision_log *log)
{
    size_t before = log->pending_count;
    for (size_t i = 0; i < atomic_load(&log->ring_count) && i < RINGS; i++) {
        struct decision_ring *ring = log->rings[i];
        if (ring == NULL)
            continue;
        size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), head = atomic_load_explicit(&ring->head, memory_order_acquire);
        for (; tail != head && log->pending_count < PENDING_MOST; tail++)
            if (!is_repeated_allow(log, &ring->notes[tail % RING_NOTES]))
                log->pending[log->pending_count++] = ring->notes[tail % RING_NOTES];
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return log->pending_count != before;
}

static void note_to_data(const struct note *n, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "outcome", span_of(outcome_name(n->outcome)));
    to_json_member_text(w, "rule", span_of(rule_name(n->rule)));
    to_json_member_text(w, "app", span_of(n->app));
    to_json_member_text(w, "door", span_of(n->door));
    if (n->proof != PROOF_NOT_ASKED)
        to_json_member_text(w, "proof", span_of(proof_name(n->proof)));
    to_json_member_text_if(w, "asked", span_of(n->asked));
    to_json_member_text_if(w, "rung", span_of(n->rung));
    if (n->checks[0][0] != '\0') {
        to_json_key(w, "failing");
        to_json_array(w);
        for (size_t i = 0; i < NOTE_CHECKS && n->checks[i][0] != '\0'; i++)
            to_json_text(w, span_of(n->checks[i]));
        to_json_end(w);
    }
    to_json_member_time_if(w, "deadline", n->deadline_s);
    if (n->would_check[0] != '\0') {
        to_json_member_text(w, "would", span_of(outcome_name(n->would)));
        to_json_member_text(w, "would_check", span_of(n->would_check));
    }
    if (n->stale)
        to_json_member_bool(w, "stale", true);
    to_json_member_text_if(w, "reason", span_of(n->reason));
    to_json_end(w);
}

static bool note_to_event(const struct note *n, struct arena *arena, struct event *out)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    note_to_data(n, &w);
    *out = (struct event){ .id = span_of(n->id), .at_ms = n->at_ms, .type = SPAN_LITERAL("decision.made"), .person = span_of(n->person), .device = span_of(n->device),
                           .policy = span_of(n->policy), .cause = span_of(n->request), .data = arena_copy(arena, buf_span(&data)) };
    buf_done(&data);
    return out->data.at != NULL;
}

struct look { struct decision_log *log; size_t seen; };

static bool drop_written(void *context, const struct log_entry *entry)
{
    struct look *look = context;
    struct decision_log *log = look->log;
    look->seen++;
    for (size_t i = 0; i < log->pending_count; i++) {
        if (!span_equal_text(entry->event.id, log->pending[i].id))
            continue;
        log->pending_count--;
        memmove(&log->pending[i], &log->pending[i + 1], (log->pending_count - i) * sizeof log->pending[0]);
        break;
    }
    return true;
}

/* What an append without an answer did write is taken off the list: nothing is recorded twice. */
static enum err_code settle_partition(struct decision_log *log, unsigned partition, struct err *err)
{
    int64_t from_ms = INT64_MAX;
    struct log_position at;
    enum err_code code = OK;
    for (size_t i = 0; i < log->pending_count; i++)
        if (log->pending[i].partition == partition && log->pending[i].at_ms < from_ms)
            from_ms = log->pending[i].at_ms;
    snprintf(at.text, sizeof at.text, "%lld-0", (long long)(from_ms > LOOK_BACK_MS ? from_ms - LOOK_BACK_MS : 0));
    for (int round = 0; round < LOOK_ROUNDS && code == OK; round++) {
        struct look look = { log, 0 };
        code = log->store->ops->log_range(log->store, partition, &at, LOOK_MOST, drop_written, &look, err);
        if (code == OK && look.seen == 0)
            break;
    }
    if (code == OK || code == ERR_GONE)
        log->unsure[partition % PARTITIONS] = false;
    return code == ERR_GONE ? OK : code;
}

/* Writes the pending notes of one partition; they leave the list only when the store has them. */
static enum err_code flush_partition(struct decision_log *log, unsigned partition, struct err *err)
{
    struct event events[BATCH];
    size_t count = 0, kept = 0;
    struct arena arena;
    if (log->unsure[partition % PARTITIONS]) {
        enum err_code settled = settle_partition(log, partition, err);
        if (settled != OK)
            return settled;
    }
    arena_init(&arena, 64 * 1024, 16 * 1024 * 1024);
    for (size_t i = 0; i < log->pending_count && count < BATCH; i++)
        if (log->pending[i].partition == partition && note_to_event(&log->pending[i], &arena, &events[count]))
            count++;
    enum err_code code = count > 0 ? log->store->ops->append(log->store, partition, events, count, err) : OK;
    log->unsure[partition % PARTITIONS] = code != OK;
    size_t written = code == OK ? count : 0;
    arena_done(&arena);
    for (size_t i = 0; i < log->pending_count; i++) {
        if (log->pending[i].partition == partition && written > 0)
            written--;
        else
            log->pending[kept++] = log->pending[i];
    }
    log->pending_count = kept;
    return code;
}

static enum err_code flush(struct decision_log *log, struct err *err)
{
    enum err_code code = OK;
    while (code == OK && log->pending_count > 0)
        code = flush_partition(log, log->pending[0].partition, err);
    return code;
}

static void *log_thread(void *context)
{
    struct decision_log *log = context;
    bool away = false;
    while (!log->stop || drain_rings(log)) {
        struct err err;
        struct timespec pause = { 0, FLUSH_MS * 1000000L };
        drain_rings(log);
        enum err_code code = flush(log, &err);
        if (code != OK && !away)
            log_event(log->node->log, LOG_WARN, "decisions.waiting", LOG_INT("pending", log->pending_count), LOG_ERR(&err));
        away = code != OK;
        if (log->stop && away)
            break; /* the store is gone and so are we: what waits is lost, and was never promised */
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Every node hears of every warn and deny: the device's next poll is answered with accelerate wherever it lands. */
static void hear_decision(void *context, const struct log_entry *entry)
{
    const struct decision_log *log = context;
    const struct directory *d = log->node->directory;
    if (!span_equal_text(entry->event.type, "decision.made") || span_empty(entry->event.device) ||
        span_search(entry->event.data, SPAN_LITERAL("\"outcome\":\"allow\"")) != entry->event.data.bytes)
        return;
    directory_enter(d);
    struct device_live *live = directory_live(d, entry->event.device);
    int64_t until_s = entry->event.at_ms / 1000 + ACCELERATE_S;
    if (live != NULL && live->accelerate_until_s < until_s)
        live->accelerate_until_s = until_s;
    directory_leave(d);
}

enum err_code decision_log_new(const struct node *node, struct decision_log **out, struct err *err)
{
    struct decision_log *log = calloc(1, sizeof *log);
    if (log != NULL) {
        log->node = node;
        log->filter = calloc(FILTER_SLOTS, sizeof *log->filter);
        log->pending = calloc(PENDING_MOST, sizeof *log->pending);
    }
    if (log == NULL || log->filter == NULL || log->pending == NULL) {
        decision_log_free(log);
        return err_set(err, ERR_MEMORY, "decision log");
    }
    feed_observe(node->feed, hear_decision, log);
    *out = log;
    return OK;
}

enum err_code decision_log_start(struct decision_log *log, struct err *err)
{
    enum err_code code = log->node->stores.open(log->node->stores.context, &log->store, err);
    if (code != OK)
        return err_wrap(err, "decision log");
    if (pthread_create(&log->thread, NULL, log_thread, log) != 0)
        return err_set(err, ERR_IO, "starting the decision log's thread");
    log->started = true;
    return OK;
}

void decision_log_stop(struct decision_log *log)
{
    if (log == NULL || !log->started)
        return;
    log->stop = true;
    pthread_join(log->thread, NULL);
    log->started = false;
}

void decision_log_free(struct decision_log *log)
{
    if (log == NULL)
        return;
    for (size_t i = 0; i < RINGS; i++)
        free(log->rings[i]);
    if (log->store != NULL)
        log->store->ops->free(log->store);
    free(log->pending);
    free(log->filter);
    free(log);
}
