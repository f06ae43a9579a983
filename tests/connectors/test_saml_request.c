/* Requests as SPs send them, by both bindings, and as nobody should. What attackers do with signatures is in test_saml_attacks.c. */
#include "tests/support/saml_kit_request.h"

#include "posture/base/form.h"
#include "posture/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define DSIG "http://www.w3.org/2000/09/xmldsig#"

static struct saml_key *rsa, *other, *ec, *small, *p384;

static int make_keys(void **state)
{
    (void)state;
    rsa = saml_key_new("RSA", 2048);
    other = saml_key_new("RSA", 2048);
    small = saml_key_new("RSA", 1024);
    ec = saml_key_new("P-256", 0);
    p384 = saml_key_new("P-384", 0);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    saml_key_free(rsa);
    saml_key_free(other);
    saml_key_free(small);
    saml_key_free(ec);
    saml_key_free(p384);
    return 0;
}

static struct saml_request_rules rules_of(const struct span *certificates, size_t count, bool signed_only)
{
    return (struct saml_request_rules){ { certificates, count, false }, signed_only, SPAN_LITERAL(KIT_SSO), KIT_NOW_S };
}

static int arena_up(void **state)
{
    struct arena *a = malloc(sizeof *a);
    arena_init(a, 16 * 1024, 8 * 1024 * 1024);
    *state = a;
    return 0;
}

