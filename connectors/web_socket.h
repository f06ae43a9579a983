/* web_socket: one WebSocket to a server: opened, read and written without waiting, closed. libcurl connects and verifies (http_line.h); the wire is
 * web_socket_frame.h, as Debian 12's libcurl has none of it.
 * Thread: its owner's. Only opening waits. Source: RFC 6455. */
#ifndef CONNECTORS_WEB_SOCKET_H
#define CONNECTORS_WEB_SOCKET_H
#include "connectors/http_client.h"
#include "connectors/web_socket_frame.h"
#include "posture/base/clock.h"

enum { WEB_SOCKET_WAITING_BYTES = 256 * 1024 /* of ours that the peer has not taken yet */ };
struct web_socket_options {
    struct http_client_options http;
    const struct clock *clock;
    int64_t timeout_ms;            /* of connecting and of the upgrade, each */
};
struct web_socket;
/* `url`: wss://, or ws:// to this machine where the options allow plain http. Errors as of http_client_call() (never ERR_AMBIGUOUS), and ERR_PROTOCOL: what
 * answered is no WebSocket. */
MUST_CHECK enum err_code web_socket_open(const struct web_socket_options *options, struct span url, struct web_socket **out, struct err *err);
void web_socket_free(struct web_socket *w); /* NULL is fine; closes without a word */
/* What the peer said next, as far as it has arrived: WEB_SOCKET_NOTHING when there is no more now. Pings are answered, and reported too. What waits to be
 * sent goes on its way. ERR_GONE, ERR_UNAVAILABLE: it ended; ERR_PROTOCOL, ERR_LIMIT: the peer broke the rules, a close with the reason is on its way. */
MUST_CHECK enum err_code web_socket_hear(struct web_socket *w, struct web_socket_heard *out, struct err *err);
/* ERR_LIMIT: too much waits already; ERR_UNAVAILABLE: it ended. */
MUST_CHECK enum err_code web_socket_say(struct web_socket *w, enum web_socket_kind kind, struct span data, struct err *err);
/* The closing handshake begins; what comes may still be heard. Once. */
void web_socket_begin_close(struct web_socket *w, unsigned status);
int web_socket_descriptor(const struct web_socket *w);
bool web_socket_wants_to_write(const struct web_socket *w);
#endif
