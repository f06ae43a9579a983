#include "gateway/node.h"

#include "connectors/store/redis_child.h"
#include "connectors/store/redis_store.h"
#include "gateway/allowance.h"
#include "gateway/callers.h"
#include "gateway/decision_log.h"
#include "gateway/descriptors.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/doors/okta_watch.h"
#include "gateway/effects.h"
#include "gateway/event_hub.h"
#include "gateway/feed.h"
#include "gateway/holidays.h"
#include "gateway/housekeeping.h"
#include "gateway/http/self_signed.h"
#include "gateway/once_memory.h"
#include "gateway/key_fetcher.h"
#include "gateway/managers.h"
#include "gateway/options.h"
#include "gateway/pressure.h"
#include "gateway/publish.h"
#include "gateway/refresher.h"
#include "gateway/root_key.h"
#include "gateway/signing_ring.h"
#include "gateway/simulations.h"
#include "gateway/slack/slack_line.h"
#include "gateway/slow_lane.h"
#include "gateway/worker.h"

#include "posture/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, WORKERS_MOST = 64, LISTENERS_MOST = 5, ADMIN_CONNECTIONS = 1000, SLOW_QUEUE = 4096, STORE_WAIT_MS = 250, STORE_SAY_MS = 5000, REDIS_GRACE_MS = 5000, POLICY_BYTES = 1024 * 1024 };

/* Everything that runs, in the order it was made. */
struct running {
    struct node node;             /* first: what the parts see */
    const struct postern_options *options;
    struct log log;
    struct counters *counters;
    struct redis_options redis;
    struct redis_child *child;    /* NULL: external */
    struct managers managers;
    struct housekeeping *housekeeping;
    struct server_options servers[LISTENERS_MOST];
    size_t server_count;
    struct worker *workers[2 * WORKERS_MOST + 1];
    unsigned worker_count;
    struct buf certificate, key;  /* made by us, PEM */
    char socket_path[PATH_BYTES];
};

/* ---- state, keys, store ---- */

static enum err_code prepare_state(struct running *run, struct err *err)
{
    const struct postern_options *o = run->options;
    uint8_t root[SECRET_KEY_BYTES];
    char state[PATH_BYTES];
    snprintf(state, sizeof state, "%.*s", SPAN_ARGS(o->state));
    enum err_code code = file_mkdirs(state, 0700, err);
    if (code == OK)
        code = root_key_load(o->root_key, o->state, span_empty(o->redis_url), root, err);
    if (code == OK)
        code = secret_new(root, &run->node.secret, err);
    secret_wipe(root, sizeof root);
    return code;
}

/* Embedded (a child of ours, or what a killed gateway left behind) or external. */
static enum err_code start_redis(struct running *run, struct err *err)
{
    const struct postern_options *o = run->options;
    run->redis = redis_options_default();
    run->redis.durability = span_empty(o->redis_url) ? REDIS_FSYNC : REDIS_EVERYSEC;
    enum err_code code = span_empty(o->durability) ? OK : redis_options_durability(o->durability, &run->redis, err);
    if (code == OK)
        code = redis_options_login(o->redis_user, o->redis_password, &run->redis, err);
    if (code == OK && !span_empty(o->redis_url))
        code = redis_options_from_url(o->redis_url, &run->redis, err);
    if (code == OK && span_empty(o->redis_url)) {
        struct redis_child_options child = { .state = o->state, .program = o->redis_server, .durability = run->redis.durability, .log = &run->log };
        code = redis_child_new(&child, &run->child, err);
        if (code == OK)
            run->redis = *redis_child_connection(run->child);
    }
    run->node.stores = redis_store_factory(&run->redis);
    return code;
}

