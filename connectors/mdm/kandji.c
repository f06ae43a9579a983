#include "connectors/mdm/kandji.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/api/v1"

struct kandji { struct mdm base; struct mdm_http http; char strict[MDM_VENDOR_ID_BYTES + 1]; };

static void kandji_free(struct mdm *m)
{
    struct kandji *k = (struct kandji *)m;
    if (k == NULL)
        return;
    mdm_http_done(&k->http);
    secret_free(k, sizeof *k);
}

static bool is_uuid(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-'))
            return false;
    }
    return text.bytes == 36;
}

static enum err_code kandji_open(const struct mdm_options *o, struct mdm **out, struct err *err)
{
    char bearer[MDM_TOKEN_BYTES];
    enum err_code code = mdm_options_check(o, err);
    if (code == OK && !span_empty(o->strict) && !is_uuid(o->strict))
        code = err_set(err, ERR_INPUT, "mdm %.*s: strict must be the id (a UUID) of a blueprint", SPAN_ARGS(o->id));
    if (code != OK)
        return code;
    struct kandji *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(o->id));
    k->base.ops = &mdm_kandji;
    snprintf(k->strict, sizeof k->strict, "%.*s", SPAN_ARGS(o->strict));
    snprintf(bearer, sizeof bearer, "Bearer %.*s", SPAN_ARGS(o->secret));
    code = mdm_http_init(&k->http, o, span_of(bearer), err);
    k->http.permission = "Device list, Device details, Prism";
    secret_wipe(bearer, sizeof bearer);
    if (code != OK) {
        kandji_free(&k->base);
        return code;
    }
    *out = &k->base;
    return OK;
}

/* ---- reading: first the devices, then the table that says which disks are encrypted ---- */

struct place { bool filevault; uint64_t offset; };

/* "d/600", "f/300". */
static bool read_cursor(struct span cursor, struct place *out)
{
    *out = (struct place){ false, 0 };
    if (span_empty(cursor))
        return true;
    out->filevault = cursor.at[0] == 'f';
    return cursor.bytes > 2 && cursor.at[1] == '/' && span_to_u64(span_slice(cursor, 2, cursor.bytes), &out->offset) && out->offset <= 100000000;
}

static enum err_code read_page(const struct place *place, const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err)
{
    return place->filevault ? kandji_read_filevault(root, arena, out, err) : kandji_read_devices(root, arena, out, err);
}

static size_t rows_of(const struct place *place, const struct from_json_value *root)
{
    struct from_json_value data = from_json_member(root, "data");
    return from_json_count(place->filevault ? &data : root);
}

/* The devices come as a bare array; this table says how many rows it has, so one that was cut short does not look like its end. */
static bool is_cut_short(const struct place *place, const struct from_json_value *root, size_t rows)
{
    struct from_json_value total = from_json_member(root, "total");
    int64_t all = 0;
    return place->filevault && from_json_int(&total, 0, INT64_MAX, &all, NULL) == OK && rows < KANDJI_PAGE && place->offset + rows < (uint64_t)all;
}

static void set_next(const struct place *place, size_t rows, struct mdm_page *out)
{
    if (rows == KANDJI_PAGE)
        snprintf(out->next, sizeof out->next, "%c/%llu", place->filevault ? 'f' : 'd', (unsigned long long)place->offset + KANDJI_PAGE);
    else if (!place->filevault)
        snprintf(out->next, sizeof out->next, "f/0");
}

