#include "posture/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char POLICY_BODY[] = "{\"version\":\"v\",\"by\":\"admin:root\",\"at\":1,\"text\":\"{\\\"policy\\\":\\\"acme\\\",\\\"sensitivities\\\":[\\\"everyday\\\"],\\\"nudges\\\":{\\\"zone\\\":\\\"Asia/Tokyo\\\"}}\"}";

struct world {
    struct clock clock;
    int64_t wall_ms, mono_ms;
    struct calendar *calendar;
    struct directory *directory;
};

static int64_t wall_of(const struct clock *c) { return ((const struct world *)c->context)->wall_ms; }
static int64_t mono_of(const struct clock *c) { return ((const struct world *)c->context)->mono_ms; }

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    w->clock = (struct clock){ wall_of, mono_of, w };
    w->wall_ms = 1780000000000;
    w->mono_ms = 5000;
    w->calendar = calendar_new("/usr/share/zoneinfo");
    w->directory = directory_new(&w->clock, w->calendar);
    directory_register_thread();
    *state = w;
    return w->directory == NULL;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    directory_unregister_thread();
    directory_free(w->directory);
    calendar_free(w->calendar);
    free(w);
    return 0;
}

static enum err_code apply(struct world *w, enum record_kind kind, const char *id, int64_t version, const char *body, struct err *err)
{
    struct log_entry entry = { .event = { .type = SPAN_LITERAL("x") }, .record = { kind, span_of(id), version, span_of(body) } };
    return directory_apply(w->directory, &entry, err);
}

static void put(struct world *w, enum record_kind kind, const char *id, int64_t version, const char *body)
{
    struct err err;
    if (apply(w, kind, id, version, body, &err) != OK)
        fail_msg("%s", err.text);
}

static void seen(struct world *w, const char *data)
{
    struct log_entry entry = { .event = { .type = SPAN_LITERAL("device.seen"), .data = span_of(data) } };
    struct err err;
    if (directory_apply(w->directory, &entry, &err) != OK)
        fail_msg("%s", err.text);
}

static const struct device *device(struct world *w, const char *id) { return directory_device(w->directory, span_of(id)); }
static const struct device *device_by(struct world *w, const char *kind, const char *value) { return directory_device_by(w->directory, span_of(kind), span_of(value)); }
static const struct person *person_by(struct world *w, const char *name) { return directory_person_by(w->directory, span_of(name)); }

static size_t owned(struct world *w, const char *person, size_t most)
{
    const struct device *found[4] = { NULL };
    size_t count = directory_devices_of(w->directory, span_of(person), found, most);
    for (size_t i = 0; i < count && i < most; i++)
        assert_true(span_equal_text(found[i]->owner, person));
    return count;
}

static void devices_are_found_by_id_and_identifier(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"owner\":\"p_1\",\"identifiers\":[[\"serial\",\"C02X\"],[\"uuid\",\"u-1\"]]}");
    directory_enter(w->directory);
    assert_ptr_equal(device_by(w, "serial", "C02X"), device(w, "d_1"));
    assert_ptr_equal(device_by(w, "uuid", "u-1"), device(w, "d_1"));
    assert_null(device_by(w, "uuid", "C02X"));
    assert_null(device(w, "d_2"));
    assert_null(directory_live(w->directory, SPAN_LITERAL("d_2")));
    assert_int_equal(owned(w, "p_1", 4), 1);
    directory_leave(w->directory);
}

