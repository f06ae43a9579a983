#include "gateway/http/server_parts.h"

#include "connectors/identity/client_trust.h"
#include "gateway/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CONNECTIONS = 10000,
    IDLE_S = 30,
    REQUEST_MS = 20000,
    SLOW_MS = 30000,
    ANSWER_MS = 120000,              /* a reader slower than this for one answer is cut */
    CONNECTION_BYTES = 16 * 1024,    /* head of the request and of the answer: more is 431. Zeroed by libmicrohttpd for each request */
    BROWSER_BYTES = 32 * 1024,       /* where browsers come: a login on its way is in the address, and again in the address it is sent to */
    INCREMENT_BYTES = 4 * 1024,
    OPTIONS_MOST = 16,
    TLS_RECORD_BYTES = 16 * 1024,
    PAUSE_MS = 2,
    UNREAD_BYTES = 128 * 1024,       /* of answers, that the system keeps of one peer out there; it would grow to megabytes for one who asks and never reads */
};

/* ---- the socket ---- */

static enum err_code refused_by_system(struct err *err, int fd, const char *what, struct span address)
{
    int why = errno;
    if (fd >= 0)
        close(fd);
    return err_set(err, ERR_IO, "%s %.*s: %s", what, SPAN_ARGS(address), strerror(why));
}

/* The mode is set before bind(), so there is no moment in which others may connect (umask is the whole process's). */
static enum err_code listen_on_path(struct span path, int *out, struct err *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (path.bytes >= sizeof at.sun_path)
        return err_set(err, ERR_LIMIT, "listening on %.*s: a socket's path has at most %zu bytes", SPAN_ARGS(path), sizeof at.sun_path - 1);
    memcpy(at.sun_path, path.at, path.bytes);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0)
        return refused_by_system(err, fd, "listening on", path);
    *out = fd;
    return OK;
}

static int bound_socket(const struct sockaddr_storage *at, socklen_t bytes, bool share)
{
    int one = 1, fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool set = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0 &&
               (!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0) &&
               (at->ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0);
    if (set && bind(fd, (const struct sockaddr *)(const void *)at, bytes) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

/* With SO_REUSEPORT a second gateway on the same address would quietly take half of the requests: the first worker asks without it. */
static enum err_code listen_on_address(const struct server_options *o, int *out, struct err *err)
{
    struct sockaddr_storage at;
    socklen_t bytes;
    int unread = UNREAD_BYTES;
    bool exposed = (o->kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) != 0;
    enum err_code code = network_listen_address(o->address, &at, &bytes, err);
    if (code != OK)
        return err_wrap(err, "listening");
    int alone = o->shared ? -1 : bound_socket(&at, bytes, false);
    if (alone < 0 && !o->shared)
        return refused_by_system(err, -1, "listening on", o->address);
    if (alone >= 0)
        close(alone);
    int fd = bound_socket(&at, bytes, true);
    if (fd < 0 || (exposed && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unread, sizeof unread) != 0) || listen(fd, SOMAXCONN) != 0) /* connections take it over */
        return refused_by_system(err, fd, "listening on", o->address);
    *out = fd;
    return OK;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t bytes = sizeof at;
    if (getsockname(fd, (struct sockaddr *)(void *)&at, &bytes) != 0)
        return 0;
    if (at.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&at)->sin_port);
    return at.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)(const void *)&at)->sin6_port) : 0;
}

/* ---- libmicrohttpd ---- */

static void library_says(void *context, const char *format, va_list arguments)
{
    const struct server *s = context;
    char text[256];
    if (s->node->log == NULL || s->node->log->least > LOG_DEBUG) /* it speaks once for each odd client */
        return;
    vsnprintf(text, sizeof text, format, arguments);
    log_event(s->node->log, LOG_DEBUG, "http.library", LOG_SPAN("text", span_trim(span_of(text))));
}

static void library_panics(void *context, const char *file, unsigned line, const char *reason)
{
    (void)context;
    fprintf(stderr, "libmicrohttpd cannot go on: %s (%s:%u)\n", reason != NULL ? reason : "no reason given", file, line);
    abort();
}

struct option_list_of { struct MHD_OptionItem all[OPTIONS_MOST]; size_t count; };

static void add_number(struct option_list_of *list, enum MHD_OPTION option, intptr_t value)
{
    list->all[list->count++] = (struct MHD_OptionItem){ option, value, NULL };
}

static void add_pointer(struct option_list_of *list, enum MHD_OPTION option, void *value)
{
    list->all[list->count++] = (struct MHD_OptionItem){ option, 0, value };
}

