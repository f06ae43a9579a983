/* Slack and webhooks as effects of the log: real calls to strict fakes, a fake store, a clock that moves when the story says so. */
#include "gateway/effects_notice.h"
#include "gateway/incident.h"
#include "gateway/escalation.h"
#include "gateway/slack/slack_doubt.h"

#include "posture/base/file.h"
#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET "0123456789abcdef0123456789abcdef"

static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n"
    "checks: [{ use: library/firewall, severity: high }, { use: library/screen-lock, severity: high }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 7d, close: [sensitive] }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"08:00-18:00\", days: [mon, tue, wed, thu, fri], channels: [slack] }\n"
    "breaker: off\n";

struct world { struct story story; struct fake_peer slack, hook; char api[96], url[96]; struct slack_options slack_options; struct webhook_options webhook; struct effects_options options; };

static void start_people(struct world *w, const char *slack)
{
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, slack, "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void start_slack(struct world *w, const char *slack_id)
{
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--now", "1796040000", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    w->slack_options = (struct slack_options){ .token = SPAN_LITERAL("xoxb-test-token"), .base_url = span_of(w->api), .allow_loopback_http = true };
    w->options = (struct effects_options){ .slack = &w->slack_options };
    start_people(w, slack_id);
}

static void start_hook(struct world *w, const struct span *events, size_t count)
{
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->hook, "fake_webhook.py", "--secret", SECRET, "--tolerance", "0", NULL);
    snprintf(w->url, sizeof w->url, "%s/in", w->hook.base);
    w->webhook = (struct webhook_options){ .id = SPAN_LITERAL("siem"), .url = span_of(w->url), .events = events, .event_count = count, .secrets = { SPAN_LITERAL(SECRET) }, .allow_private = true };
    w->options = (struct effects_options){ .webhooks = &w->webhook, .webhook_count = 1 };
    start_people(w, "U0ANA");
}

static void end(struct world *w)
{
    story_end(&w->story);
    fake_peer_stop(&w->slack);
    fake_peer_stop(&w->hook);
}

static size_t messages(struct world *w) { return fake_peer_count(&w->slack, "/control/messages", "U0ANA"); }

static size_t calls_of(struct world *w, const char *method)
{
    struct from_json *doc = fake_peer_get(&w->slack, "/control/calls");
    struct from_json_value root = from_json_root(doc);
    size_t count = 0;
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i), name = from_json_member(&item, "method");
        struct span text = SPAN_NONE;
        struct err err;
        count += from_json_text(&name, 100, &text, &err) == OK && span_equal_text(text, method);
    }
    from_json_free(doc);
    return count;
}

static enum notice_state notice_state(struct world *w)
{
    struct person *ana = story_stored_person(&w->story, ANA);
    enum notice_state state = ana->notice.state;
    person_free(ana);
    return state;
}

static void assert_why(struct world *w, const char *why)
{
    struct person *ana = story_stored_person(&w->story, ANA);
    char text[64] = { 0 };
    assert_int_equal(ana->notice.state, NOTICE_FAILED);
    memcpy(text, ana->notice.why.at, ana->notice.why.bytes);
    person_free(ana);
    assert_string_equal(text, why);
}

static void fail_check(struct world *w) { story_result(&w->story, DOVER, "firewall", VERDICT_FAIL); }

/* ---- steps ---- */

