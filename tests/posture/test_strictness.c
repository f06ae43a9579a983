#include "posture/strictness.h"

#include "posture/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

#include <stdio.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define DAY_S INT64_C(86400)
#define T0 INT64_C(1794823200)
#define HEAD(severity) CHECK(severity, "")
#define CHECK(severity, more) \
    "policy: p\nsensitivities: [everyday, sensitive]\napps: []\nvisible_after: off\ngrace: { new_device: 0s, after_absence: 24h }\n" \
    "nudges: { hours: '00:00-24:00', days: [mon, tue, wed, thu, fri, sat, sun], zone: UTC }\n" \
    "checks: [{ id: disk, severity: " severity ", osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d" more " }]\n"
#define LADDER(id, applies, shut, close, rest) \
    "- { id: " id ", applies_to: " applies ", rungs: [{ id: notice, after: 0d, nudge: true }, { id: shut, after: " shut ", close: [" close "] }],\n" \
    "    rise: { notice_before: 24h, working_hours: false, per_day: 0 }" rest " }\n"
#define ALL "{ severity: [minor, normal, high], groups: [everyone] }"
#define ONE(notices) ", notices_before_close: " notices
#define SEVEN HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1"))

static struct policy *read_policy(const char *text)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(span_of(text), SPAN_LITERAL("policy"), &mistakes, &policy);
    if (policy == NULL)
        fail_msg("%.*s", SPAN_ARGS(mistakes.all[0].text));
    mistakes_done(&mistakes);
    return policy;
}

/* A person who was told once, at T0, of what failed then. */
struct scene { struct calendar *calendar; struct person *person; struct result result; struct interval on; struct device device; struct arena arena; };

static void scene_start(struct scene *s)
{
    *s = (struct scene){ .calendar = calendar_new("/usr/share/zoneinfo"), .person = person_new(), .on = { T0 - DAY_S, 0 } };
    s->person->id = SPAN_LITERAL("p");
    assert_true(person_add_told(s->person, SPAN_LITERAL("d"), SPAN_LITERAL("disk"), T0));
    assert_true(person_add_told(s->person, SPAN_LITERAL("d"), SPAN_LITERAL("disk"), T0 + DAY_S));
    s->result = (struct result){ .check = SPAN_LITERAL("disk"), .verdict = VERDICT_FAIL, .changed_s = T0, .first_failed_s = T0, .visible_s = T0 };
    s->device = (struct device){ .id = SPAN_LITERAL("d"), .owner = SPAN_LITERAL("p"), .enrolled_s = 1, .results = &s->result, .result_count = 1, .on = &s->on, .on_count = 1 };
    arena_init(&s->arena, 64 * 1024, 16 * 1024 * 1024);
}

static void scene_end(struct scene *s)
{
    person_free(s->person);
    calendar_free(s->calendar);
    arena_done(&s->arena);
}

static bool is_closed(struct scene *s, const struct policy *policy, const struct strictness *strictness, int64_t now_s)
{
    struct standing *standings;
    s->result.evaluated_s = s->device.seen_s = now_s;
    struct ladder_input in = { .policy = policy, .calendar = s->calendar, .person = s->person, .device = &s->device, .now_s = now_s, .strictness = strictness };
    assert_int_equal(ladder_standings(&in, &s->arena, &standings), 1);
    return standings[0].closed != 0;
}

/* The first of the policy's half days from T0 at which it is closed; -1: not within 30 days. The same at every node and after every restart: only the
 * table and the policy are asked, and the table is read from its JSON. */
static double closes_after_days(struct scene *s, const struct policy *policy, const struct strictness *strictness, int64_t from_s)
{
    for (int64_t now_s = from_s; now_s <= T0 + 30 * DAY_S; now_s += DAY_S / 2)
        if (is_closed(s, policy, strictness, now_s))
            return (double)(now_s - T0) / (double)DAY_S;
    return -1;
}

