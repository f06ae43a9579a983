#include "gateway/doors/oidc_request.h"

#include "connectors/http_client.h"
#include "gateway/doors/oidc_client.h"
#include "gateway/doors/oidc_parameters.h"

#include <stddef.h>

enum { URI_BYTES = DOOR_URL_BYTES, SHORT_BYTES = 200, LIST_BYTES = 1000, OBJECT_BYTES = 16 * 1024 };

struct parameters {
    struct span client_id, redirect_uri, state, response_mode;
    struct span response_type, scope, nonce, challenge, challenge_method, prompt, max_age, acr_values, claims, login_hint, id_token_hint;
    struct span request, request_uri, registration, display, ui_locales, claims_locales;
    struct span app_id, app_name, okta_app_id, okta_app_name, their_id;
};
#define ROW(name, most, field) { name, most, offsetof(struct parameters, field) }
static const struct oidc_parameter target_rows[] = { ROW("client_id", OIDC_CLIENT_ID_BYTES, client_id), ROW("redirect_uri", URI_BYTES, redirect_uri) };
static const struct oidc_parameter state_row[] = { ROW("state", OIDC_STATE_BYTES, state) };
static const struct oidc_parameter mode_row[] = { ROW("response_mode", SHORT_BYTES, response_mode) };
static const struct oidc_parameter rows[] = {
    ROW("state", OIDC_STATE_BYTES, state),
    ROW("response_mode", SHORT_BYTES, response_mode),
    ROW("request", OBJECT_BYTES, request),
    ROW("request_uri", OBJECT_BYTES, request_uri),
    ROW("registration", OBJECT_BYTES, registration),
    ROW("response_type", SHORT_BYTES, response_type),
    ROW("scope", LIST_BYTES, scope),
    ROW("nonce", OIDC_NONCE_BYTES, nonce),
    ROW("code_challenge", SHORT_BYTES, challenge),
    ROW("code_challenge_method", SHORT_BYTES, challenge_method),
    ROW("prompt", SHORT_BYTES, prompt),
    ROW("max_age", SHORT_BYTES, max_age),
    ROW("acr_values", LIST_BYTES, acr_values),
    ROW("claims", OIDC_CLAIMS_BYTES, claims),
    ROW("login_hint", LOGIN_PERSON_BYTES, login_hint),
    ROW("id_token_hint", OIDC_HINT_BYTES, id_token_hint),
    ROW("display", SHORT_BYTES, display),
    ROW("ui_locales", LIST_BYTES, ui_locales),
    ROW("claims_locales", LIST_BYTES, claims_locales),
    ROW("app_instance_id", OIDC_APP_BYTES, app_id),
    ROW("app_name", OIDC_APP_BYTES, app_name),
    ROW("OktaAppInstanceId", OIDC_APP_BYTES, okta_app_id),
    ROW("OktaAppName", OIDC_APP_BYTES, okta_app_name),
    ROW("client-request-id", SHORT_BYTES, their_id),
};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* ---- where an answer may go ---- */

static enum err_code registered(const struct door *door, struct span uri, struct err *err)
{
    for (size_t i = 0; i < door->oidc.redirect_uri_count; i++)
        if (span_equal(door->oidc.redirect_uris[i], uri)) /* byte for byte: RFC 9700 section 2.1 */
            return OK;
    return err_set(err, ERR_DENIED, "redirect_uri is not one that client %.*s has registered", SPAN_ARGS(door->oidc.client_id));
}

/* What is said back stays on one line: RFC 6749 appendix A.5 allows no control character in `state`. */
static bool is_line(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return false;
    return true;
}

/* Percent-encoded it may be three times as long. */
static bool state_fits(struct span redirect_uri, struct span state)
{
    CLEANUP(buf_done) struct buf text;
    size_t room = redirect_uri.bytes < OIDC_RETURN_BYTES ? OIDC_RETURN_BYTES - redirect_uri.bytes : 0;
    buf_init(&text, room < OIDC_STATE_BYTES ? room : OIDC_STATE_BYTES);
    return is_line(state) && http_client_encode(state, &text);
}

