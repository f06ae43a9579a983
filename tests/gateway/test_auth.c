#include "gateway/http/auth.h"
#include "gateway/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ids with the letters that also separate, and a secret that begins with one. */
#define SECRET "_234567890123456789012345678901234567890123"
#define OTHER "x234567890123456789012345678901234567890123"
enum { NOW_S = 1780000000 };

static struct node node;

static int start(void **state)
{
    char hex[SECRET_HEX_BYTES + 1];
    struct buf body;
    struct to_json w;
    struct err err;
    (void)state;
    secret_sha256_hex(SPAN_LITERAL(SECRET), hex);
    const struct api_key keys[] = {
        { SPAN_LITERAL("k_1"), SPAN_LITERAL("one"), span_of(hex), SCOPE_DECIDE | SCOPE_POSTURE, 1, 0, false, SPAN_NONE },
        { SPAN_LITERAL("old"), SPAN_LITERAL("old"), span_of(hex), SCOPE_DECIDE, 1, NOW_S, false, SPAN_NONE },
        { SPAN_LITERAL("gone"), SPAN_LITERAL("gone"), span_of(hex), SCOPE_DECIDE, 1, 0, true, SPAN_NONE },
        { SPAN_LITERAL("young"), SPAN_LITERAL("young"), span_of(hex), SCOPE_DECIDE, 1, NOW_S + 1, false, SPAN_NONE },
        { SPAN_LITERAL("kc1"), SPAN_LITERAL("keycloak"), span_of(hex), SCOPE_LOGIN, 1, 0, false, SPAN_LITERAL("kc") },
        { SPAN_LITERAL("kc0"), SPAN_LITERAL("keycloak, before"), span_of(hex), SCOPE_LOGIN, 1, 0, true, SPAN_LITERAL("kc") },
        { SPAN_LITERAL("kc9"), SPAN_LITERAL("keycloak, trial"), span_of(hex), SCOPE_LOGIN, 1, NOW_S, false, SPAN_LITERAL("kc") },
        { SPAN_LITERAL("hook"), SPAN_LITERAL("okta"), span_of(hex), SCOPE_HOOKS, 1, 0, false, SPAN_LITERAL("kc") },
    };
    buf_init(&body, 65536);
    to_json_init(&w, &body);
    control_api_keys_to_json(keys, sizeof keys / sizeof keys[0], &w);
    node.clock = clock_system();
    node.calendar = calendar_new("/usr/share/zoneinfo");
    node.directory = directory_new(node.clock, node.calendar);
    directory_register_thread();
    assert_int_equal(directory_put_control(node.directory, SPAN_LITERAL("api_keys"), buf_span(&body), 1, &err), OK);
    directory_set_complete(node.directory, true);
    buf_done(&body);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    directory_unregister_thread();
    directory_free(node.directory);
    calendar_free(node.calendar);
    return 0;
}

