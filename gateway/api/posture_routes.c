/* GET and POST /v1/posture: what is known of devices, with ages; up to 1,000 in one call. */
#include "gateway/api/posture_view.h"
#include "gateway/decide.h"
#include "gateway/http/router.h"

#include "posture/base/form.h"
#include "posture/base/from_json.h"

enum { BODY_BYTES = 256 * 1024, ITEMS = 1000, DEPTH = 8, TEXT_BYTES = 512, PERSON_DEVICES = 64, MAX_AGE_MOST_S = 365 * 86400,
       ITEM_ROOM_BYTES = 1024 * 1024 /* one device with every word of every check */ };

static const char *const selectors[] = { "device", "serial", "certificate", "uuid" };
static const char *const kinds[] = { "id", "serial", "certificate", "uuid" };
enum { SELECTORS = sizeof selectors / sizeof selectors[0] };

/* Data age is the directory's: how old the newest thing is that this node can know. */
static void write_age(const struct http_request *r, struct to_json *w)
{
    int64_t age_ms = directory_age_ms(r->node->directory);
    to_json_member_bool(w, "stale", age_ms >= 1000);
    to_json_member_int(w, "data_age_ms", age_ms);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    if (policy != NULL)
        to_json_member_plain(w, "policy_version", span_of(policy->version)); /* a hash */
}

static void write_one(const struct http_request *r, const struct device *d, const struct posture_view *view, struct to_json *w)
{
    to_json_object(w);
    posture_write_device(r, d, view, w);
    to_json_end(w);
}

static void answer_person(const struct http_request *r, struct http_response *res, struct span name, const struct posture_view *view)
{
    const struct device *devices[PERSON_DEVICES];
    const struct directory *d = r->node->directory;
    const struct person *person = directory_person_by(d, name);
    if (person == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no such person");
        return;
    }
    size_t count = directory_devices_of(d, person->id, devices, PERSON_DEVICES);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", person->id);
    to_json_key(&w, "devices");
    to_json_array(&w);
    for (size_t i = 0; i < count && i < PERSON_DEVICES; i++)
        write_one(r, devices[i], view, &w);
    to_json_end(&w);
    to_json_member_int(&w, "device_count", (int64_t)count);
    write_age(r, &w);
    to_json_end(&w);
}

static void answer_device(const struct http_request *r, struct http_response *res, struct span kind, struct span value, const struct posture_view *view)
{
    const struct device *d = decide_device(r->node, r->arena, kind, value);
    if (d == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no such device");
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    posture_write_device(r, d, view, &w);
    write_age(r, &w);
    to_json_end(&w);
}

/* What a GET asks: the one selector, and how old a result may be. Parameters of no meaning here are passed over. */
struct asked { struct span kind, value, max_age; unsigned selectors; };

static bool is_twice(const struct asked *a, struct span name, bool age)
{
    return age ? a->max_age.at != NULL : a->selectors > 0 && span_equal(a->kind, name);
}

static enum err_code take_parameter(const struct http_request *r, struct span name, struct span raw, struct asked *a, struct err *err)
{
    static const struct { const char *name, *kind; } known[] = { { "device", "id" }, { "serial", "serial" }, { "certificate", "certificate" }, { "uuid", "uuid" }, { "person", "person" },
                                                                 { "max_age_s", NULL } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!span_equal_text(name, known[i].name))
            continue;
        bool age = known[i].kind == NULL;
        if (is_twice(a, age ? name : span_of(known[i].kind), age))
            return err_set(err, ERR_INPUT, "parameter %s: given twice", known[i].name);
        a->selectors += !age;
        a->kind = age ? a->kind : span_of(known[i].kind);
        return form_decode(r->arena, raw, known[i].name, age ? &a->max_age : &a->value, err);
    }
    return OK;
}

static enum err_code read_query(const struct http_request *r, struct asked *a, struct posture_view *view, struct err *err)
{
    struct span rest = r->query, part;
    uint64_t seconds = 0;
    enum err_code code = OK;
    while (code == OK && span_cut(&rest, '&', &part)) {
        size_t equals = span_find(part, '=');
        code = take_parameter(r, span_slice(part, 0, equals), span_slice(part, equals + 1, part.bytes), a, err);
    }
    if (code != OK)
        return code;
    if (a->selectors != 1)
        return err_set(err, ERR_INPUT, "give exactly one of device, serial, certificate, uuid and person");
    if (a->max_age.at != NULL && (!span_to_u64(a->max_age, &seconds) || seconds == 0 || seconds > MAX_AGE_MOST_S))
        return err_set(err, ERR_INPUT, "max_age_s must be seconds, 1 to %d", MAX_AGE_MOST_S);
    view->max_age_s = (int64_t)seconds;
    return OK;
}

