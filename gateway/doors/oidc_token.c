/* The token endpoint: a code, once, for an ID token and an access token for userinfo. No refresh tokens, no other grant.
 * Sources: RFC 6749 sections 3.2, 4.1.3 and 5, RFC 7636 section 4.6, RFC 9700 sections 2.1.1 and 4.5, OpenID Connect Core 1.0 section 3.1.3. */
#include "gateway/doors/oidc.h"
#include "gateway/doors/oidc_client.h"
#include "gateway/doors/oidc_id_token.h"
#include "gateway/doors/oidc_parameters.h"

#include <stddef.h>

enum { GRANT_TYPE_BYTES = 200, CODE_BYTES = 2 * OIDC_GRANT_BYTES, VERIFIER_LEAST = 43, VERIFIER_MOST = 128, REMEMBERED_S = 2 * OIDC_CODE_LIFETIME_S };

struct token_request { struct span grant_type, code, redirect_uri, verifier; };
static const struct oidc_parameter rows[] = {
    { "grant_type", GRANT_TYPE_BYTES, offsetof(struct token_request, grant_type) },
    { "code", CODE_BYTES, offsetof(struct token_request, code) },
    { "redirect_uri", DOOR_URL_BYTES, offsetof(struct token_request, redirect_uri) },
    { "code_verifier", CODE_BYTES, offsetof(struct token_request, verifier) },
};

/* ---- errors ---- */

static bool fail(struct oidc_fault *fault, const char *error, const char *why)
{
    *fault = (struct oidc_fault){ error, span_of(why) };
    return false;
}

/* 401 names a way to authenticate (RFC 9110 section 15.5.2); RFC 6749 section 5.2 has the rest. */
static void answer_fault(const struct http_request *r, struct http_response *res, int status, const struct oidc_fault *fault)
{
    struct to_json w = response_json(res, status);
    to_json_object(&w);
    to_json_member_text(&w, "error", span_of(fault->error));
    to_json_member_text_if(&w, "error_description", fault->description);
    to_json_end(&w);
    response_header(res, "Pragma", SPAN_LITERAL("no-cache"));
    if (status == 401)
        response_header(res, "WWW-Authenticate", SPAN_LITERAL("Basic realm=\"postern\", charset=\"UTF-8\""));
    log_event(r->node->log, LOG_INFO, "oidc.token_refused", LOG_STR("id", r->id), LOG_STR("error", fault->error), LOG_SPAN("why", fault->description));
}

static void answer_error(struct http_request *r, struct http_response *res, const struct err *err)
{
    struct oidc_fault fault = { err->code == ERR_UNAUTHORIZED ? "invalid_client" : "invalid_request", span_of(err->text) };
    if (problem_status(err->code) >= 500)
        problem_answer(r, res, PROBLEM_JSON, err);
    else
        answer_fault(r, res, err->code == ERR_UNAUTHORIZED ? 401 : 400, &fault);
}

/* ---- the code ---- */

/* RFC 7636 section 4.6. A verifier without a challenge is what a downgrade looks like (RFC 9700 section 2.1.1). */
static bool check_verifier(const struct http_request *r, const struct oidc_grant *g, struct span verifier, struct oidc_fault *fault)
{
    if (span_empty(g->challenge))
        return span_empty(verifier) || fail(fault, "invalid_grant", "code_verifier was sent, but the code was asked for without code_challenge");
    if (span_empty(verifier))
        return fail(fault, "invalid_grant", "code_verifier is missing");
    bool fits = verifier.bytes >= VERIFIER_LEAST && verifier.bytes <= VERIFIER_MOST;
    return (fits && span_equal_ct(oidc_hash(verifier, r->arena), g->challenge)) || fail(fault, "invalid_grant", "code_verifier does not fit the code");
}

/* Whose it is and where it went: checked before it is used up, so that nobody else can use it up. */
static bool check_code(const struct http_request *r, const struct door *door, const struct token_request *t, struct oidc_grant *g, struct oidc_fault *fault)
{
    struct err err;
    enum err_code code = oidc_grant_open(r->node, OIDC_GRANT_CODE, t->code, r->now_s, r->arena, g, &err);
    if (code == ERR_EXPIRED)
        return fail(fault, "invalid_grant", "the code has expired");
    if (code != OK || !span_equal(g->door, door->id))
        return fail(fault, "invalid_grant", "the code is not valid for this client");
    if (!span_equal_ct(oidc_hash(t->redirect_uri, r->arena), g->redirect_hash))
        return fail(fault, "invalid_grant", "redirect_uri differs from that of the authorization request");
    return check_verifier(r, g, t->verifier, fault);
}

