#include "gateway/marker_config.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/slack_profile.h"

#include <string.h>

#define AT(field) offsetof(struct marker_config, field)
enum { WORDS_MOST = 500 };
const struct option marker_rows[] = {
    { .name = "marker.decided_by", .kind = OPTION_TEXT, .offset = AT(decided_by), .example = "Jo Lindt, CISO, 2 Nov 2026", .help = "Who decided that a person's Slack status is set while a device of theirs stands on marker.rung. It is in every event of it. The evidence speaks against doing this (docs/slack.md). Absent: off." },
    { .name = "marker.acknowledged", .kind = OPTION_TEXT, .offset = AT(acknowledged), .example = "works agreement 2026-14, legal basis in wiki/privacy/marker", .help = "Where the works council's consent or the legal basis is written down." },
    { .name = "marker.user_token", .kind = OPTION_SECRET, .offset = AT(user_token), .example = "env:SLACK_ADMIN_TOKEN", .help = "User token (xoxp-) of an admin, with the scopes users.profile:read, users.profile:write and users:read. Not the bot token." },
    { .name = "marker.rung", .kind = OPTION_TEXT, .offset = AT(rung), .example = "all", .help = "Id of the rung from which on it is set." },
    { .name = "marker.text", .kind = OPTION_TEXT, .offset = AT(text), .fallback = "Updating my laptop", .help = "The status. Everybody can read it: neutral, never what fails." },
    { .name = "marker.emoji", .kind = OPTION_TEXT, .offset = AT(emoji), .fallback = ":wrench:", .example = "\":wrench:\"", .help = "Its emoji." },
    { .name = "marker.length", .kind = OPTION_DURATION, .offset = AT(length_s), .least = 3600, .most = MARKER_MOST_S, .fallback = "8h", .help = "After so long Slack takes it away by itself. It is set once for a failure." },
};
const size_t marker_row_count = sizeof marker_rows / sizeof marker_rows[0];

/* Slack gives these back in other letters, and then nobody could tell whose it is. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f || text.at[i] == '&' || text.at[i] == '<' || text.at[i] == '>')
            return false;
    return text.bytes > 0 && span_is_utf8(text);
}

static enum err_code check(const struct marker_config *c, bool secrets, struct err *err)
{
    if (c->decided_by.bytes > WORDS_MOST || c->acknowledged.bytes > WORDS_MOST)
        return err_set(err, ERR_INPUT, "marker.decided_by and marker.acknowledged may have %d bytes", WORDS_MOST);
    if (secrets && !span_starts(c->user_token, SPAN_LITERAL("xoxp-")))
        return err_set(err, ERR_INPUT, "marker.user_token is no user token (xoxp-...): a bot cannot set anybody's status");
    if (secrets && c->user_token.bytes > SLACK_TOKEN_MOST)
        return err_set(err, ERR_INPUT, "marker.user_token is longer than %d bytes", SLACK_TOKEN_MOST);
    if (!is_plain(c->text) || block_kit_length(c->text) > SLACK_STATUS_CHARACTERS)
        return err_set(err, ERR_INPUT, "marker.text must have 1 to %d characters in one line, without <, > and &", SLACK_STATUS_CHARACTERS);
    return slack_is_emoji(c->emoji) ? OK : err_set(err, ERR_INPUT, "marker.emoji must be the name of an emoji between colons, such as :wrench:");
}

enum err_code marker_config_options(const struct marker_config *c, struct span slack_api_url, bool secrets, struct arena *arena, struct marker_options **out, struct err *err)
{
    const struct { const char *name; bool given; } parts[] = {
        { " marker.decided_by", !span_empty(span_trim(c->decided_by)) }, { " marker.acknowledged", !span_empty(span_trim(c->acknowledged)) },
        { " marker.user_token", !span_empty(c->user_token) }, { " marker.rung", !span_empty(c->rung) },
    };
    char missing[128] = "";
    *out = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        strcat(missing, parts[i].given ? "" : parts[i].name);
    if (span_empty(c->decided_by) && span_empty(c->acknowledged) && span_empty(c->user_token) && span_empty(c->rung))
        return OK;
    if (missing[0] != '\0')
        return err_set(err, ERR_INPUT, "the marker is on only with all of decided_by, acknowledged, user_token and rung; missing:%s", missing);
    enum err_code code = check(c, secrets, err);
    struct marker_options *o = code == OK ? arena_array(arena, 1, sizeof *o) : NULL;
    if (code == OK && o == NULL)
        return err_set(err, ERR_MEMORY, "marker");
    if (code == OK)
        *o = (struct marker_options){ c->decided_by, c->acknowledged, c->user_token, c->rung, c->text, c->emoji, slack_api_url, c->length_s };
    *out = o;
    return code;
}
