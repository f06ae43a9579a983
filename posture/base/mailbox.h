/* mailbox: a bounded queue into another thread. Many senders, one receiver (several without a loop). A mailbox takes what it carries. */
#ifndef POSTURE_BASE_MAILBOX_H
#define POSTURE_BASE_MAILBOX_H
#include "posture/base/loop.h"
struct mailbox;
/* With a loop: it is woken at a send and `receive` runs on its thread for each message. Without: mailbox_receive() waits.
 * NULL when memory or descriptors are short. */
struct mailbox *mailbox_new(size_t most, struct loop *loop, void (*receive)(void *context, void *message), void *context);
void mailbox_free(struct mailbox *m);                 /* must be empty; on the loop's thread, or after it ended. NULL is fine */
bool mailbox_send(struct mailbox *m, void *message);  /* false when full or closed: the sender keeps it */
bool mailbox_send_first(struct mailbox *m, void *message); /* ahead of all that were sent without `first`: a person waiting goes before agents */
void *mailbox_receive(struct mailbox *m, int wait_ms);/* NULL after wait_ms (negative: no limit) or once closed and empty. With a loop too, once that has ended */
void mailbox_close(struct mailbox *m);                /* receivers drain what is there, then get NULL */
bool mailbox_closed(struct mailbox *m);
size_t mailbox_count(struct mailbox *m);
#endif
