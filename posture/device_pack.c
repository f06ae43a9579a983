#include "posture/device_pack.h"

#include "posture/device_fields.h"
#include "posture/record_pack.h"

#include <stdlib.h>
#include <string.h>

/* ---- packing ---- */

static unsigned verdicts_of(const struct result *r) { return (unsigned)r->verdict | (unsigned)r->own << 3 | (unsigned)r->other << 6; }

/* A result's verdicts follow its fields when they are not those of the row before; before the first nothing was known. */
static void put_results(struct record_packer *p, const struct device *d)
{
    struct stored_result before;
    record_pack_number(p, d->result_count);
    record_pack_model(result_row, COUNT(result_row), d->seen_s, &before, sizeof before);
    for (size_t i = 0; i < d->result_count; i++) {
        struct stored_result row = { .result = d->results[i] };
        bool other_verdicts = verdicts_of(&row.result) != verdicts_of(&before.result);
        record_pack_fields(p, result_row, COUNT(result_row), &row, &before, other_verdicts);
        if (other_verdicts)
            record_pack_number(p, verdicts_of(&row.result));
        before = row;
    }
}

static void put_credentials(struct record_packer *p, const struct device *d)
{
    struct stored_credential before;
    record_pack_number(p, d->credential_count);
    record_pack_model(credential_row, COUNT(credential_row), d->seen_s, &before, sizeof before);
    for (size_t i = 0; i < d->credential_count; i++) {
        struct stored_credential row = { .credential = d->credentials[i] };
        record_pack_fields(p, credential_row, COUNT(credential_row), &row, &before, false);
        record_pack_number(p, d->credentials[i].kind);
        before = row;
    }
}

/* Identifiers first: look-ups read them alone. */
static void put_lists(struct record_packer *p, const struct device *d)
{
    const struct fallback none = { 0 };
    record_pack_rows(p, identifier_row, COUNT(identifier_row), d->identifiers, d->identifier_count, sizeof *d->identifiers, d->seen_s);
    put_results(p, d);
    put_credentials(p, d);
    record_pack_texts(p, d->recheck_checks, d->recheck_count, true);
    record_pack_rows(p, fact_row, COUNT(fact_row), d->facts, d->fact_count, sizeof *d->facts, d->seen_s);
    record_pack_rows(p, link_fields, COUNT(link_fields), d->links, d->link_count, sizeof *d->links, d->seen_s);
    record_pack_fields(p, fallback_fields, COUNT(fallback_fields), &d->fallback, &none, false);
    record_pack_rows(p, on_row, COUNT(on_row), d->on, d->on_count, sizeof *d->on, d->seen_s);
    record_pack_rows(p, doubt_row, COUNT(doubt_row), d->doubts, d->doubt_count, sizeof *d->doubts, d->seen_s);
}

/* What no device has that nothing is known of, but for the times of one that was just made. */
static void put_fields(struct record_packer *p, const struct device *d)
{
    struct device rest = *d, none = { .enrolled_s = d->seen_s, .first_seen_s = d->seen_s, .owner_since_s = d->seen_s };
    record_pack_text(p, d->id, false);
    record_pack_text(p, d->owner, false);
    rest.id = rest.owner = SPAN_NONE; /* they stand in front; these have places of their own */
    rest.seen_s = 0;
    rest.removed = false;
    record_pack_time(p, d->seen_s); /* what the differences count from; seen_s itself moves on */
    record_pack_fields(p, device_fields, COUNT(device_fields), &rest, &none, false);
}

static void note_standing(struct packed_device *packed, const struct device *d)
{
    packed->visible = packed->failing = false;
    for (size_t i = 0; i < d->result_count; i++) {
        packed->visible = packed->visible || d->results[i].visible_s != 0;
        packed->failing = packed->failing || d->results[i].first_failed_s != 0;
    }
}

