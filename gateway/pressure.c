#include "gateway/pressure.h"

#include <stdatomic.h>
#include <stdlib.h>

struct pressure {
    const struct log *log;
    _Atomic int64_t poll_s, eases_ms /* when agents may come more often again */;
    _Atomic int64_t second;
    _Atomic uint64_t answered /* in that second */, per_s /* and in those before, the newer the more */;
    _Atomic int64_t wave_second;
    _Atomic unsigned wave_taken; /* in that second */
};

struct pressure *pressure_new(const struct log *log)
{
    struct pressure *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->log = log;
    p->poll_s = PRESSURE_CALM_S;
    return p;
}

void pressure_free(struct pressure *p) { free(p); }

static void count(struct pressure *p, int64_t now_s, uint64_t answered)
{
    int64_t before_s = atomic_exchange(&p->second, now_s);
    if (before_s < now_s) {
        uint64_t last = atomic_exchange(&p->answered, 0) / (uint64_t)(now_s - before_s), per_s = atomic_load(&p->per_s);
        atomic_store(&p->per_s, per_s == 0 ? last : (3 * per_s + last) / 4);
    }
    atomic_fetch_add(&p->answered, answered);
}

static int64_t affordable_s(uint64_t agents, uint64_t per_s)
{
    uint64_t s = per_s == 0 ? 0 : agents * 2 / per_s;
    s = (s + PRESSURE_CALM_S - 1) / PRESSURE_CALM_S * PRESSURE_CALM_S;
    return s < PRESSURE_BUSY_S ? PRESSURE_BUSY_S : s > PRESSURE_LONGEST_S ? PRESSURE_LONGEST_S : (int64_t)s;
}

static void stretch(struct pressure *p, const struct pressure_tick *tick)
{
    uint64_t per_s = atomic_load(&p->per_s);
    int64_t poll_s = affordable_s(tick->agents, per_s), before_s = atomic_load(&p->poll_s);
    atomic_store(&p->eases_ms, tick->now_ms + PRESSURE_HOLD_MS);
    if (poll_s > before_s && atomic_compare_exchange_strong(&p->poll_s, &before_s, poll_s))
        log_event(p->log, LOG_WARN, "agents.poll_stretched", LOG_STR("why", tick->full ? "full" : "late"), LOG_INT("late_ms", tick->late_ms), LOG_INT("poll_s", poll_s), LOG_INT("agents", tick->agents), LOG_INT("answered_per_s", per_s));
}

static void ease(struct pressure *p, int64_t now_ms)
{
    int64_t poll_s = atomic_load(&p->poll_s), at_ms = atomic_load(&p->eases_ms), less_s = poll_s / 2 / PRESSURE_CALM_S * PRESSURE_CALM_S;
    if (poll_s == PRESSURE_CALM_S || now_ms < at_ms || !atomic_compare_exchange_strong(&p->eases_ms, &at_ms, now_ms + PRESSURE_HOLD_MS))
        return;
    less_s = less_s < PRESSURE_BUSY_S ? PRESSURE_CALM_S : less_s;
    atomic_store(&p->poll_s, less_s);
    log_event(p->log, LOG_INFO, "agents.poll_eased", LOG_INT("poll_s", less_s));
}

void pressure_tick(struct pressure *p, const struct pressure_tick *tick)
{
    if (p == NULL)
        return;
    count(p, tick->now_ms / 1000, tick->answered);
    if (tick->full || tick->late_ms >= PRESSURE_LATE_MS)
        stretch(p, tick);
    else
        ease(p, tick->now_ms);
}

int64_t pressure_poll_s(const struct pressure *p) { return p == NULL ? PRESSURE_CALM_S : atomic_load_explicit(&p->poll_s, memory_order_relaxed); }

bool pressure_take_wave(struct pressure *p, int64_t now_s)
{
    if (p == NULL)
        return true;
    if (atomic_exchange_explicit(&p->wave_second, now_s, memory_order_relaxed) != now_s)
        atomic_store_explicit(&p->wave_taken, 0, memory_order_relaxed); /* two threads may both begin the second: a few devices more */
    return atomic_fetch_add_explicit(&p->wave_taken, 1, memory_order_relaxed) < PRESSURE_WAVE_PER_S;
}
