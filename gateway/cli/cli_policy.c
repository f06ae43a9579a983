/* plan and apply: what a policy would change and for whom; putting it in force; going back. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"
#include "posture/base/to_json.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

enum { POLICY_FILE_BYTES = 1024 * 1024, BODY_BYTES = 4 * 1024 * 1024, ANSWER_BYTES = 16, SHOWN = 12 };

static int read_file(const char *path, struct buf *text)
{
    struct err err;
    buf_init(text, POLICY_FILE_BYTES);
    if (file_read(path, POLICY_FILE_BYTES, text, &err) != OK) {
        print_line(stderr, "postern: %s", err.text);
        return CLI_NO;
    }
    if (span_is_utf8(buf_span(text)))
        return CLI_DONE;
    print_line(stderr, "postern: %s is not UTF-8 text", path);
    return CLI_NO;
}

/* {"text": the file, "file": its name, "yes_block": agreed} */
static int write_policy(struct span text, const char *path, int64_t agreed, struct buf *body)
{
    struct err err;
    struct to_json w;
    buf_clear(body);
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text(&w, "text", text);
    to_json_member_text(&w, "file", span_slice(span_of(path), 0, 200));
    to_json_member_int_if(&w, "yes_block", agreed);
    to_json_end(&w);
    if (buf_check(body, path, &err) == OK)
        return CLI_DONE;
    print_line(stderr, "postern: %s", err.text);
    return CLI_NO;
}

/* ---- showing a plan ---- */

static void print_mistakes(const struct from_json_value *root)
{
    struct from_json_value list = from_json_member(root, "mistakes");
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value m = from_json_item(&list, i);
        print_line(stdout, "%.*s:%d:%d: %.*s", SPAN_ARGS(json_text(&m, "file")), (int)json_int(&m, "line", 0), (int)json_int(&m, "column", 0), SPAN_ARGS(json_text(&m, "message")));
    }
}

static void print_changes(const struct from_json_value *root)
{
    struct span before = json_text(root, "in_force"), after = json_text(root, "version");
    struct from_json_value changes = from_json_member(root, "changes");
    print_line(stdout, "policy %.*s -> %.*s", SPAN_ARGS(span_empty(before) ? SPAN_LITERAL("(none)") : span_slice(before, 0, SHOWN)), SPAN_ARGS(span_slice(after, 0, SHOWN)));
    for (size_t i = 0; i < from_json_count(&changes); i++) {
        struct from_json_value line = from_json_item(&changes, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&line, SIZE_MAX, &text, NULL) == OK)
            print_line(stdout, "  %.*s", SPAN_ARGS(text));
    }
    if (from_json_count(&changes) == 0)
        print_line(stdout, span_equal(before, after) ? "  nothing changes: this policy is in force" : "  no difference in its rules");
}

/* "sensitive", "open", "notice (would: all)". */
static void cell_rung(struct table *table, struct span rung, struct span would)
{
    char text[TABLE_CELL_BYTES];
    struct span shown = span_empty(rung) ? SPAN_LITERAL("open") : rung;
    if (span_empty(would))
        snprintf(text, sizeof text, "%.*s", SPAN_ARGS(shown));
    else
        snprintf(text, sizeof text, "%.*s (would: %.*s)", SPAN_ARGS(shown), SPAN_ARGS(would));
    table_cell(table, span_of(text));
}

static void print_affected(const struct from_json_value *root)
{
    static const char *const headings[] = { "PERSON", "DEVICE", "FROM", "TO" };
    struct from_json_value all = from_json_member(root, "affected");
    CLEANUP(table_done) struct table table = { 0 };
    int64_t total = json_int(root, "affected_devices", 0);
    if (total == 0) {
        print_line(stdout, "no device stands differently at once");
        return;
    }
    print_line(stdout, "people shut out of something at once: %lld of %lld", (long long)json_int(root, "blocked_persons", 0), (long long)json_int(root, "persons", 0));
    print_line(stdout, "devices that stand differently at once: %lld; closed more: %lld, opened: %lld", (long long)total, (long long)json_int(root, "closes_more", 0),
               (long long)json_int(root, "opens", 0));
    table_init(&table, headings, 4);
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value d = from_json_item(&all, i);
        struct span email = json_text(&d, "email"), name = json_text(&d, "name"), from = json_text(&d, "from"), to = json_text(&d, "to");
        struct span would_from = json_text(&d, "would_from"), would_to = json_text(&d, "would_to");
        table_cell(&table, span_empty(email) ? json_text(&d, "person") : email);
        table_cell(&table, span_empty(name) ? json_text(&d, "device") : name);
        cell_rung(&table, from, would_from);
        cell_rung(&table, to, would_to);
    }
    table_print(&table, "");
    if (total > (int64_t)from_json_count(&all))
        print_line(stdout, "and %lld more", (long long)(total - (int64_t)from_json_count(&all)));
}

static void print_plan(const struct from_json_value *root)
{
    print_mistakes(root);
    print_changes(root);
    print_affected(root);
}

static int plan(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf text;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, BODY_BYTES);
    int code = read_file(args->words[0], &text);
    if (code == CLI_DONE)
        code = write_policy(buf_span(&text), args->words[0], 0, &body);
    if (code == CLI_DONE)
        code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/policy/plan", &body, &a);
    if (code != CLI_DONE)
        return code;
    if (args->json)
        return client_print_json(&a);
    print_plan(&a.root);
    return CLI_DONE;
}

/* ---- apply ---- */

static bool say_yes(int64_t devices)
{
    char answer[ANSWER_BYTES] = "";
    fprintf(stderr, "Devices that would be closed more than now: %lld. Put this policy in force? [y/N] ", (long long)devices);
    return fgets(answer, sizeof answer, stdin) != NULL && tolower((unsigned char)answer[0]) == 'y';
}