static void the_step_follows_from_what_is_known(void **state)
{
    static const struct { const char *name; enum notice_state at; bool same, unclear, asked; unsigned sends; int32_t day; bool window; enum notice_step step; bool frozen; } rows[] = {
        { "reserved", NOTICE_RESERVED, true, false, false, 0, 5, true, NOTICE_STEP_SEND, false },
        { "reserved, the process died before the record said sending", NOTICE_RESERVED, true, true, false, 1, 5, true, NOTICE_STEP_SEND, false },
        { "reserved, another day", NOTICE_RESERVED, true, false, false, 0, 6, true, NOTICE_STEP_TOO_LATE, false },
        { "reserved, outside the hours", NOTICE_RESERVED, true, false, false, 0, 5, false, NOTICE_STEP_TOO_LATE, false },
        { "reserved, and the breaker tripped", NOTICE_RESERVED, true, false, false, 0, 5, true, NOTICE_STEP_WAIT, true },
        { "frozen, outside the hours", NOTICE_RESERVED, true, false, false, 0, 5, false, NOTICE_STEP_TOO_LATE, true },
        { "frozen, the last try surely did not arrive", NOTICE_SENDING, true, false, false, 2, 5, true, NOTICE_STEP_WAIT, true },
        { "frozen, perhaps arrived", NOTICE_SENDING, true, true, false, 1, 5, true, NOTICE_STEP_READ_BACK, true },
        { "frozen, an admin asks", NOTICE_FAILED, true, false, true, 1, 5, true, NOTICE_STEP_SEND, true },
        { "another notice took its place", NOTICE_RESERVED, false, false, false, 0, 5, true, NOTICE_STEP_NOTHING, false },
        { "sending, this try began", NOTICE_SENDING, true, true, false, 1, 5, true, NOTICE_STEP_READ_BACK, false },
        { "sending, begun by nobody knows whom", NOTICE_SENDING, true, false, false, 0, 5, true, NOTICE_STEP_READ_BACK, false },
        { "sending, the last try surely did not arrive", NOTICE_SENDING, true, false, false, 2, 5, true, NOTICE_STEP_SEND, false },
        { "sending, perhaps arrived, another day", NOTICE_SENDING, true, true, false, 1, 6, true, NOTICE_STEP_READ_BACK, false },
        { "delivered", NOTICE_DELIVERED, true, false, true, 1, 5, true, NOTICE_STEP_NOTHING, false },
        { "failed", NOTICE_FAILED, true, false, false, 1, 5, true, NOTICE_STEP_NOTHING, false },
        { "failed, an admin asks", NOTICE_FAILED, true, false, true, 1, 5, true, NOTICE_STEP_SEND, false },
        { "failed without knowing, an admin asks", NOTICE_FAILED, true, true, true, 1, 5, true, NOTICE_STEP_NOTHING, false },
        { "failed, an admin asks the day after", NOTICE_FAILED, true, false, true, 1, 6, true, NOTICE_STEP_NOTHING, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct person person = { .notice = { .id = SPAN_LITERAL("e_1"), .state = rows[i].at, .local_day = 5, .channel = SPAN_LITERAL("slack") } };
        struct effects_item item = { .id = rows[i].same ? SPAN_LITERAL("e_1") : SPAN_LITERAL("e_2"), .unclear = rows[i].unclear, .asked = rows[i].asked, .sends = rows[i].sends };
        print_message("%s\n", rows[i].name);
        assert_int_equal(notice_step(&person, &item, (struct notice_time){ rows[i].day, rows[i].window, SPAN_LITERAL("slack"), rows[i].frozen }), rows[i].step);
        assert_int_equal(notice_step(&person, &item, (struct notice_time){ rows[i].day, rows[i].window, SPAN_LITERAL("email"), rows[i].frozen }), NOTICE_STEP_NOTHING); /* it is another channel's */
    }
}

static void what_is_missing_is_sent_again_only_when_nothing_can_follow(void **state)
{
    enum { CALL = 8000, T = 1000000, UNSEEN = NOTICE_LEAVES_WITHIN_MS + CALL + NOTICE_SETTLES_MS };
    static const struct { const char *name; int64_t begun_ms, ended_ms, now_ms; unsigned resends, reads; enum notice_missing what; int64_t wait_ms; } rows[] = {
        { "its call just ended", T, T + 1000, T + 4000, 0, 0, NOTICE_MISSING_LOOK_AGAIN, NOTICE_SETTLES_MS - 3000 },
        { "its call ended, a moment before it settled", T, T, T + NOTICE_SETTLES_MS - 1, 0, 1, NOTICE_MISSING_LOOK_AGAIN, 1 },
        { "its call ended and settled", T, T, T + NOTICE_SETTLES_MS, 0, 1, NOTICE_MISSING_SEND_AGAIN, 0 },
        { "settled, had it been the first", T, T, T + NOTICE_SETTLES_MS, 1, 1, NOTICE_MISSING_LOOK_AGAIN, NOTICE_SETTLES_MS },
        { "the second call ended and settled", T, T, T + 2 * NOTICE_SETTLES_MS, 1, 1, NOTICE_MISSING_SEND_AGAIN, 0 },
        { "the tenth, a moment before it settled", T, T, T + NOTICE_SETTLES_MOST_MS - 1, 9, 1, NOTICE_MISSING_LOOK_AGAIN, 1 },
        { "the tenth settled", T, T, T + NOTICE_SETTLES_MOST_MS, 9, 1, NOTICE_MISSING_SEND_AGAIN, 0 },
        { "sent as often as anything is", T, T, T + NOTICE_SETTLES_MOST_MS, NOTICE_RESENDS_MOST, 1, NOTICE_MISSING_GIVE_UP, 0 },
        { "nobody saw its end, not long ago", T, 0, T + 4000, 0, 0, NOTICE_MISSING_LOOK_AGAIN, UNSEEN - 4000 },
        { "nobody saw its end, however long ago", T, 0, T + 100 * UNSEEN, 0, 1, NOTICE_MISSING_GIVE_UP, 0 },
        { "nobody knows when it began", 0, 0, T, 0, 0, NOTICE_MISSING_LOOK_AGAIN, UNSEEN },
        { "the clock was set back", T, T, T - 3600000, 0, 0, NOTICE_MISSING_LOOK_AGAIN, NOTICE_SETTLES_MS },
        { "the clock was set back again and again", T, T, T - 3600000, 0, NOTICE_LOOKS_MOST - 1, NOTICE_MISSING_GIVE_UP, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct effects_item item = { .begun_ms = rows[i].begun_ms, .ended_ms = rows[i].ended_ms, .resends = rows[i].resends, .reads = rows[i].reads };
        int64_t wait_ms = 0;
        print_message("%s\n", rows[i].name);
        assert_int_equal(notice_missing(&item, CALL, rows[i].now_ms, &wait_ms), rows[i].what);
        if (rows[i].what == NOTICE_MISSING_LOOK_AGAIN)
            assert_int_equal(wait_ms, rows[i].wait_ms);
    }
    assert_true(notice_may_leave(T, T) && notice_may_leave(T, T + NOTICE_LEAVES_WITHIN_MS));
    assert_false(notice_may_leave(T, T + NOTICE_LEAVES_WITHIN_MS + 1));
    assert_false(notice_may_leave(T, T - 1)); /* a clock that was set back tells nothing */
}

static void an_item_survives_being_written(void **state)
{
    const struct effects_item full = { .id = SPAN_LITERAL("e_1"), .type = SPAN_LITERAL("rung.changed"), .person = SPAN_LITERAL("p_1"), .error = SPAN_LITERAL("answered 500"),
                               .payload = SPAN_LITERAL("{\"a\":\"\\u00e9\"}"), .first_ms = 7, .due_ms = 9, .tries = 3, .sends = 2, .reads = 1, .resends = 1, .unclear = true, .asked = true, .begun_ms = 11, .ended_ms = 12 };
    struct effects_item got;
    struct buf body;
    struct arena arena;
    struct err err;
    (void)state;
    buf_init(&body, 4096);
    arena_init(&arena, 1024, 65536);
    assert_true(effects_item_write(&full, &body));
    assert_int_equal(effects_item_read(full.id, buf_span(&body), 9, &arena, &got, &err), OK);
    assert_true(span_equal(got.payload, full.payload) && span_equal(got.error, full.error) && span_equal(got.person, full.person));
    assert_true(got.tries == 3 && got.sends == 2 && got.reads == 1 && got.resends == 1 && got.unclear && got.asked && !got.set_aside && got.first_ms == 7 && got.begun_ms == 11 && got.ended_ms == 12);
    static const char *const bad[] = { "", "[]", "{\"tries\":-1}", "{\"tries\":\"1\"}", "{\"payload\":7}", "{\"tries\":1" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(effects_item_read(full.id, span_of(bad[i]), 9, &arena, &got, &err), OK);
    arena_done(&arena);
    buf_done(&body);
}

/* ---- Slack ---- */

static void a_notice_is_sent_once_and_counts_as_told(void **state)
{
    struct world w;
    (void)state;
    start_slack(&w, "U0ANA");
    fail_check(&w);
    story_pass(&w.story, 3);
    assert_int_equal(messages(&w), 1);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_int_equal(ana->notice.state, NOTICE_DELIVERED);
    assert_true(span_equal_text(ana->notice.conversation, "D0ANA"));
    assert_int_equal(ana->told_count, 1);
    assert_int_equal(ana->told[0].count, 1);
    person_free(ana);
    assert_int_equal(story_events(&w.story, "notice.delivered"), 1);
    story_pass(&w.story, 10);
    assert_int_equal(messages(&w), 1);
    end(&w);
}

/* Slack falls over, and then something fails that a person is to be told of. */
static void begin_with_faults(struct world *w, const char *name, const char *slack, const char *faults)
{
    print_message("%s\n", name);
    start_slack(w, slack);
    fake_peer_post(&w->slack, "/control/faults", faults);
    fail_check(w);
}

static void a_fault_ends_in_one_message_or_in_none(void **state)
{
    static const struct { const char *name, *faults; size_t posts, messages; enum notice_state at; const char *why; } rows[] = {
        { "rate limit", "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":5}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "rate limit that does not say how long", "[{\"method\":\"chat.postMessage\",\"kind\":\"429_bare\"}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "500 before the post", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\"}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "500 after the post", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"}]", 1, 1, NOTICE_DELIVERED, NULL },
        { "reset after the post", "[{\"method\":\"chat.postMessage\",\"kind\":\"reset_after\"}]", 1, 1, NOTICE_DELIVERED, NULL },
        { "answer cut short", "[{\"method\":\"chat.postMessage\",\"kind\":\"truncated\"}]", 1, 1, NOTICE_DELIVERED, NULL },
        { "answer that is no JSON", "[{\"method\":\"chat.postMessage\",\"kind\":\"not_json\"}]", 1, 1, NOTICE_DELIVERED, NULL },
        { "fatal_error", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"fatal_error\"}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "500 twice before the post", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\",\"times\":2}]", 3, 1, NOTICE_DELIVERED, NULL },
        { "500 before the post, then 500 after it", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\"},{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "500 after the post, history ill for a while",
          "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"},{\"method\":\"conversations.history\",\"kind\":\"500_before\",\"times\":2}]", 1, 1, NOTICE_DELIVERED, NULL },
        { "500 after the post, history ill ever since",
          "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\"},{\"method\":\"conversations.history\",\"kind\":\"500_before\",\"times\":99}]", 1, 1, NOTICE_SENDING, NULL },
        { "500 before the post, no scope for history",
          "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\"},{\"method\":\"conversations.open\",\"kind\":\"error\",\"error\":\"missing_scope\"}]", 1, 0, NOTICE_FAILED, "ambiguous" },
        { "user_not_found", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"user_not_found\",\"times\":9}]", 1, 0, NOTICE_FAILED, "user_not_found" },
        { "messages_tab_disabled", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"messages_tab_disabled\",\"times\":9}]", 1, 0, NOTICE_FAILED, "messages_tab_disabled" },
        { "invalid_blocks", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"invalid_blocks\"}]", 2, 1, NOTICE_DELIVERED, NULL },
        { "unknown word", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"new_word\"}]", 2, 1, NOTICE_DELIVERED, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        begin_with_faults(&w, rows[i].name, "U0ANA", rows[i].faults);
        story_pass(&w.story, 120); /* two calls whose ends are waited out, the second for longer */
        assert_int_equal(notice_state(&w), rows[i].at);
        assert_int_equal(calls_of(&w, "chat.postMessage"), rows[i].posts);
        assert_int_equal(messages(&w), rows[i].messages);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
        assert_int_equal(story_events(&w.story, "notice.delivered"), rows[i].at == NOTICE_DELIVERED);
        if (rows[i].why != NULL)
            assert_why(&w, rows[i].why);
        end(&w);
    }
}

/* An hour in which Slack answers 500 to everything, or to posts alone, or to what is asked afterwards; whether the post was done before the answer or not. */
static void an_hour_of_500_ends_in_one_message(void **state)
{
    static const struct { const char *name, *slack, *faults; size_t posts_least, posts_most; } rows[] = {
        { "everything, and nothing is done", "U0ANA", "[{\"method\":\"*\",\"kind\":\"500_before\",\"times\":999999}]", 2, 2 },
        { "posts, and nothing is done", "U0ANA", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\",\"times\":999999}]", 8, 12 },
        { "posts, and each is done", "U0ANA", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\",\"times\":999999}]", 1, 1 },
        { "everything, and the post is done", "U0ANA",
          "[{\"method\":\"chat.postMessage\",\"kind\":\"500_after\",\"times\":999999},{\"method\":\"*\",\"kind\":\"500_before\",\"times\":999999}]", 1, 1 },
        { "everything, and nobody knows yet who it is for", NULL, "[{\"method\":\"*\",\"kind\":\"500_before\",\"times\":999999}]", 1, 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct effects_destination d;
        begin_with_faults(&w, rows[i].name, rows[i].slack, rows[i].faults);
        int64_t begun_s = w.story.now_ms / 1000;
        story_pass(&w.story, 3600);
        bool done = notice_state(&w) == NOTICE_DELIVERED;
        assert_int_equal(effects_destinations(w.story.effects, &d, 1), 1);
        assert_true(done ? d.failing_s == 0 : d.failing_s >= begun_s && d.failing_s < begun_s + 60 && d.waiting == 1 && strcmp(d.why, "server_error") == 0);
        fake_peer_post(&w.slack, "/control/faults", "[]");
        story_pass(&w.story, 1300);
        assert_int_equal(notice_state(&w), NOTICE_DELIVERED);
        assert_int_equal(messages(&w), 1);
        assert_in_range(calls_of(&w, "chat.postMessage"), rows[i].posts_least, rows[i].posts_most);
        assert_true(effects_destinations(w.story.effects, &d, 1) == 1 && d.failing_s == 0 && d.waiting == 0);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
        assert_int_equal(story_events(&w.story, "notice.delivered"), 1);
        end(&w);
    }
}

static void order_incident(struct world *w, enum incident_move move)
{
    const struct incident_order order = { move, SPAN_LITERAL("a bad update"), SPAN_LITERAL("admin:root") };
    struct err err;
    bool changed;
    assert_int_equal(incident_order(&w->story.node, w->story.store, &order, &changed, &err), OK);
    assert_true(changed);
}

/* Reserved before an incident and not sent yet: nobody is written to until it is over, however well the channel is. */
static void an_incident_holds_back_what_was_reserved_before_it(void **state)
{
    static const struct { const char *name, *faults; size_t posts; } rows[] = {
        { "surely not sent", "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":60}]", 2 },
        { "perhaps sent, and it was not", "[{\"method\":\"chat.postMessage\",\"kind\":\"500_before\"}]", 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        start_slack(&w, "U0ANA");
        fake_peer_post(&w.slack, "/control/faults", rows[i].faults);
        fail_check(&w);
        story_pass(&w.story, 3);
        assert_int_equal(calls_of(&w, "chat.postMessage"), 1);
        order_incident(&w, INCIDENT_START);
        story_pass(&w.story, 600);
        assert_int_equal(messages(&w), 0);
        assert_int_equal(notice_state(&w), NOTICE_SENDING);
        order_incident(&w, INCIDENT_STOP);
        story_pass(&w.story, 120);
        assert_int_equal(notice_state(&w), NOTICE_DELIVERED);
        assert_int_equal(messages(&w), 1);
        assert_int_equal(calls_of(&w, "chat.postMessage"), rows[i].posts);
        end(&w);
    }
}

/* It cannot be told for the rest of the day: then the day is over, the next has its own message, and nothing is sent late. */
static void an_outage_until_night_costs_the_day_and_no_more(void **state)
{
    static const struct { const char *name, *faults, *why; } rows[] = {
        { "it may have been posted", "[{\"method\":\"*\",\"kind\":\"500_before\",\"times\":999999}]", "ambiguous" },
        { "it surely was not", "[{\"method\":\"*\",\"kind\":\"error\",\"error\":\"new_word\",\"times\":999999}]", "too_late" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        begin_with_faults(&w, rows[i].name, "U0ANA", rows[i].faults);
        story_pass(&w.story, 600);
        assert_int_equal(notice_state(&w), NOTICE_SENDING);
        for (int hour = 0; hour < 13; hour++) { /* noon to one in the night */
            w.story.now_ms += 3600 * 1000;
            story_pass(&w.story, 30);
        }
        assert_why(&w, rows[i].why);
        fake_peer_post(&w.slack, "/control/faults", "[]");
        w.story.now_ms += 8 * 3600 * 1000; /* nine in the morning */
        story_pass(&w.story, 600);
        assert_int_equal(notice_state(&w), NOTICE_DELIVERED);
        assert_int_equal(messages(&w), 1);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 2);
        end(&w);
    }
}

static void a_dead_token_stops_all_sending(void **state)
{
    struct world w;
    struct effects_destination d;
    (void)state;
    start_slack(&w, "U0ANA");
    fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"token_revoked\",\"times\":9}]");
    fail_check(&w);
    story_pass(&w.story, 20);
    assert_int_equal(calls_of(&w, "chat.postMessage"), 1);
    assert_int_equal(effects_destinations(w.story.effects, &d, 1), 1);
    assert_true(d.stopped && d.waiting == 1);
    assert_non_null(strstr(d.why, "token_revoked: install the app again"));
    fake_peer_post(&w.slack, "/control/faults", "[]");
    story_restart_effects(&w.story, &w.options); /* the configuration was mended */
    story_pass(&w.story, 25);
    assert_int_equal(messages(&w), 1);
    end(&w);
}

static void renew_by_file(struct world *w, const char *path)
{
    struct err err;
    assert_int_equal(file_write_private(path, SPAN_LITERAL("xoxb-test-token\n"), &err), OK);
    slack_app_refresh(w->story.node.slack, w->story.node.log);
}

/* As the feed of every gateway hears it. */
static void renew_by_command(struct world *w, const char *path)
{
    (void)path;
    slack_doubt_hear(&w->story.node, &(struct event){ .type = SPAN_LITERAL(SLACK_RECONNECT) });
}

static void what_was_mended_is_used_without_a_start(void **state)
{
    static const struct { const char *name, *token, *error; void (*renew)(struct world *, const char *); } rows[] = {
        { "another token in its file", "xoxb-of-yesterday", "invalid_auth", renew_by_file },
        { "the same token, with the scope it lacked", "xoxb-test-token", "missing_scope", renew_by_command },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct effects_destination d;
        char path[256];
        print_message("%s\n", rows[i].name);
        snprintf(path, sizeof path, "%s/bot-token-%ld", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (long)getpid());
        start_slack(&w, "U0ANA");
        const struct slack_app_options app = { .token = span_of(rows[i].token), .token_file = span_of(path), .api_url = span_of(w.api), .command = SPAN_LITERAL("/device") };
        struct slack_app *made = w.story.node.slack = slack_app_new(&app);
        w.slack_options = slack_app_client(&app);
        story_restart_effects(&w.story, &w.options);
        if (strcmp(rows[i].error, "missing_scope") == 0)
            fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"error\",\"error\":\"missing_scope\",\"times\":1}]");
        fail_check(&w);
        story_pass(&w.story, 25);
        assert_true(effects_destinations(w.story.effects, &d, 1) >= 1);
        assert_true(d.stopped && d.waiting == 1);
        assert_non_null(strstr(d.why, rows[i].error));
        story_pass(&w.story, 60);
        assert_int_equal(messages(&w), 0); /* not by itself */
        rows[i].renew(&w, path);
        story_pass(&w.story, 60);
        assert_int_equal(messages(&w), 1);
        assert_true(effects_destinations(w.story.effects, &d, 1) >= 1);
        assert_true(!d.stopped && d.why[0] == '\0');
        end(&w);
        slack_app_free(made);
        unlink(path);
    }
}

/* The store is gone from its nth call on, then the process dies; the next one finds what is there. */
static void a_process_that_dies_at_any_step_sends_exactly_one(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    start_slack(&w, "U0ANA");
    for (int calls = 0; !finished; calls++) {
        story_end(&w.story);
        fake_peer_post(&w.slack, "/control/reset", "{}");
        story_start(&w.story, policy);
        start_people(&w, "U0ANA");
        fail_check(&w);
        effects_round(w.story.effects); /* the ladder reserves */
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, calls);
        effects_round(w.story.effects);
        effects_round(w.story.effects);
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = notice_state(&w) == NOTICE_DELIVERED && calls > 40; /* nothing was interrupted any more */
        story_restart_effects(&w.story, &w.options);
        story_pass(&w.story, 12);
        assert_int_equal(messages(&w), 1);
        assert_int_equal(story_events(&w.story, "notice.delivered"), 1);
        assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
    }
    end(&w);
}

