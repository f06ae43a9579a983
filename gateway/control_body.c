#include "gateway/control_body.h"

#include "posture/base/buf.h"

#include <string.h>

enum { VALUE_BYTES = 16 * 1024 * 1024 };

bool control_body_copy_value(const struct from_json_value *v, struct to_json *w)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, VALUE_BYTES);
    if (!from_json_write(v, &text))
        return false;
    to_json_raw(w, buf_span(&text));
    return true;
}

static bool is_among(const char *key, const char *const *words)
{
    while (*words != NULL)
        if (strcmp(key, *words++) == 0)
            return true;
    return false;
}

bool control_body_copy(const struct from_json_value *object, const char *const *but, struct to_json *w)
{
    void *iterator = NULL;
    const char *key;
    struct from_json_value member;
    while (from_json_each(object, &iterator, &key, &member)) {
        if (is_among(key, but))
            continue;
        to_json_key(w, key);
        if (!control_body_copy_value(&member, w))
            return false;
    }
    return true;
}
