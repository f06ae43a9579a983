#include "gateway/okta_key.h"

#include "gateway/signing_key_pair.h"
#include "gateway/signing_ring.h"
#include "posture/base/to_json.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>

enum { PEM_BYTES = 16 * 1024, DER_BYTES = 4096, HEADER_BYTES = 1024, SIGNATURE_BYTES = 1024 };
struct okta_key {
    const struct node *node;
    struct signing_key_pair *pair;     /* NULL: the gateway's own */
    enum signing_algorithm algorithm;
    char id[OKTA_KEY_ID_BYTES];
};

/* Without a question for a passphrase, which nobody would answer. */
static int no_passphrase(char *at, int room, int writing, void *context)
{
    (void)at, (void)room, (void)writing, (void)context;
    return -1;
}

static enum err_code take_key(struct okta_key *k, EVP_PKEY *key, struct err *err)
{
    unsigned char *der = NULL;
    int bytes = key != NULL ? i2d_PrivateKey(key, &der) : 0;
    enum err_code code = bytes > 0 && bytes <= DER_BYTES ? OK : err_set(err, ERR_INPUT, "okta.key is no private key in PEM without a passphrase");
    k->algorithm = key != NULL && EVP_PKEY_is_a(key, "RSA") ? SIGNING_RS256 : SIGNING_ES256;
    if (code == OK && signing_key_pair_from(k->algorithm, span_make(der, (size_t)bytes), &k->pair, err) != OK)
        code = err_set(err, ERR_INPUT, "okta.key must be a key on P-256, or RSA of 2048 bits or more");
    if (bytes > 0)
        OPENSSL_clear_free(der, (size_t)bytes);
    return code;
}

static enum err_code read_pem(struct okta_key *k, struct span pem, struct err *err)
{
    BIO *text = pem.bytes <= PEM_BYTES ? BIO_new_mem_buf(pem.at, (int)pem.bytes) : NULL;
    EVP_PKEY *key = text != NULL ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;
    enum err_code code = take_key(k, key, err);
    EVP_PKEY_free(key);
    BIO_free(text);
    return code;
}

enum err_code okta_key_new(const struct node *node, struct span pem, struct span key_id, struct okta_key **out, struct err *err)
{
    if (key_id.bytes >= OKTA_KEY_ID_BYTES)
        return err_set(err, ERR_INPUT, "okta.key_id has at most %d bytes", OKTA_KEY_ID_BYTES - 1);
    struct okta_key *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_MEMORY, "okta.key");
    k->node = node;
    if (key_id.bytes > 0)
        memcpy(k->id, key_id.at, key_id.bytes);
    enum err_code code = span_empty(pem) ? OK : read_pem(k, pem, err);
    if (code != OK) {
        okta_key_free(k);
        return code;
    }
    *out = k;
    return OK;
}

void okta_key_free(struct okta_key *key)
{
    if (key == NULL)
        return;
    signing_key_pair_free(key->pair);
    free(key);
}

static bool append_header(const struct okta_key *k, struct buf *jwt)
{
    CLEANUP(buf_done) struct buf header;
    struct to_json w;
    buf_init(&header, HEADER_BYTES);
    to_json_init(&w, &header);
    to_json_object(&w);
    to_json_member_text(&w, "alg", span_of(signing_algorithm_name(k->algorithm)));
    to_json_member_text_if(&w, "kid", span_of(k->id));
    to_json_member_text(&w, "typ", SPAN_LITERAL("JWT"));
    to_json_end(&w);
    return !header.failed && secret_base64url(buf_span(&header), jwt);
}

enum err_code okta_key_sign(void *key, struct span claims, struct buf *jwt, struct err *err)
{
    const struct okta_key *k = key;
    CLEANUP(buf_done) struct buf signature;
    buf_init(&signature, SIGNATURE_BYTES);
    if (k->pair == NULL)
        return signing_sign_jwt(k->node, SIGNING_ES256, claims, SPAN_LITERAL("JWT"), jwt, err);
    size_t begin = jwt->bytes;
    bool good = append_header(k, jwt) && buf_append_byte(jwt, '.') && secret_base64url(claims, jwt);
    enum err_code code = good ? signing_key_pair_sign(k->pair, span_slice(buf_span(jwt), begin, jwt->bytes), &signature, err) : err_set(err, ERR_MEMORY, "an assertion");
    if (code == OK && !(buf_append_byte(jwt, '.') && secret_base64url(buf_span(&signature), jwt)))
        code = err_set(err, ERR_MEMORY, "an assertion");
    return code;
}
