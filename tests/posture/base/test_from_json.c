#include "posture/base/from_json.h"

#include "posture/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
static const struct from_json_limits limits = { 200, 4 };

static struct from_json *parse(const char *text)
{
    struct from_json *doc = NULL;
    struct err err = { 0 };
    if (from_json_parse(span_of(text), limits, "body", &doc, &err) != OK)
        fail_msg("%s: %s", text, err.text);
    return doc;
}

static void texts_are_parsed_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span text;
        enum err_code code;
        const char *words; /* in the error */
    } rows[] = {
        { "object", SPAN_LITERAL("{\"a\":1}"), OK, "" },
        { "text alone", SPAN_LITERAL("\"x\""), OK, "" },
        { "white space around", SPAN_LITERAL(" \r\n\t1 "), OK, "" },
        { "deepest", SPAN_LITERAL("[{\"a\":[[1]]},[],[[]]]"), OK, "" },
        { "brackets within text", SPAN_LITERAL("[\"[[[[[[[\\\"[[[[{{{{\",\"\\\\\",[]]"), OK, "" },
        { "largest integers", SPAN_LITERAL("[9223372036854775807,-9223372036854775808]"), OK, "" },
        { "empty", SPAN_LITERAL(""), ERR_INPUT, "body: is empty" },
        { "none", SPAN_NONE, ERR_INPUT, "body: is empty" },
        { "white space alone", SPAN_LITERAL("  "), ERR_INPUT, "body: line 1" },
        { "too deep", SPAN_LITERAL("[[[[[]]]]]"), ERR_LIMIT, "nested more than 4 deep" },
        { "too deep after a text", SPAN_LITERAL("[\"\\\\\",[[[["), ERR_LIMIT, "nested more than 4 deep" },
        { "too deep with foreign closings", SPAN_LITERAL("}}}}[[[[["), ERR_LIMIT, "nested more than 4 deep" },
        { "duplicate", SPAN_LITERAL("{\"a\":1,\n\"a\":2}"), ERR_INPUT, "body: line 2, column 3: duplicate object key" },
        { "duplicate by escape", SPAN_LITERAL("{\"a\":1,\"\\u0061\":2}"), ERR_INPUT, "duplicate object key" },
        { "trailing data", SPAN_LITERAL("{} {}"), ERR_INPUT, "end of file expected" },
        { "cut in an object", SPAN_LITERAL("{\"a\":"), ERR_INPUT, "body: line 1" },
        { "cut in a text", SPAN_LITERAL("\"a"), ERR_INPUT, "premature end" },
        { "cut in an escape", SPAN_LITERAL("\"a\\"), ERR_INPUT, "body: line 1" },
        { "trailing comma", SPAN_LITERAL("[1,]"), ERR_INPUT, "body: line 1" },
        { "comment", SPAN_LITERAL("[1]//x"), ERR_INPUT, "body: line 1" },
        { "NaN", SPAN_LITERAL("NaN"), ERR_INPUT, "body: line 1" },
        { "one over the largest", SPAN_LITERAL("9223372036854775808"), ERR_INPUT, "too big integer" },
        { "too small", SPAN_LITERAL("-9223372036854775809"), ERR_INPUT, "too big negative integer" },
        { "real overflow", SPAN_LITERAL("1e999"), ERR_INPUT, "real number overflow" },
        { "NUL escape", SPAN_LITERAL("\"\\u0000\""), ERR_INPUT, "NUL is not allowed in text" },
        { "NUL byte", SPAN_LITERAL("\"\0\""), ERR_INPUT, "body: has a NUL byte" },
        { "NUL after the end", SPAN_LITERAL("1\0"), ERR_INPUT, "body: has a NUL byte" },
        { "trailing data behind a NUL", SPAN_LITERAL("{}\0 {}"), ERR_INPUT, "body: has a NUL byte" },
        { "bad UTF-8", SPAN_LITERAL("\"\xff\""), ERR_INPUT, "unable to decode byte" },
        { "overlong UTF-8", SPAN_LITERAL("\"\xc0\xaf\""), ERR_INPUT, "unable to decode byte" },
        { "lone surrogate", SPAN_LITERAL("\"\\ud800\""), ERR_INPUT, "body: line 1" },
        { "byte order mark", SPAN_LITERAL("\xef\xbb\xbf{}"), ERR_INPUT, "body: line 1" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct err err = { 0 };
        enum err_code code = from_json_parse(rows[i].text, limits, "body", &doc, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].words) == NULL)
            fail_msg("%s: %s %s", rows[i].name, err_name(code), err.text);
        if ((doc != NULL) != (code == OK))
            fail_msg("%s: a document on failure, or none on success", rows[i].name);
    }
}

