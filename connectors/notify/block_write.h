/* block_write: Slack's blocks, written one by one into an array that the caller opened. What is too long is the caller's mistake and is found by
 * block_kit.h, which everything passes before it is sent. Pure. Source: docs.slack.dev/reference/block-kit. */
#ifndef CONNECTORS_NOTIFY_BLOCK_WRITE_H
#define CONNECTORS_NOTIFY_BLOCK_WRITE_H
#include "posture/base/to_json.h"

void block_header(struct to_json *w, struct span plain);
/* Text with Slack's marks: whoever makes it has escaped the values in it (nudge_text_escape). */
void block_section(struct to_json *w, struct span mrkdwn);
void block_context(struct to_json *w, struct span mrkdwn);
void block_divider(struct to_json *w);

/* A press is sent to us with `value`; with a `url` it also opens that. `label` is what screen readers say: it names what the button is about. */
struct block_button { const char *words, *action; struct span value, url, label; bool primary; };
void block_actions(struct to_json *w, const struct block_button *buttons, size_t count);
/* A text of several lines, under the block and action that slack_inbound.h reads. */
struct block_input { const char *label, *hint; unsigned most; /* characters */ bool optional; };
void block_input(struct to_json *w, const struct block_input *input);
/* {"type": "plain_text", "text": ...} as the value of `key`. */
void block_plain(struct to_json *w, const char *key, struct span text);

#endif
