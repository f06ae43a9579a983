/* Any bytes: a tree, or mistakes that say why not; every value of a tree can be read by every type. */
#include "posture/base/yaml_read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const words[] = { "allow", "warn", "deny", NULL };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_every_type(const struct yaml_node *n, struct mistakes *m)
{
    struct span text;
    int64_t number;
    bool yes;
    unsigned index;
    if (yaml_text(n, 10, &text, m))
        require(text.bytes <= 10 && span_is_utf8(text));
    if (yaml_int(n, -10, 10, &number, m))
        require(number >= -10 && number <= 10);
    if (yaml_duration(n, &number, m))
        require(number >= 0);
    if (yaml_word(n, words, &index, m))
        require(index < 3);
    require(!yaml_bool(n, &yes, m) || n->plain);
    yaml_only(n, words, m);
    yaml_get(n, "deny");
}

static void walk(const struct yaml_node *n, unsigned depth, struct mistakes *m)
{
    require(depth <= 16 && n->line > 0 && n->column > 0);
    require(n->kind != YAML_SCALAR || n->count == 0);
    read_every_type(n, m);
    for (size_t i = 0; i < n->count; i++)
        walk(&n->children[i], depth + 1, m);
}

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < 0x20 && text.at[i] != '\n')
            return false;
    return span_is_utf8(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(mistakes_done) struct mistakes m;
    CLEANUP(buf_done) struct buf printed;
    mistakes_init(&m);
    buf_init(&printed, 1024 * 1024);
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(span_make(data, bytes), SPAN_LITERAL("policy.yaml"), &m);
    require(tree != NULL || mistakes_errors(&m) > 0);
    if (tree != NULL)
        walk(yaml_root(tree), 0, &m);
    require(mistakes_print(&m, &printed) && is_printable(buf_span(&printed)));
    return 0;
}
