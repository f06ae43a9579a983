#include "connectors/notify/nudge_text.h"

#include "connectors/notify/block_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { NOW_S = 1796040000 /* Mon 2026-11-30 12:00:00 UTC */, BIG = 64 * 1024 };

static const char policy_text[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: code, title: Source Code, sensitivity: sensitive },\n"
    "       { id: mail, title: Mail, sensitivity: sensitive, repair: true }, { id: wiki, title: Wiki, sensitivity: everyday }]\n"
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }, { use: library/disk-encryption, severity: high }]\n"
    "ladders: [{ id: default, applies_to: { severity: [high], groups: [everyone] }, rungs: [{ id: notice, after: 0d, nudge: true }] }]\n"
    "help: { team: IT, contact: \"#help-it\" }\n";

struct fixture { struct policy *policy; struct calendar *calendar; struct person *person; struct device *device; struct result result; struct buf text, blocks; };

static struct fixture make(void)
{
    struct fixture f = { 0 };
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    policy_read(span_of(policy_text), SPAN_LITERAL("policy.yaml"), &mistakes, &f.policy);
    assert_non_null(f.policy);
    mistakes_done(&mistakes);
    f.calendar = calendar_new("/usr/share/zoneinfo");
    f.person = person_new();
    f.person->name = SPAN_LITERAL("Ana");
    f.device = device_new();
    f.device->id = SPAN_LITERAL("d_1");
    f.device->name = SPAN_LITERAL("dover");
    f.device->platform = PLATFORM_MACOS;
    f.result = (struct result){ .check = SPAN_LITERAL("firewall"), .verdict = VERDICT_FAIL, .first_failed_s = NOW_S - 3 * 3600, .saw = SPAN_LITERAL("The firewall setting is 0. 0 means off.") };
    buf_init(&f.text, BIG);
    buf_init(&f.blocks, BIG);
    return f;
}

static void drop(struct fixture *f)
{
    policy_free(f->policy);
    calendar_free(f->calendar);
    person_free(f->person);
    device_free(f->device);
    buf_done(&f->text);
    buf_done(&f->blocks);
}

static enum err_code write_it(struct fixture *f, struct nudge_text_item *items, size_t count, struct span link, bool first)
{
    struct err err = { 0 };
    const struct nudge_text_input in = { .policy = f->policy, .calendar = f->calendar, .person = f->person, .items = items, .item_count = count, .link = link, .now_s = NOW_S, .first = first };
    enum err_code code = nudge_text(&in, &f->text, &f->blocks, &err);
    if (code != OK)
        print_message("%s\n", err.text);
    return code;
}

static struct nudge_text_item item_of(struct fixture *f, const char *check)
{
    return (struct nudge_text_item){ f->device, policy_check(f->policy, span_of(check)), &f->result, NOW_S + 3 * 86400 + 4 * 3600, 2, 0, false };
}

static void assert_order(const char *text, const char *const *parts)
{
    for (; *parts != NULL; parts++) {
        const char *found = strstr(text, *parts);
        if (found == NULL)
            fail_msg("\"%s\" is missing or too early in:\n%s", *parts, text);
        text = found;
    }
}

static void the_parts_come_in_their_order(void **state)
{
    static const char *const plain[] = { "Postern, for IT", "found 3 hours ago", "dover", "To fix: Your firewall is on", "What we saw: The firewall setting is 0", "Why it matters:", "What to do", "2 minutes", "1. ",
                                         "Please do this by Thu 16:00 UTC", "After that Source Code and Payroll will not open on this device", "https://p.example/me/x", "once a day", "#help-it", NULL };
    static const char *const blocks[] = { "Something to fix on dover", "found 3 hours ago", "*To fix:*", "*What we saw:*", "*Why it matters:*", "*What to do*", "<!date^1796313600^{date_short_pretty} at {time}|Thu 16:00 UTC>",
                                          "Source Code and Payroll will not open", "Check again", "https://p.example/me/x", "Check again: Your firewall is on", "primary", "Show steps", "once a day", NULL };
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    assert_int_equal(write_it(&f, &item, 1, SPAN_LITERAL("https://p.example/me/x"), false), OK);
    assert_order(buf_text(&f.text), plain);
    assert_order(buf_text(&f.blocks), blocks);
    assert_null(strstr(buf_text(&f.text), "Mail")); /* a repair app never closes */
    assert_null(strstr(buf_text(&f.text), "Wiki"));
    assert_null(strstr(buf_text(&f.text), "Hello"));
    drop(&f);
}

static void the_first_message_introduces_itself(void **state)
{
    static const char *const parts[] = { "Hello Ana. This is Postern.", "To fix:", NULL };
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    assert_int_equal(write_it(&f, &item, 1, SPAN_LITERAL("https://p.example/me/x"), true), OK);
    assert_order(buf_text(&f.text), parts);
    assert_order(buf_text(&f.blocks), parts);
    drop(&f);
}

