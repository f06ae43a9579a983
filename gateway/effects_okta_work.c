/* One person's closings at Okta: how it is there, what is recorded first, what is done, what is seen afterwards. */
#include "gateway/effects_okta.h"

#include "gateway/change.h"
#include "gateway/effects_reader.h"
#include "gateway/people.h"

#include <stdio.h>
#include <string.h>

enum { FROZEN_MS = 15000, NOT_YET_MS = 1000, MEND_MS = 10 * 60 * 1000 /* an admin has to grant something at Okta, which we do not see */, SPARSE_BASE_MS = 10000, SPARSE_DOUBLINGS = 5,
       WORK_ARENA_BYTES = 4 * 1024 * 1024 };

/* What is to become of one group lever, and what came of it. */
struct task { struct lever lever; bool aim, member, done, found; };
struct work {
    struct okta_reader *o;
    struct reader *r;
    struct effects_item *item;
    struct arena arena;
    struct okta_plan plan;
    struct person *person;             /* as stored, with the plan applied */
    struct task *tasks; size_t task_count;
    struct span *groups;               /* of the tasks, in their order */
    bool end_sessions, sessions_ended; /* to be done; done */
    struct okta_user user;
    bool nobody;                       /* there is no such person at Okta */
    const char *event;                 /* of record_event(), with its data */
    struct span data;
};

static struct item_result done(void) { return (struct item_result){ ITEM_DONE, -1, true }; }
static struct item_result later(int64_t after_ms, bool counts) { return (struct item_result){ ITEM_LATER, after_ms, counts }; }
static void note_error(struct work *w, const char *text) { w->item->error = arena_copy_text(&w->r->item_arena, text); }

static struct item_result store_waits(struct work *w, const struct err *err)
{
    note_error(w, err->text);
    return later(NOT_YET_MS, false);
}

/* ---- what a failure means ---- */

/* A limit that names no time: longer each time, and not all nodes at once. */
static int64_t sparse_ms(const struct reader *r)
{
    uint32_t random = 0;
    int64_t most = (int64_t)SPARSE_BASE_MS << (r->failures < SPARSE_DOUBLINGS ? r->failures : SPARSE_DOUBLINGS);
    secret_random(&random, sizeof random);
    return most / 2 + (int64_t)random % (most / 2);
}

void okta_note(struct reader *r, const struct vendor_result *result)
{
    if (result->outcome == VENDOR_DONE)
        reader_note_success(r);
    else if (result->outcome == VENDOR_DENIED || result->away)
        reader_note_failure(r, result->error);
    if (result->outcome == VENDOR_DENIED)
        reader_pause(r, MEND_MS);
    else if (result->after_s >= 0)
        reader_pause(r, result->after_s * 1000);
    else if (result->status == 429)
        reader_pause(r, sparse_ms(r));
}

