/* archive_order: one chain's segments over all folders, in the order in which they were written, and where each of them ends. Any thread. */
#ifndef GATEWAY_ARCHIVE_ORDER_H
#define GATEWAY_ARCHIVE_ORDER_H
#include "gateway/archive_folder.h"

/* A segment's open line, read beforehand: where the segment says that it begins, and so where the one before it ends. */
struct archive_header { bool read; uint64_t seq, number; char chain[ARCHIVE_NAME_BYTES]; char prev[ARCHIVE_HASH_BYTES + 1], day[ARCHIVE_DAY_BYTES + 1]; int64_t chains; };
struct archive_order {
    struct archive_segments segments;   /* ascending by number, each number once */
    struct archive_header *headers;     /* of each; `read` false: its first line is no open line */
    uint64_t left_over;                 /* files begun by a node that died before they were confirmed: another one has the number, or the segment before went on */
};
MUST_CHECK enum err_code archive_order_read(const char *const *folders, size_t folder_count, const char *chain, struct archive_order *out, struct err *err);
void archive_order_done(struct archive_order *o); /* NULL, zeroed and repeated are fine */
/* The number of the segment's last line that counts; 0: all of them. */
uint64_t archive_order_cut(const struct archive_order *o, size_t index);
/* Whether a segment has a line of that number with that hash. */
bool archive_segment_holds(const struct archive_segment *segment, const char *chain, uint64_t seq, const char *hash);
#endif