static void a_digest_names_each_other_check_in_one_line(void **state)
{
    static const char *const parts[] = { "To fix: Your firewall is on", "Also to fix:", ", on dover, by Thu 16:00 UTC", ", on dover", NULL };
    struct fixture f = make();
    struct nudge_text_item items[] = { item_of(&f, "firewall"), item_of(&f, "screen-lock"), item_of(&f, "disk-encryption") };
    (void)state;
    items[2].deadline_s = 0;
    assert_int_equal(write_it(&f, items, 3, SPAN_LITERAL("https://p.example/me/x"), false), OK);
    assert_order(buf_text(&f.text), parts);
    drop(&f);
}

static void what_came_back_says_why_there_is_less_time(void **state)
{
    static const char *const parts[] = { "This came back within 7 days, so there is less time to fix it. Please do this by ", "After that Source Code", NULL };
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    item.came_back = true;
    assert_int_equal(write_it(&f, &item, 1, SPAN_LITERAL("https://p.example/me/x"), false), OK);
    assert_order(buf_text(&f.text), parts);
    assert_order(buf_text(&f.blocks), parts);
    drop(&f);
}

static void no_deadline_makes_no_threat(void **state)
{
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    item.deadline_s = 0;
    assert_int_equal(write_it(&f, &item, 1, SPAN_LITERAL("https://p.example/me/x"), false), OK);
    assert_null(strstr(buf_text(&f.text), "will not open"));
    drop(&f);
}

static void hostile_names_make_no_links_mentions_or_lines(void **state)
{
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    f.device->name = SPAN_LITERAL("<!channel> <https://evil|x>\n*To fix:*");
    f.result.saw = SPAN_LITERAL("<@U1>&\x01");
    assert_int_equal(write_it(&f, &item, 1, SPAN_LITERAL("https://p.example/me/x"), false), OK);
    assert_null(strstr(buf_text(&f.blocks), "<@U1>"));
    assert_non_null(strstr(buf_text(&f.blocks), "&lt;@U1&gt;&amp; "));
    assert_non_null(strstr(buf_text(&f.text), "<!channel> <https://evil|x> *To fix:*")); /* plain text: parse is none; but no line of its own */
    drop(&f);
}

static void the_most_that_can_be_told_keeps_all_limits(void **state)
{
    static char name[4001], link[2901];
    struct fixture f = make();
    struct nudge_text_item items[128];
    (void)state;
    memset(name, '<', sizeof name - 1);
    memset(link, 'a', sizeof link - 1);
    memcpy(link, "https://p.example/", 18);
    f.device->name = span_of(name);
    f.person->name = span_of(name);
    f.result.saw = span_of(name);
    for (size_t i = 0; i < 128; i++)
        items[i] = item_of(&f, i % 2 == 0 ? "firewall" : "disk-encryption");
    assert_int_equal(write_it(&f, items, 128, span_of(link), true), OK);
    assert_non_null(strstr(buf_text(&f.blocks), "more on your page"));
    assert_true(block_kit_length(buf_span(&f.text)) <= BLOCK_KIT_TEXT);
    drop(&f);
}

static void what_cannot_be_a_message_is_refused(void **state)
{
    static char link[3000];
    struct fixture f = make();
    struct nudge_text_item item = item_of(&f, "firewall");
    (void)state;
    memset(link, 'a', sizeof link);
    assert_int_equal(write_it(&f, &item, 0, SPAN_LITERAL("https://p.example/me/x"), false), ERR_INPUT);
    assert_int_equal(write_it(&f, &item, 1, span_make(link, sizeof link), false), ERR_LIMIT);
    drop(&f);
}

static void values_are_cut_at_whole_characters(void **state)
{
    static const struct { const char *name, *value; size_t most; const char *got; } rows[] = {
        { "short", "abc", 5, "abc" }, { "just fits", "abcde", 5, "abcde" }, { "one over", "abcdef", 5, "abcd…" }, { "empty", "", 5, "" },
        { "two bytes each", "éééé", 3, "éé…" }, { "entities count as written", "<<<", 9, "&lt;&lt;…" }, { "entities that fit", "<&>", 13, "&lt;&amp;&gt;" },
        { "control characters", "a\n\tb", 9, "a  b" }, { "no room for an entity", "<a", 3, "…" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 100);
        print_message("%s\n", rows[i].name);
        assert_true(nudge_text_escape(span_of(rows[i].value), rows[i].most, &out));
        assert_string_equal(out.bytes == 0 ? "" : buf_text(&out), rows[i].got);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_come_in_their_order),
        cmocka_unit_test(the_first_message_introduces_itself),
        cmocka_unit_test(a_digest_names_each_other_check_in_one_line),
        cmocka_unit_test(what_came_back_says_why_there_is_less_time),
        cmocka_unit_test(no_deadline_makes_no_threat),
        cmocka_unit_test(hostile_names_make_no_links_mentions_or_lines),
        cmocka_unit_test(the_most_that_can_be_told_keeps_all_limits),
        cmocka_unit_test(what_cannot_be_a_message_is_refused),
        cmocka_unit_test(values_are_cut_at_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
