#include "posture/policy_wording.h"
#include "posture/wording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void note(void *context, const char *finding)
{
    struct buf *out = context;
    buf_format(out, "%s%s", out->bytes > 0 ? "; " : "", finding);
}

static void texts_are_judged(void **state)
{
    static const struct { const char *name, *text; double grade; const char *wanted; } rows[] = {
        { "plain", "Your disk is encrypted.", WORDING_GRADE, "" },
        { "nothing", "", WORDING_GRADE, "" },
        { "a specialist's word", "Your laptop is noncompliant.", WORDING_NO_GRADE, "says \"noncompliant\"" },
        { "in another case", "It Must be on.", WORDING_NO_GRADE, "says \"must\"" },
        { "inside of another word", "Mustard and adjust.", WORDING_NO_GRADE, "" },
        { "a time", "It was on just now.", WORDING_NO_GRADE, "" },
        { "the same word as an order", "Just turn it on.", WORDING_NO_GRADE, "says \"just\"" },
        { "nobody is blamed", "This is not your fault.", WORDING_NO_GRADE, "" },
        { "two words", "You had a failure to start.", WORDING_NO_GRADE, "says \"failure to\"" },
        { "a setting's name", "Open \"Policy must scan\" and press `MUST`.", WORDING_NO_GRADE, "" },
        { "a quote that is not closed", "Open \"Policy.", WORDING_NO_GRADE, "says \"policy\"" },
        { "loud", "Do it NOW.", WORDING_NO_GRADE, "is in capitals: NOW" },
        { "an abbreviation", "Turn on the VPN.", WORDING_NO_GRADE, "" },
        { "part of a name", "Set FOO_BAR.", WORDING_NO_GRADE, "" },
        { "a shout", "Done!", WORDING_NO_GRADE, "has an exclamation mark" },
        { "long", "One two three four five six seven eight nine ten one two three four five six seven eight nine ten one.", WORDING_NO_GRADE, "21 words in one sentence, more than 20" },
        { "hard", "Unauthorised individuals could potentially exfiltrate confidential information.", WORDING_GRADE, "reading grade 27.6 is above 7" },
        { "hard, and too short to tell", "Authentication unavailability.", WORDING_GRADE, "" },
        { "not UTF-8", "\xff\xfe must", WORDING_NO_GRADE, "says \"must\"" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf said;
        buf_init(&said, 4096);
        print_message("%s\n", rows[i].name);
        wording_lint(span_of(rows[i].text), rows[i].grade, note, &said);
        assert_string_equal(said.bytes > 0 ? buf_text(&said) : "", rows[i].wanted);
        buf_done(&said);
    }
}

static void texts_are_measured(void **state)
{
    static const struct { const char *text; size_t words, sentences; double grade; } rows[] = {
        { "", 0, 0, 0.0 }, { "The disk is encrypted", 4, 1, 3.67 }, { "It's on. Is it? Yes", 5, 3, -0.78 }, { "Version 14.6.1 of macOS.", 4, 1, 3.67 }, { "...", 0, 1, 0.0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wording m = wording_measure(span_of(rows[i].text));
        print_message("%s: %zu %zu %.2f\n", rows[i].text, m.words, m.sentences, m.grade);
        assert_int_equal(m.words, rows[i].words);
        assert_int_equal(m.sentences, rows[i].sentences);
        assert_true(m.grade > rows[i].grade - 0.01 && m.grade < rows[i].grade + 0.01);
    }
}

static void a_long_text_is_read_as_far_as_it_goes(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 4 * WORDING_TEXT_BYTES);
    while (text.bytes < 2 * WORDING_TEXT_BYTES)
        buf_append_text(&text, "word \"quoted\" ");
    struct wording m = wording_measure(buf_span(&text));
    assert_true(m.words > 1000 && m.words < WORDING_TEXT_BYTES);
    buf_done(&text);
}

static void a_policys_own_words_are_warned_of(void **state)
{
    static const struct { const char *name, *policy, *wanted; } rows[] = {
        { "good words", "checks:\n  - { id: a, title: Your disk is locked, why: It keeps your work safe., fix: [Open Settings.], minutes: 2, restart: false, needs_admin: false }\n", "" },
        { "the library's words", "checks: [{ use: library/firewall }]\n", "" },
        { "other words over the library's", "checks:\n  - use: library/firewall\n    why: You must!\n", "p:3:10: warning: check \"library/firewall\": why: says \"must\"\np:3:10: warning: check \"library/firewall\": why: has an exclamation mark\n" },
        { "by platform", "checks:\n  - id: a\n    minutes: 1\n    restart: no\n    needs_admin: no\n    fix: { macos: [Simply do it.], linux: Do it. }\n    saw: { macos: \"{x} is a violation\" }\n",
          "p:6:20: warning: check \"a\": fix: says \"simply\"\np:7:19: warning: check \"a\": saw: says \"violation\"\n" },
        { "nothing said of the time", "checks:\n  - { id: a, restart: false }\n", "p:2:5: warning: check \"a\" does not say minutes needs_admin: people are told 5 minutes, no restart, no admin rights\n" },
        { "shapes that are none", "checks: [a, [b], { id: [c], title: [d], fix: { macos: { x: y } }, why: { a: b }, minutes: 1, restart: no, needs_admin: no }]\n", "" },
        { "what a manager can do", "mdm: { sees: [Which apps are installed], does: [Remediate everything] }\n", "p:1:49: warning: mdm.does: says \"remediate\"\n" },
        { "no checks", "policy: a\n", "" },
        { "a list", "[checks]\n", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mistakes mistakes, ignored;
        struct buf out;
        print_message("%s\n", rows[i].name);
        mistakes_init(&mistakes);
        mistakes_init(&ignored);
        buf_init(&out, 64 * 1024);
        struct yaml_tree *tree = yaml_read(span_of(rows[i].policy), SPAN_LITERAL("p"), &ignored);
        assert_non_null(tree);
        policy_wording_warn(yaml_root(tree), &mistakes);
        assert_true(mistakes_print(&mistakes, &out));
        assert_string_equal(out.bytes > 0 ? buf_text(&out) : "", rows[i].wanted);
        assert_int_equal(mistakes_errors(&mistakes), 0);
        yaml_tree_free(tree);
        buf_done(&out);
        mistakes_done(&ignored);
        mistakes_done(&mistakes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_are_judged), cmocka_unit_test(texts_are_measured), cmocka_unit_test(a_long_text_is_read_as_far_as_it_goes), cmocka_unit_test(a_policys_own_words_are_warned_of) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
