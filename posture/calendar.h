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
struct local_time { int32_t day; /* yyyymmdd */ int32_t minute; /* 0..1439 */ int32_t second; unsigned weekday; /* 0 Monday */ int32_t offset_s; struct span abbreviation; };
struct local_time calendar_local(const struct calendar *c, struct span zone, int64_t at_s);
/* The first instant >= at_s inside the window of `policy->nudges` (hours and days) in that zone; a minute skipped by daylight saving counts as the next one. */
int64_t calendar_next_window(const struct calendar *c, const struct policy *policy, struct span zone, int64_t at_s);
bool calendar_in_window(const struct calendar *c, const struct policy *policy, struct span zone, int64_t at_s);
/* The first instant of the next local day. */
int64_t calendar_next_day(const struct calendar *c, struct span zone, int64_t at_s);
/* "Thu 16:00" within the week, else "Thu 3 Dec 16:00"; with the zone's abbreviation when `with_zone`. Returns text. */
enum { CALENDAR_TEXT_BYTES = 48 };
const char *calendar_text(const struct calendar *c, struct span zone, int64_t at_s, int64_t now_s, bool with_zone, char text[CALENDAR_TEXT_BYTES]);
/* The person's zone, else the organisation's. */
struct span calendar_zone(const struct policy *policy, const struct person *person);

#endif
