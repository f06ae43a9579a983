/* The incident switch: freezes every ladder, and releases what the breaker or a person froze. */
#include "gateway/api/admin.h"
#include "gateway/incident.h"

static void answer(struct http_request *r, struct http_response *res, int known_frozen)
{
    struct to_json w = response_json(res, 200);
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    int64_t since_s = 0;
    for (size_t i = 0; i < control->pause_count; i++)
        if (control->pauses[i].kind == PAUSE_INCIDENT && control->pauses[i].time.to_s == 0)
            since_s = control->pauses[i].time.from_s;
    bool frozen = known_frozen < 0 ? control->frozen : known_frozen > 0;
    directory_leave(r->node->directory);
    to_json_object(&w);
    to_json_member_bool(&w, "frozen", frozen);
    if (frozen)
        to_json_member_time_if(&w, "since", since_s);
    to_json_end(&w);
}

void admin_show_incident(struct http_request *r, struct http_response *res) { answer(r, res, -1); }

static void order(struct http_request *r, struct http_response *res, enum incident_move move, struct span why)
{
    struct incident_order what = { move, why, admin_cause(r) };
    bool changed = false;
    struct err err;
    if (incident_order(r->node, r->store, &what, &changed, &err) != OK)
        admin_problem(r, res, &err);
    else
        answer(r, res, move != INCIDENT_STOP);
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
