/* Okta's management API: what its answers mean, by rows and by real calls to a strict fake; how our client proves itself. */
#include "connectors/identity/okta_api.h"
#include "gateway/okta_key.h"

#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* ---- addresses ---- */

static void the_next_page_is_found_among_link_fields(void **state)
{
    static const struct { const char *link, *next; } rows[] = {
        { "", "" },
        { "<https://a/x?limit=1>; rel=\"self\"", "" },
        { "<https://a/x>; rel=\"self\", <https://a/x?after=1>; rel=\"next\"", "https://a/x?after=1" },
        { "<https://a/x?after=1>; rel=\"next\", <https://a/x>; rel=\"self\"", "https://a/x?after=1" },
        { "<https://a/x?a=1,2>;rel=next", "https://a/x?a=1,2" },
        { "<https://a/x>; title=\"a, rel=next\"; rel=\"self\"", "" },
        { "<https://a/x>; title=\"unclosed; rel=\"next\"", "" },
        { "<https://a/x>; REL=\"NEXT\"", "https://a/x" },
        { "<https://a/x>; rel=\"nextish\"", "" },
        { "https://a/x; rel=\"next\"", "" },
        { "<https://a/x; rel=\"next\"", "" },
        { "<<<>>>,;;<", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].link);
        assert_true(span_equal_text(vendor_api_next_link(span_of(rows[i].link)), rows[i].next));
    }
}

static void only_what_lies_under_the_base_is_called(void **state)
{
    static const struct { const char *url; bool under; } rows[] = {
        { "https://acme.okta.com/api/v1/users", true },      { "https://acme.okta.com/api/v1/users?after=../x", true }, { "https://acme.okta.com", false },
        { "https://acme.okta.com.evil.example/", false },     { "https://acme.okta.com@evil.example/", false },          { "https://acme.okta.com:444/", false },
        { "http://acme.okta.com/", false },                   { "https://ACME.okta.com/", false },                       { "https://acme.okta.com/../x", false },
        { "https://acme.okta.com/a/%2e%2e/x", false },        { "https://acme.okta.com/a\\b", false },                   { "https://acme.okta.com/a b", false },
        { "https://acme.okta.com/#x", false },                { "/api/v1/users", false },                                { "", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].url);
        assert_int_equal(vendor_api_is_under(SPAN_LITERAL("https://acme.okta.com"), span_of(rows[i].url)), rows[i].under);
    }
}

/* ---- answers ---- */

