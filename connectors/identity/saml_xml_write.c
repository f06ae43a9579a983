#include "connectors/identity/saml_xml_write.h"

#include <assert.h>
#include <string.h>

/* Bytes of the UTF-8 character at the front that XML can hold (XML 1.0, production 2); 0: none. */
static size_t character(struct span text)
{
    unsigned char first = (unsigned char)text.at[0];
    if (first < 0x80)
        return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
    size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    struct span c = span_slice(text, 0, bytes);
    bool reserved = bytes == 3 && (memcmp(text.at, "\xef\xbf\xbe", c.bytes) == 0 || memcmp(text.at, "\xef\xbf\xbf", c.bytes) == 0);
    return c.bytes == bytes && !reserved && span_is_utf8(c) ? bytes : 0;
}

/* NULL: as it is. */
static const char *escape(char c, bool attribute)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '\r': return "&#xD;";
    case '>': return attribute ? NULL : "&gt;";
    case '"': return attribute ? "&quot;" : NULL;
    case '\t': return attribute ? "&#x9;" : NULL;
    case '\n': return attribute ? "&#xA;" : NULL;
    default: return NULL;
    }
}

static void write_value(struct buf *out, struct span text, bool attribute)
{
    while (text.bytes > 0) {
        size_t bytes = character(text);
        const char *escaped = bytes == 1 ? escape(text.at[0], attribute) : bytes == 0 ? "\xef\xbf\xbd" : NULL;
        if (escaped != NULL)
            buf_append_text(out, escaped);
        else
            buf_append(out, span_slice(text, 0, bytes));
        text = span_slice(text, bytes > 0 ? bytes : 1, text.bytes);
    }
}

void saml_xml_fill(struct buf *out, const char *template, const struct span *values, size_t count)
{
    struct span rest = span_of(template);
    assert(count <= SAML_XML_MOST_VALUES);
    for (size_t i = 0; i < count; i++) {
        size_t at = span_search(rest, SPAN_LITERAL("{}"));
        assert(at < rest.bytes);
        struct span before = span_slice(rest, 0, at);
        buf_append(out, before);
        write_value(out, values[i], span_ends(before, SPAN_LITERAL("=\"")));
        rest = span_slice(rest, at + 2, rest.bytes);
    }
    assert(span_search(rest, SPAN_LITERAL("{}")) == rest.bytes);
    buf_append(out, rest);
}
