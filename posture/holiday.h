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

void holidays_to_json(struct holidays all, struct to_json *w);
/* Lenient to unknown members, strict in types; an empty body is an empty list. Texts are copied into the arena. */
MUST_CHECK enum err_code holidays_from_json(struct span body, struct arena *a, struct holidays *out, struct err *err);
/* With texts of its own; ERR_MEMORY in *code. */
struct holidays holidays_copy(struct holidays all, struct arena *a, enum err_code *code);
#endif
