/* nudge_text: the words of a notice, as plain text that is complete by itself and as Slack blocks, in one order: who speaks, which
 * device, what to fix, what was seen, why, what to do, by when and what then, the rest in one line each, where to go, why you get this.
 * Pure: no I/O, no clock. Source of order and wording: the project's user research; limits: block_kit.h. */
#ifndef CONNECTORS_NOTIFY_NUDGE_TEXT_H
#define CONNECTORS_NOTIFY_NUDGE_TEXT_H
#include "posture/calendar.h"

enum { NUDGE_TEXT_BYTES = 64 * 1024, NUDGE_TEXT_MOST_ITEMS = 512 };

struct nudge_text_item {
    const struct device *device;
    const struct check *check;
    const struct result *result;   /* may be NULL: found and seen are left out */
    int64_t deadline_s;            /* next closing; 0: nothing closes */
    unsigned closes;               /* sensitivities that are closed from then on, one bit each */
};
struct nudge_text_input {
    const struct policy *policy;
    const struct calendar *calendar;
    const struct person *person;
    const struct nudge_text_item *items; size_t item_count; /* at least one, worst first */
    struct span link;              /* to the person's page; at most 2,900 bytes */
    int64_t now_s;
    bool first;                    /* nothing was ever sent to this person: it begins with an introduction */
};
/* Appends the text (at most BLOCK_KIT_TEXT characters) and the JSON array of blocks. Both pass block_kit's checks. */
MUST_CHECK enum err_code nudge_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err);
/* Replaces & < > by entities and drops control characters, so that no value can make a link, a mention or a line of its own. Cut at
 * `most` characters as written, the last being "…". */
bool nudge_text_escape(struct span value, size_t most, struct buf *out);

#endif
