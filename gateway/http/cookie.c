#include "gateway/http/cookie.h"

struct span cookie_get(const struct http_request *r, const char *name)
{
    struct span found = SPAN_NONE, part;
    bool seen = false;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!span_equal_fold(r->headers[i].name, SPAN_LITERAL("Cookie")))
            continue;
        struct span all = r->headers[i].value;
        while (span_cut(&all, ';', &part)) {
            size_t equals = span_find(part, '=');
            if (!span_equal_text(span_trim(span_slice(part, 0, equals)), name))
                continue;
            if (seen)
                return SPAN_NONE;
            seen = true;
            found = span_trim(span_slice(part, equals + 1, part.bytes));
        }
    }
    return found;
}

void cookie_set(const struct http_request *r, struct http_response *res, const char *name, struct span value, int64_t max_age_s)
{
    struct span age = max_age_s == 0 ? SPAN_NONE : arena_format(r->arena, "; Max-Age=%lld", (long long)(max_age_s > 0 ? max_age_s : 0));
    response_header(res, "Set-Cookie", arena_format(r->arena, "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=None%.*s", name, SPAN_ARGS(value), SPAN_ARGS(age)));
}
