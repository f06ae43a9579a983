#include "gateway/http/request.h"

#include "posture/base/form.h"

const struct http_header *request_find_header(const struct http_request *r, struct span name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (r->headers[i].name.bytes == name.bytes && span_equal_fold(r->headers[i].name, name))
            return &r->headers[i];
    return NULL;
}

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
