#include "posture/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char POLICY[] =
    "policy: p\nsensitivities: [s]\napps: []\nladders: []\nvisible_after: { reads: 2, apart: 10m }\nchecks:\n"
    "- { id: disk, osquery: { linux: 'SELECT path, encrypted, secret FROM t' }, pass: 'all(encrypted == 1)', unknown_if: 'rows == 0',\n"
    "    in_progress_if: 'any(encrypted == 2)', saw: '{path} is {encrypted}, one of {rows}.', interval: 1h, fresh_for: 2h }\n"
    "- { id: hurry, severity: urgent, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows == 0', interval: 10m }\n"
    "- { id: mixed, osquery: { linux: 'SELECT a FROM t' }, pass: 'all(a == 1) or fact.excused == true', interval: 1h }\n"
    "- { id: pushed, pass: 'fact.backup_age < 7d', fresh_for: 2h, interval: 1h }\n"
    "- { id: twice, interval: 1h, osquery: { linux: 'SELECT a FROM t' }, pass: 'all(a == 1)', second_source: 'fact.mdm.encrypted == true' }\n"
    "- { id: windows, osquery: { windows: 'SELECT a FROM t' }, pass: 'rows == 0' }\n";

struct world {
    struct policy *policy;
    struct device *device;
    struct arena arena;
    struct evaluation last;
};

static struct policy *read_policy(const char *text)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(span_of(text), SPAN_LITERAL("policy"), &mistakes, &policy);
    if (policy == NULL)
        fail_msg("%.*s", SPAN_ARGS(mistakes.all[0].text));
    mistakes_done(&mistakes);
    return policy;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    w->policy = read_policy(POLICY);
    w->device = device_new();
    w->device->platform = PLATFORM_LINUX;
    arena_init(&w->arena, 4096, 16 * 1024 * 1024);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    policy_free(w->policy);
    device_free(w->device);
    arena_done(&w->arena);
    free(w);
    return 0;
}

/* `rows` NULL: the query failed. */
static void read_rows(struct world *w, const char *check, const char *rows, int64_t at_s)
{
    struct from_json_limits limits = { 1024 * 1024, 8 };
    struct err err = { OK, "" };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    assert_int_equal(from_json_parse(span_of(rows == NULL ? "[]" : rows), limits, "rows", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc);
    struct observation seen = { .check = policy_check(w->policy, span_of(check)), .failed = rows == NULL, .rows = rows == NULL ? NULL : &root,
                                .message = SPAN_LITERAL("no such table:\x1b[31m x"), .source = SPAN_LITERAL("osquery"), .observed_s = at_s };
    assert_non_null(seen.check);
    if (evaluate_observations(w->policy, w->device, &seen, 1, at_s, &w->arena, &w->last, &err) != OK)
        fail_msg("%s", err.text);
}

static const struct result *result_of(const struct world *w, const char *check)
{
    for (size_t i = 0; i < w->device->result_count; i++)
        if (span_equal_text(w->device->results[i].check, check))
            return &w->device->results[i];
    return NULL;
}

static const struct fact *fact_of(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->device->fact_count; i++)
        if (span_equal_text(w->device->facts[i].name, name))
            return &w->device->facts[i];
    return NULL;
}

static enum err_code push(struct world *w, const char *name, const char *value, int64_t at_s, int64_t expires_s, size_t *dropped)
{
    struct err err = { OK, "" };
    struct pushed_fact fact = { span_of(name), span_of(value), SPAN_LITERAL("api:k1"), at_s, expires_s };
    return evaluate_facts(w->policy, w->device, &fact, 1, at_s, &w->arena, &w->last, dropped, &err);
}

static void again(struct world *w, int64_t now_s)
{
    struct err err = { OK, "" };
    if (evaluate_again(w->policy, w->device, now_s, &w->arena, &w->last, &err) != OK)
        fail_msg("%s", err.text);
}

static const char GOOD[] = "[{\"path\":\"/\",\"encrypted\":\"1\"}]";
static const char BAD[] = "[{\"path\":\"/\",\"encrypted\":\"1\"},{\"path\":\"/home\",\"encrypted\":\"0\"}]";
static const char HALF[] = "[{\"path\":\"/\",\"encrypted\":\"2\"}]";

