/* arena: memory that lives as long as one request (or one record). Nothing is freed singly.
 * Thread: belongs to its owner. */
#ifndef POSTURE_BASE_ARENA_H
#define POSTURE_BASE_ARENA_H
#include "posture/base/err.h"
#include "posture/base/span.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used_bytes, limit_bytes, block_bytes;
};

/* `block_bytes` is the size of the first and following blocks (larger requests get their own). Allocates nothing yet. */
void arena_init(struct arena *a, size_t block_bytes, size_t limit_bytes);
void arena_done(struct arena *a);  /* NULL, zeroed and repeated are fine */
void arena_reset(struct arena *a); /* forgets everything, keeps one block */
/* How full it is; going back to there forgets what was made since. Marks are gone back to in the reverse order of their making. */
struct arena_mark { struct arena_block *block; size_t used, used_bytes; };
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);
/* Zeroed, aligned for any type; NULL past the limit or when memory is short. */
void *arena_alloc(struct arena *a, size_t bytes);
/* The same, with whatever was there before: for what is written whole at once. */
void *arena_alloc_raw(struct arena *a, size_t bytes);
/* count * each with an overflow check; zeroed. */
void *arena_array(struct arena *a, size_t count, size_t each_bytes);
/* NUL-terminated copy; {NULL,0} on failure unless s is empty. */
struct span arena_copy(struct arena *a, struct span s);
struct span arena_copy_text(struct arena *a, const char *text);
struct span arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
