/* Socket Mode over time: silence, a missing hello, the drain of a connection that was replaced. The fake Slack is real, the clock is not. */
#include "gateway/slack/slack_line.h"

#include "gateway/slack/slack_app.h"
#include "posture/base/file.h"
#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { LOOKS_MOST = 6000, LOOK_US = 10000 };
static const char policy[] = "policy: acme\nsensitivities: [everyday]\nchecks: [{ use: library/firewall }]\n";

struct world { struct story story; struct fake_peer slack; struct clock clock; _Atomic int64_t now_ms; char api[96]; struct slack_line *line; };

static int64_t read_clock(const struct clock *c) { return atomic_load(&((struct world *)c->context)->now_ms); }

/* As if `app_token` had been read from `file`; empty: from none. */
static void start_with(struct world *w, const char *app_token, const char *file)
{
    struct err err;
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->slack, "fake_slack.py", "--app-token", "xapp-test-token", NULL);
    snprintf(w->api, sizeof w->api, "%s/api", w->slack.base);
    w->now_ms = (int64_t)STORY_START_S * 1000;
    w->clock = (struct clock){ read_clock, read_clock, w };
    w->story.node.clock = &w->clock;
    w->story.node.slack = slack_app_new(&(struct slack_app_options){ .token = SPAN_LITERAL("xoxb-test-token"), .app_token = span_of(app_token), .app_token_file = span_of(file), .api_url = span_of(w->api), .command = SPAN_LITERAL("/device") });
    assert_non_null(w->story.node.slack);
    assert_int_equal(slack_line_new(&w->story.node, &w->line, &err), OK);
}

static void start(struct world *w) { start_with(w, "xapp-test-token", ""); }

static void end(struct world *w)
{
    struct slack_app *app = w->story.node.slack;
    slack_line_stop(w->line);
    slack_line_free(w->line);
    story_end(&w->story);
    slack_app_free(app);
    fake_peer_stop(&w->slack);
}

static void start_line(struct world *w)
{
    struct err err;
    assert_int_equal(slack_line_start(w->line, &err), OK);
}

static void fault(struct world *w, const char *json) { fake_peer_post(&w->slack, "/control/socket_fault", json); }

static int64_t seen(struct world *w, const char *key)
{
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w->slack, "/control/socket");
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, key);
    struct err err;
    int64_t number = -1;
    assert_int_equal(from_json_int(&v, 0, 1000, &number, &err), OK);
    return number;
}

/* The fake clock runs on meanwhile, `each_ms` a look. */
static void await_state(struct world *w, enum slack_line_state state, uint64_t opened, int64_t each_ms)
{
    struct slack_line_description d = { .state = SLACK_LINE_CONNECTING };
    for (int i = 0; i < LOOKS_MOST; i++) {
        slack_line_describe(w->line, &d);
        if (d.state == state && d.opened >= opened)
            return;
        atomic_fetch_add(&w->now_ms, each_ms);
        usleep(LOOK_US);
    }
    fail_msg("state %d with %llu opened, wanted %d with %llu: %s", d.state, (unsigned long long)d.opened, state, (unsigned long long)opened, d.why);
}

static void await_open(struct world *w, int64_t count, int64_t each_ms)
{
    for (int i = 0; i < LOOKS_MOST && seen(w, "open") != count; i++) {
        atomic_fetch_add(&w->now_ms, each_ms);
        usleep(LOOK_US);
    }
    assert_int_equal(seen(w, "open"), count);
}

/* As when a router has forgotten the connection: nobody closes it, nobody answers. */
static void silence_is_taken_for_the_end(void **state)
{
    static struct world w;
    struct slack_line_description d;
    (void)state;
    start(&w);
    start_line(&w);
    await_state(&w, SLACK_LINE_OPEN, 1, 100);
    assert_int_equal(kill(w.slack.pid, SIGSTOP), 0);
    await_state(&w, SLACK_LINE_CONNECTING, 1, 1000);
    slack_line_describe(w.line, &d);
    assert_string_equal(d.why, "nothing was heard for too long");
    assert_int_equal(kill(w.slack.pid, SIGCONT), 0);
    await_state(&w, SLACK_LINE_OPEN, 2, 100);
    end(&w);
}

static void without_a_hello_it_is_none(void **state)
{
    static struct world w;
    (void)state;
    start(&w);
    fault(&w, "{\"kind\":\"no_hello\"}");
    start_line(&w);
    await_open(&w, 1, 0);
    await_state(&w, SLACK_LINE_OPEN, 1, 1000);
    assert_int_equal(seen(&w, "opened"), 2);
    end(&w);
}

