/* A person sets up a WebAuthn credential for a device, proves the device with it in a login, and takes it away again; and what does not count. */
#include "gateway/change.h"
#include "gateway/doors/device_here.h"
#include "gateway/doors/webauthn_challenge.h"
#include "gateway/doors/webauthn_credentials.h"
#include "gateway/doors/webauthn_login.h"
#include "gateway/login_parts.h"
#include "gateway/once_memory.h"
#include "gateway/people.h"
#include "tests/support/authenticator.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define HOST "posture.acme.example"
#define ORIGIN "https://" HOST
#define BROWSER "AAAAAAAAAAAAAAAAAAAAAA"
#define HERE_COOKIE "__Host-postern-here=" BROWSER
#define LOGIN_COOKIE "__Host-postern-login=" BROWSER "; __Host-postern-webauthn=1"
enum { BODY_BYTES = 96 * 1024, PATH_BYTES = 9000 };

/* ---- a door that says what it was told ---- */

static void answer(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *x)
{
    (void)l, (void)door;
    response_text(res, 200, "text/plain", arena_format(r->arena, "ANSWER person=%.*s device=%.*s proof=%s", SPAN_ARGS(x->person), SPAN_ARGS(x->device), proof_name(x->proof)));
}

static void refuse(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *x, enum login_refusal why)
{
    (void)r, (void)l, (void)door, (void)x;
    response_text(res, 200, "text/plain", why == LOGIN_REFUSED_UNPROVED ? SPAN_LITERAL("REFUSE unproved") : SPAN_LITERAL("REFUSE"));
}

static const struct login_door saml = { DOOR_SAML, answer, refuse }, oidc = { DOOR_OIDC, answer, refuse };
static const struct login_door *const doors[DOOR_KINDS] = { [DOOR_SAML] = &saml, [DOOR_OIDC] = &oidc };
static struct login begin_next;

static void begin_route(struct http_request *r, struct http_response *res)
{
    struct login l = begin_next;
    login_begin(r, res, &l);
}
static const struct route begin_rows[] = { { HTTP_GET, "/begin", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, begin_route, "begin" } };
static const struct route_table begin_routes = { begin_rows, 1 };

/* ---- a browser with an authenticator ---- */

struct world { struct story s; struct authenticator a; char login[PATH_BYTES], me[LINK_URL_BYTES], body[BODY_BYTES]; };

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    pages_start(&w->s);
    w->s.node.login_doors = doors;
    w->s.node.once = once_memory_new();
    pages_more = &begin_routes;
    story_device(&w->s, EPPING, NULL);
    pages_dress(&w->s, EPPING, &(struct pages_look){ .name = "epping", .model = "Mac mini", .serial = "C02EPPING001", .owner = BEN });
    authenticator_init(&w->a, WEBAUTHN_ES256);
    pages_me_path(&w->s, ANA, w->me);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pages_more = NULL;
    authenticator_done(&w->a);
    once_memory_free(w->s.node.once);
    pages_end(&w->s);
    free(w);
    return 0;
}

/* A request as the functions of the gateway want one; its arena is the caller's. */
static struct http_request request_of(struct world *w, struct arena *arena)
{
    return (struct http_request){ .arena = arena, .node = &w->s.node, .store = w->s.store, .id = "r1", .now_ms = w->s.now_ms, .now_s = w->s.now_ms / 1000 };
}

/* What the device host would have said of the browser BROWSER. */
static void seal_here(struct world *w, const char *device, const char *person, const char *browser, enum proof proof, char out[1024])
{
    struct arena a;
    uint8_t hash[SECRET_HASH_BYTES];
    char hex[DEVICE_HERE_BROWSER_BYTES + 1];
    arena_init(&a, 4096, 65536);
    struct http_request r = request_of(w, &a);
    secret_sha256(span_of(browser), hash);
    secret_hex(hash, DEVICE_HERE_BROWSER_BYTES / 2, hex);
    struct span sealed = device_here_seal(&r, &(struct device_here){ span_of(device), span_of(person), span_of(hex), proof });
    assert_false(span_empty(sealed));
    snprintf(out, 1024, "%.*s", SPAN_ARGS(sealed));
    arena_done(&a);
}

/* The value of an attribute of the page seen last. */
static void value_after(const char *marker, char *out, size_t room)
{
    const char *at = strstr(pages_last.text, marker);
    if (at == NULL)
        fail_msg("no %s in %s", marker, pages_last.text);
    at += strlen(marker);
    snprintf(out, room, "%.*s", (int)strcspn(at, "\""), at);
}

