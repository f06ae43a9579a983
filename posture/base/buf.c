#include "posture/base/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM_BYTES = 64 };

void buf_init(struct buf *b, size_t limit_bytes)
{
    *b = (struct buf){ .limit_bytes = limit_bytes };
}

void buf_done(struct buf *b)
{
    if (b == NULL)
        return;
    free(b->at);
    *b = (struct buf){ .limit_bytes = b->limit_bytes };
}

void buf_wipe(struct buf *b)
{
    if (b == NULL)
        return;
    if (b->at != NULL)
        explicit_bzero(b->at, b->room);
    buf_done(b);
}

void buf_clear(struct buf *b)
{
    b->bytes = 0;
    b->failed = false;
    b->memory_short = false;
}

static bool fail(struct buf *b, bool memory_short)
{
    b->failed = true;
    b->memory_short = memory_short;
    return false;
}

/* Not realloc: it may leave the old content in freed memory, where buf_wipe could no longer reach it. */
static bool move_to(struct buf *b, size_t room)
{
    char *at = malloc(room);
    if (at == NULL)
        return fail(b, true);
    if (b->at != NULL) {
        memcpy(at, b->at, b->bytes);
        explicit_bzero(b->at, b->room);
        free(b->at);
    }
    b->at = at;
    b->room = room;
    return true;
}

/* Doubling, but never past what the limit can use. */
static size_t next_room(const struct buf *b, size_t least)
{
    size_t room = b->room < FIRST_ROOM_BYTES ? FIRST_ROOM_BYTES : b->room;
    while (room < least && room <= SIZE_MAX / 2)
        room *= 2;
    if (room > b->limit_bytes)
        room = b->limit_bytes + 1; /* cannot overflow: room is at most SIZE_MAX */
    return room < least ? least : room;
}

bool buf_grow(struct buf *b, size_t bytes)
{
    if (b->failed)
        return false;
    if (b->bytes > b->limit_bytes || bytes > b->limit_bytes - b->bytes)
        return fail(b, false);
    size_t least = b->bytes + bytes;
    if (least == SIZE_MAX)
        return fail(b, true);
    least += 1; /* the NUL of buf_text */
    return least <= b->room || move_to(b, next_room(b, least));
}

bool buf_append_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return buf_append(b, (struct span){ digits + start, sizeof digits - start });
}

bool buf_append_i64(struct buf *b, int64_t n)
{
    return n < 0 ? buf_format(b, "%" PRId64, n) : buf_append_u64(b, (uint64_t)n);
}

/* Writes `wanted` bytes and a NUL, for which buf_reserve always leaves room. */
static bool format_into(struct buf *b, int wanted, const char *format, va_list arguments)
{
    if (wanted < 0)
        return fail(b, true);
    if (!buf_reserve(b, (size_t)wanted))
        return false;
    vsnprintf(b->at + b->bytes, (size_t)wanted + 1, format, arguments);
    b->bytes += (size_t)wanted;
    return true;
}

bool buf_format(struct buf *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int wanted = vsnprintf(NULL, 0, format, arguments);
    bool fitted = format_into(b, wanted, format, again);
    va_end(again);
    va_end(arguments);
    return fitted;
}

struct span buf_span(const struct buf *b)
{
    return (struct span){ b->at, b->bytes };
}

const char *buf_text(struct buf *b)
{
    if (b->failed)
        return NULL;
    if (b->at == NULL)
        return "";
    b->at[b->bytes] = '\0';
    return b->at;
}

enum err_code buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (!b->failed)
        return OK;
    if (b->memory_short)
        return err_set(err, ERR_MEMORY, "%s: memory is short", what);
    return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", what, b->limit_bytes);
}
