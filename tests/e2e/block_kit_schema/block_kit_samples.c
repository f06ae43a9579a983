/* Prints messages and views as postern sends them, for judges that are not ours: [{"name", "text", "blocks"} or {"name", "view"}]. */
#include "connectors/notify/reminder_text.h"

#include "tests/e2e/block_kit_schema/samples.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW_S = 1796040000, MOST = 1024 * 1024, ITEMS = 20 };

static const char policy_text[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: wiki, title: Wiki, sensitivity: everyday }]\n"
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }]\n"
    "ladders: [{ id: default, applies_to: { severity: [high], groups: [everyone] }, rungs: [{ id: notice, after: 0d, nudge: true }] }]\n"
    "exemptions: { approvers: [ben@acme.example] }\n"
    "help: { team: IT, contact: \"#help-it\" }\n";

struct sample { const char *name, *device; size_t items; int64_t deadline_s; bool first; enum nudge_phase phase; enum nudge_hold hold; enum nudge_exempt exempt; };

static void print_sample(const struct sample *s, const struct policy *policy, const struct calendar *calendar, struct to_json *w)
{
    struct nudge_text_item items[ITEMS];
    struct nudge_text_news news[ITEMS];
    struct person *person = person_new();
    struct device *device = device_new();
    struct buf text, blocks;
    struct err err;
    const struct result result = { .first_failed_s = NOW_S - 7200, .saw = SPAN_LITERAL("The firewall setting is <0> & means \"off\".") };
    person->name = SPAN_LITERAL("Ana");
    device->name = span_of(s->device);
    device->platform = PLATFORM_LINUX;
    buf_init(&text, MOST);
    buf_init(&blocks, MOST);
    for (size_t i = 0; i < s->items; i++) {
        news[i] = (struct nudge_text_news){ s->phase, NOW_S, s->hold, NOW_S + 86400 };
        items[i] = (struct nudge_text_item){ device, policy_check(policy, i % 2 == 0 ? SPAN_LITERAL("firewall") : SPAN_LITERAL("screen-lock")), &result, s->deadline_s, 3, s->deadline_s == 0 ? 0 : 1, false };
    }
    const struct nudge_text_input in = { .policy = policy, .calendar = calendar, .person = person, .items = items, .item_count = s->items,
                                         .link = SPAN_LITERAL("https://posture.acme.example/me/sample"), .now_s = NOW_S, .first = s->first, .news = news, .notice = SPAN_LITERAL("e_1"),
                                         .may_dispute = true, .snoozes_left = 2, .asked = s->hold != NUDGE_RUNNING,
                                         .exempt = s->exempt, .declined = SPAN_LITERAL("<no> & that is it") };
    if (nudge_text(&in, &text, &blocks, &err) != OK) {
        fprintf(stderr, "%s: %s\n", s->name, err.text);
        exit(1);
    }
    to_json_object(w);
    to_json_member_text(w, "name", span_of(s->name));
    to_json_member_text(w, "text", buf_span(&text));
    to_json_key(w, "blocks");
    to_json_raw(w, buf_span(&blocks));
    to_json_end(w);
    buf_done(&blocks);
    buf_done(&text);
    device_free(device);
    person_free(person);
}

static void print_reminder(const struct policy *policy, const struct calendar *calendar, struct to_json *w)
{
    static const struct nudge_text_reminder reminders[] = { { SPAN_LITERAL("Your firewall is on"), SPAN_LITERAL("<dover>, of Ana"), NOW_S + 86400, true }, { SPAN_LITERAL("The screen locks"), SPAN_LITERAL("x"), NOW_S + 86400, false } };
    struct person *person = person_new();
    struct buf text, blocks;
    struct err err;
    const struct nudge_text_input in = { .policy = policy, .calendar = calendar, .person = person, .link = SPAN_LITERAL("https://posture.acme.example/me/sample"), .now_s = NOW_S, .reminders = reminders, .reminder_count = 2 };
    buf_init(&text, MOST);
    buf_init(&blocks, MOST);
    if (reminder_text(&in, &text, &blocks, &err) != OK) {
        fprintf(stderr, "a reminder: %s\n", err.text);
        exit(1);
    }
    to_json_object(w);
    to_json_member_text(w, "name", SPAN_LITERAL("exemptions end soon"));
    to_json_member_text(w, "text", buf_span(&text));
    to_json_key(w, "blocks");
    to_json_raw(w, buf_span(&blocks));
    to_json_end(w);
    buf_done(&blocks);
    buf_done(&text);
    person_free(person);
}

int main(void)
{
    static const struct sample samples[] = {
        { "one thing to fix", "dover", 1, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },   { "the first message", "dover", 1, NOW_S + 86400, true, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "nothing closes", "dover", 1, 0, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },                 { "a digest", "dover", 3, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "more than fits", "dover", ITEMS, NOW_S + 86400, true, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },  { "a hostile name", "<!channel> `x` *y* & \"z\"", 2, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "no name", "", 1, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },                 { "checking", "dover", 2, NOW_S + 86400, false, NUDGE_CHECKING, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "waiting", "dover", 1, NOW_S + 86400, false, NUDGE_WAITING, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },           { "silent", "dover", 1, NOW_S + 86400, false, NUDGE_SILENT, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "still", "dover", 1, NOW_S + 86400, false, NUDGE_STILL, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },               { "fixed", "dover", ITEMS, NOW_S + 86400, false, NUDGE_FIXED, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },
        { "gone", "dover", 1, NOW_S + 86400, false, NUDGE_GONE, NUDGE_RUNNING, NUDGE_EXEMPT_OFFERED },                 { "disputed", "dover", 2, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_DISPUTED, NUDGE_EXEMPT_OFFERED },
        { "put off", "dover", 1, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_SNOOZED, NUDGE_EXEMPT_OFFERED },            { "exempted", "dover", 1, NOW_S + 86400, false, NUDGE_STILL, NUDGE_EXEMPTED, NUDGE_EXEMPT_NONE },
        { "an exemption was asked for", "dover", 1, NOW_S + 86400, false, NUDGE_TO_FIX, NUDGE_RUNNING, NUDGE_EXEMPT_ASKED },
        { "an exemption was declined", "dover", 1, NOW_S + 86400, false, NUDGE_STILL, NUDGE_RUNNING, NUDGE_EXEMPT_DECLINED },
    };
    struct mistakes mistakes;
    struct policy *policy = NULL;
    struct buf out;
    struct to_json w;
    mistakes_init(&mistakes);
    policy_read(span_of(policy_text), SPAN_LITERAL("sample"), &mistakes, &policy);
    mistakes_done(&mistakes);
    struct calendar *calendar = calendar_new("/usr/share/zoneinfo");
    if (policy == NULL || calendar == NULL)
        return 1;
    buf_init(&out, MOST);
    to_json_init(&w, &out);
    to_json_array(&w);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        print_sample(&samples[i], policy, calendar, &w);
    print_reminder(policy, calendar, &w);
    print_slack_samples(policy_text, &w);
    to_json_end(&w);
    printf("%s\n", buf_text(&out));
    buf_done(&out);
    calendar_free(calendar);
    policy_free(policy);
    return 0;
}
