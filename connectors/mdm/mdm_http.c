#include "connectors/mdm/mdm_http.h"

#include "posture/base/secret.h"

#include <string.h>

static struct http_client_options http_options(const struct mdm_options *o)
{
    return (struct http_client_options){ .allow_loopback_http = o->allow_loopback_http, .allow_private = o->allow_private, .ca_file = o->ca_file, .tick = o->tick, .tick_context = o->tick_context };
}

enum err_code mdm_http_init(struct mdm_http *h, const struct mdm_options *options, struct span authorization, struct err *err)
{
    struct http_client_options http = http_options(options);
    struct span base = options->url;
    *h = (struct mdm_http){ .client = NULL };
    while (span_ends(base, SPAN_LITERAL("/")))
        base.bytes--;
    if (base.bytes >= sizeof h->base || authorization.bytes >= sizeof h->authorization)
        return err_set(err, ERR_INPUT, "mdm %.*s: the url or the secret is too long", SPAN_ARGS(options->id));
    memcpy(h->base, base.at, base.bytes);
    if (authorization.bytes > 0)
        memcpy(h->authorization, authorization.at, authorization.bytes);
    return http_client_new(&http, &h->client, err);
}

static struct span below(const struct mdm_http *h, struct span path, struct buf *out)
{
    buf_append_text(out, h->base);
    buf_append(out, path);
    return buf_span(out);
}

enum err_code mdm_http_init_oauth(struct mdm_http *h, const struct mdm_options *options, struct span token_path, struct span scope, struct err *err)
{
    CLEANUP(buf_done) struct buf token_url, whole_scope;
    struct http_client_options http = http_options(options);
    enum err_code code = mdm_http_init(h, options, SPAN_NONE, err);
    buf_init(&token_url, OAUTH_CLIENT_TEXT_BYTES);
    buf_init(&whole_scope, OAUTH_CLIENT_TEXT_BYTES);
    if (code != OK)
        return code;
    const struct oauth_client_options oauth = { .token_url = span_empty(options->token_url) ? below(h, token_path, &token_url) : options->token_url, .client_id = options->client,
                                                .client_secret = options->secret, .scope = span_empty(scope) ? scope : below(h, scope, &whole_scope), .clock = options->clock };
    code = token_url.failed || whole_scope.failed ? err_set(err, ERR_INPUT, "the url is too long") : oauth_client_new(&oauth, &http, h->client, &h->oauth, err);
    return code == OK ? OK : err_wrap(err, "mdm %.*s", SPAN_ARGS(options->id));
}

void mdm_http_done(struct mdm_http *h)
{
    oauth_client_free(h->oauth);
    http_client_free(h->client);
    h->oauth = NULL;
    h->client = NULL;
    secret_wipe(h->authorization, sizeof h->authorization);
}

bool mdm_basic(struct span user, struct span password, char out[MDM_TOKEN_BYTES])
{
    struct buf pair, text;
    buf_init(&pair, MDM_TOKEN_BYTES / 2);
    buf_init(&text, MDM_TOKEN_BYTES - 1);
    buf_append(&pair, user);
    buf_append_byte(&pair, ':');
    buf_append(&pair, password);
    buf_append_text(&text, "Basic ");
    bool fits = !pair.failed && secret_base64(buf_span(&pair), &text) && !text.failed;
    if (fits) {
        memcpy(out, text.at, text.bytes);
        out[text.bytes] = '\0';
    }
    buf_wipe(&pair);
    buf_wipe(&text);
    return fits;
}

/* ---- what an answer means ---- */

static struct mdm_result judge_transport(enum err_code code, bool writes)
{
    if (code == ERR_DENIED)
        return mdm_say(MDM_STOPPED, "the address is not allowed: see allow_private");
    if (code == ERR_INPUT)
        return mdm_say(MDM_REFUSED, "a request that cannot be sent");
    if (code == ERR_LIMIT)
        return mdm_say(writes ? MDM_AMBIGUOUS : MDM_GARBLED, "an answer that is too long");
    if (code == ERR_AMBIGUOUS)
        return mdm_say(writes ? MDM_AMBIGUOUS : MDM_LATER, "no complete answer");
    return mdm_say(MDM_LATER, "out of reach");
}

/* A 5xx after a write says nothing about what was done before it broke. */
static struct mdm_result judge_status(const struct mdm_http *h, const struct mdm_request *request, const struct http_reply *reply)
{
    const char *permission = request->permission != NULL ? request->permission : h->permission;
    long status = reply->status;
    struct mdm_result r = mdm_say(MDM_DONE, "%s", "");
    if (status >= 200 && status < 300)
        return r;
    if (status == 401)
        r = mdm_say(MDM_STOPPED, "401: the credentials are not accepted");
    else if (status == 403)
        r = mdm_say(MDM_STOPPED, "403: a permission is missing: %s", permission != NULL ? permission : "see the page of this manager");
    else if (status == 404 || status == 410)
        r = mdm_say(MDM_ABSENT, "%ld", status);
    else if (status == 409 || status == 423 || status == 408 || status == 425 || status == 429)
        r = mdm_say(MDM_LATER, "%ld", status);
    else if (status >= 500)
        r = mdm_say(request->writes ? MDM_AMBIGUOUS : MDM_LATER, "%ld", status);
    else
        r = mdm_say(MDM_REFUSED, "answered %ld", status);
    r.retry_after_s = reply->retry_after_s;
    return r;
}

