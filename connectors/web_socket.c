#include "connectors/web_socket.h"

#include "connectors/http_line.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 100, REQUEST_BYTES = HTTP_CLIENT_URL_BYTES + 1024 };

struct web_socket {
    struct http_line *line;
    struct web_socket_reader reader;
    struct buf out;                 /* not sent yet */
    bool closing;
};

/* ---- the address ---- */

struct address { char url[HTTP_CLIENT_URL_BYTES]; struct span host, target; };

/* libcurl is asked for https or http, and judges the URL; here it is only cut in two (RFC 3986 section 3, RFC 6455 section 3). */
static enum err_code read_address(struct span url, struct address *a, struct err *err)
{
    bool plain = span_starts(url, SPAN_LITERAL("ws://"));
    struct span rest = span_slice(url, plain ? 5 : 6, url.bytes);
    if (!plain && !span_starts(url, SPAN_LITERAL("wss://")))
        return err_set(err, ERR_INPUT, "the address of a WebSocket must begin with wss://");
    for (size_t i = 0; i < rest.bytes; i++)
        if ((unsigned char)rest.at[i] <= ' ' || (unsigned char)rest.at[i] >= 0x7f || rest.at[i] == '#' || rest.at[i] == '\\')
            return err_set(err, ERR_INPUT, "the address of a WebSocket holds what no address may");
    int length = snprintf(a->url, sizeof a->url, "%s%.*s", plain ? "http://" : "https://", SPAN_ARGS(rest));
    if (length < 0 || (size_t)length >= sizeof a->url)
        return err_set(err, ERR_LIMIT, "the address of a WebSocket has more than %d bytes", HTTP_CLIENT_URL_BYTES - 1);
    size_t path = span_find(rest, '/'), query = span_find(rest, '?');
    if (query < path)
        return err_set(err, ERR_INPUT, "the address of a WebSocket has a query and no path");
    a->host = span_slice(rest, 0, path);
    a->target = path < rest.bytes ? span_slice(rest, path, rest.bytes) : SPAN_LITERAL("/");
    return span_find(a->host, '@') < a->host.bytes ? err_set(err, ERR_INPUT, "the address of a WebSocket must not hold a user") : OK;
}

/* ---- bytes ---- */

static enum err_code flush(struct web_socket *w, struct err *err)
{
    while (w->out.bytes > 0) {
        size_t sent = 0;
        enum err_code code = http_line_send(w->line, buf_span(&w->out), &sent, err);
        if (code != OK || sent == 0)
            return code;
        memmove(w->out.at, w->out.at + sent, w->out.bytes - sent);
        w->out.bytes -= sent;
    }
    return OK;
}

/* *got: something arrived. */
static enum err_code receive(struct web_socket *w, bool *got, struct err *err)
{
    char chunk[WEB_SOCKET_CHUNK_BYTES];
    size_t bytes = 0;
    enum err_code code = http_line_receive(w->line, chunk, sizeof chunk, &bytes, err);
    if (code == OK && bytes > 0)
        code = web_socket_take(&w->reader, span_make(chunk, bytes), err);
    *got = code == OK && bytes > 0;
    return code;
}

/* ---- the upgrade ---- */

static bool goes_on(const struct http_client_options *o) { return o->tick == NULL || o->tick(o->tick_context); }

/* One piece of the answer. What comes behind it is the first frame's. */
static enum err_code read_answer(struct web_socket *w, struct buf *answer, const char *key, bool *done, struct err *err)
{
    char piece[1024];
    size_t got = 0, used = 0;
    enum err_code code = http_line_receive(w->line, piece, sizeof piece, &got, err);
    if (code == OK && !buf_append(answer, span_make(piece, got)))
        code = buf_check(answer, "the answer to an upgrade", err);
    if (code == OK)
        code = web_socket_read_upgrade(buf_span(answer), key, &used, err);
    *done = code == OK && used > 0;
    return *done ? web_socket_take(&w->reader, span_slice(buf_span(answer), used, answer->bytes), err) : code;
}

