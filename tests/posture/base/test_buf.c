#include "posture/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void appends_follow_each_other(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    buf_init(&b, 1000);
    assert_string_equal(buf_text(&b), "");
    assert_true(buf_append_text(&b, "a"));
    assert_true(buf_append(&b, SPAN_NONE));
    assert_true(buf_append_byte(&b, '-'));
    assert_true(buf_append_u64(&b, UINT64_MAX));
    assert_true(buf_append_byte(&b, ' '));
    assert_true(buf_append_i64(&b, INT64_MIN));
    assert_true(buf_append_i64(&b, 0));
    assert_true(buf_format(&b, " %s=%d", "x", 5));
    assert_string_equal(buf_text(&b), "a-18446744073709551615 -92233720368547758080 x=5");
}

static void the_limit_itself_fits(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct err err;
    buf_init(&b, 5);
    assert_true(buf_append_text(&b, "12345"));
    assert_string_equal(buf_text(&b), "12345");
    assert_int_equal(buf_check(&b, "answer", &err), OK);
}

static void an_append_past_the_limit_changes_nothing(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct err err;
    buf_init(&b, 5);
    assert_true(buf_append_text(&b, "123"));
    assert_false(buf_append_text(&b, "456"));
    assert_true(span_equal_text(buf_span(&b), "123"));
    assert_null(buf_text(&b));
    assert_int_equal(buf_check(&b, "answer", &err), ERR_LIMIT);
    assert_string_equal(err.text, "answer: longer than 5 bytes");
}

static void after_a_failure_every_append_fails(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    buf_init(&b, 5);
    assert_false(buf_format(&b, "%s", "123456"));
    assert_false(buf_append_byte(&b, '1'));
    assert_false(buf_append(&b, SPAN_NONE));
    buf_clear(&b);
    assert_true(buf_append_byte(&b, '1'));
    assert_string_equal(buf_text(&b), "1");
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    struct err err;
    buf_init(&b, SIZE_MAX);
    assert_true(buf_append_byte(&b, 'a'));
    assert_false(buf_reserve(&b, SIZE_MAX - 1));
    assert_int_equal(buf_check(&b, "x", &err), ERR_MEMORY);
    buf_clear(&b);
    assert_true(buf_append_byte(&b, 'a'));
    assert_false(buf_reserve(&b, SIZE_MAX)); /* with what is there, beyond any limit */
    assert_int_equal(buf_check(&b, "x", &err), ERR_LIMIT);
}

static void a_zeroed_buf_takes_nothing_and_needs_no_care(void **state)
{
    (void)state;
    struct buf b = { 0 };
    assert_true(buf_append(&b, SPAN_NONE));
    assert_false(buf_append_byte(&b, 'a'));
    buf_done(&b);
    buf_done(&b);
    buf_wipe(&b);
    buf_done(NULL);
    buf_wipe(NULL);
}

static void the_caller_may_write_into_reserved_room(void **state)
{
    (void)state;
    CLEANUP(buf_wipe) struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 100; i++) {
        assert_true(buf_reserve(&b, 1000));
        memset(b.at + b.bytes, 'x', 1000);
        b.bytes += 1000;
    }
    assert_int_equal(strlen(buf_text(&b)), 100000);
}

static void growth_stays_within_the_limit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b;
    buf_init(&b, 1000);
    while (buf_append_byte(&b, 'x'))
        continue;
    assert_int_equal(b.bytes, 1000);
    assert_int_equal(b.room, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_follow_each_other),
        cmocka_unit_test(the_limit_itself_fits),
        cmocka_unit_test(an_append_past_the_limit_changes_nothing),
        cmocka_unit_test(after_a_failure_every_append_fails),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_zeroed_buf_takes_nothing_and_needs_no_care),
        cmocka_unit_test(the_caller_may_write_into_reserved_room),
        cmocka_unit_test(growth_stays_within_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
