#include "connectors/store/redis_login.h"

#include "connectors/store/redis_connection.h"
#include "posture/base/secret.h"

#include <stdio.h>
#include <string.h>

/* connectors/store/redis_functions.lua, compiled in. */
extern const unsigned char redis_functions_lua[];
extern const size_t redis_functions_lua_bytes;

enum { SOURCE_BYTES = 128 * 1024 };

/* ---- refusals ---- */

struct refusal { const char *begins; enum err_code code; bool lost; const char *words; };
static const struct refusal refusals[] = {
    { "OOM ", ERR_UNAVAILABLE, false, "its memory is full (maxmemory); nothing was written" },
    { "MISCONF ", ERR_UNAVAILABLE, false, "it cannot write to its disk" },
    { "LOADING ", ERR_UNAVAILABLE, false, "it is still loading its data" },
    { "READONLY ", ERR_UNAVAILABLE, true, "it is a replica, writes go to the primary" },
    { "MASTERDOWN ", ERR_UNAVAILABLE, true, "it is a replica without its primary" },
    { "NOREPLICAS ", ERR_UNAVAILABLE, false, "it has too few replicas to accept writes (min-replicas-to-write)" },
    { "BUSY ", ERR_UNAVAILABLE, false, "it is busy with somebody's script" },
    { "TRYAGAIN ", ERR_UNAVAILABLE, false, "it is moving slots" },
    { "MOVED ", ERR_UNAVAILABLE, false, "it is a Redis Cluster, which is not supported yet" },
    { "ASK ", ERR_UNAVAILABLE, false, "it is a Redis Cluster, which is not supported yet" },
    { "CROSSSLOT ", ERR_UNAVAILABLE, false, "it is a Redis Cluster, which is not supported yet" },
    { "CLUSTERDOWN ", ERR_UNAVAILABLE, false, "it is a Redis Cluster, which is not supported yet" },
    { "NOAUTH ", ERR_UNAVAILABLE, true, "it wants a password (store.password)" },
    { "WRONGPASS ", ERR_UNAVAILABLE, true, "it does not accept store.user and store.password" },
    { "NOPERM ", ERR_UNAVAILABLE, false, "its ACL does not allow this user enough (docs/store.md has the line)" },
    { "UNBLOCKED ", ERR_UNAVAILABLE, true, "it became a replica" },
    { "ERR max number of clients", ERR_UNAVAILABLE, true, "it has too many clients (maxclients)" },
    { "ERR AUTH ", ERR_UNAVAILABLE, true, "it has no password set, but one was given" },
    { "WRONGTYPE ", ERR_INTERNAL, false, "a key has a type that we did not give it; nothing was written" },
};

enum err_code redis_login_refusal(struct span reply, const char *address, const char *what, bool *lost, struct err *err)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        if (!span_starts(reply, span_of(r->begins)))
            continue;
        *lost = r->lost;
        return err_set(err, r->code, "redis at %s: %s: %s: %.*s", address, what, r->words, SPAN_ARGS(reply));
    }
    *lost = false;
    return err_set(err, ERR_INTERNAL, "redis at %s: %s: %.*s", address, what, SPAN_ARGS(reply));
}

/* ---- one command ---- */

struct login { redisContext *redis; const struct redis_options *options; const char *address; };

static enum err_code ask(const struct login *l, int count, const char **argv, const size_t *lengths, redisReply **reply, struct err *err)
{
    bool lost;
    *reply = redisCommandArgv(l->redis, count, argv, lengths);
    if (*reply == NULL)
        return err_set(err, ERR_IO, "redis at %s: %s", l->address, argv[0]);
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return OK;
    return redis_login_refusal(redis_reply_span(*reply), l->address, argv[0], &lost, err);
}

static enum err_code authenticate(const struct login *l, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    const struct redis_options *o = l->options;
    const char *as_user[] = { "AUTH", o->user, o->password }, *plain[] = { "AUTH", o->password };
    if (o->password[0] == '\0')
        return OK;
    return o->user[0] != '\0' ? ask(l, 3, as_user, NULL, &reply, err) : ask(l, 2, plain, NULL, &reply, err);
}

