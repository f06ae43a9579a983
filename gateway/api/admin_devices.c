#include "connectors/identity/client_certificate.h"
#include "gateway/agents.h"
#include "gateway/api/admin.h"
#include "gateway/api/posture_view.h"
#include "gateway/change.h"
#include "gateway/doors/device_browsers.h"
#include "gateway/pages/device_enroll.h"
#include "gateway/people.h"

struct listing { struct admin_page page; size_t unowned; };

static bool collect(void *context, const struct device *d)
{
    struct listing *l = context;
    struct span query = l->page.list.query;
    if (d->removed || (!span_empty(query) && !span_equal_fold(d->serial, query) && !span_equal_fold(d->name, query)))
        return true;
    l->unowned += span_empty(d->owner);
    admin_page_offer(&l->page, NULL, d->id);
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
        const struct device *d = directory_device(r->node->directory, l.page.all[i].id);
        if (d == NULL)
            continue;
        to_json_object(&w);
        posture_write_device(r, d, &view, &w);
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

/* Without their keys: what an administrator needs to tell them apart. */
static void write_credentials(const struct device *d, struct to_json *w)
{
    to_json_key(w, "credentials");
    to_json_array(w);
    for (size_t i = 0; i < d->credential_count; i++) {
        const struct credential *c = &d->credentials[i];
        to_json_object(w);
        to_json_member_text(w, "kind", span_of(credential_kind_name(c->kind)));
        to_json_member_text(w, "id", c->id);
        to_json_member_text_if(w, "label", c->label);
        to_json_member_text_if(w, "source", c->source);
        to_json_member_time_if(w, "created_at", c->created_s);
        to_json_member_time_if(w, "used_at", c->used_s);
        if (c->kind == CREDENTIAL_WEBAUTHN)
            to_json_member_bool(w, "backup_eligible", c->backup_eligible);
        if (!span_equal(c->person, d->owner))
            to_json_member_bool(w, "void", true); /* of a former owner: it proves nothing */
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
        write_credentials(d, &w);
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

static enum err_code read_digest(struct http_request *r, struct span raw, struct edit *e, struct err *err)
{
    e->kind = SPAN_LITERAL("certificate");
    if (raw.bytes == SECRET_HEX_BYTES && identifier_normalize(e->kind, raw, r->arena, &e->value))
        return OK;
    return err_set(err, ERR_INPUT, "certificate_sha256 must be 64 hex digits");
}

static enum err_code read_number(struct http_request *r, struct span raw, struct edit *e, struct err *err)
{
    e->kind = SPAN_LITERAL("certificate_serial");
    if (identifier_normalize(e->kind, raw, r->arena, &e->value))
        return OK;
    return err_set(err, ERR_INPUT, "certificate_serial must be at most 40 hex digits, and not zero");
}

static enum err_code read_decimal(struct http_request *r, struct span raw, struct edit *e, struct err *err)
{
    struct span hex;
    enum err_code code = client_certificate_serial_from_decimal(raw, r->arena, &hex, err);
    return code == OK ? read_number(r, hex, e, err) : code;
}

/* {"certificate_sha256": "<64 hex digits>"}, or the certificate's own number: the device is known by its client certificate from now on. One of them. */
static enum err_code read_identifier(struct http_request *r, const struct from_json_value *root, struct edit *e, struct err *err)
{
    static const struct { const char *member; enum err_code (*read)(struct http_request *, struct span, struct edit *, struct err *); } ways[] = {
        { "certificate_sha256", read_digest }, { "certificate_serial", read_number }, { "certificate_serial_decimal", read_decimal },
    };
    size_t count = 0;
    enum err_code code = OK;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && code == OK; i++) {
        struct span raw = SPAN_NONE;
        code = admin_text(r, root, ways[i].member, false, &raw, err);
        if (code != OK || span_empty(raw))
            continue;
        count++;
        code = ways[i].read(r, raw, e, err);
    }
    return code != OK || count == 1 ? code : err_set(err, ERR_INPUT, "one of certificate_sha256, certificate_serial and certificate_serial_decimal is needed");
}

void admin_device_identifier(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "certificate_sha256", "certificate_serial", "certificate_serial_decimal", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(buf_done) struct buf holder;
    struct span id;
    struct err err;
    struct edit e = { .node = r->node, .cause = admin_cause(r) };
    buf_init(&holder, 64);
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = read_identifier(r, &root, &e, &err);
    if (code == OK && r->store->ops->claim(r->store, e.kind, e.value, id, &holder, &err) != OK)
        code = err.code == ERR_CONFLICT ? err_set(&err, ERR_CONFLICT, "the certificate belongs to %.*s", SPAN_ARGS(buf_span(&holder))) : err.code;
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

/* ---- browsers ---- */

/* The address is a capability for 15 minutes: it is answered here, once, and stands in no log. */
void admin_device_link(struct http_request *r, struct http_response *res)
{
    struct device_enroll_link link;
    struct span id;
    struct err err;
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = device_enroll_link(r, id, &link, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "device", link.device);
    to_json_member_text(&w, "name", link.name);
    to_json_member_text_if(&w, "person", link.person);
    to_json_member_text(&w, "url", link.url);
    to_json_member_time_if(&w, "expires_at", link.expires_s);
    to_json_end(&w);
}

void admin_device_forget(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    enum err_code code = admin_device_id(r, r->params[0], &id, &err);
    struct device_forgetting what = { id, r->params[1], admin_cause(r) };
    if (code == OK)
        code = device_browsers_forget(r->node, r->store, &what, &err);
    answer(r, res, code, id, &err);
}