static void a_newer_version_takes_its_indexes_along(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"owner\":\"p_1\",\"identifiers\":[[\"serial\",\"OLD\"],[\"uuid\",\"u\"]]}");
    put(w, RECORD_DEVICE, "d_1", 2, "{\"id\":\"d_1\",\"owner\":\"p_2\",\"identifiers\":[[\"serial\",\"NEW\"],[\"uuid\",\"u\"]]}");
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"owner\":\"p_1\",\"identifiers\":[[\"serial\",\"OLD\"]]}");
    directory_enter(w->directory);
    assert_null(device_by(w, "serial", "OLD"));
    assert_int_equal(device_by(w, "serial", "NEW")->version, 2);
    assert_non_null(device_by(w, "uuid", "u"));
    assert_int_equal(owned(w, "p_1", 4), 0);
    assert_int_equal(owned(w, "p_2", 4), 1);
    directory_leave(w->directory);
    assert_int_equal(directory_counts(w->directory).devices, 1);
}

static void an_identifier_of_two_devices_is_nobodys(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"identifiers\":[[\"uuid\",\"u\"]]}");
    put(w, RECORD_DEVICE, "d_2", 1, "{\"id\":\"d_2\",\"identifiers\":[[\"uuid\",\"u\"]]}");
    directory_enter(w->directory);
    assert_null(device_by(w, "uuid", "u"));
    directory_leave(w->directory);
    put(w, RECORD_DEVICE, "d_2", 2, "{\"id\":\"d_2\",\"removed\":true,\"identifiers\":[[\"uuid\",\"u\"]]}");
    directory_enter(w->directory);
    assert_ptr_equal(device_by(w, "uuid", "u"), device(w, "d_1"));
    directory_leave(w->directory);
}

static void a_removed_device_is_a_tombstone(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"owner\":\"p_1\",\"identifiers\":[[\"serial\",\"S\"]]}");
    put(w, RECORD_DEVICE, "d_1", 2, "{\"id\":\"d_1\",\"owner\":\"p_1\",\"removed\":true,\"identifiers\":[[\"serial\",\"S\"]]}");
    directory_enter(w->directory);
    assert_true(device(w, "d_1")->removed);
    assert_null(device_by(w, "serial", "S"));
    assert_int_equal(owned(w, "p_1", 4), 0);
    directory_leave(w->directory);
    assert_int_equal(directory_counts(w->directory).devices, 0);
}

static void persons_are_found_by_every_name(void **state)
{
    struct world *w = *state;
    put(w, RECORD_PERSON, "p_1", 1, "{\"id\":\"p_1\",\"slack\":\"U1\",\"emails\":[\"ana@acme.example\",\"old@acme.example\"],\"aliases\":[\"00u1\"]}");
    put(w, RECORD_PERSON, "p_2", 1, "{\"id\":\"p_2\",\"emails\":[\"ben@acme.example\"]}");
    directory_enter(w->directory);
    static const char *const names[] = { "p_1", "Ana@ACME.example", "old@acme.example", "00U1", "u1" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (person_by(w, names[i]) != directory_person(w->directory, SPAN_LITERAL("p_1")))
            fail_msg("%s", names[i]);
    assert_null(person_by(w, "nobody@acme.example"));
    assert_null(person_by(w, ""));
    directory_leave(w->directory);
    put(w, RECORD_PERSON, "p_1", 2, "{\"id\":\"p_1\",\"emails\":[\"ana@acme.example\"]}");
    put(w, RECORD_PERSON, "p_2", 2, "{\"id\":\"p_2\",\"removed\":true,\"emails\":[\"ben@acme.example\"]}");
    directory_enter(w->directory);
    assert_null(person_by(w, "old@acme.example"));
    assert_null(person_by(w, "ben@acme.example"));
    assert_null(person_by(w, "p_2"));
    assert_true(directory_person(w->directory, SPAN_LITERAL("p_2"))->removed);
    directory_leave(w->directory);
    assert_int_equal(directory_counts(w->directory).persons, 1);
    assert_int_equal(directory_counts(w->directory).unmapped, 1);
    put(w, RECORD_PERSON, "p_1", 3, "{\"id\":\"p_1\",\"slack\":\"U1\",\"emails\":[\"ana@acme.example\"]}");
    put(w, RECORD_PERSON, "p_3", 1, "{\"id\":\"p_3\"}");
    assert_int_equal(directory_counts(w->directory).unmapped, 1);
    put(w, RECORD_PERSON, "p_3", 2, "{\"id\":\"p_3\",\"removed\":true}");
    assert_int_equal(directory_counts(w->directory).unmapped, 0);
}

static void many_devices_of_one_person_are_counted_beyond_the_room(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 300; i++) {
        char id[16], body[128];
        snprintf(id, sizeof id, "d_%d", i);
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"owner\":\"p_1\",\"identifiers\":[[\"serial\",\"S%d\"]]}", id, i);
        put(w, RECORD_DEVICE, id, 1, body);
    }
    directory_enter(w->directory);
    assert_int_equal(owned(w, "p_1", 2), 300);
    assert_non_null(device_by(w, "serial", "S299"));
    directory_leave(w->directory);
    assert_int_equal(directory_counts(w->directory).devices, 300);
}

