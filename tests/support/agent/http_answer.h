/* http_answer: reads one HTTP/1.1 answer from bytes as they arrive (RFC 9112), within limits:
 * 64 KiB of header, 8 MiB of body. Interim answers (1xx) are skipped. */
#ifndef AGENT_HTTP_ANSWER_H
#define AGENT_HTTP_ANSWER_H

#include "text.h"

enum { ANSWER_HEADER_MAX = 64 * 1024, ANSWER_BODY_MAX = 8 * 1024 * 1024 };

enum answer_stage { ANSWER_HEADER, ANSWER_BODY, ANSWER_CHUNK_SIZE, ANSWER_CHUNK, ANSWER_CHUNK_END, ANSWER_TRAILER,
                    ANSWER_WHOLE, ANSWER_BROKEN };

struct http_answer {
    enum answer_stage stage;
    int status;
    bool sized;           /* Content-Length was given */
    size_t left;          /* bytes of the body or chunk still to come */
    struct text line;     /* header, or one chunk-size line */
    struct text body;
    char location[1024];  /* of a redirection; empty when absent */
    const char *problem;  /* why it is broken */
};

void http_answer_init(struct http_answer *answer);
void http_answer_done(struct http_answer *answer);
void http_answer_feed(struct http_answer *answer, const char *bytes, size_t size);
/* The peer closed. `clean` says it said so (TLS close_notify, or no TLS at all): only then may a body without length end. */
void http_answer_closed(struct http_answer *answer, bool clean);

#endif
