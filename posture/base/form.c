#include "posture/base/form.h"

#include "posture/base/percent.h"

/* Eight bytes at once: not 0 when one of them is encoded, or would have to be: '%', '+', and all but '!' to '~'. */
static uint64_t encoded_in(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    return ((word - each * '!') | ((word ^ each * '%') - each) | ((word ^ each * '+') - each) | (word + each) | word) & each * 0x80;
}

static bool stands_for_itself(struct span raw)
{
    uint64_t encoded = 0, word;
    size_t at = 0;
    for (; at + sizeof word <= raw.bytes; at += sizeof word) {
        memcpy(&word, raw.at + at, sizeof word);
        encoded |= encoded_in(word);
    }
    memset(&word, 'x', sizeof word);
    if (at < raw.bytes)
        memcpy(&word, raw.at + at, raw.bytes - at);
    return (encoded | encoded_in(word)) == 0;
}

enum err_code form_decode(struct arena *arena, struct span raw, const char *name, struct span *out, struct err *err)
{
    if (stands_for_itself(raw)) {
        struct span same = arena_copy(arena, raw);
        if (same.at == NULL)
            return err_set(err, ERR_MEMORY, "decoding parameter %s", name);
        *out = same;
        return OK;
    }
    CLEANUP(buf_done) struct buf plain;
    buf_init(&plain, raw.bytes);
    bool whole = percent_decode(raw, true, &plain);
    struct span text = buf_span(&plain), copy;
    if (plain.memory_short)
        return err_set(err, ERR_MEMORY, "decoding parameter %s", name);
    if (!whole || span_find(text, '\0') < text.bytes || !span_is_utf8(text))
        return err_set(err, ERR_INPUT, "parameter %s: bad percent-encoding", name);
    copy = arena_copy(arena, text);
    if (copy.at == NULL && text.bytes > 0)
        return err_set(err, ERR_MEMORY, "decoding parameter %s", name);
    *out = copy;
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
