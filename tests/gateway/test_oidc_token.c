/* From a login's end to the claims an RP reads: codes, the token endpoint and its clients, ID tokens that verify with the published keys, userinfo. */
#include "connectors/identity/jose.h"
#include "tests/support/oidc_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define REQUEST "redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&state=s1&scope=openid"
#define PKCE "&code_challenge=" OIDC_CHALLENGE "&code_challenge_method=S256"
#define ASSERTION_TYPE "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
enum { CODE_TEXT_BYTES = 8192, BODY_BYTES = 32 * 1024 };

static int set_up(void **state)
{
    struct oidc_world *w = calloc(1, sizeof *w);
    oidc_start(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    oidc_end(*state);
    free(*state);
    return 0;
}

/* ---- steps ---- */

/* A code for what follows "client_id=<client>&" REQUEST. */
static void code_for(struct oidc_world *w, const char *client, const char *more, char code[CODE_TEXT_BYTES])
{
    char query[2048];
    struct login_result result = oidc_healthy(w);
    snprintf(query, sizeof query, "client_id=%s&%s%s", client, REQUEST, more);
    oidc_login(w, query, &result, NULL);
    assert_int_equal(w->got.status, 303);
    snprintf(code, CODE_TEXT_BYTES, "%s", oidc_returned(w, "code"));
    if (code[0] == '\0')
        fail_msg("no code: %s", w->got.location);
    assert_string_equal(oidc_returned(w, "state"), "s1");
    assert_string_equal(oidc_returned(w, "iss"), OIDC_ISSUER);
}

static void ask_token(struct oidc_world *w, const char *authorization, const char *body)
{
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_TOKEN, .body = body, .authorization = authorization });
}

/* A form that exchanges a code; `verifier` NULL: without one. `more` is what names the client. */
static const char *grant_form(char body[BODY_BYTES], const char *code, const char *verifier, const char *more)
{
    snprintf(body, BODY_BYTES, "grant_type=authorization_code&code=%s&redirect_uri=%s%s%s%s", code, OIDC_CALLBACK_ENCODED, verifier != NULL ? "&code_verifier=" : "", verifier != NULL ? verifier : "", more);
    return body;
}

/* client_id and secret in a form. */
static const char *by_post(struct oidc_world *w, char out[256])
{
    snprintf(out, 256, "&client_id=post&client_secret=%s", oidc_secret(w, "post"));
    return out;
}

/* The usual exchange of client rp. */
static void exchange(struct oidc_world *w, const char *code)
{
    char basic[512], body[BODY_BYTES];
    ask_token(w, oidc_basic(w, "rp", oidc_secret(w, "rp"), basic), grant_form(body, code, OIDC_VERIFIER, ""));
}

static void expect_error(struct oidc_world *w, int status, const char *error)
{
    if (w->got.status != status || strcmp(oidc_member(w, "error"), error) != 0)
        fail_msg("wanted %d %s, got %d %s", status, error, w->got.status, w->got.body);
    assert_string_equal(w->got.pragma, "no-cache");
}

/* With the published keys alone, as an RP does it. */
static void verify(struct oidc_world *w, const char *jwt, unsigned algorithm, const char *audience)
{
    struct jose_keys *keys = NULL;
    struct jose_token *token = NULL;
    struct err err;
    struct jose_rules rules = { .issuer = SPAN_LITERAL(OIDC_ISSUER), .audience = span_of(audience), .type = SPAN_LITERAL("JWT"), .oldest_s = 60, .skew_s = JOSE_SKEW_S,
                                .now_s = w->s.now_ms / 1000 };
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_JWKS });
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->got.origin, "*");
    if (jose_keys_read(span_of(w->got.body), &keys, &err) != OK || jose_token_read(span_of(jwt), &token, &err) != OK || jose_token_verify(token, keys, algorithm, &err) != OK
        || jose_token_check(token, &rules, &err) != OK)
        fail_msg("%s", err.text);
    jose_token_free(token);
    jose_keys_free(keys);
}

