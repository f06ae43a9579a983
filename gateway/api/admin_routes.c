#include "gateway/api/admin.h"

#include "gateway/decide.h"

#include <string.h>

struct span admin_cause(const struct http_request *r) { return arena_format(r->arena, "admin:%.*s", SPAN_ARGS(r->caller.id)); }

void admin_problem(struct http_request *r, struct http_response *res, const struct err *err) { problem_answer(r, res, PROBLEM_JSON, err); }

struct from_json *admin_body(struct http_request *r, struct http_response *res, const char *const *known)
{
    struct from_json *doc = NULL;
    struct err err;
    enum err_code code = from_json_parse(r->body, (struct from_json_limits){ ADMIN_BODY_BYTES, ADMIN_DEPTH }, "body", &doc, &err);
    if (code != OK)
        counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    if (code == OK) {
        struct from_json_value root = from_json_root(doc);
        code = from_json_object(&root, &err);
        if (code == OK)
            code = from_json_only(&root, known, &err);
    }
    if (code == OK)
        return doc;
    admin_problem(r, res, &err);
    from_json_free(doc);
    return NULL;
}

enum err_code admin_long_text(const struct http_request *r, const struct from_json_value *root, const char *key, size_t most_bytes, bool required, struct span *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = required ? from_json_text(&v, most_bytes, &text, err) : from_json_text_opt(&v, most_bytes, &text, err);
    if (code == OK && required && span_empty(span_trim(text)))
        code = from_json_refuse(&v, err, "must not be empty");
    if (code == OK)
        *out = arena_copy(r->arena, span_trim(text));
    return code;
}

enum err_code admin_text(const struct http_request *r, const struct from_json_value *root, const char *key, bool required, struct span *out, struct err *err)
{
    return admin_long_text(r, root, key, ADMIN_TEXT_BYTES, required, out, err);
}

bool admin_is_kept_time(int64_t at_s) { return at_s > 0 && at_s <= INT64_C(253402300799); }

enum err_code admin_time(const struct http_request *r, const struct from_json_value *root, const char *key, int64_t *out, struct err *err)
{
    struct span text = SPAN_NONE;
    enum err_code code = admin_text(r, root, key, false, &text, err);
    if (code == OK && !span_empty(text) && !(clock_from_rfc3339(text, out) && admin_is_kept_time(*out)))
        code = err_set(err, ERR_INPUT, "%s must be a time such as 2026-12-24T08:00:00Z, from 1970 to 9999", key);
    return code;
}

enum err_code admin_read_list(struct http_request *r, struct admin_list *out, struct err *err)
{
    struct span text;
    uint64_t limit = 0;
    *out = (struct admin_list){ .limit = 100 };
    enum err_code code = request_query(r, "limit", &text, err);
    if (code == OK && (!span_to_u64(text, &limit) || limit == 0 || limit > 1000))
        return err_set(err, ERR_INPUT, "limit must be 1 to 1000");
    if (code == OK)
        out->limit = (unsigned)limit;
    if (code == OK || code == ERR_NOT_FOUND)
        code = request_query(r, "after", &out->after, err);
    if (code == OK || code == ERR_NOT_FOUND)
        code = request_query(r, "q", &out->query, err);
    return code == ERR_NOT_FOUND ? OK : code;
}

enum err_code admin_page_begin(struct http_request *r, struct admin_page *out, struct err *err)
{
    *out = (struct admin_page){ .arena = r->arena };
    enum err_code code = admin_read_list(r, &out->list, err);
    if (code == OK && (out->all = arena_array(r->arena, out->list.limit, sizeof *out->all)) == NULL)
        code = err_set(err, ERR_MEMORY, "a list");
    return code;
}

/* A copy, in the place of one that leaves the page where it fits. */
static struct span keep_id(struct admin_page *p, struct span leaving, struct span id)
{
    if (leaving.at == NULL || leaving.bytes < id.bytes)
        return arena_copy(p->arena, id);
    memcpy((void *)(uintptr_t)leaving.at, id.at, id.bytes);
    return span_slice(leaving, 0, id.bytes);
}

void admin_page_offer(struct admin_page *p, const void *item, struct span id)
{
    size_t room = p->list.limit;
    p->total++;
    if (!span_empty(p->list.after) && span_compare(id, p->list.after) <= 0)
        return;
    if (p->count == room && span_compare(id, p->all[room - 1].id) >= 0)
        return;
    struct span kept = keep_id(p, p->count < room ? SPAN_NONE : p->all[room - 1].id, id);
    if (kept.at == NULL)
        return; /* memory is short: the page is */
    size_t at = p->count < room ? p->count++ : room - 1;
    for (; at > 0 && span_compare(p->all[at - 1].id, id) > 0; at--)
        p->all[at] = p->all[at - 1];
    p->all[at] = (struct admin_kept){ item, kept };
}