static struct strictness again(const struct strictness *s, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct strictness out;
    struct to_json w;
    struct err err;
    buf_init(&text, 1024 * 1024);
    to_json_init(&w, &text);
    strictness_to_json(s, &w);
    assert_int_equal(from_json_parse(buf_span(&text), (struct from_json_limits){ 1024 * 1024, 16 }, "x", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc);
    assert_int_equal(strictness_from_json(&root, arena, &out, &err), OK);
    assert_int_equal(out.rung_count, s->rung_count);
    return out;
}

static void a_stricter_policy_gives_its_notice(void **state)
{
    static const struct { const char *name, *old, *next; double changed, closes; } rows[] = {
        { "the same", SEVEN, SEVEN, 3, 7 },
        { "a day earlier, long before", SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "6d", "sensitive", ONE("1")), 3, 6 },
        { "past already by the new one", SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "2d", "sensitive", ONE("1")), 3, 4 },
        { "due soon by the old one anyway", SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "2d", "sensitive", ONE("1")), 6.5, 7 },
        { "closed rightly before", SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "2d", "sensitive", ONE("1")), 9, 9 },
        { "later", SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "9d", "sensitive", ONE("1")), 8, 9 },
        { "a severity with another ladder", HEAD("normal") "ladders:\n" LADDER("s", "{ severity: [normal] }", "20d", "sensitive", ONE("1")) LADDER("l", ALL, "7d", "sensitive", ONE("1")),
          HEAD("high") "ladders:\n" LADDER("s", "{ severity: [normal] }", "20d", "sensitive", ONE("1")) LADDER("l", ALL, "7d", "sensitive", ONE("1")), 10, 11 },
        { "a ladder of another name", SEVEN, HEAD("high") "ladders:\n" LADDER("m", ALL, "7d", "sensitive", ONE("1")), 9, 10 },
        { "fewer notices", HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("5")), SEVEN, 10, 11 },
        { "a pause is gone", HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("5")), HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1") ", clock: { pauses: [] }"), 10, 11 },
        { "it closes more", HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "everyday", ONE("1")), HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "everyday, sensitive", ONE("1")), 10, 11 },
        { "it closes less", HEAD("high") "ladders:\n" LADDER("l", ALL, "7d", "everyday, sensitive", ONE("1")), SEVEN, 10, 10 },
        { "it concerns more people", HEAD("high") "ladders:\n" LADDER("l", "{ severity: [high], groups: [it] }", "7d", "sensitive", ONE("1")), SEVEN, 10, 11 },
        { "it concerns more severities", HEAD("high") "ladders:\n" LADDER("l", "{ severity: [high], groups: [everyone] }", "7d", "sensitive", ONE("1")), SEVEN, 10, 11 },
        { "another ladder stands no longer before it", HEAD("high") "ladders:\n" LADDER("x", "{ severity: [high], groups: [it] }", "20d", "sensitive", ONE("1")) LADDER("l", ALL, "7d", "sensitive", ONE("1")),
          SEVEN, 10, 11 },
        { "without a ladder before", HEAD("high"), SEVEN, 10, 11 },
    };
    struct scene s;
    (void)state;
    scene_start(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *old = read_policy(rows[i].old), *next = read_policy(rows[i].next);
        struct strictness made;
        int64_t at_s = T0 + (int64_t)(rows[i].changed * (double)DAY_S);
        assert_true(strictness_next(old, NULL, next, at_s, &s.arena, &made));
        struct strictness stored = again(&made, &s.arena);
        double found = closes_after_days(&s, next, &stored, at_s);
        if (found != rows[i].closes)
            fail_msg("%s: after %.1f days, not %.1f", rows[i].name, found, rows[i].closes);
        policy_free(old);
        policy_free(next);
        arena_reset(&s.arena);
    }
    scene_end(&s);
}

/* A check of another kind: what it had closed is recorded, and stays; what it had not closed waits for its notice. */
static void a_check_that_became_stricter_opens_nothing(void **state)
{
    static const struct { const char *name, *old, *next, *rung; double reached, changed, closes; } rows[] = {
        { "a severity that has the same ladder, closed", HEAD("normal") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), SEVEN, "shut", 7, 9, 9 },
        { "... not closed yet", HEAD("normal") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), SEVEN, "notice", 0, 6.5, 7.5 },
        { "hard, closed", SEVEN, CHECK("high", ", hard: true") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), "shut", 7, 9, 9 },
        { "hard, not closed yet", SEVEN, CHECK("high", ", hard: true") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), "notice", 0, 6.5, 7.5 },
        { "closed since the change, by something else", HEAD("normal") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), SEVEN, "shut", 9.2, 9, 10 },
        { "a ladder that closes later by now", HEAD("normal") "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1")), HEAD("high") "ladders:\n" LADDER("l", ALL, "12d", "sensitive", ONE("1")), "shut", 7, 9, 12 },
    };
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *old = read_policy(rows[i].old), *next = read_policy(rows[i].next);
        struct strictness made;
        int64_t at_s = T0 + (int64_t)(rows[i].changed * (double)DAY_S);
        scene_start(&s);
        s.device.rung = span_of(rows[i].rung);
        s.device.rung_s = T0 + (int64_t)(rows[i].reached * (double)DAY_S);
        assert_true(strictness_next(old, NULL, next, at_s, &s.arena, &made));
        double found = closes_after_days(&s, next, &made, at_s);
        if (found != rows[i].closes)
            fail_msg("%s: after %.1f days, not %.1f", rows[i].name, found, rows[i].closes);
        scene_end(&s);
        policy_free(old);
        policy_free(next);
    }
}

