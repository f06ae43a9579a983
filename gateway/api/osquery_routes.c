/* The osquery TLS API under three paths. Agents judge bodies, not status codes: a body without "error" is success, so every refusal carries one, and
 * "node_invalid": true is said only of a key that neither the directory nor the store knows, because it makes an agent enrol anew.
 * A batch that can never be taken is counted and answered {}: an agent would send it again for ever. */
#include "gateway/agents.h"
#include "gateway/http/router.h"
#include "gateway/pressure.h"

enum { FAST_BODY_BYTES = 256 * 1024, /* longer ones are parsed on the slow lane */ HEADER_KEY_BYTES = OSQUERY_KEY_BYTES };

static void answer_nothing(struct http_response *res) { response_text(res, 200, NULL, SPAN_LITERAL("{}")); }

static void answer_invalid(const struct http_request *r, struct http_response *res)
{
    counter_add(r->node->counters, COUNT_AGENT_NODE_INVALID, 1);
    response_text(res, 401, NULL, SPAN_LITERAL("{\"node_invalid\":true,\"error\":\"this node key is not known or outdated; enrol again\"}"));
}

static void answer_error(const struct http_request *r, struct http_response *res, const struct err *err)
{
    if (err->code == ERR_UNAUTHORIZED)
        answer_invalid(r, res);
    else
        problem_answer(r, res, PROBLEM_AGENT, err);
}

/* Poison: refusing it would silence the device. */
static void answer_dropped(const struct http_request *r, struct http_response *res, enum counter which, const struct err *err)
{
    counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    counter_add(r->node->counters, which, 1);
    log_event(r->node->log, LOG_WARN, "agent.batch_dropped", LOG_STR("request", r->id), LOG_SPAN("peer", r->peer), LOG_INT("bytes", r->body.bytes), LOG_ERR(err));
    answer_nothing(res);
}

/* Since 5.23 agents also send the key as a header. The body's, if there is one, counts. */
static struct span header_key(const struct http_request *r)
{
    struct span value = request_header(r, "Authorization"), scheme = SPAN_LITERAL("NodeKey ");
    if (!span_equal_fold(span_slice(value, 0, scheme.bytes), scheme))
        return SPAN_NONE;
    value = span_trim(span_slice(value, scheme.bytes, value.bytes));
    return value.bytes <= HEADER_KEY_BYTES ? value : SPAN_NONE;
}

/* ---- who asks ---- */

/* Between enter and leave. */
static enum agents_standing identify(const struct http_request *r, struct span text, struct agents_key *key, const struct device **device)
{
    if (!agents_key_read(r->node, text, key))
        return AGENTS_INVALID;
    *device = directory_device(r->node->directory, key->device);
    enum agents_standing standing = agents_standing(*device, key, false);
    if (standing == AGENTS_GOOD && agents_duplicate_settled(r->node, *device, r->now_s))
        return AGENTS_INVALID;
    return standing;
}

/* The key of a small body or of the header; false when it was answered. */
static bool read_key(const struct http_request *r, struct http_response *res, struct osquery_body *body, struct span *text)
{
    struct err err;
    *text = header_key(r);
    if (!span_empty(*text))
        return true;
    if (osquery_read_key(r->body, body, text, &err) == OK)
        return true;
    counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    problem_answer(r, res, PROBLEM_AGENT, &err);
    return false;
}

/* Config and read on the slow lane: the device as stored. NULL when it was answered. Owned. */
static struct device *load_asker(struct http_request *r, struct http_response *res)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct span text;
    struct agents_key key;
    struct device *device = NULL;
    struct err err;
    if (!read_key(r, res, &body, &text))
        return NULL;
    enum err_code code = agents_key_read(r->node, text, &key) ? agents_load(r->node, r->store, key.device, &device, &err) : ERR_NOT_FOUND;
    bool is_good = code == OK && agents_standing(device, &key, true) == AGENTS_GOOD;
    if (is_good)
        agents_freshen(r->node, device);
    directory_enter(r->node->directory);
    bool was_off = is_good && agents_was_off(device, directory_live(r->node->directory, device->id), r->now_s);
    directory_leave(r->node->directory);
    if (was_off)
        code = agents_spoke(r->node, r->store, &key, r->now_s, &err);
    if (code == OK && is_good)
        return device;
    if (code == OK || code == ERR_NOT_FOUND)
        answer_invalid(r, res);
    else
        answer_error(r, res, &err);
    device_free(device);
    return NULL;
}

