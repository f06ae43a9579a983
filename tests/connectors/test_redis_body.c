#include "connectors/store/redis_body.h"

#include "posture/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

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

/* What a start is given of a device: everything but its facts, where they come last. */
static void a_start_stops_at_the_facts(void **state)
{
    (void)state;
#define FIFTY "01234567890123456789012345678901234567890123456789"
#define LONG FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY
#define BEFORE "{\"name\":\"" LONG "\",\"os\":\",\\\"facts\\\":[\""
    static const struct { const char *name, *before, *facts, *behind; bool left_out; } rows[] = {
        { "facts", BEFORE, ",\"facts\":[[\"a\",\"[{\\\"x\\\":\\\"]}\\\\\"]]", "}", true },
        { "none at all", BEFORE, "", "}", false },
        { "an empty list", BEFORE, ",\"facts\":[]", "}", true },
        { "not last, as an older version wrote them", BEFORE, ",\"facts\":[[\"a\"]]", ",\"on\":[[1,2]]}", false },
        { "of another object", BEFORE ",\"b\":{\"c\":1", ",\"facts\":[[\"a\"]]", "}}", false },
        { "no list", BEFORE, ",\"facts\":{\"a\":1}", "}", false },
        { "white space behind them", BEFORE, ",\"facts\":[]", " }", false },
        { "a short body is inflated as a whole", "{\"name\":\"" FIFTY FIFTY "\"", ",\"facts\":[[\"a\"]]", "}", false },
        { "at the very beginning", "{\"id\":1", ",\"facts\":[\"" LONG "\"]", "}", false },
    };
    struct redis_body b = { 0 }, other = { 0 };
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[4096], standing[4096];
        struct span packed, out;
        snprintf(body, sizeof body, "%s%s%s", rows[i].before, rows[i].facts, rows[i].behind);
        snprintf(standing, sizeof standing, "%s%s%s", rows[i].before, rows[i].left_out ? "" : rows[i].facts, rows[i].behind);
        assert_int_equal(redis_body_pack(&b, RECORD_DEVICE, span_of(body), &packed, &err), OK);
        assert_int_equal(redis_body_unpack(&other, packed, &out, &err), OK);
        if (!span_equal_text(out, body))
            fail_msg("%s: %.*s", rows[i].name, SPAN_ARGS(out));
        assert_int_equal(redis_body_unpack_standing(&other, packed, &out, &err), OK);
        if (!span_equal_text(out, standing))
            fail_msg("%s, a start: %.*s", rows[i].name, SPAN_ARGS(out));
    }
    redis_body_done(&b);
    redis_body_done(&other);
}

/* Deflated here over no dictionary, as a peer may write it. */
static struct span packed_by_hand(const char *json, size_t promised, size_t cut, char *room, size_t room_bytes)
{
    z_stream z = { 0 };
    int head = snprintf(room, room_bytes, "z1%zu\n", promised);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)json;
    z.avail_in = (uInt)strlen(json);
    z.next_out = (Bytef *)room + head;
    z.avail_out = (uInt)(room_bytes - (size_t)head);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t bytes = room_bytes - z.avail_out;
    deflateEnd(&z);
    return span_make(room, bytes - cut);
}

static void a_mark_that_lies_is_refused(void **state)
{
    (void)state;
    enum { BYTES = 3000 };
    static const struct { const char *name, *start; size_t promised, cut; enum err_code standing, whole; const char *out; } rows[] = {
        { "good", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES, 0, OK, OK, "{\"abcdefghijklmnopqrstuvwxyz\"}" },
        { "beyond the end", "{\"facts_at\":3000,\"a\":1,", BYTES, 0, ERR_INTERNAL, OK, NULL },
        { "at the end", "{\"facts_at\":2984,\"a\":1,", BYTES, 0, ERR_INTERNAL, OK, NULL },
        { "the last one that fits", "{\"facts_at\":2983,\"a\":1,", BYTES, 0, OK, OK, NULL },
        { "beyond all numbers", "{\"facts_at\":99999999,\"a\":1,", BYTES, 0, ERR_INTERNAL, OK, NULL },
        { "0", "{\"facts_at\":0,\"a\":1,", BYTES, 0, ERR_INTERNAL, OK, NULL },
        { "within the mark", "{\"facts_at\":5,\"a\":1,", BYTES, 0, ERR_INTERNAL, OK, NULL },
        { "no number is no mark", "{\"facts_at\":\"x\",\"a\":1,", BYTES, 0, OK, OK, NULL },
        { "too long a number is no mark", "{\"facts_at\":00000000000000000030,", BYTES, 0, OK, OK, NULL },
        { "longer than promised behind the facts", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES - 1, 0, OK, ERR_INTERNAL, "{\"abcdefghijklmnopqrstuvwxyz\"}" },
        { "shorter than promised", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES + 1, 0, OK, ERR_INTERNAL, "{\"abcdefghijklmnopqrstuvwxyz\"}" },
        { "cut behind the facts", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES, 200, OK, ERR_INTERNAL, "{\"abcdefghijklmnopqrstuvwxyz\"}" },
        { "cut before the facts", "{\"facts_at\":2900,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES, 900, ERR_INTERNAL, ERR_INTERNAL, NULL },
        { "cut within the mark", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", BYTES, SIZE_MAX, ERR_INTERNAL, ERR_INTERNAL, NULL },
        { "a bomb", "{\"facts_at\":29,\"abcdefghijklmnopqrstuvwxyz\":1,", DEVICE_BODY_BYTES + 1, 0, ERR_INTERNAL, ERR_INTERNAL, NULL },
    };
    struct redis_body b = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[BYTES + 1], room[2 * BYTES];
        struct span out;
        struct err err = { OK, "" };
        for (uint32_t k = 0, random = 1; k < BYTES; k++, random = random * 1103515245 + 12345) /* hardly shorter when deflated */
            json[k] = (char)('a' + (random >> 16) % 26);
        memcpy(json, rows[i].start, strlen(rows[i].start));
        json[BYTES] = '\0';
        struct span stored = packed_by_hand(json, rows[i].promised, rows[i].cut == SIZE_MAX ? 0 : rows[i].cut, room, sizeof room);
        stored.bytes = rows[i].cut == SIZE_MAX ? 12 : stored.bytes;
        enum err_code standing = redis_body_unpack_standing(&b, stored, &out, &err);
        if (standing != rows[i].standing || (rows[i].out != NULL && !span_equal_text(out, rows[i].out)))
            fail_msg("%s, a start: %d %s", rows[i].name, (int)standing, err.text);
        enum err_code whole = redis_body_unpack(&b, stored, &out, &err);
        if (whole != rows[i].whole)
            fail_msg("%s, whole: %d %s", rows[i].name, (int)whole, err.text);
    }
    redis_body_done(&b);
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
        if (redis_body_unpack_standing(&b, rows[i].stored, &out, &err) != ERR_INTERNAL)
            fail_msg("%s: read by a start", rows[i].name);
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
        cmocka_unit_test(a_start_stops_at_the_facts),
        cmocka_unit_test(a_mark_that_lies_is_refused),
        cmocka_unit_test(strange_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
