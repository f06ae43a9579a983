#include "gateway/escalation.h"

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

#define POLICY(breaker) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: wiki, title: Wiki, sensitivity: everyday }]\n" \
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }]\n" \
    "ladders:\n" \
    "  - id: default\n" \
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 60s, close: [sensitive] }]\n" \
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n" \
    "    notices_before_close: 1\n" \
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n" \
    "visible_after: { reads: 1, apart: 0s }\n" \
    "grace: { new_device: 0s, after_absence: 0s }\n" \
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: " breaker "\n"

static const char calm[] = POLICY("off"), guarded[] = POLICY("{ share: 50%, at_least: 2, within: 1h }");

static void start_with(struct story *s, const char *policy)
{
    story_start(s, policy);
    story_effects(s, &(struct effects_options){ .slack = NULL });
    story_person(s, ANA, "U0ANA", "ana@acme.example");
    story_device(s, DOVER, ANA);
    story_settle(s);
}

static void start(struct story *s) { start_with(s, calm); }

/* As a channel would. */
static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    copy->notice.state = NOTICE_DELIVERED;
    for (size_t i = 0; i < copy->notice.item_count; i++)
        assert_true(person_add_told(copy, copy->notice.items[i].device, copy->notice.items[i].check, s->now_ms / 1000));
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void deliver(struct story *s)
{
    struct err err;
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit_told, s, &err), OK);
    story_settle(s);
}

static void assert_rung(struct story *s, const char *device, const char *rung)
{
    struct device *d = story_stored_device(s, device);
    char got[64] = { 0 };
    memcpy(got, d->rung.bytes > 0 ? d->rung.at : "", d->rung.bytes);
    device_free(d);
    assert_string_equal(got, rung);
}

static void a_failing_check_reserves_one_notice(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    assert_int_equal(story_events(&s, "notice.reserved"), 0);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_int_equal(story_events(&s, "rung.changed"), 1);
    assert_int_equal(story_events(&s, "notice.reserved"), 1);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->notice.state, NOTICE_RESERVED);
    assert_int_equal(ana->notice.item_count, 1);
    assert_true(span_equal_text(ana->notice.items[0].check, "firewall"));
    person_free(ana);
    assert_rung(&s, DOVER, "notice");
    story_end(&s);
}

static void one_notice_a_day_whatever_fails_and_wherever(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_device(&s, EPPING, ANA);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    story_result(&s, DOVER, "screen-lock", VERDICT_FAIL);
    story_result(&s, EPPING, "firewall", VERDICT_FAIL);
    story_pass(&s, 5);
    deliver(&s);
    story_pass(&s, 5);
    assert_int_equal(story_events(&s, "notice.reserved"), 1);
    s.now_ms += 24 * 3600 * INT64_C(1000);
    story_settle(&s);
    assert_int_equal(story_events(&s, "notice.reserved"), 2);
    story_end(&s);
}

static void a_door_closes_only_after_a_delivered_notice(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&s, 90);
    assert_rung(&s, DOVER, "notice");
    deliver(&s);
    story_pass(&s, 55);
    assert_rung(&s, DOVER, "notice");
    story_pass(&s, 10);
    assert_rung(&s, DOVER, "closed");
    struct event event;
    assert_true(fake_store_last_event(s.server, "rung.changed", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"from\":\"notice\",\"to\":\"closed\",\"checks\":[\"firewall\"]")) < event.data.bytes);
    story_end(&s);
}

static void a_fix_goes_down_at_once_and_is_forgotten_when_it_holds(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_pass(&s, 70);
    assert_rung(&s, DOVER, "closed");
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    assert_rung(&s, DOVER, "");
    assert_int_equal(story_events(&s, "person.healed"), 1);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->told_count, 1);
    assert_int_equal(ana->told[0].passed_s, s.now_ms / 1000);
    person_free(ana);
    story_pass(&s, 3590);
    assert_int_equal(story_events(&s, "person.cleared"), 0);
    story_pass(&s, 20);
    assert_int_equal(story_events(&s, "person.healed"), 1);
    assert_int_equal(story_events(&s, "person.cleared"), 1);
    ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->told_count, 0);
    person_free(ana);
    story_end(&s);
}

