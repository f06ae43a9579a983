/* Stages and rings: what is worked out for whom, and what of it holds. */
#include "posture/ring.h"

#include "posture/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define APPS "apps: [{ id: chat, sensitivity: everyday, repair: true }, { id: notes, sensitivity: everyday }, { id: pay, sensitivity: critical }]\n"
#define CHECKS "checks:\n- { id: disk, severity: high, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d%s }\n"
#define REST "visible_after: off\ngrace: { new_device: 1h, after_absence: 24h }\n" \
             "nudges: { per_person: 1/1d, apart: 16h, hours: '10:00-16:00', days: [mon, tue, wed, thu, fri], zone: UTC }\n"
#define LADDER "ladders:\n- { id: l, notices_before_close: 2, rise: off%s,\n    rungs: [ { id: notice, after: 0d, nudge: true }, { id: warn, after: 3d, login: warn }," \
               " { id: shut, after: 7d, close: [critical] }, { id: all, after: 14d, close: [everyday, critical], end_sessions: true } ] }\n"

/* Monday 2026-11-16 10:00:00 UTC, the window for messages opens. */
#define T0 INT64_C(1794823200)
enum { DAY_S = 86400, HOUR_S = 3600 };

static struct policy *read_text(const char *text)
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

static struct policy *read_policy(const char *sensitivities, const char *check_stage, const char *ladder_stage, const char *rings)
{
    char text[4096];
    int bytes = snprintf(text, sizeof text, "policy: p\nsensitivities: %s\n" APPS CHECKS REST LADDER "%s", sensitivities, check_stage, ladder_stage, rings);
    assert_in_range(bytes, 1, sizeof text - 1);
    return read_text(text);
}

/* One device that has failed since T0, on all the time, of one person who was told `told` times, a day apart. */
struct scene {
    struct policy *policy;
    struct calendar *calendar;
    struct person *person;
    struct device device;
    struct result result;
    struct arena arena;
    struct ladder_input in;
};

