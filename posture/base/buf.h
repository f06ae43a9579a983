/* buf: growing bytes with a limit given at the start. An append that would pass the limit (or memory) changes nothing,
 * marks the buf as failed and returns false; later appends fail too, so a writer may check once at the end.
 * Thread: belongs to its owner. */
#ifndef POSTURE_BASE_BUF_H
#define POSTURE_BASE_BUF_H
#include "posture/base/err.h"
#include "posture/base/span.h"

struct buf {
    char *at;
    size_t bytes, room, limit_bytes;
    bool failed;
    bool memory_short; /* why it failed: memory, not the limit */
};

void buf_init(struct buf *b, size_t limit_bytes); /* allocates nothing yet */
void buf_done(struct buf *b);                      /* NULL, zeroed and repeated are fine */
void buf_wipe(struct buf *b);                      /* overwrites the content, then buf_done */
void buf_clear(struct buf *b);                     /* keeps the memory, clears `failed` */
bool buf_append(struct buf *b, struct span s);
bool buf_append_text(struct buf *b, const char *text);
bool buf_append_byte(struct buf *b, char byte);
bool buf_append_u64(struct buf *b, uint64_t n);
bool buf_append_i64(struct buf *b, int64_t n);
/* For our own formats and numbers, never for peer-chosen formats. */
bool buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `bytes` more, so that the caller writes at b->at + b->bytes itself. */
bool buf_reserve(struct buf *b, size_t bytes);
struct span buf_span(const struct buf *b); /* borrowed until the next change */
/* NUL-terminated; NULL when the buf failed. Borrowed. */
const char *buf_text(struct buf *b);
/* OK, or ERR_LIMIT/ERR_MEMORY with `what` in the text. */
MUST_CHECK enum err_code buf_check(const struct buf *b, const char *what, struct err *err);

#endif
