/* signing_key_pair: one key pair of libcrypto: made, taken apart into what a JWK and the store hold, put together again, signing.
 * The private half leaves only through signing_key_pair_private(). Thread: any; many may sign with one pair at once. */
#ifndef GATEWAY_SIGNING_KEY_PAIR_H
#define GATEWAY_SIGNING_KEY_PAIR_H
#include "gateway/signing_keys.h"

struct signing_key_pair;
/* P-256, or RSA with 2048 bits and exponent 65537 (takes up to a second). Owned. */
MUST_CHECK enum err_code signing_key_pair_new(enum signing_algorithm a, struct signing_key_pair **out, struct err *err);
/* From the DER of signing_key_pair_private(). ERR_INPUT when it is not a key of that algorithm. */
MUST_CHECK enum err_code signing_key_pair_from(enum signing_algorithm a, struct span der, struct signing_key_pair **out, struct err *err);
void signing_key_pair_free(struct signing_key_pair *p); /* NULL is fine */
void signing_key_pair_freep(struct signing_key_pair **p);
/* Borrowed; never modified. */
struct evp_pkey_st *signing_key_pair_key(const struct signing_key_pair *p);
MUST_CHECK enum err_code signing_key_pair_private(const struct signing_key_pair *p, struct buf *der, struct err *err);
/* The two public numbers as base64url texts: x and y (32 bytes each, RFC 7518 section 6.2.1), or n and e (no leading zeros, section 6.3.1). */
MUST_CHECK enum err_code signing_key_pair_public(const struct signing_key_pair *p, struct buf *first, struct buf *second, struct err *err);
/* Appends the raw signature bytes of RFC 7518 sections 3.3 and 3.4: ES256 is R and S, 32 bytes each. */
MUST_CHECK enum err_code signing_key_pair_sign(const struct signing_key_pair *p, struct span data, struct buf *signature, struct err *err);
#endif
