/* bearer_parts: what bearer.c, bearer_keys.c (liboauth2) and bearer_memory.c share. Private to them. */
#ifndef CONNECTORS_IDENTITY_BEARER_PARTS_H
#define CONNECTORS_IDENTITY_BEARER_PARTS_H
#include "connectors/identity/bearer.h"
#include "posture/base/shared.h"

/* ---- bearer_keys.c: the only file that calls liboauth2 ---- */

struct oauth2_log_t; struct oauth2_cfg_token_verify_t;
/* liboauth2's state in this process, and a cache for each of `issuers`. */
MUST_CHECK enum err_code bearer_library_start(const struct log *log, size_t issuers, struct oauth2_log_t **out, struct err *err);
void bearer_library_stop(struct oauth2_log_t *library); /* NULL is fine */

struct bearer_key { struct span kid; unsigned algorithms; struct oauth2_cfg_token_verify_t *verifier; };
struct bearer_keys {
    struct shared_body shared;
    struct arena arena;
    struct oauth2_log_t *library;
    struct bearer_key all[JOSE_SET_KEYS];
    size_t count;
    uint8_t fingerprint[SECRET_HASH_BYTES]; /* of all of it */
};
void bearer_keys_fingerprint(const struct jose_keys *keys, uint8_t out[SECRET_HASH_BYTES]);
/* One verifier a key. */
MUST_CHECK enum err_code bearer_keys_new(struct oauth2_log_t *library, size_t issuer, const struct jose_keys *keys, struct bearer_keys **out, struct err *err);
/* NULL: none, or (without a kid) more than one. */
const struct bearer_key *bearer_keys_find(const struct bearer_keys *keys, struct span kid, unsigned algorithm);
/* The signature is good and exp has not passed. */
bool bearer_key_verifies(const struct bearer_keys *keys, const struct bearer_key *key, struct span token);

/* ---- bearer_memory.c: tokens of one issuer that were good ---- */

struct bearer_known {
    char client[BEARER_NAME_BYTES + 1], subject[BEARER_NAME_BYTES + 1];
    unsigned scopes;
    int64_t exp_s, nbf_s;
    char certificate[SECRET_HEX_BYTES + 1]; /* cnf x5t#S256, in hexadecimal; empty: not bound */
};
struct bearer_memory;
struct bearer_memory *bearer_memory_new(void); /* NULL when memory is short */
void bearer_memory_free(struct bearer_memory *m);
/* What was remembered of the token with this hash, verified with keys of this fingerprint; false when it was not, or is too old. Any thread. */
bool bearer_memory_find(struct bearer_memory *m, const uint8_t hash[SECRET_HASH_BYTES], const uint8_t keys[SECRET_HASH_BYTES], int64_t now_s, struct bearer_known *out);
void bearer_memory_put(struct bearer_memory *m, const uint8_t hash[SECRET_HASH_BYTES], const uint8_t keys[SECRET_HASH_BYTES], int64_t now_s, const struct bearer_known *known);

#endif
