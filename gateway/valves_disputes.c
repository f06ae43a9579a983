/* valves: "This looks wrong", and the answers of those who help. */
#include "gateway/valves_parts.h"

#include <stdio.h>
#include <string.h>

enum { WORKING_DAYS = 2, DAYS_LOOKED_AT = 60 /* a calendar without a working day ends here too */, APART_S = 7 * 86400 /* the same thing once a week: else the clock never runs */,
       ROW_BYTES = 2500, QUERY_BYTES = 4000 };

int64_t valve_dispute_end_s(const struct calendar_hours *hours, int64_t now_s)
{
    int64_t at_s = calendar_next_day(hours->calendar, hours->zone, now_s);
    unsigned working = 0;
    for (int i = 0; i < DAYS_LOOKED_AT && working < WORKING_DAYS; i++) {
        working += calendar_is_working_day(hours, at_s);
        at_s = calendar_next_day(hours->calendar, hours->zone, at_s);
    }
    return at_s;
}

const struct dispute *valve_dispute_of(const struct person *p, struct span device, struct span check, int64_t now_s)
{
    const struct dispute *newest = NULL;
    for (size_t i = 0; i < p->dispute_count; i++) {
        const struct dispute *d = &p->disputes[i];
        bool counts = d->time.to_s == 0 || d->time.to_s > now_s || now_s - d->time.from_s < APART_S;
        if (counts && span_equal(d->device, device) && span_equal(d->check, check) && (newest == NULL || newest->time.from_s < d->time.from_s))
            newest = d;
    }
    return newest;
}

struct disputing {
    const struct node *node;
    struct valve_use use;
    struct valve_result *out;
    struct span saw, evidence;
    int64_t now_s, to_s;
};

/* ---- the evidence ---- */

/* Looks well cut too: what is not JSON any more is a text. */
static void write_rows(const struct fact *fact, struct to_json *w)
{
    if (fact == NULL)
        return;
    if (fact->value.bytes <= ROW_BYTES) {
        to_json_key(w, "rows");
        to_json_raw(w, fact->value);
    } else {
        to_json_member_text(w, "rows_cut", valve_text(fact->value, ROW_BYTES));
    }
    to_json_member_text_if(w, "source", fact->source);
    to_json_member_time_if(w, "observed_at", fact->observed_s);
}

static void write_evidence(const struct device *stored, const struct check *check, const struct policy *policy, struct to_json *w)
{
    const struct result *result = device_result(stored, check->id);
    struct span name = SPAN_NONE;
    char text[256];
    int bytes = snprintf(text, sizeof text, "check:%.*s", SPAN_ARGS(check->id));
    name = span_make(text, bytes > 0 ? (size_t)bytes : 0);
    to_json_object(w);
    write_rows(device_fact(stored, name), w);
    to_json_member_text_if(w, "query", valve_text(check->on[stored->platform].osquery, QUERY_BYTES));
    to_json_member_text_if(w, "agent_version", stored->agent_version);
    to_json_member_text_if(w, "check_version", result != NULL ? result->check_version : check->version);
    to_json_member_text(w, "policy", span_slice(span_of(policy->version), 0, 12));
    if (result != NULL) {
        to_json_member_text_if(w, "saw", result->saw);
        to_json_member_time_if(w, "failing_since", result->first_failed_s);
    }
    to_json_end(w);
}

/* The stored record, since the directory keeps no rows. What cannot be read is no reason not to listen. */
static void keep_evidence(struct disputing *d, struct store *store, struct buf *out)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(device_freep) struct device *stored = NULL;
    int64_t version = 0;
    struct err ignored;
    struct to_json w;
    buf_init(&body, DEVICE_BODY_BYTES);
    if (store->ops->get(store, RECORD_DEVICE, d->use.device, &body, &version, &ignored) != OK || device_from_json(buf_span(&body), version, true, &stored, &ignored) != OK)
        return;
    to_json_init(&w, out);
    directory_enter(d->node->directory);
    const struct policy *policy = directory_control(d->node->directory)->policy;
    const struct check *check = policy == NULL ? NULL : policy_check(policy, d->use.check);
    if (check != NULL)
        write_evidence(stored, check, policy, &w);
    directory_leave(d->node->directory);
    if (!out->failed)
        d->evidence = buf_span(out);
}

/* ---- the dispute ---- */

/* One that ended and about which nothing is told any more stops no clock: it may make room. */
static bool may_go(const struct person *p, const struct dispute *d, int64_t now_s)
{
    return d->time.to_s != 0 && now_s - d->time.to_s > APART_S && person_told(p, d->device, d->check) == NULL;
}

