/* doctor, the doors: what the gateway says of each, and whether the documents that IdPs fetch are there, as they must be, seen from here. */
#include "gateway/cli/doctor.h"
#include "gateway/cli/print.h"

#include <stdio.h>

enum { JSON_DEPTH = 16 };
static const char reach[] = "check public_url, listen.public and the proxy in front: IdPs and browsers must get this";

static enum doctor_level level_of(struct span state)
{
    return span_equal_text(state, "fail") ? DOCTOR_FAIL : span_equal_text(state, "warn") ? DOCTOR_WARN : DOCTOR_OK;
}

static void say_findings(struct examination *e, const struct from_json_value *door)
{
    struct from_json_value findings = from_json_member(door, "findings");
    char what[DOCTOR_TEXT_BYTES], fix[DOCTOR_TEXT_BYTES];
    snprintf(what, sizeof what, "door %.*s", SPAN_ARGS(json_text(door, "id")));
    for (size_t i = 0; i < from_json_count(&findings); i++) {
        struct from_json_value f = from_json_item(&findings, i);
        snprintf(fix, sizeof fix, "%.*s", SPAN_ARGS(json_text(&f, "fix")));
        doctor_say(e, level_of(json_text(&f, "state")), what, fix, "%.*s", SPAN_ARGS(json_text(&f, "detail")));
    }
}

static bool any_of(const struct from_json_value *doors, const char *kind)
{
    for (size_t i = 0; i < from_json_count(doors); i++) {
        struct from_json_value door = from_json_item(doors, i);
        if (span_equal_text(json_text(&door, "kind"), kind))
            return true;
    }
    return false;
}

/* The body, or false after saying what is wrong with the answer. */
static bool fetch(struct examination *e, const char *what, struct span base, const char *path, const char *header, struct doctor_probe *out)
{
    char url[DOCTOR_TEXT_BYTES];
    snprintf(url, sizeof url, "%.*s%s", SPAN_ARGS(base), path);
    bool came = doctor_get(e, url, header, out);
    if (came && out->status == 200)
        return true;
    if (came)
        doctor_say(e, DOCTOR_FAIL, what, reach, "%s answered %ld", url, out->status);
    else
        doctor_say(e, DOCTOR_FAIL, what, out->untrusted ? "give a certificate that everybody trusts, or name its issuer in POSTERN_CA" : reach, "%s: %s", url, out->why);
    return false;
}

static struct from_json *parse(const struct doctor_probe *p)
{
    struct from_json *doc = NULL;
    struct err err;
    return from_json_parse(buf_span(&p->body), (struct from_json_limits){ DOCTOR_BODY_BYTES, JSON_DEPTH }, "document", &doc, &err) == OK ? doc : NULL;
}

/* ---- OpenID Connect ---- */

/* What Entra wants of each key, and everybody of a set that is used at all. */
static void examine_keys(struct examination *e, struct span uri)
{
    CLEANUP(doctor_probe_done) struct doctor_probe p = { 0 };
    if (!fetch(e, "oidc keys", uri, "", NULL, &p))
        return;
    CLEANUP(from_json_freep) struct from_json *doc = parse(&p);
    struct from_json_value root = doc != NULL ? from_json_root(doc) : (struct from_json_value){ 0 }, keys = from_json_member(&root, "keys");
    size_t without = 0, count = from_json_count(&keys);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value key = from_json_item(&keys, i), x5c = from_json_member(&key, "x5c");
        without += span_equal_text(json_text(&key, "kty"), "RSA") && from_json_count(&x5c) == 0;
    }
    if (count == 0)
        doctor_say(e, DOCTOR_FAIL, "oidc keys", reach, "%.*s holds no key", SPAN_ARGS(uri));
    else if (without > 0)
        doctor_say(e, DOCTOR_WARN, "oidc keys", "postern signing-key rotate; Entra takes only keys with a certificate", "%zu RSA keys have no x5c", without);
    else
        doctor_say(e, DOCTOR_OK, "oidc keys", NULL, "%zu keys at %.*s", count, SPAN_ARGS(uri));
}

