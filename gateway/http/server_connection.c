/* Connections: who they are, how long each phase may take, and how they end. */
#include "gateway/http/server_parts.h"
#include "gateway/pressure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 2000, LINGER_MOST_BYTES = 64 * 1024 * 1024, READ_BYTES = 64 * 1024, READS_A_TURN = 8 };

/* ---- phases ---- */

static void leave(struct connection *c)
{
    struct phase_list *list = &c->server->phases[c->phase];
    *(c->previous != NULL ? &c->previous->next : &list->first) = c->next;
    *(c->next != NULL ? &c->next->previous : &list->last) = c->previous;
    c->server->cut_count -= c->phase == PHASE_CUT;
}

static void join(struct connection *c, enum phase phase)
{
    struct phase_list *list = &c->server->phases[phase];
    c->phase = phase;
    c->server->cut_count += phase == PHASE_CUT;
    if (!c->server->turn_known)
        server_look_at_clock(c->server);
    c->since_ms = c->server->turn_ms;
    c->previous = list->last;
    c->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = c;
    list->last = c;
}

void connection_enter(struct connection *c, enum phase phase)
{
    leave(c);
    join(c, phase);
}

/* ---- coming and going ---- */

static int descriptor_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

/* The peer of a unix socket is the one the kernel names (unix(7), SO_PEERCRED): root or ourselves. */
static void identify_local(struct connection *c)
{
    struct ucred peer = { 0 };
    socklen_t bytes = sizeof peer;
    int fd = descriptor_of(c->mhd);
    memcpy(c->peer, "unix", sizeof "unix");
    bool known = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0;
    c->uid = peer.uid;
    c->refused = !known || (peer.uid != 0 && peer.uid != geteuid());
}

static void identify(struct connection *c)
{
    struct server *s = c->server;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct in6_addr address;
    if (info == NULL || !network_of_peer(info->client_addr, &address))
        return;
    network_text(&address, c->peer);
    addresses_count(s, c, &address);
    c->trusted = network_holds(s->proxies, s->proxy_count, &address);
}

static struct connection *connection_new(struct server *s, struct MHD_Connection *mhd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct connection){ .server = s, .mhd = mhd, .linger_fd = -1 };
    if (s->local)
        identify_local(c);
    else
        identify(c);
    s->connection_count++;
    join(c, PHASE_HEAD);
    return c;
}

static void start_lingering(struct connection *c);

void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
    struct connection *c = *socket_context;
    ((struct server *)context)->steps++;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = connection_new(context, mhd);
    } else if (c != NULL) {
        *socket_context = NULL;
        start_lingering(c);
        leave(c);
        addresses_forget(c->server, c);
        c->server->connection_count--;
        c->server->one_left = true;
        free(c->certificate);
        free(c);
    }
}

/* ---- deadlines ---- */

/* libmicrohttpd has no call that ends a connection; it closes what it finds shut down. Not cut again while it finds out. */
void connection_cut(struct connection *c)
{
    int fd = descriptor_of(c->mhd);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
    connection_enter(c, PHASE_CUT);
}

/* Full up, libmicrohttpd takes no connection until one ends. So an eighth of the places is kept free: whoever has been idle longest ends first, and half a TLS hello and half a
 * head are idle, too. Then whoever has been reading an answer, or sending a body, for longest. Each list is in the order of coming, or of the last answer. */
static void make_room(struct server *s, int64_t now_ms)
{
    static const struct { enum phase phase; int64_t least_ms; } order[] = { { PHASE_HEAD, IDLE_LEAST_MS }, { PHASE_ANSWER, BUSY_LEAST_MS }, { PHASE_BODY, BUSY_LEAST_MS } };
    size_t most = s->options.connections - s->options.connections / ROOM_SHARE;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct connection *oldest = s->phases[order[i].phase].first;
        for (; oldest != NULL && s->connection_count - s->cut_count > most && now_ms - oldest->since_ms >= order[i].least_ms; oldest = s->phases[order[i].phase].first) {
            counter_add(s->counters, COUNT_CONNECTIONS_CUT, 1);
            connection_cut(oldest);
        }
    }
}

void connection_expire(struct connection *c)
{
    if (c->phase == PHASE_SLOW) {
        exchange_give_up(c->exchange);
        return;
    }
    if (c->phase == PHASE_BODY) {
        counter_add(c->server->counters, COUNT_BODY_TIMEOUT, 1);
        reply_raw(c->exchange, 408, "the body took too long");
    }
    connection_cut(c);
}

static void expire_phase(struct server *s, enum phase phase, int64_t now_ms)
{
    const struct phase_list *list = &s->phases[phase];
    while (list->limit_ms > 0 && list->first != NULL && now_ms - list->first->since_ms >= list->limit_ms)
        connection_expire(list->first);
}

