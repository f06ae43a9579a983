/* How the Slack app is: whose workspace, what the token may do, who can be reached; and the manifest to make it from. */
#include "gateway/api/admin.h"
#include "gateway/effects.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_line.h"
#include "gateway/slack/slack_manifest.h"
#include "gateway/slack/slack_token.h"

enum { MANIFEST_BYTES = 32 * 1024, DESTINATIONS = 64 };

static bool has_scope(struct span all, struct span wanted)
{
    struct span part;
    while (span_cut(&all, ',', &part))
        if (span_equal(span_trim(part), wanted))
            return true;
    return false;
}

static void write_missing(struct to_json *w, const struct slack_identity *who)
{
    to_json_key(w, "missing_scopes");
    to_json_array(w);
    for (const struct slack_scope *s = slack_manifest_scopes(); s->name != NULL; s++)
        if (who->scopes[0] != '\0' && !has_scope(span_of(who->scopes), span_of(s->name)))
            to_json_text(w, span_of(s->name));
    to_json_end(w);
}

static void write_trouble(const struct slack_app *app, struct to_json *w)
{
    int64_t at_s = 0;
    enum slack_trouble what = slack_app_trouble(app, &at_s);
    if (what == SLACK_TROUBLE_NONE)
        return;
    to_json_key(w, "trouble");
    to_json_object(w);
    to_json_member_text(w, "what", what == SLACK_TROUBLE_UNINSTALLED ? SPAN_LITERAL("app_uninstalled") : SPAN_LITERAL("token_revoked"));
    to_json_member_time_if(w, "at", at_s);
    to_json_end(w);
}

static void write_app(struct http_request *r, struct to_json *w)
{
    struct slack_identity who;
    struct slack_app *app = r->node->slack;
    to_json_member_bool(w, "configured", app != NULL);
    to_json_member_bool(w, "hears", slack_app_hears(app));
    if (app == NULL)
        return;
    to_json_member_text(w, "command", slack_app_options(app)->command);
    to_json_member_bool(w, "rotates", slack_app_rotates(slack_app_options(app)));
    write_trouble(app, w);
    if (slack_app_rotates(slack_app_options(app)))
        to_json_member_time_if(w, "token_expires_at", slack_token_expires_s(r->node, r->store));
    if (!slack_app_identity(app, &who))
        return;
    to_json_member_text(w, "team", span_of(who.team));
    to_json_member_text_if(w, "enterprise", span_of(who.enterprise));
    to_json_member_text(w, "user", span_of(who.user));
    write_missing(w, &who);
}

static void write_line(struct http_request *r, struct to_json *w)
{
    static const char *const states[] = { [SLACK_LINE_CONNECTING] = "connecting", [SLACK_LINE_OPEN] = "open", [SLACK_LINE_STOPPED] = "stopped" };
    struct slack_line_description line;
    if (r->node->slack_line == NULL)
        return;
    slack_line_describe(r->node->slack_line, &line);
    to_json_key(w, "socket");
    to_json_object(w);
    to_json_member_text(w, "state", span_of(states[line.state]));
    to_json_member_text_if(w, "why", span_of(line.why));
    to_json_member_time_if(w, "since", line.since_s);
    to_json_member_int(w, "opened", (int64_t)line.opened);
    to_json_end(w);
}

struct reach { int64_t known, unknown; };

static bool count_person(void *context, const struct person *p)
{
    struct reach *reach = context;
    reach->known += !p->removed && !span_empty(p->slack);
    reach->unknown += !p->removed && span_empty(p->slack);
    return true;
}

static void write_people(struct http_request *r, struct to_json *w)
{
    struct reach reach = { 0, 0 };
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, count_person, &reach);
    directory_leave(r->node->directory);
    to_json_member_int(w, "people_with_account", reach.known);
    to_json_member_int(w, "people_without_account", reach.unknown);
}

static void write_senders(struct http_request *r, struct to_json *w)
{
    struct effects_destination all[DESTINATIONS];
    size_t count = effects_destinations(r->node->effects, all, DESTINATIONS);
    to_json_key(w, "senders");
    to_json_array(w);
    for (size_t i = 0; i < count && i < DESTINATIONS; i++) {
        if (!span_starts(span_of(all[i].name), SPAN_LITERAL("slack")))
            continue;
        to_json_object(w);
        to_json_member_text(w, "id", span_of(all[i].name));
        to_json_member_text(w, "state", all[i].stopped ? SPAN_LITERAL("stopped") : all[i].why[0] != '\0' ? SPAN_LITERAL("failing") : SPAN_LITERAL("ok"));
        to_json_member_text_if(w, "detail", span_of(all[i].why));
        to_json_member_time_if(w, "failing_since", all[i].failing_s);
        to_json_member_int(w, "waiting", all[i].waiting);
        to_json_member_int(w, "set_aside", all[i].set_aside);
        to_json_end(w);
    }
    to_json_end(w);
}

void admin_slack(struct http_request *r, struct http_response *res)
{
    CLEANUP(buf_done) struct buf manifest;
    struct err err = { 0 };
    const struct slack_app_options *app = r->node->slack != NULL ? slack_app_options(r->node->slack) : NULL;
    const struct slack_manifest m = { r->node->options.public_url, app != NULL ? app->command : SPAN_LITERAL("/device"), app != NULL && slack_app_rotates(app), app != NULL && slack_app_calls(app) };
    buf_init(&manifest, MANIFEST_BYTES);
    enum err_code code = slack_manifest_write(&m, &manifest, &err);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    write_app(r, &w);
    write_line(r, &w);
    write_people(r, &w);
    write_senders(r, &w);
    to_json_key(&w, "manifest");
    if (code == OK)
        to_json_raw(&w, buf_span(&manifest));
    else
        to_json_null(&w);
    to_json_end(&w);
}

/* What had given up tries again, on every gateway: the order is in the log. */
void admin_slack_reconnect(struct http_request *r, struct http_response *res)
{
    struct err err;
    enum err_code code = r->node->slack != NULL ? slack_reconnect_append(r->node, r->store, admin_cause(r), &err) : err_set(&err, ERR_NOT_FOUND, "Slack is not configured here");
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 202);
    to_json_object(&w);
    to_json_member_text(&w, "state", SPAN_LITERAL("trying"));
    to_json_end(&w);
}
