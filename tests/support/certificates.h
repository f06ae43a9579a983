/* certificates: CAs, client certificates and revocation lists for tests, made with OpenSSL. Failures abort the test (cmocka). */
#ifndef TESTS_SUPPORT_CERTIFICATES_H
#define TESTS_SUPPORT_CERTIFICATES_H
#include "posture/base/buf.h"

struct test_ca { void *certificate, *key; }; /* X509, EVP_PKEY */
/* A root, or with `issuer` an intermediate. */
void test_ca_make(struct test_ca *ca, const char *name, const struct test_ca *issuer);
void test_ca_done(struct test_ca *ca);
void test_ca_pem(const struct test_ca *ca, struct buf *out); /* appended */

struct test_client {
    const char *common_name, *serial_number, *alternatives; /* NULL: none; alternatives as openssl.cnf writes them: "URI:urn:uuid:...,DNS:a" */
    const char *serial_hex;    /* the certificate's own number; NULL: 1a2b3c */
    const char *usage;         /* extendedKeyUsage; NULL: clientAuth */
    int64_t from_s, to_s;      /* 0: a year before and after 2026-06-01 */
};
enum { TEST_NOW_S = 1780272000 }; /* 2026-06-01 */
/* `der` and `key_pem` (may be NULL) are appended to. */
void test_client_make(const struct test_ca *issuer, const struct test_client *what, struct buf *der, struct buf *key_pem);
void test_pem_of(struct span der, struct buf *out);
/* A list of `ca` that revokes the numbers (hex), good from TEST_NOW_S - 1d until to_s; DER, or PEM. */
void test_list_make(const struct test_ca *ca, const char *const *revoked, size_t count, int64_t to_s, bool pem, struct buf *out);

#endif
