/* slack_line: Socket Mode, for a gateway that Slack cannot reach: this gateway calls Slack, and what people do comes over that connection. Envelopes hold what
 * requests would and go the same way (slack_intake.h); each is acknowledged when it is written down. Slack gives each envelope to one connection, so every
 * gateway may hold its own; what comes twice is told apart in the store, as with requests.
 * Where Slack says that Socket Mode is off, or refuses the token, nothing is tried again before the token is another one or an admin asks (slack_app_renew()).
 * A connection that Slack is about to end is replaced first and drained afterwards. Thread: one of its own, with a store connection. */
#ifndef GATEWAY_SLACK_SLACK_LINE_H
#define GATEWAY_SLACK_SLACK_LINE_H
#include "gateway/node.h"

enum { SLACK_LINE_WHY_BYTES = 256 };
#define SLACK_LINE_NAME "slack-socket" /* in doctor and status */

struct slack_line;
/* For the app of `node` with its app-level token. Owned. */
MUST_CHECK enum err_code slack_line_new(const struct node *node, struct slack_line **out, struct err *err);
MUST_CHECK enum err_code slack_line_start(struct slack_line *l, struct err *err);
void slack_line_stop(struct slack_line *l);  /* finishes the envelope under way, says goodbye, joins; NULL is fine */
void slack_line_free(struct slack_line *l);  /* NULL is fine */

/* How it is; any thread. */
enum slack_line_state { SLACK_LINE_CONNECTING, SLACK_LINE_OPEN, SLACK_LINE_STOPPED /* until what `why` says has been done */ };
struct slack_line_description {
    enum slack_line_state state;
    char why[SLACK_LINE_WHY_BYTES];          /* what ended the last connection or try; empty while all is well */
    int64_t since_s;                         /* of this state */
    uint64_t opened;                         /* connections since the start */
};
void slack_line_describe(struct slack_line *l, struct slack_line_description *out);
#endif
