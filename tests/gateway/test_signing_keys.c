/* The keys that sign statements: made once for all nodes, rotated with an overlap, and what they sign verifies with the published halves alone. */
#include "gateway/metrics.h"
#include "gateway/signing_key_pair.h"
#include "gateway/signing_keys.h"
#include "posture/base/from_json.h"
#include "tests/support/fake_store.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

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
    arena_done(&w->arena);
    w->store->ops->free(w->store);
    fake_store_free(w->server);
    secret_done(w->node.secret);
    secret_done(w->other_secret);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

static struct signing_keys read_keys(struct world *w)
{
    struct signing_keys keys;
    if (signing_keys_read(&w->node, w->store, &w->arena, &keys, &w->err) != OK)
        fail_msg("%s", w->err.text);
    return keys;
}

static void rotate(struct world *w, enum signing_algorithm a)
{
    if (signing_keys_rotate(&w->node, w->store, 1u << a, SPAN_LITERAL("admin:test"), &w->err) != OK)
        fail_msg("%s", w->err.text);
}

/* "signing" is s, "next" n, "leaving" l, of one algorithm in the order of the record. */
static const char *states(struct world *w, enum signing_algorithm a, char out[SIGNING_KEYS_MOST + 1])
{
    struct signing_keys keys = read_keys(w);
    size_t used = 0;
    for (size_t i = 0; i < keys.count; i++)
        if (keys.all[i].algorithm == a)
            out[used++] = signing_key_state(&keys, &keys.all[i], w->now_s)[0];
    out[used] = '\0';
    return out;
}

/* ---- verifying, with the key set alone ---- */

static struct span sign(struct world *w, const char *claims)
{
    struct buf jwt;
    buf_init(&jwt, 256 * 1024);
    if (signing_keys_sign_jwt(&w->node, w->store, span_of(claims), SPAN_LITERAL("posture+jwt"), &jwt, &w->err) != OK)
        fail_msg("%s", w->err.text);
    struct span text = arena_copy(&w->arena, buf_span(&jwt));
    buf_done(&jwt);
    return text;
}

static struct from_json *key_set(struct world *w)
{
    struct signing_keys keys = read_keys(w);
    struct from_json *doc = NULL;
    struct buf json;
    struct to_json writer;
    buf_init(&json, 64 * 1024);
    to_json_init(&writer, &json);
    signing_keys_write_jwks(&keys, &writer);
    assert_int_equal(from_json_parse(buf_span(&json), (struct from_json_limits){ 64 * 1024, 4 }, "jwks", &doc, &w->err), OK);
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
    assert_int_equal(first.count, SIGNING_ALGORITHMS);
    assert_int_equal(second.count, SIGNING_ALGORITHMS);
    for (size_t i = 0; i < first.count; i++)
        assert_true(span_equal(first.all[i].kid, second.all[i].kid));
    assert_int_equal(fake_store_event_count(w->server, "key.signing_created"), SIGNING_ALGORITHMS);
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
    CLEANUP(from_json_freep) struct from_json *set = key_set(w);
    struct from_json_value root = from_json_root(set), keys = from_json_member(&root, "keys");
    assert_int_equal(from_json_count(&keys), 2);
    for (size_t i = 0; i < 2; i++) {
        struct from_json_value k = from_json_item(&keys, i);
        CLEANUP(buf_done) struct buf json, kid;
        uint8_t hash[SECRET_HASH_BYTES];
        buf_init(&json, 4096);
        buf_init(&kid, 64);
        if (span_equal_text(text_of(&k, "kty"), "EC"))
            buf_format(&json, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}", SPAN_ARGS(text_of(&k, "x")), SPAN_ARGS(text_of(&k, "y")));
        else
            buf_format(&json, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", SPAN_ARGS(text_of(&k, "n")));
        secret_sha256(buf_span(&json), hash);
        assert_true(secret_base64url(span_make(hash, sizeof hash), &kid));
        assert_true(span_equal(text_of(&k, "kid"), buf_span(&kid)));
        assert_true(span_equal_text(text_of(&k, "use"), "sig"));
    }
}

static void the_key_set_shows_no_private_half(void **state)
{
    struct world *w = *state;
    static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "sealed", "k" };
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
    assert_string_equal(states(w, SIGNING_ES256, got), "s");
    struct span before = sign(w, "{}"), old_kid = verified_by(w, before);
    rotate(w, SIGNING_ES256);
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
        if (strcmp(states(w, SIGNING_ES256, got), rows[i].es256) != 0 || span_equal(kid, old_kid) != rows[i].old_signs || span_empty(verified_by(w, before)) == rows[i].old_published)
            fail_msg("row %zu: %s", i, got);
        assert_string_equal(states(w, SIGNING_RS256, got), "s");
    }
    assert_int_equal(fake_store_event_count(w->server, "key.signing_rotated"), 1);
}

