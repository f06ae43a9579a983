/* oidc: the OpenID Provider. A login comes in at oidc_authorize.c, goes on in gateway/login.c, comes back to the RP from oidc_answer.c, and its code is
 * exchanged in oidc_token.c; oidc_userinfo.c tells the same claims once more. One file an endpoint; the words they share are in oidc_request.h (what was
 * asked), oidc_grant.h (what was given) and oidc_id_token.h (what is said).
 * Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, 7636, 9207, 9700. Set-up: docs/doors/oidc.md. */
#ifndef GATEWAY_DOORS_OIDC_H
#define GATEWAY_DOORS_OIDC_H
#include "gateway/http/router.h"

/* Paths below public_url. */
#define OIDC_PATH_AUTHORIZE "/oidc/authorize"
#define OIDC_PATH_TOKEN "/oidc/token"
#define OIDC_PATH_USERINFO "/oidc/userinfo"
#define OIDC_PATH_JWKS "/oidc/jwks"

route_fast_fn oidc_discovery;
route_slow_fn oidc_authorize, oidc_token, oidc_userinfo;

#endif
