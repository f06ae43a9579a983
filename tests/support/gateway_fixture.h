/* gateway_fixture: a worker with real listeners on loopback, serving routes that a test gives, and a client that sends bytes exactly as they
 * are written down: well-behaved libraries cannot be made to misbehave. Failures abort the test (cmocka). */
#ifndef TESTS_SUPPORT_GATEWAY_FIXTURE_H
#define TESTS_SUPPORT_GATEWAY_FIXTURE_H
#include "gateway/node.h"
#include "gateway/slow_lane.h"
#include "gateway/worker.h"

struct gateway_fixture {
    struct node node;
    struct log log;
    struct route_table table;
    const struct route_table *tables[1];
    struct router router;
    struct worker *worker;
    char folder[64], socket_path[96]; /* of the admin socket */
    struct buf certificate, key;
};
enum fixture_listener { FIXTURE_PLAIN, FIXTURE_TLS, FIXTURE_SOCKET, FIXTURE_LISTENERS };
struct fixture_options {
    const struct route *rows; size_t row_count;
    unsigned slow_threads; size_t slow_queue; /* 0: 4 and 64 */
    int64_t request_timeout_ms, slow_timeout_ms;
    unsigned connections_per_address;
    const struct span *hosts; size_t host_count;
    const struct span *proxies; size_t proxy_count;
};
void fixture_start(struct gateway_fixture *f, const struct fixture_options *options);
void fixture_stop(struct gateway_fixture *f);
uint64_t fixture_count(struct gateway_fixture *f, enum counter which);

/* A connection of the client; one in flight at a time. */
struct fixture_client { int fd; void *tls; };
void peer_open(struct fixture_client *c, struct gateway_fixture *f, enum fixture_listener which);
void peer_close(struct fixture_client *c);
/* All of it; false when the peer has closed. */
bool peer_send(struct fixture_client *c, struct span bytes);
/* One answer: head and body by Content-Length or chunks. Status 0: closed before a whole one was there. `closed` after it: the server ended the connection. */
struct fixture_answer { int status; char head[8192]; char body[65536]; size_t body_bytes; };
void peer_read(struct fixture_client *c, bool head_only, struct fixture_answer *out);
/* What comes within the next moments, for streams; at least one byte unless closed. */
size_t peer_read_some(struct fixture_client *c, char *at, size_t room);
/* The server closes within ten seconds. */
bool peer_is_closed(struct fixture_client *c);
/* open, send, read, close. */
void peer_ask(struct gateway_fixture *f, enum fixture_listener which, struct span bytes, struct fixture_answer *out);
/* Value of a header of the answer, or NULL; cut to fit. */
const char *answer_header(const struct fixture_answer *a, const char *name, char value[512]);

#endif
