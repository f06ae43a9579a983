/* directory_parts: what the files of the directory share. Private to posture/directory*.c.
 *
 * How it stays correct without locks: an entry is made once a record and lives as long as the directory; what changes is the pointer to its newest version, and what that
 * pointed to is freed once no reader is left. The indexes lead from the hash of a key to entries and hold no key: a reader checks each candidate's newest version itself.
 * Devices are kept packed (device_pack.h) and unpacked for the reader, into memory of its thread that lasts until it leaves. */
#ifndef POSTURE_DIRECTORY_PARTS_H
#define POSTURE_DIRECTORY_PARTS_H
#include "posture/device_pack.h"
#include "posture/directory.h"
#include "posture/directory_index.h"

enum { DIRECTORY_CHUNK = 4096, DIRECTORY_CHUNKS = 16384 /* entries: 64 million */, DIRECTORY_ANSWERING_MS = 1500 };

struct device_entry { _Atomic(struct packed_device *) device; struct device_live live; };
struct person_entry { _Atomic(struct person *) person; };
/* By number, for ever in one place. */
struct directory_entries { size_t each_bytes; _Atomic uint32_t count; _Atomic(void *) *chunks; };

struct directory {
    const struct clock *clock;
    struct calendar *calendar;
    uint64_t seed; /* agents choose their identifiers */
    struct directory_entries device_entries, person_entries;
    struct directory_index devices, identifiers, owners, persons, names;
    struct text_pool *pool;
    struct arena scratch;        /* the writer's */
    _Atomic(struct control *) control;
    _Atomic size_t device_count, person_count, unmapped_count, packed_bytes;
    atomic_bool complete;
    _Atomic int64_t heard_mono_ms, heard_wall_s;
};

static inline void *directory_entry(const struct directory_entries *all, uint32_t number)
{
    char *chunk = atomic_load_explicit(&all->chunks[number / DIRECTORY_CHUNK], memory_order_acquire);
    return chunk + number % DIRECTORY_CHUNK * all->each_bytes;
}
static inline struct packed_device *directory_newest_device(const struct device_entry *e) { return atomic_load_explicit(&e->device, memory_order_acquire); }
static inline struct person *directory_newest_person(const struct person_entry *e) { return atomic_load_explicit(&e->person, memory_order_acquire); }

/* Entries stay, and one thread alone changes versions: the writer may keep what it found. */
struct device_entry *directory_find_device(const struct directory *d, struct span id);
struct person_entry *directory_find_person(const struct directory *d, struct span id);
uint64_t directory_hash_id(const struct directory *d, struct span id);
uint64_t directory_hash_name(const struct directory *d, struct span name); /* ASCII case folded */
uint64_t directory_hash_identifier(const struct directory *d, struct span kind, struct span value);
bool directory_has_name(const struct person *p, struct span name);
/* directory_put_device() that takes nothing: the writer packs what it is shown. */
MUST_CHECK enum err_code directory_put_read(struct directory *d, struct device *device, struct err *err);
/* Frees `what` once no reader can have it. NULL is fine. */
void directory_retire(const struct directory *d, void (*free_it)(void *), void *what);
#endif
