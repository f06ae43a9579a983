#include "gateway/doors/device_certificates.h"

#include "posture/base/file.h"
#include "tests/support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define UUID "4c4c4544-0044-3010-8052-b4c04f565931"
#define ID "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
enum { DAY_S = 86400 };

struct fixture { struct test_ca ca; struct buf roots, der; struct arena arena; char folder[64], list[96]; };

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    test_ca_make(&f->ca, "Acme Devices", NULL);
    buf_init(&f->roots, 65536);
    buf_init(&f->der, 65536);
    arena_init(&f->arena, 4096, 4 * 1024 * 1024);
    test_ca_pem(&f->ca, &f->roots);
    strcpy(f->folder, "/tmp/postern-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->list, sizeof f->list, "%s/devices.crl", f->folder);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    unlink(f->list);
    rmdir(f->folder);
    buf_done(&f->roots);
    buf_done(&f->der);
    arena_done(&f->arena);
    test_ca_done(&f->ca);
    free(f);
    return 0;
}

static struct device_certificates *configured(struct fixture *f, struct device_certificate_options *o)
{
    struct device_certificates *d = NULL;
    struct err err;
    o->client_ca = buf_span(&f->roots);
    if (device_certificates_new(o, NULL, &d, &err) != OK)
        fail_msg("%s", err.text);
    return d;
}

static void a_certificate_names_its_device(void **state)
{
    static const struct { const char *name, *bind, *field, *pattern; struct test_client what; const char *kind, *value; } rows[] = {
        { "its own number", "certificate_serial", "", "", { .serial_hex = "00a1b2" }, "certificate_serial", "a1b2" },
        { "serial number in the subject", "serial", "", "", { .common_name = "x", .serial_number = "c02xk1" }, "serial", "C02XK1" },
        { "serial number as CN", "serial", "subject.CN", "", { .common_name = "C02XK1" }, "serial", "C02XK1" },
        { "serial number in a DNS name", "serial", "san.dns", "{}.devices.acme.example", { .alternatives = "DNS:other.acme.example,DNS:c02xk1.devices.acme.example" }, "serial", "C02XK1" },
        { "the same twice", "serial", "san.dns", "{}.d", { .alternatives = "DNS:c02xk1.d,DNS:C02XK1.d" }, "serial", "C02XK1" },
        { "hardware UUID", "uuid", "", "", { .alternatives = "URI:urn:uuid:4C4C4544-0044-3010-8052-B4C04F565931" }, "uuid", UUID },
        { "hardware UUID as CN", "uuid", "subject.CN", "", { .common_name = UUID }, "uuid", UUID },
        { "our id", "id", "", "", { .common_name = ID }, "id", ID },
        { "our id with words around it", "id", "subject.CN", "postern:{}", { .common_name = "postern:" ID }, "id", ID },
        { "no such field", "serial", "", "", { .common_name = "C02XK1" }, NULL, NULL },
        { "two devices", "serial", "san.dns", "", { .alternatives = "DNS:c02xk1,DNS:c02xk2" }, NULL, NULL },
        { "a serial number that is none", "serial", "", "", { .serial_number = "None" }, NULL, NULL },
        { "another pattern", "id", "subject.CN", "postern:{}", { .common_name = ID }, NULL, NULL },
        { "nothing between", "id", "subject.CN", "a{}a", { .common_name = "a" }, NULL, NULL },
        { "not an id", "id", "", "", { .common_name = "p_aaaaaaaaaaaaaaaaaaaaaaaaaa" }, NULL, NULL },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct device_certificate_options o = { .bind = span_of(rows[i].bind), .bind_field = span_of(rows[i].field), .bind_pattern = span_of(rows[i].pattern) };
        struct device_certificates *d = configured(f, &o);
        struct client_certificate c;
        struct device_name name = { 0 };
        struct err err = { OK, "" };
        buf_clear(&f->der);
        test_client_make(&f->ca, &rows[i].what, &f->der, NULL);
        assert_int_equal(client_certificate_read(buf_span(&f->der), &f->arena, &c, &err), OK);
        enum err_code code = device_certificates_name(d, &c, &f->arena, &name, &err);
        if (code != (rows[i].kind != NULL ? OK : ERR_INPUT))
            fail_msg("%s: code %d %s", rows[i].name, (int)code, err.text);
        if (rows[i].kind != NULL && (!span_equal_text(name.kind, rows[i].kind) || !span_equal_text(name.value, rows[i].value)))
            fail_msg("%s: %.*s %.*s", rows[i].name, SPAN_ARGS(name.kind), SPAN_ARGS(name.value));
        device_certificates_free(d);
    }
}

static void without_configuration_the_digest_names_it(void **state)
{
    struct fixture *f = *state;
    struct client_certificate c;
    struct device_name name;
    struct err err;
    const char *reason = NULL;
    test_client_make(&f->ca, &(struct test_client){ .common_name = "dover" }, &f->der, NULL);
    assert_int_equal(client_certificate_read(buf_span(&f->der), &f->arena, &c, &err), OK);
    assert_int_equal(device_certificates_name(NULL, &c, &f->arena, &name, &err), OK);
    assert_true(span_equal_text(name.kind, "certificate"));
    assert_true(span_equal_text(name.value, c.sha256));
    assert_int_equal(device_certificates_check(NULL, buf_span(&f->der), NULL, 0, TEST_NOW_S, &reason, &err), ERR_DENIED);
    assert_false(device_certificates_has_ca(NULL));
}

