#include "posture/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void an_error_carries_its_code_and_words(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_LIMIT, "reading %s: %d", "x", 7), ERR_LIMIT);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "reading x: 7");
}

static void nobody_listening_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_INPUT, "x"), ERR_INPUT);
    assert_int_equal(err_wrap(NULL, "x"), ERR_INTERNAL);
}

static void wrapping_puts_words_in_front(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_IO, "open: refused");
    assert_int_equal(err_wrap(&err, "policy %s", "a.yaml"), ERR_IO);
    assert_string_equal(err.text, "policy a.yaml: open: refused");
}

static void wrapping_an_unfilled_error_is_not_success(void **state)
{
    (void)state;
    struct err err = { OK, "" };
    assert_int_equal(err_wrap(&err, "x"), ERR_INTERNAL);
    assert_int_equal(err.code, ERR_INTERNAL);
}

static void its_own_text_may_be_an_argument(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_INPUT, "inner");
    err_set(&err, ERR_INPUT, "[%s]", err.text);
    assert_string_equal(err.text, "[inner]");
}

static void control_characters_are_replaced(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_INPUT, "a\nb\x1b[2J\x7f\tc");
    assert_string_equal(err.text, "a?b?[2J??c");
}

static void long_text_is_cut_with_dots(void **state)
{
    (void)state;
    char longest[ERR_TEXT_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    longest[ERR_TEXT_BYTES - 1] = '\0';
    struct err err;
    err_set(&err, ERR_INPUT, "%s", longest);
    assert_string_equal(err.text, longest); /* the longest that fits */
    longest[ERR_TEXT_BYTES - 1] = 'a';
    longest[ERR_TEXT_BYTES] = '\0';
    err_set(&err, ERR_INPUT, "%s", longest);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_string_equal(err.text + ERR_TEXT_BYTES - 4, "...");
}

static void a_cut_leaves_no_half_character(void **state)
{
    (void)state;
    char text[1024] = "";
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        struct err err;
        err_set(&err, ERR_INPUT, "%s", text);
        size_t bytes = strlen(err.text);
        assert_string_equal(err.text + bytes - 3, "...");
        assert_int_equal((bytes - 3 - shift) % 3, 0);
    }
}

static void every_code_has_a_word(void **state)
{
    (void)state;
    assert_string_equal(err_name(OK), "ok");
    assert_string_equal(err_name(ERR_NOT_FOUND), "not_found");
    assert_string_equal(err_name(ERR_INTERNAL), "internal");
    assert_string_equal(err_name((enum err_code)999), "internal");
    for (unsigned code = OK; code <= ERR_INTERNAL; code++)
        assert_non_null(err_name((enum err_code)code));
}

static void take_hands_over(void **state)
{
    (void)state;
    char text[] = "x", *held = text;
    char *taken = TAKE(held);
    assert_ptr_equal(taken, text);
    assert_null(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_its_code_and_words),
        cmocka_unit_test(nobody_listening_is_fine),
        cmocka_unit_test(wrapping_puts_words_in_front),
        cmocka_unit_test(wrapping_an_unfilled_error_is_not_success),
        cmocka_unit_test(its_own_text_may_be_an_argument),
        cmocka_unit_test(control_characters_are_replaced),
        cmocka_unit_test(long_text_is_cut_with_dots),
        cmocka_unit_test(a_cut_leaves_no_half_character),
        cmocka_unit_test(every_code_has_a_word),
        cmocka_unit_test(take_hands_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
