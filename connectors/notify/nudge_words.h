/* nudge_words: the words of a notice, part by part, in one of three dresses: plain text, Slack's mrkdwn, HTML. What a part says is the same in all of
 * them; marks, escapes and times differ. Pure. Shared by the texts of connectors/notify; nobody else needs it. */
#ifndef CONNECTORS_NOTIFY_NUDGE_WORDS_H
#define CONNECTORS_NOTIFY_NUDGE_WORDS_H
#include "connectors/notify/nudge_text.h"

enum nudge_dress { NUDGE_PLAIN, NUDGE_SLACK, NUDGE_HTML };
struct nudge_words { const struct nudge_text_input *in; struct buf *out; enum nudge_dress dress; };
enum { NUDGE_WORDS_OTHERS = 8 /* shown in one line each */, NUDGE_WORDS_NAME = 60, NUDGE_WORDS_TITLE = 110 /* characters, longer ones are cut */ };

typedef void nudge_words_part(const struct nudge_words *w);
/* In the order in which they are said. */
nudge_words_part nudge_words_introduction, nudge_words_speaker, nudge_words_what, nudge_words_why, nudge_words_steps, nudge_words_deadline, nudge_words_others, nudge_words_reminders, nudge_words_footer;
/* One of them, as a sentence. */
void nudge_words_reminder(const struct nudge_words *w, const struct nudge_text_reminder *reminder);
/* Names of the apps of those sensitivities, never a repair app's: "Payroll and Source Code". Nothing when there are none. */
void nudge_words_apps(const struct nudge_words *w, unsigned closes);
/* The others in at most `most` lines. */
void nudge_words_others_short(const struct nudge_words *w, size_t most);
/* Words of ours: a line break becomes one of the dress. Values of others: escaped, on one line, cut at `most` characters. */
void nudge_words_say(const struct nudge_words *w, const char *words);
void nudge_words_value(const struct nudge_words *w, struct span value, size_t most);
void nudge_words_bold(const struct nudge_words *w, const char *words);
void nudge_words_time(const struct nudge_words *w, int64_t at_s);
struct span nudge_words_device(const struct device *device); /* its name, else its model, else "your device" */
/* As nudge_text_escape(), with entities only where asked for. */
bool nudge_words_clip(struct buf *out, struct span value, size_t most, bool entities);
#endif
