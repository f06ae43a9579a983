/* One request from its head to the end of its answer. */
#include "connectors/inflate.h"
#include "gateway/http/server_parts.h"
#include "gateway/http/stream.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONG_US = 1000000, SAMPLE = 100, FIRST_BODY_BYTES = 16 * 1024 };

static int64_t mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- making, reusing, freeing ---- */

static struct exchange *exchange_new(void)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    arena_init(&x->arena, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    buf_init(&x->response.body, RESPONSE_MAX_BYTES);
    buf_init(&x->raw_body, 0);
    buf_init(&x->inflated, 0);
    return x;
}

static void end_stream(struct exchange *x)
{
    struct http_stream *stream = x->response.stream;
    x->response.stream = NULL;
    if (stream != NULL)
        stream->free(stream); /* after this nobody wakes it */
}

void exchange_free(struct exchange *x)
{
    end_stream(x);
    arena_done(&x->arena);
    buf_done(&x->response.body);
    buf_done(&x->raw_body);
    buf_done(&x->inflated);
    free(x);
}

static void keep_small(struct buf *b)
{
    if (b->room > KEPT_BUF_BYTES)
        buf_done(b);
    buf_clear(b);
}

/* Everything but the memory it owns starts again at zero. */
static void reset(struct exchange *x)
{
    struct arena arena = x->arena;
    struct buf body = x->response.body, raw = x->raw_body, inflated = x->inflated;
    arena_reset(&arena);
    keep_small(&body);
    keep_small(&raw);
    keep_small(&inflated);
    memset((void *)x, 0, offsetof(struct exchange, headers));
    x->arena = arena;
    x->response.body = body;
    x->raw_body = raw;
    x->inflated = inflated;
}

static void release(struct exchange *x)
{
    struct server *s = x->server;
    if (s->spare_count == SPARE_EXCHANGES) {
        exchange_free(x);
        return;
    }
    reset(x);
    x->next_spare = s->spare;
    s->spare = x;
    s->spare_count++;
}

static struct exchange *take_spare(struct server *s)
{
    struct exchange *x = s->spare;
    if (x == NULL)
        return exchange_new();
    s->spare = x->next_spare;
    s->spare_count--;
    return x;
}

/* libmicrohttpd's first word about a request: the target as sent. It is cut up in place afterwards, so it is copied. */
void *exchange_open(void *server, const char *target, struct MHD_Connection *mhd)
{
    struct server *s = server;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info != NULL ? info->socket_context : NULL;
    struct exchange *x = c != NULL ? take_spare(s) : NULL;
    if (x == NULL)
        return NULL; /* memory is short: the connection is closed */
    x->server = s;
    x->connection = c;
    x->held = s->held;
    c->exchange = x;
    x->started_us = s->ended_us != 0 ? s->ended_us : mono_us(); /* one that is taken up behind another lay there when that ended */
    if (!s->turn_known)
        server_look_at_clock(s);
    x->target_at = (uintptr_t)target;
    x->target = arena_copy_text(&x->arena, target);
    s->id_count++;
    s->steps++;
    s->open++;
    return x;
}

/* ---- running the route ---- */

/* False: the body cannot be used and x->response says why. A route that drains what is oversize gets an empty body instead. */
static bool inflate_body(struct exchange *x)
{
    struct err err;
    x->inflated.limit_bytes = x->route->max_body_bytes;
    enum err_code code = inflate_gzip(buf_span(&x->raw_body), &x->inflated, &err);
    x->request.body = code == OK ? buf_span(&x->inflated) : SPAN_NONE;
    if (code == OK)
        return true;
    counter_add(x->request.node->counters, COUNT_GZIP_REFUSED, 1);
    if ((x->route->flags & ROUTE_DRAIN_OVERSIZE) != 0 && code != ERR_MEMORY)
        return true;
    if (code == ERR_LIMIT)
        problem_status_answer(&x->request, &x->response, x->style, 413, err.text);
    else
        problem_answer(&x->request, &x->response, x->style, &err);
    return false;
}

static bool take_body(struct exchange *x)
{
    if (x->body_taken)
        return true;
    x->body_taken = true;
    x->request.body = x->discard ? SPAN_NONE : buf_span(&x->raw_body);
    return !x->gzip || x->discard || inflate_body(x);
}

/* On a slow lane thread: the request, its arena and its response are this thread's until slow_done(). */
static void slow_run(struct slow_job *job, struct store *store)
{
    struct exchange *x = (struct exchange *)(void *)job;
    x->request.store = store;
    x->request.decisions = job->decisions;
    if (take_body(x))
        x->route->slow(&x->request, &x->response);
    x->request.store = NULL;
}

static void ready(struct exchange *x)
{
    x->stage = STAGE_READY;
    server_look_at_clock(x->server); /* a slow job ends between turns */
    connection_enter(x->connection, PHASE_ANSWER);
    MHD_resume_connection(x->connection->mhd);
    x->server->ready = true;
}

/* On the worker's thread, or, when the worker has ended, wherever the last job ends: then the request is long over. */
static void slow_done(struct slow_job *job)
{
    struct exchange *x = (struct exchange *)(void *)job;
    x->in_lane = false;
    if (x->connection == NULL) { /* the server may be gone too */
        memory_outlived(x);
        exchange_free(x);
    } else if (x->stage == STAGE_SLOW) {
        ready(x);
    }
}

void exchange_give_up(struct exchange *x)
{
    x->timed_out = true;
    ready(x);
}

