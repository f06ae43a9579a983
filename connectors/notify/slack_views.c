#include "connectors/notify/slack_call.h"

/* ---- messages that are there already ---- */

static void write_update(const struct slack_posted *place, const struct slack_message *m, struct buf *body)
{
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_member_text(&w, "channel", span_of(place->conversation));
    to_json_member_text(&w, "ts", span_of(place->message));
    to_json_member_text(&w, "text", m->text);
    to_json_key(&w, "blocks");
    to_json_raw(&w, span_empty(m->blocks) ? SPAN_LITERAL("[]") : m->blocks);
    to_json_member_text(&w, "parse", SPAN_LITERAL("none"));
    to_json_member_bool(&w, "link_names", false);
    to_json_end(&w);
}

struct slack_result slack_update(struct slack *s, const struct slack_posted *place, const struct slack_message *m)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, SLACK_MESSAGE_BYTES);
    write_update(place, m, &body);
    return body.failed ? slack_end(SLACK_REFUSED, "message_too_long") : slack_call(s, &(struct slack_call){ .method = "chat.update", .body = buf_span(&body) }, &doc);
}

/* ---- views ---- */

static struct slack_result send_view(struct slack *s, const char *method, const char *key, struct span value, struct span view)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, SLACK_MESSAGE_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, key, value);
    to_json_key(&w, "view");
    to_json_raw(&w, view);
    to_json_end(&w);
    return body.failed ? slack_end(SLACK_REFUSED, "view_too_large") : slack_call(s, &(struct slack_call){ .method = method, .body = buf_span(&body) }, &doc);
}

/* Without a hash: the newest state of ours always wins, so there is nothing to conflict with. */
struct slack_result slack_publish_home(struct slack *s, struct span user, struct span view) { return send_view(s, "views.publish", "user_id", user, view); }
struct slack_result slack_open_view(struct slack *s, struct span trigger, struct span view) { return send_view(s, "views.open", "trigger_id", trigger, view); }

/* ---- answers ---- */

/* Where Slack takes answers: hooks.slack.com, and that of the government cloud. In tests, whoever plays Slack's API. */
static bool is_slacks(const struct slack *s, struct span url)
{
    static const char *const hosts[] = { "https://hooks.slack.com/", "https://hooks.slack-gov.com/" };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (span_starts(url, span_of(hosts[i])))
            return true;
    struct span base = span_of(s->base), rest = span_slice(base, sizeof "http://" - 1, base.bytes), origin = span_slice(base, 0, sizeof "http://" - 1 + span_find(rest, '/'));
    return s->loopback && span_starts(base, SPAN_LITERAL("http://")) && span_starts(url, origin) && url.bytes > origin.bytes && url.at[origin.bytes] == '/';
}

struct slack_result slack_respond(struct slack *s, struct span response_url, struct span message)
{
    return is_slacks(s, response_url) ? slack_call_url(s, response_url, message) : slack_end(SLACK_REFUSED, "address_not_slacks");
}
