/* A report's numbers, from small archives written as rows: what happened, in order, and what must come out. */
#include "posture/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "posture/base/clock.h"

enum { LINES = 16, WANTS = 12, TEXT = 4096 };
#define POLICY "{\"at\":\"2026-11-01T00:00:00Z\",\"type\":\"policy.applied\",\"policy_text\":\"policy: x\\nsensitivities: [low, high]\\napps: [{ id: a, title: A, sensitivity: high }]\\n" \
               "checks: [{ use: library/firewall, severity: high }]\\nladders:\\n  - id: d\\n    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }\\n" \
               "    rungs: [{ id: told, after: 0d, nudge: true }, { id: shut, after: 5d, close: [high] }]\\n\"}"
/* day and hour, device, verdict of the check, visible */
#define STATE(day, hour, device, person, verdict, rest) "{\"at\":\"2026-11-" day "T" hour ":00:00Z\",\"type\":\"result.changed\",\"person\":\"P-" person "\",\"device\":\"D-" device \
    "\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"" verdict "\"}" rest "}}"
#define FAIL(day, hour, device, person) STATE(day, hour, device, person, "fail", ",\"visible\":[\"firewall\"]")
#define PASS(day, hour, device, person) STATE(day, hour, device, person, "pass", ",\"visible\":[]")
#define TOLD(day, hour, device, person) "{\"at\":\"2026-11-" day "T" hour ":00:00Z\",\"type\":\"notice.delivered\",\"person\":\"P-" person "\",\"data\":{\"channel\":\"slack\",\"items\":[{\"device\":\"D-" device "\",\"check\":\"firewall\"}]}}"
#define RUNG(day, hour, device, person, to) "{\"at\":\"2026-11-" day "T" hour ":00:00Z\",\"type\":\"rung.changed\",\"person\":\"P-" person "\",\"device\":\"D-" device "\",\"data\":{\"from\":\"told\",\"to\":\"" to \
    "\",\"checks\":[\"firewall\"]},\"state\":{\"platform\":\"macos\",\"owned\":true,\"rung\":\"" to "\",\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}"

#define HEALED(device, counted) "{\"at\":\"2026-11-05T14:00:00Z\",\"type\":\"person.healed\",\"person\":\"P-a\",\"device\":\"D-" device "\",\"data\":{\"check\":\"firewall\",\"counted\":" counted "}}"

static int64_t time_of(const char *text)
{
    int64_t s = 0;
    assert_true(clock_from_rfc3339(span_of(text), &s));
    return s;
}

static struct report *read_lines(const char *const *lines, const struct report_options *options, bool end)
{
    struct report *r = NULL;
    struct err err;
    assert_int_equal(report_new(options, &r, &err), OK);
    for (size_t i = 0; i < LINES && lines[i] != NULL; i++) {
        struct from_json *doc = NULL;
        if (from_json_parse(span_of(lines[i]), (struct from_json_limits){ TEXT, 16 }, "line", &doc, &err) != OK)
            fail_msg("%s: %s", lines[i], err.text);
        struct from_json_value root = from_json_root(doc);
        assert_int_equal(report_take(r, &root, &err), OK);
        from_json_free(doc);
    }
    if (end)
        assert_int_equal(report_end(r, &err), OK);
    return r;
}

