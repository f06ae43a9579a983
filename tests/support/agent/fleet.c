#include "fleet.h"

#include "control.h"
#include "fleet_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

enum { PROGRESS_MS = 5000, SLOW_MS = 10000, RESTART_MS = 5000, PARALLEL_USUAL = 512 };

struct fleet_options {
    const char *server, *ca, *fleet, *secret_file, *control, *prefix, *client_cert, *client_key;
    long long count, seed, interval, parallel, spread, start_period, config_refresh, log_period, give_up_after;
    bool plain, once, verbose, compress;
};

struct fleet {
    struct fleet_options options;
    struct loop *loop;
    struct wire_place place;
    struct stats stats;
    struct config_cache configs;
    struct fleet_tables *tables;
    struct device *devices;
    size_t count, delivered; /* devices, and those of them that delivered an answer */
    struct flags flags;
    struct agent_queue queue;
    struct agent_world world;
    struct control *control;
    struct loop_timer progress, limit;
};

static struct sql_answer answer(void *context, const char *statement, bool numerics)
{
    struct device *device = context;
    return fleet_tables_answer(device->fleet->tables, device, statement, numerics);
}

static bool silent(void *context)
{
    const struct device *device = context;
    return (device->defects & SILENT) != 0;
}

static int64_t delay_ms(void *context)
{
    const struct device *device = context;
    return (device->defects & SLOW) != 0 ? SLOW_MS : 0;
}

static size_t speaking(const struct fleet *fleet)
{
    size_t count = 0;
    for (size_t i = 0; i < fleet->count; i++)
        count += (fleet->devices[i].defects & SILENT) == 0;
    return count;
}

static void answers_delivered(void *context, size_t count)
{
    struct device *device = context;
    struct fleet *fleet = device->fleet;
    fleet->delivered += device->delivered == 0 && count > 0;
    device->delivered += count;
    if (fleet->options.once && fleet->delivered >= speaking(fleet))
        loop_stop(fleet->loop, 0);
}

static void gave_up(void *context, const char *why)
{
    struct device *device = context;
    say("%s: %s; started again", device->name, why);
    agent_revive(device->agent, RESTART_MS);
}

static struct device *find_device(struct fleet *fleet, const char *name)
{
    for (size_t i = 0; name != NULL && i < fleet->count; i++) {
        struct device *device = &fleet->devices[i];
        if (strcasecmp(device->name, name) == 0 || strcasecmp(device->serial, name) == 0
            || strcasecmp(device->uuid, name) == 0 || strcasecmp(device->hostname, name) == 0)
            return device;
    }
    return NULL;
}

static void list_devices(const struct fleet *fleet, bool json, struct text *out)
{
    json_t *all = json_array();
    for (size_t i = 0; i < fleet->count; i++) {
        const struct device *device = &fleet->devices[i];
        struct text names;
        text_init(&names, 4096);
        defect_names(device->defects, &names);
        if (json)
            json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:I}", "name", device->name, "platform",
                                                 platform_name(device->platform), "serial", device->serial, "uuid",
                                                 device->uuid, "hostname", device->hostname, "defects",
                                                 text_str(&names), "enrolled", agent_enrolled(device->agent),
                                                 "answers", (json_int_t)device->delivered));
        else
            text_addf(out, "%-20s %-8s %-14s %s %-9s %6llu answers  %s\n", device->name,
                      platform_name(device->platform), device->serial, device->uuid,
                      agent_enrolled(device->agent) ? "enrolled" : "-", (unsigned long long)device->delivered,
                      names.size == 0 ? "healthy" : text_str(&names));
        text_done(&names);
    }
    if (json) {
        char *words = json_dumps(all, JSON_COMPACT);
        text_addf(out, "%s\n", words == NULL ? "[]" : words);
        free(words);
    }
    json_decref(all);
}