/* One story: reads in order, and after each what the result must be. */
static void results_follow_the_reads(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *rows; /* NULL: the query failed */
        int64_t at_s;
        enum verdict verdict;
        int64_t changed_s, first_failed_s, last_passed_s, visible_s;
        bool changed, told; /* commit; an event */
    } rows[] = {
        { GOOD, 1000, VERDICT_PASS, 1000, 0, 1000, 0, true, true },
        { GOOD, 2000, VERDICT_PASS, 1000, 0, 2000, 0, false, false },
        { BAD, 3000, VERDICT_FAIL, 3000, 3000, 2000, 0, true, true },
        { BAD, 3300, VERDICT_FAIL, 3000, 3000, 2000, 0, true, false },      /* twice, but too close */
        { BAD, 3300, VERDICT_FAIL, 3000, 3000, 2000, 0, false, false },     /* the same answer again is no read */
        { BAD, 3600, VERDICT_FAIL, 3000, 3000, 2000, 3600, true, true },    /* visible */
        { BAD, 4000, VERDICT_FAIL, 3000, 3000, 2000, 3600, false, false },
        { NULL, 4100, VERDICT_UNKNOWN, 4100, 3000, 2000, 3600, true, true },/* unknown washes nothing away */
        { "[]", 4200, VERDICT_UNKNOWN, 4100, 3000, 2000, 3600, true, false },
        { HALF, 4300, VERDICT_IN_PROGRESS, 4300, 3000, 2000, 3600, true, true },
        { BAD, 4400, VERDICT_FAIL, 4400, 3000, 2000, 3600, true, true },
        { GOOD, 3000, VERDICT_FAIL, 4400, 3000, 2000, 3600, false, false }, /* overtaken on the way */
        { GOOD, 4500, VERDICT_PASS, 4500, 0, 4500, 0, true, true },
        { "[{\"path\":\"/\"}]", 4600, VERDICT_UNKNOWN, 4600, 0, 4500, 0, true, true },
        { BAD, 4700, VERDICT_FAIL, 4700, 4700, 4500, 0, true, true },       /* a new failure begins from the beginning */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_rows(w, "disk", rows[i].rows, rows[i].at_s);
        const struct result *result = result_of(w, "disk");
        printf("read %zu\n", i);
        assert_non_null(result);
        assert_string_equal(verdict_name(result->verdict), verdict_name(rows[i].verdict));
        assert_int_equal(result->changed_s, rows[i].changed_s);
        assert_int_equal(result->first_failed_s, rows[i].first_failed_s);
        assert_int_equal(result->last_passed_s, rows[i].last_passed_s);
        assert_int_equal(result->visible_s, rows[i].visible_s);
        assert_int_equal(w->last.changed, rows[i].changed);
        assert_int_equal(w->last.change_count, rows[i].told);
    }
}

static void a_result_names_what_was_seen_and_why_not(void **state)
{
    struct world *w = *state;
    read_rows(w, "disk", BAD, 1000);
    assert_true(span_equal_text(result_of(w, "disk")->saw, "/home is 0, one of 2."));
    assert_int_equal(result_of(w, "disk")->policy.bytes, 12);
    assert_true(span_equal(result_of(w, "disk")->check_version, policy_check(w->policy, span_of("disk"))->version));
    read_rows(w, "disk", NULL, 1100);
    assert_true(span_empty(result_of(w, "disk")->saw));
    assert_true(span_equal_text(result_of(w, "disk")->why, "no such table:?[31m x"));
    read_rows(w, "disk", "[{\"path\":\"/\\u202e\\u0007a\\u0085b\",\"encrypted\":\"0\"}]", 1200);
    assert_true(span_equal_text(result_of(w, "disk")->saw, "/ab is 0, one of 1."));
    char text[2048], path[1024];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    snprintf(text, sizeof text, "[{\"path\":\"%s\",\"encrypted\":0}]", path);
    read_rows(w, "disk", text, 1300);
    assert_int_equal(result_of(w, "disk")->saw.bytes, EVIDENCE_BYTES);
    assert_true(span_ends(result_of(w, "disk")->saw, SPAN_LITERAL("...")));
}

