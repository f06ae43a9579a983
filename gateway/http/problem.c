#include "gateway/http/problem.h"

#include "gateway/http/stream.h"
#include "gateway/node.h"

/* One row an error code. ERR_LIMIT is about what stands inside a body that was small enough: its size itself is the server's 413. */
static const struct { enum err_code code; int status; } by_code[] = {
    { OK, 200 },           { ERR_INPUT, 400 },     { ERR_PROTOCOL, 400 }, { ERR_DENIED, 403 }, { ERR_UNAUTHORIZED, 401 }, { ERR_NOT_FOUND, 404 },
    { ERR_CONFLICT, 409 }, { ERR_EXPIRED, 410 },   { ERR_GONE, 410 },     { ERR_LIMIT, 400 },  { ERR_TIMEOUT, 503 },      { ERR_UNAVAILABLE, 503 },
    { ERR_AMBIGUOUS, 503 }, { ERR_MEMORY, 503 },   { ERR_IO, 500 },       { ERR_INTERNAL, 500 },
};

int problem_status(enum err_code code)
{
    for (size_t i = 0; i < sizeof by_code / sizeof by_code[0]; i++)
        if (by_code[i].code == code)
            return by_code[i].status;
    return 500;
}

/* One row a status: RFC 9110's phrase for machines, and what a person is told. */
struct words { int status; const char *title, *heading, *advice; };
static const struct words words[] = {
    { 400, "Bad Request", "This link or form is not complete", "Go back and try again. If you came here from a message, open the newest one." },
    { 401, "Unauthorized", "Please sign in", "This page needs to know who you are." },
    { 403, "Forbidden", "This page is not for you to open", "If you think that is wrong, ask your IT team." },
    { 404, "Not Found", "There is no page here", "Check the address, or open the newest message that we sent you." },
    { 405, "Method Not Allowed", "This cannot be done here", "Go back and try again." },
    { 408, "Request Timeout", "That took too long", "Please try again." },
    { 409, "Conflict", "Somebody else was faster", "Reload the page and try again." },
    { 410, "Gone", "This link has expired", "Open the newest message that we sent you, or try to sign in again." },
    { 411, "Length Required", "This cannot be sent this way", "Go back and try again." },
    { 413, "Content Too Large", "That is too much to send at once", "Try again with less." },
    { 415, "Unsupported Media Type", "This cannot be sent this way", "Go back and try again." },
    { 417, "Expectation Failed", "This cannot be sent this way", "Go back and try again." },
    { 421, "Misdirected Request", "There is no page here", "Check the address." },
    { 429, "Too Many Requests", "That was a bit too often", "Wait a minute, then try again." },
    { 500, "Internal Server Error", "Something went wrong on our side", "It is not your fault. Please try again in a minute." },
    { 501, "Not Implemented", "This cannot be done here", "Go back and try again." },
    { 503, "Service Unavailable", "We are busy for a moment", "It is not your fault. Please try again in a minute." },
};

static struct words words_for(int status)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].status == status)
            return words[i];
    return (struct words){ status, "Error", "Something went wrong", "Please try again." };
}

/* ---- the three bodies ---- */

static void write_json(const struct http_request *r, struct http_response *res, struct words w, const char *detail)
{
    struct to_json json = response_json(res, w.status);
    res->content_type = "application/problem+json";
    to_json_object(&json);
    to_json_member_text(&json, "type", SPAN_LITERAL("about:blank"));
    to_json_member_text(&json, "title", span_of(w.title));
    to_json_member_int(&json, "status", w.status);
    to_json_member_text_if(&json, "detail", span_of(detail));
    to_json_member_text_if(&json, "instance", span_of(r->id));
    to_json_end(&json);
}

/* The text must never be missing: osqueryd takes a body without `error` for success. */
static void write_agent(struct http_response *res, struct words w, const char *detail)
{
    struct to_json json = response_json(res, w.status);
    const char *text = w.status == 503 ? "busy" : detail != NULL && detail[0] != '\0' ? detail : w.title;
    to_json_object(&json);
    to_json_member_text(&json, "error", span_of(text));
    to_json_end(&json);
}

static void append_escaped(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c == '\'' ? "&#39;" : NULL;
        if (entity != NULL)
            buf_append_text(out, entity);
        else
            buf_append_byte(out, c);
    }
}

static void write_page(const struct http_request *r, struct http_response *res, struct words w)
{
    response_text(res, w.status, "text/html; charset=utf-8", SPAN_NONE);
    response_header(res, "Content-Security-Policy", SPAN_LITERAL("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    buf_format(&res->body, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\n<body><h1>%s</h1>\n<p>%s</p>\n<p><small>Number for your IT team: ",
               w.heading, w.heading, w.advice);
    append_escaped(&res->body, span_of(r->id));
    buf_append_text(&res->body, "</small></p></body></html>\n");
}

/* ---- answering ---- */

static void forget(struct http_response *res)
{
    if (res->stream != NULL)
        res->stream->free(res->stream);
    res->stream = NULL;
    res->header_count = 0;
    res->cacheable = false;
}

static void answer(const struct http_request *r, struct http_response *res, enum problem_style style, int status, const char *detail)
{
    struct words w = words_for(status);
    forget(res);
    if (style == PROBLEM_AGENT)
        write_agent(res, w, detail);
    else if (style == PROBLEM_PAGE)
        write_page(r, res, w);
    else
        write_json(r, res, w, detail);
    if (status == 503 || status == 429)
        response_header(res, "Retry-After", status == 503 ? SPAN_LITERAL("1") : SPAN_LITERAL("60"));
}

void problem_answer(const struct http_request *r, struct http_response *res, enum problem_style style, const struct err *err)
{
    int status = problem_status(err->code);
    if (status >= 500 && r->node != NULL)
        log_event(r->node->log, LOG_WARN, "request.failed", LOG_STR("id", r->id), LOG_STR("code", err_name(err->code)), LOG_ERR(err));
    answer(r, res, style, status, status < 500 ? err->text : NULL);
}

void problem_status_answer(const struct http_request *r, struct http_response *res, enum problem_style style, int status, const char *detail)
{
    answer(r, res, style, status, detail);
}
