/* Exemptions in Slack, against the strict fake: asked for in a modal, brought to those who decide, decided in a modal, answered. */
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_intake.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_replies.h"
#include "gateway/valves.h"

#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CARA "p_cccccccccccccccccccccccccc"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CHANNEL "C0DECIDE"

static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n"
    "checks: [{ use: library/firewall, severity: high, fresh_for: 7d }, { use: library/screen-lock, severity: high, fresh_for: 7d, exemptions: false },\n"
    "         { use: library/disk-encryption, severity: high, fresh_for: 7d, stage: report }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 2d, close: [sensitive] }]\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "exemptions: { approvers: [ben@acme.example], length: 30d, longest: 90d }\n"
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"08:00-18:00\", days: [mon, tue, wed, thu, fri], channels: [slack] }\n"
    "help: { team: IT, contact: \"#help-it\" }\n"
    "breaker: off\n";

struct world { struct story story; struct fake_peer slack; char api[96]; struct slack_options slack_options; struct effects_options options; int orders; struct slack_answer answer; };

static void start_in(struct world *w, const char *channel)
{
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--now", "1796040000", NULL);
    fake_peer_post(&w->slack, "/control/people", "[{\"id\": \"U0ANA\", \"email\": \"ana@acme.example\"}, {\"id\": \"U0BEN\", \"email\": \"ben@acme.example\"}, {\"id\": \"U0CARA\", \"email\": \"cara@acme.example\"}]");
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    const struct slack_app_options app = { .token = SPAN_LITERAL("xoxb-test-token"), .signing_secret = SPAN_LITERAL("secret"), .api_url = span_of(w->api), .command = SPAN_LITERAL("/device"), .approvals = span_of(channel) };
    w->story.node.slack = slack_app_new(&app);
    assert_non_null(w->story.node.slack);
    w->slack_options = slack_app_client(&app);
    w->options = (struct effects_options){ .slack = &w->slack_options };
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_person(&w->story, BEN, "U0BEN", "ben@acme.example");
    story_person(&w->story, CARA, "U0CARA", "cara@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
    story_result(&w->story, DOVER, "screen-lock", VERDICT_PASS);
    story_result(&w->story, DOVER, "firewall", VERDICT_FAIL);
    story_pass(&w->story, 5);
}

static void start(struct world *w) { start_in(w, CHANNEL); }

static void end(struct world *w)
{
    struct slack_app *app = w->story.node.slack;
    slack_answer_done(&w->answer);
    story_end(&w->story);
    slack_app_free(app);
    fake_peer_stop(&w->slack);
}

/* ---- what the fake saw ---- */

/* All that the fake knows under that path, as text; until the next call. */
static const char *seen(struct world *w, const char *path, const char *member)
{
    static char text[256 * 1024];
    CLEANUP(buf_done) struct buf all = fake_peer_seen(&w->slack, path, member);
    snprintf(text, sizeof text, "%s", buf_text(&all));
    return text;
}

static void assert_seen(const char *what, const char *words)
{
    if (strstr(what, words) == NULL)
        fail_msg("does not say \"%s\":\n%s", words, what);
}

static void assert_unseen(const char *what, const char *words)
{
    if (strstr(what, words) != NULL)
        fail_msg("says \"%s\":\n%s", words, what);
}

static size_t messages(struct world *w, const char *to) { return fake_peer_count(&w->slack, "/control/messages", to); }

/* ---- what people do ---- */

/* A press, as it comes from Slack. */
static void click(struct world *w, const char *user, const char *action, const char *value, const char *message, const char *trigger)
{
    char key[48], fresh_trigger[256], address[256];
    struct arena arena;
    snprintf(key, sizeof key, "click:%d", ++w->orders);
    arena_init(&arena, 16 * 1024, 4 * 1024 * 1024);
    const struct slack_heard h = { .kind = SLACK_HEARD_CLICK, .key = span_of(key), .team = SPAN_LITERAL("T0001"), .user = span_of(user), .action = span_of(action), .value = span_of(value),
                                   .channel = message != NULL ? SPAN_LITERAL(CHANNEL) : SPAN_NONE, .message = message != NULL ? span_of(message) : SPAN_NONE, .view = message == NULL ? SPAN_LITERAL("VHOME") : SPAN_NONE,
                                   .trigger = trigger != NULL ? span_of(trigger) : fake_peer_text(&w->slack, "/control/trigger", "trigger_id", fresh_trigger),
                                   .response_url = message != NULL ? fake_peer_text(&w->slack, "/control/response", "response_url", address) : SPAN_NONE };
    const struct slack_intake in = { &w->story.node, w->story.store, &arena, SPAN_LITERAL("r1"), SPAN_NONE };
    struct slack_answer answer;
    slack_answer_init(&answer);
    assert_true(slack_intake(&in, &h, &answer));
    assert_null(answer.later);
    slack_answer_done(&answer);
    arena_done(&arena);
    story_settle(&w->story);
    story_pass(&w->story, 4);
}

struct form { const char *user, *action, *value, *text, *until, *measure, *choice, *key, *team; };

/* A modal that is sent: what Slack is answered. */
static const char *submit(struct world *w, struct form f)
{
    char key[48];
    struct arena arena;
    snprintf(key, sizeof key, "view:%d", ++w->orders);
    arena_init(&arena, 16 * 1024, 4 * 1024 * 1024);
    const struct slack_heard h = { .kind = SLACK_HEARD_SUBMIT, .key = span_of(f.key != NULL ? f.key : key), .team = span_of(f.team != NULL ? f.team : "T0001"), .user = span_of(f.user), .action = span_of(f.action),
                                   .value = span_of(f.value), .text = span_of(f.text), .until = span_of(f.until), .measure = span_of(f.measure), .choice = span_of(f.choice), .view = SPAN_LITERAL("V1") };
    const struct slack_intake in = { &w->story.node, w->story.store, &arena, SPAN_LITERAL("r1"), SPAN_NONE };
    struct slack_intake without = in;
    without.store = NULL;
    slack_answer_done(&w->answer);
    slack_answer_init(&w->answer);
    assert_false(slack_intake(&without, &h, &w->answer)); /* never on a worker */
    assert_true(slack_intake(&in, &h, &w->answer));
    assert_null(w->answer.later);
    arena_done(&arena);
    story_settle(&w->story);
    story_pass(&w->story, 4);
    return buf_text(&w->answer.json);
}

/* The id of the one that there is. */
static const char *the_exemption(struct world *w, char id[32])
{
    directory_enter(w->story.node.directory);
    const struct exemptions all = directory_control(w->story.node.directory)->exemptions;
    assert_true(all.count > 0);
    snprintf(id, 32, "%.*s", SPAN_ARGS(all.all[all.count - 1].id));
    directory_leave(w->story.node.directory);
    return id;
}

#define TARGET "|" DOVER "|firewall"
static void ask(struct world *w, char id[32])
{
    assert_seen(submit(w, (struct form){ .user = "U0ANA", .action = "pst.exempt", .value = TARGET, .text = "The <lab> needs it.", .until = "2026-12-20", .measure = "It stands behind a router." }), "Another person decides about it");
    the_exemption(w, id);
}

/* ---- stories ---- */

static void asked_in_the_message_and_approved_in_the_channel(void **state)
{
    struct world w;
    char id[32];
    (void)state;
    start(&w);
    assert_seen(seen(&w, "/control/messages", "U0ANA"), "pst.exempt");
    click(&w, "U0ANA", "pst.exempt", TARGET, "1.2", NULL);
    const char *modals = seen(&w, "/control/modals", NULL);
    assert_seen(modals, "Ask for an exemption");
    assert_seen(modals, "then it holds for 30 days. At most 90 days.");
    assert_seen(modals, "pst.measure");
    ask(&w, id);
    assert_int_equal(story_events(&w.story, "exemption.asked"), 1);
    assert_seen(seen(&w, "/control/messages", "U0ANA"), "You asked for an exemption. Another person decides about it.");
    assert_unseen(seen(&w, "/control/messages", "U0ANA"), "pst.exempt");
    assert_int_equal(messages(&w, CHANNEL), 1);
    const char *request = seen(&w, "/control/messages", CHANNEL);
    assert_seen(request, "ana@acme.example");
    assert_seen(request, "The &lt;lab&gt; needs it.");
    assert_seen(request, "It stands behind a router.");
    assert_seen(request, "pst.refuse");
    assert_int_equal(story_events(&w.story, "exemption.announced"), 1);
    assert_int_equal(messages(&w, "U0BEN"), 0); /* nobody is written to for it */

    click(&w, "U0BEN", "pst.approve", id, "1.2", NULL);
    assert_seen(seen(&w, "/control/modals", NULL), "\"initial_date\":\"2026-12-20\"");
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id, .until = "2026-12-10", .text = "Only in the lab." }), "Approved until Thu 10 Dec 23:59");
    request = seen(&w, "/control/messages", CHANNEL);
    assert_seen(request, "Approved by Ana (ben@acme.example), until ");
    assert_unseen(request, "pst.approve");
    assert_int_equal(messages(&w, CHANNEL), 1);
    const char *ana = seen(&w, "/control/messages", "U0ANA");
    assert_seen(ana, "You do not have to fix this before");
    assert_seen(ana, "Your exemption was approved by Ana (ben@acme.example)");
    assert_seen(ana, "Only in the lab.");
    assert_int_equal(messages(&w, "U0ANA"), 2); /* the day's message, and the answer that she waits for */
    story_restart_effects(&w.story, &w.options);
    story_pass(&w.story, 10);
    assert_int_equal(messages(&w, "U0ANA"), 2);
    end(&w);
}

