#include "agent_parts.h"

#include <stdlib.h>
#include <string.h>

enum { DISCOVERY_MS = 3600 * 1000 };

static int64_t splayed_ms(const struct agent *agent, int64_t interval_s)
{
    int64_t percent = agent->flags.schedule_splay_percent;
    int64_t room_ms = interval_s * 10 * (percent > 100 ? 100 : percent);
    if (room_ms < 1 || room_ms > 1 << 29)
        return interval_s * 1000;
    int64_t splayed = interval_s * 1000 - room_ms + random_below((uint32_t)(2 * room_ms + 1));
    return splayed < 1000 ? 1000 : splayed;
}

void schedule_forget(struct agent *agent)
{
    for (size_t i = 0; agent->config != NULL && i < agent->config->query_count; i++)
        json_decref(agent->states[i].last);
    free(agent->states);
    free(agent->pack_states);
    agent->states = NULL;
    agent->pack_states = NULL;
}

/* What is remembered of a query survives a new configuration that still has it word for word. */
static bool inherit(struct agent *agent, const struct query *query, struct query_state *state)
{
    for (size_t i = 0; agent->config != NULL && i < agent->config->query_count; i++) {
        const struct query *old = &agent->config->queries[i];
        if (strcmp(old->name, query->name) != 0 || strcmp(old->sql, query->sql) != 0)
            continue;
        *state = agent->states[i];
        agent->states[i].last = NULL;
        return old->interval_s == query->interval_s;
    }
    *state = (struct query_state){ .counter = -1 };
    return false;
}

void schedule_adopt(struct agent *agent, struct config *config)
{
    struct query_state *states = must_alloc(config->query_count, sizeof *states);
    for (size_t i = 0; i < config->query_count; i++) {
        if (inherit(agent, &config->queries[i], &states[i]))
            continue;
        states[i].splayed_ms = splayed_ms(agent, config->queries[i].interval_s);
        states[i].due_ms = mono_ms() + states[i].splayed_ms;
    }
    schedule_forget(agent);
    config_drop(agent->world->configs, agent->config);
    agent->config = config;
    agent->states = states;
    agent->pack_states = must_alloc(config->pack_count, sizeof *agent->pack_states);
    agent_due(agent, DO_SCHEDULE, 0);
}

/* Every discovery query of a pack must give a row; asked again after an hour. */
static bool pack_active(struct agent *agent, int pack)
{
    if (pack < 0)
        return true;
    struct pack_state *state = &agent->pack_states[pack];
    if (state->checked_ms != 0 && mono_ms() - state->checked_ms < DISCOVERY_MS)
        return state->active;
    state->checked_ms = mono_ms();
    state->active = true;
    size_t i;
    json_t *statement;
    json_array_foreach(json_object_get(agent->config->packs[pack], "discovery"), i, statement) {
        const char *sql = json_string_value(statement);
        struct sql_answer answer = agent->world->answer(agent->device, sql == NULL ? "" : sql, false);
        state->active = state->active && answer.status == 0 && json_array_size(answer.rows) > 0;
        sql_answer_done(&answer);
    }
    return state->active;
}

static json_t *result_line(struct agent *agent, const struct query *query, const struct query_state *state)
{
    json_t *line = json_object();
    json_object_set_new(line, "name", json_string(query->name));
    log_stamp(agent, line);
    json_object_set_new(line, "epoch", json_integer(agent->flags.schedule_epoch));
    json_object_set_new(line, "counter", json_integer(query->snapshot ? 0 : state->counter));
    json_object_set_new(line, "numerics", json_boolean(agent->flags.logger_numerics));
    decorate_line(agent, line);
    return line;
}

static void log_row(struct agent *agent, const struct query *query, const struct query_state *state, const char *action,
                    json_t *row)
{
    json_t *line = result_line(agent, query, state);
    json_object_set_new(line, "action", json_string(action));
    json_object_set(line, "columns", row);
    log_line(agent, LOGGED_RESULTS, line);
}

static void log_snapshot(struct agent *agent, const struct query *query, const struct query_state *state, json_t *rows)
{
    if (agent->flags.logger_snapshot_event_type) {
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
            log_row(agent, query, state, "snapshot", row);
        return;
    }
    json_t *line = result_line(agent, query, state);
    json_object_set_new(line, "action", json_string("snapshot"));
    json_object_set(line, "snapshot", rows);
    log_line(agent, LOGGED_RESULTS, line);
}

