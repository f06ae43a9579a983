/* effects_reader: one reader of the log with its leases, cursors and outboxes; what it does with an entry or an item is its struct reader_ops.
 * Internal to effects. Everything here belongs to the reader's thread, except reader_wake(), reader_request_stop() and reader_describe(). */
#ifndef GATEWAY_EFFECTS_READER_H
#define GATEWAY_EFFECTS_READER_H
#include "gateway/effects.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READER_PARTITIONS = 1025, READER_BATCH = 64, READER_NAME_BYTES = WEBHOOK_ID_BYTES + 16, ITEM_BODY_BYTES = 512 * 1024 };

/* An entry of the log, copied: valid until the batch is done. */
struct reader_entry {
    unsigned partition;
    struct log_position position;
    struct event event;
    enum record_kind kind; struct span record; int64_t version; bool has_record;
    struct span body;                      /* of the record, for readers with `bodies`; else empty */
};

/* An item of the outbox, decoded. */
struct effects_item {
    struct span id, type, person, error, payload;
    int64_t first_ms, due_ms;
    int64_t begun_ms, ended_ms;            /* of the newest send, wall: announced; its call came to an end that does not tell (0: nobody saw its end) */
    unsigned tries, sends, reads, resends; /* sends: posts begun; reads: clean read-backs since the last; resends: posts repeated after one */
    bool set_aside, unclear, asked;        /* unclear: a post was begun and its end is not known; asked: an admin wants it sent */
};
bool effects_item_write(const struct effects_item *item, struct buf *out);
/* Borrows from `body` by way of `arena`. */
MUST_CHECK enum err_code effects_item_read(struct span id, struct span body, int64_t due_ms, struct arena *arena, struct effects_item *out, struct err *err);

enum item_end { ITEM_DONE, ITEM_LATER, ITEM_GIVEN_UP };
/* How a try ended. after_ms < 0: by the number of tries. */
struct item_result { enum item_end end; int64_t after_ms; bool counts; /* as a try */ };

struct reader;
struct reader_ops {
    /* Before the first round, on the reader's thread. */
    enum err_code (*open)(void *self, struct reader *r, struct err *err);
    /* In log order. An error of the store (out of reach, conflict) leaves the cursor before the entry; any other is logged and passed over. */
    enum err_code (*entry)(void *self, struct reader *r, const struct reader_entry *e, struct err *err);
    /* After some entries of a partition and before the cursor passes them: may queue one more item. Failing leaves the cursor; NULL: nothing to settle. */
    enum err_code (*settle)(void *self, struct reader *r, unsigned partition, struct err *err);
    enum err_code (*tick)(void *self, struct reader *r, unsigned partition, struct err *err); /* every round for each partition held; may be NULL */
    struct item_result (*send)(void *self, struct reader *r, unsigned partition, struct effects_item *item); /* one due item; may edit it; NULL: no outbox */
    /* An item that is due while nothing can be sent: every one while the reader is stopped, and those that are too old while it pauses. NULL: those that are
     * too old are set aside, the others wait. */
    struct item_result (*unsendable)(void *self, struct reader *r, unsigned partition, struct effects_item *item);
    void (*free)(void *self);
    bool bodies; /* entries carry the record's new state */
};

