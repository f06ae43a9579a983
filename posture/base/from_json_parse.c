/* Text to document. What is refused is refused here; jansson, which is slower by an order, then says in words what is wrong and where.
 * tests/fuzz/fuzz_from_json.c holds the two to the same verdict, and to the same values, on the same bytes. */
#include "posture/base/from_json_node.h"

#include "posture/base/json_scan.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

enum { FEW_MEMBERS = 24, SMALL_BYTES = 1024, BLOCK_BYTES = 64 };

void from_json_free(struct from_json *doc)
{
    if (doc != NULL && !doc->in_arena)
        free(doc);
}

void from_json_freep(struct from_json **doc)
{
    from_json_free(*doc);
}

/* ---- reading the text ---- */

/* Positions are in the document's copy, which ends in NUL: that is no value, no white space, and ends no text. Whatever reads a part is given where it begins and
 * returns where it has ended; NULL: refused. */
struct reader {
    struct from_json_node *next;
    unsigned depth_left;
    bool memory_short;
    struct span left_out;      /* a member of the outermost object that is passed over; empty: none */
    unsigned outermost;        /* depth_left within that object */
};

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static bool read_hex4(const char *at, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]); /* a NUL at the end of the copy is none */
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* \uXXXX, at its first digit; a surrogate needs its pair (RFC 8259 section 7). Text has no NUL here. */
static char *read_unicode(char *at, char **to)
{
    uint32_t code, low;
    if (!read_hex4(at, &code) || code == 0)
        return NULL;
    at += 4;
    if (code >= 0xdc00 && code <= 0xdfff)
        return NULL;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (at[0] != '\\' || at[1] != 'u' || !read_hex4(at + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *to = put_utf8(*to, code);
    return at;
}

/* After the backslash. */
static char *read_escape(char *at, char **to)
{
    static const char named[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char c = *at++;
    if (c == 'u')
        return read_unicode(at, to);
    for (const char *n = named; *n != '\0'; n += 2) {
        if (*n != c)
            continue;
        *(*to)++ = n[1];
        return at;
    }
    return NULL;
}

/* A text that has to be looked at byte by byte, from `at` on. What is unescaped is never longer than what was written. */
static char *read_odd_text(char *start, char *at, struct span *out)
{
    char *to = at;
    bool wide = false;
    while (at != NULL && *at != '"') {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20)
            return NULL; /* the NUL at the end of the copy, too */
        at++;
        wide = wide || c >= 0x80;
        if (c == '\\')
            at = read_escape(at, &to);
        else
            *to++ = (char)c;
    }
    if (at == NULL)
        return NULL;
    *to = '\0'; /* at the quote, or before it */
    *out = span_make(start, (size_t)(to - start));
    return wide && !span_is_utf8(*out) ? NULL : at + 1;
}

/* After the opening quote. */
static inline char *read_text(char *start, struct from_json_node *n)
{
    char *end = json_skip_plain(start);
    n->kind = FROM_JSON_TEXT;
    n->nodes = 1;
    if (*end != '"')
        return read_odd_text(start, end, &n->text);
    *end = '\0';
    n->text = span_make(start, (size_t)(end - start));
    return end + 1;
}

static char *skip_digits(char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

static bool finish_real(struct from_json_node *n, const char *start, char *end)
{
    char after = *end;
    *end = '\0'; /* strtod must see the number alone; the process stays in the C locale */
    double value = strtod(start, NULL);
    *end = after;
    n->kind = FROM_JSON_REAL;
    n->text = span_make(start, (size_t)(end - start));
    return value <= 1.7976931348623157e308 && value >= -1.7976931348623157e308;
}

/* RFC 8259 section 6. */
static char *read_number(char *start, struct from_json_node *n)
{
    char *digits = start + (*start == '-'), *at = skip_digits(digits);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return NULL;
    bool whole = *at != '.' && *at != 'e' && *at != 'E';
    if (*at == '.') {
        char *fraction = at + 1;
        at = skip_digits(fraction);
        if (at == fraction)
            return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');
        at = skip_digits(exponent);
        if (at == exponent)
            return NULL;
    }
    n->kind = FROM_JSON_INT;
    bool good = whole ? span_to_i64(span_make(start, (size_t)(at - start)), &n->number) : finish_real(n, start, at);
    return good ? at : NULL;
}

/* A literal of ours: behind the copy there is room to look at. */
static char *read_word(char *at, const char *word, size_t bytes) { return memcmp(at, word, bytes) == 0 ? at + bytes : NULL; }

static int compare_keys(const void *left, const void *right) { return span_compare(*(const struct span *)left, *(const struct span *)right); }

static bool are_unique_sorted(struct reader *r, const struct from_json_node *object)
{
    struct span *keys = malloc(object->count * sizeof *keys);
    const struct from_json_node *n = object + 1;
    bool unique = true;
    if (keys == NULL) {
        r->memory_short = true;
        return false;
    }
    for (uint32_t i = 0; i < object->count; i++) {
        keys[i] = n->text;
        n += 1 + n[1].nodes;
    }
    qsort(keys, object->count, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < object->count; i++)
        unique = unique && !span_equal(keys[i - 1], keys[i]);
    free(keys);
    return unique;
}

static bool are_unique(struct reader *r, const struct from_json_node *object)
{
    if (object->count > FEW_MEMBERS)
        return are_unique_sorted(r, object);
    const struct from_json_node *n = object + 1;
    for (uint32_t i = 1; i < object->count; i++) {
        const struct from_json_node *before = object + 1;
        n += 1 + n[1].nodes;
        for (uint32_t k = 0; k < i; k++) {
            if (before->text.bytes == n->text.bytes && before->text.at[0] == n->text.at[0] && memcmp(before->text.at, n->text.at, n->text.bytes) == 0)
                return false;
            before += 1 + before[1].nodes;
        }
    }
    return true;
}

static char *read_value(struct reader *r, char *at);

static inline char *read_key(struct reader *r, char *at)
{
    at = json_skip_space(at);
    if (*at != '"' || (at = read_text(at + 1, r->next++)) == NULL)
        return NULL;
    at = json_skip_space(at);
    return *at == ':' ? at + 1 : NULL;
}

/* ---- passing over ---- */

/* The closing quote. */
static char *find_quote(char *at)
{
    for (;;) {
        at = json_skip_plain(at);
        if (*at == '"' || *at == '\0')
            return *at == '"' ? at : NULL;
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
}

/* From an opening bracket to behind the closing one. */
static char *pass_over(char *at)
{
    for (size_t depth = 0;; at++) {
        if (*at == '"' && (at = find_quote(at + 1)) == NULL)
            return NULL;
        if (*at == '\0')
            return NULL;
        depth += *at == '[' || *at == '{';
        if ((*at == ']' || *at == '}') && --depth == 0)
            return at + 1;
    }
}

/* `at` is behind the key. */
static inline bool is_left_out(const struct reader *r, const struct from_json_node *key, char *at)
{
    return r->left_out.bytes != 0 && r->depth_left == r->outermost && span_equal(key->text, r->left_out) && *json_skip_space(at) == '[';
}

/* After the opening bracket: items or members up to the closing one. Most values are texts: those cost no call. */
static inline __attribute__((always_inline)) char *read_list(struct reader *r, char *at, struct from_json_node *n, char close)
{
    if (r->depth_left == 0)
        return NULL;
    at = json_skip_space(at);
    if (*at == close)
        return at + 1;
    r->depth_left--;
    for (;;) {
        struct from_json_node *key = r->next;
        if (close == '}' && (at = read_key(r, at)) == NULL)
            return NULL;
        bool passed = close == '}' && is_left_out(r, key, at);
        at = json_skip_space(at);
        at = passed ? pass_over(at) : *at == '"' ? read_text(at + 1, r->next++) : read_value(r, at);
        if (at == NULL)
            return NULL;
        n->count += !passed;
        r->next = passed ? key : r->next;
        at = json_skip_space(at);
        char c = *at++;
        if (c == close)
            break;
        if (c != ',')
            return NULL;
    }
    r->depth_left++;
    n->nodes = (uint32_t)(r->next - n);
    return close == ']' || are_unique(r, n) ? at : NULL;
}

static char *read_array(struct reader *r, char *at, struct from_json_node *n)
{
    *n = (struct from_json_node){ .kind = FROM_JSON_ARRAY, .nodes = 1 };
    return read_list(r, at, n, ']');
}

static char *read_object(struct reader *r, char *at, struct from_json_node *n)
{
    *n = (struct from_json_node){ .kind = FROM_JSON_OBJECT, .nodes = 1 };
    return read_list(r, at, n, '}');
}

/* Recurses as deep as the limit lets it. */
static char *read_value(struct reader *r, char *at)
{
    at = json_skip_space(at);
    struct from_json_node *n = r->next++;
    if (*at == '{')
        return read_object(r, at + 1, n);
    if (*at == '[')
        return read_array(r, at + 1, n);
    if (*at == '"')
        return read_text(at + 1, n);
    *n = (struct from_json_node){ .kind = *at == 'n' ? FROM_JSON_NULL : FROM_JSON_BOOL, .yes = *at == 't', .nodes = 1 };
    switch (*at) {
    case 't': return read_word(at, "true", 4);
    case 'f': return read_word(at, "false", 5);
    case 'n': return read_word(at, "null", 4);
    default: return read_number(at, n);
    }
}

/* ---- refusing ---- */

/* Position after the text that starts at `start`, which is a quote; the end of `text` when it is never closed. */
static size_t skip_text(struct span text, size_t start)
{
    size_t at = start + 1;
    while (at < text.bytes && text.at[at] != '"')
        at += text.at[at] == '\\' ? 2 : 1;
    return at < text.bytes ? at + 1 : text.bytes;
}

/* Levels are counted before jansson sees the text: it recurses up to 2,048 of them, more than a thread's stack may hold. */
static bool too_deep(struct span text, unsigned max_depth)
{
    unsigned depth = 0;
    for (size_t at = 0; at < text.bytes;) {
        char byte = text.at[at];
        if (byte == '"') {
            at = skip_text(text, at);
            continue;
        }
        if ((byte == '[' || byte == '{') && ++depth > max_depth)
            return true;
        if ((byte == ']' || byte == '}') && depth > 0)
            depth--;
        at++;
    }
    return false;
}

/* jansson ends its messages in a piece of the text, "near '...'", which may be part of a token: it is left out. */
static enum err_code refuse_syntax(struct span text, const char *what, struct err *err)
{
    json_error_t error;
    json_t *root = json_loadb(text.at, text.bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root != NULL) { /* the two disagree: ours is the verdict */
        json_decref(root);
        return err_set(err, ERR_INPUT, "%s: is not JSON as it is read here", what);
    }
    if (json_error_code(&error) == json_error_out_of_memory)
        return err_set(err, ERR_MEMORY, "%s: memory is short", what);
    if (json_error_code(&error) == json_error_null_character)
        return err_set(err, ERR_INPUT, "%s: line %d, column %d: NUL is not allowed in text", what, error.line, error.column);
    struct span message = span_of(error.text);
    message = span_slice(message, 0, span_search(message, SPAN_LITERAL(" near ")));
    return err_set(err, ERR_INPUT, "%s: line %d, column %d: %.*s", what, error.line, error.column, SPAN_ARGS(message));
}

static enum err_code refuse(struct span text, struct from_json_limits limits, const char *what, struct err *err)
{
    if (span_find(text, '\0') < text.bytes) /* jansson takes a NUL outside of text for the end */
        return err_set(err, ERR_INPUT, "%s: has a NUL byte", what);
    if (too_deep(text, limits.max_depth))
        return err_set(err, ERR_LIMIT, "%s: nested more than %u deep", what, limits.max_depth);
    return refuse_syntax(text, what, err);
}

void from_json_seed(size_t seed) { json_object_seed(seed); }

/* ---- the document ---- */

static inline unsigned char opens_node(char c) { return (c == ',') | (c == ':') | (c == '{') | (c == '['); }

/* Every value but the first follows one of , : { [ and, but for lists that are still open, has a byte of its own besides. A large text is counted (in texts
 * within it too much, which costs room only), a small one is not worth it. */
static size_t most_nodes(struct span text, unsigned max_depth)
{
    size_t count = 1;
    if (text.bytes <= SMALL_BYTES)
        return text.bytes / 2 + 2 * ((size_t)max_depth < text.bytes ? max_depth : text.bytes) + 4;
    size_t at = 0;
    for (; text.bytes - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        unsigned char found = 0; /* blocks of a fixed size are counted many bytes at once */
        for (size_t i = 0; i < BLOCK_BYTES; i++)
            found = (unsigned char)(found + opens_node(text.at[at + i]));
        count += found;
    }
    for (; at < text.bytes; at++)
        count += opens_node(text.at[at]);
    return count;
}

static void *block(struct arena *arena, size_t bytes)
{
    return arena != NULL ? arena_alloc_raw(arena, bytes) : malloc(bytes);
}

static enum err_code parse(struct arena *arena, struct span text, struct span left_out, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    if (text.bytes > limits.max_bytes || text.bytes > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", what, limits.max_bytes);
    if (text.bytes == 0)
        return err_set(err, ERR_INPUT, "%s: is empty", what);
    size_t most = most_nodes(text, limits.max_depth), what_bytes = strlen(what) + 1;
    struct from_json *doc = block(arena, sizeof *doc + most * sizeof doc->nodes[0] + text.bytes + JSON_SCAN_PAD_BYTES + what_bytes);
    if (doc == NULL)
        return err_set(err, ERR_MEMORY, "%s: memory is short", what);
    char *copy = (char *)&doc->nodes[most], *name = copy + text.bytes + JSON_SCAN_PAD_BYTES;
    memcpy(copy, text.at, text.bytes);
    memset(copy + text.bytes, '\0', JSON_SCAN_PAD_BYTES);
    memcpy(name, what, what_bytes);
    doc->what = name;
    doc->in_arena = arena != NULL;
    struct reader r = { .next = doc->nodes, .depth_left = limits.max_depth, .left_out = left_out, .outermost = limits.max_depth - 1 };
    char *end = read_value(&r, copy);
    if (end != NULL && json_skip_space(end) == copy + text.bytes) {
        *out = doc;
        return OK;
    }
    from_json_free(doc);
    return r.memory_short ? err_set(err, ERR_MEMORY, "%s: memory is short", what) : refuse(text, limits, what, err);
}

enum err_code from_json_parse(struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    return parse(NULL, text, SPAN_NONE, limits, what, out, err);
}

enum err_code from_json_parse_without(struct arena *arena, struct span text, struct span left_out, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    return parse(arena, text, left_out, limits, what, out, err);
}

enum err_code from_json_parse_in(struct arena *arena, struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    return parse(arena, text, SPAN_NONE, limits, what, out, err);
}
