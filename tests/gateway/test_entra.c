/* Who Entra says is signing in: believed only when every word of the hint is right, with keys that are fetched as Entra publishes them. */
#include "gateway/doors/entra.h"
#include "gateway/key_fetcher.h"
#include "posture/base/to_json.h"
#include "tests/support/fake_peer.h"
#include "tests/support/story.h"
#include "tests/support/token_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define TENANT "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
#define OTHER_TENANT "9122040d-6c67-4c5b-b112-36a304b66dad"
#define OID_ANA "11111111-2222-4333-8444-555555555555"
#define OID_BEN "22222222-2222-4333-8444-555555555555"
#define OID_NOBODY "33333333-2222-4333-8444-555555555555"
enum { NOW_S = STORY_START_S };

struct world {
    struct story s;
    struct node node;              /* with a clock of its own: the fetcher's thread reads it */
    struct clock clock;
    _Atomic int64_t mono_ms;
    struct fake_peer documents;
    struct token_key *key, *other_key;
    char policy[4096];
    struct arena arena;
    struct err err;
};

static int64_t wall_ms(const struct clock *c) { return (void)c, (int64_t)NOW_S * 1000; }
static int64_t mono_ms(const struct clock *c) { return ((struct world *)c->context)->mono_ms; }

static const char policy_format[] =
    "policy: acme\nsensitivities: [everyday]\napps: [{ id: m365, title: M365, sensitivity: everyday }]\n"
    "checks: [{ use: library/firewall, severity: high }]\n"
    "ladders: [{ id: default, applies_to: { severity: [high], groups: [everyone] }, rungs: [{ id: notice, after: 0s, nudge: true }],\n"
    "  clock: { pauses: [absence] }, notices_before_close: 1, rise: off }]\n"
    "visible_after: off\ngrace: off\nnudges: { hours: \"10:00-16:00\", days: [mon], zone: UTC }\noutage: { everyday: allow }\nbreaker: off\nunidentified_device: { everyday: warn }\n"
    "doors:\n  - { id: entra, kind: oidc, use: entra, app: m365, oidc: { client_id: postern-entra, tenants: [" TENANT "], hint_audience: app-registration,\n"
    "      hint_issuer: \"%s/{tid}/v2.0\", hint_metadata: \"%s/meta\", redirect_uris: [\"https://login.microsoftonline.com/common/federation/externalauthprovider\"] } }\n";

struct named { struct story *s; const char *alias, *email; };

