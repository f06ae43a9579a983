#include "gateway/valves.h"

#include "gateway/escalation.h"
#include "gateway/holidays.h"
#include "gateway/people.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define BY_ANA "person:" ANA

static struct valve_result use_valve(struct story *s, enum err_code (*valve)(const struct node *, struct store *, const struct valve_use *, struct valve_result *, struct err *), struct valve_use use)
{
    struct valve_result out;
    struct err err = { 0 };
    use.person = SPAN_LITERAL(ANA);
    use.device = span_empty(use.device) ? SPAN_LITERAL(DOVER) : use.device;
    use.by = SPAN_LITERAL(BY_ANA);
    directory_heard(s->node.directory);
    enum err_code code = valve(&s->node, s->store, &use, &out, &err);
    if (code != OK)
        fail_msg("%s", err.text);
    story_feed(s);
    return out;
}

/* What payroll says on dover. */
static enum outcome payroll(struct story *s, enum rule *rule)
{
    const struct device *devices[4];
    struct decision_input in = { 0 };
    struct decision out;
    struct arena arena;
    arena_init(&arena, 64 * 1024, 4 * 1024 * 1024);
    directory_heard(s->node.directory);
    directory_enter(s->node.directory);
    const struct person *ana = directory_person(s->node.directory, SPAN_LITERAL(ANA));
    directory_decision_input(s->node.directory, ana, s->now_ms / 1000, devices, 4, &in);
    in.person = ana;
    in.person_asked = SPAN_LITERAL("ana@acme.example");
    in.door = DEVICE_NAMED;
    in.device = directory_device(s->node.directory, SPAN_LITERAL(DOVER));
    in.app = policy_app(in.policy, SPAN_LITERAL("payroll"));
    decision_make(&in, &arena, NULL, NULL, &out);
    *rule = out.rule;
    directory_leave(s->node.directory);
    arena_done(&arena);
    return out.outcome;
}

static bool is_said(struct story *s, const char *type, const char *words)
{
    struct event event;
    return fake_store_last_event(s->server, type, &event) && span_equal_text(event.cause, BY_ANA) && span_search(event.data, span_of(words)) < event.data.bytes;
}

static void a_snooze_is_spent_once_and_moves_what_closes(void **state)
{
    struct story s;
    enum rule rule;
    (void)state;
    pages_start(&s);
    assert_int_equal(use_valve(&s, valve_snooze, (struct valve_use){ .check = SPAN_LITERAL("firewall") }).said, VALVE_GONE);
    pages_fail_for(&s, 30);
    struct valve_result done = use_valve(&s, valve_snooze, (struct valve_use){ .check = SPAN_LITERAL("firewall") });
    assert_int_equal(done.said, VALVE_DONE);
    assert_int_equal(done.left, 0);
    assert_true(done.until_s > s.now_ms / 1000 && done.until_s <= s.now_ms / 1000 + 86400);
    assert_true(done.close_s > done.until_s);
    assert_true(is_said(&s, "person.snoozed", "\"check\":\"firewall\""));
    assert_int_equal(use_valve(&s, valve_snooze, (struct valve_use){ .check = SPAN_LITERAL("firewall") }).said, VALVE_AGAIN);
    s.now_ms += 600 * 1000;
    assert_int_equal(payroll(&s, &rule), OUTCOME_ALLOW); /* it would have closed at 120 s */
    s.now_ms = done.until_s * 1000 + 1000;
    struct valve_result again = use_valve(&s, valve_snooze, (struct valve_use){ .check = SPAN_LITERAL("firewall") });
    assert_int_equal(again.said, VALVE_NO);
    assert_int_equal(again.refusal, VALVE_SPENT);
    s.now_ms += 200 * 1000;
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY);
    s.now_ms += 8 * 86400 * INT64_C(1000);
    assert_int_equal(use_valve(&s, valve_snooze, (struct valve_use){ .check = SPAN_LITERAL("firewall") }).refusal, VALVE_TOO_LATE);
    pages_end(&s);
}

