/* How this gateway is, for `postern doctor`; and deliveries: what waits to be sent or was set aside. */
#include "gateway/api/admin.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/doors/okta_watch.h"
#include "gateway/effects.h"
#include "gateway/feed.h"
#include "gateway/slack/slack_app.h"

enum { DESTINATIONS = 64, DELIVERIES = 1000 };

static void write_store(struct http_request *r, struct to_json *w)
{
    CLEANUP(buf_done) struct buf about;
    struct err err;
    buf_init(&about, 4096);
    bool good = r->store->ops->ping(r->store, &about, &err) == OK;
    to_json_key(w, "store");
    to_json_object(w);
    to_json_member_bool(w, "ok", good);
    to_json_member_text_if(w, "about", good ? buf_span(&about) : span_of(err.text));
    to_json_member_int(w, "age_ms", directory_age_ms(r->node->directory));
    to_json_member_int(w, "lag_ms", feed_lag_ms(r->node->feed));
    to_json_end(w);
}

static bool count_unowned(void *context, const struct device *d)
{
    *(int64_t *)context += !d->removed && span_empty(d->owner);
    return true;
}

static bool count_unreachable(void *context, const struct person *p)
{
    *(int64_t *)context += !p->removed && span_empty(p->slack) && p->email_count == 0;
    return true;
}

static void write_directory(struct http_request *r, struct to_json *w)
{
    const struct directory *d = r->node->directory;
    struct directory_counts counts = directory_counts(d);
    int64_t unowned = 0;
    directory_each_device(d, count_unowned, &unowned);
    to_json_key(w, "directory");
    to_json_object(w);
    to_json_member_int(w, "devices", (int64_t)counts.devices);
    to_json_member_int(w, "persons", (int64_t)counts.persons);
    to_json_member_int(w, "unowned", unowned);
    to_json_member_bool(w, "complete", counts.complete);
    to_json_end(w);
}

static void write_destination(const struct effects_destination *e, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", span_of(e->name));
    to_json_member_text(w, "state", e->stopped ? SPAN_LITERAL("stopped") : e->why[0] != '\0' ? SPAN_LITERAL("failing") : SPAN_LITERAL("ok"));
    to_json_member_text_if(w, "detail", span_of(e->why));
    to_json_member_time_if(w, "failing_since", e->failing_s);
    to_json_member_int(w, "waiting", e->waiting);
    to_json_member_int(w, "set_aside", e->set_aside);
    to_json_end(w);
}

/* Slack (its messages and its replies) and e-mail are channels to people; webhooks tell machines; what else there is acts somewhere: at an IdP, at a device manager. */
enum destination_kind { CHANNEL, WEBHOOK, ACTOR, OURSELVES };
static enum destination_kind kind_of(const struct effects_destination *e)
{
    struct span name = span_of(e->name);
    if (span_equal_text(name, MARKER_READER))
        return ACTOR;
    if (span_starts(name, SPAN_LITERAL("slack")) || span_equal_text(name, "email"))
        return CHANNEL;
    return span_starts(name, SPAN_LITERAL("webhook:")) ? WEBHOOK : span_equal_text(name, "okta") || span_starts(name, SPAN_LITERAL("mdm:")) ? ACTOR : OURSELVES;
}

static void write_destinations(struct http_request *r, struct to_json *w)
{
    static const char *const keys[] = { [CHANNEL] = "channels", [WEBHOOK] = "webhooks", [ACTOR] = "actors" };
    struct effects_destination all[DESTINATIONS];
    size_t count = effects_destinations(r->node->effects, all, DESTINATIONS);
    count = count < DESTINATIONS ? count : DESTINATIONS;
    for (enum destination_kind kind = CHANNEL; kind < OURSELVES; kind++) {
        to_json_key(w, keys[kind]);
        to_json_array(w);
        for (size_t i = 0; i < count; i++)
            if (kind_of(&all[i]) == kind)
                write_destination(&all[i], w);
        to_json_end(w);
    }
}

static bool closes_something(const struct policy *policy)
{
    for (size_t i = 0; i < policy->ladder_count; i++)
        for (size_t k = 0; k < policy->ladders[i].rung_count; k++)
            if (policy->ladders[i].rungs[k].close != 0)
                return true;
    return false;
}

static void write_warning(void *context, struct span text) { to_json_text(context, text); }

