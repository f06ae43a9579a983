/* incident: the switch that freezes every ladder when the posture system itself, or a vendor, is ill. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 4096, TEXTS_BYTES = 512 };

static void print_incident(const struct args *args, const struct from_json_value *root)
{
    (void)args;
    struct span since = json_text(root, "since"), why = json_text(root, "why"), by = json_text(root, "by");
    char opens[TEXTS_BYTES], keeps[TEXTS_BYTES];
    if (!json_true(root, "frozen")) {
        print_line(stdout, "no incident: ladders run");
        return;
    }
    print_line(stdout, "consequences are frozen%s%.*s: nothing rises, nobody is written to; `postern incident stop` releases", span_empty(since) ? "" : " since ", SPAN_ARGS(since));
    if (!span_empty(by))
        print_line(stdout, "  by %.*s%s%.*s", SPAN_ARGS(by), span_empty(why) ? "" : ": ", SPAN_ARGS(why));
    if (!json_true(root, "declared")) {
        print_line(stdout, "  what was closed stays closed; `postern incident start` opens apps as the policy's `incident` says");
        return;
    }
    struct span open = json_texts(root, "opens", opens, sizeof opens), keep = json_texts(root, "keeps", keeps, sizeof keeps);
    print_line(stdout, "  open to whoever is known: %.*s; as they were: %.*s", SPAN_ARGS(span_empty(open) ? SPAN_LITERAL("nothing") : open), SPAN_ARGS(span_empty(keep) ? SPAN_LITERAL("nothing") : keep));
}

static int call(const struct args *args, const char *method, const struct buf *body) { return client_do(args, &(struct client_do){ method, "/admin/v1/incident", body, print_incident }); }
static int show(const struct args *args) { return call(args, "GET", NULL); }
static int stop(const struct args *args) { return call(args, "DELETE", NULL); }

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
    return call(args, "POST", &body);
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
    "For when the checks themselves are ill. Freezes every ladder: no rung rises and nobody is written to until it is stopped, and no\n"
    "clock counts the time; and opens apps by sensitivity, as the policy's `incident` says. The breaker freezes by itself when many\n"
    "devices of a platform begin to fail at once, without opening anything: `start` then opens too, `stop` releases both.",
    "freezes every ladder and opens apps while the checks are ill, and releases them",
    run,
};
