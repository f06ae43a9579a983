#include "gateway/slack/slack_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void words_are_understood_as_people_write_them(void **state)
{
    static const struct { const char *typed, *rest; enum slack_ask ask; } rows[] = {
        { "", "", SLACK_ASK_STATUS },               { "   ", "", SLACK_ASK_STATUS },           { "status", "", SLACK_ASK_STATUS },        { "Devices!", "", SLACK_ASK_STATUS },
        { "\xe2\x80\x9c" "devices" "\xe2\x80\x9d", "", SLACK_ASK_STATUS },                     { "*status*", "", SLACK_ASK_STATUS },      { "device", "", SLACK_ASK_STATUS },
        { "recheck", "", SLACK_ASK_RECHECK },       { "recheck dover", "dover", SLACK_ASK_RECHECK }, { "RECHECK \"my-mac.local\"", "my-mac.local", SLACK_ASK_RECHECK },
        { "check again", "", SLACK_ASK_RECHECK },   { "check again dover", "dover", SLACK_ASK_RECHECK }, { "I fixed it. Check again", "", SLACK_ASK_RECHECK }, { "done", "", SLACK_ASK_RECHECK },
        { "all fixed now, thanks", "", SLACK_ASK_RECHECK }, { "why", "", SLACK_ASK_WHY },      { "why disk-encryption?", "disk-encryption", SLACK_ASK_WHY }, { "Why \xe2\x80\x9e" "disk" "\xe2\x80\x9c?", "disk", SLACK_ASK_WHY },
        { "snooze firewall", "firewall", SLACK_ASK_SNOOZE }, { "privacy", "", SLACK_ASK_PRIVACY }, { "help", "", SLACK_ASK_HELP },          { "notmine dover", "dover", SLACK_ASK_NOT_MINE },
        { "not mine: dover", "dover", SLACK_ASK_NOT_MINE }, { "not-mine dover", "dover", SLACK_ASK_NOT_MINE }, { "ask", "", SLACK_ASK_PERSON }, { "human", "", SLACK_ASK_PERSON },
        { "not sure what this is", "", SLACK_ASK_HELP }, { "hello", "", SLACK_ASK_HELP },      { "statusx", "", SLACK_ASK_HELP },         { "...", "", SLACK_ASK_STATUS },
        { "\xf0\x9f\x91\x8d", "", SLACK_ASK_HELP }, { "<@U1> status", "", SLACK_ASK_HELP },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span rest = SPAN_NONE;
        print_message("%s\n", rows[i].typed);
        assert_int_equal(slack_words_read(span_of(rows[i].typed), &rest), rows[i].ask);
        assert_true(span_equal_text(rest, rows[i].rest));
    }
}

static void a_long_message_is_read_in_bounded_time(void **state)
{
    static char text[3001];
    struct span rest;
    (void)state;
    for (size_t i = 0; i < 3000; i++)
        text[i] = i % 2 == 0 ? 'a' : ' ';
    assert_int_equal(slack_words_read(span_make(text, 3000), &rest), SLACK_ASK_HELP);
    memset(text, '.', 3000);
    assert_int_equal(slack_words_read(span_make(text, 3000), &rest), SLACK_ASK_STATUS);
}

static void buttons_and_modals_are_ours_or_nothing(void **state)
{
    static const struct { const char *action; bool modal, is; enum slack_ask ask; } rows[] = {
        { "pst.recheck", false, true, SLACK_ASK_RECHECK }, { "pst.wrong", false, true, SLACK_ASK_WRONG }, { "pst.wrong", true, true, SLACK_ASK_WRONG_SENT }, { "pst.ask", true, true, SLACK_ASK_PERSON_SENT },
        { "pst.recheck", true, false, 0 },                 { "pst.page", false, true, SLACK_ASK_PAGE },   { "pst.", false, false, 0 },                       { "", false, false, 0 },
        { "other.recheck", false, false, 0 },              { "PST.RECHECK", false, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum slack_ask ask = SLACK_ASK_HELP;
        assert_int_equal(slack_action_read(span_of(rows[i].action), rows[i].modal, &ask), rows[i].is);
        if (rows[i].is)
            assert_int_equal(ask, rows[i].ask);
    }
}

static void every_ask_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SLACK_ASKS; i++) {
        enum slack_ask ask = SLACK_ASKS;
        assert_true(slack_ask_from(span_of(slack_ask_name((enum slack_ask)i)), &ask));
        assert_int_equal(ask, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_understood_as_people_write_them), cmocka_unit_test(a_long_message_is_read_in_bounded_time),
        cmocka_unit_test(buttons_and_modals_are_ours_or_nothing),    cmocka_unit_test(every_ask_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
