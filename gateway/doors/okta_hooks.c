#include "gateway/doors/okta_hooks.h"

#include "gateway/doors/okta_watch.h"
#include "gateway/http/auth.h"
#include "gateway/http/router.h"

enum { WARM_S = 120, PERSON_DEVICES = 64 };

/* ---- which door, which app, which person: while the directory is held ---- */

static const struct door *only_door(const struct policy *policy, size_t *count)
{
    const struct door *found = NULL;
    *count = 0;
    for (size_t i = 0; i < policy->door_count; i++) {
        if (policy->doors[i].kind != DOOR_OKTA_HOOK)
            continue;
        found = &policy->doors[i];
        (*count)++;
    }
    return found;
}

/* The door that the key was made for, else the one in the address (?door=), else the only one. NULL: answered. */
static const struct door *find_door(const struct http_request *r, struct http_response *res, const struct policy *policy)
{
    struct span id = r->caller.door;
    struct err err;
    size_t count = 0;
    if (span_empty(id) && request_query(r, "door", &id, &err) == ERR_INPUT) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return NULL;
    }
    const struct door *door = policy == NULL ? NULL : span_empty(id) ? only_door(policy, &count) : policy_door(policy, id);
    if (door != NULL && count <= 1 && door->kind == DOOR_OKTA_HOOK)
        return door;
    problem_status_answer(r, res, PROBLEM_JSON, 404, count > 1 ? "there are several doors for Okta's hooks: make the key for one (postern key create --door), or name it (?door=ID)"
                                                               : "the policy has no such door for Okta's hooks: postern door add okta-hooks");
    return NULL;
}

static struct span find_person(const struct http_request *r, const struct okta_hook *hook)
{
    struct span login = hook->login;
    bool by_login = !span_empty(login) && directory_person_by(r->node->directory, login) != NULL;
    bool by_id = !by_login && !span_empty(hook->user) && directory_person_by(r->node->directory, hook->user) != NULL;
    return by_id || span_empty(login) ? hook->user : login;
}

/* Okta's ids as the policy matches them; one that it does not know stands for the door's own app, if it has one. */
static struct span find_app(const struct policy *policy, const struct door *door, struct span asked)
{
    static const enum app_match kinds[] = { MATCH_OAUTH_CLIENT_ID, MATCH_SAML_ENTITY_ID, MATCH_ID };
    for (size_t i = 0; !span_empty(asked) && i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct app *app = policy_app_by(policy, kinds[i], asked);
        if (app != NULL)
            return app->id;
    }
    return span_empty(door->app) ? asked : door->app;
}

/* ---- inline hooks ---- */

static void answer_hook(struct http_request *r, struct http_response *res, const struct okta_hook *hook, const struct policy *policy, const struct door *door)
{
    struct question q = { .door = SPAN_LITERAL("okta_hook"), .person = find_person(r, hook), .door_device = DEVICE_NOT_ASKED, .app = find_app(policy, door, hook->app) };
    bool first = okta_watch_is_new(r->node->okta, "okta_hook", hook->event, r->now_s); /* Okta's second try is answered again, and recorded once */
    struct answer a;
    decide(r, &q, first ? r->decisions : NULL, NULL, NULL, &a);
    struct okta_verdict v = { a.decision.outcome, a.decision.rule, a.decision.rung, a.decision.reason_user, a.page, a.id };
    res->decision = a.id;
    if (!okta_hook_says(hook, &door->hook, &v)) {
        response_text(res, 204, "application/json", SPAN_NONE);
        return;
    }
    struct to_json w = response_json(res, 200);
    okta_hook_answer(hook, &door->hook, &v, &w);
}

static void handle_hook(struct http_request *r, struct http_response *res, const struct okta_hook *hook)
{
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    const struct door *door = find_door(r, res, policy);
    if (door != NULL && hook->machine)
        response_text(res, 204, "application/json", SPAN_NONE); /* a service's own token: the claim is missing from it, which is the truth */
    else if (door != NULL)
        answer_hook(r, res, hook, policy, door);
    directory_leave(r->node->directory);
}

/* NULL: answered. */
static struct from_json *read_body(struct http_request *r, struct http_response *res, size_t most)
{
    struct from_json *doc = NULL;
    struct err err;
    if (from_json_parse(r->body, (struct from_json_limits){ most, OKTA_DEPTH }, "body", &doc, &err) == OK)
        return doc;
    counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    problem_answer(r, res, PROBLEM_JSON, &err);
    return NULL;
}

static enum route_result inline_hook(struct http_request *r, struct http_response *res, enum okta_hook_kind kind)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct okta_hook hook;
    struct err err;
    if (!decide_ready(r, res) || (doc = read_body(r, res, OKTA_BODY_BYTES)) == NULL)
        return ROUTE_DONE;
    struct from_json_value root = from_json_root(doc);
    if (okta_hook_read(&root, kind, &hook, &err) == OK)
        handle_hook(r, res, &hook);
    else
        problem_answer(r, res, PROBLEM_JSON, &err);
    if (res->status >= 400) /* Okta goes on without us, so somebody must see it */
        log_event(r->node->log, LOG_WARN, "okta.hook_not_understood", LOG_STR("id", r->id), LOG_STR("hook", kind == OKTA_TOKEN ? "token" : "saml"), LOG_INT("status", res->status));
    return ROUTE_DONE;
}

