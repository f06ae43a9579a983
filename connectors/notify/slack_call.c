#include "connectors/notify/slack_call.h"

#include "posture/base/secret.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_DEPTH = 32 };
static const char bearer[] = "Bearer ";

/* ---- what an error word means ---- */

static const struct { const char *word; enum slack_outcome outcome; } words[] = {
    { "invalid_auth", SLACK_STOPPED },          { "account_inactive", SLACK_STOPPED },     { "token_revoked", SLACK_STOPPED },
    { "not_authed", SLACK_STOPPED },            { "token_expired", SLACK_EXPIRED },        { "missing_scope", SLACK_STOPPED },
    { "not_allowed_token_type", SLACK_STOPPED },{ "no_permission", SLACK_STOPPED },        { "user_removed_from_team", SLACK_STOPPED },
    { "team_disabled", SLACK_STOPPED },         { "invalid_refresh_token", SLACK_STOPPED },{ "invalid_client_id", SLACK_STOPPED },
    { "bad_client_secret", SLACK_STOPPED },     { "oauth_authorization_url_mismatch", SLACK_STOPPED },
    { "ratelimited", SLACK_LATER },             { "rate_limited", SLACK_LATER },           { "message_limit_exceeded", SLACK_LATER },
    { "user_not_found", SLACK_REFUSED },        { "users_not_found", SLACK_REFUSED },      { "user_disabled", SLACK_REFUSED },
    { "user_not_visible", SLACK_REFUSED },      { "channel_not_found", SLACK_REFUSED },    { "not_in_channel", SLACK_REFUSED },
    { "is_archived", SLACK_REFUSED },           { "enterprise_is_restricted", SLACK_REFUSED }, { "cannot_dm_bot", SLACK_REFUSED },
    { "messages_tab_disabled", SLACK_REFUSED }, { "app_access_restricted", SLACK_REFUSED },
    { "invalid_arguments", SLACK_REFUSED },     { "invalid_arg_name", SLACK_REFUSED },     { "msg_too_long", SLACK_REFUSED },
    { "message_not_found", SLACK_REFUSED },     { "edit_window_closed", SLACK_REFUSED },   { "cant_update_message", SLACK_REFUSED },
    { "missing_argument", SLACK_REFUSED },      { "hash_conflict", SLACK_REFUSED },        { "not_enabled", SLACK_REFUSED },
    { "expired_trigger_id", SLACK_REFUSED },    { "exchanged_trigger_id", SLACK_REFUSED }, { "invalid_trigger_id", SLACK_REFUSED },
    { "trigger_expired", SLACK_REFUSED },       { "trigger_exchanged", SLACK_REFUSED },    { "push_limit_reached", SLACK_REFUSED },
    { "view_too_large", SLACK_REFUSED },        { "not_found", SLACK_REFUSED },            { "cant_delete_message", SLACK_REFUSED },
    { "compliance_exports_prevent_deletion", SLACK_REFUSED },
    { "not_admin", SLACK_STOPPED },             { "not_app_admin", SLACK_STOPPED },        { "cannot_update_admin_user", SLACK_REFUSED },
    { "permission_denied", SLACK_REFUSED },     { "sudo_required", SLACK_REFUSED },        { "user_is_bot", SLACK_REFUSED },
    { "too_long", SLACK_REFUSED },              { "invalid_emoji_not_allowed", SLACK_REFUSED }, { "invalid_profile", SLACK_REFUSED },
    { "must_clear_both_status_text_and_status_emoji", SLACK_REFUSED },
    { "msg_blocks_too_long", SLACK_BLOCKS },    { "no_text", SLACK_BLOCKS },
    { "team_added_to_org", SLACK_PAUSED },      { "org_login_required", SLACK_PAUSED },    { "ekm_access_denied", SLACK_PAUSED },
};

enum slack_outcome slack_judge(struct span error)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_equal_text(error, words[i].word))
            return words[i].outcome;
    if (span_starts(error, SPAN_LITERAL("invalid_blocks")))
        return SLACK_BLOCKS;
    if (span_starts(error, SPAN_LITERAL("restricted_action")))
        return SLACK_REFUSED;
    return SLACK_LATER;
}

/* Words that say that Slack itself fell over: a post may have happened. */
static bool is_unclear(struct span error)
{
    static const char *const unclear[] = { "fatal_error", "internal_error", "service_unavailable", "request_timeout" };
    for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++)
        if (span_equal_text(error, unclear[i]))
            return true;
    return false;
}

