#include "gateway/doors/oidc.h"

enum { FORM_BYTES = 64 * 1024 };

/* Paths as oidc.h names them: written out, because docs/openapi.yaml is compared with these rows. */
static const struct route rows[] = {
    { HTTP_GET, "/.well-known/openid-configuration", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, oidc_discovery, NULL, "oidc.discovery" },
    { HTTP_GET, "/oidc/authorize", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, oidc_authorize, "oidc.authorize" },
    { HTTP_POST, "/oidc/authorize", LISTENER_PUBLIC, 0, FORM_BYTES, PROBLEM_PAGE, 0, NULL, oidc_authorize, "oidc.authorize" },
    { HTTP_POST, "/oidc/token", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, FORM_BYTES, PROBLEM_JSON, 0, NULL, oidc_token, "oidc.token" },
    { HTTP_GET, "/oidc/userinfo", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, NULL, oidc_userinfo, "oidc.userinfo" },
    { HTTP_POST, "/oidc/userinfo", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, FORM_BYTES, PROBLEM_JSON, 0, NULL, oidc_userinfo, "oidc.userinfo" },
};
const struct route_table oidc_routes = { rows, sizeof rows / sizeof rows[0] };
