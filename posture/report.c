#include "posture/report_parts.h"

#include "posture/base/clock.h"
#include "posture/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1024 * 1024, ARENA_MOST = 1024 * 1024 * 1024, TEXT_BYTES = 256, POLICY_BYTES = 2 * 1024 * 1024, PERSONS_MOST = 4 * 1024 * 1024 };

/* ---- memory ---- */

bool report_grow(struct report *r, void **all, size_t count, size_t *room, size_t each_bytes)
{
    if (count < *room)
        return true;
    size_t more = *room == 0 ? 8 : *room * 2;
    void *grown = realloc(*all, more * each_bytes);
    if (grown == NULL)
        return r->short_of_memory = true, false;
    memset((char *)grown + *room * each_bytes, 0, (more - *room) * each_bytes);
    *all = grown;
    *room = more;
    return true;
}

bool report_add_interval(struct report *r, struct report_list *list, int64_t from_s, int64_t to_s)
{
    if (!report_grow(r, (void **)&list->all, list->count, &list->room, sizeof *list->all))
        return false;
    list->all[list->count++] = (struct interval){ from_s, to_s };
    return true;
}

static struct span keep(struct report *r, struct span text)
{
    struct span copy = arena_copy(&r->arena, text);
    r->short_of_memory = r->short_of_memory || copy.bytes != text.bytes;
    return copy;
}

/* ---- names ---- */

static bool enlarge(struct report *r, struct report_name_map *m)
{
    size_t room = m->room == 0 ? 1024 : m->room * 2;
    struct report_name_slot *slots = calloc(room, sizeof *slots);
    if (slots == NULL)
        return r->short_of_memory = true, false;
    for (size_t i = 0; i < m->room; i++) {
        size_t at = span_hash(m->slots[i].name, 0) & (room - 1);
        if (m->slots[i].name.at == NULL)
            continue;
        while (slots[at].name.at != NULL)
            at = (at + 1) & (room - 1);
        slots[at] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->room = room;
    return true;
}

/* The slot of a name, made for it when `next` may be its number. */
static struct report_name_slot *slot_of(struct report *r, struct report_name_map *m, struct span name, bool make, uint32_t next)
{
    if (m->count * 2 >= m->room && !enlarge(r, m))
        return NULL;
    size_t at = span_hash(name, 0) & (m->room - 1);
    while (m->slots[at].name.at != NULL && !span_equal(m->slots[at].name, name))
        at = (at + 1) & (m->room - 1);
    if (m->slots[at].name.at != NULL)
        return &m->slots[at];
    struct span own = make ? keep(r, name) : SPAN_NONE;
    if (own.at == NULL)
        return NULL;
    m->slots[at] = (struct report_name_slot){ own, next };
    m->count++;
    return &m->slots[at];
}

static uint32_t person_of(struct report *r, struct span name)
{
    if (span_empty(name) || r->person_count >= PERSONS_MOST)
        return REPORT_NOBODY;
    struct report_name_slot *slot = slot_of(r, &r->person_map, name, true, (uint32_t)r->person_count);
    if (slot == NULL || !report_grow(r, (void **)&r->persons, r->person_count, &r->person_room, sizeof *r->persons))
        return REPORT_NOBODY;
    if (slot->index == r->person_count)
        r->persons[r->person_count++] = (struct report_person){ .name = slot->name, .known.from_s = r->first_s };
    return slot->index;
}

static struct report_device *device_of(struct report *r, struct span name)
{
    if (span_empty(name) || r->device_count >= REPORT_DEVICES_MOST)
        return NULL;
    struct report_name_slot *slot = slot_of(r, &r->device_map, name, true, (uint32_t)r->device_count);
    if (slot == NULL || !report_grow(r, (void **)&r->devices, r->device_count, &r->device_room, sizeof *r->devices))
        return NULL;
    if (slot->index == r->device_count) {
        r->devices[r->device_count++] = (struct report_device){ .name = slot->name, .person = REPORT_NOBODY };
    }
    return &r->devices[slot->index];
}

static struct report_cell *cell_of(struct report *r, struct report_device *d, struct span check)
{
    for (size_t i = 0; i < d->cell_count; i++)
        if (span_equal(d->cells[i].check, check))
            return &d->cells[i];
    if (span_empty(check) || !report_grow(r, (void **)&d->cells, d->cell_count, &d->cell_room, sizeof *d->cells))
        return NULL;
    struct report_cell *c = &d->cells[d->cell_count++];
    *c = (struct report_cell){ .check = keep(r, check) };
    c->episode.step = -1;
    return c;
}

/* ---- members ---- */

static struct span text_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, POLICY_BYTES, &text, &err) == OK ? text : SPAN_NONE;
}