/* What a small question gets, once it is known who asks. Between enter and leave. */
typedef void answer_fn(const struct http_request *r, const struct device *device, struct http_response *res);

static enum route_result answer_fast(struct http_request *r, struct http_response *res, answer_fn *answer)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct span text;
    struct agents_key key;
    const struct device *device = NULL;
    if (!read_key(r, res, &body, &text))
        return ROUTE_DONE;
    directory_enter(r->node->directory);
    enum agents_standing standing = identify(r, text, &key, &device);
    if (standing == AGENTS_GOOD && agents_was_off(device, directory_live(r->node->directory, device->id), r->now_s))
        standing = AGENTS_ASK_STORE;
    if (standing == AGENTS_GOOD)
        answer(r, device, res);
    directory_leave(r->node->directory);
    if (standing == AGENTS_INVALID)
        answer_invalid(r, res);
    return standing == AGENTS_ASK_STORE ? ROUTE_SLOW : ROUTE_DONE;
}

static void answer_slow(struct http_request *r, struct http_response *res, answer_fn *answer)
{
    CLEANUP(device_freep) struct device *device = load_asker(r, res);
    if (device == NULL)
        return;
    directory_enter(r->node->directory);
    answer(r, device, res);
    directory_leave(r->node->directory);
}

/* A body that did not fit must not leave as half an answer. */
static void seal(const struct http_request *r, struct http_response *res)
{
    if (res->body.failed)
        problem_status_answer(r, res, PROBLEM_AGENT, 503, "the answer does not fit");
}

/* ---- enrol ---- */

static struct span agent_address(const struct http_request *r)
{
    struct span rest = request_header(r, "X-Forwarded-For"), part, last = SPAN_NONE;
    while (r->trusted_proxy && span_cut(&rest, ',', &part))
        last = span_trim(part);
    return span_empty(last) || last.bytes > 64 ? r->peer : last;
}

static void refuse_enrolment(const struct http_request *r, struct http_response *res, const struct err *err)
{
    counter_add(r->node->counters, COUNT_AGENT_ENROLL_REFUSED, 1);
    log_event(r->node->log, LOG_WARN, "agent.enroll_refused", LOG_STR("request", r->id), LOG_SPAN("peer", r->peer), LOG_ERR(err));
    if (err->code == ERR_LIMIT)
        problem_status_answer(r, res, PROBLEM_AGENT, 429, err->text);
    else
        problem_answer(r, res, PROBLEM_AGENT, err);
}

static void enroll(struct http_request *r, struct http_response *res)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct osquery_enrolment said;
    struct span key;
    struct err err = { 0 };
    enum err_code code = osquery_read_enrolment(r->body, &body, &said, &err);
    if (code == OK)
        code = agents_enroll(r->node, r->store, &said, agent_address(r), r->arena, &key, &err);
    if (code != OK) {
        refuse_enrolment(r, res, &err);
        return;
    }
    counter_add(r->node->counters, COUNT_AGENT_ENROLLED, 1);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "node_key", key);
    to_json_end(&w);
    seal(r, res);
}

/* ---- config and questions ---- */

static void write_config(const struct http_request *r, const struct device *device, struct http_response *res)
{
    osquery_write_config(directory_control(r->node->directory)->policy, device->platform, pressure_poll_s(r->node->pressure), &res->body);
    seal(r, res);
}

static enum route_result config(struct http_request *r, struct http_response *res) { return answer_fast(r, res, write_config); }
static void config_slow(struct http_request *r, struct http_response *res) { answer_slow(r, res, write_config); }

static void write_questions(const struct http_request *r, const struct device *device, struct http_response *res)
{
    counter_add(r->node->counters, COUNT_AGENT_POLLS, 1);
    agents_read(r->node, device, directory_live(r->node->directory, device->id), r->now_s, r->arena, &res->body);
    seal(r, res);
}

static enum route_result distributed_read(struct http_request *r, struct http_response *res) { return answer_fast(r, res, write_questions); }
static void distributed_read_slow(struct http_request *r, struct http_response *res) { answer_slow(r, res, write_questions); }

/* ---- answers and logs ---- */

/* A body of reports, read; and how it is counted. */
struct batch {
    struct osquery_body body;
    struct span node_key;
    struct agents_reports reports;
    size_t lines, unread;
    enum counter taken, dropped;
};

static enum err_code make_reports(struct http_request *r, size_t count, struct batch *b, struct agents_report **all, struct err *err)
{
    *all = arena_array(r->arena, count, sizeof **all);
    b->reports = (struct agents_reports){ *all, count, r->now_s, 0 };
    return *all != NULL || count == 0 ? OK : err_set(err, ERR_MEMORY, "reports of an agent");
}

