/* allowance: so many times per so long, for each of many keys. A bounded table of this node: when it is full the key that has been quiet longest
 * makes room, so a flood of new keys can only make us forget, never refuse somebody who did nothing. Keys are hashed under a random seed.
 * Thread: safe, one mutex held for one look-up; the slow lane's threads share it. */
#ifndef GATEWAY_ALLOWANCE_H
#define GATEWAY_ALLOWANCE_H
#include "posture/base/err.h"
#include "posture/base/span.h"

struct allowance;
struct allowance_limit { unsigned times; int64_t per_s; };
/* Owned; NULL when memory is short. */
struct allowance *allowance_new(void);
void allowance_free(struct allowance *a); /* NULL is fine */
/* Counts one; false when `limit` was used up within the running window of the key. A NULL allowance has no limits. `kind` keeps keys apart. */
bool allowance_take(struct allowance *a, char kind, struct span key, struct allowance_limit limit, int64_t now_s);
#endif