/* As far as they can be used: what is wrong with them is told by oidc_request_read(), by way of what is right. */
static void read_return(const struct http_request *r, const struct door *door, struct oidc_request *q)
{
    struct parameters p = { 0 };
    struct err err;
    bool state = oidc_parameters_read(r, state_row, COUNT(state_row), &p, &err) == OK && state_fits(q->redirect_uri, p.state);
    bool mode = oidc_parameters_read(r, mode_row, COUNT(mode_row), &p, &err) == OK;
    q->state = state ? p.state : SPAN_NONE;
    q->form_post = door->use == DOOR_USE_ENTRA || (mode && span_equal_text(p.response_mode, "form_post"));
}

enum err_code oidc_request_target(struct http_request *r, struct door *door, struct oidc_request *q, struct err *err)
{
    struct parameters p = { 0 };
    *q = (struct oidc_request){ 0 };
    enum err_code code = oidc_parameters_read(r, target_rows, COUNT(target_rows), &p, err);
    if (code == OK && span_empty(p.client_id))
        code = err_set(err, ERR_INPUT, "client_id is missing");
    if (code == OK)
        code = oidc_client_find(r, p.client_id, door, err);
    if (code == OK && span_empty(p.redirect_uri))
        code = err_set(err, ERR_INPUT, "redirect_uri is missing");
    if (code == OK)
        code = registered(door, p.redirect_uri, err);
    if (code != OK)
        return code;
    q->redirect_uri = p.redirect_uri;
    read_return(r, door, q);
    return OK;
}

/* ---- one check a question; the first that fails is told ---- */

static bool fault_is(struct oidc_fault *fault, const char *error, const char *text)
{
    *fault = (struct oidc_fault){ error, span_of(text) };
    return false;
}

typedef bool check_fn(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault);

static bool check_return(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r, (void)door;
    bool mode = span_empty(p->response_mode) || span_equal_text(p->response_mode, "query") || span_equal_text(p->response_mode, "form_post");
    if (!state_fits(q->redirect_uri, p->state))
        return fault_is(fault, "invalid_request", "parameter state: too long, or not one line");
    return mode || fault_is(fault, "invalid_request", "response_mode must be query or form_post");
}

/* OpenID Connect Core 1.0 section 6: refused by their own codes, so that an RP can do without. */
static bool check_objects(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r, (void)door, (void)q;
    if (!span_empty(p->request))
        return fault_is(fault, "request_not_supported", "the request parameter is not supported");
    if (!span_empty(p->request_uri))
        return fault_is(fault, "request_uri_not_supported", "the request_uri parameter is not supported");
    return span_empty(p->registration) || fault_is(fault, "registration_not_supported", "the registration parameter is not supported");
}

/* The front-channel ID token is there for Entra alone, who knows no other way (RFC 9700 section 2.1.2). */
static bool check_response_type(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r;
    bool code = span_equal_text(p->response_type, "code");
    q->id_token = span_equal_text(p->response_type, "id_token");
    if (span_empty(p->response_type))
        return fault_is(fault, "invalid_request", "response_type is missing");
    if (!code && !q->id_token)
        return fault_is(fault, "unsupported_response_type", "response_type must be code");
    if (q->id_token != (door->use == DOOR_USE_ENTRA))
        return fault_is(fault, "unauthorized_client", "this client may not use this response_type");
    return !q->id_token || span_equal_text(p->response_mode, "form_post") || fault_is(fault, "invalid_request", "response_type id_token needs response_mode form_post");
}

static bool check_scope(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r, (void)door;
    q->scopes = oidc_scopes_from(p->scope);
    q->id_claims = q->userinfo_claims = oidc_scopes_claims(q->scopes);
    return (q->scopes & OIDC_SCOPE_OPENID) != 0 || fault_is(fault, "invalid_scope", "scope must contain openid");
}