static int arena_down(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static bool is(struct span s, const char *text) { return span_equal_text(s, text); }

static void every_field_is_read(void **state)
{
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    struct saml_request q;
    struct err err = { 0 };
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    if (kit_read_post(xml, &rules, *state, &q, &err) != OK)
        fail_msg("%s", err.text);
    assert_true(is(q.id, "_r1") && is(q.issuer, KIT_SP) && is(q.destination, KIT_SSO) && is(q.acs_url, KIT_ACS) && is(q.binding, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"));
    assert_int_equal(q.issued_s, KIT_NOW_S);
    assert_int_equal(q.acs_index, -1);
    assert_true(is(q.subject, "ana@corp.example") && is(q.subject_format, "") && is(q.name_id_format, "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"));
    assert_true(q.wants_context && q.comparison == SAML_MINIMUM && q.class_count == 1 && is(q.classes[0], "urn:okta:saml:2.0:DevicePosture"));
    assert_true(is(q.app_instance, "0oaPayroll") && is(q.app_name, "Payroll"));
    assert_false(q.force || q.passive || q.is_signed);
    free(xml);
}

/* What the real ones send, as far as the shape differs. */
static void peers_differ_and_are_read(void **state)
{
    static const struct { const char *name, *xml; } rows[] = {
        { "the smallest", "<AuthnRequest xmlns=\"" KIT_P "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\"><Issuer xmlns=\"" KIT_A "\">" KIT_SP "</Issuer></AuthnRequest>" },
        { "other prefixes, a declaration, lines, single quotes",
          "<?xml version='1.0' encoding='UTF-8'?>\n<saml2p:AuthnRequest xmlns:saml2p='" KIT_P "'\n  ID='ONELOGIN_809707f0030a5d00620c9d9df97f627afe9dcc24' Version='2.0' IssueInstant='2026-11-30T12:00:00.123Z'\n"
          "  Destination='" KIT_SSO "' xmlns:saml2='" KIT_A "'>\n  <saml2:Issuer Format='urn:oasis:names:tc:SAML:2.0:nameid-format:entity'>\n    " KIT_SP "\n  </saml2:Issuer>\n"
          "  <saml2p:NameIDPolicy/>\n</saml2p:AuthnRequest>\n" },
        { "a byte order mark", "\xef\xbb\xbf<AuthnRequest xmlns=\"" KIT_P "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\"><Issuer xmlns=\"" KIT_A "\">" KIT_SP "</Issuer></AuthnRequest>" },
        { "conditions and scoping",
          "<AuthnRequest xmlns=\"" KIT_P "\" xmlns:s=\"" KIT_A "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\" Consent=\"urn:x\" ProviderName=\"SP\" AttributeConsumingServiceIndex=\"1\">"
          "<s:Issuer>" KIT_SP "</s:Issuer><s:Conditions NotBefore=\"2026-11-30T12:00:00Z\"/><Scoping ProxyCount=\"1\"><IDPList><IDPEntry ProviderID=\"x\"/></IDPList></Scoping></AuthnRequest>" },
        { "references that XML itself knows",
          "<AuthnRequest xmlns=\"" KIT_P "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\"><Issuer xmlns=\"" KIT_A "\">https:&#x2F;/sp.example/&#109;etadata</Issuer></AuthnRequest>" },
        { "extensions of others",
          "<AuthnRequest xmlns=\"" KIT_P "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\"><Issuer xmlns=\"" KIT_A "\">" KIT_SP "</Issuer>"
          "<Extensions><x:deep xmlns:x=\"urn:x\" x:any=\"1\"><OktaAppName xmlns=\"\">not there</OktaAppName></x:deep></Extensions></AuthnRequest>" },
    };
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_request q;
        struct err err = { 0 };
        if (kit_read_post(rows[i].xml, &rules, *state, &q, &err) != OK || !is(q.issuer, KIT_SP) || !span_empty(q.app_name))
            fail_msg("%s: %s", rows[i].name, err.text);
    }
}

/* One change each to the good request. */
static void what_is_not_right_is_refused(void **state)
{
    static const struct { const char *name, *find, *with; enum err_code code; const char *words; } rows[] = {
        { "version 1.1", "Version=\"2.0\"", "Version=\"1.1\"", ERR_INPUT, "version 2.0" },
        { "no version", " Version=\"2.0\"", "", ERR_INPUT, "version 2.0" },
        { "no ID", " ID=\"_r1\"", "", ERR_INPUT, "no ID" },
        { "ID begins with a digit", "ID=\"_r1\"", "ID=\"1r\"", ERR_INPUT, "not a name" },
        { "ID with a quote", "ID=\"_r1\"", "ID=\"a'b\"", ERR_INPUT, "not a name" },
        { "ID with a space", "ID=\"_r1\"", "ID=\"a b\"", ERR_INPUT, "not a name" },
        { "empty ID", "ID=\"_r1\"", "ID=\"\"", ERR_INPUT, "not a name" },
        { "no time", " IssueInstant=\"2026-11-30T12:00:00Z\"", "", ERR_INPUT, "IssueInstant" },
        { "not a time", "2026-11-30T12:00:00Z", "yesterday", ERR_INPUT, "IssueInstant" },
        { "five minutes ago", "2026-11-30T12:00:00Z", "2026-11-30T11:55:00Z", OK, "" },
        { "a second more", "2026-11-30T12:00:00Z", "2026-11-30T11:54:59Z", ERR_EXPIRED, "5 minutes" },
        { "five minutes ahead", "2026-11-30T12:00:00Z", "2026-11-30T12:05:00Z", OK, "" },
        { "a second ahead of that", "2026-11-30T12:00:00Z", "2026-11-30T12:05:01Z", ERR_EXPIRED, "5 minutes" },
        { "another destination", "Destination=\"" KIT_SSO, "Destination=\"https://evil.example/saml/sso", ERR_INPUT, "Destination" },
        { "destination with a slash more", "Destination=\"" KIT_SSO, "Destination=\"" KIT_SSO "/", ERR_INPUT, "Destination" },
        { "destination in another case", "Destination=\"https://postern", "Destination=\"https://Postern", ERR_INPUT, "Destination" },
        { "no destination, no signature", " Destination=\"" KIT_SSO "\"", "", OK, "" },
        { "an unknown attribute", " Version", " Evil=\"1\" Version", ERR_INPUT, "Evil" },
        { "an attribute in a namespace", " Version", " samlp:ID=\"_x\" Version", ERR_INPUT, "" },
        { "xml:id", " Version", " xml:id=\"_x\" Version", ERR_INPUT, "id in a namespace" },
        { "an attribute twice", " Version", " ID=\"_r2\" Version", ERR_INPUT, "well-formed" },
        { "ForceAuthn", " ID=", " ForceAuthn=\"maybe\" ID=", ERR_INPUT, "ForceAuthn" },
        { "IsPassive", " ID=", " IsPassive=\"TRUE\" ID=", ERR_INPUT, "IsPassive" },
        { "index that is none", "AssertionConsumerServiceURL=\"" KIT_ACS "\"", "AssertionConsumerServiceIndex=\"-1\"", ERR_INPUT, "Index" },
        { "index over the most", "AssertionConsumerServiceURL=\"" KIT_ACS "\"", "AssertionConsumerServiceIndex=\"65536\"", ERR_INPUT, "Index" },
        { "index and URL", " ID=", " AssertionConsumerServiceIndex=\"0\" ID=", ERR_INPUT, "without a URL" },
        { "another element", "<samlp:AuthnRequest", "<samlp:LogoutRequest", ERR_INPUT, "well-formed" },
        { "no issuer", KIT_ISSUER, "", ERR_INPUT, "Issuer" },
        { "two issuers", KIT_ISSUER, KIT_ISSUER KIT_ISSUER, ERR_INPUT, "Issuer" },
        { "empty issuer", KIT_SP "</saml:Issuer>", "</saml:Issuer>", ERR_INPUT, "empty" },
        { "issuer of another kind", "<saml:Issuer ", "<saml:Issuer Format=\"urn:x\" ", ERR_INPUT, "entity id" },
        { "issuer with an element", KIT_SP "</saml:Issuer>", KIT_SP "<b></b></saml:Issuer>", ERR_INPUT, "holds elements" },
        { "issuer in another namespace", "<saml:Issuer xmlns:saml=\"" KIT_A, "<saml:Issuer xmlns:saml=\"urn:x", ERR_INPUT, "Issuer" },
        { "extensions after the subject", KIT_EXTENSIONS KIT_SUBJECT, KIT_SUBJECT KIT_EXTENSIONS, ERR_INPUT, "Extensions" },
        { "two extensions", KIT_EXTENSIONS, KIT_EXTENSIONS KIT_EXTENSIONS, ERR_INPUT, "Extensions" },
        { "the app twice", "<OktaAppName>", "<OktaAppInstanceId>other</OktaAppInstanceId><OktaAppName>", ERR_INPUT, "twice" },
        { "the app twice by another namespace", "<OktaAppName>", "<OktaAppInstanceId xmlns=\"urn:x\">other</OktaAppInstanceId><OktaAppName>", ERR_INPUT, "twice" },
        { "an empty app", "0oaPayroll", "", ERR_INPUT, "empty" },
        { "two subjects", KIT_SUBJECT, KIT_SUBJECT KIT_SUBJECT, ERR_INPUT, "Subject" },
        { "two names", "<saml:NameID>ana@corp.example</saml:NameID>", "<saml:NameID>ana@corp.example</saml:NameID><saml:NameID>eve@corp.example</saml:NameID>", ERR_INPUT, "NameID" },
        { "subject without a name", "<saml:NameID>ana@corp.example</saml:NameID>", "", ERR_INPUT, "no NameID" },
        { "encrypted name", "<saml:NameID>ana@corp.example</saml:NameID>", "<saml:EncryptedID></saml:EncryptedID>", ERR_INPUT, "no NameID" },
        { "somebody else may confirm", "</saml:NameID>", "</saml:NameID><saml:SubjectConfirmation Method=\"urn:x\"></saml:SubjectConfirmation>", ERR_INPUT, "SubjectConfirmation" },
        { "empty name", "ana@corp.example", "  ", ERR_INPUT, "NameID is empty" },
        { "two policies", KIT_POLICY, KIT_POLICY KIT_POLICY, ERR_INPUT, "NameIDPolicy" },
        { "two contexts", KIT_CONTEXT, KIT_CONTEXT KIT_CONTEXT, ERR_INPUT, "RequestedAuthnContext" },
        { "no class", "<saml:AuthnContextClassRef xmlns:saml=\"" KIT_A "\">urn:okta:saml:2.0:DevicePosture</saml:AuthnContextClassRef>", "", ERR_INPUT, "RequestedAuthnContext" },
        { "empty class", "urn:okta:saml:2.0:DevicePosture</", "</", ERR_INPUT, "AuthnContextClassRef" },
        { "comparison", "\"minimum\"", "\"Minimum\"", ERR_INPUT, "Comparison" },
        { "text between", KIT_SUBJECT, "text" KIT_SUBJECT, ERR_INPUT, "text between" },
        { "an element at the end", KIT_CLOSE, "<x></x>" KIT_CLOSE, ERR_INPUT, "x is not expected" },
        { "something after it", KIT_CLOSE, KIT_CLOSE "<x/>", ERR_INPUT, "well-formed" },
        { "cut short", KIT_CLOSE, "", ERR_INPUT, "cut short" },
        { "cut in a tag", "</samlp:AuthnRequest>", "</samlp:Authn", ERR_INPUT, "cut short" },
        { "nothing at all", KIT_REQUEST, "", ERR_INPUT, "" },
    };
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    char *base = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_request q;
        struct err err = { 0 };
        char *xml = strcmp(rows[i].find, KIT_REQUEST) == 0 ? strdup(rows[i].with) : saml_kit_replace(base, rows[i].find, rows[i].with);
        enum err_code code = kit_read_post(xml, &rules, *state, &q, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL)
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(xml);
        arena_reset(*state);
    }
    free(base);
}

static void wishes_are_read(void **state)
{
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    struct saml_request q;
    struct err err = { 0 };
    assert_int_equal(kit_read_post("<p:AuthnRequest xmlns:p=\"" KIT_P "\" xmlns:a=\"" KIT_A "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T13:00:00+01:00\" ForceAuthn=\"1\" IsPassive=\" true \" "
                                   "AssertionConsumerServiceIndex=\"3\"><a:Issuer>" KIT_SP "</a:Issuer><a:Subject><a:NameID Format=\"urn:f\">a&amp;b</a:NameID></a:Subject>"
                                   "<p:NameIDPolicy SPNameQualifier=\"urn:q\"/><p:RequestedAuthnContext><a:AuthnContextClassRef>one</a:AuthnContextClassRef>"
                                   "<a:AuthnContextClassRef>two</a:AuthnContextClassRef></p:RequestedAuthnContext></p:AuthnRequest>",
                                   &rules, *state, &q, &err), OK);
    assert_true(q.force && q.passive && q.acs_index == 3 && span_empty(q.acs_url));
    assert_true(is(q.subject, "a&b") && is(q.subject_format, "urn:f") && is(q.name_qualifier, "urn:q"));
    assert_true(q.comparison == SAML_EXACT && q.class_count == 2 && is(q.classes[1], "two"));
    assert_int_equal(q.issued_s, KIT_NOW_S);
    assert_int_equal(kit_read_post("<p:AuthnRequest xmlns:p=\"" KIT_P "\" xmlns:a=\"" KIT_A "\" ID=\"a\" Version=\"2.0\" IssueInstant=\"2026-11-30T12:00:00Z\"><a:Issuer>" KIT_SP "</a:Issuer>"
                                   "<p:RequestedAuthnContext><a:AuthnContextDeclRef>urn:d</a:AuthnContextDeclRef></p:RequestedAuthnContext></p:AuthnRequest>",
                                   &rules, *state, &q, &err), OK);
    assert_true(q.wants_context && q.class_count == 0);
}

/* ---- the Redirect binding ---- */

static void a_query_is_signed_as_it_was_received(void **state)
{
    static const struct { const char *name; bool ec_key, raw; const char *algorithm, *digest, *relay; bool sha1; enum err_code code; } rows[] = {
        { "RSA-SHA256", false, false, MORE "rsa-sha256", "SHA256", "r", false, OK },
        { "RSA-SHA256 without RelayState", false, false, MORE "rsa-sha256", "SHA256", NULL, false, OK },
        { "an empty RelayState", false, false, MORE "rsa-sha256", "SHA256", "", false, OK },
        { "a RelayState full of escapes", false, false, MORE "rsa-sha256", "SHA256", "https://sp.example/?a=b&c=\xc3\xa9 +%", false, OK },
        { "RSA-SHA384", false, false, MORE "rsa-sha384", "SHA384", "r", false, OK },
        { "RSA-SHA512", false, false, MORE "rsa-sha512", "SHA512", "r", false, OK },
        { "ECDSA-SHA256, r and s", true, true, MORE "ecdsa-sha256", "SHA256", "r", false, OK },
        { "ECDSA-SHA256, DER", true, false, MORE "ecdsa-sha256", "SHA256", "r", false, OK },
        { "RSA-SHA1 where it is not allowed", false, false, DSIG "rsa-sha1", "SHA1", "r", false, ERR_INPUT },
        { "RSA-SHA1 where it is", false, false, DSIG "rsa-sha1", "SHA1", "r", true, OK },
        { "named SHA-512, made with SHA-256", false, false, MORE "rsa-sha512", "SHA256", "r", false, ERR_DENIED },
        { "an EC key for an RSA algorithm", true, false, MORE "rsa-sha256", "SHA256", "r", false, ERR_DENIED },
        { "HMAC", false, false, MORE "hmac-sha256", "SHA256", "r", true, ERR_INPUT },
        { "DSA", false, false, DSIG "dsa-sha1", "SHA1", "r", true, ERR_INPUT },
        { "MD5", false, false, MORE "rsa-md5", "SHA256", "r", true, ERR_INPUT },
    };
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct span certificates[] = { saml_key_pem(other), saml_key_pem(rsa), saml_key_pem(ec) };
        struct saml_request_rules rules = rules_of(certificates, COUNT(certificates), true);
        struct saml_request q;
        struct err err = { 0 };
        rules.trust.sha1 = rows[i].sha1;
        char *query = saml_kit_query(xml, rows[i].relay), *whole = saml_kit_signed_query(query, rows[i].ec_key ? ec : rsa, rows[i].algorithm, rows[i].digest, rows[i].raw);
        enum err_code code = kit_read_query(whole, &rules, *state, &q, &err);
        if (code != rows[i].code || (code == OK && !q.is_signed))
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(query);
        free(whole);
    }
    free(xml);
}

