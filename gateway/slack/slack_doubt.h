/* slack_doubt: Slack has said that our token was revoked or that the app was uninstalled. It is in the log, so every gateway hears of it; each reader then asks
 * Slack itself before it stops, as the word may come late, twice, or be about a token that was replaced since. */
#ifndef GATEWAY_SLACK_SLACK_DOUBT_H
#define GATEWAY_SLACK_SLACK_DOUBT_H
#include "gateway/effects_reader.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_token.h"

/* Events, of no record. */
#define SLACK_TOKEN_REVOKED "slack.token_revoked"
#define SLACK_UNINSTALLED "slack.uninstalled"
#define SLACK_RECONNECT "slack.reconnect" /* an admin: it was mended, every gateway shall try again */
MUST_CHECK enum err_code slack_doubt_append(const struct node *node, struct store *store, enum slack_trouble what, struct span team, struct err *err);
MUST_CHECK enum err_code slack_reconnect_append(const struct node *node, struct store *store, struct span by, struct err *err);
/* On the feed's thread: an entry of any type. */
void slack_doubt_hear(const struct node *node, const struct event *event);

/* From the tick of a reader that calls Slack: takes its stop back when there is another token, or an admin asks for it; then true, once. `renewals` is the reader's, zeroed at first. */
bool slack_doubt_resume(const struct node *node, struct reader *r, unsigned *renewals);

/* What one reader has judged. Zeroed is: nothing yet. */
struct slack_doubt { unsigned judged, renewals; int64_t next_ms; };
/* From a reader's tick. Stops the reader, with what to do, when Slack does not know the token any more; resumes it when there is reason to try again. */
void slack_doubt_judge(const struct node *node, struct reader *r, struct slack *client, struct slack_token *token, struct slack_doubt *doubt);
/* No call works with this token. For admins: Slack's word, and what to do. */
void slack_doubt_stop(struct reader *r, const char *word);
#endif
