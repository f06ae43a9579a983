/* cookie: reading the Cookie header (RFC 6265 section 4.2.1, bounded by preflight's header limits), and the one form in which we set cookies. */
#ifndef GATEWAY_HTTP_COOKIE_H
#define GATEWAY_HTTP_COOKIE_H
#include "gateway/http/request.h"
#include "gateway/http/response.h"

/* The value of the one cookie of that name; empty when there is none, or when two are sent (a subdomain may have set the other). Untrusted. */
struct span cookie_get(const struct http_request *r, const char *name);
/* Sets a host-only cookie: Secure, HttpOnly, Path=/, SameSite=None (doors are entered by forms posted from the IdP's site). `name` starts with "__Host-",
 * which makes browsers refuse it from anybody but this host (RFC 6265bis section 4.1.3.2). `value` is ours: base64url. max_age_s 0: until the browser
 * ends; negative: forget it. */
void cookie_set(const struct http_request *r, struct http_response *res, const char *name, struct span value, int64_t max_age_s);

#endif
