/* effects_message: one try to tell a person something, as every channel makes it: the stored record, what is left to tell, the announcement that a send
 * begins, and how the try may end. A channel adds its words and its wire. Internal to effects; a try belongs to the reader's thread. */
#ifndef GATEWAY_EFFECTS_MESSAGE_H
#define GATEWAY_EFFECTS_MESSAGE_H
#include "connectors/notify/nudge_text.h"
#include "gateway/effects_notice.h"

enum { MESSAGE_STORE_PAUSE_MS = 5000, MESSAGE_UNSENDABLE_MS = 20 * 1000 };

struct message_try {
    const struct node *node;
    struct reader *r;
    unsigned partition;
    struct effects_item *item;
    struct arena arena;                  /* texts of this try */
    struct person *person;               /* the stored record */
    struct notice_item *left; size_t left_count;
    size_t reminder_count;               /* exemptions that end soon */
    int64_t begun_mono_ms;               /* when the send was announced, by a clock that is not set */
};
/* True: the record is there. False: *result is how the try ends. Both need message_done(). */
bool message_load(struct message_try *t, const struct node *node, struct reader *r, unsigned partition, struct effects_item *item, struct item_result *result);
void message_done(struct message_try *t);
/* What is right now; *result is set with NOTICE_STEP_NOTHING, NOTICE_STEP_WAIT and NOTICE_STEP_TOO_LATE (which was written down), or when there is no policy here yet. */
enum notice_step message_step(struct message_try *t, struct item_result *result);

/* A greeting has no items: `write` gets item_count 0 and the link to the person's first page. A reminder has none either, but reminders. Else:
 * fills t->left with what of the notice still needs fixing, and gives it to `write` together with everything else that a text is made of (the directory is
 * held meanwhile). True: written. False: *result is how the try ends. */
typedef enum err_code message_write_fn(void *context, const struct nudge_text_input *in, struct err *err);
bool message_write(struct message_try *t, message_write_fn *write, void *context, struct item_result *result);
/* Writes down, under the fence, that a send begins. False: *result is how the try ends, and nothing may be sent. */
bool message_announce(struct message_try *t, struct item_result *result);
/* Whether what surely is not there may be sent once more: it is still its day, within the hours, and nothing is frozen (NOTICE_STEP_WAIT). */
enum notice_step message_repeat_step(const struct message_try *t);
/* Whether it is still the day of the notice, where the person is. */
bool message_is_today(const struct message_try *t);
/* For the wire, right before the first byte leaves: whether this node has not stood still meanwhile, and the partition is still its own. `try`: a message_try. */
bool message_may_leave(void *try);

/* ---- ends ---- */
struct item_result message_later(int64_t after_ms, bool counts);
struct item_result message_store_waits(const struct message_try *t, const struct err *err);
void message_note_error(struct message_try *t, const char *error);
struct item_result message_delivered(struct message_try *t, struct span conversation, struct span message);
/* `free_cap`: surely nothing was sent, and another message may be started today. */
struct item_result message_failed(struct message_try *t, const char *why, bool free_cap);
/* Surely nothing was sent by this channel, nor will be: the next channel of the policy takes over under the same reservation, or the notice failed. */
struct item_result message_undeliverable(struct message_try *t, const char *why);
/* As message_undeliverable() where there is a next channel. False: there is none, and nothing happened. */
bool message_move_on(struct message_try *t, const char *why, struct item_result *result);
/* For reader_ops.unsendable: nothing is sent by this channel now. Surely unsent notices go to the next channel; else they wait, and fail once too old. */
struct item_result message_unsendable(const struct node *node, struct reader *r, unsigned partition, struct effects_item *item);
/* For reader_ops.entry: queues a notice that was reserved for, or moved to, `channel`. */
MUST_CHECK enum err_code message_take(struct reader *r, const struct reader_entry *e, const char *channel, struct err *err);
#endif
