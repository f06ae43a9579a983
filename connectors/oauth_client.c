#include "connectors/oauth_client.h"

#include "posture/base/from_json.h"
#include "posture/base/secret.h"
#include "posture/base/to_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEARER_BYTES = 7, EARLY_S = 60 /* a token is not used in its last minute, or last tenth */, LIFE_S = 300, LIFE_MOST_S = 30 * 86400, ASSERTION_LIFE_S = 300, CLAIMS_BYTES = 8 * 1024,
       FORM_BYTES = 32 * 1024, DEPTH = 8, WORD_BYTES = 64 };

struct oauth_client {
    struct http_client *http;
    const struct clock *clock;
    enum err_code (*sign)(void *context, struct span claims, struct buf *jwt, struct err *err);
    void *sign_context;
    char token_url[OAUTH_CLIENT_TEXT_BYTES], client_id[OAUTH_CLIENT_TEXT_BYTES], client_secret[OAUTH_CLIENT_TEXT_BYTES], scope[OAUTH_CLIENT_TEXT_BYTES];
    char header[BEARER_BYTES + OAUTH_CLIENT_TOKEN_BYTES];
    size_t header_bytes;               /* 0: none */
    int64_t until_ms;                  /* monotonic: a token does not live longer because the wall clock was set */
};

/* ---- life ---- */

static bool copy_text(struct span from, char to[OAUTH_CLIENT_TEXT_BYTES])
{
    if (from.bytes >= OAUTH_CLIENT_TEXT_BYTES || (from.bytes > 0 && memchr(from.at, '\0', from.bytes) != NULL))
        return false;
    if (from.bytes > 0)
        memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}

enum err_code oauth_client_new(const struct oauth_client_options *options, const struct http_client_options *judge_url_by, struct http_client *http, struct oauth_client **out, struct err *err)
{
    enum err_code code = http_client_check_url(judge_url_by, options->token_url, err);
    if (code != OK)
        return err_wrap(err, "the token address");
    if (span_empty(options->client_id) || (span_empty(options->client_secret) && options->sign == NULL))
        return err_set(err, ERR_INPUT, "a client needs its id, and a secret or a key");
    struct oauth_client *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_set(err, ERR_MEMORY, "an OAuth client");
    o->http = http;
    o->clock = options->clock;
    o->sign = options->sign;
    o->sign_context = options->sign_context;
    if (copy_text(options->token_url, o->token_url) && copy_text(options->client_id, o->client_id) && copy_text(options->client_secret, o->client_secret) && copy_text(options->scope, o->scope)) {
        *out = o;
        return OK;
    }
    oauth_client_free(o);
    return err_set(err, ERR_INPUT, "a client's id, secret, scopes and token address have at most %d bytes each", OAUTH_CLIENT_TEXT_BYTES - 1);
}

void oauth_client_free(struct oauth_client *o)
{
    if (o != NULL)
        secret_free(o, sizeof *o);
}

void oauth_client_forget(struct oauth_client *o)
{
    secret_wipe(o->header, sizeof o->header);
    o->header_bytes = 0;
}

/* ---- the request ---- */

static void add_pair(struct buf *form, const char *name, struct span value)
{
    if (span_empty(value))
        return;
    if (form->bytes > 0)
        buf_append_byte(form, '&');
    buf_append_text(form, name);
    buf_append_byte(form, '=');
    http_client_encode(value, form);
}