static void the_order_of_parameters_does_not_matter_their_octets_do(void **state)
{
    const struct span certificate = saml_key_pem(rsa);
    struct saml_request_rules rules = rules_of(&certificate, 1, true);
    struct saml_request q;
    struct err err = { 0 };
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", ""), *query = saml_kit_query(xml, "a b");
    char *good = saml_kit_signed_query(query, rsa, MORE "rsa-sha256", "SHA256", false), *signature = strstr(good, "&SigAlg=");
    char *turned = malloc(strlen(good) + 64);
    sprintf(turned, "%s&other=1&%.*s", signature + 1, (int)(signature - good), good);
    assert_int_equal(kit_read_query(turned, &rules, *state, &q, &err), OK);
    free(turned);
    static const struct { const char *name, *find, *with; enum err_code code; const char *words; } rows[] = {
        { "another RelayState", "RelayState=a%20b", "RelayState=a%20c", ERR_DENIED, "certificate of this door" },
        { "the same RelayState, otherwise encoded", "RelayState=a%20b", "RelayState=a+b", ERR_DENIED, "certificate of this door" },
        { "RelayState taken away", "&RelayState=a%20b", "", ERR_DENIED, "certificate of this door" },
        { "signature stripped", "&SigAlg=", "&Nothing=", ERR_INPUT, "SigAlg and Signature" },
        { "algorithm alone", "&Signature=", "&Nothing=", ERR_INPUT, "SigAlg and Signature" },
        { "an empty signature", "&Signature=", "&Signature=&Nothing=", ERR_INPUT, "SigAlg and Signature" },
        { "a signature that is no base64", "&Signature=", "&Signature=%21%21", ERR_INPUT, "SigAlg and Signature" },
        { "two requests", "&SigAlg=", "&SAMLRequest=x&SigAlg=", ERR_INPUT, "twice" },
        { "two RelayStates", "&SigAlg=", "&RelayState=x&SigAlg=", ERR_INPUT, "twice" },
        { "two algorithms", "&SigAlg=", "&SigAlg=x&SigAlg=", ERR_INPUT, "twice" },
        { "another encoding", "&SigAlg=", "&SAMLEncoding=urn:x&SigAlg=", ERR_INPUT, "DEFLATE" },
        { "no request", "SAMLRequest=", "Nothing=", ERR_INPUT, "SAMLRequest is missing" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *changed = saml_kit_replace(good, rows[i].find, rows[i].with);
        enum err_code code = kit_read_query(changed, &rules, *state, &q, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL)
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(changed);
    }
    free(good);
    free(query);
    free(xml);
}

static void who_may_sign(void **state)
{
    const struct span of_rsa = saml_key_pem(rsa), of_small = saml_key_pem(small), of_p384 = saml_key_pem(p384), broken = SPAN_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const struct { const char *name; const struct saml_key *key; const struct span *certificates; size_t count; bool signed_only; enum err_code code; const char *words; } rows[] = {
        { "the configured key", rsa, &of_rsa, 1, true, OK, "" },
        { "another key", other, &of_rsa, 1, true, ERR_DENIED, "certificate of this door" },
        { "another key where a signature is optional", other, &of_rsa, 1, false, ERR_DENIED, "certificate of this door" },
        { "no key configured", rsa, NULL, 0, false, ERR_DENIED, "certificate of this door" },
        { "unsigned where it must be signed", NULL, &of_rsa, 1, true, ERR_DENIED, "not signed" },
        { "unsigned where it may be", NULL, &of_rsa, 1, false, OK, "" },
        { "an RSA key of 1024 bits", small, &of_small, 1, true, ERR_DENIED, "certificate of this door" },
        { "a P-384 key", p384, &of_p384, 1, true, ERR_DENIED, "certificate of this door" },
        { "a certificate that is none", rsa, &broken, 1, true, ERR_DENIED, "certificate of this door" },
    };
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_request_rules rules = rules_of(rows[i].certificates, rows[i].count, rows[i].signed_only);
        struct saml_request q;
        struct err err = { 0 };
        char *query = saml_kit_query(xml, NULL);
        char *whole = rows[i].key == NULL ? strdup(query) : saml_kit_signed_query(query, rows[i].key, rows[i].key == p384 ? MORE "ecdsa-sha256" : MORE "rsa-sha256", "SHA256", false);
        enum err_code code = kit_read_query(whole, &rules, *state, &q, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL || (code == OK && q.is_signed != (rows[i].key != NULL)))
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(query);
        free(whole);
    }
    free(xml);
}

