/* slack_intake: what Slack says to us, proved to be Slack's and read, whichever way it came: by a request (slack_routes.c) or over a socket (slack_line.c).
 * What only needs memory is answered from it; the rest is written into the log first, and only then does Slack hear that we have it. */
#ifndef GATEWAY_SLACK_SLACK_INTAKE_H
#define GATEWAY_SLACK_SLACK_INTAKE_H
#include "connectors/notify/slack_inbound.h"
#include "gateway/node.h"
#include "posture/ports.h"

struct slack_intake {
    const struct node *node;
    struct store *store;       /* NULL: none at hand */
    struct arena *arena;
    struct span id;            /* of the request, for the log */
    struct span copy;          /* tells copies apart where Slack gives a request no identity of its own */
};
struct slack_answer {
    const char *later;         /* it could not be taken now, and why: Slack has to send it again, or tell the person so. NULL: it was */
    struct buf json;           /* what Slack is to be answered; empty: nothing but thanks */
};
void slack_answer_init(struct slack_answer *a);
void slack_answer_done(struct slack_answer *a);
/* False: it needs a store, so ask again with one; nothing was done, and `out` is untouched. */
MUST_CHECK bool slack_intake(const struct slack_intake *in, const struct slack_heard *heard, struct slack_answer *out);

#endif
