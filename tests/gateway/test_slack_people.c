/* Who in Slack is who here: all of them page by page, one at a time, and what of it is kept. */
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_people.h"

#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char policy[] = "policy: acme\nsensitivities: [everyday]\napps: []\nchecks: [{ use: library/firewall }]\nladders: []\nnudges: { hours: \"08:00-18:00\" }\n";

struct world { struct story story; struct fake_peer slack; char api[96]; struct slack_app_options app; struct slack_options slack_options; struct effects_options options; };

static void begin(struct world *w, const char *people)
{
    static const struct span emoji[] = { { ":palm_tree:", 11 } }, words[] = { { "On Leave", 8 } };
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--now", "1796040000", NULL);
    fake_peer_post(&w->slack, "/control/people", people);
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    w->app = (struct slack_app_options){ .token = SPAN_LITERAL("xoxb-test-token"), .api_url = span_of(w->api), .command = SPAN_LITERAL("/device"), .away_emoji = { emoji, 1 }, .away_words = { words, 1 } };
    w->story.node.slack = slack_app_new(&w->app);
    assert_non_null(w->story.node.slack);
    w->slack_options = slack_app_client(&w->app);
    w->options = (struct effects_options){ .slack = &w->slack_options };
    story_person(&w->story, ANA, NULL, "ana@acme.example");
    story_person(&w->story, BEN, NULL, "ben@acme.example");
    story_feed(&w->story);
    story_effects(&w->story, &w->options);
    w->story.node.effects = w->story.effects;
}

static void end(struct world *w)
{
    story_end(&w->story);
    slack_app_free(w->story.node.slack);
    fake_peer_stop(&w->slack);
}

static void assert_slack(struct world *w, const char *person, const char *id)
{
    struct person *p = story_stored_person(&w->story, person);
    bool same = span_equal_text(p->slack, id);
    person_free(p);
    assert_true(same);
}

/* Slack says that U0ANA changed. */
static void note_ana(struct world *w)
{
    struct err err;
    assert_int_equal(slack_people_note(&w->story.node, w->story.store, SPAN_LITERAL("U0ANA"), &err), OK);
    story_pass(&w->story, 5);
}

static bool is_away(struct world *w, int64_t at_s)
{
    struct person *p = story_stored_person(&w->story, ANA);
    bool away = false;
    for (size_t i = 0; i < p->absence_count; i++)
        away = away || (p->absences[i].time.from_s <= at_s && (p->absences[i].time.to_s == 0 || at_s < p->absences[i].time.to_s));
    person_free(p);
    return away;
}

static void everybody_is_found_by_address_page_by_page(void **state)
{
    struct world w;
    struct buf people;
    (void)state;
    buf_init(&people, 1024 * 1024);
    buf_append_text(&people, "[{\"id\":\"U0ANA\",\"email\":\"Ana@Acme.example\",\"tz\":\"Europe/Lisbon\"}");
    for (int i = 0; i < 250; i++) /* three pages */
        buf_format(&people, ",{\"id\":\"U1%05d\",\"email\":\"x%d@acme.example\"}", i, i);
    buf_append_text(&people, ",{\"id\":\"U9BEN\",\"email\":\"ben@acme.example\",\"tz\":\"Mars/Base\"}]");
    begin(&w, buf_text(&people));
    story_pass(&w.story, 20);
    assert_slack(&w, ANA, "U0ANA");
    assert_slack(&w, BEN, "U9BEN");
    struct person *ana = story_stored_person(&w.story, ANA);
    assert_true(span_equal_text(ana->zone, "Europe/Lisbon") && ana->zone_from_slack);
    person_free(ana);
    struct person *ben = story_stored_person(&w.story, BEN);
    assert_true(span_empty(ben->zone)); /* the organisation's, and not UTC */
    person_free(ben);
    assert_int_equal(story_events(&w.story, "person.slack"), 2);
    size_t calls = fake_peer_count(&w.slack, "/control/calls", NULL);
    story_restart_effects(&w.story, &w.options); /* another process, the same hours: once is enough */
    w.story.node.effects = w.story.effects;
    story_pass(&w.story, 20);
    assert_int_equal(fake_peer_count(&w.slack, "/control/calls", NULL), calls);
    buf_done(&people);
    end(&w);
}

static void faults_are_outlived(void **state)
{
    static const char *const faults[] = { "[{\"method\":\"users.list\",\"kind\":\"429\",\"retry_after\":3,\"times\":2}]", "[{\"method\":\"users.list\",\"kind\":\"429_bare\"}]",
        "[{\"method\":\"users.list\",\"kind\":\"500_before\",\"times\":2}]", "[{\"method\":\"users.list\",\"kind\":\"truncated\"}]", "[{\"method\":\"users.list\",\"kind\":\"not_json\"}]" };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct world w;
        print_message("%s\n", faults[i]);
        begin(&w, "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"}]");
        fake_peer_post(&w.slack, "/control/faults", faults[i]);
        for (int minutes = 0; minutes < 5; minutes++) {
            w.story.now_ms += 60 * 1000;
            story_settle(&w.story);
        }
        assert_slack(&w, ANA, "U0ANA");
        end(&w);
    }
}

