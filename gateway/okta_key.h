/* okta_key: the key that our OAuth client at Okta proves itself with (private_key_jwt): one of the operator's, or this gateway's own signing key for tokens, whose
 * public half Okta fetches from /oidc/jwks. Thread: any. */
#ifndef GATEWAY_OKTA_KEY_H
#define GATEWAY_OKTA_KEY_H
#include "gateway/node.h"

enum { OKTA_KEY_ID_BYTES = 256 };
struct okta_key;
/* `pem`: a private key on P-256, or RSA of 2048 bits or more (PKCS #8 or the older forms); empty: the gateway's own. `key_id`: as Okta calls it; may be empty.
 * Borrows node. Owned. */
MUST_CHECK enum err_code okta_key_new(const struct node *node, struct span pem, struct span key_id, struct okta_key **out, struct err *err);
void okta_key_free(struct okta_key *key); /* NULL is fine */
/* Appends the claims as a compact JWS (RFC 7515 section 3.1). `key`: a struct okta_key; fits oauth_client_options.sign. */
MUST_CHECK enum err_code okta_key_sign(void *key, struct span claims, struct buf *jwt, struct err *err);
#endif
