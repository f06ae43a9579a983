/* door_setup: every value that somebody copies into the IdP for a door, field by field in the IdP's own words and order; and what to take away at the
 * IdP when the door goes. docs/doors/ says the same at length. */
#ifndef GATEWAY_DOORS_DOOR_SETUP_H
#define GATEWAY_DOORS_DOOR_SETUP_H
#include "gateway/node.h"
#include "posture/base/to_json.h"

struct door_setup {
    const struct node *node;
    const struct door *door;  /* one that is not yet whole will do: what it lacks is left out */
    struct span secret;       /* client secret or hook key, when it has just been made; empty: it cannot be shown again */
    struct span certificate;  /* PEM that verifies our SAML answers; empty: unknown */
};
/* "set_up": [{"title", "fields": [{"name", "value"}]}], "undo": ["..."]: into an open object. */
void door_setup_write(const struct door_setup *s, struct arena *arena, struct to_json *w);
/* Keycloak's own addresses for its brokered IdPs. */
bool door_is_keycloak(const struct door *door);

#endif
