/* slack_profile: the status beside somebody's name in Slack, read and set with the user token of an admin: a bot token has no say over profiles.
 * One object (slack.h) made with that token; blocks. Nothing but the status is read or written.
 * Source: docs.slack.dev/reference/methods/users.profile.set, users.profile.get, users.info. */
#ifndef CONNECTORS_NOTIFY_SLACK_PROFILE_H
#define CONNECTORS_NOTIFY_SLACK_PROFILE_H
#include "connectors/notify/slack.h"
#include "posture/base/from_json.h"

enum { SLACK_STATUS_CHARACTERS = 100, SLACK_STATUS_BYTES = 1024, SLACK_EMOJI_BYTES = 128 };
/* As Slack has it; what does not fit is cut. Both texts empty: none is set. */
struct slack_status { char text[SLACK_STATUS_BYTES], emoji[SLACK_EMOJI_BYTES]; int64_t expires_s; /* 0: it stays */ };
struct slack_result slack_status_get(struct slack *s, struct span user, struct slack_status *out);
/* Both texts empty: clears it. May be repeated. SLACK_REFUSED: this person's cannot be set (an admin or owner, by a token below theirs). */
struct slack_result slack_status_set(struct slack *s, struct span user, struct span text, struct span emoji, int64_t expires_s);
/* False for guests, admins, owners, bots, deleted accounts and people of other organisations. */
struct slack_result slack_is_plain_member(struct slack *s, struct span user, bool *plain);
/* ":wrench:": what Slack takes as an emoji. */
bool slack_is_emoji(struct span text);
/* The readings apart from the calls. `root`: the whole answer. False: it is not what it should be. Pure. */
bool slack_read_status(const struct from_json_value *root, struct slack_status *out);
bool slack_read_plain_member(const struct from_json_value *root, struct span user, bool *plain);
#endif
