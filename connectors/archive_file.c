#include "connectors/archive_file.h"

#include "posture/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PATH_MOST = 4096, CHUNK_BYTES = 64 * 1024, FILE_MODE = 0600, FOLDER_MODE = 0700 };

struct archive_file { int fd; uint64_t bytes; char path[PATH_MOST]; };

static enum err_code refused(struct err *err, const char *what, const char *path) { return err_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno)); }

void archive_file_close(struct archive_file *f)
{
    if (f == NULL)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

void archive_file_closep(struct archive_file **f)
{
    archive_file_close(*f);
    *f = NULL;
}

uint64_t archive_file_bytes(const struct archive_file *f) { return f->bytes; }

static bool folder_of(const char *path, char folder[PATH_MOST])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) >= PATH_MOST)
        return false;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return true;
}

/* A name in a folder survives a loss of power only when the folder was synced. */
static enum err_code sync_folder(const char *path, struct err *err)
{
    char folder[PATH_MOST];
    int fd = folder_of(path, folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return refused(err, "opening the folder of", path);
    int failed = fsync(fd);
    close(fd);
    return failed == 0 ? OK : refused(err, "syncing the folder of", path);
}

/* The lock ends with the process: a file of one that died can be written on, one that is being written cannot. */
static enum err_code open_locked(const char *path, int flags, struct archive_file **out, struct err *err)
{
    CLEANUP(archive_file_closep) struct archive_file *f = calloc(1, sizeof *f);
    if (f == NULL || strlen(path) >= sizeof f->path)
        return err_set(err, ERR_MEMORY, "opening %s", path);
    snprintf(f->path, sizeof f->path, "%s", path);
    f->fd = open(path, O_RDWR | O_CLOEXEC | flags, FILE_MODE);
    if (f->fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : errno == EEXIST ? ERR_CONFLICT : ERR_IO, "opening %s: %s", path, strerror(errno));
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another process writes %s", path);
    *out = TAKE(f);
    return OK;
}

enum err_code archive_file_create(const char *path, struct archive_file **out, struct err *err)
{
    CLEANUP(archive_file_closep) struct archive_file *f = NULL;
    char folder[PATH_MOST];
    enum err_code code = folder_of(path, folder) ? file_mkdirs(folder, FOLDER_MODE, err) : err_set(err, ERR_INPUT, "%s names no folder", path);
    if (code == OK)
        code = open_locked(path, O_CREAT | O_EXCL, &f, err);
    if (code == OK)
        code = sync_folder(path, err);
    if (code == OK)
        *out = TAKE(f);
    return code;
}

static enum err_code read_at(const struct archive_file *f, uint64_t from, char *at, size_t bytes, struct err *err)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(f->fd, at + done, bytes - done, (off_t)(from + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refused(err, "reading", f->path);
        if (n == 0)
            return err_set(err, ERR_INPUT, "%s is shorter than it was", f->path);
        done += (size_t)n;
    }
    return OK;
}

static enum err_code check_end(const struct archive_file *f, uint64_t bytes, struct span hash, struct err *err)
{
    char tail[ARCHIVE_HASH_BYTES + 3];
    enum err_code code = bytes >= sizeof tail ? read_at(f, bytes - sizeof tail, tail, sizeof tail, err) : err_set(err, ERR_INPUT, "%s is too short", f->path);
    if (code != OK)
        return code;
    bool same = span_equal(span_make(tail, ARCHIVE_HASH_BYTES), hash) && memcmp(tail + ARCHIVE_HASH_BYTES, "\"}\n", 3) == 0;
    return same ? OK : err_set(err, ERR_INPUT, "%s is not what was written: its line that ends at byte %llu has another hash", f->path, (unsigned long long)bytes);
}

/* A crash leaves little behind. More means that the store went back in time (a restored backup): then it is evidence of what the store has lost. */
static enum err_code count_behind(const struct archive_file *f, uint64_t bytes, uint64_t size, struct err *err)
{
    char chunk[4096];
    unsigned lines = 0;
    for (uint64_t at = bytes; at < size;) {
        size_t want = size - at < sizeof chunk ? (size_t)(size - at) : sizeof chunk;
        enum err_code code = read_at(f, at, chunk, want, err);
        if (code != OK)
            return code;
        for (size_t i = 0; i < want; i++)
            lines += chunk[i] == '\n';
        if (lines > ARCHIVE_FILE_TAIL_LINES)
            return err_set(err, ERR_INPUT, "%s holds more than %d lines that the store does not know of", f->path, ARCHIVE_FILE_TAIL_LINES);
        at += want;
    }
    return OK;
}

enum err_code archive_file_reopen(const char *path, uint64_t bytes, struct span hash, struct archive_file **out, struct err *err)
{
    CLEANUP(archive_file_closep) struct archive_file *f = NULL;
    struct stat about;
    enum err_code code = open_locked(path, 0, &f, err);
    if (code == OK && fstat(f->fd, &about) != 0)
        code = refused(err, "looking at", path);
    if (code == OK)
        code = check_end(f, bytes, hash, err);
    if (code == OK)
        code = count_behind(f, bytes, (uint64_t)about.st_size, err);
    if (code == OK && (uint64_t)about.st_size > bytes && (ftruncate(f->fd, (off_t)bytes) != 0 || fsync(f->fd) != 0))
        code = refused(err, "cutting", path);
    if (code != OK)
        return code;
    f->bytes = bytes;
    *out = TAKE(f);
    return OK;
}

enum err_code archive_file_append(struct archive_file *f, struct span lines, struct err *err)
{
    for (size_t done = 0; done < lines.bytes;) {
        ssize_t n = pwrite(f->fd, lines.at + done, lines.bytes - done, (off_t)(f->bytes + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return refused(err, "writing", f->path);
        done += (size_t)n;
    }
    f->bytes += lines.bytes;
    return OK;
}

enum err_code archive_file_sync(struct archive_file *f, struct err *err) { return fdatasync(f->fd) == 0 ? OK : refused(err, "syncing", f->path); }

/* ---- packing ---- */

static enum err_code pack_into(const struct archive_file *f, uint64_t size, int to, struct err *err)
{
    char chunk[16 * 1024];
    int own = dup(to); /* gzclose closes what it was given */
    gzFile gz = own >= 0 ? gzdopen(own, "wb") : NULL;
    enum err_code code = gz != NULL ? OK : err_set(err, ERR_IO, "packing %s", f->path);
    if (gz == NULL && own >= 0)
        close(own);
    for (uint64_t at = 0; code == OK && at < size;) {
        size_t want = size - at < sizeof chunk ? (size_t)(size - at) : sizeof chunk;
        code = read_at(f, at, chunk, want, err);
        if (code == OK && gzwrite(gz, chunk, (unsigned)want) != (int)want)
            code = err_set(err, ERR_IO, "packing %s", f->path);
        at += want;
    }
    if (gz != NULL && gzclose(gz) != Z_OK && code == OK)
        code = err_set(err, ERR_IO, "packing %s", f->path);
    return code;
}

enum err_code archive_file_pack(const char *path, struct err *err)
{
    CLEANUP(archive_file_closep) struct archive_file *f = NULL;
    char packed[PATH_MOST + 8], made[PATH_MOST + 8];
    struct stat about;
    enum err_code code = open_locked(path, 0, &f, err);
    if (code == OK && fstat(f->fd, &about) != 0)
        code = refused(err, "looking at", path);
    if (code != OK)
        return code;
    snprintf(packed, sizeof packed, "%s.gz", path);
    snprintf(made, sizeof made, "%s.new", path);
    int to = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (to < 0)
        return refused(err, "making", made);
    code = pack_into(f, (uint64_t)about.st_size, to, err);
    if (code == OK && fsync(to) != 0)
        code = refused(err, "syncing", made);
    close(to);
    if (code == OK && rename(made, packed) != 0)
        code = refused(err, "naming", packed);
    if (code != OK) {
        unlink(made);
        return code;
    }
    if (unlink(path) != 0)
        return refused(err, "removing", path);
    return sync_folder(path, err);
}

/* ---- reading ---- */

struct archive_lines { gzFile file; char path[PATH_MOST]; struct buf text; size_t given; uint64_t number; bool over; };

void archive_lines_close(struct archive_lines *l)
{
    if (l == NULL)
        return;
    if (l->file != NULL)
        gzclose(l->file);
    buf_done(&l->text);
    free(l);
}

void archive_lines_closep(struct archive_lines **l)
{
    archive_lines_close(*l);
    *l = NULL;
}

enum err_code archive_lines_open(const char *path, struct archive_lines **out, struct err *err)
{
    CLEANUP(archive_lines_closep) struct archive_lines *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "reading %s", path);
    snprintf(l->path, sizeof l->path, "%s", path);
    buf_init(&l->text, 2 * (size_t)ARCHIVE_LINE_BYTES);
    errno = 0;
    l->file = gzopen(path, "rbe");
    if (l->file == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : errno == 0 ? ERR_MEMORY : ERR_IO, "opening %s: %s", path, strerror(errno));
    gzbuffer(l->file, CHUNK_BYTES);
    *out = TAKE(l);
    return OK;
}

static void drop_given(struct archive_lines *l)
{
    if (l->given == 0)
        return;
    memmove(l->text.at, l->text.at + l->given, l->text.bytes - l->given);
    l->text.bytes -= l->given;
    l->given = 0;
}

static enum err_code fill(struct archive_lines *l, struct err *err)
{
    drop_given(l);
    if (l->text.bytes >= ARCHIVE_LINE_BYTES)
        return err_set(err, ERR_INPUT, "%s: line %llu is longer than %d bytes", l->path, (unsigned long long)l->number + 1, ARCHIVE_LINE_BYTES);
    if (!buf_reserve(&l->text, CHUNK_BYTES))
        return err_set(err, ERR_MEMORY, "reading %s", l->path);
    int n = gzread(l->file, l->text.at + l->text.bytes, CHUNK_BYTES), problem = Z_OK;
    const char *why = n < 0 || gzeof(l->file) ? gzerror(l->file, &problem) : "";
    if (n < 0 || problem == Z_BUF_ERROR)
        return err_set(err, problem == Z_ERRNO ? ERR_IO : ERR_INPUT, "%s is damaged or cut short: %s", l->path, why);
    l->text.bytes += (size_t)n;
    l->over = n == 0;
    return OK;
}

enum err_code archive_lines_next(struct archive_lines *l, struct span *line, bool *whole, struct err *err)
{
    size_t from = l->given;
    for (;;) {
        struct span rest = span_slice(buf_span(&l->text), l->given, l->text.bytes);
        size_t end = from - l->given + span_find(span_slice(rest, from - l->given, rest.bytes), '\n');
        if (end < rest.bytes || (l->over && rest.bytes > 0)) {
            *whole = end < rest.bytes;
            *line = span_slice(rest, 0, end);
            l->given += end + *whole;
            l->number++;
            return OK;
        }
        if (l->over)
            return err_set(err, ERR_NOT_FOUND, "the end of %s", l->path);
        size_t seen = rest.bytes;
        enum err_code code = fill(l, err);
        if (code != OK)
            return code;
        from = l->given + seen; /* not looked over again */
    }
}

uint64_t archive_lines_number(const struct archive_lines *l) { return l->number; }

uint64_t archive_lines_read_bytes(const struct archive_lines *l)
{
    z_off_t at = gzoffset(l->file);
    return at > 0 ? (uint64_t)at : 0;
}
