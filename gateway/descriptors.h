/* descriptors: open files. Each connection is one, and the system lets a process have so many: the soft limit is raised as far as it may be. */
#ifndef GATEWAY_DESCRIPTORS_H
#define GATEWAY_DESCRIPTORS_H
#include "posture/base/log.h"

enum { DESCRIPTORS_OWN = 256 /* the store, logs, calls out */, DESCRIPTORS_LEAST = 64 };
/* How many connections there may be: `wanted`, or as many as the limit leaves, which the log then says. ERR_LIMIT when those are fewer than DESCRIPTORS_LEAST: the text says what
 * to raise. At start. */
MUST_CHECK enum err_code descriptors_for(const struct log *log, int64_t wanted, int64_t *connections, struct err *err);
#endif
