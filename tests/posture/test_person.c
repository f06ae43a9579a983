#include "posture/person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char FULL[] =
    "{\"id\":\"p_1\",\"name\":\"Ana Ruiz\",\"slack\":\"U1\",\"zone\":\"Europe/Madrid\",\"region\":\"ES\",\"locale\":\"es\",\"created_s\":5,\"removed\":true,\"nudge_day\":20261124,"
    "\"nudge_s\":1700,\"work_days\":79,\"work_from\":540,\"work_to\":1020,\"write_at\":811,\"emails\":[\"ana@acme.example\",\"a.ruiz@acme.example\"],\"aliases\":[\"00u1\"],\"groups\":[\"finance\"],"
    "\"absences\":[{\"from_s\":10,\"to_s\":20,\"source\":\"calendar\"},{\"from_s\":30}],"
    "\"told\":[{\"device\":\"d_1\",\"check\":\"disk\",\"count\":2,\"last_s\":200,\"passed_s\":300,\"used_s\":70,\"resumed_s\":250,\"flapped_s\":9,\"at_s\":[100,200]}],"
    "\"mended\":[{\"device\":\"d_1\",\"check\":\"fire\",\"passed_s\":90,\"used_s\":80,\"failed_s\":95}],"
    "\"disputes\":[{\"id\":\"e_1\",\"device\":\"d_1\",\"check\":\"disk\",\"text\":\"It is on\",\"from_s\":40,\"to_s\":50,\"answer\":\"So\",\"by\":\"admin:x\","
    "\"answered_s\":60,\"evidence\":\"{}\",\"outcome\":\"rejected\"}],"
    "\"snoozes\":[{\"device\":\"d_1\",\"check\":\"disk\",\"from_s\":40,\"to_s\":50}],"
    "\"passes\":[{\"id\":\"e_3\",\"device\":\"d_1\",\"app\":\"pay\",\"check\":\"disk\",\"reason\":\"run\",\"policy\":\"ab\",\"from_s\":40,\"to_s\":50}],"
    "\"asks\":[{\"id\":\"e_4\",\"text\":\"How\",\"at_s\":70}],"
    "\"reminded\":[{\"exemption\":\"e_5\",\"at_s\":80}],"
    "\"notice\":{\"id\":\"e_2\",\"reserved_s\":1700,\"settled_s\":1701,\"local_day\":20261124,\"channel\":\"slack\",\"sends\":2,\"conversation\":\"D1\",\"message\":\"1.2\",\"why\":\"x\","
    "\"state\":\"delivered\",\"items\":[{\"device\":\"d_1\",\"check\":\"disk\",\"deadline_s\":9000}],\"reminders\":[{\"exemption\":\"e_6\",\"at_s\":9100}]}}";

static struct person *read_person(const char *body)
{
    struct person *p = NULL;
    struct err err = { OK, "" };
    if (person_from_json(span_of(body), 7, &p, &err) != OK)
        fail_msg("%s", err.text);
    return p;
}

