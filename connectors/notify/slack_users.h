/* slack_users: people as Slack knows them: one, or all of them page by page. Of a status nothing is kept but whether it says "away", and until when.
 * Sources: docs.slack.dev/reference/methods/users.list and users.info, /reference/objects/user-object. */
#ifndef CONNECTORS_NOTIFY_SLACK_USERS_H
#define CONNECTORS_NOTIFY_SLACK_USERS_H
#include "connectors/notify/slack.h"
#include "posture/base/from_json.h"

enum { SLACK_EMAIL_BYTES = 320, SLACK_CURSOR_BYTES = 256, SLACK_ZONE_BYTES = 64, SLACK_USERS_PAGE = 100, SLACK_AWAY_MOST = 64 };

struct slack_user {
    char id[SLACK_ID_BYTES], email[SLACK_EMAIL_BYTES] /* lower case; empty: not told */, zone[SLACK_ZONE_BYTES];
    bool gone;                     /* deactivated, a bot, invited only, or of another organisation: never written to */
    bool guest;
    bool away; int64_t away_until_s; /* 0: no end is said */
};
/* What in a status means "away": emoji as ":palm_tree:", words anywhere in its text, whatever their case. */
struct slack_away { const struct span *emoji, *words; size_t emoji_count, word_count; };

/* users.info. SLACK_REFUSED user_not_found, user_not_visible. */
struct slack_result slack_user(struct slack *s, struct span user, const struct slack_away *away, struct slack_user *out);
/* The address alone; empty without the scope. SLACK_REFUSED user_disabled: one who is never written to. */
struct slack_result slack_user_email(struct slack *s, struct span user, char email[SLACK_EMAIL_BYTES]);
/* users.list: one page. `cursor` is empty at the start, then what came back; empty again: that was the last page. */
struct slack_result slack_users(struct slack *s, char cursor[SLACK_CURSOR_BYTES], const struct slack_away *away, void (*each)(void *context, const struct slack_user *), void *context);
/* The readings apart from the calls: one account, and a page. `root`: the whole answer. False: it is not what it should be. Pure. */
bool slack_read_user(const struct from_json_value *root, const struct slack_away *away, struct slack_user *out);
bool slack_read_users(const struct from_json_value *root, const struct slack_away *away, void (*each)(void *context, const struct slack_user *), void *context, char next[SLACK_CURSOR_BYTES]);

#endif