static void a_user_is_read_strictly(void **state)
{
    static const struct { const char *name, *body, *asked; enum err_code code; bool gone; } rows[] = {
        { "by login", "{\"id\":\"00uA\",\"status\":\"ACTIVE\",\"profile\":{\"login\":\"Ana@acme.example\"}}", "ana@acme.example", OK, false },
        { "by address", "{\"id\":\"00uA\",\"status\":\"ACTIVE\",\"profile\":{\"login\":\"x\",\"email\":\"ana@acme.example\"}}", "ana@acme.example", OK, false },
        { "by id", "{\"id\":\"00uA\",\"status\":\"SUSPENDED\"}", "00uA", OK, false },
        { "who left", "{\"id\":\"00uA\",\"status\":\"DEPROVISIONED\"}", "00uA", OK, true },
        { "more members", "{\"id\":\"00uA\",\"status\":\"ACTIVE\",\"x\":[[{}]],\"_links\":{\"self\":{}}}", "00uA", OK, false },
        { "somebody else, found by the part before the @", "{\"id\":\"00uB\",\"status\":\"ACTIVE\",\"profile\":{\"login\":\"ana@other.example\"}}", "ana@acme.example", ERR_NOT_FOUND, false },
        { "no id", "{\"status\":\"ACTIVE\",\"profile\":{\"login\":\"ana@acme.example\"}}", "ana@acme.example", ERR_INPUT, false },
        { "an id that is a path", "{\"id\":\"../00uA\",\"status\":\"ACTIVE\"}", "../00uA", ERR_INPUT, false },
        { "an id that is a number", "{\"id\":7,\"status\":\"ACTIVE\"}", "7", ERR_INPUT, false },
        { "no status", "{\"id\":\"00uA\"}", "00uA", ERR_INPUT, false },
        { "a list", "[{\"id\":\"00uA\",\"status\":\"ACTIVE\"}]", "00uA", ERR_INPUT, false },
        { "twice a member", "{\"id\":\"00uA\",\"id\":\"00uB\",\"status\":\"ACTIVE\"}", "00uA", ERR_INPUT, false },
        { "cut short", "{\"id\":\"00uA\",\"sta", "00uA", ERR_INPUT, false },
        { "empty", "", "00uA", ERR_INPUT, false },
        { "no JSON", "<html>", "00uA", ERR_INPUT, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct okta_user user = { .id = "" };
        print_message("%s\n", rows[i].name);
        assert_int_equal(okta_read_user(span_of(rows[i].body), span_of(rows[i].asked), &user, NULL), rows[i].code);
        if (rows[i].code == OK)
            assert_int_equal(user.gone, rows[i].gone);
    }
}

static void groups_are_read_whole_or_not_at_all(void **state)
{
    static const struct span groups[] = { { "00gA", 4 }, { "00gB", 4 } };
    static const struct { const char *body; enum err_code code; bool a, b; size_t count; } rows[] = {
        { "[]", OK, false, false, 0 },
        { "[{\"id\":\"00gB\"},{\"id\":\"00gC\"}]", OK, false, true, 2 },
        { "[{\"id\":\"00gA\"},{\"id\":\"00gB\"}]", OK, true, true, 2 },
        { "[{\"id\":\"00ga\"}]", OK, false, false, 1 },
        { "[{\"id\":\"00gC\"},7]", ERR_INPUT, false, false, 0 },
        { "[{\"name\":\"x\"}]", ERR_INPUT, false, false, 0 },
        { "{\"id\":\"00gA\"}", ERR_INPUT, false, false, 0 },
        { "[{\"id\":\"00gC\"}", ERR_INPUT, false, false, 0 },
        { "null", ERR_INPUT, false, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool member[2] = { false, false };
        size_t count = 0;
        print_message("%s\n", rows[i].body);
        assert_int_equal(okta_read_groups(span_of(rows[i].body), groups, 2, member, &count, NULL), rows[i].code);
        assert_true(member[0] == rows[i].a && member[1] == rows[i].b && count == rows[i].count);
    }
}

static void a_token_answer_is_read_strictly(void **state)
{
    static const struct { const char *name, *body; enum err_code code; int64_t life_s; } rows[] = {
        { "as documented", "{\"access_token\":\"ey.x\",\"token_type\":\"Bearer\",\"expires_in\":3600}", OK, 3600 },
        { "a life in text", "{\"access_token\":\"ey.x\",\"token_type\":\"bearer\",\"expires_in\":\"599\"}", OK, 599 },
        { "no life", "{\"access_token\":\"ey.x\"}", OK, 300 },
        { "another type", "{\"access_token\":\"ey.x\",\"token_type\":\"DPoP\",\"expires_in\":3600}", ERR_INPUT, 0 },
        { "a life that was", "{\"access_token\":\"ey.x\",\"expires_in\":0}", ERR_INPUT, 0 },
        { "a token with a line break", "{\"access_token\":\"ey\\r\\nX: y\"}", ERR_INPUT, 0 },
        { "an empty token", "{\"access_token\":\"\"}", ERR_INPUT, 0 },
        { "no token", "{\"token_type\":\"Bearer\"}", ERR_INPUT, 0 },
        { "an error", "{\"error\":\"invalid_client\"}", ERR_INPUT, 0 },
        { "no JSON", "<html>", ERR_INPUT, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf token;
        int64_t life_s = 0;
        buf_init(&token, OAUTH_CLIENT_TOKEN_BYTES);
        print_message("%s\n", rows[i].name);
        assert_int_equal(oauth_client_read_token(span_of(rows[i].body), &token, &life_s, NULL), rows[i].code);
        assert_int_equal(life_s, rows[i].life_s);
        buf_done(&token);
    }
}

/* ---- calls, with a key of the operator's ---- */

struct world { struct story story; struct fake_peer peer; struct okta_key *key; struct okta_api *api; char public_path[64]; struct buf pem; };

static void write_keys(struct world *w)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    BIO *text = BIO_new(BIO_s_mem());
    char *at = NULL;
    snprintf(w->public_path, sizeof w->public_path, "/tmp/postern-okta-XXXXXX");
    int fd = mkstemp(w->public_path);
    FILE *file = fdopen(fd, "w");
    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    fclose(file);
    assert_int_equal(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL), 1);
    long bytes = BIO_get_mem_data(text, &at);
    buf_init(&w->pem, 4096);
    buf_append(&w->pem, span_make(at, (size_t)bytes));
    BIO_free(text);
    EVP_PKEY_free(key);
}

static void start(struct world *w)
{
    static const char policy[] = "policy: acme\nsensitivities: [everyday]\n";
    struct err err = { 0 };
    memset(w, 0, sizeof *w);
    write_keys(w);
    story_start(&w->story, policy);
    fake_peer_start(&w->peer, "fake_okta_api.py", "--client", "0oaPostern", "--key", w->public_path, "--now", "1796040000", "--page", "1", NULL);
    assert_int_equal(okta_key_new(&w->story.node, buf_span(&w->pem), SPAN_LITERAL("kid-1"), &w->key, &err), OK);
    const struct okta_api_options options = { .url = span_of(w->peer.base), .client_id = SPAN_LITERAL("0oaPostern"), .sign = okta_key_sign, .sign_context = w->key, .clock = &w->story.clock,
                                              .allow_loopback_http = true };
    assert_int_equal(okta_api_new(&options, &w->api, &err), OK);
}

static void end(struct world *w)
{
    assert_int_equal(fake_peer_count(&w->peer, "/control/refused", NULL), 0);
    okta_api_free(w->api);
    okta_key_free(w->key);
    story_end(&w->story);
    fake_peer_stop(&w->peer);
    buf_wipe(&w->pem);
    unlink(w->public_path);
}

static void people_and_groups_are_found_page_by_page(void **state)
{
    static const struct span groups[] = { { "00gClosed", 9 }, { "00gTrusted", 10 }, { "00gNone", 7 } };
    struct world w;
    struct okta_user user;
    struct okta_group group;
    bool member[3];
    (void)state;
    start(&w);
    assert_int_equal(okta_api_find(w.api, SPAN_LITERAL("ANA@acme.example"), &user).outcome, VENDOR_DONE);
    assert_string_equal(user.id, "00uAna");
    assert_int_equal(okta_api_find(w.api, SPAN_LITERAL("ben@acme.example"), &user).outcome, VENDOR_DONE); /* his login is another */
    assert_string_equal(user.id, "00uBen");
    assert_int_equal(okta_api_find(w.api, SPAN_LITERAL("ana@other.example"), &user).outcome, VENDOR_NOT_FOUND);
    assert_int_equal(okta_api_find(w.api, SPAN_LITERAL("\" or id pr or \"@x"), &user).outcome, VENDOR_NOT_FOUND);
    assert_int_equal(okta_api_find(w.api, SPAN_LITERAL("../groups"), &user).outcome, VENDOR_NOT_FOUND);
    assert_int_equal(okta_api_set_member(w.api, SPAN_LITERAL("00uAna"), groups[0], true).outcome, VENDOR_DONE);
    assert_int_equal(okta_api_memberships(w.api, SPAN_LITERAL("00uAna"), groups, 3, member).outcome, VENDOR_DONE);
    assert_true(member[0] && member[1] && !member[2]);
    assert_int_equal(okta_api_set_member(w.api, SPAN_LITERAL("00uAna"), groups[0], false).outcome, VENDOR_DONE);
    assert_int_equal(okta_api_set_member(w.api, SPAN_LITERAL("00uAna"), groups[2], true).outcome, VENDOR_NOT_FOUND);
    assert_int_equal(okta_api_set_member(w.api, SPAN_LITERAL("00uAna"), SPAN_LITERAL("00gDirectory"), true).outcome, VENDOR_REFUSED);
    assert_int_equal(okta_api_end_sessions(w.api, SPAN_LITERAL("00uAna")).outcome, VENDOR_DONE);
    assert_int_equal(okta_api_end_sessions(w.api, SPAN_LITERAL("00uNobody")).outcome, VENDOR_NOT_FOUND);
    assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gEveryone"), &group).outcome, VENDOR_DONE);
    assert_false(group.ours_to_change);
    assert_string_equal(group.name, "Everyone");
    end(&w);
}

static size_t tokens(struct world *w)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/calls");
    struct from_json_value root = from_json_root(doc);
    size_t count = 0;
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i), name = from_json_member(&item, "call");
        struct span text = SPAN_NONE;
        count += from_json_text(&name, 100, &text, NULL) == OK && span_equal_text(text, "token");
    }
    from_json_free(doc);
    return count;
}

