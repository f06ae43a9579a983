#include "connectors/notify/block_kit.h"

#include "posture/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SAMPLE_BYTES = 2 * 1024 * 1024 };

/* A pattern in which "<N>" becomes N characters (é: two bytes each, counted as one) and "[N:x]" N copies of x, comma between. */
static void expand(struct span rest, struct buf *out)
{
    while (rest.bytes > 0) {
        uint64_t count = 0;
        size_t close = span_find(rest, '>'), colon = span_find(rest, ':');
        if (rest.at[0] == '<' && span_to_u64(span_slice(rest, 1, close - 1), &count)) {
            for (uint64_t i = 0; i < count; i++)
                buf_append_text(out, "é");
            rest = span_slice(rest, close + 1, rest.bytes);
        } else if (rest.at[0] == '[' && colon < rest.bytes && span_to_u64(span_slice(rest, 1, colon - 1), &count)) {
            size_t end = span_find(rest, '!');
            for (uint64_t i = 0; i < count; i++) {
                buf_append_text(out, i == 0 ? "" : ",");
                expand(span_slice(rest, colon + 1, end - colon - 1), out);
            }
            rest = span_slice(rest, end + 1, rest.bytes);
        } else {
            buf_append_byte(out, rest.at[0]);
            rest = span_slice(rest, 1, rest.bytes);
        }
    }
}

static enum err_code check(const char *pattern, bool view, struct err *err)
{
    struct buf text;
    buf_init(&text, SAMPLE_BYTES);
    expand(span_of(pattern), &text);
    assert_false(text.failed);
    enum err_code code = view ? block_kit_check_view(buf_span(&text), err) : block_kit_check_message(buf_span(&text), err);
    buf_done(&text);
    return code;
}

struct row { const char *name, *longest, *over; };

static void check_rows(const struct row *rows, size_t count, bool view)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = { 0 };
        print_message("%s\n", rows[i].name);
        if (rows[i].longest != NULL && check(rows[i].longest, view, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_int_equal(check(rows[i].over, view, &err), ERR_INPUT);
        assert_true(strlen(err.text) > 0);
    }
}

#define PLAIN(n) "{\"type\":\"plain_text\",\"text\":\"<" #n ">\"}"
#define SECTION(members) "[{\"type\":\"section\"," members "}]"
#define ACTIONS(element) "[{\"type\":\"actions\",\"elements\":[" element "]}]"
#define BUTTON(members) "{\"type\":\"button\"," members "}"
#define OPTION(n) "{\"text\":" PLAIN(n) ",\"value\":\"v\"}"
#define CONFIRM(title, text, yes) ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"confirm\":{\"title\":" PLAIN(title) ",\"text\":" PLAIN(text) ",\"confirm\":" PLAIN(yes) ",\"deny\":" PLAIN(1) "}"))
#define INPUT(label, more) "[{\"type\":\"input\",\"label\":" PLAIN(label) more ",\"element\":{\"type\":\"plain_text_input\"}}]"

