/* escalation_healed: what a person was told, brought in line with what is so now (posture/mending.h). A pass is news at once (person.healed), but only one that holds for
 * an hour ends the failure (person.cleared): what fails again sooner goes on where it was (person.relapsed), and what comes back within seven days takes
 * the clock over (person.recurred; posture/ladder_relapse.h). Private to gateway/escalation*.c. */
#ifndef GATEWAY_ESCALATION_HEALED_H
#define GATEWAY_ESCALATION_HEALED_H
#include "gateway/node.h"
#include "posture/mending.h"
#include "posture/ports.h"

struct healings { struct mending *all; size_t count; int64_t due_s; /* when to look again; 0: need not */ };
/* Between directory_enter() and directory_leave(); lives in `arena`. */
void healed_look(const struct node *node, const struct person *person, int64_t now_s, struct arena *arena, struct healings *out);
MUST_CHECK enum err_code healed_commit(const struct node *node, struct store *store, struct span person, struct span cause, const struct healings *healings, struct err *err);
#endif
