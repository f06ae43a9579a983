/* The authorization endpoint's questions, one row a mistake: who is told, in which words, and that nobody is ever sent to an address that is not
 * registered. */
#include "gateway/doors/oidc_request.h"
#include "tests/support/oidc_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define GOOD "client_id=rp&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid&state=s1&nonce=n1&code_challenge=" OIDC_CHALLENGE "&code_challenge_method=S256"
#define TARGET "client_id=rp&redirect_uri=" OIDC_CALLBACK_ENCODED
#define PKCE "&code_challenge=" OIDC_CHALLENGE "&code_challenge_method=S256"
#define ENTRA "client_id=entra&redirect_uri=" OIDC_ENTRA_CALLBACK_ENCODED "&scope=openid&response_type=id_token&response_mode=form_post&state=s1"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

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

static void get(struct oidc_world *w, const char *query) { oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_AUTHORIZE, .query = query }); }
static void post(struct oidc_world *w, const char *body) { oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_AUTHORIZE, .body = body }); }

/* ---- nobody may be redirected ---- */

static void a_doubtful_client_or_address_is_a_page(void **state)
{
    static const struct { const char *name, *query; } rows[] = {
        { "nothing", "" },
        { "no client", "redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid" },
        { "an unknown client", "client_id=nobody&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid" },
        { "the client of another kind of door", "client_id=wiki&redirect_uri=" OIDC_CALLBACK_ENCODED },
        { "an empty client", "client_id=&redirect_uri=" OIDC_CALLBACK_ENCODED },
        { "the client twice", "client_id=rp&client_id=rp&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid" },
        { "a client of 257 bytes", "client_id=" A64 A64 A64 A64 "a&redirect_uri=" OIDC_CALLBACK_ENCODED },
        { "no address", "client_id=rp&response_type=code&scope=openid" },
        { "an empty address", "client_id=rp&redirect_uri=&response_type=code" },
        { "the address twice", TARGET "&redirect_uri=" OIDC_CALLBACK_ENCODED },
        { "two addresses, the first good", TARGET "&redirect_uri=https%3A%2F%2Fevil.example%2F" },
        { "one character more", TARGET "%2F&response_type=code&scope=openid" },
        { "one character less", "client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fc&response_type=code&scope=openid" },
        { "another case", "client_id=rp&redirect_uri=https%3A%2F%2FRP.example%2Fcb&response_type=code&scope=openid" },
        { "the default port", "client_id=rp&redirect_uri=https%3A%2F%2Frp.example%3A443%2Fcb&response_type=code&scope=openid" },
        { "a fragment", TARGET "%23f&response_type=code&scope=openid" },
        { "a query of its own", TARGET "%3Ftenant%3D2&response_type=code&scope=openid" },
        { "user info", "client_id=rp&redirect_uri=https%3A%2F%2Frp.example%40evil.example%2Fcb&response_type=code&scope=openid" },
        { "another client's address", "client_id=entra&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=id_token&scope=openid" },
        { "a broken escape", "client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fcb%G0" },
        { "a NUL", "client_id=rp%00&redirect_uri=" OIDC_CALLBACK_ENCODED },
        { "no UTF-8", "client_id=rp&redirect_uri=%ff%fe" },
        { "javascript", "client_id=rp&redirect_uri=javascript%3Aalert(1)" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        get(*state, rows[i].query);
        struct oidc_world *w = *state;
        assert_int_equal(w->got.status, 400);
        assert_string_equal(w->got.location, "");
        assert_null(strstr(w->got.body, "evil"));
        post(*state, rows[i].query);
        assert_int_equal(w->got.status, 400);
        assert_string_equal(w->got.location, "");
    }
}

/* ---- the RP is told ---- */

static void each_mistake_is_told_in_its_words(void **state)
{
    static const struct { const char *name, *query, *error, *says, *state; } rows[] = {
        { "no response_type", TARGET "&scope=openid&state=s1" PKCE, "invalid_request", "response_type", "s1" },
        { "another response_type", TARGET "&response_type=token&scope=openid&state=s1" PKCE, "unsupported_response_type", "response_type", "s1" },
        { "a hybrid", TARGET "&response_type=code%20id_token&scope=openid&state=s1" PKCE, "unsupported_response_type", "response_type", "s1" },
        { "the front channel is Entra's", TARGET "&response_type=id_token&scope=openid&state=s1&nonce=n", "unauthorized_client", "response_type", "s1" },
        { "no scope", TARGET "&response_type=code&state=s1" PKCE, "invalid_scope", "openid", "s1" },
        { "scope without openid", TARGET "&response_type=code&scope=profile&state=s1" PKCE, "invalid_scope", "openid", "s1" },
        { "scope in another case", TARGET "&response_type=code&scope=OpenID&state=s1" PKCE, "invalid_scope", "openid", "s1" },
        { "no PKCE", TARGET "&response_type=code&scope=openid&state=s1", "invalid_request", "code_challenge", "s1" },
        { "plain PKCE", TARGET "&response_type=code&scope=openid&state=s1&code_challenge=" OIDC_CHALLENGE "&code_challenge_method=plain", "invalid_request", "S256", "s1" },
        { "PKCE without a method", TARGET "&response_type=code&scope=openid&state=s1&code_challenge=" OIDC_CHALLENGE, "invalid_request", "S256", "s1" },
        { "a method without a challenge", TARGET "&response_type=code&scope=openid&state=s1&code_challenge_method=S256", "invalid_request", "43 characters", "s1" },
        { "a short challenge", TARGET "&response_type=code&scope=openid&state=s1&code_challenge=abc&code_challenge_method=S256", "invalid_request", "43 characters", "s1" },
        { "a challenge with padding", TARGET "&response_type=code&scope=openid&state=s1&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c%3D&code_challenge_method=S256", "invalid_request",
          "43 characters", "s1" },
        { "no PKCE without a secret", "client_id=spa&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid&state=s1", "invalid_request", "code_challenge", "s1" },
        { "a request object", GOOD "&request=eyJ", "request_not_supported", "request", "s1" },
        { "a request object elsewhere", GOOD "&request_uri=https%3A%2F%2Frp.example%2Fr", "request_uri_not_supported", "request_uri", "s1" },
        { "registration", GOOD "&registration=%7B%7D", "registration_not_supported", "registration", "s1" },
        { "prompt none and login", GOOD "&prompt=none%20login", "invalid_request", "none", "s1" },
        { "prompt unknown", GOOD "&prompt=maybe", "invalid_request", "prompt", "s1" },
        { "max_age negative", GOOD "&max_age=-1", "invalid_request", "max_age", "s1" },
        { "max_age a word", GOOD "&max_age=soon", "invalid_request", "max_age", "s1" },
        { "max_age too large", GOOD "&max_age=99999999999", "invalid_request", "max_age", "s1" },
        { "claims no JSON", GOOD "&claims=%7B", "invalid_request", "claims", "s1" },
        { "claims a list", GOOD "&claims=%5B%5D", "invalid_request", "claims", "s1" },
        { "claims mistyped", GOOD "&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22essential%22%3A%22yes%22%7D%7D%7D", "invalid_request", "essential", "s1" },
        { "response_mode fragment", GOOD "&response_mode=fragment", "invalid_request", "response_mode", "s1" },
        { "an id_token_hint that is none", GOOD "&id_token_hint=abc", "invalid_request", "id_token_hint", "s1" },
        { "state twice", GOOD "&state=s2", "invalid_request", "state", "" },
        { "state that breaks", TARGET "&response_type=code&scope=openid&state=%zz" PKCE, "invalid_request", "state", "" },
        { "state with a line", TARGET "&response_type=code&scope=openid&state=a%0ab" PKCE, "invalid_request", "state", "" },
        { "scope twice", GOOD "&scope=openid", "invalid_request", "scope", "s1" },
        { "nonce twice", GOOD "&nonce=n2", "invalid_request", "nonce", "s1" },
        { "nonce with a line", TARGET "&response_type=code&scope=openid&state=s1&nonce=a%0db" PKCE, "invalid_request", "nonce", "s1" },
        { "response_type twice", GOOD "&response_type=code", "invalid_request", "response_type", "s1" },
        { "a challenge twice", GOOD "&code_challenge=" OIDC_CHALLENGE, "invalid_request", "code_challenge", "s1" },
        { "prompt twice", GOOD "&prompt=login&prompt=login", "invalid_request", "prompt", "s1" },
        { "display twice", GOOD "&display=page&display=page", "invalid_request", "display", "s1" },
        { "ui_locales twice", GOOD "&ui_locales=de&ui_locales=en", "invalid_request", "ui_locales", "s1" },
        { "login_hint twice", GOOD "&login_hint=a&login_hint=b", "invalid_request", "login_hint", "s1" },
    };
    struct oidc_world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int posted = 0; posted < 2; posted++) {
            print_message("  %s%s\n", rows[i].name, posted ? ", posted" : "");
            posted ? post(w, rows[i].query) : get(w, rows[i].query);
            assert_int_equal(w->got.status, 303);
            assert_int_equal(strncmp(w->got.location, OIDC_CALLBACK "?", strlen(OIDC_CALLBACK) + 1), 0);
            assert_string_equal(oidc_returned(w, "error"), rows[i].error);
            assert_non_null(strstr(oidc_returned(w, "error_description"), rows[i].says));
            assert_string_equal(oidc_returned(w, "state"), rows[i].state);
            assert_string_equal(oidc_returned(w, "iss"), OIDC_ISSUER);
            assert_string_equal(oidc_returned(w, "code"), "");
        }
}