/* On the worker; on the slow lane while the directory loads. */
static void answer_posture(struct http_request *r, struct http_response *res)
{
    struct posture_view view = { .with_words = true };
    struct asked asked = { .selectors = 0 };
    struct err err;
    enum err_code code = read_query(r, &asked, &view, &err);
    bool person = span_equal_text(asked.kind, "person");
    if (code == OK)
        code = decide_fetch(r, &(struct question){ .door_device = person ? DEVICE_NOT_ASKED : DEVICE_NAMED, .device_kind = asked.kind, .device = asked.value }, &err);
    if (code != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    directory_enter_standing(r->node->directory);
    if (person)
        answer_person(r, res, asked.value, &view);
    else
        answer_device(r, res, asked.kind, asked.value, &view);
    directory_leave_standing(r->node->directory);
}

static enum route_result get_posture(struct http_request *r, struct http_response *res)
{
    if (decide_is_loading(r))
        return ROUTE_SLOW;
    answer_posture(r, res);
    return ROUTE_DONE;
}

static enum err_code read_item(const struct from_json_value *item, struct span *kind, struct span *value, struct err *err)
{
    static const char *const known[] = { "device", "serial", "certificate", "uuid", NULL };
    enum err_code code = from_json_only(item, known, err);
    if (code != OK)
        return code;
    if (from_json_count(item) != 1)
        return from_json_refuse(item, err, "must have exactly one of device, serial, certificate, uuid");
    for (size_t i = 0; i < SELECTORS; i++) {
        struct from_json_value v = from_json_member(item, selectors[i]);
        if (from_json_kind(&v) == FROM_JSON_ABSENT)
            continue;
        *kind = span_of(kinds[i]);
        return from_json_text(&v, TEXT_BYTES, value, err);
    }
    return from_json_refuse(item, err, "must name a device");
}

static void write_item_error(int status, struct span message, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "error");
    to_json_object(w);
    to_json_member_int(w, "status", status);
    to_json_member_text(w, "message", message);
    to_json_end(w);
    to_json_end(w);
}

static void write_item(const struct http_request *r, const struct from_json_value *item, const struct posture_view *view, struct to_json *w)
{
    struct span kind, value = SPAN_NONE;
    struct err err;
    enum err_code code = read_item(item, &kind, &value, &err);
    const struct device *d = code == OK ? decide_device(r->node, r->arena, kind, value) : NULL;
    if (d != NULL) {
        write_one(r, d, view, w);
        return;
    }
    write_item_error(code == OK ? 404 : 400, code == OK ? SPAN_LITERAL("no such device") : span_of(err.text), w);
}

static enum err_code read_batch(const struct from_json_value *root, struct from_json_value *items, struct posture_view *view, struct err *err)
{
    static const char *const known[] = { "devices", "max_age_s", "words", NULL };
    struct from_json_value age = from_json_member(root, "max_age_s"), words = from_json_member(root, "words");
    *items = from_json_member(root, "devices");
    enum err_code code = from_json_object(root, err);
    if (code == OK)
        code = from_json_only(root, known, err);
    if (code == OK)
        code = from_json_array(items, ITEMS, err);
    if (code == OK)
        code = from_json_int_opt(&age, 1, MAX_AGE_MOST_S, &view->max_age_s, err);
    return code != OK ? code : from_json_bool_opt(&words, &view->with_words, err);
}

static enum route_result post_posture(struct http_request *r, struct http_response *res)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct posture_view view = { 0 };
    struct from_json_value root, items;
    struct err err;
    if (!decide_ready(r, res))
        return ROUTE_DONE;
    if (!request_is_type(r, "application/json")) {
        problem_status_answer(r, res, PROBLEM_JSON, 400, "the Content-Type must be application/json");
        return ROUTE_DONE;
    }
    enum err_code code = from_json_parse(r->body, (struct from_json_limits){ BODY_BYTES, DEPTH }, "body", &doc, &err);
    if (code == OK) {
        root = from_json_root(doc);
        code = read_batch(&root, &items, &view, &err);
    } else {
        counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    }
    if (code != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return ROUTE_DONE;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "devices");
    to_json_array(&w);
    directory_enter_standing(r->node->directory);
    for (size_t i = 0; i < from_json_count(&items); i++) {
        struct from_json_value item = from_json_item(&items, i);
        if (res->body.bytes + ITEM_ROOM_BYTES < RESPONSE_MAX_BYTES)
            write_item(r, &item, &view, &w);
        else
            write_item_error(413, SPAN_LITERAL("the answer is full: ask for fewer devices at once, or without words"), &w);
    }
    to_json_end(&w);
    write_age(r, &w);
    directory_leave_standing(r->node->directory);
    to_json_end(&w);
    return ROUTE_DONE;
}

static const struct route rows[] = {
    { HTTP_GET, "/v1/posture", LISTENER_INTERNAL | LISTENER_SOCKET, SCOPE_POSTURE, 0, PROBLEM_JSON, 0, get_posture, answer_posture, "posture.get" },
    { HTTP_POST, "/v1/posture", LISTENER_INTERNAL | LISTENER_SOCKET, SCOPE_POSTURE, BODY_BYTES, PROBLEM_JSON, 0, post_posture, NULL, "posture.batch" },
};
const struct route_table posture_routes = { rows, sizeof rows / sizeof rows[0] };
