/* The status beside a name: real calls to the strict fake. */
#include "connectors/notify/slack_profile.h"

#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world { struct fake_peer peer; char api[96]; struct slack *slack; };

static void start(struct world *w, const char *token)
{
    struct err err;
    memset(w, 0, sizeof *w);
    fake_peer_start(&w->peer, "fake_slack.py", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->peer.base);
    const struct slack_options options = { .token = span_of(token), .base_url = span_of(w->api), .allow_loopback_http = true };
    assert_int_equal(slack_new(&options, &w->slack, &err), OK);
}

static void end(struct world *w)
{
    slack_free(w->slack);
    fake_peer_stop(&w->peer);
}

#define ANA SPAN_LITERAL("U0ANA")

static void a_status_is_set_read_and_cleared(void **state)
{
    struct world w;
    struct slack_status s;
    bool plain = false;
    (void)state;
    start(&w, "xoxp-admin-token");
    assert_int_equal(slack_is_plain_member(w.slack, ANA, &plain).outcome, SLACK_DONE);
    assert_true(plain);
    assert_int_equal(slack_status_get(w.slack, ANA, &s).outcome, SLACK_DONE);
    assert_true(s.text[0] == '\0' && s.emoji[0] == '\0' && s.expires_s == 0);
    assert_int_equal(slack_status_set(w.slack, ANA, SPAN_LITERAL("Updating \"it\"\\"), SPAN_LITERAL(":wrench:"), 1796040000).outcome, SLACK_DONE);
    assert_int_equal(slack_status_get(w.slack, ANA, &s).outcome, SLACK_DONE);
    assert_string_equal(s.text, "Updating \"it\"\\");
    assert_string_equal(s.emoji, ":wrench:");
    assert_int_equal(s.expires_s, 1796040000);
    assert_int_equal(slack_status_set(w.slack, ANA, SPAN_NONE, SPAN_NONE, 0).outcome, SLACK_DONE);
    assert_int_equal(slack_status_get(w.slack, ANA, &s).outcome, SLACK_DONE);
    assert_string_equal(s.text, "");
    end(&w);
}

