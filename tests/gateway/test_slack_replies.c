/* What people ask in Slack, carried out against the strict fake: a fake store, a clock that moves when the story says so. */
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_replies.h"

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
    "checks: [{ use: library/firewall, severity: high, fresh_for: 7d }, { use: library/screen-lock, severity: high, fresh_for: 7d }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 2d, close: [sensitive] }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "    snooze: { times: 2, length: 1d, per: 7d }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"08:00-18:00\", days: [mon, tue, wed, thu, fri], channels: [slack] }\n"
    "help: { team: IT, contact: \"#help-it\" }\n"
    "breaker: off\n";

struct world { struct story story; struct fake_peer slack; char api[96]; struct slack_options slack_options; struct effects_options options; int orders; };

static void start_app(struct world *w, const struct slack_app_options *app)
{
    w->story.node.slack = slack_app_new(app);
    assert_non_null(w->story.node.slack);
    w->slack_options = slack_app_client(app);
    w->options = (struct effects_options){ .slack = &w->slack_options };
    story_effects(&w->story, &w->options);
}

static void start(struct world *w, const char *slack_id)
{
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--now", "1796040000", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    start_app(w, &(struct slack_app_options){ .token = SPAN_LITERAL("xoxb-test-token"), .signing_secret = SPAN_LITERAL("secret"), .api_url = span_of(w->api), .command = SPAN_LITERAL("/device") });
    story_person(&w->story, ANA, slack_id, "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void end(struct world *w)
{
    struct slack_app *app = w->story.node.slack;
    story_end(&w->story);
    slack_app_free(app);
    fake_peer_stop(&w->slack);
}

/* ---- what the fake saw ---- */

static const char *text_of(const struct from_json_value *v, char text[8192])
{
    struct span s = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_text(v, 8191, &s, &err), OK);
    memcpy(text, s.at, s.bytes);
    text[s.bytes] = '\0';
    return text;
}

/* The messages to Ana: the text of the nth, and how often it was changed. */
static const char *message(struct world *w, size_t n, int64_t *updated, char text[8192])
{
    struct from_json *doc = fake_peer_get(&w->slack, "/control/messages");
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "U0ANA"), item = from_json_item(&list, n), body = from_json_member(&item, "text"), u = from_json_member(&item, "updated");
    struct err err;
    *updated = 0;
    if (from_json_count(&list) <= n)
        fail_msg("there are %zu messages, not %zu", from_json_count(&list), n + 1);
    assert_int_equal(from_json_int_opt(&u, 0, 1000, updated, &err), OK);
    text_of(&body, text);
    from_json_free(doc);
    return text;
}

static void assert_says(struct world *w, size_t n, const char *words)
{
    char text[8192];
    int64_t updated;
    if (strstr(message(w, n, &updated, text), words) == NULL)
        fail_msg("message %zu does not say \"%s\":\n%s", n, words, text);
}

static void assert_silent_about(struct world *w, size_t n, const char *words)
{
    char text[8192];
    int64_t updated;
    if (strstr(message(w, n, &updated, text), words) != NULL)
        fail_msg("message %zu says \"%s\":\n%s", n, words, text);
}

static size_t messages(struct world *w) { return fake_peer_count(&w->slack, "/control/messages", "U0ANA"); }

static int64_t updates(struct world *w, size_t n)
{
    char text[8192];
    int64_t updated;
    message(w, n, &updated, text);
    return updated;
}

static bool answered(struct world *w, const char *words)
{
    struct buf all = fake_peer_seen(&w->slack, "/control/answers", NULL);
    bool found = strstr(buf_text(&all), words) != NULL;
    buf_done(&all);
    return found;
}

/* ---- what people do ---- */

static void order(struct world *w, struct slack_order o)
{
    char key[32];
    struct err err;
    snprintf(key, sizeof key, "order:%d", ++w->orders);
    if (span_empty(o.key))
        o.key = span_of(key);
    if (span_empty(o.user))
        o.user = SPAN_LITERAL("U0ANA");
    if (slack_order_append(&w->story.node, w->story.store, &o, &err) != OK)
        fail_msg("%s", err.text);
    story_settle(&w->story);
}

/* A button of the newest message. */
static void press(struct world *w, enum slack_ask ask, struct slack_order more)
{
    struct person *ana = story_stored_person(&w->story, ANA);
    more.ask = ask;
    more.person = SPAN_LITERAL(ANA);
    more.notice = ana->notice.id;
    more.device = SPAN_LITERAL(DOVER);
    if (span_empty(more.check))
        more.check = SPAN_LITERAL("firewall");
    more.channel = ana->notice.conversation;
    more.message = ana->notice.message;
    order(w, more);
    person_free(ana);
}

