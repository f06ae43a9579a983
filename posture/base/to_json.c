#include "posture/base/to_json.h"

#include "posture/base/clock.h"

#include <assert.h>
#include <stdio.h>

void to_json_init(struct to_json *w, struct buf *out)
{
    *w = (struct to_json){ .out = out, .first = true };
}

static char innermost(const struct to_json *w)
{
    return w->depth == 0 ? '\0' : w->kinds[w->depth - 1];
}

static void separate(struct to_json *w)
{
    if (!w->first)
        buf_append_byte(w->out, ',');
    w->first = false;
}

static void before_value(struct to_json *w)
{
    assert(innermost(w) != '{' || w->after_key); /* a member needs its key */
    assert(w->depth > 0 || w->first);            /* one text has one value */
    if (!w->after_key)
        separate(w);
    w->after_key = false;
}

/* Past the limit the text is spoilt, also in a build without asserts: never memory. */
static void open_kind(struct to_json *w, char kind)
{
    before_value(w);
    assert(w->depth < TO_JSON_DEPTH);
    if (w->depth >= TO_JSON_DEPTH) {
        w->out->failed = true;
        return;
    }
    buf_append_byte(w->out, kind);
    w->kinds[w->depth++] = kind;
    w->first = true;
}

void to_json_object(struct to_json *w)
{
    open_kind(w, '{');
}

void to_json_array(struct to_json *w)
{
    open_kind(w, '[');
}

void to_json_end(struct to_json *w)
{
    assert(w->depth > 0 && !w->after_key);
    if (w->depth == 0)
        return;
    buf_append_byte(w->out, innermost(w) == '{' ? '}' : ']');
    w->depth--;
    w->first = false;
}

/* The control characters that have a short form are exactly those of RFC 8785 section 3.2.2.2. */
static void write_escape(struct buf *out, char byte)
{
    switch (byte) {
    case '"': buf_append_text(out, "\\\""); break;
    case '\\': buf_append_text(out, "\\\\"); break;
    case '\b': buf_append_text(out, "\\b"); break;
    case '\t': buf_append_text(out, "\\t"); break;
    case '\n': buf_append_text(out, "\\n"); break;
    case '\f': buf_append_text(out, "\\f"); break;
    case '\r': buf_append_text(out, "\\r"); break;
    default: buf_format(out, "\\u%04x", (unsigned char)byte); break;
    }
}

static bool is_plain(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code >= 0x20 && code < 0x80 && byte != '"' && byte != '\\';
}

static size_t plain_run(struct span s)
{
    size_t bytes = 0;
    while (bytes < s.bytes && is_plain(s.at[bytes]))
        bytes++;
    return bytes;
}

/* Length of the UTF-8 character at the front, which is not ASCII; 0 when it is not one. */
static size_t wide_character(struct span s)
{
    for (size_t bytes = 2; bytes <= 4 && bytes <= s.bytes; bytes++)
        if (span_is_utf8(span_slice(s, 0, bytes)))
            return bytes;
    return 0;
}

/* Writes the one character at the front that cannot be copied with its neighbours; returns its length. */
static size_t write_special(struct buf *out, struct span s)
{
    if ((unsigned char)s.at[0] < 0x80) {
        write_escape(out, s.at[0]);
        return 1;
    }
    size_t bytes = wide_character(s);
    if (bytes > 0)
        buf_append(out, span_slice(s, 0, bytes));
    else
        buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD, one for each byte that belongs to no character */
    return bytes > 0 ? bytes : 1;
}

static void write_text(struct buf *out, struct span s)
{
    buf_append_byte(out, '"');
    while (s.bytes > 0) {
        size_t bytes = plain_run(s);
        buf_append(out, span_slice(s, 0, bytes));
        s = span_slice(s, bytes, s.bytes);
        if (s.bytes > 0)
            s = span_slice(s, write_special(out, s), s.bytes);
    }
    buf_append_byte(out, '"');
}

void to_json_key(struct to_json *w, const char *key)
{
    to_json_key_span(w, span_of(key));
}

void to_json_key_span(struct to_json *w, struct span key)
{
    assert(innermost(w) == '{' && !w->after_key);
    separate(w);
    write_text(w->out, key);
    buf_append_byte(w->out, ':');
    w->after_key = true;
}

void to_json_text(struct to_json *w, struct span value)
{
    before_value(w);
    write_text(w->out, value);
}

void to_json_int(struct to_json *w, int64_t value)
{
    before_value(w);
    buf_append_i64(w->out, value);
}

void to_json_bool(struct to_json *w, bool value)
{
    before_value(w);
    buf_append_text(w->out, value ? "true" : "false");
}

void to_json_null(struct to_json *w)
{
    before_value(w);
    buf_append_text(w->out, "null");
}

void to_json_time(struct to_json *w, int64_t wall_s)
{
    char text[CLOCK_TEXT_BYTES];
    to_json_text(w, span_of(clock_rfc3339(wall_s, text)));
}

void to_json_raw(struct to_json *w, struct span json)
{
    assert(!span_empty(json));
    before_value(w);
    buf_append(w->out, json);
}

void to_json_member_text(struct to_json *w, const char *key, struct span value)
{
    to_json_key(w, key);
    to_json_text(w, value);
}

void to_json_member_text_if(struct to_json *w, const char *key, struct span value)
{
    if (!span_empty(value))
        to_json_member_text(w, key, value);
}

void to_json_member_int(struct to_json *w, const char *key, int64_t value)
{
    to_json_key(w, key);
    to_json_int(w, value);
}

void to_json_member_int_if(struct to_json *w, const char *key, int64_t value)
{
    if (value != 0)
        to_json_member_int(w, key, value);
}

void to_json_member_bool(struct to_json *w, const char *key, bool value)
{
    to_json_key(w, key);
    to_json_bool(w, value);
}

void to_json_member_time_if(struct to_json *w, const char *key, int64_t wall_s)
{
    if (wall_s == 0)
        return;
    to_json_key(w, key);
    to_json_time(w, wall_s);
}
