/* evaluate_parts: what judging (evaluate.c) and reading what was judged (evaluate_read.c) both ask. Private to posture/evaluate*.c. */
#ifndef POSTURE_EVALUATE_PARTS_H
#define POSTURE_EVALUATE_PARTS_H
#include "posture/policy.h"

/* The form of the check for this device. */
static inline const struct check_platform *evaluate_platform(const struct check *check, const struct device *device)
{
    return &check->on[device->platform < PLATFORM_COUNT ? device->platform : PLATFORM_UNKNOWN];
}

static inline bool evaluate_names(const struct span *list, size_t count, struct span wanted)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal(list[i], wanted))
            return true;
    return false;
}

/* "Check again" was pressed for this check, or for all. */
static inline bool evaluate_recheck_names(const struct device *device, struct span check)
{
    return device->recheck_s > 0 && (device->recheck_count == 0 || evaluate_names(device->recheck_checks, device->recheck_count, check));
}

#endif
