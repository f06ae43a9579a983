/* POST /v1/facts: what scripts and other tools observed. Strict, since it is our own API. Facts that no check in force reads are not stored, and named
 * in the answer so that a script's author sees it. */
#include "gateway/agents.h"
#include "gateway/decide.h"
#include "gateway/http/router.h"

enum { BODY_BYTES = 4 * 1024 * 1024, DEPTH = 24, ITEMS_MOST = 1000, FACTS_MOST = 100, NAME_BYTES = 64, TEXT_BYTES = 512, LIFETIME_MOST_S = 365 * 86400 };

/* One device's facts as sent. */
struct push { struct span kind, value; struct pushed_fact *facts; size_t count; };

/* ---- reading ---- */

static enum err_code read_device(const struct from_json_value *v, struct push *out, struct err *err)
{
    static const char *const members[] = { "id", "serial", "uuid", "certificate_sha256", NULL };
    static const char *const kinds[] = { "id", "serial", "uuid", "certificate" };
    enum err_code code = from_json_object(v, err);
    if (code == OK)
        code = from_json_only(v, members, err);
    if (code == OK && from_json_count(v) != 1)
        code = from_json_refuse(v, err, "must have exactly one of id, serial, uuid and certificate_sha256");
    for (size_t i = 0; code == OK && i < sizeof kinds / sizeof kinds[0]; i++) {
        struct from_json_value member = from_json_member(v, members[i]);
        if (from_json_kind(&member) == FROM_JSON_ABSENT)
            continue;
        out->kind = span_of(kinds[i]);
        code = from_json_text(&member, TEXT_BYTES, &out->value, err);
        if (code == OK && span_empty(out->value))
            code = from_json_refuse(&member, err, "must not be empty");
    }
    return code;
}

/* The letters of a name in a policy's rules. */
static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return name.bytes > 0;
}

static enum err_code read_lifetime(const struct from_json_value *v, int64_t *seconds, struct err *err)
{
    struct span text;
    if (from_json_kind(v) == FROM_JSON_INT)
        return from_json_int(v, 1, LIFETIME_MOST_S, seconds, err);
    if (from_json_kind(v) == FROM_JSON_TEXT && from_json_text(v, 16, &text, NULL) == OK && duration_parse(text, seconds) && *seconds > 0 && *seconds <= LIFETIME_MOST_S)
        return OK;
    return from_json_refuse(v, err, "must be seconds or a duration (\"30m\", \"1h\", \"3d\"), at most 365d");
}

static enum err_code read_value(const struct http_request *r, const struct from_json_value *v, struct span *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, FACT_VALUE_BYTES);
    if (from_json_kind(v) == FROM_JSON_ABSENT)
        return from_json_refuse(v, err, "is missing");
    if (!from_json_write(v, &text))
        return from_json_refuse(v, err, "must be at most %d bytes of JSON", FACT_VALUE_BYTES);
    *out = arena_copy(r->arena, buf_span(&text));
    return out->at != NULL ? OK : err_set(err, ERR_MEMORY, "facts");
}

static enum err_code read_fact(const struct http_request *r, const struct from_json_value *v, struct pushed_fact *out, struct err *err)
{
    static const char *const known[] = { "name", "value", "lifetime", NULL };
    struct from_json_value name = from_json_member(v, known[0]), value = from_json_member(v, known[1]), lifetime = from_json_member(v, known[2]);
    int64_t seconds = 0;
    enum err_code code = from_json_object(v, err);
    if (code == OK)
        code = from_json_only(v, known, err);
    if (code == OK)
        code = from_json_text(&name, NAME_BYTES, &out->name, err);
    if (code == OK && !is_name(out->name))
        code = from_json_refuse(&name, err, "must be letters, digits, \"_\", \"-\" and \".\"");
    if (code == OK)
        code = read_value(r, &value, &out->value, err);
    if (code == OK)
        code = read_lifetime(&lifetime, &seconds, err);
    out->observed_s = r->now_s;
    out->expires_s = r->now_s + seconds;
    return code;
}

static struct span caller_text(const struct http_request *r)
{
    static const char *const kinds[] = { [CALLER_NONE] = "nobody", [CALLER_API_KEY] = "api", [CALLER_SOCKET] = "socket", [CALLER_TOKEN] = "token", [CALLER_CERTIFICATE] = "certificate" };
    return arena_format(r->arena, "%s:%.*s", kinds[r->caller.kind], SPAN_ARGS(r->caller.id));
}

static bool names_twice(const struct push *p, size_t last)
{
    for (size_t i = 0; i < last; i++)
        if (span_equal(p->facts[i].name, p->facts[last].name))
            return true;
    return false;
}

static enum err_code read_push(const struct http_request *r, const struct from_json_value *v, struct push *out, struct err *err)
{
    static const char *const known[] = { "device", "facts", NULL };
    struct from_json_value device = from_json_member(v, known[0]), facts = from_json_member(v, known[1]);
    enum err_code code = from_json_object(v, err);
    if (code == OK)
        code = from_json_only(v, known, err);
    if (code == OK)
        code = read_device(&device, out, err);
    if (code == OK)
        code = from_json_array(&facts, FACTS_MOST, err);
    if (code != OK)
        return code;
    out->count = from_json_count(&facts);
    out->facts = arena_array(r->arena, out->count, sizeof *out->facts);
    if (out->count == 0)
        return from_json_refuse(&facts, err, "must have at least one fact");
    for (size_t i = 0; out->facts != NULL && i < out->count && code == OK; i++) {
        struct from_json_value fact = from_json_item(&facts, i);
        code = read_fact(r, &fact, &out->facts[i], err);
        if (code == OK && names_twice(out, i))
            code = from_json_refuse(&fact, err, "names the same fact as one before it");
        out->facts[i].source = caller_text(r);
    }
    return out->facts != NULL ? code : err_set(err, ERR_MEMORY, "facts");
}

