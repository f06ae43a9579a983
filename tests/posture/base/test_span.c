#include "posture/base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void numbers_are_whole_spans_of_digits(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool unsigned_ok, signed_ok;
        int64_t value;
    } rows[] = {
        { "zero", "0", true, true, 0 },
        { "plain", "42", true, true, 42 },
        { "leading zeros", "007", true, true, 7 },
        { "largest signed", "9223372036854775807", true, true, INT64_MAX },
        { "one over signed", "9223372036854775808", true, false, INT64_MIN },
        { "largest unsigned", "18446744073709551615", true, false, -1 },
        { "one over unsigned", "18446744073709551616", false, false, 0 },
        { "overflow by a digit", "99999999999999999999", false, false, 0 },
        { "negative", "-5", false, true, -5 },
        { "least", "-9223372036854775808", false, true, INT64_MIN },
        { "one under", "-9223372036854775809", false, false, 0 },
        { "empty", "", false, false, 0 },
        { "sign alone", "-", false, false, 0 },
        { "two signs", "--1", false, false, 0 },
        { "plus", "+1", false, false, 0 },
        { "space in front", " 1", false, false, 0 },
        { "space behind", "1 ", false, false, 0 },
        { "hexadecimal", "0x1", false, false, 0 },
        { "fraction", "1.0", false, false, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t u = 77;
        int64_t s = 77;
        bool unsigned_ok = span_to_u64(span_of(rows[i].text), &u), signed_ok = span_to_i64(span_of(rows[i].text), &s);
        if (unsigned_ok != rows[i].unsigned_ok || signed_ok != rows[i].signed_ok)
            fail_msg("%s: accepted differently", rows[i].name);
        if (u != (unsigned_ok ? (uint64_t)rows[i].value : 77) || s != (signed_ok ? rows[i].value : 77))
            fail_msg("%s: wrong value, or written on failure", rows[i].name);
    }
}

