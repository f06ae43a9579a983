/* admin: what the handlers of /admin/v1 share. All block on the store (slow lane) and answer problem+json. */
#ifndef GATEWAY_API_ADMIN_H
#define GATEWAY_API_ADMIN_H
#include "gateway/http/router.h"
#include "posture/base/from_json.h"

enum { ADMIN_BODY_BYTES = 4 * 1024 * 1024, ADMIN_DEPTH = 16, ADMIN_TEXT_BYTES = 256, ADMIN_LISTENERS = LISTENER_ADMIN | LISTENER_SOCKET };

/* "admin:uid:0" or "admin:<key id>": the cause of what this request changes. */
struct span admin_cause(const struct http_request *r);
/* The body as a strict object; answers the problem itself and returns NULL. */
struct from_json *admin_body(struct http_request *r, struct http_response *res, const char *const *known);
void admin_problem(struct http_request *r, struct http_response *res, const struct err *err);
/* A required or optional text member, copied into the request's arena. */
MUST_CHECK enum err_code admin_text(const struct http_request *r, const struct from_json_value *root, const char *key, bool required, struct span *out, struct err *err);
/* The same with a bound of its own; and a time such as 2026-12-24T08:00:00Z, 0 when absent. */
MUST_CHECK enum err_code admin_long_text(const struct http_request *r, const struct from_json_value *root, const char *key, size_t most_bytes, bool required, struct span *out, struct err *err);
/* Whether records can hold it: from 1970 to the end of 9999. */
bool admin_is_kept_time(int64_t at_s);
MUST_CHECK enum err_code admin_time(const struct http_request *r, const struct from_json_value *root, const char *key, int64_t *out, struct err *err);
/* "limit" (1..1000, default 100) and "after" (an id) of a list. */
struct admin_list { unsigned limit; struct span after, query; };
MUST_CHECK enum err_code admin_read_list(struct http_request *r, struct admin_list *out, struct err *err);
/* A page of a list in a stable order without sorting everything: the `limit` smallest ids after `after`. */
struct admin_kept { const void *item; struct span id; };
struct admin_page { struct admin_list list; struct arena *arena; struct admin_kept *all; size_t count, total; };
/* Reads the list's parameters and makes room. */
MUST_CHECK enum err_code admin_page_begin(struct http_request *r, struct admin_page *out, struct err *err);
/* One that matches; counted in total, kept when it belongs on this page. `id` is copied, `item` is borrowed: of a walk over the directory
 * only ids last, and who writes the page looks them up again. */
void admin_page_offer(struct admin_page *p, const void *item, struct span id);
/* Members "total" and, when there may be more, "after". */
void admin_page_write_end(const struct admin_page *p, struct to_json *w);
/* The person whom a path or body names (id, e-mail, alias), or ERR_NOT_FOUND. Copies the id into the arena. */
MUST_CHECK enum err_code admin_person_id(const struct http_request *r, struct span name, struct span *id, struct err *err);
/* The device: id, or serial. */
MUST_CHECK enum err_code admin_device_id(const struct http_request *r, struct span name, struct span *id, struct err *err);

/* A new API key, committed: `key` names label, scopes, door and end, and gets its id; *text is the key itself, shown once. */
MUST_CHECK enum err_code admin_make_key(struct http_request *r, struct api_key *key, struct span *text, struct err *err);
/* Revokes every key made for that door; none is fine. */
MUST_CHECK enum err_code admin_revoke_door_keys(struct http_request *r, struct span door, struct err *err);
/* Member "doors": what can be seen here of each; may wait some seconds for a vendor's keys. Not while the directory is held. */
void admin_write_doors(struct http_request *r, struct to_json *w);

/* 422 with every mistake of a policy. */
void admin_answer_mistakes(struct http_response *res, const struct mistakes *mistakes);
/* Member "ring" of an open object: how far the policy in force has come. Between directory_enter() and directory_leave(); a policy is in force. */
void admin_write_ring(struct http_request *r, struct to_json *w);

/* The handlers, one file a resource. */
route_slow_fn admin_list_persons, admin_import_persons, admin_show_person, admin_person_link, admin_person_absence, admin_person_back, admin_person_snooze;
route_slow_fn admin_list_exemptions, admin_ask_exemption, admin_approve_exemption, admin_refuse_exemption, admin_end_exemption;
route_slow_fn admin_list_disputes, admin_answer_dispute, admin_list_asks, admin_answer_ask;
route_slow_fn admin_invite, admin_list_onboarding, admin_list_slack_people;
route_slow_fn admin_list_holidays, admin_set_holidays, admin_import_absences;
route_slow_fn admin_list_devices, admin_show_device, admin_device_owner, admin_device_recheck, admin_device_identifier, admin_device_remove, admin_device_link, admin_device_forget;
route_slow_fn admin_list_keys, admin_create_key, admin_revoke_key;
route_slow_fn admin_list_secrets, admin_create_secret, admin_revoke_secret;
route_slow_fn admin_show_policy, admin_plan_policy, admin_apply_policy;
route_slow_fn admin_show_ring, admin_move_ring;
route_slow_fn admin_start_simulation, admin_show_simulation, admin_cancel_simulation;
route_slow_fn admin_list_doors, admin_show_door, admin_add_door, admin_remove_door;
route_slow_fn admin_explain;
route_slow_fn admin_show_incident, admin_start_incident, admin_stop_incident;
route_slow_fn admin_list_deliveries, admin_resend_delivery, admin_status, admin_slack, admin_slack_preview, admin_slack_reconnect;
#endif
