#include "agent_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ASLEEP_MS = 1000 };

void agent_due(struct agent *agent, enum activity activity, int64_t in_ms)
{
    agent->due_ms[activity] = mono_ms() + in_ms;
}

/* After attempt n comes a pause of n * n seconds. */
int64_t agent_square_wait_ms(unsigned attempts, int64_t max_s)
{
    int64_t wait_s = (int64_t)attempts * attempts;
    return (wait_s > max_s ? max_s : wait_s) * 1000;
}

void agent_give_up(struct agent *agent, const char *why)
{
    agent->stopped = true;
    if (agent->world->gave_up != NULL)
        agent->world->gave_up(agent->device, why);
}

static bool possible(const struct agent *agent, enum activity activity)
{
    const struct flags *flags = &agent->flags;
    if (agent->node_key == NULL)
        return activity == DO_ENROLL;
    if (activity == DO_ENROLL)
        return false;
    if (!agent->started)
        return activity == DO_CONFIG;
    switch (activity) {
    case DO_RESULT_LOG:
    case DO_STATUS_LOG:
        return flags->logger_tls_endpoint[0] != '\0' && agent->lines[activity - DO_RESULT_LOG].count > 0;
    case DO_READ:
        return !flags->disable_distributed && flags->distributed_tls_read_endpoint[0] != '\0';
    case DO_WRITE:
        return agent->answers != NULL && flags->distributed_tls_write_endpoint[0] != '\0';
    default:
        return true;
    }
}

/* The possible activity that is due first. */
static enum activity next_activity(const struct agent *agent)
{
    enum activity best = ACTIVITIES;
    for (enum activity i = DO_ENROLL; i < ACTIVITIES; i++)
        if (possible(agent, i) && (best == ACTIVITIES || agent->due_ms[i] < agent->due_ms[best]))
            best = i;
    return best;
}

static void plan(struct agent *agent)
{
    if (agent->stopped || agent->exchange != NULL)
        return;
    enum activity next = next_activity(agent);
    if (next != ACTIVITIES)
        loop_timer_set(agent->world->loop, &agent->timer, agent->due_ms[next]);
}

static void act(struct agent *agent, enum activity activity)
{
    switch (activity) {
    case DO_ENROLL:
        agent_enroll(agent);
        break;
    case DO_CONFIG:
        agent_fetch_config(agent);
        break;
    case DO_RESULT_LOG:
    case DO_STATUS_LOG:
        agent_send_log(agent, (int)activity - DO_RESULT_LOG);
        break;
    case DO_READ:
        agent_read_queries(agent);
        break;
    case DO_WRITE:
        agent_write_answers(agent);
        break;
    default:
        agent_run_schedule(agent);
        break;
    }
}

/* ---- the queue for a place ---- */

static bool is_crowded(const struct agent_world *world)
{
    return world->parallel_max > 0 && world->stats->in_flight >= world->parallel_max;
}

static void leave_queue(struct agent *agent)
{
    struct agent_queue *queue = agent->world->queue;
    if (!agent->waits)
        return;
    agent->waits = false;
    *(agent->previous_waiting != NULL ? &agent->previous_waiting->next_waiting : &queue->first) = agent->next_waiting;
    *(agent->next_waiting != NULL ? &agent->next_waiting->previous_waiting : &queue->last) = agent->previous_waiting;
}

static void timer_due(void *context);

/* From the loop, not from the end of a request: one that ends at once would come back here on its own stack. */
static void fill_places(void *context)
{
    const struct agent_world *world = context;
    while (!is_crowded(world) && world->queue->first != NULL) {
        struct agent *first = world->queue->first;
        leave_queue(first);
        timer_due(first);
    }
}

static void join_queue(struct agent *agent)
{
    struct agent_queue *queue = agent->world->queue;
    if (agent->waits)
        return;
    agent->waits = true;
    agent->next_waiting = NULL;
    agent->previous_waiting = queue->last;
    *(queue->last != NULL ? &queue->last->next_waiting : &queue->first) = agent;
    queue->last = agent;
}

static void place_free(const struct agent_world *world)
{
    struct agent_queue *queue = world->queue;
    if (queue == NULL || queue->first == NULL)
        return;
    queue->timer.due = fill_places;
    queue->timer.context = (void *)(uintptr_t)world;
    loop_timer_set(world->loop, &queue->timer, mono_ms());
}

/* ---- what is due ---- */

static void timer_due(void *context)
{
    struct agent *agent = context;
    const struct agent_world *world = agent->world;
    if (agent->stopped || agent->exchange != NULL)
        return;
    if (world->silent != NULL && world->silent(agent->device)) {
        loop_timer_set(world->loop, &agent->timer, mono_ms() + ASLEEP_MS);
        return;
    }
    enum activity next = next_activity(agent);
    if (next == ACTIVITIES)
        return;
    if (next != DO_SCHEDULE && is_crowded(world)) {
        join_queue(agent);
        return;
    }
    leave_queue(agent);
    if (agent->due_ms[next] <= mono_ms())
        act(agent, next);
    plan(agent);
}

static void erase_key(struct agent *agent)
{
    if (agent->flags.disable_reenrollment)
        return;
    free(agent->node_key);
    agent->node_key = NULL;
    agent->attempts[DO_ENROLL] = 0;
    agent_due(agent, DO_ENROLL, 0);
    if (agent->world->key_changed != NULL)
        agent->world->key_changed(agent->device, NULL);
}

