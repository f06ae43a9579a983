#include "posture/device.h"

#include "posture/device_fields.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 4096, ARENA_LIMIT_BYTES = 16 * 1024 * 1024 };

/* ---- names ---- */

static const char *const platform_names[PLATFORM_COUNT] = { "unknown", "macos", "windows", "linux" };
static const char *const verdict_names[] = { "unknown", "pass", "fail", "not_applicable", "in_progress" };

const char *platform_name(enum platform p) { return platform_names[p < PLATFORM_COUNT ? p : PLATFORM_UNKNOWN]; }

enum platform platform_from(struct span name)
{
    if (span_equal_text(name, "darwin"))
        return PLATFORM_MACOS;
    for (int i = PLATFORM_MACOS; i < PLATFORM_COUNT; i++)
        if (span_equal_text(name, platform_names[i]))
            return (enum platform)i;
    return PLATFORM_UNKNOWN;
}

const char *verdict_name(enum verdict v) { return verdict_names[v < COUNT(verdict_names) ? v : VERDICT_UNKNOWN]; }

bool verdict_from(struct span name, enum verdict *v)
{
    for (size_t i = 0; i < COUNT(verdict_names); i++) {
        if (!span_equal_text(name, verdict_names[i]))
            continue;
        *v = (enum verdict)i;
        return true;
    }
    return false;
}

const char *credential_kind_name(enum credential_kind k)
{
    static const char *const names[CREDENTIAL_KINDS] = { "cookie", "webauthn" };
    return names[k < CREDENTIAL_KINDS ? k : CREDENTIAL_COOKIE];
}

/* ---- life ---- */

