/* The claims parameter: a JSON text of strangers. And scopes. */
#include "gateway/doors/oidc_claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void what_is_asked_is_read(void **state)
{
    static const struct { const char *json; unsigned id_token, userinfo; size_t acr, amr; bool essential; const char *subject; } rows[] = {
        { "{}", 0, 0, 0, 0, false, "" },
        { "{\"userinfo\":null,\"id_token\":null,\"other\":[1]}", 0, 0, 0, 0, false, "" },
        { "{\"userinfo\":{\"name\":{\"essential\":true},\"email\":null,\"http://x\":null}}", 0, OIDC_CLAIM_NAME | OIDC_CLAIM_EMAIL, 0, 0, false, "" },
        { "{\"id_token\":{\"groups\":null,\"email_verified\":{},\"preferred_username\":null}}", OIDC_CLAIM_GROUPS | OIDC_CLAIM_EMAIL_VERIFIED | OIDC_CLAIM_USERNAME, 0, 0, 0, false, "" },
        { "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"a\",\"b\"]},\"amr\":{\"values\":[\"hwk\"]}}}", 0, 0, 2, 1, true, "" },
        { "{\"id_token\":{\"acr\":{\"value\":\"a\"},\"amr\":null}}", 0, 0, 1, 0, false, "" },
        { "{\"id_token\":{\"sub\":{\"value\":\"p_1\"}}}", 0, 0, 0, 0, false, "p_1" },
        { " { \"id_token\" :\n\t{ \"sub\" : { } } } ", 0, 0, 0, 0, false, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct oidc_claims claims;
        struct err err;
        print_message("  %s\n", rows[i].json);
        arena_init(&arena, 1024, 64 * 1024);
        assert_int_equal(oidc_claims_read(span_of(rows[i].json), &arena, &claims, &err), OK);
        assert_int_equal(claims.id_token, rows[i].id_token);
        assert_int_equal(claims.userinfo, rows[i].userinfo);
        assert_int_equal(claims.acr.count, rows[i].acr);
        assert_int_equal(claims.amr.count, rows[i].amr);
        assert_int_equal(claims.acr.essential, rows[i].essential);
        assert_true(span_equal_text(claims.subject, rows[i].subject));
        arena_done(&arena);
    }
}

static void what_is_wrong_is_refused(void **state)
{
    static const char *const rows[] = {
        "", "x", "[]", "null", "{", "{}x", "{\"id_token\":[]}", "{\"id_token\":1}", "{\"userinfo\":\"name\"}", "{\"userinfo\":{\"name\":true}}", "{\"id_token\":{\"acr\":\"a\"}}",
        "{\"id_token\":{\"acr\":{\"essential\":1}}}", "{\"id_token\":{\"acr\":{\"values\":\"a\"}}}", "{\"id_token\":{\"acr\":{\"values\":[1]}}}", "{\"id_token\":{\"acr\":{\"value\":[\"a\"]}}}",
        "{\"id_token\":{\"sub\":\"p_1\"}}", "{\"id_token\":{\"sub\":{\"value\":1}}}", "{\"id_token\":{},\"id_token\":{}}", "{\"id_token\":{\"acr\":null,\"acr\":null}}",
        "{\"a\":[[[[[[[[[[]]]]]]]]]]}", "{\"id_token\":{\"sub\":{\"value\":\"\\u0000\"}}}", "{\"id_token\":{\"sub\":{\"value\":\"\xff\"}}}",
        "{\"id_token\":{\"acr\":{\"values\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\",\"19\",\"20\",\"21\",\"22\",\"23\",\"24\","
        "\"25\",\"26\",\"27\",\"28\",\"29\",\"30\",\"31\",\"32\"]}}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct oidc_claims claims;
        struct err err;
        print_message("  %s\n", rows[i]);
        arena_init(&arena, 1024, 64 * 1024);
        assert_int_not_equal(oidc_claims_read(span_of(rows[i]), &arena, &claims, &err), OK);
        arena_done(&arena);
    }
}

static void a_long_text_is_refused(void **state)
{
    char *json = malloc(OIDC_CLAIMS_BYTES + 2);
    struct arena arena;
    struct oidc_claims claims;
    struct err err;
    (void)state;
    assert_non_null(json);
    memset(json, ' ', OIDC_CLAIMS_BYTES + 1);
    json[0] = '{';
    json[OIDC_CLAIMS_BYTES - 1] = '}';
    arena_init(&arena, 1024, 64 * 1024);
    assert_int_equal(oidc_claims_read(span_make(json, OIDC_CLAIMS_BYTES), &arena, &claims, &err), OK);
    assert_int_equal(oidc_claims_read(span_make(json, OIDC_CLAIMS_BYTES + 1), &arena, &claims, &err), ERR_LIMIT);
    arena_done(&arena);
    free(json);
}

static void scopes_are_words(void **state)
{
    static const struct { const char *list; unsigned scopes; const char *text; } rows[] = {
        { "", 0, "" }, { "openid", OIDC_SCOPE_OPENID, "openid" }, { "email openid", OIDC_SCOPE_OPENID | OIDC_SCOPE_EMAIL, "openid email" },
        { "openid profile email address phone offline_access groups", OIDC_SCOPE_OPENID | OIDC_SCOPE_PROFILE | OIDC_SCOPE_EMAIL | OIDC_SCOPE_GROUPS, "openid profile email groups" },
        { "OpenID openid2 xopenid", 0, "" }, { "openid  email", OIDC_SCOPE_OPENID | OIDC_SCOPE_EMAIL, "openid email" },
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1024, 64 * 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].list);
        assert_int_equal(oidc_scopes_from(span_of(rows[i].list)), rows[i].scopes);
        assert_true(span_equal_text(oidc_scopes_text(rows[i].scopes, &arena), rows[i].text));
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_asked_is_read), cmocka_unit_test(what_is_wrong_is_refused), cmocka_unit_test(a_long_text_is_refused), cmocka_unit_test(scopes_are_words) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
