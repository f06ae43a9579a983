#include "gateway/doors/webauthn_login.h"

#include "gateway/doors/webauthn_challenge.h"
#include "gateway/doors/webauthn_credentials.h"
#include "gateway/http/cookie.h"
#include "gateway/pages/assets.h"
#include "gateway/pages/page.h"

#define REMEMBER_COOKIE "__Host-postern-webauthn"
enum { DEVICES_MOST = 64, ALLOW_MOST = 64, REMEMBER_S = 400 * 86400 /* browsers keep none longer */, TRIED = 1U << PROOF_WEBAUTHN };

/* ---- is it worth asking ---- */

/* Of devices that are the person's; appended to `out` with a space between, when that is not NULL. */
static size_t list_credentials(const struct directory *d, const struct person *person, struct buf *out)
{
    const struct device *devices[DEVICES_MOST];
    size_t owned = directory_devices_of(d, person->id, devices, DEVICES_MOST), count = 0;
    for (size_t i = 0; i < owned && i < DEVICES_MOST; i++) {
        for (size_t c = 0; c < devices[i]->credential_count; c++) {
            const struct credential *each = &devices[i]->credentials[c];
            if (each->kind != CREDENTIAL_WEBAUTHN || !span_equal(each->person, person->id) || count == ALLOW_MOST)
                continue;
            if (out != NULL && count > 0)
                buf_append_byte(out, ' ');
            if (out != NULL)
                buf_append(out, each->id);
            count++;
        }
    }
    return count;
}

/* Credentials of the person whom the IdP names under its signature; SPAN_NONE for all others. */
static struct span allowed(struct http_request *r, const struct login *l)
{
    CLEANUP(buf_done) struct buf list;
    struct span found = SPAN_NONE;
    buf_init(&list, ALLOW_MOST * 2 * WEBAUTHN_ID_MOST);
    if (l->named != LOGIN_PERSON_ASSERTED)
        return SPAN_NONE;
    directory_enter(r->node->directory);
    const struct person *person = directory_person_by(r->node->directory, l->person);
    if (person != NULL && list_credentials(r->node->directory, person, &list) > 0 && !list.failed)
        found = arena_copy(r->arena, buf_span(&list));
    directory_leave(r->node->directory);
    return found;
}

bool webauthn_login_is_worth(struct http_request *r, const struct login *l, enum proof least)
{
    struct webauthn_site site;
    bool is_proved = l->proof.proof > PROOF_NONE && (l->proof.proof >= least || l->proof.proof >= PROOF_WEBAUTHN);
    if ((l->tried & TRIED) != 0 || l->passive || is_proved || least > PROOF_WEBAUTHN || !webauthn_site_from(r->node->options.public_url, r->arena, &site))
        return false;
    if (l->named == LOGIN_PERSON_ASSERTED)
        return !span_empty(allowed(r, l));
    return least >= PROOF_WEBAUTHN_SYNCED || !span_empty(cookie_get(r, REMEMBER_COOKIE));
}

void webauthn_login_remember(struct http_request *r, struct http_response *res) { cookie_set(r, res, REMEMBER_COOKIE, SPAN_LITERAL("1"), REMEMBER_S); }

/* ---- the page ---- */

static void write_form(const struct page *p, const struct webauthn_site *site, struct span challenge, struct span allow)
{
    HTML(p->out, "<form id=\"webauthn\" method=\"post\" action=\"{}/device\" hidden data-ask=\"get\" data-challenge=\"{}\" data-rp=\"{}\" data-allow=\"{}\" data-timeout=\"{}\"\n"
                 " data-failed=\"That did not work, or it was stopped. You can try again, or go on without.\"\n"
                 " data-unable=\"This browser cannot ask for a fingerprint or PIN. You can go on without.\">\n",
         p->r->params[0], challenge, site->rp_id, allow, arena_format(p->arena, "%d", WEBAUTHN_CHALLENGE_S * 1000));
    HTML(p->out, "<input type=\"hidden\" name=\"challenge\" value=\"{}\">\n", challenge);
    html_raw(p->out, "<button>Use fingerprint, face or PIN</button>\n</form>\n");
}

