/* slack_replies_parts: what slack_replies.c, slack_carry_out.c and slack_commits.c share. Private to them. */
#ifndef GATEWAY_SLACK_SLACK_REPLIES_PARTS_H
#define GATEWAY_SLACK_SLACK_REPLIES_PARTS_H
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_notice.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_replies.h"
#include "gateway/slack/slack_token.h"

enum { REPLIES_ARENA_BYTES = 16 * 1024 * 1024 };
struct replies {
    const struct node *node;
    struct slack *client;           /* made on the reader's thread */
    struct slack_token token;
    struct slack_token_keeper keeper;
    struct slack_doubt doubt;
    bool token_is_old;              /* the last call said so */
    int64_t introduced_ms;          /* when auth.test is asked again; monotonic */
    unsigned introduced;            /* after so many renewals of the app (slack_app_renewals) */
};
/* One try of one item. Texts live in `arena`. */
struct reply {
    struct replies *s;
    struct reader *r;
    unsigned partition;
    struct effects_item *item;
    struct arena arena;
};

struct item_result reply_done(void);
struct item_result reply_later(int64_t after_ms, bool counts);
struct item_result reply_store_waits(struct reply *p, const struct err *err);
/* What an answer of Slack's means for the item. DONE and REFUSED end it; `gone` (may be NULL) tells that it was refused. */
struct item_result reply_judge(struct reply *p, const struct slack_result *result, bool *refused);
/* The person's newest message as it has to look now. Done when there is none. */
struct slack_result reply_update_notice(struct reply *p, struct span person, bool all_steps, bool *waits);
/* The Home tab, with what came of a press there; `line` may be empty. */
struct slack_result reply_publish_home(struct reply *p, struct span person, struct span user, struct span line);

/* What the reader does by itself: an item's type, its id by a letter and a name, whose it is. */
#define REPLY_MESSAGE "slack.message" /* the person's newest message, in its place */
#define REPLY_HOME "slack.home"       /* their Home tab, if they look at it */
enum { REPLY_MESSAGE_AFTER_MS = 500, REPLY_HOME_AFTER_MS = 2000 };
struct reply_item { const char *type; char letter; struct span name, person, payload; int64_t after_ms; };
MUST_CHECK enum err_code reply_enqueue(struct reader *r, const struct reply_item *what, struct err *err);
/* Writes down, under the fence, that a post begins, and makes it. `said` is the caller's. *result is how the try ends, unless Slack took it (SLACK_DONE, `posted`) and there is more to do. */
struct slack_result reply_post_announced(struct reply *p, struct span to, const struct slack_said *said, struct slack_posted *posted, struct item_result *result);
/* Its end was not known, and a look (`r`) did not find it: how the try ends, or *again: what began surely came to nothing, and it may be made once more. */
struct item_result reply_unseen(struct reply *p, const struct slack_result *r, bool *again);
/* A direct message of its own, at most once: an end that is not known is settled by reading the conversation back. `write` says false when there is nothing to tell. */
typedef bool reply_write_fn(struct reply *p, struct slack_said *said, struct err *err, enum err_code *code);
struct item_result reply_post_once(struct reply *p, reply_write_fn *write);

/* ---- an order ---- */

enum stage { STAGE_NEW, STAGE_CARRIED_OUT, STAGE_ANSWERED };
/* What is known of an order between two tries; the item's payload. */
struct progress {
    struct span data;
    enum stage stage;
    struct span line;              /* an answer in one sentence, instead of what the way shows; empty */
    bool opened, waits;            /* a modal is open: nothing more to say; devices were asked */
    struct slack_posted posted;    /* our answer in the conversation, once there is one */
};
struct doing {
    struct reply *p;
    struct slack_order order;
    struct progress progress;
    bool linked;                   /* the person's record has this Slack id */
};
/* The whole of an order. */
struct item_result carry_out(struct reply *p);
/* What it commits; `line` says what was answered where the way shows nothing of it. */
enum err_code carry_out_commit(struct doing *d, struct err *err);
/* It was pressed in the person's newest message, which shows by itself what comes of it. */
bool order_is_of_the_newest(const struct doing *d);

#endif
