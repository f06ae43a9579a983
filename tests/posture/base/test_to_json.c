#include "posture/base/to_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void commas_and_colons_are_placed(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct to_json w;
    buf_init(&b, 1000);
    to_json_init(&w, &b);
    to_json_object(&w);
    to_json_key(&w, "a");
    to_json_array(&w);
    to_json_int(&w, -1);
    to_json_bool(&w, true);
    to_json_null(&w);
    to_json_array(&w);
    to_json_end(&w);
    to_json_object(&w);
    to_json_end(&w);
    to_json_raw(&w, SPAN_LITERAL("{\"r\":1}"));
    to_json_end(&w);
    to_json_member_text(&w, "t", SPAN_LITERAL("x"));
    to_json_member_text(&w, "empty", SPAN_NONE);
    to_json_member_bool(&w, "b", false);
    to_json_member_int(&w, "n", INT64_MIN);
    to_json_key_span(&w, SPAN_LITERAL("at"));
    to_json_time(&w, 0);
    to_json_end(&w);
    assert_string_equal(buf_text(&b), "{\"a\":[-1,true,null,[],{},{\"r\":1}],\"t\":\"x\",\"empty\":\"\",\"b\":false,"
                                      "\"n\":-9223372036854775808,\"at\":\"1970-01-01T00:00:00Z\"}");
}

static void empty_members_are_left_out_when_asked(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct to_json w;
    buf_init(&b, 1000);
    to_json_init(&w, &b);
    to_json_object(&w);
    to_json_member_text_if(&w, "a", SPAN_NONE);
    to_json_member_int_if(&w, "b", 0);
    to_json_member_time_if(&w, "c", 0);
    to_json_member_text_if(&w, "d", SPAN_LITERAL("x"));
    to_json_member_int_if(&w, "e", 5);
    to_json_member_time_if(&w, "f", 1);
    to_json_end(&w);
    assert_string_equal(buf_text(&b), "{\"d\":\"x\",\"e\":5,\"f\":\"1970-01-01T00:00:01Z\"}");
}

static void text_is_escaped_as_in_rfc_8785(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span text;
        const char *json;
    } rows[] = {
        { "empty", SPAN_LITERAL(""), "\"\"" },
        { "none", SPAN_NONE, "\"\"" },
        { "quote and backslash", SPAN_LITERAL("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
        { "short forms", SPAN_LITERAL("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"" },
        { "other controls", SPAN_LITERAL("\0\x01\x0b\x1f"), "\"\\u0000\\u0001\\u000b\\u001f\"" },
        { "DEL is plain", SPAN_LITERAL("\x7f"), "\"\x7f\"" },
        { "UTF-8 is copied", SPAN_LITERAL("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "bad byte", SPAN_LITERAL("a\xff" "b"), "\"a\xef\xbf\xbd" "b\"" },
        { "cut character", SPAN_LITERAL("a\xe2\x82"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "lead before quote", SPAN_LITERAL("\xc3\""), "\"\xef\xbf\xbd\\\"\"" },
        { "surrogate", SPAN_LITERAL("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(buf_done) struct buf b;
        struct to_json w;
        buf_init(&b, 1000);
        to_json_init(&w, &b);
        to_json_text(&w, rows[i].text);
        if (strcmp(buf_text(&b), rows[i].json) != 0)
            fail_msg("%s: %s", rows[i].name, buf_text(&b));
    }
}

/* Text is looked at eight bytes at once: a byte that needs an escape is found wherever it stands, and none is seen where there is none. */
static void an_escape_is_found_at_every_place(void **state)
{
    (void)state;
    static const char specials[] = { '"', '\\', '\n', '\0', '\x1f', '\x80', '\xff' };
    static const char plain[] = { ' ', '!', '#', '[', ']', '\x7f', 'z' };
    CLEANUP(buf_done) struct buf b;
    buf_init(&b, 1000);
    for (size_t bytes = 1; bytes <= 40; bytes++) {
        for (size_t at = 0; at < bytes; at++) {
            for (size_t kind = 0; kind < COUNT(specials) + COUNT(plain); kind++) {
                char text[40];
                struct to_json w;
                bool special = kind < COUNT(specials);
                memset(text, 'x', sizeof text);
                text[at] = special ? specials[kind] : plain[kind - COUNT(specials)];
                buf_clear(&b);
                to_json_init(&w, &b);
                to_json_object(&w);
                to_json_member_text(&w, "k", span_make(text, bytes));
                to_json_end(&w);
                bool copied = b.bytes == bytes + 8 && memcmp(b.at + 6, text, bytes) == 0;
                if (copied == special)
                    fail_msg("%zu bytes, byte %d at %zu: %s", bytes, text[at], at, buf_text(&b));
            }
        }
    }
}

static void members_are_taken_over(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct to_json w;
    buf_init(&b, 1000);
    to_json_init(&w, &b);
    to_json_object(&w);
    to_json_members(&w, SPAN_NONE);
    to_json_members(&w, SPAN_LITERAL("\"a\":1,\"b\":2"));
    to_json_member_text(&w, "c\"", SPAN_LITERAL("x"));
    to_json_members(&w, SPAN_LITERAL("\"d\":3"));
    to_json_end(&w);
    assert_string_equal(buf_text(&b), "{\"a\":1,\"b\":2,\"c\\\"\":\"x\",\"d\":3}");
}

static void the_deepest_nesting_is_written(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct to_json w;
    buf_init(&b, 1000);
    to_json_init(&w, &b);
    for (size_t i = 0; i < TO_JSON_DEPTH; i++)
        to_json_array(&w);
    for (size_t i = 0; i < TO_JSON_DEPTH; i++)
        to_json_end(&w);
    assert_int_equal(strlen(buf_text(&b)), 2 * TO_JSON_DEPTH);
}

static void a_text_that_does_not_fit_is_told_by_the_buf(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct to_json w;
    buf_init(&b, 10);
    to_json_init(&w, &b);
    to_json_array(&w);
    to_json_text(&w, SPAN_LITERAL("0123456789"));
    to_json_end(&w);
    assert_int_equal(buf_check(&b, "answer", NULL), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_are_placed),
        cmocka_unit_test(empty_members_are_left_out_when_asked),
        cmocka_unit_test(text_is_escaped_as_in_rfc_8785),
        cmocka_unit_test(an_escape_is_found_at_every_place),
        cmocka_unit_test(members_are_taken_over),
        cmocka_unit_test(the_deepest_nesting_is_written),
        cmocka_unit_test(a_text_that_does_not_fit_is_told_by_the_buf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
