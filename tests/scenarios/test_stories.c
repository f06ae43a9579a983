/* Stories under a fake clock: each *.story file beside this one is a device, its person, and what time does to them. The pure core is driven as the
 * gateway drives it (evaluate, ladder, nudge, decide), every five minutes of the story; a message that the cap allows is delivered at once.
 *   enroll TIME · run TIME · break CHECK · fix CHECK · off · on · absent FROM TO · dispute CHECK FROM TO
 *   expect rung ID|none · expect nudges N · expect APP allow|warn|deny */
#include "posture/decision.h"
#include "posture/evaluate.h"

#include "posture/base/clock.h"
#include "posture/base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { STEP_S = 300, STORY_BYTES = 64 * 1024, BROKEN_MOST = 4 };
struct story {
    const char *file;
    unsigned line;
    struct policy *policy;
    struct calendar *calendar;
    struct device *device;
    struct person *person;
    struct absence absence;
    struct dispute dispute;
    char broken[BROKEN_MOST][40];
    int64_t now_s;
    bool off;
    unsigned nudges;
};

static void fail_at(const struct story *s, const char *what, struct span got)
{
    char now[CLOCK_TEXT_BYTES];
    fail_msg("%s:%u at %s: %s, got %.*s", s->file, s->line, clock_rfc3339(s->now_s, now), what, SPAN_ARGS(got));
}

static int64_t time_of(const struct story *s, struct span text)
{
    int64_t at_s = 0;
    if (!clock_from_rfc3339(text, &at_s))
        fail_at(s, "not a time", text);
    return at_s;
}

/* ---- one step of the gateway's work ---- */

static bool is_broken(const struct story *s, struct span check)
{
    for (size_t i = 0; i < BROKEN_MOST; i++)
        if (span_equal_text(check, s->broken[i]) && !span_empty(check))
            return true;
    return false;
}

/* Rows of a healthy and of a broken Mac, as osquery gives them. */
static const char *rows_of(struct span check, bool broken)
{
    if (span_equal_text(check, "firewall"))
        return broken ? "[{\"global_state\":\"0\",\"stealth_enabled\":\"0\"}]" : "[{\"global_state\":\"1\",\"stealth_enabled\":\"1\"}]";
    return broken ? "[{\"path\":\"/\",\"encrypted\":\"0\",\"encryption_status\":\"undefined\",\"filevault_status\":\"off\"}]"
                  : "[{\"path\":\"/\",\"encrypted\":\"1\",\"encryption_status\":\"encrypted\",\"filevault_status\":\"on\"}]";
}

static void report(struct story *s)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    struct device *next = device_copy(s->device); /* as the gateway does: records are edited in copies */
    assert_non_null(next);
    device_free(s->device);
    s->device = next;
    for (size_t i = 0; i < s->policy->check_count; i++) {
        const struct check *check = &s->policy->checks[i];
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        assert_int_equal(from_json_parse(span_of(rows_of(check->id, is_broken(s, check->id))), (struct from_json_limits){ 4096, 8 }, "rows", &doc, &err), OK);
        struct from_json_value rows = from_json_root(doc);
        struct observation seen = { .check = check, .rows = &rows, .source = SPAN_LITERAL("osquery"), .observed_s = s->now_s };
        struct evaluation evaluation;
        assert_int_equal(evaluate_observations(s->policy, s->device, &seen, 1, s->now_s, &arena, &evaluation, &err), OK);
        for (size_t c = 0; c < evaluation.change_count; c++)
            if (evaluation.changes[c].to == VERDICT_PASS)
                person_forget_told(s->person, s->device->id, evaluation.changes[c].check);
    }
    (void)device_spoke(s->device, s->now_s);
    arena_done(&arena);
}

static struct ladder_input ladder_of(const struct story *s)
{
    return (struct ladder_input){ .policy = s->policy, .calendar = s->calendar, .person = s->person, .device = s->device, .now_s = s->now_s };
}

