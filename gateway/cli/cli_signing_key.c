/* signing-key: the keys that sign what others verify with /.well-known/jwks.json. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 1024 };

static void add_row(void *context, const struct from_json_value *k)
{
    table_cell(context, json_text(k, "kid"));
    table_cell(context, json_text(k, "use"));
    table_cell(context, json_text(k, "algorithm"));
    table_cell(context, json_text(k, "state"));
    table_cell(context, json_text(k, "created_at"));
    table_cell(context, json_text(k, "signs_from"));
    table_cell(context, json_text(k, "leaves_at"));
}

static const char *const headings[] = { "KEY", "USE", "ALGORITHM", "STATE", "CREATED", "SIGNS FROM", "LEAVES" };
enum { COLUMNS = sizeof headings / sizeof headings[0] };

static int list(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, COLUMNS);
    struct client_list keys = { "/admin/v1/signing-keys", "signing_keys", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &keys);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "no signing keys");
    return code;
}

static void write_request(const struct args *args, struct buf *body)
{
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text_if(&w, "use", span_of(args_text(args, "--use")));
    to_json_member_text_if(&w, "algorithm", span_of(args_text(args, "--algorithm")));
    to_json_member_text_if(&w, "lead", span_of(args_text(args, "--lead")));
    if (args_has(args, "--now"))
        to_json_member_bool(&w, "now", true);
    if (args_has(args, "--accept-failing-logins"))
        to_json_member_bool(&w, "accept_failing_logins", true);
    to_json_end(&w);
}

static int rotate(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    CLEANUP(table_done) struct table table;
    buf_init(&body, BODY_BYTES);
    table_init(&table, headings, COLUMNS);
    write_request(args, &body);
    if (args_has(args, "--now") && !args_has(args, "--accept-failing-logins"))
        return cli_usage(args->command, "--now withdraws the old keys, and logins fail until every IdP and app has fetched the new ones; if that is meant, add --accept-failing-logins");
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/signing-keys/rotate", &body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    struct from_json_value keys = from_json_member(&a.root, "signing_keys");
    for (size_t i = 0; i < from_json_count(&keys); i++) {
        struct from_json_value key = from_json_item(&keys, i);
        add_row(&table, &key);
    }
    table_print(&table, "no signing keys");
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    static const struct arg_option rotate_options[] = { { "--use", ARG_TEXT }, { "--algorithm", ARG_TEXT }, { "--lead", ARG_TEXT }, { "--now", ARG_FLAG }, { "--accept-failing-logins", ARG_FLAG } };
    static const struct cli_action actions[] = {
        { "list", NULL, 0, 0, NULL, 0, list },
        { "rotate", NULL, 0, 0, rotate_options, sizeof rotate_options / sizeof rotate_options[0], rotate },
    };
    return args_run_action(&cli_signing_key, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_signing_key = {
    "signing-key",
    "postern signing-key list [--json]\n"
    "       postern signing-key rotate [--use tokens | saml | archive] [--algorithm ES256 | RS256] [--lead 30d] [--json]\n"
    "       postern signing-key rotate --now --accept-failing-logins [--use ...] [--algorithm ...]\n\n"
    "A new key is published at once and signs only when every verifier has had time to fetch it: ES256 after 10 minutes, RS256 after\n"
    "two days, SAML after 30 days or --lead, in which every service provider must be given the new certificate. The old one stays\n"
    "published for a day after that. Without --use the keys for tokens are rotated.\n"
    "--now is for a key that was lost: the new one signs at once, the old ones are withdrawn, and logins fail wherever the new key\n"
    "is not known yet.",
    "keys that sign statements: list, rotate",
    run,
};
