#include "posture/text_pool.h"

#include "posture/base/arena.h"

#include <stdlib.h>

/* Numbers lead to texts through two steps, so that nothing moves while somebody reads. */
enum { PAGE = 1024, PAGES = TEXT_POOL_MOST / PAGE, SLOTS = 2 * TEXT_POOL_MOST, ARENA_BLOCK_BYTES = 32 * 1024, ARENA_LIMIT_BYTES = 8 * 1024 * 1024 };

struct text_pool {
    struct arena arena;
    uint64_t seed;
    struct span *pages[PAGES];
    uint32_t count;
    uint32_t *slots; /* number + 1 by hash; 0: free. The writer's */
};

struct text_pool *text_pool_new(uint64_t seed)
{
    struct text_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->seed = seed;
    arena_init(&p->arena, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    p->slots = calloc(SLOTS, sizeof *p->slots);
    if (p->slots != NULL)
        return p;
    text_pool_free(p);
    return NULL;
}

void text_pool_free(struct text_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < PAGES; i++)
        free(p->pages[i]);
    arena_done(&p->arena);
    free(p->slots);
    free(p);
}

struct span text_pool_get(const struct text_pool *p, uint32_t number) { return p->pages[number / PAGE][number % PAGE]; }

size_t text_pool_bytes(const struct text_pool *p) { return sizeof *p + SLOTS * sizeof *p->slots + p->arena.used_bytes + (size_t)(p->count + PAGE - 1) / PAGE * PAGE * sizeof(struct span); }

static bool add(struct text_pool *p, struct span text, uint32_t *slot)
{
    struct span **page = &p->pages[p->count / PAGE];
    if (*page == NULL)
        *page = calloc(PAGE, sizeof **page);
    struct span copy = *page != NULL ? arena_copy(&p->arena, text) : SPAN_NONE;
    if (copy.at == NULL)
        return false;
    (*page)[p->count % PAGE] = copy;
    *slot = ++p->count;
    return true;
}

bool text_pool_put(struct text_pool *p, struct span text, uint32_t *number)
{
    if (text.bytes > TEXT_POOL_TEXT_BYTES)
        return false;
    size_t at = span_table_hash(text, p->seed) % SLOTS;
    while (p->slots[at] != 0 && !span_equal(text_pool_get(p, p->slots[at] - 1), text))
        at = (at + 1) % SLOTS;
    if (p->slots[at] == 0 && (p->count == TEXT_POOL_MOST || !add(p, text, &p->slots[at])))
        return false;
    *number = p->slots[at] - 1;
    return true;
}
