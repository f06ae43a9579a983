/* door: one way an IdP or an app asks during a login, as the policy names it (policy key `doors`, docs/doors/): who may ask, where answers may go,
 * which app counts when the request names none. Plain values in the policy's arena, const after policy_read().
 * Nothing here is secret: client secrets are API keys of scope `login` bound to the door (gateway/cli/cli_door.c makes them). */
#ifndef POSTURE_DOOR_H
#define POSTURE_DOOR_H
#include "posture/base/arena.h"

enum { DOOR_MAX = 256, DOOR_MAX_URLS = 32, DOOR_MAX_CERTIFICATES = 8, DOOR_MAX_TENANTS = 32, DOOR_URL_BYTES = 2000, DOOR_PEM_BYTES = 16 * 1024, DOOR_JWKS_BYTES = 32 * 1024 };

enum door_kind { DOOR_SAML, DOOR_OIDC, DOOR_OKTA_HOOK, DOOR_KINDS };          /* kind: saml, oidc, okta_hook */
/* What the other side takes the answer for. */
enum door_use {
    DOOR_USE_LOGIN,        /* use: login. Any SP, RP or broker: the person comes from a signed request or from the owner of the proved device */
    DOOR_USE_FACTOR,       /* use: factor. A second step behind an IdP that knows the person and compares (Okta IdP authenticator) */
    DOOR_USE_OKTA_POSTURE, /* use: okta_posture. Okta device posture provider: managed and compliant as facts */
    DOOR_USE_ENTRA,        /* use: entra. Microsoft Entra external MFA (kind oidc only) */
    DOOR_USES
};
enum door_when_denied { DOOR_DENIED_PAGE, /* a page that helps, and on from there */ DOOR_DENIED_ANSWER /* the IdP gets the refusal at once */ };

enum door_requests { DOOR_REQUESTS_OPTIONAL, DOOR_REQUESTS_SIGNED };          /* a signature that is there must verify either way */
enum door_sign { DOOR_SIGN_BOTH, DOOR_SIGN_RESPONSE, DOOR_SIGN_ASSERTION };
enum door_name_id { DOOR_NAME_ID_UNSPECIFIED, DOOR_NAME_ID_EMAIL, DOOR_NAME_ID_PERSISTENT, DOOR_NAME_ID_TRANSIENT };
struct door_saml {
    struct span entity_id;                            /* of the SP; also the audience */
    const struct span *acs; size_t acs_count;         /* the first is the default; string-equal, HTTP-POST */
    enum door_requests requests;
    const struct span *certificates; size_t certificate_count; /* PEM; verify signed requests */
    bool sha1;                                        /* requests signed with RSA-SHA1 are taken */
    enum door_sign sign;
    enum door_name_id name_id;                        /* when the request asks for none, or for unspecified */
    struct span context;                              /* AuthnContextClassRef to answer; empty: by the proof, or what was asked for */
};

enum door_client_auth { DOOR_AUTH_BASIC, DOOR_AUTH_POST, DOOR_AUTH_PRIVATE_KEY_JWT, DOOR_AUTH_NONE };
struct door_oidc {
    struct span client_id;                            /* unique over all doors */
    const struct span *redirect_uris; size_t redirect_uri_count; /* string-equal */
    enum door_client_auth auth;                       /* auth: client_secret_basic, client_secret_post, private_key_jwt, none */
    struct span jwks;                                 /* JSON text, with private_key_jwt */
    bool pkce;                                        /* required; default true, always with auth: none */
    struct span signing;                              /* id_token algorithm: RS256 (default) or ES256 */
    /* use: entra */
    const struct span *tenants; size_t tenant_count;  /* tid values that may ask */
    struct span hint_audience;                        /* aud of id_token_hint: the app registration's id, or client_id (Microsoft documents both) */
    struct span hint_issuer;                          /* with {tid}; default https://login.microsoftonline.com/{tid}/v2.0 */
    struct span hint_metadata;                        /* discovery document of the hint's issuer; default Microsoft's common one */
};
struct door_hook {
    struct span claim;                                /* claim or attribute that carries the state; default device_posture */
    int64_t warned_lifetime_s, denied_lifetime_s;     /* token life while warned, denied: 300..86400; 0: as Okta has it */
    bool refuse;                                      /* a deny is answered with Okta's error (default true) */
};
struct door {
    struct span id, title;                            /* title: what people see ("Okta"); default the id */
    enum door_kind kind;
    enum door_use use;
    struct span app;                                  /* id of the app when the request names none; empty: the request must name it */
    int64_t warn_every_s;                             /* the warn page is shown at most this often to a person; default 1d */
    int64_t login_s;                                  /* how long a login may take; default 600 (entra: 300) */
    enum door_when_denied when_denied;                /* default page */
    struct door_saml saml;
    struct door_oidc oidc;
    struct door_hook hook;
};
struct policy;
/* The hint's issuer of one tenant, and where its keys are found, unless the policy says otherwise. */
#define DOOR_HINT_ISSUER "https://login.microsoftonline.com/{tid}/v2.0"
#define DOOR_HINT_METADATA "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
/* The door of that id, SAML entity id, or OIDC client id; NULL. */
const struct door *policy_door(const struct policy *p, struct span id);
const struct door *policy_door_saml(const struct policy *p, struct span entity_id);
const struct door *policy_door_oidc(const struct policy *p, struct span client_id);
/* Everything of it into `arena`, for those who go on with a door after directory_leave(). False: the arena is full. */
bool door_copy(const struct door *d, struct arena *a, struct door *out);
/* The door as the policy's canonical form has it. */
struct to_json;
void door_to_json(const struct door *door, struct to_json *w);
/* Their words in the policy. */
const char *door_kind_name(enum door_kind k);
const char *door_use_name(enum door_use u);
const char *door_requests_name(enum door_requests r);
const char *door_sign_name(enum door_sign s);
const char *door_name_id_name(enum door_name_id n);
const char *door_auth_name(enum door_client_auth a);
const char *door_when_denied_name(enum door_when_denied w);
/* Entra's addresses, one a cloud: the only redirect URIs of a door with `use: entra`. NULL-terminated. */
extern const char *const door_entra_redirect_uris[];

#endif