static void a_token_serves_until_it_ends_or_is_refused(void **state)
{
    struct world w;
    struct okta_group group;
    (void)state;
    start(&w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).outcome, VENDOR_DONE);
    assert_int_equal(tokens(&w), 1);
    fake_peer_post(&w.peer, "/control/expire", "{}");
    assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).outcome, VENDOR_DONE);
    assert_int_equal(tokens(&w), 2);
    w.story.now_ms += 3600 * INT64_C(1000);
    fake_peer_post(&w.peer, "/control/now", "1796043600");
    assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).outcome, VENDOR_DONE);
    assert_int_equal(tokens(&w), 3);
    fake_peer_post(&w.peer, "/control/faults", "[{\"call\":\"group\",\"kind\":\"401\",\"times\":9}]");
    struct vendor_result r = okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group);
    assert_int_equal(r.outcome, VENDOR_DENIED);
    assert_string_equal(r.error, "answered 401 E0000011");
    assert_int_equal(tokens(&w), 4); /* one new one, no more */
    end(&w);
}

static void an_answer_says_when_to_come_back(void **state)
{
    static const struct { const char *name, *fault; enum vendor_outcome outcome; bool away; int64_t after_s; } rows[] = {
        { "429 that names its end", "[{\"call\":\"group\",\"kind\":\"429\",\"seconds\":30}]", VENDOR_LATER, true, 31 },
        { "429 that names an end long past", "[{\"call\":\"group\",\"kind\":\"429\",\"seconds\":-500}]", VENDOR_LATER, true, 0 },
        { "429 that names an end far away", "[{\"call\":\"group\",\"kind\":\"429\",\"seconds\":900000}]", VENDOR_LATER, true, VENDOR_API_WAIT_MOST_S },
        { "429 without a word", "[{\"call\":\"group\",\"kind\":\"429_bare\"}]", VENDOR_LATER, true, -1 },
        { "500", "[{\"call\":\"group\",\"kind\":\"500_before\"}]", VENDOR_LATER, true, -1 },
        { "403", "[{\"call\":\"group\",\"kind\":\"403\"}]", VENDOR_DENIED, false, -1 },
        { "garbage", "[{\"call\":\"group\",\"kind\":\"garbage\"}]", VENDOR_LATER, true, -1 },
        { "no JSON", "[{\"call\":\"group\",\"kind\":\"not_json\"}]", VENDOR_LATER, true, -1 },
        { "cut short", "[{\"call\":\"group\",\"kind\":\"truncated\",\"times\":2}]", VENDOR_LATER, true, -1 },
        { "a token refused", "[{\"call\":\"token\",\"kind\":\"401\"}]", VENDOR_DENIED, true, -1 },
        { "a token that is none", "[{\"call\":\"token\",\"kind\":\"garbage\"}]", VENDOR_LATER, true, -1 },
        { "no token today", "[{\"call\":\"token\",\"kind\":\"500_before\"}]", VENDOR_LATER, true, -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct okta_group group;
        print_message("%s\n", rows[i].name);
        start(&w);
        fake_peer_post(&w.peer, "/control/faults", rows[i].fault);
        struct vendor_result r = okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_int_equal(r.away, rows[i].away);
        assert_int_equal(r.after_s, rows[i].after_s);
        fake_peer_post(&w.peer, "/control/faults", "[]");
        assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).outcome, VENDOR_DONE);
        end(&w);
    }
}