static void end_linger(struct lingering *l);

/* Seconds without a tenth of them spent waiting: more comes than this thread can take, however short each turn is. */
static bool is_full(struct server *s, int64_t elapsed_ms)
{
    enum { IDLE_SHARE = 10, FULL_TICKS = 8 };
    int64_t idle_ms = loop_idle_ms(s->loop);
    s->full_ticks = elapsed_ms > 0 && (idle_ms - s->ticked_idle_ms) * IDLE_SHARE < elapsed_ms ? s->full_ticks + 1 : 0;
    s->ticked_idle_ms = idle_ms;
    return s->full_ticks >= FULL_TICKS;
}

/* What agents wait for: this thread, and the queue of the slow lane. */
static void tell_pressure(struct server *s, int64_t now_ms)
{
    enum { QUEUE_SHARE = 4 };
    const struct node *node = s->node;
    if ((s->options.kinds & LISTENER_PUBLIC) == 0)
        return;
    int64_t elapsed_ms = s->ticked_ms == 0 ? 0 : now_ms - s->ticked_ms;
    struct pressure_tick tick = { .now_ms = s->turn_wall_ms, .late_ms = elapsed_ms - TICK_MS, .answered = s->id_count - s->ticked_ids };
    tick.full = is_full(s, elapsed_ms) || (node->slow_lane != NULL && slow_lane_waiting(node->slow_lane) > slow_lane_room(node->slow_lane) / QUEUE_SHARE);
    if (node->directory != NULL)
        tick.agents = directory_counts(node->directory).devices;
    s->ticked_ms = now_ms;
    s->ticked_ids = s->id_count;
    pressure_tick(node->pressure, &tick);
}

/* Where it had no place, or no descriptor, for one more, libmicrohttpd (0.9.75) stopped listening; it listens again in the run after the one that saw a connection end, and when
 * that was the last one nothing else would make it run. */
static void listen_again(struct server *s)
{
    s->ready = s->ready || s->one_left;
    s->one_left = false;
}

void connection_tick(void *server)
{
    struct server *s = server;
    server_look_at_clock(s);
    listen_again(s);
    int64_t now_ms = s->turn_ms;
    tell_pressure(s, now_ms);
    for (enum phase phase = PHASE_HEAD; phase < PHASES; phase++)
        expire_phase(s, phase, now_ms);
    make_room(s, now_ms);
    memory_end_crawling_answers(s, now_ms);
    for (size_t i = 0; i < LINGERS; i++)
        if (s->lingers[i].loop != NULL && now_ms >= s->lingers[i].until_ms)
            end_linger(&s->lingers[i]);
}

/* ---- lingering: RFC 9112 section 9.6 ----
 * Closing a socket with unread bytes makes the kernel send a reset, which takes our answer out of the client's hands. So a second descriptor
 * of it is kept and read for a moment after libmicrohttpd has closed its own. */

void connection_linger(struct connection *c)
{
    if (c->linger_fd < 0)
        c->linger_fd = dup(descriptor_of(c->mhd));
}

static void end_linger(struct lingering *l)
{
    loop_unwatch(l->loop, l->fd);
    close(l->fd);
    *l = (struct lingering){ .fd = -1 };
}

static void read_away(void *context, uint32_t events)
{
    struct lingering *l = context;
    char thrown[READ_BYTES];
    (void)events;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t got = recv(l->fd, thrown, sizeof thrown, MSG_DONTWAIT);
        if (got > 0 && (l->bytes += (size_t)got) < LINGER_MOST_BYTES)
            continue;
        if (got >= 0 || (errno != EAGAIN && errno != EINTR))
            end_linger(l);
        return;
    }
}

static struct lingering *free_linger(struct server *s)
{
    for (size_t i = 0; i < LINGERS; i++)
        if (s->lingers[i].loop == NULL)
            return &s->lingers[i];
    return NULL;
}

static void start_lingering(struct connection *c)
{
    struct server *s = c->server;
    struct lingering *l = c->linger_fd >= 0 ? free_linger(s) : NULL;
    if (c->linger_fd < 0)
        return;
    if (l == NULL || s->epoll_fd < 0 || loop_watch(s->loop, c->linger_fd, EPOLLIN, read_away, l, NULL) != OK) {
        close(c->linger_fd);
        return;
    }
    (void)shutdown(c->linger_fd, SHUT_WR);
    *l = (struct lingering){ s->loop, c->linger_fd, clock_mono_ms(s->node->clock) + LINGER_MS, 0 };
}

void connection_end_lingers(struct server *s)
{
    for (size_t i = 0; i < LINGERS; i++)
        if (s->lingers[i].loop != NULL)
            end_linger(&s->lingers[i]);
    s->epoll_fd = -1; /* the loop is left: nothing lingers from now on */
}
