#include "connectors/store/redis_child.h"

#include "connectors/store/redis_child_place.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum { PAUSE_FIRST_MS = 100, PAUSE_MOST_MS = 5000, STEADY_MS = 10000, READY_MS = 120000, STEP_MS = 10, ASK_MS = 1000, PROGRAM_BYTES = 512 };

struct redis_child {
    struct redis_child_place place;
    struct redis_options connection;
    char program[PROGRAM_BYTES];
    int64_t ready_ms;
    const struct clock *clock;
    const struct log *log;
    bool ours;               /* our own child: waitpid() tells of its end */
    bool stopped;            /* on purpose */
    int64_t started_ms, next_start_ms, pause_ms; /* monotonic */
    _Atomic pid_t pid;       /* 0: dead */
    atomic_bool adopted;
    atomic_uint restarts;
};

static void sleep_ms(int64_t ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&pause, NULL);
}

/* ---- asking the server ---- */

static redisContext *dial(const struct redis_child *c)
{
    struct timeval limit = { ASK_MS / 1000, ASK_MS % 1000 * 1000 };
    redisContext *redis = redisConnectUnixWithTimeout(c->place.socket, limit);
    if (redis != NULL && redis->err == 0 && redisSetTimeout(redis, limit) == REDIS_OK)
        return redis;
    if (redis != NULL)
        redisFree(redis);
    return NULL;
}

enum answer { ANSWER_NONE, ANSWER_LOADING, ANSWER_READY, ANSWER_STRANGE };

static enum answer classify(const redisReply *reply)
{
    if (reply == NULL)
        return ANSWER_NONE;
    if (reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0)
        return ANSWER_READY;
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "LOADING", 7) == 0 ? ANSWER_LOADING : ANSWER_STRANGE;
}

static enum answer ask(const struct redis_child *c)
{
    redisContext *redis = dial(c);
    redisReply *reply = redis != NULL ? redisCommand(redis, "PING") : NULL;
    enum answer answer = classify(reply);
    if (reply != NULL)
        freeReplyObject(reply);
    if (redis != NULL)
        redisFree(redis);
    return answer;
}

/* ---- starting ---- */

static bool prepare(const struct redis_child *c, posix_spawn_file_actions_t *files, posix_spawnattr_t *how)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    /* A group of its own: Ctrl-C at the terminal ends the gateway, which then ends the server in order. */
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return posix_spawnattr_setflags(how, flags) == 0 && posix_spawnattr_setpgroup(how, 0) == 0 && posix_spawnattr_setsigmask(how, &none) == 0 &&
           posix_spawnattr_setsigdefault(how, &all) == 0 && posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0) == 0 &&
           posix_spawn_file_actions_addopen(files, 1, c->place.log_file, O_WRONLY | O_CREAT | O_APPEND, 0600) == 0 &&
           posix_spawn_file_actions_adddup2(files, 1, 2) == 0 &&
           posix_spawn_file_actions_addchdir_np(files, c->place.folder) == 0 && /* from its first moment it is known by its folder */
           posix_spawn_file_actions_addclosefrom_np(files, 3) == 0; /* it must not keep our listeners and our lock open */
}

static enum err_code start(struct redis_child *c, struct err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    pid_t pid = 0;
    char name[] = "redis-server";
    char *argv[] = { name, c->place.conf, NULL };
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    int error = prepare(c, &files, &how) ? posix_spawnp(&pid, c->program, &files, &how, argv, environ) : ENOMEM;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0)
        return err_set(err, error == ENOENT ? ERR_NOT_FOUND : ERR_IO, "starting %s: %s%s", c->program, strerror(error),
                       error == ENOENT ? " (install Redis, or set store.redis_server or store.redis)" : "");
    c->pid = pid;
    c->ours = true;
    c->adopted = false;
    c->started_ms = clock_mono_ms(c->clock);
    log_event(c->log, LOG_INFO, "redis.started", LOG_INT("pid", pid), LOG_STR("socket", c->place.socket));
    return OK;
}

/* ---- watching ---- */

static bool lives(struct redis_child *c)
{
    int status;
    if (c->pid == 0)
        return false;
    if (!c->ours)
        return redis_child_place_is_server(&c->place, c->pid);
    pid_t ended = waitpid(c->pid, &status, WNOHANG);
    return ended == 0 || (ended < 0 && errno == EINTR);
}

static void plan_start(struct redis_child *c)
{
    int64_t now_ms = clock_mono_ms(c->clock);
    bool steady = now_ms - c->started_ms > STEADY_MS;
    c->pause_ms = steady || c->pause_ms == 0 ? PAUSE_FIRST_MS : c->pause_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : c->pause_ms * 2;
    c->next_start_ms = now_ms + c->pause_ms;
}

void redis_child_tick(struct redis_child *c)
{
    struct err err;
    if (c->stopped || lives(c))
        return;
    if (c->pid != 0) {
        log_event(c->log, LOG_ERROR, "redis.died", LOG_INT("pid", c->pid), LOG_STR("log", c->place.log_file));
        c->pid = 0;
        plan_start(c);
    }
    if (clock_mono_ms(c->clock) < c->next_start_ms)
        return;
    c->restarts++;
    if (start(c, &err) == OK)
        return;
    log_event(c->log, LOG_ERROR, "redis.not_started", LOG_ERR(&err));
    plan_start(c);
}

struct redis_child_status redis_child_status(const struct redis_child *c)
{
    pid_t pid = c->pid;
    return (struct redis_child_status){ pid != 0, c->adopted, pid, c->restarts };
}

