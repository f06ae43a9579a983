/* delivery: what waits to be sent to Slack and webhooks, or was set aside after too many tries. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"

static void add_row(void *context, const struct from_json_value *d)
{
    table_cell(context, json_text(d, "id"));
    table_cell(context, json_text(d, "destination"));
    table_cell(context, json_text(d, "event"));
    table_cell(context, json_text(d, "state"));
    table_int(context, json_int(d, "tries", 0));
    table_cell(context, json_text(d, "due_at"));
    table_cell(context, json_text(d, "last_error"));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "DELIVERY", "TO", "EVENT", "STATE", "TRIES", "DUE", "LAST ERROR" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 7);
    struct client_list deliveries = { "/admin/v1/deliveries", "deliveries", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &deliveries);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "nothing waits and nothing was set aside");
    return code;
}

static void say_resent(const struct args *args, const struct from_json_value *answer)
{
    (void)answer;
    print_line(stdout, "%s is sent again", args->words[0]);
}

static int resend(const struct args *args) { return client_do(args, &(struct client_do){ "POST", "/admin/v1/deliveries/%s/resend", NULL, say_resent }); }

static int run(int argc, char **argv)
{
    static const struct cli_action actions[] = {
        { "list", NULL, 0, 0, NULL, 0, list },
        { "resend", "DELIVERY", 1, 1, NULL, 0, resend },
    };
    return args_run_action(&cli_delivery, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_delivery = {
    "delivery",
    "postern delivery list [--json]\n"
    "       postern delivery resend DELIVERY [--json]\n\n"
    "Messages and webhook deliveries that wait for their next try, and those that were set aside after the last.",
    "messages and webhooks that wait or were set aside: list, send again",
    run,
};
