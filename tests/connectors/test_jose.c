/* Tokens and keys of strangers: the RFC's own examples verify, and whatever was bent does not. */
#include "connectors/identity/jose.h"
#include "tests/support/token_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { NOW_S = 1800000000, ALL = JOSE_RS256 | JOSE_PS256 | JOSE_ES256 };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define CLAIMS "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"iat\":1800000000}"

/* One key of each kind for all stories: RSA keys take long to make. */
static struct token_key *rsa, *other_rsa, *small_rsa, *ec, *other_ec, *p384;

static int set_up(void **state)
{
    (void)state;
    rsa = token_key_new(TOKEN_KEY_RSA, 2048);
    other_rsa = token_key_new(TOKEN_KEY_RSA, 2048);
    small_rsa = token_key_new(TOKEN_KEY_RSA, 1024);
    ec = token_key_new(TOKEN_KEY_EC, 0);
    other_ec = token_key_new(TOKEN_KEY_EC, 0);
    p384 = token_key_curve("P-384");
    return 0;
}

static int tear_down(void **state)
{
    struct token_key *all[] = { rsa, other_rsa, small_rsa, ec, other_ec, p384 };
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        token_key_free(all[i]);
    return 0;
}

/* {"keys":[...]} of both kinds: "r" and "e". Owned. */
static struct jose_keys *both_keys(void)
{
    char *r = token_key_jwk(rsa, "\"kid\":\"r\""), *e = token_key_jwk(ec, "\"kid\":\"e\"");
    char json[8192];
    struct jose_keys *keys = NULL;
    struct err err;
    snprintf(json, sizeof json, "{\"keys\":[%s,%s]}", r, e);
    if (jose_keys_read(span_of(json), &keys, &err) != OK)
        fail_msg("%s", err.text);
    free(r);
    free(e);
    return keys;
}

static enum err_code verify(const char *text, const struct jose_keys *keys, unsigned algorithms, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    enum err_code code = jose_token_read(span_of(text), &token, err);
    return code == OK ? jose_token_verify(token, keys, algorithms, err) : code;
}

/* ---- the standard's own ---- */

#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
static const struct { const char *name, *jwk, *token; } rfc[] = {
    { "RFC 7515 appendix A.2: RS256",
      "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690"
      "r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs9"
      "1kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
      "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
      ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSj"
      "tQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
    { "RFC 7515 appendix A.3: ES256",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
};

static void the_examples_of_the_standard_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rfc); i++) {
        CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
        CLEANUP(jose_token_freep) struct jose_token *token = NULL;
        struct err err;
        struct span issuer = SPAN_NONE;
        print_message("%s\n", rfc[i].name);
        assert_int_equal(jose_keys_read(span_of(rfc[i].jwk), &keys, &err), OK);
        assert_int_equal(jose_token_read(span_of(rfc[i].token), &token, &err), OK);
        assert_int_equal(jose_token_verify(token, keys, ALL, &err), OK);
        struct from_json_value claims = jose_token_claims(token), iss = from_json_member(&claims, "iss");
        assert_int_equal(from_json_text(&iss, 16, &issuer, &err), OK);
        assert_true(span_equal_text(issuer, "joe"));
    }
}

static void one_flipped_bit_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rfc); i++) {
        CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
        struct err err;
        char *text = strdup(rfc[i].token);
        assert_non_null(text);
        assert_int_equal(jose_keys_read(span_of(rfc[i].jwk), &keys, &err), OK);
        for (size_t at = 0; at < strlen(text); at++) {
            text[at] ^= 1;
            if (verify(text, keys, ALL, &err) == OK)
                fail_msg("%s: a bit at %zu", rfc[i].name, at);
            text[at] ^= 1;
        }
        assert_int_equal(verify(text, keys, ALL, &err), OK);
        free(text);
    }
}

/* ---- tokens that a stranger bent ---- */

