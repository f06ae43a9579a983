/* The rows of a report, and how they are written. */
#include "posture/report_parts.h"

#include "posture/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MONTH_BYTES = 7, MONTHS_MOST_S = 32 * DAY_S, WEEK_S = 7 * DAY_S };

static const char *const by_names[REPORT_BYS] = { [REPORT_CHECK] = "check", [REPORT_RUNG] = "rung", [REPORT_GROUP] = "group", [REPORT_MONTH] = "month" };
const char *report_by_name(enum report_by by) { return by_names[by]; }
bool report_by_from(struct span name, enum report_by *by)
{
    for (unsigned i = 0; i < REPORT_BYS; i++)
        if (span_equal_text(name, by_names[i]))
            return *by = (enum report_by)i, true;
    return false;
}

/* ---- lines ---- */

static struct report_line *line_of(struct report *r, struct span name)
{
    for (size_t i = 0; i < r->line_count; i++)
        if (span_equal_text(span_slice(name, 0, REPORT_NAME_BYTES - 1), r->lines[i].row.name))
            return &r->lines[i];
    if (r->lines == NULL) { /* once: pointers to lines are handed out */
        r->lines = calloc(REPORT_ROWS_MOST, sizeof *r->lines);
        r->line_room = r->lines != NULL ? REPORT_ROWS_MOST : 0;
    }
    if (r->line_count == r->line_room)
        return r->short_of_memory = true, NULL;
    struct report_line *line = &r->lines[r->line_count++];
    snprintf(line->row.name, sizeof line->row.name, "%.*s", SPAN_ARGS(span_slice(name, 0, REPORT_NAME_BYTES - 1)));
    return line;
}

static void add_person(struct report *r, struct report_line *line, uint32_t person)
{
    size_t byte = person / 8;
    if (person == REPORT_NOBODY)
        return;
    if (byte >= line->people_room) {
        size_t room = (byte + 1) * 2;
        uint8_t *more = realloc(line->people, room);
        if (more == NULL) {
            r->short_of_memory = true;
            return;
        }
        memset(more + line->people_room, 0, room - line->people_room);
        line->people = more;
        line->people_room = room;
    }
    line->people[byte] |= (uint8_t)(1u << person % 8);
}

static size_t add_line(struct report *r, const struct report_of *of, struct span name, struct report_line **lines, size_t count)
{
    struct report_line *line = line_of(r, name);
    if (line == NULL)
        return count;
    add_person(r, line, of->person);
    lines[count] = line;
    return count + 1;
}

size_t report_lines_of(struct report *r, const struct report_of *of, struct report_line **lines)
{
    char time[CLOCK_TEXT_BYTES];
    size_t count = add_line(r, of, SPAN_LITERAL("all"), lines, 0);
    switch (r->options.by) {
    case REPORT_CHECK: return span_empty(of->check) ? count : add_line(r, of, of->check, lines, count);
    case REPORT_RUNG: return add_line(r, of, span_empty(of->rung) ? SPAN_LITERAL("(none)") : of->rung, lines, count);
    case REPORT_MONTH: return add_line(r, of, span_slice(span_of(clock_rfc3339(of->at_s, time)), 0, MONTH_BYTES), lines, count);
    default: break;
    }
    const struct report_person *p = of->person != REPORT_NOBODY ? &r->persons[of->person] : NULL;
    for (size_t i = 0; p != NULL && i < p->group_count && count < GROUPS_OF_MOST; i++)
        count = add_line(r, of, p->groups[i], lines, count);
    return p == NULL || p->group_count == 0 ? add_line(r, of, SPAN_LITERAL("(none)"), lines, count) : count;
}

