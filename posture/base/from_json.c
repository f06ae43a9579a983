/* A document is one block of memory: the values in the order of the text, then a copy of the text, in which texts are unescaped in place and end in NUL.
 * What is refused is refused here; jansson, which is slower by an order, then says in words what is wrong and where. tests/fuzz/fuzz_from_json.c holds
 * the two to the same verdict, and to the same values, on the same bytes. */
#include "posture/base/from_json.h"

#include "posture/base/buf.h"
#include "posture/base/json_scan.h"
#include "posture/base/yaml_read.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 160, KEY_BYTES = 48, FEW_MEMBERS = 24, SMALL_BYTES = 1024, BLOCK_BYTES = 64 };

/* Members are a node for the key, then the value's. */
struct node {
    uint8_t kind;              /* enum from_json_kind */
    bool yes;                  /* of a BOOL */
    uint32_t nodes;            /* itself and everything below: where the next one stands */
    uint32_t count;            /* items or members */
    union {
        struct span text;      /* of a REAL: as written */
        int64_t number;
        struct { uint32_t at_index, at; }; /* of an array: the item that was asked for last, and how far off it stands */
    };
};
struct from_json {
    const char *what;          /* a copy, at the end of the block */
    bool in_arena;
    struct node nodes[];
};

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
    struct node *next;
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
static inline char *read_text(char *start, struct node *n)
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

static bool finish_real(struct node *n, const char *start, char *end)
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
static char *read_number(char *start, struct node *n)
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

