#include "connectors/store/redis_connection.h"

#include "connectors/store/redis_login.h"
#include "posture/base/arena.h"
#include "posture/base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { PAUSE_FIRST_MS = 50, PAUSE_MOST_MS = 2000, WORDS_FIRST = 32, WORDS_MOST = 1000000, WORDS_KEPT = 4096, NUMBERS_BYTES = 16 * 1024 * 1024 };

/* The command being built. */
struct words {
    const char **at;
    size_t *lengths;
    size_t count, room;
    struct arena numbers;
    const char *name;  /* for messages: the command, or the function */
    bool too_long, no_memory;
};
struct redis_connection {
    struct redis_options options;
    const struct clock *clock;
    redisContext *redis;    /* NULL: not connected */
    size_t unanswered;      /* queued commands whose answers were not taken */
    unsigned partitions, generation;
    int64_t pause_ms, next_attempt_ms; /* monotonic */
    struct words words;
    char address[REDIS_HOST_BYTES + 16];
    char last_error[ERR_TEXT_BYTES];
};

void redis_reply_done(redisReply **reply)
{
    if (*reply != NULL)
        freeReplyObject(*reply);
    *reply = NULL;
}

/* ---- building ---- */

static bool grow(struct words *w)
{
    size_t room = w->room == 0 ? WORDS_FIRST : w->room * 2;
    if (room > WORDS_MOST)
        return false;
    const char **at = realloc(w->at, room * sizeof *at);
    if (at == NULL)
        return false;
    w->at = at;
    size_t *lengths = realloc(w->lengths, room * sizeof *lengths);
    if (lengths == NULL)
        return false;
    w->lengths = lengths;
    w->room = room;
    return true;
}

static void words_clear(struct words *w)
{
    if (w->room > WORDS_KEPT) { /* one large batch does not keep its memory for ever */
        free(w->at);
        free(w->lengths);
        w->at = NULL;
        w->lengths = NULL;
        w->room = 0;
    }
    arena_reset(&w->numbers);
    w->count = 0;
    w->too_long = w->no_memory = false;
}

void redis_word(struct redis_connection *c, struct span word)
{
    struct words *w = &c->words;
    if (w->count == w->room && !grow(w)) {
        w->no_memory = true;
        return;
    }
    w->at[w->count] = word.at != NULL ? word.at : "";
    w->lengths[w->count++] = word.bytes;
}

void redis_text(struct redis_connection *c, const char *word) { redis_word(c, span_of(word)); }

void redis_number(struct redis_connection *c, int64_t number)
{
    struct span text = arena_format(&c->words.numbers, "%lld", (long long)number);
    c->words.no_memory = c->words.no_memory || text.at == NULL;
    redis_word(c, text);
}

void redis_key(struct redis_connection *c, const struct redis_key *key)
{
    c->words.too_long = c->words.too_long || key->bytes == 0;
    redis_word(c, span_make(key->at, key->bytes));
}

void redis_command(struct redis_connection *c, const char *name)
{
    words_clear(&c->words);
    c->words.name = name;
    redis_text(c, name);
}

void redis_function(struct redis_connection *c, const char *name, bool reads_only, int keys)
{
    redis_command(c, reads_only ? "FCALL_RO" : "FCALL");
    c->words.name = name;
    redis_text(c, name);
    redis_number(c, keys);
}

/* ---- connecting ---- */

static void drop(struct redis_connection *c)
{
    if (c->redis != NULL)
        redisFree(c->redis);
    c->redis = NULL;
    c->unanswered = 0;
}

static struct timeval as_timeval(int64_t ms) { return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 }; }

static bool timed_out(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ETIMEDOUT || error == EINPROGRESS; }

/* The context saw an error, so it is dead whatever it was. */
static enum err_code broken(struct redis_connection *c, const char *what, struct err *err)
{
    int error = errno;
    bool late = c->redis != NULL && c->redis->err == REDIS_ERR_IO && timed_out(error);
    char why[128];
    snprintf(why, sizeof why, "%s", c->redis == NULL ? "out of memory" : c->redis->errstr);
    drop(c);
    if (late)
        return err_set(err, ERR_TIMEOUT, "redis at %s did not answer %s within %lld ms", c->address, what, (long long)c->options.timeout_ms);
    return err_set(err, ERR_UNAVAILABLE, "redis at %s: %s: %s", c->address, what, why);
}

