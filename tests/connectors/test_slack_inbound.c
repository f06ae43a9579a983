#include "connectors/notify/slack_inbound.h"
#include "connectors/notify/slack_signature.h"
#include "posture/base/buf.h"
#include "posture/base/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ARENA = 8 * 1024 * 1024 };
typedef enum err_code read_fn(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);
struct row { const char *name, *body; enum err_code code; struct slack_heard wanted; };

static void assert_span(struct span got, struct span wanted, const char *what)
{
    if (!span_equal(got, wanted))
        fail_msg("%s is \"%.*s\", wanted \"%.*s\"", what, SPAN_ARGS(got), SPAN_ARGS(wanted));
}

static void assert_heard(const struct slack_heard *got, const struct slack_heard *wanted)
{
    assert_int_equal(got->kind, wanted->kind);
    assert_span(got->key, wanted->key, "key");
    assert_span(got->team, wanted->team, "team");
    assert_span(got->enterprise, wanted->enterprise, "enterprise");
    assert_span(got->user, wanted->user, "user");
    assert_span(got->user_team, wanted->user_team, "user_team");
    assert_span(got->text, wanted->text, "text");
    assert_span(got->until, wanted->until, "until");
    assert_span(got->measure, wanted->measure, "measure");
    assert_span(got->choice, wanted->choice, "choice");
    assert_span(got->action, wanted->action, "action");
    assert_span(got->value, wanted->value, "value");
    assert_span(got->channel, wanted->channel, "channel");
    assert_span(got->message, wanted->message, "message");
    assert_span(got->view, wanted->view, "view");
}

static void run(const struct row *rows, size_t count, read_fn *read)
{
    for (size_t i = 0; i < count; i++) {
        struct arena arena;
        struct slack_heard got = { 0 };
        struct err err = { 0 };
        print_message("%s\n", rows[i].name);
        arena_init(&arena, 4096, ARENA);
        assert_int_equal(read(span_of(rows[i].body), &arena, &got, &err), rows[i].code);
        if (rows[i].code == OK)
            assert_heard(&got, &rows[i].wanted);
        arena_done(&arena);
    }
}
#define S SPAN_LITERAL
#define CALLBACK(event) "{\"type\":\"event_callback\",\"token\":\"x\",\"team_id\":\"T1\",\"api_app_id\":\"A1\",\"event_id\":\"Ev1\",\"event_time\":1,\"event\":" event "}"