static void the_longest_text_is_parsed_and_one_over_is_not(void **state)
{
    (void)state;
    char text[201];
    memset(text, ' ', sizeof text);
    text[0] = '1';
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    assert_int_equal(from_json_parse(span_make(text, 200), limits, "body", &doc, &err), OK);
    struct from_json *none = NULL;
    assert_int_equal(from_json_parse(span_make(text, 201), limits, "body", &none, &err), ERR_LIMIT);
    assert_string_equal(err.text, "body: longer than 200 bytes");
}

static void errors_quote_nothing_of_the_text(void **state)
{
    (void)state;
    struct from_json *doc = NULL;
    struct err err;
    assert_int_equal(from_json_parse(SPAN_LITERAL("{\"token\":\"hunter2\" x}"), limits, "body", &doc, &err), ERR_INPUT);
    assert_null(strstr(err.text, "hunter2"));
    assert_null(strstr(err.text, "near"));
}

static void errors_name_the_path(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = parse("{\"evaluations\":[0,1,2,{\"subject\":{\"id\":5}}]}");
    struct err err;
    struct span text = SPAN_LITERAL("kept");
    struct from_json_value root = from_json_root(doc), all = from_json_member(&root, "evaluations"), third = from_json_item(&all, 3);
    struct from_json_value subject = from_json_member(&third, "subject"), id = from_json_member(&subject, "id");
    struct from_json_value none = from_json_member(&subject, "type"), below = from_json_member(&none, "x"), past = from_json_item(&all, 9);
    assert_int_equal(from_json_text(&id, 10, &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "evaluations[3].subject.id: must be text");
    assert_int_equal(from_json_text(&none, 10, &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "evaluations[3].subject.type: is missing, must be text");
    assert_int_equal(from_json_text(&below, 10, &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "evaluations[3].subject.type.x: is missing, must be text");
    assert_int_equal(from_json_text(&past, 10, &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "evaluations[9]: is missing, must be text");
    assert_int_equal(from_json_array(&root, 5, &err), ERR_INPUT);
    assert_string_equal(err.text, "body: must be an array");
    assert_true(span_equal_text(text, "kept"));
    assert_int_equal(from_json_refuse(&id, &err, "must be %s", "odd"), ERR_INPUT);
    assert_string_equal(err.text, "evaluations[3].subject.id: must be odd");
}

static void a_hostile_path_is_cut(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = parse(
        "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":{\"b\\nb\":1}}");
    struct from_json_value root = from_json_root(doc), outer, inner;
    void *iterator = NULL, *second = NULL;
    const char *key;
    assert_true(from_json_each(&root, &iterator, &key, &outer));
    assert_true(from_json_each(&outer, &second, &key, &inner));
    struct err err;
    assert_int_equal(from_json_bool(&inner, &(bool){ false }, &err), ERR_INPUT);
    assert_string_equal(err.text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b?b: must be true or false");
}

static void kinds_and_counts_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum from_json_kind kind;
        size_t count;
    } rows[] = {
        { "null", FROM_JSON_NULL, 0 },     { "true", FROM_JSON_BOOL, 0 },         { "false", FROM_JSON_BOOL, 0 },
        { "1", FROM_JSON_INT, 0 },         { "1.0", FROM_JSON_REAL, 0 },          { "\"\"", FROM_JSON_TEXT, 0 },
        { "[1,2]", FROM_JSON_ARRAY, 2 },   { "{\"a\":1}", FROM_JSON_OBJECT, 1 },  { "[]", FROM_JSON_ARRAY, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = parse(rows[i].text);
        struct from_json_value root = from_json_root(doc), absent = from_json_member(&root, "zz");
        if (from_json_kind(&root) != rows[i].kind || from_json_count(&root) != rows[i].count)
            fail_msg("%s", rows[i].text);
        assert_int_equal(from_json_present(&root), rows[i].kind != FROM_JSON_NULL);
        assert_int_equal(from_json_kind(&absent), FROM_JSON_ABSENT);
        assert_false(from_json_present(&absent));
        assert_int_equal(from_json_count(&absent), 0);
    }
}

static void typed_reads_hold_their_bounds(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = parse("{\"t\":\"abc\",\"n\":5,\"b\":true,\"r\":5.0,\"z\":null,\"a\":[1,2],\"d\":\"-12\"}");
    struct from_json_value root = from_json_root(doc), t = from_json_member(&root, "t"), n = from_json_member(&root, "n");
    struct from_json_value b = from_json_member(&root, "b"), r = from_json_member(&root, "r"), z = from_json_member(&root, "z");
    struct from_json_value a = from_json_member(&root, "a"), d = from_json_member(&root, "d"), none = from_json_member(&root, "none");
    struct err err;
    struct span text = SPAN_NONE;
    int64_t number = 77;
    bool yes = false;
    assert_int_equal(from_json_text(&t, 3, &text, &err), OK);
    assert_true(span_equal_text(text, "abc"));
    assert_int_equal(from_json_text(&t, 2, &text, &err), ERR_INPUT);
    assert_string_equal(err.text, "t: must be at most 2 bytes long");
    assert_int_equal(from_json_int(&n, 6, 9, &number, &err), ERR_INPUT);
    assert_string_equal(err.text, "n: must be between 6 and 9");
    assert_int_equal(from_json_int(&n, 1, 4, &number, &err), ERR_INPUT);
    assert_int_equal(from_json_int(&r, 0, 9, &number, &err), ERR_INPUT);
    assert_int_equal(from_json_int(&d, -99, 9, &number, &err), ERR_INPUT);
    assert_int_equal(number, 77);
    assert_int_equal(from_json_int(&n, 5, 5, &number, &err), OK);
    assert_int_equal(number, 5);
    assert_int_equal(from_json_bool(&b, &yes, &err), OK);
    assert_true(yes);
    assert_int_equal(from_json_bool(&n, &yes, &err), ERR_INPUT);
    assert_int_equal(from_json_array(&a, 2, &err), OK);
    assert_int_equal(from_json_array(&a, 1, &err), ERR_INPUT);
    assert_int_equal(from_json_object(&root, &err), OK);
    assert_int_equal(from_json_object(&a, &err), ERR_INPUT);
    assert_int_equal(from_json_int_lenient(&d, &number, &err), OK);
    assert_int_equal(number, -12);
    assert_int_equal(from_json_int_lenient(&n, &number, &err), OK);
    assert_int_equal(from_json_int_lenient(&t, &number, &err), ERR_INPUT);
    assert_int_equal(from_json_int_lenient(&r, &number, &err), ERR_INPUT);
    assert_int_equal(from_json_int_lenient(&none, &number, &err), ERR_INPUT);
    assert_int_equal(number, 5);
    assert_int_equal(from_json_text_opt(&z, 3, &text, &err), OK);
    assert_int_equal(from_json_text_opt(&none, 3, &text, &err), OK);
    assert_int_equal(from_json_text_opt(&n, 3, &text, &err), ERR_INPUT);
    assert_true(span_equal_text(text, "abc"));
    assert_int_equal(from_json_int_opt(&none, 0, 9, &number, &err), OK);
    assert_int_equal(from_json_int_opt(&t, 0, 9, &number, &err), ERR_INPUT);
    assert_int_equal(from_json_bool_opt(&z, &yes, &err), OK);
    assert_int_equal(from_json_bool_opt(&t, &yes, &err), ERR_INPUT);
}

static void members_come_in_document_order(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = parse("{\"z\":1,\"a\":2,\"m\":3}");
    struct from_json_value root = from_json_root(doc), member, list = from_json_item(&root, 0);
    void *iterator = NULL;
    const char *key;
    char keys[8] = "";
    while (from_json_each(&root, &iterator, &key, &member))
        strcat(keys, key);
    assert_string_equal(keys, "zam");
    iterator = NULL;
    assert_false(from_json_each(&list, &iterator, &key, &member));
}

static void unknown_members_are_refused_with_the_nearest(void **state)
{
    (void)state;
    static const char *const known[] = { "subject", "action", NULL };
    static const struct {
        const char *text;
        enum err_code code;
        const char *words;
    } rows[] = {
        { "{\"subject\":1,\"action\":2}", OK, "" },
        { "{}", OK, "" },
        { "{\"subjet\":1}", ERR_INPUT, "subjet: is not known here, did you mean subject?" },
        { "{\"context\":1}", ERR_INPUT, "context: is not known here" },
        { "[]", ERR_INPUT, "body: must be an object" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = parse(rows[i].text);
        struct from_json_value root = from_json_root(doc);
        struct err err = { 0 };
        assert_int_equal(from_json_only(&root, known, &err), rows[i].code);
        assert_string_equal(err.text, rows[i].words);
    }
}

static void a_value_is_written_compactly_in_order(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = parse("{ \"z\": [1, 2.5, null, true], \"a\": \"\\u00e9\\n\" }");
    struct from_json_value root = from_json_root(doc), absent = from_json_member(&root, "x"), z = from_json_member(&root, "z");
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, 50);
    assert_false(from_json_write(&absent, &out));
    assert_true(from_json_write(&root, &out));
    assert_string_equal(buf_text(&out), "{\"z\":[1,2.5,null,true],\"a\":\"\xc3\xa9\\n\"}");
    assert_false(from_json_write(&z, &out) && from_json_write(&z, &out));
    assert_int_equal(buf_check(&out, "x", NULL), ERR_LIMIT);
    out.failed = false;
    assert_null(strstr(buf_text(&out), "}[1,2.5,null,true][")); /* nothing of the second */
}

static void a_list_is_left_out_where_it_is_asked(void **state)
{
    (void)state;
    static const struct { const char *text, *then; /* NULL: refused */ } rows[] = {
        { "{\"a\":1,\"f\":[[\"x\",2],[\"]\\\"]\"],{\"f\":[3]}],\"b\":2}", "{\"a\":1,\"b\":2}" },
        { "{\"f\" : [\"\\\\\"] }", "{}" },
        { "{\"f\":[],\"f\":[\"\xff\"]}", "{}" },
        { "{\"f\":{\"a\":1},\"b\":{\"f\":[1]}}", "{\"f\":{\"a\":1},\"b\":{\"f\":[1]}}" },
        { "[{\"f\":[1]}]", "[{\"f\":[1]}]" },
        { "{\"F\":[1],\"ff\":[2]}", "{\"F\":[1],\"ff\":[2]}" },
        { "{\"f\":[[[[[[[[[1]]]]]]]]],\"b\":[[1]]}", "{\"b\":[[1]]}" },
        { "{\"f\":[", NULL }, { "{\"f\":[\"", NULL }, { "{\"f\":[\"\\", NULL }, { "{\"f\":[1]", NULL }, { "{\"f\":[1],}", NULL }, { "{\"f\":[1]]}", NULL }, { "{\"f\":[1]1}", NULL }, { "{\"f\"[1]}", NULL } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        CLEANUP(buf_done) struct buf out;
        struct err err;
        enum err_code code = from_json_parse_without(NULL, span_of(rows[i].text), SPAN_LITERAL("f"), limits, "body", &doc, &err);
        assert_int_equal(code == OK, rows[i].then != NULL);
        if (code != OK)
            continue;
        struct from_json_value root = from_json_root(doc);
        buf_init(&out, 1024);
        assert_true(from_json_write(&root, &out));
        assert_string_equal(buf_text(&out), rows[i].then);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_parsed_or_refused),
        cmocka_unit_test(the_longest_text_is_parsed_and_one_over_is_not),
        cmocka_unit_test(a_list_is_left_out_where_it_is_asked),
        cmocka_unit_test(errors_quote_nothing_of_the_text),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(a_hostile_path_is_cut),
        cmocka_unit_test(kinds_and_counts_are_told),
        cmocka_unit_test(typed_reads_hold_their_bounds),
        cmocka_unit_test(members_come_in_document_order),
        cmocka_unit_test(unknown_members_are_refused_with_the_nearest),
        cmocka_unit_test(a_value_is_written_compactly_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
