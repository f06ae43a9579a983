/* A login from its beginning to its answer, with doors that only write down what they were told to say. The proof of the device is put into the
 * token: what a request proves is test_device_proof.c's. */
#include "gateway/login_parts.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define BROWSER "AAAAAAAAAAAAAAAAAAAAAA"
#define COOKIE "__Host-postern-login=" BROWSER
#define REQUEST "{\"id\":\"_r1\",\"relay\":\"a\\\"b\"}"

/* ---- a door ---- */

static void say(struct http_request *r, struct http_response *res, const char *what, const struct login *l, const struct login_result *x)
{
    response_text(res, 200, "text/plain", arena_format(r->arena, "%s door=%.*s subject=%.*s person=%.*s email=%.*s proved=%d device=%.*s managed=%d compliant=%d proof=%s app=%.*s outcome=%s request=%.*s",
                                                       what, SPAN_ARGS(l->door), SPAN_ARGS(x->subject), SPAN_ARGS(x->person), SPAN_ARGS(x->email), x->person_proved, SPAN_ARGS(x->device), x->managed,
                                                       x->compliant, proof_name(x->proof), SPAN_ARGS(x->app), outcome_name(x->outcome), SPAN_ARGS(l->request)));
}

static void answer(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *x)
{
    (void)door;
    say(r, res, "ANSWER", l, x);
}

static void refuse(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *x, enum login_refusal why)
{
    static const char *const words[] = { "REFUSE denied", "REFUSE unproved", "REFUSE passive", "REFUSE outage" };
    (void)door;
    say(r, res, words[why], l, x);
}

static const struct login_door saml = { DOOR_SAML, answer, refuse }, oidc = { DOOR_OIDC, answer, refuse };
static const struct login_door *const doors[DOOR_KINDS] = { [DOOR_SAML] = &saml, [DOOR_OIDC] = &oidc };

struct begin { const char *door, *person, *app; enum login_person named; bool passive, force; size_t request_bytes; };
static struct begin begin_next;

static void begin_route(struct http_request *r, struct http_response *res)
{
    const struct begin *b = &begin_next;
    char *big = b->request_bytes > 0 ? memset(arena_alloc(r->arena, b->request_bytes), 'x', b->request_bytes) : NULL;
    struct login l = { .door = span_of(b->door), .person = span_of(b->person), .named = b->named, .app = span_of(b->app), .passive = b->passive, .force = b->force,
                       .request = big != NULL ? span_make(big, b->request_bytes) : SPAN_LITERAL(REQUEST) };
    login_begin(r, res, &l);
}
static const struct route begin_rows[] = { { HTTP_GET, "/begin", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, begin_route, "begin" } };
static const struct route_table begin_routes = { begin_rows, 1 };

/* ---- a browser ---- */

struct world { struct story s; char path[9000]; };

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    pages_start(&w->s);
    w->s.node.login_doors = doors;
    pages_more = &begin_routes;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pages_more = NULL;
    pages_end(&w->s);
    free(w);
    return 0;
}

static void begin(struct world *w, const struct begin *b)
{
    begin_next = *b;
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = "/begin", .cookie = COOKIE });
    const char *path = strstr(pages_last.location, "/login/");
    snprintf(w->path, sizeof w->path, "%s", path != NULL ? path : "");
}

static void get(struct world *w, const char *query) { pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->path, .query = query, .cookie = COOKIE }); }
static void post(struct world *w, const char *action)
{
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = pages_under(w->path, action), .body = "", .site = "same-origin", .cookie = COOKIE });
}

/* The same login after its device was proved; `as` as its door wants it from then on, NULL: unchanged. */
static void prove_as(struct world *w, const char *device, enum proof proof, const struct begin *as)
{
    struct arena a;
    struct buf token;
    struct login l;
    struct err err;
    arena_init(&a, 4096, 1024 * 1024);
    buf_init(&token, 16 * 1024);
    assert_int_equal(login_open(&w->s.node, span_of(w->path + strlen("/login/")), w->s.now_ms / 1000, &a, &l, &err), OK);
    l.proof = (struct device_proof){ .proof = proof, .device = span_of(device), .at_s = w->s.now_ms / 1000 };
    if (as != NULL)
        l.door = span_of(as->door), l.passive = as->passive;
    assert_int_equal(login_seal(&w->s.node, &l, &token, &err), OK);
    snprintf(w->path, sizeof w->path, "/login/%.*s", (int)token.bytes, token.at);
    buf_done(&token);
    arena_done(&a);
}

static void prove(struct world *w, const char *device, enum proof proof) { prove_as(w, device, proof, NULL); }

/* ---- outcomes ---- */

