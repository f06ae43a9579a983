#include "gateway/slack/slack_line.h"

#include "connectors/notify/slack_socket.h"
#include "connectors/web_socket.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_intake.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROUND_MS = 250, OPEN_MS = 5000, PING_AFTER_MS = 10 * 1000, SILENT_MS = 75 * 1000, HELLO_MS = 15 * 1000, DRAIN_MS = 30 * 1000, GOODBYE_MS = 1000, MESSAGES_MOST = 64,
       BACKOFF_LEAST_MS = 1000, BACKOFF_MOST_MS = 60 * 1000, PAUSE_MOST_S = 3600, SLOW_DOWN_S = 60 /* once a minute is allowed */, ENVELOPE_ARENA_BYTES = 16 * 1024 * 1024 };

/* One connection. socket NULL: none. */
struct wire {
    struct web_socket *socket;
    int64_t opened_ms, heard_ms, pinged_ms; /* monotonic */
    int64_t leave_ms, gone_ms;              /* when to say goodbye, and when to go without an answer to it; 0: not */
    bool greeted;
};
struct slack_line {
    const struct node *node;
    struct slack *api;                      /* with the app-level token */
    struct store *store;                    /* NULL: not open yet */
    struct arena arena;                     /* of one envelope */
    struct wire now, before;                /* before: the one that `now` has replaced */
    bool replace;                           /* Slack is about to end `now` */
    bool renew;                             /* the token is another one than `now` was opened with */
    int64_t next_ms;                        /* monotonic: no try before */
    unsigned tries;                         /* in a row without a hello */
    unsigned renewals;                      /* of the app, seen (slack_app_renewals) */
    int64_t token_number;                   /* of the app-level token in `api` */
    int awake;                              /* eventfd: a stop is asked for */
    atomic_bool stop;
    bool started;
    pthread_t thread;
    pthread_mutex_t lock;                   /* guards `shown`: set here, read by status and metrics */
    struct slack_line_description shown;
};

/* ---- what is shown ---- */

static void show(struct slack_line *l, enum slack_line_state state, const char *why)
{
    pthread_mutex_lock(&l->lock);
    if (l->shown.state != state)
        l->shown.since_s = clock_wall_s(l->node->clock);
    l->shown.state = state;
    snprintf(l->shown.why, sizeof l->shown.why, "%s", why);
    pthread_mutex_unlock(&l->lock);
}

void slack_line_describe(struct slack_line *l, struct slack_line_description *out)
{
    pthread_mutex_lock(&l->lock);
    *out = l->shown;
    pthread_mutex_unlock(&l->lock);
}

static bool is_stopped(struct slack_line *l)
{
    struct slack_line_description d;
    slack_line_describe(l, &d);
    return d.state == SLACK_LINE_STOPPED;
}

/* ---- connections end ---- */

/* 1.3 times longer with each try in a row; a random part of it, so that gateways do not come all at once. */
static int64_t backoff_ms(unsigned tries)
{
    uint32_t random;
    double most = BACKOFF_LEAST_MS;
    for (unsigned i = 0; i < tries && most < BACKOFF_MOST_MS; i++)
        most *= 1.3;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    secret_random(&random, sizeof random);
    return (int64_t)(most / 2) + (int64_t)(random % (uint32_t)(most / 2 + 1));
}

static void try_again(struct slack_line *l, int64_t least_ms)
{
    int64_t wait_ms = backoff_ms(l->tries++);
    l->next_ms = clock_mono_ms(l->node->clock) + (wait_ms > least_ms ? wait_ms : least_ms);
}

/* What brings it back is another token, or an admin's word that it was mended (look_for_renewal). */
static void give_up(struct slack_line *l, const char *why)
{
    show(l, SLACK_LINE_STOPPED, why);
    log_event(l->node->log, LOG_ERROR, "slack.socket_stopped", LOG_STR("why", why));
}

