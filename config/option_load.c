#include "config/option.h"

#include "posture/base/clock.h"
#include "posture/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 4096, SECRET_FILE_BYTES = 64 * 1024, LIST_ITEMS = 1024, NAME_BYTES = 128 };

struct loader {
    struct arena *arena;
    struct mistakes *mistakes;
    bool read_secrets;
};

/* ---- names ---- */

/* The first part of "a.b.c" after `prefix`, or NULL when the name does not lie below it. */
static bool name_below(const char *name, const char *prefix, size_t prefix_bytes, struct span *part, bool *leaf)
{
    if (strncmp(name, prefix, prefix_bytes) != 0)
        return false;
    const char *rest = name + prefix_bytes;
    const char *dot = strchr(rest, '.');
    *part = dot != NULL ? span_make(rest, (size_t)(dot - rest)) : span_of(rest);
    *leaf = dot == NULL;
    return !span_empty(*part);
}

static void environment_name(const char *name, char out[NAME_BYTES])
{
    size_t at = (size_t)snprintf(out, NAME_BYTES, "POSTERN_");
    for (; *name != '\0' && at + 1 < NAME_BYTES; name++)
        out[at++] = *name == '.' ? '_' : (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
    out[at] = '\0';
}

/* Where a dotted name stands in the tree; NULL when absent. */
static const struct yaml_node *find(const struct yaml_node *root, const char *name)
{
    struct span rest = span_of(name), part;
    const struct yaml_node *node = root;
    while (node != NULL && span_cut(&rest, '.', &part)) {
        char key[NAME_BYTES];
        snprintf(key, sizeof key, "%.*s", SPAN_ARGS(part));
        node = yaml_get(node, key);
    }
    return node;
}

/* ---- values ---- */

static bool refuse(struct loader *l, const struct yaml_node *at, const struct option *o, const char *must)
{
    yaml_mistake(l->mistakes, at, "%s must be %s", o->name, must);
    return false;
}

static bool secret_from_file(struct loader *l, const struct yaml_node *at, const struct option *o, const char *path, struct span *out)
{
    struct buf content;
    struct err err;
    buf_init(&content, SECRET_FILE_BYTES);
    if (file_read(path, SECRET_FILE_BYTES, &content, &err) != OK) {
        yaml_mistake(l->mistakes, at, "%s: %s", o->name, err.text);
        buf_wipe(&content);
        return false;
    }
    struct span text = o->kind == OPTION_FILE ? buf_span(&content) : span_trim(buf_span(&content));
    *out = arena_copy(l->arena, text);
    if (o->file_offset != 0)
        *(struct span *)(void *)((char *)out - o->offset + o->file_offset) = arena_copy_text(l->arena, path);
    buf_wipe(&content);
    return true;
}

static bool secret_from_environment(struct loader *l, const struct yaml_node *at, const struct option *o, const char *name, struct span *out)
{
    const char *value = getenv(name);
    if (value == NULL) {
        yaml_mistake(l->mistakes, at, "%s: the environment has no %s", o->name, name);
        return false;
    }
    *out = arena_copy_text(l->arena, value);
    return true;
}

static bool secret_from_credential(struct loader *l, const struct yaml_node *at, const struct option *o, const char *name, struct span *out)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"); /* systemd.exec(5), LoadCredential= */
    if (folder == NULL || strchr(name, '/') != NULL) {
        yaml_mistake(l->mistakes, at, "%s: no credential %s (is CREDENTIALS_DIRECTORY set?)", o->name, name);
        return false;
    }
    struct span path = arena_format(l->arena, "%s/%s", folder, name);
    return path.at != NULL && secret_from_file(l, at, o, path.at, out);
}

