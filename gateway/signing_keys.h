/* signing_keys: the key pairs that sign what others verify, shared by all nodes, made at the first start. Control record "signing_keys" holds them with
 * the private half sealed under the root key, so Redis alone gives none away; gateway/signing_ring.h keeps them opened in memory and signs.
 * Four kinds, because no key serves two purposes or two algorithms. Rotation overlaps: a new key is published at once, signs only when verifiers
 * have had time to fetch it, and the old one stays published until what it signed has expired. Times: wall seconds.
 * All calls with a store block on it (slow lane, start). Sources: RFC 7517, 7518 section 3, 7638. */
#ifndef GATEWAY_SIGNING_KEYS_H
#define GATEWAY_SIGNING_KEYS_H
#include "gateway/node.h"
#include "posture/ports.h"

enum signing_algorithm { SIGNING_ES256, SIGNING_RS256, SIGNING_ALGORITHMS };
enum signing_kind { SIGNING_TOKENS_ES256, SIGNING_TOKENS_RS256, SIGNING_SAML_RS256, SIGNING_ARCHIVE_ES256, SIGNING_KINDS };
enum {
    SIGNING_KEYS_MOST = 16,              /* leaving ones included */
    SIGNING_JWKS_MAX_AGE_S = 300,
    SIGNING_LEAD_ES256_S = 2 * SIGNING_JWKS_MAX_AGE_S,
    SIGNING_LEAD_RS256_S = 2 * 86400,    /* for OIDC: Entra keeps a key set for up to two days */
    SIGNING_LEAD_SAML_S = 30 * 86400,    /* most service providers are given the new certificate by hand */
    SIGNING_LEAD_MOST_S = 366 * 86400,
    SIGNING_OVERLAP_S = 86400,
    SIGNING_OVERLAP_ARCHIVE_S = 10 * 366 * 86400, /* segments are verified for as long as they are kept */
    SIGNING_RECORD_BYTES = 256 * 1024
};
struct signing_key {
    struct span kid;                     /* RFC 7638 thumbprint: base64url for ES256; hexadecimal for RS256, where Entra wants letters of base64 and no others */
    enum signing_kind kind;
    struct span parts[2];                /* base64url: x and y of an EC key, n and e of an RSA key */
    struct span certificate;             /* base64: DER of the certificate made with an RSA key; empty: made again from the key when it is opened */
    struct span sealed;                  /* DER of the private key, sealed with the kid as context */
    int64_t created_s, signs_from_s, leaves_s; /* leaves 0: not before the next rotation */
};
struct signing_keys { struct signing_key all[SIGNING_KEYS_MOST]; size_t count; };

const char *signing_algorithm_name(enum signing_algorithm a); /* "ES256", "RS256" */
enum signing_algorithm signing_kind_algorithm(enum signing_kind k);
const char *signing_kind_use(enum signing_kind k);            /* "tokens", "saml", "archive" */
/* The kinds of a use and an algorithm as bits 1 << kind; empty texts mean all. 0: there is none. */
unsigned signing_kinds_of(struct span use, struct span algorithm);

/* A record's body (empty: none yet). Texts live in `arena`. */
MUST_CHECK enum err_code signing_keys_from_json(struct span body, struct arena *arena, struct signing_keys *out, struct err *err);
void signing_keys_to_json(const struct signing_keys *keys, struct buf *out);
/* The newest of those of the kind whose time to sign has come; NULL: none. */
const struct signing_key *signing_keys_signer(const struct signing_keys *keys, enum signing_kind kind, int64_t now_s);
/* "signing", "next" or "leaving". */
const char *signing_key_state(const struct signing_keys *keys, const struct signing_key *key, int64_t now_s);

/* Makes those of a kind that has none. At start, before anybody logs in. */
MUST_CHECK enum err_code signing_keys_ensure(const struct node *node, struct store *store, struct err *err);
/* The keys that are published now, as stored. */
MUST_CHECK enum err_code signing_keys_read(const struct node *node, struct store *store, struct arena *arena, struct signing_keys *out, struct err *err);
struct signing_rotation {
    unsigned kinds;                      /* bits 1 << enum signing_kind */
    int64_t lead_s;                      /* until the new key signs; 0: what is usual for the kind, and never less than that but for SAML */
    bool now;                            /* the new key signs at once and the old ones are withdrawn: for a key that was lost */
    struct span cause;
};
/* ERR_LIMIT when rotated too often: at most SIGNING_KEYS_MOST are published at once. ERR_INPUT for a lead out of bounds. */
MUST_CHECK enum err_code signing_keys_rotate(const struct node *node, struct store *store, const struct signing_rotation *rotation, struct err *err);
#endif
