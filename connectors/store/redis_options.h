/* redis_options: where the store's Redis is and what its "committed" means. Plain values, copied freely; holds a password: wipe when done. */
#ifndef CONNECTORS_STORE_REDIS_OPTIONS_H
#define CONNECTORS_STORE_REDIS_OPTIONS_H
#include "posture/base/clock.h"
#include "posture/base/err.h"

enum redis_durability {
    REDIS_FSYNC,      /* on the server's disk before the answer (appendfsync always); the server is configured so, ping says whether it is */
    REDIS_EVERYSEC,   /* up to about a second may be lost when the server's machine dies */
    REDIS_REPLICATED  /* `replicas` other servers have it in memory (WAIT) */
};
enum { REDIS_HOST_BYTES = 256, REDIS_PATH_BYTES = 108 /* sun_path of unix(7) */, REDIS_SECRET_BYTES = 512,
       REDIS_PARTITIONS = 16, REDIS_PARTITIONS_MOST = 256, REDIS_REPLICAS_MOST = 16, REDIS_TIMEOUT_MS = 1000 };

struct redis_options {
    char host[REDIS_HOST_BYTES];      /* a literal address or a name; empty when unix_path is set */
    unsigned port;
    char unix_path[REDIS_PATH_BYTES];
    unsigned database;
    char user[REDIS_SECRET_BYTES], password[REDIS_SECRET_BYTES]; /* empty: none */
    int64_t timeout_ms;               /* to connect, and for each answer */
    enum redis_durability durability;
    unsigned replicas;                /* of REDIS_REPLICATED */
    unsigned partitions;              /* used once, when the store is empty; later the stored number counts */
    const struct clock *clock;        /* NULL: the system's */
};

/* 127.0.0.1:6379/0, 1 s, REDIS_EVERYSEC, 16 partitions. */
struct redis_options redis_options_default(void);
/* "redis://host[:port][/database]" (an IPv6 address in brackets) or "unix:///path". A user or password in it is refused: they come as references.
 * Leaves the other fields alone. ERR_INPUT. */
MUST_CHECK enum err_code redis_options_from_url(struct span url, struct redis_options *o, struct err *err);
/* "fsync", "everysec" or "replicated N". ERR_INPUT. */
MUST_CHECK enum err_code redis_options_durability(struct span text, struct redis_options *o, struct err *err);
/* Copies; empty spans mean none. ERR_LIMIT when too long, ERR_INPUT for a NUL in them. */
MUST_CHECK enum err_code redis_options_login(struct span user, struct span password, struct redis_options *o, struct err *err);
void redis_options_wipe(struct redis_options *o);

#endif
