/* What Slack sends to us over HTTPS. The signature is judged on the worker, over the body as it came, before anything is read; what only needs memory is
 * answered there, the rest on the slow lane (slack_intake.h). */
#include "gateway/http/router.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_intake.h"

typedef enum err_code read_fn(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);

/* ---- is it Slack ---- */

static size_t count_headers(const struct http_request *r, const char *name, struct span *value)
{
    size_t count = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!span_equal_fold(r->headers[i].name, span_of(name)))
            continue;
        *value = r->headers[i].value;
        count++;
    }
    return count;
}

static enum slack_proof prove(const struct http_request *r)
{
    struct slack_signed what = { .body = r->body };
    bool once = count_headers(r, "X-Slack-Request-Timestamp", &what.timestamp) == 1 && count_headers(r, "X-Slack-Signature", &what.signature) == 1;
    return once ? slack_app_prove(r->node->slack, &what, r->now_s) : SLACK_UNSIGNED;
}

static void refuse(struct http_request *r, struct http_response *res, enum slack_proof proof)
{
    static const char *const words[] = { [SLACK_UNSIGNED] = "unsigned", [SLACK_STALE] = "signed at another time than ours: is a clock wrong?", [SLACK_FORGED] = "signed with another secret" };
    counter_add(r->node->counters, COUNT_SLACK_REFUSED, 1);
    log_event(r->node->log, LOG_WARN, "slack.refused", LOG_STR("id", r->id), LOG_SPAN("path", r->path), LOG_STR("why", words[proof]));
    response_text(res, 401, "text/plain", SPAN_NONE);
}

/* False: answered. Slack probes a command's address with ssl_check, without a signature that counts: it gets its 200, and nothing else of that request is read,
 * whoever signed it. */
static bool is_genuine(struct http_request *r, struct http_response *res, bool form)
{
    if (!slack_app_proves(r->node->slack)) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "nothing is taken from Slack at this address: set slack.signing_secret");
        return false;
    }
    if (form && request_is_type(r, "application/x-www-form-urlencoded") && slack_is_ssl_check(r->body, r->arena)) {
        response_text(res, 200, "text/plain", SPAN_NONE);
        return false;
    }
    enum slack_proof proof = prove(r);
    if (proof == SLACK_GENUINE)
        return true;
    refuse(r, res, proof);
    return false;
}

/* False: answered. */
static bool read_it(struct http_request *r, struct http_response *res, const char *type, read_fn *read, struct slack_heard *out)
{
    struct err err = { 0 };
    enum err_code code = request_is_type(r, type) ? read(r->body, r->arena, out, &err) : err_set(&err, ERR_INPUT, "the Content-Type must be %s", type);
    if (code == OK)
        return true;
    counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    log_event(r->node->log, LOG_WARN, "slack.not_understood", LOG_STR("id", r->id), LOG_SPAN("path", r->path), LOG_ERR(&err));
    problem_status_answer(r, res, PROBLEM_JSON, 400, err.text);
    return false;
}

/* ---- what comes of it ---- */

static void give(struct http_request *r, struct http_response *res, const struct slack_answer *answer)
{
    if (answer->later != NULL)
        problem_status_answer(r, res, PROBLEM_JSON, 503, answer->later);
    else if (answer->json.bytes > 0)
        response_text(res, 200, "application/json", buf_span(&answer->json));
    else
        response_text(res, 200, "text/plain", SPAN_NONE);
}

/* Not every request has an identity of its own; then its signature, which covers its time, tells copies apart. */
static enum route_result take(struct http_request *r, struct http_response *res, const struct slack_heard *h)
{
    struct slack_answer answer;
    const struct slack_intake in = { r->node, r->store, r->arena, span_of(r->id), request_header(r, "X-Slack-Signature") };
    slack_answer_init(&answer);
    bool taken = slack_intake(&in, h, &answer);
    if (taken)
        give(r, res, &answer);
    slack_answer_done(&answer);
    return taken ? ROUTE_DONE : ROUTE_SLOW;
}

/* What a row of the table takes: its type, and how it is read. */
struct kind { const char *type; bool form; read_fn *read; };
static const struct kind event_kind = { "application/json", false, slack_read_event }, interaction_kind = { "application/x-www-form-urlencoded", true, slack_read_interaction },
                         command_kind = { "application/x-www-form-urlencoded", true, slack_read_command };

static enum route_result fast(struct http_request *r, struct http_response *res, const struct kind *kind)
{
    struct slack_heard h;
    return is_genuine(r, res, kind->form) && read_it(r, res, kind->type, kind->read, &h) ? take(r, res, &h) : ROUTE_DONE;
}

static void slow(struct http_request *r, struct http_response *res, const struct kind *kind)
{
    struct slack_heard h;
    if (read_it(r, res, kind->type, kind->read, &h))
        (void)take(r, res, &h);
}

static enum route_result events(struct http_request *r, struct http_response *res) { return fast(r, res, &event_kind); }
static void events_slow(struct http_request *r, struct http_response *res) { slow(r, res, &event_kind); }
static enum route_result interactive(struct http_request *r, struct http_response *res) { return fast(r, res, &interaction_kind); }
static void interactive_slow(struct http_request *r, struct http_response *res) { slow(r, res, &interaction_kind); }
static enum route_result command(struct http_request *r, struct http_response *res) { return fast(r, res, &command_kind); }
static void command_slow(struct http_request *r, struct http_response *res) { slow(r, res, &command_kind); }

static const struct route rows[] = {
    { HTTP_POST, "/slack/events", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, events, events_slow, "slack.events" },
    { HTTP_POST, "/slack/interactive", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, interactive, interactive_slow, "slack.interactive" },
    { HTTP_POST, "/slack/command", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, command, command_slow, "slack.command" },
};
const struct route_table slack_routes = { rows, sizeof rows / sizeof rows[0] };