static void only_named_columns_are_kept_and_not_too_many_rows(void **state)
{
    struct world *w = *state;
    read_rows(w, "disk", "[{\"path\":\"/\",\"encrypted\":\"1\",\"secret\":\"s3cret\",\"more\":[1]}]", 1000);
    assert_true(span_equal_text(fact_of(w, "check:disk")->value, "[{\"encrypted\":\"1\",\"path\":\"/\"}]"));
    assert_true(span_equal(fact_of(w, "check:disk")->version, policy_check(w->policy, span_of("disk"))->version));
    struct buf rows;
    buf_init(&rows, 1024 * 1024);
    buf_append_text(&rows, "[{\"path\":\"/\",\"encrypted\":1}");
    for (int i = 1; i < 5000; i++)
        buf_append_text(&rows, ",{\"path\":\"/\",\"encrypted\":1}");
    buf_append_byte(&rows, ']');
    read_rows(w, "disk", buf_text(&rows), 2000);
    assert_int_equal(result_of(w, "disk")->verdict, VERDICT_PASS);
    assert_true(span_ends(fact_of(w, "check:disk")->value, SPAN_LITERAL(",4980]")));
    assert_true(fact_of(w, "check:disk")->value.bytes <= FACT_VALUE_BYTES);
    buf_done(&rows);
    read_rows(w, "disk", NULL, 3000);
    assert_null(fact_of(w, "check:disk"));
}

static void what_cannot_wait_is_visible_at_once(void **state)
{
    struct world *w = *state;
    read_rows(w, "hurry", "[{}]", 1000);
    assert_int_equal(result_of(w, "hurry")->visible_s, 1000);
    assert_true(w->last.changes[0].became_visible);
    w->device->recheck_s = 2000;
    read_rows(w, "disk", BAD, 1500); /* before the button was pressed */
    assert_int_equal(result_of(w, "disk")->visible_s, 0);
    read_rows(w, "disk", BAD, 2000);
    assert_int_equal(result_of(w, "disk")->visible_s, 2000);
}

static void a_recheck_of_another_check_shows_nothing_at_once(void **state)
{
    struct world *w = *state;
    struct span other = SPAN_LITERAL("hurry");
    w->device->recheck_s = 1000;
    w->device->recheck_checks = &other;
    w->device->recheck_count = 1;
    read_rows(w, "disk", BAD, 1000);
    assert_int_equal(result_of(w, "disk")->visible_s, 0);
}

static void a_check_of_another_platform_is_not_judged(void **state)
{
    struct world *w = *state;
    read_rows(w, "windows", "[]", 1000);
    assert_int_equal(w->device->result_count, 0);
    assert_false(w->last.changed);
    assert_int_equal(evaluate_now(policy_check(w->policy, span_of("windows")), w->device, NULL, 1000), VERDICT_NOT_APPLICABLE);
}

static void results_stay_sorted_and_the_newest_of_two_answers_counts(void **state)
{
    struct world *w = *state;
    struct err err = { OK, "" };
    struct from_json_limits limits = { 1024, 8 };
    CLEANUP(from_json_freep) struct from_json *none = NULL;
    CLEANUP(from_json_freep) struct from_json *some = NULL;
    assert_int_equal(from_json_parse(span_of("[]"), limits, "rows", &none, &err), OK);
    assert_int_equal(from_json_parse(span_of("[{\"a\":\"0\"}]"), limits, "rows", &some, &err), OK);
    struct from_json_value none_rows = from_json_root(none), some_rows = from_json_root(some);
    const struct check *mixed = policy_check(w->policy, span_of("mixed")), *hurry = policy_check(w->policy, span_of("hurry")), *disk = policy_check(w->policy, span_of("disk"));
    struct observation seen[] = {
        { .check = mixed, .rows = &none_rows, .observed_s = 20 }, { .check = hurry, .rows = &none_rows, .observed_s = 10 },
        { .check = mixed, .rows = &some_rows, .observed_s = 10 }, { .check = disk, .rows = &none_rows, .observed_s = 10 },
    };
    assert_int_equal(evaluate_observations(w->policy, w->device, seen, COUNT(seen), 20, &w->arena, &w->last, &err), OK);
    assert_int_equal(w->device->result_count, 3);
    for (size_t i = 1; i < w->device->result_count; i++)
        assert_true(span_compare(w->device->results[i - 1].check, w->device->results[i].check) < 0);
    assert_int_equal(result_of(w, "mixed")->verdict, VERDICT_PASS);
    assert_int_equal(result_of(w, "mixed")->evaluated_s, 20);
}

