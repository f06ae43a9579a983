#include "connectors/identity/client_trust.h"

#include "connectors/identity/client_certificate.h"
#include "connectors/identity/x509_text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

enum { SECURITY_LEVEL = 2 /* 112 bits: RSA 2048, P-256, SHA-256 */, DEPTH = CLIENT_CERTIFICATE_CHAIN + 1, ARENA_BYTES = 256 * 1024 };

struct client_trust {
    struct arena arena;
    X509_STORE *store;
    bool use_stale_lists;
    struct client_trust_ca cas[CLIENT_TRUST_CAS];
    struct client_trust_list lists[CLIENT_TRUST_LISTS];
    size_t ca_count, list_count;
};

/* ---- what is loaded ---- */

static enum err_code add_ca(struct client_trust *t, struct span der, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.bytes);
    bool added = x != NULL && X509_STORE_add_cert(t->store, x) == 1;
    struct client_trust_ca *ca = &t->cas[t->ca_count];
    if (added) {
        ca->subject = x509_name_text(&t->arena, X509_get_subject_name(x));
        ca->self_signed = (X509_get_extension_flags(x) & EXFLAG_SS) != 0;
        added = x509_seconds(X509_get0_notAfter(x), &ca->not_after_s);
    }
    X509_free(x);
    if (!added)
        return err_set(err, ERR_INPUT, "certificate %zu of the CA file cannot be read", t->ca_count + 1);
    t->ca_count++;
    return OK;
}

static enum err_code add_cas(struct client_trust *t, struct span pem, struct err *err)
{
    struct arena scratch;
    struct span ders[CLIENT_TRUST_CAS];
    size_t count = 0;
    arena_init(&scratch, 16 * 1024, CLIENT_TRUST_CAS * CLIENT_CERTIFICATE_BYTES);
    enum err_code code = client_certificate_from_pem(pem, &scratch, ders, CLIENT_TRUST_CAS, &count, err);
    for (size_t i = 0; code == OK && i < count; i++)
        code = add_ca(t, ders[i], err);
    arena_done(&scratch);
    return code == OK ? OK : err_wrap(err, "client CA");
}

/* A list that none of our CAs signed is loaded, but never used; doctor tells. */
static bool is_signed_by_ca(const struct client_trust *t, X509_CRL *list)
{
    bool good = false;
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(t->store);
    for (int i = 0; i < sk_X509_OBJECT_num(all) && !good; i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        good = ca != NULL && X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(list)) == 0 && X509_CRL_verify(list, X509_get0_pubkey(ca)) == 1;
    }
    return good;
}

static enum err_code add_list(struct client_trust *t, X509_CRL *list, struct err *err)
{
    if (t->list_count == CLIENT_TRUST_LISTS)
        return err_set(err, ERR_LIMIT, "more than %d revocation lists", CLIENT_TRUST_LISTS);
    int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
    struct client_trust_list about = { .issuer = x509_name_text(&t->arena, X509_CRL_get_issuer(list)), .revoked = revoked > 0 ? (size_t)revoked : 0,
                                       .signed_by_ca = is_signed_by_ca(t, list) };
    (void)x509_seconds(X509_CRL_get0_lastUpdate(list), &about.this_update_s);
    (void)x509_seconds(X509_CRL_get0_nextUpdate(list), &about.next_update_s);
    if (X509_STORE_add_crl(t->store, list) != 1)
        return err_set(err, ERR_MEMORY, "revocation list %zu", t->list_count + 1);
    t->lists[t->list_count++] = about;
    return OK;
}

