#include "gateway/doors/oidc_parameters.h"

static enum err_code read_one(const struct http_request *r, const struct oidc_parameter *row, struct span *out, struct err *err)
{
    struct span value = SPAN_NONE;
    enum err_code code = r->method == HTTP_POST ? request_form(r, row->name, &value, err) : request_query(r, row->name, &value, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    if (value.bytes > row->most_bytes)
        return err_set(err, ERR_LIMIT, "parameter %s: longer than %zu bytes", row->name, row->most_bytes);
    *out = value;
    return OK;
}

enum err_code oidc_parameters_read(const struct http_request *r, const struct oidc_parameter *rows, size_t count, void *out, struct err *err)
{
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < count; i++) {
        struct span *field = (struct span *)(void *)((char *)out + rows[i].offset);
        *field = SPAN_NONE;
        code = read_one(r, &rows[i], field, err);
    }
    return code;
}