static void pushed_facts_are_judged_kept_and_dropped(void **state)
{
    struct world *w = *state;
    size_t dropped = 9;
    assert_int_equal(push(w, "backup_age", "3600", 1000, 0, &dropped), OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(result_of(w, "pushed")->verdict, VERDICT_PASS);
    assert_int_equal(w->last.change_count, 1);
    assert_int_equal(push(w, "shoe_size", "43", 1000, 0, &dropped), OK);
    assert_int_equal(dropped, 1);
    assert_null(fact_of(w, "shoe_size"));
    assert_false(w->last.changed);
    assert_int_equal(push(w, "backup_age", "999999999", 1500, 0, &dropped), OK);
    assert_int_equal(result_of(w, "pushed")->verdict, VERDICT_FAIL);
    assert_int_equal(push(w, "backup_age", "1", 1400, 0, &dropped), OK); /* older than what is known */
    assert_int_equal(result_of(w, "pushed")->verdict, VERDICT_FAIL);
    assert_int_equal(push(w, "backup_age", "{", 1600, 0, &dropped), ERR_INPUT);
    assert_int_equal(push(w, "backup_age", "\"soon\"", 1600, 0, &dropped), OK);
    assert_int_equal(result_of(w, "pushed")->verdict, VERDICT_UNKNOWN);
    assert_int_equal(result_of(w, "pushed")->first_failed_s, 1500);
}

static void facts_expire(void **state)
{
    struct world *w = *state;
    size_t dropped;
    assert_int_equal(push(w, "backup_age", "3600", 1000, 2000, &dropped), OK);
    again(w, 1999);
    assert_false(w->last.changed);
    again(w, 2000);
    assert_null(fact_of(w, "backup_age"));
    assert_int_equal(result_of(w, "pushed")->verdict, VERDICT_UNKNOWN);
    assert_int_equal(w->last.change_count, 1);
}

/* Nobody judges again when a fact ends: the result itself says until when it counts. */
static void a_result_ends_with_the_facts_it_rests_on(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name, *check, *a, *b;
        int64_t a_expires_s, b_expires_s;
        enum verdict verdict;
        int64_t end_s; /* 0: unknown from the start */
    } rows[] = {
        { "one fact", "one", "1", "0", 2000, 3000, VERDICT_PASS, 2000 },
        { "a failure too", "one", "0", "0", 2000, 3000, VERDICT_FAIL, 2000 },
        { "no lifetime: fresh_for", "one", "1", "0", 0, 3000, VERDICT_PASS, 1000 + 7200 + 1 },
        { "a lifetime longer than fresh_for", "one", "1", "0", 99999, 3000, VERDICT_PASS, 1000 + 7200 + 1 },
        { "a fact of another check", "one", "1", "0", 3000, 2000, VERDICT_PASS, 3000 },
        { "both are needed", "both", "1", "1", 3000, 2000, VERDICT_PASS, 2000 },
        { "either will do, the first lives longer", "either", "1", "1", 3000, 2000, VERDICT_PASS, 3000 },
        { "either will do, the second lives longer", "either", "1", "1", 2000, 3000, VERDICT_PASS, 3000 },
        { "only one of either", "either", "1", "0", 2000, 3000, VERDICT_PASS, 2000 },
        { "a failure that either fact makes", "both", "0", "0", 2000, 3000, VERDICT_FAIL, 3000 },
        { "what cannot be read", "one", "\"x\"", "0", 2000, 3000, VERDICT_UNKNOWN, 0 },
    };
    policy_free(w->policy);
    w->policy = read_policy("policy: q\nsensitivities: [s]\nchecks:\n"
                            "- { id: one, pass: 'fact.a == 1', fresh_for: 2h, interval: 1h }\n"
                            "- { id: both, pass: 'fact.a == 1 and fact.b == 1', fresh_for: 2h, interval: 1h }\n"
                            "- { id: either, pass: 'fact.a == 1 or fact.b == 1', fresh_for: 2h, interval: 1h }\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct check *check = policy_check(w->policy, span_of(rows[i].check));
        size_t dropped;
        device_free(w->device);
        w->device = device_new();
        w->device->platform = PLATFORM_LINUX;
        assert_int_equal(push(w, "a", rows[i].a, 1000, rows[i].a_expires_s, &dropped), OK);
        assert_int_equal(push(w, "b", rows[i].b, 1000, rows[i].b_expires_s, &dropped), OK);
        const struct result *result = result_of(w, rows[i].check);
        int64_t end_s = rows[i].end_s != 0 ? rows[i].end_s : 1001;
        enum verdict before = evaluate_now(check, w->device, result, end_s - 1), after = evaluate_now(check, w->device, result, end_s);
        if (result->verdict != rows[i].verdict || before != rows[i].verdict || after != VERDICT_UNKNOWN || (rows[i].end_s != 0 && evaluate_end(check, result) != end_s))
            fail_msg("%s: %s, ends at %lld; just before %s, then %s", rows[i].name, verdict_name(result->verdict), (long long)evaluate_end(check, result), verdict_name(before), verdict_name(after));
    }
}

