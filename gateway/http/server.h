/* server: the only module that calls libmicrohttpd (server.c and server_*.c): limits, preflight, body, suspend and resume, TLS.
 * One server a listener and worker, SO_REUSEPORT, driven by the worker's loop (external epoll). Never blocks.
 * Thread: made anywhere; once the loop runs, every call is made on its thread. */
#ifndef GATEWAY_HTTP_SERVER_H
#define GATEWAY_HTTP_SERVER_H
#include "gateway/http/router.h"
#include "posture/base/loop.h"

struct server_options {
    struct span address;            /* "127.0.0.1:8443", "[::1]:8443", "0.0.0.0:8443", or a unix socket path for LISTENER_SOCKET */
    unsigned kinds;                 /* enum listener_kind bits this listener carries */
    struct span certificate_pem, key_pem; /* empty: plain HTTP */
    struct span client_ca_pem;      /* asks for a client certificate; on the device listener node->device_certificates checks it, elsewhere this CA alone */
    unsigned connections;           /* limit, default 10,000. Near it the connections that have been idle longest are ended */
    unsigned connections_per_address; /* limit for each address that is no trusted proxy; 0: none */
    int64_t idle_timeout_s, request_timeout_ms; /* 30, 20,000: a slow body is answered 408 after the second, however it trickles */
    int64_t slow_timeout_ms;        /* 30,000: the slow lane has that long, then 503 */
    bool shared;                    /* another worker of ours listens there too; else somebody there is an error */
    const struct span *hosts; size_t host_count; /* accepted Host names; 0: any */
};
struct server;
/* Binds and starts. ERR_IO when the address is taken, with the address in the text. Port 0 picks one; server_port() tells. Borrows node, loop and
 * the texts of the options. Zero limits and timeouts mean the defaults. A NULL worker (tests) has no slow lane. */
MUST_CHECK enum err_code server_new(const struct node *node, struct worker *worker, struct loop *loop, const struct server_options *options, struct server **out, struct err *err);
unsigned server_port(const struct server *s);
void server_quiesce(struct server *s);  /* stops accepting, ends streams; open requests go on, their connections close after the answer */
bool server_idle(const struct server *s); /* no request is open */
void server_abort(struct server *s);    /* answers 503 to whoever waits for the slow lane; their jobs finish later and are dropped */
void server_free(struct server *s);     /* ends what is still open; jobs in the slow lane finish later and are dropped. NULL is fine */

#endif
