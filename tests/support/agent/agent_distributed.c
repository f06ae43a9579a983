#include "agent_parts.h"

#include <string.h>

enum { ACCELERATED_MS = 5000, ACCELERATE_MAX_S = 86400 };

void agent_read_queries(struct agent *agent)
{
    json_t *body = json_object();
    json_object_set_new(body, "node_key", json_string(agent->node_key));
    agent_post(agent, DO_READ, ENDPOINT_READ, agent->flags.distributed_tls_read_endpoint, body, false);
}

static int64_t pause_ms(const struct agent *agent)
{
    int64_t usual_ms = agent->flags.distributed_interval < 1 ? 1000 : agent->flags.distributed_interval * 1000;
    bool accelerated = mono_ms() < agent->accelerated_until_ms;
    return accelerated && usual_ms > ACCELERATED_MS ? ACCELERATED_MS : usual_ms;
}

/* A set with an empty name or an empty statement is refused as a whole. */
static bool acceptable(struct agent *agent, const json_t *queries)
{
    const char *name;
    json_t *statement;
    json_object_foreach((json_t *)(uintptr_t)queries, name, statement) {
        const char *sql = json_string_value(statement);
        if (name[0] == '\0' || sql == NULL || sql[0] == '\0') {
            log_status(agent, 2, "Distributed query does not have complete attributes");
            return false;
        }
    }
    return true;
}

/* 1: run it, 0: skip it in silence, -1: the discovery statement itself failed. */
static int discovered(struct agent *agent, const json_t *discovery, const char *name)
{
    const char *sql = json_string_value(json_object_get(discovery, name));
    if (sql == NULL || sql[0] == '\0')
        return 1;
    struct sql_answer answer = agent->world->answer(agent->device, sql, false);
    int out = answer.status != 0 ? -1 : json_array_size(answer.rows) > 0;
    sql_answer_done(&answer);
    return out;
}

static void run_query(struct agent *agent, const char *name, const char *statement)
{
    if (agent->answers == NULL) {
        agent->answers = json_object();
        agent->statuses = json_object();
        agent->messages = json_object();
        agent->query_stats = json_object();
    }
    struct sql_answer answer = agent->world->answer(agent->device, statement, agent->flags.logger_numerics);
    json_object_set(agent->answers, name, answer.rows);
    json_object_set_new(agent->statuses, name, json_integer(answer.status));
    json_object_del(agent->messages, name);
    if (answer.status != 0)
        json_object_set_new(agent->messages, name, json_string(answer.message));
    json_object_set_new(agent->query_stats, name,
                        json_pack("{s:I,s:I,s:I,s:I}", "wall_time_ms", (json_int_t)(answer.took_us / 1000), "user_time",
                                  (json_int_t)(answer.took_us / 1000), "system_time", (json_int_t)0, "memory",
                                  (json_int_t)0));
    sql_answer_done(&answer);
}

static void run_set(struct agent *agent, const json_t *body)
{
    const json_t *queries = json_object_get(body, "queries"), *discovery = json_object_get(body, "discovery");
    const char *name;
    json_t *statement;
    if (!json_is_object(queries) || !acceptable(agent, queries))
        return;
    json_object_foreach((json_t *)(uintptr_t)queries, name, statement) {
        if (discovered(agent, discovery, name) < 0) {
            log_status(agent, 2, "Discovery query of %s failed; the set is abandoned", name);
            return;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)queries, name, statement)
        if (discovered(agent, discovery, name) == 1)
            run_query(agent, name, json_string_value(statement));
}

void agent_queries_read(struct agent *agent, const json_t *body)
{
    if (body == NULL) {
        unsigned attempts = ++agent->attempts[DO_READ];
        bool again = (int64_t)attempts < agent->flags.distributed_tls_max_attempts;
        agent_due(agent, DO_READ, again ? agent_square_wait_ms(attempts, 3600) : pause_ms(agent));
        if (!again)
            agent->attempts[DO_READ] = 0;
        return;
    }
    agent->attempts[DO_READ] = 0;
    const json_t *accelerate = json_object_get(body, "accelerate");
    if (json_is_integer(accelerate) && json_integer_value(accelerate) > 0) {
        json_int_t seconds = json_integer_value(accelerate);
        seconds = seconds > ACCELERATE_MAX_S ? ACCELERATE_MAX_S : seconds;
        agent->accelerated_until_ms = mono_ms() + seconds * 1000;
    }
    run_set(agent, body);
    agent_due(agent, DO_READ, pause_ms(agent));
    /* What an earlier round could not deliver goes out with this one. */
    agent->attempts[DO_WRITE] = 0;
    agent_due(agent, DO_WRITE, agent->world->delay_ms == NULL ? 0 : agent->world->delay_ms(agent->device));
}

void agent_write_answers(struct agent *agent)
{
    json_t *body = json_object();
    json_object_set_new(body, "node_key", json_string(agent->node_key));
    json_object_set(body, "queries", agent->answers);
    json_object_set(body, "statuses", agent->statuses);
    json_object_set(body, "messages", agent->messages);
    json_object_set(body, "stats", agent->query_stats);
    agent_post(agent, DO_WRITE, ENDPOINT_WRITE, agent->flags.distributed_tls_write_endpoint, body, false);
}

void agent_answers_written(struct agent *agent, bool success)
{
    if (!success) {
        unsigned attempts = ++agent->attempts[DO_WRITE];
        bool again = (int64_t)attempts < agent->flags.distributed_tls_max_attempts;
        agent_due(agent, DO_WRITE, again ? agent_square_wait_ms(attempts, 3600) : NEVER_S * 1000LL);
        return;
    }
    size_t count = json_object_size(agent->answers);
    agent->attempts[DO_WRITE] = 0;
    agent->world->stats->answers_written += count;
    json_decref(agent->answers);
    json_decref(agent->statuses);
    json_decref(agent->messages);
    json_decref(agent->query_stats);
    agent->answers = agent->statuses = agent->messages = agent->query_stats = NULL;
    if (agent->world->answers_delivered != NULL)
        agent->world->answers_delivered(agent->device, count);
}
