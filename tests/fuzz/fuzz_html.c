/* Any bytes are a value in a page: what comes out is UTF-8, ends no element or attribute, and the way back is never anything but a web address. */
#include "gateway/pages/html.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    enum { GROWTH_MOST = 6 /* "&quot;" */ };
    struct span text = span_make(data, bytes);
    struct buf out;
    buf_init(&out, bytes * GROWTH_MOST + 1);
    html_text(&out, text);
    require(!out.failed && span_is_utf8(buf_span(&out)));
    for (size_t i = 0; i < out.bytes; i++)
        require(strchr("<>\"'", out.at[i]) == NULL && (unsigned char)out.at[i] >= 0x20 && out.at[i] != 0x7f);
    size_t plain = out.bytes;
    buf_done(&out);
    buf_init(&out, plain * 2 + 16);
    HTML(&out, "<a b=\"{}\">{}</a>", text, text);
    require(!out.failed && out.bytes == plain * 2 + strlen("<a b=\"\"></a>"));
    buf_done(&out);
    if (html_is_link(text))
        require(text.at[0] == 'h' && span_find(text, '"') == bytes && span_find(text, '\n') == bytes && memchr(data, 0, bytes) == NULL);
    return 0;
}
