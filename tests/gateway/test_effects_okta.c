/* Closings at Okta as effects of the log: real calls to a strict fake, a fake store, a clock that moves when the story says so. */
#include "gateway/effects_okta.h"
#include "gateway/effects.h"
#include "gateway/incident.h"

#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EPPING "d_bbbbbbbbbbbbbbbbbbbbbbbbbb"
enum { CLOSES_S = 70, ENDS_S = 130 };

#define POLICY(more) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: wiki, title: Wiki, sensitivity: everyday }]\n" \
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }]\n" \
    "ladders:\n" \
    "  - id: default\n" \
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: sensitive, after: 60s, close: [sensitive] }, { id: all, after: 120s, close: [everyday, sensitive], end_sessions: true }]\n" \
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n" \
    "    notices_before_close: 1\n" \
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n" more \
    "visible_after: { reads: 1, apart: 0s }\n" \
    "grace: { new_device: 0s, after_absence: 0s }\n" \
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: off\n"
static const char enforced[] = POLICY(""), reported[] = POLICY("    stage: report\n"), nudged[] = POLICY("    stage: nudge\n"), broken_glass[] = POLICY("") "break_glass: [ana@acme.example]\n";

static const struct okta_rule closed_in[] = { { { "sensitive", 9 }, { "00gClosed", 9 }, false } }, trusted_out[] = { { { "sensitive", 9 }, { "00gTrusted", 10 }, true } };

struct world { struct story story; struct fake_peer peer; struct okta_options okta; struct effects_options options; };

static void start_people(struct world *w)
{
    w->options.okta = &w->okta;
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void start_with(struct world *w, const char *policy, const struct okta_rule *rules, size_t count)
{
    char now[24];
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    snprintf(now, sizeof now, "%d", STORY_START_S);
    fake_peer_start(&w->peer, "fake_okta_api.py", "--token", "00TestToken", "--now", now, NULL);
    w->okta = (struct okta_options){ .url = span_of(w->peer.base), .token = SPAN_LITERAL("00TestToken"), .rules = rules, .rule_count = count, .allow_loopback_http = true };
    start_people(w);
}

static void start(struct world *w) { start_with(w, enforced, closed_in, 1); }

static void end(struct world *w)
{
    assert_int_equal(fake_peer_count(&w->peer, "/control/refused", NULL), 0);
    story_end(&w->story);
    fake_peer_stop(&w->peer);
}

/* As a channel would. */
static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    assert_true(person_add_told(copy, SPAN_LITERAL(DOVER), SPAN_LITERAL("firewall"), s->now_ms / 1000));
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void tell(struct world *w)
{
    struct err err;
    assert_int_equal(change_person(&w->story.node, w->story.store, SPAN_LITERAL(ANA), false, edit_told, &w->story, &err), OK);
    story_settle(&w->story);
}

static void jump(struct world *w, int64_t seconds)
{
    w->story.now_ms += (seconds - 1) * 1000;
    story_pass(&w->story, 1);
}

static void fail_and_tell(struct world *w)
{
    story_result(&w->story, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&w->story);
    tell(w);
}

static void fix(struct world *w)
{
    story_result(&w->story, DOVER, "firewall", VERDICT_PASS);
    story_settle(&w->story);
}

static size_t members(struct world *w, const char *group) { return fake_peer_count(&w->peer, "/control/members", group); }

static bool is_member(struct world *w, const char *group)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/members");
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, group);
    bool found = false;
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        struct span id = SPAN_NONE;
        found = found || (from_json_text(&item, 64, &id, NULL) == OK && span_equal_text(id, "00uAna"));
    }
    from_json_free(doc);
    return found;
}

static int64_t ended(struct world *w)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/ended");
    struct from_json_value root = from_json_root(doc), count = from_json_member(&root, "00uAna");
    int64_t times = 0;
    (void)!from_json_int_opt(&count, 0, 1000, &times, NULL);
    from_json_free(doc);
    return times;
}

static size_t calls_of(struct world *w, const char *call)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/calls");
    struct from_json_value root = from_json_root(doc);
    size_t count = 0;
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i), name = from_json_member(&item, "call");
        struct span text = SPAN_NONE;
        count += from_json_text(&name, 100, &text, NULL) == OK && span_equal_text(text, call);
    }
    from_json_free(doc);
    return count;
}

