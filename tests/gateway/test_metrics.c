#include "gateway/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool has_line(struct buf *text, const char *line) { return strstr(buf_text(text), line) != NULL; }

static void sets_are_summed(void **state)
{
    CLEANUP(buf_done) struct buf out;
    struct metrics *m = metrics_new();
    struct counters *a = metrics_counters(m), *b = metrics_counters(m);
    struct metrics_gauges gauges = { .devices = 7, .directory_age_ms = 1234, .slack_unmapped = 3, .exemptions_open = 2, .ready = true };
    (void)state;
    buf_init(&out, 65536);
    counter_add(a, COUNT_REQUESTS, 3);
    counter_add(b, COUNT_REQUESTS, 4);
    counter_add(NULL, COUNT_REQUESTS, 5);
    counter_add(b, COUNT_SET_ASIDE, 1);
    assert_true(metrics_write(m, &gauges, &out));
    assert_true(has_line(&out, "\npostern_requests_total 7\n"));
    assert_true(has_line(&out, "\npostern_deliveries_set_aside_total 1\n"));
    assert_true(has_line(&out, "\npostern_decisions_total{outcome=\"deny\"} 0\n"));
    assert_true(has_line(&out, "\npostern_devices 7\n"));
    assert_true(has_line(&out, "\npostern_directory_age_seconds 1.234\n"));
    assert_true(has_line(&out, "\npostern_ready 1\n"));
    assert_true(has_line(&out, "\npostern_slack_unmapped_persons 3\n"));
    assert_true(has_line(&out, "\npostern_exemptions_open 2\n"));
    assert_true(has_line(&out, "\npostern_exemptions_overdue 0\n"));
    metrics_free(m);
    metrics_free(NULL);
}

static void durations_fall_into_buckets_that_add_up(void **state)
{
    CLEANUP(buf_done) struct buf out;
    struct metrics *m = metrics_new();
    struct counters *c = metrics_counters(m);
    struct metrics_gauges gauges = { 0 };
    (void)state;
    buf_init(&out, 65536);
    counter_own_duration(c, 0);
    counter_own_duration(c, 50);
    counter_own_duration(c, 51);
    counter_own_duration(c, 20000000);
    counter_own_duration(NULL, 1);
    assert_true(metrics_write(m, &gauges, &out));
    assert_true(has_line(&out, "_bucket{le=\"0.00005\"} 2\n"));
    assert_true(has_line(&out, "_bucket{le=\"0.0001\"} 3\n"));
    assert_true(has_line(&out, "_bucket{le=\"10\"} 3\n"));
    assert_true(has_line(&out, "_bucket{le=\"+Inf\"} 4\n"));
    assert_true(has_line(&out, "_sum 20.000101\n"));
    assert_true(has_line(&out, "_count 4\n"));
    metrics_free(m);
}

/* Prometheus refuses a metric whose HELP comes twice or whose samples are scattered. */
static void each_metric_is_introduced_once_before_its_samples(void **state)
{
    CLEANUP(buf_done) struct buf out;
    struct metrics *m = metrics_new();
    struct metrics_gauges gauges = { 0 };
    struct span rest, line, current = SPAN_NONE;
    (void)state;
    buf_init(&out, 65536);
    assert_true(metrics_write(m, &gauges, &out));
    rest = buf_span(&out);
    while (span_cut(&rest, '\n', &line) && !span_empty(line)) {
        if (span_starts(line, SPAN_LITERAL("# HELP "))) {
            current = span_slice(line, 7, span_find(span_slice(line, 7, line.bytes), ' '));
            char again[128];
            snprintf(again, sizeof again, "# HELP %.*s ", SPAN_ARGS(current));
            struct span behind = span_slice(rest, 0, rest.bytes);
            assert_int_equal(span_search(behind, span_of(again)), behind.bytes);
        } else if (line.at[0] != '#' && !span_starts(line, current)) {
            fail_msg("%.*s stands under %.*s", SPAN_ARGS(line), SPAN_ARGS(current));
        }
    }
    metrics_free(m);
}

static void a_full_buffer_is_told(void **state)
{
    CLEANUP(buf_done) struct buf out;
    struct metrics *m = metrics_new();
    struct metrics_gauges gauges = { 0 };
    (void)state;
    buf_init(&out, 100);
    assert_false(metrics_write(m, &gauges, &out));
    metrics_free(m);
}

static void *count_many(void *context)
{
    for (int i = 0; i < 10000; i++)
        counter_add(context, COUNT_COMMITS, 1);
    return NULL;
}

static void threads_may_share_a_set(void **state)
{
    struct metrics *m = metrics_new();
    struct counters *c = metrics_counters(m);
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c->value[COUNT_COMMITS], 40000);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_summed),
        cmocka_unit_test(durations_fall_into_buckets_that_add_up),
        cmocka_unit_test(each_metric_is_introduced_once_before_its_samples),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(threads_may_share_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
