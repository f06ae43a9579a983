/* okta_watch: what this node remembers of Okta's hooks: which deliveries it had lately, and how often Okta reported that an inline hook failed, which
 * means that a token went out unchanged. Bounded. Thread: any. */
#ifndef GATEWAY_DOORS_OKTA_WATCH_H
#define GATEWAY_DOORS_OKTA_WATCH_H
#include "gateway/node.h"
#include "posture/ports.h"

enum { OKTA_REMEMBER_S = 600 };
struct okta_watch;
struct okta_watch *okta_watch_new(void); /* NULL when memory is short */
void okta_watch_free(struct okta_watch *w);
/* False when this id of that kind came already; an empty id, a NULL watch and a full table are always new. */
bool okta_watch_is_new(struct okta_watch *w, const char *kind, struct span id, int64_t now_s);
/* A hook failed: counted and logged once over all nodes where the store answers, else once here. Takes copies; does not block: the slow lane does it. */
void okta_watch_failed(const struct node *node, struct span uuid, struct span hook, struct span result, struct span reason);
struct okta_failures { uint64_t count; int64_t last_s; /* 0: none */ };
struct okta_failures okta_watch_failures(const struct okta_watch *w); /* since this node started */

#endif
