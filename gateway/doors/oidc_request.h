/* oidc_request: an authorization request: what it asks, checked in the order that decides who is told about a mistake. As long as the client or the
 * redirect URI is in doubt the person sees a page and no redirect happens; afterwards the RP is told.
 * What must be known when the login goes on travels as JSON in struct login.request.
 * Sources: RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700, OpenID Connect Core 1.0 sections 3.1.2 and 5.5; docs/doors/oidc.md. */
#ifndef GATEWAY_DOORS_OIDC_REQUEST_H
#define GATEWAY_DOORS_OIDC_REQUEST_H
#include "gateway/doors/oidc_claims.h"
#include "gateway/login.h"

enum {
    OIDC_STATE_BYTES = 4096,     /* percent-encoded */
    OIDC_RETURN_BYTES = 5000,    /* redirect_uri and state together: a Location has 8 KiB for them and the code */
    OIDC_NONCE_BYTES = 512, OIDC_CLIENT_ID_BYTES = 256, OIDC_CHALLENGE_BYTES = 43 /* base64url of SHA-256 */, OIDC_HINT_BYTES = 8 * 1024, OIDC_APP_BYTES = 200
};
/* What is wrong with a request, in OAuth's words. */
struct oidc_fault { const char *error; struct span description; };

/* How Okta spells the app that is being opened: its guide and its API description differ, and the answer must use the names of the request. */
enum oidc_app_names { OIDC_APP_GUIDE /* app_instance_id, app_name */, OIDC_APP_API /* OktaAppInstanceId, OktaAppName */ };

struct oidc_request {
    /* ---- kept until the answer ---- */
    struct span redirect_uri, state, nonce, challenge; /* challenge: S256; empty: none was sent */
    bool form_post, id_token;            /* response_mode form_post; response_type id_token */
    unsigned scopes, id_claims, userinfo_claims; /* enum oidc_scope, enum oidc_claim */
    bool acr_essential;
    struct oidc_values acr, amr;         /* asked for; amr with use: entra only */
    struct span subject;                 /* nobody else may be named: `sub` of the claims parameter or of a hint */
    struct span app_id, app_name;        /* use: okta_posture, to be said back */
    enum oidc_app_names app_names;
    /* ---- for the start of the login alone ---- */
    bool passive, force;
    struct span login_hint, id_token_hint;
    struct span their_id;                /* Entra's own number of the request, for our log */
};
/* Finds the client (its door, copied into the request's arena) and where an answer may go. ERR_INPUT, ERR_NOT_FOUND, ERR_DENIED or ERR_LIMIT with words
 * for the small print of a page: nobody may be redirected. ERR_UNAVAILABLE while this node is loading. Fills redirect_uri; state and form_post as far as
 * they can be used, so that a fault can be told. */
MUST_CHECK enum err_code oidc_request_target(struct http_request *r, struct door *door, struct oidc_request *q, struct err *err);
/* All the rest. False: the RP must be told `fault`. */
bool oidc_request_read(struct http_request *r, const struct door *door, struct oidc_request *q, struct oidc_fault *fault);

/* Into struct login.request and back. ERR_LIMIT past LOGIN_REQUEST_BYTES. */
MUST_CHECK enum err_code oidc_request_write(const struct oidc_request *q, struct arena *a, struct span *json, struct err *err);
MUST_CHECK enum err_code oidc_request_restore(struct span json, struct arena *a, struct oidc_request *q, struct err *err);

#endif