static void declined_from_the_home_tab(void **state)
{
    struct world w;
    char id[32];
    (void)state;
    start_in(&w, "");
    click(&w, "U0BEN", "pst.status", "", NULL, NULL); /* Ben looks at his Home tab */
    ask(&w, id);
    assert_int_equal(messages(&w, CHANNEL), 0);
    const char *home = seen(&w, "/control/home", "U0BEN");
    assert_seen(home, "Waiting for your decision");
    assert_seen(home, id);
    click(&w, "U0BEN", "pst.refuse", id, NULL, NULL);
    assert_seen(seen(&w, "/control/modals", NULL), "Why not? They read this.");
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.refuse", .value = id, .text = " " }), "\"errors\":{\"note\"");
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.refuse", .value = id, .text = "Use the other <network>." }), "Declined. They are told why.");
    assert_unseen(seen(&w, "/control/home", "U0BEN"), "Waiting for your decision");
    const char *ana = seen(&w, "/control/messages", "U0ANA");
    assert_seen(ana, "Your exemption was declined. The reason: Use the other &lt;network&gt;.");
    assert_seen(ana, "Your exemption was declined by Ana (ben@acme.example)");
    assert_seen(ana, "pst.exempt"); /* once more, for another reason */
    click(&w, "U0BEN", "pst.approve", id, NULL, NULL);
    assert_seen(seen(&w, "/control/home", "U0BEN"), "Somebody has decided this already.");
    end(&w);
}

