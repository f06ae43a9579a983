#include "gateway/simulation_archive.h"

#include "gateway/archive_stream.h"
#include "posture/archive_key.h"
#include "posture/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 32, DEPTH = 20, TEXT_BYTES = 256, DAY_S = 86400, NAMES_FIRST = 1024, RECORD_ARENA_BYTES = 4 * 1024 * 1024, CHECKS_ARENA_BYTES = 64 * 1024 * 1024 };

/* One check of one device, as the records so far leave it. */
struct past_result { struct span check; enum verdict verdict; int64_t since_s, visible_s; };
/* A person or a device by its name in the archive. */
struct known {
    char name[ARCHIVE_KEY_NAME_BYTES + 1], id[ID_BYTES], owner[ID_BYTES];
    struct past_result *results; size_t result_count, result_room;
    struct interval *off; size_t off_count, off_room; /* in which it was off, ascending */
    int64_t first_s;                                  /* its first record; 0: none yet */
};
struct simulation_archive {
    const struct simulation_run *run;
    const char *folder;
    unsigned partitions;
    struct archive_stream *stream;
    struct known *known; size_t count, room;
    uint32_t *places; size_t place_count; /* index + 1 into `known`, by the name's hash; 0: empty */
    struct arena record, checks;          /* of the record handed out; names of checks */
    struct buf body;
    uint64_t unknown;
    bool short_of_memory;
};

/* ---- names ---- */

static uint32_t *place_of(const struct simulation_archive *a, struct span name)
{
    size_t at = span_hash(name, 0) & (a->place_count - 1);
    while (a->places[at] != 0 && !span_equal_text(name, a->known[a->places[at] - 1].name))
        at = (at + 1) & (a->place_count - 1);
    return &a->places[at];
}

static struct known *find(const struct simulation_archive *a, struct span name)
{
    uint32_t at = a->place_count == 0 || span_empty(name) ? 0 : *place_of(a, name);
    return at == 0 ? NULL : &a->known[at - 1];
}

static bool grow(void **all, size_t count, size_t *room, size_t first, size_t each_bytes)
{
    size_t more = *room == 0 ? first : *room * 2;
    void *grown = count < *room ? *all : realloc(*all, more * each_bytes);
    if (grown == NULL)
        return false;
    *room = count < *room ? *room : more;
    *all = grown;
    return true;
}

static bool add_name(struct simulation_archive *a, const char *name, struct span id, struct span owner)
{
    if (id.bytes >= ID_BYTES || owner.bytes >= ID_BYTES)
        return true;
    if (!grow((void **)&a->known, a->count, &a->room, NAMES_FIRST, sizeof *a->known))
        return a->short_of_memory = true, false;
    struct known *k = &a->known[a->count++];
    *k = (struct known){ .off = NULL };
    memcpy(k->name, name, sizeof k->name);
    memcpy(k->id, id.at, id.bytes);
    if (owner.bytes > 0)
        memcpy(k->owner, owner.at, owner.bytes);
    return true;
}

static bool name_person(void *context, const struct person *p)
{
    struct simulation_archive *a = context;
    struct archive_key key;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (p->removed || span_empty(p->archive_salt))
        return true;
    archive_key_make(a->run->node->secret, p->archive_salt, &key);
    archive_key_person(&key, name);
    archive_key_wipe(&key);
    return add_name(a, name, p->id, SPAN_NONE);
}

static bool name_device(void *context, const struct device *d)
{
    struct simulation_archive *a = context;
    const struct person *owner = span_empty(d->owner) ? NULL : directory_person(a->run->node->directory, d->owner);
    struct archive_key key;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (owner == NULL || owner->removed || span_empty(owner->archive_salt)) /* nobody's: no ladder is about it */
        return true;
    archive_key_make(a->run->node->secret, owner->archive_salt, &key);
    archive_key_device(&key, d->id, name);
    archive_key_wipe(&key);
    return add_name(a, name, d->id, d->owner);
}

static bool learn_names(struct simulation_archive *a)
{
    directory_enter(a->run->node->directory);
    directory_each_person(a->run->node->directory, name_person, a);
    directory_each_device(a->run->node->directory, name_device, a);
    directory_leave(a->run->node->directory);
    a->place_count = NAMES_FIRST;
    while (a->place_count < a->count * 2)
        a->place_count *= 2;
    a->places = a->short_of_memory ? NULL : calloc(a->place_count, sizeof *a->places);
    for (size_t i = 0; a->places != NULL && i < a->count; i++)
        *place_of(a, span_of(a->known[i].name)) = (uint32_t)(i + 1);
    return a->places != NULL;
}