/* Nobody has looked since the second day. What was seen is good for three days by the old text, and the clock stands still from then on. */
static void what_counts_for_longer_closes_nothing_at_once(void **state)
{
#define FRESH(days) \
    "policy: p\nsensitivities: [everyday, sensitive]\napps: []\nvisible_after: off\ngrace: { new_device: 0s, after_absence: 24h }\n" \
    "nudges: { hours: '00:00-24:00', days: [mon, tue, wed, thu, fri, sat, sun], zone: UTC }\n" \
    "checks: [{ id: disk, severity: high, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: " days " }]\n" \
    "ladders:\n" LADDER("l", ALL, "7d", "sensitive", ONE("1"))
    static const struct { const char *name, *old, *next, *rung; double now; bool closed; } rows[] = {
        { "as before: the clock stands still", FRESH("3d"), FRESH("3d"), "notice", 20, false },
        { "longer, at the change", FRESH("3d"), FRESH("30d"), "notice", 9, false },
        { "longer, within the notice", FRESH("3d"), FRESH("30d"), "notice", 9.9, false },
        { "longer, after the notice", FRESH("3d"), FRESH("30d"), "notice", 10, true },
        { "longer, of what was closed before", FRESH("8d"), FRESH("30d"), "shut", 9, true },
        { "shorter: it is not known any more what was seen then, and opens", FRESH("30d"), FRESH("3d"), "shut", 9, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *old = read_policy(rows[i].old), *next = read_policy(rows[i].next);
        struct strictness made;
        struct standing *standings;
        struct scene s;
        scene_start(&s);
        s.device.rung = span_of(rows[i].rung);
        s.device.rung_s = T0 + 7 * DAY_S;
        assert_true(strictness_next(old, NULL, next, T0 + 9 * DAY_S, &s.arena, &made));
        int64_t now_s = T0 + (int64_t)(rows[i].now * (double)DAY_S);
        struct ladder_input in = { .policy = next, .calendar = s.calendar, .person = s.person, .device = &s.device, .now_s = now_s, .strictness = &made };
        s.result.evaluated_s = T0 + DAY_S;
        s.device.seen_s = now_s;
        assert_int_equal(ladder_standings(&in, &s.arena, &standings), 1);
        if ((standings[0].closed != 0) != rows[i].closed)
            fail_msg("%s: %s", rows[i].name, rows[i].closed ? "open" : "closed");
        scene_end(&s);
        policy_free(old);
        policy_free(next);
    }
#undef FRESH
}

/* The person was told that the clock stands still from the third to the sixth day. */
static void a_snooze_that_was_granted_is_kept(void **state)
{
#define BOTH "ladders:\n" LADDER("l", "{ severity: [high, urgent] }", "7d", "sensitive", ONE("1"))
    static const struct { const char *name, *next; double changed, closes; bool without; } rows[] = {
        { "the same", CHECK("high", "") BOTH, 4, 10, false },
        { "the check may not be put off any more, while it runs", CHECK("high", ", snooze: false") BOTH, 4, 10, false },
        { "... after its end", CHECK("high", ", snooze: false") BOTH, 8, 10, false },
        { "... and what was closed before is not opened by that", CHECK("high", ", snooze: false") BOTH, 9, 9, true },
        { "made hard while it runs", CHECK("high", ", hard: true") BOTH, 4, 8, false },
        { "made hard before it", CHECK("high", ", hard: true") BOTH, 2, 7, false },
        { "made hard after its end: what stood still then stays so", CHECK("high", ", hard: true") BOTH, 7, 10, false },
        { "made urgent while it runs", CHECK("urgent", "") BOTH, 4, 8, false },
        { "made urgent, and may be put off", CHECK("urgent", ", hard: false") BOTH, 4, 10, false },
        { "made urgent, and may not, though it is not hard", CHECK("urgent", ", hard: false, snooze: false") BOTH, 4, 8, false },
    };
    struct policy *old = read_policy(CHECK("high", "") BOTH);
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *next = read_policy(rows[i].next);
        struct strictness made;
        int64_t at_s = T0 + (int64_t)(rows[i].changed * (double)DAY_S);
        scene_start(&s);
        if (!rows[i].without)
            *person_add_snooze(s.person) = (struct snooze){ SPAN_LITERAL("d"), SPAN_LITERAL("disk"), { T0 + 3 * DAY_S, T0 + 6 * DAY_S } };
        assert_true(strictness_next(old, NULL, next, at_s, &s.arena, &made));
        double found = closes_after_days(&s, next, &made, at_s);
        if (found != rows[i].closes)
            fail_msg("%s: after %.1f days, not %.1f", rows[i].name, found, rows[i].closes);
        scene_end(&s);
        policy_free(next);
    }
    policy_free(old);
}