static void a_person_without_slack_id_is_looked_up_once_and_remembered(void **state)
{
    struct world w;
    (void)state;
    start_slack(&w, NULL);
    fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":1}]");
    fail_check(&w);
    story_pass(&w.story, 10);
    assert_int_equal(messages(&w), 1);
    assert_int_equal(calls_of(&w, "users.lookupByEmail"), 1);
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(span_equal_text(ana->slack, "U0ANA"));
    person_free(ana);
    end(&w);
}

static void nobody_by_that_address_is_not_asked_for_again_that_day(void **state)
{
    struct world w;
    (void)state;
    start_slack(&w, NULL);
    fake_peer_post(&w.slack, "/control/people", "[]");
    fail_check(&w);
    story_pass(&w.story, 20);
    assert_why(&w, "users_not_found");
    assert_int_equal(calls_of(&w, "users.lookupByEmail"), 1);
    assert_int_equal(story_events(&w.story, "notice.reserved"), 1);
    end(&w);
}

static void what_was_fixed_before_the_message_left_is_not_told(void **state)
{
    struct world w;
    (void)state;
    start_slack(&w, "U0ANA");
    fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":30}]");
    fail_check(&w);
    story_pass(&w.story, 5);
    story_result(&w.story, DOVER, "firewall", VERDICT_PASS);
    story_pass(&w.story, 40);
    assert_int_equal(messages(&w), 0);
    assert_why(&w, "nothing_left_to_fix");
    fail_check(&w);
    story_pass(&w.story, 5);
    assert_int_equal(messages(&w), 1); /* nothing was sent, so the day was free */
    end(&w);
}