/* What no page may interrupt is answered at the beginning, before this test can prove a device: such logins become so on the way. */
static struct begin with_pages(const struct begin *b)
{
    struct begin begin = *b;
    if (strcmp(b->door, "direct") == 0)
        begin.door = "sp";
    begin.passive = false;
    return begin;
}

static void each_login_ends_as_it_should(void **state)
{
    static const struct {
        const char *name;
        struct begin begin;
        const char *device; enum proof proof; /* NULL: none */
        int64_t failing_s;
        int status; const char *says, *never;
    } rows[] = {
        { "healthy, asserted", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, DOVER, PROOF_CERTIFICATE, 0, 200,
          "ANSWER door=sp subject=ana@acme.example person=" ANA " email=ana@acme.example proved=1 device=" DOVER " managed=1 compliant=1 proof=certificate app=payroll outcome=allow request=" REQUEST, NULL },
        { "nobody named: the device's owner", { .door = "sp" }, DOVER, PROOF_COOKIE, 0, 200, "ANSWER door=sp subject=ana@acme.example person=" ANA " email=ana@acme.example proved=1", NULL },
        { "a hint that the device confirms", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_HINTED }, DOVER, PROOF_COOKIE, 0, 200, "ANSWER door=sp subject=ana@acme.example", NULL },
        { "a hint of somebody else", { .door = "sp", .person = "ben@acme.example", .named = LOGIN_PERSON_HINTED, .app = "wiki" }, DOVER, PROOF_CERTIFICATE, 0, 200, "We do not know this device yet", "ben@" },
        { "a hint alone opens nothing", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_HINTED, .app = "wiki" }, NULL, PROOF_NONE, 0, 200, "We do not know this device yet", "/me/" },
        { "a hint to whom we do not know tells nothing", { .door = "sp", .person = "eve@acme.example", .named = LOGIN_PERSON_HINTED }, NULL, PROOF_NONE, 0, 200, "We do not know this device yet", "account" },
        { "asserted and unknown", { .door = "sp", .person = "eve@acme.example", .named = LOGIN_PERSON_ASSERTED }, NULL, PROOF_NONE, 0, 200, "We do not know this account yet", NULL },
        { "asserted, no device, an everyday app", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED, .app = "wiki" }, NULL, PROOF_NONE, 0, 200, "Continue to Wiki", NULL },
        { "asserted, no device, a sensitive app", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, NULL, PROOF_NONE, 0, 200, "We do not know this device yet", "Continue to" },
        { "behind an IdP a hint is echoed", { .door = "okta", .person = "ana@acme.example", .named = LOGIN_PERSON_HINTED, .app = "wiki", .passive = true }, NULL, PROOF_NONE, 0, 200,
          "ANSWER door=okta subject=ana@acme.example person=" ANA " email=ana@acme.example proved=0 device= managed=0 compliant=0 proof=none app=wiki outcome=warn", NULL },
        { "nobody named, nothing proved", { .door = "okta", .app = "wiki" }, NULL, PROOF_NONE, 0, 200, "We do not know this device yet", "ANSWER" },
        { "blocked", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, DOVER, PROOF_CERTIFICATE, 130, 200, "One thing to fix before you can open Payroll", "ANSWER" },
        { "blocked in payroll, open in the wiki", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED, .app = "chat" }, DOVER, PROOF_CERTIFICATE, 130, 200, "ANSWER", NULL },
        { "warned", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, DOVER, PROOF_CERTIFICATE, 70, 200, "One thing to fix soon. Payroll opens now", "ANSWER" },
        { "warned, and no page may be shown", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED, .passive = true }, DOVER, PROOF_CERTIFICATE, 70, 200, "ANSWER", NULL },
        { "blocked, and no page may be shown", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED, .passive = true }, DOVER, PROOF_CERTIFICATE, 130, 200, "REFUSE passive", NULL },
        { "blocked, and the door wants the answer at once", { .door = "direct", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, DOVER, PROOF_CERTIFICATE, 130, 200,
          "REFUSE denied door=direct subject=ana@acme.example person=" ANA " email=ana@acme.example proved=1 device=" DOVER " managed=1 compliant=0", NULL },
        { "not proved, and the door wants the answer at once", { .door = "direct", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED }, NULL, PROOF_NONE, 0, 200, "REFUSE unproved", NULL },
        { "an app that is not known", { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED, .app = "0oaNew" }, DOVER, PROOF_CERTIFICATE, 0, 200, "We do not know this app yet", NULL },
        { "no such door", { .door = "gone" }, NULL, PROOF_NONE, 0, 400, "This login cannot go on", NULL },
        { "too long to go on with", { .door = "sp", .request_bytes = LOGIN_REQUEST_BYTES + 1 }, NULL, PROOF_NONE, 0, 400, "longer than it may be", NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w;
        (void)set_up((void **)&w);
        if (rows[i].failing_s > 0)
            pages_fail_for(&w->s, rows[i].failing_s);
        struct begin first = rows[i].device != NULL ? with_pages(&rows[i].begin) : rows[i].begin;
        begin(w, &first);
        if (w->path[0] != '\0') {
            if (rows[i].device != NULL)
                prove_as(w, rows[i].device, rows[i].proof, &rows[i].begin);
            get(w, NULL);
        }
        if (pages_last.status != rows[i].status || strstr(pages_last.text, rows[i].says) == NULL || (rows[i].never != NULL && strstr(pages_last.text, rows[i].never) != NULL))
            fail_msg("%s: %d %s", rows[i].name, pages_last.status, pages_last.text);
        (void)tear_down((void **)&w);
    }
    *state = NULL;
}

