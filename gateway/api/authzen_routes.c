/* AuthZEN Authorization API 1.0: evaluation, evaluations, metadata. Unknown members are ignored; a deny is a 200.
 * Source: OpenID AuthZEN, Authorization API 1.0 (final), sections "Access Evaluation", "Access Evaluations", "Metadata". */
#include "gateway/decide.h"
#include "gateway/http/router.h"

#include "posture/base/from_json.h"
#include "posture/base/json_shape.h"

#include <string.h>

enum { BODY_BYTES = 64 * 1024, BATCH_BYTES = 1024 * 1024, BATCH_ITEMS = 1000, DEPTH = 32, TEXT_BYTES = 512, MEMBERS_MOST = 1000 };

/* The four entities of one evaluation; in a batch an item's own replaces the default whole. */
enum entity { SUBJECT, ACTION, RESOURCE, CONTEXT, ENTITIES };
struct entities { struct from_json_value of[ENTITIES]; };

#define NAME(text) { text, sizeof(text) - 1 }

static void find_entities(const struct from_json_value *object, struct entities *out)
{
    static const struct span names[ENTITIES] = { NAME("subject"), NAME("action"), NAME("resource"), NAME("context") };
    from_json_members(object, names, ENTITIES, out->of);
}

static void fill_defaults(struct entities *item, const struct entities *defaults)
{
    for (int i = 0; i < ENTITIES; i++)
        if (from_json_kind(&item->of[i]) == FROM_JSON_ABSENT)
            item->of[i] = defaults->of[i];
}

/* ---- reading ---- */

/* What an entity must have, as texts; behind them what it may have. */
enum { SHAPE_TEXTS = 2 };
struct shape { size_t texts; struct span members[SHAPE_TEXTS + 1]; };
static const struct shape typed = { 2, { NAME("type"), NAME("id"), NAME("properties") } }, named = { 1, { NAME("name"), NAME("properties") } };

/* Unknown members are ignored, but passed over at each look-up, and a default of a batch is looked through for each of its items. */
static enum err_code read_object(const struct from_json_value *v, struct err *err)
{
    enum err_code code = from_json_object(v, err);
    return code != OK || from_json_count(v) <= MEMBERS_MOST ? code : from_json_refuse(v, err, "must have at most %d members", MEMBERS_MOST);
}

static enum err_code read_entity(const struct from_json_value *entity, const struct shape *shape, struct span out[SHAPE_TEXTS], struct err *err)
{
    struct from_json_value members[SHAPE_TEXTS + 1], *properties = &members[shape->texts];
    enum err_code code = read_object(entity, err);
    if (code == OK)
        from_json_members(entity, shape->members, shape->texts + 1, members);
    for (size_t i = 0; code == OK && i < shape->texts; i++) {
        code = from_json_text(&members[i], TEXT_BYTES, &out[i], err);
        if (code == OK && span_empty(out[i]))
            code = from_json_refuse(&members[i], err, "must not be empty");
    }
    if (code == OK && from_json_present(properties))
        code = read_object(properties, err);
    return code;
}

/* subject.properties.device_id, or context.device {id | serial | certificate_sha256}. */
static enum err_code read_device(const struct entities *e, struct question *q, struct err *err)
{
    static const struct span members[] = { NAME("id"), NAME("serial"), NAME("certificate_sha256") }, kinds[] = { NAME("id"), NAME("serial"), NAME("certificate") };
    struct from_json_value properties = from_json_member(&e->of[SUBJECT], "properties"), id = from_json_member(&properties, "device_id");
    struct from_json_value device = from_json_member(&e->of[CONTEXT], "device");
    if (from_json_present(&id)) {
        q->door_device = DEVICE_NAMED;
        q->device_kind = SPAN_LITERAL("id");
        return from_json_text(&id, TEXT_BYTES, &q->device, err);
    }
    if (!from_json_present(&device))
        return OK;
    enum err_code code = read_object(&device, err);
    for (size_t i = 0; code == OK && i < 3; i++) {
        struct from_json_value v = from_json_member_of(&device, members[i]);
        if (!from_json_present(&v))
            continue;
        q->door_device = DEVICE_NAMED;
        q->device_kind = kinds[i];
        return from_json_text(&v, TEXT_BYTES, &q->device, err);
    }
    return code != OK ? code : from_json_refuse(&device, err, "must have id, serial or certificate_sha256");
}

