/* nudge_mail: the notice of nudge_text.h as an e-mail: subject, plain text, HTML. The same words in the same order. Links open a page; nothing happens by
 * opening one, since mail scanners follow them. No images, no tracking, no redirects. Pure. */
#ifndef CONNECTORS_NOTIFY_NUDGE_MAIL_H
#define CONNECTORS_NOTIFY_NUDGE_MAIL_H
#include "connectors/notify/nudge_text.h"

struct nudge_mail { struct buf subject, text, html; };
void nudge_mail_init(struct nudge_mail *m);
void nudge_mail_done(struct nudge_mail *m);
/* `answered`: somebody reads replies. */
MUST_CHECK enum err_code nudge_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err);

/* Any other message: a subject, sentences, one link with words on it. For greetings. `lines` are ours or escaped here; each is a paragraph. */
struct nudge_mail_plain { struct span subject, link, link_words; const struct span *lines; size_t line_count; };
MUST_CHECK enum err_code nudge_mail_plain(const struct nudge_mail_plain *in, bool answered, struct nudge_mail *out, struct err *err);
#endif
