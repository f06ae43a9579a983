/* The server over real connections: plain, TLS and the admin socket. */
#include "gateway/http/stream.h"
#include "tests/support/gateway_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/* What handlers and tests tell each other. */
static struct {
    sem_t entered, gate;       /* a slow handler came in; it may go on */
    atomic_int streams_freed, made;
    struct http_stream *_Atomic stream;
    atomic_int pieces;         /* that the stream may still give */
    atomic_bool stream_done;
} told;

/* ---- routes ---- */

static enum route_result hello(struct http_request *r, struct http_response *res)
{
    (void)r;
    response_text(res, 200, "application/json", SPAN_LITERAL("{\"hello\":true}"));
    return ROUTE_DONE;
}

static enum route_result echo(struct http_request *r, struct http_response *res)
{
    response_text(res, 200, "application/octet-stream", r->body);
    return ROUTE_DONE;
}

static enum route_result body_length(struct http_request *r, struct http_response *res)
{
    response_text(res, 200, "text/plain", arena_format(r->arena, "%zu", r->body.bytes));
    return ROUTE_DONE;
}

static void body_length_slow(struct http_request *r, struct http_response *res) { (void)body_length(r, res); }

static enum route_result item(struct http_request *r, struct http_response *res)
{
    response_text(res, 200, "text/plain", r->params[0]);
    return ROUTE_DONE;
}

static enum route_result who(struct http_request *r, struct http_response *res)
{
    response_text(res, 200, "text/plain", arena_format(r->arena, "%.*s trusted=%d tls=%d caller=%.*s listener=%d", SPAN_ARGS(r->peer), r->trusted_proxy, r->tls, SPAN_ARGS(r->caller.id), (int)r->listener));
    return ROUTE_DONE;
}

static enum route_result redirect(struct http_request *r, struct http_response *res)
{
    (void)r;
    response_redirect(res, 302, SPAN_LITERAL("/hello"));
    res->cacheable = true;
    return ROUTE_DONE;
}

static void gated(struct http_request *r, struct http_response *res)
{
    sem_post(&told.entered);
    sem_wait(&told.gate);
    response_text(res, 200, "text/plain", arena_copy(r->arena, request_header(r, "X-Marker")));
}

static enum route_result maybe_slow(struct http_request *r, struct http_response *res)
{
    return span_empty(r->query) ? ROUTE_SLOW : hello(r, res);
}

static void slow_echo(struct http_request *r, struct http_response *res) { response_text(res, 200, "text/plain", arena_copy(r->arena, request_header(r, "X-Marker"))); }

static size_t stream_next(struct http_stream *s, char *at, size_t room, bool *done)
{
    (void)s, (void)room;
    if (atomic_load(&told.pieces) > 0) {
        atomic_fetch_sub(&told.pieces, 1);
        memcpy(at, "data: x\n\n", 9);
        return 9;
    }
    *done = atomic_load(&told.stream_done);
    return 0;
}

static void stream_free(struct http_stream *s)
{
    struct http_stream *mine = s;
    atomic_compare_exchange_strong(&told.stream, &mine, NULL);
    free(s);
    atomic_fetch_add(&told.streams_freed, 1);
}

static void stream(struct http_request *r, struct http_response *res)
{
    struct http_stream *s = calloc(1, sizeof *s);
    (void)r;
    s->next = stream_next;
    s->free = stream_free;
    atomic_store(&told.stream, s);
    res->content_type = "text/event-stream";
    res->stream = s;
}

static enum route_result too_long(struct http_request *r, struct http_response *res)
{
    char piece[4096];
    (void)r;
    memset(piece, 'x', sizeof piece);
    res->status = 200;
    while (buf_append(&res->body, span_make(piece, sizeof piece)))
        ;
    return ROUTE_DONE;
}

#define ANYWHERE (LISTENER_PUBLIC | LISTENER_INTERNAL | LISTENER_SOCKET)
enum { ECHO_BYTES = 1000, ZIP_BYTES = 1000000 };
static const struct route rows[] = {
    { HTTP_GET, "/hello", ANYWHERE, 0, 0, PROBLEM_JSON, 0, hello, NULL, "hello" },
    { HTTP_POST, "/echo", ANYWHERE, 0, ECHO_BYTES, PROBLEM_JSON, 0, echo, NULL, "echo" },
    { HTTP_PUT, "/echo", ANYWHERE, 0, ECHO_BYTES, PROBLEM_JSON, 0, echo, NULL, "echo" },
    { HTTP_POST, "/zip", ANYWHERE, 0, ZIP_BYTES, PROBLEM_JSON, ROUTE_GZIP_BODY, body_length, NULL, "zip" },
    { HTTP_POST, "/agent/log", ANYWHERE, 0, ECHO_BYTES, PROBLEM_AGENT, ROUTE_GZIP_BODY | ROUTE_DRAIN_OVERSIZE, NULL, body_length_slow, "agent.log" },
    { HTTP_POST, "/agent/read", ANYWHERE, 0, ECHO_BYTES, PROBLEM_AGENT, 0, NULL, gated, "agent.read" },
    { HTTP_GET, "/item/{id}", ANYWHERE, 0, 0, PROBLEM_JSON, 0, item, NULL, "item" },
    { HTTP_GET, "/item/first", ANYWHERE, 0, 0, PROBLEM_JSON, 0, hello, NULL, "first" },
    { HTTP_GET, "/who", ANYWHERE, 0, 0, PROBLEM_JSON, 0, who, NULL, "who" },
    { HTTP_GET, "/redirect", ANYWHERE, 0, 0, PROBLEM_JSON, 0, redirect, NULL, "redirect" },
    { HTTP_GET, "/scoped", ANYWHERE, SCOPE_EVENTS, 0, PROBLEM_JSON, 0, hello, NULL, "scoped" },
    { HTTP_POST, "/scoped", ANYWHERE, SCOPE_EVENTS, ECHO_BYTES, PROBLEM_JSON, 0, echo, NULL, "scoped" },
    { HTTP_GET, "/local", LISTENER_SOCKET, SCOPE_ADMIN, 0, PROBLEM_JSON, 0, who, NULL, "local" },
    { HTTP_GET, "/internal", LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, who, NULL, "internal" },
    { HTTP_POST, "/page", ANYWHERE, 0, 0, PROBLEM_PAGE, 0, hello, NULL, "page" },
    { HTTP_GET, "/gated", ANYWHERE, 0, 0, PROBLEM_JSON, 0, NULL, gated, "gated" },
    { HTTP_GET, "/maybe", ANYWHERE, 0, 0, PROBLEM_JSON, 0, maybe_slow, slow_echo, "maybe" },
    { HTTP_GET, "/stream", ANYWHERE, 0, 0, PROBLEM_JSON, 0, NULL, stream, "stream" },
    { HTTP_GET, "/too-long", ANYWHERE, 0, 0, PROBLEM_JSON, 0, too_long, NULL, "too_long" },
};
static const struct fixture_options usual = { .rows = rows, .row_count = sizeof rows / sizeof rows[0] };

