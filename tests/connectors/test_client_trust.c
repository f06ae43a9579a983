#include "connectors/identity/client_trust.h"

#include "connectors/identity/client_certificate.h"
#include "tests/support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { DAY_S = 86400 };

struct fixture { struct test_ca root, issuing, stranger; struct buf roots, der, between, lists[2]; };

static void begin(struct fixture *f)
{
    test_ca_make(&f->root, "Acme Root", NULL);
    test_ca_make(&f->issuing, "Acme Devices", &f->root);
    test_ca_make(&f->stranger, "Acme Root", NULL); /* the same name, another key */
    struct buf *all[] = { &f->roots, &f->der, &f->between, &f->lists[0], &f->lists[1] };
    for (size_t i = 0; i < COUNT(all); i++)
        buf_init(all[i], 256 * 1024);
    test_ca_pem(&f->root, &f->roots);
}

static void end(struct fixture *f)
{
    struct buf *all[] = { &f->roots, &f->der, &f->between, &f->lists[0], &f->lists[1] };
    for (size_t i = 0; i < COUNT(all); i++)
        buf_done(all[i]);
    test_ca_done(&f->root);
    test_ca_done(&f->issuing);
    test_ca_done(&f->stranger);
}

static struct client_trust *trust_with(const struct fixture *f, size_t list_count, bool use_stale)
{
    struct span lists[] = { buf_span(&f->lists[0]), buf_span(&f->lists[1]) };
    struct client_trust_source source = { buf_span(&f->roots), lists, list_count, use_stale };
    struct client_trust *t = NULL;
    struct err err;
    if (client_trust_new(&source, &t, &err) != OK)
        fail_msg("%s", err.text);
    return t;
}

/* The word that refuses it, or "good". */
static const char *verdict(const struct client_trust *t, struct span leaf, const struct span *chain, size_t count)
{
    const char *reason = NULL;
    struct err err;
    return client_trust_check(t, leaf, chain, count, TEST_NOW_S, &reason, &err) == OK ? "good" : reason;
}

static void who_is_believed(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    const struct { const char *name; const struct test_ca *issuer; struct test_client what; const char *verdict; } rows[] = {
        { "ours", &f.root, { .common_name = "dover" }, "good" },
        { "with an address for a mail program too", &f.root, { .common_name = "dover", .usage = "clientAuth,emailProtection" }, "good" },
        { "expired", &f.root, { .common_name = "dover", .to_s = TEST_NOW_S - 1 }, "expired" },
        { "not yet", &f.root, { .common_name = "dover", .from_s = TEST_NOW_S + 60 }, "not_yet_valid" },
        { "a server's", &f.root, { .common_name = "dover", .usage = "serverAuth" }, "wrong_purpose" },
        { "another CA of the same name", &f.stranger, { .common_name = "dover" }, "foreign_ca" },
        { "its issuer was not sent", &f.issuing, { .common_name = "dover" }, "foreign_ca" },
    };
    struct client_trust *t = trust_with(&f, 0, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        buf_clear(&f.der);
        test_client_make(rows[i].issuer, &rows[i].what, &f.der, NULL);
        const char *got = verdict(t, buf_span(&f.der), NULL, 0);
        if (strcmp(got, rows[i].verdict) != 0)
            fail_msg("%s: %s", rows[i].name, got);
    }
    assert_string_equal(verdict(t, SPAN_LITERAL("nonsense"), NULL, 0), "broken");
    assert_string_equal(verdict(t, SPAN_NONE, NULL, 0), "broken");
    client_trust_free(t);
    end(&f);
}

static void der_of_ca(const struct test_ca *ca, struct buf *out)
{
    struct buf pem;
    size_t count;
    struct span der;
    struct err err;
    struct arena a;
    buf_init(&pem, 65536);
    arena_init(&a, 4096, 65536);
    test_ca_pem(ca, &pem);
    buf_clear(out);
    assert_int_equal(client_certificate_from_pem(buf_span(&pem), &a, &der, 1, &count, &err), OK);
    buf_append(out, der);
    arena_done(&a);
    buf_done(&pem);
}

static void an_intermediate_may_be_sent_or_known(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    test_client_make(&f.issuing, &(struct test_client){ .common_name = "dover" }, &f.der, NULL);
    der_of_ca(&f.issuing, &f.between);
    struct span chain[] = { buf_span(&f.between), SPAN_LITERAL("junk") };
    struct client_trust *t = trust_with(&f, 0, false);
    assert_string_equal(verdict(t, buf_span(&f.der), chain, 1), "good");
    assert_string_equal(verdict(t, buf_span(&f.der), chain, 2), "broken");
    client_trust_free(t);
    buf_clear(&f.roots);
    test_ca_pem(&f.issuing, &f.roots); /* only the one that issues: trust ends there */
    t = trust_with(&f, 0, false);
    assert_string_equal(verdict(t, buf_span(&f.der), NULL, 0), "good");
    client_trust_free(t);
    end(&f);
}

