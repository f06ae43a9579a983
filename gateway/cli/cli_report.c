/* report: how people and devices fared, from the archive on disk. */
#include "gateway/cli/audit_names.h"
#include "gateway/cli/audit_place.h"
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "gateway/report_source.h"
#include "posture/base/clock.h"
#include "posture/base/file.h"

#include <string.h>
#include <time.h>

enum { OUT_BYTES = 512 * 1024 * 1024, DEFAULT_DAYS = 30, DAY_S = 86400, PATH_BYTES = 256, CELL_BYTES = 48 };

/* ---- the table ---- */

static void cell_share(struct table *t, unsigned part, unsigned whole)
{
    char text[CELL_BYTES] = "-";
    if (whole > 0)
        snprintf(text, sizeof text, "%u %%", (part * 100 + whole / 2) / whole);
    table_cell(t, span_of(text));
}

static void cell_time(struct table *t, int64_t seconds)
{
    char text[CELL_BYTES] = "-";
    if (seconds >= 2 * DAY_S)
        snprintf(text, sizeof text, "%lld.%lld d", (long long)(seconds / DAY_S), (long long)(seconds % DAY_S * 10 / DAY_S));
    else if (seconds >= 0)
        snprintf(text, sizeof text, "%lld.%lld h", (long long)(seconds / 3600), (long long)(seconds % 3600 * 10 / 3600));
    table_cell(t, span_of(text));
}

static void print_rows(const struct report *r, enum report_by by)
{
    const char *headings[] = { report_by_name(by), "PEOPLE", "FIXED", "BEFORE CLOSING", "MEDIAN", "P90", "BY ITSELF", "OPEN" };
    const struct report_row *rows = NULL;
    struct table t;
    size_t count = report_rows(r, &rows);
    table_init(&t, headings, sizeof headings / sizeof headings[0]);
    for (size_t i = 0; i < count; i++) {
        table_cell(&t, span_of(rows[i].name));
        table_int(&t, rows[i].people);
        table_int(&t, rows[i].fixed);
        cell_share(&t, rows[i].fixed_before_close, rows[i].fixed);
        cell_time(&t, rows[i].median_s);
        cell_time(&t, rows[i].p90_s);
        table_int(&t, rows[i].self_healed);
        table_int(&t, rows[i].open);
    }
    table_print(&t, "nothing was archived in that time");
    table_done(&t);
}

static void print_all(const struct report_row *a, int64_t days)
{
    static const char *const names[REPORT_STEPS] = { "message 1", "message 2", "later messages", "closing" };
    print_line(stdout, "%s", "");
    for (size_t i = 0; i < REPORT_STEPS; i++)
        if (a->steps[i].reached > 0)
            print_line(stdout, "fixed within a day of %s: %u of %u", names[i], a->steps[i].fixed, a->steps[i].reached);
    print_line(stdout, "failing: %lld device days; paused while being fixed: %lld days", (long long)(a->failing_s / DAY_S), (long long)(a->paused_s / DAY_S));
    if (a->people > 0)
        print_line(stdout, "closed to people: %lld minutes per 100 people; messages: %.2f per person and week", (long long)(a->blocked_s / 60 * 100 / a->people),
                   days > 0 ? (double)a->notices * 7 / (double)days / a->people : 0.0);
    print_line(stdout, "reminded later: %u; continued once: %u; said to be wrong: %u, answered %u, right %u", a->snoozes, a->passes, a->disputes, a->answered, a->upheld);
    print_line(stdout, "unknown: %lld %% of results; exemptions: %u in force, %u past their end", (long long)(a->known_s > 0 ? a->unknown_s * 100 / a->known_s : 0), a->exemptions_open, a->exemptions_overdue);
}

/* ---- reading ---- */

static int read_options(const struct args *args, struct report_options *o)
{
    int64_t now_s = (int64_t)time(NULL);
    const char *least = args_text(args, "--least");
    if (args->json && args_has(args, "--csv"))
        return cli_usage(args->command, "give --csv or --json, not both");
    uint64_t number = REPORT_LEAST;
    *o = (struct report_options){ .until_s = now_s, .by = REPORT_CHECK };
    if (args_text(args, "--by") != NULL && !report_by_from(span_of(args_text(args, "--by")), &o->by))
        return cli_usage(args->command, "--by must be check, rung, group or month");
    if (least != NULL && (!span_to_u64(span_of(least), &number) || number == 0 || number > 1000000))
        return cli_usage(args->command, "--least must be a number from 1");
    o->least = (unsigned)number;
    int code = audit_place_time(args, "--until", true, &o->until_s);
    o->until_s = report_source_end(o->until_s, now_s);
    o->since_s = o->until_s - (int64_t)DEFAULT_DAYS * DAY_S;
    if (code == CLI_DONE)
        code = audit_place_time(args, "--since", false, &o->since_s);
    return code == CLI_DONE && o->since_s >= o->until_s ? cli_usage(args->command, "--since must lie before --until, and before now") : code;
}

static int read_report(const struct audit_place *place, const struct report_options *options, bool state_only, bool quiet, struct report **out)
{
    const struct report_source source = { place->folders, place->count, *options, state_only, quiet ? NULL : audit_place_progress };
    struct err err;
    enum err_code code = report_source_read(&source, out, &err);
    if (!quiet)
        audit_place_progress_end();
    if (code == OK)
        return CLI_DONE;
    print_line(stderr, "postern report: %s", err.text);
    return CLI_NO;
}