static enum err_code add_pem_lists(struct client_trust *t, BIO *text, size_t number, struct err *err)
{
    enum err_code code = OK;
    size_t before = t->list_count;
    for (;;) {
        X509_CRL *list = PEM_read_bio_X509_CRL(text, NULL, NULL, NULL);
        if (list == NULL)
            break;
        code = add_list(t, list, err);
        X509_CRL_free(list);
        if (code != OK)
            return code;
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return at_end && t->list_count > before ? OK : err_set(err, ERR_INPUT, "file %zu of the revocation lists is not a list in PEM or DER", number);
}

static enum err_code add_lists(struct client_trust *t, struct span content, size_t number, struct err *err)
{
    const unsigned char *at = (const unsigned char *)content.at;
    if (content.bytes == 0 || content.bytes > CLIENT_TRUST_LIST_BYTES)
        return err_set(err, ERR_INPUT, "file %zu of the revocation lists has %zu bytes", number, content.bytes);
    ERR_clear_error();
    X509_CRL *der = d2i_X509_CRL(NULL, &at, (long)content.bytes);
    if (der != NULL) {
        enum err_code code = add_list(t, der, err);
        X509_CRL_free(der);
        return code;
    }
    ERR_clear_error();
    BIO *text = BIO_new_mem_buf(content.at, (int)content.bytes);
    enum err_code code = text == NULL ? err_set(err, ERR_MEMORY, "revocation lists") : add_pem_lists(t, text, number, err);
    BIO_free(text);
    return code;
}

/* ---- the walk ---- */

/* Where the path ends we trust by configuration: whether a CA above has revoked it cannot be told, since the path does not go there. */
static bool is_end(X509_STORE_CTX *walk)
{
    int depth = X509_STORE_CTX_get_error_depth(walk);
    return depth > 0 && depth == sk_X509_num(X509_STORE_CTX_get0_chain(walk)) - 1;
}

/* What the administrator chose; and an intermediate needs no list, though it is checked when there is one. */
static int forgive(int good, X509_STORE_CTX *walk)
{
    const struct client_trust *t = X509_STORE_CTX_get_app_data(walk);
    int error = X509_STORE_CTX_get_error(walk);
    bool forgiven = (error == X509_V_ERR_UNABLE_TO_GET_CRL && X509_STORE_CTX_get_error_depth(walk) > 0) || (error == X509_V_ERR_CRL_HAS_EXPIRED && t->use_stale_lists) ||
                    ((error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER || error == X509_V_ERR_CRL_SIGNATURE_FAILURE) && is_end(walk));
    if (good != 1 && forgiven)
        X509_STORE_CTX_set_error(walk, X509_V_OK);
    return good == 1 || forgiven;
}

static enum err_code refuse(int error, const char **reason, struct err *err)
{
    static const struct { int error; const char *reason, *words; } rows[] = {
        { X509_V_ERR_CERT_HAS_EXPIRED, "expired", "has expired" },
        { X509_V_ERR_CERT_NOT_YET_VALID, "not_yet_valid", "is not valid yet" },
        { X509_V_ERR_CERT_REVOKED, "revoked", "is revoked" },
        { X509_V_ERR_UNABLE_TO_GET_CRL, "no_list", "is of a CA without a revocation list" },
        { X509_V_ERR_CRL_HAS_EXPIRED, "stale_list", "cannot be checked: the revocation list is out of date" },
        { X509_V_ERR_CRL_NOT_YET_VALID, "stale_list", "cannot be checked: the revocation list is not valid yet" },
        { X509_V_ERR_INVALID_PURPOSE, "wrong_purpose", "is not made for TLS clients" },
        { X509_V_ERR_CERT_SIGNATURE_FAILURE, "foreign_ca", "is not of our CA" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "foreign_ca", "is not of our CA" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "foreign_ca", "is not of our CA" },
        { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "foreign_ca", "is not of our CA" },
        { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "foreign_ca", "is not of our CA" },
        { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "foreign_ca", "is not of our CA" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].error != error)
            continue;
        *reason = rows[i].reason;
        return err_set(err, ERR_DENIED, "the client certificate %s", rows[i].words);
    }
    *reason = "broken";
    return err_set(err, ERR_DENIED, "the client certificate does not verify: %s", X509_verify_cert_error_string(error));
}

