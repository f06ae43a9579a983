/* slack_exemptions: what the reader of slack_replies.h does about exemptions: opens the modals, asks those who decide in their channel, keeps that message and
 * everybody's Home tab true, and answers whoever asked. Private to the reader; its thread. */
#ifndef GATEWAY_SLACK_SLACK_EXEMPTIONS_H
#define GATEWAY_SLACK_SLACK_EXEMPTIONS_H
#include "gateway/slack/slack_replies_parts.h"

#define EXEMPTION_REQUEST "slack.request" /* items: the message to those who decide; the answer to whoever asked */
#define EXEMPTION_ANSWER "slack.answer"

/* An order EXEMPT, APPROVE or REFUSE: its modal, or a sentence why there is none. */
MUST_CHECK enum err_code slack_exemptions_open(struct doing *d, struct err *err);
/* An event of the control record "exemptions": queues what follows from it. */
bool slack_exemptions_concern(const struct reader_entry *e);
MUST_CHECK enum err_code slack_exemptions_take(struct reader *r, const struct reader_entry *e, struct err *err);
struct item_result slack_exemptions_request(struct reply *p);
/* For reply_post_once(). */
bool slack_exemptions_write_answer(struct reply *p, struct slack_said *said, struct err *err, enum err_code *code);
#endif