static bool count_three(void *context, const struct device *d)
{
    int *count = context;
    assert_true(d->id.bytes > 0);
    return ++*count < 3;
}

static void a_walk_ends_when_it_is_told_to(void **state)
{
    struct world *w = *state;
    int count = 0;
    for (int i = 0; i < 5; i++) {
        char id[16], body[64];
        snprintf(id, sizeof id, "d_%d", i);
        snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
        put(w, RECORD_DEVICE, id, 1, body);
    }
    directory_enter(w->directory);
    directory_each_device(w->directory, count_three, &count);
    directory_leave(w->directory);
    assert_int_equal(count, 3);
}

#define FAILING "{\"id\":\"d_1\",\"enrolled_s\":1,\"seen_s\":10000,\"results\":[[\"disk\",\"fail\",9000,9000,\"v\",\"\",0,9000],[\"os\",\"pass\",9000,9500,\"v\"]]}"

static void refreshes_raise_times_and_never_lower_them(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, FAILING);
    struct device_live *live = directory_live(w->directory, SPAN_LITERAL("d_1"));
    seen(w, "{\"seen\":[[\"d_1\",10100,{}],[\"d_none\",1,{}]]}");
    seen(w, "{\"seen\":[[\"d_1\",10050,{\"disk\":10050,\"os\":9400,\"gone\":5}]]}");
    directory_enter(w->directory);
    const struct device *d = device(w, "d_1");
    assert_int_equal(d->seen_s, 10100);
    assert_int_equal(d->version, 1);
    assert_int_equal(device_result(d, SPAN_LITERAL("disk"))->evaluated_s, 10050);
    assert_int_equal(device_result(d, SPAN_LITERAL("os"))->evaluated_s, 9000); /* of a verdict from before the present one */
    assert_ptr_equal(directory_live(w->directory, SPAN_LITERAL("d_1")), live);
    assert_int_equal(live->seen_s, 10100);
    directory_leave(w->directory);
}

