#include "posture/device_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* Bodies as device_to_json() writes them. */
static const struct { const char *name, *body; } bodies[] = {
    { "everything",
      "{\"platform\":\"macos\",\"id\":\"d_gnf2boc3qskqjuv7bc5mh5avas\",\"name\":\"dover\",\"model\":\"Mac14,2\",\"vendor\":\"Apple Inc.\",\"os_name\":\"macOS\",\"os_version\":\"15.5\",\"agent_version\":\"5.23.1\","
      "\"serial\":\"C02X\",\"virtual\":true,\"owner\":\"p_nnowruypznbxn3xzwknmtglr7t\",\"owner_source\":\"import\",\"owner_since_s\":3,\"group\":\"staff\",\"enrolled_s\":1,\"first_seen_s\":2,\"node_key\":4,"
      "\"duplicate_of\":\"d_0\",\"removed\":true,\"recheck_s\":60,\"seen_s\":5000,\"rung\":\"warn\",\"rung_s\":70,\"would\":\"all\",\"would_s\":71,"
      "\"identifiers\":[[\"serial\",\"C02X\",\"osquery\",1],[\"uuid\",\"2da190e5-78dd-4fcd-a27e-772094a620aa\",\"osquery\",1],[\"instance\",\"EF47B1E3-879F-4A08-A367-44F83305420F\",\"osquery\",7],"
      "[\"certificate\",\"00ff00112233445566778899aabbccddeeff00112233445566778899aabbccdd\",\"door\",9]],"
      "\"credentials\":[[\"cookie\",\"c_1\",\"p_1\",100,200,\"192.0.2.7\",\"Firefox\"],[\"webauthn\",\"AQID\",\"p_1\",300,0,\"\",\"\",\"pQEC\",9,true,true],[\"cookie\",\"c_2\",\"p_1\",300]],"
      "\"recheck_checks\":[\"disk\",\"os\"],"
      "\"results\":[[\"disk\",\"fail\",100,90,\"a1b2c3d4\",\"0123456789ab\",0,90,95,800,2,\"/ is open\"],[\"os\",\"pass\",100,50,\"a1b2c3d4\",\"0123456789ab\",100,0,0,0,0,\"\",\"\",\"fail\",40,\"pass\"],"
      "[\"swap\",\"unknown\",100,100,\"\",\"\",0,0,0,0,0,\"\",\"no such table\"],[\"tank\",\"in_progress\",99,98,\"x\",\"y\",97]],"
      "\"links\":[{\"manager\":\"m\",\"id\":\"77\",\"managed\":2,\"encrypted\":1,\"owner\":\"a@b.example\",\"contact_s\":12,\"facts_s\":13,\"read_s\":14},{\"manager\":\"n\",\"id\":\"78\",\"managed\":1,\"gone_s\":15}],"
      "\"fallback\":{\"state\":2,\"invited\":true,\"manager\":\"m\",\"id\":\"77\",\"key\":\"e_1\",\"announced_s\":20,\"asked_s\":21},"
      "\"on\":[[90,1000],[4000]],\"doubts\":[[\"disk-encryption\",2000,3000],[\"disk-encryption\",5000,6000],[\"firewall\",90,91]],"
      "\"facts\":[[\"check:disk\",\"[{\\\"encrypted\\\":\\\"0\\\"}]\",\"osquery\",\"a1b2c3d4\",100],[\"backup_age\",\"1.50\",\"api:k\",\"\",100,900]]}" },
    { "nothing", "{\"platform\":\"unknown\",\"id\":\"d_1\"}" },
    { "ids that are no ids of ours",
      "{\"platform\":\"linux\",\"id\":\"d_GNF2boc3qskqjuv7bc5mh5avas\",\"owner\":\"somebody\",\"identifiers\":[[\"uuid\",\"2DA190E5-78dd-4fcd-a27e-772094a620aa\"],[\"instance\",\"2da190e5x78dd-4fcd-a27e-772094a620aa\"],"
      "[\"certificate\",\"00ff0\"],[\"certificate\",\"00FF00112233\"],[\"certificate\",\"00ff00112233cd\"],[\"instance\",\"89ABCDEF-0123-4567-89AB-CDEF01234567\"],[\"name\",\"\\u0001ü 😀\"]]}" },
    { "times far apart", "{\"platform\":\"windows\",\"id\":\"d_1\",\"enrolled_s\":253402300799,\"first_seen_s\":1,\"seen_s\":253402300799,\"results\":[[\"a\",\"pass\",1,253402300799],[\"b\",\"fail\",253402300799,0,\"\",\"\",0,1]]}" },
};

static struct device *read_device(const char *body)
{
    struct device *d = NULL;
    struct err err = { OK, "" };
    if (device_from_json(span_of(body), 7, true, &d, &err) != OK)
        fail_msg("%s", err.text);
    return d;
}

