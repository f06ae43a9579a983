#include "gateway/http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NAME "__Host-postern-login"
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void one_cookie_of_that_name_or_none(void **state)
{
    static const struct { const char *name, *header, *second, *value; } rows[] = {
        { "alone", NAME "=abc", NULL, "abc" },
        { "among others", "a=b; " NAME "=abc; c=d", NULL, "abc" },
        { "without spaces", "a=b;" NAME "=abc;c=d", NULL, "abc" },
        { "spaces around", "  " NAME " = abc  ;", NULL, "abc" },
        { "in a second header", "a=b", NAME "=abc", "abc" },
        { "a value with an equals sign", NAME "=a=b", NULL, "a=b" },
        { "empty value", NAME "=", NULL, "" },
        { "no value", NAME, NULL, "" },
        { "none", "a=b", NULL, "" },
        { "nothing at all", "", NULL, "" },
        { "twice", NAME "=abc; " NAME "=abd", NULL, "" },
        { "twice the same", NAME "=abc; " NAME "=abc", NULL, "" },
        { "twice, in two headers", NAME "=abc", NAME "=abd", "" },
        { "in other letters", "__host-postern-login=abc", NULL, "" },
        { "a longer name", NAME "x=abc", NULL, "" },
        { "a name that ends so", "x" NAME "=abc", NULL, "" },
        { "in the value of another", "a=" NAME "=abc", NULL, "" },
        { "in quotes of another", "a=\"; " NAME "=abc", NULL, "abc" }, /* RFC 6265 has no quoting that hides a semicolon */
        { "semicolons alone", ";;;;", NULL, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct http_header headers[] = { { SPAN_LITERAL("cookie"), span_of(rows[i].header) }, { SPAN_LITERAL("Cookie"), span_of(rows[i].second) } };
        struct http_request r = { .headers = headers, .header_count = rows[i].second != NULL ? 2 : 1 };
        if (!span_equal_text(cookie_get(&r, NAME), rows[i].value))
            fail_msg("%s: %.*s", rows[i].name, SPAN_ARGS(cookie_get(&r, NAME)));
    }
}

static void cookies_are_set_for_this_host_alone(void **state)
{
    static const struct { const char *name; int64_t age_s; const char *header; } rows[] = {
        { "until the browser ends", 0, NAME "=abc; Path=/; Secure; HttpOnly; SameSite=None" },
        { "for an hour", 3600, NAME "=abc; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=3600" },
        { "taken away", -1, NAME "=abc; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=0" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        arena_init(&arena, 1024, 65536);
        struct http_request r = { .arena = &arena };
        struct http_response res = { 0 };
        cookie_set(&r, &res, NAME, SPAN_LITERAL("abc"), rows[i].age_s);
        assert_string_equal(res.headers[0].name, "Set-Cookie");
        if (!span_equal_text(res.headers[0].value, rows[i].header))
            fail_msg("%s: %.*s", rows[i].name, SPAN_ARGS(res.headers[0].value));
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cookie_of_that_name_or_none),
        cmocka_unit_test(cookies_are_set_for_this_host_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
