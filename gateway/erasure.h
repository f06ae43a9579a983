/* erasure: a person leaves, and what tells who they were goes with them. Blocks on the store. docs/audit.md says what remains. */
#ifndef GATEWAY_ERASURE_H
#define GATEWAY_ERASURE_H
#include "gateway/node.h"
#include "posture/ports.h"

struct erasure { unsigned devices, identifiers; bool already; };
/* Their devices belong to nobody (without a name, and without what proved them in this person's hands), their e-mail addresses are free, their record is
 * a tombstone with its id alone: the salt of their key in the archive is gone with all else, in that one commit. One event, person.erased, that says
 * nothing of who it was. May be repeated after a failure half-way. ERR_NOT_FOUND. */
MUST_CHECK enum err_code erasure_of_person(const struct node *node, struct store *store, struct span person, struct span cause, struct erasure *out, struct err *err);
#endif
