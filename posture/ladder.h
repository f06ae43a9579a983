/* ladder: results + person + calendar + now -> the rung of each failing check, its deadline, the next one. Pure; state decides, never an edge.
 *
 * The first rung counts from detection (the failure became visible). Every later rung counts running-clock time since the first DELIVERED
 * notice for (device, check). The running clock leaves out the ladder's pauses. A rung that closes or warns also waits for grace; one that
 * closes waits for notices_before_close delivered notices; every rise after the first obeys `rise`. Rungs are climbed in order.
 * What comes back within RELAPSE_S of a pass has, from its own first notice on, half of the running time that was left to each later rung; all else is as for any failure.
 * An exempted check stands nowhere. A rung that a change of the policy made stricter closes nothing within rise.notice_before of the change. */
#ifndef POSTURE_LADDER_H
#define POSTURE_LADDER_H
#include "posture/calendar.h"
#include "posture/exemption.h"

/* Stretches that stop every clock: incidents and store outages (control record "clock"), ascending. */
struct pause { struct interval time; enum pause_kind kind; };
struct strictness;                    /* since when each rung is as strict as it is (posture/strictness.h) */
struct ladder_input {
    const struct policy *policy;
    const struct calendar *calendar;
    const struct person *person;      /* owner; NULL: unowned, never escalated */
    const struct device *device;
    const struct pause *pauses; size_t pause_count;
    int64_t now_s;                    /* ladder time: stands still while the store is away */
    bool frozen;                      /* breaker or incident: nothing rises */
    const struct ring *ring;          /* how far the policy has come (ring.h); NULL: as its text says, and nobody else has a ladder */
    struct exemptions exemptions;
    struct holidays holidays;
    const struct strictness *strictness; /* NULL: the policy was always so */
};
struct standing {                     /* of one failing, visible check */
    const struct check *check;
    const struct result *result;
    const struct ladder *ladder;      /* NULL: no ladder applies, or it is exempted */
    const struct exemption *exemption; /* that holds now; NULL */
    const struct snooze *snoozed;     /* that runs now; NULL */
    int rung;                         /* index, -1 before the first */
    int64_t rung_s;                   /* when it was reached */
    int64_t next_s;                   /* when the next rung is reached if nothing changes, the device stays on and missing notices were delivered now; 0: never or unknown */
    int64_t close_s;                  /* the next time something closes; 0: never or unknown */
    int next_close;                   /* index of that rung, -1 */
    unsigned closed;                  /* sensitivities closed now */
    bool warn;                        /* login: warn now */
    int64_t grace_until_s;            /* 0: no grace now */
    unsigned paused;                  /* enum pause_kind bits that stop the clock now */
    int64_t running_s;                /* running-clock time so far */
    int64_t carried_s;                /* running time that failures before this one, mended for less than RELAPSE_S, had used up: less is left to later rungs; 0: it is no relapse */
    unsigned notices;                 /* delivered */
    bool waiting_for_notice;          /* the next rung waits for a notice to be delivered */
    /* What is above is what holds: in stage nudge it ends before the first rung that warns or closes, in stage report it has no rung at all. */
    enum rollout_stage stage;                 /* of the check or its ladder, whichever does less */
    bool told;                        /* a rung that nudges was reached, and messages may go out */
    struct { int rung; int64_t rung_s, next_s; unsigned closed; bool warn; } would; /* as if it were enforced. In stage report, as if a message had
                                         been delivered on each of the first days that allow one; the same as above in stage enforce */
};
/* Standings of all failing visible checks of the device, worst first (by rung, then severity, then shortest fix). Lives in `arena`.
 * Returns how many; *standings is NULL when none. */
size_t ladder_standings(const struct ladder_input *in, struct arena *arena, struct standing **standings);
/* At a pass: how much of the running clock the failure that was told of had used up by then, with what it had taken over itself. When the device was on is known for an
 * hour after it: asked later, only what was taken over counts. */
int64_t ladder_used(const struct ladder_input *in, const struct told *told, int64_t passed_s, struct arena *arena);
/* Running time from the first notice until that rung of its ladder may be reached; of the first rung, from detection. */
int64_t ladder_after(const struct standing *s, size_t rung);
/* How many rungs of its ladder are in force in its stage; the others are only worked out. */
size_t ladder_rungs_in_force(const struct standing *s);
/* Moves those in stage report to the end, where nobody but an admin looks, and returns how many are left in front. */
size_t ladder_shown(struct standing *standings, size_t count);
/* When an app of that sensitivity closes because of this standing (of the same input), as next_s is meant: 0 when it is closed already, never or unknown. */
int64_t ladder_closes_at(const struct ladder_input *in, const struct standing *s, unsigned sensitivity, struct arena *arena);
/* Over all standings: id of the highest rung reached (empty: none), sensitivities closed, warn, and when to look again (0: only after a change). */
struct ladder_summary { struct span rung; int64_t rung_s; unsigned closed; bool warn, nudge, end_sessions, mdm; int64_t due_s;
                        /* what those in stage nudge or report would do, were they enforced; an empty rung: nothing */
                        struct { struct span rung; int64_t rung_s; unsigned closed; bool warn; } would; };
struct ladder_summary ladder_summary(const struct ladder_input *in, const struct standing *standings, size_t count);

/* ---- pressure valves: what is on offer now. gateway/valves.h asks again of the stored record before anything is committed ---- */
enum valve_refusal {
    VALVE_OPEN,          /* it may be used */
    VALVE_NOT_OFFERED,   /* the ladder has none, or no ladder applies */
    VALVE_HARD,          /* the check forbids it */
    VALVE_SPENT,         /* used as often as it may be for now */
    VALVE_RUNNING,       /* it is in use: until_s says until when */
    VALVE_TOO_LATE,      /* snooze: something is closed already; continue once: a later rung than the first that closes is reached */
    VALVE_NOT_CLOSED     /* continue once: the app is open */
};
struct valve_offer {
    enum valve_refusal refusal;
    unsigned left;                    /* uses, this one included */
    int64_t until_s;                  /* snooze: the next reminder; continue once: when the app closes again */
    int64_t close_s;                  /* snooze: when something closes if it is used now; 0: nothing or not known */
};
/* "Remind me tomorrow" for this standing. */
struct valve_offer ladder_snooze_offer(const struct ladder_input *in, const struct standing *s, struct arena *arena);
/* "Continue once" to that app on this device, with all its standings. */
struct valve_offer ladder_pass_offer(const struct ladder_input *in, const struct standing *standings, size_t count, const struct app *app);
/* The pass in use that keeps the app open though standings close it; NULL. */
const struct pass *ladder_pass(const struct ladder_input *in, const struct standing *standings, size_t count, const struct app *app);

/* Whether to start a message to this person now. Looks at all of the person's devices. */
struct nudge_input { const struct policy *policy; const struct calendar *calendar; const struct person *person; struct holidays holidays; int64_t now_s; bool frozen;
                     const struct notice_item *items; size_t item_count; /* what there is to tell, from standings on a nudge rung or above */ };
struct nudge_plan { bool send; int64_t at_s; /* when to look again; 0: nothing to tell */ int32_t local_day; struct span why; };
struct nudge_plan ladder_nudge(const struct nudge_input *in);

#endif
