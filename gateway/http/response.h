/* response: the answer a handler fills. Status, headers, body; the server adds Date, lengths, the security headers and X-Request-ID. */
#ifndef GATEWAY_HTTP_RESPONSE_H
#define GATEWAY_HTTP_RESPONSE_H
#include "posture/base/buf.h"
#include "posture/base/to_json.h"

enum { RESPONSE_MAX_HEADERS = 16, RESPONSE_MAX_BYTES = 8 * 1024 * 1024 };
struct http_stream;                 /* a long answer made piece by piece (server-sent events), see http/stream.h */
struct http_response {
    int status;                     /* 200 unless set */
    const char *content_type;       /* static text; NULL: application/json */
    struct { const char *name; struct span value; } headers[RESPONSE_MAX_HEADERS]; /* values live in the request's arena or are static */
    size_t header_count;
    struct buf body;                /* limit RESPONSE_MAX_BYTES */
    bool cacheable;                 /* false: Cache-Control: no-store */
    struct http_stream *stream;     /* takes over after the headers; NULL */
    struct span decision;           /* id, for request.done */
};
/* Asserted when too many or when the value has CR, LF or NUL (handlers check foreign text before). */
void response_header(struct http_response *res, const char *name, struct span value);
void response_text(struct http_response *res, int status, const char *content_type, struct span body);
/* Starts a JSON body: to_json_init on res->body. */
struct to_json response_json(struct http_response *res, int status);
void response_redirect(struct http_response *res, int status, struct span location);

#endif
