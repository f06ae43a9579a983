/* How it stays correct without locks: an entry is made once a record and lives as long as the directory; what changes is the pointer to its newest
 * version. The indexes hold links from the hash of a key to an entry, no key text: a reader checks each candidate's newest version itself. */
#include "posture/directory.h"

#include "posture/base/secret.h"
#include "posture/directory_control.h"
#include "posture/directory_sanitizer.h"
#include "posture/directory_seen.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

enum { TABLE_LEAST = 64, ANSWERING_MS = 1500 };

struct device_entry {
    struct cds_lfht_node node;
    _Atomic(struct device *) device;
    struct device_live live;
};
struct person_entry {
    struct cds_lfht_node node;
    _Atomic(struct person *) person;
};
struct link {
    struct cds_lfht_node node;
    _Atomic(void *) to; /* an entry */
};
struct table {
    struct cds_lfht *hash;
    size_t count, room; /* the writer's */
};
struct directory {
    const struct clock *clock;
    struct calendar *calendar;
    uint64_t seed; /* agents choose their identifiers */
    struct table devices, persons, identifiers, owners, names;
    _Atomic(struct control *) control;
    _Atomic size_t device_count, person_count;
    atomic_bool complete;
    _Atomic int64_t heard_mono_ms, heard_wall_s;
};

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

static void retire(const struct directory *d, void (*free_it)(void *), void *what)
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

static void free_device(void *what) { device_free(what); }
static void free_person(void *what) { person_free(what); }
static void free_control(void *what) { directory_control_free(what); }
static void free_policy(void *what) { policy_free(what); }

/* ---- tables ---- */

static bool table_init(struct table *t)
{
    t->room = TABLE_LEAST;
    t->hash = cds_lfht_new_flavor(TABLE_LEAST, TABLE_LEAST, 0, 0, &urcu_memb_flavor, NULL);
    return t->hash != NULL;
}

/* Grown by its one writer, outside of read sections, so that no thread of the library's own is needed. */
static void table_added(struct table *t)
{
    t->count++;
    if (t->count <= t->room)
        return;
    t->room *= 2;
    cds_lfht_resize(t->hash, t->room);
}

static uint64_t hash_folded(const struct directory *d, struct span name) { return span_table_hash_folded(name, d->seed); }

static uint64_t hash_identifier(const struct directory *d, struct span kind, struct span value)
{
    return span_table_hash(value, span_table_hash(kind, d->seed));
}

/* ---- life ---- */

struct directory *directory_new(const struct clock *clock, struct calendar *calendar)
{
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->clock = clock;
    d->calendar = calendar;
    secret_random(&d->seed, sizeof d->seed);
    bool made = table_init(&d->devices) && table_init(&d->persons) && table_init(&d->identifiers) && table_init(&d->owners) && table_init(&d->names);
    atomic_store(&d->control, calloc(1, sizeof(struct control)));
    atomic_store(&d->heard_mono_ms, clock_mono_ms(clock));
    atomic_store(&d->heard_wall_s, clock_wall_s(clock));
    if (made && atomic_load(&d->control) != NULL)
        return d;
    directory_free(d);
    return NULL;
}

static void empty_table(struct table *t, void (*free_node)(struct cds_lfht_node *))
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    if (t->hash == NULL)
        return;
    urcu_memb_read_lock();
    cds_lfht_first(t->hash, &iter);
    while ((node = cds_lfht_iter_get_node(&iter)) != NULL) {
        cds_lfht_next(t->hash, &iter);
        (void)cds_lfht_del(t->hash, node);
        free_node(node);
    }
    urcu_memb_read_unlock();
    (void)cds_lfht_destroy(t->hash, NULL);
}

static void free_device_entry(struct cds_lfht_node *node)
{
    struct device_entry *e = caa_container_of(node, struct device_entry, node);
    device_free(atomic_load(&e->device));
    free(e);
}

static void free_person_entry(struct cds_lfht_node *node)
{
    struct person_entry *e = caa_container_of(node, struct person_entry, node);
    person_free(atomic_load(&e->person));
    free(e);
}

static void free_link(struct cds_lfht_node *node) { free(caa_container_of(node, struct link, node)); }

