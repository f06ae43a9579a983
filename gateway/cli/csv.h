/* csv: comma-separated values as RFC 4180 describes them, read strictly from text that is already in memory. Lines end in CRLF or LF; a
 * quoted field may hold commas, line ends and doubled quotes. A UTF-8 byte order mark at the start and empty lines are skipped.
 * Refused with the line: a quote inside an unquoted field, text after a closing quote, a quote that is never closed, a lone CR, NUL,
 * invalid UTF-8, too many fields, a field that is too long. After an error reading cannot go on.
 * Thread: belongs to its owner. */
#ifndef GATEWAY_CLI_CSV_H
#define GATEWAY_CLI_CSV_H
#include "posture/base/buf.h"

enum { CSV_MAX_FIELDS = 64, CSV_MAX_FIELD_BYTES = 16 * 1024 };
struct csv {
    struct span text;                  /* borrowed */
    size_t at;
    size_t next_line;                  /* 1-based line of `at` */
    size_t line;                       /* where the record read last begins */
    struct buf content;                /* of the fields of that record */
    size_t ends[CSV_MAX_FIELDS];
    struct span fields[CSV_MAX_FIELDS]; /* borrowed until the next csv_next() */
    size_t count;
};
void csv_init(struct csv *c, struct span text);
void csv_done(struct csv *c); /* NULL, zeroed and repeated are fine */
/* The next record in fields, count and line; *more false at the end. ERR_INPUT or ERR_LIMIT with "line N: ". */
MUST_CHECK enum err_code csv_next(struct csv *c, bool *more, struct err *err);
#endif
