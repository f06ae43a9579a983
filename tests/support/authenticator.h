/* authenticator: a platform authenticator and the browser around it, in software: makes registrations and assertions, good ones and spoilt ones.
 * Fails the running test when OpenSSL does not do its part. Thread: the test's own. */
#ifndef TESTS_SUPPORT_AUTHENTICATOR_H
#define TESTS_SUPPORT_AUTHENTICATOR_H
#include "connectors/identity/webauthn.h"
#include "posture/base/buf.h"

enum { AUTHENTICATOR_PRESENT = 1, AUTHENTICATOR_VERIFIED = 4, AUTHENTICATOR_BACKUP_ELIGIBLE = 8, AUTHENTICATOR_BACKED_UP = 16, AUTHENTICATOR_ATTESTED = 64,
       AUTHENTICATOR_EXTENSIONS = 128 };
struct authenticator {
    int algorithm;               /* WEBAUTHN_ES256, WEBAUTHN_EDDSA, WEBAUTHN_RS256 */
    void *key;                   /* EVP_PKEY */
    unsigned char aaguid[WEBAUTHN_AAGUID_BYTES];
    char id[2 * WEBAUTHN_ID_MOST]; size_t id_bytes;
    uint32_t counter;            /* as the next answer says it */
    unsigned flags;              /* of a good answer: present, verified */
};
void authenticator_init(struct authenticator *a, int algorithm);
void authenticator_done(struct authenticator *a);

/* How an answer differs from a good one; zeros: it does not. */
struct authenticator_asked {
    const char *rp_id, *origin, *challenge;      /* what the browser was asked on which page; must be given */
    const char *type;                            /* of the client data */
    const char *more;                            /* further members of the client data: ",\"crossOrigin\":true" */
    const char *client_data;                     /* this text instead */
    unsigned set_flags, clear_flags;
    const char *format;                          /* "none" (default), "packed": self, "packed-x5c", or any name with an empty statement */
    const char *subject_unit;                    /* OU of the attestation certificate; default "Authenticator Attestation" */
    bool certificate_is_ca, certificate_of_another_aaguid;
    const char *key_hex;                         /* this COSE key instead */
    struct span tail;                            /* follows the authenticator data (before the extensions' place) */
    size_t cut_data;                             /* so many bytes are missing at its end */
    bool spoil_signature, foreign_signature;     /* one bit differs; by another key of the same kind */
    int statement_algorithm;                     /* alg of the attestation statement; 0: the true one */
};
void authenticator_create(struct authenticator *a, const struct authenticator_asked *asked, struct buf *client_data, struct buf *attestation_object);
void authenticator_get(struct authenticator *a, const struct authenticator_asked *asked, struct buf *client_data, struct buf *data, struct buf *signature);

#endif
