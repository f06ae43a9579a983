/* What a person would be sent and would see in Slack now. Nothing is sent. */
#include "gateway/api/admin.h"
#include "gateway/slack/slack_preview.h"

static void write_said(struct to_json *w, const char *key, const struct slack_said *said)
{
    to_json_key(w, key);
    to_json_object(w);
    to_json_member_text(w, "text", buf_span(&said->text));
    to_json_key(w, "blocks");
    to_json_raw(w, buf_span(&said->blocks));
    to_json_end(w);
}

static void write_digest(struct to_json *w, const struct slack_preview *p)
{
    if (p->tells) {
        write_said(w, "digest", &p->digest);
    } else {
        to_json_key(w, "digest");
        to_json_null(w);
    }
    to_json_member_bool(w, "would_be_sent_now", p->tells && p->plan.send && !span_empty(p->channel));
    to_json_member_text_if(w, "channel", p->channel);
    to_json_member_text_if(w, "why_not", p->plan.send && span_empty(p->channel) ? SPAN_LITERAL("no channel is configured") : p->plan.why);
    if (!p->plan.send)
        to_json_member_time_if(w, "not_before", p->plan.at_s);
}

static void write_preview(struct http_response *res, struct span person, const struct slack_preview *p)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", person);
    write_digest(&w, p);
    to_json_key(&w, "home");
    to_json_raw(&w, buf_span(&p->home));
    write_said(&w, "greeting", &p->greeting);
    to_json_end(&w);
}

void admin_slack_preview(struct http_request *r, struct http_response *res)
{
    struct slack_preview preview;
    struct span id = SPAN_NONE;
    struct err err = { 0 };
    slack_preview_init(&preview);
    enum err_code code = admin_person_id(r, r->params[0], &id, &err);
    directory_enter(r->node->directory);
    if (code == OK)
        code = slack_preview_make(r->node, r->store, id, r->arena, &preview, &err);
    if (code == OK)
        write_preview(res, id, &preview);
    directory_leave(r->node->directory);
    if (code != OK)
        admin_problem(r, res, &err);
    slack_preview_done(&preview);
}
