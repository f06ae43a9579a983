/* What the files of the server share; nobody else includes this. All of it belongs to the worker's thread, except what says otherwise. */
#ifndef GATEWAY_HTTP_SERVER_PARTS_H
#define GATEWAY_HTTP_SERVER_PARTS_H
#include "gateway/http/auth.h"
#include "gateway/http/kept_response.h"
#include "gateway/http/network.h"
#include "gateway/http/server.h"
#include "gateway/node.h"
#include "gateway/slow_lane.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
    SERVER_ID_PREFIX = 12, SERVER_ID_BYTES = SERVER_ID_PREFIX + 1 + 12, /* 48 bits of the count last for centuries */
    LINGERS = 64,                    /* sockets kept a moment after an early refusal */
    SPARE_EXCHANGES = 256,           /* kept for the next requests, with their first arena block */
    ARENA_BLOCK_BYTES = 8 * 1024,
    ARENA_LIMIT_BYTES = 16 * 1024 * 1024,
    DRAIN_BYTES = 256 * 1024,        /* a refused request with no more body than this is read away, so that its connection lives on */
    KEPT_BUF_BYTES = 64 * 1024,      /* a larger buffer is not kept for the next request, and is counted in what all hold */
    DECISION_BYTES = 32,             /* the id of a decision, for the log */
    TICK_MS = 250,
    BEAT_MS = 15000,                 /* of streams */
    ADDRESS_BUCKETS = 1024,
    ROOM_SHARE = 8,                  /* an eighth of the places is kept free */
    IDLE_LEAST_MS = 1000,            /* but not one that came, or was answered, just now */
    BUSY_LEAST_MS = 2000,            /* who sends or reads for longer makes room for others where there is none */
};

/* What a connection is waiting for. Each phase has one limit, so the connections of a phase stand in the order of their deadlines. */
enum phase { PHASE_HEAD, PHASE_BODY, PHASE_SLOW, PHASE_ANSWER, PHASE_STREAM, PHASE_CUT, PHASES };
struct connection {
    struct server *server;
    struct MHD_Connection *mhd;
    struct exchange *exchange;       /* the open request; NULL between two */
    struct connection *previous, *next; /* in its phase */
    enum phase phase;
    int64_t since_ms;
    char peer[INET6_ADDRSTRLEN];
    bool trusted, refused;           /* refused: a peer of the unix socket who is neither root nor us */
    uid_t uid;
    int linger_fd;                   /* -1: none */
    struct address_count *counted;   /* NULL: not counted */
    struct shown_certificate *certificate; /* of the client, once looked for; NULL: it showed none */
    bool certificate_looked_for;
};
struct phase_list { struct connection *first, *last; int64_t limit_ms; /* 0: none */ };

enum stage {
    STAGE_NEW,      /* the head is there, nothing was looked at */
    STAGE_BODY,     /* the body arrives; a refused request's is thrown away */
    STAGE_SLOW,     /* suspended: a job is in the slow lane */
    STAGE_READY,    /* resumed: the answer is to be sent */
    STAGE_ANSWERED,
};
struct exchange {
    struct slow_job job;             /* first: the slow lane hands it back */
    struct server *server;
    struct connection *connection;   /* NULL once the request is over; a job may still run */
    struct exchange *next_spare;
    struct arena arena;
    struct http_response response;   /* the slow lane's while in_lane */
    struct buf raw_body;
    struct buf inflated;
    struct http_request request;
    struct span target;              /* as sent, in the arena */
    uintptr_t target_at;             /* where libmicrohttpd had it */
    const struct route *route;
    struct kept_response *kept;      /* the answer, when it is one that is kept */
    enum problem_style style;
    enum stage stage;
    bool refused, discard, gzip, body_taken, in_lane, timed_out, asleep, ending, beat;
    int status;
    size_t expected_bytes, header_count;
    int64_t started_us;
    struct held *held;               /* the server's */
    size_t held_bytes;               /* of it, this one's share */
    char decision[DECISION_BYTES];
    atomic_bool woken;               /* stands in the server's list of streams to look at; any thread */
    struct exchange *next_woken;
    struct http_header headers[HTTP_MAX_HEADERS]; /* last: not cleared for the next request */
};

