#include "posture/base/form.h"

#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into `out`, which has room for text.bytes; false for a broken escape. */
static bool decode(struct span text, char *out, size_t *bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '+')
            c = ' ';
        else if (c == '%') {
            int high = i + 2 < text.bytes ? hex_value(text.at[i + 1]) : -1, low = high >= 0 ? hex_value(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    *bytes = n;
    return true;
}

enum err_code form_decode(struct arena *arena, struct span raw, const char *name, struct span *out, struct err *err)
{
    size_t bytes = 0;
    char *text = arena_alloc(arena, raw.bytes + 1);
    if (text == NULL)
        return err_set(err, ERR_MEMORY, "decoding parameter %s", name);
    if (!decode(raw, text, &bytes) || memchr(text, '\0', bytes) != NULL || !span_is_utf8(span_make(text, bytes)))
        return err_set(err, ERR_INPUT, "parameter %s: bad percent-encoding", name);
    *out = span_make(text, bytes);
    return OK;
}

enum err_code form_raw(struct span all, const char *name, struct span *out, struct err *err)
{
    struct span part, found = SPAN_NONE;
    bool seen = false;
    while (span_cut(&all, '&', &part)) {
        size_t equals = span_find(part, '=');
        if (!span_equal_text(span_slice(part, 0, equals), name))
            continue;
        if (seen)
            return err_set(err, ERR_INPUT, "parameter %s: given twice", name);
        seen = true;
        found = span_slice(part, equals + 1, part.bytes);
    }
    if (!seen)
        return err_set(err, ERR_NOT_FOUND, "parameter %s is missing", name);
    *out = found;
    return OK;
}

enum err_code form_value(struct arena *arena, struct span all, const char *name, struct span *out, struct err *err)
{
    struct span raw = SPAN_NONE;
    enum err_code code = form_raw(all, name, &raw, err);
    return code == OK ? form_decode(arena, raw, name, out, err) : code;
}
