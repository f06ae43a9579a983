/* effects_marker: the marker: a neutral status beside a person's name in Slack while a device of theirs stands on or above a rung. Off unless configured
 * (marker_config.h); docs/slack.md says what speaks against it.
 *
 * The person record says it first (event marker.set, until when, who decided), then Slack is asked: is this an ordinary member, is their status free; then it is
 * set with that end (marker.confirmed). A status of their own is left alone (marker.skipped). As soon as no device stands there any more, or something eases the
 * failure, it is cleared (marker.clearing, then marker.cleared), and only what reads as ours. At its end Slack takes it away by itself (marker.ended). Either way it is
 * not set again before their devices were below that rung for an hour (marker.over). Internal to effects. */
#ifndef GATEWAY_EFFECTS_MARKER_H
#define GATEWAY_EFFECTS_MARKER_H
#include "gateway/node.h"

#define MARKER_READER "slack-marker"
enum { MARKER_MOST_S = 24 * 3600, MARKER_DEVICES_MOST = 64 };
struct marker_options {
    struct span decided_by, acknowledged; /* who, and where it is written down */
    struct span user_token;
    struct span rung;                  /* id */
    struct span text, emoji;
    struct span api_url;               /* Slack's; empty: the usual one */
    int64_t length_s;                  /* at most MARKER_MOST_S */
};

/* ---- what is right now: from the directory alone ---- */

struct marker_plan {
    bool known;                        /* false: nothing can be said here and now */
    bool set;                          /* a status is due */
    bool stands;                       /* a device stands there, eased or not */
    const char *why;                   /* not set because: "below", "eased", "frozen", "away", "left" */
    char device[32];                   /* with `set`: which, empty if its id is longer */
};
/* Any registered thread, outside of directory_enter(). */
void marker_plan_make(const struct node *node, const struct marker_options *options, struct span person, struct arena *arena, struct marker_plan *out);
/* A ladder of the policy has that rung. */
bool marker_rung_is_known(const struct marker_options *options, const struct policy *policy);

/* The lever in a person's record: kind "slack.marker"; its target is when the status ends, in seconds since 1970. BEGUN: perhaps set; DONE: set;
 * FOUND: there is nothing (more) to take back, and it is remembered that this failure had its one. */
const struct lever *marker_lever(const struct person *person);
int64_t marker_lever_until(const struct lever *l);
enum marker_step { MARKER_STAYS, MARKER_SETS, MARKER_CLEARS, MARKER_ENDS, MARKER_RESTS /* below: the hour begins */, MARKER_RETURNS, MARKER_FORGETS };
/* Pure. */
enum marker_step marker_step(const struct marker_plan *plan, const struct person *person, int64_t now_s);
/* Brings the lever of an unpublished person there. False when memory is short. */
bool marker_apply(enum marker_step step, const struct marker_options *options, struct person *copy, int64_t now_s);
/* Its lever with another state; false when memory is short. */
bool marker_change(struct person *copy, bool wanted, unsigned state, int64_t now_s);

/* ---- doing it ---- */

struct slack; struct reader; struct effects_item; struct item_result;
struct marker_reader {
    const struct node *node;
    struct marker_options options;     /* texts in `texts` */
    struct arena texts;
    struct slack *client;              /* made on the reader's thread */
    int64_t sweep_ms;                  /* monotonic: when everybody is looked at again */
    unsigned renewals;                 /* of the Slack app, seen (slack_doubt.h) */
};
/* Brings the record in line with what is right now; events say so. */
MUST_CHECK enum err_code marker_look(const struct marker_reader *m, struct store *store, struct span person, struct span cause, struct err *err);
struct item_result marker_work(struct marker_reader *m, struct reader *r, struct effects_item *item);
#endif