static void times_of_a_refresh_are_read_in_both_forms(void **state)
{
    struct world *w = *state;
    static const struct { const char *name, *times; int64_t disk_s, os_s; } rows[] = {
        { "an object", "{\"disk\":10050,\"os\":9600}", 10050, 9600 },     { "groups", "9600:os;10050:disk,gone", 10050, 9600 },
        { "one group", "10050:disk,os", 10050, 10050 },                   { "of a verdict before this one", "9400:os", 9000, 9000 },
        { "none", "", 9000, 9000 },                                       { "a second alone", "10050", 9000, 9000 },
        { "no second", "1x:os;10050:disk", 10050, 9000 },                 { "beyond the year 9999", "253402300800:os;10050:disk", 10050, 9000 },
        { "beyond all numbers", "99999999999999999999:os", 9000, 9000 },  { "empty names", "10050:,,disk,;;:;1:;", 10050, 9000 },
        { "nothing but separators", "1;:,;:,", 9000, 9000 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[16], body[256];
        snprintf(id, sizeof id, "d_%zu", i);
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"enrolled_s\":1,\"seen_s\":10000,\"results\":[[\"disk\",\"fail\",9000,9000,\"v\",\"\",0,9000],[\"os\",\"pass\",9000,9500,\"v\"]]}", id);
        struct record record = { RECORD_DEVICE, span_of(id), 1, span_of(body) };
        struct refresh refresh = { record.id, 10100, span_of(rows[i].times) };
        CLEANUP(directory_room_done) struct directory_room room;
        struct directory_state device_state;
        struct err err;
        assert_true(directory_room_init(&room));
        if (directory_state_read(&record, &refresh, &room, &device_state, &err) != OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_int_equal(directory_state_put(w->directory, &device_state, &err), OK);
        directory_enter(w->directory);
        const struct device *d = device(w, id);
        if (device_result(d, SPAN_LITERAL("disk"))->evaluated_s != rows[i].disk_s || device_result(d, SPAN_LITERAL("os"))->evaluated_s != rows[i].os_s || d->seen_s != 10100)
            fail_msg("%s: %lld, %lld", rows[i].name, (long long)device_result(d, SPAN_LITERAL("disk"))->evaluated_s, (long long)device_result(d, SPAN_LITERAL("os"))->evaluated_s);
        directory_leave(w->directory);
    }
}

static void refreshes_open_gaps_only_after_silence(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, FAILING);
    seen(w, "{\"seen\":[[\"d_1\",10900,{}]]}");
    directory_enter(w->directory);
    assert_int_equal(device(w, "d_1")->on_count, 0);
    directory_leave(w->directory);
    seen(w, "{\"seen\":[[\"d_1\",20000,{}]]}");
    seen(w, "{\"seen\":[[\"d_1\",20010,{}]]}");
    directory_enter(w->directory);
    const struct device *d = device(w, "d_1");
    assert_int_equal(d->on_count, 2);
    assert_int_equal(d->on[0].to_s, 11800);
    assert_int_equal(d->on[1].from_s, 20000);
    assert_int_equal(d->seen_s, 20010);
    directory_leave(w->directory);
}

static void a_record_of_somebody_who_heard_less_loses_no_times(void **state)
{
    struct world *w = *state;
    put(w, RECORD_DEVICE, "d_1", 1, FAILING);
    seen(w, "{\"seen\":[[\"d_1\",20000,{\"disk\":20000}]]}");
    put(w, RECORD_DEVICE, "d_1", 2, "{\"id\":\"d_1\",\"name\":\"dover\",\"enrolled_s\":1,\"seen_s\":10000,\"results\":[[\"disk\",\"fail\",9000,9000,\"v\",\"\",0,9000],[\"os\",\"fail\",9600,9600,\"v\",\"\",0,9600]]}");
    directory_enter(w->directory);
    const struct device *d = device(w, "d_1");
    assert_int_equal(d->version, 2);
    assert_true(span_equal_text(d->name, "dover"));
    assert_int_equal(d->seen_s, 20000);
    assert_int_equal(d->on_count, 2);
    assert_int_equal(device_result(d, SPAN_LITERAL("disk"))->evaluated_s, 20000);
    assert_int_equal(device_result(d, SPAN_LITERAL("os"))->evaluated_s, 9600);
    directory_leave(w->directory);
    put(w, RECORD_DEVICE, "d_1", 3, "{\"id\":\"d_1\",\"enrolled_s\":2,\"seen_s\":15000}");
    directory_enter(w->directory);
    assert_int_equal(device(w, "d_1")->seen_s, 15000); /* set up anew */
    directory_leave(w->directory);
}