static void continue_once_opens_one_app_for_a_while(void **state)
{
    struct valve_use use = { .app = SPAN_LITERAL("payroll"), .text = SPAN_LITERAL(" the payment run ") };
    struct valve_result out;
    struct err err;
    struct story s;
    enum rule rule;
    (void)state;
    pages_start(&s);
    pages_fail_for(&s, 30);
    assert_int_equal(use_valve(&s, valve_continue_once, use).refusal, VALVE_NOT_CLOSED);
    s.now_ms += 200 * 1000;
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY);
    struct valve_use silent = { .person = SPAN_LITERAL(ANA), .device = SPAN_LITERAL(DOVER), .app = use.app, .text = SPAN_LITERAL("  ") };
    assert_int_equal(valve_continue_once(&s.node, s.store, &silent, &out, &err), ERR_INPUT);
    assert_int_equal(use_valve(&s, valve_continue_once, use).said, VALVE_DONE);
    assert_true(is_said(&s, "person.passed_once", "\"reason\":\"the payment run\""));
    assert_int_equal(payroll(&s, &rule), OUTCOME_ALLOW);
    assert_int_equal(rule, RULE_CONTINUED_ONCE);
    assert_int_equal(use_valve(&s, valve_continue_once, use).said, VALVE_AGAIN);
    s.now_ms += 8 * 3600 * INT64_C(1000);
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY); /* in that very second */
    assert_int_equal(use_valve(&s, valve_continue_once, use).refusal, VALVE_SPENT);
    pages_end(&s);
}

static struct exemption_request request(const char *subject, const char *by)
{
    return (struct exemption_request){ .scope = EXEMPT_DEVICE, .subject = span_of(subject), .check = SPAN_LITERAL("firewall"), .reason = SPAN_LITERAL("lab"), .by = span_of(by) };
}

static void an_exemption_is_decided_by_another(void **state)
{
    struct story s;
    struct valve_result out;
    struct err err;
    enum rule rule;
    (void)state;
    pages_start(&s);
    pages_fail_for(&s, 200);
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY);
    struct exemption_request q = request(DOVER, BY_ANA);
    assert_int_equal(valve_exemption_ask(&s.node, s.store, &q, &out, &err), OK);
    assert_int_equal(out.said, VALVE_DONE);
    char id[32];
    memcpy(id, out.id, sizeof id);
    story_feed(&s);
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY); /* asking changes nothing */
    assert_int_equal(valve_exemption_ask(&s.node, s.store, &q, &out, &err), OK);
    assert_int_equal(out.said, VALVE_AGAIN);
    static const struct { const char *by; enum err_code code; } deciders[] = { { BY_ANA, ERR_DENIED }, { "person:" BEN, OK }, { "person:" BEN, OK } };
    for (size_t i = 0; i < COUNT(deciders); i++) {
        struct exemption_decision d = { .id = span_of(id), .move = EXEMPTION_APPROVE, .by = span_of(deciders[i].by), .end_s = s.now_ms / 1000 + 10 * 86400 };
        assert_int_equal(valve_exemption_decide(&s.node, s.store, &d, &out, &err), deciders[i].code);
    }
    assert_int_equal(out.said, VALVE_AGAIN);
    story_feed(&s);
    assert_int_equal(payroll(&s, &rule), OUTCOME_ALLOW);
    s.now_ms += 4 * 86400 * INT64_C(1000);
    assert_int_equal(valve_exemptions_tend(&s.node, s.store, &err), OK);
    assert_int_equal(story_events(&s, "exemption.reminder"), 1);
    story_feed(&s);
    assert_int_equal(valve_exemptions_tend(&s.node, s.store, &err), OK);
    assert_int_equal(story_events(&s, "exemption.reminder"), 1);
    s.now_ms += 7 * 86400 * INT64_C(1000);
    pages_dress(&s, DOVER, &(struct pages_look){ .name = "dover", .model = "MacBook Pro", .serial = SERIAL, .owner = ANA, .saw = "It is off." }); /* it was looked at again */
    story_feed(&s);
    assert_int_equal(payroll(&s, &rule), OUTCOME_DENY);
    assert_int_equal(valve_exemptions_tend(&s.node, s.store, &err), OK);
    assert_int_equal(story_events(&s, "exemption.ended"), 1);
    pages_end(&s);
}

