#include "posture/calendar.h"
#include "posture/calendar_tzif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "posture/base/clock.h"
#include "posture/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

enum { MON_TO_FRI = 0x1f };

static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo",
                                     "Pacific/Apia", "Africa/Casablanca", "Europe/Dublin", "America/St_Johns", "Etc/GMT+3", "Asia/Gaza", "America/Nuuk" };

static int set_up(void **state)
{
    struct calendar *c = calendar_new("/usr/share/zoneinfo");
    struct err err;
    for (size_t i = 0; i < COUNT(zones); i++)
        if (calendar_prepare(c, span_of(zones[i]), &err) != OK)
            fail_msg("%s", err.text);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    calendar_free(*state);
    return 0;
}

static int64_t at(const char *text)
{
    int64_t wall_s;
    if (!clock_from_rfc3339(span_of(text), &wall_s))
        fail_msg("no time: %s", text);
    return wall_s;
}

static void local_time_is_what_clocks_show(void **state)
{
    static const struct { const char *zone, *at; int32_t day, minute; unsigned weekday; const char *abbreviation; } rows[] = {
        { "Europe/Berlin", "2026-01-15T12:00:00Z", 20260115, 13 * 60, 3, "CET" },
        { "Europe/Berlin", "2026-07-15T22:30:00Z", 20260716, 30, 3, "CEST" },
        { "Europe/Berlin", "2026-03-29T00:59:59Z", 20260329, 119, 6, "CET" },
        { "Europe/Berlin", "2026-03-29T01:00:00Z", 20260329, 180, 6, "CEST" },
        { "Europe/Berlin", "2026-10-25T00:59:59Z", 20261025, 179, 6, "CEST" },
        { "Europe/Berlin", "2026-10-25T01:00:00Z", 20261025, 120, 6, "CET" },
        { "Europe/Berlin", "2061-03-27T01:00:00Z", 20610327, 180, 6, "CEST" }, /* from the footer */
        { "Europe/Berlin", "1985-07-01T00:00:00Z", 19850701, 120, 0, "CEST" },
        { "America/New_York", "2028-02-29T04:59:59Z", 20280228, 1439, 0, "EST" },
        { "America/New_York", "2028-02-29T05:00:00Z", 20280229, 0, 1, "EST" },
        { "America/New_York", "2100-03-01T04:59:00Z", 21000228, 1439, 6, "EST" }, /* 2100 has no leap day */
        { "Asia/Kathmandu", "2026-01-01T00:00:00Z", 20260101, 345, 3, "+0545" },
        { "Australia/Lord_Howe", "2026-04-04T15:00:00Z", 20260405, 90, 6, "+1030" }, /* half an hour of daylight saving */
        { "Pacific/Apia", "2011-12-30T10:00:00Z", 20111231, 0, 5, "+14" },           /* a day that was skipped */
        { "Europe/Dublin", "2040-01-15T12:00:00Z", 20400115, 720, 6, "GMT" },        /* negative daylight saving */
        { "Etc/GMT+3", "2026-01-01T00:00:00Z", 20251231, 21 * 60, 2, "-03" },
        { "America/St_Johns", "2026-07-01T00:00:00Z", 20260630, 21 * 60 + 30, 1, "NDT" },
        { "No/Such_Zone", "2026-01-01T00:00:00Z", 20260101, 0, 3, "UTC" },
        { "", "1969-12-31T23:59:59Z", 19691231, 1439, 2, "UTC" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct local_time t = calendar_local(*state, span_of(rows[i].zone), at(rows[i].at));
        if (t.day != rows[i].day || t.minute != rows[i].minute || t.weekday != rows[i].weekday || !span_equal_text(t.abbreviation, rows[i].abbreviation))
            fail_msg("%s %s: %d %d weekday %u %.*s", rows[i].zone, rows[i].at, (int)t.day, (int)t.minute, t.weekday, SPAN_ARGS(t.abbreviation));
    }
}

/* The C library reads the same data in its own way. */
static void all_zones_agree_with_the_c_library(void **state)
{
    for (size_t z = 0; z < COUNT(zones); z++) {
        setenv("TZ", zones[z], 1);
        tzset();
        for (int64_t t = at("1970-01-02T00:00:00Z"); t < at("2090-01-01T00:00:00Z"); t += 86400 * 3 + 3607) {
            struct tm tm;
            time_t seconds = (time_t)t;
            struct local_time mine = calendar_local(*state, span_of(zones[z]), t);
            localtime_r(&seconds, &tm);
            if (mine.offset_s != tm.tm_gmtoff || mine.day != (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday || mine.minute != tm.tm_hour * 60 + tm.tm_min)
                fail_msg("%s at %lld: %d, libc %ld", zones[z], (long long)t, (int)mine.offset_s, tm.tm_gmtoff);
        }
    }
    unsetenv("TZ");
}

static void the_edges_of_time_are_bounded(void **state)
{
    assert_int_equal(calendar_local(*state, SPAN_LITERAL("Europe/Berlin"), INT64_MAX).day / 10000, 9999);
    assert_int_equal(calendar_local(*state, SPAN_LITERAL("Europe/Berlin"), INT64_MIN).day / 10000, 1);
    struct calendar_hours berlin = { .calendar = *state, .zone = SPAN_LITERAL("Europe/Berlin"), .from_minute = 600, .to_minute = 960, .days = MON_TO_FRI };
    assert_true(calendar_next_window(&berlin, INT64_MAX) > at("9999-12-01T00:00:00Z"));
    assert_true(calendar_next_day(*state, SPAN_LITERAL("Europe/Berlin"), INT64_MIN) < at("1900-01-01T00:00:00Z"));
}

static void windows_open_in_the_zone_of_the_person(void **state)
{
    static const struct { const char *name, *zone, *from; int32_t opens, closes; unsigned days; const char *expected; } rows[] = {
        { "before it", "Europe/Berlin", "2026-11-24T05:00:00Z", 600, 960, MON_TO_FRI, "2026-11-24T09:00:00Z" },
        { "in it", "Europe/Berlin", "2026-11-24T12:00:07Z", 600, 960, MON_TO_FRI, "2026-11-24T12:00:07Z" },
        { "its last second", "Europe/Berlin", "2026-11-24T14:59:59Z", 600, 960, MON_TO_FRI, "2026-11-24T14:59:59Z" },
        { "after it", "Europe/Berlin", "2026-11-24T15:00:00Z", 600, 960, MON_TO_FRI, "2026-11-25T09:00:00Z" },
        { "on Friday evening", "Europe/Berlin", "2026-11-27T16:00:00Z", 600, 960, MON_TO_FRI, "2026-11-30T09:00:00Z" },
        { "over the change to summer", "Europe/Berlin", "2026-03-27T16:00:00Z", 600, 960, MON_TO_FRI, "2026-03-30T08:00:00Z" },
        { "over the change to winter", "Europe/Berlin", "2026-10-23T16:00:00Z", 600, 960, MON_TO_FRI, "2026-10-26T09:00:00Z" },
        { "its opening is skipped", "Europe/Berlin", "2026-03-29T00:00:00Z", 150, 960, 0x7f, "2026-03-29T01:00:00Z" },
        { "all of it is skipped", "Europe/Berlin", "2026-03-29T00:00:00Z", 125, 175, 0x7f, "2026-03-30T00:05:00Z" },
        { "its opening comes twice", "Europe/Berlin", "2026-10-24T23:00:00Z", 150, 960, 0x7f, "2026-10-25T00:30:00Z" },
        { "one day a week", "America/New_York", "2026-11-24T12:00:00Z", 600, 960, 0x01, "2026-11-30T15:00:00Z" },
        { "the leap day", "America/New_York", "2028-02-28T21:00:00Z", 600, 960, MON_TO_FRI, "2028-02-29T15:00:00Z" },
        { "a skipped day", "Pacific/Apia", "2011-12-30T05:00:00Z", 600, 960, 0x7f, "2011-12-30T20:00:00Z" },
        { "to midnight", "Asia/Tokyo", "2026-11-24T14:59:59Z", 0, 1440, MON_TO_FRI, "2026-11-24T14:59:59Z" },
        { "an unknown zone", "No/Such", "2026-11-24T05:00:00Z", 600, 960, MON_TO_FRI, "2026-11-24T10:00:00Z" },
        { "none set", "UTC", "2026-11-28T05:00:00Z", 0, 0, 0, "2026-11-28T05:00:00Z" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar_hours h = { .calendar = *state, .zone = span_of(rows[i].zone), .from_minute = rows[i].opens, .to_minute = rows[i].closes, .days = rows[i].days };
        char text[CLOCK_TEXT_BYTES];
        int64_t from_s = at(rows[i].from), opens_s = calendar_next_window(&h, from_s);
        if (opens_s != at(rows[i].expected) || !calendar_in_window(&h, opens_s))
            fail_msg("%s: %s", rows[i].name, clock_rfc3339(opens_s, text));
        if (calendar_in_window(&h, from_s) != (opens_s == from_s))
            fail_msg("%s: in the window and not, at once", rows[i].name);
    }
}

static void the_next_day_begins_after_now(void **state)
{
    static const struct { const char *name, *zone, *from, *expected; } rows[] = {
        { "plain", "Europe/Berlin", "2026-11-24T12:00:00Z", "2026-11-24T23:00:00Z" },
        { "at midnight", "Europe/Berlin", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z" },
        { "before summer", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z" },
        { "a midnight that is skipped", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z" },
        { "an hour before midnight comes twice, first", "America/Sao_Paulo", "2018-02-18T01:30:00Z", "2018-02-18T03:00:00Z" },
        { "an hour before midnight comes twice, second", "America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-18T03:00:00Z" },
        { "midnight itself came twice", "America/St_Johns", "2006-10-29T02:40:00Z", "2006-10-29T03:30:00Z" },
        { "the end of February", "UTC", "2028-02-28T12:00:00Z", "2028-02-29T00:00:00Z" },
        { "a day that was skipped", "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT_BYTES];
        int64_t next_s = calendar_next_day(*state, span_of(rows[i].zone), at(rows[i].from));
        if (next_s != at(rows[i].expected))
            fail_msg("%s: %s", rows[i].name, clock_rfc3339(next_s, text));
    }
}

static void times_are_written_as_people_say_them(void **state)
{
    static const struct { const char *zone, *at, *now; bool with_zone; const char *text; } rows[] = {
        { "Europe/Berlin", "2026-11-26T15:00:00Z", "2026-11-24T12:00:00Z", false, "Thu 16:00" },
        { "Europe/Berlin", "2026-12-03T15:00:00Z", "2026-11-24T12:00:00Z", false, "Thu 3 Dec 16:00" },
        { "Europe/Berlin", "2026-12-01T13:00:00Z", "2026-11-24T12:00:00Z", false, "Tue 1 Dec 14:00" }, /* not to be taken for today */
        { "Europe/Berlin", "2026-11-23T15:05:00Z", "2026-11-24T12:00:00Z", false, "Mon 23 Nov 16:05" },
        { "Europe/Berlin", "2026-11-26T15:00:00Z", "2026-11-24T12:00:00Z", true, "Thu 16:00 CET" },
        { "Asia/Kathmandu", "2026-11-26T15:00:00Z", "2026-11-24T12:00:00Z", true, "Thu 20:45 UTC+0545" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CALENDAR_TEXT_BYTES];
        assert_string_equal(calendar_text(*state, span_of(rows[i].zone), at(rows[i].at), at(rows[i].now), rows[i].with_zone, text), rows[i].text);
    }
}

static void names_that_are_no_zones_are_refused(void **state)
{
    static const char *const names[] = { "", "../etc/passwd", "Europe/../UTC", "/etc/localtime", "Europe/Ber lin", "Europe/Berlin\n", "zone.tab", "tzdata.zi", "Europe", "No/Such_Zone",
                                         "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct err err;
        if (calendar_prepare(*state, span_of(names[i]), &err) == OK)
            fail_msg("\"%s\" was taken", names[i]);
        if (calendar_is_zone(*state, span_of(names[i]), &err) == OK)
            fail_msg("\"%s\" is a zone", names[i]);
    }
    struct err err;
    assert_int_equal(calendar_is_zone(*state, SPAN_LITERAL("America/Lima"), &err), OK);
    assert_int_equal(calendar_is_zone(*state, SPAN_LITERAL("UTC"), &err), OK);
}

static void a_person_without_a_zone_has_the_organisations(void **state)
{
    struct policy p = { .nudges = { .zone = SPAN_LITERAL("Asia/Tokyo") } };
    struct person ana = { .zone = SPAN_LITERAL("Europe/Berlin") }, ben = { .zone = SPAN_NONE };
    (void)state;
    assert_true(span_equal_text(calendar_zone(&p, &ana), "Europe/Berlin"));
    assert_true(span_equal_text(calendar_zone(&p, &ben), "Asia/Tokyo"));
    assert_true(span_equal_text(calendar_zone(&p, NULL), "Asia/Tokyo"));
    p.nudges.zone = SPAN_NONE;
    assert_true(span_equal_text(calendar_zone(&p, &ben), "UTC"));
}

static void footers_are_read_to_the_letter(void **state)
{
    static const struct { const char *text; bool good; } rows[] = {
        { "CET-1CEST,M3.5.0,M10.5.0/3", true },
        { "<+0545>-5:45", true },
        { "EST5EDT,M3.2.0,M11.1.0", true },
        { "IST-1GMT0,M10.5.0,M3.5.0/1", true },
        { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true },
        { "XXX3EDT4,0/0,J365/23", true },
        { "EET-2EEST,M3.4.4/50,M10.4.4/167", true },
        { "", false },
        { "CET", false },
        { "CE-1", false },
        { "CET-25", false },
        { "CET-1CEST", false }, /* daylight saving without rules */
        { "CET-1CEST,M3.5.0", false },
        { "CET-1CEST,M13.5.0,M10.5.0", false },
        { "CET-1CEST,M3.6.0,M10.5.0", false },
        { "CET-1CEST,M3.5.7,M10.5.0", false },
        { "CET-1CEST,M3.5.0,M10.5.0/168", false },
        { "CET-1CEST,J0,J365", false },
        { "CET-1CEST,M3.5.0,M10.5.0x", false },
        { "<CET-1", false },
        { "CET-99999999999", false },
        { "CET-1:60", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tzif_footer f;
        if (tzif_footer_read(span_of(rows[i].text), &f) != rows[i].good)
            fail_msg("%s", rows[i].text);
    }
}

static void daylight_saving_all_year_has_no_seam(void **state)
{
    (void)state;
    struct tzif z = { 0 };
    assert_true(tzif_footer_read(SPAN_LITERAL("XXX3EDT4,0/0,J365/23"), &z.footer)); /* RFC 8536 section 3.3.1 */
    for (int64_t t = at("2026-12-25T00:00:00Z"); t < at("2027-01-05T00:00:00Z"); t += 1800)
        assert_int_equal(tzif_at(&z, t).offset_s, -4 * 3600);
}

static struct span read_zone(struct buf *data)
{
    struct err err;
    buf_init(data, TZIF_MAX_BYTES);
    assert_int_equal(file_read("/usr/share/zoneinfo/Europe/Berlin", TZIF_MAX_BYTES, data, &err), OK);
    return buf_span(data);
}

static void every_cut_of_the_data_is_refused(void **state)
{
    struct buf data;
    struct err err;
    struct tzif z;
    (void)state;
    struct span whole = read_zone(&data);
    assert_int_equal(tzif_read(whole, &z, &err), OK);
    tzif_done(&z);
    for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
        char *exact = malloc(bytes + 1); /* its own block, so that a read past the end is seen */
        memcpy(exact, whole.at, bytes);
        if (tzif_read(span_make(exact, bytes), &z, &err) == OK)
            fail_msg("cut to %zu bytes", bytes);
        free(exact);
    }
    buf_done(&data);
}

static void hostile_data_is_refused(void **state)
{
    static const struct { const char *name; size_t offset; unsigned char byte; } rows[] = {
        { "no magic", 0, 'X' }, { "version 1", 4, 0 }, { "four billion transitions", 32, 0xff }, { "four billion types", 36, 0xff }, { "leap seconds without end", 28, 0xff },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf data;
        struct err err;
        struct tzif z;
        (void)read_zone(&data);
        data.at[rows[i].offset] = (char)rows[i].byte;
        if (tzif_read(buf_span(&data), &z, &err) == OK)
            fail_msg("%s", rows[i].name);
        buf_done(&data);
    }
    struct err err;
    struct tzif z;
    char *large = calloc(1, TZIF_MAX_BYTES + 1);
    assert_int_equal(tzif_read(span_make(large, TZIF_MAX_BYTES), &z, &err), ERR_INPUT);
    assert_int_equal(tzif_read(span_make(large, TZIF_MAX_BYTES + 1), &z, &err), ERR_LIMIT);
    free(large);
}

static void dates_and_days_are_each_others_inverse(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 2000000; day += 37) {
        int64_t year;
        int month, date;
        tzif_date(day, &year, &month, &date);
        assert_int_equal(tzif_days(year, month, date), day);
    }
    assert_int_equal(tzif_days(2000, 2, 29), 11016);
}

static void holidays_are_no_working_days(void **state)
{
    static const struct holiday all[] = {
        { SPAN_LITERAL("*"), 20270101, SPAN_LITERAL("New Year") }, { SPAN_LITERAL("DE"), 20261225, SPAN_NONE }, { SPAN_LITERAL("DE"), 20280229, SPAN_NONE },
        { SPAN_LITERAL("DE-BY"), 20270106, SPAN_NONE }, { SPAN_LITERAL("US"), 20261126, SPAN_NONE }, { SPAN_LITERAL("US"), 20261127, SPAN_NONE },
    };
    static const struct { const char *name, *zone, *region, *from, *expected; } rows[] = {
        { "of the region", "Europe/Berlin", "DE", "2026-12-24T16:00:00Z", "2026-12-28T09:00:00Z" },
        { "of the wider region", "Europe/Berlin", "DE-BY-MUC", "2026-12-24T16:00:00Z", "2026-12-28T09:00:00Z" },
        { "of a part of it only", "Europe/Berlin", "DE", "2027-01-06T08:00:00Z", "2027-01-06T09:00:00Z" },
        { "of that part", "Europe/Berlin", "DE-BY", "2027-01-06T08:00:00Z", "2027-01-07T09:00:00Z" },
        { "of a region that only begins so", "Europe/Berlin", "DEU", "2026-12-25T08:00:00Z", "2026-12-25T09:00:00Z" },
        { "of everybody, without a region", "UTC", "", "2027-01-01T11:00:00Z", "2027-01-04T10:00:00Z" },
        { "of elsewhere", "Europe/Berlin", "DE", "2026-11-26T08:00:00Z", "2026-11-26T09:00:00Z" },
        { "two in a row, then the weekend", "America/New_York", "US", "2026-11-25T22:00:00Z", "2026-11-30T15:00:00Z" },
        { "a leap day", "Europe/Berlin", "DE", "2028-02-28T16:00:00Z", "2028-03-01T09:00:00Z" },
        { "in the middle of it", "Europe/Berlin", "DE", "2026-12-25T12:00:00Z", "2026-12-28T09:00:00Z" },
        { "where it is another day already", "Asia/Tokyo", "", "2026-12-31T15:30:00Z", "2027-01-04T01:00:00Z" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar_hours h = { .calendar = *state, .zone = span_of(rows[i].zone), .region = span_of(rows[i].region), .holidays = { all, COUNT(all) }, .days = MON_TO_FRI, .from_minute = 600, .to_minute = 960 };
        char text[CLOCK_TEXT_BYTES];
        int64_t opens_s = calendar_next_window(&h, at(rows[i].from));
        if (opens_s != at(rows[i].expected) || !calendar_is_working_day(&h, opens_s))
            fail_msg("%s: %s", rows[i].name, clock_rfc3339(opens_s, text));
    }
}

static void people_have_days_and_hours_of_their_own(void **state)
{
    static const struct { const char *name; unsigned days, from, to, write_at; const char *from_s, *works, *written; } rows[] = {
        { "none", 0, 0, 0, 0, "2026-11-27T17:00:00Z", "2026-11-30T10:00:00Z", "2026-11-30T10:00:00Z" },
        { "from Sunday to Thursday", 0x4f, 0, 0, 0, "2026-11-27T17:00:00Z", "2026-11-29T10:00:00Z", "2026-11-29T10:00:00Z" },
        { "early hours", 0, 360, 600, 0, "2026-11-26T17:00:00Z", "2026-11-27T06:00:00Z", "2026-11-27T06:00:00Z" },
        { "write to me at 13:30", 0, 0, 0, 13 * 60 + 31, "2026-11-26T17:00:00Z", "2026-11-27T10:00:00Z", "2026-11-27T13:30:00Z" },
        { "in the evening, outside of the hours", 0, 0, 0, 19 * 60 + 1, "2026-11-26T17:30:00Z", "2026-11-27T10:00:00Z", "2026-11-26T19:00:00Z" },
        { "in the last hour of the day", 0, 0, 0, 23 * 60 + 31, "2026-11-26T17:30:00Z", "2026-11-27T10:00:00Z", "2026-11-26T23:30:00Z" },
    };
    struct policy p = { .nudges = { .from_minute = 600, .to_minute = 960, .days = MON_TO_FRI, .zone = SPAN_LITERAL("UTC") } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct person person = { .work = { rows[i].days, rows[i].from, rows[i].to, rows[i].write_at } };
        struct calendar_hours works = calendar_hours(*state, &p, &person, (struct holidays){ 0 }), written = calendar_write_hours(*state, &p, &person, (struct holidays){ 0 });
        if (calendar_next_window(&works, at(rows[i].from_s)) != at(rows[i].works) || calendar_next_window(&written, at(rows[i].from_s)) != at(rows[i].written))
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holidays_are_no_working_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(people_have_days_and_hours_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(local_time_is_what_clocks_show, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_zones_agree_with_the_c_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_edges_of_time_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(windows_open_in_the_zone_of_the_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_day_begins_after_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_are_written_as_people_say_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_no_zones_are_refused, set_up, tear_down),
        cmocka_unit_test(a_person_without_a_zone_has_the_organisations),
        cmocka_unit_test(footers_are_read_to_the_letter),
        cmocka_unit_test(daylight_saving_all_year_has_no_seam),
        cmocka_unit_test(every_cut_of_the_data_is_refused),
        cmocka_unit_test(hostile_data_is_refused),
        cmocka_unit_test(dates_and_days_are_each_others_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
