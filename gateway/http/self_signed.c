#include "gateway/http/self_signed.h"

#include "posture/base/file.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdio.h>

enum { PATH_BYTES = 1024, PEM_BYTES = 64 * 1024, HOST_BYTES = 254, SAN_BYTES = 512, SERIAL_BYTES = 16, DAY_S = 86400, CLOCK_SKEW_S = 3600 };

/* What belongs to one attempt; freed together. */
struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static void pair_done(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

/* ---- the name it is for ---- */

static void host_of(struct span url, char host[HOST_BYTES])
{
    size_t scheme = span_search(url, SPAN_LITERAL("://"));
    struct span rest = scheme < url.bytes ? span_slice(url, scheme + 3, url.bytes) : url, name;
    rest = span_slice(rest, 0, span_find(rest, '/'));
    if (!span_empty(rest) && rest.at[0] == '[')
        name = span_slice(rest, 1, span_find(rest, ']') - 1);
    else
        name = span_slice(rest, 0, span_find(rest, ':'));
    bool plain = name.bytes > 0 && name.bytes < HOST_BYTES;
    for (size_t i = 0; i < name.bytes; i++) /* it goes into a list that is cut at commas */
        plain = plain && name.at[i] > ' ' && name.at[i] < 0x7f && name.at[i] != ',';
    snprintf(host, HOST_BYTES, "%.*s", SPAN_ARGS(plain ? name : SPAN_LITERAL("localhost")));
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* ---- the one that is there ---- */

static bool read_pair(const struct buf *certificate, const struct buf *key, struct pair *out)
{
    BIO *cert_text = BIO_new_mem_buf(certificate->at, (int)certificate->bytes), *key_text = BIO_new_mem_buf(key->at, (int)key->bytes);
    if (cert_text != NULL && key_text != NULL) {
        out->certificate = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
        out->key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    }
    BIO_free(cert_text);
    BIO_free(key_text);
    return out->certificate != NULL && out->key != NULL;
}

static bool lasts(const X509 *certificate, int64_t now_s)
{
    time_t from = (time_t)now_s, until = (time_t)(now_s + SELF_SIGNED_RENEW_DAYS * DAY_S);
    return X509_cmp_time(X509_get0_notBefore(certificate), &from) < 0 && X509_cmp_time(X509_get0_notAfter(certificate), &until) > 0;
}

static bool still_good(const struct buf *certificate, const struct buf *key, const char *host, int64_t now_s)
{
    CLEANUP(pair_done) struct pair p = { 0 };
    if (!read_pair(certificate, key, &p) || X509_check_private_key(p.certificate, p.key) != 1 || !lasts(p.certificate, now_s))
        return false;
    return (is_address(host) ? X509_check_ip_asc(p.certificate, host, 0) : X509_check_host(p.certificate, host, 0, 0, NULL)) == 1;
}

/* ---- a new one ---- */

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive and not short (RFC 5280 section 4.1.2.2) */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_validity(X509 *certificate, int64_t now_s)
{
    time_t now = (time_t)now_s;
    return ASN1_TIME_adj(X509_getm_notBefore(certificate), now, 0, -CLOCK_SKEW_S) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(certificate), now, SELF_SIGNED_DAYS, -CLOCK_SKEW_S) != NULL;
}

static bool set_names(X509 *certificate, const char *host)
{
    char names[SAN_BYTES];
    const unsigned char common[] = "postern"; /* the name itself is in the alternatives, where every client looks */
    X509_NAME *subject = X509_get_subject_name(certificate);
    snprintf(names, sizeof names, "%s:%s,DNS:localhost,IP:127.0.0.1,IP:::1", is_address(host) ? "IP" : "DNS", host);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common, -1, -1, 0) == 1 && X509_set_issuer_name(certificate, subject) == 1 &&
           add_extension(certificate, NID_subject_alt_name, names);
}

/* CA:TRUE, because some clients (osquery among them) are given this very certificate as the trust anchor. */
static bool set_uses(X509 *certificate)
{
    return add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") && add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash");
}

