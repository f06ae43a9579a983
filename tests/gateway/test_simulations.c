/* Simulations in a gateway: ahead from its directory, back over its log, one at a time. */
#include "gateway/simulations.h"

#include "posture/base/from_json.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"

#define POLICY(stage) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n" \
    "checks: [{ use: library/firewall, severity: high, fresh_for: 30d }]\n" \
    "ladders:\n" \
    "  - id: default\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 60s, close: [sensitive] }]\n" \
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n" \
    "    notices_before_close: 1\n" \
    "    rise: off\n" \
    stage \
    "visible_after: off\n" \
    "grace: off\n" \
    "nudges: { hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: off\n"

static const char silent[] = POLICY("    stage: report\n"), enforced[] = POLICY("");

struct answer { struct buf text; struct from_json *doc; struct from_json_value root, result; };

static void answer_done(struct answer *a)
{
    from_json_free(a->doc);
    buf_done(&a->text);
}

static int64_t number(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t n = -1;
    struct err err;
    if (from_json_int(&v, INT64_MIN, INT64_MAX, &n, &err) != OK)
        fail_msg("%s", err.text);
    return n;
}

static struct span text(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span t = SPAN_NONE;
    struct err err;
    (void)(from_json_text_opt(&v, 256, &t, &err) == OK);
    return t;
}

static void ask(struct simulations *all, const char *id, struct answer *a)
{
    struct to_json w;
    struct err err;
    buf_init(&a->text, 1024 * 1024);
    to_json_init(&w, &a->text);
    to_json_object(&w);
    assert_int_equal(simulations_write(all, span_of(id), &w, &err), OK);
    to_json_end(&w);
    assert_int_equal(from_json_parse(buf_span(&a->text), (struct from_json_limits){ 1024 * 1024, 16 }, "answer", &a->doc, &err), OK);
    a->root = from_json_root(a->doc);
    a->result = from_json_member(&a->root, "result");
}

/* Its thread is a real one: it is waited for, and no time is asserted. */
static void wait_for(struct simulations *all, const char *id, struct answer *a)
{
    for (int i = 0; i < 6000; i++) {
        ask(all, id, a);
        if (!span_equal_text(text(&a->root, "state"), "running"))
            return;
        answer_done(a);
        usleep(10000);
    }
    fail_msg("a simulation did not end");
}

static struct policy *policy_of(const char *yaml)
{
    struct mistakes mistakes;
    struct policy *p;
    mistakes_init(&mistakes);
    policy_read(span_of(yaml), SPAN_LITERAL("p"), &mistakes, &p);
    mistakes_done(&mistakes);
    assert_non_null(p);
    return p;
}

struct scene { struct story s; struct simulations *all; };

static void start_with(struct scene *c, const struct effects_options *options)
{
    struct err err;
    story_start(&c->s, silent);
    if (options->archive != NULL)
        story_signing_keys(&c->s);
    story_effects(&c->s, options);
    c->s.node.effects = c->s.effects;
    story_person(&c->s, ANA, "U0ANA", "ana@acme.example");
    story_person(&c->s, BEN, "U0BEN", "ben@acme.example");
    story_device(&c->s, DOVER, ANA);
    story_settle(&c->s);
    assert_int_equal(simulations_new(&c->s.node, &c->all, &err), OK);
}

static void start(struct scene *c) { start_with(c, &(struct effects_options){ .slack = NULL }); }

static void end(struct scene *c)
{
    simulations_free(c->all);
    story_end(&c->s);
}

static void record_login(struct story *s, const char *person, const char *outcome)
{
    char data[128], id[29];
    static uint8_t many = 1;
    uint8_t random[DECISION_RANDOM_BYTES] = { many++ };
    struct err err;
    unsigned partition = s->store->ops->partition_of(s->store, RECORD_PERSON, span_of(person));
    decision_new_id(s->now_ms, partition, random, id);
    snprintf(data, sizeof data, "{\"outcome\":\"%s\",\"rule\":\"good\",\"app\":\"payroll\",\"door\":\"test\"}", outcome);
    struct event e = { .id = span_of(id), .at_ms = s->now_ms, .type = SPAN_LITERAL("decision.made"), .person = span_of(person), .device = span_of(DOVER), .data = span_of(data) };
    assert_int_equal(s->store->ops->append(s->store, partition, &e, 1, &err), OK);
}

static void ahead_it_knows_who_and_when(void **state)
{
    struct scene c;
    struct answer a;
    struct err err;
    char id[SIMULATION_ID_BYTES + 1];
    (void)state;
    start(&c);
    story_result(&c.s, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&c.s);
    assert_int_equal(simulations_start(c.all, &(struct simulation_order){ .policy = policy_of(enforced), .days = 3, .names = 5 }, id, &err), OK);
    wait_for(c.all, id, &a);
    assert_true(span_equal_text(text(&a.root, "state"), "done"));
    assert_int_equal(number(&a.result, "persons"), 2);
    assert_true(number(&a.result, "nudges") >= 3);
    struct from_json_value closings = from_json_member(&a.result, "closings"), names = from_json_member(&a.result, "names"), first = from_json_item(&names, 0);
    assert_int_equal(number(&closings, "persons"), 1);
    assert_true(span_equal_text(text(&first, "email"), "ana@acme.example"));
    assert_true(span_equal_text(text(&first, "check"), "firewall"));
    answer_done(&a);
    end(&c);
}

static void live_through_a_failure(struct story *s)
{
    story_pass(s, 60);
    story_result(s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(s, 10);
    record_login(s, ANA, "allow"); /* too early */
    story_pass(s, 100);
    record_login(s, ANA, "allow");
    record_login(s, BEN, "allow"); /* somebody else's device: not known, so as the policy says */
    story_pass(s, 10);
    story_result(s, DOVER, "firewall", VERDICT_PASS);
    story_pass(s, 10);
    record_login(s, ANA, "allow"); /* mended */
    record_login(s, ANA, "deny");
    story_pass(s, 10);
}

static void look_back(struct scene *c, struct answer *a)
{
    struct err err;
    char id[SIMULATION_ID_BYTES + 1];
    assert_int_equal(simulations_start(c->all, &(struct simulation_order){ .policy = policy_of(enforced), .back_s = 3600, .names = 5 }, id, &err), OK);
    wait_for(c->all, id, a);
    if (!span_equal_text(text(&a->root, "state"), "done"))
        fail_msg("%.*s", SPAN_ARGS(text(&a->root, "error")));
}

static void assert_who_was_stopped(const struct answer *a)
{
    struct from_json_value logins = from_json_member(&a->result, "logins"), names = from_json_member(&logins, "names"), first = from_json_item(&names, 0), second = from_json_item(&names, 1);
    assert_int_equal(number(&logins, "asked"), 5);
    assert_int_equal(number(&logins, "stopped"), 2);
    assert_int_equal(number(&logins, "opened"), 1);
    assert_true(span_equal_text(text(&first, "app"), "payroll"));
    assert_true(span_equal_text(text(&first, "check"), "firewall") || span_equal_text(text(&second, "check"), "firewall"));
    struct from_json_value closings = from_json_member(&a->result, "closings");
    assert_int_equal(number(&closings, "devices"), 1);
    assert_int_equal(number(&closings, "persons"), 1);
}

static void back_it_knows_who_would_have_been_stopped(void **state)
{
    struct scene c;
    struct answer a;
    (void)state;
    start(&c);
    live_through_a_failure(&c.s);
    look_back(&c, &a);
    assert_who_was_stopped(&a);
    answer_done(&a);
    end(&c);
}

/* The same story, in the log alone, partly in the archive alone, and in the archive alone. */
static void where_the_log_was_trimmed_the_archive_says_the_same(void **state)
{
    static const struct { const char *name; int64_t kept_s; bool trims, in_archive, in_log; } rows[] = {
        { "all of it is in the log", 0, false, false, true },
        { "the log begins while the firewall fails", 75, true, true, true },
        { "the log is empty", 0, true, true, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene c;
        struct answer a;
        struct err err;
        char folder[] = "/tmp/postern-simulated-XXXXXX", command[64];
        print_message("%s\n", rows[i].name);
        assert_non_null(mkdtemp(folder));
        const struct archive_options archive = { .folder = span_of(folder) };
        start_with(&c, &(struct effects_options){ .archive = &archive });
        live_through_a_failure(&c.s);
        story_pass(&c.s, 5);
        if (rows[i].trims)
            assert_int_equal(c.s.store->ops->trim(c.s.store, c.s.now_ms, rows[i].kept_s * 1000, &err), OK);
        look_back(&c, &a);
        assert_who_was_stopped(&a);
        struct from_json_value from_archive = from_json_member(&a.result, "archive");
        assert_int_equal(from_json_present(&from_archive), rows[i].in_archive);
        assert_int_equal(!span_empty(text(&a.result, "log_begins")), rows[i].in_log);
        assert_false(span_empty(text(&a.result, "covered_from")));
        if (rows[i].in_archive)
            assert_int_equal(number(&from_archive, "unknown"), 0);
        answer_done(&a);
        end(&c);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        assert_int_equal(system(command), 0);
    }
}

static enum change_say edit_owner(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    copy->owner = SPAN_LITERAL(BEN);
    return change_event(events, &s->node, "device.assigned", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void a_device_that_changes_hands_is_the_other_persons(void **state)
{
    struct scene c;
    struct answer a;
    struct err err;
    char id[SIMULATION_ID_BYTES + 1];
    (void)state;
    start(&c);
    story_result(&c.s, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&c.s, 100);
    assert_int_equal(change_device(&c.s.node, c.s.store, SPAN_LITERAL(DOVER), false, edit_owner, &c.s, &err), OK);
    story_pass(&c.s, 100);
    record_login(&c.s, ANA, "deny");
    record_login(&c.s, BEN, "allow");
    story_pass(&c.s, 10);
    assert_int_equal(simulations_start(c.all, &(struct simulation_order){ .policy = policy_of(enforced), .back_s = 3600, .names = 5 }, id, &err), OK);
    wait_for(c.all, id, &a);
    struct from_json_value logins = from_json_member(&a.result, "logins"), names = from_json_member(&logins, "names"), first = from_json_item(&names, 0);
    assert_int_equal(number(&logins, "stopped"), 1);
    assert_true(span_equal_text(text(&first, "person"), BEN));
    answer_done(&a);
    end(&c);
}

static void one_at_a_time_and_until_it_is_cancelled(void **state)
{
    struct scene c;
    struct answer a;
    struct err err;
    char id[SIMULATION_ID_BYTES + 1], other[SIMULATION_ID_BYTES + 1];
    (void)state;
    start(&c);
    for (int i = 0; i < 20; i++) { /* one that is quick may be over before the next comes: then that one runs, and both are right */
        assert_int_equal(simulations_start(c.all, &(struct simulation_order){ .policy = policy_of(enforced), .days = 366, .names = 5 }, id, &err), OK);
        enum err_code code = simulations_start(c.all, &(struct simulation_order){ .policy = policy_of(enforced), .days = 1 }, other, &err);
        const char *last = code == OK ? other : id;
        assert_true(code == OK || code == ERR_CONFLICT);
        assert_int_equal(simulations_cancel(c.all, span_of(last), &err), OK);
        wait_for(c.all, last, &a);
        assert_true(span_equal_text(text(&a.root, "state"), "cancelled") || span_equal_text(text(&a.root, "state"), "done"));
        answer_done(&a);
    }
    assert_int_equal(simulations_cancel(c.all, SPAN_LITERAL("e_nobody"), &err), ERR_NOT_FOUND);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ahead_it_knows_who_and_when),
        cmocka_unit_test(back_it_knows_who_would_have_been_stopped),
        cmocka_unit_test(where_the_log_was_trimmed_the_archive_says_the_same),
        cmocka_unit_test(a_device_that_changes_hands_is_the_other_persons),
        cmocka_unit_test(one_at_a_time_and_until_it_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