/* Nobody reads any more, so nodes are freed without waiting. */
void directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    urcu_memb_barrier();
    READERS_GONE(d);
    empty_table(&d->identifiers, free_link);
    empty_table(&d->owners, free_link);
    empty_table(&d->names, free_link);
    empty_table(&d->devices, free_device_entry);
    empty_table(&d->persons, free_person_entry);
    struct control *control = atomic_load(&d->control);
    if (control != NULL) {
        free_policy((void *)(uintptr_t)control->policy);
        free_policy((void *)(uintptr_t)control->ring.before);
    }
    directory_control_free(control);
    free(d);
}

void directory_register_thread(void) { urcu_memb_register_thread(); }
void directory_unregister_thread(void) { urcu_memb_unregister_thread(); }

void directory_enter(const struct directory *d)
{
    (void)d;
    urcu_memb_read_lock();
}

void directory_leave(const struct directory *d)
{
    READER_LEFT(d);
    urcu_memb_read_unlock();
}

/* ---- readers ---- */

static struct device *newest_device(const struct device_entry *e) { return atomic_load_explicit(&e->device, memory_order_acquire); }
static struct person *newest_person(const struct person_entry *e) { return atomic_load_explicit(&e->person, memory_order_acquire); }

static void *link_to(struct cds_lfht_node *node)
{
    return atomic_load_explicit(&caa_container_of(node, struct link, node)->to, memory_order_acquire);
}

static int is_device(struct cds_lfht_node *node, const void *id)
{
    return span_equal(newest_device(caa_container_of(node, struct device_entry, node))->id, *(const struct span *)id);
}

static int is_person(struct cds_lfht_node *node, const void *id)
{
    return span_equal(newest_person(caa_container_of(node, struct person_entry, node))->id, *(const struct span *)id);
}

static struct device_entry *find_device(const struct directory *d, struct span id)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(d->devices.hash, span_table_hash(id, d->seed), is_device, &id, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    return node == NULL ? NULL : caa_container_of(node, struct device_entry, node);
}

static struct person_entry *find_person(const struct directory *d, struct span id)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(d->persons.hash, span_table_hash(id, d->seed), is_person, &id, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    return node == NULL ? NULL : caa_container_of(node, struct person_entry, node);
}

const struct device *directory_device(const struct directory *d, struct span id)
{
    const struct device_entry *e = find_device(d, id);
    return e == NULL ? NULL : newest_device(e);
}

const struct person *directory_person(const struct directory *d, struct span id)
{
    const struct person_entry *e = find_person(d, id);
    return e == NULL ? NULL : newest_person(e);
}

struct device_live *directory_live(const struct directory *d, struct span id)
{
    struct device_entry *e = find_device(d, id);
    return e == NULL ? NULL : &e->live;
}

struct identifier_key { struct span kind, value; };

static bool has_identifier(const struct device *d, struct span kind, struct span value)
{
    for (size_t i = 0; i < d->identifier_count; i++)
        if (span_equal(d->identifiers[i].kind, kind) && span_equal(d->identifiers[i].value, value))
            return true;
    return false;
}

static int leads_to_identifier(struct cds_lfht_node *node, const void *key)
{
    const struct identifier_key *wanted = key;
    const struct device *device = newest_device(link_to(node));
    return !device->removed && has_identifier(device, wanted->kind, wanted->value);
}

/* Slack ids and aliases are compared like e-mails: no IdP tells two people apart by case alone. */
static bool has_name(const struct person *p, struct span name)
{
    for (size_t i = 0; i < p->alias_count; i++)
        if (span_equal_fold(p->aliases[i], name))
            return true;
    return person_has_email(p, name) || (!span_empty(name) && span_equal_fold(p->slack, name));
}

static int leads_to_name(struct cds_lfht_node *node, const void *name)
{
    const struct person *person = newest_person(link_to(node));
    return !person->removed && has_name(person, *(const struct span *)name);
}

