/* ladder_clock: time that counts and time that does not, for one check of one device. Private to posture/ladder*.c. Pure. */
#ifndef POSTURE_LADDER_CLOCK_H
#define POSTURE_LADDER_CLOCK_H
#include "posture/ladder.h"

#define LADDER_NEVER INT64_MAX

/* A stretch in which the clock stands still; to_s LADDER_NEVER: no end is known. Kind 0: nothing certain is known of the check. */
struct ladder_stop { int64_t from_s, to_s; unsigned kind; };
struct ladder_clock { const struct ladder_stop *stops; /* ascending by from_s */ size_t count; };

/* Until when a snooze that was granted stops the clock of its check: until the time that the person was told, whatever the policy says of snoozes by now. Only a check that
 * was made hard or urgent since, and may not be put off, ends it: at the change. */
int64_t ladder_clock_snooze_end(const struct ladder_input *in, const struct check *check, const struct snooze *snooze);
/* For a ladder with these pauses. False when the arena is full. The device is taken to stay on from now on. */
bool ladder_clock_make(const struct ladder_input *in, const struct check *check, const struct result *result, unsigned pauses, struct arena *arena, struct ladder_clock *out);
/* How much of [from_s, to_s) counts. */
int64_t ladder_clock_running(const struct ladder_clock *clock, int64_t from_s, int64_t to_s);
/* When so much has counted since from_s; LADDER_NEVER when a stop without an end comes first. */
int64_t ladder_clock_reach(const struct ladder_clock *clock, int64_t from_s, int64_t seconds);
/* at_s, or the end of the stops that it is in. A device that is off stops the clock, but not what falls due meanwhile: that only ran on-time out. */
int64_t ladder_clock_resume(const struct ladder_clock *clock, int64_t at_s);
/* enum pause_kind bits of the stops that at_s is in. */
unsigned ladder_clock_paused(const struct ladder_clock *clock, int64_t at_s);

#endif
