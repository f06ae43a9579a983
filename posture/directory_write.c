/* The directory's one writer. */
#include "posture/directory_parts.h"

#include "posture/directory_control.h"
#include "posture/directory_seen.h"

#include <malloc.h>
#include <stdlib.h>

static void free_person(void *what) { person_free(what); }
static void free_control(void *what) { directory_control_free(what); }
static void free_policy(void *what) { policy_free(what); }

/* ---- entries ---- */

/* Zeroed; nobody is led to it yet. NULL when memory is short, or there are 64 million. */
static void *add_entry(struct directory_entries *all, uint32_t *number)
{
    uint32_t count = atomic_load_explicit(&all->count, memory_order_relaxed);
    _Atomic(void *) *chunk = count / DIRECTORY_CHUNK < DIRECTORY_CHUNKS ? &all->chunks[count / DIRECTORY_CHUNK] : NULL;
    if (chunk == NULL)
        return NULL;
    if (atomic_load_explicit(chunk, memory_order_relaxed) == NULL) {
        void *made = calloc(DIRECTORY_CHUNK, all->each_bytes);
        if (made == NULL)
            return NULL;
        atomic_store_explicit(chunk, made, memory_order_release);
    }
    *number = count;
    return directory_entry(all, count);
}

/* After its first version stands in it: from here on walks over all entries meet it. */
static void count_entry(struct directory_entries *all, uint32_t number) { atomic_store_explicit(&all->count, number + 1, memory_order_release); }

static void count_change(_Atomic size_t *count, bool was, bool is)
{
    if (is && !was)
        atomic_fetch_add(count, 1);
    if (was && !is)
        atomic_fetch_sub(count, 1);
}

/* ---- indexes ---- */

/* Where a device is to be found, beside its id. */
struct device_keys { uint64_t owner, identifiers[DEVICE_MAX_IDENTIFIERS]; };

/* The places are far apart and in no cache: all are asked for at once, before the first is looked at. */
static void find_keys(const struct directory *d, const struct device *device, struct device_keys *out)
{
    out->owner = span_empty(device->owner) ? 0 : directory_hash_id(d, device->owner);
    directory_index_soon(&d->owners, out->owner);
    for (size_t i = 0; i < device->identifier_count; i++) {
        out->identifiers[i] = directory_hash_identifier(d, device->identifiers[i].kind, device->identifiers[i].value);
        directory_index_soon(&d->identifiers, out->identifiers[i]);
    }
}

/* What both versions have stays, what only the old one had goes after the new one stands. */
static bool link_device(struct directory *d, const struct device *device, const struct device_keys *keys, uint32_t number)
{
    bool linked = span_empty(device->owner) || directory_index_add(&d->owners, keys->owner, number);
    for (size_t i = 0; i < device->identifier_count && linked; i++)
        linked = directory_index_add(&d->identifiers, keys->identifiers[i], number);
    return linked;
}

static bool has_identifier(const struct device *d, struct span kind, struct span value)
{
    for (size_t i = 0; i < d->identifier_count; i++)
        if (span_equal(d->identifiers[i].kind, kind) && span_equal(d->identifiers[i].value, value))
            return true;
    return false;
}

static void unlink_device(struct directory *d, const struct device *old, const struct device *new, uint32_t number)
{
    if (!span_empty(old->owner) && !span_equal(old->owner, new->owner))
        directory_index_remove(&d->owners, directory_hash_id(d, old->owner), number);
    for (size_t i = 0; i < old->identifier_count; i++)
        if (!has_identifier(new, old->identifiers[i].kind, old->identifiers[i].value))
            directory_index_remove(&d->identifiers, directory_hash_identifier(d, old->identifiers[i].kind, old->identifiers[i].value), number);
}

static bool link_person(struct directory *d, const struct person *p, uint32_t number)
{
    bool linked = span_empty(p->slack) || directory_index_add(&d->names, directory_hash_name(d, p->slack), number);
    for (size_t i = 0; i < p->email_count && linked; i++)
        linked = directory_index_add(&d->names, directory_hash_name(d, p->emails[i]), number);
    for (size_t i = 0; i < p->alias_count && linked; i++)
        linked = directory_index_add(&d->names, directory_hash_name(d, p->aliases[i]), number);
    return linked;
}

static void unlink_name(struct directory *d, struct span name, const struct person *new, uint32_t number)
{
    if (!span_empty(name) && !directory_has_name(new, name))
        directory_index_remove(&d->names, directory_hash_name(d, name), number);
}

static void unlink_person(struct directory *d, const struct person *old, const struct person *new, uint32_t number)
{
    unlink_name(d, old->slack, new, number);
    for (size_t i = 0; i < old->email_count; i++)
        unlink_name(d, old->emails[i], new, number);
    for (size_t i = 0; i < old->alias_count; i++)
        unlink_name(d, old->aliases[i], new, number);
}

/* ---- devices ---- */

