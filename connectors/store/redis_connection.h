/* redis_connection: one connection to a Redis, over hiredis; the only file that calls it. Connects when first needed and again after every
 * error (a context that saw one is dead), with a growing pause between attempts that fail; while it pauses, calls fail at once.
 * Thread: belongs to its owner.
 *
 * A command is built word by word, sent, and its answer taken:
 *     redis_command(c, "GET"); redis_key(c, &key); code = redis_call(c, &reply, err);
 * Words are borrowed until the call returns. Several commands may be queued before their answers are taken, in order. */
#ifndef CONNECTORS_STORE_REDIS_CONNECTION_H
#define CONNECTORS_STORE_REDIS_CONNECTION_H
#include "connectors/store/redis_keys.h"
#include "connectors/store/redis_options.h"

#include <hiredis/hiredis.h>

struct redis_connection;
/* Connects at once: logs in, loads the functions, learns the number of partitions. Copies the options. */
MUST_CHECK enum err_code redis_connection_new(const struct redis_options *options, struct redis_connection **out, struct err *err);
void redis_connection_free(struct redis_connection *c);
unsigned redis_connection_partitions(const struct redis_connection *c);
const struct redis_options *redis_connection_options(const struct redis_connection *c);
const char *redis_connection_address(const struct redis_connection *c); /* for messages */
/* Grows with every connect: whoever remembers something about the server's state asks whether it is still the same. */
unsigned redis_connection_generation(const struct redis_connection *c);

void redis_command(struct redis_connection *c, const char *name);
/* A function of ours with its number of keys; read-only ones go as FCALL_RO. */
void redis_function(struct redis_connection *c, const char *name, bool reads_only, int keys);
void redis_word(struct redis_connection *c, struct span word);
void redis_text(struct redis_connection *c, const char *word);
void redis_number(struct redis_connection *c, int64_t number);
/* A key whose name could not be made (redis_key.bytes 0) makes the call fail with ERR_LIMIT. `key` is borrowed too. */
void redis_key(struct redis_connection *c, const struct redis_key *key);

/* The reply is owned by the caller; an error reply becomes an error. ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_INTERNAL for what no retry mends. */
MUST_CHECK enum err_code redis_call(struct redis_connection *c, redisReply **reply, struct err *err);
/* The same for a write: also waits for the replicas that the durability asks for. */
MUST_CHECK enum err_code redis_write(struct redis_connection *c, redisReply **reply, struct err *err);
/* Throws away answers that an error left untaken; before the first redis_queue() of a batch. */
MUST_CHECK enum err_code redis_settle(struct redis_connection *c, struct err *err);
/* Queues the command that was built; redis_answer() takes the answers in order. `extra_ms`: how long the server may block on purpose. */
MUST_CHECK enum err_code redis_queue(struct redis_connection *c, struct err *err);
MUST_CHECK enum err_code redis_answer(struct redis_connection *c, int64_t extra_ms, redisReply **reply, struct err *err);
void redis_reply_done(redisReply **reply); /* for CLEANUP */

struct span redis_reply_span(const redisReply *reply); /* empty unless it is text */
bool redis_reply_i64(const redisReply *reply, int64_t *out); /* an integer, or digits */
/* A reply of another shape than the command has: the server is not what we think. */
enum err_code redis_reply_strange(struct redis_connection *c, const char *what, struct err *err);

#endif