static enum err_code dial(struct redis_connection *c, struct err *err)
{
    const struct redis_options *o = &c->options;
    struct timeval limit = as_timeval(o->timeout_ms);
    errno = 0;
    c->redis = o->unix_path[0] != '\0' ? redisConnectUnixWithTimeout(o->unix_path, limit) : redisConnectWithTimeout(o->host, (int)o->port, limit);
    if (c->redis == NULL || c->redis->err != 0)
        return broken(c, "connecting", err);
    if (redisSetTimeout(c->redis, limit) != REDIS_OK)
        return broken(c, "setting the time-out", err);
    if (o->unix_path[0] == '\0')
        (void)redisEnableKeepAlive(c->redis); /* only finds a dead peer sooner than the time-out of the next call would */
    return OK;
}

static enum err_code log_in(struct redis_connection *c, struct err *err)
{
    unsigned partitions = c->partitions;
    errno = 0;
    enum err_code code = redis_login(c->redis, &c->options, c->address, &partitions, err);
    if (code == ERR_IO)
        return broken(c, "logging in", err);
    if (code == OK && c->partitions != 0 && partitions != c->partitions)
        code = err_set(err, ERR_UNAVAILABLE, "redis at %s now has %u partitions, it had %u: this is another store; restart to use it", c->address, partitions, c->partitions);
    if (code != OK) {
        drop(c);
        return code;
    }
    c->partitions = partitions;
    return OK;
}

/* Up to a quarter is taken off, so that many clients do not come back in step. */
static void pause_longer(struct redis_connection *c)
{
    uint8_t random;
    secret_random(&random, sizeof random);
    c->pause_ms = c->pause_ms == 0 ? PAUSE_FIRST_MS : c->pause_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : c->pause_ms * 2;
    c->next_attempt_ms = clock_mono_ms(c->clock) + c->pause_ms - c->pause_ms * random / 1024;
}

static enum err_code ensure_connected(struct redis_connection *c, struct err *err)
{
    struct err reason;
    if (c->redis != NULL)
        return OK;
    if (c->pause_ms > 0 && clock_mono_ms(c->clock) < c->next_attempt_ms)
        return err_set(err, ERR_UNAVAILABLE, "%s (waiting before the next attempt)", c->last_error);
    enum err_code code = dial(c, &reason);
    if (code == OK)
        code = log_in(c, &reason);
    if (code != OK) {
        pause_longer(c);
        snprintf(c->last_error, sizeof c->last_error, "%s", reason.text);
        return err_set(err, code, "%s", reason.text);
    }
    c->pause_ms = 0;
    c->generation++;
    return OK;
}

/* ---- asking ---- */

