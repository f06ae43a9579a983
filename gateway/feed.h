/* feed: tails the log into the directory (its one writer) and tells whoever waits for events. One thread, one store connection.
 * At start it loads every record (control records first, so that callers are known at once), then reads on from where the log stood before the load. */
#ifndef GATEWAY_FEED_H
#define GATEWAY_FEED_H
#include "gateway/node.h"
MUST_CHECK enum err_code feed_new(const struct node *node, struct feed **out, struct err *err);
MUST_CHECK enum err_code feed_start(struct feed *f, struct err *err);
void feed_stop(struct feed *f);
void feed_free(struct feed *f);
/* Waits until the directory of this node has a state that this node just committed (at most 2 s), so that the caller's next read sees it.
 * Any registered thread but the feed's. Nothing is lost when it gives up: the log has the state. */
void feed_await(struct feed *f, enum record_kind kind, struct span id, int64_t version);
/* While the directory is loading: reads one device or person from the store and puts it in, so that a question about it can be answered now. OK when there is none.
 * The slow lane's, which gives its store. */
MUST_CHECK enum err_code feed_fetch(struct feed *f, struct store *store, enum record_kind kind, struct span id, struct err *err);
/* An observer is called on the feed's thread after an entry was applied; it must not block. Register before feed_start(). */
void feed_observe(struct feed *f, void (*fn)(void *, const struct log_entry *), void *context);
/* `fn` is given each newer state of that control record, at the load and from the log, on the feed's thread, before feed_await() of that state returns. For
 * control records that the directory does not keep. An error is logged. Register before feed_start(). */
void feed_watch(struct feed *f, struct span control, enum err_code (*fn)(void *context, struct span body, struct err *err), void *context);
int64_t feed_lag_ms(const struct feed *f); /* what was in the log so long ago is applied; counts on while the store is silent. Any thread */
#endif
