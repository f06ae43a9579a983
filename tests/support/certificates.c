#include "tests/support/certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void add_to_name(X509 *x, const char *attribute, const char *value)
{
    if (value != NULL)
        assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), attribute, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0), 1);
}

static void set_number(ASN1_INTEGER *to, const char *hex)
{
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, hex) > 0);
    assert_non_null(BN_to_ASN1_INTEGER(number, to));
    BN_free(number);
}

static X509 *new_certificate(EVP_PKEY *key, const char *serial_hex, int64_t from_s, int64_t to_s)
{
    X509 *x = X509_new();
    assert_non_null(x);
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    set_number(X509_get_serialNumber(x), serial_hex);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to_s));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    return x;
}

static void append_bio(BIO *bio, struct buf *out)
{
    char *at = NULL;
    long bytes = BIO_get_mem_data(bio, &at);
    assert_true(buf_append(out, span_make(at, (size_t)bytes)));
    BIO_free(bio);
}

void test_ca_make(struct test_ca *ca, const char *name, const struct test_ca *issuer)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *x = new_certificate(key, issuer == NULL ? "01" : "02", TEST_NOW_S - 5 * (int64_t)YEAR_S, TEST_NOW_S + 5 * (int64_t)YEAR_S);
    X509 *by = issuer == NULL ? x : issuer->certificate;
    add_to_name(x, "CN", name);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(by)), 1);
    add_extension(x, by, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, by, NID_key_usage, "critical,keyCertSign,cRLSign");
    assert_true(X509_sign(x, issuer == NULL ? key : issuer->key, EVP_sha256()) > 0);
    *ca = (struct test_ca){ x, key };
}

void test_ca_done(struct test_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
}

void test_ca_pem(const struct test_ca *ca, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, ca->certificate), 1);
    append_bio(bio, out);
}

void test_client_make(const struct test_ca *issuer, const struct test_client *what, struct buf *der, struct buf *key_pem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x = new_certificate(key, what->serial_hex != NULL ? what->serial_hex : "1a2b3c", what->from_s != 0 ? what->from_s : TEST_NOW_S - YEAR_S, what->to_s != 0 ? what->to_s : TEST_NOW_S + YEAR_S);
    add_to_name(x, "CN", what->common_name);
    add_to_name(x, "serialNumber", what->serial_number);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(issuer->certificate)), 1);
    add_extension(x, issuer->certificate, NID_ext_key_usage, what->usage != NULL ? what->usage : "clientAuth");
    if (what->alternatives != NULL)
        add_extension(x, issuer->certificate, NID_subject_alt_name, what->alternatives);
    assert_true(X509_sign(x, issuer->key, EVP_sha256()) > 0);
    assert_int_equal(i2d_X509_bio(bio, x), 1);
    append_bio(bio, der);
    if (key_pem != NULL) {
        bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
        append_bio(bio, key_pem);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

void test_pem_of(struct span der, struct buf *out)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.bytes);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_non_null(x);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    append_bio(bio, out);
    X509_free(x);
}

void test_list_make(const struct test_ca *ca, const char *const *revoked, size_t count, int64_t to_s, bool pem, struct buf *out)
{
    X509_CRL *list = X509_CRL_new();
    BIO *bio = BIO_new(BIO_s_mem());
    ASN1_TIME *from = ASN1_TIME_set(NULL, TEST_NOW_S - DAY_S), *to = ASN1_TIME_set(NULL, (time_t)to_s);
    assert_int_equal(X509_CRL_set_version(list, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->certificate)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(list, from), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(list, to), 1);
    for (size_t i = 0; i < count; i++) {
        X509_REVOKED *one = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        set_number(number, revoked[i]);
        assert_int_equal(X509_REVOKED_set_serialNumber(one, number), 1);
        assert_int_equal(X509_REVOKED_set_revocationDate(one, from), 1);
        assert_int_equal(X509_CRL_add0_revoked(list, one), 1);
        ASN1_INTEGER_free(number);
    }
    X509_CRL_sort(list);
    assert_true(X509_CRL_sign(list, ca->key, EVP_sha256()) > 0);
    assert_int_equal(pem ? PEM_write_bio_X509_CRL(bio, list) : i2d_X509_CRL_bio(bio, list), 1);
    append_bio(bio, out);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(list);
}
