#include "gateway/doors/okta_watch.h"

#include "gateway/once_memory.h"
#include "gateway/slow_lane.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 320, ONCE_S = 86400 };

struct okta_watch {
    struct once_memory *seen;
    _Atomic uint64_t failures;
    _Atomic int64_t last_s;
};

struct okta_watch *okta_watch_new(void)
{
    struct okta_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->seen = once_memory_new();
    if (w->seen != NULL)
        return w;
    okta_watch_free(w);
    return NULL;
}

void okta_watch_free(struct okta_watch *w)
{
    if (w == NULL)
        return;
    once_memory_free(w->seen);
    free(w);
}

bool okta_watch_is_new(struct okta_watch *w, const char *kind, struct span id, int64_t now_s)
{
    struct err err;
    return w == NULL || span_empty(id) || once_memory_use(w->seen, span_of(kind), id, now_s, OKTA_REMEMBER_S, &err) != ERR_CONFLICT;
}

/* ---- failures ---- */

struct failure {
    struct slow_job job; /* first: the lane hands back its address */
    const struct node *node;
    char uuid[TEXT_BYTES], hook[TEXT_BYTES], result[TEXT_BYTES], reason[TEXT_BYTES];
};

static void note(struct slow_job *job, struct store *store)
{
    const struct failure *f = (const struct failure *)job;
    struct err err;
    if (f->uuid[0] != '\0' && store->ops->once(store, SPAN_LITERAL("okta_event"), span_of(f->uuid), ONCE_S, &err) == ERR_CONFLICT)
        return; /* another node had it */
    atomic_fetch_add(&f->node->okta->failures, 1);
    atomic_store(&f->node->okta->last_s, clock_wall_s(f->node->clock));
    counter_add(f->node->counters, COUNT_OKTA_HOOK_FAILED, 1);
    log_event(f->node->log, LOG_WARN, "okta.hook_failed_open", LOG_STR("uuid", f->uuid), LOG_STR("hook", f->hook), LOG_STR("result", f->result), LOG_STR("reason", f->reason));
}

static void finish(struct slow_job *job) { free(job); }

static void keep(char out[TEXT_BYTES], struct span text) { snprintf(out, TEXT_BYTES, "%.*s", SPAN_ARGS(text)); }

void okta_watch_failed(const struct node *node, struct span uuid, struct span hook, struct span result, struct span reason)
{
    struct failure *f = node->okta != NULL && node->slow_lane != NULL ? calloc(1, sizeof *f) : NULL;
    if (f == NULL)
        return;
    f->node = node;
    f->job = (struct slow_job){ .run = note, .done = finish };
    keep(f->uuid, uuid);
    keep(f->hook, hook);
    keep(f->result, result);
    keep(f->reason, reason);
    if (slow_lane_send(node->slow_lane, &f->job, false))
        return;
    log_event(node->log, LOG_WARN, "okta.hook_failed_open", LOG_STR("uuid", f->uuid), LOG_STR("hook", f->hook), LOG_STR("why", "not counted: the slow lane is full"));
    free(f);
}

struct okta_failures okta_watch_failures(const struct okta_watch *w)
{
    if (w == NULL)
        return (struct okta_failures){ 0, 0 };
    return (struct okta_failures){ atomic_load(&w->failures), atomic_load(&w->last_s) };
}
