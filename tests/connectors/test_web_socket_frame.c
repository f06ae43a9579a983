#include "connectors/web_socket_frame.h"

#include "posture/base/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Bytes of a row: "81 02 'hi'" is two bytes in hex and two letters; "00*130" is 130 zero bytes. */
static void bytes_of(const char *row, struct buf *out)
{
    while (*row != '\0') {
        if (*row == ' ') {
            row++;
        } else if (*row == '\'') {
            const char *end = strchr(row + 1, '\'');
            buf_append(out, span_make(row + 1, (size_t)(end - row - 1)));
            row = end + 1;
        } else {
            int byte = percent_digit(row[0]) * 16 + percent_digit(row[1]);
            long times = row[2] == '*' ? strtol(row + 3, NULL, 10) : 1;
            row += 2;
            while (*row != '\0' && *row != ' ')
                row++;
            for (long i = 0; i < times; i++)
                buf_append_byte(out, (char)byte);
        }
    }
}

/* What was heard, as words: "text:hi ping: close:1000:bye". */
static void tell(const struct web_socket_heard *h, struct buf *said)
{
    static const char *const names[] = { "", "text", "ping", "pong", "close" };
    if (said->bytes > 0)
        buf_append_byte(said, ' ');
    buf_append_text(said, names[h->kind]);
    buf_append_byte(said, ':');
    if (h->kind == WEB_SOCKET_CLOSE)
        buf_format(said, "%u:", h->status);
    if (h->data.bytes <= 40)
        buf_append(said, h->data);
    else
        buf_format(said, "(%zu)", h->data.bytes);
}

/* The same bytes in pieces of `piece`: how they arrive changes nothing. */
static enum err_code listen(struct span bytes, size_t piece, struct buf *said, unsigned *status)
{
    struct web_socket_reader r;
    struct web_socket_heard heard = { .kind = WEB_SOCKET_NOTHING };
    struct err err;
    enum err_code code = OK;
    web_socket_reader_init(&r);
    for (size_t at = 0; code == OK && at < bytes.bytes; at += piece) {
        code = web_socket_take(&r, span_slice(bytes, at, piece), &err);
        while (code == OK && (code = web_socket_read(&r, &heard, &err)) == OK && heard.kind != WEB_SOCKET_NOTHING)
            tell(&heard, said);
    }
    *status = r.close_status;
    web_socket_reader_done(&r);
    return code;
}