/* The first second of the next month. */
static int64_t month_end(int64_t at_s)
{
    char time[CLOCK_TEXT_BYTES];
    int64_t start_s = at_s;
    clock_rfc3339(at_s, time);
    memcpy(time + 8, "01T00:00:00Z", 13);
    (void)clock_from_rfc3339(span_of(time), &start_s);
    clock_rfc3339(start_s + MONTHS_MOST_S, time);
    memcpy(time + 8, "01T00:00:00Z", 13);
    (void)clock_from_rfc3339(span_of(time), &start_s);
    return start_s;
}

void report_count_time(struct report *r, const struct report_of *of, int64_t from_s, int64_t to_s, size_t field)
{
    struct report_line *lines[GROUPS_OF_MOST + 2];
    struct report_of part = *of;
    from_s = from_s > r->options.since_s ? from_s : r->options.since_s;
    to_s = to_s < r->options.until_s ? to_s : r->options.until_s;
    while (from_s < to_s) {
        int64_t end_s = r->options.by == REPORT_MONTH && month_end(from_s) < to_s ? month_end(from_s) : to_s;
        part.at_s = from_s;
        size_t count = report_lines_of(r, &part, lines);
        for (size_t i = 0; i < count; i++)
            *(int64_t *)(void *)((char *)&lines[i]->row + field) += end_s - from_s;
        from_s = end_s;
    }
}

void report_add_fix(struct report *r, struct report_line *line, int64_t took_s)
{
    if (report_grow(r, (void **)&line->fixes, line->fix_count, &line->fix_room, sizeof *line->fixes))
        line->fixes[line->fix_count++] = took_s;
}

/* ---- rows ---- */

