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
    NOTICE_STEP_TOO_LATE,  /* surely not sent, and its day or hours are over */
    NOTICE_STEP_WAIT       /* surely not sent, and nobody is written to while consequences are frozen */
};
struct notice_time { int32_t local_day; bool in_window; /* now, where the person is */ struct span channel; /* who asks */ bool frozen; /* an incident, or the breaker tripped */ };
/* Pure. A post is announced in the item (unclear, sends) before the record says SENDING, so RESERVED is always safe to send; SENDING is safe
 * only when this very item knows that its last try did not arrive. */
enum notice_step notice_step(const struct person *person, const struct effects_item *item, struct notice_time now);

/* A send that was announced has NOTICE_LEAVES_WITHIN_MS to begin: the sender asks right before its first byte (http_call.may_leave), by its own clock. One that
 * stood still longer sends nothing. `begun_ms` and `now_ms` by the same clock. */
enum { NOTICE_LEAVES_WITHIN_MS = 10 * 1000, NOTICE_SETTLES_MS = 30 * 1000, NOTICE_SETTLES_MOST_MS = 600 * 1000, NOTICE_LOOKS_MOST = 6, NOTICE_RESENDS_MOST = 64 };
bool notice_may_leave(int64_t begun_ms, int64_t now_ms);

/* The channel was asked, answered cleanly, and the message is not there. It may still be on its way: of a call that came to its end (item->ended_ms) for
 * NOTICE_SETTLES_MS, as nothing of it is left on our side (its socket is closed and the kernel gives up by then), and twice as long after each further one up to
 * NOTICE_SETTLES_MOST_MS, as the channel is ill; of one whose end nobody saw for the longest that a sender has, and then it is given up, because that sender may
 * only be standing still. So no message is made again while another could follow. */
enum notice_missing {
    NOTICE_MISSING_LOOK_AGAIN, /* in *wait_ms */
    NOTICE_MISSING_SEND_AGAIN, /* every call before ended, and what they sent would be there; the caller asks whether it is still the day for it */
    NOTICE_MISSING_GIVE_UP
};
/* `call_ms`: the longest that one call takes. Counts the look in item->reads, and takes an item without a beginning to have begun now. Times by the wall clock. */
enum notice_missing notice_missing(struct effects_item *item, int64_t call_ms, int64_t now_ms, int64_t *wait_ms);

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