static void a_notice_that_missed_its_hours_waits_for_the_next_day(void **state)
{
    struct world w;
    (void)state;
    start_slack(&w, "U0ANA");
    fake_peer_post(&w.slack, "/control/faults", "[{\"method\":\"chat.postMessage\",\"kind\":\"429\",\"retry_after\":3600,\"times\":99}]");
    fail_check(&w);
    story_pass(&w.story, 3);
    fake_peer_post(&w.slack, "/control/faults", "[]");
    w.story.now_ms += 7 * 3600 * INT64_C(1000); /* 19:00 */
    story_pass(&w.story, 3);
    assert_int_equal(messages(&w), 0);
    assert_why(&w, "too_late");
    w.story.now_ms += 14 * 3600 * INT64_C(1000); /* 09:00 the next day */
    story_pass(&w.story, 3);
    assert_int_equal(messages(&w), 1);
    end(&w);
}

/* ---- webhooks ---- */

static size_t events_of(struct world *w) { return fake_peer_count(&w->hook, "/control/events", NULL); }

static void wanted_events_arrive_signed_and_once(void **state)
{
    static const struct span wanted[] = { { "rung.changed", 12 }, { "notice.*", 8 } };
    struct world w;
    (void)state;
    start_hook(&w, wanted, 2);
    fail_check(&w);
    story_pass(&w.story, 3);
    assert_int_equal(events_of(&w), 2); /* rung.changed, notice.reserved */
    assert_int_equal(fake_peer_count(&w.hook, "/control/refused", NULL), 0);
    story_restart_effects(&w.story, &w.options);
    story_pass(&w.story, 3);
    assert_int_equal(events_of(&w), 2);
    end(&w);
}

