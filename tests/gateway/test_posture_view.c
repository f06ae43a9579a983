/* What /v1/posture says of a device, byte for byte: beside the writer, which copies what results have in common, stands a plain one that writes each member by itself. */
#include "gateway/api/posture_view.h"
#include "posture/evaluate.h"

#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { NOW_S = STORY_START_S, HOUR_S = 3600, DEVICES = 3000 };
static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday]\n"
    "checks:\n"
    "- { id: alpha, title: 'Says \"alpha\" \\ and \xc3\xa9', what: \"line\\nline\", why: '<b>&', osquery: { linux: 'SELECT a FROM t', macos: 'SELECT a FROM t' }, pass: 'rows == 0', fresh_for: 2h }\n"
    "- { id: beta, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows == 0', minutes: 5, needs_admin: true, restart: true, fix: { linux: [one, 'two \"2\"'] }, fresh_for: 2h }\n"
    "- { id: delta, severity: urgent, osquery: { linux: 'SELECT a FROM t', macos: 'SELECT a FROM t' }, pass: 'rows == 0', fresh_for: 365d }\n"
    "- { id: epsilon, pass: 'fact.a == 1', fresh_for: 365d }\n"
    "- { id: gamma, osquery: { linux: 'SELECT a FROM t', macos: 'SELECT a FROM t' }, pass: 'rows == 0', fresh_for: 365d }\n"
    "- { id: mac, osquery: { macos: 'SELECT a FROM t' }, pass: 'rows == 0' }\n";

/* ---- the plain writer ---- */

static void write_words(const struct check *check, const struct check_platform *on, struct to_json *w)
{
    to_json_member_text_if(w, "what", check->what);
    to_json_member_text_if(w, "why", check->why);
    to_json_member_int(w, "minutes", check->minutes);
    to_json_member_bool(w, "needs_admin", check->needs_admin);
    to_json_member_bool(w, "restart", check->restart);
    to_json_key(w, "fix");
    to_json_array(w);
    for (size_t i = 0; i < on->fix_count; i++)
        to_json_text(w, on->fix[i]);
    to_json_end(w);
}

static const char *why_of(const struct check *check, const struct result *result)
{
    if (NOW_S < evaluate_end(check, result))
        return "the last answer is older than max_age_s";
    return result->valid_until_s != 0 && NOW_S >= result->valid_until_s ? "the pushed facts that it rests on have ended" : "the last answer is older than fresh_for";
}

static void write_known(const struct check *check, const struct result *result, enum verdict verdict, struct to_json *w)
{
    to_json_member_time_if(w, "evaluated_at", result->evaluated_s);
    to_json_member_int(w, "age_s", NOW_S - result->evaluated_s);
    to_json_member_time_if(w, "first_failed_at", result->first_failed_s);
    to_json_member_time_if(w, "last_passed_at", result->last_passed_s);
    if (result->verdict == VERDICT_FAIL)
        to_json_member_bool(w, "visible", result->visible_s != 0);
    to_json_member_text_if(w, "saw", result->saw);
    to_json_member_time_if(w, "valid_until", result->valid_until_s);
    bool faded = verdict == VERDICT_UNKNOWN && result->verdict != VERDICT_UNKNOWN;
    to_json_member_text_if(w, "why_unknown", faded ? span_of(why_of(check, result)) : result->why);
    to_json_member_text_if(w, "policy", result->policy);
}

static void write_plainly(const struct policy *p, const struct device *d, const struct posture_view *view, struct to_json *w)
{
    to_json_array(w);
    for (size_t i = 0; i < p->check_count; i++) {
        const struct check *check = &p->checks[i];
        const struct check_platform *on = &check->on[d->platform];
        const struct result *result = device_result(d, check->id);
        enum verdict verdict = evaluate_now(check, d, result, NOW_S);
        if (!on->applies)
            continue;
        if (view->max_age_s > 0 && result != NULL && verdict != VERDICT_NOT_APPLICABLE && NOW_S - result->evaluated_s > view->max_age_s)
            verdict = VERDICT_UNKNOWN;
        to_json_object(w);
        to_json_member_text(w, "check", check->id);
        to_json_member_text(w, "title", check->title);
        to_json_member_text(w, "severity", span_of(severity_name(check->severity)));
        to_json_member_text(w, "result", span_of(verdict_name(verdict)));
        if (result != NULL)
            write_known(check, result, verdict, w);
        if (view->with_words)
            write_words(check, on, w);
        to_json_end(w);
    }
    to_json_end(w);
}

/* ---- devices ---- */

struct dice { uint64_t state; };

static unsigned roll(struct dice *dice, unsigned sides)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(dice->state >> 33) % sides;
}

/* Mostly one report's: as the one before. Otherwise anything that may stand in a record. */
static void roll_result(struct dice *dice, struct result *r)
{
    static const int64_t ages_s[] = { 0, 1, HOUR_S, 2 * HOUR_S, 2 * HOUR_S + 1, 30 * HOUR_S, NOW_S, -5 };
    static const char *const texts[] = { "", "plain", "a \"quoted\" word", "back\\slash", "tab\tand\nline", "\x01\x1f\x7f", "caf\xc3\xa9 \xf0\x9f\x98\x80", "cut \xe2\x82", "bad \xff byte",
                                         "d_aaaaaaaaaaaaaaaaaaaaaaaaaa", "0123456789abcdef" };
    if (roll(dice, 3) > 0)
        return;
    r->verdict = (enum verdict)roll(dice, 5);
    r->evaluated_s = NOW_S - ages_s[roll(dice, COUNT(ages_s))];
    r->changed_s = r->evaluated_s;
    r->last_passed_s = roll(dice, 2) > 0 ? NOW_S - ages_s[roll(dice, COUNT(ages_s))] : 0;
    r->first_failed_s = r->verdict == VERDICT_FAIL ? NOW_S - ages_s[roll(dice, 6)] : 0;
    r->visible_s = r->verdict == VERDICT_FAIL && roll(dice, 2) > 0 ? r->first_failed_s : 0;
    r->valid_until_s = roll(dice, 4) == 0 ? NOW_S - 1 + roll(dice, 3) : 0;
    r->fail_reads = roll(dice, 3);
    r->saw = span_of(texts[roll(dice, COUNT(texts))]);
    r->why = roll(dice, 3) == 0 ? span_of(texts[roll(dice, COUNT(texts))]) : SPAN_NONE;
    r->policy = roll(dice, 4) > 0 ? SPAN_LITERAL("0123456789ab") : SPAN_NONE;
}