static const struct { const char *name, *bytes, *said; enum err_code code; unsigned status; } rows[] = {
    { "nothing", "", "", OK, 1000 },
    { "half a head", "81", "", OK, 1000 },
    { "a text", "81 02 'hi'", "text:hi", OK, 1000 },
    { "an empty text", "81 00", "text:", OK, 1000 },
    { "a text cut short", "81 03 'hi'", "", OK, 1000 },
    { "two", "81 01 'a' 81 01 'b'", "text:a text:b", OK, 1000 },
    { "in pieces", "01 02 'hi' 00 01 ' ' 80 03 'you'", "text:hi you", OK, 1000 },
    { "in pieces of nothing", "01 00 00 00 80 01 'x'", "text:x", OK, 1000 },
    { "a ping between the pieces", "01 01 'a' 89 01 '?' 80 01 'b'", "ping:? text:ab", OK, 1000 },
    { "a pong that nobody asked for", "8a 00", "pong:", OK, 1000 },
    { "a ping of 125", "89 7d 41*125", "ping:(125)", OK, 1000 },
    { "a text of 126", "81 7e 00 7e 41*126", "text:(126)", OK, 1000 },
    { "a text of 65536", "81 7f 00*5 01 00 00 41*65536", "text:(65536)", OK, 1000 },
    { "a message of the most bytes", "01 7f 00*5 08 00 00 41*524288 80 7f 00*5 08 00 00 41*524288", "text:(1048576)", OK, 1000 },
    { "a letter in two pieces", "01 01 c3 80 01 a9", "text:\xc3\xa9", OK, 1000 },
    { "a close", "88 02 03 e8", "close:1000:", OK, 1000 },
    { "a close without a status", "88 00", "close:1005:", OK, 1000 },
    { "a close with a reason", "88 05 03 e9 'bye'", "close:1001:bye", OK, 1000 },
    { "a close of an application", "88 02 0f a0", "close:4000:", OK, 1000 },
    { "masked", "81 82 00 00 00 00 'hi'", "", ERR_PROTOCOL, 1002 },
    { "masked and empty", "81 80 00 00 00 00", "", ERR_PROTOCOL, 1002 },
    { "after something good", "81 01 'a' 81 81 00 00 00 00 'b'", "text:a", ERR_PROTOCOL, 1002 },
    { "an extension's bit", "c1 01 'a'", "", ERR_PROTOCOL, 1002 },
    { "another one", "91 01 'a'", "", ERR_PROTOCOL, 1002 },
    { "binary", "82 01 'a'", "", ERR_PROTOCOL, 1003 },
    { "a data frame that is not defined", "83 01 'a'", "", ERR_PROTOCOL, 1002 },
    { "a control frame that is not defined", "8b 00", "", ERR_PROTOCOL, 1002 },
    { "a ping in pieces", "09 00", "", ERR_PROTOCOL, 1002 },
    { "a ping of 126", "89 7e 00 7e", "", ERR_PROTOCOL, 1002 },
    { "a length longer than it needs to be", "81 7e 00 7d", "", ERR_PROTOCOL, 1002 },
    { "the same with 64 bits", "81 7f 00*6 ff ff", "", ERR_PROTOCOL, 1002 },
    { "a length with the highest bit", "81 7f ff*8", "", ERR_LIMIT, 1009 },
    { "a message that is too long, before it is there", "81 7f 00*5 10 00 01", "", ERR_LIMIT, 1009 },
    { "too long in its second piece", "01 7f 00*5 08 00 00 41*524288 80 7f 00*5 08 00 01", "", ERR_LIMIT, 1009 },
    { "the rest of nothing", "80 01 'a'", "", ERR_PROTOCOL, 1002 },
    { "the rest again", "81 01 'a' 80 01 'b'", "text:a", ERR_PROTOCOL, 1002 },
    { "a new one inside of another", "01 01 'a' 81 01 'b'", "", ERR_PROTOCOL, 1002 },
    { "not UTF-8", "81 02 c3 28", "", ERR_PROTOCOL, 1007 },
    { "half a letter at the end", "81 01 c3", "", ERR_PROTOCOL, 1007 },
    { "a surrogate", "81 03 ed a0 80", "", ERR_PROTOCOL, 1007 },
    { "a close of one byte", "88 01 03", "", ERR_PROTOCOL, 1002 },
    { "a close with a status for nobody", "88 02 03 ed", "", ERR_PROTOCOL, 1002 },
    { "a close with status 0", "88 02 00 00", "", ERR_PROTOCOL, 1002 },
    { "a close with status 5000", "88 02 13 88", "", ERR_PROTOCOL, 1002 },
    { "a close with a reason that is not UTF-8", "88 03 03 e8 ff", "", ERR_PROTOCOL, 1007 },
};

static void frames_are_read_or_refused(void **state)
{
    static const size_t pieces[] = { 1, 7, WEB_SOCKET_CHUNK_BYTES };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf bytes;
        print_message("%s\n", rows[i].name);
        buf_init(&bytes, 2 * WEB_SOCKET_MESSAGE_BYTES);
        bytes_of(rows[i].bytes, &bytes);
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            struct buf said;
            unsigned status = 0;
            buf_init(&said, 4096);
            if (pieces[k] == 1 && bytes.bytes > 4096)
                continue;
            assert_int_equal(listen(buf_span(&bytes), pieces[k], &said, &status), rows[i].code);
            assert_int_equal(status, rows[i].status);
            assert_true(span_equal_text(buf_span(&said), rows[i].said));
            buf_done(&said);
        }
        buf_done(&bytes);
    }
}