void admin_page_write_end(const struct admin_page *p, struct to_json *w)
{
    to_json_member_int(w, "total", (int64_t)p->total);
    if (p->count == p->list.limit)
        to_json_member_text(w, "after", p->all[p->count - 1].id);
}

enum err_code admin_person_id(const struct http_request *r, struct span name, struct span *id, struct err *err)
{
    directory_enter(r->node->directory);
    const struct person *p = directory_person_by(r->node->directory, name);
    *id = p != NULL ? arena_copy(r->arena, p->id) : SPAN_NONE;
    directory_leave(r->node->directory);
    return p != NULL ? OK : err_set(err, ERR_NOT_FOUND, "no person %.*s", SPAN_ARGS(span_slice(name, 0, 100)));
}

enum err_code admin_device_id(const struct http_request *r, struct span name, struct span *id, struct err *err)
{
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, name);
    if (d == NULL)
        d = decide_device(r->node, r->arena, SPAN_LITERAL("serial"), name);
    *id = d != NULL ? arena_copy(r->arena, d->id) : SPAN_NONE;
    directory_leave(r->node->directory);
    return d != NULL ? OK : err_set(err, ERR_NOT_FOUND, "no device %.*s (give its id or serial)", SPAN_ARGS(span_slice(name, 0, 100)));
}