struct asked { struct question question; struct span subject_type, resource_type; };

static enum err_code read_question(const struct entities *e, struct asked *out, struct err *err)
{
    struct span subject[SHAPE_TEXTS], resource[SHAPE_TEXTS], action[SHAPE_TEXTS];
    enum err_code code = read_entity(&e->of[SUBJECT], &typed, subject, err);
    if (code == OK)
        code = read_entity(&e->of[ACTION], &named, action, err);
    if (code == OK)
        code = read_entity(&e->of[RESOURCE], &typed, resource, err);
    if (code == OK && from_json_present(&e->of[CONTEXT]))
        code = read_object(&e->of[CONTEXT], err);
    if (code != OK)
        return code;
    *out = (struct asked){ .question = { .door = SPAN_LITERAL("authzen"), .door_device = DEVICE_NOT_ASKED, .app = resource[1], .action = action[0] },
                           .subject_type = subject[0], .resource_type = resource[0] };
    if (span_equal_text(subject[0], "device")) {
        out->question.device_subject = true;
        out->question.door_device = DEVICE_NAMED;
        out->question.device_kind = SPAN_LITERAL("id");
        out->question.device = subject[1];
        return OK;
    }
    out->question.person = subject[1];
    return read_device(e, &out->question, err);
}

/* ---- reading a question that is written plainly: its texts, without a tree ---- */

enum place { P_SUBJECT, P_ACTION, P_RESOURCE, P_CONTEXT, P_PROPERTIES, P_DEVICE, P_SUBJECT_TYPE, P_SUBJECT_ID, P_SUBJECT_DEVICE, P_NAME, P_RESOURCE_TYPE, P_RESOURCE_ID,
             P_DEVICE_ID, P_DEVICE_SERIAL, P_DEVICE_CERTIFICATE };

static const struct json_shape
    plain_properties = { 1, { JSON_SHAPE_MEMBER("device_id", P_SUBJECT_DEVICE, NULL) } },
    plain_subject = { 3, { JSON_SHAPE_MEMBER("type", P_SUBJECT_TYPE, NULL), JSON_SHAPE_MEMBER("id", P_SUBJECT_ID, NULL),
                           JSON_SHAPE_MEMBER("properties", P_PROPERTIES, &plain_properties) } },
    plain_action = { 1, { JSON_SHAPE_MEMBER("name", P_NAME, NULL) } },
    plain_resource = { 2, { JSON_SHAPE_MEMBER("type", P_RESOURCE_TYPE, NULL), JSON_SHAPE_MEMBER("id", P_RESOURCE_ID, NULL) } },
    plain_device = { 3, { JSON_SHAPE_MEMBER("id", P_DEVICE_ID, NULL), JSON_SHAPE_MEMBER("serial", P_DEVICE_SERIAL, NULL),
                          JSON_SHAPE_MEMBER("certificate_sha256", P_DEVICE_CERTIFICATE, NULL) } },
    plain_context = { 1, { JSON_SHAPE_MEMBER("device", P_DEVICE, &plain_device) } },
    plain_question = { 4, { JSON_SHAPE_MEMBER("subject", P_SUBJECT, &plain_subject), JSON_SHAPE_MEMBER("action", P_ACTION, &plain_action),
                            JSON_SHAPE_MEMBER("resource", P_RESOURCE, &plain_resource), JSON_SHAPE_MEMBER("context", P_CONTEXT, &plain_context) } };

static bool was_seen(const struct json_shape_found *f, enum place place) { return (f->seen >> place & 1) != 0; }

/* As read_entity(): what each must have, neither empty nor too long. */
static bool has_what_it_must(const struct json_shape_found *f)
{
    static const enum place needed[] = { P_SUBJECT_TYPE, P_SUBJECT_ID, P_NAME, P_RESOURCE_TYPE, P_RESOURCE_ID };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!was_seen(f, needed[i]) || f->texts[needed[i]].bytes - 1 >= TEXT_BYTES)
            return false;
    return true;
}