static void copy_word(struct slack_result *r, struct span word)
{
    size_t used = 0;
    for (size_t i = 0; i < word.bytes && used + 1 < sizeof r->error; i++) {
        char c = word.at[i];
        r->error[used++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ? c : '_';
    }
    r->error[used] = '\0';
}

enum err_code slack_open_object(struct span text, struct from_json_limits limits, const char *what, struct from_json **doc, struct from_json_value *root, struct err *err)
{
    enum err_code code = from_json_parse(text, limits, what, doc, err);
    if (code != OK)
        return code;
    *root = from_json_root(*doc);
    return from_json_object(root, err);
}

struct slack_result slack_end(enum slack_outcome outcome, const char *word)
{
    struct slack_result r = { .outcome = outcome, .retry_after_s = -1 };
    copy_word(&r, span_of(word));
    return r;
}

/* ---- connection ---- */

static enum err_code check_options(const struct slack_options *options, struct span base, struct err *err)
{
    const struct http_client_options http = { .allow_loopback_http = options->allow_loopback_http };
    if ((span_empty(options->token) && !options->token_later) || options->token.bytes >= SLACK_TOKEN_BYTES - sizeof bearer)
        return err_set(err, ERR_INPUT, "slack.token must have 1 to %zu bytes", SLACK_TOKEN_BYTES - sizeof bearer - 1);
    if (base.bytes >= SLACK_BASE_BYTES)
        return err_set(err, ERR_INPUT, "slack.api_url is longer than %d bytes", SLACK_BASE_BYTES - 1);
    enum err_code code = http_client_check_url(&http, base, err);
    return code == OK ? OK : err_wrap(err, "slack.api_url");
}

enum err_code slack_new(const struct slack_options *options, struct slack **out, struct err *err)
{
    struct span base = span_empty(options->base_url) ? SPAN_LITERAL("https://slack.com/api") : options->base_url;
    const struct http_client_options http = { .allow_loopback_http = options->allow_loopback_http, .ca_file = options->ca_file, .tick = options->tick, .tick_context = options->tick_context };
    enum err_code code = check_options(options, base, err);
    if (code != OK)
        return code;
    struct slack *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "slack");
    memcpy(s->base, base.at, base.bytes);
    s->loopback = options->allow_loopback_http;
    code = span_empty(options->token) ? OK : slack_set_token(s, options->token, err);
    if (code == OK)
        code = http_client_new(&http, &s->http, err);
    if (code != OK) {
        slack_free(s);
        return code;
    }
    *out = s;
    return OK;
}

enum err_code slack_set_token(struct slack *s, struct span token, struct err *err)
{
    if (token.bytes == 0 || token.bytes >= SLACK_TOKEN_BYTES - sizeof bearer)
        return err_set(err, ERR_INPUT, "a Slack token has %zu bytes, must have 1 to %zu", token.bytes, SLACK_TOKEN_BYTES - sizeof bearer - 1);
    secret_wipe(s->token, sizeof s->token);
    memcpy(s->token, bearer, sizeof bearer - 1);
    memcpy(s->token + sizeof bearer - 1, token.at, token.bytes);
    return OK;
}

void slack_free(struct slack *s)
{
    if (s == NULL)
        return;
    http_client_free(s->http);
    secret_free(s, sizeof *s);
}

/* ---- one call ---- */

struct span slack_text_at(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err ignored;
    return from_json_text(&v, SLACK_ANSWER_BYTES, &text, &ignored) == OK ? text : SPAN_NONE;
}

static struct slack_result judge_transport(enum err_code code, bool writes)
{
    if (code == ERR_AMBIGUOUS || code == ERR_LIMIT)
        return slack_end(writes ? SLACK_AMBIGUOUS : SLACK_LATER, code == ERR_LIMIT ? "answer_too_long" : "no_answer");
    if (code == ERR_DENIED)
        return slack_end(SLACK_STOPPED, "address_not_allowed");
    return slack_end(SLACK_LATER, code == ERR_MEMORY ? "memory_short" : "out_of_reach");
}

