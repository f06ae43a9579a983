/* What is asked of a document: members, items, and typed values that name the path of whatever is wrong. */
#include "posture/base/from_json_node.h"

#include "posture/base/yaml_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 160, KEY_BYTES = 48 };

struct from_json_value from_json_root(const struct from_json *doc)
{
    return (struct from_json_value){ .node = &doc->nodes[0], .key = doc->what };
}

enum from_json_kind from_json_kind(const struct from_json_value *v)
{
    return v->node == NULL ? FROM_JSON_ABSENT : (enum from_json_kind)from_json_node_of(v)->kind;
}

bool from_json_present(const struct from_json_value *v)
{
    enum from_json_kind kind = from_json_kind(v);
    return kind != FROM_JSON_ABSENT && kind != FROM_JSON_NULL;
}

/* Both texts end in NUL, so there is a first byte. */
static inline bool is_called(const struct from_json_node *key, struct span name)
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
    const struct from_json_node *o = from_json_node_of(object);
    if (o == NULL || o->kind != FROM_JSON_OBJECT)
        return found;
    const struct from_json_node *n = o + 1;
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
    const struct from_json_node *o = from_json_node_of(object);
    for (size_t k = 0; k < count; k++)
        out[k] = (struct from_json_value){ .parent = object, .key = keys[k].at };
    if (o == NULL || o->kind != FROM_JSON_OBJECT)
        return;
    const struct from_json_node *n = o + 1;
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
    struct from_json_node *a = from_json_node_of(array);
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
    return kind == FROM_JSON_ARRAY || kind == FROM_JSON_OBJECT ? from_json_node_of(v)->count : 0;
}

bool from_json_each(const struct from_json_value *object, void **iterator, const char **key, struct from_json_value *member)
{
    struct from_json_node *o = from_json_node_of(object), *n = *iterator;
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
    if (err == NULL) /* readers that are lenient ask a million times in a body that is nothing but wrong */
        return ERR_INPUT;
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
    struct span text = from_json_node_of(v)->text;
    if (text.bytes > max_bytes)
        return from_json_refuse(v, err, "must be at most %zu bytes long", max_bytes);
    *out = text;
    return OK;
}

enum err_code from_json_int(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_INT)
        return refuse_kind(v, "a whole number", err);
    int64_t number = from_json_node_of(v)->number;
    if (number < least || number > most)
        return from_json_refuse(v, err, "must be between %lld and %lld", (long long)least, (long long)most);
    *out = number;
    return OK;
}

enum err_code from_json_bool(const struct from_json_value *v, bool *out, struct err *err)
{
    if (from_json_kind(v) != FROM_JSON_BOOL)
        return refuse_kind(v, "true or false", err);
    *out = from_json_node_of(v)->yes;
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
    return span_to_i64(from_json_node_of(v)->text, out) ? OK : refuse_kind(v, "a whole number", err);
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
