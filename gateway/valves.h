/* valves: what a person may do against the pressure of a ladder, whatever surface they do it on: a page, Slack, the command line. Each is judged on the
 * stored record (so two nodes cannot spend one budget twice), is one commit, and is an event with who and why.
 *
 * Every function blocks on the store, is called by a registered thread outside of directory_enter(), and takes texts as they came: they are trimmed and
 * cut to VALVE_TEXT_BYTES at a whole character. An answer that is "no" is not an error: see enum valve_said. Errors: ERR_NOT_FOUND (person, device, id),
 * ERR_INPUT (a text is missing), ERR_CONFLICT, and the store's. */
#ifndef GATEWAY_VALVES_H
#define GATEWAY_VALVES_H
#include "gateway/node.h"
#include "posture/ports.h"

enum { VALVE_TEXT_BYTES = 500 };
enum valve_said {
    VALVE_DONE,
    VALVE_AGAIN,       /* it is so already, nothing was committed; `until_s` and `id` are those of the one that is there */
    VALVE_GONE,        /* nothing of theirs fails there (any more) */
    VALVE_NO,          /* not offered here and now: `refusal` says why */
    VALVE_FULL         /* too many are kept: somebody has to answer first */
};
struct valve_result { enum valve_said said; enum valve_refusal refusal; unsigned left; int64_t until_s, close_s; char id[32]; };
/* One use. All borrowed; `device` must be the person's. `by`: who acts: "person:p_...", "slack:U...", "admin:..."; `decision`: what page it came from, may be empty. */
struct valve_use { struct span person, device, check, app, text, by, decision; };

/* "Remind me tomorrow" for check on device. Event person.snoozed. */
MUST_CHECK enum err_code valve_snooze(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err);
/* Opens `app` on device for a while; `text` is the reason, and there must be one (ERR_INPUT). Event person.passed_once. */
MUST_CHECK enum err_code valve_continue_once(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err);
/* "This looks wrong" about check on device; `text` may be empty. Freezes its clock for 2 working days, with the evidence kept. Event person.disputed. */
MUST_CHECK enum err_code valve_dispute(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err);
/* The newest dispute about it that still counts (frozen, or begun within a week: another says VALVE_AGAIN); NULL. */
const struct dispute *valve_dispute_of(const struct person *p, struct span device, struct span check, int64_t now_s);
/* "Ask a person": device and check may be empty. Event person.asked. */
MUST_CHECK enum err_code valve_ask_person(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err);
/* "Not my device": it leaves the person's list. Event device.not_mine beside device.owner. */
MUST_CHECK enum err_code valve_not_mine(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err);

/* The answer of those who help; `by`: "admin:...", "person:p_...". Idempotent by id: answered already is VALVE_AGAIN. Events person.dispute_answered, person.ask_answered. */
struct valve_answer { struct span person, id; enum dispute_outcome outcome; /* of a dispute */ struct span text, by; };
MUST_CHECK enum err_code valve_dispute_answer(const struct node *node, struct store *store, const struct valve_answer *answer, struct valve_result *out, struct err *err);
MUST_CHECK enum err_code valve_ask_answer(const struct node *node, struct store *store, const struct valve_answer *answer, struct valve_result *out, struct err *err);

/* ---- exemptions ---- */
/* Asked for by `by` ("person:p_...", "slack:U...", "admin:..."); `requester` empty: the same. start_s 0: now; end_s 0: after the policy's exemptions.length. ERR_INPUT:
 * no reason, an unknown check or subject (for a person: also one that is not theirs), an end that is past or further than exemptions.longest (never more than a
 * year). ERR_DENIED: the check says `exemptions: false`. The same one asked for or in force already is VALVE_AGAIN. Event exemption.asked. */
struct exemption_request { enum exemption_scope scope; struct span subject, check, reason, measure, requester, by; int64_t start_s, end_s; };
MUST_CHECK enum err_code valve_exemption_ask(const struct node *node, struct store *store, const struct exemption_request *request, struct valve_result *out, struct err *err);
/* Approved, refused, or ended before its date. ERR_DENIED: `by` asked for it, it is about them, or they are a person ("person:p_...") whom the policy in force does not
 * name under exemptions.approvers. ERR_CONFLICT: it was decided otherwise. `text` goes to the requester. `end_s`: another end, 0: as asked; a person may name an earlier one only.
 * Events exemption.approved, exemption.refused, exemption.ended. */
enum exemption_move { EXEMPTION_APPROVE, EXEMPTION_REFUSE, EXEMPTION_END };
struct exemption_decision { struct span id; enum exemption_move move; struct span text, by; int64_t end_s; };
MUST_CHECK enum err_code valve_exemption_decide(const struct node *node, struct store *store, const struct exemption_decision *decision, struct valve_result *out, struct err *err);
/* The message in which those who decide were asked, so that it can be changed when somebody did. Once; event exemption.announced. */
struct exemption_place { struct span id, conversation, message, by; };
MUST_CHECK enum err_code valve_exemption_announced(const struct node *node, struct store *store, const struct exemption_place *place, struct err *err);
/* Ends those whose date has come (exemption.ended; exemption.refused where nobody decided by then) and marks those that end within 7 days as reminded (exemption.reminder). From time to time, by one node at a time. */
MUST_CHECK enum err_code valve_exemptions_tend(const struct node *node, struct store *store, struct err *err);
#endif
