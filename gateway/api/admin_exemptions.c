/* Exemptions: who may leave what unfixed until when, asked for by one and decided by another. */
#include "gateway/api/admin.h"
#include "gateway/valves.h"

static void write_person_name(const struct http_request *r, const char *key, struct span who, struct to_json *w)
{
    struct span prefix = SPAN_LITERAL("person:");
    const struct person *p = span_starts(who, prefix) ? directory_person(r->node->directory, span_slice(who, prefix.bytes, who.bytes)) : NULL;
    if (p != NULL && p->email_count > 0)
        to_json_member_text(w, key, p->emails[0]);
}

static void write_exemption(const struct http_request *r, const struct exemption *e, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", e->id);
    to_json_member_text(w, "state", span_of(exemption_state_name(e->state)));
    to_json_member_bool(w, "holds", exemption_holds(e, r->now_s));
    to_json_member_text(w, "scope", span_of(exemption_scope_name(e->scope)));
    to_json_member_text(w, "subject", e->subject);
    to_json_member_text(w, "check", e->check);
    to_json_member_text(w, "reason", e->reason);
    to_json_member_text_if(w, "measure", e->measure);
    to_json_member_text(w, "requester", e->requester);
    write_person_name(r, "requester_email", e->requester, w);
    to_json_member_text_if(w, "approver", e->approver);
    write_person_name(r, "approver_email", e->approver, w);
    to_json_member_text_if(w, "answer", e->answer);
    to_json_member_time_if(w, "asked_at", e->asked_s);
    to_json_member_time_if(w, "decided_at", e->decided_s);
    to_json_member_time_if(w, "start", e->start_s);
    to_json_member_time_if(w, "end", e->end_s);
    to_json_member_time_if(w, "ended_at", e->ended_s);
    to_json_end(w);
}

static bool read_state(struct http_request *r, enum exemption_state *state, struct err *err)
{
    struct span text;
    if (request_query(r, "state", &text, err) != OK)
        return false;
    for (*state = EXEMPTION_ASKED; *state < EXEMPTION_STATES; *state = (enum exemption_state)(*state + 1))
        if (span_equal_text(text, exemption_state_name(*state)))
            return true;
    (void)err_set(err, ERR_INPUT, "state must be asked, approved, refused or ended");
    return false;
}

