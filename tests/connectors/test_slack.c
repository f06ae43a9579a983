#include "connectors/notify/slack.h"

#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world { struct fake_peer peer; char api[96]; struct slack *slack; };

static struct slack *connect(struct world *w, const char *token)
{
    struct slack *slack = NULL;
    struct err err;
    const struct slack_options options = { .token = span_of(token), .base_url = span_of(w->api), .allow_loopback_http = true };
    assert_int_equal(slack_new(&options, &slack, &err), OK);
    return slack;
}

static void start(struct world *w)
{
    fake_peer_start(&w->peer, "fake_slack.py", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->peer.base);
    w->slack = connect(w, "xoxb-test-token");
}

static void end(struct world *w)
{
    slack_free(w->slack);
    fake_peer_stop(&w->peer);
}

static void every_error_word_has_its_meaning(void **state)
{
    static const struct { const char *word; enum slack_outcome outcome; } rows[] = {
        { "invalid_auth", SLACK_STOPPED },   { "account_inactive", SLACK_STOPPED }, { "token_revoked", SLACK_STOPPED },   { "not_authed", SLACK_STOPPED },
        { "token_expired", SLACK_STOPPED },  { "missing_scope", SLACK_STOPPED },    { "not_allowed_token_type", SLACK_STOPPED },
        { "ratelimited", SLACK_LATER },      { "user_not_found", SLACK_REFUSED },   { "user_disabled", SLACK_REFUSED },   { "user_not_visible", SLACK_REFUSED },
        { "channel_not_found", SLACK_REFUSED }, { "messages_tab_disabled", SLACK_REFUSED }, { "restricted_action", SLACK_REFUSED }, { "restricted_action_read_only_channel", SLACK_REFUSED },
        { "app_access_restricted", SLACK_REFUSED }, { "invalid_blocks", SLACK_BLOCKS }, { "invalid_blocks_format", SLACK_BLOCKS }, { "msg_blocks_too_long", SLACK_BLOCKS },
        { "no_text", SLACK_BLOCKS },         { "message_not_found", SLACK_REFUSED },{ "edit_window_closed", SLACK_REFUSED }, { "cant_update_message", SLACK_REFUSED },
        { "fatal_error", SLACK_LATER },      { "internal_error", SLACK_LATER },     { "service_unavailable", SLACK_LATER }, { "request_timeout", SLACK_LATER },
        { "team_added_to_org", SLACK_PAUSED },{ "org_login_required", SLACK_PAUSED },{ "ekm_access_denied", SLACK_PAUSED }, { "a_new_word", SLACK_LATER }, { "", SLACK_LATER },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].word);
        assert_int_equal(slack_judge(span_of(rows[i].word)), rows[i].outcome);
    }
}

static struct slack_result post(struct world *w, const char *to, const char *blocks, struct slack_posted *posted)
{
    const struct slack_message m = { span_of(to), SPAN_LITERAL("Hello"), span_of(blocks), SPAN_LITERAL("e_notice1") };
    return slack_post(w->slack, &m, posted);
}

static void a_post_is_found_by_its_notice(void **state)
{
    struct world w;
    struct slack_posted posted = { { 0 }, { 0 } }, again = { { 0 }, { 0 } };
    bool found = false;
    (void)state;
    start(&w);
    assert_int_equal(post(&w, "U0ANA", "[{\"type\":\"divider\"}]", &posted).outcome, SLACK_DONE);
    assert_string_equal(posted.conversation, "D0ANA");
    assert_int_equal(slack_find(w.slack, SPAN_LITERAL("U0ANA"), SPAN_LITERAL("e_notice1"), 0, &found, &again).outcome, SLACK_DONE);
    assert_true(found);
    assert_string_equal(again.message, posted.message);
    assert_int_equal(slack_find(w.slack, SPAN_LITERAL("U0ANA"), SPAN_LITERAL("e_notice2"), 0, &found, &again).outcome, SLACK_DONE);
    assert_false(found);
    end(&w);
}

