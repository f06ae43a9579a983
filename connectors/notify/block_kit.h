/* block_kit: Slack's limits on blocks and views, checked before sending, so that a message of ours is never refused half-way.
 * Lengths count Unicode code points. Pure; safe from all threads.
 * Source: docs.slack.dev/reference/block-kit and the vendor's published type declarations. */
#ifndef CONNECTORS_NOTIFY_BLOCK_KIT_H
#define CONNECTORS_NOTIFY_BLOCK_KIT_H
#include "posture/base/from_json.h"

enum { BLOCK_KIT_MESSAGE_BLOCKS = 50, BLOCK_KIT_VIEW_BLOCKS = 100, BLOCK_KIT_VIEW_BYTES = 250 * 1000, BLOCK_KIT_TEXT = 4000, BLOCK_KIT_BYTES = 512 * 1024 };

/* `blocks` is the JSON array of a message. ERR_INPUT with the path of the first thing Slack would refuse ("blocks[2].elements[0].text: ..."). */
MUST_CHECK enum err_code block_kit_check_message(struct span blocks, struct err *err);
/* `view` is the JSON object of a modal or home view. */
MUST_CHECK enum err_code block_kit_check_view(struct span view, struct err *err);
/* The `text` beside the blocks: 1 to BLOCK_KIT_TEXT characters. */
MUST_CHECK enum err_code block_kit_check_text(struct span text, struct err *err);
/* Code points of valid UTF-8. */
size_t block_kit_length(struct span text);

#endif