/* A check that flaps: the clock goes on where it was, without the minutes in which it passed, and no notice has to be delivered anew. */
static void a_pass_that_does_not_hold_is_no_new_beginning(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_pass(&s, 40);
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    assert_rung(&s, DOVER, "");
    story_pass(&s, 600);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_rung(&s, DOVER, "notice");
    assert_int_equal(story_events(&s, "person.relapsed"), 1);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->told[0].flapped_s, 600);
    assert_int_equal(ana->told[0].passed_s, 0);
    person_free(ana);
    story_pass(&s, 15);
    assert_rung(&s, DOVER, "notice");
    story_pass(&s, 10);
    assert_rung(&s, DOVER, "closed");
    story_end(&s);
}

static void a_failure_after_a_pass_that_held_begins_anew(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_pass(&s, 70);
    assert_rung(&s, DOVER, "closed");
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_pass(&s, 3700);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&s, 200);
    assert_rung(&s, DOVER, "notice");
    story_end(&s);
}

static void jump(struct story *s, int64_t seconds)
{
    s->now_ms += seconds * 1000;
    story_settle(s);
}

/* Told, closed or not, mended after so many seconds, and held for an hour. */
static void fail_and_mend(struct story *s, int64_t seconds)
{
    story_result(s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(s);
    deliver(s);
    story_pass(s, seconds);
    story_result(s, DOVER, "firewall", VERDICT_PASS);
    story_settle(s);
    jump(s, 3700);
    assert_int_equal(story_events(s, "person.cleared"), 1);
}

/* 40 of 60 seconds were used. It comes back after six days: told anew, and closed after half of the 20 that were left. */
static void what_comes_back_within_a_week_takes_the_clock_over(void **state)
{
    struct story s;
    struct event event;
    (void)state;
    start(&s);
    fail_and_mend(&s, 40);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->told_count, 0);
    assert_int_equal(ana->mended_count, 1);
    assert_int_equal(ana->mended[0].used_s, 40);
    person_free(ana);
    assert_true(fake_store_last_event(s.server, "person.healed", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"check\":\"firewall\",\"counted\":40")) < event.data.bytes);
    jump(&s, 6 * 86400);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_int_equal(story_events(&s, "person.recurred"), 1);
    assert_true(fake_store_last_event(s.server, "person.recurred", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"check\":\"firewall\",\"used\":40")) < event.data.bytes);
    story_pass(&s, 90);
    assert_rung(&s, DOVER, "notice"); /* nothing closes before somebody was told */
    deliver(&s);
    story_pass(&s, 8);
    assert_rung(&s, DOVER, "notice");
    story_pass(&s, 4);
    assert_rung(&s, DOVER, "closed");
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    ana = story_stored_person(&s, ANA);
    assert_in_range(ana->told[0].used_s, 52, 53); /* of both */
    person_free(ana);
    assert_true(fake_store_last_event(s.server, "person.healed", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"counted\":12}")) < event.data.bytes || span_search(event.data, SPAN_LITERAL("\"counted\":13}")) < event.data.bytes); /* of this one */
    story_end(&s);
}

/* Passing for ten minutes in the middle of it changes nothing of what it took over. */
static void what_came_back_may_flap(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    fail_and_mend(&s, 40);
    jump(&s, 86400);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_pass(&s, 4);
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    jump(&s, 600);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&s, 3);
    assert_int_equal(story_events(&s, "person.relapsed"), 1);
    assert_rung(&s, DOVER, "notice");
    story_pass(&s, 5);
    assert_rung(&s, DOVER, "closed");
    story_end(&s);
}

static void what_comes_back_later_begins_anew(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    fail_and_mend(&s, 40);
    jump(&s, 7 * 86400);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_int_equal(story_events(&s, "person.recurred"), 0);
    deliver(&s);
    story_pass(&s, 55);
    assert_rung(&s, DOVER, "notice");
    story_pass(&s, 10);
    assert_rung(&s, DOVER, "closed");
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    struct person *ana = story_stored_person(&s, ANA);
    assert_in_range(ana->told[0].used_s, 65, 66); /* its own */
    assert_int_equal(ana->mended_count, 0);
    person_free(ana);
    story_end(&s);
}