/* ---- the beginning ---- */

/* A server that is left over: alive, whether it answers, loads or hangs. */
static bool adopt(struct redis_child *c)
{
    pid_t pid = redis_child_place_server(&c->place);
    if (pid == 0)
        return false;
    c->pid = pid;
    c->ours = false;
    c->adopted = true;
    c->started_ms = clock_mono_ms(c->clock);
    log_event(c->log, LOG_INFO, "redis.adopted", LOG_INT("pid", pid), LOG_STR("socket", c->place.socket));
    return true;
}

/* Its pid file is not written yet or was removed, but something answers on our socket: who is it? */
static enum err_code refuse_stranger(struct redis_child *c, struct err *err)
{
    for (int64_t waited = 0; ask(c) != ANSWER_NONE; waited += STEP_MS) {
        if (adopt(c))
            return OK;
        if (waited > ASK_MS)
            return err_set(err, ERR_CONFLICT, "a server that is not ours answers on %s; stop it first", c->place.socket);
        sleep_ms(STEP_MS);
    }
    return OK;
}

static enum err_code not_ready(const struct redis_child *c, enum err_code code, const char *how, struct err *err)
{
    return err_set(err, code, "the embedded redis %s; its log is %s", how, c->place.log_file);
}

static enum err_code await_ready(struct redis_child *c, struct err *err)
{
    int64_t until_ms = clock_mono_ms(c->clock) + c->ready_ms;
    for (;;) {
        enum answer answer = ask(c);
        if (answer == ANSWER_READY)
            return OK;
        if (answer == ANSWER_STRANGE)
            return not_ready(c, ERR_UNAVAILABLE, "refuses to answer", err);
        if (!lives(c)) {
            bool again = c->adopted; /* what was left over was about to die */
            c->pid = 0;
            enum err_code code = again ? start(c, err) : not_ready(c, ERR_UNAVAILABLE, "ended at once", err);
            if (code != OK)
                return code;
        }
        if (clock_mono_ms(c->clock) > until_ms)
            return not_ready(c, ERR_TIMEOUT, answer == ANSWER_LOADING ? "is still loading its data" : "does not answer", err);
        sleep_ms(STEP_MS);
    }
}

static enum err_code begin(struct redis_child *c, const struct redis_child_options *o, struct err *err)
{
    enum err_code code = redis_child_place_open(o, &c->place, err);
    if (code != OK)
        return code;
    c->connection = redis_options_default();
    c->connection.host[0] = '\0';
    c->connection.durability = o->durability;
    c->connection.clock = o->clock;
    memcpy(c->connection.unix_path, c->place.socket, sizeof c->connection.unix_path);
    if (!adopt(c))
        code = refuse_stranger(c, err);
    if (code == OK && c->pid == 0)
        code = start(c, err);
    return code == OK ? await_ready(c, err) : code;
}

enum err_code redis_child_new(const struct redis_child_options *o, struct redis_child **out, struct err *err)
{
    struct redis_child *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "the embedded redis");
    c->place.lock = -1;
    c->clock = o->clock != NULL ? o->clock : clock_system();
    c->log = o->log;
    c->ready_ms = o->ready_ms > 0 ? o->ready_ms : READY_MS;
    enum err_code code = OK;
    if (o->program.bytes >= sizeof c->program)
        code = err_set(err, ERR_INPUT, "the path of redis-server has at most %d bytes", PROGRAM_BYTES - 1);
    snprintf(c->program, sizeof c->program, "%.*s", SPAN_ARGS(span_empty(o->program) ? SPAN_LITERAL("redis-server") : o->program));
    if (code == OK)
        code = begin(c, o, err);
    if (code != OK) {
        if (c->ours && c->pid != 0)
            redis_child_stop(c, ASK_MS); /* nobody would watch it */
        redis_child_free(c);
        return code;
    }
    *out = c;
    return OK;
}

const struct redis_options *redis_child_connection(const struct redis_child *c) { return &c->connection; }

/* ---- the end ---- */

static bool await_end(struct redis_child *c, int64_t grace_ms)
{
    int64_t until_ms = clock_mono_ms(c->clock) + grace_ms;
    while (lives(c)) {
        if (clock_mono_ms(c->clock) > until_ms)
            return false;
        sleep_ms(STEP_MS);
    }
    return true;
}

static void ask_to_end(const struct redis_child *c)
{
    redisContext *redis = dial(c);
    redisReply *reply = redis != NULL ? redisCommand(redis, "SHUTDOWN NOSAVE") : NULL; /* the append-only file is complete; no dump beside it */
    if (reply != NULL)
        freeReplyObject(reply);
    if (redis != NULL)
        redisFree(redis);
}

void redis_child_stop(struct redis_child *c, int64_t grace_ms)
{
    if (c == NULL || c->stopped)
        return;
    c->stopped = true;
    pid_t pid = c->pid;
    if (lives(c)) {
        ask_to_end(c);
        bool ended = await_end(c, grace_ms);
        static const int signals[] = { SIGTERM, SIGKILL };
        for (size_t i = 0; !ended && i < sizeof signals / sizeof signals[0]; i++) {
            kill(pid, signals[i]);
            ended = await_end(c, grace_ms);
        }
        log_event(c->log, LOG_INFO, "redis.stopped", LOG_INT("pid", pid));
    }
    c->pid = 0;
}

void redis_child_free(struct redis_child *c)
{
    if (c == NULL)
        return;
    redis_child_place_close(&c->place);
    redis_options_wipe(&c->connection);
    free(c);
}
