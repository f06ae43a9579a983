/* ring: how far a new policy has come; letting it on to more people, or taking it back. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 4096, SHOWN = 12, TEXTS_BYTES = 1024 };

static void print_who(const struct from_json_value *ring)
{
    char texts[TEXTS_BYTES];
    struct span groups = json_texts(ring, "groups", texts, sizeof texts);
    print_line(stdout, "  for: %lld %% of people%s%.*s", (long long)json_int(ring, "percent", 0), span_empty(groups) ? "" : ", and everybody in: ", SPAN_ARGS(groups));
}

static void print_counts(const struct from_json_value *root)
{
    struct from_json_value counts = from_json_member(root, "counts"), halt = from_json_member(root, "halt");
    if (!from_json_present(&counts))
        return;
    print_line(stdout, "  since %.*s: people in the ring %lld, shut out by it %lld, \"this looks wrong\" %lld", SPAN_ARGS(json_text(&counts, "from")), (long long)json_int(&counts, "persons", 0),
               (long long)json_int(&counts, "blocked", 0), (long long)json_int(&counts, "disputes", 0));
    if (from_json_count(&halt) == 0)
        print_line(stdout, "  it is taken back by nobody but you (halt: off)");
    else
        print_line(stdout, "  it is taken back at %lld shut out or %lld that look wrong", (long long)json_int(&halt, "blocks", 0), (long long)json_int(&halt, "disputes", 0));
}

static void print_ring(const struct from_json_value *root)
{
    struct from_json_value ring = from_json_member(root, "ring");
    struct span state = json_text(&ring, "state"), before = json_text(&ring, "before"), why = json_text(&ring, "why"), by = json_text(&ring, "by");
    print_line(stdout, "policy %.*s: %.*s", SPAN_ARGS(span_slice(json_text(root, "version"), 0, SHOWN)), SPAN_ARGS(span_equal_text(state, "under_way") ? SPAN_LITERAL("under way") : state));
    if (span_equal_text(state, "everybody"))
        return;
    print_who(&ring);
    if (span_empty(before))
        print_line(stdout, "  all others: no ladder (there was no policy before)");
    else
        print_line(stdout, "  all others: the ladders of %.*s", SPAN_ARGS(span_slice(before, 0, SHOWN)));
    print_line(stdout, "  since %.*s by %.*s%s%.*s", SPAN_ARGS(json_text(&ring, "since")), SPAN_ARGS(by), span_empty(why) ? "" : ": ", SPAN_ARGS(why));
    print_counts(root);
    if (span_equal_text(state, "halted"))
        print_line(stdout, "  nobody has it now; `postern ring resume` gives it back to the ring, another policy takes its place");
}

static int call(const struct args *args, const char *method, const struct buf *body)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, method, "/admin/v1/policy/ring", body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_ring(&a.root);
    return CLI_DONE;
}

static int move(const struct args *args, const char *word, int64_t percent)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "move", span_of(word));
    to_json_member_int_if(&w, "percent", percent);
    to_json_member_text_if(&w, "why", span_of(args_text(args, "--why")));
    to_json_end(&w);
    return call(args, "POST", &body);
}

static int show(const struct args *args) { return call(args, "GET", NULL); }
static int halt(const struct args *args) { return move(args, "halt", 0); }
static int resume(const struct args *args) { return move(args, "resume", 0); }

static int advance(const struct args *args)
{
    const char *text = args_text(args, "--percent");
    uint64_t percent = 0;
    if (text == NULL || !span_to_u64(span_of(text), &percent) || percent < 1 || percent > 100)
        return cli_usage(args->command, "--percent must be 1 to 100");
    return move(args, "advance", (int64_t)percent);
}

static int run(int argc, char **argv)
{
    static const struct arg_option options[] = { { "--why", ARG_TEXT }, { "--percent", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "show", NULL, 0, 0, NULL, 0, show },
        { "advance", NULL, 0, 0, options, 2, advance },
        { "halt", NULL, 0, 0, options, 1, halt },
        { "resume", NULL, 0, 0, options, 1, resume },
    };
    return args_run_action(&cli_ring, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_ring = {
    "ring",
    "postern ring show [--json]\n"
    "       postern ring advance --percent N [--why TEXT] [--json]\n"
    "       postern ring halt [--why TEXT] [--json]\n"
    "       postern ring resume [--why TEXT] [--json]\n\n"
    "A policy whose `rings` name a share or groups is for those people first; all others keep the ladders of the version before.\n"
    "advance lets it on to more of them, at 100 to everybody. halt takes it back at once: everybody has the ladders before. It halts\n"
    "by itself when too many people in it are shut out, say that something looks wrong, or when the breaker trips.",
    "shows how far a new policy has come, lets it on, or takes it back",
    run,
};
