/* archive_verify_parts: what the check of one chain (archive_verify_chain.c) and of all of them (archive_verify.c) share. */
#ifndef GATEWAY_ARCHIVE_VERIFY_PARTS_H
#define GATEWAY_ARCHIVE_VERIFY_PARTS_H
#include "gateway/archive_order.h"
#include "gateway/archive_verify.h"

/* One check under way. */
struct archive_run {
    const struct archive_check *check;
    uint64_t done_bytes, all_bytes, told_bytes;
    int64_t chains;                        /* that there must be, as open lines say */
    char last_day[ARCHIVE_DAY_BYTES + 1];  /* on which any chain has a segment */
};

/* The first thing that is wrong stays; later ones are not said. `b` is one whose chain and path are filled in before. */
void archive_broken_say(struct archive_broken *b, enum archive_fault fault, uint64_t line, uint64_t seq, struct span id, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The statement in a compact JWS that one of the keys signed. Spans borrow from *token, which the caller frees. */
MUST_CHECK enum err_code archive_statement_verify(const struct archive_check *check, struct span jws, struct jose_token **token, struct archive_statement *out, struct err *err);
/* Walks one chain over all its segments. */
void archive_chain_check(struct archive_run *r, const char *chain, struct archive_checked *out);
#endif