static void an_end_says_whether_a_post_may_have_happened(void **state)
{
    static const struct { const char *name, *fault; enum slack_outcome outcome; const char *error; int64_t retry_after_s; } rows[] = {
        { "rate limit", "{\"kind\":\"429\",\"retry_after\":7}", SLACK_LATER, "ratelimited", 7 },
        { "rate limit without a time", "{\"kind\":\"429_bare\"}", SLACK_LATER, "ratelimited", -1 },
        { "500", "{\"kind\":\"500_after\"}", SLACK_AMBIGUOUS, "server_error", -1 },
        { "reset", "{\"kind\":\"reset_after\"}", SLACK_AMBIGUOUS, "no_answer", -1 },
        { "cut short", "{\"kind\":\"truncated\"}", SLACK_AMBIGUOUS, "no_answer", -1 },
        { "not JSON", "{\"kind\":\"not_json\"}", SLACK_AMBIGUOUS, "unreadable_answer", -1 },
        { "internal_error", "{\"kind\":\"error\",\"error\":\"internal_error\"}", SLACK_AMBIGUOUS, "internal_error", -1 },
        { "refused", "{\"kind\":\"error\",\"error\":\"user_disabled\"}", SLACK_REFUSED, "user_disabled", -1 },
        { "a hostile word", "{\"kind\":\"error\",\"error\":\"Bad \\u001b[31mword\"}", SLACK_LATER, "_ad___31mword", -1 },
        { "stopped", "{\"kind\":\"error\",\"error\":\"token_revoked\"}", SLACK_STOPPED, "token_revoked", -1 },
    };
    struct world w;
    (void)state;
    start(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fault[256];
        struct slack_posted posted;
        snprintf(fault, sizeof fault, "[{\"method\":\"chat.postMessage\",%s]", rows[i].fault + 1);
        fake_peer_post(&w.peer, "/control/faults", fault);
        print_message("%s\n", rows[i].name);
        struct slack_result r = post(&w, "U0ANA", "", &posted);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(r.error, rows[i].error);
        assert_int_equal(r.retry_after_s, rows[i].retry_after_s);
    }
    end(&w);
}

static void slack_that_is_not_there_was_surely_not_asked(void **state)
{
    struct world w;
    struct slack_posted posted;
    (void)state;
    start(&w);
    fake_peer_stop(&w.peer);
    struct slack_result r = post(&w, "U0ANA", "", &posted);
    assert_int_equal(r.outcome, SLACK_LATER);
    assert_string_equal(r.error, "out_of_reach");
    slack_free(w.slack);
}

static void people_are_looked_up_by_address(void **state)
{
    static const struct { const char *name, *email; enum slack_outcome outcome; const char *user, *error; } rows[] = {
        { "known", "ana@acme.example", SLACK_DONE, "U0ANA", "" },
        { "case does not matter", "ANA@acme.example", SLACK_DONE, "U0ANA", "" },
        { "plus sign", "ana+x@acme.example", SLACK_DONE, "U0PLUS", "" },
        { "nobody", "eve@acme.example", SLACK_REFUSED, "", "users_not_found" },
        { "deleted", "old@acme.example", SLACK_REFUSED, "", "user_disabled" },
        { "stranger", "guest@other.example", SLACK_REFUSED, "", "user_disabled" },
    };
    struct world w;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"},{\"id\":\"U0PLUS\",\"email\":\"ana+x@acme.example\"},"
                   "{\"id\":\"U0OLD\",\"email\":\"old@acme.example\",\"deleted\":true},{\"id\":\"U0STR\",\"email\":\"guest@other.example\",\"is_stranger\":true}]");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char user[SLACK_ID_BYTES] = { 0 };
        print_message("%s\n", rows[i].name);
        struct slack_result r = slack_lookup(w.slack, span_of(rows[i].email), user);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(user, rows[i].user);
        assert_string_equal(r.error, rows[i].error);
    }
    end(&w);
}

static void a_wrong_token_or_a_missing_scope_is_seen(void **state)
{
    struct world w;
    char team[SLACK_ID_BYTES];
    struct slack_posted posted;
    (void)state;
    start(&w);
    assert_int_equal(slack_auth_test(w.slack, team).outcome, SLACK_DONE);
    assert_string_equal(team, "T0001");
    struct slack *other = connect(&w, "xoxb-wrong");
    assert_string_equal(slack_auth_test(other, team).error, "invalid_auth");
    slack_free(other);
    fake_peer_post(&w.peer, "/control/scopes", "[\"im:history\"]");
    struct slack_result r = post(&w, "U0ANA", "", &posted);
    assert_int_equal(r.outcome, SLACK_STOPPED);
    assert_string_equal(r.error, "missing_scope");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_word_has_its_meaning),
        cmocka_unit_test(a_post_is_found_by_its_notice),
        cmocka_unit_test(an_end_says_whether_a_post_may_have_happened),
        cmocka_unit_test(slack_that_is_not_there_was_surely_not_asked),
        cmocka_unit_test(people_are_looked_up_by_address),
        cmocka_unit_test(a_wrong_token_or_a_missing_scope_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
