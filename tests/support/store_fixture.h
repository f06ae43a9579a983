/* store_fixture: a store on a real redis-server of its own, for tests (cmocka): a failure in here fails the test. */
#ifndef TESTS_SUPPORT_STORE_FIXTURE_H
#define TESTS_SUPPORT_STORE_FIXTURE_H
#include "connectors/store/redis_store.h"
#include "tests/support/redis_server.h"

struct fixture { struct redis_server server; struct redis_options options; struct store *store; struct err err; };
#define OPS(f) (f)->store->ops
#define assert_ok(f, call) do { if ((call) != OK) fail_msg("%s: %s", #call, (f)->err.text); } while (0)
#define CLI(f, ...) store_fixture_cli((f), (const char *const[]){ __VA_ARGS__, NULL })

int store_fixture_begin(void **state); /* cmocka's setup: server, and a store whose time-out no slow machine meets */
int store_fixture_end(void **state);
/* By hand: a server with these options (NULL: none) and a short time-out; no store yet. */
void begin_with(struct fixture *f, const char *const *options);
void end_with(struct fixture *f);
void open_store(struct fixture *f);
/* The code, and words that the error's text must hold (NULL: any). */
void assert_code(struct fixture *f, enum err_code got, enum err_code wanted, const char *words);
void store_fixture_cli(struct fixture *f, const char *const *words);
/* Makes an ACL user with these rules and logs in as it from now on. */
void allow(struct fixture *f, const char *user, const char *rules);

struct event event_of(const char *type);
enum err_code put(struct fixture *f, enum record_kind kind, const char *id, int64_t expected, const char *body, int64_t due_s);
void assert_record(struct fixture *f, enum record_kind kind, const char *id, int64_t wanted_version, const char *wanted_body);
unsigned partition(const struct fixture *f, enum record_kind kind, const char *id);
struct log_position *from_the_beginning(struct log_position all[REDIS_PARTITIONS + 1]);
void keep_text(char *out, size_t room, struct span s);

/* What came out of a log; of the states the newest is kept. */
struct seen_log { size_t count, with_state; char types[8][32], last_body[256], last_id[64], last_data[256]; int64_t last_version; enum record_kind last_kind; size_t stop_after; };
bool note_entry(void *context, const struct log_entry *entry);
struct seen_log read_all(struct fixture *f);

#endif