/* TLS 1.2 with forward secrecy at least: what osqueryd, browsers and IdPs of today all speak. X25519 first, as it is the one share that most clients send without being
 * asked again, and AES-128-GCM first, as its transcript is hashed with SHA-256: together a quarter less of a handshake than GnuTLS's own order, and a round trip. */
static void add_tls(struct option_list_of *list, struct server *s)
{
    static char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:"
                               "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:%SERVER_PRECEDENCE";
    add_pointer(list, MHD_OPTION_HTTPS_MEM_CERT, s->certificate);
    add_pointer(list, MHD_OPTION_HTTPS_MEM_KEY, s->key);
    add_pointer(list, MHD_OPTION_HTTPS_PRIORITIES, priorities);
    if (s->client_ca != NULL)
        add_pointer(list, MHD_OPTION_HTTPS_MEM_TRUST, s->client_ca);
}

static void collect_options(struct server *s, int fd, struct option_list_of *list)
{
    add_number(list, MHD_OPTION_LISTEN_SOCKET, fd);
    add_number(list, MHD_OPTION_CONNECTION_LIMIT, s->options.connections);
    add_number(list, MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)s->options.idle_timeout_s);
    add_number(list, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (s->options.kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) != 0 ? BROWSER_BYTES : CONNECTION_BYTES);
    add_number(list, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, INCREMENT_BYTES);
#if MHD_VERSION >= 0x01000000
    add_number(list, MHD_OPTION_CLIENT_DISCIPLINE_LVL, 2);
#else
    add_number(list, MHD_OPTION_STRICT_FOR_CLIENT, 1);
#endif
    if (s->tls)
        add_tls(list, s);
    add_number(list, MHD_OPTION_END, 0);
}

static enum err_code start_daemon(struct server *s, int fd, struct err *err)
{
    struct option_list_of list = { .count = 0 };
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0);
    collect_options(s, fd, &list);
    MHD_set_panic_func(library_panics, NULL);
    s->daemon = MHD_start_daemon(flags, 0, addresses_admit, s, exchange_step, s, MHD_OPTION_EXTERNAL_LOGGER, library_says, s, MHD_OPTION_URI_LOG_CALLBACK, exchange_open, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, exchange_complete, s, MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s, MHD_OPTION_ARRAY, list.all, MHD_OPTION_END);
    if (s->daemon != NULL)
        return OK;
    if (fcntl(fd, F_GETFD) != -1)
        close(fd);
    return err_set(err, s->tls ? ERR_INPUT : ERR_IO, "starting the listener on %.*s%s", SPAN_ARGS(s->options.address), s->tls ? ": are certificate and key a pair, in PEM?" : "");
}

/* ---- in the loop ---- */

static void daemon_has_work(void *context, uint32_t events)
{
    struct server *s = context;
    (void)events;
    s->ready = true;
    s->runs_in_vain = 0;
}

/* While a TLS handshake waits for its peer, libmicrohttpd (0.9.75) wants to be run again at once and for ever, and asks GnuTLS for each of them each time: six bytes of a hello
 * would take a core, and a few dozen handshakes would make each other slow. Run in vain, it is given a pause and one more run, for what GnuTLS may have read already; what comes
 * after that is told by its epoll. A large answer goes out in records of 16 KiB, a run each: that is not in vain. */
static bool should_pause(const struct server *s)
{
    return s->tls && s->runs_in_vain >= (s->phases[PHASE_ANSWER].first != NULL ? RESPONSE_MAX_BYTES / TLS_RECORD_BYTES : 1);
}

static int64_t pause_ms(struct server *s)
{
    if (s->paused)
        return -1;
    int64_t now_ms = clock_mono_ms(s->node->clock);
    s->paused_until_ms = s->paused_until_ms == 0 ? now_ms + PAUSE_MS : s->paused_until_ms;
    return s->paused_until_ms > now_ms ? s->paused_until_ms - now_ms : 0;
}

/* Asked of libmicrohttpd before each wait. */
static int64_t server_timeout(void *context)
{
    struct server *s = context;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    s->asked_ms = s->ready ? 0 : MHD_get_timeout(s->daemon, &ms) == MHD_YES ? (int64_t)ms : -1;
    if (s->asked_ms == 0 && !s->ready && should_pause(s))
        s->asked_ms = pause_ms(s);
    return s->asked_ms;
}

