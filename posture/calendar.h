/* calendar: zones, working time, quiet hours; which seconds count. Pure: TZif data is loaded once by calendar_new() and then read only.
 * Source: RFC 8536 (TZif, footer TZ string included). */
#ifndef POSTURE_CALENDAR_H
#define POSTURE_CALENDAR_H
#include "posture/policy.h"

struct calendar;
/* `zoneinfo` is a folder ("/usr/share/zoneinfo"); zones are loaded on first use under calendar_prepare(), unknown ones fall back to UTC. */
struct calendar *calendar_new(const char *zoneinfo);
void calendar_free(struct calendar *c);
/* Makes `zone` available to lookups; not thread-safe against itself, safe against readers (readers see the old table). Names are checked
 * ([A-Za-z0-9_+-/], no ".."). ERR_NOT_FOUND for an unknown zone. */
MUST_CHECK enum err_code calendar_prepare(struct calendar *c, struct span zone, struct err *err);
/* OK for UTC and for a zone that could be prepared; ERR_NOT_FOUND, or what is wrong with its file. Keeps nothing; any thread. */
MUST_CHECK enum err_code calendar_is_zone(const struct calendar *c, struct span zone, struct err *err);
struct local_time { int32_t day; /* yyyymmdd */ int32_t minute; /* 0..1439 */ int32_t second; unsigned weekday; /* 0 Monday */ int32_t offset_s; struct span abbreviation; };
struct local_time calendar_local(const struct calendar *c, struct span zone, int64_t at_s);

/* A public holiday: nobody works or is written to, and no clock that pauses for it counts. Region "DE" holds in "DE-BY" too, "*" everywhere. */
struct holiday { struct span region; /* upper case */ int32_t day; /* yyyymmdd */ struct span title; };
struct holidays { const struct holiday *all; size_t count; }; /* ascending by region, then day */
/* When somebody works and may be written to. Borrows from what it was made of. */
struct calendar_hours {
    const struct calendar *calendar;
    struct span zone, region;
    struct holidays holidays;
    unsigned days;                   /* bit 0 Monday; 0: every day */
    int32_t from_minute, to_minute;  /* local minutes of the day; from >= to: the whole day */
};
/* The policy's hours and days, and the organisation's zone, where the person has none of their own. `person` may be NULL. */
struct calendar_hours calendar_hours(const struct calendar *c, const struct policy *policy, const struct person *person, struct holidays holidays);
/* The same, from the time of day at which the person wants to be written to. */
struct calendar_hours calendar_write_hours(const struct calendar *c, const struct policy *policy, const struct person *person, struct holidays holidays);
/* The first instant >= at_s inside those hours; a minute skipped by daylight saving counts as the next one. at_s itself when no day of the next 60 has any. */
int64_t calendar_next_window(const struct calendar_hours *h, int64_t at_s);
bool calendar_in_window(const struct calendar_hours *h, int64_t at_s);
/* Holidays from that day on of the region that is the first `region_bytes` of theirs, 0: of everybody. Returns how many follow *first. */
size_t calendar_holidays(const struct calendar_hours *h, size_t region_bytes, int32_t from_day, const struct holiday **first);
/* A day on which somebody of these hours works: neither a day off of the week nor a holiday. */
bool calendar_is_working_day(const struct calendar_hours *h, int64_t at_s);
/* The first instant of that local day (yyyymmdd, a real date), and of the next one. */
int64_t calendar_day_start(const struct calendar *c, struct span zone, int32_t day);
int64_t calendar_next_day(const struct calendar *c, struct span zone, int64_t at_s);
/* "Thu 16:00" within the week, else "Thu 3 Dec 16:00"; with the zone's abbreviation when `with_zone`. Returns text. */
enum { CALENDAR_TEXT_BYTES = 48 };
const char *calendar_text(const struct calendar *c, struct span zone, int64_t at_s, int64_t now_s, bool with_zone, char text[CALENDAR_TEXT_BYTES]);
/* The person's zone, else the organisation's. */
struct span calendar_zone(const struct policy *policy, const struct person *person);

#endif