static int64_t int_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t number = 0;
    struct err err;
    return from_json_int(&v, 0, INT64_MAX / 4, &number, &err) == OK ? number : 0;
}

static bool is_true(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool flag = false;
    struct err err;
    return from_json_bool(&v, &flag, &err) == OK && flag;
}

static bool holds_text(const struct from_json_value *array, struct span text)
{
    for (size_t i = 0; i < from_json_count(array); i++) {
        struct from_json_value item = from_json_item(array, i);
        struct span one = SPAN_NONE;
        struct err err;
        if (from_json_text(&item, TEXT_BYTES, &one, &err) == OK && span_equal(one, text))
            return true;
    }
    return false;
}

/* ---- devices ---- */

static bool closes(const struct report *r, struct span rung)
{
    for (size_t i = 0; i < r->closing_count; i++)
        if (span_equal(r->closing[i], rung))
            return true;
    return false;
}

static void count_blocked(struct report *r, struct report_device *d)
{
    struct report_of of = { d->person, SPAN_NONE, d->rung, r->now_s };
    if (d->closing)
        report_count_time(r, &of, d->closing_since_s, r->now_s, offsetof(struct report_row, blocked_s));
    d->closing_since_s = r->now_s;
}

static void set_rung(struct report *r, struct report_device *d, struct span rung)
{
    bool closing = !span_empty(rung) && closes(r, rung);
    if (span_equal(d->rung, rung) && d->closing == closing)
        return;
    count_blocked(r, d);
    d->rung = keep(r, rung);
    d->closing = closing;
}

static void retire(struct report *r, struct report_device *d)
{
    if (d == NULL || d->gone)
        return;
    set_rung(r, d, SPAN_NONE);
    for (size_t i = 0; i < d->cell_count; i++)
        report_cell_drop(r, d, &d->cells[i]);
    d->gone = true;
}

static void take_results(struct report *r, struct report_device *d, const struct from_json_value *state)
{
    struct from_json_value results = from_json_member(state, "results"), visible = from_json_member(state, "visible"), member;
    void *iterator = NULL;
    const char *key = NULL;
    while (from_json_each(&results, &iterator, &key, &member)) {
        struct report_cell *c = cell_of(r, d, span_of(key));
        struct span word = SPAN_NONE;
        enum verdict verdict = VERDICT_UNKNOWN;
        struct err err;
        if (c != NULL && from_json_text(&member, TEXT_BYTES, &word, &err) == OK && verdict_from(word, &verdict))
            report_cell_state(r, d, c, verdict, holds_text(&visible, c->check));
    }
    for (size_t i = 0; i < d->cell_count; i++) {
        char name[TEXT_BYTES];
        snprintf(name, sizeof name, "%.*s", SPAN_ARGS(span_slice(d->cells[i].check, 0, TEXT_BYTES - 1)));
        member = from_json_member(&results, name);
        if (!from_json_present(&member))
            report_cell_drop(r, d, &d->cells[i]);
    }
}

static void take_state(struct report *r, struct report_device *d, const struct from_json_value *record, const struct from_json_value *state)
{
    struct span person = text_of(record, "person"), platform = text_of(state, "platform");
    if (d->erased)
        return;
    d->gone = false;
    d->owned = is_true(state, "owned");
    d->person = d->owned ? person_of(r, person) : REPORT_NOBODY;
    if (!span_equal(d->platform, platform))
        d->platform = keep(r, platform);
    take_results(r, d, state);
    set_rung(r, d, text_of(state, "rung"));
    struct from_json_value off = from_json_member(state, "off");
    if (from_json_present(&off))
        (void)report_add_interval(r, &d->off, int_of(&off, "from"), int_of(&off, "to"));
    if (is_true(state, "removed"))
        retire(r, d);
}

/* A device that changes hands goes on under another name. */
static void take_device(struct report *r, const struct from_json_value *record)
{
    struct from_json_value state = from_json_member(record, "state");
    struct span from = text_of(record, "moved_from"), to = text_of(record, "moved_to"), name = span_empty(to) ? text_of(record, "device") : to;
    if (!span_empty(from) && !span_equal(from, to))
        retire(r, device_of(r, from));
    struct report_device *d = from_json_present(&state) ? device_of(r, name) : NULL;
    if (d != NULL)
        take_state(r, d, record, &state);
}

