#include "connectors/identity/client_certificate.h"

#include "tests/support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

struct fixture { struct arena arena; struct test_ca ca; struct buf der; };

static void begin(struct fixture *f)
{
    arena_init(&f->arena, 4096, 4 * 1024 * 1024);
    test_ca_make(&f->ca, "Devices", NULL);
    buf_init(&f->der, 65536);
}

static void end(struct fixture *f)
{
    buf_done(&f->der);
    test_ca_done(&f->ca);
    arena_done(&f->arena);
}

static void fields_are_read(void **state)
{
    struct fixture f;
    struct client_certificate c;
    struct err err;
    (void)state;
    begin(&f);
    test_client_make(&f.ca, &(struct test_client){ .common_name = "dover", .serial_number = "C02XK1", .serial_hex = "00a1b2",
                                                   .alternatives = "URI:urn:uuid:4c4c4544-0044-3010-8052-b4c04f565931,DNS:dover.acme.example,email:ana@acme.example" }, &f.der, NULL);
    assert_int_equal(client_certificate_read(buf_span(&f.der), &f.arena, &c, &err), OK);
    assert_true(span_equal_text(c.serial_hex, "a1b2"));
    assert_true(span_equal_text(c.serial_decimal, "41394"));
    assert_true(span_equal_text(c.issuer, "CN=Devices"));
    assert_int_equal(c.name_count, 5);
    assert_int_equal(c.names[0].field, CERTIFICATE_SUBJECT_CN);
    assert_true(span_equal_text(c.names[1].value, "C02XK1"));
    assert_int_equal(c.names[2].field, CERTIFICATE_SAN_URI);
    assert_true(span_equal_text(c.names[3].value, "dover.acme.example"));
    assert_int_equal(c.not_after_s - c.not_before_s, 2 * 365 * 86400);
    assert_int_equal(strlen(c.sha256), 64);
    end(&f);
}

static void what_is_not_one_certificate_is_refused(void **state)
{
    struct fixture f;
    struct client_certificate c;
    struct err err;
    (void)state;
    begin(&f);
    test_client_make(&f.ca, &(struct test_client){ .common_name = "dover" }, &f.der, NULL);
    for (size_t cut = 0; cut < f.der.bytes; cut += 7)
        assert_int_equal(client_certificate_read(span_slice(buf_span(&f.der), 0, cut), &f.arena, &c, &err), ERR_INPUT);
    buf_append_byte(&f.der, 0); /* something behind it */
    assert_int_equal(client_certificate_read(buf_span(&f.der), &f.arena, &c, &err), ERR_INPUT);
    while (f.der.bytes <= CLIENT_CERTIFICATE_BYTES)
        buf_append_byte(&f.der, 0);
    assert_int_equal(client_certificate_read(buf_span(&f.der), &f.arena, &c, &err), ERR_INPUT);
    end(&f);
}

static void names_that_trick_readers_are_refused(void **state)
{
    static const char *const names[] = { "dover\nevil", "dover\x7f" };
    struct fixture f;
    struct client_certificate c;
    struct err err;
    (void)state;
    begin(&f);
    for (size_t i = 0; i < COUNT(names); i++) {
        buf_clear(&f.der);
        test_client_make(&f.ca, &(struct test_client){ .common_name = names[i] }, &f.der, NULL);
        assert_int_equal(client_certificate_read(buf_span(&f.der), &f.arena, &c, &err), ERR_INPUT);
    }
    buf_clear(&f.der);
    char many[64 * 16] = "";
    for (int i = 0; i <= CLIENT_CERTIFICATE_NAMES; i++)
        strcat(many, i == 0 ? "DNS:a" : ",DNS:a");
    test_client_make(&f.ca, &(struct test_client){ .alternatives = many }, &f.der, NULL);
    assert_int_equal(client_certificate_read(buf_span(&f.der), &f.arena, &c, &err), ERR_INPUT);
    end(&f);
}

static void a_number_in_decimal_becomes_hex(void **state)
{
    static const struct { const char *decimal, *hex; } rows[] = {
        { "41394", "a1b2" }, { "0041394", "a1b2" }, { "1", "1" }, { "1461501637330902918203684832716283019655932542975", "ffffffffffffffffffffffffffffffffffffffff" },
        { "1461501637330902918203684832716283019655932542976", NULL }, { "", NULL }, { "0", NULL }, { "-5", NULL }, { "a1", NULL }, { "1 2", NULL },
        { "00000000000000000000000000000000000000000000000001", NULL },
    };
    struct arena a;
    (void)state;
    arena_init(&a, 1024, 65536);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span hex = SPAN_NONE;
        struct err err;
        enum err_code code = client_certificate_serial_from_decimal(span_of(rows[i].decimal), &a, &hex, &err);
        if (code != (rows[i].hex != NULL ? OK : ERR_INPUT) || (rows[i].hex != NULL && !span_equal_text(hex, rows[i].hex)))
            fail_msg("\"%s\": %.*s", rows[i].decimal, SPAN_ARGS(hex));
    }
    arena_done(&a);
}

static void pem_is_read_in_order(void **state)
{
    struct fixture f;
    struct buf pem;
    struct span ders[3];
    size_t count = 0;
    struct err err;
    (void)state;
    begin(&f);
    buf_init(&pem, 65536);
    test_client_make(&f.ca, &(struct test_client){ .common_name = "dover" }, &f.der, NULL);
    buf_append_text(&pem, "a comment\n");
    test_pem_of(buf_span(&f.der), &pem);
    test_ca_pem(&f.ca, &pem);
    assert_int_equal(client_certificate_from_pem(buf_span(&pem), &f.arena, ders, 3, &count, &err), OK);
    assert_int_equal(count, 2);
    assert_true(span_equal(ders[0], buf_span(&f.der)));
    for (size_t i = 0; i < pem.bytes; i++) /* Apache puts it on one line */
        pem.at[i] = pem.at[i] == '\n' ? ' ' : pem.at[i];
    assert_int_equal(client_certificate_from_pem(buf_span(&pem), &f.arena, ders, 3, &count, &err), OK);
    assert_int_equal(count, 2);
    assert_int_equal(client_certificate_from_pem(buf_span(&pem), &f.arena, ders, 1, &count, &err), ERR_INPUT);
    assert_int_equal(client_certificate_from_pem(span_slice(buf_span(&pem), 0, pem.bytes - 10), &f.arena, ders, 3, &count, &err), ERR_INPUT);
    assert_int_equal(client_certificate_from_pem(SPAN_NONE, &f.arena, ders, 3, &count, &err), ERR_INPUT);
    assert_int_equal(client_certificate_from_pem(SPAN_LITERAL("-----BEGIN CERTIFICATE-----!!!!-----END CERTIFICATE-----"), &f.arena, ders, 3, &count, &err), ERR_INPUT);
    assert_int_equal(client_certificate_from_pem(SPAN_LITERAL("-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----"), &f.arena, ders, 3, &count, &err), ERR_INPUT); /* found by fuzzing */
    buf_done(&pem);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(what_is_not_one_certificate_is_refused),
        cmocka_unit_test(names_that_trick_readers_are_refused),
        cmocka_unit_test(a_number_in_decimal_becomes_hex),
        cmocka_unit_test(pem_is_read_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