static void a_signed_request_names_its_destination(void **state)
{
    const struct span certificate = saml_key_pem(rsa);
    struct saml_request_rules rules = rules_of(&certificate, 1, true);
    struct saml_request q;
    struct err err = { 0 };
    char *unsigned_xml = saml_kit_replace(KIT_REQUEST, "{signature}", ""), *xml = saml_kit_replace(unsigned_xml, " Destination=\"" KIT_SSO "\"", "");
    char *query = saml_kit_query(xml, NULL), *whole = saml_kit_signed_query(query, rsa, MORE "rsa-sha256", "SHA256", false);
    assert_int_equal(kit_read_query(whole, &rules, *state, &q, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "Destination"));
    free(whole);
    free(query);
    free(xml);
    free(unsigned_xml);
}

/* ---- sizes ---- */

static void base64_is_read_with_line_breaks_and_nothing_else(void **state)
{
    static const struct { const char *name, *value; enum err_code code; } rows[] = {
        { "not base64", "<AuthnRequest/>", ERR_INPUT }, { "empty", "", ERR_INPUT }, { "base64url", "PHg-_w==", ERR_INPUT }, { "no padding", "PHg", ERR_INPUT }, { "deflated twice", "eJwDAAAAAAE=", ERR_INPUT } };
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    struct saml_request q;
    struct err err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_request_raw *raw = NULL;
        print_message("%s\n", rows[i].name);
        assert_int_equal(saml_request_post(span_of(rows[i].value), *state, &raw, &err), rows[i].code);
        assert_null(raw);
    }
    char *xml = saml_kit_replace(KIT_REQUEST, "{signature}", ""), *value = saml_kit_base64(span_of(xml)), *lines = malloc(2 * strlen(value) + 8), *to = lines;
    for (size_t i = 0; value[i] != '\0'; i++) {
        *to++ = value[i];
        if (i % 60 == 59)
            *to++ = '\r', *to++ = '\n';
    }
    *to = '\0';
    struct saml_request_raw *raw = NULL;
    enum err_code code = saml_request_post(span_of(lines), *state, &raw, &err);
    assert_int_equal(kit_read(code, raw, &rules, &q, &err), OK);
    free(lines);
    free(value);
    free(xml);
}