struct lingering { struct loop *loop; /* NULL: a free place */ int fd; int64_t until_ms; size_t bytes; };
struct server {
    const struct node *node;
    struct worker *worker;
    struct loop *loop;
    struct counters *counters;
    struct server_options options;
    struct MHD_Daemon *daemon;
    char *certificate, *key, *client_ca; /* with the terminator that libmicrohttpd needs */
    struct client_trust *caller_trust; /* NULL on the device listener: its trust is the node's and changes */
    struct network *proxies;
    size_t proxy_count;
    int epoll_fd;
    unsigned port;
    int64_t turn_ms, turn_wall_ms;   /* the clock as it was when libmicrohttpd was last run: what happens in one turn happens at one time */
    int64_t ended_us;                /* when the last request of this turn ended; 0: none did */
    bool turn_known;
    int64_t asked_ms;                /* how long libmicrohttpd allowed to wait this turn; -1: for ever */
    bool waits;                      /* libmicrohttpd's epoll waits for the whole loop */
    bool tls, local, ready, quiescing; /* ready: libmicrohttpd has something to do */
    bool one_left;                   /* a connection ended since the last tick */
    struct route_memory routes;
    struct key_memory keys;
    struct kept_responses kept;
    char good_host[64];              /* the last value of Host that passed */
    size_t good_host_bytes;
    struct loop_timer *tick, *beat;
    int64_t ticked_ms;               /* when the tick last came */
    uint64_t ticked_ids;             /* and how many requests there had been, */
    int64_t ticked_idle_ms;          /* and how long the loop had waited */
    unsigned full_ticks;             /* since it last waited for a while */
    struct phase_list phases[PHASES];
    struct lingering lingers[LINGERS];
    struct held *held;               /* bytes that open requests hold */
    size_t connection_count, cut_count; /* cut: of these, the ones in PHASE_CUT */
    struct address_count *addresses[ADDRESS_BUCKETS];
    uint64_t address_seed;           /* peers choose their addresses */
    struct exchange *spare;
    size_t spare_count, open;        /* requests */
    char next_id[SERVER_ID_BYTES + 1]; /* of a request: this listener's prefix, a dash, a count in hexadecimal */
    uint64_t id_count;
    uint64_t steps;                  /* calls of libmicrohttpd: something went on */
    unsigned runs_in_vain;           /* in a row: libmicrohttpd was run, and nothing went on */
    int64_t paused_until_ms;         /* 0: no pause has begun */
    bool paused;                     /* it is over */
    pthread_mutex_t wake_lock;       /* guards woken_first: any thread wakes a stream, and must not touch a connection that ends meanwhile */
    struct exchange *woken_first;
    atomic_bool any_woken;           /* it is not empty; may be read without the lock */
};

/* server.c */
void server_look_at_clock(struct server *s);

/* server_connection.c */
void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode what);
void connection_enter(struct connection *c, enum phase phase);
void connection_cut(struct connection *c);
void connection_expire(struct connection *c); /* its phase is over; it is told where that is possible */
void connection_tick(void *server);        /* a timer: deadlines */
void connection_linger(struct connection *c); /* before an early refusal is queued: what the client still sends is read away, so that it gets to read the answer */
void connection_end_lingers(struct server *s);

/* server_addresses.c */
enum MHD_Result addresses_admit(void *server, const struct sockaddr *peer, socklen_t bytes);
void addresses_count(struct server *s, struct connection *c, const struct in6_addr *address);
void addresses_forget(struct server *s, struct connection *c);

/* server_certificate.c: what the client's certificate is, into the request; only on a listener that asks for one */
void connection_certificate(struct connection *c, struct http_request *r);

/* server_exchange.c */
void *exchange_open(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_step(void *server, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *upload, size_t *upload_bytes, void **con_cls);
void exchange_complete(void *server, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode how);
void exchange_give_up(struct exchange *x); /* the slow lane took too long, or the server stops */
void exchange_free(struct exchange *x);

/* server_begin.c: everything before the body; true: the request is refused, x->response says how; *early: and nothing more of it is to be read */
bool exchange_begin(struct exchange *x, const char *method, const char *version, bool *early);

/* server_memory.c */
struct held *held_new(void);               /* owned; NULL when memory is short */
void held_leave(struct held *h);
bool memory_takes_body(struct exchange *x);   /* more of its body came, or is to come; false: it is to be refused */
bool memory_takes_answer(struct exchange *x); /* its response is whole; false: it is to be refused */
void memory_keep_answer(struct exchange *x);  /* was queued: frees the rest */
void memory_forget(struct exchange *x);       /* it is over */
void memory_outlives(struct exchange *x);     /* it is over, and its job runs on */
void memory_outlived(struct exchange *x);     /* which has ended; any thread */
void memory_end_crawling_answers(struct server *s, int64_t now_ms);

/* server_reply.c */
enum MHD_Result reply_queue(struct exchange *x);
enum MHD_Result reply_queue_status(struct exchange *x, int status, const char *detail); /* touches nothing that a running job may */
void reply_raw(struct exchange *x, int status, const char *detail); /* libmicrohttpd takes no answer while a body arrives: written past it */
void reply_look_at_woken(struct server *s);
void reply_forget_woken(struct exchange *x);
void reply_wake(struct exchange *x);
void reply_beat(void *server);             /* a timer */

#endif