static void type(struct world *w, const char *words)
{
    struct slack_order o = { .person = SPAN_LITERAL(ANA), .channel = SPAN_LITERAL("D0ANA") };
    o.ask = slack_words_read(span_of(words), &o.text);
    order(w, o);
}

static void result(struct world *w, const char *check, enum verdict verdict)
{
    story_result(&w->story, DOVER, check, verdict);
    story_settle(&w->story);
}

/* The day's message is there. */
static void fail_and_tell(struct world *w)
{
    result(w, "screen-lock", VERDICT_PASS);
    result(w, "firewall", VERDICT_FAIL);
    story_pass(&w->story, 5);
    assert_int_equal(messages(w), 1);
}

/* ---- stories ---- */

static void check_again_ends_in_fixed_in_the_same_message(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    assert_says(&w, 0, "To fix: Your firewall is on");
    press(&w, SLACK_ASK_RECHECK, (struct slack_order){ 0 });
    story_pass(&w.story, 2);
    assert_says(&w, 0, "Checking dover now");
    struct device *dover = story_stored_device(&w.story, DOVER);
    assert_true(dover->recheck_s > 0 && dover->recheck_count == 1);
    device_free(dover);
    story_pass(&w.story, 3);
    result(&w, "firewall", VERDICT_PASS);
    story_pass(&w.story, 4);
    assert_says(&w, 0, "Fixed: Your firewall is on, on dover (checked 12:00). Thank you.");
    assert_silent_about(&w, 0, "To fix:");
    assert_int_equal(messages(&w), 1); /* no new ping */
    end(&w);
}

static void check_again_says_what_was_seen_this_time(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_RECHECK, (struct slack_order){ 0 });
    story_pass(&w.story, 2);
    result(&w, "firewall", VERDICT_FAIL);
    story_pass(&w.story, 4);
    assert_says(&w, 0, "Checked 12:00: still to fix. Below is what we saw this time.");
    assert_int_equal(messages(&w), 1);
    end(&w);
}

static void a_device_that_does_not_answer_is_waited_for(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_RECHECK, (struct slack_order){ 0 });
    story_pass(&w.story, 25);
    assert_says(&w, 0, "Waiting for dover. Keep it awake and online.");
    story_pass(&w.story, 45);
    assert_says(&w, 0, "No answer from dover yet. This message changes when it comes.");
    story_pass(&w.story, 700);
    int64_t before = updates(&w, 0);
    result(&w, "firewall", VERDICT_PASS); /* long after: the message changes by itself */
    story_pass(&w.story, 5);
    assert_true(updates(&w, 0) > before);
    assert_says(&w, 0, "Fixed: Your firewall is on, on dover");
    assert_int_equal(messages(&w), 1);
    end(&w);
}

static void what_is_fixed_without_a_press_changes_the_message(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    story_result(&w.story, DOVER, "screen-lock", VERDICT_FAIL);
    story_result(&w.story, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&w.story, 5);
    assert_says(&w, 0, "Also to fix:");
    result(&w, "firewall", VERDICT_PASS);
    story_pass(&w.story, 3);
    assert_says(&w, 0, "Fixed: Your firewall is on, on dover");
    assert_says(&w, 0, "To fix: The screen locks by itself");
    result(&w, "screen-lock", VERDICT_PASS);
    story_pass(&w.story, 3);
    assert_silent_about(&w, 0, "To fix:");
    assert_says(&w, 0, "Thank you.");
    assert_int_equal(messages(&w), 1);
    end(&w);
}

static void a_copy_of_a_click_does_nothing(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_SNOOZE, (struct slack_order){ .key = SPAN_LITERAL("click:1") });
    press(&w, SLACK_ASK_SNOOZE, (struct slack_order){ .key = SPAN_LITERAL("click:1") });
    story_restart_effects(&w.story, &w.options);
    press(&w, SLACK_ASK_SNOOZE, (struct slack_order){ .key = SPAN_LITERAL("click:1") });
    story_pass(&w.story, 10);
    assert_int_equal(story_events(&w.story, "person.snoozed"), 1);
    end(&w);
}

