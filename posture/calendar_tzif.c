#include "posture/calendar_tzif.h"

#include <string.h>

enum { HEADER_BYTES = 44, BLOCK_BYTES = 2048, ARENA_BYTES = 1024 * 1024, TRANSITIONS_MOST = 4096, TYPES_MOST = 256, CHARACTERS_MOST = 2048, DAY_S = 86400 };
/* RFC 8536 section 3.2: more than -25 and less than 26 hours. */
enum { OFFSET_LEAST_S = -89999, OFFSET_MOST_S = 93599 };

/* ---- dates ---- */

/* Counted in years that start on 1 March, so that the leap day is the last of its year. */
int64_t tzif_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void tzif_date(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int64_t month_week_day(const struct tzif_rule *r, int64_t year)
{
    int64_t first = tzif_days(year, r->month, 1), next = r->month == 12 ? tzif_days(year + 1, 1, 1) : tzif_days(year, r->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday here */
    int64_t days = first + (r->day - weekday + 7) % 7 + (int64_t)(r->week - 1) * 7;
    return days >= next ? days - 7 : days; /* week 5 is the last one of the month */
}

/* Local seconds at which the rule takes effect in that year. */
static int64_t rule_at(const struct tzif_rule *r, int64_t year)
{
    int64_t days = tzif_days(year, 1, 1);
    if (r->kind == TZIF_MONTH_WEEK_DAY)
        days = month_week_day(r, year);
    else if (r->kind == TZIF_JULIAN)
        days += r->day - 1 + (is_leap(year) && r->day >= 60);
    else
        days += r->day;
    return days * DAY_S + r->time_s;
}

/* ---- the footer ---- */

static bool take_byte(struct span *rest, char byte)
{
    if (rest->bytes == 0 || rest->at[0] != byte)
        return false;
    *rest = span_slice(*rest, 1, rest->bytes);
    return true;
}

static bool take_number(struct span *rest, int least, int most, int *out)
{
    size_t digits = 0;
    int number = 0;
    while (digits < rest->bytes && digits < 4 && rest->at[digits] >= '0' && rest->at[digits] <= '9')
        number = number * 10 + (rest->at[digits++] - '0');
    if (digits == 0 || number < least || number > most)
        return false;
    *rest = span_slice(*rest, digits, rest->bytes);
    *out = number;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct span *rest, int most_hours, int32_t *seconds)
{
    int hours, minutes = 0, rest_s = 0;
    bool negative = take_byte(rest, '-');
    if (!negative)
        (void)take_byte(rest, '+');
    if (!take_number(rest, 0, most_hours, &hours))
        return false;
    bool has_minutes = take_byte(rest, ':');
    if (has_minutes && !take_number(rest, 0, 59, &minutes))
        return false;
    if (has_minutes && take_byte(rest, ':') && !take_number(rest, 0, 59, &rest_s))
        return false;
    int32_t all = hours * 3600 + minutes * 60 + rest_s;
    *seconds = negative ? -all : all;
    return true;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_quoted(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-'; }

/* Three letters or more, or more freely in angle brackets. */
static bool take_name(struct span *rest, struct span *name)
{
    bool quoted = take_byte(rest, '<');
    size_t bytes = 0;
    while (bytes < rest->bytes && (quoted ? is_quoted(rest->at[bytes]) : is_letter(rest->at[bytes])))
        bytes++;
    if (bytes < 3 || bytes > 16)
        return false;
    *name = span_slice(*rest, 0, bytes);
    *rest = span_slice(*rest, bytes, rest->bytes);
    return !quoted || take_byte(rest, '>');
}

static bool take_day(struct span *rest, struct tzif_rule *r)
{
    if (take_byte(rest, 'M')) {
        r->kind = TZIF_MONTH_WEEK_DAY;
        return take_number(rest, 1, 12, &r->month) && take_byte(rest, '.') && take_number(rest, 1, 5, &r->week) && take_byte(rest, '.') && take_number(rest, 0, 6, &r->day);
    }
    bool julian = take_byte(rest, 'J');
    r->kind = julian ? TZIF_JULIAN : TZIF_ZERO_BASED;
    return take_number(rest, julian ? 1 : 0, 365, &r->day);
}

static bool take_rule(struct span *rest, struct tzif_rule *r)
{
    r->time_s = 2 * 3600;
    return take_byte(rest, ',') && take_day(rest, r) && (!take_byte(rest, '/') || take_time(rest, 167, &r->time_s));
}

bool tzif_footer_read(struct span text, struct tzif_footer *out)
{
    struct tzif_footer f = { .present = true };
    struct span rest = text;
    int32_t west_s;
    if (!take_name(&rest, &f.standard.abbreviation) || !take_time(&rest, 24, &west_s))
        return false;
    f.standard.offset_s = -west_s;
    if (rest.bytes > 0) {
        f.has_daylight = f.daylight.daylight = true;
        if (!take_name(&rest, &f.daylight.abbreviation))
            return false;
        f.daylight.offset_s = f.standard.offset_s + 3600;
        if (rest.bytes > 0 && rest.at[0] != ',') {
            if (!take_time(&rest, 24, &west_s))
                return false;
            f.daylight.offset_s = -west_s;
        }
        if (!take_rule(&rest, &f.start) || !take_rule(&rest, &f.end) || rest.bytes > 0)
            return false;
    }
    *out = f;
    return true;
}

/* ---- the data ---- */

struct counts { uint32_t utc, standard, leap, times, types, characters; };

static uint32_t number32(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t number64(const char *at) { return (int64_t)((uint64_t)number32(at) << 32 | number32(at + 4)); }

static bool read_header(struct span data, struct counts *c)
{
    if (data.bytes < HEADER_BYTES || memcmp(data.at, "TZif", 4) != 0 || data.at[4] < '2')
        return false;
    *c = (struct counts){ number32(data.at + 20), number32(data.at + 24), number32(data.at + 28), number32(data.at + 32), number32(data.at + 36), number32(data.at + 40) };
    return c->utc <= TYPES_MOST && c->standard <= TYPES_MOST && c->leap <= 1024 && c->times <= TRANSITIONS_MOST && c->types <= TYPES_MOST && c->characters <= CHARACTERS_MOST;
}

static size_t block_bytes(const struct counts *c, size_t time_bytes)
{
    return c->times * (time_bytes + 1) + c->types * 6u + c->characters + c->leap * (time_bytes + 4) + c->standard + c->utc;
}

static bool read_type(const char *at, struct span characters, struct tzif_type *type)
{
    unsigned start = (unsigned char)at[5];
    type->offset_s = (int32_t)number32(at);
    type->daylight = at[4] != 0;
    if (type->offset_s < OFFSET_LEAST_S || type->offset_s > OFFSET_MOST_S || (unsigned char)at[4] > 1 || start >= characters.bytes)
        return false;
    struct span rest = span_slice(characters, start, characters.bytes);
    size_t end = span_find(rest, '\0');
    type->abbreviation = span_slice(rest, 0, end);
    return end < rest.bytes;
}

static bool read_types(struct span block, const struct counts *c, struct tzif *z)
{
    const char *at = block.at + c->times * 9u;
    struct span characters = arena_copy(&z->arena, span_make(at + c->types * 6u, c->characters));
    struct tzif_type *all = arena_array(&z->arena, c->types, sizeof *all);
    if (all == NULL || characters.at == NULL)
        return false;
    for (size_t i = 0; i < c->types; i++)
        if (!read_type(at + i * 6, characters, &all[i]))
            return false;
    z->types = all;
    z->type_count = c->types;
    return true;
}

static bool read_transitions(struct span block, const struct counts *c, struct tzif *z)
{
    struct tzif_transition *all = arena_array(&z->arena, c->times, sizeof *all);
    if (all == NULL)
        return false;
    for (size_t i = 0; i < c->times; i++) {
        all[i] = (struct tzif_transition){ number64(block.at + i * 8), (unsigned char)block.at[c->times * 8u + i] };
        if (all[i].type >= c->types || (i > 0 && all[i].at_s <= all[i - 1].at_s))
            return false;
    }
    z->transitions = all;
    z->transition_count = c->times;
    return true;
}

static bool read_footer(struct span rest, struct tzif *z)
{
    if (!take_byte(&rest, '\n'))
        return false;
    size_t end = span_find(rest, '\n');
    struct span text = arena_copy(&z->arena, span_slice(rest, 0, end));
    if (end == rest.bytes || end > 256 || text.at == NULL)
        return false;
    return end == 0 || tzif_footer_read(text, &z->footer);
}

static bool read_all(struct span data, struct tzif *z)
{
    struct counts c;
    if (!read_header(data, &c))
        return false;
    data = span_slice(data, HEADER_BYTES + block_bytes(&c, 4), data.bytes); /* version 1's 32-bit data is repeated in full behind it */
    if (!read_header(data, &c) || c.types == 0 || c.characters == 0 || c.leap != 0)
        return false;
    struct span block = span_slice(data, HEADER_BYTES, data.bytes);
    size_t bytes = block_bytes(&c, 8);
    if (block.bytes < bytes)
        return false;
    return read_types(block, &c, z) && read_transitions(block, &c, z) && read_footer(span_slice(block, bytes, block.bytes), z);
}

enum err_code tzif_read(struct span data, struct tzif *out, struct err *err)
{
    *out = (struct tzif){ 0 };
    if (data.bytes > TZIF_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "time zone data longer than %d bytes", TZIF_MAX_BYTES);
    arena_init(&out->arena, BLOCK_BYTES, ARENA_BYTES);
    if (read_all(data, out))
        return OK;
    tzif_done(out);
    return err_set(err, ERR_INPUT, "not time zone data of version 2 or later without leap seconds (RFC 8536)");
}

void tzif_done(struct tzif *z)
{
    arena_done(&z->arena);
    *z = (struct tzif){ 0 };
}

/* ---- what holds when ---- */

/* The newest change at or before `at_s` wins; of two at the same moment daylight saving, which is how a TZ string says "all year". */
static struct tzif_type footer_at(const struct tzif_footer *f, int64_t at_s)
{
    int64_t year, newest_s = INT64_MIN;
    int month, day;
    struct tzif_type type = f->standard;
    if (!f->has_daylight)
        return type;
    tzif_date((at_s >= 0 ? at_s : at_s - (DAY_S - 1)) / DAY_S, &year, &month, &day);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start_s = rule_at(&f->start, y) - f->standard.offset_s, end_s = rule_at(&f->end, y) - f->daylight.offset_s;
        if (end_s <= at_s && end_s > newest_s) {
            newest_s = end_s;
            type = f->standard;
        }
        if (start_s <= at_s && start_s >= newest_s) {
            newest_s = start_s;
            type = f->daylight;
        }
    }
    return type;
}

struct tzif_type tzif_at(const struct tzif *z, int64_t at_s)
{
    size_t low = 0, high = z->transition_count;
    while (low < high) { /* the first transition after at_s */
        size_t middle = low + (high - low) / 2;
        if (z->transitions[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->transition_count && z->footer.present)
        return footer_at(&z->footer, at_s);
    return z->types[low == 0 ? 0 : z->transitions[low - 1].type];
}