static void who_may_not_be_written_to_is_not_mapped(void **state)
{
    static const struct { const char *name, *member; bool guests, mapped; } rows[] = {
        { "plain", "", false, true },           { "deactivated", ",\"deleted\":true", false, false },   { "bot", ",\"is_bot\":true", false, false },
        { "stranger", ",\"is_stranger\":true", false, false }, { "invited only", ",\"is_invited_user\":true", false, false }, { "guest", ",\"is_restricted\":true", false, false },
        { "guest, and guests are wanted", ",\"is_ultra_restricted\":true", true, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        char people[256];
        print_message("%s\n", rows[i].name);
        snprintf(people, sizeof people, "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"%s}]", rows[i].member);
        begin(&w, people);
        slack_app_free(w.story.node.slack);
        w.app.guests = rows[i].guests;
        w.story.node.slack = slack_app_new(&w.app);
        story_restart_effects(&w.story, &w.options);
        w.story.node.effects = w.story.effects;
        story_pass(&w.story, 5);
        assert_slack(&w, ANA, rows[i].mapped ? "U0ANA" : "");
        end(&w);
    }
}

static void somebody_who_left_is_let_go_and_comes_back(void **state)
{
    struct world w;
    (void)state;
    begin(&w, "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"}]");
    story_pass(&w.story, 5);
    assert_slack(&w, ANA, "U0ANA");
    fake_peer_post(&w.slack, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\",\"deleted\":true}]");
    note_ana(&w);
    assert_slack(&w, ANA, "");
    fake_peer_post(&w.slack, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"}]");
    note_ana(&w);
    assert_slack(&w, ANA, "U0ANA");
    fake_peer_post(&w.slack, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ben@acme.example\"}]"); /* an address moves: the account says who it is */
    note_ana(&w);
    assert_slack(&w, BEN, "");
    end(&w);
}

static void a_status_is_an_absence_and_no_more(void **state)
{
    static const struct { const char *name, *status; bool away; int64_t until_s; } rows[] = {
        { "none", "", false, 0 },
        { "emoji with an end", ",\"status_emoji\":\":palm_tree:\",\"status_text\":\"secret\",\"status_expiration\":1796140000", true, 1796140000 },
        { "emoji without an end", ",\"status_emoji\":\":palm_tree:\",\"status_expiration\":0", true, 0 },
        { "words", ",\"status_text\":\"I am on leave, yay\"", true, 0 },
        { "other emoji", ",\"status_emoji\":\":coffee:\"", false, 0 },
        { "ended already", ",\"status_emoji\":\":palm_tree:\",\"status_expiration\":1796000000", false, 0 },
        { "nonsense", ",\"status_emoji\":7,\"status_text\":null,\"status_expiration\":\"x\"", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        char people[512];
        print_message("%s\n", rows[i].name);
        snprintf(people, sizeof people, "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"%s}]", rows[i].status);
        begin(&w, people);
        story_pass(&w.story, 5);
        int64_t now_s = w.story.now_ms / 1000;
        assert_int_equal(is_away(&w, now_s), rows[i].away);
        if (rows[i].until_s > 0)
            assert_true(is_away(&w, rows[i].until_s - 1) && !is_away(&w, rows[i].until_s));
        else if (rows[i].away)
            assert_false(is_away(&w, now_s + SLACK_AWAY_OPEN_S + 60)); /* nobody looks any more: it ends by itself */
        struct person *ana = story_stored_person(&w.story, ANA);
        CLEANUP(buf_done) struct buf body;
        struct to_json json;
        buf_init(&body, PERSON_BODY_BYTES);
        to_json_init(&json, &body);
        person_to_json(ana, &json);
        assert_true(span_search(buf_span(&body), SPAN_LITERAL("secret")) == body.bytes && span_search(buf_span(&body), SPAN_LITERAL("palm")) == body.bytes);
        person_free(ana);
        size_t events = story_events(&w.story, "person.absence");
        note_ana(&w);
        assert_int_equal(story_events(&w.story, "person.absence"), events); /* looking twice changes nothing */
        fake_peer_post(&w.slack, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"}]");
        note_ana(&w);
        assert_false(is_away(&w, w.story.now_ms / 1000 + 1));
        assert_int_equal(story_events(&w.story, "person.back"), rows[i].away);
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_found_by_address_page_by_page),
        cmocka_unit_test(faults_are_outlived),
        cmocka_unit_test(who_may_not_be_written_to_is_not_mapped),
        cmocka_unit_test(somebody_who_left_is_let_go_and_comes_back),
        cmocka_unit_test(a_status_is_an_absence_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