void webauthn_login_show(struct http_request *r, struct http_response *res, const struct login *l, struct span app, struct span without)
{
    struct page p;
    struct webauthn_site site = { SPAN_NONE, SPAN_NONE };
    struct span allow = allowed(r, l), challenge = webauthn_challenge_make(r, WEBAUTHN_LOGIN, l->id);
    (void)webauthn_site_from(r->node->options.public_url, r->arena, &site);
    directory_enter(r->node->directory);
    page_init(&p, r, res, NULL);
    page_begin(&p, 200, &(struct page_head){ .title = SPAN_LITERAL("Show that this is your device"), .state = span_hash(l->id, 3) });
    HTML(p.out, "<h1>Show that this is your device</h1>\n<p class=\"lead\">{} opens on devices that we know. Your fingerprint, face or PIN shows that this is one of them.</p>\n", app);
    html_raw(p.out, "<p>Your fingerprint, face and PIN never leave this device. We only get its answer.</p>\n"
                    "<noscript><p>This needs JavaScript, which is off here. You can go on without.</p></noscript>\n<div class=\"actions\">\n");
    write_form(&p, &site, challenge, allow);
    HTML(p.out, "<a class=\"button second\" href=\"{}\">Go on without</a>\n</div>\n", without);
    html_raw(p.out, "<p class=\"small\">Without it, some apps may not open. Nothing else happens.</p>\n");
    HTML(p.out, "<script src=\"{}assets/{}\" defer></script>\n", p.up, asset_name(ASSET_WEBAUTHN_SCRIPT, p.arena));
    page_end(&p);
    directory_leave(r->node->directory);
}

/* ---- the answer ---- */

/* What the browser sent, decoded; all in one buffer's memory each. */
struct answer_form { struct buf id, client_data, data, signature, user; struct span challenge, listed_id; };

static void answer_form_done(struct answer_form *f)
{
    buf_done(&f->id);
    buf_done(&f->client_data);
    buf_done(&f->data);
    buf_done(&f->signature);
    buf_done(&f->user);
}

static enum err_code read_form(struct http_request *r, struct answer_form *f, struct err *err)
{
    const struct { const char *name; struct buf *to; size_t most; } fields[] = {
        { "id", &f->id, WEBAUTHN_ID_MOST }, { "client_data", &f->client_data, WEBAUTHN_CLIENT_DATA_MOST }, { "authenticator_data", &f->data, WEBAUTHN_AUTHENTICATOR_DATA_MOST },
        { "signature", &f->signature, WEBAUTHN_SIGNATURE_MOST }, { "user", &f->user, SECRET_ID_BYTES },
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct span text = page_field(r, fields[i].name);
        buf_init(fields[i].to, fields[i].most);
        if (secret_from_base64url(text, fields[i].most, fields[i].to, err) != OK)
            return err_wrap(err, "%s", fields[i].name);
    }
    f->listed_id = page_field(r, "id");
    f->challenge = page_field(r, "challenge");
    if (span_equal_text(page_field(r, "attachment"), "cross-platform"))
        return err_set(err, ERR_DENIED, "the authenticator is not part of this device");
    return OK;
}

struct known { struct span device, owner; struct webauthn_credential credential; };

static bool decode_key(struct http_request *r, struct span text, struct span *key)
{
    CLEANUP(buf_done) struct buf raw;
    struct err ignored;
    buf_init(&raw, WEBAUTHN_KEY_MOST);
    bool good = secret_from_base64url(text, WEBAUTHN_KEY_MOST, &raw, &ignored) == OK;
    *key = good ? arena_copy(r->arena, buf_span(&raw)) : SPAN_NONE;
    return good;
}

/* The device whose list has it, if its owner is still the person who put it there. */
static bool find_known(struct http_request *r, const struct answer_form *f, struct known *out)
{
    char identifier[SECRET_HEX_BYTES + 1];
    webauthn_credential_identifier(buf_span(&f->id), identifier);
    directory_enter(r->node->directory);
    const struct device *d = directory_device_by(r->node->directory, SPAN_LITERAL("webauthn"), span_of(identifier));
    const struct credential *c = d != NULL && !d->removed ? device_credential(d, CREDENTIAL_WEBAUTHN, f->listed_id) : NULL;
    bool found = c != NULL && !span_empty(d->owner) && span_equal(c->person, d->owner) && decode_key(r, c->key, &out->credential.public_key);
    if (found) {
        out->device = arena_copy(r->arena, d->id);
        out->owner = arena_copy(r->arena, d->owner);
        out->credential.sign_count = c->counter;
        out->credential.backup_eligible = c->backup_eligible;
        out->credential.backed_up = c->backed_up;
    }
    directory_leave(r->node->directory);
    return found;
}

