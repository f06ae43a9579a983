/* A door that is copied outlives the policy it came from. */
#include "posture/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct span copied_text(struct arena *a, const char *text) { return arena_copy(a, span_of(text)); }

static const struct span *copied_list(struct arena *a, const char *first, const char *second)
{
    struct span *list = arena_array(a, 2, sizeof *list);
    assert_non_null(list);
    list[0] = copied_text(a, first);
    list[1] = copied_text(a, second);
    return list;
}

static void a_copy_outlives_its_policy(void **state)
{
    struct arena policy, request;
    struct door door = { .kind = DOOR_OIDC, .use = DOOR_USE_FACTOR, .login_s = 600 }, copy;
    (void)state;
    arena_init(&policy, 4096, 64 * 1024);
    arena_init(&request, 4096, 64 * 1024);
    door.id = copied_text(&policy, "okta");
    door.title = copied_text(&policy, "Okta");
    door.oidc.client_id = copied_text(&policy, "okta-client");
    door.oidc.redirect_uris = copied_list(&policy, "https://a.example/cb", "https://b.example/cb");
    door.oidc.redirect_uri_count = 2;
    door.saml.acs = copied_list(&policy, "https://a.example/acs", "https://b.example/acs");
    door.saml.acs_count = 2;
    door.hook.claim = copied_text(&policy, "device_posture");
    assert_true(door_copy(&door, &request, &copy));
    arena_done(&policy);
    assert_true(span_equal_text(copy.id, "okta") && span_equal_text(copy.title, "Okta") && span_equal_text(copy.oidc.client_id, "okta-client"));
    assert_true(span_equal_text(copy.oidc.redirect_uris[1], "https://b.example/cb") && span_equal_text(copy.saml.acs[0], "https://a.example/acs"));
    assert_true(span_equal_text(copy.hook.claim, "device_posture") && span_empty(copy.app));
    assert_int_equal(copy.use, DOOR_USE_FACTOR);
    assert_int_equal(copy.login_s, 600);
    arena_done(&request);
}

static void a_full_arena_copies_nothing(void **state)
{
    struct arena small;
    char title[300];
    memset(title, 'a', sizeof title);
    struct door door = { .title = { title, sizeof title } }, copy = { .login_s = 7 };
    (void)state;
    arena_init(&small, 64, 128);
    assert_false(door_copy(&door, &small, &copy));
    assert_int_equal(copy.login_s, 7);
    arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_copy_outlives_its_policy), cmocka_unit_test(a_full_arena_copies_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