static void a_new_receiver_is_not_told_the_past(void **state)
{
    static const struct span all[] = { { "*", 1 } };
    struct world w;
    (void)state;
    start_hook(&w, all, 1);
    size_t at_first = events_of(&w);
    w.story.now_ms += 1000;
    w.webhook.id = SPAN_LITERAL("other");
    story_restart_effects(&w.story, &w.options);
    story_pass(&w.story, 3);
    assert_int_equal(events_of(&w), at_first);
    fail_check(&w);
    story_pass(&w.story, 3);
    assert_true(events_of(&w) > at_first);
    end(&w);
}

static void a_failing_receiver_gets_everything_later(void **state)
{
    static const struct span wanted[] = { { "result.changed", 14 } };
    struct world w;
    struct effects_destination d;
    (void)state;
    start_hook(&w, wanted, 1);
    fake_peer_post(&w.hook, "/control/faults", "[{\"kind\":\"500\",\"times\":2},{\"kind\":\"reset\",\"times\":2},{\"kind\":\"503\",\"retry_after\":20,\"times\":1}]");
    for (int i = 0; i < 4; i++)
        story_result(&w.story, DOVER, "firewall", i % 2 == 0 ? VERDICT_FAIL : VERDICT_PASS);
    story_pass(&w.story, 1);
    effects_destinations(w.story.effects, &d, 1);
    assert_true(d.waiting > 0);
    story_pass(&w.story, 120);
    assert_int_equal(events_of(&w), 4);
    effects_destinations(w.story.effects, &d, 1);
    assert_int_equal(d.waiting, 0);
    assert_string_equal(d.why, "");
    end(&w);
}

