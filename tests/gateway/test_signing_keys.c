/* The keys that sign statements: made once for all nodes, rotated with an overlap, and what they sign verifies with the published halves alone. */
#include "connectors/identity/jose.h"
#include "gateway/metrics.h"
#include "gateway/signing_key_pair.h"
#include "gateway/signing_ring.h"
#include "posture/base/from_json.h"
#include "tests/support/fake_store.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { START_S = 1800000000, DAY_S = 86400 };

struct world {
    struct clock clock;
    int64_t now_s;
    struct node node;
    struct secret *other_secret;
    struct fake_store *server;
    struct store *store;
    struct metrics *metrics;
    struct arena arena;
    struct err err;
};

static int64_t wall_ms(const struct clock *c) { return *(const int64_t *)c->context * 1000; }

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const uint8_t root[SECRET_KEY_BYTES] = { 1 }, other[SECRET_KEY_BYTES] = { 2 };
    assert_non_null(w);
    w->now_s = START_S;
    w->clock = (struct clock){ wall_ms, wall_ms, &w->now_s };
    w->metrics = metrics_new();
    w->node = (struct node){ .clock = &w->clock, .counters = metrics_counters(w->metrics) };
    w->server = fake_store_new(&w->clock, 1);
    w->node.signing = signing_ring_new(&w->node);
    assert_int_equal(secret_new(root, &w->node.secret, &w->err), OK);
    assert_int_equal(secret_new(other, &w->other_secret, &w->err), OK);
    assert_int_equal(fake_store_open(w->server, &w->store, &w->err), OK);
    arena_init(&w->arena, 64 * 1024, 64 * 1024 * 1024);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    signing_ring_free(w->node.signing);
    arena_done(&w->arena);
    w->store->ops->free(w->store);
    fake_store_free(w->server);
    secret_done(w->node.secret);
    secret_done(w->other_secret);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

/* What the feed does after each change. */
static void load(struct world *w)
{
    CLEANUP(buf_done) struct buf body;
    int64_t version = 0;
    buf_init(&body, SIGNING_RECORD_BYTES);
    assert_int_equal(w->store->ops->get(w->store, RECORD_CONTROL, SPAN_LITERAL("signing_keys"), &body, &version, &w->err), OK);
    if (signing_ring_load(w->node.signing, buf_span(&body), &w->err) != OK)
        fail_msg("%s", w->err.text);
}

/* The first start made them. */
static struct signing_keys read_keys(struct world *w)
{
    struct signing_keys keys;
    if (signing_keys_ensure(&w->node, w->store, &w->err) != OK || signing_keys_read(&w->node, w->store, &w->arena, &keys, &w->err) != OK)
        fail_msg("%s", w->err.text);
    load(w);
    return keys;
}

static enum err_code try_rotate(struct world *w, enum signing_kind kind, int64_t lead_s, bool now)
{
    const struct signing_rotation rotation = { .kinds = 1u << kind, .lead_s = lead_s, .now = now, .cause = SPAN_LITERAL("admin:test") };
    return signing_keys_rotate(&w->node, w->store, &rotation, &w->err);
}

static void rotate(struct world *w, enum signing_kind kind)
{
    if (try_rotate(w, kind, 0, false) != OK)
        fail_msg("%s", w->err.text);
    load(w);
}

/* "signing" is s, "next" n, "leaving" l, of one kind in the order of the record. */
static const char *states(struct world *w, enum signing_kind kind, char out[SIGNING_KEYS_MOST + 1])
{
    struct signing_keys keys = read_keys(w);
    size_t used = 0;
    for (size_t i = 0; i < keys.count; i++)
        if (keys.all[i].kind == kind)
            out[used++] = signing_key_state(&keys, &keys.all[i], w->now_s)[0];
    out[used] = '\0';
    return out;
}

/* ---- verifying, with the key set alone ---- */