/* As read_device(). */
static bool find_plain_device(const struct json_shape_found *f, struct question *q)
{
    static const struct { enum place place; struct span kind; } kinds[] = {
        { P_SUBJECT_DEVICE, NAME("id") }, { P_DEVICE_ID, NAME("id") }, { P_DEVICE_SERIAL, NAME("serial") }, { P_DEVICE_CERTIFICATE, NAME("certificate") } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!was_seen(f, kinds[i].place))
            continue;
        q->door_device = DEVICE_NAMED;
        q->device_kind = kinds[i].kind;
        q->device = f->texts[kinds[i].place];
        return q->device.bytes <= TEXT_BYTES;
    }
    return !was_seen(f, P_DEVICE);
}

/* What it refuses is read by read_question(), or refused there with words. */
static bool read_plain_question(const struct http_request *r, struct asked *out)
{
    struct json_shape_found f;
    if (!json_shape_read(r->arena, r->body, BODY_BYTES, &plain_question, &f) || !has_what_it_must(&f))
        return false;
    *out = (struct asked){ .question = { .door = SPAN_LITERAL("authzen"), .door_device = DEVICE_NOT_ASKED, .app = f.texts[P_RESOURCE_ID], .action = f.texts[P_NAME] },
                           .subject_type = f.texts[P_SUBJECT_TYPE], .resource_type = f.texts[P_RESOURCE_TYPE] };
    if (!span_equal_text(out->subject_type, "device")) {
        out->question.person = f.texts[P_SUBJECT_ID];
        return find_plain_device(&f, &out->question);
    }
    out->question.device_subject = true;
    out->question.door_device = DEVICE_NAMED;
    out->question.device_kind = SPAN_LITERAL("id");
    out->question.device = f.texts[P_SUBJECT_ID];
    return true;
}

/* ---- answering ---- */

static bool is_known_subject(const struct asked *a) { return span_equal_text(a->subject_type, "user") || span_equal_text(a->subject_type, "device"); }
static bool is_of_unknown_type(const struct asked *a) { return !is_known_subject(a) || !span_equal_text(a->resource_type, "app"); }

/* An entity of a type we do not know is a well-formed question whose answer is no. */
static bool refuse_type(const struct asked *a, struct to_json *w)
{
    bool subject = is_known_subject(a);
    if (!is_of_unknown_type(a))
        return false;
    to_json_object(w);
    to_json_member_bool(w, "decision", false);
    to_json_key(w, "context");
    to_json_object(w);
    to_json_key(w, "reason_admin");
    to_json_object(w);
    to_json_member_text(w, "en", subject ? SPAN_LITERAL("this resource type is not known here; known: app") : SPAN_LITERAL("this subject type is not known here; known: user, device"));
    to_json_end(w);
    to_json_member_text(w, "rule", SPAN_LITERAL("unknown_type"));
    to_json_end(w);
    to_json_end(w);
    return true;
}

enum { FRAME_BYTES = 64 };

static bool open_answer(bool allowed, struct to_json *w)
{
    char *at = to_json_run(w, FRAME_BYTES);
    if (at == NULL)
        return false;
    at = w->first ? at : to_json_run_literal(at, ",");
    at = allowed ? to_json_run_literal(at, "{\"decision\":true,\"context\":{") : to_json_run_literal(at, "{\"decision\":false,\"context\":{");
    to_json_ran_into(w, at, 2);
    return true;
}

static void close_answer(struct to_json *w)
{
    char *at = to_json_run(w, FRAME_BYTES);
    if (at != NULL)
        to_json_ran_out(w, to_json_run_literal(at, "}}"), 2);
}

static bool answer_one(struct http_request *r, const struct asked *asked, struct to_json *w, struct http_response *res)
{
    struct answer a;
    if (refuse_type(asked, w))
        return false;
    decide(r, &asked->question, r->decisions, NULL, NULL, &a);
    bool allowed = a.decision.outcome != OUTCOME_DENY;
    res->decision = a.id;
    if (open_answer(allowed, w)) {
        decide_write_context(&a, w);
        close_answer(w);
    }
    return allowed;
}

