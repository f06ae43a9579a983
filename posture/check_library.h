/* check_library: the checks that ship with postern, compiled in from posture/check_library/<id>.yaml. */
#ifndef POSTURE_CHECK_LIBRARY_H
#define POSTURE_CHECK_LIBRARY_H
#include "posture/base/span.h"
struct library_check { struct span id, yaml; };
const struct library_check *check_library_all(size_t *count); /* ascending by id */
const struct library_check *check_library_find(struct span id); /* NULL */
#endif