static void bad_entries_are_errors_and_change_nothing(void **state)
{
    struct world *w = *state;
    struct err err;
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"seen_s\":5}");
    assert_int_equal(apply(w, RECORD_DEVICE, "d_1", 2, "{\"id\":\"d_1\",\"results\":7}", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "d_1"));
    assert_int_equal(apply(w, RECORD_PERSON, "p_1", 2, "{", &err), ERR_INPUT);
    struct log_entry entry = { .event = { .type = SPAN_LITERAL("device.seen"), .data = SPAN_LITERAL("{\"seen\":[[7],[\"d_1\",9,{\"a\":\"x\"}],[\"d_1\",8,{}]]}") } };
    assert_int_equal(directory_apply(w->directory, &entry, &err), ERR_INPUT);
    entry.event = (struct event){ .type = SPAN_LITERAL("tomorrow.unknown"), .data = SPAN_LITERAL("{") };
    assert_int_equal(directory_apply(w->directory, &entry, &err), OK);
    directory_enter(w->directory);
    assert_int_equal(device(w, "d_1")->version, 1);
    assert_int_equal(device(w, "d_1")->seen_s, 8);
    directory_leave(w->directory);
}

static void control_records_come_together(void **state)
{
    struct world *w = *state;
    const struct control *c = directory_control(w->directory);
    assert_non_null(c);
    assert_null(c->policy);
    put(w, RECORD_CONTROL, "policy", 3, POLICY_BODY);
    put(w, RECORD_CONTROL, "api_keys", 4,
        "{\"keys\":[{\"id\":\"k1\",\"label\":\"siem\",\"secret_sha256\":\"ab\",\"scopes\":[\"events\",\"decide\",\"later\"],\"created_s\":1,\"expires_s\":9},{\"id\":\"k2\",\"scopes\":[],\"revoked\":true}]}");
    put(w, RECORD_CONTROL, "enroll_secrets", 5, "{\"secrets\":[{\"id\":\"s1\",\"sealed\":\"xx\",\"secret_sha256\":\"cd\",\"group\":\"lab\",\"person\":\"p_1\",\"created_s\":2}]}");
    put(w, RECORD_CONTROL, "clock", 6, "{\"pauses\":[{\"kind\":\"incident\",\"from\":50,\"to\":0},{\"kind\":\"store_outage\",\"from\":10,\"to\":20},{\"kind\":\"later\",\"from\":1,\"to\":2}],\"frozen\":true}");
    put(w, RECORD_CONTROL, "something_else", 1, "[]");
    directory_enter(w->directory);
    c = directory_control(w->directory);
    assert_true(span_equal_text(c->policy->name, "acme"));
    assert_int_equal(c->api_key_count, 2);
    assert_int_equal(c->api_keys[0].scopes, SCOPE_EVENTS | SCOPE_DECIDE);
    assert_true(c->api_keys[1].revoked);
    assert_int_equal(c->enroll_secret_count, 1);
    assert_true(span_equal_text(c->enroll_secrets[0].person, "p_1"));
    assert_int_equal(c->pause_count, 2);
    assert_int_equal(c->pauses[0].time.from_s, 10);
    assert_int_equal(c->pauses[1].kind, PAUSE_INCIDENT);
    assert_true(c->frozen);
    static const int64_t versions[] = { 3, 4, 5, 6 };
    for (size_t i = 0; i < COUNT(versions); i++)
        assert_int_equal(c->version[i], versions[i]);
    assert_int_equal(calendar_local(w->calendar, SPAN_LITERAL("Asia/Tokyo"), 0).minute, 9 * 60); /* prepared with the policy */
    directory_leave(w->directory);
}

static void a_bad_or_old_control_record_leaves_the_one_before(void **state)
{
    struct world *w = *state;
    struct err err;
    put(w, RECORD_CONTROL, "policy", 3, POLICY_BODY);
    const struct control *before = directory_control(w->directory);
    assert_int_equal(apply(w, RECORD_CONTROL, "policy", 4, "{\"text\":\"{\\\"policy\\\":7,\\\"apps\\\":9}\"}", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "record policy"));
    assert_int_equal(apply(w, RECORD_CONTROL, "api_keys", 4, "{\"keys\":[{\"id\":1}]}", &err), ERR_INPUT);
    assert_int_equal(apply(w, RECORD_CONTROL, "clock", 4, "{\"pauses\":7}", &err), ERR_INPUT);
    put(w, RECORD_CONTROL, "policy", 3, "{\"text\":\"\"}");
    assert_ptr_equal(directory_control(w->directory), before);
}