/* A code that comes again takes back what it gave: one of the two who had it was not meant to. */
static enum err_code use_up(struct http_request *r, struct span code_hash, struct err *err)
{
    struct err ignored;
    enum err_code code = login_once(r, "oidc_code", code_hash, REMEMBERED_S, err);
    if (code == ERR_CONFLICT && login_once(r, "oidc_revoked", code_hash, OIDC_CODE_LIFETIME_S + OIDC_ACCESS_LIFETIME_S, &ignored) == OK)
        log_event(r->node->log, LOG_WARN, "oidc.code_reused", LOG_STR("id", r->id));
    return code;
}

/* ---- the answer ---- */

static enum err_code access_token(const struct http_request *r, const struct oidc_grant *code, struct span code_hash, struct span *out, struct err *err)
{
    struct oidc_grant g = *code;
    g.code_hash = code_hash;
    g.redirect_hash = g.challenge = g.nonce = SPAN_NONE;
    g.expires_s = r->now_s + OIDC_ACCESS_LIFETIME_S;
    return oidc_grant_seal(r->node, OIDC_GRANT_ACCESS, &g, r->arena, out, err);
}

static void write_answer(const struct http_request *r, struct http_response *res, const struct oidc_grant *g, struct span access, struct span id_token)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "access_token", access);
    to_json_member_text(&w, "token_type", SPAN_LITERAL("Bearer"));
    to_json_member_int(&w, "expires_in", OIDC_ACCESS_LIFETIME_S);
    to_json_member_text(&w, "id_token", id_token);
    to_json_member_text(&w, "scope", oidc_scopes_text(g->scopes, r->arena));
    to_json_end(&w);
    response_header(res, "Pragma", SPAN_LITERAL("no-cache")); /* Cache-Control: no-store is the server's default */
}

/* The ID token is made before the code is used up: a failure of ours then costs the RP nothing but a second try. */
static void exchange(struct http_request *r, struct http_response *res, const struct door *door, const struct oidc_grant *g, struct span code)
{
    CLEANUP(buf_done) struct buf id_token;
    static const struct oidc_fault used = { "invalid_grant", { "the code was used before", 24 } };
    struct span code_hash = oidc_hash(code, r->arena), access = SPAN_NONE;
    struct err err;
    buf_init(&id_token, 2 * OIDC_ID_TOKEN_BYTES);
    enum err_code made = span_empty(code_hash) ? err_set(&err, ERR_MEMORY, "using a code") : access_token(r, g, code_hash, &access, &err);
    if (made == OK)
        made = oidc_id_token(r, door, g, access, &id_token, &err);
    if (made == OK)
        made = use_up(r, code_hash, &err);
    if (made == ERR_CONFLICT)
        answer_fault(r, res, 400, &used);
    else if (made != OK)
        problem_answer(r, res, PROBLEM_JSON, &err);
    else
        write_answer(r, res, g, access, buf_span(&id_token));
}

/* ---- the endpoint ---- */

static bool check_request(const struct token_request *t, struct oidc_fault *fault)
{
    if (span_empty(t->grant_type))
        return fail(fault, "invalid_request", "grant_type is missing");
    if (!span_equal_text(t->grant_type, "authorization_code"))
        return fail(fault, "unsupported_grant_type", "grant_type must be authorization_code");
    if (span_empty(t->code))
        return fail(fault, "invalid_request", "code is missing");
    return !span_empty(t->redirect_uri) || fail(fault, "invalid_request", "redirect_uri is missing");
}

/* RPs that live in a browser have no secret; any origin may read an answer that only the holder of code and verifier gets. */
static void allow_browser(struct http_response *res, const struct door *door)
{
    if (door->oidc.auth == DOOR_AUTH_NONE)
        response_header(res, "Access-Control-Allow-Origin", SPAN_LITERAL("*"));
}

void oidc_token(struct http_request *r, struct http_response *res)
{
    struct token_request t = { 0 };
    struct oidc_grant g;
    struct oidc_fault fault;
    struct door door;
    struct err err;
    enum err_code code = span_empty(r->query) ? OK : err_set(&err, ERR_INPUT, "parameters belong into the body, not into the address");
    if (code == OK)
        code = oidc_client_authenticate(r, &door, &err);
    if (code == OK)
        code = oidc_parameters_read(r, rows, sizeof rows / sizeof rows[0], &t, &err);
    if (code != OK)
        answer_error(r, res, &err);
    else if (!check_request(&t, &fault) || !check_code(r, &door, &t, &g, &fault))
        answer_fault(r, res, 400, &fault);
    else
        exchange(r, res, &door, &g, t.code);
    if (code == OK)
        allow_browser(res, &door);
}