static void lists_revoke(void **state)
{
    static const char *const gone[] = { "beef", "0a0b" };
    struct fixture f;
    (void)state;
    begin(&f);
    test_list_make(&f.root, gone, 2, TEST_NOW_S + DAY_S, true, &f.lists[0]);
    test_list_make(&f.issuing, NULL, 0, TEST_NOW_S + DAY_S, false, &f.lists[1]);
    const struct { const char *serial, *verdict; } rows[] = { { "c0de", "good" }, { "BEEF", "revoked" }, { "0a0b", "revoked" } };
    struct client_trust *t = trust_with(&f, 2, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        buf_clear(&f.der);
        test_client_make(&f.root, &(struct test_client){ .common_name = "dover", .serial_hex = rows[i].serial }, &f.der, NULL);
        assert_string_equal(verdict(t, buf_span(&f.der), NULL, 0), rows[i].verdict);
    }
    const struct client_trust_list *all;
    assert_int_equal(client_trust_lists(t, &all), 2);
    assert_int_equal(all[0].revoked, 2);
    assert_true(all[0].signed_by_ca);
    assert_false(all[1].signed_by_ca); /* the intermediate was not given */
    assert_int_equal(all[0].next_update_s, TEST_NOW_S + DAY_S);
    client_trust_free(t);
    end(&f);
}

static void every_issuer_needs_a_list_once_there_are_any(void **state)
{
    static const char *const intermediate[] = { "02" };
    struct fixture f;
    (void)state;
    begin(&f);
    test_list_make(&f.root, NULL, 0, TEST_NOW_S + DAY_S, true, &f.lists[0]);
    test_ca_pem(&f.issuing, &f.roots);
    test_client_make(&f.issuing, &(struct test_client){ .common_name = "dover" }, &f.der, NULL);
    struct client_trust *t = trust_with(&f, 1, false);
    assert_string_equal(verdict(t, buf_span(&f.der), NULL, 0), "no_list");
    client_trust_free(t);
    test_list_make(&f.issuing, NULL, 0, TEST_NOW_S + DAY_S, true, &f.lists[1]);
    t = trust_with(&f, 2, false);
    assert_string_equal(verdict(t, buf_span(&f.der), NULL, 0), "good");
    client_trust_free(t);
    buf_clear(&f.roots);
    buf_clear(&f.lists[0]);
    test_ca_pem(&f.root, &f.roots);
    test_list_make(&f.root, intermediate, 1, TEST_NOW_S + DAY_S, true, &f.lists[0]); /* the issuer itself is revoked */
    der_of_ca(&f.issuing, &f.between);
    struct span chain = buf_span(&f.between);
    t = trust_with(&f, 2, false);
    assert_string_equal(verdict(t, buf_span(&f.der), &chain, 1), "revoked");
    client_trust_free(t);
    end(&f);
}

static void an_old_list_closes_or_is_still_used(void **state)
{
    static const char *const gone[] = { "beef" };
    struct fixture f;
    (void)state;
    begin(&f);
    test_list_make(&f.root, gone, 1, TEST_NOW_S - 1, true, &f.lists[0]);
    test_client_make(&f.root, &(struct test_client){ .common_name = "dover" }, &f.der, NULL);
    struct client_trust *strict = trust_with(&f, 1, false), *lenient = trust_with(&f, 1, true);
    assert_string_equal(verdict(strict, buf_span(&f.der), NULL, 0), "stale_list");
    assert_string_equal(verdict(lenient, buf_span(&f.der), NULL, 0), "good");
    buf_clear(&f.der);
    test_client_make(&f.root, &(struct test_client){ .common_name = "dover", .serial_hex = "beef" }, &f.der, NULL);
    assert_string_equal(verdict(lenient, buf_span(&f.der), NULL, 0), "revoked");
    client_trust_free(strict);
    client_trust_free(lenient);
    end(&f);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    test_list_make(&f.root, NULL, 0, TEST_NOW_S + DAY_S, true, &f.lists[0]);
    struct span lists[] = { buf_span(&f.lists[0]), SPAN_LITERAL("junk") }, half[] = { span_slice(buf_span(&f.lists[0]), 0, f.lists[0].bytes / 2) }, empty[] = { SPAN_NONE };
    const struct { const char *name; struct client_trust_source source; const char *says; } rows[] = {
        { "no CA", { .ca_pem = SPAN_NONE }, "no certificate in PEM" },
        { "a CA that is none", { .ca_pem = SPAN_LITERAL("-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----") }, "certificate 1 of the CA file" },
        { "a list that is none", { buf_span(&f.roots), lists, 2, false }, "file 2 of the revocation lists" },
        { "a list cut short", { buf_span(&f.roots), half, 1, false }, "file 1 of the revocation lists" },
        { "an empty list", { buf_span(&f.roots), empty, 1, false }, "file 1 of the revocation lists" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client_trust *t = NULL;
        struct err err = { OK, "" };
        if (client_trust_new(&rows[i].source, &t, &err) == OK || strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].name, err.text);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_believed),
        cmocka_unit_test(an_intermediate_may_be_sent_or_known),
        cmocka_unit_test(lists_revoke),
        cmocka_unit_test(every_issuer_needs_a_list_once_there_are_any),
        cmocka_unit_test(an_old_list_closes_or_is_still_used),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