static void take_rung(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct report_device *d = device_of(r, text_of(record, "device"));
    struct from_json_value checks = from_json_member(data, "checks");
    struct span to = text_of(data, "to");
    for (size_t i = 0; d != NULL && i < d->cell_count; i++) {
        struct report_cell *c = &d->cells[i];
        if (!c->episode.open || !holds_text(&checks, c->check))
            continue;
        c->episode.rung = keep(r, to);
        if (closes(r, to))
            report_cell_closed(r, d, c);
    }
}

/* ---- persons ---- */

static void count_use(struct report *r, const struct report_of *of, size_t field)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    size_t count = report_is_in(r, r->now_s) ? report_lines_of(r, of, lines) : 0;
    for (size_t i = 0; i < count; i++)
        ++*(unsigned *)(void *)((char *)&lines[i]->row + field);
}

/* The rows of a check or a rung, not that of all. */
static void count_item(struct report *r, const struct report_device *d, const struct report_cell *c)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    struct report_of of = { d->person, c->check, c->episode.rung, r->now_s };
    bool one_each = r->options.by == REPORT_CHECK || r->options.by == REPORT_RUNG;
    size_t count = one_each && report_is_in(r, r->now_s) ? report_lines_of(r, &of, lines) : 0;
    for (size_t i = 1; i < count; i++)
        lines[i]->row.notices++;
}

/* A message counts once for all, for its group and month; by check or rung once for each that it told of. */
static void take_notice(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct from_json_value items = from_json_member(data, "items");
    struct report_of of = { person_of(r, text_of(record, "person")), SPAN_NONE, SPAN_NONE, r->now_s };
    struct report_line *lines[GROUPS_OF_MOST + 2];
    size_t count = report_is_in(r, r->now_s) ? report_lines_of(r, &of, lines) : 0;
    for (size_t i = 0; i < count && (i == 0 || r->options.by == REPORT_GROUP || r->options.by == REPORT_MONTH); i++)
        lines[i]->row.notices++;
    for (size_t i = 0; i < from_json_count(&items); i++) {
        struct from_json_value item = from_json_item(&items, i);
        struct report_device *d = device_of(r, text_of(&item, "device"));
        struct report_cell *c = d != NULL ? cell_of(r, d, text_of(&item, "check")) : NULL;
        if (c == NULL)
            continue;
        count_item(r, d, c);
        report_cell_told(r, d, c);
    }
}

static void take_groups(struct report *r, const struct from_json_value *record)
{
    struct from_json_value groups = from_json_member(record, "groups");
    uint32_t person = person_of(r, text_of(record, "person"));
    size_t count = from_json_count(&groups) < GROUPS_OF_MOST ? from_json_count(&groups) : GROUPS_OF_MOST;
    struct span *all = person != REPORT_NOBODY && from_json_present(&groups) ? arena_array(&r->arena, count + 1, sizeof *all) : NULL;
    struct err err;
    if (all == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&groups, i);
        struct span text = SPAN_NONE;
        all[i] = from_json_text(&item, TEXT_BYTES, &text, &err) == OK ? keep(r, text) : SPAN_NONE;
    }
    r->persons[person].groups = all;
    r->persons[person].group_count = count;
}

static void end_intervals(struct report_list *list, int64_t at_s)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].from_s <= at_s && (list->all[i].to_s == 0 || list->all[i].to_s > at_s))
            list->all[i].to_s = at_s;
}

static void take_absence(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    uint32_t person = person_of(r, text_of(record, "person"));
    if (person != REPORT_NOBODY)
        (void)report_add_interval(r, &r->persons[person].away, int_of(data, "from"), int_of(data, "to"));
}

static void take_back(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    uint32_t person = person_of(r, text_of(record, "person"));
    (void)data;
    if (person != REPORT_NOBODY)
        end_intervals(&r->persons[person].away, r->now_s);
}

static struct report_cell *cell_in(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct report_device *d = device_of(r, text_of(record, "device"));
    return d != NULL ? cell_of(r, d, text_of(data, "check")) : NULL;
}

static void take_use(struct report *r, const struct from_json_value *record, const struct from_json_value *data, size_t field, bool pauses)
{
    struct report_cell *c = cell_in(r, record, data);
    struct report_of of = { person_of(r, text_of(record, "person")), text_of(data, "check"), SPAN_NONE, r->now_s };
    count_use(r, &of, field);
    if (c != NULL && pauses)
        (void)report_add_interval(r, &c->episode.paused, r->now_s, int_of(data, "until"));
}

