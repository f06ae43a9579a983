/* Levers: put in place of each other by kind and target, kept through a record, bounded. */
#include "posture/person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct lever lever(const char *kind, const char *target, bool wanted, enum lever_state state) { return (struct lever){ span_of(kind), span_of(target), wanted, state, 7 }; }

static struct person *made(void)
{
    struct person *p = person_new();
    p->id = SPAN_LITERAL("p_1");
    p->okta = SPAN_LITERAL("00uAna");
    const struct lever all[] = { lever("okta.add", "00gA", true, LEVER_DONE), lever("okta.remove", "00gA", true, LEVER_BEGUN), lever("okta.sessions", "d_1", false, LEVER_OFF) };
    for (size_t i = 0; i < 3; i++)
        assert_true(person_set_lever(p, &all[i]));
    return p;
}

static void kind_and_target_name_one_lever(void **state)
{
    struct person *p = made();
    const struct lever again = lever("okta.add", "00gA", false, LEVER_DONE);
    (void)state;
    assert_int_equal(p->lever_count, 3);
    assert_true(person_set_lever(p, &again));
    assert_int_equal(p->lever_count, 3);
    assert_false(person_lever(p, SPAN_LITERAL("okta.add"), SPAN_LITERAL("00gA"))->wanted);
    person_drop_lever(p, SPAN_LITERAL("okta.remove"), SPAN_LITERAL("00gA"));
    person_drop_lever(p, SPAN_LITERAL("okta.remove"), SPAN_LITERAL("00gNone"));
    assert_int_equal(p->lever_count, 2);
    assert_null(person_lever(p, SPAN_LITERAL("okta.remove"), SPAN_LITERAL("00gA")));
    person_free(p);
}

static void a_record_keeps_them(void **state)
{
    struct person *p = made(), *read = NULL;
    struct buf body;
    struct to_json w;
    struct err err;
    (void)state;
    buf_init(&body, PERSON_BODY_BYTES);
    to_json_init(&w, &body);
    person_to_json(p, &w);
    assert_int_equal(person_from_json(buf_span(&body), 3, &read, &err), OK);
    assert_true(span_equal_text(read->okta, "00uAna"));
    assert_int_equal(read->lever_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct lever *a = &p->levers[i], *b = &read->levers[i];
        assert_true(span_equal(a->kind, b->kind) && span_equal(a->target, b->target) && a->wanted == b->wanted && a->state == b->state && a->at_s == b->at_s);
    }
    person_free(read);
    buf_done(&body);
    person_free(p);
}

static void a_record_with_a_state_of_no_meaning_is_refused(void **state)
{
    struct person *p = NULL;
    struct err err;
    (void)state;
    assert_int_equal(person_from_json(SPAN_LITERAL("{\"id\":\"p_1\",\"levers\":[{\"kind\":\"okta.add\",\"target\":\"00g\",\"state\":4}]}"), 1, &p, &err), ERR_INPUT);
}

static void there_are_not_more_than_fit(void **state)
{
    struct person *p = person_new();
    char target[16];
    (void)state;
    for (int i = 0; i < PERSON_MAX_LEVERS; i++) {
        snprintf(target, sizeof target, "g%d", i);
        const struct lever l = lever("okta.add", target, true, LEVER_OFF);
        assert_true(person_set_lever(p, &l));
    }
    const struct lever more = lever("okta.add", "one more", true, LEVER_OFF), known = lever("okta.add", "g0", false, LEVER_DONE);
    assert_false(person_set_lever(p, &more));
    assert_true(person_set_lever(p, &known));
    assert_int_equal(p->lever_count, PERSON_MAX_LEVERS);
    person_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_and_target_name_one_lever),
        cmocka_unit_test(a_record_keeps_them),
        cmocka_unit_test(a_record_with_a_state_of_no_meaning_is_refused),
        cmocka_unit_test(there_are_not_more_than_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
