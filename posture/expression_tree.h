/* expression_tree: what expression_parse.c builds and expression.c reads. Private to the two. */
#ifndef POSTURE_EXPRESSION_TREE_H
#define POSTURE_EXPRESSION_TREE_H
#include "posture/expression.h"

enum node_kind {
    NODE_OR, NODE_AND, NODE_NOT, NODE_COMPARE, NODE_IN, NODE_ANY, NODE_ALL,
    NODE_ROWS, NODE_COLUMN, NODE_FACT, NODE_NUMBER, NODE_TEXT, NODE_VERSION, NODE_BOOL
};
enum node_type { TYPE_TRUTH, TYPE_NUMBER, TYPE_TEXT, TYPE_VERSION, TYPE_OBSERVED /* whatever the device says */ };
enum compare_operator { COMPARE_EQUAL, COMPARE_DIFFERENT, COMPARE_LESS, COMPARE_AT_MOST, COMPARE_MORE, COMPARE_AT_LEAST };

struct expression {
    enum node_kind kind;
    enum node_type type;
    enum compare_operator operator;
    const struct expression *first; /* parts, operands, or the value and the items of `in` */
    struct expression *next;        /* sibling: a chain of `and` is wide, not deep */
    int64_t number;                 /* also seconds of a duration, and true as 1 */
    struct span text;               /* NUL-terminated */
};

#endif
