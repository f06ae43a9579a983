/* A new policy on its way: who has it, what lets it on, what takes it back, and what it would change. */
#include "gateway/rollout.h"

#include "gateway/escalation.h"
#include "gateway/plan.h"
#include "gateway/publish.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EPPING "d_bbbbbbbbbbbbbbbbbbbbbbbbbb"

#define POLICY(stage, rings) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n" \
    "checks: [{ use: library/firewall, severity: high }]\n" \
    "ladders:\n" \
    "  - id: default\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 60s, close: [sensitive] }]\n" \
    "    clock: { pauses: [dispute, incident] }\n" \
    "    notices_before_close: 1\n" \
    "    rise: off\n" \
    stage \
    "visible_after: off\n" \
    "grace: off\n" \
    "nudges: { hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: { share: 100%, at_least: 2, within: 1h }\n" \
    rings

static const char before[] = POLICY("    stage: report\n", ""), halved[] = POLICY("", "rings: { percent: 99, halt: { blocks: 1, disputes: 1, within: 1d } }\n"), whole[] = POLICY("", "");

static void publish(struct story *s, const char *text)
{
    struct mistakes mistakes;
    struct err err;
    char version[65];
    mistakes_init(&mistakes);
    struct publication what = { .text = span_of(text), .file = SPAN_LITERAL("p"), .by = SPAN_LITERAL("test") };
    assert_int_equal(publish_policy(&s->node, s->store, &what, &mistakes, version, &err), OK);
    mistakes_done(&mistakes);
    story_settle(s);
}

static void start(struct story *s)
{
    story_start(s, before);
    story_effects(s, &(struct effects_options){ .slack = NULL });
    story_person(s, ANA, "U0ANA", "ana@acme.example");
    story_person(s, BEN, "U0BEN", "ben@acme.example");
    story_device(s, DOVER, ANA);
    story_device(s, EPPING, BEN);
    story_settle(s);
}

static struct ring ring_now(struct story *s) { return directory_control(s->node.directory)->ring; }

static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    assert_true(person_add_told(copy, span_of(DOVER), SPAN_LITERAL("firewall"), s->now_ms / 1000));
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static enum change_say edit_disputed(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    struct dispute *d = arena_array(&copy->arena, 1, sizeof *d);
    (void)err;
    *d = (struct dispute){ .id = SPAN_LITERAL("e_1"), .device = span_of(DOVER), .check = SPAN_LITERAL("firewall"), .time = { s->now_ms / 1000, 0 } };
    copy->disputes = d;
    copy->dispute_count = 1;
    return change_event(events, &s->node, "dispute.opened", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void edit_ana(struct story *s, change_person_fn *edit)
{
    struct err err;
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit, s, &err), OK);
    story_settle(s);
}

static enum err_code move(struct story *s, enum ring_move to, unsigned percent)
{
    struct ring_order order = { .move = to, .percent = percent, .why = SPAN_LITERAL("test"), .cause = SPAN_LITERAL("admin:test") };
    bool changed;
    struct err err;
    enum err_code code = rollout_order(&s->node, s->store, &order, &changed, &err);
    story_settle(s);
    return code;
}

static void what_would_be_is_recorded_and_nobody_is_told(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&s, 120);
    assert_int_equal(story_events(&s, "rung.changed"), 0);
    assert_int_equal(story_events(&s, "notice.reserved"), 0);
    assert_int_equal(story_events(&s, "rung.would_change"), 2);
    struct device *d = story_stored_device(&s, DOVER);
    assert_true(span_equal_text(d->would, "closed"));
    assert_true(span_empty(d->rung));
    device_free(d);
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    assert_int_equal(story_events(&s, "rung.would_change"), 3);
    story_end(&s);
}