/* It came back and was mended before anybody was told: that is no clock to take over, and the one before it is too long ago to be one. */
static void a_failure_that_nobody_was_told_of_hands_nothing_on(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    fail_and_mend(&s, 40);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL); /* the day's message was sent */
    story_settle(&s);
    assert_int_equal(story_events(&s, "person.recurred"), 1);
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    story_settle(&s);
    assert_int_equal(story_events(&s, "person.cleared"), 2);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->mended_count, 0);
    person_free(ana);
    jump(&s, 86400);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_pass(&s, 55);
    assert_rung(&s, DOVER, "notice");
    story_end(&s);
}

static void unknown_is_not_healed(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    deliver(&s);
    story_result(&s, DOVER, "firewall", VERDICT_UNKNOWN);
    story_settle(&s);
    assert_int_equal(story_events(&s, "person.healed"), 0);
    story_end(&s);
}

static void looking_again_changes_nothing(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    size_t before = story_events(&s, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(escalation_look_device(&s.node, s.store, SPAN_LITERAL(DOVER), SPAN_NONE, &err), OK);
        assert_int_equal(escalation_look_person(&s.node, s.store, SPAN_LITERAL(ANA), SPAN_NONE, &err), OK);
    }
    assert_int_equal(story_events(&s, NULL), before);
    story_end(&s);
}

static void a_second_look_at_an_old_state_finds_the_day_taken(void **state)
{
    struct story s;
    struct err err;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL); /* the directory knows; from here on it stands still, as another node's might */
    assert_int_equal(escalation_look_person(&s.node, s.store, SPAN_LITERAL(ANA), SPAN_NONE, &err), OK);
    assert_int_equal(escalation_look_device(&s.node, s.store, SPAN_LITERAL(DOVER), SPAN_NONE, &err), OK);
    story_feed(&s);
    assert_int_equal(escalation_look_person(&s.node, s.store, SPAN_LITERAL(ANA), SPAN_NONE, &err), OK);
    assert_int_equal(escalation_look_person(&s.node, s.store, SPAN_LITERAL(ANA), SPAN_NONE, &err), OK); /* the reservation is not in the directory */
    assert_int_equal(story_events(&s, "notice.reserved"), 1);
    story_end(&s);
}

static void an_unowned_device_is_never_escalated(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_device(&s, EPPING, NULL);
    story_result(&s, EPPING, "firewall", VERDICT_FAIL);
    story_pass(&s, 5);
    assert_int_equal(story_events(&s, "rung.changed"), 0);
    assert_int_equal(story_events(&s, "notice.reserved"), 0);
    story_end(&s);
}

static void without_a_channel_nobody_is_written_to(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    s.node.options.slack = false;
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&s, 3);
    assert_int_equal(story_events(&s, "notice.reserved"), 0);
    assert_int_equal(story_events(&s, "rung.changed"), 1);
    story_end(&s);
}

static void a_lost_reply_of_the_store_reserves_no_second_notice(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    fake_store_lose_replies(s.server, 3);
    story_pass(&s, 5);
    assert_int_equal(story_events(&s, "notice.reserved"), 1);
    assert_int_equal(story_events(&s, "rung.changed"), 1);
    story_end(&s);
}

/* ---- the breaker ---- */

