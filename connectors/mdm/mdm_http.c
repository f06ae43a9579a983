#include "connectors/mdm/mdm_http.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <string.h>

enum { RENEW_EARLY_MS = 60000, LIFETIME_MOST_S = 24 * 3600, TOKEN_ANSWER_BYTES = 64 * 1024 };

enum err_code mdm_http_init(struct mdm_http *h, const struct mdm_options *options, struct span authorization, mdm_renew_fn *renew, struct err *err)
{
    struct http_client_options http = { .allow_loopback_http = options->allow_loopback_http, .allow_private = options->allow_private, .ca_file = options->ca_file,
                                        .tick = options->tick, .tick_context = options->tick_context };
    *h = (struct mdm_http){ .clock = options->clock, .renew = renew };
    struct span base = options->url;
    while (span_ends(base, SPAN_LITERAL("/")))
        base.bytes--;
    if (base.bytes >= sizeof h->base || authorization.bytes >= sizeof h->authorization || options->token_url.bytes >= sizeof h->token_url)
        return err_set(err, ERR_INPUT, "mdm %.*s: the url or the secret is too long", SPAN_ARGS(options->id));
    memcpy(h->base, base.at, base.bytes);
    if (authorization.bytes > 0)
        memcpy(h->authorization, authorization.at, authorization.bytes);
    if (options->token_url.bytes > 0)
        memcpy(h->token_url, options->token_url.at, options->token_url.bytes);
    return http_client_new(&http, &h->client, err);
}

void mdm_http_done(struct mdm_http *h)
{
    http_client_free(h->client);
    h->client = NULL;
    secret_wipe(h->authorization, sizeof h->authorization);
    secret_wipe(h->form, sizeof h->form);
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

static enum err_code send(struct mdm_http *h, const struct mdm_request *request, struct http_reply *reply, struct err *err)
{
    struct buf url;
    buf_init(&url, HTTP_CLIENT_URL_BYTES - 1);
    const struct http_field fields[] = { { "Accept", SPAN_LITERAL("application/json") }, { "Authorization", span_of(h->authorization) },
                                         { "Content-Type", span_of(request->type != NULL ? request->type : "application/json") } };
    enum err_code code = make_url(h, request, &url) ? OK : err_set(err, ERR_INPUT, "an address outside the manager");
    const struct http_call call = { .method = request->method, .url = buf_span(&url), .fields = fields, .field_count = span_empty(request->body) ? 2 : 3, .body = request->body,
                                    .timeout_ms = MDM_CALL_MS, .most_bytes = MDM_ANSWER_BYTES, .reuse = !request->writes };
    if (code == OK)
        code = http_client_call(h->client, &call, reply, err);
    buf_done(&url);
    return code;
}

static bool token_is_old(const struct mdm_http *h)
{
    return h->renew != NULL && (h->authorization[0] == '\0' || clock_mono_ms(h->clock) >= h->good_until_ms);
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
    struct mdm_result r = mdm_say(MDM_DONE, "%s", "");
    struct err err;
    bool renewed = false;
    for (;;) {
        if (token_is_old(h)) {
            r = h->renew(h);
            if (r.outcome != MDM_DONE)
                return r;
            renewed = true;
        }
        struct http_reply reply = { 0 };
        enum err_code code = send(h, request, &reply, &err);
        if (code != OK)
            return judge_transport(code, request->writes);
        r = keep_body(judge_status(h, request, &reply), &reply, arena, body);
        bool expired = reply.status == 401 && h->renew != NULL && !renewed; /* one new token, then somebody has to look: retrying locks accounts */
        http_reply_done(&reply);
        if (!expired)
            return r;
        h->good_until_ms = 0;
        secret_wipe(h->authorization, sizeof h->authorization);
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

/* ---- access tokens ---- */

static struct mdm_result take_token(struct mdm_http *h, struct span body)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span token = SPAN_NONE;
    int64_t lifetime_s = 0;
    struct err err;
    if (from_json_parse(body, (struct from_json_limits){ TOKEN_ANSWER_BYTES, 8 }, "token", &doc, &err) != OK)
        return mdm_say(MDM_GARBLED, "an access token that is not JSON");
    struct from_json_value root = from_json_root(doc), text = from_json_member(&root, "access_token"), lifetime = from_json_member(&root, "expires_in");
    if (from_json_text(&text, MDM_TOKEN_BYTES - sizeof "Bearer ", &token, &err) != OK || span_empty(token) || from_json_int_lenient(&lifetime, &lifetime_s, &err) != OK || lifetime_s <= 0)
        return mdm_say(MDM_GARBLED, "an answer without access_token and expires_in");
    if (lifetime_s > LIFETIME_MOST_S)
        lifetime_s = LIFETIME_MOST_S;
    int64_t early_ms = lifetime_s * 1000 > 2 * RENEW_EARLY_MS ? RENEW_EARLY_MS : lifetime_s * 500;
    snprintf(h->authorization, sizeof h->authorization, "Bearer %.*s", SPAN_ARGS(token));
    h->good_until_ms = clock_mono_ms(h->clock) + lifetime_s * 1000 - early_ms;
    return mdm_say(MDM_DONE, "%s", "");
}

/* invalid_client comes as 400 or 401 (RFC 6749 5.2): either way nothing gets better by asking again. */
static struct mdm_result judge_token(const struct mdm_http *h, const struct http_reply *reply)
{
    const struct mdm_request request = { .permission = "to fetch access tokens" };
    if (reply->status == 400 || reply->status == 401)
        return mdm_say(MDM_STOPPED, "%ld: the client id or secret is not accepted", reply->status);
    return judge_status(h, &request, reply);
}

struct mdm_result mdm_http_client_credentials(struct mdm_http *h)
{
    struct http_reply reply = { 0 };
    struct err err;
    const struct http_field fields[] = { { "Accept", SPAN_LITERAL("application/json") }, { "Content-Type", SPAN_LITERAL("application/x-www-form-urlencoded") } };
    const struct http_call call = { .method = "POST", .url = span_of(h->token_url), .fields = fields, .field_count = 2, .body = span_of(h->form),
                                    .timeout_ms = MDM_CALL_MS, .most_bytes = TOKEN_ANSWER_BYTES, .reuse = true };
    enum err_code code = http_client_call(h->client, &call, &reply, &err);
    if (code != OK)
        return judge_transport(code, false);
    struct mdm_result r = judge_token(h, &reply);
    if (r.outcome == MDM_DONE)
        r = take_token(h, buf_span(&reply.body));
    if (r.outcome == MDM_ABSENT)
        r = mdm_say(MDM_STOPPED, "404: the token address is not right");
    if (reply.body.at != NULL)
        secret_wipe(reply.body.at, reply.body.bytes);
    http_reply_done(&reply);
    return r;
}
