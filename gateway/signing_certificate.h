/* signing_certificate: the self-signed X.509 certificate around a signing key, for those who know keys only in certificates: x5c in the JWKS (Entra),
 * KeyInfo and metadata (SAML). Nobody trusts it for its own sake; verifiers are told which key to trust. The same key, kid and time always give the
 * same bytes, on every node. */
#ifndef GATEWAY_SIGNING_CERTIFICATE_H
#define GATEWAY_SIGNING_CERTIFICATE_H
#include "gateway/signing_key_pair.h"

enum { SIGNING_CERTIFICATE_DAYS = 3650 };
/* Appends its DER. `pair` is an RSA key. */
MUST_CHECK enum err_code signing_certificate_make(const struct signing_key_pair *pair, struct span kid, int64_t created_s, struct buf *der, struct err *err);
#endif