static void what_slack_refuses_is_refused(void **state)
{
    char long_text[102];
    memset(long_text, 'a', 101);
    long_text[101] = '\0';
    const struct { const char *token, *user, *text, *emoji; enum slack_outcome outcome; const char *error; } rows[] = {
        { "xoxb-test-token", "U0ANA", "Away", ":wrench:", SLACK_STOPPED, "not_allowed_token_type" },
        { "xoxp-other", "U0ANA", "Away", ":wrench:", SLACK_STOPPED, "invalid_auth" },
        { "xoxp-admin-token", "U0ANA", long_text, ":wrench:", SLACK_REFUSED, "too_long" },
        { "xoxp-admin-token", "U0ANA", "Away", "wrench", SLACK_REFUSED, "invalid_emoji_not_allowed" },
        { "xoxp-admin-token", "U0ANA", "", ":wrench:", SLACK_REFUSED, "must_clear_both_status_text_and_status_emoji" },
        { "xoxp-admin-token", "U0NOBODY", "Away", ":wrench:", SLACK_REFUSED, "user_not_found" },
        { "xoxp-admin-token", "U0BOSS", "Away", ":wrench:", SLACK_REFUSED, "cannot_update_admin_user" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        start(&w, rows[i].token);
        fake_peer_post(&w.peer, "/control/people", "[{\"id\":\"U0ANA\"},{\"id\":\"U0BOSS\",\"is_owner\":true}]");
        struct slack_result r = slack_status_set(w.slack, span_of(rows[i].user), span_of(rows[i].text), span_of(rows[i].emoji), 0);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(r.error, rows[i].error);
        end(&w);
    }
}

/* Nothing unreadable is taken for a status that is free, and nothing long runs over. */
static void a_strange_profile_is_no_free_one(void **state)
{
    static const struct { const char *status; enum slack_outcome outcome; } rows[] = {
        { "{\"status_text\":5,\"status_emoji\":\"\"}", SLACK_LATER },     { "{\"status_text\":null,\"status_emoji\":\"\"}", SLACK_LATER },
        { "{\"status_emoji\":\"\"}", SLACK_LATER },                          { "{\"status_text\":\"\"}", SLACK_LATER },
        { "{\"status_text\":\"\",\"status_emoji\":[]}", SLACK_LATER },    { "{\"status_text\":\"\",\"status_emoji\":\"\",\"status_expiration\":-1}", SLACK_LATER },
        { "{\"status_text\":\"\",\"status_emoji\":\"\",\"status_expiration\":\"soon\"}", SLACK_LATER },
        { "{\"status_text\":\"\",\"status_emoji\":\"\",\"status_expiration\":1e300}", SLACK_LATER },
        { "{\"status_text\":\"\",\"status_emoji\":\"\"}", SLACK_DONE },
    };
    struct world w;
    struct slack_status s;
    (void)state;
    start(&w, "xoxp-admin-token");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf all;
        print_message("%s\n", rows[i].status);
        buf_init(&all, 4096);
        buf_format(&all, "{\"U0ANA\":%s}", rows[i].status);
        fake_peer_post(&w.peer, "/control/statuses", buf_text(&all));
        assert_int_equal(slack_status_get(w.slack, ANA, &s).outcome, rows[i].outcome);
        buf_done(&all);
    }
    struct buf all;
    buf_init(&all, 64 * 1024);
    buf_append_text(&all, "{\"U0ANA\":{\"status_emoji\":\"\",\"status_text\":\"");
    for (int i = 0; i < 5000; i++)
        buf_append_text(&all, "x");
    buf_append_text(&all, "\"}}");
    fake_peer_post(&w.peer, "/control/statuses", buf_text(&all));
    assert_int_equal(slack_status_get(w.slack, ANA, &s).outcome, SLACK_DONE);
    assert_int_equal(strlen(s.text), SLACK_STATUS_BYTES - 1);
    buf_done(&all);
    end(&w);
}

static void whoever_is_more_or_less_than_a_member_is_not_plain(void **state)
{
    static const struct { const char *flag; enum slack_outcome outcome; bool plain; } rows[] = {
        { "\"is_bot\":false", SLACK_DONE, true },         { "\"is_admin\":true", SLACK_DONE, false },       { "\"is_primary_owner\":true", SLACK_DONE, false },
        { "\"is_restricted\":true", SLACK_DONE, false },  { "\"is_admin\":\"no\"", SLACK_LATER, false },  { "\"deleted\":1", SLACK_LATER, false }, { "\"deleted\":true", SLACK_DONE, false },
    };
    struct world w;
    (void)state;
    start(&w, "xoxp-admin-token");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char people[128];
        bool plain = true;
        print_message("%s\n", rows[i].flag);
        snprintf(people, sizeof people, "[{\"id\":\"U0ANA\",%s}]", rows[i].flag);
        fake_peer_post(&w.peer, "/control/people", people);
        assert_int_equal(slack_is_plain_member(w.slack, ANA, &plain).outcome, rows[i].outcome);
        assert_int_equal(rows[i].outcome == SLACK_DONE && plain, rows[i].plain);
    }
    end(&w);
}

static void an_emoji_is_a_name_between_colons(void **state)
{
    static const struct { const char *text; bool good; } rows[] = {
        { ":wrench:", true }, { ":+1:", true }, { ":flag-de:", true }, { "wrench", false }, { "::", false }, { ":", false }, { "", false }, { ":a b:", false }, { ":A:", false }, { ":a:b:", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(slack_is_emoji(span_of(rows[i].text)), rows[i].good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_set_read_and_cleared),       cmocka_unit_test(what_slack_refuses_is_refused),
        cmocka_unit_test(a_strange_profile_is_no_free_one),       cmocka_unit_test(whoever_is_more_or_less_than_a_member_is_not_plain),
        cmocka_unit_test(an_emoji_is_a_name_between_colons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
