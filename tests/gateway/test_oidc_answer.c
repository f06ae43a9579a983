/* What an RP, Okta and Entra are told at the end of a login: claims of each personality, and refusals in OAuth's words. */
#include "gateway/doors/oidc_id_token.h"
#include "tests/support/oidc_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define REQUEST "redirect_uri=" OIDC_CALLBACK_ENCODED "&response_type=code&state=s1&scope=openid"
#define ACR OIDC_ISSUER "/acr/device-"
#define ESSENTIAL_ACR(level) "&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22essential%22%3Atrue%2C%22values%22%3A%5B%22https%3A%2F%2Fposture.acme.example%2Facr%2Fdevice-" level "%22%5D%7D%7D%7D"
enum { TEXT_BYTES = 8192 };

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

static void login(struct oidc_world *w, const char *client, const char *more, const struct login_result *result, const enum login_refusal *why)
{
    char query[TEXT_BYTES];
    snprintf(query, sizeof query, "client_id=%s&%s%s", client, REQUEST, more);
    oidc_login(w, query, result, why);
}

/* The code in w->got for tokens; "post" is the client by post, all others by basic. */
static void exchange(struct oidc_world *w, const char *client, char id_token[TEXT_BYTES])
{
    char body[TEXT_BYTES], basic[512];
    bool post = strcmp(client, "post") == 0;
    const char *code = oidc_returned(w, "code");
    if (code[0] == '\0')
        fail_msg("no code: %d %s", w->got.status, w->got.location);
    int used = snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&redirect_uri=%s", code, OIDC_CALLBACK_ENCODED);
    const char *secret = oidc_secret(w, client);
    if (post)
        snprintf(body + used, sizeof body - (size_t)used, "&client_id=post&client_secret=%s", secret);
    oidc_ask(w, &(struct oidc_ask){ .method = "POST", .path = OIDC_PATH_TOKEN, .body = body, .authorization = post ? NULL : oidc_basic(w, client, secret, basic) });
    if (w->got.status != 200)
        fail_msg("%d %s", w->got.status, w->got.body);
    snprintf(id_token, TEXT_BYTES, "%s", oidc_member(w, "id_token"));
}

/* ---- claims ---- */

