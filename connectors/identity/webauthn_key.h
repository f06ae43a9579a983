/* webauthn_key: the public keys of credentials (COSE_Key) and what they signed. Private to webauthn.c; only this file's source calls OpenSSL for it.
 * Sources: RFC 9053 section 7.1 (EC2), 7.2 (OKP), RFC 8230 section 4 (RSA); Web Authentication Level 2 sections 5.8.5, 6.5.1.1, 6.5.6, 8.2.1. */
#ifndef CONNECTORS_IDENTITY_WEBAUTHN_KEY_H
#define CONNECTORS_IDENTITY_WEBAUTHN_KEY_H
#include "posture/base/err.h"
#include "posture/base/span.h"

/* Its parts, borrowed: x and y of a point, x alone, or n and e. */
struct webauthn_key_form { int64_t algorithm; struct span first, second; };
/* The whole span is one key with exactly the members of its kind. ERR_INPUT, ERR_LIMIT; ERR_DENIED: an algorithm that is not taken, or a key too weak. */
MUST_CHECK enum err_code webauthn_key_read(struct span cose, struct webauthn_key_form *out, struct err *err);
/* ERR_DENIED unless `signature` (DER for ES256) is the key's over `message`; a point that is not on its curve is one reason. */
MUST_CHECK enum err_code webauthn_key_verify(const struct webauthn_key_form *key, struct span message, struct span signature, struct err *err);
/* The attestation certificate (DER): is fit to be one (8.2.1), is of this AAGUID where it names one, and signed `message`. Not traced to a root. */
MUST_CHECK enum err_code webauthn_key_check_certificate(struct span der, struct span aaguid, int64_t algorithm, struct span message, struct span signature, struct err *err);

#endif
