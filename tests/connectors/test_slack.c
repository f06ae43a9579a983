#include "connectors/notify/slack_users.h"

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
        { "token_expired", SLACK_EXPIRED },  { "missing_scope", SLACK_STOPPED },    { "not_allowed_token_type", SLACK_STOPPED },
        { "ratelimited", SLACK_LATER },      { "user_not_found", SLACK_REFUSED },   { "user_disabled", SLACK_REFUSED },   { "user_not_visible", SLACK_REFUSED },
        { "channel_not_found", SLACK_REFUSED }, { "messages_tab_disabled", SLACK_REFUSED }, { "restricted_action", SLACK_REFUSED }, { "restricted_action_read_only_channel", SLACK_REFUSED },
        { "app_access_restricted", SLACK_REFUSED }, { "invalid_blocks", SLACK_BLOCKS }, { "invalid_blocks_format", SLACK_BLOCKS }, { "msg_blocks_too_long", SLACK_BLOCKS },
        { "no_text", SLACK_BLOCKS },         { "message_not_found", SLACK_REFUSED },{ "edit_window_closed", SLACK_REFUSED }, { "cant_update_message", SLACK_REFUSED },
        { "fatal_error", SLACK_LATER },      { "internal_error", SLACK_LATER },     { "service_unavailable", SLACK_LATER }, { "request_timeout", SLACK_LATER },
        { "team_added_to_org", SLACK_PAUSED },{ "org_login_required", SLACK_PAUSED },{ "ekm_access_denied", SLACK_PAUSED }, { "a_new_word", SLACK_LATER },
        { "not_admin", SLACK_STOPPED },      { "cannot_update_admin_user", SLACK_REFUSED }, { "permission_denied", SLACK_REFUSED }, { "too_long", SLACK_REFUSED }, { "user_is_bot", SLACK_REFUSED },
        { "profile_set_failed", SLACK_LATER }, { "", SLACK_LATER },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].word);
        assert_int_equal(slack_judge(span_of(rows[i].word)), rows[i].outcome);
    }
}

static struct slack_result post(struct world *w, const char *to, const char *blocks, struct slack_posted *posted)
{
    const struct slack_message m = { .to = span_of(to), .text = SPAN_LITERAL("Hello"), .blocks = span_of(blocks), .notice = SPAN_LITERAL("e_notice1") };
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
    struct slack_identity who;
    struct slack_posted posted;
    (void)state;
    start(&w);
    assert_int_equal(slack_auth_test(w.slack, &who).outcome, SLACK_DONE);
    assert_string_equal(who.team, "T0001");
    assert_string_equal(who.user, "UBOT");
    assert_non_null(strstr(who.scopes, "chat:write"));
    struct slack *other = connect(&w, "xoxb-wrong");
    assert_string_equal(slack_auth_test(other, &who).error, "invalid_auth");
    slack_free(other);
    fake_peer_post(&w.peer, "/control/scopes", "[\"im:history\"]");
    struct slack_result r = post(&w, "U0ANA", "", &posted);
    assert_int_equal(r.outcome, SLACK_STOPPED);
    assert_string_equal(r.error, "missing_scope");
    end(&w);
}

/* ---- views, answers, tokens ---- */

static struct span text_under(const struct from_json *doc, const char *first, const char *second)
{
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, first), inner = second == NULL ? v : from_json_member(&v, second);
    struct span text = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_text(&inner, 4096, &text, &err), OK);
    return text;
}

static void a_message_changes_in_place(void **state)
{
    static const struct { const char *conversation, *message, *error; enum slack_outcome outcome; } rows[] = {
        { "D0ANA", NULL, "", SLACK_DONE }, { "U0ANA", NULL, "channel_not_found", SLACK_REFUSED }, { "D0ANA", "1.000001", "message_not_found", SLACK_REFUSED },
    };
    struct world w;
    struct slack_posted posted = { { 0 }, { 0 } };
    (void)state;
    start(&w);
    assert_int_equal(post(&w, "U0ANA", "", &posted).outcome, SLACK_DONE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slack_posted at = posted;
        const struct slack_message m = { .text = SPAN_LITERAL("Fixed."), .blocks = SPAN_LITERAL("[{\"type\":\"divider\"}]") };
        snprintf(at.conversation, sizeof at.conversation, "%s", rows[i].conversation);
        if (rows[i].message != NULL)
            snprintf(at.message, sizeof at.message, "%s", rows[i].message);
        struct slack_result r = slack_update(w.slack, &at, &m);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(r.error, rows[i].error);
    }
    fake_peer_post(&w.peer, "/control/faults", "[{\"method\":\"chat.update\",\"kind\":\"500_after\"}]");
    const struct slack_message again = { .text = SPAN_LITERAL("Fixed again.") };
    assert_int_equal(slack_update(w.slack, &posted, &again).outcome, SLACK_LATER); /* may be repeated */
    assert_int_equal(slack_update(w.slack, &posted, &again).outcome, SLACK_DONE);
    assert_int_equal(fake_peer_count(&w.peer, "/control/messages", "U0ANA"), 1);
    end(&w);
}

#define HOME "{\"type\":\"home\",\"blocks\":[{\"type\":\"divider\"}]}"
#define MODAL "{\"type\":\"modal\",\"title\":{\"type\":\"plain_text\",\"text\":\"Hello\"},\"blocks\":[{\"type\":\"divider\"}]}"