/* Rows of `a` that are not in `b`; both map a row's text to the row. */
static json_t *missing(const json_t *a, const json_t *b)
{
    json_t *out = json_array();
    const char *key;
    json_t *row;
    json_object_foreach((json_t *)(uintptr_t)a, key, row)
        if (json_object_get(b, key) == NULL)
            json_array_append(out, row);
    return out;
}

static json_t *by_text(const json_t *rows)
{
    json_t *out = json_object();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char *key = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
        if (key != NULL)
            json_object_set(out, key, row);
        free(key);
    }
    return out;
}

static void log_difference(struct agent *agent, const struct query *query, const struct query_state *state,
                           json_t *removed, json_t *added)
{
    size_t i;
    json_t *row;
    if (json_array_size(removed) == 0 && json_array_size(added) == 0)
        return;
    if (!agent->flags.logger_event_type) {
        json_t *line = result_line(agent, query, state);
        json_object_set_new(line, "diffResults", json_pack("{s:O,s:O}", "removed", removed, "added", added));
        log_line(agent, LOGGED_RESULTS, line);
        return;
    }
    json_array_foreach(removed, i, row)
        log_row(agent, query, state, "removed", row);
    json_array_foreach(added, i, row)
        log_row(agent, query, state, "added", row);
}

static void keep_difference(struct agent *agent, const struct query *query, struct query_state *state, json_t *rows)
{
    if (state->counter < 0 || state->epoch != agent->flags.schedule_epoch) {
        state->counter = 0;
        state->epoch = agent->flags.schedule_epoch;
        json_decref(state->last);
        state->last = json_object();
    } else {
        state->counter++;
    }
    json_t *now = by_text(rows);
    json_t *added = missing(now, state->last);
    json_t *removed = query->removed ? missing(state->last, now) : json_array();
    log_difference(agent, query, state, removed, added);
    json_decref(added);
    json_decref(removed);
    json_decref(state->last);
    state->last = now;
}

static void run_query(struct agent *agent, size_t index)
{
    const struct query *query = &agent->config->queries[index];
    struct query_state *state = &agent->states[index];
    struct sql_answer answer = agent->world->answer(agent->device, query->sql, agent->flags.logger_numerics);
    state->executions++;
    state->last_executed_s = wall_s();
    state->last_wall_ms = answer.took_us / 1000;
    state->wall_ms += state->last_wall_ms;
    if (answer.status != 0)
        log_status(agent, 2, "Error executing scheduled query %s: %s", query->name, answer.message);
    else if (query->snapshot)
        log_snapshot(agent, query, state, answer.rows);
    else
        keep_difference(agent, query, state, answer.rows);
    sql_answer_done(&answer);
}

/* Runs what is due, then sleeps until the next: at least one second, as osquery's scheduler ticks. */
void agent_run_schedule(struct agent *agent)
{
    int64_t now = mono_ms(), next = now + 60000;
    decorate_interval(agent);
    for (size_t i = 0; i < agent->config->query_count; i++) {
        struct query_state *state = &agent->states[i];
        if (state->due_ms <= now) {
            if (pack_active(agent, agent->config->queries[i].pack))
                run_query(agent, i);
            state->due_ms = now + state->splayed_ms;
        }
        if (state->due_ms < next)
            next = state->due_ms;
    }
    agent->due_ms[DO_SCHEDULE] = next < now + 1000 ? now + 1000 : next;
}

void agent_schedule_rows(const struct agent *agent, struct rows *rows)
{
    for (size_t i = 0; agent->config != NULL && i < agent->config->query_count; i++) {
        const struct query *query = &agent->config->queries[i];
        const struct query_state *state = &agent->states[i];
        rows_next(rows);
        rows_text(rows, "name", query->name);
        rows_text(rows, "query", query->sql);
        rows_number(rows, "interval", query->interval_s);
        rows_number(rows, "executions", state->executions);
        rows_number(rows, "last_executed", state->last_executed_s);
        rows_number(rows, "denylisted", 0);
        rows_number(rows, "output_size", 0);
        rows_number(rows, "wall_time", state->wall_ms / 1000);
        rows_number(rows, "wall_time_ms", state->wall_ms);
        rows_number(rows, "last_wall_time_ms", state->last_wall_ms);
        rows_number(rows, "user_time", 0);
        rows_number(rows, "system_time", 0);
        rows_number(rows, "average_memory", 0);
    }
}
