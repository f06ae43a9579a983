/* The names of keys, and what an address and a durability may look like: no server needed. */
#include "connectors/store/redis_keys.h"
#include "connectors/store/redis_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(words) SPAN_LITERAL(words)

/* ---- names ---- */

struct key_row { const char *name; struct redis_key key; const char *wanted; };
static void every_key_is_where_its_tag_says(void **state)
{
    (void)state;
    char longest[REDIS_ID_MOST + 1], over[REDIS_ID_MOST + 2], value[REDIS_CLAIM_VALUE_MOST + 2];
    memset(longest, 'a', sizeof longest - 1);
    memset(over, 'a', sizeof over - 1);
    memset(value, 'b', sizeof value - 1);
    longest[sizeof longest - 1] = over[sizeof over - 1] = value[sizeof value - 1] = '\0';
    struct key_row rows[] = {
        { "control record", redis_key_record(16, RECORD_CONTROL, TEXT("policy")), "pst:{ctl}:r:policy" },
        { "log", redis_key_of(16, 3, REDIS_KEY_LOG), "pst:{p03}:log" },
        { "control's log", redis_key_of(16, 16, REDIS_KEY_LOG), "pst:{ctl}:log" },
        { "due", redis_key_of(16, 15, REDIS_KEY_DUE), "pst:{p15}:due" },
        { "outbox", redis_key_outbox(16, 0, TEXT("slack"), false), "pst:{p00}:o:slack" },
        { "outbox bodies", redis_key_outbox(16, 0, TEXT("slack"), true), "pst:{p00}:ob:slack" },
        { "id too long", redis_key_record(16, RECORD_DEVICE, span_of(over)), NULL },
        { "no id", redis_key_record(16, RECORD_DEVICE, SPAN_NONE), NULL },
        { "claim too long", redis_key_claim(16, TEXT("serial"), span_of(value)), NULL },
        { "claim without kind", redis_key_claim(16, SPAN_NONE, TEXT("x")), NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span got = span_make(rows[i].key.at, rows[i].key.bytes);
        if (rows[i].wanted == NULL ? got.bytes != 0 : !span_equal_text(got, rows[i].wanted))
            fail_msg("%s: \"%.*s\"", rows[i].name, SPAN_ARGS(got));
    }
    assert_true(redis_key_record(16, RECORD_DEVICE, span_of(longest)).bytes > 0);
    assert_true(redis_key_claim(16, TEXT("serial"), span_slice(span_of(value), 0, REDIS_CLAIM_VALUE_MOST)).bytes > 0);
}

static void a_record_shares_the_tag_of_its_log_and_keeps_its_place_for_ever(void **state)
{
    (void)state;
    struct { const char *id; unsigned partition; } rows[] = { { "d_aaaaaaaaaaaaaaaaaaaaaaaaaa", 0 }, { "p_bbbbbbbbbbbbbbbbbbbbbbbbbb", 0 }, { "d_1", 0 } };
    unsigned wanted[] = { 7, 12, 15 }; /* computed apart, from the definition */
    for (size_t i = 0; i < 3; i++) {
        struct redis_key key = redis_key_record(16, rows[i].id[0] == 'd' ? RECORD_DEVICE : RECORD_PERSON, span_of(rows[i].id));
        rows[i].partition = redis_key_partition(16, RECORD_DEVICE, span_of(rows[i].id));
        struct redis_key log = redis_key_of(16, rows[i].partition, REDIS_KEY_LOG);
        assert_memory_equal(key.at, log.at, strlen("pst:{p00}"));
        assert_true(span_equal_text(redis_key_id(span_make(key.at, key.bytes)), rows[i].id));
        assert_int_equal(rows[i].partition, wanted[i]);
    }
}

struct url_row { const char *url; enum err_code code; const char *host, *path; unsigned port, database; const char *words; };
static void addresses_are_read_or_refused(void **state)
{
    (void)state;
    char long_path[200], long_host[400], longest_path[200];
    snprintf(long_path, sizeof long_path, "unix:///%0107d", 1);
    snprintf(longest_path, sizeof longest_path, "unix:///%0106d", 1);
    snprintf(long_host, sizeof long_host, "redis://%0300d", 1);
    struct url_row rows[] = {
        { "redis://127.0.0.1:6380/2", OK, "127.0.0.1", "", 6380, 2, NULL },
        { "redis://db.example", OK, "db.example", "", 6379, 0, NULL },
        { "redis://db.example/", OK, "db.example", "", 6379, 0, NULL },
        { "redis://[::1]:7000", OK, "::1", "", 7000, 0, NULL },
        { "redis://[::1]", OK, "::1", "", 6379, 0, NULL },
        { "unix:///run/redis.sock", OK, "", "/run/redis.sock", 0, 0, NULL },
        { longest_path, OK, "", longest_path + 7, 0, 0, NULL },
        { long_path, ERR_INPUT, NULL, NULL, 0, 0, "107 bytes" },
        { long_host, ERR_INPUT, NULL, NULL, 0, 0, NULL },
        { "", ERR_INPUT, NULL, NULL, 0, 0, NULL },
        { "redis://", ERR_INPUT, NULL, NULL, 0, 0, NULL },
        { "redis://:6379", ERR_INPUT, NULL, NULL, 0, 0, NULL },
        { "redis://h:0", ERR_INPUT, NULL, NULL, 0, 0, "port" },
        { "redis://h:65536", ERR_INPUT, NULL, NULL, 0, 0, "port" },
        { "redis://h:", ERR_INPUT, NULL, NULL, 0, 0, "port" },
        { "redis://h:1/x", ERR_INPUT, NULL, NULL, 0, 0, "database" },
        { "redis://h:1/1024", ERR_INPUT, NULL, NULL, 0, 0, "database" },
        { "redis://[::1", ERR_INPUT, NULL, NULL, 0, 0, NULL },
        { "redis://[::1]x", ERR_INPUT, NULL, NULL, 0, 0, "port" },
        { "redis://me:secret@h", ERR_INPUT, NULL, NULL, 0, 0, "store.password" },
        { "rediss://h:6379", ERR_INPUT, NULL, NULL, 0, 0, "TLS" },
        { "unix://relative", ERR_INPUT, NULL, NULL, 0, 0, "unix:///path" },
        { "http://h", ERR_INPUT, NULL, NULL, 0, 0, "redis://" },
        { "redis://a b", ERR_INPUT, NULL, NULL, 0, 0, "spaces" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_options o = redis_options_default();
        struct err err = { 0 };
        enum err_code code = redis_options_from_url(span_of(rows[i].url), &o, &err);
        if (code != rows[i].code || (rows[i].words != NULL && strstr(err.text, rows[i].words) == NULL))
            fail_msg("%s: %s %s", rows[i].url, err_name(code), err.text);
        if (code != OK)
            continue;
        assert_string_equal(o.host, rows[i].host);
        assert_string_equal(o.unix_path, rows[i].path);
        if (rows[i].port != 0) {
            assert_int_equal(o.port, rows[i].port);
            assert_int_equal(o.database, rows[i].database);
        }
    }
}

struct durability_row { const char *text; enum err_code code; enum redis_durability durability; unsigned replicas; };
static void durabilities_are_read_or_refused(void **state)
{
    (void)state;
    struct durability_row rows[] = {
        { "fsync", OK, REDIS_FSYNC, 0 }, { "everysec", OK, REDIS_EVERYSEC, 0 }, { "replicated 1", OK, REDIS_REPLICATED, 1 }, { "replicated 16", OK, REDIS_REPLICATED, 16 },
        { "replicated 17", ERR_INPUT, 0, 0 }, { "replicated 0", ERR_INPUT, 0, 0 }, { "replicated", ERR_INPUT, 0, 0 }, { "replicated -1", ERR_INPUT, 0, 0 },
        { "replicated x", ERR_INPUT, 0, 0 }, { "", ERR_INPUT, 0, 0 }, { "FSYNC", ERR_INPUT, 0, 0 }, { "replicated 1 2", ERR_INPUT, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_options o = redis_options_default();
        struct err err;
        if (redis_options_durability(span_of(rows[i].text), &o, &err) != rows[i].code)
            fail_msg("%s", rows[i].text);
        if (rows[i].code == OK && (o.durability != rows[i].durability || o.replicas != rows[i].replicas))
            fail_msg("%s is read as %d %u", rows[i].text, (int)o.durability, o.replicas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_where_its_tag_says),
        cmocka_unit_test(a_record_shares_the_tag_of_its_log_and_keeps_its_place_for_ever),
        cmocka_unit_test(addresses_are_read_or_refused),
        cmocka_unit_test(durabilities_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
