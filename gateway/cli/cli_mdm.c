/* mdm: device managers: how their reading stands, what they say of devices, and the fallback's open work. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"

#include <string.h>

static int print_or(const struct args *args, int code, const struct client_answer *a) { return code == CLI_DONE && args->json ? client_print_json(a) : code; }

static int status(const struct args *args)
{
    static const char *const headings[] = { "MANAGER", "KIND", "READ", "DEVICES", "MATCHED", "UNMATCHED", "TROUBLE" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 7);
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "GET", "/admin/v1/mdm", NULL, &a);
    if (code != CLI_DONE || args->json)
        return print_or(args, code, &a);
    struct from_json_value all = from_json_member(&a.root, "managers");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value m = from_json_item(&all, i);
        struct span read = json_text(&m, "read_at"), held = json_text(&m, "held_at"), error = json_text(&m, "error");
        table_cell(&table, json_text(&m, "id"));
        table_cell(&table, json_text(&m, "kind"));
        table_cell(&table, span_empty(read) ? SPAN_LITERAL("not yet") : read);
        table_int(&table, json_int(&m, "devices", 0));
        table_int(&table, json_int(&m, "matched", 0));
        table_int(&table, json_int(&m, "unmatched", 0));
        table_cell(&table, !span_empty(error) ? error : !span_empty(held) ? SPAN_LITERAL("many devices vanished at once: none is believed gone") : SPAN_NONE);
    }
    table_print(&table, "no device manager is configured: see mdm in docs/configuration.md");
    return CLI_DONE;
}

/* The manager's word that counts: of those that manage it, else the first. */
static struct from_json_value first_link(const struct from_json_value *links)
{
    for (size_t i = 0; i < from_json_count(links); i++) {
        struct from_json_value each = from_json_item(links, i);
        if (span_equal_text(json_text(&each, "managed"), "yes"))
            return each;
    }
    return from_json_item(links, 0);
}

static void add_row(void *context, const struct from_json_value *d)
{
    struct from_json_value links = from_json_member(d, "managers"), link = first_link(&links), fallback = from_json_member(d, "fallback");
    struct from_json_value disagreements = from_json_member(d, "disagreements"), one = from_json_item(&disagreements, 0);
    struct span open = json_text(&fallback, "open"), check = json_text(&one, "check");
    table_cell(context, json_text(d, "id"));
    table_cell(context, json_text(d, "serial"));
    table_cell(context, json_text(&link, "manager"));
    table_cell(context, json_text(&link, "managed"));
    table_cell(context, json_text(&link, "group"));
    table_cell(context, json_text(&link, "seen_at"));
    table_cell(context, json_text(&fallback, "state"));
    table_cell(context, !span_empty(open) ? open : check);
}

static void add_stranger(struct table *table, const struct from_json_value *s)
{
    table_cell(table, json_text(s, "id"));
    table_cell(table, json_text(s, "serial"));
    table_cell(table, json_text(s, "name"));
    table_cell(table, json_text(s, "platform"));
    table_cell(table, json_text(s, "seen_at"));
    table_cell(table, json_true(s, "conflict") ? SPAN_LITERAL("two devices here could be it") : SPAN_NONE);
}

static int list_unmatched(const struct args *args, struct client *c, const char *manager)
{
    static const char *const headings[] = { "THEIR ID", "SERIAL", "NAME", "PLATFORM", "SEEN", "NOTE" };
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(table_done) struct table table;
    char path[CLIENT_PATH_BYTES];
    table_init(&table, headings, 6);
    if (!client_path(path, "/admin/v1/mdm/%s/unmatched", manager))
        return CLI_USAGE;
    int code = client_call(c, "GET", path, NULL, &a);
    if (code != CLI_DONE || args->json)
        return print_or(args, code, &a);
    struct from_json_value all = from_json_member(&a.root, "unmatched");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value each = from_json_item(&all, i);
        add_stranger(&table, &each);
    }
    table_print(&table, "every device it has is known here");
    if (json_int(&a.root, "total", 0) > (int64_t)from_json_count(&all))
        print_line(stdout, "and %lld more", (long long)(json_int(&a.root, "total", 0) - (int64_t)from_json_count(&all)));
    return CLI_DONE;
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "DEVICE", "SERIAL", "MANAGER", "MANAGED", "GROUP", "SEEN THERE", "FALLBACK", "NOTE" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 8);
    const char *unmatched = args_text(args, "--unmatched");
    bool open = args_has(args, "--open"), disagreements = args_has(args, "--disagreements");
    if (open + disagreements + (unmatched != NULL) > 1)
        return cli_usage(args->command, "--open, --disagreements and --unmatched exclude each other");
    const char *path = open ? "/admin/v1/mdm-devices?show=open" : disagreements ? "/admin/v1/mdm-devices?show=disagreements" : "/admin/v1/mdm-devices";
    struct client_list devices = { path, "devices", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE && unmatched != NULL)
        return list_unmatched(args, c, unmatched);
    if (code == CLI_DONE)
        code = client_each(c, &devices);
    if (code == CLI_DONE && !args->json)
        table_print(&table, open ? "no work is open" : disagreements ? "osquery and the managers agree" : "no device here is known to a manager");
    return code;
}