static void keys_for_oidc_are_published_two_days_ahead(void **state)
{
    struct world *w = *state;
    char got[SIGNING_KEYS_MOST + 1];
    (void)read_keys(w);
    rotate(w, SIGNING_RS256);
    w->now_s = START_S + 2 * DAY_S - 1;
    assert_string_equal(states(w, SIGNING_RS256, got), "sn");
    w->now_s = START_S + 2 * DAY_S;
    assert_string_equal(states(w, SIGNING_RS256, got), "ls");
}

static void rotating_again_and_again_never_leaves_nobody_to_sign(void **state)
{
    struct world *w = *state;
    (void)read_keys(w);
    for (int i = 0; i < 40; i++) {
        w->now_s += DAY_S / 8;
        rotate(w, SIGNING_ES256);
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
        states(w, SIGNING_ES256, before);
        code = signing_keys_rotate(&w->node, w->store, 1u << SIGNING_ES256, SPAN_LITERAL("admin:test"), &w->err);
        rotated += code == OK;
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_int_equal(rotated, SIGNING_KEYS_MOST - SIGNING_ALGORITHMS);
    assert_string_equal(states(w, SIGNING_ES256, after), before);
}

static void a_key_sealed_under_another_root_key_signs_nothing(void **state)
{
    struct world *w = *state;
    struct secret *own = w->node.secret;
    struct buf jwt;
    (void)read_keys(w);
    buf_init(&jwt, 4096);
    w->node.secret = w->other_secret;
    assert_int_equal(signing_keys_sign_jwt(&w->node, w->store, SPAN_LITERAL("{}"), SPAN_LITERAL("posture+jwt"), &jwt, &w->err), ERR_DENIED);
    assert_int_equal(jwt.bytes, 0);
    w->node.secret = own;
}

static void claims_are_bounded(void **state)
{
    struct world *w = *state;
    struct span longest = arena_format(&w->arena, "\"%0*d\"", SIGNING_CLAIMS_BYTES - 2, 0), over = arena_format(&w->arena, "\"%0*d\"", SIGNING_CLAIMS_BYTES - 1, 0);
    struct buf jwt;
    buf_init(&jwt, 256 * 1024);
    assert_int_equal(longest.bytes, SIGNING_CLAIMS_BYTES);
    assert_int_equal(signing_keys_sign_jwt(&w->node, w->store, longest, SPAN_LITERAL("posture+jwt"), &jwt, &w->err), OK);
    buf_clear(&jwt);
    assert_int_equal(signing_keys_sign_jwt(&w->node, w->store, over, SPAN_LITERAL("posture+jwt"), &jwt, &w->err), ERR_LIMIT);
    buf_done(&jwt);
}

static void a_silent_store_is_said_so(void **state)
{
    struct world *w = *state;
    struct signing_keys keys;
    fake_store_fail(w->server, ERR_UNAVAILABLE, 100);
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
        STORY(what_was_altered_does_not_verify),
        STORY(the_kid_is_the_thumbprint_of_rfc_7638),
        STORY(the_key_set_shows_no_private_half),
        STORY(a_new_key_is_published_before_it_signs_and_the_old_one_stays_after),
        STORY(keys_for_oidc_are_published_two_days_ahead),
        STORY(rotating_again_and_again_never_leaves_nobody_to_sign),
        STORY(rotating_too_often_is_refused_and_changes_nothing),
        STORY(a_key_sealed_under_another_root_key_signs_nothing),
        STORY(claims_are_bounded),
        STORY(a_silent_store_is_said_so),
        STORY(stored_keys_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