/* Every parameter, twice and far too long: an error, and no crash. */
static void every_parameter_has_a_bound(void **state)
{
    static const char *const names[] = { "state", "response_mode", "request", "request_uri", "registration", "response_type", "scope", "nonce", "code_challenge", "code_challenge_method", "prompt",
                                         "max_age", "acr_values", "claims", "login_hint", "id_token_hint", "display", "ui_locales", "claims_locales", "app_instance_id", "app_name",
                                         "OktaAppInstanceId", "OktaAppName", "client-request-id" };
    enum { LONG_BYTES = 40000 };
    struct oidc_world *w = *state;
    char *body = malloc(LONG_BYTES + 2048);
    assert_non_null(body);
    for (size_t i = 0; i < COUNT(names); i++) {
        print_message("  %s\n", names[i]);
        int used = sprintf(body, "%s&%s=", TARGET, names[i]);
        memset(body + used, 'a', LONG_BYTES);
        body[used + LONG_BYTES] = '\0';
        post(w, body);
        assert_string_equal(oidc_returned(w, "error"), "invalid_request");
        assert_non_null(strstr(oidc_returned(w, "error_description"), names[i]));
        sprintf(body, "%s&%s=a&%s=a", TARGET, names[i], names[i]);
        post(w, body);
        assert_string_equal(oidc_returned(w, "error"), "invalid_request");
        assert_non_null(strstr(oidc_returned(w, "error_description"), "given twice"));
    }
    free(body);
}

