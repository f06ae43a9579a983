#include "connectors/store/redis_body.h"

#include "posture/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void what_was_packed_comes_out_again(void **state)
{
    (void)state;
    static const struct { const char *name; enum record_kind kind; size_t bytes; bool packed; } rows[] = {
        { "short", RECORD_DEVICE, 20, false }, { "a device", RECORD_DEVICE, 3000, true }, { "a person", RECORD_PERSON, 400, true }, { "control stays as it is", RECORD_CONTROL, 3000, false },
        { "the longest", RECORD_DEVICE, DEVICE_BODY_BYTES, true } };
    struct redis_body b = { 0 }, other = { 0 };
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *body = malloc(rows[i].bytes);
        struct span packed, out;
        memset(body, 'x', rows[i].bytes);
        for (size_t k = 2; k < rows[i].bytes; k += 13)
            body[k] = (char)('a' + k * 7 % 26);
        body[0] = '{';
        assert_int_equal(redis_body_pack(&b, rows[i].kind, span_make(body, rows[i].bytes), &packed, &err), OK);
        if ((packed.at[0] == 'z') != rows[i].packed)
            fail_msg("%s: begins with %c", rows[i].name, packed.at[0]);
        if (redis_body_unpack(&other, packed, &out, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_true(span_equal(out, span_make(body, rows[i].bytes)));
        free(body);
    }
    redis_body_done(&b);
    redis_body_done(&other);
}

static void strange_bodies_are_refused(void **state)
{
    (void)state;
    static const struct { const char *name; struct span stored; } rows[] = {
        { "a letter alone", SPAN_LITERAL("z") }, { "another dictionary", SPAN_LITERAL("z2100\nxx") }, { "no length", SPAN_LITERAL("z1\nxx") }, { "no line feed", SPAN_LITERAL("z1100") },
        { "a length of letters", SPAN_LITERAL("z1abc\nxx") }, { "a length beyond all bounds", SPAN_LITERAL("z1999999999999\nxx") }, { "the same, without an end", SPAN_LITERAL("z199999999999999999999999\nxx") },
        { "nothing behind it", SPAN_LITERAL("z1100\n") }, { "no deflate", SPAN_LITERAL("z1100\n\xff\xff\xff\xff") }, { "shorter than it says", SPAN_LITERAL("z1100\n\x03\x00") },
        { "longer than it says", SPAN_LITERAL("z11\n\x4b\x4c\x4a\x06\x00") }, { "something behind its end", SPAN_LITERAL("z13\n\x4b\x4c\x4a\x06\x00zz") },
        { "a place before the dictionary", SPAN_LITERAL("z13\n\x03\xfe\xff\x00\x00") } };
    struct redis_body b = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span out;
        struct err err = { OK, "" };
        if (redis_body_unpack(&b, rows[i].stored, &out, &err) != ERR_INTERNAL || strstr(err.text, "newer version") == NULL)
            fail_msg("%s: %s", rows[i].name, err.text);
    }
    struct span out;
    struct err err;
    assert_int_equal(redis_body_unpack(&b, SPAN_LITERAL("z13\n\x4b\x4c\x4a\x06\x00"), &out, &err), OK);
    assert_true(span_equal_text(out, "abc"));
    assert_int_equal(redis_body_unpack(&b, SPAN_LITERAL("{\"id\":\"d_1\"}"), &out, &err), OK); /* an older version wrote it */
    assert_true(span_equal_text(out, "{\"id\":\"d_1\"}"));
    redis_body_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_again),
        cmocka_unit_test(strange_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
