/* The marker as an effect of the log: real calls to the strict fake, a fake store, a clock that moves when the story says so. */
#include "gateway/effects.h"
#include "gateway/incident.h"
#include "gateway/options.h"
#include "gateway/slack/slack_app.h"

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
enum { NOTICE_S = 5, MARKED_S = 70, LENGTH_S = 8 * 3600 };

#define POLICY(more) \
    "policy: acme\n" \
    "sensitivities: [everyday, sensitive]\n" \
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n" \
    "checks: [{ use: library/firewall, severity: high, fresh_for: 30d }]\n" \
    "ladders:\n" \
    "  - id: default\n" \
    "    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\n" \
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: sensitive, after: 60s, close: [sensitive] }]\n" \
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n" \
    "    notices_before_close: 1\n" \
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n" more \
    "visible_after: { reads: 1, apart: 0s }\n" \
    "grace: { new_device: 0s, after_absence: 0s }\n" \
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }\n" \
    "breaker: off\n"
static const char enforced[] = POLICY(""), reported[] = POLICY("    stage: report\n"), nudged[] = POLICY("    stage: nudge\n"), broken_glass[] = POLICY("") "break_glass: [ana@acme.example]\n";
static const char own[] = "{\"U0ANA\":{\"status_text\":\"On a train\",\"status_emoji\":\":train:\",\"status_expiration\":0}}";

struct world { struct story story; struct fake_peer peer; char api[96]; struct marker_options marker; struct effects_options options; };

static void start_people(struct world *w)
{
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    story_settle(&w->story);
}

static void start_with(struct world *w, const char *policy)
{
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->peer, "fake_slack.py", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->peer.base);
    w->marker = (struct marker_options){ SPAN_LITERAL("Jo Lindt"), SPAN_LITERAL("agreement 14"), SPAN_LITERAL("xoxp-admin-token"), SPAN_LITERAL("sensitive"), SPAN_LITERAL("Updating my laptop"),
                                         SPAN_LITERAL(":wrench:"), span_of(w->api), LENGTH_S };
    w->options.marker = &w->marker;
    start_people(w);
}

static void start(struct world *w) { start_with(w, enforced); }

static void end(struct world *w)
{
    story_end(&w->story);
    fake_peer_stop(&w->peer);
}

static void jump(struct world *w, int64_t seconds)
{
    w->story.now_ms += (seconds - 1) * 1000;
    story_pass(&w->story, 1);
}

/* As a channel would. */
static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    assert_true(person_add_told(copy, SPAN_LITERAL(DOVER), SPAN_LITERAL("firewall"), s->now_ms / 1000));
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void change_ana(struct world *w, change_person_fn *edit)
{
    struct err err;
    assert_int_equal(change_person(&w->story.node, w->story.store, SPAN_LITERAL(ANA), false, edit, &w->story, &err), OK);
    story_settle(&w->story);
}

static void fail_and_tell(struct world *w)
{
    story_result(&w->story, DOVER, "firewall", VERDICT_FAIL);
    story_settle(&w->story);
    change_ana(w, edit_told);
}

static void fix(struct world *w)
{
    story_result(&w->story, DOVER, "firewall", VERDICT_PASS);
    story_pass(&w->story, NOTICE_S);
}

static void mark(struct world *w)
{
    fail_and_tell(w);
    jump(w, MARKED_S);
    story_pass(&w->story, NOTICE_S);
}

/* ---- what the fake saw ---- */

static bool shows(struct world *w, const char *text, int64_t *expires_s)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/statuses");
    struct from_json_value root = from_json_root(doc), status = from_json_member(&root, "U0ANA"), v = from_json_member(&status, "status_text"), e = from_json_member(&status, "status_expiration");
    struct span seen = SPAN_NONE;
    struct err err;
    int64_t until_s = 0;
    (void)!from_json_text_opt(&v, 1000, &seen, &err);
    (void)!from_json_int_opt(&e, 0, INT64_MAX, &until_s, &err);
    bool same = span_equal_text(seen, text);
    from_json_free(doc);
    if (expires_s != NULL)
        *expires_s = until_s;
    return same;
}

