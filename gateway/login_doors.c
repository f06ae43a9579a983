/* The doors that people log in through, by kind. */
#include "gateway/login.h"

const struct login_door *login_door_of(enum door_kind kind)
{
    static const struct login_door *const doors[DOOR_KINDS] = { [DOOR_SAML] = &saml_login_door, [DOOR_OIDC] = &oidc_login_door };
    return kind < DOOR_KINDS ? doors[kind] : NULL;
}
