/* signing_ring: the signing keys of this node, opened and kept in memory, so that signing needs no store. The feed gives it each newer state of the
 * control record "signing_keys" (gateway/signing_keys.h); which key signs is then a matter of the clock, so all nodes switch together. Private halves are
 * decoded once, live in libcrypto's keys and are wiped when those are freed.
 * Before the record was read: ERR_UNAVAILABLE. Thread: all calls from any thread; signing with RS256 takes a millisecond, so not on a worker.
 * Sources: RFC 7515 section 3.1, RFC 7517. */
#ifndef GATEWAY_SIGNING_RING_H
#define GATEWAY_SIGNING_RING_H
#include "gateway/signing_keys.h"
#include "posture/base/shared.h"

enum { SIGNING_TYPE_BYTES = 64, SIGNING_CLAIMS_BYTES = 64 * 1024, SIGNING_ETAG_BYTES = 34 };
struct signing_ring;
struct signing_ring *signing_ring_new(const struct node *node); /* borrows node; NULL when memory is short */
void signing_ring_free(struct signing_ring *ring);              /* NULL is fine */
/* Shows the keys of a record's body from now on. A key sealed under another root key stays published and cannot sign (logged). */
MUST_CHECK enum err_code signing_ring_load(struct signing_ring *ring, struct span record, struct err *err);

/* Appends a compact JWS over `claims` (a JSON object, copied as it is) with the header alg, kid, typ. `typ` is a media type without "application/":
 * JWT, posture+jwt. ERR_DENIED when the key was sealed under another root key; ERR_LIMIT for claims over SIGNING_CLAIMS_BYTES. */
MUST_CHECK enum err_code signing_sign_jwt(const struct node *node, enum signing_algorithm a, struct span claims, struct span typ, struct buf *jwt, struct err *err);
/* The published halves of the keys for tokens, as RFC 7517 section 5 has them, made beforehand: cheap enough for a worker. `etag` with its quotes. */
MUST_CHECK enum err_code signing_jwks(const struct node *node, int64_t now_s, struct buf *json, char etag[SIGNING_ETAG_BYTES + 1], struct err *err);

/* The same with the key of the archive, ES256: it signs nothing else. */
MUST_CHECK enum err_code signing_sign_archive(const struct node *node, struct span claims, struct span typ, struct buf *jwt, struct err *err);
/* The public halves of all keys that ever signed the archive and are kept, as a JWK set: what an offline check needs. */
MUST_CHECK enum err_code signing_archive_jwks(const struct node *node, struct buf *json, struct err *err);

/* What signs SAML messages now. Texts and key are valid until signing_saml_done(). */
struct signing_saml {
    struct shared_body *hold;
    struct evp_pkey_st *key;                   /* EVP_PKEY, RSA 2048; never modified, shared by all threads */
    struct span certificate;                   /* DER, of that key */
    struct span certificates[SIGNING_KEYS_MOST]; size_t certificate_count; /* DER, for metadata: the signing one first, then those that will sign next */
};
MUST_CHECK enum err_code signing_keys_saml(const struct node *node, struct signing_saml *out, struct err *err);
void signing_saml_done(struct signing_saml *saml);
#endif
