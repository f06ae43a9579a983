/* Access tokens: each check that liboauth2 leaves out is made, remembered or not, and one issuer's token is never another's. */
#include "connectors/identity/bearer.h"
#include "tests/support/token_maker.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { READ = 1, WRITE = 2, CHECKS = 2000, THREADS = 4 };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define HASH_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* of zeros */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

struct world {
    struct token_key *rsa, *other_rsa, *ec;
    struct bearer *bearer;
    struct arena arena;
    int64_t now_s; /* real: liboauth2 has no other clock */
};

static const struct bearer_scope scopes[] = { { { "posture.read", 12 }, READ }, { { "posture.write", 13 }, READ | WRITE }, { { "PostureWriter", 13 }, WRITE } };
static const struct span clients[] = { { "tool", 4 }, { "other", 5 } };
static const struct bearer_issuer issuers[] = {
    { { "a", 1 }, { "https://a.example", 17 }, { "urn:postern", 11 }, { "at+jwt", 6 }, false, JOSE_RS256, scopes, COUNT(scopes), clients, COUNT(clients) },
    { { "b", 1 }, { "https://b.example", 17 }, { "urn:postern", 11 }, { "at+jwt", 6 }, true, JOSE_ES256 | JOSE_PS256, scopes, COUNT(scopes), NULL, 0 },
    { { "c", 1 }, { "https://c.example", 17 }, { "urn:postern", 11 }, { "at+jwt", 6 }, false, JOSE_RS256, scopes, COUNT(scopes), NULL, 0 },
};

static void set_keys(struct world *w, size_t issuer, const struct token_key *key, const char *kid)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    char *json = token_key_set(key, kid);
    struct err err;
    assert_int_equal(jose_keys_read(span_of(json), &keys, &err), OK);
    bearer_set_keys(w->bearer, issuer, keys);
    free(json);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct err err;
    assert_non_null(w);
    w->rsa = token_key_new(TOKEN_KEY_RSA, 2048);
    w->other_rsa = token_key_new(TOKEN_KEY_RSA, 2048);
    w->ec = token_key_new(TOKEN_KEY_EC, 0);
    w->now_s = (int64_t)time(NULL);
    arena_init(&w->arena, 4096, 64 * 1024 * 1024);
    assert_int_equal(bearer_new(issuers, COUNT(issuers), NULL, &w->bearer, &err), OK);
    set_keys(w, 0, w->rsa, "k1");
    set_keys(w, 1, w->ec, "k1");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    bearer_free(w->bearer);
    arena_done(&w->arena);
    token_key_free(w->rsa);
    token_key_free(w->other_rsa);
    token_key_free(w->ec);
    free(w);
    return 0;
}

static enum err_code check(struct world *w, const char *token, const char *certificate, struct bearer_caller *out, struct err *err)
{
    *out = (struct bearer_caller){ .issuer = 99 };
    *err = (struct err){ 0 };
    return bearer_check(w->bearer, span_of(token), span_of(certificate), w->now_s, &w->arena, out, err);
}

/* Claims with times relative to now: %1$ld is now. */
static const char *claims(struct world *w, const char *iss, const char *aud, long exp_in_s, const char *more)
{
    return arena_format(&w->arena, "{\"iss\":\"%s\",\"aud\":%s,\"exp\":%ld,\"iat\":%ld,\"sub\":\"ana\"%s}", iss, aud, (long)w->now_s + exp_in_s, (long)w->now_s, more).at;
}

#define TOOL ",\"client_id\":\"tool\",\"scope\":\"openid posture.read\""
#define HEAD "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}"
#define A "https://a.example"
#define US "\"urn:postern\""

