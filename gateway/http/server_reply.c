/* Answers: from a filled response to libmicrohttpd's, whole or as a stream. */
#include "gateway/http/server_parts.h"
#include "gateway/http/stream.h"

#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>

enum { STREAM_BLOCK_BYTES = 16 * 1024, RAW_BYTES = 4 * 1024 };

/* ---- headers ---- */

static bool has_header(const struct http_response *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++)
        if (span_equal_fold(span_of(res->headers[i].name), span_of(name)))
            return true;
    return false;
}

struct header_list { struct reply_header all[KEPT_HEADERS]; size_t count; };

static void add(struct header_list *to, const char *name, struct span value)
{
    if (to->count < KEPT_HEADERS)
        to->all[to->count++] = (struct reply_header){ name, value, false };
}

/* A static text. */
static void add_fixed(struct header_list *to, const char *name, struct span value)
{
    if (to->count < KEPT_HEADERS)
        to->all[to->count++] = (struct reply_header){ name, value, true };
}

static void add_unless_given(struct header_list *to, const struct http_response *res, const char *name, struct span value)
{
    if (res->header_count == 0 || !has_header(res, name))
        add_fixed(to, name, value);
}

static void collect_headers(const struct exchange *x, const struct http_response *res, struct header_list *to)
{
    const struct server *s = x->server;
    for (size_t i = 0; i < res->header_count; i++)
        add(to, res->headers[i].name, res->headers[i].value);
    if (res->body.bytes > 0 || res->stream != NULL) {
        add_fixed(to, "Content-Type", res->content_type != NULL ? span_of(res->content_type) : SPAN_LITERAL("application/json"));
        add_unless_given(to, res, "X-Content-Type-Options", SPAN_LITERAL("nosniff"));
    }
    if ((s->options.kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) != 0) /* where browsers come */
        add_unless_given(to, res, "Referrer-Policy", SPAN_LITERAL("no-referrer"));
    if (!res->cacheable)
        add_unless_given(to, res, "Cache-Control", SPAN_LITERAL("no-store"));
    if (s->tls && (s->options.kinds & LISTENER_PUBLIC) != 0)
        add_fixed(to, "Strict-Transport-Security", SPAN_LITERAL("max-age=31536000"));
    if (x->request.id[0] != '\0')
        add(to, "X-Request-ID", span_of(x->request.id));
    if (s->quiescing)
        add_fixed(to, "Connection", SPAN_LITERAL("close"));
}

/* ---- whole answers ---- */

static enum MHD_Result queue(struct exchange *x, int status, struct MHD_Response *out)
{
    if (out == NULL)
        return MHD_NO;
    x->status = status != 0 ? status : 200;
    x->stage = STAGE_ANSWERED;
    return MHD_queue_response(x->connection->mhd, (unsigned)x->status, out);
}

static enum MHD_Result queue_own(struct exchange *x, int status, struct MHD_Response *out)
{
    enum MHD_Result queued = queue(x, status, out);
    if (out != NULL)
        MHD_destroy_response(out);
    return queued;
}

enum MHD_Result reply_queue_status(struct exchange *x, int status, const char *detail)
{
    CLEANUP(buf_done) struct buf body;
    struct http_response res = { 0 };
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    problem_status_answer(&x->request, &res, x->style, status, detail);
    body = res.body;
    struct header_list headers = { .count = 0 };
    collect_headers(x, &res, &headers);
    return queue_own(x, status, response_make(headers.all, headers.count, buf_span(&body), true));
}

static enum MHD_Result queue_stream(struct exchange *x);

/* The body is not copied: the exchange lives until libmicrohttpd has reported the end of the request. */
enum MHD_Result reply_queue(struct exchange *x)
{
    struct http_response *res = &x->response;
    if (res->stream != NULL)
        return queue_stream(x);
    struct err err;
    if (buf_check(&res->body, "an answer", &err) != OK) {
        err.code = ERR_INTERNAL; /* ours, whatever it was */
        problem_answer(&x->request, res, x->style, &err);
    }
    if (!memory_takes_answer(x)) {
        counter_add(x->server->counters, COUNT_OVERLOAD, 1);
        buf_done(&res->body);
        problem_status_answer(&x->request, res, x->style, 503, "too many long answers wait for their readers");
    }
    connection_enter(x->connection, PHASE_ANSWER);
    struct header_list headers;
    headers.count = 0;
    collect_headers(x, res, &headers);
    struct span body = buf_span(&res->body);
    x->kept = x->server->quiescing ? NULL : kept_response_take(&x->server->kept, headers.all, headers.count, body);
    enum MHD_Result queued = x->kept != NULL ? queue(x, res->status, kept_response_mhd(x->kept)) : queue_own(x, res->status, response_make(headers.all, headers.count, body, false));
    memory_keep_answer(x);
    return queued;
}

