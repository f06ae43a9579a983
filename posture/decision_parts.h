/* decision_parts: what the parts of a decision share. Private to posture/decision*.c. */
#ifndef POSTURE_DECISION_PARTS_H
#define POSTURE_DECISION_PARTS_H
#include "posture/decision.h"

enum { DECISION_STALE_S = 1 /* so old it is said */, DECISION_HICCUP_S = 2 /* older than this is not a hiccup of the store */ };

struct deciding {
    const struct decision_input *in;
    struct arena *arena;
    decision_step_fn *step;
    void *context;
    struct decision *out;
    bool memory_short;
};

/* A line of explain; nothing is formatted when nobody listens. */
void decision_step(const struct deciding *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One standing, or the device's whole state, for explain. */
void decision_tell_standings(const struct deciding *d, const struct device *device, const struct standing *standings, size_t count);
/* A pass in use, for explain. */
void decision_tell_pass(const struct deciding *d, const struct pass *pass);
/* Fills reason_user and reason_admin from the outcome, rule, device and standings. */
void decision_give_reasons(struct deciding *d);

#endif
