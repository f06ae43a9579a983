#include "gateway/node.h"
#include "gateway/slow_lane.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct node node;

struct lane_test { struct slow_lane *lane; sem_t entered, gate; char order[64]; atomic_int runs, dones; struct loop *loop; int expected; };
struct test_job { struct slow_job job; struct lane_test *test; char letter; };

static void run_gated(struct slow_job *job, struct store *store)
{
    struct lane_test *t = ((struct test_job *)(void *)job)->test;
    (void)store;
    sem_post(&t->entered);
    sem_wait(&t->gate);
}

static void run_noting(struct slow_job *job, struct store *store)
{
    struct test_job *j = (struct test_job *)(void *)job;
    int at = atomic_fetch_add(&j->test->runs, 1);
    (void)store;
    if (at < 63)
        j->test->order[at] = j->letter;
}

static void done(struct slow_job *job)
{
    struct test_job *j = (struct test_job *)(void *)job;
    struct lane_test *t = j->test;
    free(j);
    if (atomic_fetch_add(&t->dones, 1) + 1 == t->expected && t->loop != NULL)
        loop_stop(t->loop);
}

static struct test_job *new_job(struct lane_test *t, void (*run)(struct slow_job *, struct store *), char letter, struct mailbox *reply)
{
    struct test_job *j = calloc(1, sizeof *j);
    *j = (struct test_job){ { .run = run, .done = done, .reply = reply }, t, letter };
    return j;
}

static void start(struct lane_test *t, unsigned threads, size_t queue)
{
    struct err err;
    memset((void *)t, 0, sizeof *t);
    sem_init(&t->entered, 0, 0);
    sem_init(&t->gate, 0, 0);
    assert_int_equal(slow_lane_new(&node, threads, queue, NULL, &t->lane, &err), OK);
}

static bool give(struct lane_test *t, struct test_job *j, bool urgent)
{
    bool sent = slow_lane_send(t->lane, &j->job, urgent);
    if (!sent)
        free(j); /* a refused job stays the sender's */
    return sent;
}

static void urgent_calls_go_first_and_a_stop_finishes_what_waits(void **state)
{
    struct lane_test t;
    (void)state;
    start(&t, 1, 16);
    assert_true(give(&t, new_job(&t, run_gated, '-', NULL), false));
    sem_wait(&t.entered);
    assert_true(give(&t, new_job(&t, run_noting, 'a', NULL), false));
    assert_true(give(&t, new_job(&t, run_noting, 'b', NULL), false));
    assert_true(give(&t, new_job(&t, run_noting, 'C', NULL), true));
    assert_true(give(&t, new_job(&t, run_noting, 'D', NULL), true));
    assert_int_equal(slow_lane_waiting(t.lane), 4);
    sem_post(&t.gate);
    slow_lane_stop(t.lane);
    assert_string_equal(t.order, "CDab");
    assert_int_equal(atomic_load(&t.dones), 5);
    assert_false(give(&t, new_job(&t, run_noting, 'x', NULL), true)); /* stopped */
    slow_lane_free(t.lane);
}

static void a_full_queue_refuses_agents_before_people(void **state)
{
    struct lane_test t;
    (void)state;
    start(&t, 1, 16);
    assert_true(give(&t, new_job(&t, run_gated, '-', NULL), false));
    sem_wait(&t.entered);
    for (int i = 0; i < 14; i++)
        assert_true(give(&t, new_job(&t, run_noting, 'a', NULL), false));
    assert_false(give(&t, new_job(&t, run_noting, 'a', NULL), false));
    assert_true(give(&t, new_job(&t, run_noting, 'P', NULL), true));
    assert_true(give(&t, new_job(&t, run_noting, 'P', NULL), true));
    assert_false(give(&t, new_job(&t, run_noting, 'P', NULL), true));
    sem_post(&t.gate);
    slow_lane_free(t.lane); /* stops it */
    assert_int_equal(atomic_load(&t.dones), 17);
}

static void answer(void *context, void *message)
{
    struct slow_job *job = message;
    (void)context;
    job->done(job);
}

/* The mailbox holds fewer than are sent: the lane waits for its reader, and nothing is lost. */
static void answers_come_to_the_loop_that_asked(void **state)
{
    enum { JOBS = 500 };
    struct lane_test t;
    (void)state;
    start(&t, 4, JOBS * 2);
    t.expected = JOBS;
    assert_int_equal(loop_new(clock_system(), &t.loop, NULL), OK);
    struct mailbox *reply = mailbox_new(8, t.loop, answer, NULL);
    for (int i = 0; i < JOBS; i++)
        assert_true(give(&t, new_job(&t, run_noting, 'a', reply), i % 2 == 0));
    loop_run(t.loop);
    assert_int_equal(atomic_load(&t.dones), JOBS);
    slow_lane_free(t.lane);
    mailbox_free(reply);
    loop_free(t.loop);
}

static void an_answer_nobody_waits_for_ends_where_it_was_made(void **state)
{
    struct lane_test t;
    (void)state;
    start(&t, 1, 8);
    struct mailbox *reply = mailbox_new(8, NULL, NULL, NULL);
    mailbox_close(reply);
    assert_true(give(&t, new_job(&t, run_noting, 'a', reply), false));
    slow_lane_free(t.lane);
    assert_int_equal(atomic_load(&t.dones), 1);
    mailbox_free(reply);
}

static enum err_code no_store(void *context, struct store **out, struct err *err)
{
    (void)context, (void)out;
    return err_set(err, ERR_UNAVAILABLE, "no store here");
}

static void a_store_that_does_not_open_is_named(void **state)
{
    struct store_factory factory = { NULL, no_store };
    struct slow_lane *lane = NULL;
    struct err err;
    (void)state;
    assert_int_equal(slow_lane_new(&node, 2, 8, &factory, &lane, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "no store here"));
    assert_null(lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_calls_go_first_and_a_stop_finishes_what_waits),
        cmocka_unit_test(a_full_queue_refuses_agents_before_people),
        cmocka_unit_test(answers_come_to_the_loop_that_asked),
        cmocka_unit_test(an_answer_nobody_waits_for_ends_where_it_was_made),
        cmocka_unit_test(a_store_that_does_not_open_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
