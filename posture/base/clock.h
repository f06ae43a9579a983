/* clock: wall seconds and monotonic milliseconds, injectable. Tests give their own functions.
 * A clock is shared by all threads and must outlive them. */
#ifndef POSTURE_BASE_CLOCK_H
#define POSTURE_BASE_CLOCK_H
#include "posture/base/span.h"

struct clock {
    int64_t (*wall_ms)(const struct clock *);  /* since 1970-01-01 UTC */
    int64_t (*mono_ms)(const struct clock *);
    void *context;
};

const struct clock *clock_system(void);
int64_t clock_wall_s(const struct clock *c);
int64_t clock_wall_ms(const struct clock *c);
int64_t clock_mono_ms(const struct clock *c);

enum { CLOCK_TEXT_BYTES = 32 };
/* RFC 3339 in UTC, "2026-11-24T01:47:33Z"; returns `text`. Years 0 to 9999, others are clamped. */
const char *clock_rfc3339(int64_t wall_s, char text[CLOCK_TEXT_BYTES]);
/* The same where `text` holds that of before_s: times that are written one after the other are mostly of one day, and then only the hour is written anew. */
const char *clock_rfc3339_again(int64_t wall_s, int64_t before_s, char text[CLOCK_TEXT_BYTES]);
/* RFC 3339 with any offset, fractions cut; false when malformed. */
bool clock_from_rfc3339(struct span text, int64_t *wall_s);

/* Durations of our files: a whole number and one of s m h d ("90s", "30m", "12h", "3d"); also "0". */
bool duration_parse(struct span text, int64_t *seconds);
/* The longest exact unit: 259200 -> "3d". Returns `text`. */
const char *duration_text(int64_t seconds, char text[CLOCK_TEXT_BYTES]);

#endif