static char *repeated(const char *before, const char *each, size_t times, const char *after)
{
    struct buf b;
    buf_init(&b, 64 * 1024 * 1024);
    buf_append_text(&b, before);
    for (size_t i = 0; i < times; i++)
        buf_append_text(&b, each);
    buf_append_text(&b, after);
    char *text = strdup(buf_text(&b));
    buf_done(&b);
    return text;
}

static void sizes_have_bounds(void **state)
{
    static const struct { const char *name, *find, *each; size_t times; const char *before, *after; enum err_code code; const char *words; } rows[] = {
        { "an issuer of the most", KIT_SP "</saml:Issuer>", "x", SAML_URI_BYTES, "", "</saml:Issuer>", OK, "" },
        { "an issuer over it", KIT_SP "</saml:Issuer>", "x", SAML_URI_BYTES + 1, "", "</saml:Issuer>", ERR_LIMIT, "Issuer" },
        { "a name of the most", "ana@corp.example", "n", SAML_NAME_BYTES, "", "", OK, "" },
        { "a name over it", "ana@corp.example", "n", SAML_NAME_BYTES + 1, "", "", ERR_LIMIT, "NameID" },
        { "an ID of the most", "_r1", "i", 256, "", "", OK, "" },
        { "an ID over it", "_r1", "i", 257, "", "", ERR_INPUT, "not a name" },
        { "an app over the most", "0oaPayroll", "a", SAML_APP_BYTES + 1, "", "", ERR_LIMIT, "OktaAppInstanceId" },
        { "contexts, the most", KIT_CONTEXT, "<a:AuthnContextClassRef>c</a:AuthnContextClassRef>", SAML_CLASSES, "<samlp:RequestedAuthnContext xmlns:a=\"" KIT_A "\">", "</samlp:RequestedAuthnContext>", OK, "" },
        { "contexts, one over", KIT_CONTEXT, "<a:AuthnContextClassRef>c</a:AuthnContextClassRef>", SAML_CLASSES + 1, "<samlp:RequestedAuthnContext xmlns:a=\"" KIT_A "\">", "</samlp:RequestedAuthnContext>", ERR_LIMIT, "contexts" },
        { "many elements", "<OktaAppName>", "<x/>", 4950, "", "<OktaAppName>", OK, "" },
        { "too many elements", "<OktaAppName>", "<x/>", 5001, "", "<OktaAppName>", ERR_LIMIT, "elements" },
        { "too many attributes", "<OktaAppName>", " a=\"1\"", 5001, "<x", "/><OktaAppName>", ERR_LIMIT, "elements" },
        { "deep", "<OktaAppName>", "<x>", 62, "", "</x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x></x><OktaAppName>", OK, "" },
        { "too deep", "<OktaAppName>", "<x>", 63, "", "<OktaAppName>", ERR_LIMIT, "deeper" },
    };
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    char *base = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_request q;
        struct err err = { 0 };
        char *with = repeated(rows[i].before, rows[i].each, rows[i].times, rows[i].after), *xml = saml_kit_replace(base, rows[i].find, with), *query = saml_kit_query(xml, NULL);
        enum err_code code = kit_read_query(query, &rules, *state, &q, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL)
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(query);
        free(xml);
        free(with);
        arena_reset(*state);
    }
    free(base);
}