/* Waits for the store to answer once: partitions and the function library come from it. Interrupted by a stop signal. */
static enum err_code wait_for_store(struct running *run, const volatile bool *stop, struct err *err)
{
    int64_t say_ms = clock_mono_ms(run->node.clock);
    for (;;) {
        CLEANUP(buf_done) struct buf about;
        struct store *store = NULL;
        buf_init(&about, 4096);
        enum err_code code = run->node.stores.open(run->node.stores.context, &store, err);
        if (code == OK)
            code = store->ops->ping(store, &about, err);
        if (store != NULL)
            store->ops->free(store);
        if (code == OK || *stop)
            return code;
        if (code != ERR_UNAVAILABLE && code != ERR_TIMEOUT && code != ERR_IO)
            return code; /* wrong password, wrong kind of server: waiting does not mend it */
        if (clock_mono_ms(run->node.clock) >= say_ms) {
            log_event(&run->log, LOG_WARN, "store.waiting", LOG_ERR(err));
            say_ms += STORE_SAY_MS;
        }
        if (run->child != NULL)
            redis_child_tick(run->child);
        usleep(STORE_WAIT_MS * 1000);
    }
}

/* ---- parts ---- */

static enum err_code load_signing_keys(void *ring, struct span record, struct err *err) { return signing_ring_load(ring, record, err); }

static enum err_code make_parts(struct running *run, struct err *err)
{
    struct node *node = &run->node;
    node->metrics = metrics_new();
    node->calendar = calendar_new("/usr/share/zoneinfo");
    node->directory = node->calendar != NULL ? directory_new(node->clock, node->calendar) : NULL;
    node->counters = node->metrics != NULL ? metrics_counters(node->metrics) : NULL;
    if (node->directory == NULL || node->counters == NULL)
        return err_set(err, ERR_MEMORY, "the directory");
    enum err_code code = feed_new(node, &node->feed, err);
    if (code == OK)
        code = decision_log_new(node, &node->decisions, err);
    if (code == OK)
        code = refresher_new(node, &node->refresher, err);
    if (code == OK)
        code = slow_lane_new(node, (unsigned)run->options->slow_threads, SLOW_QUEUE, &node->stores, &node->slow_lane, err);
    if (code == OK)
        code = device_certificates_new(&run->options->device_certificates, &run->log, &node->device_certificates, err);
    if (code == OK && ((node->events = event_hub_new(node->feed)) == NULL || (node->allowances = allowance_new()) == NULL || (node->pressure = pressure_new(&run->log)) == NULL || (node->once = once_memory_new()) == NULL))
        code = err_set(err, ERR_MEMORY, "event hub");
    if (code == OK && (node->okta = okta_watch_new()) == NULL)
        code = err_set(err, ERR_MEMORY, "Okta's hooks");
    if (code == OK)
        code = simulations_new(node, &node->simulations, err);
    if (code == OK && (node->signing = signing_ring_new(node)) == NULL)
        code = err_set(err, ERR_MEMORY, "signing keys");
    if (code == OK)
        feed_watch(node->feed, SPAN_LITERAL("signing_keys"), load_signing_keys, node->signing);
    if (code == OK)
        code = key_fetcher_new(node, &node->keys, err);
    if (code == OK)
        code = callers_new(&run->options->callers, node->keys, &run->log, &node->callers, err);
    if (code == OK && slack_app_is_on(&run->options->slack) && (node->slack = slack_app_new(&run->options->slack)) == NULL)
        code = err_set(err, ERR_MEMORY, "the Slack app");
    if (code == OK && node->slack != NULL && slack_app_calls(&run->options->slack))
        code = slack_line_new(node, &node->slack_line, err);
    return code;
}