/* ---- past libmicrohttpd ---- */

static void write_past(struct MHD_Connection *mhd, bool tls, struct span text)
{
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    int at = fd != NULL ? fd->connect_fd : -1;
    if (!tls) {
        (void)!send(at, text.at, text.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL)
        (void)gnutls_record_send(info->tls_session, text.at, text.bytes);
}

void reply_raw(struct exchange *x, int status, const char *detail)
{
    CLEANUP(buf_done) struct buf body, text;
    struct http_response res = { 0 };
    buf_init(&res.body, RAW_BYTES);
    buf_init(&text, RAW_BYTES);
    problem_status_answer(&x->request, &res, x->style, status, detail);
    body = res.body;
    x->status = status;
    buf_format(&text, "HTTP/1.1 %d Request Timeout\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n"
                      "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nX-Request-ID: %s\r\n\r\n",
               status, res.content_type, body.bytes, x->request.id);
    if (buf_append(&text, buf_span(&body)))
        write_past(x->connection->mhd, x->server->tls, buf_span(&text));
}

/* ---- streams ---- */

static bool is_event_stream(const struct http_response *res)
{
    return res->content_type != NULL && span_starts(span_of(res->content_type), SPAN_LITERAL("text/event-stream"));
}

static ssize_t read_stream(void *context, uint64_t position, char *at, size_t room)
{
    static const char comment[] = ":\n\n";
    struct exchange *x = context;
    struct http_stream *stream = x->response.stream;
    bool done = false;
    x->server->steps++;
    (void)position;
    size_t bytes = x->ending ? 0 : stream->next(stream, at, room, &done);
    bool beat = x->beat && is_event_stream(&x->response) && room >= sizeof comment;
    x->beat = false;
    if (bytes > 0)
        return (ssize_t)bytes;
    if (done || x->ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (beat) {
        memcpy(at, comment, sizeof comment - 1);
        return sizeof comment - 1;
    }
    x->asleep = true;
    MHD_suspend_connection(x->connection->mhd);
    return 0;
}

static enum MHD_Result queue_stream(struct exchange *x)
{
    x->ending = x->server->quiescing;
    connection_enter(x->connection, PHASE_STREAM);
    atomic_store(&x->response.stream->connection, x);
    struct MHD_Response *out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, x, NULL);
    struct header_list headers = { .count = 0 };
    collect_headers(x, &x->response, &headers);
    if (out != NULL)
        response_add_headers(out, headers.all, headers.count);
    return queue_own(x, x->response.status, out);
}

/* Any thread. The exchange is there: whoever wakes it stops to do so when `free` was called, which is before it goes. */
void reply_wake(struct exchange *x)
{
    struct server *s = x->server;
    if (atomic_exchange(&x->woken, true))
        return;
    pthread_mutex_lock(&s->wake_lock);
    bool first = s->woken_first == NULL;
    x->next_woken = s->woken_first;
    s->woken_first = x;
    atomic_store_explicit(&s->any_woken, true, memory_order_relaxed);
    pthread_mutex_unlock(&s->wake_lock);
    if (first)
        loop_wake(s->loop);
}

void http_stream_wake(struct http_stream *stream)
{
    if (stream->woken != NULL)
        stream->woken(stream);
    struct exchange *x = atomic_load(&stream->connection);
    if (x != NULL)
        reply_wake(x);
}

static void rouse(struct exchange *x)
{
    if (!x->asleep)
        return;
    x->asleep = false;
    MHD_resume_connection(x->connection->mhd);
    x->server->ready = true;
}

void reply_look_at_woken(struct server *s)
{
    if (!atomic_load_explicit(&s->any_woken, memory_order_relaxed))
        return; /* whoever wakes one after this wakes the loop, too */
    pthread_mutex_lock(&s->wake_lock);
    struct exchange *x = s->woken_first, *next;
    s->woken_first = NULL;
    atomic_store_explicit(&s->any_woken, false, memory_order_relaxed);
    pthread_mutex_unlock(&s->wake_lock);
    for (; x != NULL; x = next) {
        next = x->next_woken;
        atomic_store(&x->woken, false); /* from here on it may be in the list again */
        rouse(x);
    }
}

void reply_forget_woken(struct exchange *x)
{
    struct server *s = x->server;
    if (!atomic_load(&x->woken))
        return;
    pthread_mutex_lock(&s->wake_lock);
    for (struct exchange **link = &s->woken_first; *link != NULL; link = &(*link)->next_woken) {
        if (*link == x) {
            *link = x->next_woken;
            break;
        }
    }
    pthread_mutex_unlock(&s->wake_lock);
}

void reply_beat(void *server)
{
    struct server *s = server;
    for (struct connection *c = s->phases[PHASE_STREAM].first; c != NULL; c = c->next) {
        c->exchange->beat = true;
        rouse(c->exchange);
    }
}