/* What the ladder must not count: not while it lasts (evaluate_doubt), and not when it is over (device->doubts). */
static void what_was_uncertain_of_a_failure_is_written_down(void **state)
{
    enum { T = 100000, OLD = 2 * 3600, MOST = 6 };
    struct world *w = *state;
    static const struct {
        const char *name;
        struct { const char *rows; int64_t at_s; } reads[MOST]; /* after a first failure at T, told at T + 600 */
        int64_t doubt_s;       /* at the last read */
        const char *doubts;
    } rows[] = {
        { "seen again in time", { { BAD, T + 3600 }, { BAD, T + OLD } }, 0, "" },
        { "the last second", { { BAD, T + 600 + OLD } }, 0, "" },
        { "nobody looked for too long", { { BAD, T + 600 + OLD + 5000 } }, 0, "107801-112800" },
        { "twice", { { BAD, T + 600 + OLD + 5000 }, { BAD, T + 600 + OLD + 5000 + OLD + 2 } }, 0, "107801-112800, 120001-120002" },
        { "it cannot be told", { { NULL, T + 4000 } }, T + 4000, "" },
        { "it could not be told for a while", { { NULL, T + 4000 }, { HALF, T + 5000 }, { BAD, T + 6000 } }, 0, "104000-106000" },
        { "too old, then it cannot be told, then it fails", { { NULL, T + 600 + OLD + 5000 }, { BAD, T + 600 + OLD + 6000 } }, 0, "107801-113800" },
        { "mended for a moment: the same failure goes on", { { NULL, T + 4000 }, { BAD, T + 6000 }, { GOOD, T + 7000 }, { BAD, T + 8000 } }, 0, "104000-106000" },
        { "it could not be told, and then it passed", { { NULL, T + 4000 }, { GOOD, T + 6000 } }, T + 6000, "104000-106000" },
        { "nobody looked for too long, then it passed for a moment", { { GOOD, T + 600 + OLD + 5000 }, { BAD, T + 600 + OLD + 6000 } }, 0, "107801-112800" },
        { "mended for an hour: a new one", { { NULL, T + 4000 }, { BAD, T + 6000 }, { GOOD, T + 7000 }, { BAD, T + 10600 } }, 0, "" },
        { "an answer from before, and another", { { BAD, T + 3600 }, { NULL, T + 3000 }, { BAD, T + 4000 } }, 0, "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char found[200] = "";
        int64_t at_s = T + 600;
        device_free(w->device);
        w->device = device_new();
        w->device->platform = PLATFORM_LINUX;
        read_rows(w, "disk", BAD, T);
        read_rows(w, "disk", BAD, at_s);
        assert_int_not_equal(result_of(w, "disk")->visible_s, 0);
        for (size_t k = 0; k < MOST && rows[i].reads[k].at_s != 0; k++) {
            size_t before = w->device->doubt_count;
            read_rows(w, "disk", rows[i].reads[k].rows, at_s = rows[i].reads[k].at_s);
            assert_true(w->last.doubted ? w->last.changed : w->device->doubt_count <= before);
        }
        for (size_t k = 0; k < w->device->doubt_count; k++)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%lld-%lld", k > 0 ? ", " : "", (long long)w->device->doubts[k].time.from_s, (long long)w->device->doubts[k].time.to_s);
        int64_t doubt_s = evaluate_doubt(policy_check(w->policy, SPAN_LITERAL("disk")), result_of(w, "disk"), at_s);
        if (strcmp(found, rows[i].doubts) != 0 || doubt_s != rows[i].doubt_s)
            fail_msg("%s: %s, now %lld", rows[i].name, found, (long long)doubt_s);
    }
}

static void rows_outlive_a_fact_that_they_do_not_need(void **state)
{
    struct world *w = *state;
    const struct check *mixed = policy_check(w->policy, span_of("mixed"));
    size_t dropped;
    assert_int_equal(push(w, "excused", "true", 1000, 2000, &dropped), OK);
    read_rows(w, "mixed", "[{\"a\":\"0\"}]", 1000);
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 1999), VERDICT_PASS);
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 2000), VERDICT_UNKNOWN);
    read_rows(w, "mixed", "[{\"a\":\"1\"}]", 1100);
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 2000), VERDICT_PASS);
    read_rows(w, "mixed", "[{\"a\":\"0\"}]", 2100);
    assert_int_equal(push(w, "excused", "true", 2200, 2300, &dropped), OK); /* judged over the kept rows */
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 2299), VERDICT_PASS);
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 2300), VERDICT_UNKNOWN);
    assert_int_equal(push(w, "excused", "true", 2250, 2400, &dropped), OK); /* the same value, for longer */
    assert_true(w->last.changed);
    assert_int_equal(evaluate_now(mixed, w->device, result_of(w, "mixed"), 2399), VERDICT_PASS);
}

