/* effects: what the log causes outside. One thread per reader: the ladder, the archive, Slack, each webhook; each with its own store connection.
 *
 * A reader takes a fenced lease on every partition it can get (nodes share them), reads the partition's log from its stored cursor, handles
 * the entries in order and moves the cursor together with its outbox in one step. What is to be sent goes through the outbox, so a
 * destination that fails holds nothing back; items are tried again with growing, random pauses and set aside after 24 hours or 20 tries.
 * Recorded exactly once; webhooks at least once with a stable id; people at most once. */
#ifndef GATEWAY_EFFECTS_H
#define GATEWAY_EFFECTS_H
#include "connectors/notify/email.h"
#include "connectors/notify/slack.h"
#include "connectors/notify/webhook.h"
#include "gateway/archive_folder.h"
#include "gateway/effects_marker.h"
#include "gateway/effects_okta.h"
#include "gateway/node.h"

enum { EFFECTS_MAX_WEBHOOKS = 32, EFFECTS_TRIES = 20, EFFECTS_AGE_MS = 24 * 3600 * 1000, EFFECTS_LEASE_MS = 5000, EFFECTS_ERROR_BYTES = 256,
       EFFECTS_WAITING_MOST = 10000 /* of one reader and partition, and as many set aside */ };
/* The due time of what was set aside: later than all times, and exact in a double, as the store sorts by one. */
#define EFFECTS_SET_ASIDE_MS INT64_C(9007199254740991)

struct effects_options {
    const struct slack_options *slack;           /* NULL: no Slack */
    const struct email_options *email;           /* NULL: no e-mail */
    const struct archive_options *archive;       /* NULL: the log is not archived */
    const struct webhook_options *webhooks; size_t webhook_count; /* ids must differ */
    /* node->managers each get a reader too. */
    const struct okta_options *okta;             /* NULL: nothing is closed at Okta */
    const struct marker_options *marker;         /* NULL: nobody's status is set */
};
/* Registers with node->feed (when there is one), so before feed_start(). Options are copied. ERR_INPUT names the option at fault. */
MUST_CHECK enum err_code effects_new(const struct node *node, const struct effects_options *options, struct effects **out, struct err *err);
MUST_CHECK enum err_code effects_start(struct effects *e, struct err *err);
void effects_stop(struct effects *e);            /* finishes the calls under way (at most 10 s), gives the leases back, joins */
void effects_free(struct effects *e);
/* One round of every reader on the calling thread (registered with the directory), instead of effects_start(): for stories under a fake clock. */
void effects_round(struct effects *e);

/* What waits or was set aside. Spans are valid during the call. */
struct delivery {
    struct span destination;                     /* "slack", "email", "okta", "webhook:<id>" */
    struct span id, type, person;                /* of the event that is to be told; type may be empty */
    bool set_aside;
    struct span error;                           /* of the last try; empty: not tried yet */
    unsigned tries;
    int64_t first_ms, due_ms;
};
/* Any thread with a store of its own. */
MUST_CHECK enum err_code effects_deliveries(const struct effects *e, struct store *store, bool (*fn)(void *context, const struct delivery *), void *context, struct err *err);
/* Asks whoever holds the lease to send it now: one event admin.resend in the log. `by`: "admin:root". ERR_NOT_FOUND. */
MUST_CHECK enum err_code effects_resend(const struct effects *e, struct store *store, struct span id, struct span by, struct err *err);

/* Where this node writes the archive; NULL: nowhere. Borrowed until effects_free(). Any thread; `e` may be NULL. */
const char *effects_archive_folder(const struct effects *e);

/* For metrics and doctor; any thread. */
struct effects_destination {
    char name[WEBHOOK_ID_BYTES + 16];
    bool stopped;                                /* nothing is sent until what `why` says has been mended */
    char why[EFFECTS_ERROR_BYTES];               /* the last failure; empty after a success */
    int64_t failing_s;                           /* since when nothing but failures, wall; 0: the last one worked */
    unsigned waiting, set_aside;                 /* in the partitions that this node holds */
};
/* Whether a destination of that name is there and stopped. Any thread. */
bool effects_is_stopped(const struct effects *e, const char *name);
/* Writes up to `most`; returns how many there are. Socket Mode is among them, as what people click comes by it. */
size_t effects_destinations(struct effects *e, struct effects_destination *out, size_t most);
/* What the configuration and the policy in force do not agree about, a sentence each. Between directory_enter() and directory_leave(). */
void effects_warnings(const struct effects *e, const struct policy *policy, void (*say)(void *context, struct span text), void *context);

#endif