static size_t sets(struct world *w)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/calls");
    struct from_json_value root = from_json_root(doc);
    size_t count = 0;
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i), name = from_json_member(&item, "method");
        struct span text = SPAN_NONE;
        count += from_json_text(&name, 100, &text, NULL) == OK && span_equal_text(text, "users.profile.set");
    }
    from_json_free(doc);
    return count;
}

static size_t calls(struct world *w) { return fake_peer_count(&w->peer, "/control/calls", NULL); }

static bool event_says(struct world *w, const char *type, const char *words)
{
    struct event e;
    return fake_store_last_event(w->story.server, type, &e) && span_search(e.data, span_of(words)) < e.data.bytes;
}

static struct effects_destination state_of(struct world *w)
{
    struct effects_destination d;
    assert_int_equal(effects_destinations(w->story.effects, &d, 1), 1);
    assert_string_equal(d.name, "slack-marker");
    return d;
}

static bool has_lever(struct world *w)
{
    struct person *ana = story_stored_person(&w->story, ANA);
    bool has = ana->lever_count > 0;
    person_free(ana);
    return has;
}

/* ---- off ---- */

static const char all_of_it[] = "marker: { decided_by: Jo Lindt, acknowledged: agreement 14, user_token: \"env:MARKER_TOKEN\", rung: all }\n";

static void it_is_on_with_all_of_it_or_off(void **state)
{
    static const struct { const char *name, *yaml, *token, *mistake; } rows[] = {
        { "nothing", "", "", NULL },
        { "only its looks", "marker: { text: Restarting, emoji: \":gear:\", length: 1h }\n", "", NULL },
        { "all of it", all_of_it, "xoxp-1", NULL },
        { "who decided", "marker: { decided_by: Jo Lindt }\n", "", "missing: marker.acknowledged marker.user_token marker.rung" },
        { "a token alone", "marker: { user_token: \"env:MARKER_TOKEN\" }\n", "xoxp-1", "missing: marker.decided_by marker.acknowledged marker.rung" },
        { "nobody acknowledged", "marker: { decided_by: Jo Lindt, user_token: \"env:MARKER_TOKEN\", rung: all }\n", "xoxp-1", "missing: marker.acknowledged" },
        { "a bot's token", all_of_it, "xoxb-1", "is no user token" },
        { "a name of blanks is nobody's", "marker: { decided_by: \"  \", acknowledged: here, user_token: \"env:MARKER_TOKEN\", rung: all }\n", "xoxp-1", "missing: marker.decided_by" },
        { "longer than a day", "marker: { length: 25h }\n", "", "marker.length must be between 1h and 1d" },
        { "shorter than an hour", "marker: { length: 10m }\n", "", "marker.length" },
        { "letters that Slack changes", "marker: { decided_by: Jo, acknowledged: here, user_token: \"env:MARKER_TOKEN\", rung: all, text: \"<b>\" }\n", "xoxp-1", "marker.text" },
        { "two lines", "marker: { decided_by: Jo, acknowledged: here, user_token: \"env:MARKER_TOKEN\", rung: all, text: \"a\\nb\" }\n", "xoxp-1", "marker.text" },
        { "no emoji", "marker: { decided_by: Jo, acknowledged: here, user_token: \"env:MARKER_TOKEN\", rung: all, emoji: wrench }\n", "xoxp-1", "marker.emoji" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct postern_options o;
        struct mistakes mistakes;
        struct buf printed;
        print_message("%s\n", rows[i].name);
        setenv("MARKER_TOKEN", rows[i].token, 1);
        mistakes_init(&mistakes);
        buf_init(&printed, 64 * 1024);
        bool good = options_read_text(&o, span_of(rows[i].yaml), SPAN_LITERAL("postern.yaml"), true, &mistakes);
        assert_true(mistakes_print(&mistakes, &printed) || good);
        if (good != (rows[i].mistake == NULL) || (!good && strstr(buf_text(&printed), rows[i].mistake) == NULL))
            fail_msg("%s", buf_text(&printed));
        buf_done(&printed);
        mistakes_done(&mistakes);
        options_done(&o);
    }
}

/* As `postern check` reads it: no secret is opened, and the environment may have none of them. */
static void what_is_missing_is_told_without_opening_secrets(void **state)
{
    static const struct { const char *name, *yaml, *mistake; } rows[] = {
        { "all of it", all_of_it, NULL },
        { "no token", "state: /tmp/x\nmarker:\n  decided_by: Jo Lindt\n  acknowledged: agreement 14\n  rung: all\n", "postern.yaml:3:3: the marker is on only with all of decided_by, acknowledged, user_token and rung; missing: marker.user_token" },
        { "a token itself", "marker: { decided_by: Jo, acknowledged: here, user_token: xoxp-1, rung: all }\n", "postern.yaml:1:59: marker.user_token must be a reference" },
        { "a token alone", "marker: { user_token: \"env:NOBODY_HAS_THIS\" }\n", "missing: marker.decided_by marker.acknowledged marker.rung" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct postern_options o;
        struct mistakes mistakes;
        struct buf printed;
        print_message("%s\n", rows[i].name);
        mistakes_init(&mistakes);
        buf_init(&printed, 64 * 1024);
        bool good = options_read_text(&o, span_of(rows[i].yaml), SPAN_LITERAL("postern.yaml"), false, &mistakes);
        assert_true(mistakes_print(&mistakes, &printed));
        if (good != (rows[i].mistake == NULL) || (!good && strstr(buf_text(&printed), rows[i].mistake) == NULL))
            fail_msg("%s", buf_text(&printed));
        buf_done(&printed);
        mistakes_done(&mistakes);
        options_done(&o);
    }
}

static void without_a_word_of_it_nobody_is_marked(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    w.options.marker = NULL;
    story_restart_effects(&w.story, &w.options);
    mark(&w);
    assert_int_equal(calls(&w), 0);
    assert_int_equal(story_events(&w.story, "marker.set"), 0);
    end(&w);
}

static void stages_that_only_tell_mark_nobody(void **state)
{
    const struct { const char *name, *policy; } rows[] = { { "report", reported }, { "nudge", nudged }, { "break-glass", broken_glass } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].name);
        start_with(&w, rows[i].policy);
        mark(&w);
        jump(&w, 86400);
        assert_int_equal(calls(&w), 0);
        assert_int_equal(story_events(&w.story, "marker.set"), 0);
        end(&w);
    }
}

