/* The doors that people log in through, by kind. */
#include "gateway/login.h"

static const struct login_door *const all[DOOR_KINDS] = { [DOOR_SAML] = &saml_login_door, [DOOR_OIDC] = &oidc_login_door };

const struct login_door *login_door_of(const struct node *node, enum door_kind kind)
{
    const struct login_door *const *doors = node->login_doors != NULL ? node->login_doors : all;
    return kind < DOOR_KINDS ? doors[kind] : NULL;
}