/* ---- the good way ---- */

static void a_code_gives_an_id_token_and_userinfo(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], id_token[8192], access[8192], bearer[8300], body[8300];
    code_for(w, "rp", "%20profile%20email&nonce=n1" PKCE, code);
    exchange(w, code);
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->got.pragma, "no-cache");
    assert_string_equal(oidc_member(w, "token_type"), "Bearer");
    assert_string_equal(oidc_member(w, "expires_in"), "300");
    assert_string_equal(oidc_member(w, "scope"), "openid profile email");
    snprintf(access, sizeof access, "%s", oidc_member(w, "access_token"));
    snprintf(id_token, sizeof id_token, "%s", oidc_member(w, "id_token"));
    static const struct { const char *name, *value; } claims[] = {
        { "iss", OIDC_ISSUER }, { "aud", "rp" }, { "sub", OIDC_ANA }, { "nonce", "n1" }, { "email", "ana@acme.example" }, { "email_verified", "true" },
        { "preferred_username", "ana@acme.example" }, { "acr", OIDC_ISSUER "/acr/device-compliant-hw" }, { "amr", "[\"hwk\"]" }, { "auth_time", "1796040000" }, { "iat", "1796040000" },
        { "exp", "1796040300" }, { "groups", "" },
    };
    for (size_t i = 0; i < COUNT(claims); i++) {
        print_message("  %s\n", claims[i].name);
        assert_string_equal(oidc_claim(w, id_token, claims[i].name), claims[i].value);
    }
    assert_int_equal(strlen(oidc_claim(w, id_token, "at_hash")), 22);
    assert_non_null(strstr(oidc_claim(w, id_token, "device_context"), "\"managed\":true,\"compliant\":true"));
    assert_non_null(strstr(oidc_claim(w, id_token, "postern"), "\"decision\":\"x_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"outcome\":\"allow\",\"app\":\"wiki\""));
    verify(w, id_token, JOSE_RS256, "rp");

    snprintf(bearer, sizeof bearer, "Bearer %s", access);
    snprintf(body, sizeof body, "access_token=%s", access);
    const struct oidc_ask ways[] = { { .method = "GET", .path = OIDC_PATH_USERINFO, .authorization = bearer }, { .method = "POST", .path = OIDC_PATH_USERINFO, .authorization = bearer },
                                     { .method = "POST", .path = OIDC_PATH_USERINFO, .body = body } };
    for (size_t i = 0; i < COUNT(ways); i++) {
        oidc_ask(w, &ways[i]);
        assert_int_equal(w->got.status, 200);
        assert_string_equal(oidc_member(w, "sub"), OIDC_ANA);
        assert_string_equal(oidc_member(w, "email"), "ana@acme.example");
    }
}

static void a_client_may_want_es256(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], body[BODY_BYTES], id_token[8192], client[256];
    code_for(w, "post", "", code);
    ask_token(w, NULL, grant_form(body, code, NULL, by_post(w, client)));
    assert_int_equal(w->got.status, 200);
    snprintf(id_token, sizeof id_token, "%s", oidc_member(w, "id_token"));
    assert_string_equal(oidc_claim(w, id_token, "nonce"), "");
    assert_string_equal(oidc_claim(w, id_token, "email"), ""); /* not asked for */
    verify(w, id_token, JOSE_ES256, "post");
}

/* ---- a code is good once, for one client, one address, one verifier, one minute ---- */

static void a_code_that_comes_again_takes_back_what_it_gave(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], bearer[8300];
    code_for(w, "rp", PKCE, code);
    exchange(w, code);
    assert_int_equal(w->got.status, 200);
    snprintf(bearer, sizeof bearer, "Bearer %s", oidc_member(w, "access_token"));
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_USERINFO, .authorization = bearer });
    assert_int_equal(w->got.status, 200);
    exchange(w, code);
    expect_error(w, 400, "invalid_grant");
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_USERINFO, .authorization = bearer });
    assert_int_equal(w->got.status, 401);
    assert_non_null(strstr(w->got.challenge, "error=\"invalid_token\""));
    exchange(w, code);
    expect_error(w, 400, "invalid_grant");
}

