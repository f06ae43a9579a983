#include "posture/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "posture/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define HEAD "policy: p\nsensitivities: [everyday, sensitive, critical]\napps: []\nvisible_after: off\ngrace: { new_device: 48h, after_absence: 24h }\n" \
             "nudges: { per_person: 1/1d, apart: 16h, hours: '10:00-16:00', days: [mon, tue, wed, thu, fri], zone: UTC }\n" \
             "checks:\n- { id: disk, severity: high, minutes: 10, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d }\n" \
             "- { id: fire, severity: high, minutes: 2, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3d }\n" \
             "- { id: hurry, severity: urgent, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d }\n" \
             "- { id: small, severity: minor, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d }\n" \
             "ladders:\n- { id: l, applies_to: { severity: [high, urgent] },\n"
#define RUNGS "  rungs: [ { id: notice, after: 0d, nudge: true }, { id: warn, after: 3d, login: warn }, { id: sensitive, after: 7d, close: [sensitive, critical] },\n" \
              "           { id: all, after: 14d, close: [everyday, sensitive, critical], end_sessions: true }, { id: managed, after: 21d, mdm: fallback } ],\n"

enum text { ONE_NOTICE, TWO_NOTICES, RISE, NO_PAUSES, CLOSE_AT_ONCE, RING_NOBODY, TEXTS };
static const char *const texts[TEXTS] = {
    [ONE_NOTICE] = HEAD RUNGS "  notices_before_close: 1, rise: off }\n",
    [TWO_NOTICES] = HEAD RUNGS "  notices_before_close: 2, rise: off }\n",
    [RISE] = HEAD RUNGS "  notices_before_close: 1, rise: { notice_before: 24h, working_hours: true, per_day: 1 } }\n",
    [NO_PAUSES] = HEAD RUNGS "  notices_before_close: 1, rise: off, clock: { pauses: [] } }\n",
    [CLOSE_AT_ONCE] = HEAD "  rungs: [ { id: shut, after: 1h, close: [critical] }, { id: more, after: 2h, close: [sensitive, critical] } ],\n"
                           "  notices_before_close: 1, rise: { notice_before: 24h, working_hours: false, per_day: 0 } }\n",
    [RING_NOBODY] = HEAD RUNGS "  notices_before_close: 1, rise: off }\nrings: { percent: 0 }\n",
};

/* Monday 2026-11-16 10:00:00 UTC: the window for messages opens. Rows count in hours from it. */
#define T0 INT64_C(1794823200)
enum { NONE = -9999, DAY = 24, END = 0 };
static int64_t hours(double h) { return T0 + (int64_t)(h * 3600); }

struct span_of_hours { double from, to; }; /* to END: open; from NONE: no more */
struct story {
    const char *name;
    enum text policy;
    const char *check;                 /* NULL: disk */
    double now;
    double visible;
    double notices[4];                 /* NONE ends */
    struct span_of_hours absences[2], disputes[2], on[3];
    struct span_of_hours incidents[2], doubts[2];
    double seen;                       /* hours; 0: now */
    double enrolled;                   /* hours; 0: long ago */
    enum verdict verdict;              /* VERDICT_UNKNOWN with changed: see `changed` */
    double changed;
    bool frozen;
    struct { double passed, used, failed; } told, mended; /* hours that were used; 0: none */
    /* expected */
    int rung;
    double rung_at, next, close;       /* NONE: 0 */
    unsigned paused;
    bool waiting;
};

struct world {
    struct policy *policies[TEXTS];
    struct calendar *calendar;
    struct arena arena;
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
    static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York" };
    struct world *w = calloc(1, sizeof *w);
    struct err err;
    if (w == NULL)
        return -1;
    for (int i = 0; i < TEXTS; i++)
        w->policies[i] = read_policy(texts[i]);
    w->calendar = calendar_new("/usr/share/zoneinfo");
    for (size_t i = 0; i < COUNT(zones); i++)
        assert_int_equal(calendar_prepare(w->calendar, span_of(zones[i]), &err), OK);
    arena_init(&w->arena, 4096, 4 * 1024 * 1024);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < TEXTS; i++)
        policy_free(w->policies[i]);
    calendar_free(w->calendar);
    arena_done(&w->arena);
    free(w);
    return 0;
}

static bool is_set(struct span_of_hours s) { return s.from != s.to || s.from != 0; }
static struct interval interval_of(struct span_of_hours s) { return (struct interval){ hours(s.from), s.to == END ? 0 : hours(s.to) }; }

/* What a story is told about: everything that ladder_standings() reads. */
struct stage {
    struct person *person;
    struct device device;
    struct result result;
    struct mended mended;
    struct absence absences[2];
    struct dispute disputes[2];
    struct interval on[3];
    struct pause pauses[2];
    struct doubt doubts[3];
    struct ladder_input in;
};

static void fill_person(const struct story *s, struct stage *t)
{
    struct person *p = t->person = person_new();
    p->id = SPAN_LITERAL("p_1");
    for (size_t i = 0; i < COUNT(s->notices) && s->notices[i] != 0; i++)
        assert_true(person_add_told(p, SPAN_LITERAL("d_1"), t->result.check, hours(s->notices[i])));
    struct told *told = person_edit_told(p, SPAN_LITERAL("d_1"), t->result.check);
    if (told != NULL && s->told.passed != 0) {
        told->passed_s = hours(s->told.passed);
        told->used_s = (int64_t)(s->told.used * 3600);
    }
    if (s->mended.used != 0) {
        t->mended = (struct mended){ t->device.id, t->result.check, hours(s->mended.passed), (int64_t)(s->mended.used * 3600), s->mended.failed != 0 ? hours(s->mended.failed) : 0 };
        p->mended = &t->mended;
        p->mended_count = 1;
    }
    for (size_t i = 0; i < COUNT(s->absences) && is_set(s->absences[i]); i++)
        t->absences[p->absence_count++].time = interval_of(s->absences[i]);
    p->absences = t->absences;
    for (size_t i = 0; i < COUNT(s->disputes) && is_set(s->disputes[i]); i++)
        t->disputes[p->dispute_count++] = (struct dispute){ .device = SPAN_LITERAL("d_1"), .check = t->result.check, .time = interval_of(s->disputes[i]) };
    p->disputes = t->disputes;
}

