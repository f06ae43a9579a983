/* audit_place: which folders of an archive a command reads, and how it reads times and shows progress. */
#ifndef GATEWAY_CLI_AUDIT_PLACE_H
#define GATEWAY_CLI_AUDIT_PLACE_H
#include "gateway/archive_folder.h"
#include "gateway/cli/args.h"

struct audit_place { char own[ARCHIVE_PATH_BYTES]; const char *folders[ARCHIVE_FOLDERS_MOST]; size_t count; };
/* The command's words from `first` on; none: the archive of this machine's gateway (--config, --state, as all commands find it). */
int audit_place_find(const struct args *args, size_t first, struct audit_place *out);
/* "2026-11-30" or a full time, of an option; absent leaves it. CLI_DONE or CLI_USAGE after saying what is wrong. */
int audit_place_time(const struct args *args, const char *option, bool end_of_day, int64_t *at_s);
/* A bar on a terminal's stderr, nothing elsewhere. */
void audit_place_progress(uint64_t done_bytes, uint64_t all_bytes);
void audit_place_progress_end(void);
#endif
