/* The log in a real redis-server: reading on, waiting, ranges, what is not ours, trimming. */
#include "tests/support/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TEXT(words) SPAN_LITERAL(words)

/* ---- the log ---- */

static void reading_goes_on_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    struct log_position all[REDIS_PARTITIONS + 1];
    from_the_beginning(all);
    for (int i = 0; i < 10; i++)
        assert_ok(f, put(f, RECORD_DEVICE, "d_1", i, "{}", 0));
    struct seen_log first = { .stop_after = 4 }, second = { 0 }, third = { 0 };
    assert_ok(f, OPS(f)->log_read(f->store, all, 100, 0, note_entry, &first, &f->err));
    assert_int_equal(first.count, 4);
    assert_int_equal(first.last_version, 4);
    assert_ok(f, OPS(f)->log_read(f->store, all, 5, 0, note_entry, &second, &f->err));
    assert_int_equal(second.count, 5);
    assert_int_equal(second.last_version, 9);
    assert_ok(f, OPS(f)->log_read(f->store, all, 5, 0, note_entry, &third, &f->err));
    assert_int_equal(third.count, 1);
    struct log_position last;
    assert_ok(f, OPS(f)->log_end(f->store, partition(f, RECORD_DEVICE, "d_1"), &last, &f->err));
    assert_string_equal(last.text, all[partition(f, RECORD_DEVICE, "d_1")].text);
}

static void *commit_later(void *context)
{
    struct fixture *f = context;
    struct fixture own = { .options = f->options };
    struct timespec soon = { 0, 50 * 1000000 };
    nanosleep(&soon, NULL); /* so that the reader most likely waits already; the test holds either way */
    if (redis_store_open(&own.options, &own.store, &own.err) == OK) {
        (void)put(&own, RECORD_CONTROL, "policy", 0, "{}", 0);
        own.store->ops->free(own.store);
    }
    return NULL;
}

static void a_waiting_reader_is_woken_by_a_commit(void **state)
{
    struct fixture *f = *state;
    struct log_position all[REDIS_PARTITIONS + 1];
    struct seen_log seen = { 0 };
    pthread_t thread;
    from_the_beginning(all);
    assert_int_equal(pthread_create(&thread, NULL, commit_later, f), 0);
    enum err_code code = OPS(f)->log_read(f->store, all, 10, 50000, note_entry, &seen, &f->err);
    pthread_join(thread, NULL);
    assert_ok(f, code);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.last_id, "policy");
}

static void a_wait_that_ends_empty_is_fine(void **state)
{
    struct fixture *f = *state;
    struct log_position all[REDIS_PARTITIONS + 1];
    struct seen_log seen = { 0 };
    from_the_beginning(all);
    f->options.timeout_ms = 1500; /* shorter than the wait: the wait must not count against it */
    struct fixture impatient = { .options = f->options };
    open_store(&impatient);
    assert_ok(&impatient, OPS(&impatient)->log_read(impatient.store, all, 10, 2500, note_entry, &seen, &impatient.err));
    assert_int_equal(seen.count, 0);
    OPS(&impatient)->free(impatient.store);
}

static void one_partition_is_read_forward_and_back(void **state)
{
    struct fixture *f = *state;
    struct event events[5];
    char types[5][32];
    for (int i = 0; i < 5; i++) {
        snprintf(types[i], sizeof types[i], "decision.%d", i);
        events[i] = event_of(types[i]);
    }
    assert_ok(f, OPS(f)->append(f->store, 2, events, 5, &f->err));
    struct log_position after = { "0-0" };
    struct seen_log forward = { 0 }, rest = { 0 }, back = { 0 }, none = { 0 };
    assert_ok(f, OPS(f)->log_range(f->store, 2, &after, 2, note_entry, &forward, &f->err));
    assert_int_equal(forward.count, 2);
    assert_string_equal(forward.types[1], "decision.1");
    assert_ok(f, OPS(f)->log_range(f->store, 2, &after, 100, note_entry, &rest, &f->err));
    assert_int_equal(rest.count, 3);
    assert_ok(f, OPS(f)->log_range_back(f->store, 2, INT64_MAX, 2, note_entry, &back, &f->err));
    assert_int_equal(back.count, 2);
    assert_string_equal(back.types[0], "decision.4");
    assert_string_equal(back.types[1], "decision.3");
    assert_ok(f, OPS(f)->log_range_back(f->store, 2, 1, 100, note_entry, &none, &f->err));
    assert_int_equal(none.count, 0);
}

static void a_position_or_partition_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *rows[] = { "", "x", "1", "1-", "-1", "1-x", "-1-1", "18446744073709551616-0", "+", "$", "0-0 " };
    struct seen_log seen = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log_position all[REDIS_PARTITIONS + 1], one;
        from_the_beginning(all);
        strcpy(all[3].text, rows[i]);
        strcpy(one.text, rows[i]);
        if (OPS(f)->log_read(f->store, all, 1, 0, note_entry, &seen, &f->err) != ERR_INPUT || OPS(f)->log_range(f->store, 0, &one, 1, note_entry, &seen, &f->err) != ERR_INPUT)
            fail_msg("position \"%s\": %s", rows[i], f->err.text);
    }
    struct log_position p = { "0-0" };
    assert_code(f, OPS(f)->log_range(f->store, REDIS_PARTITIONS + 1, &p, 1, note_entry, &seen, &f->err), ERR_INPUT, "no partition 17");
    assert_code(f, OPS(f)->log_end(f->store, 99, &p, &f->err), ERR_INPUT, "99");
}

