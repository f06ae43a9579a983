#include "connectors/notify/slack_call.h"

#include <string.h>

enum { HISTORY_MOST = 100, SLOW_DOWN_S = 30, LEAVE_ALONE_MOST_S = 3600 };

int64_t slack_leave_alone_ms(const struct slack_result *result)
{
    int64_t after_s = result->retry_after_s;
    if (strcmp(result->error, "ratelimited") == 0 && after_s < 0)
        after_s = SLOW_DOWN_S;
    if (after_s > LEAVE_ALONE_MOST_S)
        after_s = LEAVE_ALONE_MOST_S;
    return after_s >= 0 ? after_s * 1000 : -1;
}

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
    buf_init(&body, SLACK_MESSAGE_BYTES);
    write_post(m, &body);
    struct slack_result r = body.failed ? slack_end(SLACK_REFUSED, "message_too_long")
                                        : slack_call(s, &(struct slack_call){ .method = "chat.postMessage", .body = buf_span(&body), .writes = true,
                                                                           .may_leave = m->may_leave, .may_leave_context = m->may_leave_context }, &doc);
    buf_done(&body);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (!slack_copy_id(slack_text_at(&root, "channel"), posted->conversation) || !slack_copy_id(slack_text_at(&root, "ts"), posted->message))
        return slack_end(SLACK_AMBIGUOUS, "unreadable_answer");
    return r;
}

static struct slack_result open_conversation(struct slack *s, struct span to, char conversation[SLACK_ID_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct buf body;
    struct to_json w;
    buf_init(&body, SLACK_MESSAGE_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "users", to);
    to_json_end(&w);
    /* Opening twice changes nothing, so an unclear end is no matter. */
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "conversations.open", .body = buf_span(&body) }, &doc);
    buf_done(&body);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), channel = from_json_member(&root, "channel");
    return slack_copy_id(slack_text_at(&channel, "id"), conversation) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

static bool find_notice(const struct from_json_value *root, struct span notice, char message[SLACK_ID_BYTES])
{
    struct from_json_value list = from_json_member(root, "messages");
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i), metadata = from_json_member(&item, "metadata"), payload = from_json_member(&metadata, "event_payload");
        if (span_equal(slack_text_at(&payload, "n"), notice) && slack_copy_id(slack_text_at(&item, "ts"), message))
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
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "conversations.history", .query = buf_span(&query) }, &doc);
    buf_done(&query);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "messages"), more = from_json_member(&root, "has_more");
    bool has_more = false;
    struct err ignored;
    *found = find_notice(&root, notice, posted->message);
    bool clean = from_json_kind(&list) == FROM_JSON_ARRAY && from_json_bool_opt(&more, &has_more, &ignored) == OK && !has_more;
    return *found || clean ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

struct slack_result slack_find(struct slack *s, struct span to, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted)
{
    *found = false;
    struct slack_result r = open_conversation(s, to, posted->conversation);
    return r.outcome == SLACK_DONE ? read_history(s, notice, since_s, found, posted) : r;
}

struct slack_result slack_find_in(struct slack *s, struct span conversation, struct span notice, int64_t since_s, bool *found, struct slack_posted *posted)
{
    *found = false;
    return slack_copy_id(conversation, posted->conversation) ? read_history(s, notice, since_s, found, posted) : slack_end(SLACK_REFUSED, "channel_not_found");
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
        return slack_end(SLACK_REFUSED, "users_not_found");
    }
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "users.lookupByEmail", .query = buf_span(&query) }, &doc);
    buf_done(&query);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), found = from_json_member(&root, "user");
    /* People of other organisations are never written to. */
    if (flag_at(&found, "deleted") || flag_at(&found, "is_bot") || flag_at(&found, "is_stranger"))
        return slack_end(SLACK_REFUSED, "user_disabled");
    return slack_copy_id(slack_text_at(&found, "id"), user) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

static void keep_word(struct span from, char *to, size_t room)
{
    size_t bytes = from.bytes < room ? from.bytes : room - 1;
    if (bytes > 0)
        memcpy(to, from.at, bytes);
    to[bytes] = '\0';
}

struct slack_result slack_auth_test(struct slack *s, struct slack_identity *out)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf scopes;
    buf_init(&scopes, SLACK_SCOPES_BYTES);
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "auth.test", .body = SPAN_LITERAL("{}"), .scopes = &scopes }, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (!slack_copy_id(slack_text_at(&root, "team_id"), out->team) || !slack_copy_id(slack_text_at(&root, "user_id"), out->user))
        return slack_end(SLACK_LATER, "unreadable_answer");
    keep_word(slack_text_at(&root, "enterprise_id"), out->enterprise, sizeof out->enterprise);
    keep_word(buf_span(&scopes), out->scopes, sizeof out->scopes);
    return r;
}