static void tokens_are_believed_or_refused(void **state)
{
    struct world *w = *state;
    static const char zeros[] = ZEROS, ones[] = "1111111111111111111111111111111111111111111111111111111111111111";
    char *set = token_key_jwk(w->rsa, "");
    const struct { const char *name, *header, *claims; struct token_key *key; const char *certificate; enum err_code code; unsigned scopes; } rows[] = {
        { "good", HEAD, claims(w, A, US, 300, TOOL), w->rsa, NULL, OK, READ },
        { "typ with its prefix", "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"application/at+jwt\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, OK, READ },
        { "no kid, one key", "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, OK, READ },
        { "aud in a list", HEAD, claims(w, A, "[\"x\"," US "]", 300, TOOL), w->rsa, NULL, OK, READ },
        { "a certificate that is not asked for", HEAD, claims(w, A, US, 300, TOOL), w->rsa, ones, OK, READ },
        { "scopes of Okta", HEAD, claims(w, A, US, 300, ",\"cid\":\"tool\",\"scp\":[\"openid\",\"posture.write\"]"), w->rsa, NULL, OK, READ | WRITE },
        { "roles of Entra", HEAD, claims(w, A, US, 300, ",\"azp\":\"tool\",\"roles\":[\"PostureWriter\"]"), w->rsa, NULL, OK, WRITE },
        { "an unknown scope opens nothing", HEAD, claims(w, A, US, 300, ",\"client_id\":\"tool\",\"scope\":\"posture.readx admin\""), w->rsa, NULL, OK, 0 },
        { "scope is an object", HEAD, claims(w, A, US, 300, ",\"client_id\":\"tool\",\"scope\":{\"posture.read\":1}"), w->rsa, NULL, OK, 0 },
        { "scope list with a number", HEAD, claims(w, A, US, 300, ",\"client_id\":\"tool\",\"scp\":[1,\"posture.read\"]"), w->rsa, NULL, OK, READ },
        { "another typ: an ID token", "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "no typ", "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "an algorithm that is not the issuer's", "{\"alg\":\"PS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "an unknown key", "{\"alg\":\"RS256\",\"kid\":\"k2\",\"typ\":\"at+jwt\"}", claims(w, A, US, 300, TOOL), w->rsa, NULL, ERR_NOT_FOUND, 0 },
        { "signed by another", HEAD, claims(w, A, US, 300, TOOL), w->other_rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "an unknown issuer", HEAD, claims(w, "https://z.example", US, 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "an issuer with a slash more", HEAD, claims(w, A "/", US, 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "an issuer whose keys are not there", HEAD, claims(w, "https://c.example", US, 300, TOOL), w->rsa, NULL, ERR_UNAVAILABLE, 0 },
        { "another audience", HEAD, claims(w, A, "\"urn:postern2\"", 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "no audience", HEAD, claims(w, A, "null", 300, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "expired", HEAD, claims(w, A, US, -1, TOOL), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "no exp", HEAD, "{\"iss\":\"https://a.example\",\"aud\":\"urn:postern\",\"client_id\":\"tool\"}", w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "nbf ahead", HEAD, claims(w, A, US, 900, arena_format(&w->arena, TOOL ",\"nbf\":%ld", (long)w->now_s + 300).at), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "nbf within the skew", HEAD, claims(w, A, US, 900, arena_format(&w->arena, TOOL ",\"nbf\":%ld", (long)w->now_s + 30).at), w->rsa, NULL, OK, READ },
        { "a client that is not in the list", HEAD, claims(w, A, US, 300, ",\"client_id\":\"evil\",\"scope\":\"posture.read\""), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "no client where there is a list", HEAD, claims(w, A, US, 300, ",\"scope\":\"posture.read\""), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "client is a list", HEAD, claims(w, A, US, 300, ",\"client_id\":[\"tool\"],\"azp\":\"tool\""), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "client_id before azp", HEAD, claims(w, A, US, 300, ",\"client_id\":\"evil\",\"azp\":\"tool\""), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "bound, with that certificate", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"" HASH_A "\"}"), w->rsa, zeros, OK, READ },
        { "bound, without a certificate", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"" HASH_A "\"}"), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
        { "bound, with another certificate", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"" HASH_A "\"}"), w->rsa, ones, ERR_UNAUTHORIZED, 0 },
        { "bound to a DPoP key", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"jkt\":\"" HASH_A "\"}"), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "bound to both", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"" HASH_A "\",\"jkt\":\"x\"}"), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "bound to nothing", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{}"), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "cnf is null", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":null"), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "cnf is text", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":\"" HASH_A "\""), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "bound to half a hash", HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"AAAA\"}"), w->rsa, zeros, ERR_UNAUTHORIZED, 0 },
        { "a claim twice", HEAD, claims(w, A, US, 300, TOOL ",\"aud\":\"x\""), w->rsa, NULL, ERR_UNAUTHORIZED, 0 },
    };
    for (int again = 0; again < 2; again++) { /* the second time from what is remembered */
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct bearer_caller caller;
            struct err err;
            char *token = token_make(rows[i].key, strstr(rows[i].header, "PS256") != NULL, rows[i].header, rows[i].claims);
            enum err_code code = check(w, token, rows[i].certificate, &caller, &err);
            if (code != rows[i].code || (code == OK && (caller.scopes != rows[i].scopes || caller.issuer != 0 || !span_equal_text(caller.id, "a:tool"))))
                fail_msg("%s: %s, scopes %u (%s)", rows[i].name, err_name(code), caller.scopes, err.text);
            if (code == ERR_NOT_FOUND)
                assert_int_equal(caller.issuer, 0);
            free(token);
        }
    }
    char *forged[] = { token_make_signed("{\"alg\":\"none\",\"typ\":\"at+jwt\"}", rows[0].claims, "", 0), token_make_hmac(set, "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", rows[0].claims),
                       strdup("a.b.c"), strdup(""), strdup("x") };
    for (size_t i = 0; i < COUNT(forged); i++) {
        struct bearer_caller caller;
        struct err err;
        assert_int_equal(check(w, forged[i], NULL, &caller, &err), ERR_UNAUTHORIZED);
        free(forged[i]);
    }
    free(set);
}