struct device *device_new(void)
{
    struct device *d = calloc(1, sizeof *d);
    if (d != NULL)
        arena_init(&d->arena, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    return d;
}

void device_free(struct device *d)
{
    if (d == NULL)
        return;
    arena_done(&d->arena);
    free(d);
}

void device_freep(struct device **d)
{
    device_free(*d);
    *d = NULL;
}

static const struct result *own_results(struct record_body *b, const struct device *d)
{
    struct result *all = d->result_count == 0 ? NULL : record_body_array(b, d->result_count, sizeof *all);
    for (size_t i = 0; all != NULL && i < d->result_count; i++) {
        struct stored_result stored = { .result = d->results[i] };
        record_body_own(b, result_row, COUNT(result_row), &stored);
        all[i] = stored.result;
    }
    return all;
}

static const struct credential *own_credentials(struct record_body *b, const struct credential *from, size_t count)
{
    struct credential *all = count == 0 ? NULL : record_body_array(b, count, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++) {
        struct stored_credential stored = { .credential = from[i] };
        record_body_own(b, credential_row, COUNT(credential_row), &stored);
        all[i] = stored.credential;
    }
    return all;
}

struct device *device_copy(const struct device *d)
{
    CLEANUP(device_freep) struct device *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *d;
    copy->packed = NULL;
    /* the first block holds all there is, so that a published device wastes little */
    arena_init(&copy->arena, d->arena.used_bytes > 0 ? d->arena.used_bytes : ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    struct record_body b = { .arena = &copy->arena };
    record_body_own(&b, device_fields, COUNT(device_fields), copy);
    copy->identifiers = record_body_own_list(&b, d->identifiers, d->identifier_count, sizeof *d->identifiers, identifier_row, COUNT(identifier_row));
    copy->credentials = own_credentials(&b, d->credentials, d->credential_count);
    copy->recheck_checks = record_body_own_texts(&b, d->recheck_checks, d->recheck_count);
    copy->results = own_results(&b, d);
    copy->facts = record_body_own_list(&b, d->facts, d->fact_count, sizeof *d->facts, fact_row, COUNT(fact_row));
    copy->links = record_body_own_list(&b, d->links, d->link_count, sizeof *d->links, link_fields, COUNT(link_fields));
    record_body_own(&b, fallback_fields, COUNT(fallback_fields), &copy->fallback);
    copy->on = record_body_own_list(&b, d->on, d->on_count, sizeof *d->on, on_row, COUNT(on_row));
    copy->doubts = record_body_own_list(&b, d->doubts, d->doubt_count, sizeof *d->doubts, doubt_row, COUNT(doubt_row));
    return b.code == OK ? TAKE(copy) : NULL;
}

/* ---- writing ---- */

static void write_rows(struct to_json *w, const char *key, const void *all, size_t count, size_t each_bytes, const struct record_body_field *fields, size_t field_count)
{
    if (count == 0)
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_array(w);
        record_body_write_row(w, fields, field_count, (const char *)all + i * each_bytes);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_credentials(struct to_json *w, const struct device *d)
{
    if (d->credential_count == 0)
        return;
    to_json_key(w, "credentials");
    to_json_array(w);
    for (size_t i = 0; i < d->credential_count; i++) {
        struct stored_credential stored = { d->credentials[i], span_of(credential_kind_name(d->credentials[i].kind)) };
        to_json_array(w);
        record_body_write_row(w, credential_row, COUNT(credential_row), &stored);
        to_json_end(w);
    }
    to_json_end(w);
}

/* Few results have a second source: those members stay away else. */
static struct stored_result stored_result(const struct result *result)
{
    struct stored_result stored = { .result = *result, .verdict = span_of(verdict_name(result->verdict)) };
    if (result->own_s > 0)
        stored.own = span_of(verdict_name(result->own));
    if (result->other != VERDICT_UNKNOWN)
        stored.other = span_of(verdict_name(result->other));
    return stored;
}

static void write_results(struct to_json *w, const struct device *d)
{
    if (d->result_count == 0)
        return;
    to_json_key(w, "results");
    to_json_array(w);
    for (size_t i = 0; i < d->result_count; i++) {
        struct stored_result stored = stored_result(&d->results[i]);
        to_json_array(w);
        record_body_write_row(w, result_row, COUNT(result_row), &stored);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_managed(struct to_json *w, const struct device *d)
{
    if (d->link_count > 0) {
        to_json_key(w, "links");
        to_json_array(w);
        for (size_t i = 0; i < d->link_count; i++) {
            to_json_object(w);
            record_body_write(w, link_fields, COUNT(link_fields), &d->links[i]);
            to_json_end(w);
        }
        to_json_end(w);
    }
    if (d->fallback.state == FALLBACK_NONE)
        return;
    to_json_key(w, "fallback");
    to_json_object(w);
    record_body_write(w, fallback_fields, COUNT(fallback_fields), &d->fallback);
    to_json_end(w);
}

void device_to_json(const struct device *d, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "platform", span_of(platform_name(d->platform)));
    record_body_write(w, device_fields, COUNT(device_fields), d);
    write_rows(w, "identifiers", d->identifiers, d->identifier_count, sizeof *d->identifiers, identifier_row, COUNT(identifier_row));
    write_credentials(w, d);
    record_body_write_texts(w, "recheck_checks", d->recheck_checks, d->recheck_count);
    write_results(w, d);
    write_managed(w, d);
    write_rows(w, "on", d->on, d->on_count, sizeof *d->on, on_row, COUNT(on_row));
    write_rows(w, "doubts", d->doubts, d->doubt_count, sizeof *d->doubts, doubt_row, COUNT(doubt_row));
    write_rows(w, "facts", d->facts, d->fact_count, sizeof *d->facts, fact_row, COUNT(fact_row)); /* last: a store may leave them out of what it hands to the directory */
    to_json_end(w);
}

/* ---- reading ---- */

static size_t read_rows(struct record_body *b, const struct from_json_value *root, const char *key, size_t most, size_t each_bytes,
                        const struct record_body_field *fields, size_t field_count, void **out)
{
    struct from_json_value list;
    size_t count = record_body_list(b, root, key, most, each_bytes, &list, out);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value row = from_json_item(&list, i);
        record_body_read_row(b, &row, fields, field_count, (char *)*out + i * each_bytes);
    }
    return count;
}

/* Of a kind that a newer version made: left out, since nothing here could check it. */
static bool known_credential(struct record_body *b, const struct from_json_value *row, struct credential *out)
{
    struct stored_credential stored = { 0 };
    record_body_read_row(b, row, credential_row, COUNT(credential_row), &stored);
    for (int k = 0; k < CREDENTIAL_KINDS; k++) {
        if (!span_equal_text(stored.kind, credential_kind_name((enum credential_kind)k)) || span_empty(stored.credential.id))
            continue;
        *out = stored.credential;
        out->kind = (enum credential_kind)k;
        return b->code == OK;
    }
    return false;
}

static void read_credentials(struct record_body *b, const struct from_json_value *root, struct device *d)
{
    struct from_json_value list;
    void *room;
    size_t count = record_body_list(b, root, "credentials", DEVICE_MAX_CREDENTIALS, sizeof(struct credential), &list, &room);
    struct credential *all = room;
    for (size_t i = 0; i < count && b->code == OK; i++) {
        struct from_json_value row = from_json_item(&list, i);
        d->credential_count += known_credential(b, &row, &all[d->credential_count]);
    }
    d->credentials = all;
}

/* device_result() searches by halving, so their order is part of the format. */
static void read_result(struct record_body *b, const struct from_json_value *row, const struct result *before, struct result *out)
{
    struct stored_result stored = { 0 };
    record_body_read_row(b, row, result_row, COUNT(result_row), &stored);
    if (b->code == OK && !verdict_from(stored.verdict, &stored.result.verdict))
        b->code = from_json_refuse(row, b->err, "its verdict is not known");
    if (b->code == OK && ((!span_empty(stored.own) && !verdict_from(stored.own, &stored.result.own)) || (!span_empty(stored.other) && !verdict_from(stored.other, &stored.result.other))))
        b->code = from_json_refuse(row, b->err, "what its sources say is not known");
    if (b->code == OK && (span_empty(stored.result.check) || (before != NULL && span_compare(before->check, stored.result.check) >= 0)))
        b->code = from_json_refuse(row, b->err, "results must ascend by check");
    *out = stored.result;
}

static void read_results(struct record_body *b, const struct from_json_value *root, struct device *d)
{
    struct from_json_value list;
    void *room;
    size_t count = record_body_list(b, root, "results", DEVICE_MAX_RESULTS, sizeof(struct result), &list, &room);
    struct result *all = room;
    for (size_t i = 0; i < count && b->code == OK; i++) {
        struct from_json_value row = from_json_item(&list, i);
        read_result(b, &row, i > 0 ? &all[i - 1] : NULL, &all[i]);
    }
    d->results = all;
    d->result_count = count;
}

/* Ascending, apart, and only the last may be open: sums over them rely on it. */
static void read_on(struct record_body *b, const struct from_json_value *root, struct device *d)
{
    void *room;
    size_t count = read_rows(b, root, "on", DEVICE_MAX_ON, sizeof *d->on, on_row, COUNT(on_row), &room);
    struct from_json_value list = from_json_member(root, "on");
    const struct interval *all = room;
    for (size_t i = 0; i < count && b->code == OK; i++) {
        bool ends = all[i].to_s != 0, apart = i == 0 || all[i - 1].to_s <= all[i].from_s;
        if (!apart || (ends ? all[i].to_s < all[i].from_s : i + 1 < count))
            b->code = from_json_refuse(&list, b->err, "must ascend, and only the last may be open");
    }
    d->on = all;
    d->on_count = count;
    if (count > 0 && all[count - 1].from_s > d->seen_s)
        d->seen_s = all[count - 1].from_s; /* it spoke when the stretch began */
}

static void read_doubts(struct record_body *b, const struct from_json_value *root, struct device *d)
{
    void *room;
    size_t count = read_rows(b, root, "doubts", DEVICE_MAX_DOUBTS, sizeof *d->doubts, doubt_row, COUNT(doubt_row), &room);
    struct from_json_value list = from_json_member(root, "doubts");
    const struct doubt *all = room;
    for (size_t i = 0; i < count && b->code == OK; i++) {
        int order = i == 0 ? -1 : span_compare(all[i - 1].check, all[i].check);
        bool ascends = order < 0 || (order == 0 && all[i - 1].time.to_s < all[i].time.from_s);
        if (span_empty(all[i].check) || all[i].time.to_s <= all[i].time.from_s || !ascends)
            b->code = from_json_refuse(&list, b->err, "must be stretches that end, ascending by check and time, apart");
    }
    d->doubts = all;
    d->doubt_count = count;
}

static void read_managed(struct record_body *b, const struct from_json_value *root, struct device *d)
{
    struct from_json_value list, fallback = from_json_member(root, "fallback");
    void *room;
    d->link_count = record_body_list(b, root, "links", DEVICE_MAX_LINKS, sizeof *d->links, &list, &room);
    struct managed_link *all = room;
    for (size_t i = 0; i < d->link_count && b->code == OK; i++) {
        struct from_json_value each = from_json_item(&list, i);
        record_body_read(b, &each, link_fields, COUNT(link_fields), &all[i]);
    }
    d->links = all;
    if (from_json_present(&fallback))
        record_body_read(b, &fallback, fallback_fields, COUNT(fallback_fields), &d->fallback);
}

static void read_device(struct record_body *b, const struct from_json_value *root, bool with_facts, struct device *d)
{
    void *list;
    struct span platform = SPAN_NONE;
    struct from_json_value name = from_json_member(root, "platform");
    record_body_read(b, root, device_fields, COUNT(device_fields), d);
    if (b->code == OK)
        b->code = from_json_text_opt(&name, TEXT_BYTES, &platform, b->err);
    d->platform = platform_from(platform);
    d->identifier_count = read_rows(b, root, "identifiers", DEVICE_MAX_IDENTIFIERS, sizeof *d->identifiers, identifier_row, COUNT(identifier_row), &list);
    d->identifiers = list;
    read_credentials(b, root, d);
    d->recheck_count = record_body_texts(b, root, "recheck_checks", DEVICE_MAX_RESULTS, TEXT_BYTES, &d->recheck_checks);
    read_results(b, root, d);
    if (with_facts) {
        d->fact_count = read_rows(b, root, "facts", DEVICE_MAX_FACTS, sizeof *d->facts, fact_row, COUNT(fact_row), &list);
        d->facts = list;
    }
    read_managed(b, root, d);
    read_on(b, root, d);
    read_doubts(b, root, d);
}

static enum err_code finish_device(struct record_body *b, const struct from_json *doc, int64_t version, bool with_facts, struct device *d)
{
    struct from_json_value root = from_json_root(doc);
    read_device(b, &root, with_facts, d);
    if (b->code == OK && span_empty(d->id))
        b->code = err_set(b->err, ERR_INPUT, "device record: id is missing");
    d->version = version;
    return b->code;
}

static const struct from_json_limits body_limits = { DEVICE_BODY_BYTES, RECORD_BODY_DEPTH };

enum err_code device_from_json(struct span body, int64_t version, bool with_facts, struct device **out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(device_freep) struct device *d = device_new();
    enum err_code code = from_json_parse_without(NULL, body, with_facts ? SPAN_NONE : SPAN_LITERAL("facts"), body_limits, "device record", &doc, err);
    if (code == OK && d == NULL)
        code = err_set(err, ERR_MEMORY, "device record: memory is short");
    if (code != OK)
        return code;
    struct record_body b = { .arena = &d->arena, .err = err };
    code = finish_device(&b, doc, version, with_facts, d);
    if (code == OK)
        *out = TAKE(d);
    return code;
}

/* The document and the lists of most devices fit into one block, which stays from one to the next. */
static void forget(struct device *d)
{
    enum { BLOCK_BYTES = 32 * 1024, LIMIT_BYTES = 64 * 1024 * 1024 /* a document is up to 33 times as long as its text */ };
    struct arena arena = d->arena;
    arena_reset(&arena);
    if (arena.block_bytes != BLOCK_BYTES) {
        arena_done(&arena);
        arena_init(&arena, BLOCK_BYTES, LIMIT_BYTES);
    }
    *d = (struct device){ .arena = arena };
}

enum err_code device_from_json_into(struct span body, int64_t version, struct device *d, struct err *err)
{
    struct from_json *doc = NULL;
    forget(d);
    enum err_code code = from_json_parse_without(&d->arena, body, SPAN_LITERAL("facts"), body_limits, "device record", &doc, err);
    struct record_body b = { .arena = &d->arena, .err = err, .texts_stay = true };
    return code == OK ? finish_device(&b, doc, version, false, d) : code;
}

/* ---- questions ---- */

static int compare_check(const void *key, const void *item)
{
    const struct result *result = item;
    return span_compare(*(const struct span *)key, result->check);
}

const struct result *device_result(const struct device *d, struct span check)
{
    if (d->result_count == 0)
        return NULL;
    return bsearch(&check, d->results, d->result_count, sizeof d->results[0], compare_check);
}

const struct managed_link *device_link(const struct device *d, struct span manager)
{
    for (size_t i = 0; i < d->link_count; i++)
        if (span_equal(d->links[i].manager, manager))
            return &d->links[i];
    return NULL;
}

bool device_put_link(struct device *d, const struct managed_link *link)
{
    struct record_body b = { .arena = &d->arena };
    const struct managed_link *old = device_link(d, link->manager);
    size_t place = old != NULL ? (size_t)(old - d->links) : d->link_count;
    struct managed_link *all = place < DEVICE_MAX_LINKS ? arena_array(&d->arena, d->link_count + 1, sizeof *all) : NULL;
    if (all == NULL)
        return false;
    if (d->link_count > 0)
        memcpy(all, d->links, d->link_count * sizeof *all);
    all[place] = *link;
    record_body_own(&b, link_fields, COUNT(link_fields), &all[place]);
    if (b.code != OK)
        return false;
    d->links = all;
    d->link_count += old == NULL;
    return true;
}

const struct fact *device_fact(const struct device *d, struct span name)
{
    for (size_t i = 0; i < d->fact_count; i++)
        if (span_equal(d->facts[i].name, name))
            return &d->facts[i];
    return NULL;
}

const struct identifier *device_identifier(const struct device *d, struct span kind)
{
    for (size_t i = 0; i < d->identifier_count; i++)
        if (span_equal(d->identifiers[i].kind, kind))
            return &d->identifiers[i];
    return NULL;
}

const struct credential *device_credential(const struct device *d, enum credential_kind kind, struct span id)
{
    for (size_t i = 0; i < d->credential_count; i++)
        if (d->credentials[i].kind == kind && span_equal(d->credentials[i].id, id))
            return &d->credentials[i];
    return NULL;
}

/* ---- edits of credentials ---- */

static int64_t last_life_s(const struct credential *c) { return c->used_s > c->created_s ? c->used_s : c->created_s; }

/* The one that makes room: of that kind, unused for longest. */
static const struct credential *idle_credential(const struct device *d, enum credential_kind kind)
{
    const struct credential *idle = NULL;
    for (size_t i = 0; i < d->credential_count; i++)
        if (d->credentials[i].kind == kind && (idle == NULL || last_life_s(&d->credentials[i]) < last_life_s(idle)))
            idle = &d->credentials[i];
    return idle;
}

bool device_put_credential(struct device *d, const struct credential *c)
{
    const struct credential *old = device_credential(d, c->kind, c->id);
    struct record_body b = { .arena = &d->arena };
    struct credential *all = arena_array(&d->arena, d->credential_count + 1, sizeof *all);
    const struct credential *own = own_credentials(&b, c, 1);
    size_t count = 0;
    if (old == NULL && d->credential_count >= DEVICE_MAX_CREDENTIALS && (old = idle_credential(d, c->kind)) == NULL)
        return false;
    if (all == NULL || own == NULL || b.code != OK)
        return false;
    for (size_t i = 0; i < d->credential_count; i++)
        if (&d->credentials[i] != old)
            all[count++] = d->credentials[i];
    all[count++] = *own;
    d->credentials = all;
    d->credential_count = count;
    return true;
}

bool device_drop_credential(struct device *d, enum credential_kind kind, struct span id)
{
    const struct credential *old = device_credential(d, kind, id);
    struct credential *all = old == NULL ? NULL : arena_array(&d->arena, d->credential_count, sizeof *all);
    size_t count = 0;
    if (all == NULL)
        return false;
    for (size_t i = 0; i < d->credential_count; i++)
        if (&d->credentials[i] != old)
            all[count++] = d->credentials[i];
    d->credentials = all;
    d->credential_count = count;
    return true;
}

bool device_drop_credentials(struct device *d)
{
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    size_t count = 0;
    if (all == NULL)
        return false;
    for (size_t i = 0; i < d->identifier_count; i++)
        if (!span_equal_text(d->identifiers[i].kind, "webauthn"))
            all[count++] = d->identifiers[i];
    d->identifiers = all;
    d->identifier_count = count;
    d->credentials = NULL;
    d->credential_count = 0;
    return true;
}

/* ---- on and off ---- */

static bool is_failing(const struct device *d, int64_t *since_s)
{
    *since_s = 0;
    for (size_t i = 0; i < d->result_count; i++) {
        int64_t failed_s = d->results[i].first_failed_s;
        if (failed_s != 0 && (*since_s == 0 || failed_s < *since_s))
            *since_s = failed_s;
    }
    return *since_s != 0;
}

/* The two stretches with the shortest gap between them become one: the least wrong way to stay within the bound. */
static size_t close_shortest_gap(struct interval *all, size_t count)
{
    size_t at = 1;
    for (size_t i = 2; i < count; i++)
        if (all[i].from_s - all[i - 1].to_s < all[at].from_s - all[at - 1].to_s)
            at = i;
    all[at - 1].to_s = all[at].to_s;
    memmove(&all[at], &all[at + 1], (count - at - 1) * sizeof *all);
    return count - 1;
}

/* No stretch at all means: on without a gap since the failure began. So the first gap writes down the stretch before it. */
static bool open_stretch(struct device *d, int64_t failing_since_s, int64_t now_s)
{
    struct interval *all = arena_array(&d->arena, d->on_count + 2, sizeof *all);
    size_t count = d->on_count;
    int64_t off_s = d->seen_s + ON_SLOT_S;
    if (all == NULL)
        return false;
    if (count > 0)
        memcpy(all, d->on, count * sizeof *all);
    else
        all[count++] = (struct interval){ failing_since_s < off_s ? failing_since_s : off_s, 0 };
    if (all[count - 1].to_s == 0)
        all[count - 1].to_s = off_s > all[count - 1].from_s ? off_s : all[count - 1].from_s;
    int64_t before_s = all[count - 1].to_s;
    all[count++] = (struct interval){ now_s > before_s ? now_s : before_s, 0 };
    while (count > DEVICE_MAX_ON)
        count = close_shortest_gap(all, count);
    d->on = all;
    d->on_count = count;
    d->seen_s = now_s;
    return true;
}

/* What passed a moment ago may fail again and go on: then the stretches of before are asked for. */
static bool passed_lately(const struct device *d, int64_t now_s)
{
    for (size_t i = 0; i < d->result_count; i++) {
        const struct result *r = &d->results[i];
        bool passes = r->verdict == VERDICT_PASS || r->verdict == VERDICT_NOT_APPLICABLE;
        if (passes && r->changed_s != 0 && now_s - r->changed_s < PASS_HELD_S)
            return true;
    }
    return false;
}

bool device_spoke(struct device *d, int64_t now_s)
{
    int64_t failing_since_s;
    bool failing = is_failing(d, &failing_since_s);
    if (!failing && !passed_lately(d, now_s)) {
        d->on = NULL;
        d->on_count = 0;
    }
    if (now_s <= d->seen_s)
        return false;
    if (failing && d->seen_s != 0 && now_s - d->seen_s > ON_SLOT_S)
        return open_stretch(d, failing_since_s, now_s);
    d->seen_s = now_s;
    return false;
}

bool device_on_at(const struct device *d, int64_t t_s)
{
    if (d->seen_s == 0 || t_s >= d->seen_s + ON_SLOT_S)
        return false;
    for (size_t i = 0; i < d->on_count; i++)
        if (t_s >= d->on[i].from_s && (d->on[i].to_s == 0 || t_s < d->on[i].to_s))
            return true;
    return d->on_count == 0;
}