static bool is_base64url(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

/* RFC 7636 section 4.3: without a method it would be plain, which is refused (RFC 9700 section 2.1.1). */
static bool check_pkce(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r;
    bool needed = (door->oidc.pkce || door->oidc.auth == DOOR_AUTH_NONE) && !q->id_token;
    if (span_empty(p->challenge) && span_empty(p->challenge_method))
        return !needed || fault_is(fault, "invalid_request", "code_challenge is missing: this client must use PKCE");
    if (!span_equal_text(p->challenge_method, "S256"))
        return fault_is(fault, "invalid_request", "code_challenge_method must be S256");
    if (p->challenge.bytes != OIDC_CHALLENGE_BYTES || !is_base64url(p->challenge))
        return fault_is(fault, "invalid_request", "code_challenge must be 43 characters of base64url");
    q->challenge = p->challenge;
    return true;
}

static bool check_nonce(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r, (void)door;
    q->nonce = p->nonce;
    if (!is_line(p->nonce))
        return fault_is(fault, "invalid_request", "parameter nonce: not one line");
    return !q->id_token || !span_empty(p->nonce) || fault_is(fault, "invalid_request", "nonce is missing");
}

static bool check_prompt(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    struct span rest = p->prompt, word;
    (void)r, (void)door;
    while (!span_empty(rest) && span_cut(&rest, ' ', &word)) {
        bool fresh = span_equal_text(word, "login") || span_equal_text(word, "consent") || span_equal_text(word, "select_account");
        q->passive = q->passive || span_equal_text(word, "none");
        q->force = q->force || fresh;
        if (!fresh && !span_equal_text(word, "none"))
            return fault_is(fault, "invalid_request", "prompt must be none, or of login, consent and select_account");
    }
    return !(q->passive && q->force) || fault_is(fault, "invalid_request", "prompt none stands alone");
}

/* Each login is decided afresh and says so in auth_time, so only "not even the warn page seen before" is left to do: max_age=0 is prompt=login. */
static bool check_max_age(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    uint64_t seconds = 0;
    (void)r, (void)door;
    if (!span_empty(p->max_age) && (p->max_age.bytes > 10 || !span_to_u64(p->max_age, &seconds)))
        return fault_is(fault, "invalid_request", "max_age must be a number of seconds");
    q->force = q->force || (!span_empty(p->max_age) && seconds == 0 && !q->passive);
    return true;
}

static bool check_claims(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    struct oidc_claims claims = { 0 };
    struct err err;
    if (!span_empty(p->claims) && oidc_claims_read(p->claims, r->arena, &claims, &err) != OK)
        return fault_is(fault, "invalid_request", arena_copy_text(r->arena, err.text).at);
    q->id_claims |= claims.id_token;
    q->userinfo_claims |= claims.userinfo;
    q->subject = claims.subject;
    q->acr_essential = claims.acr.essential && claims.acr.count > 0;
    if (q->acr_essential || door->use == DOOR_USE_ENTRA)
        q->acr = claims.acr;
    if (door->use == DOOR_USE_ENTRA)
        q->amr = claims.amr;
    return true;
}

static bool check_hints(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r;
    q->login_hint = p->login_hint;
    q->id_token_hint = p->id_token_hint;
    q->their_id = p->their_id;
    return door->use != DOOR_USE_ENTRA || !span_empty(p->id_token_hint) || fault_is(fault, "invalid_request", "id_token_hint is missing");
}

/* An app named in the browser is believed only where the IdP compares the answer with what it asked. */
static bool check_app(struct http_request *r, const struct door *door, const struct parameters *p, struct oidc_request *q, struct oidc_fault *fault)
{
    (void)r;
    bool api = span_empty(p->app_id) && span_empty(p->app_name);
    if (door->use != DOOR_USE_OKTA_POSTURE)
        return true;
    q->app_names = api ? OIDC_APP_API : OIDC_APP_GUIDE;
    q->app_id = api ? p->okta_app_id : p->app_id;
    q->app_name = api ? p->okta_app_name : p->app_name;
    return (is_line(q->app_id) && is_line(q->app_name)) || fault_is(fault, "invalid_request", "the app's id and name must each be one line");
}

bool oidc_request_read(struct http_request *r, const struct door *door, struct oidc_request *q, struct oidc_fault *fault)
{
    static check_fn *const checks[] = { check_return, check_objects, check_response_type, check_scope, check_pkce, check_nonce,
                                        check_prompt, check_max_age, check_claims, check_hints, check_app };
    struct parameters p = { 0 };
    struct err err;
    if (oidc_parameters_read(r, rows, COUNT(rows), &p, &err) != OK)
        return fault_is(fault, "invalid_request", arena_copy_text(r->arena, err.text).at);
    for (size_t i = 0; i < COUNT(checks); i++)
        if (!checks[i](r, door, &p, q, fault))
            return false;
    return true;
}
