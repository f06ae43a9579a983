/* slack_preview: what a person would be sent and would see in Slack now: the day's message, the Home tab, the greeting. The same functions write it that write
 * the real ones; nothing is sent or kept, and its links lead nowhere, so that looking at it opens nobody's page.
 * Between directory_enter() and directory_leave(). */
#ifndef GATEWAY_SLACK_SLACK_PREVIEW_H
#define GATEWAY_SLACK_SLACK_PREVIEW_H
#include "gateway/slack/slack_say.h"
#include "posture/ladder.h"
#include "posture/ports.h"

struct slack_preview {
    bool tells;                    /* there is something to fix that a message would tell; else `digest` is empty */
    struct nudge_plan plan;        /* whether it would be sent now; else when and why not */
    struct span channel;           /* that it would go by; empty: none */
    struct slack_said digest, greeting;
    struct buf home;               /* a view, JSON */
};
void slack_preview_init(struct slack_preview *p);
void slack_preview_done(struct slack_preview *p);
/* ERR_NOT_FOUND: nobody of that id. ERR_UNAVAILABLE: no policy is in force here yet. Asks the store what was declined. */
MUST_CHECK enum err_code slack_preview_make(const struct node *node, struct store *store, struct span person, struct arena *arena, struct slack_preview *out, struct err *err);
#endif
