/* Any head of a request: passed or refused; what passed keeps the promises that routes rely on. Input: lines; the first is the request line. */
#include "gateway/http/preflight.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t read_headers(struct span rest, struct http_header headers[HTTP_MAX_HEADERS])
{
    struct span line;
    size_t count = 0;
    while (span_cut(&rest, '\n', &line)) {
        size_t colon = span_find(line, ':');
        if (count < HTTP_MAX_HEADERS)
            headers[count] = (struct http_header){ span_slice(line, 0, colon), span_trim(span_slice(line, colon + 1, line.bytes)) };
        count++;
    }
    return count;
}

static void check_passed(const struct preflight *p, const struct preflight_input *in)
{
    static const char *const never[] = { "/../", "/./", "//" };
    require(p->path.bytes > 0 && p->path.at[0] == '/' && span_is_utf8(p->path));
    require(memchr(p->path.at, '\0', p->path.bytes) == NULL && memchr(p->path.at, '\\', p->path.bytes) == NULL);
    for (size_t i = 0; i < 3; i++)
        require(span_search(p->path, span_of(never[i])) == p->path.bytes);
    require(!span_ends(p->path, SPAN_LITERAL("/..")) && !span_ends(p->path, SPAN_LITERAL("/.")));
    require(in->header_count <= HTTP_MAX_HEADERS && p->method <= HTTP_METHODS);
    for (size_t i = 0; i < in->header_count; i++)
        require(!span_equal_fold(in->headers[i].name, SPAN_LITERAL("Transfer-Encoding")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct span hosts[] = { { "a.example", 9 } };
    struct http_header headers[HTTP_MAX_HEADERS];
    struct span rest = span_make(data, bytes), first, method, target;
    struct arena arena;
    if (!span_cut(&rest, '\n', &first) || !span_cut(&first, ' ', &method) || !span_cut(&first, ' ', &target))
        return 0;
    struct preflight_input in = { method, target, first, headers, 0, hosts, bytes % 2, bytes % 16 == 15, SPAN_NONE, NULL, false };
    in.header_count = read_headers(rest, headers);
    arena_init(&arena, 4096, 65536);
    struct preflight p = preflight_run(&in, &arena);
    require((p.status == 0) == (p.detail == NULL));
    if (p.status == 0)
        check_passed(&p, &in);
    arena_done(&arena);
    return 0;
}