static void drop(struct slack_line *l, struct wire *w, const char *why)
{
    web_socket_free(w->socket);
    *w = (struct wire){ .socket = NULL };
    if (w != &l->now || l->stop || is_stopped(l))
        return;
    counter_add(l->node->counters, COUNT_SLACK_SOCKET_LOST, 1);
    log_event(l->node->log, LOG_WARN, "slack.socket_lost", LOG_STR("why", why));
    show(l, SLACK_LINE_CONNECTING, why);
    l->replace = false;
    try_again(l, 0);
}

static void begin_goodbye(struct slack_line *l, struct wire *w)
{
    web_socket_begin_close(w->socket, WEB_SOCKET_NORMAL);
    w->gone_ms = clock_mono_ms(l->node->clock) + GOODBYE_MS;
}

/* ---- envelopes ---- */

static void acknowledge(struct slack_line *l, struct wire *w, const struct slack_envelope *e, struct span answer)
{
    CLEANUP(buf_done) struct buf text;
    struct err err;
    buf_init(&text, WEB_SOCKET_WAITING_BYTES);
    enum err_code code = slack_write_acknowledgement(e->id, answer, &text, &err);
    if (code == OK)
        code = web_socket_say(w->socket, WEB_SOCKET_TEXT, buf_span(&text), &err);
    if (code != OK) /* it comes again, and is known then */
        log_event(l->node->log, LOG_WARN, "slack.not_acknowledged", LOG_SPAN("id", e->id), LOG_ERR(&err));
}

static enum err_code read_heard(struct slack_line *l, const struct slack_envelope *e, struct slack_heard *h, struct err *err)
{
    if (e->kind == SLACK_ENVELOPE_EVENT)
        return slack_read_event(e->payload, &l->arena, h, err);
    return e->kind == SLACK_ENVELOPE_INTERACTION ? slack_read_interaction_payload(e->payload, &l->arena, h, err) : slack_read_command_payload(e->payload, &l->arena, h, err);
}

/* Thanked for only once it is written down; what is not thanked for, Slack sends again or shows the person as failed. */
static void take_envelope(struct slack_line *l, struct wire *w, const struct slack_envelope *e)
{
    const struct slack_intake in = { l->node, l->store, &l->arena, e->id, e->id };
    struct slack_heard h = { .kind = SLACK_HEARD_NOTHING };
    struct slack_answer answer;
    struct err err;
    slack_answer_init(&answer);
    if (e->kind != SLACK_ENVELOPE_OTHER && read_heard(l, e, &h, &err) != OK) {
        log_event(l->node->log, LOG_WARN, "slack.not_understood", LOG_SPAN("id", e->id), LOG_ERR(&err));
        h.kind = SLACK_HEARD_NOTHING; /* a copy would be no better */
    }
    bool taken = slack_intake(&in, &h, &answer) && answer.later == NULL;
    counter_add(l->node->counters, taken ? COUNT_SLACK_ENVELOPES_TAKEN : COUNT_SLACK_ENVELOPES_LEFT, 1);
    if (taken)
        acknowledge(l, w, e, e->wants_payload ? buf_span(&answer.json) : SPAN_NONE);
    slack_answer_done(&answer);
}

static void take_hello(struct slack_line *l, struct wire *w, const struct slack_envelope *e)
{
    w->greeted = true;
    if (w != &l->now)
        return;
    l->tries = 0;
    pthread_mutex_lock(&l->lock);
    l->shown.opened++;
    pthread_mutex_unlock(&l->lock);
    counter_add(l->node->counters, COUNT_SLACK_SOCKET_OPENED, 1);
    show(l, SLACK_LINE_OPEN, "");
    log_event(l->node->log, LOG_INFO, "slack.socket_open", LOG_INT("connections", e->connections));
    if (l->before.socket != NULL)
        l->before.leave_ms = clock_mono_ms(l->node->clock) + DRAIN_MS;
}