static void bombs_and_trailers_are_refused(void **state)
{
    struct saml_request_rules rules = rules_of(NULL, 0, false);
    struct saml_request q;
    struct err err = { 0 };
    char *base = saml_kit_replace(KIT_REQUEST, "{signature}", "");
    char *bomb = repeated(base, " ", 32 * 1024 * 1024, ""), *query = saml_kit_query(bomb, NULL);
    assert_true(strlen(query) < SAML_ENCODED_BYTES);
    assert_int_equal(kit_read_query(query, &rules, *state, &q, &err), ERR_LIMIT);
    free(query);
    free(bomb);
    /* Bytes after the end of the stream; a second stream; half of one. */
    struct buf raw, more;
    query = saml_kit_query(base, NULL);
    struct span text;
    assert_int_equal(form_value(*state, span_of(query), "SAMLRequest", &text, &err), OK);
    buf_init(&raw, SAML_XML_BYTES);
    assert_int_equal(secret_from_base64(text, SAML_XML_BYTES, &raw, &err), OK);
    for (int what = 0; what < 3; what++) {
        buf_init(&more, SAML_XML_BYTES);
        buf_append(&more, what == 2 ? span_slice(buf_span(&raw), 0, raw.bytes / 2) : buf_span(&raw));
        buf_append(&more, what == 0 ? SPAN_LITERAL("x") : what == 1 ? buf_span(&raw) : SPAN_NONE);
        char *encoded = saml_kit_base64(buf_span(&more)), *odd = malloc(3 * strlen(encoded) + 64), *at = odd + sprintf(odd, "SAMLRequest=");
        for (char *c = encoded; *c != '\0'; c++)
            at += sprintf(at, *c == '+' || *c == '/' || *c == '=' ? "%%%02X" : "%c", *c);
        assert_int_equal(kit_read_query(odd, &rules, *state, &q, &err), ERR_INPUT);
        free(odd);
        free(encoded);
        buf_done(&more);
    }
    buf_done(&raw);
    free(query);
    /* 64 KiB encoded, and one more. */
    char *longest = repeated("SAMLRequest=", "A", SAML_ENCODED_BYTES + 4, "");
    assert_int_equal(kit_read_query(longest, &rules, *state, &q, &err), ERR_LIMIT);
    free(longest);
    free(base);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, arena_up, arena_down)
    const struct CMUnitTest tests[] = {
        WITH(every_field_is_read), WITH(peers_differ_and_are_read), WITH(what_is_not_right_is_refused), WITH(wishes_are_read), WITH(a_query_is_signed_as_it_was_received),
        WITH(the_order_of_parameters_does_not_matter_their_octets_do), WITH(who_may_sign), WITH(a_signed_request_names_its_destination),
        WITH(base64_is_read_with_line_breaks_and_nothing_else), WITH(sizes_have_bounds), WITH(bombs_and_trailers_are_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
