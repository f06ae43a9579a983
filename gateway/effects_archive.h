/* effects_archive: the parts of the archive reader. A chain is one partition's archive as this node writes it while it holds the lease.
 * Internal to effects; the archive reader's thread. */
#ifndef GATEWAY_EFFECTS_ARCHIVE_H
#define GATEWAY_EFFECTS_ARCHIVE_H
#include "connectors/archive_file.h"
#include "gateway/archive_head.h"
#include "gateway/effects_reader.h"

struct archive_writer {
    const struct node *node;
    char folder[ARCHIVE_PATH_BYTES];
    int64_t retention_s;
    bool pack;
};
struct archive_chain_state {
    bool loaded;                    /* what follows goes with `cursor`, the reader's stored cursor */
    struct log_position cursor, last; /* last: of the entry taken last */
    struct archive_head head;       /* with what is pending; bytes: of the file, pending included */
    bool known;                     /* there is a head: something was archived before */
    bool moved;                     /* since the head was last stored */
    bool swept;                     /* old segments were packed and let go since the last one was closed */
    uint64_t records;               /* of the open segment, for its close line */
    struct archive_file *file;      /* the open segment; NULL: the next line opens one */
    struct buf pending;             /* lines not written yet */
    char name[ARCHIVE_NAME_BYTES];
    int64_t retry_ms;               /* monotonic: after a failure, not before */
};

/* Reads the head and finds the segment it names again, cutting off what was never confirmed. */
MUST_CHECK enum err_code archive_chain_load(struct archive_writer *w, struct store *store, unsigned partition, struct archive_chain_state *c, struct err *err);
/* Forgets all that is not stored: it is read from the log again. */
void archive_chain_drop(struct archive_chain_state *c);
/* There is an open segment of that day (or a later one), with room for a line in `pending`. */
MUST_CHECK enum err_code archive_chain_open_day(struct archive_writer *w, struct archive_chain_state *c, unsigned chains, const char *day, struct err *err);
/* Writes and syncs what is pending. */
MUST_CHECK enum err_code archive_chain_sync(struct archive_chain_state *c, struct err *err);
/* The open segment gets its signed close line. */
MUST_CHECK enum err_code archive_chain_close_segment(struct archive_writer *w, struct archive_chain_state *c, struct err *err);
/* Packs closed segments; lets go what is older than the retention, behind a signed anchor. */
MUST_CHECK enum err_code archive_chain_sweep(struct archive_writer *w, struct archive_chain_state *c, struct err *err);
#endif
