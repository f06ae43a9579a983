/* oidc_hint: an id_token_hint of our own: an ID token that this provider gave this client, expired or not. It names a person and proves nobody.
 * Source: OpenID Connect Core 1.0 section 3.1.2.1. */
#ifndef GATEWAY_DOORS_OIDC_HINT_H
#define GATEWAY_DOORS_OIDC_HINT_H
#include "gateway/http/request.h"
#include "posture/door.h"

/* Its `sub`, in the request's arena. ERR_DENIED or ERR_INPUT for what is no ID token of ours for this client; ERR_UNAVAILABLE when our keys cannot be read.
 * `hint` is untrusted. Slow lane. */
MUST_CHECK enum err_code oidc_hint_subject(const struct http_request *r, const struct door *door, struct span hint, struct span *subject, struct err *err);

#endif
