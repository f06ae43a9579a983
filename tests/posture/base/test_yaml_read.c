#include "posture/base/yaml_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

struct reading {
    struct mistakes mistakes;
    struct yaml_tree *tree;
    struct buf printed;
};

static void read_span(struct reading *r, struct span text)
{
    mistakes_init(&r->mistakes);
    buf_init(&r->printed, 1 << 20);
    r->tree = yaml_read(text, SPAN_LITERAL("f"), &r->mistakes);
}

static const char *print(struct reading *r)
{
    buf_clear(&r->printed);
    assert_true(mistakes_print(&r->mistakes, &r->printed));
    return buf_text(&r->printed);
}

static void reading_done(struct reading *r)
{
    yaml_tree_free(r->tree);
    mistakes_done(&r->mistakes);
    buf_done(&r->printed);
}

static void texts_are_read_or_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span text;
        bool tree;
        const char *printed;
    } rows[] = {
        { "mapping", SPAN_LITERAL("a: 1\nb:\n  - x\n  - {c: d}\n"), true, "" },
        { "JSON", SPAN_LITERAL("{\"a\":1,\"b\":[true,null,\"x\\/\\u00e9\"],\n\t\"c\":{}}"), true, "" },
        { "byte order mark", SPAN_LITERAL("\xef\xbb\xbf" "a: 1"), true, "" },
        { "comments and markers", SPAN_LITERAL("# x\n---\na: 1 # y\n...\n"), true, "" },
        { "marker alone", SPAN_LITERAL("---\n"), true, "" },
        { "quoted merge key", SPAN_LITERAL("\"<<\": 1"), true, "" },
        { "same key elsewhere", SPAN_LITERAL("a: {k: 1}\nb: {k: 1}"), true, "" },
        { "empty", SPAN_LITERAL(""), false, "f: nothing in it\n" },
        { "none", SPAN_NONE, false, "f: nothing in it\n" },
        { "comment alone", SPAN_LITERAL("# x\n"), false, "f: nothing in it\n" },
        { "mark alone", SPAN_LITERAL("\xef\xbb\xbf"), false, "f: nothing in it\n" },
        { "anchor on a scalar", SPAN_LITERAL("a: &x 1"), true, "f:1:4: anchors (&) are not allowed here\n" },
        { "anchor on a list", SPAN_LITERAL("a: &x [1]"), true, "f:1:4: anchors (&) are not allowed here\n" },
        { "anchor on a mapping", SPAN_LITERAL("a: &x {}"), true, "f:1:4: anchors (&) are not allowed here\n" },
        { "anchor on a key", SPAN_LITERAL("&x a: 1"), true, "f:1:1: anchors (&) are not allowed here\n" },
        { "alias", SPAN_LITERAL("a: *x"), true, "f:1:4: aliases (*) are not allowed here\n" },
        { "alias as a key", SPAN_LITERAL("*x : 1"), true, "f:1:1: aliases (*) are not allowed here\n" },
        { "tag", SPAN_LITERAL("a: !t 1\nb: !!int 1"), true, "f:1:4: tags (!) are not allowed here\nf:2:4: tags (!) are not allowed here\n" },
        { "bare tag", SPAN_LITERAL("! a"), true, "f:1:1: tags (!) are not allowed here\n" },
        { "merge key", SPAN_LITERAL("<<: {a: 1}"), true, "f:1:1: merge keys (<<) are not allowed here\n" },
        { "version directive", SPAN_LITERAL("%YAML 1.1\n---\na: 1"), true, "f:1:1: directives (%) are not allowed here\n" },
        { "tag directive", SPAN_LITERAL("%TAG !e! tag:e,2000:\n---\na: 1"), true, "f:1:1: directives (%) are not allowed here\n" },
        { "second document", SPAN_LITERAL("a: 1\n---\nb: 2\n"), true, "f:2:1: a second document is not allowed here\n" },
        { "key that is no text", SPAN_LITERAL("? [1, 2]\n: 3\nb: 4\nb: 5"), true,
          "f:1:3: a key must be text\nf:4:1: key \"b\" was given before, at 3:1\n" },
        { "duplicates", SPAN_LITERAL("a: 1\nb: 2\na: 3\n'a': 4"), true,
          "f:3:1: key \"a\" was given before, at 1:1\nf:4:1: key \"a\" was given before, at 3:1\n" },
        { "duplicates far below", SPAN_LITERAL("x: [{a: 1, a: 2}]"), true, "f:1:12: key \"a\" was given before, at 1:6\n" },
        { "a key that forges a line", SPAN_LITERAL("{\"a\\nb\": 1, \"a\\nb\": 2}"), true, "f:1:13: key \"a?b\" was given before, at 1:2\n" },
        { "NUL byte", SPAN_LITERAL("a: 1\nb\0: 2"), false, "f:2:2: a NUL byte is not allowed\n" },
        { "NUL escape", SPAN_LITERAL("a: \"\\0\""), true, "f:1:4: text may not contain a NUL character\n" },
        { "bad UTF-8", SPAN_LITERAL("\xc3\xa9: 1\n\xe2\x82\xac: \xff"), false, "f:2:4: not valid UTF-8\n" },
        { "cut character", SPAN_LITERAL("a: \xe2\x82"), false, "f:1:4: not valid UTF-8\n" },
        { "UTF-16", SPAN_LITERAL("\xff\xfe" "a\0"), false, "f:1:4: a NUL byte is not allowed\n" },
        { "control character", SPAN_LITERAL("a: 1\nb: \x01"), false, "f:2:4: control characters are not allowed\n" },
        { "cut list", SPAN_LITERAL("a: [1, 2\n"), false, "f:2:1: while parsing a flow sequence did not find expected ',' or ']'\n" },
        { "cut text", SPAN_LITERAL("a: \"x"), false, "f:1:6: while scanning a quoted scalar found unexpected end of stream\n" },
        { "tab as indentation", SPAN_LITERAL("a:\n\tb: 1"), false,
          "f:2:1: while scanning for the next token found character that cannot start any token\n" },
        { "two values on a line", SPAN_LITERAL("a: b: c"), false, "f:1:5: mapping values are not allowed in this context\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(reading_done) struct reading r;
        read_span(&r, rows[i].text);
        if ((r.tree != NULL) != rows[i].tree || strcmp(print(&r), rows[i].printed) != 0)
            fail_msg("%s: tree %d\n%s", rows[i].name, r.tree != NULL, buf_text(&r.printed));
        if ((mistakes_errors(&r.mistakes) > 0) != (rows[i].printed[0] != '\0'))
            fail_msg("%s: miscounted", rows[i].name);
    }
}

