#include "posture/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const struct from_json_limits LIMITS = { 1024 * 1024, 16 };

struct facts { const struct from_json_value *object; };

static bool get_fact(void *context, struct span name, struct from_json_value *out)
{
    const struct facts *facts = context;
    char key[64];
    snprintf(key, sizeof key, "%.*s", SPAN_ARGS(name));
    *out = from_json_member(facts->object, key);
    return from_json_present(out);
}

struct asked { enum truth truth; size_t witness; };

/* `rows` NULL: the query failed. */
static struct asked ask(const char *text, const char *rows, const char *facts)
{
    struct arena arena;
    struct err err = { OK, "" };
    const struct expression *e = NULL;
    unsigned column;
    CLEANUP(from_json_freep) struct from_json *rows_doc = NULL;
    CLEANUP(from_json_freep) struct from_json *facts_doc = NULL;
    arena_init(&arena, 1024, 1024 * 1024);
    if (expression_compile(span_of(text), &arena, &e, &column, &err) != OK)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(from_json_parse(span_of(rows == NULL ? "[]" : rows), LIMITS, "rows", &rows_doc, &err), OK);
    assert_int_equal(from_json_parse(span_of(facts == NULL ? "{}" : facts), LIMITS, "facts", &facts_doc, &err), OK);
    struct from_json_value rows_value = from_json_root(rows_doc), facts_value = from_json_root(facts_doc);
    struct facts known = { &facts_value };
    struct expression_input input = { rows == NULL ? NULL : &rows_value, get_fact, &known };
    struct asked asked = { expression_evaluate(e, &input), expression_witness(e, &input) };
    arena_done(&arena);
    return asked;
}

