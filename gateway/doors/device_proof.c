#include "gateway/doors/device_proof.h"

#include "gateway/allowance.h"
#include "gateway/change.h"
#include "gateway/decide.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/doors/device_cookie.h"
#include "gateway/doors/proxied_certificate.h"

#include <string.h>

enum { USED_AGAIN_S = 86400 };
static const struct allowance_limit refusals_logged = { 20, 60 }; /* of one address: a scanner cannot fill the log */

struct span device_proof_host(const struct node *node) { return node->options.device_url; }

/* ---- refusals ---- */

/* What stands between something shown and a proof. `reason` is a word for logs, `words` are for the person; both static. */
static void refuse(const struct http_request *r, struct device_proof *out, const char *way, const char *reason, const char *words, struct span detail)
{
    counter_add(r->node->counters, COUNT_PROOF_REFUSED, 1);
    if (span_empty(out->refused))
        out->refused = span_of(words);
    if (allowance_take(r->node->allowances, 'f', r->peer, refusals_logged, r->now_s))
        log_event(r->node->log, LOG_WARN, "device_proof.refused", LOG_STR("way", way), LOG_STR("reason", reason), LOG_SPAN("detail", detail), LOG_SPAN("peer", r->peer), LOG_STR("id", r->id));
}

static void log_forged(const struct http_request *r, const char *header)
{
    counter_add(r->node->counters, COUNT_PROOF_FORGED, 1);
    if (allowance_take(r->node->allowances, 'f', r->peer, refusals_logged, r->now_s))
        log_event(r->node->log, LOG_WARN, "device_proof.forged_header", LOG_STR("header", header), LOG_SPAN("peer", r->peer), LOG_STR("id", r->id));
}

/* ---- the device ---- */

static const char *const WORDS_UNKNOWN = "Your device showed a certificate that we do not know.";

/* Removed devices and those whose identity two agents claim prove nothing. Between directory_enter() and directory_leave(). */
static const struct device *standing_device(const struct device *d, const char **reason)
{
    *reason = d == NULL ? "unknown_device" : d->removed ? "removed_device" : !span_empty(d->duplicate_of) ? "duplicate_device" : NULL;
    return *reason == NULL ? d : NULL;
}

static bool find_device(struct http_request *r, struct span kind, struct span value, struct span *id, const char **reason)
{
    directory_enter(r->node->directory);
    const struct device *d = standing_device(decide_device(r->node, r->arena, kind, value), reason);
    if (d != NULL)
        *id = arena_copy(r->arena, d->id);
    directory_leave(r->node->directory);
    return d != NULL;
}

static bool take_device(struct http_request *r, struct device_proof *out, const char *way, struct device_name name, struct span *id)
{
    const char *reason;
    out->shown = true;
    if (find_device(r, name.kind, name.value, id, &reason))
        return true;
    refuse(r, out, way, reason, WORDS_UNKNOWN, arena_format(r->arena, "%.*s %.*s", SPAN_ARGS(name.kind), SPAN_ARGS(name.value)));
    return false;
}

/* The device that a certificate names by the configured rule. */
static bool device_of_certificate(struct http_request *r, struct device_proof *out, const char *way, struct span der, struct span *id)
{
    struct client_certificate c;
    struct device_name name;
    struct err err;
    enum err_code code = client_certificate_read(der, r->arena, &c, &err);
    if (code == OK)
        code = device_certificates_name(r->node->device_certificates, &c, r->arena, &name, &err);
    if (code == OK)
        return take_device(r, out, way, name, id);
    out->shown = true;
    refuse(r, out, way, "names_no_device", WORDS_UNKNOWN, arena_copy_text(r->arena, err.text));
    return false;
}

