#define ZLIB_CONST
#include "tests/support/saml_kit.h"

#include "posture/base/secret.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

enum { TEXT_BYTES = 4 * 1024 * 1024, HALF_BYTES = 32 };
struct saml_key { EVP_PKEY *key; struct buf pem, der; };

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "saml_kit: %s\n", what);
    abort();
}

static char *take(struct buf *b)
{
    const char *text = buf_text(b);
    char *copy = text != NULL ? strdup(text) : NULL;
    require(copy != NULL, "a text");
    buf_done(b);
    return copy;
}

/* ---- keys ---- */

static void certify(struct saml_key *key)
{
    X509 *c = X509_new();
    X509_NAME *name = c != NULL ? X509_get_subject_name(c) : NULL;
    unsigned char *der = NULL, *text = NULL;
    require(name != NULL && X509_set_version(c, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(c), 1) == 1 && X509_gmtime_adj(X509_getm_notBefore(c), -60) != NULL
                && X509_gmtime_adj(X509_getm_notAfter(c), 86400) != NULL && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0) == 1
                && X509_set_issuer_name(c, name) == 1 && X509_set_pubkey(c, key->key) == 1 && X509_sign(c, key->key, EVP_sha256()) > 0,
            "a certificate");
    int bytes = i2d_X509(c, &der);
    BIO *bio = BIO_new(BIO_s_mem());
    require(bytes > 0 && bio != NULL && PEM_write_bio_X509(bio, c) == 1, "a certificate");
    long length = BIO_get_mem_data(bio, &text);
    buf_init(&key->der, TEXT_BYTES);
    buf_init(&key->pem, TEXT_BYTES);
    require(buf_append(&key->der, span_make(der, (size_t)bytes)) && buf_append(&key->pem, span_make(text, (size_t)length)), "a certificate");
    OPENSSL_free(der);
    BIO_free(bio);
    X509_free(c);
}

struct saml_key *saml_key_new(const char *type, unsigned bits)
{
    struct saml_key *key = calloc(1, sizeof *key);
    require(key != NULL, "a key");
    key->key = strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits) : EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
    require(key->key != NULL, "a key");
    certify(key);
    return key;
}

void saml_key_free(struct saml_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    buf_done(&key->pem);
    buf_done(&key->der);
    free(key);
}

struct span saml_key_pem(const struct saml_key *key) { return buf_span(&key->pem); }
struct span saml_key_der(const struct saml_key *key) { return buf_span(&key->der); }

static void sign_with(const struct saml_key *key, const char *digest, struct span data, struct buf *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t bytes = (size_t)EVP_PKEY_get_size(key->key);
    require(buf_reserve(out, bytes), "a signature");
    require(EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key->key, NULL) == 1
                && EVP_DigestSign(context, (unsigned char *)out->at + out->bytes, &bytes, (const unsigned char *)data.at, data.bytes) == 1,
            "a signature");
    out->bytes += bytes;
    EVP_MD_CTX_free(context);
}

static enum err_code sign(const void *context, struct span data, struct buf *signature, struct err *err)
{
    (void)err;
    sign_with(context, "SHA256", data, signature);
    return OK;
}

struct saml_signer saml_key_signer(const struct saml_key *key) { return (struct saml_signer){ sign, key, saml_key_der(key) }; }

/* ---- signed XML ---- */

char *saml_kit_replace(const char *text, const char *find, const char *with)
{
    struct buf b;
    const char *at = strstr(text, find);
    require(at != NULL, find);
    buf_init(&b, TEXT_BYTES);
    buf_append(&b, span_make(text, (size_t)(at - text)));
    buf_append_text(&b, with);
    buf_append_text(&b, at + strlen(find));
    return take(&b);
}

char *saml_kit_signature(const struct saml_key *key, const char *canonical, const char *id)
{
    struct saml_signer signer = saml_key_signer(key);
    struct buf b;
    struct err err;
    buf_init(&b, TEXT_BYTES);
    require(saml_signature_write(&signer, span_of(id), span_of(canonical), &b, &err) == OK, "a signature");
    return take(&b);
}

char *saml_kit_sign(const struct saml_key *key, const char *xml, const char *id)
{
    char *canonical = saml_kit_replace(xml, "{signature}", ""), *signature = saml_kit_signature(key, canonical, id), *whole = saml_kit_replace(xml, "{signature}", signature);
    free(canonical);
    free(signature);
    return whole;
}

/* ---- packing ---- */

char *saml_kit_base64(struct span bytes)
{
    struct buf b;
    buf_init(&b, TEXT_BYTES);
    require(secret_base64(bytes, &b), "base64");
    return take(&b);
}

static void percent_encode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~')
            buf_append_byte(out, (char)c);
        else
            buf_format(out, "%%%02X", c);
    }
}

static void append_encoded(struct buf *out, struct span bytes)
{
    char *text = saml_kit_base64(bytes);
    percent_encode(span_of(text), out);
    free(text);
}

