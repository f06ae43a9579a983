/* feed_load: brings all persons and devices from the store into the directory. A thread of its own reads and inflates, the caller's decodes and puts; the store answers ahead of both. */
#ifndef GATEWAY_FEED_LOAD_H
#define GATEWAY_FEED_LOAD_H
#include "gateway/node.h"

#include <pthread.h>
#include <stdatomic.h>

/* The caller's thread is registered with the directory. `writing` is held by whoever puts into it. Returns early, OK, once *stop. */
MUST_CHECK enum err_code feed_load_states(const struct node *node, pthread_mutex_t *writing, const atomic_bool *stop, struct err *err);
/* One record, read now; OK when there is none. Blocks on `store`. */
MUST_CHECK enum err_code feed_load_one(const struct node *node, pthread_mutex_t *writing, struct store *store, enum record_kind kind, struct span id, struct err *err);
#endif
