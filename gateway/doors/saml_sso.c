/* /saml/sso: an AuthnRequest by either binding becomes a login. As long as it is not sure who asks and where the answer goes, the person sees a page and
 * nobody else hears of it; afterwards the SP is told. Order of the checks: size and XML, SP, version and time, destination, signature, address of the
 * answer, wishes, used once. */
#include "gateway/doors/saml.h"

#include "posture/base/form.h"
#include "posture/base/secret.h"

/* ---- nobody can be answered ---- */

static void refuse_by_page(struct http_request *r, struct http_response *res, const struct err *err)
{
    int status = problem_status(err->code);
    if (status >= 500)
        problem_answer(r, res, PROBLEM_PAGE, err);
    else
        login_refuse_request(r, res, status == 403 || status == 413 ? status : 400, err->text);
}

static enum err_code open_request(struct http_request *r, struct saml_request_raw **raw, struct err *err)
{
    struct span value;
    if (r->method == HTTP_HEAD)
        return err_set(err, ERR_INPUT, "a login is not begun by HEAD");
    if (r->method == HTTP_GET)
        return saml_request_redirect(r->query, r->arena, raw, err);
    enum err_code code = request_form(r, "SAMLRequest", &value, err);
    if (code == ERR_NOT_FOUND)
        return err_set(err, ERR_INPUT, "SAMLRequest is missing");
    return code == OK ? saml_request_post(value, r->arena, raw, err) : code;
}

static enum err_code find_door(struct http_request *r, struct span issuer, struct door *out, struct err *err)
{
    enum err_code code = OK;
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    const struct door *door = policy != NULL ? policy_door_saml(policy, issuer) : NULL;
    if (!directory_counts(r->node->directory).complete)
        code = err_set(err, ERR_UNAVAILABLE, "this node is still loading what it must know to answer");
    else if (door == NULL)
        code = err_set(err, ERR_INPUT, "no door is set up for the Issuer of this request");
    else if (!door_copy(door, r->arena, out))
        code = err_set(err, ERR_MEMORY, "reading a request");
    directory_leave(r->node->directory);
    return code;
}

static enum err_code read_relay(struct http_request *r, struct saml_asked *q, struct err *err)
{
    enum err_code code = r->method == HTTP_POST ? request_form(r, "RelayState", &q->relay, err) : request_query(r, "RelayState", &q->relay, err);
    q->has_relay = code == OK;
    if (q->relay.bytes > SAML_RELAY_BYTES)
        return err_set(err, ERR_INPUT, "RelayState is longer than %d bytes", SAML_RELAY_BYTES);
    return code == ERR_NOT_FOUND ? OK : code;
}

/* By address, by index (its place in the door's list, from 0), or the first. */
static enum err_code find_acs(const struct door *door, const struct saml_request *asked, struct span *out, struct err *err)
{
    if (!span_empty(asked->binding) && !span_equal_text(asked->binding, SAML_BINDING_POST))
        return err_set(err, ERR_INPUT, "the answer goes by HTTP-POST, and the request wants another ProtocolBinding");
    if (span_empty(asked->acs_url) && asked->acs_index < (int)door->saml.acs_count) {
        *out = door->saml.acs[asked->acs_index < 0 ? 0 : asked->acs_index];
        return OK;
    }
    for (size_t i = 0; i < door->saml.acs_count; i++)
        if (span_equal(door->saml.acs[i], asked->acs_url)) {
            *out = door->saml.acs[i];
            return OK;
        }
    return err_set(err, ERR_INPUT, "the AssertionConsumerService that the request names is not registered for this door");
}

static enum err_code read_request(struct http_request *r, const struct door *door, const struct saml_request_raw *raw, struct saml_request *out, struct err *err)
{
    struct saml_request_rules rules = { { door->saml.certificates, door->saml.certificate_count, door->saml.sha1 }, door->saml.requests == DOOR_REQUESTS_SIGNED,
                                        saml_url(r, SAML_PATH_SSO), r->now_s };
    return saml_request_read(raw, &rules, out, err);
}

/* Remembered for as long as its time would let it in again. */
static enum err_code use_once(struct http_request *r, const struct saml_request *asked, struct err *err)
{
    char hex[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(arena_format(r->arena, "%.*s\n%.*s", SPAN_ARGS(asked->issuer), SPAN_ARGS(asked->id)), hex);
    return login_once(r, "saml_request", span_of(hex), SAML_ONCE_S, err);
}

static struct saml_asked keep(const struct saml_request *asked, struct saml_asked before)
{
    before.id = asked->id;
    before.subject = asked->subject;
    before.subject_format = asked->subject_format;
    before.name_id_format = asked->name_id_format;
    before.app_instance = asked->app_instance;
    before.app_name = asked->app_name;
    return before;
}

/* Who asks, what, and where the answer goes. */
static enum err_code take(struct http_request *r, struct door *door, struct saml_request *asked, struct saml_asked *q, struct err *err)
{
    CLEANUP(saml_request_raw_freep) struct saml_request_raw *raw = NULL;
    *q = (struct saml_asked){ 0 };
    enum err_code code = open_request(r, &raw, err);
    if (code == OK)
        code = read_relay(r, q, err);
    if (code == OK)
        code = find_door(r, saml_request_issuer(raw), door, err);
    if (code == OK)
        code = read_request(r, door, raw, asked, err);
    if (code == OK)
        code = find_acs(door, asked, &q->acs, err);
    if (code == OK)
        *q = keep(asked, *q);
    return code;
}

/* ---- the SP is told ---- */

static bool can_be_met(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_request *asked, struct saml_asked *q)
{
    if (!saml_name_possible(door, asked))
        saml_answer_failure(r, res, door, q, SAML_INVALID_NAME_ID_POLICY, "names of this format are not given here");
    else if (!saml_context_plan(r, door, asked, &q->context))
        saml_answer_failure(r, res, door, q, SAML_NO_AUTHN_CONTEXT, "no login here is of the context that was asked for");
    else
        return true;
    return false;
}

static enum err_code begin(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_request *asked, const struct saml_asked *q, struct err *err)
{
    struct login l = { .door = door->id, .person = asked->subject, .app = asked->app_instance, .passive = asked->passive, .force = asked->force };
    l.named = span_empty(asked->subject) ? LOGIN_PERSON_UNNAMED : asked->is_signed ? LOGIN_PERSON_ASSERTED : LOGIN_PERSON_HINTED;
    enum err_code code = saml_asked_write(q, r->arena, &l.request, err);
    if (code == OK)
        login_begin(r, res, &l);
    return code;
}

void saml_sso(struct http_request *r, struct http_response *res)
{
    struct door door;
    struct saml_request asked;
    struct saml_asked q;
    struct err err;
    enum err_code code = take(r, &door, &asked, &q, &err);
    if (code == OK)
        code = use_once(r, &asked, &err);
    if (code == ERR_CONFLICT)
        code = err_set(&err, ERR_INPUT, "this request was used before");
    if (code == OK && can_be_met(r, res, &door, &asked, &q))
        code = begin(r, res, &door, &asked, &q, &err);
    if (code != OK)
        refuse_by_page(r, res, &err);
}
