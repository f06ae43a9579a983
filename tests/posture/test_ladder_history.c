/* Random histories against a second opinion that knows nothing of the ladder's code: it walks over the quarter hours one by one. */
#include "posture/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "posture/base/clock.h"

#include <stdlib.h>

#define POLICY(notices) \
    "policy: p\nsensitivities: [everyday, sensitive]\napps: []\nvisible_after: off\ngrace: { new_device: 48h, after_absence: 24h }\n" \
    "nudges: { hours: '10:00-16:00', days: [mon, tue, wed, thu, fri], zone: UTC }\n" \
    "checks: [{ id: disk, severity: high, osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 3650d }]\n" \
    "ladders: [{ id: l, rungs: [{ id: notice, after: 0d, nudge: true }, { id: some, after: 5d, close: [sensitive] }, { id: all, after: 8d, close: [everyday, sensitive] }],\n" \
    "  notices_before_close: " notices ", rise: { notice_before: 24h, working_hours: true, per_day: 1 }, snooze: { times: 3, length: 1d, per: 7d } }]\n"

/* Monday 2026-11-16 00:00 UTC. */
#define T0 INT64_C(1794787200)
enum { QUARTER_S = 900, HOUR = 4, DAY = 96, DAYS = 40, MOST = 4, HISTORIES = 3000, DAY_S = 86400, NEVER = -1 };

struct stretch { int from, to; };
/* Everything in quarters of an hour from T0. */
struct history {
    unsigned notices_before_close;
    int failed, notices[6], notice_count;
    struct stretch away[MOST], disputes[MOST], incidents[MOST], off[MOST], snoozes[MOST];
    int away_count, dispute_count, incident_count, off_count, snooze_count;
    struct stretch exempt;
    int used;                            /* of the clock, by a failure that was mended less than seven days before; 0: none was */
    int holidays[MOST], holiday_count;   /* days */
};

static uint64_t dice = 88172645463325252U;
static int roll(int least, int most)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return least + (int)(dice % (uint64_t)(most - least + 1));
}

/* Ascending, apart from each other. */
static int roll_stretches(struct stretch *all, int most, int longest)
{
    int count = roll(0, most), at = roll(0, 10 * DAY);
    for (int i = 0; i < count; i++) {
        all[i] = (struct stretch){ at, at + roll(1, longest) };
        at = all[i].to + roll(1, 8 * DAY);
    }
    return count;
}

static struct history roll_history(void)
{
    struct history h = { .notices_before_close = (unsigned)roll(1, 3), .failed = roll(0, 3 * DAY), .exempt = { NEVER, NEVER } };
    int at = h.failed + roll(0, 2 * DAY);
    h.notice_count = roll(0, 6);
    for (int i = 0; i < h.notice_count; i++, at += roll(HOUR, 3 * DAY))
        h.notices[i] = at;
    h.away_count = roll_stretches(h.away, 2, 6 * DAY);
    h.dispute_count = roll_stretches(h.disputes, 2, 2 * DAY);
    h.incident_count = roll_stretches(h.incidents, 2, DAY);
    h.off_count = roll_stretches(h.off, 3, 6 * DAY);
    h.snooze_count = roll_stretches(h.snoozes, 2, DAY);
    for (h.holiday_count = 0; h.holiday_count < roll(0, MOST - 1); h.holiday_count++)
        h.holidays[h.holiday_count] = h.holiday_count * 9 + roll(0, 8);
    if (roll(0, 3) == 0)
        h.exempt = (struct stretch){ roll(0, 20 * DAY), 0 }, h.exempt.to = h.exempt.from + roll(DAY, 12 * DAY);
    h.used = roll(0, 1) == 0 ? 0 : roll(1, 10 * DAY);
    return h;
}

/* ---- as the ladder is asked ---- */

struct asked {
    struct person *person;
    struct device device;
    struct result result;
    struct mended mended;
    struct absence absences[MOST];
    struct dispute disputes[MOST];
    struct snooze snoozes[MOST];
    struct pause pauses[MOST];
    struct interval on[MOST + 1];
    struct holiday holidays[MOST];
    struct exemption exemption;
    struct ladder_input in;
};

static int64_t at(int quarter) { return T0 + (int64_t)quarter * QUARTER_S; }
static struct interval interval_of(struct stretch s) { return (struct interval){ at(s.from), at(s.to) }; }