struct packed_device *device_pack(const struct device *d, struct text_pool *pool)
{
#if UINTPTR_MAX == UINT64_MAX
    _Static_assert(sizeof(struct device) == 624 && sizeof(struct result) == 160, "a member that no table of device_fields.h names has to be packed and unpacked here");
#endif
    _Static_assert(sizeof(struct stored_result) <= RECORD_PACK_ROW_BYTES && sizeof(struct managed_link) <= RECORD_PACK_ROW_BYTES, "rows fit");
    struct record_packer p = { .pool = pool };
    buf_init(&p.out, RECORD_PACK_BYTES_MOST);
    put_fields(&p, d);
    size_t lists_at = p.out.bytes;
    put_lists(&p, d);
    struct packed_device *packed = p.out.failed ? NULL : malloc(sizeof *packed + p.out.bytes);
    if (packed != NULL) {
        atomic_init(&packed->seen_s, d->seen_s);
        packed->version = d->version;
        packed->lists_at = (uint32_t)lists_at;
        packed->platform = (uint8_t)d->platform;
        packed->removed = d->removed;
        note_standing(packed, d);
        memcpy(packed->data, p.out.at, p.out.bytes);
    }
    buf_done(&p.out);
    return packed;
}

/* ---- unpacking ---- */

struct packed_name packed_name_of(struct span check, struct span check_version, struct text_pool *pool)
{
    const struct stored_result none = { .result = { .fail_reads = 0 } }, row = { .result = { .check = check, .check_version = check_version } };
    struct record_packer p = { .pool = pool };
    struct packed_name name = { .length = 0 };
    buf_init(&p.out, RECORD_PACK_BYTES_MOST);
    record_pack_fields(&p, result_row, COUNT(result_row), &row, &none, false);
    if (!p.out.failed && p.out.bytes <= sizeof name.bytes) {
        name.length = p.out.bytes;
        memcpy(&name.bytes, p.out.at, name.length);
        memset(&name.mask, 0xff, name.length);
    }
    buf_done(&p.out);
    return name;
}

static void start_results(struct packed_results *walk, struct record_unpacker u, int64_t time_s)
{
    walk->begun = walk->alike = false;
    walk->left = (size_t)record_unpack_number(&u);
    walk->unpacker = u;
    record_pack_model(result_row, COUNT(result_row), time_s, &walk->result, sizeof walk->result);
}

bool packed_results_next(struct packed_results *walk)
{
    const uint64_t names = UINT64_C(1) << (RESULT_CHECK + 1) | UINT64_C(1) << (RESULT_CHECK_VERSION + 1);
    if (walk->left == 0)
        return false;
    walk->left--;
    uint64_t differing = record_unpack_fields(&walk->unpacker, result_row, &walk->result); /* a stored_result begins with its result, and its words are not packed */
    walk->alike = walk->begun && (differing & ~names) == 0;
    walk->begun = true;
    if ((differing & 1) != 0) {
        uint64_t verdicts = record_unpack_number(&walk->unpacker);
        walk->result.verdict = (enum verdict)(verdicts & 7);
        walk->result.own = (enum verdict)(verdicts >> 3 & 7);
        walk->result.other = (enum verdict)(verdicts >> 6 & 7);
    }
    return true;
}

static void get_results(struct record_unpacker *u, struct device *d, int64_t time_s)
{
    struct packed_results walk;
    start_results(&walk, *u, time_s);
    struct result *all = record_unpack_room(u, walk.left, sizeof *all);
    while (all != NULL && packed_results_next(&walk))
        all[d->result_count++] = walk.result;
    d->results = all;
    u->at = walk.unpacker.at;
    u->memory_short = u->memory_short || walk.unpacker.memory_short;
}

static void get_credentials(struct record_unpacker *u, struct device *d, int64_t time_s)
{
    size_t count = (size_t)record_unpack_number(u);
    struct credential *all = record_unpack_room(u, count, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++) {
        if (i == 0)
            record_pack_model(credential_row, COUNT(credential_row), time_s, all, sizeof *all);
        else
            all[i] = all[i - 1];
        (void)record_unpack_fields(u, credential_row, &all[i]);
        all[i].kind = (enum credential_kind)record_unpack_number(u);
    }
    d->credentials = all;
    d->credential_count = all != NULL ? count : 0;
}