void admin_list_exemptions(struct http_request *r, struct http_response *res)
{
    struct admin_page page;
    enum exemption_state state = EXEMPTION_STATES;
    struct err err = { .code = OK };
    bool one_state = read_state(r, &state, &err);
    if (!one_state && err.code == ERR_INPUT) {
        admin_problem(r, res, &err);
        return;
    }
    if (admin_page_begin(r, &page, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    directory_enter(r->node->directory);
    struct exemptions all = directory_control(r->node->directory)->exemptions;
    for (size_t i = 0; i < all.count; i++)
        if (!one_state || all.all[i].state == state)
            admin_page_offer(&page, &all.all[i], all.all[i].id);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "exemptions");
    to_json_array(&w);
    for (size_t i = 0; i < page.count; i++)
        write_exemption(r, page.all[i].item, &w);
    to_json_end(&w);
    admin_page_write_end(&page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

static void answer(struct http_request *r, struct http_response *res, int status, const struct valve_result *done)
{
    directory_enter(r->node->directory);
    const struct exemption *e = exemption_by_id(directory_control(r->node->directory)->exemptions, span_of(done->id));
    struct to_json w = response_json(res, status);
    if (e != NULL)
        write_exemption(r, e, &w);
    else { /* this node has not heard of it yet */
        to_json_object(&w);
        to_json_member_text(&w, "id", span_of(done->id));
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

/* The subject as people name it: an e-mail, a serial number, a group. */
static enum err_code read_subject(const struct http_request *r, const struct from_json_value *root, struct exemption_request *q, struct err *err)
{
    struct span scope = SPAN_NONE, subject = SPAN_NONE;
    enum err_code code = admin_text(r, root, "scope", true, &scope, err);
    if (code == OK && !exemption_scope_from(scope, &q->scope))
        code = err_set(err, ERR_INPUT, "scope must be person, device or group");
    if (code == OK)
        code = admin_text(r, root, "subject", true, &subject, err);
    if (code != OK || q->scope == EXEMPT_GROUP) {
        q->subject = subject;
        return code;
    }
    return q->scope == EXEMPT_PERSON ? admin_person_id(r, subject, &q->subject, err) : admin_device_id(r, subject, &q->subject, err);
}

static enum err_code read_requester(const struct http_request *r, const struct from_json_value *root, struct exemption_request *q, struct err *err)
{
    struct span name = SPAN_NONE, id = SPAN_NONE;
    enum err_code code = admin_text(r, root, "requester", false, &name, err);
    if (code == OK && !span_empty(name))
        code = admin_person_id(r, name, &id, err);
    if (code == OK && !span_empty(id))
        q->requester = arena_format(r->arena, "person:%.*s", SPAN_ARGS(id));
    return code;
}

static enum err_code read_request(const struct http_request *r, const struct from_json_value *root, struct exemption_request *q, struct err *err)
{
    q->by = admin_cause(r);
    enum err_code code = read_subject(r, root, q, err);
    if (code == OK)
        code = read_requester(r, root, q, err);
    if (code == OK)
        code = admin_text(r, root, "check", true, &q->check, err);
    if (code == OK)
        code = admin_long_text(r, root, "reason", EXEMPTION_TEXT_BYTES, true, &q->reason, err);
    if (code == OK)
        code = admin_long_text(r, root, "measure", EXEMPTION_TEXT_BYTES, false, &q->measure, err);
    if (code == OK)
        code = admin_time(r, root, "start", &q->start_s, err);
    return code == OK ? admin_time(r, root, "end", &q->end_s, err) : code;
}

/* {"scope", "subject", "check", "reason", "measure", "requester", "start", "end"} */
void admin_ask_exemption(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "scope", "subject", "check", "reason", "measure", "requester", "start", "end", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct exemption_request q = { 0 };
    struct valve_result done = { 0 };
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = read_request(r, &root, &q, &err);
    if (code == OK)
        code = valve_exemption_ask(r->node, r->store, &q, &done, &err);
    if (code == OK && done.said == VALVE_FULL)
        code = err_set(&err, ERR_LIMIT, "%d exemptions are kept already, and none of them is over", EXEMPTIONS_MOST);
    if (code != OK)
        admin_problem(r, res, &err);
    else
        answer(r, res, done.said == VALVE_DONE ? 201 : 200, &done);
}

/* {"answer"}, and "end" with an approval. */
static void decide_exemption(struct http_request *r, struct http_response *res, enum exemption_move move)
{
    static const char *const approving[] = { "answer", "end", NULL }, *const ending[] = { "answer", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, move == EXEMPTION_APPROVE ? approving : ending);
    struct exemption_decision what = { .id = r->params[0], .move = move, .by = admin_cause(r) };
    struct valve_result done = { 0 };
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_long_text(r, &root, "answer", EXEMPTION_TEXT_BYTES, false, &what.text, &err);
    if (code == OK)
        code = admin_time(r, &root, "end", &what.end_s, &err);
    if (code == OK)
        code = valve_exemption_decide(r->node, r->store, &what, &done, &err);
    if (code != OK)
        admin_problem(r, res, &err);
    else
        answer(r, res, 200, &done);
}

void admin_approve_exemption(struct http_request *r, struct http_response *res) { decide_exemption(r, res, EXEMPTION_APPROVE); }
void admin_refuse_exemption(struct http_request *r, struct http_response *res) { decide_exemption(r, res, EXEMPTION_REFUSE); }
void admin_end_exemption(struct http_request *r, struct http_response *res) { decide_exemption(r, res, EXEMPTION_END); }