/* RFC 7523 section 3: for this endpoint, for five minutes, once. */
static enum err_code make_assertion(struct oauth_client *o, struct buf *jwt, struct err *err)
{
    CLEANUP(buf_done) struct buf claims;
    struct to_json w;
    char id[SECRET_ID_BYTES + 1];
    int64_t now_s = clock_wall_s(o->clock);
    secret_new_id('j', id);
    buf_init(&claims, CLAIMS_BYTES);
    to_json_init(&w, &claims);
    to_json_object(&w);
    to_json_member_text(&w, "iss", span_of(o->client_id));
    to_json_member_text(&w, "sub", span_of(o->client_id));
    to_json_member_text(&w, "aud", span_of(o->token_url));
    to_json_member_int(&w, "iat", now_s);
    to_json_member_int(&w, "exp", now_s + ASSERTION_LIFE_S);
    to_json_member_text(&w, "jti", span_of(id));
    to_json_end(&w);
    enum err_code code = buf_check(&claims, "an assertion", err);
    return code == OK ? o->sign(o->sign_context, buf_span(&claims), jwt, err) : code;
}

static enum err_code make_form(struct oauth_client *o, struct buf *form, struct err *err)
{
    CLEANUP(buf_wipe) struct buf jwt;
    enum err_code code = OK;
    buf_init(&jwt, FORM_BYTES);
    add_pair(form, "grant_type", SPAN_LITERAL("client_credentials"));
    add_pair(form, "scope", span_of(o->scope));
    if (o->client_secret[0] != '\0') {
        add_pair(form, "client_id", span_of(o->client_id));
        add_pair(form, "client_secret", span_of(o->client_secret));
    } else {
        code = make_assertion(o, &jwt, err);
        add_pair(form, "client_assertion_type", SPAN_LITERAL("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        add_pair(form, "client_assertion", buf_span(&jwt));
    }
    return code == OK ? buf_check(form, "a token request", err) : code;
}

/* ---- the answer ---- */

static bool is_token_text(struct span token)
{
    for (size_t i = 0; i < token.bytes; i++)
        if ((unsigned char)token.at[i] <= 0x20 || (unsigned char)token.at[i] >= 0x7f)
            return false;
    return token.bytes > 0;
}

enum err_code oauth_client_read_token(struct span body, struct buf *token, int64_t *expires_in_s, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span text = SPAN_NONE, type = SPAN_LITERAL("Bearer");
    int64_t life_s = LIFE_S;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ OAUTH_CLIENT_ANSWER_BYTES, DEPTH }, "token answer", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), t = from_json_member(&root, "access_token"), kind = from_json_member(&root, "token_type"), life = from_json_member(&root, "expires_in");
    code = from_json_text(&t, OAUTH_CLIENT_TOKEN_BYTES, &text, err);
    if (code == OK)
        code = from_json_text_opt(&kind, WORD_BYTES, &type, err);
    if (code == OK && from_json_present(&life))
        code = from_json_int_lenient(&life, &life_s, err);
    if (code != OK)
        return code;
    if (!span_equal_fold(type, SPAN_LITERAL("Bearer")))
        return from_json_refuse(&kind, err, "must be Bearer: proof of possession has to be switched off for this client");
    if (!is_token_text(text))
        return from_json_refuse(&t, err, "must be printable text");
    if (life_s < 1 || life_s > LIFE_MOST_S)
        return from_json_refuse(&life, err, "must be 1 to %d seconds", LIFE_MOST_S);
    *expires_in_s = life_s;
    return buf_append(token, text) ? OK : err_set(err, ERR_MEMORY, "a token");
}

