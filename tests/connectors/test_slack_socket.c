#include "connectors/notify/slack_socket.h"

#include "connectors/notify/slack_inbound.h"
#include "connectors/web_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define S SPAN_LITERAL

static void envelopes_are_read(void **state)
{
    static const struct { const char *name, *text; enum err_code code; struct slack_envelope wanted; } rows[] = {
        { "hello", "{\"type\":\"hello\",\"num_connections\":2,\"connection_info\":{\"app_id\":\"A1\"},\"debug_info\":{\"approximate_connection_time\":18060}}", OK, { .kind = SLACK_ENVELOPE_HELLO, .connections = 2 } },
        { "a short hello", "{\"type\":\"hello\"}", OK, { .kind = SLACK_ENVELOPE_HELLO } },
        { "a warning", "{\"type\":\"disconnect\",\"reason\":\"warning\",\"debug_info\":{\"host\":\"x\"}}", OK, { .kind = SLACK_ENVELOPE_DISCONNECT, .reason = SLACK_DISCONNECT_REFRESH } },
        { "a refresh", "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}", OK, { .kind = SLACK_ENVELOPE_DISCONNECT, .reason = SLACK_DISCONNECT_REFRESH } },
        { "switched off", "{\"type\":\"disconnect\",\"reason\":\"link_disabled\"}", OK, { .kind = SLACK_ENVELOPE_DISCONNECT, .reason = SLACK_DISCONNECT_OFF } },
        { "a reason of tomorrow", "{\"type\":\"disconnect\",\"reason\":\"too_many_websockets\"}", OK, { .kind = SLACK_ENVELOPE_DISCONNECT, .reason = SLACK_DISCONNECT_REFRESH } },
        { "an event", "{\"envelope_id\":\"e-1\",\"type\":\"events_api\",\"payload\":{\"a\":1},\"accepts_response_payload\":false,\"retry_attempt\":0,\"retry_reason\":\"\"}", OK,
          { .kind = SLACK_ENVELOPE_EVENT, .id = S("e-1"), .payload = S("{\"a\":1}") } },
        { "a click", "{\"envelope_id\":\"e-1\",\"type\":\"interactive\",\"payload\":{\"t\":\"\\u00e9\"},\"accepts_response_payload\":true}", OK,
          { .kind = SLACK_ENVELOPE_INTERACTION, .id = S("e-1"), .payload = S("{\"t\":\"\xc3\xa9\"}"), .wants_payload = true } },
        { "a command", "{\"envelope_id\":\"e-1\",\"type\":\"slash_commands\",\"payload\":{},\"accepts_response_payload\":true}", OK,
          { .kind = SLACK_ENVELOPE_COMMAND, .id = S("e-1"), .payload = S("{}"), .wants_payload = true } },
        { "a type of tomorrow", "{\"envelope_id\":\"e-1\",\"type\":\"new\",\"payload\":[]}", OK, { .kind = SLACK_ENVELOPE_OTHER, .id = S("e-1") } },
        { "no type", "{\"envelope_id\":\"e-1\"}", OK, { .kind = SLACK_ENVELOPE_OTHER, .id = S("e-1") } },
        { "nothing in it", "{}", OK, { .kind = SLACK_ENVELOPE_OTHER } },
        { "an event without an id", "{\"type\":\"events_api\",\"payload\":{}}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "an empty id", "{\"envelope_id\":\"\",\"type\":\"events_api\",\"payload\":{}}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "an id that is a number", "{\"envelope_id\":7,\"type\":\"events_api\",\"payload\":{}}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "an event without a payload", "{\"envelope_id\":\"e-1\",\"type\":\"events_api\"}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "a payload that is text", "{\"envelope_id\":\"e-1\",\"type\":\"events_api\",\"payload\":\"{}\"}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "a hello of text", "{\"type\":\"hello\",\"num_connections\":\"2\"}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "a key twice", "{\"type\":\"hello\",\"type\":\"disconnect\"}", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "a list", "[]", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "no JSON", "hello", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
        { "nothing", "", ERR_INPUT, { .kind = SLACK_ENVELOPE_OTHER } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct slack_envelope got = { .kind = SLACK_ENVELOPE_OTHER };
        struct err err;
        print_message("%s\n", rows[i].name);
        arena_init(&arena, 4096, 1024 * 1024);
        assert_int_equal(slack_read_envelope(span_of(rows[i].text), &arena, &got, &err), rows[i].code);
        assert_int_equal(got.kind, rows[i].wanted.kind);
        assert_true(span_equal(got.id, rows[i].wanted.id) && span_equal(got.payload, rows[i].wanted.payload));
        assert_int_equal(got.wants_payload, rows[i].wanted.wants_payload);
        assert_int_equal(got.reason, rows[i].wanted.reason);
        assert_int_equal(got.connections, rows[i].wanted.connections);
        arena_done(&arena);
    }
}

static void an_envelope_that_is_too_deep_or_too_long_is_refused(void **state)
{
    struct buf text;
    struct arena arena;
    struct slack_envelope got;
    struct err err;
    (void)state;
    buf_init(&text, 2 * SLACK_ENVELOPE_BYTES);
    arena_init(&arena, 4096, 4 * SLACK_ENVELOPE_BYTES);
    for (int i = 0; i < 100; i++)
        buf_append_byte(&text, '[');
    assert_int_equal(slack_read_envelope(buf_span(&text), &arena, &got, &err), ERR_LIMIT);
    while (text.bytes <= SLACK_ENVELOPE_BYTES)
        buf_append_byte(&text, ' ');
    assert_int_equal(slack_read_envelope(buf_span(&text), &arena, &got, &err), ERR_LIMIT);
    arena_done(&arena);
    buf_done(&text);
}

static void an_acknowledgement_names_the_envelope(void **state)
{
    static const struct { struct span id, answer; const char *wanted; } rows[] = {
        { S("e-1"), S(""), "{\"envelope_id\":\"e-1\"}" },
        { S("e-1"), S("{\"text\":\"hi\"}"), "{\"envelope_id\":\"e-1\",\"payload\":{\"text\":\"hi\"}}" },
        { S("e\"1"), S(""), "{\"envelope_id\":\"e\\\"1\"}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        struct err err;
        buf_init(&out, 4096);
        assert_int_equal(slack_write_acknowledgement(rows[i].id, rows[i].answer, &out, &err), OK);
        assert_string_equal(buf_text(&out), rows[i].wanted);
        buf_done(&out);
    }
}

/* What a payload says over a socket is what the same request says over HTTPS. */
static void a_payload_is_read_like_the_body_of_a_request(void **state)
{
    static const char command_json[] = "{\"team_id\":\"T1\",\"user_id\":\"U1\",\"command\":\"/device\",\"text\":\"recheck dover\",\"trigger_id\":\"1.2.a\",\"response_url\":\"https://hooks.slack.com/x\",\"channel_id\":\"C1\"}",
                      command_form[] = "team_id=T1&user_id=U1&command=%2Fdevice&text=recheck+dover&trigger_id=1.2.a&response_url=https%3A%2F%2Fhooks.slack.com%2Fx&channel_id=C1",
                      click_json[] = "{\"type\":\"block_actions\",\"team\":{\"id\":\"T1\"},\"user\":{\"id\":\"U1\"},\"container\":{\"message_ts\":\"1.2\",\"channel_id\":\"D1\"},\"actions\":[{\"action_id\":\"pst.recheck\",\"value\":\"v\",\"action_ts\":\"9.1\"}]}";
    struct arena arena;
    struct slack_heard by_socket = { 0 }, by_request = { 0 };
    struct err err;
    (void)state;
    arena_init(&arena, 4096, 1024 * 1024);
    assert_int_equal(slack_read_command_payload(span_of(command_json), &arena, &by_socket, &err), OK);
    assert_int_equal(slack_read_command(span_of(command_form), &arena, &by_request, &err), OK);
    assert_true(span_equal(by_socket.key, by_request.key) && span_equal(by_socket.text, by_request.text) && span_equal(by_socket.user, by_request.user) && span_equal(by_socket.response_url, by_request.response_url));
    assert_int_equal(slack_read_interaction_payload(span_of(click_json), &arena, &by_socket, &err), OK);
    assert_true(span_equal_text(by_socket.action, "pst.recheck") && span_equal_text(by_socket.key, "click:U1:pst.recheck:9.1"));
    assert_int_equal(slack_read_command_payload(S("{\"command\":\"/device\",\"team_id\":\"T1\"}"), &arena, &by_socket, &err), ERR_INPUT);
    assert_int_equal(slack_read_command_payload(S("{\"command\":\"device\",\"team_id\":\"T1\",\"user_id\":\"U1\"}"), &arena, &by_socket, &err), ERR_INPUT);
    assert_int_equal(slack_read_command_payload(S("[]"), &arena, &by_socket, &err), ERR_INPUT);
    arena_done(&arena);
}

static void an_address_that_is_none_is_not_called(void **state)
{
    static const char *const rows[] = {
        "", "wss://", "https://wss.slack.com/", "ws://wss.slack.com/", "ws://10.0.0.1/", "wss://me@wss.slack.com/", "wss://evil.example?x.slack.com/", "wss://evil.example#.slack.com/",
        "wss://evil.example\\.slack.com/", "wss://wss.slack.com/ x", "wss://wss.slack.com/\r\nHost: x", "wss://wss.slack.com/\xc3\xa9", "WSS://wss.slack.com/",
    };
    const struct web_socket_options options = { .clock = clock_system(), .timeout_ms = 1000 };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_socket *made = NULL;
        struct err err;
        print_message("%s\n", rows[i]);
        assert_int_equal(web_socket_open(&options, span_of(rows[i]), &made, &err), ERR_INPUT);
        assert_null(made);
    }
}

static void a_loopback_address_needs_leave(void **state)
{
    const struct web_socket_options options = { .clock = clock_system(), .timeout_ms = 1000 };
    struct web_socket *made = NULL;
    struct err err;
    (void)state;
    assert_int_equal(web_socket_open(&options, S("wss://127.0.0.1:1/"), &made, &err), ERR_DENIED);
    assert_null(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes_are_read), cmocka_unit_test(an_envelope_that_is_too_deep_or_too_long_is_refused), cmocka_unit_test(an_acknowledgement_names_the_envelope),
        cmocka_unit_test(a_payload_is_read_like_the_body_of_a_request), cmocka_unit_test(an_address_that_is_none_is_not_called), cmocka_unit_test(a_loopback_address_needs_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