static struct span repeated(const char *piece, size_t times, const char *end)
{
    size_t bytes = strlen(piece);
    char *text = malloc(bytes * times + strlen(end) + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * bytes, piece, bytes);
    strcpy(text + bytes * times, end);
    return span_of(text);
}

static void limits_hold_at_the_edge_and_one_over(void **state)
{
    (void)state;
    static const struct {
        const char *name, *piece, *end;
        size_t times;
        bool tree;
        const char *words;
    } rows[] = {
        { "longest", " ", "a", 1024 * 1024 - 1, true, "" },
        { "one byte over", " ", "a", 1024 * 1024, false, "f: longer than 1048576 bytes\n" },
        { "deepest", "[", "]]]]]]]]]]]]]]]]", 16, true, "" },
        { "one level over", "[", "]", 17, false, "f:1:17: nested more than 16 deep\n" },
        { "hostile depth", "[", "", 1000000, false, "f:1:17: nested more than 16 deep\n" },
        { "hostile depth of dashes", "- ", "", 500000, false, "f:1:33: nested more than 16 deep\n" },
        { "hostile number of directives", "%TAG !x! a\n", "---\na", 90000, false, "f:17:1: directives (%) are not allowed here\n" },
        { "the same words within lines", " %TAG", "", 17, false,
          "f:1:2: while scanning for the next token found character that cannot start any token\n" },
        { "most nodes", "- a\n", "", 49999, true, "" },
        { "one node over", "- a\n", "", 50000, false, "f:50000:3: more than 50000 values\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(reading_done) struct reading r;
        struct span text = repeated(rows[i].piece, rows[i].times, rows[i].end);
        read_span(&r, text);
        free((void *)(uintptr_t)text.at);
        if ((r.tree != NULL) != rows[i].tree || strcmp(print(&r), rows[i].words) != 0)
            fail_msg("%s: %s", rows[i].name, buf_text(&r.printed));
    }
}

static void a_mapping_of_many_equal_keys_is_soon_refused(void **state)
{
    (void)state;
    CLEANUP(reading_done) struct reading r;
    struct span text = repeated("a: b\n", 24999, "");
    read_span(&r, text);
    free((void *)(uintptr_t)text.at);
    assert_int_equal(r.mistakes.count, 1000);
    assert_int_equal(mistakes_errors(&r.mistakes), 24998);
    assert_non_null(strstr(print(&r), "\nand 23998 more\n"));
}

static void a_tree_remembers_places_and_keys(void **state)
{
    (void)state;
    CLEANUP(reading_done) struct reading r;
    read_span(&r, SPAN_LITERAL("a: 1\nlist:\n  - x\n  - 'y z'\nempty:\n"));
    const struct yaml_node *root = yaml_root(r.tree), *list = yaml_get(root, "list"), *empty = yaml_get(root, "empty");
    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->count, 3);
    assert_true(span_equal_text(root->children[0].key, "a"));
    assert_true(span_equal_text(root->children[0].text, "1"));
    assert_int_equal(list->kind, YAML_SEQUENCE);
    assert_int_equal(list->count, 2);
    assert_int_equal(list->key_line, 2);
    assert_int_equal(list->key_column, 1);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->column, 3);
    assert_true(list->children[0].plain);
    assert_false(list->children[1].plain);
    assert_true(span_equal_text(list->children[1].text, "y z"));
    assert_int_equal(list->children[1].line, 4);
    assert_int_equal(list->children[1].column, 5);
    assert_int_equal(empty->kind, YAML_SCALAR);
    assert_true(span_empty(empty->text));
    assert_null(yaml_get(root, "none"));
    assert_null(yaml_get(list, "a"));
    assert_null(yaml_get(NULL, "a"));
    assert_false(root->used[0]);
    assert_true(root->used[1]);
}

