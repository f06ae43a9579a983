/* Secrets of the Slack app that are replaced while the gateway runs. */
#include "gateway/slack/slack_app.h"

#include "posture/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { NOW_S = 1796040000 };

struct world { struct slack_app *app; char path[256]; };

static void put(const struct world *w, struct span text)
{
    struct err err;
    assert_int_equal(file_write_private(w->path, text, &err), OK);
}

static void start(struct world *w, struct slack_app_options *options, struct span *file, const char *text)
{
    *w = (struct world){ .app = NULL };
    snprintf(w->path, sizeof w->path, "%s/slack-secret-%ld", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (long)getpid());
    put(w, span_of(text));
    *file = span_of(w->path);
    assert_non_null(w->app = slack_app_new(options));
}

static void end(struct world *w)
{
    slack_app_free(w->app);
    unlink(w->path);
}

static void a_file_is_taken_when_it_holds_another_secret(void **state)
{
    char longest[SLACK_TOKEN_MOST + 3];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "xapp-", 5);
    const struct { const char *name; struct span content; const char *kept; } rows[] = {
        { "the same", SPAN_LITERAL("xapp-first\n"), "xapp-first" },         { "another", SPAN_LITERAL("xapp-second"), "xapp-second" },
        { "a line end and spaces", SPAN_LITERAL(" xapp-third\r\n"), "xapp-third" }, { "empty", SPAN_LITERAL(""), "xapp-first" },
        { "spaces", SPAN_LITERAL(" \n"), "xapp-first" },                    { "a bot token", SPAN_LITERAL("xoxb-second"), "xapp-first" },
        { "half of one", SPAN_LITERAL("xap"), "xapp-first" },               { "two lines", SPAN_LITERAL("xapp-a\nX-Evil: b"), "xapp-first" },
        { "a NUL inside", SPAN_LITERAL("xapp-a\0b"), "xapp-first" },         { "other letters", SPAN_LITERAL("xapp-\xc3\xa4"), "xapp-first" },
        { "one byte too long", span_make(longest, SLACK_TOKEN_MOST + 1), "xapp-first" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct slack_secret_text now;
        struct slack_app_options options = { .token = SPAN_LITERAL("xoxb-test"), .app_token = SPAN_LITERAL("xapp-first"), .command = SPAN_LITERAL("/device") };
        print_message("%s\n", rows[i].name);
        start(&w, &options, &options.app_token_file, "xapp-first");
        int64_t number = slack_app_secret(w.app, SLACK_SECRET_APP_TOKEN, &now);
        put(&w, rows[i].content);
        slack_app_refresh(w.app, NULL);
        bool another = strcmp(rows[i].kept, "xapp-first") != 0;
        assert_int_equal(slack_app_renewals(w.app), another);
        assert_int_equal(slack_app_secret(w.app, SLACK_SECRET_APP_TOKEN, &now) != number, another);
        assert_string_equal(now.text, rows[i].kept);
        unlink(w.path);
        slack_app_refresh(w.app, NULL); /* gone: nothing changes */
        put(&w, span_of(rows[i].kept));
        slack_app_refresh(w.app, NULL); /* back, as it was */
        assert_int_equal(slack_app_renewals(w.app), another);
        end(&w);
    }
}

static enum slack_proof prove(struct world *w, const char *secret)
{
    struct buf signature;
    buf_init(&signature, 256);
    assert_true(slack_sign(span_of(secret), SPAN_LITERAL("1796040000"), SPAN_LITERAL("{}"), &signature));
    const struct slack_signed what = { .timestamp = SPAN_LITERAL("1796040000"), .signature = buf_span(&signature), .body = SPAN_LITERAL("{}") };
    enum slack_proof proof = slack_app_prove(w->app, &what, NOW_S);
    buf_done(&signature);
    return proof;
}

static void the_new_signing_secret_proves_and_the_one_before_does_not(void **state)
{
    struct world w;
    struct slack_app_options options = { .token = SPAN_LITERAL("xoxb-test"), .signing_secret = SPAN_LITERAL("first"), .command = SPAN_LITERAL("/device") };
    (void)state;
    start(&w, &options, &options.signing_secret_file, "first");
    assert_int_equal(prove(&w, "first"), SLACK_GENUINE);
    assert_int_equal(prove(&w, "second"), SLACK_FORGED);
    assert_int_equal(prove(&w, ""), SLACK_FORGED);
    put(&w, SPAN_LITERAL("second\n"));
    slack_app_refresh(w.app, NULL);
    assert_int_equal(prove(&w, "first"), SLACK_FORGED);
    assert_int_equal(prove(&w, "second"), SLACK_GENUINE);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_file_is_taken_when_it_holds_another_secret), cmocka_unit_test(the_new_signing_secret_proves_and_the_one_before_does_not) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
