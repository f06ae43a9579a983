/* jose: what others signed, read: a compact JWS (RFC 7515 section 3.1) whose payload is a JWT's claims (RFC 7519), and the JWK sets (RFC 7517) it is
 * verified with. Every byte is a stranger's. No network: the key set is given, and what a header says about where a key could be had (jwk, jku, x5c,
 * x5u) is ignored. The caller says which algorithms may be; a header cannot choose beyond that (RFC 8725 section 3.1).
 * Thread: a set is immutable after jose_keys_read() and may be shared; a token belongs to one thread. */
#ifndef CONNECTORS_IDENTITY_JOSE_H
#define CONNECTORS_IDENTITY_JOSE_H
#include "posture/base/from_json.h"

enum {
    JOSE_TOKEN_BYTES = 8 * 1024, JOSE_KID_BYTES = 256, JOSE_TYPE_BYTES = 64, JOSE_CLAIM_BYTES = 4096, JOSE_AUDIENCES = 32,
    JOSE_SET_BYTES = 128 * 1024, JOSE_SET_KEYS = 64, JOSE_RSA_LEAST_BITS = 2048, JOSE_RSA_MOST_BITS = 8192, JOSE_SKEW_S = 60
};
enum jose_algorithm { JOSE_RS256 = 1, JOSE_PS256 = 2, JOSE_ES256 = 4 }; /* bits, so that a set of them is one number */
/* The bit, or 0 for a name that is none of ours ("none", "HS256", "rs256"). */
unsigned jose_algorithm_named(struct span name);

/* ---- keys ---- */
struct jose_keys;
/* {"keys":[...]}, or one bare JWK. Keys of other types, for other uses and of other algorithms are left out; so are RSA keys below 2048 bits and EC points
 * that are not on P-256. ERR_INPUT when none is left (the text says why), when a key shows a private or a symmetric half, or for what is no JWK set at
 * all; ERR_LIMIT when it is too long. Owned. */
MUST_CHECK enum err_code jose_keys_read(struct span json, struct jose_keys **out, struct err *err);
void jose_keys_free(struct jose_keys *keys); /* NULL is fine */
void jose_keys_freep(struct jose_keys **keys);
size_t jose_keys_count(const struct jose_keys *keys);
/* For those who hand keys on one by one (connectors/identity/bearer.c). Borrowed from the set. */
struct jose_key { struct span kid; /* may be empty */ unsigned algorithms; struct span jwk; /* JSON: kty and the public numbers, nothing else */ };
struct jose_key jose_keys_at(const struct jose_keys *keys, size_t index);
/* Whether a key could verify what has this kid and algorithm: else fetching the set anew may help. */
bool jose_keys_have(const struct jose_keys *keys, struct span kid, unsigned algorithm);

/* ---- tokens ---- */
struct jose_token;
/* Takes a compact JWS apart: three parts of strict base64url, a header and a payload that are JSON objects without doubled members. Nothing is verified
 * yet. Refuses `crit` (we know no extension, RFC 7515 section 4.1.11) and any alg but ours. Copies what it keeps. ERR_LIMIT or ERR_INPUT. Owned. */
MUST_CHECK enum err_code jose_token_read(struct span text, struct jose_token **out, struct err *err);
void jose_token_free(struct jose_token *token); /* NULL is fine */
void jose_token_freep(struct jose_token **token);
unsigned jose_token_algorithm(const struct jose_token *token);
struct span jose_token_kid(const struct jose_token *token);  /* empty when there is none */
/* What it says of itself before anybody believed it: only to find out which keys to try (issuer, client). Borrowed. */
struct from_json_value jose_token_unverified(const struct jose_token *token);
/* One of `algorithms`, and one of the keys. Without a kid there must be exactly one key for its algorithm. ERR_NOT_FOUND: no such key (fetch the set
 * again, but not too often); ERR_DENIED: another algorithm, or the signature is wrong. */
MUST_CHECK enum err_code jose_token_verify(struct jose_token *token, const struct jose_keys *keys, unsigned algorithms, struct err *err);
/* The caller had it verified elsewhere (liboauth2): from now on its claims are given out. */
void jose_token_believe(struct jose_token *token);
/* Asserts that it was verified. Borrowed. */
struct from_json_value jose_token_claims(const struct jose_token *token);

struct jose_rules {
    struct span issuer;              /* iss must be this, byte for byte; empty: any */
    struct span audience;            /* aud must be this, or a list that holds it; empty: any */
    struct span type;                /* header typ, compared as RFC 7515 section 4.1.9 says ("application/" may be missing, case folded); empty: any */
    bool type_optional;              /* a token without typ is taken too */
    bool expired_is_fine;            /* exp is neither needed nor looked at: id_token_hint */
    int64_t oldest_s;                /* iat is needed and is at most this long ago; 0: iat may be missing or old */
    int64_t skew_s;                  /* of the clocks, both ways: JOSE_SKEW_S */
    int64_t now_s;
};
/* Checks the claims of a verified token: exp, nbf and iat as well as the above. ERR_EXPIRED for a time that is past; ERR_DENIED for all else that is
 * wrong, ERR_INPUT for a claim of the wrong type. The text names the claim, never its value. */
MUST_CHECK enum err_code jose_token_check(const struct jose_token *token, const struct jose_rules *rules, struct err *err);

#endif