static const struct { const char *name, *authorization; unsigned scope; enum err_code code; const char *challenge; } rows[] = {
    { "good", "Bearer pst_k_1_" SECRET, SCOPE_DECIDE, OK, NULL },
    { "scheme in other letters", "bEARER   pst_k_1_" SECRET, SCOPE_DECIDE, OK, NULL },
    { "two scopes", "Bearer pst_k_1_" SECRET, SCOPE_DECIDE | SCOPE_POSTURE, OK, NULL },
    { "not yet expired", "Bearer pst_young_" SECRET, SCOPE_DECIDE, OK, NULL },
    { "nothing", NULL, SCOPE_DECIDE, ERR_UNAUTHORIZED, "Bearer realm=\"postern\"" },
    { "empty", "", SCOPE_DECIDE, ERR_UNAUTHORIZED, "Bearer realm=\"postern\", error=\"invalid_token\"" },
    { "no token", "Bearer ", SCOPE_DECIDE, ERR_UNAUTHORIZED, "Bearer realm=\"postern\", error=\"invalid_token\"" },
    { "other scheme", "Basic pst_k_1_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, "Bearer realm=\"postern\", error=\"invalid_token\"" },
    { "other secret", "Bearer pst_k_1_" OTHER, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "secret cut short", "Bearer pst_k_1_234567890123456789012345678901234567890123", SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "secret one over", "Bearer pst_k_1_" SECRET "4", SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "unknown id", "Bearer pst_k_2_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "empty id", "Bearer pst__" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "no prefix", "Bearer k_1_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "two tokens", "Bearer pst_k_1_" SECRET " pst_k_1_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "expired in this second", "Bearer pst_old_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "revoked", "Bearer pst_gone_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "scope", "Bearer pst_k_1_" SECRET, SCOPE_ADMIN, ERR_DENIED, "Bearer realm=\"postern\", error=\"insufficient_scope\", scope=\"admin\"" },
    { "hooks: as it was typed in", "pst_hook_" SECRET, SCOPE_HOOKS, OK, NULL },
    { "hooks: with its scheme", "Bearer pst_hook_" SECRET, SCOPE_HOOKS, OK, NULL },
    { "hooks: with another scheme", "Basic pst_hook_" SECRET, SCOPE_HOOKS, ERR_UNAUTHORIZED, NULL },
    { "hooks: another secret", "pst_hook_" OTHER, SCOPE_HOOKS, ERR_UNAUTHORIZED, NULL },
    { "hooks: another scope", "pst_k_1_" SECRET, SCOPE_HOOKS, ERR_DENIED, NULL },
    { "not hooks: as it was typed in", "pst_k_1_" SECRET, SCOPE_DECIDE, ERR_UNAUTHORIZED, NULL },
    { "one of two scopes", "Bearer pst_k_1_" SECRET, SCOPE_DECIDE | SCOPE_ADMIN, ERR_DENIED, NULL },
};

static void keys_open_what_their_scopes_say(void **state)
{
    static struct key_memory memory;
    (void)state;
    for (size_t n = 0; n < 3 * sizeof rows / sizeof rows[0]; n++) { /* without a memory, then with one: what it knows changes no answer */
        size_t i = n % (sizeof rows / sizeof rows[0]);
        CLEANUP(arena_done) struct arena arena;
        struct http_header header = { SPAN_LITERAL("authorization"), span_of(rows[i].authorization) };
        struct http_request r = { .arena = &arena, .node = &node, .headers = &header, .header_count = rows[i].authorization != NULL, .now_s = NOW_S, .keys = n == i ? NULL : &memory };
        struct http_response res = { 0 };
        struct err err;
        arena_init(&arena, 1024, 65536);
        enum err_code code = auth_caller(&r, rows[i].scope, &err);
        auth_challenge(&r, &res, code, rows[i].scope);
        bool challenged = rows[i].challenge == NULL || (res.header_count == 1 && span_equal_text(res.headers[0].value, rows[i].challenge));
        if (code != rows[i].code || !challenged || (code == OK && res.header_count > 0) || (code == OK && r.caller.kind != CALLER_API_KEY))
            fail_msg("%s: code %d, challenge %.*s", rows[i].name, (int)code, SPAN_ARGS(res.headers[0].value));
    }
    key_memory_done(&memory);
}

static void a_key_that_is_remembered_still_ends(void **state)
{
    static struct key_memory memory;
    CLEANUP(arena_done) struct arena arena;
    struct http_header header = { SPAN_LITERAL("Authorization"), SPAN_LITERAL("Bearer pst_young_" SECRET) };
    struct http_request r = { .arena = &arena, .node = &node, .headers = &header, .header_count = 1, .now_s = NOW_S, .keys = &memory };
    struct err err;
    (void)state;
    arena_init(&arena, 1024, 65536);
    for (int i = 0; i < 2; i++) {
        r.caller = (struct caller){ 0 };
        assert_int_equal(auth_caller(&r, SCOPE_DECIDE, &err), OK);
        assert_true(span_equal_text(r.caller.id, "young"));
    }
    r.now_s = NOW_S + 1;
    assert_int_equal(auth_caller(&r, SCOPE_DECIDE, &err), ERR_UNAUTHORIZED);
    key_memory_done(&memory);
}

