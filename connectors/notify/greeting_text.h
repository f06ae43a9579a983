/* greeting_text: the first message that anybody gets who is invited: who speaks, what for, how often, and the way to set up a device. As plain text with Slack
 * blocks, and as an e-mail. No complaint is in it. Pure. */
#ifndef CONNECTORS_NOTIFY_GREETING_TEXT_H
#define CONNECTORS_NOTIFY_GREETING_TEXT_H
#include "connectors/notify/nudge_mail.h"
#include "posture/base/to_json.h"

/* Of `in`, policy, person and link (to their first page) are read. */
MUST_CHECK enum err_code greeting_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err);
/* In parts, for a message that says more: the words, and the way to a device. As plain text, and as blocks of an array that the caller opened. */
void greeting_begin(const struct nudge_text_input *in, struct buf *text, struct to_json *w);
void greeting_set_up(const struct nudge_text_input *in, struct buf *text, struct to_json *w);
MUST_CHECK enum err_code greeting_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err);
#endif
