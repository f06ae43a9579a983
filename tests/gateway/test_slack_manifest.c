#include "gateway/slack/slack_manifest.h"

#include "posture/base/from_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The limits of Slack's published schema, on every text of ours that has one. */
static void texts_keep_the_limits_of_the_schema(void **state)
{
    static const struct { const char *path[4]; size_t least, most; } rows[] = {
        { { "display_information", "name" }, 1, 35 }, { { "display_information", "description" }, 1, 140 }, { { "features", "bot_user", "display_name" }, 1, 80 },
    };
    struct buf out;
    struct from_json *doc = NULL;
    struct err err;
    (void)state;
    buf_init(&out, 64 * 1024);
    assert_int_equal(slack_manifest_write(&(struct slack_manifest){ SPAN_LITERAL("https://posture.acme.example"), SPAN_LITERAL("/device"), false, false }, &out, &err), OK);
    assert_int_equal(from_json_parse(buf_span(&out), (struct from_json_limits){ 64 * 1024, 16 }, "manifest", &doc, &err), OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct from_json_value at[5] = { from_json_root(doc) };
        size_t k = 0;
        for (; k < 4 && rows[i].path[k] != NULL; k++)
            at[k + 1] = from_json_member(&at[k], rows[i].path[k]);
        struct span text = SPAN_NONE;
        assert_int_equal(from_json_text(&at[k], 1000, &text, &err), OK);
        assert_true(text.bytes >= rows[i].least && text.bytes <= rows[i].most);
    }
    from_json_free(doc);
    buf_done(&out);
}

static void it_has_the_addresses_and_the_choices(void **state)
{
    static const struct { const char *url, *command; bool rotation, socket_mode; const char *has[3]; enum err_code code; } rows[] = {
        { "https://p.example", "/device", false, false, { "\"https://p.example/slack/events\"", "\"https://p.example/slack/interactive\"", "\"token_rotation_enabled\":false" }, OK },
        { "https://p.example:8443/x", "/laptop", true, false, { "\"https://p.example:8443/x/slack/command\"", "\"/laptop\"", "\"token_rotation_enabled\":true" }, OK },
        { "http://p.example", "/device", false, false, { NULL }, ERR_INPUT },
        { "", "/device", false, false, { NULL }, ERR_INPUT },
        { "http://10.0.0.1", "/device", false, true, { "\"socket_mode_enabled\":true", "\"interactivity\":{\"is_enabled\":true}", "\"event_subscriptions\":{\"bot_events\":[" }, OK },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        struct err err;
        buf_init(&out, 64 * 1024);
        assert_int_equal(slack_manifest_write(&(struct slack_manifest){ span_of(rows[i].url), span_of(rows[i].command), rows[i].rotation, rows[i].socket_mode }, &out, &err), rows[i].code);
        for (size_t k = 0; k < 3 && rows[i].has[k] != NULL; k++)
            assert_non_null(strstr(buf_text(&out), rows[i].has[k]));
        assert_true(!rows[i].socket_mode || strstr(buf_text(&out), rows[i].url) == NULL);
        buf_done(&out);
    }
}

static void every_scope_says_what_it_is_for(void **state)
{
    (void)state;
    for (const struct slack_scope *s = slack_manifest_scopes(); s->name != NULL; s++)
        assert_true(strlen(s->name) <= 50 && strlen(s->why) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_keep_the_limits_of_the_schema), cmocka_unit_test(it_has_the_addresses_and_the_choices), cmocka_unit_test(every_scope_says_what_it_is_for) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