static void fill_person(const struct history *h, struct asked *a)
{
    struct person *p = a->person = person_new();
    p->id = SPAN_LITERAL("p");
    for (int i = 0; i < h->notice_count; i++)
        assert_true(person_add_told(p, SPAN_LITERAL("d"), SPAN_LITERAL("disk"), at(h->notices[i])));
    a->mended = (struct mended){ SPAN_LITERAL("d"), SPAN_LITERAL("disk"), at(h->failed - roll(HOUR, 7 * DAY - 1)), h->used * (int64_t)QUARTER_S, 0 };
    p->mended = &a->mended;
    p->mended_count = h->used > 0;
    for (int i = 0; i < h->away_count; i++)
        a->absences[i].time = interval_of(h->away[i]);
    for (int i = 0; i < h->dispute_count; i++)
        a->disputes[i] = (struct dispute){ .device = SPAN_LITERAL("d"), .check = SPAN_LITERAL("disk"), .time = interval_of(h->disputes[i]) };
    for (int i = 0; i < h->snooze_count; i++)
        a->snoozes[i] = (struct snooze){ SPAN_LITERAL("d"), SPAN_LITERAL("disk"), interval_of(h->snoozes[i]) };
    p->absences = a->absences, p->absence_count = (size_t)h->away_count;
    p->disputes = a->disputes, p->dispute_count = (size_t)h->dispute_count;
    p->snoozes = a->snoozes, p->snooze_count = (size_t)h->snooze_count;
}

static void fill_device(const struct history *h, struct asked *a)
{
    int from = 0;
    a->result = (struct result){ .check = SPAN_LITERAL("disk"), .verdict = VERDICT_FAIL, .changed_s = at(h->failed), .first_failed_s = at(h->failed), .visible_s = at(h->failed) };
    a->device = (struct device){ .id = SPAN_LITERAL("d"), .owner = SPAN_LITERAL("p"), .enrolled_s = 1, .results = &a->result, .result_count = 1, .on = a->on };
    for (int i = 0; i < h->off_count; from = h->off[i].to, i++)
        a->on[a->device.on_count++] = (struct interval){ at(from), at(h->off[i].from) };
    a->on[a->device.on_count++] = (struct interval){ at(from), 0 };
}

static void fill(const struct history *h, const struct policy *policy, const struct calendar *calendar, struct asked *a)
{
    *a = (struct asked){ 0 };
    fill_person(h, a);
    fill_device(h, a);
    for (int i = 0; i < h->incident_count; i++)
        a->pauses[i] = (struct pause){ interval_of(h->incidents[i]), PAUSE_INCIDENT };
    for (int i = 0; i < h->holiday_count; i++)
        a->holidays[i] = (struct holiday){ SPAN_LITERAL("*"), calendar_local(calendar, SPAN_LITERAL("UTC"), at(h->holidays[i] * DAY)).day, SPAN_NONE };
    a->exemption = (struct exemption){ .id = SPAN_LITERAL("e_1"), .state = EXEMPTION_APPROVED, .scope = EXEMPT_DEVICE, .subject = SPAN_LITERAL("d"), .check = SPAN_LITERAL("disk"),
                                       .start_s = at(h->exempt.from), .end_s = at(h->exempt.to) };
    a->in = (struct ladder_input){ .policy = policy, .calendar = calendar, .person = a->person, .device = &a->device, .pauses = a->pauses, .pause_count = (size_t)h->incident_count,
                                   .holidays = { a->holidays, (size_t)h->holiday_count }, .exemptions = { &a->exemption, h->exempt.from == NEVER ? 0 : 1 } };
}

/* ---- the second opinion ---- */

static bool in_any(const struct stretch *all, int count, int quarter)
{
    for (int i = 0; i < count; i++)
        if (quarter >= all[i].from && quarter < all[i].to)
            return true;
    return false;
}

static bool is_holiday(const struct history *h, int quarter)
{
    for (int i = 0; i < h->holiday_count; i++)
        if (quarter / DAY == h->holidays[i])
            return true;
    return false;
}

static bool counts(const struct history *h, int quarter)
{
    bool exempt = h->exempt.from != NEVER && quarter >= h->exempt.from && quarter < h->exempt.to;
    return !exempt && !is_holiday(h, quarter) && !in_any(h->away, h->away_count, quarter) && !in_any(h->disputes, h->dispute_count, quarter) &&
           !in_any(h->incidents, h->incident_count, quarter) && !in_any(h->off, h->off_count, quarter) && !in_any(h->snoozes, h->snooze_count, quarter);
}

static int delivered_by(const struct history *h, int64_t at_s)
{
    int count = 0;
    for (int i = 0; i < h->notice_count; i++)
        count += at(h->notices[i]) <= at_s;
    return count;
}

