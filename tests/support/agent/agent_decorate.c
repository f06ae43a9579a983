#include "agent_parts.h"

/* Asks one decorator; the columns of its first row are added to `into`. */
static void ask(struct agent *agent, const json_t *statement, json_t *into)
{
    const char *sql = json_string_value(statement);
    if (sql == NULL)
        return;
    struct sql_answer answer = agent->world->answer(agent->device, sql, false);
    json_t *row = json_array_get(answer.rows, 0);
    if (answer.status == 0 && row != NULL)
        json_object_update(into, row);
    sql_answer_done(&answer);
}

static void ask_all(struct agent *agent, const json_t *statements, json_t *into)
{
    size_t i;
    json_t *statement;
    json_array_foreach(statements, i, statement)
        ask(agent, statement, into);
}

static const json_t *decorators(const struct agent *agent)
{
    return agent->config == NULL || agent->flags.disable_decorators ? NULL
                                                                    : json_object_get(agent->config->body, "decorators");
}

void decorate_load(struct agent *agent)
{
    json_object_clear(agent->decorations);
    for (size_t i = 0; i < sizeof agent->interval_decorated_ms / sizeof agent->interval_decorated_ms[0]; i++)
        agent->interval_decorated_ms[i] = 0;
    ask_all(agent, json_object_get(decorators(agent), "load"), agent->decorations);
    decorate_interval(agent);
}

/* At most 16 different intervals. */
void decorate_interval(struct agent *agent)
{
    const size_t most = sizeof agent->interval_decorated_ms / sizeof agent->interval_decorated_ms[0];
    const char *seconds;
    json_t *statements;
    size_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(decorators(agent), "interval"), seconds, statements) {
        long long interval_s = 0;
        if (i >= most || !parse_number(seconds, 1, 31536000, &interval_s))
            continue;
        int64_t *asked_ms = &agent->interval_decorated_ms[i++];
        if (*asked_ms != 0 && mono_ms() - *asked_ms < interval_s * 1000)
            continue;
        *asked_ms = mono_ms();
        ask_all(agent, statements, agent->decorations);
    }
}

void decorate_line(struct agent *agent, json_t *line)
{
    const json_t *always = json_object_get(decorators(agent), "always");
    json_t *all = json_copy(agent->decorations);
    ask_all(agent, always, all);
    if (json_object_size(all) > 0 && agent->flags.decorations_top_level)
        json_object_update(line, all);
    else if (json_object_size(all) > 0)
        json_object_set(line, "decorations", all);
    json_decref(all);
}
