/* A new policy that does harm is taken back from the few who have it before anybody else gets it. What it did is found in the state, so that no count is
 * lost by a restart. */
#include "gateway/escalation.h"

#include "gateway/rollout.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, FIGURES_BYTES = 256 };

struct counting {
    const struct node *node;
    struct decision_input known;
    struct ring outside;         /* the same ring with nobody in it */
    int64_t from_s;
    struct ring_count *out;
    struct arena arena;
};

static unsigned closed_of(const struct standing *all, size_t count, const struct standing *one)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].result == one->result)
            return all[i].closed;
    return 0;
}

/* A check that closes something since from_s, and would leave it open under the ladders before. */
static bool is_shut(struct counting *c, const struct device *device, const struct person *person)
{
    struct standing *now = NULL, *before = NULL;
    if (device->removed || !span_empty(device->duplicate_of) || device->result_count == 0)
        return false;
    struct ladder_input in = decision_ladder_input(&c->known, device, person);
    size_t count = ladder_standings(&in, &c->arena, &now), closing = 0;
    for (size_t i = 0; i < count; i++)
        closing += now[i].closed != 0 && now[i].rung_s >= c->from_s;
    if (closing == 0)
        return false;
    in.ring = &c->outside;
    size_t old = ladder_standings(&in, &c->arena, &before);
    for (size_t i = 0; i < count; i++)
        if (now[i].rung_s >= c->from_s && (now[i].closed & ~closed_of(before, old, &now[i])) != 0)
            return true;
    return false;
}

static bool is_blocked(struct counting *c, const struct person *person)
{
    const struct device *devices[ESCALATION_DEVICES_MOST];
    size_t owned = directory_devices_of(c->node->directory, person->id, devices, ESCALATION_DEVICES_MOST);
    bool blocked = false;
    for (size_t i = 0; i < owned && i < ESCALATION_DEVICES_MOST && !blocked; i++)
        blocked = is_shut(c, devices[i], person);
    arena_reset(&c->arena);
    return blocked;
}

static bool count_person(void *context, const struct person *person)
{
    struct counting *c = context;
    if (person->removed || !ring_has(c->known.ring, person))
        return true;
    c->out->persons++;
    c->out->blocked += is_blocked(c, person);
    for (size_t i = 0; i < person->dispute_count; i++)
        c->out->disputes += person->disputes[i].time.from_s >= c->from_s;
    return true;
}

void escalation_count_ring(const struct node *node, int64_t from_s, struct ring_count *out)
{
    struct counting c = { .node = node, .from_s = from_s, .out = out };
    *out = (struct ring_count){ 0 };
    arena_init(&c.arena, 64 * 1024, ARENA_BYTES);
    directory_enter(node->directory);
    directory_decision_input(node->directory, NULL, clock_wall_s(node->clock), NULL, 0, &c.known);
    if (c.known.policy != NULL) {
        c.outside = *c.known.ring;
        c.outside.halted = true;
        directory_each_person(node->directory, count_person, &c);
    }
    directory_leave(node->directory);
    arena_done(&c.arena);
}

/* Empty: go on. */
static const char *reason_of(const struct ring_count *count, unsigned blocks, unsigned disputes)
{
    if (count->blocked >= blocks)
        return "so many people were shut out";
    return count->disputes >= disputes ? "so many people said that something looks wrong" : "";
}

enum err_code escalation_check_ring(const struct node *node, struct store *store, struct err *err)
{
    struct ring_count count;
    char version[65] = "", figures[FIGURES_BYTES];
    unsigned blocks = 0, disputes = 0;
    int64_t now_s = clock_wall_s(node->clock), from_s = 0;
    directory_enter(node->directory);
    const struct control *control = directory_control(node->directory);
    bool watched = control->policy != NULL && !ring_is_whole(&control->ring) && !control->ring.halted && control->policy->rings.halt.within_s > 0;
    if (watched) {
        blocks = control->policy->rings.halt.blocks;
        disputes = control->policy->rings.halt.disputes;
        from_s = now_s - control->policy->rings.halt.within_s;
        from_s = control->ring.since_s > from_s ? control->ring.since_s : from_s;
        memcpy(version, control->policy->version, sizeof version);
    }
    directory_leave(node->directory);
    if (!watched)
        return OK;
    escalation_count_ring(node, from_s, &count);
    const char *why = reason_of(&count, blocks, disputes);
    if (why[0] == '\0')
        return OK;
    int bytes = snprintf(figures, sizeof figures, "{\"persons\":%u,\"blocked\":%u,\"blocks\":%u,\"disputed\":%u,\"disputes\":%u}", count.persons, count.blocked, blocks, count.disputes, disputes);
    struct ring_order order = { .move = RING_HALT, .why = span_of(why), .cause = SPAN_LITERAL("ring"), .version = span_of(version), .figures = span_make(figures, (size_t)bytes) };
    bool changed = false;
    enum err_code code = rollout_order(node, store, &order, &changed, err);
    if (code == OK && changed)
        log_event(node->log, LOG_ERROR, "ring.halted", LOG_STR("why", why), LOG_INT("blocked", count.blocked), LOG_INT("disputes", count.disputes));
    return code == ERR_CONFLICT ? OK : code; /* another policy meanwhile: looked at next time */
}
