/* from_json_node: how a document lies in memory. Private to posture/base/from_json*.c.
 * A document is one block: the values in the order of the text, then a copy of the text, in which texts are unescaped in place and end in NUL. */
#ifndef POSTURE_BASE_FROM_JSON_NODE_H
#define POSTURE_BASE_FROM_JSON_NODE_H
#include "posture/base/from_json.h"

#include <stdint.h>

/* Members are a node for the key, then the value's. */
struct from_json_node {
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
    struct from_json_node nodes[];
};

/* Walking keeps its place in arrays, so nodes are not const here. */
static inline struct from_json_node *from_json_node_of(const struct from_json_value *v) { return (struct from_json_node *)(uintptr_t)v->node; }
#endif