static void only_rfc_3629_is_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool valid;
    } rows[] = {
        { "empty", "", true },
        { "ascii", "abc\x7f", true },
        { "two bytes, first", "\xc2\x80", true },
        { "three bytes", "\xe2\x82\xac", true },
        { "last before surrogates", "\xed\x9f\xbf", true },
        { "first after surrogates", "\xee\x80\x80", true },
        { "four bytes, first", "\xf0\x90\x80\x80", true },
        { "last of all", "\xf4\x8f\xbf\xbf", true },
        { "beyond the last", "\xf4\x90\x80\x80", false },
        { "surrogate", "\xed\xa0\x80", false },
        { "overlong slash, two", "\xc0\xaf", false },
        { "overlong, two", "\xc1\xbf", false },
        { "overlong, three", "\xe0\x9f\xbf", false },
        { "overlong, four", "\xf0\x8f\xbf\xbf", false },
        { "continuation alone", "\x80", false },
        { "cut after one", "\xe2", false },
        { "cut after two", "\xe2\x82", false },
        { "cut after three", "\xf0\x90\x80", false },
        { "lead, then ascii", "\xc3" "a", false },
        { "five bytes", "\xf8\x88\x80\x80\x80", false },
        { "ff", "\xff", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (span_is_utf8(span_of(rows[i].text)) != rows[i].valid)
            fail_msg("%s", rows[i].name);
}

static void comparisons_agree_with_each_other(void **state)
{
    (void)state;
    static const struct {
        const char *name, *a, *b;
        int order;
        bool fold;
    } rows[] = {
        { "same", "abc", "abc", 0, true },      { "both empty", "", "", 0, true },
        { "shorter first", "ab", "abc", -1, false }, { "longer last", "abc", "ab", 1, false },
        { "by byte", "abd", "abc", 1, false },  { "case", "ABC", "abc", -1, true },
        { "high bytes are unsigned", "\xff", "a", 1, false }, { "only ASCII folds", "\xc9", "\xe9", -1, false },
        { "@ is no letter", "@", "`", -1, false }, { "[ is no letter", "[", "{", -1, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span a = span_of(rows[i].a), b = span_of(rows[i].b);
        int order = span_compare(a, b);
        if ((order > 0) - (order < 0) != rows[i].order || span_equal_fold(a, b) != rows[i].fold)
            fail_msg("%s: order or folding", rows[i].name);
        if (span_equal(a, b) != (order == 0) || span_equal_ct(a, b) != (order == 0) || span_equal_text(a, rows[i].b) != (order == 0))
            fail_msg("%s: equality", rows[i].name);
    }
}

static void nothing_is_as_good_as_empty(void **state)
{
    (void)state;
    struct span empty = SPAN_LITERAL("");
    assert_true(span_equal(SPAN_NONE, empty));
    assert_true(span_equal_ct(SPAN_NONE, empty));
    assert_true(span_equal_fold(SPAN_NONE, empty));
    assert_int_equal(span_compare(SPAN_NONE, empty), 0);
    assert_true(span_empty(span_of(NULL)));
    assert_true(span_starts(SPAN_NONE, SPAN_NONE));
    assert_true(span_ends(SPAN_NONE, SPAN_NONE));
    assert_false(span_starts(SPAN_NONE, SPAN_LITERAL("a")));
    assert_int_equal(span_find(SPAN_NONE, 'a'), 0);
    assert_int_equal(span_search(SPAN_NONE, SPAN_LITERAL("a")), 0);
    assert_true(span_empty(span_slice(SPAN_NONE, 3, 4)));
    assert_true(span_empty(span_trim(SPAN_NONE)));
    assert_true(span_is_utf8(SPAN_NONE));
    assert_int_equal(span_hash(SPAN_NONE, 0), span_hash(empty, 0));
    char *copy = span_dup(SPAN_NONE);
    assert_string_equal(copy, "");
    free(copy);
}

static void a_slice_never_leaves_its_span(void **state)
{
    (void)state;
    struct span s = SPAN_LITERAL("abcdef");
    assert_true(span_equal_text(span_slice(s, 1, 2), "bc"));
    assert_true(span_equal_text(span_slice(s, 4, 100), "ef"));
    assert_true(span_equal_text(span_slice(s, 6, 1), ""));
    assert_true(span_equal_text(span_slice(s, 100, 1), ""));
    assert_true(span_equal_text(span_slice(s, 2, SIZE_MAX), "cdef"));
    assert_true(span_equal_text(span_slice(s, SIZE_MAX, SIZE_MAX), ""));
}

static void cutting_gives_every_part_once(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *joined;
    } rows[] = {
        { "three", "a,b,c", "<a><b><c>" }, { "one", "abc", "<abc>" },   { "empty", "", "<>" },
        { "separator alone", ",", "<><>" }, { "at the end", "a,", "<a><>" }, { "in a row", ",,a", "<><><a>" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char joined[64] = "";
        struct span rest = span_of(rows[i].text), part;
        while (span_cut(&rest, ',', &part))
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "<%.*s>", SPAN_ARGS(part));
        if (strcmp(joined, rows[i].joined) != 0 || rest.at != NULL)
            fail_msg("%s: %s", rows[i].name, joined);
    }
}

static void finding_gives_the_first_place_or_the_end(void **state)
{
    (void)state;
    struct span s = SPAN_LITERAL("aXbXXc");
    assert_int_equal(span_find(s, 'X'), 1);
    assert_int_equal(span_find(s, 'z'), 6);
    assert_int_equal(span_search(s, SPAN_LITERAL("XX")), 3);
    assert_int_equal(span_search(s, SPAN_LITERAL("XXX")), 6);
    assert_int_equal(span_search(s, SPAN_LITERAL("")), 0);
    assert_int_equal(span_search(s, SPAN_LITERAL("aXbXXcd")), 6);
    assert_true(span_starts(s, SPAN_LITERAL("aX")));
    assert_true(span_ends(s, SPAN_LITERAL("Xc")));
    assert_false(span_ends(s, SPAN_LITERAL("XX")));
}

static void trimming_takes_blanks_at_both_ends(void **state)
{
    (void)state;
    assert_true(span_equal_text(span_trim(SPAN_LITERAL(" \t\r\n a b \n")), "a b"));
    assert_true(span_equal_text(span_trim(SPAN_LITERAL(" \t ")), ""));
    assert_true(span_equal_text(span_trim(SPAN_LITERAL("\va")), "\va"));
}

static void case_is_folded_in_letters_alone(void **state)
{
    (void)state;
    for (size_t at = 0; at < 20; at++) {
        for (int c = 0; c < 256; c++) {
            char a[20], b[20];
            memset(a, 'q', sizeof a);
            memset(b, 'Q', sizeof b);
            a[at] = (char)c;
            b[at] = (char)(c ^ 0x20);
            bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
            if (span_equal_fold(span_make(a, sizeof a), span_make(b, sizeof b)) != letter)
                fail_msg("byte %d at %zu", c, at);
        }
    }
}

static void the_table_hash_tells_texts_apart(void **state)
{
    (void)state;
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t bytes = 0; bytes < 26; bytes++) {
        uint64_t hash = span_table_hash(span_make(text, bytes), 7);
        assert_true(hash == span_table_hash(span_make(text, bytes), 7));
        assert_true(hash != span_table_hash(span_make(text, bytes), 8));
        assert_true(hash != span_table_hash(span_make(text, bytes + 1), 7));
        for (size_t at = 0; at < bytes; at++) {
            char other[26];
            memcpy(other, text, sizeof other);
            other[at] ^= 1;
            assert_true(hash != span_table_hash(span_make(other, bytes), 7));
        }
    }
}

static void the_hash_is_fnv_1a(void **state)
{
    (void)state;
    /* draft-eastlake-fnv, test vectors for 64 bits */
    assert_true(span_hash(SPAN_LITERAL(""), 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(span_hash(SPAN_LITERAL("a"), 0) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(span_hash(SPAN_LITERAL("foobar"), 0) == UINT64_C(0x85944171f73967e8));
    assert_true(span_hash(SPAN_LITERAL("a"), 1) != span_hash(SPAN_LITERAL("a"), 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_whole_spans_of_digits),
        cmocka_unit_test(only_rfc_3629_is_utf8),
        cmocka_unit_test(comparisons_agree_with_each_other),
        cmocka_unit_test(nothing_is_as_good_as_empty),
        cmocka_unit_test(a_slice_never_leaves_its_span),
        cmocka_unit_test(cutting_gives_every_part_once),
        cmocka_unit_test(finding_gives_the_first_place_or_the_end),
        cmocka_unit_test(trimming_takes_blanks_at_both_ends),
        cmocka_unit_test(case_is_folded_in_letters_alone),
        cmocka_unit_test(the_table_hash_tells_texts_apart),
        cmocka_unit_test(the_hash_is_fnv_1a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
