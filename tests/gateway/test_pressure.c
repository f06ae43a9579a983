#include "gateway/pressure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A second in ten ticks. */
static void pass_second(struct pressure *p, int64_t second, int64_t late_ms, uint64_t answered, size_t agents)
{
    for (int i = 0; i < 10; i++)
        pressure_tick(p, &(struct pressure_tick){ .now_ms = second * 1000 + i * 100, .late_ms = late_ms, .answered = answered / 10, .agents = agents });
}

static void agents_come_less_often_while_this_node_is_late(void **state)
{
    static const struct { const char *name; int64_t late_ms; uint64_t answered; size_t agents; int64_t poll_s; } rows[] = {
        { "in time", 0, 1000, 100000, PRESSURE_CALM_S },
        { "a little late", PRESSURE_LATE_MS - 1, 1000, 100000, PRESSURE_CALM_S },
        { "late, of few", PRESSURE_LATE_MS, 1000, 100, PRESSURE_BUSY_S },
        { "late, of none", PRESSURE_LATE_MS, 0, 0, PRESSURE_BUSY_S },
        { "late, of many: half of what it can answer", PRESSURE_LATE_MS, 1000, 100000, 210 },
        { "of more than that", PRESSURE_LATE_MS, 1000, 1000000, PRESSURE_LONGEST_S },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pressure *p = pressure_new(NULL);
        for (int64_t second = 1; second <= 10; second++)
            pass_second(p, second, 0, rows[i].answered, rows[i].agents);
        pass_second(p, 11, rows[i].late_ms, rows[i].answered, rows[i].agents);
        int64_t poll_s = pressure_poll_s(p);
        if (poll_s < rows[i].poll_s - PRESSURE_CALM_S || poll_s > rows[i].poll_s + PRESSURE_CALM_S)
            fail_msg("%s: %lld", rows[i].name, (long long)poll_s);
        pressure_free(p);
    }
    struct pressure *full = pressure_new(NULL);
    pressure_tick(full, &(struct pressure_tick){ .now_ms = 1000, .full = true });
    assert_int_equal(pressure_poll_s(full), PRESSURE_BUSY_S);
    pressure_free(full);
    assert_int_equal(pressure_poll_s(NULL), PRESSURE_CALM_S);
}

static void they_come_more_often_again_step_by_step(void **state)
{
    static const int64_t polls[] = { 300, 150, 75, PRESSURE_CALM_S, PRESSURE_CALM_S };
    enum { HOLD_S = PRESSURE_HOLD_MS / 1000 };
    struct pressure *p = pressure_new(NULL);
    int64_t second = 2;
    (void)state;
    pass_second(p, second - 1, 0, 100, 1000000);
    pass_second(p, second, 500, 100, 1000000);
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        assert_int_equal(pressure_poll_s(p), polls[i]);
        pass_second(p, second + HOLD_S - 2, 0, 100, 1000000);
        assert_int_equal(pressure_poll_s(p), polls[i]);
        pass_second(p, second += HOLD_S + 1, 0, 100, 1000000);
    }
    for (int i = 0; i < 5; i++)
        pass_second(p, ++second, 500, 100, 1000000); /* late again */
    assert_int_equal(pressure_poll_s(p), PRESSURE_LONGEST_S);
    pressure_free(p);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(agents_come_less_often_while_this_node_is_late),
                                        cmocka_unit_test(they_come_more_often_again_step_by_step), cmocka_unit_test(a_wave_takes_so_many_a_second) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
