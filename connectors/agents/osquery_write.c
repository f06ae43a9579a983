#include "connectors/agents/osquery.h"

/* What an agent may be told without its flagfile. Endpoints and plugins are not among them: a site may reach us by another path. Agents keep
 * an option that a later configuration leaves out, so the list is always whole. */
static void write_options(int64_t poll_s, struct to_json *w)
{
    static const struct { const char *name; int64_t value; } numbers[] = {
        { "buffered_log_max", 20000 }, { "distributed_denylist_duration", 86400 }, { "distributed_tls_max_attempts", 3 },
        { "logger_min_status", 1 }, { "logger_tls_backoff_max", 600 }, { "logger_tls_max_lines", 128 }, { "logger_tls_max_linesize", 262144 },
        { "logger_tls_period", 10 },
    };
    static const struct { const char *name; bool value; } switches[] = { { "disable_distributed", false }, { "disable_events", true }, { "logger_tls_compress", true } };
    to_json_key(w, "options");
    to_json_object(w);
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        to_json_member_bool(w, switches[i].name, switches[i].value);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        to_json_member_int(w, numbers[i].name, numbers[i].value);
    to_json_member_int(w, "distributed_interval", poll_s);
    to_json_end(w);
}

static void write_scheduled(const struct check *check, enum platform platform, struct arena *names, struct to_json *w)
{
    enum { INTERVAL_MOST_S = 604800 }; /* osquery takes no longer one */
    int64_t interval_s = check->interval_s < INTERVAL_MOST_S ? check->interval_s : INTERVAL_MOST_S;
    to_json_key_span(w, arena_format(names, "postern/%.*s/%.*s", SPAN_ARGS(check->id), SPAN_ARGS(check->version)));
    to_json_object(w);
    to_json_member_text(w, "query", check->on[platform].osquery);
    to_json_member_int(w, "interval", interval_s);
    to_json_member_bool(w, "snapshot", true);
    to_json_end(w);
}

/* Checks are asked by distributed queries, which tell a failed query from an empty answer. The slow ones are scheduled too: a device that is
 * seldom on line still reports them from its buffer. */
static void write_schedule(const struct policy *policy, enum platform platform, struct to_json *w)
{
    struct arena names;
    arena_init(&names, 4096, 256 * 1024);
    to_json_key(w, "schedule");
    to_json_object(w);
    for (size_t i = 0; policy != NULL && platform < PLATFORM_COUNT && i < policy->check_count; i++) {
        const struct check *check = &policy->checks[i];
        if (check->on[platform].applies && !span_empty(check->on[platform].osquery) && check->interval_s >= OSQUERY_SLOW_S)
            write_scheduled(check, platform, &names, w);
    }
    to_json_end(w);
    arena_done(&names);
}

void osquery_write_config(const struct policy *policy, enum platform platform, int64_t poll_s, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    write_options(poll_s, &w);
    write_schedule(policy, platform, &w);
    to_json_key(&w, "decorators");
    to_json_object(&w);
    to_json_key(&w, "load");
    to_json_array(&w);
    to_json_text(&w, SPAN_LITERAL("SELECT uuid AS host_uuid, hardware_serial AS host_serial FROM system_info"));
    to_json_end(&w);
    to_json_end(&w);
    to_json_end(&w);
}

/* Every query has a discovery that always holds: before osquery 5.8 one discovery in a set made all queries without one be skipped. */
void osquery_write_queries(const struct osquery_query *queries, size_t count, int64_t accelerate_s, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "queries");
    to_json_object(&w);
    for (size_t i = 0; i < count; i++) {
        to_json_key_span(&w, queries[i].name);
        to_json_text(&w, queries[i].sql);
    }
    to_json_end(&w);
    to_json_key(&w, "discovery");
    to_json_object(&w);
    for (size_t i = 0; i < count; i++) {
        to_json_key_span(&w, queries[i].name);
        to_json_text(&w, SPAN_LITERAL("SELECT 1"));
    }
    to_json_end(&w);
    to_json_member_int_if(&w, "accelerate", accelerate_s); /* agents ignore a text here */
    to_json_end(&w);
}

void osquery_write_flags(struct span host, struct buf *out)
{
    static const char *const lines[] = {
        "# The certificate (or its issuer) that this server shows. Put the file there, or leave the line out when the system trusts it.",
        "--tls_server_certs=/etc/osquery/postern-ca.pem",
        "# The secret alone, readable by root only (mode 0600).",
        "--enroll_secret_path=/etc/osquery/enroll_secret",
        "# Use instance instead where virtual machines or disk images are copied.",
        "--host_identifier=uuid",
        "--enroll_tls_endpoint=/osquery/enroll",
        "--tls_enroll_max_attempts=0",
        "--config_plugin=tls",
        "--config_tls_endpoint=/osquery/config",
        "--config_refresh=120",
        "--config_accelerated_refresh=120",
        "--config_enable_backup=true",
        "--logger_plugin=tls",
        "--logger_tls_endpoint=/osquery/log",
        "--logger_tls_compress=true",
        "--logger_min_status=1",
        "--disable_distributed=false",
        "--distributed_plugin=tls",
        "--distributed_interval=15",
        "--distributed_tls_read_endpoint=/osquery/distributed/read",
        "--distributed_tls_write_endpoint=/osquery/distributed/write",
        "# postern reads no events and never takes files.",
        "--disable_events=true",
        "--disable_carver=true",
    };
    buf_append_text(out, "--tls_hostname=");
    buf_append(out, host);
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        buf_append_text(out, lines[i]);
        buf_append_byte(out, '\n');
    }
}
