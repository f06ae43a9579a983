/* archive_head: where a chain of the archive stands, kept in the store beside the archive reader's cursor and moved with it in one step: the truth about
 * which lines of a file count. Any thread with a store of its own. */
#ifndef GATEWAY_ARCHIVE_HEAD_H
#define GATEWAY_ARCHIVE_HEAD_H
#include "gateway/node.h"
#include "posture/archive.h"
#include "posture/ports.h"

#define ARCHIVE_READER "archive"      /* its name in leases, cursors and outboxes */
#define ARCHIVE_HEAD_ITEM "head"      /* the item of the outbox that holds it */
struct archive_head {
    struct archive_chain at;
    uint64_t segment, bytes;          /* the newest segment's number, and how much of its file counts */
    char day[ARCHIVE_DAY_BYTES + 1], file[ARCHIVE_FILE_BYTES];
    bool closed;
};
void archive_head_write(const struct archive_head *head, struct buf *out);
MUST_CHECK enum err_code archive_head_read(struct span text, struct archive_head *out, struct err *err);
/* ERR_NOT_FOUND: nothing was archived of this partition yet. */
MUST_CHECK enum err_code archive_head_load(struct store *store, unsigned partition, struct archive_head *out, struct err *err);
/* Signs that the chain stands (or stood) there. Appends a compact JWS. */
MUST_CHECK enum err_code archive_head_sign(const struct node *node, const struct archive_statement *s, struct buf *jws, struct err *err);
#endif
