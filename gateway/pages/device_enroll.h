/* device_enroll: the one-time link that makes a browser known as one of a device's: a page that names the device and the person, a button, a cookie.
 * The link lives LINK_ENROLL_LIFETIME_S and works once, over all nodes; it is for the device and the owner it was made for. */
#ifndef GATEWAY_PAGES_DEVICE_ENROLL_H
#define GATEWAY_PAGES_DEVICE_ENROLL_H
#include "gateway/pages/page.h"

/* A new link for a device, to be opened on the device itself. ERR_NOT_FOUND: no such device; ERR_CONFLICT: removed, or its identity is in doubt. */
struct device_enroll_link { struct span device, name, person, url; int64_t expires_s; };
MUST_CHECK enum err_code device_enroll_link(const struct http_request *r, struct span device, struct device_enroll_link *out, struct err *err);

void device_enroll_get(struct http_request *r, struct http_response *res);  /* GET /device/enroll/{token} */
void device_enroll_post(struct http_request *r, struct http_response *res); /* POST /device/enroll/{token} */
/* GET /device/remember/{token} of a /me page: a device that this request proves by more than a cookie gets a link for itself, and the browser goes there. */
enum route_result device_enroll_remember(struct http_request *r, struct http_response *res);
/* On the card of a person's device: the way there, where certificates are asked for. */
void device_enroll_write_line(const struct page *p, const struct device *d);

#endif