static void events_are_read(void **state)
{
    static const struct row rows[] = {
        { "a direct message", CALLBACK("{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U1\",\"channel\":\"D1\",\"ts\":\"1.000001\",\"text\":\"devices\"}"), OK,
          { .kind = SLACK_HEARD_MESSAGE, .key = S("Ev1"), .team = S("T1"), .user = S("U1"), .channel = S("D1"), .text = S("devices") } },
        { "a message in a channel", CALLBACK("{\"type\":\"message\",\"channel_type\":\"channel\",\"user\":\"U1\",\"channel\":\"C1\",\"text\":\"devices\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "a bot's message", CALLBACK("{\"type\":\"message\",\"channel_type\":\"im\",\"bot_id\":\"B1\",\"user\":\"U1\",\"channel\":\"D1\",\"text\":\"devices\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "an edit", CALLBACK("{\"type\":\"message\",\"subtype\":\"message_changed\",\"channel_type\":\"im\",\"channel\":\"D1\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "a hidden message", CALLBACK("{\"type\":\"message\",\"hidden\":true,\"channel_type\":\"im\",\"user\":\"U1\",\"channel\":\"D1\",\"text\":\"a\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "the Home tab", CALLBACK("{\"type\":\"app_home_opened\",\"user\":\"U1\",\"channel\":\"D1\",\"tab\":\"home\"}"), OK, { .kind = SLACK_HEARD_HOME, .key = S("Ev1"), .team = S("T1"), .user = S("U1") } },
        { "the Messages tab", CALLBACK("{\"type\":\"app_home_opened\",\"user\":\"U1\",\"channel\":\"D1\",\"tab\":\"messages\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "a profile that changed", CALLBACK("{\"type\":\"user_change\",\"user\":{\"id\":\"U1\",\"profile\":{}}}"), OK, { .kind = SLACK_HEARD_USER, .key = S("Ev1"), .team = S("T1"), .user = S("U1") } },
        { "somebody joined", CALLBACK("{\"type\":\"team_join\",\"user\":{\"id\":\"U1\"}}"), OK, { .kind = SLACK_HEARD_USER, .key = S("Ev1"), .team = S("T1"), .user = S("U1") } },
        { "our token is revoked", CALLBACK("{\"type\":\"tokens_revoked\",\"tokens\":{\"oauth\":[],\"bot\":[\"UBOT\"]}}"), OK, { .kind = SLACK_HEARD_REVOKED, .key = S("Ev1"), .team = S("T1") } },
        { "a person's token is revoked", CALLBACK("{\"type\":\"tokens_revoked\",\"tokens\":{\"oauth\":[\"U1\"],\"bot\":[]}}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "uninstalled", CALLBACK("{\"type\":\"app_uninstalled\"}"), OK, { .kind = SLACK_HEARD_UNINSTALLED, .key = S("Ev1"), .team = S("T1") } },
        { "an event of another type", CALLBACK("{\"type\":\"reaction_added\",\"user\":\"U1\"}"), OK, { .kind = SLACK_HEARD_NOTHING, .key = S("Ev1"), .team = S("T1") } },
        { "events held back", "{\"type\":\"app_rate_limited\",\"team_id\":\"T1\",\"minute_rate_limited\":1}", OK, { .kind = SLACK_HEARD_RATE_LIMITED, .team = S("T1") } },
        { "the challenge", "{\"type\":\"url_verification\",\"token\":\"x\",\"challenge\":\"abc\\\"<\"}", OK, { .kind = SLACK_HEARD_CHALLENGE, .text = S("abc\"<") } },
        { "an outer type of tomorrow", "{\"type\":\"new_thing\",\"team_id\":\"T1\"}", OK, { .kind = SLACK_HEARD_NOTHING, .team = S("T1") } },
        { "an organisation's event", "{\"type\":\"event_callback\",\"team_id\":null,\"enterprise_id\":\"E1\",\"event_id\":\"Ev1\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"W1\",\"tab\":\"home\"}}", OK,
          { .kind = SLACK_HEARD_HOME, .key = S("Ev1"), .enterprise = S("E1"), .user = S("W1") } },
        { "nobody's message", CALLBACK("{\"type\":\"message\",\"channel_type\":\"im\",\"user\":7,\"channel\":\"D1\",\"text\":\"a\"}"), ERR_INPUT, { 0 } },
        { "an id that is a path", CALLBACK("{\"type\":\"app_home_opened\",\"user\":\"../U1\",\"tab\":\"home\"}"), ERR_INPUT, { 0 } },
        { "no event", "{\"type\":\"event_callback\",\"team_id\":\"T1\",\"event_id\":\"Ev1\"}", ERR_INPUT, { 0 } },
        { "no challenge", "{\"type\":\"url_verification\"}", ERR_INPUT, { 0 } },
        { "empty", "", ERR_INPUT, { 0 } },
        { "a list", "[]", ERR_INPUT, { 0 } },
        { "cut short", "{\"type\":\"event_callback\"", ERR_INPUT, { 0 } },
        { "a key twice", "{\"type\":\"url_verification\",\"challenge\":\"a\",\"challenge\":\"b\"}", ERR_INPUT, { 0 } },
        { "a form", "payload=%7B%7D", ERR_INPUT, { 0 } },
    };
    (void)state;
    run(rows, sizeof rows / sizeof rows[0], slack_read_event);
}

static void commands_are_read(void **state)
{
    static const struct row rows[] = {
        { "with a word", "token=x&team_id=T1&user_id=U1&user_name=ana&command=%2Fdevice&text=why+disk&trigger_id=1.2.abc&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2Fa", OK,
          { .kind = SLACK_HEARD_COMMAND, .key = S("command:U1::1.2.abc"), .team = S("T1"), .user = S("U1"), .action = S("/device"), .text = S("why disk") } },
        { "without a word", "team_id=T1&user_id=U1&command=%2Fdevice&text=&trigger_id=1.2.abc", OK, { .kind = SLACK_HEARD_COMMAND, .key = S("command:U1::1.2.abc"), .team = S("T1"), .user = S("U1"), .action = S("/device") } },
        { "without an identity", "team_id=T1&user_id=U1&command=%2Fdevice", OK, { .kind = SLACK_HEARD_COMMAND, .team = S("T1"), .user = S("U1"), .action = S("/device") } },
        { "in an organisation", "team_id=&enterprise_id=E1&user_id=W1&command=%2Fdevice&is_enterprise_install=true", OK, { .kind = SLACK_HEARD_COMMAND, .enterprise = S("E1"), .user = S("W1"), .action = S("/device") } },
        { "nobody", "team_id=T1&command=%2Fdevice", ERR_INPUT, { 0 } },
        { "from nowhere", "user_id=U1&command=%2Fdevice", ERR_INPUT, { 0 } },
        { "no command", "team_id=T1&user_id=U1", ERR_INPUT, { 0 } },
        { "a command without its slash", "team_id=T1&user_id=U1&command=device", ERR_INPUT, { 0 } },
        { "a user twice", "team_id=T1&user_id=U1&user_id=U2&command=%2Fdevice", ERR_INPUT, { 0 } },
        { "a broken escape", "team_id=T1&user_id=U1&command=%2Fdevice&text=%zz", ERR_INPUT, { 0 } },
        { "a NUL", "team_id=T1&user_id=U1&command=%2Fdevice&text=%00", ERR_INPUT, { 0 } },
        { "no UTF-8", "team_id=T1&user_id=U1&command=%2Fdevice&text=%ff", ERR_INPUT, { 0 } },
        { "an id with a line end", "team_id=T1&user_id=U1%0aX&command=%2Fdevice", ERR_INPUT, { 0 } },
        { "an id that is too long", "team_id=T1&user_id=UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&command=%2Fdevice", ERR_INPUT, { 0 } },
        { "empty", "", ERR_INPUT, { 0 } },
    };
    (void)state;
    run(rows, sizeof rows / sizeof rows[0], slack_read_command);
}

/* A payload as it travels: percent-encoded in a form. */
static enum err_code read_payload(struct span json, struct arena *arena, struct slack_heard *out, struct err *err)
{
    struct buf body;
    buf_init(&body, SLACK_BODY_BYTES * 4);
    buf_append_text(&body, "payload=");
    for (size_t i = 0; i < json.bytes; i++)
        buf_format(&body, "%%%02X", (unsigned char)json.at[i]);
    enum err_code code = slack_read_interaction(buf_span(&body), arena, out, err);
    buf_done(&body);
    return code;
}

#define FROM "\"team\":{\"id\":\"T1\",\"domain\":\"acme\"},\"user\":{\"id\":\"U1\",\"username\":\"ana\",\"team_id\":\"T1\"},\"api_app_id\":\"A1\",\"token\":\"x\",\"trigger_id\":\"1.2.a\""
#define CLICK(container, action) "{\"type\":\"block_actions\"," FROM ",\"container\":" container ",\"actions\":[" action "]}"

static void interactions_are_read(void **state)
{
    static const struct row rows[] = {
        { "a button of a message", CLICK("{\"type\":\"message\",\"message_ts\":\"5.000001\",\"channel_id\":\"D1\",\"is_ephemeral\":false}", "{\"action_id\":\"pst.recheck\",\"block_id\":\"b\",\"value\":\"e_1\",\"type\":\"button\",\"action_ts\":\"6.5\"}"), OK,
          { .kind = SLACK_HEARD_CLICK, .key = S("click:U1:pst.recheck:6.5"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.recheck"), .value = S("e_1"), .channel = S("D1"), .message = S("5.000001") } },
        { "a choice of a menu at home", "{\"type\":\"block_actions\"," FROM ",\"container\":{\"type\":\"view\",\"view_id\":\"V1\"},\"view\":{\"id\":\"V1\"},\"actions\":[{\"action_id\":\"pst.more\",\"selected_option\":{\"value\":\"x\"},\"action_ts\":\"6.5\"}]}", OK,
          { .kind = SLACK_HEARD_CLICK, .key = S("click:U1:pst.more:6.5"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.more"), .value = S("x"), .view = S("V1") } },
        { "a modal", "{\"type\":\"view_submission\"," FROM ",\"view\":{\"id\":\"V1\",\"hash\":\"9.ab\",\"callback_id\":\"pst.wrong\",\"private_metadata\":\"{}\",\"state\":{\"values\":{\"note\":{\"pst.note\":{\"type\":\"plain_text_input\",\"value\":\"It is on\"}}}}}}", OK,
          { .kind = SLACK_HEARD_SUBMIT, .key = S("view:U1:V1:9.ab"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.wrong"), .value = S("{}"), .view = S("V1"), .text = S("It is on") } },
        { "a modal of four fields", "{\"type\":\"view_submission\"," FROM ",\"view\":{\"id\":\"V1\",\"hash\":\"9.ab\",\"callback_id\":\"pst.exempt\",\"private_metadata\":\"|d_1|\",\"state\":{\"values\":{\"note\":{\"pst.note\":{\"value\":\"lab\"}},"
          "\"until\":{\"pst.until\":{\"type\":\"datepicker\",\"selected_date\":\"2026-12-31\"}},\"measure\":{\"pst.measure\":{\"value\":\"a router\"}},\"choice\":{\"pst.choice\":{\"selected_option\":{\"value\":\"firewall\"}}}}}}}", OK,
          { .kind = SLACK_HEARD_SUBMIT, .key = S("view:U1:V1:9.ab"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.exempt"), .value = S("|d_1|"), .view = S("V1"), .text = S("lab"),
            .until = S("2026-12-31"), .measure = S("a router"), .choice = S("firewall") } },
        { "fields of other types", "{\"type\":\"view_submission\"," FROM ",\"view\":{\"id\":\"V1\",\"hash\":\"9.ab\",\"callback_id\":\"pst.exempt\",\"state\":{\"values\":{\"until\":{\"pst.until\":{\"selected_date\":20261231}},\"measure\":[],\"choice\":{\"pst.choice\":{\"selected_option\":\"firewall\"}}}}}}", OK,
          { .kind = SLACK_HEARD_SUBMIT, .key = S("view:U1:V1:9.ab"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.exempt"), .view = S("V1") } },
        { "a modal left empty", "{\"type\":\"view_submission\"," FROM ",\"view\":{\"id\":\"V1\",\"hash\":\"9.ab\",\"callback_id\":\"pst.wrong\",\"state\":{\"values\":{\"note\":{\"pst.note\":{\"type\":\"plain_text_input\",\"value\":null}}}}}}", OK,
          { .kind = SLACK_HEARD_SUBMIT, .key = S("view:U1:V1:9.ab"), .team = S("T1"), .user = S("U1"), .user_team = S("T1"), .action = S("pst.wrong"), .view = S("V1") } },
        { "team is null", "{\"type\":\"block_actions\",\"team\":null,\"enterprise\":{\"id\":\"E1\"},\"user\":{\"id\":\"W1\"},\"container\":{},\"actions\":[{\"action_id\":\"a\",\"action_ts\":\"1.1\"}]}", OK,
          { .kind = SLACK_HEARD_CLICK, .key = S("click:W1:a:1.1"), .enterprise = S("E1"), .user = S("W1"), .action = S("a") } },
        { "closed", "{\"type\":\"view_closed\"," FROM ",\"view\":{\"id\":\"V1\"}}", OK, { .kind = SLACK_HEARD_NOTHING, .team = S("T1"), .user = S("U1"), .user_team = S("T1") } },
        { "a shortcut", "{\"type\":\"shortcut\"," FROM "}", OK, { .kind = SLACK_HEARD_NOTHING, .team = S("T1"), .user = S("U1"), .user_team = S("T1") } },
        { "no actions", "{\"type\":\"block_actions\"," FROM ",\"actions\":[]}", ERR_INPUT, { 0 } },
        { "actions of another type", "{\"type\":\"block_actions\"," FROM ",\"actions\":\"x\"}", ERR_INPUT, { 0 } },
        { "nobody", "{\"type\":\"block_actions\",\"team\":{\"id\":\"T1\"},\"actions\":[{\"action_id\":\"a\"}]}", ERR_INPUT, { 0 } },
        { "from nowhere", "{\"type\":\"block_actions\",\"team\":null,\"enterprise\":null,\"user\":{\"id\":\"U1\"},\"actions\":[{\"action_id\":\"a\"}]}", ERR_INPUT, { 0 } },
        { "a modal without a view", "{\"type\":\"view_submission\"," FROM "}", ERR_INPUT, { 0 } },
        { "a list", "[]", ERR_INPUT, { 0 } },
        { "a number", "1", ERR_INPUT, { 0 } },
        { "nothing", "", ERR_INPUT, { 0 } },
    };
    static const struct row forms[] = {
        { "no payload", "a=b", ERR_INPUT, { 0 } },           { "two payloads", "payload=%7B%7D&payload=%7B%7D", ERR_INPUT, { 0 } },
        { "a broken escape", "payload=%7", ERR_INPUT, { 0 } }, { "JSON alone", "{\"type\":\"block_actions\"}", ERR_INPUT, { 0 } },
        { "empty", "", ERR_INPUT, { 0 } },
    };
    (void)state;
    run(rows, sizeof rows / sizeof rows[0], read_payload);
    run(forms, sizeof forms / sizeof forms[0], slack_read_interaction);
}

static void too_deep_is_refused(void **state)
{
    struct arena arena;
    struct slack_heard got;
    struct err err;
    char text[256] = "{\"type\":\"event_callback\",\"event\":";
    size_t used = strlen(text);
    (void)state;
    memset(text + used, '[', 60);
    memset(text + used + 60, ']', 60);
    text[used + 120] = '}';
    arena_init(&arena, 4096, ARENA);
    assert_int_equal(slack_read_event(span_of(text), &arena, &got, &err), ERR_LIMIT);
    arena_done(&arena);
}

static void what_was_typed_is_cut_at_a_character(void **state)
{
    struct arena arena;
    struct slack_heard got;
    struct err err;
    struct buf body;
    (void)state;
    arena_init(&arena, 4096, ARENA);
    buf_init(&body, SLACK_BODY_BYTES);
    buf_append_text(&body, "{\"type\":\"event_callback\",\"team_id\":\"T1\",\"event_id\":\"Ev1\",\"event\":{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U1\",\"channel\":\"D1\",\"text\":\"a");
    for (int i = 0; i < 5000; i++)
        buf_append_text(&body, "é");
    buf_append_text(&body, "\"}}");
    assert_int_equal(slack_read_event(buf_span(&body), &arena, &got, &err), OK);
    assert_int_equal(got.text.bytes, SLACK_TYPED_BYTES - 1);
    assert_true(span_is_utf8(got.text));
    buf_done(&body);
    arena_done(&arena);
}

static void the_probe_is_known(void **state)
{
    static const struct { const char *body; bool is; } rows[] = {
        { "ssl_check=1", true }, { "token=x&ssl_check=1", true }, { "ssl_check=1&payload=%7B%7D", true }, { "ssl_check=0", false }, { "ssl_check=1&ssl_check=1", false }, { "", false }, { "{\"ssl_check\":1}", false },
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 4096, ARENA);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(slack_is_ssl_check(span_of(rows[i].body), &arena), rows[i].is);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read),     cmocka_unit_test(commands_are_read), cmocka_unit_test(interactions_are_read),
        cmocka_unit_test(too_deep_is_refused), cmocka_unit_test(what_was_typed_is_cut_at_a_character), cmocka_unit_test(the_probe_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
