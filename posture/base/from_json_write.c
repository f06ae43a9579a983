/* A document, or a part of it, as text again: as jansson writes it (JSON_COMPACT), which also knows how a real is written. */
#include "posture/base/from_json_node.h"

#include "posture/base/buf.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

static void write_text(struct span text, struct buf *out)
{
    static const char named[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
    buf_append_byte(out, '"');
    for (size_t from = 0, at = 0; at <= text.bytes; at++) {
        unsigned char c = at < text.bytes ? (unsigned char)text.at[at] : 0;
        bool escaped = c < 0x20 || c == '"' || c == '\\';
        if (!escaped)
            continue;
        buf_append(out, span_slice(text, from, at - from));
        from = at + 1;
        if (at == text.bytes)
            break;
        if (c >= 0x20 || named[c] != '\0')
            buf_append_byte(out, '\\'), buf_append_byte(out, c >= 0x20 ? (char)c : named[c]);
        else
            buf_format(out, "\\u%04X", c);
    }
    buf_append_byte(out, '"');
}

static int write_piece(const char *piece, size_t bytes, void *out)
{
    return buf_append(out, span_make(piece, bytes)) ? 0 : -1;
}

static void write_real(struct span written, struct buf *out)
{
    char text[64];
    CLEANUP(buf_done) struct buf long_text;
    buf_init(&long_text, written.bytes + 1);
    const char *digits = written.bytes < sizeof text ? memcpy(text, written.at, written.bytes) : buf_append(&long_text, written) ? buf_text(&long_text) : NULL;
    if (digits == text)
        text[written.bytes] = '\0';
    json_t *real = digits != NULL ? json_real(strtod(digits, NULL)) : NULL;
    if (real == NULL || json_dump_callback(real, write_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        out->memory_short |= !out->failed;
        out->failed = true;
    }
    json_decref(real);
}

/* Returns the node behind. Recurses as deep as the document. */
static const struct from_json_node *write_node(const struct from_json_node *n, struct buf *out)
{
    const struct from_json_node *next = n + 1;
    switch (n->kind) {
    case FROM_JSON_TEXT: write_text(n->text, out); break;
    case FROM_JSON_INT: buf_append_i64(out, n->number); break;
    case FROM_JSON_REAL: write_real(n->text, out); break;
    case FROM_JSON_BOOL: buf_append_text(out, n->yes ? "true" : "false"); break;
    case FROM_JSON_ARRAY:
    case FROM_JSON_OBJECT:
        buf_append_byte(out, n->kind == FROM_JSON_ARRAY ? '[' : '{');
        for (uint32_t i = 0; i < n->count; i++) {
            if (i > 0)
                buf_append_byte(out, ',');
            if (n->kind == FROM_JSON_OBJECT) {
                write_text(next->text, out);
                buf_append_byte(out, ':');
                next++;
            }
            next = write_node(next, out);
        }
        buf_append_byte(out, n->kind == FROM_JSON_ARRAY ? ']' : '}');
        break;
    default: buf_append_text(out, "null"); break;
    }
    return next;
}

bool from_json_write(const struct from_json_value *v, struct buf *out)
{
    if (v->node == NULL)
        return false;
    size_t before = out->bytes;
    (void)write_node(from_json_node_of(v), out);
    if (!out->failed)
        return true;
    out->bytes = before;
    return false;
}
