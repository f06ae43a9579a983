#include "posture/base/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

/* The loop sleeps in real time but counts by this clock, which moves a step each time it is looked at: timers fire in their order at once. */
struct story { struct clock clock; int64_t now_ms, step_ms; struct loop *loop; char seen[64]; };

static int64_t story_ms(const struct clock *c)
{
    struct story *s = c->context;
    return s->now_ms += s->step_ms;
}

static int start(void **state)
{
    struct story *s = calloc(1, sizeof *s);
    s->clock = (struct clock){ story_ms, story_ms, s };
    s->step_ms = 1000;
    assert_int_equal(loop_new(&s->clock, &s->loop, NULL), OK);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    struct story *s = *state;
    loop_free(s->loop);
    free(s);
    return 0;
}

struct mark { struct story *story; const char *text; int left; struct loop_timer *timer; };

static void note(void *context)
{
    struct mark *m = context;
    strcat(m->story->seen, m->text);
    if (--m->left == 0)
        loop_stop(m->story->loop);
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
    struct story *s = *state;
    struct mark a = { s, "a", 9, NULL }, b = { s, "b", 9, NULL }, c = { s, "c", 9, NULL }, d = { s, "d", 1, NULL };
    s->step_ms = 0;
    assert_non_null(loop_after(s->loop, 30, note, &c));
    assert_non_null(loop_after(s->loop, 10, note, &a));
    assert_non_null(loop_after(s->loop, 40, note, &d));
    assert_non_null(loop_after(s->loop, 20, note, &b));
    s->step_ms = 1000;
    loop_run(s->loop);
    assert_int_equal(loop_idle_ms(s->loop), 0); /* all were due at once */
    assert_string_equal(s->seen, "abcd");
}

static void it_says_how_long_it_waited(void **state)
{
    struct story *s = *state;
    struct mark last = { s, "x", 1, NULL };
    s->step_ms = 7;
    assert_non_null(loop_after(s->loop, 30, note, &last));
    loop_run(s->loop);
    assert_int_equal(loop_idle_ms(s->loop), 7); /* from one look at the clock to the next */
}

static void of_two_due_at_once_the_older_goes_first(void **state)
{
    struct story *s = *state;
    struct mark all[8];
    s->step_ms = 0;
    for (int i = 0; i < 8; i++) {
        static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
        all[i] = (struct mark){ s, names[i], i == 7 ? 1 : 9, NULL };
        assert_non_null(loop_after(s->loop, 5, note, &all[i]));
    }
    s->step_ms = 10;
    loop_run(s->loop);
    assert_string_equal(s->seen, "01234567");
}

static void a_period_repeats_until_cancelled(void **state)
{
    struct story *s = *state;
    struct mark often = { s, "x", 3, NULL };
    often.timer = loop_every(s->loop, 10, note, &often);
    assert_non_null(often.timer);
    loop_run(s->loop);
    assert_string_equal(s->seen, "xxx");
    loop_cancel(s->loop, often.timer);
    loop_cancel(s->loop, NULL);
    struct mark last = { s, "y", 1, NULL };
    assert_non_null(loop_after(s->loop, 100, note, &last));
    loop_run(s->loop);
    assert_string_equal(s->seen, "xxxy");
}

static void cancel_self(void *context)
{
    struct mark *m = context;
    loop_cancel(m->story->loop, m->timer);
    note(m);
}

static void a_timer_may_cancel_itself(void **state)
{
    struct story *s = *state;
    struct mark once = { s, "o", 2, NULL }, often = { s, "p", 2, NULL }, end = { s, "e", 1, NULL };
    once.timer = loop_after(s->loop, 1, cancel_self, &once);
    often.timer = loop_every(s->loop, 1, cancel_self, &often);
    assert_non_null(loop_after(s->loop, 5, note, &end));
    loop_run(s->loop);
    assert_string_equal(s->seen, "ope");
}

static void add_another(void *context)
{
    struct mark *m = context;
    note(m);
    if (m->left > 0)
        assert_non_null(loop_after(m->story->loop, 0, add_another, m));
}

static void a_timer_without_delay_does_not_keep_the_loop_from_its_descriptors(void **state)
{
    struct story *s = *state;
    struct mark again = { s, "n", 5, NULL };
    s->step_ms = 0; /* so that all of them are due at once */
    assert_non_null(loop_after(s->loop, 0, add_another, &again));
    loop_run(s->loop);
    assert_string_equal(s->seen, "nnnnn");
}

