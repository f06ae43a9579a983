/* For tests of requests: the AuthnRequest that rows change, and reading one in a line. */
#ifndef TESTS_SUPPORT_SAML_KIT_REQUEST_H
#define TESTS_SUPPORT_SAML_KIT_REQUEST_H
#include "connectors/identity/saml_request.h"
#include "tests/support/saml_kit.h"

#include <stdlib.h>
#include <string.h>

#define KIT_SSO "https://postern.example/saml/sso"
#define KIT_SP "https://sp.example/metadata"
#define KIT_ACS "https://sp.example/acs"
enum { KIT_NOW_S = 1796040000 /* 2026-11-30T12:00:00Z */ };
#define KIT_P "urn:oasis:names:tc:SAML:2.0:protocol"
#define KIT_A "urn:oasis:names:tc:SAML:2.0:assertion"
#define KIT_REQUEST_ELEMENT KIT_P ":AuthnRequest"
#define KIT_OPEN \
    "<samlp:AuthnRequest xmlns:samlp=\"" KIT_P "\" AssertionConsumerServiceURL=\"" KIT_ACS "\" Destination=\"" KIT_SSO "\" ID=\"_r1\" IssueInstant=\"2026-11-30T12:00:00Z\" " \
    "ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Version=\"2.0\">"
#define KIT_ISSUER "<saml:Issuer xmlns:saml=\"" KIT_A "\">" KIT_SP "</saml:Issuer>"
#define KIT_SUBJECT "<saml:Subject xmlns:saml=\"" KIT_A "\"><saml:NameID>ana@corp.example</saml:NameID></saml:Subject>"
#define KIT_POLICY "<samlp:NameIDPolicy AllowCreate=\"true\" Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\"></samlp:NameIDPolicy>"
#define KIT_CONTEXT \
    "<samlp:RequestedAuthnContext Comparison=\"minimum\"><saml:AuthnContextClassRef xmlns:saml=\"" KIT_A "\">urn:okta:saml:2.0:DevicePosture</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
#define KIT_EXTENSIONS "<samlp:Extensions><OktaAppInstanceId>0oaPayroll</OktaAppInstanceId><OktaAppName>Payroll</OktaAppName></samlp:Extensions>"
#define KIT_CLOSE "</samlp:AuthnRequest>"
/* In canonical form; {signature} is where one belongs. */
#define KIT_REQUEST KIT_OPEN KIT_ISSUER "{signature}" KIT_EXTENSIONS KIT_SUBJECT KIT_POLICY KIT_CONTEXT KIT_CLOSE

static inline enum err_code kit_read(enum err_code opened, struct saml_request_raw *raw, const struct saml_request_rules *rules, struct saml_request *out, struct err *err)
{
    enum err_code code = opened == OK ? saml_request_read(raw, rules, out, err) : opened;
    saml_request_raw_freep(&raw);
    return code;
}

static inline enum err_code kit_read_post(const char *xml, const struct saml_request_rules *rules, struct arena *arena, struct saml_request *out, struct err *err)
{
    struct saml_request_raw *raw = NULL;
    char *value = saml_kit_base64(span_of(xml));
    enum err_code code = saml_request_post(span_of(value), arena, &raw, err);
    free(value);
    return kit_read(code, raw, rules, out, err);
}

static inline enum err_code kit_read_query(const char *query, const struct saml_request_rules *rules, struct arena *arena, struct saml_request *out, struct err *err)
{
    struct saml_request_raw *raw = NULL;
    enum err_code code = saml_request_redirect(span_of(query), arena, &raw, err);
    return kit_read(code, raw, rules, out, err);
}
#endif