static void a_code_is_bound(void **state)
{
    struct oidc_world *w = *state;
    static const struct { const char *name, *grant, *redirect, *verifier; const char *error; int64_t later_s; bool cut; } rows[] = {
        { "another address", "authorization_code", "https%3A%2F%2Frp.example%2Fcb%3Ftenant%3D1", OIDC_VERIFIER, "invalid_grant", 0, false },
        { "no address", "authorization_code", "", OIDC_VERIFIER, "invalid_request", 0, false },
        { "another verifier", "authorization_code", OIDC_CALLBACK_ENCODED, "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "invalid_grant", 0, false },
        { "the challenge as verifier", "authorization_code", OIDC_CALLBACK_ENCODED, OIDC_CHALLENGE, "invalid_grant", 0, false },
        { "a short verifier", "authorization_code", OIDC_CALLBACK_ENCODED, "abc", "invalid_grant", 0, false },
        { "no verifier", "authorization_code", OIDC_CALLBACK_ENCODED, "", "invalid_grant", 0, false },
        { "another grant", "refresh_token", OIDC_CALLBACK_ENCODED, OIDC_VERIFIER, "unsupported_grant_type", 0, false },
        { "the password grant", "password", OIDC_CALLBACK_ENCODED, OIDC_VERIFIER, "unsupported_grant_type", 0, false },
        { "no grant", "", OIDC_CALLBACK_ENCODED, OIDC_VERIFIER, "invalid_request", 0, false },
        { "altered", "authorization_code", OIDC_CALLBACK_ENCODED, OIDC_VERIFIER, "invalid_grant", 0, true },
        { "a minute later", "authorization_code", OIDC_CALLBACK_ENCODED, OIDC_VERIFIER, "invalid_grant", 60, false },
    };
    char code[CODE_TEXT_BYTES], basic[512], body[BODY_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        code_for(w, "rp", PKCE, code);
        int64_t before_ms = w->s.now_ms;
        w->s.now_ms += rows[i].later_s * 1000;
        if (rows[i].cut)
            code[20] ^= 1;
        snprintf(body, sizeof body, "grant_type=%s&code=%s&redirect_uri=%s&code_verifier=%s", rows[i].grant, code, rows[i].redirect, rows[i].verifier);
        ask_token(w, oidc_basic(w, "rp", oidc_secret(w, "rp"), basic), body);
        expect_error(w, 400, rows[i].error);
        w->s.now_ms = before_ms;
        if (rows[i].cut)
            code[20] ^= 1;
        exchange(w, code); /* none of it used the code up */
        assert_int_equal(w->got.status, 200);
    }
}

static void a_verifier_without_a_challenge_is_a_downgrade(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], body[BODY_BYTES], client[256];
    code_for(w, "post", "", code);
    ask_token(w, NULL, grant_form(body, code, OIDC_VERIFIER, by_post(w, client)));
    expect_error(w, 400, "invalid_grant");
}

static void a_code_is_of_one_client(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], body[BODY_BYTES], client[256];
    code_for(w, "spa", PKCE, code);
    ask_token(w, NULL, grant_form(body, code, OIDC_VERIFIER, by_post(w, client)));
    expect_error(w, 400, "invalid_grant");
    ask_token(w, NULL, grant_form(body, code, OIDC_VERIFIER, "&client_id=spa"));
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->got.origin, "*"); /* a client without a secret may live in a browser */
}