/* ---- many timers, in any order ---- */

struct many { struct story *story; int64_t due_ms, *last; int *left; };

static void note_due(void *context)
{
    struct many *m = context;
    assert_true(m->due_ms >= *m->last);
    *m->last = m->due_ms;
    if (--*m->left == 0)
        loop_stop(m->story->loop);
}

static void many_timers_keep_their_order_with_some_cancelled(void **state)
{
    enum { COUNT = 500 };
    struct story *s = *state;
    struct many all[COUNT];
    struct loop_timer *timers[COUNT];
    int64_t last = 0;
    int left = 0;
    s->step_ms = 0;
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct many){ s, (i * 7919) % 1009, &last, &left };
        timers[i] = loop_after(s->loop, all[i].due_ms, note_due, &all[i]);
        assert_non_null(timers[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            loop_cancel(s->loop, timers[i]);
        else
            left++;
    }
    s->step_ms = 1;
    loop_run(s->loop);
    assert_int_equal(left, 0);
}

/* ---- descriptors ---- */

struct pipe_end { struct story *story; int fd, other_fd; const char *text; bool stop; };

static void read_one(void *context, uint32_t events)
{
    struct pipe_end *p = context;
    char byte;
    assert_true((events & EPOLLIN) != 0);
    assert_int_equal(read(p->fd, &byte, 1), 1);
    strcat(p->story->seen, p->text);
    if (p->stop)
        loop_stop(p->story->loop);
}

static void a_readable_descriptor_is_told(void **state)
{
    struct story *s = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct pipe_end p = { s, ends[0], -1, "r", true };
    assert_int_equal(loop_watch(s->loop, ends[0], EPOLLIN, read_one, &p, NULL), OK);
    assert_int_equal(loop_watch(s->loop, ends[0], EPOLLIN, read_one, &p, NULL), ERR_IO); /* once only */
    assert_int_equal(loop_watch(s->loop, -1, EPOLLIN, read_one, &p, NULL), ERR_IO);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run(s->loop);
    assert_string_equal(s->seen, "r");
    loop_unwatch(s->loop, ends[0]);
    loop_unwatch(s->loop, ends[0]); /* nothing to do */
    loop_unwatch(s->loop, 100000);
    close(ends[0]);
    close(ends[1]);
}

/* Whichever of two comes first unwatches the other, closes it, and puts a new watch on the same number. */
struct pair { struct story *story; int ends[2][2]; int told, told_of_new; };

static void told_of_new(void *context, uint32_t events)
{
    struct pair *p = context;
    (void)events;
    p->told_of_new++;
}

static void replace_other(struct pair *p, int mine)
{
    int other = p->ends[1 - mine][0], fresh[2];
    p->told++;
    loop_unwatch(p->story->loop, other);
    close(other);
    assert_int_equal(pipe(fresh), 0);
    assert_int_equal(fresh[0], other); /* the lowest free number */
    assert_int_equal(loop_watch(p->story->loop, fresh[0], EPOLLIN, told_of_new, p, NULL), OK);
    close(fresh[1]);
    p->ends[1 - mine][0] = fresh[0];
    loop_stop(p->story->loop);
}

static void replace_first(void *context, uint32_t events) { (void)events, replace_other(context, 1); }
static void replace_second(void *context, uint32_t events) { (void)events, replace_other(context, 0); }

static void an_event_of_an_ended_watch_is_not_delivered_to_its_successor(void **state)
{
    struct pair p = { .story = *state };
    loop_fd_fn *const fns[] = { replace_second, replace_first };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(p.ends[i]), 0);
        assert_int_equal(write(p.ends[i][1], "x", 1), 1);
        assert_int_equal(loop_watch(p.story->loop, p.ends[i][0], EPOLLIN, fns[i], &p, NULL), OK);
    }
    loop_run(p.story->loop);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.told_of_new, 0);
    for (int i = 0; i < 2; i++) {
        loop_unwatch(p.story->loop, p.ends[i][0]);
        close(p.ends[i][0]);
        close(p.ends[i][1]);
    }
}

/* ---- sources and other threads ---- */

struct turns { struct story *story; int64_t timeout_ms; int runs, stop_at; };