/* The job is sent before the connection is suspended: its answer comes through this thread's own mailbox, so it cannot come first. */
static bool send_to_slow_lane(struct exchange *x)
{
    struct slow_lane *lane = x->server->node->slow_lane;
    struct err err;
    if (x->request.reply == NULL || lane == NULL || x->route->slow == NULL || request_detach(&x->request, &err) != OK)
        return false;
    x->request.worker = NULL;
    x->request.keys = NULL; /* the worker's */
    x->job = (struct slow_job){ .run = slow_run, .done = slow_done, .reply = x->request.reply };
    x->in_lane = true;
    x->stage = STAGE_SLOW;
    if (slow_lane_send(lane, &x->job, x->style != PROBLEM_AGENT))
        return true;
    x->in_lane = false;
    return false;
}

static enum MHD_Result go_slow(struct exchange *x)
{
    if (!send_to_slow_lane(x)) {
        counter_add(x->server->counters, COUNT_OVERLOAD, 1);
        problem_status_answer(&x->request, &x->response, x->style, 503, "too many requests wait already");
        return reply_queue(x);
    }
    connection_enter(x->connection, PHASE_SLOW);
    MHD_suspend_connection(x->connection->mhd);
    return MHD_YES;
}

static enum MHD_Result run(struct exchange *x)
{
    if (x->refused)
        return reply_queue(x);
    if (x->route->fast == NULL)
        return go_slow(x);
    if (take_body(x) && x->route->fast(&x->request, &x->response) == ROUTE_SLOW)
        return go_slow(x);
    return reply_queue(x);
}

/* ---- libmicrohttpd's calls ---- */

static enum MHD_Result begin(struct exchange *x, const char *method, const char *version)
{
    bool early = false;
    x->refused = exchange_begin(x, method, version, &early);
    x->discard = x->discard || x->refused;
    x->stage = STAGE_BODY;
    if (x->refused && early) {
        connection_linger(x->connection);
        return reply_queue(x); /* an answer in the first call: libmicrohttpd reads nothing more and closes */
    }
    if (x->expected_bytes > 0) {
        connection_enter(x->connection, PHASE_BODY);
        x->raw_body.limit_bytes = x->expected_bytes;
        if (!x->discard) /* grows with what arrives: a promised length costs nothing */
            (void)buf_reserve(&x->raw_body, x->expected_bytes < FIRST_BODY_BYTES ? x->expected_bytes : FIRST_BODY_BYTES);
    }
    return MHD_YES;
}

static void take_piece(struct exchange *x, struct span piece)
{
    if (x->discard)
        return;
    bool taken = buf_append(&x->raw_body, piece), room = taken && memory_takes_body(x);
    if (room)
        return;
    struct err err;
    (void)err_set(&err, ERR_MEMORY, taken ? "too many long bodies are on their way" : "no memory for a body of %zu bytes", x->expected_bytes);
    counter_add(x->server->counters, COUNT_OVERLOAD, 1);
    problem_answer(&x->request, &x->response, x->style, &err);
    buf_done(&x->raw_body);
    x->refused = x->discard = true;
}

enum MHD_Result exchange_step(void *server, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *upload, size_t *upload_bytes, void **con_cls)
{
    struct exchange *x = *con_cls;
    (void)server, (void)mhd, (void)url;
    if (x == NULL || x->target.at == NULL)
        return MHD_NO;
    x->server->steps++;
    if (x->stage == STAGE_NEW)
        return begin(x, method, version);
    if (x->stage == STAGE_BODY && *upload_bytes > 0) {
        take_piece(x, span_make(upload, *upload_bytes));
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (x->stage == STAGE_BODY)
        return run(x);
    if (x->stage == STAGE_READY && x->timed_out)
        return reply_queue_status(x, 503, "the store did not answer in time");
    return x->stage == STAGE_READY ? reply_queue(x) : MHD_YES;
}

/* ---- the end ---- */

static void log_done(const struct exchange *x, int64_t us)
{
    const struct log *log = x->server->node->log;
    bool notable = x->status >= 500 || us >= LONG_US || x->server->id_count % SAMPLE == 0;
    enum log_level level = notable ? LOG_INFO : LOG_DEBUG;
    if (log == NULL || level < log->least)
        return;
    log_event(log, level, "request.done", LOG_STR("id", x->request.id), LOG_STR("route", x->route != NULL ? x->route->name : "none"), LOG_INT("status", x->status),
              LOG_SPAN("decision", x->in_lane ? SPAN_NONE : x->response.decision), LOG_INT("duration_us", us));
}

static void count_done(const struct exchange *x, int64_t us)
{
    struct counters *counters = x->server->counters;
    counter_own(counters, COUNT_REQUESTS);
    if (x->status >= 400)
        counter_own(counters, x->status >= 500 ? COUNT_REQUESTS_5XX : COUNT_REQUESTS_4XX);
    counter_own_duration(counters, (uint64_t)(us > 0 ? us : 0));
}

void exchange_complete(void *server, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode how)
{
    struct server *s = server;
    struct exchange *x = *con_cls;
    (void)mhd, (void)how;
    *con_cls = NULL;
    if (x == NULL)
        return;
    kept_response_return(x->kept);
    x->kept = NULL;
    s->steps++;
    s->ended_us = mono_us();
    int64_t us = s->ended_us - x->started_us;
    if (x->stage == STAGE_NEW) {
        counter_add(s->counters, COUNT_PREFLIGHT_REFUSED, 1); /* libmicrohttpd refused the head itself */
    } else {
        log_done(x, us);
        count_done(x, us);
    }
    x->connection->exchange = NULL;
    connection_enter(x->connection, PHASE_HEAD);
    x->connection = NULL;
    s->open--;
    if (x->in_lane) {
        memory_outlives(x);
        return; /* slow_done() frees it */
    }
    memory_forget(x);
    end_stream(x);
    reply_forget_woken(x);
    release(x);
}