static void exemptions_that_cannot_be_are_refused(void **state)
{
    static const struct { const char *name; enum exemption_scope scope; const char *subject, *check, *reason; int64_t start_days, end_days; } rows[] = {
        { "no reason", EXEMPT_DEVICE, DOVER, "firewall", "  ", 0, 0 },
        { "no such check", EXEMPT_DEVICE, DOVER, "moon", "x", 0, 0 },
        { "no such device", EXEMPT_DEVICE, "d_x", "firewall", "x", 0, 0 },
        { "no such person", EXEMPT_PERSON, "p_x", "firewall", "x", 0, 0 },
        { "a group without a name", EXEMPT_GROUP, "", "firewall", "x", 0, 0 },
        { "without end", EXEMPT_DEVICE, DOVER, "firewall", "x", 0, 366 },
        { "over already", EXEMPT_DEVICE, DOVER, "firewall", "x", -9, -1 },
        { "from its end to its start", EXEMPT_DEVICE, DOVER, "firewall", "x", 9, 3 },
        { "in some years", EXEMPT_DEVICE, DOVER, "firewall", "x", 900, 901 },
    };
    struct story s;
    (void)state;
    pages_start(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t now_s = s.now_ms / 1000;
        struct exemption_request q = { .scope = rows[i].scope, .subject = span_of(rows[i].subject), .check = span_of(rows[i].check), .reason = span_of(rows[i].reason), .by = SPAN_LITERAL("admin:x"),
                                       .start_s = rows[i].start_days == 0 ? 0 : now_s + rows[i].start_days * 86400, .end_s = rows[i].end_days == 0 ? 0 : now_s + rows[i].end_days * 86400 };
        struct valve_result out;
        struct err err;
        if (valve_exemption_ask(&s.node, s.store, &q, &out, &err) != ERR_INPUT)
            fail_msg("%s", rows[i].name);
    }
    assert_int_equal(story_events(&s, "exemption.asked"), 0);
    pages_end(&s);
}

static void what_looks_wrong_is_answered_by_a_person(void **state)
{
    struct story s;
    struct valve_result out;
    struct err err;
    (void)state;
    pages_start(&s);
    pages_fail_for(&s, 30);
    struct valve_result told = use_valve(&s, valve_dispute, (struct valve_use){ .check = SPAN_LITERAL("firewall"), .text = SPAN_LITERAL("it is on") });
    assert_int_equal(told.said, VALVE_DONE);
    struct person *ana = story_stored_person(&s, ANA);
    assert_true(span_search(ana->disputes[0].evidence, SPAN_LITERAL("\"query\":")) < ana->disputes[0].evidence.bytes);
    person_free(ana);
    struct valve_answer a = { SPAN_LITERAL(ANA), span_of(told.id), DISPUTE_EXPLAINED, SPAN_LITERAL("It is off since Monday."), SPAN_LITERAL("admin:x") };
    assert_int_equal(valve_dispute_answer(&s.node, s.store, &a, &out, &err), OK);
    assert_int_equal(out.said, VALVE_DONE);
    ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->disputes[0].time.to_s, s.now_ms / 1000); /* the clock goes on */
    assert_int_equal(ana->disputes[0].outcome, DISPUTE_EXPLAINED);
    assert_true(span_empty(ana->disputes[0].evidence));
    person_free(ana);
    assert_int_equal(valve_dispute_answer(&s.node, s.store, &a, &out, &err), OK);
    assert_int_equal(out.said, VALVE_AGAIN);
    a.id = SPAN_LITERAL("e_x");
    assert_int_equal(valve_dispute_answer(&s.node, s.store, &a, &out, &err), ERR_NOT_FOUND);
    struct valve_result asked = use_valve(&s, valve_ask_person, (struct valve_use){ .text = SPAN_LITERAL("How?") });
    assert_int_equal(use_valve(&s, valve_ask_person, (struct valve_use){ .text = SPAN_LITERAL("How?") }).said, VALVE_AGAIN);
    struct valve_answer b = { .person = SPAN_LITERAL(ANA), .id = span_of(asked.id), .text = SPAN_LITERAL("So."), .by = SPAN_LITERAL("admin:x") };
    assert_int_equal(valve_ask_answer(&s.node, s.store, &b, &out, &err), OK);
    for (int i = 0; i < PERSON_MAX_ASKS; i++) { /* the answered one makes room */
        char text[32];
        snprintf(text, sizeof text, "and %d?", i);
        assert_int_equal(use_valve(&s, valve_ask_person, (struct valve_use){ .text = span_of(text) }).said, VALVE_DONE);
    }
    assert_int_equal(use_valve(&s, valve_ask_person, (struct valve_use){ .text = SPAN_LITERAL("one more?") }).said, VALVE_FULL);
    assert_int_equal(use_valve(&s, valve_not_mine, (struct valve_use){ .text = SPAN_NONE }).said, VALVE_DONE);
    assert_true(is_said(&s, "device.not_mine", "{"));
    assert_int_equal(use_valve(&s, valve_not_mine, (struct valve_use){ .text = SPAN_NONE }).said, VALVE_GONE);
    pages_end(&s);
}