static void take_snooze(struct report *r, const struct from_json_value *record, const struct from_json_value *data) { take_use(r, record, data, offsetof(struct report_row, snoozes), true); }
static void take_pass(struct report *r, const struct from_json_value *record, const struct from_json_value *data) { take_use(r, record, data, offsetof(struct report_row, passes), false); }
static void take_dispute(struct report *r, const struct from_json_value *record, const struct from_json_value *data) { take_use(r, record, data, offsetof(struct report_row, disputes), true); }

static void take_healed(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct report_cell *c = cell_in(r, record, data);
    if (c != NULL && c->episode.open)
        c->episode.counted_s = int_of(data, "counted");
}

static void take_answer(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct report_cell *c = cell_in(r, record, data);
    struct report_of of = { person_of(r, text_of(record, "person")), text_of(data, "check"), SPAN_NONE, r->now_s };
    count_use(r, &of, offsetof(struct report_row, answered));
    if (span_equal_text(text_of(data, "outcome"), "fixed"))
        count_use(r, &of, offsetof(struct report_row, upheld));
    if (c != NULL)
        end_intervals(&c->episode.paused, r->now_s);
}

/* Whoever was there before the archive was is known from its beginning on. */
static void take_created(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    uint32_t person = person_of(r, text_of(record, "person"));
    (void)data;
    if (person != REPORT_NOBODY)
        r->persons[person].known = (struct interval){ r->now_s, 0 };
}

/* Names that mean nobody from now on: what stood under them stands under nobody's. */
static void take_erased(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct from_json_value gone = from_json_member(data, "gone");
    struct err err;
    (void)record;
    for (size_t i = 0; i < from_json_count(&gone); i++) {
        struct from_json_value item = from_json_item(&gone, i);
        struct span name = SPAN_NONE;
        struct report_device *d = from_json_text(&item, TEXT_BYTES, &name, &err) == OK ? device_of(r, name) : NULL;
        if (d != NULL && d->person != REPORT_NOBODY)
            r->persons[d->person].known.to_s = r->now_s;
        retire(r, d);
        if (d != NULL)
            d->erased = true;
    }
}

/* ---- exemptions, policy, clock ---- */

static void take_exemption(struct report *r, const struct from_json_value *record, const struct from_json_value *data)
{
    struct span id = text_of(data, "exemption"), type = text_of(record, "type");
    struct report_exemption *e = NULL;
    for (size_t i = 0; i < r->exemption_count && e == NULL; i++)
        if (span_equal(r->exemptions[i].id, id))
            e = &r->exemptions[i];
    if (e == NULL) {
        if (span_empty(id) || !report_grow(r, (void **)&r->exemptions, r->exemption_count, &r->exemption_room, sizeof *r->exemptions))
            return;
        e = &r->exemptions[r->exemption_count++];
        *e = (struct report_exemption){ .id = keep(r, id), .check = keep(r, text_of(data, "check")), .person = person_of(r, text_of(record, "person")) };
    }
    e->end_s = int_of(data, "end") != 0 ? int_of(data, "end") : e->end_s;
    e->approved = e->approved || span_equal_text(type, "exemption.approved");
    e->ended = e->ended || span_equal_text(type, "exemption.ended") || span_equal_text(type, "exemption.refused");
}

static void take_policy(struct report *r, const struct from_json_value *record)
{
    CLEANUP(policy_freep) struct policy *policy = NULL;
    struct mistakes mistakes;
    struct span text = text_of(record, "policy_text");
    if (span_empty(text))
        return;
    mistakes_init(&mistakes);
    policy_read_published(text, SPAN_LITERAL("policy"), &mistakes, &policy);
    mistakes_done(&mistakes);
    if (policy == NULL)
        return;
    struct span *closing = arena_array(&r->arena, POLICY_MAX_LADDERS * POLICY_MAX_RUNGS, sizeof *closing);
    size_t count = 0;
    for (size_t i = 0; closing != NULL && i < policy->ladder_count; i++)
        for (size_t k = 0; k < policy->ladders[i].rung_count; k++)
            if (policy->ladders[i].rungs[k].close != 0)
                closing[count++] = keep(r, policy->ladders[i].rungs[k].id);
    r->closing = closing;
    r->closing_count = count;
}

/* The record has all of them each time. */
static void take_clock(struct report *r, const struct from_json_value *record)
{
    struct from_json_value clock = from_json_member(record, "clock"), pauses = from_json_member(&clock, "pauses");
    if (!from_json_present(&clock))
        return;
    r->pauses.count = 0;
    for (size_t i = 0; i < from_json_count(&pauses); i++) {
        struct from_json_value item = from_json_item(&pauses, i);
        (void)report_add_interval(r, &r->pauses, int_of(&item, "from"), int_of(&item, "to"));
    }
}

