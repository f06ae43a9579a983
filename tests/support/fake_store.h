/* fake_store: a struct store in memory with the meaning of the real one, for tests that need no Redis.
 * One `struct fake_store` is the "server": any number of connections are opened on it (fake_store_open fits struct store_factory).
 * It takes its time from the given clock, so leases and log positions follow a story's time. Nothing it was given is freed before
 * fake_store_free(), so callbacks may use the store they are called from. Thread: safe, one mutex. */
#ifndef TESTS_SUPPORT_FAKE_STORE_H
#define TESTS_SUPPORT_FAKE_STORE_H
#include "posture/base/clock.h"
#include "posture/ports.h"

struct fake_store;
/* `clock` is borrowed; `partitions` 1 to 64. Aborts when memory is short: a test has no use for that error. */
struct fake_store *fake_store_new(const struct clock *clock, unsigned partitions);
void fake_store_free(struct fake_store *f); /* after all its connections */
/* A connection; `context` is the struct fake_store. Free with ops->free. */
enum err_code fake_store_open(void *context, struct store **out, struct err *err);
struct store_factory fake_store_factory(struct fake_store *f);

/* The next `times` calls answer `code` and change nothing; INT_MAX: until told otherwise, 0: well again. */
void fake_store_fail(struct fake_store *f, enum err_code code, int times);
/* `calls` more calls work; from then on every call answers `code`, until fake_store_fail(f, OK, 0): a process or a store that dies half-way. */
void fake_store_fail_after(struct fake_store *f, enum err_code code, int calls);
/* The next `times` commits happen but answer ERR_TIMEOUT: the reply was lost. */
void fake_store_lose_replies(struct fake_store *f, int times);

/* What happened, for asserts. */
size_t fake_store_event_count(struct fake_store *f, const char *type); /* NULL: all */
/* The newest event of that type; false when there is none. Borrowed until fake_store_free(). */
bool fake_store_last_event(struct fake_store *f, const char *type, struct event *out);
/* The record's due time; 0: none. */
int64_t fake_store_due(struct fake_store *f, enum record_kind kind, struct span id);

#endif
