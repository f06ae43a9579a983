/* What Okta's hooks send, read or refused, and what they are answered: rows of bodies and of answers, letter by letter. */
#include "gateway/doors/okta_hooks.h"
#include "gateway/doors/okta_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define USER "\"user\":{\"id\":\"00uA\",\"profile\":{\"login\":\"ana@acme.example\"}}"
#define TOKEN(context, rest) "{\"eventId\":\"e1\",\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{\"context\":{" context "}" rest "}}"
#define SAML(context, rest) "{\"eventId\":\"e1\",\"eventType\":\"com.okta.saml.tokens.transform\",\"data\":{\"context\":{" context "}" rest "}}"
#define ACCESS ",\"access\":{\"claims\":{},\"token\":{\"lifetime\":{\"expiration\":3600}}}"
#define IDENTITY ",\"identity\":{\"claims\":{},\"token\":{\"lifetime\":{\"expiration\":600}}}"
#define CLIENT ",\"protocol\":{\"type\":\"OAUTH2.0\",\"client\":{\"id\":\"0oaPay\",\"name\":\"Payroll\"}}"

static enum err_code read_hook(const char *body, enum okta_hook_kind kind, struct from_json **doc, struct okta_hook *out, struct err *err)
{
    enum err_code code = from_json_parse(span_of(body), (struct from_json_limits){ OKTA_BODY_BYTES, OKTA_DEPTH }, "body", doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(*doc);
    return okta_hook_read(&root, kind, out, err);
}

static void what_is_needed_is_read(void **state)
{
    (void)state;
    static const struct { const char *name, *body; enum okta_hook_kind kind; const char *login, *user, *app; bool machine; int64_t access_s, identity_s; } rows[] = {
        { "both tokens", TOKEN(USER CLIENT, ACCESS IDENTITY), OKTA_TOKEN, "ana@acme.example", "00uA", "0oaPay", false, 3600, 600 },
        { "an access token", TOKEN(USER CLIENT, ACCESS), OKTA_TOKEN, "ana@acme.example", "00uA", "0oaPay", false, 3600, -1 },
        { "no lifetime", TOKEN(USER CLIENT, ",\"access\":{}"), OKTA_TOKEN, "ana@acme.example", "00uA", "0oaPay", false, 0, -1 },
        { "only an id", TOKEN("\"user\":{\"id\":\"00uA\"}" CLIENT, ACCESS), OKTA_TOKEN, "", "00uA", "0oaPay", false, 3600, -1 },
        { "no app", TOKEN(USER, ACCESS), OKTA_TOKEN, "ana@acme.example", "00uA", "", false, 3600, -1 },
        { "null for absent", TOKEN(USER ",\"protocol\":{\"client\":null}", ",\"access\":null,\"identity\":{}"), OKTA_TOKEN, "ana@acme.example", "00uA", "", false, -1, 0 },
        { "members we do not know", TOKEN(USER CLIENT ",\"session\":{\"amr\":[\"PWD\"]},\"more\":[[{}]]", ACCESS ",\"refresh_token\":{\"jti\":\"x\"}"), OKTA_TOKEN, "ana@acme.example", "00uA", "0oaPay",
          false, 3600, -1 },
        { "a service", TOKEN("\"protocol\":{\"client\":{\"id\":\"0oaM\"},\"request\":{\"grant_type\":\"client_credentials\"}}", ACCESS), OKTA_TOKEN, "", "", "0oaM", true, 3600, -1 },
        { "an assertion", SAML(USER ",\"protocol\":{\"type\":\"SAML2.0\",\"issuer\":{\"id\":\"0oaS\",\"uri\":\"http://x\"}}", ",\"assertion\":{\"claims\":{}}"), OKTA_SAML, "ana@acme.example", "00uA", "0oaS",
          false, -1, -1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct okta_hook hook;
        struct err err;
        if (read_hook(rows[i].body, rows[i].kind, &doc, &hook, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        bool same = span_equal_text(hook.login, rows[i].login) && span_equal_text(hook.user, rows[i].user) && span_equal_text(hook.app, rows[i].app) && hook.machine == rows[i].machine;
        same = same && hook.access.there == (rows[i].access_s >= 0) && hook.identity.there == (rows[i].identity_s >= 0) && hook.assertion.there == (rows[i].kind == OKTA_SAML);
        same = same && (!hook.access.there || hook.access.lifetime_s == rows[i].access_s) && (!hook.identity.there || hook.identity.lifetime_s == rows[i].identity_s);
        if (!same || !span_equal_text(hook.event, "e1"))
            fail_msg("%s", rows[i].name);
    }
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static char deep[600], long_login[1200];
    snprintf(deep, sizeof deep, "%s%.*s", "{\"eventType\":", 100, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    snprintf(long_login, sizeof long_login, TOKEN("\"user\":{\"profile\":{\"login\":\"%0400d\"}}", ACCESS), 7);
    const struct { const char *name, *body; enum okta_hook_kind kind; } rows[] = {
        { "nothing", "", OKTA_TOKEN },
        { "not JSON", "token", OKTA_TOKEN },
        { "a list", "[]", OKTA_TOKEN },
        { "empty", "{}", OKTA_TOKEN },
        { "cut short", "{\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{", OKTA_TOKEN },
        { "something behind it", TOKEN(USER, ACCESS) "{}", OKTA_TOKEN },
        { "the other hook's body", SAML(USER, ",\"assertion\":{}"), OKTA_TOKEN },
        { "the other hook's address", TOKEN(USER, ACCESS), OKTA_SAML },
        { "no data", "{\"eventType\":\"com.okta.oauth2.tokens.transform\"}", OKTA_TOKEN },
        { "data is text", "{\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":\"x\"}", OKTA_TOKEN },
        { "no context", "{\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{}}", OKTA_TOKEN },
        { "no person", TOKEN("\"protocol\":{\"client\":{\"id\":\"0oaPay\"}}", ACCESS), OKTA_TOKEN },
        { "no person, and a grant that needs one", TOKEN("\"protocol\":{\"request\":{\"grant_type\":\"authorization_code\"}}", ACCESS), OKTA_TOKEN },
        { "an assertion without a person", SAML("\"protocol\":{\"request\":{\"grant_type\":\"client_credentials\"}}", ",\"assertion\":{}"), OKTA_SAML },
        { "an empty person", TOKEN("\"user\":{\"id\":\"\",\"profile\":{\"login\":\"\"}}", ACCESS), OKTA_TOKEN },
        { "the login is a number", TOKEN("\"user\":{\"profile\":{\"login\":7}}", ACCESS), OKTA_TOKEN },
        { "the login is too long", long_login, OKTA_TOKEN },
        { "eventType is a list", "{\"eventType\":[]}", OKTA_TOKEN },
        { "eventId is a number", "{\"eventId\":1,\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{\"context\":{" USER "}}}", OKTA_TOKEN },
        { "a member twice", TOKEN(USER "," USER, ACCESS), OKTA_TOKEN },
        { "access is a list", TOKEN(USER, ",\"access\":[]"), OKTA_TOKEN },
        { "a lifetime below zero", TOKEN(USER, ",\"access\":{\"token\":{\"lifetime\":{\"expiration\":-1}}}"), OKTA_TOKEN },
        { "a lifetime as text", TOKEN(USER, ",\"access\":{\"token\":{\"lifetime\":{\"expiration\":\"3600\"}}}"), OKTA_TOKEN },
        { "a lifetime without end", TOKEN(USER, ",\"access\":{\"token\":{\"lifetime\":{\"expiration\":9223372036854775807}}}"), OKTA_TOKEN },
        { "no assertion", SAML(USER, ""), OKTA_SAML },
        { "NUL in a name", TOKEN("\"user\":{\"profile\":{\"login\":\"a\\u0000b\"}}", ACCESS), OKTA_TOKEN },
        { "too deep", deep, OKTA_TOKEN },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct okta_hook hook;
        struct err err = { OK, "" };
        enum err_code code = read_hook(rows[i].body, rows[i].kind, &doc, &hook, &err);
        if ((code != ERR_INPUT && code != ERR_LIMIT) || err.text[0] == '\0')
            fail_msg("%s: %s", rows[i].name, err_name(code));
    }
}

static const struct door_hook plain = { { "device_posture", 14 }, 3600, 300, true };
static const struct door_hook lenient = { { "device_posture", 14 }, 1800, 300, false };
static const struct door_hook named = { { "https://acme.example/~p", 23 }, 0, 0, true };

#define PATCH(type, operations) "{\"type\":\"com.okta." type ".patch\",\"value\":[" operations "]}"
#define CLAIM(path, value) "{\"op\":\"add\",\"path\":\"/claims/" path "\",\"value\":\"" value "\"}"
#define LIFE(seconds) ",{\"op\":\"replace\",\"path\":\"/token/lifetime/expiration\",\"value\":" seconds "}"
#define ATTRIBUTE(name, value)                                                                                                                     \
    "{\"op\":\"add\",\"path\":\"/claims/" name "\",\"value\":{\"attributes\":{\"NameFormat\":\"urn:oasis:names:tc:SAML:2.0:attrname-format:basic\"},"       \
    "\"attributeValues\":[{\"attributes\":{\"xsi:type\":\"xs:string\"},\"value\":\"" value "\"}]}}"
#define SESSION(seconds) ",{\"op\":\"add\",\"path\":\"/authentication/sessionLifetime\",\"value\":" seconds "}"
#define NOTE(rest) "\"debugContext\":{\"postern\":\"x_1 " rest "\"}}"

static void the_answer_is_what_okta_takes(void **state)
{
    (void)state;
    const struct okta_part no = { 0 }, day = { true, 86400 }, half = { true, 1800 }, unsaid = { true, 0 };
    const struct { const char *name; struct okta_hook hook; const struct door_hook *door; struct okta_verdict v; const char *answer; } rows[] = {
        { "allowed", { .access = day, .identity = day }, &plain, { OUTCOME_ALLOW, RULE_GOOD, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("device_posture", "allow")) "," PATCH("identity", CLAIM("device_posture", "allow")) "]," NOTE("allow good") },
        { "warned: claims, rung, a shorter life", { .access = day }, &plain, { OUTCOME_WARN, RULE_LADDER_WARN, SPAN_LITERAL("notice"), SPAN_LITERAL("Soon."), SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("device_posture", "warn") "," CLAIM("device_posture_rung", "notice") LIFE("3600")) "]," NOTE("warn ladder_warn") },
        { "warned: never to a longer life", { .access = half, .identity = day }, &plain, { OUTCOME_WARN, RULE_LADDER_WARN, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("device_posture", "warn")) "," PATCH("identity", CLAIM("device_posture", "warn") LIFE("3600")) "]," NOTE("warn ladder_warn") },
        { "warned: a life that is not said is left", { .access = unsaid }, &plain, { OUTCOME_WARN, RULE_LADDER_WARN, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("device_posture", "warn")) "]," NOTE("warn ladder_warn") },
        { "refused", { .access = day }, &plain, { OUTCOME_DENY, RULE_LADDER_CLOSED, SPAN_LITERAL("all"), SPAN_LITERAL("Turn the firewall on."), SPAN_LITERAL("https://p.example/blocked/t"), SPAN_LITERAL("x_1") },
          "{\"error\":{\"errorSummary\":\"Turn the firewall on. https://p.example/blocked/t\"}," NOTE("deny ladder_closed") },
        { "refused, nothing to say", { .access = no }, &plain, { OUTCOME_DENY, RULE_UNKNOWN_PERSON, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"error\":{\"errorSummary\":\"This app cannot open yet.\"}," NOTE("deny unknown_person") },
        { "denied, and the app decides", { .access = day }, &lenient, { OUTCOME_DENY, RULE_LADDER_CLOSED, SPAN_LITERAL("all"), SPAN_LITERAL("No."), SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("device_posture", "deny") "," CLAIM("device_posture_rung", "all") LIFE("300")) "]," NOTE("deny ladder_closed") },
        { "a claim named by a URL", { .access = day }, &named, { OUTCOME_ALLOW, RULE_GOOD, SPAN_LITERAL("notice"), SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("access", CLAIM("https:~1~1acme.example~1~0p", "allow") "," CLAIM("https:~1~1acme.example~1~0p_rung", "notice")) "]," NOTE("allow good") },
        { "assertion, allowed", { .kind = OKTA_SAML, .assertion = unsaid }, &plain, { OUTCOME_ALLOW, RULE_GOOD, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("assertion", ATTRIBUTE("device_posture", "allow")) "]," NOTE("allow good") },
        { "assertion, warned", { .kind = OKTA_SAML, .assertion = unsaid }, &plain, { OUTCOME_WARN, RULE_LADDER_WARN, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("assertion", ATTRIBUTE("device_posture", "warn") SESSION("3600")) "]," NOTE("warn ladder_warn") },
        { "assertion, its session is short already", { .kind = OKTA_SAML, .assertion = half }, &plain, { OUTCOME_WARN, RULE_LADDER_WARN, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("assertion", ATTRIBUTE("device_posture", "warn")) "]," NOTE("warn ladder_warn") },
        { "assertion, refused", { .kind = OKTA_SAML, .assertion = unsaid }, &plain, { OUTCOME_DENY, RULE_LADDER_CLOSED, SPAN_NONE, SPAN_LITERAL("No."), SPAN_NONE, SPAN_LITERAL("x_1") },
          "{\"commands\":[" PATCH("assertion", ATTRIBUTE("device_posture", "deny") SESSION("300")) "],\"error\":{\"errorSummary\":\"No.\"}," NOTE("deny ladder_closed") },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(buf_done) struct buf out;
        struct to_json w;
        buf_init(&out, OKTA_BODY_BYTES);
        to_json_init(&w, &out);
        assert_true(okta_hook_says(&rows[i].hook, rows[i].door, &rows[i].v));
        okta_hook_answer(&rows[i].hook, rows[i].door, &rows[i].v, &w);
        if (!span_equal_text(buf_span(&out), rows[i].answer))
            fail_msg("%s: wanted\n%s\nsaid\n%.*s", rows[i].name, rows[i].answer, SPAN_ARGS(buf_span(&out)));
    }
    const struct okta_verdict good = { .outcome = OUTCOME_ALLOW };
    const struct okta_hook nothing = { 0 };
    assert_false(okta_hook_says(&nothing, &plain, &good)); /* a token that was not asked for must not be patched */
}

static void events_are_read_or_passed_over(void **state)
{
    (void)state;
    static const struct { const char *name, *event; bool login, failed; const char *person, *uuid; } rows[] = {
        { "a session", "{\"uuid\":\"u1\",\"eventType\":\"user.session.start\",\"actor\":{\"id\":\"00uA\",\"type\":\"User\",\"alternateId\":\"ana@acme.example\"},\"outcome\":{\"result\":\"SUCCESS\"}}", true, false,
          "ana@acme.example", "u1" },
        { "a hook that failed", "{\"uuid\":\"u2\",\"eventType\":\"inline_hook.executed\",\"outcome\":{\"result\":\"FAILURE\",\"reason\":\"timeout\"},\"target\":[{\"displayName\":\"postern\"}]}", false, true, "", "u2" },
        { "a hook that worked", "{\"uuid\":\"u3\",\"eventType\":\"inline_hook.executed\",\"outcome\":{\"result\":\"SUCCESS\"}}", false, false, "", "u3" },
        { "a hook without an outcome", "{\"uuid\":\"u4\",\"eventType\":\"inline_hook.executed\"}", false, false, "", "u4" },
        { "an app as actor", "{\"eventType\":\"user.session.start\",\"actor\":{\"id\":\"0oa\",\"type\":\"PublicClientApp\",\"alternateId\":\"x\"}}", true, false, "", "" },
        { "other types everywhere", "{\"uuid\":[],\"eventType\":{},\"actor\":7,\"outcome\":\"x\",\"target\":{}}", false, false, "", "" },
        { "nothing", "{}", false, false, "", "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct from_json_value data, events;
        struct span id = SPAN_NONE;
        struct okta_event e;
        struct err err;
        char body[2048];
        snprintf(body, sizeof body, "{\"eventType\":\"com.okta.event_hook\",\"eventId\":\"d1\",\"data\":{\"events\":[%s]}}", rows[i].event);
        assert_int_equal(from_json_parse(span_of(body), (struct from_json_limits){ OKTA_EVENTS_BYTES, OKTA_DEPTH }, "body", &doc, &err), OK);
        struct from_json_value root = from_json_root(doc);
        if (okta_events_open(&root, &id, &data, &events, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        okta_event_read(&events, 0, &e);
        bool same = okta_event_is_login(&e) == rows[i].login && okta_event_is_failed_hook(&e) == rows[i].failed && span_equal_text(e.person, rows[i].person) && span_equal_text(e.uuid, rows[i].uuid);
        if (!same || !span_equal_text(id, "d1"))
            fail_msg("%s", rows[i].name);
    }
}

static void envelopes_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}", "[]", "{\"eventType\":\"com.okta.event_hook\"}", "{\"eventType\":\"com.okta.event_hook\",\"data\":{}}", "{\"eventType\":\"com.okta.event_hook\",\"data\":{\"events\":{}}}",
        "{\"eventType\":\"com.okta.event_hook\",\"data\":{\"events\":[7]}}", "{\"eventType\":\"com.okta.event_hook\",\"data\":{\"events\":[null]}}",
        "{\"eventType\":\"com.okta.oauth2.tokens.transform\",\"data\":{\"events\":[]}}", "{\"eventType\":\"com.okta.event_hook\",\"eventId\":{},\"data\":{\"events\":[]}}",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct from_json_value data, events;
        struct span id = SPAN_NONE;
        struct err err;
        assert_int_equal(from_json_parse(span_of(rows[i]), (struct from_json_limits){ OKTA_EVENTS_BYTES, OKTA_DEPTH }, "body", &doc, &err), OK);
        struct from_json_value root = from_json_root(doc);
        if (okta_events_open(&root, &id, &data, &events, &err) != ERR_INPUT)
            fail_msg("%s", rows[i]);
    }
}

static void a_delivery_is_new_once(void **state)
{
    (void)state;
    struct okta_watch *w = okta_watch_new();
    assert_non_null(w);
    assert_true(okta_watch_is_new(w, "a", SPAN_LITERAL("1"), 100));
    assert_false(okta_watch_is_new(w, "a", SPAN_LITERAL("1"), 101));
    assert_true(okta_watch_is_new(w, "b", SPAN_LITERAL("1"), 101));
    assert_true(okta_watch_is_new(w, "a", SPAN_LITERAL("1"), 101 + OKTA_REMEMBER_S));
    assert_true(okta_watch_is_new(w, "a", SPAN_NONE, 100));
    assert_true(okta_watch_is_new(w, "a", SPAN_NONE, 100));
    assert_true(okta_watch_is_new(NULL, "a", SPAN_LITERAL("1"), 100));
    for (int i = 0; i < 20000; i++) { /* a full table forgets rather than takes what is new for old */
        char id[16];
        snprintf(id, sizeof id, "n%d", i);
        assert_true(okta_watch_is_new(w, "a", span_of(id), 2000));
    }
    assert_int_equal(okta_watch_failures(w).count, 0);
    okta_watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_needed_is_read),      cmocka_unit_test(what_is_wrong_is_refused),           cmocka_unit_test(the_answer_is_what_okta_takes),
        cmocka_unit_test(events_are_read_or_passed_over), cmocka_unit_test(envelopes_that_are_none_are_refused), cmocka_unit_test(a_delivery_is_new_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
