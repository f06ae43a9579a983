/* The incident switch: freezes every ladder, and releases what the breaker or a person froze. */
#include "gateway/api/admin.h"
#include "gateway/incident.h"

enum { CLOCK_BYTES = 1024 * 1024, CLOCK_DEPTH = 8 };

/* Why and by whom, from the record: the directory does not keep it. */
static void write_reason(struct http_request *r, struct to_json *w)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span why = SPAN_NONE, by = SPAN_NONE;
    int64_t version = 0;
    struct err err;
    buf_init(&body, CLOCK_BYTES);
    if (r->store->ops->get(r->store, RECORD_CONTROL, SPAN_LITERAL("clock"), &body, &version, &err) != OK ||
        from_json_parse(buf_span(&body), (struct from_json_limits){ CLOCK_BYTES, CLOCK_DEPTH }, "clock", &doc, &err) != OK)
        return;
    struct from_json_value root = from_json_root(doc), reason = from_json_member(&root, "why"), who = from_json_member(&root, "by");
    if (from_json_text_opt(&reason, ADMIN_TEXT_BYTES, &why, &err) == OK)
        to_json_member_text_if(w, "why", why);
    if (from_json_text_opt(&who, ADMIN_TEXT_BYTES, &by, &err) == OK)
        to_json_member_text_if(w, "by", by);
}

static void write_opened(const struct control *control, const char *key, unsigned bits, struct to_json *w)
{
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; control->policy != NULL && i < control->policy->sensitivity_count; i++)
        if ((bits >> i & 1U) != 0)
            to_json_text(w, control->policy->sensitivities[i]);
    to_json_end(w);
}

static void answer(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    int64_t since_s = 0;
    for (size_t i = 0; i < control->pause_count; i++)
        if (control->pauses[i].kind == PAUSE_INCIDENT && control->pauses[i].time.to_s == 0)
            since_s = control->pauses[i].time.from_s;
    bool frozen = control->frozen;
    to_json_member_bool(&w, "frozen", frozen);
    if (frozen) {
        unsigned open = control->incident && control->policy != NULL ? control->policy->incident_open : 0;
        to_json_member_time_if(&w, "since", since_s);
        to_json_member_bool(&w, "declared", control->incident);
        write_opened(control, "opens", open, &w);
        write_opened(control, "keeps", ~open, &w);
    }
    directory_leave(r->node->directory);
    if (frozen)
        write_reason(r, &w);
    to_json_end(&w);
}

void admin_show_incident(struct http_request *r, struct http_response *res) { answer(r, res); }

static void order(struct http_request *r, struct http_response *res, enum incident_move move, struct span why)
{
    struct incident_order what = { move, why, admin_cause(r) };
    bool changed = false;
    struct err err;
    if (incident_order(r->node, r->store, &what, &changed, &err) != OK)
        admin_problem(r, res, &err);
    else
        answer(r, res);
}

/* {"why": "the VPN vendor's update broke the firewall check"} */
void admin_start_incident(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "why", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct span why = SPAN_NONE;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    if (admin_text(r, &root, "why", false, &why, &err) != OK)
        admin_problem(r, res, &err);
    else
        order(r, res, INCIDENT_START, why);
}

void admin_stop_incident(struct http_request *r, struct http_response *res) { order(r, res, INCIDENT_STOP, SPAN_NONE); }