static void remind_me_tomorrow_says_when_and_how_often(void **state)
{
    struct world w;
    char address[256];
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_SNOOZE, (struct slack_order){ 0 });
    story_pass(&w.story, 2);
    assert_says(&w, 0, "We remind you again ");
    assert_int_equal(story_events(&w.story, "person.snoozed"), 1);
    press(&w, SLACK_ASK_SNOOZE, (struct slack_order){ .response_url = fake_peer_text(&w.slack, "/control/response", "response_url", address) });
    assert_true(answered(&w, "This is put off already."));
    assert_int_equal(story_events(&w.story, "person.snoozed"), 1);
    end(&w);
}

static void this_looks_wrong_asks_for_a_sentence_and_freezes(void **state)
{
    struct world w;
    char trigger[256];
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_WRONG, (struct slack_order){ .trigger = fake_peer_text(&w.slack, "/control/trigger", "trigger_id", trigger) });
    assert_int_equal(fake_peer_count(&w.slack, "/control/modals", NULL), 1);
    assert_int_equal(story_events(&w.story, "person.disputed"), 0);
    press(&w, SLACK_ASK_WRONG_SENT, (struct slack_order){ .text = SPAN_LITERAL("It is on."), .view = SPAN_LITERAL("V1") });
    story_pass(&w.story, 2);
    assert_int_equal(story_events(&w.story, "person.disputed"), 1);
    assert_says(&w, 0, "You told us that this looks wrong. A person looks at it.");
    end(&w);
}

static void a_modal_that_comes_too_late_does_not_lose_the_press(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_WRONG, (struct slack_order){ .trigger = SPAN_LITERAL("1.2.old") });
    story_pass(&w.story, 2);
    assert_int_equal(story_events(&w.story, "person.disputed"), 1);
    assert_says(&w, 0, "You told us that this looks wrong.");
    end(&w);
}

static void a_person_is_asked(void **state)
{
    struct world w;
    char trigger[256];
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_PERSON, (struct slack_order){ .trigger = fake_peer_text(&w.slack, "/control/trigger", "trigger_id", trigger) });
    press(&w, SLACK_ASK_PERSON_SENT, (struct slack_order){ .text = SPAN_LITERAL("I have no admin password."), .view = SPAN_LITERAL("V1") });
    story_pass(&w.story, 2);
    assert_int_equal(story_events(&w.story, "person.asked"), 1);
    assert_says(&w, 0, "A person will answer you.");
    end(&w);
}

static void steps_are_shown_in_place(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    press(&w, SLACK_ASK_STEPS, (struct slack_order){ 0 });
    assert_true(updates(&w, 0) >= 1);
    assert_silent_about(&w, 0, "more on your page");
    end(&w);
}

static void words_are_answered_in_the_conversation(void **state)
{
    static const struct { const char *typed, *says; } rows[] = {
        { "devices", "1 device, 1 thing to fix" }, { "STATUS", "dover, last seen" },      { "why firewall", "Why it matters:" }, { "privacy", "What we ask your devices:" },
        { "help", "recheck: ask a device again" }, { "what is this?", "Write one of these" }, { "why nonsense", "Nothing like that is to fix" }, { "notmine calais", "Which device is not yours?" },
    };
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].typed);
        type(&w, rows[i].typed);
        assert_int_equal(messages(&w), i + 2);
        assert_says(&w, i + 1, rows[i].says);
    }
    end(&w);
}

static void fixed_it_said_in_a_sentence_asks_the_device(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    type(&w, "I fixed it. Check again");
    story_pass(&w.story, 2);
    assert_says(&w, 1, "Checking now.");
    result(&w, "firewall", VERDICT_PASS);
    result(&w, "screen-lock", VERDICT_PASS);
    story_pass(&w.story, 4);
    assert_says(&w, 1, "1 device. Nothing to fix.");
    assert_says(&w, 0, "Fixed: Your firewall is on");
    assert_int_equal(messages(&w), 2);
    end(&w);
}

static void somebody_new_is_known_by_their_address(void **state)
{
    struct world w;
    (void)state;
    start(&w, NULL);
    order(&w, (struct slack_order){ .ask = SLACK_ASK_STATUS, .channel = SPAN_LITERAL("D0ANA") });
    assert_says(&w, 0, "1 device. Nothing to fix.");
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(span_equal_text(ana->slack, "U0ANA"));
    person_free(ana);
    order(&w, (struct slack_order){ .ask = SLACK_ASK_STATUS, .user = SPAN_LITERAL("U0BEN"), .channel = SPAN_LITERAL("D0BEN") });
    assert_int_equal(fake_peer_count(&w.slack, "/control/messages", "U0BEN"), 1); /* a polite word, nothing of Ana's */
    end(&w);
}