static void an_entry_that_is_not_ours_is_handed_out_as_unreadable(void **state)
{
    struct fixture *f = *state;
    struct { const char *value; } rows[] = { { "" }, { "{" }, { "[]" }, { "{\"id\":1}" }, { "\xff\xfe" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CLI(f, "XADD", "pst:{ctl}:log", "*", "e", rows[i].value);
    CLI(f, "XADD", "pst:{ctl}:log", "*", "other", "field");
    assert_ok(f, put(f, RECORD_CONTROL, "policy", 0, "{}", 0));
    struct seen_log seen = read_all(f);
    assert_int_equal(seen.count, 7);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(seen.types[i], "log.unreadable");
    assert_string_equal(seen.types[6], "result.changed");
}

/* ---- trimming ---- */

static void trimming_stops_at_the_oldest_reader_and_older_positions_are_gone(void **state)
{
    struct fixture *f = *state;
    unsigned p = partition(f, RECORD_DEVICE, "d_1");
    struct log_position start = { "0-0" }, old, cursor;
    struct seen_log seen = { .stop_after = 1 }, third = { .stop_after = 3 };
    int64_t fence = 0;
    for (int i = 0; i < 6; i++)
        assert_ok(f, put(f, RECORD_DEVICE, "d_1", i, "{}", 0));
    old = start;
    assert_ok(f, OPS(f)->log_range(f->store, p, &old, 1, note_entry, &seen, &f->err));
    cursor = start;
    assert_ok(f, OPS(f)->log_range(f->store, p, &cursor, 3, note_entry, &third, &f->err));
    assert_ok(f, OPS(f)->lease(f->store, TEXT("slack"), p, TEXT("n1"), 60000, &fence, &start, &f->err));
    assert_ok(f, OPS(f)->trim(f->store, INT64_MAX / 4, 0, &f->err));
    assert_int_equal(read_all(f).count, 6); /* slack has read nothing yet */
    assert_ok(f, OPS(f)->advance(f->store, TEXT("slack"), p, fence, &cursor, NULL, 0, &f->err));
    assert_ok(f, OPS(f)->trim(f->store, INT64_MAX / 4, 0, &f->err));
    assert_int_equal(read_all(f).count, 4); /* the beginning is the beginning of what is left; the entry at the cursor stays */
    assert_code(f, OPS(f)->log_range(f->store, p, &old, 10, note_entry, &seen, &f->err), ERR_GONE, old.text);
    struct log_position all[REDIS_PARTITIONS + 1];
    from_the_beginning(all)[p] = old;
    assert_code(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err), ERR_GONE, old.text);
    from_the_beginning(all)[p] = cursor;
    struct seen_log rest = { 0 };
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &rest, &f->err));
    assert_int_equal(rest.count, 3);
}

static void a_reader_at_the_very_end_of_an_emptied_log_goes_on(void **state)
{
    struct fixture *f = *state;
    struct log_position all[REDIS_PARTITIONS + 1];
    struct seen_log seen = { 0 };
    from_the_beginning(all);
    assert_ok(f, put(f, RECORD_CONTROL, "policy", 0, "{}", 0));
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err));
    assert_ok(f, OPS(f)->trim(f->store, INT64_MAX / 4, 0, &f->err));
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err));
    assert_ok(f, put(f, RECORD_CONTROL, "policy", 1, "{}", 0));
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err));
    assert_int_equal(seen.count, 2);
}

static void trimming_keeps_what_is_young(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_CONTROL, "policy", 0, "{}", 0));
    assert_ok(f, OPS(f)->trim(f->store, (int64_t)time(NULL) * 1000, 3600 * 1000, &f->err));
    assert_int_equal(read_all(f).count, 1);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, store_fixture_begin, store_fixture_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SERVER(reading_goes_on_where_it_stopped),
        ON_SERVER(a_waiting_reader_is_woken_by_a_commit),
        ON_SERVER(a_wait_that_ends_empty_is_fine),
        ON_SERVER(one_partition_is_read_forward_and_back),
        ON_SERVER(a_position_or_partition_that_cannot_be_is_refused),
        ON_SERVER(an_entry_that_is_not_ours_is_handed_out_as_unreadable),
        ON_SERVER(trimming_stops_at_the_oldest_reader_and_older_positions_are_gone),
        ON_SERVER(a_reader_at_the_very_end_of_an_emptied_log_goes_on),
        ON_SERVER(trimming_keeps_what_is_young),
    };
    signal(SIGPIPE, SIG_IGN); /* as the gateway does: this hiredis writes to sockets that are gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
