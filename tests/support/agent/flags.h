/* flags: osquery's options by their own names and defaults, from a flag file, the command line or a configuration. */
#ifndef AGENT_FLAGS_H
#define AGENT_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

struct flags {
    /* Only from the flag file or the command line. */
    const char *tls_hostname, *tls_server_certs, *tls_client_cert, *tls_client_key;
    const char *enroll_secret_path, *enroll_secret_env, *enroll_tls_endpoint, *config_tls_endpoint;
    const char *database_path;
    bool disable_enrollment, disable_reenrollment, enroll_always, config_enable_backup;
    int64_t tls_enroll_max_attempts, tls_enroll_max_interval;
    int64_t config_refresh, config_accelerated_refresh, config_tls_max_attempts;
    /* Also from the configuration's "options". */
    const char *host_identifier, *specified_identifier;
    const char *logger_tls_endpoint, *distributed_tls_read_endpoint, *distributed_tls_write_endpoint, *pack_delimiter;
    bool logger_tls_compress, tls_disable_status_log, logger_event_type, logger_snapshot_event_type, logger_numerics;
    bool disable_distributed, decorations_top_level, disable_decorators;
    int64_t logger_tls_period, logger_tls_max_lines, logger_tls_max_linesize, logger_tls_backoff_max, buffered_log_max;
    int64_t logger_min_status, distributed_interval, distributed_tls_max_attempts;
    bool interval_held; /* ours: a configuration does not change distributed_interval */
    int64_t schedule_splay_percent, schedule_default_interval, schedule_epoch;
};

enum flag_result { FLAG_SET, FLAG_KNOWN, FLAG_COMMAND_LINE_ONLY, FLAG_UNKNOWN, FLAG_BAD_VALUE };

void flags_defaults(struct flags *flags);
/* Sets one. FLAG_KNOWN: osquery has it and it has no effect here. Strings are kept until the process ends. */
enum flag_result flags_set(struct flags *flags, const char *name, const char *value, bool from_configuration);
/* Reads "--name=value" lines; '#' begins a comment line; what is unknown is warned about and ignored. */
bool flags_read_file(struct flags *flags, const char *path);
/* Takes "--name=value" and "--name" (true). False when it does not look like a flag. */
bool flags_take(struct flags *flags, const char *argument);

#endif
