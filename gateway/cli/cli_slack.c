/* slack: the manifest to make the app from, and how the app is; its people are in cli_slack_people.c. */
#include "gateway/cli/cli_slack_people.h"
#include "gateway/cli/cli_slack_preview.h"
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "gateway/options.h"
#include "gateway/slack/slack_manifest.h"

enum { MANIFEST_BYTES = 64 * 1024 };

/* From the configuration alone: the app is made before there is a token to configure. */
static int manifest_from_file(const char *path, bool socket_mode)
{
    CLEANUP(buf_done) struct buf out;
    struct postern_options options = { 0 };
    struct mistakes mistakes;
    struct err err = { 0 };
    mistakes_init(&mistakes);
    buf_init(&out, MANIFEST_BYTES);
    bool good = options_read(&options, path, false, &mistakes);
    enum err_code code = good ? slack_manifest_write(&(struct slack_manifest){ options.public_url, options.slack.command, false, socket_mode }, &out, &err) : err_set(&err, ERR_INPUT, "%s has mistakes: postern check %s", path, path);
    if (code == OK)
        printf("%s\n", buf_text(&out));
    else
        print_line(stderr, "postern slack: %s", err.text);
    options_done(&options);
    mistakes_done(&mistakes);
    return code == OK ? CLI_DONE : CLI_NO;
}

static int ask_gateway(const struct args *args, struct client_answer *a)
{
    CLEANUP(client_closep) struct client *c = NULL;
    int code = client_open(args, &c);
    return code == CLI_DONE ? client_call(c, "GET", "/admin/v1/slack", NULL, a) : code;
}

static int manifest(const struct args *args)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf out;
    const char *config = args_text(args, "--config");
    buf_init(&out, MANIFEST_BYTES);
    if (config == NULL && args_has(args, "--socket-mode"))
        return cli_usage(args->command, "--socket-mode goes with --config; a gateway that runs knows by its slack.app_token");
    if (config != NULL)
        return manifest_from_file(config, args_has(args, "--socket-mode"));
    int code = ask_gateway(args, &a);
    if (code != CLI_DONE)
        return code;
    struct from_json_value v = from_json_member(&a.root, "manifest");
    if (from_json_kind(&v) != FROM_JSON_OBJECT || !from_json_write(&v, &out)) {
        print_line(stderr, "postern slack: public_url must be an https address that Slack can reach, or set slack.app_token (Socket Mode)");
        return CLI_NO;
    }
    printf("%s\n", buf_text(&out));
    return CLI_DONE;
}

static void print_sender(const struct from_json_value *s)
{
    struct span detail = json_text(s, "detail"), since = json_text(s, "failing_since");
    print_line(stdout, "%.*s: %.*s%s%.*s%s%.*s, %lld waiting, %lld set aside", SPAN_ARGS(json_text(s, "id")), SPAN_ARGS(json_text(s, "state")), span_empty(detail) ? "" : " ", SPAN_ARGS(detail),
               span_empty(since) ? "" : " since ", SPAN_ARGS(since), (long long)json_int(s, "waiting", 0), (long long)json_int(s, "set_aside", 0));
}

static void print_app(const struct from_json_value *root)
{
    char missing[256];
    struct span team = json_text(root, "team");
    if (span_empty(team))
        print_line(stdout, "workspace: not known yet, Slack was not reached");
    else
        print_line(stdout, "workspace: %.*s, the app is %.*s", SPAN_ARGS(team), SPAN_ARGS(json_text(root, "user")));
    print_line(stdout, "command: %.*s", SPAN_ARGS(json_text(root, "command")));
    print_line(stdout, json_true(root, "hears") ? "buttons, words and the command are taken" : "nothing is taken from Slack: set slack.signing_secret, or slack.app_token");
    if (json_true(root, "rotates"))
        print_line(stdout, "the token changes by itself; this one runs out at %.*s", SPAN_ARGS(json_text(root, "token_expires_at")));
    struct from_json_value trouble = from_json_member(root, "trouble");
    if (from_json_present(&trouble))
        print_line(stdout, "Slack said at %.*s: %.*s; install the app again, and give postern its new token (docs/slack.md)", SPAN_ARGS(json_text(&trouble, "at")), SPAN_ARGS(json_text(&trouble, "what")));
    struct span scopes = json_texts(root, "missing_scopes", missing, sizeof missing);
    if (!span_empty(scopes))
        print_line(stdout, "missing scopes: %.*s; install the app again with the manifest", SPAN_ARGS(scopes));
}