static void nudge(struct story *s)
{
    struct arena arena;
    struct notice_item items[BROKEN_MOST];
    struct standing *standings = NULL;
    size_t items_count = 0;
    struct ladder_input in = ladder_of(s);
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    size_t count = ladder_standings(&in, &arena, &standings);
    for (size_t i = 0; i < count && items_count < BROKEN_MOST; i++)
        if (standings[i].rung >= 0)
            items[items_count++] = (struct notice_item){ s->device->id, standings[i].check->id, standings[i].close_s };
    struct nudge_input ask = { .policy = s->policy, .calendar = s->calendar, .person = s->person, .now_s = s->now_s, .items = items, .item_count = items_count };
    struct nudge_plan plan = ladder_nudge(&ask);
    if (plan.send) {
        s->nudges++;
        s->person->nudge_day = plan.local_day;
        s->person->nudge_s = s->now_s;
        for (size_t i = 0; i < items_count; i++)
            assert_true(person_add_told(s->person, items[i].device, items[i].check, s->now_s));
    }
    arena_done(&arena);
}

static void run_until(struct story *s, int64_t until_s)
{
    for (; s->now_s < until_s; s->now_s += STEP_S) {
        if (!s->off)
            report(s);
        nudge(s);
    }
    s->now_s = until_s;
}

/* ---- what is expected ---- */

static void expect_rung(struct story *s, struct span wanted)
{
    struct arena arena;
    struct standing *standings = NULL;
    struct ladder_input in = ladder_of(s);
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    size_t count = ladder_standings(&in, &arena, &standings);
    struct ladder_summary sum = ladder_summary(&in, standings, count);
    struct span got = span_empty(sum.rung) ? SPAN_LITERAL("none") : sum.rung;
    if (!span_equal(got, wanted))
        fail_at(s, "another rung was expected", got);
    arena_done(&arena);
}

static void expect_outcome(struct story *s, struct span app, struct span wanted)
{
    struct arena arena;
    const struct device *devices[] = { s->device };
    struct decision decision;
    arena_init(&arena, 16 * 1024, 1024 * 1024);
    struct decision_input in = { .policy = s->policy, .calendar = s->calendar, .person = s->person, .person_asked = s->person->id, .door = DEVICE_NOT_ASKED, .devices = devices,
                                 .device_count = 1, .app = policy_app(s->policy, app), .app_asked = app, .now_s = s->now_s, .ladder_now_s = s->now_s };
    decision_make(&in, &arena, NULL, NULL, &decision);
    if (!span_equal_text(wanted, outcome_name(decision.outcome)))
        fail_at(s, "another outcome was expected", span_of(outcome_name(decision.outcome)));
    arena_done(&arena);
}

static void expect(struct story *s, struct span what, struct span wanted)
{
    uint64_t number = 0;
    char nudges[24];
    if (span_equal_text(what, "rung")) {
        expect_rung(s, wanted);
    } else if (span_equal_text(what, "nudges")) {
        snprintf(nudges, sizeof nudges, "%u", s->nudges);
        if (!span_to_u64(wanted, &number) || number != s->nudges)
            fail_at(s, "another number of messages was expected", span_of(nudges));
    } else {
        expect_outcome(s, what, wanted);
    }
}

/* ---- lines ---- */

static void set_broken(struct story *s, struct span check, bool broken)
{
    for (size_t i = 0; i < BROKEN_MOST; i++) {
        if (broken ? s->broken[i][0] == '\0' : span_equal_text(check, s->broken[i])) {
            snprintf(s->broken[i], sizeof s->broken[i], "%.*s", broken ? (int)check.bytes : 0, check.at);
            return;
        }
    }
}

static void enroll(struct story *s, int64_t at_s)
{
    s->now_s = at_s;
    s->device->enrolled_s = at_s;
    s->device->platform = PLATFORM_MACOS;
    s->device->owner = s->person->id;
}

