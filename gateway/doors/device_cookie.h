/* device_cookie: the enrolment cookie: a sealed token in one browser that names a device and one entry of that device's list of credentials. Taken off the
 * list, the cookie proves nothing. It can be copied to another computer, so it is the weakest proof.
 * Sources: RFC 6265bis section 4.1.3.2 (__Host-: Secure, Path=/, no Domain, so no other host can plant one). Any thread. */
#ifndef GATEWAY_DOORS_DEVICE_COOKIE_H
#define GATEWAY_DOORS_DEVICE_COOKIE_H
#include "gateway/http/request.h"

#define DEVICE_COOKIE_NAME "__Host-postern-device"
enum { DEVICE_COOKIE_LIFETIME_S = 400 * 86400 /* browsers keep none longer */ };
struct device_cookie { struct span device, credential; /* d_..., c_... */ int64_t issued_s; };

/* Its value for cookie_set(), in `arena`. It comes along with forms that other sites post (SAML HTTP-POST, form_post); nothing is changed by a request only
 * because it carries the cookie. */
MUST_CHECK enum err_code device_cookie_value(const struct node *node, const struct device_cookie *cookie, struct arena *arena, struct span *value, struct err *err);
/* ERR_NOT_FOUND: the request has none, or two; ERR_DENIED: not one of ours; ERR_EXPIRED. Texts in the request's arena. */
MUST_CHECK enum err_code device_cookie_read(const struct http_request *r, struct device_cookie *out, struct err *err);
#endif
