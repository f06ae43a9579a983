/* client_trust: the CAs whose client certificates name devices, with their revocation lists. Immutable; shared by all threads.
 * Sources: RFC 5280 sections 5 and 6 (OpenSSL walks the path). */
#ifndef CONNECTORS_IDENTITY_CLIENT_TRUST_H
#define CONNECTORS_IDENTITY_CLIENT_TRUST_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"

enum { CLIENT_TRUST_CAS = 64, CLIENT_TRUST_LISTS = 64, CLIENT_TRUST_LIST_BYTES = 16 * 1024 * 1024 };

struct client_trust_source {
    struct span ca_pem;                                /* roots and intermediates; each of them ends a path */
    const struct span *lists; size_t list_count;       /* contents of CRL files: PEM (one or more) or DER */
    bool use_stale_lists;                              /* a list past its nextUpdate still says who is revoked; else its CA's certificates are refused */
};
struct client_trust;
/* Borrows nothing. ERR_INPUT names what cannot be read (by its number), ERR_LIMIT when there are too many. */
MUST_CHECK enum err_code client_trust_new(const struct client_trust_source *source, struct client_trust **out, struct err *err);
void client_trust_free(struct client_trust *t);

/* OK when a path from `leaf` over `chain` (in any order, untrusted) ends in one of the CAs, every certificate on it is in its time, made for TLS clients and strong
 * enough (112 bits), and, when there are lists, none is revoked and the leaf's issuer has a list. ERR_DENIED says why in words; *reason is a short static word
 * for metrics and logs: "expired", "not_yet_valid", "revoked", "foreign_ca", "no_list", "stale_list", "wrong_purpose", "broken". */
MUST_CHECK enum err_code client_trust_check(const struct client_trust *t, struct span leaf, const struct span *chain, size_t chain_count, int64_t now_s, const char **reason, struct err *err);

/* For doctor and logs. */
struct client_trust_ca { struct span subject; int64_t not_after_s; bool self_signed; };
struct client_trust_list { struct span issuer; int64_t this_update_s, next_update_s; /* 0: it does not say */ size_t revoked; bool signed_by_ca; };
size_t client_trust_cas(const struct client_trust *t, const struct client_trust_ca **all);
size_t client_trust_lists(const struct client_trust *t, const struct client_trust_list **all);

#endif