struct seen { size_t count, set_aside; unsigned tries; char id[64]; };
static bool see(void *context, const struct delivery *d)
{
    struct seen *s = context;
    s->count++;
    s->set_aside += d->set_aside;
    s->tries = d->tries;
    memcpy(s->id, d->id.at, d->id.bytes);
    s->id[d->id.bytes] = '\0';
    return true;
}

static void what_fails_for_a_day_is_set_aside_and_sent_on_request(void **state)
{
    static const struct span wanted[] = { { "result.changed", 14 } };
    struct world w;
    struct seen seen = { 0 };
    struct err err;
    (void)state;
    start_hook(&w, wanted, 1);
    fake_peer_post(&w.hook, "/control/faults", "[{\"kind\":\"400\",\"times\":1000}]");
    fail_check(&w);
    for (int i = 0; i < 30; i++) {
        w.story.now_ms += 310 * 1000;
        story_settle(&w.story);
    }
    assert_int_equal(effects_deliveries(w.story.effects, w.story.store, see, &seen, &err), OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.set_aside, 1);
    assert_int_equal(seen.tries, EFFECTS_TRIES);
    assert_int_equal(effects_resend(w.story.effects, w.story.store, SPAN_LITERAL("e_nosuchdelivery"), SPAN_LITERAL("admin:root"), &err), ERR_NOT_FOUND);
    fake_peer_post(&w.hook, "/control/faults", "[]");
    assert_int_equal(effects_resend(w.story.effects, w.story.store, span_of(seen.id), SPAN_LITERAL("admin:root"), &err), OK);
    story_pass(&w.story, 2);
    assert_int_equal(events_of(&w), 1);
    seen = (struct seen){ 0 };
    assert_int_equal(effects_deliveries(w.story.effects, w.story.store, see, &seen, &err), OK);
    assert_int_equal(seen.count, 0);
    end(&w);
}

