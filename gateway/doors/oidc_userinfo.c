/* userinfo: the claims once more, for an access token in a header (GET, POST) or in a form.
 * Sources: OpenID Connect Core 1.0 section 5.3, RFC 6750 sections 2 and 3. */
#include "gateway/doors/oidc.h"
#include "gateway/doors/oidc_client.h"
#include "gateway/doors/oidc_id_token.h"
#include "gateway/doors/oidc_parameters.h"

#include "posture/ports.h"

enum { TOKEN_BYTES = 2 * OIDC_GRANT_BYTES };
static const struct oidc_parameter row = { "access_token", TOKEN_BYTES, 0 };

/* RFC 6750 section 3: without a token there is no error to name. */
static void challenge(struct http_request *r, struct http_response *res, int status, const char *error, const char *why)
{
    problem_status_answer(r, res, PROBLEM_JSON, status, why);
    response_header(res, "WWW-Authenticate", error == NULL ? SPAN_LITERAL("Bearer realm=\"postern\"")
                                                           : arena_format(r->arena, "Bearer realm=\"postern\", error=\"%s\", error_description=\"%s\"", error, why));
}

static bool is_bearer(struct span header, struct span *token)
{
    struct span value = span_trim(header);
    size_t space = span_find(value, ' ');
    *token = span_trim(span_slice(value, space, value.bytes));
    return span_equal_fold(span_slice(value, 0, space), SPAN_LITERAL("Bearer")) && !span_empty(*token);
}

/* False: answered. */
static bool read_token(struct http_request *r, struct http_response *res, struct span *token)
{
    struct span from_form = SPAN_NONE, from_header = SPAN_NONE;
    struct err err;
    bool has_header = request_has_header(r, "Authorization");
    bool has_form = r->method == HTTP_POST && request_is_type(r, "application/x-www-form-urlencoded");
    if (has_header && !is_bearer(request_header(r, "Authorization"), &from_header))
        return challenge(r, res, 401, "invalid_token", "the Authorization header must be Bearer"), false;
    if (has_form && oidc_parameters_read(r, &row, 1, &from_form, &err) != OK)
        return challenge(r, res, 400, "invalid_request", "the form cannot be read"), false;
    if (!span_empty(from_header) && !span_empty(from_form))
        return challenge(r, res, 400, "invalid_request", "the access token was sent in two ways"), false;
    *token = span_empty(from_header) ? from_form : from_header;
    return !span_empty(*token) || (challenge(r, res, 401, NULL, "an access token is needed"), false);
}

/* Its door must still be there; the code that gave it must not have come twice. */
static enum err_code check_token(struct http_request *r, struct span token, struct door *door, struct oidc_grant *g, struct err *err)
{
    enum err_code code = oidc_grant_open(r->node, OIDC_GRANT_ACCESS, token, r->now_s, r->arena, g, err);
    if (code == OK)
        code = oidc_client_of_door(r, g->door, door, err);
    return code == OK && login_used(r, "oidc_revoked", g->code_hash) ? err_set(err, ERR_DENIED, "the token was taken back") : code;
}

void oidc_userinfo(struct http_request *r, struct http_response *res)
{
    struct span token;
    struct oidc_grant g;
    struct door door;
    struct err err;
    if (!read_token(r, res, &token))
        return;
    enum err_code code = check_token(r, token, &door, &g, &err);
    if (code != OK && problem_status(code) >= 500) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    if (code != OK) {
        challenge(r, res, 401, "invalid_token", "the access token is not valid");
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    oidc_write_claims(r, &g, door.use, g.userinfo_claims, &w);
    to_json_end(&w);
}
