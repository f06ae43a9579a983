/* saml_request: an AuthnRequest that a browser carried here, read strictly. Two steps, because the Issuer picks whose keys count:
 *   saml_request_redirect() or saml_request_post(): bytes -> a tree and its Issuer, which nothing has vouched for yet
 *   saml_request_read(): version, time, destination, signature; then the rest of the fields, from the very element the signature covers
 * Bounds: 64 KiB encoded, 256 KiB of XML, those of saml_xml.h. Verifying takes a millisecond: slow lane.
 * Sources: SAML core 3.4.1, bindings 3.4 and 3.5, profiles 4.1.4; Okta's device posture guide for the extensions. */
#ifndef CONNECTORS_IDENTITY_SAML_REQUEST_H
#define CONNECTORS_IDENTITY_SAML_REQUEST_H
#include "connectors/identity/saml_signature.h"
#include "posture/base/arena.h"

enum { SAML_ENCODED_BYTES = 64 * 1024, SAML_XML_BYTES = 256 * 1024, SAML_URI_BYTES = 2000, SAML_FORMAT_BYTES = 200, SAML_NAME_BYTES = 320, SAML_CLASSES = 16, SAML_APP_BYTES = 256,
       SAML_SKEW_S = 300 };

enum saml_comparison { SAML_EXACT, SAML_MINIMUM, SAML_MAXIMUM, SAML_BETTER };
/* Texts live in the arena given; absent ones are empty. */
struct saml_request {
    struct span id;                       /* an NCName */
    int64_t issued_s;
    struct span issuer, destination;
    struct span acs_url;                  /* AssertionConsumerServiceURL */
    int acs_index;                        /* AssertionConsumerServiceIndex; -1: absent. Never both */
    struct span binding;                  /* ProtocolBinding */
    bool force, passive;                  /* ForceAuthn, IsPassive */
    struct span subject, subject_format;  /* Subject/NameID */
    struct span name_id_format;           /* NameIDPolicy/@Format */
    struct span name_qualifier;           /* NameIDPolicy/@SPNameQualifier */
    bool wants_context;                   /* a RequestedAuthnContext is there */
    enum saml_comparison comparison;
    struct span classes[SAML_CLASSES]; size_t class_count; /* none: it asks for declarations, which nobody here knows */
    struct span app_instance, app_name;   /* Extensions: OktaAppInstanceId, OktaAppName, in any namespace (Okta documents none) */
    bool is_signed;                       /* and the signature was good */
};

struct saml_request_raw;                  /* not believed yet */
/* `query`: as received, still percent-encoded (the signature covers those octets). Owned; free with saml_request_raw_freep. Borrows `arena` and `query`. */
MUST_CHECK enum err_code saml_request_redirect(struct span query, struct arena *arena, struct saml_request_raw **out, struct err *err);
/* `value`: the form's SAMLRequest, decoded from the form; base64, white space in it does not matter. */
MUST_CHECK enum err_code saml_request_post(struct span value, struct arena *arena, struct saml_request_raw **out, struct err *err);
void saml_request_raw_freep(struct saml_request_raw **raw); /* NULL inside is fine */
/* The entity id it says it comes from: only for finding whose rules count. */
struct span saml_request_issuer(const struct saml_request_raw *raw);

struct saml_request_rules {
    struct saml_trust trust;
    bool signed_only;
    struct span destination;              /* the URL it was received on */
    int64_t now_s;
};
/* ERR_INPUT: not a request that is taken here; ERR_EXPIRED: issued more than SAML_SKEW_S ago or ahead; ERR_DENIED: the signature is missing where it
 * must be, or wrong. A signature that is there is verified whatever the rules are, and a signed request must name its destination. */
MUST_CHECK enum err_code saml_request_read(const struct saml_request_raw *raw, const struct saml_request_rules *rules, struct saml_request *out, struct err *err);
#endif