/* ---- one call ---- */

/* The token goes to the manager's own origin and nowhere else, whatever a next link says. */
static bool make_url(const struct mdm_http *h, const struct mdm_request *request, struct buf *out)
{
    struct span base = span_of(h->base);
    size_t scheme = span_search(base, SPAN_LITERAL("://"));
    struct span rest = span_slice(base, scheme + 3, base.bytes);
    struct span origin = span_slice(base, 0, scheme + 3 + span_find(rest, '/'));
    if (request->absolute)
        return span_starts(request->path, origin) && request->path.bytes > origin.bytes && request->path.at[origin.bytes] == '/' && buf_append(out, request->path);
    return buf_append(out, base) && buf_append(out, request->path);
}

static enum err_code send(struct mdm_http *h, struct span authorization, const struct mdm_request *request, struct http_reply *reply, struct err *err)
{
    struct buf url;
    buf_init(&url, HTTP_CLIENT_URL_BYTES - 1);
    const struct http_field fields[] = { { "Accept", SPAN_LITERAL("application/json") }, { "Authorization", authorization },
                                         { "Content-Type", span_of(request->type != NULL ? request->type : "application/json") } };
    enum err_code code = make_url(h, request, &url) ? OK : err_set(err, ERR_INPUT, "an address outside the manager");
    const struct http_call call = { .method = request->method, .url = buf_span(&url), .fields = fields, .field_count = span_empty(request->body) ? 2 : 3, .body = request->body,
                                    .timeout_ms = MDM_CALL_MS, .most_bytes = MDM_ANSWER_BYTES, .reuse = !request->writes };
    if (code == OK)
        code = http_client_call(h->client, &call, reply, err);
    buf_done(&url);
    return code;
}

/* A token endpoint that is ill says nothing about the manager's devices: the walk over them waits where it stands. */
static struct mdm_result authorize(struct mdm_http *h, struct span *authorization, bool *fresh)
{
    *authorization = span_of(h->authorization);
    *fresh = false;
    if (h->oauth == NULL)
        return mdm_say(MDM_DONE, "%s", "");
    struct oauth_client_result t = oauth_client_token(h->oauth, authorization, fresh);
    struct mdm_result r = mdm_say(t.outcome == OAUTH_CLIENT_DONE ? MDM_DONE : t.outcome == OAUTH_CLIENT_DENIED ? MDM_STOPPED : MDM_LATER, "%s", t.error);
    r.retry_after_s = t.retry_after_s;
    return r;
}

static struct mdm_result keep_body(struct mdm_result r, const struct http_reply *reply, struct arena *arena, struct span *body)
{
    if (r.outcome != MDM_DONE || body == NULL)
        return r;
    *body = arena_copy(arena, buf_span(&reply->body));
    return body->bytes == reply->body.bytes ? r : mdm_say(MDM_LATER, "memory is short");
}

struct mdm_result mdm_http_call(struct mdm_http *h, const struct mdm_request *request, struct arena *arena, struct span *body)
{
    struct err err;
    for (bool renewed = false;;) {
        struct http_reply reply = { 0 };
        struct span authorization = SPAN_NONE;
        bool fresh = false;
        struct mdm_result r = authorize(h, &authorization, &fresh);
        if (r.outcome != MDM_DONE)
            return r;
        enum err_code code = send(h, authorization, request, &reply, &err);
        if (code != OK)
            return judge_transport(code, request->writes);
        r = keep_body(judge_status(h, request, &reply), &reply, arena, body);
        bool expired = reply.status == 401 && h->oauth != NULL && !fresh && !renewed; /* one new token, then somebody has to look: retrying locks accounts */
        http_reply_done(&reply);
        if (!expired)
            return r;
        oauth_client_forget(h->oauth);
        renewed = true;
    }
}

struct mdm_result mdm_http_json(struct mdm_http *h, const struct mdm_request *request, struct arena *arena, struct from_json **doc)
{
    struct span body = SPAN_NONE;
    struct err err;
    struct mdm_result r = mdm_http_call(h, request, arena, &body);
    if (r.outcome != MDM_DONE)
        return r;
    enum err_code code = from_json_parse_in(arena, body, (struct from_json_limits){ MDM_ANSWER_BYTES, MDM_DEPTH }, "answer", doc, &err);
    if (code == OK)
        return r;
    return code == ERR_MEMORY ? mdm_say(MDM_LATER, "memory is short") : mdm_say(request->writes ? MDM_AMBIGUOUS : MDM_GARBLED, "an answer that is not JSON");
}
