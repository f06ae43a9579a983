/* What a redis-server was told, read in plain: copies its append-only file from stdin to stdout, and after it the JSON of each record's body in it (redis_body).
 * Bodies that cannot be read end it with 1. */
#include "connectors/store/redis_body.h"

#include <stdio.h>

enum { FILE_BYTES = 256 * 1024 * 1024, PIECE_BYTES = 65536, LENGTH_BYTES = 16 /* "$<bytes>", all that is taken for one */ };

static bool read_all(struct buf *out)
{
    static char piece[PIECE_BYTES];
    size_t got;
    buf_init(out, FILE_BYTES);
    while ((got = fread(piece, 1, sizeof piece, stdin)) > 0)
        buf_append(out, span_make(piece, got));
    return !out->failed && !ferror(stdin);
}

/* The next "$<bytes>\r\n<value>\r\n" at or behind *at whose value begins as a packed body does; false at the end. */
static bool next_body(struct span file, size_t *at, struct span *value)
{
    for (size_t i = *at; i < file.bytes; i++) {
        uint64_t bytes = 0;
        struct span rest = span_slice(file, i + 1, file.bytes - i - 1);
        size_t line = file.at[i] == '$' ? span_search(span_slice(rest, 0, LENGTH_BYTES), SPAN_LITERAL("\r\n")) : LENGTH_BYTES;
        if (line >= LENGTH_BYTES - 2 || line + 2 > rest.bytes || !span_to_u64(span_slice(rest, 0, line), &bytes) || bytes > rest.bytes - line - 2 || !span_starts(span_slice(rest, line + 2, (size_t)bytes), SPAN_LITERAL("z1")))
            continue;
        *value = span_slice(rest, line + 2, (size_t)bytes);
        *at = i + 1 + line + 2 + (size_t)bytes;
        return true;
    }
    return false;
}

int main(void)
{
    struct buf file;
    struct redis_body body = { 0 };
    struct span value, text;
    struct err err;
    size_t at = 0;
    bool good = read_all(&file) && fwrite(file.at, 1, file.bytes, stdout) == file.bytes;
    while (good && next_body(buf_span(&file), &at, &value)) {
        good = redis_body_unpack(&body, value, &text, &err) == OK && printf("%.*s\n", SPAN_ARGS(text)) > 0;
        if (!good)
            fprintf(stderr, "at %zu: %s\n", at, err.text);
    }
    redis_body_done(&body);
    buf_done(&file);
    return good ? 0 : 1;
}
