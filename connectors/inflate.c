#define ZLIB_CONST /* next_in points at bytes that are only read */
#include "connectors/inflate.h"

#include <limits.h>
#include <zlib.h>

enum { STEP_BYTES = 16 * 1024, GZIP_ONLY = 16 };

/* One step of output: Z_OK to go on, Z_STREAM_END when done. A full buf gets one byte aside, since a result of exactly the limit still
 * has its trailer to read. */
static enum err_code step(z_stream *z, struct span body, struct buf *out, int *state, struct err *err)
{
    Bytef aside;
    size_t left = out->limit_bytes - out->bytes, room = left < STEP_BYTES ? left : STEP_BYTES;
    if (!buf_reserve(out, room))
        return buf_check(out, "an inflated body", err);
    z->next_out = room > 0 ? (Bytef *)(void *)(out->at + out->bytes) : &aside;
    z->avail_out = room > 0 ? (uInt)room : 1;
    *state = inflate(z, Z_NO_FLUSH);
    if (room == 0 && z->avail_out == 0)
        return err_set(err, ERR_LIMIT, "an inflated body is over %zu bytes", out->limit_bytes);
    out->bytes += room > 0 ? room - z->avail_out : 0;
    if (out->bytes > INFLATE_FREE_BYTES && out->bytes / INFLATE_RATIO > body.bytes)
        return err_set(err, ERR_LIMIT, "an inflated body grows more than %d times", INFLATE_RATIO);
    if (*state == Z_OK || *state == Z_STREAM_END)
        return OK;
    return err_set(err, *state == Z_MEM_ERROR ? ERR_MEMORY : ERR_INPUT, "the compressed body is broken or cut short");
}

static enum err_code inflate_all(struct span body, int window_bits, struct buf *out, struct err *err)
{
    z_stream z = { .next_in = (const Bytef *)(const void *)body.at, .avail_in = (uInt)body.bytes };
    if (body.bytes > UINT_MAX)
        return err_set(err, ERR_LIMIT, "the compressed body is too large");
    if (inflateInit2(&z, window_bits) != Z_OK)
        return err_set(err, ERR_MEMORY, "inflating a body");
    enum err_code code = OK;
    int state = Z_OK;
    while (code == OK && state != Z_STREAM_END)
        code = step(&z, body, out, &state, err);
    if (code == OK && z.avail_in > 0)
        code = err_set(err, ERR_INPUT, "bytes after the compressed body");
    (void)inflateEnd(&z);
    return code;
}

enum err_code inflate_gzip(struct span body, struct buf *out, struct err *err)
{
    enum err_code code = inflate_all(body, MAX_WBITS + GZIP_ONLY, out, err);
    return code == OK ? OK : err_wrap(err, "gzip");
}

enum err_code inflate_raw(struct span body, struct buf *out, struct err *err)
{
    enum err_code code = inflate_all(body, -MAX_WBITS, out, err);
    return code == OK ? OK : err_wrap(err, "DEFLATE");
}