static void the_last_call_of_a_minute_says_so(void **state)
{
    struct world w;
    struct okta_group group;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/limit", "2");
    assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).after_s, -1);
    struct vendor_result r = okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group);
    assert_true(r.outcome == VENDOR_DONE && r.after_s == 61);
    assert_int_equal(okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group).outcome, VENDOR_LATER);
    end(&w);
}

static void a_missing_scope_is_said_at_once(void **state)
{
    struct world w;
    struct okta_group group;
    (void)state;
    start(&w);
    fake_peer_post(&w.peer, "/control/scopes", "[\"okta.users.manage\"]");
    struct vendor_result r = okta_api_group(w.api, SPAN_LITERAL("00gClosed"), &group);
    assert_int_equal(r.outcome, VENDOR_DENIED);
    assert_string_equal(r.error, "the token address answered 400 invalid_scope");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_page_is_found_among_link_fields),
        cmocka_unit_test(only_what_lies_under_the_base_is_called),
        cmocka_unit_test(a_user_is_read_strictly),
        cmocka_unit_test(groups_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_token_answer_is_read_strictly),
        cmocka_unit_test(people_and_groups_are_found_page_by_page),
        cmocka_unit_test(a_token_serves_until_it_ends_or_is_refused),
        cmocka_unit_test(an_answer_says_when_to_come_back),
        cmocka_unit_test(the_last_call_of_a_minute_says_so),
        cmocka_unit_test(a_missing_scope_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
