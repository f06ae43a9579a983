/* yaml_place: where a mistake stands, for what knows more exact places than a node's. Private to posture/base/yaml_*.c. */
#ifndef POSTURE_BASE_YAML_PLACE_H
#define POSTURE_BASE_YAML_PLACE_H
#include "posture/base/yaml_read.h"

enum { YAML_MISTAKE_BYTES = 400 /* the longest message */, YAML_QUOTED_BYTES = 64 /* of a key or word that it quotes */ };
struct yaml_place {
    struct span file;
    unsigned line, column; /* 1-based; 0 when about the whole file */
};
/* Of the key under which the node stands. */
struct yaml_place yaml_key_place(const struct yaml_node *node);
void yaml_mistake_at(struct mistakes *m, struct yaml_place at, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
