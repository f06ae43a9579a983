#include "posture/base/mailbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char letters[] = "abcdefghijklmnopqrstuvwxyz";

/* ---- without a loop ---- */

static void messages_come_in_order_and_first_ones_before_them(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(8, NULL, NULL, NULL);
    char seen[8] = "";
    assert_true(mailbox_send(m, &letters[0]));
    assert_true(mailbox_send(m, &letters[1]));
    assert_true(mailbox_send_first(m, &letters[2]));
    assert_true(mailbox_send_first(m, &letters[3])); /* not before the first of the first: nobody waits for ever */
    assert_int_equal(mailbox_count(m), 4);
    for (int i = 0; i < 4; i++)
        seen[i] = *(char *)mailbox_receive(m, 0);
    assert_string_equal(seen, "cdab");
    assert_null(mailbox_receive(m, 0));
    assert_null(mailbox_receive(m, 1));
    mailbox_free(m);
}

static void a_full_mailbox_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(20, NULL, NULL, NULL); /* past the ring's first room */
    for (int i = 0; i < 20; i++)
        assert_true(mailbox_send(m, &letters[i]));
    assert_false(mailbox_send(m, &letters[20]));
    assert_false(mailbox_send_first(m, &letters[20]));
    for (int i = 0; i < 20; i++)
        assert_ptr_equal(mailbox_receive(m, 0), &letters[i]);
    assert_true(mailbox_send(m, &letters[21])); /* there is room again */
    assert_ptr_equal(mailbox_receive(m, 0), &letters[21]);
    mailbox_free(m);
}

static void the_ring_turns_around_and_grows_in_between(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(1000, NULL, NULL, NULL);
    size_t in = 0, out = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 13; i++)
            assert_true(mailbox_send(m, &letters[in++ % 26]));
        for (int i = 0; i < 9; i++)
            assert_ptr_equal(mailbox_receive(m, 0), &letters[out++ % 26]);
    }
    while (out < in)
        assert_ptr_equal(mailbox_receive(m, 0), &letters[out++ % 26]);
    mailbox_free(m);
}

static void a_closed_mailbox_gives_what_it_has_and_then_nothing(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(4, NULL, NULL, NULL);
    assert_true(mailbox_send(m, &letters[0]));
    assert_false(mailbox_closed(m));
    mailbox_close(m);
    assert_true(mailbox_closed(m));
    assert_false(mailbox_send(m, &letters[1]));
    assert_ptr_equal(mailbox_receive(m, -1), &letters[0]);
    assert_null(mailbox_receive(m, -1));
    mailbox_free(m);
    mailbox_free(NULL);
}

enum { SENDERS = 4, EACH = 2000 };
struct traffic { struct mailbox *m; struct loop *loop; int numbers[SENDERS][EACH]; int next[SENDERS]; int got; };
struct sender { struct traffic *traffic; int which; };

static void *send_all(void *context)
{
    const struct sender *s = context;
    for (int i = 0; i < EACH; i++) {
        s->traffic->numbers[s->which][i] = i;
        while (!mailbox_send(s->traffic->m, &s->traffic->numbers[s->which][i]))
            sched_yield();
    }
    return NULL;
}

/* Messages of one sender keep their order. */
static void check_message(struct traffic *t, const int *message)
{
    int which = (int)((message - &t->numbers[0][0]) / EACH);
    assert_int_equal(*message, t->next[which]++);
    t->got++;
}

static void start_senders(struct traffic *t, pthread_t threads[SENDERS], struct sender senders[SENDERS])
{
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ t, i };
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
}

static void nothing_is_lost_between_threads(void **state)
{
    struct traffic *t = calloc(1, sizeof *t);
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    (void)state;
    t->m = mailbox_new(64, NULL, NULL, NULL);
    start_senders(t, threads, senders);
    while (t->got < SENDERS * EACH)
        check_message(t, mailbox_receive(t->m, -1));
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    mailbox_free(t->m);
    free(t);
}

/* ---- with a loop ---- */

static void receive(void *context, void *message)
{
    struct traffic *t = context;
    check_message(t, message);
    if (t->got == SENDERS * EACH)
        loop_stop(t->loop);
}

static void a_loop_hears_of_every_message(void **state)
{
    struct traffic *t = calloc(1, sizeof *t);
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    (void)state;
    assert_int_equal(loop_new(clock_system(), &t->loop, NULL), OK);
    t->m = mailbox_new(64, t->loop, receive, t);
    assert_non_null(t->m);
    start_senders(t, threads, senders);
    loop_run(t->loop);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(t->got, SENDERS * EACH);
    mailbox_free(t->m);
    loop_free(t->loop);
    free(t);
}

static void what_is_left_when_the_loop_has_ended_can_be_taken(void **state)
{
    struct loop *loop;
    (void)state;
    assert_int_equal(loop_new(clock_system(), &loop, NULL), OK);
    struct mailbox *m = mailbox_new(4, loop, receive, NULL);
    assert_true(mailbox_send(m, &letters[0]));
    mailbox_close(m);
    assert_ptr_equal(mailbox_receive(m, 0), &letters[0]);
    assert_null(mailbox_receive(m, 0));
    mailbox_free(m);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_order_and_first_ones_before_them),
        cmocka_unit_test(a_full_mailbox_refuses_and_keeps_what_it_has),
        cmocka_unit_test(the_ring_turns_around_and_grows_in_between),
        cmocka_unit_test(a_closed_mailbox_gives_what_it_has_and_then_nothing),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(a_loop_hears_of_every_message),
        cmocka_unit_test(what_is_left_when_the_loop_has_ended_can_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
