/* Onboarding: an invitation becomes one greeting under the cap, by Slack or e-mail; secrets for one person; devices that look like theirs. */
#include "gateway/escalation.h"
#include "gateway/onboarding/onboard.h"

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
#define BY SPAN_LITERAL("admin:root")

static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n"
    "checks: [{ use: library/firewall, severity: high }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 7d, close: [sensitive] }]\n"
    "    notices_before_close: 1\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"08:00-18:00\", channels: [slack, email] }\n"
    "breaker: off\n"
    "help: { team: IT }\n";

struct world { struct story story; struct fake_peer slack, sink; char api[96], server[64]; struct slack_options slack_options; struct email_options email_options; struct effects_options options; };

static void begin(struct world *w)
{
    struct err err;
    int64_t port = 0;
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--now", "1796040000", NULL);
    fake_peer_start(&w->sink, "smtp_sink.py", NULL);
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w->sink, "/control/port");
    struct from_json_value root = from_json_root(doc), number = from_json_member(&root, "port");
    assert_int_equal(from_json_int(&number, 1, 65535, &port, &err), OK);
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    snprintf(w->server, sizeof w->server, "smtp://127.0.0.1:%lld", (long long)port);
    w->slack_options = (struct slack_options){ .token = SPAN_LITERAL("xoxb-test-token"), .base_url = span_of(w->api), .allow_loopback_http = true };
    w->email_options = (struct email_options){ .server = span_of(w->server), .from = SPAN_LITERAL("postern@acme.example"), .plain = true };
    w->options = (struct effects_options){ .slack = &w->slack_options, .email = &w->email_options };
    w->story.node.options.slack = w->story.node.options.email = true;
    story_effects(&w->story, &w->options);
    w->story.node.effects = w->story.effects;
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void end(struct world *w)
{
    story_end(&w->story);
    fake_peer_stop(&w->slack);
    fake_peer_stop(&w->sink);
}

static size_t posts(struct world *w) { return fake_peer_count(&w->slack, "/control/messages", "U0ANA"); }
static size_t mails(struct world *w) { return fake_peer_count(&w->sink, "/control/mails", NULL); }

static bool invite(struct world *w, bool now)
{
    struct err err;
    bool invited = false;
    assert_int_equal(onboard_invite(&w->story.node, w->story.store, SPAN_LITERAL(ANA), BY, now, &invited, &err), OK);
    return invited;
}

static enum onboard_stage stage(struct world *w)
{
    directory_enter(w->story.node.directory);
    enum onboard_stage s = onboard_stage(&w->story.node, directory_person(w->story.node.directory, SPAN_LITERAL(ANA)));
    directory_leave(w->story.node.directory);
    return s;
}

static void an_invitation_becomes_one_greeting(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    assert_true(invite(&w, false));
    assert_false(invite(&w, false)); /* by another admin, or the same command again */
    story_pass(&w.story, 5);
    assert_int_equal(posts(&w), 1);
    assert_int_equal(story_events(&w.story, "person.invited"), 1);
    assert_int_equal(story_events(&w.story, "notice.delivered"), 1);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(ana->onboarding.greeted_s >= ana->onboarding.invited_s && ana->told_count == 0);
    assert_true(span_equal_text(ana->onboarding.by, "admin:root") && span_equal_text(ana->notice.kind, "greeting"));
    person_free(ana);
    story_restart_effects(&w.story, &w.options);
    w.story.node.effects = w.story.effects;
    story_pass(&w.story, 5);
    assert_false(invite(&w, false));
    assert_int_equal(posts(&w), 1);
    end(&w);
}

static void a_greeting_counts_under_the_cap(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    invite(&w, false);
    story_pass(&w.story, 3);
    story_result(&w.story, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&w.story, 20);
    assert_int_equal(posts(&w), 1); /* today's message was the greeting */
    w.story.now_ms += 20 * 3600 * INT64_C(1000); /* 08:00 the next day */
    story_pass(&w.story, 20);
    assert_int_equal(posts(&w), 2);
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w.slack, "/control/messages");
    struct from_json_value root = from_json_root(doc), all = from_json_member(&root, "U0ANA"), first = from_json_item(&all, 0), second = from_json_item(&all, 1), t = from_json_member(&first, "text"),
                           u = from_json_member(&second, "text");
    struct span greeting = SPAN_NONE, nudge = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_text(&t, SIZE_MAX, &greeting, &err), OK);
    assert_int_equal(from_json_text(&u, SIZE_MAX, &nudge, &err), OK);
    assert_true(span_search(greeting, SPAN_LITERAL("Hello")) == 0 && span_search(greeting, SPAN_LITERAL("/welcome/")) < greeting.bytes);
    assert_true(span_search(nudge, SPAN_LITERAL("Hello")) == nudge.bytes); /* they know us */
    assert_true(span_search(greeting, SPAN_LITERAL("To fix")) == greeting.bytes);
    end(&w);
}

static void whom_slack_does_not_reach_is_greeted_by_mail(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    fake_peer_post(&w.slack, "/control/people", "[]");
    invite(&w, false);
    story_pass(&w.story, 5);
    assert_int_equal(mails(&w), 1);
    assert_int_equal(story_events(&w.story, "notice.delivered"), 1);
    end(&w);
}