static void the_page_has_the_buttons_and_says_what_came_of_them(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 70);
    pages_get(&s, pages_blocked_path(&s, &link, path), NULL);
    pages_say("Remind me tomorrow");
    pages_say("(1 left)");
    pages_say("Ask for an exemption");
    pages_say("Ask a person");
    pages_do_not_say("Continue once");
    pages_post(&s, pages_under(path, "snooze"), "check=firewall");
    assert_non_null(strstr(pages_last.location, "?said=snoozed"));
    pages_get(&s, path, "said=snoozed");
    pages_say("We remind you again");
    s.now_ms += 2 * 86400 * INT64_C(1000);
    directory_heard(s.node.directory);
    pages_get(&s, path, NULL);
    pages_say("Continue once (1 left)");
    pages_post(&s, pages_under(path, "once"), "text=");
    assert_non_null(strstr(pages_last.location, "?said=words"));
    pages_post(&s, pages_under(path, "once"), "text=payment+run");
    assert_non_null(strstr(pages_last.location, "?said=once"));
    pages_get(&s, path, NULL);
    pages_say("You continue once. It stays open on this device until");
    pages_post(&s, pages_under(path, "exempt"), "check=firewall&text=lab");
    assert_non_null(strstr(pages_last.location, "?said=exempt_asked"));
    pages_post(&s, pages_under(path, "not-mine"), "");
    assert_non_null(strstr(pages_last.location, "?said=released"));
    pages_end(&s);
}

