/* /healthz: the process answers. /readyz: it answers from knowledge that is whole and fresh; the body says what is missing, decisions go on
 * either way. /metrics: Prometheus text. */
#include "gateway/effects.h"
#include "gateway/feed.h"
#include "gateway/http/router.h"
#include "gateway/node.h"
#include "gateway/pressure.h"
#include "gateway/slack/slack_line.h"
#include "gateway/slow_lane.h"

/* The feed hears from the store several times a second, so a node that is cut off from it knows within a second. A load balancer that obeys /readyz (two or three times in a row,
 * as they do) then sends logins elsewhere; one for whom every node is better than none asks /healthz. */
enum { STORE_AGE_LIMIT_MS = 1000, LOG_LAG_LIMIT_MS = 30000 /* a store that answers and a log that is not read */, DESTINATIONS = 64 };

struct readiness {
    struct directory_counts counts;
    int64_t age_ms, lag_ms;
    bool fresh, complete, governed;
};

static struct readiness look(const struct node *node)
{
    struct readiness ready = { .counts = directory_counts(node->directory), .age_ms = directory_age_ms(node->directory),
                               .lag_ms = node->feed != NULL ? feed_lag_ms(node->feed) : 0 };
    ready.complete = ready.counts.complete;
    ready.fresh = ready.age_ms <= STORE_AGE_LIMIT_MS && ready.lag_ms <= LOG_LAG_LIMIT_MS;
    directory_enter(node->directory);
    ready.governed = directory_control(node->directory)->policy != NULL;
    directory_leave(node->directory);
    return ready;
}

static bool is_ready(const struct readiness *r) { return r->complete && r->fresh && r->governed; }

static enum route_result healthz(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    (void)r;
    to_json_object(&w);
    to_json_member_text(&w, "status", SPAN_LITERAL("ok"));
    to_json_end(&w);
    return ROUTE_DONE;
}

static void write_reasons(const struct readiness *ready, struct http_request *r, struct to_json *w)
{
    to_json_key(w, "reasons");
    to_json_array(w);
    if (!ready->complete)
        to_json_text(w, SPAN_LITERAL("the directory is still loading from the store"));
    else if (!ready->governed)
        to_json_text(w, SPAN_LITERAL("no policy is in force yet"));
    if (ready->age_ms > STORE_AGE_LIMIT_MS)
        to_json_text(w, arena_format(r->arena, "the store has not answered for %lld ms", (long long)ready->age_ms));
    else if (ready->complete && !ready->fresh)
        to_json_text(w, arena_format(r->arena, "the log is read only up to %lld ms ago", (long long)ready->lag_ms));
    to_json_end(w);
}

static enum route_result readyz(struct http_request *r, struct http_response *res)
{
    struct readiness ready = look(r->node);
    bool good = is_ready(&ready);
    struct to_json w = response_json(res, good ? 200 : 503);
    to_json_object(&w);
    to_json_member_bool(&w, "ready", good);
    write_reasons(&ready, r, &w);
    to_json_member_int(&w, "store_age_ms", ready.age_ms);
    to_json_member_bool(&w, "directory_complete", ready.complete);
    to_json_member_int(&w, "devices", (int64_t)ready.counts.devices);
    to_json_member_int(&w, "persons", (int64_t)ready.counts.persons);
    to_json_end(&w);
    return ROUTE_DONE;
}

static void add_outboxes(const struct node *node, struct metrics_gauges *gauges)
{
    struct effects_destination all[DESTINATIONS];
    size_t count = node->effects != NULL ? effects_destinations(node->effects, all, DESTINATIONS) : 0;
    for (size_t i = 0; i < count && i < DESTINATIONS; i++) {
        gauges->outbox_waiting += all[i].waiting;
        gauges->outbox_set_aside += all[i].set_aside;
        gauges->stopped += all[i].stopped;
        bool failing = all[i].failing_s != 0 && !all[i].stopped;
        int64_t failing_ms = failing ? clock_wall_ms(node->clock) - all[i].failing_s * 1000 : 0;
        gauges->failing += failing;
        gauges->failing_ms = failing_ms > gauges->failing_ms ? failing_ms : gauges->failing_ms;
    }
}

static void add_slack_line(const struct node *node, struct metrics_gauges *gauges)
{
    struct slack_line_description line;
    gauges->slack_socket_open = -1;
    if (node->slack_line == NULL)
        return;
    slack_line_describe(node->slack_line, &line);
    gauges->slack_socket_open = line.state == SLACK_LINE_OPEN;
}

static void add_exemptions(const struct node *node, struct metrics_gauges *gauges)
{
    int64_t now_s = clock_wall_s(node->clock);
    directory_enter(node->directory);
    const struct exemptions all = directory_control(node->directory)->exemptions;
    for (size_t i = 0; i < all.count; i++) {
        bool asked = all.all[i].state == EXEMPTION_ASKED, past = now_s >= all.all[i].end_s;
        gauges->exemptions_open += exemption_holds(&all.all[i], now_s);
        gauges->exemptions_waiting += asked && !past;
        gauges->exemptions_overdue += (asked || all.all[i].state == EXEMPTION_APPROVED) && past;
    }
    directory_leave(node->directory);
}

static void add_rollout(const struct node *node, struct metrics_gauges *gauges)
{
    directory_enter(node->directory);
    const struct control *control = directory_control(node->directory);
    gauges->frozen = control->frozen;
    gauges->incident = control->incident;
    gauges->ring_percent = control->policy == NULL || control->ring.halted ? 0 : control->ring.percent;
    gauges->ring_halted = control->ring.halted;
    directory_leave(node->directory);
}

static enum route_result metrics(struct http_request *r, struct http_response *res)
{
    const struct node *node = r->node;
    struct readiness ready = look(node);
    struct metrics_gauges gauges = {
        .devices = (int64_t)ready.counts.devices,
        .persons = (int64_t)ready.counts.persons,
        .directory_age_ms = ready.age_ms,
        .log_lag_ms = ready.lag_ms,
        .slow_lane_waiting = node->slow_lane != NULL ? (int64_t)slow_lane_waiting(node->slow_lane) : 0,
        .agent_poll_s = pressure_poll_s(node->pressure),
        .slack_unmapped = node->options.slack ? (int64_t)ready.counts.unmapped : -1,
        .ready = is_ready(&ready),
    };
    add_exemptions(node, &gauges);
    add_outboxes(node, &gauges);
    add_slack_line(node, &gauges);
    add_rollout(node, &gauges);
    response_text(res, 200, "text/plain; version=0.0.4; charset=utf-8", SPAN_NONE);
    if (!metrics_write(node->metrics, &gauges, &res->body))
        problem_status_answer(r, res, PROBLEM_JSON, 500, NULL);
    return ROUTE_DONE;
}

#define EVERYWHERE (LISTENER_PUBLIC | LISTENER_DEVICE | LISTENER_INTERNAL | LISTENER_ADMIN | LISTENER_SOCKET)
static const struct route rows[] = {
    { HTTP_GET, "/healthz", EVERYWHERE, 0, 0, PROBLEM_JSON, 0, healthz, NULL, "healthz" },
    { HTTP_GET, "/readyz", EVERYWHERE, 0, 0, PROBLEM_JSON, 0, readyz, NULL, "readyz" },
    { HTTP_GET, "/metrics", LISTENER_INTERNAL | LISTENER_ADMIN | LISTENER_SOCKET, 0, 0, PROBLEM_JSON, 0, metrics, NULL, "metrics" },
};
const struct route_table health_routes = { rows, sizeof rows / sizeof rows[0] };
