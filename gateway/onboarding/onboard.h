/* onboard: people are invited, greeted once under the daily cap, and shown the way to the agent; devices that look like theirs are offered to them.
 * The state is in the person record; the greeting itself is a notice like any other (escalation.c reserves it, the channels send it). */
#ifndef GATEWAY_ONBOARDING_ONBOARD_H
#define GATEWAY_ONBOARDING_ONBOARD_H
#include "gateway/node.h"
#include "posture/ports.h"

enum { ONBOARD_SECRET_LIFETIME_S = 24 * 3600, ONBOARD_DEVICES_MOST = 5, ONBOARD_NAME_LEAST = 3 };

/* Blocks on the store. `by`: "admin:..."; `now`: outside of the hours for messages too, and again for those who were greeted before.
 * *invited false: they were invited before, or greeted. Event person.invited. ERR_NOT_FOUND. */
MUST_CHECK enum err_code onboard_invite(const struct node *node, struct store *store, struct span person, struct span by, bool now, bool *invited, struct err *err);
/* The person asked for the way to the agent. Event person.install_link. */
MUST_CHECK enum err_code onboard_linked(const struct node *node, struct store *store, struct span person, struct err *err);

/* How far somebody is. Between directory_enter() and directory_leave(). */
enum onboard_stage { ONBOARD_NOT_INVITED, ONBOARD_INVITED, ONBOARD_CONTACTED, ONBOARD_LINKED, ONBOARD_INSTALLED /* a device of theirs reports */ };
enum onboard_stage onboard_stage(const struct node *node, const struct person *person);
const char *onboard_stage_name(enum onboard_stage stage);

/* An enrol secret for one person, which nothing stores: "pone1.", sealed under the root key. Any node makes and reads it. */
MUST_CHECK enum err_code onboard_secret_write(const struct node *node, struct span person, int64_t expires_s, struct buf *out, struct err *err);
/* ERR_DENIED for what is not ours, ERR_EXPIRED. `text` is untrusted. `person` lives in `arena`. */
bool onboard_secret_is(struct span text);
MUST_CHECK enum err_code onboard_secret_read(const struct node *node, struct span text, int64_t now_s, struct arena *arena, struct span *person, struct err *err);

/* A device that nobody has and whose name speaks of this person: their first name, or the front of an address. */
bool onboard_looks_like(const struct person *person, const struct device *device);
/* Those, at most ONBOARD_DEVICES_MOST. Between directory_enter() and directory_leave(). */
size_t onboard_candidates(const struct node *node, const struct person *person, const struct device *found[ONBOARD_DEVICES_MOST]);
/* Of these, the ones that this person has not said no to. Asks the store. */
size_t onboard_offers(const struct node *node, struct store *store, const struct person *person, const struct device *found[ONBOARD_DEVICES_MOST]);

/* What a person says to an offer, on a page or in Slack. `by`: "person:p_..." or "slack:U...". Block on the store. */
enum onboard_said { ONBOARD_DONE, ONBOARD_GONE /* not offered (any more): somebody has it, or it was never theirs to take */, ONBOARD_SLOW_DOWN };
/* It is theirs: event device.owner. */
MUST_CHECK enum err_code onboard_claim(const struct node *node, struct store *store, struct span person, struct span device, struct span by, enum onboard_said *said, struct err *err);
/* It is not, and is not offered to them again. */
MUST_CHECK enum err_code onboard_decline(const struct node *node, struct store *store, struct span person, struct span device, enum onboard_said *said, struct err *err);
#endif
