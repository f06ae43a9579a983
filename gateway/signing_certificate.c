#include "gateway/signing_certificate.h"

#include <openssl/x509v3.h>

enum { SERIAL_BYTES = 16, NAME_BYTES = 16, CLOCK_SKEW_S = 3600 };

/* From the kid, so that it is the same everywhere; positive and not short (RFC 5280 section 4.1.2.2). */
static bool set_serial(X509 *certificate, struct span kid)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(kid, hash);
    hash[0] = (uint8_t)((hash[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(hash, SERIAL_BYTES, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_names(X509 *certificate, struct span kid)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    CLEANUP(buf_done) struct buf name;
    buf_init(&name, 64);
    return buf_format(&name, "postern signing key %.*s", SPAN_ARGS(span_slice(kid, 0, NAME_BYTES))) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name.at, (int)name.bytes, -1, 0) == 1 && X509_set_issuer_name(certificate, subject) == 1;
}

static bool set_validity(X509 *certificate, int64_t created_s)
{
    time_t created = (time_t)created_s;
    return ASN1_TIME_adj(X509_getm_notBefore(certificate), created, 0, -CLOCK_SKEW_S) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(certificate), created, SIGNING_CERTIFICATE_DAYS, -CLOCK_SKEW_S) != NULL;
}

static bool set_use(X509 *certificate)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature");
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool take_der(X509 *certificate, struct buf *der)
{
    unsigned char *at = NULL;
    int bytes = i2d_X509(certificate, &at);
    bool good = bytes > 0 && buf_append(der, span_make(at, (size_t)bytes));
    OPENSSL_free(at);
    return good;
}

enum err_code signing_certificate_make(const struct signing_key_pair *pair, struct span kid, int64_t created_s, struct buf *der, struct err *err)
{
    EVP_PKEY *key = signing_key_pair_key(pair);
    X509 *certificate = X509_new();
    bool good = certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate, kid) && set_validity(certificate, created_s) &&
                set_names(certificate, kid) && X509_set_pubkey(certificate, key) == 1 && set_use(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0 && take_der(certificate, der);
    X509_free(certificate);
    return good ? OK : err_set(err, ERR_INTERNAL, "making the certificate of a signing key");
}
