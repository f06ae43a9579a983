/* Device managers for administrators: how the reading stands, what they say of our devices, what they know and we do not, and how far the fallback has come. */
#include "gateway/api/admin.h"
#include "gateway/change.h"
#include "gateway/effects.h"
#include "gateway/managers.h"

enum { DESTINATIONS_MOST = EFFECTS_MAX_WEBHOOKS + MANAGERS_MOST + 4, HINT_BYTES = 512 };

/* ---- managers ---- */

static const struct effects_destination *find_destination(const struct effects_destination *all, size_t count, struct span manager)
{
    struct span prefix = SPAN_LITERAL("mdm:");
    for (size_t i = 0; i < count; i++) {
        struct span name = span_of(all[i].name);
        if (span_starts(name, prefix) && span_equal(span_slice(name, prefix.bytes, name.bytes), manager))
            return &all[i];
    }
    return NULL;
}

static void write_manager(struct to_json *w, const struct manager *m, const struct manager_status *s, const struct effects_destination *d)
{
    to_json_object(w);
    to_json_member_text(w, "id", m->options.id);
    to_json_member_text(w, "kind", span_of(mdm_kind_name(m->options.kind)));
    to_json_member_text(w, "title", span_of(m->ops->title));
    to_json_member_text(w, "url", m->options.url);
    to_json_member_text_if(w, "strict", m->options.strict);
    to_json_member_bool(w, "acts", m->ops->strict != NULL && !span_empty(m->options.strict));
    to_json_member_bool(w, "invites", !span_empty(m->options.invitation));
    to_json_member_bool(w, "webhook", m->ops->hook != NULL && !span_empty(m->options.hook_secrets[0]));
    to_json_member_time_if(w, "read_at", s->swept_s);
    to_json_member_int(w, "devices", s->devices);
    to_json_member_int(w, "matched", s->matched);
    to_json_member_int(w, "unmatched", (int64_t)s->stranger_total);
    to_json_member_time_if(w, "held_at", s->held_s);
    if (d != NULL && d->why[0] != '\0')
        to_json_member_text(w, "error", span_of(d->why));
    to_json_end(w);
}

static void list_managers(struct http_request *r, struct http_response *res)
{
    struct effects_destination *destinations = arena_array(r->arena, DESTINATIONS_MOST, sizeof *destinations);
    size_t count = r->node->effects != NULL && destinations != NULL ? effects_destinations(r->node->effects, destinations, DESTINATIONS_MOST) : 0;
    struct manager_status all[MANAGERS_MOST];
    const struct managers *managers = r->node->managers;
    struct err err;
    for (size_t i = 0; managers != NULL && i < managers->count; i++)
        if (manager_status_load(r->store, &managers->all[i], r->arena, &all[i], &err) != OK) {
            admin_problem(r, res, &err);
            return;
        }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "managers");
    to_json_array(&w);
    for (size_t i = 0; managers != NULL && i < managers->count; i++)
        write_manager(&w, &managers->all[i], &all[i], find_destination(destinations, count < DESTINATIONS_MOST ? count : DESTINATIONS_MOST, managers->all[i].options.id));
    to_json_end(&w);
    to_json_end(&w);
}

static const struct manager *manager_of(struct http_request *r, struct http_response *res)
{
    const struct manager *m = managers_find(r->node->managers, r->params[0]);
    if (m == NULL)
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no device manager of that id is configured");
    return m;
}

