/* explain: the outcome of a decision, the rule that decided, and every step to it. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"

#include <string.h>

static void print_reason(const struct from_json_value *decision, const char *key, const char *label)
{
    struct from_json_value reason = from_json_member(decision, key);
    struct span text = json_text(&reason, "en");
    if (!span_empty(text))
        print_line(stdout, "%-10s %.*s", label, SPAN_ARGS(text));
}

static void print_member(const struct from_json_value *decision, const char *key, const char *label)
{
    struct span text = json_text(decision, key);
    if (!span_empty(text))
        print_line(stdout, "%-10s %.*s", label, SPAN_ARGS(text));
}

static void print_recorded(const struct from_json_value *root)
{
    struct from_json_value recorded = from_json_member(root, "recorded"), data = from_json_member(&recorded, "data");
    if (from_json_kind(&recorded) != FROM_JSON_OBJECT)
        return;
    struct span outcome = json_text(&data, "outcome"), rule = json_text(&data, "rule"), at = json_text(&recorded, "at");
    print_line(stdout, "%-10s %.*s by rule %.*s at %.*s", "recorded", SPAN_ARGS(outcome), SPAN_ARGS(rule), SPAN_ARGS(at));
    print_member(&data, "app", "app");
    print_member(&data, "door", "door");
    print_member(&recorded, "person", "person");
}

static void print_failing(const struct from_json_value *decision)
{
    struct from_json_value all = from_json_member(decision, "failing");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value f = from_json_item(&all, i);
        struct span deadline = json_text(&f, "deadline"), rung = json_text(&f, "rung");
        print_line(stdout, "%-10s %.*s (%.*s), %.*s, since %.*s%s%.*s%s%.*s", i == 0 ? "failing" : "", SPAN_ARGS(json_text(&f, "title")), SPAN_ARGS(json_text(&f, "id")),
                   SPAN_ARGS(json_text(&f, "severity")), SPAN_ARGS(json_text(&f, "since")), span_empty(rung) ? "" : ", rung ", SPAN_ARGS(rung),
                   span_empty(deadline) ? "" : ", closes ", SPAN_ARGS(deadline));
    }
}

static void print_steps(const struct from_json_value *root)
{
    struct from_json_value steps = from_json_member(root, "steps");
    printf("\nstep by step\n");
    for (size_t i = 0; i < from_json_count(&steps); i++) {
        struct from_json_value step = from_json_item(&steps, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&step, SIZE_MAX, &text, NULL) == OK)
            print_line(stdout, "%3zu. %.*s", i + 1, SPAN_ARGS(text));
    }
}

static void print_explanation(const struct from_json_value *root)
{
    struct from_json_value decision = from_json_member(root, "decision");
    struct span note = json_text(root, "note");
    print_line(stdout, "%-10s %.*s by rule %.*s%s", "outcome", SPAN_ARGS(json_text(&decision, "outcome")), SPAN_ARGS(json_text(&decision, "rule")),
               json_true(&decision, "stale") ? " (stale: the store has been silent)" : "");
    print_recorded(root);
    print_member(&decision, "device", "device");
    print_member(&decision, "rung", "rung");
    print_failing(&decision);
    print_member(&decision, "deadline", "closes");
    print_member(&decision, "valid_until", "valid to");
    print_reason(&decision, "reason_user", "person");
    print_reason(&decision, "reason_admin", "admin");
    print_member(&decision, "policy_version", "policy");
    print_steps(root);
    if (span_empty(note))
        return;
    putchar('\n');
    print_line(stdout, "note: %.*s", SPAN_ARGS(note));
}

static bool add(char path[CLIENT_PATH_BYTES], const char *key, const char *value)
{
    char part[CLIENT_PATH_BYTES];
    size_t used = strlen(path);
    if (value == NULL)
        return true;
    if (!client_path(part, "%s=%s", key, value))
        return false;
    int bytes = snprintf(path + used, CLIENT_PATH_BYTES - used, "%s%s", strchr(path, '?') == NULL ? "?" : "&", part);
    if ((size_t)bytes < CLIENT_PATH_BYTES - used)
        return true;
    print_line(stderr, "postern: the question is too long");
    return false;
}

static int explain(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char path[CLIENT_PATH_BYTES] = "/admin/v1/explain";
    const char *person = args_text(args, "--person"), *device = args_text(args, "--device"), *app = args_text(args, "--app"), *at = args_text(args, "--at");
    bool recorded = args->word_count == 1;
    if (recorded && (person != NULL || device != NULL || app != NULL || at != NULL))
        return cli_usage(args->command, "give a decision, or --person and --app, not both");
    if (!recorded && (app == NULL || (person == NULL && device == NULL)))
        return cli_usage(args->command, "give a decision, or --app with --person or --device");
    if (!add(path, "decision", recorded ? args->words[0] : NULL) || !add(path, "person", person) || !add(path, "device", device) || !add(path, "app", app) || !add(path, "at", at))
        return CLI_USAGE;
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "GET", path, NULL, &a);
    if (code != CLI_DONE)
        return code;
    if (args->json)
        return client_print_json(&a);
    print_explanation(&a.root);
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    static const struct arg_option options[] = { { "--person", ARG_TEXT }, { "--device", ARG_TEXT }, { "--app", ARG_TEXT }, { "--at", ARG_TEXT } };
    static const struct cli_action action = { .words = "DECISION", .most_words = 1, .options = options, .option_count = 4, .run = explain };
    return args_run(&cli_explain, &action, argc, argv);
}

const struct cli_command cli_explain = {
    "explain",
    "postern explain DECISION [--json]\n"
    "       postern explain --person P [--device D] --app A [--at TIME] [--json]\n\n"
    "DECISION is the number on the page and in the log (x_...). P is an id, e-mail or alias; D an id or serial; TIME such as\n"
    "2026-12-24T08:00:00Z asks the ladder and the calendar of that moment.",
    "says why a decision was what it was, step by step",
    run,
};
