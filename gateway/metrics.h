/* metrics: counters and histograms, one set per thread, summed when read (Prometheus text format 0.0.4). */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H
#include "posture/base/buf.h"

/* One row a counter in metrics.c: name, label, help. */
enum counter {
    COUNT_REQUESTS, COUNT_REQUESTS_4XX, COUNT_REQUESTS_5XX,
    COUNT_PREFLIGHT_REFUSED, COUNT_BODY_TOO_LARGE, COUNT_BODY_TIMEOUT, COUNT_BAD_JSON, COUNT_GZIP_REFUSED, COUNT_OVERLOAD,
    COUNT_CONNECTIONS_REFUSED, COUNT_CONNECTIONS_CUT,
    COUNT_AUTH_REFUSED, COUNT_LINK_REFUSED,
    COUNT_DECISION_ALLOW, COUNT_DECISION_WARN, COUNT_DECISION_DENY, COUNT_DECISION_STALE, COUNT_DECISION_RING_FULL,
    COUNT_LOGIN_BEGUN, COUNT_LOGIN_ANSWERED, COUNT_LOGIN_STOPPED, COUNT_LOGIN_EXPIRED, COUNT_LOGIN_REFUSED,
    COUNT_AGENT_ENROLLED, COUNT_AGENT_ENROLL_REFUSED, COUNT_AGENT_NODE_INVALID, COUNT_AGENT_POLLS, COUNT_AGENT_ANSWERS, COUNT_AGENT_ANSWERS_DROPPED,
    COUNT_AGENT_LOG_ITEMS, COUNT_AGENT_LOG_DROPPED, COUNT_FACTS_DROPPED,
    COUNT_PROOF_CERTIFICATE, COUNT_PROOF_COOKIE, COUNT_PROOF_NONE, COUNT_PROOF_REFUSED, COUNT_PROOF_FORGED,
    COUNT_COMMITS, COUNT_COMMIT_CONFLICTS, COUNT_STORE_ERRORS, COUNT_STORE_RESTARTS, COUNT_LOG_ENTRIES,
    COUNT_NUDGES_SENT, COUNT_NUDGES_FAILED, COUNT_WEBHOOKS_SENT, COUNT_WEBHOOKS_FAILED, COUNT_SET_ASIDE, COUNT_OKTA_HOOK_FAILED, COUNT_SLACK_REFUSED, COUNT_SLACK_ANSWERED,
    COUNT_SLACK_SOCKET_OPENED, COUNT_SLACK_SOCKET_LOST, COUNT_SLACK_ENVELOPES_TAKEN, COUNT_SLACK_ENVELOPES_LEFT, COUNT_OKTA_CHANGED, COUNT_OKTA_FAILED,
    COUNTERS
};
enum { DURATION_BUCKETS = 12 };  /* upper bounds in metrics.c; the last has none */
struct counters {                /* relaxed adds, mostly by its own thread; relaxed reads by the reader */
    _Atomic uint64_t value[COUNTERS];
    _Atomic uint64_t duration[DURATION_BUCKETS], duration_us; /* of requests */
};
void counter_add(struct counters *c, enum counter which, uint64_t n); /* NULL counters: nothing */
/* The same for a set that its thread alone adds to: no bus is locked for it. */
void counter_own(struct counters *c, enum counter which);
void counter_own_duration(struct counters *c, uint64_t us);           /* one request took that long */

struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* A new set, owned by metrics; for the calling part to keep. NULL when memory is short. Any thread. */
struct counters *metrics_counters(struct metrics *m);
struct metrics_gauges { int64_t devices, persons, directory_age_ms, log_lag_ms, slow_lane_waiting, agent_poll_s, outbox_waiting, outbox_set_aside, stopped, failing, failing_ms, ring_percent, slack_socket_open /* -1: no Socket Mode */, slack_unmapped /* -1: no Slack */,
                         exemptions_open, exemptions_waiting, exemptions_overdue; bool ready, frozen, incident, ring_halted; };
bool metrics_write(struct metrics *m, const struct metrics_gauges *gauges, struct buf *out);
#endif