/* ---- members ---- */

static struct span text_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err ignored;
    return from_json_text(&v, TEXT_BYTES, &text, &ignored) == OK ? text : SPAN_NONE;
}

static int64_t time_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t number = 0;
    struct err ignored;
    return from_json_int(&v, 0, INT64_MAX / 4, &number, &ignored) == OK ? number : 0;
}

static bool is_true(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool flag = false;
    struct err ignored;
    return from_json_bool(&v, &flag, &ignored) == OK && flag;
}

static bool holds(const struct from_json_value *array, struct span text)
{
    for (size_t i = 0; i < from_json_count(array); i++) {
        struct from_json_value item = from_json_item(array, i);
        struct span one = SPAN_NONE;
        struct err ignored;
        if (from_json_text(&item, TEXT_BYTES, &one, &ignored) == OK && span_equal(one, text))
            return true;
    }
    return false;
}

/* A device that comes to somebody has its new name from this record on. */
static struct span device_name(const struct from_json_value *root)
{
    struct span moved = text_of(root, "moved_to");
    return span_empty(moved) ? text_of(root, "device") : moved;
}

/* ---- what a device was ---- */

static struct past_result *result_of(struct simulation_archive *a, struct known *k, struct span check)
{
    for (size_t i = 0; i < k->result_count; i++)
        if (span_equal(k->results[i].check, check))
            return &k->results[i];
    if (k->result_count == DEVICE_MAX_RESULTS)
        return NULL;
    struct span own = arena_copy(&a->checks, check);
    if (own.at == NULL || !grow((void **)&k->results, k->result_count, &k->result_room, 8, sizeof *k->results))
        return a->short_of_memory = true, NULL;
    k->results[k->result_count] = (struct past_result){ .check = own };
    return &k->results[k->result_count++];
}

static void note_results(struct simulation_archive *a, struct known *k, const struct from_json_value *state, int64_t at_s)
{
    struct from_json_value results = from_json_member(state, "results"), visible = from_json_member(state, "visible"), member;
    void *iterator = NULL;
    const char *key = NULL;
    while (from_json_each(&results, &iterator, &key, &member)) {
        struct span word = SPAN_NONE;
        enum verdict verdict = VERDICT_UNKNOWN;
        struct err ignored;
        struct past_result *p = from_json_text(&member, TEXT_BYTES, &word, &ignored) == OK && verdict_from(word, &verdict) ? result_of(a, k, span_of(key)) : NULL;
        if (p == NULL)
            continue;
        bool shows = holds(&visible, p->check);
        p->since_s = p->since_s == 0 || p->verdict != verdict ? at_s : p->since_s;
        p->visible_s = !shows ? 0 : p->visible_s != 0 ? p->visible_s : at_s;
        p->verdict = verdict;
    }
}

/* Its own texts and evidence where there are any now, the times of the archive. Nothing goes stale between two records: silence there is no news. */
static bool set_results(const struct simulation_archive *a, const struct known *k, struct device *d)
{
    struct result *results = arena_array(&d->arena, k->result_count + 1, sizeof *results);
    for (size_t i = 0; results != NULL && i < k->result_count; i++) {
        const struct past_result *p = &k->results[i];
        const struct result *now = device_result(d, p->check);
        const struct check *check = policy_check(a->run->policy, p->check);
        bool fails = p->verdict == VERDICT_FAIL;
        results[i] = now != NULL ? *now : (struct result){ .check = arena_copy(&d->arena, p->check), .check_version = check != NULL ? arena_copy(&d->arena, check->version) : SPAN_NONE };
        results[i].verdict = p->verdict;
        results[i].changed_s = p->since_s;
        results[i].evaluated_s = a->run->to_s;
        results[i].first_failed_s = fails ? p->since_s : 0;
        results[i].visible_s = p->visible_s;
        results[i].valid_until_s = 0;
        results[i].own = results[i].other = VERDICT_UNKNOWN;
        results[i].own_s = 0;
    }
    d->results = results;
    d->result_count = results == NULL ? 0 : k->result_count;
    return results != NULL;
}