static void a_greeting_waits_for_the_hours_unless_somebody_tries_it(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.story.now_ms += 9 * 3600 * INT64_C(1000); /* 21:00 */
    invite(&w, false);
    story_pass(&w.story, 5);
    assert_int_equal(posts(&w), 0);
    assert_int_equal(stage(&w), ONBOARD_INSTALLED); /* a device of theirs is here */
    w.story.now_ms += 12 * 3600 * INT64_C(1000); /* 09:00 */
    story_pass(&w.story, 5);
    assert_int_equal(posts(&w), 1);
    w.story.now_ms += 36 * 3600 * INT64_C(1000); /* 21:00 the day after */
    assert_true(invite(&w, true));
    story_pass(&w.story, 5);
    assert_int_equal(posts(&w), 2);
    assert_true(invite(&w, true)); /* and again the same day: the cap holds */
    story_pass(&w.story, 20);
    assert_int_equal(posts(&w), 2);
    end(&w);
}

static void a_process_that_dies_at_any_step_greets_once(void **state)
{
    struct world w;
    size_t before = 0;
    bool finished = false;
    (void)state;
    begin(&w);
    for (int calls = 0; !finished; calls += 2) {
        story_end(&w.story);
        fake_peer_post(&w.slack, "/control/reset", "{}");
        story_start(&w.story, policy);
        w.story.node.options.slack = true;
        story_effects(&w.story, &w.options);
        w.story.node.effects = w.story.effects;
        story_person(&w.story, ANA, "U0ANA", "ana@acme.example");
        story_settle(&w.story);
        invite(&w, false);
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, calls);
        for (int i = 0; i < 4; i++)
            effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = story_events(&w.story, "notice.delivered") == 1 && calls > 40;
        story_restart_effects(&w.story, &w.options);
        w.story.node.effects = w.story.effects;
        story_pass(&w.story, 12);
        assert_int_equal(posts(&w) - before, 1);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
    }
    end(&w);
}

static void a_secret_is_for_one_person_and_ends(void **state)
{
    struct story s;
    struct arena arena;
    struct span person = SPAN_NONE;
    struct err err;
    struct buf secret;
    (void)state;
    story_start(&s, policy);
    arena_init(&arena, 1024, 65536);
    buf_init(&secret, 2048);
    assert_int_equal(onboard_secret_write(&s.node, SPAN_LITERAL(ANA), STORY_START_S + 60, &secret, &err), OK);
    assert_true(onboard_secret_is(buf_span(&secret)));
    assert_int_equal(onboard_secret_read(&s.node, buf_span(&secret), STORY_START_S, &arena, &person, &err), OK);
    assert_true(span_equal_text(person, ANA));
    assert_int_equal(onboard_secret_read(&s.node, buf_span(&secret), STORY_START_S + 60, &arena, &person, &err), ERR_EXPIRED);
    char altered[2048];
    snprintf(altered, sizeof altered, "%.*s", SPAN_ARGS(buf_span(&secret)));
    altered[20] = altered[20] == 'A' ? 'B' : 'A';
    static const char *const bad[] = { "", "pone1.", "pone1.x", "pone1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "secret" };
    assert_int_equal(onboard_secret_read(&s.node, span_of(altered), STORY_START_S, &arena, &person, &err), ERR_DENIED);
    assert_int_equal(onboard_secret_read(&s.node, span_slice(buf_span(&secret), 0, secret.bytes - 1), STORY_START_S, &arena, &person, &err), ERR_DENIED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(onboard_secret_read(&s.node, span_of(bad[i]), STORY_START_S, &arena, &person, &err), ERR_DENIED);
    buf_done(&secret);
    arena_done(&arena);
    story_end(&s);
}

static void a_free_device_with_their_name_looks_like_theirs(void **state)
{
    static const struct { const char *name, *owner; bool removed, looks; } rows[] = {
        { "Anas-MacBook-Pro", "", false, true },  { "ANA", "", false, true },          { "laptop-of-ana", "", false, true },       { "ana.silva-2", "", false, true },
        { "banana", "", false, false },           { "Anasta", "", false, false },      { "dover", "", false, false },              { "", "", false, false },
        { "Anas-MacBook-Pro", "p_1", false, false }, { "Anas-MacBook-Pro", "", true, false },
    };
    static const struct span emails[] = { { "ana.silva@acme.example", 22 } };
    const struct person ana = { .name = SPAN_LITERAL("Ana Silva"), .emails = emails, .email_count = 1 }, nobody = { .name = SPAN_NONE }, al = { .name = SPAN_LITERAL("Al") };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct device d = { .name = span_of(rows[i].name), .owner = span_of(rows[i].owner), .removed = rows[i].removed };
        print_message("%s\n", rows[i].name);
        assert_int_equal(onboard_looks_like(&ana, &d), rows[i].looks);
        assert_false(onboard_looks_like(&nobody, &d));
    }
    assert_false(onboard_looks_like(&al, &(struct device){ .name = SPAN_LITERAL("al-laptop") })); /* too short to say anything */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invitation_becomes_one_greeting),
        cmocka_unit_test(a_greeting_counts_under_the_cap),
        cmocka_unit_test(whom_slack_does_not_reach_is_greeted_by_mail),
        cmocka_unit_test(a_greeting_waits_for_the_hours_unless_somebody_tries_it),
        cmocka_unit_test(a_process_that_dies_at_any_step_greets_once),
        cmocka_unit_test(a_secret_is_for_one_person_and_ends),
        cmocka_unit_test(a_free_device_with_their_name_looks_like_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