static bool add_dispute(struct person *p, const struct disputing *d, struct span id)
{
    struct dispute *all = arena_array(&p->arena, p->dispute_count + 1, sizeof *all);
    size_t kept = 0;
    for (size_t i = 0; all != NULL && i < p->dispute_count; i++)
        if (!may_go(p, &p->disputes[i], d->now_s))
            all[kept++] = p->disputes[i];
    if (all == NULL || kept >= PERSON_MAX_DISPUTES)
        return false;
    all[kept++] = (struct dispute){ .id = arena_copy(&p->arena, id), .device = arena_copy(&p->arena, d->use.device), .check = arena_copy(&p->arena, d->use.check),
                                    .text = arena_copy(&p->arena, d->use.text), .time = { d->now_s, d->to_s }, .evidence = arena_copy(&p->arena, d->evidence) };
    p->disputes = all;
    p->dispute_count = kept;
    return true;
}

static void write_dispute(const void *context, struct to_json *w)
{
    const struct disputing *d = context;
    to_json_member_text(w, "check", d->use.check);
    to_json_member_text_if(w, "text", d->use.text);
    to_json_member_text_if(w, "saw", d->saw);
    to_json_member_int(w, "until", d->to_s);
    to_json_member_text_if(w, "decision", d->use.decision);
    if (!span_empty(d->evidence)) {
        to_json_key(w, "evidence");
        to_json_raw(w, d->evidence);
    }
}

/* It fails on a device of theirs, as people see it. Fills what is needed of it. */
static bool is_theirs(struct disputing *d, const struct person *copy, struct arena *arena)
{
    const struct directory *all = d->node->directory;
    directory_enter(all);
    const struct control *control = directory_control(all);
    const struct device *device = directory_device(all, d->use.device);
    const struct result *result = device == NULL ? NULL : device_result(device, d->use.check);
    bool theirs = control->policy != NULL && result != NULL && result->visible_s != 0 && span_equal(device->owner, copy->id) && policy_check(control->policy, d->use.check) != NULL;
    if (theirs) {
        struct calendar_hours hours = calendar_hours(d->node->calendar, control->policy, copy, control->holidays);
        d->to_s = valve_dispute_end_s(&hours, d->now_s);
        d->saw = arena_copy(arena, result->saw);
    }
    directory_leave(all);
    return theirs;
}

