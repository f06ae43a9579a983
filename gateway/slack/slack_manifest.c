#include "gateway/slack/slack_manifest.h"

#include "posture/base/to_json.h"

enum { URL_MOST = 3500 };

static const struct slack_scope scopes[] = {
    { "chat:write", "the day's message, and answers; they change in place" },
    { "commands", "the slash command" },
    { "im:history", "words written to the app, and looking whether a message arrived whose end is not known" },
    { "im:write", "opening the conversation in which that is looked for" },
    { "users:read", "whether an account is active, and its time zone" },
    { "users:read.email", "finding a person's account by the address that we know" },
    { NULL, NULL },
};
static const char *const events[] = { "app_home_opened", "app_uninstalled", "message.im", "team_join", "tokens_revoked", "user_change", NULL };

const struct slack_scope *slack_manifest_scopes(void) { return scopes; }

static void begin(struct to_json *w, const char *key)
{
    to_json_key(w, key);
    to_json_object(w);
}

/* With Socket Mode there is no address to send to. */
static void write_url(struct to_json *w, const struct slack_manifest *m, const char *key, const char *path)
{
    struct buf url;
    if (m->socket_mode)
        return;
    buf_init(&url, URL_MOST + 1);
    buf_append(&url, m->public_url);
    buf_append_text(&url, path);
    w->out->failed = w->out->failed || url.failed;
    to_json_member_text(w, key, buf_span(&url));
    buf_done(&url);
}

static void write_features(struct to_json *w, const struct slack_manifest *m)
{
    begin(w, "features");
    begin(w, "app_home");
    to_json_member_bool(w, "home_tab_enabled", true);
    to_json_member_bool(w, "messages_tab_enabled", true);
    to_json_member_bool(w, "messages_tab_read_only_enabled", false);
    to_json_end(w);
    begin(w, "bot_user");
    to_json_member_text(w, "display_name", SPAN_LITERAL("postern"));
    to_json_member_bool(w, "always_online", true);
    to_json_end(w);
    to_json_key(w, "slash_commands");
    to_json_array(w);
    to_json_object(w);
    to_json_member_text(w, "command", m->command);
    write_url(w, m, "url", "/slack/command");
    to_json_member_text(w, "description", SPAN_LITERAL("Show the health of your devices"));
    to_json_member_text(w, "usage_hint", SPAN_LITERAL("[status | recheck | why | privacy | help]"));
    to_json_member_bool(w, "should_escape", false);
    to_json_end(w);
    to_json_end(w);
    to_json_end(w);
}

static void write_settings(struct to_json *w, const struct slack_manifest *m)
{
    begin(w, "settings");
    begin(w, "event_subscriptions");
    write_url(w, m, "request_url", "/slack/events");
    to_json_key(w, "bot_events");
    to_json_array(w);
    for (size_t i = 0; events[i] != NULL; i++)
        to_json_text(w, span_of(events[i]));
    to_json_end(w);
    to_json_end(w);
    begin(w, "interactivity");
    to_json_member_bool(w, "is_enabled", true);
    write_url(w, m, "request_url", "/slack/interactive");
    to_json_end(w);
    to_json_member_bool(w, "org_deploy_enabled", false);
    to_json_member_bool(w, "socket_mode_enabled", m->socket_mode);
    to_json_member_bool(w, "token_rotation_enabled", m->rotation);
    to_json_end(w);
}

static void write_scopes(struct to_json *w)
{
    begin(w, "oauth_config");
    begin(w, "scopes");
    to_json_key(w, "bot");
    to_json_array(w);
    for (size_t i = 0; scopes[i].name != NULL; i++)
        to_json_text(w, span_of(scopes[i].name));
    to_json_end(w);
    to_json_end(w);
    to_json_end(w);
}

enum err_code slack_manifest_write(const struct slack_manifest *m, struct buf *out, struct err *err)
{
    struct to_json w;
    if (!m->socket_mode && (!span_starts(m->public_url, SPAN_LITERAL("https://")) || m->public_url.bytes + sizeof "/slack/interactive" > URL_MOST))
        return err_set(err, ERR_INPUT, "public_url must be https and at most %d characters for Slack to reach it; with Socket Mode (--socket-mode) it need not", URL_MOST - 20);
    to_json_init(&w, out);
    to_json_object(&w);
    begin(&w, "_metadata");
    to_json_member_int(&w, "major_version", 1);
    to_json_member_int(&w, "minor_version", 1);
    to_json_end(&w);
    begin(&w, "display_information");
    to_json_member_text(&w, "name", SPAN_LITERAL("Postern"));
    to_json_member_text(&w, "description", SPAN_LITERAL("Device health messages and self-service fixes"));
    to_json_member_text(&w, "background_color", SPAN_LITERAL("#1f3a5f"));
    to_json_end(&w);
    write_features(&w, m);
    write_scopes(&w);
    write_settings(&w, m);
    to_json_end(&w);
    return buf_check(out, "the manifest", err);
}
