/* directory_control: control records decoded. Private to posture/directory*.c and record_check.c. */
#ifndef POSTURE_DIRECTORY_CONTROL_H
#define POSTURE_DIRECTORY_CONTROL_H
#include "posture/directory.h"

enum { DIRECTORY_KEYS_MOST = 10000, DIRECTORY_PAUSES_MOST = 10000 };

/* Its place in control.version, or -1: not ours to know. */
int directory_control_index(struct span record_id);
/* The record at that place (enum control_record). */
struct span directory_control_name(int index);
/* A control like `before`, but with this record. *policy is the new policy (owned by the caller, as ring.before is then) when the record is one, else
 * NULL. Owned. */
MUST_CHECK enum err_code directory_control_with(const struct control *before, int index, struct span body, int64_t version, struct control **out, struct policy **policy,
                                                struct err *err);
/* Without its policies. */
void directory_control_free(struct control *c);

#endif