static enum change_say edit_person(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct named *e = context;
    struct span *alias = arena_alloc(&copy->arena, sizeof *alias), *email = arena_alloc(&copy->arena, sizeof *email);
    (void)err;
    *alias = arena_copy_text(&copy->arena, e->alias);
    *email = arena_copy_text(&copy->arena, e->email);
    copy->aliases = alias;
    copy->alias_count = 1;
    copy->emails = email;
    copy->email_count = 1;
    return change_event(events, &e->s->node, "person.imported", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void add_person(struct world *w, const char *id, const char *alias, const char *email)
{
    struct named e = { &w->s, alias, email };
    assert_int_equal(change_person(&w->s.node, w->s.store, span_of(id), true, edit_person, &e, &w->err), OK);
    story_feed(&w->s);
}

static void put(struct world *w, const char *path, const char *body, int status, double seconds)
{
    struct buf text;
    struct to_json json;
    char number[32];
    buf_init(&text, 64 * 1024);
    to_json_init(&json, &text);
    to_json_object(&json);
    to_json_member_text(&json, "path", span_of(path));
    to_json_member_text(&json, "body", span_of(body));
    to_json_member_int(&json, "status", status);
    snprintf(number, sizeof number, "%g", seconds);
    to_json_key(&json, "seconds");
    to_json_raw(&json, span_of(number));
    to_json_end(&json);
    fake_peer_post(&w->documents, "/control/put", buf_text(&text));
    buf_done(&text);
}

static void put_keys(struct world *w, const struct token_key *key, const char *kid)
{
    char *set = token_key_set(key, kid);
    put(w, "/keys", set, 200, 0);
    free(set);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char meta[512];
    assert_non_null(w);
    w->key = token_key_new(TOKEN_KEY_RSA, 2048);
    w->other_key = token_key_new(TOKEN_KEY_RSA, 2048);
    fake_peer_start(&w->documents, "fake_documents.py", NULL);
    snprintf(w->policy, sizeof w->policy, policy_format, w->documents.base, w->documents.base);
    story_start(&w->s, w->policy);
    add_person(w, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa", OID_ANA, "ana@acme.example");
    add_person(w, "p_bbbbbbbbbbbbbbbbbbbbbbbbbb", TENANT ":" OID_BEN, "ben@acme.example");
    snprintf(meta, sizeof meta, "{\"issuer\":\"https://login.microsoftonline.com/{tenantid}/v2.0\",\"jwks_uri\":\"%s/keys\"}", w->documents.base);
    put(w, "/meta", meta, 200, 0);
    put_keys(w, w->key, "k1");
    w->node = w->s.node;
    w->clock = (struct clock){ wall_ms, mono_ms, w };
    w->mono_ms = 1000000;
    w->node.clock = &w->clock;
    arena_init(&w->arena, 4096, 1024 * 1024);
    assert_int_equal(key_fetcher_new(&w->node, &w->node.keys, &w->err), OK);
    assert_int_equal(key_fetcher_start(w->node.keys, &w->err), OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    key_fetcher_stop(w->node.keys);
    key_fetcher_free(w->node.keys);
    arena_done(&w->arena);
    story_end(&w->s);
    fake_peer_stop(&w->documents);
    token_key_free(w->key);
    token_key_free(w->other_key);
    free(w);
    return 0;
}

static enum err_code check(struct world *w, const char *hint, struct entra_hint *out)
{
    struct http_request r = { .arena = &w->arena, .node = &w->node, .now_s = NOW_S, .now_ms = (int64_t)NOW_S * 1000 };
    struct mistakes mistakes;
    CLEANUP(policy_freep) struct policy *policy = NULL;
    mistakes_init(&mistakes);
    policy_read(span_of(w->policy), SPAN_LITERAL("policy"), &mistakes, &policy);
    mistakes_done(&mistakes);
    assert_non_null(policy);
    *out = (struct entra_hint){ .subject = SPAN_NONE };
    return entra_hint_check(&r, policy_door(policy, SPAN_LITERAL("entra")), span_of(hint), out, &w->err);
}

/* The fetcher looks at the policy twice a second. */
static void wait_for_keys(struct world *w)
{
    struct entra_hint out;
    char *hint = token_make(w->key, false, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", "{}");
    for (int i = 0; i < 600 && check(w, hint, &out) == ERR_UNAVAILABLE; i++) {
        struct timespec pause = { 0, 50000000 };
        nanosleep(&pause, NULL);
    }
    free(hint);
}

static char *claims_with(struct world *w, const char *tid, const char *iss_tid, const char *aud, long iat, const char *oid, const char *more)
{
    return (char *)(uintptr_t)arena_format(&w->arena, "{\"iss\":\"%s/%s/v2.0\",\"aud\":\"%s\",\"tid\":\"%s\",\"oid\":\"%s\",\"sub\":\"pairwise\",\"iat\":%ld,\"nbf\":%ld,\"exp\":%ld%s}", w->documents.base,
                                           iss_tid, aud, tid, oid, iat, iat, iat, more)
        .at;
}

#define GOOD_HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"

static void hints_are_believed_or_refused(void **state)
{
    struct world *w = *state;
    wait_for_keys(w);
    const char *good = claims_with(w, TENANT, TENANT, "app-registration", NOW_S, OID_ANA, "");
    const struct { const char *name, *header, *claims; bool other_key; enum err_code code; } rows[] = {
        { "good, issued already expired", GOOD_HEADER, good, false, OK },
        { "no typ", "{\"alg\":\"RS256\",\"kid\":\"k1\"}", good, false, OK },
        { "signed by another key", GOOD_HEADER, good, true, ERR_DENIED },
        { "an unknown kid", "{\"alg\":\"RS256\",\"kid\":\"k9\"}", good, false, ERR_DENIED },
        { "no kid", "{\"alg\":\"RS256\"}", good, false, ERR_INPUT },
        { "PS256", "{\"alg\":\"PS256\",\"kid\":\"k1\"}", good, false, ERR_DENIED },
        { "none", "{\"alg\":\"none\",\"kid\":\"k1\"}", good, false, ERR_INPUT },
        { "a tenant that is not the door's", GOOD_HEADER, claims_with(w, OTHER_TENANT, OTHER_TENANT, "app-registration", NOW_S, OID_ANA, ""), false, ERR_DENIED },
        { "another tenant's issuer", GOOD_HEADER, claims_with(w, TENANT, OTHER_TENANT, "app-registration", NOW_S, OID_ANA, ""), false, ERR_DENIED },
        { "another tenant, our issuer", GOOD_HEADER, claims_with(w, OTHER_TENANT, TENANT, "app-registration", NOW_S, OID_ANA, ""), false, ERR_DENIED },
        { "the common issuer", GOOD_HEADER, claims_with(w, TENANT, "common", "app-registration", NOW_S, OID_ANA, ""), false, ERR_DENIED },
        { "another audience", GOOD_HEADER, claims_with(w, TENANT, TENANT, "postern-entra", NOW_S, OID_ANA, ""), false, ERR_DENIED },
        { "ten minutes old", GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S - 600, OID_ANA, ""), false, OK },
        { "older", GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S - 661, OID_ANA, ""), false, ERR_EXPIRED },
        { "of tomorrow", GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S + 86400, OID_ANA, ""), false, ERR_DENIED },
        { "oid is no GUID", GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S, "ana@acme.example", ""), false, ERR_INPUT },
        { "oid empty", GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S, "", ""), false, ERR_INPUT },
        { "no iat", GOOD_HEADER, "{\"tid\":\"" TENANT "\",\"oid\":\"" OID_ANA "\",\"sub\":\"x\"}", false, ERR_INPUT },
        { "no tid", GOOD_HEADER, "{\"oid\":\"" OID_ANA "\",\"sub\":\"x\"}", false, ERR_INPUT },
        { "no sub", GOOD_HEADER, "{\"tid\":\"" TENANT "\",\"oid\":\"" OID_ANA "\"}", false, ERR_INPUT },
        { "empty sub", GOOD_HEADER, "{\"tid\":\"" TENANT "\",\"oid\":\"" OID_ANA "\",\"sub\":\"\"}", false, ERR_INPUT },
        { "tid is a list", GOOD_HEADER, "{\"tid\":[\"" TENANT "\"],\"oid\":\"" OID_ANA "\",\"sub\":\"x\"}", false, ERR_INPUT },
        { "no claims", GOOD_HEADER, "{}", false, ERR_INPUT },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct entra_hint out;
        char *hint = strstr(rows[i].header, "none") != NULL ? token_make_signed(rows[i].header, rows[i].claims, "x", 1)
                                                            : token_make(rows[i].other_key ? w->other_key : w->key, strstr(rows[i].header, "PS256") != NULL, rows[i].header, rows[i].claims);
        enum err_code code = check(w, hint, &out);
        if (code != rows[i].code)
            fail_msg("%s: %s (%s)", rows[i].name, err_name(code), w->err.text);
        free(hint);
    }
}