static const struct begin ana = { .door = "sp", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED };

static void the_same_login_goes_on_when_it_is_fixed(void **state)
{
    struct world *w = *state;
    pages_fail_for(&w->s, 130);
    begin(w, &ana);
    assert_int_equal(pages_last.status, 303);
    prove(w, DOVER, PROOF_CERTIFICATE);
    get(w, NULL);
    pages_say("One thing to fix before you can open Payroll");
    pages_say("/recheck\"");
    pages_say("Check again</button>");
    pages_say("Go back to Acme SP");
    post(w, "recheck");
    assert_int_equal(pages_last.status, 303);
    pages_say("");
    assert_non_null(strstr(pages_last.location, "checking="));
    story_result(&w->s, DOVER, "firewall", VERDICT_PASS);
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->path, .query = "checking=1", .cookie = COOKIE, .look = true });
    pages_say("It is fixed. We take you back now.");
    pages_say("data-go=\"https://posture.acme.example/login/");
    pages_do_not_say("ANSWER");
    get(w, NULL);
    pages_say("ANSWER door=sp");
}

static void a_warning_is_read_once_a_period(void **state)
{
    struct world *w = *state;
    pages_fail_for(&w->s, 70);
    begin(w, &ana);
    prove(w, DOVER, PROOF_CERTIFICATE);
    get(w, NULL);
    pages_say("Continue to Payroll");
    const char *on = strstr(pages_last.text, "https://posture.acme.example/login/");
    assert_non_null(on);
    snprintf(w->path, sizeof w->path, "%.*s", (int)strcspn(on + strlen("https://posture.acme.example"), "\""), on + strlen("https://posture.acme.example"));
    get(w, NULL);
    pages_say("ANSWER");
    assert_int_equal(story_events(&w->s, "person.warned"), 1);
    begin(w, &ana);
    prove(w, DOVER, PROOF_CERTIFICATE);
    get(w, NULL);
    pages_say("ANSWER"); /* read today */
    assert_int_equal(story_events(&w->s, "person.warned"), 1);
    struct begin forced = ana;
    forced.force = true;
    begin(w, &forced);
    prove(w, DOVER, PROOF_CERTIFICATE);
    get(w, NULL);
    pages_say("Continue to Payroll");
}

static void a_person_may_stop(void **state)
{
    struct world *w = *state;
    pages_fail_for(&w->s, 130);
    begin(w, &ana);
    prove(w, DOVER, PROOF_CERTIFICATE);
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = pages_under(w->path, "stop"), .body = "", .site = "cross-site", .origin = "https://evil.example", .cookie = COOKIE });
    pages_do_not_say("REFUSE");
    post(w, "stop");
    pages_say("REFUSE denied door=sp");
}

static void too_late_is_said_so(void **state)
{
    struct world *w = *state;
    struct begin okta = { .door = "okta", .person = "ana@acme.example", .named = LOGIN_PERSON_ASSERTED };
    begin(w, &okta);
    w->s.now_ms += 299 * 1000;
    get(w, NULL);
    assert_int_equal(pages_last.status, 200);
    w->s.now_ms += 1000;
    get(w, NULL);
    assert_int_equal(pages_last.status, 410);
    pages_say("Please start again: open Payroll once more");
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->path, .cookie = COOKIE, .look = true });
    assert_int_equal(pages_last.status, 200); /* page.js shows it */
    post(w, "stop");
    assert_int_equal(pages_last.status, 410);
}

