/* Cases kept beside a policy: what is met passes, what is not is said with its place, and what is no case is refused. */
#include "posture/policy_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define POLICY \
    "policy: p\nsensitivities: [everyday, critical]\napps: [{ id: chat, sensitivity: everyday, repair: true }, { id: pay, sensitivity: critical }]\n" \
    "checks:\n- { id: disk, severity: high, osquery: { macos: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d }\n" \
    "visible_after: off\ngrace: off\nnudges: { hours: '10:00-16:00', days: [mon, tue, wed, thu, fri], zone: UTC, channels: [slack] }\n" \
    "ladders:\n- { id: l, notices_before_close: 1, rise: off, rungs: [ { id: notice, after: 0d, nudge: true }, { id: shut, after: 7d, close: [critical] } ] }\n"
/* The failure of a laptop that was told, and another moment. */
#define DEVICE "    devices: [{ id: dover, results: { disk: { result: fail, since: 2026-12-01T10:00:00Z } }, told: { disk: [2026-12-01T11:00:00Z] } }]\n"
#define CASE(now, expect) "policy: p\ncases:\n  - name: a\n    now: " now "\n" DEVICE "    expect: " expect "\n"

struct row { const char *name, *text, *mistake; /* NULL: none */ unsigned line; };

static const struct row rows[] = {
    { "met", CASE("2026-12-08T11:00:00Z", "{ rung: shut, closed: [critical], next: never, apps: { pay: deny, chat: allow }, nudge: true, warn: false, would: none }"), NULL, 0 },
    { "a second earlier", CASE("2026-12-08T10:59:59Z", "{ rung: notice, closed: [], next: 2026-12-08T11:00:00Z, apps: { pay: allow } }"), NULL, 0 },
    { "another rung", CASE("2026-12-08T10:59:59Z", "{ rung: shut }"), "expected rung shut, found notice", 6 },
    { "other things closed", CASE("2026-12-08T11:00:00Z", "{ closed: [everyday] }"), "expected closed everyday, found critical", 6 },
    { "another answer", CASE("2026-12-08T11:00:00Z", "{ apps: { pay: allow } }"), "expected pay to allow, found deny", 6 },
    { "another date", CASE("2026-12-02T11:00:00Z", "{ next: 2026-12-09T11:00:00Z }"), "expected next 2026-12-09T11:00:00Z, found 2026-12-08T11:00:00Z", 6 },
    { "a message that does not go out", CASE("2026-12-05T11:00:00Z", "{ nudge: true }"), "outside of the hours", 6 },
    { "a rung that there is not", CASE("2026-12-08T11:00:00Z", "{ rung: shot }"), "no ladder of the policy has a rung \"shot\"", 6 },
    { "an app that there is not", CASE("2026-12-08T11:00:00Z", "{ apps: { payroll: deny } }"), "no app \"payroll\"", 6 },
    { "a sensitivity that there is not", CASE("2026-12-08T11:00:00Z", "{ closed: [secret] }"), "no sensitivity \"secret\"", 6 },
    { "a device that there is not", CASE("2026-12-08T11:00:00Z", "{ device: epping, rung: shut }"), "no device \"epping\"", 6 },
    { "an expectation that there is not", CASE("2026-12-08T11:00:00Z", "{ rungs: shut }"), "rungs", 6 },
    { "expects nothing", "policy: p\ncases:\n  - name: a\n    now: 2026-12-08T11:00:00Z\n", "expects nothing", 3 },
    { "no moment", "policy: p\ncases:\n  - { name: a, expect: { rung: none } }\n", "needs now", 3 },
    { "a time that is none", CASE("tomorrow", "{ rung: none }"), "must be a time", 4 },
    { "a check that there is not", "policy: p\ncases:\n  - name: a\n    now: 2026-12-08T11:00:00Z\n    devices: [{ results: { desk: fail } }]\n    expect: { rung: none }\n", "no check \"desk\"", 5 },
    { "a result that is none", "policy: p\ncases:\n  - name: a\n    now: 2026-12-08T11:00:00Z\n    devices: [{ results: { disk: bad } }]\n    expect: { rung: none }\n", "must be one of", 5 },
    { "told backwards", "policy: p\ncases:\n  - name: a\n    now: 2026-12-08T11:00:00Z\n    devices: [{ told: { disk: [2026-12-02T11:00:00Z, 2026-12-01T11:00:00Z] } }]\n    expect: { rung: none }\n", "is before", 5 },
    { "cases that are no list", "policy: p\ncases: many\n", "needs cases", 2 },
    { "a key that is none", "policy: p\ncase: []\n", "case", 2 },
    { "a zone that there is not", "policy: p\ncases:\n  - { name: a, now: 2026-12-08T11:00:00Z, person: { zone: Moon/Base }, expect: { rung: none } }\n", "no zone", 3 },
    { "an absence that ends before it begins",
      "policy: p\ncases:\n  - { name: a, now: 2026-12-08T11:00:00Z, person: { absences: [{ from: 2026-12-02T11:00:00Z, to: 2026-12-01T11:00:00Z }] }, expect: { rung: none } }\n", "must be after from", 3 },
    { "devices that are no list", "policy: p\ncases:\n  - { name: a, now: 2026-12-08T11:00:00Z, devices: { id: dover }, expect: { rung: none } }\n", "must be a list", 3 },
    { "a device that is no mapping", "policy: p\ncases:\n  - { name: a, now: 2026-12-08T11:00:00Z, devices: [dover], expect: { rung: none } }\n", "must have keys", 3 },
};

static struct policy *read_policy(void)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(SPAN_LITERAL(POLICY), SPAN_LITERAL("p"), &mistakes, &policy);
    if (policy == NULL)
        fail_msg("%.*s", SPAN_ARGS(mistakes.all[0].text));
    mistakes_done(&mistakes);
    return policy;
}

static void every_case_says_what_it_found(void **state)
{
    (void)state;
    struct policy *policy = read_policy();
    struct calendar *calendar = calendar_new("/usr/share/zoneinfo");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy_case_counts counts;
        struct mistakes mistakes;
        mistakes_init(&mistakes);
        struct yaml_tree *tree = yaml_read(span_of(rows[i].text), SPAN_LITERAL("cases"), &mistakes);
        assert_non_null(tree);
        struct span path;
        assert_true(policy_cases_policy(yaml_root(tree), &path, &mistakes));
        policy_cases_run(yaml_root(tree), policy, calendar, &mistakes, &counts);
        bool found = rows[i].mistake == NULL ? mistakes.count == 0 : mistakes_errors(&mistakes) > 0 && mistakes.all[0].line == rows[i].line;
        if (found && rows[i].mistake != NULL)
            found = span_search(mistakes.all[0].text, span_of(rows[i].mistake)) < mistakes.all[0].text.bytes;
        if (!found)
            fail_msg("%s: %zu mistakes, the first at line %u: %.*s", rows[i].name, mistakes.count, mistakes.count > 0 ? mistakes.all[0].line : 0,
                     SPAN_ARGS(mistakes.count > 0 ? mistakes.all[0].text : SPAN_NONE));
        mistakes_done(&mistakes);
        yaml_tree_free(tree);
    }
    calendar_free(calendar);
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_says_what_it_found) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
