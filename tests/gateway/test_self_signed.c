#include "gateway/http/self_signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#define DAY_S ((int64_t)86400)
static const int64_t now_s = 1780000000;

struct folder { char path[64], certificate[96], key[96]; };

static int start(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/postern-cert-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->certificate, sizeof f->certificate, "%s/self-signed.crt", f->path);
    snprintf(f->key, sizeof f->key, "%s/self-signed.key", f->path);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct folder *f = *state;
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->path);
    free(f);
    return 0;
}

/* The certificate's text; owned by the caller. */
static char *load(const struct folder *f, const char *url, int64_t at_s)
{
    CLEANUP(buf_done) struct buf certificate;
    CLEANUP(buf_wipe) struct buf key;
    struct err err;
    buf_init(&certificate, 65536);
    buf_init(&key, 65536);
    if (self_signed_load(span_of(f->path), span_of(url), at_s, &certificate, &key, &err) != OK)
        fail_msg("%s", err.text);
    assert_true(span_starts(buf_span(&key), SPAN_LITERAL("-----BEGIN PRIVATE KEY-----")));
    return span_dup(buf_span(&certificate));
}

static X509 *decoded(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static void it_names_every_way_to_reach_the_server(void **state)
{
    static const struct { const char *url, *host, *ip; } rows[] = {
        { "https://posture.acme.example:8443/x", "posture.acme.example", "127.0.0.1" },
        { "https://localhost:8443", "localhost", "::1" },
        { "https://192.0.2.7", "localhost", "192.0.2.7" },
        { "https://[2001:db8::7]:8443", "localhost", "2001:db8::7" },
        { "https://a,DNS:b", "localhost", "127.0.0.1" },
        { "", "localhost", "127.0.0.1" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *pem = load(*state, rows[i].url, now_s);
        X509 *certificate = decoded(pem);
        if (X509_check_host(certificate, rows[i].host, 0, 0, NULL) != 1 || X509_check_ip_asc(certificate, rows[i].ip, 0) != 1)
            fail_msg("%s", rows[i].url);
        assert_int_not_equal(X509_check_host(certificate, "b", 0, 0, NULL), 1);
        X509_free(certificate);
        free(pem);
    }
}

static void it_is_p256_and_private_and_kept(void **state)
{
    const struct folder *f = *state;
    struct stat about;
    char *first = load(f, "https://a.example", now_s), *again = load(f, "https://a.example", now_s + 700 * DAY_S);
    X509 *certificate = decoded(first);
    assert_string_equal(first, again);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(certificate)), 256);
    assert_int_equal(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
    assert_int_equal(stat(f->key, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    X509_free(certificate);
    free(first);
    free(again);
}

/* What makes a new one: each row changes one thing. */
static void it_is_made_anew_when_it_no_longer_serves(void **state)
{
    const struct folder *f = *state;
    enum what { LATE, EARLY, HOST, CUT, NO_KEY };
    for (enum what what = LATE; what <= NO_KEY; what++) {
        char *first = load(f, "https://a.example", now_s);
        if (what == CUT)
            assert_int_equal(truncate(f->certificate, 100), 0);
        if (what == NO_KEY)
            assert_int_equal(unlink(f->key), 0);
        int64_t at_s = what == LATE ? now_s + (SELF_SIGNED_DAYS - SELF_SIGNED_RENEW_DAYS) * DAY_S : what == EARLY ? now_s - 3 * DAY_S : now_s;
        char *second = load(f, what == HOST ? "https://b.example" : "https://a.example", at_s);
        if (strcmp(first, second) == 0)
            fail_msg("row %d: kept", (int)what);
        free(first);
        free(second);
        unlink(f->certificate);
    }
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct buf certificate = { 0 }, key = { 0 };
    struct err err;
    (void)state;
    assert_int_equal(self_signed_load(SPAN_LITERAL("/nonexistent/postern"), SPAN_LITERAL("https://a"), now_s, &certificate, &key, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/postern"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(it_names_every_way_to_reach_the_server),
        WITH(it_is_p256_and_private_and_kept),
        WITH(it_is_made_anew_when_it_no_longer_serves),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