static void examine_discovery(struct examination *e, struct span public_url)
{
    CLEANUP(doctor_probe_done) struct doctor_probe p = { 0 };
    if (!fetch(e, "oidc discovery", public_url, "/.well-known/openid-configuration", NULL, &p))
        return;
    CLEANUP(from_json_freep) struct from_json *doc = parse(&p);
    struct from_json_value root = doc != NULL ? from_json_root(doc) : (struct from_json_value){ 0 };
    if (!span_equal(json_text(&root, "issuer"), public_url)) {
        doctor_say(e, DOCTOR_FAIL, "oidc discovery", "public_url must be exactly the address under which clients fetch this", "the issuer is \"%.*s\", and it was fetched from %.*s",
                   SPAN_ARGS(json_text(&root, "issuer")), SPAN_ARGS(public_url));
        return;
    }
    if (!p.length_known)
        doctor_say(e, DOCTOR_WARN, "oidc discovery", "let the proxy in front pass Content-Length on; Entra refuses the document without it", "it came without Content-Length");
    else
        doctor_say(e, DOCTOR_OK, "oidc discovery", NULL, "issuer %.*s", SPAN_ARGS(public_url));
    examine_keys(e, json_text(&root, "jwks_uri"));
}

/* ---- SAML, hooks, the device host ---- */

static void examine_metadata(struct examination *e, struct span public_url)
{
    CLEANUP(doctor_probe_done) struct doctor_probe p = { 0 };
    if (!fetch(e, "saml metadata", public_url, "/saml/metadata", NULL, &p))
        return;
    struct span body = buf_span(&p.body);
    if (span_search(body, SPAN_LITERAL("EntityDescriptor")) == body.bytes || span_search(body, public_url) == body.bytes)
        doctor_say(e, DOCTOR_FAIL, "saml metadata", reach, "%.*s/saml/metadata is not this gateway's metadata", SPAN_ARGS(public_url));
    else
        doctor_say(e, DOCTOR_OK, "saml metadata", NULL, "%.*s/saml/metadata answers", SPAN_ARGS(public_url));
}

static void examine_hooks(struct examination *e, struct span public_url)
{
    CLEANUP(doctor_probe_done) struct doctor_probe p = { 0 };
    if (!fetch(e, "okta hooks", public_url, "/hooks/okta/events", "X-Okta-Verification-Challenge: postern-doctor", &p))
        return;
    struct span wanted = SPAN_LITERAL("{\"verification\":\"postern-doctor\"}");
    if (span_equal(buf_span(&p.body), wanted))
        doctor_say(e, DOCTOR_OK, "okta hooks", NULL, "%.*s/hooks/okta/events answers as Okta asks", SPAN_ARGS(public_url));
    else
        doctor_say(e, DOCTOR_FAIL, "okta hooks", reach, "%.*s/hooks/okta/events answers, but not as Okta wants it", SPAN_ARGS(public_url));
}

/* Any answer will do: what matters is that a browser without a certificate is let as far as a page. */
static void examine_device_host(struct examination *e, struct span device_url)
{
    CLEANUP(doctor_probe_done) struct doctor_probe p = { 0 };
    char url[DOCTOR_TEXT_BYTES];
    if (span_empty(device_url))
        return;
    snprintf(url, sizeof url, "%.*s/", SPAN_ARGS(device_url));
    if (doctor_get(e, url, NULL, &p))
        doctor_say(e, DOCTOR_OK, "device host", NULL, "%.*s answers", SPAN_ARGS(device_url));
    else
        doctor_say(e, DOCTOR_FAIL, "device host", "check listen.device, its certificate, name service and firewall: browsers go there to show a client certificate", "%.*s: %s", SPAN_ARGS(device_url), p.why);
}

void doctor_doors(struct examination *e, const struct from_json_value *status)
{
    struct from_json_value doors = from_json_member(status, "doors");
    struct span public_url = json_text(status, "public_url");
    for (size_t i = 0; i < from_json_count(&doors); i++) {
        struct from_json_value door = from_json_item(&doors, i);
        say_findings(e, &door);
    }
    if (any_of(&doors, "saml"))
        examine_metadata(e, public_url);
    if (any_of(&doors, "oidc"))
        examine_discovery(e, public_url);
    if (any_of(&doors, "okta_hook"))
        examine_hooks(e, public_url);
    examine_device_host(e, json_text(status, "device_url"));
}
