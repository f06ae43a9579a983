/* effects_notice: what becomes of a person's notice: the step that is right now, and its entries in the person record. Knows no channel.
 * Internal to effects. */
#ifndef GATEWAY_EFFECTS_NOTICE_H
#define GATEWAY_EFFECTS_NOTICE_H
#include "gateway/effects_reader.h"

#define NOTICE_GREETING "greeting" /* kinds of notice */
#define NOTICE_REMINDER "reminder" /* of exemptions that end soon, with nothing to fix beside them */

enum notice_step {
    NOTICE_STEP_NOTHING,   /* settled, or another notice took its place */
    NOTICE_STEP_SEND,      /* surely not sent yet */
    NOTICE_STEP_READ_BACK, /* may have been sent */
    NOTICE_STEP_TOO_LATE   /* surely not sent, and its day or hours are over */
};
struct notice_time { int32_t local_day; bool in_window; /* now, where the person is */ struct span channel; /* who asks */ };
/* Pure. A post is announced in the item (unclear, sends) before the record says SENDING, so RESERVED is always safe to send; SENDING is safe
 * only when this very item knows that its last try did not arrive. */
enum notice_step notice_step(const struct person *person, const struct effects_item *item, struct notice_time now);

/* Each try has its number (item->sends, which grows under the fence), and the record keeps that of the newest that began: a node that stood still while
 * another took its place over has an older one, and may neither post any more nor say what became of the notice. */
/* The items that are left are what the person is told. SENDING; event notice.sending. *mine false: no longer ours to send. Today is spent from here on,
 * also when an admin asked for a notice of another day. */
/* `sure`: nothing was announced for this item before, or it surely did not arrive. Then it may be SENDING already; otherwise whoever made it so may have posted. */
struct notice_try { const struct effects_item *item; bool sure; struct notice_time now; const struct notice_item *left; size_t left_count; };
MUST_CHECK enum err_code notice_begin(const struct node *node, struct store *store, struct span person, const struct notice_try *try, bool *mine, struct err *err);
/* DELIVERED, and every item of the notice counts as told, every exemption as announced; event notice.delivered. */
MUST_CHECK enum err_code notice_delivered(const struct node *node, struct store *store, struct span person, struct span notice, struct span conversation, struct span message, struct err *err);
/* RESERVED for another channel, which surely is the first to send it: the cap was spent once and stays spent. Event notice.moved. */
MUST_CHECK enum err_code notice_moved(const struct node *node, struct store *store, struct span person, const struct effects_item *item, struct span channel, struct span why, struct err *err);
/* FAILED; event notice.failed. `free_cap`: surely nothing was sent, and another notice may be started today. */
MUST_CHECK enum err_code notice_failed(const struct node *node, struct store *store, struct span person, const struct effects_item *item, struct span why, bool free_cap, struct err *err);
#endif
