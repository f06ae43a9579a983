/* The directory, its readers and its life; directory_write.c has the writer. */
#include "posture/directory_parts.h"

#include "posture/base/secret.h"
#include "posture/directory_control.h"
#include "posture/directory_sanitizer.h"

#include <stdlib.h>
#include <string.h>

#include <urcu/urcu-memb.h>

/* ---- what is freed after a grace period ---- */

struct retired {
    struct rcu_head head;
    const struct directory *directory;
    void (*free)(void *);
    void *what;
};

static void free_retired(struct rcu_head *head)
{
    struct retired *r = caa_container_of(head, struct retired, head);
    READERS_GONE(r->directory);
    r->free(r->what);
    free(r);
}

void directory_retire(const struct directory *d, void (*free_it)(void *), void *what)
{
    if (what == NULL)
        return;
    struct retired *r = malloc(sizeof *r);
    if (r == NULL) { /* wait for the readers here instead */
        urcu_memb_synchronize_rcu();
        READERS_GONE(d);
        free_it(what);
        return;
    }
    r->directory = d;
    r->free = free_it;
    r->what = what;
    urcu_memb_call_rcu(&r->head, free_retired);
}

/* ---- life ---- */

static void retire_slots(void *directory, void *slots) { directory_retire(directory, free, slots); }

static bool entries_init(struct directory_entries *all, size_t each_bytes)
{
    all->each_bytes = each_bytes;
    all->chunks = calloc(DIRECTORY_CHUNKS, sizeof *all->chunks);
    return all->chunks != NULL;
}

static void entries_done(struct directory_entries *all)
{
    for (size_t i = 0; all->chunks != NULL && i < DIRECTORY_CHUNKS; i++)
        free(atomic_load(&all->chunks[i]));
    free((void *)(uintptr_t)all->chunks);
}

static bool make_indexes(struct directory *d)
{
    struct directory_index *const all[] = { &d->devices, &d->identifiers, &d->owners, &d->persons, &d->names };
    bool made = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made = directory_index_init(all[i], retire_slots, d) && made;
    return made;
}

struct directory *directory_new(const struct clock *clock, struct calendar *calendar)
{
    enum { BLOCK_BYTES = 64 * 1024, LIMIT_BYTES = 64 * 1024 * 1024 };
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->clock = clock;
    d->calendar = calendar;
    secret_random(&d->seed, sizeof d->seed);
    arena_init(&d->scratch, BLOCK_BYTES, LIMIT_BYTES);
    d->pool = text_pool_new(d->seed);
    bool made = make_indexes(d) && entries_init(&d->device_entries, sizeof(struct device_entry)) && entries_init(&d->person_entries, sizeof(struct person_entry));
    atomic_store(&d->control, calloc(1, sizeof(struct control)));
    atomic_store(&d->heard_mono_ms, clock_mono_ms(clock));
    atomic_store(&d->heard_wall_s, clock_wall_s(clock));
    if (made && d->pool != NULL && atomic_load(&d->control) != NULL)
        return d;
    directory_free(d);
    return NULL;
}

static void free_versions(struct directory *d)
{
    for (uint32_t i = 0; i < d->device_entries.count; i++)
        free(directory_newest_device(directory_entry(&d->device_entries, i)));
    for (uint32_t i = 0; i < d->person_entries.count; i++)
        person_free(directory_newest_person(directory_entry(&d->person_entries, i)));
}

/* Nobody reads any more, so nothing waits. */
void directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    urcu_memb_barrier();
    READERS_GONE(d);
    free_versions(d);
    directory_index_done(&d->devices);
    directory_index_done(&d->identifiers);
    directory_index_done(&d->owners);
    directory_index_done(&d->persons);
    directory_index_done(&d->names);
    entries_done(&d->device_entries);
    entries_done(&d->person_entries);
    text_pool_free(d->pool);
    arena_done(&d->scratch);
    struct control *control = atomic_load(&d->control);
    if (control != NULL) {
        policy_free((void *)(uintptr_t)control->policy);
        policy_free((void *)(uintptr_t)control->ring.before);
    }
    directory_control_free(control);
    free(d);
}

/* ---- a reader's own memory ---- */

/* What a thread has unpacked since it entered. The same version is unpacked once, so that it has one address as long as it stands among the last few. */
enum { RECENT = 8, BLOCK_BYTES = 128 * 1024 /* the largest device fits */ };
#define READING_LIMIT_BYTES ((size_t)2 * 1024 * 1024 * 1024)
struct recent { const struct packed_device *of; const struct device *device; enum device_part part; struct device_entry *entry; };
struct reading {
    struct arena arena;
    unsigned depth;              /* sections entered */
    unsigned whole;              /* those of them that want whole devices */
    struct recent recent[RECENT];
    unsigned next;
};
static _Thread_local struct reading reading; /* of the thread, as its registration with liburcu is: a reader has no object of its own to hang it from */

static void forget_recent(struct reading *r)
{
    for (size_t i = 0; i < RECENT; i++)
        r->recent[i].of = NULL;
}

