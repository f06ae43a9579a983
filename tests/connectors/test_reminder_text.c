/* What is said when an exemption ends soon: as Slack blocks and text, as an e-mail, and in the day's message. */
#include "connectors/notify/reminder_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { NOW_S = 1796040000, DAY_S = 86400, MOST = 256 * 1024 };

static const char policy_text[] = "policy: acme\nsensitivities: [everyday]\napps: []\nchecks: []\nladders: []\nhelp: { team: \"I<T>\", contact: \"#help\" }\n";

struct scene { struct policy *policy; struct calendar *calendar; struct person *person; struct nudge_text_reminder reminders[12]; struct nudge_text_input in; };

static void begin(struct scene *s)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    policy_read(span_of(policy_text), SPAN_LITERAL("test"), &mistakes, &s->policy);
    mistakes_done(&mistakes);
    assert_non_null(s->policy);
    s->calendar = calendar_new("/usr/share/zoneinfo");
    s->person = person_new();
    for (size_t i = 0; i < 12; i++)
        s->reminders[i] = (struct nudge_text_reminder){ SPAN_LITERAL("Your <firewall> is on"), SPAN_LITERAL("dover\n, of *Ana*"), NOW_S + 3 * DAY_S, i % 2 == 0 };
    s->in = (struct nudge_text_input){ .policy = s->policy, .calendar = s->calendar, .person = s->person, .link = SPAN_LITERAL("https://posture.acme.example/me/x"), .now_s = NOW_S,
                                       .reminders = s->reminders, .reminder_count = 1 };
}

static void end(struct scene *s)
{
    person_free(s->person);
    calendar_free(s->calendar);
    policy_free(s->policy);
}

static void assert_says(struct buf *b, const char *words)
{
    if (strstr(buf_text(b), words) == NULL)
        fail_msg("does not say \"%s\":\n%s", words, buf_text(b));
}

static void both_sides_read_their_own_words(void **state)
{
    static const struct { const char *name; size_t from, count; const char *text, *blocks; } rows[] = {
        { "who asked", 0, 1, "Your exemption ends Thu 12:00 UTC: Your <firewall> is on, on dover , of *Ana*. After that it counts again.", "Your &lt;firewall&gt; is on, on dover , of *Ana*" },
        { "who approved", 1, 1, "An exemption that you approved ends Thu 12:00 UTC", "An exemption that you approved ends *<!date^" },
        { "more than are told", 0, 12, "This is Postern, for I<T>.", "for I&lt;T&gt;." },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(buf_done) struct buf text, blocks;
        struct scene s;
        struct err err;
        begin(&s);
        s.in.reminders = s.reminders + rows[i].from;
        s.in.reminder_count = rows[i].count;
        buf_init(&text, MOST);
        buf_init(&blocks, MOST);
        if (reminder_text(&s.in, &text, &blocks, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_says(&text, rows[i].text);
        assert_says(&text, "https://posture.acme.example/me/x");
        assert_says(&blocks, rows[i].blocks);
        end(&s);
    }
}

static void a_mail_says_the_same(void **state)
{
    struct nudge_mail mail;
    struct scene s;
    struct err err;
    (void)state;
    begin(&s);
    nudge_mail_init(&mail);
    assert_int_equal(reminder_mail(&s.in, true, &mail, &err), OK);
    assert_string_equal(buf_text(&mail.subject), "An exemption ends soon");
    assert_says(&mail.text, "Your exemption ends Thu 12:00 UTC: Your <firewall> is on");
    assert_says(&mail.html, "Your &lt;firewall&gt; is on");
    nudge_mail_done(&mail);
    end(&s);
}

static void nothing_and_too_much_are_refused(void **state)
{
    CLEANUP(buf_done) struct buf text, blocks;
    static char link[3000];
    struct scene s;
    struct err err;
    (void)state;
    buf_init(&text, MOST);
    buf_init(&blocks, MOST);
    begin(&s);
    s.in.reminder_count = 0;
    assert_int_equal(reminder_text(&s.in, &text, &blocks, &err), ERR_INPUT);
    s.in.reminder_count = 1;
    memset(link, 'x', sizeof link);
    s.in.link = span_make(link, sizeof link);
    assert_int_equal(reminder_text(&s.in, &text, &blocks, &err), ERR_LIMIT);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_read_their_own_words),
        cmocka_unit_test(a_mail_says_the_same),
        cmocka_unit_test(nothing_and_too_much_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