static void put(struct world *w, const char *name, struct span raw)
{
    struct buf text;
    size_t used = strlen(w->body);
    buf_init(&text, BODY_BYTES);
    assert_true(secret_base64url(raw, &text));
    int more = snprintf(w->body + used, sizeof w->body - used, "%s%s=%.*s", used > 0 ? "&" : "", name, (int)text.bytes, text.at != NULL ? text.at : "");
    assert_true(used + (size_t)more < sizeof w->body);
    buf_done(&text);
}

static void put_text(struct world *w, const char *name, const char *value)
{
    size_t used = strlen(w->body);
    snprintf(w->body + used, sizeof w->body - used, "%s%s=%s", used > 0 ? "&" : "", name, value);
}

/* Where the form is, which fields it has beside the authenticator's answer, and how that differs from a good one. */
struct set_up_form { const char *device, *challenge, *proved, *cookie, *attachment, *me; struct authenticator_asked how; bool without_object; };

static void post_set_up(struct world *w, const struct set_up_form *f)
{
    struct buf client_data, object;
    struct authenticator_asked asked = f->how;
    asked.rp_id = HOST;
    asked.origin = asked.origin != NULL ? asked.origin : ORIGIN;
    asked.challenge = f->challenge;
    buf_init(&client_data, BODY_BYTES);
    buf_init(&object, BODY_BYTES);
    authenticator_create(&w->a, &asked, &client_data, &object);
    w->body[0] = '\0';
    put(w, "client_data", buf_span(&client_data));
    if (!f->without_object)
        put(w, "attestation_object", buf_span(&object));
    put_text(w, "device", f->device);
    put_text(w, "challenge", f->challenge);
    put_text(w, "proved", f->proved);
    put_text(w, "attachment", f->attachment != NULL ? f->attachment : "platform");
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = pages_under(f->me != NULL ? f->me : w->me, "key-add"), .body = w->body, .site = "same-origin", .cookie = f->cookie });
    buf_done(&client_data);
    buf_done(&object);
}

/* The page of a browser that has shown its device; its challenge. */
static void open_key_page(struct world *w, const char *device, const char *proved, char challenge[1024])
{
    char query[2048];
    snprintf(query, sizeof query, "device=%s&proved=%s", device, proved);
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key"), .query = query, .cookie = HERE_COOKIE });
    assert_int_equal(pages_last.status, 200);
    value_after("data-challenge=\"", challenge, 1024);
}

static void set_it_up(struct world *w)
{
    char challenge[1024], proved[1024];
    seal_here(w, DOVER, ANA, BROWSER, PROOF_CERTIFICATE, proved);
    open_key_page(w, DOVER, proved, challenge);
    post_set_up(w, &(struct set_up_form){ .device = DOVER, .challenge = challenge, .proved = proved, .cookie = HERE_COOKIE });
    assert_int_equal(pages_last.status, 303);
    assert_non_null(strstr(pages_last.location, (w->a.flags & AUTHENTICATOR_BACKUP_ELIGIBLE) != 0 ? "said=key_synced" : "said=key_added"));
}

static const struct credential *listed(struct device *d, size_t index)
{
    assert_true(index < d->credential_count);
    return &d->credentials[index];
}

/* ---- setting up and taking away ---- */

static void a_device_is_shown_and_set_up(void **state)
{
    struct world *w = *state;
    char challenge[1024], proved[1024], body[4096], hex[SECRET_HEX_BYTES + 1];
    pages_get(&w->s, w->me, NULL);
    pages_say("/key?device=" DOVER "\">Show this device by fingerprint or PIN");
    pages_say("</a> <span class=\"small\">Not set up yet.</span>");
    seal_here(w, DOVER, ANA, BROWSER, PROOF_CERTIFICATE, proved);
    open_key_page(w, DOVER, proved, challenge);
    pages_say("<h1>Show <bdi>dover</bdi> by fingerprint or PIN</h1>");
    pages_say("<noscript>");
    pages_say("data-user=\"" DOVER "\"");
    pages_say("data-user-name=\"ana@acme.example on dover\"");
    pages_say("data-rp=\"" HOST "\"");
    set_it_up(w);
    assert_non_null(strstr(pages_last.cookie, "__Host-postern-webauthn=1"));
    assert_int_equal(story_events(&w->s, "device.credential_added"), 1);
    struct device *d = story_stored_device(&w->s, DOVER);
    const struct credential *c = listed(d, 0);
    assert_int_equal(c->kind, CREDENTIAL_WEBAUTHN);
    assert_true(span_equal_text(c->person, ANA));
    assert_false(c->backup_eligible);
    webauthn_credential_identifier(span_make(w->a.id, w->a.id_bytes), hex);
    directory_enter(w->s.node.directory);
    const struct device *found = directory_device_by(w->s.node.directory, SPAN_LITERAL("webauthn"), span_of(hex));
    assert_non_null(found);
    assert_true(span_equal_text(found->id, DOVER));
    directory_leave(w->s.node.directory);
    pages_get(&w->s, w->me, "said=key_added");
    pages_say("This device can show itself by fingerprint or PIN now.");
    pages_say("</a> <span class=\"small\">It is set up.</span></p>");
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key"), .query = "device=" DOVER }); /* from anywhere */
    pages_say("What is set up");
    pages_say("It stays on this device.");
    pages_say("Take it away");
    snprintf(body, sizeof body, "device=%s&credential=%.*s", DOVER, SPAN_ARGS(c->id));
    device_free(d);
    pages_get(&w->s, pages_under(w->me, "data"), NULL);
    pages_say("<dt>Shown in a browser</dt><dd><bdi>A browser, by fingerprint or PIN, of which we have only the public half of a key; made ");
    pages_post(&w->s, pages_under(w->me, "key-remove"), body);
    assert_non_null(strstr(pages_last.location, "said=key_removed"));
    assert_int_equal(story_events(&w->s, "device.credential_removed"), 1);
    d = story_stored_device(&w->s, DOVER);
    assert_int_equal(d->credential_count, 0);
    assert_null(device_identifier(d, SPAN_LITERAL("webauthn")));
    device_free(d);
    pages_post(&w->s, pages_under(w->me, "key-remove"), body);
    assert_non_null(strstr(pages_last.location, "said=gone"));
    set_it_up(w); /* the claim went with it */
}

