/* saml_names: the URIs of SAML 2.0 that several modules write or compare. Sources: SAML core 1.2 and 8.3, bindings 3.4 and 3.5, authn-context 3.4. */
#ifndef CONNECTORS_IDENTITY_SAML_NAMES_H
#define CONNECTORS_IDENTITY_SAML_NAMES_H

#define SAML_NS_PROTOCOL "urn:oasis:names:tc:SAML:2.0:protocol"
#define SAML_NS_ASSERTION "urn:oasis:names:tc:SAML:2.0:assertion"
#define SAML_NS_METADATA "urn:oasis:names:tc:SAML:2.0:metadata"
#define SAML_NS_SIGNATURE "http://www.w3.org/2000/09/xmldsig#"
#define SAML_NS_EXC_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"

#define SAML_BINDING_POST "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
#define SAML_BINDING_REDIRECT "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

#define SAML_NAME_ID_UNSPECIFIED "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#define SAML_NAME_ID_EMAIL "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#define SAML_NAME_ID_PERSISTENT "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
#define SAML_NAME_ID_TRANSIENT "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#define SAML_NAME_ID_ENTITY "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

#define SAML_CLASS_PREFIX "urn:oasis:names:tc:SAML:2.0:ac:classes:"
#define SAML_CLASS_UNSPECIFIED SAML_CLASS_PREFIX "unspecified"
#define SAML_CLASS_X509 SAML_CLASS_PREFIX "X509"
#define SAML_CLASS_TLS_CLIENT SAML_CLASS_PREFIX "TLSClient"
#define SAML_CLASS_OKTA_POSTURE "urn:okta:saml:2.0:DevicePosture"
#endif
