/* saml_kit: the other side of SAML for tests: keys with certificates, messages signed and packed as an SP does it, and xmlsec1 (the program) as a judge
 * that shares no code of ours. Aborts the test when libcrypto fails. Texts are heap, owned by the caller, NUL-terminated. */
#ifndef TESTS_SUPPORT_SAML_KIT_H
#define TESTS_SUPPORT_SAML_KIT_H
#include "connectors/identity/saml_signature.h"

struct saml_key;
struct saml_key *saml_key_new(const char *type, unsigned bits); /* "RSA" and bits, or "P-256", "P-384" */
void saml_key_free(struct saml_key *key);
struct span saml_key_pem(const struct saml_key *key);           /* its certificate; borrowed */
struct span saml_key_der(const struct saml_key *key);
struct saml_signer saml_key_signer(const struct saml_key *key); /* RSA, SHA-256 */

/* `xml` in canonical form, with {signature} where the signature belongs: the whole is signed under `id`. */
char *saml_kit_sign(const struct saml_key *key, const char *xml, const char *id);
/* The signature alone, for what is put together by hand. */
char *saml_kit_signature(const struct saml_key *key, const char *canonical, const char *id);
char *saml_kit_base64(struct span bytes);
/* "SAMLRequest=..[&RelayState=..]", deflated and percent-encoded. */
char *saml_kit_query(const char *xml, const char *relay);
/* The same with "&SigAlg=..&Signature=.." by `digest` ("SHA256"); `raw_ecdsa`: r and s bare. */
char *saml_kit_signed_query(const char *query, const struct saml_key *key, const char *algorithm, const char *digest, bool raw_ecdsa);
/* `text` with its first `find` replaced. Aborts when it is not in there. */
char *saml_kit_replace(const char *text, const char *find, const char *with);
/* The program xmlsec1 verifies `xml`, whose element {ns}name has the IDs. */
bool saml_kit_judge(const char *xml, const char *element, const struct saml_key *key);
/* xmlsec1 signs a template: what a stranger's signature looks like. */
char *saml_kit_stranger_signs(const char *template_xml, const char *element, const struct saml_key *key);
#endif
