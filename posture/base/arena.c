#include "posture/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first block of the list is the one that is being filled; the rest are full, or were made for one large request. */
struct arena_block {
    struct arena_block *next;
    size_t bytes, used;
    alignas(max_align_t) char data[];
};

enum { ALIGNMENT = alignof(max_align_t) };

void arena_init(struct arena *a, size_t block_bytes, size_t limit_bytes)
{
    *a = (struct arena){ .limit_bytes = limit_bytes, .block_bytes = block_bytes };
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_done(struct arena *a)
{
    if (a == NULL)
        return;
    free_blocks(a->blocks);
    a->blocks = NULL;
    a->used_bytes = 0;
}

/* Takes the first block of ordinary size out of the list; NULL when there is none. A block made for one large request is
 * not kept: one large body would otherwise hold its memory for the rest of the worker's life. */
static struct arena_block *take_ordinary(struct arena *a)
{
    for (struct arena_block **link = &a->blocks; *link != NULL; link = &(*link)->next) {
        struct arena_block *block = *link;
        if (block->bytes > a->block_bytes)
            continue;
        *link = block->next;
        return block;
    }
    return NULL;
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = take_ordinary(a);
    arena_done(a);
    if (kept == NULL)
        return;
    kept->next = NULL;
    kept->used = 0;
    a->blocks = kept;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){ a->blocks, a->blocks != NULL ? a->blocks->used : 0, a->used_bytes };
}

/* Blocks made since stand in front of the marked one; one for a large request may stand behind it, and stays until the arena is reset. The first block of an arena is kept. */
void arena_rewind(struct arena *a, struct arena_mark mark)
{
    if (mark.block == NULL) {
        arena_reset(a);
        return;
    }
    while (a->blocks != mark.block) {
        struct arena_block *newer = a->blocks;
        a->blocks = newer->next;
        free(newer);
    }
    a->blocks->used = mark.used;
    a->used_bytes = mark.used_bytes;
}

static struct arena_block *block_new(size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *block = malloc(sizeof *block + bytes);
    if (block != NULL)
        *block = (struct arena_block){ .bytes = bytes };
    return block;
}

static bool has_room(const struct arena_block *block, size_t bytes)
{
    return block != NULL && block->bytes - block->used >= bytes;
}

/* A block with room for `bytes`; a large one goes behind the one being filled, which stays in use. */
static struct arena_block *block_for(struct arena *a, size_t bytes)
{
    if (has_room(a->blocks, bytes))
        return a->blocks;
    bool large = bytes > a->block_bytes;
    struct arena_block *block = block_new(large ? bytes : a->block_bytes);
    if (block == NULL)
        return NULL;
    struct arena_block **link = large && a->blocks != NULL ? &a->blocks->next : &a->blocks;
    block->next = *link;
    *link = block;
    return block;
}

/* A block with room for `rounded`, within the limit; NULL: refused, or memory is short. */
static struct arena_block *block_within(struct arena *a, size_t bytes, size_t rounded)
{
    bool fits = a->used_bytes <= a->limit_bytes && bytes <= a->limit_bytes - a->used_bytes;
    return fits ? block_for(a, rounded) : NULL;
}

void *arena_alloc_raw(struct arena *a, size_t bytes)
{
    size_t rounded = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; /* never 0, so that NULL always means failure */
    if (rounded < bytes)
        return NULL;
    struct arena_block *block = a->blocks;
    bool fits = block != NULL && block->bytes - block->used >= rounded && a->used_bytes <= a->limit_bytes && bytes <= a->limit_bytes - a->used_bytes;
    if (!fits && (block = block_within(a, bytes > 0 ? bytes : 1, rounded)) == NULL)
        return NULL;
    void *at = block->data + block->used;
    block->used += rounded;
    a->used_bytes += rounded;
    return at;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    void *at = arena_alloc_raw(a, bytes);
    return at != NULL ? memset(at, 0, bytes > 0 ? bytes : 1) : NULL;
}

void *arena_array(struct arena *a, size_t count, size_t each_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, each_bytes, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

struct span arena_copy(struct arena *a, struct span s)
{
    if (s.bytes == 0)
        return (struct span){ "", 0 };
    char *copy = s.bytes == SIZE_MAX ? NULL : arena_alloc_raw(a, s.bytes + 1);
    if (copy == NULL)
        return SPAN_NONE;
    memcpy(copy, s.at, s.bytes);
    copy[s.bytes] = '\0';
    return (struct span){ copy, s.bytes };
}

struct span arena_copy_text(struct arena *a, const char *text)
{
    return arena_copy(a, span_of(text));
}

static struct span format_into(struct arena *a, int wanted, const char *format, va_list arguments)
{
    char *text = wanted < 0 ? NULL : arena_alloc(a, (size_t)wanted + 1);
    if (text == NULL)
        return SPAN_NONE;
    vsnprintf(text, (size_t)wanted + 1, format, arguments);
    return (struct span){ text, (size_t)wanted };
}

struct span arena_format(struct arena *a, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int wanted = vsnprintf(NULL, 0, format, arguments);
    struct span text = format_into(a, wanted, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}
