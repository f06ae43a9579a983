#include "connectors/identity/client_certificate_header.h"

#include "tests/support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { TEXT_BYTES = 16 * 1024 };

/* One certificate and its issuer, in every spelling. */
static struct {
    struct arena arena;
    struct span leaf, issuer;
    char base64[TEXT_BYTES], issuer_base64[TEXT_BYTES], escaped[TEXT_BYTES], issuer_escaped[TEXT_BYTES], line[TEXT_BYTES], sha256[65];
} made;

static void escape(struct span pem, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < pem.bytes; i++) {
        unsigned char c = (unsigned char)pem.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (plain) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
}

static void spell(struct span der, char *base64, char *escaped, char *line)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES);
    assert_true(secret_base64(der, &b));
    strcpy(base64, buf_text(&b));
    buf_clear(&b);
    test_pem_of(der, &b);
    escape(buf_span(&b), escaped);
    for (size_t i = 0; line != NULL && i <= b.bytes; i++)
        line[i] = i == b.bytes ? '\0' : b.at[i] == '\n' ? ' ' : b.at[i];
    buf_done(&b);
}

static int make(void **state)
{
    struct test_ca ca;
    struct buf der, pem;
    size_t count;
    struct err err;
    (void)state;
    arena_init(&made.arena, 65536, 64 * 1024 * 1024);
    buf_init(&der, 65536);
    buf_init(&pem, 65536);
    test_ca_make(&ca, "Devices", NULL);
    test_client_make(&ca, &(struct test_client){ .common_name = "dover", .serial_hex = "0a1b2c" }, &der, NULL);
    test_ca_pem(&ca, &pem);
    made.leaf = arena_copy(&made.arena, buf_span(&der));
    assert_int_equal(client_certificate_from_pem(buf_span(&pem), &made.arena, &made.issuer, 1, &count, &err), OK);
    spell(made.leaf, made.base64, made.escaped, made.line);
    spell(made.issuer, made.issuer_base64, made.issuer_escaped, NULL);
    secret_sha256_hex(made.leaf, made.sha256);
    buf_done(&der);
    buf_done(&pem);
    test_ca_done(&ca);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    arena_done(&made.arena);
    return 0;
}

/* {l} {i}: base64 of leaf and issuer; {L} {I}: escaped PEM; {p}: PEM in a line; {h}: SHA-256. */
static struct span filled(const char *template)
{
    struct buf out;
    buf_init(&out, 512 * 1024);
    for (const char *at = template; at != NULL && *at != '\0';) {
        const char *word = at[0] == '{' && at[2] == '}' ? at[1] == 'l' ? made.base64 : at[1] == 'i' ? made.issuer_base64 : at[1] == 'L' ? made.escaped : at[1] == 'I' ? made.issuer_escaped : at[1] == 'p' ? made.line : made.sha256 : NULL;
        if (word != NULL)
            buf_append_text(&out, word);
        else
            buf_append_byte(&out, *at);
        at += word != NULL ? 3 : 1;
    }
    struct span text = arena_copy(&made.arena, buf_span(&out));
    buf_done(&out);
    return text;
}