static enum err_code make_effects(struct running *run, struct err *err)
{
    const struct postern_options *o = run->options;
    const struct webhook_config *configured = o->webhooks.all;
    struct webhook_options *webhooks = calloc(o->webhooks.count + 1, sizeof *webhooks);
    if (webhooks == NULL)
        return err_set(err, ERR_MEMORY, "webhooks");
    for (size_t i = 0; i < o->webhooks.count; i++)
        webhooks[i] = (struct webhook_options){ .id = configured[i].id, .url = configured[i].url, .events = configured[i].events.all, .event_count = configured[i].events.count,
                                                .secrets = { configured[i].secret, configured[i].old_secret }, .allow_private = configured[i].allow_private };
    struct slack_options slack = slack_app_client(&o->slack);
    struct email_options email = { .server = o->email_server, .from = o->email_from, .name = o->email_name, .user = o->email_user, .password = o->email_password,
                                   .reply_to = o->email_reply_to, .ca_pem = o->email_ca, .plain = o->email_plain };
    struct effects_options options = { .slack = slack_app_is_on(&o->slack) ? &slack : NULL, .email = span_empty(o->email_server) ? NULL : &email, .webhooks = webhooks, .webhook_count = o->webhooks.count };
    struct archive_options archive = { .folder = o->archive_folder, .retention_s = o->archive_retention_s, .pack = o->archive_pack };
    options.archive = o->archive ? &archive : NULL;
    enum err_code code = managers_read(o->managers.all, o->managers.count, run->node.clock, &run->managers, err);
    run->node.managers = &run->managers;
    struct okta_options *okta = NULL;
    CLEANUP(arena_done) struct arena arena;
    arena_init(&arena, 4096, 64 * 1024);
    if (code == OK)
        code = okta_config_options(&o->okta, true, &arena, &okta, err);
    options.okta = okta;
    struct marker_options *marker = NULL;
    if (code == OK)
        code = marker_config_options(&o->marker, o->slack.api_url, true, &arena, &marker, err);
    options.marker = marker;
    if (code == OK)
        code = effects_new(&run->node, &options, &run->node.effects, err);
    free(webhooks);
    return code;
}

static void wait_until_loaded(struct running *run, const volatile bool *stop)
{
    while (!directory_counts(run->node.directory).complete && !*stop)
        usleep(20000);
}

/* Before anybody logs in: a login must not wait for a key to be made, nor for the store. */
static enum err_code make_signing_keys(struct running *run, struct err *err)
{
    struct store *store = NULL;
    enum err_code code = run->node.stores.open(run->node.stores.context, &store, err);
    if (code == OK)
        code = signing_keys_ensure(&run->node, store, err);
    if (store != NULL)
        store->ops->free(store);
    return code;
}

/* The file named in the configuration is published only into an empty store; a differing one afterwards is a warning. */
static enum err_code publish_first(struct running *run, struct err *err)
{
    CLEANUP(buf_done) struct buf text, printed;
    struct mistakes mistakes;
    struct store *store = NULL;
    char path[PATH_BYTES], version[65] = "";
    buf_init(&text, POLICY_BYTES);
    buf_init(&printed, POLICY_BYTES);
    mistakes_init(&mistakes);
    snprintf(path, sizeof path, "%.*s", SPAN_ARGS(run->options->policy));
    enum err_code code = path[0] != '\0' ? file_read(path, POLICY_BYTES, &text, err) : (enum err_code)(buf_append(&text, sample_policy()) ? OK : ERR_MEMORY);
    if (code == OK)
        code = run->node.stores.open(run->node.stores.context, &store, err);
    struct publication what = { .text = buf_span(&text), .file = span_of(path[0] != '\0' ? path : "sample policy"), .by = SPAN_LITERAL("serve"), .only_if_empty = true };
    if (code == OK)
        code = publish_policy(&run->node, store, &what, &mistakes, version, err);
    if (code == ERR_INPUT && mistakes_print(&mistakes, &printed))
        fprintf(stderr, "%s", buf_text(&printed));
    CLEANUP(policy_freep) struct policy *policy = NULL;
    if (code == OK)
        policy_read(what.text, what.file, &mistakes, &policy);
    if (policy != NULL && path[0] != '\0' && strcmp(policy->version, version) != 0)
        log_event(&run->log, LOG_WARN, "policy.file_differs", LOG_STR("file", path), LOG_STR("file_version", policy->version), LOG_STR("in_force", version));
    if (code == OK)
        log_event(&run->log, LOG_INFO, "policy.in_force", LOG_STR("version", version));
    if (code == OK && !span_empty(run->options->holidays)) {
        snprintf(path, sizeof path, "%.*s", SPAN_ARGS(run->options->holidays));
        code = holidays_publish_file(&run->node, store, path, err);
    }
    if (code == OK && !run->node.options.slack && !run->node.options.email)
        log_event(&run->log, LOG_WARN, "notices.only_when_shown", LOG_STR("why", "no channel is configured: a notice counts only when it was shown on a page"));
    mistakes_done(&mistakes);
    if (store != NULL)
        store->ops->free(store);
    return code;
}

