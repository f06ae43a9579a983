/* simulate: what a policy would do over the days to come, or would have done over those that the log holds. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/clock.h"
#include "posture/base/file.h"
#include "posture/base/to_json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLICY_FILE_BYTES = 1024 * 1024, BODY_BYTES = 4 * 1024 * 1024, BAR = 40, ASK_AGAIN_MS = 200, SHOWN = 20, DAYS_SHOWN = 31, SINCE_MOST_S = 365 * 86400, TEXTS_BYTES = 256, PATH_ID = 64 };

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal) { interrupted = signal; }

/* ---- the answer ---- */

static void print_closings(const struct from_json_value *r, const char *key, const char *words)
{
    struct from_json_value c = from_json_member(r, key);
    if (json_int(&c, "devices", 0) > 0)
        print_line(stdout, "%s: %lld times, %lld people", words, (long long)json_int(&c, "devices", 0), (long long)json_int(&c, "persons", 0));
}

static void print_days(const struct from_json_value *r)
{
    static const char *const headings[] = { "DAY", "MESSAGES", "CLOSINGS", "WOULD CLOSE" };
    CLEANUP(table_done) struct table table = { 0 };
    struct from_json_value days = from_json_member(r, "days");
    size_t skipped = 0, shown = 0;
    table_init(&table, headings, 4);
    for (size_t i = 0; i < from_json_count(&days); i++) {
        struct from_json_value d = from_json_item(&days, i);
        if (json_int(&d, "nudges", 0) + json_int(&d, "closings", 0) + json_int(&d, "would", 0) == 0 || shown == DAYS_SHOWN) {
            skipped++;
            continue;
        }
        shown++;
        table_cell(&table, json_text(&d, "day"));
        table_int(&table, json_int(&d, "nudges", 0));
        table_int(&table, json_int(&d, "closings", 0));
        table_int(&table, json_int(&d, "would", 0));
    }
    table_print(&table, "nothing happens on any day");
    if (skipped > 0 && table.cells > 0)
        print_line(stdout, "days on which nothing happens, or that are not shown: %zu", skipped);
}

static void print_counts(const struct from_json_value *r, const char *key, const char *first, const char *second, const char *count, const char *const headings[4])
{
    CLEANUP(table_done) struct table table = { 0 };
    struct from_json_value all = from_json_member(r, key);
    table_init(&table, headings, 4);
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value a = from_json_item(&all, i);
        if (json_int(&a, count, 0) + json_int(&a, "would", 0) == 0)
            continue;
        table_cell(&table, json_text(&a, first));
        table_cell(&table, json_text(&a, second));
        table_int(&table, json_int(&a, count, 0));
        table_int(&table, json_int(&a, "would", 0));
    }
    if (table.cells > 0)
        table_print(&table, "");
}

static void cell_or(struct table *table, const struct from_json_value *v, const char *key, const char *other)
{
    struct span text = json_text(v, key);
    table_cell(table, span_empty(text) ? json_text(v, other) : text);
}

static void print_names(const struct from_json_value *r)
{
    static const char *const headings[] = { "WHEN", "PERSON", "DEVICE", "RUNG", "CLOSES", "BECAUSE OF", "IN FORCE" };
    CLEANUP(table_done) struct table table = { 0 };
    struct from_json_value names = from_json_member(r, "names");
    char texts[TEXTS_BYTES];
    table_init(&table, headings, 7);
    for (size_t i = 0; i < from_json_count(&names) && i < SHOWN; i++) {
        struct from_json_value n = from_json_item(&names, i);
        table_cell(&table, json_text(&n, "at"));
        cell_or(&table, &n, "email", "person");
        cell_or(&table, &n, "name", "device");
        table_cell(&table, json_text(&n, "rung"));
        table_cell(&table, json_texts(&n, "closes", texts, sizeof texts));
        table_cell(&table, json_text(&n, "check"));
        table_cell(&table, json_true(&n, "would") ? SPAN_LITERAL("no, it would") : SPAN_LITERAL("yes"));
    }
    table_print(&table, "nothing closes");
    if (json_int(r, "names_all", 0) > SHOWN)
        print_line(stdout, "and %lld more (--json has up to %zu of them)", (long long)json_int(r, "names_all", 0) - SHOWN, from_json_count(&names));
}

