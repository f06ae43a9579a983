/* /admin/v1/archive: what a reader of the archive's files needs of the gateway: the public keys, signed heads, who a name in it stands for, and what is
 * sealed. Each look at persons is itself an event in the log. And the erasure of a person. */
#include "gateway/api/admin.h"
#include "gateway/archive_head.h"
#include "gateway/archive_keys.h"
#include "gateway/erasure.h"
#include "gateway/signing_ring.h"

#include <string.h>

enum { BODY_BYTES = 1024 * 1024, SEALED_BYTES = 512 * 1024, PLAIN_BYTES = 512 * 1024, JWS_BYTES = 16 * 1024, NAMES_MOST = 2000000 };

static void keys(struct http_request *r, struct http_response *res)
{
    struct err err;
    res->content_type = "application/json";
    if (signing_archive_jwks(r->node, &res->body, &err) != OK)
        admin_problem(r, res, &err);
}

/* ---- heads ---- */

static enum err_code write_head(struct http_request *r, unsigned partition, struct to_json *w, struct err *err)
{
    CLEANUP(buf_done) struct buf jws;
    struct archive_head head;
    char name[ARCHIVE_NAME_BYTES];
    buf_init(&jws, JWS_BYTES);
    enum err_code code = archive_head_load(r->store, partition, &head, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    if (code != OK)
        return code;
    archive_chain_name(partition, r->store->ops->partitions(r->store), name);
    const struct archive_statement s = { .chain = span_of(name), .at = head.at, .segment = head.segment };
    code = archive_head_sign(r->node, &s, &jws, err);
    if (code == OK)
        to_json_text(w, buf_span(&jws));
    return code;
}

static void heads(struct http_request *r, struct http_response *res)
{
    struct err err;
    enum err_code code = OK;
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "heads");
    to_json_array(&w);
    for (unsigned i = 0; code == OK && i <= r->store->ops->partitions(r->store); i++)
        code = write_head(r, i, &w, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    to_json_end(&w);
    to_json_end(&w);
}

/* ---- who is who ---- */

static enum err_code note_look(struct http_request *r, const char *type, struct span person, struct err *err)
{
    char id[EVENT_ID_BYTES + 1];
    secret_new_id('e', id);
    const struct event event = { .id = span_of(id), .at_ms = clock_wall_ms(r->node->clock), .type = span_of(type), .person = person, .cause = admin_cause(r) };
    unsigned partition = span_empty(person) ? r->store->ops->partitions(r->store) : r->store->ops->partition_of(r->store, RECORD_PERSON, person);
    return r->store->ops->append(r->store, partition, &event, 1, err);
}

struct naming { struct http_request *r; struct to_json *w; size_t written; };

static bool name_person(void *context, const struct person *p)
{
    struct naming *n = context;
    struct archive_key key;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (p->removed || span_empty(p->archive_salt))
        return true;
    archive_key_make(n->r->node->secret, p->archive_salt, &key);
    archive_key_person(&key, name);
    archive_key_wipe(&key);
    to_json_object(n->w);
    to_json_member_text(n->w, "name", span_of(name));
    to_json_member_text(n->w, "id", p->id);
    to_json_member_text_if(n->w, "email", p->email_count > 0 ? p->emails[0] : SPAN_NONE);
    to_json_end(n->w);
    return ++n->written < NAMES_MOST;
}

static bool name_device(void *context, const struct device *d)
{
    struct naming *n = context;
    const struct person *owner = span_empty(d->owner) ? NULL : directory_person(n->r->node->directory, d->owner);
    struct archive_key key;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (!span_empty(d->owner) && (owner == NULL || span_empty(owner->archive_salt)))
        return true;
    archive_key_make(n->r->node->secret, owner != NULL ? owner->archive_salt : SPAN_NONE, &key);
    archive_key_device(&key, d->id, name);
    archive_key_wipe(&key);
    to_json_object(n->w);
    to_json_member_text(n->w, "name", span_of(name));
    to_json_member_text(n->w, "id", d->id);
    to_json_member_text_if(n->w, "serial", d->serial);
    to_json_member_text_if(n->w, "owner", d->owner);
    to_json_end(n->w);
    return ++n->written < NAMES_MOST;
}

static void names(struct http_request *r, struct http_response *res)
{
    struct err err;
    if (note_look(r, "admin.archive_names", SPAN_NONE, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    struct naming n = { r, &w, 0 };
    to_json_object(&w);
    directory_enter(r->node->directory);
    to_json_key(&w, "persons");
    to_json_array(&w);
    directory_each_person(r->node->directory, name_person, &n);
    to_json_end(&w);
    to_json_key(&w, "devices");
    to_json_array(&w);
    directory_each_device(r->node->directory, name_device, &n);
    to_json_end(&w);
    directory_leave(r->node->directory);
    to_json_end(&w);
}

/* ---- what is sealed ---- */

static enum err_code long_text(const struct from_json_value *root, const char *key, size_t most, struct span *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    return from_json_text(&v, most, out, err);
}

/* {"id": "e_...", "sealed": "...", "person": "ana@acme.example"}; without a person it is of a device that belonged to nobody. */
static void open_record(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "id", "sealed", "person", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(buf_wipe) struct buf plain;
    struct span id = SPAN_NONE, sealed = SPAN_NONE, name = SPAN_NONE, person = SPAN_NONE;
    struct archive_key key = { { 0 } };
    struct err err;
    buf_init(&plain, PLAIN_BYTES);
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_text(r, &root, "id", true, &id, &err);
    if (code == OK)
        code = long_text(&root, "sealed", SEALED_BYTES, &sealed, &err);
    if (code == OK)
        code = admin_text(r, &root, "person", false, &name, &err);
    if (code == OK && !span_empty(name))
        code = admin_person_id(r, name, &person, &err);
    if (code == OK)
        code = archive_keys_of(r->node, r->store, person, &key, &err);
    if (code == OK)
        code = archive_key_open(&key, id, sealed, &plain, &err);
    archive_key_wipe(&key);
    if (code == OK)
        code = note_look(r, "admin.archive_opened", person, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "event");
    to_json_raw(&w, buf_span(&plain));
    to_json_end(&w);
}

/* ---- erasure ---- */

/* {"confirm": "<the same name again>"}: what goes does not come back. */
static void erase(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "confirm", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct span confirm = SPAN_NONE, id;
    struct erasure done;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_person_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = admin_text(r, &root, "confirm", true, &confirm, &err);
    if (code == OK && !span_equal(confirm, r->params[0]))
        code = err_set(&err, ERR_INPUT, "confirm must name the same person once more: what is erased does not come back");
    if (code == OK)
        code = erasure_of_person(r->node, r->store, id, admin_cause(r), &done, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", id);
    to_json_member_bool(&w, "erased", true);
    to_json_member_int(&w, "devices", done.devices);
    to_json_member_int(&w, "identifiers", done.identifiers);
    to_json_end(&w);
}

#define ROW(method, path, body, handler, name) { method, path, ADMIN_LISTENERS, SCOPE_ADMIN, body, PROBLEM_JSON, 0, NULL, handler, name }
static const struct route rows[] = {
    ROW(HTTP_GET, "/admin/v1/archive/keys", 0, keys, "admin.archive.keys"),
    ROW(HTTP_GET, "/admin/v1/archive/head", 0, heads, "admin.archive.head"),
    ROW(HTTP_GET, "/admin/v1/archive/names", 0, names, "admin.archive.names"),
    ROW(HTTP_POST, "/admin/v1/archive/open", BODY_BYTES, open_record, "admin.archive.open"),
    ROW(HTTP_POST, "/admin/v1/persons/{id}/erase", 4096, erase, "admin.person.erase"),
};
const struct route_table archive_routes = { rows, sizeof rows / sizeof rows[0] };