static void a_browser_that_has_not_shown_its_device_is_told_how(void **state)
{
    struct world *w = *state;
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key"), .query = "device=" DOVER });
    pages_say("First: is this <bdi>dover</bdi>?");
    pages_do_not_say("data-challenge");
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key"), .query = "device=" EPPING }); /* Ben's */
    assert_int_equal(pages_last.status, 303);
    assert_non_null(strstr(pages_last.location, "said=gone"));
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key"), .query = "" });
    assert_int_equal(pages_last.status, 303);
}

static void the_way_to_the_device_host_and_back(void **state)
{
    struct world *w = *state;
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key/check"), .query = "device=" DOVER, .cookie = HERE_COOKIE });
    assert_int_equal(pages_last.status, 303);
    assert_non_null(strstr(pages_last.location, "/key/here?device=" DOVER "&browser="));
    assert_non_null(strstr(pages_last.cookie, HERE_COOKIE));
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = pages_under(w->me, "key/here"), .query = "device=" DOVER "&browser=00000000000000000000000000000000" });
    assert_int_equal(pages_last.status, 303); /* nothing was shown there */
    assert_non_null(strstr(pages_last.location, ORIGIN "/me/"));
    assert_non_null(strstr(pages_last.location, "&checked=1"));
}

enum { CHALLENGE_GOOD, CHALLENGE_OF_EPPING, CHALLENGE_OF_A_LOGIN, CHALLENGE_TWICE, CHALLENGE_OLD };
static void what_does_not_count_sets_nothing_up(void **state)
{
    static const struct {
        const char *name;
        const char *device, *proved_device, *proved_person, *proved_browser, *cookie; /* NULL: Ana's dover in BROWSER */
        int64_t later_s;
        int challenge;
        struct set_up_form form;
        const char *said;
    } rows[] = {
        { .name = "good", .said = "key_added" },
        { .name = "nothing was shown", .proved_device = "", .said = "key_failed" },
        { .name = "shown by another browser", .cookie = "__Host-postern-here=BBBBBBBBBBBBBBBBBBBBBB", .said = "key_failed" },
        { .name = "and this one has no cookie", .cookie = "a=b", .said = "key_failed" },
        { .name = "another device was shown", .proved_device = EPPING, .said = "key_failed" },
        { .name = "shown to another person", .proved_person = BEN, .said = "key_failed" },
        { .name = "another person's device", .device = EPPING, .proved_device = EPPING, .said = "gone" },
        { .name = "no device", .device = "", .said = "gone" },
        { .name = "shown too long ago", .later_s = DEVICE_HERE_S, .said = "key_failed" },
        { .name = "an old challenge", .challenge = CHALLENGE_OLD, .said = "key_late" },
        { .name = "a challenge for another device", .challenge = CHALLENGE_OF_EPPING, .said = "key_failed" },
        { .name = "a challenge of a login", .challenge = CHALLENGE_OF_A_LOGIN, .said = "key_failed" },
        { .name = "a challenge a second time", .challenge = CHALLENGE_TWICE, .said = "key_taken" },
        { .name = "a challenge of nobody", .form.challenge = "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA", .said = "key_failed" },
        { .name = "no challenge", .form.challenge = "", .said = "key_failed" },
        { .name = "a stick that can be carried away", .form.attachment = "cross-platform", .said = "key_failed" },
        { .name = "on another site", .form.how.origin = "https://evil.example", .said = "key_failed" },
        { .name = "nobody verified", .form.how.clear_flags = AUTHENTICATOR_VERIFIED, .said = "key_failed" },
        { .name = "an attestation that does not hold", .form.how = { .format = "packed", .spoil_signature = true }, .said = "key_failed" },
        { .name = "no attestation object", .form.without_object = true, .said = "key_failed" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w;
        char challenge[1024], proved[1024] = "";
        struct arena a;
        print_message("  %s\n", rows[i].name);
        (void)set_up((void **)&w);
        arena_init(&a, 4096, 65536);
        struct http_request r = request_of(w, &a);
        const char *device = rows[i].device != NULL ? rows[i].device : DOVER, *shown = rows[i].proved_device != NULL ? rows[i].proved_device : DOVER;
        if (shown[0] != '\0')
            seal_here(w, shown, rows[i].proved_person != NULL ? rows[i].proved_person : ANA, BROWSER, PROOF_CERTIFICATE, proved);
        struct span about = rows[i].challenge == CHALLENGE_OF_EPPING ? SPAN_LITERAL(EPPING " " ANA) : SPAN_LITERAL(DOVER " " ANA);
        snprintf(challenge, sizeof challenge, "%.*s", SPAN_ARGS(webauthn_challenge_make(&r, rows[i].challenge == CHALLENGE_OF_A_LOGIN ? WEBAUTHN_LOGIN : WEBAUTHN_REGISTRATION, about)));
        w->s.now_ms += (rows[i].later_s + (rows[i].challenge == CHALLENGE_OLD ? WEBAUTHN_CHALLENGE_S : 0)) * 1000;
        struct set_up_form form = rows[i].form;
        form.device = device;
        form.challenge = form.challenge != NULL ? form.challenge : challenge;
        form.proved = proved;
        form.cookie = rows[i].cookie != NULL ? rows[i].cookie : HERE_COOKIE;
        if (rows[i].challenge == CHALLENGE_TWICE) {
            post_set_up(w, &form);
            assert_non_null(strstr(pages_last.location, "said=key_added"));
        }
        post_set_up(w, &form);
        assert_int_equal(pages_last.status, 303);
        if (strstr(pages_last.location, rows[i].said) == NULL)
            fail_msg("%s", pages_last.location);
        struct device *d = story_stored_device(&w->s, DOVER);
        assert_int_equal(d->credential_count, i == 0 || rows[i].challenge == CHALLENGE_TWICE);
        device_free(d);
        arena_done(&a);
        (void)tear_down((void **)&w);
    }
    *state = NULL;
}

static void one_credential_belongs_to_one_device(void **state)
{
    struct world *w = *state;
    char challenge[1024], proved[1024];
    struct arena a;
    arena_init(&a, 4096, 65536);
    struct http_request r = request_of(w, &a);
    set_it_up(w);
    char bens[LINK_URL_BYTES];
    pages_me_path(&w->s, BEN, bens);
    seal_here(w, EPPING, BEN, BROWSER, PROOF_COOKIE, proved);
    snprintf(challenge, sizeof challenge, "%.*s", SPAN_ARGS(webauthn_challenge_make(&r, WEBAUTHN_REGISTRATION, SPAN_LITERAL(EPPING " " BEN))));
    post_set_up(w, &(struct set_up_form){ .device = EPPING, .challenge = challenge, .proved = proved, .cookie = HERE_COOKIE, .me = bens });
    assert_non_null(strstr(pages_last.location, "said=key_taken"));
    for (size_t i = 1; i < WEBAUTHN_CREDENTIALS_MOST; i++) {
        w->a.id[0]++;
        set_it_up(w);
    }
    w->a.id[0]++;
    seal_here(w, DOVER, ANA, BROWSER, PROOF_COOKIE, proved);
    snprintf(challenge, sizeof challenge, "%.*s", SPAN_ARGS(webauthn_challenge_make(&r, WEBAUTHN_REGISTRATION, SPAN_LITERAL(DOVER " " ANA))));
    post_set_up(w, &(struct set_up_form){ .device = DOVER, .challenge = challenge, .proved = proved, .cookie = HERE_COOKIE });
    assert_non_null(strstr(pages_last.location, "said=key_full"));
    arena_done(&a);
}

/* What two requests at once would meet: the record is looked at again when it is written. */
static void the_record_is_looked_at_again_when_it_is_written(void **state)
{
    static const struct { uint32_t kept, said; bool backed_up; enum err_code code; size_t events; } uses[] = {
        { 0, 0, false, OK, 1 }, { 0, 0, false, OK, 1 /* the same day, nothing new */ }, { 0, 0, true, OK, 2 }, { 0, 9, true, OK, 3 }, { 9, 9, true, ERR_DENIED, 3 }, { 9, 3, true, ERR_DENIED, 3 },
        { 9, 0, true, ERR_DENIED, 3 }, { 9, 10, true, OK, 4 },
    };
    struct world *w = *state;
    struct err err;
    char id[2 * WEBAUTHN_ID_MOST];
    set_it_up(w);
    struct device *d = story_stored_device(&w->s, DOVER);
    snprintf(id, sizeof id, "%.*s", SPAN_ARGS(listed(d, 0)->id));
    device_free(d);
    for (size_t i = 0; i < COUNT(uses); i++) {
        const struct webauthn_used used = { SPAN_LITERAL(DOVER), span_of(id), SPAN_LITERAL("192.0.2.1"), { uses[i].said, uses[i].backed_up }, w->s.now_ms / 1000 };
        assert_int_equal(webauthn_credentials_used(&w->s.node, w->s.store, &used, &err), uses[i].code);
        assert_int_equal(story_events(&w->s, "device.credential_used"), uses[i].events);
    }
    const struct webauthn_used gone = { SPAN_LITERAL(DOVER), SPAN_LITERAL("AAAA"), SPAN_NONE, { 11, true }, w->s.now_ms / 1000 };
    assert_int_equal(webauthn_credentials_used(&w->s.node, w->s.store, &gone, &err), ERR_NOT_FOUND);
    const struct webauthn_credential credential = { .id = SPAN_LITERAL("another"), .public_key = SPAN_LITERAL("key") };
    const struct webauthn_addition bens = { .device = SPAN_LITERAL(DOVER), .person = SPAN_LITERAL(BEN), .credential = &credential, .proved_by = "cookie", .now_s = 1 };
    assert_int_equal(webauthn_credentials_add(&w->s.node, w->s.store, &bens, &err), ERR_CONFLICT);
    d = story_stored_device(&w->s, DOVER);
    assert_int_equal(d->credential_count, 1);
    device_free(d);
}

/* ---- in a login ---- */

static const struct login anas = { .door = { "sp", 2 }, .person = { "ana@acme.example", 16 }, .named = LOGIN_PERSON_ASSERTED, .request = { "{}", 2 } };

static void go(struct world *w, const char *url)
{
    const char *path = strstr(url, "/login/");
    assert_non_null(path);
    snprintf(w->login, sizeof w->login, "%.*s", (int)strcspn(path, "\""), path);
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->login, .cookie = LOGIN_COOKIE });
}

