#include "tests/support/authenticator.h"

#include "posture/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { RSA_BITS = 2048, COORDINATE = 32, RSA_BYTES = 256, DATA_MOST = 16 * 1024 };
enum major { MAJOR_UNSIGNED, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP };

/* ---- CBOR, RFC 8949 section 3 ---- */

static void put_head(struct buf *out, enum major major, size_t number)
{
    size_t follow = number < 24 ? 0 : number < 0x100 ? 1 : 2;
    buf_append_byte(out, (char)((unsigned)major << 5 | (follow == 0 ? number : follow == 1 ? 24u : 25u)));
    for (size_t i = follow; i > 0; i--)
        buf_append_byte(out, (char)(number >> 8 * (i - 1)));
}

static void put_int(struct buf *out, int n) { put_head(out, n < 0 ? MAJOR_NEGATIVE : MAJOR_UNSIGNED, (size_t)(n < 0 ? -1 - n : n)); }

static void put_string(struct buf *out, enum major major, struct span s)
{
    put_head(out, major, s.bytes);
    buf_append(out, s);
}

/* ---- keys ---- */

static EVP_PKEY *make_key(int algorithm)
{
    EVP_PKEY *key = algorithm == WEBAUTHN_RS256 ? EVP_RSA_gen(RSA_BITS) : algorithm == WEBAUTHN_EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

void authenticator_init(struct authenticator *a, int algorithm)
{
    *a = (struct authenticator){ .algorithm = algorithm, .key = make_key(algorithm), .id_bytes = 32, .flags = AUTHENTICATOR_PRESENT | AUTHENTICATOR_VERIFIED };
    secret_random(a->id, sizeof a->id);
    secret_random(a->aaguid, sizeof a->aaguid);
}

void authenticator_done(struct authenticator *a)
{
    EVP_PKEY_free(a->key);
    a->key = NULL;
}

static void put_number(struct buf *out, const EVP_PKEY *key, const char *name, size_t bytes)
{
    unsigned char room[RSA_BYTES];
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    size_t wanted = bytes > 0 ? bytes : (size_t)BN_num_bytes(n);
    assert_true(wanted <= sizeof room && BN_bn2binpad(n, room, (int)wanted) > 0);
    put_string(out, MAJOR_BYTES, span_make(room, wanted));
    BN_free(n);
}

static void put_key(struct buf *out, const struct authenticator *a)
{
    unsigned char raw[COORDINATE];
    size_t raw_bytes = sizeof raw;
    put_head(out, MAJOR_MAP, a->algorithm == WEBAUTHN_ES256 ? 5 : 4);
    put_int(out, 1);
    put_int(out, a->algorithm == WEBAUTHN_RS256 ? 3 : a->algorithm == WEBAUTHN_ES256 ? 2 : 1);
    put_int(out, 3);
    put_int(out, a->algorithm);
    put_int(out, -1);
    if (a->algorithm == WEBAUTHN_RS256) {
        put_number(out, a->key, OSSL_PKEY_PARAM_RSA_N, RSA_BYTES);
        put_int(out, -2);
        put_number(out, a->key, OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (a->algorithm == WEBAUTHN_ES256) {
        put_int(out, 1);
        put_int(out, -2);
        put_number(out, a->key, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE);
        put_int(out, -3);
        put_number(out, a->key, OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE);
    } else {
        put_int(out, 6);
        put_int(out, -2);
        assert_int_equal(EVP_PKEY_get_raw_public_key(a->key, raw, &raw_bytes), 1);
        put_string(out, MAJOR_BYTES, span_make(raw, raw_bytes));
    }
}

static void put_hex(struct buf *out, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0'; i += 2) {
        char pair[3] = { hex[i], hex[i + 1], '\0' };
        buf_append_byte(out, (char)strtol(pair, NULL, 16));
    }
}

/* ---- the two halves of what is signed ---- */

static void put_client_data(const struct authenticator_asked *asked, const char *type, struct buf *out)
{
    if (asked->client_data != NULL)
        buf_append_text(out, asked->client_data);
    else
        buf_format(out, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}", asked->type != NULL ? asked->type : type, asked->challenge, asked->origin,
                   asked->more != NULL ? asked->more : ",\"crossOrigin\":false");
}

static void put_data(const struct authenticator *a, const struct authenticator_asked *asked, bool attested, struct buf *out)
{
    uint8_t hash[SECRET_HASH_BYTES];
    unsigned flags = (a->flags | asked->set_flags | (attested ? AUTHENTICATOR_ATTESTED : 0)) & ~asked->clear_flags;
    secret_sha256(span_of(asked->rp_id), hash);
    buf_append(out, span_make(hash, sizeof hash));
    buf_append_byte(out, (char)flags);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_append_byte(out, (char)(a->counter >> shift));
    if (attested) {
        buf_append(out, span_make(a->aaguid, sizeof a->aaguid));
        buf_append_byte(out, (char)(a->id_bytes >> 8));
        buf_append_byte(out, (char)a->id_bytes);
        buf_append(out, span_make(a->id, a->id_bytes));
        if (asked->key_hex != NULL)
            put_hex(out, asked->key_hex);
        else
            put_key(out, a);
    }
    buf_append(out, asked->tail);
    assert_true(!out->failed && asked->cut_data <= out->bytes);
    out->bytes -= asked->cut_data;
}

static void sign(EVP_PKEY *key, int algorithm, struct span data, struct span client_data, struct buf *out)
{
    unsigned char signature[1024], hash[SECRET_HASH_BYTES];
    size_t bytes = sizeof signature;
    struct buf message;
    buf_init(&message, DATA_MOST);
    secret_sha256(client_data, hash);
    buf_append(&message, data);
    buf_append(&message, span_make(hash, sizeof hash));
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(c, NULL, algorithm == WEBAUTHN_EDDSA ? NULL : EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(c, signature, &bytes, (const unsigned char *)message.at, message.bytes), 1);
    buf_append(out, span_make(signature, bytes));
    EVP_MD_CTX_free(c);
    buf_done(&message);
}

static void sign_as_asked(const struct authenticator_asked *asked, EVP_PKEY *key, int algorithm, struct span data, struct span client_data, struct buf *out)
{
    EVP_PKEY *foreign = asked->foreign_signature ? make_key(algorithm) : NULL;
    sign(foreign != NULL ? foreign : key, algorithm, data, client_data, out);
    if (asked->spoil_signature)
        out->at[out->bytes - 1] ^= 1;
    EVP_PKEY_free(foreign);
}

/* ---- attestation ---- */

static void add_extension(X509 *certificate, const char *name, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf(NULL, NULL, name, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void put_certificate(const struct authenticator *a, const struct authenticator_asked *asked, EVP_PKEY *key, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    char aaguid[sizeof "DER:0410" + 2 * WEBAUTHN_AAGUID_BYTES] = "DER:0410";
    for (size_t i = 0; i < WEBAUTHN_AAGUID_BYTES; i++) {
        aaguid[8 + 2 * i] = hex[a->aaguid[i] >> 4];
        aaguid[9 + 2 * i] = hex[(a->aaguid[i] & 15) ^ (asked->certificate_of_another_aaguid ? 1 : 0)];
    }
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    const char *const subject[][2] = { { "C", "SE" }, { "O", "Maker" }, { "OU", asked->subject_unit != NULL ? asked->subject_unit : "Authenticator Attestation" }, { "CN", "Model" } };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, subject[i][0], MBSTRING_ASC, (const unsigned char *)subject[i][1], -1, -1, 0), 1);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3) & X509_set_issuer_name(certificate, name) & X509_set_pubkey(certificate, key), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    add_extension(certificate, "basicConstraints", asked->certificate_is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, "1.3.6.1.4.1.45724.1.1.4", aaguid);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int bytes = i2d_X509(certificate, &der);
    assert_true(bytes > 0);
    put_string(out, MAJOR_BYTES, span_make(der, (size_t)bytes));
    OPENSSL_free(der);
    X509_free(certificate);
}

