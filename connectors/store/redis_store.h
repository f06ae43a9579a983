/* redis_store: the store port over Redis. docs/store.md says what is kept where and how sure a commit is.
 * Needs Redis 7.0 or newer, alone or with replicas; not a Redis Cluster yet, though every write stays in one slot. */
#ifndef CONNECTORS_STORE_REDIS_STORE_H
#define CONNECTORS_STORE_REDIS_STORE_H
#include "connectors/store/redis_options.h"
#include "posture/ports.h"

/* Connects (ERR_UNAVAILABLE or ERR_TIMEOUT when it cannot). Copies the options. Free with ops->free. */
MUST_CHECK enum err_code redis_store_open(const struct redis_options *options, struct store **out, struct err *err);
/* Opens such stores from any thread; `options` is borrowed and must outlive the factory. */
struct store_factory redis_store_factory(const struct redis_options *options);

#endif
