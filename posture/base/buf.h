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
/* Room for `bytes` more, so that the caller writes at b->at + b->bytes itself. */
bool buf_grow(struct buf *b, size_t bytes); /* what buf_reserve() does when the room is not there yet */
static inline bool buf_reserve(struct buf *b, size_t bytes)
{
    size_t end;
    bool fits = !b->failed && !__builtin_add_overflow(b->bytes, bytes, &end) && end < b->room && end <= b->limit_bytes; /* a byte is left for the NUL of buf_text */
    return fits || buf_grow(b, bytes);
}
static inline bool buf_append(struct buf *b, struct span s)
{
    if (!buf_reserve(b, s.bytes))
        return false;
    if (s.bytes > 0)
        memcpy(b->at + b->bytes, s.at, s.bytes);
    b->bytes += s.bytes;
    return true;
}
static inline bool buf_append_text(struct buf *b, const char *text) { return buf_append(b, span_of(text)); }
static inline bool buf_append_byte(struct buf *b, char byte)
{
    if (!buf_reserve(b, 1))
        return false;
    b->at[b->bytes++] = byte;
    return true;
}
bool buf_append_u64(struct buf *b, uint64_t n);
bool buf_append_i64(struct buf *b, int64_t n);
/* For our own formats and numbers, never for peer-chosen formats. */
bool buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct span buf_span(const struct buf *b); /* borrowed until the next change */
/* NUL-terminated; NULL when the buf failed. Borrowed. */
const char *buf_text(struct buf *b);
/* OK, or ERR_LIMIT/ERR_MEMORY with `what` in the text. */
MUST_CHECK enum err_code buf_check(const struct buf *b, const char *what, struct err *err);

#endif
