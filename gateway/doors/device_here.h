/* device_here: what a browser proved on the host that asks for certificates, taken along to the public host, to which its WebAuthn credentials belong: a sealed
 * text for one browser, one device, one person and ten minutes. A cookie binds it to the browser, so that a link that is passed on proves nothing.
 * Pure but for the cookie. Thread: any. */
#ifndef GATEWAY_DOORS_DEVICE_HERE_H
#define GATEWAY_DOORS_DEVICE_HERE_H
#include "gateway/http/request.h"
#include "gateway/http/response.h"
#include "posture/proof.h"

enum { DEVICE_HERE_S = 600, DEVICE_HERE_BROWSER_BYTES = 32 };
struct device_here { struct span device, person, browser; enum proof proof; };
/* On the public host, before the browser is sent away: who it is, as 32 hex digits; the cookie behind it is set. In the request's arena. */
struct span device_here_browser(struct http_request *r, struct http_response *res);
/* On the other host. Empty when it cannot be made; `here->browser` is what the browser brought along, untrusted. */
struct span device_here_seal(const struct http_request *r, const struct device_here *here);
/* Back on the public host: PROOF_NONE unless `text` is ours, of this browser, of that device and person, and not too old. */
enum proof device_here_open(const struct http_request *r, struct span text, struct span device, struct span person);

#endif
