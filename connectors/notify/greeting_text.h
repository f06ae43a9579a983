/* greeting_text: the first message that anybody gets who is invited: who speaks, what for, how often, and the way to set up a device. As plain text with Slack
 * blocks, and as an e-mail. No complaint is in it. Pure. */
#ifndef CONNECTORS_NOTIFY_GREETING_TEXT_H
#define CONNECTORS_NOTIFY_GREETING_TEXT_H
#include "connectors/notify/nudge_mail.h"

/* Of `in`, policy, person and link (to their first page) are read. */
MUST_CHECK enum err_code greeting_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err);
MUST_CHECK enum err_code greeting_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err);
#endif
