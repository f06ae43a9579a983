/* saml_metadata: an SP's metadata from an operator's file, and our own as an IdP. Never fetched: a file read by a person is the trust in it, so its
 * signature, if it has one, is not looked at. The same strict XML as requests (saml_xml.h), but comments are left out instead of refused.
 * Source: SAML metadata 2.3.2, 2.4.2 to 2.4.4. Thread: any. */
#ifndef CONNECTORS_IDENTITY_SAML_METADATA_H
#define CONNECTORS_IDENTITY_SAML_METADATA_H
#include "connectors/identity/saml_names.h"
#include "posture/base/arena.h"
#include "posture/base/buf.h"

enum { SAML_METADATA_BYTES = 256 * 1024, SAML_METADATA_ACS = 32, SAML_METADATA_CERTIFICATES = 8 };

struct saml_metadata {
    struct span entity_id;
    struct span acs[SAML_METADATA_ACS]; size_t acs_count; /* HTTP-POST alone: the default first, then by index */
    struct span certificates[SAML_METADATA_CERTIFICATES]; size_t certificate_count; /* for signing; PEM as `certificates` of a door takes it */
    bool requests_signed;                /* AuthnRequestsSigned: it says that it signs what it sends */
    bool assertions_signed;              /* WantAssertionsSigned */
    int64_t valid_until_s;               /* 0: it does not say */
};
/* Texts live in `arena`. ERR_INPUT or ERR_LIMIT with words for the operator: what is missing, or what to cut out of the file. */
MUST_CHECK enum err_code saml_metadata_read(struct span file, struct arena *arena, struct saml_metadata *out, struct err *err);

struct saml_metadata_idp {
    struct span entity_id, sso;          /* the URL of both bindings */
    const struct span *certificates; size_t certificate_count; /* DER: the present key's and the next one's */
    bool requests_signed;                /* WantAuthnRequestsSigned */
    int64_t valid_until_s;
};
/* Appends a document that SPs read: one KeyDescriptor a certificate, the name id formats, the two locations. */
void saml_metadata_write(const struct saml_metadata_idp *idp, struct buf *out);
#endif
