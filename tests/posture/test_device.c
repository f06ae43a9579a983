#include "posture/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char FULL[] =
    "{\"platform\":\"macos\",\"id\":\"d_1\",\"name\":\"dover\",\"model\":\"Mac14,2\",\"vendor\":\"Apple Inc.\",\"os_name\":\"macOS\",\"os_version\":\"15.5\",\"agent_version\":\"5.23.1\","
    "\"serial\":\"C02X\",\"virtual\":true,\"owner\":\"p_1\",\"owner_source\":\"import\",\"owner_since_s\":3,\"group\":\"staff\",\"enrolled_s\":1,\"first_seen_s\":2,\"node_key\":4,"
    "\"duplicate_of\":\"d_0\",\"removed\":true,\"recheck_s\":60,\"seen_s\":5000,\"rung\":\"warn\",\"rung_s\":70,"
    "\"identifiers\":[[\"serial\",\"C02X\",\"osquery\",1],[\"uuid\",\"u\"]],"
    "\"credentials\":[[\"cookie\",\"c_1\",\"p_1\",100,200,\"192.0.2.7\",\"Firefox\"],[\"webauthn\",\"AQID\",\"p_1\",300,0,\"\",\"\",\"pQEC\",9,true,true]],"
    "\"recheck_checks\":[\"disk\"],"
    "\"results\":[[\"disk\",\"fail\",100,90,\"a1b2c3d4\",\"0123456789ab\",0,90,95,800,2,\"/ is open\"],[\"os\",\"pass\",100,50,\"a1b2c3d4\",\"0123456789ab\",100],"
    "[\"swap\",\"unknown\",100,100,\"\",\"\",0,0,0,0,0,\"\",\"no such table\"]],"
    "\"on\":[[90,1000],[4000]],"
    "\"facts\":[[\"check:disk\",\"[{\\\"encrypted\\\":\\\"0\\\"}]\",\"osquery\",\"a1b2c3d4\",100],[\"backup_age\",\"1.50\",\"api:k\",\"\",100,900]]}";

static struct device *read_device(const char *body, bool with_facts)
{
    struct device *d = NULL;
    struct err err = { OK, "" };
    if (device_from_json(span_of(body), 7, with_facts, &d, &err) != OK)
        fail_msg("%s", err.text);
    return d;
}

static void assert_written(const struct device *d, const char *expected)
{
    struct buf out;
    struct to_json w;
    buf_init(&out, DEVICE_BODY_BYTES);
    to_json_init(&w, &out);
    device_to_json(d, &w);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void a_record_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct device *d = read_device(FULL, true), *copy = device_copy(d);
    assert_int_equal(d->version, 7);
    assert_int_equal(d->platform, PLATFORM_MACOS);
    assert_written(d, FULL);
    device_free(d);
    assert_written(copy, FULL);
    device_free(copy);
}

static void one_is_read_into_the_room_of_another(void **state)
{
    (void)state;
    enum { RESULTS = 300 };
    static const char small[] = "{\"platform\":\"linux\",\"id\":\"d_2\"}";
    CLEANUP(device_freep) struct device *room = device_new();
    CLEANUP(buf_done) struct buf large;
    struct err err = { OK, "" };
    buf_init(&large, DEVICE_BODY_BYTES);
    buf_append_text(&large, "{\"platform\":\"unknown\",\"id\":\"d_3\",\"results\":[");
    for (int i = 0; i < RESULTS; i++)
        buf_format(&large, "%s[\"check-%03d\",\"pass\",%d]", i > 0 ? "," : "", i, 100 + i);
    buf_append_text(&large, "]}");
    char full[sizeof FULL] = "";
    size_t facts_at = span_search(span_of(FULL), SPAN_LITERAL(",\"facts\":"));
    memcpy(full, FULL, facts_at);
    full[facts_at] = '}';
    const struct { const char *body, *written; } rows[] = { { FULL, full }, { small, small }, { "{\"id\":", NULL }, { buf_text(&large), buf_text(&large) }, { "{\"results\":[[\"a\",\"nonsense\"]]}", NULL }, { FULL, full } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum err_code code = device_from_json_into(span_of(rows[i].body), (int64_t)i + 1, room, &err);
        assert_int_equal(code == OK, rows[i].written != NULL);
        if (code != OK)
            continue;
        assert_int_equal(room->version, i + 1);
        assert_written(room, rows[i].written);
    }
}

