/* fallback: the last rung of a ladder, step by step. What is to be done next about one device, from its record, the ladder's standing and the time.
 * It is announced policy.mdm.announce_before ahead, and that time counts from a message that reached the person; it never reaches a personal device,
 * or one that nobody owns; nothing of it begins while an incident or the breaker holds; and going back needs no permission of either. Pure. */
#ifndef POSTURE_FALLBACK_H
#define POSTURE_FALLBACK_H
#include "posture/ladder.h"

struct fallback_input {
    const struct policy *policy;
    const struct device *device;
    const struct person *owner;        /* NULL: nobody, or removed */
    const struct standing *standings; size_t count; /* of ladder_standings() */
    bool frozen;
    int64_t now_s;
};
enum fallback_step {
    FALLBACK_WAIT,                     /* until at_s, or a change */
    FALLBACK_ANNOUNCE,
    FALLBACK_TOLD,                     /* the announcement was delivered at told_s: write it down */
    FALLBACK_ASK,                      /* decide who acts and how, and write it down before any call */
    FALLBACK_SEND,                     /* (again) make the call that was asked for */
    FALLBACK_READ_BACK,                /* is it so? */
    FALLBACK_CALL_OFF,                 /* nothing was done yet, and nothing will be */
    FALLBACK_DIRTY, FALLBACK_CLEAN,    /* write down that something fails again, or that nothing does since now */
    FALLBACK_TURN_BACK,                /* decide the way back, and write it down before any call */
    FALLBACK_SEND_BACK                 /* (again) make that call, then read back */
};
struct fallback_plan { enum fallback_step step; int64_t at_s /* when to look again; 0: after a change */, told_s; };
struct fallback_plan fallback_plan(const struct fallback_input *in);
/* Marked by its group (policy.mdm.personal_groups) or by a manager's word. */
bool fallback_is_personal(const struct policy *policy, const struct device *device);
/* When the first rung with mdm is reached if nothing changes; now_s or earlier: it is reached; 0: never or unknown. */
int64_t fallback_due_s(const struct fallback_input *in);

#endif
