/* E-mail and Slack as two ways to one person: one reservation, one message at most, whatever fails. Real SMTP, a strict Slack, a clock of the story's. */
#include "gateway/effects_notice.h"

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
    "breaker: off\n";

struct world { struct story story; struct fake_peer slack, sink; char api[96], server[64]; struct slack_options slack_options; struct email_options email_options; struct effects_options options; };

static void settle_people(struct world *w)
{
    w->story.node.options.slack = w->options.slack != NULL;
    w->story.node.options.email = w->options.email != NULL;
    story_effects(&w->story, &w->options);
    w->story.node.effects = w->story.effects;
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void begin(struct world *w, bool with_slack)
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
    w->options = (struct effects_options){ .slack = with_slack ? &w->slack_options : NULL, .email = &w->email_options };
    settle_people(w);
}

static void restart_story(struct world *w)
{
    story_end(&w->story);
    story_start(&w->story, policy);
    settle_people(w);
}

static void end(struct world *w)
{
    story_end(&w->story);
    fake_peer_stop(&w->slack);
    fake_peer_stop(&w->sink);
}

static size_t posts(struct world *w) { return fake_peer_count(&w->slack, "/control/messages", "U0ANA"); }
static size_t mails(struct world *w) { return fake_peer_count(&w->sink, "/control/mails", NULL); }
static void fail_check(struct world *w) { story_result(&w->story, DOVER, "firewall", VERDICT_FAIL); }

static void one_message_by_one_way_whatever_fails(void **state)
{
    static const struct { const char *name; bool slack; const char *slack_faults, *mail_faults; size_t posts, mails; enum notice_state at; const char *channel, *why; } rows[] = {
        { "both work", true, "[]", "[]", 1, 0, NOTICE_DELIVERED, "slack", "" },
        { "mail alone", false, "[]", "[]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "Slack does not know the person", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"user_not_found\",\"times\":9}]", "[]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "Slack lets nobody write", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"messages_tab_disabled\",\"times\":9}]", "[]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "Slack's token is dead", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"token_revoked\",\"times\":9}]", "[]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "Slack perhaps has it", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\",\"times\":9}]", "[]", 0, 0, NOTICE_SENDING, "slack", "" },
        { "Slack has it and falls ill", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"},{\"method\":\"conversations.history\",\"kind\":\"500_before\",\"times\":99}]", "[]", 1, 0, NOTICE_SENDING, "slack", "" },
        { "Slack is slow", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":5}]", "[]", 1, 0, NOTICE_DELIVERED, "slack", "" },
        { "mail is busy once", false, "[]", "[{\"at\":\"rcpt\",\"say\":\"450 later\"}]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "mail hangs up before the text", false, "[]", "[{\"at\":\"data\",\"say\":\"hang_up\"}]", 0, 1, NOTICE_DELIVERED, "email", "" },
        { "mail perhaps has it", false, "[]", "[{\"at\":\"text\",\"say\":\"hang_up\"}]", 0, 0, NOTICE_FAILED, "email", "ambiguous" },
        { "mail has it and hangs up", false, "[]", "[{\"at\":\"text\",\"say\":\"hang_up_after\"}]", 0, 1, NOTICE_FAILED, "email", "ambiguous" },
        { "no such mailbox", false, "[]", "[{\"at\":\"rcpt\",\"say\":\"550 unknown\",\"times\":9}]", 0, 0, NOTICE_FAILED, "email", "recipient_refused" },
        { "both refuse", true, "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"user_not_found\",\"times\":9}]", "[{\"at\":\"rcpt\",\"say\":\"550 unknown\",\"times\":9}]", 0, 0, NOTICE_FAILED, "email", "recipient_refused" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        begin(&w, rows[i].slack);
        fake_peer_post(&w.slack, "/control/faults", rows[i].slack_faults);
        fake_peer_post(&w.sink, "/control/faults", rows[i].mail_faults);
        fail_check(&w);
        story_pass(&w.story, 80); /* two calls whose ends are waited out */
        assert_int_equal(posts(&w), rows[i].posts);
        assert_int_equal(mails(&w), rows[i].mails);
        struct person *ana = story_stored_person(&w.story, ANA);
        assert_int_equal(ana->notice.state, rows[i].at);
        assert_true(span_equal_text(ana->notice.channel, rows[i].channel) && span_equal_text(ana->notice.why, rows[i].why));
        assert_int_equal(ana->told_count, rows[i].at == NOTICE_DELIVERED);
        person_free(ana);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
        assert_int_equal(story_events(&w.story, "notice.delivered"), rows[i].at == NOTICE_DELIVERED);
        end(&w);
    }
}

/* The store is gone from its nth call on, then the process dies; the next one finds what is there. Slack refuses the person, so both readers take part. */
static void a_process_that_dies_at_any_step_sends_at_most_one(void **state)
{
    struct world w;
    size_t before = 0;
    bool finished = false;
    (void)state;
    begin(&w, true);
    fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"user_not_found\",\"times\":100000}]");
    for (int calls = 0; !finished; calls += 2) {
        restart_story(&w);
        fail_check(&w);
        effects_round(w.story.effects); /* the ladder reserves */
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, calls);
        for (int i = 0; i < 4; i++)
            effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = story_events(&w.story, "notice.delivered") == 1 && calls > 60; /* nothing was interrupted any more */
        story_restart_effects(&w.story, &w.options);
        w.story.node.effects = w.story.effects;
        story_pass(&w.story, 12);
        size_t sent = mails(&w) - before, delivered = story_events(&w.story, "notice.delivered"), failed = story_events(&w.story, "notice.failed");
        assert_true(sent <= 1 && delivered + failed == 1 && delivered <= sent);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
        before += sent;
    }
    assert_int_equal(posts(&w), 0);
    end(&w);
}

static void a_mail_says_it_all_and_leads_to_a_page(void **state)
{
    struct world w;
    (void)state;
    begin(&w, false);
    fail_check(&w);
    story_pass(&w.story, 3);
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w.sink, "/control/mails");
    struct from_json_value root = from_json_root(doc), mail = from_json_item(&root, 0);
    static const char *const both[] = { "Hello", "To fix:", "What we saw:", "Why it matters:", "What to do", "Please do this by", "https://posture.acme.example/me/", "We write at most once a day", "Nobody reads replies to this mail." };
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        struct from_json_value text = from_json_member(&mail, "text"), html = from_json_member(&mail, "html");
        struct span plain = SPAN_NONE, marked = SPAN_NONE;
        struct err err;
        assert_int_equal(from_json_text(&text, SIZE_MAX, &plain, &err), OK);
        assert_int_equal(from_json_text(&html, SIZE_MAX, &marked, &err), OK);
        if (span_search(plain, span_of(both[i])) == plain.bytes || span_search(marked, span_of(both[i])) == marked.bytes)
            fail_msg("%s is missing in\n%.*s", both[i], SPAN_ARGS(plain));
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message_by_one_way_whatever_fails),
        cmocka_unit_test(a_process_that_dies_at_any_step_sends_at_most_one),
        cmocka_unit_test(a_mail_says_it_all_and_leads_to_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
