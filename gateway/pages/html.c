#include "gateway/pages/html.h"

#include <assert.h>
#include <string.h>

enum { LINK_BYTES = 8400 /* a login on its way is in its address */};

void html_raw(struct buf *out, const char *literal) { buf_append_text(out, literal); }

static size_t sequence_bytes(unsigned char first)
{
    return first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/* The next character; *valid is false for one byte that is not UTF-8. */
static struct span next_character(struct span text, size_t at, bool *valid)
{
    struct span one = span_slice(text, at, sequence_bytes((unsigned char)text.at[at]));
    *valid = span_is_utf8(one) && one.bytes == sequence_bytes((unsigned char)text.at[at]);
    return *valid ? one : span_slice(text, at, 1);
}

/* U+202A to U+202E and U+2066 to U+2069: a device's name must not turn our words around. */
static bool turns_text(struct span one)
{
    if (one.bytes != 3 || memcmp(one.at, "\xe2\x80", 2) != 0)
        return one.bytes == 3 && memcmp(one.at, "\xe2\x81", 2) == 0 && (unsigned char)one.at[2] >= 0xa6 && (unsigned char)one.at[2] <= 0xa9;
    return (unsigned char)one.at[2] >= 0xaa && (unsigned char)one.at[2] <= 0xae;
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (unsigned char)c < 0x20 || c == 0x7f ? " " : NULL;
    }
}

void html_text(struct buf *out, struct span text)
{
    bool valid;
    for (size_t at = 0; at < text.bytes && !out->failed;) {
        struct span one = next_character(text, at, &valid);
        const char *entity = one.bytes == 1 ? entity_of(one.at[0]) : NULL;
        if (!valid)
            buf_append_text(out, "\xef\xbf\xbd");
        else if (entity != NULL)
            buf_append_text(out, entity);
        else if (!turns_text(one))
            buf_append(out, one);
        at += one.bytes;
    }
}

void html_exact(struct buf *out, struct span text)
{
    for (size_t at = 0; at < text.bytes && !out->failed; at++) {
        unsigned char c = (unsigned char)text.at[at];
        const char *entity = entity_of(text.at[at]);
        if (c < 0x20 || c == 0x7f)
            buf_format(out, "&#%u;", c);
        else if (entity != NULL)
            buf_append_text(out, entity);
        else
            buf_append_byte(out, text.at[at]);
    }
}

void html_fill(struct buf *out, const char *template, const struct span *values, size_t count)
{
    size_t used = 0;
    for (const char *place = strstr(template, "{}"); place != NULL && used < count; place = strstr(template, "{}")) {
        buf_append(out, span_make(template, (size_t)(place - template)));
        html_text(out, values[used++]);
        template = place + 2;
    }
    assert(used == count && strstr(template, "{}") == NULL);
    buf_append_text(out, template);
}

bool html_is_link(struct span url)
{
    bool good = url.bytes <= LINK_BYTES && (span_starts(url, SPAN_LITERAL("https://")) || span_starts(url, SPAN_LITERAL("http://")));
    for (size_t i = 0; good && i < url.bytes; i++)
        good = url.at[i] > ' ' && url.at[i] < 0x7f && strchr("\"'<>\\`{}|^", url.at[i]) == NULL;
    return good;
}
