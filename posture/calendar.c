#include "posture/calendar.h"

#include "posture/base/buf.h"
#include "posture/base/file.h"
#include "posture/calendar_tzif.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2048, ZONES_MOST = 1024, PATH_BYTES = 512, DAY_S = 86400, MINUTE_S = 60, DAY_MINUTES = 1440, WEEK_DAYS = 7, LOOK_AHEAD_DAYS = 60, SHORT_TEXT_S = 6 * DAY_S };
/* Years 1 to 9999: what is outside is shown as the edge. */
#define FIRST_S INT64_C(-62135596800)
#define LAST_S INT64_C(253402214399)

struct zone { char name[TZIF_NAME_BYTES + 1]; struct tzif rules; };
/* Zones are only ever added, so a reader needs no more than an atomic look at a slot. */
struct calendar {
    char *folder;
    size_t count; /* the preparer's */
    _Atomic(struct zone *) slots[SLOTS];
};

struct calendar *calendar_new(const char *zoneinfo)
{
    struct calendar *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->folder = span_dup(span_of(zoneinfo));
    if (c->folder != NULL)
        return c;
    free(c);
    return NULL;
}

static void zone_free(struct zone *z)
{
    if (z == NULL)
        return;
    tzif_done(&z->rules);
    free(z);
}

void calendar_free(struct calendar *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        zone_free(c->slots[i]);
    free(c->folder);
    free(c);
}

/* ---- zones ---- */

static bool is_name(struct span name)
{
    if (name.bytes == 0 || name.bytes > TZIF_NAME_BYTES || name.at[0] == '/' || span_search(name, SPAN_LITERAL("..")) < name.bytes)
        return false;
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-' && c != '/')
            return false;
    }
    return true;
}

/* The zone's slot, or the free one where it belongs. There is always a free one: SLOTS is more than ZONES_MOST. */
static size_t slot_of(const struct calendar *c, struct span name)
{
    size_t at = (size_t)(span_hash(name, 0) % SLOTS);
    for (;; at = (at + 1) % SLOTS) {
        const struct zone *z = atomic_load_explicit(&c->slots[at], memory_order_acquire);
        if (z == NULL || span_equal_text(name, z->name))
            return at;
    }
}

static const struct zone *find_zone(const struct calendar *c, struct span name)
{
    return span_empty(name) ? NULL : atomic_load_explicit(&c->slots[slot_of(c, name)], memory_order_acquire);
}

static enum err_code load_zone(const struct calendar *c, struct span name, struct zone *z, struct err *err)
{
    char path[PATH_BYTES];
    CLEANUP(buf_done) struct buf data;
    buf_init(&data, TZIF_MAX_BYTES);
    int bytes = snprintf(path, sizeof path, "%s/%.*s", c->folder, SPAN_ARGS(name));
    if (bytes < 0 || (size_t)bytes >= sizeof path)
        return err_set(err, ERR_LIMIT, "zone %.*s: its path is too long", SPAN_ARGS(name));
    enum err_code code = file_read(path, TZIF_MAX_BYTES, &data, err);
    if (code != OK)
        return err_set(err, ERR_NOT_FOUND, "zone %.*s is not known (%s)", SPAN_ARGS(name), path);
    code = tzif_read(buf_span(&data), &z->rules, err);
    return code == OK ? OK : err_wrap(err, "zone %.*s", SPAN_ARGS(name));
}

enum err_code calendar_prepare(struct calendar *c, struct span zone, struct err *err)
{
    if (!is_name(zone))
        return err_set(err, ERR_NOT_FOUND, "\"%.*s\" is no name of a time zone", SPAN_ARGS(span_slice(zone, 0, TZIF_NAME_BYTES)));
    size_t slot = slot_of(c, zone);
    if (c->slots[slot] != NULL)
        return OK;
    if (c->count >= ZONES_MOST)
        return err_set(err, ERR_LIMIT, "zone %.*s: more than %d zones are in use", SPAN_ARGS(zone), ZONES_MOST);
    struct zone *z = calloc(1, sizeof *z);
    if (z == NULL)
        return err_set(err, ERR_MEMORY, "zone %.*s: memory is short", SPAN_ARGS(zone));
    memcpy(z->name, zone.at, zone.bytes);
    enum err_code code = load_zone(c, zone, z, err);
    if (code != OK) {
        zone_free(z);
        return code;
    }
    c->count++;
    atomic_store_explicit(&c->slots[slot], z, memory_order_release);
    return OK;
}

enum err_code calendar_is_zone(const struct calendar *c, struct span zone, struct err *err)
{
    if (span_equal_text(zone, "UTC") || (is_name(zone) && find_zone(c, zone) != NULL))
        return OK;
    if (!is_name(zone))
        return err_set(err, ERR_NOT_FOUND, "\"%.*s\" is no name of a time zone", SPAN_ARGS(span_slice(zone, 0, TZIF_NAME_BYTES)));
    struct zone *z = calloc(1, sizeof *z);
    enum err_code code = z != NULL ? load_zone(c, zone, z, err) : err_set(err, ERR_MEMORY, "zone %.*s: memory is short", SPAN_ARGS(zone));
    zone_free(z);
    return code;
}

