#include "run.h"

#include "live.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct daemon {
    struct live live;
    struct sql *sql;
    struct flags flags;
    struct loop *loop;
    struct wire_place place;
    struct stats stats;
    struct config_cache configs;
    struct agent *agent;
    char uuid[37], instance_id[37];
    char *identifier, *secret, *node_key;
};

static struct sql_answer answer(void *device, const char *statement, bool numerics)
{
    struct daemon *daemon = device;
    return sql_run(daemon->sql, statement, numerics);
}

static void key_changed(void *device, const char *key)
{
    struct daemon *daemon = device;
    say("%s", key == NULL ? "the node key is not valid any more; enrolling again" : "enrolled");
    state_put(daemon->flags.database_path, "node_key", key);
}

static void config_arrived(void *device, const char *body, size_t size)
{
    struct daemon *daemon = device;
    char *text = must_copy_n(body, size);
    if (daemon->flags.config_enable_backup)
        state_put(daemon->flags.database_path, "config_backup.json", text);
    free(text);
}

static void answers_delivered(void *device, size_t count)
{
    (void)device;
    say("answered %zu queries", count);
}

static void gave_up(void *device, const char *why)
{
    struct daemon *daemon = device;
    complain("exiting: %s", why);
    loop_stop(daemon->loop, 1);
}

/* The machine's own UUID, unless the firmware has one of the known placeholders; then one kept in the state. */
static void find_uuid(struct daemon *daemon)
{
    static const char *const placeholders[] = {
        "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009", "03020100-0504-0706-0809-0A0B0C0D0E0F",
    };
    char *word = live_word(&daemon->live, "/sys/class/dmi/id/product_uuid");
    bool usable = word != NULL && strlen(word) == 36;
    for (size_t i = 0; i < 4 && usable; i++)
        usable = strcasecmp(word, placeholders[i]) != 0;
    if (usable)
        memcpy(daemon->uuid, word, 37);
    else if (daemon->flags.database_path[0] != '\0')
        state_uuid(daemon->flags.database_path, "uuid", daemon->uuid);
    else
        random_uuid(daemon->uuid);
    free(word);
}

static char *host_identifier(const struct daemon *daemon)
{
    const char *kind = daemon->flags.host_identifier;
    char words[256] = "";
    if (strcmp(kind, "uuid") == 0)
        return must_copy(daemon->uuid);
    if (strcmp(kind, "instance") == 0)
        return must_copy(daemon->instance_id);
    if (strcmp(kind, "specified") == 0)
        return must_copy(daemon->flags.specified_identifier);
    if (strcmp(kind, "ephemeral") == 0)
        random_uuid(words);
    else
        gethostname(words, sizeof words - 1);
    return must_copy(words);
}

static bool read_secret(struct daemon *daemon)
{
    const char *named = daemon->flags.enroll_secret_env;
    const char *given = named[0] == '\0' ? NULL : getenv(named);
    if (given != NULL) {
        daemon->secret = must_copy(given);
        return true;
    }
    struct text content;
    const char *path = daemon->flags.enroll_secret_path;
    if (path[0] == '\0' || !file_read(path, 65536, &content)) {
        complain("cannot read the enrolment secret from \"%s\"", path);
        return false;
    }
    daemon->secret = must_copy(trimmed(content.data));
    text_done(&content);
    return true;
}

static bool prepare(struct daemon *daemon)
{
    struct flags *flags = &daemon->flags;
    if (flags->tls_hostname[0] == '\0' || flags->config_tls_endpoint[0] == '\0' || flags->database_path[0] == '\0') {
        complain("--tls_hostname, --config_tls_endpoint and --database_path are needed");
        return false;
    }
    if (!state_open(flags->database_path)) {
        complain("cannot use the directory %s", flags->database_path);
        return false;
    }
    find_uuid(daemon);
    state_uuid(flags->database_path, "instance_id", daemon->instance_id);
    daemon->node_key = state_get(flags->database_path, "node_key");
    daemon->identifier = host_identifier(daemon);
    daemon->live.uuid = daemon->uuid;
    daemon->live.instance_id = daemon->instance_id;
    struct wire_trust trust = {
        .server_certs = flags->tls_server_certs[0] == '\0' ? NULL : flags->tls_server_certs,
        .client_cert = flags->tls_client_cert[0] == '\0' ? NULL : flags->tls_client_cert,
        .client_key = flags->tls_client_key[0] == '\0' ? NULL : flags->tls_client_key,
    };
    return read_secret(daemon) && wire_place_init(&daemon->place, flags->tls_hostname, &trust);
}

