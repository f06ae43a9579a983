#include "connectors/identity/webauthn_key.h"

#include "connectors/identity/cbor.h"
#include "connectors/identity/webauthn.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include <string.h>

/* COSE's labels: RFC 9052 section 7.1, RFC 9053 tables 19 and 20, RFC 8230 table 4. */
enum { LABEL_KIND = 1, LABEL_ALGORITHM = 3, LABEL_CURVE = -1, LABEL_X = -2, LABEL_Y = -3, LABEL_N = -1, LABEL_E = -2 };
enum { KIND_OKP = 1, KIND_EC2 = 2, KIND_RSA = 3, CURVE_P256 = 1, CURVE_ED25519 = 6, COORDINATE_BYTES = 32, RSA_LEAST_BYTES = 256, RSA_MOST_BYTES = 512,
       EXPONENT_MOST_BYTES = 4, CERTIFICATE_MOST = 16 * 1024, AAGUID_EXTENSION_BYTES = 18 /* an octet string inside of the octet string */ };

/* ---- reading ---- */

static enum err_code malformed(struct err *err) { return err_set(err, ERR_INPUT, "credential public key: its members are not those of its kind"); }

static bool has_int(const struct cbor *map, int64_t label, int64_t wanted)
{
    struct cbor value;
    return cbor_by_int(map, label, CBOR_INT, &value) && value.number == wanted;
}

static bool take_bytes(const struct cbor *map, int64_t label, size_t least, size_t most, struct span *out)
{
    struct cbor value;
    if (!cbor_by_int(map, label, CBOR_BYTES, &value) || value.bytes.bytes < least || value.bytes.bytes > most)
        return false;
    *out = value.bytes;
    return true;
}

static bool read_ec2(const struct cbor *map, struct webauthn_key_form *out)
{
    return map->count == 5 && has_int(map, LABEL_KIND, KIND_EC2) && has_int(map, LABEL_CURVE, CURVE_P256) &&
           take_bytes(map, LABEL_X, COORDINATE_BYTES, COORDINATE_BYTES, &out->first) && take_bytes(map, LABEL_Y, COORDINATE_BYTES, COORDINATE_BYTES, &out->second);
}

static bool read_okp(const struct cbor *map, struct webauthn_key_form *out)
{
    return map->count == 4 && has_int(map, LABEL_KIND, KIND_OKP) && has_int(map, LABEL_CURVE, CURVE_ED25519) &&
           take_bytes(map, LABEL_X, COORDINATE_BYTES, COORDINATE_BYTES, &out->first);
}

/* At least 2048 bits, written without a leading zero (RFC 8230); an exponent that is odd and not 1. */
static bool read_rsa(const struct cbor *map, struct webauthn_key_form *out)
{
    if (map->count != 4 || !has_int(map, LABEL_KIND, KIND_RSA) || !take_bytes(map, LABEL_N, RSA_LEAST_BYTES, RSA_MOST_BYTES, &out->first) ||
        !take_bytes(map, LABEL_E, 1, EXPONENT_MOST_BYTES, &out->second))
        return false;
    struct span n = out->first, e = out->second;
    bool long_enough = n.bytes > RSA_LEAST_BYTES ? n.at[0] != 0 : ((unsigned char)n.at[0] & 0x80) != 0, odd = (e.at[e.bytes - 1] & 1) != 0 && (n.at[n.bytes - 1] & 1) != 0;
    return long_enough && odd && e.at[0] != 0 && !(e.bytes == 1 && e.at[0] == 1);
}

