#include "posture/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a sealed text holds, in this order; NIST SP 800-38D section 8.2.2 for the random 96-bit nonce. */
enum { SEAL_VERSION = 1, VERSION_BYTES = 1, NONCE_BYTES = 12, TAG_BYTES = 16 };
enum { SEAL_FRAME_BYTES = VERSION_BYTES + NONCE_BYTES + TAG_BYTES };

/* Algorithms are fetched once and never change afterwards, so every thread may use them; looking one up for each call
 * costs twice the time of a hash and takes a lock. */
static struct {
    EVP_MD *sha256;
    EVP_MAC *hmac;
} fetched;

static void fetch(void)
{
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

static void fetch_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
}

/* For functions that cannot fail unless memory or the library is gone: nothing that follows a missing random number,
 * hash or MAC would be safe, and an answer made up in its place would be worse than a restart. */
static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "secret: %s failed, cannot go on\n", what);
    abort();
}

static void require(bool done, const char *what)
{
    if (!done)
        give_up(what);
}

/* OpenSSL takes NULL for "not given", also when the length is 0. */
static const unsigned char *bytes_of(struct span s)
{
    return (const unsigned char *)(s.bytes == 0 ? "" : s.at);
}

void secret_wipe(void *at, size_t bytes)
{
    if (at != NULL)
        OPENSSL_cleanse(at, bytes);
}

void secret_free(void *at, size_t bytes)
{
    secret_wipe(at, bytes);
    free(at);
}

void secret_random(void *at, size_t bytes)
{
    unsigned char *next = at;
    while (bytes > 0) {
        int piece = bytes > INT_MAX ? INT_MAX : (int)bytes;
        require(RAND_bytes(next, piece) == 1, "random number generator");
        next += piece;
        bytes -= (size_t)piece;
    }
}

/* RFC 4648 sections 4 and 5; the base32 alphabet is section 6 in lower case. */
static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_letters[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Every alphabet's size is a power of two, so masking a random byte prefers no letter. */
static void random_letters(char *at, size_t count, const char *letters, unsigned char mask)
{
    secret_random(at, count);
    for (size_t i = 0; i < count; i++)
        at[i] = letters[(unsigned char)at[i] & mask];
}

void secret_random_text(char *at, size_t bytes)
{
    random_letters(at, bytes, base64url_letters, 63);
}

void secret_new_id(char prefix, char id[SECRET_ID_BYTES + 1])
{
    id[0] = prefix;
    id[1] = '_';
    random_letters(id + 2, SECRET_ID_BYTES - 2, base32_letters, 31);
    id[SECRET_ID_BYTES] = '\0';
}

bool secret_is_id(struct span text, char prefix)
{
    if (text.bytes != SECRET_ID_BYTES || text.at[0] != prefix || text.at[1] != '_')
        return false;
    for (size_t i = 2; i < text.bytes; i++)
        if (text.at[i] == '\0' || strchr(base32_letters, text.at[i]) == NULL)
            return false;
    return true;
}

void secret_sha256(struct span data, uint8_t hash[SECRET_HASH_BYTES])
{
    fetch_once();
    require(EVP_Digest(bytes_of(data), data.bytes, hash, NULL, fetched.sha256, NULL) == 1, "SHA-256");
}

void secret_sha256_hex(struct span data, char hex[SECRET_HEX_BYTES + 1])
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(data, hash);
    secret_hex(hash, sizeof hash, hex);
}