static void too_much_at_once_is_refused(void **state)
{
    struct web_socket_reader r;
    struct err err;
    static char chunk[WEB_SOCKET_CHUNK_BYTES + 1];
    (void)state;
    web_socket_reader_init(&r);
    assert_int_equal(web_socket_take(&r, span_make(chunk, sizeof chunk), &err), ERR_LIMIT);
    web_socket_reader_done(&r);
}

/* Unmasks in place and hands the frame to the reader, as if a server had sent it. */
static void what_is_written_is_masked_and_can_be_read(void **state)
{
    static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, WEB_SOCKET_MESSAGE_BYTES };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buf text, frame, bare, said;
        unsigned status = 0;
        char wanted[64];
        buf_init(&text, 2 * WEB_SOCKET_MESSAGE_BYTES);
        buf_init(&frame, 2 * WEB_SOCKET_MESSAGE_BYTES);
        buf_init(&bare, 2 * WEB_SOCKET_MESSAGE_BYTES);
        buf_init(&said, 4096);
        for (size_t k = 0; k < sizes[i]; k++)
            buf_append_byte(&text, 'x');
        assert_true(web_socket_write(WEB_SOCKET_TEXT, buf_span(&text), &frame));
        size_t length = sizes[i] < 126 ? 0 : sizes[i] <= 65535 ? 2 : 8, head = 2 + length;
        assert_true((frame.at[1] & 0x80) != 0);
        buf_append_byte(&bare, frame.at[0]);
        buf_append_byte(&bare, (char)(frame.at[1] & 0x7f));
        buf_append(&bare, span_make(frame.at + 2, length));
        for (size_t k = 0; k < sizes[i]; k++)
            buf_append_byte(&bare, (char)(frame.at[head + 4 + k] ^ frame.at[head + k % 4]));
        assert_int_equal(frame.bytes, head + 4 + sizes[i]);
        assert_int_equal(listen(buf_span(&bare), WEB_SOCKET_CHUNK_BYTES, &said, &status), OK);
        snprintf(wanted, sizeof wanted, "text:%s", sizes[i] == 0 ? "" : "x");
        if (sizes[i] > 40)
            snprintf(wanted, sizeof wanted, "text:(%zu)", sizes[i]);
        assert_string_equal(buf_text(&said), wanted);
        buf_done(&text);
        buf_done(&frame);
        buf_done(&bare);
        buf_done(&said);
    }
}

static void what_may_not_be_written_is_not(void **state)
{
    static char long_text[WEB_SOCKET_MESSAGE_BYTES + 1];
    struct buf out;
    (void)state;
    buf_init(&out, 4 * WEB_SOCKET_MESSAGE_BYTES);
    assert_false(web_socket_write(WEB_SOCKET_PONG, span_make(long_text, 126), &out));
    assert_false(web_socket_write(WEB_SOCKET_TEXT, span_make(long_text, sizeof long_text), &out));
    assert_int_equal(out.bytes, 0);
    assert_true(web_socket_write_close(WEB_SOCKET_NORMAL, &out));
    assert_int_equal(out.bytes, 2 + 4 + 2);
    buf_done(&out);
}

