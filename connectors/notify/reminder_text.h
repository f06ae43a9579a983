/* reminder_text: the message on a day on which nothing is to fix, and an exemption ends soon. To whoever asked for it, and to whoever approved it. On other days
 * nudge_text.h says the same in the day's message. As plain text with Slack blocks, and as an e-mail. Pure. */
#ifndef CONNECTORS_NOTIFY_REMINDER_TEXT_H
#define CONNECTORS_NOTIFY_REMINDER_TEXT_H
#include "connectors/notify/nudge_mail.h"

/* Of `in`, policy, calendar, person, link, now_s and reminders (at least one) are read. */
MUST_CHECK enum err_code reminder_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err);
MUST_CHECK enum err_code reminder_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err);
#endif
