/* webauthn: what a browser brings back from navigator.credentials.create() and .get(), verified. A credential that the platform authenticator of a laptop
 * made (Touch ID, Windows Hello) answers a challenge later and so proves that the browser is on that laptop.
 *
 * Taken: ES256, RS256 and EdDSA (Ed25519) keys; user present and verified (fingerprint or PIN) each time; our own top-level page alone.
 * Attestation: `packed` is verified, self-signed or by the certificate that came with it, and refused when it does not hold. All others (`none`, `tpm`,
 * `apple`, ...) count as none: we ask for none, because no rule rests on who made the authenticator (docs/doors/device-proof.md says what that leaves open).
 * Sources: Web Authentication Level 2 sections 5.8.1, 6.1, 6.5, 7.1, 7.2, 8.2, 8.7; Level 3 section 6.1.3 for the backup flags; RFC 9053, RFC 8230 for keys.
 * Pure: no clock, no store, no randomness. Thread: any. */
#ifndef CONNECTORS_IDENTITY_WEBAUTHN_H
#define CONNECTORS_IDENTITY_WEBAUTHN_H
#include "posture/base/arena.h"

enum { WEBAUTHN_ID_MOST = 1023, WEBAUTHN_KEY_MOST = 1024, WEBAUTHN_CLIENT_DATA_MOST = 8 * 1024, WEBAUTHN_AUTHENTICATOR_DATA_MOST = 8 * 1024,
       WEBAUTHN_ATTESTATION_MOST = 32 * 1024, WEBAUTHN_SIGNATURE_MOST = 1024, WEBAUTHN_AAGUID_BYTES = 16 };
/* COSE algorithms, the order in which we offer them. */
enum { WEBAUTHN_ES256 = -7, WEBAUTHN_EDDSA = -8, WEBAUTHN_RS256 = -257 };

/* Where credentials are good: the origin of our pages, and its host as the RP id. */
struct webauthn_site { struct span origin, rp_id; };
/* From our public URL; texts in `arena`. False where browsers offer no WebAuthn: an IP address as host, or http on anything but localhost. */
bool webauthn_site_from(struct span public_url, struct arena *arena, struct webauthn_site *out);

/* What the answer must be to. `challenge` is the base64url text that was sent; who sent it, when, and how often it was answered is the caller's to know. */
struct webauthn_expected { struct webauthn_site site; struct span challenge; };
enum webauthn_attestation { WEBAUTHN_UNATTESTED, WEBAUTHN_ATTESTED_SELF, WEBAUTHN_ATTESTED_CERTIFICATE /* not traced to a root */ };
struct webauthn_credential {
    struct span id;              /* raw, 1 to WEBAUTHN_ID_MOST bytes */
    struct span public_key;      /* COSE_Key as it came, at most WEBAUTHN_KEY_MOST bytes */
    uint32_t sign_count;         /* 0: the authenticator does not count */
    bool backup_eligible;        /* it may be on other devices too (BE); never changes */
    bool backed_up;              /* and is now, as far as known (BS) */
    enum webauthn_attestation attestation;
    uint8_t aaguid[WEBAUTHN_AAGUID_BYTES]; /* the authenticator's model; zeros: not told */
};
/* Everything is untrusted. The credential borrows from `attestation_object`. ERR_INPUT or ERR_LIMIT: malformed; ERR_DENIED: something does not hold. */
struct webauthn_registration { struct span client_data, attestation_object; };
MUST_CHECK enum err_code webauthn_register(const struct webauthn_expected *expected, const struct webauthn_registration *in, struct webauthn_credential *out, struct err *err);

struct webauthn_assertion { struct span client_data, authenticator_data, signature; };
struct webauthn_use { uint32_t sign_count; bool backed_up; }; /* what to remember of it */
/* `known` is what was registered under the id that the browser named (id and attestation are not looked at). A counter that does not grow is
 * ERR_CONFLICT: the key was copied, or the answer is an old one. */
MUST_CHECK enum err_code webauthn_assert(const struct webauthn_expected *expected, const struct webauthn_credential *known, const struct webauthn_assertion *in,
                                         struct webauthn_use *out, struct err *err);

#endif
