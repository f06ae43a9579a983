/* preflight: what every request must pass before any route is looked up: framing, header and path checks that libmicrohttpd leaves to us
 * (it takes the first of two Content-Lengths, cuts a path at %00, lets header names hold spaces).
 * Pure: bytes in, verdict out. A header check is a row of the table in preflight.c.
 * Sources: RFC 9112 sections 3.2, 6 and 11.2 (request smuggling), RFC 9110 section 5, RFC 3986 section 3.3. */
#ifndef GATEWAY_HTTP_PREFLIGHT_H
#define GATEWAY_HTTP_PREFLIGHT_H
#include "gateway/http/request.h"

enum { PREFLIGHT_TARGET_BYTES = 8192, PREFLIGHT_NAME_BYTES = 64, PREFLIGHT_VALUE_BYTES = 8192 };
struct preflight_input {
    struct span method, target, version; /* of the request line, raw; version is "HTTP/1.1" */
    const struct http_header *headers;
    size_t header_count;             /* at most HTTP_MAX_HEADERS stand in `headers`; more than that is refused */
    const struct span *hosts;        /* accepted names without port; none: any well-formed one */
    size_t host_count;
    bool any_host;                   /* unix socket */
    struct span good_host;           /* a whole value of Host that passed these very checks before; may be empty */
    struct http_known_headers *known; /* filled: into `headers`; `looked` when all of them were gone through. NULL: nobody asks */
    bool good_path;                  /* what stands before the '?' of the target passed these very checks before, undecoded */
};
struct preflight {
    int status;                      /* 0: passed; else answer this and close the connection */
    const char *detail;              /* static */
    enum http_method method;         /* HTTP_METHODS: a method that no route has (PATCH, OPTIONS, ...) */
    struct span path, query;         /* path decoded into the arena; query raw */
    uint64_t content_length;         /* 0 without a body */
    bool expects_continue;           /* the client waits for 100 before it sends the body */
};
/* On a refusal path and query are set as far as they could be read, for the style of the answer. */
struct preflight preflight_run(const struct preflight_input *in, struct arena *arena);
/* 1 to REQUEST_ID_BYTES visible ASCII characters: an X-Request-ID that is taken over. */
bool preflight_request_id(struct span value);
#endif
