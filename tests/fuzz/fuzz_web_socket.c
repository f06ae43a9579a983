/* Any bytes as what a WebSocket's server sends. The first byte chooses: the answer to the upgrade, or frames, which then come in pieces whose sizes it tells too. */
#include "connectors/web_socket_frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_upgrade(struct span input)
{
    size_t used = 0;
    struct err err;
    enum err_code code = web_socket_read_upgrade(input, "dGhlIHNhbXBsZSBub25jZQ==", &used, &err);
    require(used <= input.bytes && (code == OK || used == 0));
}

/* False: no more is read. */
static bool read_all(struct web_socket_reader *r)
{
    struct web_socket_heard heard;
    struct err err;
    for (;;) {
        if (web_socket_read(r, &heard, &err) != OK) {
            require(r->close_status == WEB_SOCKET_BROKEN || r->close_status == WEB_SOCKET_NOT_TEXT || r->close_status == WEB_SOCKET_NOT_UTF8 || r->close_status == WEB_SOCKET_TOO_LONG);
            return false;
        }
        require(heard.data.bytes <= (heard.kind == WEB_SOCKET_TEXT ? (size_t)WEB_SOCKET_MESSAGE_BYTES : (size_t)WEB_SOCKET_CONTROL_BYTES));
        require((heard.kind != WEB_SOCKET_TEXT && heard.kind != WEB_SOCKET_CLOSE) || span_is_utf8(heard.data));
        if (heard.kind == WEB_SOCKET_NOTHING)
            return true;
    }
}

static void check_frames(struct span input, size_t piece)
{
    struct web_socket_reader r;
    struct err err;
    bool goes_on = true;
    web_socket_reader_init(&r);
    for (size_t at = 0; goes_on && at < input.bytes; at += piece)
        goes_on = web_socket_take(&r, span_slice(input, at, piece), &err) == OK && read_all(&r);
    web_socket_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    struct span input = span_make(data + 1, bytes - 1);
    if (data[0] == 0)
        check_upgrade(input);
    else
        check_frames(input, data[0]);
    return 0;
}