static void take_disconnect(struct slack_line *l, const struct wire *w, const struct slack_envelope *e)
{
    if (e->reason == SLACK_DISCONNECT_OFF)
        give_up(l, "Socket Mode was switched off in the settings of the app: switch it on, then run postern slack reconnect");
    else if (w == &l->now)
        l->replace = true;
}

static void take_text(struct slack_line *l, struct wire *w, struct span text)
{
    struct slack_envelope e;
    struct err err;
    arena_reset(&l->arena);
    if (slack_read_envelope(text, &l->arena, &e, &err) != OK)
        log_event(l->node->log, LOG_WARN, "slack.not_understood", LOG_ERR(&err));
    else if (e.kind == SLACK_ENVELOPE_HELLO)
        take_hello(l, w, &e);
    else if (e.kind == SLACK_ENVELOPE_DISCONNECT)
        take_disconnect(l, w, &e);
    else if (!span_empty(e.id))
        take_envelope(l, w, &e);
}

/* ---- a connection ---- */

/* What has arrived, without waiting. */
static void serve(struct slack_line *l, struct wire *w)
{
    struct web_socket_heard heard;
    struct err err;
    for (unsigned i = 0; w->socket != NULL && i < MESSAGES_MOST; i++) {
        if (web_socket_hear(w->socket, &heard, &err) != OK) {
            drop(l, w, err.text);
            return;
        }
        if (heard.kind == WEB_SOCKET_NOTHING)
            return;
        w->heard_ms = clock_mono_ms(l->node->clock);
        if (heard.kind == WEB_SOCKET_TEXT)
            take_text(l, w, heard.data);
        else if (heard.kind == WEB_SOCKET_CLOSE)
            drop(l, w, "Slack closed the connection");
    }
}

/* A connection that a router has forgotten looks alive for hours: only an answer to a ping says that it is. */
static void watch(struct slack_line *l, struct wire *w)
{
    int64_t now_ms = clock_mono_ms(l->node->clock);
    struct err err;
    if (w->socket == NULL)
        return;
    if (w->gone_ms != 0 && now_ms >= w->gone_ms)
        drop(l, w, "closed");
    else if (w->gone_ms == 0 && w->leave_ms != 0 && now_ms >= w->leave_ms)
        begin_goodbye(l, w);
    else if (!w->greeted && now_ms - w->opened_ms >= HELLO_MS)
        drop(l, w, "Slack said no hello");
    else if (now_ms - w->heard_ms >= SILENT_MS)
        drop(l, w, "nothing was heard for too long");
    else if (w->gone_ms == 0 && now_ms - w->heard_ms >= PING_AFTER_MS && now_ms - w->pinged_ms >= PING_AFTER_MS) {
        w->pinged_ms = now_ms;
        if (web_socket_say(w->socket, WEB_SOCKET_PING, SPAN_LITERAL("postern"), &err) != OK)
            drop(l, w, err.text);
    }
}

/* ---- connecting ---- */

/* While a new connection is made, the one that is there goes on being served. */
static bool tick(void *context)
{
    struct slack_line *l = context;
    serve(l, &l->now);
    serve(l, &l->before);
    return !l->stop;
}

static void note_failure(struct slack_line *l, const char *why, int64_t retry_after_s)
{
    log_event(l->node->log, LOG_WARN, "slack.socket_not_opened", LOG_STR("why", why));
    if (l->now.socket == NULL)
        show(l, SLACK_LINE_CONNECTING, why);
    try_again(l, (retry_after_s > PAUSE_MOST_S ? PAUSE_MOST_S : retry_after_s) * 1000);
}

static void adopt(struct slack_line *l, struct web_socket *takes)
{
    int64_t now_ms = clock_mono_ms(l->node->clock);
    if (l->now.socket != NULL) {
        web_socket_free(l->before.socket);
        l->before = l->now;
    }
    l->now = (struct wire){ .socket = takes, .opened_ms = now_ms, .heard_ms = now_ms };
    l->replace = l->renew = false;
}

