#include "connectors/store/redis_child_place.h"

#include "posture/base/file.h"
#include "posture/base/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_BYTES = 16 * 1024, LOG_FILE_MOST = 8 * 1024 * 1024, NAME_ROOM = 16 /* of the names in the folder */ };

static enum err_code io_error(const char *what, const char *path, struct err *err)
{
    return err_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

/* ---- folder and lock ---- */

static enum err_code make_folder(const struct redis_child_options *o, struct redis_child_place *place, struct err *err)
{
    char wanted[PATH_MAX], real[PATH_MAX];
    if (span_empty(o->state) || o->state.bytes > sizeof wanted - NAME_ROOM)
        return err_set(err, ERR_INPUT, "the path of the state folder is empty or too long");
    snprintf(wanted, sizeof wanted, "%.*s/redis", SPAN_ARGS(o->state));
    for (const char *c = wanted; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            return err_set(err, ERR_INPUT, "the path of the state folder holds control characters");
    enum err_code code = file_mkdirs(wanted, 0700, err);
    if (code != OK)
        return code;
    if (realpath(wanted, real) == NULL || chmod(real, 0700) != 0)
        return io_error("opening the folder of the embedded redis", wanted, err);
    if (strlen(real) > sizeof place->folder - NAME_ROOM)
        return err_set(err, ERR_INPUT, "the path of the state folder is too long");
    strcpy(place->folder, real);
    return OK;
}

static void name_file(const struct redis_child_place *place, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_ROOM, place->folder, name);
}

static enum err_code take_lock(struct redis_child_place *place, struct err *err)
{
    char path[PATH_MAX];
    name_file(place, "lock", path);
    place->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (place->lock < 0)
        return io_error("opening", path, err);
    if (flock(place->lock, LOCK_EX | LOCK_NB) == 0)
        return OK;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_CONFLICT, "another postern runs with this state folder (%s is locked)", path);
    return io_error("locking", path, err);
}

/* ---- the socket ---- */

static enum err_code make_short_folder(const char *folder, struct err *err)
{
    struct stat is;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return io_error("making", folder, err);
    if (lstat(folder, &is) != 0)
        return io_error("looking at", folder, err);
    if (!S_ISDIR(is.st_mode) || is.st_uid != geteuid() || (is.st_mode & 0077) != 0)
        return err_set(err, ERR_IO, "%s is not a folder of ours alone; remove it, or use a state folder with a shorter path", folder);
    return OK;
}

/* A unix socket's path has 107 bytes; below a deep state folder it is reached through a link in a private folder. The name comes from the
 * folder, so the next gateway finds the same. */
static enum err_code link_socket(struct redis_child_place *place, struct err *err)
{
    char folder[48], hex[SECRET_HEX_BYTES + 1], link[64], there[PATH_MAX];
    secret_sha256_hex(span_of(place->folder), hex);
    snprintf(folder, sizeof folder, "/tmp/postern-%u-%.12s", (unsigned)geteuid(), hex);
    snprintf(link, sizeof link, "%s/redis", folder);
    enum err_code code = make_short_folder(folder, err);
    if (code != OK)
        return code;
    ssize_t bytes = readlink(link, there, sizeof there);
    if (bytes < 0 || !span_equal_text(span_make(there, (size_t)bytes), place->folder)) {
        (void)unlink(link);
        if (symlink(place->folder, link) != 0)
            return io_error("linking", link, err);
    }
    snprintf(place->socket, sizeof place->socket, "%s/redis.sock", link);
    return OK;
}

static enum err_code choose_socket(struct redis_child_place *place, struct err *err)
{
    char path[PATH_MAX];
    name_file(place, "redis.sock", path);
    if (strlen(path) >= sizeof place->socket)
        return link_socket(place, err);
    strcpy(place->socket, path);
    return OK;
}

/* ---- configuration ---- */

static void put_quoted(struct buf *out, const char *name, const char *value)
{
    buf_format(out, "%s \"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, *value);
    }
    buf_append_text(out, "\"\n");
}