/* ---- the upgrade; key and accept are those of RFC 6455 section 1.3 ---- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define GOOD "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void the_upgrade_is_judged(void **state)
{
    static const struct { const char *name, *answer; enum err_code code; long used; /* -1: all */ } answers[] = {
        { "the RFC's own", "HTTP/1.1 101 Switching Protocols\r\n" GOOD "\r\n", OK, -1 },
        { "without words", "HTTP/1.1 101\r\n" GOOD "\r\n", OK, -1 },
        { "other case, more tokens", "HTTP/1.1 101 x\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\nsec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", OK, -1 },
        { "not all of it yet", "HTTP/1.1 101 x\r\n" GOOD "\r", OK, 0 },
        { "nothing yet", "", OK, 0 },
        { "refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", ERR_PROTOCOL, 0 },
        { "a page", "HTTP/1.1 200 OK\r\n" GOOD "\r\n", ERR_PROTOCOL, 0 },
        { "a status of four digits", "HTTP/1.1 1010\r\n" GOOD "\r\n", ERR_PROTOCOL, 0 },
        { "HTTP/2", "HTTP/2 101 x\r\n" GOOD "\r\n", ERR_PROTOCOL, 0 },
        { "not HTTP", "SSH-2.0-x\r\n\r\n", ERR_PROTOCOL, 0 },
        { "to another key", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n", ERR_PROTOCOL, 0 },
        { "right and wrong", "HTTP/1.1 101 x\r\n" GOOD "Sec-WebSocket-Accept: other\r\n\r\n", ERR_PROTOCOL, 0 },
        { "no accept", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ERR_PROTOCOL, 0 },
        { "no upgrade", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", ERR_PROTOCOL, 0 },
        { "no connection", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", ERR_PROTOCOL, 0 },
        { "an extension", "HTTP/1.1 101 x\r\n" GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", ERR_PROTOCOL, 0 },
        { "a subprotocol", "HTTP/1.1 101 x\r\n" GOOD "Sec-WebSocket-Protocol: chat\r\n\r\n", ERR_PROTOCOL, 0 },
        { "a line that is no field", "HTTP/1.1 101 x\r\nnonsense\r\n" GOOD "\r\n", ERR_PROTOCOL, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        size_t used = 77;
        struct err err;
        struct span answer = span_of(answers[i].answer);
        print_message("%s\n", answers[i].name);
        assert_int_equal(web_socket_read_upgrade(answer, KEY, &used, &err), answers[i].code);
        assert_int_equal(used, answers[i].used < 0 ? answer.bytes : (size_t)answers[i].used);
    }
}

static void an_endless_answer_is_refused(void **state)
{
    struct buf answer;
    struct err err;
    size_t used = 0;
    (void)state;
    buf_init(&answer, 2 * WEB_SOCKET_ANSWER_BYTES);
    buf_append_text(&answer, "HTTP/1.1 101 x\r\n" GOOD);
    while (answer.bytes < WEB_SOCKET_ANSWER_BYTES)
        buf_append_text(&answer, "X-More: yes\r\n");
    assert_int_equal(web_socket_read_upgrade(buf_span(&answer), KEY, &used, &err), ERR_LIMIT);
    buf_append_text(&answer, "\r\n");
    assert_int_equal(web_socket_read_upgrade(buf_span(&answer), KEY, &used, &err), ERR_LIMIT);
    buf_done(&answer);
}

static void bytes_after_the_answer_are_frames(void **state)
{
    static const char answer[] = "HTTP/1.1 101 x\r\n" GOOD "\r\n\x81\x00";
    size_t used = 0;
    struct err err;
    (void)state;
    assert_int_equal(web_socket_read_upgrade(span_make(answer, sizeof answer - 1), KEY, &used, &err), OK);
    assert_int_equal(used, sizeof answer - 1 - 2);
}

static void every_upgrade_has_a_key_of_its_own(void **state)
{
    char one[WEB_SOCKET_KEY_BYTES + 1], two[WEB_SOCKET_KEY_BYTES + 1];
    struct buf out;
    (void)state;
    web_socket_new_key(one);
    web_socket_new_key(two);
    assert_int_equal(strlen(one), WEB_SOCKET_KEY_BYTES);
    assert_string_not_equal(one, two);
    buf_init(&out, 4096);
    assert_true(web_socket_write_upgrade(SPAN_LITERAL("wss.example:444"), SPAN_LITERAL("/link?ticket=1"), one, &out));
    assert_non_null(strstr(buf_text(&out), "GET /link?ticket=1 HTTP/1.1\r\nHost: wss.example:444\r\n"));
    assert_non_null(strstr(buf_text(&out), "Sec-WebSocket-Version: 13\r\n"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_or_refused), cmocka_unit_test(too_much_at_once_is_refused), cmocka_unit_test(what_is_written_is_masked_and_can_be_read),
        cmocka_unit_test(what_may_not_be_written_is_not), cmocka_unit_test(the_upgrade_is_judged), cmocka_unit_test(an_endless_answer_is_refused),
        cmocka_unit_test(bytes_after_the_answer_are_frames), cmocka_unit_test(every_upgrade_has_a_key_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
