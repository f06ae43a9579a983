/* file: whole files of ours (configuration, keys, state), read with a bound and written so that a crash leaves the old
 * or the new content, never half of either. Paths are our own words, NUL-terminated. Blocks: for start-up and the slow
 * lane, not for a request. Thread: safe from all threads; two writers of one path: the last rename wins. */
#ifndef POSTURE_BASE_FILE_H
#define POSTURE_BASE_FILE_H
#include "posture/base/buf.h"

#include <sys/types.h>
#include <time.h>

/* Appends the content of a regular file to `out`. ERR_NOT_FOUND when there is none, ERR_LIMIT when it is longer than
 * `max_bytes` or than `out` has room for, ERR_IO otherwise. On failure `out` keeps its content. */
MUST_CHECK enum err_code file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);
/* Replaces `path` by `content`, mode 0600, through a temporary file in the same folder; synced before it returns. */
MUST_CHECK enum err_code file_write_private(const char *path, struct span content, struct err *err);
/* Makes a folder and those above it that are missing, each with `mode` (less the umask). One that exists is left as it is. */
MUST_CHECK enum err_code file_mkdirs(const char *path, mode_t mode, struct err *err);
/* Something is there, of any kind, links followed. */
bool file_exists(const char *path);
/* What tells one content of a file from another without reading it. Zeroed: never looked at. */
struct file_mark { dev_t device; ino_t inode; off_t bytes; struct timespec changed; };
/* Whether it is another file than at the last look with the same mark, links followed; one that is missing always is: reading it says so. */
bool file_has_changed(const char *path, struct file_mark *mark);

#endif