static void open_socket(struct slack_line *l, const char *url)
{
    const struct slack_app_options *app = slack_app_options(l->node->slack);
    const struct web_socket_options options = { .http = { .allow_loopback_http = slack_app_client(app).allow_loopback_http, .tick = tick, .tick_context = l },
                                                .clock = l->node->clock, .timeout_ms = OPEN_MS };
    struct web_socket *made = NULL;
    struct err err;
    if (web_socket_open(&options, span_of(url), &made, &err) == OK)
        adopt(l, made);
    else if (!l->stop)
        note_failure(l, err.text, 0);
}

/* The app-level token as it is now. */
static bool take_token(struct slack_line *l)
{
    struct slack_secret_text token;
    struct err err;
    int64_t number = slack_app_secret(l->node->slack, SLACK_SECRET_APP_TOKEN, &token);
    enum err_code code = number != l->token_number ? slack_set_token(l->api, span_of(token.text), &err) : OK;
    secret_wipe(&token, sizeof token);
    if (code == OK)
        l->token_number = number;
    else
        note_failure(l, err.text, 0);
    return code == OK;
}

/* A connection that is good meanwhile is not given up for a mistake in the new token. */
static void refuse_token(struct slack_line *l, const char *error)
{
    char why[SLACK_LINE_WHY_BYTES];
    snprintf(why, sizeof why, "Slack does not take slack.app_token (%s). Make one with the scope connections:write. Put it into the file of slack.app_token, or start postern with it",
             error);
    if (l->now.socket == NULL || l->replace) {
        give_up(l, why);
        return;
    }
    l->renew = false;
    show(l, SLACK_LINE_OPEN, why);
    log_event(l->node->log, LOG_ERROR, "slack.socket_not_renewed", LOG_STR("why", why));
}

static void connect_it(struct slack_line *l)
{
    char url[SLACK_SOCKET_URL_BYTES];
    if (!take_token(l))
        return;
    struct slack_result r = slack_open_socket(l->api, url);
    if (l->stop)
        return;
    if (r.outcome == SLACK_DONE) {
        open_socket(l, url);
    } else if (r.outcome == SLACK_STOPPED || r.outcome == SLACK_EXPIRED) {
        refuse_token(l, r.error);
    } else {
        note_failure(l, r.error, strcmp(r.error, "ratelimited") == 0 && r.retry_after_s < 0 ? SLOW_DOWN_S : r.retry_after_s);
    }
    secret_wipe(url, sizeof url); /* its ticket opens a connection */
}

/* ---- the thread ---- */

static void wait_a_moment(struct slack_line *l)
{
    struct pollfd all[3] = { { l->awake, POLLIN, 0 } };
    struct web_socket *const sockets[] = { l->now.socket, l->before.socket };
    nfds_t count = 1;
    for (size_t i = 0; i < 2; i++)
        if (sockets[i] != NULL)
            all[count++] = (struct pollfd){ web_socket_descriptor(sockets[i]), (short)(web_socket_wants_to_write(sockets[i]) ? POLLIN | POLLOUT : POLLIN), 0 };
    poll(all, count, ROUND_MS);
}

/* The store may be away when the gateway starts. */
static bool has_store(struct slack_line *l)
{
    struct err err;
    if (l->store != NULL || l->node->stores.open(l->node->stores.context, &l->store, &err) == OK)
        return true;
    l->store = NULL;
    note_failure(l, err.text, 0);
    return false;
}

/* A secret is another one, or an admin says that it was mended: what had given up tries again, and a connection that was opened with the token before is replaced. */
static void look_for_renewal(struct slack_line *l)
{
    struct slack_secret_text token;
    unsigned renewals = slack_app_renewals(l->node->slack);
    if (renewals == l->renewals)
        return;
    l->renewals = renewals;
    l->renew = slack_app_secret(l->node->slack, SLACK_SECRET_APP_TOKEN, &token) != l->token_number;
    secret_wipe(&token, sizeof token);
    l->tries = 0;
    l->next_ms = 0;
    if (is_stopped(l))
        show(l, SLACK_LINE_CONNECTING, "");
}

