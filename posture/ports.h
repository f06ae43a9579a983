/* ports: what posture and the gateway ask of the outside. Upper layers fill these structs of functions.
 *
 * store: the records and the log. Every call blocks, so it is made from the slow lane, the feed, the effects or the command line,
 * never from a worker. A `struct store` is one connection and belongs to one thread. After ERR_UNAVAILABLE or ERR_TIMEOUT the same
 * object may be used again: it reconnects by itself. A commit that failed with either may have happened: the caller re-reads. */
#ifndef POSTURE_PORTS_H
#define POSTURE_PORTS_H
#include "posture/base/err.h"
#include "posture/base/buf.h"
#include "posture/event.h"

enum record_kind { RECORD_DEVICE, RECORD_PERSON, RECORD_CONTROL }; /* control: "policy", "api_keys", "enroll_secrets", "clock", ... */

struct record { enum record_kind kind; struct span id; int64_t version; struct span body; /* empty body: does not exist */ };

struct commit {
    enum record_kind kind;
    struct span id;
    int64_t expected_version;      /* 0: must not exist yet */
    struct span body;              /* the new state */
    const struct event *events;    /* at least one; the record's state travels with the last */
    size_t event_count;
    int64_t due_s;                 /* when the ladder must look at this record again; 0: never */
};

/* Where the log of one partition was read to: the stream's entry id, "0-0" for the beginning of what is left (never ERR_GONE).
 * An entry that nobody of ours wrote is handed out with the event type "log.unreadable". */
enum { LOG_POSITION_BYTES = 44 };
struct log_position { char text[LOG_POSITION_BYTES]; };
struct log_entry {
    unsigned partition;            /* store_partitions() is the control stream */
    struct log_position position;
    struct event event;
    struct record record;          /* body empty when the event carries no state */
};
typedef bool log_entry_fn(void *context, const struct log_entry *entry); /* false stops */

/* One device's refresh: same results, newer times. `times` is a JSON object check -> evaluated_s, may be empty; as a store hands it back it may be shorter:
 * "<evaluated_s>:<check>,<check>;<evaluated_s>:<check>". */
struct refresh { struct span device; int64_t seen_s; struct span times; };

