/* slack_say_parts: the words that slack_say*.c share, in two dresses: plain text, or Slack's marks. Private to them. */
#ifndef GATEWAY_SLACK_SLACK_SAY_PARTS_H
#define GATEWAY_SLACK_SLACK_SAY_PARTS_H
#include "connectors/notify/nudge_words.h"
#include "gateway/slack/slack_say.h"
#include "posture/base/to_json.h"

enum { SAY_LONG = 400, SAY_STEP = 200 /* characters */ };
struct say { const struct slack_scene *scene; struct buf *out; bool slack; };
void say_words(const struct say *s, const char *words);
void say_value(const struct say *s, struct span value, size_t most); /* escaped where Slack reads marks */
void say_strong(const struct say *s, struct span value, size_t most);
void say_time(const struct say *s, int64_t at_s);
void say_ago(const struct say *s, int64_t at_s);
void say_page(const struct say *s, const char *words); /* a link to the person's page */
/* "2 devices, 1 thing to fix, the first by Tue 14:00." */
void say_state(const struct say *s);
void say_card(const struct say *s, const struct slack_card *c);
void say_collected(const struct say *s);
void say_seen_by(const struct say *s);
void say_contact(const struct say *s);
/* `notice`: the message that they stand in, when it is one that changes in place. */
void say_card_buttons(struct to_json *w, const struct slack_card *c, struct span notice, bool at_home);
/* "We found a device that looks like yours", with a button for yes and one for no; nothing when there is none. */
void say_add_offers(const struct slack_scene *scene, struct span notice, struct slack_said *out, struct to_json *w);
void say_write_offers(const struct slack_scene *scene, struct span notice, struct to_json *w); /* the same without the plain text */
/* One more part: its plain text on lines of its own, and the block made of the same words. */
typedef void say_part_fn(const struct say *s, const void *what);
void say_add(const struct slack_scene *scene, struct slack_said *out, struct to_json *w, void (*block)(struct to_json *, struct span), say_part_fn *part, const void *what);
/* Cuts the text to Slack's bound and checks both. */
MUST_CHECK enum err_code say_finish(struct slack_said *out, struct err *err);
struct exemption;
/* What somebody asks of one who decides, and the buttons below it. */
void say_waiting_request(const struct say *s, const struct exemption *e);
void say_decision_buttons(const struct say *s, struct to_json *w, const struct exemption *e);
#endif
