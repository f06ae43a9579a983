#include "gateway/http/kept_response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { LONG_BYTES = 20000 };
static const struct reply_header typed = { "Content-Type", { "application/json", 16 }, true };
static char here[LONG_BYTES + 1], there[LONG_BYTES + 1];

static struct kept_response *take(struct kept_responses *k, struct span id, struct span body)
{
    const struct reply_header headers[] = { typed, { "X-Request-ID", id, false } };
    struct kept_response *kept = kept_response_take(k, headers, 2, body);
    assert_non_null(kept);
    assert_string_equal(MHD_get_response_header(kept_response_mhd(kept), "X-Request-ID"), id.at);
    return kept;
}

/* Filled again: of one shape, and not in use. A long body must stand where the one before stood, since it is not copied. */
static void what_has_the_same_shape_is_filled_again(void **state)
{
    static const struct { const char *name; struct span id, body; bool in_use, same; } rows[] = {
        { "as it was", { "id-1", 4 }, { here, 100 }, false, true },
        { "other texts of the same length, standing elsewhere", { "id-2", 4 }, { there, 100 }, false, true },
        { "while it is in use", { "id-3", 4 }, { here, 100 }, true, false },
        { "another length of a header", { "id-10", 5 }, { here, 100 }, false, false },
        { "another length of the body", { "id-1", 4 }, { here, 101 }, false, false },
        { "a long body where it stood", { "id-1", 4 }, { here, LONG_BYTES }, false, true },
        { "a long body elsewhere", { "id-1", 4 }, { there, LONG_BYTES }, false, false },
        { "a longer one there", { "id-1", 4 }, { here, LONG_BYTES - 1 }, false, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kept_responses k;
        kept_responses_init(&k);
        struct kept_response *first = take(&k, SPAN_LITERAL("id-1"), span_make(here, rows[i].body.bytes > 1000 ? LONG_BYTES : 100));
        if (!rows[i].in_use)
            kept_response_return(first);
        struct kept_response *second = take(&k, rows[i].id, rows[i].body);
        if ((first == second) != rows[i].same)
            fail_msg("%s: %s", rows[i].name, first == second ? "the same" : "another");
        kept_response_return(first);
        kept_response_return(second);
        kept_responses_done(&k);
    }
}

static void more_than_can_be_kept_is_left_to_the_caller(void **state)
{
    struct kept_responses k;
    static char large[KEPT_BODY_BYTES + 1];
    (void)state;
    kept_responses_init(&k);
    assert_null(kept_response_take(&k, &typed, 1, span_make(large, sizeof large)));
    struct kept_response *all[KEPT_WAYS];
    for (size_t i = 0; i < KEPT_WAYS; i++)
        all[i] = take(&k, SPAN_LITERAL("id-1"), span_make(here, 10));
    const struct reply_header headers[] = { typed, { "X-Request-ID", SPAN_LITERAL("id-1"), false } };
    assert_null(kept_response_take(&k, headers, 2, span_make(here, 10)));
    for (size_t i = 0; i < KEPT_WAYS; i++)
        kept_response_return(all[i]);
    kept_responses_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_the_same_shape_is_filled_again),
        cmocka_unit_test(more_than_can_be_kept_is_left_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