static void a_receiver_that_is_gone_is_left_alone(void **state)
{
    static const struct span wanted[] = { { "result.changed", 14 } };
    struct world w;
    struct effects_destination d;
    (void)state;
    start_hook(&w, wanted, 1);
    fake_peer_post(&w.hook, "/control/faults", "[{\"kind\":\"410\",\"times\":1}]");
    fail_check(&w);
    story_pass(&w.story, 2);
    story_result(&w.story, DOVER, "firewall", VERDICT_PASS);
    story_pass(&w.story, 10);
    assert_int_equal(events_of(&w), 0);
    effects_destinations(w.story.effects, &d, 1);
    assert_true(d.stopped && d.set_aside == 1 && d.waiting == 0);
    end(&w);
}

static void two_nodes_share_the_log_and_send_each_event_once(void **state)
{
    static const struct span wanted[] = { { "result.changed", 14 } };
    struct world w;
    struct effects *other = NULL;
    struct err err;
    (void)state;
    start_hook(&w, wanted, 1);
    assert_int_equal(effects_new(&w.story.node, &w.options, &other, &err), OK);
    for (int i = 0; i < 6; i++) {
        story_result(&w.story, DOVER, "firewall", i % 2 == 0 ? VERDICT_FAIL : VERDICT_PASS);
        w.story.now_ms += 500;
        effects_round(other);
        story_settle(&w.story);
    }
    struct from_json *doc = fake_peer_get(&w.hook, "/control/events");
    struct from_json_value root = from_json_root(doc);
    assert_int_equal(from_json_count(&root), 6);
    for (size_t i = 0; i < 6; i++) {
        struct from_json_value item = from_json_item(&root, i), copies = from_json_member(&item, "copies");
        int64_t count = 0;
        assert_int_equal(from_json_int(&copies, 1, 100, &count, &err), OK);
        assert_int_equal(count, 1);
    }
    from_json_free(doc);
    effects_free(other);
    end(&w);
}

/* ---- the count of what waits ---- */

/* A reader whose every entry writes the same item anew, as a message that changes does. */
struct rewriting { unsigned entries; bool sends; };

static enum err_code rewrite(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct rewriting *w = self;
    const struct effects_item item = { .id = SPAN_LITERAL("one"), .type = SPAN_LITERAL("message"), .first_ms = clock_wall_ms(r->node->clock), .due_ms = clock_wall_ms(r->node->clock) };
    w->entries++;
    return e->has_record ? reader_queue(r, &item, err) : OK;
}

static struct item_result send_or_keep(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    (void)r;
    (void)partition;
    (void)item;
    return ((struct rewriting *)self)->sends ? (struct item_result){ ITEM_DONE, -1, true } : (struct item_result){ ITEM_LATER, 3600 * 1000, false };
}

static void keep_self(void *self) { (void)self; }

static void change_and_round(struct world *w, struct reader *r, int changes)
{
    for (int i = 0; i < changes; i++)
        story_result(&w->story, DOVER, "firewall", i % 2 == 0 ? VERDICT_FAIL : VERDICT_PASS);
    w->story.now_ms += 11000;
    for (int i = 0; i < 3; i++)
        reader_round(r);
}

