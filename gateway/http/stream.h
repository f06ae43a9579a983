/* stream: an answer made piece by piece. `next` fills up to `room` bytes and says how many; 0 with *done false: nothing yet, the connection sleeps
 * until http_stream_wake(). Called on the connection's worker only; wake is safe from any thread until `free` was called.
 * A stream of text/event-stream says "nothing yet" only between two events: there the server puts a comment line every 15 s, which keeps
 * proxies from closing it and finds out who has gone. */
#ifndef GATEWAY_HTTP_STREAM_H
#define GATEWAY_HTTP_STREAM_H
#include "posture/base/span.h"
struct http_stream {
    size_t (*next)(struct http_stream *, char *at, size_t room, bool *done);
    void (*free)(struct http_stream *);   /* the connection is over; also called when it never started */
    void (*woken)(struct http_stream *);  /* called by http_stream_wake() on its caller's thread; may be NULL */
    _Atomic(void *) connection;           /* the server's */
};
/* Fine before the connection is bound (connection NULL): then only woken() runs. */
void http_stream_wake(struct http_stream *s);
#endif
