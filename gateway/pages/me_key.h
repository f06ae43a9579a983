/* me_key: a person's WebAuthn credentials for one of their devices: what it is, setting one up, taking one away. Setting up needs a browser that has just
 * shown that it is on that device: by a certificate, which may be asked for on another host (gateway/doors/device_here.h), or by its enrolment cookie.
 *
 *   GET  /me/{token}/key?device=D          the page
 *   GET  /me/{token}/key/check?device=D    to the device host, which sends the browser on to
 *   GET  /me/{token}/key/here?device=D     and that back to the page, with what was proved
 *   POST /me/{token}/key-add, /key-remove  forms of the page, back to /me/{token} */
#ifndef GATEWAY_PAGES_ME_KEY_H
#define GATEWAY_PAGES_ME_KEY_H
#include "gateway/pages/me.h"

enum { ME_KEY_FORM_BYTES = 96 * 1024 };
/* The line of a device's card that leads to the page; nothing where browsers offer no WebAuthn. */
void me_key_write_line(const struct page *p, const struct device *d);

enum route_result me_key_get(struct http_request *r, struct http_response *res);
enum route_result me_key_check(struct http_request *r, struct http_response *res);
enum route_result me_key_here(struct http_request *r, struct http_response *res);
void me_key_add(struct http_request *r, struct http_response *res);
void me_key_remove(struct http_request *r, struct http_response *res);

/* How this request, or what it took along in `proved`, shows that its browser is on the device; PROOF_NONE: it does not. Not between enter and leave. */
enum proof me_key_proof(struct http_request *r, struct span proved, struct span device, struct span person);
/* What a registration's challenge is about. */
struct span me_key_about(struct http_request *r, struct span device, struct span person);

#endif