static void claims_say_what_was_proved(void **state)
{
    static const struct {
        const char *name, *client, *more;
        enum proof proof; bool managed, compliant; enum outcome outcome;
        struct { const char *name, *value; } claims[6];
    } rows[] = {
        { "a bound credential", "post", "", PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW, { { "sub", OIDC_ANA }, { "acr", ACR "compliant-hw" }, { "amr", "[\"hwk\"]" } } },
        { "a certificate", "post", "", PROOF_CERTIFICATE, true, true, OUTCOME_ALLOW, { { "acr", ACR "compliant" }, { "amr", "[\"pop\"]" } } },
        { "a synced passkey", "post", "", PROOF_WEBAUTHN_SYNCED, true, true, OUTCOME_ALLOW, { { "acr", ACR "compliant" }, { "amr", "[\"swk\"]" } } },
        { "a cookie", "post", "", PROOF_COOKIE, true, true, OUTCOME_WARN, { { "acr", ACR "compliant" }, { "amr", "" } } },
        { "no device", "post", "", PROOF_NONE, false, false, OUTCOME_WARN, { { "acr", "" }, { "amr", "" }, { "device_context", "{\"managed\":false,\"compliant\":false}" } } },
        { "scopes", "post", "%20profile%20email%20groups", PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW,
          { { "preferred_username", "ana@acme.example" }, { "email", "ana@acme.example" }, { "email_verified", "true" }, { "groups", "[]" } } },
        { "claims one by one", "post", "&claims=%7B%22id_token%22%3A%7B%22email%22%3Anull%7D%7D", PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW, { { "email", "ana@acme.example" }, { "email_verified", "" } } },
        { "the app is not an RP's to name", "post", "&app_instance_id=0oaPay&app_name=Payroll", PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW, { { "app_instance_id", "" }, { "app_name", "" } } },
        { "behind an IdP the name is the IdP's", "factor", "%20profile%20email&login_hint=Ana%40acme.example", PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW,
          { { "sub", "ana@acme.example" }, { "preferred_username", "ana@acme.example" }, { "email", "ana@acme.example" }, { "amr", "[\"hwk\"]" } } },
        { "Okta, the guide's names", "okta", "%20email&app_instance_id=0oaPay&app_name=Payroll", PROOF_CERTIFICATE, true, true, OUTCOME_ALLOW,
          { { "sub", "ana@acme.example" }, { "email", "ana@acme.example" }, { "app_instance_id", "0oaPay" }, { "app_name", "Payroll" }, { "OktaAppInstanceId", "" } } },
        { "Okta, the API's names", "okta", "&OktaAppInstanceId=0oaPay&OktaAppName=Pay%20%22roll%22", PROOF_CERTIFICATE, true, true, OUTCOME_ALLOW,
          { { "OktaAppInstanceId", "0oaPay" }, { "OktaAppName", "Pay \"roll\"" }, { "app_instance_id", "" } } },
        { "the essential level is reached", "post", ESSENTIAL_ACR("compliant"), PROOF_CERTIFICATE, true, true, OUTCOME_ALLOW, { { "acr", ACR "compliant" } } },
        { "a weaker level is asked for", "post", ESSENTIAL_ACR("known"), PROOF_WEBAUTHN, true, true, OUTCOME_ALLOW, { { "acr", ACR "compliant-hw" } } },
    };
    struct oidc_world *w = *state;
    char id_token[TEXT_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct login_result result = oidc_healthy(w);
        result.proof = rows[i].proof;
        result.managed = rows[i].managed;
        result.compliant = rows[i].compliant;
        result.outcome = rows[i].outcome;
        result.device = rows[i].managed ? result.device : SPAN_NONE;
        login(w, rows[i].client, rows[i].more, &result, NULL);
        exchange(w, rows[i].client, id_token);
        for (size_t c = 0; c < COUNT(rows[i].claims) && rows[i].claims[c].name != NULL; c++)
            assert_string_equal(oidc_claim(w, id_token, rows[i].claims[c].name), rows[i].claims[c].value);
    }
}

/* ---- refusals ---- */

static void refusals_have_their_words(void **state)
{
    static const enum login_refusal denied = LOGIN_REFUSED_DENIED, unproved = LOGIN_REFUSED_UNPROVED, passive = LOGIN_REFUSED_PASSIVE, outage = LOGIN_REFUSED_OUTAGE;
    static const struct { const char *name, *client, *more; enum proof proof; const enum login_refusal *why; const char *reason, *error, *says; } rows[] = {
        { "denied", "post", "", PROOF_CERTIFICATE, &denied, "Turn the firewall on", "access_denied", "Turn the firewall on" },
        { "denied, in another script", "post", "", PROOF_CERTIFICATE, &denied, "\xc3\x84 \"b\" \\ \n", "access_denied", "? 'b' ?  " },
        { "denied without words", "post", "", PROOF_CERTIFICATE, &denied, "", "access_denied", "policy" },
        { "no device", "post", "", PROOF_NONE, &unproved, "", "access_denied", "no device was proved" },
        { "silent, nobody proved", "post", "", PROOF_NONE, &passive, "", "login_required", "" },
        { "silent, something to read", "post", "", PROOF_CERTIFICATE, &passive, "", "interaction_required", "" },
        { "our outage", "post", "", PROOF_CERTIFICATE, &outage, "", "temporarily_unavailable", "" },
        { "behind an IdP", "factor", "&login_hint=ana%40acme.example", PROOF_CERTIFICATE, &denied, "No", "access_denied", "No" },
        { "Okta, silent", "okta", "", PROOF_CERTIFICATE, &passive, "", "interaction_required", "" },
        { "the essential level is not reached", "post", ESSENTIAL_ACR("compliant-hw"), PROOF_CERTIFICATE, NULL, "", "unmet_authentication_requirements", "acr" },
        { "an essential level that nobody has", "post", ESSENTIAL_ACR("perfect"), PROOF_WEBAUTHN, NULL, "", "unmet_authentication_requirements", "acr" },
        { "somebody else is meant", "post", "&claims=%7B%22id_token%22%3A%7B%22sub%22%3A%7B%22value%22%3A%22" OIDC_BEN "%22%7D%7D%7D", PROOF_CERTIFICATE, NULL, "", "login_required", "another person" },
    };
    struct oidc_world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct login_result result = oidc_healthy(w);
        result.proof = rows[i].proof;
        result.reason = span_of(rows[i].reason);
        result.outcome = OUTCOME_DENY;
        login(w, rows[i].client, rows[i].more, &result, rows[i].why);
        assert_int_equal(w->got.status, 303);
        assert_string_equal(oidc_returned(w, "error"), rows[i].error);
        assert_non_null(strstr(oidc_returned(w, "error_description"), rows[i].says));
        assert_string_equal(oidc_returned(w, "state"), "s1");
        assert_string_equal(oidc_returned(w, "iss"), OIDC_ISSUER);
        assert_string_equal(oidc_returned(w, "code"), "");
    }
}