static void begin(struct world *w, const struct login *l)
{
    begin_next = *l;
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = "/begin", .cookie = LOGIN_COOKIE });
    if (pages_last.status == 303) {
        char url[PATH_BYTES];
        snprintf(url, sizeof url, "%s", pages_last.location);
        go(w, url);
    }
}

struct login_form { const char *challenge /* NULL: the page's */, *attachment, *user; struct authenticator_asked how; const char *cookie, *site; struct span id; };

static void post_answer(struct world *w, const struct login_form *f)
{
    struct buf client_data, data, signature;
    char challenge[1024];
    struct authenticator_asked asked = f->how;
    if (f->challenge == NULL)
        value_after("name=\"challenge\" value=\"", challenge, sizeof challenge);
    else
        snprintf(challenge, sizeof challenge, "%s", f->challenge);
    asked.rp_id = HOST;
    asked.origin = asked.origin != NULL ? asked.origin : ORIGIN;
    asked.challenge = challenge;
    buf_init(&client_data, BODY_BYTES);
    buf_init(&data, BODY_BYTES);
    buf_init(&signature, BODY_BYTES);
    authenticator_get(&w->a, &asked, &client_data, &data, &signature);
    w->body[0] = '\0';
    put(w, "id", span_empty(f->id) ? span_make(w->a.id, w->a.id_bytes) : f->id);
    put(w, "client_data", buf_span(&client_data));
    put(w, "authenticator_data", buf_span(&data));
    put(w, "signature", buf_span(&signature));
    put(w, "user", span_of(f->user != NULL ? f->user : DOVER));
    put_text(w, "challenge", challenge);
    put_text(w, "attachment", f->attachment != NULL ? f->attachment : "platform");
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = pages_under(w->login, "device"), .body = w->body, .site = f->site != NULL ? f->site : "same-origin",
                                              .cookie = f->cookie != NULL ? f->cookie : LOGIN_COOKIE });
    buf_done(&client_data);
    buf_done(&data);
    buf_done(&signature);
}

