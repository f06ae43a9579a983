/* slack_scene: what is true of one person now, as the app tells it: their devices, what is to fix on each, what is being checked.
 * Made between directory_enter() and directory_leave(), and good until then. */
#ifndef GATEWAY_SLACK_SLACK_SCENE_H
#define GATEWAY_SLACK_SLACK_SCENE_H
#include "connectors/notify/nudge_text.h"
#include "gateway/node.h"
#include "gateway/onboarding/onboard.h"

enum { SLACK_SCENE_DEVICES = 16 /* shown; all are counted */ };
struct slack_card {
    const struct device *device;
    struct ladder_input ladder;    /* that the standings came from */
    struct standing *standings; size_t count; /* what fails, worst first */
    size_t good, unknown;          /* checks that pass; that have no fresh answer */
    unsigned closed;               /* sensitivities */
    enum nudge_phase phase;        /* CHECKING, WAITING or SILENT while the device owes an answer; else TO_FIX */
};
struct slack_scene {
    const struct node *node;
    struct arena *arena;
    const struct policy *policy;   /* NULL: none is in force here (yet) */
    const struct person *person;   /* NULL: we know nobody of that id */
    struct span zone, link;        /* link: to the person's page; empty when it cannot be made */
    int64_t now_s;
    struct slack_card cards[SLACK_SCENE_DEVICES]; size_t count, devices;
    size_t to_fix;                 /* over all cards */
    int64_t soonest_s;             /* when something closes next; 0: nothing */
    unsigned closed;
    const struct device *offers[ONBOARD_DEVICES_MOST]; size_t offer_count; /* devices that look like theirs; none before slack_scene_offer() */
};
void slack_scene_make(const struct node *node, struct span person, struct arena *arena, struct slack_scene *out);
/* Looks for devices of nobody's that look like theirs, for people who are being set up: invited lately, or without a device. Asks the store. */
enum { SLACK_OFFERS_S = 30 * 86400 };
void slack_scene_offer(struct slack_scene *s, struct store *store);
/* The card of the person's device of that id; NULL for anybody else's. */
const struct slack_card *slack_scene_card(const struct slack_scene *s, struct span device);
/* By what a person calls it: id, name (folded), or the only one there is when `words` is empty. */
const struct slack_card *slack_scene_named(const struct slack_scene *s, struct span words);
/* Something fails there under that check id; or, with words, whose id or title has them. NULL. */
const struct standing *slack_card_standing(const struct slack_card *c, struct span check);
const struct standing *slack_card_named(const struct slack_card *c, struct span words);

/* How far the answer to "Check again" is, for one check (empty: for all that the device was asked). */
enum { SLACK_CHECKING_S = 20, SLACK_WAITING_S = 60, SLACK_SILENT_S = 600 };
struct slack_wait { enum nudge_phase phase; int64_t answered_s; /* with NUDGE_TO_FIX: when the answer was seen, 0: nothing was asked */ };
struct slack_wait slack_wait_for(const struct device *device, const struct policy *policy, struct span check, int64_t now_s);
#endif