static void put_packed(const struct authenticator *a, const struct authenticator_asked *asked, bool with_certificate, struct span data, struct span client_data, struct buf *out)
{
    EVP_PKEY *maker = with_certificate ? make_key(WEBAUTHN_ES256) : NULL;
    int algorithm = with_certificate ? WEBAUTHN_ES256 : a->algorithm;
    struct buf signature;
    buf_init(&signature, DATA_MOST);
    sign_as_asked(asked, maker != NULL ? maker : a->key, algorithm, data, client_data, &signature);
    put_head(out, MAJOR_MAP, with_certificate ? 3 : 2);
    put_string(out, MAJOR_TEXT, SPAN_LITERAL("alg"));
    put_int(out, asked->statement_algorithm != 0 ? asked->statement_algorithm : algorithm);
    put_string(out, MAJOR_TEXT, SPAN_LITERAL("sig"));
    put_string(out, MAJOR_BYTES, buf_span(&signature));
    if (with_certificate) {
        put_string(out, MAJOR_TEXT, SPAN_LITERAL("x5c"));
        put_head(out, MAJOR_ARRAY, 1);
        put_certificate(a, asked, maker, out);
    }
    EVP_PKEY_free(maker);
    buf_done(&signature);
}

/* ---- the two ceremonies ---- */

void authenticator_create(struct authenticator *a, const struct authenticator_asked *asked, struct buf *client_data, struct buf *attestation_object)
{
    struct buf data;
    struct span format = span_of(asked->format != NULL ? asked->format : "none");
    bool self = span_equal_text(format, "packed"), by_maker = span_equal_text(format, "packed-x5c");
    buf_init(&data, DATA_MOST);
    put_client_data(asked, "webauthn.create", client_data);
    put_data(a, asked, true, &data);
    put_head(attestation_object, MAJOR_MAP, 3);
    put_string(attestation_object, MAJOR_TEXT, SPAN_LITERAL("fmt"));
    put_string(attestation_object, MAJOR_TEXT, by_maker ? SPAN_LITERAL("packed") : format);
    put_string(attestation_object, MAJOR_TEXT, SPAN_LITERAL("attStmt"));
    if (self || by_maker)
        put_packed(a, asked, by_maker, buf_span(&data), buf_span(client_data), attestation_object);
    else
        put_head(attestation_object, MAJOR_MAP, 0);
    put_string(attestation_object, MAJOR_TEXT, SPAN_LITERAL("authData"));
    put_string(attestation_object, MAJOR_BYTES, buf_span(&data));
    assert_false(attestation_object->failed || client_data->failed);
    buf_done(&data);
}

void authenticator_get(struct authenticator *a, const struct authenticator_asked *asked, struct buf *client_data, struct buf *data, struct buf *signature)
{
    put_client_data(asked, "webauthn.get", client_data);
    put_data(a, asked, false, data);
    sign_as_asked(asked, a->key, a->algorithm, buf_span(data), buf_span(client_data), signature);
    assert_false(client_data->failed || data->failed || signature->failed);
}