/* Many at once: their number has to be typed, or given. */
static bool say_number(int64_t people, int64_t *agreed)
{
    char answer[ANSWER_BYTES] = "";
    uint64_t number = 0;
    fprintf(stderr, "People who would be shut out of something at once: %lld. Type that number to put this policy in force: ", (long long)people);
    if (fgets(answer, sizeof answer, stdin) == NULL || !span_to_u64(span_trim(span_of(answer)), &number) || number != (uint64_t)people)
        return false;
    *agreed = people;
    return true;
}

static bool ask(const struct from_json_value *plan, int64_t *agreed)
{
    fflush(stdout);
    return json_true(plan, "needs_number") ? say_number(json_int(plan, "blocked_persons", 0), agreed) : say_yes(json_int(plan, "closes_more", 0));
}

static int refuse(const struct from_json_value *plan)
{
    int64_t people = json_int(plan, "blocked_persons", 0);
    if (json_true(plan, "needs_number"))
        print_line(stderr, "postern: people who would be shut out of something at once: %lld; say --yes-block %lld to put the policy in force. Nothing was changed.", (long long)people, (long long)people);
    else
        print_line(stderr, "postern: devices that would be closed more than now: %lld; say --yes to put the policy in force. Nothing was changed.", (long long)json_int(plan, "closes_more", 0));
    return CLI_NO;
}

/* Shows the plan and asks where it would close more; CLI_DONE: go on. The gateway refuses again what has changed meanwhile. */
static int agree(struct client *c, const struct args *args, const struct buf *body, int64_t *agreed)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_call(c, "POST", "/admin/v1/policy/plan", body, &a);
    if (code != CLI_DONE)
        return code;
    int64_t closes = json_int(&a.root, "closes_more", 0);
    bool numbered = json_true(&a.root, "needs_number"), enough = *agreed > 0 && *agreed >= json_int(&a.root, "blocked_persons", 0);
    if (!args->json && !args_has(args, "--yes"))
        print_plan(&a.root);
    if (closes == 0 || enough || (args_has(args, "--yes") && !numbered))
        return CLI_DONE;
    if (!isatty(STDIN_FILENO))
        return refuse(&a.root);
    if (ask(&a.root, agreed))
        return CLI_DONE;
    print_line(stderr, "postern: nothing was changed");
    return CLI_NO;
}

static int publish(struct client *c, const struct args *args, const struct buf *body)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_call(c, "POST", "/admin/v1/policy/apply", body, &a);
    if (code != CLI_DONE)
        return code;
    if (args->json)
        return client_print_json(&a);
    print_line(stdout, "in force: %.*s", SPAN_ARGS(json_text(&a.root, "version")));
    return CLI_DONE;
}

static void write_version(const char *version, struct buf *body)
{
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(version));
    to_json_end(&w);
}

static int apply_version(const struct args *args, const char *version)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, BODY_BYTES);
    write_version(version, &body);
    int code = client_open(args, &c);
    return code == CLI_DONE ? publish(c, args, &body) : code;
}

static int apply_file(const struct args *args, const char *path, int64_t agreed)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(buf_done) struct buf text;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, BODY_BYTES);
    int code = read_file(path, &text);
    if (code == CLI_DONE)
        code = write_policy(buf_span(&text), path, 0, &body);
    if (code == CLI_DONE)
        code = client_open(args, &c);
    if (code == CLI_DONE)
        code = agree(c, args, &body, &agreed);
    if (code == CLI_DONE)
        code = write_policy(buf_span(&text), path, agreed, &body);
    return code == CLI_DONE ? publish(c, args, &body) : code;
}

static int apply(const struct args *args)
{
    const char *version = args_text(args, "--version"), *number = args_text(args, "--yes-block");
    uint64_t people = 0;
    if ((version == NULL) == (args->word_count == 0))
        return cli_usage(args->command, "give a FILE, or --version V");
    if (number != NULL && (!span_to_u64(span_of(number), &people) || people > INT32_MAX))
        return cli_usage(args->command, "--yes-block must be the number of people that the plan names");
    return version != NULL ? apply_version(args, version) : apply_file(args, args->words[0], (int64_t)people);
}

static int run_plan(int argc, char **argv)
{
    static const struct cli_action action = { .words = "FILE", .least_words = 1, .most_words = 1, .run = plan };
    return args_run(&cli_plan, &action, argc, argv);
}

static int run_apply(int argc, char **argv)
{
    static const struct arg_option options[] = { { "--yes", ARG_FLAG }, { "--yes-block", ARG_TEXT }, { "--version", ARG_TEXT } };
    static const struct cli_action action = { .words = "FILE", .most_words = 1, .options = options, .option_count = 3, .run = apply };
    return args_run(&cli_apply, &action, argc, argv);
}

const struct cli_command cli_plan = {
    "plan",
    "postern plan FILE [--json]\n\n"
    "Compares FILE with the policy in force: which rules differ, how many devices stand differently at once, and whose they are.",
    "shows what a policy would change, and for whom",
    run_plan,
};
const struct cli_command cli_apply = {
    "apply",
    "postern apply FILE [--yes] [--yes-block N] [--json]\n"
    "       postern apply --version V [--json]\n\n"
    "Publishes a new policy version. When devices would be closed more than now it shows the plan and asks, and without a terminal it\n"
    "needs --yes. When more people would be shut out at once than policy_block_most allows (1 % of all), their number has to be said:\n"
    "--yes-block N. --version goes back to an earlier version (at least its first 8 digits), for everybody and without asking.",
    "puts a policy in force, or goes back to an earlier version",
    run_apply,
};
