/* saml_signature: signatures over SAML messages. Of others: an enveloped XML signature over the document element (xmlsec), or the detached one of the
 * HTTP-Redirect binding over the query's octets. Ours: an enveloped one whose canonical form is known, because we wrote the text.
 * Keys come from the caller alone; what a message says in KeyInfo is not looked at. Signing and verifying take milliseconds: slow lane.
 * Sources: XML Signature 1.1, Exclusive XML Canonicalization 1.0, SAML bindings 3.4.4.1, SAML core 5. */
#ifndef CONNECTORS_IDENTITY_SAML_SIGNATURE_H
#define CONNECTORS_IDENTITY_SAML_SIGNATURE_H
#include "posture/base/buf.h"

enum { SAML_SIGNATURE_BYTES = 4096, SAML_RSA_BITS = 2048 };

/* Whose signatures are taken. */
struct saml_trust {
    const struct span *certificates; size_t count; /* PEM; any of them may have signed (keys overlap when they change). Their dates do not matter */
    bool sha1;                                     /* RSA with SHA-1 is taken too */
};
/* ERR_DENIED: no certificate's key made it; ERR_INPUT: not the one shape that is taken, or an algorithm that is not on the list. */
MUST_CHECK enum err_code saml_signature_verify_query(const struct saml_trust *trust, struct span octets, struct span algorithm, struct span signature, struct err *err);

/* Who signs ours: RSA with SHA-256 over `data`, appended to `signature` as raw bytes. */
typedef enum err_code saml_sign_fn(const void *context, struct span data, struct buf *signature, struct err *err);
struct saml_signer {
    saml_sign_fn *sign;
    const void *context;
    struct span certificate;                       /* DER, of that key; goes out in KeyInfo */
};
/* Appends a ds:Signature for the element `id`, whose exclusive canonical form (itself without a signature) is `canonical`. */
MUST_CHECK enum err_code saml_signature_write(const struct saml_signer *signer, struct span id, struct span canonical, struct buf *out, struct err *err);

/* For saml_request.c: `signature` is a child of the document element of `doc`. Good: the signature covers the document element, all of it but itself. */
struct _xmlDoc; struct _xmlNode;
MUST_CHECK enum err_code saml_signature_verify(const struct saml_trust *trust, struct _xmlDoc *doc, struct _xmlNode *signature, struct err *err);
#endif
