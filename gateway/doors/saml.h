/* saml: the SAML 2.0 identity provider. A login comes in at saml_sso.c, goes on in gateway/login.c, and saml_answer.c brings the answer to the SP. The XML
 * and its signatures are connectors/identity/saml_*; here it is decided who may ask, what is said about whom, and how strong it may be called.
 *   saml_asked    what an SP asked, kept in struct login.request until the answer
 *   saml_name     NameID: who the answer is about
 *   saml_context  AuthnContextClassRef: how strong it is, and whether that is what was asked for
 * Sources: SAML core, bindings, profiles 4.1; set-up and attacks: docs/doors/saml.md, docs/doors/okta.md. */
#ifndef GATEWAY_DOORS_SAML_H
#define GATEWAY_DOORS_SAML_H
#include "connectors/identity/saml_request.h"
#include "connectors/identity/saml_response.h"
#include "gateway/http/router.h"
#include "gateway/login.h"

/* Paths below public_url. The address of the metadata is the entity id, too. */
#define SAML_PATH_METADATA "/saml/metadata"
#define SAML_PATH_SSO "/saml/sso"
enum { SAML_RELAY_BYTES = 1024 /* the letter says 80; peers send more */, SAML_ONCE_S = 2 * SAML_SKEW_S + 60 };

route_fast_fn saml_metadata_route;
route_slow_fn saml_sso;
/* public_url and the path, in the arena. */
struct span saml_url(const struct http_request *r, const char *path);

/* ---- what was asked ---- */

struct saml_asked {
    struct span id, acs;                  /* InResponseTo; where the answer goes */
    struct span relay; bool has_relay;    /* RelayState, opaque */
    struct span subject, subject_format;  /* empty: nobody was named */
    struct span name_id_format;           /* empty: none, or "unspecified" */
    struct span context;                  /* see saml_context_plan() */
    struct span app_instance, app_name;   /* Okta's, to be said back */
};
/* Into struct login.request and back. ERR_LIMIT past LOGIN_REQUEST_BYTES. */
MUST_CHECK enum err_code saml_asked_write(const struct saml_asked *q, struct arena *a, struct span *json, struct err *err);
MUST_CHECK enum err_code saml_asked_read(struct span json, struct arena *a, struct saml_asked *q, struct err *err);

/* ---- how strong ---- */

/* Which classes could answer a request, from the most fitting on, as a text to keep; empty: none was asked for. False: no login here can ever be called
 * what was asked for (NoAuthnContext). */
bool saml_context_plan(const struct http_request *r, const struct door *door, const struct saml_request *q, struct span *plan);
/* The class that this login may be called and that fits the plan; empty: there is none. */
struct span saml_context_of(const struct http_request *r, const struct door *door, struct span plan, const struct login_result *result);

/* ---- who ---- */

struct saml_name { struct span value, format, qualifier, sp_qualifier; };
/* Whether names of that format are given here at all. False: InvalidNameIDPolicy. */
bool saml_name_possible(const struct door *door, const struct saml_request *q);
/* False: this person has no name of the format that was asked for. */
bool saml_name_of(const struct http_request *r, const struct door *door, const struct saml_asked *q, const struct login_result *result, struct saml_name *out);

/* ---- answers ---- */

/* Fills `res` with the form that brings a failure to the SP. `message`: short, nothing of the policy. */
void saml_answer_failure(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, enum saml_status status, const char *message);

#endif