static void the_breaker_trips_at_its_share_and_number(void **state)
{
    static const struct { const char *name; unsigned share, at_least; int64_t within_s; uint64_t devices, flipped; bool trips; } rows[] = {
        { "share and number reached", 5, 20, 3600, 400, 20, true },     { "number not reached", 5, 20, 3600, 100, 19, false },
        { "share not reached", 5, 20, 3600, 401, 20, false },           { "off", 5, 20, 0, 400, 400, false },
        { "nothing flipped", 0, 0, 3600, 10, 0, false },                { "everything flipped", 100, 1, 3600, 7, 7, true },
        { "no devices", 5, 0, 3600, 0, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy p = { .breaker = { rows[i].share, rows[i].at_least, rows[i].within_s } };
        struct breaker_count counts[PLATFORM_COUNT] = { [PLATFORM_WINDOWS] = { rows[i].devices, rows[i].flipped } };
        enum platform which = PLATFORM_UNKNOWN;
        print_message("%s\n", rows[i].name);
        assert_int_equal(escalation_trips(&p, counts, &which), rows[i].trips);
        assert_int_equal(which, rows[i].trips ? PLATFORM_WINDOWS : PLATFORM_UNKNOWN);
    }
}

static void two_platforms_are_not_added_up(void **state)
{
    const struct policy p = { .breaker = { 5, 20, 3600 } };
    const struct breaker_count counts[PLATFORM_COUNT] = { [PLATFORM_MACOS] = { 100, 15 }, [PLATFORM_LINUX] = { 100, 15 } };
    enum platform which;
    (void)state;
    assert_false(escalation_trips(&p, counts, &which));
}

static void a_mass_flip_freezes_consequences_once(void **state)
{
    struct story s;
    (void)state;
    start_with(&s, guarded);
    story_device(&s, EPPING, ANA);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&s);
    assert_int_equal(story_events(&s, "breaker.tripped"), 0);
    story_result(&s, EPPING, "firewall", VERDICT_FAIL);
    story_pass(&s, 5);
    assert_int_equal(story_events(&s, "breaker.tripped"), 1);
    directory_enter(s.node.directory);
    assert_true(directory_control(s.node.directory)->frozen);
    directory_leave(s.node.directory);
    story_end(&s);
}

static void released_by_an_admin_the_same_flip_does_not_trip_it_again(void **state)
{
    struct story s;
    struct err err;
    int64_t version = 0;
    struct buf body;
    (void)state;
    start_with(&s, guarded);
    story_device(&s, EPPING, ANA);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    story_result(&s, EPPING, "firewall", VERDICT_FAIL);
    story_pass(&s, 3);
    buf_init(&body, 4096);
    assert_int_equal(s.store->ops->get(s.store, RECORD_CONTROL, SPAN_LITERAL("clock"), &body, &version, &err), OK);
    char *frozen = strstr(buf_text(&body), "\"frozen\":true");
    assert_non_null(frozen);
    memcpy(frozen, "\"frozen\":null", 13);
    const struct event event = { .id = SPAN_LITERAL("e_releasedaaaaaaaaaaaaaaaaaaa"), .at_ms = s.now_ms, .type = SPAN_LITERAL("admin.breaker") };
    assert_int_equal(s.store->ops->commit(s.store, &(struct commit){ RECORD_CONTROL, SPAN_LITERAL("clock"), version, buf_span(&body), &event, 1, 0 }, &version, &err), OK);
    buf_done(&body);
    story_pass(&s, 5);
    assert_int_equal(story_events(&s, "breaker.tripped"), 1);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_check_reserves_one_notice),
        cmocka_unit_test(one_notice_a_day_whatever_fails_and_wherever),
        cmocka_unit_test(a_door_closes_only_after_a_delivered_notice),
        cmocka_unit_test(a_fix_goes_down_at_once_and_is_forgotten_when_it_holds),
        cmocka_unit_test(a_pass_that_does_not_hold_is_no_new_beginning),
        cmocka_unit_test(a_failure_after_a_pass_that_held_begins_anew),
        cmocka_unit_test(what_comes_back_within_a_week_takes_the_clock_over),
        cmocka_unit_test(what_came_back_may_flap),
        cmocka_unit_test(what_comes_back_later_begins_anew),
        cmocka_unit_test(a_failure_that_nobody_was_told_of_hands_nothing_on),
        cmocka_unit_test(unknown_is_not_healed),
        cmocka_unit_test(looking_again_changes_nothing),
        cmocka_unit_test(a_second_look_at_an_old_state_finds_the_day_taken),
        cmocka_unit_test(an_unowned_device_is_never_escalated),
        cmocka_unit_test(without_a_channel_nobody_is_written_to),
        cmocka_unit_test(a_lost_reply_of_the_store_reserves_no_second_notice),
        cmocka_unit_test(the_breaker_trips_at_its_share_and_number),
        cmocka_unit_test(two_platforms_are_not_added_up),
        cmocka_unit_test(a_mass_flip_freezes_consequences_once),
        cmocka_unit_test(released_by_an_admin_the_same_flip_does_not_trip_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