static void fill_device(const struct story *s, struct stage *t)
{
    int64_t visible_s = hours(s->visible);
    t->result = (struct result){ .check = span_of(s->check == NULL ? "disk" : s->check), .verdict = s->verdict == VERDICT_UNKNOWN && s->changed == 0 ? VERDICT_FAIL : s->verdict,
                                 .evaluated_s = hours(s->now), .changed_s = s->changed == 0 ? visible_s : hours(s->changed), .first_failed_s = visible_s, .visible_s = visible_s };
    t->device = (struct device){ .id = SPAN_LITERAL("d_1"), .owner = SPAN_LITERAL("p_1"), .enrolled_s = s->enrolled == 0 ? 1 : hours(s->enrolled),
                                 .seen_s = hours(s->seen == 0 ? s->now : s->seen), .results = &t->result, .result_count = 1 };
    for (size_t i = 0; i < COUNT(s->on) && is_set(s->on[i]); i++)
        t->on[t->device.on_count++] = interval_of(s->on[i]);
    t->device.on = t->on;
    t->doubts[t->device.doubt_count++] = (struct doubt){ SPAN_LITERAL("another"), { hours(-1000), hours(1000) } };
    for (size_t i = 0; i < COUNT(s->doubts) && is_set(s->doubts[i]); i++)
        t->doubts[t->device.doubt_count++] = (struct doubt){ t->result.check, interval_of(s->doubts[i]) };
    t->device.doubts = t->doubts;
}

static void fill_stage(const struct world *w, const struct story *s, struct stage *t)
{
    *t = (struct stage){ 0 };
    fill_device(s, t);
    fill_person(s, t);
    size_t pauses = 0;
    for (size_t i = 0; i < COUNT(s->incidents) && is_set(s->incidents[i]); i++)
        t->pauses[pauses++] = (struct pause){ interval_of(s->incidents[i]), PAUSE_INCIDENT };
    t->in = (struct ladder_input){ .policy = w->policies[s->policy], .calendar = w->calendar, .person = t->person, .device = &t->device, .pauses = t->pauses, .pause_count = pauses,
                                   .now_s = hours(s->now), .frozen = s->frozen };
}

static bool same_time(double expected, int64_t found_s) { return found_s == (expected == NONE ? 0 : hours(expected)); }

static void tell(struct world *w, const struct story *s)
{
    struct stage t;
    struct standing *all;
    fill_stage(w, s, &t);
    size_t count = ladder_standings(&t.in, &w->arena, &all);
    if (count != 1)
        fail_msg("%s: %zu standings", s->name, count);
    bool good = all->rung == s->rung && same_time(s->rung_at, all->rung_s) && same_time(s->next, all->next_s) && same_time(s->close, all->close_s) && all->paused == s->paused &&
                all->waiting_for_notice == s->waiting;
    if (!good)
        fail_msg("%s: rung %d at %.3f, next %.3f, close %.3f, paused %u, waiting %d", s->name, all->rung, (double)(all->rung_s - T0) / 3600, (double)(all->next_s - T0) / 3600,
                 (double)(all->close_s - T0) / 3600, all->paused, all->waiting_for_notice);
    struct ladder_summary sum = ladder_summary(&t.in, all, count);
    assert_int_equal(sum.closed, all->closed);
    assert_true(sum.due_s == 0 || sum.due_s > t.in.now_s);
    person_free(t.person);
    arena_reset(&w->arena);
}