static enum route_result token_hook(struct http_request *r, struct http_response *res) { return inline_hook(r, res, OKTA_TOKEN); }
static enum route_result saml_hook(struct http_request *r, struct http_response *res) { return inline_hook(r, res, OKTA_SAML); }

/* ---- event hook ---- */

/* Who signs in now will be asked for soon: their devices are polled often for a moment, so that what they just mended is known. */
static void warm(const struct http_request *r, const struct okta_event *e)
{
    const struct directory *d = r->node->directory;
    const struct device *devices[PERSON_DEVICES];
    const struct person *person = span_empty(e->person) ? NULL : directory_person_by(d, e->person);
    if (person == NULL && !span_empty(e->person_id))
        person = directory_person_by(d, e->person_id);
    size_t count = person != NULL ? directory_devices_of(d, person->id, devices, PERSON_DEVICES) : 0;
    for (size_t i = 0; i < count && i < PERSON_DEVICES; i++) {
        struct device_live *live = directory_live(d, devices[i]->id);
        if (live != NULL && live->accelerate_until_s < r->now_s + WARM_S)
            live->accelerate_until_s = r->now_s + WARM_S;
    }
}

static void handle_event(const struct http_request *r, const struct okta_event *e)
{
    if (!okta_watch_is_new(r->node->okta, "okta_uuid", e->uuid, r->now_s))
        return;
    if (okta_event_is_login(e))
        warm(r, e);
    else if (okta_event_is_failed_hook(e))
        okta_watch_failed(r->node, e->uuid, e->hook, e->result, e->reason);
}

static enum route_result event_hook(struct http_request *r, struct http_response *res)
{
    CLEANUP(from_json_freep) struct from_json *doc = read_body(r, res, OKTA_EVENTS_BYTES);
    struct from_json_value data, events;
    struct span id = SPAN_NONE;
    struct err err;
    if (doc == NULL)
        return ROUTE_DONE;
    struct from_json_value root = from_json_root(doc);
    if (okta_events_open(&root, &id, &data, &events, &err) != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return ROUTE_DONE;
    }
    response_text(res, 204, "application/json", SPAN_NONE);
    if (!okta_watch_is_new(r->node->okta, "okta_delivery", id, r->now_s))
        return ROUTE_DONE;
    directory_enter(r->node->directory);
    for (size_t i = 0; i < from_json_count(&events); i++) {
        struct okta_event e;
        okta_event_read(&events, i, &e);
        handle_event(r, &e);
    }
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}

static bool is_challenge(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (text.at[i] <= ' ' || text.at[i] >= 0x7F)
            return false;
    return !span_empty(text) && text.bytes <= OKTA_CHALLENGE_BYTES;
}

/* Okta's one-time verification of the address. It proves nothing but that we answer, so it is taken without the key; a wrong one is still refused. */
static enum route_result verify(struct http_request *r, struct http_response *res)
{
    struct span challenge = span_trim(request_header(r, "X-Okta-Verification-Challenge"));
    struct err err;
    enum err_code code = request_has_header(r, "Authorization") ? auth_caller(r, SCOPE_HOOKS, &err) : OK;
    if (code != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        auth_challenge(r, res, code, SCOPE_HOOKS);
        return ROUTE_DONE;
    }
    if (!is_challenge(challenge)) {
        problem_status_answer(r, res, PROBLEM_JSON, 400, "X-Okta-Verification-Challenge is missing, too long or not printable");
        return ROUTE_DONE;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "verification", challenge);
    to_json_end(&w);
    return ROUTE_DONE;
}

static const struct route rows[] = {
    { HTTP_POST, "/hooks/okta/token", LISTENER_PUBLIC, SCOPE_HOOKS, OKTA_BODY_BYTES, PROBLEM_JSON, 0, token_hook, NULL, "okta.token" },
    { HTTP_POST, "/hooks/okta/saml", LISTENER_PUBLIC, SCOPE_HOOKS, OKTA_BODY_BYTES, PROBLEM_JSON, 0, saml_hook, NULL, "okta.saml" },
    { HTTP_POST, "/hooks/okta/events", LISTENER_PUBLIC, SCOPE_HOOKS, OKTA_EVENTS_BYTES, PROBLEM_JSON, 0, event_hook, NULL, "okta.events" },
    { HTTP_GET, "/hooks/okta/events", LISTENER_PUBLIC, 0, 0, PROBLEM_JSON, 0, verify, NULL, "okta.verify" },
};
const struct route_table okta_hook_routes = { rows, sizeof rows / sizeof rows[0] };