static void files_of_holidays_are_read_strictly(void **state)
{
    static const struct { const char *name, *text; size_t count; const char *why; } rows[] = {
        { "a good one", "region,date,title\nDE,2026-12-25,Christmas\nde-by,2026-01-06,Epiphany\n*,2027-01-01,\n", 3, NULL },
        { "in another order", "Date,Region\n2028-02-29,US\n", 1, NULL },
        { "a header alone", "region,date\n", 0, NULL },
        { "empty", "", 0, "region,date,title" },
        { "a column that nobody asked for", "region,date,who\nDE,2026-12-25,x\n", 0, "no column is named" },
        { "a column twice", "region,date,date\n", 0, "two columns" },
        { "no region", "date\n2026-12-25\n", 0, "region and date are needed" },
        { "a field too few", "region,date,title\nDE,2026-12-25\n", 0, "line 2" },
        { "no leap day", "region,date\nUS,2027-02-29\n", 0, "is no date" },
        { "31 April", "region,date\nUS,2026-04-31\n", 0, "is no date" },
        { "a date of another country", "region,date\nUS,12/25/2026\n", 0, "is no date" },
        { "a region that is a sentence", "region,date\nall of Europe,2026-12-25\n", 0, "is no region" },
        { "twice", "region,date\nDE,2026-12-25\nde,2026-12-25\n", 0, "twice" },
        { "hostile bytes", "region,date\n\xff,2026-12-25\n", 0, "line" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct holidays out = { 0 };
        struct err err = { 0 };
        arena_init(&arena, 4096, 8 * 1024 * 1024);
        enum err_code code = holidays_read_csv(span_of(rows[i].text), &arena, &out, &err);
        bool good = rows[i].why == NULL ? code == OK && out.count == rows[i].count : code == ERR_INPUT && strstr(err.text, rows[i].why) != NULL;
        if (!good)
            fail_msg("%s: %s, %zu", rows[i].name, err.text, out.count);
        arena_done(&arena);
    }
}

static void a_holiday_that_has_begun_stays(void **state)
{
    static const struct { const char *name, *old, *next; int32_t begun; const char *kept; } rows[] = {
        { "the first list", "", "DE,2026-12-25\n", 20261130, "DE 20261225" },
        { "next year's leaves this year's out", "DE,2026-12-25\nDE,2026-12-26\n", "DE,2027-12-25\n", 20270104, "DE 20261225 DE 20261226 DE 20271225" },
        { "a day to come is taken away", "DE,2026-12-25\nDE,2026-12-26\n", "DE,2026-12-26\n", 20261224, "DE 20261226" },
        { "today is not", "DE,2026-12-25\nDE,2026-12-26\n", "", 20261225, "DE 20261225" },
        { "of each region", "DE,2026-12-25\nFR,2026-12-25\n*,2026-12-25\n", "FR,2026-12-25\n", 20261225, "* 20261225 DE 20261225 FR 20261225" },
        { "the same list", "DE,2026-12-25\n", "DE,2026-12-25\n", 20270104, "DE 20261225" },
        { "a day of the past that is new counts from now on, too", "", "DE,2026-12-25\n", 20270104, "DE 20261225" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[2][256], said[256] = "";
        struct holidays lists[2], out;
        struct arena arena;
        struct err err;
        arena_init(&arena, 4096, 8 * 1024 * 1024);
        for (int k = 0; k < 2; k++) {
            snprintf(text[k], sizeof text[k], "region,date\n%s", k == 0 ? rows[i].old : rows[i].next);
            assert_int_equal(holidays_read_csv(span_of(text[k]), &arena, &lists[k], &err), OK);
        }
        assert_true(holidays_replace(lists[0], lists[1], rows[i].begun, &arena, &out));
        for (size_t k = 0; k < out.count; k++)
            snprintf(said + strlen(said), sizeof said - strlen(said), "%s%.*s %d", k > 0 ? " " : "", SPAN_ARGS(out.all[k].region), out.all[k].day);
        if (strcmp(said, rows[i].kept) != 0)
            fail_msg("%s: %s", rows[i].name, said);
        arena_done(&arena);
    }
}

static void holidays_and_absences_reach_every_node(void **state)
{
    struct arena arena;
    struct holidays_order order = { .by = SPAN_LITERAL("admin:x") };
    struct story s;
    struct err err;
    bool kept = false, changed = false;
    (void)state;
    pages_start(&s);
    arena_init(&arena, 4096, 8 * 1024 * 1024);
    assert_int_equal(holidays_read_csv(SPAN_LITERAL("region,date\nDE,2026-12-25\n*,2027-01-01\n"), &arena, &order.list, &err), OK);
    assert_int_equal(holidays_publish(&s.node, s.store, &order, &kept, &err), OK);
    order.only_if_empty = true;
    order.list.count = 1;
    assert_int_equal(holidays_publish(&s.node, s.store, &order, &kept, &err), OK);
    assert_true(kept);
    story_feed(&s);
    assert_int_equal(directory_control(s.node.directory)->holidays.count, 2);
    order = (struct holidays_order){ .by = SPAN_LITERAL("admin:x") }; /* an empty list takes away what has not begun */
    assert_int_equal(holidays_publish(&s.node, s.store, &order, &kept, &err), OK);
    story_feed(&s);
    assert_int_equal(directory_control(s.node.directory)->holidays.count, 0);
    struct interval time = { s.now_ms / 1000, s.now_ms / 1000 + 86400 };
    assert_int_equal(people_absence_once(&s.node, s.store, SPAN_LITERAL(ANA), time, SPAN_LITERAL("file"), &changed, &err), OK);
    assert_true(changed);
    assert_int_equal(people_absence_once(&s.node, s.store, SPAN_LITERAL(ANA), time, SPAN_LITERAL("file"), &changed, &err), OK);
    assert_false(changed);
    s.now_ms += 3600 * 1000;
    assert_int_equal(people_back(&s.node, s.store, SPAN_LITERAL(ANA), SPAN_LITERAL("admin:x"), &changed, &err), OK);
    assert_true(changed);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->absences[0].time.to_s, s.now_ms / 1000);
    person_free(ana);
    arena_done(&arena);
    pages_end(&s);
}

/* A record that nobody could read would refuse every later change, and be missing after a restart: it is not written. */
static void what_could_not_be_read_back_is_not_written(void **state)
{
    static const struct { const char *name; struct interval time; bool good; } rows[] = {
        { "before 1970", { -1, 86400 }, false },
        { "after 9999", { 1, INT64_C(253402300800) }, false },
        { "the last second of 9999", { 1, INT64_C(253402300799) }, true },
    };
    struct story s;
    struct err err;
    (void)state;
    pages_start(&s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool good = people_absence(&s.node, s.store, SPAN_LITERAL(ANA), rows[i].time, SPAN_LITERAL("admin:x"), &err) == OK;
        if (good != rows[i].good)
            fail_msg("%s: %s", rows[i].name, err.text);
        person_free(story_stored_person(&s, ANA)); /* it is as it was, and read */
    }
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->absence_count, 1);
    person_free(ana);
    pages_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snooze_is_spent_once_and_moves_what_closes),
        cmocka_unit_test(continue_once_opens_one_app_for_a_while),
        cmocka_unit_test(an_exemption_is_decided_by_another),
        cmocka_unit_test(exemptions_that_cannot_be_are_refused),
        cmocka_unit_test(what_looks_wrong_is_answered_by_a_person),
        cmocka_unit_test(the_page_has_the_buttons_and_says_what_came_of_them),
        cmocka_unit_test(files_of_holidays_are_read_strictly),
        cmocka_unit_test(a_holiday_that_has_begun_stays),
        cmocka_unit_test(holidays_and_absences_reach_every_node),
        cmocka_unit_test(what_could_not_be_read_back_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