static void the_home_tab_follows_what_happens(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    assert_int_equal(fake_peer_count(&w.slack, "/control/home", NULL), 0); /* nobody looked */
    order(&w, (struct slack_order){ .ask = SLACK_ASK_HOME, .person = SPAN_LITERAL(ANA) });
    struct buf home = fake_peer_seen(&w.slack, "/control/home", NULL);
    assert_non_null(strstr(buf_text(&home), "1 thing to fix"));
    assert_non_null(strstr(buf_text(&home), "What is collected, and why"));
    assert_null(strstr(buf_text(&home), "Well since"));
    buf_done(&home);
    result(&w, "firewall", VERDICT_PASS);
    story_pass(&w.story, 5);
    home = fake_peer_seen(&w.slack, "/control/home", NULL);
    assert_non_null(strstr(buf_text(&home), "Nothing to fix."));
    assert_non_null(strstr(buf_text(&home), "Your device is well. Well since "));
    buf_done(&home);
    end(&w);
}

static void not_mine_takes_the_device_away(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    order(&w, (struct slack_order){ .ask = SLACK_ASK_HOME, .person = SPAN_LITERAL(ANA) });
    order(&w, (struct slack_order){ .ask = SLACK_ASK_NOT_MINE, .person = SPAN_LITERAL(ANA), .device = SPAN_LITERAL(DOVER), .view = SPAN_LITERAL("V1") });
    story_pass(&w.story, 4);
    struct device *dover = story_stored_device(&w.story, DOVER);
    assert_true(span_empty(dover->owner));
    device_free(dover);
    struct buf home = fake_peer_seen(&w.slack, "/control/home", NULL);
    assert_non_null(strstr(buf_text(&home), "We know no device of yours yet."));
    buf_done(&home);
    end(&w);
}

/* Somebody else's device in the value of a button: a forged payload cannot be, but ids are checked all the same. */
static void a_device_of_somebody_else_is_not_touched(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    story_person(&w.story, "p_bbbbbbbbbbbbbbbbbbbbbbbbbb", "U0BEN", "ben@acme.example");
    story_settle(&w.story);
    order(&w, (struct slack_order){ .ask = SLACK_ASK_NOT_MINE, .person = SPAN_LITERAL("p_bbbbbbbbbbbbbbbbbbbbbbbbbb"), .user = SPAN_LITERAL("U0BEN"), .device = SPAN_LITERAL(DOVER), .channel = SPAN_LITERAL("D0BEN") });
    order(&w, (struct slack_order){ .ask = SLACK_ASK_RECHECK, .person = SPAN_LITERAL("p_bbbbbbbbbbbbbbbbbbbbbbbbbb"), .user = SPAN_LITERAL("U0BEN"), .device = SPAN_LITERAL(DOVER), .channel = SPAN_LITERAL("D0BEN") });
    struct device *dover = story_stored_device(&w.story, DOVER);
    assert_true(span_equal_text(dover->owner, ANA) && dover->recheck_s == 0);
    device_free(dover);
    end(&w);
}

static void a_message_that_is_gone_is_left_alone(void **state)
{
    static const char *const words[] = { "message_not_found", "edit_window_closed", "cant_update_message" };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct world w;
        char fault[128];
        print_message("%s\n", words[i]);
        start(&w, "U0ANA");
        fail_and_tell(&w);
        snprintf(fault, sizeof fault, "[{\"method\":\"chat.update\",\"kind\":\"error\",\"error\":\"%s\",\"times\":99}]", words[i]);
        fake_peer_post(&w.slack, "/control/faults", fault);
        press(&w, SLACK_ASK_RECHECK, (struct slack_order){ 0 });
        story_pass(&w.story, 30);
        struct device *dover = story_stored_device(&w.story, DOVER);
        assert_true(dover->recheck_s > 0); /* what was asked is done all the same */
        device_free(dover);
        assert_int_equal(messages(&w), 1);
        end(&w);
    }
}