static void a_fact_changes_the_verdict_of_kept_rows(void **state)
{
    struct world *w = *state;
    size_t dropped;
    assert_int_equal(push(w, "excused", "true", 900, 0, &dropped), OK);
    assert_null(result_of(w, "mixed")); /* nobody answered the statement yet */
    read_rows(w, "mixed", "[{\"a\":\"0\"}]", 1000);
    assert_int_equal(result_of(w, "mixed")->verdict, VERDICT_PASS);
    assert_int_equal(push(w, "excused", "false", 1200, 0, &dropped), OK);
    assert_int_equal(result_of(w, "mixed")->verdict, VERDICT_FAIL);
    assert_int_equal(result_of(w, "mixed")->evaluated_s, 1000); /* the rows are no newer */
    assert_int_equal(result_of(w, "mixed")->first_failed_s, 1200);
}

static void two_sources_that_disagree_decide_by_the_rule(void **state)
{
    static const struct { const char *name, *rows, *word; enum disagreement rule; int64_t rows_s, word_s; enum verdict verdict, other; } rows[] = {
        { "they agree", "[{\"a\":1}]", "true", DISAGREEMENT_UNKNOWN, 1000, 2000, VERDICT_PASS, VERDICT_UNKNOWN },
        { "the manager says no", "[{\"a\":1}]", "false", DISAGREEMENT_UNKNOWN, 1000, 2000, VERDICT_UNKNOWN, VERDICT_FAIL },
        { "the manager says yes", "[{\"a\":0}]", "true", DISAGREEMENT_UNKNOWN, 1000, 2000, VERDICT_UNKNOWN, VERDICT_PASS },
        { "osquery is believed", "[{\"a\":1}]", "false", DISAGREEMENT_OSQUERY, 1000, 2000, VERDICT_PASS, VERDICT_FAIL },
        { "the manager is believed", "[{\"a\":1}]", "false", DISAGREEMENT_MDM, 1000, 2000, VERDICT_FAIL, VERDICT_FAIL },
        { "a word from before proves nothing", "[{\"a\":1}]", "false", DISAGREEMENT_UNKNOWN, 2000, 1000, VERDICT_PASS, VERDICT_UNKNOWN },
        { "a word that is no answer", "[{\"a\":1}]", "null", DISAGREEMENT_UNKNOWN, 1000, 2000, VERDICT_PASS, VERDICT_UNKNOWN },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = { OK, "" };
        size_t dropped = 0;
        print_message("%s\n", rows[i].name);
        device_free(w->device);
        w->device = device_new();
        w->device->platform = PLATFORM_LINUX;
        w->policy->mdm.disagreement = rows[i].rule;
        read_rows(w, "twice", rows[i].rows, rows[i].rows_s);
        struct pushed_fact fact = { SPAN_LITERAL("mdm.encrypted"), span_of(rows[i].word), SPAN_LITERAL("mdm:fleet"), rows[i].word_s, 0 };
        assert_int_equal(evaluate_facts(w->policy, w->device, &fact, 1, 3000, &w->arena, &w->last, &dropped, &err), OK);
        const struct result *result = device_result(w->device, SPAN_LITERAL("twice"));
        assert_int_equal(result->verdict, rows[i].verdict);
        assert_int_equal(result->other, rows[i].other);
        read_rows(w, "twice", rows[i].rows, 3000); /* read again: it stays so, and is not news */
        result = device_result(w->device, SPAN_LITERAL("twice"));
        assert_int_equal(result->verdict, rows[i].verdict);
        assert_int_equal(result->other, rows[i].other);
        assert_int_equal(w->last.change_count, 0);
    }
    read_rows(w, "twice", "[{\"a\":0}]", 4000);
    assert_int_equal(device_result(w->device, SPAN_LITERAL("twice"))->verdict, VERDICT_FAIL); /* the manager has not looked since */
}