/* Nobody's login, or that of the device's owner. */
static bool is_theirs(struct http_request *r, const struct login *l, const struct known *known)
{
    if (span_empty(l->person))
        return true;
    directory_enter(r->node->directory);
    const struct person *person = directory_person_by(r->node->directory, l->person);
    bool theirs = person != NULL && span_equal(person->id, known->owner);
    directory_leave(r->node->directory);
    return theirs;
}

static enum err_code verify(struct http_request *r, const struct login *l, const struct answer_form *f, const struct known *known, struct webauthn_use *use, struct err *err)
{
    struct webauthn_expected expected = { .challenge = f->challenge };
    const struct webauthn_assertion assertion = { buf_span(&f->client_data), buf_span(&f->data), buf_span(&f->signature) };
    if (!webauthn_site_from(r->node->options.public_url, r->arena, &expected.site))
        return err_set(err, ERR_DENIED, "browsers offer no WebAuthn for our public URL");
    if (!is_theirs(r, l, known))
        return err_set(err, ERR_DENIED, "the credential is of another person's device");
    if (f->user.bytes > 0 && !span_equal(buf_span(&f->user), known->device))
        return err_set(err, ERR_DENIED, "the credential is of another device than it says");
    return webauthn_assert(&expected, &known->credential, &assertion, use, err);
}

/* With the store away a use cannot be written down; the signature holds all the same, and the counter is looked at again when it is back. */
static enum err_code keep_use(struct http_request *r, const struct answer_form *f, const struct known *known, struct webauthn_use use, struct err *err)
{
    const struct webauthn_used used = { known->device, f->listed_id, r->peer, use, r->now_s };
    enum err_code code = webauthn_credentials_used(r->node, r->store, &used, err);
    if (code == OK || code == ERR_DENIED || code == ERR_NOT_FOUND)
        return code;
    log_event(r->node->log, LOG_WARN, "webauthn.use_not_kept", LOG_SPAN("device", known->device), LOG_STR("id", r->id), LOG_ERR(err));
    return OK;
}

static enum err_code prove(struct http_request *r, const struct login *l, struct device_proof *out, struct err *err)
{
    CLEANUP(answer_form_done) struct answer_form f = { 0 };
    struct known known = { 0 };
    struct webauthn_use use;
    enum err_code code = read_form(r, &f, err);
    if (code == OK)
        code = webauthn_challenge_check(r, WEBAUTHN_LOGIN, l->id, f.challenge, err);
    if (code == OK && !find_known(r, &f, &known))
        code = err_set(err, ERR_NOT_FOUND, "no device has this credential");
    if (code == OK)
        code = verify(r, l, &f, &known, &use, err);
    if (code == OK)
        code = webauthn_challenge_spend(r, f.challenge, err);
    if (code == OK)
        code = keep_use(r, &f, &known, use, err);
    out->device = known.device;
    if (code == OK) {
        out->proof = known.credential.backup_eligible ? PROOF_WEBAUTHN_SYNCED : PROOF_WEBAUTHN;
        out->at_s = r->now_s;
        out->credential = f.listed_id;
    }
    return code;
}

bool webauthn_login_answer(struct http_request *r, struct http_response *res, struct login *l)
{
    struct device_proof proof = { .proof = PROOF_NONE };
    struct err err = { 0 };
    enum err_code code = prove(r, l, &proof, &err);
    if (code != ERR_EXPIRED)
        l->tried |= TRIED;
    if (code != OK) {
        counter_add(r->node->counters, COUNT_PROOF_REFUSED, 1);
        log_event(r->node->log, LOG_WARN, "webauthn.refused", LOG_SPAN("login", l->id), LOG_SPAN("door", l->door), LOG_SPAN("device", proof.device), LOG_STR("id", r->id),
                  LOG_SPAN("peer", r->peer), LOG_ERR(&err));
        return false;
    }
    log_event(r->node->log, LOG_INFO, "webauthn.proved", LOG_SPAN("login", l->id), LOG_SPAN("device", proof.device), LOG_STR("proof", proof_name(proof.proof)), LOG_STR("id", r->id));
    l->proof = proof;
    webauthn_login_remember(r, res);
    return true;
}