static unsigned count_people(const struct report_line *line)
{
    unsigned count = 0;
    for (size_t i = 0; i < line->people_room; i++)
        for (unsigned bits = line->people[i]; bits != 0; bits &= bits - 1)
            count++;
    return count;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The nearest rank: a time that really was. */
static int64_t percentile(const struct report_line *line, unsigned percent)
{
    if (line->fix_count == 0)
        return -1;
    size_t rank = (line->fix_count * percent + 99) / 100;
    return line->fixes[rank > 0 ? rank - 1 : 0];
}

static bool is_about(const struct report_line *line, size_t person) { return person / 8 < line->people_room && (line->people[person / 8] & 1u << person % 8) != 0; }

/* Of the row's own stretch: a month has its own. */
static int64_t count_known(const struct report *r, const struct report_line *line)
{
    int64_t from_s = r->options.since_s, to_s = r->options.until_s, sum_s = 0, month_s = 0;
    char first[CLOCK_TEXT_BYTES];
    snprintf(first, sizeof first, "%.7s-01T00:00:00Z", line->row.name);
    if (r->options.by == REPORT_MONTH && clock_from_rfc3339(span_of(first), &month_s)) {
        from_s = month_s > from_s ? month_s : from_s;
        to_s = month_end(month_s) < to_s ? month_end(month_s) : to_s;
    }
    for (size_t i = 0; i < r->person_count; i++) {
        const struct interval *known = &r->persons[i].known;
        int64_t begin_s = known->from_s > from_s ? known->from_s : from_s, end_s = known->to_s != 0 && known->to_s < to_s ? known->to_s : to_s;
        sum_s += is_about(line, i) && end_s > begin_s ? end_s - begin_s : 0;
    }
    return sum_s;
}

static void finish(struct report_line *line)
{
    line->row.people = count_people(line);
    if (line->fix_count > 0)
        qsort(line->fixes, line->fix_count, sizeof line->fixes[0], by_size);
    line->row.median_s = percentile(line, 50);
    line->row.p90_s = percentile(line, 90);
}

static void add_row(struct report_row *to, const struct report_row *from)
{
    unsigned *const to_counts[] = { &to->episodes, &to->open, &to->self_healed, &to->fixed, &to->fixed_before_close, &to->closed, &to->notices, &to->snoozes, &to->passes, &to->disputes,
                                    &to->answered, &to->upheld, &to->exemptions_open, &to->exemptions_overdue };
    const unsigned counts[] = { from->episodes, from->open, from->self_healed, from->fixed, from->fixed_before_close, from->closed, from->notices, from->snoozes, from->passes,
                                from->disputes, from->answered, from->upheld, from->exemptions_open, from->exemptions_overdue };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *to_counts[i] += counts[i];
    for (size_t i = 0; i < REPORT_STEPS; i++) {
        to->steps[i].reached += from->steps[i].reached;
        to->steps[i].fixed += from->steps[i].fixed;
    }
    to->known_people_s += from->known_people_s;
    to->paused_s += from->paused_s;
    to->failing_s += from->failing_s;
    to->blocked_s += from->blocked_s;
    to->unknown_s += from->unknown_s;
    to->known_s += from->known_s;
}

/* Few people in a row can be told apart: such rows become one. */
static void join(struct report *r, struct report_line *to, const struct report_line *from)
{
    add_row(&to->row, &from->row);
    for (size_t i = 0; i < from->fix_count; i++)
        report_add_fix(r, to, from->fixes[i]);
    for (size_t i = 0; i < from->people_room; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            if ((from->people[i] & 1u << bit) != 0)
                add_person(r, to, (uint32_t)(i * 8 + bit));
}

static int by_row_name(const void *a, const void *b)
{
    const struct report_line *x = a, *y = b;
    bool x_all = strcmp(x->row.name, "all") == 0, y_all = strcmp(y->row.name, "all") == 0;
    return x_all != y_all ? (x_all ? -1 : 1) : strcmp(x->row.name, y->row.name);
}

enum err_code report_make_rows(struct report *r, struct err *err)
{
    struct report_line few = { .row.name = "" };
    (void)line_of(r, SPAN_LITERAL("all"));
    r->rows = calloc(r->line_count + 2, sizeof *r->rows);
    if (r->rows == NULL || r->line_count == 0)
        return err_set(err, ERR_MEMORY, "a report");
    snprintf(few.row.name, sizeof few.row.name, "(fewer than %u people)", r->options.least);
    qsort(r->lines, r->line_count, sizeof r->lines[0], by_row_name);
    for (size_t i = 0; i < r->line_count; i++) {
        finish(&r->lines[i]);
        r->lines[i].row.known_people_s = count_known(r, &r->lines[i]);
        if (i > 0 && r->lines[i].row.people < r->options.least)
            join(r, &few, &r->lines[i]);
        else
            r->rows[r->row_count++] = r->lines[i].row;
    }
    finish(&few);
    if (r->options.by != REPORT_MONTH) /* the same time is not counted twice for somebody of two rows; months follow each other */
        few.row.known_people_s = count_known(r, &few);
    if (few.people_room > 0 || few.row.episodes > 0 || few.row.failing_s > 0 || few.row.known_s > 0)
        r->rows[r->row_count++] = few.row;
    free(few.fixes);
    free(few.people);
    return r->short_of_memory ? err_set(err, ERR_MEMORY, "a report") : OK;
}

size_t report_rows(const struct report *r, const struct report_row **rows)
{
    *rows = r->rows;
    return r->row_count;
}

/* ---- writing ---- */

/* Per mille of a whole, -1: of nothing. */
static int64_t share(uint64_t part, uint64_t whole) { return whole == 0 ? -1 : (int64_t)(part * 1000 / whole); }

/* Every number of a row, in one order for JSON and CSV. */
struct column { const char *name; int64_t value; };
enum { COLUMNS_MOST = 48 };
static size_t columns_of(const struct report_row *row, struct column *out)
{
    static const char *const steps[REPORT_STEPS][2] = { { "nudge_1", "nudge_1_fixed" }, { "nudge_2", "nudge_2_fixed" }, { "later_nudges", "later_nudges_fixed" }, { "closings", "closings_fixed" } };
    size_t count = 0;
    const struct column plain[] = {
        { "people", row->people }, { "episodes", row->episodes }, { "open", row->open }, { "self_healed", row->self_healed }, { "fixed", row->fixed },
        { "fixed_before_close", row->fixed_before_close }, { "fixed_before_close_permille", share(row->fixed_before_close, row->fixed) }, { "closed", row->closed },
        { "time_to_fix_median_s", row->median_s }, { "time_to_fix_p90_s", row->p90_s }, { "paused_s", row->paused_s },
        { "violation_days_tenths", row->failing_s * 10 / DAY_S }, { "blocked_minutes", row->blocked_s / 60 },
        { "blocked_minutes_per_100_people", row->people == 0 ? -1 : row->blocked_s / 60 * 100 / row->people },
        { "person_weeks_tenths", row->known_people_s * 10 / WEEK_S },
        { "notices", row->notices }, { "notices_per_person_week_permille", row->known_people_s == 0 ? -1 : (int64_t)row->notices * WEEK_S * 1000 / row->known_people_s },
        { "snoozes", row->snoozes }, { "continued_once", row->passes }, { "disputes", row->disputes }, { "disputes_permille", share(row->disputes, (uint64_t)row->episodes + row->open) },
        { "disputes_answered", row->answered }, { "disputes_upheld", row->upheld }, { "disputes_upheld_permille", share(row->upheld, row->answered) },
        { "unknown_permille", share((uint64_t)row->unknown_s, (uint64_t)row->known_s) }, { "exemptions_open", row->exemptions_open }, { "exemptions_overdue", row->exemptions_overdue },
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        out[count++] = plain[i];
    for (size_t i = 0; i < REPORT_STEPS; i++) {
        out[count++] = (struct column){ steps[i][0], row->steps[i].reached };
        out[count++] = (struct column){ steps[i][1], row->steps[i].fixed };
    }
    return count;
}

void report_to_json(const struct report *r, struct to_json *w)
{
    struct column columns[COLUMNS_MOST];
    to_json_object(w);
    to_json_member_time_if(w, "since", r->options.since_s);
    to_json_member_time_if(w, "until", r->options.until_s);
    to_json_member_text(w, "by", span_of(by_names[r->options.by]));
    to_json_member_int(w, "least_people", r->options.least);
    to_json_key(w, "rows");
    to_json_array(w);
    for (size_t i = 0; i < r->row_count; i++) {
        size_t count = columns_of(&r->rows[i], columns);
        to_json_object(w);
        to_json_member_text(w, "name", span_of(r->rows[i].name));
        for (size_t k = 0; k < count; k++) {
            to_json_key(w, columns[k].name);
            if (columns[k].value < 0)
                to_json_null(w);
            else
                to_json_int(w, columns[k].value);
        }
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

/* RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe in front. */
static void csv_text(struct buf *out, struct span text)
{
    bool formula = !span_empty(text) && strchr("=+-@\t\r", text.at[0]) != NULL;
    (void)buf_append_text(out, formula ? "\"'" : "\"");
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] == '"')
            (void)buf_append_byte(out, '"');
        (void)buf_append_byte(out, text.at[i]);
    }
    (void)buf_append_byte(out, '"');
}

void report_to_csv(const struct report *r, struct buf *out)
{
    struct column columns[COLUMNS_MOST];
    for (size_t i = 0; i < r->row_count; i++) {
        size_t count = columns_of(&r->rows[i], columns);
        for (size_t k = 0; i == 0 && k < count; k++)
            (void)buf_format(out, "%s%s%s", k == 0 ? by_names[r->options.by] : "", ",", columns[k].name);
        if (i == 0)
            (void)buf_append_text(out, "\r\n");
        csv_text(out, span_of(r->rows[i].name));
        for (size_t k = 0; k < count; k++)
            if (columns[k].value < 0)
                (void)buf_append_byte(out, ',');
            else
                (void)buf_format(out, ",%lld", (long long)columns[k].value);
        (void)buf_append_text(out, "\r\n");
    }
}

/* ---- the state at a time ---- */

static int by_device_name(const void *a, const void *b)
{
    return span_compare((*(const struct report_device *const *)a)->name, (*(const struct report_device *const *)b)->name);
}

static const struct report_device **sorted(const struct report *r, size_t *count)
{
    const struct report_device **all = calloc(r->device_count + 1, sizeof *all);
    *count = 0;
    for (size_t i = 0; all != NULL && i < r->device_count; i++)
        if (!r->devices[i].gone)
            all[(*count)++] = &r->devices[i];
    if (all != NULL)
        qsort(all, *count, sizeof all[0], by_device_name);
    return all;
}

static bool has(const struct report_device *d, enum verdict verdict)
{
    for (size_t i = 0; i < d->cell_count; i++)
        if (d->cells[i].since_s != 0 && d->cells[i].verdict == verdict)
            return true;
    return false;
}

static void write_checks(const struct report_device *d, enum verdict verdict, const char *key, struct to_json *w)
{
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < d->cell_count; i++)
        if (d->cells[i].since_s != 0 && d->cells[i].verdict == verdict)
            to_json_text(w, d->cells[i].check);
    to_json_end(w);
}

void report_state_to_json(const struct report *r, struct to_json *w)
{
    size_t count = 0, failing = 0, unknown = 0;
    const struct report_device **all = sorted(r, &count);
    to_json_object(w);
    to_json_member_time_if(w, "as_of", r->options.until_s - 1);
    to_json_key(w, "devices");
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct report_device *d = all[i];
        bool fails = has(d, VERDICT_FAIL), dark = has(d, VERDICT_UNKNOWN);
        to_json_object(w);
        to_json_member_text(w, "device", d->name);
        to_json_member_text_if(w, "person", d->person != REPORT_NOBODY ? r->persons[d->person].name : SPAN_NONE);
        to_json_member_text(w, "platform", d->platform);
        to_json_member_bool(w, "owned", d->owned);
        to_json_member_bool(w, "compliant", !fails);
        write_checks(d, VERDICT_FAIL, "failing", w);
        write_checks(d, VERDICT_UNKNOWN, "unknown", w);
        to_json_member_text_if(w, "rung", d->rung);
        to_json_end(w);
        failing += fails;
        unknown += dark && !fails;
    }
    to_json_end(w);
    to_json_member_int(w, "count", (int64_t)count);
    to_json_member_int(w, "failing", (int64_t)failing);
    to_json_member_int(w, "in_part_unknown", (int64_t)unknown);
    to_json_end(w);
    free(all);
}

void report_state_to_csv(const struct report *r, struct buf *out)
{
    size_t count = 0;
    const struct report_device **all = sorted(r, &count);
    (void)buf_append_text(out, "device,platform,owned,compliant,failing,unknown,rung\r\n");
    for (size_t i = 0; i < count; i++) {
        const struct report_device *d = all[i];
        csv_text(out, d->name);
        (void)buf_format(out, ",%.*s,%s,%s", SPAN_ARGS(d->platform), d->owned ? "yes" : "no", has(d, VERDICT_FAIL) ? "no" : "yes");
        for (int which = 0; which < 2; which++) {
            (void)buf_append_text(out, ",\"");
            for (size_t k = 0, written = 0; k < d->cell_count; k++)
                if (d->cells[k].since_s != 0 && d->cells[k].verdict == (which == 0 ? VERDICT_FAIL : VERDICT_UNKNOWN))
                    (void)buf_format(out, "%s%.*s", written++ > 0 ? ";" : "", SPAN_ARGS(d->cells[k].check));
            (void)buf_append_text(out, "\"");
        }
        (void)buf_append_byte(out, ',');
        csv_text(out, d->rung);
        (void)buf_append_text(out, "\r\n");
    }
    free(all);
}
