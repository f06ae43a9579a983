#include "posture/directory_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

/* Nobody reads beside us: what is replaced goes at once. */
static void retire(void *context, void *slots)
{
    (*(int *)context)++;
    free(slots);
}

static size_t count_of(const struct directory_index *ix, uint64_t hash, uint32_t wanted)
{
    size_t count = 0;
    uint32_t number;
    struct directory_walk w = directory_index_start(ix, hash);
    while (directory_index_next(&w, &number))
        count += number == wanted;
    return count;
}

static uint64_t hash_of(uint32_t n) { return (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15); }

static void what_is_added_is_met_once_and_what_is_removed_never(void **state)
{
    enum { MANY = 5000 };
    int replaced = 0;
    struct directory_index ix;
    (void)state;
    assert_true(directory_index_init(&ix, retire, &replaced));
    for (uint32_t n = 0; n < MANY; n++)
        assert_true(directory_index_add(&ix, hash_of(n), n) && directory_index_add(&ix, hash_of(n), n));
    assert_int_equal(ix.count, MANY);
    for (uint32_t n = 0; n < MANY; n += 2)
        directory_index_remove(&ix, hash_of(n), n);
    directory_index_remove(&ix, hash_of(0), 0);
    directory_index_remove(&ix, hash_of(1), 2);
    assert_int_equal(ix.count, MANY / 2);
    for (uint32_t n = 0; n < MANY; n++)
        assert_int_equal(count_of(&ix, hash_of(n), n), n % 2);
    assert_true(replaced > 0);
    directory_index_done(&ix);
}

static void many_of_one_hash_are_all_met(void **state)
{
    enum { MANY = 300 };
    int replaced = 0;
    struct directory_index ix;
    (void)state;
    assert_true(directory_index_init(&ix, retire, &replaced));
    for (uint32_t n = 0; n < MANY; n++)
        assert_true(directory_index_add(&ix, 7, n));
    for (uint32_t n = 0; n < MANY; n++)
        assert_int_equal(count_of(&ix, 7, n), 1);
    assert_int_equal(count_of(&ix, 8, 0), 0);
    directory_index_done(&ix);
}

/* Coming and going for ever takes no more room than being there: places of what is gone are cleared when the table is made anew. */
static void churn_does_not_grow_it(void **state)
{
    enum { THERE = 1000, ROUNDS = 100000 };
    int replaced = 0;
    struct directory_index ix;
    (void)state;
    assert_true(directory_index_init(&ix, retire, &replaced));
    for (uint32_t n = 0; n < THERE; n++)
        assert_true(directory_index_add(&ix, hash_of(n), n));
    size_t bytes = 0;
    for (uint32_t n = THERE; n < ROUNDS; n++) {
        assert_true(directory_index_add(&ix, hash_of(n), n));
        directory_index_remove(&ix, hash_of(n - THERE), n - THERE);
        if (n == 4 * THERE)
            bytes = directory_index_bytes(&ix);
    }
    assert_int_equal(ix.count, THERE);
    assert_int_equal(directory_index_bytes(&ix), bytes);
    directory_index_done(&ix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_met_once_and_what_is_removed_never),
        cmocka_unit_test(many_of_one_hash_are_all_met),
        cmocka_unit_test(churn_does_not_grow_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
