/* oidc_id_token: what is told about a person and a device, in an ID token and by userinfo, and the levels (acr) and methods (amr) that it rests on.
 * Sources: OpenID Connect Core 1.0 sections 2, 3.1.3.6 and 5.1, RFC 8176 (amr); Okta's device posture provider (device_context). */
#ifndef GATEWAY_DOORS_OIDC_ID_TOKEN_H
#define GATEWAY_DOORS_OIDC_ID_TOKEN_H
#include "gateway/doors/oidc_grant.h"

enum { OIDC_ID_TOKEN_LIFETIME_S = 300, OIDC_ID_TOKEN_BYTES = 32 * 1024 };

/* The level a login reached, strongest last: known, compliant, compliant and proved by a key that is bound to the device. */
enum oidc_acr { OIDC_ACR_NONE, OIDC_ACR_KNOWN, OIDC_ACR_COMPLIANT, OIDC_ACR_COMPLIANT_HW, OIDC_ACRS };
enum oidc_acr oidc_acr_of(const struct oidc_grant *g);
/* "<public_url>/acr/device-compliant" in the arena; empty for OIDC_ACR_NONE. */
struct span oidc_acr_text(const struct node *node, enum oidc_acr acr, struct arena *a);
/* One of `values` is met: a level asked for, or a weaker one than was reached. */
bool oidc_acr_meets(const struct node *node, enum oidc_acr reached, const struct oidc_values *values, struct arena *a);
/* RFC 8176's word for a proof; NULL for one that proves no key: a cookie can be copied. */
const char *oidc_amr(enum proof proof);

/* `sub`, the asked claims of the person, and what there is about the device, into an open object. Names are read from the directory now.
 * Call outside directory_enter(). */
void oidc_write_claims(const struct http_request *r, const struct oidc_grant *g, enum door_use use, unsigned claims, struct to_json *w);
/* Appends a signed ID token. `access_token` empty: none goes with it. Slow lane: signs. */
MUST_CHECK enum err_code oidc_id_token(const struct http_request *r, const struct door *door, const struct oidc_grant *g, struct span access_token, struct buf *out, struct err *err);

#endif