/* liboauth2 asks its cache before its key, and shares one cache unless told otherwise (libraries' known trap). */
static void a_token_of_one_issuer_is_never_taken_for_another(void **state)
{
    struct world *w = *state;
    struct bearer_caller caller;
    struct err err;
    char *good = token_make(w->rsa, false, HEAD, claims(w, A, US, 300, TOOL));
    char *crossed = token_make(w->rsa, false, HEAD, claims(w, "https://b.example", US, 300, TOOL)); /* a's key, b's name */
    char *crossed_alg = token_make(w->rsa, true, "{\"alg\":\"PS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", claims(w, "https://b.example", US, 300, TOOL));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(check(w, good, NULL, &caller, &err), OK);
        assert_int_equal(caller.issuer, 0);
        assert_int_equal(check(w, crossed, NULL, &caller, &err), ERR_UNAUTHORIZED);
        assert_int_equal(check(w, crossed_alg, NULL, &caller, &err), ERR_NOT_FOUND); /* b has an EC key of that kid, no RSA key */
    }
    bearer_set_keys(w->bearer, 0, NULL);
    assert_int_equal(check(w, good, NULL, &caller, &err), ERR_UNAVAILABLE); /* nobody else answers for it */
    set_keys(w, 2, w->rsa, "k1");
    assert_int_equal(check(w, good, NULL, &caller, &err), ERR_UNAVAILABLE);
    free(good);
    free(crossed);
    free(crossed_alg);
}

static void what_is_remembered_ends_with_the_token_and_with_the_key(void **state)
{
    struct world *w = *state;
    struct bearer_caller caller;
    struct err err;
    int64_t start_s = w->now_s;
    char *token = token_make(w->rsa, false, HEAD, claims(w, A, US, 100, TOOL));
    assert_int_equal(check(w, token, NULL, &caller, &err), OK);
    assert_int_equal(caller.expires_s, start_s + 100);
    w->now_s = start_s + 99;
    assert_int_equal(check(w, token, NULL, &caller, &err), OK);
    w->now_s = start_s + 100; /* liboauth2's own clock has not moved: whatever it remembers is not asked */
    assert_int_equal(check(w, token, NULL, &caller, &err), ERR_UNAUTHORIZED);
    w->now_s = start_s;
    set_keys(w, 0, w->other_rsa, "k1"); /* the old key was withdrawn, its kid given to another */
    assert_int_equal(check(w, token, NULL, &caller, &err), ERR_UNAUTHORIZED);
    set_keys(w, 0, w->rsa, "k2");
    assert_int_equal(check(w, token, NULL, &caller, &err), ERR_NOT_FOUND);
    set_keys(w, 0, w->rsa, "k1");
    assert_int_equal(check(w, token, NULL, &caller, &err), OK);
    free(token);
}