void server_look_at_clock(struct server *s)
{
    s->turn_ms = clock_mono_ms(s->node->clock);
    s->turn_wall_ms = clock_wall_ms(s->node->clock);
    s->turn_known = true;
}

static void run_daemon(struct server *s, int most_ms)
{
    s->ready = false;
    s->turn_known = false;
    s->ended_us = 0;
    uint64_t before = s->steps;
    (void)MHD_run_wait(s->daemon, most_ms);
    s->runs_in_vain = s->steps == before ? s->runs_in_vain + 1 : 0;
    s->paused = s->runs_in_vain > 1 && s->paused_until_ms != 0;
    s->paused_until_ms = s->paused ? s->paused_until_ms : 0; /* something went on, or was told: the next pause is another one */
    s->turn_known = false;
}

static void server_run(void *context)
{
    struct server *s = context;
    reply_look_at_woken(s);
    if (!s->waits && (s->ready || (s->asked_ms >= 0 && server_timeout(s) == 0)))
        run_daemon(s, 0);
}

/* libmicrohttpd waits for the loop. In its epoll a descriptor without a connection (a null pointer) is what it takes for a call to look up, and nothing else. */
static bool server_wait(void *context, int most_ms)
{
    struct server *s = context;
    uint64_t before = s->id_count;
    run_daemon(s, most_ms);
    return s->id_count != before;
}

static enum err_code wait_for_loop(struct server *s, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = NULL } };
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, loop_fd(s->loop), &event) != 0)
        return err_set(err, ERR_IO, "watching the loop: %s", strerror(errno));
    s->waits = true;
    loop_set_waiter(s->loop, server_wait, s);
    return OK;
}

/* The listener that is asked for decisions waits for all of its thread. */
static enum err_code join_loop(struct server *s, struct err *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return err_set(err, ERR_INTERNAL, "libmicrohttpd was built without epoll");
    s->epoll_fd = info->epoll_fd;
    bool waits = (s->options.kinds & LISTENER_INTERNAL) != 0 && !s->tls && !loop_has_waiter(s->loop); /* not with TLS: see should_pause() */
    enum err_code code = waits ? wait_for_loop(s, err) : loop_watch(s->loop, s->epoll_fd, EPOLLIN, daemon_has_work, s, err);
    if (code != OK)
        return code;
    loop_add_source(s->loop, server_timeout, server_run, s);
    s->tick = loop_every(s->loop, TICK_MS, connection_tick, s);
    s->beat = loop_every(s->loop, BEAT_MS, reply_beat, s);
    return s->tick != NULL && s->beat != NULL ? OK : err_set(err, ERR_MEMORY, "timers of a listener");
}

/* ---- life ---- */

static void set_defaults(struct server *s)
{
    struct server_options *o = &s->options;
    o->connections = o->connections > 0 ? o->connections : CONNECTIONS;
    o->idle_timeout_s = o->idle_timeout_s > 0 ? o->idle_timeout_s : IDLE_S;
    o->request_timeout_ms = o->request_timeout_ms > 0 ? o->request_timeout_ms : REQUEST_MS;
    o->slow_timeout_ms = o->slow_timeout_ms > 0 ? o->slow_timeout_ms : SLOW_MS;
    /* Between requests libmicrohttpd's own idle limit acts first; this one ends a head that trickles in. */
    s->phases[PHASE_HEAD].limit_ms = o->idle_timeout_s * 1000 + o->request_timeout_ms;
    s->phases[PHASE_BODY].limit_ms = o->request_timeout_ms;
    s->phases[PHASE_SLOW].limit_ms = o->slow_timeout_ms;
    s->phases[PHASE_ANSWER].limit_ms = ANSWER_MS;
}

static enum err_code read_proxies(struct server *s, struct err *err)
{
    const struct node_options *o = &s->node->options;
    enum err_code code = OK;
    s->proxies = calloc(o->trusted_proxy_count + 1, sizeof *s->proxies);
    if (s->proxies == NULL)
        return err_set(err, ERR_MEMORY, "trusted_proxies");
    for (size_t i = 0; code == OK && i < o->trusted_proxy_count; i++)
        code = network_parse(o->trusted_proxies[i], &s->proxies[s->proxy_count++], err);
    return code == OK ? OK : err_wrap(err, "trusted_proxies");
}

