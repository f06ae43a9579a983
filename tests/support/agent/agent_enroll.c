#include "agent_parts.h"

/* The first row of a table, every value a string; a table that is absent is an absent member. */
static void add_detail(struct agent *agent, json_t *details, const char *table, const char *statement)
{
    struct sql_answer answer = agent->world->answer(agent->device, statement, false);
    json_t *row = json_array_get(answer.rows, 0);
    if (answer.status == 0 && row != NULL)
        json_object_set(details, table, row);
    sql_answer_done(&answer);
}

void agent_enroll(struct agent *agent)
{
    if (agent->flags.disable_enrollment || agent->flags.enroll_tls_endpoint[0] == '\0') {
        agent_give_up(agent, "there is no node key and enrolment is off or has no endpoint");
        return;
    }
    json_t *details = json_object();
    add_detail(agent, details, "os_version", "SELECT * FROM os_version");
    add_detail(agent, details, "osquery_info", "SELECT * FROM osquery_info");
    add_detail(agent, details, "system_info", "SELECT * FROM system_info");
    add_detail(agent, details, "platform_info", "SELECT * FROM platform_info");
    json_t *body = json_object();
    json_object_set_new(body, "enroll_secret", json_string(agent->identity.enroll_secret));
    json_object_set_new(body, "host_identifier", json_string(agent->identity.host_identifier));
    json_object_set_new(body, "platform_type", json_string(agent->identity.platform_type));
    json_object_set_new(body, "host_details", details);
    agent_post(agent, DO_ENROLL, ENDPOINT_ENROLL, agent->flags.enroll_tls_endpoint, body, false);
}

void agent_enrolled_with(struct agent *agent, const json_t *body)
{
    const char *key = json_string_value(json_object_get(body, "node_key"));
    if (key == NULL)
        key = json_string_value(json_object_get(body, "id"));
    if (key != NULL && key[0] != '\0') {
        agent->node_key = must_copy(key);
        agent->attempts[DO_ENROLL] = 0;
        if (!agent->started)
            agent_due(agent, DO_CONFIG, 0);
        if (agent->world->key_changed != NULL)
            agent->world->key_changed(agent->device, key);
        return;
    }
    unsigned attempts = ++agent->attempts[DO_ENROLL];
    int64_t most = agent->flags.tls_enroll_max_attempts;
    agent_due(agent, DO_ENROLL, agent_square_wait_ms(attempts, agent->flags.tls_enroll_max_interval));
    if (most > 0 && (int64_t)attempts >= most)
        agent_give_up(agent, "enrolment failed in every attempt");
}