static int print_whole(const struct buf *text, const char *end)
{
    struct err err;
    if (buf_check(text, "the report", &err) != OK)
        return print_line(stderr, "postern: %s", err.text), CLI_NO;
    fwrite(buf_span(text).at, 1, text->bytes, stdout);
    fputs(end, stdout);
    return CLI_DONE;
}

static int print_report(const struct args *args, const struct report *r, const struct report_options *o)
{
    CLEANUP(buf_done) struct buf text;
    const struct report_row *rows = NULL;
    struct to_json w;
    char since[CLOCK_TEXT_BYTES], until[CLOCK_TEXT_BYTES];
    buf_init(&text, OUT_BYTES);
    if (args_has(args, "--csv")) {
        report_to_csv(r, &text);
        return print_whole(&text, "");
    }
    if (args->json) {
        to_json_init(&w, &text);
        report_to_json(r, &w);
        return print_whole(&text, "\n");
    }
    print_line(stdout, "from %s to %s", clock_rfc3339(o->since_s, since), clock_rfc3339(o->until_s, until));
    print_rows(r, o->by);
    if (report_rows(r, &rows) > 0)
        print_all(&rows[0], (o->until_s - o->since_s) / DAY_S);
    return CLI_DONE;
}

static int report(const struct args *args)
{
    CLEANUP(report_freep) struct report *r = NULL;
    struct audit_place place;
    struct report_options o;
    int code = read_options(args, &o);
    if (code == CLI_DONE)
        code = audit_place_find(args, 0, &place);
    if (code == CLI_DONE)
        code = read_report(&place, &o, false, args->json || args_has(args, "--csv"), &r);
    return code == CLI_DONE ? print_report(args, r, &o) : code;
}

/* ---- as of ---- */

/* The gateway reads its own archive and signs what it finds. */
static int signed_state(const struct args *args, int64_t at_s)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char time[CLOCK_TEXT_BYTES], path[CLIENT_PATH_BYTES];
    int code = client_open(args, &c);
    if (code == CLI_DONE && !client_path(path, "/admin/v1/report/as-of?at=%s", clock_rfc3339(at_s, time)))
        code = CLI_NO;
    if (code == CLI_DONE)
        code = client_call(c, "GET", path, NULL, &a);
    return code == CLI_DONE ? client_print_json(&a) : code;
}

static int as_of(const struct args *args)
{
    CLEANUP(report_freep) struct report *r = NULL;
    CLEANUP(buf_done) struct buf text;
    struct audit_place place;
    struct to_json w;
    const char *word = args->words[0];
    char full[2 * CELL_BYTES];
    int64_t at_s = 0;
    buf_init(&text, OUT_BYTES);
    snprintf(full, sizeof full, "%.40s%s", word, strlen(word) == ARCHIVE_DAY_BYTES ? "T23:59:59Z" : "");
    if (!clock_from_rfc3339(span_of(full), &at_s))
        return cli_usage(args->command, "as-of needs a day (2026-11-30: its end, in UTC) or a time (2026-11-30T12:00:00Z)");
    at_s = report_source_end(at_s, (int64_t)time(NULL));
    if (args_has(args, "--sign"))
        return signed_state(args, at_s);
    const struct report_options o = { .since_s = 0, .until_s = at_s + 1, .least = 1 };
    int code = audit_place_find(args, 1, &place);
    if (code == CLI_DONE)
        code = read_report(&place, &o, true, args->json, &r);
    if (code != CLI_DONE)
        return code;
    to_json_init(&w, &text);
    if (args->json)
        report_state_to_json(r, &w);
    else
        report_state_to_csv(r, &text);
    return print_whole(&text, args->json ? "\n" : "");
}

static int run(int argc, char **argv)
{
    static const struct arg_option options[] = { { "--since", ARG_TEXT }, { "--until", ARG_TEXT }, { "--by", ARG_TEXT }, { "--least", ARG_TEXT }, { "--csv", ARG_FLAG } },
        state_options[] = { { "--sign", ARG_FLAG } };
    static const struct cli_action whole = { NULL, NULL, 0, ARCHIVE_FOLDERS_MOST, options, sizeof options / sizeof options[0], report };
    static const struct cli_action at = { "as-of", "DATE", 1, ARCHIVE_FOLDERS_MOST, state_options, 1, as_of };
    return argc > 1 && strcmp(argv[1], "as-of") == 0 ? args_run_action(&cli_report, &at, 1, argc, argv) : args_run(&cli_report, &whole, argc, argv);
}

const struct cli_command cli_report = {
    "report",
    "postern report [DIR...] [--since DAY] [--until DAY] [--by check | rung | group | month] [--least N] [--csv | --json]\n"
    "       postern report as-of DATE [DIR...] [--sign] [--json]\n\n"
    "Computed from the archive (docs/audit.md), on a copied folder too; several DIRs are the disks of several nodes. Without --since the\n"
    "last 30 days. Rows about fewer than 10 people (--least) are put together. Nobody is named.\n"
    "as-of: the state of every device at the end of that day, as CSV or JSON; --sign has the gateway compute and sign it.",
    "how people and devices fared: time to fix, effect of messages, a past date",
    run,
};
