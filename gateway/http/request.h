/* request: spans over method, path, headers and body of one HTTP request; owns the arena everything about it lives in.
 * Made by http/server after the preflight passed; a handler reads it and fills a response. Texts are untrusted bytes.
 * Thread: one at a time (the worker, or the slow lane while the connection is suspended). */
#ifndef GATEWAY_HTTP_REQUEST_H
#define GATEWAY_HTTP_REQUEST_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"
#include "posture/directory.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_METHODS };
enum listener_kind { LISTENER_PUBLIC = 1, LISTENER_DEVICE = 2, LISTENER_INTERNAL = 4, LISTENER_ADMIN = 8, LISTENER_SOCKET = 16 };
enum { HTTP_MAX_HEADERS = 64, HTTP_MAX_PARAMS = 4, REQUEST_ID_BYTES = 64 };

struct http_header { struct span name, value; };
/* Headers that every request is looked through for, once, by http/preflight: they may stand once only. In the order of http_known_names. */
enum http_known { HEADER_HOST, HEADER_CONTENT_LENGTH, HEADER_AUTHORIZATION, HEADER_CONTENT_TYPE, HEADER_TRANSFER_ENCODING, HEADER_EXPECT, HEADER_CONTENT_ENCODING,
                  HEADER_COOKIE, HEADER_DPOP, HEADER_X_REQUEST_ID, HEADER_LAST_EVENT_ID, HEADER_ORIGIN, HEADER_X_POSTERN_PERSON, HEADER_X_FORWARDED_HOST,
                  HEADER_X_FORWARDED_PROTO, HEADER_X_FORWARDED_URI, HEADER_CLIENT_CERT, HEADER_X_SSL_CLIENT_CERT, HEADER_X_SSL_CLIENT_SHA256, HTTP_KNOWN };
extern const struct span http_known_names[HTTP_KNOWN];
struct http_known_headers { bool looked; const struct http_header *at[HTTP_KNOWN]; /* NULL: absent */ };
/* Who asks, once known: by API key, by the admin socket's peer uid, by an access token, or by a client certificate. */
struct caller {
    enum { CALLER_NONE, CALLER_API_KEY, CALLER_SOCKET, CALLER_TOKEN, CALLER_CERTIFICATE } kind;
    struct span id;                 /* key id, "uid:0", "<issuer>:<client>", or the row in `callers` */
    struct span label;              /* the key's; the token's subject; the certificate's subject */
    unsigned scopes;                /* enum api_scope */
    struct span door;               /* id of the door that an API key was made for; empty: none */
};

struct node; struct worker; struct key_memory; struct store; struct decision_ring; struct mailbox;
struct http_request {
    struct arena *arena;
    const struct node *node;
    struct worker *worker;          /* NULL in the slow lane */
    struct mailbox *reply;          /* of the worker whose connection this is: where slow jobs of a stream answer to */
    struct store *store;            /* the slow lane thread's connection; NULL on a worker */
    struct key_memory *keys;        /* of the worker; NULL: every key is looked up (gateway/http/auth.h) */
    struct decision_ring *decisions; /* where this thread's decisions go; NULL: not recorded */
    enum http_method method;
    enum listener_kind listener;    /* one bit */
    struct span path;               /* decoded, checked, starts with '/' */
    struct span query;              /* raw, after '?', may be empty */
    struct span params[HTTP_MAX_PARAMS]; /* what {..} of the route matched */
    const struct http_header *headers; size_t header_count; /* names as sent */
    struct http_known_headers known; /* those of them that are known, once the preflight has passed */
    struct span body;               /* whole, within the route's limit; inflated already where the route allows gzip */
    struct span peer;               /* text of the peer's address, "unix" on the socket */
    bool trusted_proxy;             /* the peer is in trusted_proxies */
    bool tls;
    struct span client_certificate;  /* DER; shown to this very listener over TLS and verified against listen.device.client_ca; empty: none, or refused */
    const char *client_certificate_refused; /* why the one that was shown is not believed, one static word ("expired"); NULL */
    char id[REQUEST_ID_BYTES + 1];  /* the caller's X-Request-ID when acceptable, else ours */
    struct caller caller;
    int64_t now_ms, now_s;          /* wall time, fixed once for the request */
};

/* Everything that borrows from the connection (headers) is copied into the arena, so that another thread may read it. ERR_LIMIT or ERR_MEMORY. */
MUST_CHECK enum err_code request_detach(struct http_request *r, struct err *err);
/* First header of that name (case folded), empty span when absent. */
const struct http_header *request_find_header(const struct http_request *r, struct span name); /* NULL: absent */
static inline struct span request_header(const struct http_request *r, const char *name)
{
    const struct http_header *h = request_find_header(r, span_of(name));
    return h != NULL ? h->value : SPAN_NONE;
}
/* One of the known ones, at once. */
const struct http_header *request_find_known(const struct http_request *r, enum http_known which); /* NULL: absent */
static inline struct span request_known(const struct http_request *r, enum http_known which)
{
    const struct http_header *h = request_find_known(r, which);
    return h != NULL ? h->value : SPAN_NONE;
}
static inline bool request_has_header(const struct http_request *r, const char *name) { return request_find_header(r, span_of(name)) != NULL; }
/* Value of a query parameter, percent-decoded into the arena. ERR_NOT_FOUND when absent; ERR_INPUT when malformed or given twice. */
MUST_CHECK enum err_code request_query(const struct http_request *r, const char *name, struct span *out, struct err *err);
/* Same for a form body (application/x-www-form-urlencoded). */
MUST_CHECK enum err_code request_form(const struct http_request *r, const char *name, struct span *out, struct err *err);
/* The media type of Content-Type equals `type` (parameters ignored, case folded). */
bool request_is_type(const struct http_request *r, const char *type);

#endif