static void an_rp_is_never_told_of_somebody_unproved(void **state)
{
    struct oidc_world *w = *state;
    struct login_result result = oidc_healthy(w);
    result.person_proved = false;
    login(w, "post", "&login_hint=ana%40acme.example", &result, NULL);
    assert_string_equal(oidc_returned(w, "error"), "access_denied");
    result.person_proved = true;
    result.person = SPAN_NONE;
    login(w, "post", "", &result, NULL);
    assert_string_equal(oidc_returned(w, "error"), "access_denied");
}

/* Okta weighs facts: a refusal is an answer that says so. */
static void okta_gets_facts_instead_of_refusals(void **state)
{
    static const enum login_refusal denied = LOGIN_REFUSED_DENIED, unproved = LOGIN_REFUSED_UNPROVED;
    struct oidc_world *w = *state;
    char id_token[TEXT_BYTES];
    struct login_result result = oidc_healthy(w);
    result.outcome = OUTCOME_DENY;
    result.compliant = false;
    login(w, "okta", "&login_hint=ana%40acme.example", &result, &denied);
    exchange(w, "okta", id_token);
    assert_non_null(strstr(oidc_claim(w, id_token, "device_context"), "\"managed\":true,\"compliant\":false"));
    assert_string_equal(oidc_claim(w, id_token, "acr"), ACR "known");
    result.managed = false;
    result.device = SPAN_NONE;
    result.proof = PROOF_NONE;
    login(w, "okta", "&login_hint=ana%40acme.example", &result, &unproved);
    exchange(w, "okta", id_token);
    assert_string_equal(oidc_claim(w, id_token, "device_context"), "{\"managed\":false,\"compliant\":false}");
    result.subject = SPAN_NONE;
    login(w, "okta", "", &result, &unproved);
    assert_string_equal(oidc_returned(w, "error"), "access_denied");
}

/* ---- hints of our own ---- */

