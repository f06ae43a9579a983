/* http_client: one blocking call to a vendor or receiver: deadline, size limit, no redirects, no proxy, no surprise addresses.
 * https only, except plain http to a loopback address where that was allowed. The address that is judged is the address that
 * is connected to, so a name that changes its mind between look-up and connection gains nothing.
 * Thread: a client belongs to one thread. Never call it from a worker. Whoever starts threads calls http_client_global_start() before. */
#ifndef CONNECTORS_HTTP_CLIENT_H
#define CONNECTORS_HTTP_CLIENT_H
#include "posture/base/buf.h"

enum { HTTP_CLIENT_MAX_FIELDS = 16, HTTP_CLIENT_MAX_ALLOW = 64, HTTP_CLIENT_URL_BYTES = 4096, HTTP_CLIENT_CONNECT_MS = 3000 };

struct http_client_options {
    bool allow_loopback_http;          /* http:// and https:// to 127.0.0.0/8 and ::1: tests, a relay on this machine */
    bool allow_private;                /* RFC 1918, 100.64.0.0/10 and unique local addresses; never link-local (cloud metadata) */
    const struct span *allow; size_t allow_count; /* the operator's CIDRs, for https: they win over every refusal; at most HTTP_CLIENT_MAX_ALLOW */
    struct span ca_file;               /* PEM file to trust instead of the system's; empty: the system's */
    /* Called about once a second while a call waits; keeps a lease alive. False ends the call. May be NULL. */
    bool (*tick)(void *context);
    void *tick_context;
};
struct http_field { const char *name; struct span value; };
/* A header field of the answer that the caller wants to see. What it has is appended to `value`; several of that name are joined with ", "
 * (RFC 9110 section 5.3). One too long for the buf marks it as failed and harms nothing else. */
struct http_wanted { const char *name; struct buf *value; };
struct http_call {
    const char *method;                /* "GET", "POST", "PUT", "PATCH" or "DELETE" */
    struct span url;
    const struct http_field *fields; size_t field_count;
    struct span body;                  /* of all but GET; may be empty */
    const struct http_wanted *wanted; size_t wanted_count;
    int64_t timeout_ms;                /* of the whole call */
    size_t most_bytes;                 /* of the answer's body */
    /* Asked when the connection stands, right before the request is written. False: nothing is sent, ERR_UNAVAILABLE. May be NULL. */
    bool (*may_leave)(void *context);
    void *may_leave_context;
    bool reuse;                        /* may use an open connection: only for what may be sent twice, as libcurl repeats a call on a connection that died */
};
struct http_reply {
    long status;
    int64_t retry_after_s;             /* -1: the answer has none; dates and nonsense count as none */
    struct buf body;                   /* its limit is most_bytes; http_reply_done() */
};

struct http_client;
/* Once, before threads. */
MUST_CHECK enum err_code http_client_global_start(struct err *err);
/* Copies the options. ERR_INPUT for a CIDR that is none. */
MUST_CHECK enum err_code http_client_new(const struct http_client_options *options, struct http_client **out, struct err *err);
void http_client_free(struct http_client *c);
/* OK for every complete answer, whatever its status. Else nothing is in `reply`, and:
 * ERR_INPUT the URL or a header is not usable; ERR_DENIED the address is not allowed; ERR_UNAVAILABLE nothing was sent;
 * ERR_AMBIGUOUS the request, or a part, left and no complete answer came; ERR_LIMIT the answer is longer than most_bytes (it was handled there). */
MUST_CHECK enum err_code http_client_call(struct http_client *c, const struct http_call *call, struct http_reply *reply, struct err *err);
void http_reply_done(struct http_reply *reply);
/* Whether the URL could be called with these options, as far as its text tells: for start-up and `postern check`. */
MUST_CHECK enum err_code http_client_check_url(const struct http_client_options *options, struct span url, struct err *err);
/* Percent-encodes all but unreserved characters (RFC 3986), as in a query or form value. */
bool http_client_encode(struct span value, struct buf *out);

/* A date of RFC 9110 section 5.6.7 as seconds since 1970; false for anything else. */
bool http_client_date(struct span text, int64_t *wall_s);

/* Where an address lies; exported for its table of cases. Mapped, compatible, NAT64 and 6to4 forms count as the IPv4 address in them. */
enum http_address { HTTP_ADDRESS_PUBLIC, HTTP_ADDRESS_LOOPBACK, HTTP_ADDRESS_PRIVATE, HTTP_ADDRESS_FORBIDDEN };
struct sockaddr;
enum http_address http_address_kind(const struct sockaddr *address);

#endif