/* ---- listeners ---- */

static bool needs_certificate(const struct server_options *s)
{
    return (s->kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) != 0 && span_empty(s->certificate_pem);
}

static struct server_options *add_listener(struct running *run, const struct listener_options *l, unsigned kinds)
{
    for (size_t i = 0; i < run->server_count; i++) {
        if (span_equal(run->servers[i].address, l->address) && !span_empty(l->address)) {
            run->servers[i].kinds |= kinds;
            return &run->servers[i];
        }
    }
    run->servers[run->server_count] = (struct server_options){
        .address = l->address, .kinds = kinds, .certificate_pem = l->tls.certificate, .key_pem = l->tls.key,
        .idle_timeout_s = 30, .request_timeout_ms = 20000,
    };
    return &run->servers[run->server_count++];
}

/* It asks every client for a certificate, so it cannot share an address; its own certificate is the public one unless told otherwise. */
static void add_device_listener(struct running *run)
{
    const struct postern_options *o = run->options;
    struct listener_options l = o->device_listener;
    if (span_empty(l.address))
        return;
    if (span_empty(l.tls.certificate))
        l.tls = o->public_listener.tls;
    add_listener(run, &l, LISTENER_DEVICE)->client_ca_pem = o->device_certificates.client_ca;
}

static enum err_code check_device_listener(const struct postern_options *o, struct err *err)
{
    const struct span others[] = { o->public_listener.address, o->internal_listener.address, o->admin_listener.address };
    if (span_empty(o->device_listener.address))
        return OK;
    if (span_empty(o->device_certificates.client_ca))
        return err_set(err, ERR_INPUT, "listen.device.address: listen.device.client_ca is missing, so no certificate could prove anything");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (span_equal(others[i], o->device_listener.address))
            return err_set(err, ERR_INPUT, "listen.device.address: another listener has %.*s; this one needs an address of its own", SPAN_ARGS(others[i]));
    return OK;
}

/* Absent listeners are carried by the public one, except admin once there is a configuration file: then admin.sock only. */
static void plan_listeners(struct running *run, bool configured)
{
    const struct postern_options *o = run->options;
    unsigned public_kinds = LISTENER_PUBLIC;
    if (span_empty(o->internal_listener.address))
        public_kinds |= LISTENER_INTERNAL;
    if (span_empty(o->admin_listener.address) && !configured)
        public_kinds |= LISTENER_ADMIN;
    add_listener(run, &o->public_listener, public_kinds);
    if (!span_empty(o->internal_listener.address))
        add_listener(run, &o->internal_listener, LISTENER_INTERNAL)->client_ca_pem = o->internal_listener.client_ca;
    if (!span_empty(o->admin_listener.address))
        add_listener(run, &o->admin_listener, LISTENER_ADMIN)->client_ca_pem = o->admin_listener.client_ca;
    add_device_listener(run);
}

/* What a listener may have at most, over all workers. Nobody needs many to administer. */
static int64_t connections_wanted(const struct postern_options *o, const struct server_options *s)
{
    return s->kinds == LISTENER_ADMIN && o->connections > ADMIN_CONNECTIONS ? ADMIN_CONNECTIONS : o->connections;
}

/* Each listener has its own share, so that a flood at one leaves the others theirs; where fewer files may be open than that takes, all have less. */
static enum err_code limit_connections(struct running *run, struct err *err)
{
    const struct postern_options *o = run->options;
    int64_t wanted = 0, allowed = 0;
    for (size_t i = 0; i < run->server_count; i++)
        wanted += connections_wanted(o, &run->servers[i]);
    enum err_code code = descriptors_for(&run->log, wanted, &allowed, err);
    for (size_t i = 0; i < run->server_count; i++) {
        struct server_options *s = &run->servers[i];
        int64_t share = connections_wanted(o, s) * allowed / wanted / o->workers;
        bool exposed = (s->kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) != 0;
        s->connections = (unsigned)(share > 0 ? share : 1);
        s->connections_per_address = exposed ? (unsigned)((o->connections_per_address + o->workers - 1) / o->workers) : 0;
    }
    return code;
}