static void assert_written(const char *name, const struct device *d, const char *expected)
{
    struct buf out;
    struct to_json w;
    buf_init(&out, DEVICE_BODY_BYTES);
    to_json_init(&w, &out);
    device_to_json(d, &w);
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s:\n%s\nis not\n%s", name, buf_text(&out), expected);
    buf_done(&out);
}

/* The walk tells what the list does. */
static void assert_walk(const char *name, const struct packed_device *p, const struct text_pool *pool, const struct device *d, struct arena *arena)
{
    struct packed_results walk;
    packed_results_start(p, pool, arena, &walk);
    for (size_t i = 0; i < d->result_count; i++) {
        struct result expected = d->results[i];
        if (!packed_results_next(&walk))
            fail_msg("%s: %zu results walked", name, i);
        assert_true(span_equal(walk.result.check, expected.check) && span_equal(walk.result.check_version, expected.check_version));
        assert_true(span_equal(walk.result.saw, expected.saw) && span_equal(walk.result.why, expected.why) && span_equal(walk.result.policy, expected.policy));
        assert_true(walk.result.verdict == expected.verdict && walk.result.own == expected.own && walk.result.other == expected.other);
        assert_true(walk.result.evaluated_s == expected.evaluated_s && walk.result.first_failed_s == expected.first_failed_s && walk.result.visible_s == expected.visible_s);
    }
    assert_false(packed_results_next(&walk));
    assert_false(walk.unpacker.memory_short);
}

static void what_was_packed_comes_out_again(void **state)
{
    (void)state;
    struct text_pool *pool = text_pool_new(1);
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    for (int round = 0; round < 2; round++) /* the second finds its words in the pool */
        for (size_t i = 0; i < COUNT(bodies); i++) {
            struct device *d = read_device(bodies[i].body);
            struct packed_device *p = device_pack(d, pool);
            const struct device *out = device_unpack(p, pool, DEVICE_WHOLE, &arena);
            assert_written(bodies[i].name, d, bodies[i].body);
            assert_written(bodies[i].name, out, bodies[i].body);
            assert_int_equal(out->version, 7);
            assert_true(packed_device_is(p, pool, d->id));
            assert_false(packed_device_is(p, pool, SPAN_LITERAL("d_2")));
            assert_int_equal(packed_device_is_owned_by(p, pool, d->owner), true);
            for (size_t k = 0; k < d->identifier_count; k++)
                assert_true(packed_device_has(p, pool, d->identifiers[k].kind, d->identifiers[k].value));
            assert_false(packed_device_has(p, pool, SPAN_LITERAL("serial"), SPAN_LITERAL("c02x")));
            assert_false(packed_device_has(p, pool, SPAN_LITERAL("name"), SPAN_LITERAL("C02X")));
            assert_walk(bodies[i].name, p, pool, d, &arena);
            device_free(d);
            free(p);
            arena_reset(&arena);
        }
    arena_done(&arena);
    text_pool_free(pool);
}

/* Decisions ask nothing of a list when nothing shows; who tells results walks over them. */
static void lists_stay_away_while_no_result_shows(void **state)
{
    static const struct { const char *name, *results; size_t count; } rows[] = {
        { "all pass", "[[\"a\",\"pass\",1,1]]", 0 },
        { "it fails, and does not show yet", "[[\"a\",\"fail\",1,1,\"\",\"\",0,1]]", 0 },
        { "it shows", "[[\"a\",\"fail\",1,1,\"\",\"\",0,1,1],[\"b\",\"pass\",1,1]]", 2 },
    };
    (void)state;
    struct text_pool *pool = text_pool_new(1);
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"id\":\"d_1\",\"owner\":\"p_1\",\"seen_s\":9,\"identifiers\":[[\"serial\",\"C02X\",\"osquery\",1],[\"uuid\",\"2da190e5-78dd-4fcd-a27e-772094a620aa\",\"osquery\",200]],\"results\":%s}",
                 rows[i].results);
        struct device *d = read_device(body);
        struct packed_device *p = device_pack(d, pool);
        const struct device *out = device_unpack(p, pool, DEVICE_STANDING, &arena);
        if (out->result_count != rows[i].count || !span_equal_text(out->owner, "p_1") || out->seen_s != 9)
            fail_msg("%s: %zu results", rows[i].name, out->result_count);
        assert_walk(rows[i].name, out->packed, pool, d, &arena);
        device_free(d);
        free(p);
    }
    arena_done(&arena);
    text_pool_free(pool);
}

