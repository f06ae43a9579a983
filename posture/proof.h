/* proof: how a login proved which device the browser is on, weakest first. Recorded with the decision, so that a policy can ask for a minimum
 * (policy key `proof`). A caller that names a device itself over the API proves nothing here: PROOF_NOT_ASKED.
 * Sources: docs/doors/device-proof.md. */
#ifndef POSTURE_PROOF_H
#define POSTURE_PROOF_H
#include "posture/base/span.h"

enum proof {
    PROOF_NOT_ASKED,       /* the door cannot prove one, or its caller vouches for the device */
    PROOF_NONE,            /* the door could have, and nothing was proved */
    PROOF_COOKIE,          /* an enrolment cookie: can be copied */
    PROOF_WEBAUTHN_SYNCED, /* a WebAuthn credential that may be backed up, so it can be on another device (flag BE) */
    PROOF_WEBAUTHN,        /* a WebAuthn credential bound to this device */
    PROOF_CERTIFICATE,     /* a client certificate of the company's CA */
    PROOF_KINDS
};
const char *proof_name(enum proof p);                 /* "not_asked", "none", "cookie", "webauthn_synced", "webauthn", "certificate" */
bool proof_from(struct span name, enum proof *p);

#endif
