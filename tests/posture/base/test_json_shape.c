#include "posture/base/json_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

enum { MAX_BYTES = 200, INNER = 0, FIRST = 1, SECOND = 2, DEEP = 3 };
static const struct json_shape inner = { 1, { JSON_SHAPE_MEMBER("certificate_sha256", DEEP, NULL) } };
static const struct json_shape outer = { 3, { JSON_SHAPE_MEMBER("id", FIRST, NULL), JSON_SHAPE_MEMBER("subjects", SECOND, NULL), JSON_SHAPE_MEMBER("in", INNER, &inner) } };

static void what_is_plain_is_read_and_the_rest_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool read;
        const char *first, *second, *deep; /* NULL: not seen */
    } rows[] = {
        { "all", "{\"id\":\"a\",\"subjects\":\"b\",\"in\":{\"certificate_sha256\":\"c\"}}", true, "a", "b", "c" },
        { "another order", "{\"in\":{\"certificate_sha256\":\"c\"},\"subjects\":\"b\",\"id\":\"a\"}", true, "a", "b", "c" },
        { "white space", " \r\n{ \t\"id\" : \"a b\" ,\n\"in\" : { } } ", true, "a b", NULL, NULL },
        { "nothing in it", "{}", true, NULL, NULL, NULL },
        { "an empty text", "{\"id\":\"\"}", true, "", NULL, NULL },
        { "other brackets in a text", "{\"id\":\"}],:{'\x7f\"}", true, "}],:{'\x7f", NULL, NULL },
        { "a member nobody knows", "{\"id\":\"a\",\"x\":\"b\"}", false, NULL, NULL, NULL },
        { "the front of a name", "{\"i\":\"a\"}", false, NULL, NULL, NULL },
        { "more than a name", "{\"idx\":\"a\"}", false, NULL, NULL, NULL },
        { "more than a name of eight", "{\"subjectsx\":\"a\"}", false, NULL, NULL, NULL },
        { "a long name that ends otherwise", "{\"in\":{\"certificate_sha255\":\"c\"}}", false, NULL, NULL, NULL },
        { "a name from another level", "{\"certificate_sha256\":\"c\"}", false, NULL, NULL, NULL },
        { "a name with an escape", "{\"i\\u0064\":\"a\"}", false, NULL, NULL, NULL },
        { "an empty name", "{\"\":\"a\"}", false, NULL, NULL, NULL },
        { "twice", "{\"id\":\"a\",\"id\":\"a\"}", false, NULL, NULL, NULL },
        { "an object twice", "{\"in\":{},\"in\":{}}", false, NULL, NULL, NULL },
        { "a text where an object is due", "{\"in\":\"a\"}", false, NULL, NULL, NULL },
        { "an object where a text is due", "{\"id\":{}}", false, NULL, NULL, NULL },
        { "null", "{\"id\":null}", false, NULL, NULL, NULL },
        { "a number", "{\"id\":1}", false, NULL, NULL, NULL },
        { "an escape", "{\"id\":\"\\n\"}", false, NULL, NULL, NULL },
        { "a control character", "{\"id\":\"a\tb\"}", false, NULL, NULL, NULL },
        { "beyond ASCII", "{\"id\":\"\xc3\xa4\"}", false, NULL, NULL, NULL },
        { "not UTF-8", "{\"id\":\"\xff\"}", false, NULL, NULL, NULL },
        { "a trailing comma", "{\"id\":\"a\",}", false, NULL, NULL, NULL },
        { "a leading comma", "{,\"id\":\"a\"}", false, NULL, NULL, NULL },
        { "no comma", "{\"id\":\"a\" \"subjects\":\"b\"}", false, NULL, NULL, NULL },
        { "no colon", "{\"id\" \"a\"}", false, NULL, NULL, NULL },
        { "something behind", "{} x", false, NULL, NULL, NULL },
        { "another behind", "{}{}", false, NULL, NULL, NULL },
        { "a text alone", "\"id\"", false, NULL, NULL, NULL },
        { "an array", "[{}]", false, NULL, NULL, NULL },
        { "empty", "", false, NULL, NULL, NULL },
        { "white space alone", "  ", false, NULL, NULL, NULL },
        { "cut at the brace", "{", false, NULL, NULL, NULL },
        { "cut in a name", "{\"subje", false, NULL, NULL, NULL },
        { "cut in a text", "{\"id\":\"a", false, NULL, NULL, NULL },
        { "cut in an object", "{\"in\":{\"certificate_sha256\":\"c\"}", false, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct json_shape_found found;
        const char *const wanted[] = { [FIRST] = rows[i].first, [SECOND] = rows[i].second, [DEEP] = rows[i].deep };
        arena_init(&arena, 4096, 1024 * 1024);
        bool read = json_shape_read(&arena, span_of(rows[i].text), MAX_BYTES, &outer, &found);
        if (read != rows[i].read)
            fail_msg("%s: %s", rows[i].name, read ? "read" : "refused");
        for (size_t place = FIRST; read && place < COUNT(wanted); place++) {
            bool seen = (found.seen >> place & 1) != 0;
            if (seen != (wanted[place] != NULL) || (seen && !span_equal(found.texts[place], span_of(wanted[place]))))
                fail_msg("%s: place %zu", rows[i].name, place);
            if (seen)
                assert_int_equal(found.texts[place].at[found.texts[place].bytes], '\0');
        }
        arena_done(&arena);
    }
}

static void every_length_is_read_up_to_the_limit(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < MAX_BYTES + 8; bytes++) {
        struct arena arena;
        struct json_shape_found found;
        char text[MAX_BYTES + 32] = "{\"id\":\"";
        size_t front = strlen(text);
        memset(text + front, 'x', bytes);
        memcpy(text + front + bytes, "\"}", 3);
        arena_init(&arena, 64, 1024 * 1024); /* the copy has a block of its own, behind which nothing may be touched */
        bool read = json_shape_read(&arena, span_of(text), MAX_BYTES, &outer, &found);
        assert_int_equal(read, strlen(text) <= MAX_BYTES);
        if (read)
            assert_int_equal(found.texts[FIRST].bytes, bytes);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_is_read_and_the_rest_refused),
        cmocka_unit_test(every_length_is_read_up_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