static void a_replaced_connection_is_drained_and_closed(void **state)
{
    static struct world w;
    (void)state;
    start(&w);
    start_line(&w);
    await_state(&w, SLACK_LINE_OPEN, 1, 100);
    fault(&w, "{\"kind\":\"disconnect\",\"reason\":\"warning\",\"leaving\":true}");
    await_state(&w, SLACK_LINE_OPEN, 2, 0);
    assert_int_equal(seen(&w, "open"), 2); /* no time has passed: the old one is there still */
    await_open(&w, 1, 200);
    assert_true(fake_peer_count(&w.slack, "/control/socket", "closes") >= 1);
    assert_int_equal(fake_peer_count(&w.slack, "/control/socket", "violations"), 0);
    end(&w);
}

/* Nothing is tried again by itself, however much time passes. */
static void what_was_switched_off_comes_back_when_asked(void **state)
{
    static struct world w;
    struct slack_line_description d;
    (void)state;
    start(&w);
    start_line(&w);
    await_state(&w, SLACK_LINE_OPEN, 1, 100);
    fault(&w, "{\"kind\":\"disconnect\",\"reason\":\"link_disabled\"}");
    await_state(&w, SLACK_LINE_STOPPED, 1, 100);
    await_open(&w, 0, 1000);
    slack_line_describe(w.line, &d);
    assert_non_null(strstr(d.why, "postern slack reconnect"));
    assert_true(d.since_s >= STORY_START_S);
    slack_app_renew(w.story.node.slack);
    await_state(&w, SLACK_LINE_OPEN, 2, 100);
    assert_int_equal(seen(&w, "open"), 1);
    end(&w);
}

static void put(const char *path, const char *text)
{
    struct err err;
    assert_int_equal(file_write_private(path, span_of(text), &err), OK);
}

static void a_token_is_taken_from_its_file_when_that_changes(void **state)
{
    static struct world w;
    struct slack_line_description d;
    char path[256];
    (void)state;
    snprintf(path, sizeof path, "%s/app-token-%ld", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (long)getpid());
    put(path, "xapp-of-yesterday\n");
    start_with(&w, "xapp-of-yesterday", path);
    start_line(&w);
    await_state(&w, SLACK_LINE_STOPPED, 0, 100);
    slack_line_describe(w.line, &d);
    assert_non_null(strstr(d.why, "invalid_auth"));

    static const char *const no_tokens[] = { "", "\n", "xoxb-not-this-one", "xapp-two\nlines" };
    for (size_t i = 0; i < sizeof no_tokens / sizeof no_tokens[0]; i++) {
        put(path, no_tokens[i]);
        slack_app_refresh(w.story.node.slack, w.story.node.log);
        assert_int_equal(slack_app_renewals(w.story.node.slack), 0);
    }
    put(path, "xapp-test-token\n");
    slack_app_refresh(w.story.node.slack, w.story.node.log);
    await_state(&w, SLACK_LINE_OPEN, 1, 100);

    /* a mistake later does not end what works; the file as it was is content again */
    put(path, "xapp-of-nobody\n");
    slack_app_refresh(w.story.node.slack, w.story.node.log);
    for (int i = 0; i < LOOKS_MOST && (slack_line_describe(w.line, &d), d.why[0] == '\0'); i++)
        usleep(LOOK_US);
    assert_int_equal(d.state, SLACK_LINE_OPEN);
    assert_non_null(strstr(d.why, "invalid_auth"));
    assert_int_equal(seen(&w, "open"), 1);
    put(path, "xapp-test-token\n");
    slack_app_refresh(w.story.node.slack, w.story.node.log);
    await_state(&w, SLACK_LINE_OPEN, 2, 100);
    await_open(&w, 1, 200); /* the one before is drained */
    slack_line_describe(w.line, &d);
    assert_string_equal(d.why, "");
    unlink(path);
    slack_app_refresh(w.story.node.slack, w.story.node.log); /* a file that is gone changes nothing */
    assert_int_equal(slack_app_renewals(w.story.node.slack), 3);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(silence_is_taken_for_the_end), cmocka_unit_test(without_a_hello_it_is_none),
                                        cmocka_unit_test(a_replaced_connection_is_drained_and_closed),
                                        cmocka_unit_test(what_was_switched_off_comes_back_when_asked), cmocka_unit_test(a_token_is_taken_from_its_file_when_that_changes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
