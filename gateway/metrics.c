#include "gateway/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One row a counter, in the order of the enum's names. Rows of one metric stand together. */
static const struct { enum counter which; const char *name, *label, *help; } rows[] = {
    { COUNT_REQUESTS, "postern_requests_total", "", "Requests answered." },
    { COUNT_REQUESTS_4XX, "postern_requests_failed_total", "{class=\"4xx\"}", "Requests answered with an error." },
    { COUNT_REQUESTS_5XX, "postern_requests_failed_total", "{class=\"5xx\"}", NULL },
    { COUNT_PREFLIGHT_REFUSED, "postern_requests_refused_total", "{reason=\"framing\"}", "Requests refused before a handler ran." },
    { COUNT_BODY_TOO_LARGE, "postern_requests_refused_total", "{reason=\"too_large\"}", NULL },
    { COUNT_BODY_TIMEOUT, "postern_requests_refused_total", "{reason=\"too_slow\"}", NULL },
    { COUNT_BAD_JSON, "postern_requests_refused_total", "{reason=\"bad_json\"}", NULL },
    { COUNT_GZIP_REFUSED, "postern_requests_refused_total", "{reason=\"gzip\"}", NULL },
    { COUNT_OVERLOAD, "postern_requests_refused_total", "{reason=\"overload\"}", NULL },
    { COUNT_AUTH_REFUSED, "postern_requests_refused_total", "{reason=\"credentials\"}", NULL },
    { COUNT_LINK_REFUSED, "postern_requests_refused_total", "{reason=\"link\"}", NULL },
    { COUNT_CONNECTIONS_REFUSED, "postern_connections_refused_total", "", "Connections refused because their address has too many already." },
    { COUNT_CONNECTIONS_CUT, "postern_connections_cut_total", "", "Connections that were idle, or took long to send or to read, ended before their time to make room." },
    { COUNT_DECISION_ALLOW, "postern_decisions_total", "{outcome=\"allow\"}", "Decisions given to doors." },
    { COUNT_DECISION_WARN, "postern_decisions_total", "{outcome=\"warn\"}", NULL },
    { COUNT_DECISION_DENY, "postern_decisions_total", "{outcome=\"deny\"}", NULL },
    { COUNT_DECISION_STALE, "postern_decisions_stale_total", "", "Decisions from memory while the store was out of reach." },
    { COUNT_DECISION_RING_FULL, "postern_decisions_not_logged_total", "", "Decisions that found no room in the ring to the log." },
    { COUNT_LOGIN_BEGUN, "postern_logins_total", "{step=\"begun\"}", "Logins through a door: begun, answered, given up by the person, too late, and requests that were refused." },
    { COUNT_LOGIN_ANSWERED, "postern_logins_total", "{step=\"answered\"}", NULL },
    { COUNT_LOGIN_STOPPED, "postern_logins_total", "{step=\"stopped\"}", NULL },
    { COUNT_LOGIN_EXPIRED, "postern_logins_total", "{step=\"expired\"}", NULL },
    { COUNT_LOGIN_REFUSED, "postern_logins_total", "{step=\"refused\"}", NULL },
    { COUNT_AGENT_ENROLLED, "postern_agent_enrolments_total", "{result=\"done\"}", "Enrolments of agents." },
    { COUNT_AGENT_ENROLL_REFUSED, "postern_agent_enrolments_total", "{result=\"refused\"}", NULL },
    { COUNT_AGENT_NODE_INVALID, "postern_agent_node_invalid_total", "", "Requests with a node key that no device has." },
    { COUNT_AGENT_POLLS, "postern_agent_polls_total", "", "Reads of distributed queries." },
    { COUNT_AGENT_ANSWERS, "postern_agent_answers_total", "{result=\"taken\"}", "Answers to distributed queries." },
    { COUNT_AGENT_ANSWERS_DROPPED, "postern_agent_answers_total", "{result=\"dropped\"}", NULL },
    { COUNT_AGENT_LOG_ITEMS, "postern_agent_log_items_total", "{result=\"taken\"}", "Lines of agents' logs." },
    { COUNT_AGENT_LOG_DROPPED, "postern_agent_log_items_total", "{result=\"dropped\"}", NULL },
    { COUNT_FACTS_DROPPED, "postern_facts_dropped_total", "", "Facts that no check in force names, dropped before storage." },
    { COUNT_PROOF_CERTIFICATE, "postern_device_proofs_total", "{proof=\"certificate\"}", "What requests to doors proved about their device, short of WebAuthn." },
    { COUNT_PROOF_COOKIE, "postern_device_proofs_total", "{proof=\"cookie\"}", NULL },
    { COUNT_PROOF_NONE, "postern_device_proofs_total", "{proof=\"none\"}", NULL },
    { COUNT_PROOF_REFUSED, "postern_device_proofs_refused_total", "{reason=\"does_not_hold\"}", "Certificates, cookies and WebAuthn answers that were shown and prove nothing." },
    { COUNT_PROOF_FORGED, "postern_device_proofs_refused_total", "{reason=\"forged_header\"}", NULL },
    { COUNT_COMMITS, "postern_commits_total", "", "Records written." },
    { COUNT_COMMIT_CONFLICTS, "postern_commit_conflicts_total", "", "Commits that found a newer version and were tried again." },
    { COUNT_STORE_ERRORS, "postern_store_errors_total", "", "Calls to the store that failed." },
    { COUNT_STORE_RESTARTS, "postern_store_restarts_total", "", "Starts of the embedded store after it had ended." },
    { COUNT_LOG_ENTRIES, "postern_log_entries_total", "", "Entries of the log applied to the directory." },
    { COUNT_NUDGES_SENT, "postern_nudges_total", "{result=\"sent\"}", "Messages to people." },
    { COUNT_NUDGES_FAILED, "postern_nudges_total", "{result=\"failed\"}", NULL },
    { COUNT_WEBHOOKS_SENT, "postern_webhooks_total", "{result=\"sent\"}", "Webhook deliveries." },
    { COUNT_WEBHOOKS_FAILED, "postern_webhooks_total", "{result=\"failed\"}", NULL },
    { COUNT_SET_ASIDE, "postern_deliveries_set_aside_total", "", "Deliveries given up until an admin sends them again." },
    { COUNT_OKTA_HOOK_FAILED, "postern_okta_hook_failed_total", "", "Inline hooks that failed by Okta's own report: the token went out unchanged." },
    { COUNT_SLACK_REFUSED, "postern_slack_refused_total", "", "Requests to /slack/ that were not proved to come from Slack." },
    { COUNT_SLACK_ANSWERED, "postern_slack_answered_total", "", "Clicks, words and commands from Slack that were carried out." },
    { COUNT_SLACK_SOCKET_OPENED, "postern_slack_socket_total", "{step=\"opened\"}", "Connections of Socket Mode: opened, and lost without being replaced first." },
    { COUNT_SLACK_SOCKET_LOST, "postern_slack_socket_total", "{step=\"lost\"}", NULL },
    { COUNT_SLACK_ENVELOPES_TAKEN, "postern_slack_envelopes_total", "{result=\"taken\"}", "What came over Socket Mode: taken and acknowledged, or left for Slack to send again." },
    { COUNT_SLACK_ENVELOPES_LEFT, "postern_slack_envelopes_total", "{result=\"left\"}", NULL },
    { COUNT_OKTA_CHANGED, "postern_okta_closings_total", "{result=\"done\"}", "Memberships of groups and sessions changed at Okta because access closed or opened." },
    { COUNT_OKTA_FAILED, "postern_okta_closings_total", "{result=\"failed\"}", NULL },
};
_Static_assert(sizeof rows / sizeof rows[0] == COUNTERS, "one row a counter");

