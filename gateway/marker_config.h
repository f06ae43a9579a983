/* marker_config: `marker` of the server's configuration: off, unless all of it is there. */
#ifndef GATEWAY_MARKER_CONFIG_H
#define GATEWAY_MARKER_CONFIG_H
#include "config/option.h"
#include "gateway/effects_marker.h"

struct marker_config { struct span decided_by, acknowledged, user_token, rung, text, emoji; int64_t length_s; };
extern const struct option marker_rows[];
extern const size_t marker_row_count;
/* *out NULL: off. Lives in the arena. ERR_INPUT names everything that is missing, or what is wrong. `secrets`: they were read, so a missing token counts. */
MUST_CHECK enum err_code marker_config_options(const struct marker_config *config, struct span slack_api_url, bool secrets, struct arena *arena, struct marker_options **out, struct err *err);
#endif