static struct span sign_with(struct world *w, enum signing_algorithm a, const char *claims)
{
    struct buf jwt;
    buf_init(&jwt, 256 * 1024);
    if (signing_sign_jwt(&w->node, a, span_of(claims), SPAN_LITERAL("posture+jwt"), &jwt, &w->err) != OK)
        fail_msg("%s", w->err.text);
    struct span text = arena_copy(&w->arena, buf_span(&jwt));
    buf_done(&jwt);
    return text;
}

static struct span sign(struct world *w, const char *claims)
{
    if (fake_store_event_count(w->server, "key.signing_created") == 0)
        (void)read_keys(w);
    return sign_with(w, SIGNING_ES256, claims);
}

static struct from_json *key_set(struct world *w)
{
    struct from_json *doc = NULL;
    struct buf json;
    char etag[SIGNING_ETAG_BYTES + 1];
    buf_init(&json, 128 * 1024);
    assert_int_equal(signing_jwks(&w->node, w->now_s, &json, etag, &w->err), OK);
    assert_int_equal(from_json_parse(buf_span(&json), (struct from_json_limits){ 128 * 1024, 5 }, "jwks", &doc, &w->err), OK);
    buf_done(&json);
    return doc;
}

static struct span text_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, 4096, &text, &err) == OK ? text : SPAN_NONE;
}

static struct span decode(struct world *w, struct span text)
{
    struct buf bytes;
    buf_init(&bytes, 64 * 1024);
    if (secret_from_base64url(text, 64 * 1024, &bytes, &w->err) != OK)
        fail_msg("%.*s: %s", SPAN_ARGS(text), w->err.text);
    struct span copy = arena_copy(&w->arena, buf_span(&bytes));
    buf_done(&bytes);
    return copy;
}

static EVP_PKEY *public_key(struct world *w, const struct from_json_value *jwk)
{
    unsigned char point[65] = { 4 };
    struct span x = decode(w, text_of(jwk, "x")), y = decode(w, text_of(jwk, "y"));
    EVP_PKEY *key = NULL;
    assert_int_equal(x.bytes, 32);
    assert_int_equal(y.bytes, 32);
    memcpy(point + 1, x.at, 32);
    memcpy(point + 33, y.at, 32);
    char group[] = "P-256";
    OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0), OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
                                OSSL_PARAM_construct_end() };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool verifies(struct world *w, const struct from_json_value *jwk, struct span data, struct span raw)
{
    EVP_PKEY *key = public_key(w, jwk);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = NULL;
    assert_int_equal(raw.bytes, 64);
    assert_int_equal(ECDSA_SIG_set0(signature, BN_bin2bn((const unsigned char *)raw.at, 32, NULL), BN_bin2bn((const unsigned char *)raw.at + 32, 32, NULL)), 1);
    int bytes = i2d_ECDSA_SIG(signature, &der);
    assert_true(bytes > 0);
    assert_int_equal(EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL), 1);
    bool good = EVP_DigestVerify(context, der, (size_t)bytes, (const unsigned char *)data.at, data.bytes) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

/* The kid of the header when the published key of that kid verifies the signature; empty otherwise. */
static struct span verified_by(struct world *w, struct span jwt)
{
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    CLEANUP(from_json_freep) struct from_json *header_doc = NULL;
    struct span rest = jwt, header_text, claims_text, found = SPAN_NONE;
    assert_true(span_cut(&rest, '.', &header_text));
    assert_true(span_cut(&rest, '.', &claims_text));
    assert_int_equal(from_json_parse(decode(w, header_text), (struct from_json_limits){ 4096, 2 }, "header", &header_doc, &w->err), OK);
    struct from_json_value header = from_json_root(header_doc), root = from_json_root(set), keys = from_json_member(&root, "keys");
    assert_true(span_equal_text(text_of(&header, "alg"), "ES256"));
    assert_true(span_equal_text(text_of(&header, "typ"), "posture+jwt"));
    struct span data = span_slice(jwt, 0, header_text.bytes + 1 + claims_text.bytes), raw = decode(w, rest);
    for (size_t i = 0; i < from_json_count(&keys); i++) {
        struct from_json_value jwk = from_json_item(&keys, i);
        if (span_equal(text_of(&jwk, "kid"), text_of(&header, "kid")) && verifies(w, &jwk, data, raw))
            found = arena_copy(&w->arena, text_of(&jwk, "kid"));
    }
    return found;
}