static void rules_are_true_false_or_unknown(void **state)
{
    (void)state;
    static const struct { const char *text, *rows, *facts; enum truth truth; } rows[] = {
        { "rows > 0", "[{}]", NULL, TRUTH_TRUE },
        { "rows > 0", "[]", NULL, TRUTH_FALSE },
        { "rows > 0", NULL, NULL, TRUTH_UNKNOWN },
        { "rows == 2 and rows != 3 and rows <= 2 and rows >= 2 and rows < 3", "[{},{}]", NULL, TRUTH_TRUE },
        { "not rows == 0", "[]", NULL, TRUTH_FALSE },
        { "not not rows == 0", "[]", NULL, TRUTH_TRUE },
        { "true or rows == 0", NULL, NULL, TRUTH_TRUE },
        { "false or rows == 0", NULL, NULL, TRUTH_UNKNOWN },
        { "false and rows == 0", NULL, NULL, TRUTH_FALSE },
        { "true and rows == 0", NULL, NULL, TRUTH_UNKNOWN },
        { "true or false and false", "[]", NULL, TRUTH_TRUE },
        { "(true or false) and false", "[]", NULL, TRUTH_FALSE },
        { "any(on == 1)", "[{\"on\":\"0\"},{\"on\":\"1\"}]", NULL, TRUTH_TRUE },
        { "any(on == 1)", "[]", NULL, TRUTH_FALSE },
        { "all(on == 1)", "[]", NULL, TRUTH_TRUE },
        { "all(on == 1)", "[{\"on\":\"1\"},{\"on\":\"0\"}]", NULL, TRUTH_FALSE },
        { "all(on == 1)", "[{\"on\":1},{\"on\":\"1\"}]", NULL, TRUTH_TRUE },
        { "any(on == 1)", NULL, NULL, TRUTH_UNKNOWN },
        { "any(on == 1)", "[{\"off\":\"1\"}]", NULL, TRUTH_UNKNOWN },
        { "any(on == 1)", "[{\"off\":\"1\"},{\"on\":\"1\"}]", NULL, TRUTH_TRUE },
        { "all(on == 1)", "[{\"off\":\"1\"},{\"on\":\"0\"}]", NULL, TRUTH_FALSE },
        { "any(on == 1)", "[{\"on\":\"\"}]", NULL, TRUTH_UNKNOWN },
        { "any(on == 1)", "[{\"on\":\"yes\"}]", NULL, TRUTH_UNKNOWN },
        { "any(on == 1)", "[{\"on\":null}]", NULL, TRUTH_UNKNOWN },
        { "any(on == \"\")", "[{\"on\":\"\"}]", NULL, TRUTH_TRUE },
        { "any(on == \"1\")", "[{\"on\":1}]", NULL, TRUTH_TRUE },
        { "any(on)", "[{\"on\":\"1\"}]", NULL, TRUTH_TRUE },
        { "any(on)", "[{\"on\":false}]", NULL, TRUTH_FALSE },
        { "any(on)", "[{\"on\":\"perhaps\"}]", NULL, TRUTH_UNKNOWN },
        { "any(on == true)", "[{\"on\":\"True\"}]", NULL, TRUTH_TRUE },
        { "any(name == \"a \\\"b\\\" \\\\\")", "[{\"name\":\"a \\\"b\\\" \\\\\"}]", NULL, TRUTH_TRUE },
        { "any(age <= 3d)", "[{\"age\":\"259200\"}]", NULL, TRUTH_TRUE },
        { "any(age < 30s)", "[{\"age\":30}]", NULL, TRUTH_FALSE },
        { "any(n > -5)", "[{\"n\":\"-4\"}]", NULL, TRUTH_TRUE },
        { "any(version >= version(\"15.5\"))", "[{\"version\":\"15.10\"}]", NULL, TRUTH_TRUE },
        { "any(version >= version(\"15.5\"))", "[{\"version\":\"9\"}]", NULL, TRUTH_FALSE },
        { "any(version >= version(\"15.5\"))", "[{\"version\":\"none\"}]", NULL, TRUTH_UNKNOWN },
        { "any(build in (\"1\", \"2\"))", "[{\"build\":\"2\"}]", NULL, TRUTH_TRUE },
        { "any(build in [1, 2])", "[{\"build\":\"3\"}]", NULL, TRUTH_FALSE },
        { "any(build in [1, 2])", "[{\"build\":\"x\"}]", NULL, TRUTH_UNKNOWN },
        { "any(not (build in [1]))", "[{\"build\":\"3\"}]", NULL, TRUTH_TRUE },
        { "any(version in [version(\"15.0\")])", "[{\"version\":\"15\"}]", NULL, TRUTH_TRUE },
        { "any(a == b)", "[{\"a\":\"07\",\"b\":\"7\"}]", NULL, TRUTH_TRUE },
        { "any(a == b)", "[{\"a\":\"x\",\"b\":\"X\"}]", NULL, TRUTH_FALSE },
        { "any(a == 1)", "[1, \"a\", {\"a\":\"1\"}]", NULL, TRUTH_TRUE },
        { "any(a > 9223372036854775807)", "[{\"a\":\"9223372036854775808\"}]", NULL, TRUTH_UNKNOWN },
        { "any(a == 1)", "{\"a\":\"1\"}", NULL, TRUTH_UNKNOWN },
        { "fact.mdm.managed == true", NULL, "{\"mdm.managed\":true}", TRUTH_TRUE },
        { "fact.mdm.managed", NULL, "{\"mdm.managed\":\"false\"}", TRUTH_FALSE },
        { "fact.backup-age < 7d", NULL, "{\"backup-age\":604800}", TRUTH_FALSE },
        { "fact.gone == 1", NULL, "{}", TRUTH_UNKNOWN },
        { "fact.list == 1", NULL, "{\"list\":[1]}", TRUTH_UNKNOWN },
        { "rows == 0 or fact.excused == true", "[{}]", "{\"excused\":true}", TRUTH_TRUE },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct asked asked = ask(rows[i].text, rows[i].rows, rows[i].facts);
        if (asked.truth != rows[i].truth)
            fail_msg("%s over %s and %s gave %d", rows[i].text, rows[i].rows == NULL ? "no rows" : rows[i].rows, rows[i].facts == NULL ? "no facts" : rows[i].facts, asked.truth);
    }
}