static void messages_keep_slacks_limits(void **state)
{
    static const struct row rows[] = {
        { "blocks", "[[50:{\"type\":\"divider\"}!]", "[[51:{\"type\":\"divider\"}!]" },
        { "no blocks", NULL, "[]" },
        { "section text", SECTION("\"text\":" PLAIN(3000)), SECTION("\"text\":" PLAIN(3001)) },
        { "section text, empty", NULL, SECTION("\"text\":" PLAIN(0)) },
        { "section without anything", NULL, "[{\"type\":\"section\"}]" },
        { "section fields", SECTION("\"fields\":[[10:" PLAIN(1) "!]"), SECTION("\"fields\":[[11:" PLAIN(1) "!]") },
        { "a field", SECTION("\"fields\":[" PLAIN(2000) "]"), SECTION("\"fields\":[" PLAIN(2001) "]") },
        { "header", "[{\"type\":\"header\",\"text\":" PLAIN(150) "}]", "[{\"type\":\"header\",\"text\":" PLAIN(151) "}]" },
        { "header, formatted", NULL, "[{\"type\":\"header\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]" },
        { "context elements", "[{\"type\":\"context\",\"elements\":[[10:" PLAIN(1) "!]}]", "[{\"type\":\"context\",\"elements\":[[11:" PLAIN(1) "!]}]" },
        { "actions elements", ACTIONS("[25:" BUTTON("\"text\":" PLAIN(1)) "!"), ACTIONS("[26:" BUTTON("\"text\":" PLAIN(1)) "!") },
        { "block_id", "[{\"type\":\"divider\",\"block_id\":\"<255>\"}]", "[{\"type\":\"divider\",\"block_id\":\"<256>\"}]" },
        { "block_id twice", NULL, "[{\"type\":\"divider\",\"block_id\":\"a\"},{\"type\":\"divider\",\"block_id\":\"a\"}]" },
        { "action_id", ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"action_id\":\"<255>\"")), ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"action_id\":\"<256>\"")) },
        { "action_id twice in a block", NULL, ACTIONS("[2:" BUTTON("\"text\":" PLAIN(1) ",\"action_id\":\"a\"") "!") },
        { "button text", ACTIONS(BUTTON("\"text\":" PLAIN(75))), ACTIONS(BUTTON("\"text\":" PLAIN(76))) },
        { "button without text", NULL, ACTIONS("{\"type\":\"button\"}") },
        { "button value", ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"value\":\"<2000>\"")), ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"value\":\"<2001>\"")) },
        { "button url", ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"url\":\"<3000>\"")), ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"url\":\"<3001>\"")) },
        { "accessibility label", ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"accessibility_label\":\"<75>\"")), ACTIONS(BUTTON("\"text\":" PLAIN(1) ",\"accessibility_label\":\"<76>\"")) },
        { "option text", ACTIONS("{\"type\":\"static_select\",\"options\":[" OPTION(75) "]}"), ACTIONS("{\"type\":\"static_select\",\"options\":[" OPTION(76) "]}") },
        { "option value", NULL, ACTIONS("{\"type\":\"static_select\",\"options\":[{\"text\":" PLAIN(1) ",\"value\":\"<76>\"}]}") },
        { "option description", NULL, ACTIONS("{\"type\":\"static_select\",\"options\":[{\"text\":" PLAIN(1) ",\"value\":\"v\",\"description\":" PLAIN(76) "}]}") },
        { "options of a select", ACTIONS("{\"type\":\"static_select\",\"options\":[[100:" OPTION(1) "!]}"), ACTIONS("{\"type\":\"static_select\",\"options\":[[101:" OPTION(1) "!]}") },
        { "groups of a select", NULL, ACTIONS("{\"type\":\"static_select\",\"option_groups\":[[101:{\"label\":" PLAIN(1) ",\"options\":[" OPTION(1) "]}!]}") },
        { "overflow options", ACTIONS("{\"type\":\"overflow\",\"options\":[[5:" OPTION(1) "!]}"), ACTIONS("{\"type\":\"overflow\",\"options\":[[6:" OPTION(1) "!]}") },
        { "checkboxes", ACTIONS("{\"type\":\"checkboxes\",\"options\":[[10:" OPTION(1) "!]}"), ACTIONS("{\"type\":\"checkboxes\",\"options\":[[11:" OPTION(1) "!]}") },
        { "radio buttons", ACTIONS("{\"type\":\"radio_buttons\",\"options\":[[10:" OPTION(1) "!]}"), ACTIONS("{\"type\":\"radio_buttons\",\"options\":[[11:" OPTION(1) "!]}") },
        { "confirm title", CONFIRM(100, 1, 1), CONFIRM(101, 1, 1) },
        { "confirm text", CONFIRM(1, 300, 1), CONFIRM(1, 301, 1) },
        { "confirm button", CONFIRM(1, 1, 30), CONFIRM(1, 1, 31) },
        { "placeholder", ACTIONS("{\"type\":\"static_select\",\"placeholder\":" PLAIN(150) ",\"options\":[" OPTION(1) "]}"),
          ACTIONS("{\"type\":\"static_select\",\"placeholder\":" PLAIN(151) ",\"options\":[" OPTION(1) "]}") },
        { "input label", INPUT(2000, ""), INPUT(2001, "") },
        { "input hint", INPUT(1, ",\"hint\":" PLAIN(2000)), INPUT(1, ",\"hint\":" PLAIN(2001)) },
        { "input length", "[{\"type\":\"input\",\"label\":" PLAIN(1) ",\"element\":{\"type\":\"plain_text_input\",\"max_length\":3000}}]",
          "[{\"type\":\"input\",\"label\":" PLAIN(1) ",\"element\":{\"type\":\"plain_text_input\",\"max_length\":3001}}]" },
        { "image alt text", "[{\"type\":\"image\",\"image_url\":\"https://a\",\"alt_text\":\"<2000>\"}]", "[{\"type\":\"image\",\"image_url\":\"https://a\",\"alt_text\":\"<2001>\"}]" },
        { "image without alt text", NULL, "[{\"type\":\"image\",\"image_url\":\"https://a\"}]" },
        { "table rows", "[{\"type\":\"table\",\"rows\":[[100:[{}]!]}]", "[{\"type\":\"table\",\"rows\":[[101:[{}]!]}]" },
        { "table cells", "[{\"type\":\"table\",\"rows\":[[[20:{}!]]}]", "[{\"type\":\"table\",\"rows\":[[[21:{}!]]}]" },
        { "two tables", NULL, "[[2:{\"type\":\"table\",\"rows\":[[{}]]}!]" },
        { "markdown, all together", "[[2:{\"type\":\"markdown\",\"text\":\"<6000>\"}!]", "[{\"type\":\"markdown\",\"text\":\"<6001>\"},{\"type\":\"markdown\",\"text\":\"<6000>\"}]" },
        { "unknown block", NULL, "[{\"type\":\"carousel\"}]" },
        { "unknown element", NULL, ACTIONS("{\"type\":\"slider\"}") },
        { "a text of type text", NULL, SECTION("\"text\":{\"type\":\"text\",\"text\":\"x\"}") },
        { "a text with an unknown member", NULL, SECTION("\"text\":{\"type\":\"plain_text\",\"text\":\"x\",\"size\":1}") },
        { "cut short", NULL, "[{\"type\":\"divider\"}" },
        { "empty", NULL, "" },
        { "not a list", NULL, "{\"type\":\"divider\"}" },
        { "not a block", NULL, "[7]" },
        { "member twice", NULL, "[{\"type\":\"divider\",\"type\":\"divider\"}]" },
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof rows[0], false);
}

