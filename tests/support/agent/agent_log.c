#include "agent_parts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->lines[lines->first + i]);
    free(lines->lines);
    *lines = (struct lines){ 0 };
}

static void drop_first(struct lines *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lines->lines[lines->first + i]);
    lines->first += count;
    lines->count -= count;
    if (lines->count == 0)
        lines->first = 0;
}

static void append(struct lines *lines, char *line)
{
    if (lines->first + lines->count == lines->room) {
        if (lines->first > lines->room / 2) {
            memmove(lines->lines, lines->lines + lines->first, lines->count * sizeof(char *));
            lines->first = 0;
        } else {
            lines->room = lines->room * 2 + 16;
            lines->lines = must_grow(lines->lines, lines->room, sizeof(char *));
        }
    }
    lines->lines[lines->first + lines->count++] = line;
}

void log_line(struct agent *agent, int kind, json_t *line)
{
    struct lines *lines = &agent->lines[kind];
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (text == NULL)
        return;
    if ((int64_t)strlen(text) > agent->flags.logger_tls_max_linesize) {
        complain("warning: a log line of %zu bytes is too long and dropped", strlen(text));
        free(text);
        return;
    }
    /* Whatever waits longest is purged first; a batch under way is not changed. */
    if (agent->flags.buffered_log_max > 0 && (int64_t)lines->count >= agent->flags.buffered_log_max && lines->batch == 0)
        drop_first(lines, 1);
    if (lines->count == 0)
        agent_due(agent, kind == LOGGED_RESULTS ? DO_RESULT_LOG : DO_STATUS_LOG, agent->flags.logger_tls_period * 1000);
    append(lines, text);
}

void log_stamp(const struct agent *agent, json_t *line)
{
    time_t now = (time_t)wall_s();
    struct tm parts;
    gmtime_r(&now, &parts);
    char calendar[64];
    strftime(calendar, sizeof calendar, "%a %b %e %H:%M:%S %Y UTC", &parts);
    json_object_set_new(line, "hostIdentifier", json_string(agent->identity.host_identifier));
    json_object_set_new(line, "calendarTime", json_string(calendar));
    json_object_set_new(line, "unixTime", json_integer((json_int_t)now));
}

void log_status(struct agent *agent, int severity, const char *format, ...)
{
    if (agent->flags.tls_disable_status_log || severity < agent->flags.logger_min_status)
        return;
    char words[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    json_t *line = json_object();
    log_stamp(agent, line);
    json_object_set_new(line, "severity", json_integer(severity));
    json_object_set_new(line, "filename", json_string("agent.cpp"));
    json_object_set_new(line, "line", json_integer(1));
    json_object_set_new(line, "message", json_string(words));
    json_object_set_new(line, "version", json_string("5.23.1"));
    if (json_object_size(agent->decorations) > 0)
        json_object_set(line, "decorations", agent->decorations);
    log_line(agent, LOGGED_STATUSES, line);
}

/* The batch is fixed when it is first sent; a refused one goes out again unchanged, with a growing pause. */
void agent_send_log(struct agent *agent, int kind)
{
    struct lines *lines = &agent->lines[kind];
    if (lines->batch == 0) {
        size_t most = agent->flags.logger_tls_max_lines < 1 ? 1 : (size_t)agent->flags.logger_tls_max_lines;
        lines->batch = lines->count < most ? lines->count : most;
    }
    json_t *data = json_array();
    for (size_t i = 0; i < lines->batch; i++)
        json_array_append_new(data, json_loads(lines->lines[lines->first + i], 0, NULL));
    json_t *body = json_object();
    json_object_set_new(body, "node_key", json_string(agent->node_key));
    json_object_set_new(body, "log_type", json_string(kind == LOGGED_RESULTS ? "result" : "status"));
    json_object_set_new(body, "data", data);
    agent_post(agent, kind == LOGGED_RESULTS ? DO_RESULT_LOG : DO_STATUS_LOG, ENDPOINT_LOG,
               agent->flags.logger_tls_endpoint, body, agent->flags.logger_tls_compress);
}

void agent_log_sent(struct agent *agent, int kind, bool success)
{
    struct lines *lines = &agent->lines[kind];
    enum activity activity = kind == LOGGED_RESULTS ? DO_RESULT_LOG : DO_STATUS_LOG;
    int64_t period_ms = agent->flags.logger_tls_period < 1 ? 1000 : agent->flags.logger_tls_period * 1000;
    if (success) {
        agent->world->stats->lines_logged += lines->batch;
        drop_first(lines, lines->batch);
        lines->batch = 0;
        lines->attempts = 0;
        agent_due(agent, activity, period_ms);
        return;
    }
    lines->attempts++;
    int64_t wait_ms = period_ms * lines->attempts * lines->attempts;
    int64_t most_ms = agent->flags.logger_tls_backoff_max * 1000;
    agent_due(agent, activity, most_ms > 0 && wait_ms > most_ms ? most_ms : wait_ms);
}
