/* slack_token: a bot token that changes. Slack gives an access token for some hours and a refresh token that can be spent once; both are kept sealed in the
 * control record "slack_token". A new pair is committed before it is used, so a crash loses none that was in use; between Slack's answer and the commit the
 * pair is in this process alone, and if it dies there the app has to be installed anew (docs/slack.md says how to choose).
 * Thread: that of a reader, with its store. */
#ifndef GATEWAY_SLACK_SLACK_TOKEN_H
#define GATEWAY_SLACK_SLACK_TOKEN_H
#include "gateway/slack/slack_app.h"
#include "posture/ports.h"

#define SLACK_TOKEN_RECORD SPAN_LITERAL("slack_token")
/* One holder of a client. Zeroed is: none yet. */
struct slack_token { int64_t version /* of the record, or the number of the configured one */, looked_ms; };
/* Gives the client the newest token that the store has, looking again after `EVERY_MS`, or at once when `again` (the last call said that it has run out).
 * Without rotation it is the configured one, as its file has it now. ERR_NOT_FOUND: there is none yet. */
MUST_CHECK enum err_code slack_token_use(const struct node *node, struct store *store, struct slack *client, bool again, struct slack_token *held, struct err *err);

/* Looks after the pair. Only the holder of one lease calls it, and spending is marked over all nodes besides. Zeroed is: nothing under way. */
struct slack_token_keeper { int64_t next_ms; bool pending; struct slack_tokens got; };
/* From time to time: spends the refresh token when half of the lifetime is over, or there is no token yet. OK also when there was nothing to do. ERR_DENIED: Slack
 * does not take the refresh token any more; err says what to do. */
MUST_CHECK enum err_code slack_token_keep(const struct node *node, struct store *store, struct slack *client, struct slack_token_keeper *keeper, struct err *err);
/* When the token in the store runs out; 0: none, or it does not. For `postern slack status`. */
int64_t slack_token_expires_s(const struct node *node, struct store *store);
#endif