static void a_new_policy_drops_what_it_does_not_ask(void **state)
{
    struct world *w = *state;
    size_t dropped;
    read_rows(w, "disk", BAD, 1000);
    read_rows(w, "hurry", "[]", 1000);
    assert_int_equal(push(w, "backup_age", "1", 1000, 0, &dropped), OK);
    policy_free(w->policy);
    w->policy = read_policy("policy: q\nsensitivities: [s]\nvisible_after: off\nchecks:\n"
                            "- { id: disk, osquery: { linux: 'SELECT path, encrypted FROM t' }, pass: 'all(encrypted == 1)' }\n");
    again(w, 2000);
    assert_true(w->last.changed);
    assert_int_equal(w->device->result_count, 1);
    assert_int_equal(result_of(w, "disk")->verdict, VERDICT_FAIL); /* the old result stands until it is asked anew */
    assert_int_equal(result_of(w, "disk")->visible_s, 2000);       /* one read is enough now */
    assert_int_equal(w->device->fact_count, 0);                    /* rows of the old statement answer another question */
    unsigned due[4];
    assert_int_equal(evaluate_due(w->policy, w->device, 2000, 0, 30, due, 4), 1);
}

static void a_result_is_good_while_it_is_fresh(void **state)
{
    struct world *w = *state;
    const struct check *disk = policy_check(w->policy, span_of("disk"));
    read_rows(w, "disk", GOOD, 1000);
    assert_int_equal(evaluate_now(disk, w->device, result_of(w, "disk"), 1000 + 7200), VERDICT_PASS);
    assert_int_equal(evaluate_now(disk, w->device, result_of(w, "disk"), 1000 + 7201), VERDICT_UNKNOWN);
    assert_int_equal(evaluate_now(disk, w->device, NULL, 1000), VERDICT_UNKNOWN);
    w->device->platform = PLATFORM_MACOS;
    assert_int_equal(evaluate_now(disk, w->device, result_of(w, "disk"), 1000), VERDICT_NOT_APPLICABLE);
}

static void devices_are_asked_when_it_is_time(void **state)
{
    struct world *w = *state;
    static struct span disk = SPAN_LITERAL("disk");
    static const struct {
        const char *name;
        int64_t now_s, asked_s, recheck_s;
        bool disk_only;
        const char *due; /* first letters */
    } rows[] = {
        { "hurry after 10 minutes", 10600, 0, 0, false, "hmt" }, /* mixed was never answered */
        { "just asked", 10600, 10590, 0, false, "" },
        { "not answered for two polls", 10600, 10570, 0, false, "hmt" },
        { "not yet", 10599, 0, 0, false, "mt" },
        { "all after an hour", 13600, 0, 0, false, "dhmt" },
        { "check again", 10100, 0, 10050, false, "dhmt" },
        { "check one again", 10100, 10099, 10100, true, "d" },
        { "check again, asked since", 10100, 10090, 10080, false, "" },
        { "check again, asked before it", 10100, 10075, 10080, true, "d" },
        { "check again, answered since", 10100, 0, 10000, true, "mt" },
    };
    read_rows(w, "disk", GOOD, 10000);
    read_rows(w, "hurry", "[]", 10000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned due[8];
        char letters[9] = "";
        w->device->recheck_s = rows[i].recheck_s;
        w->device->recheck_checks = rows[i].disk_only ? &disk : NULL;
        w->device->recheck_count = rows[i].disk_only;
        size_t count = evaluate_due(w->policy, w->device, rows[i].now_s, rows[i].asked_s, 30, due, 8);
        for (size_t k = 0; k < count; k++)
            letters[k] = w->policy->checks[due[k]].id.at[0];
        printf("row %s\n", rows[i].name);
        assert_string_equal(letters, rows[i].due);
    }
    unsigned one;
    assert_int_equal(evaluate_due(w->policy, w->device, 99999, 0, 30, &one, 1), 1);
}

