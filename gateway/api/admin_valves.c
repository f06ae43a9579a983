/* What people told us or asked us, and our answers; and putting something off for somebody who asks for it on the phone. */
#include "gateway/api/admin.h"
#include "gateway/valves.h"

struct said { const struct person *person; const struct dispute *dispute; const struct help_request *ask; };
/* What a walk over all people looks for. */
struct look { struct http_request *r; struct admin_page page; bool disputes, all; struct span id; struct span person; };

/* Of a walk only ids last: kept is whose it is. */
static bool offer(struct look *l, const struct person *p, struct span id)
{
    struct span *person = arena_alloc(l->r->arena, sizeof *person);
    if (person == NULL || (*person = arena_copy(l->r->arena, p->id)).at == NULL)
        return false;
    admin_page_offer(&l->page, person, id);
    return true;
}

static struct said said_by(const struct http_request *r, bool disputes, struct span person, struct span id)
{
    const struct person *p = span_empty(person) ? NULL : directory_person(r->node->directory, person);
    return (struct said){ p, p != NULL && disputes ? person_dispute(p, id) : NULL, p != NULL && !disputes ? person_ask(p, id) : NULL };
}

static bool collect(void *context, const struct person *p)
{
    struct look *l = context;
    bool room = true;
    for (size_t i = 0; l->disputes && room && i < p->dispute_count; i++)
        if (l->all || p->disputes[i].outcome == DISPUTE_OPEN)
            room = offer(l, p, p->disputes[i].id);
    for (size_t i = 0; !l->disputes && room && i < p->ask_count; i++)
        if (l->all || p->asks[i].answered_s == 0)
            room = offer(l, p, p->asks[i].id);
    return room;
}

static void write_who(const struct http_request *r, const struct said *s, struct span device, struct to_json *w)
{
    const struct device *d = span_empty(device) ? NULL : directory_device(r->node->directory, device);
    to_json_member_text(w, "person", s->person->id);
    if (s->person->email_count > 0)
        to_json_member_text(w, "email", s->person->emails[0]);
    to_json_member_text_if(w, "device", device);
    if (d != NULL)
        to_json_member_text_if(w, "device_name", d->name);
}

static void write_dispute(const struct http_request *r, const struct said *s, struct to_json *w)
{
    const struct dispute *d = s->dispute;
    to_json_object(w);
    to_json_member_text(w, "id", d->id);
    write_who(r, s, d->device, w);
    to_json_member_text(w, "check", d->check);
    to_json_member_text_if(w, "text", d->text);
    to_json_member_text(w, "outcome", span_of(dispute_outcome_name(d->outcome)));
    to_json_member_time_if(w, "at", d->time.from_s);
    to_json_member_time_if(w, "frozen_until", d->time.to_s);
    to_json_member_text_if(w, "answer", d->answer);
    to_json_member_text_if(w, "by", d->by);
    to_json_member_time_if(w, "answered_at", d->answered_s);
    if (!span_empty(d->evidence)) {
        to_json_key(w, "evidence");
        to_json_raw(w, d->evidence);
    }
    to_json_end(w);
}

static void write_ask(const struct http_request *r, const struct said *s, struct to_json *w)
{
    const struct help_request *a = s->ask;
    to_json_object(w);
    to_json_member_text(w, "id", a->id);
    write_who(r, s, a->device, w);
    to_json_member_text_if(w, "check", a->check);
    to_json_member_text_if(w, "text", a->text);
    to_json_member_time_if(w, "at", a->at_s);
    to_json_member_text_if(w, "answer", a->answer);
    to_json_member_text_if(w, "by", a->by);
    to_json_member_time_if(w, "answered_at", a->answered_s);
    to_json_end(w);
}