static void print_line_state(const struct from_json_value *root)
{
    struct from_json_value socket = from_json_member(root, "socket");
    struct span why = json_text(&socket, "why");
    if (from_json_present(&socket))
        print_line(stdout, "Socket Mode: %.*s since %.*s%s%.*s", SPAN_ARGS(json_text(&socket, "state")), SPAN_ARGS(json_text(&socket, "since")), span_empty(why) ? "" : ", ", SPAN_ARGS(why));
}

static int reconnect(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/slack/reconnect", NULL, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_line(stdout, "every gateway asks Slack again now, postern slack status says what comes of it");
    return CLI_DONE;
}

/* 1 when something keeps people from being reached. */
static int status(const struct args *args)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = ask_gateway(args, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    if (!json_true(&a.root, "configured")) {
        print_line(stdout, "Slack is not configured: docs/slack.md says how");
        return CLI_NO;
    }
    print_app(&a.root);
    print_line_state(&a.root);
    print_line(stdout, "%lld people have a Slack account here, %lld are looked up when they are first written to", (long long)json_int(&a.root, "people_with_account", 0),
               (long long)json_int(&a.root, "people_without_account", 0));
    struct from_json_value senders = from_json_member(&a.root, "senders"), missing = from_json_member(&a.root, "missing_scopes");
    struct from_json_value trouble = from_json_member(&a.root, "trouble");
    bool good = from_json_count(&missing) == 0 && !from_json_present(&trouble);
    for (size_t i = 0; i < from_json_count(&senders); i++) {
        struct from_json_value sender = from_json_item(&senders, i);
        print_sender(&sender);
        good = good && !span_equal_text(json_text(&sender, "state"), "stopped");
    }
    return good ? CLI_DONE : CLI_NO;
}

static int run(int argc, char **argv)
{
    static const struct arg_option from_file[] = { { "--socket-mode", ARG_FLAG } };
    static const struct arg_option what[] = { { "--what", ARG_TEXT } };
    static const struct arg_option group[] = { { "--group", ARG_TEXT } }, unmapped[] = { { "--unmapped", ARG_FLAG } };
    static const struct cli_action actions[] = {
        { "manifest", NULL, 0, 0, from_file, 1, manifest },
        { "status", NULL, 0, 0, NULL, 0, status },
        { "reconnect", NULL, 0, 0, NULL, 0, reconnect },
        { "people", NULL, 0, 0, unmapped, 1, cli_slack_people },
        { "onboard", "everyone|PERSON", 0, 1, group, 1, cli_slack_onboard },
        { "onboarding", NULL, 0, 0, NULL, 0, cli_slack_onboarding },
        { "preview", "PERSON", 1, 1, what, 1, cli_slack_preview },
        { "test-on-myself", "PERSON", 1, 1, NULL, 0, cli_slack_test },
    };
    return args_run_action(&cli_slack, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_slack = {
    "slack",
    "postern slack manifest [--config FILE [--socket-mode]]\n"
    "       postern slack status [--json]\n"
    "       postern slack reconnect [--json]\n"
    "       postern slack people [--unmapped] [--json]\n"
    "       postern slack onboard (everyone | --group GROUP | PERSON) [--json]\n"
    "       postern slack onboarding [--json]\n"
    "       postern slack preview PERSON [--what digest|home|greeting] [--json]\n"
    "       postern slack test-on-myself PERSON [--json]\n\n"
    "The manifest that Slack makes the app from, with this gateway's addresses (--config: without a gateway; --socket-mode: for one that Slack\n"
    "cannot reach); and how the app is. See docs/slack.md.\n"
    "Exit code of status: 0 all is well; 1 Slack is not configured, a scope is missing, the token is no good, or nothing is sent or heard any more.\n"
    "reconnect: what had given up tries again, on every gateway: after Socket Mode was switched on again, or a scope was given to the same token. A new\n"
    "token needs no command where slack.token or slack.app_token names a file: it is read again when it changes.\n\n"
    "people: who is known to Slack. onboard invites people: each gets one greeting with the way to set up a device, at their own hours and under the\n"
    "cap of one message a day, by Slack or else by e-mail. onboarding: who was invited, contacted and has set up a device. test-on-myself greets\n"
    "one person now. See docs/onboarding.md. preview: what a person would be sent and would see now, in words, or with --json as Slack gets it; nothing\n"
    "is sent.",
    "the Slack app: its manifest, and how it is",
    run,
};