static const char *words_for(const char *reason)
{
    static const struct { const char *reason, *words; } rows[] = {
        { "expired", "The certificate of your device has expired." },
        { "revoked", "The certificate of your device was revoked." },
        { "stale_list", "We cannot check the certificate of your device at the moment." },
        { "no_list", "We cannot check the certificate of your device at the moment." },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].reason, reason) == 0)
            return rows[i].words;
    return "Your device showed a certificate that is not from your company.";
}

/* ---- our own listener ---- */

static bool from_listener(struct http_request *r, struct device_proof *out, struct span *id)
{
    if (r->client_certificate_refused != NULL) {
        out->shown = true;
        refuse(r, out, "certificate", r->client_certificate_refused, words_for(r->client_certificate_refused), SPAN_NONE);
    }
    return !span_empty(r->client_certificate) && device_of_certificate(r, out, "certificate", r->client_certificate, id);
}

/* ---- headers of proxies ---- */

/* With a CA of ours the proxy's word is not enough, unless the configuration says so. */
static bool is_vouched_for(const struct http_request *r, struct device_proof *out, const struct presented_certificate *found)
{
    struct device_certificates *d = r->node->device_certificates;
    const char *reason = NULL;
    struct err err;
    if (!device_certificates_has_ca(d) || device_certificates_rules(d)->proxy_verifies)
        return true;
    if (found->form != FORM_CERTIFICATE) {
        refuse(r, out, "header", "only_a_number", WORDS_UNKNOWN, SPAN_LITERAL("the header holds no certificate to check; listen.device.proxy_verifies would believe it"));
        return false;
    }
    if (device_certificates_check(d, found->leaf, found->chain, found->chain_count, r->now_s, &reason, &err) == OK)
        return true;
    refuse(r, out, "header", reason, words_for(reason), SPAN_NONE);
    return false;
}

static bool device_of_header(struct http_request *r, struct device_proof *out, const struct presented_certificate *found, struct span *id)
{
    if (found->form == FORM_CERTIFICATE)
        return device_of_certificate(r, out, "header", found->leaf, id);
    bool digest = found->form == FORM_SHA256;
    struct device_name name = { digest ? SPAN_LITERAL("certificate") : SPAN_LITERAL("certificate_serial"), digest ? found->sha256 : found->serial_hex };
    return take_device(r, out, "header", name, id);
}

/* A header that came from the client is worth a line. */
static bool from_headers(struct http_request *r, struct device_proof *out, struct span *id)
{
    struct proxied_certificate shown;
    proxied_certificate_read(r, &shown);
    for (int h = 0; h < CERTIFICATE_HEADERS; h++)
        if ((shown.forged & 1u << h) != 0)
            log_forged(r, certificate_header_name((enum certificate_header)h));
    if (shown.spoiled != NULL)
        refuse(r, out, "header", shown.spoiled, "We could not read which device you are on.", shown.detail);
    out->shown = out->shown || shown.any || shown.spoiled != NULL;
    return shown.any && shown.spoiled == NULL && is_vouched_for(r, out, &shown.found) && device_of_header(r, out, &shown.found, id);
}

static void note_forged_headers(const struct http_request *r)
{
    for (int h = 0; h < CERTIFICATE_HEADERS; h++)
        if (request_has_header(r, certificate_header_name((enum certificate_header)h))) {
            log_forged(r, certificate_header_name((enum certificate_header)h));
            return;
        }
}

/* ---- the cookie ---- */

static const char *check_cookie(struct http_request *r, const struct device_cookie *cookie)
{
    const char *reason;
    directory_enter(r->node->directory);
    const struct device *d = standing_device(directory_device(r->node->directory, cookie->device), &reason);
    const struct credential *c = d != NULL ? device_credential(d, CREDENTIAL_COOKIE, cookie->credential) : NULL;
    if (d != NULL)
        reason = c == NULL ? "forgotten_browser" : !span_equal(c->person, d->owner) ? "other_owner" : NULL;
    directory_leave(r->node->directory);
    return reason;
}