static void do_line(struct story *s, const struct span *words)
{
    if (span_equal_text(words[0], "enroll"))
        enroll(s, time_of(s, words[1]));
    else if (span_equal_text(words[0], "run"))
        run_until(s, time_of(s, words[1]));
    else if (span_equal_text(words[0], "break") || span_equal_text(words[0], "fix"))
        set_broken(s, words[1], words[0].at[0] == 'b');
    else if (span_equal_text(words[0], "off") || span_equal_text(words[0], "on"))
        s->off = words[0].bytes == 3;
    else if (span_equal_text(words[0], "expect"))
        expect(s, words[1], words[2]);
    else if (span_equal_text(words[0], "absent")) {
        s->absence = (struct absence){ { time_of(s, words[1]), time_of(s, words[2]) }, SPAN_LITERAL("story") };
        s->person->absences = &s->absence;
        s->person->absence_count = 1;
    } else if (span_equal_text(words[0], "dispute")) {
        s->dispute = (struct dispute){ .id = SPAN_LITERAL("e_1"), .device = arena_copy(&s->person->arena, s->device->id), .check = arena_copy(&s->person->arena, words[1]),
                                       .time = { time_of(s, words[2]), time_of(s, words[3]) } };
        s->person->disputes = &s->dispute;
        s->person->dispute_count = 1;
    } else
        fail_at(s, "not a line of a story", words[0]);
}

static void tell(struct story *s, struct span text)
{
    struct span line;
    while (span_cut(&text, '\n', &line)) {
        struct span words[4] = { SPAN_NONE }, word;
        size_t count = 0;
        s->line++;
        line = span_trim(line);
        if (span_empty(line) || line.at[0] == '#')
            continue;
        while (count < 4 && span_cut(&line, ' ', &word))
            words[count++] = word;
        do_line(s, words);
    }
}

static void read_policy(struct story *s)
{
    struct buf text, printed;
    struct mistakes mistakes;
    struct err err;
    buf_init(&text, STORY_BYTES);
    buf_init(&printed, STORY_BYTES);
    mistakes_init(&mistakes);
    assert_int_equal(file_read(SOURCE_DIR "/tests/scenarios/policy.yaml", STORY_BYTES, &text, &err), OK);
    policy_read(buf_span(&text), SPAN_LITERAL("policy.yaml"), &mistakes, &s->policy);
    if (s->policy == NULL && mistakes_print(&mistakes, &printed))
        fail_msg("%s", buf_text(&printed));
    mistakes_done(&mistakes);
    buf_done(&printed);
    buf_done(&text);
}

static void a_story_goes_as_told(void **state)
{
    struct story s = { .file = *state };
    struct buf text;
    struct err err;
    buf_init(&text, STORY_BYTES);
    read_policy(&s);
    s.calendar = calendar_new("/usr/share/zoneinfo");
    assert_int_equal(calendar_prepare(s.calendar, SPAN_LITERAL("Europe/Berlin"), &err), OK);
    s.device = device_new();
    s.person = person_new();
    s.device->id = arena_copy_text(&s.device->arena, "d_aaaaaaaaaaaaaaaaaaaaaaaaaa");
    s.person->id = arena_copy_text(&s.person->arena, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(file_read(s.file, STORY_BYTES, &text, &err), OK);
    tell(&s, buf_span(&text));
    person_free(s.person);
    device_free(s.device);
    calendar_free(s.calendar);
    policy_free(s.policy);
    buf_done(&text);
}

int main(void)
{
    static struct CMUnitTest tests[64];
    static char paths[64][512];
    size_t count = 0;
    DIR *folder = opendir(SOURCE_DIR "/tests/scenarios");
    for (const struct dirent *e = folder != NULL ? readdir(folder) : NULL; e != NULL && count < 64; e = readdir(folder)) {
        if (!span_ends(span_of(e->d_name), SPAN_LITERAL(".story")))
            continue;
        snprintf(paths[count], sizeof paths[count], "%s/tests/scenarios/%s", SOURCE_DIR, e->d_name);
        tests[count] = (struct CMUnitTest){ strrchr(paths[count], '/') + 1, a_story_goes_as_told, NULL, NULL, paths[count] };
        count++;
    }
    if (folder != NULL)
        closedir(folder);
    if (count == 0) {
        fprintf(stderr, "no stories found\n");
        return 1;
    }
    return _cmocka_run_group_tests("stories", tests, count, NULL, NULL);
}