static size_t levers(struct world *w)
{
    struct person *ana = story_stored_person(&w->story, ANA);
    size_t count = ana->lever_count;
    person_free(ana);
    return count;
}

static struct effects_destination state_of(struct world *w)
{
    struct effects_destination d;
    assert_int_equal(effects_destinations(w->story.effects, &d, 1), 1);
    assert_string_equal(d.name, "okta");
    return d;
}

/* ---- there and back ---- */

static void a_closing_is_carried_to_okta_and_a_fix_takes_it_back(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    story_pass(&w.story, 5);
    assert_int_equal(members(&w, "00gClosed"), 0);
    assert_int_equal(story_events(&w.story, "okta.wanted"), 0);
    jump(&w, CLOSES_S);
    assert_true(is_member(&w, "00gClosed"));
    assert_int_equal(ended(&w), 0);
    assert_int_equal(story_events(&w.story, "okta.group_added"), 1);
    assert_int_equal(story_events(&w.story, "okta.confirmed"), 1);
    jump(&w, ENDS_S - CLOSES_S);
    assert_int_equal(ended(&w), 1);
    assert_int_equal(story_events(&w.story, "okta.sessions_ended"), 1);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(span_equal_text(ana->okta, "00uAna"));
    person_free(ana);
    story_pass(&w.story, 40); /* the sweep finds nothing to do */
    assert_int_equal(calls_of(&w, "add"), 1);
    assert_int_equal(ended(&w), 1);
    fix(&w);
    assert_false(is_member(&w, "00gClosed"));
    assert_int_equal(levers(&w), 0);
    assert_int_equal(story_events(&w.story, "okta.group_removed"), 1);
    assert_int_equal(state_of(&w).waiting, 0);
    assert_int_equal(calls_of(&w, "user"), 1); /* asked for once and remembered */
    end(&w);
}

static void the_next_closing_ends_sessions_again(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    jump(&w, ENDS_S);
    assert_int_equal(ended(&w), 1);
    fix(&w);
    jump(&w, 2 * 86400); /* long enough for a new failure to begin from the beginning */
    story_settle(&w.story);
    fail_and_tell(&w);
    jump(&w, ENDS_S);
    assert_int_equal(ended(&w), 2);
    assert_true(is_member(&w, "00gClosed"));
    end(&w);
}