/* ---- storing ---- */

/* The directory first; what it does not have may have come to another node a moment ago. */
static enum err_code find_device(const struct http_request *r, const struct push *p, struct span *id, struct err *err)
{
    struct span normal;
    if (span_equal_text(p->kind, "id"))
        return *id = p->value, secret_is_id(p->value, 'd') ? OK : err_set(err, ERR_NOT_FOUND, "no such device");
    directory_enter(r->node->directory);
    const struct device *known = decide_device(r->node, r->arena, p->kind, p->value);
    *id = known != NULL ? arena_copy(r->arena, known->id) : SPAN_NONE;
    directory_leave(r->node->directory);
    if (!span_empty(*id))
        return OK;
    if (!identifier_normalize(p->kind, p->value, r->arena, &normal))
        return err_set(err, ERR_NOT_FOUND, "no such device");
    CLEANUP(buf_done) struct buf holder;
    buf_init(&holder, TEXT_BYTES);
    enum err_code code = r->store->ops->holder(r->store, p->kind, normal, &holder, err);
    if (code == OK)
        *id = arena_copy(r->arena, buf_span(&holder));
    return code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no such device") : code;
}

static enum err_code store_push(const struct http_request *r, const struct push *p, struct agents_facts *facts, struct err *err)
{
    struct span id = SPAN_NONE;
    *facts = (struct agents_facts){ p->facts, p->count, caller_text(r), arena_array(r->arena, p->count, sizeof(struct span)), 0 };
    if (facts->dropped_names == NULL)
        return err_set(err, ERR_MEMORY, "facts");
    enum err_code code = find_device(r, p, &id, err);
    return code == OK ? agents_facts_commit(r->node, r->store, id, facts, err) : code;
}

static void write_stored(const struct agents_facts *facts, struct to_json *w)
{
    to_json_object(w);
    to_json_member_int(w, "stored", (int64_t)(facts->count - facts->dropped));
    to_json_key(w, "dropped");
    to_json_array(w);
    for (size_t i = 0; i < facts->dropped; i++)
        to_json_text(w, facts->dropped_names[i]);
    to_json_end(w);
    to_json_end(w);
}

static void write_item_error(const struct err *err, struct to_json *w)
{
    int status = problem_status(err->code);
    to_json_object(w);
    to_json_key(w, "error");
    to_json_object(w);
    to_json_member_int(w, "status", status);
    to_json_member_text(w, "message", status < 500 ? span_of(err->text) : SPAN_LITERAL("this could not be stored now")); /* what failed inside stays in the log */
    to_json_end(w);
    to_json_end(w);
}

static void push_one(struct http_request *r, struct http_response *res, const struct from_json_value *root)
{
    struct push push = { 0 };
    struct agents_facts facts;
    struct err err = { 0 };
    enum err_code code = read_push(r, root, &push, &err);
    if (code == OK)
        code = store_push(r, &push, &facts, &err);
    if (code != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    write_stored(&facts, &w);
}

/* Each item stands alone; a shape that is wrong anywhere refuses the item, not its neighbours. */
static void push_many(struct http_request *r, struct http_response *res, const struct from_json_value *items)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "results");
    to_json_array(&w);
    for (size_t i = 0; i < from_json_count(items); i++) {
        struct from_json_value item = from_json_item(items, i);
        struct push push = { 0 };
        struct agents_facts facts;
        struct err err = { 0 };
        enum err_code code = read_push(r, &item, &push, &err);
        if (code == OK)
            code = store_push(r, &push, &facts, &err);
        if (code == OK)
            write_stored(&facts, &w);
        else
            write_item_error(&err, &w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

static enum err_code read_many(const struct from_json_value *root, const struct from_json_value *items, struct err *err)
{
    enum err_code code = from_json_only(root, (const char *const[]){ "devices", NULL }, err);
    return code == OK ? from_json_array(items, ITEMS_MOST, err) : code;
}

static void push_facts(struct http_request *r, struct http_response *res)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err = { 0 };
    if (!request_is_type(r, "application/json")) {
        problem_status_answer(r, res, PROBLEM_JSON, 400, "the Content-Type must be application/json");
        return;
    }
    enum err_code code = from_json_parse(r->body, (struct from_json_limits){ BODY_BYTES, DEPTH }, "body", &doc, &err);
    if (code != OK) {
        counter_add(r->node->counters, COUNT_BAD_JSON, 1);
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    struct from_json_value root = from_json_root(doc), items = from_json_member(&root, "devices");
    code = from_json_object(&root, &err);
    bool is_many = code == OK && from_json_kind(&items) != FROM_JSON_ABSENT;
    if (is_many)
        code = read_many(&root, &items, &err);
    if (code != OK)
        problem_answer(r, res, PROBLEM_JSON, &err);
    else if (is_many)
        push_many(r, res, &items);
    else
        push_one(r, res, &root);
}

static const struct route rows[] = {
    { HTTP_POST, "/v1/facts", LISTENER_INTERNAL | LISTENER_PUBLIC | LISTENER_SOCKET, SCOPE_FACTS, BODY_BYTES, PROBLEM_JSON, 0, NULL, push_facts, "facts.push" },
};
const struct route_table fact_routes = { rows, sizeof rows / sizeof rows[0] };
