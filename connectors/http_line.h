/* http_line: one connection of http_client's kind (TLS verified, the address judged, no proxy) on which the caller speaks himself: bytes out, bytes in.
 * Thread: that of its client; only opening waits. Source: libcurl, CURLOPT_CONNECT_ONLY. */
#ifndef CONNECTORS_HTTP_LINE_H
#define CONNECTORS_HTTP_LINE_H
#include "connectors/http_client.h"

struct http_line;
/* Connects to the URL's host. Errors as of http_client_call(); never ERR_AMBIGUOUS, as nothing is sent. */
MUST_CHECK enum err_code http_line_open(const struct http_client_options *options, struct span url, int64_t timeout_ms, struct http_line **out, struct err *err);
void http_line_free(struct http_line *l); /* NULL is fine; closes */
/* What goes at once; *sent may be 0. ERR_UNAVAILABLE: the connection is gone. */
MUST_CHECK enum err_code http_line_send(struct http_line *l, struct span bytes, size_t *sent, struct err *err);
/* What is there; *got may be 0: nothing now. ERR_GONE: the peer has closed it; ERR_UNAVAILABLE: it broke. TLS may hold back bytes, so wait on the
 * descriptor only after a 0. */
MUST_CHECK enum err_code http_line_receive(struct http_line *l, char *at, size_t room, size_t *got, struct err *err);
int http_line_descriptor(const struct http_line *l);
#endif
