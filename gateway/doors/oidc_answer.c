/* How a login ends for an RP: a code, for Entra an ID token, or an error in OAuth's words. */
#include "gateway/doors/oidc_id_token.h"
#include "gateway/doors/oidc_reply.h"


#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

struct refusal { const char *error; struct span words; };

/* ---- what the RP gets ---- */

/* A broker links accounts by `sub`, so where the person is ours it is the id that never changes; an IdP compares it with the name it gave. */
static struct span subject_of(const struct door *door, const struct oidc_request *q, const struct login_result *result)
{
    if (door->use == DOOR_USE_ENTRA)
        return q->subject;
    return door->use == DOOR_USE_LOGIN ? result->person : result->subject;
}

static struct oidc_grant grant_of(const struct http_request *r, const struct door *door, const struct oidc_request *q, const struct login_result *result)
{
    return (struct oidc_grant){
        .door = door->id, .redirect_hash = oidc_hash(q->redirect_uri, r->arena), .challenge = q->challenge, .nonce = q->nonce, .subject = subject_of(door, q, result),
        .person = result->person, .device = result->device, .decision = result->decision, .app = result->app,
        .app_id = q->app_id, .app_name = q->app_name, .app_names = q->app_names,
        .scopes = q->scopes, .id_claims = q->id_claims, .userinfo_claims = q->userinfo_claims,
        .outcome = result->outcome, .proof = result->proof, .managed = result->managed, .compliant = result->compliant,
        .at_s = result->at_s, .expires_s = r->now_s + OIDC_CODE_LIFETIME_S,
    };
}

static void answer_code(struct http_request *r, struct http_response *res, const struct door *door, const struct oidc_request *q, const struct oidc_grant *g)
{
    struct span code = SPAN_NONE;
    struct err err;
    if (oidc_grant_seal(r->node, OIDC_GRANT_CODE, g, r->arena, &code, &err) == OK)
        oidc_reply(r, res, q, "code", code);
    else
        oidc_reply_fault(r, res, door, q, "server_error", SPAN_LITERAL("the code cannot be made"));
}

/* ---- Entra: exactly one acr and one amr, each one of those asked for ---- */

/* What each proof may be called, the most telling first. A certificate's key may lie anywhere, so it is no hwk. */
static const char *const methods[PROOF_KINDS][4] = {
    [PROOF_WEBAUTHN_SYNCED] = { "swk", "fido", "pop" }, [PROOF_WEBAUTHN] = { "hwk", "fido", "pop" }, [PROOF_CERTIFICATE] = { "pop", "swk" },
};

static bool holds(const struct oidc_values *values, struct span value)
{
    for (size_t i = 0; i < values->count; i++)
        if (span_equal(values->all[i], value))
            return true;
    return false;
}

static struct span entra_method(const struct oidc_request *q, enum proof proof)
{
    for (size_t i = 0; i < COUNT(methods[0]) && methods[proof][i] != NULL; i++)
        if (q->amr.count == 0 || holds(&q->amr, span_of(methods[proof][i])))
            return span_of(methods[proof][i]);
    return SPAN_NONE;
}

/* A device key is a possession: any level that may be met by one ("possessionorinherence"). */
static struct span entra_level(const struct oidc_request *q)
{
    for (size_t i = 0; i < q->acr.count; i++)
        if (span_search(q->acr.all[i], SPAN_LITERAL("possession")) < q->acr.all[i].bytes)
            return q->acr.all[i];
    return q->acr.count == 0 ? SPAN_LITERAL("possessionorinherence") : SPAN_NONE;
}

static void answer_entra(struct http_request *r, struct http_response *res, const struct door *door, const struct oidc_request *q, struct oidc_grant *g)
{
    CLEANUP(buf_done) struct buf token;
    struct err err;
    buf_init(&token, 2 * OIDC_ID_TOKEN_BYTES);
    g->acr = entra_level(q);
    g->amr = entra_method(q, g->proof);
    if (span_empty(g->acr) || span_empty(g->amr)) {
        oidc_reply_fault(r, res, door, q, "access_denied", SPAN_LITERAL("no key of the device was proved in a way that was asked for"));
        return;
    }
    enum err_code code = oidc_id_token(r, door, g, SPAN_NONE, &token, &err);
    struct span text = code == OK ? arena_copy(r->arena, buf_span(&token)) : SPAN_NONE;
    if (span_empty(text)) {
        log_event(r->node->log, LOG_WARN, "oidc.not_signed", LOG_STR("id", r->id), LOG_ERR(&err));
        oidc_reply_fault(r, res, door, q, "temporarily_unavailable", SPAN_LITERAL("the answer cannot be signed"));
        return;
    }
    oidc_reply(r, res, q, "id_token", text);
}

