/* How far the policy in force has come, and moving it on or taking it back. */
#include "gateway/api/admin.h"
#include "gateway/escalation.h"
#include "gateway/rollout.h"

void admin_write_ring(struct http_request *r, struct to_json *w)
{
    const struct control *control = directory_control(r->node->directory);
    const struct ring *ring = &control->ring;
    const char *state = ring->halted ? "halted" : ring_is_whole(ring) ? "everybody" : "under_way";
    to_json_key(w, "ring");
    to_json_object(w);
    to_json_member_text(w, "state", span_of(state));
    to_json_member_int(w, "percent", ring->percent);
    to_json_key(w, "groups");
    to_json_array(w);
    for (size_t i = 0; i < ring->group_count; i++)
        to_json_text(w, ring->groups[i]);
    to_json_end(w);
    to_json_member_time_if(w, "since", ring->since_s);
    to_json_member_text_if(w, "why", ring->why);
    to_json_member_text_if(w, "by", ring->by);
    if (ring->before != NULL)
        to_json_member_text(w, "before", span_of(ring->before->version));
    to_json_end(w);
}

/* What the halt looks at, as it is now. */
static void write_counts(struct http_request *r, int64_t since_s, const struct policy *policy, struct to_json *w)
{
    struct ring_count count;
    int64_t from_s = r->now_s - policy->rings.halt.within_s;
    from_s = policy->rings.halt.within_s == 0 || since_s > from_s ? since_s : from_s;
    escalation_count_ring(r->node, from_s, &count);
    to_json_key(w, "counts");
    to_json_object(w);
    to_json_member_time_if(w, "from", from_s);
    to_json_member_int(w, "persons", count.persons);
    to_json_member_int(w, "blocked", count.blocked);
    to_json_member_int(w, "disputes", count.disputes);
    to_json_end(w);
    to_json_key(w, "halt");
    to_json_object(w);
    if (policy->rings.halt.within_s > 0) {
        to_json_member_int(w, "blocks", policy->rings.halt.blocks);
        to_json_member_int(w, "disputes", policy->rings.halt.disputes);
        to_json_member_int(w, "within_s", policy->rings.halt.within_s);
    }
    to_json_end(w);
}

void admin_show_ring(struct http_request *r, struct http_response *res)
{
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    if (control->policy == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no policy is in force yet");
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        to_json_member_text(&w, "version", span_of(control->policy->version));
        admin_write_ring(r, &w);
        if (!ring_is_whole(&control->ring))
            write_counts(r, control->ring.since_s, control->policy, &w);
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

static enum err_code read_order(const struct http_request *r, const struct from_json_value *root, struct ring_order *order, struct err *err)
{
    struct from_json_value percent = from_json_member(root, "percent"), move = from_json_member(root, "move");
    struct span word = SPAN_NONE;
    int64_t share = 0;
    enum err_code code = admin_text(r, root, "move", true, &word, err);
    if (code == OK)
        code = admin_text(r, root, "why", false, &order->why, err);
    if (code != OK)
        return code;
    order->move = span_equal_text(word, "halt") ? RING_HALT : span_equal_text(word, "resume") ? RING_RESUME : RING_ADVANCE;
    if (order->move != RING_ADVANCE)
        return from_json_present(&percent) ? from_json_refuse(&percent, err, "goes with move advance only") : OK;
    if (!span_equal_text(word, "advance"))
        return from_json_refuse(&move, err, "must be advance, halt or resume");
    code = from_json_int(&percent, 1, RING_WHOLE_PERCENT, &share, err);
    order->percent = (unsigned)share;
    return code;
}

/* {"move": "advance", "percent": 25, "why": "three quiet days"} */
void admin_move_ring(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "move", "percent", "why", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct ring_order order = { .cause = admin_cause(r) };
    bool changed = false;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = read_order(r, &root, &order, &err);
    if (code == OK)
        code = rollout_order(r->node, r->store, &order, &changed, &err);
    if (code == OK)
        admin_show_ring(r, res);
    else
        admin_problem(r, res, &err);
}
