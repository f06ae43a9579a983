/* device_proof: what one request proves about the device its browser (or agent) is on. In order of strength: a client certificate on our own device
 * listener, or in a header of a trusted proxy (RFC 9440 Client-Cert, X-Forwarded-Client-Cert, nginx, HAProxy); a WebAuthn credential; the enrolment
 * cookie. Forged, replayed and foreign ones are refused and logged; they prove nothing. docs/doors/device-proof.md. */
#ifndef GATEWAY_DOORS_DEVICE_PROOF_H
#define GATEWAY_DOORS_DEVICE_PROOF_H
#include "gateway/http/request.h"
#include "posture/proof.h"

struct device_proof {
    enum proof proof;          /* PROOF_NONE when nothing holds */
    struct span device;        /* d_..., in the request's arena; empty with PROOF_NONE */
    int64_t at_s;              /* when it was proved */
    struct span credential;    /* id in the device's list of credentials; empty for a certificate */
    struct span refused;       /* in words for a person: why something that was shown proves nothing; empty when nothing was, or it holds */
    bool shown;                /* something that could have proved it was shown, whether it holds or not */
};
/* The strongest that this request carries. No store, no wait: memory only. Call outside directory_enter(). */
void device_proof_read(struct http_request *r, struct device_proof *out);
/* Writes down that a credential was used, and from where; once a day at most. Slow lane; what goes wrong is logged. */
void device_proof_used(struct http_request *r, const struct device_proof *p);
/* The URL of the host that asks browsers for a client certificate, without a trailing slash; empty when none is configured. */
struct span device_proof_host(const struct node *node);
#endif
