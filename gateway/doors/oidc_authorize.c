/* The authorization endpoint: GET and form POST. A request that is good becomes a login (gateway/login.h). */
#include "gateway/doors/entra.h"
#include "gateway/doors/oidc.h"
#include "gateway/doors/oidc_hint.h"
#include "gateway/doors/oidc_reply.h"

/* ---- whom the request names ---- */

static bool is_known(const struct http_request *r, struct span person)
{
    directory_enter(r->node->directory);
    bool known = directory_person_by(r->node->directory, person) != NULL;
    directory_leave(r->node->directory);
    return known;
}

static bool tell(struct oidc_fault *fault, const char *error, struct arena *a, const char *what, const struct err *err)
{
    *fault = (struct oidc_fault){ error, arena_format(a, "%s: %s", what, err->text) };
    return false;
}

/* Signed by Entra, so it is who signs in. */
static bool take_entra_hint(struct http_request *r, const struct door *door, struct oidc_request *q, struct login *l, struct oidc_fault *fault)
{
    struct entra_hint hint;
    struct err err;
    enum err_code code = entra_hint_check(r, door, q->id_token_hint, &hint, &err);
    log_event(r->node->log, LOG_INFO, "oidc.entra_asks", LOG_STR("id", r->id), LOG_SPAN("client_request_id", q->their_id), LOG_STR("hint", code == OK ? "good" : err_name(code)));
    if (code != OK)
        return tell(fault, code == ERR_UNAVAILABLE || code == ERR_TIMEOUT ? "temporarily_unavailable" : "access_denied", r->arena, "id_token_hint", &err);
    q->subject = hint.subject;
    l->person = hint.person;
    l->named = LOGIN_PERSON_ASSERTED;
    return true;
}

static bool take_own_hint(struct http_request *r, const struct door *door, struct oidc_request *q, struct oidc_fault *fault)
{
    struct span subject = SPAN_NONE;
    struct err err;
    enum err_code code = oidc_hint_subject(r, door, q->id_token_hint, &subject, &err);
    if (code != OK)
        return tell(fault, code == ERR_UNAVAILABLE || code == ERR_TIMEOUT ? "temporarily_unavailable" : "invalid_request", r->arena, "id_token_hint", &err);
    if (!span_empty(q->subject) && !span_equal(q->subject, subject))
        return tell(fault, "login_required", r->arena, "id_token_hint", &(struct err){ ERR_INPUT, "names somebody else than the claims parameter" });
    q->subject = subject;
    return true;
}

/* A login_hint can be anything: where the person is ours to find, one that names nobody we know says nothing. */
static bool take_person(struct http_request *r, const struct door *door, struct oidc_request *q, struct login *l, struct oidc_fault *fault)
{
    if (door->use == DOOR_USE_ENTRA)
        return take_entra_hint(r, door, q, l, fault);
    if (!span_empty(q->id_token_hint) && !take_own_hint(r, door, q, fault))
        return false;
    struct span person = span_empty(q->subject) ? q->login_hint : q->subject;
    if (span_empty(person) || (door->use == DOOR_USE_LOGIN && span_empty(q->subject) && !is_known(r, person)))
        return true;
    l->person = person;
    l->named = LOGIN_PERSON_HINTED;
    return true;
}

/* ---- the endpoint ---- */

static bool begin(struct http_request *r, const struct door *door, struct oidc_request *q, struct login *l, struct oidc_fault *fault)
{
    struct err err;
    *l = (struct login){ .door = door->id, .app = q->app_id, .passive = q->passive, .force = q->force };
    if (!take_person(r, door, q, l, fault))
        return false;
    enum err_code code = oidc_request_write(q, r->arena, &l->request, &err);
    if (code == ERR_LIMIT)
        *fault = (struct oidc_fault){ "invalid_request", SPAN_LITERAL("the request is too long") };
    else if (code != OK)
        *fault = (struct oidc_fault){ "server_error", SPAN_LITERAL("the request cannot be kept") };
    return code == OK;
}

static void refuse_by_page(struct http_request *r, struct http_response *res, const struct err *err)
{
    if (problem_status(err->code) >= 500)
        problem_answer(r, res, PROBLEM_PAGE, err);
    else
        login_refuse_request(r, res, 400, err->text);
}

void oidc_authorize(struct http_request *r, struct http_response *res)
{
    struct oidc_request q;
    struct oidc_fault fault;
    struct login l;
    struct door door;
    struct err err;
    if (oidc_request_target(r, &door, &q, &err) != OK)
        refuse_by_page(r, res, &err);
    else if (!oidc_request_read(r, &door, &q, &fault) || !begin(r, &door, &q, &l, &fault))
        oidc_reply_fault(r, res, &door, &q, fault.error, fault.description);
    else
        login_begin(r, res, &l);
}