static bool load_reference(struct loader *l, const struct yaml_node *at, const struct option *o, struct span text, struct span *out)
{
    static const struct {
        struct span prefix;
        bool (*read)(struct loader *, const struct yaml_node *, const struct option *, const char *, struct span *);
    } kinds[] = {
        { { "file:", 5 }, secret_from_file },
        { { "env:", 4 }, secret_from_environment },
        { { "credential:", 11 }, secret_from_credential },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!span_starts(text, kinds[i].prefix))
            continue;
        struct span rest = arena_copy(l->arena, span_slice(text, kinds[i].prefix.bytes, text.bytes));
        if (span_empty(rest))
            break;
        if (l->read_secrets)
            return kinds[i].read(l, at, o, rest.at, out);
        if (o->kind == OPTION_SECRET)
            *out = arena_copy(l->arena, text);
        return true;
    }
    return refuse(l, at, o, "a reference (file:PATH, env:NAME or credential:NAME), never the secret itself");
}

static bool load_number(struct loader *l, const struct yaml_node *at, const struct option *o, int64_t value, int64_t *out)
{
    char least[CLOCK_TEXT_BYTES], most[CLOCK_TEXT_BYTES];
    if ((o->least == 0 && o->most == 0) || (value >= o->least && value <= o->most)) {
        *out = value;
        return true;
    }
    if (o->kind == OPTION_DURATION)
        yaml_mistake(l->mistakes, at, "%s must be between %s and %s", o->name, duration_text(o->least, least), duration_text(o->most, most));
    else
        yaml_mistake(l->mistakes, at, "%s must be between %lld and %lld%s%s", o->name, (long long)o->least, (long long)o->most, o->unit ? " " : "", o->unit ? o->unit : "");
    return false;
}

/* One scalar, from the file, the environment or the default; `at` may be NULL (then mistakes have no place). */
static bool load_scalar(struct loader *l, const struct yaml_node *at, const struct option *o, struct span text, void *field)
{
    int64_t number = 0;
    switch (o->kind) {
    case OPTION_TEXT:
        *(struct span *)field = arena_copy(l->arena, text);
        return true;
    case OPTION_INT:
        return span_to_i64(text, &number) ? load_number(l, at, o, number, field) : refuse(l, at, o, "a whole number");
    case OPTION_DURATION:
        return duration_parse(text, &number) ? load_number(l, at, o, number, field) : refuse(l, at, o, "a duration such as 30s, 10m, 2h or 3d");
    case OPTION_BOOL:
        if (!span_equal_text(text, "true") && !span_equal_text(text, "false"))
            return refuse(l, at, o, "true or false");
        *(bool *)field = span_equal_text(text, "true");
        return true;
    case OPTION_SECRET:
    case OPTION_FILE:
        return load_reference(l, at, o, text, field);
    case OPTION_LIST:
    case OPTION_ITEMS:
        break;
    }
    return refuse(l, at, o, "a list");
}

static bool load_list(struct loader *l, const struct yaml_node *at, const struct option *o, struct option_list *out)
{
    if (at->kind != YAML_SEQUENCE || at->count > LIST_ITEMS)
        return refuse(l, at, o, "a list of texts");
    struct span *all = arena_array(l->arena, at->count, sizeof *all);
    bool good = all != NULL;
    for (size_t i = 0; good && i < at->count; i++) {
        struct span text;
        good = yaml_text(&at->children[i], TEXT_BYTES, &text, l->mistakes);
        if (good)
            all[i] = arena_copy(l->arena, text);
    }
    if (good)
        *out = (struct option_list){ all, at->count };
    return good;
}

static bool load_rows(struct loader *l, const struct yaml_node *root, const struct option *rows, size_t count, void *target, bool environment);
static void refuse_unknown(struct loader *l, const struct yaml_node *root, const struct option_group *groups, size_t count);

static bool load_items(struct loader *l, const struct yaml_node *at, const struct option *o, struct option_items *out)
{
    if (at->kind != YAML_SEQUENCE || at->count > LIST_ITEMS)
        return refuse(l, at, o, "a list of mappings");
    char *all = arena_array(l->arena, at->count, o->item_bytes);
    bool good = all != NULL;
    for (size_t i = 0; all != NULL && i < at->count; i++) {
        if (at->children[i].kind != YAML_MAPPING) {
            good = refuse(l, &at->children[i], o, "a list of mappings");
            continue;
        }
        struct option_group group = { o->name, o->rows, o->row_count, all + i * o->item_bytes };
        refuse_unknown(l, &at->children[i], &group, 1);
        good = load_rows(l, &at->children[i], o->rows, o->row_count, group.target, false) && good;
    }
    if (good)
        *out = (struct option_items){ all, at->count };
    return good;
}