/* What is on offer says so as long as it runs. */
static void a_snooze_that_runs_is_told_though_none_is_granted_any_more(void **state)
{
    struct policy *next = read_policy(CHECK("high", ", snooze: false") BOTH);
    struct standing *standings;
    struct scene s;
    (void)state;
    scene_start(&s);
    *person_add_snooze(s.person) = (struct snooze){ SPAN_LITERAL("d"), SPAN_LITERAL("disk"), { T0 + 3 * DAY_S, T0 + 6 * DAY_S } };
    for (int day = 4; day <= 7; day += 3) {
        int64_t now_s = T0 + day * DAY_S;
        struct ladder_input in = { .policy = next, .calendar = s.calendar, .person = s.person, .device = &s.device, .now_s = now_s };
        s.result.evaluated_s = s.device.seen_s = now_s;
        assert_int_equal(ladder_standings(&in, &s.arena, &standings), 1);
        struct valve_offer offer = ladder_snooze_offer(&in, &standings[0], &s.arena);
        assert_int_equal(offer.refusal, day == 4 ? VALVE_RUNNING : VALVE_NOT_OFFERED);
        assert_true(day != 4 || offer.until_s == T0 + 6 * DAY_S);
    }
    policy_free(next);
    scene_end(&s);
}
#undef BOTH

/* Two changes within a day: the second must not take back what the first promised. */
static void changes_follow_each_other(void **state)
{
    static const char *const texts[] = { SEVEN, HEAD("high") "ladders:\n" LADDER("l", ALL, "3d", "sensitive", ONE("1")), HEAD("high") "ladders:\n" LADDER("l", ALL, "2d", "sensitive", ONE("1")) };
    struct policy *policies[3];
    struct strictness first, second;
    struct scene s;
    (void)state;
    scene_start(&s);
    for (int i = 0; i < 3; i++)
        policies[i] = read_policy(texts[i]);
    assert_true(strictness_next(policies[0], NULL, policies[1], T0 + 5 * DAY_S, &s.arena, &first));
    assert_true(strictness_next(policies[1], &first, policies[2], T0 + 5 * DAY_S + DAY_S / 2, &s.arena, &second));
    assert_true(closes_after_days(&s, policies[2], &second, T0 + 5 * DAY_S + DAY_S / 2) == 6); /* the notice of the first change, and not 6.5 */
    assert_true(strictness_next(policies[1], NULL, policies[2], T0 + 5 * DAY_S, &s.arena, &second));
    assert_true(closes_after_days(&s, policies[2], &second, T0 + 5 * DAY_S) == 5); /* it had been closed since 3 */
    for (int round = 0; round < 10; round++) { /* more steps than are kept: later, never earlier */
        struct strictness next;
        assert_true(strictness_next(policies[round % 2], &first, policies[1 + round % 2], T0 + (6 + round) * DAY_S, &s.arena, &next));
        for (size_t i = 0; i < next.rung_count; i++)
            assert_true(next.rungs[i].count >= 1 && next.rungs[i].count <= STRICTNESS_STEPS);
        first = next;
    }
    for (int i = 0; i < 3; i++)
        policy_free(policies[i]);
    scene_end(&s);
}

static void hostile_tables_are_refused(void **state)
{
    static const struct { const char *name, *text; enum err_code code; } rows[] = {
        { "empty", "{}", OK },
        { "a member of a newer version", "{\"rungs\":[],\"later\":1}", OK },
        { "a number", "3", ERR_INPUT },
        { "too many steps", "{\"rungs\":[{\"ladder\":\"l\",\"rung\":\"r\",\"steps\":[{},{},{},{},{}]}]}", ERR_INPUT },
        { "steps of another kind", "{\"rungs\":[{\"ladder\":\"l\",\"rung\":\"r\",\"steps\":3}]}", ERR_INPUT },
        { "a time before time", "{\"checks\":[{\"check\":\"c\",\"since\":-1}]}", ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct strictness out;
        struct arena arena;
        struct err err;
        arena_init(&arena, 1024, 1024 * 1024);
        assert_int_equal(from_json_parse(span_of(rows[i].text), (struct from_json_limits){ 4096, 16 }, "x", &doc, &err), OK);
        struct from_json_value root = from_json_root(doc);
        enum err_code code = strictness_from_json(&root, &arena, &out, &err);
        if ((code == OK) != (rows[i].code == OK))
            fail_msg("%s: %d", rows[i].name, (int)code);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stricter_policy_gives_its_notice),
        cmocka_unit_test(a_check_that_became_stricter_opens_nothing),
        cmocka_unit_test(what_counts_for_longer_closes_nothing_at_once),
        cmocka_unit_test(a_snooze_that_was_granted_is_kept),
        cmocka_unit_test(a_snooze_that_runs_is_told_though_none_is_granted_any_more),
        cmocka_unit_test(changes_follow_each_other),
        cmocka_unit_test(hostile_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
