/* publish: a policy text becomes the policy in force, for every node. Control records: "policy" (what is in force, and the history),
 * "policy.<version>" (each version's text, for going back). */
#ifndef GATEWAY_PUBLISH_H
#define GATEWAY_PUBLISH_H
#include "gateway/node.h"
#include "posture/ports.h"

/* A zone that is not known here would be read as UTC, and people be written to at the wrong hours: that is a mistake of the policy's. False: there is one more. */
bool publish_zone_is_known(const struct calendar *calendar, const struct policy *policy, struct span file, struct mistakes *mistakes);

struct publication {
    struct span text, file, by;
    bool only_if_empty;
    struct span only_over; /* the version it was made from; empty: any */
    bool whole;            /* for everybody at once, whatever its rings say */
    bool keep_ring;        /* nothing in it concerns ladders: the ring in force goes on */
};
/* Reads strictly (mistakes filled, ERR_INPUT), then commits. OK and `version` also when it is in force already. With only_if_empty a store that has a
 * policy keeps it (OK; `version` is the one in force). With only_over: ERR_CONFLICT when another version is in force by now. */
MUST_CHECK enum err_code publish_policy(const struct node *node, struct store *store, const struct publication *what, struct mistakes *mistakes, char version[65], struct err *err);
/* Back to an earlier version (full or at least 8 digits), for everybody at once. ERR_NOT_FOUND. */
MUST_CHECK enum err_code publish_version(const struct node *node, struct store *store, struct span version, struct span by, char full[65], struct err *err);
#endif
