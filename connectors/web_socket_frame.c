#include "connectors/web_socket_frame.h"

#include "posture/base/secret.h"

enum { OPCODE_MORE = 0x0, OPCODE_TEXT = 0x1, OPCODE_BINARY = 0x2, OPCODE_CLOSE = 0x8, OPCODE_PING = 0x9, OPCODE_PONG = 0xa, FINAL = 0x80, RESERVED = 0x70, MASKED = 0x80, MASK_BYTES = 4,
       LENGTH_16 = 126, LENGTH_64 = 127 };

struct frame { unsigned opcode; bool final; uint64_t bytes; size_t head; };

void web_socket_reader_init(struct web_socket_reader *r)
{
    *r = (struct web_socket_reader){ .close_status = WEB_SOCKET_NORMAL };
    buf_init(&r->pending, WEB_SOCKET_HEAD_BYTES + WEB_SOCKET_MESSAGE_BYTES + WEB_SOCKET_CHUNK_BYTES + 1);
    buf_init(&r->message, WEB_SOCKET_MESSAGE_BYTES + 1);
}

void web_socket_reader_done(struct web_socket_reader *r)
{
    buf_done(&r->pending);
    buf_done(&r->message);
}

static enum err_code refuse(struct web_socket_reader *r, unsigned status, struct err *err, const char *words)
{
    r->close_status = status;
    return err_set(err, status == WEB_SOCKET_TOO_LONG ? ERR_LIMIT : ERR_PROTOCOL, "the WebSocket's peer sent %s", words);
}

/* What was handed out is no longer borrowed. */
static void drop_used(struct web_socket_reader *r)
{
    if (r->used > 0)
        memmove(r->pending.at, r->pending.at + r->used, r->pending.bytes - r->used);
    r->pending.bytes -= r->used;
    r->used = 0;
    if (r->whole)
        buf_clear(&r->message);
    r->whole = false;
}

enum err_code web_socket_take(struct web_socket_reader *r, struct span bytes, struct err *err)
{
    drop_used(r);
    if (bytes.bytes > WEB_SOCKET_CHUNK_BYTES)
        return err_set(err, ERR_LIMIT, "more than %d bytes at once for a WebSocket's reader", WEB_SOCKET_CHUNK_BYTES);
    buf_append(&r->pending, bytes);
    return buf_check(&r->pending, "a WebSocket's frame", err);
}

/* ---- one frame (section 5.2) ---- */

static uint64_t big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | at[i];
    return n;
}

/* The shortest form of a length is the only one that may be used. */
static enum err_code read_length(struct web_socket_reader *r, const unsigned char *at, size_t there, struct frame *f, struct err *err)
{
    size_t more = f->bytes == LENGTH_16 ? 2 : f->bytes == LENGTH_64 ? 8 : 0;
    if (there < 2 + more)
        return OK;
    if (more > 0) {
        uint64_t least = more == 2 ? LENGTH_16 : UINT64_C(0x10000);
        f->bytes = big_endian(at + 2, more);
        if (f->bytes < least)
            return refuse(r, WEB_SOCKET_BROKEN, err, "a length that is written longer than it needs to be");
    }
    f->head = 2 + more;
    return OK;
}

static enum err_code check_control(struct web_socket_reader *r, const struct frame *f, struct err *err)
{
    if (f->opcode != OPCODE_CLOSE && f->opcode != OPCODE_PING && f->opcode != OPCODE_PONG)
        return refuse(r, WEB_SOCKET_BROKEN, err, "a frame of a kind that is not defined");
    if (!f->final)
        return refuse(r, WEB_SOCKET_BROKEN, err, "a control frame in pieces");
    return f->bytes <= WEB_SOCKET_CONTROL_BYTES ? OK : refuse(r, WEB_SOCKET_BROKEN, err, "a control frame of more than 125 bytes");
}

static enum err_code check_data(struct web_socket_reader *r, const struct frame *f, struct err *err)
{
    if (f->opcode == OPCODE_BINARY)
        return refuse(r, WEB_SOCKET_NOT_TEXT, err, "a binary message");
    if (f->opcode != OPCODE_TEXT && f->opcode != OPCODE_MORE)
        return refuse(r, WEB_SOCKET_BROKEN, err, "a frame of a kind that is not defined");
    if (f->opcode == OPCODE_MORE && !r->in_message)
        return refuse(r, WEB_SOCKET_BROKEN, err, "the rest of a message that was not begun");
    if (f->opcode == OPCODE_TEXT && r->in_message)
        return refuse(r, WEB_SOCKET_BROKEN, err, "a new message inside of another");
    return f->bytes <= WEB_SOCKET_MESSAGE_BYTES - r->message.bytes ? OK : refuse(r, WEB_SOCKET_TOO_LONG, err, "a message of more than 1 MiB");
}

/* f->head 0: not all of the head is there. What cannot be good is refused before its length is waited for. */
static enum err_code read_head(struct web_socket_reader *r, struct frame *f, struct err *err)
{
    size_t there = r->pending.bytes - r->used;
    *f = (struct frame){ .head = 0 };
    if (there < 2)
        return OK;
    const unsigned char *at = (const unsigned char *)r->pending.at + r->used;
    *f = (struct frame){ .opcode = at[0] & 0x0f, .final = (at[0] & FINAL) != 0, .bytes = at[1] & 0x7f };
    if ((at[0] & RESERVED) != 0)
        return refuse(r, WEB_SOCKET_BROKEN, err, "bits of an extension that was not agreed on");
    if ((at[1] & MASKED) != 0)
        return refuse(r, WEB_SOCKET_BROKEN, err, "a masked frame, which a server may not");
    enum err_code code = read_length(r, at, there, f, err);
    if (code != OK || f->head == 0)
        return code;
    return f->opcode >= OPCODE_CLOSE ? check_control(r, f, err) : check_data(r, f, err);
}

