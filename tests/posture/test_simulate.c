/* The ladder over time that has not come: against the same story told second by second in production's own steps. */
#include "posture/simulate.h"
#include "posture/simulate_totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define TEXT(stage) \
    "policy: p\nsensitivities: [everyday, critical]\napps: [{ id: chat, sensitivity: everyday, repair: true }, { id: notes, sensitivity: everyday }, { id: pay, sensitivity: critical }]\n" \
    "checks:\n- { id: disk, severity: high, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3d }\n" \
    "visible_after: off\ngrace: { new_device: 1h, after_absence: 24h }\n" \
    "nudges: { per_person: 1/1d, apart: 16h, hours: '10:00-16:00', days: [mon, tue, wed, thu, fri], zone: UTC }\n" \
    "ladders:\n- { id: l, notices_before_close: 2, rise: { notice_before: 24h, working_hours: true, per_day: 1 }" stage ",\n" \
    "    rungs: [ { id: notice, after: 0d, nudge: true }, { id: shut, after: 7d, close: [critical] }, { id: all, after: 14d, close: [everyday, critical] } ] }\n"

/* Monday 2026-11-16 10:00:00 UTC. */
#define T0 INT64_C(1794823200)
enum { DAY_S = 86400, HOUR_S = 3600, EVENTS = 256 };

struct told_events { struct simulated_event all[EVENTS]; size_t count; };
static void note(void *context, const struct simulated_event *e)
{
    struct told_events *t = context;
    if (t->count < EVENTS)
        t->all[t->count++] = *e;
}

struct scene {
    struct policy *policy;
    struct calendar *calendar;
    struct decision_input world;
    struct person *person;
    struct device device;
    struct result result;
    struct interval on[4];
    struct absence absences[2];
    struct arena arena;
    struct told_events events;
    struct simulate_options options;
};

static void scene_open(struct scene *s, const char *text, int days)
{
    struct mistakes mistakes;
    *s = (struct scene){ .calendar = calendar_new("/usr/share/zoneinfo"), .person = person_new() };
    mistakes_init(&mistakes);
    policy_read(span_of(text), SPAN_LITERAL("policy"), &mistakes, &s->policy);
    if (s->policy == NULL)
        fail_msg("%.*s", SPAN_ARGS(mistakes.all[0].text));
    mistakes_done(&mistakes);
    arena_init(&s->arena, 64 * 1024, 64 * 1024 * 1024);
    s->world = (struct decision_input){ .policy = s->policy, .calendar = s->calendar };
    s->person->id = SPAN_LITERAL("p_1");
    s->result = (struct result){ .check = SPAN_LITERAL("disk"), .verdict = VERDICT_FAIL, .evaluated_s = T0, .changed_s = T0, .first_failed_s = T0, .visible_s = T0 };
    s->device = (struct device){ .id = SPAN_LITERAL("d_1"), .owner = SPAN_LITERAL("p_1"), .enrolled_s = 1, .seen_s = T0, .results = &s->result, .result_count = 1 };
    s->options = (struct simulate_options){ .world = &s->world, .from_s = T0, .to_s = T0 + (int64_t)days * DAY_S, .event = note, .context = &s->events };
}

static void scene_close(struct scene *s)
{
    policy_free(s->policy);
    calendar_free(s->calendar);
    person_free(s->person);
    arena_done(&s->arena);
}

static void run(struct scene *s)
{
    const struct device *devices[] = { &s->device };
    s->events.count = 0;
    arena_reset(&s->arena);
    assert_true(simulate_person(&s->options, NULL, s->person, devices, 1, &s->arena));
}

static const struct simulated_event *find(const struct scene *s, enum simulated kind, size_t nth)
{
    for (size_t i = 0; i < s->events.count; i++)
        if (s->events.all[i].kind == kind && nth-- == 0)
            return &s->events.all[i];
    return NULL;
}

static size_t count(const struct scene *s, enum simulated kind)
{
    size_t n = 0;
    for (size_t i = 0; i < s->events.count; i++)
        n += s->events.all[i].kind == kind;
    return n;
}

