/* The routes, and our metadata: who we are, which keys sign now and next, where requests go. */
#include "gateway/doors/saml.h"

#include "connectors/identity/saml_metadata.h"
#include "gateway/signing_ring.h"

enum { FORM_BYTES = 256 * 1024 /* 64 KiB of request, percent-encoded */, MAX_AGE_S = 300, VALID_S = 365 * 86400 };

struct span saml_url(const struct http_request *r, const char *path) { return arena_format(r->arena, "%.*s%s", SPAN_ARGS(r->node->options.public_url), path); }

/* SPs read it as "sign what you send": only when none of them may do without. */
static bool all_sign(const struct http_request *r)
{
    bool found = false, all = true;
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    for (size_t i = 0; policy != NULL && i < policy->door_count; i++)
        if (policy->doors[i].kind == DOOR_SAML) {
            found = true;
            all = all && policy->doors[i].saml.requests == DOOR_REQUESTS_SIGNED;
        }
    directory_leave(r->node->directory);
    return found && all;
}

enum route_result saml_metadata_route(struct http_request *r, struct http_response *res)
{
    struct signing_saml keys;
    struct err err;
    if (signing_keys_saml(r->node, &keys, &err) != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return ROUTE_DONE;
    }
    struct saml_metadata_idp idp = { saml_url(r, SAML_PATH_METADATA), saml_url(r, SAML_PATH_SSO), keys.certificates, keys.certificate_count, all_sign(r), r->now_s + VALID_S };
    response_text(res, 200, "application/samlmetadata+xml", SPAN_NONE);
    saml_metadata_write(&idp, &res->body);
    signing_saml_done(&keys);
    res->cacheable = true;
    response_header(res, "Cache-Control", arena_format(r->arena, "public, max-age=%d", MAX_AGE_S));
    return ROUTE_DONE;
}

/* Paths as saml.h names them: written out, because docs/openapi.yaml is compared with these rows. */
static const struct route rows[] = {
    { HTTP_GET, "/saml/metadata", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, saml_metadata_route, NULL, "saml.metadata" },
    { HTTP_GET, "/saml/sso", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, saml_sso, "saml.sso" },
    { HTTP_POST, "/saml/sso", LISTENER_PUBLIC, 0, FORM_BYTES, PROBLEM_PAGE, 0, NULL, saml_sso, "saml.sso" },
};
const struct route_table saml_routes = { rows, sizeof rows / sizeof rows[0] };