static void assert_written(const struct person *p, const char *expected)
{
    struct buf out;
    struct to_json w;
    buf_init(&out, PERSON_BODY_BYTES);
    to_json_init(&w, &out);
    person_to_json(p, &w);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void a_record_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct person *p = read_person(FULL);
    assert_int_equal(p->version, 7);
    assert_int_equal(p->notice.state, NOTICE_DELIVERED);
    assert_int_equal(p->absences[1].time.to_s, 0);
    assert_written(p, FULL);
    person_free(p);
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    struct person *p = read_person(FULL), *copy = person_copy(p);
    assert_non_null(copy);
    assert_int_equal(copy->version, 7);
    assert_true(person_add_told(copy, SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"), 300));
    assert_int_equal(person_told(p, SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"))->count, 2);
    assert_written(p, FULL);
    person_free(p);
    assert_int_equal(person_told(copy, SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"))->count, 3);
    assert_true(person_has_email(copy, SPAN_LITERAL("ANA@acme.example")));
    person_free(copy);
}

static void an_exemption_is_announced_once_and_the_oldest_makes_room(void **state)
{
    (void)state;
    struct person *p = read_person(FULL), *copy = person_copy(p);
    assert_true(person_was_reminded(copy, SPAN_LITERAL("e_5")));
    for (int i = 0; i < PERSON_MAX_REMINDED; i++) {
        char id[16];
        snprintf(id, sizeof id, "e_n%d", i);
        assert_true(person_note_reminded(copy, span_of(id), 90 + i));
        assert_true(person_note_reminded(copy, span_of(id), 200));
    }
    assert_int_equal(copy->reminded_count, PERSON_MAX_REMINDED);
    assert_false(person_was_reminded(copy, SPAN_LITERAL("e_5")));
    assert_int_equal(copy->reminded[0].at_s, 90);
    assert_true(person_was_reminded(p, SPAN_LITERAL("e_5")));
    person_free(copy);
    person_free(p);
}

static void bad_bodies_are_refused(void **state)
{
    static const struct { const char *name, *body, *says; } rows[] = {
        { "empty", "", "is empty" },
        { "cut short", "{\"id\":\"p_1\",\"emails\":[\"a", "person record: line 1" },
        { "not an object", "[]", "must be an object" },
        { "without an id", "{\"name\":\"x\"}", "id is missing" },
        { "a number for a text", "{\"id\":\"p_1\",\"name\":7}", "name: must be text" },
        { "a text for a time", "{\"id\":\"p_1\",\"created_s\":\"5\"}", "created_s: must be a whole number" },
        { "a time before 1970", "{\"id\":\"p_1\",\"created_s\":-1}", "created_s: must be between" },
        { "a time past the year 9999", "{\"id\":\"p_1\",\"absences\":[{\"from_s\":9223372036854775807}]}", "absences[0].from_s: must be between" },
        { "a text for a list", "{\"id\":\"p_1\",\"groups\":\"x\"}", "groups: must be an array" },
        { "a mail that is a number", "{\"id\":\"p_1\",\"emails\":[1]}", "emails[0]: must be text" },
        { "fewer times than its count", "{\"id\":\"p_1\",\"told\":[{\"device\":\"d\",\"check\":\"c\",\"count\":2,\"at_s\":[1]}]}", "as many times" },
        { "times that descend", "{\"id\":\"p_1\",\"told\":[{\"device\":\"d\",\"check\":\"c\",\"count\":2,\"at_s\":[2,1]}]}", "told[0].at_s[1]" },
        { "no state of a notice", "{\"id\":\"p_1\",\"notice\":{\"id\":\"e\",\"state\":\"lost\"}}", "notice.state: is no state" },
        { "twice the same member", "{\"id\":\"p_1\",\"id\":\"p_2\"}", "duplicate" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct person *p = NULL;
        struct err err = { OK, "" };
        enum err_code code = person_from_json(span_of(rows[i].body), 1, &p, &err);
        if (code == OK || p != NULL || strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: code %d, \"%s\"", rows[i].name, (int)code, err.text);
    }
}

static void lists_have_a_longest(void **state)
{
    (void)state;
    for (size_t count = PERSON_MAX_GROUPS; count <= PERSON_MAX_GROUPS + 1; count++) {
        struct buf body;
        struct err err;
        struct person *p = NULL;
        buf_init(&body, PERSON_BODY_BYTES);
        buf_append_text(&body, "{\"id\":\"p_1\",\"groups\":[");
        for (size_t i = 0; i < count; i++)
            buf_format(&body, "%s\"g%zu\"", i > 0 ? "," : "", i);
        buf_append_text(&body, "]}");
        enum err_code code = person_from_json(buf_span(&body), 1, &p, &err);
        assert_int_equal(code, count <= PERSON_MAX_GROUPS ? OK : ERR_INPUT);
        person_free(p);
        buf_done(&body);
    }
}

static void what_a_newer_version_wrote_is_skipped(void **state)
{
    (void)state;
    struct person *p = read_person("{\"id\":\"p_1\",\"mood\":{\"deep\":[1,2]},\"slack\":null}");
    assert_written(p, "{\"id\":\"p_1\"}");
    person_free(p);
}

static void everyone_is_a_group_of_all(void **state)
{
    (void)state;
    struct person *p = read_person(FULL);
    assert_true(person_in_group(p, SPAN_LITERAL("everyone")));
    assert_true(person_in_group(p, SPAN_LITERAL("finance")));
    assert_false(person_in_group(p, SPAN_LITERAL("Finance")));
    person_free(p);
}

static void deliveries_are_kept_in_order_and_counted_past_the_kept(void **state)
{
    (void)state;
    struct person *p = person_new();
    struct span device = SPAN_LITERAL("d_1"), check = SPAN_LITERAL("disk");
    static const int64_t order[] = { 50, 10, 30, 20, 40, 60, 70, 90, 80, 100 };
    for (size_t i = 0; i < COUNT(order); i++)
        assert_true(person_add_told(p, device, check, order[i]));
    const struct told *told = person_told(p, device, check);
    assert_int_equal(told->count, COUNT(order));
    assert_int_equal(told->last_s, 100);
    for (size_t i = 0; i < TOLD_TIMES; i++)
        assert_int_equal(told->at_s[i], (int64_t)(i + 1) * 10);
    person_free(p);
}

static void telling_is_bounded_and_forgotten_by_device_or_check(void **state)
{
    char name[32];
    (void)state;
    struct person *p = person_new();
    for (unsigned i = 0; i < PERSON_MAX_TOLD; i++) {
        snprintf(name, sizeof name, "check-%u", i);
        assert_true(person_add_told(p, i % 2 ? SPAN_LITERAL("d_odd") : SPAN_LITERAL("d_even"), span_of(name), 5));
    }
    assert_false(person_add_told(p, SPAN_LITERAL("d_odd"), SPAN_LITERAL("one-more"), 5));
    assert_true(person_add_told(p, SPAN_LITERAL("d_odd"), SPAN_LITERAL("check-1"), 6));
    person_forget_told(p, SPAN_LITERAL("d_odd"), SPAN_LITERAL("check-1"));
    assert_int_equal(p->told_count, PERSON_MAX_TOLD - 1);
    assert_null(person_told(p, SPAN_LITERAL("d_odd"), SPAN_LITERAL("check-1")));
    person_forget_told(p, SPAN_LITERAL("d_even"), SPAN_NONE);
    assert_int_equal(p->told_count, PERSON_MAX_TOLD / 2 - 1);
    assert_non_null(person_told(p, SPAN_LITERAL("d_odd"), SPAN_LITERAL("check-3")));
    person_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_written_as_it_was_read),
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(an_exemption_is_announced_once_and_the_oldest_makes_room),
        cmocka_unit_test(bad_bodies_are_refused),
        cmocka_unit_test(lists_have_a_longest),
        cmocka_unit_test(what_a_newer_version_wrote_is_skipped),
        cmocka_unit_test(everyone_is_a_group_of_all),
        cmocka_unit_test(deliveries_are_kept_in_order_and_counted_past_the_kept),
        cmocka_unit_test(telling_is_bounded_and_forgotten_by_device_or_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
