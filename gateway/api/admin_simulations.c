/* What a policy would do, over the days to come or those that the log holds: begun here, asked for until it is done. */
#include "gateway/api/admin.h"
#include "gateway/simulations.h"

enum { POLICY_TEXT_BYTES = 1024 * 1024, NAMES = 1000, NAMES_MOST = 10000, DAYS = 30, DAY_S = 86400, BACK_MOST_DAYS = 365 };

struct wanted { struct span text, file; int64_t days, back_s, names; };

static enum err_code read_wanted(const struct http_request *r, const struct from_json_value *root, struct wanted *w, struct err *err)
{
    struct from_json_value text = from_json_member(root, "text"), days = from_json_member(root, "days"), since = from_json_member(root, "since_s"), names = from_json_member(root, "names");
    w->file = SPAN_LITERAL("policy");
    w->names = NAMES;
    enum err_code code = from_json_text(&text, POLICY_TEXT_BYTES, &w->text, err);
    if (code == OK)
        code = admin_text(r, root, "file", false, &w->file, err);
    if (code == OK)
        code = from_json_int_opt(&days, 1, SIMULATION_DAYS_MOST, &w->days, err);
    if (code == OK)
        code = from_json_int_opt(&since, 60, (int64_t)BACK_MOST_DAYS * DAY_S, &w->back_s, err);
    if (code == OK)
        code = from_json_int_opt(&names, 0, NAMES_MOST, &w->names, err);
    if (code == OK && w->days > 0 && w->back_s > 0)
        return from_json_refuse(&days, err, "is for the days to come, since_s for those that have passed: give one");
    if (w->days == 0 && w->back_s == 0)
        w->days = DAYS;
    return code;
}

static void answer_id(struct http_response *res, const char *id)
{
    struct to_json w = response_json(res, 202);
    to_json_object(&w);
    to_json_member_text(&w, "id", span_of(id));
    to_json_member_text(&w, "state", SPAN_LITERAL("running"));
    to_json_end(&w);
}

/* {"text": the policy, "days": 30} or {"text", "since_s": 604800}; "names": how many closings by name */
void admin_start_simulation(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "text", "file", "days", "since_s", "names", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(policy_freep) struct policy *policy = NULL;
    char id[SIMULATION_ID_BYTES + 1];
    struct mistakes mistakes;
    struct wanted w = { 0 };
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    if (read_wanted(r, &root, &w, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    if (!directory_counts(r->node->directory).complete) {
        (void)err_set(&err, ERR_UNAVAILABLE, "this node is still loading what it must know");
        admin_problem(r, res, &err);
        return;
    }
    mistakes_init(&mistakes);
    policy_read(w.text, w.file, &mistakes, &policy);
    struct simulation_order order = { .days = (unsigned)w.days, .back_s = w.back_s, .names = (unsigned)w.names };
    if (policy == NULL)
        admin_answer_mistakes(res, &mistakes);
    else if (order.policy = TAKE(policy), simulations_start(r->node->simulations, &order, id, &err) != OK)
        admin_problem(r, res, &err);
    else
        answer_id(res, id);
    mistakes_done(&mistakes);
}

void admin_show_simulation(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    struct err err;
    to_json_object(&w);
    if (simulations_write(r->node->simulations, r->params[0], &w, &err) != OK)
        admin_problem(r, res, &err);
    else
        to_json_end(&w);
}

void admin_cancel_simulation(struct http_request *r, struct http_response *res)
{
    struct err err;
    if (simulations_cancel(r->node->simulations, r->params[0], &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "id", r->params[0]);
    to_json_member_text(&w, "state", SPAN_LITERAL("cancelled"));
    to_json_end(&w);
}
