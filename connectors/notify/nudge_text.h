/* nudge_text: the words of a notice, as plain text that is complete by itself and as Slack blocks, in one order: who speaks, which
 * device, what to fix, what was seen, why, what to do, by when and what then, the rest in one line each, where to go, why you get this.
 * Pure: no I/O, no clock. Source of order and wording: the project's user research; limits: block_kit.h. */
#ifndef CONNECTORS_NOTIFY_NUDGE_TEXT_H
#define CONNECTORS_NOTIFY_NUDGE_TEXT_H
#include "posture/calendar.h"

enum { NUDGE_TEXT_BYTES = 64 * 1024, NUDGE_TEXT_MOST_ITEMS = 512 };

/* What became of an item since the message was sent. A message that changes in place says it; a new one has NUDGE_TO_FIX everywhere. */
enum nudge_phase {
    NUDGE_TO_FIX,
    NUDGE_CHECKING,   /* the device was just asked */
    NUDGE_WAITING,    /* asked, and no answer for a while */
    NUDGE_SILENT,     /* asked, and no answer for long */
    NUDGE_STILL,      /* it answered at since_s: still to fix */
    NUDGE_FIXED,      /* it answered at since_s: fixed */
    NUDGE_GONE        /* nothing of theirs to fix there any more: another owner, another policy */
};
/* What became of an exemption for the top item. */
enum nudge_exempt { NUDGE_EXEMPT_NONE /* nothing, and none may be asked for */, NUDGE_EXEMPT_OFFERED, NUDGE_EXEMPT_ASKED, NUDGE_EXEMPT_DECLINED /* another may be asked for */ };
enum nudge_hold { NUDGE_RUNNING, NUDGE_DISPUTED /* until hold_s */, NUDGE_SNOOZED, NUDGE_EXEMPTED };

struct nudge_text_item {
    const struct device *device;
    const struct check *check;
    const struct result *result;   /* may be NULL: found and seen are left out */
    int64_t deadline_s;            /* next closing; 0: nothing closes */
    unsigned closes;               /* sensitivities that are closed from then on, one bit each */
    unsigned closed;               /* that are closed now because of it */
    bool came_back;                /* it was mended for less than seven days, so less time is left than for something new */
};
struct nudge_text_news { enum nudge_phase phase; int64_t since_s; enum nudge_hold hold; int64_t hold_s; };
/* An exemption that ends soon: `theirs` the person asked for, the others they approved. */
struct nudge_text_reminder { struct span title, subject; int64_t end_s; bool theirs; };
enum { NUDGE_REMINDERS = 8 };
struct nudge_text_input {
    const struct policy *policy;
    const struct calendar *calendar;
    const struct person *person;
    const struct nudge_text_item *items; size_t item_count; /* at least one; what is to fix first, the worst on top, then what is fixed */
    struct span link;              /* to the person's page; at most 2,900 bytes */
    int64_t now_s;
    bool first;                    /* nothing was ever sent to this person: it begins with an introduction */
    const struct nudge_text_news *news; /* of each item; NULL: none */
    /* Slack's buttons. Without a notice they lead to the page, and nothing is sent to us. */
    struct span notice;            /* id, at most 64 bytes */
    bool all_steps, may_dispute, asked /* a person will answer */;
    unsigned snoozes_left;         /* 0: no "Remind me tomorrow" */
    enum nudge_exempt exempt;
    const struct nudge_text_reminder *reminders; size_t reminder_count; /* at most NUDGE_REMINDERS are told */
    struct span declined;          /* the words of whoever declined; may be empty */
};
/* The value of a button: what it is about. "<notice>|<device>|<check>", each may be empty; "|s" after it: its message shows all steps. */
struct nudge_target { struct span notice, device, check; bool steps; };
bool nudge_target_write(const struct nudge_target *target, struct buf *out);
/* False for what we did not write. Borrows from `value`, which is untrusted. */
bool nudge_target_read(struct span value, struct nudge_target *out);
/* What is left of a message when a newer one was sent: one line. */
MUST_CHECK enum err_code nudge_text_old(struct buf *text, struct buf *blocks, struct err *err);

/* Appends the text (at most BLOCK_KIT_TEXT characters) and the JSON array of blocks. Both pass block_kit's checks. */
MUST_CHECK enum err_code nudge_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err);
/* Replaces & < > by entities and drops control characters, so that no value can make a link, a mention or a line of its own. Cut at
 * `most` characters as written, the last being "…". */
bool nudge_text_escape(struct span value, size_t most, struct buf *out);

#endif
