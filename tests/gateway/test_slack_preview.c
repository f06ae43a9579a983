#include "gateway/cli/cli_slack_preview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void slacks_marks_become_plain_text(void **state)
{
    static const struct { const char *name, *mrkdwn, *plain; } rows[] = {
        { "words", "To fix: *disk*", "To fix: *disk*" },
        { "nothing", "", "" },
        { "a date", "by <!date^1796040000^{date_short_pretty} at {time}|Tue 14:00>.", "by Tue 14:00." },
        { "a link", "<https://a.example/me/x|Your page>", "Your page (https://a.example/me/x)" },
        { "a bare link", "see <https://a.example>", "see https://a.example" },
        { "entities", "a &lt;b&gt; &amp; c", "a <b> & c" },
        { "an entity of an entity", "&amp;lt;", "&lt;" },
        { "another entity", "&quot;", "&quot;" },
        { "a mark that is not closed", "1 < 2", "1 < 2" },
        { "an empty mark", "a<>b", "ab" },
        { "an empty target", "<|x>", "x" },
        { "cut short", "&am", "&am" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        print_message("%s\n", rows[i].name);
        buf_init(&out, 4096);
        assert_true(cli_slack_plain(span_of(rows[i].mrkdwn), &out));
        assert_true(span_equal_text(buf_span(&out), rows[i].plain));
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slacks_marks_become_plain_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
