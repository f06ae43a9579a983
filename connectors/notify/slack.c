#include "connectors/notify/slack.h"

#include "posture/base/from_json.h"
#include "posture/base/secret.h"
#include "posture/base/to_json.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 512, BASE_BYTES = 512, BODY_BYTES = 512 * 1024, ANSWER_DEPTH = 32, HISTORY_MOST = 100 };

struct slack {
    struct http_client *http;
    char token[TOKEN_BYTES]; /* "Bearer xoxb-..." */
    char base[BASE_BYTES];
};

/* ---- what an error word means ---- */

static const struct { const char *word; enum slack_outcome outcome; } words[] = {
    { "invalid_auth", SLACK_STOPPED },          { "account_inactive", SLACK_STOPPED },     { "token_revoked", SLACK_STOPPED },
    { "not_authed", SLACK_STOPPED },            { "token_expired", SLACK_STOPPED },        { "missing_scope", SLACK_STOPPED },
    { "not_allowed_token_type", SLACK_STOPPED },{ "no_permission", SLACK_STOPPED },
    { "ratelimited", SLACK_LATER },             { "rate_limited", SLACK_LATER },           { "message_limit_exceeded", SLACK_LATER },
    { "user_not_found", SLACK_REFUSED },        { "users_not_found", SLACK_REFUSED },      { "user_disabled", SLACK_REFUSED },
    { "user_not_visible", SLACK_REFUSED },      { "channel_not_found", SLACK_REFUSED },    { "not_in_channel", SLACK_REFUSED },
    { "is_archived", SLACK_REFUSED },           { "enterprise_is_restricted", SLACK_REFUSED }, { "cannot_dm_bot", SLACK_REFUSED },
    { "messages_tab_disabled", SLACK_REFUSED }, { "app_access_restricted", SLACK_REFUSED },
    { "invalid_arguments", SLACK_REFUSED },     { "invalid_arg_name", SLACK_REFUSED },     { "msg_too_long", SLACK_REFUSED },
    { "message_not_found", SLACK_REFUSED },     { "edit_window_closed", SLACK_REFUSED },   { "cant_update_message", SLACK_REFUSED },
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

static struct slack_result say(enum slack_outcome outcome, const char *word)
{
    struct slack_result r = { .outcome = outcome, .retry_after_s = -1 };
    copy_word(&r, span_of(word));
    return r;
}

/* ---- connection ---- */

enum err_code slack_new(const struct slack_options *options, struct slack **out, struct err *err)
{
    static const char bearer[] = "Bearer ";
    struct span base = span_empty(options->base_url) ? SPAN_LITERAL("https://slack.com/api") : options->base_url;
    struct http_client_options http = { .allow_loopback_http = options->allow_loopback_http, .ca_file = options->ca_file, .tick = options->tick, .tick_context = options->tick_context };
    if (options->token.bytes == 0 || options->token.bytes >= TOKEN_BYTES - sizeof bearer)
        return err_set(err, ERR_INPUT, "slack.token must have 1 to %zu bytes", TOKEN_BYTES - sizeof bearer - 1);
    if (base.bytes >= BASE_BYTES)
        return err_set(err, ERR_INPUT, "slack.api_url is longer than %d bytes", BASE_BYTES - 1);
    enum err_code code = http_client_check_url(&http, base, err);
    if (code != OK)
        return err_wrap(err, "slack.api_url");
    struct slack *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "slack");
    memcpy(s->token, bearer, sizeof bearer - 1);
    memcpy(s->token + sizeof bearer - 1, options->token.at, options->token.bytes);
    memcpy(s->base, base.at, base.bytes);
    code = http_client_new(&http, &s->http, err);
    if (code != OK) {
        slack_free(s);
        return code;
    }
    *out = s;
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

/* `writes`: the call changes something, so an unclear end is SLACK_AMBIGUOUS; else it is SLACK_LATER. */
struct call { const char *method; struct span query, body; bool writes; };

static struct span text_at(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err ignored;
    return from_json_text(&v, SLACK_ANSWER_BYTES, &text, &ignored) == OK ? text : SPAN_NONE;
}

static struct slack_result judge_transport(enum err_code code, bool writes)
{
    if (code == ERR_AMBIGUOUS || code == ERR_LIMIT)
        return say(writes ? SLACK_AMBIGUOUS : SLACK_LATER, code == ERR_LIMIT ? "answer_too_long" : "no_answer");
    if (code == ERR_DENIED)
        return say(SLACK_STOPPED, "address_not_allowed");
    return say(SLACK_LATER, code == ERR_MEMORY ? "memory_short" : "out_of_reach");
}

static struct slack_result judge_body(const struct from_json_value *root, bool writes)
{
    struct from_json_value ok = from_json_member(root, "ok");
    struct span word = text_at(root, "error");
    bool well = false;
    struct err ignored;
    if (from_json_bool(&ok, &well, &ignored) != OK)
        return say(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "unreadable_answer");
    if (well)
        return say(SLACK_DONE, "");
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
        struct slack_result r = say(SLACK_LATER, "ratelimited");
        r.retry_after_s = reply->retry_after_s;
        return r;
    }
    if (reply->status >= 500)
        return say(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "server_error");
    if (from_json_parse(buf_span(&reply->body), (struct from_json_limits){ SLACK_ANSWER_BYTES, ANSWER_DEPTH }, "Slack's answer", doc, &ignored) != OK)
        return say(writes ? SLACK_AMBIGUOUS : SLACK_LATER, "unreadable_answer");
    struct from_json_value root = from_json_root(*doc);
    struct slack_result r = judge_body(&root, writes);
    if (r.outcome == SLACK_LATER)
        r.retry_after_s = reply->retry_after_s;
    return r;
}

