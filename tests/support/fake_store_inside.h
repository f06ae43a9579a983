/* fake_store_inside: what the files of the fake store share. */
#ifndef TESTS_SUPPORT_FAKE_STORE_INSIDE_H
#define TESTS_SUPPORT_FAKE_STORE_INSIDE_H
#include "tests/support/fake_store.h"

#include "posture/base/arena.h"

#include <pthread.h>

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

struct fake_store *fake_of(const struct store *s);

/* fake_store.c: memory that is never short, and the lock that every call takes */
void *fake_must(void *at);
void *fake_thing(struct fake_store *f, struct list *l, size_t bytes);
struct span fake_keep(struct fake_store *f, struct span s);
void fake_forget(struct list *l, size_t i);
struct list fake_snapshot(struct fake_store *f, const struct list *l);
enum err_code fake_enter(struct fake_store *f, struct err *err);
enum err_code fake_leave(struct fake_store *f, enum err_code code);

/* fake_store_records.c */
unsigned fake_partitions(const struct store *s);
unsigned fake_partition_of(const struct store *s, enum record_kind kind, struct span id);
struct fake_record *fake_find_record(struct fake_store *f, enum record_kind kind, struct span id);
struct fake_record *fake_make_record(struct fake_store *f, enum record_kind kind, struct span id);
enum err_code fake_get(struct store *s, enum record_kind kind, struct span id, struct buf *body, int64_t *version, struct err *err);
void fake_commit_now(struct store *s, const struct commit *c, struct fake_record *r);
enum err_code fake_commit(struct store *s, const struct commit *c, int64_t *version, struct err *err);
enum err_code fake_append(struct store *s, unsigned partition, const struct event *events, size_t count, struct err *err);
enum err_code fake_refresh(struct store *s, unsigned partition, const struct refresh *all, size_t count, int64_t now_ms, struct err *err);
enum err_code fake_claim(struct store *s, struct span kind, struct span value, struct span owner, struct buf *holder, struct err *err);
enum err_code fake_holder(struct store *s, struct span kind, struct span value, struct buf *holder, struct err *err);
enum err_code fake_release(struct store *s, struct span kind, struct span value, struct span owner, struct err *err);
enum err_code fake_once(struct store *s, struct span kind, struct span value, int64_t ttl_s, struct err *err);
enum err_code fake_used(struct store *s, struct span kind, struct span value, bool *used, struct err *err);
enum err_code fake_each_record(struct store *s, enum record_kind kind, bool (*fn)(void *, const struct record *), void *context, struct err *err);
enum err_code fake_each_seen(struct store *s, bool (*fn)(void *, const struct refresh *), void *context, struct err *err);
enum err_code fake_each_state(struct store *s, bool (*fn)(void *, const struct record *, const struct refresh *), void *context, struct err *err);
enum err_code fake_seen(struct store *s, struct span device, struct buf *times, int64_t *seen_s, struct err *err);
enum err_code fake_due(struct store *s, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *context, struct err *err);
enum err_code fake_set_due(struct store *s, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err);

/* fake_store_log.c */
void fake_add_entry(struct fake_store *f, unsigned partition, const struct event *e, const struct record *record);
enum err_code fake_log_end(struct store *s, unsigned partition, struct log_position *p, struct err *err);
enum err_code fake_log_read(struct store *s, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *fn, void *context, struct err *err);
enum err_code fake_log_range(struct store *s, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *fn, void *context, struct err *err);
enum err_code fake_log_range_back(struct store *s, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *fn, void *context, struct err *err);
enum err_code fake_lease(struct store *s, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *err);
enum err_code fake_unlease(struct store *s, struct span reader, unsigned partition, struct span node, struct err *err);
enum err_code fake_advance(struct store *s, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                                  const struct outbox_item *items, size_t count, struct err *err);
enum err_code fake_outbox(struct store *s, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                                 bool (*fn)(void *, const struct outbox_item *), void *context, struct err *err);
enum err_code fake_heartbeat(struct store *s, struct span node, int64_t now_ms, int64_t outage_ms, struct err *err);
enum err_code fake_trim(struct store *s, int64_t now_ms, int64_t keep_ms, struct err *err);

#endif
