#include "posture/base/from_json.h"

#include "posture/base/buf.h"
#include "posture/base/yaml_read.h"

#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 160, KEY_BYTES = 48 };

struct from_json {
    json_t *root;
    char *what;
};

void from_json_free(struct from_json *doc)
{
    if (doc == NULL)
        return;
    json_decref(doc->root);
    free(doc->what);
    free(doc);
}

void from_json_freep(struct from_json **doc)
{
    from_json_free(*doc);
}

/* Position after the text that starts at `start`, which is a quote; the end of `text` when it is never closed. */
static size_t skip_text(struct span text, size_t start)
{
    size_t at = start + 1;
    while (at < text.bytes && text.at[at] != '"')
        at += text.at[at] == '\\' ? 2 : 1;
    return at < text.bytes ? at + 1 : text.bytes;
}

/* jansson recurses up to 2,048 levels when it reads, writes and frees: more than a thread's stack may hold. So levels are
 * counted here, before it sees the text. Whether brackets match is left to it. */
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
static enum err_code refuse_syntax(const json_error_t *error, const char *what, struct err *err)
{
    if (json_error_code(error) == json_error_null_character)
        return err_set(err, ERR_INPUT, "%s: line %d, column %d: NUL is not allowed in text", what, error->line, error->column);
    struct span message = span_of(error->text);
    message = span_slice(message, 0, span_search(message, SPAN_LITERAL(" near ")));
    return err_set(err, ERR_INPUT, "%s: line %d, column %d: %.*s", what, error->line, error->column, SPAN_ARGS(message));
}

static struct from_json *doc_new(const char *what)
{
    struct from_json *doc = calloc(1, sizeof *doc);
    if (doc == NULL)
        return NULL;
    doc->what = span_dup(span_of(what));
    if (doc->what == NULL) {
        free(doc);
        return NULL;
    }
    return doc;
}

static enum err_code load(struct from_json *doc, struct span text, struct err *err)
{
    json_error_t error;
    doc->root = json_loadb(text.at, text.bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (doc->root != NULL)
        return OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return err_set(err, ERR_MEMORY, "%s: memory is short", doc->what);
    return refuse_syntax(&error, doc->what, err);
}

void from_json_seed(size_t seed) { json_object_seed(seed); }

enum err_code from_json_parse(struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err)
{
    if (text.bytes > limits.max_bytes)
        return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", what, limits.max_bytes);
    if (text.bytes == 0)
        return err_set(err, ERR_INPUT, "%s: is empty", what);
    /* jansson takes a NUL outside of text for the end, and so would let anything follow behind it */
    if (span_find(text, '\0') < text.bytes)
        return err_set(err, ERR_INPUT, "%s: has a NUL byte", what);
    if (too_deep(text, limits.max_depth))
        return err_set(err, ERR_LIMIT, "%s: nested more than %u deep", what, limits.max_depth);
    CLEANUP(from_json_freep) struct from_json *doc = doc_new(what);
    if (doc == NULL)
        return err_set(err, ERR_MEMORY, "%s: memory is short", what);
    enum err_code code = load(doc, text, err);
    if (code == OK)
        *out = TAKE(doc);
    return code;
}

static const json_t *node_of(const struct from_json_value *v)
{
    return v->node;
}

/* jansson's iterators and dumper want a pointer to non-const, but change nothing. */
static json_t *lent(const struct from_json_value *v)
{
    return (json_t *)(uintptr_t)v->node;
}

struct from_json_value from_json_root(const struct from_json *doc)
{
    return (struct from_json_value){ .node = doc->root, .key = doc->what };
}

enum from_json_kind from_json_kind(const struct from_json_value *v)
{
    if (v->node == NULL)
        return FROM_JSON_ABSENT;
    switch (json_typeof(node_of(v))) {
    case JSON_OBJECT: return FROM_JSON_OBJECT;
    case JSON_ARRAY: return FROM_JSON_ARRAY;
    case JSON_STRING: return FROM_JSON_TEXT;
    case JSON_INTEGER: return FROM_JSON_INT;
    case JSON_REAL: return FROM_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE: return FROM_JSON_BOOL;
    case JSON_NULL: break;
    }
    return FROM_JSON_NULL;
}

bool from_json_present(const struct from_json_value *v)
{
    enum from_json_kind kind = from_json_kind(v);
    return kind != FROM_JSON_ABSENT && kind != FROM_JSON_NULL;
}

struct from_json_value from_json_member(const struct from_json_value *object, const char *key)
{
    /* json_object_get gives NULL for whatever is not an object */
    return (struct from_json_value){ .node = json_object_get(node_of(object), key), .parent = object, .key = key };
}

struct from_json_value from_json_item(const struct from_json_value *array, size_t index)
{
    return (struct from_json_value){ .node = json_array_get(node_of(array), index), .parent = array, .index = index };
}

size_t from_json_count(const struct from_json_value *v)
{
    switch (from_json_kind(v)) {
    case FROM_JSON_ARRAY: return json_array_size(node_of(v));
    case FROM_JSON_OBJECT: return json_object_size(node_of(v));
    default: return 0;
    }
}

bool from_json_each(const struct from_json_value *object, void **iterator, const char **key, struct from_json_value *member)
{
    json_t *node = lent(object);
    *iterator = *iterator == NULL ? json_object_iter(node) : json_object_iter_next(node, *iterator);
    if (*iterator == NULL)
        return false;
    *key = json_object_iter_key(*iterator);
    *member = (struct from_json_value){ .node = json_object_iter_value(*iterator), .parent = object, .key = *key };
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
    struct span text = { json_string_value(node_of(v)), json_string_length(node_of(v)) };
    if (text.bytes > max_bytes)
        return from_json_refuse(v, err, "must be at most %zu bytes long", max_bytes);
    *out = text;
    return OK;
}

enum err_code from_json_int(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_INT)
        return refuse_kind(v, "a whole number", err);
    int64_t number = json_integer_value(node_of(v));
    if (number < least || number > most)
        return from_json_refuse(v, err, "must be between %lld and %lld", (long long)least, (long long)most);
    *out = number;
    return OK;
}

enum err_code from_json_bool(const struct from_json_value *v, bool *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_BOOL)
        return refuse_kind(v, "true or false", err);
    *out = json_is_true(node_of(v));
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
    struct span digits = { json_string_value(node_of(v)), json_string_length(node_of(v)) };
    return span_to_i64(digits, out) ? OK : refuse_kind(v, "a whole number", err);
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

static int write_piece(const char *piece, size_t bytes, void *out)
{
    return buf_append(out, span_make(piece, bytes)) ? 0 : -1;
}

bool from_json_write(const struct from_json_value *v, struct buf *out)
{
    if (v->node == NULL)
        return false;
    size_t before = out->bytes;
    if (json_dump_callback(node_of(v), write_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return true;
    out->memory_short |= !out->failed; /* jansson stops only for the buf or for memory */
    out->failed = true;
    out->bytes = before;
    return false;
}
