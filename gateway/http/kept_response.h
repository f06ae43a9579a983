/* kept_response: answers that libmicrohttpd holds ready. It makes a response anew for each answer, with three allocations a header; but answers of one route differ in
 * what stands in them, not in their shape: the names of the headers, how long each value is, how long the body is. A response of a known shape is filled again.
 * That its texts may be written over while it is not in use is not in libmicrohttpd's manual; it holds from 0.9.75 to 1.0, and with another nothing is kept.
 * Thread: a worker's. */
#ifndef GATEWAY_HTTP_KEPT_RESPONSE_H
#define GATEWAY_HTTP_KEPT_RESPONSE_H
#include "posture/base/span.h"

#include <microhttpd.h>

enum { KEPT_HEADERS = 24, KEPT_SETS = 16, KEPT_WAYS = 4, KEPT_BODY_BYTES = 64 * 1024 };
struct reply_header { const char *name; /* static */ struct span value; bool fixed; /* the value is a static text, too: the same address is the same text */ };
struct kept_response;
struct kept_responses { struct kept_response *all[KEPT_SETS][KEPT_WAYS]; unsigned next; bool off; };
void kept_responses_init(struct kept_responses *k);

/* A response with these headers and this body, ready to be queued; NULL when none can be kept for it: then the caller makes its own. Headers are copied, and
 * so is a short body; a long one is borrowed until kept_response_return(), the end of the request. It is in use until kept_response_return(). */
struct kept_response *kept_response_take(struct kept_responses *k, const struct reply_header *headers, size_t count, struct span body);
struct MHD_Response *kept_response_mhd(const struct kept_response *kept);
/* libmicrohttpd has reported the end of the request. NULL is fine. */
void kept_response_return(struct kept_response *kept);
/* Frees all of them; none may be in use. */
void kept_responses_done(struct kept_responses *k);
/* The plain way: a response of its own, which the caller destroys. The body is copied, or borrowed until the end of the request. NULL when memory is short. */
struct MHD_Response *response_make(const struct reply_header *headers, size_t count, struct span body, bool copied);
/* A header that cannot be added is left out. */
void response_add_headers(struct MHD_Response *to, const struct reply_header *headers, size_t count);
#endif