/* The longest that is taken becomes a login whose address still fits; one byte more is told. */
static void the_longest_is_taken(void **state)
{
    static const struct { const char *name; size_t most; const char *rest; } rows[] = {
        { "state", OIDC_STATE_BYTES, TARGET "&response_type=code&scope=openid" PKCE }, { "nonce", OIDC_NONCE_BYTES, TARGET "&response_type=code&scope=openid" PKCE },
        { "login_hint", LOGIN_PERSON_BYTES, GOOD },
    };
    struct oidc_world *w = *state;
    char body[OIDC_STATE_BYTES + 2048];
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t more = 0; more < 2; more++) {
            print_message("  %s of %zu bytes\n", rows[i].name, rows[i].most + more);
            int used = snprintf(body, sizeof body, "%s&%s=", rows[i].rest, rows[i].name);
            memset(body + used, 'a', rows[i].most + more);
            body[(size_t)used + rows[i].most + more] = '\0';
            post(w, body);
            assert_int_equal(w->got.status, 303);
            if (more == 0)
                assert_int_equal(strncmp(w->got.location, OIDC_ISSUER "/login/", strlen(OIDC_ISSUER "/login/")), 0);
            else
                assert_string_equal(oidc_returned(w, "error"), "invalid_request");
        }
}

/* ---- what is fine ---- */

