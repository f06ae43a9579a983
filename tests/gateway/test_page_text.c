/* Text into pages: escaping, links, and times in words. */
#include "gateway/pages/html.h"
#include "gateway/pages/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void text_is_escaped(void **state)
{
    static const struct { const char *name, *in, *out; } rows[] = {
        { "empty", "", "" },
        { "plain", "Payroll", "Payroll" },
        { "markup", "<a href=\"x\">'&", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;" },
        { "an entity stays as it was typed", "&amp;", "&amp;amp;" },
        { "control characters", "a\x01\n\x7f" "b", "a   b" },
        { "other scripts", "Gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x94\x92", "Gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x94\x92" },
        { "not UTF-8", "a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd" },
        { "cut short", "\xe6\x97", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "overlong", "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "what turns text around", "a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\xa8", "abc\xe2\x80\xa8" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        print_message("  %s\n", rows[i].name);
        buf_init(&out, 4096);
        html_text(&out, span_of(rows[i].in));
        assert_string_equal(out.bytes > 0 ? buf_text(&out) : "", rows[i].out);
        buf_clear(&out);
        HTML(&out, "<p title=\"{}\">{}</p>", span_of(rows[i].in), SPAN_LITERAL("{}"));
        assert_non_null(strstr(buf_text(&out), "\">{}</p>")); /* a value is never a template */
        buf_done(&out);
    }
}

static void hidden_fields_hold_the_text_itself(void **state)
{
    static const struct { const char *in, *out; } rows[] = {
        { "a\r\nb\t\x01\x7f", "a&#13;&#10;b&#9;&#1;&#127;" }, { "<a b=\"c\">&'", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;" }, { "Gr\xc3\xbc\xc3\x9f" "e\xe2\x80\xae", "Gr\xc3\xbc\xc3\x9f" "e\xe2\x80\xae" } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        html_exact(&out, span_of(rows[i].in));
        assert_string_equal(buf_text(&out), rows[i].out);
        buf_done(&out);
    }
}

static void only_web_addresses_are_linked(void **state)
{
    static const struct { const char *url; bool good; } rows[] = {
        { "https://pay.example/a?b=c&d=%20#e", true }, { "http://localhost:8080/", true }, { "", false }, { "javascript:alert(1)", false }, { "//pay.example", false },
        { "https://pay.example/\r\nSet-Cookie: a=b", false }, { "https://pay.example/\"onclick", false }, { "https://pay.example/ b", false }, { "HTTPS://pay.example", false },
        { "https://p\xc3\xa4y.example", false }, { "data:text/html,x", false },
    };
    char longest[8500] = "https://";
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (html_is_link(span_of(rows[i].url)) != rows[i].good)
            fail_msg("%s", rows[i].url);
    memset(longest + 8, 'a', 8392);
    assert_true(html_is_link(span_make(longest, 8400)));
    longest[8400] = 'a';
    assert_false(html_is_link(span_make(longest, 8401)));
}

static void times_are_said_in_words(void **state)
{
    static const struct { int64_t seconds; const char *span, *ago, *in; } rows[] = {
        { -5, "0 seconds", "just now", "now" },           { 0, "0 seconds", "just now", "now" },
        { 1, "1 second", "just now", "in 1 second" },     { 40, "40 seconds", "40 seconds ago", "in 40 seconds" },
        { 60, "1 minute", "1 minute ago", "in 1 minute" }, { 119, "119 seconds", "119 seconds ago", "in 119 seconds" },
        { 120, "2 minutes", "2 minutes ago", "in 2 minutes" }, { 3600, "1 hour", "1 hour ago", "in 1 hour" },
        { 7200, "2 hours", "2 hours ago", "in 2 hours" }, { 86400, "1 day", "1 day ago", "in 1 day" },
        { 172799, "47 hours", "47 hours ago", "in 47 hours" }, { 172800, "2 days", "2 days ago", "in 2 days" },
    };
    struct arena a;
    (void)state;
    arena_init(&a, 4096, 65536);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(span_equal_text(words_span(&a, rows[i].seconds), rows[i].span));
        assert_true(span_equal_text(words_ago(&a, rows[i].seconds), rows[i].ago));
        assert_true(span_equal_text(words_in(&a, rows[i].seconds), rows[i].in));
    }
    assert_true(span_empty(words_serial_end(&(struct device){ .serial = SPAN_LITERAL("1234") })));
    assert_true(span_equal_text(words_serial_end(&(struct device){ .serial = SPAN_LITERAL("12345") }), "2345"));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(hidden_fields_hold_the_text_itself),
        cmocka_unit_test(only_web_addresses_are_linked),
        cmocka_unit_test(times_are_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
