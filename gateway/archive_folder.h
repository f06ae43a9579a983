/* archive_folder: the files of the archive: <folder>/<chain>/<day>.<number>.<tag>.jsonl[.gz], beside them keys.json (the public keys) and
 * <chain>/anchor.jws (what was let go). Any thread. */
#ifndef GATEWAY_ARCHIVE_FOLDER_H
#define GATEWAY_ARCHIVE_FOLDER_H
#include "gateway/node.h"
#include "posture/archive.h"

struct archive_options { struct span folder; int64_t retention_s; /* 0: for ever */ bool pack; };

enum { ARCHIVE_PATH_BYTES = 4096, ARCHIVE_FOLDERS_MOST = 16, ARCHIVE_SEGMENTS_MOST = 1024 * 1024 };
#define ARCHIVE_KEYS_FILE "keys.json"
#define ARCHIVE_ANCHOR_FILE "anchor.jws"
struct archive_segment { struct archive_file_name name; const char *folder; /* borrowed, of the call that listed it */ uint64_t bytes; };
struct archive_segments { struct archive_segment *all; size_t count, room; };
void archive_segments_done(struct archive_segments *s);
/* Adds a chain's segments, ascending by number then tag over all that was added. A chain without a folder has none. A packed segment whose plain file
 * is still there is listed once. */
MUST_CHECK enum err_code archive_folder_list(const char *folder, const char *chain, struct archive_segments *s, struct err *err);
/* Names of the chains that have a folder, ascending; `chains` has room for `most`. ERR_NOT_FOUND: no such folder. */
MUST_CHECK enum err_code archive_folder_chains(const char *folder, char (*chains)[ARCHIVE_NAME_BYTES], size_t most, size_t *count, struct err *err);
bool archive_folder_path(const char *folder, const char *chain, const char *file, char path[ARCHIVE_PATH_BYTES]);
bool archive_segment_path(const struct archive_segment *s, const char *chain, char path[ARCHIVE_PATH_BYTES]);
#endif