static void what_a_new_policy_asks_can_be_put_off(void **state)
{
    static const struct span disk = { "disk", 4 };
    static const struct { const char *name; int64_t now_s, recheck_s; bool has_results; const char *left; } rows[] = {
        { "new here", 10010, 0, false, "" },
        { "changed", 10010, 0, true, "" },
        { "changed, and its time has come", 99999, 0, true, "dh" },
        { "somebody waits for it", 10100, 10050, true, "d" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned due[8];
        char letters[9] = "";
        if (rows[i].has_results) {
            read_rows(w, "disk", GOOD, 10000);
            read_rows(w, "hurry", "[]", 10000);
        }
        for (size_t k = 0; k < w->device->result_count; k++)
            ((struct result *)(uintptr_t)&w->device->results[k])->check_version = SPAN_LITERAL("before");
        w->device->recheck_s = rows[i].recheck_s;
        w->device->recheck_checks = &disk;
        w->device->recheck_count = 1;
        size_t count = evaluate_due(w->policy, w->device, rows[i].now_s, 0, 30, due, 8), left = evaluate_without_changed(w->policy, w->device, rows[i].now_s, due, count);
        size_t shown = 0;
        for (size_t k = 0; k < left; k++)
            if (device_result(w->device, w->policy->checks[due[k]].id) != NULL)
                letters[shown++] = w->policy->checks[due[k]].id.at[0];
        printf("row %s\n", rows[i].name);
        assert_true(count > 0);
        assert_string_equal(letters, rows[i].left);
    }
}

static void short_memory_is_an_error_and_changes_nothing(void **state)
{
    struct world *w = *state;
    struct err err;
    struct from_json_limits limits = { 1024, 8 };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    assert_int_equal(from_json_parse(span_of(BAD), limits, "rows", &doc, &err), OK);
    struct from_json_value rows = from_json_root(doc);
    struct observation seen = { .check = policy_check(w->policy, span_of("disk")), .rows = &rows, .source = SPAN_LITERAL("osquery"), .observed_s = 10 };
    unsigned refused = 0;
    for (size_t limit = 0; limit < 2048; limit += 16) {
        struct device *device = device_new();
        device->platform = PLATFORM_LINUX;
        arena_done(&device->arena);
        arena_init(&device->arena, 64, limit);
        enum err_code code = evaluate_observations(w->policy, device, &seen, 1, 10, &w->arena, &w->last, &err);
        assert_true(code == OK || code == ERR_MEMORY);
        assert_int_equal(device->result_count, code == OK);
        refused += code != OK;
        device_free(device);
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_follow_the_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_names_what_was_seen_and_why_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_named_columns_are_kept_and_not_too_many_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_wait_is_visible_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recheck_of_another_check_shows_nothing_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_of_another_platform_is_not_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_stay_sorted_and_the_newest_of_two_answers_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushed_facts_are_judged_kept_and_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(facts_expire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_uncertain_of_a_failure_is_written_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_ends_with_the_facts_it_rests_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_outlive_a_fact_that_they_do_not_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fact_changes_the_verdict_of_kept_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_sources_that_disagree_decide_by_the_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_policy_drops_what_it_does_not_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_result_is_good_while_it_is_fresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(devices_are_asked_when_it_is_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_new_policy_asks_can_be_put_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_memory_is_an_error_and_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
