#include "gateway/http/request.h"

#include "posture/base/form.h"

static const struct http_header *find_header(const struct http_request *r, const char *name)
{
    struct span wanted = span_of(name);
    for (size_t i = 0; i < r->header_count; i++)
        if (span_equal_fold(r->headers[i].name, wanted))
            return &r->headers[i];
    return NULL;
}

struct span request_header(const struct http_request *r, const char *name)
{
    const struct http_header *h = find_header(r, name);
    return h != NULL ? h->value : SPAN_NONE;
}

bool request_has_header(const struct http_request *r, const char *name) { return find_header(r, name) != NULL; }

enum err_code request_detach(struct http_request *r, struct err *err)
{
    struct http_header *own = arena_array(r->arena, r->header_count, sizeof *own);
    for (size_t i = 0; own != NULL && i < r->header_count; i++) {
        own[i] = (struct http_header){ arena_copy(r->arena, r->headers[i].name), arena_copy(r->arena, r->headers[i].value) };
        if (own[i].name.at == NULL || own[i].value.at == NULL)
            own = NULL;
    }
    if (own == NULL)
        return err_set(err, ERR_MEMORY, "copying the headers of a request");
    r->headers = own;
    return OK;
}

bool request_is_type(const struct http_request *r, const char *type)
{
    struct span value = request_header(r, "Content-Type");
    struct span media = span_trim(span_slice(value, 0, span_find(value, ';')));
    return span_equal_fold(media, span_of(type));
}

/* Looks for the name in one Cookie header; false when it holds a second value. */
static bool find_cookie(struct span header, const char *name, struct span *found, bool *seen)
{
    struct span pair;
    while (span_cut(&header, ';', &pair)) {
        pair = span_trim(pair);
        size_t equals = span_find(pair, '=');
        struct span value = span_slice(pair, equals + 1, pair.bytes);
        if (equals == pair.bytes || !span_equal_text(span_slice(pair, 0, equals), name))
            continue;
        if (*seen && !span_equal(*found, value))
            return false;
        *seen = true;
        *found = value;
    }
    return true;
}

enum err_code request_cookie(const struct http_request *r, const char *name, struct span *out, struct err *err)
{
    struct span found = SPAN_NONE;
    bool seen = false;
    for (size_t i = 0; i < r->header_count; i++)
        if (span_equal_fold(r->headers[i].name, SPAN_LITERAL("Cookie")) && !find_cookie(r->headers[i].value, name, &found, &seen))
            return err_set(err, ERR_INPUT, "cookie %s: there are two", name);
    if (!seen)
        return err_set(err, ERR_NOT_FOUND, "cookie %s is missing", name);
    *out = found;
    return OK;
}

enum err_code request_query(const struct http_request *r, const char *name, struct span *out, struct err *err)
{
    return form_value(r->arena, r->query, name, out, err);
}

enum err_code request_form(const struct http_request *r, const char *name, struct span *out, struct err *err)
{
    if (!request_is_type(r, "application/x-www-form-urlencoded"))
        return err_set(err, ERR_INPUT, "the Content-Type must be application/x-www-form-urlencoded");
    return form_value(r->arena, r->body, name, out, err);
}
