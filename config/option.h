/* option: how any option is described; this layer owns no option itself. A module keeps its rows beside the struct they fill:
 *
 *   static const struct option rows[] = {
 *       { .name = "store.redis", .kind = OPTION_TEXT, .offset = offsetof(struct x, url), .help = "...", .example = "redis://127.0.0.1:6379/0" }, ... };
 *
 * Texts land in the loader's arena and live as long as it. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H
#include "posture/base/yaml_read.h"

enum option_kind {
    OPTION_TEXT,     /* struct span */
    OPTION_INT,      /* int64_t, within least..most */
    OPTION_BOOL,     /* bool */
    OPTION_DURATION, /* int64_t seconds, within least..most */
    OPTION_SECRET,   /* struct span: the secret itself, read from file:PATH, env:NAME or credential:NAME; a literal is refused */
    OPTION_FILE,     /* struct span: the content of file:PATH (certificates, keys), other references as for a secret */
    OPTION_LIST,     /* struct option_list of texts */
    OPTION_ITEMS     /* struct option_items: a list of mappings, each filled by `rows` into a zeroed struct of `item_bytes` */
};
struct option_list { const struct span *all; size_t count; };
struct option_items { void *all; size_t count; };

struct option {
    const char *name;           /* dotted path in the file: "listen.public.address" */
    enum option_kind kind;
    size_t offset;
    int64_t least, most;        /* INT and DURATION; both 0: unbounded */
    const char *fallback;       /* the default, written as in the file; NULL: absent */
    const char *unit;           /* "bytes", "connections"; NULL */
    const char *help;           /* one or two sentences for the reference page */
    const char *example;        /* for the sample file; NULL: the default */
    bool required;
    size_t file_offset;         /* SECRET: where (struct span) the path of the file it was read from is put, for those who read it again; 0: nowhere */
    const struct option *rows; size_t row_count, item_bytes; /* OPTION_ITEMS */
};
struct option_group { const char *title; const struct option *rows; size_t count; void *target; };

/* Reads the tree (NULL: defaults only) and the environment (POSTERN_LISTEN_PUBLIC_ADDRESS for listen.public.address; scalars only, environment wins)
 * into the groups' targets. Every mistake is reported at once; unknown keys with the nearest known one. `read_secrets` false checks the form of
 * references without opening them (postern check): a secret is then its reference, so that one that is missing can be told. False when something is wrong. Texts live in `arena`. */
bool option_load(const struct yaml_tree *tree, const struct option_group *groups, size_t count, bool read_secrets, struct arena *arena, struct mistakes *mistakes);
/* docs/configuration.md and deploy/postern.yaml, from the same rows. */
bool option_describe_page(const struct option_group *groups, size_t count, struct buf *out);
bool option_describe_sample(const struct option_group *groups, size_t count, struct buf *out);

#endif