/* ---- stories ---- */

static void keys_are_made_once(void **state)
{
    struct world *w = *state;
    struct signing_keys first = read_keys(w), second = read_keys(w);
    assert_int_equal(first.count, SIGNING_KINDS);
    assert_int_equal(second.count, SIGNING_KINDS);
    for (size_t i = 0; i < first.count; i++)
        assert_true(span_equal(first.all[i].kid, second.all[i].kid));
    assert_int_equal(fake_store_event_count(w->server, "key.signing_created"), SIGNING_KINDS);
}

static void what_is_signed_verifies_with_the_published_key(void **state)
{
    struct world *w = *state;
    struct span jwt = sign(w, "{\"iss\":\"https://posture.example\",\"n\":1}");
    struct span rest = jwt, part;
    assert_false(span_empty(verified_by(w, jwt)));
    assert_true(span_cut(&rest, '.', &part) && span_cut(&rest, '.', &part));
    assert_true(span_equal_text(decode(w, part), "{\"iss\":\"https://posture.example\",\"n\":1}"));
}

static void both_algorithms_verify_for_those_who_read_the_published_set(void **state)
{
    struct world *w = *state;
    static const struct { enum signing_algorithm a; unsigned named; } rows[] = { { SIGNING_ES256, JOSE_ES256 }, { SIGNING_RS256, JOSE_RS256 } };
    struct buf json;
    char etag[SIGNING_ETAG_BYTES + 1];
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    (void)read_keys(w);
    buf_init(&json, 128 * 1024);
    assert_int_equal(signing_jwks(&w->node, w->now_s, &json, etag, &w->err), OK);
    assert_int_equal(jose_keys_read(buf_span(&json), &keys, &w->err), OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(jose_token_freep) struct jose_token *token = NULL;
        assert_int_equal(jose_token_read(sign_with(w, rows[i].a, "{\"iss\":\"us\"}"), &token, &w->err), OK);
        assert_int_equal(jose_token_verify(token, keys, rows[i].named, &w->err), OK);
    }
    buf_done(&json);
}

static void what_was_altered_does_not_verify(void **state)
{
    struct world *w = *state;
    struct span jwt = sign(w, "{\"decision\":true}"), other = sign(w, "{\"decision\":null}");
    size_t dot = 1 + span_find(jwt, '.'), bytes = span_find(span_slice(jwt, dot, jwt.bytes), '.');
    char *mixed = span_dup(jwt);
    assert_non_null(mixed);
    memcpy(mixed + dot, other.at + dot, bytes);
    assert_true(span_empty(verified_by(w, span_make(mixed, jwt.bytes))));
    free(mixed);
}

static void the_kid_is_the_thumbprint_of_rfc_7638(void **state)
{
    struct world *w = *state;
    (void)read_keys(w);
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    assert_int_equal(from_json_count(&keys), 2);
    for (size_t i = 0; i < 2; i++) {
        struct from_json_value k = from_json_item(&keys, i);
        CLEANUP(buf_done) struct buf json, kid;
        uint8_t hash[SECRET_HASH_BYTES];
        buf_init(&json, 4096);
        buf_init(&kid, 65);
        if (span_equal_text(text_of(&k, "kty"), "EC"))
            buf_format(&json, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}", SPAN_ARGS(text_of(&k, "x")), SPAN_ARGS(text_of(&k, "y")));
        else
            buf_format(&json, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", SPAN_ARGS(text_of(&k, "n")));
        char hex[SECRET_HEX_BYTES + 1];
        secret_sha256(buf_span(&json), hash);
        secret_sha256_hex(buf_span(&json), hex);
        assert_true(span_equal_text(text_of(&k, "kty"), "EC") ? secret_base64url(span_make(hash, sizeof hash), &kid) : buf_append_text(&kid, hex));
        assert_true(span_equal(text_of(&k, "kid"), buf_span(&kid)));
        assert_true(span_equal_text(text_of(&k, "use"), "sig"));
    }
}

static void the_key_set_shows_no_private_half(void **state)
{
    struct world *w = *state;
    static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "sealed", "k" };
    (void)read_keys(w);
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    for (size_t i = 0; i < from_json_count(&keys); i++) {
        struct from_json_value k = from_json_item(&keys, i);
        for (size_t m = 0; m < sizeof private_members / sizeof private_members[0]; m++)
            assert_true(span_empty(text_of(&k, private_members[m])));
    }
}