/* Away, or back for less than a day; a device that was off for three days is such a return too. */
static bool is_in_grace(const struct history *h, int64_t at_s)
{
    for (int i = 0; i < h->away_count; i++)
        if (at_s >= at(h->away[i].from) && at_s < at(h->away[i].to) + DAY_S)
            return true;
    for (int i = 0; i < h->off_count; i++)
        if (h->off[i].to - h->off[i].from >= 3 * DAY && at_s >= at(h->off[i].from) && at_s < at(h->off[i].to) + DAY_S)
            return true;
    return false;
}

/* Why something must not be closed now, by the standing's own time; NULL: it may. */
static const char *wrong(const struct history *h, const struct standing *s, int64_t now_s)
{
    static const int after_days[] = { 0, 5, 8 };
    int quarters = 0;
    int64_t at_s = s->rung_s;
    if (at_s > now_s)
        return "it stands on a rung that is not reached yet";
    if (delivered_by(h, at_s) < (int)h->notices_before_close)
        return "too few notices were delivered before";
    if (at_s < at(h->notices[0]) + DAY_S)
        return "the first notice was less than a day before";
    for (int q = h->notices[0]; at(q) < at_s; q++)
        quarters += counts(h, q);
    int wanted = after_days[s->rung] * DAY;
    if (h->used > 0)
        wanted = wanted > h->used ? (wanted - h->used) / 2 : 0;
    if (quarters < wanted - 1)
        return "too little time counted";
    if (is_in_grace(h, at_s))
        return "the person was away or just back";
    int minute = (int)((at_s - T0) % DAY_S / 60), weekday = (int)((at_s - T0) / DAY_S % 7);
    if (minute < 600 || minute >= 960 || weekday > 4 || is_holiday(h, (int)((at_s - T0) / QUARTER_S)))
        return "outside of working hours";
    if (h->exempt.from != NEVER && at(h->exempt.from) <= now_s && at_s < at(h->exempt.to) + DAY_S)
        return "it was exempted, or had been until less than a day before";
    return NULL;
}

static void tell(const struct history *h, int number, int now, const char *why)
{
    print_error("history %d at quarter %d: %s\n  failed %d, notices before close %u:", number, now, why, h->failed, h->notices_before_close);
    for (int i = 0; i < h->notice_count; i++)
        print_error(" %d", h->notices[i]);
    print_error("\n");
    fail();
}

static struct policy *read_policy(const char *text)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(span_of(text), SPAN_LITERAL("policy"), &mistakes, &policy);
    assert_non_null(policy);
    mistakes_done(&mistakes);
    return policy;
}

static size_t live_through(const struct history *h, int number, const struct policy *policy, const struct calendar *calendar, struct arena *arena)
{
    struct asked a;
    size_t closed = 0;
    int highest = -1;
    fill(h, policy, calendar, &a);
    for (int now = h->failed; now < DAYS * DAY; now += roll(1, DAY)) {
        struct standing *standings;
        a.in.now_s = a.result.evaluated_s = a.device.seen_s = at(now);
        arena_reset(arena);
        if (in_any(h->off, h->off_count, now) || ladder_standings(&a.in, arena, &standings) == 0)
            continue; /* nobody is asked by a device that is off */
        bool exempt = h->exempt.from != NEVER && now >= h->exempt.from;
        const char *why = standings[0].closed == 0 ? NULL : wrong(h, &standings[0], a.in.now_s);
        if (why == NULL && !exempt && standings[0].rung < highest)
            why = "it went down by time alone";
        if (why != NULL)
            tell(h, number, now, why);
        highest = exempt ? -1 : standings[0].rung;
        closed += standings[0].closed != 0;
    }
    person_free(a.person);
    return closed;
}

static void nothing_closes_without_notices_time_and_grace(void **state)
{
    static const char *const texts[] = { POLICY("1"), POLICY("2"), POLICY("3") };
    struct calendar *calendar = calendar_new("/usr/share/zoneinfo");
    struct policy *policies[3];
    struct arena arena;
    size_t closed = 0;
    (void)state;
    arena_init(&arena, 64 * 1024, 4 * 1024 * 1024);
    for (int i = 0; i < 3; i++)
        policies[i] = read_policy(texts[i]);
    for (int i = 0; i < HISTORIES; i++) {
        struct history h = roll_history();
        closed += live_through(&h, i, policies[h.notices_before_close - 1], calendar, &arena);
    }
    assert_true(closed > HISTORIES); /* else nothing was looked at */
    for (int i = 0; i < 3; i++)
        policy_free(policies[i]);
    arena_done(&arena);
    calendar_free(calendar);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_closes_without_notices_time_and_grace) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
