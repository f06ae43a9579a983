/* proxied_certificate: the client certificate that a trusted proxy passes on in the headers which the configuration names (listen.device.proxy_headers).
 * What the headers say, and whether they agree; whom to believe beyond that is the caller's to know. Any thread. */
#ifndef GATEWAY_DOORS_PROXIED_CERTIFICATE_H
#define GATEWAY_DOORS_PROXIED_CERTIFICATE_H
#include "connectors/identity/client_certificate_header.h"
#include "gateway/http/request.h"

struct proxied_certificate {
    bool any;                            /* `found` is what they show */
    struct presented_certificate found;
    const char *spoiled;                 /* static word for logs: doubled, malformed, contradicting, or refused by the proxy; then nothing is to be believed */
    struct span detail;
    unsigned forged;                     /* bits 1 << enum certificate_header: came although this proxy does not set it, so the client wrote it; not read */
};
/* Of a request whose peer is a trusted proxy; of any other, all that it holds counts as forged. Texts live in the request's arena. */
void proxied_certificate_read(const struct http_request *r, struct proxied_certificate *out);

#endif
