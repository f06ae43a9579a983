/* slack_replies: the reader of the log that carries out what people asked in Slack (slack_order.h), and keeps what they see there true: the newest message
 * changes in place, the Home tab follows, and when apps really close on a device its owner is told once. Apart from the reader that sends the day's messages,
 * so that a click never waits behind them. */
#ifndef GATEWAY_SLACK_SLACK_REPLIES_H
#define GATEWAY_SLACK_SLACK_REPLIES_H
#include "gateway/effects_reader.h"

#define SLACK_REPLIES "slack-replies" /* its name as a destination */
/* node->slack must be there and hear. The options are copied by reference to node->slack's. */
MUST_CHECK enum err_code slack_replies_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err);
#endif
