#include "tests/support/token_maker.h"

#include "posture/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 64 * 1024, COORDINATE_BYTES = 32, NUMBER_BYTES = 2048, SIGNATURE_BYTES = 2048 };
struct token_key { enum token_key_kind kind; EVP_PKEY *key; };

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "token_maker: %s\n", what);
    abort();
}

static struct token_key *hold(enum token_key_kind kind, EVP_PKEY *pkey)
{
    struct token_key *key = malloc(sizeof *key);
    require(key != NULL && pkey != NULL, "making a key");
    *key = (struct token_key){ kind, pkey };
    return key;
}

struct token_key *token_key_new(enum token_key_kind kind, unsigned bits)
{
    return kind == TOKEN_KEY_EC ? token_key_curve("P-256") : hold(kind, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits));
}

struct token_key *token_key_curve(const char *name) { return hold(TOKEN_KEY_EC, EVP_PKEY_Q_keygen(NULL, NULL, "EC", name)); }

void token_key_free(struct token_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

static char *take(struct buf *text)
{
    const char *at = buf_text(text);
    require(at != NULL, "a text");
    char *copy = strdup(at);
    require(copy != NULL, "a text");
    buf_done(text);
    return copy;
}

static void number(const struct token_key *key, const char *name, struct buf *out)
{
    unsigned char bytes[NUMBER_BYTES];
    BIGNUM *n = NULL;
    require(EVP_PKEY_get_bn_param(key->key, name, &n) == 1, "a number of a key");
    int length = key->kind == TOKEN_KEY_EC && BN_num_bytes(n) < COORDINATE_BYTES ? COORDINATE_BYTES : BN_num_bytes(n);
    require(BN_bn2binpad(n, bytes, length) == length && secret_base64url(span_make(bytes, (size_t)length), out), "a number of a key");
    BN_free(n);
}

char *token_key_jwk(const struct token_key *key, const char *members)
{
    bool ec = key->kind == TOKEN_KEY_EC;
    struct buf text, first, second;
    buf_init(&text, TEXT_BYTES);
    buf_init(&first, TEXT_BYTES);
    buf_init(&second, TEXT_BYTES);
    number(key, ec ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N, &first);
    number(key, ec ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E, &second);
    buf_format(&text, ec ? "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s%s}" : "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s%s}", buf_text(&first), buf_text(&second),
               members[0] != '\0' ? "," : "", members);
    buf_done(&first);
    buf_done(&second);
    return take(&text);
}

char *token_key_set(const struct token_key *key, const char *kid)
{
    struct buf text;
    char member[512];
    snprintf(member, sizeof member, "\"kid\":\"%s\"", kid);
    char *jwk = token_key_jwk(key, member);
    buf_init(&text, TEXT_BYTES);
    buf_format(&text, "{\"keys\":[%s]}", jwk);
    free(jwk);
    return take(&text);
}

static void begin(struct buf *text, const char *header, const char *claims)
{
    buf_init(text, TEXT_BYTES);
    require(secret_base64url(span_of(header), text) && buf_append_byte(text, '.') && secret_base64url(span_of(claims), text), "a token");
}

static char *finish(struct buf *text, const void *signature, size_t bytes)
{
    require(buf_append_byte(text, '.') && secret_base64url(span_make(signature, bytes), text), "a token");
    return take(text);
}

static size_t raw_ecdsa(const unsigned char *der, size_t bytes, unsigned char *raw)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)bytes);
    require(signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE_BYTES) > 0 && BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE_BYTES, COORDINATE_BYTES) > 0,
            "a signature");
    ECDSA_SIG_free(signature);
    return 2 * COORDINATE_BYTES;
}

char *token_make(const struct token_key *key, bool pss, const char *header, const char *claims)
{
    struct buf text;
    unsigned char der[SIGNATURE_BYTES], raw[SIGNATURE_BYTES];
    size_t bytes = sizeof der;
    EVP_PKEY_CTX *settings = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    begin(&text, header, claims);
    require(EVP_DigestSignInit_ex(context, &settings, "SHA256", NULL, NULL, key->key, NULL) == 1, "signing");
    if (pss)
        require(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1, "signing");
    require(EVP_DigestSign(context, der, &bytes, (const unsigned char *)text.at, text.bytes) == 1, "signing");
    EVP_MD_CTX_free(context);
    if (key->kind == TOKEN_KEY_EC && EVP_PKEY_get_bits(key->key) == 8 * COORDINATE_BYTES)
        return finish(&text, raw, raw_ecdsa(der, bytes, raw));
    return finish(&text, der, bytes);
}

char *token_make_signed(const char *header, const char *claims, const void *signature, size_t bytes)
{
    struct buf text;
    begin(&text, header, claims);
    return finish(&text, signature, bytes);
}

char *token_make_hmac(const char *secret, const char *header, const char *claims)
{
    struct buf text;
    uint8_t mac[SECRET_HASH_BYTES];
    begin(&text, header, claims);
    secret_hmac(span_of(secret), buf_span(&text), mac);
    return finish(&text, mac, sizeof mac);
}
