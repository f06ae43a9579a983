/* oidc_reply: an authorization response on its way to the RP: a redirect (303, so that no posted body goes along), or a form that posts itself. Always to an
 * address that the client has registered, always with `state` and, by redirect or to any but Entra, with `iss`.
 * Sources: RFC 6749 section 4.1.2, RFC 9207, RFC 9700 section 4.12, OAuth 2.0 Form Post Response Mode. */
#ifndef GATEWAY_DOORS_OIDC_REPLY_H
#define GATEWAY_DOORS_OIDC_REPLY_H
#include "gateway/doors/oidc_request.h"

void oidc_reply(struct http_request *r, struct http_response *res, const struct oidc_request *q, const char *name, struct span value);
/* `description` may be anything: what OAuth does not allow there is replaced. */
void oidc_reply_fault(struct http_request *r, struct http_response *res, const struct door *door, const struct oidc_request *q, const char *error, struct span description);

#endif