static void the_caller_is_named_and_outlives_the_directory_s_own_texts(void **state)
{
    CLEANUP(arena_done) struct arena arena;
    struct http_header header = { SPAN_LITERAL("Authorization"), SPAN_LITERAL("Bearer pst_k_1_" SECRET) };
    static struct key_memory memory;
    struct http_request r = { .arena = &arena, .node = &node, .headers = &header, .header_count = 1, .now_s = NOW_S, .keys = &memory };
    struct err err;
    (void)state;
    arena_init(&arena, 1024, 65536);
    assert_int_equal(auth_caller(&r, SCOPE_DECIDE, &err), OK);
    assert_int_equal(directory_put_control(node.directory, SPAN_LITERAL("api_keys"), SPAN_LITERAL("{\"keys\":[]}"), 2, &err), OK);
    assert_true(span_equal_text(r.caller.id, "k_1"));
    assert_true(span_equal_text(r.caller.label, "one"));
    assert_int_equal(r.caller.scopes, SCOPE_DECIDE | SCOPE_POSTURE);
    assert_int_equal(auth_caller(&r, SCOPE_DECIDE, &err), ERR_UNAUTHORIZED); /* a key that was taken away no longer opens, remembered or not */
    key_memory_done(&memory);
}

static const struct { const char *name, *door, *secret; enum err_code code; } secrets[] = {
    { "good", "kc", "pst_kc1_" SECRET, OK },
    { "of another door", "kd", "pst_kc1_" SECRET, ERR_UNAUTHORIZED },
    { "door cut short", "k", "pst_kc1_" SECRET, ERR_UNAUTHORIZED },
    { "no door", "", "pst_kc1_" SECRET, ERR_UNAUTHORIZED },
    { "a key for no door", "", "pst_k_1_" SECRET, ERR_UNAUTHORIZED },
    { "wrong secret", "kc", "pst_kc1_" OTHER, ERR_UNAUTHORIZED },
    { "revoked", "kc", "pst_kc0_" SECRET, ERR_UNAUTHORIZED },
    { "expired in this second", "kc", "pst_kc9_" SECRET, ERR_UNAUTHORIZED },
    { "of another scope", "kc", "pst_hook_" SECRET, ERR_UNAUTHORIZED },
    { "the secret without its id", "kc", SECRET, ERR_UNAUTHORIZED },
    { "empty", "kc", "", ERR_UNAUTHORIZED },
    { "with a scheme", "kc", "Bearer pst_kc1_" SECRET, ERR_UNAUTHORIZED },
};

static void a_door_s_client_is_known_by_a_key_for_that_door(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct http_request r = { .node = &node, .now_s = NOW_S };
        struct err err;
        enum err_code code = auth_door_secret(&r, span_of(secrets[i].door), span_of(secrets[i].secret), &err);
        if (code != secrets[i].code || r.caller.kind != CALLER_NONE)
            fail_msg("%s: %d", secrets[i].name, (int)code);
    }
}

static void the_admin_socket_needs_no_key(void **state)
{
    struct http_request r = { .node = &node, .caller = { .kind = CALLER_SOCKET } };
    struct err err;
    (void)state;
    assert_int_equal(auth_caller(&r, SCOPE_ADMIN | SCOPE_FACTS, &err), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_open_what_their_scopes_say),
        cmocka_unit_test(a_key_that_is_remembered_still_ends),
        cmocka_unit_test(a_door_s_client_is_known_by_a_key_for_that_door),
        cmocka_unit_test(the_admin_socket_needs_no_key),
        cmocka_unit_test(the_caller_is_named_and_outlives_the_directory_s_own_texts),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
