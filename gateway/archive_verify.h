/* archive_verify: whether a copied archive is whole, without the gateway: one or more folders (of nodes that do not share one) and the public keys.
 * Streams: memory does not grow with the archive. Blocks; any thread, one check at a time each. */
#ifndef GATEWAY_ARCHIVE_VERIFY_H
#define GATEWAY_ARCHIVE_VERIFY_H
#include "connectors/identity/jose.h"
#include "gateway/archive_folder.h"

enum { ARCHIVE_CHAINS_MOST = 1025, ARCHIVE_WHY_BYTES = 256 };

/* The first thing that is wrong in a chain. */
struct archive_broken {
    enum archive_fault fault;             /* FINE: nothing */
    char chain[ARCHIVE_NAME_BYTES], path[ARCHIVE_PATH_BYTES]; /* path empty: no file */
    uint64_t line, seq;                   /* 0: none */
    char id[ARCHIVE_ID_BYTES + 1];        /* of the record; empty: none is known */
    char why[ARCHIVE_WHY_BYTES];          /* in words */
};
/* What a whole chain says of itself. */
struct archive_checked {
    char chain[ARCHIVE_NAME_BYTES], first_day[ARCHIVE_DAY_BYTES + 1], last_day[ARCHIVE_DAY_BYTES + 1];
    struct archive_chain at;              /* its end */
    uint64_t segments, lines, records, signatures;
    uint64_t unsigned_records;            /* after the last signature: of the segment that is still written */
    uint64_t left_over;                   /* lines, and whole files, that were never confirmed; they count for nothing */
    bool anchored;                        /* older segments were let go */
    struct archive_broken broken;
};
struct archive_check {
    const char *const *folders; size_t folder_count;
    const struct jose_keys *keys;
    struct span heads;                    /* statements, one a line, from `postern audit head`: the archive must reach there; may be empty */
    const char *only_chain;               /* NULL: all, and all that there must be */
    /* Every line that counts of a whole archive, in chain order; NULL: not wanted. False stops the chain. */
    bool (*line)(void *context, const char *chain, const struct archive_line *line, struct span text);
    void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes); /* NULL: none */
    void (*chain)(void *context, const struct archive_checked *checked);
    void *context;
};
/* OK: everything was looked at; *whole tells whether nothing is wrong. ERR_NOT_FOUND: no archive there; ERR_IO: it cannot be read; ERR_INPUT: the heads are none. */
MUST_CHECK enum err_code archive_verify(const struct archive_check *check, bool *whole, struct err *err);
#endif