static void change_device(struct fleet *fleet, char *rest, bool breaks, bool json, struct text *out)
{
    const char *name = next_word(&rest), *word = name == NULL ? NULL : next_word(&rest);
    struct device *device = find_device(fleet, name);
    unsigned defect = word == NULL ? 0 : defect_of(word);
    if (device == NULL || defect == 0) {
        text_addf(out, "error: no such %s: %s\n", device == NULL ? "device" : "defect",
                  device == NULL ? (name == NULL ? "" : name) : (word == NULL ? "" : word));
        return;
    }
    device->defects = breaks ? device->defects | defect : device->defects & ~defect;
    agent_wake(device->agent);
    struct text names;
    text_init(&names, 4096);
    defect_names(device->defects, &names);
    text_addf(out, json ? "{\"name\":\"%s\",\"defects\":\"%s\"}\n" : "%s: %s\n", device->name,
              names.size == 0 && !json ? "healthy" : text_str(&names));
    text_done(&names);
}

static void fix_all(struct fleet *fleet, bool json, struct text *out)
{
    size_t changed = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        changed += fleet->devices[i].defects != 0;
        fleet->devices[i].defects = 0;
        agent_wake(fleet->devices[i].agent);
    }
    text_addf(out, json ? "{\"fixed\":%zu}\n" : "fixed %zu devices\n", changed);
}

static void show_stats(const struct fleet *fleet, bool json, struct text *out)
{
    if (!json) {
        text_addf(out, "%zu devices, %zu of them answered\n", fleet->count, fleet->delivered);
        stats_text(&fleet->stats, out);
        return;
    }
    json_t *all = stats_json(&fleet->stats);
    size_t enrolled = 0;
    for (size_t i = 0; i < fleet->count; i++)
        enrolled += agent_enrolled(fleet->devices[i].agent);
    json_object_set_new(all, "devices", json_integer((json_int_t)fleet->count));
    json_object_set_new(all, "enrolled", json_integer((json_int_t)enrolled));
    json_object_set_new(all, "answered", json_integer((json_int_t)fleet->delivered));
    char *words = json_dumps(all, JSON_COMPACT);
    text_addf(out, "%s\n", words == NULL ? "{}" : words);
    free(words);
    json_decref(all);
}

static void run_line(void *context, char *line, bool json, struct text *out)
{
    struct fleet *fleet = context;
    char *rest = line;
    const char *word = next_word(&rest);
    if (word == NULL)
        text_puts(out, "error: nothing asked\n");
    else if (strcmp(word, "list") == 0)
        list_devices(fleet, json, out);
    else if (strcmp(word, "stats") == 0)
        show_stats(fleet, json, out);
    else if (strcmp(word, "break") == 0 || strcmp(word, "fix") == 0)
        change_device(fleet, rest, word[0] == 'b', json, out);
    else if (strcmp(word, "fix-all") == 0)
        fix_all(fleet, json, out);
    else
        text_addf(out, "error: no such command: %s\n", word);
}

static void show_progress(void *context)
{
    struct fleet *fleet = context;
    size_t enrolled = 0;
    uint64_t errors = 0, requests = 0;
    for (size_t i = 0; i < fleet->count; i++)
        enrolled += agent_enrolled(fleet->devices[i].agent);
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        errors += fleet->stats.endpoints[i].failures + fleet->stats.endpoints[i].unanswered;
        requests += fleet->stats.endpoints[i].requests;
    }
    complain("%zu of %zu enrolled, %zu answered, %llu requests, %llu refused or failed, %u under way", enrolled,
             fleet->count, fleet->delivered, (unsigned long long)requests, (unsigned long long)errors,
             fleet->stats.in_flight);
    loop_timer_set(fleet->loop, &fleet->progress, mono_ms() + PROGRESS_MS);
}

static void out_of_time(void *context)
{
    struct fleet *fleet = context;
    complain("not every device answered within %lld s", fleet->options.give_up_after);
    loop_stop(fleet->loop, 1);
}

struct option_row {
    const char *name;
    const char **text;
    long long *number;
    bool *truth;
    long long low, high;
};

static bool take_value(const struct option_row *row, const char *name, const char *value)
{
    if (row->text != NULL)
        *row->text = value;
    else if (!parse_number(value, row->low, row->high, row->number)) {
        complain("%s takes a number from %lld to %lld", name, row->low, row->high);
        return false;
    }
    return true;
}