/* Results of some of the checks, and of some that are none; on a platform that has some of them. */
static struct device *roll_device(const struct story *s, struct dice *dice, int64_t version)
{
    static const char *const known[] = { "aa", "alpha", "beta", "beta2", "delta", "epsilon", "gamma", "mac", "zeta" };
    const struct policy *p = directory_control(s->node.directory)->policy;
    struct device *d = device_new();
    struct result *results = arena_array(&d->arena, COUNT(known), sizeof *results), row = { .verdict = VERDICT_PASS, .evaluated_s = NOW_S - 60, .changed_s = 7, .last_passed_s = NOW_S - 60 };
    d->id = SPAN_LITERAL("d_aaaaaaaaaaaaaaaaaaaaaaaaaa");
    d->version = version;
    d->platform = (enum platform)roll(dice, PLATFORM_COUNT);
    d->seen_s = NOW_S - 5;
    for (size_t i = 0; i < COUNT(known); i++) {
        const struct check *check = policy_check(p, span_of(known[i]));
        roll_result(dice, &row);
        row.check = span_of(known[i]);
        row.check_version = check != NULL && roll(dice, 5) > 0 ? check->version : SPAN_LITERAL("older");
        if (roll(dice, 5) > 0)
            results[d->result_count++] = row;
    }
    d->results = results;
    return d;
}

/* ---- both ---- */

static void write_answer(struct story *s, const struct posture_view *view, struct arena *arena, struct buf *out)
{
    struct http_request r = { .arena = arena, .node = &s->node, .now_s = NOW_S };
    struct to_json w;
    buf_clear(out);
    to_json_init(&w, out);
    to_json_object(&w);
    posture_write_device(&r, directory_device(s->node.directory, SPAN_LITERAL("d_aaaaaaaaaaaaaaaaaaaaaaaaaa")), view, &w);
    to_json_end(&w);
}

static void assert_same(const char *told, const char *plain)
{
    size_t at = 0;
    while (told[at] != '\0' && told[at] == plain[at])
        at++;
    size_t before = at < 200 ? at : 200;
    if (told[at] != plain[at])
        fail_msg("%.300s\nis not\n%.300s", told + at - before, plain + at - before);
}

static void assert_told(struct story *s, const struct device *d, const struct posture_view *view, struct arena *arena)
{
    CLEANUP(buf_done) struct buf out, plain;
    struct to_json w;
    buf_init(&out, 1024 * 1024);
    buf_init(&plain, 1024 * 1024);
    to_json_init(&w, &plain);
    write_plainly(directory_control(s->node.directory)->policy, d, view, &w);
    buf_append_byte(&plain, '}');
    for (int whole = 0; whole < 2; whole++) { /* with the lists of the device, and without them */
        (whole ? directory_enter : directory_enter_standing)(s->node.directory);
        write_answer(s, view, arena, &out);
        (whole ? directory_leave : directory_leave_standing)(s->node.directory);
        const char *results = strstr(buf_text(&out), ",\"results\":");
        assert_non_null(results);
        assert_same(results + strlen(",\"results\":"), buf_text(&plain));
        arena_reset(arena);
    }
}

static void results_are_told_as_a_plain_writer_tells_them(void **state)
{
    static const struct posture_view views[] = { { 0, true, false }, { 0, false, false }, { 1, true, false }, { 2 * HOUR_S, true, false }, { HOUR_S, false, false } };
    struct story s;
    struct arena arena;
    struct err err;
    struct dice dice = { 20261129 };
    (void)state;
    story_start(&s, policy);
    story_feed(&s);
    arena_init(&arena, 64 * 1024, 8 * 1024 * 1024);
    for (int i = 0; i < DEVICES; i++) {
        struct device *d = roll_device(&s, &dice, i + 1), *copy = device_copy(d);
        assert_non_null(copy);
        assert_int_equal(directory_put_device(s.node.directory, copy, &err), OK);
        assert_told(&s, d, &views[roll(&dice, COUNT(views))], &arena);
        device_free(d);
    }
    arena_done(&arena);
    story_end(&s);
}

static void without_memory_no_answer_is_given(void **state)
{
    const struct posture_view view = { .with_words = true };
    CLEANUP(buf_done) struct buf out;
    struct story s;
    struct arena arena;
    struct err err;
    struct dice dice = { 1 };
    (void)state;
    story_start(&s, policy);
    story_feed(&s);
    assert_int_equal(directory_put_device(s.node.directory, roll_device(&s, &dice, 1), &err), OK);
    buf_init(&out, 1024 * 1024);
    directory_enter_standing(s.node.directory);
    arena_init(&arena, 64 * 1024, 16);
    write_answer(&s, &view, &arena, &out);
    assert_int_equal(buf_check(&out, "an answer", &err), ERR_MEMORY);
    directory_leave_standing(s.node.directory);
    arena_done(&arena);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_told_as_a_plain_writer_tells_them),
        cmocka_unit_test(without_memory_no_answer_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
