#include "posture/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static int64_t fixed_ms(const struct clock *c)
{
    (void)c;
    return INT64_C(1795484853123);
}
static const struct clock fixed_clock = { fixed_ms, fixed_ms, NULL };
#define FRONT "2026-11-24T01:47:33.123Z level="

struct heard {
    struct log log;
    int ends[2];
    char text[8192];
};

static void listen_to(struct heard *h)
{
    memset(h, 0, sizeof *h);
    assert_int_equal(pipe(h->ends), 0);
    h->log = (struct log){ h->ends[1], LOG_INFO, &fixed_clock };
}

static const char *hear(struct heard *h)
{
    close(h->ends[1]);
    ssize_t bytes = read(h->ends[0], h->text, sizeof h->text - 1);
    close(h->ends[0]);
    assert_true(bytes >= 0);
    h->text[bytes] = '\0';
    return h->text;
}

static void a_line_has_time_level_event_and_values(void **state)
{
    (void)state;
    struct heard h;
    listen_to(&h);
    log_event(&h.log, LOG_WARN, "store.timeout", LOG_STR("op", "get"), LOG_INT("after_ms", 12));
    assert_string_equal(hear(&h), FRONT "warn event=store.timeout op=get after_ms=12\n");
}

static void an_event_needs_no_values(void **state)
{
    (void)state;
    struct heard h;
    listen_to(&h);
    log_event(&h.log, LOG_ERROR, "x");
    assert_string_equal(hear(&h), FRONT "error event=x\n");
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    struct heard h;
    listen_to(&h);
    log_event(&h.log, LOG_DEBUG, "x");
    log_event(NULL, LOG_ERROR, "x");
    assert_string_equal(hear(&h), "");
}

static void values_are_quoted_when_they_need_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span value;
        const char *written;
    } rows[] = {
        { "plain", SPAN_LITERAL("a.b-c/d:1"), "a.b-c/d:1" },
        { "empty", SPAN_LITERAL(""), "\"\"" },
        { "none", SPAN_NONE, "\"\"" },
        { "space", SPAN_LITERAL("a b"), "\"a b\"" },
        { "equals", SPAN_LITERAL("a=b"), "\"a=b\"" },
        { "quote", SPAN_LITERAL("a\"b"), "\"a\\\"b\"" },
        { "backslash", SPAN_LITERAL("a\\b"), "\"a\\\\b\"" },
        { "a forged line", SPAN_LITERAL("a\nlevel=error"), "\"a\\nlevel=error\"" },
        { "escape, NUL and DEL", SPAN_LITERAL("\x1b[2J\0\x7f"), "\"\\x1b[2J\\x00\\x7f\"" },
        { "UTF-8", SPAN_LITERAL("J\xc3\xbcrgen"), "\"J\xc3\xbcrgen\"" },
        { "C1 control", SPAN_LITERAL("\xc2\x9b" "2J"), "\"\\xc2\\x9b2J\"" },
        { "not UTF-8", SPAN_LITERAL("a\xff\xe2\x82"), "\"a\\xff\\xe2\\x82\"" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h;
        listen_to(&h);
        log_event(&h.log, LOG_INFO, "x", LOG_SPAN("v", rows[i].value));
        char wanted[256] = FRONT "info event=x v=";
        strcat(strcat(wanted, rows[i].written), "\n");
        if (strcmp(hear(&h), wanted) != 0)
            fail_msg("%s: %s", rows[i].name, h.text);
    }
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    struct heard h;
    char value[400];
    memset(value, 'a', sizeof value);
    listen_to(&h);
    log_event(&h.log, LOG_INFO, "x", LOG_SPAN("v", ((struct span){ value, 256 })), LOG_SPAN("w", ((struct span){ value, 257 })));
    const char *text = hear(&h);
    assert_int_equal(strlen(text), strlen(FRONT "info event=x v= w=...\n") + 512);
    memcpy(value + 254, "\xe2\x82\xac", 3);
    listen_to(&h);
    log_event(&h.log, LOG_INFO, "x", LOG_SPAN("v", ((struct span){ value, 300 })));
    text = hear(&h);
    assert_int_equal(strlen(text), strlen(FRONT "info event=x v=...\n") + 254);
}

static void a_full_line_ends_in_a_mark(void **state)
{
    (void)state;
    char value[256];
    memset(value, '\x01', sizeof value); /* each byte is written as four */
    struct span v = { value, sizeof value };
    struct heard h;
    listen_to(&h);
    log_event(&h.log, LOG_INFO, "x", LOG_SPAN("a", v), LOG_SPAN("b", v), LOG_SPAN("c", v), LOG_SPAN("d", v), LOG_INT("e", 1));
    const char *text = hear(&h);
    size_t bytes = strlen(text);
    assert_true(bytes <= 4096);
    assert_non_null(strstr(text, " c=\""));
    assert_null(strstr(text, " d=\""));
    assert_string_equal(text + bytes - 7, " cut=1\n");
}

static void errno_survives(void **state)
{
    (void)state;
    struct log log = { -1, LOG_INFO, &fixed_clock };
    struct err err;
    err_set(&err, ERR_IO, "disk");
    errno = ENOSPC;
    log_event(&log, LOG_ERROR, "x", LOG_ERR(&err));
    assert_int_equal(errno, ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_event_and_values),
        cmocka_unit_test(an_event_needs_no_values),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(values_are_quoted_when_they_need_it),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(a_full_line_ends_in_a_mark),
        cmocka_unit_test(errno_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
