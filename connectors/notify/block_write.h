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
/* What a modal asks for, each under a block and action that slack_inbound.h reads: a text of several lines, a day, one of a few. */
struct block_field { const char *block, *action; };
struct block_input { const char *label, *hint; unsigned most; /* characters */ bool optional; struct block_field field; /* block NULL: SLACK_NOTE_BLOCK */ };
void block_input(struct to_json *w, const struct block_input *input);
/* `initial`: "2026-12-31", or empty. */
struct block_date { const char *label, *hint; struct span initial; bool optional; };
void block_date(struct to_json *w, const struct block_date *date);
/* At most 100; words are cut by the caller, values have at most 75 characters. */
struct block_option { struct span words, value; };
void block_choice(struct to_json *w, const char *label, const struct block_option *options, size_t count);
/* {"type": "plain_text", "text": ...} as the value of `key`. */
void block_plain(struct to_json *w, const char *key, struct span text);

#endif
