#include "posture/directory_index.h"

#include <stdlib.h>

/* A place holds a tag (32 bits of the hash, which are also where it belongs) and the number of an entry; 0 is empty, 1 was removed. Places are tried at growing distances
 * (1, 2, 3 ... further), which visits all of a table whose size is a power of two, and keeps many entries of one key from standing in others' way. */
enum { LEAST = 64, EMPTY = 0, REMOVED = 1, FIRST = 2 };
struct directory_slots { size_t mask; _Atomic uint64_t at[]; };

static uint32_t tag_of(uint64_t hash) { return (uint32_t)(hash ^ hash >> 32); }
static uint64_t place(uint32_t tag, uint32_t number) { return (uint64_t)tag << 32 | ((uint64_t)number + FIRST); }

static struct directory_slots *slots_new(size_t count)
{
    struct directory_slots *s = calloc(1, sizeof *s + count * sizeof s->at[0]);
    if (s != NULL)
        s->mask = count - 1;
    return s;
}

bool directory_index_init(struct directory_index *ix, void (*retire)(void *, void *), void *context)
{
    struct directory_slots *s = slots_new(LEAST);
    ix->count = ix->used = 0;
    ix->retire = retire;
    ix->context = context;
    atomic_init(&ix->slots, s);
    return s != NULL;
}

void directory_index_done(struct directory_index *ix)
{
    free(atomic_load(&ix->slots));
    atomic_store(&ix->slots, NULL);
}

size_t directory_index_bytes(const struct directory_index *ix)
{
    const struct directory_slots *s = atomic_load(&ix->slots);
    return sizeof *s + (s->mask + 1) * sizeof s->at[0];
}

/* ---- readers ---- */

static struct directory_walk start_in(const struct directory_slots *s, uint32_t tag) { return (struct directory_walk){ s, tag & s->mask, 0, tag }; }

struct directory_walk directory_index_start(const struct directory_index *ix, uint64_t hash)
{
    return start_in(atomic_load_explicit(&ix->slots, memory_order_acquire), tag_of(hash));
}

static void go_on(struct directory_walk *w)
{
    w->step++;
    w->at = (w->at + w->step) & w->slots->mask;
}

bool directory_index_next(struct directory_walk *w, uint32_t *number)
{
    for (;;) {
        uint64_t found = atomic_load_explicit(&w->slots->at[w->at], memory_order_acquire);
        if (found == EMPTY || w->step > w->slots->mask)
            return false;
        go_on(w);
        if (found == REMOVED || (uint32_t)(found >> 32) != w->tag)
            continue;
        *number = (uint32_t)found - FIRST;
        return true;
    }
}

/* ---- the writer ---- */

static void put(struct directory_slots *s, uint64_t value)
{
    struct directory_walk w = start_in(s, (uint32_t)(value >> 32));
    while (atomic_load_explicit(&s->at[w.at], memory_order_relaxed) > REMOVED)
        go_on(&w);
    atomic_store_explicit(&s->at[w.at], value, memory_order_release);
}

/* At most three quarters full, tombstones counted: a walk always ends at an empty place. */
static bool make_room(struct directory_index *ix)
{
    struct directory_slots *old = atomic_load_explicit(&ix->slots, memory_order_relaxed);
    size_t places = old->mask + 1;
    if (ix->used + 1 <= places / 4 * 3)
        return true;
    struct directory_slots *grown = slots_new(ix->count + 1 > places / 2 ? places * 2 : places);
    if (grown == NULL)
        return ix->used + 1 < places;
    for (size_t i = 0; i < places; i++) {
        uint64_t value = atomic_load_explicit(&old->at[i], memory_order_relaxed);
        if (value > REMOVED)
            put(grown, value);
    }
    ix->used = ix->count;
    atomic_store_explicit(&ix->slots, grown, memory_order_release);
    ix->retire(ix->context, old);
    return true;
}

void directory_index_soon(const struct directory_index *ix, uint64_t hash)
{
    const struct directory_slots *s = atomic_load_explicit(&ix->slots, memory_order_relaxed);
    __builtin_prefetch((const void *)(uintptr_t)&s->at[tag_of(hash) & s->mask], 1);
}

/* Where it stands, or NULL. */
static _Atomic uint64_t *find(const struct directory_index *ix, uint64_t hash, uint32_t number)
{
    struct directory_slots *s = atomic_load_explicit(&ix->slots, memory_order_relaxed);
    for (struct directory_walk w = start_in(s, tag_of(hash)); w.step <= s->mask; go_on(&w)) {
        uint64_t value = atomic_load_explicit(&s->at[w.at], memory_order_relaxed);
        if (value == EMPTY)
            return NULL;
        if (value == place(tag_of(hash), number))
            return &s->at[w.at];
    }
    return NULL;
}

bool directory_index_add(struct directory_index *ix, uint64_t hash, uint32_t number)
{
    if (find(ix, hash, number) != NULL)
        return true;
    if (!make_room(ix))
        return false;
    put(atomic_load_explicit(&ix->slots, memory_order_relaxed), place(tag_of(hash), number));
    ix->count++;
    ix->used++; /* a tombstone that was written over is counted twice: the table is only made anew a little sooner */
    return true;
}

void directory_index_remove(struct directory_index *ix, uint64_t hash, uint32_t number)
{
    _Atomic uint64_t *at = find(ix, hash, number);
    if (at == NULL)
        return;
    atomic_store_explicit(at, REMOVED, memory_order_release);
    ix->count--;
}
