/* Answers: their shape, and their signatures in the eyes of the program xmlsec1. */
#include "connectors/identity/saml_response.h"

#include "connectors/identity/saml_xml_write.h"
#include "tests/support/saml_kit.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define RESPONSE "urn:oasis:names:tc:SAML:2.0:protocol:Response"
#define ASSERTION "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
enum { AT_S = 1796040000 /* 2026-11-30T12:00:00Z */ };

static struct saml_key *ours, *other;

static int make_keys(void **state)
{
    (void)state;
    ours = saml_key_new("RSA", 2048);
    other = saml_key_new("RSA", 2048);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    saml_key_free(ours);
    saml_key_free(other);
    return 0;
}

static const struct span groups[] = { { "it", 2 }, { "a&b <c>", 7 } }, mail[] = { { "ana@corp.example", 16 } };
static const struct saml_attribute attributes[] = { { { "email", 5 }, mail, 1 }, { { "groups", 6 }, groups, 2 }, { { "none", 4 }, NULL, 0 } };
static const struct saml_device device = { .id = { "C02XK", 5 }, .vendor = { "Apple \"Inc\" & Sons", 18 }, .os = { "macOS", 5 }, .os_version = { "15.5", 4 }, .managed = true };

static struct saml_response success(void)
{
    return (struct saml_response){ .issuer = SPAN_LITERAL("https://postern.example/saml/metadata"), .destination = SPAN_LITERAL("https://sp.example/acs?a=1&b=\"2\""),
                                   .in_response_to = SPAN_LITERAL("_r1"), .audience = SPAN_LITERAL("https://sp.example/<x>"), .at_s = AT_S,
                                   .name_id = SPAN_LITERAL("ana & <ben>@corp.example\r\n\t"), .name_id_format = SPAN_LITERAL(SAML_NAME_ID_EMAIL),
                                   .context = SPAN_LITERAL(SAML_CLASS_OKTA_POSTURE), .device = &device, .attributes = attributes, .attribute_count = COUNT(attributes),
                                   .sign_response = true, .sign_assertion = true };
}

static char *write(const struct saml_response *r)
{
    struct saml_signer signer = saml_key_signer(ours);
    struct buf b;
    struct err err = { 0 };
    buf_init(&b, SAML_RESPONSE_BYTES);
    if (saml_response_write(r, &signer, &b, &err) != OK)
        fail_msg("%s", err.text);
    char *text = strdup(buf_text(&b));
    buf_done(&b);
    return text;
}

/* What the whole document is in exclusive canonical form. */
static char *canonical(const char *xml)
{
    xmlChar *text = NULL;
    xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET);
    assert_non_null(doc);
    assert_true(xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 0, &text) > 0);
    xmlFreeDoc(doc);
    return (char *)text;
}

static void signatures_convince_xmlsec1(void **state)
{
    static const struct { const char *name; bool response, assertion; } rows[] = { { "both", true, true }, { "response", true, false }, { "assertion", false, true } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_response r = success();
        r.sign_response = rows[i].response;
        r.sign_assertion = rows[i].assertion;
        char *xml = write(&r);
        /* xmlsec1 looks at the first signature it finds: the Response's, when there is one. */
        print_message("%s\n", rows[i].name);
        assert_true(saml_kit_judge(xml, rows[i].response ? RESPONSE : ASSERTION, ours));
        assert_false(saml_kit_judge(xml, rows[i].response ? RESPONSE : ASSERTION, other));
        if (rows[i].response && rows[i].assertion) {
            char *from = strstr(xml, "<saml:Assertion"), *to = strstr(xml, "</samlp:Response>");
            *to = '\0';
            assert_true(saml_kit_judge(from, ASSERTION, ours)); /* the Assertion stands alone */
            *to = '<';
        }
        char *changed = saml_kit_replace(xml, "ana &amp;", "eve &amp;");
        assert_false(saml_kit_judge(changed, rows[i].response ? RESPONSE : ASSERTION, ours));
        free(changed);
        free(xml);
    }
}

static void the_text_is_canonical(void **state)
{
    struct saml_response r = success();
    (void)state;
    char *xml = write(&r), *same = canonical(xml);
    assert_string_equal(xml, same);
    free(same);
    free(xml);
}

