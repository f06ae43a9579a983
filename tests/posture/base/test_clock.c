#include "posture/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void times_are_written_in_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_s;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { -1, "1969-12-31T23:59:59Z" },
        { 951782400, "2000-02-29T00:00:00Z" },
        { 1795484853, "2026-11-24T01:47:33Z" },
        { INT64_C(4107542400), "2100-03-01T00:00:00Z" },
        { INT64_C(-62167219200), "0000-01-01T00:00:00Z" },
        { INT64_C(-62167219201), "0000-01-01T00:00:00Z" },
        { INT64_C(253402300799), "9999-12-31T23:59:59Z" },
        { INT64_C(253402300800), "9999-12-31T23:59:59Z" },
        { INT64_MIN, "0000-01-01T00:00:00Z" },
        { INT64_MAX, "9999-12-31T23:59:59Z" },
    };
    char text[CLOCK_TEXT_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(clock_rfc3339(rows[i].wall_s, text), rows[i].text);
}

/* Whatever the text held: the same day, the day before, another year, what was clamped. */
static void a_text_is_written_over_as_a_new_one(void **state)
{
    static const int64_t times[] = { 0, 1, 86399, 86400, -1, -86400, -86401, 1795484853, 1795484854, 1795564799, 1795564800, INT64_C(-62167219200), INT64_C(-62167219201),
                                     INT64_C(253402300799), INT64_C(253402300800), INT64_C(253402214400), INT64_MIN, INT64_MIN + 1, INT64_MAX };
    char text[CLOCK_TEXT_BYTES], expected[CLOCK_TEXT_BYTES];
    (void)state;
    for (size_t before = 0; before < COUNT(times); before++)
        for (size_t i = 0; i < COUNT(times); i++) {
            clock_rfc3339(times[before], text);
            assert_string_equal(clock_rfc3339_again(times[i], times[before], text), clock_rfc3339(times[i], expected));
        }
}

static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    char ours[CLOCK_TEXT_BYTES], theirs[CLOCK_TEXT_BYTES];
    for (int64_t day = -25567; day < 60000; day++) { /* 1900 to 2134 */
        time_t at = (time_t)(day * 86400 + day % 86400);
        struct tm parts;
        gmtime_r(&at, &parts);
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &parts);
        assert_string_equal(clock_rfc3339(at, ours), theirs);
        int64_t back;
        assert_true(clock_from_rfc3339(span_of(ours), &back));
        assert_int_equal(back, at);
    }
}

static void times_are_read_with_any_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_s;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01t00:00:00z", 0 },
        { "1970-01-01T00:00:00+00:00", 0 },
        { "1970-01-01T00:00:00-00:00", 0 },
        { "1970-01-01T01:30:00+01:30", 0 },
        { "1969-12-31T18:00:00-06:00", 0 },
        { "1970-01-01T00:00:01.999999999Z", 1 },
        { "1969-12-31T23:59:59.5Z", -1 },
        { "2016-12-31T23:59:60Z", 1483228800 },
        { "2016-12-31T15:59:60-08:00", 1483228800 },
        { "2024-02-29T12:00:00+14:00", 1709157600 },
        { "0000-01-01T00:00:00Z", INT64_C(-62167219200) },
        { "9999-12-31T23:59:59Z", INT64_C(253402300799) },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t wall_s = 77;
        if (!clock_from_rfc3339(span_of(rows[i].text), &wall_s) || wall_s != rows[i].wall_s)
            fail_msg("%s: %lld", rows[i].text, (long long)wall_s);
    }
}

static void malformed_times_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "1970", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-01-01T00:00Z", "1970-1-1T00:00:00Z",
        "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "1970-01-00T00:00:00Z", "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T12:00:60Z",
        "2016-12-31T23:59:60+01:00", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60", "1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00Z ", " 1970-01-01T00:00:00Z", "-970-01-01T00:00:00Z",
        "+1970-01-01T00:00:00Z", "19700-01-01T00:00:00Z", "1970-01-01T00:00:00+", "1970-01-01T-1:00:00Z",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t wall_s = 77;
        if (clock_from_rfc3339(span_of(rows[i]), &wall_s) || wall_s != 77)
            fail_msg("accepted: %s", rows[i]);
    }
    int64_t wall_s;
    assert_false(clock_from_rfc3339(SPAN_LITERAL("1970-01-01\0" "00:00:00Z"), &wall_s));
    assert_false(clock_from_rfc3339(SPAN_NONE, &wall_s));
}

static void durations_have_one_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        const char *again; /* how the same duration is written; NULL when refused */
    } rows[] = {
        { "0", 0, "0" }, { "0s", 0, "0" }, { "90s", 90, "90s" }, { "60s", 60, "1m" }, { "30m", 1800, "30m" }, { "12h", 43200, "12h" },
        { "3d", 259200, "3d" }, { "24h", 86400, "1d" }, { "9223372036854775807s", INT64_MAX, "9223372036854775807s" },
        { "9223372036854775808s", 0, NULL }, { "106751991167301d", 0, NULL }, { "", 0, NULL }, { "5", 0, NULL }, { "00", 0, NULL },
        { "d", 0, NULL }, { "-1d", 0, NULL }, { "1.5h", 0, NULL }, { "1h30m", 0, NULL }, { "1 d", 0, NULL }, { "1w", 0, NULL },
        { "1D", 0, NULL }, { "1d ", 0, NULL },
    };
    char text[CLOCK_TEXT_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t seconds = 77;
        bool read = duration_parse(span_of(rows[i].text), &seconds);
        if (read != (rows[i].again != NULL) || seconds != (read ? rows[i].seconds : 77))
            fail_msg("\"%s\": %lld", rows[i].text, (long long)seconds);
        if (read)
            assert_string_equal(duration_text(seconds, text), rows[i].again);
    }
    assert_string_equal(duration_text(-7200, text), "-2h");
    assert_string_equal(duration_text(INT64_MIN, text), "-9223372036854775808s");
}

static int64_t half_before_1970(const struct clock *c)
{
    (void)c;
    return -500;
}

static void wall_seconds_round_down(void **state)
{
    (void)state;
    const struct clock c = { half_before_1970, half_before_1970, NULL };
    assert_int_equal(clock_wall_s(&c), -1);
    assert_int_equal(clock_wall_ms(&c), -500);
    assert_int_equal(clock_mono_ms(&c), -500);
}

static void the_system_clock_runs(void **state)
{
    (void)state;
    const struct clock *c = clock_system();
    int64_t before = clock_mono_ms(c);
    assert_true(clock_wall_s(c) > 1700000000);
    assert_true(clock_mono_ms(c) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(a_text_is_written_over_as_a_new_one),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(times_are_read_with_any_offset),
        cmocka_unit_test(malformed_times_are_refused),
        cmocka_unit_test(durations_have_one_unit),
        cmocka_unit_test(wall_seconds_round_down),
        cmocka_unit_test(the_system_clock_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
