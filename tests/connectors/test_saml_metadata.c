/* Metadata of SPs, as their operators have it in a file; and ours, as SPs read it. */
#include "connectors/identity/saml_metadata.h"

#include "tests/support/saml_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define MD "urn:oasis:names:tc:SAML:2.0:metadata"
#define DSIG "http://www.w3.org/2000/09/xmldsig#"
#define BINDING "urn:oasis:names:tc:SAML:2.0:bindings:"

static char certificate[8192], second[8192];

static void base64_of(const struct saml_key *key, char out[8192])
{
    char *text = saml_kit_base64(saml_key_der(key));
    snprintf(out, 8192, "%s", text);
    free(text);
}

static int set_up(void **state)
{
    struct saml_key *one = saml_key_new("RSA", 2048), *two = saml_key_new("P-256", 0);
    (void)state;
    base64_of(one, certificate);
    base64_of(two, second);
    saml_key_free(one);
    saml_key_free(two);
    return 0;
}

static const char file[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made by the SP - do not edit -->\n"
    "<md:EntityDescriptor xmlns:md=\"" MD "\" xmlns:ds=\"" DSIG "\" ID=\"_m1\" entityID=\"https://sp.example/metadata\" validUntil=\"2030-01-01T00:00:00Z\" cacheDuration=\"PT604800S\">\n"
    "  <md:Extensions><x:y xmlns:x=\"urn:x\"><!-- deep -->text</x:y></md:Extensions>\n"
    "  <md:SPSSODescriptor AuthnRequestsSigned=\"true\" WantAssertionsSigned=\"1\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol\">\n"
    "    <md:KeyDescriptor use=\"encryption\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>not looked at</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\n"
    "    <md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:KeyName>sp</ds:KeyName><ds:X509Data><ds:X509SubjectName>CN=sp</ds:X509SubjectName><ds:X509Certificate>\n{one}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\n"
    "    <md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{two}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\n"
    "    <md:SingleLogoutService Binding=\"" BINDING "HTTP-Redirect\" Location=\"https://sp.example/slo\"/>\n"
    "    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat>\n"
    "    <md:AssertionConsumerService Binding=\"" BINDING "HTTP-POST\" Location=\"https://sp.example/b\" index=\"2\"/>\n"
    "    <md:AssertionConsumerService Binding=\"" BINDING "HTTP-Artifact\" Location=\"https://sp.example/artifact\" index=\"0\"/>\n"
    "    <md:AssertionConsumerService Binding=\"" BINDING "HTTP-POST\" Location=\"https://sp.example/a\" index=\"1\"/>\n"
    "    <md:AssertionConsumerService Binding=\"" BINDING "HTTP-POST\" Location=\"https://sp.example/c?x=1&amp;y=2\" index=\"3\" isDefault=\"true\"/>\n"
    "  </md:SPSSODescriptor>\n"
    "  <md:Organization><md:OrganizationName xml:lang=\"en\">SP</md:OrganizationName></md:Organization>\n"
    "</md:EntityDescriptor>\n";

static char *whole(void)
{
    char *half = saml_kit_replace(file, "{one}", certificate), *text = saml_kit_replace(half, "{two}", second);
    free(half);
    return text;
}

static enum err_code read_text(const char *text, struct arena *arena, struct saml_metadata *out, struct err *err) { return saml_metadata_read(span_of(text), arena, out, err); }

static void what_a_door_needs_is_read(void **state)
{
    struct saml_metadata m;
    struct arena arena;
    struct err err = { 0 };
    (void)state;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    char *text = whole();
    if (read_text(text, &arena, &m, &err) != OK)
        fail_msg("%s", err.text);
    assert_true(span_equal_text(m.entity_id, "https://sp.example/metadata"));
    assert_int_equal(m.acs_count, 3);
    assert_true(span_equal_text(m.acs[0], "https://sp.example/c?x=1&y=2") && span_equal_text(m.acs[1], "https://sp.example/a") && span_equal_text(m.acs[2], "https://sp.example/b"));
    assert_true(m.requests_signed && m.assertions_signed);
    assert_int_equal(m.certificate_count, 2);
    assert_true(span_starts(m.certificates[0], SPAN_LITERAL("-----BEGIN CERTIFICATE-----\nMII")) && span_ends(m.certificates[0], SPAN_LITERAL("\n-----END CERTIFICATE-----\n")));
    assert_int_equal(m.valid_until_s, 1893456000);
    free(text);
    arena_done(&arena);
}

static void mistakes_have_words_for_the_operator(void **state)
{
    static const struct { const char *name, *find, *with; enum err_code code; const char *words; } rows[] = {
        { "a list", "md:EntityDescriptor xmlns", "md:EntitiesDescriptor xmlns", ERR_INPUT, "" },
        { "something else", "xmlns:md=\"" MD "\"", "xmlns:md=\"urn:x\"", ERR_INPUT, "EntityDescriptor" },
        { "no entity id", " entityID=\"https://sp.example/metadata\"", "", ERR_INPUT, "entityID" },
        { "a time that is none", "2030-01-01T00:00:00Z", "later", ERR_INPUT, "validUntil" },
        { "no SP", "protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol\"", "protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol\"", ERR_INPUT, "SPSSODescriptor" },
        { "two SPs", "  <md:Organization>", "<md:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"/><md:Organization>", ERR_INPUT, "two service providers" },
        { "a broken certificate", "X509SubjectName><ds:X509Certificate>", "X509SubjectName><ds:X509Certificate>AAAA", ERR_INPUT, "certificate" },
        { "no place to answer to", "HTTP-POST\" Location=\"https://sp.example/b\"", "HTTP-POST\" Location=\"\"", ERR_INPUT, "Location" },
        { "an index that is none", "index=\"2\"", "index=\"two\"", ERR_INPUT, "index" },
        { "a default that is none", "isDefault=\"true\"", "isDefault=\"yes\"", ERR_INPUT, "isDefault" },
        { "a DTD", "<md:EntityDescriptor", "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><md:EntityDescriptor", ERR_INPUT, "DTD" },
        { "a comment that never ends", "</md:EntityDescriptor>", "<!-- </md:EntityDescriptor>", ERR_INPUT, "cut short" },
        { "cut short", "</md:EntityDescriptor>", "", ERR_INPUT, "cut short" },
    };
    char *text = whole();
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct saml_metadata m;
        struct arena arena;
        struct err err = { 0 };
        arena_init(&arena, 16 * 1024, 1024 * 1024);
        char *changed = saml_kit_replace(text, rows[i].find, rows[i].with);
        enum err_code code = read_text(changed, &arena, &m, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL || strncmp(err.text, "metadata: ", 10) != 0)
            fail_msg("%s: %d %s", rows[i].name, code, err.text);
        free(changed);
        arena_done(&arena);
    }
    free(text);
}

static void a_list_of_entities_is_told_apart(void **state)
{
    struct saml_metadata m;
    struct arena arena;
    struct err err = { 0 };
    (void)state;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    assert_int_equal(read_text("<EntitiesDescriptor xmlns=\"" MD "\"></EntitiesDescriptor>", &arena, &m, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "cut out the one"));
    arena_done(&arena);
}

static void bounds_hold(void **state)
{
    struct saml_metadata m;
    struct arena arena;
    struct buf b;
    struct err err = { 0 };
    (void)state;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    for (int over = 0; over < 2; over++) {
        buf_init(&b, 1024 * 1024);
        buf_append_text(&b, "<EntityDescriptor xmlns=\"" MD "\" entityID=\"x\"><SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">");
        for (int i = 0; i < SAML_METADATA_ACS + over; i++)
            buf_format(&b, "<AssertionConsumerService Binding=\"" BINDING "HTTP-POST\" Location=\"https://sp.example/%d\" index=\"%d\"/>", i, i);
        buf_append_text(&b, "</SPSSODescriptor></EntityDescriptor>");
        assert_int_equal(saml_metadata_read(buf_span(&b), &arena, &m, &err), over ? ERR_LIMIT : OK);
        buf_done(&b);
    }
    char *big = malloc(SAML_METADATA_BYTES + 1);
    memset(big, ' ', SAML_METADATA_BYTES + 1);
    assert_int_equal(saml_metadata_read(span_make(big, SAML_METADATA_BYTES + 1), &arena, &m, &err), ERR_LIMIT);
    free(big);
    arena_done(&arena);
}

static void ours_says_what_an_sp_must_know(void **state)
{
    static const char *const texts[] = {
        "<md:EntityDescriptor ", "cacheDuration=\"PT1H\" entityID=\"https://postern.example/saml/metadata\" validUntil=\"2026-11-30T12:00:00Z\"",
        "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">", "<md:KeyDescriptor use=\"signing\">",
        "<ds:X509Certificate>b25l</ds:X509Certificate>", "<md:KeyDescriptor use=\"signing\">", "<ds:X509Certificate>dHdv</ds:X509Certificate>", "nameid-format:unspecified</md:NameIDFormat>",
        "nameid-format:emailAddress</md:NameIDFormat>", "nameid-format:persistent</md:NameIDFormat>", "nameid-format:transient</md:NameIDFormat>",
        "<md:SingleSignOnService Binding=\"" BINDING "HTTP-Redirect\" Location=\"https://postern.example/saml/sso\"/>", "<md:SingleSignOnService Binding=\"" BINDING "HTTP-POST\"", NULL };
    static const struct span certificates[] = { { "one", 3 }, { "two", 3 } };
    struct saml_metadata_idp idp = { SPAN_LITERAL("https://postern.example/saml/metadata"), SPAN_LITERAL("https://postern.example/saml/sso"), certificates, 2, true, 1796040000 };
    struct buf b;
    (void)state;
    buf_init(&b, SAML_METADATA_BYTES);
    saml_metadata_write(&idp, &b);
    const char *at = buf_text(&b);
    for (size_t i = 0; texts[i] != NULL; i++) {
        const char *found = strstr(at, texts[i]);
        if (found == NULL)
            fail_msg("%s is not in %s", texts[i], at);
        at = found + strlen(texts[i]);
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_door_needs_is_read), cmocka_unit_test(mistakes_have_words_for_the_operator), cmocka_unit_test(a_list_of_entities_is_told_apart),
        cmocka_unit_test(bounds_hold), cmocka_unit_test(ours_says_what_an_sp_must_know),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