/* Each text once, in this order. */
static void says_in_order(const char *xml, const char *const *texts)
{
    const char *at = xml;
    for (size_t i = 0; texts[i] != NULL; i++) {
        const char *found = strstr(at, texts[i]);
        if (found == NULL)
            fail_msg("\"%s\" is not in (the rest of) %s", texts[i], at);
        at = found + strlen(texts[i]);
    }
}

static void success_says_what_an_sp_checks(void **state)
{
    static const char *const texts[] = {
        "<samlp:Response ", " Destination=\"https://sp.example/acs?a=1&amp;b=&quot;2&quot;\" ID=\"_", "\" InResponseTo=\"_r1\" IssueInstant=\"2026-11-30T12:00:00Z\" Version=\"2.0\">",
        "<saml:Issuer", ">https://postern.example/saml/metadata</saml:Issuer><ds:Signature", "rsa-sha256", "</ds:Signature><samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\">",
        "<saml:Assertion ", " ID=\"_", " IssueInstant=\"2026-11-30T12:00:00Z\" Version=\"2.0\"><saml:Issuer>https://postern.example/saml/metadata</saml:Issuer><ds:Signature",
        "</ds:Signature><saml:Subject><saml:NameID Format=\"" SAML_NAME_ID_EMAIL "\">ana &amp; &lt;ben&gt;@corp.example&#xD;\n\t</saml:NameID>",
        "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml:SubjectConfirmationData InResponseTo=\"_r1\" NotOnOrAfter=\"2026-11-30T12:05:00Z\" "
        "Recipient=\"https://sp.example/acs?a=1&amp;b=&quot;2&quot;\"></saml:SubjectConfirmationData>",
        "<saml:Conditions NotBefore=\"2026-11-30T11:59:00Z\" NotOnOrAfter=\"2026-11-30T12:05:00Z\"><saml:AudienceRestriction><saml:Audience>https://sp.example/&lt;x&gt;</saml:Audience>",
        "<saml:AuthnStatement AuthnInstant=\"2026-11-30T12:00:00Z\" SessionIndex=\"_", "<saml:AuthnContextClassRef>urn:okta:saml:2.0:DevicePosture</saml:AuthnContextClassRef>",
        "<saml:AuthnContextDecl><AuthenticationContextDeclaration xmlns=\"urn:okta:saml:2.0:DevicePosture\"><AuthnMethod></AuthnMethod><Extension>"
        "<Device ID=\"C02XK\" OS=\"macOS\" OSVersion=\"15.5\" Vendor=\"Apple &quot;Inc&quot; &amp; Sons\"><Posture><Fact Name=\"IsManaged\" Value=\"true\"></Fact>"
        "<Fact Name=\"IsCompliant\" Value=\"false\"></Fact></Posture></Device></Extension></AuthenticationContextDeclaration></saml:AuthnContextDecl></saml:AuthnContext></saml:AuthnStatement>",
        "<saml:AttributeStatement><saml:Attribute Name=\"email\"", "<saml:AttributeValue>ana@corp.example</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\"groups\"",
        "<saml:AttributeValue>it</saml:AttributeValue><saml:AttributeValue>a&amp;b &lt;c&gt;</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>", NULL };
    struct saml_response r = success();
    (void)state;
    char *xml = write(&r);
    says_in_order(xml, texts);
    assert_null(strstr(xml, "SubjectConfirmationData NotBefore"));
    free(xml);
}

static void each_failure_has_its_status_and_no_assertion(void **state)
{
    static const struct { enum saml_status status; const char *code; } rows[] = {
        { SAML_AUTHN_FAILED, "AuthnFailed" }, { SAML_NO_PASSIVE, "NoPassive" }, { SAML_NO_AUTHN_CONTEXT, "NoAuthnContext" }, { SAML_INVALID_NAME_ID_POLICY, "InvalidNameIDPolicy" } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_response r = success();
        r.status = rows[i].status;
        r.sign_response = false; /* of success alone */
        r.message = SPAN_LITERAL("DEVICE_NOT_MANAGED");
        r.detail = SPAN_LITERAL("what <to> do");
        char *xml = write(&r);
        says_in_order(xml, (const char *const[]){ "status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:", rows[i].code,
                                                  "\"></samlp:StatusCode></samlp:StatusCode><samlp:StatusMessage>DEVICE_NOT_MANAGED</samlp:StatusMessage>"
                                                  "<samlp:StatusDetail><Cause xmlns=\"urn:postern:saml:status\">what &lt;to&gt; do</Cause></samlp:StatusDetail></samlp:Status></samlp:Response>", NULL });
        assert_null(strstr(xml, "Assertion "));
        assert_true(saml_kit_judge(xml, RESPONSE, ours));
        free(xml);
    }
}