/* As the page's script does. */
static void follow(struct world *w)
{
    char url[PATH_BYTES];
    value_after("data-go=\"", url, sizeof url);
    go(w, url);
}

static void a_login_is_proved_by_the_credential(void **state)
{
    static const struct { const char *name; unsigned flags; uint32_t counter; const char *proof; } rows[] = {
        { "bound to the device", 0, 0, "proof=webauthn" },
        { "bound, and it counts", 0, 5, "proof=webauthn" },
        { "may be copied", AUTHENTICATOR_BACKUP_ELIGIBLE, 0, "proof=webauthn_synced" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w;
        print_message("  %s\n", rows[i].name);
        (void)set_up((void **)&w);
        w->a.flags |= rows[i].flags;
        w->a.counter = rows[i].counter;
        set_it_up(w);
        begin(w, &anas);
        pages_say("<h1>Show that this is your device</h1>");
        pages_say("Payroll opens on devices that we know.");
        pages_say("data-ask=\"get\"");
        pages_do_not_say("data-allow=\"\"");
        w->a.counter += rows[i].counter > 0;
        w->a.flags |= rows[i].flags != 0 ? AUTHENTICATOR_BACKED_UP : 0;
        post_answer(w, &(struct login_form){ 0 });
        assert_int_equal(pages_last.status, 200);
        follow(w);
        pages_say("ANSWER person=" ANA " device=" DOVER);
        if (strcmp(strstr(pages_last.text, "proof="), rows[i].proof) != 0)
            fail_msg("%s", pages_last.text);
        struct device *d = story_stored_device(&w->s, DOVER);
        assert_int_equal(listed(d, 0)->counter, w->a.counter);
        assert_int_equal(listed(d, 0)->backed_up, rows[i].flags != 0);
        assert_int_equal(listed(d, 0)->used_s, w->s.now_ms / 1000);
        device_free(d);
        (void)tear_down((void **)&w);
    }
    *state = NULL;
}

static void going_on_without_asks_no_more(void **state)
{
    struct world *w = *state;
    char url[PATH_BYTES];
    set_it_up(w);
    begin(w, &anas);
    value_after("class=\"button second\" href=\"", url, sizeof url);
    go(w, url);
    pages_say("We do not know this device yet");
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = w->login, .cookie = LOGIN_COOKIE });
    pages_say("We do not know this device yet");
}

