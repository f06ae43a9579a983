/* dispute, ask: what people told us ("This looks wrong") and asked us ("Ask a person"), and our answers. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { PAGE = 500, BODY_BYTES = 8192, MINUTE_BYTES = 16 };

/* ---- lists ---- */

static struct span minute_of(struct span time) { return span_slice(time, 0, MINUTE_BYTES); }

static void add_common(void *table, const struct from_json_value *item)
{
    struct span name = json_text(item, "device_name"), email = json_text(item, "email");
    table_cell(table, json_text(item, "id"));
    table_cell(table, minute_of(json_text(item, "at")));
    table_cell(table, span_empty(email) ? json_text(item, "person") : email);
    table_cell(table, span_empty(name) ? json_text(item, "device") : name);
    table_cell(table, json_text(item, "check"));
    table_cell(table, json_text(item, "text"));
}

static void add_dispute(void *table, const struct from_json_value *item)
{
    add_common(table, item);
    table_cell(table, json_text(item, "outcome"));
    table_cell(table, minute_of(json_text(item, "frozen_until")));
}

static void add_ask(void *table, const struct from_json_value *item)
{
    add_common(table, item);
    table_cell(table, json_text(item, "answer"));
}

struct kind { const char *key, *list_path, *all_path, *answer_path, *nothing; const char *const *headings; size_t columns; client_item_fn *row; };

static const char *const dispute_headings[] = { "DISPUTE", "AT", "PERSON", "DEVICE", "CHECK", "SAYS", "OUTCOME", "FROZEN UNTIL" };
static const char *const ask_headings[] = { "QUESTION", "AT", "PERSON", "DEVICE", "CHECK", "ASKS", "ANSWER" };
static const struct kind disputes = { "disputes", "/admin/v1/disputes", "/admin/v1/disputes?all=true", "/admin/v1/disputes/%s/answer", "no open disputes", dispute_headings, 8, add_dispute };
static const struct kind asks = { "asks", "/admin/v1/asks", "/admin/v1/asks?all=true", "/admin/v1/asks/%s/answer", "no open questions", ask_headings, 7, add_ask };

static int list(const struct args *args, const struct kind *kind)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, kind->headings, kind->columns);
    int code = client_open(args, &c);
    struct client_list all = { args_has(args, "--all") ? kind->all_path : kind->list_path, kind->key, PAGE, args->json, kind->row, &table };
    if (code == CLI_DONE)
        code = client_each(c, &all);
    if (code == CLI_DONE && !args->json)
        table_print(&table, kind->nothing);
    return code;
}

static int list_disputes(const struct args *args) { return list(args, &disputes); }
static int list_asks(const struct args *args) { return list(args, &asks); }

/* ---- answers ---- */

static int answer(const struct args *args, const struct kind *kind, const char *outcome)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    char path[CLIENT_PATH_BYTES];
    buf_init(&body, BODY_BYTES);
    if (args_text(args, "--answer") == NULL)
        return cli_usage(args->command, "answer needs --answer TEXT: the person reads it");
    if (!client_path(path, kind->answer_path, args->words[0]))
        return CLI_USAGE;
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "outcome", span_of(outcome));
    to_json_member_text(&w, "answer", span_of(args_text(args, "--answer")));
    to_json_end(&w);
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", path, &body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_line(stdout, "answered; %.*s reads it on their page", SPAN_ARGS(json_text(&a.root, "email")));
    return CLI_DONE;
}

static int answer_dispute(const struct args *args)
{
    if (args_text(args, "--outcome") == NULL)
        return cli_usage(args->command, "answer needs --outcome fixed, explained or rejected");
    return answer(args, &disputes, args_text(args, "--outcome"));
}

static int answer_ask(const struct args *args) { return answer(args, &asks, NULL); }

static int run_dispute(int argc, char **argv)
{
    static const struct arg_option all[] = { { "--all", ARG_FLAG } }, answering[] = { { "--outcome", ARG_TEXT }, { "--answer", ARG_TEXT } };
    static const struct cli_action actions[] = { { "list", NULL, 0, 0, all, 1, list_disputes }, { "answer", "DISPUTE", 1, 1, answering, 2, answer_dispute } };
    return args_run_action(&cli_dispute, actions, sizeof actions / sizeof actions[0], argc, argv);
}

static int run_ask(int argc, char **argv)
{
    static const struct arg_option all[] = { { "--all", ARG_FLAG } }, answering[] = { { "--answer", ARG_TEXT } };
    static const struct cli_action actions[] = { { "list", NULL, 0, 0, all, 1, list_asks }, { "answer", "QUESTION", 1, 1, answering, 1, answer_ask } };
    return args_run_action(&cli_ask, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_dispute = {
    "dispute",
    "postern dispute list [--all] [--json]\n"
    "       postern dispute answer DISPUTE --outcome fixed|explained|rejected --answer TEXT [--json]\n\n"
    "A dispute is a person's \"This looks wrong\". It freezes the clock of that check on that device for two working days; an answer\n"
    "that it is explained or rejected ends that at once. --json shows the evidence: the rows, the query, the agent's version.",
    "what people say looks wrong, with the evidence, and our answers",
    run_dispute,
};
const struct cli_command cli_ask = {
    "ask",
    "postern ask list [--all] [--json]\n"
    "       postern ask answer QUESTION --answer TEXT [--json]\n\n"
    "The questions that people sent from their pages or from Slack (\"Ask a person\"). The answer is shown where they asked.",
    "what people ask, and our answers",
    run_ask,
};
