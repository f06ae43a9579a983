#include "gateway/doors/oidc_hint.h"

#include "connectors/identity/jose.h"
#include "gateway/doors/oidc_claims.h"
#include "gateway/signing_ring.h"

enum { SET_BYTES = 64 * 1024 };

/* The keys that are published now, read as any RP would. */
static enum err_code own_keys(const struct http_request *r, struct jose_keys **out, struct err *err)
{
    CLEANUP(buf_done) struct buf json;
    char etag[SIGNING_ETAG_BYTES + 1];
    buf_init(&json, SET_BYTES);
    enum err_code code = signing_jwks(r->node, r->now_s, &json, etag, err);
    return code == OK ? jose_keys_read(buf_span(&json), out, err) : code;
}

enum err_code oidc_hint_subject(const struct http_request *r, const struct door *door, struct span hint, struct span *subject, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    struct span sub = SPAN_NONE;
    struct jose_rules rules = { .issuer = r->node->options.public_url, .audience = door->oidc.client_id, .expired_is_fine = true, .skew_s = JOSE_SKEW_S, .now_s = r->now_s };
    enum err_code code = jose_token_read(hint, &token, err);
    if (code == OK)
        code = own_keys(r, &keys, err);
    if (code == OK)
        code = jose_token_verify(token, keys, JOSE_RS256 | JOSE_ES256, err);
    if (code == OK)
        code = jose_token_check(token, &rules, err);
    if (code != OK)
        return code;
    struct from_json_value claims = jose_token_claims(token), member = from_json_member(&claims, "sub");
    code = from_json_text(&member, OIDC_SUBJECT_BYTES, &sub, err);
    if (code != OK)
        return code;
    *subject = arena_copy(r->arena, sub);
    return span_empty(*subject) ? err_set(err, ERR_INPUT, "the token names nobody") : OK;
}