static void words_that_mean_nothing_are_refused(void **state)
{
    static const struct span headers[] = { SPAN_LITERAL("serial_hex"), SPAN_LITERAL("serial_decimal"), SPAN_LITERAL("nginx") };
    static const struct { struct device_certificate_options o; const char *says; } rows[] = {
        { { .bind = SPAN_LITERAL("cn") }, "bind: \"cn\" is not one of certificate, certificate_serial, serial, uuid, id" },
        { { .bind = SPAN_LITERAL("serial"), .bind_field = SPAN_LITERAL("CN") }, "bind_field: \"CN\" is not one of subject.CN" },
        { { .bind = SPAN_LITERAL("serial"), .bind_pattern = SPAN_LITERAL("x") }, "bind_pattern: {} is missing" },
        { { .bind_field = SPAN_LITERAL("subject.CN") }, "belong to bind: serial, uuid or id" },
        { { .stale_revocations = SPAN_LITERAL("open") }, "stale_revocations: \"open\" is not one of refuse, accept" },
        { { .xfcc_element = SPAN_LITERAL("2") }, "xfcc_element: \"2\" is not one of only, first, last" },
        { { .proxy_headers = { &headers[2], 1 } }, "proxy_headers: \"nginx\" is not one of rfc9440" },
        { { .proxy_headers = { headers, 2 } }, "are the same header" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct device_certificate_rules r;
        struct err err = { OK, "" };
        if (device_certificate_rules_read(&rows[i].o, &r, &err) != ERR_INPUT || strstr(err.text, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, err.text);
    }
}

static void numbers_need_one_ca(void **state)
{
    struct fixture *f = *state;
    struct test_ca second;
    struct device_certificate_options o = { .bind = SPAN_LITERAL("certificate_serial") };
    struct device_certificates *d = configured(f, &o);
    struct err err;
    device_certificates_free(d);
    test_ca_make(&second, "Another", NULL);
    test_ca_pem(&second, &f->roots);
    o.client_ca = buf_span(&f->roots);
    assert_int_equal(device_certificates_new(&o, NULL, &d, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "two CAs may give the same number"));
    test_ca_done(&second);
}

static void write_list(struct fixture *f, const char *const *revoked, size_t count, int64_t to_s)
{
    struct buf list;
    struct err err;
    buf_init(&list, 65536);
    test_list_make(&f->ca, revoked, count, to_s, true, &list);
    assert_int_equal(file_write_private(f->list, buf_span(&list), &err), OK);
    buf_done(&list);
}

static const char *verdict(struct device_certificates *d, struct span der)
{
    const char *reason = NULL;
    struct err err;
    return device_certificates_check(d, der, NULL, 0, TEST_NOW_S, &reason, &err) == OK ? "good" : reason;
}

static void count_warning(void *context, struct span text)
{
    assert_true(text.bytes > 0);
    ++*(int *)context;
}

static void a_list_is_read_again_when_its_file_changes(void **state)
{
    static const char *const gone[] = { "beef" };
    struct fixture *f = *state;
    char option[112];
    int warnings = 0;
    struct err err;
    snprintf(option, sizeof option, "file:%s", f->list);
    const struct span paths[] = { span_of(option) };
    struct device_certificate_options o = { .revocations = { paths, 1 } };
    struct device_certificates *d = NULL;
    o.client_ca = buf_span(&f->roots);
    assert_int_equal(device_certificates_new(&o, NULL, &d, &err), ERR_NOT_FOUND); /* a gateway does not start on half of its revocations */
    write_list(f, NULL, 0, TEST_NOW_S + DAY_S);
    d = configured(f, &o);
    test_client_make(&f->ca, &(struct test_client){ .common_name = "dover", .serial_hex = "beef" }, &f->der, NULL);
    assert_string_equal(verdict(d, buf_span(&f->der)), "good");
    unsigned before = device_certificates_generation(d);
    device_certificates_refresh(d, TEST_NOW_S);
    assert_int_equal(device_certificates_generation(d), before);
    write_list(f, gone, 1, TEST_NOW_S + DAY_S);
    device_certificates_refresh(d, TEST_NOW_S);
    assert_true(device_certificates_generation(d) != before);
    assert_string_equal(verdict(d, buf_span(&f->der)), "revoked");
    assert_int_equal(file_write_private(f->list, SPAN_LITERAL("junk"), &err), OK);
    device_certificates_refresh(d, TEST_NOW_S);
    assert_string_equal(verdict(d, buf_span(&f->der)), "revoked"); /* the one before stays */
    unlink(f->list);
    device_certificates_refresh(d, TEST_NOW_S);
    assert_string_equal(verdict(d, buf_span(&f->der)), "revoked");
    device_certificates_warnings(d, TEST_NOW_S, count_warning, &warnings);
    assert_int_equal(warnings, 0);
    write_list(f, NULL, 0, TEST_NOW_S - 1);
    device_certificates_refresh(d, TEST_NOW_S);
    assert_string_equal(verdict(d, buf_span(&f->der)), "stale_list");
    device_certificates_warnings(d, TEST_NOW_S, count_warning, &warnings);
    assert_int_equal(warnings, 1);
    device_certificates_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_names_its_device, begin, end),
        cmocka_unit_test_setup_teardown(without_configuration_the_digest_names_it, begin, end),
        cmocka_unit_test_setup_teardown(words_that_mean_nothing_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(numbers_need_one_ca, begin, end),
        cmocka_unit_test_setup_teardown(a_list_is_read_again_when_its_file_changes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
