/* effects_okta: closings at Okta. Where a rung says end_sessions, the person's sessions at Okta end; while access to a sensitivity is closed to a person, they are in a
 * group of Okta's, or out of one. What is done there follows from the decision that a door without a device would get (posture/decision.h), so groups close and
 * open with all other doors.
 *
 * First the person record says what is wanted (event okta.wanted, in the person's own partition, so that one node works on one person and in order). Then the reader
 * looks at Okta how it was, records that (okta.begun), acts, reads back, and records what it saw: okta.group_added, okta.group_removed, okta.sessions_ended and
 * okta.confirmed. Until then it is open work: `postern delivery list`. What was so before us stays so afterwards. Nothing is closed while consequences are frozen; opening
 * always goes on. Internal to effects. */
#ifndef GATEWAY_EFFECTS_OKTA_H
#define GATEWAY_EFFECTS_OKTA_H
#include "connectors/identity/okta_api.h"
#include "gateway/node.h"

enum { OKTA_RULES_MOST = 16, OKTA_SESSIONS_MOST = 32, OKTA_DEVICES_MOST = 64 };
/* While the sensitivity is closed to a person: into the group, or out of it. */
struct okta_rule { struct span sensitivity, group; bool out; };
struct okta_options {
    struct span url, client_id, token, key, key_id; /* token, or client_id (with key, or the gateway's own) */
    const struct okta_rule *rules; size_t rule_count;
    bool allow_loopback_http;
};
/* ERR_INPUT names what is missing or malformed: for start-up and `postern check`. */
MUST_CHECK enum err_code okta_options_check(const struct okta_options *options, struct err *err);

/* ---- what is wanted: from the directory alone ---- */

enum okta_aim { OKTA_OPEN, OKTA_CLOSED, OKTA_AS_IT_IS /* closed if it was, else open: no device of theirs says anything */ };
struct okta_plan {
    bool known;                        /* false: nothing can be said here and now */
    bool frozen;                       /* nothing new is closed */
    enum okta_aim rules[OKTA_RULES_MOST];
    struct span sessions[OKTA_SESSIONS_MOST]; size_t session_count; /* devices that stand on a rung with end_sessions; in the arena */
};
/* Any registered thread, outside of directory_enter(). */
void okta_plan_make(const struct node *node, const struct okta_options *options, struct span person, struct arena *arena, struct okta_plan *out);
bool okta_plan_differs(const struct okta_plan *plan, const struct okta_options *options, const struct person *person);
/* Brings the levers of an unpublished person in line. False when memory is short or there are too many. */
bool okta_plan_apply(const struct okta_plan *plan, const struct okta_options *options, struct person *copy, int64_t now_s);
/* The name of a rule whose sensitivity the policy in force does not have; empty: all are known. For doctor; between enter and leave. */
struct span okta_rules_unknown(const struct okta_options *options, const struct policy *policy);

bool okta_lever_is_group(const struct lever *l);
bool okta_lever_is_sessions(const struct lever *l);
/* Something is to be done or taken back. `frozen`: that which may be done then. */
bool okta_lever_is_open(const struct lever *l, bool frozen);

/* ---- doing it ---- */

struct reader; struct effects_item; struct item_result;
struct okta_reader {
    const struct node *node;
    struct okta_options options;       /* texts in `texts` */
    struct arena texts;
    struct okta_key *key;
    struct okta_api *api;              /* made on the reader's thread */
    int64_t sweep_ms, check_ms;        /* monotonic: when everybody is looked at again, and the groups themselves */
};
struct item_result okta_work(struct okta_reader *o, struct reader *r, unsigned partition, struct effects_item *item);
/* What a failure of Okta as a whole means for the reader. */
void okta_note(struct reader *r, const struct vendor_result *result);
#endif
