/* slack_call: one call of Slack's Web API: how it is sent and what its end means; and how what Slack says is opened. Shared by slack*.c; nobody else needs it. */
#ifndef CONNECTORS_NOTIFY_SLACK_CALL_H
#define CONNECTORS_NOTIFY_SLACK_CALL_H
#include "connectors/notify/slack.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum { SLACK_TOKEN_BYTES = 512, SLACK_BASE_BYTES = 512, SLACK_MESSAGE_BYTES = 512 * 1024 };
struct slack {
    struct http_client *http;
    char token[SLACK_TOKEN_BYTES];       /* "Bearer xoxb-..."; empty: none yet */
    char base[SLACK_BASE_BYTES];
    bool loopback;                       /* tests: answers may go to plain http on this machine */
};

/* `writes`: it must not happen twice, so an unclear end is SLACK_AMBIGUOUS; else it is SLACK_LATER. A `body` makes it a POST: JSON, or a form
 * with `basic`, which then stands where the token would. */
struct slack_call { const char *method; struct span query, body, basic; bool writes; struct buf *scopes; /* what the token may do, when the answer says so; may be NULL */
                    bool (*may_leave)(void *context); void *may_leave_context; /* see http_client.h */ };
/* With SLACK_DONE, *doc is the answer; owned. */
struct slack_result slack_call(struct slack *s, const struct slack_call *c, struct from_json **doc);
/* The same to another address, whose answer is judged by its status alone: a response_url. */
struct slack_result slack_call_url(struct slack *s, struct span url, struct span body);
/* An end that is known without a call. */
struct slack_result slack_end(enum slack_outcome outcome, const char *word);
/* JSON from Slack that has to be an object; `what` names it in `err`. *doc is owned. */
MUST_CHECK enum err_code slack_open_object(struct span text, struct from_json_limits limits, const char *what, struct from_json **doc, struct from_json_value *root, struct err *err);
/* A text of the answer; empty when it is not one. */
struct span slack_text_at(const struct from_json_value *object, const char *key);
/* False for an id that is empty or does not fit. */
bool slack_copy_id(struct span from, char to[SLACK_ID_BYTES]);

#endif