static struct mdm_result kandji_list(struct mdm *m, struct span cursor, int64_t since_s, struct arena *arena, struct mdm_page *out)
{
    struct kandji *k = (struct kandji *)m;
    struct from_json *doc = NULL;
    struct place place;
    struct err err;
    (void)since_s; /* it cannot filter by time */
    if (!read_cursor(cursor, &place))
        return mdm_say(MDM_GARBLED, "a place in the list that is none");
    const char *format = place.filevault ? API "/prism/filevault?limit=%d&offset=%llu" : API "/devices?limit=%d&offset=%llu";
    const struct mdm_request request = { .method = "GET", .path = arena_format(arena, format, KANDJI_PAGE, (unsigned long long)place.offset),
                                         .permission = place.filevault ? "Prism: FileVault" : "Device list" };
    struct mdm_result r = mdm_http_json(&k->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r.outcome == MDM_ABSENT ? mdm_say(MDM_STOPPED, "404: url is not the tenant's API (https://<name>.api.kandji.io)") : r;
    struct from_json_value root = from_json_root(doc);
    size_t rows = rows_of(&place, &root);
    if (read_page(&place, &root, arena, out, &err) != OK)
        return mdm_say(err.code == ERR_MEMORY ? MDM_LATER : MDM_GARBLED, "devices that cannot be read");
    if (rows > KANDJI_PAGE)
        return mdm_say(MDM_GARBLED, "a page with more devices than asked for");
    if (is_cut_short(&place, &root, rows))
        return mdm_say(MDM_GARBLED, "fewer rows than it says there are");
    set_next(&place, rows, out);
    return r;
}

static struct mdm_result fetch(struct kandji *k, struct span id, const char *rest, const char *permission, struct arena *arena, struct from_json **doc)
{
    const struct mdm_request request = { .method = "GET", .path = arena_format(arena, API "/devices/%.*s%s", SPAN_ARGS(id), rest), .permission = permission };
    return mdm_http_json(&k->http, &request, arena, doc);
}

static struct mdm_result kandji_get(struct mdm *m, struct span id, struct arena *arena, struct mdm_device *out)
{
    struct kandji *k = (struct kandji *)m;
    struct from_json *doc = NULL, *details = NULL;
    struct err err;
    struct mdm_result r = fetch(k, id, "", "Device list", arena, &doc);
    if (r.outcome != MDM_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (kandji_read_device(&root, arena, out, &err) != OK || !span_equal(out->id, id))
        return mdm_say(MDM_GARBLED, "a device that cannot be read");
    r = fetch(k, id, "/details", "Device details", arena, &details);
    if (r.outcome != MDM_DONE)
        return r;
    root = from_json_root(details);
    kandji_read_details(&root, out);
    return r;
}

/* ---- acting ---- */

static struct mdm_result call(struct kandji *k, const char *method, const char *permission, const char *path, struct span body)
{
    struct arena arena;
    arena_init(&arena, 4096, 64 * 1024);
    const struct mdm_request request = { .method = method, .path = span_of(path), .body = body, .writes = true, .permission = permission };
    struct mdm_result r = mdm_http_call(&k->http, &request, &arena, NULL);
    arena_done(&arena);
    return r;
}

static struct mdm_result kandji_ask(struct mdm *m, struct span id, struct span key)
{
    char path[256];
    (void)key;
    snprintf(path, sizeof path, API "/devices/%.*s/action/updateinventory", SPAN_ARGS(id));
    return call((struct kandji *)m, "POST", "Update inventory", path, SPAN_NONE);
}

static struct mdm_result put_in_blueprint(struct kandji *k, struct span id, struct span blueprint)
{
    char path[256], body[128];
    if (!is_uuid(blueprint))
        return mdm_say(MDM_REFUSED, "no blueprint to go to is known");
    snprintf(path, sizeof path, API "/devices/%.*s", SPAN_ARGS(id));
    snprintf(body, sizeof body, "{\"blueprint_id\":\"%.*s\"}", SPAN_ARGS(blueprint));
    return call(k, "PATCH", "Update device", path, span_of(body));
}

static struct mdm_result kandji_strict(struct mdm *m, const struct mdm_action *action)
{
    struct kandji *k = (struct kandji *)m;
    return k->strict[0] == '\0' ? mdm_say(MDM_UNABLE, "no strict blueprint is configured") : put_in_blueprint(k, action->device, span_of(k->strict));
}

/* Deleting a device there takes more away than its management: the person does that, and is told so. */
static struct mdm_result kandji_undo(struct mdm *m, const struct mdm_action *action)
{
    if (action->was_invited)
        return mdm_say(MDM_UNABLE, "the person removes the management profile");
    return put_in_blueprint((struct kandji *)m, action->device, action->former);
}

const struct mdm_ops mdm_kandji = {
    .kind = MDM_KANDJI, .title = "Iru (Kandji)", .strict_word = "blueprint", .platforms = 1u << PLATFORM_MACOS, .lists = true,
    .open = kandji_open, .free = kandji_free, .list = kandji_list, .get = kandji_get, .ask = kandji_ask, .strict = kandji_strict, .undo = kandji_undo,
};
