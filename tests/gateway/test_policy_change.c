/* Another policy is in force: what is stored is judged by it at once, without asking a device. */
#include "gateway/agents.h"
#include "gateway/publish.h"
#include "posture/evaluate.h"

#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"

#define CHECK(pass) \
    "  - { id: backup, title: Backups are fresh, what: The last backup is old., why: A lost laptop is then lost work., fix: { macos: [Make a backup.] }, collects: One number.,\n" \
    "      severity: high, pass: \"" pass "\", interval: 1h, fresh_for: 3d }\n"
#define POLICY(check) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: wiki, title: Wiki, sensitivity: everyday }]\n" \
    "checks:\n  - { use: library/firewall, severity: high }\n" check \
    "ladders:\n" \
    "  - id: default\n" \
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 60s, close: [sensitive] }]\n" \
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n" \
    "visible_after: { reads: 1, apart: 0s }\n" \
    "grace: { new_device: 0s, after_absence: 0s }\n" \
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: off\n"
static const char lenient[] = POLICY(CHECK("fact.backup_age <= 7")), strict[] = POLICY(CHECK("fact.backup_age <= 3")), without[] = POLICY("");

static void push(struct story *s, const char *value, int64_t lives_s)
{
    struct err err;
    int64_t now_s = s->now_ms / 1000;
    struct pushed_fact fact = { SPAN_LITERAL("backup_age"), span_of(value), SPAN_LITERAL("api"), now_s, lives_s > 0 ? now_s + lives_s : 0 };
    struct span dropped;
    struct agents_facts facts = { &fact, 1, SPAN_LITERAL("key:test"), &dropped, 0 };
    assert_int_equal(agents_facts_commit(&s->node, s->store, SPAN_LITERAL(DOVER), &facts, &err), OK);
    story_settle(s);
}

static void start(struct story *s, const char *policy, const char *age, int64_t lives_s)
{
    story_start(s, policy);
    story_effects(s, &(struct effects_options){ .slack = NULL });
    story_person(s, ANA, "U0ANA", "ana@acme.example");
    story_device(s, DOVER, ANA);
    push(s, age, lives_s);
}

static void publish(struct story *s, const char *text)
{
    struct err err;
    struct mistakes mistakes;
    char version[65];
    struct publication what = { .text = span_of(text), .file = SPAN_LITERAL("policy.yaml"), .by = SPAN_LITERAL("key:test"), .whole = true };
    mistakes_init(&mistakes);
    assert_int_equal(publish_policy(&s->node, s->store, &what, &mistakes, version, &err), OK);
    mistakes_done(&mistakes);
    story_settle(s);
    story_pass(s, 2); /* what is due is looked for now and then */
}

/* -1: no result is stored. */
static int stored_verdict(struct story *s)
{
    struct device *d = story_stored_device(s, DOVER);
    const struct result *result = device_result(d, SPAN_LITERAL("backup"));
    int verdict = result == NULL ? -1 : (int)result->verdict;
    device_free(d);
    return verdict;
}

static void a_stricter_policy_judges_what_is_stored(void **state)
{
    struct story s;
    (void)state;
    start(&s, lenient, "5", 0);
    assert_int_equal(stored_verdict(&s), VERDICT_PASS);
    size_t before = story_events(&s, "result.changed");
    publish(&s, strict);
    assert_int_equal(stored_verdict(&s), VERDICT_FAIL);
    assert_int_equal(story_events(&s, "result.changed"), before + 1);
    publish(&s, lenient);
    assert_int_equal(stored_verdict(&s), VERDICT_PASS);
    assert_int_equal(story_events(&s, "result.changed"), before + 2);
    story_end(&s);
}

static void a_policy_that_changes_no_verdict_is_no_news(void **state)
{
    struct story s;
    (void)state;
    start(&s, lenient, "2", 0);
    size_t before = story_events(&s, "result.changed");
    publish(&s, strict);
    assert_int_equal(stored_verdict(&s), VERDICT_PASS);
    assert_int_equal(story_events(&s, "result.changed"), before);
    story_end(&s);
}

static void what_no_check_reads_any_more_is_forgotten(void **state)
{
    struct story s;
    (void)state;
    start(&s, lenient, "5", 0);
    publish(&s, without);
    assert_int_equal(stored_verdict(&s), -1);
    struct device *d = story_stored_device(&s, DOVER);
    assert_int_equal(d->fact_count, 0);
    device_free(d);
    story_end(&s);
}

static void an_unknown_device_and_one_without_news_are_left_alone(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s, lenient, "5", 0);
    assert_int_equal(agents_judge_stored(&s.node, s.store, SPAN_LITERAL("d_zzzzzzzzzzzzzzzzzzzzzzzzzz"), SPAN_LITERAL("stored"), &err), OK);
    size_t before = story_events(&s, NULL);
    assert_int_equal(agents_judge_stored(&s.node, s.store, SPAN_LITERAL(DOVER), SPAN_LITERAL("stored"), &err), OK);
    assert_int_equal(story_events(&s, NULL), before);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stricter_policy_judges_what_is_stored),
        cmocka_unit_test(a_policy_that_changes_no_verdict_is_no_news),
        cmocka_unit_test(what_no_check_reads_any_more_is_forgotten),
        cmocka_unit_test(an_unknown_device_and_one_without_news_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