/* A server that was restarted while this connection was idle has hung up: seen before the next command is sent, that command need not fail. */
static bool hung_up(const struct redis_connection *c)
{
    char byte;
    return c->redis != NULL && c->unanswered == 0 && recv(c->redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

enum err_code redis_settle(struct redis_connection *c, struct err *err)
{
    while (c->redis != NULL && c->unanswered > 0) {
        CLEANUP(redis_reply_done) redisReply *reply = NULL;
        enum err_code code = redis_answer(c, 0, &reply, err);
        if (c->redis == NULL)
            return code;
    }
    if (hung_up(c))
        drop(c);
    return OK;
}

static enum err_code check_words(const struct redis_connection *c, struct err *err)
{
    if (c->words.too_long)
        return err_set(err, ERR_LIMIT, "a name for %s in the store is empty or too long", c->words.name);
    if (c->words.no_memory)
        return err_set(err, ERR_MEMORY, "a command %s for redis with %zu words", c->words.name, c->words.count);
    return OK;
}

enum err_code redis_queue(struct redis_connection *c, struct err *err)
{
    enum err_code code = check_words(c, err);
    if (code == OK)
        code = ensure_connected(c, err);
    if (code != OK)
        return code;
    if (redisAppendCommandArgv(c->redis, (int)c->words.count, c->words.at, c->words.lengths) != REDIS_OK)
        return broken(c, c->words.name, err);
    c->unanswered++;
    return OK;
}

enum err_code redis_answer(struct redis_connection *c, int64_t extra_ms, redisReply **reply, struct err *err)
{
    void *got = NULL;
    if (c->redis == NULL || c->unanswered == 0)
        return err_set(err, ERR_UNAVAILABLE, "redis at %s: the connection was lost", c->address);
    if (extra_ms > 0 && redisSetTimeout(c->redis, as_timeval(c->options.timeout_ms + extra_ms)) != REDIS_OK)
        return broken(c, c->words.name, err);
    errno = 0;
    if (redisGetReply(c->redis, &got) != REDIS_OK)
        return broken(c, c->words.name, err);
    c->unanswered--;
    *reply = got;
    if (extra_ms > 0 && redisSetTimeout(c->redis, as_timeval(c->options.timeout_ms)) != REDIS_OK)
        return broken(c, c->words.name, err);
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return OK;
    bool lost = false;
    enum err_code code = redis_login_refusal(redis_reply_span(*reply), c->address, c->words.name, &lost, err);
    if (lost)
        drop(c);
    return code;
}

/* Somebody removed the functions while we ran (FUNCTION FLUSH, a restored backup): they are loaded again, and the call made again,
 * which is safe because it did nothing. */
static bool lacks_function(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ERROR && span_starts(redis_reply_span(reply), SPAN_LITERAL("ERR Function not found"));
}

static enum err_code call_once(struct redis_connection *c, bool replicate, redisReply **reply, struct err *err);

static enum err_code call(struct redis_connection *c, bool replicate, redisReply **reply, struct err *err)
{
    enum err_code code = redis_settle(c, err);
    if (code == OK)
        code = call_once(c, replicate, reply, err);
    if (!lacks_function(*reply))
        return code;
    redis_reply_done(reply);
    code = redis_settle(c, err);
    if (code == OK)
        code = c->redis == NULL ? ensure_connected(c, err) : log_in(c, err);
    return code == OK ? call_once(c, replicate, reply, err) : code;
}

enum err_code redis_call(struct redis_connection *c, redisReply **reply, struct err *err) { return call(c, false, reply, err); }
enum err_code redis_write(struct redis_connection *c, redisReply **reply, struct err *err) { return call(c, c->options.durability == REDIS_REPLICATED, reply, err); }

/* Some time is left for the answer itself to arrive before our own time-out. */
static enum err_code queue_wait(struct redis_connection *c, struct err *err)
{
    char replicas[16], ms[24];
    snprintf(replicas, sizeof replicas, "%u", c->options.replicas);
    snprintf(ms, sizeof ms, "%lld", (long long)(c->options.timeout_ms * 3 / 4 + 1));
    const char *argv[] = { "WAIT", replicas, ms };
    if (redisAppendCommandArgv(c->redis, 3, argv, NULL) != REDIS_OK)
        return broken(c, "WAIT", err);
    c->unanswered++;
    return OK;
}

static enum err_code take_wait(struct redis_connection *c, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    int64_t have = 0;
    enum err_code code = redis_answer(c, 0, &reply, err);
    if (code != OK)
        return code;
    if (!redis_reply_i64(reply, &have) || have < (int64_t)c->options.replicas)
        return err_set(err, ERR_UNAVAILABLE, "%s is committed but not replicated: %lld of %u replicas of redis at %s have it", c->words.name, (long long)have,
                       c->options.replicas, c->address);
    return OK;
}

static enum err_code call_once(struct redis_connection *c, bool replicate, redisReply **reply, struct err *err)
{
    enum err_code code = redis_queue(c, err);
    if (code == OK && replicate)
        code = queue_wait(c, err);
    if (code == OK)
        code = redis_answer(c, 0, reply, err);
    if (code == OK && replicate)
        code = take_wait(c, err);
    return code;
}

/* ---- answers ---- */

struct span redis_reply_span(const redisReply *reply)
{
    bool text = reply != NULL && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR);
    return text ? span_make(reply->str, (size_t)reply->len) : SPAN_NONE;
}

bool redis_reply_i64(const redisReply *reply, int64_t *out)
{
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        *out = reply->integer;
        return true;
    }
    return span_to_i64(redis_reply_span(reply), out);
}

enum err_code redis_reply_strange(struct redis_connection *c, const char *what, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "redis at %s gave an answer of a strange shape to %s", c->address, what);
}

/* ---- life ---- */

static void write_address(struct redis_connection *c)
{
    const struct redis_options *o = &c->options;
    if (o->unix_path[0] != '\0')
        snprintf(c->address, sizeof c->address, "unix:%s", o->unix_path);
    else
        snprintf(c->address, sizeof c->address, "%s:%u/%u", o->host, o->port, o->database);
}

enum err_code redis_connection_new(const struct redis_options *options, struct redis_connection **out, struct err *err)
{
    struct redis_connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "a connection to redis");
    c->options = *options;
    c->clock = options->clock != NULL ? options->clock : clock_system();
    arena_init(&c->words.numbers, 4096, NUMBERS_BYTES);
    write_address(c);
    enum err_code code = ensure_connected(c, err);
    if (code != OK) {
        redis_connection_free(c);
        return code;
    }
    *out = c;
    return OK;
}

void redis_connection_free(struct redis_connection *c)
{
    if (c == NULL)
        return;
    drop(c);
    free(c->words.at);
    free(c->words.lengths);
    arena_done(&c->words.numbers);
    redis_options_wipe(&c->options);
    free(c);
}

unsigned redis_connection_partitions(const struct redis_connection *c) { return c->partitions; }
const struct redis_options *redis_connection_options(const struct redis_connection *c) { return &c->options; }
const char *redis_connection_address(const struct redis_connection *c) { return c->address; }
unsigned redis_connection_generation(const struct redis_connection *c) { return c->generation; }
