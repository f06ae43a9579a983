#include "gateway/http/request.h"

#include "posture/base/form.h"

#define NAME(text) { text, sizeof(text) - 1 }
const struct span http_known_names[HTTP_KNOWN] = {
    NAME("Host"), NAME("Content-Length"), NAME("Authorization"), NAME("Content-Type"), NAME("Transfer-Encoding"), NAME("Expect"), NAME("Content-Encoding"), NAME("Cookie"),
    NAME("DPoP"), NAME("X-Request-ID"), NAME("Last-Event-ID"), NAME("Origin"), NAME("X-Postern-Person"), NAME("X-Forwarded-Host"), NAME("X-Forwarded-Proto"),
    NAME("X-Forwarded-Uri"), NAME("Client-Cert"), NAME("X-SSL-Client-Cert"), NAME("X-SSL-Client-SHA256"),
};

const struct http_header *request_find_known(const struct http_request *r, enum http_known which)
{
    return r->known.looked ? r->known.at[which] : request_find_header(r, http_known_names[which]);
}

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
    for (size_t i = 0; i < HTTP_KNOWN; i++)
        if (r->known.at[i] != NULL)
            r->known.at[i] = own + (r->known.at[i] - r->headers);
    r->headers = own;
    return OK;
}

bool request_is_type(const struct http_request *r, const char *type)
{
    struct span value = request_known(r, HEADER_CONTENT_TYPE);
    if (span_equal_text(value, type))
        return true;
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