static void write_warnings(struct http_request *r, struct to_json *w)
{
    const struct control *control = directory_control(r->node->directory);
    int64_t unreachable = 0;
    directory_each_person(r->node->directory, count_unreachable, &unreachable);
    to_json_key(w, "warnings");
    to_json_array(w);
    if (control->policy == NULL)
        to_json_text(w, SPAN_LITERAL("no policy is in force"));
    if (control->policy != NULL && closes_something(control->policy) && !r->node->options.slack && !r->node->options.email)
        to_json_text(w, SPAN_LITERAL("the policy closes apps, but no channel is configured: a notice counts only when it was shown on a login page"));
    if (control->policy != NULL && control->ring.halted)
        to_json_text(w, arena_format(r->arena, "the ring is halted (%.*s): everybody has the ladders before, until `postern ring resume`", SPAN_ARGS(control->ring.why)));
    if (control->policy != NULL)
        effects_warnings(r->node->effects, control->policy, write_warning, w);
    if (control->frozen)
        to_json_text(w, control->incident ? SPAN_LITERAL("an incident is on: nothing rises, and apps open as the policy's `incident` says, until `postern incident stop`")
                                          : SPAN_LITERAL("the breaker holds: nothing rises until `postern incident stop`; `postern incident start` opens apps too"));
    if (control->enroll_secret_count == 0)
        to_json_text(w, SPAN_LITERAL("there is no enrol secret: no agent can enrol (postern enroll-secret create)"));
    struct okta_failures failed = okta_watch_failures(r->node->okta);
    if (failed.count > 0) {
        char at[CLOCK_TEXT_BYTES];
        to_json_text(w, arena_format(r->arena, "Okta reported %llu inline hooks that failed, the last at %s: tokens went out unchanged (look for okta.hook_failed_open and okta.hook_not_understood)",
                                     (unsigned long long)failed.count, clock_rfc3339(failed.last_s, at)));
    }
    if (unreachable > 0)
        to_json_text(w, arena_format(r->arena, "%lld people have neither a Slack id nor an e-mail address", (long long)unreachable));
    int64_t doubted_s = 0;
    enum slack_trouble trouble = slack_app_trouble(r->node->slack, &doubted_s);
    if (trouble != SLACK_TROUBLE_NONE) {
        char at[CLOCK_TEXT_BYTES];
        to_json_text(w, arena_format(r->arena, "Slack said at %s that %s: nothing goes out by Slack until the app is installed again and postern is started with its new token", clock_rfc3339(doubted_s, at),
                                     trouble == SLACK_TROUBLE_UNINSTALLED ? "the app was uninstalled" : "its token is not good any more"));
    }
    device_certificates_warnings(r->node->device_certificates, r->now_s, write_warning, w);
    to_json_end(w);
}

void admin_status(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "version", SPAN_LITERAL(POSTERN_VERSION));
    to_json_member_text(&w, "public_url", r->node->options.public_url);
    to_json_member_text_if(&w, "device_url", r->node->options.device_url);
    to_json_member_time_if(&w, "now", r->now_s);
    write_store(r, &w);
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    to_json_key(&w, "policy");
    to_json_object(&w);
    if (policy != NULL) {
        to_json_member_text(&w, "name", policy->name);
        to_json_member_text(&w, "version", span_of(policy->version));
        to_json_member_int(&w, "checks", (int64_t)policy->check_count);
        to_json_member_int(&w, "apps", (int64_t)policy->app_count);
        admin_write_ring(r, &w);
    }
    to_json_end(&w);
    write_directory(r, &w);
    write_destinations(r, &w);
    write_warnings(r, &w);
    directory_leave(r->node->directory);
    admin_write_doors(r, &w);
    to_json_end(&w);
}

/* ---- deliveries ---- */

struct listing { struct to_json *w; unsigned left; };

static bool write_delivery(void *context, const struct delivery *d)
{
    struct listing *l = context;
    to_json_object(l->w);
    to_json_member_text(l->w, "id", d->id);
    to_json_member_text(l->w, "destination", d->destination);
    to_json_member_text_if(l->w, "event", d->type);
    to_json_member_text_if(l->w, "person", d->person);
    to_json_member_text(l->w, "state", d->set_aside ? SPAN_LITERAL("set_aside") : SPAN_LITERAL("waiting"));
    to_json_member_int(l->w, "tries", d->tries);
    to_json_member_text_if(l->w, "last_error", d->error);
    to_json_member_time_if(l->w, "since", d->first_ms / 1000);
    if (!d->set_aside)
        to_json_member_time_if(l->w, "due_at", d->due_ms / 1000);
    to_json_end(l->w);
    return --l->left > 0;
}

void admin_list_deliveries(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    struct listing l = { &w, DELIVERIES };
    struct err err;
    to_json_object(&w);
    to_json_key(&w, "deliveries");
    to_json_array(&w);
    if (effects_deliveries(r->node->effects, r->store, write_delivery, &l, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    to_json_end(&w);
    to_json_end(&w);
}

void admin_resend_delivery(struct http_request *r, struct http_response *res)
{
    struct err err;
    if (effects_resend(r->node->effects, r->store, r->params[0], admin_cause(r), &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 202);
    to_json_object(&w);
    to_json_member_text(&w, "id", r->params[0]);
    to_json_member_text(&w, "state", SPAN_LITERAL("sending"));
    to_json_end(&w);
}
