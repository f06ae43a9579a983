#include "gateway/agents.h"
#include "gateway/api/admin.h"
#include "gateway/api/posture_view.h"
#include "gateway/change.h"
#include "gateway/people.h"

struct listing { struct admin_page page; size_t unowned; };

static bool collect(void *context, const struct device *d)
{
    struct listing *l = context;
    struct span query = l->page.list.query;
    if (d->removed || (!span_empty(query) && !span_equal_fold(d->serial, query) && !span_equal_fold(d->name, query)))
        return true;
    l->unowned += span_empty(d->owner);
    admin_page_offer(&l->page, d, d->id);
    return true;
}

void admin_list_devices(struct http_request *r, struct http_response *res)
{
    struct posture_view view = { .with_owner_email = true };
    struct listing l = { 0 };
    struct err err;
    if (admin_page_begin(r, &l.page, &err) != OK) {
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
        to_json_object(&w);
        posture_write_device(r, l.page.all[i].item, &view, &w);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_member_int(&w, "unowned", (int64_t)l.unowned);
    admin_page_write_end(&l.page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

static void write_identifiers(const struct device *d, struct to_json *w)
{
    to_json_key(w, "identifiers");
    to_json_array(w);
    for (size_t i = 0; i < d->identifier_count; i++) {
        to_json_object(w);
        to_json_member_text(w, "kind", d->identifiers[i].kind);
        to_json_member_text(w, "value", d->identifiers[i].value);
        to_json_member_text_if(w, "source", d->identifiers[i].source);
        to_json_end(w);
    }
    to_json_end(w);
}

static void show(struct http_request *r, struct http_response *res, struct span id)
{
    struct posture_view view = { .with_owner_email = true };
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, id);
    if (d == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no such device");
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        posture_write_device(r, d, &view, &w);
        write_identifiers(d, &w);
        to_json_member_text_if(&w, "owner_source", d->owner_source);
        to_json_member_time_if(&w, "enrolled_at", d->enrolled_s);
        to_json_member_text_if(&w, "group", d->group);
        to_json_member_text_if(&w, "agent_version", d->agent_version);
        to_json_member_text_if(&w, "duplicate_of", d->duplicate_of);
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

static void answer(struct http_request *r, struct http_response *res, enum err_code code, struct span id, const struct err *err)
{
    if (code == OK)
        show(r, res, id);
    else
        admin_problem(r, res, err);
}

void admin_show_device(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    answer(r, res, code, id, &err);
}

/* {"person": "ana@acme.example" or null, "force": false} */
void admin_device_owner(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "person", "force", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct span id, name = SPAN_NONE, person = SPAN_NONE;
    bool force = false;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc), forced = from_json_member(&root, "force");
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = admin_text(r, &root, "person", false, &name, &err);
    if (code == OK && !span_empty(name))
        code = admin_person_id(r, name, &person, &err);
    if (code == OK)
        code = from_json_bool_opt(&forced, &force, &err);
    struct ownership what = { id, person, SPAN_LITERAL("assign"), admin_cause(r), force };
    if (code == OK)
        code = people_assign(r->node, r->store, &what, &err);
    answer(r, res, code, id, &err);
}

void admin_device_recheck(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    bool already = false;
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = agents_recheck(r->node, r->store, id, NULL, 0, admin_cause(r), &already, &err);
    answer(r, res, code, id, &err);
}

/* ---- identifiers and removal ---- */

struct edit { const struct node *node; struct span kind, value, cause; };

static enum change_say edit_identifier(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct edit *e = context;
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    for (size_t i = 0; all != NULL && i < d->identifier_count; i++) {
        if (span_equal(d->identifiers[i].kind, e->kind) && span_equal(d->identifiers[i].value, e->value))
            return CHANGE_NOTHING;
        all[i] = d->identifiers[i];
    }
    if (all == NULL || d->identifier_count >= DEVICE_MAX_IDENTIFIERS)
        return (void)err_set(err, ERR_LIMIT, "more than %d identifiers", DEVICE_MAX_IDENTIFIERS), CHANGE_REFUSE;
    all[d->identifier_count] = (struct identifier){ arena_copy(&d->arena, e->kind), arena_copy(&d->arena, e->value), SPAN_LITERAL("admin"), clock_wall_s(e->node->clock) };
    d->identifiers = all;
    d->identifier_count++;
    struct span data = arena_format(events->arena, "{\"kind\":\"%.*s\"}", SPAN_ARGS(e->kind));
    if (!change_event(events, e->node, "device.identifier", d->owner, d->id, e->cause, data))
        return (void)err_set(err, ERR_MEMORY, "identifier"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* {"certificate_sha256": "<64 hex digits>"}: the device is known by its client certificate from now on. */
void admin_device_identifier(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "certificate_sha256", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(buf_done) struct buf holder;
    struct span id, raw, value;
    struct err err;
    buf_init(&holder, 64);
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = admin_text(r, &root, "certificate_sha256", true, &raw, &err);
    if (code == OK && (raw.bytes != 64 || !identifier_normalize(SPAN_LITERAL("certificate"), raw, r->arena, &value)))
        code = err_set(&err, ERR_INPUT, "certificate_sha256 must be 64 hex digits");
    if (code == OK && r->store->ops->claim(r->store, SPAN_LITERAL("certificate"), value, id, &holder, &err) != OK)
        code = err.code == ERR_CONFLICT ? err_set(&err, ERR_CONFLICT, "the certificate belongs to %.*s", SPAN_ARGS(buf_span(&holder))) : err.code;
    struct edit e = { r->node, SPAN_LITERAL("certificate"), value, admin_cause(r) };
    if (code == OK)
        code = change_device(r->node, r->store, id, false, edit_identifier, &e, &err);
    answer(r, res, code, id, &err);
}

static enum change_say edit_remove(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct edit *e = context;
    if (d->removed)
        return CHANGE_NOTHING;
    d->removed = true; /* a tombstone: a returning node key hears node_invalid and enrols anew */
    if (!change_event(events, e->node, "device.removed", d->owner, d->id, e->cause, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "removal"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

void admin_device_remove(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    struct edit e = { .node = r->node, .cause = admin_cause(r) };
    if (code == OK)
        code = change_device(r->node, r->store, id, false, edit_remove, &e, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "device", id);
    to_json_member_bool(&w, "removed", true);
    to_json_end(&w);
}