/* ---- records ---- */

typedef void take_fn(struct report *r, const struct from_json_value *record, const struct from_json_value *data);
static const struct { const char *type; take_fn *take; } takers[] = {
    { "person.created", take_created },
    { "rung.changed", take_rung },       { "notice.delivered", take_notice }, { "person.absence", take_absence },         { "person.back", take_back },
    { "person.snoozed", take_snooze },   { "person.passed_once", take_pass }, { "person.disputed", take_dispute },        { "person.dispute_answered", take_answer },
    { "person.erased", take_erased },    { "person.healed", take_healed },
    { "exemption.asked", take_exemption }, { "exemption.approved", take_exemption }, { "exemption.refused", take_exemption }, { "exemption.ended", take_exemption },
};

enum err_code report_take(struct report *r, const struct from_json_value *record, struct err *err)
{
    struct from_json_value data = from_json_member(record, "data");
    struct span type = text_of(record, "type");
    if (!clock_from_rfc3339(text_of(record, "at"), &r->now_s) || r->now_s >= r->options.until_s)
        return OK;
    r->first_s = r->first_s == 0 ? r->now_s : r->first_s;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++)
        if (span_equal_text(type, takers[i].type))
            takers[i].take(r, record, &data);
    if (span_starts(type, SPAN_LITERAL("person.")))
        take_groups(r, record);
    take_device(r, record);
    take_policy(r, record);
    take_clock(r, record);
    return r->short_of_memory ? err_set(err, ERR_MEMORY, "the report") : OK;
}

/* ---- the end ---- */

static void end_device(struct report *r, struct report_device *d)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    for (size_t i = 0; i < d->cell_count; i++) {
        struct report_cell *c = &d->cells[i];
        report_cell_settle(r, d, c, r->now_s);
        struct report_of of = { d->person, c->check, c->episode.rung, r->now_s - 1 };
        size_t count = c->episode.open && c->episode.pass_s == 0 ? report_lines_of(r, &of, lines) : 0;
        for (size_t k = 0; k < count; k++) {
            lines[k]->row.open++;
            lines[k]->row.closed += c->episode.closed;
        }
        if (c->since_s != 0)
            report_cell_drop(r, d, c);
    }
    count_blocked(r, d);
}

enum err_code report_end(struct report *r, struct err *err)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    r->now_s = r->options.until_s;
    for (size_t i = 0; i < r->device_count; i++)
        if (!r->devices[i].gone)
            end_device(r, &r->devices[i]);
    for (size_t i = 0; i < r->exemption_count; i++) {
        const struct report_exemption *e = &r->exemptions[i];
        struct report_of of = { e->person, e->check, SPAN_NONE, r->now_s - 1 };
        size_t count = e->approved && !e->ended ? report_lines_of(r, &of, lines) : 0;
        for (size_t k = 0; k < count; k++) {
            lines[k]->row.exemptions_open += e->end_s >= r->now_s;
            lines[k]->row.exemptions_overdue += e->end_s < r->now_s;
        }
    }
    return r->short_of_memory ? err_set(err, ERR_MEMORY, "the report") : report_make_rows(r, err);
}

/* ---- life ---- */

enum err_code report_new(const struct report_options *options, struct report **out, struct err *err)
{
    struct report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_MEMORY, "a report");
    if (options->since_s >= options->until_s) {
        free(r);
        return err_set(err, ERR_INPUT, "a report's end must lie after its beginning");
    }
    r->options = *options;
    arena_init(&r->arena, ARENA_BYTES, ARENA_MOST);
    *out = r;
    return OK;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->device_count; i++) {
        for (size_t k = 0; k < r->devices[i].cell_count; k++)
            free(r->devices[i].cells[k].episode.paused.all);
        free(r->devices[i].cells);
        free(r->devices[i].off.all);
    }
    for (size_t i = 0; i < r->person_count; i++)
        free(r->persons[i].away.all);
    for (size_t i = 0; i < r->line_count; i++) {
        free(r->lines[i].fixes);
        free(r->lines[i].people);
    }
    free(r->pauses.all);
    free(r->person_map.slots);
    free(r->device_map.slots);
    free(r->persons);
    free(r->devices);
    free(r->exemptions);
    free(r->lines);
    free(r->rows);
    arena_done(&r->arena);
    free(r);
}

void report_freep(struct report **r)
{
    report_free(*r);
    *r = NULL;
}
