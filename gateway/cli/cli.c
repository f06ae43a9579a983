#include "gateway/cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct cli_command *const commands[] = {
    &cli_serve,
    &cli_check,
    &cli_test,
    &cli_plan,
    &cli_apply,
    &cli_simulate,
    &cli_explain,
    &cli_person,
    &cli_device,
    &cli_key,
    &cli_signing_key,
    &cli_enroll_secret,
    &cli_door,
    &cli_delivery,
    &cli_slack,
    &cli_ring,
    &cli_exemption,
    &cli_dispute,
    &cli_ask,
    &cli_holiday,
    &cli_incident,
    &cli_mdm,
    &cli_audit,
    &cli_report,
    &cli_doctor,
    &cli_version,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

int cli_usage(const struct cli_command *command, const char *problem)
{
    if (problem != NULL)
        fprintf(stderr, "postern %s: %s\n", command->name, problem);
    fprintf(stderr, "usage: %s\n", command->usage);
    return CLI_USAGE;
}

static void print_help(FILE *to)
{
    fprintf(to, "postern: a device-posture gateway for identity providers\n\nusage: postern COMMAND [...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n`postern COMMAND --help` shows a command's options. Exit codes: 0 done, 1 the answer is no or the input is wrong,\n"
                "2 usage, 3 could not reach the gateway.\n");
}

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CLI_DONE;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct cli_command *command = find(name);
    if (command == NULL) {
        if (name[0] != '\0')
            fprintf(stderr, "postern: no command %s\n\n", name);
        print_help(stderr);
        return CLI_USAGE;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
            continue;
        printf("%s\n\nusage: %s\n", command->summary, command->usage);
        return CLI_DONE;
    }
    return command->run(argc - 1, argv + 1);
}