/* The one entry that has the key. Two that do are a conflict, and a conflict is nobody: virtual machines may share a hardware UUID. */
static void *only_one(struct cds_lfht *table, uint64_t hash, cds_lfht_match_fct match, const void *key)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(table, hash, match, key, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    void *found = node == NULL ? NULL : link_to(node);
    while (node != NULL) {
        if (link_to(node) != found)
            return NULL;
        cds_lfht_next_duplicate(table, match, key, &iter);
        node = cds_lfht_iter_get_node(&iter);
    }
    return found;
}

const struct device *directory_device_by(const struct directory *d, struct span kind, struct span normalized_value)
{
    struct identifier_key key = { kind, normalized_value };
    const struct device_entry *e = only_one(d->identifiers.hash, hash_identifier(d, kind, normalized_value), leads_to_identifier, &key);
    return e == NULL ? NULL : newest_device(e);
}

const struct person *directory_person_by(const struct directory *d, struct span name)
{
    const struct person *by_id = span_find(name, '@') == name.bytes ? directory_person(d, name) : NULL; /* no id of ours looks like an address */
    if (by_id != NULL)
        return by_id->removed ? NULL : by_id;
    const struct person_entry *e = only_one(d->names.hash, hash_folded(d, name), leads_to_name, &name);
    return e == NULL ? NULL : newest_person(e);
}

static int leads_to_owned(struct cds_lfht_node *node, const void *owner)
{
    const struct device *device = newest_device(link_to(node));
    return !device->removed && span_equal(device->owner, *(const struct span *)owner);
}

size_t directory_devices_of(const struct directory *d, struct span person, const struct device **out, size_t most)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    size_t count = 0;
    cds_lfht_lookup(d->owners.hash, span_table_hash(person, d->seed), leads_to_owned, &person, &iter);
    while ((node = cds_lfht_iter_get_node(&iter)) != NULL) {
        if (count < most)
            out[count] = newest_device(link_to(node));
        count++;
        cds_lfht_next_duplicate(d->owners.hash, leads_to_owned, &person, &iter);
    }
    return count;
}

const struct control *directory_control(const struct directory *d) { return atomic_load_explicit(&d->control, memory_order_acquire); }

void directory_each_device(const struct directory *d, bool (*fn)(void *, const struct device *), void *context)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    for (cds_lfht_first(d->devices.hash, &iter); (node = cds_lfht_iter_get_node(&iter)) != NULL; cds_lfht_next(d->devices.hash, &iter))
        if (!fn(context, newest_device(caa_container_of(node, struct device_entry, node))))
            return;
}

void directory_each_person(const struct directory *d, bool (*fn)(void *, const struct person *), void *context)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    for (cds_lfht_first(d->persons.hash, &iter); (node = cds_lfht_iter_get_node(&iter)) != NULL; cds_lfht_next(d->persons.hash, &iter))
        if (!fn(context, newest_person(caa_container_of(node, struct person_entry, node))))
            return;
}

struct directory_counts directory_counts(const struct directory *d)
{
    return (struct directory_counts){ d->device_count, d->person_count, d->complete };
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
    return directory_age_ms(d) < ANSWERING_MS ? clock_wall_s(d->clock) : d->heard_wall_s;
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
    in->ladder_now_s = age_ms < ANSWERING_MS ? now_s : d->heard_wall_s;
    in->store_age_s = age_ms / 1000;
}

/* ---- the writer: links ---- */

static int leads_to(struct cds_lfht_node *node, const void *entry) { return link_to(node) == entry; }

static struct cds_lfht_node *find_link(const struct table *t, uint64_t hash, const void *entry)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(t->hash, hash, leads_to, entry, &iter);
    return cds_lfht_iter_get_node(&iter);
}

/* Once an entry and hash, however often it is asked for. */
static bool add_link(struct table *t, uint64_t hash, void *entry)
{
    urcu_memb_read_lock();
    bool known = find_link(t, hash, entry) != NULL;
    struct link *link = known ? NULL : malloc(sizeof *link);
    if (link != NULL) {
        cds_lfht_node_init(&link->node);
        atomic_store_explicit(&link->to, entry, memory_order_release);
        cds_lfht_add(t->hash, hash, &link->node);
    }
    urcu_memb_read_unlock();
    if (link != NULL)
        table_added(t);
    return known || link != NULL;
}