static void a_new_key_is_published_before_it_signs_and_the_old_one_stays_after(void **state)
{
    struct world *w = *state;
    char got[SIGNING_KEYS_MOST + 1];
    assert_string_equal(states(w, SIGNING_TOKENS_ES256, got), "s");
    struct span before = sign(w, "{}"), old_kid = verified_by(w, before);
    rotate(w, SIGNING_TOKENS_ES256);
    static const struct { int64_t after_s; const char *es256; bool old_signs, old_published; } rows[] = {
        { 0, "sn", true, true },
        { SIGNING_LEAD_ES256_S - 1, "sn", true, true },
        { SIGNING_LEAD_ES256_S, "ls", false, true },
        { SIGNING_LEAD_ES256_S + SIGNING_OVERLAP_S - 1, "ls", false, true },
        { SIGNING_LEAD_ES256_S + SIGNING_OVERLAP_S, "s", false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        w->now_s = START_S + rows[i].after_s;
        struct span kid = verified_by(w, sign(w, "{}"));
        if (strcmp(states(w, SIGNING_TOKENS_ES256, got), rows[i].es256) != 0 || span_equal(kid, old_kid) != rows[i].old_signs || span_empty(verified_by(w, before)) == rows[i].old_published)
            fail_msg("row %zu: %s", i, got);
        assert_string_equal(states(w, SIGNING_TOKENS_RS256, got), "s");
    }
    assert_int_equal(fake_store_event_count(w->server, "key.signing_rotated"), 1);
}

static void keys_for_oidc_are_published_two_days_ahead(void **state)
{
    struct world *w = *state;
    char got[SIGNING_KEYS_MOST + 1];
    (void)read_keys(w);
    rotate(w, SIGNING_TOKENS_RS256);
    w->now_s = START_S + 2 * DAY_S - 1;
    assert_string_equal(states(w, SIGNING_TOKENS_RS256, got), "sn");
    w->now_s = START_S + 2 * DAY_S;
    assert_string_equal(states(w, SIGNING_TOKENS_RS256, got), "ls");
}

static void rotating_again_and_again_never_leaves_nobody_to_sign(void **state)
{
    struct world *w = *state;
    (void)read_keys(w);
    for (int i = 0; i < 40; i++) {
        w->now_s += DAY_S / 8;
        rotate(w, SIGNING_TOKENS_ES256);
        assert_false(span_empty(verified_by(w, sign(w, "{}"))));
    }
}

static void rotating_too_often_is_refused_and_changes_nothing(void **state)
{
    struct world *w = *state;
    char before[SIGNING_KEYS_MOST + 1], after[SIGNING_KEYS_MOST + 1];
    enum err_code code = OK;
    int rotated = 0;
    (void)read_keys(w);
    while (code == OK && rotated <= SIGNING_KEYS_MOST) {
        states(w, SIGNING_TOKENS_ES256, before);
        code = try_rotate(w, SIGNING_TOKENS_ES256, 0, false);
        rotated += code == OK;
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_int_equal(rotated, SIGNING_KEYS_MOST - SIGNING_KINDS);
    assert_string_equal(states(w, SIGNING_TOKENS_ES256, after), before);
}

static void a_key_sealed_under_another_root_key_signs_nothing_and_stays_published(void **state)
{
    struct world *w = *state;
    struct secret *own = w->node.secret;
    struct buf jwt;
    struct signing_saml saml;
    (void)read_keys(w);
    buf_init(&jwt, 4096);
    w->node.secret = w->other_secret;
    load(w);
    assert_int_equal(signing_sign_jwt(&w->node, SIGNING_ES256, SPAN_LITERAL("{}"), SPAN_LITERAL("posture+jwt"), &jwt, &w->err), ERR_DENIED);
    assert_int_equal(signing_keys_saml(&w->node, &saml, &w->err), ERR_DENIED);
    assert_int_equal(jwt.bytes, 0);
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    assert_int_equal(from_json_count(&keys), 2);
    w->node.secret = own;
}

static void before_the_record_was_read_nothing_is_signed(void **state)
{
    struct world *w = *state;
    struct buf out;
    struct signing_saml saml;
    char etag[SIGNING_ETAG_BYTES + 1];
    buf_init(&out, 4096);
    assert_int_equal(signing_sign_jwt(&w->node, SIGNING_RS256, SPAN_LITERAL("{}"), SPAN_LITERAL("JWT"), &out, &w->err), ERR_UNAVAILABLE);
    assert_int_equal(signing_jwks(&w->node, w->now_s, &out, etag, &w->err), ERR_UNAVAILABLE);
    assert_int_equal(signing_keys_saml(&w->node, &saml, &w->err), ERR_UNAVAILABLE);
}

static void signing_needs_no_store(void **state)
{
    struct world *w = *state;
    (void)read_keys(w);
    fake_store_fail(w->server, ERR_UNAVAILABLE, 100);
    assert_false(span_empty(verified_by(w, sign_with(w, SIGNING_ES256, "{}"))));
}

static void claims_are_bounded(void **state)
{
    struct world *w = *state;
    struct span longest = arena_format(&w->arena, "\"%0*d\"", SIGNING_CLAIMS_BYTES - 2, 0), over = arena_format(&w->arena, "\"%0*d\"", SIGNING_CLAIMS_BYTES - 1, 0);
    struct buf jwt;
    (void)read_keys(w);
    buf_init(&jwt, 256 * 1024);
    assert_int_equal(longest.bytes, SIGNING_CLAIMS_BYTES);
    assert_int_equal(signing_sign_jwt(&w->node, SIGNING_ES256, longest, SPAN_LITERAL("posture+jwt"), &jwt, &w->err), OK);
    buf_clear(&jwt);
    assert_int_equal(signing_sign_jwt(&w->node, SIGNING_ES256, over, SPAN_LITERAL("posture+jwt"), &jwt, &w->err), ERR_LIMIT);
    buf_done(&jwt);
}

/* ---- certificates ---- */

static X509 *certificate_of(struct span der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.bytes);
    assert_non_null(certificate);
    assert_ptr_equal(at, der.at + der.bytes);
    return certificate;
}

static struct span x5c_of(struct world *w, const struct from_json_value *jwk)
{
    struct from_json_value list = from_json_member(jwk, "x5c"), first = from_json_item(&list, 0);
    struct span text = SPAN_NONE;
    struct buf der;
    buf_init(&der, 4096);
    assert_int_equal(from_json_count(&list), 1);
    assert_int_equal(from_json_text(&first, 8192, &text, &w->err), OK);
    assert_int_equal(secret_from_base64(text, 4096, &der, &w->err), OK);
    struct span copy = arena_copy(&w->arena, buf_span(&der));
    buf_done(&der);
    return copy;
}

static void rsa_keys_carry_a_certificate_of_their_own(void **state)
{
    struct world *w = *state;
    (void)read_keys(w);
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    size_t found = 0;
    for (size_t i = 0; i < from_json_count(&keys); i++) {
        struct from_json_value jwk = from_json_item(&keys, i), x5c = from_json_member(&jwk, "x5c");
        if (span_equal_text(text_of(&jwk, "kty"), "EC")) {
            assert_false(from_json_present(&x5c));
            continue;
        }
        X509 *certificate = certificate_of(x5c_of(w, &jwk));
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        struct span n = decode(w, text_of(&jwk, "n"));
        BIGNUM *ours = BN_bin2bn((const unsigned char *)n.at, (int)n.bytes, NULL), *its = NULL;
        assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &its), 1);
        assert_int_equal(BN_cmp(ours, its), 0);
        assert_int_equal(X509_verify(certificate, key), 1);
        BN_free(ours);
        BN_free(its);
        X509_free(certificate);
        found++;
    }
    assert_int_equal(found, 1);
}