static enum change_say edit_failed(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct work *w = context;
    if (!change_event(events, w->o->node, w->event, copy->id, SPAN_NONE, w->item->id, w->data))
        return (void)err_set(err, ERR_MEMORY, "what came of %.*s at Okta", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Given up until an admin sends it again, or until things change. */
static struct item_result give_up(struct work *w, const char *error)
{
    struct buf data;
    struct to_json json;
    struct err err;
    note_error(w, error);
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&json, &data);
    to_json_object(&json);
    to_json_member_text(&json, "error", span_of(error));
    to_json_end(&json);
    w->event = "okta.failed";
    w->data = buf_span(&data);
    enum err_code code = change_person(w->o->node, w->r->store, w->item->person, false, edit_failed, w, &err);
    buf_done(&data);
    counter_add(w->o->node->counters, COUNT_OKTA_FAILED, 1);
    return code == OK || code == ERR_NOT_FOUND ? (struct item_result){ ITEM_GIVEN_UP, -1, true } : store_waits(w, &err);
}

static struct item_result judge(struct work *w, const struct vendor_result *result)
{
    okta_note(w->r, result);
    if (result->outcome == VENDOR_NOT_FOUND || result->outcome == VENDOR_REFUSED)
        return give_up(w, result->error);
    note_error(w, result->error);
    counter_add(w->o->node->counters, COUNT_OKTA_FAILED, 1);
    return later(-1, false); /* the pause is the reader's: nobody's tries are used up by an outage */
}

/* ---- who, and what is open ---- */

/* "okta.add" wanted, or "okta.remove" taken back: a member. */
static bool aim_of(const struct lever *l) { return l->wanted == span_equal_text(l->kind, "okta.add"); }

static bool collect(struct work *w)
{
    size_t count = w->person->lever_count;
    w->tasks = arena_array(&w->arena, count + 1, sizeof *w->tasks);
    w->groups = arena_array(&w->arena, count + 1, sizeof *w->groups);
    for (size_t i = 0; w->tasks != NULL && w->groups != NULL && i < count; i++) {
        const struct lever *l = &w->person->levers[i];
        if (!okta_lever_is_open(l, w->plan.frozen))
            continue;
        if (okta_lever_is_sessions(l)) {
            w->end_sessions = true;
            continue;
        }
        w->groups[w->task_count] = l->target;
        w->tasks[w->task_count++] = (struct task){ .lever = *l, .aim = aim_of(l) };
    }
    return w->tasks != NULL && w->groups != NULL;
}

static bool waits_for_thaw(const struct work *w)
{
    for (size_t i = 0; i < w->person->lever_count; i++)
        if (okta_lever_is_open(&w->person->levers[i], false))
            return true;
    return false;
}

/* ---- at Okta: who is it, and how is it ---- */

static struct vendor_result try_name(struct work *w, struct span name) { return okta_api_find(w->o->api, name, &w->user); }

/* By the ids of Okta's among the aliases, then by each address. */
static struct vendor_result find_user(struct work *w)
{
    struct vendor_result r = { .outcome = VENDOR_NOT_FOUND, .after_s = -1, .error = "no_okta_account" };
    const struct person *p = w->person;
    for (size_t i = 0; i < p->alias_count && r.outcome == VENDOR_NOT_FOUND; i++)
        if (span_starts(p->aliases[i], SPAN_LITERAL("00u")) && okta_is_id(p->aliases[i]))
            r = try_name(w, p->aliases[i]);
    for (size_t i = 0; i < p->email_count && r.outcome == VENDOR_NOT_FOUND; i++)
        r = try_name(w, p->emails[i]);
    if (r.outcome == VENDOR_NOT_FOUND || (r.outcome == VENDOR_DONE && w->user.gone)) {
        w->nobody = true;
        r.outcome = VENDOR_DONE;
    }
    return r;
}

static struct vendor_result read_groups(struct work *w)
{
    bool *member = arena_array(&w->arena, w->task_count + 1, sizeof *member);
    if (member == NULL)
        return (struct vendor_result){ .outcome = VENDOR_LATER, .after_s = -1, .error = "memory is short" };
    struct vendor_result r = okta_api_memberships(w->o->api, span_of(w->user.id), w->groups, w->task_count, member);
    for (size_t i = 0; r.outcome == VENDOR_DONE && i < w->task_count; i++)
        w->tasks[i].member = member[i];
    return r;
}

/* A remembered id that Okta does not know any more (deleted, and made again) is asked for anew, once. */
static struct vendor_result look(struct work *w)
{
    bool remembered = okta_is_id(w->person->okta);
    if (remembered)
        snprintf(w->user.id, sizeof w->user.id, "%.*s", SPAN_ARGS(w->person->okta));
    struct vendor_result r = remembered ? (struct vendor_result){ .outcome = VENDOR_DONE, .after_s = -1 } : find_user(w);
    if (r.outcome == VENDOR_DONE && !w->nobody)
        r = read_groups(w);
    if (r.outcome != VENDOR_NOT_FOUND || !remembered)
        return r;
    r = find_user(w);
    return r.outcome == VENDOR_DONE && !w->nobody ? read_groups(w) : r;
}

/* ---- what is recorded first ---- */

static void write_begun(const struct work *w, struct to_json *json)
{
    to_json_object(json);
    to_json_member_text(json, "user", span_of(w->user.id));
    to_json_key(json, "groups");
    to_json_array(json);
    for (size_t i = 0; i < w->task_count; i++) {
        to_json_object(json);
        to_json_member_text(json, "group", w->tasks[i].lever.target);
        to_json_member_text(json, "to", w->tasks[i].aim ? SPAN_LITERAL("add") : SPAN_LITERAL("remove"));
        to_json_member_bool(json, "was_so", w->tasks[i].member == w->tasks[i].aim);
        to_json_end(json);
    }
    to_json_end(json);
    to_json_end(json);
}

static enum change_say edit_begun(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct work *w = context;
    bool good = true;
    copy->okta = arena_copy_text(&copy->arena, w->user.id);
    for (size_t i = 0; i < w->task_count; i++) {
        const struct lever *now = person_lever(copy, w->tasks[i].lever.kind, w->tasks[i].lever.target);
        if (now == NULL || !now->wanted || now->state != LEVER_OFF)
            continue;
        struct lever l = *now;
        l.state = w->tasks[i].member == w->tasks[i].aim ? LEVER_FOUND : LEVER_BEGUN;
        l.at_s = clock_wall_s(w->o->node->clock);
        good = person_set_lever(copy, &l) && good;
    }
    if (!good || copy->okta.at == NULL || !change_event(events, w->o->node, "okta.begun", copy->id, SPAN_NONE, w->item->id, w->data))
        return (void)err_set(err, ERR_MEMORY, "the closings of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* How it was is written down once, before anything is done: after that nobody could tell. */
static enum err_code begin(struct work *w, struct err *err)
{
    struct buf data;
    struct to_json json;
    bool needed = !span_equal_text(w->person->okta, w->user.id);
    for (size_t i = 0; i < w->task_count; i++) {
        struct task *t = &w->tasks[i];
        needed = needed || (t->lever.wanted && t->lever.state == LEVER_OFF);
        t->found = t->lever.wanted && t->lever.state == LEVER_OFF && t->member == t->aim;
    }
    if (!needed)
        return OK;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&json, &data);
    write_begun(w, &json);
    w->data = buf_span(&data);
    enum err_code code = buf_check(&data, "the closings", err);
    if (code == OK)
        code = change_person(w->o->node, w->r->store, w->item->person, false, edit_begun, w, err);
    buf_done(&data);
    return code;
}

/* ---- acting ---- */

static bool all_confirmed(const struct work *w)
{
    for (size_t i = 0; i < w->task_count; i++)
        if (!w->tasks[i].done)
            return false;
    return true;
}

/* Openings first: nobody waits for them longer than needed. The first failure ends it; what was done before it is recorded, and an answer that was lost is none
 * when Okta shows what was wanted. */
static struct vendor_result change_groups(struct work *w)
{
    struct vendor_result r = { .outcome = VENDOR_DONE, .after_s = -1 };
    bool any = false;
    for (int closing = 0; closing <= 1; closing++)
        for (size_t i = 0; i < w->task_count && r.outcome == VENDOR_DONE; i++) {
            struct task *t = &w->tasks[i];
            if (t->lever.wanted != closing || t->member == t->aim)
                continue;
            r = okta_api_set_member(w->o->api, span_of(w->user.id), t->lever.target, t->aim);
            any = true;
        }
    struct vendor_result seen = any ? read_groups(w) : r;
    for (size_t i = 0; seen.outcome == VENDOR_DONE && i < w->task_count; i++)
        w->tasks[i].done = w->tasks[i].member == w->tasks[i].aim;
    return r.outcome == VENDOR_DONE || (seen.outcome == VENDOR_DONE && all_confirmed(w)) ? seen : r;
}

static struct vendor_result end_sessions(struct work *w)
{
    struct vendor_result r = okta_api_end_sessions(w->o->api, span_of(w->user.id));
    w->sessions_ended = r.outcome == VENDOR_DONE || r.outcome == VENDOR_NOT_FOUND; /* whoever is not there has no session */
    return w->sessions_ended ? (struct vendor_result){ .outcome = VENDOR_DONE, .after_s = r.after_s } : r;
}

/* ---- what is recorded afterwards ---- */

static bool say_group(const struct work *w, const struct task *t, struct person *copy, struct change_events *events)
{
    struct buf data;
    struct to_json json;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&json, &data);
    to_json_object(&json);
    to_json_member_text(&json, "group", t->lever.target);
    to_json_member_text(&json, "why", t->lever.wanted ? SPAN_LITERAL("closed") : SPAN_LITERAL("opened"));
    to_json_end(&json);
    bool added = !data.failed && change_event(events, w->o->node, t->aim ? "okta.group_added" : "okta.group_removed", copy->id, SPAN_NONE, w->item->id, buf_span(&data));
    buf_done(&data);
    return added;
}

/* The record may want something else by now: then what was done stands there to be taken back, or what was taken back is to be done again. */
static bool settle_group(const struct work *w, const struct task *t, struct person *copy, int64_t now_s, struct change_events *events)
{
    const struct lever *now = person_lever(copy, t->lever.kind, t->lever.target);
    if (now == NULL || !t->done || t->found)
        return true;
    struct lever l = *now;
    l.at_s = now_s;
    l.state = t->lever.wanted ? LEVER_DONE : LEVER_OFF;
    if (!t->lever.wanted && !l.wanted)
        person_drop_lever(copy, l.kind, l.target);
    else if (!person_set_lever(copy, &l))
        return false;
    return say_group(w, t, copy, events);
}

static bool settle_sessions(const struct work *w, struct person *copy, int64_t now_s, struct change_events *events)
{
    const struct lever *all = copy->levers;
    size_t count = copy->lever_count;
    for (size_t i = 0; w->sessions_ended && i < count; i++) {
        struct lever l = all[i];
        if (!okta_lever_is_sessions(&l) || l.state == LEVER_DONE)
            continue;
        l.state = LEVER_DONE;
        l.at_s = now_s;
        if (!person_set_lever(copy, &l) || !change_event(events, w->o->node, "okta.sessions_ended", copy->id, l.target, w->item->id, SPAN_NONE))
            return false;
    }
    return true;
}

static enum change_say edit_done(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct work *w = context;
    int64_t now_s = clock_wall_s(w->o->node->clock);
    bool good = settle_sessions(w, copy, now_s, events);
    for (size_t i = 0; good && i < w->task_count; i++)
        good = settle_group(w, &w->tasks[i], copy, now_s, events);
    bool open = false;
    for (size_t i = 0; i < copy->lever_count; i++)
        open = open || okta_lever_is_open(&copy->levers[i], false);
    if (good && events->count == 0)
        return CHANGE_NOTHING;
    if (good && !open)
        good = change_event(events, w->o->node, "okta.confirmed", copy->id, SPAN_NONE, w->item->id, SPAN_NONE);
    return good ? CHANGE_COMMIT : ((void)err_set(err, ERR_MEMORY, "the closings of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE);
}

static struct item_result finish(struct work *w, const struct vendor_result *result)
{
    struct err err;
    enum err_code code = change_person(w->o->node, w->r->store, w->item->person, false, edit_done, w, &err);
    if (code != OK && code != ERR_NOT_FOUND)
        return store_waits(w, &err);
    for (size_t i = 0; i < w->task_count; i++)
        counter_add(w->o->node->counters, COUNT_OKTA_CHANGED, w->tasks[i].done && !w->tasks[i].found);
    counter_add(w->o->node->counters, COUNT_OKTA_CHANGED, w->sessions_ended);
    if (result->outcome != VENDOR_DONE)
        return judge(w, result);
    okta_note(w->r, result);
    if (all_confirmed(w))
        return done();
    note_error(w, "not confirmed: Okta does not show the change yet");
    return later(-1, true);
}

/* There is nobody to close anything to, so opening is done; closing is told to the admin. */
static struct item_result nobody_there(struct work *w)
{
    bool closes = w->end_sessions;
    struct vendor_result fine = { .outcome = VENDOR_DONE, .after_s = -1 };
    for (size_t i = 0; i < w->task_count; i++) {
        closes = closes || w->tasks[i].lever.wanted;
        w->tasks[i].done = !w->tasks[i].lever.wanted;
    }
    if (!closes)
        return finish(w, &fine);
    (void)finish(w, &fine);
    return give_up(w, "no_okta_account");
}

static struct item_result act(struct work *w)
{
    struct err err;
    struct vendor_result r = look(w);
    if (r.outcome != VENDOR_DONE)
        return judge(w, &r);
    if (w->nobody)
        return nobody_there(w);
    enum err_code code = begin(w, &err);
    if (code != OK)
        return store_waits(w, &err);
    r = change_groups(w);
    if (r.outcome == VENDOR_DONE && w->end_sessions)
        r = end_sessions(w);
    return finish(w, &r);
}

static struct item_result work(struct work *w)
{
    struct err err;
    enum err_code code = people_load(w->r->store, w->item->person, &w->person, &err);
    if (code != OK)
        return reader_is_store_trouble(code) ? store_waits(w, &err) : done();
    okta_plan_make(w->o->node, &w->o->options, w->item->person, &w->arena, &w->plan);
    if (!w->plan.known)
        return later(NOT_YET_MS, false);
    if (!okta_plan_apply(&w->plan, &w->o->options, w->person, clock_wall_s(w->o->node->clock)) || !collect(w))
        return later(NOT_YET_MS, true);
    if (w->task_count > 0 || w->end_sessions)
        return act(w);
    if (!waits_for_thaw(w))
        return done();
    note_error(w, "frozen: consequences wait until the incident is over");
    return later(FROZEN_MS, false);
}

struct item_result okta_work(struct okta_reader *o, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct work w = { .o = o, .r = r, .item = item };
    (void)partition;
    arena_init(&w.arena, 16 * 1024, WORK_ARENA_BYTES);
    struct item_result result = work(&w);
    person_free(w.person);
    arena_done(&w.arena);
    return result;
}
