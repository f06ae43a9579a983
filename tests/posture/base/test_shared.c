/* What is shared lives as long as somebody holds it, and not longer. */
#include "posture/base/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { THREADS = 4, TURNS = 20000 };
struct number { struct shared_body body; int value, twice; };
static atomic_int alive;

static void free_number(struct shared_body *body)
{
    struct number *n = (struct number *)(void *)body;
    n->value = n->twice = -1;
    atomic_fetch_sub(&alive, 1);
    free(n);
}

static struct shared_body *number_new(int value)
{
    struct number *n = calloc(1, sizeof *n);
    assert_non_null(n);
    *n = (struct number){ { .free = free_number }, value, 2 * value };
    atomic_fetch_add(&alive, 1);
    return &n->body;
}

static int value_of(struct shared_body *b) { return ((struct number *)(void *)b)->value; }

static void the_last_holder_frees(void **state)
{
    struct shared s;
    (void)state;
    shared_init(&s);
    assert_null(shared_take(&s));
    shared_show(&s, number_new(1));
    struct shared_body *first = shared_take(&s), *again = shared_take(&s);
    shared_show(&s, number_new(2));
    assert_int_equal(alive, 2);
    assert_int_equal(value_of(first), 1);
    shared_drop(first);
    assert_int_equal(alive, 2);
    shared_drop(again);
    assert_int_equal(alive, 1);
    struct shared_body *second = shared_take(&s);
    shared_done(&s);
    assert_int_equal(value_of(second), 2);
    shared_drop(second);
    shared_drop(NULL);
    assert_int_equal(alive, 0);
}

static void *read_on(void *context)
{
    for (int i = 0; i < TURNS; i++) {
        struct shared_body *b = shared_take(context);
        struct number *n = (struct number *)(void *)b;
        if (n->twice != 2 * n->value)
            abort();
        shared_drop(b);
    }
    return NULL;
}

static void readers_never_see_half_of_it(void **state)
{
    struct shared s;
    pthread_t threads[THREADS];
    (void)state;
    shared_init(&s);
    shared_show(&s, number_new(0));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &s), 0);
    for (int i = 1; i < TURNS / 10; i++)
        shared_show(&s, number_new(i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    shared_done(&s);
    assert_int_equal(alive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_last_holder_frees), cmocka_unit_test(readers_never_see_half_of_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