static enum err_code await_answer(struct web_socket *w, const struct web_socket_options *options, const char *key, struct err *err)
{
    CLEANUP(buf_done) struct buf answer;
    bool done = false;
    enum err_code code = OK;
    int64_t until_ms = clock_mono_ms(options->clock) + options->timeout_ms;
    buf_init(&answer, WEB_SOCKET_ANSWER_BYTES + 1024);
    while (code == OK && !done) {
        struct pollfd wait = { http_line_descriptor(w->line), (short)(w->out.bytes > 0 ? POLLIN | POLLOUT : POLLIN), 0 };
        if (clock_mono_ms(options->clock) >= until_ms || !goes_on(&options->http))
            return err_set(err, ERR_UNAVAILABLE, "the WebSocket's peer did not answer in time");
        code = flush(w, err);
        if (code == OK)
            code = read_answer(w, &answer, key, &done, err);
        if (code == OK && !done)
            poll(&wait, 1, WAIT_MS);
    }
    return code;
}

static enum err_code upgrade(struct web_socket *w, const struct web_socket_options *options, const struct address *a, struct err *err)
{
    char key[WEB_SOCKET_KEY_BYTES + 1];
    web_socket_new_key(key);
    web_socket_write_upgrade(a->host, a->target, key, &w->out);
    enum err_code code = buf_check(&w->out, "an upgrade", err);
    return code == OK ? await_answer(w, options, key, err) : code;
}

/* ---- life ---- */

enum err_code web_socket_open(const struct web_socket_options *options, struct span url, struct web_socket **out, struct err *err)
{
    struct address address;
    enum err_code code = read_address(url, &address, err);
    if (code != OK)
        return code;
    struct web_socket *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_MEMORY, "a WebSocket");
    web_socket_reader_init(&w->reader);
    buf_init(&w->out, WEB_SOCKET_WAITING_BYTES);
    code = http_line_open(&options->http, span_of(address.url), options->timeout_ms, &w->line, err);
    if (code == OK)
        code = upgrade(w, options, &address, err);
    if (code != OK) {
        web_socket_free(w);
        return code;
    }
    *out = w;
    return OK;
}

void web_socket_free(struct web_socket *w)
{
    if (w == NULL)
        return;
    http_line_free(w->line);
    web_socket_reader_done(&w->reader);
    buf_done(&w->out);
    free(w);
}

void web_socket_begin_close(struct web_socket *w, unsigned status)
{
    struct err ignored;
    if (!w->closing && web_socket_write_close(status, &w->out))
        (void)!flush(w, &ignored);
    w->closing = true;
}

/* Section 5.5: nothing follows a close; a close is answered with its status. */
static enum err_code react(struct web_socket *w, const struct web_socket_heard *h, struct err *err)
{
    if (h->kind == WEB_SOCKET_PING && !w->closing && !web_socket_write(WEB_SOCKET_PONG, h->data, &w->out))
        return err_set(err, ERR_LIMIT, "the WebSocket's peer asks and does not read");
    if (h->kind == WEB_SOCKET_CLOSE)
        web_socket_begin_close(w, h->status == WEB_SOCKET_NO_STATUS ? WEB_SOCKET_NORMAL : h->status);
    return OK;
}

enum err_code web_socket_hear(struct web_socket *w, struct web_socket_heard *out, struct err *err)
{
    bool got = true;
    enum err_code code = flush(w, err);
    while (code == OK) {
        code = web_socket_read(&w->reader, out, err);
        if (code == ERR_PROTOCOL || code == ERR_LIMIT)
            web_socket_begin_close(w, w->reader.close_status);
        if (code == OK && out->kind != WEB_SOCKET_NOTHING)
            return react(w, out, err);
        if (code != OK || !got)
            break;
        code = receive(w, &got, err);
    }
    return code;
}

enum err_code web_socket_say(struct web_socket *w, enum web_socket_kind kind, struct span data, struct err *err)
{
    if (w->closing)
        return err_set(err, ERR_UNAVAILABLE, "the WebSocket is closing");
    if (!web_socket_write(kind, data, &w->out))
        return err_set(err, ERR_LIMIT, "the WebSocket's peer does not read");
    return flush(w, err);
}

int web_socket_descriptor(const struct web_socket *w) { return http_line_descriptor(w->line); }
bool web_socket_wants_to_write(const struct web_socket *w) { return w->out.bytes > 0; }
