/* housekeeping: one thread for what must happen by the clock: the embedded redis-server is watched, "we are alive" is said, the log is trimmed,
 * revocation lists and secrets of Slack are read again when their files change. */
#ifndef GATEWAY_HOUSEKEEPING_H
#define GATEWAY_HOUSEKEEPING_H
#include "gateway/node.h"
struct housekeeping;
struct redis_child;
struct housekeeping_options { int64_t outage_after_ms, log_keep_ms; struct redis_child *child; /* NULL: external */ };
MUST_CHECK enum err_code housekeeping_start(const struct node *node, const struct housekeeping_options *options, struct housekeeping **out, struct err *err);
void housekeeping_stop(struct housekeeping *h); /* joins and frees; NULL is fine */
#endif