static void ids_are_new_each_time(void **state)
{
    struct saml_response r = success();
    (void)state;
    char *one = write(&r), *two = write(&r);
    for (const char *a = strstr(one, " ID=\"_"); a != NULL; a = strstr(a + 1, " ID=\"_"))
        for (const char *b = strstr(two, " ID=\"_"); b != NULL; b = strstr(b + 1, " ID=\"_"))
            assert_memory_not_equal(a, b, 38);
    free(one);
    free(two);
}

static void values_cannot_leave_their_place(void **state)
{
    static const struct { const char *name; struct span in; const char *text, *attribute; } rows[] = {
        { "markup", SPAN_LITERAL("<a href=\"x\">&amp;'"), "&lt;a href=\"x\"&gt;&amp;amp;'", "&lt;a href=&quot;x&quot;>&amp;amp;'" },
        { "white space", SPAN_LITERAL("a\tb\nc\rd"), "a\tb\nc&#xD;d", "a&#x9;b&#xA;c&#xD;d" },
        { "control characters", SPAN_LITERAL("a\x01\x1f" "b\x7f"), "a\xef\xbf\xbd\xef\xbf\xbd" "b\x7f", "a\xef\xbf\xbd\xef\xbf\xbd" "b\x7f" },
        { "a NUL", SPAN_LITERAL("a\0b"), "a\xef\xbf\xbd" "b", "a\xef\xbf\xbd" "b" },
        { "not UTF-8", SPAN_LITERAL("\xc3\x28\xff\xe2\x82"), "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "UTF-8", SPAN_LITERAL("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7" },
        { "not in XML: U+FFFE, U+FFFF", SPAN_LITERAL("\xef\xbf\xbe\xef\xbf\xbf"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", NULL },
        { "empty", SPAN_LITERAL(""), "", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b;
        char wanted[256];
        buf_init(&b, 4096);
        SAML_XML(&b, "<a b=\"{}\">{}</a>", rows[i].in, rows[i].in);
        if (rows[i].attribute != NULL) {
            snprintf(wanted, sizeof wanted, "<a b=\"%s\">%s</a>", rows[i].attribute, rows[i].text);
            print_message("%s\n", rows[i].name);
            assert_string_equal(buf_text(&b), wanted);
        }
        char *same = canonical(buf_text(&b));
        assert_string_equal(buf_text(&b), same);
        free(same);
        buf_done(&b);
    }
}

static void too_much_is_refused(void **state)
{
    struct saml_signer signer = saml_key_signer(ours);
    struct saml_response r = success();
    char *big = calloc(1, SAML_RESPONSE_BYTES);
    struct buf b;
    struct err err;
    (void)state;
    memset(big, 'x', SAML_RESPONSE_BYTES);
    r.name_id = span_make(big, SAML_RESPONSE_BYTES);
    buf_init(&b, SAML_RESPONSE_BYTES);
    assert_int_equal(saml_response_write(&r, &signer, &b, &err), ERR_LIMIT);
    buf_done(&b);
    free(big);
}

static enum err_code broken(const void *context, struct span data, struct buf *signature, struct err *err)
{
    (void)context, (void)data, (void)signature;
    return err_set(err, ERR_UNAVAILABLE, "no key today");
}

static void without_a_key_nothing_goes_out(void **state)
{
    static const struct saml_signer signer = { broken, NULL, { "x", 1 } };
    struct saml_response r = success();
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b, SAML_RESPONSE_BYTES);
    assert_int_equal(saml_response_write(&r, &signer, &b, &err), ERR_UNAVAILABLE);
    assert_int_equal(b.bytes, 0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_convince_xmlsec1),
        cmocka_unit_test(the_text_is_canonical),
        cmocka_unit_test(success_says_what_an_sp_checks),
        cmocka_unit_test(each_failure_has_its_status_and_no_assertion),
        cmocka_unit_test(ids_are_new_each_time),
        cmocka_unit_test(values_cannot_leave_their_place),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(without_a_key_nothing_goes_out),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
