/* redis_parts: what the files of the store share: redis_store.c (records, claims), redis_walk.c (all of them), redis_log.c (the log), redis_work.c (leases, due times, time). */
#ifndef CONNECTORS_STORE_REDIS_PARTS_H
#define CONNECTORS_STORE_REDIS_PARTS_H
#include "connectors/store/redis_body.h"
#include "connectors/store/redis_connection.h"
#include "posture/ports.h"

struct redis_store {
    struct store store;
    struct redis_connection *connection;
    unsigned partitions;
    unsigned read_most;           /* entries a partition in one log_read; shrinks while answers are large */
    unsigned checked_generation;  /* of the connection whose log was seen to reach as far as our positions */
    struct redis_key *logs, *trimmed; /* of every partition, made by the first log_read */
    struct redis_body body, log_body; /* of records; of what the log carries, which is read beside */
};
static inline struct redis_store *redis_store_of(struct store *s) { return (struct redis_store *)(void *)s; }

/* A key, for the time of one call. */
#define REDIS_LOG(s, partition) redis_key_of((s)->partitions, (partition), REDIS_KEY_LOG)
enum err_code redis_parts_partition(const struct redis_store *s, unsigned partition, struct err *err); /* ERR_INPUT when there is no such */
/* A record's value, "<version>\n<body>"; false when it is none. */
bool redis_parts_value(struct span value, int64_t *version, struct span *body);

/* Events as JSON texts, one after the other. */
struct event_texts { struct buf text; size_t *ends; size_t count, room; };
enum { EVENT_TEXTS_MOST = 4096, EVENT_TEXTS_BYTES = 64 * 1024 * 1024 };
enum err_code event_texts_init(struct event_texts *t, size_t room, struct err *err);
void event_texts_done(struct event_texts *t);
MUST_CHECK enum err_code event_texts_add(struct event_texts *t, const struct event *e, struct err *err);
/* Adds them to the command being built. */
void event_texts_words(const struct event_texts *t, struct redis_connection *c);

enum err_code redis_walk_each_record(struct store *s, enum record_kind kind, bool (*fn)(void *, const struct record *), void *context, struct err *err);
enum err_code redis_walk_each_seen(struct store *s, bool (*fn)(void *, const struct refresh *), void *context, struct err *err);
enum err_code redis_walk_each_state(struct store *s, bool (*fn)(void *, const struct record *, const struct refresh *), void *context, struct err *err);
enum err_code redis_walk_seen(struct store *s, struct span device, struct buf *times, int64_t *seen_s, struct err *err);

enum err_code redis_log_append(struct store *s, unsigned partition, const struct event *events, size_t count, struct err *err);
enum err_code redis_log_end(struct store *s, unsigned partition, struct log_position *p, struct err *err);
enum err_code redis_log_read(struct store *s, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *fn, void *context, struct err *err);
enum err_code redis_log_range(struct store *s, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *fn, void *context, struct err *err);
enum err_code redis_log_range_back(struct store *s, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *fn, void *context, struct err *err);
enum err_code redis_log_trim(struct store *s, int64_t now_ms, int64_t keep_ms, struct err *err);
bool redis_log_is_position(const struct log_position *p);

enum err_code redis_work_lease(struct store *s, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *err);
enum err_code redis_work_unlease(struct store *s, struct span reader, unsigned partition, struct span node, struct err *err);
enum err_code redis_work_advance(struct store *s, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                                 const struct outbox_item *items, size_t count, struct err *err);
enum err_code redis_work_outbox(struct store *s, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                                bool (*fn)(void *, const struct outbox_item *), void *context, struct err *err);
enum err_code redis_work_due(struct store *s, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *context, struct err *err);
enum err_code redis_work_set_due(struct store *s, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err);
enum err_code redis_work_heartbeat(struct store *s, struct span node, int64_t now_ms, int64_t outage_ms, struct err *err);
enum err_code redis_work_ping(struct store *s, struct buf *about, struct err *err);

#endif
