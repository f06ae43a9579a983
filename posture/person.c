#include "posture/person.h"

#include "posture/record_body.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define PERSON_FIELD(key, kind, member, most) { key, kind, offsetof(struct person, member), most }

enum { ARENA_BLOCK_BYTES = 2048, ARENA_LIMIT_BYTES = 8 * 1024 * 1024, ID_BYTES = 256, NAME_BYTES = 1024, CHECK_BYTES = 256, TEXT_BYTES = 4096,
       WEEK_BITS = 127, DAY_MINUTES = 1440 };

static const struct record_body_field person_fields[] = {
    PERSON_FIELD("id", RECORD_TEXT, id, ID_BYTES),          PERSON_FIELD("name", RECORD_TEXT, name, NAME_BYTES),
    PERSON_FIELD("slack", RECORD_TEXT, slack, ID_BYTES),    PERSON_FIELD("zone", RECORD_TEXT, zone, ID_BYTES),
    PERSON_FIELD("okta", RECORD_TEXT, okta, ID_BYTES),
    PERSON_FIELD("region", RECORD_TEXT, region, ID_BYTES),  PERSON_FIELD("locale", RECORD_TEXT, locale, ID_BYTES),
    PERSON_FIELD("archive_salt", RECORD_TEXT, archive_salt, ID_BYTES),
    PERSON_FIELD("created_s", RECORD_TIME, created_s, 0),   PERSON_FIELD("removed", RECORD_FLAG, removed, 0),
    PERSON_FIELD("zone_from_slack", RECORD_FLAG, zone_from_slack, 0),
    PERSON_FIELD("invited_s", RECORD_TIME, onboarding.invited_s, 0), PERSON_FIELD("greeted_s", RECORD_TIME, onboarding.greeted_s, 0),
    PERSON_FIELD("linked_s", RECORD_TIME, onboarding.linked_s, 0),   PERSON_FIELD("invited_by", RECORD_TEXT, onboarding.by, ID_BYTES),
    PERSON_FIELD("invited_now", RECORD_FLAG, onboarding.now, 0),
    PERSON_FIELD("nudge_day", RECORD_DAY, nudge_day, 0),    PERSON_FIELD("nudge_s", RECORD_TIME, nudge_s, 0),
    PERSON_FIELD("work_days", RECORD_COUNT, work.days, WEEK_BITS),              PERSON_FIELD("work_from", RECORD_COUNT, work.from_minute, DAY_MINUTES),
    PERSON_FIELD("work_to", RECORD_COUNT, work.to_minute, DAY_MINUTES),         PERSON_FIELD("write_at", RECORD_COUNT, work.write_at, DAY_MINUTES),
};
static const struct record_body_field absence_fields[] = {
    { "from_s", RECORD_TIME, offsetof(struct absence, time.from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct absence, time.to_s), 0 },
    { "source", RECORD_TEXT, offsetof(struct absence, source), NAME_BYTES },
};
static const struct record_body_field told_fields[] = {
    { "device", RECORD_TEXT, offsetof(struct told, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct told, check), CHECK_BYTES },
    { "count", RECORD_COUNT, offsetof(struct told, count), 1000 * 1000 },
    { "last_s", RECORD_TIME, offsetof(struct told, last_s), 0 },
    { "passed_s", RECORD_TIME, offsetof(struct told, passed_s), 0 },
    { "used_s", RECORD_TIME, offsetof(struct told, used_s), 0 },
    { "resumed_s", RECORD_TIME, offsetof(struct told, resumed_s), 0 },
    { "flapped_s", RECORD_TIME, offsetof(struct told, flapped_s), 0 },
};
static const struct record_body_field mended_fields[] = {
    { "device", RECORD_TEXT, offsetof(struct mended, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct mended, check), CHECK_BYTES },
    { "passed_s", RECORD_TIME, offsetof(struct mended, passed_s), 0 },
    { "used_s", RECORD_TIME, offsetof(struct mended, used_s), 0 },
    { "failed_s", RECORD_TIME, offsetof(struct mended, failed_s), 0 },
};
static const struct record_body_field dispute_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct dispute, id), ID_BYTES },
    { "device", RECORD_TEXT, offsetof(struct dispute, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct dispute, check), CHECK_BYTES },
    { "text", RECORD_TEXT, offsetof(struct dispute, text), TEXT_BYTES },
    { "from_s", RECORD_TIME, offsetof(struct dispute, time.from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct dispute, time.to_s), 0 },
    { "answer", RECORD_TEXT, offsetof(struct dispute, answer), TEXT_BYTES },
    { "by", RECORD_TEXT, offsetof(struct dispute, by), ID_BYTES },
    { "answered_s", RECORD_TIME, offsetof(struct dispute, answered_s), 0 },
    { "evidence", RECORD_TEXT, offsetof(struct dispute, evidence), PERSON_EVIDENCE_BYTES },
};
static const struct record_body_field lever_fields[] = {
    { "kind", RECORD_TEXT, offsetof(struct lever, kind), ID_BYTES },
    { "target", RECORD_TEXT, offsetof(struct lever, target), ID_BYTES },
    { "wanted", RECORD_FLAG, offsetof(struct lever, wanted), 0 },
    { "state", RECORD_COUNT, offsetof(struct lever, state), LEVER_FOUND },
    { "at_s", RECORD_TIME, offsetof(struct lever, at_s), 0 },
};
static const struct record_body_field snooze_fields[] = {
    { "device", RECORD_TEXT, offsetof(struct snooze, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct snooze, check), CHECK_BYTES },
    { "from_s", RECORD_TIME, offsetof(struct snooze, time.from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct snooze, time.to_s), 0 },
};
static const struct record_body_field pass_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct pass, id), ID_BYTES },
    { "device", RECORD_TEXT, offsetof(struct pass, device), ID_BYTES },
    { "app", RECORD_TEXT, offsetof(struct pass, app), CHECK_BYTES },
    { "check", RECORD_TEXT, offsetof(struct pass, check), CHECK_BYTES },
    { "reason", RECORD_TEXT, offsetof(struct pass, reason), TEXT_BYTES },
    { "policy", RECORD_TEXT, offsetof(struct pass, policy), ID_BYTES },
    { "from_s", RECORD_TIME, offsetof(struct pass, time.from_s), 0 },
    { "to_s", RECORD_TIME, offsetof(struct pass, time.to_s), 0 },
};
static const struct record_body_field ask_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct help_request, id), ID_BYTES },
    { "device", RECORD_TEXT, offsetof(struct help_request, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct help_request, check), CHECK_BYTES },
    { "text", RECORD_TEXT, offsetof(struct help_request, text), TEXT_BYTES },
    { "answer", RECORD_TEXT, offsetof(struct help_request, answer), TEXT_BYTES },
    { "by", RECORD_TEXT, offsetof(struct help_request, by), ID_BYTES },
    { "at_s", RECORD_TIME, offsetof(struct help_request, at_s), 0 },
    { "answered_s", RECORD_TIME, offsetof(struct help_request, answered_s), 0 },
};
static const struct record_body_field warned_fields[] = {
    { "device", RECORD_TEXT, offsetof(struct warned, device), ID_BYTES },
    { "at_s", RECORD_TIME, offsetof(struct warned, at_s), 0 },
};
static const struct record_body_field reminded_fields[] = {
    { "exemption", RECORD_TEXT, offsetof(struct reminded, exemption), ID_BYTES },
    { "at_s", RECORD_TIME, offsetof(struct reminded, at_s), 0 },
};
static const struct record_body_field notice_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct notice, id), ID_BYTES },
    { "kind", RECORD_TEXT, offsetof(struct notice, kind), ID_BYTES },
    { "reserved_s", RECORD_TIME, offsetof(struct notice, reserved_s), 0 },
    { "settled_s", RECORD_TIME, offsetof(struct notice, settled_s), 0 },
    { "local_day", RECORD_DAY, offsetof(struct notice, local_day), 0 },
    { "channel", RECORD_TEXT, offsetof(struct notice, channel), ID_BYTES },
    { "sends", RECORD_COUNT, offsetof(struct notice, sends), 1000 * 1000 },
    { "conversation", RECORD_TEXT, offsetof(struct notice, conversation), NAME_BYTES },
    { "message", RECORD_TEXT, offsetof(struct notice, message), NAME_BYTES },
    { "old_conversation", RECORD_TEXT, offsetof(struct notice, old_conversation), NAME_BYTES },
    { "old_message", RECORD_TEXT, offsetof(struct notice, old_message), NAME_BYTES },
    { "why", RECORD_TEXT, offsetof(struct notice, why), TEXT_BYTES },
};
static const struct record_body_field item_fields[] = {
    { "device", RECORD_TEXT, offsetof(struct notice_item, device), ID_BYTES },
    { "check", RECORD_TEXT, offsetof(struct notice_item, check), CHECK_BYTES },
    { "deadline_s", RECORD_TIME, offsetof(struct notice_item, deadline_s), 0 },
};
static const char *const outcome_names[] = { [DISPUTE_OPEN] = "open", [DISPUTE_CHECK_FIXED] = "fixed", [DISPUTE_EXPLAINED] = "explained", [DISPUTE_REJECTED] = "rejected" };
static const char *const notice_states[] = { [NOTICE_RESERVED] = "reserved", [NOTICE_SENDING] = "sending", [NOTICE_DELIVERED] = "delivered", [NOTICE_FAILED] = "failed" };