static void the_directory_leaves_facts_out(void **state)
{
    (void)state;
    struct device *d = read_device(FULL, false);
    assert_int_equal(d->fact_count, 0);
    assert_int_equal(d->result_count, 3);
    device_free(d);
}

static void things_are_found_by_name(void **state)
{
    (void)state;
    struct device *d = read_device(FULL, true);
    assert_int_equal(device_result(d, SPAN_LITERAL("swap"))->verdict, VERDICT_UNKNOWN);
    assert_int_equal(device_result(d, SPAN_LITERAL("disk"))->fail_reads, 2);
    assert_null(device_result(d, SPAN_LITERAL("dis")));
    assert_int_equal(device_fact(d, SPAN_LITERAL("backup_age"))->expires_s, 900);
    assert_null(device_fact(d, SPAN_LITERAL("check:os")));
    assert_true(span_equal_text(device_identifier(d, SPAN_LITERAL("serial"))->value, "C02X"));
    assert_null(device_identifier(d, SPAN_LITERAL("certificate")));
    device_free(d);
}

static void bad_bodies_are_refused(void **state)
{
    static const struct { const char *name, *body, *says; } rows[] = {
        { "empty", "", "is empty" },
        { "cut short", "{\"id\":\"d_1\",\"results\":[[", "device record: line 1" },
        { "not an object", "7", "must be an object" },
        { "without an id", "{}", "id is missing" },
        { "a row that is an object", "{\"id\":\"d\",\"results\":[{}]}", "results[0]: must be an array" },
        { "an empty row", "{\"id\":\"d\",\"results\":[[]]}", "results[0]" },
        { "no verdict", "{\"id\":\"d\",\"results\":[[\"disk\",\"maybe\"]]}", "its verdict is not known" },
        { "a text for a time in a row", "{\"id\":\"d\",\"results\":[[\"disk\",\"fail\",\"1\"]]}", "results[0][2]: must be a whole number" },
        { "results that descend", "{\"id\":\"d\",\"results\":[[\"b\",\"fail\"],[\"a\",\"fail\"]]}", "must ascend by check" },
        { "a result twice", "{\"id\":\"d\",\"results\":[[\"a\",\"fail\"],[\"a\",\"fail\"]]}", "must ascend by check" },
        { "a stretch that ends before it begins", "{\"id\":\"d\",\"on\":[[10,5]]}", "must ascend" },
        { "two open stretches", "{\"id\":\"d\",\"on\":[[10],[20]]}", "must ascend" },
        { "stretches that overlap", "{\"id\":\"d\",\"on\":[[10,30],[20]]}", "must ascend" },
        { "a doubt without an end", "{\"id\":\"d\",\"doubts\":[[\"a\",10]]}", "must be stretches that end" },
        { "a doubt of no check", "{\"id\":\"d\",\"doubts\":[[\"\",10,20]]}", "must be stretches that end" },
        { "doubts that overlap", "{\"id\":\"d\",\"doubts\":[[\"a\",10,20],[\"a\",15,30]]}", "ascending by check and time" },
        { "doubts of checks that descend", "{\"id\":\"d\",\"doubts\":[[\"b\",10,20],[\"a\",15,30]]}", "ascending by check and time" },
        { "a negative time", "{\"id\":\"d\",\"seen_s\":-5}", "seen_s: must be between" },
        { "a real number", "{\"id\":\"d\",\"seen_s\":1.5}", "seen_s: must be a whole number" },
        { "deep nesting", "{\"id\":\"d\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]}", "nested more than" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct device *d = NULL;
        struct err err = { OK, "" };
        enum err_code code = device_from_json(span_of(rows[i].body), 1, true, &d, &err);
        if (code == OK || d != NULL || strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: code %d, \"%s\"", rows[i].name, (int)code, err.text);
    }
}

static void lists_have_a_longest(void **state)
{
    (void)state;
    for (size_t count = DEVICE_MAX_IDENTIFIERS; count <= DEVICE_MAX_IDENTIFIERS + 1; count++) {
        struct buf body;
        struct err err;
        struct device *d = NULL;
        buf_init(&body, DEVICE_BODY_BYTES);
        buf_append_text(&body, "{\"id\":\"d_1\",\"identifiers\":[");
        for (size_t i = 0; i < count; i++)
            buf_format(&body, "%s[\"serial\",\"S%zu\"]", i > 0 ? "," : "", i);
        buf_append_text(&body, "]}");
        assert_int_equal(device_from_json(buf_span(&body), 1, true, &d, &err), count <= DEVICE_MAX_IDENTIFIERS ? OK : ERR_INPUT);
        device_free(d);
        buf_done(&body);
    }
}

static void what_a_newer_version_wrote_is_skipped(void **state)
{
    (void)state;
    struct device *d = read_device("{\"id\":\"d\",\"platform\":\"beos\",\"colour\":[1],\"results\":[[\"a\",\"pass\",1,1,\"\",\"\",1,0,0,0,0,\"\",\"\",\"\",0,\"\",\"later\"]]}", true);
    assert_int_equal(d->platform, PLATFORM_UNKNOWN);
    assert_written(d, "{\"platform\":\"unknown\",\"id\":\"d\",\"results\":[[\"a\",\"pass\",1,1,\"\",\"\",1]]}");
    device_free(d);
}

static void names_are_those_of_the_field(void **state)
{
    (void)state;
    enum verdict v;
    assert_int_equal(platform_from(SPAN_LITERAL("darwin")), PLATFORM_MACOS);
    for (int p = 0; p < PLATFORM_COUNT; p++)
        assert_int_equal(platform_from(span_of(platform_name((enum platform)p))), p);
    for (int i = VERDICT_UNKNOWN; i <= VERDICT_IN_PROGRESS; i++) {
        assert_true(verdict_from(span_of(verdict_name((enum verdict)i)), &v));
        assert_int_equal(v, i);
    }
    assert_false(verdict_from(SPAN_LITERAL("passed"), &v));
}

static void identifiers_are_made_comparable(void **state)
{
    static const struct { const char *kind, *raw, *value; } rows[] = {
        { "serial", " c02xk1 \n", "C02XK1" },
        { "serial", "VMware-56 4d 0a", "VMWARE-56 4D 0A" },
        { "serial", "", NULL },
        { "serial", "0", NULL },
        { "serial", "000000", NULL },
        { "serial", "xxxxxxxx", NULL },
        { "serial", "None", NULL },
        { "serial", "System Serial Number", NULL },
        { "serial", "To be filled by O.E.M.", NULL },
        { "serial", "Default string", NULL },
        { "serial", "Not Specified", NULL },
        { "serial", "C02\x01X", NULL },
        { "serial", "S\xc3\xa9rie", NULL },
        { "serial", "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567X", "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567X" },
        { "serial", "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567XY", NULL },
        { "uuid", "4C4C4544-0044-3010-8052-B4C04F565931", "4c4c4544-0044-3010-8052-b4c04f565931" },
        { "uuid", "{4C4C4544-0044-3010-8052-B4C04F565931}", "4c4c4544-0044-3010-8052-b4c04f565931" },
        { "uuid", "4c4c4544004430108052b4c04f565931", "4c4c4544-0044-3010-8052-b4c04f565931" },
        { "uuid", "4c4c4544-0044-3010-8052-b4c04f56593", NULL },
        { "uuid", "4c4c4544-0044-3010-8052-b4c04f5659312", NULL },
        { "uuid", "4c4c4544-0044-3010-8052-b4c04f56593g", NULL },
        { "uuid", "00000000-0000-0000-0000-000000000000", NULL },
        { "uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", NULL },
        { "uuid", "03000200-0400-0500-0006-000700080009", NULL },
        { "uuid", "03020100-0504-0706-0809-0A0B0C0D0E0F", NULL },
        { "uuid", "10000000-0000-8000-0040-000000000000", NULL },
        { "instance", " 9f0e-X ", "9f0e-X" },
        { "certificate", "AB:CD:0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab", "abcd0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab" },
        { "certificate", "ABCD0123456789abcdef0123456789abcdef0123456789abcdef0123456789", NULL },
        { "certificate", "ABCD0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab", "abcd0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab" },
        { "certificate_serial", "00:A1:b2", "a1b2" },
        { "certificate_serial", "2", "2" },
        { "certificate_serial", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "ffffffffffffffffffffffffffffffffffffffff" },
        { "certificate_serial", "1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", NULL },
        { "certificate_serial", "00", NULL },
        { "certificate_serial", "0x1a", NULL },
        { "certificate_serial", "-5", NULL },
        { "name", "dover", NULL },
    };
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 64 * 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct span value = SPAN_NONE;
        bool good = identifier_normalize(span_of(rows[i].kind), span_of(rows[i].raw), &a, &value);
        if (good != (rows[i].value != NULL) || (good && !span_equal_text(value, rows[i].value)))
            fail_msg("%s \"%s\": \"%.*s\"", rows[i].kind, rows[i].raw, SPAN_ARGS(value));
    }
    arena_done(&a);
}

