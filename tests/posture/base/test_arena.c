#include "posture/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

static bool is_zero(const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 256, 1 << 20);
    char *all[200];
    for (size_t i = 0; i < 200; i++) {
        all[i] = arena_alloc(&a, i);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % alignof(max_align_t), 0);
        assert_true(is_zero(all[i], i));
        memset(all[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal((unsigned char)all[i][j], i);
}

static void the_limit_holds(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 64, 1024);
    assert_null(arena_alloc(&a, 1025));
    assert_non_null(arena_alloc(&a, 1024));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, SIZE_MAX));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 1024));
}

static void an_array_that_overflows_is_refused(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 64, SIZE_MAX);
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    assert_null(arena_array(&a, SIZE_MAX, 1));
    assert_non_null(arena_array(&a, 0, 8));
    assert_non_null(arena_array(&a, 3, 8));
}

static void a_large_request_leaves_the_current_block_in_use(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 256, 1 << 20);
    char *first = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 10000));
    assert_ptr_equal(arena_alloc(&a, 16), first + 16);
}

static void a_reset_forgets_everything_and_zeroes_again(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 256, 1 << 20);
    assert_non_null(arena_alloc(&a, 10000));
    char *first = arena_alloc(&a, 100);
    memset(first, 'x', 100);
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);
    char *again = arena_alloc(&a, 100);
    assert_non_null(again);
    assert_true(is_zero(again, 100));
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena a;
    arena_init(&a, 256, 64);
    struct span copy = arena_copy(&a, span_slice(SPAN_LITERAL("abcdef"), 1, 3));
    assert_string_equal(copy.at, "bcd");
    assert_int_equal(copy.bytes, 3);
    assert_string_equal(arena_copy_text(&a, "xyz").at, "xyz");
    assert_string_equal(arena_format(&a, "%d-%s", 5, "a").at, "5-a");
    struct span too_long = arena_format(&a, "%080d", 1);
    assert_null(too_long.at);
    assert_int_equal(too_long.bytes, 0);
    assert_non_null(arena_copy(&a, SPAN_NONE).at); /* empty is not a failure, even when the arena is full */
}

static void a_zeroed_arena_gives_nothing_and_needs_no_care(void **state)
{
    (void)state;
    struct arena a = { 0 };
    assert_null(arena_alloc(&a, 1));
    arena_reset(&a);
    arena_done(&a);
    arena_done(&a);
    arena_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(an_array_that_overflows_is_refused),
        cmocka_unit_test(a_large_request_leaves_the_current_block_in_use),
        cmocka_unit_test(a_reset_forgets_everything_and_zeroes_again),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(a_zeroed_arena_gives_nothing_and_needs_no_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