static struct slack_result judge_body(const struct from_json_value *root, bool writes)
{
    struct from_json_value ok = from_json_member(root, "ok");
    struct span word = slack_text_at(root, "error");
    bool well = false;
    struct err ignored;
    if (from_json_bool(&ok, &well, &ignored) != OK)
        return slack_end(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "unreadable_answer");
    if (well)
        return slack_end(SLACK_DONE, "");
    struct slack_result r = { .outcome = slack_judge(word), .retry_after_s = -1 };
    if (writes && is_unclear(word))
        r.outcome = SLACK_AMBIGUOUS;
    copy_word(&r, span_empty(word) ? SPAN_LITERAL("unknown_error") : word);
    return r;
}

static struct slack_result judge_reply(const struct http_reply *reply, bool writes, struct from_json **doc)
{
    struct err ignored;
    if (reply->status == 429) {
        struct slack_result r = slack_end(SLACK_LATER, "ratelimited");
        r.retry_after_s = reply->retry_after_s;
        return r;
    }
    if (reply->status >= 500)
        return slack_end(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "server_error");
    if (from_json_parse(buf_span(&reply->body), (struct from_json_limits){ SLACK_ANSWER_BYTES, ANSWER_DEPTH }, "Slack's answer", doc, &ignored) != OK)
        return slack_end(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "unreadable_answer");
    struct from_json_value root = from_json_root(*doc);
    struct slack_result r = judge_body(&root, writes);
    if (r.outcome == SLACK_LATER)
        r.retry_after_s = reply->retry_after_s;
    return r;
}

static struct slack_result send_call(struct slack *s, const struct http_call *call, bool writes, struct from_json **doc)
{
    struct http_reply reply = { 0 };
    struct err err;
    enum err_code code = http_client_call(s->http, call, &reply, &err);
    if (code != OK)
        return judge_transport(code, writes);
    struct slack_result r = judge_reply(&reply, writes, doc);
    if (r.outcome != SLACK_DONE) {
        from_json_free(*doc);
        *doc = NULL;
    }
    http_reply_done(&reply);
    return r;
}

struct slack_result slack_call(struct slack *s, const struct slack_call *c, struct from_json **doc)
{
    CLEANUP(buf_done) struct buf url;
    bool form = !span_empty(c->basic), post = !span_empty(c->body);
    const struct http_field fields[] = { { "Authorization", form ? c->basic : span_of(s->token) },
                                         { "Content-Type", form ? SPAN_LITERAL("application/x-www-form-urlencoded") : SPAN_LITERAL("application/json; charset=utf-8") } };
    if (!form && s->token[0] == '\0')
        return slack_end(SLACK_EXPIRED, "no_token_yet");
    buf_init(&url, HTTP_CLIENT_URL_BYTES);
    buf_append_text(&url, s->base);
    buf_append_byte(&url, '/');
    buf_append_text(&url, c->method);
    buf_append(&url, c->query);
    const struct http_wanted wanted = { "X-OAuth-Scopes", c->scopes };
    const struct http_call call = { .wanted = &wanted, .wanted_count = c->scopes != NULL, .method = post ? "POST" : "GET", .url = buf_span(&url), .fields = fields, .field_count = post ? 2 : 1, .body = c->body,
                                    .timeout_ms = SLACK_CALL_MS, .most_bytes = SLACK_ANSWER_BYTES, .reuse = !c->writes,
                                    .may_leave = c->may_leave, .may_leave_context = c->may_leave_context };
    return send_call(s, &call, c->writes, doc);
}

/* Its answer is the text "ok", or a word. */
struct slack_result slack_call_url(struct slack *s, struct span url, struct span body)
{
    const struct http_field type = { "Content-Type", SPAN_LITERAL("application/json; charset=utf-8") };
    const struct http_call call = { .method = "POST", .url = url, .fields = &type, .field_count = 1, .body = body, .timeout_ms = SLACK_CALL_MS, .most_bytes = SLACK_ANSWER_BYTES };
    struct http_reply reply = { 0 };
    struct err err;
    enum err_code code = http_client_call(s->http, &call, &reply, &err);
    if (code != OK)
        return judge_transport(code, true);
    struct slack_result r = reply.status == 200 ? slack_end(SLACK_DONE, "") : slack_end(reply.status == 429 ? SLACK_LATER : SLACK_REFUSED, reply.status == 429 ? "ratelimited" : "answer_address_used_up");
    r.retry_after_s = reply.retry_after_s;
    http_reply_done(&reply);
    return r;
}

bool slack_copy_id(struct span from, char to[SLACK_ID_BYTES])
{
    if (from.bytes == 0 || from.bytes >= SLACK_ID_BYTES)
        return false;
    memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}