static enum err_code make_certificate(struct running *run, struct err *err)
{
    bool needed = false;
    for (size_t i = 0; i < run->server_count; i++)
        needed = needed || needs_certificate(&run->servers[i]);
    enum err_code code = !needed ? OK : self_signed_load(run->options->state, run->options->public_url, clock_wall_s(run->node.clock), &run->certificate, &run->key, err);
    for (size_t i = 0; code == OK && i < run->server_count; i++) {
        if (!needs_certificate(&run->servers[i]))
            continue;
        run->servers[i].certificate_pem = buf_span(&run->certificate);
        run->servers[i].key_pem = buf_span(&run->key);
    }
    if (run->server_count > 0)
        run->node.options.certificate_pem = run->servers[0].certificate_pem;
    return code;
}

/* The listeners of one kind of worker. */
static size_t pick_listeners(const struct running *run, bool decides, struct server_options out[LISTENERS_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i < run->server_count; i++)
        if (((run->servers[i].kinds & (LISTENER_PUBLIC | LISTENER_DEVICE)) == 0) == decides)
            out[count++] = run->servers[i];
    return count;
}

static enum err_code make_workers(struct running *run, bool decides, struct err *err)
{
    struct server_options servers[LISTENERS_MOST];
    size_t count = pick_listeners(run, decides, servers);
    enum err_code code = OK;
    for (unsigned i = 0; code == OK && count > 0 && i < (unsigned)run->options->workers; i++) {
        for (size_t k = 0; k < count; k++)
            servers[k].shared = i > 0;
        code = worker_new(&run->node, run->worker_count, servers, count, &run->workers[run->worker_count], err);
        if (code == OK)
            run->worker_count++;
    }
    return code;
}

/* A unix socket is bound once. */
static enum err_code make_socket_worker(struct running *run, struct err *err)
{
    const struct server_options socket = { .address = span_of(run->socket_path), .kinds = LISTENER_SOCKET, .connections = 256, .idle_timeout_s = 60, .request_timeout_ms = 60000 };
    enum err_code code = worker_new(&run->node, run->worker_count, &socket, 1, &run->workers[run->worker_count], err);
    if (code == OK)
        run->worker_count++;
    return code;
}

/* Doors that ask for decisions have threads of their own: whatever agents and browsers do at once, handshakes above all, the system gives a thread that has little to do its turn. */
static enum err_code start_workers(struct running *run, struct err *err)
{
    snprintf(run->socket_path, sizeof run->socket_path, "%.*s/admin.sock", SPAN_ARGS(run->options->state));
    unlink(run->socket_path);
    enum err_code code = make_workers(run, true, err);
    if (code == OK)
        code = make_workers(run, false, err);
    if (code == OK)
        code = make_socket_worker(run, err);
    for (unsigned i = 0; code == OK && i < run->worker_count; i++)
        code = worker_start(run->workers[i], err);
    return code;
}

/* ---- life ---- */

static void stop(struct running *run)
{
    struct node *node = &run->node;
    for (unsigned i = 0; i < run->worker_count; i++)
        worker_quiesce(run->workers[i]);
    for (unsigned i = 0; i < run->worker_count; i++)
        worker_stop(run->workers[i]);
    slack_line_stop(node->slack_line);
    key_fetcher_stop(node->keys);
    effects_stop(node->effects);
    if (node->slow_lane != NULL)
        slow_lane_stop(node->slow_lane);
    simulations_free(node->simulations);
    node->simulations = NULL;
    refresher_stop(node->refresher);
    decision_log_stop(node->decisions);
    housekeeping_stop(run->housekeeping);
    feed_stop(node->feed);
    if (run->socket_path[0] != '\0')
        unlink(run->socket_path);
}