enum err_code webauthn_key_read(struct span cose, struct webauthn_key_form *out, struct err *err)
{
    static const struct { int64_t algorithm; bool (*read)(const struct cbor *, struct webauthn_key_form *); } kinds[] = {
        { WEBAUTHN_ES256, read_ec2 }, { WEBAUTHN_EDDSA, read_okp }, { WEBAUTHN_RS256, read_rsa },
    };
    struct cbor map, algorithm;
    size_t used = 0;
    if (cose.bytes > WEBAUTHN_KEY_MOST)
        return err_set(err, ERR_LIMIT, "credential public key: it has %zu bytes", cose.bytes);
    enum err_code code = cbor_read(cose, "credential public key", &map, &used, err);
    if (code != OK)
        return code;
    if (used != cose.bytes || map.kind != CBOR_MAP || !cbor_by_int(&map, LABEL_ALGORITHM, CBOR_INT, &algorithm))
        return malformed(err);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct webauthn_key_form form = { .algorithm = algorithm.number };
        if (kinds[i].algorithm != algorithm.number)
            continue;
        if (!kinds[i].read(&map, &form))
            return malformed(err);
        *out = form;
        return OK;
    }
    return err_set(err, ERR_DENIED, "credential public key: algorithm %lld is not taken", (long long)algorithm.number);
}

/* ---- verifying ---- */

/* What belongs to one verification; freed together. */
struct work { EVP_PKEY *key; EVP_PKEY_CTX *context; OSSL_PARAM_BLD *build; OSSL_PARAM *params; BIGNUM *n, *e; X509 *certificate; EVP_MD_CTX *digest; };

static void work_done(struct work *w)
{
    EVP_MD_CTX_free(w->digest);
    X509_free(w->certificate);
    EVP_PKEY_free(w->key);
    EVP_PKEY_CTX_free(w->context);
    OSSL_PARAM_free(w->params);
    OSSL_PARAM_BLD_free(w->build);
    BN_free(w->n);
    BN_free(w->e);
    ERR_clear_error(); /* what a peer got wrong must not be read as somebody else's failure later */
}

static const unsigned char *bytes_of(struct span s) { return (const unsigned char *)s.at; }

static bool make_from(struct work *w, const char *kind)
{
    w->params = OSSL_PARAM_BLD_to_param(w->build);
    w->context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    return w->params != NULL && w->context != NULL && EVP_PKEY_fromdata_init(w->context) == 1 &&
           EVP_PKEY_fromdata(w->context, &w->key, EVP_PKEY_PUBLIC_KEY, w->params) == 1;
}

/* A point that is not on the curve would tell about nobody's secret here, but is no key either: public_check refuses it. */
static bool make_p256(struct work *w, const struct webauthn_key_form *form)
{
    unsigned char point[1 + 2 * COORDINATE_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
    memcpy(point + 1, form->first.at, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, form->second.at, COORDINATE_BYTES);
    if (OSSL_PARAM_BLD_push_utf8_string(w->build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(w->build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1 || !make_from(w, "EC"))
        return false;
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, w->key, NULL);
    bool good = check != NULL && EVP_PKEY_public_check(check) == 1;
    EVP_PKEY_CTX_free(check);
    return good;
}

static bool make_rsa(struct work *w, const struct webauthn_key_form *form)
{
    w->n = BN_bin2bn(bytes_of(form->first), (int)form->first.bytes, NULL);
    w->e = BN_bin2bn(bytes_of(form->second), (int)form->second.bytes, NULL);
    return w->n != NULL && w->e != NULL && OSSL_PARAM_BLD_push_BN(w->build, OSSL_PKEY_PARAM_RSA_N, w->n) == 1 &&
           OSSL_PARAM_BLD_push_BN(w->build, OSSL_PKEY_PARAM_RSA_E, w->e) == 1 && make_from(w, "RSA");
}

static bool make_key(struct work *w, const struct webauthn_key_form *form)
{
    w->build = OSSL_PARAM_BLD_new();
    if (form->algorithm == WEBAUTHN_EDDSA)
        w->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes_of(form->first), form->first.bytes);
    else if (w->build == NULL || !(form->algorithm == WEBAUTHN_ES256 ? make_p256(w, form) : make_rsa(w, form)))
        return false;
    return w->key != NULL;
}

/* RSA here is PKCS #1 v1.5, which is OpenSSL's default padding. Ed25519 takes no digest of its own. */
static bool is_signed(struct work *w, int64_t algorithm, struct span message, struct span signature)
{
    const EVP_MD *digest = algorithm == WEBAUTHN_EDDSA ? NULL : EVP_sha256();
    w->digest = EVP_MD_CTX_new();
    return w->digest != NULL && signature.bytes <= WEBAUTHN_SIGNATURE_MOST && EVP_DigestVerifyInit(w->digest, NULL, digest, NULL, w->key) == 1 &&
           EVP_DigestVerify(w->digest, bytes_of(signature), signature.bytes, bytes_of(message), message.bytes) == 1;
}

enum err_code webauthn_key_verify(const struct webauthn_key_form *key, struct span message, struct span signature, struct err *err)
{
    CLEANUP(work_done) struct work w = { 0 };
    if (!make_key(&w, key))
        return err_set(err, ERR_DENIED, "credential public key: it is not one");
    return is_signed(&w, key->algorithm, message, signature) ? OK : err_set(err, ERR_DENIED, "the signature is not the credential's");
}

/* ---- attestation certificates ---- */

static bool algorithm_fits(const EVP_PKEY *key, int64_t algorithm)
{
    static const struct { int64_t algorithm; const char *kind; } rows[] = { { WEBAUTHN_ES256, "EC" }, { WEBAUTHN_EDDSA, "ED25519" }, { WEBAUTHN_RS256, "RSA" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].algorithm == algorithm)
            return EVP_PKEY_is_a(key, rows[i].kind) == 1;
    return false;
}

static bool subject_has(const X509 *certificate, int nid, const char *wanted)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    const ASN1_STRING *text = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return text != NULL && (wanted == NULL || span_equal_text(span_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)), wanted));
}