/* On from its first record on, but for the stretches of which the archive says that it was off. */
static bool set_on(const struct known *k, struct device *d)
{
    size_t skipped = k->off_count >= DEVICE_MAX_ON ? k->off_count - DEVICE_MAX_ON + 1 : 0, count = k->off_count - skipped;
    struct interval *on = arena_array(&d->arena, count + 1, sizeof *on);
    if (on == NULL)
        return false;
    on[0].from_s = skipped == 0 ? k->first_s : k->off[skipped - 1].to_s;
    for (size_t i = 0; i < count; i++) {
        on[i].to_s = k->off[skipped + i].from_s;
        on[i + 1].from_s = k->off[skipped + i].to_s;
    }
    on[count].to_s = 0;
    d->on = on;
    d->on_count = count + 1;
    return true;
}

/* False: it is not known here any more. */
static bool write_device(struct simulation_archive *a, const struct known *k, const struct from_json_value *state, int64_t at_s)
{
    CLEANUP(device_freep) struct device *d = NULL;
    struct to_json w;
    directory_enter(a->run->node->directory);
    const struct device *now = directory_device(a->run->node->directory, span_of(k->id));
    d = now != NULL ? device_copy(now) : NULL;
    directory_leave(a->run->node->directory);
    if (d == NULL || !set_results(a, k, d) || !set_on(k, d))
        return false;
    d->owner = is_true(state, "owned") ? arena_copy_text(&d->arena, k->owner) : SPAN_NONE;
    d->removed = is_true(state, "removed");
    d->rung = arena_copy(&d->arena, text_of(state, "rung"));
    d->rung_s = span_empty(d->rung) ? 0 : at_s;
    d->seen_s = at_s;
    buf_clear(&a->body);
    to_json_init(&w, &a->body);
    device_to_json(d, &w);
    return !a->body.failed;
}

/* ---- records ---- */

static bool partition_of(const struct simulation_archive *a, const char *chain, unsigned *partition)
{
    uint64_t number = 0;
    struct span digits = span_slice(span_of(chain), 1, ARCHIVE_NAME_BYTES);
    if (chain[0] != 'p' || !span_to_u64(digits, &number) || number >= a->partitions)
        return false;
    *partition = (unsigned)number;
    return true;
}

static enum err_code take_state(struct simulation_archive *a, const struct from_json_value *root, const struct from_json_value *state, struct simulation_archived *out, bool *good)
{
    struct known *k = find(a, device_name(root));
    a->unknown += k == NULL;
    if (k == NULL)
        return OK;
    note_results(a, k, state, out->at_s);
    if (out->at_s < a->run->from_s)
        return OK; /* only so that it is known since when */
    *good = write_device(a, k, state, out->at_s);
    out->device = span_of(k->id);
    out->body = buf_span(&a->body);
    return OK;
}

static enum err_code take_decision(struct simulation_archive *a, const struct from_json_value *root, struct simulation_archived *out, bool *good)
{
    const struct known *person = find(a, text_of(root, "person")), *device = find(a, text_of(root, "device"));
    struct from_json_value data = from_json_member(root, "data");
    struct to_json w;
    a->unknown += person == NULL;
    if (person == NULL || out->at_s < a->run->from_s)
        return OK;
    buf_clear(&a->body);
    to_json_init(&w, &a->body);
    to_json_object(&w);
    to_json_member_text(&w, "app", text_of(&data, "app"));
    to_json_member_text(&w, "outcome", text_of(&data, "outcome"));
    to_json_end(&w);
    out->is_decision = true;
    out->person = span_of(person->id);
    out->device = device != NULL ? span_of(device->id) : SPAN_NONE;
    out->data = buf_span(&a->body);
    *good = !a->body.failed;
    return OK;
}

/* *good: it is one of those that are wanted. */
static enum err_code take(struct simulation_archive *a, const struct archive_item *item, const int64_t *until_ms, struct simulation_archived *out, bool *good, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct simulation_archived){ .at_s = item->at_s };
    *good = false;
    if (!partition_of(a, item->chain, &out->partition) || out->at_s * 1000 > until_ms[out->partition])
        return OK;
    enum err_code code = from_json_parse(item->text, (struct from_json_limits){ ARCHIVE_LINE_BYTES, DEPTH }, "a record of the archive", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), state = from_json_member(&root, "state");
    arena_reset(&a->record);
    out->id = arena_copy(&a->record, text_of(&root, "id"));
    if (from_json_present(&state))
        code = take_state(a, &root, &state, out, good);
    else if (span_equal_text(text_of(&root, "type"), "decision.made"))
        code = take_decision(a, &root, out, good);
    return a->short_of_memory ? err_set(err, ERR_MEMORY, "a simulation: memory is short") : code;
}

