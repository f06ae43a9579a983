/* Episodes: one failing check of one device, from its beginning to its end. */
#include "posture/report_parts.h"

#include <stdlib.h>

enum { STEP_NUDGE_1, STEP_NUDGE_2, STEP_LATER, STEP_CLOSED, INTERVALS_MOST = 512, SOON_S = DAY_S };

bool report_is_in(const struct report *r, int64_t at_s) { return at_s >= r->options.since_s && at_s < r->options.until_s; }

static struct report_of of_cell(const struct report_device *d, const struct report_cell *c, int64_t at_s)
{
    return (struct report_of){ d->person, c->check, c->episode.rung, at_s };
}

/* ---- what was paused ---- */

static int by_start(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;
    return x->from_s < y->from_s ? -1 : x->from_s > y->from_s;
}

static void collect(const struct report_list *list, int64_t from_s, int64_t to_s, struct interval *out, size_t *count)
{
    for (size_t i = 0; i < list->count && *count < INTERVALS_MOST; i++) {
        struct interval t = list->all[i];
        t.from_s = t.from_s > from_s ? t.from_s : from_s;
        t.to_s = t.to_s != 0 && t.to_s < to_s ? t.to_s : to_s;
        if (t.from_s < t.to_s)
            out[(*count)++] = t;
    }
}

/* Stretches that lie over each other count once. */
static int64_t paused_between(const struct report *r, const struct report_device *d, const struct report_cell *c, int64_t from_s, int64_t to_s)
{
    struct interval all[INTERVALS_MOST];
    size_t count = 0;
    int64_t sum_s = 0, reached_s = from_s;
    collect(&r->pauses, from_s, to_s, all, &count);
    collect(&d->off, from_s, to_s, all, &count);
    collect(&c->episode.paused, from_s, to_s, all, &count);
    if (d->person != REPORT_NOBODY)
        collect(&r->persons[d->person].away, from_s, to_s, all, &count);
    qsort(all, count, sizeof all[0], by_start);
    for (size_t i = 0; i < count; i++) {
        int64_t start_s = all[i].from_s > reached_s ? all[i].from_s : reached_s;
        if (all[i].to_s > start_s) {
            sum_s += all[i].to_s - start_s;
            reached_s = all[i].to_s;
        }
    }
    return sum_s;
}

/* ---- its course ---- */

static void step(struct report *r, struct report_device *d, struct report_cell *c, int number)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    struct report_of of = of_cell(d, c, r->now_s);
    c->episode.step = number;
    c->episode.step_s = r->now_s;
    size_t count = report_is_in(r, r->now_s) ? report_lines_of(r, &of, lines) : 0;
    for (size_t i = 0; i < count; i++)
        lines[i]->row.steps[number].reached++;
}

void report_cell_told(struct report *r, struct report_device *d, struct report_cell *c)
{
    if (!c->episode.open)
        return;
    c->episode.notices++;
    if (c->episode.first_notice_s == 0)
        c->episode.first_notice_s = r->now_s;
    step(r, d, c, c->episode.notices == 1 ? STEP_NUDGE_1 : c->episode.notices == 2 ? STEP_NUDGE_2 : STEP_LATER);
}

void report_cell_closed(struct report *r, struct report_device *d, struct report_cell *c)
{
    if (!c->episode.open || c->episode.closed)
        return;
    c->episode.closed = true;
    step(r, d, c, STEP_CLOSED);
}

/* The ladder's clock knows best; where it did not say, the stretches that the archive has. */
static int64_t paused_until_fixed(const struct report *r, const struct report_device *d, const struct report_cell *c)
{
    int64_t took_s = c->episode.pass_s - c->episode.first_notice_s;
    if (c->episode.counted_s > 0 && c->episode.counted_s <= took_s)
        return took_s - c->episode.counted_s;
    return paused_between(r, d, c, c->episode.first_notice_s, c->episode.pass_s);
}

static void count_end(struct report *r, struct report_device *d, const struct report_cell *c)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    struct report_of of = of_cell(d, c, c->episode.pass_s);
    bool told = c->episode.notices > 0, soon = c->episode.step >= 0 && c->episode.pass_s - c->episode.step_s <= SOON_S;
    int64_t paused_s = told ? paused_until_fixed(r, d, c) : 0;
    size_t count = report_is_in(r, c->episode.pass_s) ? report_lines_of(r, &of, lines) : 0;
    for (size_t i = 0; i < count; i++) {
        struct report_row *row = &lines[i]->row;
        row->episodes++;
        row->closed += c->episode.closed;
        row->self_healed += !told;
        row->fixed += told;
        row->fixed_before_close += told && !c->episode.closed;
        row->paused_s += paused_s;
        if (soon)
            row->steps[c->episode.step].fixed++;
        if (told)
            report_add_fix(r, lines[i], c->episode.pass_s - c->episode.first_notice_s - paused_s);
    }
}

static void forget(struct report_cell *c)
{
    free(c->episode.paused.all);
    c->episode.paused = (struct report_list){ .all = NULL };
    c->episode.open = c->episode.closed = false;
    c->episode.first_notice_s = c->episode.pass_s = c->episode.counted_s = 0;
    c->episode.notices = 0;
    c->episode.step = -1;
    c->episode.rung = SPAN_NONE;
}

static void count_failing(struct report *r, const struct report_device *d, const struct report_cell *c, int64_t to_s)
{
    struct report_of of = of_cell(d, c, to_s);
    report_count_time(r, &of, c->episode.started_s, to_s, offsetof(struct report_row, failing_s));
}

void report_cell_settle(struct report *r, struct report_device *d, struct report_cell *c, int64_t at_s)
{
    if (!c->episode.open || c->episode.pass_s == 0 || at_s - c->episode.pass_s < PASS_HELD_S)
        return;
    count_failing(r, d, c, c->episode.pass_s);
    count_end(r, d, c);
    forget(c);
}

static void count_verdict(struct report *r, const struct report_device *d, const struct report_cell *c)
{
    struct report_of of = of_cell(d, c, r->now_s);
    if (c->since_s == 0)
        return;
    report_count_time(r, &of, c->since_s, r->now_s, offsetof(struct report_row, known_s));
    if (c->verdict == VERDICT_UNKNOWN)
        report_count_time(r, &of, c->since_s, r->now_s, offsetof(struct report_row, unknown_s));
}

void report_cell_state(struct report *r, struct report_device *d, struct report_cell *c, enum verdict verdict, bool visible)
{
    report_cell_settle(r, d, c, r->now_s);
    if (c->verdict != verdict || c->since_s == 0) {
        count_verdict(r, d, c);
        c->verdict = verdict;
        c->since_s = r->now_s;
    }
    c->visible = visible;
    if (verdict == VERDICT_FAIL && visible) {
        if (!c->episode.open) {
            forget(c);
            c->episode.open = true;
            c->episode.started_s = r->now_s;
        }
        c->episode.pass_s = c->episode.counted_s = 0;
    } else if (c->episode.open && c->episode.pass_s == 0 && (verdict == VERDICT_PASS || verdict == VERDICT_NOT_APPLICABLE)) {
        c->episode.pass_s = r->now_s;
    }
}

void report_cell_drop(struct report *r, struct report_device *d, struct report_cell *c)
{
    report_cell_settle(r, d, c, r->now_s);
    count_verdict(r, d, c);
    if (c->episode.open)
        count_failing(r, d, c, c->episode.pass_s != 0 ? c->episode.pass_s : r->now_s);
    forget(c);
    c->since_s = 0;
    c->verdict = VERDICT_UNKNOWN;
}