static void slack_that_falls_over_is_answered_later_and_once(void **state)
{
    static const struct { const char *name, *faults; } rows[] = {
        { "rate limit", "[{\"method\":\"*\",\"kind\":\"429\",\"retry_after\":2,\"times\":3}]" }, { "rate limit without a time", "[{\"method\":\"*\",\"kind\":\"429_bare\",\"times\":2}]" },
        { "500 before", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\"}]" },        { "500 after", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"}]" },
        { "cut short", "[{\"method\":\"chat.postMessage\",\"kind\":\"truncated\"}]" },          { "reset", "[{\"method\":\"chat.postMessage\",\"kind\":\"reset_after\"}]" },
        { "no JSON", "[{\"method\":\"chat.postMessage\",\"kind\":\"not_json\"}]" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        start(&w, "U0ANA");
        fake_peer_post(&w.slack, "/control/faults", rows[i].faults);
        type(&w, "devices");
        story_pass(&w.story, 90);
        assert_int_equal(messages(&w), 1);
        end(&w);
    }
}

static void a_process_that_dies_at_any_step_answers_once(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    start(&w, "U0ANA");
    for (int calls = 0; !finished; calls++) {
        fake_peer_post(&w.slack, "/control/reset", "{}");
        struct slack_order o = { .ask = SLACK_ASK_STATUS, .person = SPAN_LITERAL(ANA), .user = SPAN_LITERAL("U0ANA"), .channel = SPAN_LITERAL("D0ANA") };
        char key[32];
        struct err err;
        snprintf(key, sizeof key, "dies:%d", calls);
        o.key = span_of(key);
        assert_int_equal(slack_order_append(&w.story.node, w.story.store, &o, &err), OK);
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, calls);
        effects_round(w.story.effects);
        effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = calls > 120;
        story_restart_effects(&w.story, &w.options);
        story_pass(&w.story, 12);
        assert_int_equal(messages(&w), 1);
    }
    end(&w);
}

static void a_command_is_answered_at_its_address(void **state)
{
    struct world w;
    char address[256];
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    order(&w, (struct slack_order){ .ask = SLACK_ASK_RECHECK, .person = SPAN_LITERAL(ANA), .channel = SPAN_LITERAL("C1"), .response_url = fake_peer_text(&w.slack, "/control/response", "response_url", address) });
    story_pass(&w.story, 2);
    result(&w, "firewall", VERDICT_PASS);
    result(&w, "screen-lock", VERDICT_PASS);
    story_pass(&w.story, 4);
    assert_true(answered(&w, "Nothing to fix."));
    assert_int_equal(messages(&w), 1); /* nothing in the conversation */
    end(&w);
}

static void a_button_of_an_old_message_acts_on_nothing_old(void **state)
{
    struct world w;
    char address[256];
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    struct person *ana = story_stored_person(&w.story, ANA);
    order(&w, (struct slack_order){ .ask = SLACK_ASK_RECHECK, .person = SPAN_LITERAL(ANA), .notice = SPAN_LITERAL("e_old"), .device = SPAN_LITERAL(DOVER), .check = SPAN_LITERAL("firewall"),
                                    .channel = SPAN_LITERAL("D0ANA"), .message = ana->notice.message /* the fake knows no other */, .response_url = fake_peer_text(&w.slack, "/control/response", "response_url", address) });
    person_free(ana);
    assert_says(&w, 0, "There is a newer message below.");
    story_pass(&w.story, 2);
    result(&w, "firewall", VERDICT_PASS);
    result(&w, "screen-lock", VERDICT_PASS);
    story_pass(&w.story, 4);
    assert_true(answered(&w, "Nothing to fix."));
    end(&w);
}

static void the_message_of_the_day_before_becomes_a_pointer(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    w.story.now_ms += (int64_t)24 * 3600 * 1000;
    story_pass(&w.story, 5);
    assert_int_equal(messages(&w), 2);
    assert_says(&w, 0, "There is a newer message below.");
    assert_silent_about(&w, 1, "newer message");
    result(&w, "firewall", VERDICT_PASS); /* what changes from now on is the new one */
    story_pass(&w.story, 3);
    assert_says(&w, 0, "There is a newer message below.");
    assert_says(&w, 1, "Fixed");
    end(&w);
}

static void people_of_elsewhere_are_told_so(void **state)
{
    struct world w;
    char address[256];
    (void)state;
    start(&w, "U0ANA");
    order(&w, (struct slack_order){ .ask = SLACK_ASK_FOREIGN, .user = SPAN_LITERAL("U0FAR"), .response_url = fake_peer_text(&w.slack, "/control/response", "response_url", address) });
    assert_true(answered(&w, "another company"));
    end(&w);
}

