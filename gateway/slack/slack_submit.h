/* slack_submit: modals whose answer is known at once: an exemption that is asked for or decided. The valve commits before Slack is thanked, so nothing needs to be
 * written down before; the modal then says what came of it, or what is wrong with which field. */
#ifndef GATEWAY_SLACK_SLACK_SUBMIT_H
#define GATEWAY_SLACK_SLACK_SUBMIT_H
#include "gateway/slack/slack_intake.h"

/* A modal of that kind. */
bool slack_submit_is_judged(const struct slack_heard *heard);
/* Answers it. `key`: the same for each copy. Needs in->store; blocks on it. */
void slack_submit(const struct slack_intake *in, const struct slack_heard *heard, struct span key, struct slack_answer *out);
#endif
