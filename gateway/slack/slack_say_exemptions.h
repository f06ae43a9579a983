/* slack_say_exemptions: exemptions as Slack shows them: the modals in which one is asked for and decided, what is asked of those who decide, and the answer.
 * Pure but for the directory that the scene holds; all of it passes block_kit.h. */
#ifndef GATEWAY_SLACK_SLACK_SAY_EXEMPTIONS_H
#define GATEWAY_SLACK_SLACK_SAY_EXEMPTIONS_H
#include "gateway/exemptions.h"
#include "gateway/slack/slack_say.h"

/* What fails on the card and may be asked for, worst first. At most `most`; returns how many. */
size_t slack_exemptions_offered(const struct slack_card *card, const struct check **out, size_t most);
/* "Ask for an exemption" of one of those checks (one to SLACK_CHOICES) on that device. */
enum { SLACK_CHOICES = 32 };
struct slack_exemption_ask { struct span device; const struct check *const *checks; size_t count; };
MUST_CHECK enum err_code slack_say_exemption_modal(const struct slack_scene *scene, const struct slack_exemption_ask *ask, struct buf *out, struct err *err);
/* The scene is of the one who decides. */
MUST_CHECK enum err_code slack_say_decision_modal(const struct slack_scene *scene, const struct exemption *e, bool approve, struct buf *out, struct err *err);
/* The modal as it stays after it was sent: a title of at most 24 characters and one sentence. */
MUST_CHECK enum err_code slack_say_settled(const char *title, struct span words, struct buf *out, struct err *err);

/* To those who decide: what is asked, with buttons while it waits, with what was decided afterwards. The scene is of nobody. */
MUST_CHECK enum err_code slack_say_request(const struct slack_scene *scene, const struct exemption *e, struct slack_said *out, struct err *err);
/* To whoever asked: how it was decided. */
MUST_CHECK enum err_code slack_say_decided(const struct slack_scene *scene, const struct exemption *e, struct slack_said *out, struct err *err);
#endif
