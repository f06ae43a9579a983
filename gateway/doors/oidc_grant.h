/* oidc_grant: what a login gave an RP, sealed into the text that stands for it: an authorization code, then an access token for userinfo. Nothing is
 * stored: any node opens them, and a person's name or e-mail is read when it is told, not carried.
 * A code is good once, for a minute; that it was used is remembered over all nodes (login_once). Used again, what it gave is taken back
 * (RFC 6749 section 4.1.2).
 * Sources: RFC 6749 sections 1.4 and 4.1.2, RFC 9700 section 4.5. */
#ifndef GATEWAY_DOORS_OIDC_GRANT_H
#define GATEWAY_DOORS_OIDC_GRANT_H
#include "gateway/doors/oidc_request.h"

enum { OIDC_CODE_LIFETIME_S = 60, OIDC_ACCESS_LIFETIME_S = 300, OIDC_GRANT_BYTES = 4 * 1024, OIDC_HASH_BYTES = 43 /* base64url of SHA-256 */ };
enum oidc_grant_kind { OIDC_GRANT_CODE, OIDC_GRANT_ACCESS, OIDC_GRANT_KINDS };

struct oidc_grant {
    struct span door;                   /* id: its client alone may use the code */
    struct span redirect_hash, challenge; /* of a code: it must be exchanged with the same address, and by who knows the verifier */
    struct span code_hash;              /* of an access token: which code gave it */
    struct span nonce;
    struct span subject;                /* `sub` */
    struct span person, device;         /* ids; empty: unknown, none proved */
    struct span decision, app;          /* x_..., id of the app that was decided for */
    struct span app_id, app_name;       /* said back to Okta, see struct oidc_request */
    enum oidc_app_names app_names;
    unsigned scopes, id_claims, userinfo_claims;
    enum outcome outcome;
    enum proof proof;
    bool managed, compliant;
    int64_t at_s;                       /* of the decision: auth_time */
    int64_t expires_s;                  /* of this code or access token */
    /* ---- of the front channel alone (use: entra), never sealed ---- */
    struct span acr, amr;
};
/* OIDC_HASH_BYTES characters in the arena; empty when it is full. */
struct span oidc_hash(struct span text, struct arena *a);
/* Text of unreserved characters, in the arena. */
MUST_CHECK enum err_code oidc_grant_seal(const struct node *node, enum oidc_grant_kind kind, const struct oidc_grant *g, struct arena *a, struct span *out, struct err *err);
/* ERR_DENIED for what is not ours, or is of the other kind; ERR_EXPIRED. `text` is untrusted; texts live in `arena`. */
MUST_CHECK enum err_code oidc_grant_open(const struct node *node, enum oidc_grant_kind kind, struct span text, int64_t now_s, struct arena *arena, struct oidc_grant *g, struct err *err);

#endif
