#include "posture/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024 };

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum err_code refuse(const char *tried, const char *path, struct err *err)
{
    enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : errno == ENOMEM ? ERR_MEMORY : ERR_IO;
    return err_set(err, code, "%s %s: %s", tried, path, strerrordesc_np(errno)); /* strerror shares a buffer */
}

/* Without O_NONBLOCK, opening a pipe that someone put at this path would wait for ever. */
static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

static ssize_t read_some(int fd, char *at, size_t bytes)
{
    ssize_t got;
    do
        got = read(fd, at, bytes);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Pieces until the end: the size that stat tells may change, and is 0 for what the kernel makes up. */
static enum err_code read_pieces(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    char piece[READ_BYTES];
    size_t before = out->bytes;
    enum err_code code = OK;
    for (ssize_t got = 1; got > 0 && code == OK;) {
        got = read_some(fd, piece, sizeof piece);
        if (got < 0)
            code = refuse("reading", path, err);
        else if ((size_t)got > max_bytes - (out->bytes - before))
            code = err_set(err, ERR_LIMIT, "reading %s: longer than %zu bytes", path, max_bytes);
        else if (!buf_append(out, span_make(piece, (size_t)got)))
            code = buf_check(out, path, err);
    }
    explicit_bzero(piece, sizeof piece); /* it may have been a key */
    if (code != OK)
        out->bytes = before;
    return code;
}

enum err_code file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    CLEANUP(close_fd) int fd = open_regular(path);
    if (fd < 0)
        return errno == EINVAL ? err_set(err, ERR_IO, "opening %s: it is not a regular file", path) : refuse("opening", path, err);
    return read_pieces(fd, path, max_bytes, out, err);
}

static bool write_all(int fd, struct span content)
{
    while (content.bytes > 0) {
        ssize_t written = write(fd, content.at, content.bytes);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            content = span_slice(content, (size_t)written, content.bytes);
    }
    return true;
}

/* The folder of a path; "." when it has none. */
static bool folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    struct span part = slash == NULL ? SPAN_LITERAL(".") : slash == path ? SPAN_LITERAL("/") : (struct span){ path, (size_t)(slash - path) };
    if (part.bytes >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(folder, part.at, part.bytes);
    folder[part.bytes] = '\0';
    return true;
}

/* The new name is on the disk only when its folder is. */
static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    if (!folder_of(path, folder))
        return false;
    CLEANUP(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

/* Makes and fills the temporary file, whose name ends in XXXXXX until then. */
static bool write_temporary(char *name, struct span content)
{
    CLEANUP(close_fd) int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 && write_all(fd, content) && fsync(fd) == 0)
        return true;
    int kept_errno = errno;
    unlink(name);
    errno = kept_errno;
    return false;
}

static bool rename_temporary(const char *name, const char *path)
{
    if (rename(name, path) == 0)
        return true;
    int kept_errno = errno;
    unlink(name);
    errno = kept_errno;
    return false;
}

enum err_code file_write_private(const char *path, struct span content, struct err *err)
{
    char name[PATH_MAX];
    int wanted = snprintf(name, sizeof name, "%s.XXXXXX", path);
    if (wanted < 0 || wanted >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "writing %.64s: the name is too long", path);
    if (!write_temporary(name, content))
        return refuse("writing a temporary file for", path, err);
    if (!rename_temporary(name, path))
        return refuse("replacing", path, err);
    if (!sync_folder(path))
        return refuse("syncing the folder of", path, err);
    return OK;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static enum err_code make_folder(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0)
        return OK;
    int kept_errno = errno;
    if (is_folder(path))
        return OK;
    errno = kept_errno;
    return refuse("making the folder", path, err);
}

enum err_code file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t bytes = strlen(path);
    if (bytes >= sizeof part)
        return err_set(err, ERR_LIMIT, "making the folder %.64s: the name is too long", path);
    memcpy(part, path, bytes + 1);
    for (size_t i = 1; i < bytes; i++) { /* from 1: the root is there */
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        enum err_code code = make_folder(part, mode, err);
        if (code != OK)
            return code;
        part[i] = '/';
    }
    return make_folder(part, mode, err);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_has_changed(const char *path, struct file_mark *mark)
{
    struct stat s;
    struct file_mark now = { .inode = 0 };
    if (stat(path, &s) == 0)
        now = (struct file_mark){ s.st_dev, s.st_ino, s.st_size, s.st_mtim };
    bool same = now.inode != 0 && now.device == mark->device && now.inode == mark->inode && now.bytes == mark->bytes && now.changed.tv_sec == mark->changed.tv_sec &&
                now.changed.tv_nsec == mark->changed.tv_nsec;
    *mark = now;
    return !same;
}