static void what_is_good_becomes_a_login(void **state)
{
    static const struct { const char *name, *query; } rows[] = {
        { "all that is needed", GOOD },
        { "no nonce, no state", TARGET "&response_type=code&scope=openid" PKCE },
        { "parameters nobody knows, twice too", GOOD "&x=1&x=2&resource=y" },
        { "every scope", TARGET "&response_type=code&scope=openid%20profile%20email%20address%20phone%20offline_access%20groups&state=s1" PKCE },
        { "what may be ignored", GOOD "&display=popup&ui_locales=se%20de&claims_locales=se&acr_values=1%202&login_hint=buffy%40rp.example" },
        { "empty parameters are left out", GOOD "&request=&prompt=&max_age=&claims=&id_token_hint=&response_mode=" },
        { "an address with a query of its own", "client_id=rp&redirect_uri=" OIDC_CALLBACK_ENCODED "%3Ftenant%3D1&response_type=code&scope=openid" PKCE },
        { "prompt login", GOOD "&prompt=login%20consent%20select_account" },
        { "max_age", GOOD "&max_age=10000" },
        { "no PKCE where it is not demanded", "client_id=post&redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&scope=openid" },
        { "by form post", GOOD "&response_mode=form_post" },
        { "claims", GOOD "&claims=%7B%22userinfo%22%3A%7B%22name%22%3A%7B%22essential%22%3Atrue%7D%2C%22x%22%3Anull%7D%7D" },
    };
    struct oidc_world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int posted = 0; posted < 2; posted++) {
            print_message("  %s%s\n", rows[i].name, posted ? ", posted" : "");
            posted ? post(w, rows[i].query) : get(w, rows[i].query);
            if (w->got.status != 303 || strstr(w->got.location, OIDC_ISSUER "/login/") != w->got.location)
                fail_msg("%d %s %s", w->got.status, w->got.location, w->got.body);
        }
}

static void a_form_must_be_a_form(void **state)
{
    struct oidc_world *w = *state;
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_AUTHORIZE, .body = GOOD, .type = "text/plain" });
    assert_int_equal(w->got.status, 400);
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_AUTHORIZE, .query = GOOD, .body = "" });
    assert_int_equal(w->got.status, 400); /* the query of a POST says nothing */
    assert_string_equal(w->got.location, "");
}

static void silence_is_kept_when_asked_for(void **state)
{
    struct oidc_world *w = *state;
    get(w, GOOD "&prompt=none");
    assert_int_equal(w->got.status, 303);
    assert_string_equal(oidc_returned(w, "error"), "login_required");
    assert_string_equal(oidc_returned(w, "state"), "s1");
}

static void an_answer_by_form_posts_itself(void **state)
{
    struct oidc_world *w = *state;
    get(w, GOOD "&response_mode=form_post&prompt=none");
    assert_int_equal(w->got.status, 200);
    assert_non_null(strstr(w->got.body, "action=\"" OIDC_CALLBACK "\""));
    assert_string_equal(oidc_returned(w, "error"), "login_required");
    assert_string_equal(oidc_returned(w, "state"), "s1");
    assert_string_equal(oidc_returned(w, "iss"), OIDC_ISSUER);
    get(w, TARGET "&response_type=code&scope=openid&response_mode=form_post&prompt=none&state=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E" PKCE);
    assert_null(strstr(w->got.body, "<script>alert"));
}

static void entra_is_told_by_form_alone(void **state)
{
    static const struct { const char *name, *query, *error; } rows[] = {
        { "no hint", ENTRA "&nonce=n", "invalid_request" },
        { "no nonce", ENTRA "&id_token_hint=abc", "invalid_request" },
        { "a hint that is none", ENTRA "&nonce=n&id_token_hint=abc", "access_denied" },
        { "a code", "client_id=entra&redirect_uri=" OIDC_ENTRA_CALLBACK_ENCODED "&scope=openid&response_type=code&state=s1", "unauthorized_client" },
        { "no form", "client_id=entra&redirect_uri=" OIDC_ENTRA_CALLBACK_ENCODED "&scope=openid&response_type=id_token&state=s1&nonce=n&id_token_hint=abc", "invalid_request" },
    };
    struct oidc_world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        post(w, rows[i].query);
        assert_int_equal(w->got.status, 200);
        assert_string_equal(oidc_returned(w, "error"), rows[i].error);
        assert_string_equal(oidc_returned(w, "state"), "s1");
        assert_string_equal(oidc_returned(w, "iss"), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_doubtful_client_or_address_is_a_page), cmocka_unit_test(each_mistake_is_told_in_its_words), cmocka_unit_test(every_parameter_has_a_bound),
        cmocka_unit_test(the_longest_is_taken),
        cmocka_unit_test(what_is_good_becomes_a_login),           cmocka_unit_test(a_form_must_be_a_form),             cmocka_unit_test(silence_is_kept_when_asked_for),
        cmocka_unit_test(an_answer_by_form_posts_itself),         cmocka_unit_test(entra_is_told_by_form_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