/* ---- what it says ---- */

/* Section 7.4: those that may stand in a frame. */
static bool is_status(unsigned status)
{
    return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) || (status >= 3000 && status <= 4999);
}

static enum err_code say_close(struct web_socket_reader *r, struct span body, struct web_socket_heard *out, struct err *err)
{
    *out = (struct web_socket_heard){ .kind = WEB_SOCKET_CLOSE, .status = WEB_SOCKET_NO_STATUS };
    if (body.bytes == 0)
        return OK;
    unsigned status = body.bytes < 2 ? 0 : (unsigned)big_endian((const unsigned char *)body.at, 2);
    if (!is_status(status))
        return refuse(r, WEB_SOCKET_BROKEN, err, "a close with a status that is none");
    struct span reason = span_slice(body, 2, body.bytes);
    if (!span_is_utf8(reason))
        return refuse(r, WEB_SOCKET_NOT_UTF8, err, "a reason that is not UTF-8");
    out->status = status;
    out->data = reason;
    return OK;
}

static enum err_code say_control(struct web_socket_reader *r, unsigned opcode, struct span body, struct web_socket_heard *out, struct err *err)
{
    if (opcode == OPCODE_CLOSE)
        return say_close(r, body, out, err);
    *out = (struct web_socket_heard){ .kind = opcode == OPCODE_PING ? WEB_SOCKET_PING : WEB_SOCKET_PONG, .data = body };
    return OK;
}

static enum err_code say_data(struct web_socket_reader *r, const struct frame *f, struct span body, struct web_socket_heard *out, struct err *err)
{
    buf_append(&r->message, body);
    enum err_code code = buf_check(&r->message, "a WebSocket's message", err);
    if (code != OK)
        return code;
    r->in_message = !f->final;
    if (!f->final)
        return OK;
    r->whole = true;
    if (!span_is_utf8(buf_span(&r->message)))
        return refuse(r, WEB_SOCKET_NOT_UTF8, err, "a text that is not UTF-8");
    *out = (struct web_socket_heard){ .kind = WEB_SOCKET_TEXT, .data = buf_span(&r->message) };
    return OK;
}

enum err_code web_socket_read(struct web_socket_reader *r, struct web_socket_heard *out, struct err *err)
{
    struct frame f;
    enum err_code code = OK;
    *out = (struct web_socket_heard){ .kind = WEB_SOCKET_NOTHING };
    drop_used(r);
    while (code == OK && out->kind == WEB_SOCKET_NOTHING) {
        code = read_head(r, &f, err);
        if (code != OK || f.head == 0 || r->pending.bytes - r->used - f.head < f.bytes)
            break;
        struct span body = span_make(r->pending.at + r->used + f.head, (size_t)f.bytes);
        r->used += f.head + (size_t)f.bytes;
        code = f.opcode >= OPCODE_CLOSE ? say_control(r, f.opcode, body, out, err) : say_data(r, &f, body, out, err);
    }
    return code;
}

/* ---- out ---- */

static bool write_frame(unsigned opcode, struct span data, struct buf *out)
{
    unsigned char head[WEB_SOCKET_HEAD_BYTES] = { (unsigned char)(FINAL | opcode) }, mask[MASK_BYTES];
    size_t length_bytes = data.bytes < LENGTH_16 ? 0 : data.bytes <= UINT16_MAX ? 2 : 8, at = 2 + length_bytes;
    head[1] = (unsigned char)(MASKED | (length_bytes == 0 ? data.bytes : length_bytes == 2 ? LENGTH_16 : LENGTH_64));
    for (size_t i = 0; i < length_bytes; i++)
        head[2 + i] = (unsigned char)((uint64_t)data.bytes >> (8 * (length_bytes - 1 - i)));
    secret_random(mask, sizeof mask);
    memcpy(head + at, mask, sizeof mask);
    if (data.bytes > WEB_SOCKET_MESSAGE_BYTES || !buf_reserve(out, at + MASK_BYTES + data.bytes))
        return false;
    buf_append(out, span_make(head, at + MASK_BYTES));
    for (size_t i = 0; i < data.bytes; i++)
        buf_append_byte(out, (char)((unsigned char)data.at[i] ^ mask[i % MASK_BYTES]));
    return true;
}

bool web_socket_write(enum web_socket_kind kind, struct span data, struct buf *out)
{
    unsigned opcode = kind == WEB_SOCKET_TEXT ? OPCODE_TEXT : kind == WEB_SOCKET_PING ? OPCODE_PING : OPCODE_PONG;
    return (kind == WEB_SOCKET_TEXT || data.bytes <= WEB_SOCKET_CONTROL_BYTES) && write_frame(opcode, data, out);
}

bool web_socket_write_close(unsigned status, struct buf *out)
{
    const unsigned char body[2] = { (unsigned char)(status >> 8), (unsigned char)status };
    return write_frame(OPCODE_CLOSE, span_make(body, sizeof body), out);
}