static void key_lists_are_written_as_they_were_read(void **state)
{
    static const char KEYS[] = "{\"keys\":[{\"id\":\"k1\",\"label\":\"siem\",\"secret_sha256\":\"ab\",\"created_s\":1,\"revoked\":true,\"scopes\":[\"decide\",\"events\"]}]}";
    static const char SECRETS[] = "{\"secrets\":[{\"id\":\"s1\",\"label\":\"lab\",\"sealed\":\"x\",\"secret_sha256\":\"cd\",\"group\":\"g\",\"person\":\"p\",\"created_s\":1,\"expires_s\":2,\"revoked\":true}]}";
    struct arena a;
    struct buf out;
    struct to_json w;
    struct err err;
    struct api_key keys[2];
    struct enroll_secret secrets[2];
    size_t count = 7;
    (void)state;
    arena_init(&a, 1024, 1024 * 1024);
    buf_init(&out, 4096);
    to_json_init(&w, &out);
    assert_int_equal(control_api_keys_from_json(SPAN_NONE, &a, keys, 2, &count, &err), OK);
    assert_int_equal(count, 0);
    assert_int_equal(control_api_keys_from_json(span_of(KEYS), &a, keys, 2, &count, &err), OK);
    control_api_keys_to_json(keys, count, &w);
    assert_string_equal(buf_text(&out), KEYS);
    buf_clear(&out);
    to_json_init(&w, &out);
    assert_int_equal(control_enroll_secrets_from_json(span_of(SECRETS), &a, secrets, 2, &count, &err), OK);
    control_enroll_secrets_to_json(secrets, count, &w);
    assert_string_equal(buf_text(&out), SECRETS);
    assert_int_equal(control_api_keys_from_json(span_of(KEYS), &a, keys, 0, &count, &err), ERR_LIMIT);
    arena_done(&a);
    buf_done(&out);
}

static void ladder_time_stands_still_while_the_store_is_silent(void **state)
{
    struct world *w = *state;
    int64_t start_s = w->wall_ms / 1000;
    w->mono_ms += 1499, w->wall_ms += 1499;
    assert_int_equal(directory_ladder_now_s(w->directory), start_s + 1);
    w->mono_ms += 1, w->wall_ms += 1;
    assert_int_equal(directory_age_ms(w->directory), 1500);
    assert_int_equal(directory_ladder_now_s(w->directory), start_s);
    directory_heard(w->directory);
    assert_int_equal(directory_age_ms(w->directory), 0);
    assert_int_equal(directory_ladder_now_s(w->directory), start_s + 1);
    w->mono_ms += 60000, w->wall_ms += 3600000; /* the wall clock was set meanwhile */
    assert_int_equal(directory_ladder_now_s(w->directory), start_s + 1);
    w->mono_ms -= 100000;
    assert_int_equal(directory_age_ms(w->directory), 0);
}