static void count_bytes(struct directory *d, struct packed_device *old, struct packed_device *new)
{
    atomic_fetch_add(&d->packed_bytes, malloc_usable_size(new) + sizeof(size_t));
    if (old != NULL)
        atomic_fetch_sub(&d->packed_bytes, malloc_usable_size(old) + sizeof(size_t));
}

static enum err_code add_device(struct directory *d, const struct device *device, const struct device_keys *keys, struct err *err)
{
    uint32_t number;
    struct device_entry *e = add_entry(&d->device_entries, &number);
    struct packed_device *packed = e != NULL ? device_pack(device, d->pool) : NULL;
    if (packed == NULL)
        return err_set(err, ERR_MEMORY, "device %.*s: memory is short", SPAN_ARGS(device->id));
    e->live.seen_s = device->seen_s;
    atomic_store_explicit(&e->device, packed, memory_order_release);
    count_entry(&d->device_entries, number);
    count_bytes(d, NULL, packed);
    count_change(&d->device_count, false, !device->removed);
    bool linked = directory_index_add(&d->devices, directory_hash_id(d, device->id), number) && link_device(d, device, keys, number);
    return linked ? OK : err_set(err, ERR_MEMORY, "the identifiers of device %.*s: memory is short", SPAN_ARGS(device->id));
}

static void raise_seen(struct device_entry *e, int64_t seen_s)
{
    int64_t known_s = e->live.seen_s;
    while (known_s < seen_s && !atomic_compare_exchange_weak(&e->live.seen_s, &known_s, seen_s))
        ;
}

static uint32_t number_of(const struct directory *d, struct span id, const struct device_entry *e)
{
    uint32_t number = 0;
    struct directory_walk w = directory_index_start(&d->devices, directory_hash_id(d, id));
    while (directory_index_next(&w, &number) && directory_entry(&d->device_entries, number) != e)
        ;
    return number;
}

static void publish(struct directory *d, struct device_entry *e, struct packed_device *old, struct packed_device *packed)
{
    count_bytes(d, old, packed);
    atomic_store_explicit(&e->device, packed, memory_order_release);
}

static enum err_code replace_device(struct directory *d, struct device_entry *e, const struct device *old, const struct device *device, const struct device_keys *keys, struct err *err)
{
    uint32_t number = number_of(d, device->id, e);
    struct packed_device *packed = link_device(d, device, keys, number) ? device_pack(device, d->pool) : NULL;
    if (packed == NULL)
        return err_set(err, ERR_MEMORY, "the identifiers of device %.*s: memory is short", SPAN_ARGS(device->id));
    count_change(&d->device_count, !old->removed, !device->removed);
    struct packed_device *before = directory_newest_device(e);
    publish(d, e, before, packed);
    raise_seen(e, device->seen_s);
    unlink_device(d, old, device, number);
    directory_retire(d, free, before); /* after the last look at `old`, whose texts lie in it */
    return OK;
}

static enum err_code put_device(struct directory *d, struct device *device, struct err *err)
{
    struct device_keys keys;
    if (device->identifier_count > DEVICE_MAX_IDENTIFIERS)
        return err_set(err, ERR_LIMIT, "device %.*s: %zu identifiers, at most %d", SPAN_ARGS(device->id), device->identifier_count, DEVICE_MAX_IDENTIFIERS);
    find_keys(d, device, &keys);
    struct device_entry *e = directory_find_device(d, device->id);
    if (e == NULL)
        return add_device(d, device, &keys, err);
    if (device->version <= directory_newest_device(e)->version)
        return OK;
    const struct device *old = device_unpack(directory_newest_device(e), d->pool, DEVICE_WHOLE, &d->scratch);
    if (old == NULL || !directory_seen_carry(old, device))
        return err_set(err, ERR_MEMORY, "device %.*s: memory is short", SPAN_ARGS(device->id));
    return replace_device(d, e, old, device, &keys, err);
}

enum err_code directory_put_read(struct directory *d, struct device *device, struct err *err)
{
    enum err_code code = put_device(d, device, err);
    arena_reset(&d->scratch);
    return code;
}

enum err_code directory_put_device(struct directory *d, struct device *takes, struct err *err)
{
    enum err_code code = directory_put_read(d, takes, err);
    device_free(takes);
    return code;
}

/* ---- times ---- */

/* Nothing but seen_s is newer: it is moved on where it stands. */
static bool is_plain(const struct packed_device *old, const struct refresh *refresh)
{
    int64_t seen_s = atomic_load_explicit(&old->seen_s, memory_order_relaxed);
    bool gap = old->failing && seen_s != 0 && refresh->seen_s - seen_s > ON_SLOT_S;
    return span_empty(refresh->times) && !gap;
}

static enum err_code put_times(struct directory *d, struct device_entry *e, struct packed_device *old, const struct refresh *refresh, struct err *err)
{
    CLEANUP(device_freep) struct device *next = NULL;
    const struct device *before = device_unpack(old, d->pool, DEVICE_WHOLE, &d->scratch);
    if (before == NULL)
        return err_set(err, ERR_MEMORY, "refreshing device %.*s: memory is short", SPAN_ARGS(refresh->device));
    enum err_code code = directory_seen_apply(before, refresh, &next, err);
    struct packed_device *packed = code == OK ? device_pack(next, d->pool) : NULL;
    if (packed == NULL)
        return code != OK ? code : err_set(err, ERR_MEMORY, "refreshing device %.*s: memory is short", SPAN_ARGS(refresh->device));
    publish(d, e, old, packed);
    directory_retire(d, free, old);
    return OK;
}

