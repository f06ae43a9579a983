/* holiday: the list of public holidays as the store keeps it (control record "holidays"), and how its words are read. Pure.
 * A region is "*" (everybody), or words of letters and digits joined by "-", from the widest on: DE, DE-BY. */
#ifndef POSTURE_HOLIDAY_H
#define POSTURE_HOLIDAY_H
#include "posture/calendar.h"

enum { HOLIDAYS_MOST = 5000, HOLIDAY_REGION_BYTES = 32, HOLIDAY_TITLE_BYTES = 80, HOLIDAY_BODY_BYTES = 1024 * 1024 };

/* "DE-BY" from "de-by", in the arena; false: no name of a region. */
bool holiday_region(struct span text, struct arena *a, struct span *region);
/* "2026-12-25" to 20261225; false: no date that there is. */
bool holiday_date(struct span text, int32_t *day);
/* As struct holidays wants them. False: the same day of a region stands twice, *twice is one of the two. */
bool holidays_sort(struct holiday *all, size_t count, const struct holiday **twice);

/* `next` in the place of `old`: days of `old` up to `begun` (20261225) stay, since no clock counted them and none shall afterwards; those that are to come are as `next` says.
 * Of more than HOLIDAYS_MOST the earliest go. Sorted, in the arena. False when it is full. */
MUST_CHECK bool holidays_replace(struct holidays old, struct holidays next, int32_t begun, struct arena *a, struct holidays *out);

void holidays_to_json(struct holidays all, struct to_json *w);
/* Lenient to unknown members, strict in types; an empty body is an empty list. Texts are copied into the arena. */
MUST_CHECK enum err_code holidays_from_json(struct span body, struct arena *a, struct holidays *out, struct err *err);
/* With texts of its own; ERR_MEMORY in *code. */
struct holidays holidays_copy(struct holidays all, struct arena *a, enum err_code *code);
#endif