/* A check in stage report is nobody's to fix, and so nothing that one could be exempted from. */
static void what_is_only_reported_is_not_shown(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    story_result(&w.story, DOVER, "disk-encryption", VERDICT_FAIL);
    story_pass(&w.story, 5);
    click(&w, "U0ANA", "pst.status", "", NULL, NULL);
    const char *home = seen(&w, "/control/home", "U0ANA");
    assert_seen(home, "1 thing to fix");
    assert_unseen(home, "To fix: The disk is encrypted");
    click(&w, "U0ANA", "pst.exempt", "|" DOVER "|", NULL, NULL);
    assert_unseen(seen(&w, "/control/modals", NULL), "The disk is encrypted");
    end(&w);
}

static void what_is_asked_is_judged_before_it_is_taken(void **state)
{
    static const struct { const char *name; struct form form; const char *says; } rows[] = {
        { "no words", { .user = "U0ANA", .value = TARGET, .text = "  " }, "\"errors\":{\"note\"" },
        { "no date", { .user = "U0ANA", .value = TARGET, .text = "x", .until = "soon" }, "\"errors\":{\"until\"" },
        { "a date that is not", { .user = "U0ANA", .value = TARGET, .text = "x", .until = "2026-02-30" }, "\"errors\":{\"until\"" },
        { "past", { .user = "U0ANA", .value = TARGET, .text = "x", .until = "2026-11-29" }, "This day is past." },
        { "too far", { .user = "U0ANA", .value = TARGET, .text = "x", .until = "2027-03-30" }, "too far away" },
        { "a check of which there are none", { .user = "U0ANA", .value = "|" DOVER "|screen-lock", .text = "x" }, "Nobody can be exempted" },
        { "a check that is not", { .user = "U0ANA", .value = "|" DOVER "|", .text = "x", .choice = "moon" }, "nothing of that kind" },
        { "somebody else's device", { .user = "U0CARA", .value = TARGET, .text = "x" }, "nothing of that kind" },
        { "a value that is not ours", { .user = "U0ANA", .value = "x", .text = "x" }, "nothing of that kind" },
        { "a value that is far too long", { .user = "U0ANA", .value = "|dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd|firewall", .text = "x" }, "nothing of that kind" },
        { "nobody that we know", { .user = "U0NEW", .value = TARGET, .text = "x" }, "We do not know you here yet" },
    };
    struct world w;
    char id[32];
    (void)state;
    start(&w);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct form f = rows[i].form;
        f.action = "pst.exempt";
        const char *says = submit(&w, f);
        if (strstr(says, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].name, says);
    }
    assert_int_equal(story_events(&w.story, "exemption.asked"), 0);
    ask(&w, id);
    assert_seen(submit(&w, (struct form){ .user = "U0ANA", .action = "pst.exempt", .value = TARGET, .text = "again" }), "asked for already");
    assert_int_equal(story_events(&w.story, "exemption.asked"), 1);
    end(&w);
}

