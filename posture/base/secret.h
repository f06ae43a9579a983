/* secret: random text, hashes, MACs, sealing, wiping. What goes in here cannot be logged by it.
 * Backed by OpenSSL's libcrypto; algorithms are fetched once by secret_new() (fails clearly under a FIPS-only build).
 * Thread: `struct secret` is immutable after secret_new() and may be shared; secret_hash and randoms need none. */
#ifndef POSTURE_BASE_SECRET_H
#define POSTURE_BASE_SECRET_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"

enum { SECRET_KEY_BYTES = 32, SECRET_HASH_BYTES = 32, SECRET_HEX_BYTES = 64, SECRET_ID_BYTES = 28, SECRET_SEAL_MAX_BYTES = 1024 * 1024 };

/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *at, size_t bytes);
/* Wipes, then frees; NULL is fine. */
void secret_free(void *at, size_t bytes);
/* RAND_bytes; aborts the process when the system has no randomness (nothing safe can follow). */
void secret_random(void *at, size_t bytes);
/* `bytes` characters of base64url, 6 bits each, no terminator. */
void secret_random_text(char *at, size_t bytes);
/* "<prefix>_" + 26 lower-case base32 characters (130 random bits) + NUL: 29 bytes. Prefix d, p, x, e, ... */
void secret_new_id(char prefix, char id[SECRET_ID_BYTES + 1]);
/* Well-formed id of ours with that prefix. */
bool secret_is_id(struct span text, char prefix);

void secret_sha256(struct span data, uint8_t hash[SECRET_HASH_BYTES]);
/* Lower-case hex + NUL. */
void secret_sha256_hex(struct span data, char hex[SECRET_HEX_BYTES + 1]);
/* One-shot HMAC-SHA-256 with a caller's key (webhooks, Slack signatures). */
void secret_hmac(struct span key, struct span data, uint8_t mac[SECRET_HASH_BYTES]);
/* Lower-case hex of any bytes into `hex` (2 * bytes + 1 characters). */
void secret_hex(const void *at, size_t bytes, char *hex);
/* base64url without padding (RFC 4648 section 5), and base64 with padding; appended to `out`. */
bool secret_base64url(struct span data, struct buf *out);
bool secret_base64(struct span data, struct buf *out);
/* Strict decoders: no white space, canonical; base64url without padding, base64 with. */
MUST_CHECK enum err_code secret_from_base64url(struct span text, size_t max_bytes, struct buf *out, struct err *err);
MUST_CHECK enum err_code secret_from_base64(struct span text, size_t max_bytes, struct buf *out, struct err *err);

/* A certificate's DER as PEM (RFC 7468 section 5), lines of 64, appended to `out`. */
bool secret_certificate_pem(struct span der, struct buf *out);

/* The root key and what is derived from it (HKDF-SHA-256, RFC 5869, one label a purpose). */
struct secret;
/* Copies and wipes nothing of the caller's. Owned; free with secret_done(). */
MUST_CHECK enum err_code secret_new(const uint8_t root[SECRET_KEY_BYTES], struct secret **out, struct err *err);
void secret_done(struct secret *s);
enum secret_purpose {
    SECRET_LINK,      /* /me and /blocked capabilities */
    SECRET_QUERY,     /* names of distributed queries */
    SECRET_NODE_KEY,  /* agents' node keys */
    SECRET_SEALED,    /* values at rest in Redis: enrol secrets, channel tokens, signing keys */
    SECRET_CURSOR,    /* opaque event cursors */
    SECRET_LOGIN,     /* logins on their way through us */
    SECRET_OIDC,      /* authorization codes and access tokens of the OpenID Provider */
    SECRET_DEVICE,    /* device cookies */
    SECRET_PAIRWISE,  /* names of a person that differ from SP to SP */
    SECRET_ARCHIVE,   /* keys of persons in the archive, each with the salt in their record (gateway/archive_keys.h) */
    SECRET_PURPOSES
};
/* HMAC-SHA-256 under the purpose's key. */
void secret_mac(const struct secret *s, enum secret_purpose purpose, struct span data, uint8_t mac[SECRET_HASH_BYTES]);
/* AES-256-GCM under the purpose's key, fresh 96-bit nonce; `context` is authenticated, not stored.
 * The result is base64url text: version, nonce, ciphertext, tag. ERR_LIMIT when `plain` or `context` is longer than
 * SECRET_SEAL_MAX_BYTES. */
MUST_CHECK enum err_code secret_seal(const struct secret *s, enum secret_purpose purpose, struct span context, struct span plain, struct buf *out, struct err *err);
/* ERR_DENIED for anything altered, of another purpose, context or root key. `text` is untrusted. */
MUST_CHECK enum err_code secret_open(const struct secret *s, enum secret_purpose purpose, struct span context, struct span text, struct buf *plain, struct err *err);

#endif