static void each_spelling_gives_the_same_certificate(void **state)
{
    static const struct { const char *name; enum certificate_header h; const char *value, *about; size_t chain; } rows[] = {
        { "RFC 9440", HEADER_RFC9440, ":{l}:", NULL, 0 },
        { "RFC 9440 with chain", HEADER_RFC9440, " :{l}: ", ":{i}: , :{i}:", 2 },
        { "Envoy, certificate", HEADER_XFCC, "Hash={h};Cert=\"{L}\";Subject=\"CN=a\\\"b;c,d\";URI=spiffe://a/b", NULL, 0 },
        { "Envoy, chain", HEADER_XFCC, "By=spiffe://x;Chain=\"{L}{I}\"", NULL, 1 },
        { "Envoy, both", HEADER_XFCC, "Cert=\"{L}\";Chain=\"{L}{I}\";hash={h}", NULL, 1 },
        { "nginx", HEADER_SSL_CLIENT, "{L}", "SUCCESS", 0 },
        { "nginx without its verdict", HEADER_SSL_CLIENT, "{L}", NULL, 0 },
        { "nginx with the chain", HEADER_SSL_CLIENT, "{L}{I}", "SUCCESS", 1 },
        { "Apache", HEADER_SSL_CLIENT, "{p}", "SUCCESS", 0 },
        { "HAProxy", HEADER_SSL_CLIENT, "{l}", "0", 0 },
        { "Traefik", HEADER_TRAEFIK, "{l}", NULL, 0 },
        { "Traefik with the chain", HEADER_TRAEFIK, "{l},{i}", NULL, 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct presented_certificate p = { 0 };
        struct err err = { OK, "" };
        if (certificate_header_read(rows[i].h, filled(rows[i].value), filled(rows[i].about), XFCC_ONLY, &made.arena, &p, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        if (p.form != FORM_CERTIFICATE || !span_equal(p.leaf, made.leaf) || p.chain_count != rows[i].chain)
            fail_msg("%s: form %d, %zu issuers", rows[i].name, (int)p.form, p.chain_count);
        if (p.chain_count > 0 && !span_equal(p.chain[0], made.issuer))
            fail_msg("%s: the chain differs", rows[i].name);
    }
}

static void digests_and_numbers_are_made_comparable(void **state)
{
    static const struct { const char *name; enum certificate_header h; const char *value, *about, *sha256, *serial; } rows[] = {
        { "digest", HEADER_SHA256, "{h}", NULL, "{h}", NULL },
        { "Envoy's digest", HEADER_XFCC, "Hash={h}", NULL, "{h}", NULL },
        { "hex", HEADER_SERIAL_HEX, "0A1B2C", "SUCCESS", NULL, "a1b2c" },
        { "hex with colons", HEADER_SERIAL_HEX, "00:0a:1b:2c", "0", NULL, "a1b2c" },
        { "digits are hex there", HEADER_SERIAL_HEX, "10", "SUCCESS", NULL, "10" },
        { "decimal", HEADER_SERIAL_DECIMAL, "662316", "SUCCESS", NULL, "a1b2c" },
        { "decimal with zeros", HEADER_SERIAL_DECIMAL, "000662316", "SUCCESS", NULL, "a1b2c" },
        { "digits are decimal there", HEADER_SERIAL_DECIMAL, "10", "SUCCESS", NULL, "a" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct presented_certificate p = { 0 };
        struct err err = { OK, "" };
        if (certificate_header_read(rows[i].h, filled(rows[i].value), filled(rows[i].about), XFCC_ONLY, &made.arena, &p, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        if (!span_equal(p.sha256, filled(rows[i].sha256)) || !span_equal(p.serial_hex, span_of(rows[i].serial)))
            fail_msg("%s: \"%.*s\" \"%.*s\"", rows[i].name, SPAN_ARGS(p.sha256), SPAN_ARGS(p.serial_hex));
    }
}

static void nothing_shown_is_no_certificate(void **state)
{
    static const struct { enum certificate_header h; const char *value, *about; bool said; } rows[] = {
        { HEADER_RFC9440, "", "", false },         { HEADER_XFCC, "", NULL, false },          { HEADER_XFCC, "By=spiffe://a;Subject=\"CN=x\"", NULL, false },
        { HEADER_SSL_CLIENT, "", "NONE", true },   { HEADER_SSL_CLIENT, "", "0", false },     { HEADER_SSL_CLIENT, "(null)", "NONE", true },
        { HEADER_SSL_CLIENT, "", "", false },      { HEADER_SERIAL_HEX, "", "NONE", true },   { HEADER_SERIAL_DECIMAL, "(null)", "(null)", true },
        { HEADER_TRAEFIK, "", NULL, false },       { HEADER_SHA256, "", NULL, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct presented_certificate p = { .form = FORM_SERIAL };
        struct err err;
        assert_int_equal(certificate_header_read(rows[i].h, span_of(rows[i].value), span_of(rows[i].about), XFCC_ONLY, &made.arena, &p, &err), OK);
        if (p.form != FORM_NONE || p.none_said != rows[i].said)
            fail_msg("row %zu: form %d, said %d", i, (int)p.form, (int)p.none_said);
    }
}

static void hostile_values_are_refused(void **state)
{
    static const struct { const char *name; enum certificate_header h; const char *value, *about; enum err_code code; } rows[] = {
        { "no colons", HEADER_RFC9440, "{l}", NULL, ERR_INPUT },
        { "one colon", HEADER_RFC9440, ":", NULL, ERR_INPUT },
        { "empty sequence", HEADER_RFC9440, "::", NULL, ERR_INPUT },
        { "not base64", HEADER_RFC9440, ":a b c:", NULL, ERR_INPUT },
        { "two sequences", HEADER_RFC9440, ":{l}:, :{l}:", NULL, ERR_INPUT },
        { "parameters", HEADER_RFC9440, ":{l}:;a=1", NULL, ERR_INPUT },
        { "chain without a leaf", HEADER_RFC9440, "", ":{l}:", ERR_INPUT },
        { "broken chain", HEADER_RFC9440, ":{l}:", ":{i}:,", ERR_INPUT },
        { "long chain", HEADER_RFC9440, ":{l}:", ":{i}:,:{i}:,:{i}:,:{i}:,:{i}:,:{i}:,:{i}:", ERR_INPUT },
        { "two elements", HEADER_XFCC, "Cert=\"{L}\",Cert=\"{L}\"", NULL, ERR_INPUT },
        { "many elements", HEADER_XFCC, "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1", NULL, ERR_INPUT },
        { "twice the key", HEADER_XFCC, "Cert=\"{L}\";cert=\"{I}\"", NULL, ERR_INPUT },
        { "not pairs", HEADER_XFCC, "Cert", NULL, ERR_INPUT },
        { "no key", HEADER_XFCC, "=x", NULL, ERR_INPUT },
        { "an open quote", HEADER_XFCC, "Cert=\"{L}", NULL, ERR_INPUT },
        { "a backslash at the end", HEADER_XFCC, "Cert=\"\\", NULL, ERR_INPUT },
        { "another's digest", HEADER_XFCC, "Hash=00000000000000000000000000000000000000000000000000000000000000ff;Cert=\"{L}\"", NULL, ERR_INPUT },
        { "a short digest", HEADER_XFCC, "Hash=00ff", NULL, ERR_INPUT },
        { "certificate and chain disagree", HEADER_XFCC, "Cert=\"{I}\";Chain=\"{L}{I}\"", NULL, ERR_INPUT },
        { "broken escape", HEADER_XFCC, "Cert=\"%2\"", NULL, ERR_INPUT },
        { "it did not verify", HEADER_SSL_CLIENT, "{L}", "FAILED:certificate has expired", ERR_DENIED },
        { "HAProxy found something", HEADER_SSL_CLIENT, "{l}", "10", ERR_DENIED },
        { "Apache looked away", HEADER_SSL_CLIENT, "{p}", "GENEROUS", ERR_DENIED },
        { "it failed, and nothing is there", HEADER_SSL_CLIENT, "", "FAILED:x", ERR_DENIED },
        { "a certificate, and none", HEADER_SSL_CLIENT, "{L}", "NONE", ERR_INPUT },
        { "junk", HEADER_SSL_CLIENT, "junk!", "SUCCESS", ERR_INPUT },
        { "broken escape in PEM", HEADER_SSL_CLIENT, "{L}%", "SUCCESS", ERR_INPUT },
        { "a key", HEADER_SSL_CLIENT, "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----", "SUCCESS", ERR_INPUT },
        { "a number without a verdict", HEADER_SERIAL_HEX, "0a1b2c", "", ERR_INPUT },
        { "a number that failed", HEADER_SERIAL_HEX, "0a1b2c", "FAILED:x", ERR_DENIED },
        { "a number, and none", HEADER_SERIAL_HEX, "0a1b2c", "NONE", ERR_INPUT },
        { "hex where decimal is told", HEADER_SERIAL_DECIMAL, "0a1b2c", "SUCCESS", ERR_INPUT },
        { "a negative number", HEADER_SERIAL_HEX, "-1", "SUCCESS", ERR_INPUT },
        { "zero", HEADER_SERIAL_HEX, "0", "SUCCESS", ERR_INPUT },
        { "a long number", HEADER_SERIAL_HEX, "1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "SUCCESS", ERR_INPUT },
        { "a digest with colons", HEADER_SHA256, "00:ff", NULL, ERR_INPUT },
        { "a digest and more", HEADER_SHA256, "{h}00", NULL, ERR_INPUT },
        { "PEM where Traefik strips it", HEADER_TRAEFIK, "{L}", NULL, ERR_INPUT },
        { "an empty part", HEADER_TRAEFIK, "{l},", NULL, ERR_INPUT },
        { "many parts", HEADER_TRAEFIK, "{l},{i},{i},{i},{i},{i},{i},{i}", NULL, ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct presented_certificate p;
        struct err err = { OK, "" };
        enum err_code code = certificate_header_read(rows[i].h, filled(rows[i].value), filled(rows[i].about), XFCC_ONLY, &made.arena, &p, &err);
        if (code != rows[i].code)
            fail_msg("%s: code %d, %s", rows[i].name, (int)code, err.text);
    }
}

static void an_element_is_chosen_when_told(void **state)
{
    struct presented_certificate p;
    struct err err;
    struct span both = filled("By=edge;Cert=\"{L}\",By=inner;Cert=\"{I}\"");
    (void)state;
    assert_int_equal(certificate_header_read(HEADER_XFCC, both, SPAN_NONE, XFCC_FIRST, &made.arena, &p, &err), OK);
    assert_true(span_equal(p.leaf, made.leaf));
    assert_int_equal(certificate_header_read(HEADER_XFCC, both, SPAN_NONE, XFCC_LAST, &made.arena, &p, &err), OK);
    assert_true(span_equal(p.leaf, made.issuer));
    assert_int_equal(certificate_header_read(HEADER_XFCC, both, SPAN_NONE, XFCC_ONLY, &made.arena, &p, &err), ERR_INPUT);
}

static void every_name_is_known_as_one(void **state)
{
    (void)state;
    for (int h = 0; h < CERTIFICATE_HEADERS; h++) {
        const char *about = certificate_header_about((enum certificate_header)h);
        assert_true(certificate_header_is_one(span_of(certificate_header_name((enum certificate_header)h))));
        assert_true(about == NULL || certificate_header_is_one(span_of(about)));
    }
    assert_true(certificate_header_is_one(SPAN_LITERAL("client-cert")));
    assert_false(certificate_header_is_one(SPAN_LITERAL("Client-Certs")));
    assert_false(certificate_header_is_one(SPAN_LITERAL("X-Forwarded-For")));
    assert_false(certificate_header_is_one(SPAN_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_known_as_one),
        cmocka_unit_test(each_spelling_gives_the_same_certificate),
        cmocka_unit_test(digests_and_numbers_are_made_comparable),
        cmocka_unit_test(nothing_shown_is_no_certificate),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(an_element_is_chosen_when_told),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
