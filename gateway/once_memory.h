/* once_memory: what was used once, remembered by this node alone while the store is away. A bounded table of hashes; when it is full of what is not
 * forgotten yet, the answer is no: used twice is worse than refused. Thread: any. */
#ifndef GATEWAY_ONCE_MEMORY_H
#define GATEWAY_ONCE_MEMORY_H
#include "posture/base/err.h"
#include "posture/base/span.h"

enum { ONCE_MEMORY_MOST = 8192 };
struct once_memory;
struct once_memory *once_memory_new(void);
void once_memory_free(struct once_memory *m);
/* OK the first time; ERR_CONFLICT while it is remembered; ERR_UNAVAILABLE when there is no room. */
MUST_CHECK enum err_code once_memory_use(struct once_memory *m, struct span kind, struct span value, int64_t now_s, int64_t ttl_s, struct err *err);
/* Is it remembered here? For the time after the store came back. */
bool once_memory_has(struct once_memory *m, struct span kind, struct span value, int64_t now_s);

#endif