/* Results of one report differ in their names alone, and those that the policy knows are passed over as they lie. */
static void what_differs_in_names_alone_is_alike(void **state)
{
    static const struct { const char *name, *results, *alike /* a letter a result: as the one before, and of the policy's name (n), alike under another (a), otherwise (-) */; } rows[] = {
        { "one report", "[\"a\",\"pass\",5,5,\"v\",\"p\",5],[\"b\",\"pass\",5,5,\"w\",\"p\",5],[\"c\",\"pass\",5,5,\"x\",\"p\",5]", "-nn" },
        { "the first is like none, whatever it says", "[\"a\",\"unknown\",9,9,\"v\"],[\"b\",\"unknown\",9,9,\"w\"]", "-n" },
        { "another time", "[\"a\",\"pass\",5,5,\"v\"],[\"b\",\"pass\",6,5,\"w\"],[\"c\",\"pass\",6,5,\"x\"]", "--n" },
        { "another verdict", "[\"a\",\"pass\",5,5,\"v\"],[\"b\",\"unknown\",5,5,\"w\"]", "--" },
        { "what was seen", "[\"a\",\"fail\",5,5,\"v\",\"p\",0,5,0,0,1,\"x\"],[\"b\",\"fail\",5,5,\"w\",\"p\",0,5,0,0,1,\"y\"]", "--" },
        { "what another source says", "[\"a\",\"pass\",5,5,\"v\"],[\"b\",\"pass\",5,5,\"w\",\"\",0,0,0,0,0,\"\",\"\",\"fail\"]", "--" },
        { "an older form of a check, and a check that is no more", "[\"a\",\"pass\",5,5,\"v\"],[\"b\",\"pass\",5,5,\"old\"],[\"gone\",\"pass\",5,5,\"z\"]", "-aa" },
    };
    static const char *const names[][2] = { { "a", "v" }, { "b", "w" }, { "c", "x" } };
    (void)state;
    struct text_pool *pool = text_pool_new(1);
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[1024];
        struct packed_results walk;
        snprintf(body, sizeof body, "{\"id\":\"d_1\",\"seen_s\":9,\"results\":[%s]}", rows[i].results);
        struct device *d = read_device(body);
        struct packed_device *p = device_pack(d, pool);
        assert_walk(rows[i].name, p, pool, d, &arena);
        packed_results_start(p, pool, &arena, &walk);
        for (size_t k = 0; k < d->result_count; k++) {
            struct packed_name name = packed_name_of(span_of(names[k][0]), span_of(names[k][1]), pool);
            char how = packed_results_pass(&walk, &name) ? 'n' : packed_results_next(&walk) && walk.alike ? 'a' : '-';
            if (how != rows[i].alike[k] || walk.result.evaluated_s != d->results[k].evaluated_s || walk.result.verdict != d->results[k].verdict)
                fail_msg("%s: result %zu is %c", rows[i].name, k, how);
        }
        struct packed_name last = packed_name_of(SPAN_LITERAL("c"), SPAN_LITERAL("x"), pool);
        assert_false(packed_results_pass(&walk, &last) || packed_results_next(&walk));
        device_free(d);
        free(p);
    }
    arena_done(&arena);
    text_pool_free(pool);
}

/* Names that found no place in the pool lie where they are used, which is more than can be compared at once. */
static void a_name_outside_of_the_pool_is_unpacked(void **state)
{
    char text[TEXT_POOL_TEXT_BYTES + 2];
    (void)state;
    struct text_pool *pool = text_pool_new(1);
    memset(text, 'x', sizeof text);
    assert_int_equal(packed_name_of(span_make(text, sizeof text), SPAN_LITERAL("v"), pool).length, 0);
    assert_in_range(packed_name_of(SPAN_LITERAL("a"), SPAN_LITERAL("v"), pool).length, 3, 8);
    text_pool_free(pool);
}

/* Somebody who makes up a new word each time fills the pool once; after that words are kept where they are used. */
static void a_full_pool_is_no_obstacle(void **state)
{
    (void)state;
    struct text_pool *pool = text_pool_new(1);
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    size_t full = 0;
    for (int i = 0; i < TEXT_POOL_MOST + 100; i++) {
        char body[160];
        snprintf(body, sizeof body, "{\"platform\":\"macos\",\"id\":\"d_1\",\"os_version\":\"version %d of it\"}", i);
        struct device *d = read_device(body);
        struct packed_device *p = device_pack(d, pool);
        assert_written("full", device_unpack(p, pool, DEVICE_WHOLE, &arena), body);
        full = i == TEXT_POOL_MOST ? text_pool_bytes(pool) : full;
        device_free(d);
        free(p);
        arena_reset(&arena);
    }
    assert_int_equal(text_pool_bytes(pool), full);
    arena_done(&arena);
    text_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_again),
        cmocka_unit_test(lists_stay_away_while_no_result_shows),
        cmocka_unit_test(what_differs_in_names_alone_is_alike),
        cmocka_unit_test(a_name_outside_of_the_pool_is_unpacked),
        cmocka_unit_test(a_full_pool_is_no_obstacle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
