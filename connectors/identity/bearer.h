/* bearer: access tokens of others' issuers -> who calls and what they may. liboauth2 verifies the signature: one verifier an issuer and key, with a cache of
 * its issuer's own that is never written (a shared one would make a token of one issuer good for all). Everything that liboauth2 does not check is
 * checked here: algorithm, type, issuer, audience, exp, nbf, client, and that a bound token is shown by whom it is bound to.
 * What was verified is remembered by the hash of the token, an issuer apart from the other, for at most five minutes and never beyond exp; times and binding are checked
 * each time. No network: keys are given by bearer_set_keys().
 * Thread: bearer_check() from any thread, workers included (a hit costs microseconds, a signature 0.1 ms); new, free and set_keys from one at a time.
 * Signals must be blocked in all threads that check (liboauth2's semaphores). One object a process at a time.
 * Sources: RFC 6750, 9068, 8705 section 3; liboauth2 1.4.5 and 2.1. */
#ifndef CONNECTORS_IDENTITY_BEARER_H
#define CONNECTORS_IDENTITY_BEARER_H
#include "connectors/identity/jose.h"
#include "posture/base/arena.h"
#include "posture/base/log.h"
#include "posture/base/secret.h"

enum { BEARER_ISSUERS = 16, BEARER_REMEMBER_S = 300, BEARER_NAME_BYTES = 256, BEARER_ID_BYTES = 64 };
struct bearer_scope { struct span theirs; unsigned ours; };
struct bearer_issuer {
    struct span id;                  /* our name for it */
    struct span issuer, audience;    /* iss and aud, byte for byte */
    struct span type; bool type_optional; /* header typ: at+jwt (RFC 9068) */
    unsigned algorithms;             /* enum jose_algorithm bits */
    const struct bearer_scope *scopes; size_t scope_count; /* what a word in scope, scp or roles opens here; several rows may name one word */
    const struct span *clients; size_t client_count;       /* who may come with such a token; none: every client of the issuer */
};
struct bearer_caller {
    size_t issuer;                   /* its place in the list; also set with ERR_NOT_FOUND */
    struct span id;                  /* "<issuer's id>:<client>"; the subject stands in for a client that is not named */
    struct span subject;
    unsigned scopes;
    int64_t expires_s;
};

struct bearer;
/* Copies the issuers. Before threads start (liboauth2's lists). ERR_LIMIT: more than BEARER_ISSUERS. */
MUST_CHECK enum err_code bearer_new(const struct bearer_issuer *issuers, size_t count, const struct log *log, struct bearer **out, struct err *err);
/* After all threads that check have ended: ends liboauth2 and gives libcurl's global state back. NULL is fine. */
void bearer_free(struct bearer *b);
/* The issuer's keys from now on; NULL: none. The same keys again change nothing, others make it forget what it remembered. Borrowed for the call. */
void bearer_set_keys(struct bearer *b, size_t issuer, const struct jose_keys *keys);
/* `certificate`: SHA-256 of the DER of the client's certificate as 64 hexadecimal digits in lower case, empty when it showed none. Texts are copied into `arena`.
 * ERR_UNAUTHORIZED: not a token to be believed; ERR_NOT_FOUND: signed with a key that is not known (yet); ERR_UNAVAILABLE: no keys of its issuer are known.
 * `token` is untrusted; nothing of it is in the text. */
MUST_CHECK enum err_code bearer_check(struct bearer *b, struct span token, struct span certificate, int64_t now_s, struct arena *arena, struct bearer_caller *out, struct err *err);

#endif
