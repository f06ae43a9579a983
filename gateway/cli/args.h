/* args: the words and options of one command, read by rows. Every command also takes --state DIR, --config FILE and --json.
 * Values are borrowed from argv. "--name value" and "--name=value" mean the same; "--" ends the options; "-" is a word. */
#ifndef GATEWAY_CLI_ARGS_H
#define GATEWAY_CLI_ARGS_H
#include "gateway/cli/cli.h"

enum { ARGS_WORDS = 256, ARGS_VALUES = 32 };
enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_TEXTS /* may be given several times */ };
struct arg_option { const char *name; enum arg_kind kind; };
struct arg_value { const char *name, *text; /* NULL for a flag */ };
struct args {
    const struct cli_command *command;
    const struct arg_option *options; size_t option_count;
    const char *words[ARGS_WORDS]; size_t word_count;
    struct arg_value values[ARGS_VALUES]; size_t value_count;
    bool json;
};

/* What a command does: itself, or one of its actions ("create" of "key"). */
struct cli_action {
    const char *name;                 /* NULL: the command has no actions */
    const char *words;                /* for the message when they are too few: "PERSON" */
    size_t least_words, most_words;
    const struct arg_option *options; size_t option_count;
    int (*run)(const struct args *args);
};
/* Reads argv (from the first word after the command and action on) by the action's rows. CLI_DONE, or CLI_USAGE after saying what is wrong. */
int args_read(const struct cli_command *command, const struct cli_action *action, int argc, char **argv, struct args *out);
/* argv[1] names the action; reads the rest and runs it. */
int args_run_action(const struct cli_command *command, const struct cli_action *actions, size_t count, int argc, char **argv);
/* The command is its only action. */
int args_run(const struct cli_command *command, const struct cli_action *action, int argc, char **argv);

/* The option must be in the action's rows, or common to all (asserted). */
bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name);                  /* NULL when absent */
const char *args_next(const struct args *a, const char *name, size_t *position); /* each value of ARG_TEXTS; NULL at the end; starts at 0 */

#endif