static void the_kid_of_an_rsa_key_is_base64_in_either_alphabet(void **state)
{
    struct world *w = *state;
    struct signing_keys keys = read_keys(w);
    for (size_t i = 0; i < keys.count; i++) {
        struct buf bytes;
        buf_init(&bytes, 128);
        if (signing_kind_algorithm(keys.all[i].kind) == SIGNING_RS256) {
            assert_int_equal(secret_from_base64(keys.all[i].kid, 128, &bytes, &w->err), OK);
            buf_clear(&bytes);
            assert_int_equal(secret_from_base64url(keys.all[i].kid, 128, &bytes, &w->err), OK);
        }
        buf_done(&bytes);
    }
}

static void saml_signs_with_a_key_of_its_own_and_tells_the_next_one_ahead(void **state)
{
    struct world *w = *state;
    struct signing_saml now, then;
    (void)read_keys(w);
    assert_int_equal(signing_keys_saml(&w->node, &now, &w->err), OK);
    assert_int_equal(now.certificate_count, 1);
    X509 *certificate = certificate_of(now.certificate);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), now.key), 1);
    assert_int_equal(X509_verify(certificate, now.key), 1);
    X509_free(certificate);
    assert_int_equal(try_rotate(w, SIGNING_SAML_RS256, 45 * DAY_S, false), OK);
    load(w);
    assert_true(EVP_PKEY_get_bits(now.key) == 2048); /* what was taken holds through a rotation */
    w->now_s = START_S + 45 * DAY_S - 1;
    assert_int_equal(signing_keys_saml(&w->node, &then, &w->err), OK);
    assert_true(span_equal(then.certificate, now.certificate));
    assert_int_equal(then.certificate_count, 2);
    struct span next = arena_copy(&w->arena, then.certificates[1]);
    signing_saml_done(&then);
    w->now_s = START_S + 45 * DAY_S;
    assert_int_equal(signing_keys_saml(&w->node, &then, &w->err), OK);
    assert_true(span_equal(then.certificate, next));
    assert_int_equal(then.certificate_count, 1);
    signing_saml_done(&then);
    signing_saml_done(&now);
}