static const struct login nobodys = { .door = { "sp", 2 }, .request = { "{}", 2 } };

/* The laptop is handed on; what Ana set up on it stays on the list and says nothing of Ben. */
static void give_to_ben(struct world *w)
{
    struct err err;
    const struct ownership what = { SPAN_LITERAL(DOVER), SPAN_LITERAL(BEN), SPAN_LITERAL("assign"), SPAN_LITERAL("admin:1"), true };
    assert_int_equal(people_assign(&w->s.node, w->s.store, &what, &err), OK);
    story_feed(&w->s);
}

static void nobody_named_is_the_owner_of_the_device(void **state)
{
    struct world *w = *state;
    set_it_up(w);
    begin(w, &nobodys);
    pages_say("data-allow=\"\""); /* whose it is must not be told */
    post_answer(w, &(struct login_form){ 0 });
    follow(w);
    pages_say("ANSWER person=" ANA " device=" DOVER " proof=webauthn");
}

static void an_answer_that_does_not_count_proves_nothing(void **state)
{
    static const struct { const char *name; struct login_form form; uint32_t known, now; int64_t later_s; bool of_another_login, removed, owner_changed, key_differs, asked_again; } rows[] = {
        { .name = "another login's challenge", .of_another_login = true },
        { .name = "a challenge of nobody", .form.challenge = "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA" },
        { .name = "no challenge", .form.challenge = "" },
        { .name = "on another site", .form.how.origin = "https://evil.example" },
        { .name = "inside of another site's page", .form.how.more = ",\"crossOrigin\":true" },
        { .name = "a registration as an answer", .form.how.type = "webauthn.create" },
        { .name = "nobody verified", .form.how.clear_flags = AUTHENTICATOR_VERIFIED },
        { .name = "all of a sudden it may be copied", .form.how.set_flags = AUTHENTICATOR_BACKUP_ELIGIBLE },
        { .name = "a bit of the signature off", .form.how.spoil_signature = true },
        { .name = "by another device, through the air", .form.attachment = "cross-platform" },
        { .name = "for another device than it was made for", .form.user = EPPING },
        { .name = "a credential that nobody has", .form.id = { "nobody's", 8 } },
        { .name = "no credential", .form.id = { "", 1 } },
        { .name = "the counter stands still", .known = 7, .now = 7 },
        { .name = "the counter goes back", .known = 7, .now = 6 },
        { .name = "it was taken away", .removed = true },
        { .name = "the device has another owner", .owner_changed = true },
        { .name = "another key under the same name", .key_differs = true },
        { .name = "too late", .later_s = WEBAUTHN_CHALLENGE_S, .asked_again = true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w;
        char challenge[1024] = "", body[4096];
        print_message("  %s\n", rows[i].name);
        (void)set_up((void **)&w);
        w->a.counter = rows[i].known;
        set_it_up(w);
        const struct login *login = rows[i].owner_changed ? &nobodys : &anas;
        begin(w, login);
        if (rows[i].of_another_login) {
            value_after("name=\"challenge\" value=\"", challenge, sizeof challenge);
            begin(w, login);
        }
        struct device *d = story_stored_device(&w->s, DOVER);
        snprintf(body, sizeof body, "device=%s&credential=%.*s", DOVER, SPAN_ARGS(listed(d, 0)->id));
        device_free(d);
        struct pages_seen page = pages_last;
        pages_last = (struct pages_seen){ 0 };
        if (rows[i].removed)
            pages_post(&w->s, pages_under(w->me, "key-remove"), body);
        if (rows[i].owner_changed)
            give_to_ben(w);
        if (rows[i].key_differs) {
            struct authenticator other;
            authenticator_init(&other, WEBAUTHN_ES256);
            memcpy(other.id, w->a.id, sizeof other.id);
            authenticator_done(&w->a);
            w->a = other;
        }
        free(pages_last.text);
        pages_last = page;
        w->a.counter = rows[i].now;
        w->s.now_ms += rows[i].later_s * 1000;
        struct login_form form = rows[i].form;
        if (rows[i].of_another_login)
            form.challenge = challenge;
        post_answer(w, &form);
        assert_int_equal(pages_last.status, 200);
        follow(w);
        pages_do_not_say("ANSWER");
        pages_say(rows[i].asked_again ? "Show that this is your device" : "We do not know this device yet");
        (void)tear_down((void **)&w);
    }
    *state = NULL;
}

static void an_answer_counts_once(void **state)
{
    struct world *w = *state;
    char again[BODY_BYTES];
    set_it_up(w);
    begin(w, &anas);
    post_answer(w, &(struct login_form){ 0 });
    snprintf(again, sizeof again, "%s", w->body);
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = pages_under(w->login, "device"), .body = again, .site = "same-origin", .cookie = LOGIN_COOKIE });
    follow(w);
    pages_say("We do not know this device yet");
}