static void print_member(const struct from_json_value *object, const char *key, const char *title)
{
    struct span text = json_text(object, key);
    if (!span_empty(text))
        print_line(stdout, "  %-14s %.*s", title, SPAN_ARGS(text));
}

static void print_device(const struct args *args, const struct from_json_value *d)
{
    (void)args;
    struct from_json_value links = from_json_member(d, "managers"), fallback = from_json_member(d, "fallback"), disagreements = from_json_member(d, "disagreements");
    struct span name = json_text(d, "name"), id = json_text(d, "id"), serial = json_text(d, "serial");
    print_line(stdout, "%.*s  %.*s  %.*s", SPAN_ARGS(id), SPAN_ARGS(name), SPAN_ARGS(serial));
    for (size_t i = 0; i < from_json_count(&links); i++) {
        static const char *const members[][2] = { { "id", "their id" }, { "managed", "managed" }, { "encrypted", "encrypted" }, { "os_version", "system" }, { "owner", "owner" },
            { "group", "group" }, { "compliance", "their verdict" }, { "personal", "personal" }, { "seen_at", "seen there" }, { "observed_at", "observed" }, { "gone_at", "gone since" } };
        struct from_json_value link = from_json_item(&links, i);
        struct span manager = json_text(&link, "manager");
        print_line(stdout, "manager %.*s", SPAN_ARGS(manager));
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++)
            print_member(&link, members[k][0], members[k][1]);
    }
    for (size_t i = 0; i < from_json_count(&disagreements); i++) {
        struct from_json_value each = from_json_item(&disagreements, i);
        struct span check = json_text(&each, "check"), own = json_text(&each, "osquery"), other = json_text(&each, "mdm"), result = json_text(&each, "result");
        print_line(stdout, "disagreement on %.*s: osquery says %.*s, the manager says %.*s, counted as %.*s", SPAN_ARGS(check), SPAN_ARGS(own), SPAN_ARGS(other), SPAN_ARGS(result));
    }
    static const char *const steps[][2] = { { "state", "state" }, { "kind", "kind" }, { "manager", "by" }, { "announced_at", "announced" }, { "told_at", "told" }, { "asked_at", "asked" },
        { "acted_at", "acted" }, { "confirmed_at", "confirmed" }, { "clean_since", "clean since" }, { "former", "goes back to" }, { "open", "open work" } };
    print_line(stdout, "fallback");
    for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++)
        print_member(&fallback, steps[k][0], steps[k][1]);
}

static int show(const struct args *args) { return client_do(args, &(struct client_do){ "GET", "/admin/v1/mdm-devices/%s", NULL, print_device }); }
static int retry(const struct args *args) { return client_do(args, &(struct client_do){ "POST", "/admin/v1/mdm-devices/%s/retry", NULL, print_device }); }

static void say_syncing(const struct args *args, const struct from_json_value *answer)
{
    (void)answer;
    print_line(stdout, "%s is read anew; `postern mdm status` shows when it is done", args->words[0]);
}

static int sync_list(const struct args *args) { return client_do(args, &(struct client_do){ "POST", "/admin/v1/mdm/%s/sync", NULL, say_syncing }); }

static int run(int argc, char **argv)
{
    static const struct arg_option list_options[] = { { "--open", ARG_FLAG }, { "--disagreements", ARG_FLAG }, { "--unmatched", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "status", NULL, 0, 0, NULL, 0, status },
        { "list", NULL, 0, 0, list_options, 3, list },
        { "show", "DEVICE", 1, 1, NULL, 0, show },
        { "retry", "DEVICE", 1, 1, NULL, 0, retry },
        { "sync", "MANAGER", 1, 1, NULL, 0, sync_list },
    };
    return args_run_action(&cli_mdm, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_mdm = {
    "mdm",
    "postern mdm status [--json]\n"
    "       postern mdm list [--open | --disagreements | --unmatched MANAGER] [--json]\n"
    "       postern mdm show DEVICE [--json]\n"
    "       postern mdm retry DEVICE [--json]\n"
    "       postern mdm sync MANAGER [--json]\n\n"
    "status: how the reading of each device manager stands. list: devices that a manager knows; --open those whose fallback is asked for and not confirmed, or\n"
    "stuck; --disagreements those of which osquery and a manager say different things; --unmatched what a manager has and postern does not.\n"
    "retry tries what is stuck again now; sync reads a manager's whole list now. DEVICE is an id or a serial.",
    "device managers: how they are read, what they say, the fallback's open work",
    run,
};