static bool parse_body(struct http_request *r, struct http_response *res, size_t max_bytes, struct from_json **doc)
{
    struct err err;
    if (!request_is_type(r, "application/json")) {
        problem_status_answer(r, res, PROBLEM_JSON, 400, "the Content-Type must be application/json");
        return false;
    }
    if (from_json_parse_in(r->arena, r->body, (struct from_json_limits){ max_bytes, DEPTH }, "body", doc, &err) != OK) {
        counter_add(r->node->counters, COUNT_BAD_JSON, 1);
        problem_answer(r, res, PROBLEM_JSON, &err);
        return false;
    }
    return true;
}

static void answer_single(struct http_request *r, struct http_response *res, const struct asked *asked)
{
    struct err err;
    if (decide_is_loading(r) && !is_of_unknown_type(asked) && decide_fetch(r, &asked->question, &err) != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    directory_enter_standing(r->node->directory);
    (void)answer_one(r, asked, &w, res);
    directory_leave_standing(r->node->directory);
}

static void evaluate_single(struct http_request *r, struct http_response *res, const struct from_json_value *root)
{
    struct asked asked;
    struct err err;
    struct entities e;
    find_entities(root, &e);
    if (read_question(&e, &asked, &err) == OK)
        answer_single(r, res, &asked);
    else
        problem_answer(r, res, PROBLEM_JSON, &err);
}

/* On the worker; on the slow lane while the directory loads. */
static void answer_evaluation(struct http_request *r, struct http_response *res)
{
    struct from_json *doc = NULL; /* in the request's arena */
    struct asked asked;
    if (request_is_type(r, "application/json") && read_plain_question(r, &asked)) {
        answer_single(r, res, &asked);
        return;
    }
    if (!parse_body(r, res, BODY_BYTES, &doc))
        return;
    struct from_json_value root = from_json_root(doc);
    evaluate_single(r, res, &root);
}

static enum route_result evaluation(struct http_request *r, struct http_response *res)
{
    if (decide_is_loading(r))
        return ROUTE_SLOW;
    answer_evaluation(r, res);
    return ROUTE_DONE;
}

enum semantic { EXECUTE_ALL, DENY_ON_FIRST_DENY, PERMIT_ON_FIRST_PERMIT };

static enum err_code read_semantic(const struct from_json_value *root, enum semantic *out, struct err *err)
{
    static const char *const names[] = { "execute_all", "deny_on_first_deny", "permit_on_first_permit" };
    struct from_json_value options = from_json_member(root, "options"), v = from_json_member(&options, "evaluations_semantic");
    struct span name = span_of(names[0]);
    if (from_json_present(&options)) {
        enum err_code code = from_json_object(&options, err);
        if (code != OK)
            return code;
    }
    enum err_code code = from_json_text_opt(&v, TEXT_BYTES, &name, err);
    if (code != OK)
        return code;
    for (unsigned i = 0; i < 3; i++)
        if (span_equal_text(name, names[i]))
            return *out = (enum semantic)i, OK;
    return from_json_refuse(&v, err, "must be execute_all, deny_on_first_deny or permit_on_first_permit");
}

static void item_error(struct to_json *w, const struct err *err)
{
    to_json_object(w);
    to_json_member_bool(w, "decision", false);
    to_json_key(w, "context");
    to_json_object(w);
    to_json_key(w, "error");
    to_json_object(w);
    to_json_member_int(w, "status", problem_status(err->code));
    to_json_member_text(w, "message", span_of(err->text));
    to_json_end(w);
    to_json_end(w);
    to_json_end(w);
}

static bool evaluate_item(struct http_request *r, struct http_response *res, const struct from_json_value *item, const struct entities *defaults, struct to_json *w)
{
    struct asked asked;
    struct entities e;
    struct err err;
    enum err_code code = from_json_object(item, &err);
    find_entities(item, &e);
    fill_defaults(&e, defaults);
    if (code == OK)
        code = read_question(&e, &asked, &err);
    if (code == OK)
        return answer_one(r, &asked, w, res);
    item_error(w, &err);
    return false;
}

static enum err_code fetch_items(const struct http_request *r, const struct from_json_value *items, const struct entities *defaults, struct err *err)
{
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < from_json_count(items); i++) {
        struct from_json_value item = from_json_item(items, i);
        struct entities e;
        struct asked asked;
        struct err its_own; /* told in its answer */
        bool fine = from_json_object(&item, &its_own) == OK;
        find_entities(&item, &e);
        fill_defaults(&e, defaults);
        if (fine && read_question(&e, &asked, &its_own) == OK && !is_of_unknown_type(&asked))
            code = decide_fetch(r, &asked.question, err);
    }
    return code;
}

