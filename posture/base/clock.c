#include "posture/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };
#define YEAR_0_S INT64_C(-62167219200)
#define YEAR_9999_END_S INT64_C(253402300799)

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail: both ids exist on every Linux */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(const struct clock *c)
{
    (void)c;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(const struct clock *c)
{
    (void)c;
    return read_ms(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
    static const struct clock system = { system_wall_ms, system_mono_ms, NULL };
    return &system;
}

/* Rounds down, also before 1970. */
static int64_t floor_divide(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

int64_t clock_wall_s(const struct clock *c)
{
    return floor_divide(c->wall_ms(c), 1000);
}

int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}

int64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c);
}

struct civil {
    int64_t year;
    int month, day;
};

/* Days since 1970-01-01 to a Gregorian date and back. Years are counted from 1 March, so that the leap day comes last;
 * 400 years have 146,097 days; 719,468 days lie between 0000-03-01 and 1970-01-01. gmtime_r would take a lock. */
static struct civil civil_of(int64_t days)
{
    days += 719468;
    int64_t era = floor_divide(days, 146097);
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    int day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    return (struct civil){ era * 400 + year_of_era + (month <= 2), month, day };
}

static int64_t days_of(struct civil date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t day_of_year = (153 * from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
    return n < least ? least : n > most ? most : n;
}

/* Two decimal digits and the byte that follows them; where to go on. */
static char *put_pair(char *at, unsigned n, char after)
{
    unsigned tens = n * 103 >> 10; /* n / 10, of what has two digits */
    at[0] = (char)('0' + tens);
    at[1] = (char)('0' + n - tens * 10);
    at[2] = after;
    return at + 3;
}

enum { HOUR_AT = sizeof "2026-11-29T" - 1 };

static void put_hour(unsigned second_of_day, char *at)
{
    unsigned minute = second_of_day / MINUTE_S;
    at = put_pair(at, minute / 60, ':');
    at = put_pair(at, minute % 60, ':');
    *put_pair(at, second_of_day % 60, 'Z') = '\0';
}

const char *clock_rfc3339(int64_t wall_s, char text[CLOCK_TEXT_BYTES])
{
    wall_s = clamp(wall_s, YEAR_0_S, YEAR_9999_END_S);
    int64_t days = floor_divide(wall_s, DAY_S);
    struct civil date = civil_of(days);
    unsigned century = (unsigned)date.year / 100;
    char *at = put_pair(text, century, ' ') - 1; /* the year's third digit goes over the blank */
    at = put_pair(at, (unsigned)date.year % 100, '-');
    at = put_pair(at, (unsigned)date.month, '-');
    put_hour((unsigned)(wall_s - days * DAY_S), put_pair(at, (unsigned)date.day, 'T'));
    return text;
}

const char *clock_rfc3339_again(int64_t wall_s, int64_t before_s, char text[CLOCK_TEXT_BYTES])
{
    bool plain = before_s >= YEAR_0_S && before_s <= YEAR_9999_END_S;
    uint64_t second = plain ? (uint64_t)wall_s - (uint64_t)(floor_divide(before_s, DAY_S) * DAY_S) : DAY_S;
    if (second >= DAY_S)
        return clock_rfc3339(wall_s, text);
    put_hour((unsigned)second, text + HOUR_AT);
    return text;
}

/* Cuts `digits` decimal digits off the front. */
static bool cut_number(struct span *rest, size_t digits, int *out)
{
    uint64_t n;
    if (rest->bytes < digits || !span_to_u64(span_slice(*rest, 0, digits), &n))
        return false;
    *rest = span_slice(*rest, digits, rest->bytes);
    *out = (int)n;
    return true;
}

/* Cuts one byte off the front, when it is one of `allowed`. */
static bool cut_byte(struct span *rest, const char *allowed)
{
    if (rest->bytes == 0 || rest->at[0] == '\0' || strchr(allowed, rest->at[0]) == NULL)
        return false;
    *rest = span_slice(*rest, 1, rest->bytes);
    return true;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool cut_date(struct span *rest, int64_t *days)
{
    int year, month, day;
    if (!cut_number(rest, 4, &year) || !cut_byte(rest, "-") || !cut_number(rest, 2, &month) || !cut_byte(rest, "-")
        || !cut_number(rest, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_of((struct civil){ year, month, day });
    return true;
}

static bool cut_fraction(struct span *rest)
{
    if (!cut_byte(rest, "."))
        return true;
    if (!cut_byte(rest, "0123456789"))
        return false;
    while (cut_byte(rest, "0123456789"))
        continue;
    return true;
}

static bool cut_time(struct span *rest, int *second_of_day, bool *leap_second)
{
    int hour, minute, second;
    if (!cut_number(rest, 2, &hour) || !cut_byte(rest, ":") || !cut_number(rest, 2, &minute) || !cut_byte(rest, ":")
        || !cut_number(rest, 2, &second) || !cut_fraction(rest))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *second_of_day = hour * HOUR_S + minute * MINUTE_S + second;
    *leap_second = second == 60;
    return true;
}

static bool cut_offset(struct span *rest, int *offset_s)
{
    *offset_s = 0;
    if (cut_byte(rest, "Zz"))
        return true;
    int sign = rest->bytes > 0 && rest->at[0] == '-' ? -1 : 1;
    int hour, minute;
    if (!cut_byte(rest, "+-") || !cut_number(rest, 2, &hour) || !cut_byte(rest, ":") || !cut_number(rest, 2, &minute))
        return false;
    if (hour > 23 || minute > 59)
        return false;
    *offset_s = sign * (hour * HOUR_S + minute * MINUTE_S);
    return true;
}

bool clock_from_rfc3339(struct span text, int64_t *wall_s)
{
    int64_t days;
    int second_of_day, offset_s;
    bool leap_second;
    if (!cut_date(&text, &days) || !cut_byte(&text, "Tt") || !cut_time(&text, &second_of_day, &leap_second)
        || !cut_offset(&text, &offset_s) || text.bytes > 0)
        return false;
    int64_t result = days * DAY_S + second_of_day - offset_s;
    /* RFC 3339 section 5.7: second 60 exists only at the end of a UTC day. POSIX time counts it as the next day's first. */
    if (leap_second && result % DAY_S != 0)
        return false;
    *wall_s = result;
    return true;
}

static const struct unit {
    char letter;
    int64_t seconds;
} units[] = { { 'd', DAY_S }, { 'h', HOUR_S }, { 'm', MINUTE_S }, { 's', 1 } };
enum { UNITS = sizeof units / sizeof units[0] };

static int64_t unit_seconds(char letter)
{
    for (size_t i = 0; i < UNITS; i++)
        if (units[i].letter == letter)
            return units[i].seconds;
    return 0;
}

bool duration_parse(struct span text, int64_t *seconds)
{
    if (span_equal_text(text, "0")) {
        *seconds = 0;
        return true;
    }
    if (text.bytes < 2 || text.at[0] == '-')
        return false;
    int64_t each = unit_seconds(text.at[text.bytes - 1]);
    int64_t count, product;
    if (each == 0 || !span_to_i64(span_slice(text, 0, text.bytes - 1), &count))
        return false;
    if (__builtin_mul_overflow(count, each, &product))
        return false;
    *seconds = product;
    return true;
}

const char *duration_text(int64_t seconds, char text[CLOCK_TEXT_BYTES])
{
    size_t unit = 0;
    while (unit < UNITS - 1 && seconds % units[unit].seconds != 0)
        unit++;
    if (seconds == 0)
        snprintf(text, CLOCK_TEXT_BYTES, "0");
    else
        snprintf(text, CLOCK_TEXT_BYTES, "%lld%c", (long long)(seconds / units[unit].seconds), units[unit].letter);
    return text;
}
