#include "gateway/pressure.h"

#include <stdatomic.h>
#include <stdlib.h>

struct pressure {
    const struct log *log;
    _Atomic int64_t busy_until_ms;
    _Atomic int64_t wave_second;
    _Atomic unsigned wave_taken; /* in that second */
};

struct pressure *pressure_new(const struct log *log)
{
    struct pressure *p = calloc(1, sizeof *p);
    if (p != NULL)
        p->log = log;
    return p;
}

void pressure_free(struct pressure *p) { free(p); }

void pressure_late(struct pressure *p, int64_t now_ms, int64_t late_ms)
{
    if (p == NULL || late_ms < PRESSURE_LATE_MS)
        return;
    int64_t before = atomic_exchange_explicit(&p->busy_until_ms, now_ms + PRESSURE_HOLD_MS, memory_order_relaxed);
    if (before <= now_ms)
        log_event(p->log, LOG_WARN, "agents.poll_stretched", LOG_INT("late_ms", late_ms), LOG_INT("poll_s", PRESSURE_BUSY_S));
}

int64_t pressure_poll_s(const struct pressure *p, int64_t now_ms)
{
    bool busy = p != NULL && atomic_load_explicit(&p->busy_until_ms, memory_order_relaxed) > now_ms;
    return busy ? PRESSURE_BUSY_S : PRESSURE_CALM_S;
}

bool pressure_take_wave(struct pressure *p, int64_t now_s)
{
    if (p == NULL)
        return true;
    if (atomic_exchange_explicit(&p->wave_second, now_s, memory_order_relaxed) != now_s)
        atomic_store_explicit(&p->wave_taken, 0, memory_order_relaxed); /* two threads may both begin the second: a few devices more */
    return atomic_fetch_add_explicit(&p->wave_taken, 1, memory_order_relaxed) < PRESSURE_WAVE_PER_S;
}