static enum err_code choose_database(const struct login *l, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    char number[16];
    snprintf(number, sizeof number, "%u", l->options->database);
    const char *argv[] = { "SELECT", number };
    return l->options->database == 0 ? OK : ask(l, 2, argv, NULL, &reply, err);
}

/* A name for CLIENT LIST; a user who may not set it works as well. */
static enum err_code name_connection(const struct login *l, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    const char *argv[] = { "CLIENT", "SETNAME", "postern" };
    enum err_code code = ask(l, 3, argv, NULL, &reply, err);
    return code == ERR_IO ? code : OK;
}

/* ---- the functions ---- */

static bool write_source(struct buf *out, char digest[SECRET_HEX_BYTES + 1])
{
    struct span source = span_make(redis_functions_lua, redis_functions_lua_bytes);
    secret_sha256_hex(source, digest);
    buf_append_text(out, "#!lua name=postern_1\nlocal DIGEST = '");
    buf_append_text(out, digest);
    buf_append_text(out, "'\n");
    return buf_append(out, source);
}

/* *same: the functions of this build are there. A server that does not know them says so in an error, which is no failure here. */
static enum err_code compare_functions(const struct login *l, const char *digest, bool *same, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    const char *argv[] = { "FCALL_RO", "pst1_about", "0" };
    enum err_code code = ask(l, 3, argv, NULL, &reply, err);
    if (reply != NULL && span_starts(redis_reply_span(reply), SPAN_LITERAL("ERR unknown command")))
        return err_set(err, ERR_UNAVAILABLE, "redis at %s is too old: it must be 7.0 or newer", l->address);
    *same = code == OK && span_equal_text(redis_reply_span(reply), digest);
    return code != OK && reply != NULL && span_starts(redis_reply_span(reply), SPAN_LITERAL("ERR Function not found")) ? OK : code;
}

static enum err_code load_functions(const struct login *l, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    CLEANUP(buf_done) struct buf source;
    char digest[SECRET_HEX_BYTES + 1];
    bool same = false;
    buf_init(&source, SOURCE_BYTES);
    if (!write_source(&source, digest))
        return buf_check(&source, "the store's functions", err);
    enum err_code code = compare_functions(l, digest, &same, err);
    if (code != OK || same)
        return code;
    const char *argv[] = { "FUNCTION", "LOAD", "REPLACE", source.at };
    const size_t lengths[] = { 8, 4, 7, source.bytes };
    code = ask(l, 4, argv, lengths, &reply, err);
    return code == OK || code == ERR_IO ? code : err_wrap(err, "loading the store's functions");
}

/* ---- partitions ---- */

/* The first of all writes wins; from then on the number is fixed. */
static enum err_code learn_partitions(const struct login *l, unsigned *partitions, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    char wanted[16];
    uint64_t stored = l->options->partitions;
    snprintf(wanted, sizeof wanted, "%u", l->options->partitions);
    const char *argv[] = { "SET", REDIS_KEY_PARTITIONS, wanted, "NX", "GET" };
    enum err_code code = ask(l, 5, argv, NULL, &reply, err);
    if (code != OK)
        return code;
    if (reply->type != REDIS_REPLY_NIL && (!span_to_u64(redis_reply_span(reply), &stored) || stored < 1 || stored > REDIS_PARTITIONS_MOST))
        return err_set(err, ERR_INTERNAL, "redis at %s: " REDIS_KEY_PARTITIONS " is not a number from 1 to %d", l->address, REDIS_PARTITIONS_MOST);
    *partitions = (unsigned)stored;
    return OK;
}

enum err_code redis_login(redisContext *redis, const struct redis_options *o, const char *address, unsigned *partitions, struct err *err)
{
    const struct login l = { redis, o, address };
    enum err_code code = authenticate(&l, err);
    if (code == OK)
        code = choose_database(&l, err);
    if (code == OK)
        code = name_connection(&l, err);
    if (code == OK)
        code = load_functions(&l, err);
    if (code == OK)
        code = learn_partitions(&l, partitions, err);
    return code;
}