static bool read_options(struct fleet_options *o, int argc, char **argv)
{
    const struct option_row rows[] = {
        { "--server", &o->server, NULL, NULL, 0, 0 }, { "--ca", &o->ca, NULL, NULL, 0, 0 },
        { "--fleet", &o->fleet, NULL, NULL, 0, 0 }, { "--enroll-secret-file", &o->secret_file, NULL, NULL, 0, 0 },
        { "--control", &o->control, NULL, NULL, 0, 0 }, { "--prefix", &o->prefix, NULL, NULL, 0, 0 },
        { "--client-cert", &o->client_cert, NULL, NULL, 0, 0 }, { "--client-key", &o->client_key, NULL, NULL, 0, 0 },
        { "--count", NULL, &o->count, NULL, 1, 200000 }, { "--seed", NULL, &o->seed, NULL, 0, INT64_MAX },
        { "--interval", NULL, &o->interval, NULL, 1, 86400 }, { "--parallel", NULL, &o->parallel, NULL, 1, 20000 },
        { "--spread", NULL, &o->spread, NULL, 1, 250 }, { "--start-period", NULL, &o->start_period, NULL, 0, 86400 },
        { "--config-refresh", NULL, &o->config_refresh, NULL, 0, 604800 },
        { "--log-period", NULL, &o->log_period, NULL, 1, 86400 },
        { "--give-up-after", NULL, &o->give_up_after, NULL, 1, 86400 },
        { "--plain", NULL, NULL, &o->plain, 0, 0 }, { "--once", NULL, NULL, &o->once, 0, 0 },
        { "--verbose", NULL, NULL, &o->verbose, 0, 0 }, { "--compress", NULL, NULL, &o->compress, 0, 0 },
    };
    for (int i = 0; i < argc; i++) {
        const struct option_row *found = NULL;
        const char *equals = strchr(argv[i], '=');
        size_t size = equals == NULL ? strlen(argv[i]) : (size_t)(equals - argv[i]);
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
            if (strlen(rows[k].name) == size && strncmp(rows[k].name, argv[i], size) == 0)
                found = &rows[k];
        if (found == NULL || (found->truth == NULL && equals == NULL && i + 1 >= argc)) {
            complain("not an option, or without its value: %s", argv[i]);
            return false;
        }
        if (found->truth != NULL)
            *found->truth = true;
        else if (!take_value(found, found->name, equals == NULL ? argv[++i] : equals + 1))
            return false;
    }
    if (o->server == NULL || (o->fleet == NULL) == (o->count == 0) || (!o->plain && o->ca == NULL)) {
        complain("needed: --server HOST:PORT, --ca FILE (or --plain), and either --fleet FILE or --count N");
        return false;
    }
    return true;
}

static void set_flag(struct fleet *fleet, const char *name, const char *tail)
{
    char *value = must_format("%s%s", fleet->options.prefix, tail);
    flags_set(&fleet->flags, name, value, false);
    free(value);
}

static void set_flags(struct fleet *fleet)
{
    const struct fleet_options *o = &fleet->options;
    flags_defaults(&fleet->flags);
    set_flag(fleet, "enroll_tls_endpoint", "/enroll");
    set_flag(fleet, "config_tls_endpoint", "/config");
    set_flag(fleet, "logger_tls_endpoint", "/log");
    set_flag(fleet, "distributed_tls_read_endpoint", "/distributed/read");
    set_flag(fleet, "distributed_tls_write_endpoint", "/distributed/write");
    fleet->flags.disable_distributed = false;
    fleet->flags.distributed_interval = o->interval == 0 ? 15 : o->interval;
    fleet->flags.interval_held = o->interval != 0;
    fleet->flags.tls_enroll_max_attempts = 0;
    fleet->flags.config_refresh = o->config_refresh;
    fleet->flags.config_accelerated_refresh = 30;
    fleet->flags.logger_tls_period = o->log_period;
    fleet->flags.logger_tls_compress = o->compress;
    fleet->flags.logger_min_status = 1;
}