#define VIEW(members) "{\"type\":\"modal\",\"title\":" PLAIN(1) ",\"blocks\":[{\"type\":\"divider\"}]" members "}"
static void views_keep_slacks_limits(void **state)
{
    static const struct row rows[] = {
        { "blocks", "{\"type\":\"home\",\"blocks\":[[100:{\"type\":\"divider\"}!]}", "{\"type\":\"home\",\"blocks\":[[101:{\"type\":\"divider\"}!]}" },
        { "private metadata", VIEW(",\"private_metadata\":\"<3000>\""), VIEW(",\"private_metadata\":\"<3001>\"") },
        { "callback id", VIEW(",\"callback_id\":\"<255>\""), VIEW(",\"callback_id\":\"<256>\"") },
        { "title", "{\"type\":\"modal\",\"title\":" PLAIN(24) ",\"blocks\":[{\"type\":\"divider\"}]}", "{\"type\":\"modal\",\"title\":" PLAIN(25) ",\"blocks\":[{\"type\":\"divider\"}]}" },
        { "submit", VIEW(",\"submit\":" PLAIN(24)), VIEW(",\"submit\":" PLAIN(25)) },
        { "close", VIEW(",\"close\":" PLAIN(24)), VIEW(",\"close\":" PLAIN(25)) },
        { "an input needs submit", "{\"type\":\"modal\",\"title\":" PLAIN(1) ",\"submit\":" PLAIN(1) ",\"blocks\":" INPUT(1, "") "}", "{\"type\":\"modal\",\"title\":" PLAIN(1) ",\"blocks\":" INPUT(1, "") "}" },
        { "neither modal nor home", NULL, "{\"type\":\"tab\",\"blocks\":[{\"type\":\"divider\"}]}" },
    };
    struct err err;
    (void)state;
    check_rows(rows, sizeof rows / sizeof rows[0], true);
    assert_int_equal(check("{\"type\":\"home\",\"blocks\":[[90:{\"type\":\"section\",\"text\":{\"type\":\"plain_text\",\"text\":\"<1500>\"}}!]}", true, &err), ERR_LIMIT); /* over 250 kB */
}

static void the_text_beside_the_blocks_is_bounded(void **state)
{
    struct buf text;
    struct err err;
    (void)state;
    buf_init(&text, SAMPLE_BYTES);
    expand(SPAN_LITERAL("<4000>"), &text);
    assert_int_equal(block_kit_check_text(buf_span(&text), &err), OK);
    buf_append_text(&text, "x");
    assert_int_equal(block_kit_check_text(buf_span(&text), &err), ERR_INPUT);
    assert_int_equal(block_kit_check_text(SPAN_NONE, &err), ERR_INPUT);
    assert_int_equal(block_kit_check_text(SPAN_LITERAL("a\xff"), &err), ERR_INPUT);
    buf_done(&text);
}

static void a_refusal_names_the_place(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(block_kit_check_message(SPAN_LITERAL("[{\"type\":\"divider\"},{\"type\":\"actions\",\"elements\":[{\"type\":\"button\"}]}]"), &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "[1].elements[0].text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_slacks_limits),
        cmocka_unit_test(views_keep_slacks_limits),
        cmocka_unit_test(the_text_beside_the_blocks_is_bounded),
        cmocka_unit_test(a_refusal_names_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