static struct device *speaking(bool failing)
{
    return read_device(failing ? "{\"id\":\"d\",\"seen_s\":10000,\"results\":[[\"a\",\"fail\",9000,9000,\"\",\"\",0,9000]]}" : "{\"id\":\"d\",\"seen_s\":10000}", true);
}

static void silence_while_failing_is_a_gap(void **state)
{
    (void)state;
    struct device *d = speaking(true);
    assert_true(device_on_at(d, 9500));
    assert_false(device_spoke(d, 10000 + ON_SLOT_S));
    assert_int_equal(d->on_count, 0);
    assert_int_equal(d->seen_s, 10900);
    assert_true(device_spoke(d, 10900 + ON_SLOT_S + 1));
    assert_int_equal(d->on_count, 2);
    assert_int_equal(d->on[0].from_s, 9000);
    assert_int_equal(d->on[0].to_s, 11800);
    assert_int_equal(d->on[1].from_s, 11801);
    assert_int_equal(d->on[1].to_s, 0);
    assert_true(device_spoke(d, 20000));
    assert_int_equal(d->on_count, 3);
    assert_true(device_on_at(d, 11799));
    assert_false(device_on_at(d, 11800));
    assert_true(device_on_at(d, 11801));
    assert_false(device_on_at(d, 15000));
    assert_true(device_on_at(d, 20000 + ON_SLOT_S - 1));
    assert_false(device_on_at(d, 20000 + ON_SLOT_S));
    device_free(d);
}