static void list_unmatched(struct http_request *r, struct http_response *res)
{
    struct manager_status s;
    struct err err;
    const struct manager *m = manager_of(r, res);
    if (m == NULL)
        return;
    if (manager_status_load(r->store, m, r->arena, &s, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "unmatched");
    to_json_array(&w);
    for (size_t i = 0; i < s.stranger_count; i++) {
        to_json_object(&w);
        to_json_member_text(&w, "id", s.strangers[i].id);
        to_json_member_text_if(&w, "serial", s.strangers[i].serial);
        to_json_member_text_if(&w, "name", s.strangers[i].name);
        to_json_member_text(&w, "platform", span_of(platform_name(s.strangers[i].platform)));
        to_json_member_time_if(&w, "seen_at", s.strangers[i].contact_s);
        to_json_member_bool(&w, "conflict", s.strangers[i].conflict);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_member_int(&w, "total", (int64_t)s.stranger_total);
    to_json_end(&w);
}

/* Reads the whole list now, on whichever node holds the lease. */
static void sync_manager(struct http_request *r, struct http_response *res)
{
    char event_id[EVENT_ID_BYTES + 1];
    struct buf data;
    struct to_json w;
    struct err err;
    const struct manager *m = manager_of(r, res);
    if (m == NULL)
        return;
    buf_init(&data, HINT_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "manager", m->options.id);
    to_json_end(&w);
    secret_new_id('e', event_id);
    struct event event = { .id = span_of(event_id), .at_ms = r->now_ms, .type = SPAN_LITERAL("mdm.hint"), .cause = admin_cause(r), .data = buf_span(&data) };
    enum err_code code = buf_check(&data, "a hint", &err);
    if (code == OK)
        code = r->store->ops->append(r->store, r->store->ops->partitions(r->store), &event, 1, &err);
    buf_done(&data);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json out = response_json(res, 202);
    to_json_object(&out);
    to_json_member_text(&out, "asked", m->options.id);
    to_json_end(&out);
}

/* ---- devices ---- */

static void write_link(struct to_json *w, const struct managed_link *l)
{
    to_json_object(w);
    to_json_member_text(w, "manager", l->manager);
    to_json_member_text(w, "id", l->id);
    to_json_member_text(w, "managed", span_of(mdm_truth_name(l->managed)));
    to_json_member_text(w, "encrypted", span_of(mdm_truth_name(l->encrypted)));
    to_json_member_text(w, "firewall", span_of(mdm_truth_name(l->firewall)));
    to_json_member_text(w, "personal", span_of(mdm_truth_name(l->personal)));
    to_json_member_text_if(w, "owner", l->owner);
    to_json_member_text_if(w, "os_version", l->os_version);
    to_json_member_text_if(w, "compliance", l->compliance);
    to_json_member_text_if(w, "group", l->group);
    to_json_member_time_if(w, "seen_at", l->contact_s);
    to_json_member_time_if(w, "observed_at", l->facts_s);
    to_json_member_time_if(w, "gone_at", l->gone_s);
    to_json_end(w);
}

static void write_fallback(struct to_json *w, const struct fallback *f)
{
    to_json_key(w, "fallback");
    to_json_object(w);
    to_json_member_text(w, "state", span_of(fallback_state_name(f->state)));
    to_json_member_text_if(w, "manager", f->manager);
    if (f->state != FALLBACK_NONE)
        to_json_member_text(w, "kind", f->invited ? SPAN_LITERAL("invitation") : SPAN_LITERAL("strict"));
    to_json_member_text_if(w, "former", f->former);
    to_json_member_time_if(w, "announced_at", f->announced_s);
    to_json_member_time_if(w, "told_at", f->told_s);
    to_json_member_time_if(w, "asked_at", f->asked_s);
    to_json_member_time_if(w, "acted_at", f->acted_s);
    to_json_member_time_if(w, "confirmed_at", f->confirmed_s);
    to_json_member_time_if(w, "clean_since", f->clean_s);
    to_json_member_text_if(w, "open", f->why);
    to_json_end(w);
}

static void write_disagreements(struct to_json *w, const struct device *d)
{
    to_json_key(w, "disagreements");
    to_json_array(w);
    for (size_t i = 0; i < d->result_count; i++) {
        const struct result *result = &d->results[i];
        if (result->other == VERDICT_UNKNOWN)
            continue;
        to_json_object(w);
        to_json_member_text(w, "check", result->check);
        to_json_member_text(w, "osquery", span_of(verdict_name(result->own)));
        to_json_member_text(w, "mdm", span_of(verdict_name(result->other)));
        to_json_member_text(w, "result", span_of(verdict_name(result->verdict)));
        to_json_member_time_if(w, "since", result->own_s);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_device(struct to_json *w, const struct device *d)
{
    to_json_object(w);
    to_json_member_text(w, "id", d->id);
    to_json_member_text_if(w, "name", d->name);
    to_json_member_text_if(w, "serial", d->serial);
    to_json_member_text(w, "platform", span_of(platform_name(d->platform)));
    to_json_member_text_if(w, "owner", d->owner);
    to_json_member_text_if(w, "rung", d->rung);
    to_json_key(w, "managers");
    to_json_array(w);
    for (size_t i = 0; i < d->link_count; i++)
        write_link(w, &d->links[i]);
    to_json_end(w);
    write_fallback(w, &d->fallback);
    write_disagreements(w, d);
    to_json_end(w);
}

static bool disagrees(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].other != VERDICT_UNKNOWN)
            return true;
    return false;
}

/* Work that is not done: asked for and not confirmed, in the way back, or stuck. */
static bool is_open(const struct device *d)
{
    unsigned state = d->fallback.state;
    return state == FALLBACK_ASKED || state == FALLBACK_ACTED || state == FALLBACK_UNDOING || !span_empty(d->fallback.why);
}

enum show { SHOW_ALL, SHOW_OPEN, SHOW_DISAGREEMENTS, SHOW_FALLBACKS };
struct listing { struct admin_page page; enum show show; };

static bool collect(void *context, const struct device *d)
{
    struct listing *l = context;
    bool wanted = l->show == SHOW_OPEN ? is_open(d) : l->show == SHOW_DISAGREEMENTS ? disagrees(d) : l->show == SHOW_FALLBACKS ? d->fallback.state != FALLBACK_NONE
                  : d->link_count > 0 || d->fallback.state != FALLBACK_NONE;
    if (!d->removed && wanted)
        admin_page_offer(&l->page, NULL, d->id);
    return true;
}

static enum err_code read_show(const struct http_request *r, enum show *out, struct err *err)
{
    static const char *const names[] = { "all", "open", "disagreements", "fallbacks" };
    struct span text = SPAN_NONE;
    enum err_code code = request_query(r, "show", &text, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    for (unsigned i = 0; code == OK && i < sizeof names / sizeof names[0]; i++)
        if (span_equal_text(text, names[i]))
            return *out = (enum show)i, OK;
    return code != OK ? code : err_set(err, ERR_INPUT, "show must be all, open, disagreements or fallbacks");
}

static void list_devices(struct http_request *r, struct http_response *res)
{
    struct listing l = { .show = SHOW_ALL };
    struct err err;
    if (admin_page_begin(r, &l.page, &err) != OK || read_show(r, &l.show, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    directory_enter(r->node->directory);
    directory_each_device(r->node->directory, collect, &l);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "devices");
    to_json_array(&w);
    for (size_t i = 0; i < l.page.count; i++) {
        const struct device *d = directory_device(r->node->directory, l.page.all[i].id);
        if (d != NULL)
            write_device(&w, d);
    }
    to_json_end(&w);
    admin_page_write_end(&l.page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

static void show_one(struct http_request *r, struct http_response *res, struct span id)
{
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, id);
    if (d == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no such device");
    } else {
        struct to_json w = response_json(res, 200);
        write_device(&w, d);
    }
    directory_leave(r->node->directory);
}

static void show_device(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    if (admin_device_id(r, r->params[0], &id, &err) != OK)
        admin_problem(r, res, &err);
    else
        show_one(r, res, id);
}

struct retrying { const struct node *node; struct span cause; };

static enum change_say edit_retry(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct retrying *t = context;
    if (copy->removed || copy->fallback.state == FALLBACK_NONE)
        return (void)err_set(err, ERR_NOT_FOUND, "no fallback is under way for this device"), CHANGE_REFUSE;
    copy->fallback.why = SPAN_NONE;
    if (!change_event(events, t->node, "mdm.retry", copy->owner, copy->id, t->cause, SPAN_LITERAL("{}")))
        return (void)err_set(err, ERR_MEMORY, "the fallback"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static void retry_device(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    struct retrying t = { r->node, admin_cause(r) };
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = change_device(r->node, r->store, id, false, edit_retry, &t, &err);
    if (code != OK)
        admin_problem(r, res, &err);
    else
        show_one(r, res, id);
}

#define ROW(method, path, body, handler, name) { method, path, ADMIN_LISTENERS, SCOPE_ADMIN, body, PROBLEM_JSON, 0, NULL, handler, name }
static const struct route rows[] = {
    ROW(HTTP_GET, "/admin/v1/mdm", 0, list_managers, "admin.mdm"),
    ROW(HTTP_POST, "/admin/v1/mdm/{id}/sync", 4096, sync_manager, "admin.mdm.sync"),
    ROW(HTTP_GET, "/admin/v1/mdm/{id}/unmatched", 0, list_unmatched, "admin.mdm.unmatched"),
    ROW(HTTP_GET, "/admin/v1/mdm-devices", 0, list_devices, "admin.mdm.devices"),
    ROW(HTTP_GET, "/admin/v1/mdm-devices/{id}", 0, show_device, "admin.mdm.device"),
    ROW(HTTP_POST, "/admin/v1/mdm-devices/{id}/retry", 4096, retry_device, "admin.mdm.device.retry"),
};
const struct route_table admin_mdm_routes = { rows, sizeof rows / sizeof rows[0] };
