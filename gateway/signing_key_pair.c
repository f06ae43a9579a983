#include "gateway/signing_key_pair.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>

enum { COORDINATE_BYTES = 32, NUMBER_BYTES = 512, SIGNATURE_BYTES = 512, RSA_BITS = 2048, DER_BYTES = 4096 };
struct signing_key_pair { enum signing_algorithm algorithm; EVP_PKEY *key; };

static enum err_code failed(struct err *err, const char *what) { return err_set(err, ERR_INTERNAL, "signing key: libcrypto failed at %s", what); }

static enum err_code wrap(enum signing_algorithm a, EVP_PKEY *takes, struct signing_key_pair **out, struct err *err)
{
    struct signing_key_pair *p = malloc(sizeof *p);
    if (p == NULL) {
        EVP_PKEY_free(takes);
        return err_set(err, ERR_MEMORY, "signing key");
    }
    *p = (struct signing_key_pair){ a, takes };
    *out = p;
    return OK;
}

enum err_code signing_key_pair_new(enum signing_algorithm a, struct signing_key_pair **out, struct err *err)
{
    EVP_PKEY *key = a == SIGNING_ES256 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
    return key != NULL ? wrap(a, key, out, err) : failed(err, "making a key");
}

static bool is_of(const EVP_PKEY *key, enum signing_algorithm a)
{
    if (key == NULL)
        return false;
    return a == SIGNING_ES256 ? EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == 8 * COORDINATE_BYTES : EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS;
}

enum err_code signing_key_pair_from(enum signing_algorithm a, struct span der, struct signing_key_pair **out, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.at;
    EVP_PKEY *key = der.bytes <= DER_BYTES ? d2i_AutoPrivateKey(NULL, &at, (long)der.bytes) : NULL;
    if (is_of(key, a))
        return wrap(a, key, out, err);
    EVP_PKEY_free(key);
    return err_set(err, ERR_INPUT, "a stored signing key is not an %s key", signing_algorithm_name(a));
}

void signing_key_pair_free(struct signing_key_pair *p)
{
    if (p == NULL)
        return;
    EVP_PKEY_free(p->key);
    free(p);
}

void signing_key_pair_freep(struct signing_key_pair **p) { signing_key_pair_free(*p); }

struct evp_pkey_st *signing_key_pair_key(const struct signing_key_pair *p) { return p->key; }

enum err_code signing_key_pair_private(const struct signing_key_pair *p, struct buf *der, struct err *err)
{
    unsigned char *at = NULL;
    int bytes = i2d_PrivateKey(p->key, &at);
    if (bytes <= 0)
        return failed(err, "encoding a key");
    bool good = buf_append(der, span_make(at, (size_t)bytes));
    OPENSSL_clear_free(at, (size_t)bytes);
    return good ? OK : err_set(err, ERR_MEMORY, "signing key");
}

/* `width` 0: as long as the number is. */
static bool append_number(const EVP_PKEY *key, const char *name, int width, struct buf *out)
{
    unsigned char bytes[NUMBER_BYTES];
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= NUMBER_BYTES;
    int length = !good ? 0 : width > 0 ? width : BN_num_bytes(number);
    good = good && BN_bn2binpad(number, bytes, length) == length && secret_base64url(span_make(bytes, (size_t)length), out);
    BN_free(number);
    return good;
}

enum err_code signing_key_pair_public(const struct signing_key_pair *p, struct buf *first, struct buf *second, struct err *err)
{
    bool ec = p->algorithm == SIGNING_ES256;
    bool good = append_number(p->key, ec ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N, ec ? COORDINATE_BYTES : 0, first)
        && append_number(p->key, ec ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E, ec ? COORDINATE_BYTES : 0, second);
    return good ? OK : failed(err, "reading a public key");
}

/* libcrypto signs in DER (ECDSA-Sig-Value); JWS wants the two numbers bare. */
static bool append_ecdsa(const unsigned char *der, size_t bytes, struct buf *out)
{
    unsigned char raw[2 * COORDINATE_BYTES];
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)bytes);
    bool good = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE_BYTES) == COORDINATE_BYTES
        && BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE_BYTES, COORDINATE_BYTES) == COORDINATE_BYTES;
    ECDSA_SIG_free(signature);
    return good && buf_append(out, span_make(raw, sizeof raw));
}

enum err_code signing_key_pair_sign(const struct signing_key_pair *p, struct span data, struct buf *signature, struct err *err)
{
    unsigned char der[SIGNATURE_BYTES];
    size_t bytes = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, p->key, NULL) == 1
        && EVP_DigestSign(context, der, &bytes, (const unsigned char *)data.at, data.bytes) == 1;
    EVP_MD_CTX_free(context);
    if (good)
        good = p->algorithm == SIGNING_ES256 ? append_ecdsa(der, bytes, signature) : buf_append(signature, span_make(der, bytes));
    return good ? OK : failed(err, "signing");
}