static void print_logins(const struct from_json_value *r)
{
    static const char *const headings[] = { "WHEN", "PERSON", "APP", "DEVICE", "BECAUSE OF", "DECISION", "IN FORCE" };
    CLEANUP(table_done) struct table table = { 0 };
    struct from_json_value logins = from_json_member(r, "logins"), names = from_json_member(&logins, "names");
    if (!from_json_present(&logins))
        return;
    print_line(stdout, "%s", "");
    print_line(stdout, "logins in the log: %lld; let in then, stopped by this policy: %lld; would be, were it enforced: %lld; stopped then, let in by this policy: %lld",
               (long long)json_int(&logins, "asked", 0), (long long)json_int(&logins, "stopped", 0), (long long)json_int(&logins, "would", 0), (long long)json_int(&logins, "opened", 0));
    table_init(&table, headings, 7);
    for (size_t i = 0; i < from_json_count(&names) && i < SHOWN; i++) {
        struct from_json_value n = from_json_item(&names, i);
        table_cell(&table, json_text(&n, "at"));
        cell_or(&table, &n, "email", "person");
        table_cell(&table, json_text(&n, "app"));
        table_cell(&table, json_text(&n, "device"));
        table_cell(&table, json_text(&n, "check"));
        table_cell(&table, json_text(&n, "decision"));
        table_cell(&table, json_true(&n, "would") ? SPAN_LITERAL("no, it would") : SPAN_LITERAL("yes"));
    }
    table_print(&table, "nobody would have been stopped");
}

/* What there was to go by: nothing is known of the time before. */
static void print_covered(const struct from_json_value *r, struct span begins)
{
    struct from_json_value archive = from_json_member(r, "archive");
    struct span from = json_text(&archive, "from"), covered = json_text(r, "covered_from");
    if (!span_empty(from))
        print_line(stdout, "Covered: from %.*s by the archive, to %.*s; %lld records of it are about names that mean nobody here.", SPAN_ARGS(from), SPAN_ARGS(json_text(&archive, "to")),
                   (long long)json_int(&archive, "unknown", 0));
    if (!span_empty(begins))
        print_line(stdout, "Covered: from %.*s by the log, in which the first state of a device is of that time.", SPAN_ARGS(begins));
    if (span_empty(covered) && span_equal_text(json_text(r, "mode"), "past"))
        print_line(stdout, "%s", "Nothing is recorded of any device in that time.");
}

static void print_notes(const struct from_json_value *r)
{
    struct from_json_value lines = from_json_member(r, "assumptions"), checks = from_json_member(r, "checks_without_results");
    char texts[TEXTS_BYTES * 4];
    struct span begins = json_text(r, "log_begins");
    print_line(stdout, "%s", "");
    print_line(stdout, "What this takes for granted:");
    for (size_t i = 0; i < from_json_count(&lines); i++) {
        struct from_json_value line = from_json_item(&lines, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&line, SIZE_MAX, &text, NULL) == OK)
            print_line(stdout, "- %.*s", SPAN_ARGS(text));
    }
    if (from_json_count(&checks) > 0)
        print_line(stdout, "checks_without_results: %.*s", SPAN_ARGS(json_texts(r, "checks_without_results", texts, sizeof texts)));
    print_covered(r, begins);
    if (json_int(r, "cut_short", 0) > 0)
        print_line(stdout, "People who could not be followed to the end: %lld", (long long)json_int(r, "cut_short", 0));
}

