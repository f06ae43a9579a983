#include "tests/support/pages_story.h"

#include "gateway/allowance.h"
#include "gateway/slow_lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

const char pages_policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps:\n"
    "  - { id: payroll, title: Payroll, sensitivity: sensitive }\n"
    "  - { id: wiki, title: \"Wiki <i>&\", sensitivity: everyday }\n"
    "  - { id: chat, title: Chat, sensitivity: sensitive, repair: true }\n"
    "checks:\n"
    "  - { use: library/firewall, severity: high }\n"
    "  - { use: library/screen-lock, severity: normal }\n"
    "  - id: keys\n"
    "    title: Your keys have a passphrase\n"
    "    what: One of your keys has no passphrase.\n"
    "    why: Anyone who copies it can use it.\n"
    "    fix: { macos: [\"Type `ssh-keygen -p`.\", Choose a passphrase.] }\n"
    "    minutes: 1\n"
    "    needs_admin: true\n"
    "    severity: high\n"
    "    exemptions: false\n"
    "    collects: Whether each key is encrypted. Never the key.\n"
    "    osquery: { macos: \"SELECT encrypted FROM user_ssh_keys WHERE '<b>' != ''\" }\n"
    "    pass: all(encrypted == 1)\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [normal, high], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: warn, after: 60s, login: warn }, { id: closed, after: 120s, close: [sensitive] }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "    snooze: { times: 1, length: 1d, per: 7d }\n"
    "    continue_once: { times: 1, length: 8h, per: 7d }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { hours: \"10:00-16:00\", days: [mon, tue, wed, thu, fri], zone: UTC }\n"
    "outage: { everyday: allow, sensitive: { last_known_good: 1h, then: deny } }\n"
    "breaker: off\n"
    "exemptions: { approvers: [ben@acme.example, deciders], length: 30d, longest: 90d }\n"
    "unidentified_device: { everyday: warn, sensitive: deny }\n"
    "doors:\n"
    "  - { id: sp, kind: saml, use: login, title: Acme SP, app: payroll, warn_every: 1d, saml: { entity_id: \"https://sp.example\", acs: [\"https://sp.example/acs\"] } }\n"
    "  - { id: okta, kind: saml, use: okta_posture, title: Okta, app: payroll, login: 5m, saml: { entity_id: \"https://okta.example\", acs: [\"https://okta.example/acs\"] } }\n"
    "  - { id: direct, kind: oidc, use: login, when_denied: answer, app: payroll, oidc: { client_id: direct, redirect_uris: [\"https://rp.example/cb\"] } }\n"
    "help: { team: \"The <b>team\", contact: it-help@acme.example, hours: \"9 to 17\" }\n";

/* ---- a browser ---- */

struct pages_seen pages_last;
const struct route_table *pages_more;

static void note_headers(const struct http_response *res)
{
    const struct { const char *name; char *to; size_t room; } wanted[] = {
        { "Location", pages_last.location, sizeof pages_last.location }, { "Cache-Control", pages_last.cache, sizeof pages_last.cache }, { "Content-Security-Policy", pages_last.security, sizeof pages_last.security },
        { "Set-Cookie", pages_last.cookie, sizeof pages_last.cookie },
    };
    for (size_t i = 0; i < res->header_count; i++)
        for (size_t w = 0; w < COUNT(wanted); w++)
            if (strcmp(res->headers[i].name, wanted[w].name) == 0)
                snprintf(wanted[w].to, wanted[w].room, "%.*s", SPAN_ARGS(res->headers[i].value));
}

static void keep(struct http_response *res)
{
    free(pages_last.text);
    pages_last = (struct pages_seen){ .status = res->status };
    assert_false(res->body.failed);
    pages_last.text = span_dup(buf_span(&res->body));
    snprintf(pages_last.type, sizeof pages_last.type, "%s", res->content_type);
    note_headers(res);
}

