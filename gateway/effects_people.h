/* effects_people: whom a reader looks at that keeps something outside in line with the ladder. Internal to effects; the reader's thread. */
#ifndef GATEWAY_EFFECTS_PEOPLE_H
#define GATEWAY_EFFECTS_PEOPLE_H
#include "gateway/effects_reader.h"

struct effects_id { char text[32]; };
/* The owner of a device, copied; empty: nobody. */
struct span effects_owner(const struct node *node, struct span device, struct effects_id *owner);
/* The entry changed what holds for all: the policy, or the clocks. */
bool effects_concerns_all(const struct reader_entry *e);
/* `fn` for everybody whom the ladder concerns now or did: a device of theirs has a rung, or their record has levers. The leases are kept up.
 * ERR_UNAVAILABLE: the reader shall stop; else what `fn` said first. */
MUST_CHECK enum err_code effects_each_person(const struct node *node, struct reader *r, enum err_code (*fn)(void *context, struct store *store, struct span person, struct err *err),
                                             void *context, struct err *err);
#endif