struct span calendar_zone(const struct policy *policy, const struct person *person)
{
    if (person != NULL && !span_empty(person->zone))
        return person->zone;
    return span_empty(policy->nudges.zone) ? SPAN_LITERAL("UTC") : policy->nudges.zone;
}

static struct tzif_type type_at(const struct zone *z, int64_t at_s)
{
    if (z == NULL)
        return (struct tzif_type){ .abbreviation = SPAN_LITERAL("UTC") };
    return tzif_at(&z->rules, at_s);
}

static int64_t offset_at(const struct zone *z, int64_t at_s) { return type_at(z, at_s).offset_s; }

/* ---- local time ---- */

static int64_t clamp(int64_t at_s) { return at_s < FIRST_S ? FIRST_S : at_s > LAST_S ? LAST_S : at_s; }

static int64_t days_of(int64_t local_s) { return (local_s >= 0 ? local_s : local_s - (DAY_S - 1)) / DAY_S; }
static unsigned weekday_of(int64_t days) { return (unsigned)(((days + 3) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS); } /* 1970-01-01 was a Thursday */

struct local_time calendar_local(const struct calendar *c, struct span zone, int64_t at_s)
{
    at_s = clamp(at_s);
    struct tzif_type type = type_at(find_zone(c, zone), at_s);
    int64_t local_s = at_s + type.offset_s, days = days_of(local_s), year;
    int32_t second = (int32_t)(local_s - days * DAY_S);
    int month, day;
    tzif_date(days, &year, &month, &day);
    return (struct local_time){ .day = (int32_t)(year * 10000 + month * 100 + day), .minute = second / MINUTE_S, .second = second % MINUTE_S, .weekday = weekday_of(days),
                                .offset_s = type.offset_s, .abbreviation = type.abbreviation };
}

/* The change of offset between two moments that have different ones. */
static int64_t change_between(const struct zone *z, int64_t before_s, int64_t after_s)
{
    int64_t offset = offset_at(z, before_s);
    while (after_s - before_s > 1) {
        int64_t middle = before_s + (after_s - before_s) / 2;
        if (offset_at(z, middle) == offset)
            before_s = middle;
        else
            after_s = middle;
    }
    return after_s;
}

/* When clocks show `local_s`: the first such moment after `after_s`; in a stretch that daylight saving skips, its end. */
static int64_t instant_of(const struct zone *z, int64_t local_s, int64_t after_s)
{
    int64_t one = offset_at(z, local_s - DAY_S), other = offset_at(z, local_s + DAY_S);
    int64_t early_s = local_s - (one > other ? one : other), late_s = local_s - (one > other ? other : one);
    if (early_s > after_s && offset_at(z, early_s) == local_s - early_s)
        return early_s;
    if (offset_at(z, late_s) == local_s - late_s)
        return late_s;
    return change_between(z, early_s, late_s);
}

/* ---- days off ---- */

/* The first holiday of that region from that day on, or where it would stand. */
static size_t first_holiday(struct holidays holidays, struct span region, int32_t day)
{
    size_t low = 0, high = holidays.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(holidays.all[middle].region, region);
        if (order < 0 || (order == 0 && holidays.all[middle].day < day))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_listed(struct holidays holidays, struct span region, int32_t day)
{
    size_t at = first_holiday(holidays, region, day);
    return at < holidays.count && holidays.all[at].day == day && span_equal(holidays.all[at].region, region);
}

/* The region itself, and every wider one that it names: "DE-BY-MUC", "DE-BY", "DE". */
static bool is_holiday(const struct calendar_hours *h, int32_t day)
{
    if (h->holidays.count == 0)
        return false;
    if (is_listed(h->holidays, SPAN_LITERAL("*"), day))
        return true;
    for (size_t bytes = h->region.bytes; bytes > 0; bytes--)
        if ((bytes == h->region.bytes || h->region.at[bytes] == '-') && is_listed(h->holidays, span_slice(h->region, 0, bytes), day))
            return true;
    return false;
}

size_t calendar_holidays(const struct calendar_hours *h, size_t region_bytes, int32_t from_day, const struct holiday **first)
{
    struct span region = region_bytes == 0 ? SPAN_LITERAL("*") : span_slice(h->region, 0, region_bytes);
    size_t at = first_holiday(h->holidays, region, from_day), end = at;
    while (end < h->holidays.count && span_equal(h->holidays.all[end].region, region))
        end++;
    *first = end > at ? &h->holidays.all[at] : NULL;
    return end - at;
}

/* ---- windows ---- */

static bool is_of_the_week(unsigned days, unsigned weekday) { return days == 0 || (days >> weekday & 1) != 0; }

struct calendar_hours calendar_hours(const struct calendar *c, const struct policy *policy, const struct person *person, struct holidays holidays)
{
    struct calendar_hours h = { .calendar = c, .zone = calendar_zone(policy, person), .holidays = holidays, .days = policy->nudges.days,
                                .from_minute = policy->nudges.from_minute, .to_minute = policy->nudges.to_minute };
    if (person == NULL)
        return h;
    h.region = person->region;
    if (person->work.days != 0)
        h.days = person->work.days;
    if (person->work.from_minute < person->work.to_minute) {
        h.from_minute = (int32_t)person->work.from_minute;
        h.to_minute = (int32_t)person->work.to_minute;
    }
    return h;
}

/* At least an hour is left to write in, whatever the organisation's hours are: the person chose the time. */
struct calendar_hours calendar_write_hours(const struct calendar *c, const struct policy *policy, const struct person *person, struct holidays holidays)
{
    struct calendar_hours h = calendar_hours(c, policy, person, holidays);
    if (person == NULL || person->work.write_at == 0)
        return h;
    h.from_minute = (int32_t)person->work.write_at - 1;
    if (h.to_minute < h.from_minute + 60)
        h.to_minute = h.from_minute + 60 < DAY_MINUTES ? h.from_minute + 60 : DAY_MINUTES;
    return h;
}

static void window_of(const struct calendar_hours *h, int32_t *from_minute, int32_t *to_minute)
{
    *from_minute = h->from_minute;
    *to_minute = h->to_minute;
    if (*from_minute < 0 || *to_minute > DAY_MINUTES || *from_minute >= *to_minute) { /* none was set: the whole day */
        *from_minute = 0;
        *to_minute = DAY_MINUTES;
    }
}

bool calendar_is_working_day(const struct calendar_hours *h, int64_t at_s)
{
    struct local_time now = calendar_local(h->calendar, h->zone, at_s);
    return is_of_the_week(h->days, now.weekday) && !is_holiday(h, now.day);
}

bool calendar_in_window(const struct calendar_hours *h, int64_t at_s)
{
    struct local_time now = calendar_local(h->calendar, h->zone, at_s);
    int32_t from, to;
    window_of(h, &from, &to);
    return now.minute >= from && now.minute < to && is_of_the_week(h->days, now.weekday) && !is_holiday(h, now.day);
}

static int32_t date_of(int64_t days)
{
    int64_t year;
    int month, day;
    tzif_date(days, &year, &month, &day);
    return (int32_t)(year * 10000 + month * 100 + day);
}

int64_t calendar_next_window(const struct calendar_hours *h, int64_t at_s)
{
    const struct zone *z = find_zone(h->calendar, h->zone);
    int32_t from, to;
    at_s = clamp(at_s);
    if (calendar_in_window(h, at_s))
        return at_s;
    window_of(h, &from, &to);
    int64_t today = days_of(at_s + offset_at(z, at_s));
    for (int64_t day = today; day < today + LOOK_AHEAD_DAYS; day++) {
        if (!is_of_the_week(h->days, weekday_of(day)) || is_holiday(h, date_of(day)))
            continue;
        int64_t opens_s = instant_of(z, day * DAY_S + from * MINUTE_S, INT64_MIN), closes_s = instant_of(z, day * DAY_S + to * MINUTE_S, INT64_MIN);
        if (opens_s >= at_s && opens_s < closes_s)
            return opens_s;
    }
    return at_s; /* not with a working day in each two months */
}

int64_t calendar_day_start(const struct calendar *c, struct span zone, int32_t day)
{
    int64_t midnight_s = tzif_days(day / 10000, day / 100 % 100, day % 100) * DAY_S;
    return instant_of(find_zone(c, zone), midnight_s, INT64_MIN);
}

int64_t calendar_next_day(const struct calendar *c, struct span zone, int64_t at_s)
{
    const struct zone *z = find_zone(c, zone);
    at_s = clamp(at_s);
    int64_t midnight_s = (days_of(at_s + offset_at(z, at_s)) + 1) * DAY_S;
    return instant_of(z, midnight_s, at_s);
}

/* ---- text ---- */

const char *calendar_text(const struct calendar *c, struct span zone, int64_t at_s, int64_t now_s, bool with_zone, char text[CALENDAR_TEXT_BYTES])
{
    static const char days[WEEK_DAYS][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct local_time at = calendar_local(c, zone, at_s);
    unsigned hour = (unsigned)at.minute / 60 % 24, minute = (unsigned)at.minute % 60;
    char date[16] = "", suffix[16] = "";
    bool near = at_s >= now_s && at_s - now_s < SHORT_TEXT_S; /* a weekday names one day only */
    if (!near)
        snprintf(date, sizeof date, " %d %s", at.day % 100, months[at.day / 100 % 100 - 1]);
    if (with_zone) /* zones without a name of their own are written as "+03" */
        snprintf(suffix, sizeof suffix, " %s%.*s", at.abbreviation.bytes > 0 && (at.abbreviation.at[0] == '+' || at.abbreviation.at[0] == '-') ? "UTC" : "",
                 SPAN_ARGS(span_slice(at.abbreviation, 0, 8)));
    snprintf(text, CALENDAR_TEXT_BYTES, "%s%s %02u:%02u%s", days[at.weekday], date, hour, minute, suffix);
    return text;
}
