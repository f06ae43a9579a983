/* cli: the commands of the one binary. cli_<command>.c holds one command (or one group); cli.c finds it and prints help.
 * Exit codes: 0 done, 1 the answer is no or the input is wrong, 2 usage, 3 could not reach the gateway. */
#ifndef GATEWAY_CLI_CLI_H
#define GATEWAY_CLI_CLI_H
#include "posture/base/err.h"
#include "posture/base/span.h"

enum cli_exit { CLI_DONE = 0, CLI_NO = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };
struct cli_command {
    const char *name;
    const char *usage;    /* "postern key create --label TEXT --scope SCOPE... [--expires 90d]" lines */
    const char *summary;  /* one line */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};
extern const struct cli_command cli_serve;
extern const struct cli_command cli_check;
extern const struct cli_command cli_test;
extern const struct cli_command cli_plan;
extern const struct cli_command cli_apply;
extern const struct cli_command cli_simulate;
extern const struct cli_command cli_explain;
extern const struct cli_command cli_person;
extern const struct cli_command cli_device;
extern const struct cli_command cli_key;
extern const struct cli_command cli_signing_key;
extern const struct cli_command cli_enroll_secret;
extern const struct cli_command cli_door;
extern const struct cli_command cli_delivery;
extern const struct cli_command cli_slack;
extern const struct cli_command cli_ring;
extern const struct cli_command cli_exemption;
extern const struct cli_command cli_dispute;
extern const struct cli_command cli_ask;
extern const struct cli_command cli_holiday;
extern const struct cli_command cli_incident;
extern const struct cli_command cli_mdm;
extern const struct cli_command cli_audit;
extern const struct cli_command cli_report;
extern const struct cli_command cli_doctor;
extern const struct cli_command cli_version;
int cli_main(int argc, char **argv);
/* Prints the command's usage to stderr with `problem` in front (may be NULL) and returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *problem);
#endif
