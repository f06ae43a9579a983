/* json_shape: the texts of an object whose members are known beforehand, without a tree of values: for questions that are asked a hundred thousand times a second.
 * It reads what is plain and refuses the rest without a word: from_json, which reads everything, then reads it too, or says what is wrong. What is read here, from_json reads alike. */
#ifndef POSTURE_BASE_JSON_SHAPE_H
#define POSTURE_BASE_JSON_SHAPE_H
#include "posture/base/arena.h"
#include "posture/base/span.h"

#include <stdint.h>

enum { JSON_SHAPE_MEMBERS = 4, JSON_SHAPE_NAME_BYTES = 24 };

/* Of each member: its name with the closing quote, so that comparing finds where it ends; the place of what it says; what it is. */
struct json_shape;
struct json_shape_member {
    char name[JSON_SHAPE_NAME_BYTES];
    unsigned name_bytes;             /* the quote too */
    unsigned place;                  /* below 32, and no other member's, in all of the shape */
    const struct json_shape *object; /* NULL: a text */
};
struct json_shape { unsigned count; struct json_shape_member members[JSON_SHAPE_MEMBERS]; };
#define JSON_SHAPE_MEMBER(name, place, object) { name "\"", sizeof(name), place, object }

/* What stood at which place: `texts` of those that `seen` has a bit for, and are texts. They end in NUL and live as long as the arena. */
struct json_shape_found { uint32_t seen; struct span texts[32]; };

/* True: `text` is one object with these members and no others, each at most once, each of its kind, texts in ASCII without escapes; its objects likewise. `found` is set.
 * False: it is not, it is longer than `max_bytes`, or memory is short. */
bool json_shape_read(struct arena *arena, struct span text, size_t max_bytes, const struct json_shape *shape, struct json_shape_found *found);

#endif
