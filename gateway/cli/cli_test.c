/* test: the cases kept beside a policy. Needs no gateway. */
#include "gateway/cli/args.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"
#include "posture/base/to_json.h"
#include "posture/policy_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES = 1024 * 1024, PATH_BYTES = 2048, FILES_MOST = 1000, PRINT_BYTES = 4 * 1024 * 1024, JSON_BYTES = 64 * 1024 * 1024 };

struct testing {
    struct calendar *calendar;
    struct policy_case_counts all;
    size_t files, bad_files;
    bool json;
    struct to_json w;
};

/* A path in a test file is relative to the folder that the file is in. */
static bool beside(const char *file, struct span path, char out[PATH_BYTES])
{
    const char *slash = strrchr(file, '/');
    int folder = slash == NULL || path.at[0] == '/' ? 0 : (int)(slash - file) + 1;
    return snprintf(out, PATH_BYTES, "%.*s%.*s", folder, file, SPAN_ARGS(path)) < PATH_BYTES;
}

static struct policy *read_policy(const char *file, const struct yaml_node *root, struct mistakes *mistakes)
{
    CLEANUP(buf_done) struct buf text;
    struct policy *policy = NULL;
    struct span path;
    char name[PATH_BYTES];
    struct err err;
    buf_init(&text, FILE_BYTES);
    if (!policy_cases_policy(root, &path, mistakes))
        return NULL;
    if (span_empty(path) || !beside(file, path, name))
        yaml_mistake(mistakes, yaml_get(root, "policy"), "must be the path of a policy");
    else if (file_read(name, FILE_BYTES, &text, &err) != OK)
        yaml_mistake(mistakes, yaml_get(root, "policy"), "%s", err.text);
    else
        policy_read(buf_span(&text), span_of(name), mistakes, &policy);
    return policy;
}

static void run_text(struct testing *t, const char *file, struct span text, struct mistakes *mistakes, struct policy_case_counts *counts)
{
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(text, span_of(file), mistakes);
    CLEANUP(policy_freep) struct policy *policy = NULL;
    if (tree == NULL || mistakes_errors(mistakes) > 0)
        return;
    policy = read_policy(file, yaml_root(tree), mistakes);
    if (policy != NULL)
        policy_cases_run(yaml_root(tree), policy, t->calendar, mistakes, counts);
}

static void tell(struct testing *t, const char *file, const struct mistakes *mistakes, const struct policy_case_counts *counts)
{
    CLEANUP(buf_done) struct buf text;
    if (t->json) {
        to_json_object(&t->w);
        to_json_member_text(&t->w, "file", span_of(file));
        to_json_member_int(&t->w, "cases", (int64_t)counts->cases);
        to_json_member_int(&t->w, "failed", (int64_t)counts->failed);
        mistakes_to_json(mistakes, &t->w);
        to_json_end(&t->w);
        return;
    }
    buf_init(&text, PRINT_BYTES);
    struct span rest = mistakes_print(mistakes, &text) ? buf_span(&text) : SPAN_NONE, line;
    while (span_cut(&rest, '\n', &line))
        if (!span_empty(line))
            print_line(stdout, "%.*s", SPAN_ARGS(line));
    print_line(stdout, "%s: %zu cases, %zu failed", file, counts->cases, counts->failed);
}

static void run_file(struct testing *t, const char *file)
{
    CLEANUP(buf_done) struct buf text;
    struct policy_case_counts counts = { 0 };
    struct mistakes mistakes;
    struct err err;
    buf_init(&text, FILE_BYTES);
    mistakes_init(&mistakes);
    if (file_read(file, FILE_BYTES, &text, &err) == OK)
        run_text(t, file, buf_span(&text), &mistakes, &counts);
    else
        yaml_mistake(&mistakes, &(struct yaml_node){ .file = span_of(file) }, "%s", err.text);
    tell(t, file, &mistakes, &counts);
    t->files++;
    t->bad_files += mistakes_errors(&mistakes) > 0;
    t->all.cases += counts.cases;
    t->all.failed += counts.failed;
    mistakes_done(&mistakes);
}

static int is_yaml(const struct dirent *e)
{
    struct span name = span_of(e->d_name);
    return e->d_name[0] != '.' && (span_ends(name, SPAN_LITERAL(".yaml")) || span_ends(name, SPAN_LITERAL(".yml")));
}

/* Every YAML file of a folder, in the order of their names. */
static bool run_folder(struct testing *t, const char *folder)
{
    struct dirent **names = NULL;
    char path[PATH_BYTES];
    int count = scandir(folder, &names, is_yaml, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < FILES_MOST && snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name) < PATH_BYTES)
            run_file(t, path);
        free(names[i]);
    }
    free(names);
    return count >= 0;
}

static bool run_path(struct testing *t, const char *path)
{
    struct stat what;
    if (stat(path, &what) != 0) {
        print_line(stderr, "postern: there is no %s", path);
        return false;
    }
    if (S_ISDIR(what.st_mode))
        return run_folder(t, path);
    run_file(t, path);
    return true;
}

static int finish(struct testing *t, bool well, struct buf *json)
{
    to_json_end(&t->w);
    to_json_member_int(&t->w, "cases", (int64_t)t->all.cases);
    to_json_member_int(&t->w, "failed", (int64_t)t->all.failed);
    to_json_end(&t->w);
    if (t->json && buf_text(json) != NULL)
        printf("%s\n", buf_text(json));
    if (well && t->all.cases == 0 && t->bad_files == 0) {
        print_line(stderr, "postern: there are no cases: a file of cases ends in .yaml and has policy and cases");
        return CLI_NO;
    }
    return well && t->bad_files == 0 ? CLI_DONE : CLI_NO;
}

static int test(const struct args *args)
{
    CLEANUP(buf_done) struct buf json;
    struct testing t = { .json = args->json, .calendar = calendar_new("/usr/share/zoneinfo") };
    bool well = t.calendar != NULL;
    buf_init(&json, JSON_BYTES);
    to_json_init(&t.w, &json);
    to_json_object(&t.w);
    to_json_key(&t.w, "files");
    to_json_array(&t.w);
    for (size_t i = 0; well && i < args->word_count; i++)
        well = run_path(&t, args->words[i]);
    int code = finish(&t, well, &json);
    calendar_free(t.calendar);
    return code;
}

static int run(int argc, char **argv)
{
    static const struct cli_action action = { .words = "DIR", .least_words = 1, .most_words = ARGS_WORDS, .run = test };
    return args_run(&cli_test, &action, argc, argv);
}

const struct cli_command cli_test = {
    "test",
    "postern test DIR... [--json]\n\n"
    "Runs the cases that are kept beside a policy: every .yaml file of DIR (or the file itself). Needs no gateway. A case names a person,\n"
    "their devices, what they were told, and a moment; and the rung, what is closed, each app's answer and the next date that it expects.\n"
    "Exit code 0: all are as expected; 1: file:line:column: what was found instead.",
    "runs the cases kept beside a policy",
    run,
};