static void the_witness_is_the_row_that_tells(void **state)
{
    (void)state;
    static const struct { const char *text, *rows; size_t witness; } rows[] = {
        { "all(on == 1)", "[{\"on\":\"1\"},{\"on\":\"0\"},{\"on\":\"0\"}]", 1 },
        { "rows > 0 and all(on == 1)", "[{\"on\":\"1\"},{\"on\":\"0\"}]", 1 },
        { "not any(on == 0)", "[{\"on\":\"1\"},{\"on\":\"1\"},{\"on\":\"0\"}]", 2 },
        { "any(on == 7)", "[{\"on\":\"1\"},{\"on\":\"0\"}]", 2 },
        { "rows == 0", "[{},{},{}]", 3 },
        { "all(on == 1)", "[{},{\"on\":\"0\"}]", 1 },
        { "all(on == 1)", NULL, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        printf("row %s\n", rows[i].text);
        assert_int_equal(ask(rows[i].text, rows[i].rows, NULL).witness, rows[i].witness);
    }
}

static void mistakes_name_the_character(void **state)
{
    (void)state;
    static const struct { const char *text; unsigned column; const char *words; } rows[] = {
        { "", 1, "empty" },
        { "   ", 4, "empty" },
        { "rows >", 7, "ends where a value" },
        { "rows = 1", 6, "==" },
        { "rows", 1, "a number is not yes or no" },
        { "any(rows)", 5, "a number is not yes or no" },
        { "not rows", 5, "a number is not yes or no" },
        { "\"a\"", 1, "a text is not yes or no" },
        { "true and 3", 10, "a number is not yes or no" },
        { "rows == \"1\"", 6, "cannot be compared" },
        { "rows == version(\"1\")", 6, "cannot be compared" },
        { "true < false", 6, "no order" },
        { "rows > 1 > 0", 10, "chained" },
        { "filevault == 1", 1, "any(...) or all(...)" },
        { "any(any(a == 1))", 5, "into each other" },
        { "any(a == 1", 11, "\")\"" },
        { "any a == 1", 5, "\"(\" after any" },
        { "(rows == 1", 11, "close the bracket" },
        { "rows == 1)", 10, "expected and, or, or the end" },
        { "rows == 1 rows == 2", 11, "expected and, or, or the end" },
        { "any(a == 'x')", 10, "double quotes" },
        { "any(a == \"x)", 10, "no closing quote" },
        { "any(a == \"\\n\")", 11, "backslash" },
        { "any(a == \"\\\")", 10, "no closing quote" },
        { "rows == 3x", 9, "neither a whole number nor a duration" },
        { "rows == 99999999999999999999", 9, "neither" },
        { "any(a in \"x\")", 10, "needs a list" },
        { "any(a in [])", 11, "expected a value" },
        { "any(a in [1,])", 13, "expected a value" },
        { "any(a in [1)", 12, "\"]\"" },
        { "any(a in [1, \"x\"])", 0, NULL },
        { "rows in [\"x\"]", 10, "cannot be compared" },
        { "version(15)", 9, "takes a text" },
        { "any(v == version(\"x\"))", 18, "begins with a digit" },
        { "fact. == 1", 1, "needs the fact's name" },
        { "and rows == 1", 1, "not \"and\"" },
        { "rows == 1 and or rows == 2", 15, "not \"or\"" },
        { "rows == 1 # all", 11, "does not belong" },
        { "any(a == \"\xc3\xa4\") @", 15, "does not belong" },
        { "\xff", 1, "UTF-8" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct err err = { OK, "" };
        const struct expression *e = NULL;
        unsigned column = 0;
        arena_init(&arena, 1024, 1024 * 1024);
        enum err_code code = expression_compile(span_of(rows[i].text), &arena, &e, &column, &err);
        printf("row %s: %s\n", rows[i].text, err.text);
        assert_int_equal(code, rows[i].words == NULL ? OK : ERR_INPUT);
        if (rows[i].words != NULL) {
            assert_null(e);
            assert_int_equal(column, rows[i].column);
            assert_non_null(strstr(err.text, rows[i].words));
        }
        arena_done(&arena);
    }
}

/* Fills `text` with count repeats of `part`, then `tail`. */
static struct span repeat(char *text, size_t room, const char *part, size_t count, const char *tail)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, room - used, "%s", part);
    used += (size_t)snprintf(text + used, room - used, "%s", tail);
    assert_true(used < room);
    return span_make(text, used);
}