/* NULL when the key was not taken. */
static EVP_MAC_CTX *hmac_context(struct span key)
{
    fetch_once();
    char digest[] = "SHA256";
    OSSL_PARAM settings[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
    EVP_MAC_CTX *context = fetched.hmac == NULL ? NULL : EVP_MAC_CTX_new(fetched.hmac);
    if (context != NULL && EVP_MAC_init(context, bytes_of(key), key.bytes, settings) == 1)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

/* Takes `context`. */
static void finish_hmac(EVP_MAC_CTX *context, struct span data, uint8_t mac[SECRET_HASH_BYTES])
{
    size_t bytes = 0;
    bool done = context != NULL && EVP_MAC_update(context, bytes_of(data), data.bytes) == 1
        && EVP_MAC_final(context, mac, &bytes, SECRET_HASH_BYTES) == 1 && bytes == SECRET_HASH_BYTES;
    EVP_MAC_CTX_free(context);
    require(done, "HMAC-SHA-256");
}

void secret_hmac(struct span key, struct span data, uint8_t mac[SECRET_HASH_BYTES])
{
    finish_hmac(hmac_context(key), data, mac);
}

void secret_hex(const void *at, size_t bytes, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = at;
    for (size_t i = 0; i < bytes; i++) {
        hex[2 * i] = digits[from[i] >> 4];
        hex[2 * i + 1] = digits[from[i] & 15];
    }
    hex[2 * bytes] = '\0';
}

/* The three bytes at `from`, as one number; bytes past the end count as 0. */
static uint32_t group_at(struct span data, size_t from)
{
    const unsigned char *bytes = bytes_of(data);
    uint32_t group = 0;
    for (size_t i = from; i < from + 3; i++)
        group = group << 8 | (i < data.bytes ? bytes[i] : 0u);
    return group;
}

static size_t letters_for(size_t bytes)
{
    return bytes / 3 * 4 + (bytes % 3 == 0 ? 0 : bytes % 3 + 1);
}

static bool encode(struct span data, const char *letters, struct buf *out)
{
    size_t count = letters_for(data.bytes);
    if (data.bytes > SIZE_MAX / 2 || !buf_reserve(out, count))
        return false;
    char *to = out->at + out->bytes;
    for (size_t i = 0; i < count; i++)
        to[i] = letters[group_at(data, i / 4 * 3) >> (18 - 6 * (i % 4)) & 63];
    out->bytes += count;
    return true;
}

bool secret_base64url(struct span data, struct buf *out)
{
    return encode(data, base64url_letters, out);
}

bool secret_base64(struct span data, struct buf *out)
{
    size_t before = out->bytes;
    struct span padding = span_slice(SPAN_LITERAL("=="), 0, (3 - data.bytes % 3) % 3);
    if (encode(data, base64_letters, out) && buf_append(out, padding))
        return true;
    out->bytes = before;
    return false;
}

bool secret_certificate_pem(struct span der, struct buf *out)
{
    enum { LINE_BYTES = 48 }; /* 64 letters */
    buf_append_text(out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.bytes; at += LINE_BYTES) {
        (void)secret_base64(span_slice(der, at, LINE_BYTES), out);
        buf_append_byte(out, '\n');
    }
    return buf_append_text(out, "-----END CERTIFICATE-----\n");
}

static bool letter_value(const char *letters, char letter, uint32_t *value)
{
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL)
        return false;
    *value = (uint32_t)(found - letters);
    return true;
}

/* Decodes letters without padding to `to`, which has room; false for a foreign letter or for bits that no encoder sets,
 * because a text that has two spellings is not compared or counted safely (RFC 4648 section 3.5). */
static bool decode_letters(struct span text, const char *letters, char *to)
{
    uint32_t bits = 0, value;
    unsigned held = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        if (!letter_value(letters, text.at[i], &value))
            return false;
        bits = (bits << 6 | value) & 0xfff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (char)(bits >> held & 0xff);
        }
    }
    return (bits & ((1u << held) - 1)) == 0;
}

static enum err_code decode(struct span text, const char *letters, size_t max_bytes, struct buf *out, struct err *err)
{
    if (text.bytes % 4 == 1)
        return err_set(err, ERR_INPUT, "base64: cut short");
    size_t count = text.bytes / 4 * 3 + (text.bytes % 4 == 0 ? 0 : text.bytes % 4 - 1);
    if (count > max_bytes)
        return err_set(err, ERR_LIMIT, "base64: longer than %zu bytes", max_bytes);
    if (!buf_reserve(out, count))
        return buf_check(out, "base64", err);
    if (!decode_letters(text, letters, out->at + out->bytes)) {
        secret_wipe(out->at + out->bytes, count);
        return err_set(err, ERR_INPUT, "base64: a letter that does not belong there");
    }
    out->bytes += count;
    return OK;
}

enum err_code secret_from_base64url(struct span text, size_t max_bytes, struct buf *out, struct err *err)
{
    return decode(text, base64url_letters, max_bytes, out, err);
}

enum err_code secret_from_base64(struct span text, size_t max_bytes, struct buf *out, struct err *err)
{
    if (text.bytes % 4 != 0)
        return err_set(err, ERR_INPUT, "base64: cut short");
    for (int padding = 0; padding < 2 && span_ends(text, SPAN_LITERAL("=")); padding++)
        text.bytes--;
    return decode(text, base64_letters, max_bytes, out, err);
}

/* Each purpose has one key for MACs and another for sealing: no key serves two algorithms. */
struct secret {
    EVP_CIPHER *cipher;
    EVP_MAC_CTX *mac[SECRET_PURPOSES]; /* holding their keys; copied for each message, never used up */
    uint8_t seal_key[SECRET_PURPOSES][SECRET_KEY_BYTES];
};