#define ROW(method, path, body, handler, name) { method, path, ADMIN_LISTENERS, SCOPE_ADMIN, body, PROBLEM_JSON, 0, NULL, handler, name }
static const struct route rows[] = {
    ROW(HTTP_GET, "/admin/v1/persons", 0, admin_list_persons, "admin.persons"),
    ROW(HTTP_POST, "/admin/v1/persons", ADMIN_BODY_BYTES, admin_import_persons, "admin.persons.import"),
    ROW(HTTP_GET, "/admin/v1/persons/{id}", 0, admin_show_person, "admin.person"),
    ROW(HTTP_POST, "/admin/v1/persons/{id}/link", 4096, admin_person_link, "admin.person.link"),
    ROW(HTTP_POST, "/admin/v1/persons/{id}/absences", 4096, admin_person_absence, "admin.person.absence"),
    ROW(HTTP_DELETE, "/admin/v1/persons/{id}/absences", 0, admin_person_back, "admin.person.back"),
    ROW(HTTP_POST, "/admin/v1/persons/{id}/snooze", 4096, admin_person_snooze, "admin.person.snooze"),
    ROW(HTTP_POST, "/admin/v1/absences", ADMIN_BODY_BYTES, admin_import_absences, "admin.absences.import"),
    ROW(HTTP_GET, "/admin/v1/onboarding", 0, admin_list_onboarding, "admin.onboarding"),
    ROW(HTTP_POST, "/admin/v1/onboarding", ADMIN_BODY_BYTES, admin_invite, "admin.onboarding.invite"),
    ROW(HTTP_GET, "/admin/v1/slack/people", 0, admin_list_slack_people, "admin.slack.people"),
    ROW(HTTP_GET, "/admin/v1/holidays", 0, admin_list_holidays, "admin.holidays"),
    ROW(HTTP_PUT, "/admin/v1/holidays", ADMIN_BODY_BYTES, admin_set_holidays, "admin.holidays.set"),
    ROW(HTTP_GET, "/admin/v1/exemptions", 0, admin_list_exemptions, "admin.exemptions"),
    ROW(HTTP_POST, "/admin/v1/exemptions", 8192, admin_ask_exemption, "admin.exemption.ask"),
    ROW(HTTP_POST, "/admin/v1/exemptions/{id}/approve", 8192, admin_approve_exemption, "admin.exemption.approve"),
    ROW(HTTP_POST, "/admin/v1/exemptions/{id}/refuse", 8192, admin_refuse_exemption, "admin.exemption.refuse"),
    ROW(HTTP_POST, "/admin/v1/exemptions/{id}/end", 8192, admin_end_exemption, "admin.exemption.end"),
    ROW(HTTP_GET, "/admin/v1/disputes", 0, admin_list_disputes, "admin.disputes"),
    ROW(HTTP_POST, "/admin/v1/disputes/{id}/answer", 8192, admin_answer_dispute, "admin.dispute.answer"),
    ROW(HTTP_GET, "/admin/v1/asks", 0, admin_list_asks, "admin.asks"),
    ROW(HTTP_POST, "/admin/v1/asks/{id}/answer", 8192, admin_answer_ask, "admin.ask.answer"),
    ROW(HTTP_GET, "/admin/v1/devices", 0, admin_list_devices, "admin.devices"),
    ROW(HTTP_GET, "/admin/v1/devices/{id}", 0, admin_show_device, "admin.device"),
    ROW(HTTP_PUT, "/admin/v1/devices/{id}/owner", 4096, admin_device_owner, "admin.device.owner"),
    ROW(HTTP_POST, "/admin/v1/devices/{id}/recheck", 4096, admin_device_recheck, "admin.device.recheck"),
    ROW(HTTP_POST, "/admin/v1/devices/{id}/identifiers", 4096, admin_device_identifier, "admin.device.identifier"),
    ROW(HTTP_POST, "/admin/v1/devices/{id}/link", 4096, admin_device_link, "admin.device.link"),
    ROW(HTTP_DELETE, "/admin/v1/devices/{id}/credentials", 0, admin_device_forget, "admin.device.forget_all"),
    ROW(HTTP_DELETE, "/admin/v1/devices/{id}/credentials/{credential}", 0, admin_device_forget, "admin.device.forget"),
    ROW(HTTP_DELETE, "/admin/v1/devices/{id}", 0, admin_device_remove, "admin.device.remove"),
    ROW(HTTP_GET, "/admin/v1/keys", 0, admin_list_keys, "admin.keys"),
    ROW(HTTP_POST, "/admin/v1/keys", 4096, admin_create_key, "admin.key.create"),
    ROW(HTTP_DELETE, "/admin/v1/keys/{id}", 0, admin_revoke_key, "admin.key.revoke"),
    ROW(HTTP_GET, "/admin/v1/enroll-secrets", 0, admin_list_secrets, "admin.enroll_secrets"),
    ROW(HTTP_POST, "/admin/v1/enroll-secrets", 4096, admin_create_secret, "admin.enroll_secret.create"),
    ROW(HTTP_DELETE, "/admin/v1/enroll-secrets/{id}", 0, admin_revoke_secret, "admin.enroll_secret.revoke"),
    ROW(HTTP_GET, "/admin/v1/policy", 0, admin_show_policy, "admin.policy"),
    ROW(HTTP_POST, "/admin/v1/policy/plan", ADMIN_BODY_BYTES, admin_plan_policy, "admin.policy.plan"),
    ROW(HTTP_POST, "/admin/v1/policy/apply", ADMIN_BODY_BYTES, admin_apply_policy, "admin.policy.apply"),
    ROW(HTTP_GET, "/admin/v1/policy/ring", 0, admin_show_ring, "admin.policy.ring"),
    ROW(HTTP_POST, "/admin/v1/policy/ring", 4096, admin_move_ring, "admin.policy.ring.move"),
    ROW(HTTP_POST, "/admin/v1/simulations", ADMIN_BODY_BYTES, admin_start_simulation, "admin.simulation.start"),
    ROW(HTTP_GET, "/admin/v1/simulations/{id}", 0, admin_show_simulation, "admin.simulation"),
    ROW(HTTP_DELETE, "/admin/v1/simulations/{id}", 0, admin_cancel_simulation, "admin.simulation.cancel"),
    ROW(HTTP_GET, "/admin/v1/doors", 0, admin_list_doors, "admin.doors"),
    ROW(HTTP_POST, "/admin/v1/doors", ADMIN_BODY_BYTES, admin_add_door, "admin.door.add"),
    ROW(HTTP_GET, "/admin/v1/doors/{id}", 0, admin_show_door, "admin.door"),
    ROW(HTTP_DELETE, "/admin/v1/doors/{id}", 0, admin_remove_door, "admin.door.remove"),
    ROW(HTTP_GET, "/admin/v1/explain", 0, admin_explain, "admin.explain"),
    ROW(HTTP_GET, "/admin/v1/incident", 0, admin_show_incident, "admin.incident"),
    ROW(HTTP_POST, "/admin/v1/incident", 4096, admin_start_incident, "admin.incident.start"),
    ROW(HTTP_DELETE, "/admin/v1/incident", 4096, admin_stop_incident, "admin.incident.stop"),
    ROW(HTTP_GET, "/admin/v1/slack", 0, admin_slack, "admin.slack"),
    ROW(HTTP_POST, "/admin/v1/slack/reconnect", 4096, admin_slack_reconnect, "admin.slack.reconnect"),
    ROW(HTTP_GET, "/admin/v1/slack/preview/{id}", 0, admin_slack_preview, "admin.slack.preview"),
    ROW(HTTP_GET, "/admin/v1/deliveries", 0, admin_list_deliveries, "admin.deliveries"),
    ROW(HTTP_POST, "/admin/v1/deliveries/{id}/resend", 4096, admin_resend_delivery, "admin.delivery.resend"),
    ROW(HTTP_GET, "/admin/v1/status", 0, admin_status, "admin.status"),
};
const struct route_table admin_routes = { rows, sizeof rows / sizeof rows[0] };