static enum change_say edit_dispute(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct disputing *d = context;
    const struct dispute *before = valve_dispute_of(copy, d->use.device, d->use.check, d->now_s);
    *d->out = (struct valve_result){ .said = VALVE_GONE };
    if (!is_theirs(d, copy, events->arena))
        return CHANGE_NOTHING;
    if (before != NULL) {
        d->out->said = VALVE_AGAIN;
        d->out->until_s = before->time.to_s;
        valve_keep_id(d->out, before->id);
        return CHANGE_NOTHING;
    }
    if (!valve_add_event(d->node, events, &(struct valve_event){ "person.disputed", copy->id, d->use.device, d->use.by, write_dispute, d }))
        return (void)err_set(err, ERR_MEMORY, "a dispute of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    d->out->said = VALVE_FULL;
    if (!add_dispute(copy, d, events->all[events->count - 1].id))
        return CHANGE_NOTHING;
    d->out->said = VALVE_DONE;
    d->out->until_s = d->to_s;
    valve_keep_id(d->out, events->all[events->count - 1].id);
    return CHANGE_COMMIT;
}

enum err_code valve_dispute(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    CLEANUP(buf_done) struct buf evidence;
    struct disputing d = { .node = node, .use = *use, .out = out, .now_s = clock_wall_s(node->clock) };
    buf_init(&evidence, PERSON_EVIDENCE_BYTES);
    d.use.text = valve_text(use->text, VALVE_TEXT_BYTES);
    *out = (struct valve_result){ 0 };
    keep_evidence(&d, store, &evidence);
    return change_person(node, store, use->person, false, edit_dispute, &d, err);
}

/* ---- the answers ---- */

struct answering { const struct node *node; struct valve_answer answer; struct valve_result *out; int64_t now_s; struct span device, check; };

static void write_answer(const void *context, struct to_json *w)
{
    const struct answering *a = context;
    to_json_member_text(w, "id", a->answer.id);
    to_json_member_text_if(w, "check", a->check);
    if (a->answer.outcome != DISPUTE_OPEN)
        to_json_member_text(w, "outcome", span_of(dispute_outcome_name(a->answer.outcome)));
    to_json_member_text_if(w, "answer", a->answer.text);
}

static bool add_answer_event(struct answering *a, const struct person *copy, const char *type, struct change_events *events)
{
    return valve_add_event(a->node, events, &(struct valve_event){ type, copy->id, a->device, a->answer.by, write_answer, a });
}

static void *copy_of(struct person *p, const void *all, size_t count, size_t each_bytes)
{
    void *copy = arena_array(&p->arena, count, each_bytes);
    if (copy != NULL)
        memcpy(copy, all, count * each_bytes);
    return copy;
}

static enum change_say answered(struct answering *a, enum valve_said said, struct span id)
{
    a->out->said = said;
    valve_keep_id(a->out, id);
    return said == VALVE_DONE ? CHANGE_COMMIT : CHANGE_NOTHING;
}

/* The freeze ends with the answer, except where the check is being mended: the time was promised. */
static void settle_dispute(const struct answering *a, struct person *copy, struct dispute *d)
{
    d->outcome = a->answer.outcome;
    d->answer = arena_copy(&copy->arena, a->answer.text);
    d->by = arena_copy(&copy->arena, a->answer.by);
    d->answered_s = a->now_s;
    d->evidence = SPAN_NONE;
    if (d->outcome != DISPUTE_CHECK_FIXED && (d->time.to_s == 0 || d->time.to_s > a->now_s))
        d->time.to_s = a->now_s;
}

static enum change_say edit_dispute_answer(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct answering *a = context;
    const struct dispute *found = person_dispute(copy, a->answer.id);
    if (found == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, "%.*s has no such dispute", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    if (found->outcome != DISPUTE_OPEN)
        return answered(a, VALVE_AGAIN, found->id);
    size_t at = (size_t)(found - copy->disputes);
    struct dispute *all = copy_of(copy, copy->disputes, copy->dispute_count, sizeof *all);
    a->device = found->device;
    a->check = found->check;
    if (all == NULL || !add_answer_event(a, copy, "person.dispute_answered", events))
        return (void)err_set(err, ERR_MEMORY, "an answer to %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    settle_dispute(a, copy, &all[at]);
    copy->disputes = all;
    return answered(a, VALVE_DONE, found->id);
}

static enum change_say edit_ask_answer(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct answering *a = context;
    const struct help_request *found = person_ask(copy, a->answer.id);
    if (found == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, "%.*s has asked no such thing", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    if (found->answered_s != 0)
        return answered(a, VALVE_AGAIN, found->id);
    size_t at = (size_t)(found - copy->asks);
    struct help_request *all = copy_of(copy, copy->asks, copy->ask_count, sizeof *all);
    a->device = found->device;
    a->check = found->check;
    if (all == NULL || !add_answer_event(a, copy, "person.ask_answered", events))
        return (void)err_set(err, ERR_MEMORY, "an answer to %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    all[at].answer = arena_copy(&copy->arena, a->answer.text);
    all[at].by = arena_copy(&copy->arena, a->answer.by);
    all[at].answered_s = a->now_s;
    copy->asks = all;
    return answered(a, VALVE_DONE, found->id);
}

static enum err_code answer(const struct node *node, struct store *store, const struct valve_answer *what, change_person_fn *edit, struct valve_result *out, struct err *err)
{
    struct answering a = { .node = node, .answer = *what, .out = out, .now_s = clock_wall_s(node->clock) };
    *out = (struct valve_result){ 0 };
    a.answer.text = valve_text(what->text, VALVE_TEXT_BYTES);
    if (span_empty(a.answer.text))
        return err_set(err, ERR_INPUT, "an answer needs words for the person who asked");
    return change_person(node, store, what->person, false, edit, &a, err);
}

enum err_code valve_dispute_answer(const struct node *node, struct store *store, const struct valve_answer *what, struct valve_result *out, struct err *err)
{
    if (what->outcome == DISPUTE_OPEN)
        return err_set(err, ERR_INPUT, "an answer says how it ends: fixed, explained or rejected");
    return answer(node, store, what, edit_dispute_answer, out, err);
}

enum err_code valve_ask_answer(const struct node *node, struct store *store, const struct valve_answer *what, struct valve_result *out, struct err *err)
{
    struct valve_answer plain = *what;
    plain.outcome = DISPUTE_OPEN;
    return answer(node, store, &plain, edit_ask_answer, out, err);
}