static X509 *parse(struct span der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *x = der.bytes == 0 || der.bytes > CLIENT_CERTIFICATE_BYTES ? NULL : d2i_X509(NULL, &at, (long)der.bytes);
    if (x != NULL && at != (const unsigned char *)der.at + der.bytes) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static void free_all(STACK_OF(X509) *all) { sk_X509_pop_free(all, X509_free); }

/* Untrusted certificates that may lie on the path; NULL when one of them cannot be read. */
static STACK_OF(X509) *parse_chain(const struct span *chain, size_t count)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    for (size_t i = 0; all != NULL && i < count; i++) {
        X509 *x = count <= CLIENT_CERTIFICATE_CHAIN ? parse(chain[i]) : NULL;
        if (x != NULL && sk_X509_push(all, x) > 0)
            continue;
        X509_free(x);
        free_all(all);
        return NULL;
    }
    return all;
}

static int walk_path(const struct client_trust *t, X509 *leaf, STACK_OF(X509) *chain, int64_t now_s)
{
    X509_STORE_CTX *walk = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;
    if (walk != NULL && X509_STORE_CTX_init(walk, t->store, leaf, chain) == 1 && X509_STORE_CTX_set_purpose(walk, X509_PURPOSE_SSL_CLIENT) == 1) {
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(walk);
        unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | (t->list_count > 0 ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0);
        X509_VERIFY_PARAM_set_flags(rules, flags);
        X509_VERIFY_PARAM_set_time(rules, (time_t)now_s);
        X509_VERIFY_PARAM_set_depth(rules, DEPTH);
        X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
        X509_STORE_CTX_set_app_data(walk, (void *)(uintptr_t)t);
        X509_STORE_CTX_set_verify_cb(walk, forgive);
        bool good = X509_verify_cert(walk) == 1;
        error = X509_STORE_CTX_get_error(walk);
        error = good ? X509_V_OK : error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
    }
    X509_STORE_CTX_free(walk);
    ERR_clear_error(); /* the queue is the thread's: nobody else should find our leftovers */
    return error;
}

enum err_code client_trust_check(const struct client_trust *t, struct span leaf, const struct span *chain, size_t chain_count, int64_t now_s, const char **reason, struct err *err)
{
    X509 *x = parse(leaf);
    STACK_OF(X509) *between = x == NULL ? NULL : parse_chain(chain, chain_count);
    int error = between == NULL ? X509_V_ERR_UNSPECIFIED : walk_path(t, x, between, now_s);
    free_all(between);
    X509_free(x);
    return error == X509_V_OK ? OK : refuse(error, reason, err);
}

/* ---- life ---- */

enum err_code client_trust_new(const struct client_trust_source *source, struct client_trust **out, struct err *err)
{
    struct client_trust *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_MEMORY, "client CA");
    arena_init(&t->arena, 4096, ARENA_BYTES);
    t->use_stale_lists = source->use_stale_lists;
    t->store = X509_STORE_new();
    enum err_code code = t->store == NULL ? err_set(err, ERR_MEMORY, "client CA") : add_cas(t, source->ca_pem, err);
    for (size_t i = 0; code == OK && i < source->list_count; i++)
        code = add_lists(t, source->lists[i], i + 1, err);
    if (code != OK) {
        client_trust_free(t);
        return code;
    }
    *out = t;
    return OK;
}

void client_trust_free(struct client_trust *t)
{
    if (t == NULL)
        return;
    X509_STORE_free(t->store);
    arena_done(&t->arena);
    free(t);
}

size_t client_trust_cas(const struct client_trust *t, const struct client_trust_ca **all)
{
    *all = t->cas;
    return t->ca_count;
}

size_t client_trust_lists(const struct client_trust *t, const struct client_trust_list **all)
{
    *all = t->lists;
    return t->list_count;
}
