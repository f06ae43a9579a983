/* webhook: signed events out to a receiver of the operator's. Blocks; one object belongs to one thread.
 * Postern-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex under the older secret>], HMAC-SHA-256 over "<t>.<body>". docs/webhooks.md. */
#ifndef CONNECTORS_NOTIFY_WEBHOOK_H
#define CONNECTORS_NOTIFY_WEBHOOK_H
#include "connectors/http_client.h"

enum { WEBHOOK_CALL_MS = 10000, WEBHOOK_ANSWER_BYTES = 64 * 1024, WEBHOOK_SIGNATURE_BYTES = 192, WEBHOOK_ID_BYTES = 64, WEBHOOK_SECRET_BYTES = 256,
       WEBHOOK_MIN_SECRET_BYTES = 16 };

struct webhook_options {
    struct span id, url;               /* id: [a-z0-9-]{1,48}, stays the same while the receiver does */
    const struct span *events; size_t event_count; /* exact types, or prefixes as "person.*", or "*"; none: everything but device.seen */
    struct span secrets[2];            /* the present one, and while it rolls the older one (else empty) */
    bool allow_private;                /* the receiver may be on this machine (then also plain http) or a private network */
    const struct span *allow; size_t allow_count; /* networks that are allowed by the operator's list */
    struct span ca_file;
    bool (*tick)(void *context);
    void *tick_context;
};
enum webhook_outcome { WEBHOOK_DONE, WEBHOOK_LATER, WEBHOOK_GONE /* 410: the receiver wants nothing more */ };
/* `away`: the receiver as a whole does not answer, not only for this event. */
struct webhook_result { enum webhook_outcome outcome; bool away; int64_t retry_after_s; char error[96]; };

struct webhook;
MUST_CHECK enum err_code webhook_new(const struct webhook_options *options, struct webhook **out, struct err *err);
void webhook_free(struct webhook *w);
struct webhook_result webhook_send(struct webhook *w, struct span event_id, struct span body, int64_t now_s);
/* Whether a filter of these wants the type. */
bool webhook_wants(const struct span *events, size_t count, struct span type);
/* The header's value. `secrets[1]` may be empty. */
void webhook_sign(const struct span secrets[2], int64_t now_s, struct span body, char out[WEBHOOK_SIGNATURE_BYTES]);

#endif
