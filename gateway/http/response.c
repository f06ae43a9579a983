#include "gateway/http/response.h"

#include <assert.h>
#include <string.h>

static bool is_header_value(struct span value)
{
    for (size_t i = 0; i < value.bytes; i++)
        if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == '\0')
            return false;
    return true;
}

void response_header(struct http_response *res, const char *name, struct span value)
{
    bool good = res->header_count < RESPONSE_MAX_HEADERS && is_header_value(value);
    assert(good);
    if (!good) /* without asserts: better no header than two answers in one */
        return;
    res->headers[res->header_count].name = name;
    res->headers[res->header_count++].value = value;
}

void response_text(struct http_response *res, int status, const char *content_type, struct span body)
{
    res->status = status;
    res->content_type = content_type;
    buf_clear(&res->body);
    (void)buf_append(&res->body, body); /* a failed buf becomes a 500 when it is sent */
}

struct to_json response_json(struct http_response *res, int status)
{
    struct to_json w;
    res->status = status;
    res->content_type = "application/json";
    buf_clear(&res->body);
    to_json_init(&w, &res->body);
    return w;
}

void response_redirect(struct http_response *res, int status, struct span location)
{
    response_text(res, status, "text/plain; charset=utf-8", SPAN_NONE);
    response_header(res, "Location", location);
}