/* These words are part of every derived key: a change makes all that was sealed or signed before unreadable. */
static const char *const purpose_words[SECRET_PURPOSES] = {
    [SECRET_LINK] = "link",     [SECRET_QUERY] = "query",   [SECRET_NODE_KEY] = "node-key",
    [SECRET_SEALED] = "sealed", [SECRET_CURSOR] = "cursor",   [SECRET_OIDC] = "oidc",
    [SECRET_LOGIN] = "login",   [SECRET_DEVICE] = "device",   [SECRET_PAIRWISE] = "pairwise",
    [SECRET_ARCHIVE] = "archive",
};

static void free_kdf(EVP_KDF_CTX **context)
{
    EVP_KDF_CTX_free(*context);
}

static void free_cipher(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

/* RFC 5869 with no salt: the root key is uniformly random already. */
static bool derive(EVP_KDF *hkdf, const uint8_t root[SECRET_KEY_BYTES], struct span label, uint8_t key[SECRET_KEY_BYTES])
{
    CLEANUP(free_kdf) EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
    if (context == NULL)
        return false;
    char digest[] = "SHA256";
    OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)root, SECRET_KEY_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label.at, label.bytes),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, key, SECRET_KEY_BYTES, settings) == 1;
}

static bool derive_for(EVP_KDF *hkdf, const uint8_t root[SECRET_KEY_BYTES], const char *purpose, const char *use, uint8_t key[SECRET_KEY_BYTES])
{
    char label[64];
    snprintf(label, sizeof label, "postern v1 %s %s", purpose, use);
    return derive(hkdf, root, span_of(label), key);
}

static bool derive_purpose(struct secret *s, EVP_KDF *hkdf, const uint8_t root[SECRET_KEY_BYTES], size_t purpose)
{
    uint8_t mac_key[SECRET_KEY_BYTES];
    bool derived = derive_for(hkdf, root, purpose_words[purpose], "mac", mac_key)
        && derive_for(hkdf, root, purpose_words[purpose], "seal", s->seal_key[purpose]);
    if (derived)
        s->mac[purpose] = hmac_context(span_make(mac_key, sizeof mac_key));
    secret_wipe(mac_key, sizeof mac_key);
    return s->mac[purpose] != NULL;
}

static enum err_code derive_all(struct secret *s, const uint8_t root[SECRET_KEY_BYTES], struct err *err)
{
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (hkdf == NULL)
        return err_set(err, ERR_INTERNAL, "secret: libcrypto does not offer HKDF");
    bool derived = true;
    for (size_t purpose = 0; purpose < SECRET_PURPOSES && derived; purpose++)
        derived = derive_purpose(s, hkdf, root, purpose);
    EVP_KDF_free(hkdf);
    return derived ? OK : err_set(err, ERR_INTERNAL, "secret: deriving the keys with HKDF-SHA-256 failed");
}

static enum err_code fetch_all(struct secret *s, struct err *err)
{
    fetch_once();
    if (fetched.sha256 == NULL)
        return err_set(err, ERR_INTERNAL, "secret: libcrypto does not offer SHA-256");
    if (fetched.hmac == NULL)
        return err_set(err, ERR_INTERNAL, "secret: libcrypto does not offer HMAC");
    s->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (s->cipher == NULL)
        return err_set(err, ERR_INTERNAL, "secret: libcrypto does not offer AES-256-GCM");
    return OK;
}

enum err_code secret_new(const uint8_t root[SECRET_KEY_BYTES], struct secret **out, struct err *err)
{
    struct secret *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "secret: memory is short");
    enum err_code code = fetch_all(s, err);
    if (code == OK)
        code = derive_all(s, root, err);
    if (code != OK) {
        secret_done(s);
        return code;
    }
    *out = s;
    return OK;
}

void secret_done(struct secret *s)
{
    if (s == NULL)
        return;
    for (size_t purpose = 0; purpose < SECRET_PURPOSES; purpose++)
        EVP_MAC_CTX_free(s->mac[purpose]);
    EVP_CIPHER_free(s->cipher);
    secret_free(s, sizeof *s);
}

void secret_mac(const struct secret *s, enum secret_purpose purpose, struct span data, uint8_t mac[SECRET_HASH_BYTES])
{
    finish_hmac(EVP_MAC_CTX_dup(s->mac[purpose]), data, mac);
}

/* The parts of a sealed text before it is spelled in base64url; `body` is as long as the plain text. */
struct sealed {
    unsigned char *nonce, *body, *tag;
    int body_bytes;
};

static struct sealed sealed_parts(char *at, size_t bytes)
{
    unsigned char *nonce = (unsigned char *)at + VERSION_BYTES;
    size_t body_bytes = bytes - SEAL_FRAME_BYTES;
    return (struct sealed){ nonce, nonce + NONCE_BYTES, nonce + NONCE_BYTES + body_bytes, (int)body_bytes };
}