static void our_own_id_token_is_a_hint(void **state)
{
    struct oidc_world *w = *state;
    char of_ana[TEXT_BYTES], of_rp[TEXT_BYTES], more[TEXT_BYTES + 64];
    struct login_result result = oidc_healthy(w);
    login(w, "post", "", &result, NULL);
    exchange(w, "post", of_ana);
    login(w, "okta", "", &result, NULL);
    exchange(w, "okta", of_rp);
    w->s.now_ms += INT64_C(3600) * 1000; /* it may have expired */
    directory_heard(w->s.node.directory);
    snprintf(more, sizeof more, "&id_token_hint=%s", of_ana);
    login(w, "post", more, &result, NULL);
    assert_int_not_equal(strlen(oidc_returned(w, "code")), 0);
    result.person = SPAN_LITERAL(OIDC_BEN); /* another person sits at the device */
    login(w, "post", more, &result, NULL);
    assert_string_equal(oidc_returned(w, "error"), "login_required");
    const struct { const char *name, *hint; } bad[] = { { "another client's", of_rp }, { "altered", of_ana } };
    for (size_t i = 0; i < COUNT(bad); i++) {
        print_message("  %s\n", bad[i].name);
        snprintf(more, sizeof more, "client_id=post&%s&id_token_hint=%s", REQUEST, bad[i].hint);
        if (i == 1)
            more[strlen(more) - 20] ^= 1;
        oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = OIDC_PATH_AUTHORIZE, .query = more });
        assert_string_equal(oidc_returned(w, "error"), "invalid_request");
        assert_non_null(strstr(oidc_returned(w, "error_description"), "id_token_hint"));
    }
}

/* ---- Entra ---- */

struct entra_row { const char *name; const char *acr[3], *amr[4]; enum proof proof; const char *wanted_acr, *wanted_amr; };

static void entra_answer(struct oidc_world *w, const struct entra_row *row)
{
    struct arena arena;
    struct http_response res = { .status = 200 };
    struct login_result result = oidc_healthy(w);
    struct login l = { .door = SPAN_LITERAL("entra") };
    struct err err;
    struct door door;
    arena_init(&arena, 64 * 1024, 8 * 1024 * 1024);
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    struct oidc_request q = { .redirect_uri = SPAN_LITERAL("https://login.microsoftonline.com/common/federation/externalauthprovider"), .state = SPAN_LITERAL("s1"), .nonce = SPAN_LITERAL("n1"),
                              .form_post = true, .id_token = true, .scopes = OIDC_SCOPE_OPENID, .subject = SPAN_LITERAL("pairwise-sub") };
    for (size_t i = 0; i < COUNT(row->acr) && row->acr[i] != NULL; i++)
        q.acr.all[q.acr.count++] = span_of(row->acr[i]);
    for (size_t i = 0; i < COUNT(row->amr) && row->amr[i] != NULL; i++)
        q.amr.all[q.amr.count++] = span_of(row->amr[i]);
    result.proof = row->proof;
    assert_int_equal(oidc_request_write(&q, &arena, &l.request, &err), OK);
    directory_enter(w->s.node.directory);
    assert_true(door_copy(policy_door(directory_control(w->s.node.directory)->policy, l.door), &arena, &door));
    directory_leave(w->s.node.directory);
    struct http_request r = { .arena = &arena, .node = &w->s.node, .path = SPAN_LITERAL("/login/t"), .store = w->s.store, .id = "r1", .now_ms = w->s.now_ms, .now_s = w->s.now_ms / 1000 };
    oidc_login_door.answer(&r, &res, &l, &door, &result);
    free(w->got.body);
    w->got = (struct oidc_got){ .status = res.status, .body = span_dup(buf_span(&res.body)) };
    buf_done(&res.body);
    arena_done(&arena);
}