/* ---- answering ---- */

/* The addresses a door has registered may have changed while the login went on. */
static bool restore(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, struct oidc_request *q)
{
    struct err err;
    if (oidc_request_restore(l->request, r->arena, q, &err) == OK)
        for (size_t i = 0; i < door->oidc.redirect_uri_count; i++)
            if (span_equal(door->oidc.redirect_uris[i], q->redirect_uri))
                return true;
    login_refuse_request(r, res, 400, "redirect_uri is not registered any more");
    return false;
}

/* What stands in the way of an answer; error NULL: nothing. */
static struct refusal obstacle(const struct http_request *r, const struct door *door, const struct oidc_request *q, const struct oidc_grant *g, const struct login_result *result)
{
    if (span_empty(g->subject) || (door->use == DOOR_USE_LOGIN && !result->person_proved))
        return (struct refusal){ "access_denied", SPAN_LITERAL("nobody was proved: this device belongs to no person we know") };
    if (!span_empty(q->subject) && !span_equal(q->subject, g->subject))
        return (struct refusal){ "login_required", SPAN_LITERAL("another person uses this device") };
    if (q->acr_essential && door->use != DOOR_USE_ENTRA && !oidc_acr_meets(r->node, oidc_acr_of(g), &q->acr, r->arena))
        return (struct refusal){ "unmet_authentication_requirements", SPAN_LITERAL("the device does not reach the acr that was asked for") };
    return (struct refusal){ 0 };
}

static void answer(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result)
{
    struct oidc_request q;
    if (!restore(r, res, l, door, &q))
        return;
    struct oidc_grant g = grant_of(r, door, &q, result);
    struct refusal refusal = obstacle(r, door, &q, &g, result);
    if (refusal.error != NULL)
        oidc_reply_fault(r, res, door, &q, refusal.error, refusal.words);
    else if (q.id_token)
        answer_entra(r, res, door, &q, &g);
    else
        answer_code(r, res, door, &q, &g);
}

/* ---- refusing ---- */

static struct refusal words_of(const struct login *l, const struct oidc_request *q, const struct login_result *result, enum login_refusal why)
{
    bool nobody = l->proof.proof <= PROOF_NONE || !span_empty(q->subject);
    switch (why) {
    case LOGIN_REFUSED_PASSIVE:
        return nobody ? (struct refusal){ "login_required", SPAN_LITERAL("the device or the person must be proved first") }
                      : (struct refusal){ "interaction_required", SPAN_LITERAL("there is something that the person must read or fix first") };
    case LOGIN_REFUSED_OUTAGE:
        return (struct refusal){ "temporarily_unavailable", SPAN_LITERAL("the check of devices is not working") };
    case LOGIN_REFUSED_UNPROVED:
        return (struct refusal){ "access_denied", SPAN_LITERAL("no device was proved") };
    case LOGIN_REFUSED_DENIED:
        break;
    }
    return (struct refusal){ "access_denied", span_empty(result->reason) ? SPAN_LITERAL("the device does not meet the policy") : result->reason };
}

/* Okta's device posture provider is asked for facts, and weighs them itself: a refusal says "not compliant". */
static bool wants_facts(const struct door *door, const struct login_result *result, enum login_refusal why)
{
    return door->use == DOOR_USE_OKTA_POSTURE && !span_empty(result->subject) && (why == LOGIN_REFUSED_DENIED || why == LOGIN_REFUSED_UNPROVED);
}

static void refuse(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result, enum login_refusal why)
{
    struct oidc_request q;
    if (wants_facts(door, result, why)) {
        answer(r, res, l, door, result);
        return;
    }
    if (!restore(r, res, l, door, &q))
        return;
    struct refusal refusal = words_of(l, &q, result, why);
    oidc_reply_fault(r, res, door, &q, refusal.error, refusal.words);
}

const struct login_door oidc_login_door = { DOOR_OIDC, answer, refuse };