static void remove_link(const struct directory *d, struct table *t, uint64_t hash, const void *entry)
{
    urcu_memb_read_lock();
    struct cds_lfht_node *node = find_link(t, hash, entry);
    bool removed = node != NULL && cds_lfht_del(t->hash, node) == 0;
    urcu_memb_read_unlock();
    if (!removed)
        return;
    t->count--;
    retire(d, free, caa_container_of(node, struct link, node));
}

static bool link_device(struct directory *d, const struct device *device, struct device_entry *e)
{
    bool linked = span_empty(device->owner) || add_link(&d->owners, span_table_hash(device->owner, d->seed), e);
    for (size_t i = 0; i < device->identifier_count && linked; i++)
        linked = add_link(&d->identifiers, hash_identifier(d, device->identifiers[i].kind, device->identifiers[i].value), e);
    return linked;
}

static void unlink_device(struct directory *d, const struct device *old, const struct device *new, const struct device_entry *e)
{
    if (!span_empty(old->owner) && !span_equal(old->owner, new->owner))
        remove_link(d, &d->owners, span_table_hash(old->owner, d->seed), e);
    for (size_t i = 0; i < old->identifier_count; i++)
        if (!has_identifier(new, old->identifiers[i].kind, old->identifiers[i].value))
            remove_link(d, &d->identifiers, hash_identifier(d, old->identifiers[i].kind, old->identifiers[i].value), e);
}

static bool link_person(struct directory *d, const struct person *p, struct person_entry *e)
{
    bool linked = span_empty(p->slack) || add_link(&d->names, hash_folded(d, p->slack), e);
    for (size_t i = 0; i < p->email_count && linked; i++)
        linked = add_link(&d->names, hash_folded(d, p->emails[i]), e);
    for (size_t i = 0; i < p->alias_count && linked; i++)
        linked = add_link(&d->names, hash_folded(d, p->aliases[i]), e);
    return linked;
}

static void unlink_name(struct directory *d, struct span name, const struct person *new, const struct person_entry *e)
{
    if (!span_empty(name) && !has_name(new, name))
        remove_link(d, &d->names, hash_folded(d, name), e);
}

static void unlink_person(struct directory *d, const struct person *old, const struct person *new, const struct person_entry *e)
{
    unlink_name(d, old->slack, new, e);
    for (size_t i = 0; i < old->email_count; i++)
        unlink_name(d, old->emails[i], new, e);
    for (size_t i = 0; i < old->alias_count; i++)
        unlink_name(d, old->aliases[i], new, e);
}

/* ---- the writer: records ---- */

static void count_change(_Atomic size_t *count, bool was, bool is)
{
    if (is && !was)
        atomic_fetch_add(count, 1);
    if (was && !is)
        atomic_fetch_sub(count, 1);
}

/* A new entry is seen only when it is added to the table of ids, so it may be linked before. */
static enum err_code add_device(struct directory *d, struct device *device, struct err *err)
{
    struct device_entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "device %.*s: memory is short", SPAN_ARGS(device->id));
    cds_lfht_node_init(&e->node);
    e->live.seen_s = device->seen_s;
    atomic_store_explicit(&e->device, device, memory_order_release);
    urcu_memb_read_lock();
    cds_lfht_add(d->devices.hash, span_table_hash(device->id, d->seed), &e->node);
    urcu_memb_read_unlock();
    table_added(&d->devices);
    count_change(&d->device_count, false, !device->removed);
    return link_device(d, device, e) ? OK : err_set(err, ERR_MEMORY, "the identifiers of device %.*s: memory is short", SPAN_ARGS(device->id));
}

static void raise_seen(struct device_entry *e, int64_t seen_s)
{
    int64_t known_s = e->live.seen_s;
    while (known_s < seen_s && !atomic_compare_exchange_weak(&e->live.seen_s, &known_s, seen_s))
        ;
}

static enum err_code replace_device(struct directory *d, struct device_entry *e, struct device *device, struct err *err)
{
    struct device *old = newest_device(e);
    if (!link_device(d, device, e)) {
        device_free(device);
        return err_set(err, ERR_MEMORY, "the identifiers of device %.*s: memory is short", SPAN_ARGS(old->id));
    }
    count_change(&d->device_count, !old->removed, !device->removed);
    atomic_store_explicit(&e->device, device, memory_order_release);
    raise_seen(e, device->seen_s);
    unlink_device(d, old, device, e);
    retire(d, free_device, old);
    return OK;
}

