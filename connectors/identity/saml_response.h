/* saml_response: what an IdP answers, signed, as XML for the HTTP-POST binding: a Response with one Assertion, or with a status that says why not.
 * Written in canonical form and signed over those bytes (saml_signature.h); Issuer first, the Signature right after it. Takes milliseconds: slow lane.
 * Sources: SAML core 2 and 3.2, profiles 4.1.4.2; Okta's device posture guide for SAML_CLASS_OKTA_POSTURE. */
#ifndef CONNECTORS_IDENTITY_SAML_RESPONSE_H
#define CONNECTORS_IDENTITY_SAML_RESPONSE_H
#include "connectors/identity/saml_names.h"
#include "connectors/identity/saml_signature.h"

enum { SAML_RESPONSE_BYTES = 256 * 1024, SAML_LIFETIME_S = 300, SAML_BEFORE_S = 60 /* for clocks of SPs that are behind */, SAML_NEW_ID_BYTES = 33 };

/* All but success are answers of the Responder (core 3.2.2.2), with the second code that is named here. */
enum saml_status { SAML_SUCCESS, SAML_AUTHN_FAILED, SAML_NO_PASSIVE, SAML_NO_AUTHN_CONTEXT, SAML_INVALID_NAME_ID_POLICY, SAML_STATUSES };
struct saml_attribute { struct span name; const struct span *values; size_t count; /* 0: left out */ };
/* Okta's extension of AuthnContextDecl. Empty texts are left out. */
struct saml_device { struct span id, vendor, model, os, os_version; bool managed, compliant; };
struct saml_response {
    struct span issuer;               /* entity id of the IdP */
    struct span destination;          /* ACS URL: Destination and Recipient */
    struct span in_response_to;
    struct span audience;             /* entity id of the SP */
    int64_t at_s;
    enum saml_status status;
    struct span message, detail;      /* StatusMessage, StatusDetail; empty: left out */
    /* ---- of success alone ---- */
    struct span name_id, name_id_format;
    struct span name_qualifier, sp_name_qualifier; /* empty: left out */
    struct span context;              /* AuthnContextClassRef */
    const struct saml_device *device; /* NULL: no declaration */
    const struct saml_attribute *attributes; size_t attribute_count;
    bool sign_response, sign_assertion; /* a status alone is signed always */
};
/* Appends. ERR_LIMIT past SAML_RESPONSE_BYTES, or what the signer says. */
MUST_CHECK enum err_code saml_response_write(const struct saml_response *r, const struct saml_signer *signer, struct buf *out, struct err *err);
#endif
