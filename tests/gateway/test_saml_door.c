/* The SAML door: who may ask, what becomes a login, and what the SP hears in the end. The XML itself is tests/connectors/test_saml_*.c's. */
#include "gateway/doors/saml.h"
#include "gateway/login_parts.h"
#include "gateway/once_memory.h"
#include "gateway/signing_ring.h"
#include "posture/base/form.h"
#include "posture/base/secret.h"
#include "tests/support/saml_kit.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SSO "https://posture.acme.example/saml/sso"
#define ENTITY "https://posture.acme.example/saml/metadata"
#define ACS "https://sp.example/acs"
#define SECOND "https://sp.example/second"
#define P "urn:oasis:names:tc:SAML:2.0:protocol"
#define A "urn:oasis:names:tc:SAML:2.0:assertion"
#define CLASS "urn:oasis:names:tc:SAML:2.0:ac:classes:"
#define OURS "https://posture.acme.example/acr/"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define RSA_SHA256 "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
enum { ARENA_BYTES = 8 * 1024 * 1024, XML_BYTES = 64 * 1024 };

static const char policy_format[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps:\n"
    "  - { id: payroll, title: Payroll, sensitivity: sensitive, match: { id: [0oaPay] } }\n"
    "  - { id: wiki, title: Wiki, sensitivity: everyday }\n"
    "checks:\n"
    "  - { use: library/firewall, severity: high }\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [high], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 120s, close: [sensitive] }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    notices_before_close: 1\n"
    "    rise: off\n"
    "visible_after: off\n"
    "grace: off\n"
    "nudges: { hours: \"10:00-16:00\", days: [mon, tue, wed, thu, fri], zone: UTC }\n"
    "outage: { everyday: allow, sensitive: { last_known_good: 1h, then: deny } }\n"
    "breaker: off\n"
    "unidentified_device: { everyday: warn, sensitive: deny }\n"
    "doors:\n"
    "  - { id: sp, kind: saml, app: wiki, saml: { entity_id: \"urn:sp\", acs: [\"" ACS "\", \"" SECOND "\"], certificates: [\"%s\"] } }\n"
    "  - { id: strict, kind: saml, app: wiki, saml: { entity_id: \"urn:strict\", acs: [\"" ACS "\"], requests: signed, certificates: [\"%s\"] } }\n"
    "  - { id: okta, kind: saml, use: okta_posture, app: wiki, saml: { entity_id: \"urn:okta\", acs: [\"" ACS "\"], certificates: [\"%s\"] } }\n"
    "  - { id: atonce, kind: saml, use: okta_posture, app: wiki, when_denied: answer, saml: { entity_id: \"urn:atonce\", acs: [\"" ACS "\"] } }\n"
    "  - { id: factor, kind: saml, use: factor, app: wiki, saml: { entity_id: \"urn:factor\", acs: [\"" ACS "\"] } }\n"
    "  - { id: fixed, kind: saml, app: wiki, saml: { entity_id: \"urn:fixed\", acs: [\"" ACS "\"], sign: response, name_id: persistent, context: \"" CLASS "PasswordProtectedTransport\" } }\n"
    "  - { id: other, kind: saml, app: wiki, saml: { entity_id: \"urn:other\", acs: [\"" ACS "\"], sign: assertion, name_id: email } }\n"
    "  - { id: rp, kind: oidc, app: wiki, oidc: { client_id: \"urn:rp\", redirect_uris: [\"https://rp.example/cb\"] } }\n";

struct got { int status; char location[9000], type[64], cache[64]; char *body, *xml, *relay; /* owned */ };
struct world { struct story s; char policy[32 * 1024]; struct got got; unsigned ids; char id[32]; };
static struct saml_key *sp_key, *stranger;

/* ---- the world ---- */

/* A PEM inside a double-quoted YAML text. */
static void escaped_pem(char *out, size_t room)
{
    size_t n = 0;
    struct span pem = saml_key_pem(sp_key);
    for (size_t i = 0; i < pem.bytes; i++) {
        assert_true(n + 3 < room);
        if (pem.at[i] == '\n')
            out[n++] = '\\', out[n++] = 'n';
        else
            out[n++] = pem.at[i];
    }
    out[n] = '\0';
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char pem[4096];
    if (sp_key == NULL) {
        sp_key = saml_key_new("RSA", 2048);
        stranger = saml_key_new("RSA", 2048);
    }
    escaped_pem(pem, sizeof pem);
    assert_in_range(snprintf(w->policy, sizeof w->policy, policy_format, pem, pem, pem), 1, sizeof w->policy - 1);
    story_start(&w->s, w->policy);
    story_signing_keys(&w->s);
    w->s.node.once = once_memory_new();
    story_person(&w->s, ANA, NULL, "ana@acme.example");
    story_device(&w->s, DOVER, ANA);
    story_result(&w->s, DOVER, "firewall", VERDICT_PASS);
    *state = w;
    return 0;
}

static void forget(struct got *g)
{
    free(g->body);
    free(g->xml);
    free(g->relay);
    *g = (struct got){ 0 };
}

static int tear_down(void **state)
{
    struct world *w = *state;
    forget(&w->got);
    once_memory_free(w->s.node.once);
    story_end(&w->s);
    free(w);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    saml_key_free(sp_key);
    saml_key_free(stranger);
    return 0;
}

/* ---- what came back ---- */

/* Our pages write five entities and numbers. */
static char *unescaped(const char *from, size_t bytes)
{
    static const struct { const char *entity; char c; } all[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&#39;", '\'' } };
    char *text = malloc(bytes + 1), *to = text;
    for (const char *at = from; at < from + bytes;) {
        size_t i = 0;
        while (i < COUNT(all) && strncmp(at, all[i].entity, strlen(all[i].entity)) != 0)
            i++;
        if (i < COUNT(all)) {
            *to++ = all[i].c;
            at += strlen(all[i].entity);
        } else if (strncmp(at, "&#", 2) == 0) {
            char *end;
            *to++ = (char)strtol(at + 2, &end, 10);
            at = end + 1;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return text;
}

static char *field(const char *page, const char *name)
{
    char begin[64];
    snprintf(begin, sizeof begin, "name=\"%s\" value=\"", name);
    const char *at = strstr(page, begin);
    return at == NULL ? NULL : unescaped(at + strlen(begin), strcspn(at + strlen(begin), "\""));
}

static void keep(struct world *w, const struct http_response *res)
{
    forget(&w->got);
    w->got.status = res->status;
    assert_false(res->body.failed);
    w->got.body = span_dup(buf_span(&res->body));
    snprintf(w->got.type, sizeof w->got.type, "%s", res->content_type != NULL ? res->content_type : "");
    for (size_t i = 0; i < res->header_count; i++) {
        if (strcmp(res->headers[i].name, "Location") == 0)
            snprintf(w->got.location, sizeof w->got.location, "%.*s", SPAN_ARGS(res->headers[i].value));
        if (strcmp(res->headers[i].name, "Cache-Control") == 0)
            snprintf(w->got.cache, sizeof w->got.cache, "%.*s", SPAN_ARGS(res->headers[i].value));
    }
    char *base64 = field(w->got.body, "SAMLResponse");
    w->got.relay = field(w->got.body, "RelayState");
    if (base64 != NULL) {
        struct buf xml;
        struct err err;
        buf_init(&xml, 1024 * 1024);
        assert_int_equal(secret_from_base64(span_of(base64), 1024 * 1024, &xml, &err), OK);
        w->got.xml = span_dup(buf_span(&xml));
        buf_done(&xml);
    }
    free(base64);
}

/* ---- requests ---- */

struct send { const char *method, *path, *query, *body, *type; };

static struct http_request request_of(struct world *w, const struct send *s, struct arena *arena, struct http_header headers[2])
{
    struct http_request r = { .arena = arena, .node = &w->s.node, .method = strcmp(s->method, "POST") == 0 ? HTTP_POST : strcmp(s->method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET,
                              .listener = LISTENER_PUBLIC, .tls = true, .path = span_of(s->path), .query = span_of(s->query), .body = span_of(s->body), .headers = headers, .header_count = 1,
                              .id = "r1", .now_ms = w->s.now_ms, .now_s = w->s.now_ms / 1000, .store = w->s.store };
    headers[0] = (struct http_header){ SPAN_LITERAL("Host"), SPAN_LITERAL("posture.acme.example") };
    if (s->body != NULL)
        headers[r.header_count++] = (struct http_header){ SPAN_LITERAL("Content-Type"), span_of(s->type != NULL ? s->type : "application/x-www-form-urlencoded") };
    return r;
}

static void send_it(struct world *w, const struct send *s)
{
    struct arena arena;
    struct http_header headers[2];
    struct http_response res = { .status = 200 };
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    struct http_request r = request_of(w, s, &arena, headers);
    struct route_match match = router_find(&r);
    assert_non_null(match.route);
    if (match.route->fast != NULL)
        assert_int_equal(match.route->fast(&r, &res), ROUTE_DONE);
    else
        match.route->slow(&r, &res);
    keep(w, &res);
    buf_done(&res.body);
    arena_done(&arena);
}

/* An AuthnRequest; NULL fields as most SPs have them. `attributes` and `children` are XML. */
struct ask { const char *issuer, *acs, *attributes, *children, *relay; const struct saml_key *key; bool by_form; };

static char *xml_of(struct world *w, const struct ask *a)
{
    struct buf b;
    buf_init(&b, XML_BYTES);
    snprintf(w->id, sizeof w->id, "_r%u", ++w->ids);
    buf_format(&b, "<samlp:AuthnRequest xmlns:samlp=\"" P "\"%s%s%s Destination=\"" SSO "\" ID=\"%s\" IssueInstant=\"2026-11-30T12:00:00Z\"%s Version=\"2.0\">", a->acs != NULL && a->acs[0] == '\0' ? "" : " AssertionConsumerServiceURL=\"",
               a->acs != NULL ? a->acs : ACS, a->acs != NULL && a->acs[0] == '\0' ? "" : "\"", w->id, a->attributes != NULL ? a->attributes : "");
    buf_format(&b, "<saml:Issuer xmlns:saml=\"" A "\">%s</saml:Issuer>{signature}%s</samlp:AuthnRequest>", a->issuer != NULL ? a->issuer : "urn:sp", a->children != NULL ? a->children : "");
    char *template = strdup(buf_text(&b));
    char *xml = a->key != NULL && a->by_form ? saml_kit_sign(a->key, template, w->id) : saml_kit_replace(template, "{signature}", "");
    free(template);
    buf_done(&b);
    return xml;
}

static char *percent(const char *text)
{
    struct buf b;
    buf_init(&b, 1024 * 1024);
    for (const char *c = text; *c != '\0'; c++)
        buf_format(&b, "%%%02X", (unsigned char)*c);
    char *out = strdup(b.bytes > 0 ? buf_text(&b) : "");
    buf_done(&b);
    return out;
}

static void ask_form(struct world *w, const char *xml, const char *relay)
{
    struct buf b;
    char *base64 = saml_kit_base64(span_of(xml)), *value = percent(base64), *state = relay != NULL ? percent(relay) : NULL;
    buf_init(&b, 4 * 1024 * 1024);
    buf_append_text(&b, "SAMLRequest=");
    buf_append_text(&b, value);
    if (relay != NULL) {
        buf_append_text(&b, "&RelayState=");
        buf_append_text(&b, state);
    }
    send_it(w, &(struct send){ .method = "POST", .path = SAML_PATH_SSO, .body = buf_text(&b) });
    buf_done(&b);
    free(base64);
    free(value);
    free(state);
}

static void ask_query(struct world *w, const char *xml, const char *relay, const struct saml_key *key)
{
    char *query = saml_kit_query(xml, relay), *whole = key != NULL ? saml_kit_signed_query(query, key, RSA_SHA256, "SHA256", false) : strdup(query);
    send_it(w, &(struct send){ .method = "GET", .path = SAML_PATH_SSO, .query = whole });
    free(query);
    free(whole);
}

static void ask(struct world *w, const struct ask *a)
{
    char *xml = xml_of(w, a);
    if (a->by_form)
        ask_form(w, xml, a->relay);
    else
        ask_query(w, xml, a->relay, a->key);
    free(xml);
}

/* ---- logins ---- */

static const struct login_result healthy = {
    .decision = { "x_aaaaaaaaaaaaaaaaaaaaaaaaaa", 28 }, .outcome = OUTCOME_ALLOW, .person = { ANA, 28 }, .email = { "ana@acme.example", 16 }, .name = { "Ana", 3 }, .person_proved = true,
    .subject = { "ana@acme.example", 16 }, .device = { DOVER, 28 }, .device_name = { "dover", 5 }, .device_serial = { "C02XK", 5 }, .device_model = { "Mac15,6", 7 }, .device_vendor = { "Apple", 5 },
    .device_os = { "macOS", 5 }, .device_os_version = { "15.5", 4 }, .managed = true, .compliant = true, .proof = PROOF_CERTIFICATE, .app = { "wiki", 4 }, .at_s = STORY_START_S };

/* The login that was begun last ends with this result; refused when `why` is not NULL. */
static void end_login(struct world *w, const struct login_result *result, const enum login_refusal *why)
{
    struct arena arena;
    struct http_header headers[2];
    struct http_response res = { .status = 200 };
    struct login l;
    struct door door;
    struct err err;
    const char *path = strstr(w->got.location, "/login/");
    if (w->got.status != 303 || path == NULL)
        fail_msg("no login was begun: %d %s", w->got.status, w->got.body);
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    assert_int_equal(login_open(&w->s.node, arena_copy_text(&arena, path + strlen("/login/")), w->s.now_ms / 1000, &arena, &l, &err), OK);
    directory_enter(w->s.node.directory);
    assert_true(door_copy(policy_door(directory_control(w->s.node.directory)->policy, l.door), &arena, &door));
    directory_leave(w->s.node.directory);
    struct http_request r = request_of(w, &(struct send){ .method = "GET", .path = "/login/token" }, &arena, headers);
    if (why != NULL)
        saml_login_door.refuse(&r, &res, &l, &door, result, *why);
    else
        saml_login_door.answer(&r, &res, &l, &door, result);
    keep(w, &res);
    buf_done(&res.body);
    arena_done(&arena);
}

static struct login open_login(struct world *w, struct arena *arena)
{
    struct login l = { 0 };
    struct err err;
    const char *path = strstr(w->got.location, "/login/");
    if (path == NULL)
        fail_msg("no login was begun: %d %s", w->got.status, w->got.body);
    assert_int_equal(login_open(&w->s.node, arena_copy_text(arena, path + strlen("/login/")), w->s.now_ms / 1000, arena, &l, &err), OK);
    return l;
}

static bool says(const struct world *w, const char *text) { return w->got.xml != NULL && strstr(w->got.xml, text) != NULL; }
static void must_say(const struct world *w, const char *name, const char *text)
{
    if (!says(w, text))
        fail_msg("%s: \"%s\" is not in %d %s %s", name, text, w->got.status, w->got.location, w->got.xml != NULL ? w->got.xml : w->got.body);
}

/* ---- who may ask, and where answers go ---- */

static void a_doubtful_request_is_a_page(void **state)
{
    static const struct { const char *name; struct ask ask; } rows[] = {
        { "an SP that is not set up", { .issuer = "urn:evil" } },
        { "the client of an OIDC door", { .issuer = "urn:rp" } },
        { "the id of a door", { .issuer = "sp" } },
        { "an SP in another case", { .issuer = "urn:SP" } },
        { "unsigned where it must be signed", { .issuer = "urn:strict" } },
        { "unsigned where it must be signed, by form", { .issuer = "urn:strict", .by_form = true } },
        { "an unknown attribute", { .by_form = true, .attributes = " Evil=\"1\"" } },
        { "an address of somebody else", { .acs = "https://evil.example/acs" } },
        { "an address with more", { .acs = ACS "/" } },
        { "an address with less", { .acs = "https://sp.example/ac" } },
        { "an address in another case", { .acs = "https://SP.example/acs" } },
        { "an address with the default port", { .acs = "https://sp.example:443/acs" } },
        { "an address with a query", { .acs = ACS "?a=b" } },
        { "an address with a user", { .acs = "https://sp.example@evil.example/acs" } },
        { "code for an address", { .acs = "javascript:alert(1)" } },
        { "the second address of another SP", { .issuer = "urn:okta", .acs = SECOND } },
        { "an unknown index", { .acs = "", .attributes = " AssertionConsumerServiceIndex=\"2\"" } },
        { "an address and an index", { .attributes = " AssertionConsumerServiceIndex=\"0\"" } },
        { "another binding for the answer", { .attributes = " ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact\"" } },
        { "a name too long to go on with", { .children = "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID Format=\"urn:" A64 A64 A64 A64 "\">x</saml:NameID></saml:Subject>" } },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(w, &rows[i].ask);
        if (w->got.status < 400 || w->got.status > 499 || w->got.location[0] != '\0' || strstr(w->got.body, "<form") != NULL || strstr(w->got.body, "evil") != NULL)
            fail_msg("%s: %d %s %s", rows[i].name, w->got.status, w->got.location, w->got.body);
    }
    ask(w, &(struct ask){ .by_form = true, .key = stranger });
    assert_int_equal(w->got.status, 403);
    ask(w, &(struct ask){ .key = stranger });
    assert_int_equal(w->got.status, 403);
}

static void what_is_no_request_is_a_page(void **state)
{
    static const struct { const char *name; struct send send; } rows[] = {
        { "nothing", { .method = "GET", .path = SAML_PATH_SSO, .query = "" } },
        { "nothing by form", { .method = "POST", .path = SAML_PATH_SSO, .body = "" } },
        { "an empty one", { .method = "GET", .path = SAML_PATH_SSO, .query = "SAMLRequest=" } },
        { "twice", { .method = "POST", .path = SAML_PATH_SSO, .body = "SAMLRequest=PHgvPg%3D%3D&SAMLRequest=PHgvPg%3D%3D" } },
        { "not XML", { .method = "POST", .path = SAML_PATH_SSO, .body = "SAMLRequest=AAAA" } },
        { "another document", { .method = "POST", .path = SAML_PATH_SSO, .body = "SAMLRequest=PHgvPg%3D%3D" } },
        { "a response", { .method = "POST", .path = SAML_PATH_SSO, .body = "SAMLResponse=PHgvPg%3D%3D" } },
        { "JSON", { .method = "POST", .path = SAML_PATH_SSO, .body = "{}", .type = "application/json" } },
        { "broken escapes", { .method = "GET", .path = SAML_PATH_SSO, .query = "SAMLRequest=%zz" } },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        send_it(w, &rows[i].send);
        if (w->got.status != 400 || strstr(w->got.body, "This login cannot go on") == NULL)
            fail_msg("%s: %d %s", rows[i].name, w->got.status, w->got.body);
    }
}

static void a_good_request_becomes_a_login(void **state)
{
    static const struct { const char *name; struct ask ask; const char *door, *person, *app; enum login_person named; bool passive, force; } rows[] = {
        { "by query", { 0 }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, false },
        { "by form", { .by_form = true }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, false },
        { "no address: the first", { .acs = "" }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, false },
        { "the second address", { .acs = SECOND }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, false },
        { "by index", { .acs = "", .attributes = " AssertionConsumerServiceIndex=\"1\"" }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, false },
        { "somebody, unsigned: anybody could have written it", { .children = "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID>ana@acme.example</saml:NameID></saml:Subject>" }, "sp", "ana@acme.example", "", LOGIN_PERSON_HINTED, false, false },
        { "somebody, signed in the query", { .children = "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID>ana@acme.example</saml:NameID></saml:Subject>", .relay = "x" }, "sp", "ana@acme.example", "", LOGIN_PERSON_ASSERTED, false, false },
        { "somebody, signed inside", { .by_form = true, .children = "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID>ana@acme.example</saml:NameID></saml:Subject>" }, "sp", "ana@acme.example", "", LOGIN_PERSON_ASSERTED, false, false },
        { "Okta's app", { .issuer = "urn:okta", .children = "<samlp:Extensions><OktaAppInstanceId>0oaPay</OktaAppInstanceId><OktaAppName>Payroll</OktaAppName></samlp:Extensions>" }, "okta", "", "0oaPay", LOGIN_PERSON_UNNAMED, false, false },
        { "afresh", { .attributes = " ForceAuthn=\"true\"" }, "sp", "", "", LOGIN_PERSON_UNNAMED, false, true },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct ask a = rows[i].ask;
        a.key = rows[i].named == LOGIN_PERSON_ASSERTED ? sp_key : NULL;
        arena_init(&arena, 64 * 1024, ARENA_BYTES);
        ask(w, &a);
        struct login l = open_login(w, &arena);
        if (!span_equal_text(l.door, rows[i].door) || !span_equal_text(l.person, rows[i].person) || !span_equal_text(l.app, rows[i].app) || l.named != rows[i].named || l.passive != rows[i].passive || l.force != rows[i].force)
            fail_msg("%s: door %.*s person %.*s app %.*s named %d", rows[i].name, SPAN_ARGS(l.door), SPAN_ARGS(l.person), SPAN_ARGS(l.app), l.named);
        arena_done(&arena);
    }
}

static void a_request_counts_once(void **state)
{
    struct world *w = *state;
    char *xml = xml_of(w, &(struct ask){ 0 });
    ask_query(w, xml, NULL, NULL);
    assert_int_equal(w->got.status, 303);
    ask_query(w, xml, NULL, NULL);
    assert_int_equal(w->got.status, 400);
    ask_form(w, xml, NULL);
    assert_int_equal(w->got.status, 400);
    char *other = saml_kit_replace(xml, "urn:sp", "urn:other"); /* another SP may choose the same */
    ask_form(w, other, NULL);
    assert_int_equal(w->got.status, 303);
    free(other);
    free(xml);
    xml = xml_of(w, &(struct ask){ .issuer = "urn:strict" }); /* what is refused is not remembered */
    ask_query(w, xml, NULL, NULL);
    assert_int_equal(w->got.status, 403);
    ask_query(w, xml, NULL, sp_key);
    assert_int_equal(w->got.status, 303);
    free(xml);
    char *query, *whole;
    xml = xml_of(w, &(struct ask){ 0 });
    query = saml_kit_query(xml, NULL);
    whole = strdup(query);
    send_it(w, &(struct send){ .method = "HEAD", .path = SAML_PATH_SSO, .query = whole });
    assert_int_equal(w->got.status, 400);
    send_it(w, &(struct send){ .method = "GET", .path = SAML_PATH_SSO, .query = whole });
    assert_int_equal(w->got.status, 303);
    free(whole);
    free(query);
    free(xml);
}

static void relay_state_comes_back_as_it_went(void **state)
{
    static const char *const rows[] = { "", "abc", "\"><script>alert(1)</script>", "https://evil.example/?a=b&c=d", "a\r\nSet-Cookie: x=1", "&amp;&#34;'`", "Gr\xc3\xbc\xc3\x9f" "e\xe2\x80\xae", "a b+c%20" };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int form = 0; form < 2; form++) {
            ask(w, &(struct ask){ .relay = rows[i], .by_form = form });
            end_login(w, &healthy, NULL);
            assert_non_null(w->got.relay);
            assert_string_equal(w->got.relay, rows[i]);
            assert_null(strstr(w->got.body, "<script>"));
        }
    ask(w, &(struct ask){ 0 });
    end_login(w, &healthy, NULL);
    assert_null(w->got.relay);
    char *most = calloc(1, 1026);
    for (int over = 0; over < 2; over++) {
        memset(most, '\x01', (size_t)1024 + (size_t)over); /* the longest that JSON could make of it */
        ask(w, &(struct ask){ .relay = most, .by_form = true });
        assert_int_equal(w->got.status, over ? 400 : 303);
    }
    free(most);
}

/* ---- what the SP hears ---- */

static void success_is_signed_and_names_the_person(void **state)
{
    struct world *w = *state;
    struct signing_saml keys;
    struct err err;
    ask(w, &(struct ask){ .acs = SECOND, .relay = "state" });
    end_login(w, &healthy, NULL);
    assert_int_equal(w->got.status, 200);
    assert_non_null(strstr(w->got.body, "action=\"" SECOND "\""));
    must_say(w, "destination", " Destination=\"" SECOND "\"");
    must_say(w, "request", w->id);
    must_say(w, "issuer", ">" ENTITY "</saml:Issuer>");
    must_say(w, "audience", "<saml:Audience>urn:sp</saml:Audience>");
    must_say(w, "name", "<saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">ana@acme.example</saml:NameID>");
    must_say(w, "class", CLASS "TLSClient<");
    for (size_t i = 0; i < 9; i++) {
        static const char *const attributes[] = { "email\"", "name\"", "postern_person\"", "postern_device\"", "postern_device_name\"", "postern_managed\"", "postern_compliant\"", "postern_outcome\"", "postern_proof\"" };
        must_say(w, "attribute", attributes[i]);
    }
    assert_int_equal(signing_keys_saml(&w->s.node, &keys, &err), OK);
    char *certificate = saml_kit_base64(keys.certificate);
    must_say(w, "certificate", certificate);
    free(certificate);
    signing_saml_done(&keys);
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

static void each_door_signs_what_its_sp_wants(void **state)
{
    static const struct { const char *issuer; size_t signatures; const char *then; } rows[] = {
        { "urn:sp", 2, "</saml:Issuer><ds:Signature" }, { "urn:fixed", 1, "</saml:Issuer><ds:Signature" }, { "urn:other", 1, "</saml:Issuer><samlp:Status>" } };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(w, &(struct ask){ .issuer = rows[i].issuer });
        end_login(w, &healthy, NULL);
        assert_int_equal(count_of(w->got.xml, "<ds:Signature "), rows[i].signatures);
        must_say(w, rows[i].issuer, rows[i].then);
    }
}

#define POLICY(format) "<samlp:NameIDPolicy Format=\"" format "\"></samlp:NameIDPolicy>"
#define SUBJECT(name) "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID>" name "</saml:NameID></saml:Subject>"
#define SUBJECT_AS(name, format) "<saml:Subject xmlns:saml=\"" A "\"><saml:NameID Format=\"" format "\">" name "</saml:NameID></saml:Subject>"
#define EMAIL "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#define UNSPECIFIED "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#define PERSISTENT "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
#define TRANSIENT "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#define QUALIFIED(issuer) " NameQualifier=\"" ENTITY "\" SPNameQualifier=\"" issuer "\">"

static void names_are_of_the_format_that_is_wanted(void **state)
{
    static const struct { const char *name, *issuer, *children, *says; } rows[] = {
        { "nothing wanted", "urn:sp", "", "<saml:NameID Format=\"" UNSPECIFIED "\">ana@acme.example<" },
        { "unspecified: the door's own", "urn:other", POLICY(UNSPECIFIED), "<saml:NameID Format=\"" EMAIL "\">ana@acme.example<" },
        { "e-mail", "urn:sp", POLICY(EMAIL), "<saml:NameID Format=\"" EMAIL "\">ana@acme.example<" },
        { "persistent", "urn:sp", POLICY(PERSISTENT), "<saml:NameID Format=\"" PERSISTENT "\"" QUALIFIED("urn:sp") },
        { "persistent by the door", "urn:fixed", "", "<saml:NameID Format=\"" PERSISTENT "\"" QUALIFIED("urn:fixed") },
        { "transient", "urn:sp", POLICY(TRANSIENT), "<saml:NameID Format=\"" TRANSIENT "\"" QUALIFIED("urn:sp") "_" },
        { "a qualifier that is the SP", "urn:sp", "<samlp:NameIDPolicy SPNameQualifier=\"urn:sp\"></samlp:NameIDPolicy>", "ana@acme.example" },
        { "a qualifier of others", "urn:sp", "<samlp:NameIDPolicy SPNameQualifier=\"urn:affiliation\"></samlp:NameIDPolicy>", "InvalidNameIDPolicy" },
        { "Kerberos", "urn:sp", POLICY("urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"), "InvalidNameIDPolicy" },
        { "encrypted", "urn:sp", POLICY("urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"), "InvalidNameIDPolicy" },
        { "a factor says the name it was asked", "urn:factor", SUBJECT("Ana.Of.Acme"), "<saml:NameID Format=\"" UNSPECIFIED "\">Ana.Of.Acme<" },
        { "in the format of the request", "urn:factor", SUBJECT_AS("Ana.Of.Acme", "urn:x:login"), "<saml:NameID Format=\"urn:x:login\">Ana.Of.Acme<" },
        { "as e-mail", "urn:factor", SUBJECT("Ana.Of.Acme") POLICY(EMAIL), "<saml:NameID Format=\"" EMAIL "\">Ana.Of.Acme<" },
        { "a factor that should invent one", "urn:factor", SUBJECT("Ana.Of.Acme") POLICY(TRANSIENT), "InvalidNameIDPolicy" },
        { "a factor with nobody named", "urn:factor", "", "<saml:NameID Format=\"" UNSPECIFIED "\">ana@acme.example<" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(w, &(struct ask){ .issuer = rows[i].issuer, .children = rows[i].children });
        if (w->got.xml == NULL)
            end_login(w, &healthy, NULL);
        must_say(w, rows[i].name, rows[i].says);
    }
}

static void name_in(const struct world *w, char out[128])
{
    const char *at = strstr(w->got.xml, "<saml:NameID "), *from = strchr(at, '>') + 1;
    snprintf(out, 128, "%.*s", (int)strcspn(from, "<"), from);
}

static void a_persistent_name_stays_and_differs_by_sp(void **state)
{
    struct world *w = *state;
    char first[128], again[128], elsewhere[128], somebody[128], passing[2][128];
    struct login_result ben = healthy;
    ben.person = SPAN_LITERAL("p_bbbbbbbbbbbbbbbbbbbbbbbbbb");
    const struct { const char *issuer; const struct login_result *result; const char *policy; char *out; } rows[] = {
        { "urn:sp", &healthy, POLICY(PERSISTENT), first }, { "urn:sp", &healthy, POLICY(PERSISTENT), again }, { "urn:other", &healthy, POLICY(PERSISTENT), elsewhere },
        { "urn:sp", &ben, POLICY(PERSISTENT), somebody }, { "urn:sp", &healthy, POLICY(TRANSIENT), passing[0] }, { "urn:sp", &healthy, POLICY(TRANSIENT), passing[1] } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(w, &(struct ask){ .issuer = rows[i].issuer, .children = rows[i].policy });
        end_login(w, rows[i].result, NULL);
        name_in(w, rows[i].out);
    }
    assert_int_equal(strlen(first), 43);
    assert_string_equal(first, again);
    assert_string_not_equal(first, elsewhere);
    assert_string_not_equal(first, somebody);
    assert_string_not_equal(passing[0], passing[1]);
    struct login_result nameless = healthy;
    nameless.email = SPAN_NONE;
    ask(w, &(struct ask){ .children = POLICY(EMAIL) });
    end_login(w, &nameless, NULL);
    must_say(w, "nobody's e-mail", "InvalidNameIDPolicy");
}

#define CONTEXT(comparison, classes) "<samlp:RequestedAuthnContext Comparison=\"" comparison "\">" classes "</samlp:RequestedAuthnContext>"
#define REF(uri) "<saml:AuthnContextClassRef xmlns:saml=\"" A "\">" uri "</saml:AuthnContextClassRef>"
#define SAYS(uri) "<saml:AuthnContextClassRef>" uri "</saml:AuthnContextClassRef>"
#define OKTA_CLASS "urn:okta:saml:2.0:DevicePosture"

static void a_login_is_called_what_it_is_and_what_was_asked(void **state)
{
    static const struct { const char *name, *issuer, *children; enum proof proof; bool compliant; const char *says; } rows[] = {
        { "nothing asked, a certificate", "urn:sp", "", PROOF_CERTIFICATE, true, SAYS(CLASS "TLSClient") },
        { "nothing asked, a cookie", "urn:sp", "", PROOF_COOKIE, true, SAYS(CLASS "unspecified") },
        { "X509, a certificate", "urn:sp", CONTEXT("exact", REF(CLASS "X509")), PROOF_CERTIFICATE, true, SAYS(CLASS "X509") },
        { "X509, a cookie", "urn:sp", CONTEXT("exact", REF(CLASS "X509")), PROOF_COOKIE, true, "NoAuthnContext" },
        { "one of two, the first that is true", "urn:sp", CONTEXT("exact", REF(CLASS "X509") REF(CLASS "unspecified")), PROOF_COOKIE, true, SAYS(CLASS "unspecified") },
        { "a password, exactly", "urn:sp", CONTEXT("exact", REF(CLASS "PasswordProtectedTransport")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "a password, or more: a certificate", "urn:sp", CONTEXT("minimum", REF(CLASS "PasswordProtectedTransport")), PROOF_CERTIFICATE, true, SAYS(CLASS "TLSClient") },
        { "a password, or more: a cookie", "urn:sp", CONTEXT("minimum", REF(CLASS "PasswordProtectedTransport")), PROOF_COOKIE, true, "NoAuthnContext" },
        { "a password, exactly, where the door says so", "urn:fixed", CONTEXT("exact", REF(CLASS "PasswordProtectedTransport")), PROOF_COOKIE, true, SAYS(CLASS "PasswordProtectedTransport") },
        { "something else where the door says so", "urn:fixed", CONTEXT("exact", REF(CLASS "X509")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "a smart card", "urn:sp", CONTEXT("exact", REF(CLASS "SmartcardPKI")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "a smart card or more", "urn:sp", CONTEXT("minimum", REF(CLASS "SmartcardPKI")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "better than nothing", "urn:sp", CONTEXT("better", REF(CLASS "unspecified")), PROOF_CERTIFICATE, true, SAYS(CLASS "TLSClient") },
        { "better than nothing, by a cookie", "urn:sp", CONTEXT("better", REF(CLASS "unspecified")), PROOF_COOKIE, true, SAYS(OURS "device-compliant") },
        { "better than the best", "urn:sp", CONTEXT("better", REF(CLASS "TLSClient")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "at most nothing", "urn:sp", CONTEXT("maximum", REF(CLASS "unspecified")), PROOF_CERTIFICATE, true, SAYS(CLASS "unspecified") },
        { "ours", "urn:sp", CONTEXT("exact", REF(OURS "device-compliant")), PROOF_COOKIE, true, SAYS(OURS "device-compliant") },
        { "ours, and it is not so", "urn:sp", CONTEXT("exact", REF(OURS "device-compliant")), PROOF_COOKIE, false, "NoAuthnContext" },
        { "ours in hardware, by a certificate", "urn:sp", CONTEXT("exact", REF(OURS "device-compliant-hw")), PROOF_CERTIFICATE, true, "NoAuthnContext" },
        { "ours in hardware", "urn:sp", CONTEXT("exact", REF(OURS "device-compliant-hw")), PROOF_WEBAUTHN, true, SAYS(OURS "device-compliant-hw") },
        { "Okta's, at a door that is not", "urn:sp", CONTEXT("minimum", REF(OKTA_CLASS)), PROOF_COOKIE, true, "NoAuthnContext" },
        { "Okta's", "urn:okta", CONTEXT("minimum", REF(OKTA_CLASS)), PROOF_COOKIE, true, SAYS(OKTA_CLASS) },
        { "Okta's, exactly", "urn:okta", CONTEXT("exact", REF(OKTA_CLASS)), PROOF_NONE, true, SAYS(OKTA_CLASS) },
        { "Okta's, unasked", "urn:okta", "", PROOF_COOKIE, true, SAYS(OKTA_CLASS) },
        { "a declaration", "urn:sp", "<samlp:RequestedAuthnContext><saml:AuthnContextDeclRef xmlns:saml=\"" A "\">urn:d</saml:AuthnContextDeclRef></samlp:RequestedAuthnContext>", PROOF_CERTIFICATE, true, "NoAuthnContext" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct login_result result = healthy;
        result.proof = rows[i].proof;
        result.compliant = rows[i].compliant;
        ask(w, &(struct ask){ .issuer = rows[i].issuer, .children = rows[i].children });
        if (w->got.xml == NULL)
            end_login(w, &result, NULL);
        must_say(w, rows[i].name, rows[i].says);
        if (strncmp(rows[i].says, "No", 2) == 0 && says(w, "<saml:Assertion"))
            fail_msg("%s: an assertion beside a failure", rows[i].name);
    }
}

static void okta_gets_facts_and_its_app_back(void **state)
{
    struct world *w = *state;
    struct login_result result = healthy;
    result.compliant = false;
    ask(w, &(struct ask){ .issuer = "urn:okta", .children = "<samlp:Extensions><OktaAppInstanceId>0oa&amp;1</OktaAppInstanceId><OktaAppName>Pay &lt;x&gt;</OktaAppName></samlp:Extensions>" SUBJECT("ana@acme.example") });
    end_login(w, &result, NULL);
    must_say(w, "device", "<Device ID=\"C02XK\" Model=\"Mac15,6\" OS=\"macOS\" OSVersion=\"15.5\" Vendor=\"Apple\">");
    must_say(w, "facts", "<Fact Name=\"IsManaged\" Value=\"true\"></Fact><Fact Name=\"IsCompliant\" Value=\"false\"></Fact>");
    must_say(w, "app id", "Name=\"OktaAppInstanceId\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:basic\"><saml:AttributeValue>0oa&amp;1</saml:AttributeValue>");
    must_say(w, "app name", "Name=\"OktaAppName\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:basic\"><saml:AttributeValue>Pay &lt;x&gt;</saml:AttributeValue>");
    assert_false(says(w, "postern_") || says(w, "Name=\"email\"") || says(w, "session.amr"));
    struct login_result unproved = { .outcome = OUTCOME_WARN, .subject = SPAN_LITERAL("ana@acme.example"), .proof = PROOF_NONE };
    ask(w, &(struct ask){ .issuer = "urn:okta", .children = SUBJECT("ana@acme.example") });
    end_login(w, &unproved, NULL);
    must_say(w, "an app that opens without a device", "<Fact Name=\"IsManaged\" Value=\"false\"></Fact><Fact Name=\"IsCompliant\" Value=\"false\"></Fact>");
    assert_false(says(w, "OktaApp"));
}

static void a_factor_claims_a_key_only_when_one_was_proved(void **state)
{
    static const struct { enum proof proof; const char *amr; } rows[] = { { PROOF_NONE, NULL }, { PROOF_COOKIE, NULL }, { PROOF_WEBAUTHN_SYNCED, NULL }, { PROOF_WEBAUTHN, ">hwk<" }, { PROOF_CERTIFICATE, ">pop<" } };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct login_result result = healthy;
        result.proof = rows[i].proof;
        ask(w, &(struct ask){ .issuer = "urn:factor", .children = SUBJECT("ana@acme.example") });
        end_login(w, &result, NULL);
        assert_int_equal(says(w, "session.amr"), rows[i].amr != NULL);
        if (rows[i].amr != NULL)
            must_say(w, proof_name(rows[i].proof), rows[i].amr);
    }
}

static void nobody_is_named_who_was_not_proved(void **state)
{
    struct world *w = *state;
    struct login_result hinted = healthy;
    hinted.person_proved = false;
    ask(w, &(struct ask){ .children = SUBJECT("ana@acme.example") });
    end_login(w, &hinted, NULL);
    must_say(w, "a hint", "AuthnFailed");
    assert_false(says(w, "<saml:Assertion") || says(w, "ana@acme.example"));
    ask(w, &(struct ask){ .issuer = "urn:factor", .children = SUBJECT("ana@acme.example") });
    end_login(w, &hinted, NULL);
    must_say(w, "an IdP compares", ">ana@acme.example</saml:NameID>");
}

static void refusals_have_a_status_and_no_policy_in_them(void **state)
{
    static const struct { const char *name, *issuer; enum login_refusal why; const char *says, *message; } rows[] = {
        { "denied", "urn:sp", LOGIN_REFUSED_DENIED, "status:AuthnFailed", "does not meet the policy" },
        { "unproved", "urn:sp", LOGIN_REFUSED_UNPROVED, "status:AuthnFailed", "no device was proved" },
        { "passive", "urn:sp", LOGIN_REFUSED_PASSIVE, "status:NoPassive", "" },
        { "outage", "urn:sp", LOGIN_REFUSED_OUTAGE, "status:AuthnFailed", "not working" },
        { "Okta, unproved", "urn:okta", LOGIN_REFUSED_UNPROVED, "status:AuthnFailed", ">DEVICE_NOT_MANAGED</samlp:StatusMessage>" },
        { "Okta, gave up", "urn:okta", LOGIN_REFUSED_DENIED, "status:AuthnFailed", "does not meet" },
        { "Okta, passive", "urn:okta", LOGIN_REFUSED_PASSIVE, "status:NoPassive", "" },
        { "Okta at once, denied: facts", "urn:atonce", LOGIN_REFUSED_DENIED, "status:Success", "Name=\"IsCompliant\" Value=\"false\"" },
        { "Okta at once, unproved", "urn:atonce", LOGIN_REFUSED_UNPROVED, "status:AuthnFailed", "DEVICE_NOT_MANAGED" },
        { "Okta at once, outage", "urn:atonce", LOGIN_REFUSED_OUTAGE, "status:AuthnFailed", "not working" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct login_result result = healthy;
        result.outcome = OUTCOME_DENY;
        result.compliant = false;
        result.reason = SPAN_LITERAL("firewall is off since Monday");
        ask(w, &(struct ask){ .issuer = rows[i].issuer, .children = SUBJECT("ana@acme.example"), .relay = "r" });
        end_login(w, &result, &rows[i].why);
        must_say(w, rows[i].name, rows[i].says);
        must_say(w, rows[i].name, rows[i].message);
        must_say(w, rows[i].name, "<ds:Signature ");
        assert_false(says(w, "firewall"));
        assert_string_equal(w->got.relay, "r");
        assert_int_equal(says(w, "<saml:Assertion"), strcmp(rows[i].says, "status:Success") == 0);
    }
}

static void wishes_nobody_can_meet_are_told_at_once(void **state)
{
    struct world *w = *state;
    ask(w, &(struct ask){ .acs = SECOND, .children = POLICY("urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"), .relay = "r" });
    assert_int_equal(w->got.status, 200);
    assert_non_null(strstr(w->got.body, "action=\"" SECOND "\""));
    must_say(w, "told", "status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy\"");
    assert_string_equal(w->got.relay, "r");
    ask(w, &(struct ask){ .attributes = " IsPassive=\"true\"" }); /* no device, and no page may be shown */
    must_say(w, "passive", "status:NoPassive");
}

static void an_address_that_went_meanwhile_gets_no_answer(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct http_header headers[2];
    struct http_response res = { .status = 200 };
    struct door door = { 0 };
    ask(w, &(struct ask){ .acs = SECOND });
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    struct login l = open_login(w, &arena);
    const struct span left = SPAN_LITERAL(ACS);
    door = (struct door){ .id = SPAN_LITERAL("sp"), .kind = DOOR_SAML, .saml = { .entity_id = SPAN_LITERAL("urn:sp"), .acs = &left, .acs_count = 1 } };
    struct http_request r = request_of(w, &(struct send){ .method = "GET", .path = "/login/token" }, &arena, headers);
    saml_login_door.answer(&r, &res, &l, &door, &healthy);
    keep(w, &res);
    assert_int_equal(w->got.status, 400);
    assert_null(w->got.xml);
    buf_done(&res.body);
    arena_done(&arena);
}

/* ---- metadata ---- */

static void metadata_shows_the_keys_of_now_and_next(void **state)
{
    struct world *w = *state;
    struct err err;
    struct buf body;
    int64_t version = 0;
    send_it(w, &(struct send){ .method = "GET", .path = SAML_PATH_METADATA });
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->got.type, "application/samlmetadata+xml");
    assert_string_equal(w->got.cache, "public, max-age=300");
    assert_non_null(strstr(w->got.body, "entityID=\"" ENTITY "\""));
    assert_int_equal(count_of(w->got.body, "Location=\"" SSO "\""), 2);
    assert_int_equal(count_of(w->got.body, "<md:KeyDescriptor"), 1);
    assert_non_null(strstr(w->got.body, "WantAuthnRequestsSigned=\"false\"")); /* some of the doors take unsigned ones */
    struct signing_rotation rotation = { .kinds = 1u << SIGNING_SAML_RS256, .cause = SPAN_LITERAL("test") };
    assert_int_equal(signing_keys_rotate(&w->s.node, w->s.store, &rotation, &err), OK);
    buf_init(&body, SIGNING_RECORD_BYTES);
    assert_int_equal(w->s.store->ops->get(w->s.store, RECORD_CONTROL, SPAN_LITERAL("signing_keys"), &body, &version, &err), OK);
    assert_int_equal(signing_ring_load(w->s.node.signing, buf_span(&body), &err), OK);
    buf_done(&body);
    send_it(w, &(struct send){ .method = "GET", .path = SAML_PATH_METADATA });
    assert_int_equal(count_of(w->got.body, "<md:KeyDescriptor"), 2);
}

/* ---- what is kept ---- */

static void what_was_asked_survives_the_way(void **state)
{
    static const struct saml_asked rows[] = {
        { .id = { "_r1", 3 }, .acs = { ACS, sizeof ACS - 1 } },
        { .id = { "_r1", 3 }, .acs = { ACS, sizeof ACS - 1 }, .relay = { "\0\xff\n\"", 4 }, .has_relay = true, .subject = { "ana \"x\" \\", 9 }, .subject_format = { "urn:f", 5 },
          .name_id_format = { "urn:g", 5 }, .context = { "abc", 3 }, .app_instance = { "0oa", 3 }, .app_name = { "Pay", 3 } },
        { .id = { "_r1", 3 }, .acs = { ACS, sizeof ACS - 1 }, .has_relay = true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct span json = SPAN_NONE;
        struct saml_asked q;
        struct err err;
        arena_init(&arena, 4096, ARENA_BYTES);
        assert_int_equal(saml_asked_write(&rows[i], &arena, &json, &err), OK);
        assert_int_equal(saml_asked_read(json, &arena, &q, &err), OK);
        assert_true(span_equal(q.id, rows[i].id) && span_equal(q.acs, rows[i].acs) && span_equal(q.relay, rows[i].relay) && q.has_relay == rows[i].has_relay && span_equal(q.subject, rows[i].subject)
                    && span_equal(q.subject_format, rows[i].subject_format) && span_equal(q.name_id_format, rows[i].name_id_format) && span_equal(q.context, rows[i].context)
                    && span_equal(q.app_instance, rows[i].app_instance) && span_equal(q.app_name, rows[i].app_name));
        arena_done(&arena);
    }
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(a_doubtful_request_is_a_page), WITH(what_is_no_request_is_a_page), WITH(a_good_request_becomes_a_login), WITH(a_request_counts_once), WITH(relay_state_comes_back_as_it_went),
        WITH(success_is_signed_and_names_the_person), WITH(each_door_signs_what_its_sp_wants), WITH(names_are_of_the_format_that_is_wanted), WITH(a_persistent_name_stays_and_differs_by_sp),
        WITH(a_login_is_called_what_it_is_and_what_was_asked), WITH(okta_gets_facts_and_its_app_back), WITH(a_factor_claims_a_key_only_when_one_was_proved), WITH(nobody_is_named_who_was_not_proved),
        WITH(refusals_have_a_status_and_no_policy_in_them), WITH(wishes_nobody_can_meet_are_told_at_once), WITH(an_address_that_went_meanwhile_gets_no_answer), WITH(metadata_shows_the_keys_of_now_and_next),
        cmocka_unit_test(what_was_asked_survives_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, free_keys);
}