struct store;
struct outbox_item { struct span id, body; int64_t due_ms; };
struct store_ops {
    void (*free)(struct store *);
    unsigned (*partitions)(const struct store *);
    /* Arithmetic alone, so callable from any thread once the store was opened. Control: partitions(). */
    unsigned (*partition_of)(const struct store *, enum record_kind, struct span id);
    /* ERR_NOT_FOUND, or the record's body appended to `body`. */
    enum err_code (*get)(struct store *, enum record_kind, struct span id, struct buf *body, int64_t *version, struct err *);
    /* One atomic step. ERR_CONFLICT: somebody else was first; re-read and try again. */
    enum err_code (*commit)(struct store *, const struct commit *, int64_t *version, struct err *);
    /* Events without a record (decisions): one atomic batch for one partition. */
    enum err_code (*append)(struct store *, unsigned partition, const struct event *, size_t count, struct err *);
    /* One write and one device.seen event for one partition. */
    enum err_code (*refresh)(struct store *, unsigned partition, const struct refresh *, size_t count, int64_t now_ms, struct err *);
    /* Claims an identifier for `owner` (d_ or p_ id). OK: ours now, or already. ERR_CONFLICT: `holder` names who has it. */
    enum err_code (*claim)(struct store *, struct span kind, struct span value, struct span owner, struct buf *holder, struct err *);
    enum err_code (*holder)(struct store *, struct span kind, struct span value, struct buf *holder, struct err *);  /* ERR_NOT_FOUND */
    enum err_code (*release)(struct store *, struct span kind, struct span value, struct span owner, struct err *);  /* only if ours */
    /* Remembers `value` for ttl_s. OK the first time; ERR_CONFLICT while it is remembered: request ids, codes, link tokens. An answer that was
     * lost leaves it remembered: the caller refuses, since used twice is worse than refused once. */
    enum err_code (*once)(struct store *, struct span kind, struct span value, int64_t ttl_s, struct err *);
    /* Whether once() remembers it now; changes nothing. */
    enum err_code (*used)(struct store *, struct span kind, struct span value, bool *used, struct err *);
    /* Every record of a kind, in no order; loads of the directory. Refreshes kept beside the records are merged into bodies'
     * meaning by the second function: `seen` is called for each device's newest refresh. */
    enum err_code (*each_record)(struct store *, enum record_kind, bool (*fn)(void *, const struct record *), void *, struct err *);
    enum err_code (*each_seen)(struct store *, bool (*fn)(void *, const struct refresh *), void *, struct err *);
    /* Both at once: every person and device, a device with its newest refresh (NULL: none). What is given is good for the time of the call. A device's body may lack its facts,
     * which the directory does not keep. */
    enum err_code (*each_state)(struct store *, bool (*fn)(void *, const struct record *, const struct refresh *), void *, struct err *);
    /* One device's newest refresh, its times appended. ERR_NOT_FOUND: none. */
    enum err_code (*seen)(struct store *, struct span device, struct buf *times, int64_t *seen_s, struct err *);
    /* The end of a partition's log now. */
    enum err_code (*log_end)(struct store *, unsigned partition, struct log_position *, struct err *);
    /* Entries after positions[i] of every partition i (0..partitions(), the last is control); waits up to wait_ms when there are
     * none; positions move on. At most `most` entries a partition. ERR_GONE when a position was trimmed away. */
    enum err_code (*log_read)(struct store *, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *, void *, struct err *);
    /* One partition, forward from `after` (exclusive) or backward from `before`; for /v1/events, explain and effects. */
    enum err_code (*log_range)(struct store *, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *, void *, struct err *);
    enum err_code (*log_range_back)(struct store *, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *, void *, struct err *);
    /* Leases: OK with a fence (grows with each new holder) and the stored cursor; ERR_CONFLICT while another node holds it. */
    enum err_code (*lease)(struct store *, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *);
    enum err_code (*unlease)(struct store *, struct span reader, unsigned partition, struct span node, struct err *);
    /* Moves the cursor and edits the reader's outbox in one step, only under the current fence (else ERR_CONFLICT).
     * An outbox item is (id, body, due_ms); body empty removes it. A NULL cursor stays where it is. */
    enum err_code (*advance)(struct store *, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                             const struct outbox_item *, size_t count, struct err *);
    /* Items due at or before now_ms, at most `most`, soonest first; due_ms INT64_MAX in `now_ms` lists all. */
    enum err_code (*outbox)(struct store *, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                            bool (*fn)(void *, const struct outbox_item *), void *, struct err *);
    /* Records (kind and id alone) whose due time is at or before now_s, soonest first; and setting one from outside a commit (only ever to an earlier time unless `force`). */
    enum err_code (*due)(struct store *, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *, struct err *);
    enum err_code (*set_due)(struct store *, enum record_kind, struct span id, int64_t due_s, bool force, struct err *);
    /* "We are alive": one write for all nodes. A silence of more than `outage_s` is appended to the control record "clock" with one
     * store.outage event, exactly once: {"pauses":[...,{"from":s,"to":s,"kind":"store_outage"}]}, other members stay. */
    enum err_code (*heartbeat)(struct store *, struct span node, int64_t now_ms, int64_t outage_ms, struct err *);
    /* Drops log entries older than `keep_ms`, never past the cursor of a reader that ever held a lease. */
    enum err_code (*trim)(struct store *, int64_t now_ms, int64_t keep_ms, struct err *);
    enum err_code (*ping)(struct store *, struct buf *about, struct err *); /* version, mode, persistence, for doctor */
};
struct store { const struct store_ops *ops; };
/* Makes another connection of the same kind, for another thread. */
struct store_factory { void *context; enum err_code (*open)(void *context, struct store **out, struct err *err); };

#endif