static void an_answer_from_elsewhere_is_not_looked_at(void **state)
{
    struct world *w = *state;
    set_it_up(w);
    begin(w, &anas);
    struct pages_seen page = pages_last;
    pages_last.text = span_dup(span_of(page.text));
    post_answer(w, &(struct login_form){ .site = "cross-site" });
    assert_int_equal(pages_last.status, 403);
    free(pages_last.text);
    pages_last = page;
    post_answer(w, &(struct login_form){ .cookie = "__Host-postern-login=BBBBBBBBBBBBBBBBBBBBBB" });
    assert_int_equal(pages_last.status, 403);
    pages_say("another browser");
}

/* Ben's IdP has signed that it is Ben; Ana's laptop answers. */
static void a_device_of_somebody_else_proves_nothing(void **state)
{
    struct world *w = *state;
    char challenge[1024];
    struct arena a;
    struct login l;
    struct err err;
    set_it_up(w);
    begin(w, &(struct login){ .door = { "sp", 2 }, .person = { "ben@acme.example", 16 }, .named = LOGIN_PERSON_ASSERTED, .request = { "{}", 2 } });
    pages_say("We do not know this device yet"); /* Ben has none: he is not asked */
    arena_init(&a, 4096, 65536);
    struct http_request r = request_of(w, &a);
    assert_int_equal(login_open(&w->s.node, span_of(w->login + strlen("/login/")), w->s.now_ms / 1000, &a, &l, &err), OK);
    snprintf(challenge, sizeof challenge, "%.*s", SPAN_ARGS(webauthn_challenge_make(&r, WEBAUTHN_LOGIN, l.id)));
    post_answer(w, &(struct login_form){ .challenge = challenge });
    follow(w);
    pages_do_not_say("ANSWER");
    arena_done(&a);
}

