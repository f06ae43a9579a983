/* Any query, form, key, network or gzip body: read or refused, within the bounds. The first byte chooses. */
#include "connectors/inflate.h"
#include "gateway/http/network.h"
#include "gateway/http/request.h"

#include <stdlib.h>
#include <string.h>

enum { INFLATED_BYTES = 1024 * 1024 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_parameters(struct span text)
{
    const struct http_header type = { SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/x-www-form-urlencoded") };
    struct arena arena;
    struct span from_query = SPAN_NONE, from_form = SPAN_NONE;
    struct err err;
    arena_init(&arena, 4096, 1024 * 1024);
    struct http_request r = { .arena = &arena, .query = text, .body = text, .headers = &type, .header_count = 1 };
    enum err_code query = request_query(&r, "a", &from_query, &err), form = request_form(&r, "a", &from_form, &err);
    require(query == form && (query != OK || (span_equal(from_query, from_form) && span_is_utf8(from_query) && from_query.bytes <= text.bytes)));
    arena_done(&arena);
}

typedef enum err_code inflate_fn(struct span body, struct buf *out, struct err *err);
static void inflate_it(inflate_fn *how, struct span body)
{
    struct buf out;
    struct err err;
    buf_init(&out, INFLATED_BYTES);
    enum err_code code = how(body, &out, &err);
    require(out.bytes <= INFLATED_BYTES);
    require(code != OK || out.bytes <= INFLATE_FREE_BYTES || out.bytes / INFLATE_RATIO <= body.bytes);
    buf_done(&out);
}

static void read_network(struct span text)
{
    struct network n;
    struct sockaddr_storage at;
    socklen_t bytes;
    struct err err;
    if (network_parse(text, &n, &err) == OK)
        require(n.prefix_bits <= 128 && network_holds(&n, 1, &n.address));
    if (network_listen_address(text, &at, &bytes, &err) == OK)
        require(at.ss_family == AF_INET || at.ss_family == AF_INET6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    struct span rest = span_make(data + 1, bytes - 1);
    if (data[0] % 3 == 0)
        read_parameters(rest);
    else if (data[0] % 3 == 1)
        inflate_it(data[0] & 4 ? inflate_raw : inflate_gzip, rest);
    else
        read_network(rest);
    return 0;
}