static bool are_unique_sorted(struct reader *r, const struct node *object)
{
    struct span *keys = malloc(object->count * sizeof *keys);
    const struct node *n = object + 1;
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

static bool are_unique(struct reader *r, const struct node *object)
{
    if (object->count > FEW_MEMBERS)
        return are_unique_sorted(r, object);
    const struct node *n = object + 1;
    for (uint32_t i = 1; i < object->count; i++) {
        const struct node *before = object + 1;
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
static inline bool is_left_out(const struct reader *r, const struct node *key, char *at)
{
    return r->left_out.bytes != 0 && r->depth_left == r->outermost && span_equal(key->text, r->left_out) && *json_skip_space(at) == '[';
}

/* After the opening bracket: items or members up to the closing one. Most values are texts: those cost no call. */
static inline __attribute__((always_inline)) char *read_list(struct reader *r, char *at, struct node *n, char close)
{
    if (r->depth_left == 0)
        return NULL;
    at = json_skip_space(at);
    if (*at == close)
        return at + 1;
    r->depth_left--;
    for (;;) {
        struct node *key = r->next;
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

static char *read_array(struct reader *r, char *at, struct node *n)
{
    *n = (struct node){ .kind = FROM_JSON_ARRAY, .nodes = 1 };
    return read_list(r, at, n, ']');
}

static char *read_object(struct reader *r, char *at, struct node *n)
{
    *n = (struct node){ .kind = FROM_JSON_OBJECT, .nodes = 1 };
    return read_list(r, at, n, '}');
}

/* Recurses as deep as the limit lets it. */
static char *read_value(struct reader *r, char *at)
{
    at = json_skip_space(at);
    struct node *n = r->next++;
    if (*at == '{')
        return read_object(r, at + 1, n);
    if (*at == '[')
        return read_array(r, at + 1, n);
    if (*at == '"')
        return read_text(at + 1, n);
    *n = (struct node){ .kind = *at == 'n' ? FROM_JSON_NULL : FROM_JSON_BOOL, .yes = *at == 't', .nodes = 1 };
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

enum err_code from_json_parse_without(struct span text, struct span left_out, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    return parse(NULL, text, left_out, limits, what, out, err);
}

enum err_code from_json_parse_in(struct arena *arena, struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    return parse(arena, text, SPAN_NONE, limits, what, out, err);
}

/* Walking keeps its place in arrays, so nodes are not const here. */
static struct node *node_of(const struct from_json_value *v) { return (struct node *)(uintptr_t)v->node; }

struct from_json_value from_json_root(const struct from_json *doc)
{
    return (struct from_json_value){ .node = &doc->nodes[0], .key = doc->what };
}

enum from_json_kind from_json_kind(const struct from_json_value *v)
{
    return v->node == NULL ? FROM_JSON_ABSENT : (enum from_json_kind)node_of(v)->kind;
}

bool from_json_present(const struct from_json_value *v)
{
    enum from_json_kind kind = from_json_kind(v);
    return kind != FROM_JSON_ABSENT && kind != FROM_JSON_NULL;
}

/* Both texts end in NUL, so there is a first byte. */
static inline bool is_called(const struct node *key, struct span name)
{
    if (key->text.bytes != name.bytes || key->text.at[0] != name.at[0])
        return false;
    if (name.bytes < sizeof(uint32_t) || name.bytes > 2 * sizeof(uint32_t))
        return memcmp(key->text.at, name.at, name.bytes) == 0;
    uint32_t first[2], last[2]; /* names are mostly so short that two words are all of them, overlapping */
    memcpy(&first[0], key->text.at, sizeof first[0]);
    memcpy(&first[1], name.at, sizeof first[0]);
    memcpy(&last[0], key->text.at + name.bytes - sizeof last[0], sizeof last[0]);
    memcpy(&last[1], name.at + name.bytes - sizeof last[0], sizeof last[0]);
    return first[0] == first[1] && last[0] == last[1];
}

struct from_json_value from_json_member_of(const struct from_json_value *object, struct span key)
{
    struct from_json_value found = { .parent = object, .key = key.at };
    const struct node *o = node_of(object);
    if (o == NULL || o->kind != FROM_JSON_OBJECT)
        return found;
    const struct node *n = o + 1;
    for (uint32_t i = 0; i < o->count; i++) {
        if (is_called(n, key)) {
            found.node = n + 1;
            break;
        }
        n += 1 + n[1].nodes;
    }
    return found;
}

void from_json_members(const struct from_json_value *object, const struct span *keys, size_t count, struct from_json_value *out)
{
    const struct node *o = node_of(object);
    for (size_t k = 0; k < count; k++)
        out[k] = (struct from_json_value){ .parent = object, .key = keys[k].at };
    if (o == NULL || o->kind != FROM_JSON_OBJECT)
        return;
    const struct node *n = o + 1;
    size_t next = 0; /* most are written in the order in which they are looked for */
    for (uint32_t i = 0; i < o->count; i++, n += 1 + n[1].nodes) {
        size_t tried = 0;
        for (; tried < count && !is_called(n, keys[next]); tried++)
            next = next + 1 < count ? next + 1 : 0;
        if (tried == count)
            continue;
        out[next].node = n + 1;
        next = next + 1 < count ? next + 1 : 0;
    }
}

struct from_json_value from_json_item(const struct from_json_value *array, size_t index)
{
    struct from_json_value found = { .parent = array, .index = index };
    struct node *a = node_of(array);
    if (a == NULL || a->kind != FROM_JSON_ARRAY || index >= a->count)
        return found;
    if (a->at == 0 || index < a->at_index) {
        a->at = 1;
        a->at_index = 0;
    }
    for (; a->at_index < index; a->at_index++)
        a->at += a[a->at].nodes;
    found.node = a + a->at;
    return found;
}

size_t from_json_count(const struct from_json_value *v)
{
    enum from_json_kind kind = from_json_kind(v);
    return kind == FROM_JSON_ARRAY || kind == FROM_JSON_OBJECT ? node_of(v)->count : 0;
}

bool from_json_each(const struct from_json_value *object, void **iterator, const char **key, struct from_json_value *member)
{
    struct node *o = node_of(object), *n = *iterator;
    if (o == NULL || o->kind != FROM_JSON_OBJECT)
        return false;
    n = n == NULL ? o + 1 : n + 1 + n[1].nodes;
    if (n == o + o->nodes)
        return false;
    *iterator = n;
    *key = n->text.at;
    *member = (struct from_json_value){ .node = n + 1, .parent = object, .key = *key };
    return true;
}

struct path {
    char text[PATH_BYTES];
    size_t bytes;
};

static void add_step(struct path *path, const struct from_json_value *v)
{
    char step[KEY_BYTES + 8];
    if (v->key == NULL)
        snprintf(step, sizeof step, "[%zu]", v->index);
    else
        snprintf(step, sizeof step, "%s%.*s", path->bytes > 0 ? "." : "", KEY_BYTES, v->key);
    size_t bytes = strlen(step);
    if (bytes >= sizeof path->text - path->bytes)
        return;
    memcpy(path->text + path->bytes, step, bytes + 1);
    path->bytes += bytes;
}

/* Recurses as deep as the document, which from_json_parse has bounded. The root has a name only when it stands alone. */
static void add_steps(struct path *path, const struct from_json_value *v)
{
    if (v->parent == NULL)
        return;
    add_steps(path, v->parent);
    add_step(path, v);
}

static void path_of(const struct from_json_value *v, struct path *path)
{
    path->text[0] = '\0';
    path->bytes = 0;
    if (v->parent == NULL)
        add_step(path, v);
    else
        add_steps(path, v);
}

enum err_code from_json_refuse(const struct from_json_value *v, struct err *err, const char *format, ...)
{
    struct path path;
    path_of(v, &path);
    char words[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return err_set(err, ERR_INPUT, "%s: %s", path.text, wanted < 0 ? "refused" : words);
}

static enum err_code refuse_kind(const struct from_json_value *v, const char *wanted, struct err *err)
{
    if (v->node == NULL)
        return from_json_refuse(v, err, "is missing, must be %s", wanted);
    return from_json_refuse(v, err, "must be %s", wanted);
}

enum err_code from_json_text(const struct from_json_value *v, size_t max_bytes, struct span *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_TEXT)
        return refuse_kind(v, "text", err);
    struct span text = node_of(v)->text;
    if (text.bytes > max_bytes)
        return from_json_refuse(v, err, "must be at most %zu bytes long", max_bytes);
    *out = text;
    return OK;
}

enum err_code from_json_int(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_INT)
        return refuse_kind(v, "a whole number", err);
    int64_t number = node_of(v)->number;
    if (number < least || number > most)
        return from_json_refuse(v, err, "must be between %lld and %lld", (long long)least, (long long)most);
    *out = number;
    return OK;
}

enum err_code from_json_bool(const struct from_json_value *v, bool *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_BOOL)
        return refuse_kind(v, "true or false", err);
    *out = node_of(v)->yes;
    return OK;
}

enum err_code from_json_object(const struct from_json_value *v, struct err *err)
{
    return from_json_kind(v) == FROM_JSON_OBJECT ? OK : refuse_kind(v, "an object", err);
}

enum err_code from_json_array(const struct from_json_value *v, size_t max_items, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_ARRAY)
        return refuse_kind(v, "an array", err);
    if (from_json_count(v) > max_items)
        return from_json_refuse(v, err, "must have at most %zu items", max_items);
    return OK;
}

enum err_code from_json_text_opt(const struct from_json_value *v, size_t max_bytes, struct span *out, struct err *err)
{
    return from_json_present(v) ? from_json_text(v, max_bytes, out, err) : OK;
}

enum err_code from_json_int_opt(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    return from_json_present(v) ? from_json_int(v, least, most, out, err) : OK;
}

enum err_code from_json_bool_opt(const struct from_json_value *v, bool *out, struct err *err)
{
    return from_json_present(v) ? from_json_bool(v, out, err) : OK;
}

enum err_code from_json_int_lenient(const struct from_json_value *v, int64_t *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_TEXT)
        return from_json_int(v, INT64_MIN, INT64_MAX, out, err);
    return span_to_i64(node_of(v)->text, out) ? OK : refuse_kind(v, "a whole number", err);
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known != NULL; known++)
        if (strcmp(key, *known) == 0)
            return true;
    return false;
}

static enum err_code refuse_unknown(const struct from_json_value *member, const char *const *known, struct err *err)
{
    const char *nearest = nearest_word(span_of(member->key), known);
    if (nearest == NULL)
        return from_json_refuse(member, err, "is not known here");
    return from_json_refuse(member, err, "is not known here, did you mean %s?", nearest);
}

enum err_code from_json_only(const struct from_json_value *object, const char *const *known, struct err *err)
{
    if (from_json_object(object, err) != OK)
        return ERR_INPUT;
    void *iterator = NULL;
    const char *key;
    struct from_json_value member;
    while (from_json_each(object, &iterator, &key, &member))
        if (!is_known(key, known))
            return refuse_unknown(&member, known, err);
    return OK;
}

/* ---- writing: as jansson does (JSON_COMPACT), which also knows how a real is written ---- */

static void write_text(struct span text, struct buf *out)
{
    static const char named[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
    buf_append_byte(out, '"');
    for (size_t from = 0, at = 0; at <= text.bytes; at++) {
        unsigned char c = at < text.bytes ? (unsigned char)text.at[at] : 0;
        bool escaped = c < 0x20 || c == '"' || c == '\\';
        if (!escaped)
            continue;
        buf_append(out, span_slice(text, from, at - from));
        from = at + 1;
        if (at == text.bytes)
            break;
        if (c >= 0x20 || named[c] != '\0')
            buf_append_byte(out, '\\'), buf_append_byte(out, c >= 0x20 ? (char)c : named[c]);
        else
            buf_format(out, "\\u%04X", c);
    }
    buf_append_byte(out, '"');
}

static int write_piece(const char *piece, size_t bytes, void *out)
{
    return buf_append(out, span_make(piece, bytes)) ? 0 : -1;
}

static void write_real(struct span written, struct buf *out)
{
    char text[64];
    CLEANUP(buf_done) struct buf long_text;
    buf_init(&long_text, written.bytes + 1);
    const char *digits = written.bytes < sizeof text ? memcpy(text, written.at, written.bytes) : buf_append(&long_text, written) ? buf_text(&long_text) : NULL;
    if (digits == text)
        text[written.bytes] = '\0';
    json_t *real = digits != NULL ? json_real(strtod(digits, NULL)) : NULL;
    if (real == NULL || json_dump_callback(real, write_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        out->memory_short |= !out->failed;
        out->failed = true;
    }
    json_decref(real);
}

/* Returns the node behind. Recurses as deep as the document. */
static const struct node *write_node(const struct node *n, struct buf *out)
{
    const struct node *next = n + 1;
    switch (n->kind) {
    case FROM_JSON_TEXT: write_text(n->text, out); break;
    case FROM_JSON_INT: buf_append_i64(out, n->number); break;
    case FROM_JSON_REAL: write_real(n->text, out); break;
    case FROM_JSON_BOOL: buf_append_text(out, n->yes ? "true" : "false"); break;
    case FROM_JSON_ARRAY:
    case FROM_JSON_OBJECT:
        buf_append_byte(out, n->kind == FROM_JSON_ARRAY ? '[' : '{');
        for (uint32_t i = 0; i < n->count; i++) {
            if (i > 0)
                buf_append_byte(out, ',');
            if (n->kind == FROM_JSON_OBJECT) {
                write_text(next->text, out);
                buf_append_byte(out, ':');
                next++;
            }
            next = write_node(next, out);
        }
        buf_append_byte(out, n->kind == FROM_JSON_ARRAY ? ']' : '}');
        break;
    default: buf_append_text(out, "null"); break;
    }
    return next;
}

bool from_json_write(const struct from_json_value *v, struct buf *out)
{
    if (v->node == NULL)
        return false;
    size_t before = out->bytes;
    (void)write_node(node_of(v), out);
    if (!out->failed)
        return true;
    out->bytes = before;
    return false;
}