static void entra_gets_one_level_and_one_method(void **state)
{
    static const struct entra_row rows[] = {
        { "a bound credential", { "possessionorinherence", "knowledge" }, { "face", "fido", "hwk" }, PROOF_WEBAUTHN, "possessionorinherence", "hwk" },
        { "what is asked for", { "knowledgeorpossession" }, { "fido" }, PROOF_WEBAUTHN, "knowledgeorpossession", "fido" },
        { "a certificate", { "knowledge", "possession" }, { "pop", "swk" }, PROOF_CERTIFICATE, "possession", "pop" },
        { "a synced passkey", { "possessionorinherence" }, { NULL }, PROOF_WEBAUTHN_SYNCED, "possessionorinherence", "swk" },
        { "nothing asked", { NULL }, { NULL }, PROOF_WEBAUTHN, "possessionorinherence", "hwk" },
        { "a level that no device meets", { "knowledge", "inherence" }, { NULL }, PROOF_WEBAUTHN, NULL, NULL },
        { "a method that we do not have", { "possession" }, { "otp", "sms" }, PROOF_WEBAUTHN, NULL, NULL },
        { "a cookie", { "possession" }, { NULL }, PROOF_COOKIE, NULL, NULL },
        { "nothing proved", { "possession" }, { NULL }, PROOF_NONE, NULL, NULL },
    };
    struct oidc_world *w = *state;
    char token[TEXT_BYTES], amr[64];
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        entra_answer(w, &rows[i]);
        assert_int_equal(w->got.status, 200);
        assert_string_equal(oidc_returned(w, "state"), "s1");
        assert_string_equal(oidc_returned(w, "iss"), "");
        snprintf(token, sizeof token, "%s", oidc_returned(w, "id_token"));
        if (rows[i].wanted_acr == NULL) {
            assert_string_equal(token, "");
            assert_string_equal(oidc_returned(w, "error"), "access_denied");
            continue;
        }
        snprintf(amr, sizeof amr, "[\"%s\"]", rows[i].wanted_amr);
        assert_string_equal(oidc_claim(w, token, "iss"), OIDC_ISSUER);
        assert_string_equal(oidc_claim(w, token, "aud"), "entra");
        assert_string_equal(oidc_claim(w, token, "sub"), "pairwise-sub");
        assert_string_equal(oidc_claim(w, token, "nonce"), "n1");
        assert_string_equal(oidc_claim(w, token, "acr"), rows[i].wanted_acr);
        assert_string_equal(oidc_claim(w, token, "amr"), amr);
        assert_string_equal(oidc_claim(w, token, "device_context"), "");
    }
}

/* ---- the document ---- */

static void discovery_names_only_what_is_there(void **state)
{
    static const char *const addresses[] = { "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri" };
    static const struct { const char *name, *value; } members[] = {
        { "issuer", OIDC_ISSUER }, { "request_uri_parameter_supported", "false" }, { "request_parameter_supported", "false" }, { "claims_parameter_supported", "true" },
        { "authorization_response_iss_parameter_supported", "true" }, { "code_challenge_methods_supported", "[\"S256\"]" }, { "response_types_supported", "[\"code\",\"id_token\"]" },
        { "id_token_signing_alg_values_supported", "[\"RS256\",\"ES256\"]" }, { "subject_types_supported", "[\"public\"]" }, { "claim_types_supported", "[\"normal\"]" },
        { "acr_values_supported", "[\"" ACR "known\",\"" ACR "compliant\",\"" ACR "compliant-hw\"]" },
    };
    struct oidc_world *w = *state;
    oidc_ask(w, &(struct oidc_ask){ .method = "GET", .path = "/.well-known/openid-configuration" });
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->got.origin, "*");
    for (size_t i = 0; i < COUNT(members); i++)
        assert_string_equal(oidc_member(w, members[i].name), members[i].value);
    for (size_t i = 0; i < COUNT(addresses); i++) {
        char url[256];
        snprintf(url, sizeof url, "%s", oidc_member(w, addresses[i]));
        assert_int_equal(strncmp(url, OIDC_ISSUER, strlen(OIDC_ISSUER)), 0);
        struct arena arena;
        arena_init(&arena, 1024, 4096);
        struct http_request r = { .arena = &arena, .node = &w->s.node, .method = i == 1 ? HTTP_POST : HTTP_GET, .listener = LISTENER_PUBLIC, .path = span_of(url + strlen(OIDC_ISSUER)) };
        assert_non_null(router_find(&r).route);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_say_what_was_proved),           cmocka_unit_test(refusals_have_their_words),  cmocka_unit_test(an_rp_is_never_told_of_somebody_unproved),
        cmocka_unit_test(okta_gets_facts_instead_of_refusals),  cmocka_unit_test(our_own_id_token_is_a_hint), cmocka_unit_test(entra_gets_one_level_and_one_method),
        cmocka_unit_test(discovery_names_only_what_is_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
