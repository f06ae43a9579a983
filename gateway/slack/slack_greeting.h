/* slack_greeting: the first message to somebody who is invited, as it is in Slack: who speaks and why, devices that look like theirs with a button for each
 * answer, the way to set one up; and, as soon as there is one, its first report, in the same message. */
#ifndef GATEWAY_SLACK_SLACK_GREETING_H
#define GATEWAY_SLACK_SLACK_GREETING_H
#include "connectors/notify/slack.h"
#include "gateway/slack/slack_say.h"

/* Where it stands, when it is the person's newest message. */
bool slack_greeting_place(const struct person *person, struct slack_posted *out);
/* With the offers that slack_scene_offer() found. `notice`: id of the message, for its buttons; `link`: to the first page. */
MUST_CHECK enum err_code slack_greeting_write(const struct slack_scene *scene, struct span notice, struct span link, struct slack_said *out, struct err *err);
/* As it has to look now, with the offers that are left; its link ends when that of the first sending does. *told: it was written. */
MUST_CHECK enum err_code slack_greeting_again(struct slack_scene *scene, struct store *store, struct slack_said *out, bool *told, struct err *err);
/* A device in it is being checked: it will look different soon. */
bool slack_greeting_waits(const struct slack_scene *scene);
#endif