static void conclude(struct agent *agent, const json_t *body, const struct wire_result *result)
{
    switch (agent->doing) {
    case DO_ENROLL:
        agent_enrolled_with(agent, body);
        break;
    case DO_CONFIG:
        agent_config_fetched(agent, body, result->body, result->body_size);
        break;
    case DO_RESULT_LOG:
    case DO_STATUS_LOG:
        agent_log_sent(agent, (int)agent->doing - DO_RESULT_LOG, body != NULL);
        break;
    case DO_READ:
        agent_queries_read(agent, body);
        break;
    default:
        agent_answers_written(agent, body != NULL);
        break;
    }
}

static enum endpoint endpoint_of(enum activity activity)
{
    static const enum endpoint map[] = { ENDPOINT_ENROLL, ENDPOINT_CONFIG, ENDPOINT_LOG, ENDPOINT_LOG, ENDPOINT_READ,
                                         ENDPOINT_WRITE };
    return map[activity];
}

static void finished(void *context, const struct wire_result *result)
{
    struct agent *agent = context;
    struct stats *stats = agent->world->stats;
    agent->exchange = NULL;
    stats->in_flight--;
    place_free(agent->world);
    struct judgement judged = { .verdict = VERDICT_FAILURE };
    if (result->answered)
        judged = judge_body(result->body, result->body_size);
    const char *where = endpoint_name(endpoint_of(agent->doing));
    stats_result(stats, endpoint_of(agent->doing), result, judged.verdict);
    if (!result->answered)
        say("%s: %s: %s", agent->identity.host_identifier, where, result->problem);
    else if (judged.verdict != VERDICT_SUCCESS)
        say("%s: %s: refused: %s", agent->identity.host_identifier, where, judged.reason);
    else if (result->status < 200 || result->status > 299)
        say("%s: %s: status %d with a body that counts as success", agent->identity.host_identifier, where,
            result->status);
    /* The enrol answer's node_invalid is shown in osquery's documentation, but its code does not look at it. */
    if (judged.verdict == VERDICT_NODE_INVALID && agent->doing != DO_ENROLL)
        erase_key(agent);
    conclude(agent, judged.body, result);
    json_decref(judged.body);
    plan(agent);
}

static bool deflate_gzip(const char *bytes, size_t size, struct text *out)
{
    z_stream stream = { 0 };
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&stream, size);
    unsigned char *packed = must_alloc(room, 1);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    bool fine = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    text_init(out, room);
    text_add(out, packed, stream.total_out);
    deflateEnd(&stream);
    free(packed);
    return fine;
}

void agent_post(struct agent *agent, enum activity activity, enum endpoint endpoint, const char *path, json_t *body,
                bool gzip)
{
    struct stats *stats = agent->world->stats;
    char *bytes = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (bytes == NULL)
        bytes = must_copy("{}");
    struct text packed = { 0 };
    gzip = gzip && deflate_gzip(bytes, strlen(bytes), &packed);
    agent->doing = activity;
    stats->endpoints[endpoint].requests++;
    if (++stats->in_flight > stats->in_flight_most)
        stats->in_flight_most = stats->in_flight;
    agent->exchange = exchange_start(agent->world->loop, agent->world->place, path,
                                     activity == DO_ENROLL ? NULL : agent->node_key, gzip ? packed.data : bytes,
                                     gzip ? packed.size : strlen(bytes), gzip, finished, agent);
    text_done(&packed);
    free(bytes);
}

struct agent *agent_new(const struct agent_world *world, void *device, const struct agent_identity *identity,
                        const struct flags *flags, int64_t wait_ms)
{
    struct agent *agent = must_alloc(1, sizeof *agent);
    agent->world = world;
    agent->device = device;
    agent->identity = *identity;
    agent->flags = *flags;
    agent->node_key = identity->node_key == NULL || flags->enroll_always ? NULL : must_copy(identity->node_key);
    agent->timer = (struct loop_timer){ .due = timer_due, .context = agent };
    agent->decorations = json_object();
    for (enum activity i = DO_ENROLL; i < ACTIVITIES; i++)
        agent_due(agent, i, wait_ms);
    plan(agent);
    return agent;
}

void agent_free(struct agent *agent)
{
    if (agent == NULL)
        return;
    loop_timer_stop(agent->world->loop, &agent->timer);
    leave_queue(agent);
    exchange_cancel(agent->exchange);
    schedule_forget(agent);
    config_drop(agent->world->configs, agent->config);
    for (int i = 0; i < LINE_KINDS; i++)
        lines_done(&agent->lines[i]);
    json_decref(agent->decorations);
    json_decref(agent->answers);
    json_decref(agent->statuses);
    json_decref(agent->messages);
    json_decref(agent->query_stats);
    free(agent->node_key);
    free(agent->backup);
    free(agent);
}

void agent_set_backup(struct agent *agent, const char *body, size_t size)
{
    free(agent->backup);
    agent->backup = must_copy_n(body, size);
    agent->backup_size = size;
}

bool agent_enrolled(const struct agent *agent)
{
    return agent->node_key != NULL;
}

void agent_wake(struct agent *agent)
{
    if (agent->exchange == NULL && !agent->stopped)
        plan(agent);
}

void agent_revive(struct agent *agent, int64_t wait_ms)
{
    agent->stopped = false;
    agent->attempts[DO_ENROLL] = agent->attempts[DO_CONFIG] = 0;
    agent_due(agent, DO_ENROLL, wait_ms);
    agent_due(agent, DO_CONFIG, wait_ms);
}
