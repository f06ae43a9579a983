/* oidc_story: a node with OpenID Connect doors, and requests to it as an RP or a browser makes them. What a login proved is given by the test. Fails the
 * running test when something is not as asked. Thread: the test's own. */
#ifndef TESTS_SUPPORT_OIDC_STORY_H
#define TESTS_SUPPORT_OIDC_STORY_H
#include "gateway/doors/oidc.h"
#include "gateway/login.h"
#include "tests/support/story.h"
#include "tests/support/token_maker.h"

#define OIDC_ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OIDC_BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OIDC_DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OIDC_ISSUER "https://posture.acme.example"
#define OIDC_CALLBACK "https://rp.example/cb"
#define OIDC_CALLBACK_ENCODED "https%3A%2F%2Frp.example%2Fcb"
#define OIDC_ENTRA_CALLBACK_ENCODED "https%3A%2F%2Flogin.microsoftonline.com%2Fcommon%2Ffederation%2Fexternalauthprovider"
/* RFC 7636 appendix B. */
#define OIDC_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define OIDC_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

struct oidc_got { int status; char location[9000], cache[64], pragma[64], challenge[512], origin[64]; char *body; /* owned by the world */ };
/* Doors, each with its own name as client_id and OIDC_CALLBACK as address: "rp" (basic, PKCE; also OIDC_CALLBACK "?tenant=1"), "post" (post, no PKCE, ES256),
 * "jwt" (private_key_jwt), "spa" (none), "okta" (okta_posture), "factor", "entra". Ana owns dover, which is well; Ben owns nothing. */
struct oidc_world {
    struct story s;
    struct token_key *client_key; /* of "jwt", kid client-key */
    char policy[16 * 1024];
    struct oidc_got got;
    char returned[16 * 1024], secret[80];
    unsigned keys;
};
void oidc_start(struct oidc_world *w);
void oidc_end(struct oidc_world *w);
/* A new client secret for that door; until the next call. */
const char *oidc_secret(struct oidc_world *w, const char *door);
/* "Basic ..." of a client; until the next call. */
const char *oidc_basic(struct oidc_world *w, const char *client_id, const char *secret, char out[512]);

struct oidc_ask { const char *method, *path, *query, *body, *type; /* NULL: a form */ const char *authorization; };
/* Through the router, in the slow lane where the route wants it; the answer is in w->got. */
void oidc_ask(struct oidc_world *w, const struct oidc_ask *ask);
/* A value of the Location's query, or of the form that posts itself; empty: not there. Until the next call. */
const char *oidc_returned(struct oidc_world *w, const char *name);

/* The authorization request of this query, begun as a login that ends with `result`: answered, or refused when `refusal` is not NULL. */
void oidc_login(struct oidc_world *w, const char *query, const struct login_result *result, const enum login_refusal *refusal);
/* What Ana's healthy dover gets. */
struct login_result oidc_healthy(const struct oidc_world *w);
/* A member of a JWT's claims as compact JSON ("\"x\"", "17"); empty: not there. The signature is not looked at. Until the next call. */
const char *oidc_claim(struct oidc_world *w, const char *jwt, const char *name);
/* A member of the JSON body that came last; texts without their quotes. Until the next call. */
const char *oidc_member(struct oidc_world *w, const char *name);

#endif