static bool encrypt(EVP_CIPHER_CTX *cipher, struct span context, struct span plain, const struct sealed *to)
{
    int bytes;
    return EVP_EncryptUpdate(cipher, NULL, &bytes, bytes_of(context), (int)context.bytes) == 1
        && EVP_EncryptUpdate(cipher, to->body, &bytes, bytes_of(plain), (int)plain.bytes) == 1
        && EVP_EncryptFinal_ex(cipher, to->tag, &bytes) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, to->tag) == 1;
}

/* `frame` has room for the version, nonce, body and tag, and is filled only when this succeeds. */
static bool seal_into(const struct secret *s, enum secret_purpose purpose, struct span context, struct span plain, struct buf *frame)
{
    struct sealed to = sealed_parts(frame->at, plain.bytes + SEAL_FRAME_BYTES);
    frame->at[0] = SEAL_VERSION;
    secret_random(to.nonce, NONCE_BYTES);
    CLEANUP(free_cipher) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL || EVP_EncryptInit_ex2(cipher, s->cipher, s->seal_key[purpose], to.nonce, NULL) != 1)
        return false;
    if (!encrypt(cipher, context, plain, &to))
        return false;
    frame->bytes = plain.bytes + SEAL_FRAME_BYTES;
    return true;
}

enum err_code secret_seal(const struct secret *s, enum secret_purpose purpose, struct span context, struct span plain, struct buf *out, struct err *err)
{
    if (plain.bytes > SECRET_SEAL_MAX_BYTES || context.bytes > SECRET_SEAL_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "secret: sealing more than %d bytes", SECRET_SEAL_MAX_BYTES);
    CLEANUP(buf_wipe) struct buf frame;
    buf_init(&frame, SECRET_SEAL_MAX_BYTES + SEAL_FRAME_BYTES);
    if (!buf_reserve(&frame, plain.bytes + SEAL_FRAME_BYTES))
        return buf_check(&frame, "sealing", err);
    if (!seal_into(s, purpose, context, plain, &frame))
        return err_set(err, ERR_INTERNAL, "secret: AES-256-GCM failed to seal");
    if (!secret_base64url(buf_span(&frame), out))
        return buf_check(out, "sealed text", err);
    return OK;
}

static bool decrypt(EVP_CIPHER_CTX *cipher, struct span context, const struct sealed *from, unsigned char *plain)
{
    int bytes;
    return EVP_DecryptUpdate(cipher, NULL, &bytes, bytes_of(context), (int)context.bytes) == 1
        && EVP_DecryptUpdate(cipher, plain, &bytes, from->body, from->body_bytes) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, from->tag) == 1
        && EVP_DecryptFinal_ex(cipher, plain + bytes, &bytes) == 1;
}

/* `plain` has room for the body. */
static bool open_from(const struct secret *s, enum secret_purpose purpose, struct span context, struct buf *frame, struct buf *plain)
{
    struct sealed from = sealed_parts(frame->at, frame->bytes);
    unsigned char *to = (unsigned char *)plain->at + plain->bytes;
    CLEANUP(free_cipher) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL || EVP_DecryptInit_ex2(cipher, s->cipher, s->seal_key[purpose], from.nonce, NULL) != 1)
        return false;
    if (!decrypt(cipher, context, &from, to)) {
        secret_wipe(to, (size_t)from.body_bytes); /* what was not authenticated is not left lying about */
        return false;
    }
    plain->bytes += (size_t)from.body_bytes;
    return true;
}

enum err_code secret_open(const struct secret *s, enum secret_purpose purpose, struct span context, struct span text, struct buf *plain, struct err *err)
{
    CLEANUP(buf_wipe) struct buf frame;
    buf_init(&frame, SECRET_SEAL_MAX_BYTES + SEAL_FRAME_BYTES);
    bool framed = context.bytes <= SECRET_SEAL_MAX_BYTES
        && secret_from_base64url(text, SECRET_SEAL_MAX_BYTES + SEAL_FRAME_BYTES, &frame, NULL) == OK
        && frame.bytes >= SEAL_FRAME_BYTES && frame.at[0] == SEAL_VERSION;
    if (frame.memory_short)
        return buf_check(&frame, "opening", err);
    if (!framed)
        return err_set(err, ERR_DENIED, "secret: not a sealed text");
    if (!buf_reserve(plain, frame.bytes - SEAL_FRAME_BYTES))
        return buf_check(plain, "opened text", err);
    if (!open_from(s, purpose, context, &frame, plain))
        return err_set(err, ERR_DENIED, "secret: sealed text was altered, or sealed for something else");
    return OK;
}
