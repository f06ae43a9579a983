/* record_check: whether a record that is about to be written can be read back. One that cannot be would stand in the way of every later change of it, on every node, and
 * be missing after a restart. Pure. */
#ifndef POSTURE_RECORD_CHECK_H
#define POSTURE_RECORD_CHECK_H
#include "posture/ports.h"

/* What reading it would say. A control record that the directory does not know of is good. */
MUST_CHECK enum err_code record_check(enum record_kind kind, struct span id, struct span body, struct err *err);
#endif
