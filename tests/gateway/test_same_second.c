/* A deadline passes in every door in the same second: the same stored state, no job having run in between, asked through each door's own route a second before and
 * at the second. */
#include "gateway/doors/okta_watch.h"
#include "gateway/effects_okta.h"
#include "gateway/http/router.h"

#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
enum { CLOSES_S = 3600 };
static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive, match: { host: [pay.example], oauth_client_id: [0oaPay], saml_entity_id: [\"https://pay.example/saml\"] } }]\n"
    "checks: [{ use: library/firewall, severity: high }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [high], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 1h, close: [sensitive] }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    notices_before_close: 1\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], zone: UTC }\n"
    "breaker: off\n"
    "doors:\n"
    "  - { id: hooks, kind: okta_hook, app: payroll, hook: { claim: device_posture, refuse: true } }\n";

/* ---- one door ---- */

struct ask { const char *name, *method, *path, *query, *body, *person, *host, *open /* a part of the answer while it is open */, *closed; int open_status, closed_status; };
static const struct ask doors[] = {
    { "forward-auth", "GET", "/forward-auth", "", NULL, "ana@acme.example", "pay.example", "", "", 200, 403 },
    { "AuthZEN, the person", "POST", "/access/v1/evaluation", "",
      "{\"subject\":{\"type\":\"user\",\"id\":\"ana@acme.example\"},\"action\":{\"name\":\"login\"},\"resource\":{\"type\":\"app\",\"id\":\"payroll\"}}", NULL, NULL, "\"decision\":true", "\"decision\":false", 200, 200 },
    { "AuthZEN, the person on the device", "POST", "/access/v1/evaluation", "",
      "{\"subject\":{\"type\":\"user\",\"id\":\"ana@acme.example\"},\"action\":{\"name\":\"login\"},\"resource\":{\"type\":\"app\",\"id\":\"payroll\"},\"context\":{\"device\":{\"id\":\"" DOVER "\"}}}",
      NULL, NULL, "\"decision\":true", "\"decision\":false", 200, 200 },
    { "AuthZEN, several at once", "POST", "/access/v1/evaluations", "",
      "{\"subject\":{\"type\":\"user\",\"id\":\"ana@acme.example\"},\"action\":{\"name\":\"login\"},\"evaluations\":[{\"resource\":{\"type\":\"app\",\"id\":\"payroll\"}}]}", NULL, NULL, "\"decision\":true",
      "\"decision\":false", 200, 200 },
    { "Okta's token hook", "POST", "/hooks/okta/token", "",
      "{\"eventId\":\"e1\",\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{\"context\":{\"user\":{\"id\":\"00uA\",\"profile\":{\"login\":\"ana@acme.example\"}},"
      "\"protocol\":{\"type\":\"OAUTH2.0\",\"client\":{\"id\":\"0oaPay\"}}},\"access\":{\"claims\":{},\"token\":{\"lifetime\":{\"expiration\":3600}}}}}", NULL, NULL, "device_posture", "\"error\":", 200, 200 },
    { "the posture API", "GET", "/v1/posture", "device=" DOVER, NULL, NULL, NULL, "", "\"rung\":\"closed\"", 200, 200 },
};

static void ask(struct story *s, const struct ask *a, bool closed)
{
    static const struct route_table *const tables[] = { &forward_auth_routes, &authzen_routes, &okta_hook_routes, &posture_routes };
    const struct router router = { tables, sizeof tables / sizeof tables[0] };
    struct arena arena;
    const struct http_header headers[] = { { SPAN_LITERAL("X-Postern-Person"), span_of(a->person) }, { SPAN_LITERAL("X-Forwarded-Host"), span_of(a->host) },
                                           { SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json") } };
    arena_init(&arena, 64 * 1024, 8 * 1024 * 1024);
    s->node.router = &router;
    struct http_request r = { .arena = &arena, .node = &s->node, .method = strcmp(a->method, "POST") == 0 ? HTTP_POST : HTTP_GET, .listener = strncmp(a->path, "/hooks", 6) == 0 ? LISTENER_PUBLIC : LISTENER_INTERNAL, .path = span_of(a->path),
                              .query = span_of(a->query), .body = span_of(a->body), .headers = headers, .header_count = 3, .trusted_proxy = true, .id = "r1",
                              .caller = { CALLER_API_KEY, SPAN_LITERAL("k_1"), SPAN_LITERAL("test"), ~0u, SPAN_NONE }, .now_ms = s->now_ms, .now_s = s->now_ms / 1000 };
    struct http_response res = { .status = 200 };
    buf_init(&res.body, 1024 * 1024);
    struct route_match match = router_find(&r);
    assert_non_null(match.route);
    assert_non_null(match.route->fast);
    assert_int_equal(match.route->fast(&r, &res), ROUTE_DONE);
    const char *wanted = closed ? a->closed : a->open, *text = res.body.bytes > 0 ? buf_text(&res.body) : "";
    bool wrong = !closed && a->closed[0] != '\0' && strstr(text, a->closed) != NULL;
    if (wrong || res.status != (closed ? a->closed_status : a->open_status) || strstr(text, wanted) == NULL)
        fail_msg("%s, %s: %d %s", a->name, closed ? "closed" : "open", res.status, text);
    buf_done(&res.body);
    arena_done(&arena);
    s->node.router = NULL;
}

static void assert_plan(struct story *s, enum okta_aim aim)
{
    static const struct okta_rule rule = { { "sensitive", 9 }, { "00gClosed", 9 }, false };
    const struct okta_options options = { .rules = &rule, .rule_count = 1 };
    struct okta_plan plan;
    struct arena arena;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    okta_plan_make(&s->node, &options, SPAN_LITERAL(ANA), &arena, &plan);
    assert_true(plan.known);
    assert_int_equal(plan.rules[0], aim);
    arena_done(&arena);
}

static void assert_all(struct story *s, bool closed)
{
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        print_message("%s: %s\n", doors[i].name, closed ? "closed" : "open");
        ask(s, &doors[i], closed);
    }
    assert_plan(s, closed ? OKTA_CLOSED : OKTA_OPEN);
}

/* ---- the story ---- */

static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    assert_true(person_add_told(copy, SPAN_LITERAL(DOVER), SPAN_LITERAL("firewall"), s->now_ms / 1000));
    return change_event(events, &s->node, "notice.delivered", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void start(struct story *s)
{
    struct err err;
    story_start(s, policy);
    s->node.okta = okta_watch_new();
    story_person(s, ANA, "U0ANA", "ana@acme.example");
    story_device(s, DOVER, ANA);
    story_result(s, DOVER, "firewall", VERDICT_FAIL);
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit_told, s, &err), OK);
    story_feed(s);
}

static void end(struct story *s)
{
    okta_watch_free(s->node.okta);
    story_end(s);
}

static void every_door_closes_in_the_same_second(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    s.now_ms += (CLOSES_S - 1) * 1000;
    story_feed(&s);
    assert_all(&s, false);
    s.now_ms += 999; /* the last millisecond of the second before */
    story_feed(&s);
    assert_all(&s, false);
    s.now_ms += 1;
    story_feed(&s);
    assert_all(&s, true);
    end(&s);
}

static void every_door_opens_with_the_fix(void **state)
{
    struct story s;
    (void)state;
    start(&s);
    s.now_ms += 2 * CLOSES_S * 1000;
    story_feed(&s);
    assert_all(&s, true);
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    assert_all(&s, false);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_door_closes_in_the_same_second),
        cmocka_unit_test(every_door_opens_with_the_fix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
