/* yaml_read: our strict subset of YAML (docs/policy.md: one UTF-8 document; block and flow collections and scalars; no anchors,
 * aliases, tags, merge keys or directives; duplicate keys refused; at most 1 MiB, depth 16, 50,000 nodes), read with libyaml
 * into a tree that remembers where everything stood. JSON is inside the subset, so the same reader serves the API.
 * Scalars are text; the reader of an option decides what type they are. Mistakes are collected, all of them, as
 * file:line:column: message. Thread: a tree is immutable after reading. */
#ifndef POSTURE_BASE_YAML_READ_H
#define POSTURE_BASE_YAML_READ_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"

struct mistake {
    struct span file;
    unsigned line, column; /* 1-based; 0 when about the whole file */
    struct span text;
};
/* A growing list of mistakes; `warnings` do not fail a check. Owns its texts (arena). At most 1,000 are kept. */
struct mistakes {
    struct arena arena;
    struct mistake *all;
    size_t count, room, dropped; /* `dropped` counts errors past the limit; warnings past it are forgotten */
    size_t warnings; /* how many of `all` are only warnings: their text starts with "warning: " */
};
void mistakes_init(struct mistakes *m);
void mistakes_done(struct mistakes *m);
/* How many are errors, the dropped ones included. */
size_t mistakes_errors(const struct mistakes *m);
/* "file:line:column: message\n" each, sorted by place. */
bool mistakes_print(const struct mistakes *m, struct buf *out);
struct to_json;
/* The member "mistakes": [{"file", "line", "column", "message", "warning"}]; no file where it is not known. */
void mistakes_to_json(const struct mistakes *m, struct to_json *w);

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column;
    struct span file;      /* name for messages */
    struct span text;      /* scalar */
    bool plain;            /* scalar written without quotes */
    struct span key;       /* when this node is a mapping's value */
    unsigned key_line, key_column;
    const struct yaml_node *children; /* items or values, in file order */
    size_t count;
    bool *used;            /* of a mapping: which values were asked for by yaml_get */
};
struct yaml_tree;
/* Returns NULL only when the root could not be read to its end (syntax, limits, memory); mistakes say why. Other mistakes
 * leave a tree, without the members that could not be understood. `file` is copied. Owned. */
struct yaml_tree *yaml_read(struct span text, struct span file, struct mistakes *mistakes);
void yaml_tree_free(struct yaml_tree *t);
void yaml_tree_freep(struct yaml_tree **t);
const struct yaml_node *yaml_root(const struct yaml_tree *t);

void yaml_mistake(struct mistakes *m, const struct yaml_node *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void yaml_warning(struct mistakes *m, const struct yaml_node *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The value of a key, NULL when absent; marks it as used. Not a mapping: NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);
/* Reports every key of a mapping that is not in `known` (NULL-terminated), with the nearest known one. */
void yaml_only(const struct yaml_node *mapping, const char *const *known, struct mistakes *m);
/* Typed reads of a scalar; false after reporting the mistake. NULL node: false, silently (absent). */
bool yaml_text(const struct yaml_node *n, size_t max_bytes, struct span *out, struct mistakes *m);
bool yaml_int(const struct yaml_node *n, int64_t least, int64_t most, int64_t *out, struct mistakes *m);
bool yaml_bool(const struct yaml_node *n, bool *out, struct mistakes *m); /* true or false only, plain */
bool yaml_duration(const struct yaml_node *n, int64_t *seconds, struct mistakes *m);
/* Index of the scalar in `words` (NULL-terminated); reports the allowed words otherwise. */
bool yaml_word(const struct yaml_node *n, const char *const *words, unsigned *index, struct mistakes *m);
/* "off", "none" or "false", plain: how a policy switches a rule off. */
bool yaml_is_off(const struct yaml_node *n);
/* The nearest of `known` within 2 edits (fewer than the word has letters), or NULL. */
const char *nearest_word(struct span word, const char *const *known);

#endif