static void get_lists(struct record_unpacker *u, struct device *d, int64_t time_s)
{
    d->identifier_count = record_unpack_rows(u, identifier_row, COUNT(identifier_row), sizeof *d->identifiers, time_s, &d->identifiers);
    get_results(u, d, time_s);
    get_credentials(u, d, time_s);
    d->recheck_count = record_unpack_texts(u, &d->recheck_checks);
    d->fact_count = record_unpack_rows(u, fact_row, COUNT(fact_row), sizeof *d->facts, time_s, &d->facts);
    d->link_count = record_unpack_rows(u, link_fields, COUNT(link_fields), sizeof *d->links, time_s, &d->links);
    (void)record_unpack_fields(u, fallback_fields, &d->fallback);
    d->on_count = record_unpack_rows(u, on_row, COUNT(on_row), sizeof *d->on, time_s, &d->on);
    d->doubt_count = record_unpack_rows(u, doubt_row, COUNT(doubt_row), sizeof *d->doubts, time_s, &d->doubts);
}

static struct record_unpacker unpacker_of(const struct packed_device *p, const struct text_pool *pool, struct arena *a) { return (struct record_unpacker){ p->data, pool, a, false }; }

const struct device *device_unpack(const struct packed_device *p, const struct text_pool *pool, enum device_part part, struct arena *a)
{
    _Static_assert(offsetof(struct stored_result, result) == 0 && offsetof(struct stored_credential, credential) == 0, "rows are read straight into their place");
    struct record_unpacker u = unpacker_of(p, pool, a);
    struct device *d = arena_alloc(a, sizeof *d);
    if (d == NULL)
        return NULL;
    struct span id = record_unpack_text(&u), owner = record_unpack_text(&u);
    int64_t time_s = record_unpack_time(&u);
    d->enrolled_s = d->first_seen_s = d->owner_since_s = time_s;
    (void)record_unpack_fields(&u, device_fields, d);
    d->id = id;
    d->owner = owner;
    d->version = p->version;
    d->platform = (enum platform)p->platform;
    d->removed = p->removed;
    d->seen_s = atomic_load_explicit(&p->seen_s, memory_order_relaxed);
    d->packed = p;
    if (part == DEVICE_WHOLE || p->visible)
        get_lists(&u, d, time_s);
    return u.memory_short ? NULL : d;
}

void packed_results_start(const struct packed_device *p, const struct text_pool *pool, struct arena *a, struct packed_results *walk)
{
    struct record_unpacker u = unpacker_of(p, pool, a);
    record_pass_text(&u); /* id */
    record_pass_text(&u); /* owner */
    int64_t time_s = record_unpack_time(&u);
    u.at = p->data + p->lists_at;
    record_pass_rows(&u, identifier_row);
    start_results(walk, u, time_s);
}

/* ---- questions: texts are compared where they stand, so a look-up needs no memory ---- */

bool packed_device_is(const struct packed_device *p, const struct text_pool *pool, struct span id)
{
    struct record_unpacker u = unpacker_of(p, pool, NULL);
    return record_unpack_is(&u, id);
}

bool packed_device_is_owned_by(const struct packed_device *p, const struct text_pool *pool, struct span person)
{
    struct record_unpacker u = unpacker_of(p, pool, NULL);
    (void)record_unpack_is(&u, SPAN_NONE);
    return record_unpack_is(&u, person);
}

/* What is not named in a row is as in the row before. */
static bool identifier_is(struct record_unpacker *u, struct span kind, struct span value, bool *same_kind, bool *same_value)
{
    for (uint64_t differing = record_unpack_number(u) >> 1; differing != 0; differing &= differing - 1) {
        const struct record_body_field *f = &identifier_row[__builtin_ctzll(differing)];
        if (f->kind == RECORD_TIME)
            (void)record_unpack_number(u);
        else if (f->offset == offsetof(struct identifier, kind))
            *same_kind = record_unpack_is(u, kind);
        else if (f->offset == offsetof(struct identifier, value))
            *same_value = record_unpack_is(u, value);
        else
            (void)record_unpack_is(u, SPAN_NONE);
    }
    return *same_kind && *same_value;
}

bool packed_device_has(const struct packed_device *p, const struct text_pool *pool, struct span kind, struct span value)
{
    struct record_unpacker u = unpacker_of(p, pool, NULL);
    bool same_kind = span_empty(kind), same_value = span_empty(value);
    u.at = p->data + p->lists_at;
    for (uint64_t left = record_unpack_number(&u); left > 0; left--)
        if (identifier_is(&u, kind, value, &same_kind, &same_value))
            return true;
    return false;
}
