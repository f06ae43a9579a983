/* /.well-known/jwks.json for everybody who verifies what we sign; /admin/v1/signing-keys for those who look after the keys. */
#include "gateway/api/admin.h"
#include "gateway/signing_keys.h"

enum { ETAG_HEX_BYTES = 32, BODY_BYTES = 1024 };

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
        to_json_member_text(&w, "algorithm", span_of(signing_algorithm_name(k->algorithm)));
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

/* {"algorithm": "ES256"}; absent: all. */
static enum err_code read_algorithms(struct http_request *r, const struct from_json_value *root, unsigned *out, struct err *err)
{
    struct span name = SPAN_NONE;
    enum err_code code = admin_text(r, root, "algorithm", false, &name, err);
    *out = span_empty(name) ? (1u << SIGNING_ALGORITHMS) - 1 : 0;
    for (unsigned a = 0; a < SIGNING_ALGORITHMS; a++)
        if (span_equal_text(name, signing_algorithm_name(a)))
            *out = 1u << a;
    return code == OK && *out == 0 ? err_set(err, ERR_INPUT, "algorithm must be ES256 or RS256") : code;
}

static void rotate(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "algorithm", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    unsigned algorithms = 0;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = read_algorithms(r, &root, &algorithms, &err);
    if (code == OK)
        code = signing_keys_rotate(r->node, r->store, algorithms, admin_cause(r), &err);
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
static void jwks(struct http_request *r, struct http_response *res)
{
    struct signing_keys keys;
    struct err err;
    char hex[SECRET_HEX_BYTES + 1];
    if (signing_keys_read(r->node, r->store, r->arena, &keys, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    signing_keys_write_jwks(&keys, &w);
    secret_sha256_hex(buf_span(&res->body), hex);
    struct span etag = arena_format(r->arena, "\"%.*s\"", ETAG_HEX_BYTES, hex);
    if (!span_empty(etag) && is_known(r, etag))
        response_text(res, 304, "application/json", SPAN_NONE);
    res->cacheable = true;
    response_header(res, "Cache-Control", arena_format(r->arena, "public, max-age=%d, stale-while-revalidate=%d", SIGNING_JWKS_MAX_AGE_S, 2 * SIGNING_JWKS_MAX_AGE_S));
    response_header(res, "ETag", etag);
}

static const struct route rows[] = {
    { HTTP_GET, "/.well-known/jwks.json", LISTENER_PUBLIC | LISTENER_DEVICE | LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, NULL, jwks, "jwks" },
    { HTTP_GET, "/admin/v1/signing-keys", ADMIN_LISTENERS, SCOPE_ADMIN, 0, PROBLEM_JSON, 0, NULL, list, "admin.signing_keys" },
    { HTTP_POST, "/admin/v1/signing-keys/rotate", ADMIN_LISTENERS, SCOPE_ADMIN, BODY_BYTES, PROBLEM_JSON, 0, NULL, rotate, "admin.signing_keys.rotate" },
};
const struct route_table signing_key_routes = { rows, sizeof rows / sizeof rows[0] };
