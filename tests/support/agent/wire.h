/* wire: one HTTP/1.1 POST over a connection of its own, TLS verified, within 16 seconds from start to end, redirections
 * followed; nothing here looks at the status code except to see a redirection. Runs on the loop, never blocks (a name that
 * is not an address is looked up with the resolver and remembered for a minute). */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include "loop.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

enum { WIRE_TOTAL_MS = 16000, WIRE_REDIRECTS_MAX = 10 };

/* Where requests go. Shared by many exchanges; made by wire_place_init. */
struct wire_place {
    char host[256];
    char port[8];
    SSL_CTX *tls;                    /* owned; NULL speaks plain HTTP */
    unsigned source_spread;          /* above 0: bind to 127.0.1.1 and the next so many addresses in turn */
    unsigned source_next;
    struct sockaddr_storage address; /* of host, as last looked up */
    socklen_t address_size;
    int64_t looked_up_ms;
};

struct wire_trust {
    const char *server_certs;        /* PEM; replaces the system's store */
    const char *client_cert, *client_key; /* both or neither */
};

/* `name` is host or host:port ([v6]:port); a missing port is 443. NULL trust speaks plain HTTP. False with a complaint. */
bool wire_place_init(struct wire_place *place, const char *name, const struct wire_trust *trust);
void wire_place_done(struct wire_place *place);

struct wire_result {
    bool answered;      /* a whole HTTP answer came */
    int status;         /* 0 when not answered */
    const char *body;   /* borrowed for the call */
    size_t body_size;
    const char *problem; /* why not answered */
    int64_t took_us;
};

struct exchange;

/* Starts a POST of `body` (copied) to `path`. `key` becomes "Authorization: NodeKey <key>" unless NULL. `finished` is called
 * once, from the loop, never from within this call; the exchange is gone after it. */
struct exchange *exchange_start(struct loop *loop, struct wire_place *place, const char *path, const char *key,
                                const void *body, size_t body_size, bool gzipped,
                                void (*finished)(void *context, const struct wire_result *result), void *context);
/* Drops it without the call. NULL is fine. */
void exchange_cancel(struct exchange *exchange);

#endif
