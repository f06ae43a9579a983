/* directory_seen: times that are refreshed between commits, and how they and records meet. Private to posture/directory*.c. Pure. */
#ifndef POSTURE_DIRECTORY_SEEN_H
#define POSTURE_DIRECTORY_SEEN_H
#include "posture/directory.h"

/* The refresh's times into a device that nobody else has seen yet. */
MUST_CHECK enum err_code directory_seen_into(struct device *d, const struct refresh *refresh, struct err *err);
/* A new version of `old` with the refresh's times. Owned. */
MUST_CHECK enum err_code directory_seen_apply(const struct device *old, const struct refresh *refresh, struct device **out, struct err *err);
/* A record may have been written by somebody who had heard less than we: what `old` knows of later times goes into `next` (unpublished).
 * False when memory is short. */
bool directory_seen_carry(const struct device *old, struct device *next);

#endif
