/* cli_slack_preview: `postern slack preview`: what a person would be sent and would see, as people read it or as Slack gets it. */
#ifndef GATEWAY_CLI_SLACK_PREVIEW_H
#define GATEWAY_CLI_SLACK_PREVIEW_H
#include "gateway/cli/cli_slack_people.h"
#include "posture/base/buf.h"

int cli_slack_preview(const struct args *args);
/* Slack's marks as plain text, appended: a link as "words (address)", a date as its fallback, entities as what they stand for. */
bool cli_slack_plain(struct span mrkdwn, struct buf *out);
#endif
