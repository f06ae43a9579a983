#include "agent_parts.h"

#include "version_order.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX_BYTES = 4 * 1024 * 1024 };

void agent_fetch_config(struct agent *agent)
{
    json_t *body = json_object();
    json_object_set_new(body, "node_key", json_string(agent->node_key));
    agent_post(agent, DO_CONFIG, ENDPOINT_CONFIG, agent->flags.config_tls_endpoint, body, false);
}

static bool platform_fits(const struct agent *agent, const char *words)
{
    static const struct {
        const char *word;
        unsigned platforms;
    } known[] = { { "all", PLATFORM_ANY },       { "any", PLATFORM_ANY },     { "posix", PLATFORM_LINUX | PLATFORM_MACOS },
                  { "linux", PLATFORM_LINUX },   { "ubuntu", PLATFORM_LINUX }, { "centos", PLATFORM_LINUX },
                  { "darwin", PLATFORM_MACOS },  { "windows", PLATFORM_WINDOWS } };
    if (words == NULL || words[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((known[i].platforms & agent->identity.platform) != 0 && strstr(words, known[i].word) != NULL)
            return true;
    return false;
}

/* A device's place among 100 shards, from its identifier. */
static int shard_of(const struct agent *agent)
{
    char hex[65];
    sha256_hex(agent->identity.host_identifier, strlen(agent->identity.host_identifier), hex);
    hex[4] = '\0';
    return (int)(strtol(hex, NULL, 16) % 100);
}

static bool meant_for(const struct agent *agent, const json_t *entry)
{
    const char *version = json_string_value(json_object_get(entry, "version"));
    const json_t *shard = json_object_get(entry, "shard");
    long long share = json_is_integer(shard) ? json_integer_value(shard) : 100;
    if (json_is_string(shard))
        parse_number(json_string_value(shard), 0, 100, &share);
    return platform_fits(agent, json_string_value(json_object_get(entry, "platform")))
           && (version == NULL || version_order(version, "5.23.1") <= 0) && shard_of(agent) < share;
}

static bool truth_of(const json_t *value, bool otherwise)
{
    if (json_is_boolean(value))
        return json_is_true(value);
    if (json_is_string(value))
        return strcmp(json_string_value(value), "true") == 0 || strcmp(json_string_value(value), "1") == 0;
    return json_is_integer(value) ? json_integer_value(value) != 0 : otherwise;
}

static void add_query(struct agent *agent, struct config *config, const char *name, const json_t *entry, int pack)
{
    const char *sql = json_string_value(json_object_get(entry, "query"));
    const json_t *interval = json_object_get(entry, "interval");
    long long seconds = json_is_integer(interval) ? json_integer_value(interval) : agent->flags.schedule_default_interval;
    if (json_is_string(interval) && !parse_number(json_string_value(interval), 0, INT64_MAX, &seconds))
        seconds = 0;
    if (sql == NULL || sql[0] == '\0' || !meant_for(agent, entry) || config->query_count >= QUERIES_MAX)
        return;
    if (seconds < 1 || seconds > 604800) {
        log_status(agent, 1, "Query interval of %s is not within 1..604800; it is not scheduled", name);
        return;
    }
    config->queries = must_grow(config->queries, config->query_count + 1, sizeof *config->queries);
    config->queries[config->query_count++] = (struct query){
        .name = must_copy(name), .sql = sql, .interval_s = seconds, .pack = pack,
        .snapshot = truth_of(json_object_get(entry, "snapshot"), false),
        .removed = truth_of(json_object_get(entry, "removed"), true),
    };
}

static void read_packs(struct agent *agent, struct config *config)
{
    const char *name, *query, *mark = agent->flags.pack_delimiter;
    json_t *pack, *entry;
    json_object_foreach(json_object_get(config->body, "packs"), name, pack) {
        if (!json_is_object(pack) || !meant_for(agent, pack))
            continue;
        config->packs = must_grow(config->packs, config->pack_count + 1, sizeof *config->packs);
        config->packs[config->pack_count] = pack;
        json_object_foreach(json_object_get(pack, "queries"), query, entry) {
            char *full = must_format("pack%s%s%s%s", mark, name, mark, query);
            add_query(agent, config, full, entry, (int)config->pack_count);
            free(full);
        }
        config->pack_count++;
    }
}

static void free_config(struct config *config)
{
    for (size_t i = 0; i < config->query_count; i++)
        free(config->queries[i].name);
    free(config->queries);
    free(config->packs);
    json_decref(config->body);
    free(config);
}

void config_drop(struct config_cache *cache, struct config *config)
{
    if (config == NULL || --config->used > 0)
        return;
    struct config **at = &cache->first;
    while (*at != NULL && *at != config)
        at = &(*at)->next;
    if (*at == config)
        *at = config->next;
    free_config(config);
}

/* The reading depends on platform and shard too, so these are part of what makes two configurations the same. */
struct config *config_take(struct agent *agent, const json_t *body, const char *bytes, size_t size)
{
    struct config_cache *cache = agent->world->configs;
    char body_hash[65], hash[65];
    sha256_hex(bytes, size, body_hash);
    bool sharded = memmem(bytes, size, "\"shard\"", 7) != NULL;
    char *key = must_format("%s/%u/%d/%s", body_hash, agent->identity.platform, sharded ? shard_of(agent) : 0,
                            agent->flags.pack_delimiter);
    sha256_hex(key, strlen(key), hash);
    free(key);
    for (struct config *at = cache->first; at != NULL; at = at->next) {
        if (strcmp(at->hash, hash) == 0) {
            at->used++;
            return at;
        }
    }
    struct config *config = must_alloc(1, sizeof *config);
    memcpy(config->hash, hash, sizeof hash);
    config->used = 1;
    config->body = json_deep_copy(body);
    config->next = cache->first;
    cache->first = config;
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(config->body, "schedule"), name, entry)
        add_query(agent, config, name, entry, -1);
    read_packs(agent, config);
    return config;
}

/* Options stay set when a later configuration omits them. */
static void apply_options(struct agent *agent, const json_t *options)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)options, name, value) {
        if (agent->flags.interval_held && strcmp(name, "distributed_interval") == 0)
            continue;
        char *words = json_is_string(value) ? must_copy(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
        enum flag_result result = flags_set(&agent->flags, name, words == NULL ? "" : words, true);
        if (result == FLAG_COMMAND_LINE_ONLY)
            log_status(agent, 1, "Cannot set unknown or invalid flag: %s (only on the command line)", name);
        else if (result == FLAG_UNKNOWN || result == FLAG_BAD_VALUE)
            log_status(agent, 1, "Cannot set unknown or invalid flag: %s", name);
        free(words);
    }
}

