/* report_source: a report from the folders of an archive. Blocks while it reads them; any thread. */
#ifndef GATEWAY_REPORT_SOURCE_H
#define GATEWAY_REPORT_SOURCE_H
#include "gateway/archive_stream.h"
#include "posture/report.h"

struct report_source {
    const char *const *folders; size_t folder_count;
    struct report_options options;
    bool state_only;                 /* for report as-of: the state at options.until_s, no rows */
    void (*progress)(uint64_t done_bytes, uint64_t all_bytes); /* NULL: none */
};
/* What has not come yet is not told about: a stretch that would end later ends now, and a state is of now. `at_s`: as asked. */
int64_t report_source_end(int64_t at_s, int64_t now_s);
/* Owned; ERR_NOT_FOUND: no archive there. */
MUST_CHECK enum err_code report_source_read(const struct report_source *source, struct report **out, struct err *err);
#endif
