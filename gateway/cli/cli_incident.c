/* incident: the switch that freezes every ladder when the posture system itself, or a vendor, is ill. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 4096 };

static int call(const struct args *args, const char *method, struct span body)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, method, "/admin/v1/incident", body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    struct span since = json_text(&a.root, "since");
    struct from_json_value member = from_json_member(&a.root, "frozen");
    struct err ignored;
    bool frozen = false;
    if (from_json_bool_opt(&member, &frozen, &ignored) == OK && frozen)
        print_line(stdout, "consequences are frozen%s%.*s: nothing rises, nobody is written to; `postern incident stop` releases", span_empty(since) ? "" : " since ", SPAN_ARGS(since));
    else
        print_line(stdout, "no incident: ladders run");
    return CLI_DONE;
}

static int show(const struct args *args) { return call(args, "GET", SPAN_NONE); }
static int stop(const struct args *args) { return call(args, "DELETE", SPAN_NONE); }

static int start(const struct args *args)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    const char *why = args_text(args, "--why");
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "why", span_of(why));
    to_json_end(&w);
    return call(args, "POST", buf_span(&body));
}

static int run(int argc, char **argv)
{
    static const struct arg_option why[] = { { "--why", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "show", NULL, 0, 0, NULL, 0, show },
        { "start", NULL, 0, 0, why, 1, start },
        { "stop", NULL, 0, 0, NULL, 0, stop },
    };
    return args_run_action(&cli_incident, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_incident = {
    "incident",
    "postern incident start [--why TEXT] [--json]\n"
    "       postern incident stop [--json]\n"
    "       postern incident show [--json]\n\n"
    "Freezes every ladder: no rung rises and nobody is written to until it is stopped, and no clock counts the time. The breaker\n"
    "starts one by itself when many devices of a platform begin to fail at once; `stop` releases that too.",
    "freezes every ladder while something is ill, and releases it",
    run,
};