static bool adopt(struct agent *agent, const json_t *body, const char *bytes, size_t size)
{
    if (size > CONFIG_MAX_BYTES)
        return false;
    struct config *config = config_take(agent, body, bytes, size);
    if (config == agent->config) {
        config_drop(agent->world->configs, config);
        return true;
    }
    apply_options(agent, json_object_get(config->body, "options"));
    schedule_adopt(agent, config);
    decorate_load(agent);
    return true;
}

static void config_failed(struct agent *agent)
{
    unsigned attempts = ++agent->attempts[DO_CONFIG];
    if (agent->node_key == NULL) {
        agent_due(agent, DO_CONFIG, 0); /* enrols first */
        return;
    }
    if ((int64_t)attempts < agent->flags.config_tls_max_attempts) {
        agent_due(agent, DO_CONFIG, agent_square_wait_ms(attempts, 3600));
        return;
    }
    agent->attempts[DO_CONFIG] = 0;
    agent_due(agent, DO_CONFIG, agent->flags.config_accelerated_refresh * 1000);
    if (agent->started)
        return;
    json_t *kept = agent->backup == NULL ? NULL : json_loadb(agent->backup, agent->backup_size, 0, NULL);
    agent->started = kept != NULL && adopt(agent, kept, agent->backup, agent->backup_size);
    json_decref(kept);
    if (!agent->started)
        agent_give_up(agent, "the first configuration could not be fetched");
}

void agent_config_fetched(struct agent *agent, const json_t *body, const char *bytes, size_t size)
{
    if (body == NULL || !adopt(agent, body, bytes, size)) {
        config_failed(agent);
        return;
    }
    agent->attempts[DO_CONFIG] = 0;
    int64_t refresh_s = agent->flags.config_refresh;
    agent_due(agent, DO_CONFIG, (refresh_s == 0 ? NEVER_S : refresh_s) * 1000LL);
    if (!agent->started) {
        agent->started = true;
        agent_due(agent, DO_READ, 0);
        agent_due(agent, DO_SCHEDULE, 1000);
        log_status(agent, 0, "osqueryd started; the configuration has %zu queries", agent->config->query_count);
    }
    if (agent->world->config_arrived != NULL)
        agent->world->config_arrived(agent->device, bytes, size);
}
