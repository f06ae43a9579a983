/* oidc_client: a client of the OpenID Provider is a door of kind oidc. Who it is at the token endpoint.
 * Sources: RFC 6749 section 2.3, RFC 7523 section 3, OpenID Connect Core 1.0 section 9; RFC 9700 section 2.5. */
#ifndef GATEWAY_DOORS_OIDC_CLIENT_H
#define GATEWAY_DOORS_OIDC_CLIENT_H
#include "gateway/http/request.h"
#include "posture/door.h"

/* The door, copied into the request's arena. ERR_NOT_FOUND; ERR_UNAVAILABLE while this node is loading what it must know; ERR_MEMORY.
 * Call outside directory_enter(). */
MUST_CHECK enum err_code oidc_client_find(const struct http_request *r, struct span client_id, struct door *door, struct err *err);
/* Same by the id of the door. */
MUST_CHECK enum err_code oidc_client_of_door(const struct http_request *r, struct span id, struct door *door, struct err *err);
/* Who sends this form. Exactly one way of authentication may be used, and it must be the one of the door.
 * ERR_UNAUTHORIZED: invalid_client; ERR_INPUT or ERR_LIMIT: invalid_request; ERR_UNAVAILABLE. The words say nothing of why a secret is wrong.
 * Slow lane: the `jti` of an assertion is remembered in the store. */
MUST_CHECK enum err_code oidc_client_authenticate(struct http_request *r, struct door *door, struct err *err);

#endif