static void put_fixed(struct buf *out, enum redis_durability durability)
{
    buf_append_text(out,
        "port 0\nprotected-mode yes\nunixsocketperm 700\ndaemonize no\nsupervised no\ndatabases 1\nmaxclients 1000\ntimeout 0\n"
        "appendonly yes\naof-load-truncated yes\nno-appendfsync-on-rewrite no\nsave \"\"\nstop-writes-on-bgsave-error no\n"
        "maxmemory 0\nmaxmemory-policy noeviction\ndisable-thp yes\nloglevel warning\n");
    buf_format(out, "appendfsync %s\n", durability == REDIS_EVERYSEC ? "everysec" : "always");
}

static enum err_code write_conf(const struct redis_child_options *o, struct redis_child_place *place, struct err *err)
{
    CLEANUP(buf_done) struct buf conf;
    buf_init(&conf, CONF_BYTES);
    buf_append_text(&conf, "# Written by postern at each start. An append-only file is the store; see docs/store.md.\n");
    put_fixed(&conf, o->durability);
    put_quoted(&conf, "dir", place->folder);
    put_quoted(&conf, "unixsocket", place->socket);
    put_quoted(&conf, "pidfile", place->pid_file);
    put_quoted(&conf, "logfile", place->log_file);
    enum err_code code = buf_check(&conf, "the configuration of the embedded redis", err);
    return code == OK ? file_write_private(place->conf, buf_span(&conf), err) : code;
}

/* One old file is kept. */
static void roll_log(const struct redis_child_place *place)
{
    char old[PATH_MAX];
    struct stat is;
    name_file(place, "redis.log.1", old);
    if (stat(place->log_file, &is) == 0 && is.st_size > LOG_FILE_MOST)
        (void)rename(place->log_file, old); /* a log that goes on growing is no reason not to start */
}

enum err_code redis_child_place_open(const struct redis_child_options *o, struct redis_child_place *place, struct err *err)
{
    memset(place, 0, sizeof *place);
    place->lock = -1;
    enum err_code code = make_folder(o, place, err);
    if (code == OK)
        code = take_lock(place, err);
    if (code == OK)
        code = choose_socket(place, err);
    if (code != OK)
        return code;
    name_file(place, "redis.conf", place->conf);
    name_file(place, "redis.pid", place->pid_file);
    name_file(place, "redis.log", place->log_file);
    roll_log(place);
    return write_conf(o, place, err);
}

void redis_child_place_close(struct redis_child_place *place)
{
    if (place->lock >= 0)
        close(place->lock);
    place->lock = -1;
}

/* ---- who lives there ---- */

bool redis_child_place_is_server(const struct redis_child_place *place, pid_t pid)
{
    char link[64], there[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    ssize_t bytes = pid > 1 ? readlink(link, there, sizeof there) : -1;
    return bytes > 0 && span_equal_text(span_make(there, (size_t)bytes), place->folder);
}

/* The name a server was started under; its own helpers (redis-aof-rewrite) live in the same folder and end by themselves. */
static bool is_called_server(pid_t pid)
{
    static const char name[] = "redis-server";
    char path[64], text[sizeof name] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof name - 1) : -1;
    if (fd >= 0)
        close(fd);
    return bytes == (ssize_t)sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0;
}

/* A gateway may be killed after it started a server and before that wrote its pid file. */
static pid_t search_processes(const struct redis_child_place *place)
{
    pid_t found = 0;
    DIR *all = opendir("/proc");
    for (struct dirent *one; found == 0 && all != NULL && (one = readdir(all)) != NULL;) {
        int64_t pid = 0;
        if (span_to_i64(span_of(one->d_name), &pid) && pid > 1 && pid < INT_MAX && redis_child_place_is_server(place, (pid_t)pid) && is_called_server((pid_t)pid))
            found = (pid_t)pid;
    }
    if (all != NULL)
        closedir(all);
    return found;
}

pid_t redis_child_place_server(const struct redis_child_place *place)
{
    CLEANUP(buf_done) struct buf text;
    struct err ignored;
    int64_t pid = 0;
    buf_init(&text, 64);
    if (file_read(place->pid_file, 64, &text, &ignored) != OK || !span_to_i64(span_trim(buf_span(&text)), &pid) || pid < 2 || pid > INT_MAX)
        pid = 0;
    return redis_child_place_is_server(place, (pid_t)pid) ? (pid_t)pid : search_processes(place);
}