static void the_person_is_found_by_what_cannot_be_chosen(void **state)
{
    struct world *w = *state;
    wait_for_keys(w);
    static const struct { const char *name, *oid, *more, *person; } rows[] = {
        { "by oid", OID_ANA, "", OID_ANA },
        { "by tenant and oid", OID_BEN, "", TENANT ":" OID_BEN },
        { "by upn, when the oid is unknown", OID_NOBODY, ",\"upn\":\"ana@acme.example\"", "ana@acme.example" },
        { "oid before upn", OID_BEN, ",\"upn\":\"ana@acme.example\"", TENANT ":" OID_BEN },
        { "an unknown upn", OID_NOBODY, ",\"upn\":\"eve@acme.example\"", TENANT ":" OID_NOBODY },
        { "a upn that is an id of ours", OID_NOBODY, ",\"upn\":\"p_aaaaaaaaaaaaaaaaaaaaaaaaaa\"", TENANT ":" OID_NOBODY },
        { "preferred_username names nobody", OID_NOBODY, ",\"preferred_username\":\"ana@acme.example\",\"email\":\"ana@acme.example\"", TENANT ":" OID_NOBODY },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct entra_hint out;
        char *hint = token_make(w->key, false, GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S, rows[i].oid, rows[i].more));
        if (check(w, hint, &out) != OK || !span_equal_text(out.person, rows[i].person))
            fail_msg("%s: %.*s (%s)", rows[i].name, SPAN_ARGS(out.person), w->err.text);
        assert_true(span_equal_text(out.subject, "pairwise") && span_equal_text(out.tenant, TENANT) && span_equal_text(out.object, rows[i].oid));
        free(hint);
    }
}