static void unknown_keys_are_reported_with_the_nearest(void **state)
{
    (void)state;
    static const char *const known[] = { "rules", "grace", NULL };
    CLEANUP(reading_done) struct reading r;
    read_span(&r, SPAN_LITERAL("rules: 1\n  \ngrase: 2\nother: 3"));
    yaml_only(yaml_root(r.tree), known, &r.mistakes);
    yaml_only(NULL, known, &r.mistakes);
    assert_string_equal(print(&r), "f:3:1: unknown key \"grase\", did you mean grace?\nf:4:1: unknown key \"other\"\n");
}

static void scalars_get_their_type_from_the_reader(void **state)
{
    (void)state;
    static const char *const words[] = { "allow", "warn", "deny", NULL };
    static const struct {
        const char *text;
        const char *as_int, *as_bool, *as_duration, *as_word; /* what is printed; NULL when it is read */
        bool off;
    } rows[] = {
#define INT_REFUSED "f:1:4: must be a whole number\n"
#define BOOL_REFUSED "f:1:4: must be true or false\n"
#define DURATION_REFUSED "f:1:4: must be a duration: a whole number and s, m, h or d, such as 30m\n"
#define WORD_REFUSED "f:1:4: must be one of allow, warn, deny\n"
        { "a: 7", NULL, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: 11", "f:1:4: must be between 0 and 10\n", BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: -1", "f:1:4: must be between 0 and 10\n", BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: 007", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: 0", NULL, BOOL_REFUSED, NULL, WORD_REFUSED, false },
        { "a: 1e3", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: true", INT_REFUSED, NULL, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: false", INT_REFUSED, NULL, DURATION_REFUSED, WORD_REFUSED, true },
        { "a: 'false'", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: yes", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, false },
        { "a: off", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, true },
        { "a: none", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, WORD_REFUSED, true },
        { "a: 30m", INT_REFUSED, BOOL_REFUSED, NULL, WORD_REFUSED, false },
        { "a: warn", INT_REFUSED, BOOL_REFUSED, DURATION_REFUSED, NULL, false },
        { "a:  ", "f:1:3: must be a whole number\n", "f:1:3: must be true or false\n", "f:1:3: must be a duration: a whole number and s, m, h or d, such as 30m\n",
          "f:1:3: must be one of allow, warn, deny\n", false },
        { "a: []", "f:1:4: must be a whole number, not a list\n", "f:1:4: must be true or false, not a list\n",
          "f:1:4: must be a duration, not a list\n", "f:1:4: must be a word, not a list\n", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const expected[] = { rows[i].as_int, rows[i].as_bool, rows[i].as_duration, rows[i].as_word };
        for (size_t type = 0; type < COUNT(expected); type++) {
            CLEANUP(reading_done) struct reading r;
            read_span(&r, span_of(rows[i].text));
            const struct yaml_node *a = yaml_get(yaml_root(r.tree), "a");
            int64_t number = 77, seconds = 77;
            bool yes;
            unsigned index;
            bool read = type == 0 ? yaml_int(a, 0, 10, &number, &r.mistakes)
                : type == 1       ? yaml_bool(a, &yes, &r.mistakes)
                : type == 2       ? yaml_duration(a, &seconds, &r.mistakes)
                                  : yaml_word(a, words, &index, &r.mistakes);
            if (read != (expected[type] == NULL) || strcmp(print(&r), read ? "" : expected[type]) != 0)
                fail_msg("%s as type %zu: %s", rows[i].text, type, buf_text(&r.printed));
            assert_int_equal(yaml_is_off(a), rows[i].off);
            assert_true(read || (number == 77 && seconds == 77));
        }
    }
}

static void absent_values_are_silent(void **state)
{
    (void)state;
    struct mistakes m;
    mistakes_init(&m);
    struct span text;
    int64_t number;
    bool yes;
    unsigned index;
    assert_false(yaml_text(NULL, 5, &text, &m));
    assert_false(yaml_int(NULL, 0, 1, &number, &m));
    assert_false(yaml_bool(NULL, &yes, &m));
    assert_false(yaml_duration(NULL, &number, &m));
    assert_false(yaml_word(NULL, (const char *const[]){ "a", NULL }, &index, &m));
    assert_false(yaml_is_off(NULL));
    assert_int_equal(m.count, 0);
    mistakes_done(&m);
}

static void text_has_a_longest_length(void **state)
{
    (void)state;
    CLEANUP(reading_done) struct reading r;
    read_span(&r, SPAN_LITERAL("a: no\nb: {}"));
    struct span text = SPAN_NONE;
    assert_true(yaml_text(yaml_get(yaml_root(r.tree), "a"), 2, &text, &r.mistakes));
    assert_true(span_equal_text(text, "no"));
    assert_false(yaml_text(yaml_get(yaml_root(r.tree), "a"), 1, &text, &r.mistakes));
    assert_false(yaml_text(yaml_get(yaml_root(r.tree), "b"), 9, &text, &r.mistakes));
    assert_string_equal(print(&r), "f:1:4: must be at most 1 bytes long\nf:2:4: must be text, not a mapping\n");
}

static void mistakes_are_sorted_and_outlive_the_tree(void **state)
{
    (void)state;
    CLEANUP(reading_done) struct reading r;
    read_span(&r, SPAN_LITERAL("a: 1\nb: 2"));
    yaml_mistake(&r.mistakes, yaml_get(yaml_root(r.tree), "b"), "second %d", 2);
    yaml_warning(&r.mistakes, yaml_get(yaml_root(r.tree), "a"), "first\nline");
    yaml_mistake(&r.mistakes, NULL, "nowhere");
    yaml_mistake(NULL, NULL, "for nobody");
    yaml_tree_freep(&r.tree);
    r.tree = NULL;
    assert_string_equal(print(&r), "nowhere\nf:1:4: warning: first?line\nf:2:4: second 2\n");
    assert_int_equal(mistakes_errors(&r.mistakes), 2);
}

static void warnings_past_the_limit_do_not_hide_errors(void **state)
{
    (void)state;
    struct mistakes m;
    mistakes_init(&m);
    for (size_t i = 0; i < 1001; i++)
        yaml_warning(&m, NULL, "w");
    assert_int_equal(mistakes_errors(&m), 0);
    yaml_mistake(&m, NULL, "e");
    assert_int_equal(mistakes_errors(&m), 1);
    mistakes_done(&m);
    mistakes_done(&m);
    mistakes_done(NULL);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    char text[1000] = "a";
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    struct mistakes m;
    mistakes_init(&m);
    yaml_mistake(&m, NULL, "%s", text);
    assert_true(m.all[0].text.bytes < 400);
    assert_true(span_is_utf8(m.all[0].text));
    mistakes_done(&m);
}

static void the_nearest_word_is_within_two_edits(void **state)
{
    (void)state;
    static const char *const known[] = { "disk", "firewall", "id", "screen_lock", NULL };
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        { "disk", "disk" },        { "disc", "disk" },   { "dosk", "disk" }, { "firewal", "firewall" }, { "firwal", "firewall" },
        { "firwa", NULL },         { "screenlock", "screen_lock" }, { "", NULL }, { "i", NULL }, { "xy", NULL }, { "idd", "id" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *nearest = nearest_word(span_of(rows[i].word), known);
        if ((nearest == NULL) != (rows[i].nearest == NULL) || (nearest != NULL && strcmp(nearest, rows[i].nearest) != 0))
            fail_msg("%s: %s", rows[i].word, nearest == NULL ? "nothing" : nearest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_or_refused_with_their_place),
        cmocka_unit_test(limits_hold_at_the_edge_and_one_over),
        cmocka_unit_test(a_mapping_of_many_equal_keys_is_soon_refused),
        cmocka_unit_test(a_tree_remembers_places_and_keys),
        cmocka_unit_test(unknown_keys_are_reported_with_the_nearest),
        cmocka_unit_test(scalars_get_their_type_from_the_reader),
        cmocka_unit_test(absent_values_are_silent),
        cmocka_unit_test(text_has_a_longest_length),
        cmocka_unit_test(mistakes_are_sorted_and_outlive_the_tree),
        cmocka_unit_test(warnings_past_the_limit_do_not_hide_errors),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(the_nearest_word_is_within_two_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
