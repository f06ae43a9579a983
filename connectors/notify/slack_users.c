#include "connectors/notify/slack_users.h"

#include "connectors/notify/slack_call.h"

#include <string.h>

/* ---- reading ---- */

static bool is_true(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool on = false;
    struct err ignored;
    return from_json_bool(&v, &on, &ignored) == OK && on;
}

static void copy_text(struct span from, char *to, size_t room)
{
    size_t bytes = from.bytes < room ? from.bytes : 0; /* longer is none */
    for (size_t i = 0; i < bytes; i++)
        to[i] = from.at[i];
    to[bytes] = '\0';
}

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

/* IANA names are letters, digits, + - _ and /; anything else is not taken over. */
static bool is_zone(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++) {
        char c = lower(s.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("+-_/", c) != NULL))
            return false;
    }
    return s.bytes > 0;
}

static bool contains_fold(struct span text, struct span part)
{
    for (size_t i = 0; part.bytes > 0 && i + part.bytes <= text.bytes; i++)
        if (span_equal_fold(span_slice(text, i, part.bytes), part))
            return true;
    return false;
}

static bool says_away(const struct from_json_value *profile, const struct slack_away *away)
{
    struct span emoji = slack_text_at(profile, "status_emoji"), text = slack_text_at(profile, "status_text");
    for (size_t i = 0; i < away->emoji_count; i++)
        if (!span_empty(emoji) && span_equal(emoji, away->emoji[i]))
            return true;
    for (size_t i = 0; i < away->word_count; i++)
        if (contains_fold(text, away->words[i]))
            return true;
    return false;
}

static bool read_user(const struct from_json_value *v, const struct slack_away *away, struct slack_user *out)
{
    static const char *const never[] = { "deleted", "is_bot", "is_app_user", "is_workflow_bot", "is_connector_bot", "is_stranger", "is_invited_user" };
    struct from_json_value profile = from_json_member(v, "profile"), until = from_json_member(&profile, "status_expiration");
    struct span zone = slack_text_at(v, "tz");
    struct err ignored;
    *out = (struct slack_user){ .guest = is_true(v, "is_restricted") || is_true(v, "is_ultra_restricted") };
    if (!slack_copy_id(slack_text_at(v, "id"), out->id))
        return false;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        out->gone = out->gone || is_true(v, never[i]);
    out->gone = out->gone || strcmp(out->id, "USLACKBOT") == 0;
    copy_text(slack_text_at(&profile, "email"), out->email, sizeof out->email);
    for (char *c = out->email; *c != '\0'; c++)
        *c = lower(*c);
    if (is_zone(zone))
        copy_text(zone, out->zone, sizeof out->zone);
    out->away = !out->gone && says_away(&profile, away);
    if (out->away && from_json_int_opt(&until, 0, INT64_C(1) << 40, &out->away_until_s, &ignored) != OK)
        out->away_until_s = 0;
    return true;
}

bool slack_read_user(const struct from_json_value *root, const struct slack_away *away, struct slack_user *out)
{
    struct from_json_value found = from_json_member(root, "user");
    return read_user(&found, away, out);
}

bool slack_read_users(const struct from_json_value *root, const struct slack_away *away, void (*each)(void *context, const struct slack_user *), void *context, char next[SLACK_CURSOR_BYTES])
{
    struct from_json_value members = from_json_member(root, "members"), metadata = from_json_member(root, "response_metadata");
    struct span cursor = slack_text_at(&metadata, "next_cursor");
    if (from_json_kind(&members) != FROM_JSON_ARRAY || cursor.bytes >= SLACK_CURSOR_BYTES)
        return false;
    for (size_t i = 0; i < from_json_count(&members); i++) {
        struct from_json_value item = from_json_item(&members, i);
        struct slack_user user;
        if (read_user(&item, away, &user))
            each(context, &user);
    }
    copy_text(cursor, next, SLACK_CURSOR_BYTES);
    return true;
}

/* ---- methods ---- */

struct slack_result slack_user(struct slack *s, struct span user, const struct slack_away *away, struct slack_user *out)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf query;
    buf_init(&query, 512);
    buf_append_text(&query, "?user=");
    if (!http_client_encode(user, &query))
        return slack_end(SLACK_REFUSED, "user_not_found");
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "users.info", .query = buf_span(&query) }, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    return slack_read_user(&root, away, out) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

struct slack_result slack_user_email(struct slack *s, struct span user, char email[SLACK_EMAIL_BYTES])
{
    static const struct slack_away nothing;
    struct slack_user found;
    struct slack_result r = slack_user(s, user, &nothing, &found);
    if (r.outcome != SLACK_DONE)
        return r;
    if (found.gone)
        return slack_end(SLACK_REFUSED, "user_disabled");
    copy_text(span_of(found.email), email, SLACK_EMAIL_BYTES);
    return r;
}

struct slack_result slack_users(struct slack *s, char cursor[SLACK_CURSOR_BYTES], const struct slack_away *away, void (*each)(void *context, const struct slack_user *), void *context)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf query;
    buf_init(&query, 2048);
    buf_format(&query, "?limit=%d&cursor=", SLACK_USERS_PAGE);
    http_client_encode(span_of(cursor), &query);
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "users.list", .query = buf_span(&query) }, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    return slack_read_users(&root, away, each, context, cursor) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}