static enum err_code read_write(struct http_request *r, struct batch *b, struct err *err)
{
    struct osquery_answers answers;
    struct agents_report *all;
    enum err_code code = osquery_read_answers(r->body, r->arena, &b->body, &answers, err);
    if (code == OK)
        code = make_reports(r, answers.count, b, &all, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < answers.count; i++)
        all[i] = (struct agents_report){ answers.all[i].name, answers.all[i].message, answers.all[i].failed, &answers.all[i].rows, 0 };
    b->node_key = answers.node_key;
    b->lines = answers.count + answers.dropped;
    b->unread = answers.dropped;
    return OK;
}

static enum err_code read_log(struct http_request *r, struct batch *b, struct err *err)
{
    struct osquery_log log;
    struct agents_report *all;
    enum err_code code = osquery_read_log(r->body, AGENTS_PREFIX, r->arena, &b->body, &log, err);
    if (code == OK)
        code = make_reports(r, log.count, b, &all, err);
    if (code != OK)
        return code;
    for (size_t i = 0; i < log.count; i++)
        all[i] = (struct agents_report){ .name = log.sets[i].name, .rows = &log.sets[i].rows, .unix_s = log.sets[i].unix_s };
    if (log.errors > 0)
        log_event(r->node->log, LOG_DEBUG, "agent.query_errors", LOG_STR("request", r->id), LOG_INT("lines", log.errors), LOG_SPAN("last", log.error));
    b->node_key = log.node_key;
    b->lines = log.lines;
    b->unread = log.dropped;
    return OK;
}

typedef enum err_code read_fn(struct http_request *r, struct batch *b, struct err *err);

static void batch_done(struct batch *b) { osquery_body_done(&b->body); }

static void consumed(const struct http_request *r, struct http_response *res, const struct batch *b)
{
    size_t dropped = b->unread + b->reports.dropped;
    counter_add(r->node->counters, b->taken, b->lines);
    counter_add(r->node->counters, b->dropped, dropped);
    answer_nothing(res);
}

/* Reads the body; false when it was answered. Memory running out is no fault of the batch. */
static bool read_batch(struct http_request *r, struct http_response *res, read_fn *read, struct batch *b)
{
    struct err err;
    enum err_code code = read(r, b, &err);
    if (code == ERR_MEMORY)
        answer_error(r, res, &err);
    else if (code != OK)
        answer_dropped(r, res, b->dropped, &err);
    else if (span_empty(b->node_key))
        b->node_key = header_key(r);
    return code == OK;
}

static enum route_result take_fast(struct http_request *r, struct http_response *res, read_fn *read, struct batch *b)
{
    struct agents_key key;
    const struct device *device = NULL;
    if (r->body.bytes > FAST_BODY_BYTES)
        return ROUTE_SLOW;
    if (!read_batch(r, res, read, b))
        return ROUTE_DONE;
    directory_enter(r->node->directory);
    enum agents_standing standing = identify(r, b->node_key, &key, &device);
    if (standing == AGENTS_GOOD && !agents_report_refresh(r->node, device, directory_live(r->node->directory, device->id), &b->reports, r->arena))
        standing = AGENTS_ASK_STORE;
    directory_leave(r->node->directory);
    if (standing == AGENTS_INVALID)
        answer_invalid(r, res);
    else if (standing == AGENTS_GOOD)
        consumed(r, res, b);
    return standing == AGENTS_ASK_STORE ? ROUTE_SLOW : ROUTE_DONE;
}

/* Whether a long body is to be read at all; false when it was answered. Who sent it is looked up first: reading takes memory and time by the megabyte. A key that is not found says
 * nothing about the agent, which would enrol anew for ever if it were told so. */
static bool is_worth_reading(const struct http_request *r, struct http_response *res, const struct batch *b)
{
    struct agents_key key;
    struct err err;
    if (r->body.bytes <= FAST_BODY_BYTES)
        return true;
    struct span text = osquery_peek_key(r->body);
    text = span_empty(text) ? header_key(r) : text;
    if (agents_key_read(r->node, text, &key))
        return true;
    (void)err_set(&err, ERR_INPUT, "a long body that does not name its sender");
    if (span_empty(text))
        answer_dropped(r, res, b->dropped, &err);
    else
        answer_invalid(r, res);
    return false;
}