static void evaluate_batch(struct http_request *r, struct http_response *res, const struct from_json_value *root, const struct from_json_value *items, enum semantic semantic)
{
    struct entities defaults;
    struct err err;
    find_entities(root, &defaults);
    if (decide_is_loading(r) && fetch_items(r, items, &defaults, &err) != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "evaluations");
    to_json_array(&w);
    directory_enter_standing(r->node->directory);
    for (size_t i = 0; i < from_json_count(items); i++) {
        struct from_json_value item = from_json_item(items, i);
        bool allowed = evaluate_item(r, res, &item, &defaults, &w);
        if ((semantic == DENY_ON_FIRST_DENY && !allowed) || (semantic == PERMIT_ON_FIRST_PERMIT && allowed))
            break;
    }
    directory_leave_standing(r->node->directory);
    to_json_end(&w);
    to_json_end(&w);
}

static void answer_evaluations(struct http_request *r, struct http_response *res)
{
    struct from_json *doc = NULL; /* in the request's arena */
    struct err err;
    enum semantic semantic = EXECUTE_ALL;
    if (!parse_body(r, res, BATCH_BYTES, &doc))
        return;
    struct from_json_value root = from_json_root(doc), items = from_json_member(&root, "evaluations");
    enum err_code code = from_json_object(&root, &err);
    if (code == OK && from_json_present(&items))
        code = from_json_array(&items, BATCH_ITEMS, &err);
    if (code == OK)
        code = read_semantic(&root, &semantic, &err);
    if (code != OK)
        problem_status_answer(r, res, PROBLEM_JSON, 400, err.text);
    else if (from_json_count(&items) == 0)
        evaluate_single(r, res, &root);
    else
        evaluate_batch(r, res, &root, &items, semantic);
}

static enum route_result evaluations(struct http_request *r, struct http_response *res)
{
    if (decide_is_loading(r))
        return ROUTE_SLOW;
    answer_evaluations(r, res);
    return ROUTE_DONE;
}

static void member_url(struct to_json *w, const char *key, const struct http_request *r, const char *path)
{
    to_json_member_text(w, key, arena_format(r->arena, "%.*s%s", SPAN_ARGS(r->node->options.public_url), path));
}

static enum route_result metadata(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "policy_decision_point", r->node->options.public_url);
    member_url(&w, "access_evaluation_endpoint", r, "/access/v1/evaluation");
    member_url(&w, "access_evaluations_endpoint", r, "/access/v1/evaluations");
    to_json_end(&w);
    res->cacheable = true;
    response_header(res, "Cache-Control", SPAN_LITERAL("public, max-age=3600"));
    return ROUTE_DONE;
}

static const struct route rows[] = {
    { HTTP_POST, "/access/v1/evaluation", LISTENER_INTERNAL | LISTENER_SOCKET, SCOPE_DECIDE, BODY_BYTES, PROBLEM_JSON, 0, evaluation, answer_evaluation, "authzen.evaluation" },
    { HTTP_POST, "/access/v1/evaluations", LISTENER_INTERNAL | LISTENER_SOCKET, SCOPE_DECIDE, BATCH_BYTES, PROBLEM_JSON, 0, evaluations, answer_evaluations, "authzen.evaluations" },
    { HTTP_GET, "/.well-known/authzen-configuration", LISTENER_INTERNAL | LISTENER_PUBLIC | LISTENER_SOCKET, 0, 0, PROBLEM_JSON, 0, metadata, NULL, "authzen.metadata" },
};
const struct route_table authzen_routes = { rows, sizeof rows / sizeof rows[0] };
