#include "posture/base/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Text is looked at eight bytes at once: what is encoded is found wherever it stands, and nothing is seen where nothing is. */
static void a_byte_is_decoded_at_every_place(void **state)
{
    static const struct { const char *raw, *plain; bool good; } bytes[] = {
        { "+", " ", true }, { "%41", "A", true }, { "%2b", "+", true }, { "%c3%A9", "\xc3\xa9", true }, { "!", "!", true }, { "~", "~", true }, { "$", "$", true }, { "&", "&", true },
        { "*", "*", true }, { ",", ",", true }, { "\x7f", "\x7f", true }, { " ", " ", true }, { "\xc3\xa9", "\xc3\xa9", true }, { "\x01", "\x01", true },
        { "%", NULL, false }, { "%4", NULL, false }, { "%zz", NULL, false }, { "%00", NULL, false }, { "%ff", NULL, false }, { "\xff", NULL, false }, { "\x80", NULL, false },
    };
    struct arena arena;
    struct err err;
    (void)state;
    arena_init(&arena, 4096, 64 * 1024);
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        for (size_t before = 0; before <= 17; before++)
            for (size_t behind = 0; behind <= 9; behind++) {
                char raw[64] = "", plain[64] = "";
                struct span out = SPAN_LITERAL("untouched");
                memset(raw, 'x', before);
                strcat(raw, bytes[i].raw);
                memset(raw + strlen(raw), 'g', behind); /* no digit of a half encoding */
                memset(plain, 'x', before);
                strcat(plain, bytes[i].good ? bytes[i].plain : "");
                memset(plain + strlen(plain), 'g', behind);
                enum err_code code = form_decode(&arena, span_of(raw), "name", &out, &err);
                if (code != (bytes[i].good ? OK : ERR_INPUT) || !span_equal_text(out, bytes[i].good ? plain : "untouched"))
                    fail_msg("%s", raw);
                arena_reset(&arena);
            }
    arena_done(&arena);
}

static void nothing_is_a_value_too(void **state)
{
    struct arena arena;
    struct span out = SPAN_LITERAL("untouched");
    struct err err;
    (void)state;
    arena_init(&arena, 4096, 64 * 1024);
    assert_int_equal(form_decode(&arena, SPAN_LITERAL(""), "name", &out, &err), OK);
    assert_int_equal(out.bytes, 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_byte_is_decoded_at_every_place), cmocka_unit_test(nothing_is_a_value_too) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
