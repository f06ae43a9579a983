/* calendar_tzif: one zone's rules from TZif data (RFC 8536). Private to posture/calendar*.c. Immutable once read. Pure. */
#ifndef POSTURE_CALENDAR_TZIF_H
#define POSTURE_CALENDAR_TZIF_H
#include "posture/base/arena.h"

enum { TZIF_MAX_BYTES = 256 * 1024, TZIF_NAME_BYTES = 64 };

struct tzif_type { int32_t offset_s; bool daylight; struct span abbreviation; };
struct tzif_transition { int64_t at_s; unsigned type; };
/* A day of the footer's TZ string: Mm.w.d, Jn or n. */
enum tzif_day_kind { TZIF_MONTH_WEEK_DAY, TZIF_JULIAN /* 1-365, 29 February never counted */, TZIF_ZERO_BASED /* 0-365 */ };
struct tzif_rule { enum tzif_day_kind kind; int month, week, day; int32_t time_s; };
struct tzif_footer {
    bool present, has_daylight;
    struct tzif_type standard, daylight;
    struct tzif_rule start, end; /* of daylight saving */
};
struct tzif {
    struct arena arena;
    const struct tzif_type *types; size_t type_count;
    const struct tzif_transition *transitions; size_t transition_count;
    struct tzif_footer footer;
};
/* Version 2 and later. ERR_INPUT for anything else, ERR_LIMIT when too long. *out is zeroed on failure; end with tzif_done(). */
MUST_CHECK enum err_code tzif_read(struct span data, struct tzif *out, struct err *err);
void tzif_done(struct tzif *z);
/* What holds at that moment. */
struct tzif_type tzif_at(const struct tzif *z, int64_t at_s);
/* "CET-1CEST,M3.5.0,M10.5.0/3", RFC 8536 section 3.3 with the version 3 extension. Names borrow from `text`. */
bool tzif_footer_read(struct span text, struct tzif_footer *out);

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back. */
int64_t tzif_days(int64_t year, int month, int day);
void tzif_date(int64_t days, int64_t *year, int *month, int *day);

#endif
