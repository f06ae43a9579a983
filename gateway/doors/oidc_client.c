#include "gateway/doors/oidc_client.h"

#include "connectors/identity/jose.h"
#include "gateway/doors/oidc.h"
#include "gateway/doors/oidc_parameters.h"
#include "gateway/doors/oidc_request.h"
#include "gateway/http/auth.h"
#include "posture/base/form.h"

#include <stddef.h>

enum { SECRET_BYTES = 1024, TYPE_BYTES = 200, JTI_BYTES = 256, ASSERTION_MOST_S = 600 /* how far ahead its exp may lie */, NEEDED_ALGORITHMS = JOSE_RS256 | JOSE_PS256 | JOSE_ES256 };
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* As the policy spells them. */
static const char *const method_names[] = {
    [DOOR_AUTH_BASIC] = "client_secret_basic", [DOOR_AUTH_POST] = "client_secret_post", [DOOR_AUTH_PRIVATE_KEY_JWT] = "private_key_jwt", [DOOR_AUTH_NONE] = "none"
};

/* ---- the door ---- */

static enum err_code copy_door(const struct http_request *r, const struct door *door, struct door *out, struct err *err)
{
    if (door == NULL && !directory_counts(r->node->directory).complete)
        return err_set(err, ERR_UNAVAILABLE, "this node is starting and does not know the doors yet");
    if (door == NULL || door->kind != DOOR_OIDC)
        return err_set(err, ERR_NOT_FOUND, "client_id names no client of ours");
    return door_copy(door, r->arena, out) ? OK : err_set(err, ERR_MEMORY, "reading a door");
}

enum err_code oidc_client_find(const struct http_request *r, struct span client_id, struct door *door, struct err *err)
{
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    enum err_code code = copy_door(r, policy != NULL ? policy_door_oidc(policy, client_id) : NULL, door, err);
    directory_leave(r->node->directory);
    return code;
}

enum err_code oidc_client_of_door(const struct http_request *r, struct span id, struct door *door, struct err *err)
{
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    enum err_code code = copy_door(r, policy != NULL ? policy_door(policy, id) : NULL, door, err);
    directory_leave(r->node->directory);
    return code;
}

/* ---- what the form and its header say of who sends it ---- */

struct credentials { struct span client_id, secret, assertion, assertion_type; enum door_client_auth method; };
static const struct oidc_parameter rows[] = {
    { "client_id", OIDC_CLIENT_ID_BYTES, offsetof(struct credentials, client_id) },
    { "client_secret", SECRET_BYTES, offsetof(struct credentials, secret) },
    { "client_assertion", JOSE_TOKEN_BYTES, offsetof(struct credentials, assertion) },
    { "client_assertion_type", TYPE_BYTES, offsetof(struct credentials, assertion_type) },
};

static enum err_code refuse(struct err *err, const char *why) { return err_set(err, ERR_UNAUTHORIZED, "client authentication failed: %s", why); }

/* RFC 6749 section 2.3.1: both parts are form-encoded before they are put together. */
static enum err_code read_basic(const struct http_request *r, struct credentials *c, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text;
    struct err ignored;
    struct span value = span_trim(request_header(r, "Authorization")), id = SPAN_NONE;
    size_t space = span_find(value, ' ');
    buf_init(&text, 2 * SECRET_BYTES);
    if (!span_equal_fold(span_slice(value, 0, space), SPAN_LITERAL("Basic")))
        return refuse(err, "the Authorization header must be Basic");
    if (secret_from_base64(span_trim(span_slice(value, space, value.bytes)), 2 * SECRET_BYTES, &text, &ignored) != OK)
        return refuse(err, "the Authorization header is not base64");
    struct span both = buf_span(&text);
    size_t colon = span_find(both, ':');
    if (colon == both.bytes)
        return refuse(err, "the Authorization header holds no client_id and secret");
    if (form_decode(r->arena, span_slice(both, 0, colon), "client_id", &id, &ignored) != OK
        || form_decode(r->arena, span_slice(both, colon + 1, both.bytes), "client_secret", &c->secret, &ignored) != OK)
        return refuse(err, "the Authorization header must be form-encoded");
    if (!span_empty(c->client_id) && !span_equal(c->client_id, id))
        return err_set(err, ERR_INPUT, "client_id differs from that of the Authorization header");
    c->client_id = id;
    c->method = DOOR_AUTH_BASIC;
    return OK;
}

/* The client an assertion says it is of, before anything of it is believed. */
static enum err_code read_assertion(const struct http_request *r, struct credentials *c, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    struct err ignored;
    struct span id = SPAN_NONE;
    if (!span_equal_text(c->assertion_type, ASSERTION_TYPE))
        return err_set(err, ERR_INPUT, "client_assertion_type must be " ASSERTION_TYPE);
    if (jose_token_read(c->assertion, &token, &ignored) != OK)
        return refuse(err, ignored.text);
    struct from_json_value claims = jose_token_unverified(token), sub = from_json_member(&claims, "sub");
    if (from_json_text(&sub, OIDC_CLIENT_ID_BYTES, &id, &ignored) != OK)
        return refuse(err, "the assertion has no sub");
    if (!span_empty(c->client_id) && !span_equal(c->client_id, id))
        return err_set(err, ERR_INPUT, "client_id differs from that of the assertion");
    c->client_id = arena_copy(r->arena, id);
    c->method = DOOR_AUTH_PRIVATE_KEY_JWT;
    return span_empty(c->client_id) ? err_set(err, ERR_MEMORY, "reading an assertion") : OK;
}

