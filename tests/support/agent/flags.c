#include "flags.h"

#include "text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind { TEXT, NUMBER, TRUTH };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    bool command_line_only;
    const char *standard; /* osquery's default */
};

#define ROW(name, kind, only, standard) { #name, kind, offsetof(struct flags, name), only, standard }

static const struct row rows[] = {
    ROW(tls_hostname, TEXT, true, ""),
    ROW(tls_server_certs, TEXT, true, ""),
    ROW(tls_client_cert, TEXT, true, ""),
    ROW(tls_client_key, TEXT, true, ""),
    ROW(enroll_secret_path, TEXT, true, ""),
    ROW(enroll_secret_env, TEXT, true, ""),
    ROW(enroll_tls_endpoint, TEXT, true, ""),
    ROW(config_tls_endpoint, TEXT, true, ""),
    ROW(database_path, TEXT, true, ""),
    ROW(disable_enrollment, TRUTH, true, "false"),
    ROW(disable_reenrollment, TRUTH, true, "false"),
    ROW(enroll_always, TRUTH, true, "false"),
    ROW(config_enable_backup, TRUTH, true, "false"),
    ROW(tls_enroll_max_attempts, NUMBER, true, "12"),
    ROW(tls_enroll_max_interval, NUMBER, true, "600"),
    ROW(config_refresh, NUMBER, true, "0"),
    ROW(config_accelerated_refresh, NUMBER, true, "300"),
    ROW(config_tls_max_attempts, NUMBER, true, "3"),
    ROW(host_identifier, TEXT, false, "hostname"),
    ROW(specified_identifier, TEXT, false, ""),
    ROW(logger_tls_endpoint, TEXT, false, ""),
    ROW(distributed_tls_read_endpoint, TEXT, false, ""),
    ROW(distributed_tls_write_endpoint, TEXT, false, ""),
    ROW(pack_delimiter, TEXT, false, "_"),
    ROW(logger_tls_compress, TRUTH, false, "false"),
    ROW(tls_disable_status_log, TRUTH, false, "false"),
    ROW(logger_event_type, TRUTH, false, "true"),
    ROW(logger_snapshot_event_type, TRUTH, false, "false"),
    ROW(logger_numerics, TRUTH, false, "false"),
    ROW(disable_distributed, TRUTH, false, "true"),
    ROW(decorations_top_level, TRUTH, false, "false"),
    ROW(disable_decorators, TRUTH, false, "false"),
    ROW(logger_tls_period, NUMBER, false, "4"),
    ROW(logger_tls_max_lines, NUMBER, false, "1024"),
    ROW(logger_tls_max_linesize, NUMBER, false, "1048576"),
    ROW(logger_tls_backoff_max, NUMBER, false, "3600"),
    ROW(buffered_log_max, NUMBER, false, "1000000"),
    ROW(logger_min_status, NUMBER, false, "0"),
    ROW(distributed_interval, NUMBER, false, "60"),
    ROW(distributed_tls_max_attempts, NUMBER, false, "3"),
    ROW(schedule_splay_percent, NUMBER, false, "10"),
    ROW(schedule_default_interval, NUMBER, false, "3600"),
    ROW(schedule_epoch, NUMBER, false, "0"),
};

/* Real options that change nothing in this agent. */
static const char *const without_effect[] = {
    "config_plugin", "logger_plugin", "distributed_plugin", "enroll_plugin", "tls_session_reuse", "tls_session_timeout",
    "disable_carver", "disable_events", "disable_watchdog", "watchdog_level", "watchdog_memory_limit",
    "watchdog_utilization_limit", "watchdog_delay", "dns_resolver_refresh_interval", "verbose", "logger_path", "pidfile",
    "disable_logging", "events_expiry", "events_max", "utc", "force", "ephemeral", "host_name",
    "distributed_denylist_duration", "schedule_max_drift", "schedule_reload", "schedule_timeout", "carver_block_size",
    "carver_compression", "carver_start_endpoint", "carver_continue_endpoint", "carver_disable_function",
    "disable_extensions", "extensions_socket", "worker_threads", "enable_foreign", "table_delay", "logger_stderr",
};

/* Strings are few and live as long as the process; each text is kept once. */
static const char *keep(const char *value)
{
    static char **kept;
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(kept[i], value) == 0)
            return kept[i];
    kept = must_grow(kept, count + 1, sizeof *kept);
    kept[count] = must_copy(value);
    return kept[count++];
}

static bool read_truth(const char *value, bool *out)
{
    static const char *const yes[] = { "true", "1", "yes", "on", "t", "y" };
    static const char *const no[] = { "false", "0", "no", "off", "f", "n" };
    for (size_t i = 0; i < 6; i++) {
        if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
            *out = strcasecmp(value, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool set_row(struct flags *flags, const struct row *row, const char *value)
{
    char *at = (char *)flags + row->offset;
    long long number = 0;
    bool truth = false;
    switch (row->kind) {
    case TEXT: {
        const char *kept = keep(value);
        memcpy(at, &kept, sizeof kept);
        return true;
    }
    case TRUTH:
        if (!read_truth(value, &truth))
            return false;
        memcpy(at, &truth, sizeof truth);
        return true;
    default:
        if (!parse_number(value, 0, INT64_MAX, &number))
            return false;
        memcpy(at, &(int64_t){ number }, sizeof(int64_t));
        return true;
    }
}

void flags_defaults(struct flags *flags)
{
    *flags = (struct flags){ 0 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        set_row(flags, &rows[i], rows[i].standard);
}

enum flag_result flags_set(struct flags *flags, const char *name, const char *value, bool from_configuration)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].command_line_only && from_configuration)
            return FLAG_COMMAND_LINE_ONLY;
        return set_row(flags, &rows[i], value) ? FLAG_SET : FLAG_BAD_VALUE;
    }
    for (size_t i = 0; i < sizeof without_effect / sizeof without_effect[0]; i++)
        if (strcmp(without_effect[i], name) == 0)
            return FLAG_KNOWN;
    return FLAG_UNKNOWN;
}

bool flags_take(struct flags *flags, const char *argument)
{
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0')
        return false;
    const char *equals = strchr(argument, '=');
    char *name = equals == NULL ? must_copy(argument + 2) : must_copy_n(argument + 2, (size_t)(equals - argument - 2));
    const char *value = equals == NULL ? "true" : equals + 1;
    switch (flags_set(flags, name, value, false)) {
    case FLAG_UNKNOWN:
        complain("warning: unknown flag --%s is ignored", name);
        break;
    case FLAG_BAD_VALUE:
        complain("warning: --%s does not take \"%s\"; ignored", name, value);
        break;
    default:
        break;
    }
    free(name);
    return true;
}

bool flags_read_file(struct flags *flags, const char *path)
{
    struct text content;
    if (!file_read(path, 1024 * 1024, &content)) {
        complain("cannot read the flag file %s", path);
        return false;
    }
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        line = trimmed(line);
        if (line[0] != '\0' && line[0] != '#' && !flags_take(flags, line))
            complain("warning: not a flag in %s: %s", path, line);
    }
    text_done(&content);
    return true;
}