static bool make_pair(const char *host, int64_t now_s, struct pair *p)
{
    p->key = EVP_EC_gen("P-256");
    p->certificate = X509_new();
    return p->key != NULL && p->certificate != NULL && X509_set_version(p->certificate, X509_VERSION_3) == 1 && set_serial(p->certificate) &&
           set_validity(p->certificate, now_s) && X509_set_pubkey(p->certificate, p->key) == 1 && set_names(p->certificate, host) && set_uses(p->certificate) &&
           X509_sign(p->certificate, p->key, EVP_sha256()) > 0;
}

static bool take_text(BIO *bio, struct buf *out)
{
    char *text;
    long bytes = BIO_get_mem_data(bio, &text);
    return bytes > 0 && buf_append(out, span_make(text, (size_t)bytes));
}

static bool write_pair(const struct pair *p, struct buf *certificate, struct buf *key)
{
    BIO *cert_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_secmem());
    bool written = cert_text != NULL && key_text != NULL && PEM_write_bio_X509(cert_text, p->certificate) == 1 &&
                   PEM_write_bio_PKCS8PrivateKey(key_text, p->key, NULL, NULL, 0, NULL, NULL) == 1 && take_text(cert_text, certificate) && take_text(key_text, key);
    BIO_free(cert_text);
    BIO_free(key_text);
    return written;
}

static enum err_code make(const char *host, int64_t now_s, struct buf *certificate, struct buf *key, struct err *err)
{
    CLEANUP(pair_done) struct pair p = { 0 };
    if (!make_pair(host, now_s, &p) || !write_pair(&p, certificate, key))
        return err_set(err, ERR_INTERNAL, "making a certificate for %s", host);
    return OK;
}

/* ---- load ---- */

struct paths { char certificate[PATH_BYTES], key[PATH_BYTES]; };

static bool read_files(const struct paths *paths, struct buf *certificate, struct buf *key)
{
    struct err err;
    return file_read(paths->certificate, PEM_BYTES, certificate, &err) == OK && file_read(paths->key, PEM_BYTES, key, &err) == OK;
}

/* The key first: a crash between the two leaves a pair that does not match, which the next start replaces. */
static enum err_code write_files(const struct paths *paths, const struct buf *certificate, const struct buf *key, struct err *err)
{
    enum err_code code = file_write_private(paths->key, buf_span(key), err);
    return code == OK ? file_write_private(paths->certificate, buf_span(certificate), err) : code;
}

enum err_code self_signed_load(struct span state, struct span public_url, int64_t now_s, struct buf *certificate, struct buf *key, struct err *err)
{
    CLEANUP(buf_done) struct buf cert;
    CLEANUP(buf_wipe) struct buf secret;
    struct paths paths;
    char host[HOST_BYTES];
    buf_init(&cert, PEM_BYTES);
    buf_init(&secret, PEM_BYTES);
    host_of(public_url, host);
    if (state.bytes + sizeof "/self-signed.crt" > PATH_BYTES)
        return err_set(err, ERR_LIMIT, "the path of the state folder is too long");
    snprintf(paths.certificate, sizeof paths.certificate, "%.*s/self-signed.crt", SPAN_ARGS(state));
    snprintf(paths.key, sizeof paths.key, "%.*s/self-signed.key", SPAN_ARGS(state));
    if (!read_files(&paths, &cert, &secret) || !still_good(&cert, &secret, host, now_s)) {
        buf_clear(&cert);
        buf_clear(&secret);
        enum err_code code = make(host, now_s, &cert, &secret, err);
        if (code == OK)
            code = write_files(&paths, &cert, &secret, err);
        if (code != OK)
            return err_wrap(err, "the server's own certificate");
    }
    if (!buf_append(certificate, buf_span(&cert)) || !buf_append(key, buf_span(&secret)))
        return err_set(err, ERR_MEMORY, "the server's own certificate");
    return OK;
}