/* With SLACK_DONE, *doc is the answer; owned. */
static struct slack_result call_slack(struct slack *s, const struct call *c, struct from_json **doc)
{
    struct buf url;
    struct err err;
    struct http_reply reply = { 0 };
    struct http_field fields[] = { { "Authorization", span_of(s->token) }, { "Content-Type", SPAN_LITERAL("application/json; charset=utf-8") } };
    buf_init(&url, HTTP_CLIENT_URL_BYTES);
    buf_append_text(&url, s->base);
    buf_append_byte(&url, '/');
    buf_append_text(&url, c->method);
    buf_append(&url, c->query);
    struct http_call call = { .method = span_empty(c->body) ? "GET" : "POST", .url = buf_span(&url), .fields = fields, .field_count = span_empty(c->body) ? 1 : 2, .body = c->body,
                              .timeout_ms = SLACK_CALL_MS, .most_bytes = SLACK_ANSWER_BYTES, .reuse = !c->writes };
    enum err_code code = http_client_call(s->http, &call, &reply, &err);
    struct slack_result r = code == OK ? judge_reply(&reply, c->writes, doc) : judge_transport(code, c->writes);
    if (r.outcome != SLACK_DONE) {
        from_json_free(*doc);
        *doc = NULL;
    }
    if (code == OK)
        http_reply_done(&reply);
    buf_done(&url);
    return r;
}

static bool copy_id(struct span from, char to[SLACK_ID_BYTES])
{
    if (from.bytes == 0 || from.bytes >= SLACK_ID_BYTES)
        return false;
    memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}

/* ---- methods ---- */

static void write_metadata(struct to_json *w, struct span notice)
{
    to_json_key(w, "metadata");
    to_json_object(w);
    to_json_member_text(w, "event_type", SPAN_LITERAL("postern_notice"));
    to_json_key(w, "event_payload");
    to_json_object(w);
    to_json_member_text(w, "n", notice);
    to_json_end(w);
    to_json_end(w);
}

static void write_post(const struct slack_message *m, struct buf *body)
{
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text(&w, "channel", m->to);
    to_json_member_text(&w, "text", m->text);
    if (!span_empty(m->blocks)) {
        to_json_key(&w, "blocks");
        to_json_raw(&w, m->blocks);
    }
    to_json_member_text(&w, "parse", SPAN_LITERAL("none"));
    to_json_member_bool(&w, "link_names", false);
    to_json_member_bool(&w, "unfurl_links", false);
    to_json_member_bool(&w, "unfurl_media", false);
    write_metadata(&w, m->notice);
    to_json_end(&w);
}