enum err_code simulation_archive_next(struct simulation_archive *a, const int64_t *until_ms, struct simulation_archived *out, struct err *err)
{
    struct archive_item item;
    bool good = false;
    enum err_code code = OK;
    while (code == OK && !good) {
        code = archive_stream_next(a->stream, &item, err);
        if (code == OK && item.at_s > a->run->to_s)
            return err_set(err, ERR_NOT_FOUND, "the archive: the end");
        if (code == OK)
            code = take(a, &item, until_ms, out, &good, err);
    }
    return code;
}

/* ---- stretches off ---- */

static enum err_code note_off(struct simulation_archive *a, const struct archive_item *item, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = from_json_parse(item->text, (struct from_json_limits){ ARCHIVE_LINE_BYTES, DEPTH }, "a record of the archive", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), state = from_json_member(&root, "state"), off = from_json_member(&state, "off");
    struct known *k = from_json_present(&state) ? find(a, device_name(&root)) : NULL;
    if (k == NULL)
        return OK;
    k->first_s = k->first_s == 0 ? item->at_s : k->first_s;
    struct interval t = { time_of(&off, "from"), time_of(&off, "to") };
    int64_t before_s = k->off_count > 0 ? k->off[k->off_count - 1].to_s : k->first_s;
    if (!from_json_present(&off) || t.from_s < before_s || t.to_s <= t.from_s)
        return OK;
    if (!grow((void **)&k->off, k->off_count, &k->off_room, 8, sizeof *k->off))
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    k->off[k->off_count++] = t;
    return OK;
}

static enum err_code read_off(struct simulation_archive *a, struct err *err)
{
    struct archive_item item;
    enum err_code code = OK;
    while (code == OK) {
        code = archive_stream_next(a->stream, &item, err);
        if (code == OK && !atomic_load_explicit(&a->run->cancel, memory_order_relaxed))
            code = note_off(a, &item, err);
    }
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- life ---- */

enum err_code simulation_archive_rewind(struct simulation_archive *a, struct err *err)
{
    char from[ARCHIVE_DAY_BYTES + 1], to[ARCHIVE_DAY_BYTES + 1];
    archive_day(a->run->from_s - DAY_S, from); /* a record may lie in its neighbour's segment */
    archive_day(a->run->to_s + DAY_S, to);
    archive_stream_closep(&a->stream);
    for (size_t i = 0; i < a->count; i++)
        a->known[i].result_count = 0;
    a->unknown = 0;
    return archive_stream_open(&a->folder, 1, from, to, &a->stream, err);
}

void simulation_archive_close(struct simulation_archive *a)
{
    if (a == NULL)
        return;
    archive_stream_close(a->stream);
    for (size_t i = 0; i < a->count; i++) {
        free(a->known[i].results);
        free(a->known[i].off);
    }
    free(a->known);
    free(a->places);
    arena_done(&a->record);
    arena_done(&a->checks);
    buf_done(&a->body);
    free(a);
}

enum err_code simulation_archive_open(const struct simulation_run *run, const char *folder, unsigned partitions, struct simulation_archive **out, struct err *err)
{
    struct simulation_archive *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    *a = (struct simulation_archive){ .run = run, .folder = folder, .partitions = partitions };
    arena_init(&a->record, 1024, RECORD_ARENA_BYTES);
    arena_init(&a->checks, 16 * 1024, CHECKS_ARENA_BYTES);
    buf_init(&a->body, DEVICE_BODY_BYTES);
    enum err_code code = learn_names(a) ? simulation_archive_rewind(a, err) : err_set(err, ERR_MEMORY, "a simulation: memory is short");
    if (code == OK)
        code = read_off(a, err);
    if (code == OK)
        code = simulation_archive_rewind(a, err);
    if (code != OK) {
        simulation_archive_close(a);
        return code;
    }
    *out = a;
    return OK;
}

uint64_t simulation_archive_unknown(const struct simulation_archive *a) { return a->unknown; }
