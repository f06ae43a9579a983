#include "posture/exemption.h"

#include "posture/record_body.h"

#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { ID_BYTES = 256, WORDS_BYTES = 4096, DEPTH = 8 };

static const char *const scope_names[EXEMPT_SCOPES] = { "person", "device", "group" };
static const char *const state_names[EXEMPTION_STATES] = { "asked", "approved", "refused", "ended" };

const char *exemption_scope_name(enum exemption_scope s) { return s < EXEMPT_SCOPES ? scope_names[s] : "unknown"; }
const char *exemption_state_name(enum exemption_state s) { return s < EXEMPTION_STATES ? state_names[s] : "unknown"; }

static bool find_word(struct span name, const char *const *words, unsigned count, unsigned *at)
{
    for (*at = 0; *at < count; ++*at)
        if (span_equal_text(name, words[*at]))
            return true;
    return false;
}

bool exemption_scope_from(struct span name, enum exemption_scope *s)
{
    unsigned at;
    bool known = find_word(name, scope_names, EXEMPT_SCOPES, &at);
    if (known)
        *s = (enum exemption_scope)at;
    return known;
}

/* ---- questions ---- */

bool exemption_holds(const struct exemption *e, int64_t at_s)
{
    bool ended = e->ended_s != 0 && at_s >= e->ended_s;
    return (e->state == EXEMPTION_APPROVED || e->state == EXEMPTION_ENDED) && e->start_s <= at_s && at_s < e->end_s && !ended;
}

bool exemption_concerns(const struct exemption *e, const struct person *person, const struct device *device, struct span check)
{
    if (!span_equal(e->check, check))
        return false;
    switch (e->scope) {
    case EXEMPT_PERSON: return person != NULL && span_equal(e->subject, person->id);
    case EXEMPT_DEVICE: return device != NULL && span_equal(e->subject, device->id);
    case EXEMPT_GROUP: return person != NULL && person_in_group(person, e->subject);
    case EXEMPT_SCOPES: break;
    }
    return false;
}

size_t exemptions_of_check(struct exemptions all, struct span check, const struct exemption **first)
{
    size_t low = 0, high = all.count, end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(all.all[middle].check, check) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < all.count && span_equal(all.all[end].check, check); end++)
        ;
    *first = end > low ? &all.all[low] : NULL;
    return end - low;
}

const struct exemption *exemption_for(struct exemptions all, const struct person *person, const struct device *device, struct span check, int64_t now_s)
{
    const struct exemption *of_check = NULL;
    size_t count = all.count == 0 ? 0 : exemptions_of_check(all, check, &of_check);
    for (size_t i = 0; i < count; i++)
        if (exemption_holds(&of_check[i], now_s) && exemption_concerns(&of_check[i], person, device, check))
            return &of_check[i];
    return NULL;
}

const struct exemption *exemption_by_id(struct exemptions all, struct span id)
{
    for (size_t i = 0; i < all.count; i++)
        if (span_equal(all.all[i].id, id))
            return &all.all[i];
    return NULL;
}

/* ---- the record ---- */

static const struct record_body_field fields[] = {
    { "id", RECORD_TEXT, offsetof(struct exemption, id), ID_BYTES },
    { "subject", RECORD_TEXT, offsetof(struct exemption, subject), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct exemption, check), ID_BYTES },
    { "reason", RECORD_TEXT, offsetof(struct exemption, reason), WORDS_BYTES },
    { "measure", RECORD_TEXT, offsetof(struct exemption, measure), WORDS_BYTES },
    { "requester", RECORD_TEXT, offsetof(struct exemption, requester), ID_BYTES },
    { "approver", RECORD_TEXT, offsetof(struct exemption, approver), ID_BYTES },
    { "answer", RECORD_TEXT, offsetof(struct exemption, answer), WORDS_BYTES },
    { "asked_s", RECORD_TIME, offsetof(struct exemption, asked_s), 0 },
    { "decided_s", RECORD_TIME, offsetof(struct exemption, decided_s), 0 },
    { "start_s", RECORD_TIME, offsetof(struct exemption, start_s), 0 },
    { "end_s", RECORD_TIME, offsetof(struct exemption, end_s), 0 },
    { "ended_s", RECORD_TIME, offsetof(struct exemption, ended_s), 0 },
    { "reminded_s", RECORD_TIME, offsetof(struct exemption, reminded_s), 0 },
    { "conversation", RECORD_TEXT, offsetof(struct exemption, conversation), ID_BYTES },
    { "message", RECORD_TEXT, offsetof(struct exemption, message), ID_BYTES },
};

void exemptions_to_json(struct exemptions all, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "exemptions");
    to_json_array(w);
    for (size_t i = 0; i < all.count; i++) {
        to_json_object(w);
        record_body_write(w, fields, COUNT(fields), &all.all[i]);
        to_json_member_text(w, "scope", span_of(exemption_scope_name(all.all[i].scope)));
        to_json_member_text(w, "state", span_of(exemption_state_name(all.all[i].state)));
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

/* A scope or state of a newer version frees nobody here: it is kept as one that was refused. */
static void read_words(struct record_body *b, const struct from_json_value *item, struct exemption *e)
{
    struct from_json_value scope = from_json_member(item, "scope"), state = from_json_member(item, "state");
    struct span scope_name = SPAN_NONE, state_name = SPAN_NONE;
    unsigned at;
    if (b->code == OK)
        b->code = from_json_text(&scope, ID_BYTES, &scope_name, b->err);
    if (b->code == OK)
        b->code = from_json_text(&state, ID_BYTES, &state_name, b->err);
    if (b->code != OK)
        return;
    bool known = find_word(state_name, state_names, EXEMPTION_STATES, &at);
    e->state = known && exemption_scope_from(scope_name, &e->scope) ? (enum exemption_state)at : EXEMPTION_REFUSED;
}

static int by_check(const void *left, const void *right)
{
    const struct exemption *a = left, *b = right;
    int order = span_compare(a->check, b->check);
    return order != 0 ? order : span_compare(a->id, b->id);
}

enum err_code exemptions_from_json(struct span body, struct arena *a, struct exemptions *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct record_body b = { .arena = a, .err = err };
    struct from_json_value list;
    void *room;
    *out = (struct exemptions){ 0 };
    if (span_empty(body))
        return OK;
    b.code = from_json_parse(body, (struct from_json_limits){ EXEMPTION_BODY_BYTES, DEPTH }, "record exemptions", &doc, err);
    if (b.code != OK)
        return b.code;
    struct from_json_value root = from_json_root(doc);
    size_t count = record_body_list(&b, &root, "exemptions", EXEMPTIONS_MOST, sizeof(struct exemption), &list, &room);
    struct exemption *all = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(&b, &item, fields, COUNT(fields), &all[i]);
        read_words(&b, &item, &all[i]);
    }
    if (b.code != OK)
        return b.code;
    if (count > 0)
        qsort(all, count, sizeof *all, by_check);
    *out = (struct exemptions){ all, count };
    return OK;
}

struct exemptions exemptions_copy(struct exemptions all, struct arena *a, enum err_code *code)
{
    struct record_body b = { .arena = a };
    const struct exemption *copy = record_body_own_list(&b, all.all, all.count, sizeof *all.all, fields, COUNT(fields));
    *code = b.code;
    return (struct exemptions){ copy, copy == NULL ? 0 : all.count };
}
