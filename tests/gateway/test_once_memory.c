#include "gateway/once_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

enum { NOW = 1000, TTL = 60 };

static void once_until_it_is_forgotten(void **state)
{
    static const struct { const char *name, *kind, *value; int64_t at_s; enum err_code code; } rows[] = {
        { "the first time", "code", "a", NOW, OK },
        { "again", "code", "a", NOW + 1, ERR_CONFLICT },
        { "another value", "code", "b", NOW + 1, OK },
        { "another kind", "jti", "a", NOW + 1, OK },
        { "in the last second", "code", "a", NOW + TTL - 1, ERR_CONFLICT },
        { "forgotten", "code", "a", NOW + TTL, OK },
    };
    struct once_memory *m = once_memory_new();
    struct err err;
    (void)state;
    assert_false(once_memory_has(m, SPAN_LITERAL("code"), SPAN_LITERAL("a"), NOW));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (once_memory_use(m, span_of(rows[i].kind), span_of(rows[i].value), rows[i].at_s, TTL, &err) != rows[i].code)
            fail_msg("%s", rows[i].name);
    assert_true(once_memory_has(m, SPAN_LITERAL("code"), SPAN_LITERAL("a"), NOW + TTL + 1));
    assert_false(once_memory_has(m, SPAN_LITERAL("code"), SPAN_LITERAL("a"), NOW + 3 * TTL));
    once_memory_free(m);
    once_memory_free(NULL);
}

static void a_full_table_says_no_and_forgets_nothing(void **state)
{
    struct once_memory *m = once_memory_new();
    struct err err;
    char value[32];
    size_t taken = 0, refused = 0, kept = 0;
    (void)state;
    for (int i = 0; i < 3 * ONCE_MEMORY_MOST; i++) {
        snprintf(value, sizeof value, "%d", i);
        enum err_code code = once_memory_use(m, SPAN_LITERAL("code"), span_of(value), NOW, TTL, &err);
        taken += code == OK;
        refused += code == ERR_UNAVAILABLE;
    }
    assert_int_equal(taken + refused, 3 * ONCE_MEMORY_MOST);
    assert_true(taken <= ONCE_MEMORY_MOST && taken > ONCE_MEMORY_MOST / 2);
    for (int i = 0; i < 3 * ONCE_MEMORY_MOST; i++) {
        snprintf(value, sizeof value, "%d", i);
        kept += once_memory_has(m, SPAN_LITERAL("code"), span_of(value), NOW + 1);
    }
    assert_int_equal(kept, taken);
    once_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_until_it_is_forgotten),
        cmocka_unit_test(a_full_table_says_no_and_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