/* id-fido-gen-ce-aaguid: when it is there it must agree, and not be critical. */
static bool aaguid_agrees(const X509 *certificate, struct span aaguid)
{
    ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
    int at = id == NULL ? -2 : X509_get_ext_by_OBJ(certificate, id, -1);
    ASN1_OBJECT_free(id);
    if (at < 0)
        return at == -1;
    X509_EXTENSION *extension = X509_get_ext(certificate, at);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    struct span der = span_make(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return X509_EXTENSION_get_critical(extension) == 0 && der.bytes == AAGUID_EXTENSION_BYTES && span_equal(span_slice(der, 2, der.bytes), aaguid) &&
           der.at[0] == V_ASN1_OCTET_STRING && der.at[1] == WEBAUTHN_AAGUID_BYTES;
}

static bool is_fit(X509 *certificate)
{
    BASIC_CONSTRAINTS *basic = X509_get_ext_d2i(certificate, NID_basic_constraints, NULL, NULL);
    bool leaf = basic != NULL && basic->ca == 0;
    BASIC_CONSTRAINTS_free(basic);
    return leaf && X509_get_version(certificate) == X509_VERSION_3 && subject_has(certificate, NID_countryName, NULL) &&
           subject_has(certificate, NID_organizationName, NULL) && subject_has(certificate, NID_organizationalUnitName, "Authenticator Attestation") &&
           subject_has(certificate, NID_commonName, NULL);
}

enum err_code webauthn_key_check_certificate(struct span der, struct span aaguid, int64_t algorithm, struct span message, struct span signature, struct err *err)
{
    CLEANUP(work_done) struct work w = { 0 };
    const unsigned char *at = bytes_of(der);
    if (der.bytes > CERTIFICATE_MOST)
        return err_set(err, ERR_LIMIT, "attestation certificate: it has %zu bytes", der.bytes);
    w.certificate = d2i_X509(NULL, &at, (long)der.bytes);
    if (w.certificate == NULL || at != bytes_of(der) + der.bytes)
        return err_set(err, ERR_INPUT, "attestation certificate: it is not one");
    if (!is_fit(w.certificate))
        return err_set(err, ERR_DENIED, "attestation certificate: it is not fit for this");
    if (!aaguid_agrees(w.certificate, aaguid))
        return err_set(err, ERR_DENIED, "attestation certificate: it is for another AAGUID");
    w.key = X509_get_pubkey(w.certificate);
    if (w.key == NULL || !algorithm_fits(w.key, algorithm) || !is_signed(&w, algorithm, message, signature))
        return err_set(err, ERR_DENIED, "the attestation is not signed by its certificate");
    return OK;
}
