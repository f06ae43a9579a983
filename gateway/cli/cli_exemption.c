/* exemption: what may stay unfixed for whom until when: list, ask, approve, refuse, end. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { PAGE = 500, BODY_BYTES = 8192, CELL_BYTES = 160, DATE_BYTES = 10 };

static struct span date_of(struct span time) { return span_slice(time, 0, DATE_BYTES); }

static struct span named(const struct from_json_value *e, const char *email, const char *id)
{
    struct span text = json_text(e, email);
    return span_empty(text) ? json_text(e, id) : text;
}

static void add_row(void *context, const struct from_json_value *e)
{
    char subject[CELL_BYTES];
    snprintf(subject, sizeof subject, "%.*s %.*s", SPAN_ARGS(json_text(e, "scope")), SPAN_ARGS(span_slice(json_text(e, "subject"), 0, 80)));
    table_cell(context, json_text(e, "id"));
    table_cell(context, json_text(e, "state"));
    table_cell(context, span_of(subject));
    table_cell(context, json_text(e, "check"));
    table_cell(context, named(e, "requester_email", "requester"));
    table_cell(context, named(e, "approver_email", "approver"));
    table_cell(context, date_of(json_text(e, "end")));
    table_cell(context, json_text(e, "reason"));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "EXEMPTION", "STATE", "FOR", "CHECK", "ASKED BY", "DECIDED BY", "UNTIL", "REASON" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    char path[CLIENT_PATH_BYTES] = "/admin/v1/exemptions";
    const char *state = args_text(args, "--only");
    table_init(&table, headings, 8);
    if (state != NULL && !client_path(path, "/admin/v1/exemptions?state=%s", state))
        return CLI_USAGE;
    int code = client_open(args, &c);
    struct client_list all = { path, "exemptions", PAGE, args->json, add_row, &table };
    if (code == CLI_DONE)
        code = client_each(c, &all);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "no exemptions");
    return code;
}

static void print_exemption(const struct from_json_value *e)
{
    print_line(stdout, "%.*s %.*s: check %.*s for %.*s %.*s, %.*s to %.*s", SPAN_ARGS(json_text(e, "id")), SPAN_ARGS(json_text(e, "state")), SPAN_ARGS(json_text(e, "check")),
               SPAN_ARGS(json_text(e, "scope")), SPAN_ARGS(json_text(e, "subject")), SPAN_ARGS(date_of(json_text(e, "start"))), SPAN_ARGS(date_of(json_text(e, "end"))));
}

static int call(const struct args *args, const char *path, const struct buf *body)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", path, body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_exemption(&a.root);
    if (a.status == 200 && span_equal_text(json_text(&a.root, "state"), "asked"))
        print_line(stderr, "it was asked for before; what was said then stays");
    return CLI_DONE;
}

/* Which of the three says whom it is for; NULL unless exactly one. */
static const char *scope_of(const struct args *args, const char **subject)
{
    static const char *const options[] = { "--person", "--device", "--group" };
    const char *scope = NULL;
    size_t given = 0;
    for (size_t i = 0; i < 3; i++) {
        if (args_text(args, options[i]) == NULL)
            continue;
        given++;
        scope = options[i] + 2;
        *subject = args_text(args, options[i]);
    }
    return given == 1 ? scope : NULL;
}

static int ask(const struct args *args)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    const char *subject = NULL, *scope = scope_of(args, &subject);
    buf_init(&body, BODY_BYTES);
    if (scope == NULL)
        return cli_usage(args->command, "ask needs one of --person, --device and --group");
    if (args_text(args, "--check") == NULL || args_text(args, "--reason") == NULL)
        return cli_usage(args->command, "ask needs --check CHECK and --reason TEXT");
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "scope", span_of(scope));
    to_json_member_text(&w, "subject", span_of(subject));
    to_json_member_text(&w, "check", span_of(args_text(args, "--check")));
    to_json_member_text(&w, "reason", span_of(args_text(args, "--reason")));
    to_json_member_text_if(&w, "measure", span_of(args_text(args, "--measure")));
    to_json_member_text_if(&w, "requester", span_of(args_text(args, "--requester")));
    to_json_member_text_if(&w, "start", span_of(args_text(args, "--from")));
    to_json_member_text_if(&w, "end", span_of(args_text(args, "--until")));
    to_json_end(&w);
    return call(args, "/admin/v1/exemptions", &body);
}

static int decide(const struct args *args, const char *format, bool with_end)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    char path[CLIENT_PATH_BYTES];
    buf_init(&body, BODY_BYTES);
    if (!client_path(path, format, args->words[0]))
        return CLI_USAGE;
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "answer", span_of(args_text(args, "--answer")));
    if (with_end)
        to_json_member_text_if(&w, "end", span_of(args_text(args, "--until")));
    to_json_end(&w);
    return call(args, path, &body);
}

static int approve(const struct args *args) { return decide(args, "/admin/v1/exemptions/%s/approve", true); }
static int refuse(const struct args *args) { return decide(args, "/admin/v1/exemptions/%s/refuse", false); }
static int end(const struct args *args) { return decide(args, "/admin/v1/exemptions/%s/end", false); }

static int run(int argc, char **argv)
{
    static const struct arg_option states[] = { { "--only", ARG_TEXT } }, answer[] = { { "--answer", ARG_TEXT } }, approving[] = { { "--answer", ARG_TEXT }, { "--until", ARG_TEXT } },
                                   asking[] = { { "--person", ARG_TEXT }, { "--device", ARG_TEXT }, { "--group", ARG_TEXT }, { "--check", ARG_TEXT }, { "--reason", ARG_TEXT },
                                                { "--measure", ARG_TEXT }, { "--requester", ARG_TEXT }, { "--from", ARG_TEXT }, { "--until", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "list", NULL, 0, 0, states, 1, list },         { "ask", NULL, 0, 0, asking, 9, ask },         { "approve", "EXEMPTION", 1, 1, approving, 2, approve },
        { "refuse", "EXEMPTION", 1, 1, answer, 1, refuse }, { "end", "EXEMPTION", 1, 1, answer, 1, end },
    };
    return args_run_action(&cli_exemption, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_exemption = {
    "exemption",
    "postern exemption list [--only asked|approved|refused|ended] [--json]\n"
    "       postern exemption ask --person P|--device D|--group G --check CHECK --reason TEXT [--measure TEXT]\n"
    "                         [--requester PERSON] [--from TIME] [--until TIME] [--json]\n"
    "       postern exemption approve EXEMPTION [--answer TEXT] [--until TIME] [--json]\n"
    "       postern exemption refuse EXEMPTION [--answer TEXT] [--json]\n"
    "       postern exemption end EXEMPTION [--answer TEXT] [--json]\n\n"
    "While an exemption holds, the check has no consequence for that person, that device, or everybody in that group; it is still\n"
    "shown. Whoever asked for it cannot approve it. It ends by itself: after the policy's exemptions.length unless --until says\n"
    "otherwise, and never later than its exemptions.longest.",
    "what may stay unfixed for whom until when: list, ask, approve, refuse, end",
    run,
};