static void views_are_published_and_opened_once(void **state)
{
    struct world w;
    (void)state;
    start(&w);
    assert_int_equal(slack_publish_home(w.slack, SPAN_LITERAL("U0ANA"), SPAN_LITERAL(HOME)).outcome, SLACK_DONE);
    assert_int_equal(fake_peer_count(&w.peer, "/control/home", "U0ANA"), 2);
    assert_string_equal(slack_publish_home(w.slack, SPAN_LITERAL("U0ANA"), SPAN_LITERAL(MODAL)).error, "invalid_blocks");
    assert_string_equal(slack_publish_home(w.slack, SPAN_LITERAL("UNOBODY"), SPAN_LITERAL(HOME)).error, "user_not_found");
    struct from_json *doc = fake_peer_get(&w.peer, "/control/trigger");
    assert_int_equal(slack_open_view(w.slack, text_under(doc, "trigger_id", NULL), SPAN_LITERAL(MODAL)).outcome, SLACK_DONE);
    struct slack_result r = slack_open_view(w.slack, text_under(doc, "trigger_id", NULL), SPAN_LITERAL(MODAL));
    assert_int_equal(r.outcome, SLACK_REFUSED);
    assert_string_equal(r.error, "exchanged_trigger_id");
    from_json_free(doc);
    end(&w);
}

static void an_answer_goes_to_slack_and_nowhere_else(void **state)
{
    static const char *const elsewhere[] = { "https://evil.example/", "https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "https://hooks.slack.com@evil.example/", "", "file:///etc/passwd",
                                             "http://127.0.0.1:1/x" };
    struct world w;
    (void)state;
    start(&w);
    struct from_json *doc = fake_peer_get(&w.peer, "/control/response");
    for (int i = 0; i < 5; i++)
        assert_int_equal(slack_respond(w.slack, text_under(doc, "response_url", NULL), SPAN_LITERAL("{\"text\":\"Hello\"}")).outcome, SLACK_DONE);
    assert_string_equal(slack_respond(w.slack, text_under(doc, "response_url", NULL), SPAN_LITERAL("{\"text\":\"Hello\"}")).error, "answer_address_used_up");
    from_json_free(doc);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        assert_string_equal(slack_respond(w.slack, span_of(elsewhere[i]), SPAN_LITERAL("{\"text\":\"Hello\"}")).error, "address_not_slacks");
    assert_int_equal(fake_peer_count(&w.peer, "/control/answers", NULL), 5);
    end(&w);
}

static void a_user_has_the_address_that_slack_knows(void **state)
{
    static const struct { const char *user, *email, *error; enum slack_outcome outcome; } rows[] = {
        { "U0ANA", "ana@acme.example", "", SLACK_DONE }, { "U0GONE", "", "user_disabled", SLACK_REFUSED }, { "U0BOT", "", "user_disabled", SLACK_REFUSED },
        { "U0CON", "", "user_disabled", SLACK_REFUSED }, { "U0NO", "", "", SLACK_DONE }, { "U0NOBODY", "", "user_not_found", SLACK_REFUSED },
    };
    struct world w;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/people", "[{\"id\":\"U0ANA\",\"email\":\"ana@acme.example\"},{\"id\":\"U0GONE\",\"deleted\":true,\"email\":\"g@acme.example\"},"
                                               "{\"id\":\"U0BOT\",\"is_bot\":true,\"email\":\"b@acme.example\"},{\"id\":\"U0CON\",\"is_stranger\":true,\"email\":\"c@acme.example\"},{\"id\":\"U0NO\"}]");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char email[SLACK_EMAIL_BYTES] = "";
        struct slack_result r = slack_user_email(w.slack, span_of(rows[i].user), email);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(r.error, rows[i].error);
        assert_string_equal(email, rows[i].email);
    }
    end(&w);
}

static void a_refresh_token_is_spent_for_a_new_pair(void **state)
{
    const struct slack_client client = { SPAN_LITERAL("12.34"), SPAN_LITERAL("se:cret") }, wrong = { SPAN_LITERAL("12.34"), SPAN_LITERAL("other") };
    struct world w;
    struct slack_tokens got = { { 0 }, { 0 }, 0 };
    struct slack_identity who;
    struct err err;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/token", "{\"client_id\":\"12.34\",\"client_secret\":\"se:cret\",\"refresh_token\":\"xoxe-1-first\"}");
    assert_string_equal(slack_refresh(w.slack, &wrong, SPAN_LITERAL("xoxe-1-first"), &got).error, "bad_client_secret");
    assert_int_equal(slack_refresh(w.slack, &client, SPAN_LITERAL("xoxe-1-first"), &got).outcome, SLACK_DONE);
    assert_int_equal(got.lifetime_s, 43200);
    assert_int_equal(slack_set_token(w.slack, span_of(got.access), &err), OK);
    assert_int_equal(slack_auth_test(w.slack, &who).outcome, SLACK_DONE);
    struct slack_result r = slack_refresh(w.slack, &client, SPAN_LITERAL("xoxe-1-first"), &got);
    assert_int_equal(r.outcome, SLACK_STOPPED);
    assert_string_equal(r.error, "invalid_refresh_token");
    fake_peer_post(&w.peer, "/control/expire", "{}");
    assert_int_equal(slack_auth_test(w.slack, &who).outcome, SLACK_EXPIRED);
    fake_peer_post(&w.peer, "/control/faults", "[{\"method\":\"oauth.v2.access\",\"kind\":\"500_after\"}]");
    assert_int_equal(slack_refresh(w.slack, &client, span_of(got.refresh), &got).outcome, SLACK_AMBIGUOUS);
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
        cmocka_unit_test(a_message_changes_in_place),
        cmocka_unit_test(views_are_published_and_opened_once),
        cmocka_unit_test(an_answer_goes_to_slack_and_nowhere_else),
        cmocka_unit_test(a_user_has_the_address_that_slack_knows),
        cmocka_unit_test(a_refresh_token_is_spent_for_a_new_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
