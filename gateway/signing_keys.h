/* signing_keys: the key pairs that sign what others verify with /.well-known/jwks.json: one ES256 and one RS256 in use, made at first use, shared by
 * all nodes. Control record "signing_keys" holds them with the private half sealed under the root key, so Redis alone gives none away.
 * Rotation overlaps: a new key is published at once, signs only when verifiers have had time to fetch it, and the old one stays published until
 * what it signed has expired. Times: wall seconds. All calls block on the store (slow lane).
 * Sources: RFC 7515, 7517, 7518 section 3, 7638. */
#ifndef GATEWAY_SIGNING_KEYS_H
#define GATEWAY_SIGNING_KEYS_H
#include "gateway/node.h"
#include "posture/base/to_json.h"
#include "posture/ports.h"

enum signing_algorithm { SIGNING_ES256, SIGNING_RS256, SIGNING_ALGORITHMS };
enum {
    SIGNING_KEYS_MOST = 16,              /* leaving ones included */
    SIGNING_JWKS_MAX_AGE_S = 300,
    SIGNING_LEAD_ES256_S = 2 * SIGNING_JWKS_MAX_AGE_S,
    SIGNING_LEAD_RS256_S = 2 * 86400,    /* for OIDC: Entra keeps a key set for up to two days */
    SIGNING_OVERLAP_S = 86400,
    SIGNING_TYPE_BYTES = 64, SIGNING_CLAIMS_BYTES = 64 * 1024
};
struct signing_key {
    struct span kid;                     /* RFC 7638 thumbprint */
    enum signing_algorithm algorithm;
    struct span parts[2];                /* base64url: x and y of an EC key, n and e of an RSA key */
    struct span sealed;                  /* DER of the private key, sealed with the kid as context */
    int64_t created_s, signs_from_s, leaves_s; /* leaves 0: not before the next rotation */
};
struct signing_keys { struct signing_key all[SIGNING_KEYS_MOST]; size_t count; };

/* The keys that are published now; makes those of an algorithm that has none. Texts live in `arena`. */
MUST_CHECK enum err_code signing_keys_read(const struct node *node, struct store *store, struct arena *arena, struct signing_keys *out, struct err *err);
/* New keys for the algorithms (bits 1 << enum signing_algorithm). ERR_LIMIT when rotated too often: at most SIGNING_KEYS_MOST are published at once. */
MUST_CHECK enum err_code signing_keys_rotate(const struct node *node, struct store *store, unsigned algorithms, struct span cause, struct err *err);
const char *signing_algorithm_name(enum signing_algorithm a); /* "ES256", "RS256" */
/* "signing", "next" or "leaving". */
const char *signing_key_state(const struct signing_keys *keys, const struct signing_key *key, int64_t now_s);
/* The public halves, as RFC 7517 section 5 has them. */
void signing_keys_write_jwks(const struct signing_keys *keys, struct to_json *w);
/* Appends a compact JWS (RFC 7515 section 3.1) over `claims` (a JSON object, copied as it is) with header alg ES256, kid, typ. `typ` is a media type
 * of our own without "application/", such as posture+jwt. ERR_DENIED when the key was sealed under another root key. */
MUST_CHECK enum err_code signing_keys_sign_jwt(const struct node *node, struct store *store, struct span claims, struct span typ, struct buf *jwt, struct err *err);
#endif
