#include "posture/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char FULL[] = "{\"id\":\"e_1\",\"at_ms\":1780308000123,\"type\":\"result.changed\",\"person\":\"p_1\",\"device\":\"d_1\",\"policy\":\"0123\",\"cause\":\"admin:root\",\"data\":{\"check\":\"disk\"}}";

static enum err_code read_event(const char *text, struct from_json **doc, struct buf *scratch, struct event *e, struct err *err)
{
    enum err_code code = from_json_parse(span_of(text), (struct from_json_limits){ 1024 * 1024, 16 }, "event", doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(*doc);
    return event_from_json(&root, scratch, e, err);
}

static void an_event_is_written_as_it_was_read(void **state)
{
    struct from_json *doc = NULL;
    struct buf scratch, out;
    struct to_json w;
    struct event e;
    struct err err;
    (void)state;
    buf_init(&scratch, EVENT_DATA_BYTES);
    buf_init(&out, 4096);
    assert_int_equal(read_event(FULL, &doc, &scratch, &e, &err), OK);
    to_json_init(&w, &out);
    event_to_json(&e, &w);
    assert_string_equal(buf_text(&out), FULL);
    from_json_free(doc);
    buf_done(&scratch);
    buf_done(&out);
}

static void outside_times_are_text_and_a_cursor_goes_along(void **state)
{
    struct buf out;
    struct to_json w;
    struct event e = { .id = SPAN_LITERAL("e_1"), .at_ms = 1780308000999, .type = SPAN_LITERAL("device.seen"), .data = SPAN_LITERAL("{}") };
    (void)state;
    buf_init(&out, 4096);
    to_json_init(&w, &out);
    event_to_public_json(&e, SPAN_LITERAL("c1"), &w);
    assert_string_equal(buf_text(&out), "{\"id\":\"e_1\",\"at\":\"2026-06-01T10:00:00Z\",\"type\":\"device.seen\",\"cursor\":\"c1\"}");
    buf_done(&out);
}

static void bad_events_are_refused(void **state)
{
    static const struct { const char *name, *text, *says; } rows[] = {
        { "not an object", "[]", "must be an object" },
        { "without a type", "{\"id\":\"e\",\"at_ms\":1}", "type" },
        { "without a time", "{\"id\":\"e\",\"type\":\"x\"}", "at_ms: is missing" },
        { "a time before 1970", "{\"type\":\"x\",\"at_ms\":-1}", "at_ms: must be between" },
        { "data that is a list", "{\"type\":\"x\",\"at_ms\":1,\"data\":[]}", "data: must be an object" },
        { "a number for a text", "{\"type\":\"x\",\"at_ms\":1,\"person\":1}", "person: must be text" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct from_json *doc = NULL;
        struct buf scratch;
        struct event e = { 0 };
        struct err err = { OK, "" };
        buf_init(&scratch, EVENT_DATA_BYTES);
        enum err_code code = read_event(rows[i].text, &doc, &scratch, &e, &err);
        if (code != ERR_INPUT || e.type.at != NULL || strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: code %d, \"%s\"", rows[i].name, (int)code, err.text);
        from_json_free(doc);
        buf_done(&scratch);
    }
}

static void data_has_a_longest(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct from_json *doc = NULL;
        struct buf text, scratch;
        struct event e;
        struct err err;
        buf_init(&text, 1024 * 1024);
        buf_init(&scratch, 1024 * 1024);
        buf_append_text(&text, "{\"type\":\"x\",\"at_ms\":1,\"data\":{\"a\":\"");
        for (int i = 0; i < EVENT_DATA_BYTES - 8 + over; i++)
            buf_append_byte(&text, 'x');
        buf_append_text(&text, "\"}}");
        assert_int_equal(read_event(buf_text(&text), &doc, &scratch, &e, &err), over ? ERR_INPUT : OK);
        from_json_free(doc);
        buf_done(&text);
        buf_done(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_written_as_it_was_read),
        cmocka_unit_test(outside_times_are_text_and_a_cursor_goes_along),
        cmocka_unit_test(bad_events_are_refused),
        cmocka_unit_test(data_has_a_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
