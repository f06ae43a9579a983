/* okta_config: `okta` of the server's configuration, and how it becomes the options of effects_okta.h. */
#ifndef GATEWAY_OKTA_CONFIG_H
#define GATEWAY_OKTA_CONFIG_H
#include "config/option.h"
#include "gateway/effects_okta.h"

struct okta_group_config { struct span sensitivity, group, when_closed; };
struct okta_config {
    struct span url, client_id, key, key_id, token;
    struct option_items groups;        /* struct okta_group_config */
};
extern const struct option okta_rows[];
extern const size_t okta_row_count;
/* *out NULL: not configured. Lives in the arena. ERR_INPUT names what is wrong. `secrets`: they were read, so their absence counts. */
MUST_CHECK enum err_code okta_config_options(const struct okta_config *config, bool secrets, struct arena *arena, struct okta_options **out, struct err *err);
#endif
