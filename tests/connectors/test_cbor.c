/* Rows: RFC 8949 appendix A for what is taken, its sections 3 and 5.3.1 and CTAP 2.1 section 8 for what is not. */
#include "connectors/identity/cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

enum { ROOM = 256 };

static struct span unhex(const char *hex, char room[ROOM])
{
    size_t bytes = strlen(hex) / 2;
    assert_true(bytes <= ROOM);
    for (size_t i = 0; i < bytes; i++) {
        char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        room[i] = (char)strtol(pair, NULL, 16);
    }
    return span_make(room, bytes);
}

static enum err_code read_all(struct span in, struct cbor *out, struct err *err)
{
    size_t used = 0;
    enum err_code code = cbor_read(in, "test", out, &used, err);
    if (code == OK)
        assert_int_equal(used, in.bytes);
    return code;
}

static void one_form_of_each_value_is_read(void **state)
{
    static const struct { const char *hex; enum cbor_kind kind; int64_t number; size_t bytes, count; } rows[] = {
        { "00", CBOR_INT, 0, 0, 0 }, { "17", CBOR_INT, 23, 0, 0 }, { "1818", CBOR_INT, 24, 0, 0 }, { "18ff", CBOR_INT, 255, 0, 0 }, { "190100", CBOR_INT, 256, 0, 0 },
        { "1a00010000", CBOR_INT, 65536, 0, 0 }, { "1b0000000100000000", CBOR_INT, INT64_C(4294967296), 0, 0 }, { "1b7fffffffffffffff", CBOR_INT, INT64_MAX, 0, 0 },
        { "20", CBOR_INT, -1, 0, 0 }, { "3818", CBOR_INT, -25, 0, 0 }, { "390100", CBOR_INT, -257, 0, 0 }, { "3b7fffffffffffffff", CBOR_INT, INT64_MIN, 0, 0 },
        { "40", CBOR_BYTES, 0, 0, 0 }, { "4401020304", CBOR_BYTES, 0, 4, 0 }, { "60", CBOR_TEXT, 0, 0, 0 }, { "62c3bc", CBOR_TEXT, 0, 2, 0 },
        { "80", CBOR_ARRAY, 0, 0, 0 }, { "83010203", CBOR_ARRAY, 0, 3, 3 }, { "a0", CBOR_MAP, 0, 0, 0 }, { "a201020304", CBOR_MAP, 0, 4, 2 },
        { "a3010220406161f5", CBOR_MAP, 0, 7, 3 }, { "f4", CBOR_BOOL, 0, 0, 0 }, { "f5", CBOR_BOOL, 1, 0, 0 }, { "f6", CBOR_NULL, 0, 0, 0 }, { "f7", CBOR_NULL, 0, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[ROOM];
        struct cbor value;
        struct err err = { 0 };
        print_message("  %s\n", rows[i].hex);
        assert_int_equal(read_all(unhex(rows[i].hex, room), &value, &err), OK);
        assert_int_equal(value.kind, rows[i].kind);
        assert_int_equal(value.number, rows[i].number);
        assert_int_equal(value.bytes.bytes, rows[i].bytes);
        assert_int_equal(value.count, rows[i].count);
    }
}

static void every_other_form_is_refused(void **state)
{
    static const struct { const char *name, *hex; enum err_code code; } rows[] = {
        { "nothing", "", ERR_INPUT }, { "one byte of length, none there", "18", ERR_INPUT }, { "two bytes, one there", "1901", ERR_INPUT }, { "eight, seven there", "1b00000001000000", ERR_INPUT },
        { "23 in two bytes", "1817", ERR_INPUT }, { "255 in three", "1900ff", ERR_INPUT }, { "65535 in five", "1a0000ffff", ERR_INPUT }, { "2^32-1 in nine", "1b00000000ffffffff", ERR_INPUT },
        { "a length in two bytes", "5801aa", ERR_INPUT }, { "beyond 63 bits", "1b8000000000000000", ERR_LIMIT }, { "below them", "3b8000000000000000", ERR_LIMIT },
        { "reserved length", "1c", ERR_INPUT }, { "reserved, the last", "1e", ERR_INPUT }, { "indefinite bytes", "5f4101ff", ERR_INPUT }, { "indefinite text", "7f6161ff", ERR_INPUT },
        { "indefinite array", "9f01ff", ERR_INPUT }, { "indefinite map", "bf0101ff", ERR_INPUT }, { "a break alone", "ff", ERR_INPUT },
        { "bytes cut short", "4401", ERR_INPUT }, { "bytes longer than memory", "5bffffffffffffffff", ERR_INPUT }, { "array cut short", "8201", ERR_INPUT }, { "map without a value", "a101", ERR_INPUT },
        { "not UTF-8", "62c328", ERR_INPUT }, { "a surrogate", "63eda080", ERR_INPUT }, { "a tag", "c000", ERR_INPUT }, { "a bignum", "c249010000000000000000", ERR_INPUT },
        { "half float", "f93c00", ERR_INPUT }, { "float", "fa47c35000", ERR_INPUT }, { "double", "fb3ff199999999999a", ERR_INPUT }, { "simple 16", "f0", ERR_INPUT },
        { "simple 24", "f818", ERR_INPUT }, { "simple 255", "f8ff", ERR_INPUT }, { "true in two bytes", "f815", ERR_INPUT },
        { "a key twice", "a201020103", ERR_INPUT }, { "a text key twice", "a2616101616102", ERR_INPUT }, { "keys descend", "a202010101", ERR_INPUT }, { "negative before positive", "a220010101", ERR_INPUT },
        { "a longer text first", "a262616101616201", ERR_INPUT }, { "text before number", "a26161010102", ERR_INPUT }, { "a map as key", "a1a001", ERR_INPUT }, { "bytes as key", "a1410101", ERR_INPUT },
        { "a key twice, deep inside", "8181a201020103", ERR_INPUT }, { "as deep as is taken", "81818181818100", OK }, { "one deeper", "8181818181818100", ERR_LIMIT },
        { "many items promised", "9a00100000", ERR_LIMIT }, { "one item more than is taken", "990201", ERR_LIMIT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[ROOM];
        struct cbor value = { .number = 7 };
        struct err err = { 0 };
        size_t used = 7;
        print_message("  %s\n", rows[i].name);
        assert_int_equal(cbor_read(unhex(rows[i].hex, room), "test", &value, &used, &err), rows[i].code);
        if (rows[i].code == OK)
            continue;
        assert_int_equal(value.number, 7);
        assert_int_equal(used, 7);
        assert_memory_equal(err.text, "test: ", 6);
    }
}

/* Seven arrays of 100 numbers: each is short, the whole is not. */
static void items_are_counted_over_all_depths(void **state)
{
    char text[1 + 6 * 102];
    struct cbor value;
    struct err err;
    (void)state;
    memset(text, 0, sizeof text);
    for (unsigned arrays = 1; arrays <= 6; arrays++) {
        text[0] = (char)(0x80 + arrays);
        memcpy(text + 1 + (arrays - 1) * 102, "\x98\x64", 2);
        assert_int_equal(read_all(span_make(text, 1 + arrays * 102), &value, &err), arrays * 101 + 1 <= CBOR_ITEMS_MOST ? OK : ERR_LIMIT);
    }
    char *long_text = calloc(1, CBOR_BYTES_MOST + 1);
    assert_non_null(long_text);
    size_t used = 0;
    assert_int_equal(cbor_read(span_make(long_text, CBOR_BYTES_MOST), "test", &value, &used, &err), OK);
    assert_int_equal(used, 1); /* the first value; what follows is the caller's */
    assert_int_equal(cbor_read(span_make(long_text, CBOR_BYTES_MOST + 1), "test", &value, &used, &err), ERR_LIMIT);
    free(long_text);
}

static void members_are_found_by_key_and_kind(void **state)
{
    char room[ROOM];
    struct cbor map, value;
    struct err err;
    (void)state;
    /* {1: 2, 3: -7, -1: h'aa', "x": [1, "b"], "fmt": "none"} */
    assert_int_equal(read_all(unhex("a50102032620" "41aa" "6178" "82016162" "63666d74" "646e6f6e65", room), &map, &err), OK);
    assert_true(cbor_by_int(&map, 3, CBOR_INT, &value));
    assert_int_equal(value.number, -7);
    assert_true(cbor_by_int(&map, -1, CBOR_BYTES, &value));
    assert_memory_equal(value.bytes.at, "\xaa", 1);
    assert_false(cbor_by_int(&map, 3, CBOR_BYTES, &value));
    assert_false(cbor_by_int(&map, 4, CBOR_INT, &value));
    assert_true(cbor_by_text(&map, "fmt", CBOR_TEXT, &value));
    assert_true(span_equal_text(value.bytes, "none"));
    assert_false(cbor_by_text(&map, "fm", CBOR_TEXT, &value));
    assert_false(cbor_by_text(&map, "", CBOR_TEXT, &value));
    struct cbor list;
    assert_true(cbor_by_text(&map, "x", CBOR_ARRAY, &list));
    assert_true(cbor_item(&list, 1, CBOR_TEXT, &value));
    assert_true(span_equal_text(value.bytes, "b"));
    assert_false(cbor_item(&list, 0, CBOR_TEXT, &value));
    assert_false(cbor_item(&list, 2, CBOR_TEXT, &value));
    assert_false(cbor_item(&map, 0, CBOR_INT, &value));
    assert_false(cbor_by_int(&list, 1, CBOR_INT, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_of_each_value_is_read),
        cmocka_unit_test(every_other_form_is_refused),
        cmocka_unit_test(items_are_counted_over_all_depths),
        cmocka_unit_test(members_are_found_by_key_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