static void print_result(const struct from_json_value *r)
{
    static const char *const app_headings[] = { "APP", "SENSITIVITY", "CLOSES", "WOULD CLOSE" }, *const rung_headings[] = { "LADDER", "RUNG", "DEVICES", "WOULD" };
    struct span before = json_text(r, "in_force"), after = json_text(r, "version");
    print_line(stdout, "policy %.*s -> %.*s, from %.*s to %.*s", SPAN_ARGS(span_slice(before, 0, 12)), SPAN_ARGS(span_slice(after, 0, 12)), SPAN_ARGS(json_text(r, "from")), SPAN_ARGS(json_text(r, "to")));
    print_line(stdout, "people%s: %lld, devices: %lld", span_equal_text(json_text(r, "mode"), "past") ? " who appear in the log" : "", (long long)json_int(r, "persons", 0), (long long)json_int(r, "devices", 0));
    print_line(stdout, "messages: %lld, to %lld people", (long long)json_int(r, "nudges", 0), (long long)json_int(r, "nudged_persons", 0));
    print_closings(r, "closings", "apps close on a device");
    print_closings(r, "would", "apps would close on a device, were it enforced");
    print_line(stdout, "%s", "");
    print_days(r);
    print_line(stdout, "%s", "");
    print_counts(r, "apps", "id", "sensitivity", "closings", app_headings);
    print_line(stdout, "%s", "");
    print_counts(r, "rungs", "ladder", "rung", "devices", rung_headings);
    print_line(stdout, "%s", "");
    print_names(r);
    print_logins(r);
    print_notes(r);
}

/* ---- waiting for it ---- */

/* On a terminal only, and gone when it is done. */
static void print_progress(const struct from_json_value *a, bool last)
{
    int64_t done = json_int(a, "done", 0), total = json_int(a, "total", 0);
    int filled = total > 0 ? (int)(done * BAR / total) : 0;
    static const char full[] = "########################################", empty[] = "........................................";
    if (!isatty(STDERR_FILENO))
        return;
    if (last)
        fprintf(stderr, "\r\033[K");
    else if (total > 0)
        fprintf(stderr, "\r[%.*s%.*s] %lld of %lld people", filled, full, BAR - filled, empty, (long long)done, (long long)total);
    else
        fprintf(stderr, "\r%lld log entries", (long long)done);
    fflush(stderr);
}

static int cancel(struct client *c, const char *path)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_call(c, "DELETE", path, NULL, &a);
    if (code != CLI_DONE)
        return code;
    print_line(stderr, "postern: cancelled");
    return CLI_NO;
}

static void pause_a_little(void)
{
    struct timespec t = { 0, ASK_AGAIN_MS * 1000000L };
    nanosleep(&t, NULL);
}

/* Until it is done; the answer then is in `a`. */
static int wait_for(struct client *c, const char *path, struct client_answer *a)
{
    for (;;) {
        if (interrupted)
            return cancel(c, path);
        client_answer_done(a);
        *a = (struct client_answer){ 0 };
        int code = client_call(c, "GET", path, NULL, a);
        bool running = code == CLI_DONE && span_equal_text(json_text(&a->root, "state"), "running");
        print_progress(&a->root, !running);
        if (code != CLI_DONE)
            return code;
        if (!running)
            break;
        pause_a_little();
    }
    struct span state = json_text(&a->root, "state"), error = json_text(&a->root, "error");
    if (span_equal_text(state, "done"))
        return CLI_DONE;
    print_line(stderr, "postern: the simulation %.*s%s%.*s", SPAN_ARGS(span_equal_text(state, "failed") ? SPAN_LITERAL("failed") : SPAN_LITERAL("was cancelled")), span_empty(error) ? "" : ": ", SPAN_ARGS(error));
    return CLI_NO;
}

/* ---- the question ---- */

static int read_number(const struct args *args, const char *name, uint64_t most, uint64_t *out)
{
    const char *text = args_text(args, name);
    char words[96];
    if (text == NULL || (span_to_u64(span_of(text), out) && *out > 0 && *out <= most))
        return CLI_DONE;
    snprintf(words, sizeof words, "%s must be 1 to %llu", name, (unsigned long long)most);
    return cli_usage(args->command, words);
}

