/* cli_slack_people: the actions of `postern slack` about people: who is known to Slack, inviting them, how far they are. */
#ifndef GATEWAY_CLI_CLI_SLACK_PEOPLE_H
#define GATEWAY_CLI_CLI_SLACK_PEOPLE_H
#include "gateway/cli/args.h"

int cli_slack_people(const struct args *args);     /* --unmapped */
int cli_slack_onboard(const struct args *args);    /* everyone, a person, or --group */
int cli_slack_onboarding(const struct args *args);
int cli_slack_test(const struct args *args);       /* a person */
#endif