static enum err_code read_credentials(const struct http_request *r, struct credentials *c, struct err *err)
{
    bool header = request_has_header(r, "Authorization");
    enum err_code code = oidc_parameters_read(r, rows, COUNT(rows), c, err);
    if (code != OK)
        return code;
    bool assertion = !span_empty(c->assertion) || !span_empty(c->assertion_type);
    if (header + !span_empty(c->secret) + assertion > 1)
        return err_set(err, ERR_INPUT, "client authentication must be sent in one way only");
    if (header)
        return read_basic(r, c, err);
    if (assertion)
        return read_assertion(r, c, err);
    c->method = span_empty(c->secret) ? DOOR_AUTH_NONE : DOOR_AUTH_POST;
    return span_empty(c->client_id) ? refuse(err, "client_id is missing") : OK;
}

/* ---- private_key_jwt ---- */

/* The audience is the issuer; the address of this endpoint is what older clients send (RFC 7523 section 3, rule 3). */
static enum err_code check_claims(const struct http_request *r, const struct jose_token *token, struct span client_id, struct err *err)
{
    struct err ignored;
    struct jose_rules rules = { .issuer = client_id, .audience = r->node->options.public_url, .skew_s = JOSE_SKEW_S, .now_s = r->now_s };
    enum err_code code = jose_token_check(token, &rules, err);
    if (code == OK)
        return OK;
    rules.audience = arena_format(r->arena, "%.*s" OIDC_PATH_TOKEN, SPAN_ARGS(r->node->options.public_url));
    return jose_token_check(token, &rules, &ignored) == OK ? OK : code;
}

static enum err_code use_once(struct http_request *r, const struct jose_token *token, struct span client_id, struct err *err)
{
    struct from_json_value claims = jose_token_claims(token), exp = from_json_member(&claims, "exp"), jti = from_json_member(&claims, "jti");
    struct span id = SPAN_NONE;
    int64_t expires_s = 0;
    if (from_json_int(&exp, 0, r->now_s + ASSERTION_MOST_S, &expires_s, err) != OK)
        return refuse(err, "the assertion is good for too long");
    if (from_json_text(&jti, JTI_BYTES, &id, err) != OK || span_empty(id))
        return refuse(err, "the assertion has no jti");
    struct span value = arena_format(r->arena, "%.*s %.*s", SPAN_ARGS(client_id), SPAN_ARGS(id));
    if (span_empty(value))
        return err_set(err, ERR_MEMORY, "checking an assertion");
    enum err_code code = login_once(r, "oidc_assertion", value, expires_s - r->now_s + 2 * JOSE_SKEW_S, err);
    return code == ERR_CONFLICT ? refuse(err, "the assertion was used before") : code;
}

static enum err_code check_assertion(struct http_request *r, const struct door *door, struct span assertion, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    struct err why;
    enum err_code code = jose_token_read(assertion, &token, &why);
    if (code == OK)
        code = jose_keys_read(door->oidc.jwks, &keys, &why);
    if (code == OK)
        code = jose_token_verify(token, keys, NEEDED_ALGORITHMS, &why);
    if (code == OK)
        code = check_claims(r, token, door->oidc.client_id, &why);
    if (code != OK)
        return code == ERR_MEMORY ? err_set(err, ERR_MEMORY, "checking an assertion") : refuse(err, why.text);
    return use_once(r, token, door->oidc.client_id, err); /* iss and sub are both the client's: sub is how it was found */
}

/* ---- all of it ---- */

static enum err_code check_secret(const struct http_request *r, const struct door *door, struct span secret, struct err *err)
{
    struct err why;
    enum err_code code = auth_door_secret(r, door->id, secret, &why);
    if (code == ERR_UNAVAILABLE)
        return err_set(err, ERR_UNAVAILABLE, "%s", why.text);
    return code == OK ? OK : refuse(err, "the client secret is not valid");
}

static enum err_code check_method(struct http_request *r, const struct door *door, const struct credentials *c, struct err *err)
{
    if (c->method != door->oidc.auth)
        return err_set(err, ERR_UNAUTHORIZED, "client authentication failed: this client must use %s", method_names[door->oidc.auth]);
    if (c->method == DOOR_AUTH_PRIVATE_KEY_JWT)
        return check_assertion(r, door, c->assertion, err);
    return c->method == DOOR_AUTH_NONE ? OK : check_secret(r, door, c->secret, err);
}

enum err_code oidc_client_authenticate(struct http_request *r, struct door *door, struct err *err)
{
    struct credentials c = { 0 };
    enum err_code code = read_credentials(r, &c, err);
    if (code == OK)
        code = oidc_client_find(r, c.client_id, door, err);
    if (code == ERR_NOT_FOUND)
        return refuse(err, "the client is not known");
    return code == OK ? check_method(r, door, &c, err) : code;
}
