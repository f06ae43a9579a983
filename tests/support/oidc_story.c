#include "tests/support/oidc_story.h"

#include "gateway/http/router.h"
#include "gateway/login_parts.h"
#include "gateway/once_memory.h"
#include "posture/base/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, BODY_BYTES = 256 * 1024 };
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char policy_format[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps:\n"
    "  - { id: payroll, title: Payroll, sensitivity: sensitive, match: { oauth_client_id: [0oaPay] } }\n"
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
    "  - { id: rp, kind: oidc, use: login, title: RP, app: wiki, oidc: { client_id: rp, redirect_uris: [\"" OIDC_CALLBACK "\", \"" OIDC_CALLBACK "?tenant=1\"] } }\n"
    "  - { id: post, kind: oidc, use: login, app: wiki, oidc: { client_id: post, redirect_uris: [\"" OIDC_CALLBACK "\"], auth: client_secret_post, pkce: false, signing: ES256 } }\n"
    "  - { id: jwt, kind: oidc, use: login, app: wiki, oidc: { client_id: jwt, redirect_uris: [\"" OIDC_CALLBACK "\"], auth: private_key_jwt, pkce: false, jwks: '%s' } }\n"
    "  - { id: spa, kind: oidc, use: login, app: wiki, oidc: { client_id: spa, redirect_uris: [\"" OIDC_CALLBACK "\"], auth: none } }\n"
    "  - { id: okta, kind: oidc, use: okta_posture, app: wiki, oidc: { client_id: okta, redirect_uris: [\"" OIDC_CALLBACK "\"], pkce: false } }\n"
    "  - { id: factor, kind: oidc, use: factor, app: wiki, oidc: { client_id: factor, redirect_uris: [\"" OIDC_CALLBACK "\"], pkce: false } }\n"
    "  - { id: entra, kind: oidc, use: entra, app: wiki, oidc: { client_id: entra, tenants: [6babcaad-604b-40ac-a9d7-9fd97c0b779f], hint_audience: entra,\n"
    "      redirect_uris: [\"https://login.microsoftonline.com/common/federation/externalauthprovider\"] } }\n";

/* ---- the world ---- */

void oidc_start(struct oidc_world *w)
{
    *w = (struct oidc_world){ .client_key = token_key_new(TOKEN_KEY_EC, 0) };
    char *jwks = token_key_set(w->client_key, "client-key");
    assert_in_range(snprintf(w->policy, sizeof w->policy, policy_format, jwks), 1, sizeof w->policy - 1);
    free(jwks);
    story_start(&w->s, w->policy);
    w->s.node.once = once_memory_new();
    story_signing_keys(&w->s);
    story_person(&w->s, OIDC_ANA, NULL, "ana@acme.example");
    story_person(&w->s, OIDC_BEN, NULL, "ben@acme.example");
    story_device(&w->s, OIDC_DOVER, OIDC_ANA);
    story_result(&w->s, OIDC_DOVER, "firewall", VERDICT_PASS);
}

void oidc_end(struct oidc_world *w)
{
    free(w->got.body);
    token_key_free(w->client_key);
    once_memory_free(w->s.node.once);
    w->s.node.once = NULL;
    story_end(&w->s);
}

/* ---- client secrets ---- */

enum { SECRET_LETTERS = 43, KEYS_MOST = 64 };
struct key_edit { struct oidc_world *w; const char *id, *secret, *door; };

static enum change_say edit_keys(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct key_edit *e = context;
    struct api_key all[KEYS_MOST];
    size_t count = 0;
    char hash[SECRET_HEX_BYTES + 1];
    struct to_json writer;
    assert_int_equal(control_api_keys_from_json(before, events->arena, all, KEYS_MOST - 1, &count, err), OK);
    secret_sha256_hex(span_of(e->secret), hash);
    all[count++] = (struct api_key){ .id = span_of(e->id), .label = span_of("story"), .secret_sha256 = span_of(hash), .scopes = SCOPE_LOGIN, .door = span_of(e->door), .created_s = 1 };
    to_json_init(&writer, after);
    control_api_keys_to_json(all, count, &writer);
    return change_event(events, &e->w->s.node, "key.created", SPAN_NONE, SPAN_NONE, SPAN_LITERAL("test"), SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

const char *oidc_secret(struct oidc_world *w, const char *door)
{
    char id[16], letters[SECRET_LETTERS + 1];
    struct err err;
    snprintf(id, sizeof id, "k%u", w->keys++);
    secret_random_text(letters, SECRET_LETTERS);
    letters[SECRET_LETTERS] = '\0';
    struct key_edit edit = { w, id, letters, door };
    if (change_control(&w->s.node, w->s.store, SPAN_LITERAL("api_keys"), edit_keys, &edit, &err) != OK)
        fail_msg("%s", err.text);
    story_feed(&w->s);
    snprintf(w->secret, sizeof w->secret, "pst_%s_%s", id, letters);
    return w->secret;
}

const char *oidc_basic(struct oidc_world *w, const char *client_id, const char *secret, char out[512])
{
    struct buf base64;
    char both[300];
    (void)w;
    snprintf(both, sizeof both, "%s:%s", client_id, secret);
    buf_init(&base64, 1024);
    assert_true(secret_base64(span_of(both), &base64));
    snprintf(out, 512, "Basic %s", buf_text(&base64));
    buf_done(&base64);
    return out;
}

/* ---- requests ---- */

static void keep(struct oidc_world *w, const struct http_response *res)
{
    const struct { const char *name; char *to; size_t room; } wanted[] = {
        { "Location", w->got.location, sizeof w->got.location }, { "Cache-Control", w->got.cache, sizeof w->got.cache }, { "Pragma", w->got.pragma, sizeof w->got.pragma },
        { "WWW-Authenticate", w->got.challenge, sizeof w->got.challenge }, { "Access-Control-Allow-Origin", w->got.origin, sizeof w->got.origin },
    };
    free(w->got.body);
    w->got = (struct oidc_got){ .status = res->status };
    assert_false(res->body.failed);
    w->got.body = span_dup(buf_span(&res->body));
    for (size_t i = 0; i < res->header_count; i++)
        for (size_t n = 0; n < COUNT(wanted); n++)
            if (strcmp(res->headers[i].name, wanted[n].name) == 0)
                snprintf(wanted[n].to, wanted[n].room, "%.*s", SPAN_ARGS(res->headers[i].value));
}

static struct http_request request_of(struct oidc_world *w, const struct oidc_ask *ask, struct arena *arena, struct http_header headers[4])
{
    struct http_request r = { .arena = arena, .node = &w->s.node, .method = strcmp(ask->method, "POST") == 0 ? HTTP_POST : HTTP_GET, .listener = LISTENER_PUBLIC, .tls = true,
                              .path = span_of(ask->path), .query = span_of(ask->query), .body = span_of(ask->body), .headers = headers, .id = "r1",
                              .now_ms = w->s.now_ms, .now_s = w->s.now_ms / 1000, .store = w->s.store };
    headers[r.header_count++] = (struct http_header){ SPAN_LITERAL("Host"), SPAN_LITERAL("posture.acme.example") };
    if (ask->authorization != NULL)
        headers[r.header_count++] = (struct http_header){ SPAN_LITERAL("Authorization"), span_of(ask->authorization) };
    if (ask->body != NULL)
        headers[r.header_count++] = (struct http_header){ SPAN_LITERAL("Content-Type"), ask->type != NULL ? span_of(ask->type) : SPAN_LITERAL("application/x-www-form-urlencoded") };
    return r;
}

void oidc_ask(struct oidc_world *w, const struct oidc_ask *ask)
{
    struct arena arena;
    struct http_header headers[4];
    struct http_response res = { .status = 200 };
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    struct http_request r = request_of(w, ask, &arena, headers);
    struct route_match match = router_find(&r);
    assert_non_null(match.route);
    if (match.route->fast != NULL)
        assert_int_equal(match.route->fast(&r, &res), ROUTE_DONE);
    else
        match.route->slow(&r, &res);
    keep(w, &res);
    buf_done(&res.body);
    arena_done(&arena);
    story_feed(&w->s);
}

/* ---- what came back ---- */

static const char *from_query(struct oidc_world *w, const char *name)
{
    struct arena arena;
    struct span value = SPAN_NONE, url = span_of(w->got.location);
    struct err err;
    size_t mark = span_find(url, '?');
    arena_init(&arena, 4096, ARENA_BYTES);
    if (form_value(&arena, span_slice(url, mark + 1, url.bytes), name, &value, &err) == OK)
        snprintf(w->returned, sizeof w->returned, "%.*s", SPAN_ARGS(value));
    arena_done(&arena);
    return w->returned;
}

/* Values of these tests hold nothing that HTML escapes but the ampersand and quotes, which no test looks for. */
static const char *from_page(struct oidc_world *w, const char *name)
{
    char field[128];
    snprintf(field, sizeof field, "name=\"%s\" value=\"", name);
    const char *at = w->got.body != NULL ? strstr(w->got.body, field) : NULL;
    if (at != NULL)
        snprintf(w->returned, sizeof w->returned, "%.*s", (int)strcspn(at + strlen(field), "\""), at + strlen(field));
    return w->returned;
}

const char *oidc_returned(struct oidc_world *w, const char *name)
{
    w->returned[0] = '\0';
    return w->got.location[0] != '\0' ? from_query(w, name) : from_page(w, name);
}

static const char *member_of(struct oidc_world *w, struct span json, const char *name)
{
    struct from_json *doc = NULL;
    struct buf text;
    struct span plain;
    struct err err;
    buf_init(&text, sizeof w->returned - 1);
    if (from_json_parse(json, (struct from_json_limits){ BODY_BYTES, 16 }, "answer", &doc, &err) != OK)
        fail_msg("%s: %.*s", err.text, SPAN_ARGS(json));
    struct from_json_value root = from_json_root(doc), member = from_json_member(&root, name);
    w->returned[0] = '\0';
    if (from_json_kind(&member) == FROM_JSON_TEXT && from_json_text(&member, sizeof w->returned - 1, &plain, &err) == OK)
        snprintf(w->returned, sizeof w->returned, "%.*s", SPAN_ARGS(plain));
    else if (from_json_write(&member, &text))
        snprintf(w->returned, sizeof w->returned, "%.*s", (int)text.bytes, text.at);
    buf_done(&text);
    from_json_free(doc);
    return w->returned;
}

const char *oidc_member(struct oidc_world *w, const char *name) { return member_of(w, span_of(w->got.body), name); }

const char *oidc_claim(struct oidc_world *w, const char *jwt, const char *name)
{
    struct buf json;
    struct err err;
    struct span rest = span_of(jwt), part;
    assert_true(span_cut(&rest, '.', &part) && span_cut(&rest, '.', &part));
    buf_init(&json, BODY_BYTES);
    assert_int_equal(secret_from_base64url(part, BODY_BYTES, &json, &err), OK);
    const char *found = member_of(w, buf_span(&json), name);
    buf_done(&json);
    return found;
}

/* ---- a login ---- */

struct login_result oidc_healthy(const struct oidc_world *w)
{
    return (struct login_result){ .decision = SPAN_LITERAL("x_aaaaaaaaaaaaaaaaaaaaaaaaaa"), .outcome = OUTCOME_ALLOW, .person = SPAN_LITERAL(OIDC_ANA), .email = SPAN_LITERAL("ana@acme.example"),
                                  .person_proved = true, .subject = SPAN_LITERAL("ana@acme.example"), .device = SPAN_LITERAL(OIDC_DOVER), .managed = true, .compliant = true,
                                  .proof = PROOF_WEBAUTHN, .app = SPAN_LITERAL("wiki"), .at_s = w->s.now_ms / 1000 };
}

static void open_login(struct oidc_world *w, struct arena *arena, struct login *l, struct door *door)
{
    struct err err;
    const char *path = strstr(w->got.location, "/login/");
    if (path == NULL)
        fail_msg("no login was begun: %d %s %s", w->got.status, w->got.location, w->got.body);
    assert_int_equal(w->got.status, 303);
    if (login_open(&w->s.node, arena_copy_text(arena, path + strlen("/login/")), w->s.now_ms / 1000, arena, l, &err) != OK)
        fail_msg("%s", err.text);
    directory_enter(w->s.node.directory);
    const struct door *found = policy_door(directory_control(w->s.node.directory)->policy, l->door);
    assert_non_null(found);
    assert_true(door_copy(found, arena, door));
    directory_leave(w->s.node.directory);
}

void oidc_login(struct oidc_world *w, const char *query, const struct login_result *result, const enum login_refusal *refusal)
{
    struct arena arena;
    struct http_header headers[4];
    struct http_response res = { .status = 200 };
    struct login l;
    struct door door;
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_AUTHORIZE, .query = query });
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    open_login(w, &arena, &l, &door);
    l.proof.proof = result->proof;
    struct http_request r = request_of(w, &(struct oidc_ask){ .method = "GET", .path = "/login/token" }, &arena, headers);
    if (refusal != NULL)
        oidc_login_door.refuse(&r, &res, &l, &door, result, *refusal);
    else
        oidc_login_door.answer(&r, &res, &l, &door, result);
    keep(w, &res);
    buf_done(&res.body);
    arena_done(&arena);
}