static void a_new_policy_stands_on_the_last_that_was_everybodys(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    assert_true(ring_now(&s).percent == 100 && ring_now(&s).before == NULL);
    publish(&s, halved);
    assert_int_equal(ring_now(&s).percent, 99);
    assert_non_null(ring_now(&s).before);
    assert_int_equal(ring_now(&s).before->ladders[0].stage, STAGE_REPORT);
    publish(&s, POLICY("    stage: nudge\n", "rings: { percent: 5 }\n")); /* another try: those outside stay where they were */
    assert_int_equal(ring_now(&s).before->ladders[0].stage, STAGE_REPORT);
    assert_int_equal(move(&s, RING_ADVANCE, 5), ERR_INPUT);
    assert_int_equal(move(&s, RING_ADVANCE, 25), OK);
    assert_int_equal(ring_now(&s).percent, 25);
    assert_int_equal(move(&s, RING_HALT, 0), OK);
    assert_true(ring_now(&s).halted);
    assert_int_equal(move(&s, RING_ADVANCE, 50), ERR_CONFLICT);
    assert_int_equal(move(&s, RING_RESUME, 0), OK);
    assert_int_equal(move(&s, RING_ADVANCE, 100), OK);
    assert_null(ring_now(&s).before);
    assert_int_equal(move(&s, RING_HALT, 0), ERR_CONFLICT);
    assert_int_equal(story_events(&s, "ring.advanced"), 2);
    assert_int_equal(story_events(&s, "ring.halted"), 1);
    assert_int_equal(story_events(&s, "ring.resumed"), 1);
    story_end(&s);
}

static void a_ring_that_shuts_out_too_many_is_taken_back(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s);
    publish(&s, halved);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    edit_ana(&s, edit_told);
    assert_int_equal(escalation_check_ring(&s.node, s.store, &err), OK);
    assert_int_equal(story_events(&s, "ring.halted"), 0);
    story_pass(&s, 90);
    assert_int_equal(escalation_check_ring(&s.node, s.store, &err), OK);
    story_settle(&s);
    assert_int_equal(story_events(&s, "ring.halted"), 1);
    assert_true(ring_now(&s).halted);
    struct device *d = story_stored_device(&s, DOVER);
    assert_true(span_empty(d->rung)); /* open again, at once */
    device_free(d);
    story_end(&s);
}

static void a_ring_that_looks_wrong_is_taken_back(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s);
    publish(&s, halved);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    edit_ana(&s, edit_disputed);
    assert_int_equal(escalation_check_ring(&s.node, s.store, &err), OK);
    story_settle(&s);
    assert_true(ring_now(&s).halted);
    story_end(&s);
}

static void the_breaker_takes_a_ring_back(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s);
    story_pass(&s, 2 * 3600); /* neither device is new any more */
    publish(&s, halved);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_result(&s, EPPING, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_int_equal(escalation_check_breaker(&s.node, s.store, &err), OK);
    story_settle(&s);
    assert_true(directory_control(s.node.directory)->frozen);
    assert_true(ring_now(&s).halted);
    story_end(&s);
}

static void a_plan_counts_people(void **state)
{
    struct story s;
    struct plan_counts counts;
    struct mistakes mistakes;
    struct policy *after;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    edit_ana(&s, edit_told);
    story_pass(&s, 90);
    mistakes_init(&mistakes);
    policy_read(span_of(whole), SPAN_LITERAL("p"), &mistakes, &after);
    mistakes_done(&mistakes);
    directory_enter(s.node.directory);
    assert_true(plan_compare(&s.node, after, NULL, NULL, &counts));
    directory_leave(s.node.directory);
    assert_int_equal(counts.persons, 2);
    assert_int_equal(counts.blocked, 1);
    assert_int_equal(counts.closes_more, 1);
    s.node.options.block_most_percent = 49;
    assert_true(plan_needs_number(&s.node, &counts));
    s.node.options.block_most_percent = 50;
    assert_false(plan_needs_number(&s.node, &counts));
    policy_free(after);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_would_be_is_recorded_and_nobody_is_told),
        cmocka_unit_test(a_new_policy_stands_on_the_last_that_was_everybodys),
        cmocka_unit_test(a_ring_that_shuts_out_too_many_is_taken_back),
        cmocka_unit_test(a_ring_that_looks_wrong_is_taken_back),
        cmocka_unit_test(the_breaker_takes_a_ring_back),
        cmocka_unit_test(a_plan_counts_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
