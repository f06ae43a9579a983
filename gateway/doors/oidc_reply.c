#include "gateway/doors/oidc_reply.h"

#include "connectors/http_client.h"
#include "gateway/http/problem.h"

enum { LOCATION_BYTES = 8000 /* the server leaves out a header beyond 8 KiB */, DESCRIPTION_BYTES = 200, FIELDS_MOST = 4 };

/* RFC 6749 section 4.1.2.1: visible ASCII and space without the quote and the backslash. One mark for each character of another script. */
static struct span described(struct span text, struct arena *a)
{
    struct span cut = span_slice(text, 0, DESCRIPTION_BYTES);
    char *out = arena_alloc(a, cut.bytes + 1);
    size_t used = 0;
    for (size_t i = 0; out != NULL && i < cut.bytes; i++) {
        unsigned char c = (unsigned char)cut.at[i];
        if ((c & 0xc0) == 0x80)
            continue; /* the rest of a character that has its mark */
        out[used++] = c == '"' ? '\'' : c < 0x20 ? ' ' : c == '\\' || c > 0x7e ? '?' : (char)c;
    }
    return span_make(out, used);
}

/* The registered address may have a query of its own (RFC 6749 section 3.1.2). */
static void redirect(struct http_request *r, struct http_response *res, struct span to, const struct login_field *fields, size_t count)
{
    CLEANUP(buf_done) struct buf url;
    struct err err;
    buf_init(&url, LOCATION_BYTES);
    (void)buf_append(&url, to);
    bool more = span_find(to, '?') < to.bytes;
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(&url, more ? '&' : '?');
        buf_append_text(&url, fields[i].name);
        buf_append_byte(&url, '=');
        (void)http_client_encode(fields[i].value, &url);
        more = true;
    }
    enum err_code code = buf_check(&url, "an authorization response", &err);
    struct span location = code == OK ? arena_copy(r->arena, buf_span(&url)) : SPAN_NONE;
    if (span_empty(location)) {
        (void)err_set(&err, ERR_INTERNAL, "an authorization response of %zu bytes has no room", url.bytes);
        problem_answer(r, res, PROBLEM_PAGE, &err);
        return;
    }
    response_redirect(res, 303, location);
}

static void send_fields(struct http_request *r, struct http_response *res, const struct oidc_request *q, const struct login_field *fields, size_t count)
{
    if (q->form_post)
        login_post_form(r, res, q->redirect_uri, fields, count);
    else
        redirect(r, res, q->redirect_uri, fields, count);
}

static size_t add(struct login_field *fields, size_t count, const char *name, struct span value)
{
    if (!span_empty(value))
        fields[count++] = (struct login_field){ name, value };
    return count;
}

void oidc_reply(struct http_request *r, struct http_response *res, const struct oidc_request *q, const char *name, struct span value)
{
    struct login_field fields[FIELDS_MOST];
    size_t count = add(fields, 0, name, value);
    count = add(fields, count, "state", q->state);
    if (!q->id_token) /* an ID token says itself who made it */
        count = add(fields, count, "iss", r->node->options.public_url);
    send_fields(r, res, q, fields, count);
}

/* Entra is told the bare error. */
void oidc_reply_fault(struct http_request *r, struct http_response *res, const struct door *door, const struct oidc_request *q, const char *error, struct span description)
{
    struct login_field fields[FIELDS_MOST];
    bool entra = door->use == DOOR_USE_ENTRA;
    struct span words = described(description, r->arena);
    size_t count = add(fields, 0, "error", span_of(error));
    if (!entra)
        count = add(fields, count, "error_description", words);
    count = add(fields, count, "state", q->state);
    if (!entra)
        count = add(fields, count, "iss", r->node->options.public_url);
    log_event(r->node->log, LOG_INFO, "oidc.refused", LOG_STR("id", r->id), LOG_SPAN("door", door->id), LOG_STR("error", error), LOG_SPAN("why", words));
    send_fields(r, res, q, fields, count);
}