enum err_code directory_put_device(struct directory *d, struct device *takes, struct err *err)
{
    directory_enter(d);
    struct device_entry *e = find_device(d, takes->id);
    directory_leave(d); /* entries stay, and this thread alone changes versions */
    if (e == NULL)
        return add_device(d, takes, err);
    struct device *old = newest_device(e);
    if (takes->version <= old->version) {
        device_free(takes);
        return OK;
    }
    if (!directory_seen_carry(old, takes)) {
        device_free(takes);
        return err_set(err, ERR_MEMORY, "device %.*s: memory is short", SPAN_ARGS(old->id));
    }
    return replace_device(d, e, takes, err);
}

/* A version that differs in seen_s alone shares its texts and lists with the one before, whose struct alone is freed. */
static struct device *seen_later(const struct device *old, int64_t seen_s)
{
    struct device *next = malloc(sizeof *next);
    if (next == NULL)
        return NULL;
    *next = *old;
    next->seen_s = seen_s;
    return next;
}

enum err_code directory_put_seen(struct directory *d, const struct refresh *refresh, struct err *err)
{
    directory_enter(d);
    struct device_entry *e = find_device(d, refresh->device);
    directory_leave(d);
    if (e == NULL)
        return OK;
    struct device *old = newest_device(e), *next = NULL;
    raise_seen(e, refresh->seen_s);
    bool plain = span_empty(refresh->times) && !directory_seen_opens_gap(old, refresh->seen_s);
    if (plain && refresh->seen_s <= old->seen_s)
        return OK;
    enum err_code code = plain ? OK : directory_seen_apply(old, refresh, &next, err);
    if (code == OK && plain)
        next = seen_later(old, refresh->seen_s);
    if (next == NULL)
        return code != OK ? code : err_set(err, ERR_MEMORY, "device %.*s: memory is short", SPAN_ARGS(old->id));
    atomic_store_explicit(&e->device, next, memory_order_release);
    retire(d, plain ? free : free_device, old);
    return OK;
}

static enum err_code add_person(struct directory *d, struct person *person, struct err *err)
{
    struct person_entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "person %.*s: memory is short", SPAN_ARGS(person->id));
    cds_lfht_node_init(&e->node);
    atomic_store_explicit(&e->person, person, memory_order_release);
    urcu_memb_read_lock();
    cds_lfht_add(d->persons.hash, span_table_hash(person->id, d->seed), &e->node);
    urcu_memb_read_unlock();
    table_added(&d->persons);
    count_change(&d->person_count, false, !person->removed);
    return link_person(d, person, e) ? OK : err_set(err, ERR_MEMORY, "the names of person %.*s: memory is short", SPAN_ARGS(person->id));
}

static enum err_code replace_person(struct directory *d, struct person_entry *e, struct person *person, struct err *err)
{
    struct person *old = newest_person(e);
    if (person->version <= old->version) {
        person_free(person);
        return OK;
    }
    if (!link_person(d, person, e)) {
        person_free(person);
        return err_set(err, ERR_MEMORY, "the names of person %.*s: memory is short", SPAN_ARGS(old->id));
    }
    count_change(&d->person_count, !old->removed, !person->removed);
    atomic_store_explicit(&e->person, person, memory_order_release);
    unlink_person(d, old, person, e);
    retire(d, free_person, old);
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
    directory_enter(d);
    struct person_entry *e = find_person(d, takes->id);
    directory_leave(d);
    return e == NULL ? add_person(d, takes, err) : replace_person(d, e, takes, err);
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
    if (policy != NULL)
        prepare_zone(d, policy->nudges.zone);
    atomic_store_explicit(&d->control, next, memory_order_release);
    if (policy != NULL) {
        retire(d, free_policy, (void *)(uintptr_t)old->policy);
        retire(d, free_policy, (void *)(uintptr_t)old->ring.before);
    }
    retire(d, free_control, old);
    return OK;
}