static void expect_doubts(const char *name, const struct device *d, const char *expected)
{
    char found[400] = "";
    for (size_t i = 0; i < d->doubt_count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s %lld-%lld", i > 0 ? ", " : "", SPAN_ARGS(d->doubts[i].check), (long long)d->doubts[i].time.from_s, (long long)d->doubts[i].time.to_s);
    if (strcmp(found, expected) != 0)
        fail_msg("%s: %s", name, found);
}

static void doubts_of_a_check_join_and_stay_apart(void **state)
{
    static const struct { const char *name, *check; int64_t from_s, to_s; const char *all; } rows[] = {
        { "the first", "b", 100, 200, "b 100-200" },
        { "later", "b", 300, 400, "b 100-200, b 300-400" },
        { "another check's, in the same time", "a", 150, 350, "a 150-350, b 100-200, b 300-400" },
        { "within one", "b", 120, 180, "a 150-350, b 100-200, b 300-400" },
        { "it touches one", "b", 200, 250, "a 150-350, b 100-250, b 300-400" },
        { "earlier", "b", 10, 20, "a 150-350, b 10-20, b 100-250, b 300-400" },
        { "over two", "b", 90, 300, "a 150-350, b 10-20, b 90-400" },
        { "the last check", "c", 1, 2, "a 150-350, b 10-20, b 90-400, c 1-2" },
    };
    (void)state;
    struct device *d = speaking(true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(device_put_doubt(d, span_of(rows[i].check), (struct interval){ rows[i].from_s, rows[i].to_s }));
        expect_doubts(rows[i].name, d, rows[i].all);
    }
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    buf_init(&out, 4096);
    to_json_init(&w, &out);
    device_to_json(d, &w);
    CLEANUP(device_freep) struct device *again = read_device(buf_text(&out), true), *copy = device_copy(again);
    expect_doubts("written and read", copy, "a 150-350, b 10-20, b 90-400, c 1-2");
    assert_true(device_drop_doubts(copy, SPAN_LITERAL("b")) && device_drop_doubts(copy, SPAN_LITERAL("z")));
    expect_doubts("one check's gone", copy, "a 150-350, c 1-2");
    device_free(d);
}

static void doubts_are_bounded_and_rather_count_too_little(void **state)
{
    (void)state;
    struct device *d = speaking(true);
    for (int64_t i = 0; i <= DEVICE_MAX_DOUBTS; i++)
        assert_true(device_put_doubt(d, SPAN_LITERAL("a"), (struct interval){ i * 1000, i * 1000 + (i == 7 ? 900 : 100) }));
    assert_int_equal(d->doubt_count, DEVICE_MAX_DOUBTS);
    assert_int_equal(d->doubts[7].time.from_s, 7000); /* with the one after it, which was nearest */
    assert_int_equal(d->doubts[7].time.to_s, 8100);
    assert_int_equal(d->doubts[DEVICE_MAX_DOUBTS - 1].time.from_s, DEVICE_MAX_DOUBTS * 1000);
    device_free(d);
    d = speaking(true);
    for (int i = 0; i <= DEVICE_MAX_DOUBTS; i++) {
        char check[16];
        snprintf(check, sizeof check, "c%04d", i);
        assert_true(device_put_doubt(d, span_of(check), (struct interval){ 100, 200 }));
    }
    assert_int_equal(d->doubt_count, DEVICE_MAX_DOUBTS);
    assert_true(span_equal_text(d->doubts[0].check, "c0001"));
    device_free(d);
}

static void silence_without_a_failure_is_nothing(void **state)
{
    (void)state;
    struct device *d = speaking(false);
    assert_false(device_spoke(d, 99999));
    assert_int_equal(d->on_count, 0);
    assert_int_equal(d->seen_s, 99999);
    device_free(d);
}

static void stretches_end_with_the_failure(void **state)
{
    (void)state;
    struct device *d = speaking(true);
    assert_true(device_spoke(d, 50000));
    d->results = NULL;
    d->result_count = 0;
    assert_false(device_spoke(d, 90000));
    assert_int_equal(d->on_count, 0);
    device_free(d);
}

/* A failure that comes back within the hour goes on, with its nights: without them it would have been on all the time. */
static void stretches_outlive_a_pass_that_may_not_hold(void **state)
{
    static const struct { const char *name, *verdict; int64_t passed_s, spoke_s; size_t stretches; } rows[] = {
        { "just passed", "pass", 60000, 60000, 2 },
        { "the last second", "pass", 60000, 60000 + PASS_HELD_S - 1, 2 },
        { "an hour", "pass", 60000, 60000 + PASS_HELD_S, 0 },
        { "it does not apply any more", "not_applicable", 60000, 60001, 2 },
        { "it cannot be told, and did not fail", "unknown", 60000, 60001, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"id\":\"d\",\"seen_s\":59000,\"results\":[[\"a\",\"%s\",%lld,%lld]],\"on\":[[9000,12000],[50000]]}", rows[i].verdict, (long long)rows[i].passed_s, (long long)rows[i].passed_s);
        struct device *d = read_device(body, true);
        assert_false(device_spoke(d, rows[i].spoke_s));
        if (d->on_count != rows[i].stretches)
            fail_msg("%s: %zu stretches", rows[i].name, d->on_count);
        device_free(d);
    }
}

static void old_news_of_speaking_changes_nothing(void **state)
{
    (void)state;
    struct device *d = speaking(true);
    assert_false(device_spoke(d, 9000));
    assert_int_equal(d->seen_s, 10000);
    device_free(d);
}

static void stretches_are_bounded_and_lose_the_shortest_gap(void **state)
{
    (void)state;
    struct device *d = speaking(true);
    int64_t at_s = 10000;
    for (int i = 0; i < 3 * DEVICE_MAX_ON; i++) {
        at_s += i == 5 ? ON_SLOT_S + 1 : 10000;
        assert_true(device_spoke(d, at_s));
    }
    assert_int_equal(d->on_count, DEVICE_MAX_ON);
    assert_true(device_on_at(d, 10000 + 5 * 10000 + ON_SLOT_S)); /* inside the gap of one second, the first to go */
    for (size_t i = 1; i < d->on_count; i++)
        assert_true(d->on[i - 1].to_s < d->on[i].from_s);
    device_free(d);
}

/* Found by fuzzing: a record whose stretches and seen_s disagree. */
static void stretches_ascend_whatever_the_record_says(void **state)
{
    static const char *const bodies[] = {
        "{\"id\":\"d\",\"results\":[[\"a\",\"fail\",1,1,\"\",\"\",0,1]],\"on\":[[90,1000],[4000]]}",
        "{\"id\":\"d\",\"seen_s\":10,\"results\":[[\"a\",\"fail\",1,1,\"\",\"\",0,1]],\"on\":[[90,9000]]}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct device *d = read_device(bodies[i], true);
        for (int64_t t = 1250; t < 20000; t += 1250)
            (void)device_spoke(d, t);
        assert_true(d->on_count >= 3);
        for (size_t k = 1; k < d->on_count; k++)
            assert_true(d->on[k - 1].to_s != 0 && d->on[k - 1].to_s <= d->on[k].from_s);
        device_free(d);
    }
}

static struct credential cookie(const char *id, int64_t created_s, int64_t used_s)
{
    return (struct credential){ .kind = CREDENTIAL_COOKIE, .id = span_of(id), .person = SPAN_LITERAL("p_1"), .created_s = created_s, .used_s = used_s };
}

static void credentials_come_and_go(void **state)
{
    (void)state;
    struct device *d = read_device("{\"id\":\"d\",\"credentials\":[[\"cookie\",\"c_1\",\"p_1\",5],[\"passport\",\"x\"],[\"cookie\",\"\"]]}", true);
    struct credential again = cookie("c_1", 9, 0), new = cookie("c_2", 7, 0);
    assert_int_equal(d->credential_count, 1); /* of a kind that is not known, and without an id: left out */
    assert_true(device_put_credential(d, &again));
    assert_int_equal(d->credential_count, 1);
    assert_int_equal(device_credential(d, CREDENTIAL_COOKIE, SPAN_LITERAL("c_1"))->created_s, 9);
    assert_null(device_credential(d, CREDENTIAL_WEBAUTHN, SPAN_LITERAL("c_1")));
    assert_true(device_put_credential(d, &new));
    assert_true(device_drop_credential(d, CREDENTIAL_COOKIE, SPAN_LITERAL("c_1")));
    assert_false(device_drop_credential(d, CREDENTIAL_COOKIE, SPAN_LITERAL("c_1")));
    assert_int_equal(d->credential_count, 1);
    assert_written(d, "{\"platform\":\"unknown\",\"id\":\"d\",\"credentials\":[[\"cookie\",\"c_2\",\"p_1\",7]]}");
    device_free(d);
    d = read_device("{\"id\":\"d\",\"identifiers\":[[\"serial\",\"S1\"],[\"webauthn\",\"00ff\"]],\"credentials\":[[\"cookie\",\"c_1\",\"p_1\",5],[\"webauthn\",\"AQID\",\"p_1\",5]]}", true);
    assert_true(device_drop_credentials(d));
    assert_written(d, "{\"platform\":\"unknown\",\"id\":\"d\",\"identifiers\":[[\"serial\",\"S1\"]]}");
    device_free(d);
}

static void a_full_list_loses_what_is_unused_for_longest(void **state)
{
    (void)state;
    struct device *d = read_device("{\"id\":\"d\"}", true);
    char id[16];
    struct credential passkey = { .kind = CREDENTIAL_WEBAUTHN, .id = SPAN_LITERAL("k"), .created_s = 1 };
    for (int i = 0; i < DEVICE_MAX_CREDENTIALS; i++) {
        snprintf(id, sizeof id, "c_%d", i);
        struct credential c = cookie(id, 100 + i, i == 0 ? 999 : 0);
        assert_true(device_put_credential(d, &c));
    }
    assert_false(device_put_credential(d, &passkey)); /* one kind does not push out the other */
    struct credential last = cookie("c_last", 500, 0);
    assert_true(device_put_credential(d, &last));
    assert_int_equal(d->credential_count, DEVICE_MAX_CREDENTIALS);
    assert_non_null(device_credential(d, CREDENTIAL_COOKIE, SPAN_LITERAL("c_0")));
    assert_null(device_credential(d, CREDENTIAL_COOKIE, SPAN_LITERAL("c_1")));
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_written_as_it_was_read),
        cmocka_unit_test(one_is_read_into_the_room_of_another),
        cmocka_unit_test(the_directory_leaves_facts_out),
        cmocka_unit_test(things_are_found_by_name),
        cmocka_unit_test(bad_bodies_are_refused),
        cmocka_unit_test(stretches_outlive_a_pass_that_may_not_hold),
        cmocka_unit_test(doubts_of_a_check_join_and_stay_apart),
        cmocka_unit_test(doubts_are_bounded_and_rather_count_too_little),
        cmocka_unit_test(lists_have_a_longest),
        cmocka_unit_test(what_a_newer_version_wrote_is_skipped),
        cmocka_unit_test(names_are_those_of_the_field),
        cmocka_unit_test(identifiers_are_made_comparable),
        cmocka_unit_test(credentials_come_and_go),
        cmocka_unit_test(a_full_list_loses_what_is_unused_for_longest),
        cmocka_unit_test(silence_while_failing_is_a_gap),
        cmocka_unit_test(silence_without_a_failure_is_nothing),
        cmocka_unit_test(stretches_end_with_the_failure),
        cmocka_unit_test(old_news_of_speaking_changes_nothing),
        cmocka_unit_test(stretches_are_bounded_and_lose_the_shortest_gap),
        cmocka_unit_test(stretches_ascend_whatever_the_record_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
