/* slack_order: something that a person asked of us in Slack, written into the log before Slack is told that we have it: Slack does not send a click or a
 * command again, so what is not in the log by then would be lost. The reader of slack_replies.c carries it out, once. */
#ifndef GATEWAY_SLACK_SLACK_ORDER_H
#define GATEWAY_SLACK_SLACK_ORDER_H
#include "connectors/notify/slack_inbound.h"
#include "gateway/node.h"
#include "gateway/slack/slack_words.h"
#include "posture/ports.h"

#define SLACK_ASKED "slack.asked" /* its event */
enum { SLACK_ORDER_BYTES = 24 * 1024 };
struct slack_order {
    enum slack_ask ask;
    struct span key;               /* as in slack_heard */
    struct span person;            /* p_...; empty: nobody that we know (yet) */
    struct span user;              /* U... */
    struct span notice, device, check; /* what a button was about; device and check also from words; each may be empty */
    struct span exemption;         /* of APPROVE and REFUSE: e_... */
    struct span text;              /* what was typed into a modal, or after the word */
    struct span channel, message;  /* the message of the button, or the conversation that was written in */
    struct span view;              /* the Home tab or a modal */
    struct span trigger, response_url;
    bool steps;                    /* the message of the button shows all steps */
    bool ephemeral;                /* only that person sees the message, so it changes by response_url alone */
};
/* One event in the person's partition. What Slack gave us to answer with is sealed: the log is read by many. `cause`: "slack:U...". */
MUST_CHECK enum err_code slack_order_append(const struct node *node, struct store *store, const struct slack_order *order, struct err *err);
/* From the event's data; texts live in `arena`. ERR_DENIED when it was not sealed by us. */
MUST_CHECK enum err_code slack_order_read(const struct node *node, struct span data, struct arena *arena, struct slack_order *out, struct err *err);
/* once() and used() of the store: which orders were carried out. */
#define SLACK_ONCE_KIND SPAN_LITERAL("slack")
enum { SLACK_ONCE_S = 86400 };
#endif