static int write_order(const struct args *args, struct span text, struct buf *body)
{
    const char *since = args_text(args, "--since");
    uint64_t days = 0, names = 0;
    int64_t back_s = 0;
    struct to_json w;
    struct err err;
    int code = read_number(args, "--days", 366, &days);
    if (code == CLI_DONE)
        code = read_number(args, "--names", 10000, &names);
    if (code == CLI_DONE && since != NULL && (!duration_parse(span_of(since), &back_s) || back_s < 60 || back_s > SINCE_MOST_S))
        code = cli_usage(args->command, "--since must be a duration such as 7d, from 1m to 365d");
    if (code == CLI_DONE && since != NULL && days > 0)
        code = cli_usage(args->command, "--days looks ahead, --since back: give one of them");
    if (code != CLI_DONE)
        return code;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text(&w, "text", text);
    to_json_member_text(&w, "file", span_slice(span_of(args_text(args, "--policy")), 0, 200));
    to_json_member_int_if(&w, "days", (int64_t)days);
    to_json_member_int_if(&w, "since_s", back_s);
    to_json_member_int_if(&w, "names", (int64_t)names);
    to_json_end(&w);
    if (buf_check(body, "the policy", &err) == OK)
        return CLI_DONE;
    print_line(stderr, "postern: %s", err.text);
    return CLI_NO;
}

static int read_order(const struct args *args, struct buf *body)
{
    CLEANUP(buf_done) struct buf text;
    const char *path = args_text(args, "--policy");
    struct err err;
    buf_init(&text, POLICY_FILE_BYTES);
    if (path == NULL)
        return cli_usage(args->command, "give --policy FILE");
    if (file_read(path, POLICY_FILE_BYTES, &text, &err) != OK) {
        print_line(stderr, "postern: %s", err.text);
        return CLI_NO;
    }
    if (span_is_utf8(buf_span(&text)))
        return write_order(args, buf_span(&text), body);
    print_line(stderr, "postern: %s is not UTF-8 text", path);
    return CLI_NO;
}

static int start(struct client *c, const struct buf *body, char path[CLIENT_PATH_BYTES])
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char id[PATH_ID];
    int code = client_call(c, "POST", "/admin/v1/simulations", body, &a);
    if (code != CLI_DONE)
        return code;
    snprintf(id, sizeof id, "%.*s", SPAN_ARGS(json_text(&a.root, "id")));
    return client_path(path, "/admin/v1/simulations/%s", id) ? CLI_DONE : CLI_NO;
}

static int simulate(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    char path[CLIENT_PATH_BYTES];
    buf_init(&body, BODY_BYTES);
    int code = read_order(args, &body);
    if (code == CLI_DONE)
        code = client_open(args, &c);
    (void)signal(SIGINT, on_interrupt);
    if (code == CLI_DONE)
        code = start(c, &body, path);
    if (code == CLI_DONE)
        code = wait_for(c, path, &a);
    if (code != CLI_DONE)
        return code;
    struct from_json_value result = from_json_member(&a.root, "result");
    if (args->json)
        return client_print_json(&a);
    print_result(&result);
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    static const struct arg_option options[] = { { "--policy", ARG_TEXT }, { "--days", ARG_TEXT }, { "--since", ARG_TEXT }, { "--names", ARG_TEXT } };
    static const struct cli_action action = { .words = "", .options = options, .option_count = 4, .run = simulate };
    return args_run(&cli_simulate, &action, argc, argv);
}

const struct cli_command cli_simulate = {
    "simulate",
    "postern simulate --policy FILE [--days N] [--names N] [--json]\n"
    "       postern simulate --policy FILE --since 7d [--names N] [--json]\n\n"
    "What a policy would do: over the days to come (30 when nothing is said), from today's directory; or over those that the log still\n"
    "holds, with the logins that were asked about then. Nothing is changed and nobody is told. The gateway works it out on threads\n"
    "that give way to its daily work, one at a time; Ctrl-C cancels. What it takes for granted stands at the end.",
    "shows what a policy would do, ahead or over the recorded past",
    run,
};