/* ---- there and back ---- */

static void it_is_set_once_with_its_end_and_a_fix_clears_it(void **state)
{
    struct world w;
    int64_t expires_s = 0;
    (void)state;
    start(&w);
    fail_and_tell(&w);
    story_pass(&w.story, NOTICE_S);
    assert_int_equal(calls(&w), 0); /* on the rung below */
    jump(&w, MARKED_S);
    int64_t now_s = w.story.now_ms / 1000;
    story_pass(&w.story, NOTICE_S);
    assert_true(shows(&w, "Updating my laptop", &expires_s));
    assert_true(expires_s > now_s && expires_s <= now_s + LENGTH_S + 1);
    assert_int_equal(story_events(&w.story, "marker.set"), 1);
    assert_int_equal(story_events(&w.story, "marker.confirmed"), 1);
    assert_true(event_says(&w, "marker.set", "\"decided_by\":\"Jo Lindt\"") && event_says(&w, "marker.set", "\"until\":\""));
    story_pass(&w.story, 60); /* the sweep finds nothing to do */
    assert_int_equal(sets(&w), 1);
    fix(&w);
    assert_true(shows(&w, "", NULL));
    assert_true(event_says(&w, "marker.clearing", "below") && event_says(&w, "marker.cleared", "ours"));
    assert_int_equal(state_of(&w).waiting, 0);
    jump(&w, 2 * 3600);
    jump(&w, 60);
    assert_false(has_lever(&w));
    assert_int_equal(sets(&w), 2);
    end(&w);
}

