#include "gateway/doors/device_proof.h"

#include "gateway/agents.h"
#include "gateway/allowance.h"
#include "gateway/change.h"
#include "gateway/decide.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/doors/device_cookie.h"

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

struct intake { struct http_request *r; struct device_proof *out; struct presented_certificate found; bool any, none_said, spoiled; };

/* Two of one name are two answers to one question: the first that wins here may be the last that wins in the proxy. */
static bool is_doubled(const struct http_request *r, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < r->header_count; i++)
        count += span_equal_fold(r->headers[i].name, span_of(name));
    return count > 1;
}

static void spoil(struct intake *in, const char *reason, struct span detail)
{
    in->spoiled = true;
    refuse(in->r, in->out, "header", reason, "We could not read which device you are on.", detail);
}

static bool is_same_certificate(const struct presented_certificate *a, const struct presented_certificate *b)
{
    char digest[SECRET_HEX_BYTES + 1];
    const struct presented_certificate *whole = a->form == FORM_CERTIFICATE ? a : b, *other = whole == a ? b : a;
    if (a->form == b->form)
        return span_equal(a->leaf, b->leaf) && span_equal(a->sha256, b->sha256) && span_equal(a->serial_hex, b->serial_hex);
    if (whole->form != FORM_CERTIFICATE || other->form != FORM_SHA256)
        return false;
    secret_sha256_hex(whole->leaf, digest);
    return span_equal_text(other->sha256, digest);
}

static void take_presented(struct intake *in, enum certificate_header h, const struct presented_certificate *p)
{
    if (p->form == FORM_NONE) {
        in->none_said = in->none_said || p->none_said;
    } else if (!in->any) {
        in->any = true;
        in->found = *p;
    } else if (!is_same_certificate(&in->found, p)) {
        spoil(in, "conflicting_headers", span_of(certificate_header_name(h)));
    } else if (p->form == FORM_CERTIFICATE) {
        in->found = *p;
    }
}

static void read_header(struct intake *in, enum certificate_header h)
{
    const char *name = certificate_header_name(h), *about = certificate_header_about(h);
    const struct device_certificate_rules *rules = device_certificates_rules(in->r->node->device_certificates);
    struct presented_certificate p;
    struct err err;
    if (is_doubled(in->r, name) || (about != NULL && is_doubled(in->r, about))) {
        spoil(in, "doubled_header", span_of(name));
        return;
    }
    enum err_code code = certificate_header_read(h, request_header(in->r, name), about != NULL ? request_header(in->r, about) : SPAN_NONE, rules->element, in->r->arena, &p, &err);
    if (code == OK)
        take_presented(in, h, &p);
    else
        spoil(in, code == ERR_DENIED ? "refused_by_proxy" : "malformed_header", arena_copy_text(in->r->arena, err.text));
}

/* A header that this proxy does not set came from the client: never read, and worth a line. */
static void read_headers(struct intake *in)
{
    const struct device_certificate_rules *rules = device_certificates_rules(in->r->node->device_certificates);
    for (int h = 0; h < CERTIFICATE_HEADERS; h++) {
        bool is_set = (rules->headers & 1u << h) != 0, is_other_spelling = h == HEADER_SERIAL_HEX || h == HEADER_SERIAL_DECIMAL;
        if (is_set)
            read_header(in, (enum certificate_header)h);
        else if (!is_other_spelling && request_has_header(in->r, certificate_header_name((enum certificate_header)h)))
            log_forged(in->r, certificate_header_name((enum certificate_header)h));
    }
    if (in->any && in->none_said && !in->spoiled)
        spoil(in, "conflicting_headers", SPAN_LITERAL("one header holds a certificate, another says that there is none"));
}

/* With a CA of ours the proxy's word is not enough, unless the configuration says so. */
static bool is_vouched_for(struct intake *in)
{
    struct device_certificates *d = in->r->node->device_certificates;
    const char *reason = NULL;
    struct err err;
    if (!device_certificates_has_ca(d) || device_certificates_rules(d)->proxy_verifies)
        return true;
    if (in->found.form != FORM_CERTIFICATE) {
        refuse(in->r, in->out, "header", "only_a_number", WORDS_UNKNOWN, SPAN_LITERAL("the header holds no certificate to check; listen.device.proxy_verifies would believe it"));
        return false;
    }
    if (device_certificates_check(d, in->found.leaf, in->found.chain, in->found.chain_count, in->r->now_s, &reason, &err) == OK)
        return true;
    refuse(in->r, in->out, "header", reason, words_for(reason), SPAN_NONE);
    return false;
}

static bool device_of_header(struct intake *in, struct span *id)
{
    if (in->found.form == FORM_CERTIFICATE)
        return device_of_certificate(in->r, in->out, "header", in->found.leaf, id);
    bool digest = in->found.form == FORM_SHA256;
    struct device_name name = { digest ? SPAN_LITERAL("certificate") : SPAN_LITERAL("certificate_serial"), digest ? in->found.sha256 : in->found.serial_hex };
    return take_device(in->r, in->out, "header", name, id);
}

/* Looks at the first letter before it counts the others. */
static bool is_named(struct span header, const char *name)
{
    return name != NULL && header.bytes > 0 && ((header.at[0] ^ name[0]) & ~0x20) == 0 && span_equal_fold(header, span_of(name));
}

/* Nearly all requests carry none of these headers. */
static bool has_any_header(const struct http_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        for (int h = 0; h < CERTIFICATE_HEADERS; h++) {
            const char *name = certificate_header_name((enum certificate_header)h), *about = certificate_header_about((enum certificate_header)h);
            if (is_named(r->headers[i].name, name) || is_named(r->headers[i].name, about))
                return true;
        }
    }
    return false;
}

static bool from_headers(struct http_request *r, struct device_proof *out, struct span *id)
{
    struct intake in = { .r = r, .out = out };
    if (!has_any_header(r))
        return false;
    read_headers(&in);
    out->shown = out->shown || in.any || in.spoiled;
    return in.any && !in.spoiled && is_vouched_for(&in) && device_of_header(&in, id);
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
    enum err_code code = request_has_header(r, "Cookie") ? device_cookie_read(r, &cookie, &err) : ERR_NOT_FOUND;
    if (code == ERR_NOT_FOUND)
        return false;
    const char *reason = code == OK ? check_cookie(r, &cookie) : code == ERR_EXPIRED ? "expired" : code == ERR_INPUT ? "doubled_cookie" : "broken";
    out->shown = true;
    if (reason != NULL) {
        refuse(r, out, "cookie", reason, "This browser is no longer known as one of your device.", cookie.device);
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