static void run_round(struct slack_line *l)
{
    struct wire *const wires[] = { &l->now, &l->before };
    look_for_renewal(l);
    bool stopped = is_stopped(l), due = clock_mono_ms(l->node->clock) >= l->next_ms;
    for (size_t i = 0; stopped && i < 2; i++)
        if (wires[i]->socket != NULL && wires[i]->gone_ms == 0)
            begin_goodbye(l, wires[i]);
    if (!stopped && due && (l->now.socket == NULL || l->replace || l->renew) && has_store(l))
        connect_it(l);
    serve(l, &l->now);
    serve(l, &l->before);
    watch(l, &l->now);
    watch(l, &l->before);
    wait_a_moment(l);
}

static void say_goodbye(struct slack_line *l)
{
    struct wire *const wires[] = { &l->now, &l->before };
    int64_t until_ms = clock_mono_ms(l->node->clock) + GOODBYE_MS;
    for (size_t i = 0; i < 2; i++)
        if (wires[i]->socket != NULL)
            begin_goodbye(l, wires[i]);
    while ((l->now.socket != NULL || l->before.socket != NULL) && clock_mono_ms(l->node->clock) < until_ms) {
        struct pollfd all[2] = { { l->now.socket != NULL ? web_socket_descriptor(l->now.socket) : -1, POLLIN, 0 },
                                 { l->before.socket != NULL ? web_socket_descriptor(l->before.socket) : -1, POLLIN, 0 } };
        poll(all, 2, ROUND_MS);
        serve(l, &l->now);
        serve(l, &l->before);
    }
}

static void *line_main(void *context)
{
    struct slack_line *l = context;
    directory_register_thread();
    while (!l->stop)
        run_round(l);
    say_goodbye(l);
    directory_unregister_thread();
    return NULL;
}

/* ---- life ---- */

enum err_code slack_line_new(const struct node *node, struct slack_line **out, struct err *err)
{
    const struct slack_app_options *app = slack_app_options(node->slack);
    struct slack_line *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "the line to Slack");
    *l = (struct slack_line){ .node = node, .shown.since_s = clock_wall_s(node->clock), .awake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    pthread_mutex_init(&l->lock, NULL);
    arena_init(&l->arena, 32 * 1024, ENVELOPE_ARENA_BYTES);
    struct slack_options options = slack_app_client(app);
    options.token = app->app_token;
    options.token_later = false;
    options.tick = tick;
    options.tick_context = l;
    enum err_code code = l->awake < 0 ? err_set(err, ERR_IO, "an eventfd for the line to Slack") : slack_new(&options, &l->api, err);
    if (code != OK) {
        slack_line_free(l);
        return code;
    }
    *out = l;
    return OK;
}

/* Signals go to the main thread. */
enum err_code slack_line_start(struct slack_line *l, struct err *err)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failed = pthread_create(&l->thread, NULL, line_main, l);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    l->started = failed == 0;
    return failed == 0 ? OK : err_set(err, ERR_IO, "a thread for the line to Slack");
}

void slack_line_stop(struct slack_line *l)
{
    const uint64_t one = 1;
    if (l == NULL || !l->started)
        return;
    l->stop = true;
    if (write(l->awake, &one, sizeof one) != (ssize_t)sizeof one)
        log_event(l->node->log, LOG_DEBUG, "slack.socket_stops_late"); /* with its next round */
    pthread_join(l->thread, NULL);
    l->started = false;
}

void slack_line_free(struct slack_line *l)
{
    if (l == NULL)
        return;
    slack_line_stop(l);
    web_socket_free(l->now.socket);
    web_socket_free(l->before.socket);
    slack_free(l->api);
    if (l->store != NULL)
        l->store->ops->free(l->store);
    arena_done(&l->arena);
    if (l->awake >= 0)
        close(l->awake);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