static void what_was_so_before_stays_so(void **state)
{
    static const struct { const char *name; const struct okta_rule *rule; const char *group, *members; bool before, meanwhile; } rows[] = {
        { "into a group, and out again", closed_in, "00gClosed", "", false, true },
        { "was in the group already", closed_in, "00gClosed", "\"00uAna\"", true, true },
        { "out of a group, and in again", trusted_out, "00gTrusted", "\"00uAna\"", true, false },
        { "was not in the group", trusted_out, "00gTrusted", "", false, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        char groups[256];
        print_message("%s\n", rows[i].name);
        start_with(&w, enforced, rows[i].rule, 1);
        snprintf(groups, sizeof groups, "[{\"id\":\"%s\",\"members\":[%s]}]", rows[i].group, rows[i].members);
        fake_peer_post(&w.peer, "/control/groups", groups);
        fail_and_tell(&w);
        jump(&w, CLOSES_S);
        assert_int_equal(is_member(&w, rows[i].group), rows[i].meanwhile);
        fix(&w);
        assert_int_equal(is_member(&w, rows[i].group), rows[i].before);
        assert_int_equal(calls_of(&w, "add") + calls_of(&w, "remove"), rows[i].before == rows[i].meanwhile ? 0 : 2);
        assert_int_equal(levers(&w), 0);
        end(&w);
    }
}

static void one_good_fix_does_not_open_what_another_device_closes(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    story_device(&w.story, EPPING, ANA);
    story_result(&w.story, EPPING, "screen-lock", VERDICT_PASS);
    fail_and_tell(&w);
    jump(&w, CLOSES_S);
    assert_true(is_member(&w, "00gClosed"));
    story_result(&w.story, EPPING, "screen-lock", VERDICT_PASS);
    story_settle(&w.story);
    assert_true(is_member(&w, "00gClosed")); /* person_verdict: worst */
    fix(&w);
    assert_false(is_member(&w, "00gClosed"));
    end(&w);
}

/* ---- where nothing may happen ---- */

static void stages_that_only_tell_close_nothing_anywhere(void **state)
{
    const struct { const char *name, *policy; } rows[] = { { "report", reported }, { "nudge", nudged }, { "break-glass", broken_glass } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        start_with(&w, rows[i].policy, closed_in, 1);
        fail_and_tell(&w);
        jump(&w, ENDS_S);
        jump(&w, 86400);
        assert_int_equal(members(&w, "00gClosed"), 0);
        assert_int_equal(ended(&w), 0);
        assert_int_equal(story_events(&w.story, "okta.wanted"), 0);
        end(&w);
    }
}

static void set_incident(struct world *w, bool on)
{
    struct err err;
    bool changed = false;
    const struct incident_order order = { on ? INCIDENT_START : INCIDENT_STOP, SPAN_LITERAL("a bad update"), SPAN_LITERAL("admin:root") };
    enum err_code code = incident_order(&w->story.node, w->story.store, &order, &changed, &err);
    assert_int_equal(code, OK);
    story_settle(&w->story);
}

static void an_incident_holds_closings_back_and_lets_openings_through(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    fake_peer_post(&w.peer, "/control/faults", "[{\"call\":\"user\",\"kind\":\"500_before\",\"times\":1}]");
    jump(&w, CLOSES_S); /* wanted, and not done yet */
    assert_int_equal(story_events(&w.story, "okta.wanted"), 1);
    set_incident(&w, true);
    story_pass(&w.story, 30);
    assert_int_equal(members(&w, "00gClosed"), 0);
    assert_int_equal(state_of(&w).waiting, 1);
    set_incident(&w, false);
    story_pass(&w.story, 40);
    assert_int_equal(members(&w, "00gClosed"), 1);
    set_incident(&w, true);
    fix(&w);
    assert_int_equal(members(&w, "00gClosed"), 0);
    end(&w);
}

/* ---- faults ---- */

static void a_fault_ends_in_one_closing(void **state)
{
    static const struct { const char *name, *faults; size_t adds; int64_t wait_s; } rows[] = {
        { "limit that names its end", "[{\"call\":\"add\",\"kind\":\"429\",\"seconds\":20}]", 2, 40 },
        { "limit without a word", "[{\"call\":\"add\",\"kind\":\"429_bare\"}]", 2, 40 },
        { "500 before", "[{\"call\":\"add\",\"kind\":\"500_before\"}]", 2, 20 },
        { "500 after", "[{\"call\":\"add\",\"kind\":\"500_after\"}]", 1, 20 },
        { "answer lost after, on a connection that was open: libcurl asks again", "[{\"call\":\"add\",\"kind\":\"reset_after\"}]", 2, 20 },
        { "said to be done, and was not", "[{\"call\":\"add\",\"kind\":\"lost\"}]", 2, 20 },
        { "a user that is none", "[{\"call\":\"user\",\"kind\":\"garbage\"}]", 1, 20 },
        { "no JSON", "[{\"call\":\"memberships\",\"kind\":\"not_json\",\"times\":2}]", 1, 20 },
        { "half a page", "[{\"call\":\"memberships\",\"kind\":\"cut_page\",\"times\":2}]", 1, 20 },
        { "the next page lies elsewhere", "[{\"call\":\"memberships\",\"kind\":\"foreign_next\"}]", 1, 20 },
        { "a page that leads to itself", "[{\"call\":\"memberships\",\"kind\":\"same_next\"}]", 1, 20 },
        { "rights missing for a while", "[{\"call\":\"add\",\"kind\":\"403\"}]", 2, 700 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        start(&w);
        fail_and_tell(&w);
        fake_peer_post(&w.peer, "/control/faults", rows[i].faults);
        jump(&w, CLOSES_S);
        for (int64_t s = 0; s < rows[i].wait_s; s += 10)
            jump(&w, 10);
        assert_int_equal(members(&w, "00gClosed"), 1);
        assert_int_equal(calls_of(&w, "add"), rows[i].adds);
        assert_int_equal(story_events(&w.story, "okta.group_added"), 1);
        assert_int_equal(state_of(&w).waiting, 0);
        assert_string_equal(state_of(&w).why, "");
        fix(&w);
        assert_int_equal(members(&w, "00gClosed"), 0);
        end(&w);
    }
}

static void an_hour_of_errors_uses_up_nobodys_tries(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    fake_peer_post(&w.peer, "/control/faults", "[{\"call\":\"*\",\"kind\":\"500_before\",\"times\":100000}]");
    jump(&w, CLOSES_S);
    for (int i = 0; i < 360; i++)
        jump(&w, 10);
    struct effects_destination d = state_of(&w);
    assert_true(d.waiting > 0 && d.set_aside == 0);
    assert_string_equal(d.why, "answered 500");
    assert_true(fake_peer_count(&w.peer, "/control/calls", NULL) < 120); /* it is asked seldom while it is ill */
    fake_peer_post(&w.peer, "/control/faults", "[]");
    for (int i = 0; i < 40; i++)
        jump(&w, 10);
    assert_int_equal(members(&w, "00gClosed"), 1);
    assert_int_equal(ended(&w), 1);
    assert_int_equal(calls_of(&w, "add"), 1);
    end(&w);
}

static void who_is_not_at_okta_is_told_to_the_admin_and_sent_again_when_asked(void **state)
{
    struct world w;
    struct event failed;
    struct err err;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/users", "[{\"id\":\"00uBen\",\"login\":\"ben@acme.example\",\"email\":\"ben@acme.example\"}]");
    fail_and_tell(&w);
    jump(&w, CLOSES_S);
    assert_int_equal(state_of(&w).set_aside, 1);
    assert_true(fake_store_last_event(w.story.server, "okta.failed", &failed));
    assert_true(span_search(failed.data, SPAN_LITERAL("no_okta_account")) < failed.data.bytes);
    fake_peer_post(&w.peer, "/control/users", "[{\"id\":\"00uAna\",\"login\":\"other\",\"email\":\"ANA@acme.example\"}]");
    struct event wanted;
    assert_true(fake_store_last_event(w.story.server, "okta.wanted", &wanted));
    assert_int_equal(effects_resend(w.story.effects, w.story.store, wanted.id, SPAN_LITERAL("admin:root"), &err), OK);
    story_pass(&w.story, 3);
    assert_int_equal(members(&w, "00gClosed"), 1); /* found by address */
    assert_int_equal(state_of(&w).set_aside, 0);
    end(&w);
}

static void an_account_that_was_made_again_is_found_again(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    jump(&w, CLOSES_S);
    fix(&w);
    fake_peer_post(&w.peer, "/control/users", "[{\"id\":\"00uAna2\",\"login\":\"ana@acme.example\",\"email\":\"ana@acme.example\"}]");
    jump(&w, 2 * 86400);
    fail_and_tell(&w);
    jump(&w, CLOSES_S);
    assert_int_equal(members(&w, "00gClosed"), 1);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(span_equal_text(ana->okta, "00uAna2"));
    person_free(ana);
    fake_peer_post(&w.peer, "/control/users", "[]"); /* and left */
    fix(&w);
    assert_int_equal(levers(&w), 0);
    end(&w);
}

static void a_group_that_is_gone_or_filled_elsewhere_is_said_before_anybody_is_closed(void **state)
{
    static const struct { const char *group, *why; } rows[] = {
        { "00gNowhere", "there is no group 00gNowhere" }, { "00gDirectory", "group 00gDirectory is filled elsewhere: take one made at Okta" },
        { "00gEveryone", "group 00gEveryone is filled elsewhere: take one made at Okta" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        const struct okta_rule rule = { SPAN_LITERAL("sensitive"), span_of(rows[i].group), false };
        print_message("%s\n", rows[i].group);
        start_with(&w, enforced, &rule, 1);
        story_pass(&w.story, 2);
        assert_string_equal(state_of(&w).why, rows[i].why);
        end(&w);
    }
}

static void a_group_taken_out_of_the_configuration_is_left(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    jump(&w, CLOSES_S);
    w.okta.rule_count = 0;
    story_restart_effects(&w.story, &w.options);
    story_pass(&w.story, 3);
    assert_int_equal(members(&w, "00gClosed"), 0);
    assert_int_equal(levers(&w), 0);
    end(&w);
}

/* The store is gone from its nth call on, then the process dies; the next one finds what is there. */
static void a_process_that_dies_at_any_step_closes_once_and_opens_again(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    start(&w);
    for (int calls = 0, step = 8; !finished; calls += step) {
        story_end(&w.story);
        fake_peer_post(&w.peer, "/control/reset", "{}");
        fake_peer_post(&w.peer, "/control/groups", "[{\"id\":\"00gClosed\",\"members\":[]},{\"id\":\"00gTrusted\",\"members\":[\"00uAna\"]}]");
        story_start(&w.story, enforced);
        start_people(&w);
        fail_and_tell(&w);
        w.story.now_ms += CLOSES_S * 1000;
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, calls);
        for (int i = 0; i < 4; i++) {
            effects_round(w.story.effects);
            w.story.now_ms += 1000;
        }
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = members(&w, "00gClosed") == 1 && story_events(&w.story, "okta.confirmed") == 1 && step == 1; /* nothing was interrupted any more */
        step = story_events(&w.story, "okta.wanted") == 0 ? 8 : 1; /* before that nothing of ours happens */
        story_restart_effects(&w.story, &w.options);
        story_pass(&w.story, 8);
        assert_int_equal(members(&w, "00gClosed"), 1);
        assert_int_equal(story_events(&w.story, "okta.wanted"), 1);
        assert_int_equal(story_events(&w.story, "okta.group_added"), 1);
        assert_int_equal(calls_of(&w, "add"), 1);
        fix(&w);
        assert_int_equal(members(&w, "00gClosed"), 0);
        assert_int_equal(calls_of(&w, "remove"), 1);
    }
    end(&w);
}

/* ---- options ---- */

static void options_that_do_not_fit_are_refused(void **state)
{
    static const struct okta_rule bad[] = { { { "sensitive", 9 }, { "../users", 8 }, false } };
    static const struct { const char *name, *url, *client, *token, *key; const struct okta_rule *rules; size_t count; enum err_code code; } rows[] = {
        { "a token", "https://acme.okta.com", "", "00T", "", closed_in, 1, OK },
        { "a client with our own key", "https://acme.okta.com/", "0oaPostern", "", "", NULL, 0, OK },
        { "both", "https://acme.okta.com", "0oaPostern", "00T", "", NULL, 0, ERR_INPUT },
        { "neither", "https://acme.okta.com", "", "", "", NULL, 0, ERR_INPUT },
        { "no address", "", "", "00T", "", NULL, 0, ERR_INPUT },
        { "plain http", "http://acme.okta.com", "", "00T", "", NULL, 0, ERR_INPUT },
        { "a key that is none", "https://acme.okta.com", "0oaPostern", "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL, 0, ERR_INPUT },
        { "a group that is a path", "https://acme.okta.com", "", "00T", "", bad, 1, ERR_INPUT },
    };
    struct story s;
    (void)state;
    story_start(&s, enforced);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct effects *e = NULL;
        struct err err = { 0 };
        const struct okta_options okta = { .url = span_of(rows[i].url), .client_id = span_of(rows[i].client), .token = span_of(rows[i].token), .key = span_of(rows[i].key), .rules = rows[i].rules, .rule_count = rows[i].count };
        print_message("%s\n", rows[i].name);
        assert_int_equal(effects_new(&s.node, &(struct effects_options){ .okta = &okta }, &e, &err), rows[i].code);
        effects_free(e);
    }
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closing_is_carried_to_okta_and_a_fix_takes_it_back),
        cmocka_unit_test(the_next_closing_ends_sessions_again),
        cmocka_unit_test(what_was_so_before_stays_so),
        cmocka_unit_test(one_good_fix_does_not_open_what_another_device_closes),
        cmocka_unit_test(stages_that_only_tell_close_nothing_anywhere),
        cmocka_unit_test(an_incident_holds_closings_back_and_lets_openings_through),
        cmocka_unit_test(a_fault_ends_in_one_closing),
        cmocka_unit_test(an_hour_of_errors_uses_up_nobodys_tries),
        cmocka_unit_test(who_is_not_at_okta_is_told_to_the_admin_and_sent_again_when_asked),
        cmocka_unit_test(an_account_that_was_made_again_is_found_again),
        cmocka_unit_test(a_group_that_is_gone_or_filled_elsewhere_is_said_before_anybody_is_closed),
        cmocka_unit_test(a_group_taken_out_of_the_configuration_is_left),
        cmocka_unit_test(a_process_that_dies_at_any_step_closes_once_and_opens_again),
        cmocka_unit_test(options_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