/* What can only be wrong with the batch is dropped; what another try may mend is refused. */
static bool is_poison(enum err_code code) { return code == ERR_INPUT || code == ERR_LIMIT || code == ERR_PROTOCOL; }

static void take_slow(struct http_request *r, struct http_response *res, read_fn *read, struct batch *b)
{
    struct agents_key key;
    struct err err = { 0 };
    if (!is_worth_reading(r, res, b) || !read_batch(r, res, read, b))
        return;
    if (!agents_key_read(r->node, b->node_key, &key)) {
        answer_invalid(r, res);
        return;
    }
    enum err_code code = agents_report_commit(r->node, r->store, &key, &b->reports, &err);
    if (code == OK)
        consumed(r, res, b);
    else if (is_poison(code))
        answer_dropped(r, res, b->dropped, &err);
    else
        answer_error(r, res, &err);
}

#define WRITE_BATCH { .taken = COUNT_AGENT_ANSWERS, .dropped = COUNT_AGENT_ANSWERS_DROPPED }
#define LOG_BATCH { .taken = COUNT_AGENT_LOG_ITEMS, .dropped = COUNT_AGENT_LOG_DROPPED }

static enum route_result distributed_write(struct http_request *r, struct http_response *res)
{
    CLEANUP(batch_done) struct batch b = WRITE_BATCH;
    return take_fast(r, res, read_write, &b);
}

static void distributed_write_slow(struct http_request *r, struct http_response *res)
{
    CLEANUP(batch_done) struct batch b = WRITE_BATCH;
    take_slow(r, res, read_write, &b);
}

static enum route_result log_lines(struct http_request *r, struct http_response *res)
{
    CLEANUP(batch_done) struct batch b = LOG_BATCH;
    return take_fast(r, res, read_log, &b);
}

static void log_lines_slow(struct http_request *r, struct http_response *res)
{
    CLEANUP(batch_done) struct batch b = LOG_BATCH;
    take_slow(r, res, read_log, &b);
}

/* ---- carving: never; reading people's files is outside what postern promises them ---- */

static enum route_result carve(struct http_request *r, struct http_response *res)
{
    (void)r;
    response_text(res, 403, NULL, SPAN_LITERAL("{\"error\":\"carving is disabled\"}"));
    return ROUTE_DONE;
}

#define AGENT_LISTENERS (LISTENER_PUBLIC | LISTENER_DEVICE | LISTENER_INTERNAL) /* internal: agents behind a proxy that ends their TLS */
#define BATCH_FLAGS (ROUTE_GZIP_BODY | ROUTE_DRAIN_OVERSIZE)
#define AGENT_ROUTES(base)                                                                                                                                             \
    { HTTP_POST, base "/enroll", AGENT_LISTENERS, 0, OSQUERY_SMALL_BYTES, PROBLEM_AGENT, 0, NULL, enroll, "osquery.enroll" },                                         \
    { HTTP_POST, base "/config", AGENT_LISTENERS, 0, OSQUERY_SMALL_BYTES, PROBLEM_AGENT, 0, config, config_slow, "osquery.config" },                                  \
    { HTTP_POST, base "/log", AGENT_LISTENERS, 0, OSQUERY_LOG_BYTES, PROBLEM_AGENT, BATCH_FLAGS, log_lines, log_lines_slow, "osquery.log" },                          \
    { HTTP_POST, base "/distributed/read", AGENT_LISTENERS, 0, OSQUERY_SMALL_BYTES, PROBLEM_AGENT, 0, distributed_read, distributed_read_slow, "osquery.read" },      \
    { HTTP_POST, base "/distributed/write", AGENT_LISTENERS, 0, OSQUERY_LOG_BYTES, PROBLEM_AGENT, BATCH_FLAGS, distributed_write, distributed_write_slow, "osquery.write" }, \
    { HTTP_POST, base "/carve/begin", AGENT_LISTENERS, 0, OSQUERY_SMALL_BYTES, PROBLEM_AGENT, ROUTE_DRAIN_OVERSIZE, carve, NULL, "osquery.carve" },                   \
    { HTTP_POST, base "/carve/block", AGENT_LISTENERS, 0, OSQUERY_SMALL_BYTES, PROBLEM_AGENT, ROUTE_DRAIN_OVERSIZE, carve, NULL, "osquery.carve" }

static const struct route rows[] = { AGENT_ROUTES("/osquery"), AGENT_ROUTES("/api/osquery"), AGENT_ROUTES("/api/v1/osquery") };
const struct route_table osquery_routes = { rows, sizeof rows / sizeof rows[0] };
