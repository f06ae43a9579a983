/* archive: the text of the evidence. One JSON object a line, in this order of members:
 *
 *   {"seq":12,"prev":"<hash of line 11>","kind":"record","id":"e_...","at":"2026-11-30T12:00:00Z","type":"rung.changed",...,"hash":"<hash of this line>"}
 *
 * `hash` is the SHA-256 in lower-case hex of the line's bytes in front of `,"hash":`; `prev` is the `hash` of the line before, 64 zeros in front of the
 * first. So a line that is changed, left out, put elsewhere or put in no longer fits, and a signature over one hash covers all that was written before.
 * A chain is one partition of the log. It is cut into segments, one file each: an "open" line, records, a signed "close" line (docs/audit.md).
 * Pure. Thread: belongs to its owner. Lines read are untrusted. */
#ifndef POSTURE_ARCHIVE_H
#define POSTURE_ARCHIVE_H
#include "posture/base/to_json.h"

enum { ARCHIVE_HASH_BYTES = 64, ARCHIVE_LINE_BYTES = 4 * 1024 * 1024, ARCHIVE_ID_BYTES = 64, ARCHIVE_NAME_BYTES = 16, ARCHIVE_DAY_BYTES = 10 };

enum archive_kind { ARCHIVE_OPEN, ARCHIVE_RECORD, ARCHIVE_CLOSE }; /* "open", "record", "close" */

/* Where a chain stands: its last line. */
struct archive_chain { uint64_t seq; char hash[ARCHIVE_HASH_BYTES + 1]; };
struct archive_chain archive_chain_start(void); /* nothing written yet: 0 and zeros */

/* Writing. begin: the members up to kind, into `out`, whose end is remembered in *from; the caller adds members; end: hash and line feed, and the chain
 * moves on. False when the buffer failed: then the chain has not moved. */
void archive_line_begin(const struct archive_chain *chain, enum archive_kind kind, struct buf *out, size_t *from, struct to_json *w);
bool archive_line_end(struct archive_chain *chain, struct buf *out, size_t from, struct to_json *w);

/* Reading: what can be said of a line without its neighbours. `text` has no line feed. Spans borrow from it. */
struct archive_line { uint64_t seq; struct span prev, hash, id /* of a record; else empty */; enum archive_kind kind; bool intact; /* its own hash is right */ };
/* ERR_INPUT: not a line of an archive. */
MUST_CHECK enum err_code archive_line_read(struct span text, struct archive_line *out, struct err *err);

/* What is wrong between a chain and the line that comes next. */
enum archive_fault {
    ARCHIVE_FINE,
    ARCHIVE_UNREADABLE,   /* no line of an archive */
    ARCHIVE_CHANGED,      /* its text is not what its hash says */
    ARCHIVE_REPLACED,     /* the line before is not the one that this one was written after */
    ARCHIVE_MISSING,      /* lines in between are not there */
    ARCHIVE_SWAPPED,      /* a later line stands here, and this one's comes after */
    ARCHIVE_REPEATED,     /* an earlier line stands here again */
    ARCHIVE_TRUNCATED,    /* the text ends in the middle */
    ARCHIVE_FORGED,       /* a signature that does not fit, or that no key of those given made */
    ARCHIVE_UNSIGNED,     /* a signature that must be there is not */
    ARCHIVE_NO_SEGMENT,   /* a whole segment is not there */
    ARCHIVE_NO_ANCHOR,    /* the first segments are gone, and nothing signed says that they were let go */
    ARCHIVE_FAULTS
};
/* "changed", "missing", "swapped", ... */
const char *archive_fault_name(enum archive_fault fault);
/* SWAPPED is for the caller to find out: here it is MISSING. Fine: the chain moves on. */
enum archive_fault archive_follow(struct archive_chain *chain, const struct archive_line *line);

/* What a signature says: that the chain stood there. In "close" and "open" lines, in the anchor and in heads. */
struct archive_statement { struct span chain; struct archive_chain at; uint64_t segment; int64_t at_s; struct span issuer; };
void archive_statement_write(const struct archive_statement *s, struct to_json *w);
/* From the claims of a verified signature. Borrows. */
struct from_json_value;
MUST_CHECK enum err_code archive_statement_read(const struct from_json_value *claims, struct archive_statement *out, struct err *err);
#define ARCHIVE_STATEMENT_TYPE "postern-archive+jwt"

/* Names. "p07", "ctl" for the control partition (`partition` == `partitions`). */
void archive_chain_name(unsigned partition, unsigned partitions, char name[ARCHIVE_NAME_BYTES]);
/* "2026-11-30" of an instant, in UTC. */
void archive_day(int64_t at_s, char day[ARCHIVE_DAY_BYTES + 1]);
/* "2026-11-30.000012.k3f9.jsonl", or with ".gz" behind it. */
enum { ARCHIVE_FILE_BYTES = 48, ARCHIVE_TAG_BYTES = 4 };
struct archive_file_name { char day[ARCHIVE_DAY_BYTES + 1], tag[ARCHIVE_TAG_BYTES + 1]; uint64_t number; bool packed; };
void archive_file_name_write(const struct archive_file_name *name, char text[ARCHIVE_FILE_BYTES]);
bool archive_file_name_read(struct span text, struct archive_file_name *out);

#endif