static void a_decision_gets_all_that_is_known(void **state)
{
    struct world *w = *state;
    const struct device *devices[2];
    struct decision_input in = { .door = DEVICE_UNPROVED };
    put(w, RECORD_CONTROL, "policy", 3, POLICY_BODY);
    put(w, RECORD_CONTROL, "clock", 1, "{\"frozen\":true,\"pauses\":[{\"kind\":\"incident\",\"from\":5}]}");
    put(w, RECORD_PERSON, "p_1", 1, "{\"id\":\"p_1\"}");
    put(w, RECORD_DEVICE, "d_1", 1, "{\"id\":\"d_1\",\"owner\":\"p_1\"}");
    w->mono_ms += 7000;
    directory_enter(w->directory);
    directory_decision_input(w->directory, directory_person(w->directory, SPAN_LITERAL("p_1")), 77, devices, 2, &in);
    assert_true(span_equal_text(in.policy->name, "acme"));
    assert_ptr_equal(in.calendar, w->calendar);
    assert_int_equal(in.device_count, 1);
    assert_ptr_equal(in.devices[0], device(w, "d_1"));
    assert_int_equal(in.pause_count, 1);
    assert_true(in.frozen);
    assert_int_equal(in.now_s, 77);
    assert_int_equal(in.store_age_s, 7);
    assert_int_equal(in.door, DEVICE_UNPROVED);
    directory_leave(w->directory);
    directory_set_complete(w->directory, true);
    assert_true(directory_counts(w->directory).complete);
}

/* ---- readers beside the writer ---- */

enum { READERS = 2, VERSIONS = 2000 };
struct readers { struct directory *directory; atomic_bool stop; atomic_int wrong; };

static void read_once(struct readers *r)
{
    const struct device *found[4];
    directory_enter(r->directory);
    const struct device *by_id = directory_device(r->directory, SPAN_LITERAL("d_1")), *by_serial = directory_device_by(r->directory, SPAN_LITERAL("serial"), SPAN_LITERAL("S"));
    size_t count = directory_devices_of(r->directory, SPAN_LITERAL("p_1"), found, 4);
    bool whole = by_id != NULL && by_serial != NULL && span_equal_text(by_id->id, "d_1") && by_id->result_count == 1 && span_equal_text(by_id->results[0].check, "disk");
    if (!whole || count > 1 || by_serial->version < 1)
        r->wrong++;
    directory_leave(r->directory);
}

static void *reader_thread(void *context)
{
    struct readers *r = context;
    directory_register_thread();
    while (!r->stop)
        read_once(r);
    directory_unregister_thread();
    return NULL;
}

static void readers_see_whole_versions_while_they_change(void **state)
{
    struct world *w = *state;
    struct readers r = { .directory = w->directory };
    pthread_t threads[READERS];
    for (int version = 1; version <= VERSIONS; version++) {
        char body[256], data[96];
        snprintf(body, sizeof body, "{\"id\":\"d_1\",\"owner\":\"p_%d\",\"seen_s\":%d,\"identifiers\":[[\"serial\",\"S\"],[\"uuid\",\"u%d\"]],\"results\":[[\"disk\",\"fail\",%d,1,\"\",\"\",0,1]]}", version % 2,
                 version * 10, version, version);
        put(w, RECORD_DEVICE, "d_1", version, body);
        snprintf(data, sizeof data, "{\"seen\":[[\"d_1\",%d,%s]]}", version * 10 + 5, version % 3 ? "{}" : "{\"disk\":999999}");
        seen(w, data);
        for (int i = 0; version == 1 && i < READERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, reader_thread, &r), 0);
    }
    r.stop = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_are_found_by_id_and_identifier, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_version_takes_its_indexes_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_identifier_of_two_devices_is_nobodys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_device_is_a_tombstone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(persons_are_found_by_every_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_devices_of_one_person_are_counted_beyond_the_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_ends_when_it_is_told_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refreshes_raise_times_and_never_lower_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_of_a_refresh_are_read_in_both_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refreshes_open_gaps_only_after_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_of_somebody_who_heard_less_loses_no_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_entries_are_errors_and_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(control_records_come_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_or_old_control_record_leaves_the_one_before, set_up, tear_down),
        cmocka_unit_test(key_lists_are_written_as_they_were_read),
        cmocka_unit_test_setup_teardown(ladder_time_stands_still_while_the_store_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_decision_gets_all_that_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_see_whole_versions_while_they_change, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
