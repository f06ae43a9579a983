#include "gateway/callers_parts.h"

#include "connectors/identity/client_certificate.h"
#include "gateway/doors/proxied_certificate.h"
#include "gateway/key_fetcher.h"
#include "gateway/node.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 1024 * 1024 };
struct issuer_source { struct callers *callers; size_t issuer, number; };
struct callers {
    struct bearer *bearer;           /* NULL: no issuers */
    struct key_fetcher *fetcher;
    struct issuer_source sources[BEARER_ISSUERS];
    struct certificate_caller *certificates;
    size_t certificate_count;
    struct arena arena;
};

static void take_keys(void *context, const struct jose_keys *keys)
{
    const struct issuer_source *s = context;
    bearer_set_keys(s->callers->bearer, s->issuer, keys);
}

static enum err_code add_sources(struct callers *c, const struct caller_options *o, struct err *err)
{
    const struct issuer_config *all = o->issuers.all;
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < o->issuers.count; i++) {
        c->sources[i] = (struct issuer_source){ c, i, 0 };
        struct key_source source = { .from = { .issuer = all[i].issuer, .jwks_uri = all[i].jwks_uri }, .ca_file = all[i].ca_file, .allow_private = all[i].allow_private, .changed = take_keys,
                                     .context = &c->sources[i] };
        if (span_empty(all[i].jwks_uri))
            source.from.discovery = issuer_keys_url(&all[i], &c->arena);
        code = key_fetcher_add(c->fetcher, &source, &c->sources[i].number, err);
    }
    return code;
}

static enum err_code fill(struct callers *c, const struct caller_options *o, const struct log *log, struct err *err)
{
    struct bearer_issuer issuers[BEARER_ISSUERS];
    c->certificates = arena_array(&c->arena, CALLERS_MOST, sizeof *c->certificates);
    if (c->certificates == NULL)
        return err_set(err, ERR_MEMORY, "callers");
    if (!caller_options_read(o, &c->arena, issuers, c->certificates))
        return err_set(err, ERR_INPUT, "issuers or callers have a mistake; postern check says which");
    c->certificate_count = o->callers.count;
    enum err_code code = o->issuers.count > 0 ? bearer_new(issuers, o->issuers.count, log, &c->bearer, err) : OK;
    return code == OK ? add_sources(c, o, err) : code;
}

enum err_code callers_new(const struct caller_options *o, struct key_fetcher *fetcher, const struct log *log, struct callers **out, struct err *err)
{
    struct callers *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "callers");
    c->fetcher = fetcher;
    arena_init(&c->arena, 4096, ARENA_BYTES);
    enum err_code code = fill(c, o, log, err);
    if (code == OK)
        *out = c;
    else
        callers_free(c);
    return code;
}

void callers_free(struct callers *c)
{
    if (c == NULL)
        return;
    bearer_free(c->bearer);
    arena_done(&c->arena);
    free(c);
}

/* ---- certificates ---- */

/* SHA-256 in hexadecimal of the certificate that the client proved to have: to this listener, or to a proxy that is trusted to say so. */
static bool shown_certificate(const struct http_request *r, char hex[SECRET_HEX_BYTES + 1])
{
    struct proxied_certificate proxied;
    if (!span_empty(r->client_certificate)) {
        secret_sha256_hex(r->client_certificate, hex);
        return true;
    }
    if (!r->trusted_proxy)
        return false;
    proxied_certificate_read(r, &proxied);
    bool shown = proxied.any && proxied.spoiled == NULL && proxied.found.form != FORM_SERIAL;
    if (shown && proxied.found.form == FORM_CERTIFICATE)
        secret_sha256_hex(proxied.found.leaf, hex);
    else if (shown)
        snprintf(hex, SECRET_HEX_BYTES + 1, "%.*s", SPAN_ARGS(proxied.found.sha256));
    return shown;
}

/* A subject says something only where this listener has checked who issued it. */
static enum err_code read_subject(const struct http_request *r, struct span *subject, struct err *err)
{
    struct client_certificate certificate;
    if (span_empty(r->client_certificate))
        return OK;
    if (client_certificate_read(r->client_certificate, r->arena, &certificate, err) != OK)
        return err_set(err, ERR_UNAUTHORIZED, "the client certificate cannot be read");
    *subject = certificate.subject;
    return OK;
}

static bool names(const struct certificate_caller *row, const char *sha256, struct span subject)
{
    return !span_empty(row->sha256) ? span_equal_text(row->sha256, sha256) : !span_empty(subject) && span_equal(row->subject, subject);
}

static enum err_code accept_certificate(struct http_request *r, const struct certificate_caller *row, struct span subject, struct err *err)
{
    r->caller = (struct caller){ .kind = CALLER_CERTIFICATE, .id = arena_copy(r->arena, row->id), .label = subject, .scopes = row->scopes };
    return span_empty(r->caller.id) ? err_set(err, ERR_MEMORY, "naming the caller") : OK;
}

enum err_code callers_certificate(struct callers *c, struct http_request *r, struct err *err)
{
    char hex[SECRET_HEX_BYTES + 1];
    struct span subject = SPAN_NONE;
    if (r->client_certificate_refused != NULL)
        return err_set(err, ERR_UNAUTHORIZED, "the client certificate is not valid here: %s", r->client_certificate_refused);
    if (c->certificate_count == 0 || !shown_certificate(r, hex))
        return err_set(err, ERR_NOT_FOUND, "no client certificate");
    enum err_code code = read_subject(r, &subject, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < c->certificate_count; i++)
        if (names(&c->certificates[i], hex, subject))
            return accept_certificate(r, &c->certificates[i], subject, err);
    return err_set(err, ERR_UNAUTHORIZED, "no caller has this client certificate");
}

/* ---- tokens ---- */

enum err_code callers_token(struct callers *c, struct http_request *r, struct span token, struct err *err)
{
    struct bearer_caller caller = { .issuer = 0 };
    char hex[SECRET_HEX_BYTES + 1];
    if (c->bearer == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "this is not an API key, and no issuer of access tokens is configured");
    enum err_code code = bearer_check(c->bearer, token, shown_certificate(r, hex) ? span_of(hex) : SPAN_NONE, r->now_s, r->arena, &caller, err);
    if (code == ERR_NOT_FOUND) {
        key_fetcher_again(c->fetcher, c->sources[caller.issuer].number);
        return err_set(err, ERR_UNAUTHORIZED, "the access token was signed with a key that its issuer has not published, or only just now");
    }
    if (code == OK)
        r->caller = (struct caller){ .kind = CALLER_TOKEN, .id = caller.id, .label = caller.subject, .scopes = caller.scopes };
    return code;
}