static void with_the_store_away_a_code_is_still_good_once(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], basic[512], body[BODY_BYTES];
    code_for(w, "rp", PKCE, code);
    grant_form(body, code, OIDC_VERIFIER, "");
    oidc_basic(w, "rp", oidc_secret(w, "rp"), basic);
    fake_store_fail(w->s.server, ERR_UNAVAILABLE, 1);
    ask_token(w, basic, body);
    assert_int_equal(w->got.status, 200);
    fake_store_fail(w->s.server, OK, 0);
    ask_token(w, basic, body);
    expect_error(w, 400, "invalid_grant");
}

/* ---- who asks ---- */

static void exactly_the_registered_way_opens(void **state)
{
    static const struct { const char *name, *client, *header_id, *header_secret, *form; int status; const char *error; } rows[] = {
        { "basic as registered", "rp", "rp", "GOOD", "", 200, NULL },
        { "basic and the same client_id", "rp", "rp", "GOOD", "&client_id=rp", 200, NULL },
        { "basic and another client_id", "rp", "rp", "GOOD", "&client_id=post", 400, "invalid_request" },
        { "a wrong secret", "rp", "rp", "pst_k0_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", 401, "invalid_client" },
        { "no key at all", "rp", "rp", "secret", "", 401, "invalid_client" },
        { "an empty secret", "rp", "rp", "", "", 401, "invalid_client" },
        { "another door's secret", "rp", "rp", "OTHER", "", 401, "invalid_client" },
        { "an unknown client", "rp", "nobody", "GOOD", "", 401, "invalid_client" },
        { "an id that breaks", "rp", "r%zz", "GOOD", "", 401, "invalid_client" },
        { "an encoded id", "rp", "r%70", "GOOD", "", 200, NULL },
        { "by post instead of basic", "rp", NULL, NULL, "&client_id=rp&client_secret=GOOD", 401, "invalid_client" },
        { "without a secret instead of basic", "rp", NULL, NULL, "&client_id=rp", 401, "invalid_client" },
        { "nobody", "rp", NULL, NULL, "", 401, "invalid_client" },
        { "basic and post", "rp", "rp", "GOOD", "&client_secret=GOOD", 400, "invalid_request" },
        { "basic and an assertion", "rp", "rp", "GOOD", "&client_assertion=a.b.c&client_assertion_type=" ASSERTION_TYPE, 400, "invalid_request" },
        { "the secret twice", "post", NULL, NULL, "&client_id=post&client_secret=GOOD&client_secret=GOOD", 400, "invalid_request" },
        { "post as registered", "post", NULL, NULL, "&client_id=post&client_secret=GOOD", 200, NULL },
        { "basic instead of post", "post", "post", "GOOD", "", 401, "invalid_client" },
        { "none as registered", "spa", NULL, NULL, "&client_id=spa", 200, NULL },
        { "a secret where there is none", "spa", "spa", "GOOD", "", 401, "invalid_client" },
        { "an assertion that is none", "jwt", NULL, NULL, "&client_id=jwt&client_assertion=abc&client_assertion_type=" ASSERTION_TYPE, 401, "invalid_client" },
        { "an assertion of another type", "jwt", NULL, NULL, "&client_id=jwt&client_assertion=a.b.c&client_assertion_type=saml", 400, "invalid_request" },
        { "a type without an assertion", "jwt", NULL, NULL, "&client_id=jwt&client_assertion_type=" ASSERTION_TYPE, 401, "invalid_client" },
    };
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], basic[512], body[BODY_BYTES], form[1024], good[100];
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        bool pkce = strcmp(rows[i].client, "rp") == 0 || strcmp(rows[i].client, "spa") == 0;
        code_for(w, rows[i].client, pkce ? PKCE : "", code);
        snprintf(good, sizeof good, "%s", oidc_secret(w, rows[i].client));
        size_t used = 0;
        for (const char *at = rows[i].form; *at != '\0';) {
            bool here = strncmp(at, "GOOD", 4) == 0;
            used += (size_t)snprintf(form + used, sizeof form - used, here ? "%s" : "%.1s", here ? good : at);
            at += here ? 4 : 1;
        }
        form[used] = '\0';
        const char *secret = rows[i].header_secret == NULL ? NULL : strcmp(rows[i].header_secret, "GOOD") == 0 ? good : strcmp(rows[i].header_secret, "OTHER") == 0 ? oidc_secret(w, "post") : rows[i].header_secret;
        ask_token(w, rows[i].header_id != NULL ? oidc_basic(w, rows[i].header_id, secret, basic) : NULL, grant_form(body, code, pkce ? OIDC_VERIFIER : NULL, form));
        if (rows[i].error != NULL)
            expect_error(w, rows[i].status, rows[i].error);
        else if (w->got.status != rows[i].status)
            fail_msg("%d %s", w->got.status, w->got.body);
        assert_true((rows[i].status == 401) == (strstr(w->got.challenge, "Basic realm=") != NULL));
    }
}

