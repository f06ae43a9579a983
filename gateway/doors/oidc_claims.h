/* oidc_claims: which claims an RP asks for, by scope or one by one in the `claims` parameter, and what it insists on.
 * Sources: OpenID Connect Core 1.0 sections 5.4 (scopes) and 5.5 (the claims parameter). */
#ifndef GATEWAY_DOORS_OIDC_CLAIMS_H
#define GATEWAY_DOORS_OIDC_CLAIMS_H
#include "posture/base/arena.h"
#include "posture/base/from_json.h"

enum { OIDC_CLAIMS_BYTES = 4096, OIDC_VALUES_MOST = 32, OIDC_VALUE_BYTES = 256, OIDC_SUBJECT_BYTES = 320 };

/* Claims about the person that are told only when asked for; those about the device are always told. */
enum oidc_claim { OIDC_CLAIM_NAME = 1, OIDC_CLAIM_USERNAME = 2, OIDC_CLAIM_EMAIL = 4, OIDC_CLAIM_EMAIL_VERIFIED = 8, OIDC_CLAIM_GROUPS = 16 };

enum oidc_scope { OIDC_SCOPE_OPENID = 1, OIDC_SCOPE_PROFILE = 2, OIDC_SCOPE_EMAIL = 4, OIDC_SCOPE_GROUPS = 8 };
/* The known ones of a space-separated list; others are left out, as RFC 6749 section 3.3 allows. */
unsigned oidc_scopes_from(struct span list);
/* "openid email", in the arena. */
struct span oidc_scopes_text(unsigned scopes, struct arena *a);
/* Bits of enum oidc_claim. */
unsigned oidc_scopes_claims(unsigned scopes);
/* "name", "email", ... of the claims that may be asked for, in a fixed order; NULL past the last. */
const char *oidc_claim_name(size_t index);

struct oidc_values { struct span all[OIDC_VALUES_MOST]; size_t count; bool essential; };
/* What stands in a `claims` parameter; unknown members are left out. */
struct oidc_claims {
    unsigned id_token, userinfo;    /* bits of enum oidc_claim */
    struct oidc_values acr, amr;    /* of id_token */
    struct span subject;            /* id_token.sub.value: nobody else may be named */
};
/* `json` is untrusted; texts are copied into the arena. ERR_INPUT or ERR_LIMIT. */
MUST_CHECK enum err_code oidc_claims_read(struct span json, struct arena *a, struct oidc_claims *out, struct err *err);

#endif