static void a_bound_token_stays_bound_when_remembered(void **state)
{
    struct world *w = *state;
    char zeros[] = ZEROS;
    struct bearer_caller caller;
    struct err err;
    char *token = token_make(w->rsa, false, HEAD, claims(w, A, US, 300, TOOL ",\"cnf\":{\"x5t#S256\":\"" HASH_A "\"}"));
    assert_int_equal(check(w, token, zeros, &caller, &err), OK);
    assert_int_equal(check(w, token, NULL, &caller, &err), ERR_UNAUTHORIZED);
    zeros[63] = '1';
    assert_int_equal(check(w, token, zeros, &caller, &err), ERR_UNAUTHORIZED);
    free(token);
}

static void each_key_kind_verifies(void **state)
{
    struct world *w = *state;
    struct bearer_caller caller;
    struct err err;
    char *es = token_make(w->ec, false, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", claims(w, "https://b.example", US, 300, ",\"client_id\":\"x\",\"scope\":\"posture.read\""));
    char *ps = token_make(w->rsa, true, "{\"alg\":\"PS256\",\"kid\":\"k1\"}", claims(w, "https://b.example", US, 300, ",\"scope\":\"posture.read\""));
    assert_int_equal(check(w, es, NULL, &caller, &err), OK); /* typ may be missing for b */
    assert_true(span_equal_text(caller.id, "b:x"));
    set_keys(w, 1, w->rsa, "k1");
    assert_int_equal(check(w, ps, NULL, &caller, &err), OK);
    assert_true(span_equal_text(caller.id, "b:ana"));
    free(es);
    free(ps);
}

static void more_tokens_than_are_remembered_are_all_believed(void **state)
{
    struct world *w = *state;
    set_keys(w, 1, w->ec, "k1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CHECKS; i++) {
            struct bearer_caller caller;
            struct err err;
            char *token = token_make(w->ec, false, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", claims(w, "https://b.example", US, 300, arena_format(&w->arena, ",\"client_id\":\"c%d\"", i).at));
            assert_int_equal(check(w, token, NULL, &caller, &err), OK);
            assert_true(span_equal(caller.id, arena_format(&w->arena, "b:c%d", i)));
            free(token);
        }
        arena_reset(&w->arena);
    }
}

struct racer { struct world *w; const char *const *tokens; size_t count; pthread_t thread; };

static void *race(void *context)
{
    struct racer *r = context;
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    for (int i = 0; i < CHECKS; i++) {
        struct bearer_caller caller;
        struct err err;
        enum err_code code = bearer_check(r->w->bearer, span_of(r->tokens[(size_t)i % r->count]), SPAN_NONE, r->w->now_s, &arena, &caller, &err);
        if (code != OK && code != ERR_UNAUTHORIZED) /* between two sets of keys the kid is the other's */
            abort();
        arena_reset(&arena);
    }
    arena_done(&arena);
    return NULL;
}

static void keys_change_while_tokens_are_checked(void **state)
{
    struct world *w = *state;
    struct racer racers[THREADS];
    char *tokens[] = { token_make(w->rsa, false, HEAD, claims(w, A, US, 300, TOOL)), token_make(w->other_rsa, false, HEAD, claims(w, A, US, 300, TOOL)) };
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ w, (const char *const *)tokens, COUNT(tokens), 0 };
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        set_keys(w, 0, i % 2 == 0 ? w->other_rsa : w->rsa, "k1");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(racers[i].thread, NULL);
    free(tokens[0]);
    free(tokens[1]);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(tokens_are_believed_or_refused),
        STORY(a_token_of_one_issuer_is_never_taken_for_another),
        STORY(what_is_remembered_ends_with_the_token_and_with_the_key),
        STORY(a_bound_token_stays_bound_when_remembered),
        STORY(each_key_kind_verifies),
        STORY(more_tokens_than_are_remembered_are_all_believed),
        STORY(keys_change_while_tokens_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