static void nothing_of_a_client_stands_in_the_address(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], body[BODY_BYTES];
    code_for(w, "spa", PKCE, code);
    grant_form(body, code, OIDC_VERIFIER, "&client_id=spa");
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_TOKEN, .query = "client_secret=x", .body = body });
    expect_error(w, 400, "invalid_request");
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_TOKEN, .body = body, .type = "application/json" });
    expect_error(w, 400, "invalid_request");
    ask_token(w, "Bearer abc", body);
    expect_error(w, 401, "invalid_client");
    ask_token(w, "Basic !!!", body);
    expect_error(w, 401, "invalid_client");
    ask_token(w, "Basic cnA=", body);
    expect_error(w, 401, "invalid_client");
    ask_token(w, "", body);
    expect_error(w, 401, "invalid_client");
}

/* ---- private_key_jwt ---- */

static void an_assertion_opens_once(void **state)
{
    enum signer { OWN, FOREIGN, HMAC, NONE };
    static const struct { const char *name; enum signer signer; const char *header, *iss, *sub, *aud; int64_t exp_s; const char *jti, *error; } rows[] = {
        { "good", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j1", NULL },
        { "for the token endpoint", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER "/oidc/token", 60, "j2", NULL },
        { "without kid", OWN, "{\"alg\":\"ES256\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j3", NULL },
        { "the same jti", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j1", "invalid_client" },
        { "no jti", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 60, "", "invalid_client" },
        { "expired", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, -120, "j4", "invalid_client" },
        { "good for a day", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 86400, "j5", "invalid_client" },
        { "another issuer", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "rp", "jwt", OIDC_ISSUER, 60, "j6", "invalid_client" },
        { "another subject", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "rp", OIDC_ISSUER, 60, "j7", "invalid_client" },
        { "another audience", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", "https://other.example", 60, "j8", "invalid_client" },
        { "the authorization endpoint", OWN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER "/oidc/authorize", 60, "j9", "invalid_client" },
        { "another key", FOREIGN, "{\"alg\":\"ES256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j10", "invalid_client" },
        { "another kid", OWN, "{\"alg\":\"ES256\",\"kid\":\"other\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j11", "invalid_client" },
        { "HMAC with the public key", HMAC, "{\"alg\":\"HS256\",\"kid\":\"client-key\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j12", "invalid_client" },
        { "unsigned", NONE, "{\"alg\":\"none\"}", "jwt", "jwt", OIDC_ISSUER, 60, "j13", "invalid_client" },
    };
    struct oidc_world *w = *state;
    struct token_key *foreign = token_key_new(TOKEN_KEY_EC, 0);
    char *jwk = token_key_set(w->client_key, "client-key");
    char code[CODE_TEXT_BYTES], body[BODY_BYTES], claims[1024], form[4096];
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"exp\":%lld%s%s%s}", rows[i].iss, rows[i].sub, rows[i].aud, (long long)(w->s.now_ms / 1000 + rows[i].exp_s),
                 rows[i].jti[0] != '\0' ? ",\"jti\":\"" : "", rows[i].jti, rows[i].jti[0] != '\0' ? "\"" : "");
        char *assertion = rows[i].signer == HMAC ? token_make_hmac(jwk, rows[i].header, claims)
                        : rows[i].signer == NONE ? token_make_signed(rows[i].header, claims, "", 0)
                                                 : token_make(rows[i].signer == OWN ? w->client_key : foreign, false, rows[i].header, claims);
        code_for(w, "jwt", "", code);
        snprintf(form, sizeof form, "&client_assertion_type=%s&client_assertion=%s", ASSERTION_TYPE, assertion);
        ask_token(w, NULL, grant_form(body, code, NULL, form));
        if (rows[i].error != NULL)
            expect_error(w, 401, rows[i].error);
        else if (w->got.status != 200)
            fail_msg("%d %s", w->got.status, w->got.body);
        free(assertion);
    }
    free(jwk);
    token_key_free(foreign);
}

/* ---- userinfo ---- */

static void userinfo_wants_one_good_token(void **state)
{
    struct oidc_world *w = *state;
    char code[CODE_TEXT_BYTES], access[8192], bearer[8300], form[8300], code_as_token[8300];
    code_for(w, "rp", PKCE, code);
    snprintf(code_as_token, sizeof code_as_token, "Bearer %s", code);
    exchange(w, code);
    snprintf(access, sizeof access, "%s", oidc_member(w, "access_token"));
    snprintf(bearer, sizeof bearer, "Bearer %s", access);
    snprintf(form, sizeof form, "access_token=%s", access);
    const struct { const char *name; struct oidc_ask ask; int status; const char *says; } rows[] = {
        { "none", { .method = "GET" }, 401, "Bearer realm=\"postern\"" },
        { "nonsense", { .method = "GET", .authorization = "Bearer abc" }, 401, "invalid_token" },
        { "a code", { .method = "GET", .authorization = code_as_token }, 401, "invalid_token" },
        { "another scheme", { .method = "GET", .authorization = "Basic abc" }, 401, "invalid_token" },
        { "in the address", { .method = "GET", .query = form }, 401, "Bearer realm=\"postern\"" },
        { "in two ways", { .method = "POST", .authorization = bearer, .body = form }, 400, "invalid_request" },
        { "a body that is no form", { .method = "POST", .body = form, .type = "application/json" }, 401, "Bearer realm=\"postern\"" },
        { "in the header, with a body that is no form", { .method = "POST", .authorization = bearer, .body = "{}", .type = "application/json" }, 200, "" },
        { "in a form, twice", { .method = "POST", .body = "access_token=a&access_token=b" }, 400, "invalid_request" },
        { "as it should be", { .method = "GET", .authorization = bearer }, 200, "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct oidc_ask ask = rows[i].ask;
        ask.path = OIDC_PATH_USERINFO;
        oidc_ask(w, &ask);
        assert_int_equal(w->got.status, rows[i].status);
        assert_non_null(strstr(w->got.challenge, rows[i].says));
        assert_true(strstr(rows[i].says, "realm=") == NULL || strstr(w->got.challenge, "error") == NULL);
    }
    w->s.now_ms += 301 * 1000;
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_USERINFO, .authorization = bearer });
    assert_int_equal(w->got.status, 401);
    w->s.now_ms -= 301 * 1000;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_gives_an_id_token_and_userinfo),
        cmocka_unit_test(a_client_may_want_es256),
        cmocka_unit_test(a_code_that_comes_again_takes_back_what_it_gave),
        cmocka_unit_test(a_code_is_bound),
        cmocka_unit_test(a_verifier_without_a_challenge_is_a_downgrade),
        cmocka_unit_test(a_code_is_of_one_client),
        cmocka_unit_test(with_the_store_away_a_code_is_still_good_once),
        cmocka_unit_test(exactly_the_registered_way_opens),
        cmocka_unit_test(nothing_of_a_client_stands_in_the_address),
        cmocka_unit_test(an_assertion_opens_once),
        cmocka_unit_test(userinfo_wants_one_good_token),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