static void an_item_that_replaces_another_does_not_fill_the_outbox(void **state)
{
    static const struct reader_ops ops = { .entry = rewrite, .send = send_or_keep, .free = keep_self };
    struct rewriting self = { .sends = false };
    struct reader *r = NULL;
    struct effects_destination d;
    struct world w;
    struct err err;
    (void)state;
    start_hook(&w, NULL, 0);
    assert_int_equal(reader_new(&w.story.node, "rewriting", "node", &ops, &self, 500, &r, &err), OK);
    change_and_round(&w, r, 6);
    unsigned before = self.entries;
    assert_true(before > 0);
    for (unsigned i = 0; i < r->partition_count; i++)
        r->partitions[i].waiting = EFFECTS_WAITING_MOST; /* as after so many replacements */
    change_and_round(&w, r, 2);
    assert_true(self.entries >= before + 2); /* it counted what is there, and went on */
    reader_describe(r, &d);
    assert_true(d.waiting >= 1);
    self.sends = true;
    w.story.now_ms += 3600 * 1000;
    change_and_round(&w, r, 4);
    reader_describe(r, &d);
    assert_int_equal(d.waiting, 0); /* and none is left */
    reader_free(r);
    end(&w);
}

/* ---- threads, start and stop ---- */

static void threads_start_work_and_stop(void **state)
{
    static const struct span wanted[] = { { "result.changed", 14 } };
    struct world w;
    struct err err;
    (void)state;
    start_hook(&w, wanted, 1);
    effects_free(w.story.effects);
    w.story.effects = NULL;
    w.story.now_ms += EFFECTS_LEASE_MS + 1;
    fail_check(&w);
    story_effects(&w.story, &w.options);
    assert_int_equal(effects_start(w.story.effects, &err), OK);
    for (int i = 0; i < 1000 && events_of(&w) == 0; i++) /* bounded by the calls, not by a time */
        ;
    effects_stop(w.story.effects);
    assert_int_equal(events_of(&w), 1);
    end(&w);
}

static void mistakes_in_options_are_told_at_the_start(void **state)
{
    static const struct slack_options no_token = { .base_url = { "https://slack.com/api", 21 } }, plain = { .token = { "xoxb-1", 6 }, .base_url = { "http://slack.com/api", 20 } };
    static const struct webhook_options twice[] = { { .id = { "a", 1 }, .url = { "https://a.example/", 18 }, .secrets = { { SECRET, 32 } } }, { .id = { "a", 1 }, .url = { "https://b.example/", 18 }, .secrets = { { SECRET, 32 } } } };
    static const struct webhook_options weak = { .id = { "a", 1 }, .url = { "https://a.example/", 18 }, .secrets = { { "short", 5 } } };
    static const struct webhook_options named = { .id = { "A b", 3 }, .url = { "https://a.example/", 18 }, .secrets = { { SECRET, 32 } } };
    static const struct { const char *name; struct effects_options options; } rows[] = {
        { "Slack without a token", { .slack = &no_token } },       { "Slack over plain http", { .slack = &plain } },
        { "one id twice", { .webhooks = twice, .webhook_count = 2 } }, { "a short secret", { .webhooks = &weak, .webhook_count = 1 } },
        { "an id with a space", { .webhooks = &named, .webhook_count = 1 } },
    };
    struct story s;
    (void)state;
    story_start(&s, policy);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct effects *e = NULL;
        struct err err;
        print_message("%s\n", rows[i].name);
        assert_int_equal(effects_new(&s.node, &rows[i].options, &e, &err), ERR_INPUT);
        assert_null(e);
    }
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_step_follows_from_what_is_known),
        cmocka_unit_test(what_is_missing_is_sent_again_only_when_nothing_can_follow),
        cmocka_unit_test(an_item_survives_being_written),
        cmocka_unit_test(a_notice_is_sent_once_and_counts_as_told),
        cmocka_unit_test(a_fault_ends_in_one_message_or_in_none),
        cmocka_unit_test(an_hour_of_500_ends_in_one_message),
        cmocka_unit_test(an_incident_holds_back_what_was_reserved_before_it),
        cmocka_unit_test(an_outage_until_night_costs_the_day_and_no_more),
        cmocka_unit_test(a_dead_token_stops_all_sending),
        cmocka_unit_test(what_was_mended_is_used_without_a_start),
        cmocka_unit_test(a_process_that_dies_at_any_step_sends_exactly_one),
        cmocka_unit_test(a_person_without_slack_id_is_looked_up_once_and_remembered),
        cmocka_unit_test(nobody_by_that_address_is_not_asked_for_again_that_day),
        cmocka_unit_test(what_was_fixed_before_the_message_left_is_not_told),
        cmocka_unit_test(a_notice_that_missed_its_hours_waits_for_the_next_day),
        cmocka_unit_test(wanted_events_arrive_signed_and_once),
        cmocka_unit_test(a_new_receiver_is_not_told_the_past),
        cmocka_unit_test(a_failing_receiver_gets_everything_later),
        cmocka_unit_test(what_fails_for_a_day_is_set_aside_and_sent_on_request),
        cmocka_unit_test(a_receiver_that_is_gone_is_left_alone),
        cmocka_unit_test(two_nodes_share_the_log_and_send_each_event_once),
        cmocka_unit_test(an_item_that_replaces_another_does_not_fill_the_outbox),
        cmocka_unit_test(threads_start_work_and_stop),
        cmocka_unit_test(mistakes_in_options_are_told_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