static void keys_for_saml_are_not_in_the_key_set(void **state)
{
    struct world *w = *state;
    struct signing_keys all = read_keys(w);
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    for (size_t i = 0; i < from_json_count(&keys); i++) {
        struct from_json_value jwk = from_json_item(&keys, i);
        for (size_t k = 0; k < all.count; k++)
            assert_false(all.all[k].kind == SIGNING_SAML_RS256 && span_equal(all.all[k].kid, text_of(&jwk, "kid")));
    }
}

/* ---- emergencies, bounds, old records ---- */

static void a_lost_key_is_withdrawn_at_once(void **state)
{
    struct world *w = *state;
    char got[SIGNING_KEYS_MOST + 1];
    struct span before = sign(w, "{}");
    rotate(w, SIGNING_TOKENS_ES256);
    assert_int_equal(try_rotate(w, SIGNING_TOKENS_ES256, 0, true), OK);
    load(w);
    assert_string_equal(states(w, SIGNING_TOKENS_ES256, got), "s");
    assert_string_equal(states(w, SIGNING_TOKENS_RS256, got), "s");
    assert_true(span_empty(verified_by(w, before)));
    assert_false(span_empty(verified_by(w, sign_with(w, SIGNING_ES256, "{}"))));
}

static void leads_are_bounded(void **state)
{
    static const struct { const char *name; enum signing_kind kind; int64_t lead_s; enum err_code code; } rows[] = {
        { "RS256 as usual", SIGNING_TOKENS_RS256, SIGNING_LEAD_RS256_S, OK },
        { "RS256 shorter than Entra keeps it", SIGNING_TOKENS_RS256, SIGNING_LEAD_RS256_S - 1, ERR_INPUT },
        { "ES256 shorter than a key set is kept", SIGNING_TOKENS_ES256, SIGNING_LEAD_ES256_S - 1, ERR_INPUT },
        { "SAML in an hour", SIGNING_SAML_RS256, 3600, OK },
        { "SAML in less", SIGNING_SAML_RS256, 3599, ERR_INPUT },
        { "a year", SIGNING_SAML_RS256, SIGNING_LEAD_MOST_S, OK },
        { "more", SIGNING_SAML_RS256, SIGNING_LEAD_MOST_S + 1, ERR_INPUT },
    };
    struct world *w = *state;
    (void)read_keys(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (try_rotate(w, rows[i].kind, rows[i].lead_s, false) != rows[i].code)
            fail_msg("%s: %s", rows[i].name, w->err.text);
}

/* Records of before there was a use and a certificate: {"keys":[{kid, algorithm, first, second, sealed, times}]}. */
static void an_old_record_is_read(void **state)
{
    struct world *w = *state;
    struct signing_keys keys = read_keys(w), old = { .count = 0 };
    struct buf body, text;
    buf_init(&body, SIGNING_RECORD_BYTES);
    buf_init(&text, SIGNING_RECORD_BYTES);
    CLEANUP(from_json_freep) struct from_json *before = key_set(w);
    for (size_t i = 0; i < keys.count; i++) {
        if (keys.all[i].kind == SIGNING_SAML_RS256)
            continue;
        old.all[old.count] = keys.all[i];
        old.all[old.count++].certificate = SPAN_NONE;
    }
    signing_keys_to_json(&old, &body);
    struct span rest = buf_span(&body), use = SPAN_LITERAL("\"use\":\"tokens\",");
    for (size_t at; (at = span_search(rest, use)) < rest.bytes; rest = span_slice(rest, at + use.bytes, rest.bytes))
        assert_true(buf_append(&text, span_slice(rest, 0, at)));
    assert_true(buf_append(&text, rest));
    assert_int_equal(signing_ring_load(w->node.signing, buf_span(&text), &w->err), OK);
    CLEANUP(from_json_freep) struct from_json *after = key_set(w);
    struct from_json_value a = from_json_root(before), b = from_json_root(after);
    buf_clear(&body);
    buf_clear(&text);
    assert_true(from_json_write(&a, &body) && from_json_write(&b, &text));
    assert_true(span_equal(buf_span(&body), buf_span(&text))); /* the certificate made again is the same, byte for byte */
    buf_done(&body);
    buf_done(&text);
}

static void records_are_read_or_refused(void **state)
{
#define KEY(members) "{\"keys\":[{" members "\"kid\":\"k\",\"first\":\"a\",\"second\":\"b\",\"sealed\":\"c\",\"created\":1,\"signs_from\":1,\"leaves\":0}]}"
    static const struct { const char *name, *body; enum err_code code; } rows[] = {
        { "none", "", OK },
        { "tokens", KEY("\"use\":\"tokens\",\"algorithm\":\"ES256\","), OK },
        { "no use", KEY("\"algorithm\":\"ES256\","), OK },
        { "saml", KEY("\"use\":\"saml\",\"algorithm\":\"RS256\","), OK },
        { "saml with ES256", KEY("\"use\":\"saml\",\"algorithm\":\"ES256\","), ERR_INPUT },
        { "another use", KEY("\"use\":\"sets\",\"algorithm\":\"ES256\","), ERR_INPUT },
        { "another algorithm", KEY("\"algorithm\":\"HS256\","), ERR_INPUT },
        { "an empty algorithm", KEY("\"algorithm\":\"\","), ERR_INPUT },
        { "no algorithm", KEY(""), ERR_INPUT },
        { "no keys", "{}", ERR_INPUT },
        { "cut short", "{\"keys\":[", ERR_INPUT },
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct signing_keys keys;
        enum err_code code = signing_keys_from_json(span_of(rows[i].body), &w->arena, &keys, &w->err);
        if (code != rows[i].code)
            fail_msg("%s: %s", rows[i].name, err_name(code));
    }
}

static void a_silent_store_is_said_so(void **state)
{
    struct world *w = *state;
    struct signing_keys keys;
    fake_store_fail(w->server, ERR_UNAVAILABLE, 100);
    assert_int_equal(signing_keys_ensure(&w->node, w->store, &w->err), ERR_UNAVAILABLE);
    assert_int_equal(signing_keys_read(&w->node, w->store, &w->arena, &keys, &w->err), ERR_UNAVAILABLE);
}

static void stored_keys_of_another_kind_are_refused(void **state)
{
    (void)state;
    struct signing_key_pair *pair = NULL, *again = NULL;
    struct buf der;
    struct err err;
    buf_init(&der, 4096);
    assert_int_equal(signing_key_pair_new(SIGNING_ES256, &pair, &err), OK);
    assert_int_equal(signing_key_pair_private(pair, &der, &err), OK);
    assert_int_equal(signing_key_pair_from(SIGNING_ES256, buf_span(&der), &again, &err), OK);
    signing_key_pair_free(again);
    again = NULL;
    assert_int_equal(signing_key_pair_from(SIGNING_RS256, buf_span(&der), &again, &err), ERR_INPUT);
    assert_int_equal(signing_key_pair_from(SIGNING_ES256, span_slice(buf_span(&der), 0, der.bytes - 1), &again, &err), ERR_INPUT);
    assert_int_equal(signing_key_pair_from(SIGNING_ES256, SPAN_NONE, &again, &err), ERR_INPUT);
    assert_null(again);
    signing_key_pair_free(pair);
    buf_wipe(&der);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(keys_are_made_once),
        STORY(what_is_signed_verifies_with_the_published_key),
        STORY(both_algorithms_verify_for_those_who_read_the_published_set),
        STORY(what_was_altered_does_not_verify),
        STORY(the_kid_is_the_thumbprint_of_rfc_7638),
        STORY(the_key_set_shows_no_private_half),
        STORY(a_new_key_is_published_before_it_signs_and_the_old_one_stays_after),
        STORY(keys_for_oidc_are_published_two_days_ahead),
        STORY(rotating_again_and_again_never_leaves_nobody_to_sign),
        STORY(rotating_too_often_is_refused_and_changes_nothing),
        STORY(a_key_sealed_under_another_root_key_signs_nothing_and_stays_published),
        STORY(before_the_record_was_read_nothing_is_signed),
        STORY(signing_needs_no_store),
        STORY(rsa_keys_carry_a_certificate_of_their_own),
        STORY(the_kid_of_an_rsa_key_is_base64_in_either_alphabet),
        STORY(saml_signs_with_a_key_of_its_own_and_tells_the_next_one_ahead),
        STORY(keys_for_saml_are_not_in_the_key_set),
        STORY(a_lost_key_is_withdrawn_at_once),
        STORY(leads_are_bounded),
        STORY(an_old_record_is_read),
        STORY(records_are_read_or_refused),
        STORY(claims_are_bounded),
        STORY(a_silent_store_is_said_so),
        STORY(stored_keys_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