static void the_numbers_are_what_happened(void **state)
{
    static const struct { const char *name, *lines[LINES], *want[WANTS]; } rows[] = {
        { "fixed after the first message", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"), PASS("02", "14", "1", "a") },
          { "\"episodes\":1,", "\"fixed\":1,", "\"fixed_before_close\":1,", "\"time_to_fix_median_s\":14400,", "\"self_healed\":0,", "\"nudge_1\":1,\"nudge_1_fixed\":1", "\"notices\":1,", "\"people\":1," } },
        { "healed before anybody was told", { POLICY, FAIL("02", "08", "1", "a"), PASS("02", "09", "1", "a") }, { "\"self_healed\":1,", "\"fixed\":0,", "\"time_to_fix_median_s\":null", "\"violation_days_tenths\":0," } },
        { "a pass that does not last is none", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"),
            "{\"at\":\"2026-11-02T12:00:00Z\",\"type\":\"result.changed\",\"person\":\"P-a\",\"device\":\"D-1\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"pass\"},\"visible\":[]}}",
            "{\"at\":\"2026-11-02T12:30:00Z\",\"type\":\"result.changed\",\"person\":\"P-a\",\"device\":\"D-1\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}",
            PASS("02", "16", "1", "a") }, { "\"episodes\":1,", "\"time_to_fix_median_s\":21600," } },
        { "absence is told apart", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"),
            "{\"at\":\"2026-11-02T11:00:00Z\",\"type\":\"person.absence\",\"person\":\"P-a\",\"data\":{\"from\":1793620800,\"to\":1793707200}}", /* 2 Nov 12:00 to 3 Nov 12:00 */
            PASS("03", "14", "1", "a") }, { "\"time_to_fix_median_s\":14400,", "\"paused_s\":86400," } },
        { "the ladder's own clock knows of holidays, too", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"), PASS("05", "14", "1", "a"), HEALED("1", "7200") },
          { "\"fixed\":1,", "\"time_to_fix_median_s\":7200,", "\"paused_s\":266400," } },
        { "what it counted until a pass that did not last is not of the next", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"), PASS("05", "14", "1", "a"), HEALED("1", "7200"),
            "{\"at\":\"2026-11-05T14:30:00Z\",\"type\":\"result.changed\",\"person\":\"P-a\",\"device\":\"D-1\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}",
            PASS("05", "16", "1", "a") }, { "\"time_to_fix_median_s\":280800,", "\"paused_s\":0," } },
        { "nor is more than there was", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"), PASS("05", "14", "1", "a"), HEALED("1", "9999999") }, { "\"time_to_fix_median_s\":273600," } },
        { "closed for two days, then fixed", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"), TOLD("03", "10", "1", "a"), TOLD("04", "10", "1", "a"), RUNG("08", "10", "1", "a", "shut"), PASS("10", "09", "1", "a"),
            "{\"at\":\"2026-11-10T10:00:00Z\",\"type\":\"rung.changed\",\"person\":\"P-a\",\"device\":\"D-1\",\"data\":{\"from\":\"shut\",\"to\":\"\",\"checks\":[]},\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"pass\"},\"visible\":[]}}" },
          { "\"closed\":1,", "\"fixed_before_close\":0,", "\"blocked_minutes\":2820,", "\"later_nudges\":1,", "\"closings\":1,\"closings_fixed\":0", "\"violation_days_tenths\":80," } },
        { "still open at the end", { POLICY, FAIL("20", "00", "1", "a") }, { "\"open\":1,", "\"episodes\":0,", "\"violation_days_tenths\":100," } },
        { "what was before the stretch is state, not count", { POLICY, "{\"at\":\"2026-10-30T00:00:00Z\",\"type\":\"result.changed\",\"person\":\"P-a\",\"device\":\"D-1\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}",
            PASS("02", "00", "1", "a") }, { "\"self_healed\":1,", "\"violation_days_tenths\":10," } },
        { "a device that goes was not fixed", { POLICY, FAIL("02", "08", "1", "a"), TOLD("02", "10", "1", "a"),
            "{\"at\":\"2026-11-03T08:00:00Z\",\"type\":\"device.removed\",\"person\":\"P-a\",\"device\":\"D-1\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"removed\":true,\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}" },
          { "\"episodes\":0,", "\"open\":0,", "\"violation_days_tenths\":10," } },
        { "a device that changes hands", { POLICY, FAIL("02", "08", "1", "a"),
            "{\"at\":\"2026-11-04T08:00:00Z\",\"type\":\"device.owner\",\"person\":\"P-b\",\"device\":\"D-2\",\"moved_from\":\"D-1\",\"moved_to\":\"D-2\",\"state\":{\"platform\":\"macos\",\"owned\":true,\"results\":{\"firewall\":\"fail\"},\"visible\":[\"firewall\"]}}",
            TOLD("05", "08", "2", "b"), PASS("06", "08", "2", "b") }, { "\"fixed\":1,", "\"people\":2,", "\"violation_days_tenths\":40," } },
        { "valves", { POLICY, FAIL("02", "08", "1", "a"), "{\"at\":\"2026-11-02T11:00:00Z\",\"type\":\"person.snoozed\",\"person\":\"P-a\",\"device\":\"D-1\",\"data\":{\"check\":\"firewall\",\"until\":1793707200}}",
            "{\"at\":\"2026-11-02T11:00:00Z\",\"type\":\"person.disputed\",\"person\":\"P-a\",\"device\":\"D-1\",\"data\":{\"check\":\"firewall\",\"until\":1793707200}}",
            "{\"at\":\"2026-11-02T12:00:00Z\",\"type\":\"person.dispute_answered\",\"person\":\"P-a\",\"device\":\"D-1\",\"data\":{\"id\":\"e_1\",\"check\":\"firewall\",\"outcome\":\"fixed\"}}",
            "{\"at\":\"2026-11-02T12:00:00Z\",\"type\":\"exemption.asked\",\"person\":\"P-a\",\"data\":{\"exemption\":\"e_2\",\"check\":\"firewall\",\"end\":1794000000}}",
            "{\"at\":\"2026-11-02T12:00:00Z\",\"type\":\"exemption.approved\",\"person\":\"P-a\",\"data\":{\"exemption\":\"e_2\",\"check\":\"firewall\",\"end\":1794000000}}" },
          { "\"snoozes\":1,", "\"disputes\":1,", "\"disputes_upheld\":1,", "\"exemptions_open\":0,\"exemptions_overdue\":1" } },
        { "what is no record is passed over", { "{}", "{\"at\":7}", "{\"at\":\"2026-11-02T08:00:00Z\",\"type\":[1],\"state\":3,\"data\":\"x\"}", "{\"at\":\"2026-11-02T08:00:00Z\",\"type\":\"rung.changed\",\"device\":\"D-9\",\"data\":{\"checks\":[{}]}}" },
          { "\"episodes\":0," } },
    };
    (void)state;
    const struct report_options options = { .since_s = time_of("2026-11-01T00:00:00Z"), .until_s = time_of("2026-11-30T00:00:00Z"), .by = REPORT_CHECK, .least = 1 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(buf_done) struct buf text;
        struct to_json w;
        struct report *r = read_lines(rows[i].lines, &options, true);
        buf_init(&text, 1024 * 1024);
        to_json_init(&w, &text);
        report_to_json(r, &w);
        print_message("%s\n", rows[i].name);
        struct span all = span_slice(buf_span(&text), 0, span_search(buf_span(&text), SPAN_LITERAL("{\"name\":\"firewall\"")));
        for (size_t k = 0; k < WANTS && rows[i].want[k] != NULL; k++)
            if (span_search(all, span_of(rows[i].want[k])) == all.bytes)
                fail_msg("%s is not in %.*s", rows[i].want[k], SPAN_ARGS(all));
        report_free(r);
    }
}