static bool from_cookie(struct http_request *r, struct device_proof *out)
{
    struct device_cookie cookie = { 0 };
    struct err err;
    if (!request_has_header(r, "Cookie"))
        return false;
    enum err_code code = device_cookie_read(r, &cookie, &err);
    if (code == ERR_NOT_FOUND)
        return false;
    const char *reason = code == OK ? check_cookie(r, &cookie) : code == ERR_EXPIRED ? "expired" : "broken";
    out->shown = true;
    if (reason != NULL) {
        refuse(r, out, "cookie", reason, "This browser is no longer known as one of your device's.", cookie.device);
        return false;
    }
    out->proof = PROOF_COOKIE;
    out->device = cookie.device;
    out->credential = cookie.credential;
    return true;
}

/* ---- all of it ---- */

/* A certificate of the connection and one in a header may both be there: the first is then the proxy's own. Two devices at once are none. */
static bool from_certificate(struct http_request *r, struct device_proof *out)
{
    struct span shown = SPAN_NONE, passed = SPAN_NONE;
    bool own = from_listener(r, out, &shown), header = r->trusted_proxy && from_headers(r, out, &passed);
    if (!r->trusted_proxy)
        note_forged_headers(r);
    if (own && header && !span_equal(shown, passed)) {
        refuse(r, out, "certificate", "two_devices", "We could not read which device you are on.", SPAN_NONE);
        return false;
    }
    out->device = own ? shown : passed;
    return own || header;
}

static void count(const struct http_request *r, enum proof proof)
{
    counter_add(r->node->counters, proof == PROOF_CERTIFICATE ? COUNT_PROOF_CERTIFICATE : proof == PROOF_COOKIE ? COUNT_PROOF_COOKIE : COUNT_PROOF_NONE, 1);
}

void device_proof_read(struct http_request *r, struct device_proof *out)
{
    *out = (struct device_proof){ .proof = PROOF_NONE };
    if (from_certificate(r, out))
        out->proof = PROOF_CERTIFICATE;
    else
        (void)from_cookie(r, out);
    if (out->proof != PROOF_NONE) {
        out->at_s = r->now_s;
        out->refused = SPAN_NONE;
    }
    count(r, out->proof);
}

/* ---- use ---- */

struct use { const struct http_request *r; const struct device_proof *p; };

static const struct credential *used_credential(const struct device *d, struct span id)
{
    for (size_t i = 0; d != NULL && i < d->credential_count; i++)
        if (span_equal(d->credentials[i].id, id))
            return &d->credentials[i];
    return NULL;
}

static bool is_due(const struct credential *c, int64_t now_s) { return c != NULL && now_s - c->used_s >= USED_AGAIN_S; }

static enum change_say edit_used(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct use *use = context;
    const struct credential *c = used_credential(d, use->p->credential);
    if (!is_due(c, use->r->now_s))
        return CHANGE_NOTHING;
    struct credential used = *c;
    used.used_s = use->r->now_s;
    used.source = use->r->peer;
    bool edited = device_put_credential(d, &used) && change_event(events, use->r->node, "device.credential_used", d->owner, d->id, SPAN_NONE, SPAN_NONE);
    return edited ? CHANGE_COMMIT : ((void)err_set(err, ERR_MEMORY, "a credential"), CHANGE_REFUSE);
}

void device_proof_used(struct http_request *r, const struct device_proof *p)
{
    struct use use = { r, p };
    struct err err;
    if (span_empty(p->credential) || r->store == NULL)
        return;
    directory_enter(r->node->directory);
    bool due = is_due(used_credential(directory_device(r->node->directory, p->device), p->credential), r->now_s);
    directory_leave(r->node->directory);
    if (due && change_device(r->node, r->store, p->device, false, edit_used, &use, &err) != OK)
        log_event(r->node->log, LOG_WARN, "device_proof.use_not_written", LOG_SPAN("device", p->device), LOG_ERR(&err));
}
