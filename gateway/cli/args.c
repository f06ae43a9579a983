#include "gateway/cli/args.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct arg_option common[] = { { "--state", ARG_TEXT }, { "--config", ARG_TEXT }, { "--json", ARG_FLAG } };
enum { COMMON = sizeof common / sizeof common[0], PROBLEM_BYTES = 200 };

static const struct arg_option *find_in(const struct arg_option *all, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(name, all[i].name))
            return &all[i];
    return NULL;
}

static const struct arg_option *find(const struct args *a, struct span name)
{
    const struct arg_option *found = find_in(a->options, a->option_count, name);
    return found != NULL ? found : find_in(common, COMMON, name);
}

static int refuse(const struct args *a, const char *what, struct span name)
{
    char problem[PROBLEM_BYTES];
    snprintf(problem, sizeof problem, "%s %.*s", what, SPAN_ARGS(span_slice(name, 0, 100)));
    return cli_usage(a->command, problem);
}

static int keep(struct args *a, const struct arg_option *option, const char *text)
{
    if (option->kind == ARG_TEXT && args_has(a, option->name))
        return refuse(a, "given twice:", span_of(option->name));
    if (a->value_count == ARGS_VALUES)
        return cli_usage(a->command, "too many options");
    a->values[a->value_count++] = (struct arg_value){ option->name, text };
    return CLI_DONE;
}

/* One option at argv[*i]; *i moves on when the value is the next word. */
static int read_option(struct args *a, int argc, char **argv, int *i)
{
    struct span whole = span_of(argv[*i]), name = span_slice(whole, 0, span_find(whole, '='));
    bool attached = name.bytes < whole.bytes;
    const struct arg_option *option = find(a, name);
    if (option == NULL)
        return refuse(a, "unknown option", name);
    if (option->kind == ARG_FLAG)
        return attached ? refuse(a, "takes no value:", name) : keep(a, option, NULL);
    if (!attached && *i + 1 >= argc)
        return refuse(a, "needs a value:", name);
    const char *text = attached ? whole.at + name.bytes + 1 : argv[++*i];
    return text[0] != '\0' ? keep(a, option, text) : refuse(a, "needs a value that is not empty:", name);
}

int args_read(const struct cli_command *command, const struct cli_action *action, int argc, char **argv, struct args *out)
{
    bool options_end = false;
    *out = (struct args){ .command = command, .options = action->options, .option_count = action->option_count };
    for (int i = 0; i < argc; i++) {
        int code = CLI_DONE;
        bool option = !options_end && argv[i][0] == '-' && argv[i][1] != '\0';
        if (option && strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (option)
            code = read_option(out, argc, argv, &i);
        else if (out->word_count == action->most_words || out->word_count == ARGS_WORDS)
            code = refuse(out, "unexpected word", span_of(argv[i]));
        else
            out->words[out->word_count++] = argv[i];
        if (code != CLI_DONE)
            return code;
    }
    if (out->word_count < action->least_words)
        return refuse(out, "missing:", span_of(action->words));
    out->json = args_has(out, "--json");
    return CLI_DONE;
}

int args_run(const struct cli_command *command, const struct cli_action *action, int argc, char **argv)
{
    struct args args;
    int code = args_read(command, action, argc - 1, argv + 1, &args);
    return code == CLI_DONE ? action->run(&args) : code;
}

int args_run_action(const struct cli_command *command, const struct cli_action *actions, size_t count, int argc, char **argv)
{
    char problem[PROBLEM_BYTES];
    for (size_t i = 0; argc > 1 && i < count; i++)
        if (strcmp(actions[i].name, argv[1]) == 0)
            return args_run(command, &actions[i], argc - 1, argv + 1);
    if (argc < 2)
        return cli_usage(command, "what shall be done?");
    snprintf(problem, sizeof problem, "no action %.100s", argv[1]);
    return cli_usage(command, problem);
}

const char *args_next(const struct args *a, const char *name, size_t *position)
{
    while (*position < a->value_count) {
        const struct arg_value *value = &a->values[(*position)++];
        if (strcmp(value->name, name) == 0)
            return value->text != NULL ? value->text : "";
    }
    return NULL;
}

const char *args_text(const struct args *a, const char *name)
{
    size_t position = 0;
    assert(find(a, span_of(name)) != NULL);
    return args_next(a, name, &position);
}

bool args_has(const struct args *a, const char *name) { return args_text(a, name) != NULL; }