struct slack_result slack_post(struct slack *s, const struct slack_message *m, struct slack_posted *posted)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct buf body;
    buf_init(&body, BODY_BYTES);
    write_post(m, &body);
    struct slack_result r = body.failed ? say(SLACK_REFUSED, "message_too_long")
                                        : call_slack(s, &(struct call){ .method = "chat.postMessage", .body = buf_span(&body), .writes = true }, &doc);
    buf_done(&body);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (!copy_id(text_at(&root, "channel"), posted->conversation) || !copy_id(text_at(&root, "ts"), posted->message))
        return say(SLACK_AMBIGUOUS, "unreadable_answer");
    return r;
}

static struct slack_result open_conversation(struct slack *s, struct span to, char conversation[SLACK_ID_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct buf body;
    struct to_json w;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "users", to);
    to_json_end(&w);
    /* Opening twice changes nothing, so an unclear end is no matter. */
    struct slack_result r = call_slack(s, &(struct call){ .method = "conversations.open", .body = buf_span(&body) }, &doc);
    buf_done(&body);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), channel = from_json_member(&root, "channel");
    return copy_id(text_at(&channel, "id"), conversation) ? r : say(SLACK_LATER, "unreadable_answer");
}

static bool find_notice(const struct from_json_value *root, struct span notice, char message[SLACK_ID_BYTES])
{
    struct from_json_value list = from_json_member(root, "messages");
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i), metadata = from_json_member(&item, "metadata"), payload = from_json_member(&metadata, "event_payload");
        if (span_equal(text_at(&payload, "n"), notice) && copy_id(text_at(&item, "ts"), message))
            return true;
    }
    return false;
}

/* One page: a bot's direct messages to one person since minutes ago are fewer than HISTORY_MOST. More pages: not a clean answer. */
static struct slack_result read_history(struct slack *s, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct buf query;
    buf_init(&query, 1024);
    buf_append_text(&query, "?channel=");
    http_client_encode(span_of(posted->conversation), &query);
    buf_format(&query, "&oldest=%lld.000000&limit=%d&include_all_metadata=true", (long long)since_s, HISTORY_MOST);
    struct slack_result r = call_slack(s, &(struct call){ .method = "conversations.history", .query = buf_span(&query) }, &doc);
    buf_done(&query);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "messages"), more = from_json_member(&root, "has_more");
    bool has_more = false;
    struct err ignored;
    *found = find_notice(&root, notice, posted->message);
    bool clean = from_json_kind(&list) == FROM_JSON_ARRAY && from_json_bool_opt(&more, &has_more, &ignored) == OK && !has_more;
    return *found || clean ? r : say(SLACK_LATER, "unreadable_answer");
}

struct slack_result slack_find(struct slack *s, struct span to, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted)
{
    *found = false;
    struct slack_result r = open_conversation(s, to, posted->conversation);
    return r.outcome == SLACK_DONE ? read_history(s, notice, since_s, found, posted) : r;
}

static bool flag_at(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool on = false;
    struct err ignored;
    return from_json_bool(&v, &on, &ignored) == OK && on;
}

struct slack_result slack_lookup(struct slack *s, struct span email, char user[SLACK_ID_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct buf query;
    buf_init(&query, 2048);
    buf_append_text(&query, "?email=");
    if (!http_client_encode(email, &query)) {
        buf_done(&query);
        return say(SLACK_REFUSED, "users_not_found");
    }
    struct slack_result r = call_slack(s, &(struct call){ .method = "users.lookupByEmail", .query = buf_span(&query) }, &doc);
    buf_done(&query);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), found = from_json_member(&root, "user");
    /* People of other organisations are never written to. */
    if (flag_at(&found, "deleted") || flag_at(&found, "is_bot") || flag_at(&found, "is_stranger"))
        return say(SLACK_REFUSED, "user_disabled");
    return copy_id(text_at(&found, "id"), user) ? r : say(SLACK_LATER, "unreadable_answer");
}

struct slack_result slack_auth_test(struct slack *s, char team[SLACK_ID_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct slack_result r = call_slack(s, &(struct call){ .method = "auth.test", .body = SPAN_LITERAL("{}") }, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (!copy_id(text_at(&root, "team_id"), team))
        return say(SLACK_LATER, "unreadable_answer");
    return r;
}
