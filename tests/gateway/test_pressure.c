#include "gateway/pressure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void agents_come_less_often_while_this_node_is_late(void **state)
{
    static const struct { const char *name; int64_t late_ms, asked_ms, poll_s; } rows[] = {
        { "in time", 0, 1000, PRESSURE_CALM_S },
        { "a little late", PRESSURE_LATE_MS - 1, 1000, PRESSURE_CALM_S },
        { "late", PRESSURE_LATE_MS, 1000, PRESSURE_BUSY_S },
        { "late, a moment later", PRESSURE_LATE_MS, 1000 + PRESSURE_HOLD_MS - 1, PRESSURE_BUSY_S },
        { "late, long ago", PRESSURE_LATE_MS, 1000 + PRESSURE_HOLD_MS, PRESSURE_CALM_S },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pressure *p = pressure_new(NULL);
        pressure_late(p, 1000, rows[i].late_ms);
        if (pressure_poll_s(p, rows[i].asked_ms) != rows[i].poll_s)
            fail_msg("%s", rows[i].name);
        pressure_free(p);
    }
    assert_int_equal(pressure_poll_s(NULL, 1), PRESSURE_CALM_S);
}

static void a_wave_takes_so_many_a_second(void **state)
{
    struct pressure *p = pressure_new(NULL);
    (void)state;
    for (int64_t second = 100; second < 103; second++) {
        for (int i = 0; i < PRESSURE_WAVE_PER_S; i++)
            assert_true(pressure_take_wave(p, second));
        assert_false(pressure_take_wave(p, second));
    }
    assert_true(pressure_take_wave(NULL, 1));
    pressure_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(agents_come_less_often_while_this_node_is_late), cmocka_unit_test(a_wave_takes_so_many_a_second) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
