/* directory_index: hash -> numbers of entries, eight bytes a place. One writer, readers without a lock: the caller's read side (liburcu) keeps alive what a walk stands
 * on, and `retire` frees what was replaced once nobody can. An index knows no keys: whoever walks checks each entry himself, and may meet some that do not have his key.
 * Equal hashes are fine and are all met. Private to posture/directory*.c. */
#ifndef POSTURE_DIRECTORY_INDEX_H
#define POSTURE_DIRECTORY_INDEX_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct directory_slots;
struct directory_index {
    struct directory_slots *_Atomic slots;
    size_t count, used;            /* entries; places that are not empty, tombstones too. The writer's */
    void (*retire)(void *context, void *slots); /* frees it when no reader is left */
    void *context;
};
bool directory_index_init(struct directory_index *ix, void (*retire)(void *, void *), void *context); /* false when memory is short */
void directory_index_done(struct directory_index *ix); /* no reader is left */
size_t directory_index_bytes(const struct directory_index *ix);

/* The writer. Adding what is there changes nothing; false when memory is short. */
bool directory_index_add(struct directory_index *ix, uint64_t hash, uint32_t number);
/* It will be looked for or added soon: its place is fetched into the cache meanwhile. */
void directory_index_soon(const struct directory_index *ix, uint64_t hash);
void directory_index_remove(struct directory_index *ix, uint64_t hash, uint32_t number);

/* Readers: start, then next until false. */
struct directory_walk { const struct directory_slots *slots; size_t at, step; uint32_t tag; };
struct directory_walk directory_index_start(const struct directory_index *ix, uint64_t hash);
bool directory_index_next(struct directory_walk *w, uint32_t *number);
#endif