static void who_may_not_decide_is_told_so(void **state)
{
    struct world w;
    char id[32], shown[256];
    (void)state;
    start(&w);
    ask(&w, id);
    const struct { const char *name, *user, *value, *line, *modal; } rows[] = {
        { "not named by the policy", "U0CARA", id, "Only those whom your company has named decide about exemptions.", "You cannot decide this one." },
        { "their own", "U0ANA", id, "Only those whom your company has named decide about exemptions.", "You cannot decide this one." },
        { "an id that is not", "U0BEN", "e_bbbbbbbbbbbbbbbbbbbbbbbbbb", "This is not there any more.", "This is not there any more." },
        { "no id", "U0BEN", "firewall", "This is not there any more.", "This is not there any more." },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t modals = fake_peer_count(&w.slack, "/control/modals", NULL);
        click(&w, rows[i].user, "pst.approve", rows[i].value, "1.2", NULL);
        assert_int_equal(fake_peer_count(&w.slack, "/control/modals", NULL), modals);
        snprintf(shown, sizeof shown, "%s", rows[i].line);
        assert_seen(seen(&w, "/control/answers", NULL), shown);
        const char *says = submit(&w, (struct form){ .user = rows[i].user, .action = "pst.approve", .value = rows[i].value });
        if (strstr(says, rows[i].modal) == NULL)
            fail_msg("%s: %s", rows[i].name, says);
    }
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id, .team = "T0FAR" }), "Postern works for another company.");
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id, .until = "2026-12-21" }), "until an earlier day");
    assert_int_equal(story_events(&w.story, "exemption.approved"), 0);
    end(&w);
}

static void copies_do_nothing(void **state)
{
    struct world w;
    char id[32], second[32];
    (void)state;
    start(&w);
    const struct form asked = { .user = "U0ANA", .action = "pst.exempt", .value = TARGET, .text = "lab", .key = "view:V1:1" };
    submit(&w, asked);
    the_exemption(&w, id);
    const struct form declined = { .user = "U0BEN", .action = "pst.refuse", .value = id, .text = "no", .key = "view:V2:1" };
    assert_seen(submit(&w, declined), "Declined.");
    assert_seen(submit(&w, declined), "Declined.");
    assert_seen(submit(&w, asked), "asked for already"); /* the same modal again, after it was decided: no second request */
    the_exemption(&w, second);
    assert_string_equal(id, second);
    assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id }), "Somebody has decided this already.");
    assert_int_equal(story_events(&w.story, "exemption.asked"), 1);
    assert_int_equal(story_events(&w.story, "exemption.refused"), 1);
    assert_int_equal(story_events(&w.story, "exemption.approved"), 0);
    assert_int_equal(messages(&w, "U0ANA"), 2);
    end(&w);
}

static void a_modal_that_comes_too_late_changes_nothing(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    click(&w, "U0ANA", "pst.exempt", TARGET, "1.2", "1.2.old");
    assert_seen(seen(&w, "/control/answers", NULL), "This took too long");
    click(&w, "U0ANA", "pst.exempt", TARGET, NULL, "1.2.old"); /* in the Home tab it is said there */
    assert_seen(seen(&w, "/control/home", "U0ANA"), "This took too long");
    assert_int_equal(story_events(&w.story, "exemption.asked"), 0);
    end(&w);
}

#define MAY_LOOK "[\"chat:write\",\"commands\",\"im:history\",\"im:write\",\"users:read\",\"users:read.email\",\"channels:history\"]"

