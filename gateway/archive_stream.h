/* archive_stream: the records of an archive in the order of time, over all chains: for lists and reports. It takes what the files say; archive_verify says
 * whether that is to be believed. Memory: one line a chain. Blocks; belongs to one thread. */
#ifndef GATEWAY_ARCHIVE_STREAM_H
#define GATEWAY_ARCHIVE_STREAM_H
#include "gateway/archive_folder.h"
#include "posture/base/from_json.h"

struct archive_stream;
/* Days as "2026-11-30", both inclusive, of segments; NULL: from the first, to the last. Folders are borrowed. ERR_NOT_FOUND: no archive there. Owned. */
MUST_CHECK enum err_code archive_stream_open(const char *const *folders, size_t folder_count, const char *from_day, const char *to_day, struct archive_stream **out, struct err *err);
void archive_stream_close(struct archive_stream *s); /* NULL is fine */
void archive_stream_closep(struct archive_stream **s);
struct archive_item { const char *chain; struct archive_line line; struct span text; int64_t at_s; };
/* The next record; borrowed until the next call. ERR_NOT_FOUND at the end; ERR_INPUT: a file that cannot be read, named. */
MUST_CHECK enum err_code archive_stream_next(struct archive_stream *s, struct archive_item *out, struct err *err);
/* For progress: how much of how much was read. */
void archive_stream_progress(const struct archive_stream *s, uint64_t *done_bytes, uint64_t *all_bytes);
#endif