static void plain_clocks(void **state)
{
    static const struct story rows[] = {
        { "a failure that was just seen", .now = 0, .rung = 0, .rung_at = 0, .next = 3 * DAY, .close = 7 * DAY, .waiting = true },
        { "told, and a day has passed", .now = 1 + DAY, .notices = { 1 }, .rung = 0, .rung_at = 0, .next = 1 + 3 * DAY, .close = 1 + 7 * DAY },
        { "the last second before the warning", .now = 1 + 3 * DAY - 1.0 / 3600, .notices = { 1 }, .rung = 0, .rung_at = 0, .next = 1 + 3 * DAY, .close = 1 + 7 * DAY },
        { "the second of the warning", .now = 1 + 3 * DAY, .notices = { 1 }, .rung = 1, .rung_at = 1 + 3 * DAY, .next = 1 + 7 * DAY, .close = 1 + 7 * DAY },
        { "the second of the closing", .now = 1 + 7 * DAY, .notices = { 1 }, .rung = 2, .rung_at = 1 + 7 * DAY, .next = 1 + 14 * DAY, .close = 1 + 14 * DAY },
        { "everything is closed", .now = 1 + 15 * DAY, .notices = { 1 }, .rung = 3, .rung_at = 1 + 14 * DAY, .next = 1 + 21 * DAY, .close = NONE },
        { "at the top", .now = 1 + 30 * DAY, .notices = { 1 }, .rung = 4, .rung_at = 1 + 21 * DAY, .next = NONE, .close = NONE },
        { "never told, for a year", .now = 365 * DAY, .rung = 0, .rung_at = 0, .next = 368 * DAY, .close = 372 * DAY, .waiting = true },
        { "told once where two are needed", .policy = TWO_NOTICES, .now = 1 + 8 * DAY, .notices = { 1 }, .rung = 1, .rung_at = 1 + 3 * DAY, .next = NONE, .close = NONE, .waiting = true },
        { "the second notice came late", .policy = TWO_NOTICES, .now = 1 + 9 * DAY, .notices = { 1, 1 + 9 * DAY }, .rung = 2, .rung_at = 1 + 9 * DAY, .next = 1 + 14 * DAY, .close = 1 + 14 * DAY },
        { "two notices in time", .policy = TWO_NOTICES, .now = 2 + 7 * DAY, .notices = { 1, 25 }, .rung = 2, .rung_at = 1 + 7 * DAY, .next = 1 + 14 * DAY, .close = 1 + 14 * DAY },
        { "a notice of the failure before this one", .now = 10 * DAY, .visible = 9 * DAY, .notices = { 1 }, .rung = 0, .rung_at = 9 * DAY, .next = 13 * DAY, .close = 17 * DAY, .waiting = true },
        { "the clock was set back before the notice", .now = 0.5, .notices = { 1 }, .rung = 0, .rung_at = 0, .next = 1 + 3 * DAY, .close = 1 + 7 * DAY },
        { "the clock was set back before the failure", .now = -1, .rung = -1, .rung_at = NONE, .next = 0, .close = 7 * DAY - 1, .waiting = false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s = rows[i];
        if (s.rung_at == NONE && s.rung < 0) { /* hours are counted from T0; a rung that was not reached has no time at all */
            struct stage t;
            struct standing *all;
            struct world *w = *state;
            fill_stage(w, &s, &t);
            assert_int_equal(ladder_standings(&t.in, &w->arena, &all), 1);
            assert_int_equal(all->rung, -1);
            assert_int_equal(all->rung_s, 0);
            assert_int_equal(all->next_s, hours(0));
            person_free(t.person);
            continue;
        }
        tell(*state, &s);
    }
}

static void clocks_that_stop(void **state)
{
    static const struct story rows[] = {
        { "an absence of two days", .now = 5 * DAY, .notices = { 1 }, .absences = { { DAY, 3 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 5 * DAY, .close = 1 + 9 * DAY },
        { "away now, until a known day", .now = 2 * DAY, .notices = { 1 }, .absences = { { DAY, 4 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 6 * DAY, .close = 1 + 10 * DAY,
          .paused = PAUSE_ABSENCE },
        { "away now, nobody knows until when", .now = 2 * DAY, .notices = { 1 }, .absences = { { DAY, END } }, .rung = 0, .rung_at = 0, .next = NONE, .close = NONE, .paused = PAUSE_ABSENCE },
        { "an absence to come is counted already", .now = 2, .notices = { 1 }, .absences = { { 2 * DAY, 4 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 5 * DAY, .close = 1 + 9 * DAY },
        { "the day after the absence is grace", .now = 6 * DAY, .notices = { 1 }, .absences = { { 1 + 3 * DAY - 2, 6 * DAY } }, .rung = 0, .rung_at = 0, .next = 7 * DAY,
          .close = 10 * DAY + 2 },
        { "two absences that touch", .now = 5 * DAY, .notices = { 1 }, .absences = { { DAY, 2 * DAY }, { 2 * DAY, 3 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 5 * DAY, .close = 1 + 9 * DAY },
        { "what was reached before stays", .now = 5 * DAY, .notices = { 1 }, .absences = { { 4 * DAY, END } }, .rung = 1, .rung_at = 1 + 3 * DAY, .next = NONE, .close = NONE,
          .paused = PAUSE_ABSENCE },
        { "switched off over a weekend", .now = 6 * DAY, .notices = { 1 }, .on = { { 0, 2 * DAY }, { 5 * DAY, END } }, .rung = 0, .rung_at = 0, .next = 1 + 6 * DAY, .close = 1 + 10 * DAY },
        { "switched off since the notice", .now = 30 * DAY, .notices = { 1 }, .seen = 1, .rung = 0, .rung_at = 0, .next = 33 * DAY - 0.25 + 1.0 / 3600, .close = 37 * DAY - 0.25 + 1.0 / 3600,
          .paused = PAUSE_DEVICE_OFF },
        { "silent for less than a slot is on", .now = 2 * DAY, .notices = { 1 }, .seen = 2 * DAY - 0.2, .rung = 0, .rung_at = 0, .next = 1 + 3 * DAY, .close = 1 + 7 * DAY },
        { "off while away is counted once", .now = 6 * DAY, .notices = { 1 }, .absences = { { DAY, 3 * DAY } }, .on = { { 0, 2 * DAY }, { 4 * DAY, END } }, .rung = 0, .rung_at = 0,
          .next = 1 + 6 * DAY, .close = 1 + 10 * DAY },
        { "a dispute that ended", .now = 3 * DAY, .notices = { 1 }, .disputes = { { DAY, 3 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 5 * DAY, .close = 1 + 9 * DAY },
        { "a dispute that is open", .now = 3 * DAY, .notices = { 1 }, .disputes = { { DAY, END } }, .rung = 0, .rung_at = 0, .next = NONE, .close = NONE, .paused = PAUSE_DISPUTE },
        { "an incident of a day", .now = 3 * DAY, .notices = { 1 }, .incidents = { { DAY, 2 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 4 * DAY, .close = 1 + 8 * DAY },
        { "an incident before the failure", .now = 3 * DAY, .notices = { 1 }, .incidents = { { -50, -10 } }, .rung = 0, .rung_at = 0, .next = 1 + 3 * DAY, .close = 1 + 7 * DAY },
        { "frozen before the warning", .now = 2 * DAY, .notices = { 1 }, .frozen = true, .rung = 0, .rung_at = 0, .next = NONE, .close = NONE, .paused = PAUSE_INCIDENT },
        { "frozen since the incident began", .now = 10 * DAY, .notices = { 1 }, .frozen = true, .incidents = { { 4 * DAY, END } }, .rung = 1, .rung_at = 1 + 3 * DAY, .next = NONE, .close = NONE,
          .paused = PAUSE_INCIDENT },
        { "frozen, on a ladder that knows no pauses", .policy = NO_PAUSES, .now = 10 * DAY, .notices = { 1 }, .frozen = true, .incidents = { { 4 * DAY, END } }, .rung = 1,
          .rung_at = 1 + 3 * DAY, .next = NONE, .close = NONE, .paused = PAUSE_INCIDENT },
        { "a ladder without pauses counts every hour but grants grace", .policy = NO_PAUSES, .now = 5 * DAY, .notices = { 1 }, .absences = { { DAY, 2 * DAY } }, .rung = 1, .rung_at = 1 + 3 * DAY,
          .next = 1 + 7 * DAY, .close = 1 + 7 * DAY },
        { "unknown since before the warning", .now = 20 * DAY, .notices = { 1 }, .verdict = VERDICT_UNKNOWN, .changed = 2 * DAY, .rung = 0, .rung_at = 0, .next = NONE, .close = NONE },
        { "unknown for a while is not counted when it fails again", .now = 10 * DAY, .notices = { 1 }, .doubts = { { 2 * DAY, 9 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 10 * DAY, .close = 1 + 14 * DAY },
        { "the second in which it fails again makes nothing rise", .now = 9 * DAY, .notices = { 1 }, .doubts = { { 2 * DAY, 9 * DAY } }, .rung = 0, .rung_at = 0, .next = 1 + 10 * DAY, .close = 1 + 14 * DAY },
        { "a rung from before the doubt stays", .now = 10 * DAY, .notices = { 1 }, .doubts = { { 4 * DAY, 9 * DAY } }, .rung = 1, .rung_at = 1 + 3 * DAY, .next = 1 + 12 * DAY, .close = 1 + 12 * DAY },
        { "two doubts", .now = 10 * DAY, .notices = { 1 }, .doubts = { { 2 * DAY, 3 * DAY }, { 4 * DAY, 6 * DAY } }, .rung = 1, .rung_at = 1 + 6 * DAY, .next = 1 + 10 * DAY, .close = 1 + 10 * DAY },
        { "a doubt at night, the rung waits for the working hours", .policy = RISE, .now = 3 * DAY + 12, .notices = { 1 }, .doubts = { { 3 * DAY, 3 * DAY + 12 } }, .rung = 0, .rung_at = 0, .next = 4 * DAY, .close = 8 * DAY },
        { "the fix is under way, the rung stays", .now = 20 * DAY, .notices = { 1 }, .verdict = VERDICT_IN_PROGRESS, .changed = 8 * DAY, .rung = 2, .rung_at = 1 + 7 * DAY, .next = NONE,
          .close = NONE },
        { "a new device has grace", .now = DAY + 1, .visible = 0, .notices = { -1, 1 }, .enrolled = 1 + 2 * DAY, .rung = 0, .rung_at = 0, .next = 1 + 4 * DAY, .close = 1 + 7 * DAY },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        tell(*state, &rows[i]);
}

/* Four days of the clock were used before the pass at hour 1: three of the seven until something closes are left, so it is half of them. */
static void what_comes_back_has_half_of_the_time_that_was_left(void **state)
{
    static const struct story rows[] = {
        { "after 6 days and 23 hours", .mended = { 1, 96, 0 }, .visible = 7 * DAY, .notices = { 7 * DAY + 1 }, .now = 7 * DAY + 1, .rung = 1, .rung_at = 7 * DAY + 1, .next = 8 * DAY + 13,
          .close = 8 * DAY + 13 },
        { "after 7 days", .mended = { 1, 96, 0 }, .visible = 7 * DAY + 1, .notices = { 7 * DAY + 2 }, .now = 7 * DAY + 2, .rung = 0, .rung_at = 7 * DAY + 1, .next = 10 * DAY + 2, .close = 14 * DAY + 2 },
        { "it was seen to fail before, and was no blip after 7 days", .mended = { 1, 96, 7 * DAY }, .visible = 7 * DAY + 1, .notices = { 7 * DAY + 2 }, .now = 7 * DAY + 2, .rung = 0,
          .rung_at = 7 * DAY + 1, .next = 10 * DAY + 2, .close = 14 * DAY + 2 },
        { "after 61 minutes, and nobody wrote down that the pass held", .told = { 1, 96, 0 }, .visible = 1 + 61.0 / 60, .notices = { -96 }, .now = 3, .rung = 0, .rung_at = 1 + 61.0 / 60, .next = NONE,
          .close = 3 + 36, .waiting = true },
        { "after 59 minutes it goes on, as a failure that never took anything over", .told = { 1, 96, 0 }, .visible = 1 + 59.0 / 60, .notices = { -96 }, .now = 3, .rung = 1, .rung_at = 1 + 59.0 / 60,
          .next = 72 + 59.0 / 60, .close = 72 + 59.0 / 60 },
        { "nothing was used", .told = { 1, 0, 0 }, .visible = 3, .notices = { -1 }, .now = 4, .rung = 0, .rung_at = 3, .next = 4 + 3 * DAY, .close = 4 + 7 * DAY, .waiting = true },
        { "a record that does not know what was used", .visible = 3, .notices = { -1, 4 }, .now = 4, .rung = 0, .rung_at = 3, .next = 4 + 3 * DAY, .close = 4 + 7 * DAY },
        { "not told anew, for a year", .mended = { 1, 96, 0 }, .visible = 2 * DAY, .now = 365 * DAY, .rung = 0, .rung_at = 2 * DAY, .next = NONE, .close = 365 * DAY + 36, .waiting = true },
        { "all of it was used: what closes waits for a second notice all the same", .policy = TWO_NOTICES, .mended = { 1, 30 * DAY, 0 }, .visible = DAY, .notices = { DAY + 1 }, .now = 3 * DAY, .rung = 1,
          .rung_at = DAY + 1, .next = NONE, .close = NONE, .waiting = true },
        { "all of it was used, and two notices came", .policy = TWO_NOTICES, .mended = { 1, 30 * DAY, 0 }, .visible = DAY, .notices = { DAY + 1, 3 * DAY }, .now = 3 * DAY, .rung = 4, .rung_at = 3 * DAY,
          .next = NONE, .close = NONE },
        { "all of it was used: a day after the notice, one rung a day, in working hours", .policy = RISE, .mended = { 1, 30 * DAY, 0 }, .visible = DAY, .notices = { DAY + 1 }, .now = DAY + 1, .rung = 0,
          .rung_at = DAY, .next = 2 * DAY + 1, .close = 3 * DAY },
        { "the second that it closes", .mended = { 1, 96, 0 }, .visible = 2 * DAY, .notices = { 2 * DAY + 1 }, .now = 3 * DAY + 13, .rung = 2, .rung_at = 3 * DAY + 13, .next = 2 * DAY + 1 + 5 * DAY,
          .close = 2 * DAY + 1 + 5 * DAY },
        { "an odd second is left to the person", .mended = { 1, 96 + 1.0 / 3600, 0 }, .visible = 2 * DAY, .notices = { 2 * DAY + 1 }, .now = 2 * DAY + 1, .rung = 1, .rung_at = 2 * DAY + 1,
          .next = 3 * DAY + 13, .close = 3 * DAY + 13 },
        { "long after the pass it still goes on with it", .mended = { 1, 96, 6 * DAY }, .visible = 6 * DAY, .notices = { 9 * DAY }, .now = 9 * DAY, .rung = 1, .rung_at = 9 * DAY, .next = 10 * DAY + 12,
          .close = 10 * DAY + 12 },
        { "another failure had taken it over", .mended = { 1, 96, DAY }, .visible = 2 * DAY, .notices = { 2 * DAY }, .now = 2 * DAY, .rung = 0, .rung_at = 2 * DAY, .next = 5 * DAY, .close = 9 * DAY },
        { "it passed for half an hour since it came back", .mended = { 1, 96, DAY }, .told = { 2 * DAY, 50, 0 }, .visible = 2 * DAY + 0.5, .notices = { DAY + 1 }, .now = 2 * DAY + 1, .rung = 1,
          .rung_at = 2 * DAY + 0.5, .next = 2 * DAY + 13.5, .close = 2 * DAY + 13.5 },
        { "and came back again: all of it counts as used", .mended = { 1, 96, DAY }, .told = { 2 * DAY, 120, 0 }, .visible = 3 * DAY, .notices = { DAY + 1, 3 * DAY + 1 }, .now = 3 * DAY + 1, .rung = 1,
          .rung_at = 3 * DAY + 1, .next = 4 * DAY + 1, .close = 4 * DAY + 1 },
        { "away between the pass and the failure", .mended = { 1, 96, 0 }, .visible = 3 * DAY, .absences = { { 2, 20 } }, .notices = { 3 * DAY }, .now = 3 * DAY, .rung = 1, .rung_at = 3 * DAY,
          .next = 4 * DAY + 12, .close = 4 * DAY + 12 },
        { "away since the notice", .mended = { 1, 96, 0 }, .visible = DAY, .absences = { { DAY + 2, 2 * DAY + 2 } }, .notices = { DAY + 1 }, .now = 2 * DAY + 3, .rung = 1, .rung_at = DAY + 1,
          .next = 3 * DAY + 13, .close = 3 * DAY + 13 },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        tell(*state, &rows[i]);
}

static void what_was_used_by_a_pass(void **state)
{
    static const struct { struct story story; double used; } rows[] = {
        { { "told, and passed two days later", .notices = { 1 }, .now = 49 }, 48 },
        { { "what stands still is not used", .notices = { 1 }, .absences = { { 10, 20 } }, .disputes = { { 15, 25 } }, .now = 49 }, 33 },
        { { "nor the time in which it was off", .notices = { 1 }, .on = { { 0, 11 }, { 21, END } }, .now = 49 }, 38 },
        { { "off at the pass, by what somebody else said", .notices = { 1 }, .seen = 10.75, .now = 49 }, 10 },
        { { "nobody was told", .now = 49 }, 0 },
        { { "with what it had taken over", .notices = { 1 }, .mended = { -20, 7, -1 }, .now = 49 }, 55 },
        { { "what stood there was not taken over", .notices = { 1 }, .mended = { -20, 7, 0 }, .now = 49 }, 48 },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stage t;
        fill_stage(w, &rows[i].story, &t);
        struct told none = { .device = t.device.id, .check = t.result.check };
        const struct told *told = person_told(t.person, t.device.id, t.result.check);
        t.result.verdict = VERDICT_PASS;
        t.result.changed_s = t.in.now_s;
        t.result.first_failed_s = t.result.visible_s = 0;
        int64_t used_s = ladder_used(&t.in, told != NULL ? told : &none, t.in.now_s, &w->arena);
        if (used_s != (int64_t)(rows[i].used * 3600))
            fail_msg("%s: %.3f hours", rows[i].story.name, (double)used_s / 3600);
        person_free(t.person);
        arena_reset(&w->arena);
    }
}

/* It spoke again while nothing failed: when it was on is forgotten, and what nobody knows is not held against anybody. */
static void what_is_not_known_of_a_pass_is_not_used(void **state)
{
    static const struct story story = { "late", .notices = { 1 }, .now = 49 }, before = { "late", .notices = { 1 }, .mended = { -20, 7, -1 }, .now = 49 };
    struct world *w = *state;
    struct stage t;
    for (int i = 0; i < 2; i++) {
        fill_stage(w, i == 0 ? &story : &before, &t);
        t.result.verdict = VERDICT_PASS;
        t.result.first_failed_s = t.result.visible_s = 0;
        assert_int_equal(ladder_used(&t.in, &t.person->told[0], hours(40), &w->arena), i == 0 ? 0 : 7 * 3600);
        t.in.policy = w->policies[NO_PAUSES];
        assert_int_equal(ladder_used(&t.in, &t.person->told[0], hours(40), &w->arena), (i == 0 ? 39 : 46) * 3600);
        person_free(t.person);
    }
}

static void rises_obey_their_rules(void **state)
{
    static const struct story rows[] = {
        { "a rise at night waits for the morning", .policy = RISE, .now = 2, .notices = { 10 }, .rung = 0, .rung_at = 0, .next = 4 * DAY, .close = 7 * DAY + DAY },
        { "a rise on Saturday waits for Monday", .policy = RISE, .now = 3 * DAY, .notices = { 2 * DAY }, .rung = 0, .rung_at = 0, .next = 7 * DAY, .close = 9 * DAY },
        { "a rise in the last hour of Friday waits for Monday", .policy = RISE, .now = 2 * DAY, .notices = { DAY + 5.5 }, .rung = 0, .rung_at = 0, .next = 7 * DAY, .close = 8 * DAY + 5.5 },
        { "a rise earlier on Friday does not", .policy = RISE, .now = 2 * DAY, .notices = { DAY + 4.5 }, .rung = 0, .rung_at = 0, .next = 4 * DAY + 4.5, .close = 8 * DAY + 4.5 },
        { "two rungs that grace held up take two days", .policy = RISE, .now = 12 * DAY, .notices = { 0.5 }, .enrolled = 8 * DAY, .rung = 2, .rung_at = 11 * DAY, .next = 14 * DAY + 0.5,
          .close = 14 * DAY + 0.5 },
        { "urgent is told an hour before, and may rise twice a day", .policy = CLOSE_AT_ONCE, .check = "hurry", .now = 3, .notices = { 0.5 }, .rung = 1, .rung_at = 2.5, .next = NONE, .close = NONE },
        { "what is not urgent is told a day before", .policy = CLOSE_AT_ONCE, .now = 3, .notices = { 0.5 }, .rung = 0, .rung_at = 1, .next = 24.5, .close = 24.5 },
        { "a first rung that closes waits for its notice", .policy = CLOSE_AT_ONCE, .now = 3, .rung = -1, .rung_at = NONE, .next = NONE, .close = NONE, .waiting = true },
        { "a first rung that closes grants grace", .policy = CLOSE_AT_ONCE, .now = 3, .notices = { 0.5 }, .enrolled = -1, .rung = -1, .rung_at = NONE, .next = 47, .close = 47 },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        tell(*state, &rows[i]);
}

static void rises_follow_the_clocks_of_the_person(void **state)
{
    static const struct { const char *name, *zone, *notice, *warns; } rows[] = {
        { "plain", "Europe/Berlin", "2026-11-16T09:30:00Z", "2026-11-19T09:30:00Z" },
        { "into summer", "Europe/Berlin", "2026-03-26T09:30:00Z", "2026-03-30T08:00:00Z" },        /* Sunday; Monday 10:00 is an hour earlier */
        { "into winter", "Europe/Berlin", "2026-10-22T08:30:00Z", "2026-10-26T09:00:00Z" },
        { "onto the leap day", "America/New_York", "2028-02-26T03:00:00Z", "2028-02-29T15:00:00Z" }, /* 22:00 on the 28th becomes 10:00 on the 29th */
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s = { .policy = RISE };
        struct stage t;
        struct standing *all;
        int64_t notice_s, warns_s;
        assert_true(clock_from_rfc3339(span_of(rows[i].notice), &notice_s) && clock_from_rfc3339(span_of(rows[i].warns), &warns_s));
        fill_stage(w, &s, &t);
        t.person->zone = span_of(rows[i].zone);
        t.result.visible_s = t.result.first_failed_s = t.result.changed_s = notice_s - 10 * 86400;
        t.result.evaluated_s = t.in.now_s = t.device.seen_s = notice_s;
        assert_true(person_add_told(t.person, SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"), notice_s));
        assert_int_equal(ladder_standings(&t.in, &w->arena, &all), 1);
        if (all->next_s != warns_s)
            fail_msg("%s: %lld s off", rows[i].name, (long long)(all->next_s - warns_s));
        person_free(t.person);
        arena_reset(&w->arena);
    }
}

/* Whatever the moment, the state at that moment says what the prediction before it said. */
static void predictions_come_true_second_by_second(void **state)
{
    static const struct story rows[] = {
        { "plain", .notices = { 1 } },
        { "with rules for rising", .policy = RISE, .notices = { 10 } },
        { "with an absence", .policy = RISE, .notices = { 10 }, .absences = { { 30, 100 } } },
        { "with an incident and a dispute", .policy = RISE, .notices = { 10 }, .disputes = { { 30, 100 } }, .incidents = { { 90, 120 } } },
        { "with two notices", .policy = TWO_NOTICES, .notices = { 1, 30 } },
    };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t expected_s = 0;
        int rung = 0;
        for (double now = 31; now < 60 * DAY; now += 0.5) {
            struct story s = rows[i];
            struct stage t;
            struct standing *all;
            s.now = now;
            fill_stage(w, &s, &t);
            assert_int_equal(ladder_standings(&t.in, &w->arena, &all), 1);
            assert_true(all->rung >= rung); /* nothing goes down by itself */
            if (expected_s != 0 && (all->rung > rung) != (expected_s <= t.in.now_s))
                fail_msg("%s: at %.1f h the rung is %d", rows[i].name, now, all->rung);
            if (all->rung == rung && expected_s != 0)
                assert_int_equal(all->next_s, expected_s);
            expected_s = all->next_s;
            rung = all->rung;
            person_free(t.person);
            arena_reset(&w->arena);
        }
        assert_int_equal(rung, 4);
    }
}

static void only_owners_in_the_ring_escalate(void **state)
{
    struct world *w = *state;
    struct story s = { .now = 10 * DAY, .notices = { 1 } };
    struct stage t;
    struct standing *all;
    for (int who = 0; who < 4; who++) {
        s.policy = who == 3 ? RING_NOBODY : ONE_NOTICE;
        fill_stage(w, &s, &t);
        if (who == 1)
            t.in.person = NULL;
        t.person->removed = who == 2;
        assert_int_equal(ladder_standings(&t.in, &w->arena, &all), 1);
        assert_int_equal(all->rung, who == 0 ? 2 : -1);
        assert_true((all->ladder == NULL) == (who != 0));
        assert_int_equal(ladder_summary(&t.in, all, 1).due_s != 0, who == 0);
        person_free(t.person);
        arena_reset(&w->arena);
    }
}

static void the_worst_comes_first_and_all_of_them_count(void **state)
{
    struct world *w = *state;
    struct person *p = person_new();
    p->id = SPAN_LITERAL("p_1");
    struct result results[] = {
        { .check = SPAN_LITERAL("disk"), .verdict = VERDICT_FAIL, .evaluated_s = T0, .first_failed_s = T0, .visible_s = T0 },
        { .check = SPAN_LITERAL("fire"), .verdict = VERDICT_FAIL, .evaluated_s = hours(8 * DAY), .first_failed_s = T0, .visible_s = T0 },
        { .check = SPAN_LITERAL("gone"), .verdict = VERDICT_FAIL, .evaluated_s = T0, .first_failed_s = T0, .visible_s = T0 },
        { .check = SPAN_LITERAL("hurry"), .verdict = VERDICT_FAIL, .evaluated_s = T0, .first_failed_s = T0 },
        { .check = SPAN_LITERAL("small"), .verdict = VERDICT_FAIL, .evaluated_s = T0, .first_failed_s = T0, .visible_s = T0 },
    };
    struct device d = { .id = SPAN_LITERAL("d_1"), .owner = p->id, .enrolled_s = 1, .seen_s = hours(8 * DAY), .results = results, .result_count = COUNT(results) };
    assert_true(person_add_told(p, d.id, SPAN_LITERAL("disk"), hours(0)));
    assert_true(person_add_told(p, d.id, SPAN_LITERAL("fire"), hours(2 * DAY)));
    struct ladder_input in = { .policy = w->policies[ONE_NOTICE], .calendar = w->calendar, .person = p, .device = &d, .now_s = hours(8 * DAY) };
    struct standing *all;
    size_t count = ladder_standings(&in, &w->arena, &all);
    assert_int_equal(count, 3); /* not the check that is gone, not the failure that does not show */
    assert_true(span_equal_text(all[0].check->id, "disk"));
    assert_true(span_equal_text(all[1].check->id, "fire"));
    assert_null(all[2].ladder);
    struct ladder_summary sum = ladder_summary(&in, all, count);
    assert_true(span_equal_text(sum.rung, "sensitive"));
    assert_int_equal(sum.rung_s, hours(7 * DAY));
    assert_int_equal(sum.closed, 6);
    assert_true(sum.warn && sum.nudge && !sum.end_sessions && !sum.mdm);
    assert_int_equal(sum.due_s, hours(9 * DAY)); /* the firewall's sensitive rung is nearer than the disk's next */
    assert_int_equal(ladder_closes_at(&in, &all[0], 1, &w->arena), 0);
    assert_int_equal(ladder_closes_at(&in, &all[0], 0, &w->arena), hours(14 * DAY));
    assert_int_equal(ladder_closes_at(&in, &all[1], 2, &w->arena), hours(9 * DAY));
    d.seen_s = in.now_s = hours(30 * DAY);
    sum = ladder_summary(&in, all, ladder_standings(&in, &w->arena, &all));
    assert_true(sum.end_sessions && sum.mdm);
    assert_true(span_equal_text(sum.rung, "managed"));
    person_free(p);
}

static void a_failure_not_seen_for_long_rises_no_further(void **state)
{
    struct world *w = *state;
    struct story s = { .check = "fire", .now = 20 * DAY, .notices = { 1 } };
    struct stage t;
    struct standing *all;
    fill_stage(w, &s, &t);
    t.result.evaluated_s = hours(2 * DAY); /* fresh for 3 days: until day 5 */
    assert_int_equal(ladder_standings(&t.in, &w->arena, &all), 1);
    assert_int_equal(all->rung, 1);
    assert_int_equal(all->next_s, 0);
    person_free(t.person);
}

static void a_full_arena_gives_none(void **state)
{
    struct world *w = *state;
    struct story s = { .now = 10 * DAY, .notices = { 1 } };
    struct stage t;
    struct standing *all;
    static const size_t rooms[] = { 8, sizeof(struct standing) + 8 };
    fill_stage(w, &s, &t);
    for (size_t i = 0; i < COUNT(rooms); i++) {
        struct arena small;
        arena_init(&small, 64, rooms[i]);
        assert_int_equal(ladder_standings(&t.in, &small, &all), 0);
        assert_null(all);
        arena_done(&small);
    }
    person_free(t.person);
}

/* ---- messages ---- */

static void messages_are_started_rarely(void **state)
{
    static const struct {
        const char *name;
        double now, last;   /* last 0: never */
        int32_t last_day;
        size_t items;
        bool frozen;
        enum notice_state under_way; /* NOTICE_DELIVERED: none */
        struct span_of_hours absence;
        bool send;
        double at;
    } rows[] = {
        { "the first one", .now = 1, .items = 1, .under_way = NOTICE_DELIVERED, .send = true, .at = 1 },
        { "nothing to tell", .now = 1, .items = 0, .under_way = NOTICE_DELIVERED, .at = NONE },
        { "before the window", .now = -3, .items = 1, .under_way = NOTICE_DELIVERED, .at = 0 },
        { "after the window", .now = 7, .items = 1, .under_way = NOTICE_DELIVERED, .at = DAY },
        { "on Saturday", .now = 5 * DAY + 1, .items = 1, .under_way = NOTICE_DELIVERED, .at = 7 * DAY },
        { "one was sent today", .now = 5, .last = 1, .last_day = 20261116, .items = 1, .under_way = NOTICE_DELIVERED, .at = DAY },
        { "one was sent yesterday, late", .now = DAY, .last = 5.9, .last_day = 20261116, .items = 1, .under_way = NOTICE_DELIVERED, .send = true, .at = DAY },
        { "one was sent at night, outside of the window", .now = DAY, .last = DAY - 10, .last_day = 20261117, .items = 1, .under_way = NOTICE_DELIVERED, .at = 2 * DAY },
        { "one was sent less than 16 hours ago on another day", .now = DAY, .last = DAY - 12, .last_day = 20261116, .items = 1, .under_way = NOTICE_DELIVERED, .at = DAY + 4 },
        { "the clock was set back over midnight", .now = -14, .last = 1, .last_day = 20261116, .items = 1, .under_way = NOTICE_DELIVERED, .at = DAY },
        { "frozen", .now = 1, .items = 1, .frozen = true, .under_way = NOTICE_DELIVERED, .at = 2 },
        { "reserved, not yet sent", .now = DAY + 1, .last = 1, .last_day = 20261116, .items = 1, .under_way = NOTICE_RESERVED, .at = DAY + 1 + 1.0 / 12 },
        { "being sent", .now = DAY + 1, .last = 1, .last_day = 20261116, .items = 1, .under_way = NOTICE_SENDING, .at = DAY + 1 + 1.0 / 12 },
        { "away until Wednesday noon", .now = 1, .items = 1, .under_way = NOTICE_DELIVERED, .absence = { -5, 2 * DAY + 2 }, .at = 2 * DAY + 2 },
        { "away until Wednesday evening", .now = 1, .items = 1, .under_way = NOTICE_DELIVERED, .absence = { -5, 2 * DAY + 8 }, .at = 3 * DAY },
        { "back since this morning", .now = 1, .items = 1, .under_way = NOTICE_DELIVERED, .absence = { -50, -1 }, .send = true, .at = 1 },
    };
    static const struct notice_item item = { SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"), 0 };
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct absence away = { interval_of(rows[i].absence), SPAN_NONE };
        struct person p = { .id = SPAN_LITERAL("p_1"), .nudge_s = rows[i].last == 0 ? 0 : hours(rows[i].last), .nudge_day = rows[i].last_day, .absences = &away, .absence_count = is_set(rows[i].absence),
                            .notice = { .id = SPAN_LITERAL("e_1"), .state = rows[i].under_way } };
        struct nudge_input in = { .policy = w->policies[ONE_NOTICE], .calendar = w->calendar, .person = &p, .now_s = hours(rows[i].now), .frozen = rows[i].frozen, .items = &item, .item_count = rows[i].items };
        struct nudge_plan plan = ladder_nudge(&in);
        if (plan.send != rows[i].send || !same_time(rows[i].at, plan.at_s) || (plan.send && plan.local_day == 0) || (!plan.send && span_empty(plan.why)))
            fail_msg("%s: send %d at %.3f (%.*s)", rows[i].name, plan.send, (double)(plan.at_s - T0) / 3600, SPAN_ARGS(plan.why));
    }
}

static void nobody_is_written_to_twice_on_a_date_of_theirs(void **state)
{
    static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York" };
    static const struct notice_item item = { SPAN_LITERAL("d_1"), SPAN_LITERAL("disk"), 0 };
    struct world *w = *state;
    for (size_t z = 0; z < COUNT(zones); z++) {
        struct person p = { .id = SPAN_LITERAL("p_1"), .zone = span_of(zones[z]) };
        struct nudge_input in = { .policy = w->policies[ONE_NOTICE], .calendar = w->calendar, .person = &p, .items = &item, .item_count = 1 };
        int sent = 0;
        for (in.now_s = hours(-30 * DAY); in.now_s < hours(30 * DAY); in.now_s += 600) {
            struct nudge_plan plan = ladder_nudge(&in);
            assert_true(plan.send || plan.at_s > in.now_s);
            if (!plan.send)
                continue;
            assert_true(plan.local_day > p.nudge_day);
            assert_true(p.nudge_s == 0 || in.now_s - p.nudge_s >= 16 * 3600);
            p.nudge_day = plan.local_day;
            p.nudge_s = in.now_s;
            sent++;
        }
        assert_in_range(sent, 42, 44); /* the working days of 60 days */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clocks_that_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_back_has_half_of_the_time_that_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_used_by_a_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_of_a_pass_is_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rises_obey_their_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rises_follow_the_clocks_of_the_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(predictions_come_true_second_by_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_owners_in_the_ring_escalate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_worst_comes_first_and_all_of_them_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_not_seen_for_long_rises_no_further, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_arena_gives_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_are_started_rarely, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_written_to_twice_on_a_date_of_theirs, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
