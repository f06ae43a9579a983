#include "posture/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const uint8_t root[SECRET_KEY_BYTES] = { 1, 2, 3 };

static struct secret *fresh(uint8_t first)
{
    uint8_t key[SECRET_KEY_BYTES] = { first };
    struct secret *s = NULL;
    struct err err;
    assert_int_equal(secret_new(key, &s, &err), OK);
    return s;
}

static void hashes_are_sha_256(void **state)
{
    (void)state;
    static const struct { /* FIPS 180-4, NIST example values */
        const char *text, *hex;
    } rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    char hex[SECRET_HEX_BYTES + 1];
    for (size_t i = 0; i < COUNT(rows); i++) {
        secret_sha256_hex(span_of(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
    secret_sha256_hex(SPAN_NONE, hex);
    assert_string_equal(hex, rows[0].hex);
}

static void macs_are_hmac_sha_256(void **state)
{
    (void)state;
    char long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    const struct { /* RFC 4231 sections 4.2, 4.3 and 4.7; the last is Python's hmac with nothing at all */
        struct span key, data;
        const char *hex;
    } rows[] = {
        { SPAN_LITERAL("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"), SPAN_LITERAL("Hi There"),
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { SPAN_LITERAL("Jefe"), SPAN_LITERAL("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { { long_key, sizeof long_key }, SPAN_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { SPAN_NONE, SPAN_NONE, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t mac[SECRET_HASH_BYTES];
        char hex[SECRET_HEX_BYTES + 1];
        secret_hmac(rows[i].key, rows[i].data, mac);
        secret_hex(mac, sizeof mac, hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void base64_is_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        struct span plain;
        const char *padded, *url;
    } rows[] = {
        { SPAN_LITERAL(""), "", "" },
        { SPAN_LITERAL("f"), "Zg==", "Zg" },
        { SPAN_LITERAL("fo"), "Zm8=", "Zm8" },
        { SPAN_LITERAL("foo"), "Zm9v", "Zm9v" },
        { SPAN_LITERAL("foob"), "Zm9vYg==", "Zm9vYg" },
        { SPAN_LITERAL("fooba"), "Zm9vYmE=", "Zm9vYmE" },
        { SPAN_LITERAL("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
        { SPAN_LITERAL("\xfb\xff\0"), "+/8A", "-_8A" },
        { SPAN_LITERAL("\xff\xff"), "//8=", "__8" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(buf_done) struct buf padded, url, from_padded, from_url;
        buf_init(&padded, 100), buf_init(&url, 100), buf_init(&from_padded, 100), buf_init(&from_url, 100);
        assert_true(secret_base64(rows[i].plain, &padded));
        assert_string_equal(buf_text(&padded), rows[i].padded);
        assert_true(secret_base64url(rows[i].plain, &url));
        assert_string_equal(buf_text(&url), rows[i].url);
        assert_int_equal(secret_from_base64(buf_span(&padded), 6, &from_padded, NULL), OK);
        assert_true(span_equal(buf_span(&from_padded), rows[i].plain));
        assert_int_equal(secret_from_base64url(buf_span(&url), 6, &from_url, NULL), OK);
        assert_true(span_equal(buf_span(&from_url), rows[i].plain));
    }
}

static void a_certificate_is_written_in_lines_of_64(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out;
    char der[50];
    memset(der, 0, sizeof der);
    buf_init(&out, 1000);
    assert_true(secret_certificate_pem(span_make(der, sizeof der), &out));
    assert_string_equal(buf_text(&out), "-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAA=\n-----END CERTIFICATE-----\n");
    CLEANUP(buf_done) struct buf small;
    buf_init(&small, 60);
    assert_false(secret_certificate_pem(span_make(der, sizeof der), &small));
}

static void base64_that_no_encoder_writes_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        enum err_code padded, url;
    } rows[] = {
        { SPAN_LITERAL("Z"), ERR_INPUT, ERR_INPUT },          { SPAN_LITERAL("Zg"), ERR_INPUT, OK },
        { SPAN_LITERAL("Zg=="), OK, ERR_INPUT },              { SPAN_LITERAL("Zh=="), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("Zh"), ERR_INPUT, ERR_INPUT },         { SPAN_LITERAL("Zm9="), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("Zg="), ERR_INPUT, ERR_INPUT },        { SPAN_LITERAL("Z==="), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("===="), ERR_INPUT, ERR_INPUT },       { SPAN_LITERAL("Zm 9"), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("Zm9v\n"), ERR_INPUT, ERR_INPUT },     { SPAN_LITERAL("Zg==Zg=="), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("Zm\0v"), ERR_INPUT, ERR_INPUT },      { SPAN_LITERAL("+/8A"), OK, ERR_INPUT },
        { SPAN_LITERAL("-_8A"), ERR_INPUT, OK },              { SPAN_LITERAL("\xff\xff\xff\xff"), ERR_INPUT, ERR_INPUT },
        { SPAN_LITERAL("Zm9vYmFyZm9v"), ERR_LIMIT, ERR_LIMIT }, /* 9 bytes */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(buf_done) struct buf out;
        buf_init(&out, 100);
        assert_true(buf_append_text(&out, "x"));
        if (secret_from_base64(rows[i].text, 8, &out, NULL) != rows[i].padded)
            fail_msg("padded: %.*s", SPAN_ARGS(rows[i].text));
        if (rows[i].padded != OK)
            assert_string_equal(buf_text(&out), "x");
        buf_clear(&out);
        if (secret_from_base64url(rows[i].text, 8, &out, NULL) != rows[i].url)
            fail_msg("base64url: %.*s", SPAN_ARGS(rows[i].text));
        if (rows[i].url != OK)
            assert_string_equal(buf_text(&out), "");
    }
}

static void new_ids_are_well_formed_and_differ(void **state)
{
    (void)state;
    char a[SECRET_ID_BYTES + 1], b[SECRET_ID_BYTES + 1];
    secret_new_id('d', a);
    secret_new_id('d', b);
    assert_int_equal(strlen(a), SECRET_ID_BYTES);
    assert_true(secret_is_id(span_of(a), 'd'));
    assert_false(secret_is_id(span_of(a), 'p'));
    assert_string_not_equal(a, b);
}

static void foreign_ids_are_refused(void **state)
{
    (void)state;
    assert_true(secret_is_id(SPAN_LITERAL("d_abcdefghijklmnopqrstuvwx27"), 'd'));
    static const struct span rows[] = {
        SPAN_LITERAL(""), SPAN_LITERAL("d_"), SPAN_LITERAL("d_abcdefghijklmnopqrstuvwx2"), SPAN_LITERAL("d_abcdefghijklmnopqrstuvwx277"),
        SPAN_LITERAL("d-abcdefghijklmnopqrstuvwx27"), SPAN_LITERAL("d_Abcdefghijklmnopqrstuvwx27"), SPAN_LITERAL("d_abcdefghijklmnopqrstuvwx18"),
        SPAN_LITERAL("d_abcdefghijklmnopqrstuvwx2\0"), SPAN_LITERAL("d_abcdefghijklm/opqrstuvwx27"),
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (secret_is_id(rows[i], 'd'))
            fail_msg("accepted: %.*s", SPAN_ARGS(rows[i]));
}

static void random_text_is_base64url(void **state)
{
    (void)state;
    char text[44] = "";
    secret_random_text(text, 43);
    assert_int_equal(strlen(text), 43);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    secret_random(NULL, 0);
}

static void each_purpose_and_root_has_its_own_mac(void **state)
{
    (void)state;
    struct secret *a = fresh(1), *b = fresh(2);
    uint8_t macs[SECRET_PURPOSES + 1][SECRET_HASH_BYTES], again[SECRET_HASH_BYTES];
    for (unsigned purpose = 0; purpose < SECRET_PURPOSES; purpose++)
        secret_mac(a, purpose, SPAN_LITERAL("x"), macs[purpose]);
    secret_mac(b, SECRET_LINK, SPAN_LITERAL("x"), macs[SECRET_PURPOSES]);
    for (size_t i = 0; i <= SECRET_PURPOSES; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(macs[i], macs[j], SECRET_HASH_BYTES);
    secret_mac(a, SECRET_LINK, SPAN_LITERAL("x"), again);
    assert_memory_equal(again, macs[SECRET_LINK], SECRET_HASH_BYTES);
    secret_done(a);
    secret_done(b);
    secret_done(NULL);
}

/* What was stored must open after an update: these words and this derivation may not change.
 * The expected value is HKDF and HMAC from Python's hmac module. */
static void derived_keys_stay_what_they_were(void **state)
{
    (void)state;
    struct secret *s = NULL;
    struct err err;
    assert_int_equal(secret_new(root, &s, &err), OK);
    uint8_t mac[SECRET_HASH_BYTES];
    char hex[SECRET_HEX_BYTES + 1];
    secret_mac(s, SECRET_LINK, SPAN_LITERAL("message"), mac);
    secret_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "2bc747c5939bb896732f210c2df4d328973a5d1619783e124a2dc31b16ff2094");
    secret_done(s);
}

static void what_is_sealed_opens_again(void **state)
{
    (void)state;
    struct secret *s = fresh(1);
    static char longest[SECRET_SEAL_MAX_BYTES];
    const struct {
        const char *name;
        struct span context, plain;
    } rows[] = {
        { "usual", SPAN_LITERAL("device d_1"), SPAN_LITERAL("token") },
        { "nothing", SPAN_LITERAL("device d_1"), SPAN_NONE },
        { "no context", SPAN_NONE, SPAN_LITERAL("a\0b") },
        { "longest", SPAN_NONE, { longest, sizeof longest } },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(buf_wipe) struct buf text, plain;
        struct err err = { 0 };
        buf_init(&text, SIZE_MAX / 2), buf_init(&plain, SECRET_SEAL_MAX_BYTES);
        if (secret_seal(s, SECRET_SEALED, rows[i].context, rows[i].plain, &text, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        if (secret_open(s, SECRET_SEALED, rows[i].context, buf_span(&text), &plain, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_true(span_equal(buf_span(&plain), rows[i].plain));
    }
    secret_done(s);
}

static void too_much_to_seal_is_refused(void **state)
{
    (void)state;
    struct secret *s = fresh(1);
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    char *over = calloc(1, SECRET_SEAL_MAX_BYTES + 1);
    struct span data = { over, SECRET_SEAL_MAX_BYTES + 1 };
    assert_int_equal(secret_seal(s, SECRET_SEALED, SPAN_NONE, data, &text, NULL), ERR_LIMIT);
    assert_int_equal(secret_seal(s, SECRET_SEALED, data, SPAN_NONE, &text, NULL), ERR_LIMIT);
    assert_int_equal(text.bytes, 0);
    free(over);
    secret_done(s);
}

static void two_seals_of_the_same_differ(void **state)
{
    (void)state;
    struct secret *s = fresh(1);
    CLEANUP(buf_done) struct buf a, b;
    buf_init(&a, 200), buf_init(&b, 200);
    assert_int_equal(secret_seal(s, SECRET_SEALED, SPAN_NONE, SPAN_LITERAL("x"), &a, NULL), OK);
    assert_int_equal(secret_seal(s, SECRET_SEALED, SPAN_NONE, SPAN_LITERAL("x"), &b, NULL), OK);
    assert_false(span_equal(buf_span(&a), buf_span(&b)));
    secret_done(s);
}

static void assert_denied(const struct secret *s, enum secret_purpose purpose, struct span context, struct span text)
{
    CLEANUP(buf_done) struct buf plain;
    struct err err;
    buf_init(&plain, 1000);
    assert_true(buf_append_text(&plain, "kept"));
    assert_int_equal(secret_open(s, purpose, context, text, &plain, &err), ERR_DENIED);
    assert_string_equal(buf_text(&plain), "kept");
}

static void anything_altered_is_denied(void **state)
{
    (void)state;
    struct secret *s = fresh(1), *other = fresh(2);
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 1000);
    struct span context = SPAN_LITERAL("c");
    assert_int_equal(secret_seal(s, SECRET_SEALED, context, SPAN_LITERAL("twelve bytes"), &text, NULL), OK);
    assert_denied(s, SECRET_CURSOR, context, buf_span(&text));
    assert_denied(other, SECRET_SEALED, context, buf_span(&text));
    assert_denied(s, SECRET_SEALED, SPAN_LITERAL("d"), buf_span(&text));
    assert_denied(s, SECRET_SEALED, SPAN_NONE, buf_span(&text));
    for (size_t i = 0; i < text.bytes; i++) {
        assert_denied(s, SECRET_SEALED, context, span_slice(buf_span(&text), 0, i)); /* cut short */
        char kept = text.at[i];
        text.at[i] = kept == 'A' ? 'B' : 'A';
        assert_denied(s, SECRET_SEALED, context, buf_span(&text));
        text.at[i] = kept;
    }
    assert_true(buf_append_text(&text, "AAAA"));
    assert_denied(s, SECRET_SEALED, context, buf_span(&text));
    assert_denied(s, SECRET_SEALED, context, SPAN_LITERAL("no base64url!"));
    secret_done(s);
    secret_done(other);
}

static void what_does_not_fit_is_not_opened(void **state)
{
    (void)state;
    struct secret *s = fresh(1);
    CLEANUP(buf_done) struct buf text, plain, small;
    buf_init(&text, 1000), buf_init(&plain, 3), buf_init(&small, 10);
    assert_int_equal(secret_seal(s, SECRET_SEALED, SPAN_NONE, SPAN_LITERAL("four"), &text, NULL), OK);
    assert_int_equal(secret_open(s, SECRET_SEALED, SPAN_NONE, buf_span(&text), &plain, NULL), ERR_LIMIT);
    assert_int_equal(plain.bytes, 0);
    assert_int_equal(secret_seal(s, SECRET_SEALED, SPAN_NONE, SPAN_LITERAL("four"), &small, NULL), ERR_LIMIT);
    secret_done(s);
}

static void wiping_overwrites(void **state)
{
    (void)state;
    char text[] = "secret";
    secret_wipe(text, sizeof text);
    assert_memory_equal(text, "\0\0\0\0\0\0", sizeof text);
    secret_wipe(NULL, 0);
    secret_free(NULL, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_sha_256),
        cmocka_unit_test(macs_are_hmac_sha_256),
        cmocka_unit_test(base64_is_rfc_4648),
        cmocka_unit_test(a_certificate_is_written_in_lines_of_64),
        cmocka_unit_test(base64_that_no_encoder_writes_is_refused),
        cmocka_unit_test(new_ids_are_well_formed_and_differ),
        cmocka_unit_test(foreign_ids_are_refused),
        cmocka_unit_test(random_text_is_base64url),
        cmocka_unit_test(each_purpose_and_root_has_its_own_mac),
        cmocka_unit_test(derived_keys_stay_what_they_were),
        cmocka_unit_test(what_is_sealed_opens_again),
        cmocka_unit_test(too_much_to_seal_is_refused),
        cmocka_unit_test(two_seals_of_the_same_differ),
        cmocka_unit_test(anything_altered_is_denied),
        cmocka_unit_test(what_does_not_fit_is_not_opened),
        cmocka_unit_test(wiping_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
