#include "posture/base/json_shape.h"

#include "posture/base/json_scan.h"

#include <string.h>

/* Behind the copy there is room to compare the longest name. */
enum { PAD_BYTES = JSON_SHAPE_NAME_BYTES };
_Static_assert((int)PAD_BYTES >= (int)JSON_SCAN_PAD_BYTES, "a word can be read from anywhere in the copy");

/* Most names are one word with their quote. */
static inline bool is_called(const char *at, const struct json_shape_member *m)
{
    uint64_t there, name;
    memcpy(&there, at, sizeof there);
    memcpy(&name, m->name, sizeof name);
    uint64_t differing = le64toh(there ^ name);
    if (m->name_bytes < sizeof name)
        return differing << 8 * (sizeof name - m->name_bytes) == 0;
    return differing == 0 && memcmp(at + sizeof name, m->name + sizeof name, m->name_bytes - sizeof name) == 0;
}

/* After the opening quote. Most are written in the order of the shape: `next` is the one to try first. */
static inline const struct json_shape_member *find_member(const char *at, const struct json_shape *shape, unsigned *next)
{
    for (unsigned tried = 0; tried < shape->count; tried++) {
        const struct json_shape_member *m = &shape->members[*next];
        *next = *next + 1 < shape->count ? *next + 1 : 0;
        if (is_called(at, m))
            return m;
    }
    return NULL;
}

/* At the opening quote, if it is one. */
static inline char *read_text(char *at, struct span *out)
{
    if (*at != '"')
        return NULL;
    char *end = json_skip_plain(at + 1);
    if (*end != '"')
        return NULL;
    *end = '\0';
    *out = span_make(at + 1, (size_t)(end - at - 1));
    return end + 1;
}

/* From the opening brace, if it is one, to behind the closing one. Recurses as deep as the shape. */
static char *read_object(char *at, const struct json_shape *shape, struct json_shape_found *found)
{
    unsigned next = 0;
    if (*at != '{')
        return NULL;
    at = json_skip_space(at + 1);
    if (*at == '}')
        return at + 1;
    for (;;) {
        const struct json_shape_member *m = *at == '"' ? find_member(at + 1, shape, &next) : NULL;
        if (m == NULL || (found->seen >> m->place & 1) != 0)
            return NULL;
        found->seen |= UINT32_C(1) << m->place;
        at = json_skip_space(at + 1 + m->name_bytes);
        if (*at != ':')
            return NULL;
        at = json_skip_space(at + 1);
        at = m->object != NULL ? read_object(at, m->object, found) : read_text(at, &found->texts[m->place]);
        if (at == NULL)
            return NULL;
        at = json_skip_space(at);
        if (*at != ',')
            return *at == '}' ? at + 1 : NULL;
        at = json_skip_space(at + 1);
    }
}

bool json_shape_read(struct arena *arena, struct span text, size_t max_bytes, const struct json_shape *shape, struct json_shape_found *found)
{
    char *copy = text.bytes > max_bytes ? NULL : arena_alloc_raw(arena, text.bytes + PAD_BYTES);
    if (copy == NULL)
        return false;
    if (text.bytes > 0)
        memcpy(copy, text.at, text.bytes);
    memset(copy + text.bytes, '\0', PAD_BYTES);
    found->seen = 0;
    char *end = read_object(json_skip_space(copy), shape, found);
    return end != NULL && json_skip_space(end) == copy + text.bytes;
}