/* Production in steps of a minute, with the same functions and no jumps. */
static void walk(struct scene *s, int64_t first_close_s[2], size_t *nudges)
{
    struct arena arena;
    unsigned closed = 0;
    arena_init(&arena, 64 * 1024, 1024 * 1024);
    *nudges = 0;
    first_close_s[0] = first_close_s[1] = 0;
    s->device.seen_s = s->result.evaluated_s = s->options.to_s;
    for (int64_t t = T0; t <= s->options.to_s; t += 60) {
        struct standing *all;
        struct ladder_input in = { .policy = s->policy, .calendar = s->calendar, .person = s->person, .device = &s->device, .now_s = t };
        struct notice_item item = { .device = s->device.id, .check = s->result.check };
        size_t standing = ladder_standings(&in, &arena, &all);
        struct nudge_input nudge = { .policy = s->policy, .calendar = s->calendar, .person = s->person, .now_s = t, .items = &item, .item_count = standing > 0 && all->told };
        for (unsigned bit = 0; bit < 2 && standing > 0; bit++)
            if ((all->closed & ~closed & 1U << bit) != 0)
                first_close_s[bit] = t;
        closed |= standing > 0 ? all->closed : 0;
        struct nudge_plan plan = ladder_nudge(&nudge);
        if (plan.send) {
            ++*nudges;
            s->person->nudge_day = plan.local_day;
            s->person->nudge_s = t;
            assert_true(person_add_told(s->person, s->device.id, s->result.check, t));
        }
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void it_jumps_to_where_a_walk_arrives(void **state)
{
    (void)state;
    static const struct { const char *name; struct interval away, on[3]; int64_t used_s; } rows[] = {
        { "always there", { 0, 0 }, { { 0, 0 } }, 0 },
        { "it came back, with four days used", { 0, 0 }, { { 0, 0 } }, 4 * DAY_S },
        { "away for a week", { T0 + 3 * DAY_S, T0 + 10 * DAY_S }, { { 0, 0 } }, 0 },
        { "away from now on", { T0 + 3 * DAY_S, 0 }, { { 0, 0 } }, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        int64_t close_s[2];
        size_t nudges;
        scene_open(&s, TEXT(""), 30);
        if (rows[i].away.from_s != 0) {
            s.absences[0].time = rows[i].away;
            s.person->absences = s.absences;
            s.person->absence_count = 1;
        }
        assert_true(person_set_mended(s.person, s.device.id, s.result.check, T0 - DAY_S, rows[i].used_s, &s.person->arena));
        run(&s);
        walk(&s, close_s, &nudges);
        const struct simulated_event *first = find(&s, SIMULATED_CLOSED, 0), *second = find(&s, SIMULATED_CLOSED, 1);
        if (count(&s, SIMULATED_NUDGE) != nudges || (first == NULL) != (close_s[1] == 0) || (first != NULL && llabs(first->at_s - close_s[1]) >= 60) || (second == NULL) != (close_s[0] == 0) ||
            (second != NULL && llabs(second->at_s - close_s[0]) >= 60))
            fail_msg("%s: %zu messages, %zu walked; first %lld, walked %lld; second %lld, walked %lld", rows[i].name, count(&s, SIMULATED_NUDGE), nudges,
                     first == NULL ? 0LL : (long long)(first->at_s - T0), (long long)(close_s[1] - T0), second == NULL ? 0LL : (long long)(second->at_s - T0), (long long)(close_s[0] - T0));
        scene_close(&s);
    }
}

/* Eight hours on each of the last seven days: seven days of on-time take three weeks. */
static void a_device_is_on_as_it_was(void **state)
{
    (void)state;
    struct scene s;
    struct interval on[7];
    scene_open(&s, TEXT(""), 60);
    for (int i = 0; i < 7; i++)
        on[i] = (struct interval){ T0 - (7 - i) * DAY_S, T0 - (7 - i) * DAY_S + 8 * HOUR_S };
    s.device.on = on;
    s.device.on_count = 7;
    s.device.seen_s = on[6].to_s;
    run(&s);
    const struct simulated_event *shut = find(&s, SIMULATED_CLOSED, 0);
    assert_non_null(shut);
    assert_in_range(shut->at_s, T0 + 20 * DAY_S, T0 + 22 * DAY_S);
    s.device.seen_s = T0 - 8 * DAY_S; /* silent for longer than a week: it stays off */
    s.device.on_count = 0;
    run(&s);
    assert_null(find(&s, SIMULATED_CLOSED, 0));
    scene_close(&s);
}

static void what_is_not_in_force_is_told_apart(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, TEXT(", stage: report"), 30);
    run(&s);
    assert_int_equal(count(&s, SIMULATED_NUDGE), 0);
    assert_int_equal(count(&s, SIMULATED_CLOSED), 2);
    assert_false(find(&s, SIMULATED_CLOSED, 0)->in_force);
    assert_true(span_equal_text(find(&s, SIMULATED_CLOSED, 0)->check, "disk"));
    assert_int_equal(find(&s, SIMULATED_CLOSED, 0)->closes, 2);
    scene_close(&s);
}

static void a_fix_opens_and_a_decision_is_asked_on_the_way(void **state)
{
    (void)state;
    struct scene s;
    struct decision d;
    const struct device *devices[] = { &s.device };
    scene_open(&s, TEXT(""), 30);
    struct simulation *sim = simulation_open(&s.options, NULL, s.person, devices, 1, &s.arena);
    const struct app *pay = policy_app(s.policy, SPAN_LITERAL("pay"));
    assert_true(simulation_advance(sim, T0 + 5 * DAY_S));
    simulation_decide(sim, pay, SPAN_LITERAL("d_1"), &s.arena, &d);
    assert_int_equal(d.outcome, OUTCOME_ALLOW);
    assert_true(simulation_advance(sim, T0 + 9 * DAY_S));
    simulation_decide(sim, pay, SPAN_LITERAL("d_1"), &s.arena, &d);
    assert_int_equal(d.outcome, OUTCOME_DENY);
    simulation_decide(sim, policy_app(s.policy, SPAN_LITERAL("notes")), SPAN_NONE, &s.arena, &d);
    assert_int_equal(d.outcome, OUTCOME_ALLOW);
    struct result mended = s.result;
    struct device after = s.device;
    mended.verdict = VERDICT_PASS;
    mended.visible_s = mended.first_failed_s = 0;
    after.results = &mended;
    assert_true(simulation_put_device(sim, &after));
    assert_true(simulation_advance(sim, T0 + 10 * DAY_S));
    assert_non_null(find(&s, SIMULATED_OPENED, 0));
    simulation_decide(sim, pay, SPAN_LITERAL("d_1"), &s.arena, &d);
    assert_int_equal(d.outcome, OUTCOME_ALLOW);
    simulation_drop_device(sim, SPAN_LITERAL("d_1"));
    simulation_decide(sim, pay, SPAN_LITERAL("d_1"), &s.arena, &d);
    assert_int_equal(d.rule, RULE_UNIDENTIFIED);
    scene_close(&s);
}

static void put(struct simulation *sim, const struct scene *s, enum verdict verdict, int64_t at_s)
{
    struct result result = s->result;
    struct device device = s->device;
    bool fails = verdict == VERDICT_FAIL;
    result.verdict = verdict;
    result.changed_s = at_s;
    result.visible_s = result.first_failed_s = fails ? at_s : 0;
    device.results = &result;
    device.seen_s = at_s;
    assert_true(simulation_advance(sim, at_s));
    assert_true(simulation_put_device(sim, &device));
}

/* Five of the seven days were used. It comes back on Sunday; with the second message of its own, on Tuesday, half of the two that were left has run. */
static void what_comes_back_takes_the_clock_over(void **state)
{
    static const struct { const char *name; int64_t back_s, close_s; } rows[] = {
        { "after a day", 6 * DAY_S, 8 * DAY_S },
        { "after nine days", 14 * DAY_S, 21 * DAY_S },
        { "within the hour: the clock goes on, without it, until the hours of the next day", 5 * DAY_S + HOUR_S - 60, 7 * DAY_S + HOUR_S - 60 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        const struct device *devices[] = { &s.device };
        scene_open(&s, TEXT(""), 60);
        struct simulation *sim = simulation_open(&s.options, NULL, s.person, devices, 1, &s.arena);
        put(sim, &s, VERDICT_PASS, T0 + 5 * DAY_S);
        put(sim, &s, VERDICT_FAIL, T0 + rows[i].back_s);
        assert_true(simulation_advance(sim, T0 + 40 * DAY_S));
        if (find(&s, SIMULATED_CLOSED, 0)->at_s != T0 + rows[i].close_s)
            fail_msg("%s: %.3f days", rows[i].name, (double)(find(&s, SIMULATED_CLOSED, 0)->at_s - T0) / DAY_S);
        scene_close(&s);
    }
}

static void what_is_closed_already_is_no_event(void **state)
{
    (void)state;
    struct scene s;
    const struct device *devices[] = { &s.device };
    scene_open(&s, TEXT(""), 30);
    s.result.visible_s = s.result.first_failed_s = T0 - 10 * DAY_S;
    assert_true(person_add_told(s.person, s.device.id, s.result.check, T0 - 10 * DAY_S + HOUR_S));
    assert_true(person_add_told(s.person, s.device.id, s.result.check, T0 - 9 * DAY_S + HOUR_S));
    assert_true(simulate_person(&s.options, &s.world, s.person, devices, 1, &s.arena));
    assert_int_equal(count(&s, SIMULATED_CLOSED), 1);
    assert_int_equal(find(&s, SIMULATED_CLOSED, 0)->closes, 1); /* everyday, later */
    scene_close(&s);
}

static void totals_count_days_apps_and_names(void **state)
{
    (void)state;
    struct scene s;
    struct simulate_totals a, b;
    struct arena of_totals;
    const struct device *devices[] = { &s.device };
    scene_open(&s, TEXT(""), 30);
    arena_init(&of_totals, 64 * 1024, 1024 * 1024);
    s.options.event = simulate_totals_event;
    assert_true(simulate_totals_init(&a, &s.options, 1, &of_totals));
    assert_true(simulate_totals_init(&b, &s.options, 1, &of_totals));
    s.options.context = &a;
    simulate_totals_person(&a, 1);
    assert_true(simulate_person(&s.options, NULL, s.person, devices, 1, &s.arena));
    s.options.context = &b;
    simulate_totals_person(&b, 1);
    assert_true(simulate_person(&s.options, NULL, s.person, devices, 1, &s.arena));
    simulate_totals_add(&a, &b);
    assert_int_equal(a.persons, 2);
    assert_int_equal(a.closings[0].devices, 4);
    assert_int_equal(a.closings[0].persons, 2);
    assert_int_equal(a.closings[0].by_sensitivity[0], 2);
    assert_int_equal(a.closings[0].by_sensitivity[1], 2);
    assert_int_equal(a.name_count, 1);
    assert_int_equal(a.names_all, 4);
    assert_int_equal(a.days[0].nudges, 2);
    uint64_t nudges = 0;
    for (size_t i = 0; i < a.day_count; i++)
        nudges += a.days[i].nudges;
    assert_int_equal(nudges, a.nudges);
    assert_int_equal(a.rungs[1].devices[0], 2);
    simulate_totals_done(&a);
    simulate_totals_done(&b);
    arena_done(&of_totals);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_jumps_to_where_a_walk_arrives),
        cmocka_unit_test(a_device_is_on_as_it_was),
        cmocka_unit_test(what_is_not_in_force_is_told_apart),
        cmocka_unit_test(a_fix_opens_and_a_decision_is_asked_on_the_way),
        cmocka_unit_test(what_comes_back_takes_the_clock_over),
        cmocka_unit_test(what_is_closed_already_is_no_event),
        cmocka_unit_test(totals_count_days_apps_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
