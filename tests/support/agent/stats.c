#include "stats.h"

static const char *const names[ENDPOINT_COUNT] = { "enroll", "config", "log", "distributed_read", "distributed_write" };

const char *endpoint_name(enum endpoint endpoint)
{
    return names[endpoint];
}

/* Eight steps to each doubling, from 1 us: precise to about 9 percent. */
static unsigned bucket_of(int64_t us)
{
    uint64_t value = us < 1 ? 1 : (uint64_t)us;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    unsigned step = power < 3 ? 0 : (unsigned)(value >> (power - 3)) & 7u;
    unsigned bucket = power * 8 + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static double bucket_ms(unsigned bucket)
{
    uint64_t base = 1ull << (bucket / 8);
    return ((double)base + (double)base * (bucket % 8 + 0.5) / 8) / 1000;
}

static double percentile(const struct endpoint_stats *endpoint, double share)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        total += endpoint->latency[i];
    if (total == 0)
        return 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += endpoint->latency[i];
        if ((double)seen >= share * (double)total)
            return bucket_ms(i);
    }
    return 0;
}

void stats_result(struct stats *stats, enum endpoint endpoint, const struct wire_result *result, enum verdict verdict)
{
    struct endpoint_stats *at = &stats->endpoints[endpoint];
    if (!result->answered) {
        at->unanswered++;
        return;
    }
    at->latency[bucket_of(result->took_us)]++;
    if (verdict == VERDICT_NODE_INVALID)
        at->node_invalid++;
    if (verdict != VERDICT_SUCCESS) {
        at->failures++;
        return;
    }
    at->successes++;
    if (result->status < 200 || result->status > 299)
        at->would_lose_data++;
}

static json_t *count(uint64_t number)
{
    return json_integer((json_int_t)number);
}

json_t *stats_json(const struct stats *stats)
{
    json_t *endpoints = json_object();
    uint64_t lost = 0, invalid = 0, errors = 0;
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        const struct endpoint_stats *at = &stats->endpoints[i];
        lost += at->would_lose_data;
        invalid += at->node_invalid;
        errors += at->failures + at->unanswered;
        json_t *one = json_object();
        json_object_set_new(one, "requests", count(at->requests));
        json_object_set_new(one, "successes", count(at->successes));
        json_object_set_new(one, "failures", count(at->failures));
        json_object_set_new(one, "unanswered", count(at->unanswered));
        json_object_set_new(one, "node_invalid", count(at->node_invalid));
        json_object_set_new(one, "would_lose_data", count(at->would_lose_data));
        json_object_set_new(one, "p50_ms", json_real(percentile(at, 0.50)));
        json_object_set_new(one, "p90_ms", json_real(percentile(at, 0.90)));
        json_object_set_new(one, "p99_ms", json_real(percentile(at, 0.99)));
        json_object_set_new(one, "max_ms", json_real(percentile(at, 1.0)));
        json_object_set_new(endpoints, names[i], one);
    }
    json_t *all = json_object();
    json_object_set_new(all, "endpoints", endpoints);
    json_object_set_new(all, "errors", count(errors));
    json_object_set_new(all, "node_invalid", count(invalid));
    json_object_set_new(all, "would_lose_data", count(lost));
    json_object_set_new(all, "lines_logged", count(stats->lines_logged));
    json_object_set_new(all, "answers_written", count(stats->answers_written));
    json_object_set_new(all, "in_flight", count(stats->in_flight));
    json_object_set_new(all, "in_flight_most", count(stats->in_flight_most));
    json_object_set_new(all, "running_s", json_real((double)(mono_ms() - stats->started_ms) / 1000));
    return all;
}

void stats_text(const struct stats *stats, struct text *out)
{
    text_addf(out, "%-18s %10s %10s %9s %10s %9s %8s %8s %8s\n", "endpoint", "requests", "successes", "failures",
              "unanswered", "lost", "p50 ms", "p90 ms", "p99 ms");
    uint64_t invalid = 0;
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        const struct endpoint_stats *at = &stats->endpoints[i];
        invalid += at->node_invalid;
        text_addf(out, "%-18s %10llu %10llu %9llu %10llu %9llu %8.1f %8.1f %8.1f\n", names[i],
                  (unsigned long long)at->requests, (unsigned long long)at->successes,
                  (unsigned long long)at->failures, (unsigned long long)at->unanswered,
                  (unsigned long long)at->would_lose_data, percentile(at, 0.5), percentile(at, 0.9),
                  percentile(at, 0.99));
    }
    text_addf(out, "node_invalid %llu, lines logged %llu, answers written %llu, at most %u requests at once, %.1f s\n",
              (unsigned long long)invalid, (unsigned long long)stats->lines_logged,
              (unsigned long long)stats->answers_written, stats->in_flight_most,
              (double)(mono_ms() - stats->started_ms) / 1000);
}
