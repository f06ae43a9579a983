/* For saml_signature*.c: which keys and algorithms are taken, and the one shape of a ds:Signature, checked before xmlsec sees it. */
#ifndef CONNECTORS_IDENTITY_SAML_SIGNATURE_PARTS_H
#define CONNECTORS_IDENTITY_SAML_SIGNATURE_PARTS_H
#include "connectors/identity/saml_signature.h"
#include "connectors/identity/saml_xml.h"

#include <openssl/types.h>

/* One row an algorithm. `key`: "RSA" or "EC". */
struct saml_algorithm { const char *uri, *key, *digest; bool sha1; };
/* NULL when it is not on the list, or on it only with `sha1`. */
const struct saml_algorithm *saml_algorithm_find(struct span uri, bool sha1);
/* Owned; NULL unless the certificate (PEM) has a key that may sign: RSA of SAML_RSA_BITS at least, or P-256. */
EVP_PKEY *saml_certificate_key(struct span pem);
/* ERR_DENIED in the words for a signature that no certificate of the door made. */
enum err_code saml_signature_foreign(struct err *err);
/* SignedInfo with exclusive canonicalization, one Reference to `id` with enveloped-signature and exclusive canonicalization in that order, one
 * SignatureValue, at most one KeyInfo, no Object. ERR_INPUT otherwise. */
MUST_CHECK enum err_code saml_signature_shape(const struct saml_trust *trust, const xmlNode *signature, struct span id, struct err *err);
#endif