static void scene_open(struct scene *s, struct policy *policy, int64_t now_s, unsigned told)
{
    *s = (struct scene){ .policy = policy, .calendar = calendar_new("/usr/share/zoneinfo"), .person = person_new() };
    arena_init(&s->arena, 4096, 1024 * 1024);
    s->person->id = SPAN_LITERAL("p_1");
    for (unsigned i = 0; i < told; i++)
        assert_true(person_add_told(s->person, SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"), T0 + HOUR_S + (int64_t)i * DAY_S));
    s->result = (struct result){ .check = SPAN_LITERAL("disk"), .verdict = VERDICT_FAIL, .evaluated_s = now_s, .changed_s = T0, .first_failed_s = T0, .visible_s = T0 };
    s->device = (struct device){ .id = SPAN_LITERAL("d_1"), .owner = SPAN_LITERAL("p_1"), .enrolled_s = 1, .seen_s = now_s, .results = &s->result, .result_count = 1 };
    s->in = (struct ladder_input){ .policy = policy, .calendar = s->calendar, .person = s->person, .device = &s->device, .now_s = now_s };
}

static void scene_close(struct scene *s)
{
    policy_free(s->policy);
    calendar_free(s->calendar);
    person_free(s->person);
    arena_done(&s->arena);
}

static void a_stage_holds_back_what_the_ladder_says(void **state)
{
    (void)state;
    static const struct {
        const char *name, *check, *ladder;
        unsigned told;
        int days;
        int rung, would;
        unsigned closed, would_closed;
        bool tells, close_is_named;
    } rows[] = {
        { "enforced", "", "", 2, 8, 2, 2, 2, 2, true, true },
        { "nudge: told, warned and closed by nothing", "", ", stage: nudge", 2, 8, 0, 2, 0, 2, true, false },
        { "nudge, before the second notice", "", ", stage: nudge", 1, 8, 0, 1, 0, 0, true, false },
        { "report: nobody is told, and the rung is known all the same", "", ", stage: report", 0, 8, -1, 2, 0, 2, false, false },
        { "report: a day earlier it would only warn", "", ", stage: report", 0, 6, -1, 1, 0, 0, false, false },
        { "the check is on report", ", stage: report", "", 0, 8, -1, 2, 0, 2, false, false },
        { "the one that does less holds", ", stage: report", ", stage: nudge", 0, 15, -1, 3, 0, 3, false, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        struct standing *all;
        scene_open(&s, read_policy("[everyday, critical]", rows[i].check, rows[i].ladder, ""), T0 + rows[i].days * DAY_S, rows[i].told);
        assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
        struct ladder_summary sum = ladder_summary(&s.in, all, 1);
        bool good = all->rung == rows[i].rung && all->would.rung == rows[i].would && all->closed == rows[i].closed && all->would.closed == rows[i].would_closed && all->told == rows[i].tells &&
                    (all->close_s > 0) == rows[i].close_is_named && sum.nudge == rows[i].tells && sum.closed == rows[i].closed && !sum.end_sessions;
        if (!good)
            fail_msg("%s: rung %d, would %d, closed %u, would close %u, told %d, close at %lld", rows[i].name, all->rung, all->would.rung, all->closed, all->would.closed, all->told,
                     (long long)all->close_s);
        assert_int_equal(span_empty(sum.would.rung), all->stage == STAGE_ENFORCE);
        assert_int_equal(ladder_shown(all, 1), all->stage == STAGE_REPORT ? 0 : 1);
        scene_close(&s);
    }
}

/* The second of the first two days that allow a message, and then seven days from the first. */
static void in_report_notices_are_taken_to_be_delivered(void **state)
{
    (void)state;
    struct scene s;
    struct standing *all;
    scene_open(&s, read_policy("[everyday, critical]", "", ", stage: report", ""), T0, 0);
    assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
    assert_int_equal(all->would.rung, 0);
    assert_int_equal(all->would.next_s, T0 + 3 * DAY_S);
    assert_int_equal(ladder_summary(&s.in, all, 1).due_s, T0 + 3 * DAY_S);
    scene_close(&s);
}

static void a_decision_tells_what_would_have_been(void **state)
{
    (void)state;
    static const struct {
        const char *name, *ladder, *app;
        enum outcome outcome, would;
        size_t seen;
    } rows[] = {
        { "enforced: nothing else would have been", "", "pay", OUTCOME_DENY, OUTCOME_DENY, 1 },
        { "report", ", stage: report", "pay", OUTCOME_ALLOW, OUTCOME_DENY, 0 },
        { "report, an app that it would not close", ", stage: report", "notes", OUTCOME_ALLOW, OUTCOME_WARN, 0 },
        { "report, a repair app", ", stage: report", "chat", OUTCOME_ALLOW, OUTCOME_ALLOW, 0 },
        { "nudge", ", stage: nudge", "pay", OUTCOME_ALLOW, OUTCOME_DENY, 1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        struct decision d;
        scene_open(&s, read_policy("[everyday, critical]", "", rows[i].ladder, ""), T0 + 8 * DAY_S, 2);
        struct decision_input in = { .policy = s.policy, .calendar = s.calendar, .person = s.person, .person_asked = SPAN_LITERAL("ana"), .door = DEVICE_NAMED, .device = &s.device,
                                     .app = policy_app(s.policy, span_of(rows[i].app)), .now_s = s.in.now_s, .ladder_now_s = s.in.now_s };
        decision_make(&in, &s.arena, NULL, NULL, &d);
        if (d.outcome != rows[i].outcome || d.would.outcome != rows[i].would || d.standing_count != rows[i].seen)
            fail_msg("%s: %s, would %s, %zu seen", rows[i].name, outcome_name(d.outcome), outcome_name(d.would.outcome), d.standing_count);
        assert_int_equal(d.would.by != NULL, rows[i].would != rows[i].outcome);
        scene_close(&s);
    }
}

static void an_incident_opens_by_sensitivity(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rest, *app;
        bool incident, claimed, nobody;
        enum outcome outcome;
        enum rule rule;
    } rows[] = {
        { "no incident", "", "notes", false, false, false, OUTCOME_DENY, RULE_LADDER_CLOSED },
        { "opens all but the most sensitive", "", "notes", true, false, false, OUTCOME_ALLOW, RULE_INCIDENT },
        { "and keeps that", "", "pay", true, false, false, OUTCOME_DENY, RULE_LADDER_CLOSED },
        { "the policy opens it too", "incident: { critical: allow }\n", "pay", true, false, false, OUTCOME_ALLOW, RULE_INCIDENT },
        { "the policy keeps all", "incident: { everyday: keep, critical: keep }\n", "notes", true, false, false, OUTCOME_DENY, RULE_LADDER_CLOSED },
        { "somebody who is only claimed", "", "notes", true, true, false, OUTCOME_DENY, RULE_LADDER_CLOSED },
        { "nobody whom we know", "", "notes", true, false, true, OUTCOME_DENY, RULE_UNKNOWN_PERSON },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        struct decision d;
        scene_open(&s, read_policy("[everyday, critical]", "", "", rows[i].rest), T0 + 20 * DAY_S, 2);
        struct decision_input in = { .policy = s.policy, .calendar = s.calendar, .person = rows[i].nobody ? NULL : s.person, .person_asked = SPAN_LITERAL("ana"), .person_claimed = rows[i].claimed,
                                     .door = DEVICE_NAMED, .device = &s.device, .app = policy_app(s.policy, span_of(rows[i].app)), .now_s = s.in.now_s, .ladder_now_s = s.in.now_s,
                                     .incident = rows[i].incident };
        decision_make(&in, &s.arena, NULL, NULL, &d);
        if (d.outcome != rows[i].outcome || d.rule != rows[i].rule)
            fail_msg("%s: %s by %s", rows[i].name, outcome_name(d.outcome), rule_name(d.rule));
        assert_false(span_empty(d.reason_user));
        scene_close(&s);
    }
}

static void people_outside_of_the_ring_keep_the_ladders_before(void **state)
{
    (void)state;
    struct span groups[] = { SPAN_LITERAL("it") };
    struct scene s;
    struct standing *all;
    struct policy *before = read_policy("[critical, everyday]", "", ", stage: nudge", ""); /* its sensitivities in another order */
    scene_open(&s, read_policy("[everyday, critical]", "", "", "rings: { groups: [it] }\n"), T0 + 8 * DAY_S, 2);
    struct ring ring = ring_of(s.policy);
    s.in.ring = &ring;
    assert_int_equal(ring.percent, 0);
    assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
    assert_null(all->ladder);
    assert_true(ring_stand_on(&ring, s.policy, before, &s.arena));
    assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
    assert_int_equal(all->stage, STAGE_NUDGE);
    assert_int_equal(all->closed, 0);
    assert_int_equal(all->would.closed, 2); /* critical, as the policy in force counts */
    s.person->groups = groups;
    s.person->group_count = 1;
    assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
    assert_int_equal(all->stage, STAGE_ENFORCE);
    assert_int_equal(all->closed, 2);
    ring.halted = true;
    assert_int_equal(ladder_standings(&s.in, &s.arena, &all), 1);
    assert_int_equal(all->stage, STAGE_NUDGE);
    scene_close(&s);
    policy_free(before);
}

/* Whoever is in at a small share is in at every larger one, and about so many are. */
static void a_share_grows_around_those_who_are_in(void **state)
{
    (void)state;
    struct policy *policy = read_policy("[everyday, critical]", "", "", "rings: { percent: 5 }\n");
    struct ring small = ring_of(policy), large = small;
    unsigned in_small = 0, in_large = 0;
    large.percent = 25;
    for (int i = 0; i < 10000; i++) {
        char id[16];
        struct person p = { 0 };
        snprintf(id, sizeof id, "p_%d", i);
        p.id = span_of(id);
        bool in = ring_has(&small, &p), then = ring_has(&large, &p);
        assert_true(then || !in);
        in_small += in;
        in_large += then;
    }
    assert_in_range(in_small, 400, 600);
    assert_in_range(in_large, 2300, 2700);
    assert_false(ring_is_whole(&small));
    policy_free(policy);
}

static void the_canonical_form_keeps_ring_and_stage(void **state)
{
    (void)state;
    static const struct { const char *check, *ladder, *rings, *kept; } rows[] = {
        { "", "", "", "\"rings\":{\"percent\":100}" },
        { "", "", "rings: { groups: [it, 'the board'] }\n", "\"rings\":{\"groups\":[\"it\",\"the board\"],\"halt\":{\"blocks\":10,\"disputes\":5,\"within\":\"1d\"},\"percent\":0}" },
        { "", "", "rings: { percent: 25, halt: { blocks: 3, within: 1h } }\n", "\"rings\":{\"halt\":{\"blocks\":3,\"disputes\":5,\"within\":\"1h\"},\"percent\":25}" },
        { "", "", "rings: { percent: 25, halt: off }\n", "\"rings\":{\"halt\":false,\"percent\":25}" },
        { "", ", stage: report", "", "\"stage\":\"report\"" },
        { ", stage: nudge", "", "", "\"stage\":\"nudge\"" },
        { "", "", "incident: { critical: allow }\n", "\"incident\":{\"critical\":\"allow\",\"everyday\":\"allow\"}" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *p = read_policy("[everyday, critical]", rows[i].check, rows[i].ladder, rows[i].rings);
        char *text = strndup(p->canonical.at, p->canonical.bytes);
        struct policy *again = read_text(text);
        assert_string_equal(p->version, again->version);
        assert_non_null(strstr(text, rows[i].kept));
        policy_free(again);
        policy_free(p);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_holds_back_what_the_ladder_says),
        cmocka_unit_test(in_report_notices_are_taken_to_be_delivered),
        cmocka_unit_test(a_decision_tells_what_would_have_been),
        cmocka_unit_test(an_incident_opens_by_sensitivity),
        cmocka_unit_test(people_outside_of_the_ring_keep_the_ladders_before),
        cmocka_unit_test(a_share_grows_around_those_who_are_in),
        cmocka_unit_test(the_canonical_form_keeps_ring_and_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
