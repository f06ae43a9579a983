/* jwks: the public keys of an issuer, fetched: from its JWK set, or from the set that its discovery document names (OpenID Connect Discovery 1.0
 * section 4, RFC 8414). Blocks; a client belongs to one thread. Addresses and sizes are bounded by http_client and here. */
#ifndef CONNECTORS_IDENTITY_JWKS_H
#define CONNECTORS_IDENTITY_JWKS_H
#include "connectors/http_client.h"
#include "connectors/identity/jose.h"

enum { JWKS_CALL_MS = 10000, JWKS_DISCOVERY_BYTES = 128 * 1024 };
struct jwks_source {
    struct span issuer;          /* the discovery document must name exactly this; empty: not compared (Entra's common document has a placeholder) */
    struct span discovery;       /* URL of the document; empty when jwks_uri is given */
    struct span jwks_uri;
};
/* ERR_UNAVAILABLE or ERR_AMBIGUOUS: nobody answered; ERR_DENIED: an address that may not be called; ERR_PROTOCOL,
 * ERR_INPUT or ERR_LIMIT: the answer cannot be used. Owned. */
MUST_CHECK enum err_code jwks_fetch(struct http_client *client, const struct jwks_source *source, struct jose_keys **out, struct err *err);
/* The jwks_uri of a discovery document; exported for its table of cases. Appended to `uri`. */
MUST_CHECK enum err_code jwks_uri_from_discovery(struct span document, struct span issuer, struct buf *uri, struct err *err);

#endif