static int64_t turn_timeout(void *context) { return ((struct turns *)context)->timeout_ms; }

static void turn_run(void *context)
{
    struct turns *t = context;
    if (++t->runs == t->stop_at)
        loop_stop(t->story->loop);
}

static void a_source_runs_each_turn_and_limits_the_sleep(void **state)
{
    struct story *s = *state;
    struct turns eager = { s, 0, 0, 5 }, patient = { s, -1, 0, 0 }, silent = { s, 0, 0, 0 };
    loop_add_source(s->loop, turn_timeout, turn_run, &patient);
    loop_add_source(s->loop, turn_timeout, turn_run, &eager);
    loop_add_source(s->loop, NULL, turn_run, &silent);
    loop_run(s->loop);
    assert_int_equal(eager.runs, 5);
    assert_int_equal(patient.runs, 5);
    loop_drop_source(s->loop, &patient);
    loop_drop_source(s->loop, &silent);
    eager.stop_at = 7;
    loop_run(s->loop);
    assert_int_equal(eager.runs, 7);
    assert_int_equal(patient.runs, 5);
}

struct waker { struct loop *loop; atomic_int turns; };

static void count_turn(void *context) { atomic_fetch_add(&((struct waker *)context)->turns, 1); }

/* Each wake must make the sleeping loop turn, or this waits for ever. */
static void *wake_and_stop(void *context)
{
    struct waker *w = context;
    for (int i = 0; i < 100; i++) {
        int before = atomic_load(&w->turns);
        loop_wake(w->loop);
        while (atomic_load(&w->turns) == before)
            sched_yield();
    }
    loop_stop(w->loop);
    return NULL;
}

static void another_thread_wakes_and_stops_it(void **state)
{
    struct waker w = { ((struct story *)*state)->loop, 0 };
    pthread_t thread;
    loop_add_source(w.loop, NULL, count_turn, &w);
    assert_int_equal(pthread_create(&thread, NULL, wake_and_stop, &w), 0);
    loop_run(w.loop);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&w.turns) >= 100);
}

/* Waits on an epoll of its own that the loop's descriptor is in, and is busy until it has been asked often enough. */
struct waiting { int epoll_fd, asked; struct story *story; };

static bool wait_for_all(void *context, int most_ms)
{
    struct waiting *w = context;
    struct epoll_event event;
    w->asked++;
    (void)epoll_wait(w->epoll_fd, &event, 1, w->asked < 3 ? 0 : most_ms);
    if (w->asked == 2)
        w->story->now_ms++; /* the clock goes on: the loop's own descriptors have their turn although the waiter is busy */
    return w->asked < 3;
}

static void a_source_may_wait_for_all(void **state)
{
    struct story *s = *state;
    struct waiting w = { .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .story = s };
    struct waker waker = { s->loop, 0 };
    struct epoll_event event = { .events = EPOLLIN };
    pthread_t thread;
    s->step_ms = 0;
    assert_false(loop_has_waiter(s->loop));
    assert_int_equal(epoll_ctl(w.epoll_fd, EPOLL_CTL_ADD, loop_fd(s->loop), &event), 0);
    loop_set_waiter(s->loop, wait_for_all, &w);
    assert_true(loop_has_waiter(s->loop));
    loop_add_source(s->loop, NULL, count_turn, &waker);
    assert_int_equal(pthread_create(&thread, NULL, wake_and_stop, &waker), 0);
    loop_run(s->loop);
    pthread_join(thread, NULL);
    assert_true(w.asked >= 3);
    loop_drop_source(s->loop, &waker);
    loop_set_waiter(s->loop, NULL, NULL);
    close(w.epoll_fd);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(timers_fire_in_the_order_of_their_times),
        WITH(it_says_how_long_it_waited),
        WITH(of_two_due_at_once_the_older_goes_first),
        WITH(a_period_repeats_until_cancelled),
        WITH(a_timer_may_cancel_itself),
        WITH(a_timer_without_delay_does_not_keep_the_loop_from_its_descriptors),
        WITH(many_timers_keep_their_order_with_some_cancelled),
        WITH(a_readable_descriptor_is_told),
        WITH(an_event_of_an_ended_watch_is_not_delivered_to_its_successor),
        WITH(a_source_runs_each_turn_and_limits_the_sleep),
        WITH(a_source_may_wait_for_all),
        WITH(another_thread_wakes_and_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