enum err_code directory_put_seen(struct directory *d, const struct refresh *refresh, struct err *err)
{
    struct device_entry *e = directory_find_device(d, refresh->device);
    if (e == NULL)
        return OK;
    struct packed_device *old = directory_newest_device(e);
    raise_seen(e, refresh->seen_s);
    if (is_plain(old, refresh)) {
        if (refresh->seen_s > atomic_load_explicit(&old->seen_s, memory_order_relaxed))
            atomic_store_explicit(&old->seen_s, refresh->seen_s, memory_order_relaxed);
        return OK;
    }
    enum err_code code = put_times(d, e, old, refresh, err);
    arena_reset(&d->scratch);
    return code;
}

/* ---- persons ---- */

/* Nothing in Slack can reach them. */
static bool is_unmapped(const struct person *p) { return !p->removed && span_empty(p->slack); }

static enum err_code add_person(struct directory *d, struct person *person, struct err *err)
{
    uint32_t number;
    struct person_entry *e = add_entry(&d->person_entries, &number);
    if (e == NULL) {
        person_free(person);
        return err_set(err, ERR_MEMORY, "a person: memory is short");
    }
    atomic_store_explicit(&e->person, person, memory_order_release);
    count_entry(&d->person_entries, number);
    count_change(&d->person_count, false, !person->removed);
    count_change(&d->unmapped_count, false, is_unmapped(person));
    bool linked = directory_index_add(&d->persons, directory_hash_id(d, person->id), number) && link_person(d, person, number);
    return linked ? OK : err_set(err, ERR_MEMORY, "the names of person %.*s: memory is short", SPAN_ARGS(person->id));
}

static uint32_t person_number(const struct directory *d, struct span id, const struct person_entry *e)
{
    uint32_t number = 0;
    struct directory_walk w = directory_index_start(&d->persons, directory_hash_id(d, id));
    while (directory_index_next(&w, &number) && directory_entry(&d->person_entries, number) != e)
        ;
    return number;
}

static enum err_code replace_person(struct directory *d, struct person_entry *e, struct person *person, struct err *err)
{
    struct person *old = directory_newest_person(e);
    uint32_t number = person_number(d, old->id, e);
    if (person->version <= old->version) {
        person_free(person);
        return OK;
    }
    if (!link_person(d, person, number)) {
        person_free(person);
        return err_set(err, ERR_MEMORY, "the names of person %.*s: memory is short", SPAN_ARGS(old->id));
    }
    count_change(&d->person_count, !old->removed, !person->removed);
    count_change(&d->unmapped_count, is_unmapped(old), is_unmapped(person));
    atomic_store_explicit(&e->person, person, memory_order_release);
    unlink_person(d, old, person, number);
    directory_retire(d, free_person, old);
    return OK;
}

/* A zone that is not known here is read as UTC by every lookup, so it is no reason to refuse the record. */
static void prepare_zone(struct directory *d, struct span zone)
{
    struct err ignored;
    if (!span_empty(zone) && calendar_prepare(d->calendar, zone, &ignored) != OK)
        return;
}

enum err_code directory_put_person(struct directory *d, struct person *takes, struct err *err)
{
    prepare_zone(d, takes->zone);
    struct person_entry *e = directory_find_person(d, takes->id);
    return e == NULL ? add_person(d, takes, err) : replace_person(d, e, takes, err);
}

/* In the policy's arena, with which they go. */
static const struct packed_name *name_checks(struct directory *d, struct policy *policy)
{
    struct packed_name *names = arena_array(&policy->arena, policy->check_count, sizeof *names);
    for (size_t i = 0; names != NULL && i < policy->check_count; i++)
        names[i] = packed_name_of(policy->checks[i].id, policy->checks[i].version, d->pool);
    return names;
}

enum err_code directory_put_control(struct directory *d, struct span record_id, struct span body, int64_t version, struct err *err)
{
    struct control *old = atomic_load(&d->control), *next = NULL;
    struct policy *policy = NULL;
    int index = directory_control_index(record_id);
    if (index < 0 || version <= old->version[index])
        return OK;
    enum err_code code = directory_control_with(old, index, body, version, &next, &policy, err);
    if (code != OK)
        return code;
    if (policy != NULL) {
        prepare_zone(d, policy->nudges.zone);
        next->names = name_checks(d, policy);
    }
    atomic_store_explicit(&d->control, next, memory_order_release);
    if (policy != NULL) {
        directory_retire(d, free_policy, (void *)(uintptr_t)old->policy);
        directory_retire(d, free_policy, (void *)(uintptr_t)old->ring.before);
    }
    directory_retire(d, free_control, old);
    return OK;
}