static void a_channel_that_fails_loses_no_request(void **state)
{
    static const struct { const char *name, *channel, *faults; size_t posts, announced; const char *scopes; } rows[] = {
        { "the app was not invited", "C0OTHER", "[]", 0, 0, NULL },
        { "the answer is lost", CHANNEL, "[{\"method\": \"chat.postMessage\", \"kind\": \"500_after\", \"times\": 1}]", 1, 0, NULL },
        { "the answer is lost, and the app may look", CHANNEL, "[{\"method\": \"chat.postMessage\", \"kind\": \"500_after\", \"times\": 1}]", 1, 1, MAY_LOOK },
        { "it is not posted", CHANNEL, "[{\"method\": \"chat.postMessage\", \"kind\": \"500_before\", \"times\": 1}]", 0, 0, NULL },
        { "it is not posted, and the app may look", CHANNEL, "[{\"method\": \"chat.postMessage\", \"kind\": \"500_before\", \"times\": 2}]", 1, 1, MAY_LOOK },
        { "slow down", CHANNEL, "[{\"method\": \"chat.postMessage\", \"kind\": \"429\", \"retry_after\": 1, \"times\": 2}]", 1, 1, NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world w;
        char id[32];
        start_in(&w, rows[i].channel);
        fake_peer_post(&w.slack, "/control/faults", rows[i].faults);
        if (rows[i].scopes != NULL)
            fake_peer_post(&w.slack, "/control/scopes", rows[i].scopes);
        ask(&w, id);
        story_pass(&w.story, 120);
        if (messages(&w, CHANNEL) != rows[i].posts || story_events(&w.story, "exemption.announced") != rows[i].announced)
            fail_msg("%s: %zu posts", rows[i].name, messages(&w, CHANNEL));
        assert_seen(submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id }), "Approved until");
        story_pass(&w.story, 5);
        assert_int_equal(messages(&w, "U0ANA"), 2);
        end(&w);
    }
    (void)state;
}

static void next_day(struct world *w)
{
    w->story.now_ms += 24 * 3600 * INT64_C(1000);
    directory_heard(w->story.node.directory);
    story_restart_effects(&w->story, &w->options);
    story_pass(&w->story, 5);
}

static size_t times_in(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* Both sides, once, and never beside another message of the day. */
static void both_sides_are_told_a_week_before_the_end(void **state)
{
    static const struct { const char *name; bool more_to_fix; size_t of_ana; } rows[] = {
        { "on a day without a message", false, 3 /* the day's message of the first day, the answer to her request, the reminder */ },
        { "in the message of the day", true, 3 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world w;
        char id[32];
        start(&w);
        ask(&w, id);
        submit(&w, (struct form){ .user = "U0BEN", .action = "pst.approve", .value = id, .until = "2026-12-04" });
        story_pass(&w.story, 5);
        assert_int_equal(story_events(&w.story, "exemption.reminder"), 1);
        assert_int_equal(messages(&w, "U0BEN"), 1); /* nobody has written to him today */
        assert_seen(seen(&w, "/control/messages", "U0BEN"), "An exemption that you approved ends");
        assert_int_equal(messages(&w, "U0ANA"), 2);
        if (rows[i].more_to_fix)
            story_result(&w.story, DOVER, "screen-lock", VERDICT_FAIL);
        next_day(&w);
        const char *ana = seen(&w, "/control/messages", "U0ANA");
        assert_seen(ana, "Your exemption ends");
        if (rows[i].more_to_fix)
            assert_seen(ana, "To fix: The screen locks by itself");
        assert_int_equal(messages(&w, "U0ANA"), rows[i].of_ana);
        size_t told = times_in(ana, "Your exemption ends");
        next_day(&w);
        if (times_in(seen(&w, "/control/messages", "U0ANA"), "Your exemption ends") > told) /* fewer: the message before became a pointer to the newer one */
            fail_msg("%s: told again", rows[i].name);
        assert_int_equal(messages(&w, "U0BEN"), 1);
        end(&w);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_in_the_message_and_approved_in_the_channel),
        cmocka_unit_test(declined_from_the_home_tab),
        cmocka_unit_test(what_is_only_reported_is_not_shown),
        cmocka_unit_test(what_is_asked_is_judged_before_it_is_taken),
        cmocka_unit_test(who_may_not_decide_is_told_so),
        cmocka_unit_test(copies_do_nothing),
        cmocka_unit_test(a_modal_that_comes_too_late_changes_nothing),
        cmocka_unit_test(a_channel_that_fails_loses_no_request),
        cmocka_unit_test(both_sides_are_told_a_week_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
