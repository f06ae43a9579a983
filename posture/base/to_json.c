#include "posture/base/to_json.h"

#include "posture/base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void to_json_init(struct to_json *w, struct buf *out)
{
    *w = (struct to_json){ .out = out, .first = true, .time_text = "1970-01-01T00:00:00Z" };
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
    bool comma = !w->after_key && !w->first;
    assert(innermost(w) != '{' || w->after_key);
    assert(w->depth > 0 || w->first);
    assert(w->depth < TO_JSON_DEPTH);
    if (w->depth >= TO_JSON_DEPTH) {
        w->out->failed = true;
        return;
    }
    if (buf_reserve(w->out, 1 + (size_t)comma)) {
        char *at = w->out->at + w->out->bytes;
        at[0] = ',';
        at[comma] = kind;
        w->out->bytes += 1 + (size_t)comma;
    }
    w->after_key = false;
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

/* Eight bytes at once: the high bit of each that does not stand for itself. Which of them, it tells for the first only; whether there is one, exactly. */
static uint64_t special_in(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    return ((word - each * 0x20) | ((word ^ each * '"') - each) | ((word ^ each * '\\') - each) | word) & each * 0x80;
}

/* Copies; false when a byte does not stand for itself, and then the copy is worth nothing. */
static bool copy_plain(char *to, const char *from, size_t bytes)
{
    uint64_t special = 0, word = 0;
    if (bytes >= sizeof word) {
        for (size_t at = 0; at < bytes - sizeof word; at += sizeof word) {
            memcpy(&word, from + at, sizeof word);
            memcpy(to + at, &word, sizeof word);
            special |= special_in(word);
        }
        memcpy(&word, from + bytes - sizeof word, sizeof word); /* overlaps the one before */
        memcpy(to + bytes - sizeof word, &word, sizeof word);
        return (special | special_in(word)) == 0;
    }
    if (bytes >= sizeof(uint32_t)) {
        uint32_t first, last;
        memcpy(&first, from, sizeof first);
        memcpy(&last, from + bytes - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy(to + bytes - sizeof last, &last, sizeof last);
        return special_in((uint64_t)first << 32 | last) == 0;
    }
    bool plain = true;
    for (size_t at = 0; at < bytes; at++) {
        to[at] = from[at];
        plain = plain && is_plain(from[at]);
    }
    return plain;
}

static void write_escaped(struct buf *out, struct span s)
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

/* Most texts hold nothing to escape: they are copied in one go, and written anew when that was wrong. */
static void write_text(struct buf *out, struct span s)
{
    if (s.bytes > SIZE_MAX - 2 || !buf_reserve(out, s.bytes + 2))
        return;
    char *at = out->at + out->bytes;
    if (!copy_plain(at + 1, s.at, s.bytes)) {
        write_escaped(out, s);
        return;
    }
    at[0] = at[s.bytes + 1] = '"';
    out->bytes += s.bytes + 2;
}

char *to_json_run_text(struct to_json *w, char *at, struct span text)
{
    w->out->bytes = (size_t)(at - w->out->at);
    write_text(w->out, text);
    return w->out->at + w->out->bytes;
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
    char room[TO_JSON_INT_BYTES];
    before_value(w);
    buf_append(w->out, to_json_int_text(value, room));
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

void to_json_members(struct to_json *w, struct span members)
{
    assert(innermost(w) == '{' && !w->after_key);
    if (span_empty(members))
        return;
    separate(w);
    buf_append(w->out, members);
}

/* ,"key": where the buf has room already; the position behind. */
static char *put_key(struct to_json *w, char *at, struct span key, bool *plain)
{
    if (!w->first)
        *at++ = ',';
    *at = '"';
    *plain = copy_plain(at + 1, key.at, key.bytes);
    at += key.bytes + 1;
    *at++ = '"';
    *at++ = ':';
    return at;
}

static void wrote_member(struct to_json *w, const char *end)
{
    w->out->bytes = (size_t)(end - w->out->at);
    w->first = false;
}

/* Both at once, when neither needs an escape: this is what most of an answer is made of. */
void to_json_put_text(struct to_json *w, struct span key, struct span value)
{
    bool plain_key;
    assert(innermost(w) == '{' && !w->after_key);
    if (value.bytes > SIZE_MAX / 2 || !buf_reserve(w->out, key.bytes + value.bytes + 5 + !w->first))
        return;
    char *at = put_key(w, w->out->at + w->out->bytes, key, &plain_key);
    if (!plain_key || !copy_plain(at + 1, value.at, value.bytes)) {
        to_json_key_span(w, key);
        to_json_text(w, value);
        return;
    }
    at[0] = at[value.bytes + 1] = '"';
    wrote_member(w, at + value.bytes + 2);
}

struct span to_json_int_text(int64_t value, char room[TO_JSON_INT_BYTES])
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t start = TO_JSON_INT_BYTES;
    do {
        room[--start] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        room[--start] = '-';
    return span_make(room + start, TO_JSON_INT_BYTES - start);
}

void to_json_renew_time(struct to_json *w, int64_t wall_s)
{
    clock_rfc3339_again(wall_s, w->time_s, w->time_text);
    w->time_s = wall_s;
}