/* Walks are long: what one step unpacked goes with it. */
static void forget_since(struct reading *r, struct arena_mark mark)
{
    forget_recent(r); /* some may lie behind the mark */
    arena_rewind(&r->arena, mark);
}

void directory_register_thread(void)
{
    urcu_memb_register_thread();
    if (reading.arena.block_bytes == 0)
        arena_init(&reading.arena, BLOCK_BYTES, READING_LIMIT_BYTES);
}

void directory_unregister_thread(void)
{
    arena_done(&reading.arena);
    urcu_memb_unregister_thread();
}

void directory_enter_standing(const struct directory *d)
{
    (void)d;
    reading.depth++;
    urcu_memb_read_lock();
}

void directory_leave_standing(const struct directory *d)
{
    if (--reading.depth == 0 && reading.arena.used_bytes > 0) {
        forget_recent(&reading);
        arena_reset(&reading.arena);
    }
    READER_LEFT(d);
    urcu_memb_read_unlock();
}

void directory_enter(const struct directory *d)
{
    reading.whole++;
    directory_enter_standing(d);
}

void directory_leave(const struct directory *d)
{
    reading.whole--;
    directory_leave_standing(d);
}

static const struct device *view(const struct directory *d, struct device_entry *entry, const struct packed_device *p)
{
    struct reading *r = &reading;
    enum device_part part = r->whole > 0 ? DEVICE_WHOLE : DEVICE_STANDING;
    for (size_t i = 0; i < RECENT; i++)
        if (r->recent[i].of == p && r->recent[i].part >= part)
            return r->recent[i].device;
    const struct device *device = device_unpack(p, d->pool, part, &r->arena);
    if (device != NULL)
        r->recent[r->next++ % RECENT] = (struct recent){ p, device, part, entry };
    return device;
}

/* ---- readers ---- */

uint64_t directory_hash_id(const struct directory *d, struct span id) { return span_table_hash(id, d->seed); }
uint64_t directory_hash_name(const struct directory *d, struct span name) { return span_table_hash_folded(name, d->seed); }

uint64_t directory_hash_identifier(const struct directory *d, struct span kind, struct span value)
{
    return span_table_hash(value, span_table_hash(kind, d->seed));
}

struct device_entry *directory_find_device(const struct directory *d, struct span id)
{
    uint32_t number;
    struct directory_walk w = directory_index_start(&d->devices, directory_hash_id(d, id));
    while (directory_index_next(&w, &number)) {
        struct device_entry *e = directory_entry(&d->device_entries, number);
        if (packed_device_is(directory_newest_device(e), d->pool, id))
            return e;
    }
    return NULL;
}

struct person_entry *directory_find_person(const struct directory *d, struct span id)
{
    uint32_t number;
    struct directory_walk w = directory_index_start(&d->persons, directory_hash_id(d, id));
    while (directory_index_next(&w, &number)) {
        struct person_entry *e = directory_entry(&d->person_entries, number);
        if (span_equal(directory_newest_person(e)->id, id))
            return e;
    }
    return NULL;
}

const struct device *directory_device(const struct directory *d, struct span id)
{
    struct device_entry *e = directory_find_device(d, id);
    return e == NULL ? NULL : view(d, e, directory_newest_device(e));
}

void directory_results(const struct directory *d, const struct device *device, struct packed_results *walk) { packed_results_start(device->packed, d->pool, &reading.arena, walk); }

const struct person *directory_person(const struct directory *d, struct span id)
{
    const struct person_entry *e = directory_find_person(d, id);
    return e == NULL ? NULL : directory_newest_person(e);
}

/* Mostly it is asked of a device that was just looked up, by that one's own id. */
struct device_live *directory_live(const struct directory *d, struct span id)
{
    for (size_t i = 0; i < RECENT; i++)
        if (reading.recent[i].of != NULL && reading.recent[i].device->id.at == id.at)
            return &reading.recent[i].entry->live;
    struct device_entry *e = directory_find_device(d, id);
    return e == NULL ? NULL : &e->live;
}

/* The one that has the key. Two that do are a conflict, and a conflict is nobody: virtual machines may share a hardware UUID. */
const struct device *directory_device_by(const struct directory *d, struct span kind, struct span normalized_value)
{
    const struct packed_device *found = NULL;
    uint32_t number, first = 0;
    struct directory_walk w = directory_index_start(&d->identifiers, directory_hash_identifier(d, kind, normalized_value));
    while (directory_index_next(&w, &number)) {
        const struct packed_device *p = directory_newest_device(directory_entry(&d->device_entries, number));
        if (p->removed || !packed_device_has(p, d->pool, kind, normalized_value))
            continue;
        if (found != NULL && number != first)
            return NULL;
        found = p;
        first = number;
    }
    return found == NULL ? NULL : view(d, directory_entry(&d->device_entries, first), found);
}

/* Slack ids and aliases are compared like e-mails: no IdP tells two people apart by case alone. */
bool directory_has_name(const struct person *p, struct span name)
{
    for (size_t i = 0; i < p->alias_count; i++)
        if (span_equal_fold(p->aliases[i], name))
            return true;
    return person_has_email(p, name) || (!span_empty(name) && span_equal_fold(p->slack, name));
}

