#include "posture/os_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static int sign(int n) { return (n > 0) - (n < 0); }

static void versions_are_ordered_field_by_field(void **state)
{
    (void)state;
    static const struct { const char *a, *b; int order; } rows[] = {
        { "15.5", "15.5", 0 },
        { "10.15.0", "10.14.6", 1 }, /* the classic mistake: each part tested on its own */
        { "9.9", "10.0", -1 },
        { "15", "15.0.0", 0 },
        { "15.0.1", "15", 1 },
        { "015.05", "15.5", 0 },
        { " 15.5 ", "15.5", 0 },
        { "13.4.1 (a)", "13.4.1", 1 },
        { "13.4.1 (c)", "13.4.1 (a)", 1 },
        { "13.4.2", "13.4.1 (c)", 1 },
        { "6.1.0-rc1", "6.1.0", -1 },
        { "6.1.0-rc9", "6.1.0-rc10", -1 },
        { "6.1.0-rc1", "6.0.9", 1 },
        { "6.1.0-26-amd64", "6.1.0-25-amd64", 1 },
        { "6.1.0-9-amd64", "6.1.0-10-amd64", -1 },
        { "1.0~beta", "1.0", -1 },
        { "5.", "5", 0 },
        { "5..1", "5.0.1", 0 },
        { "99999999999999999999999999.1", "99999999999999999999999998.9", 1 },
        { "2.x", "2.0", 1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int order = 7, back = 7;
        printf("row %s against %s\n", rows[i].a, rows[i].b);
        assert_true(os_version_compare(span_of(rows[i].a), span_of(rows[i].b), &order));
        assert_true(os_version_compare(span_of(rows[i].b), span_of(rows[i].a), &back));
        assert_int_equal(sign(order), rows[i].order);
        assert_int_equal(sign(back), -rows[i].order);
    }
}

static void what_begins_with_no_digit_is_no_version(void **state)
{
    (void)state;
    static const char *const rows[] = { "", " ", "v15", "unknown", ".5", "-1", "\xff" };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int order = 7;
        assert_false(os_version_compare(span_of(rows[i]), span_of("15"), &order));
        assert_false(os_version_compare(span_of("15"), span_of(rows[i]), &order));
        assert_int_equal(order, 7);
    }
}

static void nothing_is_read_past_the_end(void **state)
{
    (void)state;
    int order = 7;
    assert_true(os_version_compare(span_make("15.59", 4), span_of("15.5"), &order));
    assert_int_equal(order, 0);
    assert_false(os_version_compare(SPAN_NONE, span_of("1"), &order));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_ordered_field_by_field),
        cmocka_unit_test(what_begins_with_no_digit_is_no_version),
        cmocka_unit_test(nothing_is_read_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