/* Upper bounds: a decision takes tens of microseconds, the slow lane milliseconds, an outage seconds. */
static const struct { uint64_t us; const char *seconds; } bounds[DURATION_BUCKETS] = {
    { 50, "0.00005" }, { 100, "0.0001" }, { 250, "0.00025" }, { 500, "0.0005" }, { 1000, "0.001" }, { 5000, "0.005" },
    { 25000, "0.025" }, { 100000, "0.1" }, { 500000, "0.5" }, { 2500000, "2.5" }, { 10000000, "10" }, { UINT64_MAX, "+Inf" },
};

enum { SETS = 1024 };
struct metrics {
    pthread_mutex_t lock; /* guards the list: parts add their set at start, /metrics reads them all */
    struct counters *sets[SETS];
    size_t count;
};

/* ---- counting ---- */

void counter_add(struct counters *c, enum counter which, uint64_t n)
{
    if (c != NULL)
        atomic_fetch_add_explicit(&c->value[which], n, memory_order_relaxed);
}

static void add_own(_Atomic uint64_t *to, uint64_t n) { atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed); }

void counter_own(struct counters *c, enum counter which)
{
    if (c != NULL)
        add_own(&c->value[which], 1);
}

void counter_own_duration(struct counters *c, uint64_t us)
{
    size_t bucket = 0;
    if (c == NULL)
        return;
    while (us > bounds[bucket].us)
        bucket++;
    add_own(&c->duration[bucket], 1);
    add_own(&c->duration_us, us);
}

/* ---- sets ---- */

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (m != NULL)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->sets[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* A set begins at its own cache line, so that workers do not slow each other. */
struct counters *metrics_counters(struct metrics *m)
{
    enum { LINE = 64 };
    struct counters *set = aligned_alloc(LINE, (sizeof *set + LINE - 1) / LINE * LINE);
    if (set == NULL)
        return NULL;
    memset(set, 0, sizeof *set);
    pthread_mutex_lock(&m->lock);
    bool room = m->count < SETS;
    if (room)
        m->sets[m->count++] = set;
    pthread_mutex_unlock(&m->lock);
    if (room)
        return set;
    free(set);
    return NULL;
}

struct sums { uint64_t value[COUNTERS], duration[DURATION_BUCKETS], duration_us; };

static void add_up(struct metrics *m, struct sums *sums)
{
    *sums = (struct sums){ 0 };
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->count; i++) {
        const struct counters *set = m->sets[i];
        for (size_t j = 0; j < COUNTERS; j++)
            sums->value[j] += atomic_load_explicit(&set->value[j], memory_order_relaxed);
        for (size_t j = 0; j < DURATION_BUCKETS; j++)
            sums->duration[j] += atomic_load_explicit(&set->duration[j], memory_order_relaxed);
        sums->duration_us += atomic_load_explicit(&set->duration_us, memory_order_relaxed);
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- writing ---- */

static void write_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_counters(const struct sums *sums, struct buf *out)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        if (rows[i].help != NULL)
            write_head(out, rows[i].name, "counter", rows[i].help);
        buf_format(out, "%s%s ", rows[i].name, rows[i].label);
        buf_append_u64(out, sums->value[rows[i].which]);
        buf_append_byte(out, '\n');
    }
}

