/* pressure: what a node does when more comes than it can take, before anything is refused. Agents are told to come less often while it is behind, and a policy that makes every
 * device's answers old asks them again a few at a time. Thread: safe, without a lock; nothing here has to be exact. */
#ifndef GATEWAY_PRESSURE_H
#define GATEWAY_PRESSURE_H
#include "posture/base/log.h"

enum { PRESSURE_CALM_S = 15, PRESSURE_BUSY_S = 60, PRESSURE_LONGEST_S = 300 /* how often agents ask */, PRESSURE_LATE_MS = 150,
       PRESSURE_HOLD_MS = 180000 /* longer than agents keep a configuration */, PRESSURE_WAVE_PER_S = 250 /* devices asked again because of a policy */ };
struct pressure;
struct pressure *pressure_new(const struct log *log); /* owned; borrows log; NULL when memory is short */
void pressure_free(struct pressure *p);               /* NULL is fine */

/* What a thread that answers agents has to say at each of its ticks. */
struct pressure_tick {
    int64_t now_ms, late_ms /* it looked at its clock so much too late */;
    bool full;              /* it has hardly waited for work in the last seconds, or the slow lane's queue is a quarter full */
    uint64_t answered;      /* requests since its last tick */
    size_t agents;          /* devices that may ask this node */
};
/* Full, or late by PRESSURE_LATE_MS, the node is busy: agents are asked to come so seldom that their polls take half of what it can answer, by what it has answered in the last
 * seconds. When it was not busy for PRESSURE_HOLD_MS they come twice as often, and so on, until they come as usual or it is busy again. */
void pressure_tick(struct pressure *p, const struct pressure_tick *tick);
/* Seconds between an agent's questions, for its configuration: PRESSURE_CALM_S, or a multiple of it from PRESSURE_BUSY_S to PRESSURE_LONGEST_S. NULL: calm. */
int64_t pressure_poll_s(const struct pressure *p);
/* One more device may be asked this second because its checks have changed; false: at a later poll. NULL: always. */
bool pressure_take_wave(struct pressure *p, int64_t now_s);
#endif
