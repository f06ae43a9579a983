#include "gateway/cli/input.h"

#include "gateway/cli/cli.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"

#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

const char *input_name(const char *path) { return strcmp(path, "-") == 0 ? "standard input" : path; }

int input_read(const char *path, struct buf *text)
{
    char piece[PIECE_BYTES];
    struct err err;
    size_t bytes;
    if (strcmp(path, "-") != 0) {
        if (file_read(path, text->limit_bytes, text, &err) == OK)
            return CLI_DONE;
        print_line(stderr, "postern: %s", err.text);
        return CLI_NO;
    }
    while ((bytes = fread(piece, 1, sizeof piece, stdin)) > 0)
        if (!buf_append(text, span_make(piece, bytes)))
            break;
    if (buf_check(text, "standard input", &err) == OK)
        return CLI_DONE;
    print_line(stderr, "postern: %s", err.text);
    return CLI_NO;
}