static void tokens_are_taken_or_refused(void **state)
{
    char big[600], jwk[1024];
    CLEANUP(jose_keys_freep) struct jose_keys *keys = both_keys();
    char *attacker = token_key_jwk(other_rsa, ""), *public_text = token_key_jwk(rsa, "\"kid\":\"r\"");
    (void)state;
    memset(big, 'k', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    char long_kid[700];
    snprintf(long_kid, sizeof long_kid, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", big);
    snprintf(jwk, sizeof jwk, "{\"alg\":\"RS256\",\"kid\":\"r\",\"jwk\":%s,\"jku\":\"https://attacker.example/jwks\",\"x5u\":\"https://attacker.example/x5u\"}", attacker);
    const struct { const char *name; char *token; enum err_code code; } rows[] = {
        { "RS256", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS), OK },
        { "PS256 with the same key", token_make(rsa, true, "{\"alg\":\"PS256\",\"kid\":\"r\"}", CLAIMS), OK },
        { "ES256", token_make(ec, false, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS), OK },
        { "no kid, one key of the kind", token_make(ec, false, "{\"alg\":\"ES256\"}", CLAIMS), OK },
        { "unknown members of the header", token_make(ec, false, "{\"alg\":\"ES256\",\"kid\":\"e\",\"x\":{\"y\":[1]}}", CLAIMS), OK },
        { "none", token_make_signed("{\"alg\":\"none\",\"kid\":\"r\"}", CLAIMS, "x", 1), ERR_INPUT },
        { "none, no signature", token_make_signed("{\"alg\":\"none\"}", CLAIMS, "", 0), ERR_INPUT },
        { "nOnE", token_make_signed("{\"alg\":\"nOnE\"}", CLAIMS, "x", 1), ERR_INPUT },
        { "no alg", token_make_signed("{\"kid\":\"r\"}", CLAIMS, "x", 1), ERR_INPUT },
        { "alg is a number", token_make_signed("{\"alg\":256}", CLAIMS, "x", 1), ERR_INPUT },
        { "alg in small letters", token_make(rsa, false, "{\"alg\":\"rs256\",\"kid\":\"r\"}", CLAIMS), ERR_INPUT },
        { "HS256 with the public key's text as secret", token_make_hmac(public_text, "{\"alg\":\"HS256\",\"kid\":\"r\"}", CLAIMS), ERR_INPUT },
        { "RS256 said, HMAC made", token_make_hmac(public_text, "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS), ERR_DENIED },
        { "ES256 said of an RSA key", token_make(rsa, false, "{\"alg\":\"ES256\",\"kid\":\"r\"}", CLAIMS), ERR_NOT_FOUND },
        { "RS256 said of an EC key", token_make(ec, false, "{\"alg\":\"RS256\",\"kid\":\"e\"}", CLAIMS), ERR_NOT_FOUND },
        { "PS256 said, RS256 made", token_make(rsa, false, "{\"alg\":\"PS256\",\"kid\":\"r\"}", CLAIMS), ERR_DENIED },
        { "RS256 said, PS256 made", token_make(rsa, true, "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS), ERR_DENIED },
        { "another key", token_make(other_rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS), ERR_DENIED },
        { "another EC key", token_make(other_ec, false, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS), ERR_DENIED },
        { "unknown kid", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"R\"}", CLAIMS), ERR_NOT_FOUND },
        { "kid too long", token_make(rsa, false, long_kid, CLAIMS), ERR_INPUT },
        { "kid is a number", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":1}", CLAIMS), ERR_INPUT },
        { "kid is null", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":null}", CLAIMS), ERR_INPUT },
        { "a key of its own inside, addresses too: ignored", token_make(rsa, false, jwk, CLAIMS), OK },
        { "a key of its own inside, signed with that", token_make(other_rsa, false, jwk, CLAIMS), ERR_DENIED },
        { "crit", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"exp\"]}", CLAIMS), ERR_INPUT },
        { "empty crit", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[]}", CLAIMS), ERR_INPUT },
        { "unencoded payload", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\",\"b64\":false}", CLAIMS), ERR_INPUT },
        { "alg twice", token_make(rsa, false, "{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"r\"}", CLAIMS), ERR_INPUT },
        { "a claim twice", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"a\",\"iss\":\"b\"}"), ERR_INPUT },
        { "header is a list", token_make(rsa, false, "[\"RS256\"]", CLAIMS), ERR_INPUT },
        { "claims are a list", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "[]"), ERR_INPUT },
        { "claims are text", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "\"x\""), ERR_INPUT },
        { "claims are no JSON", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":"), ERR_INPUT },
        { "claims nested deep", token_make(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"), ERR_INPUT },
        { "NUL in the header", token_make(rsa, false, "{\"alg\":\"RS256\\u0000\",\"kid\":\"r\"}", CLAIMS), ERR_INPUT },
        { "half a signature", token_make_signed("{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS, big, 32), ERR_DENIED },
        { "signature one byte too long", token_make_signed("{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS, big, 65), ERR_DENIED },
        { "signature of zeros", token_make_signed("{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS, (const char[64]){ 0 }, 64), ERR_DENIED },
        { "RSA signature too short", token_make_signed("{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS, big, 255), ERR_DENIED },
        { "RSA signature too long", token_make_signed("{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS, big, 257), ERR_DENIED },
        { "no text", strdup(""), ERR_INPUT },
        { "two dots", strdup(".."), ERR_INPUT },
        { "two parts", strdup("eyJhbGciOiJSUzI1NiJ9.e30"), ERR_INPUT },
        { "four parts", strdup("eyJhbGciOiJSUzI1NiJ9.e30.AA.AA"), ERR_INPUT },
        { "a dot at the end", strdup("eyJhbGciOiJSUzI1NiJ9.e30.AA."), ERR_INPUT },
        { "an encrypted token", strdup("eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA"), ERR_INPUT },
        { "padding", strdup("eyJhbGciOiJSUzI1NiJ9.e30=.AA"), ERR_INPUT },
        { "letters of the other base64", strdup("eyJhbGciOiJSUzI1NiJ9.e30.a+/a"), ERR_INPUT },
        { "bits left over", strdup("eyJhbGciOiJSUzI1NiJ9.e31.AB"), ERR_INPUT },
        { "white space", strdup("eyJhbGciOiJSUzI1NiJ9.e30 .AA"), ERR_INPUT },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = { 0 };
        enum err_code code = verify(rows[i].token, keys, ALL, &err);
        if (code != rows[i].code)
            fail_msg("%s: %s (%s)", rows[i].name, err_name(code), err.text);
        free(rows[i].token);
    }
    free(attacker);
    free(public_text);
}

static void the_header_cannot_choose_beyond_what_the_caller_allows(void **state)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = both_keys();
    struct err err;
    char *es = token_make(ec, false, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS), *ps = token_make(rsa, true, "{\"alg\":\"PS256\",\"kid\":\"r\"}", CLAIMS);
    (void)state;
    assert_int_equal(verify(es, keys, JOSE_RS256, &err), ERR_DENIED);
    assert_int_equal(verify(ps, keys, JOSE_RS256 | JOSE_ES256, &err), ERR_DENIED);
    assert_int_equal(verify(ps, keys, JOSE_PS256, &err), OK);
    free(es);
    free(ps);
}

static void a_token_of_any_length_is_read_whole_or_refused(void **state)
{
    char *text = malloc(JOSE_TOKEN_BYTES + 2);
    struct jose_token *token = NULL;
    struct err err;
    (void)state;
    assert_non_null(text);
    static const char begin[] = "eyJhbGciOiJSUzI1NiJ9.e30.";
    memset(text, 'A', JOSE_TOKEN_BYTES + 1);
    memcpy(text, begin, sizeof begin - 1);
    size_t most = JOSE_TOKEN_BYTES - (JOSE_TOKEN_BYTES - (sizeof begin - 1)) % 4; /* a whole number of groups */
    assert_int_equal(jose_token_read(span_make(text, most), &token, &err), OK);
    jose_token_free(token);
    assert_int_equal(jose_token_read(span_make(text, JOSE_TOKEN_BYTES + 1), &token, &err), ERR_LIMIT);
    for (size_t bytes = 0; bytes < sizeof begin; bytes++)
        if (jose_token_read(span_make(text, bytes), &token, &err) == OK)
            fail_msg("cut at %zu", bytes);
    free(text);
}

static void without_a_kid_the_key_must_be_plain(void **state)
{
    char json[8192];
    char *a = token_key_jwk(rsa, ""), *b = token_key_jwk(other_rsa, ""), *token = token_make(rsa, false, "{\"alg\":\"RS256\"}", CLAIMS);
    CLEANUP(jose_keys_freep) struct jose_keys *one = NULL;
    CLEANUP(jose_keys_freep) struct jose_keys *two = NULL;
    struct err err;
    (void)state;
    snprintf(json, sizeof json, "{\"keys\":[%s,%s]}", a, b);
    assert_int_equal(jose_keys_read(span_of(json), &two, &err), OK);
    assert_int_equal(jose_keys_read(span_of(a), &one, &err), OK);
    assert_int_equal(verify(token, one, ALL, &err), OK);
    assert_int_equal(verify(token, two, ALL, &err), ERR_NOT_FOUND);
    free(a);
    free(b);
    free(token);
}

/* ---- key sets ---- */

static void key_sets_are_taken_or_refused(void **state)
{
    char *good = token_key_jwk(rsa, ""), *sig = token_key_jwk(rsa, "\"use\":\"sig\",\"alg\":\"RS256\""), *enc = token_key_jwk(rsa, "\"use\":\"enc\"");
    char *rs512 = token_key_jwk(rsa, "\"alg\":\"RS512\""), *es_of_rsa = token_key_jwk(rsa, "\"alg\":\"ES256\""), *small = token_key_jwk(small_rsa, ""), *point = token_key_jwk(ec, "");
    char *private = token_key_jwk(rsa, "\"d\":\"AQ\""), *ops = token_key_jwk(rsa, "\"key_ops\":[\"sign\"]"), *ops_good = token_key_jwk(rsa, "\"key_ops\":[\"verify\"]");
    char *big_curve = token_key_jwk(p384, ""), *bad_kid = token_key_jwk(rsa, "\"kid\":7"), *empty_kid = token_key_jwk(rsa, "\"kid\":\"\"");
    static const char off_curve[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}";
    static const char origin[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    static const char short_x[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    static const char ed[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    char even_exponent[2048], *n = strstr(good, "\"n\":\"") + 5;
    snprintf(even_exponent, sizeof even_exponent, "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"Ag\"}", (int)(strchr(n, '"') - n), n);
    const struct { const char *name, *form, *a, *b; enum err_code code; size_t count; } rows[] = {
        { "a set", "{\"keys\":[%s,%s]}", good, point, OK, 2 },
        { "one bare key", "%s%s", good, "", OK, 1 },
        { "with use and alg", "{\"keys\":[%s%s]}", sig, "", OK, 1 },
        { "for encryption, left out", "{\"keys\":[%s,%s]}", enc, point, OK, 1 },
        { "for encryption alone", "{\"keys\":[%s%s]}", enc, "", ERR_INPUT, 0 },
        { "another algorithm, left out", "{\"keys\":[%s,%s]}", rs512, point, OK, 1 },
        { "algorithm and type differ", "{\"keys\":[%s%s]}", es_of_rsa, "", ERR_INPUT, 0 },
        { "key_ops sign", "{\"keys\":[%s%s]}", ops, "", ERR_INPUT, 0 },
        { "key_ops verify", "{\"keys\":[%s%s]}", ops_good, "", OK, 1 },
        { "1024 bits", "{\"keys\":[%s%s]}", small, "", ERR_INPUT, 0 },
        { "even exponent", "{\"keys\":[%s%s]}", even_exponent, "", ERR_INPUT, 0 },
        { "point beside the curve", "{\"keys\":[%s%s]}", off_curve, "", ERR_INPUT, 0 },
        { "point of zeros", "{\"keys\":[%s%s]}", origin, "", ERR_INPUT, 0 },
        { "short coordinate", "{\"keys\":[%s%s]}", short_x, "", ERR_INPUT, 0 },
        { "numbers of another curve", "{\"keys\":[%s%s]}", big_curve, "", ERR_INPUT, 0 },
        { "Ed25519, left out", "{\"keys\":[%s,%s]}", ed, good, OK, 1 },
        { "Ed25519 alone", "{\"keys\":[%s%s]}", ed, "", ERR_INPUT, 0 },
        { "a private key beside a good one", "{\"keys\":[%s,%s]}", private, good, ERR_INPUT, 0 },
        { "a private key, bare", "%s%s", private, "", ERR_INPUT, 0 },
        { "a symmetric key", "{\"keys\":[%s%s]}", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "", ERR_INPUT, 0 },
        { "kid is a number", "{\"keys\":[%s%s]}", bad_kid, "", ERR_INPUT, 0 },
        { "kid is empty", "{\"keys\":[%s%s]}", empty_kid, "", ERR_INPUT, 0 },
        { "no keys", "{\"keys\":[%s%s]}", "", "", ERR_INPUT, 0 },
        { "keys is no list", "{\"keys\":%s%s}", good, "", ERR_INPUT, 0 },
        { "items are no objects", "{\"keys\":[%s%s]}", "1,\"x\",null", "", ERR_INPUT, 0 },
        { "keys twice", "{\"keys\":[%s],\"keys\":[%s]}", good, good, ERR_INPUT, 0 },
        { "an empty object", "{%s%s}", "", "", ERR_INPUT, 0 },
        { "a list", "[%s%s]", good, "", ERR_INPUT, 0 },
        { "no JSON", "%s%s", "<html>", "", ERR_INPUT, 0 },
        { "nothing", "%s%s", "", "", ERR_INPUT, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
        char json[8192];
        struct err err = { 0 };
        snprintf(json, sizeof json, rows[i].form, rows[i].a, rows[i].b);
        enum err_code code = jose_keys_read(span_of(json), &keys, &err);
        if (code != rows[i].code || (code == OK && jose_keys_count(keys) != rows[i].count))
            fail_msg("%s: %s (%s)", rows[i].name, err_name(code), err.text);
    }
    char *const texts[] = { good, sig, enc, rs512, es_of_rsa, small, point, private, ops, ops_good, big_curve, bad_kid, empty_kid };
    for (size_t i = 0; i < COUNT(texts); i++)
        free(texts[i]);
}

static void a_set_is_bounded(void **state)
{
    char *jwk = token_key_jwk(ec, ""), *json = malloc(JOSE_SET_BYTES + 2), *at = json;
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    struct err err;
    (void)state;
    assert_non_null(json);
    at += sprintf(at, "{\"keys\":[%s", jwk);
    for (size_t i = 1; i < JOSE_SET_KEYS; i++)
        at += sprintf(at, ",%s", jwk);
    strcpy(at, "]}");
    assert_int_equal(jose_keys_read(span_of(json), &keys, &err), OK);
    assert_int_equal(jose_keys_count(keys), JOSE_SET_KEYS);
    jose_keys_free(TAKE(keys));
    sprintf(at, ",%s]}", jwk);
    assert_int_not_equal(jose_keys_read(span_of(json), &keys, &err), OK);
    memset(json, ' ', JOSE_SET_BYTES + 1);
    assert_int_equal(jose_keys_read(span_make(json, JOSE_SET_BYTES + 1), &keys, &err), ERR_LIMIT);
    free(jwk);
    free(json);
}

static void a_key_handed_on_is_public_and_can_be_read_again(void **state)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = both_keys();
    CLEANUP(jose_keys_freep) struct jose_keys *again = NULL;
    struct jose_key first = jose_keys_at(keys, 0);
    struct err err;
    (void)state;
    assert_true(span_equal_text(first.kid, "r"));
    assert_int_equal(first.algorithms, JOSE_RS256 | JOSE_PS256);
    assert_int_equal(jose_keys_read(first.jwk, &again, &err), OK);
    assert_true(jose_keys_have(keys, SPAN_LITERAL("r"), JOSE_PS256));
    assert_false(jose_keys_have(keys, SPAN_LITERAL("r"), JOSE_ES256));
    assert_false(jose_keys_have(keys, SPAN_LITERAL("x"), JOSE_RS256));
}

/* ---- claims ---- */

static void claims_are_checked(void **state)
{
    static const struct { const char *name, *typ, *claims; int64_t oldest_s; bool expired, no_typ; enum err_code code; } rows[] = {
        { "all good", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"nbf\":1800000000,\"iat\":1800000000}", 0, false, false, OK },
        { "typ with its prefix", "application/at+jwt", CLAIMS, 0, false, false, OK },
        { "typ in other letters", "AT+JWT", CLAIMS, 0, false, false, OK },
        { "another typ", "JWT", CLAIMS, 0, false, false, ERR_DENIED },
        { "a prefix alone", "application/", CLAIMS, 0, false, false, ERR_DENIED },
        { "no typ", NULL, CLAIMS, 0, false, false, ERR_DENIED },
        { "no typ where that may be", NULL, CLAIMS, 0, false, true, OK },
        { "another typ where none may be", "JWT", CLAIMS, 0, false, true, ERR_DENIED },
        { "another issuer", "at+jwt", "{\"iss\":\"https://i/\",\"aud\":\"us\",\"exp\":1800000300}", 0, false, false, ERR_DENIED },
        { "no issuer", "at+jwt", "{\"aud\":\"us\",\"exp\":1800000300}", 0, false, false, ERR_INPUT },
        { "issuer is a list", "at+jwt", "{\"iss\":[\"https://i\"],\"aud\":\"us\",\"exp\":1800000300}", 0, false, false, ERR_INPUT },
        { "aud in a list", "at+jwt", "{\"iss\":\"https://i\",\"aud\":[\"them\",\"us\"],\"exp\":1800000300}", 0, false, false, OK },
        { "aud another", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"them\",\"exp\":1800000300}", 0, false, false, ERR_DENIED },
        { "aud longer than ours", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us too\",\"exp\":1800000300}", 0, false, false, ERR_DENIED },
        { "aud an empty list", "at+jwt", "{\"iss\":\"https://i\",\"aud\":[],\"exp\":1800000300}", 0, false, false, ERR_DENIED },
        { "aud a list with a number", "at+jwt", "{\"iss\":\"https://i\",\"aud\":[1,\"us\"],\"exp\":1800000300}", 0, false, false, ERR_INPUT },
        { "aud an object", "at+jwt", "{\"iss\":\"https://i\",\"aud\":{\"us\":1},\"exp\":1800000300}", 0, false, false, ERR_INPUT },
        { "no aud", "at+jwt", "{\"iss\":\"https://i\",\"exp\":1800000300}", 0, false, false, ERR_INPUT },
        { "no exp", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\"}", 0, false, false, ERR_INPUT },
        { "exp is text", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":\"1800000300\"}", 0, false, false, ERR_INPUT },
        { "exp is null", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":null}", 0, false, false, ERR_INPUT },
        { "exp below zero", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":-1}", 0, false, false, ERR_INPUT },
        { "exp beyond all sums", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":9223372036854775807}", 0, false, false, ERR_INPUT },
        { "exp past, within the skew", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1799999941}", 0, false, false, OK },
        { "exp past by the skew", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1799999940}", 0, false, false, ERR_EXPIRED },
        { "nbf ahead, within the skew", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"nbf\":1800000060}", 0, false, false, OK },
        { "nbf ahead", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"nbf\":1800000061}", 0, false, false, ERR_DENIED },
        { "iat ahead", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"iat\":1800000061}", 0, false, false, ERR_DENIED },
        { "iat old, exp not", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1800000300,\"iat\":1}", 0, false, false, OK },
        { "a hint: expired long ago", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"exp\":1,\"iat\":1799999900}", 600, true, false, OK },
        { "a hint: no exp", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"iat\":1799999900}", 600, true, false, OK },
        { "a hint: iat at the bound", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"iat\":1799999340}", 600, true, false, OK },
        { "a hint: iat too old", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\",\"iat\":1799999339}", 600, true, false, ERR_EXPIRED },
        { "a hint: no iat", "at+jwt", "{\"iss\":\"https://i\",\"aud\":\"us\"}", 600, true, false, ERR_INPUT },
    };
    CLEANUP(jose_keys_freep) struct jose_keys *keys = both_keys();
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(jose_token_freep) struct jose_token *token = NULL;
        char header[128];
        struct err err = { 0 };
        snprintf(header, sizeof header, rows[i].typ != NULL ? "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"%s\"}" : "{\"alg\":\"ES256\",\"kid\":\"e\"}", rows[i].typ);
        char *text = token_make(ec, false, header, rows[i].claims);
        assert_int_equal(jose_token_read(span_of(text), &token, &err), OK);
        assert_int_equal(jose_token_verify(token, keys, JOSE_ES256, &err), OK);
        struct jose_rules rules = { .issuer = SPAN_LITERAL("https://i"), .audience = SPAN_LITERAL("us"), .type = SPAN_LITERAL("at+jwt"), .type_optional = rows[i].no_typ,
                                    .expired_is_fine = rows[i].expired, .oldest_s = rows[i].oldest_s, .skew_s = JOSE_SKEW_S, .now_s = NOW_S };
        enum err_code code = jose_token_check(token, &rules, &err);
        if (code != rows[i].code)
            fail_msg("%s: %s (%s)", rows[i].name, err_name(code), err.text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_verify),
        cmocka_unit_test(one_flipped_bit_anywhere_is_refused),
        cmocka_unit_test(tokens_are_taken_or_refused),
        cmocka_unit_test(the_header_cannot_choose_beyond_what_the_caller_allows),
        cmocka_unit_test(a_token_of_any_length_is_read_whole_or_refused),
        cmocka_unit_test(without_a_kid_the_key_must_be_plain),
        cmocka_unit_test(key_sets_are_taken_or_refused),
        cmocka_unit_test(a_set_is_bounded),
        cmocka_unit_test(a_key_handed_on_is_public_and_can_be_read_again),
        cmocka_unit_test(claims_are_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
