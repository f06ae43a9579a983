#include "gateway/pages/me_key.h"

#include "gateway/allowance.h"
#include "gateway/doors/webauthn_challenge.h"
#include "gateway/doors/webauthn_credentials.h"
#include "gateway/doors/webauthn_login.h"
#include "gateway/pages/words.h"

static const struct allowance_limit additions = { 20, 3600 };

/* The person of the link, and their device that the form names. False: answered. */
static bool open_form(struct http_request *r, struct http_response *res, struct span *person, struct span *device)
{
    struct page p;
    if (!page_same_site(r, res))
        return false;
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    const struct device *d = open ? page_device(&p, page_field(r, "device")) : NULL;
    if (d != NULL) {
        *person = arena_copy(r->arena, p.person->id);
        *device = arena_copy(r->arena, d->id);
    } else if (open) {
        page_see_other(r, res, "said", SPAN_LITERAL("gone"));
    }
    directory_leave(r->node->directory);
    return d != NULL;
}

/* ---- setting up ---- */

static enum err_code decode(struct http_request *r, const char *name, size_t most, struct buf *out, struct err *err)
{
    buf_init(out, most);
    enum err_code code = secret_from_base64url(page_field(r, name), most, out, err);
    return code == OK ? OK : err_wrap(err, "%s", name);
}

static enum err_code verify(struct http_request *r, struct span about, struct span client_data, struct span object, struct webauthn_credential *out, struct err *err)
{
    struct webauthn_expected expected = { .challenge = page_field(r, "challenge") };
    if (!webauthn_site_from(r->node->options.public_url, r->arena, &expected.site))
        return err_set(err, ERR_DENIED, "browsers offer no WebAuthn for our public URL");
    if (span_equal_text(page_field(r, "attachment"), "cross-platform"))
        return err_set(err, ERR_DENIED, "the authenticator is not part of this device");
    enum err_code code = webauthn_challenge_check(r, WEBAUTHN_REGISTRATION, about, expected.challenge, err);
    if (code == OK)
        code = webauthn_register(&expected, &(struct webauthn_registration){ client_data, object }, out, err);
    return code == OK ? webauthn_challenge_spend(r, expected.challenge, err) : code;
}

static enum err_code add(struct http_request *r, struct span person, struct span device, enum proof proof, bool *synced, struct err *err)
{
    CLEANUP(buf_done) struct buf client_data = { 0 };
    CLEANUP(buf_done) struct buf object = { 0 };
    struct webauthn_credential credential;
    enum err_code code = decode(r, "client_data", WEBAUTHN_CLIENT_DATA_MOST, &client_data, err);
    if (code == OK)
        code = decode(r, "attestation_object", WEBAUTHN_ATTESTATION_MOST, &object, err);
    if (code == OK)
        code = verify(r, me_key_about(r, device, person), buf_span(&client_data), buf_span(&object), &credential, err);
    if (code != OK)
        return code;
    *synced = credential.backup_eligible;
    const struct webauthn_addition what = { .device = device, .person = person, .credential = &credential, .label = words_browser(request_header(r, "User-Agent")), .peer = r->peer,
                                            .proved_by = proof_name(proof), .now_s = r->now_s };
    return webauthn_credentials_add(r->node, r->store, &what, err);
}

static struct span said_of(enum err_code code, bool synced)
{
    static const struct { enum err_code code; const char *said; } rows[] = { { ERR_EXPIRED, "key_late" }, { ERR_CONFLICT, "key_taken" }, { ERR_LIMIT, "key_full" }, { ERR_UNAVAILABLE, "away" }, { ERR_TIMEOUT, "away" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return span_of(rows[i].said);
    return code != OK ? SPAN_LITERAL("key_failed") : synced ? SPAN_LITERAL("key_synced") : SPAN_LITERAL("key_added");
}

void me_key_add(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE, device = SPAN_NONE;
    struct err err = { 0 };
    bool synced = false;
    if (!open_form(r, res, &person, &device))
        return;
    enum proof proof = me_key_proof(r, page_field(r, "proved"), device, person);
    enum err_code code = proof > PROOF_NONE ? OK : err_set(&err, ERR_DENIED, "this browser has not shown that it is on the device");
    if (code == OK && !allowance_take(r->node->allowances, 'k', person, additions, r->now_s))
        code = err_set(&err, ERR_DENIED, "tried too often");
    if (code == OK)
        code = add(r, person, device, proof, &synced, &err);
    if (code == OK)
        webauthn_login_remember(r, res);
    else
        log_event(r->node->log, LOG_WARN, "webauthn.not_added", LOG_SPAN("device", device), LOG_SPAN("person", person), LOG_STR("id", r->id), LOG_SPAN("peer", r->peer), LOG_ERR(&err));
    page_see_other(r, res, "said", said_of(code, synced));
}

/* ---- taking away ---- */

void me_key_remove(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE, device = SPAN_NONE;
    struct err err = { 0 };
    if (!open_form(r, res, &person, &device))
        return;
    const struct webauthn_removal what = { device, page_field(r, "credential"), arena_format(r->arena, "person:%.*s", SPAN_ARGS(person)) };
    enum err_code code = webauthn_credentials_remove(r->node, r->store, &what, &err);
    if (code != OK && code != ERR_NOT_FOUND)
        log_event(r->node->log, LOG_WARN, "webauthn.not_removed", LOG_SPAN("device", device), LOG_STR("id", r->id), LOG_ERR(&err));
    page_see_other(r, res, "said", code == OK ? SPAN_LITERAL("key_removed") : code == ERR_NOT_FOUND ? SPAN_LITERAL("gone") : SPAN_LITERAL("away"));
}
