/* Any Cookie headers, a line each: the value of the one cookie of a name, inside its header, or nothing. And any device cookie: ours, or refused. */
#include "gateway/doors/device_cookie.h"
#include "gateway/http/cookie.h"
#include "gateway/node.h"

#include <stdlib.h>

enum { HEADERS = 4 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Written apart from the reader: how often the name stands before an equals sign, or alone. */
static size_t count_named(struct span header, const char *name)
{
    size_t count = 0;
    struct span part;
    while (span_cut(&header, ';', &part))
        count += span_equal_text(span_trim(span_slice(part, 0, span_find(part, '='))), name);
    return count;
}

static void read_device_cookie(struct http_request *r)
{
    static const uint8_t root[SECRET_KEY_BYTES] = { 7 };
    static struct node node;
    struct device_cookie cookie;
    struct err err;
    if (node.secret == NULL)
        require(secret_new(root, &node.secret, &err) == OK);
    r->node = &node;
    require(device_cookie_read(r, &cookie, &err) != OK); /* the fuzzer has no key */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct http_header headers[HEADERS];
    struct span rest = span_make(data, bytes), line;
    struct arena arena;
    size_t count = 0, named = 0;
    while (count < HEADERS && span_cut(&rest, '\n', &line)) {
        headers[count++] = (struct http_header){ SPAN_LITERAL("Cookie"), line };
        named += count_named(line, "a");
    }
    arena_init(&arena, 4096, 1024 * 1024);
    struct http_request r = { .arena = &arena, .headers = headers, .header_count = count, .now_s = 1796040000 };
    struct span value = cookie_get(&r, "a");
    require(named == 1 || span_empty(value));
    require(span_find(value, ';') == value.bytes && span_find(value, '\n') == value.bytes);
    read_device_cookie(&r);
    arena_done(&arena);
    return 0;
}
