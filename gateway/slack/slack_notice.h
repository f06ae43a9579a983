/* slack_notice: a delivered message as it has to look now: what is fixed, what is being checked, what was put off. A pure question to the directory:
 * whoever asks last, on whichever node, writes the same. Between directory_enter() and directory_leave(). */
#ifndef GATEWAY_SLACK_SLACK_NOTICE_H
#define GATEWAY_SLACK_SLACK_NOTICE_H
#include "connectors/notify/slack.h"
#include "gateway/slack/slack_say.h"

/* The person's newest message of any kind, if it was delivered in Slack; and only if it told of what is to fix. */
bool slack_notice_message(const struct person *person, struct slack_posted *out);
bool slack_notice_place(const struct person *person, struct slack_posted *out);
/* The one before it, while the newest stands in Slack too: it has to point there. */
bool slack_notice_old_place(const struct person *person, struct slack_posted *out);
/* False when none of what it named can be told any more (its devices and checks are unknown here). */
MUST_CHECK enum err_code slack_notice_write(const struct slack_scene *scene, bool all_steps, struct slack_said *out, bool *told, struct err *err);
/* How often "Remind me tomorrow" may be pressed about it now, this time included; 0: it is not on offer. */
unsigned slack_notice_snoozes(const struct slack_scene *scene, struct span device, struct span check);
/* Whether an exemption of it may be asked for, or what became of one, into `in`. */
void slack_notice_exempt(const struct slack_scene *scene, struct span device, struct span check, struct nudge_text_input *in);
/* Something that it named is being checked: it will look different soon. */
bool slack_notice_waits(const struct slack_scene *scene);
#endif