void pages_visit(struct story *s, const struct pages_visit *v)
{
    const struct route_table *const tables[] = { &me_routes, &login_routes, pages_more };
    const struct router router = { tables, pages_more != NULL ? 3 : 2 };
    struct arena arena;
    struct http_header headers[8];
    size_t count = 0;
    arena_init(&arena, 64 * 1024, 8 * 1024 * 1024);
    s->node.router = &router;
    struct http_request r = { .arena = &arena, .node = &s->node, .method = strcmp(v->method, "POST") == 0 ? HTTP_POST : strcmp(v->method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET,
                              .listener = LISTENER_PUBLIC, .path = span_of(v->path), .query = span_of(v->query), .body = span_of(v->body), .headers = headers, .id = "r1",
                              .now_ms = s->now_ms, .now_s = s->now_ms / 1000 };
    struct http_response res = { .status = 200 };
    const struct http_header given[] = { { SPAN_LITERAL("Host"), v->host != NULL ? span_of(v->host) : SPAN_LITERAL("posture.acme.example") },
                                         { SPAN_LITERAL("Cookie"), span_of(v->cookie) },
                                         { SPAN_LITERAL("X-Postern-Look"), v->look ? SPAN_LITERAL("1") : SPAN_NONE },
                                         { SPAN_LITERAL("Sec-Fetch-Site"), span_of(v->site) },
                                         { SPAN_LITERAL("Origin"), span_of(v->origin) },
                                         { SPAN_LITERAL("Content-Type"), v->body != NULL ? SPAN_LITERAL("application/x-www-form-urlencoded") : SPAN_NONE } };
    for (size_t i = 0; i < COUNT(given); i++)
        if (!span_empty(given[i].value))
            headers[count++] = given[i];
    if (v->purpose != NULL)
        headers[count++] = (struct http_header){ SPAN_LITERAL("Sec-Purpose"), span_of(v->purpose) };
    r.header_count = count;
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    struct route_match match = router_find(&r);
    assert_non_null(match.route);
    assert_true((match.route->listeners & LISTENER_PUBLIC) != 0);
    r.store = match.route->fast == NULL ? s->store : NULL;
    if (match.route->fast == NULL)
        match.route->slow(&r, &res);
    else
        assert_int_equal(match.route->fast(&r, &res), ROUTE_DONE);
    keep(&res);
    buf_done(&res.body);
    arena_done(&arena);
    s->node.router = NULL;
    story_feed(s);
}

void pages_get(struct story *s, const char *path, const char *query) { pages_visit(s, &(struct pages_visit){ .method = "GET", .path = path, .query = query }); }
void pages_post(struct story *s, const char *path, const char *body) { pages_visit(s, &(struct pages_visit){ .method = "POST", .path = path, .body = body, .site = "same-origin" }); }

void pages_say(const char *words)
{
    if (strstr(pages_last.text, words) == NULL)
        fail_msg("the page does not say: %s\n%s", words, pages_last.text);
}

void pages_do_not_say(const char *words)
{
    if (strstr(pages_last.text, words) != NULL)
        fail_msg("the page says: %s\n%s", words, pages_last.text);
}

/* In the order in which they are given. */
void pages_say_in_order(const char *const *words)
{
    const char *at = pages_last.text;
    for (size_t i = 0; words[i] != NULL; i++) {
        const char *found = strstr(at, words[i]);
        if (found == NULL)
            fail_msg("not there, or not after \"%s\": %s\n%s", i > 0 ? words[i - 1] : "", words[i], pages_last.text);
        at = found;
    }
}

/* ---- people, devices, links ---- */


static enum change_say edit_look(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct pages_look *l = ((void **)context)[0];
    const struct node *node = ((void **)context)[1];
    struct identifier *ids = arena_alloc(&copy->arena, sizeof *ids);
    struct result *results = arena_array(&copy->arena, copy->result_count + 1, sizeof *results);
    (void)err;
    copy->name = arena_copy_text(&copy->arena, l->name);
    copy->model = arena_copy_text(&copy->arena, l->model);
    copy->serial = arena_copy_text(&copy->arena, l->serial);
    copy->owner = arena_copy(&copy->arena, span_of(l->owner));
    copy->duplicate_of = l->duplicate ? SPAN_LITERAL(EPPING) : SPAN_NONE;
    ids[0] = (struct identifier){ SPAN_LITERAL("serial"), copy->serial, SPAN_LITERAL("osquery"), 1 };
    copy->identifiers = ids;
    copy->identifier_count = 1;
    for (size_t i = 0; i < copy->result_count; i++) {
        results[i] = copy->results[i];
        results[i].saw = arena_copy(&copy->arena, span_of(l->saw));
        results[i].evaluated_s = l->saw != NULL ? clock_wall_s(node->clock) : results[i].evaluated_s; /* it was looked at again */
    }
    copy->results = results;
    return change_event(events, node, "device.owner", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void pages_dress(struct story *s, const char *id, const struct pages_look *l)
{
    struct err err;
    const void *context[] = { l, &s->node };
    assert_int_equal(change_device(&s->node, s->store, span_of(id), true, edit_look, context, &err), OK);
    story_feed(s);
}

struct edit_of { const struct node *node; const char *kind, *value; };

static enum change_say edit_identifier(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct edit_of *e = context;
    struct identifier *all = arena_array(&copy->arena, copy->identifier_count + 1, sizeof *all);
    (void)err;
    for (size_t i = 0; i < copy->identifier_count; i++)
        all[i] = copy->identifiers[i];
    all[copy->identifier_count++] = (struct identifier){ arena_copy_text(&copy->arena, e->kind), arena_copy_text(&copy->arena, e->value), SPAN_LITERAL("admin"), 1 };
    copy->identifiers = all;
    return change_event(events, e->node, "device.identifier", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void pages_identify(struct story *s, const char *id, const char *kind, const char *value)
{
    struct edit_of e = { &s->node, kind, value };
    struct err err;
    assert_int_equal(change_device(&s->node, s->store, span_of(id), false, edit_identifier, &e, &err), OK);
    story_feed(s);
}

static enum change_say edit_remove(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct edit_of *e = context;
    (void)err;
    copy->removed = true;
    return change_event(events, e->node, "device.removed", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void pages_remove(struct story *s, const char *id)
{
    struct edit_of e = { .node = &s->node };
    struct err err;
    assert_int_equal(change_device(&s->node, s->store, span_of(id), false, edit_remove, &e, &err), OK);
    story_feed(s);
}

const struct pages_look pages_dover = { .name = "dover", .model = "MacBook Pro", .serial = SERIAL, .owner = ANA };

void pages_start(struct story *s)
{
    story_start(s, pages_policy);
    s->node.allowances = allowance_new();
    story_person(s, ANA, "U0ANA", "ana@acme.example");
    story_person(s, BEN, NULL, "ben@acme.example");
    story_device(s, DOVER, ANA);
    pages_dress(s, DOVER, &pages_dover);
    story_result(s, DOVER, "firewall", VERDICT_PASS);
    story_result(s, DOVER, "screen-lock", VERDICT_PASS);
    story_result(s, DOVER, "keys", VERDICT_PASS);
}

void pages_end(struct story *s)
{
    allowance_free(s->node.allowances);
    free(pages_last.text);
    pages_last.text = NULL;
    story_end(s);
}

/* The path of the page, at most `room` bytes. */
static const char *path_of(const struct buf *url, char *path, size_t room)
{
    const char *text = url->at + strlen("https://posture.acme.example");
    snprintf(path, room, "%.*s", (int)(url->bytes - strlen("https://posture.acme.example")), text);
    return path;
}

struct blocked_link pages_payroll(struct story *s)
{
    return (struct blocked_link){ .decision = SPAN_LITERAL("x_decisionaaaaaaaaaaaaaaaaaa"), .person = SPAN_LITERAL(ANA), .device = SPAN_LITERAL(DOVER), .app = SPAN_LITERAL("payroll"),
                                  .at_s = s->now_ms / 1000, .expires_s = s->now_ms / 1000 + 40 * 86400, .outcome = OUTCOME_DENY, .door = DEVICE_NAMED };
}

const char *pages_blocked_path(struct story *s, const struct blocked_link *link, char path[LINK_URL_BYTES])
{
    struct buf url;
    struct err err;
    buf_init(&url, LINK_URL_BYTES);
    assert_int_equal(link_blocked(&s->node, link, &url, &err), OK);
    path_of(&url, path, LINK_URL_BYTES);
    buf_done(&url);
    return path;
}

const char *pages_me_path(struct story *s, const char *person, char path[LINK_URL_BYTES])
{
    struct buf url;
    struct err err;
    buf_init(&url, LINK_URL_BYTES);
    assert_int_equal(link_me(&s->node, span_of(person), s->now_ms / 1000 + 3600, &url, &err), OK);
    path_of(&url, path, LINK_URL_BYTES);
    buf_done(&url);
    return path;
}

const char *pages_under(const char *path, const char *action)
{
    static char whole[LINK_URL_BYTES + 32];
    snprintf(whole, sizeof whole, "%s/%s", path, action);
    return whole;
}

static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    static const char *const checks[] = { "firewall", "keys", "screen-lock" };
    struct story *s = context;
    (void)err;
    for (size_t i = 0; i < COUNT(checks); i++) {
        struct device *d = story_stored_device(s, DOVER);
        const struct result *result = device_result(d, span_of(checks[i]));
        if (result != NULL && result->verdict == VERDICT_FAIL)
            assert_true(person_add_told(copy, d->id, span_of(checks[i]), s->now_ms / 1000));
        device_free(d);
    }
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

/* Ana is told of all that fails, and time passes. */
void pages_tell_and_wait(struct story *s, int64_t seconds)
{
    struct err err;
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit_told, s, &err), OK);
    story_feed(s);
    s->now_ms += seconds * 1000;
    directory_heard(s->node.directory);
}

void pages_fail_for(struct story *s, int64_t seconds)
{
    story_result(s, DOVER, "firewall", VERDICT_FAIL);
    pages_tell_and_wait(s, seconds);
}

/* Views through the slow lane; it is stopped before the log is looked at. */
size_t pages_delivered_by(struct story *s, const struct pages_visit *v)
{
    struct store_factory stores = fake_store_factory(s->server);
    struct err err;
    size_t before = story_events(s, "notice.delivered");
    assert_int_equal(slow_lane_new(&s->node, 1, 8, &stores, &s->node.slow_lane, &err), OK);
    pages_visit(s, v);
    slow_lane_stop(s->node.slow_lane);
    slow_lane_free(s->node.slow_lane);
    s->node.slow_lane = NULL;
    story_feed(s);
    return story_events(s, "notice.delivered") - before;
}