static void size_and_depth_are_bounded(void **state)
{
    (void)state;
    static const struct { const char *name, *part; size_t count; const char *tail; enum err_code code; } rows[] = {
        { "wide or", "rows==1 or ", 127, "rows==1", OK },
        { "one part too many", "rows==1 or ", 170, "rows==1", ERR_INPUT },
        { "deepest brackets", "(", EXPRESSION_MAX_DEPTH - 1, "true", ERR_INPUT /* not closed */ },
        { "too deep brackets", "(", 4000, "true", ERR_INPUT },
        { "deepest not", "not ", EXPRESSION_MAX_DEPTH - 1, "true", OK },
        { "one not too deep", "not ", EXPRESSION_MAX_DEPTH, "true", ERR_INPUT },
        { "longest", " ", EXPRESSION_MAX_BYTES - 4, "true", OK },
        { "one byte too long", " ", EXPRESSION_MAX_BYTES - 3, "true", ERR_INPUT },
    };
    static char text[2 * EXPRESSION_MAX_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct err err = { OK, "" };
        const struct expression *e = NULL;
        unsigned column = 0;
        arena_init(&arena, 1024, 1024 * 1024);
        printf("row %s\n", rows[i].name);
        assert_int_equal(expression_compile(repeat(text, sizeof text, rows[i].part, rows[i].count, rows[i].tail), &arena, &e, &column, &err), rows[i].code);
        arena_done(&arena);
    }
}

static void short_memory_is_a_mistake_and_no_crash(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 2048; limit += 16) {
        struct arena arena;
        struct err err = { OK, "" };
        const struct expression *e = NULL;
        unsigned column = 0;
        arena_init(&arena, 64, limit);
        enum err_code code = expression_compile(span_of("any(a == \"x\" and b in [1, 2]) or fact.z == 1"), &arena, &e, &column, &err);
        assert_int_equal(code == OK, e != NULL);
        arena_done(&arena);
    }
}

struct seen { char columns[64], facts[64]; };

static void see_column(void *context, struct span name)
{
    struct seen *seen = context;
    size_t used = strlen(seen->columns);
    snprintf(seen->columns + used, sizeof seen->columns - used, "%.*s ", SPAN_ARGS(name));
}

static void see_fact(void *context, struct span name)
{
    struct seen *seen = context;
    size_t used = strlen(seen->facts);
    snprintf(seen->facts + used, sizeof seen->facts - used, "%.*s ", SPAN_ARGS(name));
}

static void names_are_listed_and_rows_are_noticed(void **state)
{
    (void)state;
    static const struct { const char *text, *columns, *facts; bool rows; } rows[] = {
        { "any(a == b and version > version(\"1\")) or fact.x == 1", "a b version ", "x ", true },
        { "fact.x == 1 and fact.y-z.q == \"fact.no\"", "", "x y-z.q ", false },
        { "not rows == 0", "", "", true },
        { "true", "", "", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        const struct expression *e = NULL;
        unsigned column;
        struct seen seen = { "", "" };
        arena_init(&arena, 1024, 64 * 1024);
        assert_int_equal(expression_compile(span_of(rows[i].text), &arena, &e, &column, NULL), OK);
        expression_names(e, see_column, see_fact, &seen);
        assert_string_equal(seen.columns, rows[i].columns);
        assert_string_equal(seen.facts, rows[i].facts);
        assert_int_equal(expression_reads_rows(e), rows[i].rows);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_true_false_or_unknown),
        cmocka_unit_test(the_witness_is_the_row_that_tells),
        cmocka_unit_test(mistakes_name_the_character),
        cmocka_unit_test(size_and_depth_are_bounded),
        cmocka_unit_test(short_memory_is_a_mistake_and_no_crash),
        cmocka_unit_test(names_are_listed_and_rows_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