/* ?all=true: the answered ones too. */
static void list(struct http_request *r, struct http_response *res, bool disputes)
{
    struct look l = { .r = r, .disputes = disputes };
    struct span all;
    struct err err;
    l.all = request_query(r, "all", &all, &err) == OK && span_equal_text(all, "true");
    if (admin_page_begin(r, &l.page, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, collect, &l);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, disputes ? "disputes" : "asks");
    to_json_array(&w);
    for (size_t i = 0; i < l.page.count; i++) {
        struct said s = said_by(r, disputes, *(const struct span *)l.page.all[i].item, l.page.all[i].id);
        if (s.dispute != NULL || s.ask != NULL)
            (disputes ? write_dispute : write_ask)(r, &s, &w);
    }
    to_json_end(&w);
    admin_page_write_end(&l.page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

void admin_list_disputes(struct http_request *r, struct http_response *res) { list(r, res, true); }
void admin_list_asks(struct http_request *r, struct http_response *res) { list(r, res, false); }

/* ---- answering ---- */

static bool find(void *context, const struct person *p)
{
    struct look *l = context;
    if (l->disputes ? person_dispute(p, l->id) == NULL : person_ask(p, l->id) == NULL)
        return true;
    l->person = arena_copy(l->r->arena, p->id);
    return false;
}

static enum err_code person_of(struct http_request *r, bool disputes, struct span *person, struct err *err)
{
    struct look l = { .r = r, .disputes = disputes, .id = r->params[0] };
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, find, &l);
    directory_leave(r->node->directory);
    *person = l.person;
    return !span_empty(l.person) ? OK : err_set(err, ERR_NOT_FOUND, "nobody said %.*s", SPAN_ARGS(span_slice(r->params[0], 0, 80)));
}

static enum err_code read_outcome(const struct http_request *r, const struct from_json_value *root, enum dispute_outcome *outcome, struct err *err)
{
    struct span name = SPAN_NONE;
    enum err_code code = admin_text(r, root, "outcome", true, &name, err);
    if (code == OK && (!dispute_outcome_from(name, outcome) || *outcome == DISPUTE_OPEN))
        code = err_set(err, ERR_INPUT, "outcome must be fixed, explained or rejected");
    return code;
}

static void write_answered(struct http_request *r, struct http_response *res, bool disputes)
{
    struct look l = { .r = r, .disputes = disputes, .id = r->params[0] };
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, find, &l);
    struct said s = said_by(r, disputes, l.person, l.id);
    struct to_json w = response_json(res, 200);
    if (s.dispute != NULL || s.ask != NULL)
        (disputes ? write_dispute : write_ask)(r, &s, &w);
    directory_leave(r->node->directory);
}

static void answer(struct http_request *r, struct http_response *res, bool disputes, const char *const *known)
{
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct valve_answer what = { .id = r->params[0], .by = admin_cause(r) };
    struct valve_result done = { 0 };
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_long_text(r, &root, "answer", VALVE_TEXT_BYTES, true, &what.text, &err);
    if (code == OK && disputes)
        code = read_outcome(r, &root, &what.outcome, &err);
    if (code == OK)
        code = person_of(r, disputes, &what.person, &err);
    if (code == OK)
        code = disputes ? valve_dispute_answer(r->node, r->store, &what, &done, &err) : valve_ask_answer(r->node, r->store, &what, &done, &err);
    if (code == OK && done.said == VALVE_AGAIN)
        code = err_set(&err, ERR_CONFLICT, "%.*s is answered already", SPAN_ARGS(what.id));
    if (code != OK)
        admin_problem(r, res, &err);
    else
        write_answered(r, res, disputes);
}

/* {"outcome": "explained", "answer": "..."} and {"answer": "..."} */
void admin_answer_dispute(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "outcome", "answer", NULL };
    answer(r, res, true, known);
}

void admin_answer_ask(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "answer", NULL };
    answer(r, res, false, known);
}

/* ---- for somebody else ---- */

static const char *refusal_text(const struct valve_result *done)
{
    if (done->said == VALVE_GONE)
        return "this check does not fail on this device of theirs";
    if (done->said == VALVE_FULL)
        return "too many are kept for this person";
    switch (done->refusal) {
    case VALVE_HARD: return "this check is hard: it cannot be put off";
    case VALVE_SPENT: return "it was put off as often as the ladder allows";
    case VALVE_TOO_LATE: return "something is closed already: it cannot be put off any more";
    default: return "the ladder of this check has no snooze";
    }
}

/* {"device", "check"}: the person's own budget, as if they had pressed the button. */
void admin_person_snooze(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "device", "check", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct valve_use use = { .by = admin_cause(r) };
    struct valve_result done = { 0 };
    struct span device = SPAN_NONE;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_person_id(r, r->params[0], &use.person, &err);
    if (code == OK)
        code = admin_text(r, &root, "device", true, &device, &err);
    if (code == OK)
        code = admin_device_id(r, device, &use.device, &err);
    if (code == OK)
        code = admin_text(r, &root, "check", true, &use.check, &err);
    if (code == OK)
        code = valve_snooze(r->node, r->store, &use, &done, &err);
    if (code == OK && done.said != VALVE_DONE && done.said != VALVE_AGAIN)
        code = err_set(&err, ERR_CONFLICT, "%s", refusal_text(&done));
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", use.person);
    to_json_member_text(&w, "device", use.device);
    to_json_member_text(&w, "check", use.check);
    to_json_member_time_if(&w, "until", done.until_s);
    to_json_member_time_if(&w, "closes_at", done.close_s);
    to_json_member_int(&w, "left", done.left);
    to_json_end(&w);
}
