/* slack: messages and views out through Slack's Web API, and what its answers mean. Blocks; one object belongs to one thread.
 * The bot token is copied, wiped at the end and never logged. Sources: docs.slack.dev/reference/methods. */
#ifndef CONNECTORS_NOTIFY_SLACK_H
#define CONNECTORS_NOTIFY_SLACK_H
#include "connectors/http_client.h"

enum { SLACK_ID_BYTES = 64, SLACK_ERROR_BYTES = 64, SLACK_CALL_MS = 8000, SLACK_ANSWER_BYTES = 512 * 1024,
       SLACK_SCOPES_BYTES = 512, SLACK_TOKEN_MOST = 500 };

struct slack_options {
    struct span token;                 /* xoxb-... */
    bool token_later;                  /* it changes: `token` may be empty until slack_set_token() */
    struct span base_url;              /* empty: https://slack.com/api */
    bool allow_loopback_http;          /* tests: base_url may be http://127.0.0.1:... */
    struct span ca_file;               /* empty: the system's */
    bool (*tick)(void *context);       /* see http_client.h */
    void *tick_context;
};
/* What a call came to. Everything but SLACK_DONE and SLACK_AMBIGUOUS means: surely nothing was done. */
enum slack_outcome {
    SLACK_DONE,
    SLACK_LATER,      /* rate limit, Slack is ill or out of reach before the request left: try again after `retry_after_s` (-1: not said) */
    SLACK_REFUSED,    /* this one message or person: no retry */
    SLACK_BLOCKS,     /* our blocks were refused: send the text alone */
    SLACK_STOPPED,    /* token or scope: no call will work until the configuration changes */
    SLACK_EXPIRED,    /* the token has run out, or there is none yet: a new one, then again */
    SLACK_PAUSED,     /* the workspace does not let us in now: pause for an hour */
    SLACK_AMBIGUOUS   /* the request left; a post may have happened */
};
struct slack_result { enum slack_outcome outcome; int64_t retry_after_s; char error[SLACK_ERROR_BYTES]; /* Slack's word or ours, [a-z_] only */ };
/* How long all of Slack is to be left alone after SLACK_LATER: an hour at most, half a minute where a limit was met that does not say; -1: it is for the caller to back off. */
int64_t slack_leave_alone_ms(const struct slack_result *result);

struct slack_message {
    struct span to;                    /* U... or D... */
    struct span text, blocks;          /* blocks: JSON array, may be empty */
    struct span notice;                /* id in the message's metadata: readable by others in the workspace, so nothing else */
    bool (*may_leave)(void *context);  /* see http_client.h; for slack_post(); may be NULL */
    void *may_leave_context;
};
struct slack_posted { char conversation[SLACK_ID_BYTES], message[SLACK_ID_BYTES]; }; /* D... and ts: one message */

struct slack;
MUST_CHECK enum err_code slack_new(const struct slack_options *options, struct slack **out, struct err *err);
void slack_free(struct slack *s);
/* chat.postMessage. */
struct slack_result slack_post(struct slack *s, const struct slack_message *m, struct slack_posted *posted);
/* After an ambiguous post: conversations.open, then conversations.history since `since_s`, looking for the notice id. SLACK_DONE with
 * *found false is a clean answer that it is not there. */
struct slack_result slack_find(struct slack *s, struct span to, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted);
/* The same in a conversation that is known. A channel's history may be read only with a scope that the app does not ask for (channels:history, or groups:history
 * of a private one): without it SLACK_STOPPED missing_scope. */
struct slack_result slack_find_in(struct slack *s, struct span conversation, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted);
/* users.lookupByEmail. SLACK_REFUSED users_not_found: nobody; user_disabled: a deleted account or a bot. */
struct slack_result slack_lookup(struct slack *s, struct span email, char user[SLACK_ID_BYTES]);
/* auth.test: whether the token works, and whose it is. `scopes`: as the answer's header lists them, cut to fit. */
struct slack_identity { char team[SLACK_ID_BYTES], enterprise[SLACK_ID_BYTES], user[SLACK_ID_BYTES], scopes[SLACK_SCOPES_BYTES]; };
struct slack_result slack_auth_test(struct slack *s, struct slack_identity *out);

/* ---- slack_views.c ---- */
/* chat.update of a message of ours. May be repeated. SLACK_REFUSED message_not_found, edit_window_closed, cant_update_message: it is gone. */
struct slack_result slack_update(struct slack *s, const struct slack_posted *place, const struct slack_message *m);
/* views.publish: what a person sees in the Home tab. `view`: JSON. SLACK_REFUSED not_enabled: the tab is off in the app's settings. */
struct slack_result slack_publish_home(struct slack *s, struct span user, struct span view);
/* views.open: a modal. `trigger` is good once and for 3 seconds: SLACK_REFUSED when it is not any more. */
struct slack_result slack_open_view(struct slack *s, struct span trigger, struct span view);
/* The answer to a command or to a click on a message that only one person sees: `message` is its JSON. Not for other addresses than Slack's own
 * (SLACK_REFUSED). SLACK_REFUSED: the address was used up, or 30 minutes have passed. */
struct slack_result slack_respond(struct slack *s, struct span response_url, struct span message);

/* ---- slack_oauth.c ---- */
/* The token for all calls from now on. */
MUST_CHECK enum err_code slack_set_token(struct slack *s, struct span token, struct err *err);
/* oauth.v2.access: spends a refresh token, which is no longer good afterwards, for a new pair. SLACK_AMBIGUOUS: it may have been spent. */
struct slack_tokens { char access[SLACK_TOKEN_MOST + 1], refresh[SLACK_TOKEN_MOST + 1]; int64_t lifetime_s; };
struct slack_client { struct span id, secret; };
struct slack_result slack_refresh(struct slack *s, const struct slack_client *client, struct span refresh, struct slack_tokens *out);
/* Slack's error word -> what to do. Unknown words are SLACK_LATER, as for internal_error. */
enum slack_outcome slack_judge(struct span error);

#endif
