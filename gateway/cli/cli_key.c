/* key: API keys. The key itself is shown once, when it is made; the store holds only its hash. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 4096, CELL_BYTES = 128 };

static void write_request(const struct args *args, struct buf *body)
{
    struct to_json w;
    size_t position = 0;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text_if(&w, "label", span_of(args_text(args, "--label")));
    to_json_key(&w, "scopes");
    to_json_array(&w);
    for (const char *scope; (scope = args_next(args, "--scope", &position)) != NULL;)
        to_json_text(&w, span_of(scope));
    to_json_end(&w);
    to_json_member_text_if(&w, "expires", span_of(args_text(args, "--expires")));
    to_json_member_text_if(&w, "door", span_of(args_text(args, "--door")));
    to_json_end(&w);
}

static int create(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, BODY_BYTES);
    if (!args_has(args, "--scope"))
        return cli_usage(args->command, "create needs --scope (decide, posture, facts, events, hooks, admin or login; several times for several)");
    write_request(args, &body);
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/keys", &body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_line(stdout, "%.*s", SPAN_ARGS(json_text(&a.root, "key")));
    print_line(stderr, "key %.*s; it is shown this once: only its hash is kept", SPAN_ARGS(json_text(&a.root, "id")));
    return CLI_DONE;
}

static void add_row(void *context, const struct from_json_value *k)
{
    char scopes[CELL_BYTES];
    table_cell(context, json_text(k, "id"));
    table_cell(context, json_text(k, "label"));
    table_cell(context, json_texts(k, "scopes", scopes, sizeof scopes));
    table_cell(context, json_text(k, "door"));
    table_cell(context, json_text(k, "state"));
    table_cell(context, json_text(k, "created_at"));
    table_cell(context, json_text(k, "expires_at"));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "KEY", "LABEL", "SCOPES", "DOOR", "STATE", "CREATED", "EXPIRES" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 7);
    struct client_list keys = { "/admin/v1/keys", "keys", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &keys);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "no keys yet: postern key create --scope decide");
    return code;
}

static void say_revoked(const struct args *args, const struct from_json_value *answer)
{
    (void)answer;
    print_line(stdout, "key %s is revoked", args->words[0]);
}

static int revoke(const struct args *args) { return client_do(args, &(struct client_do){ "DELETE", "/admin/v1/keys/%s", NULL, say_revoked }); }

static int run(int argc, char **argv)
{
    static const struct arg_option create_options[] = { { "--label", ARG_TEXT }, { "--scope", ARG_TEXTS }, { "--expires", ARG_TEXT }, { "--door", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "create", NULL, 0, 0, create_options, 4, create },
        { "list", NULL, 0, 0, NULL, 0, list },
        { "revoke", "KEY", 1, 1, NULL, 0, revoke },
    };
    return args_run_action(&cli_key, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_key = {
    "key",
    "postern key create --scope SCOPE... [--door DOOR] [--label TEXT] [--expires 90d] [--json]\n"
    "       postern key list [--json]\n"
    "       postern key revoke KEY [--json]\n\n"
    "Scopes: decide, posture, facts, events, hooks, admin, login; --scope may be given several times. A key of scope login is the\n"
    "client secret of a door (--door), one of scope hooks may be for one of Okta's hooks. The key alone goes to standard output,\n"
    "once. KEY in revoke is the short id that list prints.",
    "API keys: create, list, revoke",
    run,
};