static void it_belongs_to_the_browser_that_began_it(void **state)
{
    struct world *w = *state;
    static const struct { const char *cookie; bool same; } rows[] = {
        { COOKIE, true }, { "a=b; " COOKIE "; c=d", true }, { NULL, false }, { "__Host-postern-login=BBBBBBBBBBBBBBBBBBBBBB", false }, { COOKIE "; " COOKIE, false },
        { "__host-postern-login=" BROWSER, false }, { "__Host-postern-login=", false },
    };
    begin(w, &ana);
    assert_non_null(strstr(pages_last.cookie, COOKIE "; Path=/; Secure; HttpOnly; SameSite=None"));
    prove(w, DOVER, PROOF_CERTIFICATE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->path, .cookie = rows[i].cookie });
        if (rows[i].same != (strstr(pages_last.text, "ANSWER") != NULL))
            fail_msg("%s: %s", rows[i].cookie != NULL ? rows[i].cookie : "none", pages_last.text);
    }
    pages_say("another browser");
    /* a host of another name cannot see the cookie: it sends the browser back to where it can be seen */
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->path, .host = "device.acme.example:8444" });
    assert_int_equal(pages_last.status, 303);
    assert_non_null(strstr(pages_last.location, "https://posture.acme.example/login/"));
}

static void what_is_not_ours_is_no_login(void **state)
{
    struct world *w = *state;
    char path[9000];
    begin(w, &ana);
    for (size_t at = strlen("/login/"); w->path[at] != '\0'; at += 7) {
        snprintf(path, sizeof path, "%s", w->path);
        path[at] = path[at] == 'A' ? 'B' : 'A';
        pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = path, .cookie = COOKIE });
        assert_int_equal(pages_last.status, 404);
    }
    static const char *const others[] = { "/login/x", "/login/..", "/login/%41" };
    for (size_t i = 0; i < COUNT(others); i++) {
        pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = others[i], .cookie = COOKIE });
        assert_int_equal(pages_last.status, 404);
    }
    struct blocked_link link = pages_payroll(&w->s);
    char blocked[LINK_URL_BYTES];
    pages_blocked_path(&w->s, &link, blocked);
    snprintf(path, sizeof path, "/login/%s", strrchr(blocked, '/') + 1); /* sealed by us, for something else */
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = path, .cookie = COOKIE });
    assert_int_equal(pages_last.status, 404);
}

static void the_longest_login_fits_into_its_address(void **state)
{
    struct world *w = *state;
    char person[LOGIN_PERSON_BYTES + 1], app[LOGIN_APP_BYTES + 1];
    memset(person, 'p', LOGIN_PERSON_BYTES), person[LOGIN_PERSON_BYTES] = '\0';
    memset(app, 'a', LOGIN_APP_BYTES), app[LOGIN_APP_BYTES] = '\0';
    begin(w, &(struct begin){ .door = "okta", .person = person, .app = app, .request_bytes = LOGIN_REQUEST_BYTES });
    if (pages_last.status != 303 && pages_last.status != 400)
        fail_msg("%d %s", pages_last.status, pages_last.text);
    begin(w, &(struct begin){ .door = "okta", .person = "ana@acme.example", .request_bytes = LOGIN_REQUEST_BYTES });
    assert_int_equal(pages_last.status, 303);
    assert_true(strlen(w->path) < 8000);
}

static void the_form_that_posts_itself_escapes_everything(void **state)
{
    struct world *w = *state;
    struct arena a;
    arena_init(&a, 4096, 1024 * 1024);
    struct http_request r = { .arena = &a, .node = &w->s.node, .path = SPAN_LITERAL("/login/x"), .id = "r1" };
    struct http_response res = { .status = 200 };
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    const struct login_field fields[] = { { "RelayState", SPAN_LITERAL("\"><script>alert(1)</script>") }, { "SAMLResponse", SPAN_LITERAL("abc+/=") } };
    login_post_form(&r, &res, SPAN_LITERAL("https://sp.example:8443/acs?a=1&b=\"2\""), fields, 2);
    const char *text = buf_text(&res.body);
    assert_non_null(strstr(text, "action=\"https://sp.example:8443/acs?a=1&amp;b=&quot;2&quot;\""));
    assert_non_null(strstr(text, "value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""));
    assert_null(strstr(text, "<script>"));
    for (size_t i = 0; i < res.header_count; i++) /* it would be held against where the IdP sends the browser next */
        assert_int_equal(span_search(res.headers[i].value, SPAN_LITERAL("form-action")), res.headers[i].value.bytes);
    buf_done(&res.body);
    arena_done(&a);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_login_ends_as_it_should),
        STORY(the_same_login_goes_on_when_it_is_fixed),
        STORY(a_warning_is_read_once_a_period),
        STORY(a_person_may_stop),
        STORY(too_late_is_said_so),
        STORY(it_belongs_to_the_browser_that_began_it),
        STORY(what_is_not_ours_is_no_login),
        STORY(the_longest_login_fits_into_its_address),
        STORY(the_form_that_posts_itself_escapes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