static void at_its_end_it_is_over_and_is_not_set_again_for_the_same_failure(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    mark(&w);
    size_t before = calls(&w);
    jump(&w, LENGTH_S);
    jump(&w, 60);
    assert_int_equal(story_events(&w.story, "marker.ended"), 1);
    jump(&w, 5 * 86400);
    jump(&w, 60);
    assert_int_equal(calls(&w), before); /* Slack takes it away, and nobody is asked */
    fix(&w);
    jump(&w, 60);
    assert_int_equal(calls(&w), before);
    jump(&w, 2 * 86400);
    jump(&w, 60);
    assert_false(has_lever(&w));
    fake_peer_post(&w.peer, "/control/statuses", "{}");
    mark(&w); /* another failure */
    assert_int_equal(story_events(&w.story, "marker.set"), 2);
    assert_true(shows(&w, "Updating my laptop", NULL));
    end(&w);
}

static void a_status_of_their_own_is_left(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/statuses", own);
    mark(&w);
    assert_true(shows(&w, "On a train", NULL));
    assert_true(event_says(&w, "marker.skipped", "own_status"));
    fake_peer_post(&w.peer, "/control/statuses", "{}");
    jump(&w, 3600);
    fix(&w);
    assert_int_equal(sets(&w), 0);
    end(&w);
}

static void only_what_is_ours_is_cleared(void **state)
{
    static const struct { const char *statuses, *found, *left; } rows[] = { { own, "own_status", "On a train" }, { "{}", "nothing", "" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        start(&w);
        mark(&w);
        fake_peer_post(&w.peer, "/control/statuses", rows[i].statuses);
        fix(&w);
        assert_true(shows(&w, rows[i].left, NULL));
        assert_true(event_says(&w, "marker.cleared", rows[i].found));
        assert_int_equal(sets(&w), 1);
        end(&w);
    }
}

static void who_is_no_plain_member_is_not_marked(void **state)
{
    static const char *const flags[] = { "is_admin", "is_owner", "is_restricted", "is_ultra_restricted", "is_stranger", "is_bot" };
    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct world w;
        char people[128];
        print_message("%s\n", flags[i]);
        start(&w);
        snprintf(people, sizeof people, "[{\"id\":\"U0ANA\",\"%s\":true}]", flags[i]);
        fake_peer_post(&w.peer, "/control/people", people);
        mark(&w);
        assert_int_equal(sets(&w), 0);
        assert_true(event_says(&w, "marker.skipped", "not_a_plain_member"));
        end(&w);
    }
}

/* ---- what eases ---- */

