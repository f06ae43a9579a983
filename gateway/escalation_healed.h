/* escalation_healed: what a person was told, brought in line with what is so now. A pass is news at once (person.healed), but only one that holds for
 * an hour ends the failure (person.cleared): what fails again sooner goes on where it was (person.relapsed). Private to gateway/escalation*.c. */
#ifndef GATEWAY_ESCALATION_HEALED_H
#define GATEWAY_ESCALATION_HEALED_H
#include "gateway/node.h"
#include "posture/ports.h"

enum heal {
    HEAL_PASSES,  /* noted, not forgotten yet */
    HEAL_RESUMED, /* it fails again within the hour */
    HEAL_RENEWED, /* it fails again after a pass that held: what was told before it is forgotten */
    HEAL_FORGOTTEN
};
struct healing { struct span device, check; enum heal what; int64_t at_s; };
struct healings { struct healing *all; size_t count; int64_t due_s; /* when to look again; 0: need not */ };
/* Between directory_enter() and directory_leave(); lives in `arena`. */
void healed_look(const struct node *node, const struct person *person, int64_t now_s, struct arena *arena, struct healings *out);
MUST_CHECK enum err_code healed_commit(const struct node *node, struct store *store, struct span person, struct span cause, const struct healings *healings, struct err *err);
#endif
