/* stats: what happened at each endpoint, counted over all devices of the process. */
#ifndef AGENT_STATS_H
#define AGENT_STATS_H

#include "judge.h"
#include "text.h"
#include "wire.h"

enum endpoint { ENDPOINT_ENROLL, ENDPOINT_CONFIG, ENDPOINT_LOG, ENDPOINT_READ, ENDPOINT_WRITE, ENDPOINT_COUNT };

enum { LATENCY_BUCKETS = 256 };

struct endpoint_stats {
    uint64_t requests;     /* started */
    uint64_t successes;    /* as osqueryd judges */
    uint64_t failures;     /* judged so from a body */
    uint64_t unanswered;   /* no whole HTTP answer */
    uint64_t node_invalid;
    uint64_t would_lose_data; /* judged a success although the status is not 2xx: what was sent is deleted */
    uint64_t latency[LATENCY_BUCKETS];
};

struct stats {
    struct endpoint_stats endpoints[ENDPOINT_COUNT];
    uint64_t lines_logged;   /* result and status lines delivered */
    uint64_t answers_written; /* distributed results delivered */
    int64_t started_ms;
    unsigned in_flight, in_flight_most;
};

const char *endpoint_name(enum endpoint endpoint);
void stats_result(struct stats *stats, enum endpoint endpoint, const struct wire_result *result, enum verdict verdict);
json_t *stats_json(const struct stats *stats);
/* A table for people. */
void stats_text(const struct stats *stats, struct text *out);

#endif