static enum change_say edit_dispute(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    struct dispute *d = arena_array(&copy->arena, 1, sizeof *d);
    (void)err;
    d[0] = (struct dispute){ .id = SPAN_LITERAL("dispute1"), .device = SPAN_LITERAL(DOVER), .check = SPAN_LITERAL("firewall"), .time = { s->now_ms / 1000, 0 } };
    copy->disputes = d;
    copy->dispute_count = 1;
    return change_event(events, &s->node, "person.disputed", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static enum change_say edit_absence(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    struct absence *a = arena_array(&copy->arena, 1, sizeof *a);
    (void)err;
    a[0] = (struct absence){ { s->now_ms / 1000, s->now_ms / 1000 + 86400 }, SPAN_LITERAL("calendar") };
    copy->absences = a;
    copy->absence_count = 1;
    return change_event(events, &s->node, "person.absence", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static enum change_say edit_removed(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    copy->removed = true;
    return change_event(events, &s->node, "person.removed", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void set_incident(struct world *w, bool on)
{
    struct err err;
    bool changed = false;
    const struct incident_order order = { on ? INCIDENT_START : INCIDENT_STOP, SPAN_LITERAL("a bad update"), SPAN_LITERAL("admin:root") };
    assert_int_equal(incident_order(&w->story.node, w->story.store, &order, &changed, &err), OK);
    story_settle(&w->story);
}

static void what_eases_the_failure_clears_it_at_once_and_for_good(void **state)
{
    static const struct { const char *why; change_person_fn *edit; } rows[] = { { "eased", edit_dispute }, { "away", edit_absence }, { "left", edit_removed }, { "frozen", NULL } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        print_message("%s\n", rows[i].why);
        start(&w);
        mark(&w);
        assert_true(shows(&w, "Updating my laptop", NULL));
        if (rows[i].edit != NULL)
            change_ana(&w, rows[i].edit);
        else
            set_incident(&w, true);
        story_pass(&w.story, 35);
        assert_true(shows(&w, "", NULL));
        assert_true(event_says(&w, "marker.clearing", rows[i].why));
        if (rows[i].edit == NULL)
            set_incident(&w, false);
        jump(&w, 2 * 86400);
        story_pass(&w.story, 35);
        assert_int_equal(story_events(&w.story, "marker.set"), 1);
        end(&w);
    }
}

static void while_consequences_are_frozen_nobody_is_marked(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    set_incident(&w, true);
    mark(&w);
    jump(&w, 86400);
    assert_int_equal(calls(&w), 0);
    assert_int_equal(story_events(&w.story, "marker.set"), 0);
    end(&w);
}

static void who_fixed_it_while_slack_was_away_is_never_marked(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/faults", "[{\"method\":\"*\",\"kind\":\"500_before\",\"times\":100000}]");
    mark(&w);
    fix(&w);
    fake_peer_post(&w.peer, "/control/faults", "[]");
    for (int i = 0; i < 60; i++)
        jump(&w, 10);
    assert_int_equal(sets(&w), 0);
    assert_int_equal(state_of(&w).waiting, 0);
    end(&w);
}

/* ---- faults ---- */

static void a_hostile_answer_ends_in_one_status_or_none(void **state)
{
    static const struct { const char *name, *method, *rest; bool set; const char *skipped; } rows[] = {
        { "limit that names its end", "users.profile.set", "\"kind\":\"429\",\"retry_after\":20", true, NULL },
        { "limit without a word", "users.profile.get", "\"kind\":\"429_bare\"", true, NULL },
        { "500 before", "users.profile.set", "\"kind\":\"500_before\"", true, NULL },
        { "500 after", "users.profile.set", "\"kind\":\"500_after\"", true, NULL },
        { "half an answer", "users.profile.get", "\"kind\":\"truncated\"", true, NULL },
        { "no JSON", "users.profile.get", "\"kind\":\"not_json\"", true, NULL },
        { "no JSON of who it is", "users.info", "\"kind\":\"not_json\"", true, NULL },
        { "hung up after", "users.profile.set", "\"kind\":\"reset_after\"", true, NULL },
        { "an admin after all", "users.profile.set", "\"kind\":\"error\",\"error\":\"cannot_update_admin_user\"", false, "cannot_update_admin_user" },
        { "nobody of that id", "users.profile.get", "\"kind\":\"error\",\"error\":\"user_not_found\"", false, "user_not_found" },
        { "a word that Slack does not have", "users.profile.set", "\"kind\":\"error\",\"error\":\"<script>\"", true, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        char faults[256];
        print_message("%s\n", rows[i].name);
        start(&w);
        snprintf(faults, sizeof faults, "[{\"method\":\"%s\",%s,\"times\":2}]", rows[i].method, rows[i].rest);
        fake_peer_post(&w.peer, "/control/faults", faults);
        mark(&w);
        for (int s = 0; s < 20; s++)
            jump(&w, 10);
        assert_true(shows(&w, rows[i].set ? "Updating my laptop" : "", NULL));
        assert_int_equal(story_events(&w.story, "marker.confirmed"), rows[i].set);
        if (rows[i].skipped != NULL)
            assert_true(event_says(&w, "marker.skipped", rows[i].skipped));
        assert_int_equal(state_of(&w).waiting, 0);
        end(&w);
    }
}

static void a_token_without_rights_stops_it_and_says_so(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    w.marker.user_token = SPAN_LITERAL("xoxb-test-token");
    story_restart_effects(&w.story, &w.options);
    mark(&w);
    assert_true(effects_is_stopped(w.story.effects, "slack-marker"));
    assert_string_equal(state_of(&w).why, "missing_scope");
    assert_true(shows(&w, "", NULL));
    end(&w);
}

/* The token stays; a scope was given to it in Slack. */
static void it_goes_on_when_an_admin_says_that_it_was_mended(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    struct slack_app *app = w.story.node.slack = slack_app_new(&(struct slack_app_options){ .token = SPAN_LITERAL("xoxb-test-token"), .command = SPAN_LITERAL("/device") });
    fake_peer_post(&w.peer, "/control/faults", "[{\"method\":\"users.profile.set\",\"kind\":\"error\",\"error\":\"missing_scope\",\"times\":1}]");
    mark(&w);
    assert_true(effects_is_stopped(w.story.effects, "slack-marker"));
    jump(&w, 60);
    assert_true(shows(&w, "", NULL));
    slack_app_renew(app);
    for (int s = 0; s < 20; s++)
        jump(&w, 10);
    assert_false(effects_is_stopped(w.story.effects, "slack-marker"));
    assert_true(shows(&w, "Updating my laptop", NULL));
    end(&w);
    slack_app_free(app);
}

/* The store is gone from its nth call on, then the process dies; the next one finds what is there. */
static void a_process_that_dies_at_any_step_sets_one_and_clears_it(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    start(&w);
    for (int at = 0, step = 8; !finished; at += step) {
        story_end(&w.story);
        fake_peer_post(&w.peer, "/control/reset", "{}");
        story_start(&w.story, enforced);
        start_people(&w);
        fail_and_tell(&w);
        w.story.now_ms += MARKED_S * 1000;
        story_feed(&w.story);
        fake_store_fail_after(w.story.server, ERR_UNAVAILABLE, at);
        for (int i = 0; i < 4; i++) {
            effects_round(w.story.effects);
            w.story.now_ms += 1000;
        }
        fake_store_fail(w.story.server, OK, 0);
        story_feed(&w.story);
        finished = story_events(&w.story, "marker.confirmed") == 1 && step == 1;
        step = story_events(&w.story, "marker.set") == 0 ? 8 : 1; /* before that nothing of ours happens */
        story_restart_effects(&w.story, &w.options);
        story_pass(&w.story, 12);
        assert_true(shows(&w, "Updating my laptop", NULL));
        assert_int_equal(story_events(&w.story, "marker.set"), 1);
        assert_int_equal(story_events(&w.story, "marker.confirmed"), 1);
        fix(&w);
        assert_true(shows(&w, "", NULL));
        assert_int_equal(story_events(&w.story, "marker.cleared"), 1);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_on_with_all_of_it_or_off), cmocka_unit_test(what_is_missing_is_told_without_opening_secrets),
        cmocka_unit_test(without_a_word_of_it_nobody_is_marked),
        cmocka_unit_test(stages_that_only_tell_mark_nobody),
        cmocka_unit_test(it_is_set_once_with_its_end_and_a_fix_clears_it),
        cmocka_unit_test(at_its_end_it_is_over_and_is_not_set_again_for_the_same_failure),
        cmocka_unit_test(a_status_of_their_own_is_left),
        cmocka_unit_test(only_what_is_ours_is_cleared),
        cmocka_unit_test(who_is_no_plain_member_is_not_marked),
        cmocka_unit_test(what_eases_the_failure_clears_it_at_once_and_for_good),
        cmocka_unit_test(while_consequences_are_frozen_nobody_is_marked),
        cmocka_unit_test(who_fixed_it_while_slack_was_away_is_never_marked),
        cmocka_unit_test(a_hostile_answer_ends_in_one_status_or_none),
        cmocka_unit_test(a_token_without_rights_stops_it_and_says_so), cmocka_unit_test(it_goes_on_when_an_admin_says_that_it_was_mended),
        cmocka_unit_test(a_process_that_dies_at_any_step_sets_one_and_clears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