char *saml_kit_query(const char *xml, const char *relay)
{
    size_t room = compressBound(strlen(xml)) + 64;
    char *packed = malloc(room);
    z_stream z = { .next_in = (const Bytef *)(const void *)xml, .avail_in = (uInt)strlen(xml), .next_out = (Bytef *)(void *)packed, .avail_out = (uInt)room };
    struct buf b;
    require(packed != NULL && deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END, "deflate");
    buf_init(&b, TEXT_BYTES);
    buf_append_text(&b, "SAMLRequest=");
    append_encoded(&b, span_make(packed, room - z.avail_out));
    deflateEnd(&z);
    free(packed);
    if (relay != NULL) {
        buf_append_text(&b, "&RelayState=");
        percent_encode(span_of(relay), &b);
    }
    return take(&b);
}

static void bare_ecdsa(struct buf *der)
{
    const unsigned char *at = (const unsigned char *)der->at;
    unsigned char raw[2 * HALF_BYTES];
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der->bytes);
    require(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, HALF_BYTES) == HALF_BYTES && BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + HALF_BYTES, HALF_BYTES) == HALF_BYTES, "ECDSA");
    ECDSA_SIG_free(pair);
    buf_clear(der);
    buf_append(der, span_make(raw, sizeof raw));
}

char *saml_kit_signed_query(const char *query, const struct saml_key *key, const char *algorithm, const char *digest, bool raw_ecdsa)
{
    struct buf b, signature;
    buf_init(&b, TEXT_BYTES);
    buf_init(&signature, TEXT_BYTES);
    buf_append_text(&b, query);
    buf_append_text(&b, "&SigAlg=");
    percent_encode(span_of(algorithm), &b);
    sign_with(key, digest, buf_span(&b), &signature);
    if (raw_ecdsa)
        bare_ecdsa(&signature);
    buf_append_text(&b, "&Signature=");
    append_encoded(&b, buf_span(&signature));
    buf_done(&signature);
    return take(&b);
}

/* ---- the program xmlsec1 ---- */

static void put(const char *folder, const char *name, struct span bytes, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    require(f != NULL && fwrite(bytes.at, 1, bytes.bytes, f) == bytes.bytes && fclose(f) == 0, path);
}

static void put_private(const struct saml_key *key, const char *folder, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/key.pem", folder);
    FILE *f = fopen(path, "w");
    require(f != NULL && PEM_write_PrivateKey(f, key->key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0, path);
}

/* The exit status; what it says goes to `output`, or nowhere. */
static int run(const char *output, char *const *words)
{
    pid_t child = fork();
    int status = -1;
    require(child >= 0, "fork");
    if (child == 0) {
        if (freopen(output, "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
            _exit(127);
        execvp(words[0], words);
        _exit(127);
    }
    require(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 127, "xmlsec1 (package xmlsec1) must be there");
    return WEXITSTATUS(status);
}

struct desk { char folder[64], xml[PATH_MAX], pem[PATH_MAX], key[PATH_MAX], out[PATH_MAX]; };

static void desk_set(struct desk *d, const char *xml, const struct saml_key *key)
{
    strcpy(d->folder, "/tmp/saml_kit_XXXXXX");
    require(mkdtemp(d->folder) != NULL, "a folder");
    put(d->folder, "message.xml", span_of(xml), d->xml);
    put(d->folder, "certificate.pem", saml_key_pem(key), d->pem);
    put_private(key, d->folder, d->key);
    put(d->folder, "out.xml", SPAN_LITERAL(""), d->out);
}

static void desk_clear(struct desk *d)
{
    unlink(d->xml);
    unlink(d->pem);
    unlink(d->key);
    unlink(d->out);
    rmdir(d->folder);
}

bool saml_kit_judge(const char *xml, const char *element, const struct saml_key *key)
{
    struct desk d;
    char id[256];
    desk_set(&d, xml, key);
    snprintf(id, sizeof id, "--id-attr:ID");
    int status = run("/dev/null", (char *const[]){ "xmlsec1", "--verify", id, (char *)(uintptr_t)element, "--pubkey-cert-pem", d.pem, d.xml, NULL });
    desk_clear(&d);
    return status == 0;
}

char *saml_kit_stranger_signs(const char *template_xml, const char *element, const struct saml_key *key)
{
    struct desk d;
    struct buf b;
    desk_set(&d, template_xml, key);
    require(run(d.out, (char *const[]){ "xmlsec1", "--sign", "--id-attr:ID", (char *)(uintptr_t)element, "--privkey-pem", d.key, d.xml, NULL }) == 0, "xmlsec1 --sign");
    FILE *f = fopen(d.out, "r");
    char piece[4096];
    buf_init(&b, TEXT_BYTES);
    require(f != NULL, d.out);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_append(&b, span_make(piece, n));
    fclose(f);
    desk_clear(&d);
    return take(&b);
}