const char *dispute_outcome_name(enum dispute_outcome o) { return outcome_names[o <= DISPUTE_REJECTED ? o : DISPUTE_OPEN]; }

bool dispute_outcome_from(struct span name, enum dispute_outcome *o)
{
    for (size_t i = 0; i < COUNT(outcome_names); i++) {
        if (!span_equal_text(name, outcome_names[i]))
            continue;
        *o = (enum dispute_outcome)i;
        return true;
    }
    return false;
}

struct person *person_new(void)
{
    struct person *p = calloc(1, sizeof *p);
    if (p != NULL)
        arena_init(&p->arena, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    return p;
}

void person_free(struct person *p)
{
    if (p == NULL)
        return;
    arena_done(&p->arena);
    free(p);
}

void person_freep(struct person **p)
{
    person_free(*p);
    *p = NULL;
}

static void own_lists(struct record_body *b, const struct person *p, struct person *copy)
{
    copy->emails = record_body_own_texts(b, p->emails, p->email_count);
    copy->aliases = record_body_own_texts(b, p->aliases, p->alias_count);
    copy->groups = record_body_own_texts(b, p->groups, p->group_count);
    copy->absences = record_body_own_list(b, p->absences, p->absence_count, sizeof *p->absences, absence_fields, COUNT(absence_fields));
    copy->told = record_body_own_list(b, p->told, p->told_count, sizeof *p->told, told_fields, COUNT(told_fields));
    copy->told_room = p->told_count;
    copy->mended = record_body_own_list(b, p->mended, p->mended_count, sizeof *p->mended, mended_fields, COUNT(mended_fields));
    copy->disputes = record_body_own_list(b, p->disputes, p->dispute_count, sizeof *p->disputes, dispute_fields, COUNT(dispute_fields));
    copy->warned = record_body_own_list(b, p->warned, p->warned_count, sizeof *p->warned, warned_fields, COUNT(warned_fields));
    copy->levers = record_body_own_list(b, p->levers, p->lever_count, sizeof *p->levers, lever_fields, COUNT(lever_fields));
    copy->snoozes = record_body_own_list(b, p->snoozes, p->snooze_count, sizeof *p->snoozes, snooze_fields, COUNT(snooze_fields));
    copy->passes = record_body_own_list(b, p->passes, p->pass_count, sizeof *p->passes, pass_fields, COUNT(pass_fields));
    copy->asks = record_body_own_list(b, p->asks, p->ask_count, sizeof *p->asks, ask_fields, COUNT(ask_fields));
    record_body_own(b, notice_fields, COUNT(notice_fields), &copy->notice);
    copy->reminded = record_body_own_list(b, p->reminded, p->reminded_count, sizeof *p->reminded, reminded_fields, COUNT(reminded_fields));
    copy->notice.reminders = record_body_own_list(b, p->notice.reminders, p->notice.reminder_count, sizeof *p->notice.reminders, reminded_fields, COUNT(reminded_fields));
    copy->notice.items = record_body_own_list(b, p->notice.items, p->notice.item_count, sizeof *p->notice.items, item_fields, COUNT(item_fields));
}

struct person *person_copy(const struct person *p)
{
    CLEANUP(person_freep) struct person *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *p;
    /* the first block holds all there is, so that a published person wastes little */
    arena_init(&copy->arena, p->arena.used_bytes > 0 ? p->arena.used_bytes : ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    struct record_body b = { .arena = &copy->arena };
    record_body_own(&b, person_fields, COUNT(person_fields), copy);
    own_lists(&b, p, copy);
    return b.code == OK ? TAKE(copy) : NULL;
}

/* ---- writing ---- */

static void write_list(struct to_json *w, const char *key, const void *all, size_t count, size_t each_bytes, const struct record_body_field *fields, size_t field_count)
{
    if (count == 0)
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(w);
        record_body_write(w, fields, field_count, (const char *)all + i * each_bytes);
        to_json_end(w);
    }
    to_json_end(w);
}

static size_t told_times(const struct told *told) { return told->count < TOLD_TIMES ? told->count : TOLD_TIMES; }

static void write_told(struct to_json *w, const struct person *p)
{
    if (p->told_count == 0)
        return;
    to_json_key(w, "told");
    to_json_array(w);
    for (size_t i = 0; i < p->told_count; i++) {
        to_json_object(w);
        record_body_write(w, told_fields, COUNT(told_fields), &p->told[i]);
        to_json_key(w, "at_s");
        to_json_array(w);
        for (size_t t = 0; t < told_times(&p->told[i]); t++)
            to_json_int(w, p->told[i].at_s[t]);
        to_json_end(w);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_disputes(struct to_json *w, const struct person *p)
{
    if (p->dispute_count == 0)
        return;
    to_json_key(w, "disputes");
    to_json_array(w);
    for (size_t i = 0; i < p->dispute_count; i++) {
        to_json_object(w);
        record_body_write(w, dispute_fields, COUNT(dispute_fields), &p->disputes[i]);
        if (p->disputes[i].outcome != DISPUTE_OPEN)
            to_json_member_text(w, "outcome", span_of(outcome_names[p->disputes[i].outcome]));
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_notice(struct to_json *w, const struct notice *n)
{
    if (span_empty(n->id))
        return;
    to_json_key(w, "notice");
    to_json_object(w);
    record_body_write(w, notice_fields, COUNT(notice_fields), n);
    to_json_member_text(w, "state", span_of(notice_states[n->state]));
    write_list(w, "items", n->items, n->item_count, sizeof *n->items, item_fields, COUNT(item_fields));
    write_list(w, "reminders", n->reminders, n->reminder_count, sizeof *n->reminders, reminded_fields, COUNT(reminded_fields));
    to_json_end(w);
}

void person_to_json(const struct person *p, struct to_json *w)
{
    to_json_object(w);
    record_body_write(w, person_fields, COUNT(person_fields), p);
    record_body_write_texts(w, "emails", p->emails, p->email_count);
    record_body_write_texts(w, "aliases", p->aliases, p->alias_count);
    record_body_write_texts(w, "groups", p->groups, p->group_count);
    write_list(w, "absences", p->absences, p->absence_count, sizeof *p->absences, absence_fields, COUNT(absence_fields));
    write_told(w, p);
    write_list(w, "mended", p->mended, p->mended_count, sizeof *p->mended, mended_fields, COUNT(mended_fields));
    write_disputes(w, p);
    write_list(w, "warned", p->warned, p->warned_count, sizeof *p->warned, warned_fields, COUNT(warned_fields));
    write_list(w, "levers", p->levers, p->lever_count, sizeof *p->levers, lever_fields, COUNT(lever_fields));
    write_list(w, "snoozes", p->snoozes, p->snooze_count, sizeof *p->snoozes, snooze_fields, COUNT(snooze_fields));
    write_list(w, "passes", p->passes, p->pass_count, sizeof *p->passes, pass_fields, COUNT(pass_fields));
    write_list(w, "asks", p->asks, p->ask_count, sizeof *p->asks, ask_fields, COUNT(ask_fields));
    write_list(w, "reminded", p->reminded, p->reminded_count, sizeof *p->reminded, reminded_fields, COUNT(reminded_fields));
    write_notice(w, &p->notice);
    to_json_end(w);
}

/* ---- reading ---- */

static size_t read_list(struct record_body *b, const struct from_json_value *object, const char *key, size_t most, size_t each_bytes,
                        const struct record_body_field *fields, size_t field_count, void **out)
{
    struct from_json_value list;
    size_t count = record_body_list(b, object, key, most, each_bytes, &list, out);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(b, &item, fields, field_count, (char *)*out + i * each_bytes);
    }
    return count;
}

static void read_times(struct record_body *b, const struct from_json_value *item, struct told *told)
{
    struct from_json_value times = from_json_member(item, "at_s");
    if (b->code == OK)
        b->code = from_json_array(&times, TOLD_TIMES, b->err);
    if (b->code == OK && from_json_count(&times) != told_times(told))
        b->code = from_json_refuse(&times, b->err, "must have as many times as count says, at most %d", TOLD_TIMES);
    for (size_t i = 0; b->code == OK && i < from_json_count(&times); i++) {
        struct from_json_value time = from_json_item(&times, i);
        b->code = from_json_int(&time, i == 0 ? 0 : told->at_s[i - 1], RECORD_BODY_LAST_S, &told->at_s[i], b->err);
    }
}

static void read_told(struct record_body *b, const struct from_json_value *root, struct person *p)
{
    struct from_json_value list;
    void *room;
    size_t count = record_body_list(b, root, "told", PERSON_MAX_TOLD, sizeof(struct told), &list, &room);
    struct told *all = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(b, &item, told_fields, COUNT(told_fields), &all[i]);
        read_times(b, &item, &all[i]);
    }
    p->told = all;
    p->told_count = count;
}

/* An outcome of a newer version is an answer of some kind: the clock does not stand still for it any more. */
static void read_outcome(struct record_body *b, const struct from_json_value *item, struct dispute *d)
{
    struct from_json_value member = from_json_member(item, "outcome");
    struct span name = SPAN_NONE;
    if (b->code == OK)
        b->code = from_json_text_opt(&member, ID_BYTES, &name, b->err);
    if (b->code == OK && !span_empty(name) && !dispute_outcome_from(name, &d->outcome))
        d->outcome = DISPUTE_EXPLAINED;
}

static void read_disputes(struct record_body *b, const struct from_json_value *root, struct person *p)
{
    struct from_json_value list;
    void *room;
    size_t count = record_body_list(b, root, "disputes", PERSON_MAX_DISPUTES, sizeof(struct dispute), &list, &room);
    struct dispute *all = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(b, &item, dispute_fields, COUNT(dispute_fields), &all[i]);
        read_outcome(b, &item, &all[i]);
    }
    p->disputes = all;
    p->dispute_count = count;
}

static void read_notice_state(struct record_body *b, const struct from_json_value *v, enum notice_state *state)
{
    struct span name;
    if (b->code == OK)
        b->code = from_json_text(v, ID_BYTES, &name, b->err);
    if (b->code != OK)
        return;
    for (size_t i = 0; i < COUNT(notice_states); i++) {
        if (!span_equal_text(name, notice_states[i]))
            continue;
        *state = (enum notice_state)i;
        return;
    }
    b->code = from_json_refuse(v, b->err, "is no state of a notice");
}

static void read_notice(struct record_body *b, const struct from_json_value *root, struct notice *n)
{
    struct from_json_value object = from_json_member(root, "notice"), state = from_json_member(&object, "state");
    void *items, *reminders;
    if (!from_json_present(&object))
        return;
    record_body_read(b, &object, notice_fields, COUNT(notice_fields), n);
    read_notice_state(b, &state, &n->state);
    n->item_count = read_list(b, &object, "items", PERSON_MAX_TOLD, sizeof *n->items, item_fields, COUNT(item_fields), &items);
    n->items = items;
    n->reminder_count = read_list(b, &object, "reminders", PERSON_MAX_REMINDED, sizeof *n->reminders, reminded_fields, COUNT(reminded_fields), &reminders);
    n->reminders = reminders;
}

static void read_person(struct record_body *b, const struct from_json_value *root, struct person *p)
{
    void *list;
    record_body_read(b, root, person_fields, COUNT(person_fields), p);
    p->email_count = record_body_texts(b, root, "emails", PERSON_MAX_EMAILS, NAME_BYTES, &p->emails);
    p->alias_count = record_body_texts(b, root, "aliases", PERSON_MAX_ALIASES, NAME_BYTES, &p->aliases);
    p->group_count = record_body_texts(b, root, "groups", PERSON_MAX_GROUPS, NAME_BYTES, &p->groups);
    p->absence_count = read_list(b, root, "absences", PERSON_MAX_ABSENCES, sizeof *p->absences, absence_fields, COUNT(absence_fields), &list);
    p->absences = list;
    read_told(b, root, p);
    p->mended_count = read_list(b, root, "mended", PERSON_MAX_MENDED, sizeof *p->mended, mended_fields, COUNT(mended_fields), &list);
    p->mended = list;
    read_disputes(b, root, p);
    p->warned_count = read_list(b, root, "warned", PERSON_MAX_WARNED, sizeof *p->warned, warned_fields, COUNT(warned_fields), &list);
    p->warned = list;
    p->lever_count = read_list(b, root, "levers", PERSON_MAX_LEVERS, sizeof *p->levers, lever_fields, COUNT(lever_fields), &list);
    p->levers = list;
    p->snooze_count = read_list(b, root, "snoozes", PERSON_MAX_SNOOZES, sizeof *p->snoozes, snooze_fields, COUNT(snooze_fields), &list);
    p->snoozes = list;
    p->pass_count = read_list(b, root, "passes", PERSON_MAX_PASSES, sizeof *p->passes, pass_fields, COUNT(pass_fields), &list);
    p->passes = list;
    p->ask_count = read_list(b, root, "asks", PERSON_MAX_ASKS, sizeof *p->asks, ask_fields, COUNT(ask_fields), &list);
    p->asks = list;
    p->reminded_count = read_list(b, root, "reminded", PERSON_MAX_REMINDED, sizeof *p->reminded, reminded_fields, COUNT(reminded_fields), &list);
    p->reminded = list;
    read_notice(b, root, &p->notice);
}

/* The document may be anywhere; the person it is read into is only needed to know how much memory the one takes that stays. */
static enum err_code copy_person(const struct from_json *doc, int64_t version, struct person *room, struct person **out, struct err *err)
{
    struct record_body b = { .arena = &room->arena, .err = err };
    struct from_json_value root = from_json_root(doc);
    read_person(&b, &root, room);
    if (b.code == OK && span_empty(room->id))
        b.code = err_set(err, ERR_INPUT, "person record: id is missing");
    if (b.code != OK)
        return b.code;
    room->version = version;
    *out = person_copy(room);
    return *out != NULL ? OK : err_set(err, ERR_MEMORY, "person record: memory is short");
}

static const struct from_json_limits body_limits = { PERSON_BODY_BYTES, RECORD_BODY_DEPTH };

enum err_code person_from_json(struct span body, int64_t version, struct person **out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(person_freep) struct person *room = person_new();
    if (room == NULL)
        return err_set(err, ERR_MEMORY, "person record: memory is short");
    enum err_code code = from_json_parse(body, body_limits, "person record", &doc, err);
    return code == OK ? copy_person(doc, version, room, out, err) : code;
}

enum err_code person_from_json_with(struct span body, int64_t version, struct arena *scratch, struct person *room, struct person **out, struct err *err)
{
    struct from_json *doc = NULL;
    struct arena arena = room->arena;
    arena_reset(scratch);
    arena_reset(&arena);
    *room = (struct person){ .arena = arena };
    enum err_code code = from_json_parse_in(scratch, body, body_limits, "person record", &doc, err);
    return code == OK ? copy_person(doc, version, room, out, err) : code;
}

/* ---- questions ---- */

bool person_in_group(const struct person *p, struct span group)
{
    if (span_equal_text(group, "everyone"))
        return true;
    for (size_t i = 0; i < p->group_count; i++)
        if (span_equal(p->groups[i], group))
            return true;
    return false;
}

const struct warned *person_warned(const struct person *p, struct span device)
{
    for (size_t i = 0; i < p->warned_count; i++)
        if (span_equal(p->warned[i].device, device))
            return &p->warned[i];
    return NULL;
}

bool person_set_warned(struct person *p, struct span device, int64_t at_s)
{
    struct warned *all = arena_array(&p->arena, p->warned_count + 1, sizeof *all);
    struct span own = arena_copy(&p->arena, device);
    size_t kept = 0, from = p->warned_count >= PERSON_MAX_WARNED ? p->warned_count - PERSON_MAX_WARNED + 1 : 0;
    if (all == NULL || own.bytes != device.bytes)
        return false;
    for (size_t i = from; i < p->warned_count; i++)
        if (!span_equal(p->warned[i].device, device))
            all[kept++] = p->warned[i];
    all[kept++] = (struct warned){ own, at_s };
    p->warned = all;
    p->warned_count = kept;
    return true;
}

bool person_was_reminded(const struct person *p, struct span exemption)
{
    for (size_t i = 0; i < p->reminded_count; i++)
        if (span_equal(p->reminded[i].exemption, exemption))
            return true;
    return false;
}

bool person_note_reminded(struct person *p, struct span exemption, int64_t at_s)
{
    if (person_was_reminded(p, exemption))
        return true;
    struct reminded *all = arena_array(&p->arena, p->reminded_count + 1, sizeof *all);
    struct span own = arena_copy(&p->arena, exemption);
    size_t kept = 0, from = p->reminded_count >= PERSON_MAX_REMINDED ? p->reminded_count - PERSON_MAX_REMINDED + 1 : 0;
    if (all == NULL || own.bytes != exemption.bytes)
        return false;
    for (size_t i = from; i < p->reminded_count; i++)
        all[kept++] = p->reminded[i];
    all[kept++] = (struct reminded){ own, at_s };
    p->reminded = all;
    p->reminded_count = kept;
    return true;
}

bool person_awaits_greeting(const struct person *p) { return p->onboarding.invited_s > 0 && p->onboarding.greeted_s < p->onboarding.invited_s; }

bool person_has_email(const struct person *p, struct span email)
{
    for (size_t i = 0; i < p->email_count; i++)
        if (span_equal_fold(p->emails[i], email))
            return true;
    return false;
}

const struct told *person_told(const struct person *p, struct span device, struct span check)
{
    for (size_t i = 0; i < p->told_count; i++)
        if (span_equal(p->told[i].device, device) && span_equal(p->told[i].check, check))
            return &p->told[i];
    return NULL;
}

const struct snooze *person_snooze(const struct person *p, struct span device, struct span check, int64_t at_s)
{
    const struct snooze *newest = NULL;
    for (size_t i = 0; i < p->snooze_count; i++) {
        const struct snooze *s = &p->snoozes[i];
        if (s->time.from_s <= at_s && at_s < s->time.to_s && span_equal(s->check, check) && span_equal(s->device, device))
            newest = s;
    }
    return newest;
}

const struct dispute *person_dispute(const struct person *p, struct span id)
{
    for (size_t i = 0; i < p->dispute_count; i++)
        if (span_equal(p->disputes[i].id, id))
            return &p->disputes[i];
    return NULL;
}

const struct help_request *person_ask(const struct person *p, struct span id)
{
    for (size_t i = 0; i < p->ask_count; i++)
        if (span_equal(p->asks[i].id, id))
            return &p->asks[i];
    return NULL;
}

/* ---- edits ---- */

static void *with_room(struct person *p, const void *all, size_t count, size_t each_bytes)
{
    char *copy = arena_array(&p->arena, count + 1, each_bytes);
    if (copy != NULL && count > 0)
        memcpy(copy, all, count * each_bytes);
    return copy;
}

struct snooze *person_add_snooze(struct person *p)
{
    struct snooze *all = with_room(p, p->snoozes, p->snooze_count, sizeof *all);
    p->snoozes = all != NULL ? all : p->snoozes;
    return all == NULL ? NULL : &all[p->snooze_count++];
}

struct pass *person_add_pass(struct person *p)
{
    struct pass *all = with_room(p, p->passes, p->pass_count, sizeof *all);
    p->passes = all != NULL ? all : p->passes;
    return all == NULL ? NULL : &all[p->pass_count++];
}

struct help_request *person_add_ask(struct person *p)
{
    struct help_request *all = with_room(p, p->asks, p->ask_count, sizeof *all);
    p->asks = all != NULL ? all : p->asks;
    return all == NULL ? NULL : &all[p->ask_count++];
}

/* Of a person that nobody else has seen yet: its lists are its own. */
static struct told *editable_told(struct person *p) { return (struct told *)(uintptr_t)p->told; }

static bool make_room(struct person *p)
{
    if (p->told_count < p->told_room)
        return true;
    size_t room = 2 * p->told_count + 4;
    struct told *all = arena_array(&p->arena, room, sizeof *all);
    if (all == NULL)
        return false;
    if (p->told_count > 0)
        memcpy(all, p->told, p->told_count * sizeof *all);
    p->told = all;
    p->told_room = room;
    return true;
}

/* Deliveries may be settled out of order, so each is put where its time belongs. */
static void add_time(struct told *told, int64_t at_s)
{
    size_t kept = told_times(told), at = kept;
    while (at > 0 && told->at_s[at - 1] > at_s)
        at--;
    if (at < TOLD_TIMES) {
        size_t moved = (kept < TOLD_TIMES ? kept : TOLD_TIMES - 1) - at;
        memmove(&told->at_s[at + 1], &told->at_s[at], moved * sizeof told->at_s[0]);
        told->at_s[at] = at_s;
    }
    told->count++;
    told->last_s = at_s > told->last_s ? at_s : told->last_s;
}

static struct told *add_new(struct person *p, struct span device, struct span check)
{
    struct record_body b = { .arena = &p->arena };
    struct told told = { .device = record_body_keep(&b, device), .check = record_body_keep(&b, check) };
    if (p->told_count >= PERSON_MAX_TOLD || b.code != OK || !make_room(p))
        return NULL;
    struct told *all = editable_told(p);
    all[p->told_count] = told;
    return &all[p->told_count++];
}

struct told *person_edit_told(struct person *p, struct span device, struct span check)
{
    const struct told *known = person_told(p, device, check);
    return known != NULL ? editable_told(p) + (known - p->told) : NULL;
}

bool person_add_told(struct person *p, struct span device, struct span check, int64_t at_s)
{
    struct told *told = person_edit_told(p, device, check);
    if (told == NULL)
        told = add_new(p, device, check);
    if (told == NULL)
        return false;
    add_time(told, at_s);
    return true;
}

void person_drop_told(struct person *p, struct span device, struct span check)
{
    struct told *all = editable_told(p);
    size_t kept = 0;
    for (size_t i = 0; i < p->told_count; i++)
        if (!span_equal(all[i].device, device) || !(span_empty(check) || span_equal(all[i].check, check)))
            all[kept++] = all[i];
    p->told_count = kept;
}

void person_forget_told(struct person *p, struct span device, struct span check)
{
    person_drop_told(p, device, check);
    person_drop_mended(p, device, check);
}