static void who_is_asked(void **state)
{
    static const struct { const char *name, *person; enum login_person named; enum proof proof, least; bool passive, asked, remembered, credential; const char *url; bool worth; } rows[] = {
        { "asserted, has one", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_NONE, .credential = true, .worth = true },
        { "asserted, has none", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .remembered = true, .worth = false },
        { "asserted, unknown", "eve@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .credential = true, .worth = false },
        { "asserted, another has one", "ben@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .credential = true, .worth = false },
        { "hinted: whether they have one is nobody's business", "ana@acme.example", LOGIN_PERSON_HINTED, PROOF_NONE, PROOF_NONE, .credential = true, .worth = false },
        { "hinted, needed", "eve@acme.example", LOGIN_PERSON_HINTED, PROOF_NONE, PROOF_WEBAUTHN_SYNCED, .worth = true },
        { "nobody named", NULL, LOGIN_PERSON_UNNAMED, PROOF_NONE, PROOF_NONE, .credential = true, .worth = false },
        { "nobody named, this browser has one", NULL, LOGIN_PERSON_UNNAMED, PROOF_NONE, PROOF_NONE, .credential = true, .remembered = true, .worth = true },
        { "nobody named, needed", NULL, LOGIN_PERSON_UNNAMED, PROOF_NONE, PROOF_WEBAUTHN, .worth = true },
        { "a cookie is enough", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_COOKIE, PROOF_COOKIE, .credential = true, .worth = false },
        { "a cookie is enough where nothing is needed", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_COOKIE, PROOF_NONE, .credential = true, .worth = false },
        { "a cookie is not enough", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_COOKIE, PROOF_WEBAUTHN, .credential = true, .worth = true },
        { "a certificate was shown", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_CERTIFICATE, PROOF_CERTIFICATE, .credential = true, .worth = false },
        { "a certificate is needed", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_CERTIFICATE, .credential = true, .worth = false },
        { "no page may be shown", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .credential = true, .passive = true, .worth = false },
        { "asked already", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .credential = true, .asked = true, .worth = false },
        { "at an IP address", "ana@acme.example", LOGIN_PERSON_ASSERTED, PROOF_NONE, PROOF_WEBAUTHN, .credential = true, .url = "https://192.0.2.1", .worth = false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w;
        struct arena a;
        print_message("  %s\n", rows[i].name);
        (void)set_up((void **)&w);
        if (rows[i].credential)
            set_it_up(w);
        arena_init(&a, 4096, 1024 * 1024);
        struct http_request r = request_of(w, &a);
        const struct http_header cookie = { SPAN_LITERAL("Cookie"), SPAN_LITERAL("__Host-postern-webauthn=1") };
        r.headers = &cookie;
        r.header_count = rows[i].remembered;
        struct span url = w->s.node.options.public_url;
        if (rows[i].url != NULL)
            w->s.node.options.public_url = span_of(rows[i].url);
        const struct login l = { .person = span_of(rows[i].person), .named = rows[i].named, .passive = rows[i].passive, .tried = rows[i].asked ? 1U << PROOF_WEBAUTHN : 0, .proof.proof = rows[i].proof };
        assert_int_equal(webauthn_login_is_worth(&r, &l, rows[i].least), rows[i].worth);
        w->s.node.options.public_url = url;
        arena_done(&a);
        (void)tear_down((void **)&w);
    }
    *state = NULL;
}

/* The signature holds whether the store answers or not; what could not be written is looked at again when it is back. */
static void an_outage_of_the_store_does_not_shut_people_out(void **state)
{
    struct world *w = *state;
    w->a.counter = 3;
    set_it_up(w);
    begin(w, &anas);
    w->a.counter = 4;
    fake_store_fail(w->s.server, ERR_UNAVAILABLE, 2); /* marking the challenge, writing down the use */
    post_answer(w, &(struct login_form){ 0 });
    fake_store_fail(w->s.server, OK, 0);
    follow(w);
    pages_say("ANSWER person=" ANA " device=" DOVER " proof=webauthn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_is_shown_and_set_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_browser_that_has_not_shown_its_device_is_told_how, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_way_to_the_device_host_and_back, set_up, tear_down),
        cmocka_unit_test(what_does_not_count_sets_nothing_up),
        cmocka_unit_test_setup_teardown(one_credential_belongs_to_one_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_record_is_looked_at_again_when_it_is_written, set_up, tear_down),
        cmocka_unit_test(a_login_is_proved_by_the_credential),
        cmocka_unit_test_setup_teardown(going_on_without_asks_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_named_is_the_owner_of_the_device, set_up, tear_down),
        cmocka_unit_test(an_answer_that_does_not_count_proves_nothing),
        cmocka_unit_test_setup_teardown(an_answer_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_from_elsewhere_is_not_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_of_somebody_else_proves_nothing, set_up, tear_down),
        cmocka_unit_test(who_is_asked),
        cmocka_unit_test_setup_teardown(an_outage_of_the_store_does_not_shut_people_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