static void a_new_key_of_entra_is_fetched_when_a_hint_needs_it_but_not_at_every_nonsense(void **state)
{
    struct world *w = *state;
    struct entra_hint out;
    wait_for_keys(w);
    char *hint = token_make(w->other_key, false, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", claims_with(w, TENANT, TENANT, "app-registration", NOW_S, OID_ANA, ""));
    put_keys(w, w->other_key, "k2");
    size_t before = fake_peer_count(&w->documents, "/control/gets", NULL);
    for (int i = 0; i < 20; i++)
        assert_int_equal(check(w, hint, &out), ERR_DENIED); /* within the minute: not fetched again */
    assert_int_equal(fake_peer_count(&w->documents, "/control/gets", NULL), before);
    w->mono_ms += KEY_AGAIN_MS;
    assert_int_equal(check(w, hint, &out), OK);
    assert_int_equal(fake_peer_count(&w->documents, "/control/gets", NULL), before + 2); /* the document and the set */
    free(hint);
}

static void keys_outlive_a_silence_of_entra_for_a_day(void **state)
{
    struct world *w = *state;
    struct entra_hint out;
    wait_for_keys(w);
    char *hint = token_make(w->key, false, GOOD_HEADER, claims_with(w, TENANT, TENANT, "app-registration", NOW_S, OID_ANA, ""));
    put(w, "/meta", "", 503, 0);
    size_t before = fake_peer_count(&w->documents, "/control/gets", NULL);
    w->mono_ms += KEY_STALE_MS;
    for (int i = 0; i < 600 && fake_peer_count(&w->documents, "/control/gets", NULL) == before; i++) {
        struct timespec pause = { 0, 50000000 };
        nanosleep(&pause, NULL);
    }
    assert_int_equal(check(w, hint, &out), OK);
    w->mono_ms += KEY_RETRY_MOST_MS;
    enum err_code code = OK;
    for (int i = 0; i < 600 && (code = check(w, hint, &out)) == OK; i++) {
        struct timespec pause = { 0, 50000000 };
        nanosleep(&pause, NULL);
    }
    assert_int_equal(code, ERR_UNAVAILABLE);
    free(hint);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(hints_are_believed_or_refused),
        STORY(the_person_is_found_by_what_cannot_be_chosen),
        STORY(a_new_key_of_entra_is_fetched_when_a_hint_needs_it_but_not_at_every_nonsense),
        STORY(keys_outlive_a_silence_of_entra_for_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
