/* How a login ends for an SP: a form that posts a signed Response to the address that was asked for, if it is registered still. */
#include "gateway/doors/saml.h"

#include "gateway/doors/oidc_id_token.h"
#include "gateway/signing_ring.h"
#include "posture/base/secret.h"

#include <openssl/evp.h>

enum { SIGNATURE_BYTES = 512, ATTRIBUTES_MOST = 16 };

/* ---- signing and sending ---- */

static enum err_code sign(const void *context, struct span data, struct buf *signature, struct err *err)
{
    const struct signing_saml *keys = context;
    unsigned char bytes[SIGNATURE_BYTES];
    size_t length = sizeof bytes;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool good = digest != NULL && EVP_DigestSignInit_ex(digest, NULL, "SHA256", NULL, NULL, keys->key, NULL) == 1
        && EVP_DigestSign(digest, bytes, &length, (const unsigned char *)data.at, data.bytes) == 1 && buf_append(signature, span_make(bytes, length));
    EVP_MD_CTX_free(digest);
    return good ? OK : err_set(err, ERR_INTERNAL, "signing a SAML response");
}

static enum err_code write_signed(const struct http_request *r, const struct saml_response *response, struct buf *base64, struct err *err)
{
    CLEANUP(buf_done) struct buf xml;
    struct signing_saml keys;
    buf_init(&xml, SAML_RESPONSE_BYTES);
    enum err_code code = signing_keys_saml(r->node, &keys, err);
    if (code != OK)
        return code;
    struct saml_signer signer = { sign, &keys, keys.certificate };
    code = saml_response_write(response, &signer, &xml, err);
    signing_saml_done(&keys);
    if (code == OK && !secret_base64(buf_span(&xml), base64))
        code = buf_check(base64, "a SAML response", err);
    return code;
}

static bool is_registered(const struct door *door, struct span acs)
{
    for (size_t i = 0; i < door->saml.acs_count; i++)
        if (span_equal(door->saml.acs[i], acs))
            return true;
    return false;
}

/* What every response says. */
static struct saml_response response_to(const struct http_request *r, const struct door *door, const struct saml_asked *q)
{
    return (struct saml_response){ .issuer = saml_url(r, SAML_PATH_METADATA), .destination = q->acs, .in_response_to = q->id, .audience = door->saml.entity_id, .at_s = r->now_s,
                                   .sign_response = door->saml.sign != DOOR_SIGN_ASSERTION, .sign_assertion = door->saml.sign != DOOR_SIGN_RESPONSE };
}

static void send_response(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, const struct saml_response *response)
{
    CLEANUP(buf_done) struct buf base64;
    struct err err;
    buf_init(&base64, 2 * SAML_RESPONSE_BYTES);
    if (!is_registered(door, q->acs)) { /* the policy may have changed while the login went on */
        login_refuse_request(r, res, 400, "the AssertionConsumerService is not registered any more");
        return;
    }
    if (write_signed(r, response, &base64, &err) != OK) {
        problem_answer(r, res, PROBLEM_PAGE, &err);
        return;
    }
    struct login_field fields[] = { { "SAMLResponse", buf_span(&base64) }, { "RelayState", q->relay } };
    login_post_form(r, res, q->acs, fields, q->has_relay ? 2 : 1);
}

static void send_failure(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, enum saml_status status, struct span message, struct span detail)
{
    struct saml_response response = response_to(r, door, q);
    response.status = status;
    response.message = message;
    response.detail = detail;
    log_event(r->node->log, LOG_INFO, "saml.refused", LOG_SPAN("door", door->id), LOG_STR("id", r->id), LOG_SPAN("message", message));
    send_response(r, res, door, q, &response);
}

void saml_answer_failure(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, enum saml_status status, const char *message)
{
    send_failure(r, res, door, q, status, span_of(message), SPAN_NONE);
}

/* ---- success ---- */

struct attributes { struct saml_attribute all[ATTRIBUTES_MOST]; struct span values[ATTRIBUTES_MOST]; size_t count; };

static void add(struct attributes *a, const char *name, struct span value)
{
    if (span_empty(value) || a->count == ATTRIBUTES_MOST)
        return;
    a->values[a->count] = value;
    a->all[a->count] = (struct saml_attribute){ span_of(name), &a->values[a->count], 1 };
    a->count++;
}

static void add_groups(struct attributes *a, const struct login_result *result)
{
    if (result->group_count > 0 && a->count < ATTRIBUTES_MOST)
        a->all[a->count++] = (struct saml_attribute){ SPAN_LITERAL("groups"), result->groups, result->group_count };
}

static struct span truth(bool holds) { return holds ? SPAN_LITERAL("true") : SPAN_LITERAL("false"); }

/* For an SP that has no other source, or reads what it likes. */
static void add_facts(struct attributes *a, const struct login_result *result)
{
    add(a, "email", result->email);
    add(a, "name", result->name);
    add_groups(a, result);
    add(a, "postern_person", result->person);
    add(a, "postern_device", result->device);
    add(a, "postern_device_name", result->device_name);
    add(a, "postern_managed", truth(result->managed));
    add(a, "postern_compliant", truth(result->compliant));
    add(a, "postern_outcome", span_of(outcome_name(result->outcome)));
    add(a, "postern_proof", span_of(proof_name(result->proof)));
    add(a, "postern_app", result->app);
    add(a, "postern_decision", result->decision);
}

