/* slack_say: what the app says when it is asked: texts, blocks, the Home tab and the modals. Words follow docs/pages.md; all of it passes block_kit.h.
 * Pure but for the directory that the scene holds. */
#ifndef GATEWAY_SLACK_SLACK_SAY_H
#define GATEWAY_SLACK_SLACK_SAY_H
#include "gateway/slack/slack_scene.h"
#include "gateway/slack/slack_words.h"

enum { SLACK_SAY_BYTES = 256 * 1024 };
/* A text that is complete by itself, and the array of blocks. `out`s are empty bufs. */
struct slack_said { struct buf text, blocks; };
void slack_said_init(struct slack_said *s);
void slack_said_done(struct slack_said *s);
/* STATUS, WHY, PRIVACY, HELP and RECHECK (status, as it asks). `words`: what followed the word; `command`: "/device". */
MUST_CHECK enum err_code slack_say(const struct slack_scene *scene, enum slack_ask ask, struct span words, struct span command, struct slack_said *out, struct err *err);
/* One sentence of ours. */
MUST_CHECK enum err_code slack_say_line(const char *words, struct slack_said *out, struct err *err);
/* Apps do not open on that device now: which, why, and that they open again. */
MUST_CHECK enum err_code slack_say_closed(const struct slack_scene *scene, const struct slack_card *card, struct slack_said *out, struct err *err);
/* {"response_type": "ephemeral", "text", "blocks"}: the answer to a command, and what goes to a response_url. */
MUST_CHECK enum err_code slack_say_ephemeral(const struct slack_said *said, bool replaces, struct buf *out, struct err *err);
/* The whole view of the Home tab. `line`: what came of a press there, in one sentence of ours; may be empty. */
MUST_CHECK enum err_code slack_say_home(const struct slack_scene *scene, struct span line, struct buf *out, struct err *err);
/* The modal in which "This looks wrong" and "Ask a person" take a sentence. `metadata` comes back with it. */
MUST_CHECK enum err_code slack_say_modal(enum slack_ask ask, struct span metadata, struct buf *out, struct err *err);
#endif
