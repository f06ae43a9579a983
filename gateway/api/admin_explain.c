/* Why a decision was what it was: the recorded event of an id, and every step of the same question asked again, now or at a time. */
#include "gateway/api/admin.h"
#include "gateway/decide.h"

#include <string.h>
#include <unistd.h>

enum { SEARCH_MOST = 5000, ON_ITS_WAY_MS = 5000, LOOK_AGAIN_MS = 50 };

struct recorded { struct span wanted; struct http_request *r; struct span person, device, app, event, outcome; bool found; int64_t made_ms /* as the id says */, at_s; };

static struct span member(struct http_request *r, const struct from_json_value *data, const char *key)
{
    struct from_json_value v = from_json_member(data, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text_opt(&v, 256, &text, &err) == OK ? arena_copy(r->arena, text) : SPAN_NONE;
}

static void keep(struct recorded *rec, const struct event *e)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf json;
    struct to_json w;
    struct err err;
    rec->found = true;
    rec->at_s = e->at_ms / 1000;
    rec->person = arena_copy(rec->r->arena, e->person);
    rec->device = arena_copy(rec->r->arena, e->device);
    buf_init(&json, EVENT_DATA_BYTES * 2);
    to_json_init(&w, &json);
    event_to_public_json(e, SPAN_NONE, &w);
    rec->event = arena_copy(rec->r->arena, buf_span(&json));
    if (from_json_parse(e->data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "event", &doc, &err) != OK)
        return;
    struct from_json_value data = from_json_root(doc);
    rec->app = member(rec->r, &data, "app");
    rec->outcome = member(rec->r, &data, "outcome");
    if (span_empty(rec->person))
        rec->person = member(rec->r, &data, "asked");
}

static bool look(void *context, const struct log_entry *entry)
{
    struct recorded *rec = context;
    if (span_equal(entry->event.id, rec->wanted))
        keep(rec, &entry->event);
    return !rec->found;
}

/* A decision's id carries its time and partition, so it is found without an index. */
static enum err_code find_recorded(struct http_request *r, struct span id, struct recorded *rec, struct err *err)
{
    unsigned partition = 0;
    *rec = (struct recorded){ .wanted = id, .r = r };
    if (!decision_id_place(id, &rec->made_ms, &partition) || partition >= r->store->ops->partitions(r->store))
        return err_set(err, ERR_INPUT, "%.*s is not a decision id (x_ and 26 characters)", SPAN_ARGS(span_slice(id, 0, 64)));
    struct span place = arena_format(r->arena, "%lld-0", (long long)(rec->made_ms - 1000 > 0 ? rec->made_ms - 1000 : 0));
    struct log_position position = { "" };
    memcpy(position.text, place.at, place.bytes < LOG_POSITION_BYTES ? place.bytes : LOG_POSITION_BYTES - 1);
    return r->store->ops->log_range(r->store, partition, &position, SEARCH_MOST, look, rec, err);
}

struct steps { struct to_json *w; };

static void step(void *context, struct span line)
{
    struct steps *s = context;
    to_json_text(s->w, line);
}

/* The same question under the state as it is, at the request's time (or the one asked for). */
static void write_answer(struct http_request *r, const struct question *q, struct to_json *w)
{
    struct answer a;
    struct steps s = { w };
    to_json_key(w, "steps");
    to_json_array(w);
    directory_enter(r->node->directory);
    decide(r, q, NULL, step, &s, &a);
    to_json_end(w);
    to_json_key(w, "decision");
    to_json_object(w);
    decide_write_context(&a, w);
    to_json_end(w);
    directory_leave(r->node->directory);
}

static void explain_recorded(struct http_request *r, struct http_response *res, struct span id)
{
    struct recorded rec;
    struct err err;
    enum err_code code = find_recorded(r, id, &rec, &err);
    /* Decisions reach the log in batches: one that was made a moment ago is on its way, and a slow disk makes it a long one. */
    int64_t until_ms = (rec.made_ms < r->now_ms ? rec.made_ms : r->now_ms) + ON_ITS_WAY_MS;
    for (int64_t now_ms = r->now_ms; code == OK && !rec.found && now_ms < until_ms; now_ms += LOOK_AGAIN_MS) {
        usleep(LOOK_AGAIN_MS * 1000);
        code = find_recorded(r, id, &rec, &err);
    }
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    if (!rec.found) {
        problem_status_answer(r, res, PROBLEM_JSON, 404,
                              "this decision is not in the log: either it is older than the log keeps, or it was an allow after the first of its hour, which is not recorded");
        return;
    }
    struct to_json w = response_json(res, 200);
    struct question q = { .door = SPAN_LITERAL("explain"), .person = rec.person, .app = rec.app, .silent = true };
    if (!span_empty(rec.device)) {
        q.door_device = DEVICE_NAMED;
        q.device_kind = SPAN_LITERAL("id");
        q.device = rec.device;
    }
    to_json_object(&w);
    to_json_key(&w, "recorded");
    to_json_raw(&w, rec.event);
    int64_t asked_s = r->now_s;
    r->now_s = rec.at_s; /* the ladder and the calendar of that moment, over what is known now */
    r->now_ms = rec.at_s * 1000;
    write_answer(r, &q, &w);
    to_json_member_text(&w, "note", arena_format(r->arena, "the steps are worked out again for the moment of the decision, from what is known now (%lld s later); what was decided then is under recorded", (long long)(asked_s - rec.at_s)));
    to_json_end(&w);
}

static enum err_code read_question(struct http_request *r, struct question *q, struct err *err)
{
    struct span at = SPAN_NONE;
    enum err_code code = request_query(r, "app", &q->app, err);
    if (code != OK)
        return err_set(err, ERR_INPUT, "give decision, or person and app (and device, at)");
    code = request_query(r, "person", &q->person, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    code = request_query(r, "device", &q->device, err);
    if (code == OK) {
        q->door_device = DEVICE_NAMED;
        q->device_kind = secret_is_id(q->device, 'd') ? SPAN_LITERAL("id") : SPAN_LITERAL("serial");
    } else if (code != ERR_NOT_FOUND) {
        return code;
    }
    q->device_subject = span_empty(q->person);
    if (q->device_subject && span_empty(q->device))
        return err_set(err, ERR_INPUT, "give a person or a device");
    code = request_query(r, "at", &at, err);
    if (code == OK && !clock_from_rfc3339(at, &r->now_s))
        return err_set(err, ERR_INPUT, "at must be a time such as 2026-12-24T08:00:00Z");
    r->now_ms = r->now_s * 1000;
    return code == ERR_NOT_FOUND ? OK : code;
}

void admin_explain(struct http_request *r, struct http_response *res)
{
    struct question q = { .door = SPAN_LITERAL("explain"), .silent = true };
    struct span id;
    struct err err;
    enum err_code code = request_query(r, "decision", &id, &err);
    if (code == OK) {
        explain_recorded(r, res, id);
        return;
    }
    if (code == ERR_NOT_FOUND)
        code = read_question(r, &q, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_time_if(&w, "at", r->now_s);
    write_answer(r, &q, &w);
    to_json_end(&w);
}