/* A cookie or a synced credential proves no key of this device, so nothing is claimed of one. */
static void add_methods(struct attributes *a, const struct login_result *result)
{
    if (result->proof >= PROOF_WEBAUTHN)
        add(a, "session.amr", span_of(oidc_amr(result->proof)));
}

/* What Okta sent of its app comes back under the same names, or Okta refuses the answer. */
static void fill_attributes(struct attributes *a, const struct door *door, const struct saml_asked *q, const struct login_result *result)
{
    add(a, "OktaAppInstanceId", q->app_instance);
    add(a, "OktaAppName", q->app_name);
    if (door->use == DOOR_USE_FACTOR)
        add_methods(a, result);
    if (door->use == DOOR_USE_LOGIN)
        add_facts(a, result);
}

static struct saml_device device_of(const struct login_result *result)
{
    return (struct saml_device){ .id = span_empty(result->device_serial) ? result->device : result->device_serial, .vendor = result->device_vendor, .model = result->device_model,
                                 .os = result->device_os, .os_version = result->device_os_version, .managed = result->managed, .compliant = result->compliant };
}

static void send_success(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, const struct saml_name *name, struct span context,
                         const struct login_result *result)
{
    struct saml_response response = response_to(r, door, q);
    struct saml_device device = device_of(result);
    struct attributes attributes = { 0 };
    fill_attributes(&attributes, door, q, result);
    response.name_id = name->value;
    response.name_id_format = name->format;
    response.name_qualifier = name->qualifier;
    response.sp_name_qualifier = name->sp_qualifier;
    response.context = context;
    response.device = door->use == DOOR_USE_OKTA_POSTURE ? &device : NULL;
    response.attributes = attributes.all;
    response.attribute_count = attributes.count;
    send_response(r, res, door, q, &response);
}

static bool restore(struct http_request *r, struct http_response *res, const struct login *l, struct saml_asked *q)
{
    struct err err;
    if (saml_asked_read(l->request, r->arena, q, &err) == OK)
        return true;
    login_refuse_request(r, res, 400, err.text);
    return false;
}

static void answer_asked(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, const struct login_result *result)
{
    struct saml_name name;
    struct span context = saml_context_of(r, door, q->context, result);
    if (door->use == DOOR_USE_LOGIN && !result->person_proved)
        saml_answer_failure(r, res, door, q, SAML_AUTHN_FAILED, "nobody was proved: the device belongs to no person that is known here");
    else if (span_empty(context))
        saml_answer_failure(r, res, door, q, SAML_NO_AUTHN_CONTEXT, "what was proved is not of the context that was asked for");
    else if (!saml_name_of(r, door, q, result, &name))
        saml_answer_failure(r, res, door, q, SAML_INVALID_NAME_ID_POLICY, "this person has no name of the format that was asked for");
    else
        send_success(r, res, door, q, &name, context, result);
}

static void answer(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result)
{
    struct saml_asked q;
    if (restore(r, res, l, &q))
        answer_asked(r, res, door, &q, result);
}

/* ---- refusals ---- */

/* A door that wants the answer at once leaves it to Okta what a device that is not compliant may open: the facts are the answer. Somebody who reads our
 * page and gives up did not finish the login. */
static bool wants_facts(const struct door *door, const struct login_result *result, enum login_refusal why)
{
    return door->use == DOOR_USE_OKTA_POSTURE && why == LOGIN_REFUSED_DENIED && door->when_denied == DOOR_DENIED_ANSWER && !span_empty(result->device);
}

static void refuse_asked(struct http_request *r, struct http_response *res, const struct door *door, const struct saml_asked *q, enum login_refusal why)
{
    bool okta = door->use == DOOR_USE_OKTA_POSTURE;
    switch (why) {
    case LOGIN_REFUSED_PASSIVE:
        saml_answer_failure(r, res, door, q, SAML_NO_PASSIVE, "the person must see a page first");
        return;
    case LOGIN_REFUSED_OUTAGE:
        saml_answer_failure(r, res, door, q, SAML_AUTHN_FAILED, "the check of devices is not working");
        return;
    case LOGIN_REFUSED_UNPROVED:
        send_failure(r, res, door, q, SAML_AUTHN_FAILED, okta ? SPAN_LITERAL("DEVICE_NOT_MANAGED") : SPAN_LITERAL("no device was proved"),
                     okta ? SPAN_LITERAL("This login did not prove a device that is known.") : SPAN_NONE);
        return;
    case LOGIN_REFUSED_DENIED:
        break;
    }
    saml_answer_failure(r, res, door, q, SAML_AUTHN_FAILED, "the device does not meet the policy");
}

static void refuse(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result, enum login_refusal why)
{
    struct saml_asked q;
    if (!restore(r, res, l, &q))
        return;
    if (wants_facts(door, result, why))
        answer_asked(r, res, door, &q, result);
    else
        refuse_asked(r, res, door, &q, why);
}

const struct login_door saml_login_door = { DOOR_SAML, answer, refuse };