static enum err_code copy_pem(struct server *s, struct err *err)
{
    const struct server_options *o = &s->options;
    s->tls = !span_empty(o->certificate_pem);
    if (!s->tls)
        return OK;
    s->certificate = span_dup(o->certificate_pem);
    s->key = span_dup(o->key_pem);
    s->client_ca = span_empty(o->client_ca_pem) ? NULL : span_dup(o->client_ca_pem);
    bool copied = s->certificate != NULL && s->key != NULL && (span_empty(o->client_ca_pem) || s->client_ca != NULL);
    if (!copied)
        return err_set(err, ERR_MEMORY, "certificate of a listener");
    const struct client_trust_source source = { .ca_pem = o->client_ca_pem };
    bool callers = s->client_ca != NULL && (o->kinds & LISTENER_DEVICE) == 0;
    return !callers || client_trust_new(&source, &s->caller_trust, err) == OK ? OK : err_wrap(err, "client_ca of the listener on %.*s", SPAN_ARGS(o->address));
}

static enum err_code open_listener(struct server *s, struct err *err)
{
    int fd = -1;
    enum err_code code = s->local ? listen_on_path(s->options.address, &fd, err) : listen_on_address(&s->options, &fd, err);
    if (code != OK)
        return code;
    s->port = port_of(fd);
    return start_daemon(s, fd, err);
}

enum err_code server_new(const struct node *node, struct worker *worker, struct loop *loop, const struct server_options *options, struct server **out, struct err *err)
{
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "listener");
    s->node = node;
    s->worker = worker;
    s->loop = loop;
    s->options = *options;
    s->epoll_fd = -1;
    s->local = (options->kinds & LISTENER_SOCKET) != 0;
    s->counters = worker != NULL ? worker_counters(worker) : node->counters;
    pthread_mutex_init(&s->wake_lock, NULL);
    memset(s->next_id, '0', SERVER_ID_BYTES);
    secret_random_text(s->next_id, SERVER_ID_PREFIX);
    s->next_id[SERVER_ID_PREFIX] = '-';
    secret_random(&s->address_seed, sizeof s->address_seed);
    kept_responses_init(&s->kept);
    set_defaults(s);
    server_look_at_clock(s);
    s->held = held_new();
    enum err_code code = s->held != NULL ? read_proxies(s, err) : err_set(err, ERR_MEMORY, "listener");
    if (code == OK)
        code = copy_pem(s, err);
    if (code == OK)
        code = open_listener(s, err);
    if (code == OK)
        code = join_loop(s, err);
    if (code != OK) {
        server_free(s);
        return code;
    }
    *out = s;
    return OK;
}

unsigned server_port(const struct server *s) { return s->port; }

static void end_streams(struct server *s)
{
    for (struct connection *c = s->phases[PHASE_STREAM].first; c != NULL; c = c->next) {
        c->exchange->ending = true;
        reply_wake(c->exchange);
    }
}

void server_quiesce(struct server *s)
{
    if (s->quiescing)
        return;
    s->quiescing = true;
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0)
        close(fd);
    end_streams(s);
}

bool server_idle(const struct server *s) { return s->open == 0; }

void server_abort(struct server *s)
{
    struct connection *next;
    for (struct connection *c = s->phases[PHASE_SLOW].first; c != NULL; c = next) {
        next = c->next;
        exchange_give_up(c->exchange);
    }
}

static void free_spares(struct server *s)
{
    while (s->spare != NULL) {
        struct exchange *x = s->spare;
        s->spare = x->next_spare;
        exchange_free(x);
    }
}

static void leave_loop(struct server *s)
{
    loop_drop_source(s->loop, s);
    loop_cancel(s->loop, s->tick);
    loop_cancel(s->loop, s->beat);
    if (s->waits)
        loop_set_waiter(s->loop, NULL, NULL);
    else if (s->epoll_fd >= 0)
        loop_unwatch(s->loop, s->epoll_fd);
    connection_end_lingers(s);
}

/* libmicrohttpd aborts the process when it is stopped with a suspended connection; one may have come in the loop's very last turn. */
static void wake_everybody(struct server *s)
{
    server_abort(s);
    end_streams(s);
    reply_look_at_woken(s);
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    wake_everybody(s);
    leave_loop(s);
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon); /* ends the connections, which reports the last requests */
    connection_end_lingers(s);
    free_spares(s);
    free(s->proxies);
    free(s->certificate);
    if (s->key != NULL)
        secret_free(s->key, strlen(s->key));
    key_memory_done(&s->keys);
    kept_responses_done(&s->kept);
    held_leave(s->held);
    free(s->client_ca);
    client_trust_free(s->caller_trust);
    pthread_mutex_destroy(&s->wake_lock);
    free(s);
}