static bool make_devices(struct fleet *fleet)
{
    const struct fleet_options *o = &fleet->options;
    struct text content = { 0 };
    char *secret = NULL;
    if (o->secret_file != NULL) {
        if (!file_read(o->secret_file, 65536, &content)) {
            complain("cannot read %s", o->secret_file);
            return false;
        }
        secret = must_copy(trimmed(content.data));
        text_done(&content);
    }
    fleet->count = (size_t)o->count;
    fleet->devices = o->fleet != NULL ? devices_load(o->fleet, secret, &fleet->count)
                                      : devices_make(fleet->count, (uint64_t)o->seed, secret);
    free(secret);
    return fleet->devices != NULL;
}

/* Devices begin spread over the start period: by default as fast as one a millisecond. */
static void start_devices(struct fleet *fleet)
{
    int64_t period_ms = fleet->options.start_period * 1000;
    if (period_ms == 0)
        period_ms = (int64_t)fleet->count;
    for (size_t i = 0; i < fleet->count; i++) {
        struct device *device = &fleet->devices[i];
        device->fleet = fleet;
        const struct agent_identity identity = {
            .host_identifier = device->uuid, .enroll_secret = device->secret,
            .platform_type = platform_type(device->platform), .platform = device->platform,
        };
        device->agent = agent_new(&fleet->world, device, &identity, &fleet->flags,
                                  period_ms * (int64_t)i / (int64_t)fleet->count);
    }
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_fleet(struct fleet *fleet)
{
    const struct fleet_options *o = &fleet->options;
    fleet->world = (struct agent_world){
        .loop = fleet->loop, .place = &fleet->place, .stats = &fleet->stats, .configs = &fleet->configs,
        .parallel_max = (unsigned)o->parallel, .queue = &fleet->queue, .answer = answer, .answers_delivered = answers_delivered,
        .gave_up = gave_up, .silent = silent, .delay_ms = delay_ms,
    };
    fleet->place.source_spread = (unsigned)o->spread;
    fleet->tables = fleet_tables_new();
    fleet->stats.started_ms = mono_ms();
    start_devices(fleet);
    if (o->control != NULL) {
        fleet->control = control_open(fleet->loop, o->control, run_line, fleet);
        if (fleet->control == NULL)
            return 2;
    }
    fleet->progress = (struct loop_timer){ .due = show_progress, .context = fleet };
    loop_timer_set(fleet->loop, &fleet->progress, mono_ms() + PROGRESS_MS);
    fleet->limit = (struct loop_timer){ .due = out_of_time, .context = fleet };
    if (o->once && o->give_up_after > 0)
        loop_timer_set(fleet->loop, &fleet->limit, mono_ms() + o->give_up_after * 1000);
    complain("%zu devices speak to %s:%s", fleet->count, fleet->place.host, fleet->place.port);
    int result = loop_run(fleet->loop);
    struct text summary;
    text_init(&summary, 65536);
    show_stats(fleet, false, &summary);
    fputs(text_str(&summary), stdout);
    text_done(&summary);
    return result;
}

int fleet_command(int argc, char **argv)
{
    struct fleet fleet = { .options = { .prefix = "/osquery", .seed = 1, .parallel = PARALLEL_USUAL,
                                        .config_refresh = 600, .log_period = 10 } };
    if (!read_options(&fleet.options, argc, argv))
        return 2;
    say_quiet(!fleet.options.verbose);
    allow_descriptors();
    set_flags(&fleet);
    fleet.loop = loop_new();
    const struct wire_trust trust = { .server_certs = fleet.options.ca, .client_cert = fleet.options.client_cert,
                                      .client_key = fleet.options.client_key };
    int result = 2;
    if (make_devices(&fleet) && wire_place_init(&fleet.place, fleet.options.server, fleet.options.plain ? NULL : &trust))
        result = run_fleet(&fleet);
    for (size_t i = 0; fleet.devices != NULL && i < fleet.count; i++)
        agent_free(fleet.devices[i].agent);
    control_close(fleet.control);
    devices_free(fleet.devices, fleet.count);
    fleet_tables_free(fleet.tables);
    wire_place_done(&fleet.place);
    loop_free(fleet.loop);
    return result;
}
