/* archive_file: one segment of the archive on disk (posture/archive.h): written line by line, found again after a crash, packed, read.
 * Paths are our own words, NUL-terminated. Blocks. Thread: a file being written or read belongs to one thread. */
#ifndef CONNECTORS_ARCHIVE_FILE_H
#define CONNECTORS_ARCHIVE_FILE_H
#include "posture/archive.h"

enum { ARCHIVE_FILE_TAIL_LINES = 256 /* what a crash can leave behind at most: two batches */ };

/* ---- writing ---- */
struct archive_file;
/* A new file, mode 0600, locked against other processes; its folder is made. ERR_CONFLICT: there is one of that name. Owned. */
MUST_CHECK enum err_code archive_file_create(const char *path, struct archive_file **out, struct err *err);
/* To write on where the chain is known to stand: `bytes` long, its last line having `hash`. What lies behind (lines written and never confirmed, a torn
 * one) is cut off. ERR_NOT_FOUND: it is not on this disk; ERR_CONFLICT: another process writes it; ERR_INPUT: what is there is not what was written,
 * or more lies behind than a crash can leave: then it is left as it is. Owned. */
MUST_CHECK enum err_code archive_file_reopen(const char *path, uint64_t bytes, struct span hash, struct archive_file **out, struct err *err);
MUST_CHECK enum err_code archive_file_append(struct archive_file *f, struct span lines, struct err *err);
/* What was appended survives a loss of power from now on. */
MUST_CHECK enum err_code archive_file_sync(struct archive_file *f, struct err *err);
uint64_t archive_file_bytes(const struct archive_file *f);
void archive_file_close(struct archive_file *f); /* NULL is fine */
void archive_file_closep(struct archive_file **f);
/* path -> path.gz (RFC 1952), synced before the plain one goes. ERR_CONFLICT while it is being written. */
MUST_CHECK enum err_code archive_file_pack(const char *path, struct err *err);

/* ---- reading ---- */
struct archive_lines;
/* Plain or packed. ERR_NOT_FOUND, ERR_IO. Owned. */
MUST_CHECK enum err_code archive_lines_open(const char *path, struct archive_lines **out, struct err *err);
void archive_lines_close(struct archive_lines *l); /* NULL is fine */
void archive_lines_closep(struct archive_lines **l);
/* The next line without its line feed, borrowed until the next call; *whole false: the text ends without one. ERR_NOT_FOUND at the end; ERR_INPUT: a
 * packed file that is damaged or cut short, or a line longer than ARCHIVE_LINE_BYTES; ERR_IO. */
MUST_CHECK enum err_code archive_lines_next(struct archive_lines *l, struct span *line, bool *whole, struct err *err);
uint64_t archive_lines_number(const struct archive_lines *l); /* of the line given last, from 1 */
uint64_t archive_lines_read_bytes(const struct archive_lines *l); /* of the file, for progress */
#endif
