/* exemptions: what pages, Slack, the ladder and the valves ask the directory about exemptions: who may ask for one, who decides it, who is to hear of it.
 * Pure questions; every function is called between directory_enter() and directory_leave(), and what it returns is good until then. */
#ifndef GATEWAY_EXEMPTIONS_H
#define GATEWAY_EXEMPTIONS_H
#include "gateway/node.h"

enum { EXEMPTIONS_SHOWN = 8 /* to one who decides; all are counted */, EXEMPTIONS_PEOPLE = 64, EXEMPTION_ANSWER_SHOWN_S = 30 * 86400 };

/* "person:p_..." -> "p_..."; empty for anybody who is no person here (an admin). */
struct span exemption_person(struct span who);

/* ---- asking ---- */
enum exemption_offer {
    EXEMPTION_OFFERED,
    EXEMPTION_NOT_ALLOWED,  /* the check says `exemptions: false`, or is not in the policy */
    EXEMPTION_IN_FORCE,     /* one holds for it */
    EXEMPTION_WAITS         /* one was asked for, and nobody has decided yet */
};
/* May the person of `in` ask for one, for that check on their device? `which` (may be NULL): the one that holds or waits. */
enum exemption_offer exemption_offer(const struct ladder_input *in, struct span check, const struct exemption **which);
/* The newest that was declined for it, within the time that it is shown; NULL. */
const struct exemption *exemption_declined(const struct ladder_input *in, struct span check);

/* The end of that day ("2026-12-31", anything else is refused) where `person` is, but not after `latest_s`. Empty text: *end_s is 0. */
enum exemption_until { EXEMPTION_UNTIL_GOOD, EXEMPTION_UNTIL_NO_DATE, EXEMPTION_UNTIL_PAST, EXEMPTION_UNTIL_TOO_FAR };
enum exemption_until exemption_until(const struct node *node, const struct person *person, struct span text, int64_t latest_s, int64_t *end_s);
/* The day on which that instant is, where `person` is: "2026-12-31". */
enum { EXEMPTION_DAY_BYTES = 16 };
const char *exemption_day(const struct node *node, const struct person *person, int64_t at_s, char text[EXEMPTION_DAY_BYTES]);

/* ---- deciding ---- */
/* It is about this person: them, a device of theirs, or (of a group) everybody in it. */
bool exemption_is_about(const struct directory *d, const struct exemption *e, const struct person *person);
/* The policy in force lets them decide, they did not ask for it, and it is not about them. */
bool exemption_may_decide(const struct directory *d, const struct exemption *e, const struct person *person);
/* Those that wait for this person's decision, oldest first. Returns how many there are; at most `most` are put into `out`. */
size_t exemptions_to_decide(const struct directory *d, const struct person *person, const struct exemption **out, size_t most);
/* "Ana Berg (ana@acme.example)", "an admin". Lives in `arena`. */
struct span exemption_who(const struct directory *d, struct span who, struct arena *arena);
/* "Ana Berg's dover", "everybody in lab". */
struct span exemption_subject(const struct directory *d, const struct exemption *e, struct arena *arena);

/* ---- who is to hear of it ---- */
/* The person who asked; when an admin did, the one that it is about; NULL. */
const struct person *exemption_asker(const struct directory *d, const struct exemption *e);
/* It ends within EXEMPTION_REMIND_S, and this person asked for it or decided it and was not told so yet. Earliest end first; returns how many are in `out`. */
size_t exemptions_ending(const struct directory *d, const struct person *person, int64_t now_s, const struct exemption **out, size_t most);
/* What a notice says of those that it was reserved for and that still hold. Lives in `arena`; returns how many. */
struct nudge_text_reminder;
size_t exemption_reminders(const struct directory *d, const struct person *person, int64_t now_s, struct arena *arena, const struct nudge_text_reminder **out);
/* Everybody who may decide exemptions. Walks all people when the policy names groups. At most `most`; returns how many. */
size_t exemption_approvers(const struct directory *d, const struct person **out, size_t most);
#endif