const struct person *directory_person_by(const struct directory *d, struct span name)
{
    const struct person *found = span_find(name, '@') == name.bytes ? directory_person(d, name) : NULL; /* no id of ours looks like an address */
    if (found != NULL)
        return found->removed ? NULL : found;
    uint32_t number, first = 0;
    struct directory_walk w = directory_index_start(&d->names, directory_hash_name(d, name));
    while (directory_index_next(&w, &number)) {
        const struct person *p = directory_newest_person(directory_entry(&d->person_entries, number));
        if (p->removed || !directory_has_name(p, name))
            continue;
        if (found != NULL && number != first)
            return NULL; /* two are nobody */
        found = p;
        first = number;
    }
    return found;
}

size_t directory_devices_of(const struct directory *d, struct span person, const struct device **out, size_t most)
{
    size_t count = 0;
    uint32_t number;
    struct directory_walk w = directory_index_start(&d->owners, directory_hash_id(d, person));
    while (directory_index_next(&w, &number)) {
        struct device_entry *e = directory_entry(&d->device_entries, number);
        const struct packed_device *p = directory_newest_device(e);
        if (p->removed || !packed_device_is_owned_by(p, d->pool, person))
            continue;
        const struct device *device = count < most ? view(d, e, p) : NULL;
        if (count < most && device == NULL)
            continue; /* memory is short */
        if (count < most)
            out[count] = device;
        count++;
    }
    return count;
}

const struct control *directory_control(const struct directory *d) { return atomic_load_explicit(&d->control, memory_order_acquire); }

void directory_each_device(const struct directory *d, bool (*fn)(void *, const struct device *), void *context)
{
    struct reading *r = &reading;
    uint32_t count = atomic_load_explicit(&d->device_entries.count, memory_order_acquire);
    bool go_on = true;
    for (uint32_t i = 0; go_on && i < count; i++) {
        struct arena_mark before = arena_mark(&r->arena);
        const struct device *device = device_unpack(directory_newest_device(directory_entry(&d->device_entries, i)), d->pool, DEVICE_WHOLE, &r->arena);
        go_on = device == NULL || fn(context, device);
        forget_since(r, before);
    }
}

void directory_each_person(const struct directory *d, bool (*fn)(void *, const struct person *), void *context)
{
    uint32_t count = atomic_load_explicit(&d->person_entries.count, memory_order_acquire);
    bool go_on = true;
    for (uint32_t i = 0; go_on && i < count; i++) {
        struct arena_mark before = arena_mark(&reading.arena);
        go_on = fn(context, directory_newest_person(directory_entry(&d->person_entries, i)));
        forget_since(&reading, before);
    }
}

static size_t index_bytes(const struct directory *d) { return directory_index_bytes(&d->devices) + directory_index_bytes(&d->identifiers) + directory_index_bytes(&d->owners); }

struct directory_counts directory_counts(const struct directory *d)
{
    return (struct directory_counts){ d->device_count, d->person_count, d->unmapped_count, d->complete };
}

size_t directory_device_bytes(const struct directory *d)
{
    size_t chunks = ((size_t)d->device_entries.count + DIRECTORY_CHUNK - 1) / DIRECTORY_CHUNK;
    return d->packed_bytes + chunks * DIRECTORY_CHUNK * sizeof(struct device_entry) + index_bytes(d) + text_pool_bytes(d->pool);
}

void directory_set_complete(struct directory *d, bool complete) { d->complete = complete; }

/* ---- time ---- */

void directory_heard(struct directory *d)
{
    d->heard_wall_s = clock_wall_s(d->clock);
    d->heard_mono_ms = clock_mono_ms(d->clock);
}

int64_t directory_age_ms(const struct directory *d)
{
    int64_t age_ms = clock_mono_ms(d->clock) - d->heard_mono_ms;
    return age_ms < 0 ? 0 : age_ms;
}

int64_t directory_ladder_now_s(const struct directory *d)
{
    return directory_age_ms(d) < DIRECTORY_ANSWERING_MS ? clock_wall_s(d->clock) : d->heard_wall_s;
}

void directory_decision_input(const struct directory *d, const struct person *person, int64_t now_s, const struct device **devices, size_t most, struct decision_input *in)
{
    const struct control *control = directory_control(d);
    size_t count = person == NULL || most == 0 ? 0 : directory_devices_of(d, person->id, devices, most);
    in->policy = control->policy;
    in->calendar = d->calendar;
    in->person = person;
    in->devices = devices;
    in->device_count = count < most ? count : most;
    in->pauses = control->pauses;
    in->pause_count = control->pause_count;
    in->frozen = control->frozen;
    in->incident = control->incident;
    in->ring = &control->ring;
    in->exemptions = control->exemptions;
    in->holidays = control->holidays;
    in->strictness = control->strictness;
    in->now_s = now_s;
    int64_t age_ms = directory_age_ms(d);
    in->ladder_now_s = age_ms < DIRECTORY_ANSWERING_MS ? now_s : d->heard_wall_s;
    in->store_age_s = age_ms / 1000;
}
