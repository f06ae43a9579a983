#include "gateway/http/request.h"

#include <string.h>

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

/* ---- parameters: application/x-www-form-urlencoded (WHATWG URL, section 5.1) ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into `out`, which has room for text.bytes; false for a broken escape. */
static bool decode(struct span text, char *out, size_t *bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '+')
            c = ' ';
        else if (c == '%') {
            int high = i + 2 < text.bytes ? hex_value(text.at[i + 1]) : -1, low = high >= 0 ? hex_value(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    *bytes = n;
    return true;
}

static enum err_code decoded(struct arena *arena, struct span raw, const char *name, struct span *out, struct err *err)
{
    size_t bytes = 0;
    char *text = arena_alloc(arena, raw.bytes + 1);
    if (text == NULL)
        return err_set(err, ERR_MEMORY, "decoding parameter %s", name);
    if (!decode(raw, text, &bytes) || memchr(text, '\0', bytes) != NULL || !span_is_utf8(span_make(text, bytes)))
        return err_set(err, ERR_INPUT, "parameter %s: bad percent-encoding", name);
    *out = span_make(text, bytes);
    return OK;
}

/* Names are compared as sent: ours need no escapes. */
static enum err_code find_parameter(const struct http_request *r, struct span all, const char *name, struct span *out, struct err *err)
{
    struct span part, found = SPAN_NONE;
    bool seen = false;
    while (span_cut(&all, '&', &part)) {
        size_t equals = span_find(part, '=');
        if (!span_equal_text(span_slice(part, 0, equals), name))
            continue;
        if (seen)
            return err_set(err, ERR_INPUT, "parameter %s: given twice", name);
        seen = true;
        found = span_slice(part, equals + 1, part.bytes);
    }
    if (!seen)
        return err_set(err, ERR_NOT_FOUND, "parameter %s is missing", name);
    return decoded(r->arena, found, name, out, err);
}

enum err_code request_query(const struct http_request *r, const char *name, struct span *out, struct err *err)
{
    return find_parameter(r, r->query, name, out, err);
}

enum err_code request_form(const struct http_request *r, const char *name, struct span *out, struct err *err)
{
    if (!request_is_type(r, "application/x-www-form-urlencoded"))
        return err_set(err, ERR_INPUT, "the Content-Type must be application/x-www-form-urlencoded");
    return find_parameter(r, r->body, name, out, err);
}