static void few_people_are_put_together(void **state)
{
    static const char *const lines[LINES] = { POLICY, FAIL("02", "08", "1", "a"), FAIL("02", "08", "2", "b"), PASS("03", "08", "1", "a"), PASS("03", "08", "2", "b") };
    struct report_options options = { .since_s = time_of("2026-11-01T00:00:00Z"), .until_s = time_of("2026-11-30T00:00:00Z"), .by = REPORT_CHECK, .least = 3 };
    const struct report_row *rows = NULL;
    (void)state;
    struct report *r = read_lines(lines, &options, true);
    assert_int_equal(report_rows(r, &rows), 2);
    assert_string_equal(rows[1].name, "(fewer than 3 people)");
    assert_int_equal(rows[1].episodes, 2);
    report_free(r);
    options.least = 2;
    r = read_lines(lines, &options, true);
    assert_int_equal(report_rows(r, &rows), 2);
    assert_string_equal(rows[1].name, "firewall");
    report_free(r);
}

#define CREATED(time, person) "{\"at\":\"" time "\",\"type\":\"person.created\",\"person\":\"P-" person "\"}"
static void weeks_are_those_in_which_somebody_was_known(void **state)
{
    static const struct { const char *name, *lines[LINES], *since, *until; enum report_by by; const char *row; int64_t days; } rows[] = {
        { "there before the archive, that is older than the stretch", { CREATED("2026-10-01T00:00:00Z", "b"), FAIL("02", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z", REPORT_CHECK, "all", 28 },
        { "the archive is younger than the stretch", { CREATED("2026-11-15T00:00:00Z", "b"), FAIL("20", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z", REPORT_CHECK, "all", 14 },
        { "came within it", { CREATED("2026-10-01T00:00:00Z", "b"), CREATED("2026-11-22T00:00:00Z", "a"), FAIL("23", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z", REPORT_CHECK, "all", 7 },
        { "was erased within it", { CREATED("2026-10-01T00:00:00Z", "a"), FAIL("03", "00", "1", "a"), "{\"at\":\"2026-11-08T00:00:00Z\",\"type\":\"person.erased\",\"data\":{\"gone\":[\"D-1\"]}}" },
          "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z", REPORT_CHECK, "all", 7 },
        { "two people", { CREATED("2026-10-01T00:00:00Z", "a"), CREATED("2026-11-22T00:00:00Z", "b"), FAIL("03", "00", "1", "a"), FAIL("23", "00", "2", "b") }, "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z", REPORT_CHECK, "all", 35 },
        { "a month has its own", { CREATED("2026-11-20T00:00:00Z", "a"), FAIL("29", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-12-04T00:00:00Z", REPORT_MONTH, "2026-11", 11 },
        { "and the next", { CREATED("2026-11-20T00:00:00Z", "a"), FAIL("29", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-12-04T00:00:00Z", REPORT_MONTH, "2026-12", 3 },
        { "and all of them together", { CREATED("2026-11-20T00:00:00Z", "a"), FAIL("29", "00", "1", "a") }, "2026-11-01T00:00:00Z", "2026-12-04T00:00:00Z", REPORT_MONTH, "all", 14 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct report_options options = { .since_s = time_of(rows[i].since), .until_s = time_of(rows[i].until), .by = rows[i].by, .least = 1 };
        const struct report_row *all = NULL;
        struct report *r = read_lines(rows[i].lines, &options, true);
        size_t count = report_rows(r, &all), at = 0;
        while (at < count && strcmp(all[at].name, rows[i].row) != 0)
            at++;
        if (at == count || all[at].known_people_s != rows[i].days * 86400)
            fail_msg("%s: %.1f days, not %lld", rows[i].name, at == count ? -1.0 : (double)all[at].known_people_s / 86400, (long long)rows[i].days);
        report_free(r);
    }
}

static void months_share_what_reaches_over_their_end(void **state)
{
    static const char *const lines[LINES] = { POLICY, FAIL("29", "00", "1", "a") };
    const struct report_options options = { .since_s = time_of("2026-11-01T00:00:00Z"), .until_s = time_of("2026-12-04T00:00:00Z"), .by = REPORT_MONTH, .least = 1 };
    const struct report_row *rows = NULL;
    (void)state;
    struct report *r = read_lines(lines, &options, true);
    assert_int_equal(report_rows(r, &rows), 3);
    assert_string_equal(rows[1].name, "2026-11");
    assert_int_equal(rows[1].failing_s, 2 * 86400);
    assert_int_equal(rows[2].failing_s, 3 * 86400);
    assert_int_equal(rows[0].failing_s, 5 * 86400);
    report_free(r);
}

static void the_state_at_a_date_is_what_was_then(void **state)
{
    static const char *const lines[LINES] = { POLICY, FAIL("02", "08", "1", "a"), PASS("02", "09", "2", "a"), PASS("05", "08", "1", "a"),
        "{\"at\":\"2026-11-07T08:00:00Z\",\"type\":\"device.owner\",\"erased\":true,\"moved_to\":\"D-3\",\"state\":{\"platform\":\"macos\",\"owned\":false,\"results\":{\"firewall\":\"pass\"},\"visible\":[]}}",
        "{\"at\":\"2026-11-07T08:00:00Z\",\"type\":\"person.erased\",\"data\":{\"gone\":[\"D-1\",7,\"D-unheard\"]}}",
        FAIL("07", "08", "1", "a") }; /* of the same second, from another chain: it was before, and comes after */
    static const struct { const char *at, *want; } rows[] = {
        { "2026-11-02T00:00:00Z", "\"count\":0," },
        { "2026-11-02T00:00:00Z", "{\"as_of\":\"2026-11-01T23:59:59Z\"," }, /* the last second that is in it */
        { "2026-11-03T00:00:00Z", "{\"device\":\"D-1\",\"person\":\"P-a\",\"platform\":\"macos\",\"owned\":true,\"compliant\":false,\"failing\":[\"firewall\"],\"unknown\":[]},{\"device\":\"D-2\"" },
        { "2026-11-06T00:00:00Z", "\"count\":2,\"failing\":0," },
        { "2026-11-08T00:00:00Z", "\"devices\":[{\"device\":\"D-2\",\"person\":\"P-a\"" }, /* of an erased person's device no more than nobody's is left */
        { "2026-11-08T00:00:00Z", "\"count\":2,\"failing\":0," },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct report_options options = { .until_s = time_of(rows[i].at), .least = 1 };
        CLEANUP(buf_done) struct buf text, csv;
        struct to_json w;
        struct report *r = read_lines(lines, &options, false);
        buf_init(&text, 1024 * 1024);
        buf_init(&csv, 1024 * 1024);
        to_json_init(&w, &text);
        report_state_to_json(r, &w);
        report_state_to_csv(r, &csv);
        if (strstr(buf_text(&text), rows[i].want) == NULL)
            fail_msg("%s is not in %s", rows[i].want, buf_text(&text));
        assert_non_null(strstr(buf_text(&csv), "device,platform"));
        report_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_what_happened),
        cmocka_unit_test(few_people_are_put_together),
        cmocka_unit_test(weeks_are_those_in_which_somebody_was_known),
        cmocka_unit_test(months_share_what_reaches_over_their_end),
        cmocka_unit_test(the_state_at_a_date_is_what_was_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
