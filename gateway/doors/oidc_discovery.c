/* The discovery document: what the OpenID Provider can do and where. The issuer is public_url, byte for byte what every token says.
 * Sources: OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2, RFC 9207 section 3. Microsoft Entra wants `id_token` among the response types and
 * a Content-Length; request_uri_parameter_supported must be said to be false, for absent means true. */
#include "gateway/doors/oidc.h"
#include "gateway/doors/oidc_id_token.h"

enum { MAX_AGE_S = 300 };
typedef const char *const list[];

static const struct { const char *name; const char *path; } addresses[] = {
    { "authorization_endpoint", OIDC_PATH_AUTHORIZE }, { "token_endpoint", OIDC_PATH_TOKEN }, { "userinfo_endpoint", OIDC_PATH_USERINFO }, { "jwks_uri", OIDC_PATH_JWKS },
};
static const struct { const char *name; const char *const *values; } lists[] = {
    { "response_types_supported", (list){ "code", "id_token", NULL } },
    { "response_modes_supported", (list){ "query", "form_post", NULL } },
    { "grant_types_supported", (list){ "authorization_code", "implicit", NULL } },
    { "subject_types_supported", (list){ "public", NULL } },
    { "id_token_signing_alg_values_supported", (list){ "RS256", "ES256", NULL } },
    { "scopes_supported", (list){ "openid", "profile", "email", "groups", NULL } },
    { "token_endpoint_auth_methods_supported", (list){ "client_secret_basic", "client_secret_post", "private_key_jwt", "none", NULL } },
    { "token_endpoint_auth_signing_alg_values_supported", (list){ "RS256", "PS256", "ES256", NULL } },
    { "claim_types_supported", (list){ "normal", NULL } },
    { "code_challenge_methods_supported", (list){ "S256", NULL } },
    { "prompt_values_supported", (list){ "none", "login", "consent", "select_account", NULL } },
    { "display_values_supported", (list){ "page", "popup", "touch", "wap", NULL } },
    { "ui_locales_supported", (list){ "en", NULL } },
};
static const struct { const char *name; bool value; } switches[] = {
    { "claims_parameter_supported", true },
    { "request_parameter_supported", false },
    { "request_uri_parameter_supported", false },
    { "require_request_uri_registration", false },
    { "authorization_response_iss_parameter_supported", true },
};
static const char *const own_claims[] = { "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "device_context", "postern" };
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void write_list(struct to_json *w, const char *name, const char *const *values)
{
    to_json_key(w, name);
    to_json_array(w);
    for (; *values != NULL; values++)
        to_json_text(w, span_of(*values));
    to_json_end(w);
}

static void write_claims(struct to_json *w)
{
    to_json_key(w, "claims_supported");
    to_json_array(w);
    for (size_t i = 0; i < COUNT(own_claims); i++)
        to_json_text(w, span_of(own_claims[i]));
    for (size_t i = 0; oidc_claim_name(i) != NULL; i++)
        to_json_text(w, span_of(oidc_claim_name(i)));
    to_json_end(w);
}

static void write_levels(const struct http_request *r, struct to_json *w)
{
    to_json_key(w, "acr_values_supported");
    to_json_array(w);
    for (enum oidc_acr acr = OIDC_ACR_KNOWN; acr < OIDC_ACRS; acr++)
        to_json_text(w, oidc_acr_text(r->node, acr, r->arena));
    to_json_end(w);
}

enum route_result oidc_discovery(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "issuer", r->node->options.public_url);
    for (size_t i = 0; i < COUNT(addresses); i++)
        to_json_member_text(&w, addresses[i].name, arena_format(r->arena, "%.*s%s", SPAN_ARGS(r->node->options.public_url), addresses[i].path));
    for (size_t i = 0; i < COUNT(lists); i++)
        write_list(&w, lists[i].name, lists[i].values);
    write_levels(r, &w);
    write_claims(&w);
    for (size_t i = 0; i < COUNT(switches); i++)
        to_json_member_bool(&w, switches[i].name, switches[i].value);
    to_json_end(&w);
    res->cacheable = true;
    response_header(res, "Cache-Control", arena_format(r->arena, "public, max-age=%d", MAX_AGE_S));
    response_header(res, "Access-Control-Allow-Origin", SPAN_LITERAL("*")); /* public by nature; RPs that live in a browser read it */
    return ROUTE_DONE;
}
