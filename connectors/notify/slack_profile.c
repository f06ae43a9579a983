#include "connectors/notify/slack_profile.h"

#include "connectors/notify/slack_call.h"

#include <string.h>

enum { BODY_BYTES = 8192 };

bool slack_is_emoji(struct span text)
{
    if (text.bytes < 3 || text.bytes >= SLACK_EMOJI_BYTES || text.at[0] != ':' || text.at[text.bytes - 1] != ':')
        return false;
    for (size_t i = 1; i + 1 < text.bytes; i++)
        if (!((text.at[i] >= 'a' && text.at[i] <= 'z') || (text.at[i] >= '0' && text.at[i] <= '9') || text.at[i] == '_' || text.at[i] == '-' || text.at[i] == '+'))
            return false;
    return true;
}

/* ---- reading ---- */

static struct slack_result ask(struct slack *s, const char *method, struct span user, struct from_json **doc)
{
    CLEANUP(buf_done) struct buf query;
    buf_init(&query, 512);
    buf_append_text(&query, "?user=");
    if (span_empty(user) || !http_client_encode(user, &query))
        return slack_end(SLACK_REFUSED, "user_not_found");
    return slack_call(s, &(struct slack_call){ .method = method, .query = buf_span(&query) }, doc);
}

static bool read_text(const struct from_json_value *object, const char *key, char *to, size_t room)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err ignored;
    if (from_json_text(&v, SLACK_ANSWER_BYTES, &text, &ignored) != OK)
        return false;
    text = span_slice(text, 0, room - 1);
    if (text.bytes > 0)
        memcpy(to, text.at, text.bytes);
    to[text.bytes] = '\0';
    return true;
}

/* A profile that names no status says nothing: it must not be taken for one that is free. */
bool slack_read_status(const struct from_json_value *root, struct slack_status *out)
{
    struct from_json_value profile = from_json_member(root, "profile"), expires = from_json_member(&profile, "status_expiration");
    struct err ignored;
    *out = (struct slack_status){ 0 };
    return read_text(&profile, "status_text", out->text, sizeof out->text) && read_text(&profile, "status_emoji", out->emoji, sizeof out->emoji) &&
           from_json_int_opt(&expires, 0, INT64_C(1) << 52, &out->expires_s, &ignored) == OK;
}

struct slack_result slack_status_get(struct slack *s, struct span user, struct slack_status *out)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct slack_status){ 0 };
    struct slack_result r = ask(s, "users.profile.get", user, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    return slack_read_status(&root, out) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

/* 1: on, 0: off or absent, -1: no flag at all. */
static int flag_at(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool on = false;
    struct err ignored;
    return from_json_bool_opt(&v, &on, &ignored) == OK ? on : -1;
}

bool slack_read_plain_member(const struct from_json_value *root, struct span user, bool *plain)
{
    static const char *const others[] = { "deleted", "is_bot", "is_stranger", "is_restricted", "is_ultra_restricted", "is_admin", "is_owner", "is_primary_owner" };
    struct from_json_value found = from_json_member(root, "user");
    bool all_off = true;
    *plain = false;
    if (!span_equal(slack_text_at(&found, "id"), user))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        int flag = flag_at(&found, others[i]);
        if (flag < 0)
            return false;
        all_off = all_off && flag == 0;
    }
    *plain = all_off;
    return true;
}

struct slack_result slack_is_plain_member(struct slack *s, struct span user, bool *plain)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *plain = false;
    struct slack_result r = ask(s, "users.info", user, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    return slack_read_plain_member(&root, user, plain) ? r : slack_end(SLACK_LATER, "unreadable_answer");
}

/* ---- writing ---- */

static void write_status(struct to_json *w, struct span user, struct span text, struct span emoji, int64_t expires_s)
{
    to_json_object(w);
    to_json_member_text(w, "user", user);
    to_json_key(w, "profile");
    to_json_object(w);
    to_json_member_text(w, "status_text", text);
    to_json_member_text(w, "status_emoji", emoji);
    to_json_member_int(w, "status_expiration", expires_s);
    to_json_end(w);
    to_json_end(w);
}

/* Setting the same twice changes nothing, so an unclear end is no matter. */
struct slack_result slack_status_set(struct slack *s, struct span user, struct span text, struct span emoji, int64_t expires_s)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    write_status(&w, user, text, emoji, expires_s);
    return body.failed ? slack_end(SLACK_REFUSED, "too_long") : slack_call(s, &(struct slack_call){ .method = "users.profile.set", .body = buf_span(&body) }, &doc);
}