static int start_usual(void **state)
{
    static struct gateway_fixture f;
    memset((void *)&told, 0, sizeof told);
    sem_init(&told.entered, 0, 0);
    sem_init(&told.gate, 0, 0);
    fixture_start(&f, &usual);
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(*state);
    return 0;
}

/* Waits for what another thread does, without saying how long that takes. */
static void wait_for_at_least(atomic_int *what, int least)
{
    while (atomic_load(what) < least)
        usleep(1000);
}

/* ---- one request, one answer ---- */

#define H "Host: localhost\r\n"
struct exchange_row {
    const char *name, *request;
    int status;
    const char *header, *value;    /* that the answer must have; value NULL: must not have */
    const char *body;              /* a part of it; NULL: not looked at */
};
static const struct exchange_row exchange_rows[] = {
    { "plain", "GET /hello HTTP/1.1\r\n" H "\r\n", 200, "Content-Type", "application/json", "{\"hello\":true}" },
    { "query is not the path", "GET /hello?a=/../b HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, NULL },
    { "HTTP/1.0 without Host", "GET /hello HTTP/1.0\r\n\r\n", 200, NULL, NULL, NULL },
    { "nosniff", "GET /hello HTTP/1.1\r\n" H "\r\n", 200, "X-Content-Type-Options", "nosniff", NULL },
    { "no referrer", "GET /hello HTTP/1.1\r\n" H "\r\n", 200, "Referrer-Policy", "no-referrer", NULL }, /* where browsers come */
    { "not stored", "GET /hello HTTP/1.1\r\n" H "\r\n", 200, "Cache-Control", "no-store", NULL },
    { "cacheable is left alone", "GET /redirect HTTP/1.1\r\n" H "\r\n", 302, "Cache-Control", NULL, NULL },
    { "redirect", "GET /redirect HTTP/1.1\r\n" H "\r\n", 302, "Location", "/hello", NULL },
    { "no HSTS without TLS", "GET /hello HTTP/1.1\r\n" H "\r\n", 200, "Strict-Transport-Security", NULL, NULL },
    { "request id is echoed", "GET /hello HTTP/1.1\r\n" H "X-Request-ID: abc-123/~\r\n\r\n", 200, "X-Request-ID", "abc-123/~", NULL },
    { "request id in a problem", "GET /none HTTP/1.1\r\n" H "X-Request-ID: abc\r\n\r\n", 404, "Content-Type", "application/problem+json", "\"instance\":\"abc\"" },
    { "HEAD", "HEAD /hello HTTP/1.1\r\n" H "\r\n", 200, "Content-Length", "14", "" },
    { "body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 200, "Content-Type", "application/octet-stream", "abc" },
    { "PUT", "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 200, NULL, NULL, "abc" },
    { "empty body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 200, "Content-Length", "0", "" },
    { "parameter", "GET /item/a%20b HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, "a b" },
    { "literal before parameter", "GET /item/first HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, "hello" },
    { "unknown path", "GET /none HTTP/1.1\r\n" H "\r\n", 404, "Content-Type", "application/problem+json", "\"status\":404" },
    { "other method", "DELETE /echo HTTP/1.1\r\n" H "\r\n", 405, "Allow", "POST, PUT", NULL },
    { "GET allows HEAD", "POST /hello HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405, "Allow", "GET, HEAD", NULL },
    { "OPTIONS", "OPTIONS /hello HTTP/1.1\r\n" H "\r\n", 405, "Allow", "GET, HEAD", NULL },
    { "unknown method", "BREW /hello HTTP/1.1\r\n" H "\r\n", 501, NULL, NULL, NULL },
    { "other listener", "GET /local HTTP/1.1\r\n" H "\r\n", 404, NULL, NULL, NULL },
    { "carried listener", "GET /internal HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, "listener=4" },
    { "agent refusal", "GET /agent/log HTTP/1.1\r\n" H "\r\n", 405, "Content-Type", "application/json", "{\"error\":" },
    { "agent framing refusal", "POST /agent/log HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, NULL, NULL, "{\"error\":" },
    { "page refusal", "GET /page HTTP/1.1\r\n" H "\r\n", 405, "Content-Type", "text/html; charset=utf-8", "<h1>" },
    { "no credentials", "GET /scoped HTTP/1.1\r\n" H "\r\n", 401, "WWW-Authenticate", "Bearer realm=\"postern\"", "\"status\":401" },
    { "not a key", "GET /scoped HTTP/1.1\r\n" H "Authorization: Bearer abc\r\n\r\n", 401, "WWW-Authenticate", "Bearer realm=\"postern\", error=\"invalid_token\"", NULL },
    { "no credentials with a body", "POST /scoped HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 401, NULL, NULL, NULL },
    { "body on GET", "GET /hello HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 413, NULL, NULL, "too large" },
    { "unknown encoding", "POST /zip HTTP/1.1\r\n" H "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415, NULL, NULL, NULL },
    { "gzip where it is not taken", "POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415, NULL, NULL, NULL },
    { "not gzip", "POST /zip HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 400, NULL, NULL, "gzip" },
    { "broken gzip is dropped on a log route", "POST /agent/log HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 200, NULL, NULL, "0" },
    { "an answer that is too long", "GET /too-long HTTP/1.1\r\n" H "\r\n", 500, "Content-Type", "application/problem+json", "\"status\":500" },
    { "slow by itself", "GET /maybe HTTP/1.1\r\n" H "X-Marker: m1\r\n\r\n", 200, NULL, NULL, "m1" },
    { "fast by itself", "GET /maybe?fast HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, "hello" },
    { "peer", "GET /who HTTP/1.1\r\n" H "\r\n", 200, NULL, NULL, "127.0.0.1 trusted=0 tls=0 caller= listener=1" },
};

static void check_answer(const struct exchange_row *row, const struct fixture_answer *a)
{
    char value[512];
    const char *got = row->header != NULL ? answer_header(a, row->header, value) : NULL;
    bool good = a->status == row->status && (row->body == NULL || strstr(a->body, row->body) != NULL);
    if (row->header != NULL)
        good = good && (row->value == NULL ? got == NULL : got != NULL && strcmp(got, row->value) == 0);
    if (!good)
        fail_msg("%s: status %d, %s: %s, body %s", row->name, a->status, row->header != NULL ? row->header : "-", got != NULL ? got : "-", a->body);
}

static void each_request_has_its_answer(void **state)
{
    for (size_t i = 0; i < sizeof exchange_rows / sizeof exchange_rows[0]; i++) {
        struct fixture_answer a;
        peer_ask(*state, FIXTURE_PLAIN, span_of(exchange_rows[i].request), &a);
        check_answer(&exchange_rows[i], &a);
    }
}

#define BAD(name, text) { name, text, 400, NULL, NULL, NULL }
static const struct exchange_row framing_rows[] = {
    BAD("two lengths", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    BAD("two equal lengths", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    BAD("length and chunks", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BAD("signed length", "POST /echo HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc"),
    BAD("two hosts", "GET /hello HTTP/1.1\r\n" H H "\r\n"),
    BAD("no host", "GET /hello HTTP/1.1\r\n\r\n"),
    BAD("odd host", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BAD("two authorizations", "GET /hello HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n"),
    BAD("escaped NUL", "GET /hello%00 HTTP/1.1\r\n" H "\r\n"),
    BAD("escaped slash", "GET /item/a%2fb HTTP/1.1\r\n" H "\r\n"),
    BAD("backslash", "GET /item\\a HTTP/1.1\r\n" H "\r\n"),
    BAD("dot segments", "GET /item/../hello HTTP/1.1\r\n" H "\r\n"),
    BAD("empty segment", "GET //hello HTTP/1.1\r\n" H "\r\n"),
    BAD("absolute form", "GET http://localhost/hello HTTP/1.1\r\n" H "\r\n"),
    BAD("line feeds alone", "GET /hello HTTP/1.1\nHost: localhost\n\n"),
    BAD("a line feed alone behind a header", "POST /echo HTTP/1.1\r\n" H "X: a\nContent-Length: 3\r\n\r\nabc"),
    BAD("a carriage return alone", "POST /echo HTTP/1.1\r\n" H "X: a\rContent-Length: 3\r\n\r\nabc"),
    BAD("carriage returns alone behind the head", "GET /hello HTTP/1.1\r\n" H "X: a\r\rGET /hello HTTP/1.1\r\n\r\n"),
    BAD("a folded header", "GET /hello HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"),
    BAD("a folded length", "POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n 3\r\n\r\nabc"),
    BAD("a header folded into another's name", "GET /scoped HTTP/1.1\r\n" H "Author: x\r\n ization\r\n\r\n"),
    BAD("a blank before the colon", "POST /echo HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc"),
    BAD("a header without a name", "GET /hello HTTP/1.1\r\n" H ": x\r\n\r\n"),
    BAD("two blanks in the request line", "GET  /hello HTTP/1.1\r\n" H "\r\n"),
    { "chunks", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411, NULL, NULL, NULL },
    { "odd expectation", "POST /echo HTTP/1.1\r\n" H "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417, NULL, NULL, NULL },
};

/* The connection ends, whatever libmicrohttpd still says (0.9.75 sends some of its own refusals' heads twice). */
static bool ends_without_serving(struct fixture_client *c)
{
    char rest[4096];
    size_t have = 0, got;
    while (have < sizeof rest - 1 && (got = peer_read_some(c, rest + have, sizeof rest - 1 - have)) > 0)
        have += got;
    rest[have] = '\0';
    return strstr(rest, "hello") == NULL;
}

/* The request and one more behind it, which must not be served. */
static void ask_and_end(struct gateway_fixture *f, const char *name, struct span request, struct fixture_answer *a)
{
    struct fixture_client c;
    peer_open(&c, f, FIXTURE_PLAIN);
    (void)peer_send(&c, request);
    (void)peer_send(&c, SPAN_LITERAL("GET /hello HTTP/1.1\r\n" H "\r\n"));
    peer_read(&c, false, a);
    if (!ends_without_serving(&c))
        fail_msg("%s: the request behind it was served", name);
    peer_close(&c);
}

static void bad_framing_is_refused_and_nothing_behind_it_is_served(void **state)
{
    for (size_t i = 0; i < sizeof framing_rows / sizeof framing_rows[0]; i++) {
        struct fixture_answer a;
        ask_and_end(*state, framing_rows[i].name, span_of(framing_rows[i].request), &a);
        check_answer(&framing_rows[i], &a);
    }
}

/* libmicrohttpd 1.0 refuses it before we see it. */
static void an_unknown_coding_is_refused(void **state)
{
    struct fixture_answer a;
    ask_and_end(*state, "unknown coding", SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), &a);
    assert_true(a.status == 411 || a.status == 400);
}

/* libmicrohttpd 0.9 answers, 1.0 hangs up without a word at the one in the target. */
static void a_nul_in_the_head_is_refused(void **state)
{
    static const struct { const char *name; struct span request; } nuls[] = {
        { "in the target", SPAN_LITERAL("GET /hello\0/x HTTP/1.1\r\n" H "\r\n") },
        { "in a value", SPAN_LITERAL("GET /hello HTTP/1.1\r\nX: a\0b\r\n" H "\r\n") },
        { "in the last value", SPAN_LITERAL("GET /hello HTTP/1.1\r\n" H "X: a\0\0\0\0b\r\n\r\n") },
        { "behind a length", SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\0 0\r\n\r\nabc") },
        { "in a name", SPAN_LITERAL("GET /hello HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n") },
    };
    for (size_t i = 0; i < sizeof nuls / sizeof nuls[0]; i++) {
        struct fixture_answer a;
        ask_and_end(*state, nuls[i].name, nuls[i].request, &a);
        if (a.status != 400 && a.status != 0)
            fail_msg("%s: %d", nuls[i].name, a.status);
    }
}

static void a_flood_of_headers_is_refused(void **state)
{
    CLEANUP(buf_done) struct buf request;
    struct fixture_answer a;
    buf_init(&request, 65536);
    buf_append_text(&request, "GET /hello HTTP/1.1\r\n" H);
    for (int i = 0; i < HTTP_MAX_HEADERS; i++)
        buf_format(&request, "X-%d: y\r\n", i);
    buf_append_text(&request, "\r\n");
    peer_ask(*state, FIXTURE_PLAIN, buf_span(&request), &a);
    assert_int_equal(a.status, 400);
    buf_clear(&request);
    buf_append_text(&request, "GET /hello HTTP/1.1\r\n" H "X-Long: ");
    for (int i = 0; i < 40000; i++)
        buf_append_byte(&request, 'a');
    buf_append_text(&request, "\r\n\r\n");
    peer_ask(*state, FIXTURE_PLAIN, buf_span(&request), &a);
    assert_int_equal(a.status, 431);
}

static void only_configured_host_names_are_served(void **state)
{
    static const struct span hosts[] = { { "posture.example", 15 } };
    struct fixture_options o = usual;
    struct gateway_fixture f;
    struct fixture_answer a;
    (void)state;
    o.hosts = hosts;
    o.host_count = 1;
    fixture_start(&f, &o);
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /hello HTTP/1.1\r\nHost: Posture.Example:8443\r\n\r\n"), &a);
    assert_int_equal(a.status, 200);
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n"), &a);
    assert_int_equal(a.status, 400);
    fixture_stop(&f);
}

/* ---- connections ---- */

static void a_connection_serves_many_requests(void **state)
{
    static const enum fixture_listener both[] = { FIXTURE_PLAIN, FIXTURE_TLS, FIXTURE_SOCKET };
    for (size_t i = 0; i < 3; i++) {
        struct fixture_client c;
        struct fixture_answer a;
        peer_open(&c, *state, both[i]);
        for (int round = 0; round < 50; round++) {
            assert_true(peer_send(&c, SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nround")));
            peer_read(&c, false, &a);
            assert_int_equal(a.status, 200);
            assert_string_equal(a.body, "round");
            assert_true(peer_send(&c, SPAN_LITERAL("GET /none HTTP/1.1\r\n" H "\r\n"))); /* a refusal keeps it open */
            peer_read(&c, false, &a);
            assert_int_equal(a.status, 404);
            assert_true(peer_send(&c, SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "X-Marker: slow\r\n\r\n")));
            peer_read(&c, false, &a);
            assert_string_equal(a.body, "slow");
        }
        peer_close(&c);
    }
}

static void send_marked(struct fixture_client *c, int mark, bool with_body)
{
    char request[256];
    snprintf(request, sizeof request, with_body ? "POST /echo HTTP/1.1\r\n" H "X-Request-ID: %06d\r\nContent-Length: 6\r\n\r\n%06d" : "GET /hello HTTP/1.1\r\n" H "X-Request-ID: %06d\r\n\r\n", mark, mark);
    assert_true(peer_send(c, span_of(request)));
}

static void check_marked(struct fixture_client *c, int mark, bool with_body)
{
    struct fixture_answer a;
    char text[16], value[512];
    peer_read(c, false, &a);
    snprintf(text, sizeof text, "%06d", mark);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "X-Request-ID", value), text);
    assert_string_equal(a.body, with_body ? text : "{\"hello\":true}");
}

/* Responses are kept and filled again: whoever asks at the same time, and whatever was answered before in the same shape, each gets its own words. */
static void answers_of_one_shape_keep_their_own_words(void **state)
{
    enum { CLIENTS = 12, ROUNDS = 40 };
    struct fixture_client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        peer_open(&clients[i], *state, FIXTURE_PLAIN);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++)
            send_marked(&clients[i], round * 100 + i, (round + i) % 3 != 0);
        for (int i = 0; i < CLIENTS; i++)
            check_marked(&clients[i], round * 100 + i, (round + i) % 3 != 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        peer_close(&clients[i]);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture_client c;
    struct fixture_answer a;
    peer_open(&c, *state, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "X-Marker: one\r\n\r\nGET /item/two HTTP/1.1\r\n" H "\r\nGET /maybe HTTP/1.1\r\n" H "X-Marker: three\r\n\r\n")));
    static const char *const wanted[] = { "one", "two", "three" };
    for (size_t i = 0; i < 3; i++) {
        peer_read(&c, false, &a);
        assert_string_equal(a.body, wanted[i]);
    }
    peer_close(&c);
}

static void tls_answers_with_hsts(void **state)
{
    struct fixture_answer a;
    char value[512];
    peer_ask(*state, FIXTURE_TLS, SPAN_LITERAL("GET /who HTTP/1.1\r\n" H "\r\n"), &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "tls=1"));
    assert_non_null(answer_header(&a, "Strict-Transport-Security", value));
}

static void the_admin_socket_knows_its_peer_and_lets_it_do_everything(void **state)
{
    struct gateway_fixture *f = *state;
    struct fixture_answer a;
    struct stat about;
    char wanted[32];
    assert_int_equal(stat(f->socket_path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    snprintf(wanted, sizeof wanted, "caller=uid:%u", (unsigned)geteuid());
    peer_ask(f, FIXTURE_SOCKET, SPAN_LITERAL("GET /local HTTP/1.1\r\n\r\n"), &a);
    assert_true(a.status == 400 || a.status == 200); /* libmicrohttpd may insist on Host itself */
    peer_ask(f, FIXTURE_SOCKET, SPAN_LITERAL("GET /local HTTP/1.1\r\nHost: any thing\r\n\r\n"), &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, wanted));
    assert_non_null(strstr(a.body, "unix trusted=0"));
}

static void a_proxy_is_trusted_by_its_network(void **state)
{
    static const struct span proxies[] = { { "10.0.0.0/8", 10 }, { "::ffff:127.0.0.0/104", 20 } };
    struct fixture_options o = usual;
    struct gateway_fixture f;
    struct fixture_answer a;
    (void)state;
    o.proxies = proxies;
    o.proxy_count = 2;
    fixture_start(&f, &o);
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /who HTTP/1.1\r\n" H "\r\n"), &a);
    assert_non_null(strstr(a.body, "127.0.0.1 trusted=1"));
    fixture_stop(&f);
}

/* A fixture of its own; `proxy`: our address is a trusted proxy's. */
static void one_address_asks_too_much(bool proxy)
{
    enum { MOST = 5 };
    static const struct span loopback = { "127.0.0.1", 9 };
    struct gateway_fixture f;
    struct fixture_client all[MOST];
    struct fixture_answer *answer = calloc(1, sizeof *answer);
    const struct fixture_options o = { .rows = rows, .row_count = sizeof rows / sizeof rows[0], .connections_per_address = MOST, .proxies = &loopback, .proxy_count = proxy };
    fixture_start(&f, &o);
    for (size_t i = 0; i < MOST; i++) { /* each asks once: then it is surely counted */
        peer_open(&all[i], &f, FIXTURE_PLAIN);
        assert_true(peer_send(&all[i], SPAN_LITERAL("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")));
        peer_read(&all[i], false, answer);
        assert_int_equal(answer->status, 200);
    }
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), answer);
    assert_int_equal(answer->status, proxy ? 200 : 0);
    assert_int_equal(fixture_count(&f, COUNT_CONNECTIONS_REFUSED), !proxy);
    for (size_t i = 0; i < MOST; i++)
        peer_close(&all[i]);
    for (int tries = 0; answer->status != 200 && tries < 1000; tries++) /* until the ends were seen */
        peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), answer);
    assert_int_equal(answer->status, 200);
    free(answer);
    fixture_stop(&f);
}

static void one_address_cannot_take_all_connections(void **state)
{
    (void)state;
    one_address_asks_too_much(false);
    one_address_asks_too_much(true);
}

static void an_address_that_is_taken_is_named(void **state)
{
    struct gateway_fixture *f = *state;
    struct worker *second = NULL;
    struct err err;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", worker_port(f->worker, FIXTURE_PLAIN));
    struct server_options o = { .address = span_of(address), .kinds = LISTENER_PUBLIC };
    assert_int_equal(worker_new(&f->node, 0, &o, 1, &second, &err), ERR_IO);
    assert_non_null(strstr(err.text, address));
    o.shared = true;
    assert_int_equal(worker_new(&f->node, 1, &o, 1, &second, &err), OK); /* a second worker of the same gateway shares it */
    worker_free(second);
    o.address = SPAN_LITERAL("localhost:80");
    assert_int_equal(worker_new(&f->node, 0, &o, 1, &second, &err), ERR_INPUT);
    o = (struct server_options){ .address = SPAN_LITERAL("127.0.0.1:0"), .kinds = LISTENER_PUBLIC, .certificate_pem = SPAN_LITERAL("no"), .key_pem = SPAN_LITERAL("no") };
    assert_int_equal(worker_new(&f->node, 0, &o, 1, &second, &err), ERR_INPUT);
}

/* ---- bodies ---- */

static void ask_with_body(struct gateway_fixture *f, const char *head, struct span body, struct fixture_answer *a)
{
    struct fixture_client c;
    char text[512];
    snprintf(text, sizeof text, "%sContent-Length: %zu\r\n\r\n", head, body.bytes);
    peer_open(&c, f, FIXTURE_PLAIN);
    if (peer_send(&c, span_of(text)))
        (void)peer_send(&c, body);
    peer_read(&c, false, a);
    peer_close(&c);
}

static void the_size_of_a_body_is_bounded(void **state)
{
    static const struct { const char *name, *head; size_t bytes; int status; const char *body; } sizes[] = {
        { "longest", "POST /echo HTTP/1.1\r\n" H, ECHO_BYTES, 200, NULL },
        { "one over", "POST /echo HTTP/1.1\r\n" H, ECHO_BYTES + 1, 413, "problem" },
        { "far over: refused before it came", "POST /echo HTTP/1.1\r\n" H, 16 * 1024 * 1024, 413, NULL },
        { "log longest", "POST /agent/log HTTP/1.1\r\n" H, ECHO_BYTES, 200, "1000" },
        { "log one over: read away", "POST /agent/log HTTP/1.1\r\n" H, ECHO_BYTES + 1, 200, "0" },
        { "log four times", "POST /agent/log HTTP/1.1\r\n" H, 4 * ECHO_BYTES, 200, "0" },
        { "log over that", "POST /agent/log HTTP/1.1\r\n" H, 5 * ECHO_BYTES, 413, "{\"error\":" },
        { "log far over", "POST /agent/log HTTP/1.1\r\n" H, 16 * 1024 * 1024, 413, "{\"error\":" },
    };
    char *body = calloc(1, 16 * 1024 * 1024);
    assert_non_null(body);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fixture_answer a;
        ask_with_body(*state, sizes[i].head, span_make(body, sizes[i].bytes), &a);
        if (a.status != sizes[i].status)
            fail_msg("%s: status %d", sizes[i].name, a.status);
        if (sizes[i].status == 200 && sizes[i].body != NULL)
            assert_string_equal(a.body, sizes[i].body);
    }
    free(body);
}

/* The length alone is enough to refuse: nothing of the body is asked for. */
static void an_expectation_of_too_much_is_refused_before_the_body(void **state)
{
    struct fixture_answer a;
    peer_ask(*state, FIXTURE_PLAIN, SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n"), &a);
    assert_int_equal(a.status, 413);
    struct fixture_client c;
    char line[25 + 1] = "";
    peer_open(&c, *state, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")));
    for (size_t i = 0; i < 25; i++)
        assert_int_equal(peer_read_some(&c, line + i, 1), 1);
    assert_string_equal(line, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_true(peer_send(&c, SPAN_LITERAL("abc")));
    peer_read(&c, false, &a);
    assert_string_equal(a.body, "abc");
    peer_close(&c);
}

static size_t zip(const char *from, size_t bytes, char *to, size_t room)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(void *)(uintptr_t)from;
    z.avail_in = (uInt)bytes;
    z.next_out = (Bytef *)(void *)to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = room - z.avail_out;
    deflateEnd(&z);
    return made;
}

static void gzip_bodies_are_inflated_within_bounds(void **state)
{
    enum { ROOM = 4 * 1024 * 1024 };
    static const struct { const char *name; size_t bytes; bool random, cut; int status; const char *body; } bodies[] = {
        { "empty", 0, false, false, 200, "0" },
        { "small", 100, false, false, 200, "100" },
        { "longest", ZIP_BYTES, true, false, 200, "1000000" },
        { "one over", ZIP_BYTES + 1, true, false, 413, NULL },
        { "bomb by size", ROOM, false, false, 413, NULL },
        { "bomb by ratio", 900000, false, false, 413, NULL },
        { "cut short", 1000, true, true, 400, NULL },
    };
    char *plain = calloc(1, ROOM), *zipped = malloc(ROOM);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct fixture_answer a;
        for (size_t j = 0; j < ROOM; j++)
            plain[j] = bodies[i].random && rand() % 2 == 0 ? 'y' : 'x';
        size_t bytes = zip(plain, bodies[i].bytes, zipped, ROOM);
        ask_with_body(*state, "POST /zip HTTP/1.1\r\n" H "Content-Encoding: gzip\r\n", span_make(zipped, bytes - (bodies[i].cut ? 5 : 0)), &a);
        if (a.status != bodies[i].status || (bodies[i].body != NULL && strcmp(a.body, bodies[i].body) != 0))
            fail_msg("%s: status %d, body %s", bodies[i].name, a.status, a.body);
    }
    assert_true(fixture_count(*state, COUNT_GZIP_REFUSED) >= 4);
    free(plain);
    free(zipped);
}

static void a_slow_body_is_answered_408_and_closed(void **state)
{
    static const enum fixture_listener both[] = { FIXTURE_PLAIN, FIXTURE_TLS };
    struct fixture_options o = usual;
    struct gateway_fixture f;
    (void)state;
    o.request_timeout_ms = 1500; /* a body that is on its way has to come within it on a busy machine, too */
    fixture_start(&f, &o);
    for (size_t i = 0; i < 2; i++) {
        struct fixture_client c;
        struct fixture_answer a;
        peer_open(&c, &f, both[i]);
        assert_true(peer_send(&c, SPAN_LITERAL("POST /agent/log HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\nab")));
        peer_read(&c, false, &a);
        assert_int_equal(a.status, 408);
        assert_non_null(strstr(a.body, "{\"error\":"));
        assert_true(peer_is_closed(&c));
        peer_close(&c);
    }
    assert_int_equal(fixture_count(&f, COUNT_BODY_TIMEOUT), 2);
    fixture_stop(&f);
}

/* ---- slow lane ---- */

static void a_full_slow_lane_is_answered_at_once(void **state)
{
    struct fixture_options o = usual;
    struct gateway_fixture f;
    struct fixture_client waiting[2];
    struct fixture_answer a;
    char value[512];
    (void)state;
    o.slow_threads = 1;
    o.slow_queue = 1;
    fixture_start(&f, &o);
    peer_open(&waiting[0], &f, FIXTURE_PLAIN);
    assert_true(peer_send(&waiting[0], SPAN_LITERAL("GET /gated HTTP/1.1\r\n" H "X-Marker: a\r\n\r\n")));
    sem_wait(&told.entered);
    peer_open(&waiting[1], &f, FIXTURE_PLAIN);
    assert_true(peer_send(&waiting[1], SPAN_LITERAL("GET /gated HTTP/1.1\r\n" H "X-Marker: b\r\n\r\n")));
    while (slow_lane_waiting(f.node.slow_lane) == 0)
        usleep(1000);
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "\r\n"), &a);
    assert_int_equal(a.status, 503);
    assert_non_null(answer_header(&a, "Retry-After", value));
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("POST /agent/read HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body, "{\"error\":\"busy\"}");
    assert_int_equal(fixture_count(&f, COUNT_OVERLOAD), 2);
    for (size_t i = 0; i < 2; i++)
        sem_post(&told.gate);
    for (size_t i = 0; i < 2; i++) {
        peer_read(&waiting[i], false, &a);
        assert_string_equal(a.body, i == 0 ? "a" : "b");
        peer_close(&waiting[i]);
    }
    fixture_stop(&f);
}

static void a_job_that_outlives_its_deadline_is_dropped(void **state)
{
    struct fixture_options o = usual;
    struct gateway_fixture f;
    struct fixture_client c;
    struct fixture_answer a;
    (void)state;
    o.slow_timeout_ms = 1500; /* what comes after it has to be done within it on a busy machine, too */
    fixture_start(&f, &o);
    peer_open(&c, &f, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /gated HTTP/1.1\r\n" H "X-Marker: late\r\n\r\n")));
    sem_wait(&told.entered);
    peer_read(&c, false, &a);
    assert_int_equal(a.status, 503);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /item/next HTTP/1.1\r\n" H "\r\n"))); /* the connection lives on */
    peer_read(&c, false, &a);
    assert_string_equal(a.body, "next");
    sem_post(&told.gate);
    peer_ask(&f, FIXTURE_PLAIN, SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "X-Marker: m\r\n\r\n"), &a);
    assert_string_equal(a.body, "m");
    peer_close(&c);
    fixture_stop(&f);
}

static void a_client_that_leaves_while_it_waits_is_forgotten(void **state)
{
    struct fixture_client c;
    struct fixture_answer a;
    for (int i = 0; i < 4; i++) {
        peer_open(&c, *state, i % 2 == 0 ? FIXTURE_PLAIN : FIXTURE_TLS);
        assert_true(peer_send(&c, SPAN_LITERAL("GET /gated HTTP/1.1\r\n" H "X-Marker: gone\r\n\r\n")));
        sem_wait(&told.entered);
        peer_close(&c);
        sem_post(&told.gate);
    }
    peer_ask(*state, FIXTURE_PLAIN, SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "X-Marker: here\r\n\r\n"), &a);
    assert_string_equal(a.body, "here");
}

/* The gate opens only after the gateway has stopped waiting: 503 for the client, and the job ends on its own. */
static void *open_gate_later(void *context)
{
    struct fixture_client *c = context;
    struct fixture_answer a;
    peer_read(c, false, &a);
    atomic_store(&told.made, a.status);
    sem_post(&told.gate);
    return NULL;
}

static void a_stop_does_not_wait_for_ever(void **state)
{
    struct gateway_fixture f;
    struct fixture_client c, idle, half;
    pthread_t thread;
    (void)state;
    fixture_start(&f, &usual);
    peer_open(&idle, &f, FIXTURE_TLS);
    peer_open(&half, &f, FIXTURE_PLAIN);
    assert_true(peer_send(&half, SPAN_LITERAL("POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc")));
    peer_open(&c, &f, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /gated HTTP/1.1\r\n" H "\r\n")));
    sem_wait(&told.entered);
    assert_int_equal(pthread_create(&thread, NULL, open_gate_later, &c), 0);
    fixture_stop(&f);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&told.made), 503);
    peer_close(&c);
    peer_close(&idle);
    peer_close(&half);
}

/* ---- streams ---- */

static void wake_stream(int pieces)
{
    atomic_fetch_add(&told.pieces, pieces);
    http_stream_wake(atomic_load(&told.stream));
}

static void wait_for_stream(void)
{
    while (atomic_load(&told.stream) == NULL)
        usleep(1000);
}

static void a_stream_gives_pieces_as_they_come(void **state)
{
    static const enum fixture_listener both[] = { FIXTURE_PLAIN, FIXTURE_TLS };
    for (size_t i = 0; i < 2; i++) {
        struct fixture_client c;
        struct fixture_answer a;
        atomic_store(&told.stream_done, false);
        peer_open(&c, *state, both[i]);
        assert_true(peer_send(&c, SPAN_LITERAL("GET /stream HTTP/1.1\r\n" H "\r\n")));
        peer_read(&c, true, &a);
        assert_int_equal(a.status, 200);
        for (int round = 0; round < 20; round++) {
            char text[64] = "";
            size_t have = 0;
            wake_stream(1);
            while (strstr(text, "data: x\n\n") == NULL)
                have += peer_read_some(&c, text + have, sizeof text - 1 - have);
        }
        atomic_store(&told.stream_done, true);
        wake_stream(0);
        wait_for_at_least(&told.streams_freed, (int)i + 1);
        peer_close(&c);
    }
}

static void a_stream_whose_reader_has_gone_is_freed(void **state)
{
    struct fixture_client c;
    struct fixture_answer a;
    peer_open(&c, *state, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /stream HTTP/1.1\r\n" H "\r\n")));
    peer_read(&c, true, &a);
    peer_close(&c);
    while (atomic_load(&told.streams_freed) == 0) { /* the first write meets a reset, a later one finds out */
        struct http_stream *s = atomic_load(&told.stream);
        if (s == NULL)
            break;
        atomic_store(&told.pieces, 1);
        http_stream_wake(s);
        usleep(2000);
        if (atomic_load(&told.stream) != NULL)
            continue;
    }
    wait_for_at_least(&told.streams_freed, 1);
}

static void a_head_of_a_stream_frees_it(void **state)
{
    struct fixture_answer a;
    peer_ask(*state, FIXTURE_PLAIN, SPAN_LITERAL("HEAD /stream HTTP/1.1\r\n" H "\r\n"), &a);
    assert_int_equal(a.status, 200);
    wait_for_at_least(&told.streams_freed, 1);
}

static void a_stop_ends_streams(void **state)
{
    struct gateway_fixture f;
    struct fixture_client c;
    struct fixture_answer a;
    (void)state;
    fixture_start(&f, &usual);
    peer_open(&c, &f, FIXTURE_PLAIN);
    assert_true(peer_send(&c, SPAN_LITERAL("GET /stream HTTP/1.1\r\n" H "\r\n")));
    peer_read(&c, true, &a);
    wait_for_stream();
    fixture_stop(&f);
    assert_int_equal(atomic_load(&told.streams_freed), 1);
    peer_close(&c);
}

/* ---- many at once ---- */

enum { STRESS_THREADS = 8, STRESS_CONNECTIONS = 24, STRESS_ROUNDS = 12 };

static void stress_round(struct fixture_client *clients, unsigned *seed)
{
    char text[256], marker[32];
    struct fixture_answer a;
    unsigned first = (unsigned)rand_r(seed);
    for (unsigned i = 0; i < STRESS_CONNECTIONS; i++) {
        snprintf(text, sizeof text, "GET /%s HTTP/1.1\r\n" H "X-Marker: m%u\r\n\r\n", (first + i) % 3 == 0 ? "item/x" : "maybe", first + i);
        assert_true(peer_send(&clients[i], span_of(text)));
    }
    for (unsigned i = 0; i < STRESS_CONNECTIONS; i++) {
        peer_read(&clients[i], false, &a);
        snprintf(marker, sizeof marker, "m%u", first + i);
        if (a.status == 503)
            continue; /* the lane was full, which is an answer too */
        if (a.status != 200 || strcmp(a.body, (first + i) % 3 == 0 ? "x" : marker) != 0)
            fail_msg("status %d, body %s, wanted %s", a.status, a.body, marker);
        atomic_fetch_add(&told.made, 1);
    }
}

static void *stress_thread(void *context)
{
    struct gateway_fixture *f = context;
    struct fixture_client clients[STRESS_CONNECTIONS];
    unsigned seed = (unsigned)(uintptr_t)&clients;
    for (size_t i = 0; i < STRESS_CONNECTIONS; i++)
        peer_open(&clients[i], f, FIXTURE_PLAIN);
    for (int round = 0; round < STRESS_ROUNDS; round++) {
        stress_round(clients, &seed);
        size_t leaver = (size_t)rand_r(&seed) % STRESS_CONNECTIONS; /* gone in the middle of a request */
        (void)peer_send(&clients[leaver], SPAN_LITERAL("GET /maybe HTTP/1.1\r\n" H "\r\n"));
        peer_close(&clients[leaver]);
        peer_open(&clients[leaver], f, FIXTURE_PLAIN);
    }
    for (size_t i = 0; i < STRESS_CONNECTIONS; i++)
        peer_close(&clients[i]);
    return NULL;
}

static void many_connections_sleep_and_wake_without_losing_an_answer(void **state)
{
    struct fixture_options o = usual;
    struct gateway_fixture f;
    pthread_t threads[STRESS_THREADS];
    (void)state;
    o.slow_queue = 1000;
    fixture_start(&f, &o);
    for (size_t i = 0; i < STRESS_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, stress_thread, &f), 0);
    for (size_t i = 0; i < STRESS_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&told.made), STRESS_THREADS * STRESS_CONNECTIONS * STRESS_ROUNDS);
    fixture_stop(&f);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start_usual, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(each_request_has_its_answer),
        WITH(bad_framing_is_refused_and_nothing_behind_it_is_served),
        WITH(an_unknown_coding_is_refused),
        WITH(a_nul_in_the_head_is_refused),
        WITH(a_flood_of_headers_is_refused),
        WITH(only_configured_host_names_are_served),
        WITH(a_connection_serves_many_requests),
        WITH(answers_of_one_shape_keep_their_own_words),
        WITH(pipelined_requests_are_answered_in_order),
        WITH(tls_answers_with_hsts),
        WITH(the_admin_socket_knows_its_peer_and_lets_it_do_everything),
        WITH(a_proxy_is_trusted_by_its_network),
        WITH(an_address_that_is_taken_is_named),
        cmocka_unit_test(one_address_cannot_take_all_connections),
        WITH(the_size_of_a_body_is_bounded),
        WITH(an_expectation_of_too_much_is_refused_before_the_body),
        WITH(gzip_bodies_are_inflated_within_bounds),
        WITH(a_slow_body_is_answered_408_and_closed),
        WITH(a_full_slow_lane_is_answered_at_once),
        WITH(a_job_that_outlives_its_deadline_is_dropped),
        WITH(a_client_that_leaves_while_it_waits_is_forgotten),
        WITH(a_stop_does_not_wait_for_ever),
        WITH(a_stream_gives_pieces_as_they_come),
        WITH(a_stream_whose_reader_has_gone_is_freed),
        WITH(a_head_of_a_stream_frees_it),
        WITH(a_stop_ends_streams),
        WITH(many_connections_sleep_and_wake_without_losing_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