static bool load_option(struct loader *l, const struct yaml_node *root, const struct option *o, void *field, bool environment)
{
    char name[NAME_BYTES];
    environment_name(o->name, name);
    const char *value = environment && o->kind != OPTION_LIST && o->kind != OPTION_ITEMS ? getenv(name) : NULL;
    const struct yaml_node *at = root != NULL ? find(root, o->name) : NULL;
    if (value != NULL)
        return load_scalar(l, at, o, span_of(value), field);
    if (at != NULL && o->kind == OPTION_LIST)
        return load_list(l, at, o, field);
    if (at != NULL && o->kind == OPTION_ITEMS)
        return load_items(l, at, o, field);
    if (at != NULL) {
        struct span text;
        return yaml_text(at, TEXT_BYTES, &text, l->mistakes) && load_scalar(l, at, o, text, field);
    }
    if (o->fallback != NULL && o->kind != OPTION_LIST && o->kind != OPTION_ITEMS)
        return load_scalar(l, root, o, span_of(o->fallback), field);
    if (o->required)
        return refuse(l, root, o, "given");
    return true;
}

static bool load_rows(struct loader *l, const struct yaml_node *root, const struct option *rows, size_t count, void *target, bool environment)
{
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = load_option(l, root, &rows[i], (char *)target + rows[i].offset, environment) && good;
    return good;
}

/* ---- unknown keys ---- */

enum { KNOWN_KEYS = 128, PREFIX_BYTES = 128 };

/* Reports the keys of `node` that no row names below `prefix` ("listen.public."), then looks into the mappings between. */
static void refuse_unknown_below(struct loader *l, const struct yaml_node *node, const char *prefix, const struct option_group *groups, size_t count)
{
    char names[KNOWN_KEYS][64];
    const char *known[KNOWN_KEYS + 1];
    bool leaves[KNOWN_KEYS];
    size_t found = 0;
    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count && found < KNOWN_KEYS; i++) {
            struct span part;
            bool leaf, again = false;
            if (!name_below(groups[g].rows[i].name, prefix, strlen(prefix), &part, &leaf))
                continue;
            for (size_t k = 0; k < found; k++)
                again = again || span_equal_text(part, names[k]);
            if (again)
                continue;
            snprintf(names[found], sizeof names[found], "%.*s", SPAN_ARGS(part));
            leaves[found] = leaf;
            known[found] = names[found];
            found++;
        }
    }
    known[found] = NULL;
    yaml_only(node, known, l->mistakes);
    for (size_t k = 0; k < found; k++) {
        const struct yaml_node *child = leaves[k] ? NULL : yaml_get(node, names[k]);
        char below[PREFIX_BYTES];
        if (child == NULL)
            continue;
        if (child->kind != YAML_MAPPING) {
            yaml_mistake(l->mistakes, child, "%s%s must be a mapping", prefix, names[k]);
            continue;
        }
        snprintf(below, sizeof below, "%s%s.", prefix, names[k]);
        refuse_unknown_below(l, child, below, groups, count);
    }
}

static void refuse_unknown(struct loader *l, const struct yaml_node *root, const struct option_group *groups, size_t count)
{
    refuse_unknown_below(l, root, "", groups, count);
}

bool option_load(const struct yaml_tree *tree, const struct option_group *groups, size_t count, bool read_secrets, struct arena *arena, struct mistakes *mistakes)
{
    struct loader l = { arena, mistakes, read_secrets };
    const struct yaml_node *root = tree != NULL ? yaml_root(tree) : NULL;
    if (root != NULL && root->kind != YAML_MAPPING) {
        yaml_mistake(mistakes, root, "the file must be a mapping of options");
        return false;
    }
    size_t before = mistakes_errors(mistakes);
    if (root != NULL)
        refuse_unknown(&l, root, groups, count);
    for (size_t g = 0; g < count; g++)
        (void)load_rows(&l, root, groups[g].rows, groups[g].count, groups[g].target, true);
    return mistakes_errors(mistakes) == before;
}