static int live_run(struct daemon *daemon)
{
    const struct agent_world world = {
        .loop = daemon->loop, .place = &daemon->place, .stats = &daemon->stats, .configs = &daemon->configs,
        .answer = answer, .key_changed = key_changed, .config_arrived = config_arrived,
        .answers_delivered = answers_delivered, .gave_up = gave_up,
    };
    const struct agent_identity identity = {
        .host_identifier = daemon->identifier, .enroll_secret = daemon->secret, .platform_type = "9",
        .platform = PLATFORM_LINUX, .node_key = daemon->node_key,
    };
    daemon->sql = live_open(&daemon->live);
    daemon->agent = agent_new(&world, daemon, &identity, &daemon->flags, 0);
    daemon->live.agent = daemon->agent;
    char *backup = daemon->flags.config_enable_backup ? state_get(daemon->flags.database_path, "config_backup.json") : NULL;
    if (backup != NULL)
        agent_set_backup(daemon->agent, backup, strlen(backup));
    free(backup);
    say("%s speaks to %s:%s", daemon->identifier, daemon->place.host, daemon->place.port);
    int result = loop_run(daemon->loop);
    agent_free(daemon->agent);
    sql_close(daemon->sql);
    return result;
}

/* Takes "--name value" and "--name=value" for our own options. NULL when `argv[*at]` is another one. */
static const char *own_option(const char *name, int argc, char **argv, int *at)
{
    size_t size = strlen(name);
    if (strncmp(argv[*at], name, size) != 0)
        return NULL;
    if (argv[*at][size] == '=')
        return argv[*at] + size + 1;
    if (argv[*at][size] == '\0' && *at + 1 < argc)
        return argv[++*at];
    return NULL;
}

int run_command(int argc, char **argv)
{
    struct daemon daemon = { 0 };
    flags_defaults(&daemon.flags);
    daemon.live.started_s = wall_s();
    daemon.stats.started_ms = mono_ms();
    int result = 2;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        if ((value = own_option("--flagfile", argc, argv, &i)) != NULL) {
            if (!flags_read_file(&daemon.flags, value))
                return 2;
        } else if ((value = own_option("--root", argc, argv, &i)) != NULL) {
            daemon.live.root = strcmp(value, "/") == 0 ? NULL : value;
        } else if ((value = own_option("--database_path", argc, argv, &i)) != NULL) {
            flags_set(&daemon.flags, "database_path", value, false);
        } else if (!flags_take(&daemon.flags, argv[i])) {
            complain("not an option: %s", argv[i]);
            return 2;
        }
    }
    daemon.loop = loop_new();
    if (prepare(&daemon))
        result = live_run(&daemon);
    struct text summary;
    text_init(&summary, 65536);
    stats_text(&daemon.stats, &summary);
    if (result != 2)
        fputs(text_str(&summary), stderr);
    text_done(&summary);
    wire_place_done(&daemon.place);
    loop_free(daemon.loop);
    free(daemon.identifier);
    free(daemon.secret);
    free(daemon.node_key);
    return result;
}

static void print_table(const json_t *rows)
{
    size_t i;
    json_t *row, *value;
    const char *key;
    json_array_foreach(rows, i, row) {
        json_object_foreach(row, key, value)
            printf("%20s = %s\n", key, json_string_value(value));
        putchar('\n');
    }
}

int query_command(int argc, char **argv)
{
    struct daemon daemon = { 0 };
    const char *statement = NULL;
    bool as_json = false;
    flags_defaults(&daemon.flags);
    for (int i = 0; i < argc; i++) {
        const char *value = own_option("--root", argc, argv, &i);
        if (value != NULL)
            daemon.live.root = strcmp(value, "/") == 0 ? NULL : value;
        else if (strcmp(argv[i], "--json") == 0)
            as_json = true;
        else if (statement == NULL && argv[i][0] != '-')
            statement = argv[i];
        else
            statement = "";
    }
    if (statement == NULL || statement[0] == '\0') {
        complain("usage: postern-agent query \"SELECT ...\" [--root DIR] [--json]");
        return 2;
    }
    find_uuid(&daemon);
    random_uuid(daemon.instance_id);
    daemon.live.uuid = daemon.uuid;
    daemon.live.instance_id = daemon.instance_id;
    daemon.live.started_s = wall_s();
    struct sql *sql = live_open(&daemon.live);
    struct sql_answer out = sql_run(sql, statement, false);
    int status = out.status == 0 ? 0 : 1;
    if (status != 0) {
        fprintf(stderr, "Error: %s\n", out.message);
    } else if (as_json) {
        json_dumpf(out.rows, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print_table(out.rows);
    }
    sql_answer_done(&out);
    sql_close(sql);
    return status;
}