static void closed_apps_are_told_once_and_opened_ones_are_not(void **state)
{
    struct world w;
    (void)state;
    start(&w, "U0ANA");
    fail_and_tell(&w);
    story_pass(&w.story, 5);
    for (int day = 0; day < 3; day++) {
        w.story.now_ms += (int64_t)86400 * 1000;
        story_pass(&w.story, 3);
    }
    story_pass(&w.story, 5);
    size_t closed = 0, count = messages(&w);
    for (size_t i = 0; i < count; i++) {
        char text[8192];
        int64_t updated;
        closed += strstr(message(&w, i, &updated, text), "Payroll will not open on dover for now.") != NULL;
    }
    assert_int_equal(closed, 1);
    result(&w, "firewall", VERDICT_PASS);
    story_pass(&w.story, 5);
    assert_int_equal(messages(&w), count);
    end(&w);
}

static void a_token_that_changes_is_fetched_before_it_runs_out(void **state)
{
    struct world w;
    (void)state;
    memset(&w, 0, sizeof w);
    story_start(&w.story, policy);
    fake_peer_start(&w.slack, "fake_slack.py", "--now", "1796040000", NULL);
    fake_peer_post(&w.slack, "/control/token", "{\"client_id\":\"1.2\",\"client_secret\":\"shh\",\"refresh_token\":\"xoxe-1-first\"}");
    snprintf(w.api, sizeof w.api, "%s/api", w.slack.base);
    start_app(&w, &(struct slack_app_options){ .client_id = SPAN_LITERAL("1.2"), .client_secret = SPAN_LITERAL("shh"), .refresh_token = SPAN_LITERAL("xoxe-1-first"), .signing_secret = SPAN_LITERAL("secret"),
                                               .api_url = span_of(w.api), .command = SPAN_LITERAL("/device") });
    story_person(&w.story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w.story, DOVER, ANA);
    story_settle(&w.story);
    type(&w, "devices");
    story_pass(&w.story, 5);
    assert_int_equal(messages(&w), 1);
    assert_int_equal(story_events(&w.story, "slack.token_renewed"), 1);
    w.story.now_ms += (int64_t)7 * 3600 * 1000; /* more than half of twelve hours */
    story_pass(&w.story, 40);
    assert_int_equal(story_events(&w.story, "slack.token_renewed"), 2);
    type(&w, "devices");
    story_pass(&w.story, 40);
    assert_int_equal(messages(&w), 2);
    story_restart_effects(&w.story, &w.options); /* the next process goes on with the newest */
    type(&w, "devices");
    story_pass(&w.story, 40);
    assert_int_equal(messages(&w), 3);
    assert_int_equal(story_events(&w.story, "slack.token_renewed"), 2);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_again_ends_in_fixed_in_the_same_message), cmocka_unit_test(check_again_says_what_was_seen_this_time),
        cmocka_unit_test(a_device_that_does_not_answer_is_waited_for),   cmocka_unit_test(what_is_fixed_without_a_press_changes_the_message),
        cmocka_unit_test(a_copy_of_a_click_does_nothing),                cmocka_unit_test(remind_me_tomorrow_says_when_and_how_often),
        cmocka_unit_test(this_looks_wrong_asks_for_a_sentence_and_freezes), cmocka_unit_test(a_modal_that_comes_too_late_does_not_lose_the_press),
        cmocka_unit_test(a_person_is_asked),                             cmocka_unit_test(steps_are_shown_in_place),
        cmocka_unit_test(words_are_answered_in_the_conversation),        cmocka_unit_test(fixed_it_said_in_a_sentence_asks_the_device),
        cmocka_unit_test(somebody_new_is_known_by_their_address),        cmocka_unit_test(the_home_tab_follows_what_happens),
        cmocka_unit_test(not_mine_takes_the_device_away),                cmocka_unit_test(a_device_of_somebody_else_is_not_touched),
        cmocka_unit_test(a_message_that_is_gone_is_left_alone),          cmocka_unit_test(slack_that_falls_over_is_answered_later_and_once),
        cmocka_unit_test(a_process_that_dies_at_any_step_answers_once),  cmocka_unit_test(a_command_is_answered_at_its_address),
        cmocka_unit_test(a_button_of_an_old_message_acts_on_nothing_old),cmocka_unit_test(the_message_of_the_day_before_becomes_a_pointer), cmocka_unit_test(people_of_elsewhere_are_told_so),
        cmocka_unit_test(closed_apps_are_told_once_and_opened_ones_are_not), cmocka_unit_test(a_token_that_changes_is_fetched_before_it_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