void oauth_client_read_error(struct span body, char word[OAUTH_CLIENT_ERROR_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span text = SPAN_NONE;
    size_t used = 0;
    word[0] = '\0';
    if (from_json_parse(body, (struct from_json_limits){ OAUTH_CLIENT_ANSWER_BYTES, DEPTH }, "token answer", &doc, NULL) != OK)
        return;
    struct from_json_value root = from_json_root(doc), error = from_json_member(&root, "error");
    if (from_json_text(&error, OAUTH_CLIENT_ANSWER_BYTES, &text, NULL) != OK)
        return;
    for (size_t i = 0; i < text.bytes && used < WORD_BYTES; i++)
        word[used++] = (text.at[i] >= 'a' && text.at[i] <= 'z') || text.at[i] == '_' ? text.at[i] : '_';
    word[used] = '\0';
}

static struct oauth_client_result say(enum oauth_client_outcome outcome, const char *what)
{
    struct oauth_client_result r = { .outcome = outcome, .retry_after_s = -1 };
    snprintf(r.error, sizeof r.error, "%s", what);
    return r;
}

static struct oauth_client_result keep(struct oauth_client *o, struct span body)
{
    CLEANUP(buf_wipe) struct buf token;
    struct oauth_client_result r = say(OAUTH_CLIENT_DONE, "");
    struct err err = { 0 };
    int64_t life_s = 0;
    buf_init(&token, OAUTH_CLIENT_TOKEN_BYTES);
    if (oauth_client_read_token(body, &token, &life_s, &err) != OK) {
        r.outcome = OAUTH_CLIENT_LATER;
        snprintf(r.error, sizeof r.error, "the token answer cannot be used: %.60s", err.text);
        return r;
    }
    memcpy(o->header, "Bearer ", BEARER_BYTES);
    memcpy(o->header + BEARER_BYTES, token.at, token.bytes);
    o->header_bytes = BEARER_BYTES + token.bytes;
    o->until_ms = clock_mono_ms(o->clock) + 1000 * (life_s - (life_s / 10 < EARLY_S ? life_s / 10 : EARLY_S));
    return r;
}

static struct oauth_client_result judge(struct oauth_client *o, const struct http_reply *reply)
{
    char word[OAUTH_CLIENT_ERROR_BYTES];
    if (reply->status == 200)
        return keep(o, buf_span(&reply->body));
    struct oauth_client_result r = say(OAUTH_CLIENT_LATER, "");
    bool refused = reply->status >= 400 && reply->status < 500 && reply->status != 408 && reply->status != 429;
    oauth_client_read_error(buf_span(&reply->body), word);
    r.outcome = refused ? OAUTH_CLIENT_DENIED : OAUTH_CLIENT_LATER;
    r.retry_after_s = reply->retry_after_s;
    snprintf(r.error, sizeof r.error, "the token address answered %ld%s%.*s", reply->status, word[0] != '\0' ? " " : "", WORD_BYTES - 16, word);
    return r;
}

static struct oauth_client_result fetch(struct oauth_client *o)
{
    CLEANUP(buf_wipe) struct buf form;
    struct http_reply reply = { 0 };
    struct err err = { 0 };
    const struct http_field fields[] = { { "Content-Type", SPAN_LITERAL("application/x-www-form-urlencoded") }, { "Accept", SPAN_LITERAL("application/json") } };
    buf_init(&form, FORM_BYTES);
    enum err_code code = make_form(o, &form, &err);
    if (code != OK) {
        struct oauth_client_result r = say(OAUTH_CLIENT_LATER, "");
        snprintf(r.error, sizeof r.error, "%.90s", err.text);
        return r;
    }
    const struct http_call call = { .method = "POST", .url = span_of(o->token_url), .fields = fields, .field_count = 2, .body = buf_span(&form), .timeout_ms = OAUTH_CLIENT_CALL_MS,
                                    .most_bytes = OAUTH_CLIENT_ANSWER_BYTES, .reuse = true };
    code = http_client_call(o->http, &call, &reply, &err);
    if (code != OK)
        return say(OAUTH_CLIENT_LATER, code == ERR_DENIED ? "the address of the token endpoint is not allowed" : code == ERR_LIMIT ? "the token answer is too long" : "the token address is out of reach");
    struct oauth_client_result r = judge(o, &reply);
    buf_wipe(&reply.body);
    return r;
}

struct oauth_client_result oauth_client_token(struct oauth_client *o, struct span *header, bool *fresh)
{
    struct oauth_client_result r = say(OAUTH_CLIENT_DONE, "");
    *fresh = o->header_bytes == 0 || clock_mono_ms(o->clock) >= o->until_ms;
    if (*fresh) {
        oauth_client_forget(o);
        r = fetch(o);
    }
    *header = span_make(o->header, o->header_bytes);
    return r;
}
