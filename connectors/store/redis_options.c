#include "connectors/store/redis_options.h"

#include "posture/base/secret.h"

#include <string.h>

enum { PORT = 6379, DATABASES_MOST = 1024 };

struct redis_options redis_options_default(void)
{
    return (struct redis_options){ .host = "127.0.0.1", .port = PORT, .timeout_ms = REDIS_TIMEOUT_MS, .durability = REDIS_EVERYSEC, .partitions = REDIS_PARTITIONS };
}

void redis_options_wipe(struct redis_options *o)
{
    if (o != NULL)
        secret_wipe(o, sizeof *o);
}

static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return true;
    return false;
}

static void copy_text(struct span s, char *out)
{
    memcpy(out, s.at, s.bytes);
    out[s.bytes] = '\0';
}

/* ---- the address ---- */

static enum err_code read_unix(struct span path, struct redis_options *o, struct err *err)
{
    if (span_empty(path) || path.at[0] != '/')
        return err_set(err, ERR_INPUT, "a unix address is unix:///path/to/redis.sock");
    if (path.bytes >= sizeof o->unix_path)
        return err_set(err, ERR_INPUT, "the path of a unix socket has at most %zu bytes", sizeof o->unix_path - 1);
    copy_text(path, o->unix_path);
    o->host[0] = '\0';
    return OK;
}

/* Cuts "[v6]" or the host in front of ':' or the end off *rest. */
static struct span cut_host(struct span *rest)
{
    struct span host;
    if (!span_empty(*rest) && rest->at[0] == '[') {
        size_t end = span_find(*rest, ']');
        if (end == rest->bytes)
            return SPAN_NONE;
        host = span_slice(*rest, 1, end - 1);
        *rest = span_slice(*rest, end + 1, rest->bytes);
        return host;
    }
    size_t end = span_find(*rest, ':');
    host = span_slice(*rest, 0, end);
    *rest = span_slice(*rest, end, rest->bytes);
    return host;
}

static enum err_code read_port(struct span text, struct redis_options *o, struct err *err)
{
    uint64_t port = PORT;
    if (!span_empty(text) && (text.at[0] != ':' || !span_to_u64(span_slice(text, 1, text.bytes), &port) || port < 1 || port > 65535))
        return err_set(err, ERR_INPUT, "the port of a redis address is :1 to :65535, not \"%.*s\"", SPAN_ARGS(text));
    o->port = (unsigned)port;
    return OK;
}

static enum err_code read_database(struct span text, struct redis_options *o, struct err *err)
{
    uint64_t database = 0;
    if (!span_empty(text) && (!span_to_u64(text, &database) || database >= DATABASES_MOST))
        return err_set(err, ERR_INPUT, "the database of a redis address is a number below %d, not \"%.*s\"", DATABASES_MOST, SPAN_ARGS(text));
    o->database = (unsigned)database;
    return OK;
}

static enum err_code read_tcp(struct span rest, struct redis_options *o, struct err *err)
{
    if (span_find(rest, '@') < rest.bytes)
        return err_set(err, ERR_INPUT, "a redis address holds no user or password: give store.user and store.password");
    size_t slash = span_find(rest, '/');
    struct span authority = span_slice(rest, 0, slash), database = span_slice(rest, slash + 1, rest.bytes);
    struct span host = cut_host(&authority);
    if (span_empty(host) || host.bytes >= sizeof o->host)
        return err_set(err, ERR_INPUT, "a redis address is redis://host:port/database");
    struct redis_options made = *o;
    enum err_code code = read_port(authority, &made, err);
    if (code == OK)
        code = read_database(database, &made, err);
    if (code != OK)
        return code;
    *o = made;
    copy_text(host, o->host);
    o->unix_path[0] = '\0';
    return OK;
}

enum err_code redis_options_from_url(struct span url, struct redis_options *o, struct err *err)
{
    struct span redis = SPAN_LITERAL("redis://"), unix_scheme = SPAN_LITERAL("unix://");
    if (has_control(url) || span_find(url, ' ') < url.bytes)
        return err_set(err, ERR_INPUT, "a redis address holds no spaces or control characters");
    if (span_starts(url, SPAN_LITERAL("rediss://")))
        return err_set(err, ERR_INPUT, "rediss:// (TLS) is not possible with the Redis client library that postern is built on; "
                       "use a unix socket, or redis:// through a tunnel of your own (WireGuard, stunnel)");
    if (span_starts(url, unix_scheme))
        return read_unix(span_slice(url, unix_scheme.bytes, url.bytes), o, err);
    if (span_starts(url, redis))
        return read_tcp(span_slice(url, redis.bytes, url.bytes), o, err);
    return err_set(err, ERR_INPUT, "a redis address is redis://host:port/database or unix:///path, not \"%.*s\"", SPAN_ARGS(url));
}

/* ---- the rest ---- */

enum err_code redis_options_durability(struct span text, struct redis_options *o, struct err *err)
{
    struct span word, rest = text;
    uint64_t replicas = 0;
    if (span_equal_text(text, "fsync"))
        return o->durability = REDIS_FSYNC, OK;
    if (span_equal_text(text, "everysec"))
        return o->durability = REDIS_EVERYSEC, OK;
    if (!span_cut(&rest, ' ', &word) || !span_equal_text(word, "replicated") || !span_to_u64(span_trim(rest), &replicas) ||
        replicas < 1 || replicas > REDIS_REPLICAS_MOST)
        return err_set(err, ERR_INPUT, "durability is \"fsync\", \"everysec\" or \"replicated N\" with N from 1 to %d, not \"%.*s\"", REDIS_REPLICAS_MOST, SPAN_ARGS(text));
    o->durability = REDIS_REPLICATED;
    o->replicas = (unsigned)replicas;
    return OK;
}

enum err_code redis_options_login(struct span user, struct span password, struct redis_options *o, struct err *err)
{
    if (user.bytes >= sizeof o->user || password.bytes >= sizeof o->password)
        return err_set(err, ERR_LIMIT, "the store's user and password have at most %d bytes each", REDIS_SECRET_BYTES - 1);
    if (has_control(user) || has_control(password))
        return err_set(err, ERR_INPUT, "the store's user and password hold no control characters");
    if (!span_empty(user) && span_empty(password))
        return err_set(err, ERR_INPUT, "store.user needs store.password");
    memset(o->user, 0, sizeof o->user);
    memset(o->password, 0, sizeof o->password);
    if (user.bytes > 0)
        memcpy(o->user, user.at, user.bytes);
    if (password.bytes > 0)
        memcpy(o->password, password.at, password.bytes);
    return OK;
}
