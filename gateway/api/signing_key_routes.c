/* /.well-known/jwks.json, by the name of the OpenID Provider too, for everybody who verifies what we sign; /admin/v1/signing-keys for those who look after the keys. */
#include "gateway/api/admin.h"
#include "gateway/signing_ring.h"

enum { BODY_BYTES = 1024 };

static void write_keys(struct http_request *r, struct http_response *res, const struct signing_keys *keys)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "signing_keys");
    to_json_array(&w);
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        to_json_object(&w);
        to_json_member_text(&w, "kid", k->kid);
        to_json_member_text(&w, "use", span_of(signing_kind_use(k->kind)));
        to_json_member_text(&w, "algorithm", span_of(signing_algorithm_name(signing_kind_algorithm(k->kind))));
        to_json_member_text(&w, "state", span_of(signing_key_state(keys, k, r->now_s)));
        to_json_member_time_if(&w, "created_at", k->created_s);
        to_json_member_time_if(&w, "signs_from", k->signs_from_s);
        to_json_member_time_if(&w, "leaves_at", k->leaves_s);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

static void list(struct http_request *r, struct http_response *res)
{
    struct signing_keys keys;
    struct err err;
    if (signing_keys_read(r->node, r->store, r->arena, &keys, &err) == OK)
        write_keys(r, res, &keys);
    else
        admin_problem(r, res, &err);
}

/* {"use": "saml", "algorithm": "RS256"}; without a use it is the tokens', without an algorithm all of the use. */
static enum err_code read_kinds(struct http_request *r, const struct from_json_value *root, unsigned *out, struct err *err)
{
    struct span use = SPAN_NONE, algorithm = SPAN_NONE;
    enum err_code code = admin_text(r, root, "use", false, &use, err);
    if (code == OK)
        code = admin_text(r, root, "algorithm", false, &algorithm, err);
    *out = signing_kinds_of(span_empty(use) ? SPAN_LITERAL("tokens") : use, algorithm);
    return code == OK && *out == 0 ? err_set(err, ERR_INPUT, "there is no such key: use is tokens (algorithm ES256 or RS256), saml (RS256) or archive (ES256)") : code;
}

static enum err_code read_lead(struct http_request *r, const struct from_json_value *root, int64_t *lead_s, struct err *err)
{
    struct span text = SPAN_NONE;
    enum err_code code = admin_text(r, root, "lead", false, &text, err);
    if (code == OK && !span_empty(text) && (!duration_parse(text, lead_s) || *lead_s <= 0))
        code = err_set(err, ERR_INPUT, "lead must be a duration such as 30d");
    return code;
}

/* Withdrawing keys at once makes logins fail until everybody has fetched the new ones, so it takes two words. */
static enum err_code read_now(const struct from_json_value *root, bool *now, struct err *err)
{
    struct from_json_value now_member = from_json_member(root, "now"), accept_member = from_json_member(root, "accept_failing_logins");
    bool accepted = false;
    enum err_code code = from_json_bool_opt(&now_member, now, err);
    if (code == OK)
        code = from_json_bool_opt(&accept_member, &accepted, err);
    if (code == OK && *now && !accepted)
        code = err_set(err, ERR_INPUT, "now withdraws the old keys, and logins fail until every IdP and app has fetched the new ones; if that is meant, say accept_failing_logins too");
    return code;
}

static enum err_code read_rotation(struct http_request *r, const struct from_json_value *root, struct signing_rotation *out, struct err *err)
{
    *out = (struct signing_rotation){ .cause = admin_cause(r) };
    enum err_code code = read_kinds(r, root, &out->kinds, err);
    if (code == OK)
        code = read_lead(r, root, &out->lead_s, err);
    if (code == OK)
        code = read_now(root, &out->now, err);
    return code == OK && out->now && out->lead_s != 0 ? err_set(err, ERR_INPUT, "now and lead exclude each other") : code;
}

static void rotate(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "use", "algorithm", "lead", "now", "accept_failing_logins", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct signing_rotation rotation;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = read_rotation(r, &root, &rotation, &err);
    if (code == OK)
        code = signing_keys_rotate(r->node, r->store, &rotation, &err);
    if (code == OK)
        list(r, res);
    else
        admin_problem(r, res, &err);
}

/* "If-None-Match: W/"..."" too (RFC 9110 section 13.1.2 compares weakly). Proxies list several; a list that holds ours anywhere is a match. */
static bool is_known(const struct http_request *r, struct span etag)
{
    struct span value = request_header(r, "If-None-Match");
    return span_search(value, etag) < value.bytes;
}

/* application/json rather than application/jwk-set+json: Okta insists on it. */
static enum route_result jwks(struct http_request *r, struct http_response *res)
{
    struct err err;
    char etag[SIGNING_ETAG_BYTES + 1];
    res->content_type = "application/json";
    if (signing_jwks(r->node, r->now_s, &res->body, etag, &err) != OK) {
        admin_problem(r, res, &err);
        return ROUTE_DONE;
    }
    if (is_known(r, span_of(etag)))
        response_text(res, 304, "application/json", SPAN_NONE);
    res->cacheable = true;
    response_header(res, "Cache-Control", arena_format(r->arena, "public, max-age=%d, stale-while-revalidate=%d", SIGNING_JWKS_MAX_AGE_S, 2 * SIGNING_JWKS_MAX_AGE_S));
    response_header(res, "ETag", arena_copy_text(r->arena, etag));
    response_header(res, "Access-Control-Allow-Origin", SPAN_LITERAL("*")); /* public by nature; verifiers that live in a browser read it */
    return ROUTE_DONE;
}

enum { JWKS_LISTENERS = LISTENER_PUBLIC | LISTENER_DEVICE | LISTENER_INTERNAL };
static const struct route rows[] = {
    { HTTP_GET, "/.well-known/jwks.json", JWKS_LISTENERS, 0, 0, PROBLEM_JSON, 0, jwks, NULL, "jwks" },
    { HTTP_GET, "/oidc/jwks", JWKS_LISTENERS, 0, 0, PROBLEM_JSON, 0, jwks, NULL, "oidc.jwks" },
    { HTTP_GET, "/admin/v1/signing-keys", ADMIN_LISTENERS, SCOPE_ADMIN, 0, PROBLEM_JSON, 0, NULL, list, "admin.signing_keys" },
    { HTTP_POST, "/admin/v1/signing-keys/rotate", ADMIN_LISTENERS, SCOPE_ADMIN, BODY_BYTES, PROBLEM_JSON, 0, NULL, rotate, "admin.signing_keys.rotate" },
};
const struct route_table signing_key_routes = { rows, sizeof rows / sizeof rows[0] };