struct reader_partition {
    bool held, dirty_outbox, count_again;
    bool fresh;                           /* never read before by anybody, and its end was not reached yet */
    int64_t fence, renew_ms, poll_ms;     /* monotonic */
    int64_t next_item_ms;                 /* wall; INT64_MAX: none */
    unsigned waiting, set_aside;          /* waiting: at least so many as there are, exact after a count and whenever none is left */
    int64_t counted_ms;                   /* monotonic */
    struct log_position cursor;
    _Atomic bool grown;                   /* the feed saw an entry */
};
struct reader {
    const struct node *node;
    const struct reader_ops *ops;
    void *self;
    char name[READER_NAME_BYTES], holder[32]; /* holder: this process, the same for its readers */
    struct store *store;
    struct reader_partition *partitions;
    unsigned partition_count;             /* control included */
    int64_t wait_ms;                      /* between rounds when nothing wakes it */
    int64_t pause_until_ms;               /* monotonic: nothing is sent before */
    unsigned failures;                    /* in a row, of the destination as a whole */
    bool opened;
    struct arena arena, item_arena;       /* of a batch, of one item's try */
    struct outbox_item edits[READER_BATCH * 2 + 1];
    size_t edit_count;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    pthread_mutex_t lock;                 /* guards `awake`, `stopped`, `why`, `failing_s`: read and set from other threads, held for a few loads */
    pthread_cond_t wake;
    bool awake, stopped;
    char why[EFFECTS_ERROR_BYTES];
    int64_t failing_s;                    /* wall: since the first failure in a row; 0: none. Under `lock`, as `why` */
    _Atomic unsigned waiting, set_aside;
};

MUST_CHECK enum err_code reader_new(const struct node *node, const char *name, const char *holder, const struct reader_ops *ops, void *takes_self, int64_t wait_ms, struct reader **out, struct err *err);
void reader_free(struct reader *r);
MUST_CHECK enum err_code reader_start(struct reader *r, struct err *err);
void reader_request_stop(struct reader *r);
void reader_join(struct reader *r);
void reader_round(struct reader *r);
void reader_wake(struct reader *r, unsigned partition);
void reader_describe(struct reader *r, struct effects_destination *out);

/* For ops. Renews the leases that need it; call it at least once a second in long work. False once the reader shall stop. */
bool reader_keep(void *reader);
/* Adds an item with the entry's move of the cursor. Due at `due_ms`. */
MUST_CHECK enum err_code reader_queue(struct reader *r, const struct effects_item *item, struct err *err);
/* Writes an item as it is now, at once, under the fence: before a call that must be known to have begun. */
MUST_CHECK enum err_code reader_store_item(struct reader *r, unsigned partition, const struct effects_item *item, struct err *err);
/* Whether the partition's lease cannot have run out yet: by this process's own clock, counted from before it was last asked for. */
bool reader_holds(const struct reader *r, unsigned partition);
/* Nothing is sent any more until reader_resume(), or until the process starts with another configuration. */
void reader_stop_sending(struct reader *r, const char *why);
void reader_resume(struct reader *r);
bool reader_is_stopped(struct reader *r);
void reader_pause(struct reader *r, int64_t ms);
/* The destination as a whole failed or worked. Three failures in a row pause it, longer each time. */
void reader_note_failure(struct reader *r, const char *why);
void reader_note_success(struct reader *r);
/* 1 s, doubled with each try, at most 5 min; a random part of it (full jitter, at least 100 ms). */
int64_t reader_backoff_ms(unsigned tries);
bool reader_is_store_trouble(enum err_code code);

/* The readers. Each returns a `self` and its ops. */
MUST_CHECK enum err_code effects_slack_new(const struct node *node, const struct slack_options *options, const struct reader_ops **ops, void **self, struct err *err);
MUST_CHECK enum err_code effects_archive_new(const struct node *node, const struct archive_options *options, const struct reader_ops **ops, void **self, struct err *err);
MUST_CHECK enum err_code effects_email_new(const struct node *node, const struct email_options *options, const struct reader_ops **ops, void **self, struct err *err);
struct managers; struct manager;
/* Borrows both. */
MUST_CHECK enum err_code effects_mdm_new(const struct node *node, const struct managers *managers, const struct manager *manager, const struct reader_ops **ops, void **self, struct err *err);
MUST_CHECK enum err_code effects_okta_new(const struct node *node, const struct okta_options *options, const struct reader_ops **ops, void **self, struct err *err);
MUST_CHECK enum err_code effects_marker_new(const struct node *node, const struct marker_options *options, const struct reader_ops **ops, void **self, struct err *err);
MUST_CHECK enum err_code effects_webhook_new(const struct node *node, const struct webhook_options *options, const struct reader_ops **ops, void **self, struct err *err);
#endif
