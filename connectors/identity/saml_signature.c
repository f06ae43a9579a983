#include "connectors/identity/saml_signature_parts.h"

#include "posture/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits.h>
#include <string.h>

enum { EC_BITS = 256, EC_RAW_BYTES = 64 };

static void key_freep(EVP_PKEY **key) { EVP_PKEY_free(*key); }

/* ---- the keys of others ---- */

EVP_PKEY *saml_certificate_key(struct span pem)
{
    BIO *bio = pem.bytes <= INT_MAX ? BIO_new_mem_buf(pem.at, (int)pem.bytes) : NULL;
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    BIO_free(bio);
    if (key != NULL && !(EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= SAML_RSA_BITS) && !(EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == EC_BITS)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

enum err_code saml_signature_foreign(struct err *err) { return err_set(err, ERR_DENIED, "the signature is not from a certificate of this door"); }

/* ---- the detached signature of a query ---- */

/* XML Signature has r and s bare, 32 bytes each (RFC 4050 section 3.3); half the peers send what their library gives, DER. */
static bool ecdsa_der(struct span raw, struct buf *out)
{
    const unsigned char *at = (const unsigned char *)raw.at;
    unsigned char *der = NULL;
    if (raw.bytes != EC_RAW_BYTES)
        return buf_append(out, raw);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(at, EC_RAW_BYTES / 2, NULL), *s = BN_bin2bn(at + EC_RAW_BYTES / 2, EC_RAW_BYTES / 2, NULL);
    bool good = pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1;
    if (!good) {
        BN_free(r);
        BN_free(s);
    }
    int bytes = good ? i2d_ECDSA_SIG(pair, &der) : 0;
    good = bytes > 0 && buf_append(out, span_make(der, (size_t)bytes));
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return good;
}

static bool verifies(EVP_PKEY *key, const struct saml_algorithm *a, struct span octets, struct span signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestVerifyInit_ex(context, NULL, a->digest, NULL, NULL, key, NULL) == 1
        && EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.bytes, (const unsigned char *)octets.at, octets.bytes) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum err_code saml_signature_verify_query(const struct saml_trust *trust, struct span octets, struct span algorithm, struct span signature, struct err *err)
{
    const struct saml_algorithm *a = saml_algorithm_find(algorithm, trust->sha1);
    CLEANUP(buf_done) struct buf der;
    buf_init(&der, SAML_SIGNATURE_BYTES);
    if (a == NULL)
        return err_set(err, ERR_INPUT, "the signature uses an algorithm that is not taken here");
    bool ec = strcmp(a->key, "EC") == 0;
    if (ec ? !ecdsa_der(signature, &der) : !buf_append(&der, signature))
        return err_set(err, ERR_INPUT, "the signature is longer than %d bytes", SAML_SIGNATURE_BYTES);
    for (size_t i = 0; i < trust->count; i++) {
        CLEANUP(key_freep) EVP_PKEY *key = saml_certificate_key(trust->certificates[i]);
        if (key != NULL && EVP_PKEY_is_a(key, a->key) && verifies(key, a, octets, buf_span(&der)))
            return OK;
    }
    return saml_signature_foreign(err);
}

/* ---- ours ---- */

#define INFO_OPEN "<ds:SignedInfo>"
#define INFO_CANONICAL "<ds:SignedInfo xmlns:ds=\"" SAML_NS_SIGNATURE "\">" /* alone, it has to name its namespace */
#define INFO_METHODS \
    "<ds:CanonicalizationMethod Algorithm=\"" SAML_NS_EXC_C14N "\"></ds:CanonicalizationMethod>" \
    "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod>"
#define INFO_TRANSFORMS \
    "<ds:Transforms><ds:Transform Algorithm=\"" SAML_NS_SIGNATURE "enveloped-signature\"></ds:Transform>" \
    "<ds:Transform Algorithm=\"" SAML_NS_EXC_C14N "\"></ds:Transform></ds:Transforms>" \
    "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>"

static void write_info(struct buf *out, const char *open, struct span id, struct span digest)
{
    buf_append_text(out, open);
    buf_append_text(out, INFO_METHODS "<ds:Reference URI=\"#");
    buf_append(out, id);
    buf_append_text(out, "\">" INFO_TRANSFORMS "<ds:DigestValue>");
    secret_base64(digest, out);
    buf_append_text(out, "</ds:DigestValue></ds:Reference></ds:SignedInfo>");
}

enum err_code saml_signature_write(const struct saml_signer *signer, struct span id, struct span canonical, struct buf *out, struct err *err)
{
    uint8_t hash[SECRET_HASH_BYTES];
    CLEANUP(buf_done) struct buf info, signature;
    buf_init(&info, SAML_SIGNATURE_BYTES);
    buf_init(&signature, SAML_SIGNATURE_BYTES);
    secret_sha256(canonical, hash);
    struct span digest = span_make(hash, sizeof hash);
    write_info(&info, INFO_CANONICAL, id, digest);
    enum err_code code = buf_check(&info, "signing", err);
    if (code == OK)
        code = signer->sign(signer->context, buf_span(&info), &signature, err);
    if (code != OK)
        return code;
    buf_append_text(out, "<ds:Signature xmlns:ds=\"" SAML_NS_SIGNATURE "\">");
    write_info(out, INFO_OPEN, id, digest);
    buf_append_text(out, "<ds:SignatureValue>");
    secret_base64(buf_span(&signature), out);
    buf_append_text(out, "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>");
    secret_base64(signer->certificate, out);
    buf_append_text(out, "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>");
    return buf_check(out, "signing", err);
}