static void write_durations(const struct sums *sums, struct buf *out)
{
    uint64_t below = 0;
    write_head(out, "postern_request_duration_seconds", "histogram", "From the request's head to the end of its answer.");
    for (size_t i = 0; i < DURATION_BUCKETS; i++) {
        below += sums->duration[i];
        buf_format(out, "postern_request_duration_seconds_bucket{le=\"%s\"} %llu\n", bounds[i].seconds, (unsigned long long)below);
    }
    buf_format(out, "postern_request_duration_seconds_sum %llu.%06llu\n", (unsigned long long)(sums->duration_us / 1000000), (unsigned long long)(sums->duration_us % 1000000));
    buf_format(out, "postern_request_duration_seconds_count %llu\n", (unsigned long long)below);
}

static void write_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    write_head(out, name, "gauge", help);
    buf_format(out, "%s %lld\n", name, (long long)value);
}

static void write_seconds(struct buf *out, const char *name, const char *help, int64_t ms)
{
    write_head(out, name, "gauge", help);
    buf_format(out, "%s %lld.%03lld\n", name, (long long)((ms > 0 ? ms : 0) / 1000), (long long)((ms > 0 ? ms : 0) % 1000));
}

static void write_gauges(const struct metrics_gauges *g, struct buf *out)
{
    write_gauge(out, "postern_ready", "1 while /readyz says ready.", g->ready);
    write_gauge(out, "postern_frozen", "1 while the breaker or an incident holds every ladder.", g->frozen);
    write_gauge(out, "postern_incident", "1 while an incident that a person declared opens apps.", g->incident);
    write_gauge(out, "postern_ring_percent", "Share of people that the policy in force is for.", g->ring_percent);
    write_gauge(out, "postern_ring_halted", "1 while the policy in force was taken back from its ring.", g->ring_halted);
    write_gauge(out, "postern_devices", "Devices in the directory.", g->devices);
    write_gauge(out, "postern_persons", "People in the directory.", g->persons);
    write_seconds(out, "postern_directory_age_seconds", "Time since the store last answered.", g->directory_age_ms);
    write_seconds(out, "postern_log_lag_seconds", "So far this node may be behind the log: the age of the newest entry applied, or, at the log's end, of the look that found nothing more.", g->log_lag_ms);
    write_gauge(out, "postern_slow_lane_waiting", "Calls that wait for a slow lane thread.", g->slow_lane_waiting);
    write_gauge(out, "postern_agent_poll_seconds", "How often agents are told to ask: more than 15 while this node is behind.", g->agent_poll_s);
    write_gauge(out, "postern_outbox_waiting", "Deliveries that wait to be sent.", g->outbox_waiting);
    write_gauge(out, "postern_outbox_set_aside", "Deliveries that were given up.", g->outbox_set_aside);
    write_gauge(out, "postern_destinations_stopped", "Destinations that nothing goes to or comes from until the configuration changes.", g->stopped);
    write_gauge(out, "postern_destinations_failing", "Destinations whose last delivery failed, and that are tried again.", g->failing);
    write_seconds(out, "postern_destinations_failing_seconds", "For how long the one of them that has failed longest has done nothing but fail.", g->failing_ms);
    write_gauge(out, "postern_exemptions_open", "Exemptions in force.", g->exemptions_open);
    write_gauge(out, "postern_exemptions_waiting", "Exemptions that were asked for and nobody has decided.", g->exemptions_waiting);
    write_gauge(out, "postern_exemptions_overdue", "Exemptions past their end, or asked for until a time that is past, and not closed yet.", g->exemptions_overdue);
    if (g->slack_unmapped >= 0)
        write_gauge(out, "postern_slack_unmapped_persons", "People of whom no Slack account is known.", g->slack_unmapped);
    if (g->slack_socket_open >= 0)
        write_gauge(out, "postern_slack_socket_open", "1 while Socket Mode has a connection that Slack has greeted.", g->slack_socket_open);
}

bool metrics_write(struct metrics *m, const struct metrics_gauges *gauges, struct buf *out)
{
    struct sums sums;
    add_up(m, &sums);
    write_counters(&sums, out);
    write_durations(&sums, out);
    write_gauges(gauges, out);
    return !out->failed;
}
