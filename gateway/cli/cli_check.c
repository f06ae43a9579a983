/* check: policy and configuration files, without a gateway. Every mistake at once, each with its place. */
#include "gateway/cli/args.h"
#include "gateway/cli/print.h"
#include "gateway/doors/door_check.h"
#include "gateway/options.h"
#include "gateway/publish.h"
#include "posture/base/clock.h"
#include "posture/base/file.h"
#include "posture/calendar.h"
#include "posture/policy.h"
#include "posture/policy_wording.h"

enum { FILE_BYTES = 1024 * 1024, PRINT_BYTES = 4 * 1024 * 1024, VERSION_SHOWN = 12 };

struct checked { const char *path; struct span door; /* being checked */ bool is_policy, good; struct policy *policy; struct mistakes mistakes; };

/* Both kinds of file may have a key `policy`: in a configuration it is a path, and nothing else of a policy stands beside it. */
static bool looks_like_policy(struct span text, struct span file)
{
    static const char *const marks[] = { "sensitivities", "checks", "apps", "ladders" };
    struct mistakes ignored;
    mistakes_init(&ignored);
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(text, file, &ignored);
    bool found = false;
    for (size_t i = 0; tree != NULL && !found && i < sizeof marks / sizeof marks[0]; i++)
        found = yaml_get(yaml_root(tree), marks[i]) != NULL;
    mistakes_done(&ignored);
    return found;
}

/* A policy that can be read may still name a certificate that cannot. */
static void add_door_mistake(void *context, enum door_finding finding, struct span text, struct span fix)
{
    struct checked *c = context;
    const struct yaml_node whole = { .file = span_of(c->path) };
    if (finding == DOOR_FAIL)
        yaml_mistake(&c->mistakes, &whole, "door \"%.*s\": %.*s; %.*s", SPAN_ARGS(c->door), SPAN_ARGS(text), SPAN_ARGS(fix));
    else
        yaml_warning(&c->mistakes, &whole, "door \"%.*s\": %.*s; %.*s", SPAN_ARGS(c->door), SPAN_ARGS(text), SPAN_ARGS(fix));
}

static void check_doors(struct checked *c)
{
    for (size_t i = 0; i < c->policy->door_count; i++) {
        c->door = c->policy->doors[i].id;
        door_check_keys(&c->policy->doors[i], clock_wall_s(clock_system()), &c->policy->arena, add_door_mistake, c);
    }
}

/* Also of a policy that has mistakes: whoever mends it reads all at once. */
static void check_wording(struct checked *c, struct span text)
{
    struct mistakes ignored;
    mistakes_init(&ignored); /* reading the policy has reported them */
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(text, span_of(c->path), &ignored);
    if (tree != NULL)
        policy_wording_warn(yaml_root(tree), &c->mistakes);
    mistakes_done(&ignored);
}

/* Of this machine's zones. */
static void check_zone(struct checked *c)
{
    struct calendar *calendar = calendar_new("/usr/share/zoneinfo");
    if (calendar != NULL)
        (void)publish_zone_is_known(calendar, c->policy, span_of(c->path), &c->mistakes);
    calendar_free(calendar);
}

static void check_text(struct checked *c, struct span text)
{
    struct span file = span_of(c->path);
    struct postern_options options = { 0 };
    c->is_policy = looks_like_policy(text, file);
    if (c->is_policy) {
        policy_read(text, file, &c->mistakes, &c->policy);
        check_wording(c, text);
        if (c->policy != NULL)
            check_zone(c);
        if (c->policy != NULL)
            check_doors(c);
        c->good = c->policy != NULL && mistakes_errors(&c->mistakes) == 0;
        return;
    }
    c->good = options_read_text(&options, text, file, false, &c->mistakes) && mistakes_errors(&c->mistakes) == 0;
    options_done(&options);
}

static void check_file(struct checked *c)
{
    CLEANUP(buf_done) struct buf text;
    struct err err;
    buf_init(&text, FILE_BYTES);
    mistakes_init(&c->mistakes);
    if (file_read(c->path, FILE_BYTES, &text, &err) == OK) {
        check_text(c, buf_span(&text));
        return;
    }
    const struct yaml_node whole = { .file = span_of(c->path) };
    yaml_mistake(&c->mistakes, &whole, "%s", err.text);
}

static void say(const struct checked *c)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, PRINT_BYTES);
    struct span rest = mistakes_print(&c->mistakes, &text) ? buf_span(&text) : SPAN_NONE, line;
    while (span_cut(&rest, '\n', &line))
        if (!span_empty(line))
            print_line(stdout, "%.*s", SPAN_ARGS(line));
    if (c->mistakes.dropped > 0)
        print_line(stdout, "%s: and %zu more mistakes", c->path, c->mistakes.dropped);
    if (c->good && c->is_policy)
        print_line(stdout, "%s: good (policy %.*s, version %.*s, %zu checks, %zu apps)", c->path, SPAN_ARGS(c->policy->name), VERSION_SHOWN, c->policy->version,
                   c->policy->check_count, c->policy->app_count);
    else if (c->good)
        print_line(stdout, "%s: good (configuration)", c->path);
}

static void write_json(const struct checked *c, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "file", span_of(c->path));
    to_json_member_text(w, "kind", c->is_policy ? SPAN_LITERAL("policy") : SPAN_LITERAL("configuration"));
    to_json_member_bool(w, "good", c->good);
    if (c->policy != NULL) {
        to_json_member_text(w, "policy", c->policy->name);
        to_json_member_text(w, "version", span_of(c->policy->version));
        to_json_member_int(w, "checks", (int64_t)c->policy->check_count);
        to_json_member_int(w, "apps", (int64_t)c->policy->app_count);
    }
    mistakes_to_json(&c->mistakes, w);
    to_json_end(w);
}

static int check(const struct args *args)
{
    CLEANUP(buf_done) struct buf json;
    struct to_json w;
    bool good = true;
    buf_init(&json, (size_t)ARGS_WORDS * PRINT_BYTES);
    to_json_init(&w, &json);
    to_json_object(&w);
    to_json_key(&w, "files");
    to_json_array(&w);
    for (size_t i = 0; i < args->word_count; i++) {
        struct checked c = { .path = args->words[i] };
        check_file(&c);
        if (args->json)
            write_json(&c, &w);
        else
            say(&c);
        good = good && c.good;
        policy_free(c.policy);
        mistakes_done(&c.mistakes);
    }
    to_json_end(&w);
    to_json_end(&w);
    if (args->json && buf_text(&json) != NULL)
        printf("%s\n", buf_text(&json));
    return good ? CLI_DONE : CLI_NO;
}

static int run(int argc, char **argv)
{
    static const struct cli_action action = { .words = "FILE", .least_words = 1, .most_words = ARGS_WORDS, .run = check };
    return args_run(&cli_check, &action, argc, argv);
}

const struct cli_command cli_check = {
    "check",
    "postern check FILE... [--json]\n\n"
    "A policy or a configuration (postern.yaml). Needs no gateway. Secrets that a configuration names are not opened.\n"
    "Also warns where the words of a policy's own checks are hard to read for the people they concern.\n"
    "Exit code 0: all are good, or only warned of; 1: mistakes were printed, as file:line:column: message.",
    "finds every mistake in policy and configuration files",
    run,
};