static void undo(struct running *run)
{
    struct node *node = &run->node;
    for (unsigned i = 0; i < run->worker_count; i++)
        worker_free(run->workers[i]);
    effects_free(node->effects);
    simulations_free(node->simulations);
    slow_lane_free(node->slow_lane);
    refresher_free(node->refresher);
    decision_log_free(node->decisions);
    device_certificates_free(node->device_certificates);
    event_hub_free(node->events);
    allowance_free(node->allowances);
    pressure_free(node->pressure);
    once_memory_free(node->once);
    okta_watch_free(node->okta);
    feed_free(node->feed);
    signing_ring_free(node->signing);
    key_fetcher_free(node->keys);
    callers_free(node->callers);
    slack_line_free(node->slack_line);
    slack_app_free(node->slack);
    directory_free(node->directory);
    calendar_free(node->calendar);
    metrics_free(node->metrics);
    if (run->child != NULL)
        redis_child_stop(run->child, REDIS_GRACE_MS);
    redis_child_free(run->child);
    redis_options_wipe(&run->redis);
    secret_done(node->secret);
    buf_wipe(&run->key);
    buf_done(&run->certificate);
    free(run);
}

static enum err_code start(struct running *run, bool configured, const volatile bool *stop_flag, struct err *err)
{
    struct node *node = &run->node;
    struct housekeeping_options housekeeping = { run->options->outage_after_s * 1000, run->options->log_keep_s * 1000, NULL };
    enum err_code code = check_device_listener(run->options, err);
    if (code == OK)
        code = prepare_state(run, err);
    if (code == OK)
        code = start_redis(run, err);
    housekeeping.child = run->child;
    if (code == OK)
        code = wait_for_store(run, stop_flag, err);
    if (code == OK)
        code = make_parts(run, err);
    if (code == OK)
        code = make_effects(run, err);
    if (code == OK)
        code = housekeeping_start(node, &housekeeping, &run->housekeeping, err);
    if (code == OK)
        code = decision_log_start(node->decisions, err);
    if (code == OK)
        code = refresher_start(node->refresher, err);
    if (code == OK)
        code = feed_start(node->feed, err);
    if (code == OK)
        code = key_fetcher_start(node->keys, err);
    plan_listeners(run, configured);
    if (code == OK)
        code = limit_connections(run, err);
    if (code == OK)
        code = make_certificate(run, err);
    if (code == OK)
        code = start_workers(run, err); /* answers while the directory loads: a miss is read from the store */
    if (code == OK)
        wait_until_loaded(run, stop_flag);
    if (code == OK && !*stop_flag)
        code = make_signing_keys(run, err);
    if (code == OK && !*stop_flag)
        code = publish_first(run, err);
    if (code == OK && !*stop_flag)
        code = effects_start(node->effects, err);
    return code == OK && !*stop_flag && node->slack_line != NULL ? slack_line_start(node->slack_line, err) : code;
}

static enum log_level level_from(struct span text)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    for (unsigned i = 0; i < 4; i++)
        if (span_equal_text(text, names[i]))
            return (enum log_level)i;
    return LOG_INFO;
}

enum err_code node_run(const struct postern_options *options, bool configured, const volatile bool *stop_flag, struct err *err)
{
    struct running *run = calloc(1, sizeof *run);
    if (run == NULL)
        return err_set(err, ERR_MEMORY, "the gateway");
    run->options = options;
    run->log = (struct log){ STDERR_FILENO, level_from(options->log_level), clock_system() };
    run->node = (struct node){ .clock = clock_system(), .log = &run->log };
    run->node.options = (struct node_options){ options->public_url, options->state, options->trusted_proxies.all, options->trusted_proxies.count, slack_app_is_on(&options->slack), !span_empty(options->email_server), SPAN_NONE, options->device_certificates.public_url, (unsigned)options->policy_block_most, options->onboard_new };
    buf_init(&run->certificate, 64 * 1024);
    buf_init(&run->key, 64 * 1024);
    directory_register_thread();
    enum err_code code = start(run, configured, stop_flag, err);
    if (code == OK)
        log_event(&run->log, LOG_INFO, "serve.ready", LOG_SPAN("public_url", options->public_url), LOG_SPAN("state", options->state));
    while (code == OK && !*stop_flag)
        usleep(50000);
    stop(run);
    log_event(&run->log, LOG_INFO, "serve.stopped");
    directory_unregister_thread();
    undo(run);
    return code;
}
