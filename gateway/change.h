/* change: read a record, edit a copy, commit it under the version check, try again when somebody was first. The one loop that every writer uses. */
#ifndef GATEWAY_CHANGE_H
#define GATEWAY_CHANGE_H
#include "gateway/node.h"
enum { CHANGE_TRIES = 16 };
/* What an edit may say: nothing to do (the caller's aim is already reached), or commit. */
enum change_say { CHANGE_NOTHING, CHANGE_COMMIT, CHANGE_REFUSE /* err filled */ };
struct change_events { struct event *all; size_t count, room; struct arena *arena; };
/* Adds an event with a new id at now; texts are copied into the arena. `data` is JSON or empty. */
bool change_event(struct change_events *events, const struct node *node, const char *type, struct span person, struct span device, struct span cause, struct span data);
typedef enum change_say change_device_fn(void *context, struct device *copy, struct change_events *events, struct err *err);
typedef enum change_say change_person_fn(void *context, struct person *copy, struct change_events *events, struct err *err);
/* The record as stored (not the directory's). `create` makes a new one when it does not exist. Afterwards the directory of this node has the new state
 * (put through the feed's own path), so the caller's next read sees it. The ladder's due time is computed here. ERR_NOT_FOUND, ERR_CONFLICT after
 * CHANGE_TRIES, or the edit's refusal. An unclear time-out is settled by re-reading the record. */
MUST_CHECK enum err_code change_device(const struct node *node, struct store *store, struct span id, bool create, change_device_fn *edit, void *context, struct err *err);
MUST_CHECK enum err_code change_person(const struct node *node, struct store *store, struct span id, bool create, change_person_fn *edit, void *context, struct err *err);
/* Control records as JSON text. The edit appends the new body to `after`. */
typedef enum change_say change_control_fn(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err);
MUST_CHECK enum err_code change_control(const struct node *node, struct store *store, struct span id, change_control_fn *edit, void *context, struct err *err);
#endif
