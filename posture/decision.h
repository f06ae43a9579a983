/* decision: person + device + app + now -> allow, warn or deny, with every reason. Pure. */
#ifndef POSTURE_DECISION_H
#define POSTURE_DECISION_H
#include "posture/ladder.h"

enum outcome { OUTCOME_ALLOW, OUTCOME_WARN, OUTCOME_DENY };
const char *outcome_name(enum outcome o);

/* Which rule decided; also in the log and in explain. */
enum rule { RULE_BREAK_GLASS, RULE_OUTAGE, RULE_UNKNOWN_PERSON, RULE_UNKNOWN_APP, RULE_UNKNOWN_ACTION, RULE_UNIDENTIFIED, RULE_NO_DEVICE, RULE_LADDER_CLOSED,
            RULE_LADDER_WARN, RULE_REPAIR_APP, RULE_UNOWNED, RULE_DUPLICATE, RULE_WEAK_PROOF, RULE_INCIDENT, RULE_CONTINUED_ONCE, RULE_GOOD };
const char *rule_name(enum rule r);   /* "break_glass", "ladder_closed", ... */

enum door_device { DEVICE_NOT_ASKED,  /* the door cannot name one: person_verdict */
                   DEVICE_UNPROVED,   /* the door could have proved one and did not, or it is unknown: unidentified_device */
                   DEVICE_NAMED };
struct decision_input {
    const struct policy *policy;
    const struct calendar *calendar;
    const struct person *person;      /* NULL: unknown to us */
    struct span person_asked;         /* as the door named them; empty: it named nobody */
    bool person_claimed;              /* anyone could have named them so: only a device of theirs makes it true */
    enum door_device door;
    enum proof proof;                 /* how the door knows the device; PROOF_NOT_ASKED: a caller named it */
    const struct device *device;      /* with DEVICE_NAMED */
    const struct device *const *devices; size_t device_count; /* the person's devices, for person_verdict and nudging */
    bool device_subject;              /* the device itself is the subject: no person asked */
    const struct app *app;            /* NULL: unknown */
    struct span app_asked;
    struct span action;               /* empty: login */
    const struct pause *pauses; size_t pause_count;
    bool frozen;
    bool incident;                    /* a person said that our own checks are ill: apps open as the policy's `incident` says */
    const struct ring *ring;          /* as in ladder_input */
    struct exemptions exemptions;
    struct holidays holidays;
    const struct strictness *strictness;
    int64_t now_s;                    /* real time */
    int64_t ladder_now_s;             /* last good moment of the store */
    int64_t store_age_s;              /* how old the directory's knowledge is; 0: current */
};
struct decision {
    enum outcome outcome;
    enum rule rule;
    bool stale;
    enum proof proof;                 /* as it was asked */
    const struct device *device;      /* the one that decided; may be NULL */
    const struct app *app;
    struct span rung;
    const struct standing *standings; size_t standing_count; /* of that device, failing and visible, worst first */
    const struct standing *blocking;  /* the first that closes or warns for this app; NULL */
    const struct pass *pass;          /* continue once keeps it open; NULL */
    int64_t deadline_s;               /* when this app closes, if it is open now; 0: none known */
    int64_t valid_until_s;            /* the answer may change by time alone at this moment */
    struct { enum outcome outcome; const struct standing *by; } would; /* what ladders in stage nudge or report would have made of it; by NULL: the same */
    struct span reason_user, reason_admin; /* plain words; never empty unless allowed with nothing to say */
};
/* What the ladder is asked about one device: the one place that hands on what decision_input and ladder_input share. `owner` may be NULL. */
struct ladder_input decision_ladder_input(const struct decision_input *in, const struct device *device, const struct person *owner);
/* A line of explain: "ladder default: rung sensitive reached 2026-11-20T..., closes sensitive, critical". */
typedef void decision_step_fn(void *context, struct span line);
/* Texts and standings live in `arena`. `step` may be NULL; with it, every step to the outcome is told. Never fails: out of arena is a deny with a reason. */
void decision_make(const struct decision_input *in, struct arena *arena, decision_step_fn *step, void *context, struct decision *out);

/* The id of a decision: x_ + 26 base32 characters that carry its time and the log partition it is (or would be) recorded in, and 72 random bits. */
enum { DECISION_RANDOM_BYTES = 9 };
void decision_new_id(int64_t now_ms, unsigned partition, const uint8_t random[DECISION_RANDOM_BYTES], char id[29]);
bool decision_id_place(struct span id, int64_t *at_ms, unsigned *partition);

#endif
